//! `update`: more factors, other metadata, another lifetime.

use std::{sync::Arc, time::Duration};

use super::{
    Issued, Update,
    attempt::{Checks, Proven},
    authenticate::Token,
    core::{Issuer, MAX_TRIES, store_failed},
    input::{Authority, LifetimeChange},
    mint::Minting,
};
use crate::{
    clock::{Epoch, Timestamp},
    error::{Error, ErrorKind, InvalidInput, Operation, Problem},
    event::EventKind,
    factor::FactorKind,
    policy::AbsoluteLifetime,
    session::{Lifetime, Session, SessionChange},
    store::{Change, Committed, Snapshot},
};

const OPERATION: Operation = Operation::Update;

impl Issuer {
    /// Changes a session. One call is one change: all of it is stored, or none.
    ///
    /// The session's token is replaced by every change, and only then: the old one is dead at once. A refresh token
    /// stays, unless the call proves a factor or names the subject: then it is replaced too, and old ones cannot
    /// follow. A call that changes nothing hands out what there was.
    ///
    /// # Errors
    /// Those of [`check`](Self::check) for the token, those of [`create`](Self::create) for the checks, `NotFound` (by
    /// the host, of an id that is not there), `SubjectChange`, `ImpersonationRefused`, `InvalidInput`, `Contention`.
    pub async fn update(&self, update: Update<'_>) -> Result<Issued, Error> {
        let by = match update.by {
            Authority::Token(token) => By::Token(self.read_token(token, None, OPERATION)?),
            Authority::Host(id) => By::Host(id),
        };
        let snapshot = self.find_session(&by).await?;
        let session = snapshot.record.session().ok_or_else(|| Error::new(ErrorKind::NotFound, OPERATION))?;
        if session.is_impersonation() && (!update.checks.is_empty() || !update.verified.is_empty()) {
            return Err(self.refuse(&snapshot.record, Error::new(ErrorKind::ImpersonationRefused, OPERATION)));
        }
        // What is known of the subject was read before anything is verified.
        let checks = Checks {
            checks: update.checks,
            verified: update.verified,
            subject: session.subject().cloned(),
            stamp: snapshot.subject.clone(),
            epoch: update.epoch,
            session: Some(session),
        };
        let proven = match checks.checks.is_empty() && checks.verified.is_empty() {
            true => Proven { stamp: snapshot.subject.clone(), epoch: update.epoch, ..Proven::default() },
            false => self.attempt(checks, self.now(), OPERATION).await?,
        };
        let wish = Wish {
            challenges: update.challenges,
            metadata: update.metadata,
            claims: update.claims,
            client: update.client,
            lifetime: update.lifetime,
            proven,
        };
        self.commit_update(&by, snapshot, &wish).await
    }

    async fn commit_update(&self, by: &By, mut snapshot: Snapshot, wish: &Wish) -> Result<Issued, Error> {
        for _ in 0..MAX_TRIES {
            let now = self.now();
            let record = &snapshot.record;
            let session = record.session().ok_or_else(|| Error::new(ErrorKind::NotFound, OPERATION))?;
            if session
                .subject()
                .is_some_and(|known| wish.proven.subject.as_ref().is_some_and(|named| named != known))
            {
                // Another call has named somebody else in the meantime.
                return Err(self.refuse(record, Error::new(ErrorKind::SubjectChange, OPERATION)));
            }
            let change = self.change_of(wish, &snapshot, session, now)?;
            let binds = change.bind.is_some();
            let key = self.minting_key(now, OPERATION)?;
            let Some(next) = record.updated(change, now, key) else {
                return self.issue(Minting::new(Arc::clone(record), snapshot.subject, now, OPERATION)).await;
            };
            let mut change = Change::new(record.version(), next, now);
            change.observed_epoch = wish.observed_epoch(&snapshot);
            change.admit = if binds { self.cap_rule() } else { None };
            let stamp = wish.proven.stamp.clone().or(snapshot.subject);
            match self.inner.store.commit(&record.key(), change).await.map_err(store_failed(OPERATION))? {
                Committed::Done { record, evicted } => {
                    self.tell(&record, EventKind::Updated { factors: wish.kinds() });
                    let mut minting = Minting::new(record, stamp, now, OPERATION);
                    minting.evicted = self.tell_evicted(&evicted);
                    return self.issue(minting).await;
                }
                Committed::EpochMoved if wish.proves() => {
                    return Err(Error::new(ErrorKind::SubjectMoved, OPERATION));
                }
                Committed::CapReached => return Err(Error::new(ErrorKind::CapReached, OPERATION)),
                Committed::Conflict(_) | Committed::Gone | Committed::EpochMoved => {}
            }
            snapshot = self.find_session(by).await?;
        }
        Err(Error::new(ErrorKind::Contention, OPERATION))
    }

