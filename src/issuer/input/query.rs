//! Sessions to list.

use crate::{
    clock::Timestamp,
    id::SubjectId,
    store::{PageKey, Select},
};

/// Which sessions to list. Live ones of subjects themselves, newest first, a hundred at a time,
/// unless told otherwise.
#[derive(Debug, Clone)]
pub struct SessionQuery {
    pub(in crate::issuer) select: Select,
    pub(in crate::issuer) live_only: bool,
    pub(in crate::issuer) impersonations: bool,
    pub(in crate::issuer) created_from: Option<Timestamp>,
    pub(in crate::issuer) created_before: Option<Timestamp>,
    pub(in crate::issuer) ends_before: Option<Timestamp>,
    pub(in crate::issuer) ends_from: Option<Timestamp>,
    pub(in crate::issuer) newest_first: bool,
    pub(in crate::issuer) after: Option<PageKey>,
    pub(in crate::issuer) limit: u32,
}

impl SessionQuery {
    /// Those that one of the store's indexes has.
    pub fn select(select: Select) -> Self {
        Self {
            select,
            live_only: true,
            impersonations: false,
            created_from: None,
            created_before: None,
            ends_before: None,
            ends_from: None,
            newest_first: true,
            after: None,
            limit: 100,
        }
    }

    /// The sessions of a subject.
    pub fn of_subject(subject: SubjectId) -> Self {
        Self::select(Select::Subject(subject))
    }

    /// Sessions that have expired, or that a mass revocation ended, too.
    #[must_use]
    pub fn dead_too(mut self) -> Self {
        self.live_only = false;
        self
    }

    /// Impersonations too: for administrators, not for the subject.
    #[must_use]
    pub fn impersonations_too(mut self) -> Self {
        self.impersonations = true;
        self
    }

    /// Only those created at this time or later.
    #[must_use]
    pub fn created_from(mut self, at: Timestamp) -> Self {
        self.created_from = Some(at);
        self
    }

    /// Only those created before this time.
    #[must_use]
    pub fn created_before(mut self, at: Timestamp) -> Self {
        self.created_before = Some(at);
        self
    }

    /// Only those that end before this time. A session without an end never does.
    #[must_use]
    pub fn ends_before(mut self, at: Timestamp) -> Self {
        self.ends_before = Some(at);
        self
    }

    /// Only those that end at this time or later. A session without an end always does.
    #[must_use]
    pub fn ends_from(mut self, at: Timestamp) -> Self {
        self.ends_from = Some(at);
        self
    }

    /// The oldest first.
    #[must_use]
    pub fn oldest_first(mut self) -> Self {
        self.newest_first = false;
        self
    }

    /// The page after that one.
    #[must_use]
    pub fn after(mut self, key: PageKey) -> Self {
        self.after = Some(key);
        self
    }

    /// How many in a page: 1 to 1000.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }
}
