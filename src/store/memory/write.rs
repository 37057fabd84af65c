//! Writing: the rows that an act wants are locked, the act decides, and its writes are done.

use std::sync::Arc;

use super::{
    MemoryStore,
    devices::DeviceSlot,
    error::{broken, poisoned},
    shards::{Halt, Held, Named, ShardSet},
    subject::SubjectRow,
    tenants::RecordSlot,
};
use crate::{
    clock::Timestamp,
    id::{SessionId, SessionKey, SubjectKey, subject_tag},
    session::{Session, SubjectStamp, Tombstone, Use},
    store::{
        Change, Committed, Ended, Inserted, NewRecord, Noted, Snapshot, StoreError, SubjectChange,
        SubjectChanged,
        act::{self, Alone, Facts, Others, Plan, Row, Wants, Write},
    },
};

impl MemoryStore {
    pub(super) fn insert_now(&self, new: NewRecord) -> Result<Inserted, StoreError> {
        let wants = act::insert_wants(&new);
        let (tenant, id) = (wants.tenant, new.record.id());
        // Most sessions are born with their subject, and meet no cap and no device.
        let impersonates = new.record.session().is_some_and(Session::is_impersonation);
        if let Some(subject) = wants.subject
            && wants.others.is_none()
            && wants.slot.is_none()
            && !impersonates
            && new.record.tombstone().is_none()
            && subject_tag(tenant, subject) == id.tag()
        {
            let mut shard = self.shards.write_record(id)?;
            let known = shard.tenants.get(tenant);
            if known.is_some_and(|shard| shard.record(id).is_some()) {
                return Ok(Inserted::DuplicateId);
            }
            let stamp = known.and_then(|shard| shard.row(subject)).map(SubjectRow::stamp);
            let Some((record, begun)) = act::insert_alone(new, stamp.as_ref())? else {
                return Ok(Inserted::EpochMoved);
            };
            let own = shard.tenants.get_or_insert(record.tenant());
            if let Some((subject, _)) = record.bound() {
                match begun {
                    Some(epoch) => own.begin(subject.clone(), epoch, Some(id)),
                    None => own.change_row(subject, |row| row.add(id)),
                }
            }
            own.records.replace(RecordSlot(Arc::clone(&record)));
            return Ok(Inserted::Created { record, evicted: Vec::new() });
        }
        let mut facts = Facts::held();
        let locked = self.look(&wants, &mut facts)?;
        self.carry_out(locked, act::insert(new, facts))
    }

    pub(super) fn commit_now(&self, change: Change) -> Result<Committed, StoreError> {
        let wants = act::commit_wants(&change);
        // Most changes leave a session its subject, of which nothing was ever revoked.
        if wants.subject.is_none() {
            let (tenant, id) = (change.next.tenant(), change.next.id());
            let mut shard = self.shards.write_record(id)?;
            if let Some(record) = shard.tenants.get(tenant).and_then(|shard| shard.record(id))
                && record.session().is_some()
                && record.bound() == change.next.bound()
                && let Some(epoch) = shard.known_epoch(record)
            {
                return Ok(match act::commit_alone(change, record, epoch)? {
                    Alone::Replace(next) => {
                        shard.replace(Arc::clone(&next));
                        Committed::Done { record: next, evicted: Vec::new() }
                    }
                    Alone::Conflict => {
                        let stamp = Some(SubjectStamp::unmoved(epoch));
                        Committed::Conflict(Snapshot::new(Arc::clone(record), stamp))
                    }
                    Alone::EpochMoved => Committed::EpochMoved,
                });
            }
        }
        let mut facts = Facts::held();
        let locked = self.look(&wants, &mut facts)?;
        self.carry_out(locked, act::commit(change, facts))
    }

    pub(super) fn end_now(
        &self,
        key: &SessionKey,
        tombstone: &Tombstone,
    ) -> Result<Ended, StoreError> {
        let mut facts = Facts::held();
        let locked = self.look(&act::end_wants(key), &mut facts)?;
        self.carry_out(locked, act::end(key, tombstone, facts))
    }

    pub(super) fn note_use_now(&self, seen: &Snapshot, used: &Use) -> Result<Noted, StoreError> {
        let mut facts = Facts::held();
        let locked = self.look(&act::note_use_wants(seen), &mut facts)?;
        self.carry_out(locked, act::note_use(used, facts))
    }

    pub(super) fn begin_subject_now(
        &self,
        subject: &SubjectKey,
        now: Timestamp,
    ) -> Result<SubjectStamp, StoreError> {
        let mut facts = Facts::held();
        let locked = self.look(&act::begin_subject_wants(subject), &mut facts)?;
        self.carry_out(locked, act::begin_subject(subject, now, facts))
    }

