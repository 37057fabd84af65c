//! A clock that stands still until a test moves it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::clock::{Clock, Timestamp};

/// A clock that moves only when it is told to. Clones show the same time.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use session_issuer::{clock::Clock, testing::ManualClock};
///
/// let clock = ManualClock::new();
/// clock.advance(Duration::from_secs(90));
/// assert_eq!(clock.now().to_string(), "2026-01-01T00:01:30Z");
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Hands>);

#[derive(Debug)]
struct Hands {
    now: AtomicI64,
    monotonic: AtomicU64,
}

impl ManualClock {
    /// The time at which every manual clock begins: 2026-01-01T00:00:00Z.
    pub const START: Timestamp = Timestamp::from_secs(1_767_225_600);

    /// A clock at 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        Self::at(Self::START)
    }

    /// A clock at this time.
    pub fn at(now: Timestamp) -> Self {
        let hands = Hands { now: AtomicI64::new(now.as_millis()), monotonic: AtomicU64::new(0) };
        Self(Arc::new(hands))
    }

    /// Lets this much time pass; what is below a millisecond is lost.
    pub fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        let later = |now: i64| Some(now.saturating_add_unsigned(millis));
        let _ = self.0.now.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later);
        let later = |passed: u64| Some(passed.saturating_add(millis));
        let _ = self.0.monotonic.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later);
    }

    /// Sets the time of the world, forward or back. No time passes: `monotonic` stays.
    pub fn set(&self, now: Timestamp) {
        self.0.now.store(now.as_millis(), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.monotonic.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_the_clock_back_lets_no_time_pass() {
        let clock = ManualClock::new();
        clock.advance(Duration::from_secs(5));
        clock.clone().set(Timestamp::from_secs(7));
        assert_eq!(
            (clock.now(), clock.monotonic()),
            (Timestamp::from_secs(7), Duration::from_secs(5))
        );
    }
}
