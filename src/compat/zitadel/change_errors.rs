//! How errors of the issuer are shown to whoever creates or changes a session.

use super::{
    Answers, ApiError, Service, TokenRule,
    refusals::{
        CheckRefusals, EXPIRED, INTENT_NOT_SUCCEEDED, NO_SESSION, POSITIVE_LIFETIME, Refusal,
        TERMINATED, TERMINATED_IN_V2ALPHA, USER_CHANGE, USER_GONE, USER_NOT_ACTIVE, USER_UNKNOWN,
        WRONG_TOKEN,
    },
};
use crate::{
    Timestamp,
    error::{Error, ErrorKind, InputField, Problem},
    factor::FactorKind,
    issuer::SessionView,
    verifier::RefusedCheck,
};

/// What the answer to a creation or a change depends on, besides the error.
pub(super) struct ChangeErrors<'a> {
    pub(super) service: &'a Service,
    /// The name of the request's message.
    pub(super) request: &'static str,
    pub(super) names_user: bool,
    /// The first check that proves something.
    pub(super) first: Option<FactorKind>,
    /// The session as it was before; none at a creation.
    pub(super) session: Option<&'a SessionView>,
}

impl ChangeErrors<'_> {
    /// The answer for an error of the issuer.
    pub(super) fn show(&self, error: Error) -> ApiError {
        if let Some(refusal) = self.refusal(&error) {
            return refusal.error().caused_by(error);
        }
        if let Some(input) = error.invalid_input() {
            let field = match input.field {
                InputField::Metadata | InputField::MetadataKey | InputField::MetadataValue => {
                    "Metadata"
                }
                _ => "Lifetime",
            };
            let shown = match (input.field, input.problem) {
                (InputField::Lifetime, Problem::Zero) => POSITIVE_LIFETIME.error(),
                _ => {
                    let path = format!("{}.{field}", self.request);
                    Refusal::Rule(&[&path], &input.to_string()).error()
                }
            };
            return shown.caused_by(error);
        }
        match (error.kind(), self.session) {
            (ErrorKind::SubjectChange, None) => {
                let outer = format!("{}.Checks", self.request);
                let rule = "userId and loginName name different users";
                let shown =
                    Refusal::Rule(&[&outer, "Checks.User", "CheckUser.Search"], rule).error();
                shown.caused_by(error)
            }
            (ErrorKind::SubjectChange, Some(_)) => USER_CHANGE.error().caused_by(error),
            _ => error.into(),
        }
    }

    /// ZITADEL's own error for one of the issuer; none where it has none.
    fn refusal(&self, error: &Error) -> Option<Refusal<'static>> {
        let kind = error.kind();
        let refused = RefusedCheck::of(error);
        if let Some(first) = self.first.filter(|first| self.hides(kind, refused, *first)) {
            return match needs_challenge(first) && !self.is_open(first) {
                true => self.no_challenge(first),
                false => self.of_check(first).map(|row| row.wrong),
            };
        }
        let (of, is_challenge) = refused
            .map_or((FactorKind::Subject, false), |refused| (refused.kind, refused.is_challenge));
        let row = || self.of_check(of);
        match kind {
            ErrorKind::CheckFailed => Some(row()?.wrong),
            ErrorKind::SubjectMissing if is_challenge => Some(row()?.no_user_to_ask),
            ErrorKind::SubjectMissing => Some(row()?.no_user),
            ErrorKind::SubjectUnknown if self.names_user => Some(USER_UNKNOWN),
            ErrorKind::SubjectUnknown => Some(USER_GONE),
            ErrorKind::SubjectDisabled => Some(USER_NOT_ACTIVE),
            // Of a user who is named now, ZITADEL says no more.
            ErrorKind::SubjectLocked if of == FactorKind::Subject && self.names_user => {
                Some(USER_NOT_ACTIVE)
            }
            ErrorKind::SubjectLocked if of == FactorKind::Subject => {
                Some(self.of_check(self.first.unwrap_or(of))?.locked)
            }
            ErrorKind::SubjectLocked => Some(row()?.locked),
            ErrorKind::FactorNotReady if of == FactorKind::Intent => Some(INTENT_NOT_SUCCEEDED),
            ErrorKind::FactorNotSetUp | ErrorKind::FactorNotReady => Some(row()?.not_ready),
            ErrorKind::ChallengeMissing => self.no_challenge(of),
            ErrorKind::NotFound => Some(NO_SESSION),
            ErrorKind::Revoked | ErrorKind::ActorEnded => Some(match self.service.token_rule {
                TokenRule::V2Alpha => TERMINATED_IN_V2ALPHA,
                TokenRule::V2 | TokenRule::Permission => TERMINATED,
            }),
            ErrorKind::Expired | ErrorKind::Inactive => Some(EXPIRED),
            ErrorKind::MalformedToken
            | ErrorKind::InvalidToken
            | ErrorKind::WrongTokenKind
            | ErrorKind::Superseded => Some(WRONG_TOKEN),
            _ => None,
        }
    }

    /// Whether everything that is wrong with a user and its first proof is one answer: while
    /// somebody is being named, and nothing has been proved yet.
    fn hides(&self, kind: ErrorKind, refused: Option<RefusedCheck>, first: FactorKind) -> bool {
        let is_early = refused.is_none_or(|refused| {
            !refused.is_challenge && (refused.kind == FactorKind::Subject || refused.kind == first)
        });
        let nothing_proved =
            self.session.is_none_or(|session| session.authenticated_at().is_none());
        let hidden = matches!(
            kind,
            ErrorKind::SubjectUnknown
                | ErrorKind::SubjectDisabled
                | ErrorKind::SubjectLocked
                | ErrorKind::SubjectChange
                | ErrorKind::FactorNotSetUp
                | ErrorKind::FactorNotReady
                | ErrorKind::ChallengeMissing
        );
        self.service.answers == Answers::Alike
            && self.names_user
            && nothing_proved
            && is_early
            && hidden
    }

    /// Until when the session's challenge of this kind is open.
    fn challenge(&self, kind: FactorKind) -> Option<Timestamp> {
        Some(self.session?.session()?.challenge(kind)?.ends_at())
    }

    fn is_open(&self, kind: FactorKind) -> bool {
        self.challenge(kind).is_some_and(|ends_at| self.service.issuer.now() < ends_at)
    }

    fn of_check(&self, kind: FactorKind) -> Option<CheckRefusals> {
        let row = CheckRefusals::of(kind)?;
        Some(match self.service.token_rule {
            TokenRule::V2Alpha => row.in_v2alpha(kind),
            TokenRule::V2 | TokenRule::Permission => row,
        })
    }

    /// Where a check needs an open challenge, and there is none, or one whose time is over.
    fn no_challenge(&self, kind: FactorKind) -> Option<Refusal<'static>> {
        let is_over = self.challenge(kind).is_some() && !self.is_open(kind);
        let row = self.of_check(kind)?;
        Some(if is_over { row.challenge_over } else { row.no_challenge })
    }
}

fn needs_challenge(kind: FactorKind) -> bool {
    matches!(kind, FactorKind::WebAuthn | FactorKind::OtpSms | FactorKind::OtpEmail)
}
