//! Codes from an authenticator app: TOTP (RFC 6238) with SHA-1, 6 digits and steps of 30 seconds.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use super::{
    Attempt, FactorVerifier, Gate, Guess, Holder, Lockout, Outcome, VerifyError, lockout::settle,
};
use crate::{
    clock::Timestamp,
    entropy::Entropy,
    error::{EntropyError, InputField, InvalidInput, Problem},
    factor::Check,
    id::check_text,
    secret::{Secret, WeakKey},
};

/// RFC 6238 section 4.1.
const STEP_SECS: u64 = 30;
/// RFC 4226 section 4, R6: 128 bits at least, 160 recommended.
const FEWEST_SECRET_BYTES: usize = 16;
const SECRET_BYTES: usize = 20;

/// Verifies codes from authenticator apps.
///
/// SHA-1, 6 digits, steps of 30 seconds: what every app understands. A code is accepted one step
/// early and one step late unless [`drift`](Self::drift) says otherwise (RFC 6238 section 5.2), and
/// once.
///
/// # Security
/// - A step is used by the first right code. The same code again, and any older one, is wrong (RFC
///   6238 section 5.2).
/// - Attempts are counted before they are judged: with the drift of one step, a guess is right
///   three times in a million.
/// - Secrets must be readable here, so the host should keep them encrypted.
///
/// # Examples
/// Enrolment: show the URI as a QR code, and keep the secret as unconfirmed; when the first code
/// holds, mark it as confirmed.
/// ```
/// use session_issuer::{entropy::SystemEntropy, verifier::{TotpLabel, TotpSecret}};
///
/// let secret = TotpSecret::generate(&SystemEntropy)?;
/// let uri = secret.uri(TotpLabel { issuer: "Example", account: "alice@example.com" })?;
/// assert!(uri.expose().starts_with("otpauth://totp/Example:alice%40example.com?secret="));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Totp {
    store: Arc<dyn TotpStore>,
    lockout: Arc<dyn Lockout>,
    drift: Drift,
}

/// How far the clock of an authenticator may be off, to either side, in steps of 30 seconds.
///
/// Each further step lets two more of a million guesses be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Drift {
    /// The code of this very step alone.
    None,
    /// One step early or late. The default.
    #[default]
    OneStep,
    /// Two steps early or late: for users whose clocks nobody sets.
    TwoSteps,
}

impl Drift {
    fn steps(self) -> u64 {
        match self {
            Self::None => 0,
            Self::OneStep => 1,
            Self::TwoSteps => 2,
        }
    }
}

/// The place where the host keeps the secrets of authenticator apps, and which step each used last.
///
/// # Contract
/// - [`use_step`](Self::use_step) MUST be one atomic act: it remembers the step and answers `true`
///   if the step is later than every one remembered before, and otherwise changes nothing and
///   answers `false`. Of many calls with one step, exactly one hears `true`.
/// - A new secret starts without a remembered step.
#[async_trait]
pub trait TotpStore: fmt::Debug + Send + Sync {
    /// A subject's authenticator; none where it has none.
    ///
    /// # Errors
    /// [`VerifyError`] when the table does not answer, or a secret in it cannot be read.
    async fn find(&self, holder: Holder<'_>) -> Result<Option<TotpFactor>, VerifyError>;
    /// Uses up a step and all before it; false when it was used up already.
    ///
    /// # Errors
    /// [`VerifyError`] when nobody can say whether the step was used. The code does not pass.
    async fn use_step(&self, step: UseStep<'_>) -> Result<bool, VerifyError>;
}

crate::forward::forward! {
    TotpStore {
        async fn find<'b>(&self, holder: Holder<'b>) -> Result<Option<TotpFactor>, VerifyError>;
        async fn use_step<'b>(&self, step: UseStep<'b>) -> Result<bool, VerifyError>;
    }
}

/// The authenticator of a subject, confirmed or not.
#[derive(Debug)]
pub enum TotpFactor {
    /// Its first code has held: it counts.
    Confirmed(TotpSecret),
    /// It was handed out, and nothing has come back yet.
    Unconfirmed(TotpSecret),
}

/// A time step to use up.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct UseStep<'a> {
    /// The holder of the authenticator.
    pub holder: Holder<'a>,
    /// The number of the step: 30-second steps since the Unix epoch.
    pub step: u64,
}

impl Totp {
    /// Codes of the secrets in this store.
    pub fn new(store: impl TotpStore + 'static, lockout: impl Lockout + 'static) -> Self {
        Self { store: Arc::new(store), lockout: Arc::new(lockout), drift: Drift::OneStep }
    }

    /// How far a clock may be off to either side: [`Drift::OneStep`] unless set (RFC 6238 section
    /// 5.2).
    #[must_use]
    pub fn drift(mut self, drift: Drift) -> Self {
        self.drift = drift;
        self
    }

