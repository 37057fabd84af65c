//! Sessions in memory: the default store, and the reference that every other store is held against.
//!
//! | file | what is there |
//! | --- | --- |
//! | `shards` | 64 locks and their one order |
//! | `shard` | what lies behind one lock |
//! | `tenants` | the tenants of a shard, and the records and subjects of each |
//! | `subject` | what is known of a subject, and which records name it |
//! | `write` | how an act is run: what it wants is locked and read, what it writes is done |
//! | `read` | load, stamp, list |
//! | `sweep` | what may be forgotten |
//! | `log` | the revocation log |
//! | `devices` | which record holds the slot of a device |
//! | `actors` | which subjects are named as actors |
//! | `error` | what a poisoned lock is |

mod actors;
mod devices;
mod error;
mod log;
mod read;
mod shard;
mod shards;
mod subject;
mod sweep;
mod tenants;
mod write;

use std::{
    fmt,
    sync::{Mutex, atomic::AtomicU32},
};

use async_trait::async_trait;

use self::{actors::NamedActors, devices::Devices, error::poisoned, log::Log, shards::Shards};
use super::{
    Capabilities, Change, Committed, Cursor, Ended, Inserted, NewRecord, Noted, Query, RecordPage,
    RevocationBatch, SessionStore, Snapshot, StoreError, SubjectChange, SubjectChanged, Swept,
};
use crate::{
    clock::Timestamp,
    id::{SessionKey, SubjectKey},
    session::{SubjectStamp, Tombstone, Use},
};

/// How many entries the revocation log keeps unless told otherwise: some megabytes at most.
const DEFAULT_LOG_CAPACITY: usize = 65_536;

/// A store in memory: all of it is forgotten when the process ends.
///
/// It has 64 locks, and no task ever waits while it holds one. A session that is born with its
/// subject lies behind the same lock as what is known of that subject, so most calls take one lock.
/// A page of a list shows each record as of some moment within the call, and not all of them as of
/// the same one.
///
/// Listing by subject or by ids does not grow with the number of other sessions; every other
/// selection reads all sessions of the tenant.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use session_issuer::store::{MemoryStore, SessionStore};
///
/// let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::new());
/// assert_eq!(store.to_string(), "memory");
/// assert!(!store.capabilities().survives_restart);
/// ```
pub struct MemoryStore {
    shards: Shards,
    devices: Devices,
    actors: NamedActors,
    log: Mutex<Log>,
    /// The shard that the next sweep begins with.
    sweep_from: AtomicU32,
}

impl MemoryStore {
    /// An empty store, with a revocation log of 65 536 entries.
    pub fn new() -> Self {
        Self::with_log_capacity(DEFAULT_LOG_CAPACITY)
    }

    /// An empty store whose revocation log keeps this many entries, and at least one.
    pub fn with_log_capacity(entries: usize) -> Self {
        Self {
            shards: Shards::new(),
            devices: Devices::new(),
            actors: NamedActors::default(),
            log: Mutex::new(Log::new(entries)),
            sweep_from: AtomicU32::new(0),
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl fmt::Display for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}

/// No body awaits anything: each call runs from end to end when it is first polled, so dropping it
/// before leaves nothing behind, and dropping it after undoes nothing.
#[async_trait]
impl SessionStore for MemoryStore {
    async fn insert(&self, new: NewRecord) -> Result<Inserted, StoreError> {
        self.insert_now(new)
    }

    async fn load(&self, key: &SessionKey) -> Result<Option<Snapshot>, StoreError> {
        self.load_now(key)
    }

    async fn stamp(
        &self,
        subject: &SubjectKey,
        now: Timestamp,
    ) -> Result<SubjectStamp, StoreError> {
        self.stamp_now(subject, now)
    }

    async fn commit(&self, change: Change) -> Result<Committed, StoreError> {
        self.commit_now(change)
    }

    async fn end(&self, key: &SessionKey, tombstone: &Tombstone) -> Result<Ended, StoreError> {
        self.end_now(key, tombstone)
    }

    async fn note_use(&self, seen: &Snapshot, used: Use) -> Result<Noted, StoreError> {
        self.note_use_now(seen, &used)
    }

    async fn change_subject(
        &self,
        subject: &SubjectKey,
        change: SubjectChange,
    ) -> Result<SubjectChanged, StoreError> {
        self.change_subject_now(subject, &change)
    }

    async fn list(&self, query: &Query) -> Result<RecordPage, StoreError> {
        self.list_now(query)
    }

    async fn revoked_since(
        &self,
        cursor: &Cursor,
        limit: u32,
    ) -> Result<RevocationBatch, StoreError> {
        Ok(self.log.lock().map_err(poisoned)?.since(cursor, limit))
    }

    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<Swept, StoreError> {
        self.sweep_now(now, limit)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::in_memory()
    }
}
