//! Writing: every verb looks at all it needs, and then writes; nothing can fail in between.

use std::sync::{Arc, MutexGuard};

use super::{
    MemoryStore, broken,
    log::Log,
    poisoned,
    shard::{Halt, Held, Named, ShardSet},
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

impl MemoryStore {
    pub(super) fn insert_now(&self, mut new: NewRecord) -> Result<Inserted, StoreError> {
        if new.record.tombstone().is_some() {
            return Err(broken());
        }
        let mut slot = self.devices.slot_of(&new.record)?;
        let holder = slot.as_ref().and_then(|slot| slot.holder());
        let own = ShardSet::of(new.record.id());
        let home = Named::of(&new.record).map_or(own, Named::shard);
        let wanted = own.and(home).and(ShardSet::of_all(holder.as_ref()));
        self.shards.act(wanted, |held| {
            if held.record(new.record.tenant(), new.record.id())?.is_some() {
                return Ok(Inserted::DuplicateId);
            }
            if new.adopt_epoch
                && let Some(named) = Named::of(&new.record)
            {
                let epoch = held.stamp_or_first(named, new.now)?.epoch;
                new.adopt(epoch);
            }
            let NewRecord { record, observed_epoch, adopt_epoch: _, admit: rule, replace_device, now } = &new;
            let (observed_epoch, rule, now) = (*observed_epoch, *rule, *now);
            let named = Named::of(record);
            let mut leaving = match entry(held, record, named, observed_epoch, rule, now)? {
                Entry::Moved => return Ok(Inserted::EpochMoved),
                Entry::Full => return Ok(Inserted::CapReached),
                Entry::Open(ids) => leaving(held, record, &ids, RevokeReason::Limit)?,
            };
            let device = slot.as_ref().map(|slot| slot.device());
            if let Some(holder) = holder
                && let Some(held_by) = held.record(record.tenant(), holder)?
                && held_by.device_slot() == device
                && life(held_by, held.stamp_of(held_by)?.as_ref(), now) == Life::Live
            {
                if !*replace_device {
                    return Ok(Inserted::DeviceTaken(snapshot(held, held_by)?));
                }
                leaving.push((held_by.clone(), RevokeReason::Superseded));
            }

            let log = self.log.lock().map_err(|error| Halt::Failed(poisoned(error)))?;
            self.actors.add(record)?;
            let evicted = end_all(held, log, leaving, now)?;
            held.put(record.clone(), named, observed_epoch)?;
            if let Some(named) = named {
                held.change_row(named, |row| row.add(record.id()))?;
            }
            if let Some(slot) = &mut slot {
                slot.take(record.id());
            }
            Ok(Inserted::Created { record: record.clone(), evicted })
        })
    }

    pub(super) fn commit_now(&self, key: &SessionKey, change: Change) -> Result<Committed, StoreError> {
        let Change { expected, mut next, admit: rule, observed_epoch, now } = change;
        if next.id() != key.id || *next.tenant() != key.tenant || next.tombstone().is_some() {
            return Err(broken());
        }
        self.shards.act(ShardSet::of(key.id), |held| {
            let Some(current) = held.record(&key.tenant, key.id)?.cloned() else {
                return Ok(Committed::Gone);
            };
            if current.tombstone().is_some() || current.version() != expected {
                return Ok(Committed::Conflict(snapshot(held, &current)?));
            }
            if !may_follow(&current, &next) {
                return Err(Halt::Failed(broken()));
            }
            let stays = current.bound() == next.bound();
            let rule = rule.filter(|_| is_session_of_subject(&next) && !is_session_of_subject(&current));
            let known = held.known_epoch(&current)?.filter(|_| stays && rule.is_none());
            let leaving = match known {
                Some(epoch) if observed_epoch != Some(epoch) => return Ok(Committed::EpochMoved),
                Some(_) => Vec::new(),
                None => {
                    held.require(ShardSet::of_record(&next))?;
                    match entry(held, &next, Named::of(&next), observed_epoch, rule, now)? {
                        Entry::Moved => return Ok(Committed::EpochMoved),
                        Entry::Full => return Ok(Committed::CapReached),
                        Entry::Open(ids) => leaving(held, &next, &ids, RevokeReason::Limit)?,
                    }
                }
            };

            let log = self.log.lock().map_err(|error| Halt::Failed(poisoned(error)))?;
            Arc::make_mut(&mut next).follow(&current);
            if current.session().is_none() {
                self.actors.add(&next)?;
            }
            let evicted = end_all(held, log, leaving, now)?;
            match Named::of(&next).filter(|_| !stays) {
                Some(named) => {
                    held.put(next.clone(), Some(named), observed_epoch)?;
                    if current.bound().is_none() {
                        held.change_row(named, |row| row.add(key.id))?;
                    }
                }
                None => held.replace(next.clone())?,
            }
            Ok(Committed::Done { record: next.clone(), evicted })
        })
    }

    pub(super) fn end_now(&self, key: &SessionKey, tombstone: &Tombstone) -> Result<Ended, StoreError> {
        self.shards.act(ShardSet::of(key.id), |held| {
            let Some(was) = held.record(&key.tenant, key.id)?.cloned() else { return Ok(Ended::Gone) };
            if was.tombstone().is_some() {
                return Ok(Ended::AlreadyEnded);
            }
            held.require(ShardSet::of_record(&was))?;
            let mut log = self.log.lock().map_err(|error| Halt::Failed(poisoned(error)))?;
            end_one(held, &mut log, &was, tombstone)?;
            Ok(Ended::Ended { was })
        })
    }

    pub(super) fn mark_now(
        &self,
        key: &SessionKey,
        mark: &Mark,
        now: Timestamp,
    ) -> Result<Marked, StoreError> {
        self.shards.act(ShardSet::of(key.id), |held| {
            let Some(record) = held.record(&key.tenant, key.id)? else { return Ok(Marked::NotLive) };
            if life(record, held.stamp_of(record)?.as_ref(), now) != Life::Live {
                return Ok(Marked::NotLive);
            }
            Ok(match held.mark(&key.tenant, key.id, mark)? {
                Ok(()) => Marked::Done,
                Err(_) => Marked::QuotaExceeded,
            })
        })
    }

    pub(super) fn mark_subject_now(
        &self,
        key: &SubjectKey,
        mark: &SubjectMark,
    ) -> Result<SubjectMarked, StoreError> {
        let SubjectMark { bump, floors, now } = mark;
        let named = Named::new(&key.tenant, &key.subject);
        let keep = bump.and_then(|bump| bump.keep);
        let wanted = named.shard().and(ShardSet::of_all(keep.as_ref()));
        self.shards.act(wanted, |held| {
            if let Some(keep) = keep
                && !is_live_session_of(held, key, keep, *now)?
            {
                return Ok(SubjectMarked::KeepNotLive);
            }
            let mut log = self.log.lock().map_err(|error| Halt::Failed(poisoned(error)))?;
            let mut stamp = held.stamp_or_first(named, *now)?;
            if let Some(bump) = bump {
                stamp.bump(bump.keep, bump.reason, *now);
            }
            for kind in floors {
                stamp.raise_floor(FactorFloor::new(*kind, *now));
            }
            if bump.is_some() || !floors.is_empty() {
                log.push(RevocationEntry::Subject {
                    key: key.clone(),
                    epoch: stamp.epoch,
                    kept: stamp.kept,
                    factors_changed_at: (!floors.is_empty()).then_some(*now),
                    until: now.saturating_add(MAX_SIGNED_LIFETIME),
                });
                held.set_stamp(named, stamp.clone())?;
            }
            Ok(SubjectMarked::Done(stamp))
        })
    }
}

/// May this record be among its subject's?
enum Entry {
    /// It may, once these have ended.
    Open(Vec<SessionId>),
    Full,
    Moved,
}

fn entry(
    held: &Held<'_>,
    record: &Record,
    named: Option<Named<'_>>,
    observed: Option<Epoch>,
    rule: Option<CapRule>,
    now: Timestamp,
) -> Result<Entry, Halt> {
    let Some(named) = named else { return Ok(Entry::Open(Vec::new())) };
    let row = held.row(named)?;
    let Some(row) = row.filter(|row| observed == Some(row.epoch())) else { return Ok(Entry::Moved) };
    if rule.is_none() {
        return Ok(Entry::Open(Vec::new()));
    }
    held.require(ShardSet::of_all(row.ids()))?;
    let mut others = Vec::with_capacity(row.ids().len());
    for id in row.ids() {
        others.extend(held.record(record.tenant(), *id)?.map(|other| &**other));
    }
    Ok(match admit(rule, record, others, &row.stamp(), now) {
        Admission::Admit(leaving) => Entry::Open(leaving),
        Admission::Full => Entry::Full,
    })
}

type Leaving = Vec<(Arc<Record>, RevokeReason)>;

fn leaving(
    held: &Held<'_>,
    newcomer: &Record,
    ids: &[SessionId],
    reason: RevokeReason,
) -> Result<Leaving, Halt> {
    let mut leaving = Vec::with_capacity(ids.len());
    for id in ids {
        leaving.extend(held.record(newcomer.tenant(), *id)?.map(|record| (record.clone(), reason)));
    }
    Ok(leaving)
}

/// Ends these; answers them with their tombstones.
fn end_all(
    held: &mut Held<'_>,
    mut log: MutexGuard<'_, Log>,
    leaving: Leaving,
    now: Timestamp,
) -> Result<Vec<Arc<Record>>, Halt> {
    leaving
        .into_iter()
        .map(|(record, reason)| end_one(held, &mut log, &record, &Tombstone::new(reason, now)))
        .collect()
}

fn end_one(
    held: &mut Held<'_>,
    log: &mut Log,
    record: &Record,
    tombstone: &Tombstone,
) -> Result<Arc<Record>, Halt> {
    let ended = Arc::new(record.ended(tombstone));
    let until = ended.tokens_end_at().unwrap_or(Timestamp::MAX);
    log.push(RevocationEntry::Session { key: ended.key(), until });
    held.replace(ended.clone())?;
    if let Some(named) = Named::of(record) {
        held.change_row(named, |row| row.end(record.id()))?;
    }
    Ok(ended)
}

fn snapshot(held: &Held<'_>, record: &Arc<Record>) -> Result<Snapshot, Halt> {
    Ok(Snapshot::new(record.clone(), held.stamp_of(record)?))
}

fn is_live_session_of(
    held: &Held<'_>,
    key: &SubjectKey,
    id: SessionId,
    now: Timestamp,
) -> Result<bool, Halt> {
    let Some(record) = held.record(&key.tenant, id)? else { return Ok(false) };
    Ok(is_session_of_subject(record)
        && record.bound().is_some_and(|(subject, _)| *subject == key.subject)
        && life(record, held.stamp_of(record)?.as_ref(), now) == Life::Live)
}
