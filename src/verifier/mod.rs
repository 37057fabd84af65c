//! The verifier joint: the host's directory of subjects, and its checks of passwords, codes and
//! assertions.
//!
//! | verifier | of | the host keeps |
//! | --- | --- | --- |
//! | [`Verifiers`] | every kind: hands each check to the one set for it | |
//! | `Passwords` (feature `password`) | passwords, by Argon2id | a hash a subject |
//! | `Totp` (feature `totp`) | codes from an authenticator app | a secret and the last used step a subject |
//! | [`OneTimeCodes`] | codes by SMS and email | nothing: the challenge lies in the session |
//! | [`RecoveryCodes`] | recovery codes | the digests of those left |
//! | your own [`FactorVerifier`] | WebAuthn, logins at identity providers, anything else | |
//!
//! Each counts attempts in a [`Lockout`]. The long version:
//! [`guide::factors`](crate::guide::factors).

mod attempt_limit;
mod challenger;
mod code_key;
mod lockout;
mod one_time_codes;
#[cfg(feature = "password")]
mod password;
mod recovery_codes;
#[cfg(feature = "totp")]
mod totp;
mod verifiers;

use std::fmt::Debug;

use async_trait::async_trait;

#[cfg(feature = "password")]
#[cfg_attr(docsrs, doc(cfg(feature = "password")))]
pub use self::password::{
    InvalidCost, Job, Offload, PasswordCost, PasswordStore, Passwords, Rehash,
};
#[cfg(feature = "totp")]
#[cfg_attr(docsrs, doc(cfg(feature = "totp")))]
pub use self::totp::{Drift, Totp, TotpFactor, TotpLabel, TotpSecret, TotpStore, UseStep};
pub use self::{
    attempt_limit::AttemptLimit,
    challenger::{Ask, Asked, Challenger, RefusedCheck},
    lockout::{Gate, Guess, Lockout, Unlimited},
    one_time_codes::{Channel, CodeForm, CodeRequest, OneTimeCode, OneTimeCodes},
    recovery_codes::{
        CodeCount, NewRecoveryCodes, RecoveryCodeStore, RecoveryCodes, SpendRecoveryCode,
    },
    verifiers::Verifiers,
};
pub use crate::error::joints::VerifyError;
use crate::{
    clock::Timestamp,
    factor::{Challenge, Check, FactorDetails, SubjectRef},
    id::{SubjectId, TenantId},
};

/// Verifies checks: compares a password, a code, an assertion with what the host knows.
///
/// # Contract
/// - A wrong credential is [`Outcome::Wrong`], never an error. An error says that nothing is known.
/// - When `attempt.subject` is none, the subject is unknown: the verifier MUST do the same work as
///   for a known one (a hash of nothing) and answer [`Outcome::Wrong`], so that nobody learns by
///   time who exists.
/// - Attempts are the verifier's to count, and [`Outcome::Locked`] is its to answer.
///
/// # Examples
/// ```
/// use async_trait::async_trait;
/// use session_issuer::{factor::Check, verifier::{Attempt, FactorVerifier, Outcome, VerifyError}};
///
/// #[derive(Debug)]
/// struct Passwords; // a handle on your database
///
/// # fn stored_hash(_: Option<&session_issuer::id::SubjectId>) -> Option<String> { None }
/// # fn slow_compare(_: &str, _: &str) -> bool { false }
/// #[async_trait]
/// impl FactorVerifier for Passwords {
///     async fn verify(&self, attempt: Attempt<'_>) -> Result<Outcome, VerifyError> {
///         let Check::Password(given) = attempt.check else { return Ok(Outcome::NotSetUp) };
///         // For an unknown subject, the hash of nothing: the same work.
///         let hash = stored_hash(attempt.subject).unwrap_or_else(|| "a dummy hash".to_owned());
///         Ok(if slow_compare(given.expose(), &hash) { Outcome::passed() } else { Outcome::Wrong })
///     }
/// }
/// ```
#[async_trait]
pub trait FactorVerifier: Debug + Send + Sync {
    /// Judges one check of one subject.
    ///
    /// # Errors
    /// [`VerifyError`] when nothing is known of the check: a table or a service did not answer. The
    /// issuer answers `Unavailable`, and nothing was proved.
    async fn verify(&self, attempt: Attempt<'_>) -> Result<Outcome, VerifyError>;
}

/// One check to judge.
#[derive(Debug)]
#[non_exhaustive]
pub struct Attempt<'a> {
    /// The tenant of the attempt.
    pub tenant: &'a TenantId,
    /// The subject who is said to prove something; none when nobody of that name is known.
    pub subject: Option<&'a SubjectId>,
    /// The check that is presented. Never a [`Check::Subject`].
    pub check: &'a Check,
    /// The challenge that it answers, where one of its kind is open.
    pub challenge: Option<&'a Challenge>,
    /// The time of the attempt.
    pub now: Timestamp,
}

impl<'a> Attempt<'a> {
    /// An attempt of this subject.
    pub fn new(
        tenant: &'a TenantId,
        subject: Option<&'a SubjectId>,
        check: &'a Check,
        now: Timestamp,
    ) -> Self {
        Self { tenant, subject, check, challenge: None, now }
    }

