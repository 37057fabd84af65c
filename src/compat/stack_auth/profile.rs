//! The claims of Stack Auth's access tokens, and which kind of user they are for.

use serde_json::json;

use super::Service;
use crate::{
    Issuer, Timestamp,
    compat::redacted,
    error::{Error, ErrorKind, InvalidInput, Operation},
    id::SubjectId,
    metadata::HostClaims,
};

/// What the host knows of a user, for the claims of Stack Auth's access tokens.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// The display name; `null` without one.
    pub name: Option<String>,
    /// The primary email address; `null` without one.
    pub email: Option<String>,
    /// The user has proved to read it.
    pub email_verified: bool,
    /// The team that the user works in; `null` without one.
    pub selected_team_id: Option<String>,
    /// When the user signed up: in seconds since the epoch; `null` when unknown.
    pub signed_up_at: Option<Timestamp>,
    /// The user has not signed up yet. Such a user is restricted too, for the reason `anonymous`.
    pub is_anonymous: bool,
    /// Why the user may do little (`restricted_reason.type`); none for most.
    pub restricted_reason: Option<String>,
    /// The user must prove a one-time password before doing anything.
    pub requires_totp_mfa: bool,
}

redacted!(Profile);

impl Profile {
    /// The claims, in snake case.
    ///
    /// # Errors
    /// When there is more than a token may carry: 4 KiB of JSON in all.
    pub fn claims(&self) -> Result<HostClaims, InvalidInput> {
        let Self {
            name,
            email,
            email_verified,
            selected_team_id,
            signed_up_at,
            is_anonymous,
            restricted_reason,
            requires_totp_mfa,
        } = self;
        let reason = restricted_reason.as_deref().or(is_anonymous.then_some("anonymous"));
        HostClaims::of([
            ("role", json!("authenticated")),
            ("name", json!(name)),
            ("email", json!(email)),
            ("email_verified", json!(email_verified)),
            ("selected_team_id", json!(selected_team_id)),
            ("signed_up_at", json!(signed_up_at.map(Timestamp::as_secs))),
            ("is_anonymous", json!(is_anonymous)),
            ("is_restricted", json!(reason.is_some())),
            ("restricted_reason", json!(reason.map(|reason| json!({ "type": reason })))),
            ("requires_totp_mfa", json!(requires_totp_mfa)),
        ])
    }

    /// The kind of user.
    pub fn kind(&self) -> UserKind {
        match (self.is_anonymous, &self.restricted_reason) {
            (true, _) => UserKind::Anonymous,
            (false, Some(_)) => UserKind::Restricted,
            (false, None) => UserKind::Regular,
        }
    }
}

/// The kind of user that an access token is for: issuer and audience say it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum UserKind {
    /// One who has signed up and may do everything.
    #[default]
    Regular,
    /// One who has not signed up yet.
    Anonymous,
    /// One who has signed up and may do little.
    Restricted,
}

impl UserKind {
    /// The issuer's name for tokens of this kind, below the address of the API
    /// (`https://api.example/api/v1`).
    pub fn issuer_name(self, api: &str, project: &str) -> String {
        let path = match self {
            Self::Regular => "projects",
            Self::Anonymous => "projects-anonymous-users",
            Self::Restricted => "projects-restricted-users",
        };
        format!("{}/{path}/{project}", api.trim_end_matches('/'))
    }

    /// The audience of tokens of this kind.
    pub fn audience(self, project: &str) -> String {
        match self {
            Self::Regular => project.to_owned(),
            Self::Anonymous => format!("{project}:anon"),
            Self::Restricted => format!("{project}:restricted"),
        }
    }
}

/// The claims about a user that a token shall have, and the kind of user that it is for.
pub(super) struct UserClaims {
    pub(super) kind: UserKind,
    /// None where the host knows nothing, and what a session has stays.
    pub(super) claims: Option<HostClaims>,
}

impl Service {
    /// What the host knows of this user, asked for this operation.
    pub(super) async fn user_claims(
        &self,
        user: &SubjectId,
        operation: Operation,
    ) -> Result<UserClaims, Error> {
        let failed = |kind| move |source| Error::new(kind, operation).with_source(source);
        let mut known = UserClaims { kind: UserKind::Regular, claims: None };
        if let Some(profiles) = &self.profiles {
            let profile = profiles.profile(user).await;
            let profile = profile.map_err(|source| {
                Error::new(ErrorKind::Unavailable, operation).with_source(source)
            })?;
            known.kind = profile.kind();
            known.claims = Some(profile.claims().map_err(failed(ErrorKind::InvalidConfiguration))?);
        }
        let stays = self.profiles.is_none() && operation == Operation::Refresh;
        if let (Some((project, branch)), false) = (&self.project, stays) {
            let claims = known.claims.get_or_insert_default();
            claims
                .set("project_id", project.as_str())
                .and_then(|()| claims.set("branch_id", branch.as_str()))
                .map_err(failed(ErrorKind::InvalidConfiguration))?;
        }
        Ok(known)
    }

    /// Who issues tokens for this kind of user.
    pub(super) fn issuer_for(&self, kind: UserKind) -> &Issuer {
        match (&self.kinds, kind) {
            (Some(kinds), UserKind::Anonymous) => &kinds.anonymous,
            (Some(kinds), UserKind::Restricted) => &kinds.restricted,
            _ => &self.issuer,
        }
    }

    /// Every issuer of this service, and the kind of user that its tokens are for; none where it
    /// has one for all.
    pub(super) fn issuers(&self) -> impl Iterator<Item = (Option<UserKind>, &Issuer)> {
        let others = self.kinds.as_ref().map(|kinds| {
            [
                (Some(UserKind::Anonymous), &kinds.anonymous),
                (Some(UserKind::Restricted), &kinds.restricted),
            ]
        });
        let first = (self.kinds.is_some().then_some(UserKind::Regular), &self.issuer);
        std::iter::once(first).chain(others.into_iter().flatten())
    }
}
