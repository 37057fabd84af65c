//! The refresh rule: what an authentic refresh token of generation `n` does to a session at
//! generation `g`.
//!
//! | `n` | when | then |
//! | --- | --- | --- |
//! | `g` or above | | rotate |
//! | `g - 1` | inside the overlap window | the same successor again |
//! | `g - 1` | inside the retry window, and nobody used the successor | the same successor again: a late replay of `g` |
//! | `g - 1` | otherwise, or too many late replays in a row | reuse: the session ends |
//! | `g - 2` | inside the overlap window | superseded |
//! | left by a jump | while it would have been answered as `g - 1` | superseded |
//! | the one before that | the same, until the next rotation | superseded |
//! | any other below `g` | | reuse: the session ends |
//!
//! `model` (a test beside this file) searches this rule with honest clients, lost replies, thieves,
//! jumps, moving clocks and failovers.

use std::time::Duration;

use super::{
    life::SubjectStamp,
    not_live::{NotLive, live},
    record::{CredentialsKind, Record, Session},
};
use crate::{
    client::ClientInfo,
    clock::Timestamp,
    policy::{ClientBinding, Policy, Rotation},
};

/// The settings that the refresh rule needs, for one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RotationRule {
    /// Whether refresh tokens rotate at all.
    pub(crate) rotates: bool,
    /// How long the predecessor is answered, come what may.
    pub(crate) overlap: Duration,
    /// How long the predecessor is answered while nobody used the successor.
    pub(crate) retry: Duration,
    /// How many generations in a row may be answered outside the overlap.
    pub(crate) late_replays_in_a_row: u8,
    /// Which client may refresh.
    pub(crate) binding: ClientBinding,
}

impl RotationRule {
    /// The rule of this policy for a session with this idle timeout.
    pub(crate) fn of(policy: &Policy, idle: Option<Duration>) -> Self {
        let retry = policy.retry_window(idle);
        let binding = policy.client_binding;
        match policy.rotation {
            Rotation::Off => Self {
                rotates: false,
                overlap: Duration::ZERO,
                retry,
                late_replays_in_a_row: 0,
                binding,
            },
            Rotation::On { overlap, late_replays_in_a_row, .. } => {
                Self { rotates: true, overlap, retry, late_replays_in_a_row, binding }
            }
        }
    }
}

/// An authentic refresh token, and who presents it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PresentedRefresh<'a> {
    /// Its generation.
    pub(crate) generation: u32,
    /// The client that presents it, where the host says so.
    pub(crate) client: Option<&'a ClientInfo>,
}

impl<'a> PresentedRefresh<'a> {
    /// A token of this generation.
    pub(crate) fn new(generation: u32) -> Self {
        Self { generation, client: None }
    }

    /// The client that presents it.
    #[must_use]
    pub(crate) fn by(mut self, client: Option<&'a ClientInfo>) -> Self {
        self.client = client;
        self
    }
}

/// What a refresh does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefreshDecision {
    /// The next generation after the token's own. `ahead` when the record had fallen behind the
    /// token.
    Rotate {
        /// The token is ahead of its record: a failover lost an acknowledged rotation.
        ahead: bool,
    },
    /// Rotation is off: the same refresh token, a fresh access token.
    Keep {
        /// The token is ahead of its record.
        ahead: bool,
    },
    /// The successor again, a fresh access token, and nothing rotates.
    Replay {
        /// How long ago the rotation was.
        age: Duration,
        /// Outside the overlap window: the late replay must be counted.
        late: bool,
    },
    /// A spent token came back: the session ends.
    Reuse,
    /// Refused; nothing changes.
    Refuse(RefreshRefusal),
}

/// Why a refresh is refused without consequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefreshRefusal {
    /// The session is not live.
    NotLive(NotLive),
    /// The policy binds the session to another client.
    ClientMismatch,
    /// A newer token has taken this one's place.
    Superseded,
    /// Nothing here refreshes: the record is no session, or a session without refresh tokens.
    NotRefreshable,
}

