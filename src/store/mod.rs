//! The store joint: where sessions are kept, and what a store promises.

mod query;
mod revocation;

pub mod memory;
#[cfg(feature = "sqlite")]
#[cfg_attr(docsrs, doc(cfg(feature = "sqlite")))]
pub mod sqlite;

use std::{
    fmt::{Debug, Display},
    sync::Arc,
};

use async_trait::async_trait;

pub use memory::MemoryStore;
pub use query::{PageKey, Query, RecordPage, Select};
pub use revocation::{Cursor, RevocationBatch, RevocationEntry};
#[cfg(feature = "sqlite")]
#[cfg_attr(docsrs, doc(cfg(feature = "sqlite")))]
pub use sqlite::SqliteStore;

use crate::{
    clock::{Epoch, Timestamp},
    error::RevokeReason,
    factor::FactorKind,
    id::SessionId,
    session::{CapRule, Record},
};
pub use crate::{
    error::{StoreError, StoreErrorKind},
    id::{SessionKey, SubjectKey},
    session::{Mark, SubjectStamp, Tombstone},
};

/// Where sessions are kept.
///
/// # Contract
/// - Each call MUST be one atomic act as seen from outside: it happens whole or not at all, and a cancelled call too.
/// - `load`, `stamp` and `commit` MUST be linearizable: read from a primary, never from a replica.
/// - A store holds no policy and reads no clock: `now` is an argument. What is live, who is evicted and what a
///   tombstone does is decided by [`session`](crate::session)'s pure functions, not by the store.
/// - There is no upsert: `insert` never replaces a live record, and `commit` never creates one.
/// - A record that has a tombstone keeps it. A commit against it, against a missing row, or against an epoch that has
///   moved on from `observed_epoch` MUST be refused.
/// - "Not there" is an answer. Being busy, unreachable or broken is a [`StoreError`], never `None`.
/// - A row that cannot be read is [`Damaged`](StoreErrorKind::Damaged), or of an
///   [`UnknownVersion`](StoreErrorKind::UnknownVersion), to whoever asks for it: never `None`, never a record with a
///   part made up, and so is a row that holds another record than it should. It keeps nobody out: `list` reports it and
///   goes on, a cap does not count it, the slot of its device is free, its subject can be marked, and a sweep goes past
///   it. Its id stays taken, and its bytes stay as they are, for whoever mends it.
/// - The tenant is part of every key.
/// - A subject, once set, never changes: a commit that would change it is a [`StoreError`], and stores nothing.
/// - Where a record and its subject's epoch are two reads, the epoch is read first. Locks are taken in one order
///   everywhere: subject, then sessions by id.
/// - The revocation log's entry MUST be written in the act that revokes, or before it.
///
/// `testing::store_suite!` proves a store: run it on yours.
#[async_trait]
pub trait SessionStore: Debug + Display + Send + Sync + 'static {
    /// Adds a record, if the epoch it was decided under still stands and the cap admits it.
    ///
    /// A record that [adopts](NewRecord::adopt_epoch) its subject's epoch MUST be brought under it, and its subject
    /// begun to be known where it is new, in the same act. What revokes all of the subject's sessions while the call is
    /// under way MUST end the record, or refuse it as `EpochMoved`, unless it came before the store looked at all.
    ///
    /// A holder of the device's slot that is not live is replaced; a live one is answered, unless `replace_device`
    /// asks to end it.
    async fn insert(&self, new: NewRecord) -> Result<Inserted, StoreError>;

    /// Reads a record and what is known of its subject.
    async fn load(&self, key: &SessionKey) -> Result<Option<Snapshot>, StoreError>;

    /// Reads what is known of a subject, and begins to know it when it is new.
    async fn stamp(&self, subject: &SubjectKey, now: Timestamp) -> Result<SubjectStamp, StoreError>;

    /// Replaces a record, if it still has the expected version, no tombstone, and the observed epoch stands.
    async fn commit(&self, key: &SessionKey, change: Change) -> Result<Committed, StoreError>;

    /// Puts a tombstone on a record, whatever its version.
    async fn end(&self, key: &SessionKey, tombstone: &Tombstone) -> Result<Ended, StoreError>;

    /// Notes use of a live record. Moves no version, and is refused for one that is not live at `now`.
    async fn mark(&self, key: &SessionKey, mark: Mark, now: Timestamp) -> Result<Marked, StoreError>;

    /// Revokes all sessions of a subject but one, or voids factors, or both, in one act.
    async fn mark_subject(
        &self,
        subject: &SubjectKey,
        mark: SubjectMark,
    ) -> Result<SubjectMarked, StoreError>;

    /// Lists records in the order of (created at, id), page by page. Damaged rows are reported by id.
    ///
    /// Records with a tombstone MUST NOT be listed; records that are not live for other reasons are.
    async fn list(&self, query: &Query) -> Result<RecordPage, StoreError>;

    /// Reads what was revoked after a cursor.
    ///
    /// An entry may come twice; none is ever skipped: the cursor only passes entries before which nothing can still
    /// commit. A cursor older than the oldest kept entry answers [`RevocationBatch::Reset`].
    async fn revoked_since(&self, cursor: &Cursor, limit: u32) -> Result<RevocationBatch, StoreError>;

    /// Removes records that [`is_purgeable`](crate::session::is_purgeable) at `now`, at most this many, in one act or several.
    ///
    /// A row that cannot be read MUST NOT stop it. It stays, and is reported once in a while.
    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<Swept, StoreError>;

    /// What this store can do.
    fn capabilities(&self) -> Capabilities;
}

