//! Longer reading: the five flows, defaults and their reasons, factors, rotation, revocation,
//! signers, stores, threats, words.

#[cfg(feature = "compat")]
#[cfg_attr(docsrs, doc(cfg(feature = "compat")))]
#[doc = include_str!("flows.md")]
pub mod flows {}

#[doc = include_str!("defaults.md")]
pub mod defaults {}

#[doc = include_str!("factors.md")]
pub mod factors {}

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

#[doc = include_str!("words.md")]
pub mod words {}
