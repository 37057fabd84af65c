//! The sweeper: batch after batch until nothing is left, whatever fails in between.

use std::task::Poll;

use crate::error::Error;
use crate::issuer::Issuer;

/// How many records a batch removes at most: few enough that a store answers others in between.
const DEFAULT_BATCH: u32 = 500;
/// How many batches in a row may fail before a run gives up.
const DEFAULT_FAILURES: u32 = 3;

/// Removes what ended a while ago, of all tenants, batch by batch until nothing is left.
///
/// The host runs it every minute or so; with the feature `tokio`, `Sweeper::spawn` does that.
///
/// # Examples
/// ```
/// use session_issuer::{
///     Issuer, Policy, entropy::SystemEntropy, issuer::Sweeper, policy::{AccessFormat, Credentials},
///     store::MemoryStore, token::TokenKeys,
/// };
///
/// # pollster::block_on(async {
/// let issuer = Issuer::builder()
///     .store(MemoryStore::new())
///     .token_keys(TokenKeys::generate(&SystemEntropy)?)
///     .policy(Policy::default().credentials(Credentials::Pair(AccessFormat::Opaque)))
///     .build()?;
///
/// let run = Sweeper::new(issuer).batch(100).run_until_clean().await;
/// assert!(run.clean && run.removed == 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Sweeper {
    pub(super) issuer: Issuer,
    batch: u32,
    failures: u32,
}

impl Sweeper {
    /// In batches of 500, until 3 in a row fail.
    pub fn new(issuer: Issuer) -> Self {
        Self { issuer, batch: DEFAULT_BATCH, failures: DEFAULT_FAILURES }
    }

    /// The most records that one batch removes; at least 1.
    #[must_use]
    pub fn batch(mut self, records: u32) -> Self {
        self.batch = records.max(1);
        self
    }

    /// The number of batches in a row that may fail before a run gives up; at least 1.
    #[must_use]
    pub fn failures(mut self, in_a_row: u32) -> Self {
        self.failures = in_a_row.max(1);
        self
    }

    /// Sweeps until nothing is left, or until too many batches in a row have failed.
    ///
    /// A batch that fails ends nothing: the next one is tried. Others get their turn between two
    /// batches, on a runtime of one thread too. Dropping the future is fine: what was removed stays
    /// removed.
    pub async fn run_until_clean(&self) -> SweepRun {
        let mut run = SweepRun::default();
        let mut in_a_row = 0;
        loop {
            run.batches += 1;
            match self.issuer.sweep(self.batch).await {
                Ok(report) => {
                    in_a_row = 0;
                    run.removed += report.removed as u64;
                    run.damaged += report.damaged as u64;
                    if !report.more {
                        run.clean = true;
                        return run;
                    }
                }
                Err(error) => {
                    in_a_row += 1;
                    run.failed += 1;
                    run.error = Some(error);
                    if in_a_row >= self.failures {
                        return run;
                    }
                }
            }
            others_first().await;
        }
    }
}

/// The outcome of a run: until nothing was left, or until the sweeper gave up.
#[derive(Debug, Default)]
#[must_use]
#[non_exhaustive]
pub struct SweepRun {
    /// The number of records that are gone.
    pub removed: u64,
    /// The number of rows that cannot be read: they stay, and are never sessions.
    pub damaged: u64,
    /// The number of batches, failed ones included.
    pub batches: u64,
    /// The number of batches that failed.
    pub failed: u64,
    /// True when nothing is left. False when it gave up.
    pub clean: bool,
    /// The error of the last batch that failed.
    pub error: Option<Error>,
}

/// Pending once, so that whoever shares the thread gets a turn.
async fn others_first() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
