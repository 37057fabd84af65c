//! Listing and ending sessions: by administrators, and by users on their profile.

use serde::Serialize;

use super::{
    ApiError, Caller, Service, answer,
    claims::{date_time, optional_date_time},
    forbidden,
};
use crate::{
    Revoke, SessionQuery, Timestamp,
    client::ClientInfo,
    compat::{end_session, find_session, list_all, redacted, uuid_subject},
    error::ErrorKind,
    id::{SessionId, SubjectId},
    issuer::SessionView,
};

impl Service {
    /// `GET /users/{user_id}/sessions`: a user's live sessions, the newest first. Status 200.
    ///
    /// # Errors
    /// 400 for an id that is empty or no UUID; 403 for a user; 404 for an unknown user; 500 when a
    /// part did not answer.
    pub async fn list_sessions(
        &self,
        caller: &Caller,
        user_id: &str,
    ) -> Result<Vec<SessionRow>, ApiError> {
        let Caller::Admin(_) = caller else { return Err(forbidden()) };
        let user = self.known_user(user_id).await?;
        let query = SessionQuery::of_subject(user).impersonations_too();
        let sessions = list_all(&self.issuer, query).await?;
        Ok(sessions.iter().filter_map(SessionRow::of).collect())
    }

    /// `DELETE /users/{user_id}/sessions/{session_id}`: ends one session of a user. Status 204.
    ///
    /// # Errors
    /// 400 for ids that are no UUIDs; 403 for a user; 404 for an unknown user, and for a session
    /// that is unknown, revoked or another user's; 500 when a part did not answer.
    pub async fn delete_session(
        &self,
        caller: &Caller,
        user_id: &str,
        session_id: &str,
    ) -> Result<(), ApiError> {
        let Caller::Admin(admin) = caller else { return Err(forbidden()) };
        let user = checked_user(user_id);
        let id = checked_session(session_id);
        let (user, id) = match (user, id) {
            (Ok(user), Ok(id)) => (user, id),
            (Err(user), Err(id)) if id.status == 400 => {
                return Err(answer(400, format!("{} and {}", user.body.message, id.body.message)));
            }
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        self.known(&user).await?;
        let by = SubjectId::new(admin.as_str()).ok();
        self.end(&user, id, by).await
    }

    /// The sessions that a user's profile shows: live ones, the newest first, and which of them is
    /// the user's own. Status 200.
    ///
    /// # Errors
    /// 403 for an administrator, who is no user; 500 when a part did not answer.
    pub async fn profile_sessions(&self, caller: &Caller) -> Result<Vec<ProfileSession>, ApiError> {
        let Caller::User { user, session, .. } = caller else { return Err(forbidden()) };
        let sessions = list_all(&self.issuer, SessionQuery::of_subject(user.clone())).await?;
        Ok(sessions.iter().filter_map(|view| ProfileSession::of(view, *session)).collect())
    }

    /// Ends another session of the user's own (`session_delete` of the profile). Status 204.
    ///
    /// # Errors
    /// 400 for an id that is no UUID; 403 for an administrator, for whoever acts in the user's
    /// place, where users may not revoke, and for the session that the user is in: that one is
    /// logged out of; 404 for a session that is unknown, revoked or another user's; 500 when a part
    /// did not answer.
    pub async fn profile_delete_session(
        &self,
        caller: &Caller,
        session_id: &str,
    ) -> Result<(), ApiError> {
        let Caller::User { user, session, actors } = caller else { return Err(forbidden()) };
        if !self.allow_revocation || actors.is_some() {
            return Err(forbidden());
        }
        let id = checked_session(session_id)?;
        if id == Some(*session) {
            return Err(forbidden());
        }
        self.end(user, id, Some(user.clone())).await
    }

    /// A user is deleted: all of the user's sessions end, in one act. Status 204.
    ///
    /// The host calls it after its directory has forgotten the user, so that no new session begins.
    ///
    /// # Errors
    /// 400 for an id that is empty or no UUID; 403 for a user; 500 when a part did not answer.
    pub async fn delete_user_sessions(
        &self,
        caller: &Caller,
        user_id: &str,
    ) -> Result<(), ApiError> {
        let Caller::Admin(admin) = caller else { return Err(forbidden()) };
        let user = checked_user(user_id)?;
        let mut revoke = Revoke::subject_disabled(user);
        if let Ok(by) = SubjectId::new(admin.as_str()) {
            revoke = revoke.by(by);
        }
        self.issuer.revoke(revoke).await?;
        Ok(())
    }
}

impl Service {
    async fn known_user(&self, user_id: &str) -> Result<SubjectId, ApiError> {
        let user = checked_user(user_id)?;
        self.known(&user).await?;
        Ok(user)
    }

