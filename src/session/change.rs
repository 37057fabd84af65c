//! Everything that may change a record.

use std::time::Duration;

use super::{
    birth::{Lifetime, millis},
    record::{Body, CredentialsKind, Record, RequestState, Session, Tombstone},
};
use crate::{
    client::ClientInfo,
    clock::{MAX_SIGNED_LIFETIME, Timestamp},
    epoch::Epoch,
    factor::{Challenge, Factor, FactorKind},
    id::SubjectId,
    metadata::{HostClaims, Metadata},
    policy::Spend,
};

/// How long a tombstone is kept at most: as long as the longest signed token.
const LONGEST_TOMBSTONE: Duration = MAX_SIGNED_LIFETIME;

/// What an update asks for.
#[derive(Default)]
pub(crate) struct SessionChange {
    /// The subject, when this call names it for the first time.
    pub(crate) bind: Option<(SubjectId, Epoch)>,
    /// What was proved in this call.
    pub(crate) factors: Vec<Factor>,
    /// The challenges that this call used up.
    pub(crate) answered: Vec<Challenge>,
    /// New challenges; each takes its kind's slot.
    pub(crate) challenges: Vec<Challenge>,
    /// The metadata as it shall be.
    pub(crate) metadata: Option<Metadata>,
    /// The host's claims as they shall be.
    pub(crate) claims: Option<HostClaims>,
    pub(crate) client: Option<ClientInfo>,
    pub(crate) resource_owner: Option<String>,
    /// How long it lives at most, until more is proved.
    pub(crate) shortened: Option<Duration>,
    /// A lifetime asked for.
    pub(crate) lifetime: Option<Lifetime>,
    /// The absolute lifetime that an authentication starts anew; none where the end stays where it
    /// is.
    pub(crate) renewed: Option<Lifetime>,
}

/// A use of a session, to be noted: a write that moves no version.
///
/// Notes commute with one another and with commits: none is lost, and none makes a commit fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The session was used at this time. Moves last-seen forward only.
    pub seen_at: Option<Timestamp>,
    /// A store-checked check used this generation.
    pub seen_generation: Option<u32>,
    /// Counters to move: all of them, or none.
    pub spend: Vec<Spend>,
    /// The time. The session must be live then.
    pub now: Timestamp,
}

impl Use {
    /// A use at this time that notes nothing yet.
    pub fn new(now: Timestamp) -> Self {
        Self { seen_at: None, seen_generation: None, spend: Vec::new(), now }
    }

    /// The session was last seen at the time of this use.
    #[must_use]
    pub fn seen(mut self) -> Self {
        self.seen_at = Some(self.now);
        self
    }

    /// This generation was used in a store-checked check.
    #[must_use]
    pub fn of_generation(mut self, generation: u32) -> Self {
        self.seen_generation = Some(generation);
        self
    }

    /// Moves these counters: all of them, or none.
    #[must_use]
    pub fn spending(mut self, spends: Vec<Spend>) -> Self {
        self.spend = spends;
        self
    }
}

/// A counter is at its limit, so none was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpendRefused;

impl Record {
    /// The record after a refresh: the generation after `from`, minted by this key. None when there
    /// is no session, or no generation left.
    pub(crate) fn rotated(&self, from: u32, now: Timestamp, mac_key: u16) -> Option<Self> {
        let generation = from.checked_add(1)?;
        self.change_session(|current, session| {
            *current = generation;
            session.moved(now, mac_key);
        })
    }

    /// The record after a refresh that rotates nothing.
    pub(crate) fn used(&self, generation: u32, now: Timestamp) -> Option<Self> {
        self.change_session(|current, session| {
            *current = generation;
            session.last_seen_at = session.last_seen_at.max(now);
        })
    }

    /// The record after its generation was answered again outside the overlap window.
    pub(crate) fn replayed(&self, now: Timestamp) -> Option<Self> {
        self.change_session(|generation, session| {
            if session.late_generation != *generation {
                session.late_replays_in_a_row = session.late_replays_with(*generation);
                session.late_generation = *generation;
            }
            session.last_seen_at = session.last_seen_at.max(now);
        })
    }

    /// The record with other claims for its tokens; none when they are the same.
    pub(crate) fn with_claims(&self, claims: &HostClaims) -> Option<Self> {
        let session = self.session()?;
        if session.claims().unwrap_or(&HostClaims::new()) == claims {
            return None;
        }
        self.change_session(|_, session| session.rare_mut().claims = claims.clone())
    }

    /// The record in another client; none when it is the same.
    pub(crate) fn with_client(&self, client: &ClientInfo) -> Option<Self> {
        if self.session()?.client() == client {
            return None;
        }
        self.change_session(|_, session| session.client = client.clone())
    }

