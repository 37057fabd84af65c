//! What happened to a session, as the answers of most calls begin.

use serde::Serialize;

use super::proto::{date_time, uint64};
use crate::Timestamp;

/// What happened to an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Details {
    /// The session's version; a string in JSON, as protobuf writes 64 bits.
    #[serde(serialize_with = "uint64")]
    pub sequence: u64,
    /// When the change happened. RFC 3339 in JSON, in UTC, with milliseconds where they are not
    /// zero.
    #[serde(serialize_with = "date_time")]
    pub change_date: Timestamp,
    /// Who owns the session: see [`ResourceOwner`](crate::compat::zitadel::ResourceOwner).
    pub resource_owner: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_written_as_protobuf_writes_them() {
        let details = |millis| {
            let change_date = Timestamp::from_millis(millis);
            let details =
                Details { sequence: u64::MAX, change_date, resource_owner: "acme".to_owned() };
            serde_json::to_string(&details).unwrap()
        };
        assert_eq!(
            details(1_749_743_895_070),
            r#"{"sequence":"18446744073709551615","changeDate":"2025-06-12T15:58:15.070Z","resourceOwner":"acme"}"#
        );
        assert!(details(1_749_743_895_000).contains(r#""2025-06-12T15:58:15Z""#));
    }
}
