//! A store of your own: sessions in one file that only grows, proved by the public suite.
//!
//! ```text
//! cargo run --example own_store
//! cargo test --example own_store --features testing
//! ```
//!
//! The store decides nothing. What is live, who is evicted and what a tombstone does are the crate's pure functions; a row
//! is `Record::encode`; what is found by is `Record::index`. What is left to a store is what this file and
//! `own_store/journal.rs` do: keep rows, and make each call one act. The ten lines that prove it stand at the end.
//!
//! For a tool or a small service: every call reads what others appended, and every write waits for the disk. All of it is
//! in memory too, and the file is never written anew.

#[path = "own_store/journal.rs"]
mod journal;

use std::{cmp::Reverse, error::Error, fmt, path::Path, sync::Arc};

use async_trait::async_trait;
use session_issuer::{
    Issuer, NewSession, Policy, Requirement, Revoke, Timestamp,
    clock::Epoch,
    entropy::SystemEntropy,
    error::RevokeReason,
    id::{SessionKey, SubjectId, SubjectKey},
    policy::{AccessFormat, Credentials},
    session::{
        Admission, CapRule, FactorFloor, Life, Record, admit, is_purgeable, is_session_of_subject, life,
        may_follow,
    },
    store::{
        Capabilities, Change, Committed, Cursor, Ended, Inserted, Mark, Marked, NewRecord, PageKey, Query,
        RecordPage, RevocationBatch, Select, SessionStore, Snapshot, StoreError, StoreErrorKind, SubjectMark,
        SubjectMarked, SubjectStamp, Swept, Tombstone,
    },
    token::TokenKeys,
};

use self::journal::{Journal, Rows, Writes};

/// Sessions in one file.
pub(crate) struct FileStore(Journal);

impl FileStore {
    /// Opens the file, or makes it. Other handles and other processes may have it open too.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self(Journal::open(path)?))
    }
}

#[async_trait]
impl SessionStore for FileStore {
    async fn insert(&self, mut new: NewRecord) -> Result<Inserted, StoreError> {
        if new.record.tombstone().is_some() {
            return Err(StoreError::new(StoreErrorKind::Broken));
        }
        self.0.act(|rows, writes| {
            if rows.is_taken(&new.record.key()) {
                return Ok(Inserted::DuplicateId);
            }
            let subject = new.record.subject_key();
            let known = match &subject {
                Some(subject) if new.adopt_epoch => {
                    let stamp = stamp_or_first(rows, writes, subject, new.now)?;
                    new.adopt(stamp.epoch);
                    Some(stamp)
                }
                Some(subject) => rows.stamp(subject).cloned(),
                None => None,
            };
            let NewRecord { record, observed_epoch, admit: rule, replace_device, now, .. } = new;
            let mut leaving = match entry(rows, &record, known, observed_epoch, rule, now) {
                Entry::Open(leaving) => leaving,
                Entry::Full => return Ok(Inserted::CapReached),
                Entry::Moved => return Ok(Inserted::EpochMoved),
            };
            if let Some(holder) = holder(rows, &record, now) {
                if !replace_device {
                    return Ok(Inserted::DeviceTaken(rows.snapshot(&holder)));
                }
                leaving.push((holder, RevokeReason::Superseded));
            }
            let evicted = end_all(writes, leaving, now)?;
            writes.put(&record)?;
            Ok(Inserted::Created { record, evicted })
        })
    }

    async fn load(&self, key: &SessionKey) -> Result<Option<Snapshot>, StoreError> {
        self.0.act(|rows, _| Ok(rows.get(key)?.map(|record| rows.snapshot(&record))))
    }

    async fn stamp(&self, subject: &SubjectKey, now: Timestamp) -> Result<SubjectStamp, StoreError> {
        self.0.act(|rows, writes| stamp_or_first(rows, writes, subject, now))
    }

    async fn commit(&self, key: &SessionKey, change: Change) -> Result<Committed, StoreError> {
        let Change { expected, mut next, admit: rule, observed_epoch, now, .. } = change;
        if next.key() != *key || next.tombstone().is_some() {
            return Err(StoreError::new(StoreErrorKind::Broken));
        }
        self.0.act(|rows, writes| {
            let Some(current) = rows.get(key)? else { return Ok(Committed::Gone) };
            if current.tombstone().is_some() || current.version() != expected {
                return Ok(Committed::Conflict(rows.snapshot(&current)));
            }
            if !may_follow(&current, &next) {
                return Err(StoreError::new(StoreErrorKind::Broken));
            }
            let is_new = is_session_of_subject(&next) && !is_session_of_subject(&current);
            let known = next.subject_key().and_then(|subject| rows.stamp(&subject).cloned());
            let rule = rule.filter(|_| is_new);
            let leaving = match entry(rows, &next, known, observed_epoch, rule, now) {
                Entry::Open(leaving) => leaving,
                Entry::Full => return Ok(Committed::CapReached),
                Entry::Moved => return Ok(Committed::EpochMoved),
            };
            Arc::make_mut(&mut next).follow(&current);
            let evicted = end_all(writes, leaving, now)?;
            writes.put(&next)?;
            Ok(Committed::Done { record: next, evicted })
        })
    }

