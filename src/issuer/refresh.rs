//! `refresh`: a refresh token for the next pair. The rule is in `session/refresh.rs`.

use std::{sync::Arc, time::Duration};

use super::{
    Issued, Refresh,
    core::{Issuer, MAX_TRIES, not_live, store_failed},
    mint::Minting,
};
use crate::{
    client::ClientInfo,
    clock::Timestamp,
    error::{Error, ErrorKind, Operation, RevokeReason, StoreError},
    event::EventKind,
    session::{
        Mark, PresentedRefresh, Record, RefreshDecision, RefreshRefusal, RotationRule, Session, Tombstone,
        decide_refresh,
    },
    store::{Change, Committed, Ended, Marked, Snapshot},
    token::TokenKind,
};

const OPERATION: Operation = Operation::Refresh;

/// What one try came to.
enum Step {
    /// The record whose tokens are the answer, and whether they were given before.
    Done { record: Arc<Record>, replayed: bool },
    /// The record changed in between: read it again, and decide again.
    Again,
}

/// One try: what was read, and what was asked.
struct Try<'a> {
    snapshot: Snapshot,
    refresh: &'a Refresh<'a>,
    generation: u32,
    now: Timestamp,
}

impl Try<'_> {
    fn minting(self, record: Arc<Record>, replayed: bool) -> Minting {
        let mut minting = Minting::new(record, self.snapshot.subject, self.now, OPERATION);
        minting.access_lifetime = self.refresh.access_lifetime;
        minting.replayed = replayed;
        minting
    }
}

impl Issuer {
    /// Trades a refresh token for the next pair.
    ///
    /// A reply that was lost is given again: within the overlap window, and within the retry window while nobody has
    /// used the successor. A token that comes back otherwise was stolen, and ends its session.
    ///
    /// # Errors
    /// `MalformedToken`, `WrongTokenKind`, `InvalidToken`, `Expired`, `Inactive`, `Revoked`, `ClientMismatch`,
    /// `Superseded`, `AlreadyRotated`, `ReuseDetected` (the one that changes something), `ActorEnded`, `InvalidInput`,
    /// `Unavailable` and `Contention`, after which the same token may be tried again.
    pub async fn refresh(&self, refresh: Refresh<'_>) -> Result<Issued, Error> {
        self.checked_access_lifetime(refresh.access_lifetime)
            .map_err(|input| Error::from(input).during(OPERATION))?;
        if let Some(claims) = &refresh.claims {
            self.checked_claims(claims, OPERATION)?;
        }
        let token = self.read(refresh.token, &[TokenKind::Refresh], OPERATION)?;
        let mut lost_a_race = false;
        for _ in 0..MAX_TRIES {
            let snapshot = self.prove(&token, OPERATION).await?;
            let now = self.now();
            let attempt = Try { snapshot, refresh: &refresh, generation: token.generation, now };
            match self.try_refresh(&attempt, lost_a_race).await? {
                Step::Done { record, replayed } => {
                    return self.issue(attempt.minting(record, replayed)).await;
                }
                Step::Again => lost_a_race = true,
            }
        }
        Err(Error::new(ErrorKind::Contention, OPERATION))
    }

    async fn try_refresh(&self, attempt: &Try<'_>, lost_a_race: bool) -> Result<Step, Error> {
        let record = &attempt.snapshot.record;
        let rule = RotationRule::of(&self.inner.policy, record.session().and_then(Session::idle_timeout));
        let presented = PresentedRefresh::new(attempt.generation).by(attempt.refresh.client);
        let decision =
            decide_refresh(record, attempt.snapshot.subject.as_ref(), presented, attempt.now, &rule);
        // What is rare is boxed, so that the usual future is small: a large one costs more than what it does.
        if !matches!(decision, RefreshDecision::Refuse(_) | RefreshDecision::Reuse)
            && record.session().is_some_and(Session::is_impersonation)
        {
            Box::pin(self.actors_live(record, attempt.now, OPERATION)).await?;
        }
        let (next, ahead) = match decision {
            RefreshDecision::Rotate { ahead } => {
                let key = self.minting_key(attempt.now, OPERATION)?;
                (record.rotated(attempt.generation, attempt.now, key).map(Arc::new), ahead)
            }
            RefreshDecision::Keep { ahead: true } => {
                (record.used(attempt.generation, attempt.now).map(Arc::new), true)
            }
            RefreshDecision::Keep { ahead: false } => match self.used_with_news(attempt, record) {
                Some(next) => (Some(Arc::new(next)), false),
                None => return Box::pin(self.answer_again(attempt, None)).await,
            },
            RefreshDecision::Replay { age, mark: false } => {
                return match self.used_with_news(attempt, record) {
                    Some(next) => Box::pin(self.commit_replay(attempt, next, age)).await,
                    None => Box::pin(self.answer_again(attempt, Some(age))).await,
                };
            }
            RefreshDecision::Replay { age, mark: true } => {
                return Box::pin(self.answer_late(attempt, age)).await;
            }
            RefreshDecision::Reuse if lost_a_race => {
                return Err(self.refuse(record, Error::new(ErrorKind::AlreadyRotated, OPERATION)));
            }
            RefreshDecision::Reuse => return Err(Box::pin(self.end_reused(record, attempt.now)).await?),
            RefreshDecision::Refuse(refusal) => return Err(self.refuse(record, refused(refusal))),
        };
        let (key, change) = (self.key(record.id()), self.change_to(attempt, next)?);
        let Some(record) = committed(self.inner.store.commit(&key, change).await)? else {
            return Ok(Step::Again);
        };
        if ahead {
            self.tell(&record, EventKind::TokenAhead);
        }
        self.tell(&record, EventKind::Refreshed);
        Ok(Step::Done { record, replayed: false })
    }

