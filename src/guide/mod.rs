//! Longer reading: defaults and their reasons, rotation, revocation, signers, threats, stores.

#[doc = include_str!("defaults.md")]
pub mod defaults {}

#[doc = include_str!("rotation.md")]
pub mod rotation {}

#[doc = include_str!("revocation.md")]
pub mod revocation {}

#[doc = include_str!("signers.md")]
pub mod signers {}

#[doc = include_str!("stores.md")]
pub mod stores {}

#[doc = include_str!("threats.md")]
pub mod threats {}
