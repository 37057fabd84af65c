//! A store that compares: the second reference beside the memory store, which locks.

use std::{
    collections::BTreeMap,
    fmt,
    num::NonZeroU32,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;

use super::{Tampering, faulty::Hesitation};
use crate::{
    clock::Timestamp,
    id::{DeviceId, SessionKey, SubjectId, SubjectKey, TenantId},
    session::{Columns, Record, SubjectStamp, Tombstone, Use},
    store::{
        Capabilities, Change, Committed, Cursor, Ended, Inserted, NewRecord, Noted, PageKey, Query,
        RecordPage, Revision, RevocationBatch, RevocationEntry, Select, SessionStore, Snapshot,
        StoreError, StoreErrorKind, SubjectChange, SubjectChanged, Swept,
        act::{self, Compare, Facts, Others, Plan, Row, Wants, Write, Writes},
    },
};

/// How often an act runs again because somebody else has written in between.
const MAX_TRIES: usize = 1_000;

/// A store that holds no lock between reading and writing, as a network store does.
///
/// Its rows are reached by two requests alone: read what an act wants, and compare and write what
/// it plans. Each is one round trip and one atomic step, and other calls may come in between. So
/// the suite, run on this store, proves that acts say everything that must be compared.
///
/// It plays a server: its records outlive the handles that are dropped. It keeps records as they
/// are encoded, and counts round trips.
///
/// # Examples
/// ```
/// use session_issuer::testing::{ComparingStore, store_suite};
///
/// store_suite! {
///     mod comparing_store;
///     store: || async { ComparingStore::new() }
/// }
/// # fn main() {}
/// ```
#[derive(Default)]
pub struct ComparingStore {
    tables: Mutex<Tables>,
    round_trips: AtomicU64,
}

#[derive(Default)]
struct Tables {
    records: BTreeMap<SessionKey, RecordRow>,
    subjects: BTreeMap<SubjectKey, (String, Revision)>,
    log: Vec<RevocationEntry>,
    /// Revisions are never given twice, so a row that went and came again is another.
    last_revision: u64,
}

struct RecordRow {
    text: Vec<u8>,
    columns: Columns,
    revision: Revision,
    created_at: Timestamp,
    subject: Option<SubjectId>,
    device_slot: Option<DeviceId>,
}

impl ComparingStore {
    /// A store without a row.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of requests that were sent so far.
    pub fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }

    /// Changes the stored encoding of a record past every call, as a bad disk would.
    pub fn tamper(&self, key: &SessionKey, change: Tampering<'_>) {
        if let Some(row) = self.lock().records.get_mut(key) {
            change(&mut row.text);
        }
    }

    /// One request: on its way others may come first, and after it too.
    async fn request<T>(&self, serve: impl FnOnce(&mut Tables) -> T) -> T {
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        Hesitation::times(1).await;
        let answer = serve(&mut self.lock());
        Hesitation::times(1).await;
        answer
    }

    /// Runs an act until its comparisons hold.
    async fn run<T>(
        &self,
        wants: Wants<'_>,
        assumed: Option<Facts>,
        decide: impl Fn(Facts) -> Plan<T>,
    ) -> Result<T, StoreError> {
        let mut facts = match assumed {
            Some(assumed) => assumed,
            None => self.request(|tables| tables.read(&wants)).await?,
        };
        for _ in 0..MAX_TRIES {
            let basis = facts.basis;
            let plan = decide(facts);
            if !plan.stands(basis) {
                facts = self.request(|tables| tables.read(&wants)).await?;
                continue;
            }
            let Plan { answer, compares, writes } = plan;
            if writes.is_empty() {
                return answer;
            }
            let sent = self.request(|tables| tables.compare_and_write(&wants, &compares, writes));
            match sent.await? {
                Ok(()) => return answer,
                Err(present) => facts = present,
            }
        }
        Err(StoreError::new(StoreErrorKind::Busy).with_source("others have written all the time"))
    }

    /// The tables are whole after every step, whoever panicked.
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    /// What an act wants, as of one moment.
    fn read(&self, wants: &Wants<'_>) -> Result<Facts, StoreError> {
        let mut facts = Facts::read();
        if let Some(key) = wants.record_key() {
            facts.current = self.row(&key);
        }
        if let Some(subject) = wants.subject_key() {
            if let Some((stamp, revision)) = self.stamp(&subject)? {
                (facts.stamp, facts.stamp_revision) = (Some(stamp), revision);
            }
            let limit = wants.others.map_or(usize::MAX, count_of);
            if self.named_by(&subject).nth(limit.saturating_sub(1)).is_some() {
                facts.others = Others::All(self.others(&subject));
            }
        }
        if let Some(device) = wants.slot {
            let holder = self.holder(wants.tenant, device);
            facts.slot_holder = holder.map(|key| Box::new(self.row(key)));
        }
        Ok(facts)
    }

    /// Writes if everything still is as it was; the present facts otherwise.
    fn compare_and_write(
        &mut self,
        wants: &Wants<'_>,
        compares: &[Compare],
        writes: Writes,
    ) -> Result<Result<(), Facts>, StoreError> {
        for compare in compares {
            if !self.holds(compare)? {
                return self.read(wants).map(Err);
            }
        }
        // Whatever can fail does so before the first write.
        let mut encoded = Vec::new();
        for write in writes.iter() {
            encoded.push(match write {
                Write::Insert { record } | Write::Replace { next: record, .. } => {
                    record.encode()?
                }
                Write::Stamp { stamp, .. } => stamp.encode()?,
                Write::NoteUse { .. }
                | Write::End { .. }
                | Write::FreeSlot { .. }
                | Write::Log(_) => String::new(),
            });
        }
        for (write, text) in writes.into_iter().zip(encoded) {
            self.write(write, text);
        }
        Ok(Ok(()))
    }

    fn holds(&self, compare: &Compare) -> Result<bool, StoreError> {
        let revision = |key: &SessionKey| self.records.get(key).map(|row| row.revision);
        Ok(match compare {
            Compare::NoRecord(key) => revision(key).is_none(),
            // A row that was damaged since it was seen is not the one that was seen.
            Compare::Record { key, revision: seen } => {
                revision(key) == Some(*seen) && !matches!(self.row(key), Row::Unreadable { .. })
            }
            Compare::Epoch { subject, epoch } => {
                self.stamp(subject)?.map(|(stamp, _)| stamp.epoch) == *epoch
            }
            Compare::Stamp { subject, revision } => {
                self.subjects.get(subject).map(|(_, at)| *at) == *revision
            }
            Compare::FewerThan { subject, limit } => {
                self.named_by(subject).nth(count_of(*limit).saturating_sub(1)).is_none()
            }
            Compare::Others { subject, records } => {
                let seen =
                    |other: &Snapshot| records.contains(&(other.record.id(), other.revision));
                let others = self.others(subject);
                others.len() == records.len() && others.iter().all(seen)
            }
            Compare::Slot { tenant, device, holder } => {
                self.holder(tenant, device).map(|key| key.id) == *holder
            }
        })
    }

    fn write(&mut self, write: Write, text: String) {
        self.last_revision += 1;
        let revision = Revision::new(self.last_revision);
        match write {
            Write::Insert { record } => {
                self.records.insert(record.key(), RecordRow::new(&record, text, revision));
            }
            Write::Replace { was: _, next } => {
                if let Some(row) = self.records.get_mut(&next.key()) {
                    let mut new = RecordRow::new(&next, text, revision);
                    // A slot that was taken away stays away.
                    new.device_slot = new.device_slot.filter(|_| row.device_slot.is_some());
                    *row = new;
                }
            }
            Write::NoteUse { next } => {
                if let Some(row) = self.records.get_mut(&next.key()) {
                    (row.columns, row.revision) = (next.columns(), revision);
                }
            }
            Write::End { key, tombstone, record, purge_at: _ } => {
                if let Some(row) = self.records.get_mut(&key) {
                    let version = record.map_or(row.columns.version, |record| record.version());
                    (row.columns.ended, row.columns.version) = (Some(tombstone), version);
                    (row.device_slot, row.revision) = (None, revision);
                }
            }
            Write::FreeSlot { tenant, device } => {
                let key = self.holder(&tenant, &device).cloned();
                if let Some(row) = key.and_then(|key| self.records.get_mut(&key)) {
                    (row.device_slot, row.revision) = (None, revision);
                }
            }
            Write::Stamp { subject, stamp: _ } => {
                self.subjects.insert(subject, (text, revision));
            }
            Write::Log(entry) => self.log.push(entry),
        }
    }

    fn row(&self, key: &SessionKey) -> Row {
        let Some(row) = self.records.get(key) else { return Row::Absent };
        match self.snapshot(key, row) {
            Ok(snapshot) => Row::Record(snapshot),
            Err(error) => Row::Unreadable { error, is_ended: row.columns.ended.is_some() },
        }
    }

    fn snapshot(&self, key: &SessionKey, row: &RecordRow) -> Result<Snapshot, StoreError> {
        let record = Record::decode(&row.text, row.columns.clone())?;
        if record.key() != *key {
            let other = StoreError::new(StoreErrorKind::Damaged);
            return Err(other.with_source("the row of another record"));
        }
        let stamp = record.subject_key().map(|subject| self.stamp(&subject)).transpose()?.flatten();
        Ok(Snapshot::new(record.into(), stamp.map(|(stamp, _)| stamp)).with_revision(row.revision))
    }

    fn stamp(&self, subject: &SubjectKey) -> Result<Option<(SubjectStamp, Revision)>, StoreError> {
        let found = self.subjects.get(subject);
        found.map(|(text, at)| Ok((SubjectStamp::decode(text.as_bytes())?, *at))).transpose()
    }

    /// The rows without a tombstone that name this subject, readable or not.
    fn named_by(&self, subject: &SubjectKey) -> impl Iterator<Item = (&SessionKey, &RecordRow)> {
        self.records.iter().filter(|(key, row)| {
            key.tenant == subject.tenant
                && row.subject.as_ref() == Some(&subject.subject)
                && row.columns.ended.is_none()
        })
    }

    fn others(&self, subject: &SubjectKey) -> Vec<Snapshot> {
        self.named_by(subject).filter_map(|(key, row)| self.snapshot(key, row).ok()).collect()
    }

    fn holder(&self, tenant: &TenantId, device: &DeviceId) -> Option<&SessionKey> {
        let holds = |(key, row): &(&SessionKey, &RecordRow)| {
            key.tenant == *tenant && row.device_slot.as_ref() == Some(device)
        };
        self.records.iter().find(holds).map(|(key, _)| key)
    }

    fn list(&self, query: &Query) -> RecordPage {
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let mut found: Vec<_> = self
            .records
            .iter()
            .filter(|(key, _)| key.tenant == query.tenant)
            .map(|(key, row)| (PageKey::new(row.created_at, key.id), row, self.snapshot(key, row)))
            .filter(|(place, row, read)| match read {
                Ok(snapshot) => query.admits(&snapshot.record),
                Err(_) => row.is_asked_for(query, *place),
            })
            .collect();
        found.sort_by_key(|(place, ..)| *place);
        if query.newest_first {
            found.reverse();
        }
        let next = found.get(limit).and(limit.checked_sub(1)).and_then(|last| found.get(last));
        let mut page = RecordPage::new(Vec::new(), next.map(|(place, ..)| *place));
        for (place, _, read) in found.into_iter().take(limit) {
            match read {
                Ok(snapshot) => page.items.push(snapshot),
                Err(_) => page.damaged.push(place.id),
            }
        }
        page
    }

    fn sweep(&mut self, now: Timestamp, limit: u32) -> Swept {
        let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
        let mut over: Vec<_> = self
            .records
            .iter()
            .filter_map(|(key, row)| self.snapshot(key, row).ok())
            .filter(|snapshot| snapshot.record.is_purgeable(now))
            .take(limit.saturating_add(1))
            .collect();
        let more = over.len() > limit;
        over.truncate(limit);
        for gone in &over {
            self.records.remove(&gone.record.key());
        }
        let named: Vec<_> = self.records.iter().filter_map(|(key, row)| row.names(key)).collect();
        let named = named.concat();
        self.subjects.retain(|key, (text, _)| {
            let stamp = SubjectStamp::decode(text.as_bytes());
            named.contains(key) || stamp.is_ok_and(|stamp| now < stamp.forgettable_at())
        });
        Swept::new(over, more)
    }
}

