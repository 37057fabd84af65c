//! What a list asks a store for: one index, a range of creation, a page.

use super::Snapshot;
use crate::{
    clock::Timestamp,
    id::{CreatorId, DeviceId, SessionId, SubjectId, TenantId},
    session::{Record, Session},
};

/// A question to a store: which index, which range, which page. Everything finer is the issuer's
/// filter.
///
/// A store must heed every field: a release that adds one does not compile with a store that takes
/// this apart without `..`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The tenant whose records are listed.
    pub tenant: TenantId,
    /// The index to read.
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

impl Query {
    /// True when a record is on some page of this list: the selection and the range admit it, and
    /// it has no tombstone.
    ///
    /// Stores without an index for a selection ask this of every record of the tenant.
    pub fn admits(&self, record: &Record) -> bool {
        let Self { tenant, select, created_from, created_before, newest_first, after, limit: _ } =
            self;
        let place = PageKey::new(record.created_at(), record.id());
        let follows = |after: &PageKey| match newest_first {
            true => place < *after,
            false => place > *after,
        };
        record.tenant() == tenant
            && record.tombstone().is_none()
            && created_from.is_none_or(|from| place.created_at >= from)
            && created_before.is_none_or(|before| place.created_at < before)
            && after.as_ref().is_none_or(follows)
            && select.admits(record)
    }
}

impl Select {
    /// True when the selection names this record.
    fn admits(&self, record: &Record) -> bool {
        let session = record.session();
        match self {
            Self::Tenant => true,
            Self::Ids(ids) => ids.contains(&record.id()),
            Self::Subject(subject) => record.bound().is_some_and(|(own, _)| own == subject),
            Self::Device(device) => session.and_then(Session::device) == Some(device),
            Self::Creator(creator) => session.and_then(Session::creator) == Some(creator),
            Self::Fingerprint(print) => record.index().fingerprint == Some(print),
            Self::Actor(subject) => {
                record.index().actors.iter().any(|actor| actor.subject() == subject)
            }
        }
    }
}

/// The indexes that a list reads.
///
/// A release that adds a variant does not compile with a store that does not know it: a store that
/// answered with an empty page would end nothing and report success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Select {
    /// The sessions of these ids.
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
    /// The time at which the record was born.
    pub created_at: Timestamp,
    /// The id of the record.
    pub id: SessionId,
}

impl PageKey {
    /// The place of the record of this time and id.
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
    /// The place after which the next page begins; none when this is the last.
    pub next: Option<PageKey>,
}

impl RecordPage {
    /// These, and where the next page begins.
    pub fn new(items: Vec<Snapshot>, next: Option<PageKey>) -> Self {
        Self { items, damaged: Vec::new(), next }
    }

    /// The page that this query asks for, of records in any order.
    ///
    /// For stores that look at every record: what the query does not admit is left out.
    pub fn of(query: &Query, records: impl IntoIterator<Item = Snapshot>) -> Self {
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let place = |item: &Snapshot| PageKey::new(item.record.created_at(), item.record.id());
        let mut items: Vec<_> =
            records.into_iter().filter(|item| query.admits(&item.record)).collect();
        items.sort_by_key(|item| place(item));
        if query.newest_first {
            items.reverse();
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(place);
        Self::new(items, next)
    }
}
