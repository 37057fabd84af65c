//! Rows that were damaged, edited, or written by a later release.

use session_issuer::{
    id::{DeviceId, SessionKey, TenantId},
    session::{Life, RevokeReason, SubjectStamp, Use},
    store::{
        Cursor, Ended, Inserted, NewRecord, Noted, Query, RevocationEntry, Select, SessionStore,
        StoreErrorKind,
    },
    testing::{block_on, fixtures},
};

use super::{
    DAY, House, NOW, at, end, entries, insert, kind, life_of, load, login, nowhere, subject_key,
};

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
    let before = load(&store, &bad);
    let row = before.record.encode().unwrap();
    set_row(&row.replace("\"generation\":1,", ""));
    assert_eq!(kind(block_on(store.load(&bad))), Some(StoreErrorKind::Damaged));
    let again = NewRecord::new(fixtures::session().id(bad.id).build(), NOW);
    assert!(matches!(block_on(store.insert(again)).unwrap(), Inserted::DuplicateId));
    assert_eq!(
        kind(block_on(store.note_use(&before, Use::new(at(1))))),
        Some(StoreErrorKind::Damaged)
    );
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
    let key = insert(&store, fixtures::session().lifetime(None).idle(None).build());
    let operator = house.operator();
    let set_row = |row: &str| {
        let sql = "UPDATE records SET row = ?2 WHERE id = ?1";
        operator.execute(sql, [&key.id.to_string(), row]).unwrap();
    };
    let row = load(&store, &key).record.encode().unwrap();
    set_row("");
    assert_eq!(
        kind(end(&store, &key)),
        Some(StoreErrorKind::Damaged),
        "nobody can say what it was"
    );
    assert!(matches!(end(&store, &key).unwrap(), Ended::AlreadyEnded));
    let logged = entries(&store, &Cursor::start()).0;
    assert!(
        matches!(&logged[..], [RevocationEntry::Session { key: logged, .. }] if *logged == key)
    );
    set_row(&row);
    assert_eq!(life_of(&store, &key), Life::Revoked(RevokeReason::Logout));
    let list = block_on(store.list(&Query::new(TenantId::default(), Select::Tenant))).unwrap();
    assert!(list.items.is_empty() && list.damaged.is_empty());
    let swept = block_on(store.sweep(NOW.saturating_add(100 * DAY), 10)).unwrap();
    assert_eq!(swept.removed.len(), 1, "it had no end of its own");
}

#[test]
fn a_trigger_that_was_put_into_the_file_runs_nowhere() {
    let house = House::new();
    drop(house.open());
    let trigger = "CREATE TRIGGER quiet AFTER INSERT ON log BEGIN DELETE FROM log; END; \
        CREATE TRIGGER lasting BEFORE UPDATE ON records BEGIN SELECT raise(IGNORE); END;";
    house.operator().execute_batch(trigger).unwrap();
    let store = house.open();
    let key = login(&store, "alice");
    let _ = end(&store, &key).unwrap();
    assert_eq!(life_of(&store, &key), Life::Revoked(RevokeReason::Logout));
    assert_eq!(entries(&store, &Cursor::start()).0.len(), 1);
}

#[test]
fn an_end_stands_in_its_columns_and_rewrites_no_text() {
    let house = House::new();
    let store = house.open();
    let key = login(&store, "alice");
    let text = || {
        let sql = "SELECT row FROM records";
        house.operator().query_row(sql, [], |row| row.get::<_, String>(0)).unwrap()
    };
    let before = text();
    let seen = load(&store, &key);
    let used = Use::new(at(3)).seen().of_generation(1);
    assert_eq!(block_on(store.note_use(&seen, used)).unwrap(), Noted::Done);
    let _ = end(&store, &key).unwrap();
    assert_eq!(text(), before);
    assert_eq!(load(&store, &key).record.session().unwrap().last_seen_at(), at(3));
    assert_eq!(life_of(&store, &key), Life::Revoked(RevokeReason::Logout));
    // Whoever writes to the file has its sessions in hand, for good and for bad.
    house
        .operator()
        .execute("UPDATE records SET ended_at = NULL, ended_reason = NULL", [])
        .unwrap();
    assert_eq!(life_of(&store, &key), Life::Live);
}

