//! Stack Auth's sessions: refresh and access tokens for a user, by a server or an operator (flow
//! B).
//!
//! Build the issuer with [`Policy::stack_auth`](crate::Policy::stack_auth): refresh tokens of 365
//! days that do not rotate, access tokens of 10 minutes. With
//! [`Policy::rotation`](crate::Policy::rotation)`(Rotation::default())` they rotate, and a refresh
//! answers the next one.
//!
//! | call | Stack Auth | who | success |
//! | --- | --- | --- | --- |
//! | [`create_session`](Service::create_session) | `POST /auth/sessions` | server, admin | 200 |
//! | [`refresh_session`](Service::refresh_session) | `POST /auth/sessions/current/refresh` | anyone with a refresh token | 200 |
//! | [`list_sessions`](Service::list_sessions) | `GET /auth/sessions` | client (its own), server, admin | 200 |
//! | [`delete_session`](Service::delete_session) | `DELETE /auth/sessions/{id}` | client (its own), server, admin | 200 |
//! | [`sign_out`](Service::sign_out) | `DELETE /auth/sessions/current` | anyone with a token | 200 |
//! | [`check_access_token`](Service::check_access_token) | what stands before every endpoint | anyone with an access token | |
//! | [`password_changed`](Service::password_changed), [`password_reset`](Service::password_reset), [`user_deleted`](Service::user_deleted) | what its own endpoints do to sessions | the host | |
//! | [`TokenRefresh::of`] | event `$token-refresh` | an event sink | |
//!
//! What happens at each call, and where we differ from Stack Auth:
//! [`guide::flows`](crate::guide::flows).
//!
//! # Kinds of users
//! An [`Issuer`] has one name and one audience. Where anonymous and restricted users shall have
//! their own, the host builds three issuers over **one** store, one policy and one ring of token
//! keys, and gives the other two to [`Service::kinds`]. A session belongs to none of the three: a
//! user who signs up has a regular token at the next refresh. Each keeps its own view of the
//! revocation log: where a check asks for `Freshness::AtMost`,
//! [`sync_revocations`](crate::Issuer::sync_revocations) is called on each. Without kinds, all
//! tokens have one audience, and their claims name the kind.
//!
//! # Algorithms
//! Stack Auth signs ES256. Here the [`KeyRing`](crate::signer::KeyRing) that the host builds
//! decides: ES256 with the feature `aws-lc-rs` or `rust-crypto`, HS256 without. Each of three
//! issuers may have a ring of its own, as there.
//!
//! # Examples
//! ```
//! use session_issuer::{
//!     Issuer, Policy, actor::Actor, compat::stack_auth::{Caller, Service, UserKind},
//!     entropy::{Entropy, SystemEntropy}, id::SubjectId, policy::Freshness, signer::KeyRing,
//!     store::MemoryStore, token::TokenKeys,
//! };
//!
//! # pollster::block_on(async {
//! # let mut secret = [0; 32];
//! # SystemEntropy.fill(&mut secret)?;
//! let store = std::sync::Arc::new(MemoryStore::new());
//! let keys = TokenKeys::generate(&SystemEntropy)?;
//! let ring = KeyRing::hs256("k1", &secret)?;
//! let issuer = |kind: UserKind| {
//!     Issuer::builder()
//!         .store(store.clone())
//!         .token_keys(keys.clone())
//!         .signer(ring.clone())
//!         .policy(Policy::stack_auth())
//!         .name(kind.issuer_name("https://api.example/api/v1", "project-1"))
//!         .audience(kind.audience("project-1"))
//!         .build()
//! };
//! let service = Service::new(issuer(UserKind::Regular)?)
//!     .kinds(issuer(UserKind::Anonymous)?, issuer(UserKind::Restricted)?)
//!     .project("project-1", "main");
//!
//! let server = Caller::server(Actor::new(SubjectId::new("support")?));
//! let request = serde_json::from_str(r#"{"user_id": "d654e6ba-70a3-48ef-a95d-37c8d8a7901a"}"#)?;
//! let created = service.create_session(&server, request).await?;
//!
//! let client = Caller::client();
//! let refreshed = service.refresh_session(&client, created.refresh_token.expose()).await?;
//! let token = refreshed.access_token.expose();
//! let checked = service.check_access_token(token, Freshness::Store).await?;
//!
//! let client = client.signed_in_with(&checked);
//! let mine = serde_json::from_str(r#"{"user_id": "me"}"#)?;
//! let listed = service.list_sessions(&client, mine).await?;
//! assert!(listed.items[0].is_current_session);
//!
//! service.sign_out(token).await?;
//! let refused = service.refresh_session(&client, created.refresh_token.expose()).await;
//! assert_eq!(refused.unwrap_err().body.code, "REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod access_token;
mod account;
mod caller;
mod create;
mod profile;
mod refresh;
mod sessions;
mod token_refresh;

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

