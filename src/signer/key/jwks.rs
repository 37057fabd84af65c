//! Sets of public keys (RFC 7517 section 5).

use serde::{Serialize, Serializer, ser::SerializeStruct};
use serde_json::Value;

use super::{InvalidKey, PublicKey, is_plain_id, jwk::Jwk};
use crate::{
    error::{SignError, SignErrorKind},
    signer::VerifyRequest,
    token::strict_json,
};

/// The longest set that is looked at: 64 KiB.
const MAX_BYTES: usize = 64 * 1024;
/// The most keys in a set.
const MAX_KEYS: usize = 64;

/// A set of public keys, as issuers publish it.
///
/// Serializes as `{"keys":[...]}`, and holds no private member. Read from elsewhere, it is strict:
/// a weak, malformed or misused key refuses the whole set, and so do a private or symmetric key
/// (they are not secret any more) and an id that comes twice. Keys that somebody else uses for
/// something else (`use`, `key_ops`, another curve or algorithm) are passed over: they never verify
/// anything.
///
/// # Examples
/// ```
/// # #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))] {
/// use session_issuer::signer::Jwks;
///
/// let published = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026-11",
///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// let keys = Jwks::parse(published.as_bytes())?;
/// assert_eq!(keys.iter().next().unwrap().id(), "2026-11");
/// assert!(Jwks::parse(br#"{"keys":[]}"#).is_err());
/// # }
/// # Ok::<(), session_issuer::signer::InvalidJwks>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Jwks {
    keys: Vec<PublicKey>,
    passed_over: usize,
}

/// The reasons for which a set of keys is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidJwks {
    /// More than 64 KiB.
    #[error("the set of keys has more than 64 KiB")]
    TooLarge,
    /// More than 64 keys.
    #[error("the set has more than 64 keys")]
    TooMany,
    /// Not an object with an array `keys`, or a name that comes twice.
    #[error("no set of keys (RFC 7517)")]
    Malformed,
    /// No key at all.
    #[error("the set of keys is empty")]
    Empty,
    /// Keys, but all of them for something else.
    #[error("none of the {0} keys of the set is for signatures that are known here")]
    NoneUsable(usize),
    /// Two keys of one id.
    #[error("the set has two keys {0:?}")]
    DuplicateId(Box<str>),
    /// One of the keys cannot be used.
    #[error("key {at} of the set: {why}")]
    Key {
        /// Which one, counted from 0.
        at: usize,
        /// Why.
        #[source]
        why: InvalidKey,
    },
}

impl Jwks {
    /// Reads a set of keys from JSON.
    ///
    /// # Errors
    /// The first rule that the set breaks: its bytes or keys are too many
    /// ([`TooLarge`](InvalidJwks::TooLarge), [`TooMany`](InvalidJwks::TooMany)), it is no JSON of a
    /// set or has no keys ([`Malformed`](InvalidJwks::Malformed), [`Empty`](InvalidJwks::Empty)),
    /// an id comes twice ([`DuplicateId`](InvalidJwks::DuplicateId)), a key for signatures is
    /// unsound ([`Key`](InvalidJwks::Key)), or no key is of use here
    /// ([`NoneUsable`](InvalidJwks::NoneUsable)).
    pub fn parse(json: &[u8]) -> Result<Self, InvalidJwks> {
        if json.len() > MAX_BYTES {
            return Err(InvalidJwks::TooLarge);
        }
        let value = strict_json(json).ok_or(InvalidJwks::Malformed)?;
        let Some(Value::Array(list)) = value.get("keys") else {
            return Err(InvalidJwks::Malformed);
        };
        if list.is_empty() {
            return Err(InvalidJwks::Empty);
        }
        if list.len() > MAX_KEYS {
            return Err(InvalidJwks::TooMany);
        }
        let mut set = Self::default();
        for (at, value) in list.iter().enumerate() {
            let refused = |why| InvalidJwks::Key { at, why };
            let jwk = Jwk::of(value).map_err(refused)?;
            let id = jwk.id().map_err(refused)?;
            let twice = |id: &str| {
                let earlier = list.iter().take(at);
                earlier
                    .filter_map(|earlier| earlier.get("kid"))
                    .any(|earlier| earlier.as_str() == Some(id))
            };
            if let Some(id) = id.filter(|id| twice(id)) {
                return Err(InvalidJwks::DuplicateId(id.chars().take(64).collect()));
            }
            jwk.shows_no_secret().map_err(refused)?;
            // Ids of ours are plain: no token of ours names another.
            if jwk.is_foreign() || id.is_some_and(|id| !is_plain_id(id)) {
                set.passed_over += 1;
                continue;
            }
            let key = match PublicKey::of_jwk(&jwk) {
                // A sound key whose arithmetic is not here, or an RSA key longer than is taken:
                // others may use it.
                Err(InvalidKey::NotSupported(_)) => {
                    set.passed_over += 1;
                    continue;
                }
                Err(InvalidKey::RsaSize(bits)) if bits > 4096 => {
                    set.passed_over += 1;
                    continue;
                }
                key => key.map_err(refused)?,
            };
            if set.get(key.id()).is_some() {
                return Err(InvalidJwks::DuplicateId(key.id().into()));
            }
            set.keys.push(key);
        }
        match set.keys.is_empty() {
            true => Err(InvalidJwks::NoneUsable(set.passed_over)),
            false => Ok(set),
        }
    }

    /// A set of these keys; a ring sees to it that no id comes twice.
    pub(in crate::signer) fn of(keys: Vec<PublicKey>) -> Self {
        Self { keys, passed_over: 0 }
    }

    /// The usable keys of the set, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &PublicKey> {
        self.keys.iter()
    }

    /// The key of this id.
    pub fn get(&self, id: &str) -> Option<&PublicKey> {
        self.keys.iter().find(|key| key.id() == id)
    }

    /// Says whether a signature holds: by the key of exactly that id, whose algorithm must be the
    /// one that is named. What a [`TokenSigner`](crate::signer::TokenSigner) of a host's answers,
    /// where its keys are elsewhere.
    ///
    /// # Errors
    /// [`UnknownKey`](SignErrorKind::UnknownKey), [`WrongAlgorithm`](SignErrorKind::WrongAlgorithm)
    /// for another algorithm than the key has, [`BadSignature`](SignErrorKind::BadSignature).
    pub fn verify(&self, request: &VerifyRequest<'_>) -> Result<(), SignError> {
        match self.get(request.key_id) {
            Some(key) => key.judge(request),
            None => Err(SignError::new(SignErrorKind::UnknownKey)),
        }
    }

    /// The number of keys of the set that are for something else.
    pub fn passed_over(&self) -> usize {
        self.passed_over
    }
}

impl Serialize for Jwks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let keys: Vec<_> = self.keys.iter().map(PublicKey::to_jwk).collect();
        let mut set = serializer.serialize_struct("Jwks", 1)?;
        set.serialize_field("keys", &keys)?;
        set.end()
    }
}
