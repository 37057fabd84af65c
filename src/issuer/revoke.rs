//! `revoke`: end one session, several, or all of a subject, a device or an actor.

use super::{
    CredentialChange, Revoke, Revoked,
    call::Call,
    core::Issuer,
    input::{AfterChange, Target},
};
use crate::{
    error::{Error, ErrorKind, Operation},
    event::EventKind,
    factor::FactorKind,
    id::{SessionId, SubjectId},
    session::{RevokeReason, Session, Tombstone},
    store::{Bump, Ended, Query, Select, SubjectChange, SubjectChanged},
    token::{TokenKind, looks_opaque},
};

/// How many sessions of a device or an actor one call ends.
const BATCH: u32 = 500;

impl Issuer {
    /// Ends sessions. Ending what has ended, or is not there, is fine.
    ///
    /// # Errors
    /// [`MalformedToken`], [`WrongTokenKind`], [`InvalidToken`] where a token names the session;
    /// [`NotFound`] where a session shall be kept that is not a live one of the subject, and
    /// [`ImpersonationRefused`] where it is an impersonation (then nothing ends); [`Damaged`] where
    /// a row cannot be read, after all the others have ended; [`Unavailable`].
    ///
    /// [`Damaged`]: crate::error::ErrorKind::Damaged
    /// [`ImpersonationRefused`]: crate::error::ErrorKind::ImpersonationRefused
    /// [`InvalidToken`]: crate::error::ErrorKind::InvalidToken
    /// [`MalformedToken`]: crate::error::ErrorKind::MalformedToken
    /// [`NotFound`]: crate::error::ErrorKind::NotFound
    /// [`Unavailable`]: crate::error::ErrorKind::Unavailable
    /// [`WrongTokenKind`]: crate::error::ErrorKind::WrongTokenKind
    pub async fn revoke(&self, revoke: Revoke<'_>) -> Result<Revoked, Error> {
        let call = self.call(Operation::Revoke);
        let Revoke { target, reason, by } = revoke;
        match target {
            Target::Token(token) => {
                let id = call.session_of(token).await?;
                call.end_each(id, reason, by.as_ref()).await
            }
            Target::OthersThan(token) => {
                let (id, subject) = call.keeper(token).await?;
                call.bump(subject, Bump::all_but(id, reason), &[], by).await
            }
            Target::Sessions(ids) => call.end_each(ids, reason, by.as_ref()).await,
            Target::SessionOf(subject, id) => {
                // A subject, once set, never changes: what was read still holds when the session
                // ends.
                let snapshot = call.load(id).await?;
                let own = snapshot.is_some_and(|found| {
                    found.record.bound().is_some_and(|(own, _)| *own == subject)
                });
                match own {
                    true => call.end_each([id], reason, by.as_ref()).await,
                    false => Err(call.error(ErrorKind::NotFound)),
                }
            }
            Target::Subject(subject) => call.bump(subject, Bump::all(reason), &[], by).await,
            Target::SubjectBut(subject, keep) => {
                call.bump(subject, Bump::all_but(keep, reason), &[], by).await
            }
            Target::Device(device) => {
                call.end_batch(Select::Device(device), reason, by.as_ref()).await
            }
            Target::Actor(actor) => call.end_batch(Select::Actor(actor), reason, by.as_ref()).await,
        }
    }

    /// Says that a subject's credential has changed: its old proofs no longer count, and sessions
    /// end as asked.
    ///
    /// # Errors
    /// [`NotFound`] where a session shall be kept that is not a live one of the subject (then
    /// nothing changes); [`Unavailable`].
    ///
    /// [`NotFound`]: crate::error::ErrorKind::NotFound
    /// [`Unavailable`]: crate::error::ErrorKind::Unavailable
    pub async fn credential_changed(&self, change: CredentialChange) -> Result<Revoked, Error> {
        let call = self.call(Operation::Revoke);
        let CredentialChange { subject, kinds, sessions, by } = change;
        let reason = RevokeReason::CredentialChange;
        match sessions {
            AfterChange::EndAll => call.bump(subject, Bump::all(reason), &kinds, by).await,
            AfterChange::EndAllBut(keep) => {
                call.bump(subject, Bump::all_but(keep, reason), &kinds, by).await
            }
            AfterChange::KeepAll => {
                let now = self.now();
                let change = SubjectChange::floors(kinds.clone(), now);
                let key = self.subject_key(&subject);
                let changed = self.inner.store.change_subject(&key, change).await;
                let SubjectChanged::Done(_) = changed.map_err(call.store_failed())? else {
                    return Err(call.error(ErrorKind::Internal));
                };
                self.pass(now);
                self.emit_for(Some(&subject), EventKind::FactorsVoided { factors: kinds });
                Ok(Revoked::default())
            }
        }
    }
}

