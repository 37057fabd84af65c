//! Recovery codes: a printed set, each good once.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{
    Attempt, FactorVerifier, Gate, Guess, Holder, Lockout, Outcome, VerifyError, code_key::CodeKey,
    lockout::settle,
};
use crate::{
    entropy::{Entropy, SystemEntropy},
    error::{EntropyError, InputField, InvalidInput, Problem},
    factor::Check,
    secret::{Secret, WeakKey},
};

/// Crockford's base 32: without `i`, `l`, `o` and `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 16 characters of 5 bits: 80 bits.
const CODE_CHARS: usize = 16;
const GROUP: usize = 4;

/// Makes and verifies recovery codes.
///
/// A set has 10 codes of 80 random bits each, such as `k7qm-2x9d-04tb-w8ze`. They are accepted with
/// or without dashes, spaces and capitals, and `o`, `i`, `l` are read as the digits that they look
/// like.
///
/// # Security
/// What is stored of a code is its digest: a MAC over tenant, subject and code, under a key that
/// the store does not have. A new key makes every set void. These are the look-up secrets of NIST
/// SP 800-63B-4 section 3.1.2.
///
/// # Examples
/// ```
/// # use std::{collections::HashSet, sync::Mutex, time::Duration};
/// # use async_trait::async_trait;
/// use session_issuer::{
///     id::{SubjectId, TenantId},
///     verifier::{AttemptLimit, Holder, RecoveryCodeStore, RecoveryCodes, SpendRecoveryCode, VerifyError},
/// };
///
/// #[derive(Debug, Default)]
/// struct Digests(Mutex<HashSet<(SubjectId, String)>>); // a table of your database
///
/// #[async_trait]
/// impl RecoveryCodeStore for Digests {
///     async fn has_codes(&self, holder: Holder<'_>) -> Result<bool, VerifyError> {
///         let table = self.0.lock().map_err(|_| VerifyError::new("poisoned"))?;
///         Ok(table.iter().any(|(subject, _)| subject == holder.subject))
///     }
///
///     async fn spend(&self, code: SpendRecoveryCode<'_>) -> Result<bool, VerifyError> {
///         // DELETE FROM recovery_codes WHERE subject = $1 AND digest = $2: was there a row?
///         let row = (code.holder.subject.clone(), code.digest.to_owned());
///         Ok(self.0.lock().map_err(|_| VerifyError::new("poisoned"))?.remove(&row))
///     }
/// }
/// # fn key() -> Vec<u8> { (0..32_u8).map(|n| n.wrapping_mul(167).wrapping_add(13)).collect() }
///
/// let lockout = AttemptLimit::new(5, Duration::from_secs(15 * 60))?;
/// let codes = RecoveryCodes::new(&key(), Digests::default(), lockout)?;
/// let (tenant, alice) = (TenantId::default(), SubjectId::new("alice")?);
/// let set = codes.make(Holder::new(&tenant, &alice))?;
/// assert_eq!((set.codes.len(), set.digests.len()), (10, 10)); // show the codes once, keep the digests
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RecoveryCodes {
    key: CodeKey,
    store: Arc<dyn RecoveryCodeStore>,
    lockout: Arc<dyn Lockout>,
    entropy: Arc<dyn Entropy>,
    count: CodeCount,
}

/// The place where the host keeps the digests of recovery codes.
///
/// # Contract
/// - [`spend`](Self::spend) MUST remove the digest and say whether it was there in one atomic act:
///   of many calls at once, exactly one hears `true`.
/// - A new set MUST take the place of the old one as a whole.
/// - How many are left, and telling the subject, is the host's.
#[async_trait]
pub trait RecoveryCodeStore: fmt::Debug + Send + Sync {
    /// Whether a subject has a code left.
    ///
    /// # Errors
    /// [`VerifyError`] when the table does not answer.
    async fn has_codes(&self, holder: Holder<'_>) -> Result<bool, VerifyError>;
    /// Removes a digest; false when the subject has no such digest.
    ///
    /// # Errors
    /// [`VerifyError`] when nobody can say whether the digest was there. The code does not pass.
    async fn spend(&self, code: SpendRecoveryCode<'_>) -> Result<bool, VerifyError>;
}

crate::forward::forward! {
    RecoveryCodeStore {
        async fn has_codes<'b>(&self, holder: Holder<'b>) -> Result<bool, VerifyError>;
        async fn spend<'b>(&self, spend: SpendRecoveryCode<'b>) -> Result<bool, VerifyError>;
    }
}

/// A recovery code to use up.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SpendRecoveryCode<'a> {
    /// The holder of the code.
    pub holder: Holder<'a>,
    /// The digest, as it was made.
    pub digest: &'a str,
}

/// A set of recovery codes.
#[derive(Debug)]
#[non_exhaustive]
pub struct NewRecoveryCodes {
    /// To show to the subject, once.
    pub codes: Vec<Secret>,
    /// To keep, in the order of the codes: 43 characters of base64url each.
    pub digests: Vec<String>,
}

