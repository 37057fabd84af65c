//! What protobuf's JSON has that plain JSON has not (its "ProtoJSON Format").
//!
//! Numbers of 64 bits are strings, and read as numbers too; enums are read by name and by number;
//! bytes are base64 of either alphabet; `null` is as good as absent. Field names are read in
//! camelCase and in snake_case, by an alias at each.

use std::{fmt, marker::PhantomData};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use serde::{
    Deserialize, Deserializer, Serializer,
    de::{Error as _, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::Number;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::Timestamp;

/// Bytes as protobuf's JSON takes them: either alphabet, with or without padding.
pub(in crate::compat::zitadel) fn bytes(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let alphabet = match text.contains(['-', '_']) {
        true => &alphabet::URL_SAFE,
        false => &alphabet::STANDARD,
    };
    GeneralPurpose::new(alphabet, LENIENT).decode(text).ok()
}

/// Bytes as protobuf's JSON writes them: the standard alphabet, padded.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(super) fn uint64<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

/// For fields of 64 bits, unsigned: digits, as a string or a number.
pub(super) fn read_uint64<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    let Some(scalar) = Option::<Scalar>::deserialize(deserializer)? else { return Ok(None) };
    scalar.whole().map(Some).ok_or_else(|| D::Error::custom("not a whole number of 64 bits"))
}

/// For fields of 32 bits, unsigned: digits, as a number or a string.
pub(super) fn read_uint32<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u32>, D::Error> {
    let number = read_uint64(deserializer)?.map(u32::try_from).transpose();
    number.map_err(|_| D::Error::custom("not a whole number of 32 bits"))
}

/// Protobuf's form of an instant: a fraction of three digits, or none.
pub(super) fn date_time<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    let whole = Timestamp::from_secs(at.as_secs()).to_string();
    match (at.as_millis().rem_euclid(1000), whole.strip_suffix('Z')) {
        (1.., Some(date)) => {
            serializer.collect_str(&format_args!("{date}.{:03}Z", at.as_millis().rem_euclid(1000)))
        }
        _ => serializer.serialize_str(&whole),
    }
}

/// As [`date_time`], for what may be absent.
pub(super) fn some_date_time<S: Serializer>(
    at: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => date_time(at, serializer),
        None => serializer.serialize_none(),
    }
}

/// For fields that hold an instant: RFC 3339, at any offset, at most nine decimals; years 1 to 9999
/// in UTC. What is below the millisecond is dropped.
pub(super) fn read_date_time<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    instant(&text).map(Some).ok_or_else(|| D::Error::custom("not an instant of RFC 3339"))
}

fn instant(text: &str) -> Option<Timestamp> {
    const RANGE: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
    // Protobuf has capital letters, no leap seconds and nine decimals; the parser is more generous.
    let (date, time) = text.split_at_checked(10)?;
    let has_forms = time.starts_with('T') && !date.contains('t') && !time.contains('z');
    let fraction = time.split_once('.').map_or("", |(_, rest)| rest);
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    if !has_forms || digits > 9 || time.get(7..9) == Some("60") {
        return None;
    }
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    RANGE.contains(&at.unix_timestamp()).then(|| Timestamp::from(at))
}

/// For fields that hold a message: an object or `null`, and never a list of what stands in one.
pub(super) fn message<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(Option::<Message<T>>::deserialize(deserializer)?.map(|message| message.0))
}

/// For fields that hold several messages: as [`message`], each.
pub(super) fn messages<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    let messages = Option::<Vec<Message<T>>>::deserialize(deserializer)?;
    Ok(messages.map(|messages| messages.into_iter().map(|message| message.0).collect()))
}

/// What only an object is read as.
pub(in crate::compat::zitadel) struct Message<T>(pub(in crate::compat::zitadel) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Message<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
            type Value = Message<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Message<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Message)
            }
        }

        deserializer.deserialize_map(Object(PhantomData))
    }
}

/// A number, or a string that stands for one or for a name.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Scalar {
    Number(Number),
    Text(String),
}

impl Scalar {
    /// It, as a whole number: `7`, `"7"`, `7.0`, `7e0`.
    pub(super) fn whole(&self) -> Option<u64> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let number = match self {
            Self::Number(number) => number.clone(),
            Self::Text(text) if text.contains(|c: char| c.is_whitespace()) => return None,
            Self::Text(text) => serde_json::from_str(text).ok()?,
        };
        number.as_u64().or_else(|| {
            let whole = number.as_f64().filter(|number| number.fract() == 0.0);
            format!("{:.0}", whole.filter(|number| (0.0..=EXACT).contains(number))?.abs())
                .parse()
                .ok()
        })
    }
}

