//! What the verbs take: one struct each, made from what is required, with a setter for everything else.

use std::time::Duration;

use crate::{
    actor::ActorChain,
    client::ClientInfo,
    clock::{Epoch, Timestamp},
    error::{InvalidInput, RevokeReason},
    factor::{Challenge, Check, FactorKind},
    id::{CreatorId, DeviceId, SessionId, SubjectId, check_text},
    metadata::{HostClaims, Metadata},
    store::PageKey,
};

/// A session to create.
///
/// # Examples
/// ```
/// use session_issuer::{NewSession, client::ClientInfo, factor::{Check, FactorKind}, id::SubjectId};
///
/// // The host has checked the password itself:
/// let login = NewSession::for_subject(SubjectId::new("alice")?)
///     .verified_by_host(FactorKind::Password)
///     .client(ClientInfo::new().user_agent("curl/8.5.0")?);
/// // The issuer's verifier shall check it:
/// let login = NewSession::from_checks([Check::login_name("alice@example.com")?, Check::password("V3ryS3cure!")?]);
/// # Ok::<(), session_issuer::error::InvalidInput>(())
/// ```
#[derive(Debug)]
pub struct NewSession {
    pub(super) subject: Option<SubjectId>,
    pub(super) epoch: Option<Epoch>,
    pub(super) checks: Vec<Check>,
    pub(super) verified: Vec<FactorKind>,
    pub(super) device: Option<DeviceId>,
    pub(super) replace_device: bool,
    pub(super) actors: Option<ActorChain>,
    pub(super) client: ClientInfo,
    pub(super) metadata: Metadata,
    pub(super) claims: HostClaims,
    pub(super) creator: Option<CreatorId>,
    pub(super) resource_owner: Option<String>,
    pub(super) lifetime: Option<Duration>,
    pub(super) access_lifetime: Option<Duration>,
}

impl NewSession {
    /// A session about nobody yet: checks may name its subject later.
    pub fn anonymous() -> Self {
        Self {
            subject: None,
            epoch: None,
            checks: Vec::new(),
            verified: Vec::new(),
            device: None,
            replace_device: false,
            actors: None,
            client: ClientInfo::new(),
            metadata: Metadata::new(),
            claims: HostClaims::new(),
            creator: None,
            resource_owner: None,
            lifetime: None,
            access_lifetime: None,
        }
    }

    /// A session of a subject that the host has authenticated itself (flow A).
    pub fn for_subject(subject: SubjectId) -> Self {
        Self { subject: Some(subject), ..Self::anonymous() }
    }

    /// A session grown from checks (flow C). They run in their fixed order; if one fails there is no session.
    pub fn from_checks(checks: impl IntoIterator<Item = Check>) -> Self {
        Self { checks: checks.into_iter().collect(), ..Self::anonymous() }
    }

    /// The session of a device, or a new one where it has none (flow E). It has no subject: a device id is not a
    /// credential.
    pub fn for_device(device: DeviceId) -> Self {
        Self { device: Some(device), ..Self::anonymous() }
    }

    /// A session in which actors act in a subject's place (flow B).
    pub fn impersonating(subject: SubjectId, actors: ActorChain) -> Self {
        Self { actors: Some(actors), ..Self::for_subject(subject) }
    }

    /// The subject's epoch, read by [`Issuer::epoch`](super::Issuer::epoch) before the host verified its credential: if
    /// all of its sessions are revoked in between, there is no new one.
    #[must_use]
    pub fn epoch(mut self, epoch: Epoch) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// The host has verified this factor of the subject itself, just now.
    #[must_use]
    pub fn verified_by_host(mut self, kind: FactorKind) -> Self {
        self.verified.push(kind);
        self
    }

    /// A check to run as well. A check that names a subject must name the one that is known already.
    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// The device that the session lives on.
    #[must_use]
    pub fn device(mut self, device: DeviceId) -> Self {
        self.device = Some(device);
        self
    }

    /// Ends the device's session, if it has one, and begins another.
    #[must_use]
    pub fn replace_device(mut self) -> Self {
        self.replace_device = true;
        self
    }

    /// The client that the session lives in.
    #[must_use]
    pub fn client(mut self, client: ClientInfo) -> Self {
        self.client = client;
        self
    }

