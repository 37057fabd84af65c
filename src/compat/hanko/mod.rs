//! Hanko's sessions: a signed token for a user, validated, listed, revoked (flow A).
//!
//! Build the issuer with [`Policy::hanko`](crate::Policy::hanko): tokens of 12 hours, 5 sessions a user, the oldest goes.
//! The token's audience is the issuer's: Hanko's default is the relying party's id, and a configured list replaces it.
//!
//! | call | Hanko | who | success |
//! | --- | --- | --- | --- |
//! | [`create_session`] | `POST /sessions` | admin | 200 |
//! | [`list_sessions`] | `GET /users/{user_id}/sessions` | admin | 200 |
//! | [`delete_session`] | `DELETE /users/{user_id}/sessions/{session_id}` | admin | 204 |
//! | [`delete_user_sessions`] | part of `DELETE /users/{user_id}` | admin | 204 |
//! | [`validate_session`] | `GET /sessions/validate` | anyone with a token | 200 |
//! | [`validate_session_from_body`] | `POST /sessions/validate` | anyone with a token | 200 |
//! | [`authenticate`] | what stands before the public API | anyone with a token | |
//! | [`profile_sessions`], [`profile_delete_session`] | the profile's list, `session_delete` | user | 200, 204 |
//! | [`logout`] | `POST /logout` | anyone with a token | 204 |
//! | [`SessionDeleted::of`] | webhooks `session.delete.*` | an event sink | |
//!
//! Finding the bearer token and the cookie in a request, and writing the cookie, is the host's.
//!
//! # Algorithms
//! Hanko signs RS256. Here, the [`KeyRing`](crate::signer::KeyRing) that the host builds decides: RS256 with the feature
//! `aws-lc-rs`, ES256 and EdDSA with that or `rust-crypto`, HS256 without either. The newest key signs and all of them
//! verify, as there. What `GET /.well-known/jwks.json` answers is
//! [`KeyRing::jwks`](crate::signer::KeyRing::jwks): `serde_json::to_string(&ring.jwks(issuer.now()))`.
//!
//! # What it does, and what we do
//! | Hanko | here | why |
//! | --- | --- | --- |
//! | RS256 | the key ring's algorithm | HS256 needs no C compiler; the host chooses |
//! | session ids are UUIDs of version 4 | version 7; any UUID is read, and another version's is not found | ids in order of time |
//! | verifies signature and time alone | issuer, audience and tenant too | a token for somebody else is not good here |
//! | `iss` only when configured | always | the verifier needs it |
//! | `amr`: `pwd`, `passkey`, `otp`, `totp`, `security_key`, `ext` | the values of RFC 8176: `totp` is `otp`, several are `mfa` too | one vocabulary for all five systems |
//! | a template's claim that fails is skipped | 500, and the cause names the rule | a token without a claim that a host relies on is worse |
//! | a template may plant `email`, `username` or `iss` where the user has none | never | they would be believed |
//! | evicts, then inserts | one act | a failed insert logs nobody out |
//! | a limit of 0 panics | refused when the issuer is built | |
//! | user agents of any length | at most 1024 characters, without controls | rows are bounded |
//! | disabled and locked users are not known to it | as unknown ones: 404 | |
//! | idle: over when `now - last_used` exceeds the timeout | over when it reaches it | one rule for every end |
//! | validation by header or cookie deletes an idle session | it writes nothing; by body, it ends it; a sweep tells of the rest | a read does not delete |
//! | expired rows stay for ever, and nobody is told | swept, and told as `session.delete.passive.expire` | rows are bounded |
//! | idle sessions are listed | they are not | they are no longer good |
//! | a store that fails is 500 for one credential | the next one is tried first | a good token should answer |
//! | malformed claims under a good signature: 400 | `is_valid: false` | they are not ours |
//! | the middleware writes `last_used` at every call | [`authenticate`] does at most every minute, and ten times an idle timeout ([`Policy::touch_every`](crate::Policy::touch_every)); validation by body always does | requests stay cheap |
//! | a password change ends nothing | nor here; a host that wants it calls [`Issuer::credential_changed`](crate::Issuer::credential_changed) | |
//! | the profile names the browser and its system | `user_agent` is the raw one | no parser of user agents |
//! | a second logout is 401 | 204, also with an expired token | whoever logs out twice is logged out |
//! | the webhook's `exp` is the token's | an instant that is never earlier | what was signed before the end stays bounded by it |
//! | `tenant_id` in rows | left out | a handle speaks for one tenant |
//!
//! # Examples
//! ```
//! use session_issuer::{
//!     Issuer, Policy, compat::hanko::{self, Caller, Service}, entropy::{Entropy, SystemEntropy}, id::CreatorId,
//!     signer::KeyRing, store::MemoryStore, token::TokenKeys,
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
//! let created = hanko::create_session(&service, &admin, request).await?;
//! let cookie = created.session_token.expose();
//!
//! // The header's token is bad, the cookie's is good:
//! let answer = hanko::validate_session(&service, &["nonsense", cookie]).await?;
//! assert_eq!(answer.claims.unwrap().audience, ["rp.example"]);
//!
//! assert_eq!(hanko::list_sessions(&service, &admin, alice).await?.len(), 1);
//! let deleted = hanko::logout(&service, &[cookie]).await?;
//! assert_eq!((deleted.name.as_str(), deleted.max_age), ("hanko", -1));
//! let answer = hanko::validate_session(&service, &[cookie]).await?;
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
    create::{CreateSession, CreateSessionResponse, create_session},
    logout::{DeletedCookie, logout},
    sessions::{
        ProfileSession, SessionRow, delete_session, delete_user_sessions, list_sessions,
        profile_delete_session, profile_sessions,
    },
    validate::{
        ValidateSession, ValidateSessionResponse, authenticate, validate_session, validate_session_from_body,
    },
    webhook::{SessionDeleted, SessionDeletedKind},
};
use super::Profiles;
use crate::{
    Issuer,
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
    /// This issuer, with Hanko's defaults: addresses and user agents are kept, users may revoke, the cookie is `hanko`.
    /// Without profiles.
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
    /// Whoever may use the Admin API; the name becomes the session's creator, and stands in events.
    Admin(CreatorId),
    /// A user, in a session that was checked: [`authenticate`] makes it.
    User {
        /// The user.
        user: SubjectId,
        /// The session that the user is in.
        session: SessionId,
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

fn forbidden() -> ApiError {
    answer(403, "Forbidden")
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
