//! `update`: more factors, other metadata, another lifetime. The rule is in `session/update.rs`.

use std::sync::Arc;

use super::{
    Issued, SessionView, Update,
    attempt::{Checks, Proven},
    authenticate::Token,
    call::Call,
    commit::{ChangingVerb, Decided, Proposal, Settled, Turn},
    core::Issuer,
    input::Authority,
    mint::{Minting, SignedBefore},
};
use crate::{
    error::{Error, ErrorKind, Operation},
    event::EventKind,
    factor::Factor,
    id::SessionId,
    secret::Secret,
    session::{
        LifetimeChange, Proofs, Record, SubjectStamp, UpdateRefusal, Wish, decide_attempt,
        decide_update,
    },
    store::Snapshot,
    verifier::RefusedCheck,
};

impl Issuer {
    /// Changes a session. One call is one change: all of it is stored, or none.
    ///
    /// A session token is replaced by every change, and only then: the old one is dead at once.
    /// Refresh and access tokens stay, unless the call proves a factor or names the subject: then
    /// they are replaced, and old ones cannot follow. An access token that changes no more than
    /// metadata comes back as it is, and buys no refresh token.
    ///
    /// # Errors
    /// Those of [`check`](Self::check) for the token, those of [`create`](Self::create) for the
    /// checks, [`NotFound`] (by the host, of an id that is not there), [`SubjectChange`],
    /// [`ImpersonationRefused`], [`InvalidInput`], [`Contention`].
    ///
    /// [`Contention`]: crate::error::ErrorKind::Contention
    /// [`ImpersonationRefused`]: crate::error::ErrorKind::ImpersonationRefused
    /// [`InvalidInput`]: crate::error::ErrorKind::InvalidInput
    /// [`NotFound`]: crate::error::ErrorKind::NotFound
    /// [`SubjectChange`]: crate::error::ErrorKind::SubjectChange
    pub async fn update(&self, update: Update<'_>) -> Result<Issued, Error> {
        let call = self.call(Operation::Update);
        if let Some(claims) = &update.claims {
            call.checked_claims(claims)?;
        }
        if let Some(client) = &update.client {
            call.checked_client(client)?;
        }
        let by = match update.by {
            Authority::Token(token) => By::Token(call.read_token(token, None)?, token),
            Authority::Host(id) => By::Host(id),
        };
        let read = call.changeable(&by).await?;
        let proves =
            !update.checks.is_empty() || !update.verified.is_empty() || !update.asked.is_empty();
        decide_attempt(&read.record, &self.inner.policy, proves, update.lifetime)
            .map_err(|refusal| call.update_refused(&read.record, refusal))?;
        let (wish, stamp) = call.wish(&by, &read, update).await?;
        let updating = Updating { by, wish, stamp };
        let Settled { record, evicted, read, now, kept } =
            call.settle(&updating, Some(read)).await?;
        let mut minting = Minting::new(record, read.subject, now);
        let mut moves_tokens = false;
        if let Done::Changed { moves, signed } = kept {
            let factors = updating.wish.proofs.factors.iter().map(Factor::kind).collect();
            self.emit(&minting.record, EventKind::Updated { factors });
            if updating.proves() {
                let before = updating.stamp.clone().or(minting.subject);
                minting.subject = call.stamp_now(&minting.record, before).await;
            }
            minting.evicted = self.emit_evicted(&evicted);
            minting.signed = signed;
            moves_tokens = moves;
        }
        updating.answer(call, minting, moves_tokens).await
    }
}

/// Who changes a session, and what is asked for.
struct Updating<'a> {
    by: By<'a>,
    wish: Wish,
    /// What was known of the subject before anything was verified.
    stamp: Option<SubjectStamp>,
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

/// What an update has done.
enum Done {
    Nothing,
    Changed {
        /// The session has a new generation.
        moves: bool,
        signed: Option<SignedBefore>,
    },
}

