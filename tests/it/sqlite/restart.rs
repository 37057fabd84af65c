//! Processes on one file, one after the other or beside each other. Numbers are those of the
//! lifecycle cases.

use std::{env, process::Command};

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
    for (synced, need) in
        [(false, Requirement::new()), (false, by_the_log.clone()), (true, by_the_log)]
    {
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
    let rows = rows_of_the_first_release();
    let operator = house.operator();
    for ((record, text), at) in rows.iter().zip(0_i64..) {
        // The ids are of one millisecond, and have neither a counter nor chance in them.
        let place = 0x01a3_185c_5c00 * 32_768 + at;
        let subject = record.bound().map(|(subject, _)| subject.as_str());
        let sql = "INSERT OR IGNORE INTO records (number, tenant, id, row, subject, created_at, version, \
            ended_at, ended_reason, ended_by, epoch, last_seen_at, seen_generation, counters) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
        let (tenant, created_at) = (record.tenant().as_str(), record.created_at().as_millis());
        let columns = record.columns();
        let ended = columns.ended.as_ref();
        let values = rusqlite::params![
            place,
            tenant,
            record.id().to_string(),
            text,
            subject,
            created_at,
            i64::try_from(columns.version).unwrap(),
            ended.map(|ended| ended.at.as_millis()),
            ended.map(|ended| ended.reason.code()),
            ended.and_then(|ended| ended.by.as_ref()).map(|by| by.as_str()),
            columns.epoch.map(|epoch| epoch.get()),
            columns.last_seen_at.map(|at| at.as_millis()),
            columns.seen_generation,
            columns.encode_counters().unwrap(),
        ];
        operator.execute(sql, values).unwrap();
    }
    // Two processes, as when one of them was brought up to date before the other.
    let this = house.open();
    let another_process = || {
        let name = "sqlite::restart::another_process_refreshes_what_is_in_the_file";
        let mut process = Command::new(env::current_exe().unwrap());
        let ran = process
            .args(["--exact", name, "--ignored"])
            .env(SHARED_FILE, &house.file)
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    };
    assert!(rows.iter().all(|(record, _)| *load(&this, &record.key()).record == *record));
    let begun = versions(&this);
    another_process();
    let theirs = versions(&this) - begun;
    assert!(theirs > 9, "the other process has refreshed {theirs}");
    assert_eq!(refresh_each(&this), theirs);
    another_process();
    assert_eq!(
        versions(&this),
        begun + 3 * theirs,
        "what this process refreshed, the other one refreshed again"
    );
}

/// Where a test tells another process which file they share.
const SHARED_FILE: &str = "SESSION_ISSUER_SHARED_FILE";

#[test]
#[ignore = "the half of another test that is another process"]
fn another_process_refreshes_what_is_in_the_file() {
    let file = env::var_os(SHARED_FILE).expect("another test runs this one");
    refresh_each(&SqliteStore::open(file).unwrap());
}

fn rows_of_the_first_release() -> Vec<(Record, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/rows/v1");
    let mut rows = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let (row, columns) = text.trim_end().split_once('\n').unwrap();
        let columns = Columns::decode(columns.as_bytes()).unwrap();
        rows.push((Record::decode(row.as_bytes(), columns).unwrap(), row.to_owned()));
    }
    rows
}

/// What a store has of the rows of the first release.
fn shared(store: &SqliteStore) -> Vec<Snapshot> {
    rows_of_the_first_release().iter().map(|(record, _)| load(store, &record.key())).collect()
}

fn versions(store: &SqliteStore) -> u64 {
    shared(store).iter().map(|on| on.record.version()).sum()
}

/// Refreshes each session that is there; how many.
fn refresh_each(store: &SqliteStore) -> u64 {
    let mut refreshed = 0;
    for on in shared(store) {
        let now = on.record.created_at().saturating_add(DAY);
        let rotated =
            fixtures::rotated(&on.record, now).filter(|_| on.record.tombstone().is_none());
        let Some(next) = rotated else { continue };
        let mut change = Change::new(on.clone(), next, now);
        if let Some((subject, _)) = on.record.bound() {
            let subject = SubjectKey::new(on.record.tenant().clone(), subject.clone());
            change.observed_epoch = Some(block_on(store.stamp(&subject, now)).unwrap().epoch);
        }
        let committed = block_on(store.commit(change)).unwrap();
        assert!(matches!(committed, Committed::Done { .. }), "{committed:?}");
        refreshed += 1;
    }
    refreshed
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
    assert!(
        block_on(world.issuer.sweep(500)).unwrap().removed == 0,
        "nothing is forgotten too soon"
    );
}
