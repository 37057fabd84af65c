//! The client of a session: out of a request, and as it is shown.

use std::collections::BTreeMap;

use super::{ApiError, UserAgent, UserAgentHeader, fields::LENGTH, refusals::Refusal};
use crate::{
    client::ClientInfo,
    error::{InputField, InvalidInput, Problem},
};

impl UserAgent {
    /// What is kept of it, or the first rule that it breaks.
    pub(super) fn read(self, request: &str) -> Result<ClientInfo, ApiError> {
        let Self { fingerprint_id, ip, description, header } = self;
        let broken = |input: InvalidInput| {
            let field = match input.field {
                InputField::Fingerprint => "UserAgent.FingerprintId",
                InputField::Ip => "UserAgent.Ip",
                InputField::ClientDescription => "UserAgent.Description",
                _ => "UserAgent.Header",
            };
            let rule = match input.problem {
                Problem::Empty | Problem::TooLong(200) => LENGTH.to_owned(),
                problem => format!("value {problem}"),
            };
            Refusal::Rule(&[&format!("{request}.UserAgent"), field], &rule).error()
        };
        let mut client = ClientInfo::new();
        if let Some(ip) = ip.filter(|ip| !ip.is_empty()) {
            let malformed = |_| broken(InvalidInput::new(InputField::Ip, Problem::Malformed));
            client = client.with_ip(ip.parse().map_err(malformed)?);
        }
        if let Some(fingerprint) = fingerprint_id {
            client = client.with_fingerprint(&fingerprint);
        }
        if let Some(description) = description {
            client = client.with_description(&description);
        }
        for (name, UserAgentHeader { values }) in header.unwrap_or_default() {
            let values = values.unwrap_or_default();
            client = client.with_header(&name, values.iter().map(String::as_str));
        }
        client.checked().map_err(broken)
    }

    /// None of a client of which nothing is known that ZITADEL shows.
    pub(super) fn of(client: &ClientInfo) -> Option<Self> {
        let header: BTreeMap<_, _> = client
            .headers()
            .map(|(name, values)| {
                (name.to_owned(), UserAgentHeader { values: Some(values.to_vec()) })
            })
            .collect();
        let shown = Self {
            fingerprint_id: client.fingerprint().map(str::to_owned),
            ip: client.ip().map(|ip| ip.to_string()),
            description: client.description().map(str::to_owned),
            header: Some(header).filter(|header| !header.is_empty()),
        };
        (shown != Self::default()).then_some(shown)
    }
}
