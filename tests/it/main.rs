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
mod compat_create;
mod compat_hanko;
mod compat_hanko_keys;
mod compat_hanko_sessions;
mod compat_hanko_validate;
mod compat_stack_auth;
mod compat_stack_auth_refresh;
mod compat_stack_auth_sessions;
mod compat_stack_auth_tokens;
mod compat_tmdb;
mod compat_tmdb_sessions;
mod compat_types;
mod compat_zelf;
mod compat_zelf_usage;
mod compat_zitadel;
mod compat_zitadel_callers;
#[cfg(all(feature = "password", feature = "totp"))]
mod compat_zitadel_challenges;
#[cfg(all(feature = "password", feature = "totp"))]
mod compat_zitadel_checks;
mod compat_zitadel_delete;
mod compat_zitadel_get;
mod compat_zitadel_lifetime;
mod compat_zitadel_list;
mod compat_zitadel_proto;
mod compat_zitadel_set;
mod compat_zitadel_sufficient;
mod core_flows;
mod errors;
mod factors;
mod faults;
mod flawed_stores;
mod hostile;
mod hostile_keys;
mod hostile_sets;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod keys;
mod lifetimes;
mod limits;
mod lockout;
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
#[cfg(all(feature = "password", feature = "totp"))]
mod zitadel_host;
