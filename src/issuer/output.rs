//! What the verbs give back.

use std::{fmt, sync::Arc};

use crate::{
    client::ClientInfo,
    clock::Timestamp,
    error::{Error, ErrorKind, Operation},
    factor::{Amr, AssuranceLevel, Factor, authenticated_at},
    id::{AppId, DeviceId, SessionId, SubjectId},
    metadata::Metadata,
    secret::Secret,
    session::{Life, Record, Request, Session, State, SubjectStamp, life},
    store::{PageKey, Snapshot},
    token::VerifiedClaims,
};

/// Fresh credentials, and the session they are for.
///
/// `Debug` shows no token.
///
/// ```compile_fail
/// # fn f(issued: session_issuer::Issued) {
/// println!("{issued}"); // no Display: a token is only shown where it is asked for by name
/// # }
/// ```
#[derive(Debug)]
pub struct Issued {
    pub(super) token: Secret,
    pub(super) refresh: Option<Secret>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) view: SessionView,
    pub(super) replayed: bool,
    pub(super) evicted: Vec<SessionId>,
}

impl Issued {
    #[cfg(feature = "testing")]
    pub(crate) fn of(view: SessionView, token: &str, refresh: Option<&str>) -> Self {
        let expires_at = view.ends_at();
        let refresh = refresh.map(Secret::from);
        Self {
            token: token.into(),
            refresh,
            expires_at,
            view,
            replayed: false,
            evicted: Vec::new(),
        }
    }

    /// The token that [`check`](super::SessionIssuer::check) takes next: an access token or a
    /// session token.
    pub fn token(&self) -> &str {
        self.token.expose()
    }

    /// The token that [`refresh`](super::SessionIssuer::refresh) takes next, where there is one.
    pub fn refresh_token(&self) -> Option<&str> {
        self.refresh.as_ref().map(Secret::expose)
    }

    /// From when on [`token`](Self::token) is no longer good; none when only the session's end ends
    /// it.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// The session of these tokens.
    pub fn session(&self) -> &SessionView {
        &self.view
    }

    /// The id of the session.
    pub fn session_id(&self) -> SessionId {
        self.view.id()
    }

    /// True when this is an answer given again: the same refresh token, and nothing rotated.
    pub fn is_replay(&self) -> bool {
        self.replayed
    }

    /// The sessions that the cap ended for this one.
    pub fn evicted(&self) -> &[SessionId] {
        &self.evicted
    }
}

/// A session as it was at one moment, for the host to read.
#[derive(Clone)]
pub struct SessionView {
    record: Arc<Record>,
    subject: Option<SubjectStamp>,
}

impl SessionView {
    pub(crate) fn new(record: Arc<Record>, subject: Option<SubjectStamp>) -> Self {
        Self { record, subject }
    }

    pub(crate) fn of(snapshot: Snapshot) -> Self {
        Self::new(snapshot.record, snapshot.subject)
    }

    /// The id of the session.
    pub fn id(&self) -> SessionId {
        self.record.id()
    }

    /// The subject of the session; none while nobody is named.
    pub fn subject(&self) -> Option<&SubjectId> {
        self.record.bound().map(|(subject, _)| subject)
    }

    /// The record: everything that is kept, but for the salt of its tokens.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The client it was made in.
    pub fn client(&self) -> Option<&ClientInfo> {
        self.session().map(Session::client)
    }

    /// The device it belongs to.
    pub fn device(&self) -> Option<&DeviceId> {
        self.session().and_then(Session::device)
    }

    /// The metadata that the host keeps with the session.
    pub fn metadata(&self) -> Option<&Metadata> {
        self.session().map(Session::metadata)
    }

    /// True when somebody else acts in the subject's place.
    pub fn is_impersonation(&self) -> bool {
        self.session().is_some_and(Session::is_impersonation)
    }

    /// The record as a session; none while it is a request token.
    pub fn session(&self) -> Option<&Session> {
        self.record.session()
    }

    /// The factors that were proved and still count.
    pub fn factors(&self) -> Vec<Factor> {
        match (self.record.session(), &self.subject) {
            (Some(session), Some(stamp)) => stamp.counting(session),
            (Some(session), None) => session.factors().to_vec(),
            (None, _) => Vec::new(),
        }
    }

