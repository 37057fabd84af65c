//! Hanko's sessions: a signed token for a user, validated, listed, revoked (flow A).
//!
//! Build the issuer with [`Policy::hanko`](crate::Policy::hanko): tokens of 12 hours, 5 sessions a
//! user, the oldest goes. The token's audience is the issuer's: Hanko's default is the relying
//! party's id, and a configured list replaces it.
//!
//! | call | Hanko | who | success |
//! | --- | --- | --- | --- |
//! | [`create_session`](Service::create_session) | `POST /sessions` | admin | 200 |
//! | [`list_sessions`](Service::list_sessions) | `GET /users/{user_id}/sessions` | admin | 200 |
//! | [`delete_session`](Service::delete_session) | `DELETE /users/{user_id}/sessions/{session_id}` | admin | 204 |
//! | [`delete_user_sessions`](Service::delete_user_sessions) | part of `DELETE /users/{user_id}` | admin | 204 |
//! | [`validate_session`](Service::validate_session) | `GET /sessions/validate` | anyone with a token | 200 |
//! | [`validate_session_from_body`](Service::validate_session_from_body) | `POST /sessions/validate` | anyone with a token | 200 |
//! | [`authenticate`](Service::authenticate) | what stands before the public API | anyone with a token | |
//! | [`profile_sessions`](Service::profile_sessions), [`profile_delete_session`](Service::profile_delete_session) | the profile's list, `session_delete` | user | 200, 204 |
//! | [`logout`](Service::logout) | `POST /logout` | anyone with a token | 204 |
//! | [`SessionDeleted::of`] | webhooks `session.delete.*` | an event sink | |
//!
//! Finding the bearer token and the cookie in a request, and writing the cookie, is the host's.
//! What happens at each call, and where we differ from Hanko:
//! [`guide::flows`](crate::guide::flows).
//!
//! # Algorithms
//! Hanko signs RS256. Here, the [`KeyRing`](crate::signer::KeyRing) that the host builds decides:
//! RS256 with the feature `aws-lc-rs`, ES256 and EdDSA with that or `rust-crypto`, HS256 without
//! either. The newest key signs and all of them verify, as there. What `GET /.well-known/jwks.json`
//! answers is [`KeyRing::jwks`](crate::signer::KeyRing::jwks):
//! `serde_json::to_string(&ring.jwks(issuer.now()))`.
//!
//! # Examples
//! ```
//! use session_issuer::{
//!     Issuer, Policy, compat::hanko::{Caller, Service}, entropy::{Entropy, SystemEntropy},
//!     id::CreatorId, signer::KeyRing, store::MemoryStore, token::TokenKeys,
//! };
//!
//! # pollster::block_on(async {
//! # let mut secret = [0; 32];
//! # SystemEntropy.fill(&mut secret)?;
//! let issuer = Issuer::builder()
//!     .store(MemoryStore::new())
//!     .token_keys(TokenKeys::generate(&SystemEntropy)?)
//!     .signer(KeyRing::hs256("k1", &secret)?)
//!     .name("https://id.example")
//!     .audience("rp.example")
//!     .policy(Policy::hanko())
//!     .build()?;
//! let (service, admin) = (Service::new(issuer), Caller::Admin(CreatorId::new("admin-api")?));
//! let alice = "d654e6ba-70a3-48ef-a95d-37c8d8a7901a";
//!
//! let request = serde_json::from_str(&format!(r#"{{"user_id": "{alice}"}}"#))?;
//! let created = service.create_session(&admin, request).await?;
//! let cookie = created.session_token.expose();
//!
//! // The header's token is bad, the cookie's is good:
//! let answer = service.validate_session(&["nonsense", cookie]).await?;
//! assert_eq!(answer.claims.unwrap().audience, ["rp.example"]);
//!
//! assert_eq!(service.list_sessions(&admin, alice).await?.len(), 1);
//! let deleted = service.logout(&[cookie]).await?;
//! assert_eq!((deleted.name.as_str(), deleted.max_age), ("hanko", -1));
//! let answer = service.validate_session(&[cookie]).await?;
//! assert_eq!(serde_json::to_string(&answer)?, r#"{"is_valid":false}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod claims;
mod create;
mod logout;
mod sessions;
mod validate;
mod webhook;

