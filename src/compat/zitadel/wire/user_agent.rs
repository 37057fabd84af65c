//! The client of a session, in requests and in answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::compat::redacted;

/// The client that a session lives in. What is absent is left out.
#[derive(Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UserAgent {
    /// A fingerprint of the browser or device: 1 to 200 characters.
    #[serde(alias = "fingerprint_id", skip_serializing_if = "Option::is_none")]
    pub fingerprint_id: Option<String>,
    /// The address: IPv4 or IPv6. An empty one counts as none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Words for people: 1 to 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Headers: names of 1 to 200 characters, 32 values in all, of at most 1024 characters each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<BTreeMap<String, UserAgentHeader>>,
}

/// The values of one header.
#[derive(Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[non_exhaustive]
pub struct UserAgentHeader {
    /// The values, in their order. Always there where a session is shown.
    pub values: Option<Vec<String>>,
}

redacted!(UserAgent, UserAgentHeader);
