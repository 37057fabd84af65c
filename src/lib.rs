//! Create, check, refresh, update, list and revoke sessions in your own process.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod actor;
pub mod client;
pub mod clock;
pub mod compat;
pub mod entropy;
pub mod error;
pub mod event;
pub mod factor;
pub mod id;
pub mod issuer;
pub mod metadata;
pub mod policy;
pub mod secret;
pub mod session;
pub mod signer;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod token;
pub mod verifier;

pub use clock::Timestamp;
pub use error::Error;
pub use issuer::{
    Checked, Issued, Issuer, NewSession, Refresh, RequestTokens, Revoke, SessionIssuer, SessionQuery, Update,
};
pub use policy::{Policy, Requirement};
