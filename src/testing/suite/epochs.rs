//! One number a subject: whoever raises it ends every session that was bound before.

use super::tools::*;

async fn stamp(store: &Store, name: &SubjectId, now: u64) -> SubjectStamp {
    store.stamp(&of(name), at(now)).await.unwrap()
}

#[track_caller]
fn changed(outcome: SubjectChanged) -> SubjectStamp {
    match outcome {
        SubjectChanged::Done(stamp) => stamp,
        SubjectChanged::KeepNotLive => panic!("the session to keep was live"),
    }
}

pub async fn a_subject_is_known_from_the_first_look_on(store: Store) {
    let alice = subject("alice");
    let first = stamp(&store, &alice, 7).await;
    assert_eq!(first, SubjectStamp::first(at(7)));
    assert_eq!(stamp(&store, &alice, 99).await, first);
}

pub async fn a_record_of_a_subject_nobody_knows_is_refused(store: Store) {
    let record = fixtures::session().subject(subject("nobody"), Epoch::first(at(0))).build();
    let key = record.key();
    assert!(matches!(insert(&store, record).await, Inserted::EpochMoved));
    assert!(store.load(&key).await.unwrap().is_none());
}

pub async fn a_record_of_a_subject_that_was_unknown_begins_it_until_something_is_revoked(
    store: Store,
) {
    let alice = subject("alice");
    let login = |born| fixtures::session().at(at(born)).subject(alice.clone(), Epoch::first(at(0)));
    let unknown = |new: &mut NewRecord| new.binding = Binding::Unknown;
    let first = login(7).build();
    created(insert_with(&store, first.clone(), unknown).await);
    assert_eq!(stamp(&store, &alice, 8).await, SubjectStamp::first(at(7)));
    let second = login(8).build();
    created(insert_with(&store, second.clone(), unknown).await);
    for key in [first.key(), second.key()] {
        assert!(is_live(&store, &key, 9).await);
    }
    let _ = bump(&store, &alice, Bump::all(RevokeReason::Admin), 9).await;
    let late = login(9).build();
    let key = late.key();
    assert!(matches!(insert_with(&store, late, unknown).await, Inserted::EpochMoved));
    assert!(store.load(&key).await.unwrap().is_none());
}

pub async fn a_record_under_an_epoch_that_moved_is_refused(store: Store) {
    let alice = subject("alice");
    let known = epoch(&store, &alice).await;
    let _ = bump(&store, &alice, Bump::all(RevokeReason::Admin), 1).await;
    let record = fixtures::session().at(at(2)).subject(alice.clone(), known).build();
    let key = record.key();
    assert!(matches!(insert(&store, record).await, Inserted::EpochMoved));
    assert!(store.load(&key).await.unwrap().is_none());
}

pub async fn a_bump_ends_every_session_of_its_subject_and_no_other(store: Store) {
    let (alice, bob) = (subject("alice"), subject("bob"));
    let own = [login(&store, &alice, 0).await, login(&store, &alice, 1).await];
    let late = create(&store, fixtures::session().build()).await;
    done(bind(&store, &late, &alice, None, 2).await);
    let other = login(&store, &bob, 0).await;
    changed(bump(&store, &alice, Bump::all(RevokeReason::CredentialChange), 3).await);
    for key in own.iter().chain([&late]) {
        assert_eq!(life_of(&store, key, 3).await, Life::Revoked(RevokeReason::CredentialChange));
    }
    assert!(is_live(&store, &other, 3).await);
    let fresh = login(&store, &alice, 4).await;
    assert!(is_live(&store, &fresh, 4).await, "and the next login is welcome");
}

pub async fn a_bump_spares_the_session_it_keeps(store: Store) {
    let alice = subject("alice");
    let (kept, other) = (login(&store, &alice, 0).await, login(&store, &alice, 1).await);
    let stamp = changed(bump(&store, &alice, Bump::all_but(kept.id, RevokeReason::Admin), 2).await);
    assert_eq!(stamp.kept, Some(kept.id));
    assert!(is_live(&store, &kept, 2).await && !is_live(&store, &other, 2).await);
    changed(bump(&store, &alice, Bump::all_but(kept.id, RevokeReason::Admin), 3).await);
    assert!(is_live(&store, &kept, 3).await, "a second time too");
    changed(bump(&store, &alice, Bump::all(RevokeReason::Admin), 4).await);
    assert!(!is_live(&store, &kept, 4).await, "but not for ever");
}

pub async fn a_bump_can_keep_a_session_that_was_bound_late(store: Store) {
    let alice = subject("alice");
    let other = login(&store, &alice, 0).await;
    let kept = create(&store, fixtures::session().build()).await;
    done(bind(&store, &kept, &alice, None, 1).await);
    changed(bump(&store, &alice, Bump::all_but(kept.id, RevokeReason::Admin), 2).await);
    assert!(is_live(&store, &kept, 2).await && !is_live(&store, &other, 2).await);
}

