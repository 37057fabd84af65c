//! Records in any state, without an issuer: what a store's own tests put in.
//!
//! # Examples
//! ```
//! use session_issuer::{
//!     id::SubjectId,
//!     store::{Inserted, MemoryStore, NewRecord, SessionStore},
//!     testing::{ManualClock, block_on, fixtures},
//! };
//!
//! let store = MemoryStore::new();
//! let now = ManualClock::START;
//! let record = fixtures::session().at(now).build();
//! assert!(matches!(block_on(store.insert(NewRecord::new(record, now)))?, Inserted::Created { .. }));
//! # Ok::<(), session_issuer::store::StoreError>(())
//! ```

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::ManualClock;
use crate::{
    actor::ActorChain,
    client::ClientInfo,
    clock::Timestamp,
    error::Error,
    factor::{Challenge, Factor, FactorDetails, FactorKind},
    id::{AppId, CreatorId, DeviceId, SessionId, SubjectId, TenantId, subject_tag},
    issuer::{Checked, Issued, Issuer, SessionView},
    metadata::{HostClaims, Metadata},
    secret::Secret,
    session::{
        CredentialsKind, Epoch, Lifetime, Record, RequestBirth, SessionBirth, SessionChange,
    },
    token::VerifiedClaims,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MAC_KEY: u16 = 1;

/// A session to build: of the default tenant, without subject, 14 days at most and 7 days idle.
pub fn session() -> SessionBuilder {
    SessionBuilder::new()
}

/// A request to build: opened by this app, of the default tenant, for 10 minutes.
pub fn request(app: AppId) -> RequestBuilder {
    let at = ManualClock::START;
    let lifetime = Duration::from_secs(600);
    RequestBuilder { app, tenant: TenantId::default(), at, lifetime, id: None, redirect: None }
}

/// An id that no other call in this process gives: of this time, with the tag of this subject.
pub fn id(at: Timestamp, tenant: &TenantId, subject: Option<&SubjectId>) -> SessionId {
    let number = next_number();
    let tag = match subject {
        Some(subject) => subject_tag(tenant, subject),
        // Odd, so that numbers in a row are spread over all tags.
        None => u16::try_from(number.wrapping_mul(40_503) & 0xFFFF).unwrap_or(0),
    };
    let [_, _, random @ ..] = number.to_be_bytes();
    SessionId::assemble(at, u16::try_from(number & 0xFFF).unwrap_or(0), random, tag)
}

/// A passed check of this kind at this time.
pub fn factor(kind: FactorKind, at: Timestamp) -> Factor {
    detailed_factor(kind, at, FactorDetails::default())
}

/// A passed check of this kind at this time, and how it was proved.
pub fn detailed_factor(kind: FactorKind, at: Timestamp, details: FactorDetails) -> Factor {
    Factor::new(kind, at, details)
}

/// The record after a refresh; none when it is not a session.
pub fn rotated(record: &Record, now: Timestamp) -> Option<Record> {
    record.rotated(record.generation(), now, MAC_KEY)
}

/// The record after an update that names its subject; none when it is not a session.
pub fn bound(record: &Record, subject: SubjectId, epoch: Epoch, now: Timestamp) -> Option<Record> {
    let change = SessionChange {
        bind: Some((subject, epoch)),
        factors: vec![factor(FactorKind::Subject, now)],
        renewed: Some(Lifetime::After(14 * DAY)),
        ..SessionChange::default()
    };
    record.updated(change, now, MAC_KEY)
}

/// The record after an update that proves something; none when it is not a session.
pub fn proved(record: &Record, kind: FactorKind, now: Timestamp) -> Option<Record> {
    let change = SessionChange {
        factors: vec![factor(kind, now)],
        renewed: Some(Lifetime::After(14 * DAY)),
        ..SessionChange::default()
    };
    record.updated(change, now, MAC_KEY)
}

/// The record after an update that opens a challenge; none when it is not a session.
pub fn challenged(record: &Record, challenge: Challenge, now: Timestamp) -> Option<Record> {
    record.updated(
        SessionChange { challenges: vec![challenge], ..SessionChange::default() },
        now,
        MAC_KEY,
    )
}

/// The record after its refresh was answered again outside the overlap window; none when it is not
/// a session.
pub fn replayed(record: &Record, now: Timestamp) -> Option<Record> {
    record.replayed(now)
}

/// The request after its approval for this subject; none when it is not an open request.
pub fn approved(
    record: &Record,
    subject: SubjectId,
    epoch: Epoch,
    now: Timestamp,
) -> Option<Record> {
    record.decided(Some((subject, epoch)), now, Duration::from_secs(600))
}

/// The request after it was denied; none when it is not an open request.
pub fn denied(record: &Record, now: Timestamp) -> Option<Record> {
    record.decided(None, now, Duration::from_secs(600))
}

/// The session that an approved request becomes; none when it is not one.
pub fn exchanged(record: &Record, now: Timestamp) -> Option<Record> {
    record.exchanged(session().at(now).tenant(record.tenant().clone()).birth())
}

/// A session to build. Every setting has a default.
#[derive(Debug, Clone)]
pub struct SessionBuilder {
    id: Option<SessionId>,
    tenant: TenantId,
    at: Timestamp,
    bound: Option<(SubjectId, Epoch)>,
    factors: Vec<Factor>,
    client: ClientInfo,
    device: Option<DeviceId>,
    creator: Option<CreatorId>,
    actors: Option<ActorChain>,
    metadata: Metadata,
    claims: HostClaims,
    resource_owner: Option<String>,
    lifetime: Option<Duration>,
    idle: Option<Duration>,
    keep: Duration,
    credentials: CredentialsKind,
}

impl SessionBuilder {
    fn new() -> Self {
        Self {
            id: None,
            tenant: TenantId::default(),
            at: ManualClock::START,
            bound: None,
            factors: Vec::new(),
            client: ClientInfo::new(),
            device: None,
            creator: None,
            actors: None,
            metadata: Metadata::new(),
            claims: HostClaims::new(),
            resource_owner: None,
            lifetime: Some(14 * DAY),
            idle: Some(7 * DAY),
            keep: DAY,
            credentials: CredentialsKind::Pair,
        }
    }

    /// Its id; otherwise one that no other has.
    #[must_use]
    pub fn id(mut self, id: SessionId) -> Self {
        self.id = Some(id);
        self
    }

    /// Its tenant.
    #[must_use]
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = tenant;
        self
    }

    /// When it is born.
    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.at = at;
        self
    }

    /// Whom it is about, and that subject's epoch.
    #[must_use]
    pub fn subject(mut self, subject: SubjectId, epoch: Epoch) -> Self {
        self.bound = Some((subject, epoch));
        self
    }

    /// What was proved, at the time of birth.
    #[must_use]
    pub fn factors(mut self, kinds: &[FactorKind]) -> Self {
        self.factors = kinds.iter().map(|kind| factor(*kind, self.at)).collect();
        self
    }

    /// What was proved, as it was proved.
    #[must_use]
    pub fn proved(mut self, factors: Vec<Factor>) -> Self {
        self.factors = factors;
        self
    }

    /// The client.
    #[must_use]
    pub fn client(mut self, client: ClientInfo) -> Self {
        self.client = client;
        self
    }

    /// Its device. Without subject and factor it holds the device's slot.
    #[must_use]
    pub fn device(mut self, device: DeviceId) -> Self {
        self.device = Some(device);
        self
    }

    /// Who made it.
    #[must_use]
    pub fn creator(mut self, creator: CreatorId) -> Self {
        self.creator = Some(creator);
        self
    }

    /// Who acts in the subject's place.
    #[must_use]
    pub fn actors(mut self, actors: ActorChain) -> Self {
        self.actors = Some(actors);
        self
    }

    /// The host's metadata.
    #[must_use]
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// The host's claims.
    #[must_use]
    pub fn claims(mut self, claims: HostClaims) -> Self {
        self.claims = claims;
        self
    }

    /// The resource owner.
    #[must_use]
    pub fn resource_owner(mut self, owner: &str) -> Self {
        self.resource_owner = Some(owner.to_owned());
        self
    }

    /// How long it lives at most; `None` for without end.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Option<Duration>) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// How long it may go unused; `None` for as long as it lives.
    #[must_use]
    pub fn idle(mut self, idle: Option<Duration>) -> Self {
        self.idle = idle;
        self
    }

    /// How long it is kept after its end: a day unless set.
    #[must_use]
    pub fn keep(mut self, keep: Duration) -> Self {
        self.keep = keep;
        self
    }

    /// What its tokens are.
    #[must_use]
    pub fn credentials(mut self, credentials: CredentialsKind) -> Self {
        self.credentials = credentials;
        self
    }

    /// The record.
    pub fn build(self) -> Record {
        Record::new_session(self.birth())
    }

    fn birth(self) -> SessionBirth {
        let subject = self.bound.as_ref().map(|(subject, _)| subject);
        let id = self.id.unwrap_or_else(|| id(self.at, &self.tenant, subject));
        SessionBirth {
            id,
            tenant: self.tenant,
            salt: id.to_bytes(),
            now: self.at,
            keep: self.keep,
            bound: self.bound,
            factors: self.factors,
            client: self.client,
            device: self.device,
            creator: self.creator,
            actors: self.actors,
            metadata: self.metadata,
            claims: self.claims,
            resource_owner: self.resource_owner,
            lifetime: self.lifetime,
            beginning: None,
            idle: self.idle,
            mac_key: MAC_KEY,
            credentials: self.credentials,
        }
    }
}

