//! Writing: the rows that an act wants are locked, the act decides, and its writes are done.

use std::sync::Arc;

use super::{
    MemoryStore, broken,
    devices::DeviceSlot,
    poisoned,
    shards::{Halt, Held, Named, ShardSet},
};
use crate::{
    clock::Timestamp,
    id::{SessionId, SessionKey, SubjectKey},
    session::{SubjectStamp, Tombstone, Use},
    store::{
        Change, Committed, Ended, Inserted, NewRecord, Noted, Snapshot, StoreError, SubjectChange,
        SubjectChanged,
        act::{self, Facts, Others, Plan, Row, Wants, Write},
    },
};

impl MemoryStore {
    pub(super) fn insert_now(&self, new: NewRecord) -> Result<Inserted, StoreError> {
        let (locked, facts) = self.look(&act::insert_wants(&new))?;
        self.carry_out(locked, act::insert(new, facts))
    }

    pub(super) fn commit_now(&self, change: Change) -> Result<Committed, StoreError> {
        let (locked, facts) = self.look(&act::commit_wants(&change))?;
        self.carry_out(locked, act::commit(change, facts))
    }

    pub(super) fn end_now(&self, key: &SessionKey, tombstone: &Tombstone) -> Result<Ended, StoreError> {
        let (locked, facts) = self.look(&act::end_wants(key))?;
        self.carry_out(locked, act::end(key, tombstone, facts))
    }

    pub(super) fn note_use_now(&self, seen: &Snapshot, used: &Use) -> Result<Noted, StoreError> {
        let (locked, facts) = self.look(&act::note_use_wants(seen))?;
        self.carry_out(locked, act::note_use(used, facts))
    }

    pub(super) fn begin_subject_now(
        &self,
        subject: &SubjectKey,
        now: Timestamp,
    ) -> Result<SubjectStamp, StoreError> {
        let (locked, facts) = self.look(&act::begin_subject_wants(subject))?;
        self.carry_out(locked, act::begin_subject(subject, now, facts))
    }

    pub(super) fn change_subject_now(
        &self,
        subject: &SubjectKey,
        change: &SubjectChange,
    ) -> Result<SubjectChanged, StoreError> {
        let (locked, facts) = self.look(&act::change_subject_wants(subject, change))?;
        self.carry_out(locked, act::change_subject(subject, change, facts))
    }

    /// Locks what an act wants, and reads it.
    fn look(&self, wants: &Wants<'_>) -> Result<(Locked<'_>, Facts), StoreError> {
        let slot = wants.slot.map(|device| self.devices.lock(wants.tenant, device)).transpose()?;
        let holder = slot.as_ref().and_then(DeviceSlot::holder);
        let ids = wants.record.into_iter().chain(wants.kept).chain(holder.as_ref());
        let mut set = ShardSet::of_all(ids);
        if wants.record.is_none()
            && let Some(subject) = wants.subject
        {
            set = set.and(Named::new(wants.tenant, subject).shard());
        }
        let (held, facts) = self.shards.look(set, |held| facts(held, wants, holder))?;
        Ok((Locked { held, slot }, facts))
    }

    /// Does the writes of a plan. Every lock that may fail is taken before the first write.
    fn carry_out<T>(&self, locked: Locked<'_>, plan: Plan<T>) -> Result<T, StoreError> {
        let Plan { answer, compares: _, writes } = plan;
        let Locked { mut held, mut slot } = locked;
        let (mut log, mut actors) = (None, None);
        for write in writes.iter() {
            match write {
                Write::Log(_) if log.is_none() => log = Some(self.log.lock().map_err(poisoned)?),
                Write::Insert { record: next } | Write::Replace { next, .. } if actors.is_none() => {
                    actors = self.actors.lock_for(next)?;
                }
                _ => {}
            }
        }
        for write in writes {
            let done = match write {
                Write::Log(entry) => {
                    if let Some(log) = &mut log {
                        log.push(entry);
                    }
                    Ok(())
                }
                Write::Insert { record } => {
                    if let Some(counts) = &mut actors {
                        counts.add(&record);
                    }
                    if let Some(slot) = &mut slot {
                        slot.take(record.id());
                    }
                    held.insert(record)
                }
                Write::Replace { was, next } => {
                    if let Some(counts) = actors.as_mut().filter(|_| was.session().is_none()) {
                        counts.add(&next);
                    }
                    match was.bound() == next.bound() {
                        true => held.replace(next),
                        false => held.rebind(was.bound().is_none(), next),
                    }
                }
                Write::NoteUse { next } => held.replace(next),
                Write::End { record, .. } => record.map_or(Ok(()), |record| held.end(record)),
                // The slot is the newcomer's from its insert on; whoever held it asks in vain.
                Write::FreeSlot { .. } => Ok(()),
                Write::Stamp { subject, stamp } => {
                    held.set_stamp(Named::new(&subject.tenant, &subject.subject), stamp)
                }
            };
            // Whatever an act writes, it has wanted: the shards are held.
            done.map_err(|_| broken())?;
        }
        answer
    }
}

/// The rows that an act wants, locked.
struct Locked<'a> {
    held: Held<'a>,
    slot: Option<DeviceSlot<'a>>,
}

fn facts(held: &Held<'_>, wants: &Wants<'_>, holder: Option<SessionId>) -> Result<Facts, Halt> {
    let Wants { tenant, record, subject, others, slot, kept } = *wants;
    let mut facts = Facts::held();
    let row = |id: SessionId| {
        let record = held.record(tenant, id)?;
        record.map(|record| held.snapshot(record)).transpose()
    };
    if let Some(current) = record.map(|id| row(*id)).transpose()?.flatten() {
        facts.current = Row::Record(current);
    }
    if let Some(subject) = subject {
        let own = match &facts.current {
            Row::Record(current) => current.record.bound().filter(|(own, _)| *own == subject),
            Row::Absent | Row::Unreadable { .. } => None,
        };
        match (&facts.current, own, others) {
            // What was read with the record is what the act asks for.
            (Row::Record(current), Some(_), None) => facts.stamp.clone_from(&current.subject),
            _ => {
                let row = held.row(Named::new(tenant, subject))?;
                facts.stamp = row.map(|row| row.stamp());
                if let (Some(limit), Some(row)) = (others, row) {
                    facts.others = self::others(held, wants, row.ids(), limit.get(), &facts.stamp)?;
                }
            }
        }
    }
    if let (Some(holder), Some(device)) = (holder, slot)
        && let Some(held_by) = row(holder)?.filter(|by| by.record.device_slot() == Some(device))
    {
        facts.slot_holder = Row::Record(held_by);
    }
    if let Some(kept) = kept.map(|id| row(*id)).transpose()?.flatten() {
        facts.kept = Row::Record(kept);
    }
    Ok(facts)
}

fn others(
    held: &Held<'_>,
    wants: &Wants<'_>,
    ids: &[SessionId],
    limit: u32,
    stamp: &Option<SubjectStamp>,
) -> Result<Others, Halt> {
    if u32::try_from(ids.len()).is_ok_and(|count| count < limit) {
        return Ok(Others::Few);
    }
    held.require(ShardSet::of_all(ids))?;
    let mut others = Vec::with_capacity(ids.len());
    for id in ids {
        let record = held.record(wants.tenant, *id)?;
        others.extend(record.map(|record| Snapshot::new(Arc::clone(record), stamp.clone())));
    }
    Ok(Others::All(others))
}
