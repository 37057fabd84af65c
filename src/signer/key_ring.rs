//! A ring of signing keys: one signs, several verify, and they roll by time.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{
    InvalidKey, Jwks, PublicKey, SecretKey, SignRequest, SigningKey, TokenSigner, VerifyRequest,
};
use crate::{
    clock::{MAX_SIGNED_LIFETIME, Timestamp},
    error::{SignError, SignErrorKind},
};

/// The keys of signed access tokens: the latest that has started signs, and several verify.
///
/// A key verifies from the moment it is in the ring, also before it signs: so a ring is published
/// with its next key, on every node, before that key's time. When the next key takes over, the old
/// one verifies on for 30 days, the longest that a signed token may live, unless
/// [`keep_retired`](Self::keep_retired) says less; then its tokens die. The time is the issuer's
/// clock's.
///
/// # Examples
/// ```
/// use session_issuer::{Timestamp, signer::{KeyRing, SecretKey}};
///
/// # let secret: Vec<u8> = (0..32).map(|n: u8| n.wrapping_mul(197).wrapping_add(11)).collect();
/// # let next: Vec<u8> = (0..32).map(|n: u8| n.wrapping_mul(61).wrapping_add(29)).collect();
/// let ring = KeyRing::new(SecretKey::hs256("2026-11", &secret)?)
///     .roll(SecretKey::hs256("2026-12", &next)?, Timestamp::from_secs(1_796_083_200))?;
/// # let _ = ring;
/// assert!(KeyRing::hs256("k1", b"secret").is_err());
/// # Ok::<(), session_issuer::signer::InvalidKey>(())
/// ```
#[derive(Debug, Clone)]
pub struct KeyRing {
    /// In the order of their start.
    keys: Vec<RingKey>,
    verify_only: Vec<PublicKey>,
    keep_retired: Duration,
}

#[derive(Debug, Clone)]
struct RingKey {
    secret: SecretKey,
    from: Timestamp,
}

impl KeyRing {
    /// A ring of one key, which signs from the beginning of time.
    pub fn new(key: SecretKey) -> Self {
        Self::starting(key, Timestamp::from_millis(i64::MIN))
    }

    /// A ring of one key, which signs from this time on. Before it, nothing does: an issuer that is
    /// built earlier is refused.
    pub fn starting(key: SecretKey, from: Timestamp) -> Self {
        Self {
            keys: vec![RingKey { secret: key, from }],
            verify_only: Vec::new(),
            keep_retired: MAX_SIGNED_LIFETIME,
        }
    }

    /// A ring of one HS256 key: 32 to 512 random bytes.
    ///
    /// # Errors
    /// Those of [`SecretKey::hs256`].
    pub fn hs256(id: &str, secret: &[u8]) -> Result<Self, InvalidKey> {
        SecretKey::hs256(id, secret).map(Self::new)
    }

    /// Adds a key that verifies at once, and signs from this time on, until the next one does.
    ///
    /// # Errors
    /// [`DuplicateId`](InvalidKey::DuplicateId) for an id that the ring has already.
    pub fn roll(mut self, key: SecretKey, from: Timestamp) -> Result<Self, InvalidKey> {
        self.check_new(key.id())?;
        self.keys.push(RingKey { secret: key, from });
        self.keys.sort_by_key(|key| key.from);
        Ok(self)
    }

    /// Adds a public key that verifies and never signs: of a sibling that has a key of its own, or
    /// of a signer that is being left.
    ///
    /// # Errors
    /// [`DuplicateId`](InvalidKey::DuplicateId) for an id that the ring has already.
    pub fn verify_only(mut self, key: PublicKey) -> Result<Self, InvalidKey> {
        self.check_new(key.id())?;
        self.verify_only.push(key);
        Ok(self)
    }

    /// The time for which a key verifies after the next one has taken over; 30 days unless set. At
    /// least the policy's access lifetime and the clock skew between nodes, or good tokens die with
    /// their key.
    #[must_use]
    pub fn keep_retired(mut self, keep: Duration) -> Self {
        self.keep_retired = keep;
        self
    }