impl ChangingVerb for Updating<'_> {
    type Kept = Done;

    async fn load(&self, call: Call<'_>) -> Result<Snapshot, Error> {
        call.changeable(&self.by).await
    }

    async fn decide(
        &self,
        call: Call<'_>,
        read: &Snapshot,
        turn: Turn,
    ) -> Result<Decided<Done>, Error> {
        let Snapshot { record, subject, .. } = read;
        let change =
            decide_update(record, subject.as_ref(), turn.now, &call.inner.policy, &self.wish)
                .map_err(|refusal| call.update_refused(record, refusal))?;
        let binds = change.bind.is_some();
        let Some(next) = record.updated(change, turn.now, call.minting_key(turn.now)?) else {
            return Ok(Decided::Answer(Arc::clone(record), Done::Nothing));
        };
        if binds || self.wish.claims.is_some() {
            call.fits_a_token(&next)?;
        }
        let moves = next.generation() != record.generation();
        // A jump leaves the caller without tokens that are good: a signer that fails must come
        // before it.
        let signed = match turn.signs_first() && (moves || !self.by.is_access_token()) {
            true => {
                let stamp = self.stamp.as_ref().filter(|_| self.proves()).or(subject.as_ref());
                call.sign_before(&next, stamp, None, turn.now).await?
            }
            false => None,
        };
        let mut proposal = Proposal::new(read, next);
        if self.proves() {
            // What was proved, was proved under the epoch that was read before. A change that
            // proves nothing is decided on the session as it is now.
            proposal.observed = self.wish.proofs.epoch;
            proposal.proved = true;
        }
        proposal.admit = if binds { call.cap_rule() } else { None };
        Ok(Decided::Commit(proposal, Done::Changed { moves, signed }))
    }
}

impl Updating<'_> {
    fn proves(&self) -> bool {
        !self.wish.proofs.factors.is_empty()
    }

    /// Gives fresh tokens where the old ones are dead, and by the host's authority.
    ///
    /// An access token is a proof for a short time: it buys neither a refresh token nor a longer
    /// life, and comes back as it is.
    async fn answer(
        &self,
        call: Call<'_>,
        minting: Minting,
        moves_tokens: bool,
    ) -> Result<Issued, Error> {
        match &self.by {
            By::Token(token, text) if token.is_access() && !moves_tokens => Ok(Issued {
                token: Secret::from(*text),
                refresh: None,
                expires_at: token.expires_at(),
                view: SessionView::new(minting.record, minting.subject),
                replayed: false,
                evicted: minting.evicted,
            }),
            _ => call.issue(minting).await,
        }
    }
}

impl Call<'_> {
    /// The session that the caller may change, as it is now: live, and with a token that stands for
    /// it.
    async fn changeable(self, by: &By<'_>) -> Result<Snapshot, Error> {
        let read = match by {
            By::Token(token, _) => self.locate(token).await?,
            By::Host(id) => {
                let found = self.load(*id).await?;
                found.ok_or_else(|| self.error(ErrorKind::NotFound))?
            }
        };
        let now = self.now();
        match by {
            By::Token(token, _) => drop(self.good(token, &read, now)?),
            By::Host(_) => self.live(&read, now)?,
        }
        self.actors_live(&read.record, now).await?;
        Ok(read)
    }

    /// Runs the call's checks, and makes its challenges: what is asked for then, and what was known
    /// of the subject before.
    async fn wish(
        self,
        by: &By<'_>,
        read: &Snapshot,
        update: Update<'_>,
    ) -> Result<(Wish, Option<SubjectStamp>), Error> {
        let session = read.record.session().ok_or_else(|| self.error(ErrorKind::NotFound))?;
        // What is known of the subject was read before anything is verified.
        let checks = Checks {
            checks: update.checks,
            verified: update.verified,
            subject: session.subject().cloned().or(update.about),
            stamp: read.subject.clone(),
            epoch: update.epoch,
            session: Some(session),
        };
        // A longer life must not make more than a beginning of a session that has proved too
        // little.
        let asks_directory = self.inner.policy.single_factor_lifetime.is_some()
            && matches!(update.lifetime, LifetimeChange::Set(_) | LifetimeChange::Clear)
            && checks.subject.is_some();
        let proven = match checks.checks.is_empty() && checks.verified.is_empty() && !asks_directory
        {
            true => {
                Proven { stamp: read.subject.clone(), epoch: update.epoch, ..Proven::default() }
            }
            false => self.attempt(checks, self.now()).await?,
        };
        let mut challenges = update.challenges;
        if !update.asked.is_empty() {
            let subject = proven.subject.as_ref().or(session.subject());
            challenges.extend(self.challenges(&update.asked, subject).await?);
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
        Ok((wish, stamp))
    }

    /// Shows a refusal of the update rule, and emits it as an event.
    fn update_refused(self, record: &Record, refusal: UpdateRefusal) -> Error {
        let error = match refusal {
            // Faults of the call, and not of the session: there is no event to emit.
            UpdateRefusal::NotASession => return self.error(ErrorKind::NotFound),
            UpdateRefusal::Invalid(input) => return self.invalid(input),
            UpdateRefusal::ImpersonationRefused => self.error(ErrorKind::ImpersonationRefused),
            UpdateRefusal::SubjectChange => self.error(ErrorKind::SubjectChange),
            UpdateRefusal::ChallengeMissing(kind) => {
                let missing = self.error(ErrorKind::ChallengeMissing);
                missing.with_source(RefusedCheck::check(kind))
            }
        };
        self.refuse(record, error)
    }
}
