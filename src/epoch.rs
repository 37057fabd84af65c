//! The count that a mass revocation moves. It is made from a time, and it is none.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// A subject's count of mass revocations: sessions born under a lower one are dead.
///
/// It starts at the millisecond in which the subject was first seen and only grows, to `max(old +
/// 1, now)`, so an epoch that was lost and made anew is above every one that was handed out before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(i64);

impl Epoch {
    /// The epoch of a subject that is first seen now.
    pub fn first(now: Timestamp) -> Self {
        Self(now.as_millis())
    }

    /// The epoch that a mass revocation now moves to.
    #[must_use]
    pub fn bumped(self, now: Timestamp) -> Self {
        Self(self.0.saturating_add(1).max(now.as_millis()))
    }

    /// The number, as tokens and rows carry it.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The epoch of this number, as tokens and rows carry it.
    pub const fn from_number(number: i64) -> Self {
        Self(number)
    }
}
