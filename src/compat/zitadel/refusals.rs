//! What each kind of check answers when it is refused: one row a kind, as the table of the module's docs has it.

use super::known::Known;
use crate::factor::FactorKind;

/// The answers of one kind of check.
#[derive(Clone, Copy)]
pub(super) struct Refusals {
    /// The proof does not hold.
    pub(super) wrong: Known,
    /// The check needs a user, and none is known.
    pub(super) no_user: Known,
    /// A challenge for the check needs a user, and none is known.
    pub(super) no_user_to_ask: Known,
    /// The user is locked.
    pub(super) locked: Known,
    /// The user has no such factor, or one that is not ready.
    pub(super) not_ready: Known,
    /// There is no open challenge.
    pub(super) no_challenge: Known,
    /// There was a challenge, and its time is over.
    pub(super) challenge_over: Known,
}

/// The user is unknown, where the call names one.
pub(super) const USER_UNKNOWN: Known = Known(5, 404, "QUERY-Dfbg2", "Errors.User.NotFound");
/// The intent has not succeeded, or was used.
pub(super) const INTENT_NOT_SUCCEEDED: Known = Known(9, 400, "COMMAND-Df4bw", "Errors.Intent.NotSucceeded");

const fn user_id_missing(code: u8, id: &'static str) -> Known {
    Known(code, 400, id, "Errors.User.UserIDMissing")
}

const USER_LOCKED: Known = Known(9, 400, "COMMAND-JLK35", "Errors.User.Locked");
const OTP_LOCKED: Known = Known(9, 400, "COMMAND-S6h4R", "Errors.User.Locked");
const WRONG_CODE: Known = Known(3, 400, "CODE-woT0xc", "Errors.User.Code.Invalid");
const CODE_EXPIRED: Known = Known(9, 400, "CODE-QvUQ4P", "Errors.User.Code.Expired");
const NO_CHALLENGE: Known = Known(9, 400, "COMMAND-Ioqu5", "Errors.Session.WebAuthN.NoChallenge");
const INTENT_EXPIRED: Known = Known(9, 400, "COMMAND-SAf42", "Errors.Intent.Expired");

/// Those of a password in later versions; a user alone shares all but the first.
const PASSWORD: Refusals = Refusals {
    wrong: Known(3, 400, "COMMAND-3M0fs", "Errors.User.Password.Invalid"),
    no_user: user_id_missing(3, "COMMAND-Sfw3f"),
    no_user_to_ask: user_id_missing(3, "COMMAND-Sfw3f"),
    locked: USER_LOCKED,
    not_ready: Known(9, 400, "COMMAND-3nJ4t", "Errors.User.Password.NotSet"),
    no_challenge: NO_CHALLENGE,
    challenge_over: NO_CHALLENGE,
};

