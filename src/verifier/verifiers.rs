//! One verifier out of many: each kind of check goes to the verifier that was set for it.

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;

use super::{Attempt, FactorVerifier, Outcome, VerifyError};
use crate::factor::FactorKind;

/// A verifier for each kind of check.
///
/// A kind that nobody was set for is [`Outcome::NotSetUp`].
///
/// # Examples
/// ```
/// # use std::{sync::Arc, time::Duration};
/// # use async_trait::async_trait;
/// # use session_issuer::verifier::{Attempt, FactorVerifier, Outcome, VerifyError};
/// use session_issuer::verifier::{AttemptLimit, OneTimeCodes, Verifiers};
///
/// # #[derive(Debug)]
/// # struct Passkeys;
/// # #[async_trait]
/// # impl FactorVerifier for Passkeys {
/// #     async fn verify(&self, _: Attempt<'_>) -> Result<Outcome, VerifyError> { Ok(Outcome::Wrong) }
/// # }
/// # fn key() -> Vec<u8> { (0..32_u8).map(|n| n.wrapping_mul(167).wrapping_add(13)).collect() }
/// let lockout = Arc::new(AttemptLimit::new(5, Duration::from_secs(15 * 60))?);
/// let codes = Arc::new(OneTimeCodes::new(&key(), lockout)?); // kept by the host too: it makes the codes
/// let verifiers = Verifiers::new()
///     .otp_sms(Arc::clone(&codes))
///     .otp_email(codes)
///     .web_authn(Passkeys); // your own `FactorVerifier`
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Verifiers {
    by_kind: BTreeMap<FactorKind, Box<dyn FactorVerifier>>,
}

impl Verifiers {
    /// Verifiers of no kind yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the verifier of passwords.
    #[must_use]
    pub fn password(self, verifier: impl FactorVerifier + 'static) -> Self {
        self.set(FactorKind::Password, verifier)
    }

    /// Sets the verifier of finished logins at identity providers.
    #[must_use]
    pub fn intent(self, verifier: impl FactorVerifier + 'static) -> Self {
        self.set(FactorKind::Intent, verifier)
    }

    /// Sets the verifier of WebAuthn assertions.
    #[must_use]
    pub fn web_authn(self, verifier: impl FactorVerifier + 'static) -> Self {
        self.set(FactorKind::WebAuthn, verifier)
    }

    /// Sets the verifier of codes from authenticator apps.
    #[must_use]
    pub fn totp(self, verifier: impl FactorVerifier + 'static) -> Self {
        self.set(FactorKind::Totp, verifier)
    }

    /// Sets the verifier of codes sent by SMS.
    #[must_use]
    pub fn otp_sms(self, verifier: impl FactorVerifier + 'static) -> Self {
        self.set(FactorKind::OtpSms, verifier)
    }

    /// Sets the verifier of codes sent by email.
    #[must_use]
    pub fn otp_email(self, verifier: impl FactorVerifier + 'static) -> Self {
        self.set(FactorKind::OtpEmail, verifier)
    }

    /// Sets the verifier of recovery codes.
    #[must_use]
    pub fn recovery_code(self, verifier: impl FactorVerifier + 'static) -> Self {
        self.set(FactorKind::RecoveryCode, verifier)
    }

    fn set(mut self, kind: FactorKind, verifier: impl FactorVerifier + 'static) -> Self {
        self.by_kind.insert(kind, Box::new(verifier));
        self
    }
}

#[async_trait]
impl FactorVerifier for Verifiers {
    async fn verify(&self, attempt: Attempt<'_>) -> Result<Outcome, VerifyError> {
        // An unknown subject goes on too: each verifier does for it what it would have done for a
        // known one.
        match self.by_kind.get(&attempt.check.kind()) {
            Some(verifier) => verifier.verify(attempt).await,
            None if attempt.subject.is_none() => Ok(Outcome::Wrong),
            None => Ok(Outcome::NotSetUp),
        }
    }
}

impl fmt::Debug for Verifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifiers").field("kinds", &self.by_kind.keys()).finish()
    }
}
