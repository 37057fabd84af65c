//! Names of things: sessions, subjects, tenants, devices, apps.
//!
//! None of them is a secret, and none is ever accepted as a credential.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};
use siphasher::sip::SipHasher13;
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    error::{InputField, InvalidInput, Problem},
};

/// How many characters a subject, tenant, device or app id may have (ZITADEL's bound).
pub const MAX_ID_CHARS: usize = 200;

/// The name of a session: a UUIDv7 (RFC 9562). Not a secret, and never a credential.
///
/// The issuer makes it from its own clock and entropy, in rising order. Its last 16 bits are a
/// stable hash of (tenant, subject), so that a store can put a subject's sessions together; they
/// are random where the subject was unknown at birth.
///
/// `Display` and serde write the hyphenated form; reading takes that form alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(Uuid);

impl SessionId {
    /// No session's id.
    pub(crate) const NIL: Self = Self(Uuid::nil());

    /// The id as a UUID.
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }

    /// A session id from a UUID; anything but version 7 is refused.
    ///
    /// # Errors
    /// [`Problem::Malformed`] for a UUID of another version than 7.
    pub fn from_uuid(uuid: Uuid) -> Result<Self, InvalidInput> {
        match uuid.get_version_num() {
            7 => Ok(Self(uuid)),
            _ => Err(InvalidInput::new(InputField::SessionId, Problem::Malformed)),
        }
    }

    /// The 16 bits that sessions of one subject share.
    pub fn tag(&self) -> u16 {
        let bytes = self.0.as_bytes();
        u16::from_be_bytes([bytes[14], bytes[15]])
    }

    /// Assembles an id: the time, a counter of 12 bits that orders ids of one millisecond,
    /// randomness, and the tag.
    pub(crate) fn assemble(at: Timestamp, counter: u16, random: [u8; 6], tag: u16) -> Self {
        let [c0, c1] = counter.to_be_bytes();
        let [t0, t1] = tag.to_be_bytes();
        let [r0, r1, r2, r3, r4, r5] = random;
        let millis = u64::try_from(at.as_millis()).unwrap_or(0);
        let tail = [c0, c1, r0, r1, r2, r3, r4, r5, t0, t1];
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid())
    }

    /// For tokens: any 16 bytes. A token's MAC, not its shape, says that the id is ours.
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    pub(crate) fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }
}

impl FromStr for SessionId {
    type Err = InvalidInput;

    /// Reads the hyphenated form of 36 characters alone.
    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        let malformed = InvalidInput::new(InputField::SessionId, Problem::Malformed);
        if text.len() != 36 {
            return Err(malformed);
        }
        Self::from_uuid(Uuid::try_parse(text).map_err(|_| malformed)?)
    }
}

impl Serialize for SessionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = SessionId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a UUIDv7 of 36 characters")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SessionId, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.as_hyphenated(), f)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The stable hash of (tenant, subject) that a session id carries.
pub(crate) fn subject_tag(tenant: &TenantId, subject: &SubjectId) -> u16 {
    let mut hasher = SipHasher13::new_with_keys(0, 0);
    hasher.write_u64(tenant.as_str().len() as u64);
    hasher.write(tenant.as_str().as_bytes());
    hasher.write(subject.as_str().as_bytes());
    let [low, high, ..] = hasher.finish().to_le_bytes();
    u16::from_be_bytes([high, low])
}

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident($text:ty), $field:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// Between 1 and 200 characters, without control characters (C0, DEL, C1) and without
        /// characters that turn the direction of text. Compared byte by byte: no case folding and
        /// no Unicode normalisation, so fold before you come here if your directory does. Cloning
        /// is cheap.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name($text);

        impl $name {
            /// Checks the text and takes it as it is.
            ///
            /// # Errors
            /// Those of [`check_text`].
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidInput> {
                let text = text.as_ref();
                check_text(InputField::$field, text)?;
                Ok(Self(text.into()))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidInput;
            fn try_from(text: String) -> Result<Self, InvalidInput> {
                Self::new(text)
            }
        }

        impl FromStr for $name {
            type Err = InvalidInput;
            fn from_str(text: &str) -> Result<Self, InvalidInput> {
                Self::new(text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    )*};
}

text_id! {
    /// Whom a session is about. The host's own name for it; never interpreted.
    SubjectId(Arc<str>), Subject;
    /// A part of the host that shares no sessions with any other.
    TenantId(TenantName), Tenant;
    /// A device, browser or installation. Not a credential.
    DeviceId(Arc<str>), Device;
    /// The application that opened a request token.
    AppId(Arc<str>), App;
    /// Who made a session by calling the host: a service account, an administrator.
    CreatorId(Arc<str>), Creator;
}

impl Default for TenantId {
    /// The tenant of a host that has only one: `default`.
    fn default() -> Self {
        Self(TenantName(None))
    }
}

/// The name of a tenant. The usual one needs no memory: a count of clones that all threads move at
/// every check is what they would wait for.
#[derive(Clone)]
struct TenantName(Option<Arc<str>>);

const USUAL_TENANT: &str = "default";

impl From<&str> for TenantName {
    fn from(name: &str) -> Self {
        Self((name != USUAL_TENANT).then(|| Arc::from(name)))
    }
}

impl std::ops::Deref for TenantName {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.as_deref().unwrap_or(USUAL_TENANT)
    }
}

