//! The parts of an issuer, and what every verb shares: the clock, ids, events, errors.

use std::{
    fmt,
    sync::{
        Arc, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use super::{IssuerBuilder, revocations::Revocations};
use crate::{
    clock::{Clock, Epoch, Timestamp},
    entropy::Entropy,
    error::{Error, ErrorKind, Operation, SignError, SignErrorKind, StoreError, StoreErrorKind, VerifyError},
    event::{Event, EventKind, EventSink},
    id::{SessionId, SessionKey, SubjectId, SubjectKey, TenantId, subject_tag},
    policy::Policy,
    session::{NotLive, Record, Session, SubjectStamp, live},
    signer::TokenSigner,
    store::{SessionStore, Snapshot},
    token::{KnownHeaders, Opening, TokenKeys, VerifiedClaims},
    verifier::{FactorVerifier, SubjectDirectory},
};

/// How often a call re-reads and re-decides after it lost a race. Each time, another call has won one, so this is
/// also how many calls may change one session at once.
pub(super) const MAX_TRIES: usize = 128;
/// In how many of these tries a token is signed before the change is stored. After that it is stored first, so that a
/// signer far away is not asked again and again for one call.
pub(super) const SIGNING_TRIES: usize = 3;

/// The issuer of sessions: a cheap handle that speaks for one tenant.
///
/// # Examples
/// ```
/// use session_issuer::{
///     Issuer, NewSession, id::SubjectId, policy::{AccessFormat, Credentials, Policy, Requirement},
///     entropy::SystemEntropy, store::MemoryStore, token::TokenKeys,
/// };
///
/// # pollster::block_on(async {
/// let issuer = Issuer::builder()
///     .store(MemoryStore::new())
///     .token_keys(TokenKeys::generate(&SystemEntropy)?)
///     .policy(Policy::default().credentials(Credentials::Pair(AccessFormat::Opaque)))
///     .build()?;
///
/// let login = issuer.create(NewSession::for_subject(SubjectId::new("alice")?)).await?;
/// let checked = issuer.check(login.token().into(), &Requirement::new()).await?;
/// assert_eq!(checked.subject()?.as_str(), "alice");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Issuer {
    pub(super) inner: Arc<Inner>,
    pub(super) tenant: TenantId,
}

pub(super) struct Inner {
    pub(super) store: Arc<dyn SessionStore>,
    pub(super) keys: TokenKeys,
    pub(super) signer: Option<Arc<dyn TokenSigner>>,
    pub(super) verifier: Option<Arc<dyn FactorVerifier>>,
    pub(super) directory: Option<Arc<dyn SubjectDirectory>>,
    pub(super) events: Option<Arc<dyn EventSink>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) policy: Policy,
    pub(super) name: String,
    pub(super) audience: Vec<String>,
    /// Both, as signed tokens begin with them.
    pub(super) opening: Opening,
    pub(super) headers: KnownHeaders,
    /// The highest time that was used, in milliseconds.
    pub(super) highest: AtomicI64,
    /// Milliseconds and counter of the last id, as one number.
    pub(super) last_id: AtomicU64,
    pub(super) revocations: RwLock<Revocations>,
}

impl Issuer {
    /// Begins to put an issuer together.
    pub fn builder() -> IssuerBuilder {
        IssuerBuilder::default()
    }

    /// The same issuer, speaking for another tenant.
    #[must_use]
    pub fn tenant(&self, tenant: TenantId) -> Self {
        Self { inner: Arc::clone(&self.inner), tenant }
    }

    /// The tenant that this handle speaks for.
    pub fn tenant_id(&self) -> &TenantId {
        &self.tenant
    }

    /// The issuer's name in signed tokens (`iss`).
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// What sessions are like here.
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    /// The time, as every verb uses it: the clock's, and never below the highest that was used before.
    pub fn now(&self) -> Timestamp {
        let clock = self.inner.clock.now().as_millis();
        let highest = self.inner.highest.load(Ordering::Acquire);
        // Written once a millisecond at most: every thread reads it at every call.
        Timestamp::from_millis(match clock > highest {
            true => self.inner.highest.fetch_max(clock, Ordering::AcqRel).max(clock),
            false => highest,
        })
    }

