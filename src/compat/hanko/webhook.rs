//! Hanko's webhooks of sessions that ended, made from this crate's events.

use serde::{Serialize, Serializer};

use crate::{
    Timestamp,
    event::{Event, EventKind},
    id::{SessionId, SubjectId},
    session::RevokeReason,
};

/// A session has ended: what Hanko's webhook says of it.
///
/// An [`EventSink`](crate::event::EventSink) of the host's makes it from each event, and sends it.
///
/// # Examples
/// ```
/// use session_issuer::{compat::hanko::SessionDeleted, event::{Event, EventSink}};
///
/// #[derive(Debug)]
/// struct Webhooks; // a queue
///
/// impl EventSink for Webhooks {
///     fn emit(&self, event: &Event) {
///         if let Some(deleted) = SessionDeleted::of(event) {
///             println!("{} {}", deleted.kind.name(), serde_json::json!(deleted));
///         }
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SessionDeleted {
    /// How it ended; the webhook's name, and no part of its data.
    #[serde(skip)]
    pub kind: SessionDeletedKind,
    /// The session.
    pub session_id: SessionId,
    /// The user.
    pub user_id: SubjectId,
    /// From when on no token of the session can be good, in seconds since the epoch: a list of
    /// revoked sessions may forget it then. Of one that was revoked, never earlier than its token's
    /// own `exp`.
    #[serde(serialize_with = "seconds")]
    pub exp: Timestamp,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionDeletedKind {
    /// Its user ended it, from another session.
    ExplicitRevoke,
    /// Its user logged out.
    ExplicitLogout,
    /// An administrator ended it, or the host by its own authority.
    AdminRevoke,
    /// Its user had too many.
    PassiveLimit,
    /// It was idle for too long, or had come to its end.
    PassiveExpire,
}

impl SessionDeletedKind {
    /// The webhook's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ExplicitRevoke => "session.delete.explicit.revoke",
            Self::ExplicitLogout => "session.delete.explicit.logout",
            Self::AdminRevoke => "session.delete.admin.revoke",
            Self::PassiveLimit => "session.delete.passive.limit",
            Self::PassiveExpire => "session.delete.passive.expire",
        }
    }
}

impl SessionDeleted {
    /// What the webhook says of this event; none of one that ends no single session.
    pub fn of(event: &Event) -> Option<Self> {
        let kind = match &event.kind {
            EventKind::Expired => SessionDeletedKind::PassiveExpire,
            EventKind::Revoked { reason, by } => match reason {
                RevokeReason::Logout => SessionDeletedKind::ExplicitLogout,
                RevokeReason::Limit => SessionDeletedKind::PassiveLimit,
                RevokeReason::Idle => SessionDeletedKind::PassiveExpire,
                RevokeReason::Admin if by.is_some() && *by == event.subject => {
                    SessionDeletedKind::ExplicitRevoke
                }
                _ => SessionDeletedKind::AdminRevoke,
            },
            _ => return None,
        };
        Some(Self {
            kind,
            session_id: event.session?,
            user_id: event.subject.clone()?,
            exp: event.ends_at.unwrap_or(event.at),
        })
    }
}

fn seconds<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(at.as_secs())
}
