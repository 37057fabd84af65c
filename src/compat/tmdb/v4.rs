//! TMDB's v4 tokens: a request token of 15 minutes for an access token without an end, and that for
//! a v3 session.
//!
//! The paths begin with `/4/auth/`, but for [`convert_session`](V4::convert_session). The user
//! approves on the same page as in v3, with
//! [`approve_request_token`](super::Service::approve_request_token). A request token of either
//! version may be exchanged at either door: it buys what its user approved, for the app that opened
//! it.

use std::time::Duration;

use serde::Serialize;

use super::{
    ApiError, Caller, Service, Status,
    request_token::{address, no_token},
    session::{ACCESS_TOKEN, Door, Kind, owner},
    status::{internal_error, issuer_error},
    wire::{CreateSessionResponse, one_secret, required},
};
use crate::{
    NewSession,
    compat::{Field, exposed, from_object, query, redacted},
    id::{AppId, SubjectId},
    issuer::{Exchange, OpenRequest},
    metadata::Metadata,
    secret::Secret,
};

/// Access tokens alone.
const DOOR: Door = Door { kinds: &[Kind::AccessToken], rejected: Status::InvalidToken };
/// How long a v4 request token waits for its user, and as long again for its exchange.
const REQUEST_LIFETIME: Duration = Duration::from_secs(900);

/// The calls of version 4, on a service of TMDB: what [`Service::v4`] gives.
#[derive(Debug, Clone, Copy)]
pub struct V4<'a>(&'a Service);

impl Service {
    /// The calls of version 4.
    pub fn v4(&self) -> V4<'_> {
        V4(self)
    }
}

impl V4<'_> {
    /// `POST /4/auth/request_token`: a request token for the calling app.
    ///
    /// # Errors
    /// 3 (401) when no app calls; 5 (422) for a broken rule; 9 (503) when a part did not answer.
    pub async fn create_request_token(
        &self,
        caller: &Caller,
        request: CreateRequestToken,
    ) -> Result<CreateRequestTokenResponse, ApiError> {
        let lifetime = REQUEST_LIFETIME.min(self.0.issuer.policy().longest_request());
        let app = caller.as_app()?.clone();
        let new = OpenRequest::new(app).lifetime(lifetime).redirect(address(&request.redirect_to)?);
        let opened = self.0.opened(new).await?;
        let Done { success, status_code, status_message } = Done::new(Status::Success);
        let request_token = opened.token().ok_or_else(no_token)?.into();
        Ok(CreateRequestTokenResponse { success, status_code, status_message, request_token })
    }

    /// `POST /4/auth/access_token`: a user's access token for an approved request token, once.
    ///
    /// # Errors
    /// Those of [`create_session`](super::Service::create_session).
    pub async fn create_access_token(
        &self,
        caller: &Caller,
        request: CreateAccessToken,
    ) -> Result<CreateAccessTokenResponse, ApiError> {
        let app = caller.as_app()?;
        let token = required(&request.request_token)?;
        let (key, value) = ACCESS_TOKEN;
        let mark = Metadata::of([(key, value)]).map_err(|input| internal_error(input.into()))?;
        let exchange = Exchange::new(token, app.clone()).metadata(mark);
        let issued = self
            .0
            .issuer
            .exchange(exchange)
            .await
            .map_err(issuer_error(Status::InvalidRequestToken))?;
        let account = issued.session().subject().ok_or_else(no_token)?;
        let Done { success, status_code, status_message } = Done::new(Status::Success);
        let (account_id, access_token) = (account.clone(), issued.token().into());
        Ok(CreateAccessTokenResponse {
            success,
            status_code,
            status_message,
            account_id,
            access_token,
        })
    }

    /// For the host's own v4 routes: whether an access token is good now, for the calling app, and
    /// whose it is.
    ///
    /// # Errors
    /// 3 (401) when no app calls; 5 (422) without a token; 35 (401) for one that is none of a user,
    /// of another app, or not good; 9 (503) when a part did not answer.
    pub async fn check_access_token(
        &self,
        caller: &Caller,
        request: AccessToken,
    ) -> Result<SubjectId, ApiError> {
        let token = required(&request.access_token)?;
        self.user_of(token, caller.as_app()?).await
    }

    /// `DELETE /4/auth/access_token`: ends an access token. Sessions that were made from it live
    /// on.
    ///
    /// # Errors
    /// Those of [`check_access_token`](V4::check_access_token).
    pub async fn delete_access_token(
        &self,
        caller: &Caller,
        request: AccessToken,
    ) -> Result<Done, ApiError> {
        let app = caller.as_app()?;
        let token = required(&request.access_token)?;
        self.0.end_at(DOOR, token, app).await?;
        Ok(Done::new(Status::Deleted))
    }

    /// `POST /3/authentication/session/convert/4`: a v3 session for a user's access token.
    ///
    /// An app's own read token is no access token of a user, and is refused.
    ///
    /// # Errors
    /// Those of [`check_access_token`](V4::check_access_token); 31 (401) and 45 (403) for a user
    /// that is disabled or locked; 25 (429) where the policy has a cap that refuses.
    pub async fn convert_session(
        &self,
        caller: &Caller,
        request: AccessToken,
    ) -> Result<CreateSessionResponse, ApiError> {
        let app = caller.as_app()?;
        let token = required(&request.access_token)?;
        let user = self.user_of(token, app).await?;
        // The token must be good after the epoch was read: whatever revokes all sessions from here
        // on wins.
        let epoch = self.0.issuer.epoch(&user).await.map_err(issuer_error(Status::InvalidToken))?;
        self.user_of(token, app).await?;
        let new = NewSession::for_subject(user).epoch(epoch).creator(owner(app)?);
        let issued = self.0.issuer.create(new).await.map_err(issuer_error(Status::InvalidToken))?;
        Ok(CreateSessionResponse { success: true, session_id: issued.token().into() })
    }

    /// The user of a good access token of this app.
    async fn user_of(&self, token: &str, app: &AppId) -> Result<SubjectId, ApiError> {
        let checked = self.0.check_at(DOOR, token, app).await?;
        checked.subject().cloned().map_err(issuer_error(Status::InvalidToken))
    }
}