    /// The subject's epoch now. A host that verifies credentials itself reads it before it does, and passes it on:
    /// [`NewSession::epoch`](super::NewSession::epoch).
    pub async fn epoch(&self, subject: &SubjectId) -> Result<Epoch, Error> {
        Ok(self.stamp(subject, Operation::Create).await?.epoch)
    }

    /// Makes sure that everything after this call happens at a later millisecond than `at`.
    pub(super) fn pass(&self, at: Timestamp) {
        self.inner.highest.fetch_max(at.as_millis().saturating_add(1), Ordering::AcqRel);
    }

    pub(super) fn key(&self, id: SessionId) -> SessionKey {
        SessionKey::new(self.tenant.clone(), id)
    }

    pub(super) fn subject_key(&self, subject: &SubjectId) -> SubjectKey {
        SubjectKey::new(self.tenant.clone(), subject.clone())
    }

    pub(super) async fn stamp(
        &self,
        subject: &SubjectId,
        operation: Operation,
    ) -> Result<SubjectStamp, Error> {
        let stamp = self.inner.store.stamp(&self.subject_key(subject), self.now()).await;
        stamp.map_err(store_failed(operation))
    }

    /// What is known of a record's subject now, for a token that tells of proofs: a credential may have changed while
    /// they were made. Where the store does not answer, what was known before.
    pub(super) async fn stamp_now(
        &self,
        record: &Record,
        before: Option<SubjectStamp>,
    ) -> Option<SubjectStamp> {
        let proves = record.session().is_some_and(|session| !session.factors().is_empty());
        match record.subject_key() {
            Some(key) if proves => self.inner.store.stamp(&key, self.now()).await.ok().or(before),
            _ => before,
        }
    }

    pub(super) async fn load(&self, id: SessionId, operation: Operation) -> Result<Option<Snapshot>, Error> {
        self.inner.store.load(&self.key(id)).await.map_err(store_failed(operation))
    }

