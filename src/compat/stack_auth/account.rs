//! What happens to sessions when a user's password changes, or the user goes.

use super::{ApiError, Service};
use crate::{
    Revoke,
    error::{ErrorClass, ErrorKind},
    factor::FactorKind,
    id::{SessionId, SubjectId},
    issuer::CredentialChange,
};

impl Service {
    /// The user has changed the password: all other sessions end, in one act.
    ///
    /// The one that this refresh token names is kept, if it is a live one of the user's own;
    /// without one, all end.
    ///
    /// # Errors
    /// 500 when a part did not answer: whether the sessions have ended is not known, and the call
    /// may be repeated.
    pub async fn password_changed(
        &self,
        user: &SubjectId,
        own_refresh_token: Option<&str>,
    ) -> Result<(), ApiError> {
        let change = || CredentialChange::new(user.clone(), FactorKind::Password).by(user.clone());
        if let Some(keep) = self.own_session(user, own_refresh_token).await? {
            match self.issuer.credential_changed(change().keeping(keep)).await {
                Ok(_) => return Ok(()),
                // It has ended in the meantime: there is none to keep.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.issuer.credential_changed(change()).await?;
        Ok(())
    }

    /// The password was set by an administrator, or reset by a code: all sessions of the user end,
    /// in one act.
    ///
    /// # Errors
    /// 500 when a part did not answer: whether the sessions have ended is not known, and the call
    /// may be repeated.
    pub async fn password_reset(&self, user: &SubjectId) -> Result<(), ApiError> {
        let change = CredentialChange::new(user.clone(), FactorKind::Password);
        self.issuer.credential_changed(change).await?;
        Ok(())
    }

    /// The user is deleted or disabled: all sessions end, in one act.
    ///
    /// The host calls it after its directory has forgotten the user, so that no new session begins.
    ///
    /// # Errors
    /// 500 when a part did not answer: whether the sessions have ended is not known, and the call
    /// may be repeated.
    pub async fn user_deleted(&self, user: &SubjectId) -> Result<(), ApiError> {
        self.issuer.revoke(Revoke::subject_disabled(user.clone())).await?;
        Ok(())
    }
}

impl Service {
    /// The session that an unspent refresh token names, where it is the user's own and nobody
    /// else's acting in the user's place.
    async fn own_session(
        &self,
        user: &SubjectId,
        refresh_token: Option<&str>,
    ) -> Result<Option<SessionId>, ApiError> {
        let Some(token) = refresh_token else { return Ok(None) };
        match self.issuer.session_by_refresh_token(token).await {
            // A token that was spent may be what a thief has left behind: whoever refreshed with it
            // stays signed in by it.
            Ok(seen) if seen.is_spent() => Ok(None),
            Ok(seen)
                if seen.session().subject() == Some(user) && !seen.session().is_impersonation() =>
            {
                Ok(Some(seen.session().id()))
            }
            Ok(_) => Ok(None),
            Err(error) if error.class() == ErrorClass::Rejected => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
