//! A session token used as a bearer token: the caller that it stands for.

use super::{
    ApiError, Caller, Lack, LoginPolicy, Service, lack,
    refusals::{NOT_AUTHENTICATED, SECOND_FACTOR_REQUIRED},
};
use crate::{
    Requirement,
    error::{Error, ErrorClass, ErrorKind, InvalidInput, Operation},
    id::CreatorId,
    session::Session,
};

impl Service {
    /// The caller that a session token stands for, where it is used as a bearer token: the
    /// session's user, in its user agent.
    ///
    /// The session must be live and [sufficient](super::is_sufficient), and the directory must
    /// still let its user in. Its user agent is what its creator said: where callers who are not
    /// trusted create sessions, leave `fingerprintId` out of what they send, or whoever knows
    /// another's fingerprint sees what was made there. The caller's creator id is the user's id:
    /// users and service accounts must not share a name. It has no permissions: the host grants
    /// what the user has.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` (401) for a token that is not the current one of a live session, of which
    /// the user has proved to be the user; `PERMISSION_DENIED` (403) where a second factor is
    /// needed; `UNAVAILABLE` (503) when a part did not answer.
    pub async fn authenticate(&self, token: &str, policy: LoginPolicy) -> Result<Caller, ApiError> {
        let failed = |error: Error| match error.class() {
            ErrorClass::Rejected => NOT_AUTHENTICATED.error().caused_by(error),
            _ => ApiError::from(error),
        };
        let need = Requirement::new().no_impersonation();
        let checked = self.issuer.check(token, &need).await.map_err(failed)?;
        let view = checked
            .session()
            .ok_or_else(|| failed(Error::new(ErrorKind::Internal, Operation::Check)))?;
        let user = checked.subject().map_err(failed)?;
        let profile = self.issuer.profile(user).await.map_err(failed)?;
        match lack(view, &profile, policy, self.issuer.now()) {
            None => {}
            Some(Lack::SecondFactor) => return Err(SECOND_FACTOR_REQUIRED.error()),
            Some(_) => return Err(NOT_AUTHENTICATED.error()),
        }
        let owner =
            view.session().and_then(Session::resource_owner).or(profile.resource_owner.as_deref());
        let invalid = |input: InvalidInput| ApiError::from(Error::from(input));
        let creator = CreatorId::new(user.as_str()).map_err(invalid)?;
        let caller = Caller::new(creator, owner.unwrap_or(user.as_str())).map_err(invalid)?;
        let caller = caller.user(user.clone());
        Ok(match view.client() {
            Some(client) => caller.user_agent(client),
            None => caller,
        })
    }
}
