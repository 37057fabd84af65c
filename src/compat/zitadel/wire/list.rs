//! `POST /v2alpha/sessions/search`: its body and its answer.

use serde::{Deserialize, Serialize};

use super::{
    proto::{
        date_time, message, messages, numbered, read_date_time, read_uint32, read_uint64, uint64,
    },
    session::Session,
};
use crate::{Timestamp, compat::redacted};

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
    /// How many sessions meet the queries **and may be seen by the caller**, on all pages; a string
    /// in JSON. Where there are more than one call reads, those that it has read.
    #[serde(serialize_with = "uint64")]
    pub total_result: u64,
    /// As of when.
    #[serde(serialize_with = "date_time")]
    pub timestamp: Timestamp,
}
