//! The local view of the store's revocation log: which signed tokens it clears without asking the
//! store.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use crate::{
    clock::Timestamp,
    id::{SessionId, SessionKey, SubjectId, SubjectKey, TenantId},
    session::Epoch,
    store::{Cursor, RevocationEntry},
    token::VerifiedClaims,
};

/// How much earlier than the view's beginning a token may have been issued by a sibling whose clock
/// is behind.
const SKEW: Duration = Duration::from_secs(120);

/// What is known of revocations, as of the last sync.
#[derive(Debug, Default)]
pub(in crate::issuer) struct Revocations {
    cursor: Cursor,
    /// The moment, on the monotonic clock, at which the last complete sync began.
    synced_at: Option<Duration>,
    /// Tokens issued before this may have been revoked in a part of the log that was never read.
    complete_from: Option<Timestamp>,
    sessions: HashMap<SessionKey, Timestamp>,
    /// Entries in the order of their arrival, so that old ones are forgotten without a scan.
    order: VecDeque<(HeldEntry, Timestamp)>,
    subjects: HashMap<SubjectKey, SubjectEntry>,
}

#[derive(Debug)]
enum HeldEntry {
    Session(SessionKey),
    Subject(SubjectKey),
}

#[derive(Debug)]
struct SubjectEntry {
    epoch: Epoch,
    kept: Option<SessionId>,
    factors_changed_at: Option<Timestamp>,
    until: Timestamp,
}

impl Revocations {
    pub(in crate::issuer) fn cursor(&self) -> Cursor {
        self.cursor.clone()
    }

    /// Takes in a batch.
    pub(in crate::issuer) fn learn(
        &mut self,
        entries: Vec<RevocationEntry>,
        next: Cursor,
        now: Timestamp,
    ) {
        for entry in entries {
            match entry {
                RevocationEntry::Session { key, until } => {
                    if self.sessions.insert(key.clone(), until).is_none() {
                        self.order.push_back((HeldEntry::Session(key), until));
                    }
                }
                RevocationEntry::Subject { key, epoch, kept, factors_changed_at, until } => {
                    let new = SubjectEntry { epoch, kept, factors_changed_at, until };
                    let entry = self.subjects.entry(key.clone()).or_insert_with(|| {
                        self.order.push_back((HeldEntry::Subject(key), until));
                        new
                    });
                    // An entry may come twice, and late: only a higher epoch says who is kept.
                    if epoch > entry.epoch {
                        (entry.epoch, entry.kept) = (epoch, kept);
                    }
                    entry.factors_changed_at = entry.factors_changed_at.max(factors_changed_at);
                    entry.until = entry.until.max(until);
                }
            }
        }
        self.cursor = next;
        self.forget(now);
    }

    /// Forgets, from the front, what no token can need any more. What has been renewed since it
    /// came goes to the back.
    fn forget(&mut self, now: Timestamp) {
        while self.order.front().is_some_and(|(_, until)| *until <= now) {
            let Some((entry, _)) = self.order.pop_front() else { return };
            let renewed = match &entry {
                HeldEntry::Session(key) => self.sessions.get(key).copied(),
                HeldEntry::Subject(key) => self.subjects.get(key).map(|entry| entry.until),
            };
            match (renewed.filter(|until| *until > now), entry) {
                (Some(until), entry) => self.order.push_back((entry, until)),
                (None, HeldEntry::Session(key)) => drop(self.sessions.remove(&key)),
                (None, HeldEntry::Subject(key)) => drop(self.subjects.remove(&key)),
            }
        }
    }

    /// Nothing was left when a read that began then was answered.
    pub(in crate::issuer) fn synced(&mut self, began: Duration) {
        self.synced_at = Some(began);
    }

    /// The log has forgotten what this view has not read: only tokens issued from now on can be
    /// cleared.
    pub(in crate::issuer) fn reset(&mut self, next: Cursor, now: Timestamp) {
        // What is known stays known.
        self.cursor = next;
        self.synced_at = None;
        self.complete_from = Some(now.saturating_add(SKEW));
    }

