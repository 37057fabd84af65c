//! A ring of signing keys: one signs, several verify, and they roll by time.

use std::sync::Arc;

use async_trait::async_trait;

use super::{SignRequest, SigningKey, TokenSigner, VerifyRequest, hs256::Hs256Key};
use crate::{
    clock::Timestamp,
    error::{SignError, SignErrorKind},
    secret::WeakKey,
    token::Algorithm,
};

/// The keys of signed access tokens: the latest that has started signs, all of them verify.
///
/// To roll, add the next key with the time from which it signs, on every node before that time; remove the old one
/// when the last token it signed has expired.
///
/// # Examples
/// ```
/// use session_issuer::{Timestamp, signer::KeyRing};
///
/// # let secret: Vec<u8> = (0..32).map(|n: u8| n.wrapping_mul(197).wrapping_add(11)).collect();
/// # let next: Vec<u8> = (0..32).map(|n: u8| n.wrapping_mul(61).wrapping_add(29)).collect();
/// let ring = KeyRing::hs256("2026-11", &secret)?;
/// let ring = ring.roll_hs256("2026-12", &next, Timestamp::from_secs(1_796_083_200))?;
/// assert!(KeyRing::hs256("k1", b"secret").is_err());
/// # Ok::<(), session_issuer::signer::InvalidKey>(())
/// ```
#[derive(Debug, Clone)]
pub struct KeyRing {
    /// In the order of their start.
    keys: Vec<Key>,
}

#[derive(Debug, Clone)]
struct Key {
    name: SigningKey,
    from: Timestamp,
    material: Material,
}

/// What a key is made of; asymmetric kinds join here.
#[derive(Debug, Clone)]
enum Material {
    Hs256(Hs256Key),
}

/// Why a key cannot join the ring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// The bytes do not make a key.
    #[error("a signing key cannot be used: {0}")]
    Weak(#[from] WeakKey),
    /// The id has a character other than `A-Z a-z 0-9 . _ ~ -`, or none, or more than 64.
    #[error("the key id is malformed")]
    MalformedId,
    /// Two keys of one id.
    #[error("the ring has a key of that id already")]
    DuplicateId,
    /// The key is of a type that this function does not take.
    #[error("the key is not of the type that is asked for")]
    WrongType,
}

impl KeyRing {
    /// A ring of one HS256 key, which signs from the beginning of time: 32 to 512 random bytes.
    pub fn hs256(id: &str, secret: &[u8]) -> Result<Self, InvalidKey> {
        Self { keys: Vec::new() }.roll_hs256(id, secret, Timestamp::from_millis(i64::MIN))
    }

    /// A ring of one HS256 key, as `jsonwebtoken` holds it.
    pub fn from_encoding_key(id: &str, key: &jsonwebtoken::EncodingKey) -> Result<Self, InvalidKey> {
        match key.family() {
            jsonwebtoken::AlgorithmFamily::Hmac => Self::hs256(id, key.as_bytes()),
            _ => Err(InvalidKey::WrongType),
        }
    }

    /// Adds an HS256 key that signs from this time on, until the next one does.
    pub fn roll_hs256(mut self, id: &str, secret: &[u8], from: Timestamp) -> Result<Self, InvalidKey> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
        if id.is_empty() || id.len() > 64 || !id.bytes().all(plain) {
            return Err(InvalidKey::MalformedId);
        }
        if self.get(id).is_some() {
            return Err(InvalidKey::DuplicateId);
        }
        let name = SigningKey::new(Arc::from(id), Algorithm::Hs256);
        self.keys.push(Key { name, from, material: Material::Hs256(Hs256Key::new(secret)?) });
        self.keys.sort_by_key(|key| key.from);
        Ok(self)
    }

    fn get(&self, id: &str) -> Option<&Key> {
        self.keys.iter().find(|key| &*key.name.id == id)
    }
}

#[async_trait]
impl TokenSigner for KeyRing {
    fn signing_key(&self, now: Timestamp) -> Result<SigningKey, SignError> {
        let key = self.keys.iter().rev().find(|key| key.from <= now);
        key.map(|key| key.name.clone()).ok_or_else(|| SignError::new(SignErrorKind::NoSigningKey))
    }

    async fn sign(&self, request: SignRequest<'_>) -> Result<Vec<u8>, SignError> {
        let key = self.get(&request.key.id).ok_or_else(|| SignError::new(SignErrorKind::UnknownKey))?;
        match &key.material {
            Material::Hs256(key) => Ok(key.sign(request.message)),
        }
    }

    fn verify(&self, request: VerifyRequest<'_>) -> Result<(), SignError> {
        let key = self.get(request.key_id).ok_or_else(|| SignError::new(SignErrorKind::UnknownKey))?;
        if key.name.algorithm != request.algorithm {
            return Err(SignError::new(SignErrorKind::WrongAlgorithm));
        }
        match &key.material {
            Material::Hs256(key) => key.verify(request.message, request.signature),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(seed: u8) -> Vec<u8> {
        (0..32_u8).map(|n| n.wrapping_mul(167).wrapping_add(seed)).collect()
    }

    #[test]
    fn the_latest_key_that_has_started_signs_and_all_of_them_verify() {
        let ring = KeyRing::hs256("a", &secret(1)).unwrap();
        let rolled = ring.clone().roll_hs256("b", &secret(2), Timestamp::from_secs(100)).unwrap();
        assert_eq!(&*rolled.signing_key(Timestamp::from_secs(99)).unwrap().id, "a");
        assert_eq!(&*rolled.signing_key(Timestamp::from_secs(100)).unwrap().id, "b");
        let key = ring.signing_key(Timestamp::EPOCH).unwrap();
        let signature = pollster::block_on(ring.sign(SignRequest::new(&key, b"message"))).unwrap();
        let judge = |ring: &KeyRing, id: &str, algorithm| {
            ring.verify(VerifyRequest::new(id, algorithm, b"message", &signature, Timestamp::from_secs(200)))
                .map_err(|error| error.kind())
        };
        assert_eq!(judge(&rolled, "a", Algorithm::Hs256), Ok(()));
        assert_eq!(judge(&rolled, "b", Algorithm::Hs256), Err(SignErrorKind::BadSignature));
        assert_eq!(judge(&rolled, "c", Algorithm::Hs256), Err(SignErrorKind::UnknownKey));
        assert_eq!(judge(&rolled, "a", Algorithm::Rs256), Err(SignErrorKind::WrongAlgorithm));
    }

    #[test]
    fn keys_that_cannot_join_a_ring_say_why() {
        assert_eq!(KeyRing::hs256("a", &[0; 8]).unwrap_err(), InvalidKey::Weak(WeakKey::TooShort(32)));
        assert_eq!(KeyRing::hs256("a/b", &secret(1)).unwrap_err(), InvalidKey::MalformedId);
        assert_eq!(KeyRing::hs256("", &secret(1)).unwrap_err(), InvalidKey::MalformedId);
        let ring = KeyRing::hs256("a", &secret(1)).unwrap();
        assert_eq!(ring.roll_hs256("a", &secret(2), Timestamp::EPOCH).unwrap_err(), InvalidKey::DuplicateId);
    }
}
