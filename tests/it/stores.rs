//! Every promise of `SessionStore`, on every store and every wrapper here.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use session_issuer::{
    clock::Timestamp,
    id::{SessionKey, SubjectId, SubjectKey, TenantId},
    policy::OnFull,
    session::{CapRule, Epoch, RevokeReason, Tombstone, Use},
    store::{
        Binding, Bump, Change, Committed, Cursor, Inserted, MemoryStore, NewRecord, Noted, Query,
        RevocationBatch, Select, SessionStore, StoreErrorKind, SubjectChange,
    },
    testing::{
        ComparingStore, DurableStore, Fault, FaultyStore, ManualClock, Tampering, Verb, block_on,
        fixtures, store_suite,
    },
};

store_suite! {
    mod memory;
    store: || async { MemoryStore::new() }
}

store_suite! {
    mod shared;
    store: || async { Arc::new(MemoryStore::new()) as Arc<dyn SessionStore> }
}

store_suite! {
    mod boxed;
    store: || async { Box::new(MemoryStore::new()) as Box<dyn SessionStore> }
}

store_suite! {
    mod faulty_without_faults;
    store: || async { FaultyStore::new(MemoryStore::new()) }
}

store_suite! {
    mod hesitating;
    store: || async {
        let store = FaultyStore::new(MemoryStore::new());
        store.hesitate(2);
        store
    }
}

/// The comparing store, with handles that are clones.
struct Shared(Arc<ComparingStore>);

#[async_trait]
impl DurableStore for Shared {
    async fn open(&self) -> Arc<dyn SessionStore> {
        Arc::new(Arc::clone(&self.0))
    }

    async fn tamper(&self, key: &SessionKey, change: Tampering<'_>) {
        self.0.tamper(key, change);
    }
}

store_suite! {
    mod comparing;
    durable: || async { Shared(Arc::default()) }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use session_issuer::store::SqliteStore;

    use super::*;
    use crate::sqlite::TemporaryStore;

    /// A file in a folder of its own.
    struct TempFile(tempfile::TempDir);

    impl TempFile {
        fn path(&self) -> std::path::PathBuf {
            self.0.path().join("sessions.db")
        }
    }

    #[async_trait]
    impl DurableStore for TempFile {
        async fn open(&self) -> Arc<dyn SessionStore> {
            Arc::new(SqliteStore::open(self.path()).unwrap())
        }

        async fn tamper(&self, key: &SessionKey, change: Tampering<'_>) {
            let tables = rusqlite::Connection::open(self.path()).unwrap();
            let key = (key.tenant.as_str(), key.id.to_string());
            let find = "SELECT CAST(row AS BLOB) FROM records WHERE tenant = ?1 AND id = ?2";
            let mut row: Vec<u8> =
                tables.query_row(find, (key.0, &key.1), |row| row.get(0)).unwrap();
            change(&mut row);
            let put = "UPDATE records SET row = CAST(?3 AS TEXT) WHERE tenant = ?1 AND id = ?2";
            assert_eq!(tables.execute(put, (key.0, &key.1, row)).unwrap(), 1);
        }
    }

    store_suite! {
        mod file;
        durable: || async { TempFile(tempfile::tempdir().unwrap()) }
    }

    store_suite! {
        mod shared;
        store: || async { Arc::new(TemporaryStore::new()) as Arc<dyn SessionStore> }
    }

    store_suite! {
        mod faulty_without_faults;
        store: || async { FaultyStore::new(TemporaryStore::new()) }
    }
}

const NOW: Timestamp = ManualClock::START;

fn insert(store: &impl SessionStore) -> (SessionKey, Result<Inserted, StoreErrorKind>) {
    let record = fixtures::session().build();
    let key = record.key();
    (key, block_on(store.insert(NewRecord::new(record, NOW))).map_err(|error| error.kind()))
}

fn end(store: &impl SessionStore, key: &SessionKey) {
    let _ = block_on(store.end(key, &Tombstone::new(RevokeReason::Logout, NOW))).unwrap();
}

#[test]
fn every_naughty_string_is_a_name_that_is_kept_apart_or_no_name_at_all() {
    let strings: Vec<String> =
        serde_json::from_str(include_str!("../vectors/strings/blns.json")).unwrap();
    let names: Vec<_> = strings.iter().filter_map(|text| SubjectId::new(text).ok()).collect();
    assert!(names.len() > 400, "{}", names.len());
    let store = MemoryStore::new();
    let mut keys = Vec::new();
    for name in &names {
        let known = block_on(store.stamp(&SubjectKey::new(TenantId::default(), name.clone()), NOW))
            .unwrap()
            .epoch;
        let record = fixtures::session().subject(name.clone(), known).build();
        keys.push(record.key());
        let new = NewRecord::new(record, NOW);
        assert!(matches!(block_on(store.insert(new)).unwrap(), Inserted::Created { .. }));
    }
    for (name, key) in names.iter().zip(&keys) {
        let query = Query::new(TenantId::default(), Select::Subject((*name).clone()));
        let ids: Vec<_> = block_on(store.list(&query))
            .unwrap()
            .items
            .iter()
            .map(|item| item.record.id())
            .collect();
        assert!(ids.contains(&key.id), "{name:?}");
        let same = names.iter().zip(&keys).filter(|(other, _)| *other == name).count();
        assert_eq!(ids.len(), same, "{name:?}");
    }
}

