//! The SQLite store: what it keeps, who may see it, and two of them on one file.
//!
//! | file | what |
//! | --- | --- |
//! | `open` | what may be opened |
//! | `damage` | rows that were damaged or edited |
//! | `restart` | processes on one file, one after the other or beside each other |

mod damage;
mod open;
mod restart;

use std::{error::Error as _, fs, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use rusqlite::Connection;
use session_issuer::{
    Timestamp,
    id::{SessionKey, SubjectId, SubjectKey, TenantId},
    session::{Columns, Epoch, Life, Record, RevokeReason, SubjectStamp, Tombstone, Use},
    store::{
        Binding, Bump, Capabilities, Change, Committed, Cursor, Ended, Inserted, NewRecord, Noted,
        OpenError, Query, RecordPage, RevocationBatch, RevocationEntry, SessionStore, Snapshot,
        SqliteStore, StoreError, StoreErrorKind, SubjectChange, SubjectChanged, Swept,
    },
    testing::{ManualClock, block_on, fixtures},
};
use tempfile::TempDir;

/// A store in a folder of its own, which goes with it.
#[derive(Debug)]
pub struct TemporaryStore {
    store: SqliteStore,
    _folder: TempDir,
}

impl TemporaryStore {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            store: SqliteStore::open(folder.path().join("sessions.db")).unwrap(),
            _folder: folder,
        }
    }
}

impl std::fmt::Display for TemporaryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.store.fmt(f)
    }
}

#[async_trait]
impl SessionStore for TemporaryStore {
    async fn insert(&self, new: NewRecord) -> Result<Inserted, StoreError> {
        self.store.insert(new).await
    }
    async fn load(&self, key: &SessionKey) -> Result<Option<Snapshot>, StoreError> {
        self.store.load(key).await
    }
    async fn stamp(
        &self,
        subject: &SubjectKey,
        now: Timestamp,
    ) -> Result<SubjectStamp, StoreError> {
        self.store.stamp(subject, now).await
    }
    async fn commit(&self, change: Change) -> Result<Committed, StoreError> {
        self.store.commit(change).await
    }
    async fn end(&self, key: &SessionKey, tombstone: &Tombstone) -> Result<Ended, StoreError> {
        self.store.end(key, tombstone).await
    }
    async fn note_use(&self, seen: &Snapshot, used: Use) -> Result<Noted, StoreError> {
        self.store.note_use(seen, used).await
    }
    async fn change_subject(
        &self,
        key: &SubjectKey,
        change: SubjectChange,
    ) -> Result<SubjectChanged, StoreError> {
        self.store.change_subject(key, change).await
    }
    async fn list(&self, query: &Query) -> Result<RecordPage, StoreError> {
        self.store.list(query).await
    }
    async fn revoked_since(
        &self,
        cursor: &Cursor,
        limit: u32,
    ) -> Result<RevocationBatch, StoreError> {
        self.store.revoked_since(cursor, limit).await
    }
    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<Swept, StoreError> {
        self.store.sweep(now, limit).await
    }
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
}

