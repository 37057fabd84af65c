//! Pages in the order of (created at, id), complete and without duplicates.

use std::time::Duration;

use super::tools::*;
use crate::{
    actor::{Actor, ActorChain},
    client::ClientInfo,
    id::CreatorId,
};

fn all(limit: u32, newest_first: bool) -> Query {
    let mut query = Query::new(TenantId::default(), Select::Tenant);
    query.limit = limit;
    query.newest_first = newest_first;
    query
}

/// So many sessions, three of each second.
async fn some(store: &Store, count: u64) -> Vec<PageKey> {
    let mut places = Vec::new();
    for number in 0..count {
        let record = fixtures::session().at(at(number / 3)).build();
        places.push(PageKey::new(record.created_at(), record.id()));
        create(store, record).await;
    }
    places.sort_unstable();
    places
}

fn ids(places: &[PageKey]) -> Vec<SessionId> {
    places.iter().map(|place| place.id).collect()
}

pub async fn pages_are_complete_from_the_oldest_to_the_newest(store: Store) {
    if skips_lists(&store) {
        return;
    }
    let places = some(&store, 23).await;
    for limit in [1, 2, 7, 22, 23, 24, 1000] {
        assert_eq!(list(&store, all(limit, false)).await, ids(&places), "pages of {limit}");
    }
}

pub async fn pages_are_complete_from_the_newest_to_the_oldest(store: Store) {
    if skips_lists(&store) {
        return;
    }
    let mut places = some(&store, 23).await;
    places.reverse();
    for limit in [1, 2, 7, 22, 23, 24, 1000] {
        assert_eq!(list(&store, all(limit, true)).await, ids(&places), "pages of {limit}");
    }
}

pub async fn a_full_page_says_whether_another_may_follow(store: Store) {
    if skips_lists(&store) {
        return;
    }
    let places = some(&store, 6).await;
    let page = store.list(&all(3, false)).await.unwrap();
    assert_eq!((page.items.len(), page.next), (3, Some(places[2])));
    assert!(store.list(&all(100, false)).await.unwrap().next.is_none());
}

pub async fn a_page_goes_on_after_a_record_that_is_gone(store: Store) {
    if skips_lists(&store) {
        return;
    }
    let places = some(&store, 6).await;
    let key = SessionKey::new(TenantId::default(), places[2].id);
    let _ = end(&store, &key, RevokeReason::Logout, 9).await;
    let mut query = all(10, false);
    query.after = Some(places[2]);
    assert_eq!(list(&store, query).await, ids(&places[3..]));
}

pub async fn a_range_of_birth_has_its_beginning_and_not_its_end(store: Store) {
    if skips_lists(&store) {
        return;
    }
    let places = some(&store, 12).await;
    for newest_first in [false, true] {
        let mut query = all(2, newest_first);
        query.created_from = Some(at(1));
        query.created_before = Some(at(3));
        let mut found = list(&store, query).await;
        found.sort_unstable();
        let mut expected = ids(&places[3..9]);
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
}

pub async fn ids_select_what_they_name_once(store: Store) {
    if skips_lists(&store) {
        return;
    }
    let places = some(&store, 5).await;
    let unknown = fixtures::session().build().id();
    let wanted = vec![places[3].id, unknown, places[1].id, places[3].id];
    let mut query = Query::new(TenantId::default(), Select::Ids(wanted));
    assert_eq!(list(&store, query.clone()).await, [places[3].id, places[1].id]);
    query.limit = 1;
    query.newest_first = false;
    assert_eq!(list(&store, query).await, [places[1].id, places[3].id]);
}

pub async fn no_ids_select_nothing(store: Store) {
    if skips_lists(&store) {
        return;
    }
    some(&store, 3).await;
    assert!(
        list(&store, Query::new(TenantId::default(), Select::Ids(Vec::new()))).await.is_empty()
    );
}

pub async fn sessions_are_found_by_what_they_carry(store: Store) {
    if skips_lists(&store) {
        return;
    }
    some(&store, 3).await;
    let alice = subject("alice");
    let known = epoch(&store, &alice).await;
    let chain = ActorChain::of(["support", "root"].map(|name| Actor::new(subject(name))), "T-1");
    let record = fixtures::session()
        .subject(alice.clone(), known)
        .device(device("d"))
        .creator(CreatorId::new("service").unwrap())
        .client(ClientInfo::new().with_fingerprint("print"))
        .actors(chain.unwrap())
        .build();
    let key = create(&store, record).await;
    let selects = [
        Select::Subject(alice),
        Select::Device(device("d")),
        Select::Creator(CreatorId::new("service").unwrap()),
        Select::Fingerprint("print".to_owned()),
        Select::Actor(subject("support")),
        Select::Actor(subject("root")),
    ];
    for select in selects {
        assert_eq!(
            list(&store, Query::new(TenantId::default(), select.clone())).await,
            [key.id],
            "{select:?}"
        );
    }
    for select in [
        Select::Actor(subject("alice")),
        Select::Subject(subject("root")),
        Select::Device(device("print")),
    ] {
        assert!(
            list(&store, Query::new(TenantId::default(), select.clone())).await.is_empty(),
            "{select:?}"
        );
    }
}

pub async fn a_device_lists_sessions_that_no_longer_hold_its_slot(store: Store) {
    if skips_lists(&store) {
        return;
    }
    let key = create(&store, fixtures::session().device(device("d")).build()).await;
    done(bind(&store, &key, &subject("alice"), None, 1).await);
    let query = Query::new(TenantId::default(), Select::Device(device("d")));
    assert_eq!(list(&store, query).await, [key.id]);
}

pub async fn what_has_a_tombstone_is_not_listed_and_what_is_dead_otherwise_is(store: Store) {
    if skips_lists(&store) {
        return;
    }
    let alice = subject("alice");
    let ended = login(&store, &alice, 0).await;
    let _ = end(&store, &ended, RevokeReason::Logout, 1).await;
    let known = epoch(&store, &alice).await;
    let short = fixtures::session().at(at(2)).subject(alice.clone(), known);
    let expired = create(&store, short.lifetime(Some(Duration::from_secs(1))).build()).await;
    let dead = login(&store, &alice, 3).await;
    let _ = bump(&store, &alice, Bump::all(RevokeReason::Admin), 4).await;
    for select in [
        Select::Subject(alice.clone()),
        Select::Tenant,
        Select::Ids(vec![ended.id, expired.id, dead.id]),
    ] {
        let query = Query::new(TenantId::default(), select);
        assert_eq!(list(&store, query).await, [dead.id, expired.id]);
    }
}

pub async fn listed_records_come_with_the_stamp_of_their_subject(store: Store) {
    if skips_lists(&store) {
        return;
    }
    let alice = subject("alice");
    login(&store, &alice, 0).await;
    create(&store, fixtures::session().at(at(1)).build()).await;
    let page = store.list(&all(10, false)).await.unwrap();
    let stamp = store.stamp(&of(&alice), at(2)).await.unwrap();
    assert_eq!(
        page.items.iter().map(|item| item.subject.clone()).collect::<Vec<_>>(),
        [Some(stamp), None]
    );
    assert!(page.damaged.is_empty());
}

pub async fn a_subject_with_many_sessions_lists_them_all(store: Store) {
    if skips_lists(&store) {
        return;
    }
    let (alice, bob) = (subject("alice"), subject("bob"));
    let mut ids = Vec::new();
    for born in 0..40 {
        ids.push(login(&store, &alice, born).await.id);
        login(&store, &bob, born).await;
    }
    ids.reverse();
    assert_eq!(sessions_of(&store, &alice).await, ids);
}
