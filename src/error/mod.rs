//! What can go wrong, in one type: a kind, the operation it stopped, and the source.
//!
//! [`Error`] is what every verb returns. The joints (store, signer, verifier, entropy) have small
//! errors of their own, which [`Error`] keeps as its source. Nothing here ever shows a token, a
//! subject or an address.

mod configuration;
mod field;
mod input;
pub(crate) mod joints;
mod kind;

use std::fmt;

use serde::{Serialize, Serializer};

pub use configuration::ConfigurationProblems;
pub use field::InputField;
pub use input::{InvalidInput, Problem};
pub(crate) use joints::{
    EntropyError, SignError, SignErrorKind, StoreError, StoreErrorKind, VerifyError,
};
pub use kind::{ErrorClass, ErrorKind, Remedy};

use crate::reason::RevokeReason;

/// The error of every verb: a kind, an operation, and what caused it.
///
/// | question | answer |
/// | --- | --- |
/// | what went wrong | [`kind`](Self::kind); [`code`](Self::code) is its word for logs |
/// | whose fault it is | [`class`](Self::class) |
/// | what to do | [`remedy`](Self::remedy), or only whether it [is retryable](Self::is_retryable) |
/// | what an outsider hears | [`public`](Self::public), with its status |
///
/// # Security
/// `Display` and `Debug` show the kind, the operation and fixed words. They never show what was
/// presented.
///
/// # Examples
/// ```
/// use session_issuer::error::{Error, ErrorClass, ErrorKind, Operation};
///
/// let error = Error::new(ErrorKind::Superseded, Operation::Check);
/// assert_eq!(error.code(), "superseded");
/// assert_eq!(error.class(), ErrorClass::Rejected);
/// assert_eq!(error.http_status(), 401);
/// assert_eq!(error.public().code, "invalid_credential"); // outsiders learn no more than this
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    operation: Operation,
    reason: Option<RevokeReason>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of this kind, met in this operation.
    pub fn new(kind: ErrorKind, operation: Operation) -> Self {
        Self(Box::new(Inner { kind, operation, reason: None, source: None }))
    }

    /// A refusal because the session was revoked, with the reason it was revoked for.
    pub fn revoked(reason: RevokeReason, operation: Operation) -> Self {
        let mut error = Self::new(ErrorKind::Revoked, operation);
        error.0.reason = Some(reason);
        error
    }

    /// The same error with its cause kept.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The kind of failure, to decide by.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The verb that was stopped.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// The reason of the revocation, when the session was refused for one.
    pub fn reason(&self) -> Option<RevokeReason> {
        self.0.reason
    }

    /// The party at fault: the host, the credential, the surroundings, or this crate.
    pub fn class(&self) -> ErrorClass {
        self.0.kind.class()
    }

    /// A stable word for logs and metrics: frozen, never reused.
    pub fn code(&self) -> &'static str {
        self.0.kind.code()
    }

    /// The step that the caller of the verb takes next.
    ///
    /// | remedy | then |
    /// | --- | --- |
    /// | [`Retry`](Remedy::Retry) | call again, a bounded number of times; log nobody out |
    /// | [`VerifyAgain`](Remedy::VerifyAgain) | read the epoch, verify the credential, and call again |
    /// | [`Refresh`](Remedy::Refresh) | trade the refresh token first |
    /// | [`UseNewest`](Remedy::UseNewest) | another tab or call has the newer token: take that one |
    /// | [`LogIn`](Remedy::LogIn) | drop the cookie, and log in again |
    /// | [`StepUp`](Remedy::StepUp) | ask for what [`unmet`](Self::unmet) lists |
    /// | [`Wait`](Remedy::Wait) | for the user's decision, or for room |
    /// | [`Refuse`](Remedy::Refuse) | answer [`public`](Self::public) |
    /// | [`Report`](Remedy::Report) | answer [`public`](Self::public), and wake somebody up |
    ///
    /// # Examples
    /// ```
    /// use session_issuer::error::{Error, ErrorKind, Operation, Remedy};
    ///
    /// assert_eq!(Error::new(ErrorKind::TokenExpired, Operation::Check).remedy(), Remedy::Refresh);
    /// assert_eq!(Error::new(ErrorKind::InvalidToken, Operation::Check).remedy(), Remedy::LogIn);
    /// assert_eq!(Error::new(ErrorKind::Unavailable, Operation::Check).remedy(), Remedy::Retry);
    /// ```
    pub fn remedy(&self) -> Remedy {
        self.0.kind.remedy()
    }

    /// The field and the rule, where a value from outside breaks one.
    pub fn invalid_input(&self) -> Option<&InvalidInput> {
        std::error::Error::source(self)?.downcast_ref()
    }

    /// True when it is worth trying again: the same call, or, after `SubjectMoved`, from the
    /// verification on.
    pub fn is_retryable(&self) -> bool {
        match self.0.source.as_deref().and_then(|source| source.downcast_ref::<StoreError>()) {
            Some(store) => store.is_retryable(),
            None => self.class() == ErrorClass::Unavailable,
        }
    }

    /// True when the store did not say whether it has done what the call asked of it.
    ///
    /// A repeated `check`, `refresh` of the same token, `revoke` or `list` comes to the same end. A
    /// repeated `create` may leave a second session, which its subject's list shows. After `update`
    /// and `exchange` look first: the old token may be superseded.
    pub fn is_in_doubt(&self) -> bool {
        let source =
            self.0.source.as_deref().and_then(|source| source.downcast_ref::<StoreError>());
        source.is_some_and(StoreError::is_in_doubt)
    }

    /// True when the presented credential is known to be dead for good.
    ///
    /// Only told of a credential that proved authentic first, so what is forged or unknown is not
    /// terminal: whether to drop a cookie is what [`remedy`](Self::remedy) says.
    pub fn is_terminal(&self) -> bool {
        self.0.kind.is_terminal()
    }

    /// The HTTP status that fits the kind: for logs and trusted callers. Outsiders get that of
    /// [`public`](Self::public), which tells nobody who exists.
    pub fn http_status(&self) -> u16 {
        self.0.kind.http_status()
    }

    /// The part that an outsider may see: every rejection of a credential is one and the same
    /// answer.
    pub fn public(&self) -> PublicError {
        self.0.kind.public()
    }

    /// The same error, met in another operation (a verb that calls another keeps its own name).
    #[must_use]
    pub(crate) fn during(mut self, operation: Operation) -> Self {
        self.0.operation = operation;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.operation, self.0.kind)?;
        if let Some(reason) = self.0.reason {
            write!(f, " ({reason})")?;
        }
        // What these two kinds hold names fields and settings, and never a value.
        match (self.0.kind, &self.0.source) {
            (ErrorKind::InvalidInput | ErrorKind::InvalidConfiguration, Some(source)) => {
                write!(f, ": {source}")
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.0.kind).field("operation", &self.0.operation);
        if let Some(reason) = self.0.reason {
            out.field("reason", &reason);
        }
        if let Some(source) = &self.0.source {
            out.field("source", &format_args!("{source}"));
        }
        out.finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

/// The part of an error that an outsider may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublicError {
    /// A stable word for the kind.
    pub code: &'static str,
    /// The HTTP status that fits the kind.
    pub http_status: u16,
    /// One sentence for people.
    pub message: &'static str,
}

