//! Who calls: with which key, as whom, in which session, from where.

use super::AccessToken;
use crate::{
    actor::Actor,
    client::ClientInfo,
    id::{SessionId, SubjectId},
};

/// Who calls Stack Auth: with which key, as whom, in which session.
#[derive(Debug, Clone)]
pub struct Caller {
    access: Access,
    pub(super) user: Option<SubjectId>,
    pub(super) session: Option<SessionId>,
    /// The session is of somebody who acts in the user's place.
    pub(super) impersonates: bool,
    pub(super) client: Option<ClientInfo>,
    pub(super) reason: String,
}

#[derive(Debug, Clone)]
enum Access {
    Client,
    Server(Actor),
    Admin(Actor),
}

impl Caller {
    /// With a publishable client key.
    pub fn client() -> Self {
        Self::with(Access::Client, "")
    }

    /// With a secret server key. The operator, or the server itself by a name of its own, stands
    /// behind impersonations.
    pub fn server(operator: Actor) -> Self {
        Self::with(Access::Server(operator), "server key")
    }

    /// With a super secret admin key, as this operator.
    pub fn admin(operator: Actor) -> Self {
        Self::with(Access::Admin(operator), "admin key")
    }

    /// The user who is signed in: `me`.
    #[must_use]
    pub fn signed_in_as(mut self, user: SubjectId) -> Self {
        self.user = Some(user);
        self
    }

    /// The user of this access token, in its session. Whoever acts in the user's place can sign in
    /// nobody by it.
    #[must_use]
    pub fn signed_in_with(mut self, token: &AccessToken) -> Self {
        self.user = Some(token.user().clone());
        self.session = Some(token.session_id());
        self.impersonates = token.is_impersonation();
        self
    }

    /// The end user's own client, as the host sees it: kept at each refresh, as where the session
    /// was last used. A call refuses a client that has a refused part: see [`ClientInfo::checked`].
    #[must_use]
    pub fn end_user(mut self, client: ClientInfo) -> Self {
        self.client = Some(client);
        self
    }

    /// Why the operator impersonates: 1 to 200 characters, such as a ticket's number.
    #[must_use]
    pub fn reason(mut self, reason: &str) -> Self {
        self.reason = reason.to_owned();
        self
    }

    fn with(access: Access, reason: &str) -> Self {
        Self {
            access,
            user: None,
            session: None,
            impersonates: false,
            client: None,
            reason: reason.to_owned(),
        }
    }

    pub(super) fn is_client(&self) -> bool {
        matches!(self.access, Access::Client)
    }

    pub(super) fn is_admin(&self) -> bool {
        matches!(self.access, Access::Admin(_))
    }

    pub(super) fn operator(&self) -> Option<&Actor> {
        match &self.access {
            Access::Client => None,
            Access::Server(operator) | Access::Admin(operator) => Some(operator),
        }
    }

    /// Who does what the call does, for events.
    pub(super) fn name(&self) -> Option<&SubjectId> {
        let own = self.user.as_ref().filter(|_| !self.impersonates);
        self.operator().map(Actor::subject).or(own)
    }
}
