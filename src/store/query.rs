//! What a list asks a store for: one index, a range of creation, a page.

use super::Snapshot;
use crate::{
    clock::Timestamp,
    id::{CreatorId, DeviceId, SessionId, SubjectId, TenantId},
};

/// A question to a store: which index, which range, which page. Everything finer is the issuer's filter.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Query {
    /// The tenant.
    pub tenant: TenantId,
    /// Which index to read.
    pub select: Select,
    /// Only records born at this time or later.
    pub created_from: Option<Timestamp>,
    /// Only records born before this time.
    pub created_before: Option<Timestamp>,
    /// The newest first, or the oldest.
    pub newest_first: bool,
    /// Only what comes after this place in the order.
    pub after: Option<PageKey>,
    /// At most this many.
    pub limit: u32,
}

impl Query {
    /// The first page of 100, newest first.
    pub fn new(tenant: TenantId, select: Select) -> Self {
        Self {
            tenant,
            select,
            created_from: None,
            created_before: None,
            newest_first: true,
            after: None,
            limit: 100,
        }
    }
}

/// Which index a list reads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Select {
    /// These sessions.
    Ids(Vec<SessionId>),
    /// The sessions of a subject.
    Subject(SubjectId),
    /// The sessions of a device.
    Device(DeviceId),
    /// The sessions in which this subject acts in another's place.
    Actor(SubjectId),
    /// The sessions that this creator made.
    Creator(CreatorId),
    /// The sessions of clients with this fingerprint.
    Fingerprint(String),
    /// All sessions of the tenant.
    Tenant,
}

/// A place in the order of a list: (created at, id).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageKey {
    /// When the record was born.
    pub created_at: Timestamp,
    /// Its id.
    pub id: SessionId,
}

impl PageKey {
    /// This place.
    pub fn new(created_at: Timestamp, id: SessionId) -> Self {
        Self { created_at, id }
    }
}

/// A page of a list.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct RecordPage {
    /// Records and what is known of their subjects, in order.
    pub items: Vec<Snapshot>,
    /// Rows that cannot be read.
    pub damaged: Vec<SessionId>,
    /// Where the next page begins; none when this is the last.
    pub next: Option<PageKey>,
}

impl RecordPage {
    /// These, and where the next page begins.
    pub fn new(items: Vec<Snapshot>, next: Option<PageKey>) -> Self {
        Self { items, damaged: Vec::new(), next }
    }
}
