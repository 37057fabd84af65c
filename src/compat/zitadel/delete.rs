//! `DELETE /v2alpha/sessions/{session_id}`: the end of a session, by whoever may end it.

use super::{
    ApiError, Caller, DeleteSession, DeleteSessionResponse, Details, Permission, Service,
    TokenRule,
    fields::session_id,
    refusals::{NOT_PERMITTED, WRONG_TOKEN},
};
use crate::{Revoke, issuer::SessionView, secret::Secret, session::RevokeReason};

impl Service {
    /// `DELETE /v2alpha/sessions/{session_id}`: ends a session, expired or not. Status 200.
    ///
    /// By its current token; or without one by its own user, and by whoever has `session.delete`
    /// for its user's organisation, or for the instance while it has no user; under
    /// [`TokenRule::Permission`] also by its creator, and by callers in the same user agent. Ending
    /// what has ended, or is not there, is success, and nothing happens.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` (400) without an id; `PERMISSION_DENIED` (403) for a token that is not
    /// its current one, and without a token for everybody else; `UNAVAILABLE` (503) when a part did
    /// not answer: the session lives on, or the call may be repeated.
    pub async fn delete_session(
        &self,
        caller: &Caller,
        request: DeleteSession,
    ) -> Result<DeleteSessionResponse, ApiError> {
        let id = session_id(request.session_id.as_deref(), "DeleteSessionRequest")?;
        let token =
            request.session_token.as_ref().map(Secret::expose).filter(|token| !token.is_empty());
        let (found, reason) = match token {
            Some(token) => {
                let found = self.of_token(id, token).await?;
                (Some(found.ok_or_else(|| WRONG_TOKEN.error())?), RevokeReason::Logout)
            }
            None => match self.of_id(id).await? {
                Some(view) if caller.owns(&view) => (Some(view), RevokeReason::Logout),
                Some(view) if !self.may_end(caller, &view) => return Err(NOT_PERMITTED.error()),
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
        self.issuer.revoke(revoke).await?;
        // It has ended: where its record cannot be read again, what it was before must do.
        let ended = self.of_id(Some(found.id())).await.ok().flatten();
        Ok(self.deleted(&ended.unwrap_or(found), caller))
    }
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
