//! The claims of Hanko's tokens, and the answer that shows them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    Timestamp,
    compat::redacted,
    error::InvalidInput,
    id::{SessionId, SubjectId},
    issuer::Checked,
    metadata::{HostClaims, RESERVED_CLAIMS},
    session::Session,
    token::VerifiedClaims,
};

/// What the host knows of a user, for the claims of Hanko's tokens.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Profile {
    /// The primary email address; no `email` claim without one.
    pub email: Option<Email>,
    /// The user name; no `username` claim without one.
    pub username: Option<String>,
    /// Claims of the host's template (`session.jwt_template.claims`). Names that belong to Hanko or
    /// to JWT are ignored.
    pub custom: Map<String, Value>,
}

/// An email address, as the `email` claim has it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Email {
    /// The address.
    pub address: String,
    /// It is the user's primary one.
    pub is_primary: bool,
    /// The user has proved to read it.
    pub is_verified: bool,
}

impl Email {
    /// A primary address.
    pub fn primary(address: impl Into<String>, is_verified: bool) -> Self {
        Self { address: address.into(), is_primary: true, is_verified }
    }
}

impl Profile {
    /// The claims: `email`, `username`, and the template's own.
    ///
    /// # Errors
    /// When there is more than a token may carry: 4 KiB of JSON in all.
    pub fn claims(&self) -> Result<HostClaims, InvalidInput> {
        const OWN: [&str; 3] = ["email", "username", "session_id"];
        let taken = |name: &str| OWN.contains(&name) || RESERVED_CLAIMS.contains(&name);
        let custom = self.custom.iter().filter(|(name, _)| !taken(name));
        let custom = custom.map(|(name, value)| (name.as_str(), value.clone()));
        let email = self.email.as_ref().map(|Email { address, is_primary, is_verified }| {
            (
                "email",
                json!({ "address": address, "is_primary": is_primary, "is_verified": is_verified }),
            )
        });
        let username = self.username.as_deref().map(|username| ("username", username.into()));
        HostClaims::of(custom.chain(email).chain(username))
    }
}

/// The claims of a valid token, as the answer to a validation has them.
///
/// What is absent is left out. Instants are RFC 3339, in whole seconds.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Claims {
    /// The user (`sub`).
    pub subject: SubjectId,
    /// When the token was issued (`iat`).
    #[serde(default, skip_serializing_if = "Option::is_none", with = "optional_date_time")]
    pub issued_at: Option<Timestamp>,
    /// From when on it is no longer good (`exp`).
    #[serde(with = "date_time")]
    pub expiration: Timestamp,
    /// Whom it is for (`aud`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<String>,
    /// Who issued it (`iss`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The user's primary email address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// The user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The session.
    pub session_id: SessionId,
    /// The template's claims, beside the others. One that has the name of another member is left
    /// out.
    #[serde(flatten)]
    pub custom: Map<String, Value>,
}

redacted!(Profile, Email, Claims);

impl Claims {
    /// Those of verified claims of a token of this issuer; none without a subject.
    pub fn of(claims: &VerifiedClaims, issuer: &str) -> Option<Self> {
        let bare = Self {
            subject: claims.subject()?.clone(),
            issued_at: Some(claims.issued_at()),
            expiration: claims.expires_at(),
            audience: claims.audience().to_vec(),
            issuer: Some(issuer.to_owned()),
            email: None,
            username: None,
            session_id: claims.session_id(),
            custom: Map::new(),
        };
        Some(bare.with_host(claims.host()))
    }

    /// Those of a checked token: its own where it is signed, or else those of its session.
    pub(super) fn of_checked(checked: &Checked, issuer: &str) -> Option<Self> {
        if let Some(claims) = checked.claims() {
            return Self::of(claims, issuer);
        }
        let view = checked.session()?;
        let session = view.session()?;
        let bare = Self {
            subject: view.subject()?.clone(),
            issued_at: Some(view.created_at()),
            expiration: session.ends_at().unwrap_or(Timestamp::MAX),
            audience: Vec::new(),
            issuer: Some(issuer.to_owned()),
            email: None,
            username: None,
            session_id: view.id(),
            custom: Map::new(),
        };
        Some(match session.claims() {
            Some(host) => bare.with_host(host),
            None => bare,
        })
    }

    fn with_host(mut self, host: &HostClaims) -> Self {
        const OWN: [&str; 6] =
            ["subject", "issued_at", "expiration", "audience", "issuer", "session_id"];
        for (name, value) in host.iter() {
            match (name, value) {
                ("email", email) => self.email = serde_json::from_value(email.clone()).ok(),
                ("username", Value::String(username)) => self.username = Some(username.clone()),
                ("username", _) => {}
                (name, _) if OWN.contains(&name) => {}
                (name, value) => {
                    self.custom.insert(name.to_owned(), value.clone());
                }
            }
        }
        self
    }
}

/// When an idle session ends unless it is used: never after its token. None without an idle
/// timeout.
pub(super) fn idle_end(session: &Session, expiration: Timestamp) -> Option<Timestamp> {
    Some(session.last_seen_at().saturating_add(session.idle_timeout()?).min(expiration))
}

pub(super) mod date_time {
    use super::{Deserialize, Deserializer, OffsetDateTime, Rfc3339, Serializer, Timestamp};

    pub(in crate::compat::hanko) fn serialize<S: Serializer>(
        at: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(at)
    }

    pub(in crate::compat::hanko) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        OffsetDateTime::parse(&text, &Rfc3339)
            .map(Timestamp::from)
            .map_err(serde::de::Error::custom)
    }
}

pub(super) mod optional_date_time {
    use super::{Deserialize, Deserializer, Serializer, Timestamp, date_time};

    pub(in crate::compat::hanko) fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => date_time::serialize(at, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::compat::hanko) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        #[derive(Deserialize)]
        struct At(#[serde(with = "date_time")] Timestamp);
        Ok(Option::<At>::deserialize(deserializer)?.map(|At(at)| at))
    }
}
