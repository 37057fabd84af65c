//! A session in use: its token, its quotas, and its end.

use super::{
    ApiError, ErrorBody, Service,
    create::{IS_WEB_EXTENSION, TYPE},
    key::KEY_SLOT,
};
use crate::{
    Requirement, Revoke, SessionQuery,
    client::ClientInfo,
    compat::{Field, from_object, query, redacted},
    error::{Error, ErrorClass, ErrorKind},
    id::SessionId,
    issuer::{Checked, SessionView},
    policy::{Noting, Spend},
    secret::Secret,
    session::RevokeReason,
    store::Select,
};

/// How many sessions of an identifier are read at once.
const PAGE: u32 = 1000;

impl Service {
    /// What stands before every protected route: whether a token is good now, and one use of it
    /// counted.
    ///
    /// The global quota always counts; another one counts with it where [`UseSession::counting`]
    /// names it. All of them move, or none does, and none ever passes its limit, however many calls
    /// there are at once.
    ///
    /// # Errors
    /// 401 `{error: "Protected resource, use Authorization header to get access"}` without a token,
    /// or for one that is forged or expired; for a session that has ended, and for one at its
    /// global limit, 401 `{error: "Invalid session"}`; where a quota is named, 403
    /// `{validationError: "Session is not active"}` for one that has ended and 403
    /// `{validationError: "Search limit exceeded"}` and its like at that limit; 500 `{error}` when
    /// a part did not answer.
    pub async fn use_session(&self, request: UseSession) -> Result<SessionUse, ApiError> {
        let token = self.verified(&request)?;
        let mut need = Requirement::new().spend(self.spend(Quota::Global));
        if request.quota != Quota::Global {
            need = need.spend(self.spend(request.quota));
        }
        match self.issuer.check(token, &need).await {
            Ok(checked) => Ok(SessionUse { checked }),
            Err(error) if error.kind() == ErrorKind::QuotaExceeded => {
                Err(self.exceeded(token, request.quota).await.caused_by(error))
            }
            Err(error) => Err(inactive(request.quota)(error)),
        }
    }

    /// The end of an operation that a session is good for once: its token is refused from now on.
    ///
    /// All sessions of its identifier end with it, at whatever address. Of several calls at once,
    /// one succeeds: where an operation must happen once, finish first. A call that failed with 500
    /// can be made again.
    ///
    /// # Security
    /// Nobody proves an identifier: who knows another's can end its sessions, which live for ten
    /// minutes and are made again for the asking. ZELF is like that too.
    ///
    /// # Errors
    /// 401 `{error: "Protected resource, use Authorization header to get access"}` without a token,
    /// or for one that is forged or expired; 403 `{validationError: "Session is not active"}` for a
    /// session that has ended; 500 `{error}` when a part did not answer.
    pub async fn finish_session(&self, request: UseSession) -> Result<(), ApiError> {
        let token = self.verified(&request)?;
        let need = Requirement::new().noting(Noting::Never);
        let checked = self.issuer.check(token, &need).await.map_err(not_active)?;
        let own = checked.session_id();
        let identifier = checked.session().and_then(SessionView::client);
        let identifier = identifier.and_then(ClientInfo::fingerprint);
        if let Some(identifier) = identifier {
            self.end_others(identifier, own).await?;
        }
        // Last, so that a call that failed half-way can be made again.
        let revoke = Revoke::session(own).reason(RevokeReason::Logout);
        let revoked = self.issuer.revoke(revoke).await?;
        match revoked.sessions().is_empty() {
            true => Err(ErrorBody::not_active()),
            false => Ok(()),
        }
    }
}

impl Service {
    /// The token, if its signature holds and its time is not over. The store is not asked.
    fn verified<'a>(&self, request: &'a UseSession) -> Result<&'a str, ApiError> {
        let token = request.token.given().map(Secret::expose).ok_or_else(ErrorBody::protected)?;
        self.issuer.verify(token).map(|_| token).map_err(|error| match error.class() {
            ErrorClass::Rejected => ErrorBody::protected().caused_by(error),
            _ => error.into(),
        })
    }

    /// One use that counts against this quota.
    fn spend(&self, quota: Quota) -> Spend {
        Spend::one(quota.name(), self.limit_of(quota))
    }

    /// Which of two limits refused: the global one goes first.
    async fn exceeded(&self, token: &str, quota: Quota) -> ApiError {
        let now = self.issuer.check(token, &Requirement::new().noting(Noting::Never)).await.ok();
        let session = now.as_ref().and_then(Checked::session).and_then(SessionView::session);
        let is_full = |quota: Quota| {
            session.is_some_and(|session| session.counter(quota.name()) >= self.limit_of(quota))
        };
        match quota == Quota::Global || is_full(Quota::Global) {
            true => ErrorBody::invalid_session(),
            false => ErrorBody::ValidationError(quota.exceeded().to_owned()).with(403),
        }
    }

    /// Ends the other sessions of this identifier, page by page.
    async fn end_others(&self, identifier: &str, own: SessionId) -> Result<(), Error> {
        let select = Select::Fingerprint(identifier.to_owned());
        let mut query = SessionQuery::select(select).limit(PAGE);
        loop {
            let page = self.issuer.list(query.clone()).await?;
            let found = page.sessions().iter().map(SessionView::id);
            let found = found.chain(page.damaged().iter().copied());
            let others =
                Revoke::sessions(found.filter(|id| *id != own)).reason(RevokeReason::Logout);
            match self.issuer.revoke(others).await {
                // What cannot be read is no session, and holds nobody up: the rest has ended.
                Err(error) if error.kind() == ErrorKind::Damaged => {}
                outcome => drop(outcome?),
            }
            let Some(next) = page.next() else { return Ok(()) };
            query = query.after(next);
        }
    }
}

