//! What is known of the client that a session lives in.

use std::{collections::BTreeMap, fmt, net::IpAddr, sync::Arc};

use crate::{
    error::{InputField, InvalidInput, Problem},
    id::{check_line, check_text},
};

/// How many characters a user agent or a header value may have.
pub const MAX_AGENT_CHARS: usize = 1024;
/// How many header values a client may carry.
pub(crate) const MAX_HEADERS: usize = 32;

/// The client: user agent, address, fingerprint, description, headers. All of it is optional, and
/// none of it proves anything.
///
/// A part that breaks its rule is refused and not kept. The first refusal stays with the client,
/// and the verb that is given the client answers it, before anything is stored. A host that would
/// rather leave such a part out asks [`checked`](Self::checked).
///
/// `Debug` shows which parts are there, never what they say.
///
/// # Examples
/// ```
/// use session_issuer::{client::ClientInfo, error::{InputField, InvalidInput}};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = ClientInfo::new().with_user_agent("curl/8.5.0").with_ip("2001:db8::1".parse()?);
/// assert_eq!(client.user_agent(), Some("curl/8.5.0"));
///
/// let refused = client.with_user_agent("a\r\nSet-Cookie: x").checked();
/// assert!(matches!(refused, Err(InvalidInput { field: InputField::UserAgent, .. })));
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ClientInfo {
    user_agent: Option<Arc<str>>,
    ip: Option<IpAddr>,
    more: Option<Arc<More>>,
}

/// What few clients have, behind one pointer.
#[derive(Clone, PartialEq, Eq)]
enum More {
    Parts(Parts),
    /// The first part that was refused. No part of this kind is kept beside it.
    Refused(InvalidInput),
}

#[derive(Clone, PartialEq, Eq, Default)]
struct Parts {
    fingerprint: Option<String>,
    description: Option<String>,
    headers: BTreeMap<String, Vec<String>>,
}

impl Default for More {
    fn default() -> Self {
        Self::Parts(Parts::default())
    }
}

impl ClientInfo {
    /// A client of which nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// The user agent: at most 1024 characters; an empty one counts as none.
    #[must_use]
    pub fn with_user_agent(mut self, agent: &str) -> Self {
        match check_line(InputField::UserAgent, agent, MAX_AGENT_CHARS) {
            Ok(()) => self.user_agent = (!agent.is_empty()).then(|| agent.into()),
            Err(input) => self.refuse(input),
        }
        self
    }