    /// The record after an update; none when the update changes nothing.
    pub(crate) fn updated(
        &self,
        change: SessionChange,
        now: Timestamp,
        mac_key: u16,
    ) -> Option<Self> {
        // Naming the subject once more proves nothing.
        let jump = change.bind.is_some()
            || change.factors.iter().any(|factor| factor.kind() != FactorKind::Subject);
        let mut next = self.change_session(|_, session| session.apply(change, now))?;
        if next.body == self.body {
            return None;
        }
        let exact =
            self.session().is_some_and(|session| session.credentials == CredentialsKind::Session);
        match (jump, exact) {
            (true, _) => next.jump(now, mac_key)?,
            (false, true) => {
                next.generation = next.generation.checked_add(1)?;
                if let Body::Session(session) = &mut next.body {
                    session.moved(now, mac_key);
                }
            }
            (false, false) => {}
        }
        Some(next)
    }

    /// The request after its decision: approved for this subject, or denied. None when it was
    /// decided before. Approved, it waits as long again for its exchange as it was given for its
    /// decision, and at most this long.
    pub(crate) fn decided(
        &self,
        approved: Option<(SubjectId, Epoch)>,
        now: Timestamp,
        lifetime: Duration,
    ) -> Option<Self> {
        let mut next = self.clone();
        let Body::Request(request) = &mut next.body else { return None };
        if request.state != RequestState::Open || self.tombstone.is_some() {
            return None;
        }
        request.state = match approved {
            Some((subject, epoch)) => {
                request.ends_at =
                    now.saturating_add(lifetime.min(request.ends_at.since(self.created_at)));
                RequestState::Approved { subject, epoch }
            }
            None => RequestState::Denied,
        };
        Some(next)
    }

    /// Keeps where a request leads after its decision, unless its app has said so before.
    pub(crate) fn lead_to(&mut self, redirect: Option<&str>) {
        if let Body::Request(request) = &mut self.body
            && request.redirect.is_none()
        {
            request.redirect = redirect.map(str::to_owned);
        }
    }

    /// The record with a tombstone. One way: a record that has one keeps it.
    #[must_use]
    pub(crate) fn ended(&self, tombstone: &Tombstone) -> Self {
        let mut next = self.clone();
        if next.tombstone.is_none() {
            next.version += 1;
            next.tombstone = Some(Box::new(tombstone.clone()));
        }
        next
    }

    /// Notes a use. The version stays.
    ///
    /// # Errors
    /// [`SpendRefused`] when a counter would pass its limit. Nothing at all is changed then.
    pub(crate) fn note_use(&mut self, used: &Use) -> Result<(), SpendRefused> {
        let generation = self.generation;
        let Body::Session(session) = &mut self.body else { return Ok(()) };
        if !used.spend.is_empty() {
            session.spend(&used.spend)?;
        }
        if let Some(at) = used.seen_at {
            session.last_seen_at = session.last_seen_at.max(at);
        }
        if used.seen_generation == Some(generation) {
            session.saw_successor();
        }
        Ok(())
    }

    /// Makes this the record that follows `current`: the next version, with every use noted since.
    ///
    /// A store calls this inside the act that replaces `current`, after it has compared the
    /// versions.
    pub(crate) fn follow(&mut self, current: &Self) {
        self.version = current.version + 1;
        let same_generation = self.generation == current.generation;
        if let (Body::Session(session), Body::Session(old)) = (&mut self.body, &current.body) {
            session.last_seen_at = session.last_seen_at.max(old.last_seen_at);
            if old.successor_seen {
                session.clear_late_replays();
                session.successor_seen |= same_generation;
            }
            let counters = old.rare.as_ref().map_or(&[][..], |rare| &rare.counters);
            let own = session.rare.as_ref().map_or(&[][..], |rare| &rare.counters);
            if counters != own {
                session.rare_mut().counters = counters.to_vec();
            }
        }
    }

    /// From when on it may be swept: a while after its end, or a bounded while after it was
    /// revoked.
    pub fn purge_at(&self) -> Timestamp {
        let keep = Duration::from_secs(self.keep_secs.into());
        let by_itself = self.effective_end().map_or(Timestamp::MAX, |end| end.saturating_add(keep));
        match &self.tombstone {
            Some(tombstone) => by_itself.min(tombstone.at.saturating_add(LONGEST_TOMBSTONE)),
            None => by_itself,
        }
    }

    /// True when it may be swept: it, and every token that names it, ended a while ago.
    pub fn is_purgeable(&self, now: Timestamp) -> bool {
        now >= self.purge_at()
    }

    /// When it was revoked, from when on no signed token of it can be good: tokens live for 30 days
    /// at most, and none is signed after the end.
    pub(crate) fn tokens_end_at(&self) -> Option<Timestamp> {
        Some(self.tombstone.as_ref()?.at.saturating_add(MAX_SIGNED_LIFETIME))
    }

