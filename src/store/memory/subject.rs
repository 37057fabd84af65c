//! What is known of a subject, and which records name it.

use std::{
    borrow::Borrow,
    hash::{Hash, Hasher},
    sync::Arc,
};

use crate::{
    clock::Timestamp,
    id::{SessionId, SubjectId},
    session::{Epoch, FactorFloor, RevokeReason, SubjectStamp},
};

/// Names no session: version 7 is not nil.
const NIL: SessionId = SessionId::NIL;

/// A subject: its stamp, its records without a tombstone, and how many have one.
///
/// There is one for every session that has a subject of its own, so the usual one is small.
pub(super) enum SubjectRow {
    /// One record at most, none that ended, and nothing was ever revoked.
    One {
        subject: SubjectId,
        epoch: Epoch,
        /// Nil for none: an `Option` would make the row larger.
        id: SessionId,
    },
    Other(Box<Full>),
}

pub(super) struct Full {
    subject: SubjectId,
    epoch: Epoch,
    revoked: Option<Box<RevokedStamp>>,
    /// How many records have a tombstone.
    ended: u32,
    ids: Vec<SessionId>,
}

/// What a mass revocation or a change of a credential leaves behind.
struct RevokedStamp {
    kept: Option<SessionId>,
    reason: Option<RevokeReason>,
    floors: Option<Arc<[FactorFloor]>>,
}

impl SubjectRow {
    /// A subject that nothing was known of, and which one record names at most.
    pub(super) fn first(subject: SubjectId, epoch: Epoch, id: Option<SessionId>) -> Self {
        Self::One { subject, epoch, id: id.unwrap_or(NIL) }
    }

    fn subject(&self) -> &SubjectId {
        match self {
            Self::One { subject, .. } => subject,
            Self::Other(full) => &full.subject,
        }
    }

    pub(super) fn epoch(&self) -> Epoch {
        match self {
            Self::One { epoch, .. } => *epoch,
            Self::Other(full) => full.epoch,
        }
    }

    pub(super) fn stamp(&self) -> SubjectStamp {
        let first = SubjectStamp::unmoved(self.epoch());
        match self {
            Self::Other(full) => match &full.revoked {
                Some(revoked) => {
                    let RevokedStamp { kept, reason, floors } = &**revoked;
                    SubjectStamp { kept: *kept, reason: *reason, floors: floors.clone(), ..first }
                }
                None => first,
            },
            Self::One { .. } => first,
        }
    }

    /// The records without a tombstone.
    pub(super) fn ids(&self) -> &[SessionId] {
        match self {
            Self::One { id: NIL, .. } => &[],
            Self::One { id, .. } => std::slice::from_ref(id),
            Self::Other(full) => &full.ids,
        }
    }

    pub(super) fn set_stamp(&mut self, stamp: SubjectStamp) {
        let SubjectStamp { epoch, kept, reason, floors } = stamp;
        self.change(|full| {
            full.epoch = epoch;
            full.revoked = Some(Box::new(RevokedStamp { kept, reason, floors }));
        });
    }

    pub(super) fn add(&mut self, id: SessionId) {
        if let Self::One { id: none @ NIL, .. } = self {
            *none = id;
            return;
        }
        self.change(|full| full.ids.push(id));
    }

    /// A record got its tombstone: it is still there, and no longer counts among the others.
    pub(super) fn end(&mut self, id: SessionId) {
        self.change(|full| {
            full.ids.retain(|old| *old != id);
            full.ended += 1;
        });
    }

    /// A record is gone.
    pub(super) fn forget(&mut self, id: SessionId, had_tombstone: bool) {
        self.change(|full| match had_tombstone {
            true => full.ended = full.ended.saturating_sub(1),
            false => full.ids.retain(|old| *old != id),
        });
    }

    fn change(&mut self, change: impl FnOnce(&mut Full)) {
        if let Self::One { subject, epoch, id } = self {
            let (subject, epoch) = (subject.clone(), *epoch);
            let mut ids = Vec::with_capacity(4);
            ids.extend(Some(*id).filter(|id| *id != NIL));
            *self = Self::Other(Box::new(Full { subject, epoch, revoked: None, ended: 0, ids }));
        }
        if let Self::Other(full) = self {
            change(full);
            if let Full { subject, epoch, revoked: None, ended: 0, ids } = &**full
                && let [] | [_] = ids.as_slice()
            {
                let id = ids.first().copied().unwrap_or(NIL);
                *self = Self::One { subject: subject.clone(), epoch: *epoch, id };
            }
        }
    }

    /// True when no record names the subject and nothing happened to it for a while.
    pub(super) fn may_be_forgotten(&self, now: Timestamp) -> bool {
        let is_named = match self {
            Self::One { id, .. } => *id != NIL,
            Self::Other(full) => full.ended > 0 || !full.ids.is_empty(),
        };
        !is_named && now >= self.stamp().forgettable_at()
    }
}

/// A row in a set, found by its subject: a bucket is one pointer.
pub(super) struct SubjectSlot(Box<SubjectRow>);

impl SubjectSlot {
    pub(super) fn new(row: SubjectRow) -> Self {
        Self(Box::new(row))
    }

    pub(super) fn row(&self) -> &SubjectRow {
        &self.0
    }

    pub(super) fn row_mut(&mut self) -> &mut SubjectRow {
        &mut self.0
    }

    pub(super) fn subject(&self) -> &SubjectId {
        self.0.subject()
    }
}

impl Borrow<str> for SubjectSlot {
    fn borrow(&self) -> &str {
        self.0.subject().as_str()
    }
}

impl Hash for SubjectSlot {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.subject().as_str().hash(state);
    }
}

impl PartialEq for SubjectSlot {
    fn eq(&self, other: &Self) -> bool {
        self.0.subject() == other.0.subject()
    }
}

impl Eq for SubjectSlot {}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u16) -> SessionId {
        SessionId::assemble(Timestamp::from_secs(1), number, [0; 6], 0)
    }

    #[test]
    fn a_row_knows_its_records_and_is_kept_while_one_names_it() {
        let mut row = SubjectRow::first(
            SubjectId::new("alice").unwrap(),
            Epoch::first(Timestamp::from_secs(0)),
            None,
        );
        let late = Timestamp::from_secs(1_000_000);
        (1..=3).for_each(|number| row.add(id(number)));
        assert_eq!(row.ids(), [id(1), id(2), id(3)]);
        row.forget(id(2), false);
        row.end(id(1));
        row.end(id(3));
        assert!(row.ids().is_empty() && !row.may_be_forgotten(late), "two tombstones name it");
        row.forget(id(1), true);
        assert!(!row.may_be_forgotten(late));
        row.forget(id(3), true);
        assert!(row.may_be_forgotten(late) && !row.may_be_forgotten(Timestamp::from_secs(60)));
    }

    #[test]
    fn a_row_costs_one_small_allocation() {
        assert!(size_of::<SubjectRow>() <= 40, "{}", size_of::<SubjectRow>());
    }
}
