//! The MAC ring: which key mints opaque tokens now, and which still prove them.

use std::fmt;

use zeroize::Zeroizing;

use crate::{
    clock::Timestamp,
    entropy::Entropy,
    error::EntropyError,
    mac::{MacKey, derive},
    secret::{WeakKey, check_key},
};

/// The keys of opaque tokens: one mints at a time, all of them prove.
///
/// Each is 32 to 512 random bytes, kept outside the store: a leaked store mints nothing without it,
/// and it mints nothing without the store. Every use derives a key of its own (HKDF-SHA256, RFC
/// 5869).
///
/// To roll, add the next key with the time from which it mints, on every node before that time.
/// Remove a key when no session can hold a token of it any more: until then its tokens stay good.
///
/// # Examples
/// ```
/// use session_issuer::{Timestamp, entropy::SystemEntropy, token::TokenKeys};
///
/// let keys = TokenKeys::generate(&SystemEntropy)?; // for one process; a real host loads its secret
/// let next: Vec<u8> = (0..32).map(|n: u8| n.wrapping_mul(197).wrapping_add(11)).collect();
/// let keys = keys.roll(2, &next, Timestamp::from_secs(1_800_000_000))?;
/// assert!(TokenKeys::new(1, b"password").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TokenKeys {
    /// In the order of their start.
    keys: Vec<TokenKey>,
}

#[derive(Clone)]
pub(super) struct TokenKey {
    pub(super) id: u16,
    from: Timestamp,
    pub(super) mac: MacKey,
    pub(super) checksum: Zeroizing<[u8; 16]>,
}

/// The reasons for which a key cannot join the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTokenKey {
    /// The bytes do not make a key.
    #[error("a token key cannot be used: {0}")]
    Weak(#[from] WeakKey),
    /// Two keys of one id.
    #[error("the ring has a key {0} already")]
    DuplicateId(u16),
}

impl TokenKeys {
    /// A ring of one key, which mints from the beginning of time.
    ///
    /// # Errors
    /// [`Weak`](InvalidTokenKey::Weak) for fewer than 32 bytes, more than 512, or bytes that are
    /// not random.
    pub fn new(id: u16, secret: &[u8]) -> Result<Self, InvalidTokenKey> {
        Ok(Self { keys: vec![TokenKey::derive(id, secret, Timestamp::from_millis(i64::MIN))?] })
    }

    /// A ring of one random key, for hosts whose sessions need not outlive the process.
    ///
    /// # Errors
    /// [`EntropyError`] when the generator fails, or gives bytes that are not random.
    pub fn generate(entropy: &impl Entropy) -> Result<Self, EntropyError> {
        let mut secret = Zeroizing::new([0; 32]);
        entropy.fill(&mut *secret)?;
        Self::new(1, &*secret).map_err(EntropyError::new)
    }

    /// Adds a key that mints from this time on, until the next one does.
    ///
    /// # Errors
    /// [`DuplicateId`](InvalidTokenKey::DuplicateId) for an id that the ring has already,
    /// [`Weak`](InvalidTokenKey::Weak) as of [`new`](Self::new).
    pub fn roll(
        mut self,
        id: u16,
        secret: &[u8],
        from: Timestamp,
    ) -> Result<Self, InvalidTokenKey> {
        if self.get(id).is_some() {
            return Err(InvalidTokenKey::DuplicateId(id));
        }
        self.keys.push(TokenKey::derive(id, secret, from)?);
        self.keys.sort_by_key(|key| key.from);
        Ok(self)
    }

    /// The key that mints at this time: the latest that has started.
    pub(crate) fn minting(&self, now: Timestamp) -> Option<u16> {
        self.keys.iter().rev().find(|key| key.from <= now).map(|key| key.id)
    }

    pub(super) fn get(&self, id: u16) -> Option<&TokenKey> {
        self.keys.iter().find(|key| key.id == id)
    }
}

impl TokenKey {
    fn derive(id: u16, secret: &[u8], from: Timestamp) -> Result<Self, InvalidTokenKey> {
        check_key(secret, 32)?;
        let mac = MacKey::derived(secret, b"opaque token mac v1")?;
        Ok(Self { id, from, mac, checksum: derive(secret, b"opaque token checksum v1")? })
    }
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKeys")
            .field("ids", &self.keys.iter().map(|key| key.id).collect::<Vec<_>>())
            .finish()
    }
}
