//! `verify`: what a signed access token claims, without I/O.

use super::{authenticate::refused, core::Issuer};
use crate::{
    error::{Error, ErrorKind, Operation, SignErrorKind},
    signer::VerifyRequest,
    token::{
        Expected, Jws, PayloadBuffer, SignatureBuffer, TokenFault, VerifiedClaims, looks_opaque, parse_claims,
    },
};

impl Issuer {
    /// Says what a signed access token claims: signature, times and audience.
    ///
    /// A revocation is seen when the token expires, so up to the access lifetime late: ask [`check`](Self::check) where
    /// that is too late.
    ///
    /// # Errors
    /// `MalformedToken`, `WrongTokenKind` (an opaque token), `InvalidToken`, `WrongAudience`, `TokenExpired`.
    pub fn verify(&self, token: &str) -> Result<VerifiedClaims, Error> {
        self.verify_for(token, None, Operation::Verify)
    }

    /// Reads a token that shall end its own session: it may have expired.
    pub(super) fn verify_to_end(&self, token: &str, operation: Operation) -> Result<VerifiedClaims, Error> {
        if self.inner.signer.is_none() {
            return Err(refused(operation)(TokenFault::malformed("not an opaque token")));
        }
        self.verify_at(token, None, true, operation)
    }

    pub(super) fn verify_for(
        &self,
        token: &str,
        audience: Option<&String>,
        operation: Operation,
    ) -> Result<VerifiedClaims, Error> {
        self.verify_at(token, audience, false, operation)
    }

    fn verify_at(
        &self,
        token: &str,
        audience: Option<&String>,
        may_have_expired: bool,
        operation: Operation,
    ) -> Result<VerifiedClaims, Error> {
        if looks_opaque(token) {
            return Err(Error::new(ErrorKind::WrongTokenKind, operation));
        }
        let signer =
            self.inner.signer.as_ref().ok_or_else(|| Error::new(ErrorKind::NotSupported, operation))?;
        let policy = &self.inner.policy;
        let now = self.now();
        let (known, mut signature) = (&self.inner.headers, SignatureBuffer::new());
        let jws = Jws::parse(token, policy.token_type.as_str(), known, &mut signature)
            .map_err(refused(operation))?;
        let request = VerifyRequest::new(&jws.key_id, jws.algorithm, jws.signing_input, jws.signature, now);
        signer.verify(request).map_err(|source| match source.kind() {
            SignErrorKind::Unavailable => Error::new(ErrorKind::Unavailable, operation).with_source(source),
            _ => Error::new(ErrorKind::InvalidToken, operation).with_source(source),
        })?;
        known.remember(&jws);
        let mut buffer = PayloadBuffer::new();
        let payload = jws
            .payload(&mut buffer)
            .map_err(|_| refused(operation)(TokenFault::invalid("claims that are not ours")))?;
        let expected = Expected {
            issuer: &self.inner.name,
            audience: audience.map_or(self.inner.audience.as_slice(), std::slice::from_ref),
            tenant: &self.tenant,
            session_claim: policy.session_claim,
            now,
            may_have_expired,
            skew: policy.skew,
            longest: policy.access_lifetime.saturating_add(std::time::Duration::from_secs(1)),
        };
        parse_claims(payload, &expected).map_err(refused(operation))
    }
}
