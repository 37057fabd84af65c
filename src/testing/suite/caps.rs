//! A subject has at most so many sessions, whatever happens at once.

use std::time::Duration;

use super::tools::*;
use crate::{
    actor::{Actor, ActorChain},
    id::AppId,
};

async fn login_under(
    store: &Store,
    name: &SubjectId,
    rule: Option<CapRule>,
    born: u64,
) -> (SessionKey, Inserted) {
    let known = epoch(store, name).await;
    let record = fixtures::session().at(at(born)).subject(name.clone(), known).build();
    (record.key(), insert_with(store, record, |new| new.admit = rule).await)
}

fn ids(evicted: &[std::sync::Arc<Record>]) -> Vec<SessionId> {
    evicted.iter().map(|record| record.id()).collect()
}

pub async fn the_oldest_session_goes(store: Store) {
    let alice = subject("alice");
    let rule = cap(2, OnFull::EvictOldest);
    let (first, _) = login_under(&store, &alice, rule, 0).await;
    let (second, _) = login_under(&store, &alice, rule, 1).await;
    assert_eq!(note(&store, &first, seen(5)).await, Noted::Done);
    let (third, inserted) = login_under(&store, &alice, rule, 10).await;
    assert_eq!(ids(&created(inserted)), [first.id]);
    assert_eq!(life_of(&store, &first, 10).await, Life::Revoked(RevokeReason::Limit));
    assert!(is_live(&store, &second, 10).await && is_live(&store, &third, 10).await);
}

pub async fn the_session_that_was_used_longest_ago_goes(store: Store) {
    let alice = subject("alice");
    let rule = cap(2, OnFull::EvictLeastRecentlyUsed);
    let (first, _) = login_under(&store, &alice, rule, 0).await;
    let (second, _) = login_under(&store, &alice, rule, 1).await;
    assert_eq!(note(&store, &first, seen(5)).await, Noted::Done);
    let (_, inserted) = login_under(&store, &alice, rule, 10).await;
    assert_eq!(ids(&created(inserted)), [second.id]);
    assert!(is_live(&store, &first, 10).await);
}

pub async fn one_more_is_refused_and_stores_nothing(store: Store) {
    let alice = subject("alice");
    let rule = cap(1, OnFull::Refuse);
    let (first, _) = login_under(&store, &alice, rule, 0).await;
    let (refused, inserted) = login_under(&store, &alice, rule, 1).await;
    assert!(matches!(inserted, Inserted::CapReached));
    assert!(store.load(&refused).await.unwrap().is_none());
    assert!(is_live(&store, &first, 1).await);
    let _ = end(&store, &first, RevokeReason::Logout, 2).await;
    created(login_under(&store, &alice, rule, 3).await.1);
}

pub async fn who_goes_is_unlisted_and_logged(store: Store) {
    let alice = subject("alice");
    let rule = cap(1, OnFull::EvictOldest);
    let (first, _) = login_under(&store, &alice, rule, 0).await;
    let (second, _) = login_under(&store, &alice, rule, 1).await;
    if !skips_lists(&store) {
        assert_eq!(sessions_of(&store, &alice).await, [second.id]);
    }
    if !skips_log(&store) {
        assert!(names(&log_after(&store, Cursor::start()).await.0, &first));
    }
}

pub async fn who_went_is_answered_with_its_tombstone(store: Store) {
    let alice = subject("alice");
    let rule = cap(1, OnFull::EvictOldest);
    let _ = login_under(&store, &alice, rule, 0).await;
    let evicted = created(login_under(&store, &alice, rule, 1).await.1);
    let tombstone = evicted[0].tombstone().expect("ended in the same act");
    assert_eq!((tombstone.reason, tombstone.at), (RevokeReason::Limit, at(1)));
}

pub async fn a_lower_cap_lets_several_go(store: Store) {
    let alice = subject("alice");
    let mut keys = Vec::new();
    for born in 0..5 {
        keys.push(login(&store, &alice, born).await.id);
    }
    let (_, inserted) = login_under(&store, &alice, cap(2, OnFull::EvictOldest), 9).await;
    let mut gone = ids(&created(inserted));
    gone.sort_unstable();
    assert_eq!(gone, keys[..4]);
}

pub async fn what_is_not_live_does_not_count(store: Store) {
    let alice = subject("alice");
    let dead = login(&store, &alice, 0).await;
    let _ = bump(&store, &alice, Bump::all(RevokeReason::Admin), 1).await;
    let known = store.stamp(&of(&alice), at(1)).await.unwrap().epoch;
    let short = fixtures::session().at(at(1)).subject(alice.clone(), known);
    let expired = create(&store, short.lifetime(Some(Duration::from_secs(5))).build()).await;
    let ended = login(&store, &alice, 2).await;
    let _ = end(&store, &ended, RevokeReason::Logout, 3).await;
    let record = fixtures::session().at(at(6)).subject(alice.clone(), known).build();
    created(insert_with(&store, record, |new| new.admit = cap(1, OnFull::Refuse)).await);
    assert_eq!(life_of(&store, &dead, 6).await, Life::Revoked(RevokeReason::Admin));
    assert_eq!(life_of(&store, &expired, 6).await, Life::Expired, "and nobody ended it");
}

