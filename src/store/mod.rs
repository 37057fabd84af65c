//! The store joint: where sessions are kept, and what a store promises.

mod query;
mod revision;
mod revocation;

pub mod act;
mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::{
    fmt::{Debug, Display},
    sync::Arc,
};

use async_trait::async_trait;

pub use memory::MemoryStore;
pub use query::{PageKey, Query, RecordPage, Select};
pub use revision::Revision;
pub use revocation::{Cursor, RevocationBatch, RevocationEntry};
#[cfg(feature = "sqlite")]
#[cfg_attr(docsrs, doc(cfg(feature = "sqlite")))]
pub use sqlite::{OpenError, SqliteOptions, SqliteStore};

pub use crate::error::joints::{StoreError, StoreErrorKind};
use crate::{
    clock::Timestamp,
    factor::FactorKind,
    id::{SessionId, SessionKey, SubjectKey},
    session::{CapRule, Epoch, Life, Record, RevokeReason, SubjectStamp, Tombstone, Use, life},
};

/// A store: the place where sessions are kept.
///
/// # Contract
/// - Each call MUST be one atomic act as seen from outside: it happens whole or not at all, and a
///   cancelled call too.
/// - `load`, `stamp` and `commit` MUST be linearizable: read from a primary, never from a replica.
/// - A store holds no policy and reads no clock: the time comes with each call. What is live, who
///   is evicted and what a tombstone does is decided by the pure functions of [`act`], not by the
///   store.
/// - There is no upsert: `insert` never replaces a live record, and `commit` never creates one.
/// - A record that has a tombstone keeps it. A commit against it, against a missing row, or against
///   an epoch that has moved on from `observed_epoch` MUST be refused.
/// - "Not there" is an answer. Being busy, unreachable or broken is a [`StoreError`], never `None`.
/// - A row that cannot be read is [`Damaged`](StoreErrorKind::Damaged), or of an
///   [`UnknownVersion`](StoreErrorKind::UnknownVersion), to whoever asks for it: never `None`,
///   never a record with a part made up, and so is a row that holds another record than it should.
///   It keeps nobody out: `list` reports it and goes on, a cap does not count it, the slot of its
///   device is free, its subject can be changed, and a sweep goes past it. Its id stays taken, and
///   its bytes stay as they are, for whoever mends it.
/// - The tenant is part of every key.
/// - A subject, once set, never changes: a commit that would change it is a [`StoreError`], and
///   stores nothing.
/// - Where a record and its subject's epoch are two reads, the epoch is read first. Locks are taken
///   in one order everywhere: subject, then sessions by id.
/// - The revocation log's entry MUST be written in the act that revokes, or before it.
///
/// # Errors
/// Every call may answer these kinds, and the methods name what they add:
/// - [`Busy`](StoreErrorKind::Busy): too much waits. The act did not happen.
/// - [`Unavailable`](StoreErrorKind::Unavailable): the store was not reached, or did not answer.
///   The act is [in doubt](StoreError::is_in_doubt), unless the store knows better.
/// - [`Broken`](StoreErrorKind::Broken): an invariant of the store does not hold, or the caller
///   asks for what the contract forbids.
///
/// `testing::store_suite!` proves a store: run it on yours.
#[async_trait]
pub trait SessionStore: Debug + Display + Send + Sync + 'static {
    /// Adds a record, if the epoch it was decided under still stands and the cap admits it.
    ///
    /// A record that [adopts](Binding::Adopt) its subject's epoch MUST be brought under it, and its
    /// subject begun to be known where it is new, in the same act. What revokes all of the
    /// subject's sessions while the call is under way MUST end the record, or refuse it as
    /// `EpochMoved`, unless it came before the store looked at all.
    ///
    /// A holder of the device's slot that is not live is replaced; a live one is answered, unless
    /// `replace_device` asks to end it.
    ///
    /// # Errors
    /// [`TooLarge`](StoreErrorKind::TooLarge) for a record above what the store holds;
    /// [`Damaged`](StoreErrorKind::Damaged) or [`UnknownVersion`](StoreErrorKind::UnknownVersion)
    /// for a stamp of the subject that cannot be read; [`Broken`](StoreErrorKind::Broken) for a
    /// record that has a tombstone. A row that cannot be read and has the id, the slot or the
    /// subject of the record is no error.
    async fn insert(&self, new: NewRecord) -> Result<Inserted, StoreError>;

    /// Reads a record and what is known of its subject.
    ///
    /// # Errors
    /// [`Damaged`](StoreErrorKind::Damaged) or [`UnknownVersion`](StoreErrorKind::UnknownVersion)
    /// for a row that cannot be read, or that holds another record. A row that is not there is
    /// `None`.
    async fn load(&self, key: &SessionKey) -> Result<Option<Snapshot>, StoreError>;

    /// Reads what is known of a subject, and begins to know it when it is new.
    ///
    /// # Errors
    /// [`Damaged`](StoreErrorKind::Damaged) or [`UnknownVersion`](StoreErrorKind::UnknownVersion)
    /// for a stamp that cannot be read.
    async fn stamp(&self, subject: &SubjectKey, now: Timestamp)
    -> Result<SubjectStamp, StoreError>;

    /// Replaces a record, if it still has the expected version, no tombstone, and the observed
    /// epoch stands.
    ///
    /// # Errors
    /// [`TooLarge`](StoreErrorKind::TooLarge) for a record above what the store holds;
    /// [`Damaged`](StoreErrorKind::Damaged) or [`UnknownVersion`](StoreErrorKind::UnknownVersion)
    /// for a row that cannot be read; [`Broken`](StoreErrorKind::Broken) for a next record that is
    /// another one, has a tombstone, names another subject or takes a slot. Nothing is stored then.
    async fn commit(&self, change: Change) -> Result<Committed, StoreError>;

    /// Puts a tombstone on a record, whatever its version.
    ///
    /// # Errors
    /// [`Damaged`](StoreErrorKind::Damaged) or [`UnknownVersion`](StoreErrorKind::UnknownVersion)
    /// for a row that cannot be read. It is ended all the same: the error says that nobody knows
    /// what it was.
    async fn end(&self, key: &SessionKey, tombstone: &Tombstone) -> Result<Ended, StoreError>;

    /// Notes a use of a live record. Moves no version, and is refused for a record that is not
    /// live.
    ///
    /// `seen` is the record as the caller read it. A store that locks needs only its key.
    ///
    /// # Errors
    /// [`Damaged`](StoreErrorKind::Damaged) or [`UnknownVersion`](StoreErrorKind::UnknownVersion)
    /// for a row that cannot be read. Nothing is noted then.
    async fn note_use(&self, seen: &Snapshot, used: Use) -> Result<Noted, StoreError>;

    /// Revokes all sessions of a subject but one, or voids factors, or both, in one act.
    ///
    /// # Errors
    /// [`Damaged`](StoreErrorKind::Damaged) or [`UnknownVersion`](StoreErrorKind::UnknownVersion)
    /// for a session to keep, or a stamp, that cannot be read. Nothing is changed then.
    async fn change_subject(
        &self,
        subject: &SubjectKey,
        change: SubjectChange,
    ) -> Result<SubjectChanged, StoreError>;

    /// Lists records in the order of (created at, id), page by page. Damaged rows are reported by
    /// id.
    ///
    /// Records with a tombstone MUST NOT be listed; records that are not live for other reasons
    /// are.
    ///
    /// # Errors
    /// [`NotSupported`](StoreErrorKind::NotSupported) from a store that [cannot
    /// list](Capabilities::lists). A row that cannot be read is in
    /// [`damaged`](RecordPage::damaged), and is no error.
    async fn list(&self, query: &Query) -> Result<RecordPage, StoreError>;

    /// Reads what was revoked after a cursor.
    ///
    /// An entry may come twice; none is ever skipped: the cursor only passes entries before which
    /// nothing can still commit. A cursor older than the oldest kept entry answers
    /// [`RevocationBatch::Reset`].
    ///
    /// # Errors
    /// [`NotSupported`](StoreErrorKind::NotSupported) from a store that [keeps no
    /// log](Capabilities::revocation_log); [`Damaged`](StoreErrorKind::Damaged) or
    /// [`UnknownVersion`](StoreErrorKind::UnknownVersion) for an entry that cannot be read: it is
    /// never passed over.
    async fn revoked_since(
        &self,
        cursor: &Cursor,
        limit: u32,
    ) -> Result<RevocationBatch, StoreError>;

    /// Removes records that are [purgeable](Record::is_purgeable) at `now`, at most this many, in
    /// one act or several.
    ///
    /// A row that cannot be read MUST NOT stop it. It stays, and is reported once in a while.
    ///
    /// # Errors
    /// No kind of its own. A row that cannot be read is in [`damaged`](Swept::damaged), and is no
    /// error.
    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<Swept, StoreError>;

    /// The abilities of this store, the same at each call.
    fn capabilities(&self) -> Capabilities;
}

