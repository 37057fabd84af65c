//! Tokens: the opaque codec, the strict JWS codec, and the claims of signed access tokens.
//!
//! | file | what |
//! | --- | --- |
//! | `keys` | the MAC ring that mints opaque tokens |
//! | `opaque` | refresh, session, request and opaque access tokens |
//! | `jws` | JWS compact serialisation (RFC 7515), strictly |
//! | `claims` | the claims of a signed access token (RFC 7519, RFC 9068), strictly |
//! | `object`, `strict` | JSON written member by member, and claims read strictly |

mod claims;
mod jws;
mod keys;
mod object;
mod opaque;
mod strict;

use crate::error::ErrorKind;
pub(crate) use crate::json::strict_json;

pub use claims::VerifiedClaims;
pub(crate) use claims::{ActorClaim, Claims, Expected, Opening, parse as parse_claims};
pub use jws::{Algorithm, MAX_TOKEN_BYTES};
pub(crate) use jws::{Jws, KnownHeaders, PayloadBuffer, SignatureBuffer, Unsigned};
pub use keys::{InvalidTokenKey, TokenKeys};
pub(crate) use opaque::{Mint, OpaqueToken, TokenKind, looks_opaque};

/// Why a token is refused, for logs: it becomes the source of an error, and never holds a part of
/// the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(crate) struct TokenFault {
    pub(crate) kind: ErrorKind,
    pub(crate) what: &'static str,
}

impl TokenFault {
    pub(crate) fn malformed(what: &'static str) -> Self {
        Self { kind: ErrorKind::MalformedToken, what }
    }

    pub(crate) fn invalid(what: &'static str) -> Self {
        Self { kind: ErrorKind::InvalidToken, what }
    }
}
