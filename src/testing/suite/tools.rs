//! What every case needs: names, times, and the calls whose outcome is clear.

use std::{
    num::NonZeroU32,
    sync::{Arc, Barrier},
    task::Poll,
    time::Duration,
};

pub(super) use crate::testing::{block_on, fixtures};
pub(super) use crate::{
    clock::Timestamp,
    factor::FactorKind,
    id::{SessionId, SessionKey, SubjectId, SubjectKey, TenantId},
    policy::{OnFull, Spend},
    session::{CapRule, Epoch, Life, Record, RevokeReason, SubjectStamp, Tombstone, Use},
    store::{
        Binding, Bump, Change, Committed, Cursor, Ended, Inserted, NewRecord, Noted, PageKey,
        Query, RevocationBatch, RevocationEntry, Select, SessionStore, Snapshot, SubjectChange,
        SubjectChanged,
    },
};
use crate::{
    id::DeviceId,
    store::Revision,
    testing::{DurableStore, ManualClock},
};

pub(super) type Store = Arc<dyn SessionStore>;
pub(super) type Place = Box<dyn DurableStore>;

pub(super) const HOUR: u64 = 60 * 60;
pub(super) const DAY: u64 = 24 * HOUR;

/// This many seconds after the beginning.
pub(super) fn at(secs: u64) -> Timestamp {
    ManualClock::START.saturating_add(Duration::from_secs(secs))
}

pub(super) fn subject(name: &str) -> SubjectId {
    SubjectId::new(name).unwrap()
}

pub(super) fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

pub(super) fn device(name: &str) -> DeviceId {
    DeviceId::new(name).unwrap()
}

/// Where what is known of a subject of the default tenant is found.
pub(super) fn of(subject: &SubjectId) -> SubjectKey {
    SubjectKey::new(TenantId::default(), subject.clone())
}

/// The epoch of a subject of the default tenant, known from the beginning on.
pub(super) async fn epoch(store: &Store, subject: &SubjectId) -> Epoch {
    store.stamp(&of(subject), at(0)).await.unwrap().epoch
}

/// Inserts a record under the epoch that it names.
pub(super) async fn insert(store: &Store, record: Record) -> Inserted {
    insert_with(store, record, |_| {}).await
}

pub(super) async fn insert_with(
    store: &Store,
    record: Record,
    set: impl FnOnce(&mut NewRecord) + Send,
) -> Inserted {
    let now = record.created_at();
    let mut new = NewRecord::new(record, now);
    set(&mut new);
    store.insert(new).await.unwrap()
}

/// Inserts a record, which nothing may keep out and for which nothing goes.
pub(super) async fn create(store: &Store, record: Record) -> SessionKey {
    let key = record.key();
    let evicted = created(insert(store, record).await);
    assert!(evicted.is_empty(), "nothing had to go");
    key
}

#[track_caller]
pub(super) fn created(inserted: Inserted) -> Vec<Arc<Record>> {
    match inserted {
        Inserted::Created { evicted, .. } => evicted,
        other => panic!("not created: {other:?}"),
    }
}

/// A session of this subject, born at this second.
pub(super) async fn login(store: &Store, subject: &SubjectId, born: u64) -> SessionKey {
    let epoch = epoch(store, subject).await;
    create(store, fixtures::session().at(at(born)).subject(subject.clone(), epoch).build()).await
}

pub(super) async fn load(store: &Store, key: &SessionKey) -> Snapshot {
    store.load(key).await.unwrap().expect("the record is there")
}

pub(super) async fn life_of(store: &Store, key: &SessionKey, now: u64) -> Life {
    load(store, key).await.life(at(now))
}

pub(super) async fn is_live(store: &Store, key: &SessionKey, now: u64) -> bool {
    life_of(store, key, now).await == Life::Live
}

/// Commits a record on the snapshot that it was decided on.
pub(super) async fn commit(store: &Store, on: &Snapshot, next: Record, now: u64) -> Committed {
    let observed = on.subject.as_ref().map(|stamp| stamp.epoch);
    commit_under(store, on, next, observed, now).await
}

pub(super) async fn commit_under(
    store: &Store,
    on: &Snapshot,
    next: Record,
    observed: Option<Epoch>,
    now: u64,
) -> Committed {
    let mut change = Change::new(on.clone(), next, at(now));
    change.observed_epoch = observed;
    store.commit(change).await.unwrap()
}

#[track_caller]
pub(super) fn done(committed: Committed) -> Arc<Record> {
    match committed {
        Committed::Done { record, evicted } => {
            assert!(evicted.is_empty(), "nothing had to go");
            record
        }
        other => panic!("not committed: {other:?}"),
    }
}

/// The record after a refresh.
pub(super) fn refreshed(on: &Snapshot, now: u64) -> Record {
    fixtures::rotated(&on.record, at(now)).unwrap()
}

/// Names the subject of a session for the first time.
pub(super) async fn bind(
    store: &Store,
    key: &SessionKey,
    subject: &SubjectId,
    cap: Option<CapRule>,
    now: u64,
) -> Committed {
    let epoch = epoch(store, subject).await;
    let on = load(store, key).await;
    let next = fixtures::bound(&on.record, subject.clone(), epoch, at(now)).unwrap();
    let mut change = Change::new(on.clone(), next, at(now));
    change.observed_epoch = Some(epoch);
    change.admit = cap;
    store.commit(change).await.unwrap()
}