fn count_of(limit: NonZeroU32) -> usize {
    usize::try_from(limit.get()).unwrap_or(usize::MAX)
}

impl RecordRow {
    fn new(record: &Record, text: String, revision: Revision) -> Self {
        let index = record.index();
        Self {
            text: text.into_bytes(),
            columns: record.columns(),
            revision,
            created_at: index.created_at,
            subject: index.subject.cloned(),
            device_slot: index.device_slot.cloned(),
        }
    }

    /// The subjects that this row names, about whom or as actors.
    fn names(&self, key: &SessionKey) -> Option<Vec<SubjectKey>> {
        let record = Record::decode(&self.text, self.columns.clone()).ok();
        let index = record.as_ref().map(Record::index);
        let actors = index.iter().flat_map(|index| index.actors).map(|actor| actor.subject());
        let named = self.subject.iter().chain(actors).cloned();
        Some(named.map(|subject| SubjectKey::new(key.tenant.clone(), subject)).collect())
    }

    /// True where a list asks for this row by what stands beside its encoding.
    fn is_asked_for(&self, query: &Query, place: PageKey) -> bool {
        let follows = |after: PageKey| match query.newest_first {
            true => place < after,
            false => place > after,
        };
        let is_selected = match &query.select {
            Select::Tenant => true,
            Select::Ids(ids) => ids.contains(&place.id),
            Select::Subject(subject) => self.subject.as_ref() == Some(subject),
            // Only the encoding, which cannot be read, says more.
            Select::Device(_) | Select::Actor(_) | Select::Creator(_) | Select::Fingerprint(_) => {
                false
            }
        };
        is_selected && self.columns.ended.is_none() && query.after.is_none_or(follows)
    }
}

