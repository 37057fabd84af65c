//! The body of an error.

use serde::Serialize;

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
