//! The issuer: create, check, verify, refresh, update, revoke, list; open, decide and exchange;
//! sweep and sync.
//!
//! | verb | takes | gives |
//! | --- | --- | --- |
//! | [`create`](Issuer::create) | [`NewSession`] | [`Issued`] |
//! | [`check`](Issuer::check) | [`Presented`], [`Requirement`] | [`Checked`] |
//! | [`verify`](Issuer::verify) | a signed token | [`VerifiedClaims`] |
//! | [`refresh`](Issuer::refresh) | [`Refresh`] | [`Issued`] |
//! | [`update`](Issuer::update) | [`Update`] | [`Issued`] |
//! | [`revoke`](Issuer::revoke) | [`Revoke`] | [`Revoked`] |
//! | [`credential_changed`](Issuer::credential_changed) | [`CredentialChange`] | [`Revoked`] |
//! | [`list`](Issuer::list) | [`SessionQuery`] | [`SessionPage`] |
//! | [`open`](Issuer::open), [`decide`](Issuer::decide) | [`OpenRequest`], [`Decide`] | [`OpenedRequest`] |
//! | [`request`](Issuer::request) | [`FindRequest`] | [`OpenedRequest`] |
//! | [`exchange`](Issuer::exchange) | [`Exchange`] | [`Issued`] |
//! | [`session`](Issuer::session), [`session_by`](Issuer::session_by) | an id, a token | [`SessionView`] |
//! | [`session_by_refresh_token`](Issuer::session_by_refresh_token) | a refresh token | [`RefreshTokenView`] |
//! | [`profile`](Issuer::profile) | a subject | [`SubjectProfile`](crate::verifier::SubjectProfile) |
//! | [`sweep`](Issuer::sweep), [`Sweeper`] | | [`SweepReport`], [`SweepRun`] |
//! | [`sync_revocations`](Issuer::sync_revocations) | | |

// One file a verb; its rule is in `session`. Beside the verbs:
// - `call`: what every verb asks of its issuer, and how its errors are named
// - `commit`: the one loop of the verbs that change a record
// - `builder`, `input`, `output`: how an issuer is put together, what verbs take and give
// - `authenticate`: from a presented token to a loaded record
// - `attempt`: runs checks through the host's verifier
// - `mint`: tokens for a record
// - `core`: the parts, the clock, events
// - `look`: reads sessions, requests and subjects as they are
// - `upkeep`: sweeps, and the local view of the store's revocation log

mod attempt;
mod authenticate;
mod builder;
mod call;
mod check;
mod commit;
mod core;
mod create;
mod decide;
mod exchange;
mod input;
mod list;
mod look;
mod mint;
mod open;
mod output;
mod refresh;
mod revoke;
mod update;
mod upkeep;
mod verify;

use std::fmt::Debug;

use async_trait::async_trait;

#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub use self::upkeep::{RunningSweeper, Schedule};
pub use self::{
    builder::IssuerBuilder,
    core::Issuer,
    input::{
        CredentialChange, Decide, Exchange, FindRequest, NewSession, OpenRequest, Presented,
        Refresh, Revoke, SessionQuery, Update,
    },
    output::{
        Checked, Issued, OpenedRequest, RefreshTokenView, Revoked, SessionPage, SessionView,
        SweepReport,
    },
    upkeep::{SweepRun, Sweeper},
};
use crate::{
    error::Error, id::SubjectId, policy::Requirement, session::Epoch, token::VerifiedClaims,
};

/// Creates, checks, refreshes, updates, lists and revokes sessions.
///
/// [`Issuer`] implements it. Hosts hold an `Arc<dyn SessionIssuer>`, or a clone of the `Issuer`,
/// which is as cheap and can also [`sweep`](Issuer::sweep), [`sync`](Issuer::sync_revocations) and
/// speak for other [tenants](Issuer::tenant). In tests, an issuer over a `MemoryStore` with a
/// manual clock does, and so does a host's own implementation, whose answers `testing::fixtures`
/// makes.
///
/// # Errors
/// Each verb may answer [`Unavailable`], after which the same call may succeed, [`Damaged`] where
/// a stored row cannot be read, and [`Internal`] where the store is broken. What else a verb
/// refuses stands at the method of the same name of [`Issuer`]. An implementation of a host's own
/// answers with the same kinds.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use session_issuer::{Error, Requirement, SessionIssuer, error::Remedy};
///
/// struct App {
///     sessions: Arc<dyn SessionIssuer>,
/// }
///
/// impl App {
///     async fn whoami(&self, cookie: &str) -> Result<String, &'static str> {
///         match self.sessions.check(cookie.into(), &Requirement::new()).await {
///             Ok(checked) => Ok(checked.subject().map_err(|_| "anonymous")?.to_string()),
///             Err(error) => Err(match error.remedy() {
///                 Remedy::Refresh => "refresh, and come back",
///                 Remedy::LogIn => "log in",
///                 Remedy::Retry => "in a moment",
///                 _ => error.public().message,
///             }),
///         }
///     }
/// }
/// ```
///
/// # Contract
/// - A handle speaks for one tenant. Another tenant's token is not found.
/// - A refused call changes nothing, but for reuse: that ends the session.
/// - Dropping a future leaves the session as it was or as the call would have left it, and nothing
///   in between.
///
/// [`Damaged`]: crate::error::ErrorKind::Damaged
/// [`Internal`]: crate::error::ErrorKind::Internal
/// [`Unavailable`]: crate::error::ErrorKind::Unavailable
#[async_trait]
pub trait SessionIssuer: Debug + Send + Sync {
    /// Creates a session, or finds the one that a device already has.
    ///
    /// # Errors
    /// Those of [`Issuer::create`]: of the subject, of the checks, of the cap, and of the values.
    async fn create(&self, new: NewSession) -> Result<Issued, Error>;

