//! Records for the tests of the rules.

use std::time::Duration;

use super::{
    birth::{RequestBirth, SessionBirth},
    life::SubjectStamp,
    record::{CredentialsKind, Record},
};
use crate::{
    actor::{Actor, ActorChain},
    client::ClientInfo,
    clock::Timestamp,
    epoch::Epoch,
    factor::{Factor, FactorDetails, FactorKind},
    id::{AppId, SessionId, SubjectId, TenantId},
    metadata::{HostClaims, Metadata},
    policy::Policy,
};

pub(super) const BORN: Timestamp = Timestamp::from_secs(1_750_000_000);
/// The key that mints every token of the samples.
pub(super) const KEY: u16 = 1;

pub(super) fn subject() -> SubjectId {
    SubjectId::new("subject").unwrap()
}

pub(super) fn app() -> AppId {
    AppId::new("app").unwrap()
}

pub(super) fn stamp() -> SubjectStamp {
    SubjectStamp::first(BORN)
}

pub(super) fn bound() -> Option<(SubjectId, Epoch)> {
    Some((subject(), stamp().epoch))
}

/// What a session of `subject` is made of under this policy, with refresh and access tokens.
pub(super) fn birth(policy: &Policy) -> SessionBirth {
    SessionBirth {
        id: SessionId::assemble(BORN, 0, [7; 6], 7),
        tenant: TenantId::new("tenant").unwrap(),
        salt: [7; 16],
        now: BORN,
        keep: Duration::ZERO,
        bound: bound(),
        factors: Vec::new(),
        client: ClientInfo::new().with_user_agent("owner"),
        device: None,
        creator: None,
        actors: None,
        metadata: Metadata::new(),
        claims: HostClaims::new(),
        resource_owner: None,
        lifetime: policy.absolute.as_duration(),
        beginning: None,
        idle: policy.idle,
        mac_key: KEY,
        credentials: CredentialsKind::Pair,
    }
}

/// A session with a session token (flow C).
pub(super) fn of_flow_c(policy: &Policy) -> Record {
    Record::new_session(SessionBirth { credentials: CredentialsKind::Session, ..birth(policy) })
}

/// An impersonation of `subject` that lives as long as the policy says.
pub(super) fn impersonation(policy: &Policy) -> Record {
    let operator = Actor::new(SubjectId::new("operator").unwrap());
    let actors = ActorChain::new(operator, "a question of the subject").unwrap();
    let lifetime = Some(policy.impersonation_lifetime);
    Record::new_session(SessionBirth { actors: Some(actors), lifetime, ..birth(policy) })
}

/// A request of `app` that waits this long.
pub(super) fn request(lifetime: Duration) -> Record {
    let SessionBirth { id, tenant, salt, now, keep, .. } = birth(&Policy::tmdb());
    Record::new_request(RequestBirth {
        id,
        tenant,
        salt,
        now,
        keep,
        app: app(),
        redirect: None,
        lifetime,
    })
}

pub(super) fn proof(kind: FactorKind, at: Timestamp) -> Factor {
    Factor::new(kind, at, FactorDetails::default())
}

/// This long after the birth.
pub(super) fn after(wait: Duration) -> Timestamp {
    BORN.saturating_add(wait)
}
