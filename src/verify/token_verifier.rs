//! A service that holds public keys alone: it verifies what another process issues.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_lock::{Mutex, MutexGuard};

use super::{judge::Judge, names::problems_of_names};
use crate::{
    clock::{Clock, SystemClock, Timestamp},
    error::{ConfigurationProblems, Error, ErrorKind, Operation, SignError, SignErrorKind},
    id::TenantId,
    policy::Policy,
    signer::{Jwks, JwksSource},
    token::{KnownHeaders, VerifiedClaims},
};

/// How often keys are fetched at most, and how old they may become.
const LEAST_PAUSE: Duration = Duration::from_secs(30);
const REFRESH_AFTER: Duration = Duration::from_secs(10 * 60);

/// Verifies the signed access tokens of another process: no store, no signer, no secret.
///
/// It holds a set of public keys ([`Jwks`]), given or fetched from a [`JwksSource`] of the host's.
/// [`verify`](Self::verify) does no I/O. [`verify_or_fetch`](Self::verify_or_fetch) fetches the set
/// when it is 10 minutes old, and once more for a token of a key that it does not know: never more
/// often than every 30 seconds, and never twice at once, however many tokens ask for it. A set that
/// cannot be fetched or is refused leaves the one before in use, and a fetch whose caller hangs up
/// is finished by the next.
///
/// A revocation is seen when the token expires: the issuer's access lifetime is how late that is.
///
/// # Examples
/// ```
/// # use session_issuer::{entropy::SystemEntropy, id::SubjectId, signer::*, store::MemoryStore, token::*};
/// use session_issuer::{Issuer, NewSession, Policy, Timestamp, verify::TokenVerifier};
///
/// # let key = SecretKey::generate(Algorithm::EdDsa, &SystemEntropy)?.key;
/// // Where sessions are issued:
/// let ring = KeyRing::new(key);
/// let published = serde_json::to_vec(&ring.jwks(Timestamp::from_secs(0)))?;
/// # let keys = TokenKeys::generate(&SystemEntropy)?;
/// let issuer = Issuer::builder().signer(ring).name("https://id.example").audience("api")
///     # .store(MemoryStore::new()).token_keys(keys)
///     .build()?;
/// # let login = pollster::block_on(issuer.create(NewSession::for_subject(SubjectId::new("alice")?)))?;
///
/// // Elsewhere, with the published keys alone:
/// let verifier = TokenVerifier::builder("https://id.example")
///     .audience("api")
///     .keys(Jwks::parse(&published)?)
///     .build()?;
/// let claims = verifier.verify(login.token())?;
/// assert_eq!(claims.subject().unwrap().as_str(), "alice");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TokenVerifier {
    inner: Arc<Inner>,
    tenant: TenantId,
}

struct Inner {
    issuer: String,
    audience: Vec<String>,
    policy: Policy,
    headers: KnownHeaders,
    clock: Arc<dyn Clock>,
    source: Option<Arc<dyn JwksSource>>,
    least_pause: Duration,
    refresh_after: Duration,
    keys: RwLock<Keys>,
    longest_age: Option<Duration>,
    /// Whoever holds it fetches; the others wait, and look again.
    fetching: Mutex<Option<Fetching>>,
    /// The highest time that was used, in milliseconds.
    highest: AtomicI64,
}

/// A fetch that has begun. It stays here when the call that began it is dropped, and the next one
/// goes on with it.
type Fetching = Pin<Box<dyn Future<Output = Result<Vec<u8>, SignError>> + Send>>;

#[derive(Clone, Default)]
struct Keys {
    set: Option<Arc<Jwks>>,
    /// When the set was fetched, on the monotonic clock; none for one that was given.
    fetched: Option<Duration>,
    /// When the source was last asked, and whether it gave a set.
    asked: Option<(Duration, bool)>,
}

