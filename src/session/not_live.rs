//! Why a record is not live, in a form that every rule can refuse with.

use super::{
    life::{Life, SubjectStamp, life},
    record::Record,
};
use crate::{clock::Timestamp, reason::RevokeReason};

/// Why a record is not live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotLive {
    /// The session was revoked, alone or with all sessions of its subject.
    Revoked(RevokeReason),
    /// The absolute end has passed.
    Expired,
    /// The idle timeout has passed.
    Inactive,
}

/// Refuses a record that is not live: [`life`](life()) as the first step of a rule.
pub(crate) fn live(
    record: &Record,
    stamp: Option<&SubjectStamp>,
    now: Timestamp,
) -> Result<(), NotLive> {
    match life(record, stamp, now) {
        Life::Live => Ok(()),
        Life::Revoked(reason) => Err(NotLive::Revoked(reason)),
        Life::Expired => Err(NotLive::Expired),
        Life::Inactive => Err(NotLive::Inactive),
    }
}
