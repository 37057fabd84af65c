//! Single sentences of section 7, at their exact boundaries. Numbers in brackets are cases of other
//! session systems.

use std::time::Duration;

use super::{
    super::{
        Age, Life, NotLive, PresentedRefresh, RefreshDecision, RefreshRefusal, RotationRule,
        check::access_age, decide_refresh, life,
    },
    DAY, HOUR, IDLE, LATE_REPLAYS_IN_A_ROW, MILLISECOND, MINUTE, OVERLAP, RETRY, SECOND,
    issuer::ModelIssuer,
};
use crate::{
    client::ClientInfo,
    policy::{ClientBinding, Policy, Rotation},
    reason::RevokeReason,
};

const ROTATES: RefreshDecision = RefreshDecision::Rotate { ahead: false };
const SUPERSEDED: RefreshDecision = RefreshDecision::Refuse(RefreshRefusal::Superseded);
const EXPIRED: RefreshRefusal = RefreshRefusal::NotLive(NotLive::Expired);
const INACTIVE: RefreshRefusal = RefreshRefusal::NotLive(NotLive::Inactive);

fn revoked(reason: RevokeReason) -> RefreshDecision {
    RefreshDecision::Refuse(RefreshRefusal::NotLive(NotLive::Revoked(reason)))
}

fn issuer() -> ModelIssuer {
    ModelIssuer::new(&Policy::default())
}

fn with(rotation: Rotation) -> ModelIssuer {
    ModelIssuer::new(&Policy::default().rotation(rotation))
}

/// Rotated so often, with an hour before each.
fn rotated(times: u32) -> ModelIssuer {
    let mut issuer = issuer();
    for generation in 1..=times {
        issuer.wait(HOUR);
        assert_eq!(issuer.refresh(generation), ROTATES);
    }
    issuer
}

/// What the predecessor of the current generation is answered, at this age of the rotation.
fn at_age(age: i64, seen: bool) -> RefreshDecision {
    let mut issuer = rotated(1);
    if seen {
        issuer.check(2);
    }
    issuer.wait(age);
    issuer.decide(1)
}

fn is_replay(decision: RefreshDecision, is_late: bool) -> bool {
    matches!(decision, RefreshDecision::Replay { late, .. } if late == is_late)
}

#[test]
fn the_overlap_lies_around_the_rotation_and_ends_before_its_length() {
    for (age, in_overlap) in [
        (-HOUR, false),
        (-OVERLAP - MILLISECOND, false),
        (-OVERLAP, false),
        (-OVERLAP + MILLISECOND, true),
        (0, true),
        (OVERLAP - MILLISECOND, true),
        (OVERLAP, false),
        (OVERLAP + MILLISECOND, false),
    ] {
        assert!(is_replay(at_age(age, false), !in_overlap), "{age}");
        let seen = at_age(age, true);
        assert!(
            if in_overlap { is_replay(seen, false) } else { seen == RefreshDecision::Reuse },
            "{age}"
        );
    }
}

#[test]
fn the_retry_window_ends_before_its_length_and_when_the_successor_is_seen() {
    assert!(is_replay(at_age(RETRY - MILLISECOND, false), true));
    assert_eq!(at_age(RETRY, false), RefreshDecision::Reuse);
    assert_eq!(at_age(MINUTE, true), RefreshDecision::Reuse);
    // It is never longer than the idle timeout.
    let mut short =
        ModelIssuer::new(&Policy::default().idle_timeout(Some(Duration::from_secs(3_600))));
    short.refresh(1);
    short.wait(HOUR - MILLISECOND);
    assert!(is_replay(short.decide(1), true));
}

#[test]
fn replays_do_not_make_the_windows_slide() {
    // (2, 25)
    let mut issuer = rotated(1);
    for _ in 0..2 {
        issuer.wait(OVERLAP / 2 - MILLISECOND);
        assert!(is_replay(issuer.refresh(1), false));
    }
    issuer.wait(2 * MILLISECOND);
    assert!(is_replay(issuer.refresh(1), true));
    for _ in 1..24 {
        issuer.wait(HOUR);
        issuer.refresh(1);
    }
    issuer.wait(HOUR);
    assert_eq!(issuer.refresh(1), RefreshDecision::Reuse);
}

#[test]
fn two_generations_ago_is_superseded_inside_the_overlap_and_reuse_outside() {
    // (18)
    let mut issuer = rotated(2);
    for wait in [0, OVERLAP - MILLISECOND] {
        issuer.wait(wait);
        assert_eq!(issuer.refresh(1), SUPERSEDED);
    }
    assert!(issuer.is_live());
    issuer.wait(MILLISECOND);
    assert_eq!(issuer.refresh(1), RefreshDecision::Reuse);
    assert!(!issuer.is_live());
}

