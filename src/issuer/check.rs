//! `check`: whether a token is good now, and for what. The rule is in `session/check.rs`.

use std::sync::Arc;

use super::{
    Checked, Presented, SessionView, authenticate::Token, call::Call, core::Issuer, output::Proof,
};
use crate::{
    error::{Error, ErrorClass, ErrorKind, Operation},
    event::EventKind,
    metadata::HostClaims,
    policy::{Freshness, OnStoreFailure, Requirement},
    session::{Age, Session, Use, decide_use},
    store::{Noted, Snapshot},
    token::VerifiedClaims,
};

impl Issuer {
    /// Says whether a token is good now, and for what: an access token of either form, or a session
    /// token.
    ///
    /// # Errors
    /// Of the token: [`MalformedToken`], [`WrongTokenKind`], [`InvalidToken`], [`WrongAudience`],
    /// [`TokenExpired`], [`RefreshRequired`], [`Superseded`]. Of the session: [`Expired`],
    /// [`Inactive`], [`Revoked`], [`ActorEnded`]. Of the requirement: [`RequirementNotMet`],
    /// [`ImpersonationRefused`], [`QuotaExceeded`]. Of the surroundings: [`Unavailable`], which is
    /// never a reason to log anybody out.
    ///
    /// [`ActorEnded`]: crate::error::ErrorKind::ActorEnded
    /// [`Expired`]: crate::error::ErrorKind::Expired
    /// [`ImpersonationRefused`]: crate::error::ErrorKind::ImpersonationRefused
    /// [`Inactive`]: crate::error::ErrorKind::Inactive
    /// [`InvalidToken`]: crate::error::ErrorKind::InvalidToken
    /// [`MalformedToken`]: crate::error::ErrorKind::MalformedToken
    /// [`QuotaExceeded`]: crate::error::ErrorKind::QuotaExceeded
    /// [`RefreshRequired`]: crate::error::ErrorKind::RefreshRequired
    /// [`RequirementNotMet`]: crate::error::ErrorKind::RequirementNotMet
    /// [`Revoked`]: crate::error::ErrorKind::Revoked
    /// [`Superseded`]: crate::error::ErrorKind::Superseded
    /// [`TokenExpired`]: crate::error::ErrorKind::TokenExpired
    /// [`Unavailable`]: crate::error::ErrorKind::Unavailable
    /// [`WrongAudience`]: crate::error::ErrorKind::WrongAudience
    /// [`WrongTokenKind`]: crate::error::ErrorKind::WrongTokenKind
    pub fn check<'a>(
        &'a self,
        presented: impl Into<Presented<'a>>,
        need: &'a Requirement,
    ) -> impl Future<Output = Result<Checked, Error>> + Send {
        self.checking(presented.into(), need)
    }

    /// Checks a token. The trait boxes this future as it is.
    pub(super) async fn checking(
        &self,
        presented: Presented<'_>,
        need: &Requirement,
    ) -> Result<Checked, Error> {
        let call = self.call(Operation::Check);
        let token = match call.read_token(presented.token, need.audience.as_ref())? {
            Token::Signed(claims)
                if !need.needs_record() && call.may_answer_alone(&claims, need.freshness) =>
            {
                return call.checked_alone(claims, need);
            }
            token => token,
        };
        let mut found = None;
        let decided = call.decide_by_record(&token, need, &mut found).await;
        let claims = token.into_claims();
        match (decided, found) {
            (Ok(age), Some(snapshot)) => {
                if snapshot.record.session().is_some_and(Session::is_impersonation) {
                    self.emit(&snapshot.record, EventKind::ImpersonationUsed);
                }
                let outdated =
                    claims.as_ref().is_some_and(|claims| are_outdated(claims, &snapshot));
                let needs_refresh = age == Age::Previous || outdated;
                Ok(Checked {
                    proof: Proof::Store { view: SessionView::of(snapshot), claims },
                    needs_refresh,
                })
            }
            (Ok(_), None) => Err(call.error(ErrorKind::Internal)),
            (Err(error), _) => match claims {
                Some(claims) if call.falls_back(&error, &claims, need) => {
                    call.checked_alone(claims, need)
                }
                _ => Err(error),
            },
        }
    }
}