    /// The strength of the authentication; none when the subject only has a name.
    pub fn assurance_level(&self) -> Option<AssuranceLevel> {
        AssuranceLevel::of(&self.factors())
    }

    /// The methods by which the subject is authenticated now (RFC 8176).
    pub fn amr(&self) -> Amr {
        Amr::of(&self.factors())
    }

    /// The time of the latest proof of its subject.
    pub fn authenticated_at(&self) -> Option<Timestamp> {
        authenticated_at(&self.factors())
    }

    /// The time at which the session was created.
    pub fn created_at(&self) -> Timestamp {
        self.record.created_at()
    }

    /// The time of the last use, as far as that was written down.
    pub fn last_seen_at(&self) -> Timestamp {
        self.record.session().map_or(self.record.created_at(), Session::last_seen_at)
    }

    /// The time at which the session ends by itself: the earlier of its absolute end and its idle
    /// timeout.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.record.effective_end()
    }

    /// The count of changes of the session, from 1.
    pub fn version(&self) -> u64 {
        self.record.version()
    }

    /// Whether it was live at this time.
    pub fn life(&self, now: Timestamp) -> Life {
        life(&self.record, self.subject.as_ref(), now)
    }

    /// Its place in a list.
    pub fn page_key(&self) -> PageKey {
        PageKey::new(self.record.created_at(), self.record.id())
    }
}

impl fmt::Debug for SessionView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SessionView").field(&self.record).finish()
    }
}

/// The session of a refresh token, and whether the token is spent.
#[derive(Debug, Clone)]
pub struct RefreshTokenView {
    pub(super) session: SessionView,
    pub(super) is_spent: bool,
}

impl RefreshTokenView {
    /// The session, live or not.
    pub fn session(&self) -> &SessionView {
        &self.session
    }

    /// True when a newer refresh token has taken this one's place: a lost reply, another tab, or a
    /// thief.
    pub fn is_spent(&self) -> bool {
        self.is_spent
    }
}

/// A token that was good when it was checked.
///
/// Only a check makes one, so a skipped check does not compile.
#[derive(Debug, Clone)]
pub struct Checked {
    pub(super) proof: Proof,
    pub(super) needs_refresh: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Proof {
    /// The record decided; the claims are there when the token was a signed one.
    Store { view: SessionView, claims: Option<Box<VerifiedClaims>> },
    /// The token's own claims decided.
    Claims(Box<VerifiedClaims>),
}

impl Checked {
    #[cfg(feature = "testing")]
    pub(crate) fn of(view: SessionView) -> Self {
        Self { proof: Proof::Store { view, claims: None }, needs_refresh: false }
    }

    /// The subject of the session: named, and proved only as far as
    /// [`assurance_level`](Self::assurance_level) says.
    ///
    /// # Errors
    /// [`SubjectMissing`](ErrorKind::SubjectMissing) for a session that names nobody.
    pub fn subject(&self) -> Result<&SubjectId, Error> {
        let subject = match &self.proof {
            Proof::Store { view, .. } => view.subject(),
            Proof::Claims(claims) => claims.subject(),
        };
        subject.ok_or_else(|| Error::new(ErrorKind::SubjectMissing, Operation::Check))
    }

    /// The id of the session.
    pub fn session_id(&self) -> SessionId {
        match &self.proof {
            Proof::Store { view, .. } => view.id(),
            Proof::Claims(claims) => claims.session_id(),
        }
    }

    /// The session as the store has it; none when only the token was asked.
    pub fn session(&self) -> Option<&SessionView> {
        match &self.proof {
            Proof::Store { view, .. } => Some(view),
            Proof::Claims(_) => None,
        }
    }

    /// What the token claims, when it was a signed one: as of when it was issued. What the session
    /// has now, its record says, and [`needs_refresh`](Self::needs_refresh) whether the two differ.
    pub fn claims(&self) -> Option<&VerifiedClaims> {
        match &self.proof {
            Proof::Store { claims, .. } => claims.as_deref(),
            Proof::Claims(claims) => Some(claims),
        }
    }

    /// The strength of the authentication; none when the session only has a name.
    pub fn assurance_level(&self) -> Option<AssuranceLevel> {
        match &self.proof {
            Proof::Store { view, .. } => view.assurance_level(),
            Proof::Claims(claims) => claims.assurance_level(),
        }
    }