    /// A copy with its generation and its session changed; none when it is not a session.
    fn change_session(&self, change: impl FnOnce(&mut u32, &mut Session)) -> Option<Self> {
        let mut next = self.clone();
        let Self { generation, body: Body::Session(session), .. } = &mut next else { return None };
        change(generation, session);
        Some(next)
    }

    /// A step that old tokens cannot follow.
    pub(super) fn jump(&mut self, now: Timestamp, mac_key: u16) -> Option<()> {
        let left = self.generation;
        self.generation = left.checked_add(2)?;
        if let Body::Session(session) = &mut self.body {
            session.moved(now, mac_key);
            session.jumped_from = left;
        }
        Some(())
    }
}

impl Session {
    fn moved(&mut self, now: Timestamp, mac_key: u16) {
        self.rotated_at = now;
        self.last_seen_at = self.last_seen_at.max(now);
        self.successor_seen = false;
        self.mac_key = mac_key;
    }

    fn saw_successor(&mut self) {
        self.successor_seen = true;
        self.clear_late_replays();
    }

    fn clear_late_replays(&mut self) {
        self.late_replays_in_a_row = 0;
        self.late_generation = 0;
    }

    /// How many generations in a row would be answered late with this one.
    pub(super) fn late_replays_with(&self, generation: u32) -> u8 {
        match self.late_generation != 0 && self.late_generation.checked_add(1) == Some(generation) {
            true => self.late_replays_in_a_row.saturating_add(1),
            false => 1,
        }
    }

    fn spend(&mut self, spends: &[Spend]) -> Result<(), SpendRefused> {
        let mut counters = self.rare.as_ref().map_or(Vec::new(), |rare| rare.counters.clone());
        for spend in spends {
            let at = match counters.iter().position(|(name, _)| **name == *spend.name) {
                Some(at) => at,
                None => {
                    counters.push((spend.name.into(), 0));
                    counters.len() - 1
                }
            };
            let Some((_, count)) = counters.get_mut(at) else { return Err(SpendRefused) };
            *count = count
                .checked_add(spend.amount)
                .filter(|sum| *sum <= spend.limit)
                .ok_or(SpendRefused)?;
        }
        self.rare_mut().counters = counters;
        Ok(())
    }

    /// Puts a challenge into the slot of its kind.
    pub(super) fn open_challenge(&mut self, challenge: Challenge) {
        let slots = &mut self.rare_mut().challenges;
        slots.retain(|slot| slot.kind() != challenge.kind());
        slots.push(challenge);
    }

    fn apply(&mut self, change: SessionChange, now: Timestamp) {
        let SessionChange {
            bind,
            factors,
            answered,
            challenges,
            metadata,
            claims,
            client,
            resource_owner,
            shortened,
            lifetime,
            renewed,
        } = change;
        let authenticated = factors.iter().any(|factor| factor.kind() != FactorKind::Subject);
        if let Some(bound) = bind {
            self.bound = Some(bound);
        }
        if !factors.is_empty() {
            let mut all: Vec<_> = self.factors().to_vec();
            for factor in factors {
                all.retain(|old| old.kind() != factor.kind());
                all.push(factor);
            }
            all.sort_by_key(Factor::kind);
            self.factors = Some(all.into());
        }
        if (self.bound.is_some() || self.factors.is_some())
            && self.rare.as_ref().is_some_and(|rare| rare.holds_device_slot)
        {
            self.rare_mut().holds_device_slot = false;
        }
        if !answered.is_empty() {
            let slots = &mut self.rare_mut().challenges;
            slots.retain(|slot| !answered.contains(slot));
        }
        for challenge in challenges {
            self.open_challenge(challenge);
        }
        if let Some(metadata) = metadata.filter(|metadata| metadata != self.metadata()) {
            self.rare_mut().metadata = metadata;
        }
        if let Some(claims) =
            claims.filter(|claims| self.claims().unwrap_or(&HostClaims::new()) != claims)
        {
            self.rare_mut().claims = claims;
        }
        if let Some(client) = client {
            self.client = client;
        }
        if let Some(owner) = resource_owner {
            self.rare_mut().resource_owner = Some(owner);
        }
        match (lifetime, authenticated) {
            (Some(lifetime), _) => {
                self.ends_at = lifetime.end(now);
                self.lifetime_millis = match lifetime {
                    Lifetime::After(lifetime) => millis(Some(lifetime)),
                    Lifetime::Unlimited => 0,
                };
            }
            (None, true) => {
                self.ends_at = renewed.map_or(self.ends_at, |lifetime| lifetime.end(now))
            }
            (None, false) => {
                if let Some(shortened) = shortened {
                    self.ends_at = self.ends_at.min(now.saturating_add(shortened));
                }
            }
        }
    }
}
