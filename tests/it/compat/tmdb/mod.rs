//! TMDB: one file for each call or group of calls.

pub mod create;
mod sessions;
