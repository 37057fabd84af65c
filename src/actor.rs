//! Actors: who acts in a subject's place (RFC 8693 `act`).

use crate::{
    epoch::Epoch,
    error::{InputField, InvalidInput, Problem},
    id::{SessionId, SubjectId, check_text},
};

/// How many actors a chain may name.
pub(crate) const MAX_ACTORS: usize = 4;

/// Somebody who acts as somebody else: an operator, a support agent, a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    subject: SubjectId,
    session: Option<SessionId>,
    epoch: Option<Epoch>,
}

impl Actor {
    /// An actor without a session here. It is bound by its subject's epoch: revoke all of its
    /// sessions, and what it impersonates dies too.
    pub fn new(subject: SubjectId) -> Self {
        Self { subject, session: None, epoch: None }
    }

    /// The actor's own session: when that ends, what it impersonates ends too.
    #[must_use]
    pub fn with_session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    /// The actor's epoch, read before the host verified who it is: if all of its sessions are
    /// revoked in between, there is no impersonation. For an actor without a session here.
    #[must_use]
    pub fn with_epoch(mut self, epoch: Epoch) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// The operator.
    pub fn subject(&self) -> &SubjectId {
        &self.subject
    }

    /// Its own session, if it has one here.
    pub fn session(&self) -> Option<SessionId> {
        self.session
    }

    /// The actor's epoch when the impersonation began.
    pub fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    pub(crate) fn bind(&mut self, epoch: Epoch) {
        self.epoch = Some(epoch);
    }
}

/// Who acts, for whom, and why: the nearest actor first, the root actor last.
///
/// # Examples
/// ```
/// use session_issuer::{NewSession, actor::{Actor, ActorChain}, id::SubjectId};
///
/// let operator = Actor::new(SubjectId::new("op-7")?); // with_session(..) when it has one here
/// let acting = NewSession::impersonating(SubjectId::new("alice")?, ActorChain::new(operator, "ticket 4711")?);
/// # Ok::<(), session_issuer::error::InvalidInput>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorChain {
    actors: Vec<Actor>,
    reason: String,
}

impl ActorChain {
    /// One actor, for this reason (1 to 200 characters: a ticket number, a sentence).
    ///
    /// # Errors
    /// That of the reason.
    pub fn new(actor: Actor, reason: &str) -> Result<Self, InvalidInput> {
        Self::of([actor], reason)
    }

    /// These actors, the nearest first and the root last: 1 to 4 of them.
    ///
    /// # Errors
    /// That of the reason, or that of the chain's length.
    pub fn of(actors: impl IntoIterator<Item = Actor>, reason: &str) -> Result<Self, InvalidInput> {
        check_text(InputField::ImpersonationReason, reason)?;
        let mut chain = Self { actors: Vec::new(), reason: reason.to_owned() };
        for actor in actors {
            chain.push(actor)?;
        }
        match chain.actors.is_empty() {
            true => Err(InvalidInput::new(InputField::ActorChain, Problem::Empty)),
            false => Ok(chain),
        }
    }

    /// The actors, nearest first.
    pub fn actors(&self) -> &[Actor] {
        &self.actors
    }

    /// Why.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Adds the actor behind the last one; the root stays last.
    pub(crate) fn push(&mut self, actor: Actor) -> Result<(), InvalidInput> {
        if self.actors.len() >= MAX_ACTORS {
            return Err(InvalidInput::new(InputField::ActorChain, Problem::TooMany(MAX_ACTORS)));
        }
        self.actors.push(actor);
        Ok(())
    }

    pub(crate) fn actors_mut(&mut self) -> &mut [Actor] {
        &mut self.actors
    }
}
