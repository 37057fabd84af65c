//! How an issuer is put together: parts in, every mistake out at once.

use std::sync::Arc;

use super::core::{Inner, Issuer};
use crate::{
    clock::{Clock, SystemClock},
    entropy::{BlockEntropy, Entropy},
    error::{ConfigurationProblems, Error, ErrorKind, Operation},
    event::EventSink,
    id::TenantId,
    policy::{AccessFormat, AudienceForm, Policy},
    signer::TokenSigner,
    store::SessionStore,
    token::{Opening, TokenKeys},
    verifier::{FactorVerifier, SubjectDirectory},
    verify::problems_of_names,
};

/// Puts an issuer together.
///
/// A store and token keys are required, and a signer where the policy hands out signed tokens.
/// There is no default secret. [`build`](Self::build) reports every mistake at once.
#[derive(Debug, Default)]
pub struct IssuerBuilder {
    store: Option<Arc<dyn SessionStore>>,
    token_keys: Option<TokenKeys>,
    signer: Option<Arc<dyn TokenSigner>>,
    verifier: Option<Arc<dyn FactorVerifier>>,
    directory: Option<Arc<dyn SubjectDirectory>>,
    events: Option<Arc<dyn EventSink>>,
    clock: Option<Arc<dyn Clock>>,
    entropy: Option<Arc<dyn Entropy>>,
    policy: Policy,
    name: Option<String>,
    audience: Vec<String>,
}

impl Issuer {
    /// Begins to put an issuer together.
    pub fn builder() -> IssuerBuilder {
        IssuerBuilder::default()
    }
}

impl IssuerBuilder {
    /// The store of all sessions. Required.
    #[must_use]
    pub fn store(mut self, store: impl SessionStore) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// The keys of opaque tokens. Required.
    #[must_use]
    pub fn token_keys(mut self, keys: TokenKeys) -> Self {
        self.token_keys = Some(keys);
        self
    }

    /// The signer of access tokens. Required where the policy hands out signed ones.
    #[must_use]
    pub fn signer(mut self, signer: impl TokenSigner + 'static) -> Self {
        self.signer = Some(Arc::new(signer));
        self
    }

    /// The verifier of passwords, codes and assertions. Without it, only checks that name a subject
    /// can pass.
    #[must_use]
    pub fn verifier(mut self, verifier: impl FactorVerifier + 'static) -> Self {
        self.verifier = Some(Arc::new(verifier));
        self
    }

    /// The directory that knows the subjects. Without it, every subject that the host names is
    /// taken at its word, and none can be found by login name.
    #[must_use]
    pub fn directory(mut self, directory: impl SubjectDirectory + 'static) -> Self {
        self.directory = Some(Arc::new(directory));
        self
    }

    /// The sink that is handed every event.
    #[must_use]
    pub fn events(mut self, sink: impl EventSink + 'static) -> Self {
        self.events = Some(Arc::new(sink));
        self
    }

    /// The clock; the system's unless set.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// The source of randomness; the system's, a block at a time, unless set.
    #[must_use]
    pub fn entropy(mut self, entropy: impl Entropy + 'static) -> Self {
        self.entropy = Some(Arc::new(entropy));
        self
    }

    /// The rules of the sessions.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The issuer's name in signed tokens (`iss`); `session-issuer` unless set.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The services that signed tokens are for (`aud`); the issuer's own name unless set. May be
    /// said several times.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience.push(audience.into());
        self
    }

    /// The issuer, if no setting is wrong.
    ///
    /// # Errors
    /// [`InvalidConfiguration`], whose source lists every mistake.
    ///
    /// [`InvalidConfiguration`]: crate::error::ErrorKind::InvalidConfiguration
    pub fn build(self) -> Result<Issuer, Error> {
        let mut problems: Vec<String> =
            self.policy.problems().iter().map(ToString::to_string).collect();
        if self.store.is_none() {
            problems.push("there is no store".to_owned());
        }
        if self.token_keys.is_none() {
            problems.push("there are no token keys".to_owned());
        }
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        if self.token_keys.as_ref().is_some_and(|keys| keys.minting(clock.now()).is_none()) {
            problems.push("no token key has started yet".to_owned());
        }
        let signs = self.policy.credentials.access_format() == Some(AccessFormat::Signed);
        match self.signer.as_ref().map(|signer| signer.signing_key(clock.now())) {
            None if signs => {
                problems
                    .push("the policy hands out signed tokens, and there is no signer".to_owned());
            }
            Some(Err(error)) if signs => {
                problems.push(format!("the signer cannot sign now: {}", error.kind()));
            }
            _ => {}
        }
        let name = self.name.unwrap_or_else(|| "session-issuer".to_owned());
        problems.extend(problems_of_names(&name, &self.audience));
        let audience = if self.audience.is_empty() { vec![name.clone()] } else { self.audience };
        let (Some(store), Some(keys), []) = (self.store, self.token_keys, problems.as_slice())
        else {
            return Err(Error::new(ErrorKind::InvalidConfiguration, Operation::Build)
                .with_source(ConfigurationProblems(problems)));
        };
        let opening =
            Opening::new(&name, &audience, self.policy.audience_form == AudienceForm::TextOfOne)
                .map_err(|source| {
                    Error::new(ErrorKind::Internal, Operation::Build).with_source(source)
                })?;
        let inner = Inner {
            store,
            keys,
            signer: self.signer,
            verifier: self.verifier,
            directory: self.directory,
            events: self.events,
            clock,
            entropy: self.entropy.unwrap_or_else(|| Arc::new(BlockEntropy::default())),
            policy: self.policy,
            name,
            audience,
            opening,
            headers: Default::default(),
            highest: Default::default(),
            last_id: Default::default(),
            revocations: Default::default(),
        };
        Ok(Issuer { inner: Arc::new(inner), tenant: TenantId::default() })
    }
}
