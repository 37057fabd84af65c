//! TMDB's v3 authentication: an approved request token for a session, once (flow D).
//!
//! Build the issuer with [`Policy::tmdb`](crate::Policy::tmdb): request tokens of 60 minutes, sessions without an end.
//! Between the two calls here, the host asks the user and calls [`Issuer::decide`](crate::Issuer::decide).
//!
//! TMDB shows 40 hexadecimal digits for tokens and sessions; both are this crate's opaque tokens here. TMDB's
//! `session_id` is a credential; a [`SessionId`](crate::id::SessionId) is not.

use serde::{Deserialize, Serialize, Serializer};

use super::{exposed, redacted, secret};
use crate::{
    Issuer, Timestamp,
    error::{Error, ErrorClass, ErrorKind, Operation},
    id::AppId,
    issuer::{Exchange, OpenRequest},
    secret::Secret,
};

/// An error as TMDB answers it.
pub type ApiError = super::ApiError<ErrorBody>;

/// `GET /3/authentication/token/new`: a request token for the calling app (step 1).
///
/// # Errors
/// 9 (503) when a part did not answer.
pub async fn create_request_token(
    service: &Service,
    caller: &Caller,
) -> Result<CreateRequestTokenResponse, ApiError> {
    let opened = service.issuer.open(OpenRequest::new(caller.app.clone())).await.map_err(refused)?;
    let token = opened.token().ok_or_else(|| refused(Error::new(ErrorKind::Internal, Operation::Open)))?;
    Ok(CreateRequestTokenResponse {
        success: true,
        expires_at: opened.expires_at(),
        request_token: token.into(),
    })
}

/// `POST /3/authentication/session/new`: a session for an approved request token (step 3).
///
/// The token is consumed: a second call is refused, and the session lives on.
///
/// # Errors
/// 5 (422) without a token; 33 (401) for one that is unknown, another app's, expired or consumed; 17 (401) for one that
/// the user denied; 41 (422) for one that waits for the user, after which it can still be exchanged; 9 (503) when a
/// part did not answer. [`ApiError::cause`](super::ApiError::cause) tells those of 33 apart.
pub async fn create_session(
    service: &Service,
    caller: &Caller,
    request: CreateSession,
) -> Result<CreateSessionResponse, ApiError> {
    let token = request.request_token.as_ref().map(Secret::expose).unwrap_or_default();
    if token.is_empty() {
        return Err(INVALID_PARAMETERS.answer());
    }
    let exchange = Exchange::new(token, caller.app.clone());
    let issued = service.issuer.exchange(exchange).await.map_err(refused)?;
    Ok(CreateSessionResponse { success: true, session_id: issued.token().into() })
}

/// An issuer that answers as TMDB.
#[derive(Debug, Clone)]
pub struct Service {
    issuer: Issuer,
}

impl Service {
    /// This issuer.
    pub fn new(issuer: Issuer) -> Self {
        Self { issuer }
    }
}

/// Which app calls TMDB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    app: AppId,
}

impl Caller {
    /// The app whose API key the host has verified.
    pub fn app(app: AppId) -> Self {
        Self { app }
    }
}

/// The body of `POST /3/authentication/session/new`.
#[derive(Default, Deserialize)]
#[non_exhaustive]
pub struct CreateSession {
    /// The token of step 1, approved by a user in step 2. Required.
    #[serde(default, deserialize_with = "secret")]
    pub request_token: Option<Secret>,
}

redacted!(CreateSession);

/// The answer to `POST /3/authentication/session/new`, status 200.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct CreateSessionResponse {
    /// Always true.
    pub success: bool,
    /// The session's token. To be kept like a password.
    #[serde(serialize_with = "exposed")]
    pub session_id: Secret,
}

/// The answer to `GET /3/authentication/token/new`, status 200.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct CreateRequestTokenResponse {
    /// Always true.
    pub success: bool,
    /// From when on the token is no longer good; `YYYY-MM-DD HH:MM:SS UTC` in JSON.
    #[serde(serialize_with = "date_time")]
    pub expires_at: Timestamp,
    /// The token. To be kept like a password.
    #[serde(serialize_with = "exposed")]
    pub request_token: Secret,
}

/// The body of an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ErrorBody {
    /// Always false.
    pub success: bool,
    /// TMDB's own number: 5, 9, 11, 17, 25, 33 or 41.
    pub status_code: u16,
    /// TMDB's sentence for it.
    pub status_message: &'static str,
}

/// An error of TMDB's table: status code, HTTP status, message.
struct Known(u16, u16, &'static str);

const INVALID_PARAMETERS: Known = Known(5, 422, "Invalid parameters: Your request parameters are incorrect.");
const OFFLINE: Known =
    Known(9, 503, "Service offline: This service is temporarily offline, try again later.");
const INTERNAL: Known = Known(11, 500, "Internal error: Something went wrong, contact TMDB.");
const DENIED: Known = Known(17, 401, "Session denied.");
const TOO_MANY: Known = Known(25, 429, "Your request count is over the allowed limit.");
const INVALID_TOKEN: Known =
    Known(33, 401, "Invalid request token: The request token is either expired or invalid.");
const NOT_APPROVED: Known = Known(41, 422, "This request token hasn't been approved by the user.");

impl Known {
    fn answer(self) -> ApiError {
        let Self(status_code, status, status_message) = self;
        ApiError::new(status, ErrorBody { success: false, status_code, status_message })
    }
}

/// How TMDB shows an error of the issuer.
fn refused(error: Error) -> ApiError {
    let known = match error.kind() {
        ErrorKind::NotApproved => NOT_APPROVED,
        ErrorKind::Denied => DENIED,
        ErrorKind::CapReached => TOO_MANY,
        ErrorKind::InvalidInput => INVALID_PARAMETERS,
        _ => match error.class() {
            ErrorClass::Rejected => INVALID_TOKEN,
            ErrorClass::Unavailable => OFFLINE,
            _ => INTERNAL,
        },
    };
    known.answer().caused_by(error)
}

/// TMDB's form of an instant, in whole seconds.
fn date_time<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    let rfc_3339 = Timestamp::from_secs(at.as_secs()).to_string();
    serializer.serialize_str(&rfc_3339.replace('T', " ").replace('Z', " UTC"))
}
