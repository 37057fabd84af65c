//! `update`: more factors, other metadata, another lifetime. The rule is in `session/update.rs`.

use std::sync::Arc;

use super::{
    Issued, SessionView, Update,
    attempt::{Checks, Proven},
    authenticate::Token,
    core::{Issuer, MAX_TRIES, SIGNING_TRIES, store_failed},
    input::Authority,
    mint::Minting,
};
use crate::{
    error::{Error, ErrorKind, Operation},
    event::EventKind,
    factor::Factor,
    id::SessionId,
    secret::Secret,
    session::{
        LifetimeChange, Proofs, Record, SubjectStamp, UpdateRefusal, Wish, decide_attempt, decide_update,
    },
    store::{Change, Committed, Snapshot},
    verifier::RefusedCheck,
};

const OPERATION: Operation = Operation::Update;

impl Issuer {
    /// Changes a session. One call is one change: all of it is stored, or none.
    ///
    /// A session token is replaced by every change, and only then: the old one is dead at once. Refresh and access
    /// tokens stay, unless the call proves a factor or names the subject: then they are replaced, and old ones cannot
    /// follow. An access token that changes no more than metadata comes back as it is, and buys no refresh token.
    ///
    /// # Errors
    /// Those of [`check`](Self::check) for the token, those of [`create`](Self::create) for the checks, `NotFound` (by
    /// the host, of an id that is not there), `SubjectChange`, `ImpersonationRefused`, `InvalidInput`, `Contention`.
    pub async fn update(&self, update: Update<'_>) -> Result<Issued, Error> {
        if let Some(claims) = &update.claims {
            self.checked_claims(claims, OPERATION)?;
        }
        let by = match update.by {
            Authority::Token(token) => By::Token(self.read_token(token, None, OPERATION)?, token),
            Authority::Host(id) => By::Host(id),
        };
        let snapshot = self.find_session(&by).await?;
        let proves = !update.checks.is_empty() || !update.verified.is_empty() || !update.asked.is_empty();
        decide_attempt(&snapshot.record, &self.inner.policy, proves, update.lifetime)
            .map_err(|refusal| self.update_refused(&snapshot.record, refusal))?;
        let session = snapshot.record.session().ok_or_else(|| Error::new(ErrorKind::NotFound, OPERATION))?;
        // What is known of the subject was read before anything is verified.
        let checks = Checks {
            checks: update.checks,
            verified: update.verified,
            subject: session.subject().cloned().or(update.about),
            stamp: snapshot.subject.clone(),
            epoch: update.epoch,
            session: Some(session),
        };
        // A longer life must not make more than a beginning of a session that has proved too little.
        let asks_directory = self.inner.policy.single_factor_lifetime.is_some()
            && matches!(update.lifetime, LifetimeChange::Set(_) | LifetimeChange::Clear)
            && checks.subject.is_some();
        let proven = match checks.checks.is_empty() && checks.verified.is_empty() && !asks_directory {
            true => Proven { stamp: snapshot.subject.clone(), epoch: update.epoch, ..Proven::default() },
            false => self.attempt(checks, self.now(), OPERATION).await?,
        };
        let mut challenges = update.challenges;
        if !update.asked.is_empty() {
            let subject = proven.subject.as_ref().or(session.subject());
            challenges.extend(self.challenges(&update.asked, subject, OPERATION).await?);
        }
        let Proven { subject, stamp, epoch, profile, factors, answered } = proven;
        let second_factor = profile.as_ref().is_some_and(|profile| profile.second_factor);
        let resource_owner = profile.and_then(|profile| profile.resource_owner);
        let wish = Wish {
            by_access_token: by.is_access_token(),
            proofs: Proofs { subject, epoch, factors, answered, second_factor, resource_owner },
            challenges,
            metadata: update.metadata,
            claims: update.claims,
            client: update.client,
            lifetime: update.lifetime,
        };
        self.commit_update(&by, snapshot, &wish, stamp).await
    }