impl fmt::Display for PublicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)
    }
}

/// The verb in which an error was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// The building of an issuer.
    Build,
    /// Preparing an input of a verb.
    Input,
    /// The verb `create` of an issuer.
    Create,
    /// The verb `check` of an issuer.
    Check,
    /// The verb `verify` of an issuer.
    Verify,
    /// The verb `refresh` of an issuer.
    Refresh,
    /// The verb `update` of an issuer.
    Update,
    /// The verb `revoke` of an issuer.
    Revoke,
    /// The verb `list` of an issuer.
    List,
    /// The verb `open` of request tokens.
    Open,
    /// The verb `decide` of request tokens.
    Decide,
    /// The verb `exchange` of request tokens.
    Exchange,
    /// The verb `sweep` of an issuer.
    Sweep,
    /// Reading the store's revocation log.
    Sync,
    /// `session`, `session_by`, `session_by_refresh_token` and `profile`
    Look,
}

impl Operation {
    /// A stable word for the operation.
    pub fn code(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Input => "input",
            Self::Create => "create",
            Self::Check => "check",
            Self::Verify => "verify",
            Self::Refresh => "refresh",
            Self::Update => "update",
            Self::Revoke => "revoke",
            Self::List => "list",
            Self::Open => "open",
            Self::Decide => "decide",
            Self::Exchange => "exchange",
            Self::Sweep => "sweep",
            Self::Sync => "sync",
            Self::Look => "look",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Operation {
    /// Writes the code.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// An input that breaks a rule becomes an error of the kind [`ErrorKind::InvalidInput`], naming the
/// field.
impl From<InvalidInput> for Error {
    fn from(input: InvalidInput) -> Self {
        Self::new(ErrorKind::InvalidInput, Operation::Input).with_source(input)
    }
}
