//! What is kept of a session: one record, constant in size however often it is refreshed.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    actor::ActorChain,
    client::ClientInfo,
    clock::Timestamp,
    epoch::Epoch,
    factor::{Challenge, Factor, FactorKind},
    id::{AppId, CreatorId, DeviceId, SessionId, SessionKey, SubjectId, SubjectKey, TenantId},
    metadata::{HostClaims, Metadata},
    reason::RevokeReason,
};

/// How many characters the address may have that a request leads to.
pub const MAX_REDIRECT_CHARS: usize = 2048;

/// One session, or one request token that may become one: a row, a version, a state.
///
/// A record is only made and changed by the rules of this crate; a store keeps it whole. Its size
/// does not depend on how often it was refreshed. `Debug` shows no salt, no metadata values and
/// nothing of the client.
#[derive(Clone, PartialEq)]
pub struct Record {
    pub(super) id: SessionId,
    pub(super) tenant: TenantId,
    pub(super) version: u64,
    pub(super) created_at: Timestamp,
    pub(super) keep_secs: u32,
    /// The generation that tokens of this record have now: 1 at birth.
    pub(super) generation: u32,
    pub(super) salt: [u8; 16],
    pub(super) body: Body,
    pub(super) tombstone: Option<Box<Tombstone>>,
}

#[derive(Clone, PartialEq)]
pub(super) enum Body {
    Request(Box<Request>),
    Session(Session),
}