impl TokenVerifier {
    /// Begins to put a verifier together, for tokens of this issuer (`iss`).
    pub fn builder(issuer: impl Into<String>) -> TokenVerifierBuilder {
        TokenVerifierBuilder {
            issuer: issuer.into(),
            audience: Vec::new(),
            policy: Policy::default(),
            keys: None,
            source: None,
            clock: None,
            least_pause: LEAST_PAUSE,
            refresh_after: REFRESH_AFTER,
            longest_age: None,
        }
    }

    /// The same verifier, for tokens of another tenant.
    #[must_use]
    pub fn tenant(&self, tenant: TenantId) -> Self {
        Self { inner: Arc::clone(&self.inner), tenant }
    }

    /// Says what a signed access token claims: by the keys at hand, without I/O.
    ///
    /// # Errors
    /// [`MalformedToken`], [`WrongTokenKind`] (an opaque token), [`InvalidToken`] (also of a key
    /// that is not known), [`WrongAudience`], [`TokenExpired`]; [`Unavailable`] while no keys have
    /// been fetched.
    ///
    /// [`InvalidToken`]: crate::error::ErrorKind::InvalidToken
    /// [`MalformedToken`]: crate::error::ErrorKind::MalformedToken
    /// [`TokenExpired`]: crate::error::ErrorKind::TokenExpired
    /// [`Unavailable`]: crate::error::ErrorKind::Unavailable
    /// [`WrongAudience`]: crate::error::ErrorKind::WrongAudience
    /// [`WrongTokenKind`]: crate::error::ErrorKind::WrongTokenKind
    pub fn verify(&self, token: &str) -> Result<VerifiedClaims, Error> {
        self.judge(token, &self.inner.keys()).map_err(|(error, _)| error)
    }

    /// As [`verify`](Self::verify), and asks the source where the keys at hand are old, or lack the
    /// token's.
    ///
    /// # Errors
    /// Those of [`verify`](Self::verify); [`Unavailable`] where the token's key is not known and
    /// the source does not answer: the token may be good.
    ///
    /// [`Unavailable`]: crate::error::ErrorKind::Unavailable
    pub async fn verify_or_fetch(&self, token: &str) -> Result<VerifiedClaims, Error> {
        let mut keys = self.inner.keys();
        if self.inner.is_due(&keys) {
            // One caller fetches; the others go on with what is at hand, and so does this one if it
            // fails.
            if let Some(alone) = self.inner.fetching.try_lock() {
                let _ = self.inner.fetch(&keys, alone).await;
            }
            keys = self.inner.keys();
        }
        match self.judge(token, &keys) {
            Err((_, true)) if self.inner.source.is_some() => {
                self.inner.fetch(&keys, self.inner.fetching.lock().await).await?;
                self.verify(token)
            }
            judged => judged.map_err(|(error, _)| error),
        }
    }

    /// Asks the source for the keys now, unless it was asked less than the least pause ago.
    ///
    /// # Errors
    /// [`NotSupported`] without a source; [`Unavailable`] where it does not answer, or gives a set
    /// that is refused. The keys at hand stay in use.
    ///
    /// [`NotSupported`]: crate::error::ErrorKind::NotSupported
    /// [`Unavailable`]: crate::error::ErrorKind::Unavailable
    pub async fn fetch_keys(&self) -> Result<(), Error> {
        let keys = self.inner.keys();
        self.inner.fetch(&keys, self.inner.fetching.lock().await).await
    }

    /// The keys at hand.
    pub fn keys(&self) -> Option<Arc<Jwks>> {
        self.inner.keys().set
    }

    /// With an error comes whether it is that the key is not known.
    fn judge(&self, token: &str, keys: &Keys) -> Result<VerifiedClaims, (Error, bool)> {
        let inner = &self.inner;
        let judge = Judge {
            policy: &inner.policy,
            headers: &inner.headers,
            issuer: &inner.issuer,
            audience: &inner.audience,
            tenant: &self.tenant,
            may_have_expired: false,
            operation: Operation::Verify,
        };
        let mut unknown = false;
        let judged = judge.judge(token, inner.now(), |request| {
            let judged = match keys.set.as_ref().filter(|_| !inner.is_stale(keys)) {
                Some(set) => set.verify(&request),
                None => Err(SignError::new(SignErrorKind::Unavailable)
                    .with_source("there are no keys, or they are too old")),
            };
            unknown = judged.as_ref().is_err_and(|error| {
                matches!(error.kind(), SignErrorKind::UnknownKey | SignErrorKind::Unavailable)
            });
            judged
        });
        judged.map_err(|error| (error, unknown))
    }
}

