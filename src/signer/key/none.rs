//! No arithmetic: without `aws-lc-rs` and `rust-crypto`, every asymmetric key is refused when it is
//! loaded.

use zeroize::Zeroizing;

use super::{
    InvalidKey,
    parts::{PrivateParts, PublicParts, RsaNumbers},
};
use crate::token::Algorithm;

const NO_FEATURE: InvalidKey =
    InvalidKey::NotSupported("asymmetric keys need the feature aws-lc-rs or rust-crypto");

/// There is none.
#[derive(Clone)]
pub(super) enum Signing {}

impl Signing {
    pub(super) fn new(_: PrivateParts) -> Result<(Self, PublicParts), InvalidKey> {
        Err(NO_FEATURE)
    }

    pub(super) fn sign(&self, _: &[u8]) -> Option<Vec<u8>> {
        match *self {}
    }
}

/// There is none.
#[derive(Clone)]
pub(super) enum Verifying {}

impl Verifying {
    pub(super) fn new(_: &PublicParts) -> Result<Self, InvalidKey> {
        Err(NO_FEATURE)
    }

    pub(super) fn verify(&self, _: &[u8], _: &[u8]) -> bool {
        match *self {}
    }
}

pub(super) fn check_edwards(_: &[u8; 32]) -> Result<(), InvalidKey> {
    Err(NO_FEATURE)
}

pub(super) fn generate_rsa() -> Result<Zeroizing<Vec<u8>>, InvalidKey> {
    Err(NO_FEATURE)
}

pub(super) fn private_pem(_: &str, _: Option<&str>) -> Result<PrivateParts, InvalidKey> {
    Err(NO_FEATURE)
}

pub(super) fn public_pem(_: &str) -> Result<PublicParts, InvalidKey> {
    Err(NO_FEATURE)
}

pub(super) fn private_der(_: Algorithm, _: &[u8]) -> Result<PrivateParts, InvalidKey> {
    Err(NO_FEATURE)
}

pub(super) fn public_der(_: &[u8]) -> Result<PublicParts, InvalidKey> {
    Err(NO_FEATURE)
}

pub(super) fn pkcs1(_: &RsaNumbers<'_>) -> Result<Zeroizing<Vec<u8>>, InvalidKey> {
    Err(NO_FEATURE)
}

pub(super) fn rsa_numbers<T>(
    _: &[u8],
    _: impl FnOnce(RsaNumbers<'_>) -> T,
) -> Result<T, InvalidKey> {
    Err(NO_FEATURE)
}
