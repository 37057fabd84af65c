//! How what is known of a subject begins and changes.

use super::{Basis, Compare, Facts, Plan, Row, Wants, Write};
use crate::{
    clock::{MAX_SIGNED_LIFETIME, Timestamp},
    id::SubjectKey,
    session::{FactorFloor, Life, SubjectStamp, is_session_of_subject, life},
    store::{RevocationEntry, Snapshot, SubjectChange, SubjectChanged},
};

/// The rows that [`begin_subject`] reads.
pub fn begin_subject_wants(subject: &SubjectKey) -> Wants<'_> {
    Wants { subject: Some(&subject.subject), ..Wants::of(&subject.tenant) }
}

/// Reads what is known of a subject, and begins to know one that is new.
pub fn begin_subject(subject: &SubjectKey, now: Timestamp, facts: Facts) -> Plan<SubjectStamp> {
    if let Some(stamp) = facts.stamp {
        return Plan::answer(stamp);
    }
    let stamp = SubjectStamp::first(now);
    let mut plan = Plan::answer(stamp.clone());
    if facts.basis != Basis::Held {
        plan.compares.push(Compare::Stamp { subject: subject.clone(), revision: None });
    }
    plan.writes.push(Write::Stamp { subject: subject.clone(), stamp });
    plan
}

/// The rows that [`change_subject`] reads.
pub fn change_subject_wants<'a>(subject: &'a SubjectKey, change: &'a SubjectChange) -> Wants<'a> {
    let record = change.bump.as_ref().and_then(|bump| bump.keep.as_ref());
    Wants { subject: Some(&subject.subject), record, ..Wants::of(&subject.tenant) }
}

/// Revokes all sessions of a subject but one, or voids factors, or both.
pub fn change_subject(
    subject: &SubjectKey,
    change: &SubjectChange,
    facts: Facts,
) -> Plan<SubjectChanged> {
    let SubjectChange { bump, floors, now } = change;
    let is_new = facts.stamp.is_none();
    let compares_nothing = facts.basis == Basis::Held;
    let mut compares = Vec::new();
    if !compares_nothing {
        let revision = Some(facts.stamp_revision).filter(|_| !is_new);
        compares.push(Compare::Stamp { subject: subject.clone(), revision });
    }
    if bump.is_some_and(|bump| bump.keep.is_some()) {
        match facts.current {
            Row::Record(kept) if is_live_session_of(subject, &kept, *now) => {
                if !compares_nothing {
                    let (key, revision) = (kept.record.key(), kept.revision);
                    compares.push(Compare::Record { key, revision });
                }
            }
            Row::Record(_) | Row::Absent => return Plan::answer(SubjectChanged::KeepNotLive),
            Row::Unreadable { error, .. } => return Plan::fail(error),
        }
    }
    let mut stamp = facts.stamp.unwrap_or_else(|| SubjectStamp::first(*now));
    if let Some(bump) = bump {
        stamp.bump(bump.keep, bump.reason, *now);
    }
    for kind in floors {
        stamp.raise_floor(FactorFloor::new(*kind, *now));
    }

    let mut plan = Plan::answer(SubjectChanged::Done(stamp.clone()));
    plan.compares = compares;
    let revokes = bump.is_some() || !floors.is_empty();
    if revokes {
        plan.writes.push(Write::Log(RevocationEntry::Subject {
            key: subject.clone(),
            epoch: stamp.epoch,
            kept: stamp.kept,
            factors_changed_at: (!floors.is_empty()).then_some(*now),
            until: now.saturating_add(MAX_SIGNED_LIFETIME),
        }));
    }
    if revokes || is_new {
        plan.writes.push(Write::Stamp { subject: subject.clone(), stamp });
    }
    plan
}

fn is_live_session_of(subject: &SubjectKey, kept: &Snapshot, now: Timestamp) -> bool {
    let is_own = kept.record.bound().is_some_and(|(own, _)| *own == subject.subject);
    is_own
        && is_session_of_subject(&kept.record)
        && life(&kept.record, kept.subject.as_ref(), now) == Life::Live
}
