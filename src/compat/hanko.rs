//! Hanko's Admin API: a signed token for a user (flow A).
//!
//! Build the issuer with [`Policy::hanko`](crate::Policy::hanko): tokens of 12 hours, 5 sessions a user, the oldest goes.
//! The token's audience is the issuer's: Hanko's default is the relying party's id, and a configured list replaces it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Profiles, exposed, redacted, uuid_subject};
use crate::{
    Issuer, NewSession,
    client::{ClientInfo, MAX_AGENT_CHARS},
    error::{Error, ErrorClass, ErrorKind, InvalidInput, Operation, Problem},
    id::{CreatorId, SubjectId},
    metadata::{HostClaims, RESERVED_CLAIMS},
    secret::Secret,
};

/// An error as Hanko answers it.
pub type ApiError = super::ApiError<ErrorBody>;

/// `POST /sessions`: a session for a user, and its token.
///
/// # Errors
/// 400 for each broken rule, joined with " and "; 404 `user not found`, also for one that may have no sessions; 500 when
/// a part did not answer. Nothing is stored then, and nothing evicted.
pub async fn create_session(
    service: &Service,
    caller: &Caller,
    request: CreateSession,
) -> Result<CreateSessionResponse, ApiError> {
    let Caller::Admin(admin) = caller;
    let (user, client) = service.checked(&request)?;
    let claims = service.claims(&user).await.map_err(refused)?;
    let new = NewSession::for_subject(user).client(client).claims(claims).creator(admin.clone());
    let issued = service.issuer.create(new).await.map_err(refused)?;
    Ok(CreateSessionResponse { session_token: issued.token().into() })
}

/// An issuer that answers as Hanko.
#[derive(Debug, Clone)]
pub struct Service {
    issuer: Issuer,
    profiles: Option<Arc<dyn Profiles<Profile>>>,
    acquire_ip_address: bool,
    acquire_user_agent: bool,
}

impl Service {
    /// This issuer, keeping addresses and user agents (Hanko's defaults), and without profiles.
    pub fn new(issuer: Issuer) -> Self {
        Self { issuer, profiles: None, acquire_ip_address: true, acquire_user_agent: true }
    }

    /// Where the claims about a user come from.
    #[must_use]
    pub fn profiles(mut self, profiles: impl Profiles<Profile> + 'static) -> Self {
        self.profiles = Some(Arc::new(profiles));
        self
    }

    /// Whether addresses are kept (`session.acquire_ip_address`). They are judged either way.
    #[must_use]
    pub fn acquire_ip_address(mut self, yes: bool) -> Self {
        self.acquire_ip_address = yes;
        self
    }

    /// Whether user agents are kept (`session.acquire_user_agent`).
    #[must_use]
    pub fn acquire_user_agent(mut self, yes: bool) -> Self {
        self.acquire_user_agent = yes;
        self
    }

    /// The user and the client of a request, or every rule that it breaks.
    fn checked(&self, request: &CreateSession) -> Result<(SubjectId, ClientInfo), ApiError> {
        let mut broken = Vec::new();
        let user_id = request.user_id.as_deref().unwrap_or_default();
        let user = uuid_subject(user_id);
        if user_id.is_empty() {
            broken.push("user_id is a required field".to_owned());
        } else if user.is_none() {
            broken.push("user_id must be a valid uuid".to_owned());
        }
        let mut client = ClientInfo::new();
        match client.clone().user_agent(request.user_agent.as_deref().unwrap_or_default()) {
            Ok(known) if self.acquire_user_agent => client = known,
            Ok(_) => {}
            Err(InvalidInput { problem: Problem::TooLong(_), .. }) => {
                broken
                    .push(format!("user_agent must be a maximum of {MAX_AGENT_CHARS} characters in length"));
            }
            Err(input) => broken.push(format!("user_agent {}", input.problem)),
        }
        match client.clone().ip_text(request.ip_address.as_deref().unwrap_or_default()) {
            Ok(known) if self.acquire_ip_address => client = known,
            Ok(_) => {}
            Err(_) => broken.push("ip_address must be a valid ip address (v4 or v6)".to_owned()),
        }
        user.filter(|_| broken.is_empty())
            .map(|user| (user, client))
            .ok_or_else(|| answer(400, broken.join(" and ")))
    }

