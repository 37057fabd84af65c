//! What lies behind one lock.

use std::sync::Arc;

use super::tenants::{RecordSlot, Tenants};
use crate::{
    id::SubjectKey,
    session::{Epoch, Record, SubjectStamp},
};

/// How many locks there are.
pub(super) const SHARDS: usize = 64;

#[derive(Default)]
pub(super) struct Shard {
    pub(super) tenants: Tenants,
    /// Fast path. While a tag is NOT in this set, every record with it satisfies: its subject lives
    /// in this shard, the subject's epoch equals the record's, nothing of it was ever revoked. The
    /// stamp need not be read.
    eventful: Tags,
}

impl Shard {
    /// The epoch of the subject of a record in this shard, where that needs no look at the subject.
    pub(super) fn known_epoch(&self, record: &Record) -> Option<Epoch> {
        let (_, epoch) = record.bound()?;
        (!self.eventful.has(record.id().tag())).then_some(epoch)
    }

    /// Puts a record there, in the place of the one with its id.
    pub(super) fn replace(&mut self, record: Arc<Record>) {
        self.tenants.get_or_insert(record.tenant()).records.replace(RecordSlot(record));
    }

    /// Keeps what is known of a subject from now on, of which something was revoked.
    pub(super) fn set_stamp(&mut self, key: SubjectKey, tag: u16, stamp: SubjectStamp) {
        if !stamp.is_first() {
            self.look_up(tag);
        }
        self.tenants.get_or_insert(&key.tenant).set_stamp(key.subject, stamp);
    }

    /// From now on the stamp is read for records of this tag.
    pub(super) fn look_up(&mut self, tag: u16) {
        self.eventful.add(tag);
    }
}

/// Which of the 1024 tags of one shard.
#[derive(Default)]
struct Tags([u64; 16]);

impl Tags {
    fn has(&self, tag: u16) -> bool {
        let (word, bit) = Self::place(tag);
        self.0.get(word).is_none_or(|word| word & bit != 0)
    }

    fn add(&mut self, tag: u16) {
        let (word, bit) = Self::place(tag);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    fn place(tag: u16) -> (usize, u64) {
        let at = usize::from(tag) / SHARDS;
        (at / 64, 1 << (at % 64))
    }
}
