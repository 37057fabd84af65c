//! Searches the rules: the real functions in simulated worlds, checked against the design's text.
//!
//! | file | rule | world |
//! | --- | --- | --- |
//! | `search` | | the engine: breadth first over de-duplicated states, and seeded random walks |
//! | `issuer` | | an issuer with one record, a clock that is moved by hand, and every write |
//! | `honest` | refresh | a client with lost replies, a second tab and step-ups: it is never taken for a thief |
//! | `theft` | refresh | an owner and a thief with copies of one token: when they are found, and when not |
//! | `anything` | refresh | every token there ever was, at any time, with failovers and revocations |
//! | `sentences` | refresh | single sentences of the text, at their exact boundaries |
//! | `uses` | refresh, check | writes that move no version, racing those that do |
//! | `checks` | check | every access token under every requirement, at any time |
//! | `updates` | update | tokens and the host, lost replies, factors, challenges and lifetimes |
//! | `requests` | request | two nodes that decide and exchange at once, revocations and expiry |
//!
//! The numbers of a search are shown by `cargo test --lib session::model -- --nocapture`.

mod anything;
mod checks;
mod honest;
mod issuer;
mod requests;
mod search;
mod sentences;
mod theft;
mod updates;
mod uses;

const MILLISECOND: i64 = 1;
const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The overlap window of the default policy.
const OVERLAP: i64 = 10 * SECOND;
/// The retry window of the default policy.
const RETRY: i64 = DAY;
/// The idle timeout of the default policy.
const IDLE: i64 = 7 * DAY;
/// How many generations in a row the default policy answers outside the overlap.
const LATE_REPLAYS_IN_A_ROW: u8 = 2;

/// Where random walks begin: the same in every run.
const SEED: u64 = 0x5E55_1011;