/// The state of a record. Expired is a fact of time and not a state: see [`Life`](super::Life).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum State<'a> {
    /// A request token that waits for a decision. It has no subject.
    Requested(&'a Request),
    /// Approved: it has a subject, and waits for its exchange.
    Approved(&'a Request, &'a SubjectId),
    /// A request that its subject has denied, for good.
    Denied(&'a Request),
    /// A session, live or past its end.
    Active(&'a Session),
    /// Revoked, from whatever state it was in. Final.
    Ended(&'a Tombstone),
}

/// A request token before its exchange (flow D).
#[derive(Clone, PartialEq)]
pub struct Request {
    pub(super) app: AppId,
    pub(super) redirect: Option<String>,
    pub(super) ends_at: Timestamp,
    pub(super) state: RequestState,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum RequestState {
    Open,
    Approved { subject: SubjectId, epoch: Epoch },
    Denied,
}

/// A session: whom it is about, what was proved, how long it lives, and where its tokens stand.
#[derive(Clone, PartialEq)]
pub struct Session {
    /// The subject and its epoch when it was bound. Set once, never changed.
    pub(super) bound: Option<(SubjectId, Epoch)>,
    pub(super) factors: Option<Arc<[Factor]>>,
    pub(super) client: ClientInfo,
    pub(super) rare: Option<Arc<Rare>>,
    pub(super) rotated_at: Timestamp,
    pub(super) last_seen_at: Timestamp,
    /// `Timestamp::MAX` where there is no end.
    pub(super) ends_at: Timestamp,
    /// How long it was given to live when it was made or last changed; zero where it was given no
    /// end.
    pub(super) lifetime_millis: u64,
    /// Zero where there is no idle timeout.
    pub(super) idle_millis: u64,
    /// The last generation that was answered again outside the overlap window; 0 for none.
    pub(super) late_generation: u32,
    /// How many generations in a row, up to that one, were.
    pub(super) late_replays_in_a_row: u8,
    /// The generation that the last jump left; 0 for none.
    pub(super) jumped_from: u32,
    /// The key that mints opaque tokens of this generation.
    pub(super) mac_key: u16,
    /// Somebody used the current generation in a store-checked check.
    pub(super) successor_seen: bool,
    pub(super) credentials: CredentialsKind,
}

/// What most sessions do not have, behind one pointer.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Rare {
    pub(super) device: Option<DeviceId>,
    pub(super) holds_device_slot: bool,
    pub(super) creator: Option<CreatorId>,
    pub(super) app: Option<AppId>,
    pub(super) actors: Option<ActorChain>,
    pub(super) challenges: Vec<Challenge>,
    pub(super) metadata: Metadata,
    pub(super) claims: HostClaims,
    pub(super) counters: Vec<(Box<str>, u64)>,
    pub(super) resource_owner: Option<String>,
}

/// The kinds of tokens that a session hands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CredentialsKind {
    /// Refresh and access tokens.
    Pair,
    /// An access token alone.
    Access,
    /// A session token, good at its exact generation.
    Session,
}

/// The end of a session: why, when, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tombstone {
    /// The reason of the end.
    pub reason: RevokeReason,
    /// The time of the end.
    pub at: Timestamp,
    /// The subject who ended the record, where the host named one.
    pub by: Option<SubjectId>,
}

impl Tombstone {
    /// An end at this time, for this reason.
    pub fn new(reason: RevokeReason, at: Timestamp) -> Self {
        Self { reason, at, by: None }
    }

    /// Names the subject who ended the record.
    #[must_use]
    pub fn by(mut self, by: Option<SubjectId>) -> Self {
        self.by = by;
        self
    }
}

impl Rare {
    /// True where it has anything but counters, which stand beside the encoding.
    pub(super) fn has_more(&self) -> bool {
        let Self {
            device,
            holds_device_slot,
            creator,
            app,
            actors,
            challenges,
            metadata,
            claims,
            counters: _,
            resource_owner,
        } = self;
        device.is_some()
            || *holds_device_slot
            || creator.is_some()
            || app.is_some()
            || actors.is_some()
            || !challenges.is_empty()
            || *metadata != Metadata::EMPTY
            || !claims.is_empty()
            || resource_owner.is_some()
    }
}

impl Record {
    /// The id of the record, which is no secret.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Its id where it lies, for stores that find it there.
    pub(crate) fn id_ref(&self) -> &SessionId {
        &self.id
    }

    /// The tenant that the record belongs to.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The key of the record: its tenant and its id.
    pub fn key(&self) -> SessionKey {
        SessionKey::new(self.tenant.clone(), self.id)
    }

    /// The count of changes of the record, from 1; noted uses do not count. ZITADEL's `sequence`.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The time at which the record was born.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// The generation at which the tokens of the record stand. A refresh moves it by one, a change
    /// of privilege by two.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The salt of its opaque tokens. It never leaves the store and the issuer.
    pub(crate) fn salt(&self) -> &[u8; 16] {
        &self.salt
    }

    /// The state of the record, with what belongs to it.
    pub fn state(&self) -> State<'_> {
        match (&self.tombstone, &self.body) {
            (Some(tombstone), _) => State::Ended(tombstone),
            (None, Body::Session(session)) => State::Active(session),
            (None, Body::Request(request)) => match &request.state {
                RequestState::Open => State::Requested(request),
                RequestState::Approved { subject, .. } => State::Approved(request, subject),
                RequestState::Denied => State::Denied(request),
            },
        }
    }

    /// The record as a session, ended or not; none while it is a request.
    pub fn session(&self) -> Option<&Session> {
        match &self.body {
            Body::Session(session) => Some(session),
            Body::Request(_) => None,
        }
    }

    /// The record as a request, ended or not; none once it is a session.
    pub fn request(&self) -> Option<&Request> {
        match &self.body {
            Body::Request(request) => Some(request),
            Body::Session(_) => None,
        }
    }

    /// Its end, if it was revoked.
    pub fn tombstone(&self) -> Option<&Tombstone> {
        self.tombstone.as_deref()
    }

    /// The subject of the record, and that subject's epoch when it was bound.
    pub fn bound(&self) -> Option<(&SubjectId, Epoch)> {
        match &self.body {
            Body::Session(Session { bound: Some((subject, epoch)), .. }) => Some((subject, *epoch)),
            Body::Request(request) => match &request.state {
                RequestState::Approved { subject, epoch } => Some((subject, *epoch)),
                RequestState::Open | RequestState::Denied => None,
            },
            Body::Session(_) => None,
        }
    }

    /// Binds it to the subject that it has under another epoch.
    pub(crate) fn adopt(&mut self, now_of_subject: Epoch) {
        match &mut self.body {
            Body::Session(Session { bound: Some((_, epoch)), .. }) => *epoch = now_of_subject,
            Body::Session(_) => {}
            Body::Request(request) => {
                if let RequestState::Approved { epoch, .. } = &mut request.state {
                    *epoch = now_of_subject;
                }
            }
        }
    }

    /// The key of the subject's stamp; none for a record without a subject.
    pub fn subject_key(&self) -> Option<SubjectKey> {
        self.bound().map(|(subject, _)| SubjectKey::new(self.tenant.clone(), subject.clone()))
    }

    /// The device whose slot it holds: only a session without subject and factor does.
    pub fn device_slot(&self) -> Option<&DeviceId> {
        let rare = self.session()?.rare.as_ref()?;
        rare.device.as_ref().filter(|_| rare.holds_device_slot)
    }

    /// When it ends by itself: the earlier of its absolute end and its idle timeout; none when it
    /// has neither.
    pub(crate) fn effective_end(&self) -> Option<Timestamp> {
        let end = match &self.body {
            Body::Request(request) => request.ends_at,
            Body::Session(session) => session.ends_at.min(session.idle_end()),
        };
        (end != Timestamp::MAX).then_some(end)
    }
}

impl Session {
    /// The subject of the session; none until a check or a host named somebody.
    pub fn subject(&self) -> Option<&SubjectId> {
        self.bound.as_ref().map(|(subject, _)| subject)
    }

