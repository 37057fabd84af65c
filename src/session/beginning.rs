//! The rule of beginnings: a session that has proved too little lives for a shorter time.
//!
//! A session is a beginning while its subject has a second factor and its proofs do not reach AAL2.
//! Under a policy with a single-factor lifetime, a beginning lives no longer than that.

use std::time::Duration;

use crate::{
    factor::{AssuranceLevel, Factor},
    policy::Policy,
};

/// Decides whether a session is only a beginning after these proofs.
///
/// `second_factor` says that the subject has set up a second factor. A proof in `proved` takes the
/// place of the one of its kind in `earlier`.
pub(crate) fn is_beginning(second_factor: bool, earlier: &[Factor], proved: &[Factor]) -> bool {
    if !second_factor {
        return false;
    }
    let replaced = |old: &&Factor| proved.iter().any(|new| new.kind() == old.kind());
    let factors: Vec<_> =
        earlier.iter().filter(|old| !replaced(old)).chain(proved).copied().collect();
    AssuranceLevel::of(&factors) < Some(AssuranceLevel::Aal2)
}

/// Says how long a beginning lives until more is proved; none for a session that is no beginning.
///
/// The answer is the policy's single-factor lifetime, or `lifetime` where that is shorter.
pub(crate) fn beginning_lifetime(
    policy: &Policy,
    is_beginning: bool,
    lifetime: Option<Duration>,
) -> Option<Duration> {
    let shorter = policy.single_factor_lifetime.filter(|_| is_beginning)?;
    lifetime.into_iter().chain([shorter]).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Timestamp,
        factor::{FactorDetails, FactorKind},
    };

    const HOUR: Duration = Duration::from_secs(3_600);
    const DAY: Duration = Duration::from_secs(24 * 3_600);

    fn proof(kind: FactorKind) -> Factor {
        Factor::new(kind, Timestamp::from_secs(1), FactorDetails::default())
    }

    #[test]
    fn a_session_is_a_beginning_until_its_subjects_second_factor_is_proved() {
        let (password, totp) = (proof(FactorKind::Password), proof(FactorKind::Totp));
        assert!(is_beginning(true, &[], &[]));
        assert!(is_beginning(true, &[], &[password]));
        assert!(is_beginning(true, &[password], &[password]));
        assert!(!is_beginning(true, &[password], &[totp]));
        assert!(!is_beginning(true, &[password, totp], &[]));
        assert!(!is_beginning(false, &[], &[password]), "a subject without a second factor");
    }

    #[test]
    fn a_proof_takes_the_place_of_the_one_of_its_kind() {
        let verified = FactorDetails::default().with_user_verified(true);
        let strong = Factor::new(FactorKind::WebAuthn, Timestamp::from_secs(1), verified);
        assert!(!is_beginning(true, &[strong], &[]));
        assert!(is_beginning(true, &[strong], &[proof(FactorKind::WebAuthn)]));
    }

    #[test]
    fn a_beginning_lives_for_the_shorter_of_its_own_lifetime_and_the_policys() {
        let policy = Policy::default().single_factor_lifetime(HOUR);
        assert_eq!(beginning_lifetime(&policy, true, None), Some(HOUR));
        assert_eq!(beginning_lifetime(&policy, true, Some(DAY)), Some(HOUR));
        assert_eq!(beginning_lifetime(&policy, true, Some(HOUR / 2)), Some(HOUR / 2));
        assert_eq!(beginning_lifetime(&policy, false, Some(DAY)), None);
        assert_eq!(beginning_lifetime(&Policy::default(), true, Some(DAY)), None);
    }
}
