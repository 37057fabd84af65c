//! Public keys: they verify, and never sign.

use std::{fmt, sync::Arc};

use serde_json::Value;

use super::{
    InvalidKey,
    arithmetic::Verifying,
    checked_id, encoded,
    jwk::{self, Jwk, Purpose},
    parts::PublicParts,
};
use crate::{
    error::{SignError, SignErrorKind},
    signer::VerifyRequest,
    token::{Algorithm, strict_json},
};

/// A public key: of one algorithm, and with an id.
///
/// It is checked when it is loaded: a point that is on its curve and not of small order, an RSA
/// modulus of 2048 to 4096 bits, and nothing in a JWK that says it is for something else. Its id is
/// its thumbprint (RFC 7638) unless a JWK or the host names another.
///
/// # Examples
/// ```
/// # #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))] {
/// use session_issuer::{signer::PublicKey, token::Algorithm};
///
/// let key = PublicKey::from_pem(Algorithm::EdDsa, "-----BEGIN PUBLIC KEY-----
/// MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
/// -----END PUBLIC KEY-----")?;
/// assert_eq!(key.id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"); // RFC 8037, appendix A.3
/// # }
/// # Ok::<(), session_issuer::signer::InvalidKey>(())
/// ```
#[derive(Clone)]
pub struct PublicKey {
    id: Arc<str>,
    parts: Arc<PublicParts>,
    verifying: Arc<Verifying>,
}

impl PublicKey {
    /// A public key in PEM: `PUBLIC KEY`, or `RSA PUBLIC KEY`.
    ///
    /// # Errors
    /// [`Malformed`](InvalidKey::Malformed) for text that is no such key,
    /// [`WrongAlgorithm`](InvalidKey::WrongAlgorithm) for a key of another algorithm;
    /// [`RsaSize`](InvalidKey::RsaSize), [`RsaNumbers`](InvalidKey::RsaNumbers) or
    /// [`InvalidPoint`](InvalidKey::InvalidPoint) for an unsound one;
    /// [`NotSupported`](InvalidKey::NotSupported) for a kind of key that no feature brings;
    /// [`Misused`](InvalidKey::Misused) for a private key.
    pub fn from_pem(algorithm: Algorithm, pem: &str) -> Result<Self, InvalidKey> {
        Self::of(algorithm, encoded::public_pem(pem)?)
    }

    /// A public key in DER: a SubjectPublicKeyInfo (RFC 5280).
    ///
    /// # Errors
    /// Those of [`from_pem`](Self::from_pem).
    pub fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, InvalidKey> {
        Self::of(algorithm, encoded::public_der(der)?)
    }

    /// A public key as a JWK (RFC 7517). Its `kid` becomes its id. One that shows a private member
    /// is refused: it is not secret any more.
    ///
    /// # Errors
    /// [`Malformed`](InvalidKey::Malformed) for text that is no JWK,
    /// [`Misused`](InvalidKey::Misused) for a key that is private or says that it is for something
    /// else, [`MalformedId`](InvalidKey::MalformedId) for a `kid` that no key here may have;
    /// [`RsaSize`](InvalidKey::RsaSize), [`RsaNumbers`](InvalidKey::RsaNumbers) or
    /// [`InvalidPoint`](InvalidKey::InvalidPoint) for an unsound one;
    /// [`NotSupported`](InvalidKey::NotSupported) for a kind of key that no feature brings.
    pub fn from_jwk(json: &str) -> Result<Self, InvalidKey> {
        let value =
            strict_json(json.as_bytes()).ok_or(InvalidKey::Malformed("no JSON of a JWK"))?;
        Self::of_jwk(&Jwk::of(&value)?)
    }

    pub(super) fn of_jwk(jwk: &Jwk<'_>) -> Result<Self, InvalidKey> {
        jwk.check_purpose(Purpose::Verify)?;
        let key = Self::new(jwk.public()?)?;
        match jwk.id()? {
            Some(id) => key.with_id(id),
            None => Ok(key),
        }
    }

    fn of(algorithm: Algorithm, parts: PublicParts) -> Result<Self, InvalidKey> {
        match parts.algorithm() == algorithm {
            true => Self::new(parts),
            false => Err(InvalidKey::WrongAlgorithm(algorithm)),
        }
    }

    pub(super) fn new(parts: PublicParts) -> Result<Self, InvalidKey> {
        if let PublicParts::EdDsa(point) = &parts {
            encoded::check_edwards(point)?;
        }
        let verifying = Arc::new(Verifying::new(&parts)?);
        Ok(Self { id: Arc::from(jwk::thumbprint(&parts)), parts: Arc::new(parts), verifying })
    }

    /// The same key under another id.
    ///
    /// # Errors
    /// [`MalformedId`](InvalidKey::MalformedId) for an id that is not 1 to 64 of `A-Z a-z 0-9 . _ ~
    /// -`.
    pub fn with_id(mut self, id: &str) -> Result<Self, InvalidKey> {
        self.id = checked_id(id)?;
        Ok(self)
    }

    /// The id of the key (`kid`).
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(in crate::signer) fn shared_id(&self) -> &Arc<str> {
        &self.id
    }

    /// The algorithm of the key (`alg`).
    pub fn algorithm(&self) -> Algorithm {
        self.parts.algorithm()
    }

    /// Its SHA-256 thumbprint (RFC 7638), as base64url.
    pub fn thumbprint(&self) -> String {
        jwk::thumbprint(&self.parts)
    }

    /// It as a JWK, with `kid`, `use` and `alg`.
    pub fn to_jwk(&self) -> Value {
        jwk::to_json(&self.id, &self.parts)
    }

    /// The bits of the modulus of an RSA key; below 3072 is too few for use beyond 2030 (NIST SP
    /// 800-57).
    pub fn rsa_bits(&self) -> Option<usize> {
        self.parts.rsa_bits()
    }

    /// Whether two keys are the same, whatever they are called.
    pub(in crate::signer) fn is_same(&self, other: &Self) -> bool {
        self.parts == other.parts
    }

    /// Judges a signature that is said to be of this key.
    pub(in crate::signer) fn judge(&self, request: &VerifyRequest<'_>) -> Result<(), SignError> {
        match self.algorithm() == request.algorithm {
            true => self.verify(request.message, request.signature),
            false => Err(SignError::new(SignErrorKind::WrongAlgorithm)),
        }
    }

    /// Says whether a signature over these bytes is of this key.
    ///
    /// # Errors
    /// [`BadSignature`](SignErrorKind::BadSignature), and no other.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignError> {
        match self.verifying.verify(message, signature) {
            true => Ok(()),
            false => Err(SignError::new(SignErrorKind::BadSignature)),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm())
            .finish()
    }
}
