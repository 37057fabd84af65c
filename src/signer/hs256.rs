//! HS256: HMAC with SHA-256, the key held prepared.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{
    error::{SignError, SignErrorKind},
    secret::{WeakKey, check_key},
};

/// A prepared HMAC key.
#[derive(Clone)]
pub(super) struct Hs256Key(Hmac<Sha256>);

impl Hs256Key {
    pub(super) fn new(secret: &[u8]) -> Result<Self, WeakKey> {
        check_key(secret, 32)?;
        Hmac::new_from_slice(secret).map(Self).map_err(|_| WeakKey::TooLong)
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.finalize().into_bytes().to_vec()
    }

    /// In constant time.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignError> {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.verify_slice(signature).map_err(|_| SignError::new(SignErrorKind::BadSignature))
    }
}

impl fmt::Debug for Hs256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