    /// Judges the first code of an authenticator, confirmed or not. When it has passed, mark it as
    /// confirmed.
    ///
    /// It is counted, and its step used up, like any other.
    ///
    /// # Errors
    /// [`VerifyError`] when the store or the lockout does not answer. A wrong code is
    /// [`Outcome::Wrong`].
    pub async fn confirm(&self, attempt: Attempt<'_>) -> Result<Outcome, VerifyError> {
        self.judge(attempt, Accept::Any).await
    }

    async fn judge(&self, attempt: Attempt<'_>, accept: Accept) -> Result<Outcome, VerifyError> {
        let Check::Totp(given) = attempt.check else { return Ok(Outcome::NotSetUp) };
        let Some(holder) = attempt.holder() else {
            self.matching(&TotpSecret::nobodys(), given, attempt.now);
            return Ok(Outcome::Wrong);
        };
        let secret = match self.store.find(holder).await? {
            None => return Ok(Outcome::NotSetUp),
            Some(TotpFactor::Unconfirmed(_)) if accept == Accept::Confirmed => {
                return Ok(Outcome::NotReady);
            }
            Some(TotpFactor::Confirmed(secret) | TotpFactor::Unconfirmed(secret)) => secret,
        };
        let guess = Guess::of(holder, &attempt);
        if self.lockout.begin(guess).await? == Gate::Locked {
            return Ok(Outcome::Locked);
        }
        let right = match self.matching(&secret, given, attempt.now) {
            Some(step) => self.store.use_step(UseStep { holder, step }).await?,
            None => false,
        };
        settle(&*self.lockout, guess, right).await
    }

    /// The latest step within the drift whose code this is. Every step is compared, each in
    /// constant time.
    fn matching(&self, secret: &TotpSecret, given: &Secret, now: Timestamp) -> Option<u64> {
        let current = u64::try_from(now.as_secs()).ok()? / STEP_SECS;
        let code =
            totp_rs::Builder::new().with_skew(0).with_secret(secret.expose()).build().ok()?;
        let drift = self.drift.steps();
        let steps = current.saturating_sub(drift)..=current.saturating_add(drift);
        steps.fold(None, |found, step| {
            code.check(given.expose(), step.saturating_mul(STEP_SECS)).or(found)
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accept {
    Confirmed,
    Any,
}

#[async_trait]
impl FactorVerifier for Totp {
    async fn verify(&self, attempt: Attempt<'_>) -> Result<Outcome, VerifyError> {
        self.judge(attempt, Accept::Confirmed).await
    }
}

impl fmt::Debug for Totp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Totp").field("drift", &self.drift).finish_non_exhaustive()
    }
}

/// The secret that an authenticator app and the host share. Never shown, wiped when dropped.
pub struct TotpSecret(Zeroizing<Vec<u8>>);

impl TotpSecret {
    /// A new secret of 160 bits (RFC 4226 section 4, R6).
    ///
    /// # Errors
    /// [`EntropyError`] when the generator fails.
    pub fn generate(entropy: &impl Entropy) -> Result<Self, EntropyError> {
        let mut bytes = Zeroizing::new(vec![0; SECRET_BYTES]);
        entropy.fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// A secret as it was stored: 16 to 512 bytes (RFC 4226 section 4, R6).
    ///
    /// # Errors
    /// [`WeakKey::TooShort`] below 16 bytes, [`WeakKey::TooLong`] above 512.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WeakKey> {
        match bytes.len() {
            ..FEWEST_SECRET_BYTES => Err(WeakKey::TooShort(FEWEST_SECRET_BYTES)),
            513.. => Err(WeakKey::TooLong),
            _ => Ok(Self(Zeroizing::new(bytes.to_vec()))),
        }
    }

    /// The secret itself, to be stored.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The secret in base 32, for those who cannot scan and must type.
    pub fn base32(&self) -> Secret {
        Secret::from(totp_rs::Secret::from(self.expose()).to_base32())
    }

    /// The `otpauth://` URI that apps read from a QR code.
    ///
    /// # Errors
    /// A part of the label is not 1 to 200 plain characters, or has a colon.
    pub fn uri(&self, label: TotpLabel<'_>) -> Result<Secret, InvalidInput> {
        let [issuer, account] =
            [(InputField::LabelIssuer, label.issuer), (InputField::Account, label.account)].map(
                |(field, text)| {
                    check_text(field, text)?;
                    match text.contains(':') {
                        true => Err(InvalidInput::new(field, Problem::Malformed)),
                        false => Ok(utf8_percent_encode(text, RESERVED)),
                    }
                },
            );
        let (issuer, account, secret) = (issuer?, account?, self.base32());
        let secret = secret.expose();
        Ok(Secret::from(format!(
            "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30"
        )))
    }

    fn nobodys() -> Self {
        Self(Zeroizing::new(vec![0; SECRET_BYTES]))
    }
}

/// What a URI must escape: all but the unreserved characters (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The label that an authenticator app shows beside its codes.
#[derive(Debug, Clone, Copy)]
pub struct TotpLabel<'a> {
    /// The name of the service.
    pub issuer: &'a str,
    /// The subject's name there.
    pub account: &'a str,
}
