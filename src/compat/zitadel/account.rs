//! What happens to sessions when a user's password changes, or the user goes.

use super::{ApiError, Service};
use crate::{Revoke, factor::FactorKind, id::SubjectId, issuer::CredentialChange};

impl Service {
    /// The user's password has changed: sessions live on, and the proofs of the old one no longer
    /// count.
    ///
    /// # Errors
    /// `UNAVAILABLE` (503) when a part did not answer: whether it was done is not known, and the
    /// call may be repeated.
    pub async fn password_changed(&self, user: &SubjectId) -> Result<(), ApiError> {
        let change = CredentialChange::new(user.clone(), FactorKind::Password).keeping_all();
        self.issuer.credential_changed(change).await?;
        Ok(())
    }

    /// The user is deactivated, locked or removed: all sessions end, in one act.
    ///
    /// The host calls it after its directory says so, so that no new session begins.
    ///
    /// # Errors
    /// `UNAVAILABLE` (503) when a part did not answer: whether it was done is not known, and the
    /// call may be repeated.
    pub async fn user_ended(&self, user: &SubjectId) -> Result<(), ApiError> {
        self.issuer.revoke(Revoke::subject_disabled(user.clone())).await?;
        Ok(())
    }
}
