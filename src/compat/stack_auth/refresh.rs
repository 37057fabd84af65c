//! `POST /auth/sessions/current/refresh`: the next access token.

use serde::Serialize;

use super::{ApiError, Caller, Service, profile::UserClaims, session_over};
use crate::{
    Refresh,
    compat::exposed,
    error::{Error, ErrorKind, Operation},
    secret::Secret,
};

impl Service {
    /// `POST /auth/sessions/current/refresh`: the next access token for a refresh token. Status
    /// 200.
    ///
    /// The claims about the user are read anew. The refresh token stays, unless the issuer's policy
    /// rotates it.
    ///
    /// # Errors
    /// 401 `REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED` for everything that is wrong with the token, its
    /// session or its user; 400 `INVALID_INPUT` for an end user's client with a part that is
    /// refused; 500 when a part did not answer. After the last two the same token may be tried
    /// again.
    pub async fn refresh_session(
        &self,
        caller: &Caller,
        refresh_token: &str,
    ) -> Result<RefreshSessionResponse, ApiError> {
        self.refresh(caller, refresh_token).await.map_err(session_over)
    }
}

impl Service {
    async fn refresh(
        &self,
        caller: &Caller,
        refresh_token: &str,
    ) -> Result<RefreshSessionResponse, Error> {
        let seen = self.issuer.session_by_refresh_token(refresh_token).await?;
        let user = seen.session().subject();
        let user = user.ok_or_else(|| Error::new(ErrorKind::SubjectMissing, Operation::Refresh))?;
        self.issuer.profile(user).await?;
        let UserClaims { kind, claims } = self.user_claims(user, Operation::Refresh).await?;
        let mut refresh = Refresh::new(refresh_token);
        if let Some(claims) = claims {
            refresh = refresh.claims(claims);
        }
        if let Some(client) = &caller.client {
            refresh = refresh.client(client).client_moves();
        }
        let issued = self.issuer_for(kind).refresh(refresh).await?;
        let rotated = issued.refresh_token().filter(|next| *next != refresh_token);
        Ok(RefreshSessionResponse {
            access_token: issued.token().into(),
            refresh_token: rotated.map(Secret::from),
        })
    }
}

/// The answer to a refresh, status 200.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct RefreshSessionResponse {
    /// Proves the session for 10 minutes: a JWT.
    #[serde(serialize_with = "exposed")]
    pub access_token: Secret,
    /// What buys the next one; absent where the refresh token stays (Stack Auth).
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_exposed")]
    pub refresh_token: Option<Secret>,
}

fn maybe_exposed<S: serde::Serializer>(
    token: &Option<Secret>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match token {
        Some(token) => exposed(token, serializer),
        None => serializer.serialize_none(),
    }
}
