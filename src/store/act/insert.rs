//! How a record comes in.

use super::{
    Basis, Compare, Facts, Plan, Row, Wants, Write,
    admission::{Entry, compare_entry, entry, write_end, write_ends},
    facts::cap_on,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::SubjectKey,
    session::{Life, RevokeReason, SubjectStamp, Tombstone, life},
    store::{Binding, Inserted, NewRecord},
};

/// The rows that [`insert`] reads.
#[inline]
pub fn insert_wants(new: &NewRecord) -> Wants<'_> {
    let record = &*new.record;
    Wants {
        record: Some(record.id_ref()),
        subject: record.bound().map(|(subject, _)| subject),
        others: cap_on(new.admit, None, record).map(|rule| rule.limit),
        slot: record.device_slot(),
        ..Wants::of(record.tenant())
    }
}

/// Adds a record, if its epoch still stands and its subject's cap admits it.
///
/// A live holder of the device's slot is answered, or ended where
/// [`replace_device`](NewRecord::replace_device) says so; whoever else holds the slot leaves it.
#[inline]
pub fn insert(mut new: NewRecord, facts: Facts) -> Plan<Inserted> {
    if new.record.tombstone().is_some() {
        return Plan::fail(StoreError::new(StoreErrorKind::Broken));
    }
    if !matches!(facts.current, Row::Absent) {
        return Plan::answer(Inserted::DuplicateId);
    }
    let known = facts.stamp.as_ref().map(|stamp| stamp.epoch);
    let first = first_stamp(&new, facts.stamp.as_ref());
    let stamp = first.as_ref().or(facts.stamp.as_ref());
    match (new.binding, stamp) {
        (Binding::Adopt, Some(stamp)) => new.adopt(stamp.epoch),
        // Anything that was revoked since nothing was known of the subject was revoked meanwhile.
        (Binding::Unknown, Some(stamp)) if stamp.is_first() => new.adopt(stamp.epoch),
        (Binding::Unknown, Some(_)) => return Plan::answer(Inserted::EpochMoved),
        _ => {}
    }
    let NewRecord { record, binding: _, admit, replace_device, now } = new;
    let rule = cap_on(admit, None, &record);
    let observed = record.bound().map(|(_, epoch)| epoch);
    let leaving = match entry(&record, observed, rule, stamp, &facts.others, now) {
        Entry::Open(leaving) => leaving,
        Entry::Full => return Plan::answer(Inserted::CapReached),
        Entry::Moved => return Plan::answer(Inserted::EpochMoved),
    };

    let mut plan = Plan::answer(Inserted::EpochMoved);
    let subject = record.bound().map(|(subject, _)| subject);
    let subject = subject.map(|subject| SubjectKey::new(record.tenant().clone(), subject.clone()));
    if facts.basis != Basis::Held {
        plan.compares.push(Compare::NoRecord(record.key()));
        if let Some(subject) = &subject {
            compare_entry(&mut plan, subject, known, rule, &facts.others);
        }
        if let Some(device) = record.device_slot() {
            compare_slot(&mut plan, &record, device, facts.slot_holder.as_deref());
        }
    }
    if let (Some(subject), Some(stamp)) = (subject, first) {
        plan.writes.push(Write::Stamp { subject, stamp });
    }
    let mut evicted = write_ends(&mut plan.writes, leaving, RevokeReason::Limit, now);
    match facts.slot_holder.map(|holder| *holder) {
        Some(Row::Record(held_by)) if life(&held_by.record, held_by.subject.as_ref(), now) == Life::Live => {
            if !replace_device {
                return Plan::answer(Inserted::DeviceTaken(held_by));
            }
            let superseded = Tombstone::new(RevokeReason::Superseded, now);
            evicted.push(write_end(&mut plan.writes, &held_by.record, &superseded));
        }
        Some(Row::Record(_) | Row::Unreadable { .. }) => {
            if let Some(device) = record.device_slot() {
                let (tenant, device) = (record.tenant().clone(), device.clone());
                plan.writes.push(Write::FreeSlot { tenant, device });
            }
        }
        Some(Row::Absent) | None => {}
    }
    plan.writes.push(Write::Insert { record: record.clone() });
    plan.answer = Ok(Inserted::Created { record, evicted });
    plan
}

/// The stamp that this record begins for its subject; none where there is one, or where the record
/// names an epoch that somebody claims to have observed.
fn first_stamp(new: &NewRecord, stamp: Option<&SubjectStamp>) -> Option<SubjectStamp> {
    match new.binding {
        Binding::Adopt | Binding::Unknown => {
            new.record.bound().filter(|_| stamp.is_none()).map(|_| SubjectStamp::first(new.now))
        }
        Binding::Observed => None,
    }
}

fn compare_slot<T>(
    plan: &mut Plan<T>,
    record: &crate::session::Record,
    device: &crate::id::DeviceId,
    holder: Option<&Row>,
) {
    let (tenant, device) = (record.tenant().clone(), device.clone());
    match holder {
        Some(Row::Absent) | None => plan.compares.push(Compare::Slot { tenant, device, holder: None }),
        Some(Row::Record(held_by)) => {
            let (key, revision) = (held_by.record.key(), held_by.revision);
            plan.compares.push(Compare::Slot { tenant, device, holder: Some(key.id) });
            plan.compares.push(Compare::Record { key, revision });
        }
        // Whoever it is: nobody can say, and nothing of it is kept.
        Some(Row::Unreadable { .. }) => {}
    }
}
