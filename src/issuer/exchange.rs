//! `exchange`: an approved request token for a session, once (flow D). The rule is in `session/request.rs`.

use super::{
    Exchange, Issued,
    attempt::Checks,
    core::{Issuer, MAX_TRIES, SIGNING_TRIES, not_live, store_failed},
    create::credentials_kind,
    mint::Minting,
};
use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind, Operation},
    event::EventKind,
    session::{Record, RequestRefusal, SessionBirth, beginning_lifetime, decide_exchange, is_beginning},
    store::{Change, Committed, Snapshot},
    token::TokenKind,
};

const OPERATION: Operation = Operation::Exchange;

impl Issuer {
    /// Trades an approved request token for a session. The id stays; the limits start anew.
    ///
    /// A second exchange is refused, and revokes nothing: request tokens travel in addresses, where others read them.
    ///
    /// # Errors
    /// `MalformedToken`, `WrongTokenKind`, `InvalidToken` (also for an app that did not open it), `NotApproved` (the
    /// token waits on), `Denied`, `AlreadyDecided` (it was exchanged), `Expired`, `Revoked`, `CapReached`,
    /// `SubjectDisabled`, `SubjectLocked` and `SubjectUnknown` (the directory has changed its mind since), `InvalidInput`,
    /// `Unavailable`.
    pub async fn exchange(&self, exchange: Exchange<'_>) -> Result<Issued, Error> {
        self.checked_claims(&exchange.claims, OPERATION)?;
        let token = self.read(exchange.token, &[TokenKind::Request], OPERATION)?;
        for turn in 0..MAX_TRIES {
            let snapshot = self.prove(&token, OPERATION).await?;
            let now = self.now();
            let record = &snapshot.record;
            decide_exchange(record, snapshot.subject.as_ref(), &exchange.app, now)
                .map_err(|refusal| self.request_refused(record, refusal, OPERATION))?;
            let next = record.exchanged(self.birth_of(&snapshot, &exchange, now).await?);
            let next = next.ok_or_else(|| Error::new(ErrorKind::Internal, OPERATION))?;
            self.fits_a_token(&next, OPERATION)?;
            // A request token is exchanged once: a signer that fails must not use it up.
            let signed = match turn < SIGNING_TRIES {
                true => self.sign_before(&next, snapshot.subject.as_ref(), None, now, OPERATION).await?,
                false => None,
            };
            let mut change = Change::new(record.version(), next, now);
            change.observed_epoch = snapshot.subject.as_ref().map(|stamp| stamp.epoch);
            change.admit = self.cap_rule();
            match self.inner.store.commit(&record.key(), change).await.map_err(store_failed(OPERATION))? {
                Committed::Done { record, evicted } => {
                    self.tell(&record, EventKind::RequestExchanged);
                    let mut minting = Minting::new(record, snapshot.subject, now, OPERATION);
                    minting.evicted = self.tell_evicted(&evicted);
                    minting.signed = signed;
                    return self.issue(minting).await;
                }
                Committed::CapReached => return Err(Error::new(ErrorKind::CapReached, OPERATION)),
                Committed::Conflict(_) | Committed::Gone | Committed::EpochMoved => {}
            }
        }
        Err(Error::new(ErrorKind::Contention, OPERATION))
    }

    /// How a refusal of the rule of request tokens is shown by a verb, and told to the host.
    pub(super) fn request_refused(
        &self,
        record: &Record,
        refusal: RequestRefusal,
        operation: Operation,
    ) -> Error {
        let error = match refusal {
            // To this app the request is unknown, so there is nothing to tell of.
            RequestRefusal::OtherApp => {
                let unknown = Error::new(ErrorKind::InvalidToken, operation);
                return unknown.with_source("another app opened the request");
            }
            RequestRefusal::NotLive(why) => not_live(why, operation),
            RequestRefusal::NotApproved => Error::new(ErrorKind::NotApproved, operation),
            RequestRefusal::Denied => Error::new(ErrorKind::Denied, operation),
            RequestRefusal::AlreadyDecided => Error::new(ErrorKind::AlreadyDecided, operation),
        };
        self.refuse(record, error)
    }

    async fn birth_of(
        &self,
        snapshot: &Snapshot,
        exchange: &Exchange<'_>,
        now: Timestamp,
    ) -> Result<SessionBirth, Error> {
        let (record, policy) = (&snapshot.record, &self.inner.policy);
        // The directory is asked once more: the subject may have been disabled since it approved.
        let checks = Checks {
            checks: Vec::new(),
            verified: Vec::new(),
            subject: record.bound().map(|(subject, _)| subject.clone()),
            stamp: snapshot.subject.clone(),
            epoch: None,
            session: None,
        };
        let proven = self.attempt(checks, now, OPERATION).await?;
        let lifetime = policy.absolute.as_duration();
        Ok(SessionBirth {
            id: record.id(),
            tenant: self.tenant.clone(),
            salt: *record.salt(),
            now,
            keep: policy.keep_after_end,
            bound: None,
            factors: Vec::new(),
            client: exchange.client.clone(),
            device: None,
            creator: None,
            actors: None,
            metadata: exchange.metadata.clone(),
            claims: exchange.claims.clone(),
            beginning: beginning_lifetime(
                policy,
                is_beginning(proven.has_second_factor(), &[], &proven.factors),
                lifetime,
            ),
            resource_owner: proven.profile.and_then(|profile| profile.resource_owner),
            lifetime,
            idle: policy.idle,
            mac_key: self.minting_key(now, OPERATION)?,
            credentials: credentials_kind(policy.credentials),
        })
    }
}
