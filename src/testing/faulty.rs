//! A store that fails when it is told to, and counts what it is asked.

use std::{
    collections::HashMap,
    fmt,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use async_trait::async_trait;

use crate::{
    clock::Timestamp,
    id::{SessionKey, SubjectKey},
    session::{SubjectStamp, Tombstone, Use},
    store::{
        Capabilities, Change, Committed, Cursor, Ended, Inserted, NewRecord, Noted, Query,
        RecordPage, RevocationBatch, SessionStore, Snapshot, StoreError, StoreErrorKind,
        SubjectChange, SubjectChanged, Swept,
    },
};

/// A store around another that fails, delays and counts by plan.
///
/// Calls are counted from one, in the order in which they are first polled. Without a plan it
/// forwards everything.
///
/// # Examples
/// ```
/// use session_issuer::{
///     Timestamp,
///     store::{MemoryStore, SessionStore},
///     testing::{Fault, FaultyStore, Verb, block_on},
/// };
///
/// let store = FaultyStore::new(MemoryStore::new()).fail_at(2, Fault::Before);
/// assert!(block_on(store.sweep(Timestamp::EPOCH, 10)).is_ok());
/// assert!(block_on(store.sweep(Timestamp::EPOCH, 10)).is_err());
/// assert_eq!(store.calls().of(Verb::Sweep), 2);
/// ```
#[derive(Debug)]
pub struct FaultyStore<S> {
    inner: S,
    state: Mutex<FaultyState>,
}

/// The things that can go wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It fails, and the store was not asked: the act surely did not happen.
    Before,
    /// It fails, and the store has done it: the reply is lost, and the act is in doubt.
    After,
    /// It is pending this often before the store is asked.
    Delay(u32),
}

/// The calls of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verb {
    /// The call `insert` of a store.
    Insert,
    /// The call `load` of a store.
    Load,
    /// The call `stamp` of a store. Counted as a read, although it begins to know a new subject.
    Stamp,
    /// The call `commit` of a store.
    Commit,
    /// The call `end` of a store.
    End,
    /// The call `note_use` of a store.
    NoteUse,
    /// The call `change_subject` of a store.
    ChangeSubject,
    /// The call `list` of a store.
    List,
    /// The call `revoked_since` of a store.
    RevokedSince,
    /// The call `sweep` of a store.
    Sweep,
}

impl Verb {
    fn writes(self) -> bool {
        match self {
            Self::Insert
            | Self::Commit
            | Self::End
            | Self::NoteUse
            | Self::ChangeSubject
            | Self::Sweep => true,
            Self::Load | Self::Stamp | Self::List | Self::RevokedSince => false,
        }
    }
}

/// The number of calls of each verb.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls(HashMap<Verb, u64>);

impl Calls {
    /// The number of calls of this verb.
    pub fn of(&self, verb: Verb) -> u64 {
        self.0.get(&verb).copied().unwrap_or(0)
    }

    /// The number of calls of all verbs.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    fn where_writes_is(&self, writes: bool) -> u64 {
        self.0.iter().filter(|(verb, _)| verb.writes() == writes).map(|(_, count)| count).sum()
    }
}

#[derive(Debug, Default)]
struct FaultyState {
    calls: Calls,
    /// By verb, or over all verbs; the number of the call; what goes wrong.
    plan: Vec<(Option<Verb>, u64, Fault)>,
    is_down: bool,
    /// How often every other call is pending first.
    delay: u32,
    /// How often a call that goes well is pending first, and again before its answer.
    hesitation: u32,
}

impl<S> FaultyStore<S> {
    /// This store, and no plan yet.
    pub fn new(inner: S) -> Self {
        Self { inner, state: Mutex::default() }
    }

    /// The n-th call of all goes wrong like this.
    #[must_use]
    pub fn fail_at(self, call: u64, fault: Fault) -> Self {
        self.lock().plan.push((None, call, fault));
        self
    }

    /// The n-th call of this verb goes wrong like this.
    #[must_use]
    pub fn fail_verb_at(self, verb: Verb, call: u64, fault: Fault) -> Self {
        self.lock().plan.push((Some(verb), call, fault));
        self
    }

    /// The n-th call of all, from the last reset on, goes wrong like this.
    pub fn fail_nth(&self, call: u64, fault: Fault) {
        self.lock().plan.push((None, call, fault));
    }

    /// Every call that the plan does not name is pending this often before the store is asked.
    pub fn delay_all(&self, times: u32) {
        self.lock().delay = times;
    }

    /// Every call that goes well is pending this often before the store is asked, and as often
    /// before its answer: one that is dropped may or may not have been done.
    pub fn hesitate(&self, times: u32) {
        self.lock().hesitation = times;
    }