impl fmt::Debug for ComparingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComparingStore").finish_non_exhaustive()
    }
}

impl fmt::Display for ComparingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("comparing")
    }
}

#[async_trait]
impl SessionStore for ComparingStore {
    async fn insert(&self, new: NewRecord) -> Result<Inserted, StoreError> {
        let assumed = Facts::assumed_by_insert(&new);
        let decide = |facts| act::insert(new.clone(), facts);
        self.run(act::insert_wants(&new), Some(assumed), decide).await
    }

    async fn load(&self, key: &SessionKey) -> Result<Option<Snapshot>, StoreError> {
        match self.request(|tables| tables.row(key)).await {
            Row::Absent => Ok(None),
            Row::Record(snapshot) => Ok(Some(snapshot)),
            Row::Unreadable { error, .. } => Err(error),
        }
    }

    async fn stamp(
        &self,
        subject: &SubjectKey,
        now: Timestamp,
    ) -> Result<SubjectStamp, StoreError> {
        let decide = |facts| act::begin_subject(subject, now, facts);
        self.run(act::begin_subject_wants(subject), None, decide).await
    }

    async fn commit(&self, change: Change) -> Result<Committed, StoreError> {
        let assumed = Facts::assumed_by_commit(&change);
        let decide = |facts| act::commit(change.clone(), facts);
        self.run(act::commit_wants(&change), Some(assumed), decide).await
    }

