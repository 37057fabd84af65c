//! A commit replaces exactly the version it was decided on, and brings nothing back to life.

use super::tools::*;

pub async fn a_commit_moves_the_version_by_one(store: Store) {
    let key = login(&store, &subject("alice"), 0).await;
    for version in 2..5 {
        let on = load(&store, &key).await;
        let record = done(commit(&store, &on, refreshed(&on, version), version).await);
        assert_eq!((record.version(), u64::from(record.generation())), (version, version));
        assert!(*load(&store, &key).await.record == *record);
    }
}

pub async fn a_commit_on_an_old_version_is_a_conflict_that_shows_the_record(store: Store) {
    let key = login(&store, &subject("alice"), 0).await;
    let on = load(&store, &key).await;
    let winner = done(commit(&store, &on, refreshed(&on, 1), 1).await);
    match commit(&store, &on, refreshed(&on, 2), 2).await {
        Committed::Conflict(now) => assert!(*now.record == *winner && now.subject == on.subject),
        other => panic!("{other:?}"),
    }
    assert!(*load(&store, &key).await.record == *winner);
}

pub async fn a_commit_on_a_version_that_is_yet_to_come_is_a_conflict(store: Store) {
    let key = create(&store, fixtures::session().build()).await;
    let on = load(&store, &key).await;
    let change = Change::new(a_version_later(&on), refreshed(&on, 1), at(1));
    assert!(matches!(store.commit(change).await.unwrap(), Committed::Conflict(_)));
    assert_eq!(load(&store, &key).await.record.version(), 1);
}

pub async fn a_commit_against_a_tombstone_is_a_conflict_that_shows_it(store: Store) {
    let key = login(&store, &subject("alice"), 0).await;
    let on = load(&store, &key).await;
    let _ = end(&store, &key, RevokeReason::Logout, 1).await;
    match commit(&store, &on, refreshed(&on, 2), 2).await {
        Committed::Conflict(now) => assert!(now.record.tombstone().is_some()),
        other => panic!("{other:?}"),
    }
}

pub async fn a_commit_that_knows_the_tombstones_version_is_refused_all_the_same(store: Store) {
    let key = create(&store, fixtures::session().build()).await;
    let on = load(&store, &key).await;
    let _ = end(&store, &key, RevokeReason::Logout, 1).await;
    assert_eq!(load(&store, &key).await.record.version(), a_version_later(&on).record.version());
    let change = Change::new(a_version_later(&on), refreshed(&on, 2), at(2));
    assert!(matches!(store.commit(change).await.unwrap(), Committed::Conflict(_)));
    assert!(load(&store, &key).await.record.tombstone().is_some());
}

pub async fn a_commit_of_what_is_not_there_creates_nothing(store: Store) {
    let record = fixtures::session().build();
    let on = Snapshot::new(record.clone().into(), None);
    assert!(matches!(commit(&store, &on, refreshed(&on, 1), 1).await, Committed::Gone));
    assert!(store.load(&record.key()).await.unwrap().is_none());
}

pub async fn a_commit_of_what_was_swept_creates_nothing(store: Store) {
    let key = create(&store, fixtures::session().build()).await;
    let on = load(&store, &key).await;
    let _ = end(&store, &key, RevokeReason::Logout, 1).await;
    let _ = store.sweep(at(400 * DAY), 10).await.unwrap();
    assert!(matches!(commit(&store, &on, refreshed(&on, 1), 1).await, Committed::Gone));
    assert!(store.load(&key).await.unwrap().is_none());
}

pub async fn a_commit_under_an_epoch_that_moved_stores_nothing(store: Store) {
    let alice = subject("alice");
    let key = login(&store, &alice, 0).await;
    let on = load(&store, &key).await;
    let _ = bump(&store, &alice, Bump::all(RevokeReason::Admin), 1).await;
    assert!(matches!(commit(&store, &on, refreshed(&on, 2), 2).await, Committed::EpochMoved));
    assert_eq!(load(&store, &key).await.record.generation(), 1);
}

