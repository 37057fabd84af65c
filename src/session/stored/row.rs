//! The members of a row. Each is always there: `required` is what makes an absent `null` an error.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeSeed, Error as _, MapAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::Value;

use crate::{
    factor::FactorKind,
    id::SessionId,
    json::{Str, Strict},
    metadata::MAX_CLAIMS_DEPTH,
    reason::RevokeReason,
};

/// A record. Times are milliseconds since the Unix epoch.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EncodedRecord<'a> {
    pub(super) v: u32,
    pub(super) id: SessionId,
    #[serde(borrow)]
    pub(super) tenant: Str<'a>,
    pub(super) created_at: i64,
    pub(super) keep_secs: u32,
    pub(super) generation: u32,
    /// 16 bytes as hexadecimal digits.
    #[serde(borrow)]
    pub(super) salt: Str<'a>,
    #[serde(borrow)]
    pub(super) body: BodyRow<'a>,
}

/// What acts other than commits write of a record.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ColumnsRow<'a> {
    pub(super) v: u32,
    pub(super) version: u64,
    #[serde(deserialize_with = "required")]
    pub(super) epoch: Option<i64>,
    #[serde(borrow, deserialize_with = "required")]
    pub(super) ended: Option<TombstoneRow<'a>>,
    #[serde(deserialize_with = "required")]
    pub(super) last_seen_at: Option<i64>,
    pub(super) seen_generation: u32,
    #[serde(borrow)]
    pub(super) counters: Members<'a, u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TombstoneRow<'a> {
    pub(super) reason: RevokeReason,
    pub(super) at: i64,
    #[serde(borrow, deserialize_with = "required")]
    pub(super) by: Option<Str<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "there is one, on the stack, for one call")]
pub(super) enum BodyRow<'a> {
    #[serde(borrow)]
    Request(RequestRow<'a>),
    #[serde(borrow)]
    Session(SessionRow<'a>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestRow<'a> {
    #[serde(borrow)]
    pub(super) app: Str<'a>,
    #[serde(borrow, deserialize_with = "required")]
    pub(super) redirect: Option<Str<'a>>,
    #[serde(deserialize_with = "required")]
    pub(super) ends_at: Option<i64>,
    #[serde(borrow)]
    pub(super) decision: DecisionRow<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DecisionRow<'a> {
    Open,
    /// For this subject.
    #[serde(borrow)]
    Approved(Str<'a>),
    Denied,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionRow<'a> {
    #[serde(borrow, deserialize_with = "required")]
    pub(super) subject: Option<Str<'a>>,
    pub(super) factors: Vec<FactorRow>,
    pub(super) credentials: CredentialsRow,
    pub(super) rotated_at: i64,
    #[serde(deserialize_with = "required")]
    pub(super) ends_at: Option<i64>,
    #[serde(deserialize_with = "required")]
    pub(super) lifetime_ms: Option<u64>,
    #[serde(deserialize_with = "required")]
    pub(super) idle_ms: Option<u64>,
    pub(super) late_generation: u32,
    pub(super) late_replays_in_a_row: u8,
    pub(super) jumped_from: u32,
    pub(super) mac_key: u16,
    #[serde(borrow, deserialize_with = "required")]
    pub(super) client: Option<ClientRow<'a>>,
    #[serde(borrow, deserialize_with = "required")]
    pub(super) more: Option<Box<MoreRow<'a>>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FactorRow {
    pub(super) kind: FactorKind,
    pub(super) at: i64,
    pub(super) user_verified: bool,
    pub(super) hardware: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CredentialsRow {
    Pair,
    Access,
    Session,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientRow<'a> {
    #[serde(borrow, deserialize_with = "required")]
    pub(super) agent: Option<Str<'a>>,
    #[serde(borrow, deserialize_with = "required")]
    pub(super) ip: Option<Str<'a>>,
    #[serde(borrow, deserialize_with = "required")]
    pub(super) fingerprint: Option<Str<'a>>,
    #[serde(borrow, deserialize_with = "required")]
    pub(super) description: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) headers: Members<'a, Vec<Str<'a>>>,
}

/// What most sessions do not have.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MoreRow<'a> {
    #[serde(borrow, deserialize_with = "required")]
    pub(super) device: Option<Str<'a>>,
    pub(super) holds_device_slot: bool,
    #[serde(borrow, deserialize_with = "required")]
    pub(super) creator: Option<Str<'a>>,
    #[serde(borrow, deserialize_with = "required")]
    pub(super) app: Option<Str<'a>>,
    #[serde(borrow, deserialize_with = "required")]
    pub(super) acting: Option<ActingRow<'a>>,
    #[serde(borrow)]
    pub(super) challenges: Vec<ChallengeRow<'a>>,
    #[serde(borrow)]
    pub(super) metadata: Members<'a, BytesRow<'a>>,
    #[serde(borrow)]
    pub(super) claims: Members<'a, ClaimRow<'a>>,
    #[serde(borrow, deserialize_with = "required")]
    pub(super) resource_owner: Option<Str<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActingRow<'a> {
    #[serde(borrow)]
    pub(super) reason: Str<'a>,
    /// The nearest first.
    #[serde(borrow)]
    pub(super) actors: Vec<ActorRow<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActorRow<'a> {
    #[serde(borrow)]
    pub(super) subject: Str<'a>,
    #[serde(deserialize_with = "required")]
    pub(super) session: Option<SessionId>,
    #[serde(deserialize_with = "required")]
    pub(super) epoch: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChallengeRow<'a> {
    pub(super) kind: FactorKind,
    #[serde(borrow)]
    pub(super) state: Str<'a>,
    #[serde(deserialize_with = "required")]
    pub(super) ends_at: Option<i64>,
}

/// Bytes: as the text that they are, or as padded base64 where they are none.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum BytesRow<'a> {
    #[serde(borrow)]
    Text(Str<'a>),
    #[serde(borrow)]
    Base64(Str<'a>),
}

/// A claim of the host's: any JSON value, but no name twice in it.
pub(super) struct ClaimRow<'a>(pub(super) Cow<'a, Value>);

impl Serialize for ClaimRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ClaimRow<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Strict(MAX_CLAIMS_DEPTH).deserialize(deserializer).map(|value| Self(Cow::Owned(value)))
    }
}

/// An object whose names are data: in the order of the text, and no name twice.
pub(super) struct Members<'a, T>(pub(super) Vec<(Str<'a>, T)>);

impl<T: Serialize> Serialize for Members<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Members<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for MembersVisitor<T> {
            type Value = Vec<(Str<'de>, T)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }

        let members = deserializer.deserialize_map(MembersVisitor(PhantomData))?;
        let mut names: Vec<&str> = members.iter().map(|(name, _)| &*name.0).collect();
        names.sort_unstable();
        match names.windows(2).any(|pair| pair.first() == pair.last()) {
            true => Err(D::Error::custom("a name that comes twice")),
            false => Ok(Self(members)),
        }
    }
}

/// A value or `null`: with this, a member that is absent is an error and not `null`.
pub(super) fn required<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}
