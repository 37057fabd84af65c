//! Request tokens: opened by an app, approved or denied by a user, on a page or with a login.

use serde::Serialize;

use super::{
    ApiError, Caller, Service, Status,
    status::{internal_error, issuer_error},
    wire::{CreateRequestTokenResponse, date_time, optional, required, text},
};
use crate::{
    Timestamp,
    compat::{Field, from_object, query, redacted},
    error::{Error, ErrorKind, InputField, Operation},
    factor::Check,
    id::{AppId, check_line},
    issuer::{Decide, FindRequest, OpenRequest, OpenedRequest},
    secret::Secret,
    session::MAX_REDIRECT_CHARS,
};

impl Service {
    /// `GET /3/authentication/token/new`: a request token for the calling app (step 1).
    ///
    /// # Errors
    /// 3 (401) when no app calls; 9 (503) when a part did not answer.
    pub async fn create_request_token(
        &self,
        caller: &Caller,
    ) -> Result<CreateRequestTokenResponse, ApiError> {
        let opened = self.opened(OpenRequest::new(caller.as_app()?.clone())).await?;
        let token = opened.token().ok_or_else(no_token)?;
        Ok(CreateRequestTokenResponse {
            success: true,
            expires_at: opened.expires_at(),
            request_token: token.into(),
        })
    }

    /// What this opens.
    pub(super) async fn opened(&self, open: OpenRequest) -> Result<OpenedRequest, ApiError> {
        self.issuer.open(open).await.map_err(issuer_error(Status::InvalidParameters))
    }
}

pub(super) fn no_token() -> ApiError {
    internal_error(Error::new(ErrorKind::Internal, Operation::Open))
}

impl Service {
    /// `GET /authenticate/{request_token}`: what the page shows a signed-in user before asking
    /// (step 2).
    ///
    /// # Errors
    /// 3 (401) when no user calls; 5 (422) for a broken rule; 17 (401) when it was denied; 33 (401)
    /// for one that is unknown, expired or used; 9 (503) when a part did not answer.
    pub async fn read_request_token(
        &self,
        caller: &Caller,
        request: DecideRequestToken,
    ) -> Result<RequestTokenPage, ApiError> {
        caller.as_user()?;
        let token = request.checked()?;
        let seen =
            self.issuer.request(token).await.map_err(issuer_error(Status::InvalidRequestToken))?;
        page(&seen, &request)
    }

    /// The page's yes: the signed-in user approves, if the directory still knows that user (step
    /// 2).
    ///
    /// Where the user goes next is kept with the token. A page whose answer got lost learns both by
    /// [`read_request_token`](Service::read_request_token).
    ///
    /// # Errors
    /// 3 (401) when no user calls; 5 (422) for a broken rule; 31 (401) for a user that is disabled
    /// or gone; 45 (403) for one that is locked; 33 (401) for a token that is unknown, expired, or
    /// decided before; 9 (503) when a part did not answer, or the user's sessions were all revoked
    /// meanwhile.
    pub async fn approve_request_token(
        &self,
        caller: &Caller,
        request: DecideRequestToken,
    ) -> Result<RequestTokenPage, ApiError> {
        let (user, epoch) = caller.as_user()?;
        let mut decide = Decide::approve(request.checked()?, user.clone());
        if let Some(epoch) = epoch {
            decide = decide.epoch(epoch);
        }
        self.decided(decide, &request).await
    }

    /// The page's no. Final (step 2).
    ///
    /// # Errors
    /// 3 (401) when no user calls; 5 (422) for a broken rule; 33 (401) for a token that is unknown,
    /// expired, or decided before; 9 (503) when a part did not answer.
    pub async fn deny_request_token(
        &self,
        caller: &Caller,
        request: DecideRequestToken,
    ) -> Result<RequestTokenPage, ApiError> {
        caller.as_user()?;
        self.decided(Decide::deny(request.checked()?), &request).await
    }

    /// The page after this decision, which keeps the address of the request.
    async fn decided(
        &self,
        decide: Decide<'_>,
        request: &DecideRequestToken,
    ) -> Result<RequestTokenPage, ApiError> {
        let decide = decide.redirect(address(&request.redirect_to)?);
        let decided = self.issuer.decide(decide).await;
        page(&decided.map_err(issuer_error(Status::InvalidRequestToken))?, request)
    }
}

impl Service {
    /// `POST /3/authentication/token/validate_with_login`: the user's name and password approve
    /// (step 2 without a page).
    ///
    /// The same token comes back, approved. The password is the business of the issuer's
    /// [`FactorVerifier`](crate::verifier::FactorVerifier); after a wrong one the token waits on.
    ///
    /// # Security
    /// An unknown name and a wrong password are one answer after the same work. Who is disabled or
    /// locked learns so, as in TMDB. Attempts are the verifier's to count.
    ///
    /// # Errors
    /// 3 (401) when no app calls; 26 (400) without name or password; 5 (422) without a token, or
    /// for a broken rule; 33 (401) for a token that is unknown, another app's, expired, or decided
    /// before; 17 (401) when it was denied; 30 (401) for a wrong name or password; 31 (401), 32
    /// (401) and 45 (403) for a user that is disabled, not verified, or locked; 9 (503) when a part
    /// did not answer.
    pub async fn validate_with_login(
        &self,
        caller: &Caller,
        request: ValidateWithLogin,
    ) -> Result<CreateRequestTokenResponse, ApiError> {
        let app = caller.as_app()?;
        let (checks, token) = request.checked()?;
        let rejected = issuer_error(Status::InvalidRequestToken);
        // To any app but its own a token is unknown, whatever has been decided.
        self.issuer.request(FindRequest::new(token).opened_by(app)).await.map_err(&rejected)?;
        let decide = Decide::approve_by_checks(token, checks);
        let decided = self.issuer.decide(decide).await.map_err(|error| match error.kind() {
            ErrorKind::SubjectUnknown => Status::InvalidLogin.error().caused_by(error),
            _ => rejected(error),
        })?;
        Ok(CreateRequestTokenResponse {
            success: true,
            expires_at: decided.expires_at(),
            request_token: token.into(),
        })
    }
}

