//! What a store acknowledged is there when its place is opened anew.

use std::time::Duration;

use super::tools::*;
use crate::{id::AppId, session::State};

/// Closes this handle, and opens the place anew.
async fn reopen(place: &Place, store: Store) -> Store {
    drop(store);
    place.open().await
}

pub async fn a_durable_store_says_that_it_survives_a_restart(place: Place) {
    let store = place.open().await;
    assert!(store.capabilities().survives_restart);
    assert_eq!(reopen(&place, store).await.capabilities(), place.open().await.capabilities());
}

pub async fn records_come_back_as_they_were(place: Place) {
    let store = place.open().await;
    let alice = subject("alice");
    let mut keys = vec![login(&store, &alice, 0).await];
    keys.push(create(&store, fixtures::session().lifetime(None).idle(None).build()).await);
    keys.push(create(&store, fixtures::request(AppId::new("tv").unwrap()).at(at(0)).build()).await);
    let on = load(&store, &keys[0]).await;
    done(commit(&store, &on, refreshed(&on, 1), 1).await);
    let used = spend(9, &[Spend::one("n", 9).with_amount(4)]).seen().of_generation(2);
    assert_eq!(note(&store, &keys[0], used).await, Noted::Done);
    keys.push(login(&store, &alice, 2).await);
    let _ = end(&store, &keys[3], RevokeReason::Reuse, 3).await;
    let mut before = Vec::new();
    for key in &keys {
        before.push(load(&store, key).await);
    }
    let store = reopen(&place, store).await;
    for (key, before) in keys.iter().zip(&before) {
        let after = load(&store, key).await;
        assert!(*after.record == *before.record && after.subject == before.subject);
    }
    if !skips_lists(&store) {
        assert_eq!(sessions_of(&store, &alice).await, [keys[0].id]);
    }
    assert!(matches!(before[2].record.state(), State::Requested(_)));
}

pub async fn what_was_revoked_stays_revoked(place: Place) {
    let store = place.open().await;
    let (alice, bob) = (subject("alice"), subject("bob"));
    let ended = login(&store, &alice, 0).await;
    let (kept, dead) = (login(&store, &bob, 0).await, login(&store, &bob, 0).await);
    let _ = end(&store, &ended, RevokeReason::Logout, 1).await;
    let old = epoch(&store, &bob).await;
    let mut change =
        SubjectChange::bump(Bump::all_but(kept.id, RevokeReason::CredentialChange), at(1));
    change.floors = vec![FactorKind::Password];
    let SubjectChanged::Done(stamp) = store.change_subject(&of(&bob), change).await.unwrap() else {
        panic!("the session to keep was live")
    };
    let store = reopen(&place, store).await;
    assert_eq!(life_of(&store, &ended, 2).await, Life::Revoked(RevokeReason::Logout));
    assert_eq!(life_of(&store, &dead, 2).await, Life::Revoked(RevokeReason::CredentialChange));
    assert!(is_live(&store, &kept, 2).await);
    assert_eq!(store.stamp(&of(&bob), at(2)).await.unwrap(), stamp, "floors too");
    let late = fixtures::session().at(at(2)).subject(bob, old).build();
    assert!(matches!(insert(&store, late).await, Inserted::EpochMoved));
    let again = fixtures::session().id(ended.id).build();
    assert!(matches!(insert(&store, again).await, Inserted::DuplicateId));
}

pub async fn an_epoch_goes_on_where_it_was(place: Place) {
    let mut store = place.open().await;
    let alice = subject("alice");
    let mut last = store.stamp(&of(&alice), at(1000)).await.unwrap().epoch;
    for now in [1000, 5, 0] {
        store = reopen(&place, store).await;
        let SubjectChanged::Done(stamp) =
            bump(&store, &alice, Bump::all(RevokeReason::Admin), now).await
        else {
            panic!("nothing was to be kept")
        };
        assert!(stamp.epoch > last);
        last = stamp.epoch;
    }
}

pub async fn slots_and_caps_hold_over_a_restart(place: Place) {
    let store = place.open().await;
    let alice = subject("alice");
    let holder = create(&store, fixtures::session().device(device("d")).build()).await;
    let old = login(&store, &alice, 0).await;
    let store = reopen(&place, store).await;
    match insert(&store, fixtures::session().device(device("d")).build()).await {
        Inserted::DeviceTaken(found) => assert_eq!(found.record.id(), holder.id),
        other => panic!("{other:?}"),
    }
    let known = epoch(&store, &alice).await;
    let record = || fixtures::session().at(at(1)).subject(alice.clone(), known).build();
    let refused = insert_with(&store, record(), |new| new.admit = cap(1, OnFull::Refuse)).await;
    assert!(matches!(refused, Inserted::CapReached));
    let evicted =
        created(insert_with(&store, record(), |new| new.admit = cap(1, OnFull::EvictOldest)).await);
    assert_eq!(evicted.iter().map(|record| record.id()).collect::<Vec<_>>(), [old.id]);
}

pub async fn the_log_is_read_on_after_a_restart(place: Place) {
    let store = place.open().await;
    if skips_log(&store) {
        return;
    }
    let (first, second) =
        (login(&store, &subject("alice"), 0).await, login(&store, &subject("bob"), 0).await);
    let _ = end(&store, &first, RevokeReason::Logout, 1).await;
    let (_, cursor) = log_after(&store, Cursor::start()).await;
    let _ = end(&store, &second, RevokeReason::Logout, 2).await;
    let store = reopen(&place, store).await;
    let (entries, _) = log_after(&store, Cursor::from_bytes(cursor.as_bytes())).await;
    assert!(names(&entries, &second), "what came after the cursor");
    let (entries, _) = log_after(&store, Cursor::start()).await;
    assert!(names(&entries, &first) && names(&entries, &second), "and everything from the start");
}

pub async fn what_ended_while_the_place_was_closed_is_swept(place: Place) {
    let store = place.open().await;
    let alice = subject("alice");
    let known = epoch(&store, &alice).await;
    let brief =
        fixtures::session().subject(alice.clone(), known).lifetime(Some(Duration::from_secs(60)));
    let brief = create(&store, brief.build()).await;
    let lasting = create(&store, fixtures::session().lifetime(None).idle(None).build()).await;
    let store = reopen(&place, store).await;
    let swept = store.sweep(at(30 * DAY), 10).await.unwrap();
    assert_eq!(swept.removed.iter().map(|gone| gone.record.id()).collect::<Vec<_>>(), [brief.id]);
    let store = reopen(&place, store).await;
    assert!(store.load(&brief).await.unwrap().is_none(), "and it does not come back");
    assert!(is_live(&store, &lasting, 30 * DAY).await);
}

pub async fn what_was_refused_is_not_there_after_a_restart_either(place: Place) {
    let store = place.open().await;
    let alice = subject("alice");
    let key = login(&store, &alice, 0).await;
    let known = epoch(&store, &alice).await;
    let refused = fixtures::session().subject(alice, known).build();
    let refused_key = refused.key();
    assert!(matches!(
        insert_with(&store, refused, |new| new.admit = cap(1, OnFull::Refuse)).await,
        Inserted::CapReached
    ));
    let on = load(&store, &key).await;
    done(commit(&store, &on, refreshed(&on, 1), 1).await);
    assert!(matches!(commit(&store, &on, refreshed(&on, 2), 2).await, Committed::Conflict(_)));
    let store = reopen(&place, store).await;
    assert!(store.load(&refused_key).await.unwrap().is_none());
    let record = load(&store, &key).await.record;
    assert_eq!((record.version(), record.session().unwrap().rotated_at()), (2, at(1)));
}
