//! The tenants of one shard, and the records and subjects of each.
//!
//! Most hosts have one tenant, and it is found without hashing its name.

use std::{
    borrow::Borrow,
    collections::{HashMap, HashSet},
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::Arc,
};

use super::subject::{SubjectRow, SubjectSlot};
use crate::{
    id::{SessionId, SubjectId, TenantId},
    session::{Epoch, Record, SubjectStamp},
};

#[derive(Default)]
pub(super) struct Tenants {
    /// Whoever came while there was no first one.
    first: Option<(TenantId, TenantShard)>,
    others: HashMap<TenantId, TenantShard>,
}

impl Tenants {
    pub(super) fn get(&self, tenant: &TenantId) -> Option<&TenantShard> {
        match &self.first {
            Some((first, shard)) if first == tenant => Some(shard),
            _ => self.others.get(tenant),
        }
    }

    pub(super) fn get_mut(&mut self, tenant: &TenantId) -> Option<&mut TenantShard> {
        match &mut self.first {
            Some((first, shard)) if first == tenant => Some(shard),
            _ => self.others.get_mut(tenant),
        }
    }

    pub(super) fn get_or_insert(&mut self, tenant: &TenantId) -> &mut TenantShard {
        if self.others.contains_key(tenant)
            || self.first.as_ref().is_some_and(|(first, _)| first != tenant)
        {
            return self.others.entry(tenant.clone()).or_default();
        }
        &mut self.first.get_or_insert_with(|| (tenant.clone(), TenantShard::default())).1
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&TenantId, &TenantShard)> {
        self.first.iter().map(|(tenant, shard)| (tenant, shard)).chain(&self.others)
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&mut TenantShard) -> bool) {
        self.first.take_if(|(_, shard)| !keep(shard));
        self.others.retain(|_, shard| keep(shard));
    }
}

#[derive(Default)]
pub(super) struct TenantShard {
    pub(super) records: HashSet<RecordSlot, IdState>,
    pub(super) subjects: HashSet<SubjectSlot>,
}

/// A record in a set, found by its id: a bucket is one pointer.
pub(super) struct RecordSlot(pub(super) Arc<Record>);

/// Hashes session ids, under random keys: an id is made here and mostly random, so one
/// multiplication is enough.
#[derive(Clone)]
pub(super) struct IdState(u64, u64);

impl Default for IdState {
    fn default() -> Self {
        let random = RandomState::new();
        Self(random.hash_one(0), random.hash_one(1))
    }
}

impl BuildHasher for IdState {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher { keys: (self.0, self.1), hash: 0 }
    }
}

pub(super) struct IdHasher {
    keys: (u64, u64),
    hash: u64,
}

impl Hasher for IdHasher {
    fn write(&mut self, id: &[u8]) {
        let Some((early, rest)) = id.split_first_chunk() else { return };
        let Some(late) = rest.first_chunk() else { return };
        let early = u64::from_le_bytes(*early) ^ self.keys.0;
        let late = u64::from_le_bytes(*late) ^ self.keys.1;
        let product = u128::from(early) * u128::from(late);
        self.hash = product as u64 ^ (product >> 64) as u64;
    }

    /// The length, which is the same for all.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.hash
    }
}

impl TenantShard {
    pub(super) fn record(&self, id: SessionId) -> Option<&Arc<Record>> {
        self.records.get(&id).map(|slot| &slot.0)
    }

    pub(super) fn row(&self, subject: &SubjectId) -> Option<&SubjectRow> {
        self.subjects.get(subject.as_str()).map(SubjectSlot::row)
    }

    /// Changes what is known of a subject, if anything is.
    pub(super) fn change_row(&mut self, subject: &SubjectId, change: impl FnOnce(&mut SubjectRow)) {
        if let Some(mut slot) = self.subjects.take(subject.as_str()) {
            change(slot.row_mut());
            self.subjects.insert(slot);
        }
    }

    /// Keeps what is known of a subject from now on.
    pub(super) fn set_stamp(&mut self, subject: SubjectId, stamp: SubjectStamp) {
        let mut slot = match self.subjects.take(subject.as_str()) {
            Some(slot) => slot,
            None => SubjectSlot::new(SubjectRow::first(subject, stamp.epoch, None)),
        };
        if !stamp.is_first() {
            slot.row_mut().set_stamp(stamp);
        }
        self.subjects.insert(slot);
    }

    /// Begins to know a subject, which one record names at most.
    pub(super) fn begin(&mut self, subject: SubjectId, epoch: Epoch, id: Option<SessionId>) {
        self.subjects.insert(SubjectSlot::new(SubjectRow::first(subject, epoch, id)));
    }
}

impl Borrow<SessionId> for RecordSlot {
    fn borrow(&self) -> &SessionId {
        self.0.id_ref()
    }
}

impl Hash for RecordSlot {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id().hash(state);
    }
}

impl PartialEq for RecordSlot {
    fn eq(&self, other: &Self) -> bool {
        self.0.id() == other.0.id()
    }
}

impl Eq for RecordSlot {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_found_whether_it_came_first_or_not_and_after_the_first_is_gone() {
        let names = ["a", "b", "c"].map(|name| TenantId::new(name).unwrap());
        let mut tenants = Tenants::default();
        for name in &names {
            tenants.get_or_insert(name);
        }
        assert!(
            names.iter().all(|name| tenants.get(name).is_some() && tenants.get_mut(name).is_some())
        );
        let mut seen = 0;
        tenants.retain(|_| {
            seen += 1;
            seen != 1
        });
        assert!(tenants.get(&names[0]).is_none());
        tenants.get_or_insert(&names[1]);
        assert_eq!((seen, tenants.iter().count()), (3, 2), "and no tenant is there twice");
    }
}
