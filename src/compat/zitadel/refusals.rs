//! Everything that this service refuses with, and the one maker of its errors: [`Refusal::error`].
//!
//! The refusals of checks are a table of one row a kind, as the module's docs have it.

use Code::{
    FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, ResourceExhausted,
    Unauthenticated,
};
use Refusal::{Known, Plain};

use super::{
    ApiError,
    wire::error::{ErrorBody, ErrorDetail},
};
use crate::{
    error::{Error, ErrorClass},
    factor::FactorKind,
};

/// A reason to refuse a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refusal<'a> {
    /// An error of ZITADEL's own: its code, its id, its key.
    Known(Code, &'static str, &'static str),
    /// A broken rule of the schema: the path from the outermost message to the field, and the rule.
    Rule(&'a [&'a str], &'a str),
    /// An error of gRPC's own: a code and a message.
    Plain(Code, &'a str),
}

impl Refusal<'_> {
    /// The error that the caller gets.
    pub(super) fn error(self) -> ApiError {
        let (code, message, details) = match self {
            Known(code, id, key) => {
                let type_url = "type.googleapis.com/zitadel.v1.ErrorDetail";
                let detail = ErrorDetail { type_url, id, message: key };
                (code, format!("{key} ({id})"), vec![detail])
            }
            Self::Rule(path, rule) => (InvalidArgument, broken_rule(path, rule), Vec::new()),
            Plain(code, message) => (code, message.to_owned(), Vec::new()),
        };
        let (code, status) = code.numbers();
        ApiError::new(status, ErrorBody { code, message, details })
    }
}

/// As the validator of ZITADEL's gateway words a broken rule.
fn broken_rule(path: &[&str], rule: &str) -> String {
    let mut message = String::new();
    for (at, name) in path.iter().enumerate() {
        message += match at + 1 == path.len() {
            true => format!("invalid {name}: {rule}"),
            false => format!("invalid {name}: embedded message failed validation | caused by: "),
        }
        .as_str();
    }
    message
}

/// An error of the issuer where no check is in play.
impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let public = error.public();
        let shown = match error.class() {
            ErrorClass::Rejected => {
                let code = match public.http_status {
                    401 => Unauthenticated,
                    403 => PermissionDenied,
                    404 => NotFound,
                    409 | 429 => ResourceExhausted,
                    _ => InvalidArgument,
                };
                let mut shown = Plain(code, public.message).error();
                // The issuer's own status, of which the code is the nearest.
                shown.status = public.http_status;
                shown
            }
            ErrorClass::Unavailable => {
                Plain(Code::Unavailable, "The service is busy. Try again.").error()
            }
            ErrorClass::Misuse | ErrorClass::Bug => {
                Plain(Code::Internal, "An internal error occurred").error()
            }
        };
        shown.caused_by(error)
    }
}

/// A code of gRPC.
#[derive(Debug, Clone, Copy)]
pub(super) enum Code {
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Internal,
    Unavailable,
    Unauthenticated,
}

impl Code {
    /// The number in gRPC, and the HTTP status that the gateway answers.
    fn numbers(self) -> (u8, u16) {
        match self {
            InvalidArgument => (3, 400),
            NotFound => (5, 404),
            PermissionDenied => (7, 403),
            ResourceExhausted => (8, 429),
            FailedPrecondition => (9, 400),
            Self::Internal => (13, 500),
            Self::Unavailable => (14, 503),
            Unauthenticated => (16, 401),
        }
    }
}

// Of sessions.
pub(super) const WRONG_TOKEN: Refusal<'_> =
    Known(PermissionDenied, "COMMAND-sGr42", "Errors.Session.Token.Invalid");
pub(super) const NO_SESSION: Refusal<'_> =
    Known(FailedPrecondition, "COMMAND-Flk38", "Errors.Session.NotExisting");
pub(super) const EXPIRED: Refusal<'_> =
    Known(FailedPrecondition, "COMMAND-Hkl3d", "Errors.Session.Expired");
pub(super) const TERMINATED: Refusal<'_> =
    Known(FailedPrecondition, "COMMAND-Hewfq", "Errors.Session.Terminated");
pub(super) const TERMINATED_IN_V2ALPHA: Refusal<'_> =
    Known(FailedPrecondition, "COMAND-SAjeh", "Errors.Session.Terminated");
pub(super) const POSITIVE_LIFETIME: Refusal<'_> =
    Known(InvalidArgument, "COMMAND-asEG4", "Errors.Session.PositiveLifetime");
pub(super) const USER_CHANGE: Refusal<'_> = Plain(InvalidArgument, "user change not possible");

// Of reads and searches.
pub(super) const NOTHING_TO_READ: Refusal<'_> =
    Known(NotFound, "QUERY-SFeaa", "Errors.Session.NotExisting");
pub(super) const NOT_READ_WITH_THIS_TOKEN: Refusal<'_> =
    Known(PermissionDenied, "QUERY-dsfr3", "Errors.PermissionDenied");
pub(super) const INVALID_QUERY: Refusal<'_> =
    Known(InvalidArgument, "GRPC-Sfefs", "List.Query.Invalid");