    /// The record as it is after this use, where the use brings other claims or another client.
    fn used_with_news(&self, attempt: &Try<'_>, record: &Record) -> Option<Record> {
        let used = record.used(record.generation(), attempt.now)?;
        self.with_news(attempt, &used)
    }

    fn with_news(&self, attempt: &Try<'_>, record: &Record) -> Option<Record> {
        let Refresh { claims, client, client_moves, .. } = attempt.refresh;
        let changed = claims.as_ref().and_then(|claims| record.with_claims(claims));
        let client = client.filter(|_| *client_moves);
        let moved = client.and_then(|client| changed.as_ref().unwrap_or(record).with_client(client));
        moved.or(changed)
    }

    /// The change from the version that was read to this record, with the claims that the use brings.
    fn change_to(&self, attempt: &Try<'_>, next: Option<Arc<Record>>) -> Result<Change, Error> {
        let next = next.ok_or_else(|| {
            Error::new(ErrorKind::Internal, OPERATION).with_source("the session has no generation left")
        })?;
        let next = self.with_news(attempt, &next).map_or(next, Arc::new);
        if attempt.refresh.claims.is_some() {
            self.fits_a_token(&next, OPERATION)?;
        }
        let mut change = Change::new(attempt.snapshot.record.version(), next, attempt.now);
        change.observed_epoch = attempt.snapshot.subject.as_ref().map(|stamp| stamp.epoch);
        Ok(change)
    }

    /// Gives the current generation's tokens without moving anything: a replay inside the overlap, or no rotation. The
    /// mark is what makes sure that the session has not ended in between.
    async fn answer_again(&self, attempt: &Try<'_>, replay: Option<Duration>) -> Result<Step, Error> {
        let record = Arc::clone(&attempt.snapshot.record);
        let mark = Mark { seen_at: Some(attempt.now), ..Mark::default() };
        match self
            .inner
            .store
            .mark(&record.key(), mark, attempt.now)
            .await
            .map_err(store_failed(OPERATION))?
        {
            Marked::Done => {}
            Marked::NotLive | Marked::QuotaExceeded => return Ok(Step::Again),
        }
        // The tokens are those of a session that was used just now.
        let record = record.used(record.generation(), attempt.now).map_or(record, Arc::new);
        match replay {
            Some(age) => self.tell_replay(&record, attempt, age),
            None => self.tell(&record, EventKind::Refreshed),
        }
        Ok(Step::Done { record, replayed: replay.is_some() })
    }

    /// Gives the current generation's tokens again, outside the overlap: the generation is marked.
    async fn answer_late(&self, attempt: &Try<'_>, age: Duration) -> Result<Step, Error> {
        let next = attempt.snapshot.record.replayed(attempt.now);
        let next = next.ok_or_else(|| Error::new(ErrorKind::Internal, OPERATION))?;
        self.commit_replay(attempt, next, age).await
    }

    /// Stores what a replay changes, and gives the current generation's tokens again.
    async fn commit_replay(&self, attempt: &Try<'_>, next: Record, age: Duration) -> Result<Step, Error> {
        let (key, change) = (attempt.snapshot.record.key(), self.change_to(attempt, Some(Arc::new(next)))?);
        let Some(record) = committed(self.inner.store.commit(&key, change).await)? else {
            return Ok(Step::Again);
        };
        self.tell_replay(&record, attempt, age);
        Ok(Step::Done { record, replayed: true })
    }

    /// Theft: the session ends, whatever else is in flight. The inner error is what the caller is told.
    async fn end_reused(&self, record: &Record, now: Timestamp) -> Result<Error, Error> {
        let tombstone = Tombstone::new(RevokeReason::Reuse, now);
        match self.inner.store.end(&record.key(), &tombstone).await.map_err(store_failed(OPERATION))? {
            Ended::Ended { was } => {
                self.tell(&was, EventKind::ReuseDetected);
                self.tell(&was, EventKind::Revoked { reason: RevokeReason::Reuse, by: None });
            }
            Ended::AlreadyEnded | Ended::Gone => {}
        }
        Ok(Error::new(ErrorKind::ReuseDetected, OPERATION))
    }

    fn tell_replay(&self, record: &Record, attempt: &Try<'_>, age: Duration) {
        // The client as it was before this call: it may have moved the session to its own.
        let (own, client) = (attempt.snapshot.record.session().map(Session::client), attempt.refresh.client);
        let differs = |part: fn(&ClientInfo) -> Option<String>| {
            client.is_some_and(|client| own.and_then(part) != part(client))
        };
        let ip_changed = differs(|client| client.ip().map(|ip| ip.to_string()));
        let agent_changed = differs(|client| client.agent().map(str::to_owned));
        self.tell(record, EventKind::RefreshReplayed { age, ip_changed, agent_changed });
    }
}

/// The record as it was stored; none when the version that was read is no longer the one.
fn committed(outcome: Result<Committed, StoreError>) -> Result<Option<Arc<Record>>, Error> {
    match outcome.map_err(store_failed(OPERATION))? {
        Committed::Done { record, .. } => Ok(Some(record)),
        Committed::Conflict(_) | Committed::EpochMoved | Committed::Gone => Ok(None),
        Committed::CapReached => Err(Error::new(ErrorKind::Internal, OPERATION)),
    }
}

fn refused(refusal: RefreshRefusal) -> Error {
    let kind = match refusal {
        RefreshRefusal::NotLive(why) => return not_live(why, OPERATION),
        RefreshRefusal::ClientMismatch => ErrorKind::ClientMismatch,
        RefreshRefusal::Superseded => ErrorKind::Superseded,
        RefreshRefusal::NotRefreshable => ErrorKind::WrongTokenKind,
    };
    Error::new(kind, OPERATION)
}
