//! A lockout in memory: so many guesses, then a pause.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;

use super::{Gate, Guess, Lockout, VerifyError};
use crate::{
    clock::Timestamp,
    error::{InputField, InvalidInput, Problem},
    factor::FactorKind,
    id::{SubjectId, TenantId},
};

/// How many attempts may follow one another without a right one (NIST SP 800-63B-4 section 3.2.2).
const MOST_ATTEMPTS: u32 = 100;
/// How many counts are kept: at about 200 bytes each, 20 MB.
const MOST_COUNTS: usize = 100_000;

/// A limit of attempts per (tenant, subject, factor kind), kept in this process.
///
/// After `limit` attempts without a right one the factor is locked, until `pause` has passed since
/// the last attempt that was let in. A count that nothing was added to for as long is forgotten.
///
/// # Security
/// - Each process counts for itself: `n` nodes allow `n` times as many guesses, and a restart
///   forgets. Write a [`Lockout`] over a shared store where that matters.
/// - Whoever knows a name can lock its factor for the pause. Keep pauses short; other factors are
///   not touched.
/// - It keeps at most 100 000 counts. When they are all recent, those with the fewest attempts are
///   forgotten first, and locks last: when nothing but locks is left, it answers with an error.
///
/// # Examples
/// ```
/// use std::{sync::Arc, time::Duration};
/// use session_issuer::verifier::AttemptLimit;
///
/// let lockout = Arc::new(AttemptLimit::new(5, Duration::from_secs(15 * 60))?); // one for all verifiers
/// assert!(AttemptLimit::new(101, Duration::from_secs(1)).is_err());
/// # Ok::<(), session_issuer::error::InvalidInput>(())
/// ```
pub struct AttemptLimit {
    limit: u32,
    pause: Duration,
    counts: Mutex<HashMap<Key, Count>>,
}

type Key = (TenantId, SubjectId, FactorKind);

#[derive(Debug, Clone, Copy)]
struct Count {
    /// Attempts let in since the last right one; at least as many as were wrong.
    begun: u32,
    /// Attempts judged wrong since the last right one. At the limit, the factor is locked.
    wrong: u32,
    /// When the latest was let in or judged.
    last: Timestamp,
}

impl AttemptLimit {
    /// This many attempts, 1 to 100 (NIST SP 800-63B-4 section 3.2.2), and then this long a pause.
    ///
    /// The count begins anew after each pause. NIST's 100 is a total without a right one in
    /// between: a host that must hold it counts locks, in a [`Lockout`] of its own.
    ///
    /// # Errors
    /// [`Problem::Zero`] for no attempts or no pause, [`Problem::TooLarge`] for more than 100
    /// attempts.
    pub fn new(limit: u32, pause: Duration) -> Result<Self, InvalidInput> {
        match limit {
            0 => return Err(InvalidInput::new(InputField::AttemptLimit, Problem::Zero)),
            1..=MOST_ATTEMPTS => {}
            _ => return Err(InvalidInput::new(InputField::AttemptLimit, Problem::TooLarge)),
        }
        if pause.as_millis() == 0 {
            return Err(InvalidInput::new(InputField::Pause, Problem::Zero));
        }
        Ok(Self { limit, pause, counts: Mutex::default() })
    }

    fn counts(&self) -> Result<MutexGuard<'_, HashMap<Key, Count>>, VerifyError> {
        self.counts
            .lock()
            .map_err(|_| VerifyError::new("the lock of the attempt counts is poisoned"))
    }

    fn is_over(&self, count: &Count, now: Timestamp) -> bool {
        now >= count.last.saturating_add(self.pause)
    }

    /// The count that a guess adds to; a fresh one where the old one is over.
    fn count<'c>(
        &self,
        counts: &'c mut HashMap<Key, Count>,
        guess: Guess<'_>,
    ) -> Result<&'c mut Count, VerifyError> {
        let key = key(guess);
        if counts.len() >= MOST_COUNTS && !counts.contains_key(&key) {
            self.make_room(counts, guess.now)?;
        }
        let fresh = Count { begun: 0, wrong: 0, last: guess.now };
        let count = counts.entry(key).or_insert(fresh);
        if self.is_over(count, guess.now) {
            *count = fresh;
        }
        Ok(count)
    }

    fn make_room(
        &self,
        counts: &mut HashMap<Key, Count>,
        now: Timestamp,
    ) -> Result<(), VerifyError> {
        counts.retain(|_, count| !self.is_over(count, now));
        if counts.len() >= MOST_COUNTS {
            let fewest = counts.values().map(|count| count.begun).min().unwrap_or(0);
            if fewest >= self.limit {
                return Err(VerifyError::new("too many factors are locked at once"));
            }
            counts.retain(|_, count| count.begun > fewest);
        }
        Ok(())
    }
}

fn key(guess: Guess<'_>) -> Key {
    (guess.holder.tenant.clone(), guess.holder.subject.clone(), guess.kind)
}

#[async_trait]
impl Lockout for AttemptLimit {
    async fn begin(&self, guess: Guess<'_>) -> Result<Gate, VerifyError> {
        let mut counts = self.counts()?;
        let count = self.count(&mut counts, guess)?;
        if count.begun >= self.limit {
            return Ok(Gate::Locked);
        }
        count.begun += 1;
        count.last = count.last.max(guess.now);
        Ok(Gate::Open)
    }

    async fn wrong(&self, guess: Guess<'_>) -> Result<(), VerifyError> {
        let mut counts = self.counts()?;
        let count = self.count(&mut counts, guess)?;
        count.wrong = count.wrong.saturating_add(1);
        // A right attempt may have cleared the count since this one began.
        count.begun = count.begun.max(count.wrong);
        count.last = count.last.max(guess.now);
        Ok(())
    }

    async fn right(&self, guess: Guess<'_>) -> Result<Gate, VerifyError> {
        let mut counts = self.counts()?;
        let key = key(guess);
        let locked = |count: &Count| count.wrong >= self.limit && !self.is_over(count, guess.now);
        if counts.get(&key).is_some_and(locked) {
            return Ok(Gate::Locked);
        }
        counts.remove(&key);
        Ok(Gate::Open)
    }
}

impl fmt::Debug for AttemptLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptLimit")
            .field("limit", &self.limit)
            .field("pause", &self.pause)
            .finish_non_exhaustive()
    }
}
