//! The two writes that need no version: an end is one way, and a noted use loses nothing.

use std::time::Duration;

use super::tools::*;

pub async fn an_end_needs_no_version_and_answers_what_was(store: Store) {
    let key = login(&store, &subject("alice"), 0).await;
    let on = load(&store, &key).await;
    done(commit(&store, &on, refreshed(&on, 1), 1).await);
    match end(&store, &key, RevokeReason::Logout, 2).await {
        Ended::Ended { was } => assert!(was.tombstone().is_none() && was.generation() == 2),
        other => panic!("{other:?}"),
    }
    let ended = load(&store, &key).await.record;
    assert_eq!(
        ended.tombstone().map(|tombstone| (tombstone.reason, tombstone.at)),
        Some((RevokeReason::Logout, at(2)))
    );
    assert_eq!(ended.version(), 3);
}

pub async fn a_tombstone_says_who_and_why(store: Store) {
    let key = create(&store, fixtures::session().build()).await;
    let tombstone =
        Tombstone::new(RevokeReason::CredentialChange, at(1)).by(Some(subject("admin")));
    assert!(matches!(store.end(&key, &tombstone).await.unwrap(), Ended::Ended { .. }));
    assert_eq!(load(&store, &key).await.record.tombstone(), Some(&tombstone));
}

pub async fn a_second_end_changes_nothing(store: Store) {
    let key = create(&store, fixtures::session().build()).await;
    let _ = end(&store, &key, RevokeReason::Logout, 1).await;
    let first = load(&store, &key).await.record;
    assert!(matches!(end(&store, &key, RevokeReason::Reuse, 2).await, Ended::AlreadyEnded));
    assert!(*load(&store, &key).await.record == *first);
}

pub async fn an_end_of_what_is_not_there_is_gone(store: Store) {
    let key = fixtures::session().build().key();
    assert!(matches!(end(&store, &key, RevokeReason::Logout, 1).await, Ended::Gone));
    assert!(store.load(&key).await.unwrap().is_none());
}

pub async fn an_expired_session_can_still_be_ended(store: Store) {
    let key =
        create(&store, fixtures::session().lifetime(Some(Duration::from_secs(60))).build()).await;
    assert_eq!(life_of(&store, &key, 60).await, Life::Expired);
    assert!(matches!(end(&store, &key, RevokeReason::Logout, 61).await, Ended::Ended { .. }));
}

pub async fn a_use_moves_last_seen_forward_only_and_no_version(store: Store) {
    let key = login(&store, &subject("alice"), 0).await;
    assert_eq!(note(&store, &key, seen(50)).await, Noted::Done);
    assert_eq!(
        note(&store, &key, Use { seen_at: Some(at(20)), ..Use::new(at(50)) }).await,
        Noted::Done
    );
    let record = load(&store, &key).await.record;
    assert_eq!((record.session().unwrap().last_seen_at(), record.version()), (at(50), 1));
}

pub async fn a_use_counts_for_the_current_generation_alone(store: Store) {
    let key = login(&store, &subject("alice"), 0).await;
    let used = |generation| Use::new(at(1)).of_generation(generation);
    for (generation, seen) in [(0, false), (2, false), (1, true)] {
        assert_eq!(note(&store, &key, used(generation)).await, Noted::Done);
        assert_eq!(
            load(&store, &key).await.record.session().unwrap().successor_seen(),
            seen,
            "{generation}"
        );
    }
}

pub async fn of_what_is_not_live_no_use_is_noted(store: Store) {
    let alice = subject("alice");
    let ended = login(&store, &alice, 0).await;
    let _ = end(&store, &ended, RevokeReason::Logout, 1).await;
    let short = Some(Duration::from_secs(60));
    let expired = create(&store, fixtures::session().lifetime(short).build()).await;
    let idle = create(&store, fixtures::session().idle(short).build()).await;
    let bob = subject("bob");
    let dead = login(&store, &bob, 0).await;
    let _ = bump(&store, &bob, Bump::all(RevokeReason::Admin), 1).await;
    let missing = fixtures::session().build().key();
    for key in [&ended, &expired, &idle, &dead, &missing] {
        assert_eq!(note(&store, key, seen(60)).await, Noted::NotLive);
        assert_eq!(note(&store, key, spend(60, &[Spend::one("n", 9)])).await, Noted::NotLive);
    }
    assert_eq!(load(&store, &idle).await.record.session().unwrap().last_seen_at(), at(0));
}

