//! `src/compat`, compiled outside of its crate. Where it uses an item that no host has, this does
//! not compile.

pub use session_issuer::*;

#[path = "../../../src/compat/mod.rs"]
pub mod compat;
