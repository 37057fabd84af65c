//! Why a key is refused. Always when it is loaded, never when it is first used.

use crate::{secret::WeakKey, token::Algorithm};

/// The reasons for which a key cannot be used.
///
/// It never holds a part of the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// The bytes do not make a symmetric key.
    #[error("a signing key cannot be used: {0}")]
    Weak(#[from] WeakKey),
    /// The id has a character other than `A-Z a-z 0-9 . _ ~ -`, or none, or more than 64.
    #[error("the key id is malformed")]
    MalformedId,
    /// Two keys of one id.
    #[error("there is a key {0:?} already")]
    DuplicateId(Box<str>),
    /// The text or the bytes cannot be read as a key.
    #[error("the key cannot be read: {0}")]
    Malformed(&'static str),
    /// The key is of another algorithm than the one that was asked for.
    #[error("the key is not one for {}", .0.as_str())]
    WrongAlgorithm(Algorithm),
    /// The key is sound, but of a kind that is not used here: another curve, another type.
    #[error("keys of this kind are not supported: {0}")]
    NotSupported(&'static str),
    /// The key is encrypted, and no passphrase was given.
    #[error("the key is encrypted: its passphrase is needed")]
    Encrypted,
    /// The key is encrypted, and not under this passphrase.
    #[error("the passphrase does not open the key")]
    WrongPassphrase,
    /// An RSA modulus of fewer than 2048 bits (RFC 7518 section 3.3) or more than 4096.
    #[error("an RSA key of {0} bits: 2048 to 4096 are taken")]
    RsaSize(usize),
    /// An RSA exponent that is even, below 65537 or above 32 bits (FIPS 186-5), or an even modulus.
    #[error("the numbers of the RSA key are not those of a sound one")]
    RsaNumbers,
    /// The public part is no point of its curve, or one of small order.
    #[error("the public part is not a point that can be used")]
    InvalidPoint,
    /// The private part and the public part do not belong together.
    #[error("the private and the public part do not belong together")]
    Mismatch,
    /// The key says of itself that it is for something else (`use`, `key_ops`, `alg`), or is
    /// private where a public one belongs.
    #[error("the key is not meant for this: {0}")]
    Misused(&'static str),
    /// The system gave no randomness to make a key from.
    #[error("no randomness")]
    NoEntropy,
}