    pub(super) fn change_subject_now(
        &self,
        subject: &SubjectKey,
        change: &SubjectChange,
    ) -> Result<SubjectChanged, StoreError> {
        let wants = act::change_subject_wants(subject, change);
        let mut facts = Facts::held();
        // Most changes keep no session, so that the stamp is all they read.
        if wants.record.is_none() {
            let named = Named::new(&subject.tenant, &subject.subject);
            let mut shard = self.shards.write_subject(named)?;
            let own = shard.tenants.get(&subject.tenant);
            facts.stamp = own.and_then(|own| own.row(&subject.subject)).map(SubjectRow::stamp);
            let Plan { answer, compares: _, writes } = act::change_subject(subject, change, facts);
            let mut log = self.log.lock().map_err(poisoned)?;
            for write in writes {
                match write {
                    Write::Log(entry) => log.push(entry),
                    Write::Stamp { subject, stamp } => shard.set_stamp(subject, named.tag(), stamp),
                    _ => return Err(broken()),
                }
            }
            return answer;
        }
        let locked = self.look(&wants, &mut facts)?;
        self.carry_out(locked, act::change_subject(subject, change, facts))
    }

    /// Locks what an act wants, and reads it.
    fn look(&self, wants: &Wants<'_>, facts: &mut Facts) -> Result<Locked<'_>, StoreError> {
        let slot = wants.slot.map(|device| self.devices.lock(wants.tenant, device)).transpose()?;
        let holder = slot.as_ref().and_then(DeviceSlot::holder);
        let named = wants.subject.map(|subject| Named::new(wants.tenant, subject));
        let ids = wants.record.into_iter().chain(holder.as_ref());
        let mut set = ShardSet::of_all(ids);
        if wants.record.is_none()
            && let Some(named) = named
        {
            set = set.and(named.shard());
        }
        let (held, ()) = self.shards.look(set, |held| fill(facts, held, wants, named, holder))?;
        Ok(Locked { held, slot, tag: named.map(Named::tag) })
    }

    /// Does the writes of a plan. Every lock that may fail is taken before the first write.
    fn carry_out<T>(&self, locked: Locked<'_>, plan: Plan<T>) -> Result<T, StoreError> {
        let Plan { answer, compares: _, writes } = plan;
        let Locked { mut held, mut slot, tag } = locked;
        let (mut log, mut actors) = (None, None);
        for write in writes.iter() {
            match write {
                Write::Log(_) if log.is_none() => log = Some(self.log.lock().map_err(poisoned)?),
                Write::Insert { record: next } | Write::Replace { next, .. }
                    if actors.is_none() =>
                {
                    actors = self.actors.lock_for(next)?;
                }
                _ => {}
            }
        }
        // The stamp that a new record begins for its subject is written together with the record.
        let mut begun = None;
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
                    held.insert(record, tag, begun.take())
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
                Write::End { record, .. } => record.map_or(Ok(()), |ended| held.end(ended)),
                // The slot is the newcomer's from its insert on; whoever held it asks in vain.
                Write::FreeSlot { .. } => Ok(()),
                Write::Stamp { subject, stamp } if stamp.is_first() => {
                    begun = Some((subject, stamp.epoch));
                    Ok(())
                }
                Write::Stamp { subject, stamp } => held.set_stamp(subject, tag, stamp),
            };
            // Whatever an act writes, it has wanted: the shards are held.
            done.map_err(|_| broken())?;
        }
        if let Some((subject, epoch)) = begun {
            held.begin(subject, tag, epoch, None).map_err(|_| broken())?;
        }
        answer
    }
}

/// The rows that an act wants, locked.
struct Locked<'a> {
    held: Held<'a>,
    slot: Option<DeviceSlot<'a>>,
    /// The tag of the subject that the act wants.
    tag: Option<u16>,
}

/// Reads what an act wants, over whatever a look with fewer shards has found.
fn fill(
    facts: &mut Facts,
    held: &Held<'_>,
    wants: &Wants<'_>,
    named: Option<Named<'_>>,
    holder: Option<SessionId>,
) -> Result<(), Halt> {
    let Wants { tenant, record, record_subject: _, subject: _, others, slot } = *wants;
    (facts.stamp, facts.others, facts.slot_holder) = (None, Others::Few, None);
    let row = |id: SessionId| {
        let record = held.record(tenant, id)?;
        record.map(|record| held.snapshot(record)).transpose()
    };
    if let Some(id) = record {
        facts.current = row(*id)?.map_or(Row::Absent, Row::Record);
    }
    if let Some(named) = named
        && let Some(row) = held.row(named)?
    {
        facts.stamp = Some(row.stamp());
        if let Some(limit) = others {
            facts.others = self::others(held, wants, row.ids(), limit.get(), &facts.stamp)?;
        }
    }
    if let (Some(holder), Some(device)) = (holder, slot)
        && let Some(held_by) = row(holder)?.filter(|by| by.record.device_slot() == Some(device))
    {
        facts.slot_holder = Some(Box::new(Row::Record(held_by)));
    }
    Ok(())
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
