//! `DELETE /v2alpha/sessions/{session_id}`: its body and its answer.

use serde::{Deserialize, Serialize};

use super::details::Details;
use crate::{
    compat::{redacted, secret},
    secret::Secret,
};

/// The request of `DELETE /v2alpha/sessions/{session_id}`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DeleteSession {
    /// The session's id. Required: 1 to 200 characters. Doors take it from the path.
    #[serde(alias = "session_id")]
    pub session_id: Option<String>,
    /// The session's current token; an empty one is none.
    #[serde(default, alias = "session_token", deserialize_with = "secret")]
    pub session_token: Option<Secret>,
}

redacted!(DeleteSession);

/// The answer to `DELETE /v2alpha/sessions/{session_id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeleteSessionResponse {
    /// What happened to the session, and when: of one that is not there, 0 and now.
    pub details: Details,
}