pub(super) const NAMELESS_QUERY: Refusal<'_> =
    Known(InvalidArgument, "GRPC-x8n23uh", "List.Query.Invalid");
pub(super) const LIMIT_EXCEEDED: Refusal<'_> =
    Known(InvalidArgument, "QUERY-4M0fs", "Errors.Query.LimitExceeded");
pub(super) const TOO_MANY_TO_READ: Refusal<'_> =
    Plain(ResourceExhausted, "More sessions meet these queries than one call reads: narrow them.");

// Of callers.
pub(super) const NOT_PERMITTED: Refusal<'_> =
    Known(PermissionDenied, "AUTH-5mWD2", "No matching permissions found");
pub(super) const NOT_AUTHENTICATED: Refusal<'_> =
    Known(Unauthenticated, "AUTH-7fs1e", "Errors.Token.Invalid");
pub(super) const SECOND_FACTOR_REQUIRED: Refusal<'_> =
    Known(PermissionDenied, "AUTHZ-Kl3p0", "mfa required");

// Of users.
/// The user is unknown, where the call names one.
pub(super) const USER_UNKNOWN: Refusal<'_> = Known(NotFound, "QUERY-Dfbg2", "Errors.User.NotFound");
/// The session's user is unknown.
pub(super) const USER_GONE: Refusal<'_> =
    Known(FailedPrecondition, "COMMAND-3n77z", "Errors.User.NotFound");
pub(super) const USER_NOT_ACTIVE: Refusal<'_> =
    Known(FailedPrecondition, "SESSION-Gj4ko", "Errors.User.NotActive");

// Of checks.
/// The intent has not succeeded, or was used.
pub(super) const INTENT_NOT_SUCCEEDED: Refusal<'_> =
    Known(FailedPrecondition, "COMMAND-Df4bw", "Errors.Intent.NotSucceeded");
const USER_LOCKED: Refusal<'_> = Known(FailedPrecondition, "COMMAND-JLK35", "Errors.User.Locked");
const OTP_LOCKED: Refusal<'_> = Known(FailedPrecondition, "COMMAND-S6h4R", "Errors.User.Locked");
const WRONG_CODE: Refusal<'_> = Known(InvalidArgument, "CODE-woT0xc", "Errors.User.Code.Invalid");
const CODE_EXPIRED: Refusal<'_> =
    Known(FailedPrecondition, "CODE-QvUQ4P", "Errors.User.Code.Expired");
const NO_CHALLENGE: Refusal<'_> =
    Known(FailedPrecondition, "COMMAND-Ioqu5", "Errors.Session.WebAuthN.NoChallenge");
const INTENT_EXPIRED: Refusal<'_> =
    Known(FailedPrecondition, "COMMAND-SAf42", "Errors.Intent.Expired");

