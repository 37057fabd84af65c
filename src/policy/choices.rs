//! The choices of a policy: enums with the cost of each variant.

use std::time::Duration;

/// The tokens that a new session hands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Credentials {
    /// A refresh token, opaque, and an access token (flow B and most hosts).
    Pair(AccessFormat),
    /// One access token that lives as long as the policy says, and nothing to refresh it with
    /// (flows A and E).
    Access(AccessFormat),
    /// One opaque session token, good at its exact generation and replaced by every change (flows C
    /// and D).
    Session,
}

impl Credentials {
    /// The form of the access token, where there is one.
    pub fn access_format(self) -> Option<AccessFormat> {
        match self {
            Self::Pair(format) | Self::Access(format) => Some(format),
            Self::Session => None,
        }
    }
}

/// The form of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccessFormat {
    /// A JWT (RFC 9068): others can verify it without asking; a revocation reaches them when it
    /// expires.
    Signed,
    /// A short opaque token: shorter and cheaper, but only this issuer's store can check it.
    Opaque,
}

/// Whether a session has an absolute end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AbsoluteLifetime {
    /// It ends this long after its creation or last authentication.
    After(Duration),
    /// It lives until it is revoked, or idle for too long. Never a default: NIST SP 800-63B
    /// requires an end at every assurance level. ZITADEL's and TMDB's sessions have none.
    Unlimited,
}

impl AbsoluteLifetime {
    pub(crate) fn as_duration(self) -> Option<Duration> {
        match self {
            Self::After(lifetime) => Some(lifetime),
            Self::Unlimited => None,
        }
    }
}

/// Whether and how refresh tokens rotate (RFC 9700 section 4.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rotation {
    /// A refresh token stays good until the session ends. A stolen one does too.
    Off,
    /// Each refresh hands out the next token; a spent one that comes back is answered or is theft,
    /// by age.
    On {
        /// How long the token before the current one is answered with the current one. Must exceed
        /// the clock skew between nodes. A thief within it, from the same client, is not found;
        /// zero finds him at the price of refusing the second of two tabs.
        overlap: Duration,
        /// How long it is answered while nobody has used the current one; `None` for the idle
        /// timeout, at most 24 h.
        retry: Option<Duration>,
        /// How many generations in a row may be answered again outside the overlap before it counts
        /// as theft.
        late_replays_in_a_row: u8,
    },
}

impl Default for Rotation {
    fn default() -> Self {
        Self::On { overlap: Duration::from_secs(10), retry: None, late_replays_in_a_row: 2 }
    }
}

impl Rotation {
    /// Rotation without any window: the second use of a token is theft, whoever uses it.
    pub fn strict() -> Self {
        Self::On { overlap: Duration::ZERO, retry: Some(Duration::ZERO), late_replays_in_a_row: 0 }
    }
}

/// A cap: the number of live sessions that a subject may have. Impersonations neither count nor are
/// evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cap {
    pub(crate) limit: u32,
    pub(crate) on_full: OnFull,
}

impl Cap {
    /// At most this many; a limit of zero is a mistake that the builder reports.
    pub fn new(limit: u32, on_full: OnFull) -> Self {
        Self { limit, on_full }
    }

    /// The number of sessions that the cap admits.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// The rule for a login beyond the cap.
    pub fn on_full(&self) -> OnFull {
        self.on_full
    }
}

/// The rules for a login beyond the cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnFull {
    /// The session that was created first goes (Hanko). A thief who logs in often pushes the owner
    /// out.
    EvictOldest,
    /// The session that was used longest ago goes.
    EvictLeastRecentlyUsed,
    /// The login is refused. Whoever holds the sessions can keep the subject out.
    Refuse,
}

/// The rules for which client may refresh a session. Another one is refused, and revokes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientBinding {
    /// Any client may refresh the session.
    None,
    /// One with the same user agent. A browser update logs its user out.
    UserAgent,
    /// One with the same fingerprint.
    Fingerprint,
}

/// The `typ` of signed access tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenType {
    /// The type `at+jwt` (RFC 9068).
    AtJwt,
    /// `JWT`, for systems whose clients expect it (Hanko, Stack Auth, ZELF).
    Jwt,
}

impl TokenType {
    /// The value of the `typ` header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AtJwt => "at+jwt",
            Self::Jwt => "JWT",
        }
    }
}

/// The forms in which signed access tokens name their audience (`aud`). Both forms are read,
/// whichever is written (RFC 7519 section 4.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AudienceForm {
    /// A list, also of one: the same form for every issuer.
    List,
    /// Plain text where there is one audience, for clients that read nothing else (Stack Auth).
    TextOfOne,
}

/// The answers of a store-checked check when the store does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnStoreFailure {
    /// `Unavailable`: nobody gets in while the store is away.
    Refuse,
    /// A signed token that holds by itself is accepted, so a revoked session gets in until its
    /// token expires. Never for impersonations, for requirements of factors, age or counters, or
    /// for opaque tokens.
    AcceptSigned,
}
