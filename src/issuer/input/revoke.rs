//! Sessions to end, and credentials that have changed.

use std::fmt;

use crate::{
    factor::FactorKind,
    id::{DeviceId, SessionId, SubjectId},
    session::RevokeReason,
};

/// Sessions to end: which, why, and by whom.
///
/// # Examples
/// ```
/// use session_issuer::{Revoke, id::SubjectId, session::RevokeReason};
///
/// let logout = Revoke::token("ses_s1_...");
/// let everywhere_else = Revoke::others_than("ses_s1_...").reason(RevokeReason::Logout);
/// let fired = Revoke::subject_disabled(SubjectId::new("mallory")?).by(SubjectId::new("hr")?);
/// # Ok::<(), session_issuer::error::InvalidInput>(())
/// ```
#[derive(Clone)]
pub struct Revoke<'a> {
    pub(in crate::issuer) target: Target<'a>,
    pub(in crate::issuer) reason: RevokeReason,
    pub(in crate::issuer) by: Option<SubjectId>,
}

#[derive(Clone)]
pub(in crate::issuer) enum Target<'a> {
    Token(&'a str),
    OthersThan(&'a str),
    Sessions(Vec<SessionId>),
    SessionOf(SubjectId, SessionId),
    Subject(SubjectId),
    SubjectBut(SubjectId, SessionId),
    Device(DeviceId),
    Actor(SubjectId),
}

impl fmt::Debug for Revoke<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revoke").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl<'a> Revoke<'a> {
    /// The session of this token: logging out. Any authentic token of it will do, old ones too.
    pub fn token(token: &'a str) -> Self {
        Self::target(Target::Token(token), RevokeReason::Logout)
    }

    /// All sessions of the subject but that of this token, in one act: "log out everywhere else".
    pub fn others_than(token: &'a str) -> Self {
        Self::target(Target::OthersThan(token), RevokeReason::Admin)
    }

    /// This session of this subject; another subject's is not found. For a page on which users end
    /// their own.
    pub fn session_of(subject: SubjectId, id: SessionId) -> Self {
        Self::target(Target::SessionOf(subject, id), RevokeReason::Admin)
    }

    /// This session, whosever it is: who may ask for that is the host's to decide. Ending what is
    /// not there is fine.
    pub fn session(id: SessionId) -> Self {
        Self::sessions([id])
    }

    /// These sessions. None is fine too.
    pub fn sessions(ids: impl IntoIterator<Item = SessionId>) -> Self {
        Self::target(Target::Sessions(ids.into_iter().collect()), RevokeReason::Admin)
    }

    /// All sessions of a subject, in one act.
    pub fn all(subject: SubjectId) -> Self {
        Self::target(Target::Subject(subject), RevokeReason::Admin)
    }

    /// All sessions of a subject but this one, in one act. It must be live, or nothing happens.
    pub fn all_but(subject: SubjectId, keep: SessionId) -> Self {
        Self::target(Target::SubjectBut(subject, keep), RevokeReason::Admin)
    }

    /// All sessions of a subject that may have none any more. That no new one begins is the
    /// directory's to see to.
    pub fn subject_disabled(subject: SubjectId) -> Self {
        Self::target(Target::Subject(subject), RevokeReason::SubjectDisabled)
    }

    /// All sessions of a device, up to 500 in one call:
    /// [`Revoked::more`](crate::issuer::Revoked::more) says if there are more.
    pub fn device(device: DeviceId) -> Self {
        Self::target(Target::Device(device), RevokeReason::Admin)
    }

    /// All sessions in which this actor acts in another's place, up to 500 in one call.
    pub fn actor(actor: SubjectId) -> Self {
        Self::target(Target::Actor(actor), RevokeReason::Admin)
    }

    fn target(target: Target<'a>, reason: RevokeReason) -> Self {
        Self { target, reason, by: None }
    }

    /// Why: `Logout` for [`token`](Self::token), `SubjectDisabled` for
    /// [`subject_disabled`](Self::subject_disabled), `Admin` for all others, unless said otherwise.
    #[must_use]
    pub fn reason(mut self, reason: RevokeReason) -> Self {
        self.reason = reason;
        self
    }

    /// Who does it: a note for events, and no authority.
    #[must_use]
    pub fn by(mut self, by: SubjectId) -> Self {
        self.by = Some(by);
        self
    }
}

/// A credential of a subject that has changed.
#[derive(Debug, Clone)]
pub struct CredentialChange {
    pub(in crate::issuer) subject: SubjectId,
    pub(in crate::issuer) kinds: Vec<FactorKind>,
    pub(in crate::issuer) sessions: AfterChange,
    pub(in crate::issuer) by: Option<SubjectId>,
}

#[derive(Debug, Clone, Copy)]
pub(in crate::issuer) enum AfterChange {
    EndAll,
    EndAllBut(SessionId),
    KeepAll,
}

impl CredentialChange {
    /// This credential of this subject has changed: sessions end, and factors proved before no
    /// longer count.
    pub fn new(subject: SubjectId, kind: FactorKind) -> Self {
        Self { subject, kinds: vec![kind], sessions: AfterChange::EndAll, by: None }
    }

    /// Another credential that has changed with it.
    #[must_use]
    pub fn and(mut self, kind: FactorKind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// The session in which the subject made the change lives on (Stack Auth). It must be live, or
    /// nothing happens.
    #[must_use]
    pub fn keeping(mut self, session: SessionId) -> Self {
        self.sessions = AfterChange::EndAllBut(session);
        self
    }

    /// All sessions live on, without the factor (ZITADEL).
    #[must_use]
    pub fn keeping_all(mut self) -> Self {
        self.sessions = AfterChange::KeepAll;
        self
    }

    /// Who did it.
    #[must_use]
    pub fn by(mut self, by: SubjectId) -> Self {
        self.by = Some(by);
        self
    }
}
