//! ZITADEL's errors: gRPC codes, statuses, ids, keys.

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Answers, ApiError, Service, TokenRule,
    known::Known,
    proto::Message,
    refusals::{INTENT_NOT_SUCCEEDED, Refusals, USER_UNKNOWN},
};
use crate::{
    Timestamp,
    error::{Error, ErrorClass, ErrorKind, InputField, Problem},
    factor::FactorKind,
    issuer::SessionView,
    verifier::RefusedCheck,
};

/// The body of an error, as gRPC's gateway writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ErrorBody {
    /// The gRPC code: 3 for `INVALID_ARGUMENT`, 5 for `NOT_FOUND`, 7 for `PERMISSION_DENIED`, 9 for
    /// `FAILED_PRECONDITION`.
    pub code: u8,
    /// The message, with the error's id where it has one.
    pub message: String,
    /// The error's id and message, each once; empty for a broken rule of the schema.
    pub details: Vec<ErrorDetail>,
}

/// ZITADEL's own part of an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ErrorDetail {
    /// `type.googleapis.com/zitadel.v1.ErrorDetail`.
    #[serde(rename = "@type")]
    pub type_url: &'static str,
    /// The error's id, such as `COMMAND-SAF3g`.
    pub id: &'static str,
    /// The error's key, such as `Errors.User.Password.Invalid`; a host translates it.
    pub message: &'static str,
}

/// A request out of the JSON of a body, as protobuf reads it: for doors that want the gateway's own answer to JSON that
/// does not parse, or has a value of the wrong type. An empty body is an empty request.
///
/// # Errors
/// `INVALID_ARGUMENT` (400). The answer says where, and never repeats what was sent.
///
/// # Examples
/// ```
/// use session_issuer::compat::zitadel::{CreateSession, read};
///
/// read::<CreateSession>(br#"{"checks": {"user": {"user_id": "alice"}}}"#)?;
/// let refused = read::<CreateSession>(br#"{"checks": {"user": {"userId": 7}}}"#).unwrap_err();
/// assert_eq!((refused.status, refused.body.code), (400, 3));
/// # Ok::<(), session_issuer::compat::zitadel::ApiError>(())
/// ```
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map(|message: Message<T>| message.0).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "invalid value",
            _ => "syntax error",
        };
        bare(400, 3, &format!("proto: (line {}:{}): {what}", error.line(), error.column()))
    })
}

/// A broken rule of the schema, named from the outermost message to the field.
pub(super) fn invalid(path: &[&str], rule: &str) -> ApiError {
    let mut message = String::new();
    for (at, name) in path.iter().enumerate() {
        message += match at + 1 == path.len() {
            true => format!("invalid {name}: {rule}"),
            false => format!("invalid {name}: embedded message failed validation | caused by: "),
        }
        .as_str();
    }
    bare(400, 3, &message)
}

/// The rule of a text that has to be there.
pub(super) const LENGTH: &str = "value length must be between 1 and 200 runes, inclusive";

/// Says whether a text keeps [that rule](LENGTH).
pub(super) fn has_length(text: &str) -> bool {
    (1..=200).contains(&text.chars().count())
}

/// A broken rule of a request's own field.
pub(super) fn broken(request: &str, field: &str, rule: &str) -> ApiError {
    invalid(&[&format!("{request}.{field}")], rule)
}

/// An error of ZITADEL's own, of which the issuer knows nothing.
pub(super) fn told(code: u8, status: u16, id: &'static str, key: &'static str) -> ApiError {
    Known(code, status, id, key).show()
}

/// How the issuer's error is shown where no check is in play.
pub(super) fn unanswered(error: Error) -> ApiError {
    let shown = match error.class() {
        ErrorClass::Rejected => {
            let public = error.public();
            let code = match public.http_status {
                401 => 16,
                403 => 7,
                404 => 5,
                409 | 429 => 8,
                _ => 3,
            };
            bare(public.http_status, code, public.message)
        }
        ErrorClass::Unavailable => bare(503, 14, "The service is busy. Try again."),
        ErrorClass::Misuse | ErrorClass::Bug => bare(500, 13, "An internal error occurred"),
    };
    shown.caused_by(error)
}

