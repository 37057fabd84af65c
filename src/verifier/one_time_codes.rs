//! One-time codes that the host delivers by SMS or email.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    Attempt, FactorVerifier, Gate, Guess, Holder, Lockout, Outcome, VerifyError, code_key::CodeKey,
    lockout::settle,
};
use crate::{
    clock::Timestamp,
    entropy::{Entropy, SystemEntropy},
    error::{EntropyError, InputField, InvalidInput, Problem},
    factor::{Challenge, Check, FactorKind},
    secret::{Secret, WeakKey},
};

/// NIST SP 800-63B-4 section 3.1.3.2: a code is good for ten minutes at most.
const LONGEST: Duration = Duration::from_secs(10 * 60);
const NONCE_BYTES: usize = 16;

/// Makes and verifies codes that are sent by SMS or email.
///
/// A code is made with its [`Challenge`]: the code goes to the subject, and nowhere else; the
/// challenge into the session, by [`Update::challenge`](crate::Update::challenge). The newest
/// challenge of a kind takes the place of the one before, and a right answer uses it up, also where
/// two answers race: that is the issuer's doing.
///
/// | | default | bounds | source |
/// | --- | --- | --- | --- |
/// | digits | 8 | 6 to 10 | ZITADEL |
/// | good for | 5 minutes | 1 s to 10 minutes | ZITADEL; NIST SP 800-63B-4 section 3.1.3.2 |
///
/// # Security
/// What the challenge keeps is a MAC over kind, tenant, subject, a nonce, the end and the code.
/// Whoever reads the store does not learn the code, and a code is good for nobody and nothing else.
/// Guesses are counted by the lockout, across sessions and challenges. Email proves no more than
/// access to a mailbox, and NIST does not accept it out of band (section 3.1.3.1); SMS is a
/// restricted authenticator (section 3.1.3.3).
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use session_issuer::{
///     Issuer, Update, entropy::SystemEntropy, factor::Check, id::{SubjectId, TenantId}, store::MemoryStore,
///     token::TokenKeys,
///     verifier::{AttemptLimit, CodeRequest, Holder, OneTimeCodes, Verifiers},
/// };
/// # use session_issuer::NewSession;
/// # use std::sync::Arc;
/// # fn key() -> Vec<u8> { (0..32_u8).map(|n| n.wrapping_mul(167).wrapping_add(13)).collect() }
///
/// # pollster::block_on(async {
/// let lockout = AttemptLimit::new(5, Duration::from_secs(15 * 60))?;
/// let codes = Arc::new(OneTimeCodes::new(&key(), lockout)?);
/// # let issuer = Issuer::builder().store(MemoryStore::new()).token_keys(TokenKeys::generate(&SystemEntropy)?)
/// #     .policy(session_issuer::Policy::zitadel()).verifier(Verifiers::new().otp_email(Arc::clone(&codes))).build()?;
/// # let session = issuer.create(NewSession::for_subject(SubjectId::new("alice")?)).await?;
/// let (tenant, alice) = (TenantId::default(), SubjectId::new("alice")?);
/// let made = codes.make(CodeRequest::email(Holder::new(&tenant, &alice), issuer.now()))?;
/// let asked = issuer.update(Update::with_token(session.token()).challenge(made.challenge)).await?;
/// // ... send made.code to Alice, who types it in ...
/// let typed = made.code.expose();
/// issuer.update(Update::with_token(asked.token()).check(Check::otp_email(typed)?)).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct OneTimeCodes {
    key: CodeKey,
    lockout: Arc<dyn Lockout>,
    entropy: Arc<dyn Entropy>,
    form: CodeForm,
}

impl OneTimeCodes {
    /// Codes under this key of 32 to 512 random bytes, which every node shares and the store does
    /// not have.
    ///
    /// # Errors
    /// [`WeakKey`] for bytes that are too few, too many, or not random.
    pub fn new(key: &[u8], lockout: impl Lockout + 'static) -> Result<Self, WeakKey> {
        Ok(Self {
            key: CodeKey::derive(key, b"one-time code mac v1")?,
            lockout: Arc::new(lockout),
            entropy: Arc::new(SystemEntropy),
            form: CodeForm::default(),
        })
    }

    /// How many digits a code has, and how long it is good; 8 and five minutes unless set.
    #[must_use]
    pub fn form(mut self, form: CodeForm) -> Self {
        self.form = form;
        self
    }

    /// The source of randomness; the system's unless set.
    #[must_use]
    pub fn entropy(mut self, entropy: impl Entropy + 'static) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Makes a code and its challenge.
    ///
    /// # Errors
    /// [`EntropyError`] when the generator fails, or gives the same bytes again and again.
    pub fn make(&self, request: CodeRequest<'_>) -> Result<OneTimeCode, EntropyError> {
        let CodeRequest { channel, holder, now } = request;
        let code = self.draw()?;
        let mut nonce = [0; NONCE_BYTES];
        self.entropy.fill(&mut nonce)?;
        let ends_at = now.saturating_add(self.form.good_for);
        let tag = self.key.tag(holder, &fixed(channel, &nonce, ends_at), code.expose().as_bytes());
        let state = URL_SAFE_NO_PAD.encode([nonce.as_slice(), &tag].concat());
        // A short line without control characters: the form that a challenge asks for.
        let challenge =
            Challenge::new(channel.kind(), &state, ends_at).map_err(EntropyError::new)?;
        Ok(OneTimeCode { code, challenge })
    }

    /// A number of so many digits, each as likely as the other.
    fn draw(&self) -> Result<Secret, EntropyError> {
        let codes = 10_u64.pow(self.form.digits);
        // The numbers from here on would make some codes more likely.
        let fair = u64::MAX - u64::MAX % codes;
        // One draw in a billion is unfair at most, so a generator that never gives a fair one is
        // broken.
        for _ in 0..8 {
            let mut bytes = [0; 8];
            self.entropy.fill(&mut bytes)?;
            let drawn = u64::from_be_bytes(bytes);
            if drawn < fair {
                return Ok(Secret::from(format!(
                    "{:0width$}",
                    drawn % codes,
                    width = self.form.digits as usize
                )));
            }
        }
        Err(EntropyError::new("the generator repeats itself"))
    }
}

/// How many digits a one-time code has, and how long it is good.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use session_issuer::verifier::CodeForm;
///
/// let short = CodeForm::new(6, Duration::from_secs(120))?;
/// assert!(CodeForm::new(4, Duration::from_secs(120)).is_err());
/// # Ok::<(), session_issuer::error::InvalidInput>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeForm {
    digits: u32,
    good_for: Duration,
}