/// What the page at `/authenticate/{request_token}` gets: the token, and where the user goes next.
#[derive(Default)]
#[non_exhaustive]
pub struct DecideRequestToken {
    /// The token, from the page's address. Required.
    pub request_token: Field<Secret>,
    /// Where the user shall go afterwards: at most 2048 characters without controls. An address
    /// that was kept with the token (v4) goes before it.
    pub redirect_to: Field<String>,
}

impl DecideRequestToken {
    /// This token.
    pub fn new(token: &str) -> Self {
        Self { request_token: token.into(), redirect_to: Field::Absent }
    }

    /// Where the user shall go afterwards.
    #[must_use]
    pub fn redirect_to(mut self, address: impl Into<String>) -> Self {
        self.redirect_to = Field::Given(address.into());
        self
    }

    /// This token, and `redirect_to` from the query of the page's address.
    pub fn from_query(token: &str, query: &str) -> Self {
        let redirect_to = query::value(query, "redirect_to").into();
        Self { request_token: token.into(), redirect_to }
    }

    fn checked(&self) -> Result<&str, ApiError> {
        address(&self.redirect_to)?;
        required(&self.request_token)
    }
}

/// Where the user shall go, by the rule of what a request token keeps; empty where it is not said.
pub(super) fn address(redirect_to: &Field<String>) -> Result<&str, ApiError> {
    let address = text(redirect_to)?.map(String::as_str).unwrap_or_default();
    check_line(InputField::Redirect, address, MAX_REDIRECT_CHARS)
        .map_err(|_| Status::InvalidParameters.error())?;
    Ok(address)
}

/// The body of `POST /3/authentication/token/validate_with_login`.
#[derive(Default)]
#[non_exhaustive]
pub struct ValidateWithLogin {
    /// The user's login name: 1 to 200 characters. Required.
    pub username: Field<String>,
    /// The user's password: 1 to 200 characters. Required.
    pub password: Field<Secret>,
    /// The token of step 1. Required.
    pub request_token: Field<Secret>,
}

redacted!(DecideRequestToken, ValidateWithLogin, RequestTokenPage);
from_object!(DecideRequestToken { request_token: "request_token", redirect_to: "redirect_to" });
from_object!(ValidateWithLogin {
    username: "username",
    password: "password",
    request_token: "request_token"
});

impl ValidateWithLogin {
    /// This login, for this token.
    pub fn new(username: &str, password: &str, request_token: &str) -> Self {
        Self {
            username: username.into(),
            password: password.into(),
            request_token: request_token.into(),
        }
    }

    /// As some clients send it: in the query of the address, or in a form, which is written like
    /// one.
    pub fn from_query(query: &str) -> Self {
        Self {
            username: query::value(query, "username").into(),
            password: query::secret(query, "password"),
            request_token: query::secret(query, "request_token"),
        }
    }

    /// What this one lacks, from another place: the body goes before the query.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            username: self.username.or(other.username),
            password: self.password.or(other.password),
            request_token: self.request_token.or(other.request_token),
        }
    }

    fn checked(&self) -> Result<([Check; 2], &str), ApiError> {
        let name = text(&self.username)?.map(String::as_str).unwrap_or_default();
        let password = optional(&self.password)?.unwrap_or_default();
        if name.is_empty() || password.is_empty() {
            return Err(Status::CredentialsMissing.error());
        }
        let checks =
            Check::login_name(name).and_then(|name| Ok([name, Check::password(password)?]));
        let checks = checks.map_err(|_| Status::InvalidParameters.error())?;
        Ok((checks, required(&self.request_token)?))
    }
}

/// A request token, as the page shows it. HTML is the host's.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RequestTokenPage {
    /// The app that asks.
    pub app: AppId,
    /// True once a user has approved.
    pub approved: bool,
    /// From when on the token is no longer good; `YYYY-MM-DD HH:MM:SS UTC` in JSON.
    #[serde(serialize_with = "date_time")]
    pub expires_at: Timestamp,
    /// Where the user goes next; none to stay. The app chose it: whether it may is the host's to
    /// decide.
    pub redirect_to: Option<String>,
}

fn page(seen: &OpenedRequest, request: &DecideRequestToken) -> Result<RequestTokenPage, ApiError> {
    let given =
        text(&request.redirect_to)?.map(String::as_str).filter(|address| !address.is_empty());
    Ok(RequestTokenPage {
        app: seen.app().ok_or_else(no_token)?.clone(),
        approved: seen.is_approved(),
        expires_at: seen.expires_at(),
        redirect_to: seen.redirect().or(given).map(str::to_owned),
    })
}
