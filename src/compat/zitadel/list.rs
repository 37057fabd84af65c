//! `POST /v2alpha/sessions/search`: sessions, for whoever may see them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    ApiError, Caller, Service, Session,
    error::{bare, told, unanswered},
    find::{Wanted, invalid, wanted},
    proto::{date_time, message, messages, numbered, read_date_time, read_uint32, read_uint64, uint64},
};
use crate::{SessionQuery, Timestamp, compat::redacted, issuer::SessionView, store::Select};

/// How many sessions a page has where the request does not say.
const PAGE: u32 = 100;
/// How many a page has at most (ZITADEL's own bound).
const MAX_PAGE: u32 = 1000;
/// How many queries one call may have.
const MAX_QUERIES: usize = 100;
/// How many sessions one call reads at most. Each store page has a thousand.
const MAX_READ: usize = 10_000;

impl Service {
    /// `POST /v2alpha/sessions/search`: sessions that meet every query, by their creation, the newest first unless asked
    /// otherwise. Status 200.
    ///
    /// Shown are those that the caller may [get](super::Service::get_session) without a token; expired ones too, until they are deleted
    /// or swept. One call reads at most 10,000 sessions of the narrowest index that the queries name.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` (400) for a query that is none or several of the kinds, names nobody by an empty string, has no
    /// date, or has more than 1000 ids; for more than 100 queries, a limit above 1000, and an offset and limit beyond 10,000 together;
    /// `RESOURCE_EXHAUSTED` (429) when 10,000 sessions were read and the page is not full: narrow the query; `UNAVAILABLE`
    /// (503) when a part did not answer.
    pub async fn list_sessions(
        &self,
        caller: &Caller,
        request: ListSessions,
    ) -> Result<ListSessionsResponse, ApiError> {
        let ListQuery { offset, limit, asc } = request.query.unwrap_or_default();
        let page = page(offset.unwrap_or(0), limit.unwrap_or(0))?;
        let queries = request.queries.unwrap_or_default();
        if queries.len() > MAX_QUERIES {
            return Err(invalid());
        }
        let all = queries.into_iter().map(|query| wanted(query, caller)).collect::<Result<Vec<_>, _>>()?;
        let asc = asc.unwrap_or(false);
        let found = self.search(caller, &all, asc, &page).await?;
        let mut names = BTreeMap::new();
        let mut sessions = Vec::new();
        for view in found.iter().skip(page.start).take(page.len()) {
            if let Some(user) = view.subject().filter(|user| !names.contains_key(*user)) {
                names.insert(user.clone(), self.names(user).await?);
            }
            let names = view.subject().and_then(|user| names.get(user)).cloned().unwrap_or_default();
            sessions.push(Session::of(view, names));
        }
        let total_result = u64::try_from(found.len()).unwrap_or(u64::MAX);
        let details = ListDetails { total_result, timestamp: self.issuer.now() };
        Ok(ListSessionsResponse { details, sessions })
    }
}

/// The places of a page.
fn page(offset: u64, limit: u32) -> Result<std::ops::Range<usize>, ApiError> {
    let exceeded = || told(3, 400, "QUERY-4M0fs", "Errors.Query.LimitExceeded");
    let limit = if limit == 0 { PAGE } else { limit };
    let start = usize::try_from(offset).map_err(|_| exceeded())?;
    let end = usize::try_from(limit).ok().and_then(|limit| start.checked_add(limit)).ok_or_else(exceeded)?;
    match limit <= MAX_PAGE && end <= MAX_READ {
        true => Ok(start..end),
        false => Err(exceeded()),
    }
}

impl Service {
    /// What meets every query and may be seen, in order: all of it, or as much as fills the page.
    async fn search(
        &self,
        caller: &Caller,
        all: &[Wanted],
        asc: bool,
        page: &std::ops::Range<usize>,
    ) -> Result<Vec<SessionView>, ApiError> {
        let indexes = indexes(all, caller);
        let (mut read, mut is_whole) = (0, true);
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for select in &indexes {
            let mut query =
                SessionQuery::select(select.clone()).dead_too().impersonations_too().limit(MAX_PAGE);
            query = all.iter().fold(query, |query, wanted| wanted.narrow(query));
            if asc {
                query = query.oldest_first();
            }
            loop {
                let batch = self.issuer.list(query.clone()).await;
                let batch = batch.map_err(unanswered)?;
                read += batch.sessions().len();
                found.extend(
                    batch
                        .sessions()
                        .iter()
                        .filter(|view| self.is_there(view) && caller.may_see(view))
                        .filter(|view| all.iter().all(|wanted| wanted.admits(view)))
                        .filter(|view| seen.insert(view.id()))
                        .cloned(),
                );
                match batch.next() {
                    None => break,
                    Some(_) if read >= MAX_READ => {
                        is_whole = false;
                        break;
                    }
                    Some(next) => query = query.after(next),
                }
            }
        }
        if !is_whole && (indexes.len() > 1 || found.len() < page.end) {
            let text = "More sessions meet these queries than one call reads: narrow them.";
            return Err(bare(429, 8, text));
        }
        found.sort_by_key(SessionView::page_key);
        if !asc {
            found.reverse();
        }
        Ok(found)
    }
}

/// The indexes that have everything that is wanted: the narrowest that a query names, or else what the caller may see.
fn indexes(all: &[Wanted], caller: &Caller) -> Vec<Select> {
    if all.iter().any(|wanted| matches!(wanted, Wanted::Nobody)) {
        return Vec::new();
    }
    let mut named: Vec<_> = all.iter().filter_map(Wanted::index).collect();
    named.sort_by_key(|select| match select {
        Select::Ids(_) => 0,
        Select::Subject(_) => 1,
        Select::Fingerprint(_) => 2,
        _ => 3,
    });
    match named.into_iter().next() {
        Some(select) => vec![select],
        None => caller.indexes(),
    }
}

