//! The file: one line an act, and in memory what all lines together say.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
    sync::{Arc, Mutex},
};

use serde::{Deserialize, Serialize};
use session_issuer::{
    Timestamp,
    clock::MAX_SIGNED_LIFETIME,
    id::{SessionId, SessionKey, SubjectId, SubjectKey, TenantId},
    session::Record,
    store::{RevocationEntry, Snapshot, StoreError, StoreErrorKind, SubjectStamp},
};

/// One act, one line. A line that was not finished, because its writer died, never happened.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Writes {
    sessions: Vec<SessionLine>,
    subjects: Vec<SubjectLine>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionLine {
    pub(crate) tenant: TenantId,
    pub(crate) id: SessionId,
    /// The record as a row; none when it was swept.
    pub(crate) row: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectLine {
    tenant: TenantId,
    subject: SubjectId,
    row: String,
    /// When something was revoked, and whether that was factors.
    revoked: Option<(Timestamp, bool)>,
}

impl Writes {
    pub(crate) fn put(&mut self, record: &Record) -> Result<(), StoreError> {
        let (tenant, id, row) = (record.tenant().clone(), record.id(), Some(record.encode()?));
        self.sessions.push(SessionLine { tenant, id, row });
        Ok(())
    }

    pub(crate) fn remove(&mut self, key: SessionKey) {
        self.sessions.push(SessionLine { tenant: key.tenant, id: key.id, row: None });
    }

    /// A subject is known from now on.
    pub(crate) fn know(&mut self, key: &SubjectKey, stamp: &SubjectStamp) -> Result<(), StoreError> {
        self.subject(key, stamp, None)
    }

    /// A subject's sessions were revoked, or some of its factors.
    pub(crate) fn revoke(
        &mut self,
        key: &SubjectKey,
        stamp: &SubjectStamp,
        now: Timestamp,
        factors: bool,
    ) -> Result<(), StoreError> {
        self.subject(key, stamp, Some((now, factors)))
    }

    fn subject(
        &mut self,
        key: &SubjectKey,
        stamp: &SubjectStamp,
        revoked: Option<(Timestamp, bool)>,
    ) -> Result<(), StoreError> {
        let (tenant, subject, row) = (key.tenant.clone(), key.subject.clone(), stamp.encode()?);
        self.subjects.push(SubjectLine { tenant, subject, row, revoked });
        Ok(())
    }
}

/// What all lines together say.
#[derive(Default)]
pub(crate) struct Rows {
    whole: HashMap<SessionKey, Arc<Record>>,
    /// Rows that cannot be read, as they are.
    damaged: HashMap<SessionKey, String>,
    subjects: HashMap<SubjectKey, SubjectStamp>,
    log: Vec<RevocationEntry>,
}

impl Rows {
    pub(crate) fn is_taken(&self, key: &SessionKey) -> bool {
        self.whole.contains_key(key) || self.damaged.contains_key(key)
    }

    pub(crate) fn get(&self, key: &SessionKey) -> Result<Option<Arc<Record>>, StoreError> {
        match self.damaged.get(key) {
            Some(row) => Err(read(key, row).err().unwrap_or_else(|| StoreError::new(StoreErrorKind::Broken))),
            None => Ok(self.whole.get(key).cloned()),
        }
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.whole.values()
    }

    pub(crate) fn damaged(&self) -> impl Iterator<Item = &SessionKey> {
        self.damaged.keys()
    }

    pub(crate) fn stamp(&self, subject: &SubjectKey) -> Option<&SubjectStamp> {
        self.subjects.get(subject)
    }

    pub(crate) fn snapshot(&self, record: &Arc<Record>) -> Snapshot {
        let subject = record.subject_key().and_then(|subject| self.stamp(&subject)).cloned();
        Snapshot::new(record.clone(), subject)
    }

    /// Every revocation, numbered from zero.
    pub(crate) fn log(&self) -> &[RevocationEntry] {
        &self.log
    }

    fn apply(&mut self, line: Writes) -> Result<(), StoreError> {
        for SessionLine { tenant, id, row } in line.sessions {
            let key = SessionKey::new(tenant, id);
            let (before, _) = (self.whole.remove(&key), self.damaged.remove(&key));
            match row.map(|row| read(&key, &row).map_err(|_| row)) {
                None => {}
                Some(Ok(record)) => {
                    let was_live = before.is_none_or(|before| before.tombstone().is_none());
                    if let Some(until) = record.tokens_end_at().filter(|_| was_live) {
                        self.log.push(RevocationEntry::Session { key: key.clone(), until });
                    }
                    self.whole.insert(key, record);
                }
                Some(Err(row)) => {
                    // It may have been a revocation.
                    self.log.push(RevocationEntry::Session { key: key.clone(), until: Timestamp::MAX });
                    self.damaged.insert(key, row);
                }
            }
        }
        for SubjectLine { tenant, subject, row, revoked } in line.subjects {
            let (key, stamp) = (SubjectKey::new(tenant, subject), SubjectStamp::decode(row.as_bytes())?);
            if let Some((at, factors)) = revoked {
                self.log.push(RevocationEntry::Subject {
                    key: key.clone(),
                    epoch: stamp.epoch,
                    kept: stamp.kept,
                    factors_changed_at: factors.then_some(at),
                    until: at.saturating_add(MAX_SIGNED_LIFETIME),
                });
            }
            self.subjects.insert(key, stamp);
        }
        Ok(())
    }
}

/// A row as the record that belongs there.
fn read(key: &SessionKey, row: &str) -> Result<Arc<Record>, StoreError> {
    let record = Record::decode(row.as_bytes())?;
    match record.key() == *key {
        true => Ok(record.into()),
        false => Err(StoreError::new(StoreErrorKind::Damaged).with_source("the row of another record")),
    }
}

/// The file, and what was read of it so far.
pub(crate) struct Journal(Mutex<Open>);

struct Open {
    file: File,
    read_to: u64,
    rows: Rows,
}

impl Journal {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let open = Open { file: file.map_err(unavailable)?, read_to: 0, rows: Rows::default() };
        let journal = Self(Mutex::new(open));
        journal.act(|_, _| Ok(()))?;
        Ok(journal)
    }

    /// One act: whoever else has the file open waits. It decides on all that was written before, and what it writes is
    /// one line, on the disk before it answers.
    pub(crate) fn act<T>(
        &self,
        decide: impl FnOnce(&Rows, &mut Writes) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut open = self.0.lock().map_err(|_| StoreError::new(StoreErrorKind::Broken))?;
        open.file.lock().map_err(unavailable)?;
        let answer = open.catch_up().and_then(|()| {
            let mut writes = Writes::default();
            let answer = decide(&open.rows, &mut writes)?;
            if !(writes.sessions.is_empty() && writes.subjects.is_empty()) {
                open.append(writes)?;
            }
            Ok(answer)
        });
        open.file.unlock().map_err(unavailable)?;
        answer
    }
}

