//! A session, as answers show it.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::{
    proto::{base64, date_time, some_date_time, uint64},
    user_agent::UserAgent,
};
use crate::{
    Timestamp,
    compat::redacted,
    id::{SessionId, SubjectId},
};

/// A session: what was proved, what is kept on it, how long it lives. What is absent is left out.
#[derive(Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Session {
    /// Its id: a UUID.
    pub id: SessionId,
    /// When it was created.
    #[serde(serialize_with = "date_time")]
    pub creation_date: Timestamp,
    /// When it was last changed.
    #[serde(serialize_with = "date_time")]
    pub change_date: Timestamp,
    /// Its version; a string in JSON, as protobuf writes 64 bits.
    #[serde(serialize_with = "uint64")]
    pub sequence: u64,
    /// What was proved, and still counts; absent until a user was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factors: Option<Factors>,
    /// What its creator keeps on it. Values in base64.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", serialize_with = "encoded")]
    pub metadata: BTreeMap<String, Vec<u8>>,
    /// The client it was made in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<UserAgent>,
    /// When it ends by itself; absent when it does not. **A session is shown when that has
    /// passed**, until it is swept: whoever reads one judges it, as
    /// [`is_sufficient`](crate::compat::zitadel::is_sufficient) does.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_date_time")]
    pub expiration_date: Option<Timestamp>,
}

/// Passed checks, each with the time of the last.
#[derive(Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Factors {
    /// Whom the session is about. Proves nothing by itself.
    pub user: UserFactor,
    /// The password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<CheckedFactor>,
    /// A passkey or security key.
    #[serde(rename = "webAuthN", skip_serializing_if = "Option::is_none")]
    pub web_auth_n: Option<WebAuthNFactor>,
    /// A login at an identity provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<CheckedFactor>,
    /// A code of an authenticator app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totp: Option<CheckedFactor>,
    /// A code sent by SMS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otp_sms: Option<CheckedFactor>,
    /// A code sent by email.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otp_email: Option<CheckedFactor>,
    /// A recovery code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_code: Option<CheckedFactor>,
}

/// A user, and when the user was last named.
#[derive(Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UserFactor {
    /// When.
    #[serde(serialize_with = "date_time")]
    pub verified_at: Timestamp,
    /// The user's id.
    pub id: SubjectId,
    /// The name that the user logs in with, where
    /// [profiles](crate::compat::zitadel::Service::profiles) know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_name: Option<String>,
    /// The name that people read, where profiles know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The organisation of the user, as the directory said when the user was checked; where it says
    /// none, the one of whoever made the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
}

/// A check that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CheckedFactor {
    /// When it last did.
    #[serde(serialize_with = "date_time")]
    pub verified_at: Timestamp,
}

/// A passkey or security key that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct WebAuthNFactor {
    /// When.
    #[serde(serialize_with = "date_time")]
    pub verified_at: Timestamp,
    /// The authenticator verified its user. If not, it is a second factor at most.
    pub user_verified: bool,
}

redacted!(Session, Factors, UserFactor);

fn encoded<S: Serializer>(
    metadata: &BTreeMap<String, Vec<u8>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(metadata.iter().map(|(key, value)| (key, base64(value))))
}