#[test]
fn after_an_ancient_token_every_token_is_dead_the_newest_first() {
    // (16, 27)
    for (ancient, age) in [(1, 0), (2, 0), (1, HOUR), (3, HOUR)] {
        let mut issuer = rotated(4);
        issuer.wait(age);
        assert_eq!(issuer.refresh(ancient), RefreshDecision::Reuse, "{ancient}");
        for token in (1..=6).rev() {
            let refusal = revoked(RevokeReason::Reuse);
            assert_eq!(issuer.refresh(token), refusal);
        }
    }
}

#[test]
fn without_windows_the_second_use_is_reuse_whatever_the_clocks_say() {
    // (5)
    let zero = |late_replays_in_a_row| {
        let retry = Some(Duration::ZERO);
        with(Rotation::On { overlap: Duration::ZERO, retry, late_replays_in_a_row })
    };
    for age in [-HOUR, -SECOND, -MILLISECOND, 0, MILLISECOND, HOUR] {
        for mut issuer in [with(Rotation::strict()), zero(0), zero(LATE_REPLAYS_IN_A_ROW)] {
            assert_eq!(issuer.refresh(1), ROTATES);
            issuer.wait(age);
            assert_eq!(issuer.refresh(1), RefreshDecision::Reuse, "{age}");
        }
    }
}

#[test]
fn without_rotation_the_token_stays_and_an_ancient_one_is_refused_in_peace() {
    // (17)
    let mut issuer = rotated(4);
    issuer.rule = RotationRule::of(&Policy::default().rotation(Rotation::Off), None);
    for token in 1..=4 {
        assert_eq!(issuer.refresh(token), SUPERSEDED);
    }
    for _ in 0..3 {
        issuer.wait(HOUR);
        assert_eq!(issuer.refresh(5), RefreshDecision::Keep { ahead: false });
    }
    assert_eq!((issuer.generation(), issuer.is_live()), (5, true));
    assert_eq!(issuer.refresh(7), RefreshDecision::Keep { ahead: true });
    assert_eq!(issuer.generation(), 7);
}

#[test]
fn rotation_switched_on_later_counts_from_then_and_off_again_revives_nothing() {
    // (34)
    let mut issuer = with(Rotation::Off);
    for _ in 0..10 {
        issuer.wait(HOUR);
        issuer.refresh(1);
    }
    issuer.rule = RotationRule::of(&Policy::default(), None);
    assert_eq!(issuer.refresh(1), ROTATES);
    issuer.check(2);
    issuer.wait(OVERLAP);
    assert_eq!(issuer.refresh(1), RefreshDecision::Reuse);
    issuer.rule = RotationRule::of(&Policy::default().rotation(Rotation::Off), None);
    assert_eq!(issuer.refresh(2), revoked(RevokeReason::Reuse));
}

#[test]
fn a_generation_answered_often_counts_once_and_more_in_a_row_than_allowed_is_reuse() {
    // (13)
    for allowed in 0..=4 {
        let mut issuer = ModelIssuer::endless(allowed);
        for generation in 1..=u32::from(allowed) {
            assert_eq!(issuer.refresh(generation), ROTATES);
            for _ in 0..10 {
                issuer.wait(MINUTE);
                assert!(is_replay(issuer.refresh(generation), true));
            }
        }
        let last = u32::from(allowed) + 1;
        assert_eq!(issuer.refresh(last), ROTATES);
        assert!(is_replay(issuer.refresh(last), false));
        issuer.wait(MINUTE);
        assert_eq!(issuer.refresh(last), RefreshDecision::Reuse);
    }
}

#[test]
fn a_row_of_late_replays_ends_with_a_generation_without_one_or_a_stored_check() {
    for breaks_by_check in [false, true] {
        let mut issuer = ModelIssuer::endless(LATE_REPLAYS_IN_A_ROW);
        for round in 0..100 {
            for _ in 0..LATE_REPLAYS_IN_A_ROW {
                let token = issuer.generation();
                issuer.refresh(token);
                issuer.wait(MINUTE);
                assert!(is_replay(issuer.refresh(token), true), "{round}");
            }
            match breaks_by_check {
                true => assert_eq!(issuer.check(issuer.generation()), Age::Current),
                false => assert_eq!(issuer.refresh(issuer.generation()), ROTATES),
            }
        }
        // A check with the token before says nothing about the successor.
        let token = issuer.generation();
        issuer.refresh(token);
        assert_eq!(issuer.check(token), Age::Previous);
        assert!(!issuer.session().successor_seen());
    }
}

#[test]
fn expired_inactive_and_other_clients_are_refused_at_every_generation_and_never_revoked() {
    // (19)
    let other = ClientInfo::new().with_user_agent("thief");
    let ways = [(14 * DAY, EXPIRED), (IDLE, INACTIVE), (0, RefreshRefusal::ClientMismatch)];
    for (wait, refusal) in ways {
        for age in [0, 5 * SECOND, MINUTE, 25 * HOUR] {
            let mut issuer = rotated(4);
            if refusal == EXPIRED {
                // The session began four hours ago, and was used a moment before its end.
                for _ in 0..3 {
                    issuer.wait(4 * DAY);
                    issuer.check(5);
                }
                issuer.wait(2 * DAY - 4 * HOUR);
            } else {
                issuer.wait(wait);
            }
            issuer.wait(age);
            let binding = ClientBinding::UserAgent;
            let rule = RotationRule { binding, ..issuer.rule };
            for token in 1..=8 {
                let presented = PresentedRefresh::new(token).by(Some(&other));
                let decision = decide_refresh(
                    &issuer.record,
                    Some(&issuer.stamp),
                    presented,
                    issuer.now,
                    &rule,
                );
                assert_eq!(decision, RefreshDecision::Refuse(refusal), "{token} at {age}");
            }
        }
    }
}

