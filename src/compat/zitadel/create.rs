//! `POST /v2alpha/sessions`: a session, and its first checks.

use super::{
    ApiError, Caller, CreateSession, CreateSessionResponse, Service,
    challenges::RequestedChallenges,
    change_errors::ChangeErrors,
    checks::{Asserted, NamedUser},
    fields,
};
use crate::{NewSession, factor::Check, metadata::Metadata};

const REQUEST: &str = "CreateSessionRequest";

impl Service {
    /// `POST /v2alpha/sessions`, `POST /v2/sessions`: a session with the factors that its checks
    /// prove. Status 201.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` (400) for a broken rule, a lifetime below zero, a wrong password or code;
    /// `NOT_FOUND` (404) and `FAILED_PRECONDITION` (400) for a user that is unknown or not active,
    /// where nothing is to be proved with it; `FAILED_PRECONDITION` for a check or challenge that
    /// lacks something: see [the table](super#what-a-refusal-is-called). `UNAVAILABLE` (503) when a
    /// part did not answer. Nothing is stored then.
    pub async fn create_session(
        &self,
        caller: &Caller,
        request: CreateSession,
    ) -> Result<CreateSessionResponse, ApiError> {
        let CreateSession { checks, metadata, challenges, user_agent, lifetime } = request;
        let Asserted { user, proofs } = checks.unwrap_or_default().read(REQUEST)?;
        let entries = fields::entries(metadata, REQUEST)?;
        let metadata = fields::with_entries(Metadata::new(), &entries, REQUEST)?;
        let challenges = challenges.map(|asked| asked.read(REQUEST, self, None)).transpose()?;
        let client = user_agent.map(|agent| agent.read(REQUEST)).transpose()?.unwrap_or_default();
        let errors = ChangeErrors {
            service: self,
            request: REQUEST,
            names_user: user.is_some(),
            first: proofs.first().map(Check::kind),
            session: None,
        };

        let mut new = match user {
            None => NewSession::anonymous(),
            Some(NamedUser::By(check)) => NewSession::from_checks([check]),
            Some(NamedUser::Both(id, name)) => NewSession::for_subject(id).check(name),
        };
        for check in proofs {
            new = new.check(check);
        }
        for (kind, challenger) in challenges.iter().flat_map(RequestedChallenges::each) {
            new = new.ask(kind, challenger);
        }
        if let Some(lifetime) = fields::lifetime(lifetime)? {
            new = new.lifetime(lifetime);
        }
        let new = new
            .metadata(metadata)
            .client(client)
            .creator(caller.creator.clone())
            .resource_owner(&caller.resource_owner);
        let issued = self.issuer.create(new).await.map_err(|error| errors.show(error))?;
        Ok(CreateSessionResponse {
            details: self.details(issued.session(), caller),
            session_id: issued.session_id(),
            session_token: issued.token().into(),
            challenges: challenges.map(|made| made.answer()),
        })
    }
}
