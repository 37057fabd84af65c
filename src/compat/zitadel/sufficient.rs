//! Whether what a session has proved is enough. ZITADEL leaves that to its clients; its own login
//! page judges as this does.

use crate::{
    Timestamp,
    factor::{AssuranceLevel, Factor, FactorKind},
    issuer::SessionView,
    session::Life,
    verifier::SubjectProfile,
};

/// When a login needs a second factor: the parts of ZITADEL's login settings that judge sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct LoginPolicy {
    force: ForceMfa,
    configured: ConfiguredFactors,
}

impl LoginPolicy {
    /// [`ForceMfa::Nobody`], [`ConfiguredFactors::Required`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Who must prove a second factor.
    #[must_use]
    pub fn force(mut self, force: ForceMfa) -> Self {
        self.force = force;
        self
    }

    /// Whether who has a second factor must prove it.
    #[must_use]
    pub fn configured(mut self, configured: ConfiguredFactors) -> Self {
        self.configured = configured;
        self
    }

    fn asks_two(self, view: &SessionView, user: &SubjectProfile) -> bool {
        let came_from_elsewhere =
            view.factors().iter().any(|factor| factor.kind() == FactorKind::Intent);
        let forced = match self.force {
            ForceMfa::Nobody => false,
            ForceMfa::LocalUsers => !came_from_elsewhere,
            ForceMfa::Everybody => true,
        };
        forced || (user.second_factor && self.configured == ConfiguredFactors::Required)
    }
}

/// Who must prove a second factor (`forceMfa`, `forceMfaLocalOnly`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ForceMfa {
    /// Nobody. The default.
    #[default]
    Nobody,
    /// Whoever logs in here: an identity provider asks its own users.
    LocalUsers,
    /// Everybody.
    Everybody,
}

/// Whether a user who has a second factor must prove it where nobody is forced to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ConfiguredFactors {
    /// Yes: the password alone does not log in who has set up more (ZITADEL's login from 2026 on).
    /// The default.
    #[default]
    Required,
    /// No (ZITADEL's login before).
    Optional,
}

/// What a session lacks. The first that does, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lack {
    /// It has expired, or was revoked.
    Life,
    /// It is about nobody.
    User,
    /// It names its user, and has proved nothing that logs in by itself: a password, a login at an
    /// identity provider, or a passkey that verified its user. **A key that was merely touched does
    /// not.**
    PrimaryFactor,
    /// The policy asks for two factors, or for a passkey that verified its user.
    SecondFactor,
}

/// Says whether a session is enough of a login for this policy: true when it [lacks](lack) nothing.
pub fn is_sufficient(
    view: &SessionView,
    user: &SubjectProfile,
    policy: LoginPolicy,
    now: Timestamp,
) -> bool {
    lack(view, user, policy, now).is_none()
}

/// What a session lacks of a login for this policy: what to ask its user for next.
///
/// `user` is what the directory knows of the session's user. A user whom it no longer lets in has
/// no profile, and no session that is enough: [`authenticate`](super::Service::authenticate) asks
/// the directory, too.
pub fn lack(
    view: &SessionView,
    user: &SubjectProfile,
    policy: LoginPolicy,
    now: Timestamp,
) -> Option<Lack> {
    let factors = view.factors();
    let is_primary = |factor: &Factor| match factor.kind() {
        FactorKind::Password | FactorKind::Intent => true,
        FactorKind::WebAuthn => factor.details().user_verified,
        _ => false,
    };
    if view.life(now) != Life::Live {
        Some(Lack::Life)
    } else if view.subject() != Some(&user.subject) {
        Some(Lack::User)
    } else if !factors.iter().any(is_primary) {
        Some(Lack::PrimaryFactor)
    } else if policy.asks_two(view, user)
        && AssuranceLevel::of(&factors) < Some(AssuranceLevel::Aal2)
    {
        Some(Lack::SecondFactor)
    } else {
        None
    }
}

/// The methods by which a session's user is authenticated, in ZITADEL's words: `pwd`, `user` for a
/// passkey or security key, `otp` for codes of all kinds, `mfa` from AAL2 on. A login at an
/// identity provider has no word.
///
/// When that was: [`SessionView::authenticated_at`].
pub fn amr(view: &SessionView) -> Vec<&'static str> {
    let factors = view.factors();
    let has = |kinds: &[FactorKind]| factors.iter().any(|factor| kinds.contains(&factor.kind()));
    let words = [
        ("pwd", has(&[FactorKind::Password])),
        ("user", has(&[FactorKind::WebAuthn])),
        (
            "otp",
            has(&[
                FactorKind::Totp,
                FactorKind::OtpSms,
                FactorKind::OtpEmail,
                FactorKind::RecoveryCode,
            ]),
        ),
        ("mfa", AssuranceLevel::of(&factors) >= Some(AssuranceLevel::Aal2)),
    ];
    words.into_iter().filter(|(_, holds)| *holds).map(|(word, _)| word).collect()
}