    /// The session that the caller may change, as it is now: live, and with a token that stands for it.
    async fn find_session(&self, by: &By) -> Result<Snapshot, Error> {
        let snapshot = match by {
            By::Token(token) => self.locate(token, OPERATION).await?,
            By::Host(id) => {
                let found = self.load(*id, OPERATION).await?;
                found.ok_or_else(|| Error::new(ErrorKind::NotFound, OPERATION))?
            }
        };
        let now = self.now();
        self.live(&snapshot, now, OPERATION)?;
        if let By::Token(token) = by {
            self.stands(token, &snapshot.record, now, OPERATION)?;
        }
        self.actors_live(&snapshot.record, now, OPERATION).await?;
        Ok(snapshot)
    }

    fn change_of(
        &self,
        wish: &Wish,
        snapshot: &Snapshot,
        session: &Session,
        now: Timestamp,
    ) -> Result<SessionChange, Error> {
        let invalid = |input: InvalidInput| Error::from(input).during(OPERATION);
        let policy = &self.inner.policy;
        let proven = &wish.proven;
        let lifetime = match wish.lifetime {
            LifetimeChange::Keep => None,
            LifetimeChange::Clear
                if policy.absolute == AbsoluteLifetime::Unlimited && !session.is_impersonation() =>
            {
                Some(Lifetime::Unlimited)
            }
            LifetimeChange::Clear => return Err(invalid(InvalidInput::new("lifetime", Problem::TooLarge))),
            LifetimeChange::Set(asked) if session.is_impersonation() => {
                // Its cap counts from its beginning, so no row of updates passes it.
                let spent = now.since(snapshot.record.created_at());
                let asked = policy.impersonation(Some(asked)).map_err(invalid)?;
                policy.impersonation(Some(asked.saturating_add(spent))).map_err(invalid)?;
                Some(Lifetime::After(asked))
            }
            LifetimeChange::Set(asked) => policy.lifetime(Some(asked)).map_err(invalid)?.map(Lifetime::After),
        };
        let mut metadata = None;
        if !wish.metadata.is_empty() {
            let mut merged = session.metadata().clone();
            for (key, value) in &wish.metadata {
                merged.set(key, value).map_err(invalid)?;
            }
            metadata = Some(merged);
        }
        let bind = match (session.subject(), &proven.subject) {
            (None, Some(subject)) => proven.epoch.map(|epoch| (subject.clone(), epoch)),
            _ => None,
        };
        let renewed = match proven.is_beginning(session.factors()) {
            true => policy.absolute.as_duration().into_iter().chain(policy.single_factor_lifetime).min(),
            false => policy.absolute.as_duration(),
        };
        Ok(SessionChange {
            bind,
            factors: proven.factors.clone(),
            answered: proven.answered.clone(),
            challenges: wish.challenges.clone(),
            metadata,
            claims: wish.claims.clone(),
            client: wish.client.clone(),
            resource_owner: proven.profile.as_ref().and_then(|profile| profile.resource_owner.clone()),
            lifetime,
            renewed: renewed_lifetime(renewed),
        })
    }
}

fn renewed_lifetime(renewed: Option<Duration>) -> Lifetime {
    renewed.map_or(Lifetime::Unlimited, Lifetime::After)
}

/// Who changes a session.
enum By {
    Token(Token),
    Host(crate::id::SessionId),
}

/// What a call asks for, once its checks have passed: it is applied to the record as it then is.
struct Wish {
    challenges: Vec<crate::factor::Challenge>,
    metadata: Vec<(String, Vec<u8>)>,
    claims: Option<crate::metadata::HostClaims>,
    client: Option<crate::client::ClientInfo>,
    lifetime: LifetimeChange,
    proven: Proven,
}

impl Wish {
    fn proves(&self) -> bool {
        !self.proven.factors.is_empty()
    }

    fn kinds(&self) -> Vec<FactorKind> {
        self.proven.factors.iter().map(crate::factor::Factor::kind).collect()
    }

    /// What was proved, was proved under the epoch that was read before. A change that proves nothing is decided on
    /// the session as it is now.
    fn observed_epoch(&self, snapshot: &Snapshot) -> Option<Epoch> {
        match self.proves() {
            true => self.proven.epoch,
            false => snapshot.subject.as_ref().map(|stamp| stamp.epoch),
        }
    }
}
