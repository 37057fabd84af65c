//! Requests of one token, and the answers of v3.

use serde::{Serialize, Serializer};

use super::{ApiError, Status};
use crate::{
    Timestamp,
    compat::{Field, exposed},
    secret::Secret,
};

/// A field that a request must have.
pub(super) fn required(field: &Field<Secret>) -> Result<&str, ApiError> {
    optional(field)?
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Status::InvalidParameters.error())
}

/// A field that a request may have. `null` counts as absent.
pub(super) fn optional(field: &Field<Secret>) -> Result<Option<&str>, ApiError> {
    text(field).map(|secret| secret.map(Secret::expose))
}

/// The same, of a field that is no secret.
pub(super) fn text<T>(field: &Field<T>) -> Result<Option<&T>, ApiError> {
    field.nullable().map_err(|_| Status::InvalidParameters.error())
}

/// Requests of one field, which is a token.
macro_rules! one_secret {
    ($($(#[$doc:meta])* $name:ident { $(#[$field_doc:meta])* $field:ident })*) => {$(
        $(#[$doc])*
        #[derive(Default)]
        #[non_exhaustive]
        pub struct $name {
            $(#[$field_doc])*
            pub $field: crate::compat::Field<crate::secret::Secret>,
        }

        impl $name {
            /// With this token.
            pub fn new(token: &str) -> Self {
                Self { $field: token.into() }
            }

            /// As some clients send it: in the query of the address, or in a form, which is written
            /// like one. Without it there, the field is absent.
            pub fn from_query(query: &str) -> Self {
                Self { $field: crate::compat::query::secret(query, stringify!($field)) }
            }

            /// What this one lacks, from another place: the body goes before the query.
            #[must_use]
            pub fn or(self, other: Self) -> Self {
                Self { $field: self.$field.or(other.$field) }
            }
        }

        crate::compat::redacted!($name);
        crate::compat::from_object!($name { $field: stringify!($field) });
    )*};
}
pub(super) use one_secret;

one_secret! {
    /// The body of `POST /3/authentication/session/new`; some clients send a `GET` with a query.
    CreateSession {
        /// The token of step 1, approved by a user in step 2. Required.
        request_token
    }

    /// The body or the query of `DELETE /3/authentication/session`.
    DeleteSession {
        /// The session's id. Required.
        session_id
    }
}

/// The answer to `POST /3/authentication/session/new` and `/convert/4`, status 200.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct CreateSessionResponse {
    /// Always true.
    pub success: bool,
    /// The session's token. To be kept like a password.
    #[serde(serialize_with = "exposed")]
    pub session_id: Secret,
}

/// The answer to `GET /3/authentication/guest_session/new`, status 200.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct CreateGuestSessionResponse {
    /// Always true.
    pub success: bool,
    /// The session's token. To be kept like a password.
    #[serde(serialize_with = "exposed")]
    pub guest_session_id: Secret,
    /// From when on it is no longer good unless it is used before; `YYYY-MM-DD HH:MM:SS UTC` in
    /// JSON.
    #[serde(serialize_with = "date_time")]
    pub expires_at: Timestamp,
}

/// The answer to `GET /3/authentication/token/new` and `POST .../validate_with_login`, status 200.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct CreateRequestTokenResponse {
    /// Always true.
    pub success: bool,
    /// From when on the token is no longer good; `YYYY-MM-DD HH:MM:SS UTC` in JSON.
    #[serde(serialize_with = "date_time")]
    pub expires_at: Timestamp,
    /// The token. To be kept like a password.
    #[serde(serialize_with = "exposed")]
    pub request_token: Secret,
}

/// The answer to `DELETE /3/authentication/session`, status 200.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct DeleteSessionResponse {
    /// Always true.
    pub success: bool,
}

/// TMDB's form of an instant, in whole seconds.
pub(super) fn date_time<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    let rfc_3339 = Timestamp::from_secs(at.as_secs()).to_string();
    serializer.serialize_str(&rfc_3339.replace('T', " ").replace('Z', " UTC"))
}
