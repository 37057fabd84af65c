//! Who makes challenges: the host's part, and what it is asked.

use std::{fmt, pin::Pin, sync::Arc};

use async_trait::async_trait;
use serde_json::Value;

use super::wire::challenges::UserVerificationRequirement;
use crate::{
    Timestamp,
    factor::Challenge,
    id::SessionId,
    verifier::{Channel, CodeRequest, Holder, OneTimeCode, VerifyError},
};

/// Makes challenges, and sends codes: the host's WebAuthn server, and its mail and SMS.
///
/// # Contract
/// - It is asked after every check of the call has passed, and before anything is stored. Where the
///   call fails after all, what was sent proves nothing.
/// - None says that the user has no such factor, or none that is ready.
/// - How often somebody may be written to is the host's to limit.
///
/// # Examples
/// ```
/// use async_trait::async_trait;
/// use session_issuer::{
///     compat::zitadel::{AskCode, AskWebAuthN, ChallengeMaker, Delivery, MadeWebAuthN},
///     verifier::{OneTimeCode, OneTimeCodes, VerifyError},
/// };
///
/// #[derive(Debug)]
/// struct Challenges {
///     codes: std::sync::Arc<OneTimeCodes>, // the same that verifies them
/// }
///
/// # fn send(_: &OneTimeCode, _: Option<&str>) {}
/// #[async_trait]
/// impl ChallengeMaker for Challenges {
///     async fn code(&self, ask: AskCode<'_>) -> Result<Option<OneTimeCode>, VerifyError> {
///         let made = self.codes.make(ask.request()).map_err(VerifyError::new)?;
///         if let Delivery::Send { url_template } = ask.delivery {
///             send(&made, url_template); // to the address that the host knows
///         }
///         Ok(Some(made))
///     }
///
///     async fn web_authn(&self, _: AskWebAuthN<'_>) -> Result<Option<MadeWebAuthN>, VerifyError> {
///         Ok(None) // no keys here
///     }
/// }
/// ```
#[async_trait]
pub trait ChallengeMaker: fmt::Debug + Send + Sync {
    /// Makes a code and its challenge, and sends the code where it is to be sent.
    ///
    /// # Errors
    /// [`VerifyError`] when no code could be made or sent. The call answers `UNAVAILABLE` (503),
    /// and stores nothing. A user without this factor is `None`.
    async fn code(&self, ask: AskCode<'_>) -> Result<Option<OneTimeCode>, VerifyError>;
    /// Makes a WebAuthn challenge among the user's keys: its passkeys where verification is
    /// required, its second factors where it is not. The verifier sees the challenge again, and
    /// judges domain and verification by what stands in it.
    ///
    /// # Errors
    /// [`VerifyError`] when the WebAuthn server does not answer. The call answers `UNAVAILABLE`
    /// (503), and stores nothing. A user without keys is `None`.
    async fn web_authn(&self, ask: AskWebAuthN<'_>) -> Result<Option<MadeWebAuthN>, VerifyError>;
}

type Answer<'f, T> = Pin<Box<dyn Future<Output = Result<Option<T>, VerifyError>> + Send + 'f>>;

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        /// Forwards every call, and hands out the inner future as it is.
        #[deny(clippy::missing_trait_methods)]
        impl<T: ChallengeMaker + ?Sized> ChallengeMaker for $pointer<T> {
            fn code<'a, 'b, 'f>(&'a self, ask: AskCode<'b>) -> Answer<'f, OneTimeCode>
            where
                'a: 'f,
                'b: 'f,
                Self: 'f,
            {
                (**self).code(ask)
            }
            fn web_authn<'a, 'b, 'f>(&'a self, ask: AskWebAuthN<'b>) -> Answer<'f, MadeWebAuthN>
            where
                'a: 'f,
                'b: 'f,
                Self: 'f,
            {
                (**self).web_authn(ask)
            }
        }
    )*};
}

forward!(Arc, Box);

/// A code to make.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct AskCode<'a> {
    /// How it travels.
    pub channel: Channel,
    /// For whom.
    pub holder: Holder<'a>,
    /// In which session; none while it is being created.
    pub session: Option<SessionId>,
    /// Who brings it to the user.
    pub delivery: Delivery<'a>,
    /// The time.
    pub now: Timestamp,
}

impl<'a> AskCode<'a> {
    /// As [`OneTimeCodes::make`](crate::verifier::OneTimeCodes::make) takes it.
    pub fn request(&self) -> CodeRequest<'a> {
        match self.channel {
            Channel::Sms => CodeRequest::sms(self.holder, self.now),
            Channel::Email => CodeRequest::email(self.holder, self.now),
        }
    }
}

/// Who brings a code to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery<'a> {
    /// The host, now.
    Send {
        /// The template of the address in an email; none for the host's own.
        url_template: Option<&'a str>,
    },
    /// The caller, whom the answer gives it to.
    Return,
}

/// A WebAuthn challenge to make.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct AskWebAuthN<'a> {
    /// For whom.
    pub holder: Holder<'a>,
    /// The domain of the relying party.
    pub domain: &'a str,
    /// Whether the authenticator must verify its user. Never unspecified.
    pub user_verification: UserVerificationRequirement,
    /// The time.
    pub now: Timestamp,
}

/// A WebAuthn challenge.
#[derive(Debug, Clone)]
pub struct MadeWebAuthN {
    /// What the session keeps, and the verifier sees again.
    pub challenge: Challenge,
    /// What the browser gets: an object with `publicKey`.
    pub options: Value,
}
