//! Signatures in pure Rust: ES256 and EdDSA, and no RSA (RUSTSEC-2023-0071).

use ed25519_dalek as ed25519;
use p256::ecdsa::{
    self,
    signature::{Signer, Verifier},
};

use super::{
    InvalidKey,
    parts::{PrivateParts, PublicParts},
};

const NO_RSA: InvalidKey = InvalidKey::NotSupported("RS256 needs the feature aws-lc-rs");

/// A private key, parsed.
pub(super) enum Signing {
    Es256(Box<ecdsa::SigningKey>),
    EdDsa(Box<ed25519::SigningKey>),
}

impl Signing {
    /// The key, and its public part.
    pub(super) fn new(parts: PrivateParts) -> Result<(Self, PublicParts), InvalidKey> {
        match parts {
            PrivateParts::Es256 { d, public } => {
                let key = ecdsa::SigningKey::from_slice(&*d)
                    .map_err(|_| InvalidKey::Malformed("no scalar of P-256"))?;
                let point =
                    PublicParts::ec_point(&key.verifying_key().to_sec1_point(false).to_bytes())?;
                match public.is_none_or(|public| public == point) {
                    true => Ok((Self::Es256(Box::new(key)), PublicParts::Es256(point))),
                    false => Err(InvalidKey::Mismatch),
                }
            }
            PrivateParts::EdDsa { seed, public } => {
                let key = ed25519::SigningKey::from_bytes(&seed);
                let point = key.verifying_key().to_bytes();
                match public.is_none_or(|public| public == point) {
                    true => Ok((Self::EdDsa(Box::new(key)), PublicParts::EdDsa(point))),
                    false => Err(InvalidKey::Mismatch),
                }
            }
            PrivateParts::Rs256 { .. } => Err(NO_RSA),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Es256(key) => {
                let signature: ecdsa::Signature = key.try_sign(message).ok()?;
                Some(signature.to_bytes().to_vec())
            }
            Self::EdDsa(key) => Some(key.try_sign(message).ok()?.to_bytes().to_vec()),
        }
    }
}

/// A public key, parsed.
#[derive(Clone)]
pub(super) enum Verifying {
    Es256(ecdsa::VerifyingKey),
    EdDsa(ed25519::VerifyingKey),
}

impl Verifying {
    pub(super) fn new(parts: &PublicParts) -> Result<Self, InvalidKey> {
        match parts {
            PublicParts::Es256(point) => {
                let key = ecdsa::VerifyingKey::from_sec1_bytes(point);
                key.map(Self::Es256).map_err(|_| InvalidKey::InvalidPoint)
            }
            PublicParts::EdDsa(public) => {
                let key = ed25519::VerifyingKey::from_bytes(public);
                key.map(Self::EdDsa).map_err(|_| InvalidKey::InvalidPoint)
            }
            PublicParts::Rs256 { .. } => Err(NO_RSA),
        }
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Es256(key) => {
                let signature = ecdsa::Signature::from_slice(signature);
                signature.is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
            Self::EdDsa(key) => {
                let signature = ed25519::Signature::from_slice(signature);
                signature.is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
            }
        }
    }
}

pub(super) fn generate_rsa() -> Result<zeroize::Zeroizing<Vec<u8>>, InvalidKey> {
    Err(NO_RSA)
}
