//! The names that tokens carry: the issuer's, and those of audiences.

use crate::error::InputField;

/// Every signed token carries the audiences.
const MAX_AUDIENCE_BYTES: usize = 1024;

/// What is wrong with an issuer's name and its audiences.
pub(crate) fn problems_of_names(name: &str, audience: &[String]) -> Vec<String> {
    let texts = std::iter::once((InputField::Name, name))
        .chain(audience.iter().map(|text| (InputField::Audience, text.as_str())));
    let mut problems: Vec<_> = texts
        .filter(|(what, text)| crate::id::check_text(*what, text).is_err())
        .map(|(what, _)| format!("the {what} is empty, too long, or has control characters"))
        .collect();
    if audience.iter().map(String::len).sum::<usize>() > MAX_AUDIENCE_BYTES {
        problems.push("the audiences have more than 1024 bytes together".to_owned());
    }
    problems.dedup();
    problems
}
