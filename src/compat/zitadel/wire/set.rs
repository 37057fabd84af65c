//! `PATCH /v2alpha/sessions/{session_id}`: its body and its answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    challenges::{Challenges, RequestChallenges},
    checks::Checks,
    details::Details,
    proto::message,
    span::Span,
};
use crate::{
    compat::{exposed, redacted, secret},
    secret::Secret,
};

/// The body of `PATCH /v2alpha/sessions/{session_id}`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SetSession {
    /// The session's current token: 1 to 200 characters. Required in v2alpha, and ignored later.
    #[serde(default, alias = "session_token", deserialize_with = "secret")]
    pub session_token: Option<Secret>,
    /// What is to be proved. What was proved before stays; the same again is stamped again.
    #[serde(default, deserialize_with = "message")]
    pub checks: Option<Checks>,
    /// What to keep on the session, beside what is there. Values in base64; an empty one removes
    /// its key. The bounds are those of
    /// [`CreateSession::metadata`](crate::compat::zitadel::CreateSession::metadata).
    pub metadata: Option<BTreeMap<String, String>>,
    /// What to ask for, for later checks. Needs a user.
    #[serde(default, deserialize_with = "message")]
    pub challenges: Option<RequestChallenges>,
    /// How long the session lives from now on: above zero, at most ten years, and no longer than
    /// the policy allows. Zero or none: its end stays where it is.
    pub lifetime: Option<Span>,
}

redacted!(SetSession);

/// The answer to `PATCH /v2alpha/sessions/{session_id}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SetSessionResponse {
    /// What happened to the session.
    pub details: Details,
    /// The session's token from now on; where nothing has changed, the caller's own in v2alpha, and
    /// empty later.
    #[serde(serialize_with = "exposed")]
    pub session_token: Secret,
    /// The challenges, where some were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenges: Option<Challenges>,
}
