//! How the use of a record is noted.

use std::sync::Arc;

use super::{Basis, Compare, Facts, Plan, Row, Wants, Write};
use crate::{
    session::{Life, Use, life},
    store::{Noted, Snapshot},
};

/// The rows that [`note_use`] reads.
#[inline]
pub fn note_use_wants(seen: &Snapshot) -> Wants<'_> {
    let record = &*seen.record;
    Wants {
        record: Some(record.id_ref()),
        record_subject: record.bound().map(|(subject, _)| subject),
        ..Wants::of(record.tenant())
    }
}

/// Notes a use of a live record. The version stays.
#[inline]
pub fn note_use(used: &Use, facts: Facts) -> Plan<Noted> {
    let current = match facts.current {
        Row::Absent => return Plan::answer(Noted::NotLive),
        Row::Unreadable { error, .. } => return Plan::fail(error),
        Row::Record(current) => current,
    };
    if life(&current.record, current.subject.as_ref(), used.now) != Life::Live {
        return Plan::answer(Noted::NotLive);
    }
    let mut next = current.record.clone();
    if Arc::make_mut(&mut next).note_use(used).is_err() {
        return Plan::answer(Noted::QuotaExceeded);
    }
    let mut plan = Plan::answer(Noted::Done);
    if next == current.record {
        return plan;
    }
    if facts.basis != Basis::Held {
        if let Some(subject) = next.subject_key() {
            let epoch = current.subject.map(|stamp| stamp.epoch);
            plan.compares.push(Compare::Epoch { subject, epoch });
        }
        plan.compares.push(Compare::Record { key: next.key(), revision: current.revision });
    }
    plan.writes.push(Write::NoteUse { next });
    plan
}
