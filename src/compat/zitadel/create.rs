//! `POST /v2alpha/sessions`: a session, and its first checks.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    ApiError, Caller, Challenges, Checks, Details, RequestChallenges, Service, Span, UserAgent,
    challenges::Wanted,
    checks::{Asserted, Named},
    error::{Call, POSITIVE_LIFETIME, broken},
    proto::{bytes, message},
};
use crate::{
    NewSession,
    compat::{exposed, redacted},
    id::SessionId,
    metadata::Metadata,
    secret::Secret,
    verifier::Challenger,
};

const REQUEST: &str = "CreateSessionRequest";

impl Service {
    /// `POST /v2alpha/sessions`, `POST /v2/sessions`: a session with the factors that its checks prove. Status 201.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` (400) for a broken rule, a lifetime below zero, a wrong password or code; `NOT_FOUND` (404) and
    /// `FAILED_PRECONDITION` (400) for a user that is unknown or not active, where nothing is to be proved with it;
    /// `FAILED_PRECONDITION` for a check or challenge that lacks something: see
    /// [the table](super#what-a-refusal-is-called). `UNAVAILABLE` (503) when a part did not answer. Nothing is stored then.
    pub async fn create_session(
        &self,
        caller: &Caller,
        request: CreateSession,
    ) -> Result<CreateSessionResponse, ApiError> {
        let CreateSession { checks, metadata, challenges, user_agent, lifetime } = request;
        let Asserted { user, proofs } = checks.unwrap_or_default().read(REQUEST)?;
        let mut new_metadata = Metadata::new();
        for (key, value) in read_metadata(REQUEST, metadata)? {
            new_metadata.set(&key, value).map_err(|input| broken(REQUEST, "Metadata", &input.to_string()))?;
        }
        let wanted = challenges.map(|challenges| challenges.read(REQUEST, self, None)).transpose()?;
        let client = user_agent.map(|agent| agent.read(REQUEST)).transpose()?.unwrap_or_default();
        let first = proofs.first().map(crate::factor::Check::kind);
        let call = Call { service: self, request: REQUEST, names_user: user.is_some(), first, session: None };

        let mut new = match user {
            None => NewSession::anonymous(),
            Some(Named::By(check)) => NewSession::from_checks([check]),
            Some(Named::Both(id, name)) => NewSession::for_subject(id).check(name),
        };
        for check in proofs {
            new = new.check(check);
        }
        for (kind, challenger) in asked(wanted.as_ref()) {
            new = new.ask(kind, challenger);
        }
        if let Some(lifetime) = read_lifetime(lifetime)? {
            new = new.lifetime(lifetime);
        }
        let new = new
            .metadata(new_metadata)
            .client(client)
            .creator(caller.creator.clone())
            .resource_owner(&caller.resource_owner)
            .map_err(|input| call.refused(input.into()))?;
        let issued = self.issuer.create(new).await.map_err(|error| call.refused(error))?;
        Ok(CreateSessionResponse {
            details: self.details(issued.session(), caller),
            session_id: issued.session_id(),
            session_token: issued.token().into(),
            challenges: wanted.map(|wanted| wanted.answer()),
        })
    }
}

/// The body of `POST /v2alpha/sessions`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreateSession {
    /// What is to be proved. Without it, the session is about nobody yet.
    #[serde(default, deserialize_with = "message")]
    pub checks: Option<Checks>,
    /// What to keep on the session. Values in base64, at most 4 KiB each; keys of 1 to 200 characters; 64 entries and
    /// 16 KiB in all. An empty value sets nothing.
    pub metadata: Option<BTreeMap<String, String>>,
    /// What to ask for, for later checks. Needs a user.
    #[serde(default, deserialize_with = "message")]
    pub challenges: Option<RequestChallenges>,
    /// The client that the session lives in. v2alpha's first page has none; it is kept whenever it is sent.
    #[serde(default, deserialize_with = "message", alias = "user_agent")]
    pub user_agent: Option<UserAgent>,
    /// How long the session lives from now on: above zero, at most ten years, and no longer than the policy allows. Zero or
    /// none: without an end. v2alpha's first page has none; it
    /// is kept whenever it is sent.
    pub lifetime: Option<Span>,
}

redacted!(CreateSession);

/// The answer to `POST /v2alpha/sessions`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreateSessionResponse {
    /// What happened to the session.
    pub details: Details,
    /// The session's id: a UUID. Not a credential.
    pub session_id: SessionId,
    /// Needed for every later update of the session in v2alpha, and replaced by each.
    #[serde(serialize_with = "exposed")]
    pub session_token: Secret,
    /// The challenges, where some were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenges: Option<Challenges>,
}

/// Metadata out of base64; what is removed comes first, and makes room for the rest.
pub(super) fn read_metadata(
    request: &str,
    metadata: Option<BTreeMap<String, String>>,
) -> Result<Vec<(String, Vec<u8>)>, ApiError> {
    let entries = metadata.unwrap_or_default().into_iter();
    let read = |(key, value): (String, String)| Some((key, bytes(&value)?));
    let read: Option<Vec<_>> = entries.map(read).collect();
    let mut read = read.ok_or_else(|| broken(request, "Metadata", "a value is not base64"))?;
    read.sort_by_key(|(_, value)| !value.is_empty());
    Ok(read)
}

/// A lifetime to set; none where nothing is to be set.
pub(super) fn read_lifetime(lifetime: Option<Span>) -> Result<Option<std::time::Duration>, ApiError> {
    match lifetime.filter(|lifetime| !lifetime.is_zero()) {
        None => Ok(None),
        Some(lifetime) => lifetime.duration().map(Some).ok_or_else(|| POSITIVE_LIFETIME.show()),
    }
}

/// Each kind of challenge that is wanted, with who makes it.
pub(super) fn asked(
    wanted: Option<&Arc<Wanted>>,
) -> impl Iterator<Item = (crate::factor::FactorKind, Arc<dyn Challenger>)> {
    wanted.into_iter().flat_map(|wanted| {
        wanted.kinds().into_iter().map(|kind| (kind, Arc::clone(wanted) as Arc<dyn Challenger>))
    })
}
