//! Writing: each verb is one act within the writer's transaction, decided by the rules of `session` alone.

use std::sync::Arc;

use rusqlite::Connection;

use super::{
    error::broken,
    log,
    rows::{self, Found, records_where},
    subjects,
};
use crate::{
    clock::{Epoch, MAX_SIGNED_LIFETIME, Timestamp},
    error::RevokeReason,
    id::{SessionId, SessionKey, SubjectKey},
    session::{
        Admission, CapRule, FactorFloor, Life, Mark, Record, Tombstone, admit, is_session_of_subject, life,
        may_follow,
    },
    store::{
        Change, Committed, Ended, Inserted, Marked, NewRecord, RevocationEntry, Snapshot, StoreError,
        SubjectMark, SubjectMarked,
    },
};

/// Adds a record, whose row was written before. One that adopts is of a subject that was not known then.
pub(super) fn insert(
    tables: &Connection,
    mut new: NewRecord,
    mut row: String,
) -> Result<Inserted, StoreError> {
    if new.record.tombstone().is_some() {
        return Err(broken());
    }
    let Some(number) = rows::free_place(tables, &new.record.key())? else {
        return Ok(Inserted::DuplicateId);
    };
    if new.adopt_epoch
        && let Some(key) = new.record.subject_key()
    {
        let Some(epoch) = subjects::begin(tables, &key, new.now)? else { return Ok(Inserted::EpochMoved) };
        if new.observed_epoch != Some(epoch) {
            new.adopt(epoch);
            row = new.record.encode()?;
        }
    }
    let NewRecord { record, observed_epoch, adopt_epoch: _, admit: rule, replace_device, now } = new;
    let mut leaving = match entry(tables, &record, observed_epoch, rule, now)? {
        Entry::Moved => return Ok(Inserted::EpochMoved),
        Entry::Full => return Ok(Inserted::CapReached),
        Entry::Open(leaving) => leaving,
    };
    if let Some(holder) = holder(tables, &record)? {
        match holder.snapshot.ok().filter(|held_by| is_live(held_by, now)) {
            Some(held_by) if !replace_device => return Ok(Inserted::DeviceTaken(held_by)),
            Some(held_by) => leaving.push((holder.number, held_by.record, RevokeReason::Superseded)),
            // What is not live, or cannot be read and so is nobody's, makes room.
            None => rows::leave_slot(tables, holder.number)?,
        }
    }
    let evicted = end_all(tables, leaving, now)?;
    rows::insert(tables, number, &record, &row)?;
    Ok(Inserted::Created { record, evicted })
}

pub(super) fn commit(tables: &Connection, key: &SessionKey, change: Change) -> Result<Committed, StoreError> {
    let Change { expected, mut next, admit: rule, observed_epoch, now } = change;
    if next.id() != key.id || *next.tenant() != key.tenant || next.tombstone().is_some() {
        return Err(broken());
    }
    let Some(found) = rows::find(tables, key)? else { return Ok(Committed::Gone) };
    let current = found.snapshot?;
    if current.record.tombstone().is_some() || current.record.version() != expected {
        return Ok(Committed::Conflict(current));
    }
    if !may_follow(&current.record, &next) {
        return Err(broken());
    }
    let rule = rule.filter(|_| is_session_of_subject(&next) && !is_session_of_subject(&current.record));
    let leaving = match entry(tables, &next, observed_epoch, rule, now)? {
        Entry::Moved => return Ok(Committed::EpochMoved),
        Entry::Full => return Ok(Committed::CapReached),
        Entry::Open(leaving) => leaving,
    };
    Arc::make_mut(&mut next).follow(&current.record);
    let evicted = end_all(tables, leaving, now)?;
    rows::replace(tables, found.number, &current.record, &next)?;
    Ok(Committed::Done { record: next, evicted })
}

/// Ends a record. One that cannot be read is ended and logged all the same, and the answer inside says that nobody can say
/// what it was.
pub(super) fn end(
    tables: &Connection,
    key: &SessionKey,
    tombstone: &Tombstone,
) -> Result<Result<Ended, StoreError>, StoreError> {
    let Some(found) = rows::find(tables, key)? else { return Ok(Ok(Ended::Gone)) };
    if found.is_ended {
        return Ok(Ok(Ended::AlreadyEnded));
    }
    match found.snapshot {
        Ok(was) if was.record.tombstone().is_some() => Ok(Ok(Ended::AlreadyEnded)),
        Ok(Snapshot { record: was, .. }) => {
            end_one(tables, found.number, &was, tombstone)?;
            Ok(Ok(Ended::Ended { was }))
        }
        Err(unreadable) => {
            let until = tombstone.at.saturating_add(MAX_SIGNED_LIFETIME);
            log::push(tables, &RevocationEntry::Session { key: key.clone(), until })?;
            rows::end_unreadable(tables, found.number, tombstone)?;
            Ok(Err(unreadable))
        }
    }
}

