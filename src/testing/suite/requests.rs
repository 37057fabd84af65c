//! A request token is decided once and exchanged once, in one row.

use super::tools::*;
use crate::{id::AppId, session::State};

fn request() -> Record {
    fixtures::request(AppId::new("tv").unwrap()).at(at(0)).build()
}

/// An approved request of this subject.
async fn approved(store: &Store, name: &SubjectId) -> SessionKey {
    let key = create(store, request()).await;
    let known = epoch(store, name).await;
    let on = load(store, &key).await;
    let next = fixtures::approved(&on.record, name.clone(), known, at(1)).unwrap();
    done(commit_under(store, &on, next, Some(known), 1).await);
    key
}

pub async fn a_request_is_opened_approved_and_exchanged_in_one_row(store: Store) {
    let alice = subject("alice");
    let request = fixtures::request(AppId::new("tv").unwrap()).at(at(0)).build();
    let key = create(&store, request).await;
    let known = epoch(&store, &alice).await;
    let on = load(&store, &key).await;
    let next = fixtures::approved(&on.record, alice.clone(), known, at(1)).unwrap();
    done(commit_under(&store, &on, next, Some(known), 1).await);
    let on = load(&store, &key).await;
    assert!(matches!(on.record.state(), State::Approved(..)) && on.subject.is_some());
    let session =
        done(commit(&store, &on, fixtures::exchanged(&on.record, at(2)).unwrap(), 2).await);
    assert_eq!((session.id(), session.version(), session.generation()), (key.id, 3, 3));
    assert!(matches!(load(&store, &key).await.record.state(), State::Active(_)));
}

pub async fn a_denied_request_stays_denied(store: Store) {
    let key = create(&store, fixtures::request(AppId::new("tv").unwrap()).at(at(0)).build()).await;
    let on = load(&store, &key).await;
    done(commit(&store, &on, fixtures::denied(&on.record, at(1)).unwrap(), 1).await);
    assert!(matches!(load(&store, &key).await.record.state(), State::Denied(_)));
}

pub async fn of_two_decisions_the_first_stands(store: Store) {
    let (alice, mallory) = (subject("alice"), subject("mallory"));
    let key = create(&store, request()).await;
    let on = load(&store, &key).await;
    let known = epoch(&store, &alice).await;
    let first = fixtures::approved(&on.record, alice.clone(), known, at(1)).unwrap();
    done(commit_under(&store, &on, first, Some(known), 1).await);
    let other = epoch(&store, &mallory).await;
    let second = fixtures::approved(&on.record, mallory, other, at(2)).unwrap();
    for (next, observed) in
        [(second, Some(other)), (fixtures::denied(&on.record, at(2)).unwrap(), None)]
    {
        let late = commit_under(&store, &on, next, observed, 2).await;
        assert!(matches!(late, Committed::Conflict(_)), "{late:?}");
    }
    let now = load(&store, &key).await.record;
    assert!(matches!(now.state(), State::Approved(_, subject) if *subject == alice));
}

pub async fn a_second_exchange_is_a_conflict_and_ends_nothing(store: Store) {
    let key = approved(&store, &subject("alice")).await;
    let on = load(&store, &key).await;
    done(commit(&store, &on, fixtures::exchanged(&on.record, at(2)).unwrap(), 2).await);
    let again = commit(&store, &on, fixtures::exchanged(&on.record, at(3)).unwrap(), 3).await;
    match again {
        Committed::Conflict(now) => assert!(now.record.session().is_some()),
        other => panic!("{other:?}"),
    }
    assert!(is_live(&store, &key, 3).await);
}

pub async fn an_approval_needs_the_epoch_to_stand(store: Store) {
    let alice = subject("alice");
    let key = create(&store, request()).await;
    let known = epoch(&store, &alice).await;
    let on = load(&store, &key).await;
    let _ = bump(&store, &alice, Bump::all(RevokeReason::Admin), 1).await;
    let next = fixtures::approved(&on.record, alice, known, at(2)).unwrap();
    assert!(matches!(commit_under(&store, &on, next, Some(known), 2).await, Committed::EpochMoved));
    assert!(matches!(load(&store, &key).await.record.state(), State::Requested(_)));
}

pub async fn an_approved_request_dies_with_its_subjects_epoch(store: Store) {
    let alice = subject("alice");
    let key = approved(&store, &alice).await;
    let on = load(&store, &key).await;
    let _ = bump(&store, &alice, Bump::all(RevokeReason::CredentialChange), 2).await;
    assert_eq!(life_of(&store, &key, 2).await, Life::Revoked(RevokeReason::CredentialChange));
    let next = fixtures::exchanged(&on.record, at(3)).unwrap();
    assert!(matches!(commit(&store, &on, next, 3).await, Committed::EpochMoved));
    assert!(load(&store, &key).await.record.session().is_none());
}

pub async fn a_request_that_was_ended_becomes_no_session(store: Store) {
    let key = approved(&store, &subject("alice")).await;
    let on = load(&store, &key).await;
    let _ = end(&store, &key, RevokeReason::Admin, 2).await;
    let next = fixtures::exchanged(&on.record, at(3)).unwrap();
    assert!(matches!(commit(&store, &on, next, 3).await, Committed::Conflict(_)));
    assert!(load(&store, &key).await.record.tombstone().is_some());
}

pub async fn a_request_ends_by_itself_and_is_swept(store: Store) {
    let open = create(&store, request()).await;
    let approved = approved(&store, &subject("alice")).await;
    for key in [&open, &approved] {
        assert!(is_live(&store, key, 599).await);
        assert_eq!(life_of(&store, key, 601).await, Life::Expired);
    }
    sweep_all(&store, 10 * DAY, 10).await;
    for key in [&open, &approved] {
        assert!(store.load(key).await.unwrap().is_none());
    }
}

pub async fn an_approved_request_is_listed_under_its_subject(store: Store) {
    if skips_lists(&store) {
        return;
    }
    let alice = subject("alice");
    let key = approved(&store, &alice).await;
    assert_eq!(sessions_of(&store, &alice).await, [key.id], "never live and unlisted");
    let on = load(&store, &key).await;
    done(commit(&store, &on, fixtures::exchanged(&on.record, at(2)).unwrap(), 2).await);
    assert_eq!(sessions_of(&store, &alice).await, [key.id], "and once, as a session");
}
