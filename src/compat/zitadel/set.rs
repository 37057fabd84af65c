//! `PATCH /v2alpha/sessions/{session_id}`: more checks, other metadata, another lifetime.

use super::{
    ApiError, Caller, Permission, Service, SetSession, SetSessionResponse, TokenRule,
    challenges::RequestedChallenges,
    change_errors::ChangeErrors,
    checks::{Asserted, NamedUser},
    fields::{self, LENGTH, has_length, session_id},
    refusals::{NO_SESSION, NOT_PERMITTED, Refusal, WRONG_TOKEN},
};
use crate::{
    Update,
    factor::Check,
    id::{SessionId, SubjectId},
    issuer::SessionView,
    metadata::Metadata,
    secret::Secret,
};

const REQUEST: &str = "SetSessionRequest";

impl Service {
    /// `PATCH /v2alpha/sessions/{session_id}`, `PATCH /v2/sessions/{session_id}`: changes a
    /// session. Status 200.
    ///
    /// Who may: the service's [`TokenRule`]. One call is one change: all of it is stored, or
    /// nothing. A change replaces the session's token, and the old one is dead at once; a call that
    /// changes nothing answers the details, and in v2alpha the caller's own token.
    ///
    /// # Errors
    /// As for [`create_session`](super::Service::create_session), and `PERMISSION_DENIED` (403) for
    /// a token that is not the session's current one, or without the permission;
    /// `FAILED_PRECONDITION` (400) for a session that has ended or expired, or is not there;
    /// `INVALID_ARGUMENT` (400) for another user than the session's. Nothing is stored on the
    /// session then.
    pub async fn set_session(
        &self,
        caller: &Caller,
        session: &str,
        request: SetSession,
    ) -> Result<SetSessionResponse, ApiError> {
        let id = session_id(Some(session), REQUEST)?;
        let SetSession { session_token, checks, metadata, challenges, lifetime } = request;
        let token = session_token.as_ref().map(Secret::expose).unwrap_or_default();
        if self.token_rule == TokenRule::V2Alpha && !has_length(token) {
            return Err(Refusal::Rule(&["SetSessionRequest.SessionToken"], LENGTH).error());
        }
        let checks = checks.unwrap_or_default().read(REQUEST)?;
        let entries = fields::entries(metadata, REQUEST)?;
        fields::with_entries(Metadata::new(), &entries, REQUEST)?;
        let challenges = challenges.map(|asked| asked.read(REQUEST, self, id)).transpose()?;
        let lifetime = fields::lifetime(lifetime)?;

        let before = self.session_to_change(caller, id, token).await?;
        let errors = ChangeErrors {
            service: self,
            request: REQUEST,
            names_user: checks.user.is_some(),
            first: checks.proofs.first().map(Check::kind),
            session: Some(&before),
        };
        // Before a check uses anything up: what is left to go wrong is another call's doing.
        let kept = before.metadata().cloned().unwrap_or_default();
        fields::with_entries(kept, &entries, REQUEST)?;

        let mut update = checked(self.authority(&before, token), checks, before.subject());
        for (kind, challenger) in challenges.iter().flat_map(RequestedChallenges::each) {
            update = update.ask(kind, challenger);
        }
        for (key, value) in entries {
            update = update.metadata(key, value);
        }
        update = match lifetime {
            Some(lifetime) => update.lifetime(lifetime),
            None => update.keep_end(),
        };
        let issued = self.issuer.update(update).await.map_err(|error| errors.show(error))?;
        let has_changed = issued.session().version() != before.version();
        Ok(SetSessionResponse {
            details: self.details(issued.session(), caller),
            session_token: match (has_changed, self.token_rule) {
                (true, _) => Secret::from(issued.token()),
                (false, TokenRule::V2Alpha) => Secret::from(token),
                (false, TokenRule::V2 | TokenRule::Permission) => Secret::from(""),
            },
            challenges: challenges.map(|made| made.answer()),
        })
    }
}

impl Service {
    /// The session as it is before the change, if the service's [`TokenRule`] lets this caller
    /// change it.
    async fn session_to_change(
        &self,
        caller: &Caller,
        id: Option<SessionId>,
        token: &str,
    ) -> Result<SessionView, ApiError> {
        if self.token_rule == TokenRule::V2Alpha {
            return self.of_token(id, token).await?.ok_or_else(|| WRONG_TOKEN.error());
        }
        let found = self.of_id(id).await?;
        let may = match &found {
            Some(view) => caller.may_with(Permission::SessionWrite, view),
            None => caller.may(Permission::SessionWrite, None),
        };
        if self.token_rule == TokenRule::Permission && !may {
            return Err(NOT_PERMITTED.error());
        }
        found.ok_or_else(|| NO_SESSION.error())
    }

    /// A change of this session, with the authority that the service's [`TokenRule`] gives.
    fn authority<'a>(&self, before: &SessionView, token: &'a str) -> Update<'a> {
        match self.token_rule {
            TokenRule::V2Alpha => Update::with_token(token),
            TokenRule::V2 | TokenRule::Permission => Update::as_host(before.id()),
        }
    }
}

/// The change with these checks, in the order in which they run.
fn checked<'a>(update: Update<'a>, checks: Asserted, known: Option<&SubjectId>) -> Update<'a> {
    let update = match checks.user {
        None => update,
        Some(NamedUser::By(check)) => update.check(check),
        // Another user than the session's, whatever the login name.
        Some(NamedUser::Both(id, _)) if known.is_some_and(|known| *known != id) => {
            update.check(Check::subject(id))
        }
        Some(NamedUser::Both(id, name)) => update.check(name).about(id),
    };
    checks.proofs.into_iter().fold(update, Update::check)
}