/// The body of `POST /v2alpha/sessions/search`.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ListSessions {
    /// Which page, and in which order.
    #[serde(default, deserialize_with = "message")]
    pub query: Option<ListQuery>,
    /// What must hold of each session: all of it.
    #[serde(default, deserialize_with = "messages")]
    pub queries: Option<Vec<SearchQuery>>,
    /// By what they are sorted: by their creation, whatever is said.
    #[serde(alias = "sorting_column")]
    pub sorting_column: Option<SessionFieldName>,
}

/// Which page of a list, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[non_exhaustive]
pub struct ListQuery {
    /// How many to leave out: none unless said.
    #[serde(default, deserialize_with = "read_uint64")]
    pub offset: Option<u64>,
    /// How many at most: 1 to 1000; 100 where it is absent or zero.
    #[serde(default, deserialize_with = "read_uint32")]
    pub limit: Option<u32>,
    /// The oldest first.
    pub asc: Option<bool>,
}

/// One thing that must hold of a session: exactly one member is there.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SearchQuery {
    /// It is one of these.
    #[serde(default, deserialize_with = "message", alias = "ids_query")]
    pub ids_query: Option<IdsQuery>,
    /// It is about this user.
    #[serde(default, deserialize_with = "message", alias = "user_id_query")]
    pub user_id_query: Option<UserIdQuery>,
    /// It was created then.
    #[serde(default, deserialize_with = "message", alias = "creation_date_query")]
    pub creation_date_query: Option<CreationDateQuery>,
    /// This caller made it.
    #[serde(default, deserialize_with = "message", alias = "creator_query")]
    pub creator_query: Option<CreatorQuery>,
    /// It was made in this user agent.
    #[serde(default, deserialize_with = "message", alias = "user_agent_query")]
    pub user_agent_query: Option<UserAgentQuery>,
    /// It ends then.
    #[serde(default, deserialize_with = "message", alias = "expiration_date_query")]
    pub expiration_date_query: Option<ExpirationDateQuery>,
}

/// Sessions by id.
#[derive(Clone, Default, Deserialize)]
#[non_exhaustive]
pub struct IdsQuery {
    /// At most 1000; those that are nobody's find nothing.
    pub ids: Option<Vec<String>>,
}

/// Sessions of a user.
#[derive(Clone, Default, Deserialize)]
#[non_exhaustive]
pub struct UserIdQuery {
    /// The user's id. Required.
    pub id: Option<String>,
}

/// Sessions by creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreationDateQuery {
    /// Compared with. RFC 3339; what is below the millisecond is dropped. Required.
    #[serde(default, alias = "creation_date", deserialize_with = "read_date_time")]
    pub creation_date: Option<Timestamp>,
    /// How. Equals unless said.
    pub method: Option<TimestampQueryMethod>,
}

/// Sessions of a creator.
#[derive(Clone, Default, Deserialize)]
#[non_exhaustive]
pub struct CreatorQuery {
    /// Whose; the caller's where it is absent, and never empty.
    pub id: Option<String>,
}

/// Sessions of a user agent.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UserAgentQuery {
    /// Its fingerprint; the caller's own where it is absent, and never empty.
    #[serde(alias = "fingerprint_id")]
    pub fingerprint_id: Option<String>,
}

/// Sessions by their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ExpirationDateQuery {
    /// Compared with. RFC 3339; what is below the millisecond is dropped. Required.
    #[serde(default, alias = "expiration_date", deserialize_with = "read_date_time")]
    pub expiration_date: Option<Timestamp>,
    /// How. Equals unless said. A session without an end is greater than every date.
    pub method: Option<TimestampQueryMethod>,
}

redacted!(ListSessions, SearchQuery, IdsQuery, UserIdQuery, CreatorQuery, UserAgentQuery);

numbered! {
    /// How a date of a session compares with the one in a query.
    TimestampQueryMethod {
        /// It is the same.
        #[default]
        Equals = 0, "TIMESTAMP_QUERY_METHOD_EQUALS";
        /// It is later.
        Greater = 1, "TIMESTAMP_QUERY_METHOD_GREATER";
        /// It is the same or later.
        GreaterOrEquals = 2, "TIMESTAMP_QUERY_METHOD_GREATER_OR_EQUALS";
        /// It is earlier.
        Less = 3, "TIMESTAMP_QUERY_METHOD_LESS";
        /// It is the same or earlier.
        LessOrEquals = 4, "TIMESTAMP_QUERY_METHOD_LESS_OR_EQUALS";
    }
}

numbered! {
    /// By what a list is sorted.
    SessionFieldName {
        /// By their creation.
        #[default]
        Unspecified = 0, "SESSION_FIELD_NAME_UNSPECIFIED";
        /// By their creation.
        CreationDate = 1, "SESSION_FIELD_NAME_CREATION_DATE";
    }
}

/// The answer to `POST /v2alpha/sessions/search`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ListSessionsResponse {
    /// How many there are, and as of when.
    pub details: ListDetails,
    /// The sessions of this page, in order.
    pub sessions: Vec<Session>,
}

/// How many a list has, and as of when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ListDetails {
    /// How many sessions meet the queries **and may be seen by the caller**, on all pages; a string in JSON. Where there
    /// are more than one call reads, those that it has read.
    #[serde(serialize_with = "uint64")]
    pub total_result: u64,
    /// As of when.
    #[serde(serialize_with = "date_time")]
    pub timestamp: Timestamp,
}
