//! The one loop of every verb that changes a record: load, decide, commit; after a lost race,
//! again.
//!
//! A verb says how it loads and how it decides ([`ChangingVerb`]). The loop commits what was
//! decided, on the version that it was decided on. Where another call came first, nothing was
//! written: the record and the time are read again, and the verb decides again, on what is there
//! then.

use std::sync::Arc;

use super::call::Call;
use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind},
    session::{CapRule, Epoch, Record},
    store::{Change, Committed, Snapshot},
};

/// How often a call decides anew after it lost a race.
///
/// Each time another call has won one, so this is also how many calls may change one session at
/// once.
const MAX_TRIES: usize = 128;
/// In how many of these tries a token is signed before the change is stored.
///
/// After that the change is stored first, so that a signer far away is not asked again and again.
const SIGNING_TRIES: usize = 3;

/// A verb that changes one record.
pub(super) trait ChangingVerb: Sync {
    /// What the verb keeps of its decision until the store has answered.
    type Kept: Send;

    /// Loads the record, and proves by it that the caller may change it.
    fn load(&self, call: Call<'_>) -> impl Future<Output = Result<Snapshot, Error>> + Send;

    /// Decides what becomes of the record that was read. What needs a signature is signed here.
    fn decide(
        &self,
        call: Call<'_>,
        read: &Snapshot,
        turn: Turn,
    ) -> impl Future<Output = Result<Decided<Self::Kept>, Error>> + Send;
}

/// One turn of the loop.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    /// The time by which the turn decides.
    pub(super) now: Timestamp,
    number: usize,
}

impl Turn {
    /// True when another call has changed the record between a read and the commit of this call.
    pub(super) fn lost_a_race(self) -> bool {
        self.number > 0
    }

    /// True when a token is to be signed before the change is stored: a signer that fails then
    /// costs nothing.
    pub(super) fn signs_first(self) -> bool {
        self.number < SIGNING_TRIES
    }
}

/// What a verb has decided.
pub(super) enum Decided<D> {
    /// The record shall change.
    Commit(Proposal, D),
    /// Nothing is to be committed: the answer is made of this record.
    Answer(Arc<Record>, D),
    /// The record has changed since it was read.
    Again,
}

/// A change of a record.
pub(super) struct Proposal {
    /// The record as it shall be.
    pub(super) next: Arc<Record>,
    /// The epoch of its subject that the change was decided under.
    pub(super) observed: Option<Epoch>,
    /// The change rests on something that was proved under that epoch: one that has moved is final.
    pub(super) proved: bool,
    /// The cap that the change must keep.
    pub(super) admit: Option<CapRule>,
}

impl Proposal {
    /// This record in the place of what was read.
    pub(super) fn new(read: &Snapshot, next: impl Into<Arc<Record>>) -> Self {
        let observed = read.subject.as_ref().map(|stamp| stamp.epoch);
        Self { next: next.into(), observed, proved: false, admit: None }
    }
}

/// What the loop came to.
pub(super) struct Settled<D> {
    /// The record as it now is.
    pub(super) record: Arc<Record>,
    /// The sessions that the cap ended, with their tombstones.
    pub(super) evicted: Vec<Arc<Record>>,
    /// What was read in the last turn.
    pub(super) read: Snapshot,
    /// The time of the last turn.
    pub(super) now: Timestamp,
    pub(super) kept: D,
}

impl Call<'_> {
    /// Lets a verb decide until a decision holds. `read` is what it has loaded already, if it has.
    ///
    /// # Errors
    /// Those of the verb; `CapReached`, `SubjectMoved`, `Contention`, and those of the store.
    pub(super) async fn settle<V: ChangingVerb>(
        self,
        verb: &V,
        mut read: Option<Snapshot>,
    ) -> Result<Settled<V::Kept>, Error> {
        for number in 0..MAX_TRIES {
            let read = match read.take() {
                Some(read) => read,
                None => verb.load(self).await?,
            };
            let now = self.now();
            let (proposal, kept) = match verb.decide(self, &read, Turn { now, number }).await? {
                Decided::Commit(proposal, kept) => (proposal, kept),
                Decided::Answer(record, kept) => {
                    return Ok(Settled { record, evicted: Vec::new(), read, now, kept });
                }
                Decided::Again => continue,
            };
            let Proposal { next, observed, proved, admit } = proposal;
            let mut change = Change::new(read.clone(), next, now);
            change.observed_epoch = observed;
            change.admit = admit;
            match self.inner.store.commit(change).await.map_err(self.store_failed())? {
                Committed::Done { record, evicted } => {
                    return Ok(Settled { record, evicted, read, now, kept });
                }
                Committed::CapReached if admit.is_some() => {
                    return Err(self.error(ErrorKind::CapReached));
                }
                Committed::CapReached => return Err(self.error(ErrorKind::Internal)),
                Committed::EpochMoved if proved => return Err(self.error(ErrorKind::SubjectMoved)),
                Committed::Conflict(_) | Committed::Gone | Committed::EpochMoved => {}
            }
        }
        Err(self.error(ErrorKind::Contention))
    }
}
