//! The rules a host chooses: lifetimes, credentials, rotation, caps; and what a check may require.

mod choices;
mod presets;
mod requirement;

use std::{fmt, time::Duration};

pub use choices::{
    AbsoluteLifetime, AccessFormat, AudienceForm, Cap, ClientBinding, Credentials, OnFull,
    OnStoreFailure, Rotation, TokenType,
};
pub use requirement::{Freshness, Noting, Requirement, Spend, Unmet};

use crate::{
    clock::MAX_SIGNED_LIFETIME,
    error::{InputField, InvalidInput, Problem},
    metadata::RESERVED_CLAIMS,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest duration that any setting takes: ten years.
const MAX_DURATION: Duration = Duration::from_secs(3650 * 24 * 60 * 60);
/// The longest overlap window: five minutes.
const MAX_OVERLAP: Duration = Duration::from_secs(5 * 60);
/// The largest clock skew that may be tolerated: two minutes (ASVS 9.2.1).
const MAX_SKEW: Duration = Duration::from_secs(120);

/// The rules of the sessions of one issuer: lifetimes, tokens, rotation, caps.
///
/// Start from a preset and change what differs. Mistakes are reported, all at once, when the issuer
/// is built.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use session_issuer::policy::{Cap, OnFull, Policy};
///
/// let policy = Policy::default()
///     .access_lifetime(Duration::from_secs(300))
///     .cap(Cap::new(5, OnFull::EvictOldest));
/// assert!(policy.problems().is_empty());
/// assert_eq!(Policy::default().access_lifetime(Duration::ZERO).problems().len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub(crate) credentials: Credentials,
    pub(crate) access_lifetime: Duration,
    pub(crate) absolute: AbsoluteLifetime,
    pub(crate) longest: Option<Duration>,
    pub(crate) idle: Option<Duration>,
    pub(crate) rotation: Rotation,
    pub(crate) note_every: Duration,
    pub(crate) cap: Option<Cap>,
    pub(crate) client_binding: ClientBinding,
    pub(crate) token_type: TokenType,
    pub(crate) audience_form: AudienceForm,
    pub(crate) session_claim: Option<&'static str>,
    pub(crate) request_lifetime: Duration,
    pub(crate) impersonation_lifetime: Duration,
    pub(crate) longest_impersonation: Duration,
    pub(crate) keep_after_end: Duration,
    pub(crate) skew: Duration,
    pub(crate) on_store_failure: OnStoreFailure,
    pub(crate) single_factor_lifetime: Option<Duration>,
    pub(crate) ceiling: Option<Duration>,
}

impl Default for Policy {
    /// Signed access tokens of 10 minutes and rotating refresh tokens, 14 days at most, 7 days
    /// idle.
    ///
    /// | setting | value | reason |
    /// | --- | --- | --- |
    /// | credentials | refresh token and signed access token | the pair most hosts want |
    /// | access lifetime | 10 min | the worst-case delay of a revocation for stateless verifiers (ASVS 7.4.1) |
    /// | absolute lifetime | 14 days | within NIST AAL1's 30 days |
    /// | idle timeout | 7 days | a weekend away keeps you logged in, an abandoned browser does not |
    /// | overlap window | 10 s | two tabs and a lost reply; above the clock skew of sane nodes |
    /// | retry window | the idle timeout, at most 24 h | a laptop lid closed on an unanswered refresh |
    /// | late replays in a row | 2 | with 1: false thefts for lossy stateless clients; with 2: none found |
    /// | noted use | every minute, at most a tenth of the idle timeout | reads stay reads |
    /// | cap | none | hosts differ |
    /// | client binding | none | addresses and agents change under honest people |
    /// | clock skew for `nbf` and `iat` | 10 s | sibling nodes; `exp` has no leeway |
    /// | request tokens | 10 min | ASVS 10.4.3 |
    /// | impersonation | 1 h | an operator's errand |
    /// | kept after the end | 24 h | late tokens get a precise answer; the sweeper has time |
    fn default() -> Self {
        Self {
            credentials: Credentials::Pair(AccessFormat::Signed),
            access_lifetime: 10 * MINUTE,
            absolute: AbsoluteLifetime::After(14 * DAY),
            longest: None,
            idle: Some(7 * DAY),
            rotation: Rotation::default(),
            note_every: MINUTE,
            cap: None,
            client_binding: ClientBinding::None,
            token_type: TokenType::AtJwt,
            audience_form: AudienceForm::List,
            session_claim: None,
            request_lifetime: 10 * MINUTE,
            impersonation_lifetime: HOUR,
            longest_impersonation: HOUR,
            keep_after_end: DAY,
            skew: Duration::from_secs(10),
            on_store_failure: OnStoreFailure::Refuse,
            single_factor_lifetime: None,
            ceiling: None,
        }
    }
}

