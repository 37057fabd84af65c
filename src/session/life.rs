//! When a session is live, why it is not, and which sessions a cap lets go.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use super::record::{Record, Session, State};
use crate::{
    clock::Timestamp,
    epoch::Epoch,
    factor::{Factor, FactorKind},
    id::SessionId,
    policy::OnFull,
    reason::RevokeReason,
};

/// How long what is known of a subject is kept that no record names.
const KEEP_UNNAMED: Duration = Duration::from_secs(24 * 60 * 60);

/// The stamp of a subject: its epoch, and the last mass revocation with the session it kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubjectStamp {
    /// Records bound under a lower epoch are dead, but for the kept one.
    pub epoch: Epoch,
    /// The one session that the last bump kept.
    pub kept: Option<SessionId>,
    /// The reason of the last mass revocation; none before the first.
    pub reason: Option<RevokeReason>,
    /// From which proofs on a kind of factor counts. Empty for most subjects.
    pub floors: Option<Arc<[FactorFloor]>>,
}

/// Factors of this kind that were proved at or before this time no longer count: the credential has
/// changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FactorFloor {
    /// The kind of factor.
    pub kind: FactorKind,
    /// The moment of the change.
    pub at: Timestamp,
}

impl FactorFloor {
    /// Factors of this kind, proved up to this time, no longer count.
    pub fn new(kind: FactorKind, at: Timestamp) -> Self {
        Self { kind, at }
    }
}

impl SubjectStamp {
    /// The stamp of a subject that is first seen now.
    pub fn first(now: Timestamp) -> Self {
        Self::unmoved(Epoch::first(now))
    }

    /// What is known of a subject of this epoch, of which nothing was ever revoked.
    pub(crate) fn unmoved(epoch: Epoch) -> Self {
        Self { epoch, kept: None, reason: None, floors: None }
    }

    /// True while nothing of the subject was ever revoked: no session, and no factor.
    pub(crate) fn is_first(&self) -> bool {
        self.reason.is_none() && self.floors.is_none()
    }

    /// From when on a subject may be forgotten that no record names: a day after its last change.
    ///
    /// A login that is under way with the epoch of a subject that was forgotten is refused, and
    /// the epoch of its next beginning is higher.
    pub fn forgettable_at(&self) -> Timestamp {
        let floors = self.floors.as_deref().unwrap_or_default();
        let changed =
            floors.iter().map(|floor| floor.at.as_millis()).fold(self.epoch.get(), i64::max);
        Timestamp::from_millis(changed).saturating_add(KEEP_UNNAMED)
    }

    /// The stamp of these parts, as a store read them.
    pub fn new(
        epoch: Epoch,
        kept: Option<SessionId>,
        reason: Option<RevokeReason>,
        floors: impl IntoIterator<Item = FactorFloor>,
    ) -> Self {
        let floors: Vec<_> = floors.into_iter().collect();
        Self { epoch, kept, reason, floors: (!floors.is_empty()).then(|| floors.into()) }
    }

    /// Ends every session of the subject but the kept one.
    pub fn bump(&mut self, kept: Option<SessionId>, reason: RevokeReason, now: Timestamp) {
        self.epoch = self.epoch.bumped(now);
        self.kept = kept;
        self.reason = Some(reason);
    }

    /// Voids factors of this kind that were proved up to now. A floor never moves back.
    pub fn raise_floor(&mut self, floor: FactorFloor) {
        let mut floors: Vec<_> = self.floors.as_deref().unwrap_or_default().to_vec();
        match floors.iter_mut().find(|old| old.kind == floor.kind) {
            Some(old) => old.at = old.at.max(floor.at),
            None => floors.push(floor),
        }
        self.floors = Some(floors.into());
    }

    /// True when a record bound under `epoch` is not dead by a mass revocation.
    pub(crate) fn spares(&self, id: SessionId, epoch: Epoch) -> bool {
        epoch >= self.epoch || self.kept == Some(id)
    }

    /// True when this proof still counts.
    pub(crate) fn counts(&self, factor: &Factor) -> bool {
        let floors = self.floors.as_deref().unwrap_or_default();
        !floors.iter().any(|floor| floor.kind == factor.kind() && factor.at() <= floor.at)
    }

    /// The proofs of a session that still count.
    pub(crate) fn counting(&self, session: &Session) -> Vec<Factor> {
        session.factors().iter().copied().filter(|factor| self.counts(factor)).collect()
    }
}

