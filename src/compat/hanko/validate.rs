//! `/sessions/validate`: whether a token is good, and its claims.

use serde::Serialize;

use super::{
    ApiError, Caller, Claims, Service, answer,
    claims::{idle_end, optional_date_time},
    mistyped,
};
use crate::{
    Requirement, Revoke, Timestamp,
    compat::{Field, from_object, redacted},
    error::{Error, ErrorClass, ErrorKind},
    id::SubjectId,
    issuer::{Checked, SessionView},
    policy::Noting,
    secret::Secret,
    session::{RevokeReason, Session},
};

impl Service {
    /// `GET /sessions/validate`: whether one of these tokens is good. Status 200, also when none
    /// is.
    ///
    /// They are tried in their order: what the `Authorization` header has, then the cookie. The
    /// first good one answers. This is not use: nothing is written.
    ///
    /// # Errors
    /// 500 when a part did not answer, and no token was good without it.
    pub async fn validate_session(
        &self,
        tokens: &[&str],
    ) -> Result<ValidateSessionResponse, ApiError> {
        let mut failed = None;
        for token in tokens {
            match self.issuer.check(*token, &Requirement::new().noting(Noting::Never)).await {
                Ok(checked) => return Ok(self.valid(&checked)),
                Err(error) if error.class() == ErrorClass::Rejected => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or_else(|| Ok(ValidateSessionResponse::default()), |error| Err(error.into()))
    }

    /// `POST /sessions/validate`: whether this token is good. Status 200, also when it is not.
    ///
    /// This is use: it moves the idle timeout, at once. A session that has been idle for too long
    /// is ended, with its event.
    ///
    /// # Errors
    /// 400 without a token, or for one that is no text; 500 when a part did not answer.
    pub async fn validate_session_from_body(
        &self,
        request: ValidateSession,
    ) -> Result<ValidateSessionResponse, ApiError> {
        let token =
            request.session_token.nullable().map_err(|got| mistyped("session_token", got))?;
        let token = token.map(Secret::expose).unwrap_or_default();
        if token.is_empty() {
            return Err(answer(400, "session_token is a required field"));
        }
        match self.used(token, &Requirement::new().noting(Noting::AtOnce)).await {
            Ok(checked) => Ok(self.valid(&checked)),
            Err(error) if error.class() == ErrorClass::Rejected => {
                Ok(ValidateSessionResponse::default())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Who calls Hanko's public API, by the first of these tokens that is good. This is use.
    ///
    /// The answer names those who act in the user's place, where the host has made a session for
    /// them.
    ///
    /// # Errors
    /// 401 when none is good; 500 when a part did not answer, and no token was good without it.
    pub async fn authenticate(&self, tokens: &[&str]) -> Result<Caller, ApiError> {
        let mut failed = None;
        for token in tokens {
            match self.used(token, &Requirement::new()).await {
                Ok(checked) => match checked.subject() {
                    Ok(user) => {
                        let session = checked.session().and_then(SessionView::session);
                        return Ok(Caller::User {
                            user: user.clone(),
                            session: checked.session_id(),
                            actors: session.and_then(Session::actors).cloned(),
                        });
                    }
                    Err(error) => failed = failed.or(Some(error)),
                },
                Err(error) if error.class() == ErrorClass::Rejected => {
                    failed = failed.or(Some(error))
                }
                Err(error) => failed = Some(error),
            }
        }
        Err(match failed {
            Some(error) if error.class() != ErrorClass::Rejected => error.into(),
            Some(error) => answer(401, "Unauthorized").caused_by(error),
            None => answer(401, "Unauthorized"),
        })
    }
}

impl Service {
    /// Checks a token, and notes its use. What was idle for too long is ended at once, so that its
    /// event is emitted.
    async fn used(&self, token: &str, need: &Requirement) -> Result<Checked, Error> {
        let checked = self.issuer.check(token, need).await;
        if checked.as_ref().is_err_and(|error| error.kind() == ErrorKind::Inactive) {
            self.issuer.revoke(Revoke::token(token).reason(RevokeReason::Idle)).await?;
        }
        checked
    }

    /// The answer for a good token. A token without a user is good for nothing that Hanko knows.
    fn valid(&self, checked: &Checked) -> ValidateSessionResponse {
        let Some(claims) = Claims::of_checked(checked, self.issuer.name()) else {
            return ValidateSessionResponse::default();
        };
        let session = checked.session().and_then(|view| view.session());
        ValidateSessionResponse {
            is_valid: true,
            idle_expires_at: session.and_then(|session| idle_end(session, claims.expiration)),
            expiration_time: Some(claims.expiration),
            user_id: Some(claims.subject.clone()),
            claims: Some(claims),
        }
    }
}

/// The body of `POST /sessions/validate`.
#[derive(Default)]
#[non_exhaustive]
pub struct ValidateSession {
    /// The token. Required.
    pub session_token: Field<Secret>,
}

redacted!(ValidateSession, ValidateSessionResponse);
from_object!(ValidateSession { session_token: "session_token" });

/// The answer to a validation, status 200. The default is that of a token that is not good.
#[derive(Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ValidateSessionResponse {
    /// The token is good.
    pub is_valid: bool,
    /// The claims of the token; absent where it is not good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<Claims>,
    /// When the session ends unless it is used: never after the token does. Absent without an idle
    /// timeout.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "optional_date_time::serialize"
    )]
    pub idle_expires_at: Option<Timestamp>,
    /// Deprecated by Hanko: `claims.expiration`.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "optional_date_time::serialize"
    )]
    pub expiration_time: Option<Timestamp>,
    /// Deprecated by Hanko: `claims.subject`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<SubjectId>,
}
