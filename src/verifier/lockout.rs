//! The lockout joint: how many guesses a subject's factor bears.

use std::fmt::Debug;

use async_trait::async_trait;

use super::{Attempt, Holder, Outcome, VerifyError};
use crate::{
    clock::Timestamp,
    factor::{FactorDetails, FactorKind},
};

/// Counts guesses, and closes the gate when there were too many.
///
/// # Contract
/// - [`begin`](Self::begin) counts an attempt *before* it is judged, in one atomic act: of any
///   number of attempts at once, at most as many are let in as the limit has left. What is let in
///   and never heard of again stays counted.
/// - [`right`](Self::right) forgets the count, in one atomic act, unless the gate has closed since:
///   then it answers [`Gate::Locked`] and forgets nothing.
/// - It never hears of an unknown subject, so it cannot be filled with made-up names.
/// - An error lets nobody in.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use session_issuer::verifier::AttemptLimit;
///
/// let lockout = AttemptLimit::new(5, Duration::from_secs(15 * 60))?;
/// # Ok::<(), session_issuer::error::InvalidInput>(())
/// ```
#[async_trait]
pub trait Lockout: Debug + Send + Sync {
    /// Counts an attempt, and says whether it may be judged.
    ///
    /// # Errors
    /// [`VerifyError`] when the count was not kept. The attempt is not judged then.
    async fn begin(&self, guess: Guess<'_>) -> Result<Gate, VerifyError>;
    /// The attempt was judged wrong.
    ///
    /// # Errors
    /// [`VerifyError`] when the judgement was not kept. The attempt stays counted.
    async fn wrong(&self, guess: Guess<'_>) -> Result<(), VerifyError>;
    /// The attempt was judged right: says whether it may pass.
    ///
    /// # Errors
    /// [`VerifyError`] when nobody can say whether the gate has closed. The attempt does not pass.
    async fn right(&self, guess: Guess<'_>) -> Result<Gate, VerifyError>;
}

/// An attempt on one factor of one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guess<'a> {
    /// The holder of the factor.
    pub holder: Holder<'a>,
    /// The kind of factor.
    pub kind: FactorKind,
    /// The time of the attempt.
    pub now: Timestamp,
}

impl<'a> Guess<'a> {
    /// An attempt on this factor.
    pub fn new(holder: Holder<'a>, kind: FactorKind, now: Timestamp) -> Self {
        Self { holder, kind, now }
    }

    /// The attempt on the factor that a check is about.
    pub(super) fn of(holder: Holder<'a>, attempt: &Attempt<'_>) -> Self {
        Self::new(holder, attempt.check.kind(), attempt.now)
    }
}

/// Whether an attempt may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// The attempt may go on.
    Open,
    /// It may not: there were too many.
    Locked,
}

/// Tells the lockout how a guess that it let in was judged, and answers it.
pub(super) async fn settle(
    lockout: &dyn Lockout,
    guess: Guess<'_>,
    right: bool,
) -> Result<Outcome, VerifyError> {
    if !right {
        lockout.wrong(guess).await?;
        return Ok(Outcome::Wrong);
    }
    Ok(match lockout.right(guess).await? {
        Gate::Open => Outcome::Passed(FactorDetails::default()),
        Gate::Locked => Outcome::Locked,
    })
}

/// No limit: for hosts that count attempts in front of this crate, and for tests.
///
/// # Security
/// A code of six digits falls to a million guesses. Something else must stop them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unlimited;

#[async_trait]
impl Lockout for Unlimited {
    async fn begin(&self, _: Guess<'_>) -> Result<Gate, VerifyError> {
        Ok(Gate::Open)
    }

    async fn wrong(&self, _: Guess<'_>) -> Result<(), VerifyError> {
        Ok(())
    }

    async fn right(&self, _: Guess<'_>) -> Result<Gate, VerifyError> {
        Ok(Gate::Open)
    }
}

crate::forward::forward! {
    Lockout {
        async fn begin<'b>(&self, guess: Guess<'b>) -> Result<Gate, VerifyError>;
        async fn wrong<'b>(&self, guess: Guess<'b>) -> Result<(), VerifyError>;
        async fn right<'b>(&self, guess: Guess<'b>) -> Result<Gate, VerifyError>;
    }
}
