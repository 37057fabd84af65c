//! The revocation log: what stateless verifiers follow to learn of revocations soon.

use crate::{
    clock::{Epoch, Timestamp},
    id::{SessionId, SessionKey, SubjectKey},
};

/// One revocation. It may come twice.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevocationEntry {
    /// A session ended.
    Session {
        /// The session.
        key: SessionKey,
        /// From when on no token can name it any more, so that the entry may be forgotten:
        /// [`Record::tokens_end_at`](crate::session::Record::tokens_end_at).
        until: Timestamp,
    },
    /// A subject's sessions ended, or some of its factors were voided.
    Subject {
        /// The subject.
        key: SubjectKey,
        /// Sessions bound under a lower epoch are dead.
        epoch: Epoch,
        /// But for this one.
        kept: Option<SessionId>,
        /// Tokens issued up to this time may claim factors that no longer count: ask the store.
        factors_changed_at: Option<Timestamp>,
        /// From when on no token can be older than it, so that the entry may be forgotten.
        until: Timestamp,
    },
}

/// A place in a store's revocation log. Opaque; only the store that made it can read it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor(Vec<u8>);

impl Cursor {
    /// The beginning of the log.
    pub fn start() -> Self {
        Self::default()
    }

    /// A cursor of these bytes, as a store made them.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes; empty at the beginning of the log.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What was revoked after a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum RevocationBatch {
    /// These were.
    Entries {
        /// The entries, oldest first.
        entries: Vec<RevocationEntry>,
        /// Where to go on.
        next: Cursor,
        /// There is more now.
        more: bool,
    },
    /// The log no longer goes back that far. Forget what you know, go on from here, and ask the store about every
    /// token that was issued before.
    Reset {
        /// Where to go on.
        next: Cursor,
    },
}