const TABLE: [(FactorKind, Refusals); 8] = [
    (FactorKind::Subject, Refusals { wrong: USER_UNKNOWN, ..PASSWORD }),
    (FactorKind::Password, PASSWORD),
    (
        FactorKind::Intent,
        Refusals {
            wrong: Known(7, 403, "CRYPTO-CRYPTO", "Errors.Intent.InvalidToken"),
            no_user: user_id_missing(9, "COMMAND-Sfw3r"),
            no_user_to_ask: user_id_missing(9, "COMMAND-Sfw3r"),
            locked: USER_LOCKED,
            not_ready: Known(9, 400, "COMMAND-O8xk3w", "Errors.Intent.OtherUser"),
            // An intent is its own challenge.
            no_challenge: INTENT_EXPIRED,
            challenge_over: INTENT_EXPIRED,
        },
    ),
    (
        FactorKind::WebAuthn,
        Refusals {
            wrong: Known(3, 400, "WEBAU-3M9si", "Errors.User.WebAuthN.ValidateLoginFailed"),
            // Who has no user has no challenge either, and ZITADEL looks for that first.
            no_user: NO_CHALLENGE,
            no_user_to_ask: user_id_missing(9, "COMMAND-eeR2e"),
            locked: USER_LOCKED,
            not_ready: Known(9, 400, "COMMAND-Aej7i", "Errors.User.WebAuthN.NotFound"),
            no_challenge: NO_CHALLENGE,
            challenge_over: NO_CHALLENGE,
        },
    ),
    (
        FactorKind::Totp,
        Refusals {
            wrong: Known(3, 400, "EVENT-8isk2", "Errors.User.MFA.OTP.InvalidCode"),
            no_user: user_id_missing(3, "COMMAND-8N9ds"),
            no_user_to_ask: user_id_missing(3, "COMMAND-8N9ds"),
            locked: Known(9, 400, "COMMAND-SF3fg", "Errors.User.Locked"),
            not_ready: Known(9, 400, "COMMAND-3Mif9s", "Errors.User.MFA.OTP.NotReady"),
            no_challenge: NO_CHALLENGE,
            challenge_over: NO_CHALLENGE,
        },
    ),
    (
        FactorKind::OtpSms,
        Refusals {
            wrong: WRONG_CODE,
            no_user: user_id_missing(9, "COMMAND-VDrh3"),
            no_user_to_ask: user_id_missing(9, "COMMAND-JKL3g"),
            locked: OTP_LOCKED,
            not_ready: Known(9, 400, "COMMAND-BJ2g3", "Errors.User.MFA.OTP.NotReady"),
            no_challenge: Known(9, 400, "COMMAND-SF3tv", "Errors.User.Code.NotFound"),
            challenge_over: CODE_EXPIRED,
        },
    ),
    (
        FactorKind::OtpEmail,
        Refusals {
            wrong: WRONG_CODE,
            no_user: user_id_missing(9, "COMMAND-ejo2w"),
            no_user_to_ask: user_id_missing(9, "COMMAND-JK3gp"),
            locked: OTP_LOCKED,
            not_ready: Known(9, 400, "COMMAND-JKLJ3", "Errors.User.MFA.OTP.NotReady"),
            no_challenge: Known(9, 400, "COMMAND-zF3g3", "Errors.User.Code.NotFound"),
            challenge_over: CODE_EXPIRED,
        },
    ),
    (
        FactorKind::RecoveryCode,
        Refusals {
            wrong: Known(3, 400, "DOMAIN-6uvh0", "Errors.User.MFA.RecoveryCodes.InvalidCode"),
            no_user: user_id_missing(3, "COMMAND-4m9s2"),
            no_user_to_ask: user_id_missing(3, "COMMAND-4m9s2"),
            locked: Known(5, 404, "COMMAND-2w6oa", "Errors.User.MFA.RecoveryCodes.Locked"),
            not_ready: Known(3, 400, "COMMAND-84rgg", "Errors.User.RecoveryCodes.NotReady"),
            no_challenge: NO_CHALLENGE,
            challenge_over: NO_CHALLENGE,
        },
    ),
];

impl Refusals {
    /// The row of a kind; none of one that ZITADEL does not know.
    pub(super) fn of(kind: FactorKind) -> Option<Self> {
        TABLE.iter().find(|(known, _)| *known == kind).map(|(_, row)| *row)
    }

    /// As v2alpha has them: the id of a wrong password, and a code of gRPC, were others then.
    pub(super) fn in_v2alpha(mut self, kind: FactorKind) -> Self {
        match kind {
            FactorKind::Password => {
                self.wrong = Known(3, 400, "COMMAND-SAF3g", "Errors.User.Password.Invalid");
                self.no_user = user_id_missing(9, "COMMAND-Sfw3f");
                self.no_user_to_ask = self.no_user;
            }
            FactorKind::Subject => {
                self.no_user = user_id_missing(9, "COMMAND-Sfw3f");
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
            assert!(Refusals::of(*kind).is_some(), "{kind:?}");
        }
    }
}