pub async fn a_commit_of_a_record_with_a_subject_needs_an_epoch(store: Store) {
    let key = login(&store, &subject("alice"), 0).await;
    let on = load(&store, &key).await;
    assert!(matches!(
        commit_under(&store, &on, refreshed(&on, 1), None, 1).await,
        Committed::EpochMoved
    ));
    assert_eq!(load(&store, &key).await.record.version(), 1);
}

pub async fn a_kept_session_goes_on_under_the_new_epoch(store: Store) {
    let alice = subject("alice");
    let key = login(&store, &alice, 0).await;
    let _ = bump(&store, &alice, Bump::all_but(key.id, RevokeReason::Admin), 1).await;
    let on = load(&store, &key).await;
    done(commit(&store, &on, refreshed(&on, 2), 2).await);
    assert!(is_live(&store, &key, 2).await);
}

pub async fn a_commit_that_names_the_subject_needs_the_epoch_to_stand(store: Store) {
    let alice = subject("alice");
    let known = epoch(&store, &alice).await;
    let key = create(&store, fixtures::session().build()).await;
    let on = load(&store, &key).await;
    let _ = bump(&store, &alice, Bump::all(RevokeReason::Admin), 1).await;
    let next = fixtures::bound(&on.record, alice.clone(), known, at(2)).unwrap();
    assert!(matches!(commit_under(&store, &on, next, Some(known), 2).await, Committed::EpochMoved));
    assert!(load(&store, &key).await.record.bound().is_none());
}

pub async fn a_commit_that_names_a_subject_nobody_knows_is_refused(store: Store) {
    let key = create(&store, fixtures::session().build()).await;
    let on = load(&store, &key).await;
    let guessed = Epoch::first(at(0));
    let next = fixtures::bound(&on.record, subject("nobody"), guessed, at(1)).unwrap();
    assert!(matches!(
        commit_under(&store, &on, next, Some(guessed), 1).await,
        Committed::EpochMoved
    ));
}

pub async fn a_session_is_listed_from_the_commit_on_that_names_its_subject(store: Store) {
    if skips_lists(&store) {
        return;
    }
    let alice = subject("alice");
    let key = create(&store, fixtures::session().build()).await;
    assert!(sessions_of(&store, &alice).await.is_empty());
    done(bind(&store, &key, &alice, None, 1).await);
    assert_eq!(sessions_of(&store, &alice).await, [key.id]);
    assert!(load(&store, &key).await.subject.is_some());
}

pub async fn a_session_bound_late_obeys_its_subjects_epoch(store: Store) {
    let alice = subject("alice");
    for _ in 0..20 {
        let key = create(&store, fixtures::session().build()).await;
        let now = load(&store, &key).await;
        let known = store.stamp(&of(&alice), at(0)).await.unwrap().epoch;
        let next = fixtures::bound(&now.record, alice.clone(), known, at(1)).unwrap();
        done(commit_under(&store, &now, next, Some(known), 1).await);
        assert!(is_live(&store, &key, 1).await);
        let _ = bump(&store, &alice, Bump::all(RevokeReason::SubjectDisabled), 2).await;
        assert_eq!(life_of(&store, &key, 2).await, Life::Revoked(RevokeReason::SubjectDisabled));
    }
}

pub async fn the_subject_of_a_record_never_changes(store: Store) {
    let (alice, mallory) = (subject("alice"), subject("mallory"));
    let key = login(&store, &alice, 0).await;
    let other = epoch(&store, &mallory).await;
    let on = load(&store, &key).await;
    let next = fixtures::bound(&on.record, mallory.clone(), other, at(1)).unwrap();
    let mut change = Change::new(on.clone(), next, at(1));
    change.observed_epoch = Some(other);
    let error = store.commit(change).await.unwrap_err();
    assert_eq!(error.kind(), crate::store::StoreErrorKind::Broken);
    assert_eq!(load(&store, &key).await.record.bound().map(|(own, _)| own.clone()), Some(alice));
}