use std::sync::Arc;

use serde::Serialize;

pub use self::{
    claims::{Claims, Email, Profile},
    create::{CreateSession, CreateSessionResponse},
    logout::DeletedCookie,
    sessions::{ProfileSession, SessionRow},
    validate::{ValidateSession, ValidateSessionResponse},
    webhook::{SessionDeleted, SessionDeletedKind},
};
use super::{Field, JsonType, Profiles};
use crate::{
    Issuer,
    actor::ActorChain,
    error::{Error, ErrorClass, ErrorKind, Operation},
    id::{CreatorId, SessionId, SubjectId},
    metadata::HostClaims,
};

/// An error as Hanko answers it.
pub type ApiError = super::ApiError<ErrorBody>;

/// An issuer that answers as Hanko.
#[derive(Debug, Clone)]
pub struct Service {
    issuer: Issuer,
    profiles: Option<Arc<dyn Profiles<Profile>>>,
    acquire_ip_address: bool,
    acquire_user_agent: bool,
    allow_revocation: bool,
    cookie_name: String,
}

impl Service {
    /// This issuer, with Hanko's defaults: addresses and user agents are kept, users may revoke,
    /// the cookie is `hanko`. Without profiles.
    pub fn new(issuer: Issuer) -> Self {
        Self {
            issuer,
            profiles: None,
            acquire_ip_address: true,
            acquire_user_agent: true,
            allow_revocation: true,
            cookie_name: "hanko".to_owned(),
        }
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

    /// Whether users may end their other sessions (`session.allow_revocation`).
    #[must_use]
    pub fn allow_revocation(mut self, yes: bool) -> Self {
        self.allow_revocation = yes;
        self
    }

    /// The name of the cookie that carries the token (`session.cookie.name`).
    #[must_use]
    pub fn cookie_name(mut self, name: impl Into<String>) -> Self {
        self.cookie_name = name.into();
        self
    }

    async fn claims(&self, user: &SubjectId) -> Result<HostClaims, Error> {
        let Some(profiles) = &self.profiles else { return Ok(HostClaims::new()) };
        let profile = profiles.profile(user).await;
        let profile = profile.map_err(|source| {
            Error::new(ErrorKind::Unavailable, Operation::Create).with_source(source)
        })?;
        profile.claims().map_err(|source| {
            Error::new(ErrorKind::InvalidConfiguration, Operation::Create).with_source(source)
        })
    }
}

/// Who calls Hanko.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caller {
    /// Whoever may use the Admin API; the name becomes the session's creator, and stands in events.
    Admin(CreatorId),
    /// A user, in a session that was checked: [`authenticate`](Service::authenticate) makes it.
    User {
        /// The user.
        user: SubjectId,
        /// The session that the user is in.
        session: SessionId,
        /// Who acts in the user's place there, and why; none for the user.
        actors: Option<ActorChain>,
    },
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

fn answer(code: u16, message: impl Into<String>) -> ApiError {
    ApiError::new(code, ErrorBody { code, message: message.into() })
}

/// A field that holds a text; empty where it is absent or `null`.
fn text<'a>(name: &str, field: &'a Field<String>) -> Result<&'a str, ApiError> {
    let given = field.nullable().map_err(|got| mistyped(name, got))?;
    Ok(given.map(String::as_str).unwrap_or_default())
}

/// In the words of the library that reads Hanko's bodies.
fn mistyped(field: &str, got: JsonType) -> ApiError {
    let got = match got {
        JsonType::Null => "null",
        JsonType::Boolean => "bool",
        JsonType::Number => "number",
        JsonType::String => "string",
        JsonType::Array => "array",
        JsonType::Object => "object",
    };
    answer(400, format!("Unmarshal type error: expected=string, got={got}, field={field}"))
}

fn forbidden() -> ApiError {
    answer(403, "Forbidden")
}

/// An error of the issuer, as Hanko shows it.
impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
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
}
