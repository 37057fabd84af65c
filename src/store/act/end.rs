//! How a record ends.

use super::{Basis, Compare, Facts, Plan, Row, Wants, Write, admission::write_end};
use crate::{
    clock::MAX_SIGNED_LIFETIME,
    id::SessionKey,
    session::Tombstone,
    store::{Ended, RevocationEntry},
};

/// The rows that [`end`] reads.
pub fn end_wants(key: &SessionKey) -> Wants<'_> {
    Wants { record: Some(&key.id), ..Wants::of(&key.tenant) }
}

/// Puts a tombstone on a record, whatever its version. A record that has one keeps it.
///
/// A row that cannot be read is ended and logged all the same, and the answer is its error: nobody
/// can say what it was.
pub fn end(key: &SessionKey, tombstone: &Tombstone, facts: Facts) -> Plan<Ended> {
    match facts.current {
        Row::Absent => Plan::answer(Ended::Gone),
        Row::Record(current) if current.record.tombstone().is_some() => {
            Plan::answer(Ended::AlreadyEnded)
        }
        Row::Record(current) => {
            let mut plan = Plan::answer(Ended::AlreadyEnded);
            if facts.basis != Basis::Held {
                let revision = current.revision;
                plan.compares.push(Compare::Record { key: key.clone(), revision });
            }
            write_end(&mut plan.writes, &current.record, tombstone);
            plan.answer = Ok(Ended::Ended { was: current.record });
            plan
        }
        Row::Unreadable { is_ended: true, .. } => Plan::answer(Ended::AlreadyEnded),
        Row::Unreadable { error, is_ended: false } => {
            let mut plan = Plan::fail(error);
            let until = tombstone.at.saturating_add(MAX_SIGNED_LIFETIME);
            plan.writes.push(Write::Log(RevocationEntry::Session { key: key.clone(), until }));
            plan.writes.push(Write::End {
                key: key.clone(),
                tombstone: tombstone.clone(),
                record: None,
                purge_at: tombstone.at,
            });
            plan
        }
    }
}