    /// The factors of the session, each with its time. The floors of its subject's stamp may have
    /// voided some.
    pub fn factors(&self) -> &[Factor] {
        self.factors.as_deref().unwrap_or_default()
    }

    /// The client it was made in.
    pub fn client(&self) -> &ClientInfo {
        &self.client
    }

    /// The device it belongs to.
    pub fn device(&self) -> Option<&DeviceId> {
        self.rare.as_ref()?.device.as_ref()
    }

    /// The caller of the host who made the session.
    pub fn creator(&self) -> Option<&CreatorId> {
        self.rare.as_ref()?.creator.as_ref()
    }

    /// The app that opened it (flow D).
    pub fn app(&self) -> Option<&AppId> {
        self.rare.as_ref()?.app.as_ref()
    }

    /// The actors in the subject's place; none where the subject acts.
    pub fn actors(&self) -> Option<&ActorChain> {
        self.rare.as_ref()?.actors.as_ref()
    }

    /// True when somebody else acts in the subject's place.
    pub fn is_impersonation(&self) -> bool {
        self.actors().is_some()
    }

    /// The open challenge of this kind.
    pub fn challenge(&self, kind: FactorKind) -> Option<&Challenge> {
        self.rare.as_ref()?.challenges.iter().find(|challenge| challenge.kind() == kind)
    }

    /// The metadata that the host keeps with the session.
    pub fn metadata(&self) -> &Metadata {
        const NONE: &Metadata = &Metadata::EMPTY;
        self.rare.as_ref().map_or(NONE, |rare| &rare.metadata)
    }

    /// The host's claims for its tokens.
    pub fn claims(&self) -> Option<&HostClaims> {
        self.rare.as_ref().map(|rare| &rare.claims).filter(|claims| !claims.is_empty())
    }

    /// The value of a named counter; zero before its first use.
    pub fn counter(&self, name: &str) -> u64 {
        let counters = self.rare.as_ref().map_or(&[][..], |rare| &rare.counters);
        counters.iter().find(|(known, _)| &**known == name).map_or(0, |(_, count)| *count)
    }

    /// The owner of the session, where the host named one (ZITADEL's `resourceOwner`).
    pub fn resource_owner(&self) -> Option<&str> {
        self.rare.as_ref()?.resource_owner.as_deref()
    }

    /// The time of the last use, as far as that was written down.
    pub fn last_seen_at(&self) -> Timestamp {
        self.last_seen_at
    }

    /// The time at which the generation last moved.
    pub fn rotated_at(&self) -> Timestamp {
        self.rotated_at
    }

    /// Its absolute end; none where the policy has none.
    pub fn ends_at(&self) -> Option<Timestamp> {
        (self.ends_at != Timestamp::MAX).then_some(self.ends_at)
    }

    /// The lifetime that the session was given; none where it was given no end. A proof starts this
    /// anew.
    pub fn lifetime(&self) -> Option<Duration> {
        (self.lifetime_millis != 0).then(|| Duration::from_millis(self.lifetime_millis))
    }

    /// The time that the session may go unused; none for any time.
    pub fn idle_timeout(&self) -> Option<Duration> {
        (self.idle_millis != 0).then(|| Duration::from_millis(self.idle_millis))
    }

    /// When it ends unless it is used before; `Timestamp::MAX` where it has no idle timeout.
    pub(super) fn idle_end(&self) -> Timestamp {
        self.idle_timeout().map_or(Timestamp::MAX, |idle| self.last_seen_at.saturating_add(idle))
    }

    /// The kind of tokens that the session hands out.
    pub fn credentials(&self) -> CredentialsKind {
        self.credentials
    }

    /// True once a later request used the current generation in a store-checked check.
    pub fn successor_seen(&self) -> bool {
        self.successor_seen
    }

    /// The key that mints opaque tokens of the current generation.
    pub(crate) fn mac_key(&self) -> u16 {
        self.mac_key
    }

    pub(super) fn rare_mut(&mut self) -> &mut Rare {
        Arc::make_mut(self.rare.get_or_insert_default())
    }
}

impl Request {
    /// The app that opened it, and alone may exchange it.
    pub fn app(&self) -> &AppId {
        &self.app
    }

    /// The address to which the host sends the subject after the decision.
    pub fn redirect(&self) -> Option<&str> {
        self.redirect.as_deref()
    }

    /// The time at which the request ends unless it is exchanged.
    pub fn ends_at(&self) -> Timestamp {
        self.ends_at
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("id", &self.id)
            .field("version", &self.version)
            .field("created_at", &self.created_at)
            .field("generation", &self.generation)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("app", &self.app)
            .field("ends_at", &self.ends_at)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("subject", &self.subject())
            .field("factors", &self.factors())
            .field("client", &self.client)
            .field("rotated_at", &self.rotated_at)
            .field("last_seen_at", &self.last_seen_at)
            .field("ends_at", &self.ends_at())
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}