    async fn end(&self, key: &SessionKey, tombstone: &Tombstone) -> Result<Ended, StoreError> {
        self.0.act(|rows, writes| {
            let Some(was) = rows.get(key)? else { return Ok(Ended::Gone) };
            if was.tombstone().is_some() {
                return Ok(Ended::AlreadyEnded);
            }
            writes.put(&was.ended(tombstone))?;
            Ok(Ended::Ended { was })
        })
    }

    async fn mark(&self, key: &SessionKey, mark: Mark, now: Timestamp) -> Result<Marked, StoreError> {
        self.0.act(|rows, writes| {
            let Some(mut record) = rows.get(key)? else { return Ok(Marked::NotLive) };
            if !is_live(rows, &record, now) {
                return Ok(Marked::NotLive);
            }
            if Arc::make_mut(&mut record).mark(&mark).is_err() {
                return Ok(Marked::QuotaExceeded);
            }
            writes.put(&record)?;
            Ok(Marked::Done)
        })
    }

    async fn mark_subject(
        &self,
        subject: &SubjectKey,
        mark: SubjectMark,
    ) -> Result<SubjectMarked, StoreError> {
        let SubjectMark { bump, floors, now, .. } = mark;
        self.0.act(|rows, writes| {
            if let Some(keep) = bump.and_then(|bump| bump.keep) {
                let kept = rows.get(&SessionKey::new(subject.tenant.clone(), keep))?;
                let own = |kept: &Arc<Record>| kept.subject_key().as_ref() == Some(subject);
                if !kept.is_some_and(|kept| {
                    own(&kept) && is_session_of_subject(&kept) && is_live(rows, &kept, now)
                }) {
                    return Ok(SubjectMarked::KeepNotLive);
                }
            }
            let mut stamp = stamp_or_first(rows, writes, subject, now)?;
            if let Some(bump) = bump {
                stamp.bump(bump.keep, bump.reason, now);
            }
            for kind in &floors {
                stamp.raise_floor(FactorFloor::new(*kind, now));
            }
            if bump.is_some() || !floors.is_empty() {
                writes.revoke(subject, &stamp, now, !floors.is_empty())?;
            }
            Ok(SubjectMarked::Done(stamp))
        })
    }

    async fn list(&self, query: &Query) -> Result<RecordPage, StoreError> {
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        self.0.act(|rows, _| {
            let place = |record: &Record| PageKey::new(record.created_at(), record.id());
            let mut found: Vec<_> = rows.records().filter(|record| is_listed(query, record)).collect();
            match query.newest_first {
                true => found.sort_by_key(|record| Reverse(place(record))),
                false => found.sort_by_key(|record| place(record)),
            }
            let next = found.get(limit).and(found.get(limit.wrapping_sub(1))).map(|record| place(record));
            found.truncate(limit);
            let mut page =
                RecordPage::new(found.into_iter().map(|record| rows.snapshot(record)).collect(), next);
            // Whose they are, and where they stand, only their bytes said: the first page has them.
            let first = query.after.is_none() && limit > 0;
            let damaged = rows.damaged().filter(|key| first && key.tenant == query.tenant);
            let asked = |id: &_| match &query.select {
                Select::Ids(ids) => ids.contains(id),
                select => *select == Select::Tenant,
            };
            page.damaged = damaged.map(|key| key.id).filter(asked).collect();
            Ok(page)
        })
    }

    async fn revoked_since(&self, cursor: &Cursor, limit: u32) -> Result<RevocationBatch, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let at = |number: usize| Cursor::from_bytes((number as u64).to_be_bytes());
        self.0.act(|rows, _| {
            let log = rows.log();
            let from = match cursor.as_bytes() {
                [] => Some(0),
                bytes => {
                    bytes.try_into().ok().and_then(|bytes| usize::try_from(u64::from_be_bytes(bytes)).ok())
                }
            };
            let Some(rest) = from.and_then(|from| log.get(from..)) else {
                return Ok(RevocationBatch::Reset { next: at(log.len()) });
            };
            let entries: Vec<_> = rest.iter().take(limit).cloned().collect();
            let more = entries.len() < rest.len();
            let next = at(log.len() - rest.len() + entries.len());
            Ok(RevocationBatch::Entries { entries, next, more })
        })
    }

    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<Swept, StoreError> {
        let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
        self.0.act(|rows, writes| {
            let mut over = rows.records().filter(|record| is_purgeable(record, now));
            let gone: Vec<_> = over.by_ref().take(limit).map(|record| rows.snapshot(record)).collect();
            for gone in &gone {
                writes.remove(gone.record.key());
            }
            Ok(Swept::new(gone, over.next().is_some()))
        })
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::in_memory();
        capabilities.survives_restart = true;
        capabilities
    }
}