impl Call<'_> {
    /// The session that an authentic token names, whatever its generation and age. A request token
    /// names its request, and not the session that this became: it travels where others read it.
    async fn session_of(self, token: &str) -> Result<Option<SessionId>, Error> {
        const ANY: [TokenKind; 4] =
            [TokenKind::Access, TokenKind::Refresh, TokenKind::Session, TokenKind::Request];
        match looks_opaque(token) {
            true => {
                let token = self.read(token, &ANY)?;
                let record = self.prove(&token).await?.record;
                let names = token.kind != TokenKind::Request || record.request().is_some();
                Ok(names.then(|| record.id()))
            }
            false => Ok(Some(self.verify_to_end(token)?.session_id())),
        }
    }

    /// The session of a token that stands for a live session, and its subject.
    async fn keeper(self, token: &str) -> Result<(SessionId, SubjectId), Error> {
        let token = self.read_token(token, None)?;
        let snapshot = self.locate(&token).await?;
        let now = self.now();
        self.good(&token, &snapshot, now)?;
        self.actors_live(&snapshot.record, now).await?;
        if snapshot.record.session().is_some_and(Session::is_impersonation) {
            // Whoever acts in another's place does not log that other out.
            return Err(self.refuse(&snapshot.record, self.error(ErrorKind::ImpersonationRefused)));
        }
        let subject = snapshot.record.bound().map(|(subject, _)| subject.clone());
        let subject = subject.ok_or_else(|| self.error(ErrorKind::SubjectMissing))?;
        Ok((snapshot.record.id(), subject))
    }

    async fn bump(
        self,
        subject: SubjectId,
        bump: Bump,
        voided: &[FactorKind],
        by: Option<SubjectId>,
    ) -> Result<Revoked, Error> {
        let now = self.now();
        let mut change = SubjectChange::bump(bump, now);
        change.floors = voided.to_vec();
        let key = self.subject_key(&subject);
        let changed = self.inner.store.change_subject(&key, change).await;
        match changed.map_err(self.store_failed())? {
            SubjectChanged::KeepNotLive => Err(self.error(ErrorKind::NotFound)),
            SubjectChanged::Done(stamp) => {
                self.pass(now);
                let kind = EventKind::SubjectRevoked {
                    reason: bump.reason,
                    by,
                    epoch: stamp.epoch,
                    kept: stamp.kept,
                };
                self.emit_for(Some(&subject), kind);
                Ok(Revoked { sessions: Vec::new(), subject: true, more: false })
            }
        }
    }

    async fn end_each(
        self,
        ids: impl IntoIterator<Item = SessionId>,
        reason: RevokeReason,
        by: Option<&SubjectId>,
    ) -> Result<Revoked, Error> {
        let mut batch = Batch::default();
        self.end_all(ids, reason, by, &mut batch).await?;
        batch.answer(false)
    }

    /// One batch; and where a row of it cannot be read all that follow too, since the error that
    /// tells of it cannot say that there are more.
    async fn end_batch(
        self,
        select: Select,
        reason: RevokeReason,
        by: Option<&SubjectId>,
    ) -> Result<Revoked, Error> {
        let mut query = Query::new(self.tenant.clone(), select);
        query.limit = BATCH;
        let mut batch = Batch::default();
        loop {
            let page = self.inner.store.list(&query).await.map_err(self.store_failed())?;
            let ids: Vec<_> =
                page.items.iter().map(|item| item.record.id()).chain(page.damaged).collect();
            self.end_all(ids, reason, by, &mut batch).await?;
            query.after = page.next;
            if batch.unread.is_none() || page.next.is_none() {
                return batch.answer(page.next.is_some());
            }
        }
    }

    /// Ends all of them that it can. A store that does not answer is not asked for the rest:
    /// another try goes on there.
    async fn end_all(
        self,
        ids: impl IntoIterator<Item = SessionId>,
        reason: RevokeReason,
        by: Option<&SubjectId>,
        batch: &mut Batch,
    ) -> Result<(), Error> {
        for id in ids {
            let tombstone = Tombstone::new(reason, self.now()).by(by.cloned());
            match self.inner.store.end(&self.key(id), &tombstone).await {
                Ok(Ended::Ended { was }) => {
                    self.emit(&was, EventKind::Revoked { reason, by: by.cloned() });
                    batch.sessions.push(id);
                }
                Ok(Ended::AlreadyEnded | Ended::Gone) => {}
                Err(error) if error.is_retryable() => return Err(self.store_failed()(error)),
                Err(error) => {
                    batch.unread.get_or_insert_with(|| self.store_failed()(error));
                }
            }
        }
        Ok(())
    }
}

/// What became of several ends. A row that cannot be read keeps none of the others alive, and is
/// told of at the end.
#[derive(Default)]
struct Batch {
    sessions: Vec<SessionId>,
    unread: Option<Error>,
}

impl Batch {
    fn answer(self, more: bool) -> Result<Revoked, Error> {
        match self.unread {
            Some(error) => Err(error),
            None => Ok(Revoked { sessions: self.sessions, subject: false, more }),
        }
    }
}
