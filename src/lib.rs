//! Create, check, refresh, update, list and revoke sessions in your own process.
//!
//! A host application links this crate, plugs in a store and a token signer, and calls an
//! [`Issuer`]. There is no network layer, no runtime and no global state.
//!
//! ```
//! use session_issuer::{
//!     Issuer, NewSession, Policy, Refresh, Requirement, Revoke,
//!     entropy::SystemEntropy, id::SubjectId, policy::{AccessFormat, Credentials},
//!     store::MemoryStore, token::TokenKeys,
//! };
//!
//! # pollster::block_on(async {
//! let issuer = Issuer::builder()
//!     .store(MemoryStore::new())
//!     .token_keys(TokenKeys::generate(&SystemEntropy)?) // a real host loads a secret that outlives the process
//!     .policy(Policy::default().credentials(Credentials::Pair(AccessFormat::Opaque)))
//!     .build()?;
//!
//! let login = issuer.create(NewSession::for_subject(SubjectId::new("alice")?)).await?;
//! issuer.check(login.token(), &Requirement::new()).await?;
//!
//! let pair = issuer.refresh(Refresh::new(login.refresh_token().unwrap())).await?;
//! issuer.revoke(Revoke::token(pair.token())).await?;
//! assert!(issuer.check(pair.token(), &Requirement::new()).await.is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Where things are
//! | you want to | look at |
//! | --- | --- |
//! | put an issuer together | [`Issuer::builder`], [`IssuerBuilder`](issuer::IssuerBuilder) |
//! | hold it in your application | `Arc<dyn` [`SessionIssuer`]`>` |
//! | choose lifetimes, rotation, caps | [`Policy`] and its presets; every default with its reason: [`guide::defaults`] |
//! | say what a check needs | [`Requirement`] |
//! | let it check passwords and codes | [`verifier`], [`guide::factors`] |
//! | keep sessions somewhere else | [`store::SessionStore`], [`guide::stores`] |
//! | sign with your keys, roll them, publish them | [`signer`], [`guide::signers`] |
//! | verify elsewhere, with public keys alone | `verify::TokenVerifier` (with `aws-lc-rs` or `rust-crypto`) |
//! | react to an error | [`Error`], [`ErrorKind`](error::ErrorKind) |
//! | know each flow: who calls whom, what the store does, where we differ | [`guide::flows`] |
//! | know what rotation finds, and what it does not | [`guide::rotation`] |
//! | know what a revocation means, and when | [`guide::revocation`] |
//! | see what is held against whom | [`guide::threats`], each claim with its test |
//! | know what a word means here | [`guide::words`] |
//! | speak the JSON of Hanko, Stack Auth, ZITADEL, TMDB, ZELF | [`compat`] |
//! | test your own code | `testing` (feature) |
//!
//! # Paths
//! Each item has one path: that of its module. The dozen names that most programs write stand at
//! the root as well: [`Error`], [`Issuer`], [`NewSession`], [`Policy`], [`Refresh`],
//! [`RequestTokens`], [`Requirement`], [`Revoke`], [`SessionIssuer`], [`SessionQuery`],
//! [`Timestamp`], [`Update`]. The error of a joint lies beside the joint, as [`store::StoreError`]
//! does.
//!
//! # Words
//! A *session* has an id (not a secret), perhaps a *subject* (whom it is about), and a *generation*
//! (where its tokens stand). An *access token* proves it for a short time, a *refresh token* buys
//! the next pair, a *session token* is its handle at one exact generation, a *request token* may
//! become one. A *check* that passed is a *factor*. An *epoch* is a subject's count of mass
//! revocations. A *noted use* is a write that moves no version; a *jump* is a generation step that
//! old tokens cannot follow.
//!
//! # Features
//! | feature | adds | pulls in |
//! | --- | --- | --- |
//! | none by default | issuer, memory store, HS256 | |
//! | `hanko`, `stack-auth`, `tmdb`, `zelf`, `zitadel` | the API of one system: its module of [`compat`] | |
//! | `compat` | all five of them | |
//! | `aws-lc-rs` | ES256, EdDSA, RS256; `TokenVerifier` | `aws-lc-rs` (builds C), `pkcs8`, `pkcs1`, `sec1`, `curve25519-dalek`, `async-lock` |
//! | `rust-crypto` | ES256 and EdDSA in pure Rust; `TokenVerifier` | `p256`, `ed25519-dalek`, and the same without `aws-lc-rs` |
//! | `encrypted-keys` | private keys under a passphrase, beside one of the two above | `pkcs5`: AES, PBKDF2, scrypt |
//! | `password` | passwords by Argon2id | `argon2` |
//! | `tokio` | a sweeper that runs again and again as a task | `tokio` (its runtime and timer) |
//! | `totp` | codes from an authenticator app | `totp-rs`, `percent-encoding` |
//! | `sqlite` | sessions in a file: `store::SqliteStore` | `rusqlite` (builds C: SQLite itself) |
//! | `testing` | manual clock, seeded entropy, recording sink, faulty store, fixtures, the public store suite | `pollster` |

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod actor;
pub mod client;
pub mod clock;
#[cfg(any(
    feature = "hanko",
    feature = "stack-auth",
    feature = "tmdb",
    feature = "zelf",
    feature = "zitadel"
))]
#[cfg_attr(docsrs, doc(cfg(feature = "compat")))]
pub mod compat;
pub mod entropy;
mod epoch;
pub mod error;
pub mod event;
pub mod factor;
mod forward;
pub mod guide;
pub mod id;
pub mod issuer;
mod json;
mod mac;
pub mod metadata;
pub mod policy;
mod reason;
pub mod secret;
pub mod session;
pub mod signer;
pub mod store;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
pub mod token;
pub mod verifier;
pub mod verify;

pub use clock::Timestamp;
pub use error::Error;
pub use issuer::{
    Issuer, NewSession, Refresh, RequestTokens, Revoke, SessionIssuer, SessionQuery, Update,
};
pub use policy::{Policy, Requirement};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