impl Inner {
    fn now(&self) -> Timestamp {
        let clock = self.clock.now().as_millis();
        Timestamp::from_millis(self.highest.fetch_max(clock, Ordering::AcqRel).max(clock))
    }

    fn keys(&self) -> Keys {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a set of the source's is missing, or old.
    fn is_due(&self, keys: &Keys) -> bool {
        let old = |at: Duration| self.clock.monotonic().saturating_sub(at) >= self.refresh_after;
        self.source.is_some() && keys.fetched.is_none_or(old)
    }

    /// Whether what was fetched is older than the host lets it become.
    fn is_stale(&self, keys: &Keys) -> bool {
        let age = keys.fetched.map(|at| self.clock.monotonic().saturating_sub(at));
        age.zip(self.longest_age).is_some_and(|(age, longest)| age > longest)
    }

    /// Fetches the set, unless somebody else has since `seen`, or the source was asked just now.
    /// Whoever holds the lock is the only one.
    async fn fetch(
        &self,
        seen: &Keys,
        slot: MutexGuard<'_, Option<Fetching>>,
    ) -> Result<(), Error> {
        let unavailable = || Error::new(ErrorKind::Unavailable, Operation::Verify);
        let source = self
            .source
            .as_ref()
            .ok_or_else(|| Error::new(ErrorKind::NotSupported, Operation::Verify))?;
        let now = self.clock.monotonic();
        if slot.is_none() {
            let keys = self.keys();
            match keys.asked {
                Some((at, true))
                    if keys.asked != seen.asked || now.saturating_sub(at) < self.least_pause =>
                {
                    return Ok(());
                }
                Some((at, false)) if now.saturating_sub(at) < self.least_pause => {
                    return Err(
                        unavailable().with_source("the keys could not be fetched a moment ago")
                    );
                }
                _ => {}
            }
        }
        let mut turn = FetchTurn::take(slot, || {
            self.note(now, None);
            let source = Arc::clone(source);
            Box::pin(async move { source.fetch().await })
        });
        let body = turn.fetched().await.map_err(|source| unavailable().with_source(source))?;
        let set = Jwks::parse(&body).map_err(|source| unavailable().with_source(source))?;
        self.note(self.clock.monotonic(), Some(set));
        Ok(())
    }

    fn note(&self, now: Duration, set: Option<Jwks>) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.asked = Some((now, set.is_some()));
        if let Some(set) = set {
            keys.set = Some(Arc::new(set));
            keys.fetched = Some(now);
        }
    }
}

/// A call's turn at the fetch. What it does not finish, it puts back; what panicked is not tried
/// again.
struct FetchTurn<'a> {
    slot: MutexGuard<'a, Option<Fetching>>,
    fetching: Option<Fetching>,
}

impl<'a> FetchTurn<'a> {
    fn take(mut slot: MutexGuard<'a, Option<Fetching>>, begin: impl FnOnce() -> Fetching) -> Self {
        let fetching = Some(slot.take().unwrap_or_else(begin));
        Self { slot, fetching }
    }

    async fn fetched(&mut self) -> Result<Vec<u8>, SignError> {
        let fetched = match &mut self.fetching {
            Some(fetching) => fetching.await,
            None => Err(SignError::new(SignErrorKind::Unavailable)),
        };
        self.fetching = None;
        fetched
    }
}

