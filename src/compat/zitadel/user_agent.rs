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
        let mut client = ClientInfo::new().ip_text(ip.as_deref().unwrap_or_default()).map_err(broken)?;
        if let Some(fingerprint) = fingerprint_id {
            client = client.fingerprint(&fingerprint).map_err(broken)?;
        }
        if let Some(description) = description {
            client = client.description(&description).map_err(broken)?;
        }
        for (name, UserAgentHeader { values }) in header.unwrap_or_default() {
            let values = values.unwrap_or_default();
            client = client.header(&name, values.iter().map(String::as_str)).map_err(broken)?;
        }
        Ok(client)
    }

    /// None of a client of which nothing is known that ZITADEL shows.
    pub(super) fn of(client: &ClientInfo) -> Option<Self> {
        let header: BTreeMap<_, _> = client
            .headers()
            .map(|(name, values)| (name.to_owned(), UserAgentHeader { values: Some(values.to_vec()) }))
            .collect();
        let shown = Self {
            fingerprint_id: client.get_fingerprint().map(str::to_owned),
            ip: client.ip().map(|ip| ip.to_string()),
            description: client.get_description().map(str::to_owned),
            header: Some(header).filter(|header| !header.is_empty()),
        };
        (shown != Self::default()).then_some(shown)
    }
}