/// Whether a record is live now, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// The record is live.
    Live,
    /// It was revoked, by itself or with all sessions of its subject.
    Revoked(RevokeReason),
    /// Its absolute end has passed.
    Expired,
    /// It went unused for longer than its idle timeout.
    Inactive,
}

/// Decides whether a record is live: the one place where this is decided.
///
/// `stamp` is what the store knows of the record's subject. A record with a subject and without a
/// stamp is not live: a missing epoch is never zero.
pub(crate) fn life(record: &Record, stamp: Option<&SubjectStamp>, now: Timestamp) -> Life {
    if let Some(tombstone) = record.tombstone() {
        return Life::Revoked(tombstone.reason);
    }
    if let Some((_, epoch)) = record.bound() {
        match stamp {
            None => return Life::Revoked(RevokeReason::Admin),
            Some(stamp) if !stamp.spares(record.id(), epoch) => {
                return Life::Revoked(stamp.reason.unwrap_or(RevokeReason::Admin));
            }
            Some(_) => {}
        }
    }
    match record.state() {
        State::Active(session) if now >= session.ends_at => Life::Expired,
        State::Active(session) if now >= session.idle_end() => Life::Inactive,
        State::Requested(request) | State::Approved(request, _) | State::Denied(request)
            if now >= request.ends_at() =>
        {
            Life::Expired
        }
        _ => Life::Live,
    }
}

/// True for what a cap counts as long as it lives: a session that has its subject.
pub(crate) fn is_session_of_subject(record: &Record) -> bool {
    record.session().is_some() && record.bound().is_some()
}

/// True when a commit may put `next` in the place of `current`: a subject, once set, never changes,
/// and nothing takes a device's slot after its birth. A store refuses whatever else as
/// [`Broken`](crate::error::StoreErrorKind::Broken).
pub(crate) fn may_follow(current: &Record, next: &Record) -> bool {
    let subject = current
        .bound()
        .is_none_or(|(subject, _)| next.bound().is_some_and(|(same, _)| same == subject));
    subject && (next.device_slot().is_none() || next.device_slot() == current.device_slot())
}

/// The cap that an insert or a binding commit must keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CapRule {
    /// The number of live sessions that the subject may have, the new one included.
    pub limit: NonZeroU32,
    /// The rule for one session more.
    pub on_full: OnFull,
}

impl CapRule {
    /// At most this many.
    pub fn new(limit: NonZeroU32, on_full: OnFull) -> Self {
        Self { limit, on_full }
    }
}

/// What a cap says to one more session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It may come in; these must be ended first, in the same act.
    Admit(Vec<SessionId>),
    /// It may not.
    Full,
}

/// Decides whether one more session of a subject may come in, and which others go.
///
/// `others` are all records of the subject; those that are not live, not sessions, or
/// impersonations do not count.
pub(crate) fn admit<'a>(
    rule: Option<CapRule>,
    newcomer: &Record,
    others: impl IntoIterator<Item = &'a Record>,
    stamp: &SubjectStamp,
    now: Timestamp,
) -> Admission {
    let Some(rule) = rule else { return Admission::Admit(Vec::new()) };
    let counts = |record: &Record| match record.state() {
        State::Active(session) => {
            !session.is_impersonation() && life(record, Some(stamp), now) == Life::Live
        }
        _ => false,
    };
    if newcomer.session().is_none_or(Session::is_impersonation) {
        return Admission::Admit(Vec::new());
    }
    let mut live: Vec<_> =
        others.into_iter().filter(|other| other.id() != newcomer.id() && counts(other)).collect();
    let limit = usize::try_from(rule.limit.get()).unwrap_or(usize::MAX);
    let surplus = (live.len() + 1).saturating_sub(limit);
    if surplus == 0 {
        return Admission::Admit(Vec::new());
    }
    match rule.on_full {
        OnFull::Refuse => return Admission::Full,
        OnFull::EvictOldest => live.sort_by_key(|record| (record.created_at(), record.id())),
        OnFull::EvictLeastRecentlyUsed => {
            live.sort_by_key(|record| {
                let seen = record.session().map_or(Timestamp::EPOCH, Session::last_seen_at);
                (seen, record.created_at(), record.id())
            });
        }
    }
    Admission::Admit(live.into_iter().take(surplus).map(Record::id).collect())
}