impl PartialEq for TenantName {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for TenantName {}

impl PartialOrd for TenantName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TenantName {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Serialize for TenantName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl Hash for TenantName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

/// The key of a session: its tenant and its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct SessionKey {
    /// The tenant of the session.
    pub tenant: TenantId,
    /// The id of the session.
    pub id: SessionId,
}

impl SessionKey {
    /// The key of this session in this tenant.
    pub fn new(tenant: TenantId, id: SessionId) -> Self {
        Self { tenant, id }
    }
}

/// The key of what a store knows of a subject: its tenant and its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct SubjectKey {
    /// The tenant of the subject.
    pub tenant: TenantId,
    /// The id of the subject.
    pub subject: SubjectId,
}

impl SubjectKey {
    /// The key of this subject in this tenant.
    pub fn new(tenant: TenantId, subject: SubjectId) -> Self {
        Self { tenant, subject }
    }

    /// The 16 bits that ids of sessions born with this subject carry.
    pub fn tag(&self) -> u16 {
        subject_tag(&self.tenant, &self.subject)
    }
}

/// Checks a text by the rule that every id keeps: 1 to 200 plain characters.
///
/// For names and labels of the host's own, so that they are as safe in rows and logs as ids are.
///
/// # Errors
/// An [`InvalidInput`] that names `field`: for a text that is empty or longer than 200 characters,
/// and for one with a control character (C0, DEL, C1) or a character that turns the direction of
/// text.
///
/// # Examples
/// ```
/// use session_issuer::{error::{InputField, Problem}, id::check_text};
///
/// const TEAM: InputField = InputField::Host("team");
/// check_text(TEAM, "Night shift")?;
/// let refused = check_text(TEAM, "").unwrap_err();
/// assert_eq!((refused.field, refused.problem), (TEAM, Problem::Empty));
/// assert_eq!(refused.to_string(), "team is empty");
/// # Ok::<(), session_issuer::error::InvalidInput>(())
/// ```
pub fn check_text(field: InputField, text: &str) -> Result<(), InvalidInput> {
    if text.is_empty() {
        return Err(InvalidInput::new(field, Problem::Empty));
    }
    check_line(field, text, MAX_ID_CHARS)
}

/// The rule for every text that reaches logs: at most `max` characters, no controls, no bidi
/// characters.
///
/// An empty text keeps it. [`check_text`] is the rule for names.
///
/// # Errors
/// `TooLong`, `ControlCharacter` or `BidiCharacter`, of this field.
pub fn check_line(field: InputField, text: &str, max: usize) -> Result<(), InvalidInput> {
    // A character is at most four bytes, so the count is only needed for texts that could be too
    // long.
    if text.len() > max && (text.len() > max.saturating_mul(4) || text.chars().count() > max) {
        return Err(InvalidInput::new(field, Problem::TooLong(max)));
    }
    if text.is_ascii() {
        return match text.bytes().any(|byte| byte.is_ascii_control()) {
            true => Err(InvalidInput::new(field, Problem::ControlCharacter)),
            false => Ok(()),
        };
    }
    for c in text.chars() {
        if c.is_control() {
            return Err(InvalidInput::new(field, Problem::ControlCharacter));
        }
        if matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
        {
            return Err(InvalidInput::new(field, Problem::BidiCharacter));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_millisecond_are_ordered_by_their_counter() {
        let at = Timestamp::from_secs(1_700_000_000);
        let low = SessionId::assemble(at, 1, [255; 6], 0);
        let high = SessionId::assemble(at, 2, [0; 6], 0);
        assert!(low < high);
        assert_eq!(low.as_uuid().get_version_num(), 7);
        assert_eq!(SessionId::assemble(at, 1, [0; 6], 0xBEEF).tag(), 0xBEEF);
    }

    #[test]
    fn the_tag_of_a_subject_never_changes_and_is_not_fooled_by_where_the_tenant_ends() {
        let key = |tenant: &str, subject: &str| {
            SubjectKey::new(TenantId::new(tenant).unwrap(), SubjectId::new(subject).unwrap()).tag()
        };
        assert_eq!(key("default", "alice"), key("default", "alice"));
        assert_ne!(key("a:b", "c"), key("a", "b:c"));
    }

    #[test]
    fn a_session_id_is_read_in_one_form_alone() {
        let id = SessionId::assemble(Timestamp::from_secs(1), 7, [1; 6], 3);
        assert_eq!(id.to_string().parse::<SessionId>(), Ok(id));
        let malformed = InvalidInput::new(InputField::SessionId, Problem::Malformed);
        for bad in [
            "",
            "not-a-uuid",
            "{00000000-0000-7000-8000-000000000000}",
            "00000000000070008000000000000000",
        ] {
            assert_eq!(bad.parse::<SessionId>(), Err(malformed), "{bad}");
        }
        let version_4 = "936da01f-9abd-4d9d-80c7-02af85c822a8".parse::<SessionId>();
        assert_eq!(version_4, Err(malformed));
    }

    #[test]
    fn names_are_bounded_in_characters_and_keep_their_bytes() {
        SubjectId::new("ä".repeat(200)).unwrap();
        assert_eq!(
            SubjectId::new("ä".repeat(201)),
            Err(InvalidInput::new(InputField::Subject, Problem::TooLong(200)))
        );
        assert_ne!(SubjectId::new("\u{e9}").unwrap(), SubjectId::new("e\u{301}").unwrap());
        assert_eq!(
            SubjectId::new("a\u{202e}b"),
            Err(InvalidInput::new(InputField::Subject, Problem::BidiCharacter))
        );
        assert_eq!(
            SubjectId::new("a\0b"),
            Err(InvalidInput::new(InputField::Subject, Problem::ControlCharacter))
        );
        assert_eq!(
            SubjectId::new("a\u{85}b"),
            Err(InvalidInput::new(InputField::Subject, Problem::ControlCharacter))
        );
        assert_eq!(SubjectId::new(""), Err(InvalidInput::new(InputField::Subject, Problem::Empty)));
    }
}
