//! The public key that clients encrypt with: the host's, handed out here.

use std::{fmt, net::IpAddr};

use async_trait::async_trait;
use serde::Serialize;

use super::{ApiError, Caller, Service, status::invalid};
use crate::{
    compat::{Field, from_object, query, redacted},
    error::{Error, ErrorKind, InputField, Operation, Problem},
    id::check_text,
    verifier::VerifyError,
};

/// The metadata entry of a session that is left to the host's encryption: a key's name, or a
/// wrapped key.
///
/// Set it by the host's authority: [`Update::as_host`](crate::Update::as_host) with
/// [`metadata`](crate::Update::metadata). The session's tokens stay as they are.
pub const KEY_SLOT: &str = "yek";

/// Has the keys that clients encrypt with, one for each identifier or address.
///
/// # Contract
/// - Asked again for the same, it MUST answer the same key while that key's session lives.
/// - The private key MUST stay with the host. This crate sees none.
/// - An error says that nothing is known: the answer asks the client to try again.
///
/// ZELF takes one key for each address in production, and one for each identifier in development.
///
/// # Examples
/// ```
/// use async_trait::async_trait;
/// use session_issuer::{compat::zelf::{PublicKeys, WantedKey}, verifier::VerifyError};
///
/// #[derive(Debug)]
/// struct Keys; // a handle on your key store
///
/// #[async_trait]
/// impl PublicKeys for Keys {
///     async fn public_key(&self, wanted: WantedKey<'_>) -> Result<String, VerifyError> {
///         Ok(format!("-----BEGIN PGP PUBLIC KEY BLOCK----- {}", wanted.identifier))
///     }
/// }
/// ```
#[async_trait]
pub trait PublicKeys: fmt::Debug + Send + Sync {
    /// The public key for this one.
    ///
    /// # Errors
    /// [`VerifyError`] when the key store does not answer. The client is asked to try again.
    async fn public_key(&self, wanted: WantedKey<'_>) -> Result<String, VerifyError>;
}

/// Whose key is wanted.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct WantedKey<'a> {
    /// The identifier that was sent: 1 to 200 characters.
    pub identifier: &'a str,
    /// The client's address, where it is known.
    pub ip: Option<IpAddr>,
}

impl fmt::Debug for WantedKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WantedKey").finish_non_exhaustive()
    }
}

impl Service {
    /// `GET /api/sessions/yek-cilbup`: the key that the calling device encrypts with. No session is
    /// needed.
    ///
    /// # Errors
    /// 403 `{error: "rejected"}` without origin or address; 409 `{validationError}` for a broken
    /// rule; 500 `{error}` when the host has no keys, or did not answer.
    pub async fn public_key(
        &self,
        caller: &Caller,
        request: PublicKey,
    ) -> Result<PublicKeyResponse, ApiError> {
        self.admits(caller)?;
        let wanted = WantedKey { identifier: request.checked()?, ip: caller.ip };
        let failed = |kind| Error::new(kind, Operation::Input);
        let keys = self.keys.as_ref().ok_or_else(|| failed(ErrorKind::NotSupported))?;
        let key = keys.public_key(wanted).await;
        let data = key.map_err(|source| failed(ErrorKind::Unavailable).with_source(source))?;
        Ok(PublicKeyResponse { data })
    }
}

/// The query of `GET /api/sessions/yek-cilbup`.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct PublicKey {
    /// Names the device: 1 to 200 characters. Required.
    pub identifier: Field<String>,
}

redacted!(PublicKey);
from_object!(PublicKey { identifier: "identifier" });

impl PublicKey {
    /// For this device.
    pub fn new(identifier: impl Into<String>) -> Self {
        Self { identifier: Field::Given(identifier.into()) }
    }

    /// Its `identifier` in the query of an address, where it has one.
    pub fn from_query(query: &str) -> Self {
        Self { identifier: query::value(query, "identifier").into() }
    }

    fn checked(&self) -> Result<&str, ApiError> {
        let identifier = match self.identifier.strict() {
            Ok(Some(identifier)) => identifier,
            Ok(None) => return Err(invalid(r#""identifier" is required"#)),
            Err(_) => return Err(invalid(r#""identifier" must be a string"#)),
        };
        check_text(InputField::Host("identifier"), identifier)
            .map(|()| identifier.as_str())
            .map_err(|input| match input.problem {
                Problem::Empty => invalid(r#""identifier" is not allowed to be empty"#),
                problem => invalid(&format!(r#""identifier" {problem}"#)),
            })
    }
}

/// The answer to `GET /api/sessions/yek-cilbup`, status 200.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PublicKeyResponse {
    /// The public key, as the host writes it.
    pub data: String,
}