impl Policy {
    /// The tokens that a new session hands out.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// The time that an access token is good. This is how late a stateless verifier learns of a
    /// revocation.
    #[must_use]
    pub fn access_lifetime(mut self, lifetime: Duration) -> Self {
        self.access_lifetime = lifetime;
        self
    }

    /// The lifetime of a session from its creation or last authentication, whatever happens.
    #[must_use]
    pub fn absolute_lifetime(mut self, lifetime: AbsoluteLifetime) -> Self {
        self.absolute = lifetime;
        self
    }

    /// The longest lifetime that one session may be given; the absolute lifetime unless set.
    #[must_use]
    pub fn longest_lifetime(mut self, longest: Duration) -> Self {
        self.longest = Some(longest);
        self
    }

    /// The time that a session may go unused; `None` for as long as it lives.
    #[must_use]
    pub fn idle_timeout(mut self, idle: Option<Duration>) -> Self {
        self.idle = idle;
        self
    }

    /// Whether and how refresh tokens rotate.
    #[must_use]
    pub fn rotation(mut self, rotation: Rotation) -> Self {
        self.rotation = rotation;
        self
    }

    /// The least time between two noted uses, and never above a tenth of the idle timeout.
    #[must_use]
    pub fn note_every(mut self, every: Duration) -> Self {
        self.note_every = every;
        self
    }

    /// The number of live sessions that a subject may have.
    #[must_use]
    pub fn cap(mut self, cap: Cap) -> Self {
        self.cap = Some(cap);
        self
    }

    /// Whether another client may use a session's refresh token.
    #[must_use]
    pub fn client_binding(mut self, binding: ClientBinding) -> Self {
        self.client_binding = binding;
        self
    }

    /// The `typ` of signed access tokens.
    #[must_use]
    pub fn token_type(mut self, token_type: TokenType) -> Self {
        self.token_type = token_type;
        self
    }

    /// The form in which signed access tokens name their audience.
    #[must_use]
    pub fn audience_form(mut self, form: AudienceForm) -> Self {
        self.audience_form = form;
        self
    }

    /// Writes the session's id into signed tokens under this name too (`session_id`, `session`).
    #[must_use]
    pub fn session_claim(mut self, name: &'static str) -> Self {
        self.session_claim = Some(name);
        self
    }

    /// The time that a request token waits for its decision, and an approved one for its exchange.
    #[must_use]
    pub fn request_lifetime(mut self, lifetime: Duration) -> Self {
        self.request_lifetime = lifetime;
        self
    }

    /// The lifetime of an impersonation unless it asks for another, and the most it may ask for.
    #[must_use]
    pub fn impersonation_lifetime(mut self, usual: Duration, longest: Duration) -> Self {
        self.impersonation_lifetime = usual;
        self.longest_impersonation = longest;
        self
    }

    /// The time that an expired session is kept before it may be swept.
    #[must_use]
    pub fn keep_after_end(mut self, keep: Duration) -> Self {
        self.keep_after_end = keep;
        self
    }

    /// The time that a sibling's clock may be ahead when `nbf` and `iat` are judged. `exp` has no
    /// leeway.
    #[must_use]
    pub fn clock_skew(mut self, skew: Duration) -> Self {
        self.skew = skew;
        self
    }