/// A record to add.
#[derive(Debug)]
#[non_exhaustive]
pub struct NewRecord {
    /// The record.
    pub record: Arc<Record>,
    /// The subject's epoch as it was before anything was verified. A record with a subject needs it, or adopts one.
    pub observed_epoch: Option<Epoch>,
    /// Nothing was verified before, so there was nothing to observe: the record comes under the epoch that its subject has
    /// at this call, and a subject that is new becomes known in it. See [`NewRecord::adopt`].
    pub adopt_epoch: bool,
    /// The cap on the subject's sessions.
    pub admit: Option<CapRule>,
    /// Ends a live holder of the device's slot and takes it.
    pub replace_device: bool,
    /// The time.
    pub now: Timestamp,
}

impl NewRecord {
    /// This record, now, under no epoch and no cap.
    pub fn new(record: impl Into<Arc<Record>>, now: Timestamp) -> Self {
        Self {
            record: record.into(),
            observed_epoch: None,
            adopt_epoch: false,
            admit: None,
            replace_device: false,
            now,
        }
    }

    /// Brings the record under this epoch, the one that its subject has now: what a store does first with a record that
    /// has a subject and says `adopt_epoch`. From there on it is a record like any other.
    pub fn adopt(&mut self, epoch: Epoch) {
        self.observed_epoch = Some(epoch);
        if self.record.bound().is_some_and(|(_, named)| named != epoch) {
            Arc::make_mut(&mut self.record).adopt(epoch);
        }
    }
}

/// What became of a new record.
#[derive(Debug)]
#[must_use]
pub enum Inserted {
    /// It is there. These were ended in the same act, by the cap or by `replace_device`.
    Created {
        /// The record as it is there.
        record: Arc<Record>,
        /// What was ended, with its tombstone.
        evicted: Vec<Arc<Record>>,
    },
    /// There is a record of that id.
    DuplicateId,
    /// The device has a live session.
    DeviceTaken(Snapshot),
    /// The cap refuses.
    CapReached,
    /// The subject's epoch has moved, or is not known.
    EpochMoved,
}

/// A record and what is known of its subject, as of one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Snapshot {
    /// The record.
    pub record: Arc<Record>,
    /// What is known of its subject; none when it has no subject, or when nothing is known of it.
    pub subject: Option<SubjectStamp>,
}

