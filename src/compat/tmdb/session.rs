//! Sessions: from an approved request token, of a guest; used by the host's other routes, and
//! deleted.

use super::{
    ApiError, Caller, Service, Status,
    status::{internal_error, issuer_error},
    wire::{
        CreateGuestSessionResponse, CreateSession, CreateSessionResponse, DeleteSession,
        DeleteSessionResponse, optional, required,
    },
};
use crate::{
    NewSession, Requirement, Revoke,
    compat::{Field, from_object, query, redacted},
    error::{Error, ErrorKind, Operation},
    id::{AppId, CreatorId, SubjectId},
    issuer::{Checked, Exchange, SessionView},
    policy::Noting,
    secret::Secret,
    session::{RevokeReason, Session},
};

impl Service {
    /// `POST /3/authentication/session/new`: a session for an approved request token (step 3).
    ///
    /// The token is consumed: a second call is refused, and the session lives on. Clients that send
    /// a `GET` with a query are read by [`CreateSession::from_query`].
    ///
    /// # Errors
    /// 3 (401) when no app calls; 5 (422) without a token; 33 (401) for one that is unknown,
    /// another app's, expired or consumed; 17 (401) for one that the user denied; 41 (422) for one
    /// that waits for the user, after which it can still be exchanged; 31 (401) and 45 (403) for a
    /// user that was disabled or locked since; 25 (429) where the policy has a cap that refuses; 9
    /// (503) when a part did not answer. [`ApiError::cause`](crate::compat::ApiError::cause)
    /// separates those of 33.
    pub async fn create_session(
        &self,
        caller: &Caller,
        request: CreateSession,
    ) -> Result<CreateSessionResponse, ApiError> {
        let app = caller.as_app()?;
        let exchange = Exchange::new(required(&request.request_token)?, app.clone());
        let issued = self
            .issuer
            .exchange(exchange)
            .await
            .map_err(issuer_error(Status::InvalidRequestToken))?;
        Ok(CreateSessionResponse { success: true, session_id: issued.token().into() })
    }

    /// `GET /3/authentication/guest_session/new`: a session without a user.
    ///
    /// Unused for as long as [`Service::guest_idle_timeout`] says it is gone; every use in time
    /// keeps it.
    ///
    /// # Errors
    /// 3 (401) when no app calls; 9 (503) when a part did not answer.
    pub async fn create_guest_session(
        &self,
        caller: &Caller,
    ) -> Result<CreateGuestSessionResponse, ApiError> {
        let app = caller.as_app()?;
        let new = NewSession::anonymous().idle_timeout(self.guest_idle).creator(owner(app)?);
        let issued = self.issuer.create(new).await.map_err(|error| match error.kind() {
            // The policy allows less than the service was set to.
            ErrorKind::InvalidInput => internal_error(error),
            _ => issuer_error(Status::Internal)(error),
        })?;
        let expires_at = issued.session().ends_at().ok_or_else(|| {
            internal_error(
                Error::new(ErrorKind::Internal, Operation::Create)
                    .with_source("a guest without an end"),
            )
        })?;
        Ok(CreateGuestSessionResponse {
            success: true,
            guest_session_id: issued.token().into(),
            expires_at,
        })
    }

    /// For the host's other routes: whether a session id is good now, for the calling app, and who
    /// stands behind it.
    ///
    /// # Errors
    /// 5 (422) for an id that is no text; 3 (401) without one, for one that is not good, and for
    /// one of another app, or in the other's place: a guest's as `session_id`, a user's as
    /// `guest_session_id`; 9 (503) when a part did not answer, which is never a reason to log
    /// anybody out.
    pub async fn check_session(
        &self,
        caller: &Caller,
        request: CheckSession,
    ) -> Result<SessionAccess, ApiError> {
        let app = caller.as_app()?;
        let [session_id, guest_session_id] =
            [given(&request.session_id)?, given(&request.guest_session_id)?];
        let checked = match (session_id, guest_session_id) {
            (Some(id), _) => self.check_at(USERS, id, app).await?,
            (None, Some(id)) => self.check_at(GUESTS, id, app).await?,
            (None, None) => return Err(Status::AuthenticationFailed.error()),
        };
        Ok(SessionAccess { checked })
    }

    /// `DELETE /3/authentication/session`: ends a session of the calling app, a guest's too.
    ///
    /// # Errors
    /// 3 (401) when no app calls; 5 (422) without an id; 37 (404) for a session that is unknown,
    /// another app's, or gone; 9 (503) when a part did not answer.
    pub async fn delete_session(
        &self,
        caller: &Caller,
        request: DeleteSession,
    ) -> Result<DeleteSessionResponse, ApiError> {
        let app = caller.as_app()?;
        let id = required(&request.session_id)?;
        self.end_at(DELETIONS, id, app).await?;
        Ok(DeleteSessionResponse { success: true })
    }
}

/// What a session is to TMDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Guest,
    AccessToken,
}

/// The metadata that marks a v4 access token, which a v3 session has not.
pub(super) const ACCESS_TOKEN: (&str, &str) = ("tmdb", "access_token");

