//! ZITADEL's session service, v2alpha, v2beta and v2: a session grown by checks (flow C).
//!
//! Build the issuer with [`Policy::zitadel`](crate::Policy::zitadel), a directory, and a verifier
//! for each kind of check ([`Verifiers`](crate::verifier::Verifiers)). The eras differ in who may
//! change a session: [`TokenRule`].
//!
//! | call | ZITADEL | success |
//! | --- | --- | --- |
//! | [`create_session`](Service::create_session) | `POST /v2alpha/sessions`, `POST /v2/sessions` | 201 |
//! | [`set_session`](Service::set_session) | `PATCH /v2alpha/sessions/{session_id}`, `PATCH /v2/sessions/{session_id}` | 200 |
//! | [`get_session`](Service::get_session) | `GET /v2alpha/sessions/{session_id}` | 200 |
//! | [`list_sessions`](Service::list_sessions) | `POST /v2alpha/sessions/search` | 200 |
//! | [`delete_session`](Service::delete_session) | `DELETE /v2alpha/sessions/{session_id}` | 200 |
//! | [`authenticate`](Service::authenticate) | a session token as bearer token | |
//! | [`password_changed`](Service::password_changed), [`user_ended`](Service::user_ended) | what its events do to sessions | |
//! | [`read`] | what its gateway does to a body | |
//!
//! Whether a session is enough for a login is asked of [`is_sufficient`]. What happens at each
//! call: [`guide::flows`](crate::guide::flows).
//!
//! # What a refusal is called
//! Checks run in the order of this table, and then challenges; the first that fails ends the call.
//! Attempts are the verifier's to count: a failed one reaches its
//! [`Lockout`](crate::verifier::Lockout), and nothing of the call is stored on the session. Ids are
//! those of v2; v2alpha's differ where ZITADEL's did.
//!
//! | check | wrong | no user | locked | not there, not ready | no challenge, or its time is over |
//! | --- | --- | --- | --- | --- | --- |
//! | `user` | `QUERY-Dfbg2` (404) | | `SESSION-Gj4ko` | | |
//! | `password` | `COMMAND-3M0fs` (v2alpha: `COMMAND-SAF3g`) | `COMMAND-Sfw3f` | `COMMAND-JLK35` | `COMMAND-3nJ4t` | |
//! | `idpIntent` | `CRYPTO-CRYPTO` (403) | `COMMAND-Sfw3r` | `COMMAND-JLK35` | `COMMAND-O8xk3w`, `COMMAND-Df4bw` | `COMMAND-SAf42` |
//! | `webAuthN` | `WEBAU-3M9si` | `COMMAND-Ioqu5`, `COMMAND-eeR2e` | `COMMAND-JLK35` | `COMMAND-Aej7i` | `COMMAND-Ioqu5` |
//! | `totp` | `EVENT-8isk2` | `COMMAND-8N9ds` | `COMMAND-SF3fg` | `COMMAND-3Mif9s` | |
//! | `otpSms` | `CODE-woT0xc` | `COMMAND-VDrh3`, `COMMAND-JKL3g` | `COMMAND-S6h4R` | `COMMAND-BJ2g3` | `COMMAND-SF3tv`, `CODE-QvUQ4P` |
//! | `otpEmail` | `CODE-woT0xc` | `COMMAND-ejo2w`, `COMMAND-JK3gp` | `COMMAND-S6h4R` | `COMMAND-JKLJ3` | `COMMAND-zF3g3`, `CODE-QvUQ4P` |
//! | `recoveryCode` | `DOMAIN-6uvh0` | `COMMAND-4m9s2` | `COMMAND-2w6oa` (404) | `COMMAND-84rgg` | |
//!
//! A verifier of intents says what is wrong with one by its [`Outcome`](crate::verifier::Outcome):
//! `Wrong` for its token, `NotReady` for one that has not succeeded or was used, `NoChallenge` for
//! one whose time is over, `NotSetUp` for one of another user, or one that nobody has linked.
//!
//! # Security
//! ZITADEL answers an unknown user and a wrong password differently, also in time. Here, a
//! request that names a user and proves something has one answer for everything that is wrong with
//! the user and the first proof, unless the service is made [`Answers::Precise`], or the session
//! has proved something before. The verifier works for unknown users too. The precise kind is
//! always in [`ApiError::cause`](super::ApiError::cause). A request that names a user and proves
//! nothing shows whether the user exists, as ZITADEL's does: let trusted login servers call, and no
//! browsers.
//!
//! A challenge with `returnCode` gives the code to the caller, who then has that factor without
//! phone or mailbox: for callers who are not trusted with it, set a [`ChallengeMaker`] that has no
//! code to return.
//!
//! # Examples
//! ```
//! use session_issuer::{
//!     Issuer, Policy, compat::zitadel::{Caller, CreateSession, Service, SetSession, read},
//!     entropy::SystemEntropy, id::CreatorId, store::MemoryStore, token::TokenKeys,
//! };
//! # use async_trait::async_trait;
//! # use session_issuer::{factor::Check, verifier::*};
//! # #[derive(Debug)]
//! # struct Users;
//! # #[async_trait]
//! # impl SubjectDirectory for Users {
//! #     async fn find(&self, lookup: Lookup<'_>) -> Result<Found, VerifyError> {
//! #         Ok(match lookup.by {
//! #             session_issuer::factor::SubjectRef::Id(id) => {
//! #                 Found::Active(SubjectProfile::new(id.clone()).with_resource_owner("acme"))
//! #             }
//! #             _ => Found::Unknown,
//! #         })
//! #     }
//! # }
//! # #[derive(Debug)]
//! # struct Passwords;
//! # #[async_trait]
//! # impl FactorVerifier for Passwords {
//! #     async fn verify(&self, attempt: Attempt<'_>) -> Result<Outcome, VerifyError> {
//! #         Ok(match attempt.check {
//! #             Check::Password(given) if given.expose() == "V3ryS3cure!" => Outcome::passed(),
//! #             _ => Outcome::Wrong,
//! #         })
//! #     }
//! # }
//!
//! # pollster::block_on(async {
//! let issuer = Issuer::builder()
//!     .store(MemoryStore::new())
//!     .token_keys(TokenKeys::generate(&SystemEntropy)?)
//!     .policy(Policy::zitadel())
//!     .directory(Users) // your own `SubjectDirectory`
//!     .verifier(Verifiers::new().password(Passwords))
//!     .build()?;
//! let service = Service::new(issuer);
//! let login = Caller::new(CreatorId::new("login-page")?, "acme")?;
//!
//! let body = br#"{"checks": {"user": {"userId": "alice"}}, "lifetime": "600s"}"#;
//! let request: CreateSession = read(body)?;
//! let created = service.create_session(&login, request).await?;
//! let id = created.session_id.to_string();
//!
//! let mut request: SetSession = read(br#"{"checks": {"password": {"password": "wrong"}}}"#)?;
//! request.session_token = Some(created.session_token.expose().into());
//! let refused = service.set_session(&login, &id, request).await.unwrap_err();
//! assert_eq!(refused.body.details[0].message, "Errors.User.Password.Invalid");
//!
//! let body = br#"{"checks": {"password": {"password": "V3ryS3cure!"}}}"#;
//! let mut request: SetSession = read(body)?;
//! // Still good: the refused call has changed nothing.
//! request.session_token = Some(created.session_token);
//! let set = service.set_session(&login, &id, request).await?;
//! assert_eq!(set.details.sequence, 2);
//! let answer = serde_json::to_string(&set)?;
//! assert!(answer.starts_with(r#"{"details":{"sequence":"2","changeDate":"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

