//! Fields that the requests of several calls have: session ids, metadata, lifetimes.

use std::{collections::BTreeMap, time::Duration};

use super::{
    ApiError, Span,
    refusals::{POSITIVE_LIFETIME, Refusal},
    wire::proto::bytes,
};
use crate::{id::SessionId, metadata::Metadata};

/// The rule of a text that has to be there.
pub(super) const LENGTH: &str = "value length must be between 1 and 200 runes, inclusive";

/// Says whether a text keeps [that rule](LENGTH).
pub(super) fn has_length(text: &str) -> bool {
    (1..=200).contains(&text.chars().count())
}

/// The id in a request; none for text that is no session's id.
pub(super) fn session_id(text: Option<&str>, request: &str) -> Result<Option<SessionId>, ApiError> {
    match text {
        Some(text) if has_length(text) => Ok(text.parse().ok()),
        _ => Err(Refusal::Rule(&[&format!("{request}.SessionId")], LENGTH).error()),
    }
}

/// The entries of a request's metadata: those that remove a key come first, and make room for the
/// rest.
pub(super) fn entries(
    metadata: Option<BTreeMap<String, String>>,
    request: &str,
) -> Result<Vec<(String, Vec<u8>)>, ApiError> {
    let entries = metadata.unwrap_or_default().into_iter();
    let read = |(key, value): (String, String)| Some((key, bytes(&value)?));
    let read: Option<Vec<_>> = entries.map(read).collect();
    let mut read = read.ok_or_else(|| broken_metadata("a value is not base64", request))?;
    read.sort_by_key(|(_, value)| !value.is_empty());
    Ok(read)
}

/// The metadata with these entries, if it keeps its bounds.
pub(super) fn with_entries(
    mut metadata: Metadata,
    entries: &[(String, Vec<u8>)],
    request: &str,
) -> Result<Metadata, ApiError> {
    for (key, value) in entries {
        metadata.set(key, value).map_err(|input| broken_metadata(&input.to_string(), request))?;
    }
    Ok(metadata)
}

fn broken_metadata(rule: &str, request: &str) -> ApiError {
    Refusal::Rule(&[&format!("{request}.Metadata")], rule).error()
}

/// A lifetime to set; none where nothing is to be set.
pub(super) fn lifetime(given: Option<Span>) -> Result<Option<Duration>, ApiError> {
    match given.filter(|given| !given.is_zero()) {
        None => Ok(None),
        Some(given) => given.duration().map(Some).ok_or_else(|| POSITIVE_LIFETIME.error()),
    }
}
