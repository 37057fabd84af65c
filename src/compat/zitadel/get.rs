//! `GET /v2alpha/sessions/{session_id}`: one session, for whoever may see it.

use super::{
    ApiError, Caller, GetSession, GetSessionResponse, Service,
    fields::{LENGTH, has_length, session_id},
    refusals::{NOT_PERMITTED, NOT_READ_WITH_THIS_TOKEN, NOTHING_TO_READ, Refusal},
};
use crate::secret::Secret;

impl Service {
    /// `GET /v2alpha/sessions/{session_id}`: the session, expired or not, until it is deleted or
    /// swept. Status 200.
    ///
    /// With its current token, it is shown to everybody. Without one, to its creator, to its own
    /// user, to callers in the same user agent, and to whoever has `session.read` for its user's
    /// organisation, or for the instance while it has no user. Reading changes nothing.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` (400) without an id, or with an empty token; `NOT_FOUND` (404) for a
    /// session that is unknown, deleted or revoked; `PERMISSION_DENIED` (403) for a token that is
    /// not its current one, and without a token for everybody else; `UNAVAILABLE` (503) when a part
    /// did not answer.
    pub async fn get_session(
        &self,
        caller: &Caller,
        request: GetSession,
    ) -> Result<GetSessionResponse, ApiError> {
        let id = session_id(request.session_id.as_deref(), "GetSessionRequest")?;
        let token = request.session_token.as_ref().map(Secret::expose);
        if token.is_some_and(|token| !has_length(token)) {
            return Err(Refusal::Rule(&["GetSessionRequest.SessionToken"], LENGTH).error());
        }
        let shown = match token {
            Some(token) => self.of_token(id, token).await?,
            None => self.of_id(id).await?.filter(|view| caller.may_see(view)),
        };
        if let Some(view) = shown.filter(|view| self.is_there(view)) {
            return Ok(GetSessionResponse { session: self.shown(&view).await? });
        }
        // As in ZITADEL, whoever may not see a session learns that it is there.
        match self.of_id(id).await?.filter(|view| self.is_there(view)) {
            Some(_) if token.is_some() => Err(NOT_READ_WITH_THIS_TOKEN.error()),
            Some(_) => Err(NOT_PERMITTED.error()),
            None => Err(NOTHING_TO_READ.error()),
        }
    }
}
