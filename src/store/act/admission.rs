//! Whether a record may be among those of its subject, and who goes for it.

use std::sync::Arc;

use super::{Compare, Others, Write, Writes};
use crate::{
    clock::Timestamp,
    id::SubjectKey,
    session::{Admission, CapRule, Epoch, Record, RevokeReason, SubjectStamp, Tombstone, admit},
    store::{RevocationEntry, Snapshot},
};

/// What its subject says to a record.
pub(super) enum SubjectAnswer {
    /// It may come in once these have ended.
    Open(Vec<Arc<Record>>),
    /// The cap refuses.
    Full,
    /// The epoch is not the one that was observed, or nothing is known of the subject.
    Moved,
}

/// Decides whether a record may be among those of its subject.
///
/// `rule` is the cap where the record becomes a session of its subject by this act.
pub(super) fn ask_subject(
    record: &Record,
    observed: Option<Epoch>,
    rule: Option<CapRule>,
    stamp: Option<&SubjectStamp>,
    others: &Others,
    now: Timestamp,
) -> SubjectAnswer {
    if record.bound().is_none() {
        return SubjectAnswer::Open(Vec::new());
    }
    let Some(stamp) = stamp.filter(|stamp| observed == Some(stamp.epoch)) else {
        return SubjectAnswer::Moved;
    };
    // Fewer records than the cap admits leave room, whatever they are.
    let Others::All(others) = others else { return SubjectAnswer::Open(Vec::new()) };
    match admit(rule, record, others.iter().map(|other| &*other.record), stamp, now) {
        Admission::Full => SubjectAnswer::Full,
        Admission::Admit(ids) => {
            let goes = |other: &&Snapshot| ids.contains(&other.record.id());
            SubjectAnswer::Open(
                others.iter().filter(goes).map(|other| other.record.clone()).collect(),
            )
        }
    }
}

/// What must still be so about the subject for the decision of [`ask_subject`] to stand.
pub(super) fn compare_subject(
    compares: &mut Vec<Compare>,
    subject: &SubjectKey,
    known: Option<Epoch>,
    rule: Option<CapRule>,
    others: &Others,
) {
    compares.push(Compare::Epoch { subject: subject.clone(), epoch: known });
    let Some(rule) = rule else { return };
    compares.push(match others {
        Others::Few => Compare::FewerThan { subject: subject.clone(), limit: rule.limit },
        Others::All(others) => {
            let seen = |other: &Snapshot| (other.record.id(), other.revision);
            let mut records: Vec<_> = others.iter().map(seen).collect();
            records.sort_unstable();
            Compare::Others { subject: subject.clone(), records }
        }
    });
}

/// Writes the end of a record, its log entry first; the record with its tombstone.
pub(super) fn write_end(
    writes: &mut Writes,
    record: &Record,
    tombstone: &Tombstone,
) -> Arc<Record> {
    let ended = Arc::new(record.ended(tombstone));
    let until = ended.tokens_end_at().unwrap_or(Timestamp::MAX);
    writes.push(Write::Log(RevocationEntry::Session { key: ended.key(), until }));
    writes.push(Write::End {
        key: ended.key(),
        tombstone: tombstone.clone(),
        purge_at: ended.purge_at(),
        record: Some(ended.clone()),
    });
    ended
}

/// Writes the ends of these for one reason; the records with their tombstones.
pub(super) fn write_ends(
    writes: &mut Writes,
    leaving: Vec<Arc<Record>>,
    reason: RevokeReason,
    now: Timestamp,
) -> Vec<Arc<Record>> {
    let tombstone = Tombstone::new(reason, now);
    leaving.iter().map(|record| write_end(writes, record, &tombstone)).collect()
}
