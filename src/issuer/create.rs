//! `create`: a new session, or the one that a device already has.

use std::{mem, num::NonZeroU32, sync::Arc, time::Duration};

use super::{
    Issued, NewSession,
    attempt::{Checks, Proven},
    call::Call,
    core::Issuer,
    mint::Minting,
};
use crate::{
    actor::ActorChain,
    clock::Timestamp,
    error::{Error, ErrorKind, InputField, InvalidInput, Operation, Problem},
    event::EventKind,
    id::{SessionId, check_text},
    policy::Credentials,
    session::{
        CapRule, CredentialsKind, Epoch, Record, RevokeReason, SessionBirth, SubjectStamp,
        beginning_lifetime, is_beginning,
    },
    store::{Binding, Inserted, NewRecord, Snapshot},
};

impl Issuer {
    /// Creates a session, or finds the one that a device already has.
    ///
    /// # Errors
    /// [`InvalidInput`] (a lifetime out of range; a client, claim or resource owner that breaks its
    /// rule), [`SubjectUnknown`], [`SubjectDisabled`], [`SubjectLocked`], [`CheckFailed`] and its kin, [`CapReached`], [`ActorEnded`],
    /// [`ImpersonationRefused`], [`SubjectMoved`] (its sessions were revoked while this call
    /// verified), [`Unavailable`]. Nothing is stored then.
    ///
    /// [`ActorEnded`]: crate::error::ErrorKind::ActorEnded
    /// [`CapReached`]: crate::error::ErrorKind::CapReached
    /// [`CheckFailed`]: crate::error::ErrorKind::CheckFailed
    /// [`ImpersonationRefused`]: crate::error::ErrorKind::ImpersonationRefused
    /// [`InvalidInput`]: crate::error::ErrorKind::InvalidInput
    /// [`SubjectDisabled`]: crate::error::ErrorKind::SubjectDisabled
    /// [`SubjectLocked`]: crate::error::ErrorKind::SubjectLocked
    /// [`SubjectMoved`]: crate::error::ErrorKind::SubjectMoved
    /// [`SubjectUnknown`]: crate::error::ErrorKind::SubjectUnknown
    /// [`Unavailable`]: crate::error::ErrorKind::Unavailable
    pub async fn create(&self, new: NewSession) -> Result<Issued, Error> {
        self.creating(new).await
    }

    #[allow(clippy::manual_async_fn, reason = "an `async fn` would keep what is new twice")]
    pub(super) fn creating(
        &self,
        mut new: NewSession,
    ) -> impl Future<Output = Result<Issued, Error>> + Send {
        async move {
            let (call, now) = (self.call(Operation::Create), self.now());
            let terms = call.terms(&new)?;

            // Who acts, who the session is about, and what was proved: under the epoch that was
            // read before.
            let actors = match new.actors.take() {
                Some(chain) => Some(Box::pin(call.bound_chain(chain, now)).await?),
                None => None,
            };
            let mut proven = Proven::default();
            match new.checks.is_empty() && self.inner.directory.is_none() {
                true => call.vouched_for(&mut new, &mut proven, now)?,
                false => proven = Box::pin(call.attempt(checks_of(&mut new), now)).await?,
            }
            if call.signs() {
                call.read_stamp(&mut proven).await?;
            }
            let challenges = match new.asked.is_empty() {
                true => Vec::new(),
                false => Box::pin(call.challenges(&new.asked, proven.subject.as_ref())).await?,
            };

            let (stamp, epoch) = (proven.stamp.take(), proven.epoch);
            let birth = call.birth(&mut new, &terms, actors, &mut proven, now)?;
            let record = Arc::new(Record::new_session(birth).asking(challenges));
            call.fits_a_token(&record)?;

            // A signer that fails must neither leave a session without its tokens nor evict one
            // that has them.
            let access_lifetime = terms.access_lifetime;
            let signed = match call.signs() {
                true => {
                    Box::pin(call.sign_before(&record, stamp.as_ref(), access_lifetime, now))
                        .await?
                }
                false => None,
            };

            let (record, stamp, evicted) =
                match call.insert(record, epoch, terms.replace_device, now).await? {
                    Stored::New(record, evicted) => {
                        let stamp =
                            stamp.or(record.bound().map(|(_, epoch)| SubjectStamp::unmoved(epoch)));
                        (Arc::clone(&record), call.stamp_now(&record, stamp).await, evicted)
                    }
                    Stored::OfDevice(holder) => (holder.record, holder.subject, Vec::new()),
                };

            let mut minting = Minting::new(record, stamp, now);
            minting.access_lifetime = access_lifetime;
            minting.evicted = evicted;
            minting.signed = signed;
            call.issue(minting).await
        }
    }

