//! The sweeper as a task of a tokio runtime: again and again, with jitter, until its handle is
//! dropped.

use std::{fmt, panic::catch_unwind, time::Duration};

use tokio::{runtime::Handle, task::JoinHandle, time::sleep};

use super::sweeper::{SweepRun, Sweeper};
use crate::{
    error::{ConfigurationProblems, Error, ErrorKind, Operation},
    issuer::Issuer,
};

/// The times at which a sweeper runs, and who hears of each run.
///
/// # Examples
/// ```no_run
/// use std::time::Duration;
/// use session_issuer::{Issuer, issuer::{Schedule, Sweeper}};
///
/// # async fn serve() {}
/// # async fn f(issuer: Issuer) -> Result<(), session_issuer::Error> {
/// let schedule = Schedule::every(Duration::from_secs(60)).on_run(|run| {
///     if let Some(error) = &run.error {
///         eprintln!("a sweep failed: {error}");
///     }
/// });
/// let sweeping = Sweeper::new(issuer).spawn(schedule)?;
/// serve().await;
/// drop(sweeping); // and it stops
/// # Ok(())
/// # }
/// ```
pub struct Schedule {
    every: Duration,
    on_run: Box<dyn Fn(&SweepRun) + Send + Sync>,
}

impl Schedule {
    /// On average this often: each pause lasts between a half and one and a half of it, by the
    /// issuer's randomness, so that nodes that were started together do not sweep together. A
    /// minute is a good choice; a second at least.
    pub fn every(pause: Duration) -> Self {
        Self { every: pause.max(Duration::from_secs(1)), on_run: Box::new(|_| {}) }
    }

    /// Called after each run. It should return soon, and must not panic: then the sweeper would
    /// stop.
    #[must_use]
    pub fn on_run(mut self, on_run: impl Fn(&SweepRun) + Send + Sync + 'static) -> Self {
        self.on_run = Box::new(on_run);
        self
    }

    /// How long it is to the next run. Without randomness it is the pause as it was asked for.
    fn pause(&self, issuer: &Issuer) -> Duration {
        let random = issuer.call(Operation::Sweep).random::<4>().map(u32::from_be_bytes);
        let part = random.map_or(1.0, |random| 0.5 + f64::from(random) / f64::from(u32::MAX));
        self.every.checked_mul(2).map_or(self.every, |_| self.every.mul_f64(part))
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule").field("every", &self.every).finish_non_exhaustive()
    }
}

/// A sweeper at work. Dropping it stops the sweeper, between two batches or while it waits for a
/// store.
#[derive(Debug)]
#[must_use = "dropping it stops the sweeper"]
pub struct RunningSweeper(JoinHandle<()>);

impl RunningSweeper {
    /// False once it was stopped, or its runtime is gone.
    pub fn is_running(&self) -> bool {
        !self.0.is_finished()
    }
}

impl Drop for RunningSweeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Sweeper {
    /// Runs until clean again and again as a task of the tokio runtime that this is called in, the
    /// first time after one pause.
    ///
    /// # Errors
    /// [`InvalidConfiguration`]: there is no runtime here, or it has no timer (`enable_time`).
    ///
    /// [`InvalidConfiguration`]: crate::error::ErrorKind::InvalidConfiguration
    pub fn spawn(self, schedule: Schedule) -> Result<RunningSweeper, Error> {
        let runtime =
            Handle::try_current().map_err(|_| unfit("a sweeper needs a tokio runtime"))?;
        // There is no other way to ask.
        catch_unwind(|| drop(sleep(Duration::ZERO)))
            .map_err(|_| unfit("the runtime has no timer"))?;
        let task = runtime.spawn(async move {
            loop {
                sleep(schedule.pause(&self.issuer)).await;
                let run = self.run_until_clean().await;
                (schedule.on_run)(&run);
            }
        });
        Ok(RunningSweeper(task))
    }
}

fn unfit(problem: &str) -> Error {
    Error::new(ErrorKind::InvalidConfiguration, Operation::Sweep)
        .with_source(ConfigurationProblems(vec![problem.to_owned()]))
}
