//! What goes in comes out.

use serde_json::json;

use super::tools::*;
use crate::{
    actor::{Actor, ActorChain},
    client::ClientInfo,
    id::CreatorId,
    metadata::{HostClaims, Metadata},
};

pub async fn an_inserted_record_is_loaded_as_it_was(store: Store) {
    let record = fixtures::session().build();
    let key = create(&store, record.clone()).await;
    let found = load(&store, &key).await;
    assert!(*found.record == record && found.subject.is_none());
}

pub async fn a_record_is_loaded_with_the_stamp_of_its_subject(store: Store) {
    let alice = subject("alice");
    let key = login(&store, &alice, 0).await;
    let stamp = store.stamp(&of(&alice), at(5)).await.unwrap();
    assert_eq!(load(&store, &key).await.subject, Some(stamp));
}

pub async fn an_unknown_id_is_not_there_and_asking_does_not_make_it(store: Store) {
    let key = fixtures::session().build().key();
    for _ in 0..2 {
        assert!(store.load(&key).await.unwrap().is_none());
    }
}

pub async fn a_second_record_of_one_id_is_refused_and_changes_nothing(store: Store) {
    let first = fixtures::session().build();
    let key = create(&store, first.clone()).await;
    let second = fixtures::session().id(first.id()).at(at(9)).lifetime(None).build();
    assert!(matches!(insert(&store, second).await, Inserted::DuplicateId));
    assert!(*load(&store, &key).await.record == first);
}

pub async fn an_id_with_a_tombstone_is_not_given_again(store: Store) {
    let key = create(&store, fixtures::session().build()).await;
    let _ = end(&store, &key, RevokeReason::Logout, 1).await;
    let again = fixtures::session().id(key.id).build();
    assert!(matches!(insert(&store, again).await, Inserted::DuplicateId));
    assert!(load(&store, &key).await.record.tombstone().is_some());
}

pub async fn a_record_with_every_part_comes_back_whole(store: Store) {
    let alice = subject("alice");
    let known = epoch(&store, &alice).await;
    let support = Actor::new(subject("support")).with_session(fixtures::session().build().id());
    let actors = ActorChain::of([support, Actor::new(subject("root"))], "T-1");
    let client = ClientInfo::new()
        .with_user_agent("agent")
        .with_ip("2001:db8::1".parse().unwrap())
        .with_fingerprint("print")
        .with_description("Anna's laptop")
        .with_header("accept", ["a", "b"]);
    let claims = HostClaims::of([("role", json!("admin")), ("n", json!([1, 2]))]).unwrap();
    let record = fixtures::session()
        .subject(alice.clone(), known)
        .factors(&[FactorKind::Subject, FactorKind::Password])
        .client(client)
        .device(device("d1"))
        .creator(CreatorId::new("service").unwrap())
        .actors(actors.unwrap())
        .metadata(Metadata::of([("bytes", [0, 255, 128])]).unwrap())
        .claims(claims)
        .resource_owner("org")
        .build();
    let key = create(&store, record.clone()).await;
    assert!(*load(&store, &key).await.record == record);
}

pub async fn a_session_without_any_end_comes_back_without_one(store: Store) {
    let key = create(&store, fixtures::session().lifetime(None).idle(None).build()).await;
    assert_eq!(load(&store, &key).await.record.effective_end(), None);
    assert!(is_live(&store, &key, 100 * 365 * DAY).await);
}
