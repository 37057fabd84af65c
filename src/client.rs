//! What is known of the client that a session lives in.

use std::{collections::BTreeMap, fmt, net::IpAddr, sync::Arc};

use crate::{
    error::{InputField, InvalidInput, Problem},
    id::{check_line, check_text},
};

/// How many characters a user agent or a header value may have.
pub const MAX_AGENT_CHARS: usize = 1024;
/// How many header values a client may carry.
pub const MAX_HEADERS: usize = 32;

/// The client: user agent, address, fingerprint, description, headers. All of it is optional, and none of it proves
/// anything.
///
/// `Debug` shows which parts are there, never what they say.
///
/// # Examples
/// ```
/// use session_issuer::client::ClientInfo;
///
/// let client = ClientInfo::new().user_agent("curl/8.5.0")?.ip_text("2001:db8::1")?;
/// assert!(client.ip().is_some());
/// assert!(ClientInfo::new().ip_text("999.1.1.1").is_err());
/// # Ok::<(), session_issuer::error::InvalidInput>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ClientInfo {
    user_agent: Option<Arc<str>>,
    ip: Option<IpAddr>,
    rare: Option<Arc<Rare>>,
}

#[derive(Clone, PartialEq, Eq, Default)]
struct Rare {
    fingerprint: Option<String>,
    description: Option<String>,
    headers: BTreeMap<String, Vec<String>>,
}

impl ClientInfo {
    /// A client of which nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// The user agent: at most 1024 characters; an empty one counts as none.
    pub fn user_agent(mut self, agent: &str) -> Result<Self, InvalidInput> {
        check_line(InputField::UserAgent, agent, MAX_AGENT_CHARS)?;
        self.user_agent = (!agent.is_empty()).then(|| agent.into());
        Ok(self)
    }

    /// The address.
    #[must_use]
    pub fn with_ip(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip);
        self
    }

    /// The address as text, IPv4 or IPv6; an empty one counts as none.
    pub fn ip_text(mut self, ip: &str) -> Result<Self, InvalidInput> {
        self.ip = match ip {
            "" => None,
            text => Some(text.parse().map_err(|_| InvalidInput::new(InputField::Ip, Problem::Malformed))?),
        };
        Ok(self)
    }

    /// A fingerprint of the browser or device: 1 to 200 characters.
    pub fn fingerprint(mut self, fingerprint: &str) -> Result<Self, InvalidInput> {
        check_text(InputField::Fingerprint, fingerprint)?;
        self.rare_mut().fingerprint = Some(fingerprint.to_owned());
        Ok(self)
    }

    /// Words for people: at most 200 characters.
    pub fn description(mut self, description: &str) -> Result<Self, InvalidInput> {
        check_text(InputField::ClientDescription, description)?;
        self.rare_mut().description = Some(description.to_owned());
        Ok(self)
    }

    /// A header and its values, in their order; at most 32 values in all, of at most 1024 characters each.
    pub fn header<'a>(
        mut self,
        name: &str,
        values: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidInput> {
        check_text(InputField::HeaderName, name)?;
        let mut list = Vec::new();
        for value in values {
            check_line(InputField::HeaderValue, value, MAX_AGENT_CHARS)?;
            list.push(value.to_owned());
        }
        let rare = self.rare_mut();
        rare.headers.entry(name.to_owned()).or_default().append(&mut list);
        if rare.headers.values().map(|values| values.len().max(1)).sum::<usize>() > MAX_HEADERS {
            return Err(InvalidInput::new(InputField::Headers, Problem::TooMany(MAX_HEADERS)));
        }
        Ok(self)
    }

    fn rare_mut(&mut self) -> &mut Rare {
        Arc::make_mut(self.rare.get_or_insert_default())
    }

    /// The user agent.
    pub fn agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// The address.
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// The fingerprint.
    pub fn get_fingerprint(&self) -> Option<&str> {
        self.rare.as_ref()?.fingerprint.as_deref()
    }

    /// The words for people.
    pub fn get_description(&self) -> Option<&str> {
        self.rare.as_ref()?.description.as_deref()
    }

    /// The headers, by name.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.rare
            .iter()
            .flat_map(|rare| rare.headers.iter().map(|(name, values)| (name.as_str(), values.as_slice())))
    }
}

impl fmt::Debug for ClientInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientInfo")
            .field("user_agent", &self.user_agent.is_some())
            .field("ip", &self.ip.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_bounded_and_never_shown() {
        assert!(ClientInfo::new().user_agent(&"a".repeat(1025)).is_err());
        assert!(ClientInfo::new().user_agent("a\r\nSet-Cookie: x").is_err());
        assert!(ClientInfo::new().ip_text("").unwrap().ip().is_none());
        assert!(ClientInfo::new().header("x", std::iter::repeat_n("v", 33)).is_err());
        let client = ClientInfo::new().user_agent("agent-007").unwrap().ip_text("192.0.2.7").unwrap();
        let shown = format!("{client:?}");
        assert!(!shown.contains("007") && !shown.contains("192"), "{shown}");
    }

    #[test]
    fn headers_keep_several_values_in_their_order() {
        let client = ClientInfo::new().header("accept", ["a", "b"]).unwrap().header("accept", ["c"]).unwrap();
        let headers: Vec<_> = client.headers().collect();
        assert_eq!(headers, [("accept", ["a".to_owned(), "b".to_owned(), "c".to_owned()].as_slice())]);
    }
}
