//! ZELF's errors, and how one of the issuer is shown as such.

use serde::Serialize;

use super::ApiError;
use crate::{
    compat::JsonType,
    error::{Error, ErrorClass, InvalidInput},
};

/// The body of an error: one member, whose name says whose fault it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ErrorBody {
    /// A field breaks a rule.
    ValidationError(String),
    /// Anything else.
    Error(String),
}

impl ErrorBody {
    pub(super) fn with(self, status: u16) -> ApiError {
        ApiError::new(status, self)
    }

    /// A call without a token that is good.
    pub(super) fn protected() -> ApiError {
        let message = "Protected resource, use Authorization header to get access";
        Self::Error(message.to_owned()).with(401)
    }

    /// A session that has ended, or is at its global limit, at the door.
    pub(super) fn invalid_session() -> ApiError {
        Self::Error("Invalid session".to_owned()).with(401)
    }

    /// A session that has ended, at a route that needs one.
    pub(super) fn not_active() -> ApiError {
        Self::ValidationError("Session is not active".to_owned()).with(403)
    }
}

pub(super) fn broken(input: InvalidInput) -> ApiError {
    invalid(&format!("Session validation failed: {}: {}.", input.field, input.problem))
}

/// In the words of the library that keeps ZELF's rows.
pub(super) fn mistyped(wanted: &str, path: &str, got: JsonType) -> ApiError {
    let got = match got {
        JsonType::Null => "null",
        JsonType::Boolean => "boolean",
        JsonType::Number => "number",
        JsonType::String => "string",
        JsonType::Array => "Array",
        JsonType::Object => "Object",
    };
    let rule = format!("Cast to {wanted} failed for a value (type {got}) at path \"{path}\"");
    invalid(&format!("Session validation failed: {path}: {rule}"))
}

pub(super) fn invalid(message: &str) -> ApiError {
    ApiError::new(409, ErrorBody::ValidationError(message.to_owned()))
}

/// An error of the issuer, as ZELF shows it.
impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let (status, message) = match error.class() {
            ErrorClass::Rejected => (error.public().http_status, error.public().message),
            ErrorClass::Unavailable => (500, "The service is busy. Try again."),
            _ => (500, "Something went wrong."),
        };
        ErrorBody::Error(message.to_owned()).with(status).caused_by(error)
    }
}
