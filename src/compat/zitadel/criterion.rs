//! One criterion of a search: what must hold of a session, and which index has those.

use std::collections::BTreeSet;

use super::{
    ApiError, Caller, SearchQuery, TimestampQueryMethod,
    refusals::{INVALID_QUERY, NAMELESS_QUERY},
};
use crate::{
    SessionQuery, Timestamp,
    client::ClientInfo,
    error::{InputField, InvalidInput},
    id::{CreatorId, SessionId, SubjectId, check_text},
    issuer::SessionView,
    session::Session,
    store::Select,
};

/// How many ids a query may have.
const MAX_IDS: usize = 1000;

/// What one query of a search asks of a session.
pub(super) enum Criterion {
    Ids(BTreeSet<SessionId>),
    User(SubjectId),
    Creator(CreatorId),
    Agent(String),
    Created(TimestampQueryMethod, Timestamp),
    Ends(TimestampQueryMethod, Timestamp),
    /// What no session can have.
    Nobody,
}

impl Criterion {
    /// The one thing that a query asks.
    pub(super) fn of(query: SearchQuery, caller: &Caller) -> Result<Self, ApiError> {
        let SearchQuery {
            ids_query,
            user_id_query,
            creation_date_query,
            creator_query,
            user_agent_query,
            expiration_date_query,
        } = query;
        let invalid = || INVALID_QUERY.error();
        let mut asked = Vec::new();
        if let Some(query) = ids_query {
            let ids = query.ids.unwrap_or_default();
            asked.push(match ids.len() <= MAX_IDS {
                true => Ok(Self::Ids(ids.iter().filter_map(|id| id.parse().ok()).collect())),
                false => Err(invalid()),
            });
        }
        if let Some(query) = user_id_query {
            let id = query.id.filter(|id| !id.is_empty()).ok_or_else(invalid);
            asked.push(id.map(|id| named(SubjectId::new(id), Self::User)));
        }
        if let Some(query) = creation_date_query {
            let at = query.creation_date.ok_or_else(invalid);
            asked.push(at.map(|at| Self::Created(query.method.unwrap_or_default(), at)));
        }
        if let Some(query) = creator_query {
            asked.push(match query.id {
                None => Ok(Self::Creator(caller.creator.clone())),
                Some(id) if id.is_empty() => Err(NAMELESS_QUERY.error()),
                Some(id) => Ok(named(CreatorId::new(id), Self::Creator)),
            });
        }
        if let Some(query) = user_agent_query {
            let own = caller.own_fingerprint().map(str::to_owned);
            asked.push(match query.fingerprint_id.or(own) {
                None => Err(NAMELESS_QUERY.error()),
                Some(id) if id.is_empty() => Err(NAMELESS_QUERY.error()),
                Some(id) => {
                    Ok(named(check_text(InputField::Fingerprint, &id).map(|()| id), Self::Agent))
                }
            });
        }
        if let Some(query) = expiration_date_query {
            let at = query.expiration_date.ok_or_else(invalid);
            asked.push(at.map(|at| Self::Ends(query.method.unwrap_or_default(), at)));
        }
        match (asked.pop(), asked.is_empty()) {
            (Some(one), true) => one,
            _ => Err(invalid()),
        }
    }

    /// The index that has all that it asks for.
    pub(super) fn index(&self) -> Option<Select> {
        match self {
            Self::Ids(ids) => Some(Select::Ids(ids.iter().copied().collect())),
            Self::User(user) => Some(Select::Subject(user.clone())),
            Self::Creator(creator) => Some(Select::Creator(creator.clone())),
            Self::Agent(fingerprint) => Some(Select::Fingerprint(fingerprint.clone())),
            Self::Created(..) | Self::Ends(..) | Self::Nobody => None,
        }
    }

    /// The same list, with no more of what it does not ask for than can be helped.
    pub(super) fn narrow(&self, query: SessionQuery) -> SessionQuery {
        use TimestampQueryMethod as Method;
        let Self::Created(method, at) = self else { return query };
        let next = Timestamp::from_millis(at.as_millis().saturating_add(1));
        match method {
            Method::Equals => query.created_from(*at).created_before(next),
            Method::Greater => query.created_from(next),
            Method::GreaterOrEquals => query.created_from(*at),
            Method::Less => query.created_before(*at),
            Method::LessOrEquals => query.created_before(next),
        }
    }

    pub(super) fn admits(&self, view: &SessionView) -> bool {
        match self {
            Self::Ids(ids) => ids.contains(&view.id()),
            Self::User(user) => view.subject() == Some(user),
            Self::Creator(creator) => view.session().and_then(Session::creator) == Some(creator),
            Self::Agent(fingerprint) => {
                view.client().and_then(ClientInfo::fingerprint) == Some(fingerprint)
            }
            Self::Created(method, at) => method.holds(view.created_at(), *at),
            // What has no end ends after every date, and at none.
            Self::Ends(method, at) => method.holds(view.ends_at().unwrap_or(Timestamp::MAX), *at),
            Self::Nobody => false,
        }
    }
}

/// A query for a name; one that nobody can have finds nothing.
fn named<T>(name: Result<T, InvalidInput>, of: impl Fn(T) -> Criterion) -> Criterion {
    name.map_or(Criterion::Nobody, of)
}

impl TimestampQueryMethod {
    fn holds(self, own: Timestamp, other: Timestamp) -> bool {
        match self {
            Self::Equals => own == other,
            Self::Greater => own > other,
            Self::GreaterOrEquals => own >= other,
            Self::Less => own < other,
            Self::LessOrEquals => own <= other,
        }
    }
}

impl Caller {
    /// The indexes that have every session that this caller may see.
    pub(super) fn indexes(&self) -> Vec<Select> {
        if self.reads_of_others() {
            return vec![Select::Tenant];
        }
        let mut own = vec![Select::Creator(self.creator.clone())];
        own.extend(self.own_user().cloned().map(Select::Subject));
        own.extend(
            self.own_fingerprint().map(|fingerprint| Select::Fingerprint(fingerprint.to_owned())),
        );
        own
    }
}