    pub(super) fn cap_rule(&self) -> Option<CapRule> {
        let cap = self.inner.policy.cap?;
        NonZeroU32::new(cap.limit).map(|limit| CapRule::new(limit, cap.on_full))
    }

    pub(super) fn emit_evicted(&self, evicted: &[Arc<Record>]) -> Vec<SessionId> {
        for record in evicted {
            let reason =
                record.tombstone().map_or(RevokeReason::Limit, |tombstone| tombstone.reason);
            self.emit(record, EventKind::Revoked { reason, by: None });
        }
        evicted.iter().map(|record| record.id()).collect()
    }
}

impl Call<'_> {
    /// What the caller asks for, within what the policy allows.
    fn terms(self, new: &NewSession) -> Result<Terms, Error> {
        self.checked_access_lifetime(new.access_lifetime)?;
        self.checked_claims(&new.claims)?;
        self.checked_client(&new.client)?;
        if let Some(owner) = &new.resource_owner {
            check_text(InputField::ResourceOwner, owner).map_err(|input| self.invalid(input))?;
        }
        let policy = &self.inner.policy;
        let lifetime = match new.actors {
            Some(_) => policy.impersonation(new.lifetime).map(Some),
            None => policy.lifetime(new.lifetime),
        };
        let lifetime = lifetime.map_err(|input| self.invalid(input))?;
        let idle = policy.idle_of(new.idle).map_err(|input| self.invalid(input))?;
        let proves = !new.checks.is_empty() || !new.verified.is_empty() || !new.asked.is_empty();
        if new.actors.is_some() && (proves || new.subject.is_none()) {
            // Somebody who acts in another's place proves nothing about that other.
            return Err(self.error(ErrorKind::ImpersonationRefused));
        }
        let NewSession { access_lifetime, replace_device, .. } = *new;
        Ok(Terms { lifetime, idle, access_lifetime, replace_device })
    }

    /// What the host vouches for: nobody is asked who the subject is or what it can prove.
    fn vouched_for(
        self,
        new: &mut NewSession,
        proven: &mut Proven,
        now: Timestamp,
    ) -> Result<(), Error> {
        (proven.subject, proven.epoch) = (new.subject.take(), new.epoch);
        proven.add_verified(&new.verified, now).map_err(|kind| self.error(kind))
    }

    /// What the session is made of. Inlined, since what it takes and gives is large.
    #[inline(always)]
    fn birth(
        self,
        new: &mut NewSession,
        terms: &Terms,
        actors: Option<ActorChain>,
        proven: &mut Proven,
        now: Timestamp,
    ) -> Result<SessionBirth, Error> {
        let policy = &self.inner.policy;
        let is_beginning = is_beginning(proven.has_second_factor(), &[], &proven.factors);
        let beginning =
            beginning_lifetime(policy, is_beginning && actors.is_none(), terms.lifetime);
        // Nothing else of what was proved is kept while the store is waited for.
        let Proven { subject, epoch, profile, factors, .. } = mem::take(proven);
        let (id, salt) = self.new_id(subject.as_ref(), now)?;
        Ok(SessionBirth {
            id,
            tenant: self.tenant.clone(),
            salt,
            now,
            keep: policy.keep_after_end,
            bound: subject.map(|subject| (subject, epoch.unwrap_or(Epoch::first(now)))),
            factors,
            client: mem::take(&mut new.client),
            device: new.device.take(),
            creator: new.creator.take(),
            actors,
            metadata: mem::take(&mut new.metadata),
            claims: mem::take(&mut new.claims),
            resource_owner: profile
                .and_then(|profile| profile.resource_owner)
                .or_else(|| new.resource_owner.take()),
            lifetime: terms.lifetime,
            beginning,
            idle: terms.idle,
            mac_key: self.minting_key(now)?,
            credentials: credentials_kind(policy.credentials),
        })
    }

    /// Stores a new record, or finds the session that has its device's slot. Where nothing was
    /// verified or signed under an epoch, it comes under the one that its subject has then.
    async fn insert(
        self,
        mut record: Arc<Record>,
        observed: Option<Epoch>,
        replace_device: bool,
        now: Timestamp,
    ) -> Result<Stored, Error> {
        // An id comes twice when two nodes draw the same 46 bits in one millisecond: a second draw
        // settles it.
        for _ in 0..3 {
            let mut new = NewRecord::new(Arc::clone(&record), now);
            new.binding = match observed {
                Some(_) => Binding::Observed,
                None => Binding::Adopt,
            };
            new.admit = self.cap_rule();
            new.replace_device = replace_device;
            match self.inner.store.insert(new).await.map_err(self.store_failed())? {
                Inserted::Created { record, evicted } => {
                    self.emit(&record, EventKind::Created);
                    let evicted = self.emit_evicted(&evicted);
                    return Ok(Stored::New(record, evicted));
                }
                Inserted::DuplicateId => {
                    let (id, salt) =
                        self.new_id(record.bound().map(|(subject, _)| subject), now)?;
                    record = Arc::new(record.renamed(id, salt));
                }
                Inserted::DeviceTaken(holder) => return Ok(Stored::OfDevice(holder)),
                Inserted::CapReached => return Err(self.error(ErrorKind::CapReached)),
                Inserted::EpochMoved => return Err(self.error(ErrorKind::SubjectMoved)),
            }
        }
        Err(self.error(ErrorKind::Internal).with_source("three ids in a row were taken"))
    }

    /// Binds every actor to its session or its epoch, and keeps the root: an actor who is
    /// impersonating brings along those behind it, as they were bound. Nobody acts through what is
    /// no longer live.
    async fn bound_chain(self, mut chain: ActorChain, now: Timestamp) -> Result<ActorChain, Error> {
        let refused = |kind| self.error(kind);
        let last = chain.actors().len().saturating_sub(1);
        let mut behind = None;
        for (at, actor) in chain.actors_mut().iter_mut().enumerate() {
            let Some(id) = actor.session() else {
                let current = self.stamp(actor.subject()).await?.epoch;
                if actor.epoch().is_some_and(|read_before| read_before != current) {
                    return Err(refused(ErrorKind::ActorEnded));
                }
                actor.bind(current);
                continue;
            };
            let own = self.load(id).await?.ok_or_else(|| refused(ErrorKind::ActorEnded))?;
            let session = own.record.session().ok_or_else(|| refused(ErrorKind::ActorEnded))?;
            let bound = own.record.bound().filter(|(subject, _)| *subject == actor.subject());
            let (_, epoch) = bound.ok_or_else(|| refused(ErrorKind::ActorEnded))?;
            self.live(&own, now).map_err(|_| refused(ErrorKind::ActorEnded))?;
            self.actors_live(&own.record, now).await?;
            actor.bind(epoch);
            if let Some(further) = session.actors() {
                if at != last {
                    let foreign = InvalidInput::new(InputField::ActorChain, Problem::Foreign);
                    return Err(self.invalid(foreign));
                }
                behind = Some(further.clone());
            }
        }
        for actor in behind.iter().flat_map(ActorChain::actors) {
            chain.push(actor.clone()).map_err(|input| self.invalid(input))?;
        }
        Ok(chain)
    }
}

/// What a new session may have.
#[derive(Clone, Copy)]
struct Terms {
    lifetime: Option<Duration>,
    idle: Option<Duration>,
    access_lifetime: Option<Duration>,
    replace_device: bool,
}

fn checks_of(new: &mut NewSession) -> Checks<'static> {
    Checks {
        checks: mem::take(&mut new.checks),
        verified: mem::take(&mut new.verified),
        subject: new.subject.take(),
        stamp: None,
        epoch: new.epoch,
        session: None,
    }
}

/// What an insert found.
enum Stored {
    New(Arc<Record>, Vec<SessionId>),
    OfDevice(Snapshot),
}

pub(super) fn credentials_kind(credentials: Credentials) -> CredentialsKind {
    match credentials {
        Credentials::Pair(_) => CredentialsKind::Pair,
        Credentials::Access(_) => CredentialsKind::Access,
        Credentials::Session => CredentialsKind::Session,
    }
}
