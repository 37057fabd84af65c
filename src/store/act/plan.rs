//! What an act decided: an answer, what must still be so, and what to write.

use std::{num::NonZeroU32, sync::Arc};

use super::Basis;
use crate::{
    clock::Timestamp,
    error::StoreError,
    id::{DeviceId, SessionId, SessionKey, SubjectKey, TenantId},
    session::{Epoch, Record, SubjectStamp, Tombstone},
    store::{Revision, RevocationEntry},
};

/// The plan of an act: its answer, and what to compare and to write.
///
/// A store that compares makes sure that every comparison holds and then does every write, all in
/// one act as seen from outside, or does nothing and runs the act on new facts. Where there are no
/// writes, the answer stands as it is, unless the facts were [assumed](Basis::Assumed).
///
/// Comparisons and ends come in the one order of locks: the subject, then sessions by their ids.
#[derive(Debug)]
#[must_use = "a plan does nothing before its writes are done"]
pub struct Plan<T> {
    /// The answer to the caller, once the writes are done. An error may come with writes: a row
    /// that cannot be read is ended all the same.
    pub answer: Result<T, StoreError>,
    /// The conditions that must still hold. Empty for [held](Basis::Held) facts.
    pub compares: Vec<Compare>,
    /// The writes, in this order, all of them or none.
    pub writes: Writes,
}

impl<T> Plan<T> {
    /// An answer for which nothing is written.
    pub fn answer(answer: T) -> Self {
        Self { answer: Ok(answer), compares: Vec::new(), writes: Writes::default() }
    }

    /// True where the plan can be carried out or answered. False where it writes nothing and rests
    /// on facts that were assumed: then the store reads the facts, and runs the act again.
    pub fn stands(&self, basis: Basis) -> bool {
        !self.writes.is_empty() || basis != Basis::Assumed
    }

    /// A failure for which nothing is written.
    pub fn fail(error: StoreError) -> Self {
        Self { answer: Err(error), compares: Vec::new(), writes: Writes::default() }
    }
}

/// One thing that must still be so when a plan is carried out.
///
/// Each variant is one condition of a statement or script. A release that adds a variant does not
/// compile with a store that does not know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compare {
    /// No record has this key, readable or not.
    NoRecord(SessionKey),
    /// The record is at this revision.
    Record {
        /// Where it is found.
        key: SessionKey,
        /// The revision that it was read at.
        revision: Revision,
    },
    /// The subject has this epoch; none where nothing is known of it.
    Epoch {
        /// Where the subject's stamp is found.
        subject: SubjectKey,
        /// The epoch that it was read with.
        epoch: Option<Epoch>,
    },
    /// The subject's stamp is at this revision; none where nothing is known of it.
    Stamp {
        /// Where it is found.
        subject: SubjectKey,
        /// The revision that it was read at.
        revision: Option<Revision>,
    },
    /// Fewer records than this name the subject and have no tombstone. A store may leave out those
    /// that the subject's epoch ended.
    FewerThan {
        /// The subject.
        subject: SubjectKey,
        /// The cap on its sessions.
        limit: NonZeroU32,
    },
    /// These records, at these revisions, are all that name the subject and have no tombstone.
    Others {
        /// The subject.
        subject: SubjectKey,
        /// The records by their ids. Those that cannot be read are left out.
        records: Vec<(SessionId, Revision)>,
    },
    /// This record holds the device's slot; none where nobody does.
    Slot {
        /// The tenant of the device.
        tenant: TenantId,
        /// The device.
        device: DeviceId,
        /// Who holds the slot.
        holder: Option<SessionId>,
    },
}

/// One thing that a plan writes.
///
/// Every write of a row moves its revision. A release that adds a variant does not compile with a
/// store that does not know it.
#[derive(Debug, Clone)]
pub enum Write {
    /// Adds a row: the record's encoding, columns and index.
    Insert {
        /// The new record.
        record: Arc<Record>,
    },
    /// Puts `next` in the place of `was`: encoding, columns and index.
    Replace {
        /// The record as it was read.
        was: Arc<Record>,
        /// The record as it becomes.
        next: Arc<Record>,
    },
    /// Writes the columns that note a use. Encoding and index stay as they are, but that the time
    /// of the next sweep may move back: a sweep that comes too early looks again.
    NoteUse {
        /// The record after the use.
        next: Arc<Record>,
    },
    /// Writes the columns of a tombstone and frees the device's slot. The encoding stays.
    End {
        /// Where the record is found.
        key: SessionKey,
        /// The tombstone.
        tombstone: Tombstone,
        /// The record with its tombstone; none where the row cannot be read.
        record: Option<Arc<Record>>,
        /// From when on a sweep may remove the row. For a row that cannot be read the time that
        /// was set before stands, where there is one.
        purge_at: Timestamp,
    },
    /// Frees the slot of a device from a holder that is not live or cannot be read.
    FreeSlot {
        /// The tenant of the device.
        tenant: TenantId,
        /// The device.
        device: DeviceId,
    },
    /// Keeps what is known of a subject, new or not.
    Stamp {
        /// Where it is found.
        subject: SubjectKey,
        /// What is known from now on.
        stamp: SubjectStamp,
    },
    /// Adds an entry to the revocation log. It stands before the write that revokes.
    Log(RevocationEntry),
}

/// The writes of a plan. Up to two need no memory of their own, which is what most acts have.
#[derive(Debug, Default)]
pub struct Writes {
    first: Option<Write>,
    second: Option<Write>,
    more: Vec<Write>,
}

impl Writes {
    /// Adds a write behind the others.
    pub fn push(&mut self, write: Write) {
        match (&self.first, &self.second) {
            (None, _) => self.first = Some(write),
            (_, None) => self.second = Some(write),
            _ => self.more.push(write),
        }
    }

    /// True where there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The writes, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Write> {
        self.first.iter().chain(&self.second).chain(&self.more)
    }
}

impl IntoIterator for Writes {
    type Item = Write;
    type IntoIter = std::iter::Chain<
        std::iter::Chain<std::option::IntoIter<Write>, std::option::IntoIter<Write>>,
        std::vec::IntoIter<Write>,
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.second).chain(self.more)
    }
}
