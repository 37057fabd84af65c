//! Hanko: one file for each call or group of calls.

pub mod create;
mod keys;
mod sessions;
pub mod validate;
