//! What a host brings along: a store, keys, users, and what it knows of them.

use std::{
    collections::BTreeMap,
    error::Error,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;
use session_issuer::{
    Issuer, Policy, Timestamp,
    compat::{Profiles, hanko, stack_auth, zelf, zitadel},
    factor::{Check, SubjectRef},
    id::{SubjectId, TenantId},
    signer::KeyRing,
    store::SessionStore,
    token::TokenKeys,
    verifier::{
        Attempt, FactorVerifier, Found, Lookup, Outcome, SubjectDirectory, SubjectProfile,
        VerifyError,
    },
};

use super::{
    door::same,
    factors::Factors,
    kept,
    keys::{ApiKeys, Keys},
};

/// The project of Stack Auth's demo.
pub(crate) const PROJECT: &str = "00000000-0000-4000-8000-000000000001";

/// The organisation of ZITADEL's demo.
pub(crate) const ORGANISATION: &str = "demo-organisation";

/// One store and one set of token keys for all five; each system has its own tenant, policy and
/// signing keys.
pub(crate) struct Host {
    pub(crate) base: String,
    pub(crate) users: Users,
    pub(crate) keys: ApiKeys,
    pub(crate) factors: Arc<Factors>,
    /// Hanko's and Stack Auth's signing keys.
    pub(crate) ring: KeyRing,
    /// ZELF signs HS256.
    pub(crate) zelf_ring: KeyRing,
    store: Arc<dyn SessionStore>,
    token_keys: TokenKeys,
}

impl Host {
    /// With sessions in this file, or in memory. A real host loads its secrets, and knows its
    /// users.
    pub(crate) fn new(base: &str, store: Option<&Path>) -> Result<Self, Box<dyn Error>> {
        let sessions = kept::store(store)?;
        let keys = Keys::of(store)?;
        Ok(Self {
            base: base.to_owned(),
            users: Users,
            factors: Arc::new(Factors::new()?),
            ring: keys.ring()?,
            zelf_ring: keys.zelf_ring()?,
            store: sessions,
            token_keys: keys.token_keys()?,
            keys: keys.api,
        })
    }

    /// An issuer for work that is no system's: sweeping the store that all of them share.
    pub(crate) fn any_issuer(&self) -> Result<Issuer, Box<dyn Error>> {
        self.issuer(&System {
            tenant: "host",
            policy: Policy::default(),
            ring: &self.ring,
            name: self.base.clone(),
            audience: self.base.clone(),
        })
    }

    /// One system's issuer. Its name and audience are what its tokens say.
    pub(crate) fn issuer(&self, system: &System<'_>) -> Result<Issuer, Box<dyn Error>> {
        let issuer = Issuer::builder()
            .store(Arc::clone(&self.store))
            .token_keys(self.token_keys.clone())
            .signer(system.ring.clone())
            .directory(self.users)
            .verifier(self.factors.verifiers())
            .policy(system.policy.clone())
            .name(&system.name)
            .audience(&system.audience)
            .build()?;
        Ok(issuer.tenant(TenantId::new(system.tenant)?))
    }
}

/// What one system's issuer is like.
pub(crate) struct System<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) policy: Policy,
    pub(crate) ring: &'a KeyRing,
    pub(crate) name: String,
    pub(crate) audience: String,
}

/// A demo user. A real host has a database, and hashes of passwords.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) id: &'static str,
    pub(crate) login_name: &'static str,
    pub(crate) password: &'static str,
    pub(crate) name: &'static str,
    /// TMDB's accounts have numbers.
    pub(crate) number: u32,
}

const USERS: [User; 2] = [
    User {
        id: "d654e6ba-70a3-48ef-a95d-37c8d8a7901a",
        login_name: "mini@mouse.com",
        password: "V3ryS3cure!",
        name: "Mini Mouse",
        number: 1,
    },
    User {
        id: "0b8f5f7e-5a0f-4c5e-9d0a-6a1f6f6f2b11",
        login_name: "max@mouse.com",
        password: "Als0S3cure!",
        name: "Max Mouse",
        number: 2,
    },
];

/// Passwords that users have changed, by user.
static CHANGED: RwLock<BTreeMap<&str, String>> = RwLock::new(BTreeMap::new());

