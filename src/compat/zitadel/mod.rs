//! ZITADEL's session service, v2alpha: a session grown by checks (flow C).
//!
//! Build the issuer with [`Policy::zitadel`](crate::Policy::zitadel), a directory and a verifier. This is the API as its
//! first version has it: user and password checks, and metadata. Lifetimes and user agents came with v2. What happens at a
//! creation: [`guide::flows`](crate::guide::flows). The other calls are not there yet.
//!
//! # Security
//! ZITADEL tells an unknown user from a wrong password, by its answer and by its time. Here, a request with a password
//! has one answer for everything that is wrong with the pair, unless the service is made [`Answers::Precise`]; the
//! verifier works for unknown users too; and the precise kind is always in [`ApiError::cause`](super::ApiError::cause).

mod account;
mod caller;
mod create;
mod delete;
mod error;
mod find;
mod get;
mod list;
mod proto;
mod sufficient;
mod view;

use std::sync::Arc;

pub use self::{
    account::{password_changed, user_ended},
    caller::{Caller, Permission, ResourceOwner, Scope, TokenRule},
    create::{CheckPassword, CheckUser, Checks, CreateSession, CreateSessionResponse, create_session},
    delete::{DeleteSession, DeleteSessionResponse, delete_session},
    error::{ErrorBody, ErrorDetail},
    get::{GetSession, GetSessionResponse, get_session},
    list::{
        CreationDateQuery, CreatorQuery, ExpirationDateQuery, IdsQuery, ListDetails, ListQuery, ListSessions,
        ListSessionsResponse, SearchQuery, SessionFieldName, TimestampQueryMethod, UserAgentQuery,
        UserIdQuery, list_sessions,
    },
    proto::{Details, Span},
    sufficient::{ConfiguredFactors, ForceMfa, Lack, LoginPolicy, amr, authenticate, is_sufficient, lack},
    view::{
        CheckedFactor, Factors, HeaderValues, Profile, Session, ShownUserAgent, UserFactor, WebAuthNFactor,
    },
};
use super::Profiles;
use crate::Issuer;

/// An error as ZITADEL's gateway answers it.
pub type ApiError = super::ApiError<ErrorBody>;

/// An issuer that answers as ZITADEL.
#[derive(Debug, Clone)]
pub struct Service {
    issuer: Issuer,
    answers: Answers,
    token_rule: TokenRule,
    resource_owner: ResourceOwner,
    profiles: Option<Arc<dyn Profiles<Profile>>>,
}

impl Service {
    /// This issuer, with [`Answers::Alike`], [`TokenRule::V2Alpha`] and [`ResourceOwner::Organization`].
    pub fn new(issuer: Issuer) -> Self {
        Self {
            issuer,
            answers: Answers::Alike,
            token_rule: TokenRule::default(),
            resource_owner: ResourceOwner::default(),
            profiles: None,
        }
    }

    /// Whether a change needs the session's token.
    #[must_use]
    pub fn token_rule(mut self, rule: TokenRule) -> Self {
        self.token_rule = rule;
        self
    }

    /// What `details.resourceOwner` names.
    #[must_use]
    pub fn resource_owner(mut self, owner: ResourceOwner) -> Self {
        self.resource_owner = owner;
        self
    }

    /// Where the names that [`UserFactor`] shows come from: asked when a session is shown, and not when one is created.
    /// Without it, only the user's id is shown.
    #[must_use]
    pub fn profiles(mut self, profiles: impl Profiles<Profile> + 'static) -> Self {
        self.profiles = Some(Arc::new(profiles));
        self
    }

    /// How much a failed login tells.
    #[must_use]
    pub fn answers(mut self, answers: Answers) -> Self {
        self.answers = answers;
        self
    }
}

/// How much the answer to a failed login tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answers {
    /// Unknown, inactive, locked, or a wrong password: one answer, that of a wrong password.
    Alike,
    /// ZITADEL's own ids and codes. Whoever may call can find out who has an account: for trusted login servers.
    Precise,
}
