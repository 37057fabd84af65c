//! `create`: a new session, or the one that a device already has.

use std::{num::NonZeroU32, sync::Arc};

use super::{
    Issued, NewSession,
    attempt::{Checks, Proven},
    core::{Issuer, store_failed},
    mint::Minting,
};
use crate::{
    actor::ActorChain,
    clock::{Epoch, Timestamp},
    error::{Error, ErrorKind, InputField, InvalidInput, Operation, Problem, RevokeReason},
    event::EventKind,
    id::SessionId,
    policy::Credentials,
    session::{
        CapRule, CredentialsKind, Record, SessionBirth, SubjectStamp, beginning_lifetime, is_beginning,
    },
    store::{Inserted, NewRecord, Snapshot},
};

const OPERATION: Operation = Operation::Create;

impl Issuer {
    /// Creates a session, or finds the one that a device already has.
    ///
    /// # Errors
    /// `InvalidInput` (a lifetime out of range), `SubjectUnknown`, `SubjectDisabled`, `SubjectLocked`, `CheckFailed` and
    /// its kin, `CapReached`, `ActorEnded`, `ImpersonationRefused`, `SubjectMoved` (its sessions were revoked while this
    /// call verified), `Unavailable`. Nothing is stored then.
    pub async fn create(&self, new: NewSession) -> Result<Issued, Error> {
        self.creating(new).await
    }

    #[allow(clippy::manual_async_fn, reason = "an `async fn` would keep what is new twice")]
    pub(super) fn creating(&self, new: NewSession) -> impl Future<Output = Result<Issued, Error>> + Send {
        async move {
            let now = self.now();
            self.checked_access_lifetime(new.access_lifetime)
                .map_err(|input| Error::from(input).during(OPERATION))?;
            self.checked_claims(&new.claims, OPERATION)?;
            let policy = &self.inner.policy;
            let asked = match new.actors {
                Some(_) => policy.impersonation(new.lifetime).map(Some),
                None => policy.lifetime(new.lifetime),
            };
            let lifetime = asked.map_err(|input| Error::from(input).during(OPERATION))?;
            let idle = policy.idle_of(new.idle).map_err(|input| Error::from(input).during(OPERATION))?;
            if new.actors.is_some()
                && (!new.checks.is_empty()
                    || !new.verified.is_empty()
                    || !new.asked.is_empty()
                    || new.subject.is_none())
            {
                // Somebody who acts in another's place proves nothing about that other.
                return Err(Error::new(ErrorKind::ImpersonationRefused, OPERATION));
            }
            let actors = match new.actors {
                Some(chain) => Some(Box::pin(self.bound_chain(chain, now)).await?),
                None => None,
            };
            let proven = match new.checks.is_empty() && self.inner.directory.is_none() {
                true => {
                    // The host names the subject, and nobody is asked who that is or what it can prove.
                    let mut proven = Proven { subject: new.subject, epoch: new.epoch, ..Proven::default() };
                    if self.signs() {
                        self.read_stamp(&mut proven, OPERATION).await?;
                    }
                    proven.add_verified(&new.verified, now).map_err(|kind| Error::new(kind, OPERATION))?;
                    proven
                }
                false => {
                    let checks = Checks {
                        checks: new.checks,
                        verified: new.verified,
                        subject: new.subject,
                        stamp: None,
                        epoch: new.epoch,
                        session: None,
                    };
                    Box::pin(self.attempt(checks, now, OPERATION)).await?
                }
            };
            let challenges = match new.asked.is_empty() {
                true => Vec::new(),
                false => Box::pin(self.challenges(&new.asked, proven.subject.as_ref(), OPERATION)).await?,
            };
            let is_beginning = is_beginning(proven.has_second_factor(), &[], &proven.factors);
            let beginning = beginning_lifetime(policy, is_beginning && actors.is_none(), lifetime);
            let Proven { subject, stamp, epoch, profile, factors, answered } = proven;
            // Nothing of it is kept while the store is waited for.
            drop(answered);
            let (id, salt) = self.new_id(subject.as_ref(), now, OPERATION)?;
            let birth = SessionBirth {
                id,
                tenant: self.tenant.clone(),
                salt,
                now,
                keep: policy.keep_after_end,
                bound: subject.map(|subject| (subject, epoch.unwrap_or(Epoch::first(now)))),
                factors,
                client: new.client,
                device: new.device,
                creator: new.creator,
                actors,
                metadata: new.metadata,
                claims: new.claims,
                resource_owner: profile.and_then(|profile| profile.resource_owner).or(new.resource_owner),
                lifetime,
                beginning,
                idle,
                mac_key: self.minting_key(now, OPERATION)?,
                credentials: credentials_kind(policy.credentials),
            };
            let record = Arc::new(Record::new_session(birth).asking(challenges));
            self.fits_a_token(&record, OPERATION)?;
            // A signer that fails must neither leave a session without its tokens nor evict one that has them.
            let signed = match self.signs() {
                true => {
                    let lifetime = new.access_lifetime;
                    Box::pin(self.sign_before(&record, stamp.as_ref(), lifetime, now, OPERATION)).await?
                }
                false => None,
            };
            let (record, stamp, evicted) = match self.insert(record, epoch, new.replace_device, now).await? {
                Stored::New(record, evicted) => {
                    let stamp = stamp.or(record.bound().map(|(_, epoch)| SubjectStamp::unmoved(epoch)));
                    (Arc::clone(&record), self.stamp_now(&record, stamp).await, evicted)
                }
                Stored::OfDevice(holder) => (holder.record, holder.subject, Vec::new()),
            };
            let mut minting = Minting::new(record, stamp, now, OPERATION);
            minting.access_lifetime = new.access_lifetime;
            minting.evicted = evicted;
            minting.signed = signed;
            self.issue(minting).await
        }
    }

