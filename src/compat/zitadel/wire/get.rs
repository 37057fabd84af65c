//! `GET /v2alpha/sessions/{session_id}`: its path and query, and its answer.

use serde::{Deserialize, Serialize};

use super::session::Session;
use crate::{
    compat::{query, redacted, secret},
    secret::Secret,
};

/// The request of `GET /v2alpha/sessions/{session_id}`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct GetSession {
    /// The session's id. Required: 1 to 200 characters.
    #[serde(alias = "session_id")]
    pub session_id: Option<String>,
    /// The session's current token: 1 to 200 characters.
    #[serde(default, alias = "session_token", deserialize_with = "secret")]
    pub session_token: Option<Secret>,
}

redacted!(GetSession);

impl GetSession {
    /// The session of this id. The query of the address may have its token: `sessionToken`, or
    /// `session_token`.
    pub fn of(session_id: &str, query: &str) -> Self {
        let token =
            query::value(query, "sessionToken").or_else(|| query::value(query, "session_token"));
        Self { session_id: Some(session_id.to_owned()), session_token: token.map(Secret::from) }
    }
}

/// The answer to `GET /v2alpha/sessions/{session_id}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GetSessionResponse {
    /// The session.
    pub session: Session,
}
