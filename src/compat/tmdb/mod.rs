//! TMDB's authentication: an approved request token for a session, once (flow D).
//!
//! Build the issuer with [`Policy::tmdb`](crate::Policy::tmdb): request tokens of 60 minutes,
//! sessions without an end. It needs a [`FactorVerifier`](crate::verifier::FactorVerifier) for
//! [`validate_with_login`](Service::validate_with_login) alone, and a
//! [`SubjectDirectory`](crate::verifier::SubjectDirectory) to know who may not approve any more.
//!
//! | TMDB | handler | who calls |
//! | --- | --- | --- |
//! | `GET /3/authentication/token/new` | [`create_request_token`](Service::create_request_token) | app |
//! | `GET /authenticate/{token}` (a page) | [`read_request_token`](Service::read_request_token), [`approve_request_token`](Service::approve_request_token), [`deny_request_token`](Service::deny_request_token) | user |
//! | `POST /3/authentication/token/validate_with_login` | [`validate_with_login`](Service::validate_with_login) | app |
//! | `POST /3/authentication/session/new` | [`create_session`](Service::create_session) | app |
//! | `GET /3/authentication/guest_session/new` | [`create_guest_session`](Service::create_guest_session) | app |
//! | `DELETE /3/authentication/session` | [`delete_session`](Service::delete_session) | app |
//! | `POST /3/authentication/session/convert/4` | [`Service::v4`], [`convert_session`](v4::V4::convert_session) | app |
//! | `POST /4/auth/request_token`, `POST` and `DELETE /4/auth/access_token` | [`Service::v4`] | app |
//! | every route that takes a `session_id` | [`check_session`](Service::check_session) | app |
//!
//! A request is read from JSON by serde, or from a query by its `from_query`: clients send some of
//! them either way. What happens at each call, and where we differ from TMDB:
//! [`guide::flows`](crate::guide::flows).
//!
//! A session must not be [updated](crate::Issuer::update): that gives it another token, and its app
//! has only the first.
//!
//! # Examples
//! ```
//! use session_issuer::{
//!     Issuer, Policy, entropy::SystemEntropy, id::{AppId, SubjectId}, store::MemoryStore,
//!     compat::tmdb::{
//!         self, Caller, CheckSession, CreateSession, DecideRequestToken, DeleteSession,
//!     },
//!     token::TokenKeys,
//! };
//!
//! # pollster::block_on(async {
//! let issuer = Issuer::builder()
//!     .store(MemoryStore::new())
//!     // A real host loads a secret that outlives the process.
//!     .token_keys(TokenKeys::generate(&SystemEntropy)?)
//!     .policy(Policy::tmdb())
//!     .build()?;
//! let service = tmdb::Service::new(issuer);
//! // The host knows the app by its API key, and the user by the login of its own pages.
//! let app = Caller::app(AppId::new("film-club")?);
//! let user = Caller::user(SubjectId::new("alice")?);
//!
//! let opened = service.create_request_token(&app).await?;
//! let token = opened.request_token.expose();
//! let early = service.create_session(&app, CreateSession::new(token)).await.unwrap_err();
//! assert_eq!((early.status, early.body.status_code), (422, 41)); // not approved yet
//!
//! let asked = DecideRequestToken::new(token).redirect_to("https://film.club/done");
//! let page = service.approve_request_token(&user, asked).await?;
//! assert_eq!(page.redirect_to.as_deref(), Some("https://film.club/done"));
//!
//! let session = service.create_session(&app, CreateSession::new(token)).await?;
//! let id = session.session_id.expose();
//! let access = service.check_session(&app, CheckSession::user(id)).await?;
//! assert_eq!(access.user()?.as_str(), "alice");
//!
//! service.delete_session(&app, DeleteSession::new(id)).await?;
//! let gone = service.delete_session(&app, DeleteSession::new(id)).await.unwrap_err();
//! assert_eq!((gone.status, gone.body.status_code), (404, 37));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod request_token;
mod session;
mod status;
pub mod v4;
mod wire;

use std::time::Duration;

use crate::{
    Issuer,
    id::{AppId, SubjectId},
    session::Epoch,
};

pub use self::{
    request_token::{DecideRequestToken, RequestTokenPage, ValidateWithLogin},
    session::{CheckSession, Scope, SessionAccess},
    status::{ErrorBody, Status},
    wire::{
        CreateGuestSessionResponse, CreateRequestTokenResponse, CreateSession,
        CreateSessionResponse, DeleteSession, DeleteSessionResponse,
    },
};

/// The time that a guest's session may go unused, unless a service says otherwise (TMDB).
const GUEST_IDLE_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// An error as TMDB answers it.
pub type ApiError = super::ApiError<ErrorBody>;

/// An issuer that answers as TMDB.
#[derive(Debug, Clone)]
pub struct Service {
    issuer: Issuer,
    guest_idle: Duration,
}

impl Service {
    /// This issuer, with guests that may go unused for 24 hours.
    pub fn new(issuer: Issuer) -> Self {
        Self { issuer, guest_idle: GUEST_IDLE_TIMEOUT }
    }

    /// How long a guest's session may go unused: above zero, and at most what the policy says, if
    /// it says anything. 60 minutes is what some clients expect.
    #[must_use]
    pub fn guest_idle_timeout(mut self, idle: Duration) -> Self {
        self.guest_idle = idle;
        self
    }
}

/// Who calls TMDB: an app by its key, or the page of a signed-in user. The host has found that out.
#[derive(Clone, PartialEq, Eq)]
pub struct Caller(Who);

super::redacted!(Caller);

#[derive(Clone, PartialEq, Eq)]
enum Who {
    App(AppId),
    User(SubjectId, Option<Epoch>),
}

impl Caller {
    /// The app whose API key the host has verified.
    pub fn app(app: AppId) -> Self {
        Self(Who::App(app))
    }

    /// The user who is signed in to the host's page.
    pub fn user(user: SubjectId) -> Self {
        Self(Who::User(user, None))
    }

    /// The user's epoch, read by [`Issuer::epoch`] before the host verified that it is that user:
    /// if all sessions of the user are revoked in between, nothing is approved. An app has none.
    #[must_use]
    pub fn epoch(mut self, at: Epoch) -> Self {
        if let Who::User(_, epoch) = &mut self.0 {
            *epoch = Some(at);
        }
        self
    }

    fn as_app(&self) -> Result<&AppId, ApiError> {
        match &self.0 {
            Who::App(app) => Ok(app),
            Who::User(..) => Err(Status::AuthenticationFailed.error()),
        }
    }

    fn as_user(&self) -> Result<(&SubjectId, Option<Epoch>), ApiError> {
        match &self.0 {
            Who::User(user, epoch) => Ok((user, *epoch)),
            Who::App(_) => Err(Status::AuthenticationFailed.error()),
        }
    }
}
