//! `verify`: what a signed access token claims, without I/O.

use super::{call::Call, core::Issuer};
use crate::{
    error::{Error, ErrorKind, Operation},
    token::{TokenFault, VerifiedClaims, looks_opaque},
    verify::Judge,
};

impl Issuer {
    /// Says what a signed access token claims: signature, times and audience.
    ///
    /// A revocation is seen when the token expires, so up to the access lifetime late: ask
    /// [`check`](Self::check) where that is too late.
    ///
    /// # Errors
    /// [`MalformedToken`], [`WrongTokenKind`] (an opaque token), [`InvalidToken`],
    /// [`WrongAudience`], [`TokenExpired`].
    ///
    /// [`InvalidToken`]: crate::error::ErrorKind::InvalidToken
    /// [`MalformedToken`]: crate::error::ErrorKind::MalformedToken
    /// [`TokenExpired`]: crate::error::ErrorKind::TokenExpired
    /// [`WrongAudience`]: crate::error::ErrorKind::WrongAudience
    /// [`WrongTokenKind`]: crate::error::ErrorKind::WrongTokenKind
    pub fn verify(&self, token: &str) -> Result<VerifiedClaims, Error> {
        self.call(Operation::Verify).verify_for(token, None)
    }
}

impl Call<'_> {
    /// Reads a token that shall end its own session: it may have expired.
    pub(super) fn verify_to_end(self, token: &str) -> Result<VerifiedClaims, Error> {
        if self.inner.signer.is_none() {
            return Err(self.token_error()(TokenFault::malformed("not an opaque token")));
        }
        self.verify_at(token, None, true)
    }

    pub(super) fn verify_for(
        self,
        token: &str,
        audience: Option<&String>,
    ) -> Result<VerifiedClaims, Error> {
        self.verify_at(token, audience, false)
    }

    fn verify_at(
        self,
        token: &str,
        audience: Option<&String>,
        may_have_expired: bool,
    ) -> Result<VerifiedClaims, Error> {
        let judge = Judge {
            policy: &self.inner.policy,
            headers: &self.inner.headers,
            issuer: &self.inner.name,
            audience: audience.map_or(self.inner.audience.as_slice(), std::slice::from_ref),
            tenant: &self.tenant,
            may_have_expired,
            operation: self.operation,
        };
        match &self.inner.signer {
            Some(signer) => judge.judge(token, self.now(), |request| signer.verify(request)),
            None if looks_opaque(token) => Err(self.error(ErrorKind::WrongTokenKind)),
            None => Err(self.error(ErrorKind::NotSupported)),
        }
    }
}
