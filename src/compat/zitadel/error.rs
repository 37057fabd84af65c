//! ZITADEL's errors: gRPC codes, statuses, ids, keys.

use serde::Serialize;

use super::{Answers, ApiError};
use crate::{
    error::{Error, ErrorClass, ErrorKind, InvalidInput, Problem},
    factor::MAX_CHECK_CHARS,
};

/// The body of an error, as gRPC's gateway writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ErrorBody {
    /// The gRPC code: 3 for `INVALID_ARGUMENT`, 5 for `NOT_FOUND`, 9 for `FAILED_PRECONDITION`.
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

pub(super) fn out_of_bounds(parent: &str, field: &str, input: InvalidInput) -> ApiError {
    match input.problem {
        Problem::Empty | Problem::TooLong(_) => {
            let rule = format!("value length must be between 1 and {MAX_CHECK_CHARS} runes, inclusive");
            invalid(parent, field, &rule)
        }
        problem => invalid(parent, field, &format!("value {problem}")),
    }
}

/// A broken rule of the schema, named from the outermost message to the field.
pub(super) fn invalid(parent: &str, field: &str, rule: &str) -> ApiError {
    let path = |name: &str| format!("invalid {name}: embedded message failed validation | caused by: ");
    let message = format!("{}{}invalid {field}: {rule}", path("CreateSessionRequest.Checks"), path(parent));
    ApiError::new(400, ErrorBody { code: 3, message, details: Vec::new() })
}

pub(super) fn invalid_metadata(rule: &str) -> ApiError {
    let message = format!("invalid CreateSessionRequest.Metadata: {rule}");
    ApiError::new(400, ErrorBody { code: 3, message, details: Vec::new() })
}

/// An error of ZITADEL's own: gRPC code, HTTP status, id, key.
struct Known(u8, u16, &'static str, &'static str);

const USER_MISSING: Known = Known(3, 400, "COMMAND-Sfw3f", "Errors.User.UserIDMissing");
const USER_UNKNOWN: Known = Known(5, 404, "QUERY-Dfbg2", "Errors.User.NotFound");
const USER_NOT_ACTIVE: Known = Known(9, 400, "SESSION-Gj4ko", "Errors.User.NotActive");
const USER_LOCKED: Known = Known(9, 400, "COMMAND-JLK35", "Errors.User.Locked");
const NO_PASSWORD: Known = Known(9, 400, "COMMAND-3nJ4t", "Errors.User.Password.NotSet");
const WRONG_PASSWORD: Known = Known(3, 400, "COMMAND-SAF3g", "Errors.User.Password.Invalid");

/// How ZITADEL shows an error of the issuer.
pub(super) fn refused(error: Error, has_password: bool, answers: Answers) -> ApiError {
    let kind = error.kind();
    let known = match (kind, has_password, answers) {
        (
            ErrorKind::SubjectUnknown
            | ErrorKind::SubjectDisabled
            | ErrorKind::SubjectLocked
            | ErrorKind::SubjectChange
            | ErrorKind::FactorNotSetUp
            | ErrorKind::FactorNotReady,
            true,
            Answers::Alike,
        )
        | (ErrorKind::CheckFailed, ..) => Some(WRONG_PASSWORD),
        (ErrorKind::SubjectUnknown, ..) => Some(USER_UNKNOWN),
        (ErrorKind::SubjectLocked, true, _) => Some(USER_LOCKED),
        (ErrorKind::SubjectDisabled | ErrorKind::SubjectLocked, ..) => Some(USER_NOT_ACTIVE),
        (ErrorKind::FactorNotSetUp | ErrorKind::FactorNotReady, ..) => Some(NO_PASSWORD),
        (ErrorKind::SubjectMissing, ..) => Some(USER_MISSING),
        _ => None,
    };
    let shown = match (known, error.class()) {
        (Some(Known(code, status, id, key)), _) => {
            let type_url = "type.googleapis.com/zitadel.v1.ErrorDetail";
            let details = vec![ErrorDetail { type_url, id, message: key }];
            ApiError::new(status, ErrorBody { code, message: format!("{key} ({id})"), details })
        }
        (None, _) if kind == ErrorKind::SubjectChange => {
            invalid("Checks.User", "CheckUser.Search", "userId and loginName name different users")
        }
        (None, ErrorClass::Rejected) => {
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
        (None, ErrorClass::Unavailable) => bare(503, 14, "The service is busy. Try again."),
        (None, _) => bare(500, 13, "An internal error occurred"),
    };
    shown.caused_by(error)
}

pub(super) fn bare(status: u16, code: u8, message: &str) -> ApiError {
    ApiError::new(status, ErrorBody { code, message: message.to_owned(), details: Vec::new() })
}

/// An error of ZITADEL's own, of which the issuer knows nothing.
pub(super) fn told(code: u8, status: u16, id: &'static str, key: &'static str) -> ApiError {
    let type_url = "type.googleapis.com/zitadel.v1.ErrorDetail";
    let details = vec![ErrorDetail { type_url, id, message: key }];
    ApiError::new(status, ErrorBody { code, message: format!("{key} ({id})"), details })
}

/// A broken rule of a request's own field.
pub(super) fn broken(request: &str, field: &str, rule: &str) -> ApiError {
    bare(400, 3, &format!("invalid {request}.{field}: {rule}"))
}
