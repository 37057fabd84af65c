//! `/auth/sessions`: listing sessions, ending one, and signing out.

use serde::Serialize;

use super::{
    ApiError, Caller, Service, Success, answer, me_without_user, mistyped, plain, schema_error,
    session_over,
};
use crate::{
    Revoke, SessionQuery,
    compat::{Field, end_session, find_session, from_object, list_all, redacted, uuid_subject},
    error::{Error, ErrorClass, ErrorKind, Operation},
    id::{SessionId, SubjectId},
    issuer::SessionView,
};

impl Service {
    /// `GET /auth/sessions`: a user's live sessions, the newest first. Status 200.
    ///
    /// A client sees its own user's; impersonations are for administrators alone.
    ///
    /// # Errors
    /// 400 `SCHEMA_ERROR` without a `user_id`, or with one that is neither a UUID nor `me`; 400
    /// `CANNOT_GET_OWN_USER_WITHOUT_USER`; 403 for a client that asks for another user's; 500 when
    /// a part did not answer.
    pub async fn list_sessions(
        &self,
        caller: &Caller,
        request: ListSessions,
    ) -> Result<ListSessionsResponse, ApiError> {
        let user_id = request.user_id.strict();
        let user = match user_id.map_err(|got| broken(&mistyped("query.user_id", "string", got)))? {
            Some(id) if id == "me" => caller.user.clone().ok_or_else(me_without_user)?,
            Some(id) => {
                uuid_subject(id).ok_or_else(|| broken("query.user_id must be a valid UUID"))?
            }
            None => return Err(broken("query.user_id must be defined")),
        };
        if caller.is_client() {
            let own = caller.user.as_ref().ok_or_else(me_without_user)?;
            if *own != user {
                return Err(plain(403, "Client can only list sessions for their own user."));
            }
        }
        let mut query = SessionQuery::of_subject(user);
        if caller.is_admin() {
            query = query.impersonations_too();
        }
        let sessions = list_all(&self.issuer, query).await?;
        let items =
            sessions.iter().filter_map(|view| SessionItem::of(view, caller.session)).collect();
        Ok(ListSessionsResponse { items, is_paginated: false })
    }

    /// `DELETE /auth/sessions/{id}`: ends one session. Status 200.
    ///
    /// # Errors
    /// 400 `SCHEMA_ERROR` for an id that is no UUID; 404 for a session that is unknown or revoked,
    /// and to a client for another user's, or for any but its own where somebody acts in the user's
    /// place; 400 `CANNOT_DELETE_CURRENT_SESSION` for the caller's own: that one is [signed
    /// out](Service::sign_out) of; 500 when a part did not answer.
    pub async fn delete_session(&self, caller: &Caller, id: &str) -> Result<Success, ApiError> {
        const ROUTE: &str = "DELETE /api/v1/auth/sessions/[id]";
        if uuid_subject(id).is_none() {
            return Err(schema_error(ROUTE, &["params.id must be a valid UUID".to_owned()]));
        }
        let id: SessionId = id.parse().map_err(|_| not_found())?;
        let found = find_session(&self.issuer, id).await?.ok_or_else(not_found)?;
        let user = found.subject().cloned().ok_or_else(not_found)?;
        if caller.is_client() && caller.user.as_ref() != Some(&user) {
            return Err(not_found());
        }
        // Whoever acts in the user's place ends nothing of the user's own.
        if caller.is_client() && caller.impersonates && caller.session != Some(id) {
            return Err(not_found());
        }
        if caller.session == Some(id) {
            let error = "Cannot delete the current session.";
            return Err(answer(400, "CANNOT_DELETE_CURRENT_SESSION", error, []));
        }
        let by = caller.name().cloned();
        end_session(&self.issuer, (user, id), by, not_found).await?;
        Ok(Success::default())
    }
}

fn not_found() -> ApiError {
    plain(404, "Session not found.")
}

impl Service {
    /// `DELETE /auth/sessions/current`: ends the session of this token. Status 200.
    ///
    /// The access token alone will do, also when it has expired, and so will the refresh token.
    ///
    /// # Errors
    /// 401 `REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED` for a token that is not authentic, and for a
    /// session that has been ended before; 500 when a part did not answer.
    pub async fn sign_out(&self, token: &str) -> Result<Success, ApiError> {
        let mut failed = None;
        for (_, issuer) in self.issuers() {
            match issuer.revoke(Revoke::token(token)).await {
                Ok(revoked) if revoked.sessions().is_empty() => {
                    return Err(session_over(Error::new(ErrorKind::Revoked, Operation::Revoke)));
                }
                Ok(_) => return Ok(Success::default()),
                // It may be for another kind of user.
                Err(error) if error.class() == ErrorClass::Rejected => {
                    failed = failed.or(Some(error))
                }
                Err(error) => return Err(error.into()),
            }
        }
        let failed =
            failed.unwrap_or_else(|| Error::new(ErrorKind::InvalidToken, Operation::Revoke));
        Err(session_over(failed))
    }
}

fn broken(rule: &str) -> ApiError {
    schema_error("GET /api/v1/auth/sessions", &[rule.to_owned()])
}

/// The query of `GET /auth/sessions`.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct ListSessions {
    /// Whose: a hyphenated UUID, or `me`. Required.
    pub user_id: Field<String>,
}

/// The answer to `GET /auth/sessions`, status 200.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ListSessionsResponse {
    /// The sessions, the newest first.
    pub items: Vec<SessionItem>,
    /// False: they are all there.
    pub is_paginated: bool,
}

/// A session, as it is listed.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SessionItem {
    /// Its id, that of its refresh token (`refresh_token_id`).
    pub id: SessionId,
    /// The user.
    pub user_id: SubjectId,
    /// When it was created, in milliseconds since the epoch.
    pub created_at: i64,
    /// When it was last used, in milliseconds since the epoch.
    pub last_used_at: i64,
    /// Somebody else acts in the user's place.
    pub is_impersonation: bool,
    /// The caller is in this one.
    pub is_current_session: bool,
    /// From where it was last refreshed; absent when the host did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at_end_user_ip_info: Option<IpInfo>,
}

/// An address. Where in the world it is, is the host's to find.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IpInfo {
    /// The address: IPv4 or IPv6.
    pub ip: String,
}

redacted!(ListSessions, SessionItem, IpInfo);
from_object!(ListSessions { user_id: "user_id" });

impl SessionItem {
    fn of(view: &SessionView, current: Option<SessionId>) -> Option<Self> {
        Some(Self {
            id: view.id(),
            user_id: view.subject()?.clone(),
            created_at: view.created_at().as_millis(),
            last_used_at: view.last_seen_at().as_millis(),
            is_impersonation: view.is_impersonation(),
            is_current_session: current == Some(view.id()),
            last_used_at_end_user_ip_info: view
                .client()
                .and_then(|client| client.ip())
                .map(|ip| IpInfo { ip: ip.to_string() }),
        })
    }
}
