//! Stack Auth's event of an access token handed out, made from this crate's events.

use serde::Serialize;

use crate::{
    Timestamp,
    event::{Event, EventKind},
    id::{SessionId, SubjectId},
};

/// An access token was handed out: at a creation and at each refresh, once (`$token-refresh`).
///
/// An [`EventSink`](crate::event::EventSink) of the host's makes it from each event.
///
/// # Examples
/// ```
/// use session_issuer::{compat::stack_auth::TokenRefresh, event::{Event, EventSink}};
///
/// #[derive(Debug)]
/// struct Analytics; // a queue
///
/// impl EventSink for Analytics {
///     fn emit(&self, event: &Event) {
///         if let Some(refresh) = TokenRefresh::of(event) {
///             println!("{}", serde_json::json!(refresh));
///         }
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TokenRefresh {
    /// When, in milliseconds since the epoch.
    pub at: Timestamp,
    /// The session.
    pub refresh_token_id: SessionId,
    /// The user.
    pub user_id: SubjectId,
    /// Somebody else acts in the user's place.
    pub is_impersonation: bool,
}

impl TokenRefresh {
    /// What the event says; none of one that hands out no token.
    pub fn of(event: &Event) -> Option<Self> {
        match event.kind {
            EventKind::Created | EventKind::Refreshed | EventKind::RefreshReplayed { .. } => {
                Some(Self {
                    at: event.at,
                    refresh_token_id: event.session?,
                    user_id: event.subject.clone()?,
                    is_impersonation: event.actor.is_some(),
                })
            }
            _ => None,
        }
    }
}