#[test]
fn a_row_under_another_name_is_not_that_others_session() {
    let house = House::new();
    let store = house.open();
    let (alice, bob) = (login(&store, "alice"), login(&store, "bob"));
    let operator = house.operator();
    let row = load(&store, &bob).record.encode().unwrap();
    operator
        .execute("UPDATE records SET row = ?2 WHERE id = ?1", [&alice.id.to_string(), &row])
        .unwrap();
    assert_eq!(kind(block_on(store.load(&alice))), Some(StoreErrorKind::Damaged));
    operator
        .execute("UPDATE records SET tenant = 'other' WHERE id = ?1", [bob.id.to_string()])
        .unwrap();
    let moved = SessionKey::new(TenantId::new("other").unwrap(), bob.id);
    assert_eq!(kind(block_on(store.load(&moved))), Some(StoreErrorKind::Damaged));
    operator
        .execute("UPDATE records SET tenant = 'default' WHERE id = ?1", [bob.id.to_string()])
        .unwrap();
    assert_eq!(life_of(&store, &bob), Life::Live);
    let epoch = load(&store, &bob).record.bound().unwrap().1.get();
    let subject = "UPDATE records SET subject = ?2, epoch = ?3 WHERE id = ?1";
    operator.execute(subject, (bob.id.to_string(), None::<&str>, None::<i64>)).unwrap();
    assert_eq!(
        kind(block_on(store.load(&bob))),
        Some(StoreErrorKind::Damaged),
        "whose epoch nobody would ask"
    );
    operator.execute(subject, (bob.id.to_string(), Some("bob"), Some(epoch))).unwrap();
    let other = SubjectStamp::first(at(9)).encode().unwrap();
    for stamp in ["{}", &other] {
        operator.execute("UPDATE subjects SET stamp = ?1 WHERE subject = 'bob'", [stamp]).unwrap();
        assert_eq!(kind(block_on(store.load(&bob))), Some(StoreErrorKind::Damaged), "{stamp}");
    }
    operator.execute("DELETE FROM subjects WHERE subject = 'bob'", []).unwrap();
    assert_eq!(
        life_of(&store, &bob),
        Life::Revoked(RevokeReason::Admin),
        "a missing epoch is never zero"
    );
}

#[test]
fn a_damaged_holder_of_a_devices_slot_makes_room() {
    let house = House::new();
    let store = house.open();
    let on_device = || fixtures::session().device(DeviceId::new("phone").unwrap()).build();
    let first = insert(&store, on_device());
    house
        .operator()
        .execute("UPDATE records SET row = '' WHERE id = ?1", [first.id.to_string()])
        .unwrap();
    let second = insert(&store, on_device());
    assert_eq!(life_of(&store, &second), Life::Live);
}

#[test]
fn a_sweep_reports_the_rows_that_cannot_be_read() {
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
    house
        .operator()
        .execute("UPDATE records SET row = '' WHERE id = ?1", [bad.id.to_string()])
        .unwrap();
    clock.advance(100 * DAY);
    let report = block_on(issuer.sweep(500)).unwrap();
    assert_eq!((report.removed, report.damaged, report.more), (1, 1, false));
}

