//! Tokens for a record: what its credentials are, at its generation.

use std::{borrow::Cow, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{Issued, SessionView, call::Call};
use crate::{
    actor::ActorChain,
    client::ClientInfo,
    clock::Timestamp,
    error::{Error, ErrorKind, InputField, InvalidInput, Problem},
    factor::{Amr, AssuranceLevel, Factor, authenticated_at},
    id::SessionId,
    metadata::HostClaims,
    policy::AccessFormat,
    secret::Secret,
    session::{CredentialsKind, Record, Session, SubjectStamp, counting},
    signer::SignRequest,
    token::{ActorClaim, Claims, MAX_TOKEN_BYTES, Mint, TokenKind, Unsigned},
};

/// What a verb hands out, and how.
pub(super) struct Minting {
    pub(super) record: Arc<Record>,
    pub(super) subject: Option<SubjectStamp>,
    pub(super) now: Timestamp,
    pub(super) access_lifetime: Option<Duration>,
    pub(super) replayed: bool,
    pub(super) evicted: Vec<SessionId>,
    pub(super) signed: Option<SignedBefore>,
}

/// An access token that was signed before its record was stored, so that a signer that fails costs
/// nothing.
pub(super) struct SignedBefore {
    token: Secret,
    /// What it stands for. A record that was stored otherwise gets another token.
    id: SessionId,
    generation: u32,
    factors: Vec<Factor>,
}

impl SignedBefore {
    fn stands_for(&self, record: &Record, factors: &[Factor]) -> bool {
        self.id == record.id() && self.generation == record.generation() && self.factors == factors
    }
}

impl Minting {
    pub(super) fn new(record: Arc<Record>, subject: Option<SubjectStamp>, now: Timestamp) -> Self {
        Self {
            record,
            subject,
            now,
            access_lifetime: None,
            replayed: false,
            evicted: Vec::new(),
            signed: None,
        }
    }
}

impl Call<'_> {
    /// The tokens of a record's current generation: nothing here is stored, and the opaque ones are
    /// the same each time. What waits for a signer is boxed, so that the usual future is small.
    pub(super) async fn issue(self, minting: Minting) -> Result<Issued, Error> {
        let kind = minting.record.session().map(Session::credentials);
        match self.signs() && kind != Some(CredentialsKind::Session) {
            true => Box::pin(self.issue_signed(minting)).await,
            false => self.issue_opaque(minting),
        }
    }

    fn issue_opaque(self, minting: Minting) -> Result<Issued, Error> {
        let Minting { record, now, .. } = &minting;
        let session = record.session().ok_or_else(|| self.error(ErrorKind::Internal))?;
        let (kind, expires_at) = match session.credentials() {
            CredentialsKind::Session => (TokenKind::Session, None),
            _ => (
                TokenKind::Access,
                Some(self.access_end(record, session, minting.access_lifetime, *now)),
            ),
        };
        let token = self.opaque(record, kind, expires_at)?;
        let shown = expires_at.or_else(|| record.effective_end());
        self.issued(minting, token, shown)
    }

    async fn issue_signed(self, mut minting: Minting) -> Result<Issued, Error> {
        let before = minting.signed.take();
        let Minting { record, now, .. } = &minting;
        let claims =
            self.claims_to_sign(record, minting.subject.as_ref(), minting.access_lifetime, *now)?;
        let expires_at = claims.expires_at;
        let token = match before.filter(|before| before.stands_for(record, &claims.factors)) {
            Some(before) => before.token,
            None => self.sign(&claims).await?,
        };
        self.issued(minting, token, Some(Timestamp::from_secs(expires_at.as_secs())))
    }

    fn issued(
        self,
        minting: Minting,
        token: Secret,
        expires_at: Option<Timestamp>,
    ) -> Result<Issued, Error> {
        let Minting { record, subject, replayed, evicted, .. } = minting;
        let refresh = match record.session().map(Session::credentials) {
            Some(CredentialsKind::Pair) => Some(self.opaque(&record, TokenKind::Refresh, None)?),
            _ => None,
        };
        Ok(Issued {
            token,
            refresh,
            expires_at,
            view: SessionView::new(record, subject),
            replayed,
            evicted,
        })
    }

    /// Signs the access token of a record that is about to be stored; none where it gets no signed
    /// one. Nothing is handed out before the store has taken the record.
    pub(super) async fn sign_before(
        self,
        record: &Record,
        stamp: Option<&SubjectStamp>,
        access_lifetime: Option<Duration>,
        now: Timestamp,
    ) -> Result<Option<SignedBefore>, Error> {
        let claims = self.claims_to_sign(record, stamp, access_lifetime, now)?;
        if !self.signs() || claims.session.credentials() == CredentialsKind::Session {
            return Ok(None);
        }
        let token = self.sign(&claims).await?;
        let (id, generation) = (record.id(), record.generation());
        Ok(Some(SignedBefore { token, id, generation, factors: claims.factors.into_owned() }))
    }

    fn claims_to_sign<'a>(
        self,
        record: &'a Record,
        stamp: Option<&SubjectStamp>,
        access_lifetime: Option<Duration>,
        now: Timestamp,
    ) -> Result<ClaimsToSign<'a>, Error> {
        let session = record.session().ok_or_else(|| self.error(ErrorKind::Internal))?;
        let expires_at = self.access_end(record, session, access_lifetime, now);
        Ok(ClaimsToSign { record, session, factors: counting(session, stamp), now, expires_at })
    }

    pub(super) fn signs(self) -> bool {
        self.inner.policy.credentials.access_format() == Some(AccessFormat::Signed)
    }

    /// When an access token expires: never past the session's own end. A token that nothing can
    /// refresh has the absolute one in view: use moves the idle one on.
    fn access_end(
        self,
        record: &Record,
        session: &Session,
        lifetime: Option<Duration>,
        now: Timestamp,
    ) -> Timestamp {
        let lifetime = lifetime.unwrap_or(self.inner.policy.access_lifetime);
        let end = match session.credentials() {
            CredentialsKind::Pair => record.effective_end(),
            _ => session.ends_at(),
        };
        end.unwrap_or(Timestamp::MAX).min(now.saturating_add(lifetime))
    }

    pub(super) fn opaque(
        self,
        record: &Record,
        kind: TokenKind,
        expires_at: Option<Timestamp>,
    ) -> Result<Secret, Error> {
        // Tokens of a generation are minted under the key that was minting when it began, on every
        // node and for ever: an answer given again is the same answer. A request has one
        // generation, and is minted once.
        let key = match record.session() {
            Some(session) => Some(session.mac_key()),
            None => self.inner.keys.minting(record.created_at()),
        };
        let mint = key.and_then(|key| {
            self.inner.keys.mint(&Mint {
                kind,
                key,
                tenant: record.tenant(),
                id: record.id(),
                generation: record.generation(),
                salt: record.salt(),
                expires_at,
            })
        });
        mint.ok_or_else(|| {
            self.error(ErrorKind::InvalidConfiguration)
                .with_source("the ring of token keys lacks the key of this session's tokens")
        })
    }

    /// The key that mints opaque tokens now.
    pub(super) fn minting_key(self, now: Timestamp) -> Result<u16, Error> {
        self.inner.keys.minting(now).ok_or_else(|| {
            self.error(ErrorKind::InvalidConfiguration)
                .with_source("no key of the ring of token keys has started yet")
        })
    }

    async fn sign(self, claims: &ClaimsToSign<'_>) -> Result<Secret, Error> {
        let signer =
            self.inner.signer.as_ref().ok_or_else(|| self.error(ErrorKind::NotSupported))?;
        let ClaimsToSign { record, session, ref factors, now, expires_at } = *claims;
        let (mut token_id, random) = ([0; 16], self.random::<12>()?);
        let length = URL_SAFE_NO_PAD.encode_slice(random, &mut token_id).unwrap_or_default();
        let token_id =
            token_id.get(..length).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default();
        let (subject, epoch) = record.bound().unzip();
        let claims = Claims {
            opening: &self.inner.opening,
            tenant: &self.tenant,
            subject,
            session: record.id(),
            session_claim: self.inner.policy.session_claim,
            generation: record.generation(),
            epoch,
            issued_at: now,
            expires_at,
            token_id,
            authenticated_at: authenticated_at(factors),
            amr: Amr::of(factors),
            level: AssuranceLevel::of(factors),
            actors: session.actors().and_then(actor_claim),
            host: session.claims(),
        };
        let payload = claims
            .to_json()
            .map_err(|source| self.error(ErrorKind::Internal).with_source(source))?;
        drop(claims);
        let key = signer.signing_key(now).map_err(self.sign_failed())?;
        let token =
            Unsigned::new(key.algorithm, &key.id, self.inner.policy.token_type.as_str(), &payload);
        drop(payload);
        let request = SignRequest::new(&key, token.signing_input());
        let signature = signer.sign(request).await.map_err(self.sign_failed())?;
        Ok(Secret::from(token.seal(&signature)))
    }

    /// Refuses a client that was given a part that breaks its rule.
    pub(super) fn checked_client(self, client: &ClientInfo) -> Result<(), Error> {
        client.problem().map_or(Ok(()), |input| Err(self.invalid(input)))
    }

    /// A host's claims may not take the name under which the session's id is written too.
    pub(super) fn checked_claims(self, claims: &HostClaims) -> Result<(), Error> {
        match self.inner.policy.session_claim.is_some_and(|name| claims.get(name).is_some()) {
            true => Err(self.invalid(InvalidInput::new(InputField::ClaimName, Problem::Reserved))),
            false => Ok(()),
        }
    }

    /// Refuses, before anything is stored, a record whose signed tokens would be longer than any
    /// that is read.
    pub(super) fn fits_a_token(self, record: &Record) -> Result<(), Error> {
        // Names and numbers of all claims; the same of an actor; header and signature, as
        // base64url.
        const CLAIMS: usize = 460;
        const ACTOR: usize = 90;
        const ENDS: usize = 900;
        if self.inner.policy.credentials.access_format() != Some(AccessFormat::Signed) {
            return Ok(());
        }
        let Some(session) = record.session() else { return Ok(()) };
        let json = |text: &str| {
            text.len() + text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count() + 3
        };
        let actors = session.actors().into_iter().flat_map(ActorChain::actors);
        let bytes = CLAIMS
            + json(&self.inner.name)
            + self.inner.audience.iter().map(|audience| json(audience)).sum::<usize>()
            + json(self.tenant.as_str())
            + record.bound().map_or(0, |(subject, _)| json(subject.as_str()))
            + actors.map(|actor| ACTOR + json(actor.subject().as_str())).sum::<usize>()
            + session.claims().map_or(0, HostClaims::json_bytes);
        match bytes.div_ceil(3) * 4 + ENDS > MAX_TOKEN_BYTES {
            true => Err(self.invalid(InvalidInput::new(InputField::Claims, Problem::TooLarge))),
            false => Ok(()),
        }
    }

    /// An access token's own lifetime: above zero, and at most what the policy says. Never clamped.
    pub(super) fn checked_access_lifetime(self, asked: Option<Duration>) -> Result<(), Error> {
        let problem = match asked {
            Some(asked) if asked.as_secs() == 0 => Problem::Zero,
            Some(asked) if asked > self.inner.policy.access_lifetime => Problem::TooLarge,
            _ => return Ok(()),
        };
        Err(self.invalid(InvalidInput::new(InputField::AccessLifetime, problem)))
    }
}

#[cfg(feature = "testing")]
impl super::core::Issuer {
    /// What a signed access token costs by itself: it is handed to nobody who lacks the session's
    /// own.
    pub(crate) async fn sign_again(&self, view: &SessionView) -> Result<Secret, Error> {
        let call = self.call(crate::error::Operation::Refresh);
        call.sign(&call.claims_to_sign(view.record(), None, None, call.now())?).await
    }
}

/// The claims of a signed token.
struct ClaimsToSign<'a> {
    record: &'a Record,
    session: &'a Session,
    /// Those that still count.
    factors: Cow<'a, [Factor]>,
    now: Timestamp,
    expires_at: Timestamp,
}

/// The chain as a token carries it: the nearest actor outside, those behind it nested (RFC 8693).
fn actor_claim(chain: &ActorChain) -> Option<ActorClaim> {
    chain.actors().iter().rev().fold(None, |behind, actor| {
        Some(ActorClaim {
            sub: actor.subject().clone(),
            sid: actor.session(),
            epo: actor.epoch(),
            act: behind.map(Box::new),
        })
    })
}
