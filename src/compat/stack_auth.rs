//! Stack Auth: credentials for a user, by a server or an operator (flow B).
//!
//! Build the issuer with [`Policy::stack_auth`](crate::Policy::stack_auth): refresh tokens of 365 days that do not
//! rotate, access tokens of 10 minutes.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Profiles, exposed, redacted, uuid_subject};
use crate::{
    Issuer, NewSession, Timestamp,
    actor::{Actor, ActorChain},
    error::{Error, ErrorClass, ErrorKind, InvalidInput, Operation},
    id::SubjectId,
    metadata::HostClaims,
    secret::Secret,
};

/// The longest a session may live: 367 days, in milliseconds.
pub const MAX_EXPIRES_IN_MILLIS: i64 = 31_708_800_000;

/// An error as Stack Auth answers it.
pub type ApiError = super::ApiError<ErrorBody>;

/// `POST /auth/sessions`: a refresh token and an access token for a user.
///
/// With `is_impersonation` the session carries who made it: it is not listed among the user's own, does not count
/// against a cap, and ends when the operator's own session does.
///
/// # Errors
/// 401 `INSUFFICIENT_ACCESS_TYPE` for a client key; 400 `SCHEMA_ERROR` with every broken rule; 400
/// `CANNOT_GET_OWN_USER_WITHOUT_USER`; 400 `USER_ID_DOES_NOT_EXIST`, also for one that may have no sessions; 500 when a
/// part did not answer. Nothing is stored then.
pub async fn create_session(
    service: &Service,
    caller: &Caller,
    request: CreateSession,
) -> Result<CreateSessionResponse, ApiError> {
    let operator = caller.operator().ok_or_else(insufficient_access)?;
    let (user, lifetime) = checked(caller, &request)?;
    let refused = |error| refused(error, &user);
    let mut new = match request.is_impersonation.unwrap_or(false) {
        true => {
            let chain = ActorChain::new(operator.clone(), &caller.reason);
            NewSession::impersonating(user.clone(), chain.map_err(|input| refused(input.into()))?)
        }
        false => NewSession::for_subject(user.clone()),
    };
    new = new.claims(service.claims(&user).await.map_err(refused)?);
    if let Some(lifetime) = lifetime {
        new = new.lifetime(lifetime);
    }
    let issued = service.issuer.create(new).await.map_err(refused)?;
    let refresh_token = issued.refresh_token().ok_or_else(|| {
        refused(
            Error::new(ErrorKind::InvalidConfiguration, Operation::Create)
                .with_source("the issuer's policy hands out no refresh tokens"),
        )
    })?;
    Ok(CreateSessionResponse { refresh_token: refresh_token.into(), access_token: issued.token().into() })
}

/// An issuer that answers as Stack Auth.
#[derive(Debug, Clone)]
pub struct Service {
    issuer: Issuer,
    profiles: Option<Arc<dyn Profiles<Profile>>>,
    project: Option<(String, String)>,
}

impl Service {
    /// This issuer, for no project in particular, and without profiles.
    pub fn new(issuer: Issuer) -> Self {
        Self { issuer, profiles: None, project: None }
    }

    /// The claims `project_id` and `branch_id` of every access token.
    #[must_use]
    pub fn project(mut self, project_id: impl Into<String>, branch_id: impl Into<String>) -> Self {
        self.project = Some((project_id.into(), branch_id.into()));
        self
    }

    /// Where the claims about a user come from. Without it, tokens carry none.
    #[must_use]
    pub fn profiles(mut self, profiles: impl Profiles<Profile> + 'static) -> Self {
        self.profiles = Some(Arc::new(profiles));
        self
    }