#[test]
fn a_reader_that_fell_behind_a_full_log_is_told_to_begin_anew() {
    let store = MemoryStore::with_log_capacity(4);
    let ended: Vec<_> = (0..6)
        .map(|_| {
            let (key, _) = insert(&store);
            end(&store, &key);
            key
        })
        .collect();
    let RevocationBatch::Reset { next } =
        block_on(store.revoked_since(&Cursor::start(), 10)).unwrap()
    else {
        panic!("the first two entries are lost")
    };
    let (last, _) = insert(&store);
    end(&store, &last);
    let batch = block_on(store.revoked_since(&next, 10)).unwrap();
    let RevocationBatch::Entries { entries, more: false, .. } = batch else { panic!("{batch:?}") };
    let shown = format!("{entries:?}");
    assert!(
        entries.len() == 1
            && shown.contains(&last.id.to_string())
            && !shown.contains(&ended[5].id.to_string())
    );
}

#[test]
fn a_call_that_fails_before_the_store_is_asked_does_nothing() {
    let store = FaultyStore::new(MemoryStore::new()).fail_at(1, Fault::Before);
    let (key, inserted) = insert(&store);
    assert!(matches!(inserted, Err(StoreErrorKind::Unavailable)));
    assert!(block_on(store.load(&key)).unwrap().is_none());
}

#[test]
fn a_call_whose_reply_is_lost_is_done() {
    let store = FaultyStore::new(MemoryStore::new()).fail_verb_at(Verb::Insert, 2, Fault::After);
    assert!(matches!(insert(&store).1, Ok(Inserted::Created { .. })));
    let (key, inserted) = insert(&store);
    assert!(matches!(inserted, Err(StoreErrorKind::Unavailable)));
    assert!(block_on(store.load(&key)).unwrap().is_some());
}

#[test]
fn a_call_that_is_dropped_while_it_is_delayed_does_nothing() {
    let store = FaultyStore::new(MemoryStore::new()).fail_at(1, Fault::Delay(3));
    let record = fixtures::session().build();
    let key = record.key();
    {
        let mut insert = store.insert(NewRecord::new(record, NOW));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        for _ in 0..3 {
            assert!(insert.as_mut().poll(&mut context).is_pending());
        }
    }
    assert!(block_on(store.load(&key)).unwrap().is_none());
    store.fail_next(Verb::Insert, Fault::Delay(2));
    assert!(matches!(insert(&store).1, Ok(Inserted::Created { .. })));
}

#[test]
fn a_store_that_is_down_fails_every_call_and_counts_them() {
    let store = FaultyStore::new(MemoryStore::new());
    store.fail_all(true);
    let (key, inserted) = insert(&store);
    let down = Some(StoreErrorKind::Unavailable);
    assert_eq!(inserted.err(), down);
    assert_eq!(block_on(store.load(&key)).err().map(|error| error.kind()), down);
    store.fail_all(false);
    assert!(block_on(store.load(&key)).unwrap().is_none());
    assert_eq!((store.writes(), store.reads(), store.calls().total()), (1, 2, 3));
    assert_eq!(store.to_string(), "faulty memory");
    store.reset_calls();
    assert_eq!(store.calls().of(Verb::Load), 0);
}

#[test]
fn a_store_that_compares_needs_one_round_trip_for_what_the_caller_has_seen() {
    let store = ComparingStore::new();
    let trips = |act: &dyn Fn()| {
        let before = store.round_trips();
        act();
        store.round_trips() - before
    };
    let alice = SubjectKey::new(TenantId::default(), SubjectId::new("alice").unwrap());
    let login = |epoch| fixtures::session().subject(alice.subject.clone(), epoch).build();
    let new = |binding, cap: Option<u32>| {
        let mut new = NewRecord::new(login(Epoch::first(NOW)), NOW);
        new.binding = binding;
        new.admit = cap.map(|cap| CapRule::new(cap.try_into().unwrap(), OnFull::EvictOldest));
        new
    };
    let insert = |new: NewRecord| {
        assert!(matches!(block_on(store.insert(new)).unwrap(), Inserted::Created { .. }));
    };
    let seen = || {
        let query = Query::new(TenantId::default(), Select::Subject(alice.subject.clone()));
        block_on(store.list(&query)).unwrap().items.remove(0)
    };
    // First login, login below a cap, login of a subject whose epoch must be read.
    assert_eq!(trips(&|| insert(new(Binding::Adopt, Some(3)))), 1);
    assert_eq!(trips(&|| insert(new(Binding::Observed, Some(3)))), 1);
    assert_eq!(trips(&|| insert(new(Binding::Adopt, None))), 2);
    // A full cap: the others are read, and one of them goes.
    assert_eq!(trips(&|| insert(new(Binding::Observed, Some(3)))), 2);
    let on = seen();
    let change = Change::new(on.clone(), fixtures::rotated(&on.record, NOW).unwrap(), NOW);
    let commit = |change: &Change| block_on(store.commit(change.clone())).unwrap();
    assert_eq!(trips(&|| assert!(matches!(commit(&change), Committed::Done { .. }))), 1);
    assert_eq!(trips(&|| assert!(matches!(commit(&change), Committed::Conflict(_)))), 1);
    let on = seen();
    let used = Use::new(NOW.saturating_add(Duration::from_secs(60))).seen();
    let note = || assert_eq!(block_on(store.note_use(&on, used.clone())).unwrap(), Noted::Done);
    assert_eq!(trips(&note), 1);
    assert_eq!(trips(&note), 1, "there is nothing more to note, and the refusal has said so");
    let tombstone = Tombstone::new(RevokeReason::Admin, NOW);
    let end = || drop(block_on(store.end(&on.record.key(), &tombstone)).unwrap());
    assert_eq!(trips(&end), 2);
    let bump = SubjectChange::bump(Bump::all(RevokeReason::Admin), NOW);
    let change = || drop(block_on(store.change_subject(&alice, bump.clone())).unwrap());
    assert_eq!(trips(&change), 2);
}
