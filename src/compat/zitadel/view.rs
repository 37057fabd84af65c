//! Sessions of the issuer, as answers show them.

use super::{
    ApiError, Caller, Details, ResourceOwner, Service, UserAgent,
    wire::session::{CheckedFactor, Factors, Session, UserFactor, WebAuthNFactor},
};
use crate::{
    Timestamp,
    compat::redacted,
    error::{Error, ErrorKind, Operation},
    factor::{Factor, FactorKind},
    id::SubjectId,
    issuer::SessionView,
    session::Session as Core,
};

/// What the host knows of a user, for [`UserFactor`].
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Profile {
    /// The name that the user logs in with.
    pub login_name: Option<String>,
    /// The name that people read.
    pub display_name: Option<String>,
}

redacted!(Profile);

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
            Error::new(ErrorKind::Unavailable, Operation::List).with_source(source).into()
        })
    }

    /// The details of an answer about this session.
    pub(super) fn details(&self, view: &SessionView, caller: &Caller) -> Details {
        Details {
            sequence: view.version(),
            change_date: changed_at(view),
            resource_owner: self.owner_of(view, caller),
        }
    }

    /// What `details.resourceOwner` says of this session.
    fn owner_of(&self, view: &SessionView, caller: &Caller) -> String {
        let owner = view.session().and_then(Core::resource_owner);
        match (&self.resource_owner, owner) {
            (ResourceOwner::Organization, Some(owner)) => owner.to_owned(),
            _ => self.owner(caller),
        }
    }

    /// What `details.resourceOwner` says of a session that is not there.
    pub(super) fn owner(&self, caller: &Caller) -> String {
        match &self.resource_owner {
            ResourceOwner::Instance(id) => id.clone(),
            ResourceOwner::Organization => caller.resource_owner.clone(),
        }
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
fn changed_at(view: &SessionView) -> Timestamp {
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