fn kind(session: &SessionView) -> Kind {
    let (key, value) = ACCESS_TOKEN;
    let mark = session.metadata().and_then(|metadata| metadata.get(key));
    match session.subject() {
        None => Kind::Guest,
        Some(_) if mark == Some(value.as_bytes()) => Kind::AccessToken,
        Some(_) => Kind::User,
    }
}

/// Which sessions a call is for, and the status for all others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Door {
    pub(super) kinds: &'static [Kind],
    pub(super) rejected: Status,
}

const USERS: Door = Door { kinds: &[Kind::User], rejected: Status::AuthenticationFailed };
const GUESTS: Door = Door { kinds: &[Kind::Guest], rejected: Status::AuthenticationFailed };
const DELETIONS: Door =
    Door { kinds: &[Kind::User, Kind::Guest], rejected: Status::SessionNotFound };

impl Service {
    /// A good session of this app, of a kind that the door is for. That it was used is noted once
    /// that is known, so that nobody else keeps it alive.
    pub(super) async fn check_at(
        &self,
        door: Door,
        token: &str,
        app: &AppId,
    ) -> Result<Checked, ApiError> {
        let seen = self.look_at(door, token, app).await?;
        let due = seen.session().is_some_and(|view| {
            let idle = view.session().and_then(Session::idle_timeout);
            let since = self.issuer.now().since(view.last_seen_at());
            since >= self.issuer.policy().noting_throttle(idle)
        });
        match due {
            true => self.ask_at(door, token, &Requirement::new()).await,
            false => Ok(seen),
        }
    }

    /// Ends a session of this app. Once.
    pub(super) async fn end_at(
        &self,
        door: Door,
        token: &str,
        app: &AppId,
    ) -> Result<(), ApiError> {
        let id = self.look_at(door, token, app).await?.session_id();
        let revoke = Revoke::session(id).reason(RevokeReason::Logout);
        let revoked = self.issuer.revoke(revoke).await.map_err(issuer_error(door.rejected))?;
        if revoked.sessions().is_empty() { Err(door.rejected.error()) } else { Ok(()) }
    }

    async fn look_at(&self, door: Door, token: &str, app: &AppId) -> Result<Checked, ApiError> {
        let checked = self.ask_at(door, token, &Requirement::new().noting(Noting::Never)).await?;
        let fits = checked
            .session()
            .is_some_and(|view| door.kinds.contains(&kind(view)) && is_of(view, app));
        if fits { Ok(checked) } else { Err(door.rejected.error()) }
    }

    async fn ask_at(
        &self,
        door: Door,
        token: &str,
        need: &Requirement,
    ) -> Result<Checked, ApiError> {
        self.issuer.check(token, need).await.map_err(issuer_error(door.rejected))
    }
}

/// Whether the app opened the request that became this session, or is its creator.
fn is_of(view: &SessionView, app: &AppId) -> bool {
    view.session().is_some_and(|session| match (session.app(), session.creator()) {
        (Some(opener), _) => opener == app,
        (None, creator) => creator.is_some_and(|creator| creator.as_str() == app.as_str()),
    })
}

/// The app, as the creator of a session that no request token opened.
pub(super) fn owner(app: &AppId) -> Result<CreatorId, ApiError> {
    CreatorId::new(app.as_str()).map_err(|input| internal_error(Error::from(input)))
}

fn given(id: &Field<Secret>) -> Result<Option<&str>, ApiError> {
    Ok(optional(id)?.filter(|id| !id.is_empty()))
}

/// The session ids that a call to another route carries, in its query: `session_id` goes first.
#[derive(Default)]
#[non_exhaustive]
pub struct CheckSession {
    /// A user's session.
    pub session_id: Field<Secret>,
    /// A guest's session.
    pub guest_session_id: Field<Secret>,
}

redacted!(CheckSession);
from_object!(CheckSession { session_id: "session_id", guest_session_id: "guest_session_id" });

impl CheckSession {
    /// A user's session.
    pub fn user(session_id: &str) -> Self {
        Self { session_id: session_id.into(), guest_session_id: Field::Absent }
    }

    /// A guest's session.
    pub fn guest(guest_session_id: &str) -> Self {
        Self { session_id: Field::Absent, guest_session_id: guest_session_id.into() }
    }

    /// Those of the query of an address.
    pub fn from_query(query: &str) -> Self {
        let named = |name| query::secret(query, name);
        Self { session_id: named("session_id"), guest_session_id: named("guest_session_id") }
    }
}

/// A session id that was good when it was checked.
#[derive(Debug, Clone)]
pub struct SessionAccess {
    checked: Checked,
}

impl SessionAccess {
    /// The user, for actions that only users may take.
    ///
    /// # Errors
    /// 3 (401) for a guest.
    pub fn user(&self) -> Result<&SubjectId, ApiError> {
        self.checked
            .subject()
            .map_err(|error| Status::AuthenticationFailed.error().caused_by(error))
    }

    /// Who stands behind it.
    pub fn scope(&self) -> Scope {
        match self.checked.subject() {
            Ok(_) => Scope::User,
            Err(_) => Scope::Guest,
        }
    }

    /// What the issuer says of it.
    pub fn checked(&self) -> &Checked {
        &self.checked
    }
}

/// What a session may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All that its user may.
    User,
    /// What nobody in particular may: rate, and see what was rated.
    Guest,
}
