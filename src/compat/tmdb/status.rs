//! TMDB's table of status codes, and how an error of the issuer is shown by it.

use serde::Serialize;

use super::ApiError;
use crate::error::{Error, ErrorClass, ErrorKind};

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident: $code:literal, $http:literal, $message:literal;)*) => {
        /// A line of TMDB's table of status codes.
        ///
        /// The handlers answer most of them; the rest is for a host's own door, such as a bad API
        /// key.
        ///
        /// # Examples
        /// ```
        /// use session_issuer::compat::tmdb::Status;
        ///
        /// let refused = Status::InvalidApiKey.error();
        /// assert_eq!(refused.status, 401);
        /// assert_eq!((refused.body.success, refused.body.status_code), (false, 7));
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Status {
            $($(#[$doc])* #[doc = concat!("\n\nCode ", $code, ", HTTP ", $http, ".")] $name,)*
        }

        impl Status {
            /// Every status there is, by code.
            pub const ALL: &'static [Status] = &[$(Self::$name),*];

            /// TMDB's own number.
            pub fn code(self) -> u16 {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status.
            pub fn http_status(self) -> u16 {
                match self { $(Self::$name => $http,)* }
            }

            /// TMDB's sentence.
            pub fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)* }
            }
        }
    };
}

statuses! {
    /// It is done.
    Success: 1, 200, "Success.";
    /// A guest, another app, or a session id that is not good: not for this.
    AuthenticationFailed: 3, 401, "Authentication failed: You do not have permissions to access the service.";
    /// A field is missing, empty, too long, no text, or has characters that it must not have.
    InvalidParameters: 5, 422, "Invalid parameters: Your request parameters are incorrect.";
    /// No app has this key. For the host's door.
    InvalidApiKey: 7, 401, "Invalid API key: You must be granted a valid key.";
    /// A part did not answer: try again.
    Offline: 9, 503, "Service offline: This service is temporarily offline, try again later.";
    /// The app's key is suspended. For the host's door.
    SuspendedApiKey: 10, 401, "Suspended API key: Access to your account has been suspended, contact TMDB.";
    /// The host's configuration, or a bug.
    Internal: 11, 500, "Internal error: Something went wrong, contact TMDB.";
    /// It is gone.
    Deleted: 13, 200, "The item/record was deleted successfully.";
    /// The user denied the request token.
    SessionDenied: 17, 401, "Session denied.";
    /// The user has as many sessions as the policy allows.
    TooMany: 25, 429, "Your request count is over the allowed limit.";
    /// A login without a name or a password.
    CredentialsMissing: 26, 400, "You must provide a username and password.";
    /// A wrong password, or nobody of that name: the answer is the same.
    InvalidLogin: 30, 401, "Invalid username and/or password: You did not provide a valid login.";
    /// The user is disabled, or gone.
    AccountDisabled: 31, 401, "Account disabled: Your account is no longer active. Contact TMDB if this is an error.";
    /// The verifier says that the password cannot be used yet.
    EmailNotVerified: 32, 401, "Email not verified: Your email address has not been verified.";
    /// A request token that is unknown, expired, another app's, or used.
    InvalidRequestToken: 33, 401, "Invalid request token: The request token is either expired or invalid.";
    /// No such path. For the host's door.
    NotFound: 34, 404, "The resource you requested could not be found.";
    /// An access token that is none of a user, or not good.
    InvalidToken: 35, 401, "Invalid token.";
    /// There is no such session, or not any more.
    SessionNotFound: 37, 404, "The requested session could not be found.";
    /// The request token waits for its user, and can still be exchanged.
    NotApproved: 41, 422, "This request token hasn't been approved by the user.";
    /// A path, but not with this method. For the host's door.
    WrongMethod: 42, 405, "This request method is not supported for this resource.";
    /// The user is locked for now.
    UserSuspended: 45, 403, "This user has been suspended.";
}

impl Status {
    /// The refusal that a caller sees.
    pub fn error(self) -> ApiError {
        let body =
            ErrorBody { success: false, status_code: self.code(), status_message: self.message() };
        ApiError::new(self.http_status(), body)
    }
}

/// The body of an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ErrorBody {
    /// Always false.
    pub success: bool,
    /// TMDB's own number: that of a [`Status`].
    pub status_code: u16,
    /// TMDB's sentence for it.
    pub status_message: &'static str,
}

/// An error of the issuer, as TMDB shows it: `rejected` stands for a credential that is not good
/// for this call.
pub(super) fn issuer_error(rejected: Status) -> impl Fn(Error) -> ApiError {
    move |error| {
        let status = match error.kind() {
            ErrorKind::NotApproved => Status::NotApproved,
            ErrorKind::Denied => Status::SessionDenied,
            ErrorKind::CapReached => Status::TooMany,
            ErrorKind::InvalidInput => Status::InvalidParameters,
            ErrorKind::CheckFailed | ErrorKind::FactorNotSetUp => Status::InvalidLogin,
            ErrorKind::FactorNotReady => Status::EmailNotVerified,
            ErrorKind::SubjectDisabled | ErrorKind::SubjectUnknown => Status::AccountDisabled,
            ErrorKind::SubjectLocked => Status::UserSuspended,
            _ => match error.class() {
                ErrorClass::Rejected => rejected,
                ErrorClass::Unavailable => Status::Offline,
                _ => Status::Internal,
            },
        };
        status.error().caused_by(error)
    }
}

/// For what must not happen: a part of this crate, or its configuration, is at fault.
pub(super) fn internal_error(error: Error) -> ApiError {
    Status::Internal.error().caused_by(error)
}