    /// The public keys that verify at this time, for whoever verifies elsewhere: those that sign,
    /// have signed lately, or will sign. Symmetric keys are left out.
    pub fn jwks(&self, now: Timestamp) -> Jwks {
        let own = self
            .keys
            .iter()
            .filter(|key| self.verifies(key, now))
            .filter_map(|key| key.secret.public());
        Jwks::of(own.chain(&self.verify_only).cloned().collect())
    }

    /// The warnings about keys that are allowed and not advised: RSA keys of fewer than 3072 bits.
    pub fn warnings(&self) -> Vec<KeyWarning> {
        let own = self.keys.iter().filter_map(|key| key.secret.public());
        let short = |key: &PublicKey| key.rsa_bits().filter(|bits| *bits < 3072);
        own.chain(&self.verify_only)
            .filter_map(|key| Some(KeyWarning::ShortRsa { id: key.id().into(), bits: short(key)? }))
            .collect()
    }

    fn check_new(&self, id: &str) -> Result<(), InvalidKey> {
        match self.has(id) {
            true => Err(InvalidKey::DuplicateId(id.into())),
            false => Ok(()),
        }
    }

    fn get(&self, id: &str) -> Option<&RingKey> {
        self.keys.iter().find(|key| key.secret.id() == id)
    }

    fn has(&self, id: &str) -> bool {
        self.get(id).is_some() || self.public(id).is_some()
    }

    /// The public key of this id, of a key that signs or of one that only verifies.
    fn public(&self, id: &str) -> Option<&PublicKey> {
        match self.get(id) {
            Some(key) => key.secret.public(),
            None => self.verify_only.iter().find(|key| key.id() == id),
        }
    }

    /// False for a key whose successor took over long ago.
    fn verifies(&self, key: &RingKey, now: Timestamp) -> bool {
        let mut later =
            self.keys.iter().skip_while(|other| other.secret.id() != key.secret.id()).skip(1);
        later.next().is_none_or(|next| now < next.from.saturating_add(self.keep_retired))
    }

    /// Whether an id of this ring names another key in that one.
    pub(super) fn contradicts(&self, other: &Self) -> Option<&str> {
        let own = self.keys.iter().map(|key| key.secret.id());
        let mut ids = own.chain(self.verify_only.iter().map(PublicKey::id));
        ids.find(|id| match (self.get(id), other.get(id)) {
            (Some(key), Some(same)) => !key.secret.is_same(&same.secret),
            _ => match (self.public(id), other.public(id)) {
                (Some(key), Some(same)) => !key.is_same(same),
                // A symmetric key here, a public one there.
                (None, Some(_)) | (Some(_), None) => self.has(id) && other.has(id),
                (None, None) => false,
            },
        })
    }
}

/// Something about a key that is allowed and not advised.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyWarning {
    /// An RSA modulus of fewer than 3072 bits (NIST SP 800-57: not beyond 2030).
    ShortRsa {
        /// The key.
        id: Box<str>,
        /// The size of its modulus.
        bits: usize,
    },
}

impl std::fmt::Display for KeyWarning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ShortRsa { id, bits } => {
                write!(f, "the RSA key {id:?} has {bits} bits: take 3072 for use beyond 2030")
            }
        }
    }
}

#[async_trait]
impl TokenSigner for KeyRing {
    fn signing_key(&self, now: Timestamp) -> Result<SigningKey, SignError> {
        let key = self.keys.iter().rev().find(|key| key.from <= now);
        let key = key.ok_or_else(|| SignError::new(SignErrorKind::NoSigningKey))?;
        Ok(SigningKey::new(Arc::clone(key.secret.shared_id()), key.secret.algorithm()))
    }

    async fn sign(&self, request: SignRequest<'_>) -> Result<Vec<u8>, SignError> {
        let key =
            self.get(&request.key.id).ok_or_else(|| SignError::new(SignErrorKind::UnknownKey))?;
        match key.secret.algorithm() == request.key.algorithm {
            true => key.secret.sign(request.message),
            false => Err(SignError::new(SignErrorKind::WrongAlgorithm)),
        }
    }

