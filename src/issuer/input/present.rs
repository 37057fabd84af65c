//! Tokens that somebody presents: to be checked, or to be traded.

use std::{fmt, time::Duration};

use crate::{client::ClientInfo, metadata::HostClaims};

/// A token that somebody presents. `&str` and `&String` turn into it.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    pub(in crate::issuer) token: &'a str,
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented([redacted])")
    }
}

impl<'a> Presented<'a> {
    /// This token.
    pub fn new(token: &'a str) -> Self {
        Self { token }
    }
}

impl<'a> From<&'a String> for Presented<'a> {
    fn from(token: &'a String) -> Self {
        Self::new(token)
    }
}

impl<'a> From<&'a str> for Presented<'a> {
    fn from(token: &'a str) -> Self {
        Self::new(token)
    }
}

/// A refresh token to trade, and from where.
#[derive(Clone)]
pub struct Refresh<'a> {
    pub(in crate::issuer) token: &'a str,
    pub(in crate::issuer) client: Option<&'a ClientInfo>,
    pub(in crate::issuer) client_moves: bool,
    pub(in crate::issuer) claims: Option<HostClaims>,
    pub(in crate::issuer) access_lifetime: Option<Duration>,
}

impl fmt::Debug for Refresh<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refresh").field("client", &self.client).finish_non_exhaustive()
    }
}

impl<'a> Refresh<'a> {
    /// This refresh token.
    pub fn new(token: &'a str) -> Self {
        Self { token, client: None, client_moves: false, claims: None, access_lifetime: None }
    }

    /// The client that presents it: judged where the policy binds clients, and told in events.
    #[must_use]
    pub fn client(mut self, client: &'a ClientInfo) -> Self {
        self.client = Some(client);
        self
    }

    /// The session lives in the [client](Self::client) that presents it from now on: its address
    /// and agent are kept in place of those before. A policy that binds clients judges the one that
    /// was kept.
    #[must_use]
    pub fn client_moves(mut self) -> Self {
        self.client_moves = true;
        self
    }

    /// The host's claims as they are now, for this and all later access tokens.
    #[must_use]
    pub fn claims(mut self, claims: HostClaims) -> Self {
        self.claims = Some(claims);
        self
    }

    /// How long this access token is good: above zero, and at most what the policy says. Not kept.
    #[must_use]
    pub fn access_lifetime(mut self, lifetime: Duration) -> Self {
        self.access_lifetime = Some(lifetime);
        self
    }
}

impl<'a> From<&'a str> for Refresh<'a> {
    fn from(token: &'a str) -> Self {
        Self::new(token)
    }
}
