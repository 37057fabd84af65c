//! A field of a request, which may be of a JSON type that its system does not take.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::secret::Secret;

/// A field of a request, as it was sent.
///
/// A value of a wrong JSON type does not keep a request from being read: the handler refuses it, in
/// its system's words. `Debug` shows no value.
///
/// # Examples
/// ```
/// use session_issuer::compat::{Field, JsonType, hanko};
///
/// let request: hanko::CreateSession = serde_json::from_str(r#"{"user_id": 7}"#)?;
/// assert_eq!(request.user_id, Field::Mistyped(JsonType::Number));
/// assert_eq!(request.ip_address, Field::Absent);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Field<T> {
    /// It was not sent.
    #[default]
    Absent,
    /// Its value.
    Given(T),
    /// A value of this other type. `null` is one: whether it counts as absent is the system's to
    /// say.
    Mistyped(JsonType),
}

/// A type of JSON (RFC 8259 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JsonType {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A text.
    String,
    /// A list.
    Array,
    /// Members with names.
    Object,
}

impl<T> Field<T> {
    /// The value, where there is one.
    pub fn given(&self) -> Option<&T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Mistyped(_) => None,
        }
    }

    /// This field, or where it was not sent that one.
    #[cfg(any(feature = "tmdb", feature = "zelf"))]
    pub(super) fn or(self, other: Self) -> Self {
        if matches!(self, Self::Absent) { other } else { self }
    }

    /// The value, or the wrong type. `null` is one.
    pub(super) fn strict(&self) -> Result<Option<&T>, JsonType> {
        match self {
            Self::Absent => Ok(None),
            Self::Given(value) => Ok(Some(value)),
            Self::Mistyped(other) => Err(*other),
        }
    }

    /// The value, or the wrong type. `null` counts as absent.
    #[cfg(any(feature = "hanko", feature = "tmdb", feature = "zelf"))]
    pub(super) fn nullable(&self) -> Result<Option<&T>, JsonType> {
        match self {
            Self::Mistyped(JsonType::Null) => Ok(None),
            field => field.strict(),
        }
    }
}

impl<T> From<T> for Field<T> {
    fn from(value: T) -> Self {
        Self::Given(value)
    }
}

impl<T> From<Option<T>> for Field<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Self::Given)
    }
}

impl From<&str> for Field<String> {
    fn from(text: &str) -> Self {
        Self::Given(text.to_owned())
    }
}

impl From<&str> for Field<Secret> {
    fn from(text: &str) -> Self {
        Self::Given(text.into())
    }
}

impl<T> fmt::Debug for Field<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("Absent"),
            Self::Given(_) => f.write_str("Given(..)"),
            Self::Mistyped(other) => f.debug_tuple("Mistyped").field(other).finish(),
        }
    }
}

impl<'de> Deserialize<'de> for Field<String> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Sent { text: Self::Given, boolean: mistyped })
    }
}

impl<'de> Deserialize<'de> for Field<Secret> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(Sent { text: |text| Self::Given(text.into()), boolean: mistyped })
    }
}

impl<'de> Deserialize<'de> for Field<bool> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Sent {
            text: |_| Self::Mistyped(JsonType::String),
            boolean: Self::Given,
        })
    }
}

/// As JavaScript reads a number: `1e400` is infinite. From JSON alone.
impl<'de> Deserialize<'de> for Field<f64> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(match raw.get().as_bytes().first() {
            Some(b'n') => Self::Mistyped(JsonType::Null),
            Some(b't' | b'f') => Self::Mistyped(JsonType::Boolean),
            Some(b'"') => Self::Mistyped(JsonType::String),
            Some(b'[') => Self::Mistyped(JsonType::Array),
            Some(b'{') => Self::Mistyped(JsonType::Object),
            _ => Self::Given(raw.get().parse().map_err(D::Error::custom)?),
        })
    }
}

/// Reads a request from an object alone: what serde derives takes an array too, by the order of its
/// fields. As in JavaScript and Go, of a name that comes twice the last counts.
macro_rules! from_object {
    ($name:ident { $($field:ident: $key:expr),* }) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Members;

                impl<'de> serde::de::Visitor<'de> for Members {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut members: A) -> Result<$name, A::Error> {
                        let mut request = $name::default();
                        while let Some(key) = members.next_key::<String>()? {
                            match key.as_str() {
                                $(name if name == $key => request.$field = members.next_value()?,)*
                                _ => drop(members.next_value::<serde::de::IgnoredAny>()?),
                            }
                        }
                        Ok(request)
                    }
                }

                deserializer.deserialize_map(Members)
            }
        }
    };
}
pub(super) use from_object;

fn mistyped<T>(_: bool) -> Field<T> {
    Field::Mistyped(JsonType::Boolean)
}

/// Takes any value for what it is.
struct Sent<T> {
    text: fn(String) -> Field<T>,
    boolean: fn(bool) -> Field<T>,
}

