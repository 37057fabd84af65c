//! Where slow hashing runs: on the caller's thread, or on a pool that the host gives.

use std::{
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
};

use async_trait::async_trait;

use crate::error::VerifyError;

/// A piece of blocking work. It does not panic.
pub type Job = Box<dyn FnOnce() + Send>;

/// Runs blocking work away from the threads that drive futures.
///
/// One hash at the default cost keeps a core busy for some 20 ms: too long for a thread that serves
/// others. A pool also bounds how many run at once, and so how much memory they take.
///
/// # Contract
/// - [`run`](Self::run) MUST return after the job has run. A job that is dropped instead is a fault
///   of that login.
///
/// # Examples
/// With tokio:
/// ```text
/// #[async_trait]
/// impl Offload for BlockingPool {
///     async fn run(&self, job: Job) -> Result<(), VerifyError> {
///         tokio::task::spawn_blocking(job).await.map_err(VerifyError::new)
///     }
/// }
/// ```
#[async_trait]
pub trait Offload: Debug + Send + Sync {
    /// Runs a job, and returns when it is done.
    ///
    /// # Errors
    /// [`VerifyError`] when the pool takes no job. The check of the password is `Unavailable` then.
    async fn run(&self, job: Job) -> Result<(), VerifyError>;
}

/// Runs jobs where they are awaited.
#[derive(Debug)]
pub(super) struct Inline;

#[async_trait]
impl Offload for Inline {
    async fn run(&self, job: Job) -> Result<(), VerifyError> {
        job();
        Ok(())
    }
}

/// What the work gives, when it was run and did not panic.
pub(super) async fn offloaded<T: Send + 'static>(
    offload: &dyn Offload,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, VerifyError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let job = move || {
        // A panic is caught here, so that no pool has to. What the work owned is dropped with it.
        if let Ok(done) = catch_unwind(AssertUnwindSafe(work)) {
            let _ = sender.try_send(done);
        }
    };
    offload.run(Box::new(job)).await?;
    receiver
        .try_recv()
        .map_err(|_| VerifyError::new("a hash was not computed: its job panicked or was dropped"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Forgetful;

    #[async_trait]
    impl Offload for Forgetful {
        async fn run(&self, job: Job) -> Result<(), VerifyError> {
            drop(job);
            Ok(())
        }
    }

    #[test]
    fn a_job_that_panics_or_is_dropped_is_a_fault() {
        assert_eq!(pollster::block_on(offloaded(&Inline, || 7)).unwrap(), 7);
        let panicked = pollster::block_on(offloaded(&Inline, || -> u8 { panic!("in a test") }));
        let dropped = pollster::block_on(offloaded(&Forgetful, || 7));
        for fault in [panicked, dropped] {
            let cause = std::error::Error::source(&fault.unwrap_err()).unwrap().to_string();
            assert_eq!(cause, "a hash was not computed: its job panicked or was dropped");
        }
    }
}