/// A record to add.
#[derive(Debug, Clone)]
pub struct NewRecord {
    /// The record to add.
    pub record: Arc<Record>,
    /// The way in which the record comes under its subject's epoch.
    pub binding: Binding,
    /// The cap on the subject's sessions.
    pub admit: Option<CapRule>,
    /// Ends a live holder of the device's slot and takes it.
    pub replace_device: bool,
    /// The time of the insert.
    pub now: Timestamp,
}

/// The ways in which a new record comes under the epoch of its subject. A record without a subject
/// needs none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// Under the epoch that it names, which was observed before anything was verified. It is
    /// refused where that epoch no longer stands.
    Observed,
    /// Nothing was known of its subject when that was observed. It begins the subject, or comes
    /// under the epoch of a beginning like itself; it is refused where anything was revoked.
    Unknown,
    /// Nothing was verified, so nothing was observed. It comes under the epoch that its subject
    /// has at this call, and begins a subject that is new.
    Adopt,
}

impl NewRecord {
    /// This record, now, under the epoch that it names and no cap.
    pub fn new(record: impl Into<Arc<Record>>, now: Timestamp) -> Self {
        Self {
            record: record.into(),
            binding: Binding::Observed,
            admit: None,
            replace_device: false,
            now,
        }
    }

    /// Brings the record under this epoch, and makes it one that observed the epoch.
    pub(crate) fn adopt(&mut self, epoch: Epoch) {
        self.binding = Binding::Observed;
        if self.record.bound().is_some_and(|(_, named)| named != epoch) {
            Arc::make_mut(&mut self.record).adopt(epoch);
        }
    }
}