    /// The next call of this verb goes wrong like this.
    pub fn fail_next(&self, verb: Verb, fault: Fault) {
        let mut state = self.lock();
        let next = state.calls.of(verb) + 1;
        state.plan.push((Some(verb), next, fault));
    }

    /// Whether the store is down: every call fails and nothing is done.
    pub fn fail_all(&self, is_down: bool) {
        self.lock().is_down = is_down;
    }

    /// The number of calls of each verb, failed calls included.
    pub fn calls(&self) -> Calls {
        self.lock().calls.clone()
    }

    /// The number of calls so far that write.
    pub fn writes(&self) -> u64 {
        self.lock().calls.where_writes_is(true)
    }

    /// The number of calls so far that read.
    pub fn reads(&self) -> u64 {
        self.lock().calls.where_writes_is(false)
    }

    /// Counts from zero again. A plan that has not come true counts from here.
    pub fn reset_calls(&self) {
        self.lock().calls = Calls::default();
    }

    /// The store that this one stands around.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    async fn ask<T>(
        &self,
        verb: Verb,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match self.begin(verb) {
            None => {
                let times = self.lock().hesitation;
                Hesitation(times).await;
                let answer = answer.await;
                Hesitation(times).await;
                answer
            }
            Some(Fault::Before) => Err(failure().not_done()),
            Some(Fault::After) => answer.await.and_then(|_| Err(failure())),
            Some(Fault::Delay(times)) => {
                Hesitation(times).await;
                answer.await
            }
        }
    }

    fn begin(&self, verb: Verb) -> Option<Fault> {
        let mut state = self.lock();
        *state.calls.0.entry(verb).or_default() += 1;
        if state.is_down {
            return Some(Fault::Before);
        }
        let (of_verb, of_all) = (state.calls.of(verb), state.calls.total());
        let at = state.plan.iter().position(|(planned, call, _)| match planned {
            Some(planned) => *planned == verb && *call == of_verb,
            None => *call == of_all,
        });
        match at {
            Some(at) => Some(state.plan.swap_remove(at).2),
            None => (state.delay > 0).then_some(Fault::Delay(state.delay)),
        }
    }

    /// Counts and plans are whole after every step, whoever panicked.
    fn lock(&self) -> MutexGuard<'_, FaultyState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failure() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable).with_source("this store was told to fail")
}

/// Pending this often, waking itself.
pub(super) struct Hesitation(u32);

impl Hesitation {
    pub(super) fn times(times: u32) -> Self {
        Self(times)
    }
}

impl Future for Hesitation {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match self.0.checked_sub(1) {
            None => Poll::Ready(()),
            Some(left) => {
                self.0 = left;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

impl<S: fmt::Display> fmt::Display for FaultyStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty {}", self.inner)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: SessionStore> SessionStore for FaultyStore<S> {
    async fn insert(&self, new: NewRecord) -> Result<Inserted, StoreError> {
        self.ask(Verb::Insert, self.inner.insert(new)).await
    }

    async fn load(&self, key: &SessionKey) -> Result<Option<Snapshot>, StoreError> {
        self.ask(Verb::Load, self.inner.load(key)).await
    }

    async fn stamp(
        &self,
        subject: &SubjectKey,
        now: Timestamp,
    ) -> Result<SubjectStamp, StoreError> {
        self.ask(Verb::Stamp, self.inner.stamp(subject, now)).await
    }

    async fn commit(&self, change: Change) -> Result<Committed, StoreError> {
        self.ask(Verb::Commit, self.inner.commit(change)).await
    }

    async fn end(&self, key: &SessionKey, tombstone: &Tombstone) -> Result<Ended, StoreError> {
        self.ask(Verb::End, self.inner.end(key, tombstone)).await
    }

    async fn note_use(&self, seen: &Snapshot, used: Use) -> Result<Noted, StoreError> {
        self.ask(Verb::NoteUse, self.inner.note_use(seen, used)).await
    }

    async fn change_subject(
        &self,
        subject: &SubjectKey,
        change: SubjectChange,
    ) -> Result<SubjectChanged, StoreError> {
        self.ask(Verb::ChangeSubject, self.inner.change_subject(subject, change)).await
    }

    async fn list(&self, query: &Query) -> Result<RecordPage, StoreError> {
        self.ask(Verb::List, self.inner.list(query)).await
    }

    async fn revoked_since(
        &self,
        cursor: &Cursor,
        limit: u32,
    ) -> Result<RevocationBatch, StoreError> {
        self.ask(Verb::RevokedSince, self.inner.revoked_since(cursor, limit)).await
    }

    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<Swept, StoreError> {
        self.ask(Verb::Sweep, self.inner.sweep(now, limit)).await
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
}