impl CodeForm {
    /// So many digits, 6 to 10, good for one second to ten minutes (NIST SP 800-63B-4 section
    /// 3.1.3.2).
    ///
    /// # Errors
    /// The part that is out of its bounds.
    pub fn new(digits: u32, good_for: Duration) -> Result<Self, InvalidInput> {
        if !(6..=10).contains(&digits) {
            return Err(InvalidInput::new(InputField::Digits, Problem::Malformed));
        }
        match good_for {
            _ if good_for < Duration::from_secs(1) => {
                Err(InvalidInput::new(InputField::CodeLifetime, Problem::Zero))
            }
            _ if good_for > LONGEST => {
                Err(InvalidInput::new(InputField::CodeLifetime, Problem::TooLarge))
            }
            _ => Ok(Self { digits, good_for }),
        }
    }
}

impl Default for CodeForm {
    /// 8 digits, good for five minutes.
    fn default() -> Self {
        Self { digits: 8, good_for: Duration::from_secs(5 * 60) }
    }
}

#[async_trait]
impl FactorVerifier for OneTimeCodes {
    async fn verify(&self, attempt: Attempt<'_>) -> Result<Outcome, VerifyError> {
        let (Check::OtpSms(given) | Check::OtpEmail(given)) = attempt.check else {
            return Ok(Outcome::NotSetUp);
        };
        let Some(holder) = attempt.holder() else {
            self.key.dummy(given.expose().as_bytes());
            return Ok(Outcome::Wrong);
        };
        // The issuer shows no challenge that has ended, and none of another kind; another caller
        // might.
        let open = attempt.challenge.filter(|slot| attempt.now < slot.ends_at());
        let (Some(challenge), Some(channel)) = (open, Channel::of(attempt.check.kind())) else {
            return Ok(Outcome::NoChallenge);
        };
        if challenge.kind() != channel.kind() {
            return Ok(Outcome::NoChallenge);
        }
        let (nonce, tag) = read(challenge.state())?;
        let guess = Guess::of(holder, &attempt);
        if self.lockout.begin(guess).await? == Gate::Locked {
            return Ok(Outcome::Locked);
        }
        let fixed = fixed(channel, &nonce, challenge.ends_at());
        let right = self.key.proves(holder, &fixed, given.expose().as_bytes(), &tag);
        settle(&*self.lockout, guess, right).await
    }
}

/// What stands between the names and the code, always of the same length.
fn fixed(channel: Channel, nonce: &[u8; NONCE_BYTES], ends_at: Timestamp) -> Vec<u8> {
    let kind = match channel {
        Channel::Sms => b's',
        Channel::Email => b'e',
    };
    [[kind].as_slice(), nonce, &ends_at.as_millis().to_be_bytes()].concat()
}

fn read(state: &str) -> Result<([u8; NONCE_BYTES], [u8; 32]), VerifyError> {
    let bytes = URL_SAFE_NO_PAD.decode(state).unwrap_or_default();
    let parts =
        bytes.split_first_chunk().and_then(|(nonce, tag)| Some((*nonce, tag.try_into().ok()?)));
    parts.ok_or_else(|| VerifyError::new("the challenge is not one of these codes'"))
}

impl fmt::Debug for OneTimeCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneTimeCodes")
            .field("digits", &self.form.digits)
            .field("good_for", &self.form.good_for)
            .finish_non_exhaustive()
    }
}

/// The ways in which a code travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// The code travels by SMS.
    Sms,
    /// The code travels by email.
    Email,
}

impl Channel {
    /// The kind of factor that its codes prove.
    pub fn kind(self) -> FactorKind {
        match self {
            Self::Sms => FactorKind::OtpSms,
            Self::Email => FactorKind::OtpEmail,
        }
    }

    fn of(kind: FactorKind) -> Option<Self> {
        [Self::Sms, Self::Email].into_iter().find(|channel| channel.kind() == kind)
    }
}

/// For whom a code is made, and how it will travel.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CodeRequest<'a> {
    /// The way in which the code will travel.
    pub channel: Channel,
    /// The holder of the factor.
    pub holder: Holder<'a>,
    /// The time of the call: [`Issuer::now`](crate::Issuer::now).
    pub now: Timestamp,
}

impl<'a> CodeRequest<'a> {
    /// A code to send by SMS.
    pub fn sms(holder: Holder<'a>, now: Timestamp) -> Self {
        Self { channel: Channel::Sms, holder, now }
    }

    /// A code to send by email.
    pub fn email(holder: Holder<'a>, now: Timestamp) -> Self {
        Self { channel: Channel::Email, holder, now }
    }
}

/// A code to send, and the challenge that it answers.
#[derive(Debug)]
#[non_exhaustive]
pub struct OneTimeCode {
    /// For the subject, by the channel asked for, and for nobody else.
    pub code: Secret,
    /// For the session's slot.
    pub challenge: Challenge,
}
