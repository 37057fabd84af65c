//! Runs checks: in their fixed order, the subject first, and nothing of it is stored when one
//! fails. Then challenges.

use std::sync::Arc;

use super::call::Call;
use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind, InputField, InvalidInput, Problem},
    event::EventKind,
    factor::{Challenge, Check, Factor, FactorDetails, FactorKind, SubjectRef},
    id::{SubjectId, check_text},
    session::{Epoch, Session, SubjectStamp},
    verifier::{
        Ask, Asked, Attempt, Challenger, Found, Holder, Lookup, Outcome, RefusedCheck,
        SubjectProfile,
    },
};

/// What shall be proved, and what is known before.
pub(super) struct Checks<'a> {
    pub(super) checks: Vec<Check>,
    /// Factors that the host vouches for.
    pub(super) verified: Vec<FactorKind>,
    /// The subject that the session or the host names already.
    pub(super) subject: Option<SubjectId>,
    /// What is known of it, when that was read before this call verified anything.
    pub(super) stamp: Option<SubjectStamp>,
    /// The epoch that the host read before it verified anything itself.
    pub(super) epoch: Option<Epoch>,
    /// The session whose challenges are open.
    pub(super) session: Option<&'a Session>,
}

/// What was proved.
#[derive(Debug, Default)]
pub(super) struct Proven {
    pub(super) subject: Option<SubjectId>,
    /// What was known of the subject before anything was verified.
    pub(super) stamp: Option<SubjectStamp>,
    /// The epoch that a write must find unchanged.
    pub(super) epoch: Option<Epoch>,
    pub(super) profile: Option<SubjectProfile>,
    pub(super) factors: Vec<Factor>,
    /// The challenges that were used up.
    pub(super) answered: Vec<Challenge>,
}

impl Proven {
    /// Adds the factors that the host vouches for.
    pub(super) fn add_verified(
        &mut self,
        verified: &[FactorKind],
        now: Timestamp,
    ) -> Result<(), ErrorKind> {
        for kind in verified {
            if self.subject.is_none() {
                return Err(ErrorKind::SubjectMissing);
            }
            if !self.factors.iter().any(|factor| factor.kind() == *kind) {
                self.factors.push(Factor::new(*kind, now, FactorDetails::default()));
            }
        }
        Ok(())
    }

    /// True where the directory says that the subject has set up a second factor.
    pub(super) fn has_second_factor(&self) -> bool {
        self.profile.as_ref().is_some_and(|profile| profile.second_factor)
    }
}