pub(super) async fn end(store: &Store, key: &SessionKey, reason: RevokeReason, now: u64) -> Ended {
    store.end(key, &Tombstone::new(reason, at(now))).await.unwrap()
}

pub(super) async fn bump(
    store: &Store,
    subject: &SubjectId,
    bump: Bump,
    now: u64,
) -> SubjectChanged {
    store.change_subject(&of(subject), SubjectChange::bump(bump, at(now))).await.unwrap()
}

/// Notes a use of whatever is there now; of a record that nobody has, where nothing is.
pub(super) async fn note(store: &Store, key: &SessionKey, used: Use) -> Noted {
    let seen = match store.load(key).await.unwrap() {
        Some(seen) => seen,
        None => nowhere(key),
    };
    store.note_use(&seen, used).await.unwrap()
}

/// What nobody has seen: a record of this key that no store has.
pub(super) fn nowhere(key: &SessionKey) -> Snapshot {
    let record = fixtures::session().tenant(key.tenant.clone()).id(key.id).build();
    Snapshot::new(record.into(), None)
}

pub(super) fn seen(secs: u64) -> Use {
    Use::new(at(secs)).seen()
}

pub(super) fn spend(now: u64, spends: &[Spend]) -> Use {
    Use::new(at(now)).spending(spends.to_vec())
}

/// A snapshot of the same record one version later than it is, at a revision that is yet to come.
pub(super) fn a_version_later(on: &Snapshot) -> Snapshot {
    let mut later = on.clone();
    Arc::make_mut(&mut later.record).follow(&on.record);
    later.with_revision(Revision::new(u64::MAX))
}

pub(super) fn cap(limit: u32, on_full: OnFull) -> Option<CapRule> {
    Some(CapRule::new(NonZeroU32::new(limit).unwrap(), on_full))
}

/// The ids that a list answers, all pages of it, in its order.
pub(super) async fn list(store: &Store, mut query: Query) -> Vec<SessionId> {
    let mut ids = Vec::new();
    loop {
        let page = store.list(&query).await.unwrap();
        assert!(
            page.items.len() <= usize::try_from(query.limit).unwrap(),
            "a page is as long as was asked for"
        );
        ids.extend(page.items.iter().map(|item| item.record.id()));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return ids,
        }
    }
}

pub(super) async fn sessions_of(store: &Store, subject: &SubjectId) -> Vec<SessionId> {
    list(store, Query::new(TenantId::default(), Select::Subject(subject.clone()))).await
}

/// Everything in the log after a cursor, and where it ends.
pub(super) async fn log_after(store: &Store, mut cursor: Cursor) -> (Vec<RevocationEntry>, Cursor) {
    let mut all = Vec::new();
    loop {
        match store.revoked_since(&cursor, 100).await.unwrap() {
            RevocationBatch::Entries { entries, next, more } => {
                all.extend(entries);
                cursor = next;
                if !more {
                    return (all, cursor);
                }
            }
            RevocationBatch::Reset { .. } => panic!("the log goes back that far"),
        }
    }
}

/// Sweeps until nothing is left to sweep; what went.
pub(super) async fn sweep_all(store: &Store, now: u64, limit: u32) -> Vec<Snapshot> {
    let mut gone = Vec::new();
    for _ in 0..10_000 {
        let swept = store.sweep(at(now), limit).await.unwrap();
        assert!(swept.removed.len() <= usize::try_from(limit).unwrap());
        gone.extend(swept.removed);
        if !swept.more {
            return gone;
        }
    }
    panic!("a sweep ends");
}

/// True when the log says that this session ended.
pub(super) fn names(entries: &[RevocationEntry], session: &SessionKey) -> bool {
    entries
        .iter()
        .any(|entry| matches!(entry, RevocationEntry::Session { key, .. } if key == session))
}

/// True, and says so, when a case needs what the store does not have.
pub(super) fn skips(has: bool, what: &str) -> bool {
    if !has {
        eprintln!("skipped: this store {what}");
    }
    !has
}

pub(super) fn skips_lists(store: &Store) -> bool {
    skips(store.capabilities().lists, "does not list")
}

pub(super) fn skips_log(store: &Store) -> bool {
    skips(store.capabilities().revocation_log, "keeps no revocation log")
}

/// The first and the last of these, which may be one.
pub(super) fn first_and_last(handles: &[Store]) -> (&Store, &Store) {
    (handles.first().unwrap(), handles.last().unwrap())
}

/// Runs this on so many threads that all begin at once; the answers in the order of their numbers.
pub(super) fn together<T: Send>(threads: usize, act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        let (act, barrier) = (&act, &barrier);
        let begin = move |number| {
            barrier.wait();
            act(number)
        };
        let running: Vec<_> =
            (0..threads).map(|number| scope.spawn(move || begin(number))).collect();
        running.into_iter().map(|thread| thread.join().expect("no thread panics")).collect()
    })
}

/// Polls a future at most so often, waiting to be woken in between, and drops it; its answer, if it
/// came.
pub(super) async fn drop_at<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        let Some(fewer) = left.checked_sub(1) else { return Poll::Ready(None) };
        left = fewer;
        match future.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