    /// The host's metadata.
    #[must_use]
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// The host's claims for the session's access tokens.
    #[must_use]
    pub fn claims(mut self, claims: HostClaims) -> Self {
        self.claims = claims;
        self
    }

    /// Who makes the session by calling the host.
    #[must_use]
    pub fn creator(mut self, creator: CreatorId) -> Self {
        self.creator = Some(creator);
        self
    }

    /// Who owns the session: an organisation. What the directory says comes first.
    pub fn resource_owner(mut self, owner: &str) -> Result<Self, InvalidInput> {
        check_text("resource owner", owner)?;
        self.resource_owner = Some(owner.to_owned());
        Ok(self)
    }

    /// How long the session lives, whatever happens: above zero, and at most what the policy allows.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// How long this first access token is good: above zero, and at most what the policy says. Not kept.
    #[must_use]
    pub fn access_lifetime(mut self, lifetime: Duration) -> Self {
        self.access_lifetime = Some(lifetime);
        self
    }
}

/// A token that somebody presents, and from where.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    pub(super) token: &'a str,
}

impl std::fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Presented([redacted])")
    }
}

impl<'a> Presented<'a> {
    /// This token.
    pub fn new(token: &'a str) -> Self {
        Self { token }
    }
}

impl<'a> From<&'a str> for Presented<'a> {
    fn from(token: &'a str) -> Self {
        Self::new(token)
    }
}

/// A refresh token to trade, and from where.
#[derive(Clone)]
pub struct Refresh<'a> {
    pub(super) token: &'a str,
    pub(super) client: Option<&'a ClientInfo>,
    pub(super) claims: Option<HostClaims>,
    pub(super) access_lifetime: Option<Duration>,
}

impl std::fmt::Debug for Refresh<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Refresh").field("client", &self.client).finish_non_exhaustive()
    }
}

impl<'a> Refresh<'a> {
    /// This refresh token.
    pub fn new(token: &'a str) -> Self {
        Self { token, client: None, claims: None, access_lifetime: None }
    }

    /// The client that presents it: judged where the policy binds clients, and told in events.
    #[must_use]
    pub fn client(mut self, client: &'a ClientInfo) -> Self {
        self.client = Some(client);
        self
    }

    /// The host's claims as they are now, for this and all later access tokens.
    #[must_use]
    pub fn claims(mut self, claims: HostClaims) -> Self {
        self.claims = Some(claims);
        self
    }

    /// How long this access token is good: above zero, and at most what the policy says. Not kept.
    #[must_use]
    pub fn access_lifetime(mut self, lifetime: Duration) -> Self {
        self.access_lifetime = Some(lifetime);
        self
    }
}

impl<'a> From<&'a str> for Refresh<'a> {
    fn from(token: &'a str) -> Self {
        Self::new(token)
    }
}

/// A change of a session, by its token or by the host's own authority.
pub struct Update<'a> {
    pub(super) by: Authority<'a>,
    pub(super) checks: Vec<Check>,
    pub(super) verified: Vec<FactorKind>,
    pub(super) epoch: Option<Epoch>,
    pub(super) challenges: Vec<Challenge>,
    pub(super) metadata: Vec<(String, Vec<u8>)>,
    pub(super) claims: Option<HostClaims>,
    pub(super) client: Option<ClientInfo>,
    pub(super) lifetime: LifetimeChange,
}

