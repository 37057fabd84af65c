//! ZITADEL: one file for each call or group of calls, and the host that has real verifiers.

mod callers;
#[cfg(all(feature = "password", feature = "totp"))]
mod challenges;
#[cfg(all(feature = "password", feature = "totp"))]
mod checks;
mod create;
mod delete;
mod get;
#[cfg(all(feature = "password", feature = "totp"))]
mod host;
mod lifetime;
mod list;
mod proto;
mod set;
mod sufficient;