    /// The address.
    #[must_use]
    pub fn with_ip(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip);
        self
    }

    /// A fingerprint of the browser or device: 1 to 200 characters.
    #[must_use]
    pub fn with_fingerprint(self, fingerprint: &str) -> Self {
        let checked = check_text(InputField::Fingerprint, fingerprint);
        self.keep(checked, |parts, ()| parts.fingerprint = Some(fingerprint.to_owned()))
    }

    /// Words for people: 1 to 200 characters.
    #[must_use]
    pub fn with_description(self, description: &str) -> Self {
        let checked = check_text(InputField::ClientDescription, description);
        self.keep(checked, |parts, ()| parts.description = Some(description.to_owned()))
    }

    /// A header and its values, in their order; at most 32 values in all, of at most 1024
    /// characters each.
    #[must_use]
    pub fn with_header<'a>(self, name: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        let checked = self.checked_header(name, values);
        self.keep(checked, |parts, mut values| {
            parts.headers.entry(name.to_owned()).or_default().append(&mut values);
        })
    }

    /// The client, if every part that it was given keeps its rule.
    ///
    /// # Errors
    /// The first refusal of a part.
    ///
    /// # Examples
    /// ```
    /// use session_issuer::client::ClientInfo;
    ///
    /// let client = ClientInfo::new().with_ip([192, 0, 2, 7].into());
    /// let agent = "x".repeat(2000);
    /// // A browser is not sent away because its name is long.
    /// let client = client.clone().with_user_agent(&agent).checked().unwrap_or(client);
    /// assert_eq!(client.user_agent(), None);
    /// ```
    pub fn checked(self) -> Result<Self, InvalidInput> {
        match self.problem() {
            Some(input) => Err(input),
            None => Ok(self),
        }
    }

    pub(crate) fn problem(&self) -> Option<InvalidInput> {
        match self.more.as_deref() {
            Some(More::Refused(input)) => Some(*input),
            Some(More::Parts(_)) | None => None,
        }
    }

    fn refuse(&mut self, input: InvalidInput) {
        if self.problem().is_none() {
            self.more = Some(Arc::new(More::Refused(input)));
        }
    }

    /// Keeps a part that was checked, unless another was refused before.
    fn keep<T>(
        mut self,
        checked: Result<T, InvalidInput>,
        keep: impl FnOnce(&mut Parts, T),
    ) -> Self {
        match checked {
            Ok(value) => {
                if let More::Parts(parts) = Arc::make_mut(self.more.get_or_insert_default()) {
                    keep(parts, value);
                }
            }
            Err(input) => self.refuse(input),
        }
        self
    }

    /// The values of one more header, if there is room for it. A header without values takes the
    /// room of one.
    fn checked_header<'a>(
        &self,
        name: &str,
        values: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<String>, InvalidInput> {
        check_text(InputField::HeaderName, name)?;
        let mut list = Vec::new();
        for value in values {
            check_line(InputField::HeaderValue, value, MAX_AGENT_CHARS)?;
            list.push(value.to_owned());
        }
        let others = self.headers().filter(|(other, _)| *other != name);
        let taken = others.map(|(_, values)| values.len().max(1)).sum::<usize>();
        let own =
            self.headers().find(|(other, _)| *other == name).map_or(0, |(_, values)| values.len());
        if taken + (own + list.len()).max(1) > MAX_HEADERS {
            return Err(InvalidInput::new(InputField::Headers, Problem::TooMany(MAX_HEADERS)));
        }
        Ok(list)
    }

    /// The user agent.
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// The address.
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// The fingerprint.
    pub fn fingerprint(&self) -> Option<&str> {
        self.parts()?.fingerprint.as_deref()
    }

    /// The words for people.
    pub fn description(&self) -> Option<&str> {
        self.parts()?.description.as_deref()
    }

    /// The headers, by name.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[String])> {
        let headers = self.parts().into_iter().flat_map(|parts| &parts.headers);
        headers.map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    fn parts(&self) -> Option<&Parts> {
        match self.more.as_deref() {
            Some(More::Parts(parts)) => Some(parts),
            Some(More::Refused(_)) | None => None,
        }
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

    fn refused(client: ClientInfo) -> InputField {
        client.checked().unwrap_err().field
    }

    #[test]
    fn a_client_is_bounded_and_never_shown() {
        assert_eq!(
            refused(ClientInfo::new().with_user_agent(&"a".repeat(1025))),
            InputField::UserAgent
        );
        assert_eq!(
            refused(ClientInfo::new().with_user_agent("a\r\nSet-Cookie: x")),
            InputField::UserAgent
        );
        let values = std::iter::repeat_n("v", 33);
        assert_eq!(refused(ClientInfo::new().with_header("x", values)), InputField::Headers);
        let client = ClientInfo::new().with_user_agent("agent-007").with_ip([192, 0, 2, 7].into());
        let shown = format!("{client:?}");
        assert!(!shown.contains("007") && !shown.contains("192"), "{shown}");
    }

    #[test]
    fn the_first_part_that_is_refused_is_named_and_none_of_them_is_kept() {
        let client =
            ClientInfo::new().with_fingerprint("").with_user_agent("a\nb").with_description("tool");
        assert_eq!(
            (client.fingerprint(), client.user_agent(), client.description()),
            (None, None, None)
        );
        assert_eq!(refused(client), InputField::Fingerprint);
    }

    #[test]
    fn headers_keep_several_values_in_their_order() {
        let client =
            ClientInfo::new().with_header("accept", ["a", "b"]).with_header("accept", ["c"]);
        let headers: Vec<_> = client.headers().collect();
        assert_eq!(
            headers,
            [("accept", ["a".to_owned(), "b".to_owned(), "c".to_owned()].as_slice())]
        );
    }
}
