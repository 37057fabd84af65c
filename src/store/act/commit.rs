//! How a record is replaced by the next.

use std::sync::Arc;

use super::{
    Basis, Compare, Facts, Plan, Row, Wants, Write, Writes,
    admission::{SubjectAnswer, ask_subject, compare_subject, write_ends},
    facts::cap_on,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    session::{Epoch, Record, RevokeReason, may_follow},
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
    if is_about_another(&change) {
        return Plan::fail(StoreError::new(StoreErrorKind::Broken));
    }
    let current = match facts.current {
        Row::Absent => return Plan::answer(Committed::Gone),
        Row::Unreadable { error, .. } => return Plan::fail(error),
        Row::Record(current) => current,
    };
    let record = &current.record;
    match is_current(&change, record) {
        Err(error) => return Plan::fail(error),
        Ok(false) => return Plan::answer(Committed::Conflict(current)),
        Ok(true) => {}
    }
    let Change { seen: _, mut next, admit, observed_epoch, now } = change;
    let rule = cap_on(admit, Some(record), &next);
    // A record that names its subject comes with the subject's stamp.
    let stamp = match record.bound() {
        Some(_) => current.subject.as_ref(),
        None => facts.stamp.as_ref(),
    };
    let leaving = match ask_subject(&next, observed_epoch, rule, stamp, &facts.others, now) {
        SubjectAnswer::Open(leaving) => leaving,
        SubjectAnswer::Full => return Plan::answer(Committed::CapReached),
        SubjectAnswer::Moved => return Plan::answer(Committed::EpochMoved),
    };

    let (mut compares, mut writes) = (Vec::new(), Writes::default());
    if facts.basis != Basis::Held {
        if let Some(subject) = next.subject_key() {
            compare_subject(&mut compares, &subject, observed_epoch, rule, &facts.others);
        }
        compares.push(Compare::Record { key: record.key(), revision: current.revision });
    }
    let evicted = write_ends(&mut writes, leaving, RevokeReason::Limit, now);
    Arc::make_mut(&mut next).follow(record);
    writes.push(Write::Replace { was: current.record, next: next.clone() });
    Plan { answer: Ok(Committed::Done { record: next, evicted }), compares, writes }
}

/// What [`commit`] decides where the record alone is read: its subject and epoch stay, and no cap
/// is met. For a store that holds the record, and can spare itself the facts and the plan.
pub(crate) enum Alone {
    /// This takes the record's place.
    Replace(Arc<Record>),
    /// Another change came first.
    Conflict,
    /// The epoch is not the one that was observed.
    EpochMoved,
}

/// Decides what [`commit`] decides for such a change. `epoch` is that of the record's subject.
#[inline]
pub(crate) fn commit_alone(
    mut change: Change,
    record: &Record,
    epoch: Epoch,
) -> Result<Alone, StoreError> {
    if is_about_another(&change) {
        return Err(StoreError::new(StoreErrorKind::Broken));
    }
    if !is_current(&change, record)? {
        return Ok(Alone::Conflict);
    }
    if change.observed_epoch != Some(epoch) {
        return Ok(Alone::EpochMoved);
    }
    Arc::make_mut(&mut change.next).follow(record);
    Ok(Alone::Replace(change.next))
}

/// True while the record is what was seen, but for noted uses.
///
/// # Errors
/// The store is broken where the change could never follow the record.
fn is_current(change: &Change, record: &Record) -> Result<bool, StoreError> {
    if record.tombstone().is_some() || record.version() != change.seen.record.version() {
        return Ok(false);
    }
    match may_follow(record, &change.next) {
        true => Ok(true),
        false => Err(StoreError::new(StoreErrorKind::Broken)),
    }
}

/// True where the change names another record than the one that was seen, or has a tombstone.
fn is_about_another(change: &Change) -> bool {
    let (seen, next) = (&change.seen.record, &change.next);
    next.id() != seen.id() || next.tenant() != seen.tenant() || next.tombstone().is_some()
}
