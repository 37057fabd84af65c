//! HS256: HMAC with SHA-256, the key held prepared.

use crate::{
    error::{SignError, SignErrorKind},
    secret::{WeakKey, check_key},
};

/// A prepared HMAC key. With `aws-lc-rs`, that one does the work: it is the faster one over a whole
/// token where the processor has no instructions for SHA-256. Over the short message of an opaque
/// token it never is.
#[cfg(feature = "aws-lc-rs")]
pub(super) struct Hs256Key(aws_lc_rs::hmac::Key);
#[cfg(not(feature = "aws-lc-rs"))]
pub(super) struct Hs256Key(crate::mac::MacKey);

impl Hs256Key {
    pub(super) fn new(secret: &[u8]) -> Result<Self, WeakKey> {
        check_key(secret, 32)?;
        Self::prepare(secret)
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignError> {
        match self.proves(message, signature) {
            true => Ok(()),
            false => Err(SignError::new(SignErrorKind::BadSignature)),
        }
    }
}

#[cfg(feature = "aws-lc-rs")]
impl Hs256Key {
    fn prepare(secret: &[u8]) -> Result<Self, WeakKey> {
        Ok(Self(aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret)))
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        aws_lc_rs::hmac::sign(&self.0, message).as_ref().to_vec()
    }

    /// In constant time.
    fn proves(&self, message: &[u8], signature: &[u8]) -> bool {
        aws_lc_rs::hmac::verify(&self.0, message, signature).is_ok()
    }
}

#[cfg(not(feature = "aws-lc-rs"))]
impl Hs256Key {
    fn prepare(secret: &[u8]) -> Result<Self, WeakKey> {
        crate::mac::MacKey::new(secret).map(Self)
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.tag(&[message]).to_vec()
    }

    /// In constant time.
    fn proves(&self, message: &[u8], signature: &[u8]) -> bool {
        signature.len() == 32 && self.0.proves(&[message], signature)
    }
}
