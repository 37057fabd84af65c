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
    id::{DeviceId, SessionId, SessionKey, SubjectId, SubjectKey, TenantId},
    session::{Columns, Record, SubjectStamp},
    store::{
        RevocationEntry, Snapshot, StoreError, StoreErrorKind,
        act::{Facts, Others, Plan, Row, Wants, Write as ActWrite},
    },
};

/// What an act answers.
pub(crate) type Answer<T> = Result<T, StoreError>;
type Acted<T> = (Answer<T>, Answer<Writes>);

/// One act, one line. A line that was not finished, because its writer died, never happened.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Writes {
    sessions: Vec<SessionLine>,
    /// Each with its stamp.
    subjects: Vec<(TenantId, SubjectId, String)>,
    log: Vec<RevocationEntry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionLine {
    pub(crate) tenant: TenantId,
    pub(crate) id: SessionId,
    /// The record's encoding; none where it stays as it was.
    pub(crate) row: Option<String>,
    /// Its columns; none when it was swept.
    columns: Option<Columns>,
}

impl SessionLine {
    fn new(key: SessionKey, row: Option<String>, columns: Option<Columns>) -> Self {
        Self { tenant: key.tenant, id: key.id, row, columns }
    }
}

impl Writes {
    /// The line of what an act writes.
    fn of(rows: &Rows, plan: impl IntoIterator<Item = ActWrite>) -> Answer<Self> {
        let mut line = Self::default();
        for write in plan {
            match write {
                ActWrite::Insert { record } | ActWrite::Replace { next: record, .. } => {
                    let row = Some(record.encode()?);
                    line.sessions.push(SessionLine::new(record.key(), row, Some(record.columns())));
                }
                ActWrite::NoteUse { next } => {
                    line.sessions.push(SessionLine::new(next.key(), None, Some(next.columns())));
                }
                ActWrite::End { key, tombstone, record, .. } => {
                    let before = || Some(rows.kept.get(&key)?.columns.clone());
                    let was = record.map(|record| record.columns()).or_else(before);
                    let ended = was.map(|was| Columns { ended: Some(tombstone), ..was });
                    line.sessions.push(SessionLine::new(key, None, ended));
                }
                // The next that takes the slot is its holder.
                ActWrite::FreeSlot { .. } => {}
                ActWrite::Stamp { subject: SubjectKey { tenant, subject, .. }, stamp } => {
                    line.subjects.push((tenant, subject, stamp.encode()?));
                }
                ActWrite::Log(entry) => line.log.push(entry),
            }
        }
        Ok(line)
    }

    /// The line of a sweep.
    pub(crate) fn removing(keys: impl Iterator<Item = SessionKey>) -> Self {
        let line = |key| SessionLine::new(key, None, None);
        Self { sessions: keys.map(line).collect(), ..Self::default() }
    }
}

/// What all lines together say.
#[derive(Default)]
pub(crate) struct Rows {
    kept: HashMap<SessionKey, Kept>,
    subjects: HashMap<SubjectKey, SubjectStamp>,
    /// Who took the slot of a device last. The record says whether it still holds the slot.
    slots: HashMap<(TenantId, DeviceId), SessionKey>,
    /// Every revocation, numbered from zero.
    pub(crate) log: Vec<RevocationEntry>,
}

struct Kept {
    row: String,
    columns: Columns,
    /// None where the row cannot be read.
    record: Option<Arc<Record>>,
}

impl Rows {
    /// What an act wants. The file is locked, so nothing is compared.
    pub(crate) fn facts(&self, wants: &Wants<'_>) -> Facts {
        let mut facts = Facts::held();
        if let Some(key) = wants.record_key() {
            facts.current = self.row(&key);
        }
        if let Some(subject) = wants.subject_key() {
            facts.stamp = self.subjects.get(&subject).cloned();
            if wants.others.is_some() {
                let own = |by: &&Arc<Record>| by.subject_key().as_ref() == Some(&subject);
                let others = self.records().filter(own).filter(|own| own.tombstone().is_none());
                facts.others = Others::All(others.map(|own| self.snapshot(own)).collect());
            }
        }
        if let Some(device) = wants.slot {
            let holder = self.slots.get(&(wants.tenant.clone(), device.clone()));
            let row = holder.map_or(Row::Absent, |key| self.row(key));
            if matches!(&row, Row::Record(by) if by.record.device_slot() == Some(device)) {
                facts.slot_holder = Some(Box::new(row));
            }
        }
        facts
    }

    pub(crate) fn row(&self, key: &SessionKey) -> Row {
        match self.kept.get(key) {
            None => Row::Absent,
            Some(Kept { record: Some(record), .. }) => Row::Record(self.snapshot(record)),
            Some(Kept { row, columns, .. }) => {
                let error = read(key, row, columns.clone()).err();
                let error = error.unwrap_or_else(|| StoreError::new(StoreErrorKind::Broken));
                Row::Unreadable { error, is_ended: columns.ended.is_some() }
            }
        }
    }

    pub(crate) fn snapshot(&self, record: &Arc<Record>) -> Snapshot {
        let stamp = record.subject_key().and_then(|subject| self.subjects.get(&subject));
        Snapshot::new(record.clone(), stamp.cloned())
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.kept.values().filter_map(|kept| kept.record.as_ref())
    }

    pub(crate) fn damaged(&self) -> impl Iterator<Item = &SessionKey> {
        self.kept.iter().filter(|(_, kept)| kept.record.is_none()).map(|(key, _)| key)
    }

