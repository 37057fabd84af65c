//! `GET /v2alpha/sessions/{session_id}`: one session, for whoever may see it.

use serde::{Deserialize, Serialize};

use super::{
    ApiError, Caller, Permission, Service, Session,
    error::{LENGTH, broken, has_length, told, unanswered},
};
use crate::{
    compat::{query, redacted, secret},
    error::{ErrorClass, ErrorKind},
    id::SessionId,
    issuer::SessionView,
    secret::Secret,
};

impl Service {
    /// `GET /v2alpha/sessions/{session_id}`: the session, expired or not, until it is deleted or swept. Status 200.
    ///
    /// With its current token, it is shown to everybody. Without one, to its creator, to its own user, to callers in the same
    /// user agent, and to whoever has `session.read` for its user's organisation, or for the instance while it has no user.
    /// Reading changes nothing.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` (400) without an id, or with an empty token; `NOT_FOUND` (404) for a session that is unknown,
    /// deleted or revoked; `PERMISSION_DENIED` (403) for a token that is not its current one, and without a token for
    /// everybody else; `UNAVAILABLE` (503) when a part did not answer.
    pub async fn get_session(
        &self,
        caller: &Caller,
        request: GetSession,
    ) -> Result<GetSessionResponse, ApiError> {
        let id = session_id(request.session_id.as_deref(), "GetSessionRequest")?;
        let token = request.session_token.as_ref().map(Secret::expose);
        if token.is_some_and(|token| !has_length(token)) {
            return Err(broken("GetSessionRequest", "SessionToken", LENGTH));
        }
        let shown = match token {
            Some(token) => self.of_token(id, token).await?,
            None => self.of_id(id).await?.filter(|view| caller.may_see(view)),
        };
        match shown.filter(|view| self.is_there(view)) {
            Some(view) => Ok(GetSessionResponse { session: self.shown(&view).await? }),
            // As ZITADEL: whether it is there is told before whether the caller may see it.
            None => match self.of_id(id).await? {
                Some(view) if self.is_there(&view) && token.is_some() => {
                    Err(told(7, 403, "QUERY-dsfr3", "Errors.PermissionDenied"))
                }
                Some(view) if self.is_there(&view) => Err(not_permitted()),
                _ => Err(told(5, 404, "QUERY-SFeaa", "Errors.Session.NotExisting")),
            },
        }
    }
}

/// What `GET /v2alpha/sessions/{session_id}` is told.
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
    /// The session of this id. The query of the address may have its token: `sessionToken`, or `session_token`.
    pub fn of(session_id: &str, query: &str) -> Self {
        let token = query::value(query, "sessionToken").or_else(|| query::value(query, "session_token"));
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

/// The id in a request; none for text that is no session's id.
pub(super) fn session_id(text: Option<&str>, request: &str) -> Result<Option<SessionId>, ApiError> {
    match text {
        Some(text) if has_length(text) => Ok(text.parse().ok()),
        _ => Err(broken(request, "SessionId", LENGTH)),
    }
}

pub(super) fn not_permitted() -> ApiError {
    told(7, 403, "AUTH-5mWD2", "No matching permissions found")
}

impl Caller {
    /// May read this session without its token.
    pub(super) fn may_see(&self, view: &SessionView) -> bool {
        self.made(view)
            || self.owns(view)
            || self.shares_agent(view)
            || self.may_with(Permission::SessionRead, view)
    }
}

impl Service {
    /// The session of this id, ended or not.
    pub(super) async fn of_id(&self, id: Option<SessionId>) -> Result<Option<SessionView>, ApiError> {
        let Some(id) = id else { return Ok(None) };
        match self.issuer.session(id).await {
            Ok(view) => Ok(Some(view)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unanswered(error)),
        }
    }

    /// The session of this id, ended or not, where that is its current token.
    pub(super) async fn of_token(
        &self,
        id: Option<SessionId>,
        token: &str,
    ) -> Result<Option<SessionView>, ApiError> {
        match self.issuer.session_by(token).await {
            Ok(view) => Ok(Some(view).filter(|view| id == Some(view.id()))),
            Err(error) if error.class() == ErrorClass::Rejected => Ok(None),
            Err(error) => Err(unanswered(error)),
        }
    }
}
