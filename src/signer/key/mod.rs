//! Keys: what they come in, what makes them sound, and who does the arithmetic.
//!
//! | file | what |
//! | --- | --- |
//! | `secret`, `public` | the two kinds of key that a host holds |
//! | `jwks` | a set of public keys |
//! | `invalid` | why a key is refused |
//! | `encoded`, `jwk` | PEM, DER and JWK, strictly, as parts |
//! | `parts` | what keys are made of, and what makes them sound |
//! | `aws`, `rust`, `none`, `hs256` | the arithmetic, by feature |

#[cfg(feature = "aws-lc-rs")]
mod aws;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod encoded;
mod hs256;
mod invalid;
mod jwk;
mod jwks;
#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
mod none;
mod parts;
mod public;
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc-rs")))]
mod rust;
mod secret;

#[cfg(feature = "aws-lc-rs")]
use aws as arithmetic;
#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
use none::{self as arithmetic, self as encoded};
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc-rs")))]
use rust as arithmetic;

pub use invalid::InvalidKey;
pub use jwks::{InvalidJwks, Jwks};
pub use public::PublicKey;
pub use secret::{GeneratedKey, SecretKey};

/// How many characters a key id may have. A SHA-256 thumbprint has 43.
const MAX_ID_CHARS: usize = 64;

fn is_plain_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
    !id.is_empty() && id.len() <= MAX_ID_CHARS && id.bytes().all(plain)
}

fn checked_id(id: &str) -> Result<std::sync::Arc<str>, InvalidKey> {
    match is_plain_id(id) {
        true => Ok(std::sync::Arc::from(id)),
        false => Err(InvalidKey::MalformedId),
    }
}
