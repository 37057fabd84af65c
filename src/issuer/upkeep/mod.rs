//! What a host runs now and then: sweeps, and syncs of the local view of the revocation log.
//!
//! | file | what is there |
//! | --- | --- |
//! | `sweep` | one batch |
//! | `sweeper` | batch after batch until nothing is left |
//! | `sweeper_task` | again and again, as a task of a runtime |
//! | `sync` | reads the store's revocation log |
//! | `revocations` | the local view of that log |

pub(super) mod revocations;
mod sweep;
mod sweeper;
#[cfg(feature = "tokio")]
mod sweeper_task;
mod sync;

pub use self::sweeper::{SweepRun, Sweeper};
#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub use self::sweeper_task::{RunningSweeper, Schedule};
