//! The parts of an issuer, and what every verb shares: the clock, ids, events, errors.

use std::{
    fmt,
    sync::{
        Arc, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use super::upkeep::revocations::Revocations;
use crate::{
    clock::{Clock, Timestamp},
    entropy::Entropy,
    error::{Error, Operation},
    event::{Event, EventKind, EventSink},
    id::{SessionId, SessionKey, SubjectId, SubjectKey, TenantId},
    policy::Policy,
    session::{Epoch, Record, Session},
    signer::TokenSigner,
    store::SessionStore,
    token::{KnownHeaders, Opening, TokenKeys, VerifiedClaims},
    verifier::{FactorVerifier, SubjectDirectory},
};

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
/// let checked = issuer.check(login.token(), &Requirement::new()).await?;
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

    /// The rules of the sessions of this issuer.
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    /// The time, as every verb uses it: the clock's, and never below the highest that was used
    /// before.
    pub fn now(&self) -> Timestamp {
        let clock = self.inner.clock.now().as_millis();
        let highest = self.inner.highest.load(Ordering::Acquire);
        // Written once a millisecond at most: every thread reads it at every call.
        Timestamp::from_millis(match clock > highest {
            true => self.inner.highest.fetch_max(clock, Ordering::AcqRel).max(clock),
            false => highest,
        })
    }

    /// The subject's epoch now. A host that verifies credentials itself reads it before it does,
    /// and passes it on: [`NewSession::epoch`](super::NewSession::epoch).
    ///
    /// # Errors
    /// [`Unavailable`] when the store is busy or does not answer, [`Damaged`] when the stamp of the
    /// subject cannot be read.
    ///
    /// [`Damaged`]: crate::error::ErrorKind::Damaged
    /// [`Unavailable`]: crate::error::ErrorKind::Unavailable
    pub async fn epoch(&self, subject: &SubjectId) -> Result<Epoch, Error> {
        Ok(self.call(Operation::Create).stamp(subject).await?.epoch)
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

    /// Emits an event of a record.
    pub(super) fn emit(&self, record: &Record, kind: EventKind) {
        let Some(sink) = &self.inner.events else { return };
        let mut event = Event::new(self.now(), self.tenant.clone(), kind);
        event.session = Some(record.id());
        event.subject = record.bound().map(|(subject, _)| subject.clone());
        let chain = record.session().and_then(Session::actors);
        event.actor =
            chain.and_then(|chain| chain.actors().last()).map(|actor| actor.subject().clone());
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

    /// Emits an event of a subject, or of nobody known.
    pub(super) fn emit_for(&self, subject: Option<&SubjectId>, kind: EventKind) {
        let Some(sink) = &self.inner.events else { return };
        let mut event = Event::new(self.now(), self.tenant.clone(), kind);
        event.subject = subject.cloned();
        sink.emit(&event);
    }

    /// Emits an event of a signed token whose record was not asked
    /// for.
    pub(super) fn emit_of_claims(&self, claims: &VerifiedClaims, kind: EventKind) {
        let Some(sink) = &self.inner.events else { return };
        let mut event = Event::new(self.now(), self.tenant.clone(), kind);
        event.session = Some(claims.session_id());
        event.subject = claims.subject().cloned();
        event.actor = claims.actors().last().and_then(|root| SubjectId::new(root).ok());
        event.ends_at = Some(claims.expires_at());
        sink.emit(&event);
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
