//! What an act wants to know, and what a store has found.

use std::num::NonZeroU32;

use crate::{
    error::StoreError,
    id::{DeviceId, SessionId, SessionKey, SubjectId, SubjectKey, TenantId},
    session::{CapRule, Record, SubjectStamp, is_session_of_subject},
    store::{Binding, Change, NewRecord, Revision, Snapshot},
};

/// The rows that an act reads. They follow from its input alone.
#[derive(Debug, Clone, Copy)]
pub struct Wants<'a> {
    /// The tenant of all of them.
    pub tenant: &'a TenantId,
    /// The record of this id, with the stamp of the subject that it names. Of a change of a subject
    /// it is the session to keep.
    pub record: Option<&'a SessionId>,
    /// The subject that the record names, as far as the caller knows: a hint for stores that must
    /// say beforehand what they read. The record may name another.
    pub record_subject: Option<&'a SubjectId>,
    /// The subject whose stamp the act reads, where the record does not name it already.
    pub subject: Option<&'a SubjectId>,
    /// The records of `subject` without a tombstone, unless there are fewer than this.
    pub others: Option<NonZeroU32>,
    /// The device whose slot's holder the act reads.
    pub slot: Option<&'a DeviceId>,
}

impl<'a> Wants<'a> {
    /// Nothing yet, of this tenant.
    pub(super) fn of(tenant: &'a TenantId) -> Self {
        Self { tenant, record: None, record_subject: None, subject: None, others: None, slot: None }
    }

    /// The key of the record that the act wants.
    pub fn record_key(&self) -> Option<SessionKey> {
        self.record.map(|id| SessionKey::new(self.tenant.clone(), *id))
    }

    /// The key of the stamp that the act wants.
    pub fn subject_key(&self) -> Option<SubjectKey> {
        self.subject.map(|subject| SubjectKey::new(self.tenant.clone(), subject.clone()))
    }
}

/// The facts of a store: its answer to what an act wants, all as of one moment.
#[derive(Debug)]
pub struct Facts {
    /// The record that the act is about.
    pub current: Row,
    /// The stamp of the subject that the act wants; none when nothing is known of it.
    pub stamp: Option<SubjectStamp>,
    /// The revision of that stamp.
    pub stamp_revision: Revision,
    /// The subject's records, where a cap asks for them.
    pub others: Others,
    /// The holder of the device's slot; none when nobody holds it. Boxed, since it is rare.
    pub slot_holder: Option<Box<Row>>,
    /// The degree to which the store is sure of these facts.
    pub basis: Basis,
}

/// The degree to which a store is sure of the facts that it hands to an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// It holds the rows until the writes are done, by a lock or a transaction. Nothing is
    /// compared.
    Held,
    /// It has read them in this call, all as of one moment.
    Read,
    /// It has read nothing yet, and takes for granted what the caller has seen. A plan that writes
    /// nothing is no answer then: see [`Plan::stands`](super::Plan::stands).
    Assumed,
}

/// The content of a row, as a store read it.
#[derive(Debug, Default)]
pub enum Row {
    /// There is no such row.
    #[default]
    Absent,
    /// A record, with what is known of its subject.
    Record(Snapshot),
    /// Something that cannot be read as a record.
    Unreadable {
        /// Why.
        error: StoreError,
        /// Its columns have a tombstone.
        is_ended: bool,
    },
}

/// The records of a subject without a tombstone.
#[derive(Debug, Default)]
pub enum Others {
    /// Fewer than the act asked for. They were counted, or are assumed to be few.
    #[default]
    Few,
    /// All of the records. Those that cannot be read are left out: they are nobody's session.
    All(Vec<Snapshot>),
}

impl Facts {
    /// Nothing found yet, by a store that holds what it looks at.
    pub fn held() -> Self {
        Self { basis: Basis::Held, ..Self::read() }
    }

    /// Nothing found yet, by a store that compares and reads.
    pub fn read() -> Self {
        Self {
            current: Row::Absent,
            stamp: None,
            stamp_revision: Revision::default(),
            others: Others::Few,
            slot_holder: None,
            basis: Basis::Read,
        }
    }

    /// What a store that compares takes for granted before it reads anything for an insert: the id
    /// is free, the epoch is the one that was observed, the subject is below its cap, and nobody
    /// holds the device's slot.
    pub fn assumed_by_insert(new: &NewRecord) -> Self {
        let observed = match new.binding {
            Binding::Observed => new.record.bound().map(|(_, epoch)| SubjectStamp::unmoved(epoch)),
            Binding::Unknown | Binding::Adopt => None,
        };
        Self { stamp: observed, basis: Basis::Assumed, ..Self::read() }
    }

    /// What a store that compares takes for granted before it reads anything for a commit: what the
    /// caller has seen, and that the subject is below its cap.
    pub fn assumed_by_commit(change: &Change) -> Self {
        let seen = change.seen.clone();
        let stamp = change.observed_epoch.map(SubjectStamp::unmoved);
        Self { current: Row::Record(seen), stamp, basis: Basis::Assumed, ..Self::read() }
    }

    /// What a store that compares takes for granted before it reads anything for a noted use: what
    /// the caller has seen.
    pub fn assumed_by_note_use(seen: &Snapshot) -> Self {
        Self { current: Row::Record(seen.clone()), basis: Basis::Assumed, ..Self::read() }
    }
}

/// The cap that a record meets when it becomes a session of its subject.
pub(super) fn cap_on(
    rule: Option<CapRule>,
    before: Option<&Record>,
    record: &Record,
) -> Option<CapRule> {
    let is_new = is_session_of_subject(record) && !before.is_some_and(is_session_of_subject);
    let counts = record.session().is_some_and(|session| !session.is_impersonation());
    rule.filter(|_| is_new && counts)
}