pub(super) fn bare(status: u16, code: u8, message: &str) -> ApiError {
    ApiError::new(status, ErrorBody { code, message: message.to_owned(), details: Vec::new() })
}

impl Known {
    pub(super) fn show(self) -> ApiError {
        let Self(code, status, id, key) = self;
        let type_url = "type.googleapis.com/zitadel.v1.ErrorDetail";
        let details = vec![ErrorDetail { type_url, id, message: key }];
        ApiError::new(status, ErrorBody { code, message: format!("{key} ({id})"), details })
    }
}

pub(super) const POSITIVE_LIFETIME: Known = Known(3, 400, "COMMAND-asEG4", "Errors.Session.PositiveLifetime");
pub(super) const WRONG_TOKEN: Known = Known(7, 403, "COMMAND-sGr42", "Errors.Session.Token.Invalid");
pub(super) const NO_SESSION: Known = Known(9, 400, "COMMAND-Flk38", "Errors.Session.NotExisting");
const EXPIRED: Known = Known(9, 400, "COMMAND-Hkl3d", "Errors.Session.Expired");
const USER_GONE: Known = Known(9, 400, "COMMAND-3n77z", "Errors.User.NotFound");
const USER_NOT_ACTIVE: Known = Known(9, 400, "SESSION-Gj4ko", "Errors.User.NotActive");

/// A call that changes a session, and what its caller may learn of a refusal.
pub(super) struct Call<'a> {
    pub(super) service: &'a Service,
    /// The name of its message.
    pub(super) request: &'static str,
    pub(super) names_user: bool,
    /// The first check that proves something.
    pub(super) first: Option<FactorKind>,
    /// The session as it was before; none at a creation.
    pub(super) session: Option<&'a SessionView>,
}

