//! The APIs of five systems, spoken in process: their JSON, their rules, their errors, over one
//! [`Issuer`].
//!
//! Each module is behind a feature of its own, and `compat` is all five; none is on by default.
//! They are built on what every host has: nothing here could not be written outside of this crate.
//!
//! | module | system | what `create_session` speaks | what else is there | policy |
//! | --- | --- | --- | --- | --- |
//! | [`hanko`] | Hanko | `POST /sessions` | validation, lists, revocations, logout, webhooks | [`Policy::hanko`] |
//! | [`stack_auth`] | Stack Auth | `POST /auth/sessions` | refresh, lists, sign-out, access tokens, password changes, an event | [`Policy::stack_auth`] |
//! | [`zitadel`] | ZITADEL | `POST /v2alpha/sessions` | changes, reads, searches, deletion, sufficiency | [`Policy::zitadel`] |
//! | [`tmdb`] | TMDB | `POST /3/authentication/session/new` | request tokens, decisions, guests, use, deletion, v4 | [`Policy::tmdb`] |
//! | [`zelf`] | ZELF | `POST /api/sessions` | use with quotas, the end of an operation, public keys | [`Policy::zelf`] |
//!
//! Each module has the same four parts: a `Service` (an issuer and that system's settings), a
//! `Caller` (which of the system's authorities asks, and as whom: the host finds that out),
//! requests and responses with the system's exact names, and a method of the `Service` for each
//! operation. There is no HTTP in it: a status is a number, and a body serializes.
//!
//! Who calls whom in each flow, what the store does in one act, and every difference from the five
//! systems, with its reason and the test that shows it: [`guide::flows`](crate::guide::flows).
//!
//! Unknown fields of a request are ignored. A value of a wrong type is refused in the system's
//! words: [`Field`]; a request of ZITADEL's does not parse then, as at its own gateway. JSON that
//! does not parse, or is no object, never gets here: that is for the host's door to refuse.
//!
//! # Examples
//! ```
//! use session_issuer::{
//!     Issuer, Policy, compat::hanko, entropy::{Entropy, SystemEntropy}, id::CreatorId,
//!     signer::KeyRing, store::MemoryStore, token::TokenKeys,
//! };
//!
//! # pollster::block_on(async {
//! let mut secret = [0; 32];
//! SystemEntropy.fill(&mut secret)?; // for one process; a real host loads its secret
//! let issuer = Issuer::builder()
//!     .store(MemoryStore::new())
//!     .token_keys(TokenKeys::generate(&SystemEntropy)?)
//!     .signer(KeyRing::hs256("k1", &secret)?)
//!     .policy(Policy::hanko())
//!     .build()?;
//! let service = hanko::Service::new(issuer);
//! let admin = hanko::Caller::Admin(CreatorId::new("admin-api")?);
//!
//! let request = serde_json::from_str(r#"{"user_id": "d654e6ba-70a3-48ef-a95d-37c8d8a7901a"}"#)?;
//! let answer = service.create_session(&admin, request).await?;
//! assert!(serde_json::to_string(&answer)?.starts_with(r#"{"session_token":"ey"#));
//!
//! let refused = service.create_session(&admin, serde_json::from_str("{}")?).await.unwrap_err();
//! assert_eq!(refused.status, 400);
//! let body = serde_json::to_string(&refused)?;
//! assert_eq!(body, r#"{"code":400,"message":"user_id is a required field"}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! [`Issuer`]: crate::Issuer
//! [`Policy::hanko`]: crate::Policy::hanko
//! [`Policy::stack_auth`]: crate::Policy::stack_auth
//! [`Policy::zitadel`]: crate::Policy::zitadel
//! [`Policy::tmdb`]: crate::Policy::tmdb
//! [`Policy::zelf`]: crate::Policy::zelf

mod api_error;
#[cfg(any(feature = "hanko", feature = "stack-auth", feature = "tmdb", feature = "zelf"))]
mod field;
#[cfg(feature = "hanko")]
#[cfg_attr(docsrs, doc(cfg(feature = "hanko")))]
pub mod hanko;
#[cfg(any(feature = "tmdb", feature = "zelf", feature = "zitadel"))]
mod query;
#[cfg(feature = "stack-auth")]
#[cfg_attr(docsrs, doc(cfg(feature = "stack-auth")))]
pub mod stack_auth;
#[cfg(feature = "tmdb")]
#[cfg_attr(docsrs, doc(cfg(feature = "tmdb")))]
pub mod tmdb;
#[cfg(any(feature = "hanko", feature = "stack-auth"))]
mod user_sessions;
#[cfg(feature = "zelf")]
#[cfg_attr(docsrs, doc(cfg(feature = "zelf")))]
pub mod zelf;
#[cfg(feature = "zitadel")]
#[cfg_attr(docsrs, doc(cfg(feature = "zitadel")))]
pub mod zitadel;

#[cfg(any(feature = "hanko", feature = "stack-auth", feature = "zitadel"))]
use std::fmt;

#[cfg(any(feature = "hanko", feature = "stack-auth", feature = "zitadel"))]
use async_trait::async_trait;
use serde::Serializer;

pub use self::api_error::ApiError;
#[cfg(any(feature = "hanko", feature = "stack-auth", feature = "tmdb", feature = "zelf"))]
use self::field::from_object;
#[cfg(any(feature = "hanko", feature = "stack-auth", feature = "tmdb", feature = "zelf"))]
pub use self::field::{Field, JsonType};
#[cfg(any(feature = "hanko", feature = "stack-auth"))]
use self::user_sessions::{end_session, find_session, list_all, uuid_subject};
use crate::secret::Secret;
#[cfg(any(feature = "hanko", feature = "stack-auth", feature = "zitadel"))]
use crate::{id::SubjectId, verifier::VerifyError};

/// What the host knows of users, for the claims of one system's tokens.
///
/// # Contract
/// - It is asked before a session is created, also for users that do not exist: a profile of
///   defaults is the answer then. Whether a user exists is for the
///   [`SubjectDirectory`](crate::verifier::SubjectDirectory) to say.
/// - An error says that nothing is known: no session is created.
#[cfg(any(feature = "hanko", feature = "stack-auth", feature = "zitadel"))]
#[async_trait]
pub trait Profiles<P>: fmt::Debug + Send + Sync {
    /// The profile of this user.
    ///
    /// # Errors
    /// [`VerifyError`] when nothing is known of the user now. The call answers that a part did not
    /// answer, and no session is created.
    async fn profile(&self, user: &SubjectId) -> Result<P, VerifyError>;
}

/// For fields that hold a secret.
#[cfg(feature = "zitadel")]
fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(<Option<String> as serde::Deserialize>::deserialize(deserializer)?.map(Secret::from))
}

/// For fields of an answer that hand a token out. The one place where a secret is written.
fn exposed<S: Serializer>(token: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.expose())
}

/// `Debug` for requests: their names alone, for they hold users, addresses and secrets.
macro_rules! redacted {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}
use redacted;