impl Drop for FetchTurn<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            *self.slot = self.fetching.take();
        }
    }
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier")
            .field("issuer", &self.inner.issuer)
            .field("tenant", &self.tenant)
            .field("keys", &self.inner.keys().set)
            .finish_non_exhaustive()
    }
}

/// Puts a [`TokenVerifier`] together.
#[derive(Debug)]
pub struct TokenVerifierBuilder {
    issuer: String,
    audience: Vec<String>,
    policy: Policy,
    keys: Option<Jwks>,
    source: Option<Arc<dyn JwksSource>>,
    clock: Option<Arc<dyn Clock>>,
    least_pause: Duration,
    refresh_after: Duration,
    longest_age: Option<Duration>,
}

impl TokenVerifierBuilder {
    /// The name of this service (`aud`); the issuer's name unless set, as the issuer does. May be
    /// said several times.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience.push(audience.into());
        self
    }

    /// The issuer's policy: its token type, access lifetime, session claim and clock skew count
    /// here.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The keys to begin with; all there are, without a source.
    #[must_use]
    pub fn keys(mut self, keys: Jwks) -> Self {
        self.keys = Some(keys);
        self
    }

    /// The source of keys: the place where the issuer publishes them.
    #[must_use]
    pub fn source(mut self, source: impl JwksSource + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// How often the source is asked at most, and how old its keys may become; 30 seconds and 10
    /// minutes unless set.
    ///
    /// The first bounds what made-up key ids can cause, and is how late a new key is seen that was
    /// not published before its use. The second is how long a key that was taken back is still
    /// believed, while the source answers.
    #[must_use]
    pub fn pace(mut self, least_pause: Duration, refresh_after: Duration) -> Self {
        self.least_pause = least_pause;
        self.refresh_after = refresh_after;
        self
    }

    /// How old keys of the source's may become before nothing is verified with them any more:
    /// `Unavailable` until it answers. Any age unless set, so that an outage of the source logs
    /// nobody out; a key that was taken back is then believed for as long as the outage lasts.
    #[must_use]
    pub fn longest_age(mut self, age: Duration) -> Self {
        self.longest_age = Some(age);
        self
    }

    /// The clock; the system's unless set.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// The verifier, if no setting is wrong.
    ///
    /// # Errors
    /// [`InvalidConfiguration`], whose source lists every mistake.
    ///
    /// [`InvalidConfiguration`]: crate::error::ErrorKind::InvalidConfiguration
    pub fn build(self) -> Result<TokenVerifier, Error> {
        let mut problems: Vec<String> =
            self.policy.problems().iter().map(ToString::to_string).collect();
        if self.keys.is_none() && self.source.is_none() {
            problems.push("there are no keys, and no source of any".to_owned());
        }
        if self.least_pause < Duration::from_secs(1) || self.least_pause > self.refresh_after {
            problems.push(
                "the least pause is below a second, or above the age that keys may reach"
                    .to_owned(),
            );
        }
        if self.longest_age.is_some_and(|age| age < self.refresh_after) {
            problems.push(
                "the longest age of keys is below the age at which they are fetched again"
                    .to_owned(),
            );
        }
        problems.extend(problems_of_names(&self.issuer, &self.audience));
        if !problems.is_empty() {
            return Err(Error::new(ErrorKind::InvalidConfiguration, Operation::Build)
                .with_source(ConfigurationProblems(problems)));
        }
        let audience =
            if self.audience.is_empty() { vec![self.issuer.clone()] } else { self.audience };
        let keys = Keys { set: self.keys.map(Arc::new), ..Keys::default() };
        let inner = Inner {
            issuer: self.issuer,
            audience,
            policy: self.policy,
            headers: KnownHeaders::default(),
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock::new())),
            source: self.source,
            least_pause: self.least_pause,
            refresh_after: self.refresh_after,
            longest_age: self.longest_age,
            keys: RwLock::new(keys),
            fetching: Mutex::new(None),
            highest: AtomicI64::default(),
        };
        Ok(TokenVerifier { inner: Arc::new(inner), tenant: TenantId::default() })
    }
}
