//! `POST /v2alpha/sessions`: a session, and its first checks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    ApiError, Caller, Details, Service,
    error::{invalid, invalid_metadata, out_of_bounds, refused},
    proto::bytes,
};
use crate::{
    NewSession,
    compat::{exposed, redacted, secret},
    factor::Check,
    id::{SessionId, SubjectId},
    metadata::Metadata,
    secret::Secret,
};

/// `POST /v2alpha/sessions`: a session with the factors that its checks prove.
///
/// `userId` and `loginName` exclude each other in ZITADEL's schema, and its own page sends both: both are taken when
/// they name one user.
///
/// # Errors
/// `INVALID_ARGUMENT` (400) for a broken rule, a password without a user, a wrong password; `NOT_FOUND` (404) and
/// `FAILED_PRECONDITION` (400) for a user that is unknown or not active, where no password is given;
/// `UNAVAILABLE` (503) when a part did not answer. Nothing is stored then.
pub async fn create_session(
    service: &Service,
    caller: &Caller,
    request: CreateSession,
) -> Result<CreateSessionResponse, ApiError> {
    let has_password = request.checks.as_ref().is_some_and(|checks| checks.password.is_some());
    let refused = |error| refused(error, has_password, service.answers);
    let new = checked(request)?
        .creator(caller.creator.clone())
        .resource_owner(&caller.resource_owner)
        .map_err(|input| refused(input.into()))?;
    let issued = service.issuer.create(new).await.map_err(refused)?;
    let view = issued.session();
    Ok(CreateSessionResponse {
        details: Details {
            sequence: view.version(),
            change_date: view.created_at(),
            resource_owner: service.owner_of(view, caller),
        },
        session_id: view.id(),
        session_token: issued.token().into(),
    })
}

/// The body of `POST /v2alpha/sessions`.
#[derive(Default, Deserialize)]
#[non_exhaustive]
pub struct CreateSession {
    /// What is to be proved. Without it, the session is about nobody yet.
    pub checks: Option<Checks>,
    /// What to keep on the session. Values in base64, at most 4 KiB each; keys of 1 to 200 characters; 64 entries and
    /// 16 KiB in all. An empty value sets nothing.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// Checks, of which each becomes a factor when it passes.
#[derive(Default, Deserialize)]
#[non_exhaustive]
pub struct Checks {
    /// Whom the session is about.
    pub user: Option<CheckUser>,
    /// The user's password. Needs `user`.
    pub password: Option<CheckPassword>,
}

/// A user, by id or by login name.
#[derive(Clone, Default, Deserialize)]
#[non_exhaustive]
pub struct CheckUser {
    /// The user's id: 1 to 200 characters.
    #[serde(rename = "userId", alias = "user_id")]
    pub user_id: Option<String>,
    /// The name that the user logs in with: 1 to 200 characters.
    #[serde(rename = "loginName", alias = "login_name")]
    pub login_name: Option<String>,
}

/// A password.
#[derive(Default, Deserialize)]
#[non_exhaustive]
pub struct CheckPassword {
    /// The password: 1 to 200 characters.
    #[serde(default, deserialize_with = "secret")]
    pub password: Option<Secret>,
}

redacted!(CreateSession, Checks, CheckUser, CheckPassword);

/// The answer to `POST /v2alpha/sessions`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreateSessionResponse {
    /// What happened to the session.
    pub details: Details,
    /// The session's id: a UUID. Not a credential.
    pub session_id: SessionId,
    /// Needed for every later update of the session, and replaced by it.
    #[serde(serialize_with = "exposed")]
    pub session_token: Secret,
}

/// The session that a request asks for, or the first rule that it breaks.
fn checked(request: CreateSession) -> Result<NewSession, ApiError> {
    let Checks { user, password } = request.checks.unwrap_or_default();
    let mut new = match user {
        None => NewSession::anonymous(),
        Some(CheckUser { user_id: None, login_name: None }) => {
            return Err(invalid("Checks.User", "CheckUser.Search", "value is required"));
        }
        Some(CheckUser { user_id, login_name }) => {
            let id = user_id.map(SubjectId::new).transpose();
            let id = id.map_err(|input| out_of_bounds("Checks.User", "CheckUser.UserId", input))?;
            let name = login_name.as_deref().map(Check::login_name).transpose();
            let name = name.map_err(|input| out_of_bounds("Checks.User", "CheckUser.LoginName", input))?;
            match (id, name) {
                // The login name is looked up, and what it finds must be the user of that id.
                (Some(id), Some(name)) => NewSession::for_subject(id).check(name),
                (id, name) => NewSession::from_checks(id.map(Check::subject).or(name)),
            }
        }
    };
    if let Some(CheckPassword { password }) = password {
        let password = Check::password(password.as_ref().map(Secret::expose).unwrap_or_default());
        new = new.check(
            password.map_err(|input| out_of_bounds("Checks.Password", "CheckPassword.Password", input))?,
        );
    }
    let mut metadata = Metadata::new();
    for (key, value) in request.metadata.unwrap_or_default() {
        let value = bytes(&value).ok_or_else(|| invalid_metadata("a value is not base64"))?;
        metadata.set(&key, value).map_err(|input| invalid_metadata(&input.to_string()))?;
    }
    Ok(new.metadata(metadata))
}
