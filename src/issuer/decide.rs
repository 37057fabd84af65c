//! `decide`: approve or deny a request token (flow D). The rule is in `session/request.rs`.

use super::{
    Decide, OpenedRequest,
    attempt::Checks,
    call::Call,
    commit::{ChangingVerb, Decided, Proposal, Turn},
    core::Issuer,
    input::Decision,
};
use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind, InputField, InvalidInput, Operation, Problem},
    event::EventKind,
    factor::{Check, FactorKind},
    id::SubjectId,
    session::{Epoch, Record, RequestRefusal, decide_decision},
    store::Snapshot,
    token::{OpaqueToken, TokenKind},
};

impl Issuer {
    /// Approves or denies a request token. Final.
    ///
    /// # Errors
    /// [`InvalidInput`] (a redirect), [`MalformedToken`], [`WrongTokenKind`], [`InvalidToken`],
    /// [`Expired`], [`AlreadyDecided`], [`Revoked`]; those of [`create`](Self::create) for checks,
    /// after which the request waits on.
    ///
    /// [`AlreadyDecided`]: crate::error::ErrorKind::AlreadyDecided
    /// [`Expired`]: crate::error::ErrorKind::Expired
    /// [`InvalidInput`]: crate::error::ErrorKind::InvalidInput
    /// [`InvalidToken`]: crate::error::ErrorKind::InvalidToken
    /// [`MalformedToken`]: crate::error::ErrorKind::MalformedToken
    /// [`Revoked`]: crate::error::ErrorKind::Revoked
    /// [`WrongTokenKind`]: crate::error::ErrorKind::WrongTokenKind
    pub async fn decide(&self, decide: Decide<'_>) -> Result<OpenedRequest, Error> {
        let call = self.call(Operation::Decide);
        call.checked_redirect(decide.redirect.as_deref())?;
        let token = call.read(decide.token, &[TokenKind::Request])?;
        // Whoever tries names or passwords by way of request tokens needs a genuine one that still
        // waits.
        let waiting = call.prove(&token).await?;
        call.may_be_decided(&waiting, self.now())?;
        let approved = call.approver(decide.decision).await?;
        let kind = match approved {
            Some(_) => EventKind::RequestApproved,
            None => EventKind::RequestDenied,
        };
        let redirect = decide.redirect.as_deref();
        let settled = call.settle(&Deciding { token, approved, redirect }, None).await?;
        self.emit(&settled.record, kind);
        Ok(OpenedRequest { token: None, record: settled.record })
    }
}

/// A request token, and what was decided on it.
struct Deciding<'a> {
    token: OpaqueToken,
    /// Who approves, and under which epoch; none who denies.
    approved: Option<(SubjectId, Epoch)>,
    redirect: Option<&'a str>,
}

impl ChangingVerb for Deciding<'_> {
    type Kept = ();

    async fn load(&self, call: Call<'_>) -> Result<Snapshot, Error> {
        call.prove(&self.token).await
    }

    async fn decide(
        &self,
        call: Call<'_>,
        read: &Snapshot,
        turn: Turn,
    ) -> Result<Decided<()>, Error> {
        call.may_be_decided(read, turn.now)?;
        let lifetime = call.inner.policy.request_lifetime;
        let next = read.record.decided(self.approved.clone(), turn.now, lifetime);
        let mut next = next.ok_or_else(|| call.error(ErrorKind::Internal))?;
        next.lead_to(self.redirect);
        let observed = self.approved.as_ref().map(|(_, epoch)| *epoch);
        Ok(Decided::Commit(Proposal { observed, proved: true, ..Proposal::new(read, next) }, ()))
    }
}

impl Call<'_> {
    fn may_be_decided(self, read: &Snapshot, now: Timestamp) -> Result<(), Error> {
        let Snapshot { record, subject, .. } = read;
        decide_decision(record, subject.as_ref(), now)
            .map_err(|refusal| self.request_refused(record, refusal))
    }

    /// Who approves, and under which epoch; none where the decision is to deny.
    async fn approver(self, decision: Decision) -> Result<Option<(SubjectId, Epoch)>, Error> {
        let (checks, subject, epoch) = match decision {
            Decision::Deny => return Ok(None),
            Decision::Approve { subject, epoch } => (Vec::new(), Some(subject), epoch),
            // A name is not a proof.
            Decision::ApproveByChecks(checks) if checks.iter().all(is_name) => {
                return Err(self.invalid(InvalidInput::new(InputField::Checks, Problem::Empty)));
            }
            Decision::ApproveByChecks(checks) => (checks, None, None),
        };
        let checks =
            Checks { checks, verified: Vec::new(), subject, stamp: None, epoch, session: None };
        let proven = self.attempt(checks, self.now()).await?;
        let approved = proven.subject.zip(proven.epoch);
        approved.map(Some).ok_or_else(|| self.error(ErrorKind::SubjectMissing))
    }

    /// Shows a refusal of the rule of request tokens, and emits it as an event.
    pub(super) fn request_refused(self, record: &Record, refusal: RequestRefusal) -> Error {
        let error = match refusal {
            // To this app the request is unknown, so there is no event to emit.
            RequestRefusal::OtherApp => {
                let unknown = self.error(ErrorKind::InvalidToken);
                return unknown.with_source("another app opened the request");
            }
            RequestRefusal::NotLive(why) => self.not_live(why),
            RequestRefusal::NotApproved => self.error(ErrorKind::NotApproved),
            RequestRefusal::Denied => self.error(ErrorKind::Denied),
            RequestRefusal::AlreadyDecided => self.error(ErrorKind::AlreadyDecided),
        };
        self.refuse(record, error)
    }
}

fn is_name(check: &Check) -> bool {
    check.kind() == FactorKind::Subject
}