/// Who exists, who may log in, and what systems' tokens tell of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Users;

impl Users {
    pub(crate) fn all(self) -> impl Iterator<Item = &'static User> {
        USERS.iter()
    }

    pub(crate) fn by_id(self, id: &str) -> Option<&'static User> {
        USERS.iter().find(|user| user.id == id)
    }

    /// The user of a login, for pages that ask by themselves.
    pub(crate) fn by_login(self, login_name: &str, password: &str) -> Option<&'static User> {
        let user = USERS.iter().find(|user| user.login_name == login_name);
        user.filter(|user| self.knows(user, password))
    }

    /// Whether this is the user's password.
    pub(crate) fn knows(self, user: &User, password: &str) -> bool {
        let changed = CHANGED.read().unwrap_or_else(PoisonError::into_inner);
        same(password, changed.get(user.id).map_or(user.password, String::as_str))
    }

    pub(crate) fn set_password(self, user: &User, password: &str) {
        let mut changed = CHANGED.write().unwrap_or_else(PoisonError::into_inner);
        changed.insert(user.id, password.to_owned());
    }
}

#[async_trait]
impl SubjectDirectory for Users {
    async fn find(&self, lookup: Lookup<'_>) -> Result<Found, VerifyError> {
        let user = match lookup.by {
            SubjectRef::Id(id) => self.by_id(id.as_str()),
            SubjectRef::LoginName(name) => USERS.iter().find(|user| user.login_name == name),
            _ => None,
        };
        let Some(user) = user else { return Ok(Found::Unknown) };
        let profile = SubjectProfile::new(SubjectId::new(user.id).map_err(VerifyError::new)?);
        Ok(Found::Active(profile.with_resource_owner(ORGANISATION)))
    }
}

#[async_trait]
impl FactorVerifier for Users {
    async fn verify(&self, attempt: Attempt<'_>) -> Result<Outcome, VerifyError> {
        let Check::Password(given) = attempt.check else { return Ok(Outcome::NotSetUp) };
        let user = attempt.subject.and_then(|user| self.by_id(user.as_str()));
        let passed = user.is_some_and(|user| self.knows(user, given.expose()));
        Ok(if passed { Outcome::passed() } else { Outcome::Wrong })
    }
}

#[async_trait]
impl Profiles<hanko::Profile> for Users {
    async fn profile(&self, user: &SubjectId) -> Result<hanko::Profile, VerifyError> {
        let mut profile = hanko::Profile::default();
        profile.email =
            self.by_id(user.as_str()).map(|user| hanko::Email::primary(user.login_name, true));
        Ok(profile)
    }
}

#[async_trait]
impl Profiles<stack_auth::Profile> for Users {
    async fn profile(&self, user: &SubjectId) -> Result<stack_auth::Profile, VerifyError> {
        let mut profile = stack_auth::Profile::default();
        if let Some(user) = self.by_id(user.as_str()) {
            profile.name = Some(user.name.to_owned());
            profile.email = Some(user.login_name.to_owned());
            profile.email_verified = true;
            profile.signed_up_at = Some(signed_up_at());
        }
        Ok(profile)
    }
}

#[async_trait]
impl Profiles<zitadel::Profile> for Users {
    async fn profile(&self, user: &SubjectId) -> Result<zitadel::Profile, VerifyError> {
        let mut profile = zitadel::Profile::default();
        if let Some(user) = self.by_id(user.as_str()) {
            profile.login_name = Some(user.login_name.to_owned());
            profile.display_name = Some(user.name.to_owned());
        }
        Ok(profile)
    }
}

/// When the demo users signed up.
pub(crate) fn signed_up_at() -> Timestamp {
    Timestamp::from_secs(1_749_743_895)
}

/// Stands in for ZELF's PGP keys: a text for each identifier, and no key of anything.
#[derive(Debug)]
pub(crate) struct NoKeys;

#[async_trait]
impl zelf::PublicKeys for NoKeys {
    async fn public_key(&self, wanted: zelf::WantedKey<'_>) -> Result<String, VerifyError> {
        Ok(format!("no key, but a stand-in of {} characters", wanted.identifier.chars().count()))
    }
}