    /// True when this view, not older than `age`, knows of no revocation that touches the token.
    /// Anything else is a question for the store, whose answer is final.
    pub(in crate::issuer) fn clears(
        &self,
        tenant: &TenantId,
        claims: &VerifiedClaims,
        age: Duration,
        now: Duration,
    ) -> bool {
        let fresh = self.synced_at.is_some_and(|at| now.saturating_sub(at) <= age);
        let complete = self.complete_from.is_none_or(|from| claims.issued_at() >= from);
        fresh && complete && !self.touches(tenant, claims)
    }

    /// True when this view, however old, knows of a revocation that touches the token.
    pub(in crate::issuer) fn touches(&self, tenant: &TenantId, claims: &VerifiedClaims) -> bool {
        let issued_at = claims.issued_at();
        self.ended(tenant, claims.session_id())
            || !self.spares(
                tenant,
                claims.subject(),
                claims.session_id(),
                claims.epoch(),
                issued_at,
            )
            || claims.actor_claims().any(|actor| {
                let id = actor.sid.unwrap_or(claims.session_id());
                actor.sid.is_some_and(|sid| self.ended(tenant, sid))
                    || !self.spares(tenant, Some(&actor.sub), id, actor.epo, issued_at)
            })
    }

    fn ended(&self, tenant: &TenantId, id: SessionId) -> bool {
        !self.sessions.is_empty()
            && self.sessions.contains_key(&SessionKey::new(tenant.clone(), id))
    }

    fn spares(
        &self,
        tenant: &TenantId,
        subject: Option<&SubjectId>,
        id: SessionId,
        epoch: Option<Epoch>,
        issued_at: Timestamp,
    ) -> bool {
        let Some(subject) = subject.filter(|_| !self.subjects.is_empty()) else { return true };
        let Some(entry) = self.subjects.get(&SubjectKey::new(tenant.clone(), subject.clone()))
        else {
            return true;
        };
        let alive = epoch.is_some_and(|epoch| epoch >= entry.epoch) || entry.kept == Some(id);
        // A token's times are whole seconds: one issued in the second of the change may be older
        // than it.
        alive && entry.factors_changed_at.is_none_or(|at| issued_at > at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn session(at: Timestamp, number: u16) -> SessionKey {
        SessionKey::new(TenantId::default(), SessionId::assemble(at, number, [0; 6], 0))
    }

    #[test]
    fn a_subject_that_is_revoked_again_and_again_does_not_keep_the_rest_from_being_forgotten() {
        let mut view = Revocations::default();
        let busy = SubjectKey::new(TenantId::default(), SubjectId::new("busy").unwrap());
        let mut now = Timestamp::from_secs(1_000_000);
        for day in 0..365_u16 {
            let until = now.saturating_add(30 * DAY);
            let bump = RevocationEntry::Subject {
                key: busy.clone(),
                epoch: Epoch::first(now),
                kept: None,
                factors_changed_at: None,
                until,
            };
            let mut entries: Vec<_> = (day % 20 == 0).then_some(bump).into_iter().collect();
            entries
                .extend((0..10).map(|n| RevocationEntry::Session { key: session(now, n), until }));
            view.learn(entries, Cursor::start(), now);
            now = now.saturating_add(DAY);
        }
        assert!(
            view.sessions.len() <= 310,
            "{} sessions kept, 300 are needed",
            view.sessions.len()
        );
        assert_eq!(view.subjects.len(), 1);
        view.learn(Vec::new(), Cursor::start(), now.saturating_add(60 * DAY));
        assert!(view.sessions.is_empty() && view.subjects.is_empty() && view.order.is_empty());
    }

    #[test]
    fn a_reset_keeps_what_was_known() {
        let mut view = Revocations::default();
        let now = Timestamp::from_secs(1_000_000);
        let (key, until) = (session(now, 1), now.saturating_add(DAY));
        view.learn(
            vec![RevocationEntry::Session { key: key.clone(), until }],
            Cursor::start(),
            now,
        );
        view.reset(Cursor::start(), now);
        assert!(view.ended(&TenantId::default(), key.id));
    }
}
