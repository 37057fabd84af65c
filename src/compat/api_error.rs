//! An error as one of the systems answers it.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::error::Error;

/// An error as one of the systems answers it: a status and a body.
///
/// It serializes as its body alone. What it keeps from callers, [`cause`](Self::cause) keeps for
/// logs. `Debug` shows no body: some echo what was sent.
pub struct ApiError<B> {
    /// The HTTP status, 400 to 599.
    pub status: u16,
    /// The body, with the system's exact names.
    pub body: B,
    cause: Option<Box<Error>>,
}

impl<B> ApiError<B> {
    pub(super) fn new(status: u16, body: B) -> Self {
        Self { status, body, cause: None }
    }

    pub(super) fn caused_by(mut self, cause: Error) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// The issuer's own error, for logs: more precise than the answer. None when the request broke
    /// a rule of the system.
    pub fn cause(&self) -> Option<&Error> {
        self.cause.as_deref()
    }
}

impl<B: Serialize> Serialize for ApiError<B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.body.serialize(serializer)
    }
}

impl<B> fmt::Display for ApiError<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused with status {}", self.status)
    }
}

impl<B> fmt::Debug for ApiError<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiError")
            .field("status", &self.status)
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}

impl<B> std::error::Error for ApiError<B> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_error_serializes_as_its_body_and_shows_none_of_it() {
        let error =
            ApiError::new(404, serde_json::json!({ "code": 404, "message": "user not found" }));
        assert_eq!(
            serde_json::to_string(&error).unwrap(),
            r#"{"code":404,"message":"user not found"}"#
        );
        assert!(!format!("{error:?} {error}").contains("not found"));
    }
}