pub(super) fn mark(
    tables: &Connection,
    key: &SessionKey,
    mark: &Mark,
    now: Timestamp,
) -> Result<Marked, StoreError> {
    let Some(found) = rows::find(tables, key)? else { return Ok(Marked::NotLive) };
    let current = found.snapshot?;
    if !is_live(&current, now) {
        return Ok(Marked::NotLive);
    }
    let mut next = Record::clone(&current.record);
    if next.mark(mark).is_err() {
        return Ok(Marked::QuotaExceeded);
    }
    if next != *current.record {
        rows::replace(tables, found.number, &current.record, &next)?;
    }
    Ok(Marked::Done)
}

pub(super) fn mark_subject(
    tables: &Connection,
    key: &SubjectKey,
    mark: &SubjectMark,
) -> Result<SubjectMarked, StoreError> {
    let SubjectMark { bump, floors, now } = mark;
    if let Some(keep) = bump.and_then(|bump| bump.keep)
        && !is_live_session_of(tables, key, keep, *now)?
    {
        return Ok(SubjectMarked::KeepNotLive);
    }
    let mut stamp = subjects::stamp_or_first(tables, key, *now)?;
    if let Some(bump) = bump {
        stamp.bump(bump.keep, bump.reason, *now);
    }
    for kind in floors {
        stamp.raise_floor(FactorFloor::new(*kind, *now));
    }
    if bump.is_some() || !floors.is_empty() {
        let entry = RevocationEntry::Subject {
            key: key.clone(),
            epoch: stamp.epoch,
            kept: stamp.kept,
            factors_changed_at: (!floors.is_empty()).then_some(*now),
            until: now.saturating_add(MAX_SIGNED_LIFETIME),
        };
        log::push(tables, &entry)?;
        subjects::set_stamp(tables, key, &stamp)?;
    }
    Ok(SubjectMarked::Done(stamp))
}

/// Records to end, each in its row, and why.
type Leaving = Vec<(i64, Arc<Record>, RevokeReason)>;

/// May this record be among its subject's?
enum Entry {
    /// It may, once these have ended.
    Open(Leaving),
    Full,
    Moved,
}

fn entry(
    tables: &Connection,
    record: &Record,
    observed: Option<Epoch>,
    rule: Option<CapRule>,
    now: Timestamp,
) -> Result<Entry, StoreError> {
    let Some(key) = record.subject_key() else { return Ok(Entry::Open(Vec::new())) };
    let stamp = subjects::stamp(tables, &key)?.filter(|stamp| observed == Some(stamp.epoch));
    let Some(stamp) = stamp else { return Ok(Entry::Moved) };
    if rule.is_none() {
        return Ok(Entry::Open(Vec::new()));
    }
    const OTHERS: &str = records_where!("r.subject = ?2 AND r.ended_at IS NULL");
    let others = rows::find_all(tables, OTHERS, &key.tenant, key.subject.as_str())?;
    // What cannot be read is nobody's session.
    let others: Vec<_> =
        others.into_iter().filter_map(|found| Some((found.number, found.snapshot.ok()?.record))).collect();
    Ok(match admit(rule, record, others.iter().map(|(_, other)| &**other), &stamp, now) {
        Admission::Admit(ids) => {
            let leaving = others.into_iter().filter(|(_, other)| ids.contains(&other.id()));
            Entry::Open(leaving.map(|(number, other)| (number, other, RevokeReason::Limit)).collect())
        }
        Admission::Full => Entry::Full,
    })
}

/// Who holds the slot of the device that this record would take.
fn holder(tables: &Connection, record: &Record) -> Result<Option<Found>, StoreError> {
    let Some(device) = record.device_slot() else { return Ok(None) };
    const HOLDER: &str = records_where!("r.device_slot = ?2");
    Ok(rows::find_all(tables, HOLDER, record.tenant(), device.as_str())?.pop())
}

/// Ends these; answers them with their tombstones.
fn end_all(tables: &Connection, leaving: Leaving, now: Timestamp) -> Result<Vec<Arc<Record>>, StoreError> {
    leaving
        .into_iter()
        .map(|(number, record, reason)| end_one(tables, number, &record, &Tombstone::new(reason, now)))
        .collect()
}

fn end_one(
    tables: &Connection,
    number: i64,
    record: &Record,
    tombstone: &Tombstone,
) -> Result<Arc<Record>, StoreError> {
    let ended = Arc::new(record.ended(tombstone));
    let until = ended.tokens_end_at().unwrap_or(Timestamp::MAX);
    log::push(tables, &RevocationEntry::Session { key: ended.key(), until })?;
    rows::replace(tables, number, record, &ended)?;
    Ok(ended)
}

fn is_live(found: &Snapshot, now: Timestamp) -> bool {
    life(&found.record, found.subject.as_ref(), now) == Life::Live
}

fn is_live_session_of(
    tables: &Connection,
    key: &SubjectKey,
    id: SessionId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(found) = rows::find(tables, &SessionKey::new(key.tenant.clone(), id))? else { return Ok(false) };
    let found = found.snapshot?;
    Ok(is_session_of_subject(&found.record)
        && found.record.bound().is_some_and(|(subject, _)| *subject == key.subject)
        && is_live(&found, now))
}