impl Call<'_> {
    /// How ZITADEL shows an error of the issuer.
    pub(super) fn refused(&self, error: Error) -> ApiError {
        if let Some(known) = self.known(&error) {
            return known.show().caused_by(error);
        }
        if let Some(input) = error.invalid_input() {
            let field = match input.field {
                InputField::Metadata | InputField::MetadataKey | InputField::MetadataValue => "Metadata",
                _ => "Lifetime",
            };
            let shown = match (input.field, input.problem) {
                (InputField::Lifetime, Problem::Zero) => POSITIVE_LIFETIME.show(),
                _ => broken(self.request, field, &input.to_string()),
            };
            return shown.caused_by(error);
        }
        match (error.kind(), self.session) {
            (ErrorKind::SubjectChange, None) => {
                let (outer, rule) =
                    (format!("{}.Checks", self.request), "userId and loginName name different users");
                invalid(&[&outer, "Checks.User", "CheckUser.Search"], rule).caused_by(error)
            }
            (ErrorKind::SubjectChange, Some(_)) => bare(400, 3, "user change not possible").caused_by(error),
            _ => unanswered(error),
        }
    }

    fn known(&self, error: &Error) -> Option<Known> {
        let kind = error.kind();
        let refused = RefusedCheck::of(error);
        if let Some(first) = self.first.filter(|first| self.hides(kind, refused, *first)) {
            return match needs_challenge(first) && !self.is_open(first) {
                true => self.no_challenge(first),
                false => self.refusals(first).map(|row| row.wrong),
            };
        }
        let (of, is_challenge) =
            refused.map_or((FactorKind::Subject, false), |refused| (refused.kind, refused.is_challenge));
        let row = || self.refusals(of);
        match kind {
            ErrorKind::CheckFailed => Some(row()?.wrong),
            ErrorKind::SubjectMissing if is_challenge => Some(row()?.no_user_to_ask),
            ErrorKind::SubjectMissing => Some(row()?.no_user),
            ErrorKind::SubjectUnknown if self.names_user => Some(USER_UNKNOWN),
            ErrorKind::SubjectUnknown => Some(USER_GONE),
            ErrorKind::SubjectDisabled => Some(USER_NOT_ACTIVE),
            // Of a user who is named now, ZITADEL says no more.
            ErrorKind::SubjectLocked if of == FactorKind::Subject && self.names_user => Some(USER_NOT_ACTIVE),
            ErrorKind::SubjectLocked if of == FactorKind::Subject => {
                Some(self.refusals(self.first.unwrap_or(of))?.locked)
            }
            ErrorKind::SubjectLocked => Some(row()?.locked),
            ErrorKind::FactorNotReady if of == FactorKind::Intent => Some(INTENT_NOT_SUCCEEDED),
            ErrorKind::FactorNotSetUp | ErrorKind::FactorNotReady => Some(row()?.not_ready),
            ErrorKind::ChallengeMissing => self.no_challenge(of),
            ErrorKind::NotFound => Some(NO_SESSION),
            ErrorKind::Revoked | ErrorKind::ActorEnded => Some(self.terminated()),
            ErrorKind::Expired | ErrorKind::Inactive => Some(EXPIRED),
            ErrorKind::MalformedToken
            | ErrorKind::InvalidToken
            | ErrorKind::WrongTokenKind
            | ErrorKind::Superseded => Some(WRONG_TOKEN),
            _ => None,
        }
    }

    /// Whether everything that is wrong with a user and its first proof is one answer: while somebody is being named, and
    /// nothing has been proved yet.
    fn hides(&self, kind: ErrorKind, refused: Option<RefusedCheck>, first: FactorKind) -> bool {
        let is_early = refused.is_none_or(|refused| {
            !refused.is_challenge && (refused.kind == FactorKind::Subject || refused.kind == first)
        });
        let nothing_proved = self.session.is_none_or(|session| session.authenticated_at().is_none());
        let tells = matches!(
            kind,
            ErrorKind::SubjectUnknown
                | ErrorKind::SubjectDisabled
                | ErrorKind::SubjectLocked
                | ErrorKind::SubjectChange
                | ErrorKind::FactorNotSetUp
                | ErrorKind::FactorNotReady
                | ErrorKind::ChallengeMissing
        );
        self.service.answers == Answers::Alike && self.names_user && nothing_proved && is_early && tells
    }

    /// Until when the session's challenge of this kind is open.
    fn challenge(&self, kind: FactorKind) -> Option<Timestamp> {
        Some(self.session?.session()?.challenge(kind)?.ends_at())
    }

    fn is_open(&self, kind: FactorKind) -> bool {
        self.challenge(kind).is_some_and(|ends_at| self.service.issuer.now() < ends_at)
    }

    fn terminated(&self) -> Known {
        let id = match self.service.token_rule {
            TokenRule::V2Alpha => "COMAND-SAjeh",
            TokenRule::V2 | TokenRule::Permission => "COMMAND-Hewfq",
        };
        Known(9, 400, id, "Errors.Session.Terminated")
    }

    fn refusals(&self, kind: FactorKind) -> Option<Refusals> {
        let row = Refusals::of(kind)?;
        Some(match self.service.token_rule {
            TokenRule::V2Alpha => row.in_v2alpha(kind),
            TokenRule::V2 | TokenRule::Permission => row,
        })
    }

    /// Where a check needs an open challenge, and there is none, or one whose time is over.
    fn no_challenge(&self, kind: FactorKind) -> Option<Known> {
        let is_over = self.challenge(kind).is_some() && !self.is_open(kind);
        let row = self.refusals(kind)?;
        Some(if is_over { row.challenge_over } else { row.no_challenge })
    }
}

fn needs_challenge(kind: FactorKind) -> bool {
    matches!(kind, FactorKind::WebAuthn | FactorKind::OtpSms | FactorKind::OtpEmail)
}
