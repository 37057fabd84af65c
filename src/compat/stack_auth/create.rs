//! `POST /auth/sessions`: a refresh token and an access token for a user.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::{
    ApiError, Caller, Service, answer, me_without_user, mistyped, profile::UserClaims, schema_error,
};
use crate::{
    NewSession,
    actor::ActorChain,
    compat::{Field, exposed, from_object, redacted, uuid_subject},
    error::{Error, ErrorKind, Operation},
    id::SubjectId,
    secret::Secret,
};

/// The longest a session may live: 367 days, in milliseconds.
pub const MAX_EXPIRES_IN_MILLIS: i64 = 31_708_800_000;

const ROUTE: &str = "POST /api/v1/auth/sessions";
const MILLIS: &str = "body.expires_in_millis";

impl Service {
    /// `POST /auth/sessions`: a refresh token and an access token for a user. Status 200.
    ///
    /// With `is_impersonation` the session carries who made it: it is not listed among the user's
    /// own, does not count against a cap, and ends when the operator's own session does.
    ///
    /// # Errors
    /// 401 `INSUFFICIENT_ACCESS_TYPE` for a client key; 400 `SCHEMA_ERROR` with every broken rule;
    /// 400 `CANNOT_GET_OWN_USER_WITHOUT_USER`; 400 `USER_ID_DOES_NOT_EXIST`, also for one that may
    /// have no sessions; 400 `INVALID_INPUT` for the reason of an impersonation or a client that
    /// breaks its rule; 500 when a part did not answer. Nothing is stored then.
    pub async fn create_session(
        &self,
        caller: &Caller,
        request: CreateSession,
    ) -> Result<CreateSessionResponse, ApiError> {
        let operator = caller.operator().ok_or_else(insufficient_access)?;
        let CheckedRequest { user, lifetime, is_impersonation } = checked(caller, &request)?;
        let shown = |error| user_error(error, &user);
        let mut new = match is_impersonation {
            true => {
                let chain = ActorChain::new(operator.clone(), &caller.reason);
                NewSession::impersonating(user.clone(), chain.map_err(|input| shown(input.into()))?)
            }
            false => NewSession::for_subject(user.clone()),
        };
        let UserClaims { kind, claims } =
            self.user_claims(&user, Operation::Create).await.map_err(shown)?;
        new = new.claims(claims.unwrap_or_default());
        if let Some(client) = &caller.client {
            new = new.client(client.clone());
        }
        if let Some(lifetime) = lifetime {
            new = new.lifetime(lifetime);
        }
        let issued = self.issuer_for(kind).create(new).await.map_err(shown)?;
        let refresh_token = issued.refresh_token().ok_or_else(|| {
            shown(
                Error::new(ErrorKind::InvalidConfiguration, Operation::Create)
                    .with_source("the issuer's policy hands out no refresh tokens"),
            )
        })?;
        Ok(CreateSessionResponse {
            refresh_token: refresh_token.into(),
            access_token: issued.token().into(),
        })
    }
}

/// The body of `POST /auth/sessions`.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct CreateSession {
    /// Whom the session is for: a hyphenated UUID, or `me`. Required.
    pub user_id: Field<String>,
    /// How long the session lives, in milliseconds: a whole number from 1 to 31 708 800 000 (367
    /// days); 365 days when absent.
    pub expires_in_millis: Field<f64>,
    /// The caller acts in the user's place; false when absent.
    pub is_impersonation: Field<bool>,
}

redacted!(CreateSession);
from_object!(CreateSession {
    user_id: "user_id",
    expires_in_millis: "expires_in_millis",
    is_impersonation: "is_impersonation"
});

/// The answer to `POST /auth/sessions`, status 200.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct CreateSessionResponse {
    /// Buys the next access token, until the session ends.
    #[serde(serialize_with = "exposed")]
    pub refresh_token: Secret,
    /// Proves the session for 10 minutes: a JWT.
    #[serde(serialize_with = "exposed")]
    pub access_token: Secret,
}

/// What a request asks for.
struct CheckedRequest {
    user: SubjectId,
    lifetime: Option<Duration>,
    is_impersonation: bool,
}

/// What a request asks for, or every rule that it breaks.
fn checked(caller: &Caller, request: &CreateSession) -> Result<CheckedRequest, ApiError> {
    let mut broken = Vec::new();
    let user = match request.user_id.strict() {
        // An impersonation would lose its actor here.
        Ok(Some(id)) if id == "me" => caller.user.clone().filter(|_| !caller.impersonates),
        Ok(Some(id)) => {
            let user = uuid_subject(id);
            if user.is_none() {
                broken.push("body.user_id must be a valid UUID".to_owned());
            }
            user
        }
        Ok(None) => {
            broken.push("body.user_id must be defined".to_owned());
            None
        }
        Err(got) => {
            broken.push(mistyped("body.user_id", "string", got));
            None
        }
    };
    let lifetime =
        request.expires_in_millis.strict().map_err(|got| mistyped(MILLIS, "number", got));
    let lifetime = lifetime.and_then(|millis| millis.copied().map(lifetime_of).transpose());
    let lifetime = lifetime.map_err(|rule| broken.push(rule)).unwrap_or_default();
    let impersonation = request.is_impersonation.strict();
    let impersonation =
        impersonation.map_err(|got| mistyped("body.is_impersonation", "boolean", got));
    let impersonation = impersonation.map_err(|rule| broken.push(rule)).unwrap_or_default();
    if !broken.is_empty() {
        return Err(schema_error(ROUTE, &broken));
    }
    let is_impersonation = impersonation.copied().unwrap_or_default();
    user.map(|user| CheckedRequest { user, lifetime, is_impersonation }).ok_or_else(me_without_user)
}

/// A lifetime of so many milliseconds, or the rule that it breaks.
fn lifetime_of(millis: f64) -> Result<Duration, String> {
    let rule = if millis > MAX_EXPIRES_IN_MILLIS as f64 {
        format!("less than or equal to {MAX_EXPIRES_IN_MILLIS}")
    } else if millis.is_finite() && millis.fract() != 0.0 {
        "an integer".to_owned()
    } else if millis < 1.0 {
        "greater than or equal to 1".to_owned()
    } else {
        return Ok(Duration::from_millis(millis as u64));
    };
    Err(format!("{MILLIS} must be {rule}"))
}

fn insufficient_access() -> ApiError {
    let error = "The x-stack-access-type header must be 'server' or 'admin', but was 'client'.";
    let details = [
        ("actual_access_type", json!("client")),
        ("allowed_access_types", json!(["server", "admin"])),
    ];
    answer(401, "INSUFFICIENT_ACCESS_TYPE", error, details)
}

/// How Stack Auth shows an error of the issuer about this user.
fn user_error(error: Error, user: &SubjectId) -> ApiError {
    match error.kind() {
        ErrorKind::SubjectUnknown | ErrorKind::SubjectDisabled | ErrorKind::SubjectLocked => {
            answer(
                400,
                "USER_ID_DOES_NOT_EXIST",
                format!("The given user with the ID {user} does not exist."),
                [("user_id", json!(user.as_str()))],
            )
            .caused_by(error)
        }
        _ => error.into(),
    }
}
