//! What a check requires, and what a session lacks of it.

use std::{fmt, time::Duration};

use crate::{
    clock::Timestamp,
    error::Error,
    factor::{AssuranceLevel, Factor, FactorKind, authenticated_at},
};

/// The degrees of freshness that a check can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Freshness {
    /// The signature, the times and the audience decide. A revocation is seen when the token
    /// expires: up to the access lifetime late. Use is not noted. A requirement of factors, level,
    /// age or counters asks the store all the same, and so does an opaque token.
    Stateless,
    /// As `Stateless`, with the store's revocation log as read at most this long ago
    /// ([`sync_revocations`](crate::Issuer::sync_revocations)). Older than that, the store is
    /// asked. A revocation is seen at most this late.
    AtMost(Duration),
    /// The store decides, now. The default.
    #[default]
    Store,
}

/// The ways in which a check notes that the session was used.
///
/// A noted use moves the idle timeout. Beside its time, a check notes that the tokens of a
/// generation have arrived, once a rotation: rotation tells a lost reply from theft by this.
/// Counters that are [spent](Requirement::spend) move whatever is chosen here, by one write each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Noting {
    /// The time is noted where the last one noted is as old as
    /// [`Policy::note_every`](crate::Policy::note_every) says: most checks only read. The default.
    #[default]
    Throttled,
    /// The time is noted by each check: one write a check. For calls whose purpose it is to keep a
    /// session alive.
    AtOnce,
    /// Only the arrival of a generation is noted: at most one write a rotation. The idle timeout
    /// runs on. For checks that are no use, such as a poll in the background.
    ArrivalOnly,
    /// Nothing is noted: no write at all. A refresh whose reply was in fact received then looks
    /// like one whose reply was lost. For dashboards and probes.
    Never,
}

/// The requirement of a check: all that must hold for it to pass.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use session_issuer::{factor::FactorKind, policy::Requirement};
///
/// let payment = Requirement::new().factor_within(FactorKind::Totp, Duration::from_secs(300));
/// # let _ = payment;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    pub(crate) freshness: Freshness,
    pub(crate) noting: Noting,
    pub(crate) audience: Option<String>,
    pub(crate) factors: Vec<(FactorKind, Option<Duration>)>,
    pub(crate) level: Option<AssuranceLevel>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) impersonation: bool,
    pub(crate) spend: Vec<Spend>,
}

impl Default for Requirement {
    fn default() -> Self {
        Self::new()
    }
}

impl Requirement {
    /// A live session, as the store sees it now; its use is noted; impersonations are welcome.
    pub fn new() -> Self {
        Self {
            freshness: Freshness::Store,
            noting: Noting::Throttled,
            audience: None,
            factors: Vec::new(),
            level: None,
            max_age: None,
            impersonation: true,
            spend: Vec::new(),
        }
    }

    /// The freshness that the answer must have.
    #[must_use]
    pub fn freshness(mut self, freshness: Freshness) -> Self {
        self.freshness = freshness;
        self
    }

    /// How this check notes the use of the session: [`Noting::Throttled`] unless set, because a
    /// check is use and most reads shall stay reads.
    #[must_use]
    pub fn noting(mut self, noting: Noting) -> Self {
        self.noting = noting;
        self
    }

    /// A signed token must name this audience, and an opaque one be of an issuer that does; one of
    /// the issuer's own unless set.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// The subject must have proved this. May be said several times.
    #[must_use]
    pub fn factor(mut self, kind: FactorKind) -> Self {
        self.factors.push((kind, None));
        self
    }

    /// The subject must have proved this, and not longer ago than that. May be said several times.
    #[must_use]
    pub fn factor_within(mut self, kind: FactorKind, age: Duration) -> Self {
        self.factors.push((kind, Some(age)));
        self
    }

    /// The subject must be authenticated at least this strongly.
    #[must_use]
    pub fn level(mut self, level: AssuranceLevel) -> Self {
        self.level = Some(level);
        self
    }

    /// The last proof, of whatever kind, must not be older than this (RFC 9470): proving a password
    /// again makes an old code fresh. Where that is too weak, ask for
    /// [`factor_within`](Self::factor_within).
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Impersonated sessions are refused.
    #[must_use]
    pub fn no_impersonation(mut self) -> Self {
        self.impersonation = false;
        self
    }

    /// Counts something against a limit, in the same act: all counters move, or none does.
    #[must_use]
    pub fn spend(mut self, spend: Spend) -> Self {
        self.spend.push(spend);
        self
    }

    /// What these factors lack; none when they suffice. Every lack is listed.
    pub fn unmet(&self, factors: &[Factor], now: Timestamp) -> Option<Unmet> {
        let has = |(kind, age): &(FactorKind, Option<Duration>)| {
            let proved = factors.iter().filter(|factor| factor.kind() == *kind);
            proved
                .map(|factor| now.since(factor.at()))
                .any(|since| age.is_none_or(|age| since <= age))
        };
        let missing = self
            .factors
            .iter()
            .filter(|needed| !has(needed))
            .map(|(kind, _)| *kind)
            .collect::<Vec<_>>();
        let reached = AssuranceLevel::of(factors);
        let level = self.level.filter(|needed| reached < Some(*needed));
        let max_age = self
            .max_age
            .filter(|age| authenticated_at(factors).is_none_or(|at| now.since(at) > *age));
        (!missing.is_empty() || level.is_some() || max_age.is_some()).then_some(Unmet {
            missing,
            level,
            max_age,
        })
    }

    /// True when it asks for more than a live session.
    pub(crate) fn asks_for_proof(&self) -> bool {
        !self.factors.is_empty() || self.level.is_some() || self.max_age.is_some()
    }

    /// True when only a session's record can answer this: what a token claims never suffices for
    /// proofs and counters.
    pub(crate) fn needs_record(&self) -> bool {
        self.asks_for_proof() || !self.spend.is_empty()
    }
}

/// A counter to move: by how much, and up to which limit.
///
/// Counters belong to the session and never exceed their limit, however many calls there are at
/// once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spend {
    pub(crate) name: &'static str,
    pub(crate) amount: u64,
    pub(crate) limit: u64,
}

impl Spend {
    /// Counts one of this, up to that limit.
    pub fn one(name: &'static str, limit: u64) -> Self {
        Self { name, amount: 1, limit }
    }

    /// Counts this many.
    #[must_use]
    pub fn with_amount(mut self, amount: u64) -> Self {
        self.amount = amount;
        self
    }

    /// The name of the counter.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

/// The lacks of a live session under a requirement: the source of [`ErrorKind::RequirementNotMet`].
///
/// [`ErrorKind::RequirementNotMet`]: crate::error::ErrorKind::RequirementNotMet
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unmet {
    /// Every factor that is missing, or was proved too long ago.
    pub missing: Vec<FactorKind>,
    /// The assurance level that is needed and not reached.
    pub level: Option<AssuranceLevel>,
    /// The age that the last proof exceeds.
    pub max_age: Option<Duration>,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lacks")?;
        for kind in &self.missing {
            write!(f, " {kind}")?;
        }
        if let Some(level) = self.level {
            write!(f, " {}", level.code())?;
        }
        if let Some(age) = self.max_age {
            write!(f, " a proof of the last {} s", age.as_secs())?;
        }
        Ok(())
    }
}

impl std::error::Error for Unmet {}

impl Error {
    /// What the session lacks, where that is why it was refused (RFC 9470: ask for just this).
    pub fn unmet(&self) -> Option<&Unmet> {
        std::error::Error::source(self)?.downcast_ref()
    }
}