// The calls, one file each.
mod account;
mod authenticate;
mod create;
mod delete;
mod get;
mod list;
mod read;
mod set;

// What calls take and answer, as JSON.
mod wire;

// Every refusal, and which of them an error of the issuer is.
mod change_errors;
mod refusals;

// Who calls, and which sessions the caller reaches.
mod caller;
mod criterion;
mod lookup;

// The parts of a request, against the rules of the schema.
mod challenges;
mod checks;
mod fields;
mod user_agent;

// A session, as it is shown, and whether it is enough of a login.
mod sufficient;
mod view;

// Who makes challenges: the host's part.
mod maker;

use std::sync::Arc;

pub use self::{
    caller::{Caller, Permission, ResourceOwner, Scope, TokenRule},
    maker::{AskCode, AskWebAuthN, ChallengeMaker, Delivery, MadeWebAuthN},
    read::read,
    sufficient::{ConfiguredFactors, ForceMfa, Lack, LoginPolicy, amr, is_sufficient, lack},
    view::Profile,
    wire::{
        challenges::{
            Challenges, RequestChallenges, RequestOtpEmail, RequestOtpSms, RequestWebAuthN,
            ReturnCode, SendCode, UserVerificationRequirement, WebAuthNChallenge,
        },
        checks::{
            CheckIdpIntent, CheckOtp, CheckPassword, CheckRecoveryCode, CheckTotp, CheckUser,
            CheckWebAuthN, Checks,
        },
        create::{CreateSession, CreateSessionResponse},
        delete::{DeleteSession, DeleteSessionResponse},
        details::Details,
        error::{ErrorBody, ErrorDetail},
        get::{GetSession, GetSessionResponse},
        list::{
            CreationDateQuery, CreatorQuery, ExpirationDateQuery, IdsQuery, ListDetails, ListQuery,
            ListSessions, ListSessionsResponse, SearchQuery, SessionFieldName,
            TimestampQueryMethod, UserAgentQuery, UserIdQuery,
        },
        session::{CheckedFactor, Factors, Session, UserFactor, WebAuthNFactor},
        set::{SetSession, SetSessionResponse},
        span::Span,
        user_agent::{UserAgent, UserAgentHeader},
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
    challenges: Option<Arc<dyn ChallengeMaker>>,
}

impl Service {
    /// This issuer, with [`Answers::Alike`], [`TokenRule::V2Alpha`] and
    /// [`ResourceOwner::Organization`].
    pub fn new(issuer: Issuer) -> Self {
        Self {
            issuer,
            answers: Answers::Alike,
            token_rule: TokenRule::default(),
            resource_owner: ResourceOwner::default(),
            profiles: None,
            challenges: None,
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

    /// Where the names that [`UserFactor`] shows come from: asked when a session is shown, and not
    /// when one is created. Without it, only the user's id is shown.
    #[must_use]
    pub fn profiles(mut self, profiles: impl Profiles<Profile> + 'static) -> Self {
        self.profiles = Some(Arc::new(profiles));
        self
    }

    /// Who makes challenges, and sends codes. Without it, a request for one is `INTERNAL` (500).
    #[must_use]
    pub fn challenges(mut self, maker: impl ChallengeMaker + 'static) -> Self {
        self.challenges = Some(Arc::new(maker));
        self
    }

    /// How much the answer to a failed login says.
    #[must_use]
    pub fn answers(mut self, answers: Answers) -> Self {
        self.answers = answers;
        self
    }
}

/// How much the answer to a failed login says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answers {
    /// Unknown, inactive, locked, or a wrong first proof: one answer, that of a wrong proof.
    Alike,
    /// ZITADEL's own ids and codes. Whoever may call can find out who has an account: for trusted
    /// login servers.
    Precise,
}