/// The answer to an insert.
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
    /// The cap admits no session more.
    CapReached,
    /// The subject's epoch has moved, or is not known.
    EpochMoved,
}

/// A record and what is known of its subject, as of one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Snapshot {
    /// The record as it was at that moment.
    pub record: Arc<Record>,
    /// The stamp of its subject; none when it has no subject, or when nothing is known of it.
    pub subject: Option<SubjectStamp>,
    /// The revision of the record's row.
    pub revision: Revision,
}

impl Snapshot {
    /// These two, as of one moment, of a store that counts no revisions.
    pub fn new(record: Arc<Record>, subject: Option<SubjectStamp>) -> Self {
        Self { record, subject, revision: Revision::default() }
    }

    /// Whether the record is live at this time, and why not.
    pub fn life(&self, now: Timestamp) -> Life {
        life(&self.record, self.subject.as_ref(), now)
    }

    /// The same, of a row at this revision.
    #[must_use]
    pub fn with_revision(mut self, revision: Revision) -> Self {
        self.revision = revision;
        self
    }
}

/// A change of a record.
#[derive(Debug, Clone)]
pub struct Change {
    /// The record as it was read, with the version that the change was decided on.
    pub seen: Snapshot,
    /// The record as it shall be. [`act::commit`] carries over the version, and the uses that were
    /// noted in between.
    pub next: Arc<Record>,
    /// The cap. It is enforced where this change makes the record a session of its subject: where a
    /// session gets its subject, and where an approved request becomes a session.
    pub admit: Option<CapRule>,
    /// The subject's epoch that it was decided under. A record with a subject needs it.
    pub observed_epoch: Option<Epoch>,
    /// The time of the commit.
    pub now: Timestamp,
}

impl Change {
    /// From what was seen to that record, now, under the epoch that was seen and no cap.
    pub fn new(seen: Snapshot, next: impl Into<Arc<Record>>, now: Timestamp) -> Self {
        let observed_epoch = seen.subject.as_ref().map(|stamp| stamp.epoch);
        Self { seen, next: next.into(), admit: None, observed_epoch, now }
    }
}

/// The answer to a commit.
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
    /// The cap admits no session more.
    CapReached,
    /// The subject's epoch has moved, or is not known.
    EpochMoved,
}

/// The answer to an end.
#[derive(Debug)]
#[must_use]
pub enum Ended {
    /// It has its tombstone now.
    Ended {
        /// The record as it was.
        was: Arc<Record>,
    },
    /// The record had a tombstone already, and keeps it.
    AlreadyEnded,
    /// There is no such record.
    Gone,
}

