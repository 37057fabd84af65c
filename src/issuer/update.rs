//! `update`: more factors, other metadata, another lifetime.

use std::{sync::Arc, time::Duration};

use super::{
    Issued, SessionView, Update,
    attempt::{Checks, Proven},
    authenticate::Token,
    core::{Issuer, MAX_TRIES, SIGNING_TRIES, store_failed},
    input::{Authority, LifetimeChange},
    mint::{Minting, counting},
};
use crate::{
    clock::{Epoch, Timestamp},
    error::{Error, ErrorKind, InvalidInput, Operation, Problem},
    event::EventKind,
    factor::{Factor, FactorKind, authenticated_at},
    policy::AbsoluteLifetime,
    secret::Secret,
    session::{Lifetime, Session, SessionChange},
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
        let session = snapshot.record.session().ok_or_else(|| Error::new(ErrorKind::NotFound, OPERATION))?;
        let proves = !update.checks.is_empty() || !update.verified.is_empty() || !update.asked.is_empty();
        if session.is_impersonation() && proves {
            return Err(self.refuse(&snapshot.record, Error::new(ErrorKind::ImpersonationRefused, OPERATION)));
        }
        if let LifetimeChange::Set(asked) = update.lifetime
            && !session.is_impersonation()
        {
            // Before a check uses anything up: no proof makes this good.
            let bounded = self.inner.policy.lifetime(Some(asked));
            bounded.map_err(|input| Error::from(input).during(OPERATION))?;
        }
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
        let wish = Wish {
            challenges,
            metadata: update.metadata,
            claims: update.claims,
            client: update.client,
            lifetime: update.lifetime,
            proven,
        };
        self.commit_update(&by, snapshot, &wish).await
    }

    async fn commit_update(&self, by: &By<'_>, mut snapshot: Snapshot, wish: &Wish) -> Result<Issued, Error> {
        for turn in 0..MAX_TRIES {
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
            let change = self.change_of(by, wish, &snapshot, session, now)?;
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
            let observed_epoch = wish.observed_epoch(&snapshot);
            let stamp = match wish.proves() {
                true => wish.proven.stamp.clone().or(snapshot.subject),
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
                    self.tell(&record, EventKind::Updated { factors: wish.kinds() });
                    let stamp = if wish.proves() { self.stamp_now(&record, stamp).await } else { stamp };
                    let mut minting = Minting::new(record, stamp, now, OPERATION);
                    minting.evicted = self.tell_evicted(&evicted);
                    minting.signed = signed;
                    return self.answer(by, minting, moves_tokens).await;
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
        self.live(&snapshot, now, OPERATION)?;
        if let By::Token(token, _) = by {
            self.stands(token, &snapshot.record, now, OPERATION)?;
        }
        self.actors_live(&snapshot.record, now, OPERATION).await?;
        Ok(snapshot)
    }

    fn change_of(
        &self,
        by: &By<'_>,
        wish: &Wish,
        snapshot: &Snapshot,
        session: &Session,
        now: Timestamp,
    ) -> Result<SessionChange, Error> {
        let invalid = |input: InvalidInput| Error::from(input).during(OPERATION);
        let policy = &self.inner.policy;
        let proven = &wish.proven;
        for answered in &proven.answered {
            if session.challenge(answered.kind()) != Some(answered) {
                // Another call has used it up, or put a newer one in its place.
                let missing = Error::new(ErrorKind::ChallengeMissing, OPERATION)
                    .with_source(RefusedCheck::check(answered.kind()));
                return Err(self.refuse(&snapshot.record, missing));
            }
        }
        let is_beginning = proven.is_beginning(&counting(session, snapshot.subject.as_ref()));
        let proved = proven.factors.iter().any(|factor| factor.kind() != FactorKind::Subject);
        let lifetime = match wish.lifetime {
            LifetimeChange::Keep | LifetimeChange::KeepEnd => None,
            LifetimeChange::Set(asked) => {
                let may_lengthen = proved || !by.is_access_token();
                let lifetime = asked;
                let asked = Asked { lifetime, snapshot, session, is_beginning, proved, may_lengthen, now };
                self.checked_lifetime(asked).map_err(invalid)?;
                Some(Lifetime::After(lifetime))
            }
            LifetimeChange::Clear => {
                let endless = policy.absolute == AbsoluteLifetime::Unlimited && policy.longest.is_none();
                let bounded = session.is_impersonation() || by.is_access_token();
                if !endless || bounded || self.beginning(is_beginning, None).is_some() {
                    return Err(invalid(InvalidInput::new("lifetime", Problem::TooLarge)));
                }
                Some(Lifetime::Unlimited)
            }
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
        // A proof starts the lifetime that the session was given anew, as far as the policy still allows it.
        let given = match session.lifetime() {
            Some(given) => Some(policy.longest_lifetime_of_all().map_or(given, |longest| given.min(longest))),
            None => policy.absolute.as_duration(),
        };
        let renewed = self.beginning(is_beginning, given).or(given);
        Ok(SessionChange {
            bind,
            factors: proven.factors.clone(),
            answered: proven.answered.clone(),
            challenges: wish.challenges.clone(),
            metadata,
            claims: wish.claims.clone(),
            client: wish.client.clone(),
            resource_owner: proven.profile.as_ref().and_then(|profile| profile.resource_owner.clone()),
            // A name that is given late makes no more than a beginning, either.
            shortened: if proven.factors.is_empty() { None } else { self.beginning(is_beginning, None) },
            lifetime,
            // A beginning that has become more than one gets the end that it was given.
            renewed: match wish.lifetime == LifetimeChange::KeepEnd && policy.single_factor_lifetime.is_none()
            {
                true => None,
                false => Some(renewed.map_or(Lifetime::Unlimited, Lifetime::After)),
            },
        })
    }
}

impl Issuer {
    /// A lifetime from now on: shorter than what is left, always; longer, only up to the longest that the policy allows
    /// from the last proof, or from the session's birth, so that no row of updates goes past it.
    fn checked_lifetime(&self, asked: Asked<'_>) -> Result<(), InvalidInput> {
        let Asked { lifetime, snapshot, session, is_beginning, proved, may_lengthen, now } = asked;
        let policy = &self.inner.policy;
        let longest = match session.is_impersonation() {
            true => policy.impersonation(Some(lifetime)).map(|_| Some(policy.longest_impersonation))?,
            false => {
                policy.lifetime(Some(lifetime))?;
                let longest = policy.longest_lifetime_of_all();
                self.beginning(is_beginning, longest).or(longest)
            }
        };
        let left = session.ends_at().unwrap_or(Timestamp::MAX);
        if now.saturating_add(lifetime) <= left {
            return Ok(());
        }
        let since = match authenticated_at(&counting(session, snapshot.subject.as_ref())) {
            _ if proved => now,
            Some(at) if !session.is_impersonation() => at,
            _ => snapshot.record.created_at(),
        };
        let too_long = longest.is_some_and(|longest| lifetime.saturating_add(now.since(since)) > longest);
        match too_long || !may_lengthen {
            true => Err(InvalidInput::new("lifetime", Problem::TooLarge)),
            false => Ok(()),
        }
    }
}

/// A lifetime that is asked for, and what it is judged by.
struct Asked<'a> {
    lifetime: Duration,
    snapshot: &'a Snapshot,
    session: &'a Session,
    is_beginning: bool,
    /// This call proves something.
    proved: bool,
    may_lengthen: bool,
    now: Timestamp,
}

/// Who changes a session.
enum By<'a> {
    Token(Token, &'a str),
    Host(crate::id::SessionId),
}

impl By<'_> {
    fn is_access_token(&self) -> bool {
        matches!(self, Self::Token(token, _) if token.is_access())
    }
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
        self.proven.factors.iter().map(Factor::kind).collect()
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
