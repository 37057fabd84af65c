//! The public behaviour of the crate, as its hosts see it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails panics")]

mod stores;
