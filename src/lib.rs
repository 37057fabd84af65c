//! stub
pub mod actor;
pub mod client;
pub mod clock;
pub mod entropy;
pub mod error;
pub mod event;
pub mod factor;
pub mod id;
pub mod metadata;
pub mod policy;
pub mod secret;
pub mod session;
pub mod signer;
pub mod store;
pub mod token;
pub mod verifier;
pub use clock::Timestamp;
