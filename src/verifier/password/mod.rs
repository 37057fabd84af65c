//! Passwords, by Argon2id (RFC 9106).

mod cost;
mod offload;

use std::{fmt, sync::Arc};

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version,
    password_hash::Error as HashError,
};
use async_trait::async_trait;
use zeroize::Zeroizing;

use self::{
    cost::StoredCost,
    offload::{Inline, offloaded},
};
pub use self::{
    cost::{InvalidCost, PasswordCost},
    offload::{Job, Offload},
};
use super::{
    Attempt, FactorVerifier, Gate, Guess, Holder, Lockout, Outcome, VerifyError, lockout::settle,
};
use crate::{
    entropy::{Entropy, SystemEntropy},
    error::{Error, ErrorKind, Operation},
    factor::Check,
    secret::Secret,
};

/// RFC 9106 section 3.1: 16 bytes are recommended for passwords.
const SALT_BYTES: usize = 16;

/// Verifies passwords against the hashes that the host keeps.
///
/// Hashes are PHC strings (`$argon2id$v=19$m=19456,t=2,p=1$...`), so those of other Argon2
/// libraries are read as well. After a right password whose hash is weaker than the
/// [cost](PasswordCost) of today, the store is told a new one.
///
/// # Security
/// - Every attempt costs one hash: for unknown subjects, for those without a password and for
///   locked ones too, so that nobody learns by time who exists. Hashes of an older cost take their
///   own time until they are renewed.
/// - Attempts are counted before they are judged. One that ends in a fault stays counted.
/// - A stored hash that cannot be read, or that asks for more than the [bounds](PasswordCost), is a
///   fault and never a wrong password: somebody must look at it.
/// - A password is the bytes of its UTF-8 as given, and nothing is normalised: the same letters
///   typed in another form are another password. Hosts that want NFC apply it at sign-up and at
///   login.
///
/// # Examples
/// ```
/// # use std::{collections::HashMap, sync::{Arc, Mutex}, time::Duration};
/// # use async_trait::async_trait;
/// # use session_issuer::{secret::Secret, verifier::{Holder, Rehash, VerifyError}};
/// use session_issuer::verifier::{AttemptLimit, PasswordStore, Passwords, Verifiers};
///
/// #[derive(Default)]
/// struct Hashes(Mutex<HashMap<String, String>>); // a column of your database
/// # impl std::fmt::Debug for Hashes {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("Hashes") }
/// # }
///
/// #[async_trait]
/// impl PasswordStore for Hashes {
///     async fn find(&self, holder: Holder<'_>) -> Result<Option<Secret>, VerifyError> {
///         let table = self.0.lock().map_err(|_| VerifyError::new("poisoned"))?;
///         Ok(table.get(holder.subject.as_str()).map(|hash| Secret::from(hash.as_str())))
///     }
///
///     async fn replace(&self, rehash: Rehash<'_>) -> Result<(), VerifyError> {
///         // UPDATE users SET hash = $new WHERE id = $subject AND hash = $old
///         let mut table = self.0.lock().map_err(|_| VerifyError::new("poisoned"))?;
///         if let Some(hash) = table.get_mut(rehash.holder.subject.as_str())
///             && hash == rehash.old.expose()
///         {
///             *hash = rehash.new.expose().to_owned();
///         }
///         Ok(())
///     }
/// }
///
/// # pollster::block_on(async {
/// let hashes = Arc::new(Hashes::default());
/// let passwords = Passwords::new(Arc::clone(&hashes), AttemptLimit::new(10, Duration::from_secs(15 * 60))?);
/// let hash = passwords.hash("correct horse battery staple").await?; // at sign-up
/// assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
/// let verifiers = Verifiers::new().password(passwords);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct Passwords {
    store: Arc<dyn PasswordStore>,
    lockout: Arc<dyn Lockout>,
    entropy: Arc<dyn Entropy>,
    offload: Arc<dyn Offload>,
    cost: PasswordCost,
}

/// The place where the host keeps the hashes of passwords.
///
/// # Contract
/// - [`find`](Self::find) MUST give the string as it was stored.
/// - [`replace`](Self::replace) MUST change nothing unless the stored hash is still the old one:
///   the password may have been changed in between. When it fails, the login goes on, and the next
///   one tries again.
#[async_trait]
pub trait PasswordStore: fmt::Debug + Send + Sync {
    /// The PHC string of a subject; none where it has no password.
    ///
    /// # Errors
    /// [`VerifyError`] when the table does not answer. A subject without a password is `None`.
    async fn find(&self, holder: Holder<'_>) -> Result<Option<Secret>, VerifyError>;
    /// Takes a stronger hash of the same password.
    ///
    /// # Errors
    /// [`VerifyError`] when the table does not answer. The login goes on. An old hash that is there
    /// no more is no error.
    async fn replace(&self, rehash: Rehash<'_>) -> Result<(), VerifyError>;
}

crate::forward::forward! {
    PasswordStore {
        async fn find<'b>(&self, holder: Holder<'b>) -> Result<Option<Secret>, VerifyError>;
        async fn replace<'b>(&self, rehash: Rehash<'b>) -> Result<(), VerifyError>;
    }
}

