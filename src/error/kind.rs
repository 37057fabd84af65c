//! The kinds of error: one table holds each kind's code, class, status and sentence.

use std::fmt;

use serde::{Serialize, Serializer};

use super::PublicError;

/// The party that is at fault for an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The host's code or configuration. Untrusted data never causes it.
    Misuse,
    /// The caller presented something that is refused: a credential, or an input from outside.
    Rejected,
    /// The surroundings: try again.
    Unavailable,
    /// This crate, or a store that broke its contract.
    Bug,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: $code:literal, $class:ident, $status:literal, $face:ident, $words:literal;)*) => {
        /// The kind of an error: the thing that went wrong.
        ///
        /// Each kind has a stable [`code`](Self::code) that a test freezes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$doc])* #[doc = concat!("\n\nCode `", $code, "`, HTTP ", stringify!($status), ".")] $name,)*
        }

        impl ErrorKind {
            /// Every kind there is, for tables in documentation and tests.
            pub const ALL: &'static [ErrorKind] = &[$(Self::$name),*];

            /// A stable word for logs and metrics.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            pub(super) fn class(self) -> ErrorClass {
                match self { $(Self::$name => ErrorClass::$class,)* }
            }

            pub(super) fn http_status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            pub(super) fn public(self) -> PublicError {
                match self { $(Self::$name => Face::$face.show(),)* }
            }

            fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }
        }
    };
}

kinds! {
    /// The builder was given parts that do not fit; the source lists every mistake.
    InvalidConfiguration: "invalid_configuration", Misuse, 500, Internal, "the configuration has mistakes";
    /// This issuer or store was not built for the call.
    NotSupported: "not_supported", Misuse, 500, Internal, "this issuer was not built for that";

    /// A value from outside breaks a rule; the source names the field.
    InvalidInput: "invalid_input", Rejected, 400, Input, "a value breaks a rule";
    /// No session, or none that the caller may know of.
    NotFound: "not_found", Rejected, 404, Missing, "no such session";

    /// The token is not of any form this crate makes.
    MalformedToken: "malformed_token", Rejected, 401, Credential, "the token is malformed";
    /// A genuine form, but of a kind that this call does not take.
    WrongTokenKind: "wrong_token_kind", Rejected, 401, Credential, "this kind of token is not accepted here";
    /// Forged, unknown, or of another tenant: the three cannot be told apart.
    InvalidToken: "invalid_token", Rejected, 401, Credential, "the token is not valid";
    /// Signed for somebody else.
    WrongAudience: "wrong_audience", Rejected, 401, Credential, "the token is meant for another audience";
    /// The access token's own time is over; the session may live on: refresh.
    TokenExpired: "token_expired", Rejected, 401, Credential, "the access token has expired: refresh";
    /// Its absolute end has passed.
    Expired: "expired", Rejected, 401, Credential, "the absolute lifetime has passed";
    /// Not used for longer than the idle timeout.
    Inactive: "inactive", Rejected, 401, Credential, "the idle timeout has passed";
    /// Revoked; [`Error::reason`](super::Error::reason) says why.
    Revoked: "revoked", Rejected, 401, Credential, "the session was revoked";
    /// A newer token has taken this one's place.
    Superseded: "superseded", Rejected, 401, Credential, "a newer token has taken its place";
    /// Another call rotated the token first, and the policy allows no overlap.
    AlreadyRotated: "already_rotated", Rejected, 401, Credential, "another call has rotated the token";
    /// A spent refresh token came back: the session was ended.
    ReuseDetected: "reuse_detected", Rejected, 401, Credential, "a spent refresh token was used again";
    /// The access token is too old a generation: refresh first.
    RefreshRequired: "refresh_required", Rejected, 401, Credential, "the access token was rotated out: refresh";
    /// The policy binds the session to another client.
    ClientMismatch: "client_mismatch", Rejected, 401, Credential, "the session belongs to another client";
    /// The session of an actor behind this impersonation is no longer live.
    ActorEnded: "actor_ended", Rejected, 401, Credential, "the actor's session is no longer live";

    /// No such subject, told only to the host.
    SubjectUnknown: "subject_unknown", Rejected, 401, Credential, "no such subject";
    /// A check failed: a wrong password or code.
    CheckFailed: "check_failed", Rejected, 401, Credential, "the check failed";
    /// The subject is disabled.
    SubjectDisabled: "subject_disabled", Rejected, 403, Credential, "the subject is disabled";
    /// Too many failed attempts.
    SubjectLocked: "subject_locked", Rejected, 403, Credential, "the subject is locked";
    /// A check needs a subject, and none is known yet.
    SubjectMissing: "subject_missing", Rejected, 400, Input, "this check needs a subject first";
    /// A session's subject never changes.
    SubjectChange: "subject_change", Rejected, 400, Credential, "a session's subject cannot change";
    /// The subject has no such factor.
    FactorNotSetUp: "factor_not_set_up", Rejected, 400, Credential, "the subject has no such factor";
    /// The factor exists, but is not ready for use.
    FactorNotReady: "factor_not_ready", Rejected, 400, Credential, "the factor is not ready for use";
    /// A code or assertion without its challenge, or with one that was used or has ended.
    ChallengeMissing: "challenge_missing", Rejected, 400, Credential, "there is no open challenge for this check";

    /// The request token has not been approved yet.
    NotApproved: "not_approved", Rejected, 401, Credential, "the request was not approved yet";
    /// The request token was denied.
    Denied: "denied", Rejected, 401, Credential, "the request was denied";
    /// The request was decided or exchanged before.
    AlreadyDecided: "already_decided", Rejected, 401, Credential, "the request was decided before";

    /// The subject has as many sessions as the policy allows.
    CapReached: "cap_reached", Rejected, 409, Cap, "the subject has as many sessions as allowed";
    /// A named counter is at its limit.
    QuotaExceeded: "quota_exceeded", Rejected, 429, Quota, "a counter of the session is at its limit";
    /// The session is live but does not meet the requirement; [`Error::unmet`](super::Error::unmet)
    /// lists what lacks.
    RequirementNotMet: "requirement_not_met", Rejected, 403, StepUp, "the session does not meet the requirement";
    /// Not with an impersonated session.
    ImpersonationRefused: "impersonation_refused", Rejected, 403, Refused, "not with an impersonated session";

    /// The store, the signer, a verifier or the system's randomness did not answer.
    Unavailable: "unavailable", Unavailable, 503, Unavailable, "a part did not answer";
    /// The subject's sessions were revoked while this call was verifying: read the epoch and verify
    /// again. To the store it looks the same when a sweep forgets a subject in that moment that no
    /// record names any more.
    SubjectMoved: "subject_moved", Unavailable, 503, Unavailable, "the subject's sessions were revoked meanwhile";
    /// Other calls changed the session every time this one tried.
    Contention: "contention", Unavailable, 503, Unavailable, "other calls kept changing the session";

    /// A stored session cannot be read.
    Damaged: "damaged", Bug, 500, Internal, "a stored session cannot be read";
    /// An invariant does not hold.
    Internal: "internal", Bug, 500, Internal, "an invariant does not hold";
}

