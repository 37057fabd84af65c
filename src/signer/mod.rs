//! The signer joint: who signs access tokens, and whose signatures hold.
//!
//! | you have | take |
//! | --- | --- |
//! | one secret or private key | [`KeyRing`] of a [`SecretKey`] |
//! | keys that change while the process runs | [`LiveKeyRing`] |
//! | a key that lives elsewhere (KMS, HSM) | your own [`TokenSigner`] |
//! | only the public keys of an issuer | [`Jwks`] and `verify::TokenVerifier` |

mod key;
mod key_ring;
mod live_ring;

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;

pub use key::{GeneratedKey, InvalidJwks, InvalidKey, Jwks, PublicKey, SecretKey};
pub use key_ring::{KeyRing, KeyWarning};
pub use live_ring::LiveKeyRing;

pub use crate::error::joints::{SignError, SignErrorKind};
use crate::{clock::Timestamp, token::Algorithm};

/// Signs access tokens, and says whose signatures hold.
///
/// # Contract
/// - A key has exactly one algorithm. `verify` MUST refuse a header that names another.
/// - `verify` MUST look a key up by its exact id, and never try others.
/// - A key id MUST be made of `A-Z a-z 0-9 . _ ~ -`, at most 64 of them, and name one key for ever.
/// - A key that may sign on any node MUST verify on every node before it does.
/// - `verify` MUST NOT do I/O.
#[async_trait]
pub trait TokenSigner: Debug + Send + Sync {
    /// The key that signs at this time.
    ///
    /// # Errors
    /// [`NoSigningKey`](SignErrorKind::NoSigningKey) when no key has begun to sign at this time.
    fn signing_key(&self, now: Timestamp) -> Result<SigningKey, SignError>;

    /// Signs with the key that [`signing_key`](Self::signing_key) named.
    ///
    /// # Errors
    /// [`UnknownKey`](SignErrorKind::UnknownKey) for a key that is gone; of a key that lives
    /// elsewhere, [`Unavailable`](SignErrorKind::Unavailable),
    /// [`TimedOut`](SignErrorKind::TimedOut) and [`RateLimited`](SignErrorKind::RateLimited). The
    /// issuer answers `Unavailable` for all of them, and stores nothing.
    async fn sign(&self, request: SignRequest<'_>) -> Result<Vec<u8>, SignError>;

    /// Says whether a signature holds.
    ///
    /// # Errors
    /// [`UnknownKey`](SignErrorKind::UnknownKey) for an id that no key has or that verifies no
    /// more, [`WrongAlgorithm`](SignErrorKind::WrongAlgorithm) for a header that names another
    /// algorithm than the key has, [`BadSignature`](SignErrorKind::BadSignature) for a signature of
    /// somebody else.
    fn verify(&self, request: VerifyRequest<'_>) -> Result<(), SignError>;
}

/// The key that signs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SigningKey {
    /// The id of the key (`kid`).
    pub id: Arc<str>,
    /// The algorithm of the key (`alg`).
    pub algorithm: Algorithm,
}

impl SigningKey {
    /// A key of this id and algorithm.
    pub fn new(id: Arc<str>, algorithm: Algorithm) -> Self {
        Self { id, algorithm }
    }
}

/// A request for a signature: the bytes, and the key that signs.
#[derive(Debug)]
#[non_exhaustive]
pub struct SignRequest<'a> {
    /// The key, as [`TokenSigner::signing_key`] named it.
    pub key: &'a SigningKey,
    /// The bytes to sign.
    pub message: &'a [u8],
}

impl<'a> SignRequest<'a> {
    /// These bytes, with this key.
    pub fn new(key: &'a SigningKey, message: &'a [u8]) -> Self {
        Self { key, message }
    }
}

/// A signature to judge.
#[derive(Debug)]
#[non_exhaustive]
pub struct VerifyRequest<'a> {
    /// The key's id, as the token names it.
    pub key_id: &'a str,
    /// The algorithm, as the token names it.
    pub algorithm: Algorithm,
    /// The bytes that were signed.
    pub message: &'a [u8],
    /// The signature to judge.
    pub signature: &'a [u8],
    /// The time at which the key must verify.
    pub now: Timestamp,
}

impl<'a> VerifyRequest<'a> {
    /// A signature over these bytes, said to be of this key, now.
    pub fn new(
        key_id: &'a str,
        algorithm: Algorithm,
        message: &'a [u8],
        signature: &'a [u8],
        now: Timestamp,
    ) -> Self {
        Self { key_id, algorithm, message, signature, now }
    }
}

/// A source of the keys that another issuer publishes: the host fetches them.
///
/// # Contract
/// - It MUST limit how long it takes and how much it reads; more than 64 KiB is refused in any
///   case.
/// - It MUST fetch from one fixed place: nothing of a token reaches it.
///
/// # Examples
/// ```
/// use async_trait::async_trait;
/// use session_issuer::signer::{JwksSource, SignError, SignErrorKind};
///
/// #[derive(Debug)]
/// struct WellKnown; // an HTTP client and an address
///
/// # async fn get(_: &str) -> Result<Vec<u8>, std::io::Error> { Ok(Vec::new()) }
/// #[async_trait]
/// impl JwksSource for WellKnown {
///     async fn fetch(&self) -> Result<Vec<u8>, SignError> {
///         let body = get("https://id.example/.well-known/jwks.json").await;
///         body.map_err(|error| SignError::new(SignErrorKind::Unavailable).with_source(error))
///     }
/// }
/// ```
#[async_trait]
pub trait JwksSource: Debug + Send + Sync {
    /// The set as JSON, as it is published now.
    ///
    /// # Errors
    /// [`Unavailable`](SignErrorKind::Unavailable) when the place was not reached or answered with
    /// anything but a set, [`TimedOut`](SignErrorKind::TimedOut) when it took too long. Keys that
    /// were fetched before stay in use.
    async fn fetch(&self) -> Result<Vec<u8>, SignError>;
}

crate::forward::forward! {
    TokenSigner {
        async fn sign<'b>(&self, request: SignRequest<'b>) -> Result<Vec<u8>, SignError>;
        fn signing_key(&self, now: Timestamp) -> Result<SigningKey, SignError>;
        fn verify(&self, request: VerifyRequest<'_>) -> Result<(), SignError>;
    }
}
crate::forward::forward! {
    JwksSource {
        async fn fetch(&self) -> Result<Vec<u8>, SignError>;
    }
}
