//! Values in the query of an address, for clients that send a field there and not in a body.

#[cfg(any(feature = "tmdb", feature = "zelf"))]
use super::Field;
#[cfg(any(feature = "tmdb", feature = "zelf"))]
use crate::secret::Secret;

/// A field that holds a secret.
#[cfg(any(feature = "tmdb", feature = "zelf"))]
pub(super) fn secret(query: &str, name: &str) -> Field<Secret> {
    value(query, name).map(Secret::from).into()
}

/// The first value of this name, decoded; none where it is absent or not UTF-8 under its escapes.
pub(super) fn value(query: &str, name: &str) -> Option<String> {
    let pairs = query.trim_start_matches('?').split('&');
    let mut named = pairs.filter_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(key).as_deref() == Some(name)).then_some(value)
    });
    named.next().and_then(decoded)
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

fn hex(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn the_first_value_of_a_name_is_read_and_decoded() {
        let query = "?api_key=k&session%5Fid=a%2Bb+c&session_id=second&empty=&bare&bad=%zz&cut=%4";
        assert_eq!(value(query, "session_id").as_deref(), Some("a+b c"));
        assert_eq!(value(query, "api_key").as_deref(), Some("k"));
        assert_eq!(value(query, "empty").as_deref(), Some(""));
        assert_eq!(value(query, "bare").as_deref(), Some(""));
        for absent in ["bad", "cut", "session", "", "k"] {
            assert_eq!(value(query, absent), None, "{absent}");
        }
        assert_eq!(value("", "a"), None);
        assert_eq!(value("a=%ff", "a"), None, "not UTF-8");
    }
}
