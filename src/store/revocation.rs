//! The revocation log: what stateless verifiers follow to learn of revocations soon.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    id::{SessionId, SessionKey, SubjectId, SubjectKey, TenantId},
    session::Epoch,
};

/// An entry of the log: one revocation. It may come twice.
///
/// A release that adds a variant does not compile with a store that does not know how to keep it.
/// As JSON its times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "EntryRow", into = "EntryRow")]
pub enum RevocationEntry {
    /// A session ended.
    Session {
        /// The session.
        key: SessionKey,
        /// From when on no token can name it any more, so that the entry may be forgotten: 30 days
        /// after the revocation.
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

/// An entry as it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum EntryRow {
    Session {
        tenant: TenantId,
        id: SessionId,
        until: i64,
    },
    Subject {
        tenant: TenantId,
        subject: SubjectId,
        epoch: i64,
        kept: Option<SessionId>,
        factors_changed_at: Option<i64>,
        until: i64,
    },
}

impl From<RevocationEntry> for EntryRow {
    fn from(entry: RevocationEntry) -> Self {
        match entry {
            RevocationEntry::Session { key, until } => {
                Self::Session { tenant: key.tenant, id: key.id, until: until.as_millis() }
            }
            RevocationEntry::Subject { key, epoch, kept, factors_changed_at, until } => {
                Self::Subject {
                    tenant: key.tenant,
                    subject: key.subject,
                    epoch: epoch.get(),
                    kept,
                    factors_changed_at: factors_changed_at.map(Timestamp::as_millis),
                    until: until.as_millis(),
                }
            }
        }
    }
}

impl From<EntryRow> for RevocationEntry {
    fn from(row: EntryRow) -> Self {
        match row {
            EntryRow::Session { tenant, id, until } => Self::Session {
                key: SessionKey::new(tenant, id),
                until: Timestamp::from_millis(until),
            },
            EntryRow::Subject { tenant, subject, epoch, kept, factors_changed_at, until } => {
                Self::Subject {
                    key: SubjectKey::new(tenant, subject),
                    epoch: Epoch::from_number(epoch),
                    kept,
                    factors_changed_at: factors_changed_at.map(Timestamp::from_millis),
                    until: Timestamp::from_millis(until),
                }
            }
        }
    }
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

/// The revocations after a cursor, as far as the log goes back.
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
    /// The log no longer goes back that far. Forget what you know, go on from here, and ask the
    /// store about every token that was issued before.
    Reset {
        /// Where to go on.
        next: Cursor,
    },
}

impl RevocationBatch {
    /// At most this many entries after a cursor, of a log that is kept whole.
    ///
    /// Its cursors are the numbers of entries, from zero.
    pub fn of(log: &[RevocationEntry], cursor: &Cursor, limit: u32) -> Self {
        let at = |number: usize| Cursor::from_bytes((number as u64).to_be_bytes());
        let from = match cursor.as_bytes() {
            [] => Some(0),
            bytes => {
                let number = bytes.try_into().ok().map(u64::from_be_bytes);
                number.and_then(|number| usize::try_from(number).ok())
            }
        };
        let Some(rest) = from.and_then(|from| log.get(from..)) else {
            return Self::Reset { next: at(log.len()) };
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let entries: Vec<_> = rest.iter().take(limit).cloned().collect();
        let next = at(log.len() - rest.len() + entries.len());
        Self::Entries { more: entries.len() < rest.len(), entries, next }
    }
}