    /// It answers this challenge.
    #[must_use]
    pub fn answering(mut self, challenge: &'a Challenge) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// The holder of the factor, where the subject is known.
    pub fn holder(&self) -> Option<Holder<'a>> {
        self.subject.map(|subject| Holder::new(self.tenant, subject))
    }
}

/// The holder of a factor that is looked up, counted or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder<'a> {
    /// The tenant of the subject.
    pub tenant: &'a TenantId,
    /// The subject whose factor it is.
    pub subject: &'a SubjectId,
}

impl<'a> Holder<'a> {
    /// This subject of that tenant.
    pub fn new(tenant: &'a TenantId, subject: &'a SubjectId) -> Self {
        Self { tenant, subject }
    }
}

/// The judgement of a verifier on one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The check holds, with what is known about how.
    Passed(FactorDetails),
    /// The check does not hold.
    Wrong,
    /// Too many attempts; whether it holds is not said.
    Locked,
    /// The subject has no such factor.
    NotSetUp,
    /// The factor is there but cannot be used yet.
    NotReady,
    /// There is no open challenge that it could answer.
    NoChallenge,
}

impl Outcome {
    /// It holds, and nothing more is known about how.
    pub fn passed() -> Self {
        Self::Passed(FactorDetails::default())
    }
}

/// Knows the subjects: by id and by login name, and whether they may have sessions.
///
/// # Contract
/// - Finding nobody is [`Found::Unknown`], never an error.
/// - It SHOULD answer in the same time whether or not it finds somebody.
///
/// It is asked by `create`, by `update` where something is proved, by `decide` and by `exchange`;
/// and not by `check` and `refresh`: when a subject is disabled,
/// [`Revoke::subject_disabled`](crate::Revoke::subject_disabled) ends what it has.
///
/// # Examples
/// ```
/// use async_trait::async_trait;
/// use session_issuer::{
///     factor::SubjectRef, id::SubjectId,
///     verifier::{Found, Lookup, SubjectDirectory, SubjectProfile, VerifyError},
/// };
///
/// #[derive(Debug)]
/// struct Users; // a handle on your database
///
/// #[async_trait]
/// impl SubjectDirectory for Users {
///     async fn find(&self, lookup: Lookup<'_>) -> Result<Found, VerifyError> {
///         let id = match lookup.by {
///             SubjectRef::Id(id) => id.clone(),
///             SubjectRef::LoginName(name) if name == "alice@example.com" => {
///                 SubjectId::new("alice").map_err(VerifyError::new)?
///             }
///             _ => return Ok(Found::Unknown),
///         };
///         Ok(Found::Active(SubjectProfile::new(id).with_second_factor(true)))
///     }
/// }
/// ```
#[async_trait]
pub trait SubjectDirectory: Debug + Send + Sync {
    /// Finds a subject by its id or its login name.
    ///
    /// # Errors
    /// [`VerifyError`] when the directory does not answer. The issuer answers `Unavailable`.
    async fn find(&self, lookup: Lookup<'_>) -> Result<Found, VerifyError>;
}

/// A question to a directory: whom to find.
#[derive(Debug)]
#[non_exhaustive]
pub struct Lookup<'a> {
    /// The tenant to look in.
    pub tenant: &'a TenantId,
    /// By its id or its login name.
    pub by: &'a SubjectRef,
}

impl<'a> Lookup<'a> {
    /// This one, in this tenant.
    pub fn new(tenant: &'a TenantId, by: &'a SubjectRef) -> Self {
        Self { tenant, by }
    }
}

/// The answer of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// A subject that may have sessions.
    Active(SubjectProfile),
    /// A subject that may not.
    Disabled,
    /// A subject that may not for now.
    Locked,
    /// Nobody of that id or name is known.
    Unknown,
}

/// The profile of a subject, as a directory knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubjectProfile {
    /// The id of the subject.
    pub subject: SubjectId,
    /// The owner of its sessions: an organisation (ZITADEL's `resourceOwner`).
    pub resource_owner: Option<String>,
    /// It has a second factor, so that a session with one factor is only a beginning.
    pub second_factor: bool,
}

impl SubjectProfile {
    /// A subject of this id.
    pub fn new(subject: SubjectId) -> Self {
        Self { subject, resource_owner: None, second_factor: false }
    }

    /// It has a second factor.
    #[must_use]
    pub fn with_second_factor(mut self, yes: bool) -> Self {
        self.second_factor = yes;
        self
    }

    /// Who owns its sessions.
    #[must_use]
    pub fn with_resource_owner(mut self, owner: impl Into<String>) -> Self {
        self.resource_owner = Some(owner.into());
        self
    }
}

crate::forward::forward! {
    FactorVerifier {
        async fn verify<'b>(&self, attempt: Attempt<'b>) -> Result<Outcome, VerifyError>;
    }
}
crate::forward::forward! {
    SubjectDirectory {
        async fn find<'b>(&self, lookup: Lookup<'b>) -> Result<Found, VerifyError>;
    }
}