    fn apply(&mut self, line: Writes) -> Answer<()> {
        for SessionLine { tenant, id, row, columns } in line.sessions {
            let key = SessionKey::new(tenant, id);
            let before = self.kept.remove(&key);
            let Some(columns) = columns else { continue };
            let is_new = before.is_none();
            let row = row.or(before.map(|before| before.row)).unwrap_or_default();
            let record = read(&key, &row, columns.clone()).ok();
            let slot = record.as_ref().and_then(|record| record.device_slot()).filter(|_| is_new);
            if let Some(device) = slot {
                self.slots.insert((key.tenant.clone(), device.clone()), key.clone());
            }
            self.kept.insert(key, Kept { row, columns, record });
        }
        for (tenant, subject, stamp) in line.subjects {
            let stamp = SubjectStamp::decode(stamp.as_bytes())?;
            self.subjects.insert(SubjectKey::new(tenant, subject), stamp);
        }
        self.log.extend(line.log);
        Ok(())
    }
}

/// A row as the record that belongs there.
fn read(key: &SessionKey, row: &str, columns: Columns) -> Answer<Arc<Record>> {
    let record = Record::decode(row.as_bytes(), columns)?;
    match record.key() == *key {
        true => Ok(record.into()),
        false => Err(damaged("the row of another record")),
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
    pub(crate) fn open(path: &Path) -> Answer<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path);
        let open = Open { file: file.map_err(unavailable)?, read_to: 0, rows: Rows::default() };
        let journal = Self(Mutex::new(open));
        journal.read(|_| Ok(()))?;
        Ok(journal)
    }

    /// Reads all that was written before.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Rows) -> Answer<T>) -> Answer<T> {
        self.write(|rows| (read(rows), Ok(Writes::default())))
    }

    /// Runs one act of the crate.
    pub(crate) fn act<T>(&self, decide: impl FnOnce(&Rows) -> Plan<T>) -> Answer<T> {
        self.write(|rows| {
            let Plan { answer, writes, .. } = decide(rows);
            (answer, Writes::of(rows, writes))
        })
    }

    /// Whoever else has the file open waits. What is written is one line, on the disk before the
    /// answer is given.
    pub(crate) fn write<T>(&self, decide: impl FnOnce(&Rows) -> Acted<T>) -> Answer<T> {
        let mut open = self.0.lock().map_err(|_| StoreError::new(StoreErrorKind::Broken))?;
        open.file.lock().map_err(unavailable)?;
        let answer = open.catch_up().and_then(|()| {
            let (answer, writes) = decide(&open.rows);
            let writes = writes?;
            if !(writes.sessions.is_empty() && writes.subjects.is_empty()) {
                open.append(writes)?;
            }
            answer
        });
        open.file.unlock().map_err(unavailable)?;
        answer
    }
}

impl Open {
    fn catch_up(&mut self) -> Answer<()> {
        if self.file.metadata().map_err(unavailable)?.len() == self.read_to {
            return Ok(());
        }
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(self.read_to)).map_err(unavailable)?;
        self.file.read_to_end(&mut bytes).map_err(unavailable)?;
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        for line in lines.filter(|line| line.ends_with(b"\n")) {
            // The cause would show the line.
            let parsed = serde_json::from_slice(line);
            let parsed = parsed.map_err(|_| damaged("a line of the file cannot be read"))?;
            self.rows.apply(parsed)?;
            self.read_to += line.len() as u64;
        }
        Ok(())
    }

    fn append(&mut self, writes: Writes) -> Answer<()> {
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

fn damaged(what: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Damaged).with_source(what)
}

fn unavailable(cause: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable).with_source(cause)
}

#[cfg(all(test, feature = "testing"))]
#[allow(clippy::unwrap_used, reason = "a failed test panics")]
pub(crate) mod temp_file {
    use std::{fs, sync::Arc};

    use async_trait::async_trait;
    use session_issuer::{
        id::SessionKey,
        store::SessionStore,
        testing::{DurableStore, Tampering},
    };

    use super::{super::FileStore, SessionLine, Writes};

    /// A file of its own for each case of the suite.
    pub(crate) struct TempFile(tempfile::NamedTempFile);

    impl TempFile {
        pub(crate) fn new() -> Self {
            Self(tempfile::NamedTempFile::new().unwrap())
        }
    }

    #[async_trait]
    impl DurableStore for TempFile {
        async fn open(&self) -> Arc<dyn SessionStore> {
            Arc::new(FileStore::open(self.0.path()).unwrap())
        }

        /// Changes the row where it stands last. Bytes that are no text become other text.
        async fn tamper(&self, key: &SessionKey, change: Tampering<'_>) {
            let text = fs::read_to_string(self.0.path()).unwrap();
            let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
            let mut lines: Vec<Writes> = lines.collect();
            let of_key = |line: &&mut SessionLine| line.id == key.id && line.tenant == key.tenant;
            let rows = lines.iter_mut().flat_map(|line| &mut line.sessions);
            let row = rows.filter(of_key).filter_map(|line| line.row.as_mut()).last().unwrap();
            let mut bytes = row.clone().into_bytes();
            change(&mut bytes);
            *row = String::from_utf8_lossy(&bytes).into_owned();
            let lines = lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n");
            fs::write(self.0.path(), lines.collect::<String>()).unwrap();
        }
    }
}
