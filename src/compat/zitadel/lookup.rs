//! Which session a call is about, and who may see it without its token.

use super::{ApiError, Caller, Permission, Service};
use crate::{
    error::{ErrorClass, ErrorKind},
    id::SessionId,
    issuer::SessionView,
    session::Life,
};

impl Service {
    /// The session of this id, ended or not.
    pub(super) async fn of_id(
        &self,
        id: Option<SessionId>,
    ) -> Result<Option<SessionView>, ApiError> {
        let Some(id) = id else { return Ok(None) };
        match self.issuer.session(id).await {
            Ok(view) => Ok(Some(view)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The session of this id, ended or not, where that is its current token.
    pub(super) async fn of_token(
        &self,
        id: Option<SessionId>,
        token: &str,
    ) -> Result<Option<SessionView>, ApiError> {
        match self.issuer.session_by(token).await {
            Ok(view) => Ok(Some(view).filter(|view| id == Some(view.id()))),
            Err(error) if error.class() == ErrorClass::Rejected => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// True for a session that nobody has revoked, expired or not.
    pub(super) fn is_there(&self, view: &SessionView) -> bool {
        !matches!(view.life(self.issuer.now()), Life::Revoked(_))
    }
}

impl Caller {
    /// May read this session without its token.
    pub(super) fn may_see(&self, view: &SessionView) -> bool {
        self.made(view)
            || self.owns(view)
            || self.shares_agent(view)
            || self.may_with(Permission::SessionRead, view)
    }
}
