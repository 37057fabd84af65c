//! A key ring that is replaced while it is in use.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

use super::{InvalidKey, KeyRing, SignRequest, SigningKey, TokenSigner, VerifyRequest};
use crate::{clock::Timestamp, error::SignError};

/// A handle on a key ring that the host replaces while issuers sign with it.
///
/// Clones share the ring. A call sees the ring before or the one after, never a mixture: what
/// [`KeyRing::roll`] cannot know when a process starts, the next key, is added this way.
///
/// # Examples
/// ```
/// use session_issuer::{Timestamp, signer::{KeyRing, LiveKeyRing, SecretKey}};
///
/// # let secret: Vec<u8> = (0..32).map(|n: u8| n.wrapping_mul(197).wrapping_add(11)).collect();
/// # let next: Vec<u8> = (0..32).map(|n: u8| n.wrapping_mul(61).wrapping_add(29)).collect();
/// let ring = LiveKeyRing::new(KeyRing::hs256("2026-11", &secret)?);
/// // Give a clone to the builder: `.signer(ring.clone())`. Months later:
/// let rolled = ring.get().roll(SecretKey::hs256("2026-12", &next)?, Timestamp::from_secs(1_796_083_200))?;
/// ring.replace(rolled)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct LiveKeyRing(Arc<RwLock<Arc<KeyRing>>>);

impl LiveKeyRing {
    /// A handle on this ring.
    pub fn new(ring: KeyRing) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(ring))))
    }

    /// A copy of the ring as it is now.
    pub fn get(&self) -> KeyRing {
        (*self.current()).clone()
    }

    /// Puts another ring in its place. Tokens of keys that it lacks die at once.
    ///
    /// # Errors
    /// `DuplicateId`: an id names another key there. An id names one key for ever.
    pub fn replace(&self, ring: KeyRing) -> Result<(), InvalidKey> {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = current.contradicts(&ring) {
            return Err(InvalidKey::DuplicateId(id.into()));
        }
        *current = Arc::new(ring);
        Ok(())
    }

    /// Nothing that holds the lock can leave a ring half replaced, so a poisoned one is as good.
    fn current(&self) -> Arc<KeyRing> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl TokenSigner for LiveKeyRing {
    fn signing_key(&self, now: Timestamp) -> Result<SigningKey, SignError> {
        self.current().signing_key(now)
    }

    async fn sign(&self, request: SignRequest<'_>) -> Result<Vec<u8>, SignError> {
        self.current().sign(request).await
    }

    fn verify(&self, request: VerifyRequest<'_>) -> Result<(), SignError> {
        self.current().verify(request)
    }
}
