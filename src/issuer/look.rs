//! Looks at what is known: one session, a request token, a subject. Nothing here changes anything.

use super::{FindRequest, OpenedRequest, RefreshTokenView, SessionView, core::Issuer};
use crate::{
    error::{Error, ErrorKind, Operation},
    id::{SessionId, SubjectId},
    session::decide_look,
    store::Snapshot,
    token::TokenKind,
    verifier::SubjectProfile,
};

const OPERATION: Operation = Operation::Look;

impl Issuer {
    /// Reads one session by its id, whether it is live, expired or ended.
    ///
    /// [`SessionView::life`] says which. An id is no credential: who may see a session is the
    /// host's to decide.
    ///
    /// # Errors
    /// [`NotFound`] for an id that this tenant has no session of: one that is unknown, that was
    /// swept, or that is a request token's; [`Damaged`], [`Unavailable`].
    ///
    /// [`Damaged`]: crate::error::ErrorKind::Damaged
    /// [`NotFound`]: crate::error::ErrorKind::NotFound
    /// [`Unavailable`]: crate::error::ErrorKind::Unavailable
    ///
    /// # Examples
    /// ```
    /// # use session_issuer::{entropy::SystemEntropy, id::SubjectId, policy::{AccessFormat, Credentials, Policy}};
    /// # use session_issuer::{store::MemoryStore, token::TokenKeys};
    /// use session_issuer::{Issuer, NewSession, Revoke, session::{Life, RevokeReason}};
    ///
    /// # pollster::block_on(async {
    /// # let issuer = Issuer::builder().store(MemoryStore::new()).token_keys(TokenKeys::generate(&SystemEntropy)?)
    /// #     .policy(Policy::default().credentials(Credentials::Pair(AccessFormat::Opaque))).build()?;
    /// let id = issuer.create(NewSession::for_subject(SubjectId::new("alice")?)).await?.session_id();
    /// assert_eq!(issuer.session(id).await?.life(issuer.now()), Life::Live);
    ///
    /// issuer.revoke(Revoke::session(id)).await?;
    /// let ended = issuer.session(id).await?;
    /// assert_eq!(ended.life(issuer.now()), Life::Revoked(RevokeReason::Admin));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn session(&self, id: SessionId) -> Result<SessionView, Error> {
        let call = self.call(OPERATION);
        let found = call.load(id).await?;
        let session = found.filter(|snapshot| snapshot.record.session().is_some());
        session.map(SessionView::of).ok_or_else(|| call.error(ErrorKind::NotFound))
    }

    /// Reads the session of an access token or a session token, whether it is live, expired or
    /// ended.
    ///
    /// Unlike [`check`](Self::check), this says nothing about the session's life, notes no use, and
    /// asks nothing of those who act in the subject's place. It proves that the caller was given
    /// the session, and no more.
    ///
    /// # Errors
    /// [`MalformedToken`], [`InvalidToken`], [`WrongTokenKind`], [`TokenExpired`],
    /// [`WrongAudience`]; [`Superseded`] for a session token that a newer one has replaced,
    /// [`RefreshRequired`] for an access token that is older than its session; [`Damaged`],
    /// [`Unavailable`].
    ///
    /// [`Damaged`]: crate::error::ErrorKind::Damaged
    /// [`InvalidToken`]: crate::error::ErrorKind::InvalidToken
    /// [`MalformedToken`]: crate::error::ErrorKind::MalformedToken
    /// [`RefreshRequired`]: crate::error::ErrorKind::RefreshRequired
    /// [`Superseded`]: crate::error::ErrorKind::Superseded
    /// [`TokenExpired`]: crate::error::ErrorKind::TokenExpired
    /// [`Unavailable`]: crate::error::ErrorKind::Unavailable
    /// [`WrongAudience`]: crate::error::ErrorKind::WrongAudience
    /// [`WrongTokenKind`]: crate::error::ErrorKind::WrongTokenKind
    ///
    /// # Examples
    /// ```
    /// # use session_issuer::{entropy::SystemEntropy, policy::Policy, store::MemoryStore, token::TokenKeys};
    /// use session_issuer::{Issuer, NewSession, Update, error::ErrorKind, id::SubjectId};
    ///
    /// # pollster::block_on(async {
    /// # let issuer = Issuer::builder().store(MemoryStore::new()).token_keys(TokenKeys::generate(&SystemEntropy)?)
    /// #     .policy(Policy::zitadel()).build()?;
    /// let first = issuer.create(NewSession::for_subject(SubjectId::new("alice")?)).await?;
    /// let session = issuer.session_by(first.token()).await?;
    /// assert_eq!(session.id(), first.session_id());
    ///
    /// issuer.update(Update::with_token(first.token()).metadata("theme", "dark")).await?;
    /// let refused = issuer.session_by(first.token()).await.unwrap_err();
    /// assert_eq!(refused.kind(), ErrorKind::Superseded);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn session_by(&self, token: &str) -> Result<SessionView, Error> {
        let call = self.call(OPERATION);
        let token = call.read_token(token, None)?;
        let snapshot = call.locate(&token).await?;
        call.stands(&token, &snapshot.record, self.now())?;
        Ok(SessionView::of(snapshot))
    }

    /// Reads the session of an authentic refresh token, whatever its generation and the session's
    /// life.
    ///
    /// For a host that reads its claims about a subject anew before it [refreshes](Self::refresh).
    /// It proves nothing more than that the token was once handed out for this session.
    ///
    /// # Errors
    /// [`MalformedToken`], [`InvalidToken`], [`WrongTokenKind`]; [`Damaged`], [`Unavailable`].
    ///
    /// [`Damaged`]: crate::error::ErrorKind::Damaged
    /// [`InvalidToken`]: crate::error::ErrorKind::InvalidToken
    /// [`MalformedToken`]: crate::error::ErrorKind::MalformedToken
    /// [`Unavailable`]: crate::error::ErrorKind::Unavailable
    /// [`WrongTokenKind`]: crate::error::ErrorKind::WrongTokenKind
    ///
    /// # Examples
    /// ```
    /// # use session_issuer::{entropy::SystemEntropy, policy::{AccessFormat, Credentials, Policy}};
    /// # use session_issuer::{store::MemoryStore, token::TokenKeys};
    /// use session_issuer::{Issuer, NewSession, Refresh, id::SubjectId, metadata::HostClaims};
    ///
    /// # pollster::block_on(async {
    /// # let issuer = Issuer::builder().store(MemoryStore::new()).token_keys(TokenKeys::generate(&SystemEntropy)?)
    /// #     .policy(Policy::default().credentials(Credentials::Pair(AccessFormat::Opaque))).build()?;
    /// let login = issuer.create(NewSession::for_subject(SubjectId::new("alice")?)).await?;
    /// let token = login.refresh_token().unwrap();
    ///
    /// let seen = issuer.session_by_refresh_token(token).await?;
    /// let plan = match seen.session().subject() {
    ///     Some(subject) if subject.as_str() == "alice" => "pro", // your own database
    ///     _ => "free",
    /// };
    /// issuer.refresh(Refresh::new(token).claims(HostClaims::of([("plan", plan)])?)).await?;
    /// assert!(issuer.session_by_refresh_token(token).await?.is_spent());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn session_by_refresh_token(&self, token: &str) -> Result<RefreshTokenView, Error> {
        let call = self.call(OPERATION);
        let token = call.read(token, &[TokenKind::Refresh])?;
        let snapshot = call.prove(&token).await?;
        let is_spent = token.generation < snapshot.record.generation();
        Ok(RefreshTokenView { session: SessionView::of(snapshot), is_spent })
    }

    /// Asks the directory for a subject: its profile, if it may have sessions.
    ///
    /// An issuer without a directory knows every subject, and of each no more than its id.
    ///
    /// # Errors
    /// [`SubjectUnknown`], [`SubjectDisabled`], [`SubjectLocked`]; [`Unavailable`] when the
    /// directory did not answer.
    ///
    /// [`SubjectDisabled`]: crate::error::ErrorKind::SubjectDisabled
    /// [`SubjectLocked`]: crate::error::ErrorKind::SubjectLocked
    /// [`SubjectUnknown`]: crate::error::ErrorKind::SubjectUnknown
    /// [`Unavailable`]: crate::error::ErrorKind::Unavailable
    ///
    /// # Examples
    /// ```
    /// # use session_issuer::{entropy::SystemEntropy, store::MemoryStore, token::TokenKeys};
    /// # use session_issuer::verifier::{Found, Lookup, SubjectDirectory, SubjectProfile, VerifyError};
    /// use session_issuer::{Issuer, error::ErrorKind, factor::SubjectRef, id::SubjectId};
    ///
    /// # #[derive(Debug)]
    /// # struct Users;
    /// # #[async_trait::async_trait]
    /// # impl SubjectDirectory for Users {
    /// #     async fn find(&self, lookup: Lookup<'_>) -> Result<Found, VerifyError> {
    /// #         Ok(match lookup.by {
    /// #             SubjectRef::Id(id) if id.as_str() == "alice" => {
    /// #                 Found::Active(SubjectProfile::new(id.clone()).with_second_factor(true))
    /// #             }
    /// #             _ => Found::Unknown,
    /// #         })
    /// #     }
    /// # }
    /// # pollster::block_on(async {
    /// # let issuer = Issuer::builder().store(MemoryStore::new()).token_keys(TokenKeys::generate(&SystemEntropy)?)
    /// #     .policy(session_issuer::Policy::zitadel()).directory(Users).build()?;
    /// assert!(issuer.profile(&SubjectId::new("alice")?).await?.second_factor);
    /// let refused = issuer.profile(&SubjectId::new("nobody")?).await.unwrap_err();
    /// assert_eq!(refused.kind(), ErrorKind::SubjectUnknown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn profile(&self, subject: &SubjectId) -> Result<SubjectProfile, Error> {
        self.call(OPERATION).profile_of(subject).await
    }

    /// Says what a request token asks for, and by which app: what a page shows before its user
    /// decides.
    ///
    /// # Errors
    /// [`MalformedToken`], [`WrongTokenKind`], [`InvalidToken`] (also for an app that did not open
    /// it, where one is named), [`Expired`], [`Denied`], [`AlreadyDecided`] (it was exchanged),
    /// [`Revoked`], [`Unavailable`]. One that was approved is no error: see
    /// [`is_approved`](OpenedRequest::is_approved).
    ///
    /// [`AlreadyDecided`]: crate::error::ErrorKind::AlreadyDecided
    /// [`Denied`]: crate::error::ErrorKind::Denied
    /// [`Expired`]: crate::error::ErrorKind::Expired
    /// [`InvalidToken`]: crate::error::ErrorKind::InvalidToken
    /// [`MalformedToken`]: crate::error::ErrorKind::MalformedToken
    /// [`Revoked`]: crate::error::ErrorKind::Revoked
    /// [`Unavailable`]: crate::error::ErrorKind::Unavailable
    /// [`WrongTokenKind`]: crate::error::ErrorKind::WrongTokenKind
    pub async fn request<'a>(
        &self,
        find: impl Into<FindRequest<'a>>,
    ) -> Result<OpenedRequest, Error> {
        let FindRequest { token, app } = find.into();
        let call = self.call(Operation::Decide);
        let token = call.read(token, &[TokenKind::Request])?;
        let Snapshot { record, subject, .. } = call.prove(&token).await?;
        decide_look(&record, subject.as_ref(), app, self.now())
            .map_err(|refusal| call.request_refused(&record, refusal))?;
        Ok(OpenedRequest { token: None, record })
    }
}