const fn user_id_missing(code: Code, id: &'static str) -> Refusal<'static> {
    Known(code, id, "Errors.User.UserIDMissing")
}

/// The refusals of one kind of check.
#[derive(Clone, Copy)]
pub(super) struct CheckRefusals {
    /// The proof does not hold.
    pub(super) wrong: Refusal<'static>,
    /// The check needs a user, and none is known.
    pub(super) no_user: Refusal<'static>,
    /// A challenge for the check needs a user, and none is known.
    pub(super) no_user_to_ask: Refusal<'static>,
    /// The user is locked.
    pub(super) locked: Refusal<'static>,
    /// The user has no such factor, or one that is not ready.
    pub(super) not_ready: Refusal<'static>,
    /// There is no open challenge.
    pub(super) no_challenge: Refusal<'static>,
    /// There was a challenge, and its time is over.
    pub(super) challenge_over: Refusal<'static>,
}

/// Those of a password in later versions; a user alone shares all but the first.
const PASSWORD: CheckRefusals = CheckRefusals {
    wrong: Known(InvalidArgument, "COMMAND-3M0fs", "Errors.User.Password.Invalid"),
    no_user: user_id_missing(InvalidArgument, "COMMAND-Sfw3f"),
    no_user_to_ask: user_id_missing(InvalidArgument, "COMMAND-Sfw3f"),
    locked: USER_LOCKED,
    not_ready: Known(FailedPrecondition, "COMMAND-3nJ4t", "Errors.User.Password.NotSet"),
    no_challenge: NO_CHALLENGE,
    challenge_over: NO_CHALLENGE,
};

const TABLE: [(FactorKind, CheckRefusals); 8] = [
    (FactorKind::Subject, CheckRefusals { wrong: USER_UNKNOWN, ..PASSWORD }),
    (FactorKind::Password, PASSWORD),
    (
        FactorKind::Intent,
        CheckRefusals {
            wrong: Known(PermissionDenied, "CRYPTO-CRYPTO", "Errors.Intent.InvalidToken"),
            no_user: user_id_missing(FailedPrecondition, "COMMAND-Sfw3r"),
            no_user_to_ask: user_id_missing(FailedPrecondition, "COMMAND-Sfw3r"),
            locked: USER_LOCKED,
            not_ready: Known(FailedPrecondition, "COMMAND-O8xk3w", "Errors.Intent.OtherUser"),
            // An intent is its own challenge.
            no_challenge: INTENT_EXPIRED,
            challenge_over: INTENT_EXPIRED,
        },
    ),
    (
        FactorKind::WebAuthn,
        CheckRefusals {
            wrong: Known(
                InvalidArgument,
                "WEBAU-3M9si",
                "Errors.User.WebAuthN.ValidateLoginFailed",
            ),
            // Who has no user has no challenge either, and ZITADEL looks for that first.
            no_user: NO_CHALLENGE,
            no_user_to_ask: user_id_missing(FailedPrecondition, "COMMAND-eeR2e"),
            locked: USER_LOCKED,
            not_ready: Known(FailedPrecondition, "COMMAND-Aej7i", "Errors.User.WebAuthN.NotFound"),
            no_challenge: NO_CHALLENGE,
            challenge_over: NO_CHALLENGE,
        },
    ),
    (
        FactorKind::Totp,
        CheckRefusals {
            wrong: Known(InvalidArgument, "EVENT-8isk2", "Errors.User.MFA.OTP.InvalidCode"),
            no_user: user_id_missing(InvalidArgument, "COMMAND-8N9ds"),
            no_user_to_ask: user_id_missing(InvalidArgument, "COMMAND-8N9ds"),
            locked: Known(FailedPrecondition, "COMMAND-SF3fg", "Errors.User.Locked"),
            not_ready: Known(FailedPrecondition, "COMMAND-3Mif9s", "Errors.User.MFA.OTP.NotReady"),
            no_challenge: NO_CHALLENGE,
            challenge_over: NO_CHALLENGE,
        },
    ),
    (
        FactorKind::OtpSms,
        CheckRefusals {
            wrong: WRONG_CODE,
            no_user: user_id_missing(FailedPrecondition, "COMMAND-VDrh3"),
            no_user_to_ask: user_id_missing(FailedPrecondition, "COMMAND-JKL3g"),
            locked: OTP_LOCKED,
            not_ready: Known(FailedPrecondition, "COMMAND-BJ2g3", "Errors.User.MFA.OTP.NotReady"),
            no_challenge: Known(FailedPrecondition, "COMMAND-SF3tv", "Errors.User.Code.NotFound"),
            challenge_over: CODE_EXPIRED,
        },
    ),
    (
        FactorKind::OtpEmail,
        CheckRefusals {
            wrong: WRONG_CODE,
            no_user: user_id_missing(FailedPrecondition, "COMMAND-ejo2w"),
            no_user_to_ask: user_id_missing(FailedPrecondition, "COMMAND-JK3gp"),
            locked: OTP_LOCKED,
            not_ready: Known(FailedPrecondition, "COMMAND-JKLJ3", "Errors.User.MFA.OTP.NotReady"),
            no_challenge: Known(FailedPrecondition, "COMMAND-zF3g3", "Errors.User.Code.NotFound"),
            challenge_over: CODE_EXPIRED,
        },
    ),
    (
        FactorKind::RecoveryCode,
        CheckRefusals {
            wrong: Known(
                InvalidArgument,
                "DOMAIN-6uvh0",
                "Errors.User.MFA.RecoveryCodes.InvalidCode",
            ),
            no_user: user_id_missing(InvalidArgument, "COMMAND-4m9s2"),
            no_user_to_ask: user_id_missing(InvalidArgument, "COMMAND-4m9s2"),
            locked: Known(NotFound, "COMMAND-2w6oa", "Errors.User.MFA.RecoveryCodes.Locked"),
            not_ready: Known(
                InvalidArgument,
                "COMMAND-84rgg",
                "Errors.User.RecoveryCodes.NotReady",
            ),
            no_challenge: NO_CHALLENGE,
            challenge_over: NO_CHALLENGE,
        },
    ),
];

impl CheckRefusals {
    /// The row of a kind; none of one that ZITADEL does not know.
    pub(super) fn of(kind: FactorKind) -> Option<Self> {
        TABLE.iter().find(|(known, _)| *known == kind).map(|(_, row)| *row)
    }

    /// As v2alpha has them: the id of a wrong password, and a code of gRPC, were others then.
    pub(super) fn in_v2alpha(mut self, kind: FactorKind) -> Self {
        match kind {
            FactorKind::Password => {
                self.wrong =
                    Known(InvalidArgument, "COMMAND-SAF3g", "Errors.User.Password.Invalid");
                self.no_user = user_id_missing(FailedPrecondition, "COMMAND-Sfw3f");
                self.no_user_to_ask = self.no_user;
            }
            FactorKind::Subject => {
                self.no_user = user_id_missing(FailedPrecondition, "COMMAND-Sfw3f");
                self.no_user_to_ask = self.no_user;
            }
            _ => {}
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_check_has_a_row() {
        for kind in FactorKind::ALL {
            assert!(CheckRefusals::of(*kind).is_some(), "{kind:?}");
        }
    }
}
