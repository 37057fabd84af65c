//! How a record is born, and how a request becomes a session.

use std::{sync::Arc, time::Duration};

use super::record::{Body, CredentialsKind, Rare, Record, Request, RequestState, Session};
use crate::{
    actor::ActorChain,
    client::ClientInfo,
    clock::Timestamp,
    epoch::Epoch,
    factor::{Challenge, Factor},
    id::{AppId, CreatorId, DeviceId, SessionId, SubjectId, TenantId},
    metadata::{HostClaims, Metadata},
};

/// What a new session is made of.
pub(crate) struct SessionBirth {
    pub(crate) id: SessionId,
    pub(crate) tenant: TenantId,
    pub(crate) salt: [u8; 16],
    pub(crate) now: Timestamp,
    pub(crate) keep: Duration,
    pub(crate) bound: Option<(SubjectId, Epoch)>,
    pub(crate) factors: Vec<Factor>,
    pub(crate) client: ClientInfo,
    pub(crate) device: Option<DeviceId>,
    pub(crate) creator: Option<CreatorId>,
    pub(crate) actors: Option<ActorChain>,
    pub(crate) metadata: Metadata,
    pub(crate) claims: HostClaims,
    pub(crate) resource_owner: Option<String>,
    /// How long it is given to live.
    pub(crate) lifetime: Option<Duration>,
    /// How long it lives until more is proved; its lifetime unless set.
    pub(crate) beginning: Option<Duration>,
    pub(crate) idle: Option<Duration>,
    pub(crate) mac_key: u16,
    pub(crate) credentials: CredentialsKind,
}

/// What a new request token is made of.
pub(crate) struct RequestBirth {
    pub(crate) id: SessionId,
    pub(crate) tenant: TenantId,
    pub(crate) salt: [u8; 16],
    pub(crate) now: Timestamp,
    pub(crate) keep: Duration,
    pub(crate) app: AppId,
    pub(crate) redirect: Option<String>,
    pub(crate) lifetime: Duration,
}

/// How long a session lives from now on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Lifetime {
    After(Duration),
    #[default]
    Unlimited,
}

impl Lifetime {
    pub(super) fn end(self, now: Timestamp) -> Timestamp {
        match self {
            Self::After(lifetime) => now.saturating_add(lifetime),
            Self::Unlimited => Timestamp::MAX,
        }
    }
}

impl Record {
    pub(crate) fn new_session(birth: SessionBirth) -> Self {
        let now = birth.now;
        let slot = birth.device.is_some() && birth.bound.is_none() && birth.factors.is_empty();
        let rare = Rare {
            device: birth.device,
            holds_device_slot: slot,
            creator: birth.creator,
            app: None,
            actors: birth.actors,
            challenges: Vec::new(),
            metadata: birth.metadata,
            claims: birth.claims,
            counters: Vec::new(),
            resource_owner: birth.resource_owner,
        };
        let session = Session {
            bound: birth.bound,
            factors: (!birth.factors.is_empty()).then(|| birth.factors.into()),
            client: birth.client,
            rare: (rare != Rare::default()).then(|| Arc::new(rare)),
            rotated_at: now,
            last_seen_at: now,
            ends_at: birth
                .beginning
                .or(birth.lifetime)
                .map_or(Lifetime::Unlimited, Lifetime::After)
                .end(now),
            lifetime_millis: millis(birth.lifetime),
            idle_millis: millis(birth.idle),
            late_generation: 0,
            late_replays_in_a_row: 0,
            jumped_from: 0,
            mac_key: birth.mac_key,
            successor_seen: false,
            credentials: birth.credentials,
        };
        Self {
            id: birth.id,
            tenant: birth.tenant,
            version: 1,
            created_at: now,
            keep_secs: secs(birth.keep),
            generation: 1,
            salt: birth.salt,
            body: Body::Session(session),
            tombstone: None,
        }
    }

    /// The same new record with challenges that wait for their answers.
    #[must_use]
    pub(crate) fn asking(mut self, challenges: Vec<Challenge>) -> Self {
        for challenge in challenges {
            if let Body::Session(session) = &mut self.body {
                session.open_challenge(challenge);
            }
        }
        self
    }

    pub(crate) fn new_request(birth: RequestBirth) -> Self {
        let request = Request {
            app: birth.app,
            redirect: birth.redirect,
            ends_at: birth.now.saturating_add(birth.lifetime),
            state: RequestState::Open,
        };
        Self {
            id: birth.id,
            tenant: birth.tenant,
            version: 1,
            created_at: birth.now,
            keep_secs: secs(birth.keep),
            generation: 1,
            salt: birth.salt,
            body: Body::Request(Box::new(request)),
            tombstone: None,
        }
    }

    /// The same new record under another id and salt.
    pub(crate) fn renamed(&self, id: SessionId, salt: [u8; 16]) -> Self {
        Self { id, salt, ..self.clone() }
    }

    /// The session that an approved request becomes: the id stays, the generation jumps, the limits
    /// start anew.
    pub(crate) fn exchanged(&self, birth: SessionBirth) -> Option<Self> {
        let Body::Request(request) = &self.body else { return None };
        let RequestState::Approved { subject, epoch } = &request.state else { return None };
        let (now, mac_key) = (birth.now, birth.mac_key);
        let born =
            Self::new_session(SessionBirth { bound: Some((subject.clone(), *epoch)), ..birth });
        let mut next = Self { body: born.body, keep_secs: born.keep_secs, ..self.clone() };
        if let Body::Session(session) = &mut next.body {
            session.rare_mut().app = Some(request.app.clone());
        }
        next.jump(now, mac_key)?;
        Some(next)
    }
}

pub(super) fn millis(duration: Option<Duration>) -> u64 {
    duration.map_or(0, |duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn secs(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}