/// A stronger hash of the password that a subject has just proved.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Rehash<'a> {
    /// The holder of the password.
    pub holder: Holder<'a>,
    /// The hash that was found.
    pub old: &'a Secret,
    /// The hash to keep in its place.
    pub new: &'a Secret,
}

impl Passwords {
    /// Passwords of this store, at OWASP's cost, hashed where they are awaited.
    pub fn new(store: impl PasswordStore + 'static, lockout: impl Lockout + 'static) -> Self {
        Self {
            store: Arc::new(store),
            lockout: Arc::new(lockout),
            entropy: Arc::new(SystemEntropy),
            offload: Arc::new(Inline),
            cost: PasswordCost::default(),
        }
    }

    /// The cost of a new hash.
    #[must_use]
    pub fn cost(mut self, cost: PasswordCost) -> Self {
        self.cost = cost;
        self
    }

    /// Where hashes are computed: an async host sets a pool for blocking work.
    #[must_use]
    pub fn offload(mut self, offload: impl Offload + 'static) -> Self {
        self.offload = Arc::new(offload);
        self
    }

    /// The source of salts; the system's randomness unless set.
    #[must_use]
    pub fn entropy(mut self, entropy: impl Entropy + 'static) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Makes the hash of a new password: for sign-up and for changes.
    ///
    /// How good a password must be, and whether it is on a list of leaked ones, is the host's to
    /// judge.
    ///
    /// # Errors
    /// `InvalidInput` where [`Check::password`] would refuse it, `Unavailable` without randomness
    /// or a pool.
    pub async fn hash(&self, password: &str) -> Result<Secret, Error> {
        Check::password(password)?;
        let failed =
            |error| Error::new(ErrorKind::Unavailable, Operation::Input).with_source(error);
        self.fresh(password).await.map_err(failed)
    }

    async fn fresh(&self, password: &str) -> Result<Secret, VerifyError> {
        let mut salt = [0; SALT_BYTES];
        self.entropy.fill(&mut salt).map_err(VerifyError::new)?;
        let argon2 = argon2(self.cost.params()?);
        let password = Zeroizing::new(password.to_owned());
        let hash = offloaded(&*self.offload, move || {
            argon2.hash_password_with_salt(password.as_bytes(), &salt).map(|hash| hash.to_string())
        });
        hash.await?.map(Secret::from).map_err(VerifyError::new)
    }

    /// The work of one hash, whose result nobody needs.
    async fn dummy(&self, password: &Secret) -> Result<(), VerifyError> {
        let argon2 = argon2(self.cost.params()?);
        let password = Zeroizing::new(password.expose().to_owned());
        let hash = offloaded(&*self.offload, move || {
            let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
            argon2.hash_password_into(password.as_bytes(), &[0; SALT_BYTES], &mut output)
        });
        hash.await?.map_err(VerifyError::new)
    }

    async fn compare(&self, password: &Secret, stored: PasswordHash) -> Result<bool, VerifyError> {
        let argon2 = argon2(self.cost.params()?);
        let password = Zeroizing::new(password.expose().to_owned());
        // It takes the cost from the stored hash.
        let compared =
            offloaded(&*self.offload, move || argon2.verify_password(password.as_bytes(), &stored));
        match compared.await? {
            Ok(()) => Ok(true),
            Err(HashError::PasswordInvalid) => Ok(false),
            Err(fault) => Err(VerifyError::new(fault)),
        }
    }

    /// Tells the store a hash of today's cost. The subject is in, whether or not it is kept.
    async fn renew(&self, holder: Holder<'_>, password: &Secret, old: &Secret) {
        if let Ok(new) = self.fresh(password.expose()).await {
            let _ = self.store.replace(Rehash { holder, old, new: &new }).await;
        }
    }
}

fn argon2(params: Params) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[async_trait]
impl FactorVerifier for Passwords {
    async fn verify(&self, attempt: Attempt<'_>) -> Result<Outcome, VerifyError> {
        let Check::Password(given) = attempt.check else { return Ok(Outcome::NotSetUp) };
        let Some(holder) = attempt.holder() else {
            self.dummy(given).await?;
            return Ok(Outcome::Wrong);
        };
        let Some(stored) = self.store.find(holder).await? else {
            self.dummy(given).await?;
            return Ok(Outcome::NotSetUp);
        };
        let (hash, cost) = StoredCost::read(stored.expose())?;
        let guess = Guess::of(holder, &attempt);
        if self.lockout.begin(guess).await? == Gate::Locked {
            self.dummy(given).await?;
            return Ok(Outcome::Locked);
        }
        let right = self.compare(given, hash).await?;
        let outcome = settle(&*self.lockout, guess, right).await?;
        if matches!(outcome, Outcome::Passed(_)) && cost.is_below(self.cost) {
            self.renew(holder, given, &stored).await;
        }
        Ok(outcome)
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords")
            .field("cost", &self.cost)
            .field("offload", &self.offload)
            .finish_non_exhaustive()
    }
}
