//! Sessions in one SQLite file: they survive the process, and what was answered survives a loss of
//! power.
//!
//! | file | what is there |
//! | --- | --- |
//! | `open` | what may be opened, and how it is made or brought up to date |
//! | `options` | how a file is opened |
//! | `error` | what keeps a file from being opened, and how SQLite's errors read here |
//! | `file_identity` | which file is open, whatever stands at its path now |
//! | `connect` | one connection, and the readers that wait for their next use |
//! | `writer` | the one thread that writes, many calls a commit, and the one that copies the log into the file |
//! | `job` | what a call hands to the writer, and what happens when the call is dropped |
//! | `write` | how an act is run: what it wants is read, what it writes is written |
//! | `read` | load, stamp, list |
//! | `rows` | records as rows |
//! | `subjects` | stamps as rows |
//! | `log` | the revocation log |
//! | `sweep` | what may be forgotten |
//! | `schema/` | the tables, a file a version |

mod connect;
mod error;
mod file_identity;
mod job;
mod log;
mod open;
mod options;
mod read;
mod rows;
mod subjects;
mod sweep;
mod write;
mod writer;

use std::{fmt, path::Path};

use async_trait::async_trait;

use self::{connect::Readers, writer::Writer};
pub use self::{error::OpenError, options::SqliteOptions};
use super::{
    Binding, Capabilities, Change, Committed, Cursor, Ended, Inserted, NewRecord, Noted, Query,
    RecordPage, RevocationBatch, SessionStore, Snapshot, StoreError, SubjectChange, SubjectChanged,
    Swept,
};
use crate::{
    clock::Timestamp,
    id::{SessionKey, SubjectKey},
    session::{MAX_ROW_BYTES, SubjectStamp, Tombstone, Use},
};

/// A store in one SQLite file.
///
/// A call that writes is answered when its transaction is on the disk (`synchronous=FULL`): neither
/// a crash nor a loss of power takes it back. One thread writes, and commits together what waits
/// together. Reads run on the thread that calls, some microseconds each, and neither wait for
/// writers nor hold them up.
///
/// Several processes may open one file: each call is one transaction, so all of them see one order
/// of things. A call that waits longer than the busy timeout for another process is
/// [`Busy`](super::StoreErrorKind::Busy), and did nothing.
///
/// While the file is not where it was opened, or another stands there, writes are
/// [`Unavailable`](super::StoreErrorKind::Unavailable); once it is back they go on.
///
/// A call whose future is dropped did not happen, or has happened when the drop returns; the drop
/// waits at most for the transaction that is under way. Dropping the store finishes what was begun,
/// and closes the file. A process that is forked opens its own: the thread that writes stays
/// behind.
///
/// What the tables hold, and what an operator may do with them:
/// [`guide::stores`](crate::guide::stores).
///
/// # Examples
/// ```
/// use session_issuer::store::{SessionStore, SqliteStore};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("sessions.db");
/// let store = SqliteStore::open(path)?;
/// assert!(store.capabilities().survives_restart);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SqliteStore {
    // Dropped in this order: what was begun is finished before the last connection closes.
    writer: Writer,
    readers: Readers,
}

impl SqliteOptions {
    /// Opens the file, or makes it where there is none.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore, OpenError> {
        let (connection, readers) = open::open(path.as_ref(), self)?;
        let writer = Writer::start(connection, &readers)?;
        Ok(SqliteStore { writer, readers })
    }
}

impl SqliteStore {
    /// Opens the file, or makes it where there is none, for its owner alone (mode 0600).
    ///
    /// It may wait for another process as long as the busy timeout, and blocks the thread
    /// meanwhile: open a store before you serve. The path is a path and nothing else: no URI, and
    /// no name with a meaning of its own.
    ///
    /// # Errors
    /// [`OpenError`] says what is in the way. Nothing is written to a file that is not a store of
    /// this crate.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::options().open(path)
    }

    /// The settings to open a file with, each at its default.
    pub fn options() -> SqliteOptions {
        SqliteOptions::new()
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("file", &self.readers.identity().path())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sqlite")
    }
}

/// Reads block their thread for some microseconds; writes go to the writer and wait for it without
/// blocking.
#[async_trait]
impl SessionStore for SqliteStore {
    async fn insert(&self, mut new: NewRecord) -> Result<Inserted, StoreError> {
        // What revokes all sessions of its subject while this call waits for its turn wins: the
        // epoch is that of now.
        if new.binding == Binding::Adopt
            && let Some(key) = new.record.subject_key()
        {
            match self.readers.read(|tables| subjects::stamp(tables, &key))? {
                Some(known) => new.adopt(known.epoch),
                None => new.binding = Binding::Unknown,
            }
        }
        let text = new.record.encode()?;
        self.writer.submit(move |tables| write::insert(tables, new, &text)).await?
    }

    async fn load(&self, key: &SessionKey) -> Result<Option<Snapshot>, StoreError> {
        self.readers.read(|tables| read::load(tables, key))
    }

    async fn stamp(
        &self,
        subject: &SubjectKey,
        now: Timestamp,
    ) -> Result<SubjectStamp, StoreError> {
        if let Some(stamp) = self.readers.read(|tables| subjects::stamp(tables, subject))? {
            return Ok(stamp);
        }
        let subject = subject.clone();
        self.writer.submit(move |tables| write::begin_subject(tables, &subject, now)).await?
    }

    async fn commit(&self, change: Change) -> Result<Committed, StoreError> {
        self.writer.submit(move |tables| write::commit(tables, change)).await?
    }

    async fn end(&self, key: &SessionKey, tombstone: &Tombstone) -> Result<Ended, StoreError> {
        let (key, tombstone) = (key.clone(), tombstone.clone());
        self.writer.submit(move |tables| write::end(tables, &key, &tombstone)).await?
    }

    async fn note_use(&self, seen: &Snapshot, used: Use) -> Result<Noted, StoreError> {
        let seen = seen.clone();
        self.writer.submit(move |tables| write::note_use(tables, &seen, &used)).await?
    }

    async fn change_subject(
        &self,
        subject: &SubjectKey,
        change: SubjectChange,
    ) -> Result<SubjectChanged, StoreError> {
        let subject = subject.clone();
        self.writer.submit(move |tables| write::change_subject(tables, &subject, &change)).await?
    }

    async fn list(&self, query: &Query) -> Result<RecordPage, StoreError> {
        self.readers.read(|tables| read::list(tables, query))
    }

    async fn revoked_since(
        &self,
        cursor: &Cursor,
        limit: u32,
    ) -> Result<RevocationBatch, StoreError> {
        self.readers.read(|tables| log::since(tables, cursor, limit))
    }

    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<Swept, StoreError> {
        // In parts, so that whoever writes meanwhile waits for one part and not for all.
        let mut all = Swept::default();
        let mut rest = limit.max(1);
        while rest > 0 {
            let part = rest.min(sweep::AT_ONCE);
            rest -= part;
            match self.writer.submit(move |tables| sweep::sweep(tables, now, part)).await {
                Ok(Swept { removed, damaged, more }) => {
                    all.removed.extend(removed);
                    all.damaged.extend(damaged);
                    all.more = more;
                }
                // What is gone already is told of; whatever failed is met again by the next call.
                Err(_) if !all.removed.is_empty() || !all.damaged.is_empty() => all.more = true,
                Err(error) => return Err(error),
            }
            if !all.more {
                break;
            }
        }
        Ok(all)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::on_disk().with_max_record_bytes(MAX_ROW_BYTES)
    }
}