impl Snapshot {
    /// These two, as of one moment.
    pub fn new(record: Arc<Record>, subject: Option<SubjectStamp>) -> Self {
        Self { record, subject }
    }
}

/// A change of a record.
#[derive(Debug)]
#[non_exhaustive]
pub struct Change {
    /// The version that it was decided on.
    pub expected: u64,
    /// The record as it shall be. Its version, and marks that came in between, are the store's to carry over: see
    /// [`Record::follow`].
    pub next: Arc<Record>,
    /// The cap. It is enforced where this change makes the record a session of its subject: where a session gets its
    /// subject, and where an approved request becomes a session.
    pub admit: Option<CapRule>,
    /// The subject's epoch that it was decided under. A record with a subject needs it.
    pub observed_epoch: Option<Epoch>,
    /// The time.
    pub now: Timestamp,
}

impl Change {
    /// From this version to that record, now, under no epoch and no cap.
    pub fn new(expected: u64, next: impl Into<Arc<Record>>, now: Timestamp) -> Self {
        Self { expected, next: next.into(), admit: None, observed_epoch: None, now }
    }
}

/// What became of a change.
#[derive(Debug)]
#[must_use]
pub enum Committed {
    /// It is done; the record as it now is. These were ended in the same act, by the cap.
    Done {
        /// The record as it now is.
        record: Arc<Record>,
        /// What was ended, with its tombstone.
        evicted: Vec<Arc<Record>>,
    },
    /// The record has another version, or a tombstone: here it is.
    Conflict(Snapshot),
    /// There is no such record.
    Gone,
    /// The cap refuses.
    CapReached,
    /// The subject's epoch has moved, or is not known.
    EpochMoved,
}

/// What became of an end.
#[derive(Debug)]
#[must_use]
pub enum Ended {
    /// It has its tombstone now.
    Ended {
        /// The record as it was.
        was: Arc<Record>,
    },
    /// It had one.
    AlreadyEnded,
    /// There is no such record.
    Gone,
}

/// What became of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Marked {
    /// It is noted.
    Done,
    /// A counter is at its limit. Nothing was noted.
    QuotaExceeded,
    /// There is no such record, or it is not live. Nothing was noted.
    NotLive,
}

/// A change of what is known of a subject.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SubjectMark {
    /// Revoke all of its sessions.
    pub bump: Option<Bump>,
    /// Void its factors of these kinds that were proved up to now.
    pub floors: Vec<FactorKind>,
    /// The time.
    pub now: Timestamp,
}

impl SubjectMark {
    /// Revokes all sessions of the subject but the kept one.
    pub fn bump(bump: Bump, now: Timestamp) -> Self {
        Self { bump: Some(bump), floors: Vec::new(), now }
    }

    /// Voids factors of these kinds that were proved up to now.
    pub fn floors(kinds: Vec<FactorKind>, now: Timestamp) -> Self {
        Self { bump: None, floors: kinds, now }
    }
}

/// A mass revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bump {
    /// The session to keep. It must be live, or nothing changes.
    pub keep: Option<SessionId>,
    /// Why.
    pub reason: RevokeReason,
}

impl Bump {
    /// All of them, for this reason.
    pub fn all(reason: RevokeReason) -> Self {
        Self { keep: None, reason }
    }

    /// All but this one, for this reason.
    pub fn all_but(keep: SessionId, reason: RevokeReason) -> Self {
        Self { keep: Some(keep), reason }
    }
}

/// What became of a subject's mark.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum SubjectMarked {
    /// It is done; this is what is known now.
    Done(SubjectStamp),
    /// The session to keep is not a live session of this subject. Nothing changed.
    KeepNotLive,
}

/// What a sweep removed.
#[derive(Debug, Default)]
#[must_use]
#[non_exhaustive]
pub struct Swept {
    /// The records that are gone, each with what was known of its subject: a session that a mass revocation ended has
    /// no tombstone, and only this tells it from one that came to its end by itself.
    pub removed: Vec<Snapshot>,
    /// Rows that cannot be read. They stay, and the sweep goes on past them.
    pub damaged: Vec<SessionKey>,
    /// There may be more.
    pub more: bool,
}