#[test]
fn whatever_is_edited_in_a_column_hides_nobody_else_and_stops_no_sweep() {
    const COLUMNS: &[&str] = &[
        "records.tenant",
        "records.id",
        "records.row",
        "records.ended_at",
        "records.ended_reason",
        "records.ended_by",
        "records.subject",
        "records.device",
        "records.device_slot",
        "records.creator",
        "records.fingerprint",
        "records.created_at",
        "records.sweep_at",
        "subjects.tenant",
        "subjects.subject",
        "subjects.epoch",
        "subjects.stamp",
        "subjects.sweep_at",
        "log.tenant",
        "log.session",
        "log.subject",
        "log.until",
        "store.id",
    ];
    const EDITS: &[&str] = &[
        "NULL",
        "''",
        "'x'",
        "CAST(x'ff00fe' AS TEXT)",
        "0",
        "-9223372036854775808",
        "9223372036854775807",
    ];
    for column in COLUMNS {
        let (table, name) = column.split_once('.').unwrap();
        let mut edited = 0;
        for edit in EDITS {
            let house = House::new();
            let store = house.open();
            let device = fixtures::session().device(DeviceId::new("phone").unwrap());
            let bad = [login(&store, "alice"), insert(&store, device.build())];
            let _ = end(&store, &login(&store, "alice")).unwrap();
            // What the tables themselves refuse is no edit.
            let sql = format!(
                "UPDATE {table} SET {name} = {edit} WHERE {name} IS (SELECT max({name}) FROM {table})"
            );
            let Ok(rows) = house.operator().execute(&sql, []) else { continue };
            edited += rows;
            let good = login(&store, "bob");
            for bad in &bad {
                let _ = block_on(store.load(bad));
                let _ = block_on(store.note_use(&nowhere(bad), Use::new(at(1))));
                let _ = end(&store, bad);
            }
            assert_eq!(life_of(&store, &good), Life::Live, "{column} = {edit}");
            let page =
                block_on(store.list(&Query::new(TenantId::default(), Select::Tenant))).unwrap();
            assert!(page.items.iter().any(|item| item.record.id() == good.id), "{column} = {edit}");
            let _ = block_on(store.revoked_since(&Cursor::start(), 10));
            let swept = block_on(store.sweep(NOW.saturating_add(100 * DAY), 100)).unwrap();
            assert!(
                swept.removed.iter().any(|gone| gone.record.id() == good.id),
                "{column} = {edit}"
            );
            assert!(block_on(store.load(&good)).unwrap().is_none(), "{column} = {edit}");
        }
        assert!(edited > 0, "{column}");
    }
}

#[test]
fn a_file_without_a_name_for_its_log_is_damaged() {
    let house = House::new();
    let store = house.open();
    house.operator().execute("DELETE FROM store", []).unwrap();
    assert_eq!(
        kind(block_on(store.revoked_since(&Cursor::start(), 10))),
        Some(StoreErrorKind::Damaged)
    );
}

#[test]
fn an_end_by_hand_is_an_end() {
    let house = House::new();
    let store = house.open();
    let device = DeviceId::new("phone").unwrap();
    let endless = || fixtures::session().lifetime(None).idle(None).device(device.clone()).build();
    let key = insert(&store, endless());
    // As the guide says it.
    let guide = include_str!("../../../src/guide/stores.md");
    let (_, rest) = guide.split_once("```sql\nBEGIN").unwrap();
    let (sql, _) = rest.split_once("```").unwrap();
    let sql = format!(
        "BEGIN{}",
        sql.replace("0197a0c5-7d00-7000-8000-000000000000", &key.id.to_string())
    );
    house.operator().execute_batch(&sql).unwrap();
    assert_eq!(life_of(&store, &key), Life::Revoked(RevokeReason::Admin));
    let logged = entries(&store, &Cursor::start()).0;
    assert!(
        matches!(&logged[..], [RevocationEntry::Session { key: logged, .. }] if *logged == key)
    );
    assert_eq!(block_on(store.note_use(&nowhere(&key), Use::new(at(1)))).unwrap(), Noted::NotLive);
    let again = insert(&store, endless());
    assert_eq!(life_of(&store, &again), Life::Live, "the slot of its device is free");
    let years = load(&store, &key).record.tombstone().unwrap().at.saturating_add(31 * DAY);
    assert_eq!(block_on(store.sweep(years, 10)).unwrap().removed.len(), 1);
}