impl ErrorKind {
    pub(super) fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Expired
                | Self::Inactive
                | Self::Revoked
                | Self::ReuseDetected
                | Self::ActorEnded
                | Self::Denied
                | Self::AlreadyDecided
        )
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// The step that the caller of a verb takes after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remedy {
    /// Call again, soon, a bounded number of times. Keep the credential.
    Retry,
    /// Verify again from the start: the subject's sessions were revoked in between.
    VerifyAgain,
    /// Trade the refresh token, and come back with the new access token.
    Refresh,
    /// Another call has the newer token: use that one.
    UseNewest,
    /// Drop the credential and log in again.
    LogIn,
    /// Prove more: [`Error::unmet`](super::Error::unmet) says what.
    StepUp,
    /// Wait: for a decision, or for room.
    Wait,
    /// Tell the caller: the request itself is wrong, or not allowed, or a check failed. Keep the
    /// credential.
    Refuse,
    /// Wake somebody up: the host, the store or this crate is at fault.
    Report,
}

impl ErrorKind {
    pub(super) fn remedy(self) -> Remedy {
        match self {
            Self::Unavailable | Self::Contention => Remedy::Retry,
            Self::SubjectMoved => Remedy::VerifyAgain,
            Self::TokenExpired | Self::RefreshRequired => Remedy::Refresh,
            Self::Superseded | Self::AlreadyRotated => Remedy::UseNewest,
            Self::MalformedToken
            | Self::InvalidToken
            | Self::Expired
            | Self::Inactive
            | Self::Revoked
            | Self::ReuseDetected
            | Self::ClientMismatch
            | Self::ActorEnded
            | Self::Denied
            | Self::AlreadyDecided => Remedy::LogIn,
            Self::RequirementNotMet => Remedy::StepUp,
            Self::NotApproved | Self::CapReached | Self::QuotaExceeded => Remedy::Wait,
            Self::InvalidInput
            | Self::WrongTokenKind
            | Self::WrongAudience
            | Self::SubjectUnknown
            | Self::CheckFailed
            | Self::NotFound
            | Self::SubjectDisabled
            | Self::SubjectLocked
            | Self::SubjectMissing
            | Self::SubjectChange
            | Self::FactorNotSetUp
            | Self::FactorNotReady
            | Self::ChallengeMissing
            | Self::ImpersonationRefused => Remedy::Refuse,
            Self::InvalidConfiguration | Self::NotSupported | Self::Damaged | Self::Internal => {
                Remedy::Report
            }
        }
    }
}

impl Serialize for ErrorKind {
    /// Writes the code.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// What outsiders see; many kinds share a face, so that none is an oracle.
enum Face {
    Internal,
    Input,
    Missing,
    Credential,
    Refused,
    Cap,
    Quota,
    StepUp,
    Unavailable,
}

impl Face {
    fn show(self) -> PublicError {
        let (code, http_status, message) = match self {
            Self::Internal => ("internal_error", 500, "Something went wrong."),
            Self::Input => ("invalid_input", 400, "The request is not valid."),
            Self::Missing => ("not_found", 404, "There is no such session."),
            Self::Credential => ("invalid_credential", 401, "The credential was not accepted."),
            Self::Refused => ("refused", 403, "This is not allowed."),
            Self::Cap => ("too_many_sessions", 409, "There are too many sessions."),
            Self::Quota => ("quota_exceeded", 429, "The limit for this action is reached."),
            Self::StepUp => ("step_up_required", 403, "A further check is needed."),
            Self::Unavailable => ("unavailable", 503, "The service is busy. Try again."),
        };
        PublicError { code, http_status, message }
    }
}
