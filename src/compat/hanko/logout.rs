//! `POST /logout`: ends the session that a token names, and clears the cookie.

use serde::Serialize;

use super::{ApiError, Service, answer};
use crate::{
    Revoke,
    error::{Error, ErrorClass},
};

impl Service {
    /// `POST /logout`: ends the sessions that these tokens name. Status 204, with a cookie to
    /// delete.
    ///
    /// The tokens are what the `Authorization` header and the cookie have. One that has expired, or
    /// whose session has ended, is as good: whoever logs out twice is logged out.
    ///
    /// # Errors
    /// 401 when no token is authentic; 500 when a part did not answer, after what the other tokens
    /// name has ended. The host may delete the cookie in any case: [`Service::deleted_cookie`].
    pub async fn logout(&self, tokens: &[&str]) -> Result<DeletedCookie, ApiError> {
        let mut ended = false;
        let mut failed: Option<Error> = None;
        for token in tokens {
            match self.issuer.revoke(Revoke::token(token)).await {
                Ok(_) => ended = true,
                Err(error) if error.class() == ErrorClass::Rejected => {
                    failed = failed.or(Some(error))
                }
                // A session that may live on is worse news than a token that is nobody's, and no
                // reason to keep another.
                Err(error) => failed = Some(error),
            }
        }
        match (ended, failed) {
            (_, Some(error)) if error.class() != ErrorClass::Rejected => Err(error.into()),
            (true, _) => Ok(self.deleted_cookie()),
            (false, Some(error)) => Err(answer(401, "Unauthorized").caused_by(error)),
            (false, None) => Err(answer(401, "Unauthorized")),
        }
    }
}

impl Service {
    /// The cookie of the session's token, as it is deleted.
    pub fn deleted_cookie(&self) -> DeletedCookie {
        DeletedCookie {
            name: self.cookie_name.clone(),
            path: "/",
            max_age: -1,
            http_only: true,
            same_site: "Strict",
            secure: true,
        }
    }
}

/// A cookie to delete: what `Set-Cookie` says, as data. Its value is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeletedCookie {
    /// Its name: that of the cookie that carries the token.
    pub name: String,
    /// `Path`.
    pub path: &'static str,
    /// `Max-Age` in seconds: below zero.
    pub max_age: i64,
    /// `HttpOnly`.
    pub http_only: bool,
    /// `SameSite`.
    pub same_site: &'static str,
    /// `Secure`.
    pub secure: bool,
}