pub async fn a_use_in_the_last_millisecond_keeps_an_idle_session_alive(store: Store) {
    let key = create(&store, fixtures::session().idle(Some(Duration::from_secs(60))).build()).await;
    let last = at(60).saturating_sub(Duration::from_millis(1));
    assert_eq!(note(&store, &key, Use::new(last).seen()).await, Noted::Done);
    assert!(is_live(&store, &key, 100).await);
    assert!(!is_live(&store, &key, 120).await);
}

pub async fn uses_of_a_kept_session_are_noted_after_the_bump(store: Store) {
    let alice = subject("alice");
    let key = login(&store, &alice, 0).await;
    let _ = bump(&store, &alice, Bump::all_but(key.id, RevokeReason::Admin), 1).await;
    assert_eq!(note(&store, &key, seen(5)).await, Noted::Done);
}

pub async fn a_counter_goes_up_to_its_limit_and_no_further(store: Store) {
    let key = login(&store, &subject("alice"), 0).await;
    for _ in 0..3 {
        assert_eq!(note(&store, &key, spend(1, &[Spend::one("call", 3)])).await, Noted::Done);
    }
    assert_eq!(note(&store, &key, spend(1, &[Spend::one("call", 3)])).await, Noted::QuotaExceeded);
    assert_eq!(
        note(&store, &key, spend(1, &[Spend::one("call", u64::MAX).with_amount(u64::MAX)])).await,
        Noted::QuotaExceeded
    );
    assert_eq!(load(&store, &key).await.record.session().unwrap().counter("call"), 3);
}

pub async fn counters_are_spent_all_or_none_and_with_them_the_whole_use(store: Store) {
    let key = login(&store, &subject("alice"), 0).await;
    let both = spend(9, &[Spend::one("a", 10), Spend::one("b", 0)]).seen();
    assert_eq!(note(&store, &key, both).await, Noted::QuotaExceeded);
    let record = load(&store, &key).await.record;
    let session = record.session().unwrap();
    assert_eq!((session.counter("a"), session.counter("b"), session.last_seen_at()), (0, 0, at(0)));
}

pub async fn noted_uses_survive_a_commit_that_was_decided_before_them(store: Store) {
    let key = login(&store, &subject("alice"), 0).await;
    let on = load(&store, &key).await;
    let used = spend(50, &[Spend::one("n", 9).with_amount(4)]).seen();
    assert_eq!(note(&store, &key, used).await, Noted::Done);
    let record = done(commit(&store, &on, refreshed(&on, 40), 50).await);
    let session = record.session().unwrap();
    assert_eq!((session.last_seen_at(), session.counter("n"), record.generation()), (at(50), 4, 2));
}

pub async fn the_use_of_a_generation_does_not_pass_to_the_next(store: Store) {
    let key = login(&store, &subject("alice"), 0).await;
    let on = load(&store, &key).await;
    let used = Use::new(at(1)).of_generation(1);
    assert_eq!(note(&store, &key, used).await, Noted::Done);
    let record = done(commit(&store, &on, refreshed(&on, 2), 2).await);
    assert!(!record.session().unwrap().successor_seen());
}

pub async fn an_end_keeps_the_uses_and_what_the_session_was(store: Store) {
    let key = login(&store, &subject("alice"), 0).await;
    assert_eq!(note(&store, &key, seen(30)).await, Noted::Done);
    let _ = end(&store, &key, RevokeReason::Logout, 31).await;
    assert_eq!(load(&store, &key).await.record.session().unwrap().last_seen_at(), at(30));
}

pub async fn a_use_is_noted_of_what_is_there_and_not_of_what_was_seen(store: Store) {
    let idle = Some(Duration::from_secs(60));
    let key = create(&store, fixtures::session().idle(idle).build()).await;
    let seen_before = load(&store, &key).await;
    assert_eq!(note(&store, &key, seen(50)).await, Noted::Done);
    // By what was seen before that, the session has ended at 60 seconds.
    assert_eq!(store.note_use(&seen_before, seen(70)).await.unwrap(), Noted::Done);
    assert!(is_live(&store, &key, 120).await && !is_live(&store, &key, 130).await);
    // And whoever saw it live notes nothing of one that has ended.
    let seen_live = load(&store, &key).await;
    let _ = end(&store, &key, RevokeReason::Logout, 80).await;
    assert_eq!(store.note_use(&seen_live, seen(70)).await.unwrap(), Noted::NotLive);
}