#[derive(Clone, Copy)]
pub(super) enum Authority<'a> {
    Token(&'a str),
    Host(SessionId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LifetimeChange {
    Keep,
    Set(Duration),
    Clear,
}

impl std::fmt::Debug for Update<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Update")
            .field("checks", &self.checks)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

impl<'a> Update<'a> {
    /// By whoever holds the session's token: a session token of its exact generation, or an access token.
    pub fn with_token(token: &'a str) -> Self {
        Self::by(Authority::Token(token))
    }

    /// By the host's own authority. Who may ask for that is the host's to decide.
    pub fn as_host(session: SessionId) -> Self {
        Self::by(Authority::Host(session))
    }

    fn by(by: Authority<'a>) -> Self {
        Self {
            by,
            checks: Vec::new(),
            verified: Vec::new(),
            epoch: None,
            challenges: Vec::new(),
            metadata: Vec::new(),
            claims: None,
            client: None,
            lifetime: LifetimeChange::Keep,
        }
    }

    /// A check to run. They run in their fixed order; if one fails, nothing of the call is stored on the session.
    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// The host has verified this factor of the subject itself, just now.
    #[must_use]
    pub fn verified_by_host(mut self, kind: FactorKind) -> Self {
        self.verified.push(kind);
        self
    }

    /// The subject's epoch, read before the host verified its credential.
    #[must_use]
    pub fn epoch(mut self, epoch: Epoch) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// A challenge to keep until it is answered. It takes the slot of its kind.
    #[must_use]
    pub fn challenge(mut self, challenge: Challenge) -> Self {
        self.challenges.push(challenge);
        self
    }

    /// Sets one entry of the metadata; an empty value removes it.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }

    /// The host's claims as they shall be, for all later access tokens.
    #[must_use]
    pub fn claims(mut self, claims: HostClaims) -> Self {
        self.claims = Some(claims);
        self
    }

    /// The client that the session lives in now.
    #[must_use]
    pub fn client(mut self, client: ClientInfo) -> Self {
        self.client = Some(client);
        self
    }

    /// How long the session lives from now on: above zero, and at most what the policy allows.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = LifetimeChange::Set(lifetime);
        self
    }

    /// Takes a lifetime back, where the policy knows sessions without an end.
    #[must_use]
    pub fn clear_lifetime(mut self) -> Self {
        self.lifetime = LifetimeChange::Clear;
        self
    }
}

/// Sessions to end: which, why, and by whom.
pub struct Revoke<'a> {
    pub(super) target: Target<'a>,
    pub(super) reason: RevokeReason,
    pub(super) by: Option<SubjectId>,
}

pub(super) enum Target<'a> {
    Token(&'a str),
    OthersThan(&'a str),
    Sessions(Vec<SessionId>),
    Subject(SubjectId),
    SubjectBut(SubjectId, SessionId),
    Device(DeviceId),
    Actor(SubjectId),
}

impl std::fmt::Debug for Revoke<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revoke").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl<'a> Revoke<'a> {
    /// The session of this token: logging out. Any authentic token of it will do, old ones too.
    pub fn token(token: &'a str) -> Self {
        Self::target(Target::Token(token), RevokeReason::Logout)
    }

    /// All sessions of the subject but that of this token, in one act: "log out everywhere else".
    pub fn others_than(token: &'a str) -> Self {
        Self::target(Target::OthersThan(token), RevokeReason::Admin)
    }

    /// This session. Ending what is not there is fine.
    pub fn session(id: SessionId) -> Self {
        Self::sessions([id])
    }

    /// These sessions. None is fine too.
    pub fn sessions(ids: impl IntoIterator<Item = SessionId>) -> Self {
        Self::target(Target::Sessions(ids.into_iter().collect()), RevokeReason::Admin)
    }

    /// All sessions of a subject, in one act.
    pub fn all(subject: SubjectId) -> Self {
        Self::target(Target::Subject(subject), RevokeReason::Admin)
    }

    /// All sessions of a subject but this one, in one act. It must be live, or nothing happens.
    pub fn all_but(subject: SubjectId, keep: SessionId) -> Self {
        Self::target(Target::SubjectBut(subject, keep), RevokeReason::Admin)
    }

    /// All sessions of a subject that may have none any more. That no new one begins is the directory's to see to.
    pub fn subject_disabled(subject: SubjectId) -> Self {
        Self::target(Target::Subject(subject), RevokeReason::SubjectDisabled)
    }

    /// All sessions of a device, up to 500 in one call: [`Revoked::more`](super::Revoked::more) says if there are more.
    pub fn device(device: DeviceId) -> Self {
        Self::target(Target::Device(device), RevokeReason::Admin)
    }

    /// All sessions in which this actor acts in another's place, up to 500 in one call.
    pub fn actor(actor: SubjectId) -> Self {
        Self::target(Target::Actor(actor), RevokeReason::Admin)
    }

    fn target(target: Target<'a>, reason: RevokeReason) -> Self {
        Self { target, reason, by: None }
    }

    /// Why.
    #[must_use]
    pub fn reason(mut self, reason: RevokeReason) -> Self {
        self.reason = reason;
        self
    }

    /// Who does it.
    #[must_use]
    pub fn by(mut self, by: SubjectId) -> Self {
        self.by = Some(by);
        self
    }
}