const NOW: Timestamp = ManualClock::START;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A folder, a file in it that is not there yet, and what looks at it from outside.
struct House {
    folder: TempDir,
    file: PathBuf,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sessions.db");
        Self { folder, file }
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.file).unwrap()
    }

    /// A connection as an operator has it.
    fn operator(&self) -> Connection {
        Connection::open(&self.file).unwrap()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

fn at(secs: u64) -> Timestamp {
    NOW.saturating_add(Duration::from_secs(secs))
}

fn subject_key(name: &str) -> SubjectKey {
    SubjectKey::new(TenantId::default(), SubjectId::new(name).unwrap())
}

fn insert(store: &impl SessionStore, record: Record) -> SessionKey {
    let key = record.key();
    let new = NewRecord::new(record, NOW);
    assert!(matches!(block_on(store.insert(new)).unwrap(), Inserted::Created { .. }));
    key
}

fn login(store: &impl SessionStore, name: &str) -> SessionKey {
    let key = subject_key(name);
    let epoch = block_on(store.stamp(&key, NOW)).unwrap().epoch;
    insert(store, fixtures::session().subject(key.subject, epoch).build())
}

fn load(store: &impl SessionStore, key: &SessionKey) -> Snapshot {
    block_on(store.load(key)).unwrap().unwrap()
}

fn life_of(store: &impl SessionStore, key: &SessionKey) -> Life {
    load(store, key).life(at(9))
}

fn end(store: &impl SessionStore, key: &SessionKey) -> Result<Ended, StoreError> {
    block_on(store.end(key, &Tombstone::new(RevokeReason::Logout, at(1))))
}

fn entries(store: &impl SessionStore, cursor: &Cursor) -> (Vec<RevocationEntry>, Cursor) {
    match block_on(store.revoked_since(cursor, 100)).unwrap() {
        RevocationBatch::Entries { entries, next, more: false } => (entries, next),
        other => panic!("{other:?}"),
    }
}

fn kind<T>(result: Result<T, StoreError>) -> Option<StoreErrorKind> {
    result.err().map(|error| error.kind())
}

fn spent(limit: u64) -> Use {
    Use::new(at(1)).spending(vec![session_issuer::policy::Spend::one("posts", limit)])
}

/// What nobody has seen: a record of this key that no store has.
fn nowhere(key: &SessionKey) -> Snapshot {
    let record = fixtures::session().tenant(key.tenant.clone()).id(key.id).build();
    Snapshot::new(record.into(), None)
}

#[test]
fn what_was_answered_is_there_when_the_file_is_opened_again() {
    let house = House::new();
    let store = house.open();
    let (live, ended, bumped) =
        (login(&store, "alice"), login(&store, "bob"), login(&store, "carol"));
    let before = load(&store, &live);
    let _ = end(&store, &ended).unwrap();
    let (_, read) = entries(&store, &Cursor::start());
    let change = SubjectChange::bump(Bump::all(RevokeReason::CredentialChange), at(2));
    let _ = block_on(store.change_subject(&subject_key("carol"), change)).unwrap();
    drop(store);
    assert!(!house.folder.path().join("sessions.db-wal").exists(), "closed, it is one file");

    let store = house.open();
    let after = load(&store, &live);
    assert!(*after.record == *before.record && after.subject == before.subject);
    assert_eq!(life_of(&store, &ended), Life::Revoked(RevokeReason::Logout));
    assert_eq!(life_of(&store, &bumped), Life::Revoked(RevokeReason::CredentialChange));
    let (entries, _) = entries(&store, &read);
    assert!(
        matches!(&entries[..], [RevocationEntry::Subject { key, .. }] if *key == subject_key("carol"))
    );
    assert!(store.capabilities().survives_restart && !store.capabilities().may_lose_acknowledged);
}

#[test]
fn two_stores_on_one_file_see_each_others_writes_at_once() {
    let house = House::new();
    let (one, two) = (house.open(), house.open());
    for _ in 0..20 {
        let key = login(&one, "alice");
        assert_eq!(life_of(&two, &key), Life::Live);
        let _ = end(&two, &key).unwrap();
        assert_eq!(life_of(&one, &key), Life::Revoked(RevokeReason::Logout));
    }
    assert_eq!(entries(&one, &Cursor::start()).0.len(), 20);
    assert_eq!(entries(&one, &Cursor::start()), entries(&two, &Cursor::start()));
}

#[test]
fn nothing_is_lost_between_many_threads_on_two_stores() {
    let house = House::new();
    let stores = [house.open(), house.open()];
    let key = login(&stores[0], "alice");
    let wins = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|number: usize| {
                let (store, key) = (&stores[number % 2], &key);
                scope.spawn(move || {
                    let mut wins = 0;
                    for _ in 0..15 {
                        assert_eq!(
                            block_on(store.note_use(&nowhere(key), spent(1000))).unwrap(),
                            Noted::Done
                        );
                        let on = load(store, key);
                        let next = fixtures::rotated(&on.record, at(2)).unwrap();
                        let change = Change::new(on.clone(), next, at(2));
                        match block_on(store.commit(change)).unwrap() {
                            Committed::Done { .. } => wins += 1,
                            Committed::Conflict(_) => {}
                            other => panic!("{other:?}"),
                        }
                    }
                    wins
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<u64>()
    });
    let record = load(&stores[0], &key).record;
    assert_eq!(record.session().unwrap().counter("posts"), 120);
    assert_eq!((record.version(), u64::from(record.generation())), (1 + wins, 1 + wins));
}

#[test]
fn people_can_read_the_file() {
    let house = House::new();
    let store = house.open();
    let key = login(&store, "o'Neil; DROP TABLE records --");
    let ended = login(&store, "bob");
    let _ = end(&store, &ended).unwrap();
    insert(&store, fixtures::request(session_issuer::id::AppId::new("tv").unwrap()).build());
    let [revoked, kept] = [login(&store, "carol"), login(&store, "carol")];
    let change = SubjectChange::bump(Bump::all_but(kept.id, RevokeReason::Admin), at(2));
    let _ = block_on(store.change_subject(&subject_key("carol"), change)).unwrap();
    let idle = fixtures::session().lifetime(None).idle(Some(DAY)).build();
    let endless = insert(&store, fixtures::session().lifetime(None).idle(None).build());
    let idle = insert(&store, idle);
    let operator = house.operator();
    let row = |id: &SessionKey, columns: &str| {
        let sql = format!("SELECT {columns} FROM sessions WHERE id = ?1");
        operator.query_row(&sql, [id.id.to_string()], |row| row.get::<_, String>(0)).unwrap()
    };
    assert_eq!(row(&key, "subject"), "o'Neil; DROP TABLE records --");
    let born = NOW.to_string();
    assert_eq!(row(&key, "state || ' ' || created || ' ' || last_seen"), {
        let date = format!("{} {}", &born[..10], &born[11..19]);
        format!("session {date} {date}")
    });
    assert!(row(&key, "ends") > row(&key, "created"));
    assert_eq!(row(&ended, "state || ' ' || reason"), "ended logout");
    assert_eq!([row(&revoked, "state"), row(&kept, "state")], ["revoked", "session"]);
    assert_eq!(row(&idle, "(ends = datetime(last_seen, '+1 day')) || state"), "1session");
    assert_eq!(row(&endless, "(ends IS NULL) || state"), "1session");
    let count = |sql: &str| operator.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM sessions WHERE state = 'request, open'"), 1);
    operator
        .execute("UPDATE records SET row = 'scrambled' WHERE id = ?1", [key.id.to_string()])
        .unwrap();
    assert_eq!(row(&key, "state"), "unreadable", "one bad row does not hide the others");
    operator.execute("UPDATE records SET row = '{}' WHERE id = ?1", [kept.id.to_string()]).unwrap();
    assert_eq!(row(&kept, "state"), "unreadable");
    operator.execute("DELETE FROM subjects WHERE subject = 'carol'", []).unwrap();
    assert_eq!(row(&revoked, "state"), "revoked", "who is not known has no session");
    assert_eq!(count("SELECT count(*) FROM sessions"), 7);
    assert_eq!(count("PRAGMA application_id"), 0x7365_7373);
    assert_eq!(count("PRAGMA user_version"), 1);
    assert_eq!(
        count(
            "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict"
        ),
        5
    );
    let mode =
        operator.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[test]
fn whoever_waits_too_long_for_another_process_is_told_busy_and_nothing_was_done() {
    let house = House::new();
    let options = || SqliteStore::options().busy_timeout(Duration::from_millis(50));
    let store = options().open(&house.file).unwrap();
    let key = login(&store, "alice");
    let operator = house.operator();
    operator.execute_batch("BEGIN IMMEDIATE").unwrap();
    let tombstone = Tombstone::new(RevokeReason::Logout, at(1));
    let mut waiting = [store.end(&key, &tombstone), store.end(&key, &tombstone)];
    for call in &mut waiting {
        assert!(
            call.as_mut()
                .poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
                .is_pending()
        );
    }
    for call in waiting {
        assert_eq!(kind(block_on(call)), Some(StoreErrorKind::Busy));
    }
    let error = end(&store, &key).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Busy);
    assert!(error.is_retryable() && error.source().is_some());
    assert!(matches!(options().open(&house.file).unwrap_err(), OpenError::Busy));
    assert_eq!(life_of(&store, &key), Life::Live, "reads go on");
    operator.execute_batch("ROLLBACK").unwrap();
    assert!(matches!(end(&store, &key).unwrap(), Ended::Ended { .. }));
}

#[test]
fn a_call_that_is_dropped_before_its_turn_never_happens() {
    let house = House::new();
    let store = house.open();
    let operator = house.operator();
    operator.execute_batch("BEGIN IMMEDIATE").unwrap();
    let record = fixtures::session().build();
    let key = record.key();
    {
        let mut insert = store.insert(NewRecord::new(record, NOW));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(insert.as_mut().poll(&mut context).is_pending());
    }
    operator.execute_batch("ROLLBACK").unwrap();
    login(&store, "alice");
    assert!(block_on(store.load(&key)).unwrap().is_none());
}

#[test]
fn a_login_that_waits_for_its_turn_is_refused_when_all_sessions_are_revoked_meanwhile() {
    let house = House::new();
    let store = house.open();
    login(&store, "alice");
    let operator = house.operator();
    // What another process does meanwhile, and whether it is a revocation or the first login of
    // somebody new.
    for (name, is_revocation) in [("alice", true), ("bob", true), ("carol", false)] {
        operator.execute_batch("BEGIN IMMEDIATE").unwrap();
        let name = SubjectId::new(name).unwrap();
        let record = fixtures::session().subject(name.clone(), Epoch::from_number(1)).build();
        let key = record.key();
        let mut new = NewRecord::new(record, NOW);
        new.binding = Binding::Adopt;
        let mut insert = store.insert(new);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(insert.as_mut().poll(&mut context).is_pending());
        let mut stamp = SubjectStamp::first(at(60));
        if is_revocation {
            stamp.bump(None, RevokeReason::Admin, at(60));
        }
        let sql = "INSERT INTO subjects (tenant, subject, epoch, stamp) VALUES ('default', ?1, ?2, ?3) \
            ON CONFLICT DO UPDATE SET epoch = excluded.epoch, stamp = excluded.stamp";
        let all = is_revocation.then(|| stamp.encode().unwrap());
        operator.execute(sql, (name.as_str(), stamp.epoch.get(), all)).unwrap();
        operator.execute_batch("COMMIT").unwrap();
        match block_on(insert).unwrap() {
            Inserted::EpochMoved => {
                assert!(is_revocation, "{name}");
                assert!(block_on(store.load(&key)).unwrap().is_none());
            }
            Inserted::Created { record, .. } => {
                assert!(!is_revocation, "{name}");
                assert_eq!(record.bound(), Some((&name, stamp.epoch)));
                assert_eq!(load(&store, &key).record, record);
                assert_eq!(life_of(&store, &key), Life::Live);
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn calls_that_wait_together_are_committed_together_and_fail_alone() {
    let house = House::new();
    let store = house.open();
    let (alice, bob) = (login(&store, "alice"), login(&store, "bob"));
    let operator = house.operator();
    operator.execute_batch("BEGIN IMMEDIATE").unwrap();
    let stranger = fixtures::session().build();
    let seen = load(&store, &alice);
    let foreign = Change::new(seen, fixtures::rotated(&stranger, at(1)).unwrap(), at(1));
    let tombstone = Tombstone::new(RevokeReason::Admin, at(1));
    let mut good = [store.end(&alice, &tombstone), store.end(&bob, &tombstone)];
    let mut bad = store.commit(foreign);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(good[0].as_mut().poll(&mut context).is_pending());
    assert!(bad.as_mut().poll(&mut context).is_pending());
    assert!(good[1].as_mut().poll(&mut context).is_pending());
    operator.execute_batch("ROLLBACK").unwrap();
    let [first, last] = good;
    assert!(matches!(block_on(first).unwrap(), Ended::Ended { .. }));
    assert_eq!(kind(block_on(bad)), Some(StoreErrorKind::Broken));
    assert!(matches!(block_on(last).unwrap(), Ended::Ended { .. }));
    assert_eq!(entries(&store, &Cursor::start()).0.len(), 2);
}

#[test]
fn a_cursor_of_another_file_or_of_a_time_to_come_begins_anew() {
    let (house, other) = (House::new(), House::new());
    let (store, another) = (house.open(), other.open());
    for store in [&store, &another] {
        let _ = end(store, &login(store, "alice")).unwrap();
    }
    let (_, foreign) = entries(&another, &Cursor::start());
    let text = String::from_utf8(foreign.as_bytes().to_vec()).unwrap();
    let (name, _) = text.split_once(':').unwrap();
    for (store, cursor) in
        [(&store, foreign.clone()), (&another, Cursor::from_bytes(format!("{name}:99")))]
    {
        let batch = block_on(store.revoked_since(&cursor, 10)).unwrap();
        let RevocationBatch::Reset { next } = batch else { panic!("{batch:?}") };
        assert!(entries(store, &next).0.is_empty());
    }
}

#[test]
fn the_log_forgets_what_nobody_needs_and_no_cursor_grows_old() {
    let house = House::new();
    let store = house.open();
    let _ = end(&store, &login(&store, "alice")).unwrap();
    let (logged, cursor) = entries(&store, &Cursor::start());
    assert_eq!(logged.len(), 1);
    let RevocationEntry::Session { until, .. } = logged[0] else { panic!("{logged:?}") };
    let _ = end(&store, &login(&store, "alice")).unwrap();
    let before = Timestamp::from_millis(until.as_millis() - 1);
    while block_on(store.sweep(before, 1)).unwrap().more {}
    assert_eq!(entries(&store, &Cursor::start()).0.len(), 2);
    while block_on(store.sweep(until, 1)).unwrap().more {}
    assert!(entries(&store, &Cursor::start()).0.is_empty(), "all of it, however little at a time");
    let _ = end(&store, &login(&store, "bob")).unwrap();
    assert_eq!(entries(&store, &cursor).0.len(), 1, "a number is never given twice");
}

#[test]
fn a_row_that_takes_the_place_of_a_swept_one_is_not_found_by_its_actors() {
    use session_issuer::{
        actor::{Actor, ActorChain},
        store::Select,
    };
    let house = House::new();
    let store = house.open();
    let support = SubjectId::new("support").unwrap();
    let chain = ActorChain::new(Actor::new(support.clone()), "T-1").unwrap();
    let _ = block_on(store.stamp(&subject_key("support"), NOW)).unwrap();
    insert(&store, fixtures::session().actors(chain).build());
    let known = || {
        let sql = "SELECT count(*) FROM subjects";
        house.operator().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert!(block_on(store.sweep(NOW.saturating_add(2 * DAY), 9)).unwrap().removed.is_empty());
    assert_eq!(known(), 1, "a record names it");
    let swept = block_on(store.sweep(NOW.saturating_add(100 * DAY), 0)).unwrap();
    assert_eq!(
        (swept.removed.len(), known()),
        (1, 0),
        "a sweep of nothing takes one, so that it comes to an end"
    );
    login(&store, "alice");
    let query = Query::new(TenantId::default(), Select::Actor(support));
    assert!(block_on(store.list(&query)).unwrap().items.is_empty());
}

#[test]
fn a_subject_is_forgotten_when_nothing_names_it() {
    let house = House::new();
    let store = house.open();
    login(&store, "alice");
    let _ = block_on(store.stamp(&subject_key("nobody"), NOW)).unwrap();
    let known = || {
        let sql = "SELECT group_concat(subject) FROM subjects";
        house.operator().query_row(sql, [], |row| row.get::<_, Option<String>>(0)).unwrap()
    };
    let sweep = |days: u32| block_on(store.sweep(NOW.saturating_add(days * DAY), 100)).unwrap();
    // Something happened to this one a day and a half later.
    let _ = block_on(store.stamp(&subject_key("changed"), NOW)).unwrap();
    let later = NOW.saturating_add(DAY + DAY / 2);
    let floors = SubjectChange::floors(vec![session_issuer::factor::FactorKind::Totp], later);
    let _ = block_on(store.change_subject(&subject_key("changed"), floors)).unwrap();
    assert!(sweep(0).removed.is_empty() && known().unwrap().contains("nobody"));
    assert!(sweep(2).removed.is_empty());
    assert_eq!(known().as_deref(), Some("alice,changed"));
    assert!(sweep(3).removed.is_empty());
    assert_eq!(known().as_deref(), Some("alice"));
    assert_eq!(sweep(100).removed.len(), 1);
    assert_eq!(known(), None);
}

#[test]
fn the_file_holds_no_token() {
    use session_issuer::{
        Issuer, NewSession, Policy,
        entropy::SystemEntropy,
        policy::{AccessFormat, Credentials},
        token::TokenKeys,
    };
    let house = House::new();
    let store = Arc::new(house.open());
    let issuer = Issuer::builder()
        .store(store.clone())
        .token_keys(TokenKeys::generate(&SystemEntropy).unwrap())
        .policy(Policy::default().credentials(Credentials::Pair(AccessFormat::Opaque)))
        .build()
        .unwrap();
    let login =
        block_on(issuer.create(NewSession::for_subject(SubjectId::new("alice").unwrap()))).unwrap();
    let tokens = [login.token().to_owned(), login.refresh_token().unwrap().to_owned()];
    let whole = |name: &str| fs::read(house.folder.path().join(name)).unwrap();
    let bytes = [whole("sessions.db"), whole("sessions.db-wal")].concat();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("alice"));
    for token in &tokens {
        assert!(!holds(token) && !holds(&token[token.len() - 40..]));
    }
}