    async fn claims(&self, user: &SubjectId) -> Result<HostClaims, Error> {
        let Some(profiles) = &self.profiles else { return Ok(HostClaims::new()) };
        let profile = profiles.profile(user).await;
        let profile = profile
            .map_err(|source| Error::new(ErrorKind::Unavailable, Operation::Create).with_source(source))?;
        profile.claims().map_err(|source| {
            Error::new(ErrorKind::InvalidConfiguration, Operation::Create).with_source(source)
        })
    }
}

/// Who calls Hanko.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caller {
    /// Whoever may use the Admin API; the name becomes the session's creator.
    Admin(CreatorId),
}

/// The body of `POST /sessions`.
#[derive(Clone, Default, Deserialize)]
#[non_exhaustive]
pub struct CreateSession {
    /// Whom the session is for: a hyphenated UUID. Required.
    pub user_id: Option<String>,
    /// The user agent: at most 1024 characters, without controls (ours; Hanko has no rule). Empty counts as none.
    pub user_agent: Option<String>,
    /// The address: IPv4 or IPv6. Empty counts as none.
    pub ip_address: Option<String>,
}

redacted!(CreateSession, Profile, Email);

/// The answer to `POST /sessions`, status 200.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct CreateSessionResponse {
    /// The session's token: a JWT.
    #[serde(serialize_with = "exposed")]
    pub session_token: Secret,
}

/// The body of an error: `{code, message}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ErrorBody {
    /// The HTTP status again.
    pub code: u16,
    /// One sentence; broken rules are joined with " and ".
    pub message: String,
}

/// What the host knows of a user, as Hanko's tokens tell it.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Profile {
    /// The primary email address; no `email` claim without one.
    pub email: Option<Email>,
    /// The user name; no `username` claim without one.
    pub username: Option<String>,
    /// Claims of the host's template (`session.jwt_template.claims`). Names that belong to Hanko or to JWT are ignored.
    pub custom: Map<String, Value>,
}

/// An email address, as the `email` claim has it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Email {
    /// The address.
    pub address: String,
    /// It is the user's primary one.
    pub is_primary: bool,
    /// The user has proved to read it.
    pub is_verified: bool,
}

impl Email {
    /// A primary address.
    pub fn primary(address: impl Into<String>, is_verified: bool) -> Self {
        Self { address: address.into(), is_primary: true, is_verified }
    }
}

impl Profile {
    /// The claims: `email`, `username`, and the template's own.
    ///
    /// # Errors
    /// When there is more than a token may carry: 4 KiB of JSON in all.
    pub fn claims(&self) -> Result<HostClaims, InvalidInput> {
        const OWN: [&str; 3] = ["email", "username", "session_id"];
        let mut claims = HostClaims::new();
        for (name, value) in &self.custom {
            if !OWN.contains(&name.as_str()) && !RESERVED_CLAIMS.contains(&name.as_str()) {
                claims = claims.with(name, value.clone())?;
            }
        }
        if let Some(Email { address, is_primary, is_verified }) = &self.email {
            let email = json!({ "address": address, "is_primary": is_primary, "is_verified": is_verified });
            claims = claims.with("email", email)?;
        }
        match &self.username {
            Some(username) => claims.with("username", username.as_str()),
            None => Ok(claims),
        }
    }
}

fn answer(code: u16, message: impl Into<String>) -> ApiError {
    ApiError::new(code, ErrorBody { code, message: message.into() })
}

/// How Hanko shows an error of the issuer.
fn refused(error: Error) -> ApiError {
    let shown = match error.kind() {
        ErrorKind::SubjectUnknown | ErrorKind::SubjectDisabled | ErrorKind::SubjectLocked => {
            answer(404, "user not found")
        }
        _ if error.class() == ErrorClass::Rejected => {
            let public = error.public();
            answer(public.http_status, public.message)
        }
        _ => answer(500, "Internal Server Error"),
    };
    shown.caused_by(error)
}