/// The body of `POST /4/auth/request_token`.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct CreateRequestToken {
    /// Where the user shall go after the decision: kept with the token; at most 2048 characters
    /// without controls.
    pub redirect_to: Field<String>,
}

redacted!(CreateRequestToken, CreateAccessTokenResponse);
from_object!(CreateRequestToken { redirect_to: "redirect_to" });

impl CreateRequestToken {
    /// Where the user shall go after the decision.
    #[must_use]
    pub fn redirect_to(mut self, address: impl Into<String>) -> Self {
        self.redirect_to = Field::Given(address.into());
        self
    }

    /// In the query of the address, or in a form, which is written like one.
    pub fn from_query(query: &str) -> Self {
        Self { redirect_to: query::value(query, "redirect_to").into() }
    }

    /// What this one lacks, from another place: the body goes before the query.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { redirect_to: self.redirect_to.or(other.redirect_to) }
    }
}

one_secret! {
    /// The body of `POST /4/auth/access_token`.
    CreateAccessToken {
        /// The request token, approved by a user. Required.
        request_token
    }

    /// The body of `DELETE /4/auth/access_token` and of `POST /3/authentication/session/convert/4`.
    AccessToken {
        /// A user's access token. Required.
        access_token
    }
}

/// The answer to `POST /4/auth/request_token`, status 200.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct CreateRequestTokenResponse {
    /// Always true.
    pub success: bool,
    /// Always 1.
    pub status_code: u16,
    /// Always `Success.`
    pub status_message: &'static str,
    /// The token. To be kept like a password.
    #[serde(serialize_with = "exposed")]
    pub request_token: Secret,
}

/// The answer to `POST /4/auth/access_token`, status 200.
#[derive(Serialize)]
#[non_exhaustive]
pub struct CreateAccessTokenResponse {
    /// Always true.
    pub success: bool,
    /// Always 1.
    pub status_code: u16,
    /// Always `Success.`
    pub status_message: &'static str,
    /// The user.
    pub account_id: SubjectId,
    /// The token. To be kept like a password.
    #[serde(serialize_with = "exposed")]
    pub access_token: Secret,
}

/// An answer that says no more than that it is done, status 200.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Done {
    /// Always true.
    pub success: bool,
    /// TMDB's own number: that of a [`Status`].
    pub status_code: u16,
    /// TMDB's sentence for it.
    pub status_message: &'static str,
}

impl Done {
    fn new(status: Status) -> Self {
        Self { success: true, status_code: status.code(), status_message: status.message() }
    }
}
