//! A job that a call hands to the writer: what it does, where its answer goes, and what a drop
//! means.

use std::{
    pin::Pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use rusqlite::Connection;

use super::error::broken;
use crate::store::StoreError;

type Answer<T> = Result<T, StoreError>;

/// One act of a call, as the writer sees it.
pub(super) trait Job: Send {
    /// Takes the job on: from now on it happens, whoever waits. False when nobody waits any more.
    fn begin(&self) -> bool;
    /// Does it, within a transaction. False when it failed, and what it wrote must be taken back.
    fn run(&mut self, tables: &Connection) -> bool;
    /// The transaction is on the disk: gives the answer, and says whom to wake.
    fn finish(&mut self) -> Option<Waker>;
    /// The job did not happen, or nobody can say, for this reason: answers that, or why the job
    /// itself failed, and says whom to wake.
    fn fail(&mut self, error: StoreError) -> Option<Waker>;
}

/// Makes a job, and the future that waits for its answer.
pub(super) fn job<T, F>(act: F) -> (Box<dyn Job>, PendingAnswer<T>)
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> Answer<T> + Send + 'static,
{
    let slot =
        Arc::new(Mailbox { state: Mutex::new(JobState::Waiting(None)), answered: Condvar::new() });
    (Box::new(Task { slot: slot.clone(), act: Some(act), answer: None }), PendingAnswer(slot))
}

struct Task<T, F> {
    slot: Arc<Mailbox<T>>,
    act: Option<F>,
    answer: Option<Answer<T>>,
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Answer<T> + Send,
{
    fn begin(&self) -> bool {
        let mut state = self.slot.lock();
        match &mut *state {
            JobState::Waiting(waker) => {
                *state = JobState::Running(waker.take());
                true
            }
            JobState::Running(_) | JobState::Answered(_) | JobState::Dropped => false,
        }
    }

    fn run(&mut self, tables: &Connection) -> bool {
        let answer = self.act.take().map(|act| act(tables));
        let is_done = matches!(answer, Some(Ok(_)));
        self.answer = answer;
        is_done
    }

    fn finish(&mut self) -> Option<Waker> {
        let answer = self.answer.take();
        self.slot.answer(answer.unwrap_or_else(|| Err(broken())))
    }

    fn fail(&mut self, error: StoreError) -> Option<Waker> {
        let own = self.answer.take().and_then(Result::err);
        self.slot.answer(Err(own.unwrap_or(error)))
    }
}

/// A job that is lost, because the writer is gone, is answered all the same.
impl<T, F> Drop for Task<T, F> {
    fn drop(&mut self) {
        if let Some(waker) = self.slot.answer(Err(broken())) {
            waker.wake();
        }
    }
}

struct Mailbox<T> {
    state: Mutex<JobState<T>>,
    answered: Condvar,
}

enum JobState<T> {
    /// The writer has not come to it. If it is dropped now, it never happens.
    Waiting(Option<Waker>),
    /// It is part of a transaction.
    Running(Option<Waker>),
    /// The answer, until it is taken.
    Answered(Option<Answer<T>>),
    /// Nobody waits.
    Dropped,
}

impl<T> Mailbox<T> {
    /// Whoever panicked, each state is whole.
    fn lock(&self) -> MutexGuard<'_, JobState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the answer, if none was given; says whom to wake.
    fn answer(&self, answer: Answer<T>) -> Option<Waker> {
        let mut state = self.lock();
        let (JobState::Waiting(waker) | JobState::Running(waker)) = &mut *state else {
            return None;
        };
        let waker = waker.take();
        *state = JobState::Answered(Some(answer));
        self.answered.notify_all();
        waker
    }
}

/// Waits for the answer of a job.
pub(super) struct PendingAnswer<T>(Arc<Mailbox<T>>);

impl<T> Future for PendingAnswer<T> {
    type Output = Answer<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer<T>> {
        match &mut *self.0.lock() {
            JobState::Waiting(waker) | JobState::Running(waker) => {
                match waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    None => *waker = Some(context.waker().clone()),
                }
                Poll::Pending
            }
            JobState::Answered(answer) => {
                Poll::Ready(answer.take().unwrap_or_else(|| Err(broken())))
            }
            JobState::Dropped => Poll::Ready(Err(broken())),
        }
    }
}

/// What was not begun does not happen. What was begun is waited for: a transaction takes some
/// milliseconds, and whoever reads after the drop sees whether it happened.
impl<T> Drop for PendingAnswer<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if let JobState::Waiting(_) = *state {
            *state = JobState::Dropped;
        }
        while let JobState::Running(_) = *state {
            state = self.0.answered.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
