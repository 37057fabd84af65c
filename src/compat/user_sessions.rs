//! A user's sessions, listed and ended one by one: what Hanko and Stack Auth have in common.

use super::api_error::ApiError;
use crate::{
    Issuer, Revoke, SessionQuery,
    error::{Error, ErrorKind},
    id::{SessionId, SubjectId},
    issuer::SessionView,
    session::Life,
    store::Select,
};

/// A user id of a system whose ids are UUIDs. Only the hyphenated form is read, and written in
/// lower case, so that one user has one name.
pub(super) fn uuid_subject(text: &str) -> Option<SubjectId> {
    let uuid = uuid::Uuid::try_parse(text).ok().filter(|_| text.len() == 36)?;
    SubjectId::new(uuid.hyphenated().to_string()).ok()
}

/// Every session that a query finds, page by page.
pub(super) async fn list_all(
    issuer: &Issuer,
    query: SessionQuery,
) -> Result<Vec<SessionView>, Error> {
    let mut query = query.limit(1000);
    let mut found = Vec::new();
    loop {
        let page = issuer.list(query.clone()).await?;
        found.extend_from_slice(page.sessions());
        match page.next() {
            Some(key) => query = query.after(key),
            None => return Ok(found),
        }
    }
}

/// A session that nobody has revoked, expired or not: whoever may end it still can.
pub(super) async fn find_session(
    issuer: &Issuer,
    id: SessionId,
) -> Result<Option<SessionView>, Error> {
    let query = SessionQuery::select(Select::Ids(vec![id])).dead_too().impersonations_too();
    let page = issuer.list(query).await?;
    let found = page.sessions().first().cloned();
    Ok(found.filter(|session| !matches!(session.life(issuer.now()), Life::Revoked(_))))
}

/// Ends one session of this user. Of two callers who end it at once, one succeeds.
///
/// # Errors
/// `not_found` for a session that is unknown or has ended.
pub(super) async fn end_session<B>(
    issuer: &Issuer,
    (user, id): (SubjectId, SessionId),
    by: Option<SubjectId>,
    not_found: fn() -> ApiError<B>,
) -> Result<(), ApiError<B>>
where
    ApiError<B>: From<Error>,
{
    let mut revoke = Revoke::session_of(user, id);
    if let Some(by) = by {
        revoke = revoke.by(by);
    }
    match issuer.revoke(revoke).await {
        Ok(revoked) if revoked.sessions().is_empty() => Err(not_found()),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(not_found().caused_by(error)),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_names_one_user_however_it_is_written() {
        let name = |text: &str| uuid_subject(text).map(|user| user.to_string());
        let lower = "d654e6ba-70a3-48ef-a95d-37c8d8a7901a";
        assert_eq!(name(lower).as_deref(), Some(lower));
        assert_eq!(name(&lower.to_uppercase()).as_deref(), Some(lower));
        for bad in [
            "",
            "me",
            "USER_ID",
            "d654e6ba70a348efa95d37c8d8a7901a",
            "{d654e6ba-70a3-48ef-a95d-37c8d8a7901a}",
            "urn:uuid:d654e6ba-70a3-48ef-a95d-37c8d8a7901a",
            "d654e6ba-70a3-48ef-a95d-37c8d8a7901",
            "d654e6ba-70a3-48ef-a95d-37c8d8a7901g",
        ] {
            assert_eq!(name(bad), None, "{bad}");
        }
    }
}