/// An enum of protobuf's: read by name and by number.
macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $number:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$about])* #[doc = concat!("\n\n`", $text, "`, ", $number, ".")] $variant,)*
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                use $crate::compat::zitadel::wire::proto::Scalar;
                match Scalar::deserialize(deserializer)? {
                    $(Scalar::Text(name) if name == $text => Ok(Self::$variant),)*
                    Scalar::Text(_) => Err(serde::de::Error::custom("no name of this enum")),
                    number => match number.whole() {
                        $(Some($number) => Ok(Self::$variant),)*
                        _ => Err(serde::de::Error::custom("no number of this enum")),
                    },
                }
            }
        }
    };
}
pub(super) use numbered;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn bytes_come_in_either_alphabet_and_with_or_without_padding() {
        assert_eq!(bytes("aGVsbG8="), Some(b"hello".to_vec()));
        assert_eq!(bytes("aGVsbG8"), Some(b"hello".to_vec()));
        assert_eq!(bytes("-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(bytes("+/8="), Some(vec![0xfb, 0xff]));
        assert_eq!(bytes(""), Some(Vec::new()));
        assert!(bytes("a b").is_none() && bytes("+_8").is_none() && bytes("a").is_none());
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }

    #[test]
    fn a_number_of_64_bits_is_a_string_or_a_number_and_never_a_guess() {
        let read = |value: Value| read_uint64(value).ok();
        for (given, wanted) in [
            (json!(7), 7),
            (json!("7"), 7),
            (json!(7.0), 7),
            (json!("7e2"), 700),
            (json!(0), 0),
            (json!(-0.0), 0),
            (json!(u64::MAX), u64::MAX),
            (json!("18446744073709551615"), u64::MAX),
        ] {
            assert_eq!(read(given.clone()), Some(Some(wanted)), "{given}");
        }
        assert_eq!(read(json!(null)), Some(None), "null is as good as absent");
        for bad in [
            json!(-1),
            json!("-1"),
            json!(1.5),
            json!("18446744073709551616"),
            json!(1e17),
            json!(" 7"),
            json!("7\n"),
            json!("+7"),
            json!("07"),
            json!("0x7"),
            json!(""),
            json!(true),
            json!([7]),
            json!({}),
        ] {
            assert_eq!(read(bad.clone()), None, "{bad}");
        }
        assert_eq!(read_uint32(json!("4294967295")).unwrap(), Some(u32::MAX));
        let larger = read_uint32(json!(4_294_967_296_u64)).unwrap_err();
        assert_eq!(larger.to_string(), "not a whole number of 32 bits");
    }

    #[test]
    fn an_instant_is_read_at_any_offset_and_cut_to_the_millisecond() {
        for (text, millis) in [
            ("2025-06-12T15:58:15Z", 1_749_743_895_000),
            ("2025-06-12T17:58:15+02:00", 1_749_743_895_000),
            ("2025-06-12T10:28:15.07-05:30", 1_749_743_895_070),
            ("2025-06-12T15:58:15.070999999Z", 1_749_743_895_070),
            ("1969-12-31T23:59:59.999Z", -1),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000),
            ("9999-12-31T23:59:59.999999999Z", 253_402_300_799_999),
        ] {
            assert_eq!(instant(text), Some(Timestamp::from_millis(millis)), "{text}");
        }
        for bad in [
            "",
            "now",
            "1749743895",
            "2025-06-12",
            "2025-06-12T15:58:15",
            "2025-06-12 15:58:15Z",
            "2025-06-12t15:58:15Z",
            "2025-06-12T15:58:15z",
            "2025-06-12T15:58:60Z",
            "2025-06-31T15:58:15Z",
            "2025-06-12T15:58:15.0123456789Z",
            "0000-12-31T23:59:59Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "2025-06-12T15:58:15Z ",
            "２０２５-06-12T15:58:15Z",
        ] {
            assert_eq!(instant(bad), None, "{bad}");
        }
    }

    #[test]
    #[allow(unreachable_pub, reason = "the enums of requests are public")]
    fn an_enum_is_read_by_name_and_by_number() {
        numbered! {
            /// For this test.
            Size {
                /// Small.
                #[default]
                Small = 0, "SIZE_SMALL";
                /// Large.
                Large = 1, "SIZE_LARGE";
            }
        }
        let read = |value: Value| serde_json::from_value::<Size>(value).ok();
        assert_eq!(read(json!("SIZE_LARGE")), Some(Size::Large));
        assert_eq!(read(json!(1)), Some(Size::Large));
        assert_eq!(read(json!(0)), Some(Size::Small));
        for bad in [
            json!(2),
            json!(-1),
            json!("1"),
            json!("size_large"),
            json!("LARGE"),
            json!(""),
            json!(true),
        ] {
            assert_eq!(read(bad.clone()), None, "{bad}");
        }
    }
}