    /// Says whether a token is good now, and for what.
    ///
    /// # Errors
    /// Those of [`Issuer::check`]: of the token, of its session, and of the requirement.
    async fn check(&self, presented: Presented<'_>, need: &Requirement) -> Result<Checked, Error>;

    /// Says what a signed access token claims: signature, times and audience, and nothing that
    /// needs I/O.
    ///
    /// # Errors
    /// Those of [`Issuer::verify`]. Nothing is asked of the store, so it never is [`Unavailable`].
    ///
    /// [`Unavailable`]: crate::error::ErrorKind::Unavailable
    fn verify(&self, token: &str) -> Result<VerifiedClaims, Error>;

    /// Trades a refresh token for the next pair.
    ///
    /// # Errors
    /// Those of [`Issuer::refresh`]. [`ReuseDetected`] has ended the session.
    ///
    /// [`ReuseDetected`]: crate::error::ErrorKind::ReuseDetected
    async fn refresh(&self, refresh: Refresh<'_>) -> Result<Issued, Error>;

    /// Changes a session: more factors, other metadata, another lifetime.
    ///
    /// # Errors
    /// Those of [`Issuer::update`]: of the token, of the checks, and of the values.
    async fn update(&self, update: Update<'_>) -> Result<Issued, Error>;

    /// Ends sessions: one, several, or all of a subject, a device or an actor.
    ///
    /// # Errors
    /// Those of [`Issuer::revoke`]. A session that has ended already is no error.
    async fn revoke(&self, revoke: Revoke<'_>) -> Result<Revoked, Error>;

    /// Says that a subject's credential has changed: voids its old factors and, unless told
    /// otherwise, ends sessions.
    ///
    /// # Errors
    /// Those of [`Issuer::credential_changed`]: [`NotFound`] where the session to keep is not a
    /// live one of the subject.
    ///
    /// [`NotFound`]: crate::error::ErrorKind::NotFound
    async fn credential_changed(&self, change: CredentialChange) -> Result<Revoked, Error>;

    /// Lists sessions, page by page.
    ///
    /// # Errors
    /// Those of [`Issuer::list`].
    async fn list(&self, query: SessionQuery) -> Result<SessionPage, Error>;

    /// Reads a subject's epoch, for hosts that verify credentials themselves: before they do.
    ///
    /// # Errors
    /// Those of [`Issuer::epoch`]. A subject that is new is no error: its epoch begins.
    async fn epoch(&self, subject: &SubjectId) -> Result<Epoch, Error>;
}

/// Request tokens: opened by an app, decided by a subject, exchanged exactly once for a session
/// (flow D).
///
/// # Errors
/// As of [`SessionIssuer`]: each verb may answer [`Unavailable`] and [`Damaged`]. What else a verb
/// refuses stands at the method of the same name of [`Issuer`].
///
/// # Examples
/// ```
/// use session_issuer::{
///     Issuer, Policy, RequestTokens, entropy::SystemEntropy, id::{AppId, SubjectId},
///     issuer::{Decide, Exchange, OpenRequest}, store::MemoryStore, token::TokenKeys,
/// };
///
/// # pollster::block_on(async {
/// let requests: std::sync::Arc<dyn RequestTokens> = std::sync::Arc::new(
///     Issuer::builder()
///         .store(MemoryStore::new())
///         .token_keys(TokenKeys::generate(&SystemEntropy)?)
///         .policy(Policy::tmdb())
///         .build()?,
/// );
/// let app = AppId::new("film-club")?;
/// let opened = requests.open(OpenRequest::new(app.clone())).await?;
/// let token = opened.token().unwrap(); // the app sends its user to the host with it
/// requests.decide(Decide::approve(token, SubjectId::new("alice")?)).await?; // the host, when alice says yes
/// let session = requests.exchange(Exchange::new(token, app.clone())).await?; // the app, once
/// assert_eq!(session.session().subject().unwrap().as_str(), "alice");
/// assert!(requests.exchange(Exchange::new(token, app)).await.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// [`Damaged`]: crate::error::ErrorKind::Damaged
/// [`Unavailable`]: crate::error::ErrorKind::Unavailable
#[async_trait]
pub trait RequestTokens: Debug + Send + Sync {
    /// Opens a request token for an app.
    ///
    /// # Errors
    /// Those of [`Issuer::open`]: [`InvalidInput`] for a lifetime out of range.
    ///
    /// [`InvalidInput`]: crate::error::ErrorKind::InvalidInput
    async fn open(&self, open: OpenRequest) -> Result<OpenedRequest, Error>;

    /// Says what a request token asks for, and by which app. Changes nothing.
    ///
    /// # Errors
    /// Those of [`Issuer::request`]. A request that was approved is no error.
    async fn request(&self, find: FindRequest<'_>) -> Result<OpenedRequest, Error>;

    /// Approves or denies it. Final.
    ///
    /// # Errors
    /// Those of [`Issuer::decide`]: of the token, and of the checks, after which the request waits
    /// on.
    async fn decide(&self, decide: Decide<'_>) -> Result<OpenedRequest, Error>;

    /// Trades an approved request token for a session, once.
    ///
    /// # Errors
    /// Those of [`Issuer::exchange`]. After [`NotApproved`] the token waits on.
    ///
    /// [`NotApproved`]: crate::error::ErrorKind::NotApproved
    async fn exchange(&self, exchange: Exchange<'_>) -> Result<Issued, Error>;
}

#[async_trait]
impl SessionIssuer for Issuer {
    // Boxed as they are: a future around the future is one move more, and these three are the
    // busiest.
    fn create<'a, 'f>(&'a self, new: NewSession) -> Boxed<'f, Issued>
    where
        'a: 'f,
        Self: 'f,
    {
        Box::pin(self.creating(new))
    }
    fn check<'a, 'b, 'c, 'f>(
        &'a self,
        presented: Presented<'b>,
        need: &'c Requirement,
    ) -> Boxed<'f, Checked>
    where
        'a: 'f,
        'b: 'f,
        'c: 'f,
        Self: 'f,
    {
        Box::pin(self.checking(presented, need))
    }
    fn verify(&self, token: &str) -> Result<VerifiedClaims, Error> {
        self.verify(token)
    }
    fn refresh<'a, 'b, 'f>(&'a self, refresh: Refresh<'b>) -> Boxed<'f, Issued>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        Box::pin(self.refresh(refresh))
    }
    async fn update(&self, update: Update<'_>) -> Result<Issued, Error> {
        self.update(update).await
    }
    async fn revoke(&self, revoke: Revoke<'_>) -> Result<Revoked, Error> {
        self.revoke(revoke).await
    }
    async fn credential_changed(&self, change: CredentialChange) -> Result<Revoked, Error> {
        self.credential_changed(change).await
    }
    async fn list(&self, query: SessionQuery) -> Result<SessionPage, Error> {
        self.list(query).await
    }
    async fn epoch(&self, subject: &SubjectId) -> Result<Epoch, Error> {
        self.epoch(subject).await
    }
}

#[async_trait]
impl RequestTokens for Issuer {
    async fn open(&self, open: OpenRequest) -> Result<OpenedRequest, Error> {
        self.open(open).await
    }
    async fn request(&self, find: FindRequest<'_>) -> Result<OpenedRequest, Error> {
        self.request(find).await
    }
    async fn decide(&self, decide: Decide<'_>) -> Result<OpenedRequest, Error> {
        self.decide(decide).await
    }
    async fn exchange(&self, exchange: Exchange<'_>) -> Result<Issued, Error> {
        self.exchange(exchange).await
    }
}

type Boxed<'f, T> = std::pin::Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'f>>;

crate::forward::forward! {
    SessionIssuer {
        async fn create(&self, new: NewSession) -> Result<Issued, Error>;
        async fn check<'b, 'c>(&self, presented: Presented<'b>, need: &'c Requirement)
            -> Result<Checked, Error>;
        async fn refresh<'b>(&self, refresh: Refresh<'b>) -> Result<Issued, Error>;
        async fn update<'b>(&self, update: Update<'b>) -> Result<Issued, Error>;
        async fn revoke<'b>(&self, revoke: Revoke<'b>) -> Result<Revoked, Error>;
        async fn credential_changed(&self, change: CredentialChange) -> Result<Revoked, Error>;
        async fn list(&self, query: SessionQuery) -> Result<SessionPage, Error>;
        async fn epoch<'b>(&self, subject: &'b SubjectId) -> Result<Epoch, Error>;
        fn verify(&self, token: &str) -> Result<VerifiedClaims, Error>;
    }
}
crate::forward::forward! {
    RequestTokens {
        async fn open(&self, open: OpenRequest) -> Result<OpenedRequest, Error>;
        async fn request<'b>(&self, find: FindRequest<'b>) -> Result<OpenedRequest, Error>;
        async fn decide<'b>(&self, decide: Decide<'b>) -> Result<OpenedRequest, Error>;
        async fn exchange<'b>(&self, exchange: Exchange<'b>) -> Result<Issued, Error>;
    }
}