    async fn claims(&self, user: &SubjectId) -> Result<HostClaims, Error> {
        let failed = |kind| move |source| Error::new(kind, Operation::Create).with_source(source);
        let mut claims = HostClaims::new();
        if let Some(profiles) = &self.profiles {
            let profile = profiles.profile(user).await;
            let profile = profile.map_err(|source| {
                Error::new(ErrorKind::Unavailable, Operation::Create).with_source(source)
            })?;
            claims = profile.claims().map_err(failed(ErrorKind::InvalidConfiguration))?;
        }
        if let Some((project, branch)) = &self.project {
            claims = claims
                .with("project_id", project.as_str())
                .and_then(|claims| claims.with("branch_id", branch.as_str()))
                .map_err(failed(ErrorKind::InvalidConfiguration))?;
        }
        Ok(claims)
    }
}

/// Who calls Stack Auth: with which key, as whom.
#[derive(Debug, Clone)]
pub struct Caller {
    access: Access,
    user: Option<SubjectId>,
    reason: String,
}

#[derive(Debug, Clone)]
enum Access {
    Client,
    Server(Actor),
    Admin(Actor),
}

impl Caller {
    /// With a publishable client key.
    pub fn client() -> Self {
        Self::with(Access::Client, "")
    }

    /// With a secret server key. The operator, or the server itself by a name of its own, stands behind impersonations.
    pub fn server(operator: Actor) -> Self {
        Self::with(Access::Server(operator), "server key")
    }

    /// With a super secret admin key, as this operator.
    pub fn admin(operator: Actor) -> Self {
        Self::with(Access::Admin(operator), "admin key")
    }

    /// Signed in as this user: whom `me` stands for.
    #[must_use]
    pub fn signed_in_as(mut self, user: SubjectId) -> Self {
        self.user = Some(user);
        self
    }

    /// Why the operator impersonates: 1 to 200 characters, such as a ticket's number.
    pub fn reason(mut self, reason: &str) -> Result<Self, InvalidInput> {
        crate::id::check_text("impersonation reason", reason)?;
        self.reason = reason.to_owned();
        Ok(self)
    }

    fn with(access: Access, reason: &str) -> Self {
        Self { access, user: None, reason: reason.to_owned() }
    }

    fn operator(&self) -> Option<&Actor> {
        match &self.access {
            Access::Client => None,
            Access::Server(operator) | Access::Admin(operator) => Some(operator),
        }
    }
}

/// The body of `POST /auth/sessions`.
#[derive(Clone, Default, Deserialize)]
#[non_exhaustive]
pub struct CreateSession {
    /// Whom the session is for: a hyphenated UUID, or `me`. Required.
    pub user_id: Option<String>,
    /// How long the session lives, in milliseconds. 1 to 31 708 800 000 (367 days); 365 days when absent.
    pub expires_in_millis: Option<i64>,
    /// The caller acts in the user's place; false when absent.
    pub is_impersonation: Option<bool>,
}

redacted!(CreateSession, ErrorBody, Profile);

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

/// The body of an error: `{code, details, error}`.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ErrorBody {
    /// The known error's name, in capitals.
    pub code: String,
    /// What the known error tells; absent for most.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
    /// One sentence for people.
    pub error: String,
}

/// What the host knows of a user, as Stack Auth's access tokens tell it.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// The display name; `null` without one.
    pub name: Option<String>,
    /// The primary email address; `null` without one.
    pub email: Option<String>,
    /// The user has proved to read it.
    pub email_verified: bool,
    /// The team that the user works in; `null` without one.
    pub selected_team_id: Option<String>,
    /// When the user signed up: told in seconds since the epoch; `null` when unknown.
    pub signed_up_at: Option<Timestamp>,
    /// The user has not signed up yet.
    pub is_anonymous: bool,
    /// Why the user may do little (`restricted_reason.type`); none for most.
    pub restricted_reason: Option<String>,
    /// The user must prove a one-time password before doing anything.
    pub requires_totp_mfa: bool,
}

