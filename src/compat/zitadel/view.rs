//! A session, as ZITADEL shows it.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::{
    ApiError, Service, UserAgent,
    error::unanswered,
    proto::{base64, date_time, some_date_time, uint64},
};
use crate::{
    Timestamp,
    compat::redacted,
    error::{Error, ErrorKind, Operation},
    factor::{Factor, FactorKind},
    id::{SessionId, SubjectId},
    issuer::SessionView,
    session::{Life, Session as Core},
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
    /// When it ends by itself; absent when it does not. **A session is shown when that has passed**, until it is swept:
    /// whoever reads one judges it, as [`is_sufficient`](super::is_sufficient) does.
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
    /// The name that the user logs in with, where [profiles](Service::profiles) know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_name: Option<String>,
    /// The name that people read, where profiles know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The organisation of the user, as the directory said when the user was checked; where it says none, the one of
    /// whoever made the session.
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

/// What the host knows of a user, for [`UserFactor`].
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Profile {
    /// The name that the user logs in with.
    pub login_name: Option<String>,
    /// The name that people read.
    pub display_name: Option<String>,
}

redacted!(Session, Factors, UserFactor, Profile);

impl Service {
    /// The session as it is shown, with the names that profiles have for its user.
    pub(super) async fn shown(&self, view: &SessionView) -> Result<Session, ApiError> {
        let names = match view.subject() {
            Some(user) => self.names(user).await?,
            None => Profile::default(),
        };
        Ok(Session::of(view, names))
    }

    pub(super) async fn names(&self, user: &SubjectId) -> Result<Profile, ApiError> {
        let Some(profiles) = &self.profiles else { return Ok(Profile::default()) };
        profiles.profile(user).await.map_err(|source| {
            let error = Error::new(ErrorKind::Unavailable, Operation::List).with_source(source);
            unanswered(error)
        })
    }

    /// True for what nobody has revoked, expired or not.
    pub(super) fn is_there(&self, view: &SessionView) -> bool {
        !matches!(view.life(self.issuer.now()), Life::Revoked(_))
    }
}

impl Session {
    pub(super) fn of(view: &SessionView, names: Profile) -> Self {
        let metadata = view.metadata().into_iter().flat_map(|metadata| metadata.iter());
        Self {
            id: view.id(),
            creation_date: view.created_at(),
            change_date: changed_at(view),
            sequence: view.version(),
            factors: Factors::of(view, names),
            metadata: metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            user_agent: view.client().and_then(UserAgent::of),
            expiration_date: view.ends_at(),
        }
    }
}

/// When a session last changed: its end, where it has one.
pub(super) fn changed_at(view: &SessionView) -> Timestamp {
    let ended = view.record().tombstone().map(|tombstone| tombstone.at);
    ended.or(view.session().map(Core::rotated_at)).unwrap_or(view.created_at())
}

impl Factors {
    fn of(view: &SessionView, names: Profile) -> Option<Self> {
        let counting = view.factors();
        let find = |kind| counting.iter().find(|factor| factor.kind() == kind);
        let checked = |kind| find(kind).map(|factor| CheckedFactor { verified_at: factor.at() });
        Some(Self {
            user: UserFactor {
                verified_at: find(FactorKind::Subject).map(Factor::at)?,
                id: view.subject()?.clone(),
                login_name: names.login_name,
                display_name: names.display_name,
                organization_id: view.session().and_then(Core::resource_owner).map(str::to_owned),
            },
            password: checked(FactorKind::Password),
            web_auth_n: find(FactorKind::WebAuthn).map(|factor| WebAuthNFactor {
                verified_at: factor.at(),
                user_verified: factor.details().user_verified,
            }),
            intent: checked(FactorKind::Intent),
            totp: checked(FactorKind::Totp),
            otp_sms: checked(FactorKind::OtpSms),
            otp_email: checked(FactorKind::OtpEmail),
            recovery_code: checked(FactorKind::RecoveryCode),
        })
    }
}

fn encoded<S: Serializer>(metadata: &BTreeMap<String, Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(metadata.iter().map(|(key, value)| (key, base64(value))))
}
