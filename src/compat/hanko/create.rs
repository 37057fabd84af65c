//! `POST /sessions`: a session for a user, and its token.

use serde::Serialize;

use super::{ApiError, Caller, Service, answer, forbidden, text};
use crate::{
    NewSession,
    client::{ClientInfo, MAX_AGENT_CHARS},
    compat::{Field, exposed, from_object, redacted, uuid_subject},
    error::{InvalidInput, Problem},
    id::SubjectId,
    secret::Secret,
};

impl Service {
    /// `POST /sessions`: a session for a user, and its token. Status 200.
    ///
    /// # Errors
    /// 400 for a value that is no text, or for each broken rule, joined with " and "; 403 for a
    /// user; 404 `user not found`, also for one that may have no sessions; 500 when a part did not
    /// answer. Nothing is stored then, and nothing evicted.
    pub async fn create_session(
        &self,
        caller: &Caller,
        request: CreateSession,
    ) -> Result<CreateSessionResponse, ApiError> {
        let Caller::Admin(admin) = caller else { return Err(forbidden()) };
        let (user, client) = self.checked(&request)?;
        let claims = self.claims(&user).await?;
        let new =
            NewSession::for_subject(user).client(client).claims(claims).creator(admin.clone());
        let issued = self.issuer.create(new).await?;
        Ok(CreateSessionResponse { session_token: issued.token().into() })
    }
}

/// The body of `POST /sessions`.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct CreateSession {
    /// Whom the session is for: a hyphenated UUID. Required.
    pub user_id: Field<String>,
    /// The user agent: at most 1024 characters, without controls (ours; Hanko has no rule). Empty
    /// counts as none.
    pub user_agent: Field<String>,
    /// The address: IPv4 or IPv6. Empty counts as none.
    pub ip_address: Field<String>,
}

redacted!(CreateSession);
from_object!(CreateSession {
    user_id: "user_id",
    user_agent: "user_agent",
    ip_address: "ip_address"
});

/// The answer to `POST /sessions`, status 200.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct CreateSessionResponse {
    /// The session's token: a JWT.
    #[serde(serialize_with = "exposed")]
    pub session_token: Secret,
}

impl Service {
    /// The user and the client of a request, or every rule that it breaks.
    fn checked(&self, request: &CreateSession) -> Result<(SubjectId, ClientInfo), ApiError> {
        let user_id = text("user_id", &request.user_id)?;
        let user_agent = text("user_agent", &request.user_agent)?;
        let ip_address = text("ip_address", &request.ip_address)?;
        let mut broken = Vec::new();
        let user = uuid_subject(user_id);
        if user_id.is_empty() {
            broken.push("user_id is a required field".to_owned());
        } else if user.is_none() {
            broken.push("user_id must be a valid uuid".to_owned());
        }
        let mut client = ClientInfo::new();
        match client.clone().with_user_agent(user_agent).checked() {
            Ok(known) if self.acquire_user_agent => client = known,
            Ok(_) => {}
            Err(InvalidInput { problem: Problem::TooLong(_), .. }) => {
                broken.push(format!(
                    "user_agent must be a maximum of {MAX_AGENT_CHARS} characters in length"
                ));
            }
            Err(input) => broken.push(format!("user_agent {}", input.problem)),
        }
        match (ip_address, ip_address.parse()) {
            ("", _) => {}
            (_, Ok(ip)) if self.acquire_ip_address => client = client.with_ip(ip),
            (_, Ok(_)) => {}
            (_, Err(_)) => {
                broken.push("ip_address must be a valid ip address (v4 or v6)".to_owned())
            }
        }
        user.filter(|_| broken.is_empty())
            .map(|user| (user, client))
            .ok_or_else(|| answer(400, broken.join(" and ")))
    }
}