    /// The answer of a check when the store does not answer.
    #[must_use]
    pub fn on_store_failure(mut self, choice: OnStoreFailure) -> Self {
        self.on_store_failure = choice;
        self
    }

    /// How long a session lives that proved one factor, of a subject that has a second one
    /// ([`SubjectProfile::second_factor`](crate::verifier::SubjectProfile::second_factor)). Proving
    /// the second one gives it the full lifetime.
    #[must_use]
    pub fn single_factor_lifetime(mut self, lifetime: Duration) -> Self {
        self.single_factor_lifetime = Some(lifetime);
        self
    }

    /// Every mistake in this policy; empty when it can be used.
    pub fn problems(&self) -> Vec<PolicyProblem> {
        let mut found = Vec::new();
        let mut check = |bad: bool, setting: &'static str, rule: &'static str| {
            if bad {
                found.push(PolicyProblem { setting, rule });
            }
        };
        let absolute = self.absolute.as_duration();
        for (setting, duration) in [
            ("access lifetime", Some(self.access_lifetime)),
            ("absolute lifetime", absolute),
            ("longest lifetime", self.longest),
            ("idle timeout", self.idle),
            ("request lifetime", Some(self.request_lifetime)),
            ("impersonation lifetime", Some(self.impersonation_lifetime)),
            ("longest impersonation", Some(self.longest_impersonation)),
            ("single-factor lifetime", self.single_factor_lifetime),
        ] {
            let Some(duration) = duration else { continue };
            check(duration < Duration::from_millis(1), setting, "is below a millisecond");
            check(duration > MAX_DURATION, setting, "is above ten years");
        }
        check(
            self.access_lifetime < Duration::from_secs(1)
                && self.access_lifetime >= Duration::from_millis(1),
            "access lifetime",
            "is below a second, the resolution of a signed token",
        );
        check(
            absolute.is_some_and(|absolute| self.access_lifetime > absolute),
            "access lifetime",
            "is above the absolute lifetime",
        );
        check(
            self.credentials.access_format() == Some(AccessFormat::Signed)
                && self.access_lifetime > MAX_SIGNED_LIFETIME
                && self.access_lifetime <= MAX_DURATION,
            "access lifetime",
            "is above 30 days, the longest that a signed token may live",
        );
        let longest = self.longest_lifetime_of_all();
        check(
            self.ceiling.is_some_and(|ceiling| {
                absolute.is_none() || longest.is_none_or(|longest| longest > ceiling)
            }),
            "absolute lifetime",
            "is above what the assurance level allows",
        );
        check(
            self.impersonation_lifetime > self.longest_impersonation,
            "impersonation lifetime",
            "is above its own longest",
        );
        check(self.cap.is_some_and(|cap| cap.limit == 0), "cap", "is zero");
        check(self.skew > MAX_SKEW, "clock skew", "is above two minutes");
        check(self.keep_after_end > MAX_DURATION, "keep after end", "is above ten years");
        check(
            self.session_claim
                .is_some_and(|name| RESERVED_CLAIMS.contains(&name) || name.is_empty()),
            "session claim",
            "is a reserved name",
        );
        check(
            self.session_claim.is_some_and(|name| name.len() > 64),
            "session claim",
            "is longer than 64 bytes",
        );
        check(
            self.single_factor_lifetime
                .zip(absolute)
                .is_some_and(|(single, absolute)| single > absolute),
            "single-factor lifetime",
            "is above the absolute lifetime",
        );
        if let Rotation::On { overlap, retry, .. } = self.rotation {
            check(overlap > MAX_OVERLAP, "overlap window", "is above five minutes");
            check(
                retry.is_some_and(|retry| retry > MAX_DURATION),
                "retry window",
                "is above ten years",
            );
        }
        found
    }

    /// The longest that a session may ask to live from its birth or last proof; none where it may
    /// ask for any.
    pub(crate) fn longest_lifetime_of_all(&self) -> Option<Duration> {
        [self.absolute.as_duration(), self.longest].into_iter().flatten().max()
    }

