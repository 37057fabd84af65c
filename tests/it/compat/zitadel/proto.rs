//! Requests as clients of protobuf write them: both cases of names, numbers as strings, enums by
//! number, nulls.

use serde_json::{Value, error::Category, json};
use session_issuer::compat::zitadel::{
    CreationDateQuery, DeleteSession, ExpirationDateQuery, GetSession, ListSessions,
    SessionFieldName, Span, TimestampQueryMethod,
};

use crate::compat::create::body;

fn list(request: Value) -> Result<ListSessions, Category> {
    serde_json::from_value(request).map_err(|error| error.classify())
}

#[test]
fn a_search_is_read_alike_in_either_case_of_its_names() {
    let camel = json!({
        "query": { "offset": "7", "limit": 3, "asc": true },
        "queries": [
            { "idsQuery": { "ids": ["a"] } },
            { "userIdQuery": { "id": "u" } },
            { "creationDateQuery": { "creationDate": "2025-06-12T15:58:15.07Z", "method": "TIMESTAMP_QUERY_METHOD_LESS" } },
            { "creatorQuery": { "id": "c" } },
            { "userAgentQuery": { "fingerprintId": "f" } },
            { "expirationDateQuery": { "expirationDate": "2025-06-12T17:58:15.07+02:00", "method": 1 } },
        ],
        "sortingColumn": "SESSION_FIELD_NAME_CREATION_DATE",
    });
    let snake = json!({
        "query": { "offset": 7, "limit": "3", "asc": true },
        "queries": [
            { "ids_query": { "ids": ["a"] } },
            { "user_id_query": { "id": "u" } },
            { "creation_date_query": { "creation_date": "2025-06-12T15:58:15.070Z", "method": 3 } },
            { "creator_query": { "id": "c" } },
            { "user_agent_query": { "fingerprint_id": "f" } },
            { "expiration_date_query": { "expiration_date": "2025-06-12T15:58:15.07Z", "method": "TIMESTAMP_QUERY_METHOD_GREATER" } },
        ],
        "sorting_column": 1,
        "unknown": { "is": "ignored" },
    });
    for request in [camel, snake] {
        let read: ListSessions = body(request);
        let page = read.query.unwrap();
        assert_eq!((page.offset, page.limit, page.asc), (Some(7), Some(3), Some(true)));
        assert_eq!(read.sorting_column, Some(SessionFieldName::CreationDate));
        let queries = read.queries.unwrap();
        assert_eq!(
            queries[0].ids_query.as_ref().unwrap().ids.as_deref(),
            Some(&["a".to_owned()][..])
        );
        assert_eq!(queries[1].user_id_query.as_ref().unwrap().id.as_deref(), Some("u"));
        let CreationDateQuery { creation_date, method, .. } =
            queries[2].creation_date_query.unwrap();
        assert_eq!(creation_date.unwrap().as_millis(), 1_749_743_895_070);
        assert_eq!(method, Some(TimestampQueryMethod::Less));
        assert_eq!(queries[3].creator_query.as_ref().unwrap().id.as_deref(), Some("c"));
        assert_eq!(
            queries[4].user_agent_query.as_ref().unwrap().fingerprint_id.as_deref(),
            Some("f")
        );
        let ExpirationDateQuery { expiration_date, method, .. } =
            queries[5].expiration_date_query.unwrap();
        assert_eq!((expiration_date, method), (creation_date, Some(TimestampQueryMethod::Greater)));
    }
}

#[test]
fn null_is_as_good_as_absent() {
    let read: ListSessions = body(json!({ "query": null, "queries": null, "sortingColumn": null }));
    assert!(read.query.is_none() && read.queries.is_none() && read.sorting_column.is_none());
    let read: ListSessions = body(json!({
        "query": { "offset": null, "limit": null, "asc": null },
        "queries": [{ "idsQuery": { "ids": null }, "creationDateQuery": { "creationDate": null, "method": null } }],
    }));
    let page = read.query.unwrap();
    assert_eq!((page.offset, page.limit, page.asc), (None, None, None));
    let query = &read.queries.unwrap()[0];
    assert!(query.ids_query.as_ref().unwrap().ids.is_none());
    assert!(query.creation_date_query.unwrap().creation_date.is_none());
    let read: GetSession = body(json!({ "sessionId": null, "sessionToken": null }));
    assert!(read.session_id.is_none() && read.session_token.is_none());
    let read: DeleteSession = body(json!({}));
    assert!(read.session_id.is_none() && read.session_token.is_none());
}

#[test]
fn a_value_of_a_wrong_type_is_for_the_hosts_door_to_refuse() {
    list(json!({})).unwrap();
    for bad in [
        json!({ "query": { "offset": -1 } }),
        json!({ "query": { "offset": "one" } }),
        json!({ "query": { "limit": 4_294_967_296_u64 } }),
        json!({ "query": { "limit": 1.5 } }),
        json!({ "query": { "asc": "true" } }),
        json!({ "query": [] }),
        json!({ "query": [7, 3, true] }),
        json!({ "queries": {} }),
        json!({ "queries": [null] }),
        json!({ "queries": [[]] }),
        json!({ "queries": [[{ "ids": ["a"] }, null, null, null, null, null]] }),
        json!({ "queries": [{ "idsQuery": [["a"]] }] }),
        json!({ "queries": [{ "userIdQuery": ["a"] }] }),
        json!({ "queries": [{ "creationDateQuery": ["2025-06-12T15:58:15Z", 1] }] }),
        json!({ "queries": [{ "creatorQuery": ["a"] }] }),
        json!({ "queries": [{ "userAgentQuery": ["a"] }] }),
        json!({ "queries": [{ "expirationDateQuery": ["2025-06-12T15:58:15Z", 1] }] }),
        json!({ "queries": [{ "idsQuery": { "ids": [7] } }] }),
        json!({ "queries": [{ "idsQuery": { "ids": "a" } }] }),
        json!({ "queries": [{ "creationDateQuery": { "creationDate": 1_749_743_895 } }] }),
        json!({ "queries": [{ "creationDateQuery": { "creationDate": "yesterday" } }] }),
        json!({ "queries": [{ "creationDateQuery": { "method": 5 } }] }),
        json!({ "queries": [{ "creationDateQuery": { "method": "EQUALS" } }] }),
        json!({ "sortingColumn": 2 }),
        json!({ "sortingColumn": 1, "sorting_column": 1 }),
    ] {
        assert_eq!(list(bad.clone()).unwrap_err(), Category::Data, "{bad}");
    }
}

#[test]
fn a_lifetime_is_written_as_it_is_read() {
    for text in ["600s", "0.001s", "-3s", "315576000000s"] {
        let span: Span = serde_json::from_value(json!(text)).unwrap();
        assert_eq!(serde_json::to_value(span).unwrap(), json!(text));
    }
}
