//! `PATCH /v2alpha/sessions/{session_id}`: more checks, other metadata, another lifetime.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    ApiError, Caller, Challenges, Checks, Details, Permission, RequestChallenges, Service, Span, TokenRule,
    checks::{Asserted, Named},
    create::{asked, read_lifetime, read_metadata},
    error::{Call, LENGTH, NO_SESSION, WRONG_TOKEN, broken, has_length},
    get::{not_permitted, session_id},
    proto::message,
};
use crate::{
    Update,
    compat::{exposed, redacted, secret},
    factor::Check,
    issuer::SessionView,
    metadata::Metadata,
    secret::Secret,
};

const REQUEST: &str = "SetSessionRequest";

impl Service {
    /// `PATCH /v2alpha/sessions/{session_id}`, `PATCH /v2/sessions/{session_id}`: changes a session. Status 200.
    ///
    /// Who may: the service's [`TokenRule`]. One call is one change: all of it is stored, or nothing. A change replaces the
    /// session's token, and the old one is dead at once; a call that changes nothing tells the details, and in v2alpha the
    /// caller's own token.
    ///
    /// # Errors
    /// As for [`create_session`](super::Service::create_session), and `PERMISSION_DENIED` (403) for a token that is not the session's
    /// current one, or without the permission; `FAILED_PRECONDITION` (400) for a session that has ended or expired, or is not
    /// there; `INVALID_ARGUMENT` (400) for another user than the session's. Nothing is stored on the session then.
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
            return Err(broken(REQUEST, "SessionToken", LENGTH));
        }
        let Asserted { user, proofs } = checks.unwrap_or_default().read(REQUEST)?;
        let metadata = read_metadata(REQUEST, metadata)?;
        keep_bounds(Metadata::new(), &metadata)?;
        let wanted = challenges.map(|challenges| challenges.read(REQUEST, self, id)).transpose()?;
        let lifetime = read_lifetime(lifetime)?;

        let before = match self.token_rule {
            TokenRule::V2Alpha => {
                let found = self.of_token(id, token).await?;
                found.ok_or_else(|| WRONG_TOKEN.show())?
            }
            TokenRule::V2 | TokenRule::Permission => {
                let found = self.of_id(id).await?;
                let may = match &found {
                    Some(view) => caller.may_with(Permission::SessionWrite, view),
                    None => caller.may(Permission::SessionWrite, None),
                };
                if self.token_rule == TokenRule::Permission && !may {
                    return Err(not_permitted());
                }
                found.ok_or_else(|| NO_SESSION.show())?
            }
        };
        let first = proofs.first().map(Check::kind);
        let call = Call {
            service: self,
            request: REQUEST,
            names_user: user.is_some(),
            first,
            session: Some(&before),
        };
        // Before a check uses anything up: what is left to go wrong is another call's doing.
        keep_bounds(before.metadata().cloned().unwrap_or_default(), &metadata)?;

        let mut update = match self.token_rule {
            TokenRule::V2Alpha => Update::with_token(token),
            TokenRule::V2 | TokenRule::Permission => Update::as_host(before.id()),
        };
        update = match user {
            None => update,
            Some(Named::By(check)) => update.check(check),
            // Another user than the session's, whatever the login name.
            Some(Named::Both(id, _)) if before.subject().is_some_and(|known| *known != id) => {
                update.check(Check::subject(id))
            }
            Some(Named::Both(id, name)) => update.check(name).about(id),
        };
        for check in proofs {
            update = update.check(check);
        }
        for (kind, challenger) in asked(wanted.as_ref()) {
            update = update.ask(kind, challenger);
        }
        for (key, value) in metadata {
            update = update.metadata(key, value);
        }
        update = match lifetime {
            Some(lifetime) => update.lifetime(lifetime),
            None => update.keep_end(),
        };
        let issued = self.issuer.update(update).await.map_err(|error| call.refused(error))?;
        let has_changed = issued.session().version() != before.version();
        Ok(SetSessionResponse {
            details: self.details(issued.session(), caller),
            session_token: match (has_changed, self.token_rule) {
                (true, _) => Secret::from(issued.token()),
                (false, TokenRule::V2Alpha) => Secret::from(token),
                (false, TokenRule::V2 | TokenRule::Permission) => Secret::from(""),
            },
            challenges: wanted.map(|wanted| wanted.answer()),
        })
    }
}

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
    /// What to keep on the session, beside what is there. Values in base64; an empty one removes its key. The bounds are
    /// those of [`CreateSession::metadata`](super::CreateSession::metadata).
    pub metadata: Option<BTreeMap<String, String>>,
    /// What to ask for, for later checks. Needs a user.
    #[serde(default, deserialize_with = "message")]
    pub challenges: Option<RequestChallenges>,
    /// How long the session lives from now on: above zero, at most ten years, and no longer than the policy allows. Zero or
    /// none: its end stays where it is.
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
    /// The session's token from now on; where nothing has changed, the caller's own in v2alpha, and empty later.
    #[serde(serialize_with = "exposed")]
    pub session_token: Secret,
    /// The challenges, where some were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenges: Option<Challenges>,
}

fn keep_bounds(mut metadata: Metadata, entries: &[(String, Vec<u8>)]) -> Result<(), ApiError> {
    for (key, value) in entries {
        metadata.set(key, value).map_err(|input| broken(REQUEST, "Metadata", &input.to_string()))?;
    }
    Ok(())
}

impl Service {
    /// What a call tells of a session.
    pub(super) fn details(&self, view: &SessionView, caller: &Caller) -> Details {
        Details {
            sequence: view.version(),
            change_date: super::view::changed_at(view),
            resource_owner: self.owner_of(view, caller),
        }
    }
}