    /// The methods by which the subject was authenticated (RFC 8176).
    pub fn amr(&self) -> Amr {
        match &self.proof {
            Proof::Store { view, .. } => Amr::of(&view.factors()),
            Proof::Claims(claims) => claims.amr(),
        }
    }

    /// The time of the latest proof of the subject.
    pub fn authenticated_at(&self) -> Option<Timestamp> {
        match &self.proof {
            Proof::Store { view, .. } => view.authenticated_at(),
            Proof::Claims(claims) => claims.authenticated_at(),
        }
    }

    /// True when somebody else acts in the subject's place.
    pub fn is_impersonation(&self) -> bool {
        match &self.proof {
            Proof::Store { view, .. } => view.session().is_some_and(Session::is_impersonation),
            Proof::Claims(claims) => claims.is_impersonation(),
        }
    }

    /// The actors in the subject's place: the nearest first, the root actor last.
    pub fn actors(&self) -> Vec<&str> {
        match &self.proof {
            Proof::Store { view, .. } => view
                .session()
                .and_then(Session::actors)
                .map(|chain| chain.actors().iter().map(|actor| actor.subject().as_str()).collect())
                .unwrap_or_default(),
            Proof::Claims(claims) => claims.actors().collect(),
        }
    }

    /// True when a refresh would bring something newer: the token is of the generation before, or
    /// the session's claims have changed since it was issued.
    pub fn needs_refresh(&self) -> bool {
        self.needs_refresh
    }
}

/// An open request token.
#[derive(Debug)]
pub struct OpenedRequest {
    pub(super) token: Option<Secret>,
    pub(super) record: Arc<Record>,
}

impl OpenedRequest {
    /// The token; none in the answer to a decision, whose caller has it.
    pub fn token(&self) -> Option<&str> {
        self.token.as_ref().map(Secret::expose)
    }

    /// The id that the session will have.
    pub fn session_id(&self) -> SessionId {
        self.record.id()
    }

    /// The app that opened it.
    pub fn app(&self) -> Option<&AppId> {
        self.record.request().map(Request::app)
    }

    /// The address to which the host sends the subject after the decision.
    pub fn redirect(&self) -> Option<&str> {
        self.record.request().and_then(Request::redirect)
    }

    /// From when on it is no longer good.
    pub fn expires_at(&self) -> Timestamp {
        self.record.request().map_or(Timestamp::EPOCH, Request::ends_at)
    }

    /// True once it was approved.
    pub fn is_approved(&self) -> bool {
        matches!(self.record.state(), State::Approved(..))
    }
}

/// The outcome of a revocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revoked {
    pub(super) sessions: Vec<SessionId>,
    pub(super) subject: bool,
    pub(super) more: bool,
}

impl Revoked {
    /// The sessions that this call ended one by one. A mass revocation of a subject does not count
    /// them.
    pub fn sessions(&self) -> &[SessionId] {
        &self.sessions
    }

    /// True when all sessions of a subject (but the kept one) ended in one act.
    pub fn is_mass(&self) -> bool {
        self.subject
    }

    /// True when there may be more to end: call again.
    pub fn more(&self) -> bool {
        self.more
    }
}

/// A page of sessions.
#[derive(Debug, Clone, Default)]
pub struct SessionPage {
    pub(super) sessions: Vec<SessionView>,
    pub(super) damaged: Vec<SessionId>,
    pub(super) next: Option<PageKey>,
}

impl SessionPage {
    /// The sessions, in order.
    pub fn sessions(&self) -> &[SessionView] {
        &self.sessions
    }

    /// Sessions whose rows cannot be read.
    pub fn damaged(&self) -> &[SessionId] {
        &self.damaged
    }

    /// The place after which the next page begins; none when this is the last.
    pub fn next(&self) -> Option<PageKey> {
        self.next
    }
}

/// The outcome of one sweep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweepReport {
    /// The number of records that are gone.
    pub removed: usize,
    /// The number of rows that cannot be read: they stay, and are never sessions. Wake somebody up.
    pub damaged: usize,
    /// There may be more: sweep again soon.
    pub more: bool,
}