pub async fn impersonations_neither_count_nor_go_nor_push_out(store: Store) {
    let alice = subject("alice");
    let rule = cap(1, OnFull::EvictOldest);
    let known = epoch(&store, &alice).await;
    let acted = |born| {
        let chain = ActorChain::new(Actor::new(subject("support")), "T-1").unwrap();
        fixtures::session().at(at(born)).subject(alice.clone(), known).actors(chain).build()
    };
    let early = create(&store, acted(0)).await;
    let (own, inserted) = login_under(&store, &alice, rule, 1).await;
    assert!(created(inserted).is_empty());
    assert!(created(insert_with(&store, acted(2), |new| new.admit = rule).await).is_empty());
    let (_, inserted) = login_under(&store, &alice, rule, 3).await;
    assert_eq!(ids(&created(inserted)), [own.id]);
    assert!(is_live(&store, &early, 3).await);
}

pub async fn subjects_do_not_share_a_cap(store: Store) {
    let rule = cap(1, OnFull::Refuse);
    for name in ["alice", "bob", "carol"] {
        created(login_under(&store, &subject(name), rule, 0).await.1);
    }
}

pub async fn a_commit_that_names_the_subject_keeps_the_cap(store: Store) {
    let alice = subject("alice");
    let old = login(&store, &alice, 0).await;
    let key = create(&store, fixtures::session().at(at(1)).build()).await;
    match bind(&store, &key, &alice, cap(1, OnFull::EvictOldest), 2).await {
        Committed::Done { record, evicted } => {
            assert_eq!((record.id(), ids(&evicted)), (key.id, vec![old.id]));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(life_of(&store, &old, 2).await, Life::Revoked(RevokeReason::Limit));
}

pub async fn a_commit_that_the_cap_refuses_leaves_the_session_without_subject(store: Store) {
    let alice = subject("alice");
    login(&store, &alice, 0).await;
    let key = create(&store, fixtures::session().at(at(1)).build()).await;
    let committed = bind(&store, &key, &alice, cap(1, OnFull::Refuse), 2).await;
    assert!(matches!(committed, Committed::CapReached));
    let record = load(&store, &key).await.record;
    assert!(record.bound().is_none() && record.version() == 1);
}

pub async fn sessions_bound_late_count_and_go_like_others(store: Store) {
    let alice = subject("alice");
    let mut keys = Vec::new();
    for born in 0..8 {
        let key = create(&store, fixtures::session().at(at(born)).build()).await;
        done(bind(&store, &key, &alice, None, born).await);
        keys.push(key.id);
    }
    let (_, inserted) = login_under(&store, &alice, cap(3, OnFull::EvictOldest), 20).await;
    let mut gone = ids(&created(inserted));
    gone.sort_unstable();
    assert_eq!(gone, keys[..6]);
}

pub async fn an_exchange_keeps_the_cap(store: Store) {
    let alice = subject("alice");
    let old = login(&store, &alice, 0).await;
    let known = epoch(&store, &alice).await;
    let key = create(&store, fixtures::request(AppId::new("tv").unwrap()).at(at(1)).build()).await;
    let on = load(&store, &key).await;
    let approved = fixtures::approved(&on.record, alice.clone(), known, at(2)).unwrap();
    done(commit_under(&store, &on, approved, Some(known), 2).await);
    let on = load(&store, &key).await;
    let mut change =
        Change::new(on.clone(), fixtures::exchanged(&on.record, at(3)).unwrap(), at(3));
    change.observed_epoch = Some(known);
    change.admit = cap(1, OnFull::EvictOldest);
    match store.commit(change).await.unwrap() {
        Committed::Done { evicted, .. } => assert_eq!(ids(&evicted), [old.id]),
        other => panic!("{other:?}"),
    }
}

pub async fn a_refresh_under_a_full_cap_pushes_nobody_out(store: Store) {
    let alice = subject("alice");
    let keys = [login(&store, &alice, 0).await, login(&store, &alice, 1).await];
    let on = load(&store, &keys[0]).await;
    let mut change = Change::new(on.clone(), refreshed(&on, 2), at(2));
    change.admit = cap(1, OnFull::EvictOldest);
    done(store.commit(change).await.unwrap());
    assert!(is_live(&store, &keys[1], 2).await);
}