impl Call<'_> {
    /// Whether a signed token's own claims are fresh enough an answer.
    fn may_answer_alone(self, claims: &VerifiedClaims, freshness: Freshness) -> bool {
        match freshness {
            Freshness::Store => false,
            Freshness::Stateless => true,
            Freshness::AtMost(age) => {
                let now = self.inner.clock.monotonic();
                self.inner
                    .revocations
                    .read()
                    .is_ok_and(|view| view.clears(&self.tenant, claims, age, now))
            }
        }
    }

    fn falls_back(self, error: &Error, claims: &VerifiedClaims, need: &Requirement) -> bool {
        self.inner.policy.on_store_failure == OnStoreFailure::AcceptSigned
            && error.class() == ErrorClass::Unavailable
            && !claims.is_impersonation()
            && !need.needs_record()
            // What this node knows to be revoked stays out, however long ago it learned so.
            && self.inner.revocations.read().is_ok_and(|view| !view.touches(&self.tenant, claims))
    }

    /// The token's own claims decide.
    fn checked_alone(
        self,
        claims: Box<VerifiedClaims>,
        need: &Requirement,
    ) -> Result<Checked, Error> {
        if claims.is_impersonation() {
            if !need.impersonation {
                return Err(self.error(ErrorKind::ImpersonationRefused));
            }
            self.emit_of_claims(&claims, EventKind::ImpersonationUsed);
        }
        Ok(Checked { proof: Proof::Claims(claims), needs_refresh: false })
    }

    /// The record decides, and stays where it was found: moving it about is a good part of a check.
    ///
    /// Waits for the store once, and again only where there is something else to read or write:
    /// that is boxed, so that the usual future is small.
    async fn decide_by_record(
        self,
        token: &Token,
        need: &Requirement,
        found: &mut Option<Snapshot>,
    ) -> Result<Age, Error> {
        let key = self.key(token.session_id());
        *found = self.inner.store.load(&key).await.map_err(self.store_failed())?;
        let snapshot = self.proven(token, found.as_ref())?;
        let now = self.now();
        let age = self.good(token, snapshot, now)?;
        let Snapshot { record, subject, .. } = snapshot;
        if record.session().is_some_and(Session::is_impersonation) {
            Box::pin(self.actors_live(record, now)).await?;
        }
        let policy = &self.inner.policy;
        let to_note = decide_use(record, subject.as_ref(), token.authentic(), now, policy, need)
            .map_err(|refusal| self.refuse(record, self.check_refused(refusal)))?;
        if let Some(used) = to_note {
            let noted = Box::pin(self.note_use(snapshot, used.clone())).await?;
            if let (true, Some(snapshot)) = (noted, found) {
                // The answer shows what was written. The store has moved the counters, so this does
                // not refuse.
                let _ = Arc::make_mut(&mut snapshot.record).note_use(&used);
            }
        }
        Ok(age)
    }

    /// Writes down that the session was used, and says whether it did. Only a counter that is full,
    /// or a session that has just ended, refuses the check.
    async fn note_use(self, seen: &Snapshot, used: Use) -> Result<bool, Error> {
        let (record, now) = (&seen.record, used.now);
        let spends = !used.spend.is_empty();
        match self.inner.store.note_use(seen, used).await {
            Ok(Noted::Done) => Ok(true),
            Ok(Noted::QuotaExceeded) => {
                Err(self.refuse(record, self.error(ErrorKind::QuotaExceeded)))
            }
            Ok(Noted::NotLive) => {
                // It has ended since it was loaded: say why, as far as that can be learned. That it
                // has ended is sure.
                let again = self.load(record.id()).await.ok().flatten();
                if let Some(again) = again {
                    self.live(&again, now)?;
                }
                Err(self.error(ErrorKind::Revoked))
            }
            Err(error) if spends => Err(self.store_failed()(error)),
            Err(_) => {
                self.emit(record, EventKind::WriteFailed { operation: self.operation });
                Ok(false)
            }
        }
    }
}

/// True when the session's claims for its tokens have changed since this one was issued.
fn are_outdated(claims: &VerifiedClaims, snapshot: &Snapshot) -> bool {
    let stored = snapshot.record.session().and_then(Session::claims);
    stored.unwrap_or(&HostClaims::new()) != claims.host()
}
