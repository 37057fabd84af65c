//! `refresh`: a refresh token for the next pair. The rule is in `session/refresh.rs`.

use std::{sync::Arc, time::Duration};

use super::{
    Issued, Refresh,
    call::Call,
    commit::{ChangingVerb, Decided, Proposal, Settled, Turn},
    core::Issuer,
    mint::Minting,
};
use crate::{
    client::ClientInfo,
    clock::Timestamp,
    error::{Error, ErrorKind, Operation},
    event::EventKind,
    session::{
        PresentedRefresh, Record, RefreshDecision, RefreshRefusal, RevokeReason, RotationRule,
        Session, Tombstone, Use, decide_refresh,
    },
    store::{Ended, Noted, Snapshot},
    token::{OpaqueToken, TokenKind},
};

impl Issuer {
    /// Trades a refresh token for the next pair.
    ///
    /// A reply that was lost is given again: within the overlap window, and within the retry window
    /// while nobody has used the successor. A token that comes back otherwise was stolen, and ends
    /// its session.
    ///
    /// # Errors
    /// [`MalformedToken`], [`WrongTokenKind`], [`InvalidToken`], [`Expired`], [`Inactive`],
    /// [`Revoked`], [`ClientMismatch`], [`Superseded`], [`AlreadyRotated`], [`ReuseDetected`] (the
    /// one that changes something), [`ActorEnded`], [`InvalidInput`], [`Unavailable`] and
    /// [`Contention`], after which the same token may be tried again.
    ///
    /// [`ActorEnded`]: crate::error::ErrorKind::ActorEnded
    /// [`AlreadyRotated`]: crate::error::ErrorKind::AlreadyRotated
    /// [`ClientMismatch`]: crate::error::ErrorKind::ClientMismatch
    /// [`Contention`]: crate::error::ErrorKind::Contention
    /// [`Expired`]: crate::error::ErrorKind::Expired
    /// [`Inactive`]: crate::error::ErrorKind::Inactive
    /// [`InvalidInput`]: crate::error::ErrorKind::InvalidInput
    /// [`InvalidToken`]: crate::error::ErrorKind::InvalidToken
    /// [`MalformedToken`]: crate::error::ErrorKind::MalformedToken
    /// [`ReuseDetected`]: crate::error::ErrorKind::ReuseDetected
    /// [`Revoked`]: crate::error::ErrorKind::Revoked
    /// [`Superseded`]: crate::error::ErrorKind::Superseded
    /// [`Unavailable`]: crate::error::ErrorKind::Unavailable
    /// [`WrongTokenKind`]: crate::error::ErrorKind::WrongTokenKind
    pub async fn refresh(&self, refresh: Refresh<'_>) -> Result<Issued, Error> {
        let call = self.call(Operation::Refresh);
        call.checked_access_lifetime(refresh.access_lifetime)?;
        if let Some(claims) = &refresh.claims {
            call.checked_claims(claims)?;
        }
        if let Some(client) = refresh.client {
            call.checked_client(client)?;
        }
        let token = call.read(refresh.token, &[TokenKind::Refresh])?;
        let Settled { record, read, now, kept: how, .. } =
            call.settle(&Refreshing { token, refresh: &refresh }, None).await?;
        match how {
            How::Moved { ahead } => {
                if ahead {
                    self.emit(&record, EventKind::TokenAhead);
                }
                self.emit(&record, EventKind::Refreshed);
            }
            // The client as it was before this call: the call may have moved the session to its
            // own.
            How::Replayed { age } => call.emit_replay(&record, &read.record, refresh.client, age),
        }
        let mut minting = Minting::new(record, read.subject, now);
        minting.access_lifetime = refresh.access_lifetime;
        minting.replayed = matches!(how, How::Replayed { .. });
        call.issue(minting).await
    }
}

/// A refresh token, and what its caller brings along.
struct Refreshing<'a> {
    token: OpaqueToken,
    refresh: &'a Refresh<'a>,
}

/// What the tokens are that a refresh answers with.
#[derive(Clone, Copy)]
enum How {
    /// The next generation's, or fresh ones of this one where rotation is off.
    Moved {
        /// The token was ahead of its record.
        ahead: bool,
    },
    /// Those that were given before.
    Replayed {
        /// How long ago the rotation was.
        age: Duration,
    },
}

