//! The suite that proves a store: every promise of [`SessionStore`](crate::store::SessionStore),
//! each as one case.
//!
//! A case is declared once, in the file of its group, and listed once, in `cases`.

#![allow(missing_docs, reason = "the name of a case is its documentation")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a case that fails panics"
)]

pub mod adoption;
pub mod basics;
pub mod cancellation;
pub mod caps;
pub mod compare_and_swap;
pub mod damage;
pub mod devices;
pub mod end_and_use;
pub mod epochs;
pub mod errors;
pub mod limits;
pub mod listing;
pub mod races;
pub mod reopening;
pub mod requests;
pub mod revocation_log;
pub mod sweeping;
pub mod tenancy;
pub mod two_handles;

mod cases;
mod tools;

use std::sync::Arc;

use super::{DurableStore, block_on};
use crate::store::SessionStore;

/// Runs one case on a new store.
pub fn run<S, Made, Done>(
    make: impl FnOnce() -> Made,
    case: impl FnOnce(Arc<dyn SessionStore>) -> Done,
) where
    S: SessionStore,
    Made: Future<Output = S>,
    Done: Future<Output = ()>,
{
    block_on(async {
        let store: Arc<dyn SessionStore> = Arc::new(make().await);
        case(store).await;
    });
}

/// Runs one case on the first handle of a new place.
pub fn run_on_a_handle<P, Made, Done>(
    make: impl FnOnce() -> Made,
    case: impl FnOnce(Arc<dyn SessionStore>) -> Done,
) where
    P: DurableStore,
    Made: Future<Output = P>,
    Done: Future<Output = ()>,
{
    block_on(async {
        let place = make().await;
        case(place.open().await).await;
    });
}

/// Runs one case on a new place.
pub fn run_durable<P, Made, Done>(
    make: impl FnOnce() -> Made,
    case: impl FnOnce(Box<dyn DurableStore>) -> Done,
) where
    P: DurableStore + 'static,
    Made: Future<Output = P>,
    Done: Future<Output = ()>,
{
    block_on(async { case(Box::new(make().await)).await });
}

/// Proves a store: makes a module with one named test for each promise of `SessionStore`, in a
/// module for each group.
///
/// `store` is a closure without arguments whose future makes a store. Every case calls it once, and
/// it must answer a store of its own that is empty: cases run at the same time, and move time by
/// years.
///
/// `durable`, in its place, is such a closure whose future makes a
/// [`DurableStore`](crate::testing::DurableStore): an empty place of its own for each case. Then
/// all cases run on a handle of it, and three more groups prove what outlives a handle.
///
/// | group | proves |
/// | --- | --- |
/// | `basics` | what goes in comes out, and an id is given once |
/// | `compare_and_swap` | a commit replaces exactly the version it was decided on, and revives nothing |
/// | `end_and_use` | an end needs no version and is one way; a noted use loses nothing and moves no version |
/// | `requests` | a request token is decided once and exchanged once, in one row |
/// | `devices` | a device has one slot |
/// | `caps` | a subject has at most so many sessions, whoever goes |
/// | `epochs` | a bump ends all sessions of a subject but one, and a stamp only grows |
/// | `adoption` | a record for which nothing was verified comes under the epoch of the act that adds it |
/// | `revocation_log` | whoever follows the log learns of every revocation |
/// | `listing` | pages in the order of (created at, id), complete and without duplicates |
/// | `sweeping` | what ended a while ago goes, a bounded number at a time, and nothing else |
/// | `tenancy` | the tenant is part of every key |
/// | `limits` | names in every script, the largest legal record, questions at their bounds |
/// | `races` | up to 100 threads at once, hundreds of times over |
/// | `cancellation` | the future of every verb is dropped at every await |
/// | `errors` | neither errors nor the store itself show what is kept |
/// | `two_handles` (durable) | two handles are one store, in a race too |
/// | `reopening` (durable) | what was acknowledged is there when the place is opened anew |
/// | `damage` (durable) | a row that cannot be read is an error, never a default, and stops nobody else |
///
/// Cases run without a runtime, and some from many threads at once: a store that needs a runtime
/// enters it by itself. A case that a store cannot pass because it [lacks the
/// ability](crate::store::Capabilities) is skipped, and says so.
///
/// # Examples
/// ```
/// use session_issuer::store::MemoryStore;
///
/// session_issuer::testing::store_suite! {
///     mod memory_store;
///     store: || async { MemoryStore::new() }
/// }
/// # fn main() {}
/// ```
///
/// A store that is kept in a file, whole: `examples/own_store.rs`. `cargo test races::` runs one
/// group.
#[doc(hidden)] // shown as `testing::store_suite!`
#[macro_export]
macro_rules! store_suite {
    ($(#[$meta:meta])* mod $name:ident; store: $make:expr $(;)?) => {
        $(#[$meta])*
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            $crate::__store_groups! { [run] [$make] }
        }
    };
    ($(#[$meta:meta])* mod $name:ident; durable: $make:expr $(;)?) => {
        $(#[$meta])*
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            $crate::__store_groups! { [run_on_a_handle] [$make] }
            $crate::__durable_groups! { [$make] }
        }
    };
}
