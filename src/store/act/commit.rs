//! How a record is replaced by the next.

use std::sync::Arc;

use super::{
    Basis, Compare, Facts, Plan, Row, Wants, Write,
    admission::{Entry, compare_entry, entry, write_ends},
    facts::cap_on,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    session::{RevokeReason, may_follow},
    store::{Change, Committed},
};

/// The rows that [`commit`] reads.
#[inline]
pub fn commit_wants(change: &Change) -> Wants<'_> {
    let (seen, next) = (&*change.seen.record, &*change.next);
    let others = cap_on(change.admit, Some(seen), next).map(|rule| rule.limit);
    let asks = others.is_some() || seen.bound().is_none();
    Wants {
        record: Some(next.id_ref()),
        record_subject: seen.bound().map(|(subject, _)| subject),
        subject: next.bound().map(|(subject, _)| subject).filter(|_| asks),
        others,
        ..Wants::of(next.tenant())
    }
}

/// Replaces a record, if it still has the version that was seen and no tombstone, the observed
/// epoch stands, and the cap admits what the record becomes.
///
/// Uses that were noted since are carried over.
#[inline]
pub fn commit(change: Change, facts: Facts) -> Plan<Committed> {
    let Change { seen, mut next, admit, observed_epoch, now } = change;
    let is_other = next.id() != seen.record.id() || next.tenant() != seen.record.tenant();
    if is_other || next.tombstone().is_some() {
        return Plan::fail(StoreError::new(StoreErrorKind::Broken));
    }
    let current = match facts.current {
        Row::Absent => return Plan::answer(Committed::Gone),
        Row::Unreadable { error, .. } => return Plan::fail(error),
        Row::Record(current) => current,
    };
    let record = &current.record;
    if record.tombstone().is_some() || record.version() != seen.record.version() {
        return Plan::answer(Committed::Conflict(current));
    }
    if !may_follow(record, &next) {
        return Plan::fail(StoreError::new(StoreErrorKind::Broken));
    }
    let rule = cap_on(admit, Some(record), &next);
    // A record that names its subject comes with the subject's stamp.
    let stamp = match record.bound() {
        Some(_) => current.subject.as_ref(),
        None => facts.stamp.as_ref(),
    };
    let leaving = match entry(&next, observed_epoch, rule, stamp, &facts.others, now) {
        Entry::Open(leaving) => leaving,
        Entry::Full => return Plan::answer(Committed::CapReached),
        Entry::Moved => return Plan::answer(Committed::EpochMoved),
    };

    let mut plan = Plan::answer(Committed::Gone);
    if facts.basis != Basis::Held {
        if let Some(subject) = next.subject_key() {
            compare_entry(&mut plan, &subject, observed_epoch, rule, &facts.others);
        }
        plan.compares.push(Compare::Record { key: record.key(), revision: current.revision });
    }
    let evicted = write_ends(&mut plan.writes, leaving, RevokeReason::Limit, now);
    Arc::make_mut(&mut next).follow(record);
    plan.writes.push(Write::Replace { was: current.record, next: next.clone() });
    plan.answer = Ok(Committed::Done { record: next, evicted });
    plan
}
