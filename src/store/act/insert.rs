//! How a record comes in.

use std::sync::Arc;

use super::{
    Basis, Compare, Facts, Others, Plan, Row, Wants, Write, Writes,
    admission::{SubjectAnswer, ask_subject, compare_subject, write_end, write_ends},
    facts::cap_on,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::SubjectKey,
    session::{Epoch, Life, Record, RevokeReason, SubjectStamp, Tombstone, life},
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
    let Some(first) = bind(&mut new, facts.stamp.as_ref()) else {
        return Plan::answer(Inserted::EpochMoved);
    };
    let stamp = first.as_ref().or(facts.stamp.as_ref());
    let NewRecord { record, binding: _, admit, replace_device, now } = new;
    let rule = cap_on(admit, None, &record);
    let observed = record.bound().map(|(_, epoch)| epoch);
    let leaving = match ask_subject(&record, observed, rule, stamp, &facts.others, now) {
        SubjectAnswer::Open(leaving) => leaving,
        SubjectAnswer::Full => return Plan::answer(Inserted::CapReached),
        SubjectAnswer::Moved => return Plan::answer(Inserted::EpochMoved),
    };

    let (mut compares, mut writes) = (Vec::new(), Writes::default());
    let subject = record.bound().map(|(subject, _)| subject);
    let subject = subject.map(|subject| SubjectKey::new(record.tenant().clone(), subject.clone()));
    if facts.basis != Basis::Held {
        compares.push(Compare::NoRecord(record.key()));
        if let Some(subject) = &subject {
            compare_subject(&mut compares, subject, known, rule, &facts.others);
        }
        if let Some(device) = record.device_slot() {
            compare_slot(&mut compares, &record, device, facts.slot_holder.as_deref());
        }
    }
    if let (Some(subject), Some(stamp)) = (subject, first) {
        writes.push(Write::Stamp { subject, stamp });
    }
    let mut evicted = write_ends(&mut writes, leaving, RevokeReason::Limit, now);
    match facts.slot_holder.map(|holder| *holder) {
        Some(Row::Record(held_by))
            if life(&held_by.record, held_by.subject.as_ref(), now) == Life::Live =>
        {
            if !replace_device {
                return Plan::answer(Inserted::DeviceTaken(held_by));
            }
            let superseded = Tombstone::new(RevokeReason::Superseded, now);
            evicted.push(write_end(&mut writes, &held_by.record, &superseded));
        }
        Some(Row::Record(_) | Row::Unreadable { .. }) => {
            if let Some(device) = record.device_slot() {
                let (tenant, device) = (record.tenant().clone(), device.clone());
                writes.push(Write::FreeSlot { tenant, device });
            }
        }
        Some(Row::Absent) | None => {}
    }
    writes.push(Write::Insert { record: record.clone() });
    Plan { answer: Ok(Inserted::Created { record, evicted }), compares, writes }
}

/// A record that may be added, and the epoch of a subject that it begins.
type Admitted = (Arc<Record>, Option<Epoch>);

/// What [`insert`] decides where the stamp of the record's subject is all that is read: the id is
/// free, and no cap and no device is met. For a store that holds what it looks at, and can spare
/// itself the facts and the plan.
///
/// The answer is the record, and the epoch of a subject that it begins. It is none where the epoch
/// is not the one that was observed.
#[inline]
pub(crate) fn insert_alone(
    mut new: NewRecord,
    stamp: Option<&SubjectStamp>,
) -> Result<Option<Admitted>, StoreError> {
    if new.record.tombstone().is_some() {
        return Err(StoreError::new(StoreErrorKind::Broken));
    }
    let Some(first) = bind(&mut new, stamp) else { return Ok(None) };
    let NewRecord { record, now, .. } = new;
    let observed = record.bound().map(|(_, epoch)| epoch);
    match ask_subject(&record, observed, None, first.as_ref().or(stamp), &Others::Few, now) {
        SubjectAnswer::Open(_) => Ok(Some((record, first.map(|stamp| stamp.epoch)))),
        SubjectAnswer::Full | SubjectAnswer::Moved => Ok(None),
    }
}

/// Puts a record under the epoch that its subject has, where it names none that was observed; the
/// stamp that it begins for its subject. None where something was revoked meanwhile.
#[inline]
fn bind(new: &mut NewRecord, known: Option<&SubjectStamp>) -> Option<Option<SubjectStamp>> {
    let first = match new.binding {
        Binding::Observed => return Some(None),
        Binding::Adopt | Binding::Unknown => {
            new.record.bound().filter(|_| known.is_none()).map(|_| SubjectStamp::first(new.now))
        }
    };
    match (new.binding, first.as_ref().or(known)) {
        (Binding::Adopt, Some(stamp)) => new.adopt(stamp.epoch),
        // Anything that was revoked since nothing was known of the subject was revoked meanwhile.
        (Binding::Unknown, Some(stamp)) if stamp.is_first() => new.adopt(stamp.epoch),
        (Binding::Unknown, Some(_)) => return None,
        _ => {}
    }
    Some(first)
}

fn compare_slot(
    compares: &mut Vec<Compare>,
    record: &Record,
    device: &crate::id::DeviceId,
    holder: Option<&Row>,
) {
    let (tenant, device) = (record.tenant().clone(), device.clone());
    match holder {
        Some(Row::Absent) | None => compares.push(Compare::Slot { tenant, device, holder: None }),
        Some(Row::Record(held_by)) => {
            let (key, revision) = (held_by.record.key(), held_by.revision);
            compares.push(Compare::Slot { tenant, device, holder: Some(key.id) });
            compares.push(Compare::Record { key, revision });
        }
        // Whoever it is: nobody can say, and nothing of it is kept.
        Some(Row::Unreadable { .. }) => {}
    }
}
