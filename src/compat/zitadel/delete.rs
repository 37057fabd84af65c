//! `DELETE /v2alpha/sessions/{session_id}`: the end of a session, by whoever may end it.

use serde::{Deserialize, Serialize};

use super::{
    ApiError, Caller, Details, Permission, Service, TokenRule,
    error::{WRONG_TOKEN, unanswered},
    get::{not_permitted, session_id},
};
use crate::{
    Revoke,
    compat::{redacted, secret},
    issuer::SessionView,
    secret::Secret,
    session::RevokeReason,
};

impl Service {
    /// `DELETE /v2alpha/sessions/{session_id}`: ends a session, expired or not. Status 200.
    ///
    /// By its current token; or without one by its own user, and by whoever has `session.delete` for its user's organisation,
    /// or for the instance while it has no user; under [`TokenRule::Permission`] also by its creator, and by callers in the
    /// same user agent. Ending what has ended, or is not there, is success, and nothing happens.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` (400) without an id; `PERMISSION_DENIED` (403) for a token that is not its current one, and without
    /// a token for everybody else; `UNAVAILABLE` (503) when a part did not answer: the session lives on, or the call may be
    /// repeated.
    pub async fn delete_session(
        &self,
        caller: &Caller,
        request: DeleteSession,
    ) -> Result<DeleteSessionResponse, ApiError> {
        let id = session_id(request.session_id.as_deref(), "DeleteSessionRequest")?;
        let token = request.session_token.as_ref().map(Secret::expose).filter(|token| !token.is_empty());
        let (found, reason) = match token {
            Some(token) => {
                let found = self.of_token(id, token).await?;
                (Some(found.ok_or_else(|| WRONG_TOKEN.show())?), RevokeReason::Logout)
            }
            None => match self.of_id(id).await? {
                Some(view) if caller.owns(&view) => (Some(view), RevokeReason::Logout),
                Some(view) if !self.may_end(caller, &view) => return Err(not_permitted()),
                found => (found, RevokeReason::Admin),
            },
        };
        let Some(found) = found else {
            let (change_date, resource_owner) = (self.issuer.now(), self.owner(caller));
            let details = Details { sequence: 0, change_date, resource_owner };
            return Ok(DeleteSessionResponse { details });
        };
        if !self.is_there(&found) {
            return Ok(self.deleted(&found, caller));
        }
        let mut revoke = Revoke::session(found.id()).reason(reason);
        if let Some(by) = caller.name() {
            revoke = revoke.by(by);
        }
        self.issuer.revoke(revoke).await.map_err(unanswered)?;
        // It has ended: where its record cannot be read again, what it was before must do.
        let ended = self.of_id(Some(found.id())).await.ok().flatten();
        Ok(self.deleted(&ended.unwrap_or(found), caller))
    }
}

/// What `DELETE /v2alpha/sessions/{session_id}` is told.
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

impl Service {
    fn may_end(&self, caller: &Caller, view: &SessionView) -> bool {
        let by_era = match self.token_rule {
            TokenRule::V2Alpha | TokenRule::V2 => false,
            TokenRule::Permission => caller.made(view) || caller.shares_agent(view),
        };
        by_era || caller.may_with(Permission::SessionDelete, view)
    }

    fn deleted(&self, view: &SessionView, caller: &Caller) -> DeleteSessionResponse {
        DeleteSessionResponse { details: self.details(view, caller) }
    }
}