/// How a session that is not good any more is shown: at the door, and at a route that counts.
fn inactive(quota: Quota) -> impl Fn(Error) -> ApiError {
    move |error| match (error.class(), quota) {
        (ErrorClass::Rejected, Quota::Global) => ErrorBody::invalid_session().caused_by(error),
        _ => not_active(error),
    }
}

fn not_active(error: Error) -> ApiError {
    match error.class() {
        ErrorClass::Rejected => ErrorBody::not_active().caused_by(error),
        _ => error.into(),
    }
}

/// What a session may be used for so many times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Quota {
    /// Anything: 3000 times.
    #[default]
    Global,
    /// A preview: 300 times.
    Preview,
    /// A search: 300 times.
    Search,
    /// A lease: 15 times.
    Lease,
    /// A decryption: 30 times.
    Decrypt,
}

impl Quota {
    /// The name of its counter: [`Session::counter`](crate::session::Session::counter) has how far
    /// it is.
    pub fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Preview => "preview",
            Self::Search => "search",
            Self::Lease => "lease",
            Self::Decrypt => "decrypt",
        }
    }

    /// ZELF's limit: 3000, 300, 300, 15, 30.
    pub fn usual(self) -> u64 {
        match self {
            Self::Global => 3000,
            Self::Preview | Self::Search => 300,
            Self::Lease => 15,
            Self::Decrypt => 30,
        }
    }

    fn exceeded(self) -> &'static str {
        match self {
            Self::Global => "Global limit exceeded",
            Self::Preview => "Preview limit exceeded",
            Self::Search => "Search limit exceeded",
            Self::Lease => "Lease limit exceeded",
            Self::Decrypt => "Decrypt limit exceeded",
        }
    }
}

/// The token of an `Authorization` header: from its first `ey` on, as ZELF reads it.
///
/// # Examples
/// ```
/// use session_issuer::compat::zelf::bearer_token;
///
/// let header = "Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2ln";
/// assert_eq!(bearer_token(header), Some("eyJhbGciOiJIUzI1NiJ9.e30.c2ln"));
/// assert_eq!(bearer_token("Basic dXNlcjpwYXNz"), None);
/// ```
pub fn bearer_token(authorization: &str) -> Option<&str> {
    let (before, _) = authorization.split_once("ey")?;
    authorization.get(before.len()..).map(str::trim_end)
}

/// A call that a session's token protects. Read from JSON, it is the `token` of a body.
#[derive(Default)]
#[non_exhaustive]
pub struct UseSession {
    /// The session's token. Required.
    pub token: Field<Secret>,
    /// What the call counts against, besides the global quota.
    pub quota: Quota,
}

redacted!(UseSession);
from_object!(UseSession { token: "token" });

impl UseSession {
    /// With this token.
    pub fn new(token: &str) -> Self {
        Self { token: token.into(), quota: Quota::Global }
    }

    /// With the token of an `Authorization` header, where it has one.
    pub fn authorization(header: &str) -> Self {
        Self { token: bearer_token(header).map(Secret::from).into(), quota: Quota::Global }
    }

    /// With the `token` in the query of an address, where it has one.
    pub fn from_query(query: &str) -> Self {
        Self { token: query::secret(query, "token"), quota: Quota::Global }
    }

    /// With the token of another place, where this one has none: the header goes before the query
    /// and the body.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { token: self.token.or(other.token), quota: self.quota }
    }

    /// Counting against this quota too.
    #[must_use]
    pub fn counting(mut self, quota: Quota) -> Self {
        self.quota = quota;
        self
    }
}

/// A session that was good when it was used.
#[derive(Debug, Clone)]
pub struct SessionUse {
    checked: Checked,
}

impl SessionUse {
    /// Names the device; empty for a session that ZELF's door did not make.
    pub fn identifier(&self) -> &str {
        let client = self.checked.session().and_then(SessionView::client);
        client.and_then(ClientInfo::fingerprint).unwrap_or_default()
    }

    /// What the session is for: one of [`TYPES`](super::TYPES), or empty for a session that ZELF's
    /// door did not make.
    pub fn kind(&self) -> &str {
        self.entry(TYPE).and_then(|kind| std::str::from_utf8(kind).ok()).unwrap_or_default()
    }

    /// True for the session of a web extension.
    pub fn is_web_extension(&self) -> bool {
        self.entry(IS_WEB_EXTENSION) == Some(b"true")
    }

    /// What the host keeps about its key: the metadata entry [`KEY_SLOT`].
    pub fn key_slot(&self) -> Option<&[u8]> {
        self.entry(KEY_SLOT)
    }

    /// The session.
    pub fn session_id(&self) -> SessionId {
        self.checked.session_id()
    }

    /// What the issuer says of it. Its counters are as they were before this use.
    pub fn checked(&self) -> &Checked {
        &self.checked
    }

    fn entry(&self, key: &str) -> Option<&[u8]> {
        self.checked.session()?.metadata()?.get(key)
    }
}