/// Decides what an authentic refresh token does.
pub(crate) fn decide_refresh(
    record: &Record,
    stamp: Option<&SubjectStamp>,
    presented: PresentedRefresh<'_>,
    now: Timestamp,
    rule: &RotationRule,
) -> RefreshDecision {
    if let Err(why) = live(record, stamp, now) {
        return RefreshDecision::Refuse(RefreshRefusal::NotLive(why));
    }
    let Some(session) =
        record.session().filter(|session| session.credentials() == CredentialsKind::Pair)
    else {
        return RefreshDecision::Refuse(RefreshRefusal::NotRefreshable);
    };
    if !is_bound_client(rule.binding, session.client(), presented.client) {
        return RefreshDecision::Refuse(RefreshRefusal::ClientMismatch);
    }
    let (n, g) = (presented.generation, record.generation());
    if n >= g {
        let ahead = n > g;
        return if rule.rotates {
            RefreshDecision::Rotate { ahead }
        } else {
            RefreshDecision::Keep { ahead }
        };
    }
    if !rule.rotates {
        return RefreshDecision::Refuse(RefreshRefusal::Superseded);
    }
    decide_older(session, n, g, now, rule)
}

/// The rule for `n < g`.
fn decide_older(
    session: &Session,
    n: u32,
    g: u32,
    now: Timestamp,
    rule: &RotationRule,
) -> RefreshDecision {
    let age = now.millis_since(session.rotated_at());
    let overlap = millis(rule.overlap);
    let in_overlap = -overlap < age && age < overlap;
    // A window of zero holds nothing, not even a rotation that a sibling's clock puts into the
    // future.
    let in_retry = !session.successor_seen() && !rule.retry.is_zero() && age < millis(rule.retry);
    let behind = g - n;
    let jumped_from = session.jumped_from;
    // Between the generation that a jump left and the one it reached lies one that no rotation
    // minted after it. A token of it exists only where a failover lost a rotation before the jump:
    // it must not follow either.
    let left_by_jump = jumped_from != 0 && (n == jumped_from || n == jumped_from + 1);
    // A jump overtakes a refresh whose answer is still awaited: an access token of `g - 1` may step
    // up, and the next request of a second tab too. Two moves ago is then three generations ago.
    let overtaken_by_jump = n + 1 == jumped_from && jumped_from + 2 == g;

    if left_by_jump || overtaken_by_jump {
        return match in_overlap || in_retry {
            true => RefreshDecision::Refuse(RefreshRefusal::Superseded),
            false => RefreshDecision::Reuse,
        };
    }
    match behind {
        1 if in_overlap => RefreshDecision::Replay { age: millis_to_duration(age), late: false },
        1 if in_retry => {
            let already = session.late_generation == g;
            match already || session.late_replays_with(g) <= rule.late_replays_in_a_row {
                true => RefreshDecision::Replay { age: millis_to_duration(age), late: true },
                false => RefreshDecision::Reuse,
            }
        }
        2 if in_overlap => RefreshDecision::Refuse(RefreshRefusal::Superseded),
        _ => RefreshDecision::Reuse,
    }
}

fn is_bound_client(
    binding: ClientBinding,
    own: &ClientInfo,
    presented: Option<&ClientInfo>,
) -> bool {
    match binding {
        ClientBinding::None => true,
        // A session that was made without the bound trait fits nobody: nothing is not the same as
        // nothing.
        ClientBinding::UserAgent => {
            own.user_agent().is_some()
                && own.user_agent() == presented.and_then(ClientInfo::user_agent)
        }
        ClientBinding::Fingerprint => {
            let own = own.fingerprint();
            own.is_some() && own == presented.and_then(ClientInfo::fingerprint)
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn millis_to_duration(age: i64) -> Duration {
    Duration::from_millis(u64::try_from(age).unwrap_or(0))
}