pub async fn a_bump_that_would_keep_what_is_not_live_changes_nothing(store: Store) {
    let (alice, bob) = (subject("alice"), subject("bob"));
    let live = login(&store, &alice, 0).await;
    let ended = login(&store, &alice, 0).await;
    let _ = end(&store, &ended, RevokeReason::Logout, 1).await;
    let foreign = login(&store, &bob, 0).await;
    let nameless = create(&store, fixtures::session().build()).await;
    let missing = fixtures::session().build().key();
    let before = stamp(&store, &alice, 1).await;
    for keep in [&ended, &foreign, &nameless, &missing] {
        let bumped = bump(&store, &alice, Bump::all_but(keep.id, RevokeReason::Admin), 2).await;
        assert_eq!(bumped, SubjectChanged::KeepNotLive);
    }
    let expired = 14 * DAY;
    let late = bump(&store, &alice, Bump::all_but(live.id, RevokeReason::Admin), expired).await;
    assert_eq!(late, SubjectChanged::KeepNotLive);
    assert_eq!(stamp(&store, &alice, 2).await, before);
    assert!(is_live(&store, &live, 2).await);
}

pub async fn what_one_bump_ended_no_other_revives(store: Store) {
    let alice = subject("alice");
    let (one, two) = (login(&store, &alice, 0).await, login(&store, &alice, 0).await);
    changed(bump(&store, &alice, Bump::all_but(one.id, RevokeReason::Admin), 1).await);
    let second = bump(&store, &alice, Bump::all_but(two.id, RevokeReason::Admin), 2).await;
    assert_eq!(second, SubjectChanged::KeepNotLive);
    assert!(is_live(&store, &one, 2).await && !is_live(&store, &two, 2).await);
}

pub async fn an_epoch_only_grows_even_when_the_clock_goes_back(store: Store) {
    let alice = subject("alice");
    let mut last = stamp(&store, &alice, 1000).await.epoch;
    for now in [1000, 1000, 5, 0, 2000, 1999] {
        let next = changed(bump(&store, &alice, Bump::all(RevokeReason::Admin), now).await).epoch;
        assert!(next > last, "{next:?} after {last:?}");
        last = next;
    }
}

pub async fn a_bump_of_a_subject_nobody_knows_is_above_every_epoch_of_its_time(store: Store) {
    let alice = subject("alice");
    let stamp = changed(bump(&store, &alice, Bump::all(RevokeReason::SubjectDisabled), 5).await);
    assert!(stamp.epoch > Epoch::first(at(5)));
    let record = fixtures::session().at(at(5)).subject(alice, Epoch::first(at(5))).build();
    assert!(matches!(insert(&store, record).await, Inserted::EpochMoved));
}

pub async fn floors_only_rise(store: Store) {
    let alice = subject("alice");
    let password = fixtures::factor(FactorKind::Password, at(10));
    let totp = fixtures::factor(FactorKind::Totp, at(10));
    let change = |now| SubjectChange::floors(vec![FactorKind::Password], at(now));
    let low = changed(store.change_subject(&of(&alice), change(9)).await.unwrap());
    assert!(low.counts(&password));
    for now in [10, 3] {
        let stamp = changed(store.change_subject(&of(&alice), change(now)).await.unwrap());
        assert!(!stamp.counts(&password) && stamp.counts(&totp), "{now}");
    }
    assert!(!stamp(&store, &alice, 11).await.counts(&password));
}

pub async fn a_floor_ends_no_session(store: Store) {
    let alice = subject("alice");
    let key = login(&store, &alice, 0).await;
    let before = stamp(&store, &alice, 1).await.epoch;
    let change = SubjectChange::floors(vec![FactorKind::Password], at(1));
    assert_eq!(changed(store.change_subject(&of(&alice), change).await.unwrap()).epoch, before);
    assert!(is_live(&store, &key, 1).await);
    let on = load(&store, &key).await;
    done(commit(&store, &on, refreshed(&on, 2), 2).await);
}

pub async fn a_bump_and_floors_are_one_act(store: Store) {
    let alice = subject("alice");
    let key = login(&store, &alice, 0).await;
    let missing = fixtures::session().build().id();
    let mut change =
        SubjectChange::bump(Bump::all_but(missing, RevokeReason::CredentialChange), at(5));
    change.floors = vec![FactorKind::Password, FactorKind::Totp];
    let refused = store.change_subject(&of(&alice), change.clone()).await.unwrap();
    assert_eq!(refused, SubjectChanged::KeepNotLive);
    let password = fixtures::factor(FactorKind::Password, at(4));
    assert!(stamp(&store, &alice, 5).await.counts(&password), "not the half of it");
    change.bump = Some(Bump::all(RevokeReason::CredentialChange));
    let done = changed(store.change_subject(&of(&alice), change).await.unwrap());
    assert!(!done.counts(&password) && !is_live(&store, &key, 5).await);
    assert_eq!(load(&store, &key).await.subject, Some(done));
}

pub async fn a_bump_keeps_the_floors(store: Store) {
    let alice = subject("alice");
    let floor = SubjectChange::floors(vec![FactorKind::Password], at(5));
    changed(store.change_subject(&of(&alice), floor).await.unwrap());
    let after = changed(bump(&store, &alice, Bump::all(RevokeReason::Admin), 6).await);
    assert!(!after.counts(&fixtures::factor(FactorKind::Password, at(5))));
}
