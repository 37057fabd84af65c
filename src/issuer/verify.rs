//! `verify`: what a signed access token claims, without I/O.

use std::time::Duration;

use super::{call::Call, core::Issuer};
use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind, Operation, SignError, SignErrorKind},
    id::TenantId,
    policy::Policy,
    signer::VerifyRequest,
    token::{
        Expected, Jws, KnownHeaders, PayloadBuffer, SignatureBuffer, TokenFault, VerifiedClaims,
        looks_opaque, parse_claims,
    },
};

impl Issuer {
    /// Says what a signed access token claims: signature, times and audience.
    ///
    /// A revocation is seen when the token expires, so up to the access lifetime late: ask
    /// [`check`](Self::check) where that is too late.
    ///
    /// # Errors
    /// `MalformedToken`, `WrongTokenKind` (an opaque token), `InvalidToken`, `WrongAudience`,
    /// `TokenExpired`.
    pub fn verify(&self, token: &str) -> Result<VerifiedClaims, Error> {
        self.call(Operation::Verify).verify_for(token, None)
    }
}

impl Call<'_> {
    /// Reads a token that shall end its own session: it may have expired.
    pub(super) fn verify_to_end(self, token: &str) -> Result<VerifiedClaims, Error> {
        if self.inner.signer.is_none() {
            return Err(self.token_refused()(TokenFault::malformed("not an opaque token")));
        }
        self.verify_at(token, None, true)
    }

    pub(super) fn verify_for(self, token: &str, audience: Option<&String>) -> Result<VerifiedClaims, Error> {
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

/// What a signed token must be, whoever holds the keys.
pub(super) struct Judge<'a> {
    pub(super) policy: &'a Policy,
    pub(super) headers: &'a KnownHeaders,
    pub(super) issuer: &'a str,
    pub(super) audience: &'a [String],
    pub(super) tenant: &'a TenantId,
    pub(super) may_have_expired: bool,
    pub(super) operation: Operation,
}

impl Judge<'_> {
    /// Form first, then the signature, then what the token claims.
    pub(super) fn judge(
        &self,
        token: &str,
        now: Timestamp,
        verify: impl FnOnce(VerifyRequest<'_>) -> Result<(), SignError>,
    ) -> Result<VerifiedClaims, Error> {
        let operation = self.operation;
        if looks_opaque(token) {
            return Err(Error::new(ErrorKind::WrongTokenKind, operation));
        }
        let mut signature = SignatureBuffer::new();
        let jws = Jws::parse(token, self.policy.token_type.as_str(), self.headers, &mut signature)
            .map_err(refused(operation))?;
        let request = VerifyRequest::new(&jws.key_id, jws.algorithm, jws.signing_input, jws.signature, now);
        verify(request).map_err(|source| {
            let kind = match source.kind() {
                SignErrorKind::Unavailable | SignErrorKind::TimedOut | SignErrorKind::RateLimited => {
                    ErrorKind::Unavailable
                }
                _ => ErrorKind::InvalidToken,
            };
            Error::new(kind, operation).with_source(source)
        })?;
        self.headers.remember(&jws);
        let mut buffer = PayloadBuffer::new();
        let payload = jws
            .payload(&mut buffer)
            .map_err(|_| refused(operation)(TokenFault::invalid("claims that are not ours")))?;
        let expected = Expected {
            issuer: self.issuer,
            audience: self.audience,
            tenant: self.tenant,
            session_claim: self.policy.session_claim,
            now,
            may_have_expired: self.may_have_expired,
            skew: self.policy.skew,
            longest: self.policy.access_lifetime.saturating_add(Duration::from_secs(1)),
        };
        parse_claims(payload, &expected).map_err(refused(operation))
    }
}

/// Shows a fault of a token, whoever judges it.
pub(super) fn refused(operation: Operation) -> impl Fn(TokenFault) -> Error {
    move |fault| Error::new(fault.kind, operation).with_source(fault)
}
