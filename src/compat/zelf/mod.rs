//! ZELF: the session of a device, made or found, counted, and used up (flow E).
//!
//! Build the issuer with [`Policy::zelf`](crate::Policy::zelf) and a ring of HS256 keys: signed
//! tokens of 600 seconds. Asking again gives a fresh token with the same window.
//!
//! | ZELF | handler |
//! | --- | --- |
//! | `POST /api/sessions` | [`create_session`](Service::create_session) |
//! | `GET /api/sessions/yek-cilbup` | [`public_key`](Service::public_key) |
//! | what stands before every protected route | [`use_session`](Service::use_session) |
//! | what counts previews, searches, leases, decryptions | [`use_session`](Service::use_session) with a [`Quota`] |
//! | the end of a wallet's operation | [`finish_session`](Service::finish_session) |
//!
//! Whoever holds a token is its caller: only the first two take a [`Caller`]. What happens at each
//! call, and where we differ from ZELF: [`guide::flows`](crate::guide::flows).
//!
//! # Examples
//! ```
//! use session_issuer::{
//!     Issuer, Policy, compat::zelf::{self, Caller, CreateSession, Quota, UseSession},
//!     entropy::{Entropy, SystemEntropy}, signer::KeyRing, store::MemoryStore, token::TokenKeys,
//! };
//!
//! # pollster::block_on(async {
//! let mut secret = [0; 32];
//! SystemEntropy.fill(&mut secret)?; // for one process; a real host loads its secret
//! let issuer = Issuer::builder()
//!     .store(MemoryStore::new())
//!     .token_keys(TokenKeys::generate(&SystemEntropy)?)
//!     .signer(KeyRing::hs256("k1", &secret)?)
//!     .policy(Policy::zelf())
//!     .build()?;
//! let service = zelf::Service::new(issuer).limit(Quota::Search, 1);
//! let caller = Caller::new().origin("https://wallet.example").ip([192, 0, 2, 7].into());
//!
//! let body = r#"{"identifier": "device-1", "type": "decryptWallet"}"#;
//! let body: CreateSession = serde_json::from_str(body)?;
//! let made = service.create_session(&caller, body.clone()).await?.data;
//! let found = service.create_session(&caller, body).await?.data;
//! assert_eq!(found.activated_at, made.activated_at);
//! assert_eq!(found.expires_at, made.activated_at + 600);
//!
//! let header = format!("Bearer {}", made.token.expose());
//! let search = || UseSession::authorization(&header).counting(Quota::Search);
//! let used = service.use_session(search()).await?;
//! assert_eq!((used.identifier(), used.kind()), ("device-1", "decryptWallet"));
//! let refused = service.use_session(search()).await.unwrap_err();
//! assert_eq!(refused.status, 403);
//! assert_eq!(serde_json::to_string(&refused)?, r#"{"validationError":"Search limit exceeded"}"#);
//!
//! service.finish_session(UseSession::authorization(&header)).await?;
//! let refused = service.use_session(UseSession::authorization(&header)).await.unwrap_err();
//! assert_eq!(refused.status, 401);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod create;
mod key;
mod status;
mod usage;

use std::{net::IpAddr, sync::Arc};

pub use self::{
    create::{CreateSession, CreateSessionResponse, SessionData, TYPES},
    key::{KEY_SLOT, PublicKey, PublicKeyResponse, PublicKeys, WantedKey},
    status::ErrorBody,
    usage::{Quota, SessionUse, UseSession, bearer_token},
};
use super::redacted;
use crate::Issuer;

/// An error as ZELF answers it.
pub type ApiError = super::ApiError<ErrorBody>;

/// An issuer that answers as ZELF.
#[derive(Debug, Clone)]
pub struct Service {
    issuer: Issuer,
    strict: bool,
    limits: Vec<(Quota, u64)>,
    keys: Option<Arc<dyn PublicKeys>>,
}

impl Service {
    /// This issuer, as ZELF in production: no origin or no address, no session. With ZELF's limits,
    /// and without keys.
    pub fn new(issuer: Issuer) -> Self {
        Self { issuer, strict: true, limits: Vec::new(), keys: None }
    }

    /// As ZELF in development: callers without origin or address are answered too.
    #[must_use]
    pub fn development(mut self) -> Self {
        self.strict = false;
        self
    }

    /// How often a session may be used for this, in its 600 seconds: [`Quota::usual`] unless set.
    /// Zero is never.
    #[must_use]
    pub fn limit(mut self, quota: Quota, limit: u64) -> Self {
        self.limits.retain(|(known, _)| *known != quota);
        self.limits.push((quota, limit));
        self
    }

    /// Who has the keys that clients encrypt with. Without it, [`public_key`](Service::public_key)
    /// answers 500.
    #[must_use]
    pub fn public_keys(mut self, keys: impl PublicKeys + 'static) -> Self {
        self.keys = Some(Arc::new(keys));
        self
    }

    fn limit_of(&self, quota: Quota) -> u64 {
        let set = self.limits.iter().find(|(known, _)| *known == quota);
        set.map_or(quota.usual(), |(_, limit)| *limit)
    }

    fn admits(&self, caller: &Caller) -> Result<(), ApiError> {
        match self.strict && (caller.origin.is_none() || caller.ip.is_none()) {
            true => Err(ErrorBody::Error("rejected".to_owned()).with(403)),
            false => Ok(()),
        }
    }
}

/// Where a call to ZELF comes from. Nobody is authenticated.
#[derive(Clone, Default)]
pub struct Caller {
    origin: Option<String>,
    ip: Option<IpAddr>,
}

impl Caller {
    /// From nowhere known.
    pub fn new() -> Self {
        Self::default()
    }

    /// The `origin` header; an empty one counts as none.
    #[must_use]
    pub fn origin(mut self, origin: &str) -> Self {
        self.origin = (!origin.is_empty()).then(|| origin.to_owned());
        self
    }

    /// The client's address, as the host trusts it. An IPv4 address in IPv6 form is the IPv4
    /// address.
    #[must_use]
    pub fn ip(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip.to_canonical());
        self
    }
}

redacted!(Caller);
