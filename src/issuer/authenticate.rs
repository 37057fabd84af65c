//! From a presented token to a loaded record: form, checksum or signature, store, MAC, in this
//! order.

use super::call::Call;
use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind},
    id::SessionId,
    session::{
        Age, AuthenticKind, AuthenticToken, CheckRefusal, Record, decide_check, decide_standing,
    },
    store::Snapshot,
    token::{OpaqueToken, TokenFault, TokenKind, VerifiedClaims, looks_opaque},
    verify,
};

/// What is compared when there is no record: the same work, and never the right answer.
const DUMMY_SALT: [u8; 16] = [0; 16];

/// A token that names a session: read, and as far proven as that goes without the store.
pub(super) enum Token {
    /// Its MAC is proven by the record.
    Opaque(OpaqueToken),
    /// Its signature has held.
    Signed(Box<VerifiedClaims>),
}

impl Token {
    pub(super) fn session_id(&self) -> SessionId {
        match self {
            Self::Opaque(token) => token.id,
            Self::Signed(claims) => claims.session_id(),
        }
    }

    /// What the check rule must know of the token.
    pub(super) fn authentic(&self) -> AuthenticToken {
        match self {
            Self::Opaque(token) => AuthenticToken {
                kind: match token.kind {
                    TokenKind::Session => AuthenticKind::Session,
                    TokenKind::Access | TokenKind::Refresh | TokenKind::Request => {
                        AuthenticKind::Access
                    }
                },
                generation: token.generation,
                expires_at: token.expires_at,
            },
            // Its times were judged when it was read.
            Self::Signed(claims) => AuthenticToken {
                kind: AuthenticKind::Access,
                generation: claims.generation(),
                expires_at: None,
            },
        }
    }

    pub(super) fn is_access(&self) -> bool {
        self.authentic().kind == AuthenticKind::Access
    }

    /// Its own end; session tokens have none.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        match self {
            Self::Opaque(token) => token.expires_at,
            Self::Signed(claims) => Some(claims.expires_at()),
        }
    }

    pub(super) fn into_claims(self) -> Option<Box<VerifiedClaims>> {
        match self {
            Self::Opaque(_) => None,
            Self::Signed(claims) => Some(claims),
        }
    }
}

impl Call<'_> {
    /// Reads a token that stands for a session: an access token of either form, or a session token.
    pub(super) fn read_token(self, token: &str, audience: Option<&String>) -> Result<Token, Error> {
        match looks_opaque(token) {
            // An opaque token is for whom the issuer is for.
            true if audience.is_some_and(|audience| !self.inner.audience.contains(audience)) => {
                Err(self.error(ErrorKind::WrongAudience))
            }
            true => self.read(token, &[TokenKind::Access, TokenKind::Session]).map(Token::Opaque),
            false if self.inner.signer.is_some() => {
                self.verify_for(token, audience).map(|claims| Token::Signed(Box::new(claims)))
            }
            // Nothing here signs tokens, so none that is not opaque can be ours.
            false => Err(self.token_error()(TokenFault::malformed("not an opaque token"))),
        }
    }

    /// Loads the record that a token stands for.
    pub(super) async fn locate(self, token: &Token) -> Result<Snapshot, Error> {
        let found = self.load(token.session_id()).await?;
        self.proven(token, found.as_ref())?;
        found.ok_or_else(|| self.error(ErrorKind::Internal))
    }

    /// Proves a token by the record that it names. For an opaque one, a missing record and a wrong
    /// MAC are one answer after the same work.
    pub(super) fn proven<'a>(
        self,
        token: &Token,
        found: Option<&'a Snapshot>,
    ) -> Result<&'a Snapshot, Error> {
        match token {
            Token::Opaque(token) => self.proven_by_mac(token, found),
            Token::Signed(_) => {
                found.ok_or_else(|| self.token_error()(TokenFault::invalid("no such session")))
            }
        }
    }

    /// Refuses an authentic token that its live session does not stand for now.
    pub(super) fn good(
        self,
        token: &Token,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Age, Error> {
        let Snapshot { record, subject, .. } = snapshot;
        decide_check(record, subject.as_ref(), token.authentic(), now)
            .map_err(|refusal| self.refuse(record, self.check_refused(refusal)))
    }

    /// As [`good`](Self::good), of a session that may have ended.
    pub(super) fn stands(
        self,
        token: &Token,
        record: &Record,
        now: Timestamp,
    ) -> Result<Age, Error> {
        decide_standing(record, token.authentic(), now)
            .map_err(|refusal| self.refuse(record, self.check_refused(refusal)))
    }

    /// Reads an opaque token: its form, its checksum, its kind. The store is not touched.
    pub(super) fn read(self, token: &str, kinds: &[TokenKind]) -> Result<OpaqueToken, Error> {
        let token = self.inner.keys.parse(token).map_err(self.token_error())?;
        match kinds.contains(&token.kind) {
            true => Ok(token),
            false => Err(self.error(ErrorKind::WrongTokenKind)),
        }
    }

    /// Loads the record that an opaque token names, and proves the token by it.
    pub(super) async fn prove(self, token: &OpaqueToken) -> Result<Snapshot, Error> {
        let found = self.load(token.id).await?;
        self.proven_by_mac(token, found.as_ref())?;
        found.ok_or_else(|| self.error(ErrorKind::Internal))
    }

    fn proven_by_mac<'a>(
        self,
        token: &OpaqueToken,
        found: Option<&'a Snapshot>,
    ) -> Result<&'a Snapshot, Error> {
        let salt = found.map_or(&DUMMY_SALT, |snapshot| snapshot.record.salt());
        let genuine = self.inner.keys.proves(token, &self.tenant, salt);
        match found {
            Some(snapshot) if genuine => Ok(snapshot),
            _ => Err(self.token_error()(TokenFault::invalid(
                "no such session, or a MAC that does not hold",
            ))),
        }
    }

    /// Shows a fault of a token.
    pub(super) fn token_error(self) -> impl Fn(TokenFault) -> Error {
        verify::token_error(self.operation)
    }

    /// Shows a refusal of the check rule.
    pub(super) fn check_refused(self, refusal: CheckRefusal) -> Error {
        let kind = match refusal {
            CheckRefusal::NotLive(why) => return self.not_live(why),
            CheckRefusal::Unmet(unmet) => {
                return self.error(ErrorKind::RequirementNotMet).with_source(unmet);
            }
            CheckRefusal::WrongTokenKind => ErrorKind::WrongTokenKind,
            CheckRefusal::TokenExpired => ErrorKind::TokenExpired,
            CheckRefusal::RefreshRequired => ErrorKind::RefreshRequired,
            CheckRefusal::Superseded => ErrorKind::Superseded,
            CheckRefusal::ImpersonationRefused => ErrorKind::ImpersonationRefused,
        };
        self.error(kind)
    }
}
