//! What protobuf's JSON has that plain JSON has not.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::{Serialize, Serializer};

use crate::Timestamp;

/// What happened to an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Details {
    /// The session's version; a string in JSON, as protobuf writes 64 bits.
    #[serde(serialize_with = "uint64")]
    pub sequence: u64,
    /// When the change happened. RFC 3339 in JSON, in UTC, with milliseconds where they are not zero.
    #[serde(serialize_with = "date_time")]
    pub change_date: Timestamp,
    /// The organisation that owns the session: the directory's word, or else the caller's.
    pub resource_owner: String,
}

/// Bytes as protobuf's JSON takes them: either alphabet, with or without padding.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let alphabet = match text.contains(['-', '_']) {
        true => &alphabet::URL_SAFE,
        false => &alphabet::STANDARD,
    };
    GeneralPurpose::new(alphabet, LENIENT).decode(text).ok()
}

fn uint64<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

/// Protobuf's form of an instant: a fraction of three digits, or none.
fn date_time<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    let whole = Timestamp::from_secs(at.as_secs()).to_string();
    match (at.as_millis().rem_euclid(1000), whole.strip_suffix('Z')) {
        (1.., Some(date)) => {
            serializer.collect_str(&format_args!("{date}.{:03}Z", at.as_millis().rem_euclid(1000)))
        }
        _ => serializer.serialize_str(&whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_in_either_alphabet_and_with_or_without_padding() {
        assert_eq!(bytes("aGVsbG8="), Some(b"hello".to_vec()));
        assert_eq!(bytes("aGVsbG8"), Some(b"hello".to_vec()));
        assert_eq!(bytes("-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(bytes("+/8="), Some(vec![0xfb, 0xff]));
        assert_eq!(bytes(""), Some(Vec::new()));
        assert!(bytes("a b").is_none() && bytes("+_8").is_none() && bytes("a").is_none());
    }

    #[test]
    fn details_are_written_as_protobuf_writes_them() {
        let details = |millis| {
            let change_date = Timestamp::from_millis(millis);
            let details = Details { sequence: u64::MAX, change_date, resource_owner: "acme".to_owned() };
            serde_json::to_string(&details).unwrap()
        };
        assert_eq!(
            details(1_749_743_895_070),
            r#"{"sequence":"18446744073709551615","changeDate":"2025-06-12T15:58:15.070Z","resourceOwner":"acme"}"#
        );
        assert!(details(1_749_743_895_000).contains(r#""2025-06-12T15:58:15Z""#));
    }
}
