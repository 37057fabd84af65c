//! Ready-made policies: NIST's assurance levels, and the five systems whose flows this crate
//! speaks.

use std::time::Duration;

use super::{
    AbsoluteLifetime, AccessFormat, AudienceForm, Cap, Credentials, DAY, HOUR, MINUTE, OnFull,
    Policy, Rotation, TokenType,
};

impl Policy {
    /// NIST SP 800-63B-4 AAL1: at most 30 days. Longer settings are refused.
    pub fn aal1() -> Self {
        Self {
            ceiling: Some(30 * DAY),
            ..Self::default().absolute_lifetime(AbsoluteLifetime::After(30 * DAY))
        }
    }

    /// NIST SP 800-63B-4 AAL2: at most 24 hours, 1 hour idle. A longer absolute lifetime is
    /// refused.
    pub fn aal2() -> Self {
        let policy = Self::default()
            .absolute_lifetime(AbsoluteLifetime::After(DAY))
            .idle_timeout(Some(HOUR));
        Self { ceiling: Some(DAY), ..policy }
    }

    /// NIST SP 800-63B-4 AAL3: at most 12 hours, 15 minutes idle. A longer absolute lifetime is
    /// refused.
    pub fn aal3() -> Self {
        let policy = Self::default()
            .absolute_lifetime(AbsoluteLifetime::After(12 * HOUR))
            .idle_timeout(Some(15 * MINUTE));
        Self { ceiling: Some(12 * HOUR), ..policy }
    }

    /// Flow A, as Hanko: one signed token of 12 hours, 5 sessions, the oldest goes.
    ///
    /// The token's life is the session's, so a stateless verifier learns of a revocation up to 12
    /// hours late.
    pub fn hanko() -> Self {
        Self::default()
            .credentials(Credentials::Access(AccessFormat::Signed))
            .access_lifetime(12 * HOUR)
            .absolute_lifetime(AbsoluteLifetime::After(12 * HOUR))
            .idle_timeout(None)
            .cap(Cap::new(5, OnFull::EvictOldest))
            .token_type(TokenType::Jwt)
            .session_claim("session_id")
    }

    /// Flow B, as Stack Auth: a refresh token of 365 days that does not rotate, access tokens of 10
    /// minutes.
    ///
    /// A session may ask for up to 367 days, an impersonation too.
    pub fn stack_auth() -> Self {
        Self::default()
            .absolute_lifetime(AbsoluteLifetime::After(365 * DAY))
            .longest_lifetime(367 * DAY)
            .impersonation_lifetime(365 * DAY, 367 * DAY)
            .idle_timeout(None)
            .rotation(Rotation::Off)
            .token_type(TokenType::Jwt)
            .audience_form(AudienceForm::TextOfOne)
            .session_claim("refresh_token_id")
    }

    /// Flow C, as ZITADEL: one opaque session token, replaced by every change; no end unless one is
    /// asked for.
    pub fn zitadel() -> Self {
        Self::default()
            .credentials(Credentials::Session)
            .absolute_lifetime(AbsoluteLifetime::Unlimited)
            .idle_timeout(None)
    }

    /// Flow D, as TMDB: request tokens of 60 minutes, session tokens without an end.
    pub fn tmdb() -> Self {
        Self::default()
            .credentials(Credentials::Session)
            .absolute_lifetime(AbsoluteLifetime::Unlimited)
            .idle_timeout(None)
            .request_lifetime(Duration::from_secs(60 * 60))
    }

    /// Flow E, as ZELF: one signed token of 600 seconds for a device.
    pub fn zelf() -> Self {
        Self::default()
            .credentials(Credentials::Access(AccessFormat::Signed))
            .access_lifetime(10 * MINUTE)
            .absolute_lifetime(AbsoluteLifetime::After(10 * MINUTE))
            .idle_timeout(None)
            .token_type(TokenType::Jwt)
            .session_claim("session")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_can_be_used_as_it_is() {
        let presets = [
            Policy::default(),
            Policy::aal1(),
            Policy::aal2(),
            Policy::aal3(),
            Policy::hanko(),
            Policy::stack_auth(),
            Policy::zitadel(),
            Policy::tmdb(),
            Policy::zelf(),
        ];
        for preset in presets {
            assert_eq!(preset.problems(), [], "{preset:?}");
        }
    }

    #[test]
    fn the_presets_of_an_assurance_level_refuse_what_the_level_forbids() {
        let after = |hours: u32| AbsoluteLifetime::After(hours * HOUR);
        assert_eq!(Policy::aal3().absolute_lifetime(after(13)).problems().len(), 1);
        assert_eq!(Policy::aal2().absolute_lifetime(after(25)).problems().len(), 1);
        assert_eq!(Policy::aal1().longest_lifetime(31 * DAY).problems().len(), 1);
        assert_eq!(
            Policy::aal3().absolute_lifetime(AbsoluteLifetime::Unlimited).problems().len(),
            1
        );
        assert_eq!(Policy::aal3().absolute_lifetime(after(8)).problems(), []);
    }

    #[test]
    fn a_policy_with_several_mistakes_reports_all_of_them() {
        let policy = Policy::default()
            .access_lifetime(Duration::ZERO)
            .idle_timeout(Some(Duration::MAX))
            .cap(Cap::new(0, OnFull::Refuse))
            .clock_skew(HOUR)
            .session_claim("sub");
        let settings: Vec<_> = policy.problems().iter().map(|problem| problem.setting).collect();
        assert_eq!(
            settings,
            ["access lifetime", "idle timeout", "cap", "clock skew", "session claim"]
        );
    }
}