/// A request to build.
#[derive(Debug, Clone)]
pub struct RequestBuilder {
    app: AppId,
    tenant: TenantId,
    at: Timestamp,
    lifetime: Duration,
    id: Option<SessionId>,
    redirect: Option<String>,
}

impl RequestBuilder {
    /// Where it leads after its decision.
    #[must_use]
    pub fn redirect(mut self, redirect: &str) -> Self {
        self.redirect = Some(redirect.to_owned());
        self
    }

    /// Its id; otherwise one that no other has.
    #[must_use]
    pub fn id(mut self, id: SessionId) -> Self {
        self.id = Some(id);
        self
    }

    /// Its tenant.
    #[must_use]
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = tenant;
        self
    }

    /// When it is opened.
    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.at = at;
        self
    }

    /// How long it waits.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The record.
    pub fn build(self) -> Record {
        let id = self.id.unwrap_or_else(|| id(self.at, &self.tenant, None));
        Record::new_request(RequestBirth {
            id,
            tenant: self.tenant,
            salt: id.to_bytes(),
            now: self.at,
            keep: DAY,
            app: self.app,
            redirect: self.redirect,
            lifetime: self.lifetime,
        })
    }
}

fn next_number() -> u64 {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// A session as a host sees it, for tests of what a host does with one.
pub fn view(record: Record) -> SessionView {
    SessionView::new(Arc::new(record), None)
}

/// A check that passed, as if a store had been asked: for hosts that put their own `SessionIssuer`
/// behind their code.
pub fn checked(record: Record) -> Checked {
    Checked::of(view(record))
}

/// Credentials of these words, for a host's own `SessionIssuer`. No issuer takes them.
pub fn issued(record: Record, token: &str, refresh_token: Option<&str>) -> Issued {
    Issued::of(view(record), token, refresh_token)
}

/// Verified claims of a session and its subject, for a host's own `SessionIssuer`.
pub fn claims(
    session: SessionId,
    subject: Option<SubjectId>,
    issued_at: Timestamp,
    expires_at: Timestamp,
) -> VerifiedClaims {
    VerifiedClaims::of(session, subject, issued_at, expires_at)
}

/// A signed access token of a session, with nothing asked of a store: to measure what signing
/// costs.
///
/// # Errors
/// [`Unavailable`](crate::error::ErrorKind::Unavailable) when the signer does not sign,
/// [`InvalidConfiguration`](crate::error::ErrorKind::InvalidConfiguration) for an issuer that signs
/// no access tokens.
pub async fn access_token(issuer: &Issuer, session: &SessionView) -> Result<Secret, Error> {
    issuer.sign_again(session).await
}
