//! The tenant is part of every key.

use super::tools::*;

async fn login_in(store: &Store, of: &TenantId, name: &SubjectId) -> SessionKey {
    let known = store.stamp(&SubjectKey::new(of.clone(), name.clone()), at(0)).await.unwrap().epoch;
    create(store, fixtures::session().tenant(of.clone()).subject(name.clone(), known).build()).await
}

pub async fn another_tenants_record_is_not_there(store: Store) {
    let key = create(&store, fixtures::session().tenant(tenant("a")).build()).await;
    let on = load(&store, &key).await;
    let other = SessionKey::new(tenant("b"), key.id);
    assert!(store.load(&other).await.unwrap().is_none());
    assert!(matches!(end(&store, &other, RevokeReason::Admin, 1).await, Ended::Gone));
    assert_eq!(note(&store, &other, seen(5)).await, Noted::NotLive);
    let foreign = fixtures::session().tenant(tenant("b")).id(key.id).build();
    let foreign = fixtures::rotated(&foreign, at(1)).unwrap();
    let change = Change::new(nowhere(&other), foreign, at(1));
    assert!(matches!(store.commit(change).await.unwrap(), Committed::Gone));
    assert!(*load(&store, &key).await.record == *on.record);
}

pub async fn one_id_in_two_tenants_is_two_records(store: Store) {
    let first = fixtures::session().tenant(tenant("a")).build();
    let second = fixtures::session().tenant(tenant("b")).id(first.id()).build();
    let keys = [create(&store, first).await, create(&store, second).await];
    let _ = end(&store, &keys[0], RevokeReason::Logout, 1).await;
    assert!(!is_live(&store, &keys[0], 1).await && is_live(&store, &keys[1], 1).await);
}

pub async fn a_bump_does_not_reach_another_tenant(store: Store) {
    let alice = subject("alice");
    let keys = [
        login_in(&store, &tenant("a"), &alice).await,
        login_in(&store, &tenant("b"), &alice).await,
    ];
    let change = SubjectChange::bump(Bump::all(RevokeReason::Admin), at(1));
    let _ = store.change_subject(&SubjectKey::new(tenant("a"), alice), change).await.unwrap();
    assert!(!is_live(&store, &keys[0], 1).await && is_live(&store, &keys[1], 1).await);
}

pub async fn a_session_of_another_tenant_cannot_be_kept(store: Store) {
    let alice = subject("alice");
    let (own, other) = (
        login_in(&store, &tenant("a"), &alice).await,
        login_in(&store, &tenant("b"), &alice).await,
    );
    let change = SubjectChange::bump(Bump::all_but(other.id, RevokeReason::Admin), at(1));
    let changed = store.change_subject(&SubjectKey::new(tenant("a"), alice), change).await.unwrap();
    assert_eq!(changed, SubjectChanged::KeepNotLive);
    assert!(is_live(&store, &own, 1).await);
}

pub async fn pairs_that_read_the_same_joined_stay_apart(store: Store) {
    let pairs = [
        ("a:b", "c"),
        ("a", "b:c"),
        ("a/b", "c"),
        ("a", "b/c"),
        ("ab", "c"),
        ("a", "bc"),
        ("{a}", "b"),
        ("a}", "{b"),
    ];
    let mut keys = Vec::new();
    for (of, name) in pairs {
        keys.push(login_in(&store, &tenant(of), &subject(name)).await);
    }
    let change = SubjectChange::bump(Bump::all(RevokeReason::Admin), at(1));
    let _ =
        store.change_subject(&SubjectKey::new(tenant("a:b"), subject("c")), change).await.unwrap();
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(is_live(&store, key, 1).await, number != 0, "{:?}", pairs[number]);
    }
}

pub async fn devices_of_two_tenants_do_not_meet(store: Store) {
    for (of, name) in [("a", "d"), ("b", "d"), ("a:b", "c"), ("a", "b:c")] {
        create(&store, fixtures::session().tenant(tenant(of)).device(device(name)).build()).await;
    }
}

pub async fn caps_of_two_tenants_do_not_meet(store: Store) {
    let alice = subject("alice");
    for of in ["a", "b"] {
        let key = SubjectKey::new(tenant(of), alice.clone());
        let known = store.stamp(&key, at(0)).await.unwrap().epoch;
        let record = fixtures::session().tenant(tenant(of)).subject(alice.clone(), known).build();
        created(insert_with(&store, record, |new| new.admit = cap(1, OnFull::Refuse)).await);
    }
}

pub async fn a_list_shows_one_tenant(store: Store) {
    if skips_lists(&store) {
        return;
    }
    let alice = subject("alice");
    let own = login_in(&store, &tenant("a"), &alice).await;
    let other = login_in(&store, &tenant("b"), &alice).await;
    for select in [Select::Tenant, Select::Subject(alice), Select::Ids(vec![own.id, other.id])] {
        assert_eq!(list(&store, Query::new(tenant("a"), select)).await, [own.id]);
    }
    assert!(list(&store, Query::new(tenant("c"), Select::Tenant)).await.is_empty());
}
