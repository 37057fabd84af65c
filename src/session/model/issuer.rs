//! An issuer with one record and a clock that is moved by hand. It decides by the real rule and
//! writes by the real transitions; what it adds is only which transition follows from which
//! decision.

use std::time::Duration;

use super::super::{
    Age, Life, Lifetime, PresentedRefresh, Record, RefreshDecision, RotationRule, Session,
    SessionChange, SubjectStamp, Tombstone, Use,
    check::access_age,
    decide_refresh, life,
    sample::{self, KEY},
};
use crate::{
    clock::Timestamp,
    factor::{Factor, FactorDetails, FactorKind},
    policy::{AbsoluteLifetime, Policy},
    reason::RevokeReason,
};

/// A generation that is this far behind is as far behind as any.
const FAR: u32 = 20;

#[derive(Clone)]
pub(super) struct ModelIssuer {
    pub(super) record: Record,
    pub(super) stamp: SubjectStamp,
    pub(super) rule: RotationRule,
    pub(super) now: Timestamp,
    /// What a new session, and one that authenticates anew, is given.
    pub(super) absolute: Option<Duration>,
}

impl ModelIssuer {
    pub(super) fn new(policy: &Policy) -> Self {
        let stamp = sample::stamp();
        let absolute = policy.absolute.as_duration();
        let record = Record::new_session(sample::birth(policy));
        Self {
            record,
            stamp,
            rule: RotationRule::of(policy, policy.idle),
            now: sample::BORN,
            absolute,
        }
    }

    /// The default policy without an absolute end, so that how long ago a session began tells no
    /// two states apart.
    pub(super) fn endless(late_replays_in_a_row: u8) -> Self {
        let mut issuer =
            Self::new(&Policy::default().absolute_lifetime(AbsoluteLifetime::Unlimited));
        issuer.rule.late_replays_in_a_row = late_replays_in_a_row;
        issuer
    }

    /// What the rule says; nothing is written.
    pub(super) fn decide(&self, generation: u32) -> RefreshDecision {
        decide_refresh(
            &self.record,
            Some(&self.stamp),
            PresentedRefresh::new(generation),
            self.now,
            &self.rule,
        )
    }

    /// Decides and writes.
    pub(super) fn refresh(&mut self, generation: u32) -> RefreshDecision {
        let decision = self.decide(generation);
        let current = self.generation();
        match decision {
            RefreshDecision::Rotate { .. } => {
                self.commit(self.record.rotated(generation, self.now, KEY))
            }
            RefreshDecision::Keep { .. } => self.commit(self.record.used(generation, self.now)),
            RefreshDecision::Replay { late: true, .. } => {
                self.commit(self.record.replayed(self.now))
            }
            RefreshDecision::Replay { late: false, .. } => {
                self.commit(self.record.used(current, self.now))
            }
            RefreshDecision::Reuse => self.end(RevokeReason::Reuse),
            RefreshDecision::Refuse(_) => {}
        }
        decision
    }

    /// A store-checked check of an access token. The store hears which generation was used.
    pub(super) fn check(&mut self, generation: u32) -> Age {
        let age = access_age(&self.record, generation);
        if age != Age::Outdated && self.is_live() {
            let seen_generation = (self.record.generation() > 1).then_some(generation);
            let used = Use { seen_generation, ..Use::new(self.now).seen() };
            self.record.note_use(&used).unwrap();
        }
        age
    }

    /// A factor is proved anew: the generation jumps.
    pub(super) fn step_up(&mut self) {
        let change = SessionChange {
            factors: vec![Factor::new(FactorKind::Totp, self.now, FactorDetails::default())],
            renewed: Some(self.absolute.map_or(Lifetime::Unlimited, Lifetime::After)),
            ..SessionChange::default()
        };
        if let Some(next) = self.record.updated(change, self.now, KEY) {
            self.commit(Some(next));
        }
    }

    /// Moves the clock, forward or back.
    pub(super) fn wait(&mut self, millis: i64) {
        self.now = Timestamp::from_millis(self.now.as_millis() + millis);
    }

    pub(super) fn end(&mut self, reason: RevokeReason) {
        self.record = self.record.ended(&Tombstone::new(reason, self.now));
    }

    /// Ends every session of the subject.
    pub(super) fn bump(&mut self) {
        self.stamp.bump(None, RevokeReason::CredentialChange, self.now);
    }

    pub(super) fn is_live(&self) -> bool {
        life(&self.record, Some(&self.stamp), self.now) == Life::Live
    }

    pub(super) fn generation(&self) -> u32 {
        self.record.generation()
    }

    pub(super) fn session(&self) -> &Session {
        self.record.session().unwrap()
    }

    /// How long ago the last rotation or jump was, by the clock that stands now.
    pub(super) fn age(&self) -> i64 {
        self.now.millis_since(self.session().rotated_at())
    }

    pub(super) fn is_in_overlap(&self) -> bool {
        self.age().abs() < i64::try_from(self.rule.overlap.as_millis()).unwrap()
    }

    /// How far behind the record a generation is, as part of a state's key. Only distances tell
    /// states apart.
    pub(super) fn behind(&self, generation: u32) -> i64 {
        match generation {
            0 => i64::MAX,
            _ => (i64::from(self.generation()) - i64::from(generation)).min(i64::from(FAR)),
        }
    }

    pub(super) fn key(&self) -> IssuerKey {
        let session = self.session();
        let seen_ago = self.now.millis_since(session.last_seen_at());
        let ends_in = session.ends_at().map_or(i64::MAX, |end| end.millis_since(self.now));
        IssuerKey {
            times: [self.age(), seen_ago, ends_in],
            generations: [self.behind(session.late_generation), self.behind(session.jumped_from)],
            late_replays_in_a_row: session.late_replays_in_a_row,
            flags: [
                session.successor_seen,
                self.record.tombstone().is_some(),
                self.record.bound().is_some_and(|(_, epoch)| epoch < self.stamp.epoch),
            ],
        }
    }

    fn commit(&mut self, next: Option<Record>) {
        let mut next = next.unwrap();
        next.follow(&self.record);
        self.record = next;
    }
}

/// What tells two states of an issuer apart.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct IssuerKey {
    times: [i64; 3],
    generations: [i64; 2],
    late_replays_in_a_row: u8,
    flags: [bool; 3],
}

impl IssuerKey {
    pub(super) fn numbers(&self) -> impl Iterator<Item = i64> {
        let flags = self.flags.map(i64::from);
        let row = i64::from(self.late_replays_in_a_row);
        self.times.into_iter().chain(self.generations).chain([row]).chain(flags)
    }
}