    /// Stores a new record, or finds the session that has its device's slot. Where nothing was verified or signed under
    /// an epoch, it comes under the one that its subject has then.
    async fn insert(
        &self,
        mut record: Arc<Record>,
        observed: Option<Epoch>,
        replace_device: bool,
        now: Timestamp,
    ) -> Result<Stored, Error> {
        // An id comes twice when two nodes draw the same 46 bits in one millisecond: a second draw settles it.
        for _ in 0..3 {
            let mut new = NewRecord::new(Arc::clone(&record), now);
            new.observed_epoch = observed;
            new.adopt_epoch = observed.is_none();
            new.admit = self.cap_rule();
            new.replace_device = replace_device;
            match self.inner.store.insert(new).await.map_err(store_failed(OPERATION))? {
                Inserted::Created { record, evicted } => {
                    self.tell(&record, EventKind::Created);
                    let evicted = self.tell_evicted(&evicted);
                    return Ok(Stored::New(record, evicted));
                }
                Inserted::DuplicateId => {
                    let (id, salt) =
                        self.new_id(record.bound().map(|(subject, _)| subject), now, OPERATION)?;
                    record = Arc::new(record.renamed(id, salt));
                }
                Inserted::DeviceTaken(holder) => return Ok(Stored::OfDevice(holder)),
                Inserted::CapReached => return Err(Error::new(ErrorKind::CapReached, OPERATION)),
                Inserted::EpochMoved => return Err(Error::new(ErrorKind::SubjectMoved, OPERATION)),
            }
        }
        Err(Error::new(ErrorKind::Internal, OPERATION).with_source("three ids in a row were taken"))
    }

    pub(super) fn cap_rule(&self) -> Option<CapRule> {
        let cap = self.inner.policy.cap?;
        NonZeroU32::new(cap.limit).map(|limit| CapRule::new(limit, cap.on_full))
    }

    pub(super) fn tell_evicted(&self, evicted: &[Arc<Record>]) -> Vec<SessionId> {
        for record in evicted {
            let reason = record.tombstone().map_or(RevokeReason::Limit, |tombstone| tombstone.reason);
            self.tell(record, EventKind::Revoked { reason, by: None });
        }
        evicted.iter().map(|record| record.id()).collect()
    }

    /// Binds every actor to its session or its epoch, and keeps the root: an actor who is impersonating brings along
    /// those behind it, as they were bound. Nobody acts through what is no longer live.
    async fn bound_chain(&self, mut chain: ActorChain, now: Timestamp) -> Result<ActorChain, Error> {
        let refused = |kind| Error::new(kind, OPERATION);
        let last = chain.actors().len().saturating_sub(1);
        let mut behind = None;
        for (at, actor) in chain.actors_mut().iter_mut().enumerate() {
            let Some(id) = actor.session() else {
                let current = self.stamp(actor.subject(), OPERATION).await?.epoch;
                if actor.epoch().is_some_and(|read_before| read_before != current) {
                    return Err(refused(ErrorKind::ActorEnded));
                }
                actor.bind(current);
                continue;
            };
            let own = self.load(id, OPERATION).await?.ok_or_else(|| refused(ErrorKind::ActorEnded))?;
            let session = own.record.session().ok_or_else(|| refused(ErrorKind::ActorEnded))?;
            let bound = own.record.bound().filter(|(subject, _)| *subject == actor.subject());
            let (_, epoch) = bound.ok_or_else(|| refused(ErrorKind::ActorEnded))?;
            self.live(&own, now, OPERATION).map_err(|_| refused(ErrorKind::ActorEnded))?;
            self.actors_live(&own.record, now, OPERATION).await?;
            actor.bind(epoch);
            if let Some(further) = session.actors() {
                if at != last {
                    let foreign = InvalidInput::new(InputField::ActorChain, Problem::Foreign);
                    return Err(Error::from(foreign).during(OPERATION));
                }
                behind = Some(further.clone());
            }
        }
        for actor in behind.iter().flat_map(ActorChain::actors) {
            chain = chain.behind(actor.clone()).map_err(|input| Error::from(input).during(OPERATION))?;
        }
        Ok(chain)
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
