//! Time: one clock per issuer, read in this file alone.
//!
//! Every instant in this crate is a [`Timestamp`]: milliseconds since the Unix epoch, UTC.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A source of time for an issuer.
///
/// # Contract
/// - `now` MUST be the time of the world in UTC; sibling nodes SHOULD agree within the overlap
///   window of the policy.
/// - `monotonic` MUST never go back while the process lives. Its origin is free.
///
/// An issuer never uses a time below the highest that `now` has told it, so a clock that is set
/// back cannot revive a session in this process.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time of the world.
    fn now(&self) -> Timestamp;
    /// The time since some fixed moment of this process.
    fn monotonic(&self) -> Duration;
}

/// The clock of the operating system.
#[derive(Debug, Clone)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// The system's clock.
    #[allow(clippy::disallowed_methods, reason = "this is the one place where time is read")]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place where time is read")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::EPOCH.saturating_add(since)
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<T: Clock + ?Sized> Clock for Arc<T> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
    fn monotonic(&self) -> Duration {
        (**self).monotonic()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<T: Clock + ?Sized> Clock for Box<T> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
    fn monotonic(&self) -> Duration {
        (**self).monotonic()
    }
}

/// An instant: milliseconds since the Unix epoch, UTC.
///
/// Arithmetic saturates. `Display` and `Debug` are RFC 3339. Serde writes the number of
/// milliseconds.
///
/// # Examples
/// ```
/// use session_issuer::Timestamp;
///
/// let t = Timestamp::from_secs(1_749_743_895);
/// assert_eq!(t.to_string(), "2025-06-12T15:58:15Z");
/// assert_eq!(t.saturating_add(std::time::Duration::from_millis(1_500)).as_secs(), 1_749_743_896);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch: 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// The latest instant there is: stands for "never" where an end is asked for.
    pub const MAX: Self = Self(i64::MAX);

    /// This many milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// This many seconds since the Unix epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// The time this much later, at most the last.
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(millis(by)))
    }

    /// The time this much earlier, at least the first.
    #[must_use]
    pub fn saturating_sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(millis(by)))
    }

    /// The time from `earlier` until this; zero when this is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Milliseconds from `other` to this instant, negative when this is the earlier one.
    pub const fn millis_since(self, other: Self) -> i64 {
        self.0.saturating_sub(other.0)
    }
}

/// The longest a signed token may live: 30 days. What is revoked is remembered for as long.
pub(crate) const MAX_SIGNED_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl From<OffsetDateTime> for Timestamp {
    /// Truncates to the millisecond.
    fn from(at: OffsetDateTime) -> Self {
        Self(i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or(i64::MAX))
    }
}

impl TryFrom<Timestamp> for OffsetDateTime {
    type Error = time::error::ComponentRange;

    fn try_from(at: Timestamp) -> Result<Self, Self::Error> {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::try_from(*self).ok().and_then(|at| at.format(&Rfc3339).ok());
        match text {
            Some(text) => f.write_str(&text),
            None => write!(f, "{} ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_time_are_shown_and_never_overflow() {
        assert_eq!(Timestamp::MAX.saturating_add(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_secs(i64::MAX), Timestamp::MAX);
        assert_eq!(format!("{:?}", Timestamp::MAX), "9223372036854775807 ms");
        assert_eq!(Timestamp::from_millis(-1).as_secs(), -1);
    }

    #[test]
    fn a_calendar_date_loses_what_is_below_the_millisecond() {
        let at = OffsetDateTime::from_unix_timestamp_nanos(1_000_999_999).unwrap();
        assert_eq!(Timestamp::from(at), Timestamp::from_millis(1_000));
    }
}
