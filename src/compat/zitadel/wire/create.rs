//! `POST /v2alpha/sessions`: its body and its answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    challenges::{Challenges, RequestChallenges},
    checks::Checks,
    details::Details,
    proto::message,
    span::Span,
    user_agent::UserAgent,
};
use crate::{
    compat::{exposed, redacted},
    id::SessionId,
    secret::Secret,
};

/// The body of `POST /v2alpha/sessions`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreateSession {
    /// What is to be proved. Without it, the session is about nobody yet.
    #[serde(default, deserialize_with = "message")]
    pub checks: Option<Checks>,
    /// What to keep on the session. Values in base64, at most 4 KiB each; keys of 1 to 200
    /// characters; 64 entries and 16 KiB in all. An empty value sets nothing.
    pub metadata: Option<BTreeMap<String, String>>,
    /// What to ask for, for later checks. Needs a user.
    #[serde(default, deserialize_with = "message")]
    pub challenges: Option<RequestChallenges>,
    /// The client that the session lives in. v2alpha's first page has none; it is kept whenever it
    /// is sent.
    #[serde(default, deserialize_with = "message", alias = "user_agent")]
    pub user_agent: Option<UserAgent>,
    /// How long the session lives from now on: above zero, at most ten years, and no longer than
    /// the policy allows. Zero or none: without an end. v2alpha's first page has none; it is kept
    /// whenever it is sent.
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
