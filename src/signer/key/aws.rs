//! Signatures by aws-lc.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
        Ed25519KeyPair, KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
        RsaKeyPair,
    },
};

use super::{
    InvalidKey, encoded,
    parts::{PrivateParts, PublicParts},
};
use crate::token::Algorithm;

/// A private key, parsed.
pub(super) enum Signing {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

impl Signing {
    /// The key, and its public part.
    pub(super) fn new(parts: PrivateParts) -> Result<(Self, PublicParts), InvalidKey> {
        match parts {
            PrivateParts::Es256 { d, public } => {
                let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let pair = match &public {
                    Some(point) => {
                        EcdsaKeyPair::from_private_key_and_public_key(algorithm, &*d, point)
                            .map_err(|_| InvalidKey::Mismatch)?
                    }
                    None => EcdsaKeyPair::from_private_key_der(algorithm, &encoded::sec1(&d)?)
                        .map_err(|_| InvalidKey::Malformed("no scalar of P-256"))?,
                };
                let point = PublicParts::ec_point(pair.public_key().as_ref())?;
                Ok((Self::Es256(pair), PublicParts::Es256(point)))
            }
            PrivateParts::EdDsa { seed, public } => {
                let pair = match &public {
                    Some(public) => Ed25519KeyPair::from_seed_and_public_key(&*seed, public),
                    None => Ed25519KeyPair::from_seed_unchecked(&*seed),
                };
                let pair = pair.map_err(|_| InvalidKey::Mismatch)?;
                let public = <[u8; 32]>::try_from(pair.public_key().as_ref());
                let public = public.map_err(|_| InvalidKey::InvalidPoint)?;
                Ok((Self::EdDsa(pair), PublicParts::EdDsa(public)))
            }
            PrivateParts::Rs256 { pkcs1, public } => {
                let pair = RsaKeyPair::from_der(&pkcs1).map_err(|_| InvalidKey::RsaNumbers)?;
                Ok((Self::Rs256(pair), public))
            }
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Es256(pair) => {
                Some(pair.sign(&SystemRandom::new(), message).ok()?.as_ref().to_vec())
            }
            Self::EdDsa(pair) => Some(pair.try_sign(message).ok()?.as_ref().to_vec()),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
                Some(signature)
            }
        }
    }
}

/// A public key, parsed.
#[derive(Clone)]
pub(super) struct Verifying {
    key: ParsedPublicKey,
    is_edwards: bool,
}

impl Verifying {
    pub(super) fn new(parts: &PublicParts) -> Result<Self, InvalidKey> {
        let parsed = match parts {
            PublicParts::Es256(point) => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point),
            PublicParts::EdDsa(public) => ParsedPublicKey::new(&ED25519, public),
            PublicParts::Rs256 { n, e } => {
                ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, encoded::pkcs1_public(n, e)?)
            }
        };
        let key = parsed.map_err(|_| InvalidKey::InvalidPoint)?;
        Ok(Self { key, is_edwards: parts.algorithm() == Algorithm::EdDsa })
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        // aws-lc takes an R of small order, the pure Rust one does not: a token is good with both
        // or with neither.
        let refused = self.is_edwards && signature.get(..32).is_none_or(encoded::is_small_order);
        !refused && self.key.verify_sig(message, signature).is_ok()
    }
}

/// A new RSA key of 3072 bits, as PKCS #8.
pub(super) fn generate_rsa() -> Result<zeroize::Zeroizing<Vec<u8>>, InvalidKey> {
    use aws_lc_rs::{
        encoding::{AsDer, Pkcs8V1Der},
        rsa::{KeyPair, KeySize},
    };
    let pair = KeyPair::generate(KeySize::Rsa3072).map_err(|_| InvalidKey::NoEntropy)?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| InvalidKey::NoEntropy)?;
    Ok(zeroize::Zeroizing::new(der.as_ref().to_vec()))
}
