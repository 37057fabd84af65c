//! Spans of time, as protobuf's JSON writes them.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::error::{InputField, InvalidInput, Problem};

/// A span of time that may be negative: at most 315,576,000,000 seconds either way, to the
/// nanosecond.
///
/// In JSON, decimal seconds with an `s` behind: `600s`, `1.5s`, `-3s`; at most nine decimals.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use session_issuer::compat::zitadel::Span;
///
/// let span: Span = "1.5s".parse()?;
/// assert_eq!(span.duration(), Some(Duration::from_millis(1500)));
/// assert_eq!("-600s".parse::<Span>()?.duration(), None, "there is no time before none");
/// assert_eq!(Span::from(Duration::from_secs(600)).to_string(), "600s");
/// # Ok::<(), session_issuer::error::InvalidInput>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    nanos: i128,
}

const NANOS: i128 = 1_000_000_000;
const LONGEST: i128 = 315_576_000_000 * NANOS;

impl Span {
    /// It, where it is not negative.
    pub fn duration(self) -> Option<Duration> {
        let seconds = u64::try_from(self.nanos / NANOS).ok()?;
        let nanos = u32::try_from(self.nanos % NANOS).ok()?;
        Some(Duration::new(seconds, nanos))
    }

    /// True below zero.
    pub fn is_negative(self) -> bool {
        self.nanos < 0
    }

    /// True when it is no time at all.
    pub fn is_zero(self) -> bool {
        self.nanos == 0
    }
}

impl From<Duration> for Span {
    /// Stops at the longest that protobuf has.
    fn from(duration: Duration) -> Self {
        Self { nanos: i128::try_from(duration.as_nanos()).unwrap_or(LONGEST).min(LONGEST) }
    }
}

impl FromStr for Span {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        let malformed = || InvalidInput::new(InputField::Host("duration"), Problem::Malformed);
        let number = text.strip_suffix('s').ok_or_else(malformed)?;
        let (sign, number) = match number.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, number),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let are_digits = |digits: &str, most: usize| {
            (1..=most).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        // Twelve digits are all that the range has.
        if !are_digits(whole, 12) || !are_digits(fraction, 9) {
            return Err(malformed());
        }
        let whole: i128 = whole.parse().map_err(|_| malformed())?;
        let fraction: i128 = format!("{fraction:0<9}").parse().map_err(|_| malformed())?;
        match whole * NANOS + fraction {
            nanos if nanos <= LONGEST => Ok(Self { nanos: sign * nanos }),
            _ => Err(InvalidInput::new(InputField::Host("duration"), Problem::TooLarge)),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_negative() { "-" } else { "" };
        let (whole, fraction) = (self.nanos.abs() / NANOS, self.nanos.abs() % NANOS);
        write!(f, "{sign}{whole}")?;
        match fraction {
            0 => {}
            _ if fraction % 1_000_000 == 0 => write!(f, ".{:03}", fraction / 1_000_000)?,
            _ if fraction % 1_000 == 0 => write!(f, ".{:06}", fraction / 1_000)?,
            _ => write!(f, ".{fraction:09}")?,
        }
        f.write_str("s")
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_span_has_seconds_nine_decimals_and_a_sign() {
        for (text, nanos, written) in [
            ("600s", 600 * NANOS, "600s"),
            ("1.5s", 1_500_000_000, "1.500s"),
            ("-3s", -3 * NANOS, "-3s"),
            ("-0.000000001s", -1, "-0.000000001s"),
            ("0.000001s", 1_000, "0.000001s"),
            ("0s", 0, "0s"),
            ("-0s", 0, "0s"),
            ("315576000000s", LONGEST, "315576000000s"),
            ("-315576000000s", -LONGEST, "-315576000000s"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.nanos, span.to_string().as_str()), (nanos, written), "{text}");
            assert_eq!(span.duration().is_none(), span.is_negative(), "{text}");
            assert_eq!(serde_json::from_value::<Span>(json!(written)).unwrap(), span);
        }
        for bad in [
            "",
            "s",
            "600",
            "600 s",
            " 600s",
            "600S",
            "6m",
            "1.s",
            ".5s",
            "--3s",
            "+3s",
            "1e3s",
            "0x1s",
            "1,5s",
            "1.0123456789s",
            "9999999999999s",
            "٣s",
            "-s",
            "-.s",
        ] {
            let malformed = InvalidInput::new(InputField::Host("duration"), Problem::Malformed);
            assert_eq!(bad.parse::<Span>(), Err(malformed), "{bad}");
        }
        for long in ["315576000001s", "315576000000.000000001s"] {
            let too_large = InvalidInput::new(InputField::Host("duration"), Problem::TooLarge);
            assert_eq!(long.parse::<Span>(), Err(too_large), "{long}");
        }
        let number = serde_json::from_value::<Span>(json!(600)).unwrap_err();
        assert_eq!(number.classify(), serde_json::error::Category::Data, "a span is a string");
        assert_eq!(Span::from(Duration::MAX).nanos, LONGEST);
    }
}
