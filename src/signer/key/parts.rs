//! What asymmetric keys are made of, whatever they came in, and what makes them sound (R18, R19).

// Without all of the arithmetic, some parts are read and never used.
#![cfg_attr(not(feature = "aws-lc-rs"), allow(dead_code))]

use zeroize::Zeroizing;

use super::InvalidKey;
use crate::token::Algorithm;

/// The shortest and the longest RSA modulus, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// A public key, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicParts {
    /// A point of P-256: 4, x, y (SEC 1, uncompressed).
    Es256([u8; 65]),
    /// A point of edwards25519, compressed (RFC 8032).
    EdDsa([u8; 32]),
    /// Modulus and exponent, without leading zeros.
    Rs256 { n: Vec<u8>, e: Vec<u8> },
}

/// A private key, not checked yet: that takes the arithmetic of a backend.
pub(super) enum PrivateParts {
    Es256 {
        d: Zeroizing<[u8; 32]>,
        public: Option<[u8; 65]>,
    },
    EdDsa {
        seed: Zeroizing<[u8; 32]>,
        public: Option<[u8; 32]>,
    },
    /// An RSAPrivateKey (RFC 8017), with what is public of it.
    Rs256 {
        pkcs1: Zeroizing<Vec<u8>>,
        public: PublicParts,
    },
}

/// The numbers of an RSA key: n, e, d, p, q, dp, dq, qi (RFC 7518 section 6.3), big-endian.
pub(super) struct RsaNumbers<'a>(pub(super) [&'a [u8]; 8]);

impl PublicParts {
    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Es256(_) => Algorithm::Es256,
            Self::EdDsa(_) => Algorithm::EdDsa,
            Self::Rs256 { .. } => Algorithm::Rs256,
        }
    }

    pub(super) fn ec(x: &[u8; 32], y: &[u8; 32]) -> Self {
        let mut point = [4; 65];
        for (to, from) in point.iter_mut().skip(1).zip(x.iter().chain(y)) {
            *to = *from;
        }
        Self::Es256(point)
    }

    /// A point that has both coordinates, or none.
    pub(super) fn ec_point(bytes: &[u8]) -> Result<[u8; 65], InvalidKey> {
        match (<[u8; 65]>::try_from(bytes), bytes.first()) {
            (Ok(point), Some(4)) => Ok(point),
            (_, Some(2 | 3)) if bytes.len() == 33 => {
                Err(InvalidKey::NotSupported("a compressed point"))
            }
            _ => Err(InvalidKey::InvalidPoint),
        }
    }

    /// Modulus and exponent, big-endian and without leading zeros.
    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Result<Self, InvalidKey> {
        let (Some(first), Some(last)) = (n.first().filter(|byte| **byte != 0), n.last()) else {
            return Err(InvalidKey::RsaNumbers);
        };
        let bits = n.len() * 8 - usize::try_from(first.leading_zeros()).unwrap_or(0);
        if !RSA_BITS.contains(&bits) {
            return Err(InvalidKey::RsaSize(bits));
        }
        let exponent =
            e.iter().try_fold(0_u32, |sum, byte| Some(sum.checked_mul(256)? + u32::from(*byte)));
        let sound = exponent.is_some_and(|e| e >= 65537 && e % 2 == 1) && last % 2 == 1;
        match sound && e.first() != Some(&0) {
            true => Ok(Self::Rs256 { n: n.to_vec(), e: e.to_vec() }),
            false => Err(InvalidKey::RsaNumbers),
        }
    }

    /// How many bits the modulus has.
    pub(super) fn rsa_bits(&self) -> Option<usize> {
        let Self::Rs256 { n, .. } = self else { return None };
        Some(
            n.len() * 8
                - n.first().map_or(0, |first| usize::try_from(first.leading_zeros()).unwrap_or(0)),
        )
    }
}

impl PrivateParts {
    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Es256 { .. } => Algorithm::Es256,
            Self::EdDsa { .. } => Algorithm::EdDsa,
            Self::Rs256 { .. } => Algorithm::Rs256,
        }
    }
}