impl Profile {
    /// The claims, in snake case.
    ///
    /// # Errors
    /// When there is more than a token may carry: 4 KiB of JSON in all.
    pub fn claims(&self) -> Result<HostClaims, InvalidInput> {
        let Self {
            name,
            email,
            email_verified,
            selected_team_id,
            signed_up_at,
            is_anonymous,
            restricted_reason,
            requires_totp_mfa,
        } = self;
        HostClaims::new()
            .with("role", "authenticated")?
            .with("name", name.as_deref())?
            .with("email", email.as_deref())?
            .with("email_verified", *email_verified)?
            .with("selected_team_id", selected_team_id.as_deref())?
            .with("signed_up_at", signed_up_at.map(Timestamp::as_secs))?
            .with("is_anonymous", *is_anonymous)?
            .with("is_restricted", restricted_reason.is_some())?
            .with("restricted_reason", restricted_reason.as_ref().map(|reason| json!({ "type": reason })))?
            .with("requires_totp_mfa", *requires_totp_mfa)
    }
}

/// The user and the lifetime of a request, or every rule that it breaks.
fn checked(caller: &Caller, request: &CreateSession) -> Result<(SubjectId, Option<Duration>), ApiError> {
    let mut broken = Vec::new();
    let user = match request.user_id.as_deref() {
        Some("me") => caller.user.clone(),
        Some(id) => {
            let user = uuid_subject(id);
            if user.is_none() {
                broken.push("body.user_id must be a valid UUID".to_owned());
            }
            user
        }
        None => {
            broken.push("body.user_id must be defined".to_owned());
            None
        }
    };
    let lifetime = match request.expires_in_millis {
        Some(millis) if millis > MAX_EXPIRES_IN_MILLIS => {
            broken.push(format!(
                "body.expires_in_millis must be less than or equal to {MAX_EXPIRES_IN_MILLIS}"
            ));
            None
        }
        Some(..=0) => {
            broken.push("body.expires_in_millis must be greater than or equal to 1".to_owned());
            None
        }
        Some(millis) => Some(Duration::from_millis(millis.unsigned_abs())),
        None => None,
    };
    if !broken.is_empty() {
        return Err(schema_error(&broken));
    }
    user.map(|user| (user, lifetime)).ok_or_else(|| {
        let error = "You have specified 'me' as a userId, but did not provide authentication for a user.";
        answer(400, "CANNOT_GET_OWN_USER_WITHOUT_USER", error, [])
    })
}

fn answer<const N: usize>(
    status: u16,
    code: impl Into<String>,
    error: impl Into<String>,
    details: [(&str, Value); N],
) -> ApiError {
    let details = details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    ApiError::new(status, ErrorBody { code: code.into(), details, error: error.into() })
}

fn insufficient_access() -> ApiError {
    let error = "The x-stack-access-type header must be 'server' or 'admin', but was 'client'.";
    let details =
        [("actual_access_type", json!("client")), ("allowed_access_types", json!(["server", "admin"]))];
    answer(401, "INSUFFICIENT_ACCESS_TYPE", error, details)
}

fn schema_error(broken: &[String]) -> ApiError {
    let rules: String = broken.iter().map(|rule| format!("\n  - {rule}")).collect();
    let error = format!("Request validation failed on POST /api/v1/auth/sessions:{rules}");
    answer(400, "SCHEMA_ERROR", error.as_str(), [("message", json!(error))])
}

/// How Stack Auth shows an error of the issuer about this user.
fn refused(error: Error, user: &SubjectId) -> ApiError {
    let shown = match error.kind() {
        ErrorKind::SubjectUnknown | ErrorKind::SubjectDisabled | ErrorKind::SubjectLocked => answer(
            400,
            "USER_ID_DOES_NOT_EXIST",
            format!("The given user with the ID {user} does not exist."),
            [("user_id", json!(user.as_str()))],
        ),
        _ if error.class() == ErrorClass::Rejected => {
            let public = error.public();
            answer(public.http_status, public.code.to_uppercase(), public.message, [])
        }
        _ => answer(500, "INTERNAL_SERVER_ERROR", "Something went wrong.", []),
    };
    shown.caused_by(error)
}
