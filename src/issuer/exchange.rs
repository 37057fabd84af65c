//! `exchange`: an approved request token for a session, once (flow D). The rule is in
//! `session/request.rs`.

use super::{
    Exchange, Issued,
    attempt::Checks,
    call::Call,
    commit::{ChangingVerb, Decided, Proposal, Settled, Turn},
    core::Issuer,
    create::credentials_kind,
    mint::{Minting, SignedBefore},
};
use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind, Operation},
    event::EventKind,
    session::{SessionBirth, beginning_lifetime, decide_exchange, is_beginning},
    store::Snapshot,
    token::{OpaqueToken, TokenKind},
};

impl Issuer {
    /// Trades an approved request token for a session. The id stays; the limits start anew.
    ///
    /// A second exchange is refused, and revokes nothing: request tokens travel in addresses, where
    /// others read them.
    ///
    /// # Errors
    /// [`MalformedToken`], [`WrongTokenKind`], [`InvalidToken`] (also for an app that did not open
    /// it), [`NotApproved`] (the token waits on), [`Denied`], [`AlreadyDecided`] (it was
    /// exchanged), [`Expired`], [`Revoked`], [`CapReached`], [`SubjectDisabled`], [`SubjectLocked`]
    /// and [`SubjectUnknown`] (the directory has changed its mind since), [`InvalidInput`],
    /// [`Unavailable`].
    ///
    /// [`AlreadyDecided`]: crate::error::ErrorKind::AlreadyDecided
    /// [`CapReached`]: crate::error::ErrorKind::CapReached
    /// [`Denied`]: crate::error::ErrorKind::Denied
    /// [`Expired`]: crate::error::ErrorKind::Expired
    /// [`InvalidInput`]: crate::error::ErrorKind::InvalidInput
    /// [`InvalidToken`]: crate::error::ErrorKind::InvalidToken
    /// [`MalformedToken`]: crate::error::ErrorKind::MalformedToken
    /// [`NotApproved`]: crate::error::ErrorKind::NotApproved
    /// [`Revoked`]: crate::error::ErrorKind::Revoked
    /// [`SubjectDisabled`]: crate::error::ErrorKind::SubjectDisabled
    /// [`SubjectLocked`]: crate::error::ErrorKind::SubjectLocked
    /// [`SubjectUnknown`]: crate::error::ErrorKind::SubjectUnknown
    /// [`Unavailable`]: crate::error::ErrorKind::Unavailable
    /// [`WrongTokenKind`]: crate::error::ErrorKind::WrongTokenKind
    pub async fn exchange(&self, exchange: Exchange<'_>) -> Result<Issued, Error> {
        let call = self.call(Operation::Exchange);
        call.checked_claims(&exchange.claims)?;
        call.checked_client(&exchange.client)?;
        let token = call.read(exchange.token, &[TokenKind::Request])?;
        let Settled { record, evicted, read, now, kept: signed } =
            call.settle(&Exchanging { token, exchange: &exchange }, None).await?;
        self.emit(&record, EventKind::RequestExchanged);
        let mut minting = Minting::new(record, read.subject, now);
        minting.evicted = self.emit_evicted(&evicted);
        minting.signed = signed;
        call.issue(minting).await
    }
}

/// A request token, and who trades it.
struct Exchanging<'a> {
    token: OpaqueToken,
    exchange: &'a Exchange<'a>,
}

impl ChangingVerb for Exchanging<'_> {
    type Kept = Option<SignedBefore>;

    async fn load(&self, call: Call<'_>) -> Result<Snapshot, Error> {
        call.prove(&self.token).await
    }

    async fn decide(
        &self,
        call: Call<'_>,
        read: &Snapshot,
        turn: Turn,
    ) -> Result<Decided<Option<SignedBefore>>, Error> {
        let Snapshot { record, subject, .. } = read;
        decide_exchange(record, subject.as_ref(), &self.exchange.app, turn.now)
            .map_err(|refusal| call.request_refused(record, refusal))?;
        let next = record.exchanged(self.birth(call, read, turn.now).await?);
        let next = next.ok_or_else(|| call.error(ErrorKind::Internal))?;
        call.fits_a_token(&next)?;
        // A request token is exchanged once: a signer that fails must not use it up.
        let signed = match turn.signs_first() {
            true => call.sign_before(&next, subject.as_ref(), None, turn.now).await?,
            false => None,
        };
        Ok(Decided::Commit(
            Proposal { admit: call.cap_rule(), ..Proposal::new(read, next) },
            signed,
        ))
    }
}

impl Exchanging<'_> {
    /// What the session is made of: its limits start anew.
    async fn birth(
        &self,
        call: Call<'_>,
        read: &Snapshot,
        now: Timestamp,
    ) -> Result<SessionBirth, Error> {
        let (record, policy) = (&read.record, &call.inner.policy);
        // The directory is asked once more: the subject may have been disabled since it approved.
        let checks = Checks {
            checks: Vec::new(),
            verified: Vec::new(),
            subject: record.bound().map(|(subject, _)| subject.clone()),
            stamp: read.subject.clone(),
            epoch: None,
            session: None,
        };
        let proven = call.attempt(checks, now).await?;
        let lifetime = policy.absolute.as_duration();
        Ok(SessionBirth {
            id: record.id(),
            tenant: call.tenant.clone(),
            salt: *record.salt(),
            now,
            keep: policy.keep_after_end,
            bound: None,
            factors: Vec::new(),
            client: self.exchange.client.clone(),
            device: None,
            creator: None,
            actors: None,
            metadata: self.exchange.metadata.clone(),
            claims: self.exchange.claims.clone(),
            beginning: beginning_lifetime(
                policy,
                is_beginning(proven.has_second_factor(), &[], &proven.factors),
                lifetime,
            ),
            resource_owner: proven.profile.and_then(|profile| profile.resource_owner),
            lifetime,
            idle: policy.idle,
            mac_key: call.minting_key(now)?,
            credentials: credentials_kind(policy.credentials),
        })
    }
}