impl<'de, T> Visitor<'de> for Sent<T> {
    type Value = Field<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Field<T>, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Field<T>, E> {
        Ok((self.text)(text))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Field<T>, E> {
        Ok((self.boolean)(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Field<T>, E> {
        Ok(Field::Mistyped(JsonType::Null))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Field<T>, E> {
        Ok(Field::Mistyped(JsonType::Number))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Field<T>, E> {
        Ok(Field::Mistyped(JsonType::Number))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Field<T>, E> {
        Ok(Field::Mistyped(JsonType::Number))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Field<T>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Mistyped(JsonType::Array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Field<T>, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Mistyped(JsonType::Object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::error::Category;

    use super::*;

    /// The field, which is the same out of text and out of a value of `serde_json`.
    fn read<T>(json: &str) -> Field<T>
    where
        Field<T>: for<'de> Deserialize<'de>,
    {
        let read: Field<T> = serde_json::from_str(json).unwrap();
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        let same: Field<T> = serde_json::from_value(value).unwrap();
        assert_eq!(format!("{read:?}"), format!("{same:?}"));
        read
    }

    #[test]
    fn every_type_of_json_is_taken_for_what_it_is() {
        use JsonType::{Array, Boolean, Null, Number, Object, String as Text};
        for (json, is) in [
            ("null", Null),
            ("true", Boolean),
            ("-7", Number),
            ("18446744073709551615", Number),
            ("0.5", Number),
            (r#""a\u00e4""#, Text),
            (r#"[[{"a": [1]}], "x"]"#, Array),
            (r#"{"a": {"b": [null]}}"#, Object),
        ] {
            let (text, boolean, number) =
                (read::<String>(json), read::<bool>(json), read::<f64>(json));
            assert_eq!(text.strict().err(), (is != Text).then_some(is), "{json}");
            assert_eq!(boolean.strict().err(), (is != Boolean).then_some(is), "{json}");
            assert_eq!(number.strict().err(), (is != Number).then_some(is), "{json}");
            assert_eq!(read::<Secret>(json).strict().err(), (is != Text).then_some(is), "{json}");
        }
        assert_eq!(read::<String>(r#""a\u00e4""#), Field::Given("aä".to_owned()));
        assert_eq!(read::<Secret>(r#""s""#).given().unwrap().expose(), "s");
        assert_eq!(read::<bool>("false"), Field::Given(false));
        let cut = serde_json::from_str::<Field<String>>("[1").unwrap_err();
        assert_eq!(cut.classify(), Category::Eof);
        let junk = serde_json::from_str::<Field<f64>>("x").unwrap_err();
        assert_eq!(junk.classify(), Category::Syntax);
    }

    #[test]
    fn a_number_is_read_as_javascript_reads_it() {
        for (json, value) in
            [("1e3", 1000.0), ("1000.0", 1000.0), ("-0", -0.0), ("99999999999999999999", 1e20)]
        {
            assert_eq!(read::<f64>(json), Field::Given(value), "{json}");
        }
        // No value of `serde_json` is infinite.
        for (json, value) in [("1e400", f64::INFINITY), ("-1e400", f64::NEG_INFINITY)] {
            let error = serde_json::from_str::<serde_json::Value>(json).unwrap_err();
            assert!(error.to_string().starts_with("number out of range"), "{json}: {error}");
            assert_eq!(serde_json::from_str::<Field<f64>>(json).unwrap(), Field::Given(value));
        }
    }

    #[test]
    fn a_request_is_an_object_and_of_a_name_that_comes_twice_the_last_counts() {
        use crate::compat::stack_auth::{CreateSession, ListSessions};
        for other in ["[]", r#"["a"]"#, "null", "7", r#""a""#] {
            let error = serde_json::from_str::<CreateSession>(other).unwrap_err();
            assert_eq!(error.classify(), Category::Data, "{other}");
        }
        let twice = r#"{"user_id": 7, "x": [1e400], "user_id": "b", "expires_in_millis": 1}"#;
        let request: CreateSession = serde_json::from_str(twice).unwrap();
        assert_eq!((request.user_id, request.expires_in_millis), ("b".into(), 1.0.into()));
        // As a query is read.
        let pairs = [("x", "1"), ("user_id", "a")].into_iter();
        let query = serde::de::value::MapDeserializer::<_, serde::de::value::Error>::new(pairs);
        assert_eq!(ListSessions::deserialize(query).unwrap().user_id, "a".into());
    }

    #[test]
    fn null_is_absent_where_the_system_says_so_and_debug_shows_no_value() {
        let null = Field::<String>::Mistyped(JsonType::Null);
        assert_eq!((null.nullable(), null.strict()), (Ok(None), Err(JsonType::Null)));
        assert_eq!(Field::from(Some(1)).or(Field::Given(2)), Field::Given(1));
        assert_eq!(Field::from(None).or(Field::Given(2)), Field::Given(2));
        assert_eq!(null.clone().or(Field::Given("x".to_owned())), null);
        assert_eq!(
            format!("{:?} {:?} {null:?}", Field::Given("hidden"), Field::<u8>::Absent),
            "Given(..) Absent Mistyped(Null)"
        );
    }
}
