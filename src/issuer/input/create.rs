//! A session to create.

use std::{sync::Arc, time::Duration};

use crate::{
    actor::ActorChain,
    client::ClientInfo,
    factor::{Check, FactorKind},
    id::{CreatorId, DeviceId, SubjectId},
    metadata::{HostClaims, Metadata},
    session::Epoch,
    verifier::Challenger,
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
///     .client(ClientInfo::new().with_user_agent("curl/8.5.0"));
/// // The issuer's verifier shall check it:
/// let login = NewSession::from_checks([Check::login_name("alice@example.com")?, Check::password("V3ryS3cure!")?]);
/// # Ok::<(), session_issuer::error::InvalidInput>(())
/// ```
#[derive(Debug)]
pub struct NewSession {
    pub(in crate::issuer) subject: Option<SubjectId>,
    pub(in crate::issuer) epoch: Option<Epoch>,
    pub(in crate::issuer) checks: Vec<Check>,
    pub(in crate::issuer) verified: Vec<FactorKind>,
    pub(in crate::issuer) asked: Vec<(FactorKind, Arc<dyn Challenger>)>,
    pub(in crate::issuer) device: Option<DeviceId>,
    pub(in crate::issuer) replace_device: bool,
    pub(in crate::issuer) actors: Option<ActorChain>,
    pub(in crate::issuer) client: ClientInfo,
    pub(in crate::issuer) metadata: Metadata,
    pub(in crate::issuer) claims: HostClaims,
    pub(in crate::issuer) creator: Option<CreatorId>,
    pub(in crate::issuer) resource_owner: Option<String>,
    pub(in crate::issuer) lifetime: Option<Duration>,
    pub(in crate::issuer) idle: Option<Duration>,
    pub(in crate::issuer) access_lifetime: Option<Duration>,
}

impl NewSession {
    /// A session about nobody yet: checks may name its subject later.
    pub fn anonymous() -> Self {
        Self {
            subject: None,
            epoch: None,
            checks: Vec::new(),
            verified: Vec::new(),
            asked: Vec::new(),
            device: None,
            replace_device: false,
            actors: None,
            client: ClientInfo::new(),
            metadata: Metadata::new(),
            claims: HostClaims::new(),
            creator: None,
            resource_owner: None,
            lifetime: None,
            idle: None,
            access_lifetime: None,
        }
    }

    /// A session of a subject that the host has authenticated itself (flow A).
    pub fn for_subject(subject: SubjectId) -> Self {
        Self { subject: Some(subject), ..Self::anonymous() }
    }

    /// A session grown from checks (flow C). They run in their fixed order; if one fails there is
    /// no session.
    pub fn from_checks(checks: impl IntoIterator<Item = Check>) -> Self {
        Self { checks: checks.into_iter().collect(), ..Self::anonymous() }
    }

    /// The session of a device, or a new one where it has none (flow E). It has no subject: a
    /// device id is not a credential. The one that is found stays as it is: its end, its metadata
    /// and its claims are those of its birth.
    pub fn for_device(device: DeviceId) -> Self {
        Self { device: Some(device), ..Self::anonymous() }
    }

    /// A session in which actors act in a subject's place (flow B).
    pub fn impersonating(subject: SubjectId, actors: ActorChain) -> Self {
        Self { actors: Some(actors), ..Self::for_subject(subject) }
    }

    /// The subject's epoch, read by [`Issuer::epoch`](crate::Issuer::epoch) before the host
    /// verified its credential: if all of its sessions are revoked in between, there is no new one.
    /// Without it, what counts is the epoch at the moment of this call: a revocation before it does
    /// not concern the session, one after it ends it.
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

    /// A check to run as well. A check that names a subject must name the one that is known
    /// already.
    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// A challenge to make once the checks have passed, and to keep until it is answered: for the
    /// subject that this call or the session names.
    #[must_use]
    pub fn ask(mut self, kind: FactorKind, challenger: Arc<dyn Challenger>) -> Self {
        self.asked.push((kind, challenger));
        self
    }

    /// The device that the session lives on. A session without subject and checks is the device's
    /// own, as with [`for_device`](Self::for_device).
    #[must_use]
    pub fn device(mut self, device: DeviceId) -> Self {
        self.device = Some(device);
        self
    }

    /// Ends the device's own session, if it has one, and begins another. For sessions without a
    /// subject: one that somebody logged in to is not the device's own any more.
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

    /// Who owns the session: an organisation, 1 to 200 characters. What the directory says comes
    /// first.
    #[must_use]
    pub fn resource_owner(mut self, owner: impl Into<String>) -> Self {
        self.resource_owner = Some(owner.into());
        self
    }

    /// How long the session lives, whatever happens: above zero, and at most what the policy
    /// allows.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// How long the session may go unused: above zero, and at most what the policy says; the
    /// policy's unless set.
    #[must_use]
    pub fn idle_timeout(mut self, idle: Duration) -> Self {
        self.idle = Some(idle);
        self
    }

    /// How long this first access token is good: above zero, and at most what the policy says. Not
    /// kept.
    #[must_use]
    pub fn access_lifetime(mut self, lifetime: Duration) -> Self {
        self.access_lifetime = Some(lifetime);
        self
    }
}