    /// Random bytes for one new record or token.
    pub(super) fn random<const N: usize>(&self, operation: Operation) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.inner
            .entropy
            .fill(&mut bytes)
            .map_err(|source| Error::new(ErrorKind::Unavailable, operation).with_source(source))?;
        Ok(bytes)
    }

    /// A new id and a new salt. Ids rise: of two calls on one issuer, the later gets the higher id.
    pub(super) fn new_id(
        &self,
        subject: Option<&SubjectId>,
        now: Timestamp,
        operation: Operation,
    ) -> Result<(SessionId, [u8; 16]), Error> {
        let bytes: [u8; 26] = self.random(operation)?;
        let [c0, c1, r0, r1, r2, r3, r4, r5, t0, t1, salt @ ..] = bytes;
        // The counter starts at random in its lower half and rises while the millisecond lasts (RFC 9562, 6.2).
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        let fresh = (millis << 12) | u64::from(u16::from_be_bytes([c0, c1]) & 0x7ff);
        let last = self.inner.last_id.fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| {
            Some(fresh.max(last.saturating_add(1)))
        });
        let sequence = fresh.max(last.unwrap_or_default().saturating_add(1));
        let at = Timestamp::from_millis(i64::try_from(sequence >> 12).unwrap_or(i64::MAX));
        let counter = u16::try_from(sequence & 0xfff).unwrap_or_default();
        let tag = match subject {
            Some(subject) => subject_tag(&self.tenant, subject),
            None => u16::from_be_bytes([t0, t1]),
        };
        Ok((SessionId::assemble(at, counter, [r0, r1, r2, r3, r4, r5], tag), salt))
    }

    /// Tells the host of something that happened to a record.
    pub(super) fn tell(&self, record: &Record, kind: EventKind) {
        let Some(sink) = &self.inner.events else { return };
        let mut event = Event::new(self.now(), self.tenant.clone(), kind);
        event.session = Some(record.id());
        event.subject = record.bound().map(|(subject, _)| subject.clone());
        let chain = record.session().and_then(Session::actors);
        event.actor = chain.and_then(|chain| chain.actors().last()).map(|actor| actor.subject().clone());
        event.acting_because = chain.map(|chain| chain.reason().to_owned());
        event.ends_at = match event.kind {
            // No token that was signed before lives longer than one that would be signed now.
            EventKind::Revoked { .. } | EventKind::ReuseDetected => {
                Some(event.at.saturating_add(self.inner.policy.access_lifetime))
            }
            _ => record.effective_end(),
        };
        sink.emit(&event);
    }

    /// Tells the host of something that happened to a subject, or to nobody known.
    pub(super) fn tell_of(&self, subject: Option<&SubjectId>, kind: EventKind) {
        let Some(sink) = &self.inner.events else { return };
        let mut event = Event::new(self.now(), self.tenant.clone(), kind);
        event.subject = subject.cloned();
        sink.emit(&event);
    }

    /// Tells the host of something that happened with a signed token whose record was not asked for.
    pub(super) fn tell_claimed(&self, claims: &VerifiedClaims, kind: EventKind) {
        let Some(sink) = &self.inner.events else { return };
        let mut event = Event::new(self.now(), self.tenant.clone(), kind);
        event.session = Some(claims.session_id());
        event.subject = claims.subject().cloned();
        event.actor = claims.actors().last().and_then(|root| SubjectId::new(root).ok());
        event.ends_at = Some(claims.expires_at());
        sink.emit(&event);
    }

    /// Tells the host that an authentic credential was refused, and makes the error.
    pub(super) fn refuse(&self, record: &Record, error: Error) -> Error {
        self.tell(record, EventKind::Refused { operation: error.operation(), kind: error.kind() });
        error
    }

    /// Says whether a record is live, as an error when it is not.
    pub(super) fn live(
        &self,
        snapshot: &Snapshot,
        now: Timestamp,
        operation: Operation,
    ) -> Result<(), Error> {
        live(&snapshot.record, snapshot.subject.as_ref(), now)
            .map_err(|why| self.refuse(&snapshot.record, not_live(why, operation)))
    }

    /// An impersonation lives only while every actor's own session does: each is loaded, or its epoch is read.
    pub(super) async fn actors_live(
        &self,
        record: &Record,
        now: Timestamp,
        operation: Operation,
    ) -> Result<(), Error> {
        let Some(chain) = record.session().and_then(Session::actors) else { return Ok(()) };
        for actor in chain.actors() {
            let live = match actor.session() {
                Some(id) => self.load(id, operation).await?.is_some_and(|own| {
                    let of_actor = own.record.bound().is_some_and(|(subject, _)| subject == actor.subject());
                    let active = own.record.session().is_some();
                    of_actor && active && live(&own.record, own.subject.as_ref(), now).is_ok()
                }),
                None => {
                    let epoch = self.stamp(actor.subject(), operation).await?.epoch;
                    actor.epoch().is_some_and(|own| own >= epoch)
                }
            };
            if !live {
                return Err(self.refuse(record, Error::new(ErrorKind::ActorEnded, operation)));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("tenant", &self.tenant)
            .field("store", &format_args!("{}", self.inner.store))
            .field("name", &self.inner.name)
            .finish_non_exhaustive()
    }
}

/// How a verb says that a session is not live.
pub(super) fn not_live(why: NotLive, operation: Operation) -> Error {
    match why {
        NotLive::Revoked(reason) => Error::revoked(reason, operation),
        NotLive::Expired => Error::new(ErrorKind::Expired, operation),
        NotLive::Inactive => Error::new(ErrorKind::Inactive, operation),
    }
}

/// How a store's error is shown by a verb.
pub(super) fn store_failed(operation: Operation) -> impl Fn(StoreError) -> Error {
    move |source| {
        let kind = match source.kind() {
            StoreErrorKind::Damaged | StoreErrorKind::UnknownVersion => ErrorKind::Damaged,
            StoreErrorKind::NotSupported => ErrorKind::NotSupported,
            StoreErrorKind::TooLarge => ErrorKind::InvalidInput,
            StoreErrorKind::Broken => ErrorKind::Internal,
            _ => ErrorKind::Unavailable,
        };
        Error::new(kind, operation).with_source(source)
    }
}

/// How a signer's error is shown by a verb that needs a signature made.
pub(super) fn sign_failed(operation: Operation) -> impl Fn(SignError) -> Error {
    move |source| {
        let kind = match source.kind() {
            SignErrorKind::NoSigningKey | SignErrorKind::InvalidKey => ErrorKind::InvalidConfiguration,
            _ => ErrorKind::Unavailable,
        };
        Error::new(kind, operation).with_source(source)
    }
}

pub(super) fn verifier_failed(operation: Operation) -> impl Fn(VerifyError) -> Error {
    move |source| Error::new(ErrorKind::Unavailable, operation).with_source(source)
}
