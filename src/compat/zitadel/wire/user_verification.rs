//! How an authenticator verifies its user.

use crate::compat::zitadel::proto::numbered;

numbered! {
    /// Whether an authenticator verifies its user, by PIN or biometrics.
    UserVerificationRequirement {
        /// Nothing is said. Not allowed.
        #[default]
        Unspecified = 0, "USER_VERIFICATION_REQUIREMENT_UNSPECIFIED";
        /// It must: the key is a passkey, and stands for itself.
        Required = 1, "USER_VERIFICATION_REQUIREMENT_REQUIRED";
        /// It does where it can: the key is a second factor.
        Preferred = 2, "USER_VERIFICATION_REQUIREMENT_PREFERRED";
        /// It does not need to: the key is a second factor.
        Discouraged = 3, "USER_VERIFICATION_REQUIREMENT_DISCOURAGED";
    }
}
