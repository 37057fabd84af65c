//! Processes on one file, one after the other. Numbers are those of the lifecycle cases.

use session_issuer::{
    Policy, Requirement, Revoke,
    error::ErrorKind,
    policy::Freshness,
    testing::{FaultyStore, Verb},
};

use super::*;
use crate::world::{SECOND, World, id, refused};

// 80
#[test]
fn a_revoked_access_token_stays_revoked_over_a_restart() {
    let (house, clock) = (House::new(), ManualClock::new());
    let start = || {
        let store: Arc<dyn SessionStore> = Arc::new(house.open());
        World::over(Policy::default(), clock.clone(), Arc::new(FaultyStore::new(store)))
    };
    let world = start();
    let [one, other, kept] = ["alice", "bob", "carol"].map(|name| world.login(name));
    block_on(world.issuer.revoke(Revoke::session(one.session_id()))).unwrap();
    block_on(world.issuer.revoke(Revoke::all(id("bob")))).unwrap();
    drop(world);

    let world = start();
    let by_the_log = Requirement::new().freshness(Freshness::AtMost(5 * SECOND));
    for (synced, need) in [(false, Requirement::new()), (false, by_the_log.clone()), (true, by_the_log)] {
        if synced {
            block_on(world.issuer.sync_revocations()).unwrap();
        }
        refused(world.check_for(one.token(), &need), ErrorKind::Revoked);
        refused(world.check_for(other.token(), &need), ErrorKind::Revoked);
        world.store.reset_calls();
        world.check_for(kept.token(), &need).unwrap();
        assert_eq!(world.store.calls().of(Verb::Load) == 0, synced, "the log alone says so");
    }
}

// 39
#[test]
fn a_file_of_the_first_release_is_read_and_written_on() {
    let house = House::new();
    drop(house.open());
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/rows/v1");
    let mut rows = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap().trim_end().to_owned();
        if let Ok(record) = Record::decode(text.as_bytes()) {
            rows.push((record, text));
        }
    }
    let operator = house.operator();
    for ((record, text), at) in rows.iter().zip(0_i64..) {
        // The ids are of one millisecond, and have neither a counter nor chance in them.
        let place = 0x01a3_185c_5c00 * 32_768 + at;
        let subject = record.bound().map(|(subject, _)| subject.as_str());
        let sql = "INSERT OR IGNORE INTO records (number, tenant, id, row, subject, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let (tenant, created_at) = (record.tenant().as_str(), record.created_at().as_millis());
        operator.execute(sql, (place, tenant, record.id().to_string(), text, subject, created_at)).unwrap();
    }
    // Two processes, as when one of them was brought up to date before the other.
    let (old, new) = (house.open(), house.open());
    let mut refreshed = 0;
    for (record, _) in rows {
        let key = record.key();
        let found = load(&old, &key).record;
        if *found != record || found.tombstone().is_some() {
            continue;
        }
        for store in [&new, &old, &new] {
            let on = load(store, &key).record;
            let now = on.created_at().saturating_add(DAY);
            let Some(next) = fixtures::rotated(&on, now) else { break };
            let mut change = Change::new(on.version(), next, now);
            if let Some((subject, _)) = on.bound() {
                let subject = SubjectKey::new(key.tenant.clone(), subject.clone());
                change.observed_epoch = Some(block_on(store.stamp(&subject, now)).unwrap().epoch);
            }
            let committed = block_on(store.commit(&key, change)).unwrap();
            assert!(matches!(committed, Committed::Done { .. }), "{committed:?}");
            refreshed += 1;
        }
    }
    assert!(refreshed > 9, "{refreshed}");
}

// 80: the clock of the next process is behind that of the last one.
#[test]
fn a_clock_that_is_set_back_over_a_restart_revives_nothing_and_locks_nobody_out() {
    let house = House::new();
    let start = |clock: &ManualClock| {
        let store: Arc<dyn SessionStore> = Arc::new(house.open());
        World::over(crate::world::opaque_pairs(), clock.clone(), Arc::new(FaultyStore::new(store)))
    };
    let clock = ManualClock::new();
    clock.advance(DAY);
    let world = start(&clock);
    let [one, other, kept] = ["alice", "bob", "carol"].map(|name| world.login(name));
    block_on(world.issuer.revoke(Revoke::session(one.session_id()))).unwrap();
    block_on(world.issuer.revoke(Revoke::all(id("bob")))).unwrap();
    let epoch = block_on(world.issuer.epoch(&id("bob"))).unwrap();
    let refreshed = world.refresh(kept.refresh_token().unwrap()).unwrap();
    drop(world);

    let world = start(&ManualClock::new());
    refused(world.check(one.token()), ErrorKind::Revoked);
    refused(world.check(other.token()), ErrorKind::Revoked);
    refused(world.refresh(one.refresh_token().unwrap()), ErrorKind::Revoked);
    world.check(refreshed.token()).unwrap();
    let again = world.refresh(refreshed.refresh_token().unwrap()).unwrap();
    world.check(again.token()).unwrap();
    refused(world.refresh(kept.refresh_token().unwrap()), ErrorKind::Superseded);
    // Who was sent away may come again, and be sent away again.
    let back = world.login("bob");
    world.check(back.token()).unwrap();
    assert!([&one, &other, &kept].iter().all(|old| old.session_id() != back.session_id()));
    block_on(world.issuer.revoke(Revoke::all(id("bob")))).unwrap();
    assert!(block_on(world.issuer.epoch(&id("bob"))).unwrap() > epoch);
    refused(world.check(back.token()), ErrorKind::Revoked);
    world.check(world.login("bob").token()).unwrap();
    assert!(block_on(world.issuer.sweep(500)).unwrap().removed == 0, "nothing is forgotten too soon");
}