    async fn end(&self, key: &SessionKey, tombstone: &Tombstone) -> Result<Ended, StoreError> {
        let decide = |facts| act::end(key, tombstone, facts);
        self.run(act::end_wants(key), None, decide).await
    }

    async fn note_use(&self, seen: &Snapshot, used: Use) -> Result<Noted, StoreError> {
        let assumed = Facts::assumed_by_note_use(seen);
        let decide = |facts| act::note_use(&used, facts);
        self.run(act::note_use_wants(seen), Some(assumed), decide).await
    }

    async fn change_subject(
        &self,
        subject: &SubjectKey,
        change: SubjectChange,
    ) -> Result<SubjectChanged, StoreError> {
        let decide = |facts| act::change_subject(subject, &change, facts);
        self.run(act::change_subject_wants(subject, &change), None, decide).await
    }

    async fn list(&self, query: &Query) -> Result<RecordPage, StoreError> {
        match query.limit {
            0 => Ok(RecordPage::default()),
            _ => Ok(self.request(|tables| tables.list(query)).await),
        }
    }

    async fn revoked_since(
        &self,
        cursor: &Cursor,
        limit: u32,
    ) -> Result<RevocationBatch, StoreError> {
        Ok(self.request(|tables| RevocationBatch::of(&tables.log, cursor, limit)).await)
    }

    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<Swept, StoreError> {
        Ok(self.request(|tables| tables.sweep(now, limit)).await)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::on_disk()
    }
}