    async fn commit_update(
        &self,
        by: &By<'_>,
        mut snapshot: Snapshot,
        wish: &Wish,
        stamp_before: Option<SubjectStamp>,
    ) -> Result<Issued, Error> {
        let proves = !wish.proofs.factors.is_empty();
        for turn in 0..MAX_TRIES {
            let now = self.now();
            let record = &snapshot.record;
            let change = decide_update(record, snapshot.subject.as_ref(), now, &self.inner.policy, wish)
                .map_err(|refusal| self.update_refused(record, refusal))?;
            let binds = change.bind.is_some();
            let key = self.minting_key(now, OPERATION)?;
            let Some(next) = record.updated(change, now, key) else {
                let minting = Minting::new(Arc::clone(record), snapshot.subject, now, OPERATION);
                return self.answer(by, minting, false).await;
            };
            if binds || wish.claims.is_some() {
                self.fits_a_token(&next, OPERATION)?;
            }
            let moves_tokens = next.generation() != record.generation();
            // What was proved, was proved under the epoch that was read before. A change that proves nothing is decided
            // on the session as it is now.
            let observed_epoch = match proves {
                true => wish.proofs.epoch,
                false => snapshot.subject.as_ref().map(|stamp| stamp.epoch),
            };
            let stamp = match proves {
                true => stamp_before.clone().or(snapshot.subject),
                false => snapshot.subject,
            };
            let signed = match by.is_access_token() && !moves_tokens || turn >= SIGNING_TRIES {
                true => None,
                // A jump leaves the caller without tokens that are good: a signer that fails must come before it.
                false => self.sign_before(&next, stamp.as_ref(), None, now, OPERATION).await?,
            };
            let mut change = Change::new(record.version(), next, now);
            change.observed_epoch = observed_epoch;
            change.admit = if binds { self.cap_rule() } else { None };
            match self.inner.store.commit(&record.key(), change).await.map_err(store_failed(OPERATION))? {
                Committed::Done { record, evicted } => {
                    self.tell(
                        &record,
                        EventKind::Updated {
                            factors: wish.proofs.factors.iter().map(Factor::kind).collect(),
                        },
                    );
                    let stamp = if proves { self.stamp_now(&record, stamp).await } else { stamp };
                    let mut minting = Minting::new(record, stamp, now, OPERATION);
                    minting.evicted = self.tell_evicted(&evicted);
                    minting.signed = signed;
                    return self.answer(by, minting, moves_tokens).await;
                }
                Committed::EpochMoved if proves => {
                    return Err(Error::new(ErrorKind::SubjectMoved, OPERATION));
                }
                Committed::CapReached => return Err(Error::new(ErrorKind::CapReached, OPERATION)),
                Committed::Conflict(_) | Committed::Gone | Committed::EpochMoved => {}
            }
            snapshot = self.find_session(by).await?;
        }
        Err(Error::new(ErrorKind::Contention, OPERATION))
    }

    /// What the caller gets: fresh tokens where the old ones are dead, and by the host's authority. An access token is a
    /// proof for a short time: it buys neither a refresh token nor a longer life, and comes back as it is.
    async fn answer(&self, by: &By<'_>, minting: Minting, moves_tokens: bool) -> Result<Issued, Error> {
        match by {
            By::Token(token, text) if token.is_access() && !moves_tokens => Ok(Issued {
                token: Secret::from(*text),
                refresh: None,
                expires_at: token.expires_at(),
                view: SessionView::new(minting.record, minting.subject),
                replayed: false,
                evicted: minting.evicted,
            }),
            _ => self.issue(minting).await,
        }
    }

    /// The session that the caller may change, as it is now: live, and with a token that stands for it.
    async fn find_session(&self, by: &By<'_>) -> Result<Snapshot, Error> {
        let snapshot = match by {
            By::Token(token, _) => self.locate(token, OPERATION).await?,
            By::Host(id) => {
                let found = self.load(*id, OPERATION).await?;
                found.ok_or_else(|| Error::new(ErrorKind::NotFound, OPERATION))?
            }
        };
        let now = self.now();
        match by {
            By::Token(token, _) => drop(self.good(token, &snapshot, now, OPERATION)?),
            By::Host(_) => self.live(&snapshot, now, OPERATION)?,
        }
        self.actors_live(&snapshot.record, now, OPERATION).await?;
        Ok(snapshot)
    }

    /// How a refusal of the update rule is shown, and told to the host.
    fn update_refused(&self, record: &Record, refusal: UpdateRefusal) -> Error {
        let error = match refusal {
            // Faults of the call, and not of the session: there is nothing to tell of.
            UpdateRefusal::NotASession => return Error::new(ErrorKind::NotFound, OPERATION),
            UpdateRefusal::Invalid(input) => return Error::from(input).during(OPERATION),
            UpdateRefusal::ImpersonationRefused => Error::new(ErrorKind::ImpersonationRefused, OPERATION),
            UpdateRefusal::SubjectChange => Error::new(ErrorKind::SubjectChange, OPERATION),
            UpdateRefusal::ChallengeMissing(kind) => {
                let missing = Error::new(ErrorKind::ChallengeMissing, OPERATION);
                missing.with_source(RefusedCheck::check(kind))
            }
        };
        self.refuse(record, error)
    }
}

/// Who changes a session.
enum By<'a> {
    Token(Token, &'a str),
    Host(SessionId),
}

impl By<'_> {
    fn is_access_token(&self) -> bool {
        matches!(self, Self::Token(token, _) if token.is_access())
    }
}