/// A credential of a subject that has changed.
#[derive(Debug, Clone)]
pub struct CredentialChange {
    pub(super) subject: SubjectId,
    pub(super) kinds: Vec<FactorKind>,
    pub(super) sessions: AfterChange,
    pub(super) by: Option<SubjectId>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum AfterChange {
    EndAll,
    EndAllBut(SessionId),
    KeepAll,
}

impl CredentialChange {
    /// This credential of this subject has changed: sessions end, and factors proved before no longer count.
    pub fn new(subject: SubjectId, kind: FactorKind) -> Self {
        Self { subject, kinds: vec![kind], sessions: AfterChange::EndAll, by: None }
    }

    /// Another credential that has changed with it.
    #[must_use]
    pub fn and(mut self, kind: FactorKind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// The session in which the subject made the change lives on (Stack Auth). It must be live, or nothing happens.
    #[must_use]
    pub fn keeping(mut self, session: SessionId) -> Self {
        self.sessions = AfterChange::EndAllBut(session);
        self
    }

    /// All sessions live on, without the factor (ZITADEL).
    #[must_use]
    pub fn keeping_all(mut self) -> Self {
        self.sessions = AfterChange::KeepAll;
        self
    }

    /// Who did it.
    #[must_use]
    pub fn by(mut self, by: SubjectId) -> Self {
        self.by = Some(by);
        self
    }
}

/// Which sessions to list. Live ones of subjects themselves, newest first, a hundred at a time, unless told otherwise.
#[derive(Debug, Clone)]
pub struct SessionQuery {
    pub(super) select: crate::store::Select,
    pub(super) live_only: bool,
    pub(super) impersonations: bool,
    pub(super) created_from: Option<Timestamp>,
    pub(super) created_before: Option<Timestamp>,
    pub(super) ends_before: Option<Timestamp>,
    pub(super) ends_from: Option<Timestamp>,
    pub(super) newest_first: bool,
    pub(super) after: Option<PageKey>,
    pub(super) limit: u32,
}

impl SessionQuery {
    /// Those that one of the store's indexes has.
    pub fn select(select: crate::store::Select) -> Self {
        Self {
            select,
            live_only: true,
            impersonations: false,
            created_from: None,
            created_before: None,
            ends_before: None,
            ends_from: None,
            newest_first: true,
            after: None,
            limit: 100,
        }
    }

    /// The sessions of a subject.
    pub fn of_subject(subject: SubjectId) -> Self {
        Self::select(crate::store::Select::Subject(subject))
    }

    /// Sessions that have expired, or that a mass revocation ended, too.
    #[must_use]
    pub fn dead_too(mut self) -> Self {
        self.live_only = false;
        self
    }

    /// Impersonations too: for administrators, not for the subject.
    #[must_use]
    pub fn impersonations_too(mut self) -> Self {
        self.impersonations = true;
        self
    }

    /// Only those created at this time or later.
    #[must_use]
    pub fn created_from(mut self, at: Timestamp) -> Self {
        self.created_from = Some(at);
        self
    }

    /// Only those created before this time.
    #[must_use]
    pub fn created_before(mut self, at: Timestamp) -> Self {
        self.created_before = Some(at);
        self
    }

    /// Only those that end before this time. A session without an end never does.
    #[must_use]
    pub fn ends_before(mut self, at: Timestamp) -> Self {
        self.ends_before = Some(at);
        self
    }

    /// Only those that end at this time or later. A session without an end always does.
    #[must_use]
    pub fn ends_from(mut self, at: Timestamp) -> Self {
        self.ends_from = Some(at);
        self
    }

    /// The oldest first.
    #[must_use]
    pub fn oldest_first(mut self) -> Self {
        self.newest_first = false;
        self
    }

    /// The page after that one.
    #[must_use]
    pub fn after(mut self, key: PageKey) -> Self {
        self.after = Some(key);
        self
    }

    /// How many in a page: 1 to 1000.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }
}
