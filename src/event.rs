//! The event joint: what happens to sessions, emitted to the host.

use std::{fmt::Debug, sync::Arc, time::Duration};

use serde::{Serialize, Serializer};

use crate::{
    clock::Timestamp,
    error::{ErrorKind, Operation},
    factor::FactorKind,
    id::{AppId, SessionId, SubjectId, TenantId},
    session::{Epoch, RevokeReason},
};

/// Receives events: an audit log, metrics, a queue.
///
/// # Contract
/// - `emit` MUST return soon and MUST NOT block: it is called on the path of a request. Queue what
///   takes time.
/// - It MUST NOT panic.
/// - An event is emitted after the store has acknowledged what it is about. A process that dies in
///   between emits nothing.
///
/// # Examples
/// ```
/// use session_issuer::event::{Event, EventSink};
///
/// #[derive(Debug)]
/// struct JsonLines;
///
/// impl EventSink for JsonLines {
///     fn emit(&self, event: &Event) {
///         if let Ok(line) = serde_json::to_string(event) {
///             eprintln!("{line}");
///         }
///     }
/// }
/// ```
pub trait EventSink: Debug + Send + Sync {
    /// Takes one event.
    fn emit(&self, event: &Event);
}

#[deny(clippy::missing_trait_methods)]
impl<T: EventSink + ?Sized> EventSink for Arc<T> {
    fn emit(&self, event: &Event) {
        (**self).emit(event);
    }
}

#[deny(clippy::missing_trait_methods)]
impl<T: EventSink + ?Sized> EventSink for Box<T> {
    fn emit(&self, event: &Event) {
        (**self).emit(event);
    }
}

/// An event of a session: a thing that happened to it. It never holds a token, a salt or an
/// address.
///
/// Serde writes one flat object: `{"at": .., "tenant": .., "session": .., "event": "revoked",
/// "reason": "logout", ..}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// The time of the event.
    pub at: Timestamp,
    /// The tenant of the session.
    pub tenant: TenantId,
    /// The session that the event is about.
    pub session: Option<SessionId>,
    /// The subject of the session.
    pub subject: Option<SubjectId>,
    /// The root actor, where somebody acts in the subject's place.
    pub actor: Option<SubjectId>,
    /// The reason that the actor gave.
    pub acting_because: Option<String>,
    /// When the session ends by itself, as it stands. Of a revocation: from when on no signed token
    /// of it can be good any more, so that who keeps a list of revoked sessions may forget it then.
    pub ends_at: Option<Timestamp>,
    /// The kind of event, with what belongs to it.
    #[serde(flatten)]
    pub kind: EventKind,
}

impl Event {
    pub(crate) fn new(at: Timestamp, tenant: TenantId, kind: EventKind) -> Self {
        Self {
            at,
            tenant,
            session: None,
            subject: None,
            actor: None,
            acting_because: None,
            ends_at: None,
            kind,
        }
    }
}

/// The kinds of things that happen to a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// A session was created.
    Created,
    /// An impersonated session was used: emitted at every check, and not at a bare `verify`.
    ImpersonationUsed,
    /// A refresh handed out the next generation.
    Refreshed,
    /// A refresh was answered again with what it was answered before.
    RefreshReplayed {
        /// How long after the rotation. Serde writes milliseconds.
        #[serde(serialize_with = "millis")]
        age: Duration,
        /// From another address than the session was made from.
        ip_changed: bool,
        /// From another user agent.
        agent_changed: bool,
    },
    /// A spent refresh token came back: the session was ended.
    ReuseDetected,
    /// An authentic token was ahead of its record: the store has lost an acknowledged write.
    TokenAhead,
    /// A session changed; these factors were proved in the call.
    Updated {
        /// The kinds of factor.
        factors: Vec<FactorKind>,
    },
    /// A session was revoked.
    Revoked {
        /// Why.
        reason: RevokeReason,
        /// Who did it.
        by: Option<SubjectId>,
    },
    /// All sessions of a subject were revoked, but for the kept one.
    SubjectRevoked {
        /// Why.
        reason: RevokeReason,
        /// Who did it.
        by: Option<SubjectId>,
        /// Sessions bound under a lower epoch are dead.
        epoch: Epoch,
        /// But for this one.
        kept: Option<SessionId>,
    },
    /// Factors of a subject were voided, because their credential changed.
    FactorsVoided {
        /// The kinds of factor.
        factors: Vec<FactorKind>,
    },
    /// A session that had ended by itself was swept. What was revoked, alone or with its subject's
    /// others, was told of then.
    Expired,
    /// A request token was opened.
    RequestOpened {
        /// The app that did.
        app: AppId,
    },
    /// A request token was approved.
    RequestApproved,
    /// A request token was denied.
    RequestDenied,
    /// A request token became a session.
    RequestExchanged,
    /// A call was refused. Emitted for credentials that proved authentic, and for failed checks.
    Refused {
        /// By which verb.
        operation: Operation,
        /// Why.
        #[serde(rename = "code")]
        kind: ErrorKind,
    },
    /// That a session was used could not be written down, and the check went on without.
    WriteFailed {
        /// In which verb.
        operation: Operation,
    },
}

impl EventKind {
    /// A stable word, the same that serde writes as `event`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::ImpersonationUsed => "impersonation_used",
            Self::Refreshed => "refreshed",
            Self::RefreshReplayed { .. } => "refresh_replayed",
            Self::ReuseDetected => "reuse_detected",
            Self::TokenAhead => "token_ahead",
            Self::Updated { .. } => "updated",
            Self::Revoked { .. } => "revoked",
            Self::SubjectRevoked { .. } => "subject_revoked",
            Self::FactorsVoided { .. } => "factors_voided",
            Self::Expired => "expired",
            Self::RequestOpened { .. } => "request_opened",
            Self::RequestApproved => "request_approved",
            Self::RequestDenied => "request_denied",
            Self::RequestExchanged => "request_exchanged",
            Self::Refused { .. } => "refused",
            Self::WriteFailed { .. } => "write_failed",
        }
    }
}

fn millis<S: Serializer>(age: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u128(age.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_flat_line_of_json() {
        let kind = EventKind::RefreshReplayed {
            age: Duration::from_millis(1500),
            ip_changed: true,
            agent_changed: false,
        };
        let mut event = Event::new(Timestamp::from_secs(1), TenantId::default(), kind);
        event.subject = SubjectId::new("alice").ok();
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["event"], event.kind.code());
        assert_eq!((&json["age"], &json["at"]), (&1500.into(), &1000.into()));
        assert_eq!((&json["subject"], &json["ip_changed"]), (&"alice".into(), &true.into()));
        let refused = EventKind::Refused { operation: Operation::Check, kind: ErrorKind::Expired };
        assert_eq!(
            serde_json::to_string(&refused).unwrap(),
            r#"{"event":"refused","operation":"check","code":"expired"}"#
        );
    }
}
