//! HS256: HMAC with SHA-256, the key held prepared.

use std::fmt;

use crate::{
    error::{SignError, SignErrorKind},
    mac::MacKey,
    secret::{WeakKey, check_key},
};

/// A prepared HMAC key.
#[derive(Clone)]
pub(super) struct Hs256Key(MacKey);

impl Hs256Key {
    pub(super) fn new(secret: &[u8]) -> Result<Self, WeakKey> {
        check_key(secret, 32)?;
        MacKey::new(secret).map(Self)
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.tag(&[message]).to_vec()
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignError> {
        match signature.len() == 32 && self.0.proves(&[message], signature) {
            true => Ok(()),
            false => Err(SignError::new(SignErrorKind::BadSignature)),
        }
    }
}

impl fmt::Debug for Hs256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
