//! A device has one slot, held by a session without subject and factor.

use std::time::Duration;

use super::tools::*;

fn on_device(name: &str, born: u64) -> Record {
    fixtures::session()
        .at(at(born))
        .device(device(name))
        .idle(None)
        .lifetime(Some(Duration::from_secs(600)))
        .build()
}

async fn replace(store: &Store, record: Record) -> Inserted {
    insert_with(store, record, |new| new.replace_device = true).await
}

pub async fn a_slot_answers_its_live_holder_and_stores_nothing(store: Store) {
    let key = create(&store, on_device("d", 0)).await;
    let second = on_device("d", 599);
    let refused = second.key();
    match insert(&store, second).await {
        Inserted::DeviceTaken(holder) => assert_eq!(holder.record.id(), key.id),
        other => panic!("{other:?}"),
    }
    assert!(store.load(&refused).await.unwrap().is_none());
}

pub async fn devices_have_a_slot_each(store: Store) {
    for name in ["d", "D", "d ", "e"] {
        create(&store, on_device(name, 0)).await;
    }
}

pub async fn a_live_holder_is_ended_when_asked(store: Store) {
    let first = create(&store, on_device("d", 0)).await;
    let second = on_device("d", 1);
    let key = second.key();
    let evicted = created(replace(&store, second).await);
    assert_eq!(evicted.iter().map(|record| record.id()).collect::<Vec<_>>(), [first.id]);
    assert_eq!(life_of(&store, &first, 1).await, Life::Revoked(RevokeReason::Superseded));
    assert!(is_live(&store, &key, 1).await);
    match insert(&store, on_device("d", 2)).await {
        Inserted::DeviceTaken(holder) => assert_eq!(holder.record.id(), key.id),
        other => panic!("{other:?}"),
    }
}

pub async fn an_expired_holder_is_replaced_in_silence(store: Store) {
    let first = create(&store, on_device("d", 0)).await;
    create(&store, on_device("d", 600)).await;
    assert_eq!(life_of(&store, &first, 600).await, Life::Expired, "and nobody ended it");
}

pub async fn an_ended_holder_is_replaced(store: Store) {
    let first = create(&store, on_device("d", 0)).await;
    let _ = end(&store, &first, RevokeReason::Logout, 1).await;
    create(&store, on_device("d", 2)).await;
    assert_eq!(life_of(&store, &first, 2).await, Life::Revoked(RevokeReason::Logout));
}

pub async fn a_session_leaves_the_slot_when_it_gets_a_subject(store: Store) {
    let first = create(&store, on_device("d", 0)).await;
    done(bind(&store, &first, &subject("alice"), None, 1).await);
    create(&store, on_device("d", 2)).await;
    assert!(is_live(&store, &first, 2).await, "and lives on");
}

pub async fn a_session_leaves_the_slot_when_it_gets_a_factor(store: Store) {
    let first = create(&store, on_device("d", 0)).await;
    let on = load(&store, &first).await;
    let next = fixtures::proved(&on.record, FactorKind::Totp, at(1)).unwrap();
    done(commit(&store, &on, next, 1).await);
    create(&store, on_device("d", 2)).await;
    assert!(is_live(&store, &first, 2).await);
}

pub async fn a_session_keeps_the_slot_through_other_commits(store: Store) {
    let first = create(&store, on_device("d", 0)).await;
    let on = load(&store, &first).await;
    done(commit(&store, &on, refreshed(&on, 1), 1).await);
    assert!(matches!(insert(&store, on_device("d", 2)).await, Inserted::DeviceTaken(_)));
}

pub async fn a_session_born_with_a_subject_takes_no_slot(store: Store) {
    let alice = subject("alice");
    let known = epoch(&store, &alice).await;
    for _ in 0..2 {
        create(
            &store,
            fixtures::session().subject(alice.clone(), known).device(device("d")).build(),
        )
        .await;
    }
    create(&store, on_device("d", 0)).await;
    create(&store, fixtures::session().subject(alice.clone(), known).device(device("d")).build())
        .await;
}

pub async fn the_slot_of_a_swept_holder_is_free(store: Store) {
    let first = create(&store, on_device("d", 0)).await;
    let _ = store.sweep(at(30 * DAY), 10).await.unwrap();
    assert!(store.load(&first).await.unwrap().is_none());
    let second = create(&store, on_device("d", 30 * DAY)).await;
    assert!(is_live(&store, &second, 30 * DAY).await);
}

pub async fn sweeping_an_old_holder_does_not_free_the_slot_of_the_new_one(store: Store) {
    create(&store, on_device("d", 0)).await;
    let long =
        fixtures::session().at(at(700)).device(device("d")).lifetime(None).idle(None).build();
    let second = create(&store, long).await;
    let _ = store.sweep(at(30 * DAY), 10).await.unwrap();
    match insert(&store, on_device("d", 30 * DAY)).await {
        Inserted::DeviceTaken(holder) => assert_eq!(holder.record.id(), second.id),
        other => panic!("{other:?}"),
    }
}