    fn verify(&self, request: VerifyRequest<'_>) -> Result<(), SignError> {
        let own = self.get(request.key_id).filter(|key| self.verifies(key, request.now));
        if let Some(key) = own {
            return match key.secret.algorithm() == request.algorithm {
                true => key.secret.verify(request.message, request.signature),
                false => Err(SignError::new(SignErrorKind::WrongAlgorithm)),
            };
        }
        let public = self.verify_only.iter().find(|key| key.id() == request.key_id);
        public.ok_or_else(|| SignError::new(SignErrorKind::UnknownKey))?.judge(&request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{secret::WeakKey, token::Algorithm};

    fn secret(seed: u8) -> Vec<u8> {
        (0..32_u8).map(|n| n.wrapping_mul(167).wrapping_add(seed)).collect()
    }

    fn key(id: &str, seed: u8) -> SecretKey {
        SecretKey::hs256(id, &secret(seed)).unwrap()
    }

    #[test]
    fn the_latest_key_that_has_started_signs_and_all_of_them_verify() {
        let ring = KeyRing::new(key("a", 1));
        let rolled = ring.clone().roll(key("b", 2), Timestamp::from_secs(100)).unwrap();
        assert_eq!(&*rolled.signing_key(Timestamp::from_secs(99)).unwrap().id, "a");
        assert_eq!(&*rolled.signing_key(Timestamp::from_secs(100)).unwrap().id, "b");
        let name = ring.signing_key(Timestamp::EPOCH).unwrap();
        let signature = pollster::block_on(ring.sign(SignRequest::new(&name, b"message"))).unwrap();
        let judge = |ring: &KeyRing, id: &str, algorithm| {
            ring.verify(VerifyRequest::new(
                id,
                algorithm,
                b"message",
                &signature,
                Timestamp::from_secs(200),
            ))
            .map_err(|error| error.kind())
        };
        assert_eq!(judge(&rolled, "a", Algorithm::Hs256), Ok(()));
        assert_eq!(judge(&rolled, "b", Algorithm::Hs256), Err(SignErrorKind::BadSignature));
        assert_eq!(judge(&rolled, "c", Algorithm::Hs256), Err(SignErrorKind::UnknownKey));
        assert_eq!(judge(&rolled, "a", Algorithm::Rs256), Err(SignErrorKind::WrongAlgorithm));
    }

    #[test]
    fn a_retired_key_verifies_as_long_as_it_is_kept_and_no_longer() {
        let ring = KeyRing::new(key("a", 1)).roll(key("b", 2), Timestamp::from_secs(100)).unwrap();
        let ring = ring.keep_retired(Duration::from_secs(60));
        let name = ring.signing_key(Timestamp::EPOCH).unwrap();
        let signature = pollster::block_on(ring.sign(SignRequest::new(&name, b"message"))).unwrap();
        let judge = |now| {
            let request = VerifyRequest::new("a", Algorithm::Hs256, b"message", &signature, now);
            ring.verify(request).map_err(|error| error.kind())
        };
        assert_eq!(judge(Timestamp::from_millis(159_999)), Ok(()));
        assert_eq!(judge(Timestamp::from_secs(160)), Err(SignErrorKind::UnknownKey));
    }

    #[test]
    fn keys_that_cannot_join_a_ring_say_why() {
        assert_eq!(
            KeyRing::hs256("a", &[0; 8]).unwrap_err(),
            InvalidKey::Weak(WeakKey::TooShort(32))
        );
        assert_eq!(KeyRing::hs256("a/b", &secret(1)).unwrap_err(), InvalidKey::MalformedId);
        assert_eq!(KeyRing::hs256("", &secret(1)).unwrap_err(), InvalidKey::MalformedId);
        let ring = KeyRing::new(key("a", 1));
        let twice = ring.roll(key("a", 2), Timestamp::EPOCH).unwrap_err();
        assert_eq!(twice, InvalidKey::DuplicateId("a".into()));
    }
}
