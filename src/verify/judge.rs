//! What a signed token must be, whoever holds the keys.

use std::time::Duration;

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

/// What a signed token must be, whoever holds the keys.
pub(crate) struct Judge<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) headers: &'a KnownHeaders,
    pub(crate) issuer: &'a str,
    pub(crate) audience: &'a [String],
    pub(crate) tenant: &'a TenantId,
    pub(crate) may_have_expired: bool,
    pub(crate) operation: Operation,
}

impl Judge<'_> {
    /// Form first, then the signature, then what the token claims.
    pub(crate) fn judge(
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
            .map_err(token_error(operation))?;
        let request =
            VerifyRequest::new(&jws.key_id, jws.algorithm, jws.signing_input, jws.signature, now);
        verify(request).map_err(|source| {
            let kind = match source.kind() {
                SignErrorKind::Unavailable
                | SignErrorKind::TimedOut
                | SignErrorKind::RateLimited => ErrorKind::Unavailable,
                _ => ErrorKind::InvalidToken,
            };
            Error::new(kind, operation).with_source(source)
        })?;
        self.headers.remember(&jws);
        let mut buffer = PayloadBuffer::new();
        let payload = jws
            .payload(&mut buffer)
            .map_err(|_| token_error(operation)(TokenFault::invalid("claims that are not ours")))?;
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
        parse_claims(payload, &expected).map_err(token_error(operation))
    }
}

/// Shows a fault of a token, whoever judges it.
pub(crate) fn token_error(operation: Operation) -> impl Fn(TokenFault) -> Error {
    move |fault| Error::new(fault.kind, operation).with_source(fault)
}
