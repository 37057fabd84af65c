//! Stack Auth: one file for each call or group of calls.

mod create;
mod refresh;
mod sessions;
mod tokens;
