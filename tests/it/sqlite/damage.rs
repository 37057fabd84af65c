//! Rows that were damaged, edited, or written by a later release.

use session_issuer::{
    error::RevokeReason,
    id::{DeviceId, TenantId},
    session::{Life, Mark},
    store::{
        Cursor, Ended, Inserted, NewRecord, Query, RevocationEntry, Select, SessionStore, StoreErrorKind,
    },
    testing::{block_on, fixtures},
};

use super::{DAY, House, NOW, at, end, entries, insert, kind, life_of, load, login, subject_key};

#[test]
fn a_row_that_cannot_be_read_is_an_error_and_stops_nothing_else() {
    let house = House::new();
    let store = house.open();
    let (good, bad) = (login(&store, "alice"), login(&store, "alice"));
    let operator = house.operator();
    let set_row = |row: &str| {
        let sql = "UPDATE records SET row = ?2 WHERE id = ?1";
        operator.execute(sql, [&bad.id.to_string(), row]).unwrap();
    };
    let row = load(&store, &bad).record.encode().unwrap();
    set_row(&row.replace("\"version\":1,", ""));
    assert_eq!(kind(block_on(store.load(&bad))), Some(StoreErrorKind::Damaged));
    let again = NewRecord::new(fixtures::session().id(bad.id).build(), NOW);
    assert!(matches!(block_on(store.insert(again)).unwrap(), Inserted::DuplicateId));
    assert_eq!(kind(block_on(store.mark(&bad, Mark::default(), at(1)))), Some(StoreErrorKind::Damaged));
    for select in [Select::Tenant, Select::Subject(subject_key("alice").subject)] {
        let page = block_on(store.list(&Query::new(TenantId::default(), select))).unwrap();
        assert_eq!(page.items.iter().map(|item| item.record.id()).collect::<Vec<_>>(), [good.id]);
        assert_eq!(page.damaged, [bad.id]);
    }
    set_row(&row.replacen("{\"v\":1,", "{\"v\":9,", 1));
    assert_eq!(kind(block_on(store.load(&bad))), Some(StoreErrorKind::UnknownVersion));
    login(&store, "alice");

    let late = NOW.saturating_add(100 * DAY);
    let swept = block_on(store.sweep(late, 100)).unwrap();
    assert_eq!(swept.damaged, std::slice::from_ref(&bad));
    assert_eq!((swept.removed.len(), swept.more), (2, false), "it went past it");
    let swept = block_on(store.sweep(late, 100)).unwrap();
    assert!(swept.damaged.is_empty(), "reported once a day");
    let swept = block_on(store.sweep(late.saturating_add(DAY), 100)).unwrap();
    assert_eq!(swept.damaged, [bad]);
}

#[test]
fn what_cannot_be_read_can_be_ended_and_stays_so_when_it_is_mended() {
    let house = House::new();
    let store = house.open();
    let key = login(&store, "alice");
    let operator = house.operator();
    let set_row = |row: &str| {
        let sql = "UPDATE records SET row = ?2 WHERE id = ?1";
        operator.execute(sql, [&key.id.to_string(), row]).unwrap();
    };
    let row = load(&store, &key).record.encode().unwrap();
    set_row("");
    assert_eq!(kind(end(&store, &key)), Some(StoreErrorKind::Damaged), "nobody can say what it was");
    assert!(matches!(end(&store, &key).unwrap(), Ended::AlreadyEnded));
    let logged = entries(&store, &Cursor::start()).0;
    assert!(matches!(&logged[..], [RevocationEntry::Session { key: logged, .. }] if *logged == key));
    set_row(&row);
    assert_eq!(life_of(&store, &key), Life::Revoked(RevokeReason::Logout));
    let list = block_on(store.list(&Query::new(TenantId::default(), Select::Tenant))).unwrap();
    assert!(list.items.is_empty() && list.damaged.is_empty());
}

#[test]
fn a_row_under_another_name_is_not_that_others_session() {
    let house = House::new();
    let store = house.open();
    let (alice, bob) = (login(&store, "alice"), login(&store, "bob"));
    let operator = house.operator();
    let row = load(&store, &bob).record.encode().unwrap();
    operator.execute("UPDATE records SET row = ?2 WHERE id = ?1", [&alice.id.to_string(), &row]).unwrap();
    assert_eq!(kind(block_on(store.load(&alice))), Some(StoreErrorKind::Damaged));
    operator.execute("UPDATE records SET subject = NULL WHERE id = ?1", [bob.id.to_string()]).unwrap();
    assert_eq!(
        kind(block_on(store.load(&bob))),
        Some(StoreErrorKind::Damaged),
        "whose epoch nobody would ask"
    );
    operator.execute("UPDATE records SET subject = 'bob' WHERE id = ?1", [bob.id.to_string()]).unwrap();
    operator.execute("UPDATE subjects SET stamp = '{}' WHERE subject = 'bob'", []).unwrap();
    assert_eq!(kind(block_on(store.load(&bob))), Some(StoreErrorKind::Damaged));
    operator.execute("DELETE FROM subjects WHERE subject = 'bob'", []).unwrap();
    assert_eq!(life_of(&store, &bob), Life::Revoked(RevokeReason::Admin), "a missing epoch is never zero");
}

#[test]
fn a_damaged_holder_of_a_devices_slot_makes_room() {
    let house = House::new();
    let store = house.open();
    let on_device = || fixtures::session().device(DeviceId::new("phone").unwrap()).build();
    let first = insert(&store, on_device());
    house.operator().execute("UPDATE records SET row = '' WHERE id = ?1", [first.id.to_string()]).unwrap();
    let second = insert(&store, on_device());
    assert_eq!(life_of(&store, &second), Life::Live);
}

#[test]
fn a_sweep_tells_the_host_of_rows_that_cannot_be_read() {
    use session_issuer::{Issuer, Policy, entropy::SystemEntropy, token::TokenKeys};
    let house = House::new();
    let store = std::sync::Arc::new(house.open());
    let clock = std::sync::Arc::new(session_issuer::testing::ManualClock::new());
    let issuer = Issuer::builder()
        .store(store.clone())
        .clock(clock.clone())
        .token_keys(TokenKeys::generate(&SystemEntropy).unwrap())
        .policy(Policy::zitadel())
        .build()
        .unwrap();
    let (_, bad) = (login(&*store, "alice"), login(&*store, "bob"));
    house.operator().execute("UPDATE records SET row = '' WHERE id = ?1", [bad.id.to_string()]).unwrap();
    clock.advance(100 * DAY);
    let report = block_on(issuer.sweep(500)).unwrap();
    assert_eq!((report.removed, report.damaged, report.more), (1, 1, false));
}