    /// The lifetime of a session, given what was asked for; an error when that is zero or above the
    /// longest.
    pub(crate) fn lifetime(
        &self,
        asked: Option<Duration>,
    ) -> Result<Option<Duration>, InvalidInput> {
        let longest = self.longest_lifetime_of_all().unwrap_or(MAX_DURATION);
        bounded(asked, longest).map(|asked| asked.or(self.absolute.as_duration()))
    }

    /// The idle timeout of a session, given what was asked for; an error when that is zero or above
    /// the policy's.
    pub(crate) fn idle_of(
        &self,
        asked: Option<Duration>,
    ) -> Result<Option<Duration>, InvalidInput> {
        match bounded(asked, self.idle.unwrap_or(MAX_DURATION)) {
            Ok(asked) => Ok(asked.or(self.idle)),
            Err(InvalidInput { problem, .. }) => {
                Err(InvalidInput::new(InputField::IdleTimeout, problem))
            }
        }
    }

    /// The lifetime of an impersonation, given what was asked for; an error when that is zero or
    /// above the longest.
    pub(crate) fn impersonation(&self, asked: Option<Duration>) -> Result<Duration, InvalidInput> {
        bounded(asked, self.longest_impersonation)
            .map(|asked| asked.unwrap_or(self.impersonation_lifetime))
    }

    /// The longest that a request token may wait: what [`request_lifetime`](Self::request_lifetime)
    /// was given.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use session_issuer::Policy;
    ///
    /// let quarter = Duration::from_secs(900).min(Policy::tmdb().longest_request());
    /// assert_eq!(quarter, Duration::from_secs(900));
    /// ```
    pub fn longest_request(&self) -> Duration {
        self.request_lifetime
    }

    /// The lifetime of a request token, given what was asked for; an error when that is zero or
    /// above the policy's.
    pub(crate) fn request(&self, asked: Option<Duration>) -> Result<Duration, InvalidInput> {
        bounded(asked, self.request_lifetime).map(|asked| asked.unwrap_or(self.request_lifetime))
    }

    /// How long the use of a session may go without being noted.
    ///
    /// That is what [`note_every`](Self::note_every) says, and never more than a tenth of the idle
    /// timeout. A host that first [looks](Noting::Never) and then decides whether this is use
    /// checks again only where that long has passed since
    /// [`last_seen_at`](crate::issuer::SessionView::last_seen_at).
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use session_issuer::Policy;
    ///
    /// let policy = Policy::default();
    /// assert_eq!(policy.noting_throttle(None), Duration::from_secs(60));
    /// assert_eq!(policy.noting_throttle(Some(Duration::from_secs(300))), Duration::from_secs(30));
    /// ```
    pub fn noting_throttle(&self, idle: Option<Duration>) -> Duration {
        idle.map_or(self.note_every, |idle| self.note_every.min(idle / 10))
    }

    /// The retry window in force for a session with this idle timeout.
    pub(crate) fn retry_window(&self, idle: Option<Duration>) -> Duration {
        match self.rotation {
            Rotation::On { retry: Some(retry), .. } => retry,
            Rotation::On { retry: None, .. } => idle.unwrap_or(DAY).min(DAY),
            Rotation::Off => Duration::ZERO,
        }
    }
}

fn bounded(asked: Option<Duration>, longest: Duration) -> Result<Option<Duration>, InvalidInput> {
    match asked {
        Some(asked) if asked < Duration::from_millis(1) => {
            Err(InvalidInput::new(InputField::Lifetime, Problem::Zero))
        }
        Some(asked) if asked > longest => {
            Err(InvalidInput::new(InputField::Lifetime, Problem::TooLarge))
        }
        asked => Ok(asked),
    }
}

/// One mistake in a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyProblem {
    /// The name of the setting.
    pub setting: &'static str,
    /// The rule it breaks.
    pub rule: &'static str,
}

impl fmt::Display for PolicyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.setting, self.rule)
    }
}
