//! Access tokens: whether one is good, for which kind of user, and why not.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{ApiError, Service, UserKind, answer, session_over};
use crate::{
    Requirement,
    compat::redacted,
    error::{Error, ErrorClass, ErrorKind, Operation},
    id::{SessionId, SubjectId},
    issuer::Checked,
    metadata::HostClaims,
    policy::{Freshness, Noting},
    session::Session,
    token::VerifiedClaims,
};

impl Service {
    /// Says whether an access token is good, and whose it is.
    ///
    /// `Freshness::Stateless` is Stack Auth's way: a session that was signed out of is good until
    /// its access token expires. `Freshness::Store` refuses it at once. Either way the user must
    /// still be there.
    ///
    /// # Errors
    /// 401 `ACCESS_TOKEN_EXPIRED`: refresh; 401 `UNPARSABLE_ACCESS_TOKEN` for what is malformed,
    /// forged, for somebody else, or names another kind of user than it is for; 401
    /// `REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED` for a session that is over, as the store has it, and
    /// for a user that is gone; 500 when a part did not answer.
    pub async fn check_access_token(
        &self,
        token: &str,
        freshness: Freshness,
    ) -> Result<AccessToken, ApiError> {
        let need = Requirement::new().freshness(freshness).noting(Noting::ArrivalOnly);
        let mut failed = None;
        for (kind, issuer) in self.issuers() {
            match issuer.check(token, &need).await {
                Ok(checked) => return self.believed(kind, &checked).await,
                // It may be for another kind of user.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::InvalidToken | ErrorKind::WrongAudience
                    ) =>
                {
                    failed = failed.or(Some(error));
                }
                Err(error) => return Err(access_error(error, token)),
            }
        }
        let failed =
            failed.unwrap_or_else(|| Error::new(ErrorKind::InvalidToken, Operation::Check));
        // A token that is good by itself, of a session that nobody knows any more.
        if self.issuers().any(|(_, issuer)| issuer.verify(token).is_ok()) {
            return Err(session_over(failed));
        }
        Err(access_error(failed, token))
    }
}

/// An access token that was good when it was checked.
#[derive(Clone, PartialEq)]
pub struct AccessToken {
    user: SubjectId,
    session: SessionId,
    kind: UserKind,
    is_impersonation: bool,
    claims: HostClaims,
}

redacted!(AccessToken);

impl AccessToken {
    /// The user (`sub`).
    pub fn user(&self) -> &SubjectId {
        &self.user
    }

    /// The session (`refresh_token_id`).
    pub fn session_id(&self) -> SessionId {
        self.session
    }

    /// The kind of user. Stack Auth's own endpoints refuse all but regular ones unless they are
    /// asked not to.
    pub fn kind(&self) -> UserKind {
        self.kind
    }

    /// True when somebody else acts in the user's place.
    pub fn is_impersonation(&self) -> bool {
        self.is_impersonation
    }

    /// The claims about the user: `name`, `email`, and so on.
    pub fn claims(&self) -> &HostClaims {
        &self.claims
    }
}

impl Service {
    /// What a good token says, if it agrees with whom it is for, and its user is still there.
    async fn believed(
        &self,
        kind: Option<UserKind>,
        checked: &Checked,
    ) -> Result<AccessToken, ApiError> {
        let stored = || checked.session().and_then(|view| view.session()).and_then(Session::claims);
        let claims = checked.claims().map(VerifiedClaims::host).or_else(stored);
        let claims = claims.cloned().unwrap_or_default();
        let claimed = kind_of(&claims);
        let kind = match (kind, claimed) {
            (None, Some(claimed)) => claimed,
            (Some(kind), Some(claimed)) if kind == claimed => kind,
            _ => return Err(unparsable()),
        };
        let user = checked.subject().map_err(|_| unparsable())?.clone();
        self.issuer.profile(&user).await.map_err(session_over)?;
        let (session, is_impersonation) = (checked.session_id(), checked.is_impersonation());
        Ok(AccessToken { user, session, kind, is_impersonation, claims })
    }
}

/// The kind of user that the claims name; none where they contradict each other.
fn kind_of(claims: &HostClaims) -> Option<UserKind> {
    let flag = |name: &str| match claims.get(name) {
        None => Some(false),
        Some(value) => value.as_bool(),
    };
    let has_reason = claims.get("restricted_reason").is_some_and(|reason| !reason.is_null());
    match (flag("is_anonymous")?, flag("is_restricted")?) {
        (_, is_restricted) if is_restricted != has_reason => None,
        (true, true) => Some(UserKind::Anonymous),
        (true, false) => None,
        (false, true) => Some(UserKind::Restricted),
        (false, false) => Some(UserKind::Regular),
    }
}

/// How Stack Auth shows why an access token is not good.
fn access_error(error: Error, token: &str) -> ApiError {
    match error.kind() {
        ErrorKind::TokenExpired | ErrorKind::RefreshRequired => expired(token).caused_by(error),
        ErrorKind::MalformedToken
        | ErrorKind::InvalidToken
        | ErrorKind::WrongAudience
        | ErrorKind::WrongTokenKind => unparsable().caused_by(error),
        _ if error.class() == ErrorClass::Rejected => session_over(error),
        _ => error.into(),
    }
}

fn unparsable() -> ApiError {
    answer(401, "UNPARSABLE_ACCESS_TOKEN", "Access token is not parsable.", [])
}

/// The signature of such a token has held, so its claims are what was signed.
fn expired(token: &str) -> ApiError {
    let payload = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Value =
        payload.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
    let claim = |name: &str| claims.get(name).cloned().unwrap_or_default();
    let expired_at = claims.get("exp").and_then(Value::as_i64).map(|exp| exp.saturating_mul(1000));
    let details = [
        ("expired_at_millis", json!(expired_at)),
        ("project_id", claim("project_id")),
        ("user_id", claim("sub")),
        ("refresh_token_id", claim("refresh_token_id")),
    ];
    let error = "Access token has expired. Please refresh it and try again.";
    answer(401, "ACCESS_TOKEN_EXPIRED", error, details)
}