    /// Whoever may have no sessions for now may still have had some.
    async fn known(&self, user: &SubjectId) -> Result<(), ApiError> {
        match self.issuer.profile(user).await {
            Err(error) if error.kind() == ErrorKind::SubjectUnknown => {
                Err(not_found().caused_by(error))
            }
            Err(error)
                if !matches!(
                    error.kind(),
                    ErrorKind::SubjectDisabled | ErrorKind::SubjectLocked
                ) =>
            {
                Err(error.into())
            }
            _ => Ok(()),
        }
    }

    async fn end(
        &self,
        user: &SubjectId,
        id: Option<SessionId>,
        by: Option<SubjectId>,
    ) -> Result<(), ApiError> {
        let id = id.ok_or_else(not_found)?;
        let found = find_session(&self.issuer, id).await?;
        if found.is_none_or(|session| session.subject() != Some(user)) {
            return Err(not_found());
        }
        end_session(&self.issuer, (user.clone(), id), by, not_found).await
    }
}

fn not_found() -> ApiError {
    answer(404, "Not Found")
}

fn checked_user(user_id: &str) -> Result<SubjectId, ApiError> {
    match uuid_subject(user_id) {
        Some(user) => Ok(user),
        None if user_id.is_empty() => Err(answer(400, "user_id is a required field")),
        None => Err(answer(400, "user_id must be a valid uuid")),
    }
}

/// The id of a session; none for a UUID that is no session's. The empty one is no path of Hanko's.
fn checked_session(session_id: &str) -> Result<Option<SessionId>, ApiError> {
    match uuid_subject(session_id) {
        Some(id) => Ok(id.as_str().parse().ok()),
        None if session_id.is_empty() => Err(not_found()),
        None => Err(answer(400, "session_id must be a valid uuid")),
    }
}

/// A session, as the Admin API lists it. Instants are RFC 3339.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// The user.
    pub user_id: SubjectId,
    /// The user agent it was made in; `null` without one.
    pub user_agent: Option<String>,
    /// The address it was made from; `null` without one.
    pub ip_address: Option<String>,
    /// When it was created.
    #[serde(with = "date_time")]
    pub created_at: Timestamp,
    /// When it last changed: was used, as far as that was written down.
    #[serde(with = "date_time")]
    pub updated_at: Timestamp,
    /// Its absolute end; `null` where the policy has none.
    #[serde(with = "optional_date_time")]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, as far as that was written down.
    #[serde(with = "date_time")]
    pub last_used: Timestamp,
}

/// A session, as a user's profile shows it. Instants are RFC 3339, and what is absent is left out.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ProfileSession {
    /// Its id.
    pub id: SessionId,
    /// The user agent it was made in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent_raw: Option<String>,
    /// The same: reading an agent's name out of it is the host's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The address it was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// The user is in this one.
    pub current: bool,
    /// When it was created.
    #[serde(with = "date_time")]
    pub created_at: Timestamp,
    /// Its absolute end.
    #[serde(skip_serializing_if = "Option::is_none", with = "optional_date_time")]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, as far as that was written down.
    #[serde(with = "date_time")]
    pub last_used: Timestamp,
}

redacted!(SessionRow, ProfileSession);

impl SessionRow {
    fn of(view: &SessionView) -> Option<Self> {
        let session = view.session()?;
        let (user_agent, ip_address) = parts(session.client());
        Some(Self {
            id: view.id(),
            user_id: session.subject()?.clone(),
            user_agent,
            ip_address,
            created_at: view.created_at(),
            updated_at: session.last_seen_at().max(session.rotated_at()),
            expires_at: session.ends_at(),
            last_used: session.last_seen_at(),
        })
    }
}

impl ProfileSession {
    fn of(view: &SessionView, current: SessionId) -> Option<Self> {
        let session = view.session()?;
        let (user_agent, ip_address) = parts(session.client());
        Some(Self {
            id: view.id(),
            user_agent_raw: user_agent.clone(),
            user_agent,
            ip_address,
            current: view.id() == current,
            created_at: view.created_at(),
            expires_at: session.ends_at(),
            last_used: session.last_seen_at(),
        })
    }
}

fn parts(client: &ClientInfo) -> (Option<String>, Option<String>) {
    (client.user_agent().map(str::to_owned), client.ip().map(|ip| ip.to_string()))
}