impl Call<'_> {
    /// What is known of the subject before any credential is verified: whatever revokes all
    /// sessions from here on wins.
    pub(super) async fn read_stamp(self, proven: &mut Proven) -> Result<(), Error> {
        if let Some(subject) = &proven.subject
            && proven.stamp.is_none()
        {
            proven.stamp = Some(self.stamp(subject).await?);
        }
        proven.epoch = proven.epoch.or(proven.stamp.as_ref().map(|stamp| stamp.epoch));
        Ok(())
    }

    pub(super) async fn attempt(self, checks: Checks<'_>, now: Timestamp) -> Result<Proven, Error> {
        let Checks { mut checks, verified, subject, stamp, epoch, session } = checks;
        checks.sort_by_key(Check::kind);
        if checks.windows(2).any(|pair| matches!(pair, [a, b] if a.kind() == b.kind())) {
            let twice = InvalidInput::new(InputField::Checks, Problem::Malformed);
            return Err(self.invalid(twice));
        }
        let mut proven = Proven { subject, stamp, epoch, ..Proven::default() };
        let mut rest = checks.iter().peekable();
        let named = rest.next_if(|check| matches!(check, Check::Subject(_)));
        let by = match (named, &proven.subject) {
            (Some(Check::Subject(by)), _) => Some(by.clone()),
            (_, Some(subject)) => Some(SubjectRef::Id(subject.clone())),
            _ => None,
        };
        if let Some(by) = by
            && let Err(kind) = self.find(&by, &mut proven).await?
        {
            self.dummy_work(rest.peek().copied(), now).await?;
            let refused = RefusedCheck::check(FactorKind::Subject);
            return Err(self.check_failed(proven.subject.as_ref(), kind, refused));
        }
        self.read_stamp(&mut proven).await?;
        if named.is_some() {
            proven.factors.push(Factor::new(FactorKind::Subject, now, FactorDetails::default()));
        }
        for check in rest {
            self.verify_check(check, &mut proven, session, now).await?;
        }
        proven.add_verified(&verified, now).map_err(|kind| self.error(kind))?;
        Ok(proven)
    }

    /// Asks the directory; the inner error is a refusal.
    async fn find(
        self,
        by: &SubjectRef,
        proven: &mut Proven,
    ) -> Result<Result<(), ErrorKind>, Error> {
        let found = match (&self.inner.directory, by) {
            (Some(directory), by) => {
                let lookup = Lookup::new(&self.tenant, by);
                directory.find(lookup).await.map_err(self.verifier_failed())?
            }
            (None, SubjectRef::Id(id)) => Found::Active(SubjectProfile::new(id.clone())),
            (None, SubjectRef::LoginName(_)) => return Err(self.error(ErrorKind::NotSupported)),
        };
        Ok(match found {
            Found::Active(profile)
                if proven.subject.as_ref().is_some_and(|known| *known != profile.subject) =>
            {
                Err(ErrorKind::SubjectChange)
            }
            Found::Active(profile) => {
                if let Some(owner) = &profile.resource_owner {
                    let checked = check_text(InputField::ResourceOwner, owner);
                    checked.map_err(|input| self.invalid(input))?;
                }
                proven.subject = Some(profile.subject.clone());
                proven.profile = Some(profile);
                Ok(())
            }
            Found::Disabled => Err(ErrorKind::SubjectDisabled),
            Found::Locked => Err(ErrorKind::SubjectLocked),
            Found::Unknown => Err(ErrorKind::SubjectUnknown),
        })
    }

    /// Does what a known subject's check would have done, so that nobody learns by time who exists.
    async fn dummy_work(self, check: Option<&Check>, now: Timestamp) -> Result<(), Error> {
        if let (Some(verifier), Some(check)) = (&self.inner.verifier, check) {
            let attempt = Attempt::new(&self.tenant, None, check, now);
            verifier.verify(attempt).await.map_err(self.verifier_failed())?;
        }
        Ok(())
    }

    async fn verify_check(
        self,
        check: &Check,
        proven: &mut Proven,
        session: Option<&Session>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let refused = RefusedCheck::check(check.kind());
        let missing = || self.error(ErrorKind::SubjectMissing).with_source(refused);
        let subject = proven.subject.as_ref().ok_or_else(missing)?;
        let verifier =
            self.inner.verifier.as_ref().ok_or_else(|| self.error(ErrorKind::NotSupported))?;
        let mut attempt = Attempt::new(&self.tenant, Some(subject), check, now);
        attempt.challenge = session
            .and_then(|session| session.challenge(check.kind()))
            .filter(|slot| now < slot.ends_at());
        let challenge = attempt.challenge.cloned();
        let kind = match verifier.verify(attempt).await.map_err(self.verifier_failed())? {
            Outcome::Passed(details) => {
                proven.factors.push(Factor::new(check.kind(), now, details));
                proven.answered.extend(challenge);
                return Ok(());
            }
            Outcome::Wrong => ErrorKind::CheckFailed,
            Outcome::Locked => ErrorKind::SubjectLocked,
            Outcome::NotSetUp => ErrorKind::FactorNotSetUp,
            Outcome::NotReady => ErrorKind::FactorNotReady,
            Outcome::NoChallenge => ErrorKind::ChallengeMissing,
        };
        Err(self.check_failed(Some(subject), kind, refused))
    }

    /// The challenges that a call asks for, once its checks have passed.
    pub(super) async fn challenges(
        self,
        asked: &[(FactorKind, Arc<dyn Challenger>)],
        subject: Option<&SubjectId>,
    ) -> Result<Vec<Challenge>, Error> {
        let mut made = Vec::new();
        for (kind, challenger) in asked {
            let refused = RefusedCheck::challenge(*kind);
            let missing = || self.error(ErrorKind::SubjectMissing).with_source(refused);
            let holder = Holder::new(&self.tenant, subject.ok_or_else(missing)?);
            let ask = Ask::new(holder, *kind, self.now());
            let why = match challenger.challenge(ask).await.map_err(self.verifier_failed())? {
                Asked::Made(challenge) if challenge.kind() == *kind => {
                    made.push(challenge);
                    continue;
                }
                Asked::Made(_) => {
                    let source = "a challenger made a challenge of another kind";
                    return Err(self.error(ErrorKind::NotSupported).with_source(source));
                }
                Asked::NotSetUp => ErrorKind::FactorNotSetUp,
                Asked::NotReady => ErrorKind::FactorNotReady,
            };
            return Err(self.check_failed(subject, why, refused));
        }
        Ok(made)
    }

    fn check_failed(
        self,
        subject: Option<&SubjectId>,
        kind: ErrorKind,
        refused: RefusedCheck,
    ) -> Error {
        self.emit_for(subject, EventKind::Refused { operation: self.operation, kind });
        self.error(kind).with_source(refused)
    }

    /// What the directory knows of a subject that may have sessions; where there is none, nothing
    /// but its id.
    pub(super) async fn profile_of(self, subject: &SubjectId) -> Result<SubjectProfile, Error> {
        let by = SubjectRef::Id(subject.clone());
        let mut proven = Proven::default();
        let found = self.find(&by, &mut proven).await?;
        found.map_err(|kind| self.error(kind))?;
        proven.profile.ok_or_else(|| self.error(ErrorKind::Internal))
    }
}
