//! Who calls, what the caller may do, and what the service asks of callers.

use std::collections::BTreeSet;

use crate::{
    client::ClientInfo,
    error::{InputField, InvalidInput},
    id::{CreatorId, SubjectId, check_text},
    issuer::SessionView,
    session::Session,
};

/// Who calls ZITADEL, which organisation owns what the call makes, and what the caller may do.
///
/// # Examples
/// ```
/// use session_issuer::{compat::zitadel::{Caller, Permission, Scope}, id::CreatorId};
///
/// let support = Caller::new(CreatorId::new("support")?, "acme")?
///     .grant(Permission::SessionRead, Scope::Instance)
///     .grant(Permission::SessionDelete, Scope::Organization("acme".to_owned()));
/// # let _ = support;
/// # Ok::<(), session_issuer::error::InvalidInput>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub(super) creator: CreatorId,
    pub(super) resource_owner: String,
    user: Option<SubjectId>,
    fingerprint: Option<String>,
    granted: BTreeSet<(Permission, Scope)>,
}

impl Caller {
    /// This user or service account, of this organisation (1 to 200 characters). It may do nothing
    /// yet but create, and what its own sessions allow.
    ///
    /// # Errors
    /// [`InputField::ResourceOwner`] for an organisation that is empty, longer than 200 characters,
    /// or has a control or bidi character.
    pub fn new(creator: CreatorId, resource_owner: &str) -> Result<Self, InvalidInput> {
        check_text(InputField::ResourceOwner, resource_owner)?;
        let resource_owner = resource_owner.to_owned();
        Ok(Self {
            creator,
            resource_owner,
            user: None,
            fingerprint: None,
            granted: BTreeSet::new(),
        })
    }

    /// The user who is signed in: sessions about this user are the caller's own.
    #[must_use]
    pub fn user(mut self, user: SubjectId) -> Self {
        self.user = Some(user);
        self
    }

    /// The user agent that the caller's own credential was issued to: whoever has its fingerprint
    /// may see a session. The fingerprint must not come from the request: anybody can say it.
    #[must_use]
    pub fn user_agent(mut self, client: &ClientInfo) -> Self {
        self.fingerprint = client.fingerprint().map(str::to_owned);
        self
    }

    /// May do this, as far as that goes.
    #[must_use]
    pub fn grant(mut self, permission: Permission, scope: Scope) -> Self {
        self.granted.insert((permission, scope));
        self
    }

    /// True when it may do this to sessions of users of that organisation, or to sessions without a
    /// user (none).
    pub fn may(&self, permission: Permission, organization: Option<&str>) -> bool {
        let within = |scope: &Scope| match scope {
            Scope::Instance => true,
            Scope::Organization(own) => organization == Some(own),
        };
        self.granted.iter().any(|(granted, scope)| *granted == permission && within(scope))
    }

    /// As [`may`](Self::may), for this session.
    pub(super) fn may_with(&self, permission: Permission, view: &SessionView) -> bool {
        self.may(permission, organization(view))
    }

    /// It made this session.
    pub(super) fn made(&self, view: &SessionView) -> bool {
        view.session().and_then(Session::creator) == Some(&self.creator)
    }

    /// The session is about the caller: and not one in which somebody else acts in the caller's
    /// place.
    pub(super) fn owns(&self, view: &SessionView) -> bool {
        self.user.is_some() && self.user.as_ref() == view.subject() && !view.is_impersonation()
    }

    /// The session was made in the user agent that the caller is in.
    pub(super) fn shares_agent(&self, view: &SessionView) -> bool {
        let fingerprint = view.client().and_then(ClientInfo::fingerprint);
        self.fingerprint.is_some() && self.fingerprint.as_deref() == fingerprint
    }

    /// The fingerprint of its user agent.
    pub(super) fn own_fingerprint(&self) -> Option<&str> {
        self.fingerprint.as_deref()
    }

    /// The user who is signed in.
    pub(super) fn own_user(&self) -> Option<&SubjectId> {
        self.user.as_ref()
    }

    /// May read some sessions that are not its own.
    pub(super) fn reads_of_others(&self) -> bool {
        self.granted.iter().any(|(granted, _)| *granted == Permission::SessionRead)
    }

    /// Who does what the call does, for events.
    pub(super) fn name(&self) -> Option<SubjectId> {
        self.user.clone().or_else(|| SubjectId::new(self.creator.as_str()).ok())
    }
}

/// The organisation of a session's user; none while it has no user: then only a permission on the
/// instance reaches it.
fn organization(view: &SessionView) -> Option<&str> {
    view.subject().and(view.session()?.resource_owner())
}

/// What a caller may do to sessions that are not its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Permission {
    /// `session.read`: see them.
    SessionRead,
    /// `session.write`: change them without their token, where the service asks for it
    /// ([`TokenRule::Permission`]); and so get the token that the change makes.
    SessionWrite,
    /// `session.delete`: end them.
    SessionDelete,
}

/// How far a permission goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// Everything of this instance, and alone what has no user yet.
    Instance,
    /// What is about users of this organisation: the one that the directory names, or else the one
    /// of whoever made the session.
    Organization(String),
}

/// Whether a change needs the session's token: the rule of one era of ZITADEL's API.
///
/// Every change answers with the session's next token: whoever may change a session has it from
/// then on. Where several services share an issuer, **the weakest rule that a caller reaches holds
/// for all sessions**, whichever made them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum TokenRule {
    /// A change needs the session's current token (v2alpha). The default: nobody changes a session
    /// whose token they have not got.
    #[default]
    V2Alpha,
    /// The token of a change is ignored (v2beta, and v2 before permissions came): **whoever may
    /// call may change every session whose id they know**. For hosts whose every caller is trusted
    /// with that.
    V2,
    /// The token of a change is ignored, and `session.write` is needed (v2 today). Creators, and
    /// callers in the session's user agent, may end it without its token, too.
    Permission,
}

/// What `details.resourceOwner` names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ResourceOwner {
    /// The organisation of the session's user, in the directory's word; the caller's while there is
    /// none (v2alpha). The default.
    #[default]
    Organization,
    /// This instance, for every session (ZITADEL from 2.42 on).
    Instance(String),
}
