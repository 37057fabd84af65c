//! The challenger joint: challenges for a subject that only the call itself names.

use std::fmt::{self, Debug};

use async_trait::async_trait;

use super::{Holder, VerifyError};
use crate::{
    clock::Timestamp,
    error::Error,
    factor::{Challenge, FactorKind},
};

/// Makes a challenge, once it is known whom it is for.
///
/// A host that knows the subject makes the challenge first, and passes it to
/// [`Update::challenge`](crate::Update::challenge). With [`Update::ask`](crate::Update::ask) and
/// [`NewSession::ask`](crate::NewSession::ask), one call names the subject, checks it, and asks for
/// more.
///
/// # Contract
/// - It is asked after every check of the call has passed, and before anything is stored: once a
///   call and kind.
/// - What it makes is stored with the rest of the call, or not at all: whatever it sends meanwhile
///   proves nothing then.
/// - An error says that nothing is known, and ends the call.
#[async_trait]
pub trait Challenger: Debug + Send + Sync {
    /// Makes one challenge, and sends what belongs to it.
    ///
    /// # Errors
    /// [`VerifyError`] when no challenge could be made or sent. The call ends as `Unavailable`, and
    /// stores nothing.
    async fn challenge(&self, ask: Ask<'_>) -> Result<Asked, VerifyError>;
}

crate::forward::forward! {
    Challenger {
        async fn challenge<'b>(&self, ask: Ask<'b>) -> Result<Asked, VerifyError>;
    }
}

/// A challenge to make.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Ask<'a> {
    /// The holder of the factor.
    pub holder: Holder<'a>,
    /// The kind of check that shall answer it.
    pub kind: FactorKind,
    /// The time of the call.
    pub now: Timestamp,
}

impl<'a> Ask<'a> {
    /// One of this kind.
    pub fn new(holder: Holder<'a>, kind: FactorKind, now: Timestamp) -> Self {
        Self { holder, kind, now }
    }
}

/// The answer of a challenger.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Asked {
    /// The challenge, of the kind that was asked for.
    Made(Challenge),
    /// The subject has no such factor.
    NotSetUp,
    /// The factor is there but cannot be used yet.
    NotReady,
}

/// The check or challenge that a call was refused for: the source of its error.
///
/// # Examples
/// ```
/// use session_issuer::{error::{Error, ErrorKind, Operation}, factor::FactorKind, verifier::RefusedCheck};
///
/// let error = Error::new(ErrorKind::CheckFailed, Operation::Update).with_source(RefusedCheck::check(FactorKind::Totp));
/// assert_eq!(RefusedCheck::of(&error).map(|refused| refused.kind), Some(FactorKind::Totp));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedCheck {
    /// The kind of check. [`FactorKind::Subject`] where the directory refused.
    pub kind: FactorKind,
    /// It was a challenge that was asked for, and not a check.
    pub is_challenge: bool,
}

impl RefusedCheck {
    /// A check of this kind.
    pub fn check(kind: FactorKind) -> Self {
        Self { kind, is_challenge: false }
    }

    /// A challenge of this kind.
    pub fn challenge(kind: FactorKind) -> Self {
        Self { kind, is_challenge: true }
    }

    /// The check that this error is about; none when no check was refused.
    pub fn of(error: &Error) -> Option<Self> {
        std::error::Error::source(error)?.downcast_ref().copied()
    }
}

impl fmt::Display for RefusedCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_challenge { "challenge" } else { "check" };
        write!(f, "the {what} {} was refused", self.kind)
    }
}

impl std::error::Error for RefusedCheck {}