pub use self::{
    access_token::AccessToken,
    caller::Caller,
    create::{CreateSession, CreateSessionResponse, MAX_EXPIRES_IN_MILLIS},
    profile::{Profile, UserKind},
    refresh::RefreshSessionResponse,
    sessions::{IpInfo, ListSessions, ListSessionsResponse, SessionItem},
    token_refresh::TokenRefresh,
};
use super::{JsonType, Profiles, redacted};
use crate::{
    Issuer,
    error::{Error, ErrorClass, ErrorKind},
};

/// An error as Stack Auth answers it.
pub type ApiError = super::ApiError<ErrorBody>;

/// An issuer that answers as Stack Auth.
#[derive(Debug, Clone)]
pub struct Service {
    issuer: Issuer,
    kinds: Option<Arc<Kinds>>,
    profiles: Option<Arc<dyn Profiles<Profile>>>,
    project: Option<(String, String)>,
}

/// Who issues tokens for users of other kinds.
#[derive(Debug)]
struct Kinds {
    anonymous: Issuer,
    restricted: Issuer,
}

impl Service {
    /// This issuer, for every kind of user, for no project in particular, and without profiles.
    pub fn new(issuer: Issuer) -> Self {
        Self { issuer, kinds: None, profiles: None, project: None }
    }

    /// Who issues the access tokens of anonymous and of restricted users: issuers over the same
    /// store, with the same policy and token keys, whose names and audiences are
    /// [theirs](UserKind::audience).
    #[must_use]
    pub fn kinds(mut self, anonymous: Issuer, restricted: Issuer) -> Self {
        self.kinds = Some(Arc::new(Kinds { anonymous, restricted }));
        self
    }

    /// The claims `project_id` and `branch_id` of every access token.
    #[must_use]
    pub fn project(mut self, project_id: impl Into<String>, branch_id: impl Into<String>) -> Self {
        self.project = Some((project_id.into(), branch_id.into()));
        self
    }

    /// Where the claims about a user come from: asked at every creation and every refresh. Without
    /// it, tokens carry none.
    #[must_use]
    pub fn profiles(mut self, profiles: impl Profiles<Profile> + 'static) -> Self {
        self.profiles = Some(Arc::new(profiles));
        self
    }
}

/// The answer of a call that has nothing to say: `{"success": true}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Success {
    /// True.
    pub success: bool,
}

impl Default for Success {
    fn default() -> Self {
        Self { success: true }
    }
}

/// The body of an error: `{code, details, error}`.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ErrorBody {
    /// The known error's name, in capitals; empty, and left out, for those that Stack Auth answers
    /// as plain text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// The details of the known error; absent for most.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
    /// One sentence for people.
    pub error: String,
}

redacted!(ErrorBody);

fn answer<const N: usize>(
    status: u16,
    code: impl Into<String>,
    error: impl Into<String>,
    details: [(&str, Value); N],
) -> ApiError {
    let details = details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    ApiError::new(status, ErrorBody { code: code.into(), details, error: error.into() })
}

/// An error that Stack Auth answers as plain text.
fn plain(status: u16, text: &str) -> ApiError {
    answer(status, "", text, [])
}

fn schema_error(route: &str, broken: &[String]) -> ApiError {
    let rules: String = broken.iter().map(|rule| format!("\n  - {rule}")).collect();
    let error = format!("Request validation failed on {route}:{rules}");
    answer(400, "SCHEMA_ERROR", error.as_str(), [("message", json!(error))])
}

/// The rule that a value of another type breaks.
fn mistyped(path: &str, wanted: &str, got: JsonType) -> String {
    match got {
        JsonType::Null => format!("{path} cannot be null"),
        _ => format!("{path} must be a `{wanted}` type"),
    }
}

fn me_without_user() -> ApiError {
    let error =
        "You have specified 'me' as a userId, but did not provide authentication for a user.";
    answer(400, "CANNOT_GET_OWN_USER_WITHOUT_USER", error, [])
}

/// The one public answer to everything that is wrong with a refresh token, its session or its user.
fn session_over(error: Error) -> ApiError {
    match error.class() {
        // What the host brought along was refused, and the token may still be good.
        ErrorClass::Rejected if error.kind() != ErrorKind::InvalidInput => {
            let text = "Refresh token not found for this project, or the session has expired/been revoked.";
            answer(401, "REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED", text, []).caused_by(error)
        }
        _ => error.into(),
    }
}

/// An error of the issuer, as Stack Auth shows it.
impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let shown = match error.class() {
            ErrorClass::Rejected => {
                let public = error.public();
                answer(public.http_status, public.code.to_uppercase(), public.message, [])
            }
            _ => answer(500, "INTERNAL_SERVER_ERROR", "Something went wrong.", []),
        };
        shown.caused_by(error)
    }
}
