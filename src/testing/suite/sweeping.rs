//! What may be forgotten goes, a bounded number at a time, and nothing else.

use std::time::Duration;

use super::tools::*;
use crate::{
    actor::{Actor, ActorChain},
    session::{Lifetime, SessionChange},
};

/// Lives for a minute, and is kept for an hour after.
fn brief(born: u64) -> fixtures::SessionBuilder {
    let minute = Some(Duration::from_secs(60));
    fixtures::session().at(at(born)).lifetime(minute).idle(None).keep(Duration::from_secs(HOUR))
}

pub async fn a_record_is_kept_a_while_after_its_end(store: Store) {
    let key = create(&store, brief(0).build()).await;
    for now in [0, 60, 59 + HOUR] {
        assert_eq!(sweep_all(&store, now, 10).await.len(), 0, "{now}");
    }
    let swept = store.sweep(at(60 + HOUR), 10).await.unwrap();
    assert_eq!(swept.removed.iter().map(|gone| gone.record.id()).collect::<Vec<_>>(), [key.id]);
    assert!(store.load(&key).await.unwrap().is_none());
}

pub async fn what_is_swept_comes_with_the_stamp_of_its_subject(store: Store) {
    let (alice, bob) = (subject("alice"), subject("bob"));
    let known = epoch(&store, &alice).await;
    let ended = create(&store, brief(0).subject(alice.clone(), known).build()).await;
    let spared =
        create(&store, brief(0).subject(bob.clone(), epoch(&store, &bob).await).build()).await;
    let nobodys = create(&store, brief(0).build()).await;
    let _ = bump(&store, &alice, Bump::all(RevokeReason::CredentialChange), 1).await;
    let stamps = [
        store.stamp(&of(&alice), at(1)).await.unwrap(),
        store.stamp(&of(&bob), at(1)).await.unwrap(),
    ];
    let gone = sweep_all(&store, DAY, 10).await;
    let stamp_of = |key: &SessionKey| {
        gone.iter().find(|gone| gone.record.key() == *key).unwrap().subject.clone()
    };
    let [of_alice, of_bob] = stamps;
    assert_eq!((stamp_of(&ended), stamp_of(&spared)), (Some(of_alice), Some(of_bob)));
    assert_eq!(stamp_of(&nobodys), None);
}

pub async fn live_records_are_never_swept(store: Store) {
    let alice = subject("alice");
    let mut live = vec![login(&store, &alice, 0).await];
    live.push(create(&store, fixtures::session().build()).await);
    live.push(create(&store, fixtures::session().lifetime(None).idle(None).build()).await);
    create(&store, brief(0).build()).await;
    assert_eq!(sweep_all(&store, 6 * DAY, 10).await.len(), 1);
    for key in &live {
        assert!(is_live(&store, key, 6 * DAY).await);
    }
}

pub async fn use_puts_the_sweep_off(store: Store) {
    let idle = Some(Duration::from_secs(60));
    let key =
        create(&store, fixtures::session().idle(idle).keep(Duration::from_secs(HOUR)).build())
            .await;
    assert_eq!(note(&store, &key, seen(50)).await, Noted::Done);
    assert_eq!(sweep_all(&store, 60 + HOUR, 10).await.len(), 0);
    assert_eq!(sweep_all(&store, 110 + HOUR, 10).await.len(), 1);
}

pub async fn a_commit_that_moves_the_end_moves_the_sweep(store: Store) {
    let (longer, shorter) =
        (create(&store, brief(0).build()).await, create(&store, brief(0).build()).await);
    let on = load(&store, &longer).await;
    let next = fixtures::proved(&on.record, FactorKind::Totp, at(1)).unwrap();
    done(commit(&store, &on, next, 1).await);
    let on = load(&store, &shorter).await;
    let change = SessionChange {
        lifetime: Some(Lifetime::After(Duration::from_secs(1))),
        ..SessionChange::default()
    };
    done(commit(&store, &on, on.record.updated(change, at(1), 1).unwrap(), 1).await);
    let end = |record: &Record| record.effective_end().unwrap();
    assert!(end(&load(&store, &longer).await.record) > at(DAY));
    assert_eq!(end(&load(&store, &shorter).await.record), at(2));
    assert_eq!(sweep_all(&store, 1 + HOUR, 10).await.len(), 0);
    assert_eq!(sweep_all(&store, 2 + HOUR, 10).await.len(), 1);
    assert_eq!(sweep_all(&store, 10 * DAY, 10).await.len(), 0);
    assert!(is_live(&store, &longer, 10 * DAY).await);
}

pub async fn a_sweep_takes_no_more_than_asked_and_says_that_there_is_more(store: Store) {
    for born in 0..25 {
        create(&store, brief(born).build()).await;
    }
    let first = store.sweep(at(DAY), 10).await.unwrap();
    assert!(first.removed.len() <= 10 && first.more);
    assert_eq!(first.removed.len() + sweep_all(&store, DAY, 10).await.len(), 25);
    let last = store.sweep(at(DAY), 10).await.unwrap();
    assert!(last.removed.is_empty() && !last.more);
}

pub async fn a_tombstone_is_kept_until_the_session_would_have_ended(store: Store) {
    let key = create(&store, brief(0).build()).await;
    let _ = end(&store, &key, RevokeReason::Logout, 1).await;
    assert_eq!(sweep_all(&store, 59 + HOUR, 10).await.len(), 0);
    assert_eq!(life_of(&store, &key, 50).await, Life::Revoked(RevokeReason::Logout));
    assert_eq!(sweep_all(&store, 60 + HOUR, 10).await.len(), 1);
}

