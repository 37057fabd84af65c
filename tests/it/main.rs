//! One binary for all integration tests.

// The modules share `world`, whose items are public to them and to nobody else.
#![allow(unreachable_pub)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed test panics"
)]

mod access;
mod attacks;
mod bad_input;
mod circles;
mod compat;
mod core_flows;
mod early_exits;
mod errors;
mod factors;
mod faults;
mod flawed_stores;
mod guides;
mod hostile;
mod hostile_keys;
mod hostile_sets;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod keys;
mod lifetimes;
mod limits;
mod lockout;
mod looks;
mod one_time_codes;
#[cfg(feature = "password")]
mod passwords;
mod races;
mod recovery;
mod requests;
mod revocation;
mod rooms;
mod rotation;
mod rotten;
mod rows;
mod seed_cases;
#[cfg(feature = "sqlite")]
mod sqlite;
mod stores;
mod sweeper;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod token_verifier;
mod tokens;
#[cfg(feature = "totp")]
mod totp;
mod vectors;
mod world;