#[test]
fn a_session_of_a_moved_epoch_or_an_unknown_one_is_refused_at_every_generation() {
    for age in [0, MINUTE, 25 * HOUR] {
        let mut issuer = rotated(4);
        issuer.wait(age);
        let mut kept = issuer.clone();
        issuer.bump();
        kept.stamp.bump(Some(kept.record.id()), RevokeReason::Admin, kept.now);
        for token in 1..=8 {
            let moved = revoked(RevokeReason::CredentialChange);
            assert_eq!(issuer.refresh(token), moved);
            let unknown = decide_refresh(
                &issuer.record,
                None,
                PresentedRefresh::new(token),
                issuer.now,
                &issuer.rule,
            );
            assert_eq!(unknown, revoked(RevokeReason::Admin));
        }
        assert!(issuer.record.tombstone().is_none());
        assert_eq!(kept.refresh(5), ROTATES);
    }
}

#[test]
fn ten_thousand_refreshes_leave_the_record_as_large_as_it_was_and_its_end_where_it_was() {
    let mut issuer = issuer();
    let born = issuer.record.clone();
    let mut seen_at = issuer.session().last_seen_at();
    for generation in 1..=10_000 {
        issuer.wait(if generation % 7 == 0 { -SECOND } else { MINUTE });
        assert_eq!(issuer.refresh(generation), ROTATES);
        if generation % 3 == 0 {
            issuer.refresh(generation);
        }
        issuer.check(generation + 1);
        assert_eq!(issuer.session().ends_at(), born.session().unwrap().ends_at());
        assert!(issuer.session().last_seen_at() >= seen_at);
        seen_at = issuer.session().last_seen_at();
    }
    assert_eq!(life(&issuer.record, Some(&issuer.stamp), issuer.now), Life::Live);
    // Nothing but numbers of a fixed size has changed: with those put back it is the record that
    // was born.
    let (version, generation, rotated_at) =
        (born.version(), born.generation(), issuer.session().rotated_at());
    let mut now = born.rotated(0, rotated_at, 1).unwrap();
    now.version = version;
    now.generation = generation;
    issuer.record.version = version;
    issuer.record.generation = generation;
    let seen = super::super::Use::new(seen_at).seen().of_generation(generation);
    now.note_use(&seen).unwrap();
    assert!(issuer.record == now);
}

#[test]
fn an_access_token_two_generations_old_is_outdated_and_never_theft() {
    // (41)
    let mut issuer = rotated(3);
    let ages = [1, 2, 3, 4, 5, 9].map(|token| issuer.check(token));
    let [old, previous, current] = [Age::Outdated, Age::Previous, Age::Current];
    assert_eq!(ages, [old, old, previous, current, current, current]);
    issuer.step_up();
    let ages = [3, 4, 5, 6, 7].map(|token| issuer.check(token));
    assert_eq!(ages, [old, old, old, current, current]);
    issuer.refresh(6);
    let ages = [4, 5, 6, 7].map(|token| issuer.check(token));
    assert_eq!(ages, [old, old, previous, current]);
    assert!(issuer.is_live());
}

#[test]
fn what_a_jump_left_is_superseded_as_long_as_it_would_have_been_answered() {
    for seen in [false, true] {
        let mut issuer = rotated(2);
        issuer.step_up();
        if seen {
            issuer.check(5);
        }
        let end = if seen { OVERLAP } else { RETRY };
        issuer.wait(end - MILLISECOND);
        for token in [2, 3, 4] {
            assert_eq!(issuer.refresh(token), SUPERSEDED, "{token}");
        }
        assert_eq!(issuer.decide(1), RefreshDecision::Reuse);
        issuer.wait(MILLISECOND);
        for token in [1, 2, 3, 4] {
            assert_eq!(issuer.decide(token), RefreshDecision::Reuse, "{token}");
        }
    }
}

#[test]
fn a_jump_cannot_outrun_tokens_of_two_rotations_that_a_failover_lost() {
    // The limit of section 6: the record knows only the generation it left.
    let mut issuer = rotated(1);
    let saved = issuer.record.clone();
    issuer.refresh(2);
    issuer.refresh(3);
    issuer.record = saved;
    issuer.step_up();
    assert_eq!(issuer.decide(3), SUPERSEDED);
    assert_eq!(issuer.decide(4), ROTATES);
    assert_eq!(access_age(&issuer.record, 4), Age::Current);
}