pub async fn the_tombstone_of_an_endless_session_is_kept_for_thirty_days(store: Store) {
    create(&store, fixtures::session().lifetime(None).idle(None).build()).await;
    let key = create(&store, fixtures::session().lifetime(None).idle(None).build()).await;
    let _ = end(&store, &key, RevokeReason::Logout, 0).await;
    assert_eq!(sweep_all(&store, 30 * DAY - 1, 10).await.len(), 0);
    assert_eq!(sweep_all(&store, 30 * DAY, 10).await.len(), 1);
}

pub async fn a_swept_session_leaves_the_lists(store: Store) {
    if skips_lists(&store) {
        return;
    }
    let alice = subject("alice");
    let known = epoch(&store, &alice).await;
    create(&store, brief(0).subject(alice.clone(), known).build()).await;
    let late = create(&store, brief(0).build()).await;
    done(bind(&store, &late, &alice, None, 1).await);
    let lasting = login(&store, &alice, 2).await;
    sweep_all(&store, 2 * DAY, 10).await;
    assert_eq!(sessions_of(&store, &alice).await, [lasting.id]);
    assert_eq!(list(&store, Query::new(TenantId::default(), Select::Tenant)).await, [lasting.id]);
}

pub async fn an_epoch_outlives_every_record_that_names_it(store: Store) {
    let alice = subject("alice");
    let endless =
        |epoch| fixtures::session().subject(alice.clone(), epoch).lifetime(None).idle(None).build();
    let known = epoch(&store, &alice).await;
    let live = create(&store, endless(known)).await;
    sweep_all(&store, 5 * DAY, 10).await;
    assert!(is_live(&store, &live, 5 * DAY).await);
    let dead = create(&store, endless(known)).await;
    let _ = end(&store, &live, RevokeReason::Logout, 5 * DAY).await;
    let _ = bump(&store, &alice, Bump::all(RevokeReason::Admin), 6 * DAY).await;
    let bumped = store.stamp(&of(&alice), at(6 * DAY)).await.unwrap();
    sweep_all(&store, 400 * DAY, 10).await;
    assert_eq!(
        load(&store, &dead).await.subject,
        Some(bumped),
        "a record that never ends names it"
    );
}

pub async fn a_tombstone_alone_keeps_the_epoch(store: Store) {
    let alice = subject("alice");
    let key = login(&store, &alice, 0).await;
    let _ = end(&store, &key, RevokeReason::Logout, 1).await;
    let before = load(&store, &key).await.subject;
    sweep_all(&store, 3 * DAY, 10).await;
    assert!(before.is_some());
    assert_eq!(load(&store, &key).await.subject, before);
}

pub async fn a_forgotten_subject_never_gets_an_old_epoch_back(store: Store) {
    let alice = subject("alice");
    let old = epoch(&store, &alice).await;
    let bumped = match bump(&store, &alice, Bump::all(RevokeReason::Admin), 1).await {
        SubjectChanged::Done(stamp) => stamp.epoch,
        SubjectChanged::KeepNotLive => panic!("nothing was to be kept"),
    };
    sweep_all(&store, 100 * DAY, 10).await;
    let new = store.stamp(&of(&alice), at(100 * DAY)).await.unwrap().epoch;
    assert!(new >= bumped && bumped > old);
    let record = fixtures::session().at(at(100 * DAY)).subject(alice, old).build();
    assert!(matches!(insert(&store, record).await, Inserted::EpochMoved));
}

pub async fn a_login_under_way_is_refused_or_lives_when_its_subject_is_swept(store: Store) {
    let alice = subject("alice");
    let known = epoch(&store, &alice).await;
    sweep_all(&store, 10 * DAY, 10).await;
    let record = fixtures::session().at(at(10 * DAY)).subject(alice, known).build();
    let key = record.key();
    match insert(&store, record).await {
        Inserted::Created { .. } => assert!(is_live(&store, &key, 10 * DAY).await),
        Inserted::EpochMoved => assert!(store.load(&key).await.unwrap().is_none()),
        other => panic!("{other:?}"),
    }
}

pub async fn what_is_known_of_an_actor_is_kept_while_a_record_names_it(store: Store) {
    let (alice, support) = (subject("alice"), subject("support"));
    let before = store.stamp(&of(&support), at(0)).await.unwrap();
    let known = epoch(&store, &alice).await;
    let chain = ActorChain::new(Actor::new(support.clone()), "T-1").unwrap();
    let record = fixtures::session().subject(alice, known).actors(chain).build();
    let key = create(&store, record).await;
    sweep_all(&store, 5 * DAY, 10).await;
    assert!(is_live(&store, &key, 5 * DAY).await);
    assert_eq!(store.stamp(&of(&support), at(5 * DAY)).await.unwrap(), before);
}

pub async fn a_swept_id_is_free_of_its_past(store: Store) {
    let key = create(&store, brief(0).build()).await;
    let _ = end(&store, &key, RevokeReason::Logout, 1).await;
    assert_eq!(sweep_all(&store, DAY, 10).await.len(), 1);
    assert!(matches!(end(&store, &key, RevokeReason::Logout, 2).await, Ended::Gone));
    assert_eq!(note(&store, &key, seen(5)).await, Noted::NotLive);
}