/// May this record be among its subject's?
enum Entry {
    /// It may, once these have ended.
    Open(Vec<(Arc<Record>, RevokeReason)>),
    Full,
    Moved,
}

fn entry(
    rows: &Rows,
    record: &Record,
    known: Option<SubjectStamp>,
    observed: Option<Epoch>,
    rule: Option<CapRule>,
    now: Timestamp,
) -> Entry {
    let Some(subject) = record.subject_key() else { return Entry::Open(Vec::new()) };
    let Some(stamp) = known.filter(|stamp| observed == Some(stamp.epoch)) else { return Entry::Moved };
    let others = || rows.records().filter(|other| other.subject_key().as_ref() == Some(&subject));
    match admit(rule, record, others().map(|other| &**other), &stamp, now) {
        Admission::Full => Entry::Full,
        Admission::Admit(ids) => {
            let leaving = others().filter(|other| ids.contains(&other.id()));
            Entry::Open(leaving.map(|other| (other.clone(), RevokeReason::Limit)).collect())
        }
    }
}

/// The live session that has the slot of this record's device.
fn holder(rows: &Rows, record: &Record, now: Timestamp) -> Option<Arc<Record>> {
    let slot = record.device_slot()?;
    let same = |other: &&Arc<Record>| {
        other.tenant() == record.tenant() && other.device_slot() == Some(slot) && is_live(rows, other, now)
    };
    rows.records().find(same).cloned()
}

fn end_all(
    writes: &mut Writes,
    leaving: Vec<(Arc<Record>, RevokeReason)>,
    now: Timestamp,
) -> Result<Vec<Arc<Record>>, StoreError> {
    let end = |(record, reason): (Arc<Record>, _)| {
        let ended = record.ended(&Tombstone::new(reason, now));
        writes.put(&ended).map(|()| ended.into())
    };
    leaving.into_iter().map(end).collect()
}

fn stamp_or_first(
    rows: &Rows,
    writes: &mut Writes,
    subject: &SubjectKey,
    now: Timestamp,
) -> Result<SubjectStamp, StoreError> {
    if let Some(known) = rows.stamp(subject) {
        return Ok(known.clone());
    }
    let first = SubjectStamp::first(now);
    writes.know(subject, &first)?;
    Ok(first)
}

fn is_live(rows: &Rows, record: &Record, now: Timestamp) -> bool {
    let stamp = record.subject_key().and_then(|subject| rows.stamp(&subject));
    life(record, stamp, now) == Life::Live
}

fn is_listed(query: &Query, record: &Record) -> bool {
    let (index, place) = (record.index(), PageKey::new(record.created_at(), record.id()));
    let selected = match &query.select {
        Select::Ids(ids) => ids.contains(&record.id()),
        Select::Subject(subject) => index.subject == Some(subject),
        Select::Device(device) => index.device == Some(device),
        Select::Actor(subject) => index.actors.iter().any(|actor| actor.subject() == subject),
        Select::Creator(creator) => index.creator == Some(creator),
        Select::Fingerprint(print) => index.fingerprint == Some(print),
        Select::Tenant => true,
        _ => false,
    };
    let comes_after = query.after.is_none_or(|after| match query.newest_first {
        true => place < after,
        false => place > after,
    });
    selected
        && comes_after
        && !index.ended
        && *record.tenant() == query.tenant
        && query.created_from.is_none_or(|from| index.created_at >= from)
        && query.created_before.is_none_or(|before| index.created_at < before)
}

impl fmt::Display for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("file")
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").finish_non_exhaustive()
    }
}

/// Alice logs in; the store is closed and opened anew; she is still logged in, and logs out.
fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::temp_dir().join(format!("own-store-{}.jsonl", std::process::id()));
    let keys = TokenKeys::generate(&SystemEntropy)?; // a real host loads a secret that outlives the process
    let issuer = || -> Result<Issuer, Box<dyn Error>> {
        let policy = Policy::default().credentials(Credentials::Pair(AccessFormat::Opaque));
        Ok(Issuer::builder()
            .store(FileStore::open(&path)?)
            .token_keys(keys.clone())
            .policy(policy)
            .build()?)
    };
    pollster::block_on(async {
        let login = issuer()?.create(NewSession::for_subject(SubjectId::new("alice")?)).await?;
        let again = issuer()?;
        let checked = again.check(login.token().into(), &Requirement::new()).await?;
        println!("{} is still logged in", checked.subject()?);
        again.revoke(Revoke::token(login.token())).await?;
        let refused = issuer()?.check(login.token().into(), &Requirement::new()).await;
        println!("after the logout: {}", refused.map_or_else(|error| error.code(), |_| "still logged in"));
        std::fs::remove_file(&path)?;
        Ok(())
    })
}

#[cfg(all(test, feature = "testing"))]
mod suite {
    use super::journal::TempFile;

    session_issuer::testing::store_suite! {
        mod file_store;
        durable: || async { TempFile::new() }
    }
}
