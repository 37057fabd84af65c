//! What the verbs of request tokens take (flow D).

use std::time::Duration;

use crate::{
    client::ClientInfo,
    factor::Check,
    id::{AppId, SubjectId},
    metadata::{HostClaims, Metadata},
    session::Epoch,
};

/// A request token to open.
#[derive(Debug, Clone)]
pub struct OpenRequest {
    pub(in crate::issuer) app: AppId,
    pub(in crate::issuer) redirect: Option<String>,
    pub(in crate::issuer) lifetime: Option<Duration>,
}

impl OpenRequest {
    /// For this app, which alone may exchange it.
    pub fn new(app: AppId) -> Self {
        Self { app, redirect: None, lifetime: None }
    }

    /// Where the host sends the subject after the decision: kept, and given back (at most 2048
    /// characters; an empty one counts as none).
    #[must_use]
    pub fn redirect(mut self, redirect: &str) -> Self {
        self.redirect = filled(redirect);
        self
    }

    /// How long it waits for its decision, and, approved, for its exchange: above zero, and at most
    /// what the policy says.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }
}

fn filled(redirect: &str) -> Option<String> {
    (!redirect.is_empty()).then(|| redirect.to_owned())
}

/// A request token to look at. `&str` and `&String` turn into it.
#[derive(Clone, Copy)]
pub struct FindRequest<'a> {
    pub(in crate::issuer) token: &'a str,
    pub(in crate::issuer) app: Option<&'a AppId>,
}

impl<'a> FindRequest<'a> {
    /// This token, whichever app opened it.
    pub fn new(token: &'a str) -> Self {
        Self { token, app: None }
    }

    /// For this app alone: a token that another app opened is unknown, whatever was decided on it.
    #[must_use]
    pub fn opened_by(mut self, app: &'a AppId) -> Self {
        self.app = Some(app);
        self
    }
}

impl<'a> From<&'a str> for FindRequest<'a> {
    fn from(token: &'a str) -> Self {
        Self::new(token)
    }
}

impl<'a> From<&'a String> for FindRequest<'a> {
    fn from(token: &'a String) -> Self {
        Self::new(token)
    }
}

impl std::fmt::Debug for FindRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FindRequest").field("app", &self.app).finish_non_exhaustive()
    }
}

/// A decision on a request token.
pub struct Decide<'a> {
    pub(in crate::issuer) token: &'a str,
    pub(in crate::issuer) decision: Decision,
    pub(in crate::issuer) redirect: Option<String>,
}

pub(in crate::issuer) enum Decision {
    Approve { subject: SubjectId, epoch: Option<Epoch> },
    ApproveByChecks(Vec<Check>),
    Deny,
}

impl std::fmt::Debug for Decide<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.decision {
            Decision::Approve { .. } => "Decide(approve)",
            Decision::ApproveByChecks(_) => "Decide(approve by checks)",
            Decision::Deny => "Decide(deny)",
        })
    }
}

impl<'a> Decide<'a> {
    /// This subject, whom the host has authenticated, approves.
    pub fn approve(token: &'a str, subject: SubjectId) -> Self {
        Self::of(token, Decision::Approve { subject, epoch: None })
    }

    /// Whoever passes these checks approves: at least one that proves something, and not only names
    /// somebody. If one fails, the request waits on. The session of the app proves no factor: what
    /// its subject proved, it proved to approve. To a policy with a single-factor lifetime it is
    /// therefore a beginning.
    pub fn approve_by_checks(token: &'a str, checks: impl IntoIterator<Item = Check>) -> Self {
        Self::of(token, Decision::ApproveByChecks(checks.into_iter().collect()))
    }

    /// The subject refuses. Final.
    pub fn deny(token: &'a str) -> Self {
        Self::of(token, Decision::Deny)
    }

    fn of(token: &'a str, decision: Decision) -> Self {
        Self { token, decision, redirect: None }
    }

    /// Where the host sends the subject now: kept, and given back, where the app named nothing when
    /// it opened the request (at most 2048 characters; an empty one counts as none).
    #[must_use]
    pub fn redirect(mut self, redirect: &str) -> Self {
        self.redirect = filled(redirect);
        self
    }

    /// The subject's epoch, read before the host verified its credential.
    #[must_use]
    pub fn epoch(mut self, at: Epoch) -> Self {
        if let Decision::Approve { epoch, .. } = &mut self.decision {
            *epoch = Some(at);
        }
        self
    }
}

/// An approved request token to trade for a session.
#[derive(Clone)]
pub struct Exchange<'a> {
    pub(in crate::issuer) token: &'a str,
    pub(in crate::issuer) app: AppId,
    pub(in crate::issuer) client: ClientInfo,
    pub(in crate::issuer) metadata: Metadata,
    pub(in crate::issuer) claims: HostClaims,
}

impl std::fmt::Debug for Exchange<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("app", &self.app).finish_non_exhaustive()
    }
}

impl<'a> Exchange<'a> {
    /// This token, by the app that opened it.
    pub fn new(token: &'a str, app: AppId) -> Self {
        Self {
            token,
            app,
            client: ClientInfo::new(),
            metadata: Metadata::new(),
            claims: HostClaims::new(),
        }
    }

    /// The client that the session lives in.
    #[must_use]
    pub fn client(mut self, client: ClientInfo) -> Self {
        self.client = client;
        self
    }

    /// The host's metadata.
    #[must_use]
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// The host's claims for the session's access tokens.
    #[must_use]
    pub fn claims(mut self, claims: HostClaims) -> Self {
        self.claims = claims;
        self
    }
}
