//! Services that verify signed access tokens and hold no more than public keys.
//!
//! | file | what is there |
//! | --- | --- |
//! | `judge` | what a signed token must be, whoever holds the keys |
//! | `names` | what names an issuer and its audiences may have |
//! | `token_verifier` | a service that holds public keys alone |

mod judge;
mod names;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod token_verifier;

#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))))]
pub use self::token_verifier::{TokenVerifier, TokenVerifierBuilder};
pub(crate) use self::{
    judge::{Judge, token_error},
    names::problems_of_names,
};