/// How many codes a set of recovery codes has: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeCount(usize);

impl CodeCount {
    /// So many codes.
    ///
    /// # Errors
    /// For none, and for more than 100.
    ///
    /// # Examples
    /// ```
    /// use session_issuer::verifier::CodeCount;
    ///
    /// let few = CodeCount::new(5)?;
    /// assert!(CodeCount::new(0).is_err());
    /// # Ok::<(), session_issuer::error::InvalidInput>(())
    /// ```
    pub fn new(count: usize) -> Result<Self, InvalidInput> {
        match count {
            0 => Err(InvalidInput::new(InputField::RecoveryCodes, Problem::Zero)),
            1..=100 => Ok(Self(count)),
            _ => Err(InvalidInput::new(InputField::RecoveryCodes, Problem::TooMany(100))),
        }
    }
}

impl Default for CodeCount {
    /// 10 codes.
    fn default() -> Self {
        Self(10)
    }
}

impl RecoveryCodes {
    /// Codes under this key of 32 to 512 random bytes, which every node shares and the store does
    /// not have.
    ///
    /// # Errors
    /// [`WeakKey`] for bytes that are too few, too many, or not random.
    pub fn new(
        key: &[u8],
        store: impl RecoveryCodeStore + 'static,
        lockout: impl Lockout + 'static,
    ) -> Result<Self, WeakKey> {
        Ok(Self {
            key: CodeKey::derive(key, b"recovery code mac v1")?,
            store: Arc::new(store),
            lockout: Arc::new(lockout),
            entropy: Arc::new(SystemEntropy),
            count: CodeCount::default(),
        })
    }

    /// How many codes a set has; 10 unless set.
    #[must_use]
    pub fn count(mut self, count: CodeCount) -> Self {
        self.count = count;
        self
    }

    /// The source of randomness; the system's unless set.
    #[must_use]
    pub fn entropy(mut self, entropy: impl Entropy + 'static) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Makes a set. Its digests take the place of all that the subject had before.
    ///
    /// # Errors
    /// [`EntropyError`] when the generator fails.
    pub fn make(&self, holder: Holder<'_>) -> Result<NewRecoveryCodes, EntropyError> {
        let mut set = NewRecoveryCodes { codes: Vec::new(), digests: Vec::new() };
        for _ in 0..self.count.0 {
            let mut random = Zeroizing::new([0; CODE_CHARS]);
            self.entropy.fill(&mut *random)?;
            // 32 divides 256, so the low 5 bits of a byte are as even as the byte.
            let code: Zeroizing<String> =
                Zeroizing::new(random.iter().map(|byte| letter(*byte)).collect());
            set.digests.push(self.digest(holder, &code));
            set.codes.push(grouped(&code));
        }
        Ok(set)
    }

    fn digest(&self, holder: Holder<'_>, code: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.key.tag(holder, &[], code.as_bytes()))
    }
}

#[async_trait]
impl FactorVerifier for RecoveryCodes {
    async fn verify(&self, attempt: Attempt<'_>) -> Result<Outcome, VerifyError> {
        let Check::RecoveryCode(given) = attempt.check else { return Ok(Outcome::NotSetUp) };
        let code = plain(given.expose());
        let Some(holder) = attempt.holder() else {
            self.key.dummy(code.as_bytes());
            return Ok(Outcome::Wrong);
        };
        // Who has no codes is not counted, or made-up names would fill the lockout.
        if !self.store.has_codes(holder).await? {
            self.key.dummy(code.as_bytes());
            return Ok(Outcome::NotSetUp);
        }
        let guess = Guess::of(holder, &attempt);
        if self.lockout.begin(guess).await? == Gate::Locked {
            return Ok(Outcome::Locked);
        }
        // Spent before the lockout is told: a code that is right while the gate closes is used up,
        // and refused.
        let digest = self.digest(holder, &code);
        let right = self.store.spend(SpendRecoveryCode { holder, digest: &digest }).await?;
        settle(&*self.lockout, guess, right).await
    }
}

impl fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecoveryCodes").field("count", &self.count).finish_non_exhaustive()
    }
}

fn letter(random: u8) -> char {
    ALPHABET.get(usize::from(random % 32)).map_or('0', |letter| char::from(*letter))
}

fn grouped(code: &str) -> Secret {
    let mut text = String::with_capacity(CODE_CHARS + CODE_CHARS / GROUP);
    for (at, letter) in code.chars().enumerate() {
        if at > 0 && at % GROUP == 0 {
            text.push('-');
        }
        text.push(letter);
    }
    Secret::from(text)
}

/// A code as it was made, from the way somebody typed it.
fn plain(typed: &str) -> Zeroizing<String> {
    let letters = typed.chars().filter(|c| *c != '-' && !c.is_whitespace());
    Zeroizing::new(
        letters
            .map(|c| match c.to_ascii_lowercase() {
                'o' => '0',
                'i' | 'l' => '1',
                other => other,
            })
            .collect(),
    )
}