impl Open {
    fn catch_up(&mut self) -> Result<(), StoreError> {
        if self.file.metadata().map_err(unavailable)?.len() == self.read_to {
            return Ok(());
        }
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(self.read_to)).map_err(unavailable)?;
        self.file.read_to_end(&mut bytes).map_err(unavailable)?;
        for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            // The cause would show the line.
            let parsed = serde_json::from_slice(line).map_err(|_| {
                StoreError::new(StoreErrorKind::Damaged).with_source("a line of the file cannot be read")
            })?;
            self.rows.apply(parsed)?;
            self.read_to += line.len() as u64;
        }
        Ok(())
    }

    fn append(&mut self, writes: Writes) -> Result<(), StoreError> {
        let mut line = serde_json::to_vec(&writes).map_err(unavailable)?;
        line.push(b'\n');
        // What lies behind the last line was not finished.
        self.file.set_len(self.read_to).map_err(unavailable)?;
        self.file.seek(SeekFrom::Start(self.read_to)).map_err(unavailable)?;
        self.file.write_all(&line).map_err(unavailable)?;
        self.file.sync_data().map_err(unavailable)?;
        self.rows.apply(writes)?;
        self.read_to += line.len() as u64;
        Ok(())
    }
}

fn unavailable(cause: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable).with_source(cause)
}

#[cfg(all(test, feature = "testing"))]
pub(crate) use temp_file::TempFile;

#[cfg(all(test, feature = "testing"))]
#[allow(clippy::unwrap_used, reason = "a failed test panics")]
mod temp_file {
    use std::{
        fs,
        path::PathBuf,
        process,
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
    };

    use async_trait::async_trait;
    use session_issuer::{
        id::SessionKey,
        store::SessionStore,
        testing::{DurableStore, Tampering},
    };

    use super::super::FileStore;
    use super::Writes;

    /// A file of its own for each case of the suite.
    pub(crate) struct TempFile(PathBuf);

    impl TempFile {
        pub(crate) fn new() -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let name = format!("own-store-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            Self(std::env::temp_dir().join(name))
        }
    }

    impl Drop for TempFile {
        fn drop(&mut self) {
            drop(fs::remove_file(&self.0));
        }
    }

    #[async_trait]
    impl DurableStore for TempFile {
        async fn open(&self) -> Arc<dyn SessionStore> {
            Arc::new(FileStore::open(&self.0).unwrap())
        }

        /// Changes the row where it stands last. Bytes that are no text become other text, as wrong as they.
        async fn tamper(&self, key: &SessionKey, change: Tampering<'_>) {
            let text = fs::read_to_string(&self.0).unwrap();
            let mut lines: Vec<Writes> =
                text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let of_key = |line: &&mut super::SessionLine| line.id == key.id && line.tenant == key.tenant;
            let rows = lines.iter_mut().flat_map(|line| &mut line.sessions);
            let row = rows.filter(of_key).last().unwrap().row.as_mut().unwrap();
            let mut bytes = row.clone().into_bytes();
            change(&mut bytes);
            *row = String::from_utf8_lossy(&bytes).into_owned();
            let text: String = lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
            fs::write(&self.0, text).unwrap();
        }
    }
}