impl Swept {
    /// These, and whether there may be more.
    pub fn new(removed: Vec<Snapshot>, more: bool) -> Self {
        Self { removed, damaged: Vec::new(), more }
    }
}

/// What a store can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Its records are there after a restart.
    pub survives_restart: bool,
    /// A failover may lose what it acknowledged.
    pub may_lose_acknowledged: bool,
    /// It can list.
    pub lists: bool,
    /// It keeps a revocation log.
    pub revocation_log: bool,
    /// How large a record may be, in bytes.
    pub max_record_bytes: Option<usize>,
}

impl Capabilities {
    /// A store in memory: lists, keeps a log, forgets all at the end of the process.
    pub fn in_memory() -> Self {
        Self {
            survives_restart: false,
            may_lose_acknowledged: false,
            lists: true,
            revocation_log: true,
            max_record_bytes: None,
        }
    }
}

macro_rules! forward_store {
    ($($pointer:ident),*) => {$(
        /// Forwards every call, and hands out the inner future as it is.
        #[deny(clippy::missing_trait_methods)]
        impl<T: SessionStore + ?Sized> SessionStore for $pointer<T> {
            fn insert<'a, 'f>(&'a self, new: NewRecord) -> Boxed<'f, Inserted> where 'a: 'f, Self: 'f {
                (**self).insert(new)
            }
            fn load<'a, 'b, 'f>(&'a self, key: &'b SessionKey) -> Boxed<'f, Option<Snapshot>>
            where 'a: 'f, 'b: 'f, Self: 'f {
                (**self).load(key)
            }
            fn stamp<'a, 'b, 'f>(&'a self, subject: &'b SubjectKey, now: Timestamp) -> Boxed<'f, SubjectStamp>
            where 'a: 'f, 'b: 'f, Self: 'f {
                (**self).stamp(subject, now)
            }
            fn commit<'a, 'b, 'f>(&'a self, key: &'b SessionKey, change: Change) -> Boxed<'f, Committed>
            where 'a: 'f, 'b: 'f, Self: 'f {
                (**self).commit(key, change)
            }
            fn end<'a, 'b, 'c, 'f>(&'a self, key: &'b SessionKey, tombstone: &'c Tombstone) -> Boxed<'f, Ended>
            where 'a: 'f, 'b: 'f, 'c: 'f, Self: 'f {
                (**self).end(key, tombstone)
            }
            fn mark<'a, 'b, 'f>(&'a self, key: &'b SessionKey, mark: Mark, now: Timestamp) -> Boxed<'f, Marked>
            where 'a: 'f, 'b: 'f, Self: 'f {
                (**self).mark(key, mark, now)
            }
            fn mark_subject<'a, 'b, 'f>(&'a self, subject: &'b SubjectKey, mark: SubjectMark) -> Boxed<'f, SubjectMarked>
            where 'a: 'f, 'b: 'f, Self: 'f {
                (**self).mark_subject(subject, mark)
            }
            fn list<'a, 'b, 'f>(&'a self, query: &'b Query) -> Boxed<'f, RecordPage>
            where 'a: 'f, 'b: 'f, Self: 'f {
                (**self).list(query)
            }
            fn revoked_since<'a, 'b, 'f>(&'a self, cursor: &'b Cursor, limit: u32) -> Boxed<'f, RevocationBatch>
            where 'a: 'f, 'b: 'f, Self: 'f {
                (**self).revoked_since(cursor, limit)
            }
            fn sweep<'a, 'f>(&'a self, now: Timestamp, limit: u32) -> Boxed<'f, Swept> where 'a: 'f, Self: 'f {
                (**self).sweep(now, limit)
            }
            fn capabilities(&self) -> Capabilities {
                (**self).capabilities()
            }
        }
    )*};
}

type Boxed<'f, T> = std::pin::Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'f>>;

forward_store!(Arc, Box);
