//! `decide`: approve or deny a request token (flow D). The rule is in `session/request.rs`.

use super::{
    Decide, OpenedRequest,
    attempt::{Checks, Proven},
    core::{Issuer, MAX_TRIES, store_failed},
    input::Decision,
};
use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind, InputField, InvalidInput, Operation, Problem},
    event::EventKind,
    factor::FactorKind,
    session::decide_decision,
    store::{Change, Committed, Snapshot},
    token::TokenKind,
};

const OPERATION: Operation = Operation::Decide;

impl Issuer {
    /// Approves or denies a request token. Final.
    ///
    /// # Errors
    /// `MalformedToken`, `WrongTokenKind`, `InvalidToken`, `Expired`, `AlreadyDecided`, `Revoked`; those of
    /// [`create`](Self::create) for checks, after which the request waits on.
    pub async fn decide(&self, decide: Decide<'_>) -> Result<OpenedRequest, Error> {
        let token = self.read(decide.token, &[TokenKind::Request], OPERATION)?;
        // Whoever tries names or passwords by way of request tokens needs a genuine one that still waits.
        let snapshot = self.prove(&token, OPERATION).await?;
        self.may_be_decided(&snapshot, self.now())?;
        let proven = match decide.decision {
            Decision::Deny => None,
            Decision::Approve { subject, epoch } => {
                Some(self.approver(Vec::new(), Some(subject), epoch).await?)
            }
            Decision::ApproveByChecks(checks) => {
                if checks.iter().all(|check| check.kind() == FactorKind::Subject) {
                    // A name is not a proof.
                    let empty = InvalidInput::new(InputField::Checks, Problem::Empty);
                    return Err(Error::from(empty).during(OPERATION));
                }
                Some(self.approver(checks, None, None).await?)
            }
        };
        let approved = proven.as_ref().and_then(|proven| proven.subject.clone().zip(proven.epoch));
        if proven.is_some() && approved.is_none() {
            return Err(Error::new(ErrorKind::SubjectMissing, OPERATION));
        }
        for _ in 0..MAX_TRIES {
            let snapshot = self.prove(&token, OPERATION).await?;
            let now = self.now();
            self.may_be_decided(&snapshot, now)?;
            let record = &snapshot.record;
            let lifetime = self.inner.policy.request_lifetime;
            let mut next = record
                .decided(approved.clone(), now, lifetime)
                .ok_or_else(|| Error::new(ErrorKind::Internal, OPERATION))?;
            next.lead_to(decide.redirect.as_deref());
            let mut change = Change::new(record.version(), next, now);
            change.observed_epoch = approved.as_ref().map(|(_, epoch)| *epoch);
            match self.inner.store.commit(&record.key(), change).await.map_err(store_failed(OPERATION))? {
                Committed::Done { record, .. } => {
                    let kind = match approved {
                        Some(_) => EventKind::RequestApproved,
                        None => EventKind::RequestDenied,
                    };
                    self.tell(&record, kind);
                    return Ok(OpenedRequest { token: None, record });
                }
                Committed::EpochMoved => return Err(Error::new(ErrorKind::SubjectMoved, OPERATION)),
                Committed::CapReached => return Err(Error::new(ErrorKind::Internal, OPERATION)),
                Committed::Conflict(_) | Committed::Gone => {}
            }
        }
        Err(Error::new(ErrorKind::Contention, OPERATION))
    }

    fn may_be_decided(&self, snapshot: &Snapshot, now: Timestamp) -> Result<(), Error> {
        let Snapshot { record, subject, .. } = snapshot;
        decide_decision(record, subject.as_ref(), now)
            .map_err(|refusal| self.request_refused(record, refusal, OPERATION))
    }

    async fn approver(
        &self,
        checks: Vec<crate::factor::Check>,
        subject: Option<crate::id::SubjectId>,
        epoch: Option<crate::clock::Epoch>,
    ) -> Result<Proven, Error> {
        let checks = Checks { checks, verified: Vec::new(), subject, stamp: None, epoch, session: None };
        self.attempt(checks, self.now(), OPERATION).await
    }
}
