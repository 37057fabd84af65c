//! The small errors of the joints: store, signer, verifier, entropy.

use std::fmt;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// The error of a store that cannot answer.
#[derive(Debug, thiserror::Error)]
#[error("store: {kind}")]
pub struct StoreError {
    kind: StoreErrorKind,
    in_doubt: bool,
    source: Option<Source>,
}

impl StoreError {
    /// An error of this kind. `Unavailable` leaves the act in doubt; after every other kind it
    /// surely did not happen.
    pub fn new(kind: StoreErrorKind) -> Self {
        Self { kind, in_doubt: kind == StoreErrorKind::Unavailable, source: None }
    }

    /// The same error of an act that surely did not happen.
    #[must_use]
    pub fn not_done(mut self) -> Self {
        self.in_doubt = false;
        self
    }

    /// The same error of an act that may have happened.
    #[must_use]
    pub fn in_doubt(mut self) -> Self {
        self.in_doubt = true;
        self
    }

    /// True when nobody can say whether the act happened. False when it surely did not.
    pub fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// The same error with its cause kept. The cause must not show secrets.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind of failure, to decide by.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// True when the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Busy | StoreErrorKind::Unavailable)
    }
}

/// The kinds of failure that keep a store from answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// Too much at once: nothing was done.
    Busy,
    /// Not reached, or no answer. See [`StoreError::is_in_doubt`].
    Unavailable,
    /// A stored row cannot be read.
    Damaged,
    /// A stored row is of a form that this release does not know: a later one wrote it.
    UnknownVersion,
    /// The store has no such ability.
    NotSupported,
    /// A record is larger than the store can hold.
    TooLarge,
    /// An invariant of the store does not hold: a poisoned lock, a broken index.
    Broken,
}

impl fmt::Display for StoreErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::Damaged => "a row cannot be read",
            Self::UnknownVersion => "a row of a later release",
            Self::NotSupported => "not supported",
            Self::TooLarge => "the record is too large",
            Self::Broken => "an invariant does not hold",
        })
    }
}

/// The error of a signer that does not sign, or does not accept a signature.
#[derive(Debug, thiserror::Error)]
#[error("signer: {kind}")]
pub struct SignError {
    kind: SignErrorKind,
    source: Option<Source>,
}

impl SignError {
    /// An error of this kind.
    pub fn new(kind: SignErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// The same error with its cause kept. The cause must not show key material.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind of failure, to decide by.
    pub fn kind(&self) -> SignErrorKind {
        self.kind
    }
}

/// The kinds of failure that keep a signer from signing or from accepting a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignErrorKind {
    /// No key signs at this time.
    NoSigningKey,
    /// No key of that id verifies at this time.
    UnknownKey,
    /// The header names another algorithm than the key's own.
    WrongAlgorithm,
    /// The signature does not hold.
    BadSignature,
    /// The signer was not reached or did not answer.
    Unavailable,
    /// The signer did not answer in time.
    TimedOut,
    /// The signer was asked too often.
    RateLimited,
    /// A key is malformed, weak or misused.
    InvalidKey,
}

impl fmt::Display for SignErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSigningKey => "no key signs at this time",
            Self::UnknownKey => "no such key",
            Self::WrongAlgorithm => "the algorithm is not the key's",
            Self::BadSignature => "the signature does not hold",
            Self::Unavailable => "unavailable",
            Self::TimedOut => "no answer in time",
            Self::RateLimited => "asked too often",
            Self::InvalidKey => "the key is not usable",
        })
    }
}

/// A factor verifier or subject directory could not answer. A wrong password is an answer, not an
/// error.
#[derive(Debug, thiserror::Error)]
#[error("the verifier did not answer")]
pub struct VerifyError {
    source: Option<Source>,
}

impl VerifyError {
    /// The verifier could not answer, for this cause. The cause must not show secrets.
    pub fn new(source: impl Into<Source>) -> Self {
        Self { source: Some(source.into()) }
    }
}

/// The system's random generator failed.
#[derive(Debug, thiserror::Error)]
#[error("no randomness")]
pub struct EntropyError {
    source: Option<Source>,
}

impl EntropyError {
    /// Randomness failed, for this cause.
    pub fn new(source: impl Into<Source>) -> Self {
        Self { source: Some(source.into()) }
    }
}