impl ChangingVerb for Refreshing<'_> {
    type Kept = How;

    async fn load(&self, call: Call<'_>) -> Result<Snapshot, Error> {
        call.prove(&self.token).await
    }

    async fn decide(
        &self,
        call: Call<'_>,
        read: &Snapshot,
        turn: Turn,
    ) -> Result<Decided<How>, Error> {
        let (record, now, generation) = (&read.record, turn.now, self.token.generation);
        let rule =
            RotationRule::of(&call.inner.policy, record.session().and_then(Session::idle_timeout));
        let presented = PresentedRefresh::new(generation).by(self.refresh.client);
        let decision = decide_refresh(record, read.subject.as_ref(), presented, now, &rule);
        // What is rare is boxed, so that the usual future is small: a large one costs more than
        // what it does.
        if !matches!(decision, RefreshDecision::Refuse(_) | RefreshDecision::Reuse)
            && record.session().is_some_and(Session::is_impersonation)
        {
            Box::pin(call.actors_live(record, now)).await?;
        }
        let (next, how) = match decision {
            RefreshDecision::Rotate { ahead } => {
                let key = call.minting_key(now)?;
                (record.rotated(generation, now, key).map(Arc::new), How::Moved { ahead })
            }
            RefreshDecision::Keep { ahead: true } => {
                (record.used(generation, now).map(Arc::new), How::Moved { ahead: true })
            }
            RefreshDecision::Keep { ahead: false } => {
                let how = How::Moved { ahead: false };
                match self.used_with_news(record, now) {
                    Some(next) => (Some(Arc::new(next)), how),
                    None => return Box::pin(call.answer_again(read, how, now)).await,
                }
            }
            RefreshDecision::Replay { age, late: false } => {
                let how = How::Replayed { age };
                match self.used_with_news(record, now) {
                    Some(next) => (Some(Arc::new(next)), how),
                    None => return Box::pin(call.answer_again(read, how, now)).await,
                }
            }
            RefreshDecision::Replay { age, late: true } => {
                (record.replayed(now).map(Arc::new), How::Replayed { age })
            }
            RefreshDecision::Reuse if turn.lost_a_race() => {
                return Err(call.refuse(record, call.error(ErrorKind::AlreadyRotated)));
            }
            RefreshDecision::Reuse => return Err(Box::pin(call.end_reused(record, now)).await?),
            RefreshDecision::Refuse(refusal) => return Err(call.refresh_refused(record, refusal)),
        };
        let next = next.ok_or_else(|| {
            call.error(ErrorKind::Internal).with_source("the session has no generation left")
        })?;
        let next = self.with_news(&next).map_or(next, Arc::new);
        if self.refresh.claims.is_some() {
            call.fits_a_token(&next)?;
        }
        Ok(Decided::Commit(Proposal::new(read, next), how))
    }
}

impl Refreshing<'_> {
    /// The record as it is after this use, where the use brings other claims or another client.
    fn used_with_news(&self, record: &Record, now: Timestamp) -> Option<Record> {
        let used = record.used(record.generation(), now)?;
        self.with_news(&used)
    }

    fn with_news(&self, record: &Record) -> Option<Record> {
        let Refresh { claims, client, client_moves, .. } = self.refresh;
        let changed = claims.as_ref().and_then(|claims| record.with_claims(claims));
        let client = client.filter(|_| *client_moves);
        let moved =
            client.and_then(|client| changed.as_ref().unwrap_or(record).with_client(client));
        moved.or(changed)
    }
}

impl Call<'_> {
    /// Gives the current generation's tokens without moving anything: a replay inside the overlap,
    /// or no rotation.
    ///
    /// Noting the use makes sure that the session has not ended in between.
    async fn answer_again(
        self,
        read: &Snapshot,
        how: How,
        now: Timestamp,
    ) -> Result<Decided<How>, Error> {
        let record = &read.record;
        let noted = self.inner.store.note_use(read, Use::new(now).seen()).await;
        match noted.map_err(self.store_failed())? {
            Noted::Done => {}
            Noted::NotLive | Noted::QuotaExceeded => return Ok(Decided::Again),
        }
        // The tokens are those of a session that was used just now.
        let used = record.used(record.generation(), now);
        Ok(Decided::Answer(used.map_or_else(|| Arc::clone(record), Arc::new), how))
    }

    /// Theft: the session ends, whatever else is in flight. The inner error is what the caller is
    /// answered.
    async fn end_reused(self, record: &Record, now: Timestamp) -> Result<Error, Error> {
        let tombstone = Tombstone::new(RevokeReason::Reuse, now);
        match self.inner.store.end(&record.key(), &tombstone).await.map_err(self.store_failed())? {
            Ended::Ended { was } => {
                self.emit(&was, EventKind::ReuseDetected);
                self.emit(&was, EventKind::Revoked { reason: RevokeReason::Reuse, by: None });
            }
            Ended::AlreadyEnded | Ended::Gone => {}
        }
        Ok(self.error(ErrorKind::ReuseDetected))
    }

    fn emit_replay(
        self,
        record: &Record,
        before: &Record,
        client: Option<&ClientInfo>,
        age: Duration,
    ) {
        let own = before.session().map(Session::client);
        let differs = |part: fn(&ClientInfo) -> Option<String>| {
            client.is_some_and(|client| own.and_then(part) != part(client))
        };
        let ip_changed = differs(|client| client.ip().map(|ip| ip.to_string()));
        let agent_changed = differs(|client| client.user_agent().map(str::to_owned));
        self.emit(record, EventKind::RefreshReplayed { age, ip_changed, agent_changed });
    }

    /// Shows a refusal of the refresh rule, and emits it as an event.
    fn refresh_refused(self, record: &Record, refusal: RefreshRefusal) -> Error {
        let error = match refusal {
            RefreshRefusal::NotLive(why) => self.not_live(why),
            RefreshRefusal::ClientMismatch => self.error(ErrorKind::ClientMismatch),
            RefreshRefusal::Superseded => self.error(ErrorKind::Superseded),
            RefreshRefusal::NotRefreshable => self.error(ErrorKind::WrongTokenKind),
        };
        self.refuse(record, error)
    }
}