/// The answer to a use that was to be noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Noted {
    /// The use is noted.
    Done,
    /// A counter is at its limit. Nothing was noted.
    QuotaExceeded,
    /// There is no such record, or it is not live. Nothing was noted.
    NotLive,
}

/// A change of what is known of a subject.
#[derive(Debug, Clone)]
pub struct SubjectChange {
    /// Revoke all of its sessions.
    pub bump: Option<Bump>,
    /// Void its factors of these kinds that were proved up to now.
    pub floors: Vec<FactorKind>,
    /// The time of the change.
    pub now: Timestamp,
}

impl SubjectChange {
    /// Revokes all sessions of the subject but the kept one.
    pub fn bump(bump: Bump, now: Timestamp) -> Self {
        Self { bump: Some(bump), floors: Vec::new(), now }
    }

    /// Voids factors of these kinds that were proved up to now.
    pub fn floors(kinds: Vec<FactorKind>, now: Timestamp) -> Self {
        Self { bump: None, floors: kinds, now }
    }
}

/// A mass revocation: all sessions of a subject end, but perhaps one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bump {
    /// The session to keep. It must be live, or nothing changes.
    pub keep: Option<SessionId>,
    /// The reason of the revocation.
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

/// The answer to the change of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum SubjectChanged {
    /// It is done; this is what is known now.
    Done(SubjectStamp),
    /// The session to keep is not a live session of this subject. Nothing changed.
    KeepNotLive,
}

/// The answer to a sweep: what was removed, and what could not be read.
#[derive(Debug, Default)]
#[must_use]
#[non_exhaustive]
pub struct Swept {
    /// The records that are gone, each with what was known of its subject: a session that a mass
    /// revocation ended has no tombstone, and only this tells it from one that came to its end by
    /// itself.
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

/// The abilities of a store, and its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Its records are there after a restart.
    pub survives_restart: bool,
    /// A failover may lose what it acknowledged.
    pub may_lose_acknowledged: bool,
    /// True for a store that answers [`list`](SessionStore::list).
    pub lists: bool,
    /// It keeps a revocation log.
    pub revocation_log: bool,
    /// The largest record that the store keeps, in bytes; none where it has no bound of its own.
    pub max_record_bytes: Option<usize>,
}

impl Capabilities {
    /// A store in the memory of one process: lists, keeps a log, forgets all when the process ends.
    pub fn in_memory() -> Self {
        Self {
            survives_restart: false,
            may_lose_acknowledged: false,
            lists: true,
            revocation_log: true,
            max_record_bytes: None,
        }
    }

    /// A store whose answered writes are on a disk: lists, keeps a log, and survives a restart.
    pub fn on_disk() -> Self {
        Self { survives_restart: true, ..Self::in_memory() }
    }

    /// A store that copies its writes to another machine after it has answered: like one
    /// [on disk](Self::on_disk), but a failover may lose what was answered last.
    pub fn replicated() -> Self {
        Self { may_lose_acknowledged: true, ..Self::on_disk() }
    }

    /// The same, for records of at most this many bytes.
    #[must_use]
    pub fn with_max_record_bytes(mut self, bytes: usize) -> Self {
        self.max_record_bytes = Some(bytes);
        self
    }
}

crate::forward::forward! {
    SessionStore {
        async fn insert(&self, new: NewRecord) -> Result<Inserted, StoreError>;
        async fn load<'b>(&self, key: &'b SessionKey) -> Result<Option<Snapshot>, StoreError>;
        async fn stamp<'b>(&self, subject: &'b SubjectKey, now: Timestamp)
            -> Result<SubjectStamp, StoreError>;
        async fn commit(&self, change: Change) -> Result<Committed, StoreError>;
        async fn end<'b, 'c>(&self, key: &'b SessionKey, tombstone: &'c Tombstone)
            -> Result<Ended, StoreError>;
        async fn note_use<'b>(&self, seen: &'b Snapshot, used: Use) -> Result<Noted, StoreError>;
        async fn change_subject<'b>(&self, subject: &'b SubjectKey, change: SubjectChange)
            -> Result<SubjectChanged, StoreError>;
        async fn list<'b>(&self, query: &'b Query) -> Result<RecordPage, StoreError>;
        async fn revoked_since<'b>(&self, cursor: &'b Cursor, limit: u32)
            -> Result<RevocationBatch, StoreError>;
        async fn sweep(&self, now: Timestamp, limit: u32) -> Result<Swept, StoreError>;
        fn capabilities(&self) -> Capabilities;
    }
}
