//! Second factors of the demo users: recovery codes, codes that ZITADEL's challenges give back, and
//! an authenticator app.

use std::{
    collections::{BTreeMap, HashSet},
    error::Error,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use session_issuer::{
    compat::zitadel::{AskCode, AskWebAuthN, ChallengeMaker, Delivery, MadeWebAuthN},
    entropy::{Entropy, SystemEntropy},
    id::{SubjectId, TenantId},
    verifier::{
        AttemptLimit, Holder, OneTimeCode, OneTimeCodes, RecoveryCodeStore, RecoveryCodes,
        SpendRecoveryCode, Verifiers, VerifyError,
    },
};

#[cfg(feature = "totp")]
use session_issuer::verifier::Totp;

use super::host::Users;

/// ZITADEL's tenant: nobody else here asks for second factors.
pub(crate) const TENANT: &str = "zitadel";

/// Everything that can be proved beside a password.
pub(crate) struct Factors {
    codes: Arc<OneTimeCodes>,
    recovery: Arc<RecoveryCodes>,
    #[cfg(feature = "totp")]
    lockout: Arc<AttemptLimit>,
    /// What each user would have on paper. A real host shows it once, and keeps the digests alone.
    pub(crate) printed: BTreeMap<&'static str, Vec<String>>,
    #[cfg(feature = "totp")]
    apps: Arc<super::apps::Apps>,
}

impl Factors {
    /// Drawn at random, for every demo user.
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let lockout = Arc::new(AttemptLimit::new(5, Duration::from_secs(15 * 60))?);
        let mut key = [0; 32];
        SystemEntropy.fill(&mut key)?;
        let digests = Arc::new(Digests::default());
        let recovery = RecoveryCodes::new(&key, Arc::clone(&digests), Arc::clone(&lockout))?;
        let tenant = TenantId::new(TENANT)?;
        let mut printed = BTreeMap::new();
        for user in Users.all() {
            let subject = SubjectId::new(user.id)?;
            let set = recovery.make(Holder::new(&tenant, &subject))?;
            printed
                .insert(user.id, set.codes.iter().map(|code| code.expose().to_owned()).collect());
            digests.table().extend(set.digests.into_iter().map(|digest| (subject.clone(), digest)));
        }
        Ok(Self {
            codes: Arc::new(OneTimeCodes::new(&key, Arc::clone(&lockout))?),
            recovery: Arc::new(recovery),
            #[cfg(feature = "totp")]
            lockout,
            printed,
            #[cfg(feature = "totp")]
            apps: Arc::new(super::apps::Apps::draw()?),
        })
    }

    /// Who verifies which check.
    pub(crate) fn verifiers(&self) -> Verifiers {
        let verifiers = Verifiers::new()
            .password(Users)
            .otp_sms(Arc::clone(&self.codes))
            .otp_email(Arc::clone(&self.codes))
            .recovery_code(Arc::clone(&self.recovery));
        #[cfg(feature = "totp")]
        let verifiers =
            verifiers.totp(Totp::new(Arc::clone(&self.apps), Arc::clone(&self.lockout)));
        verifiers
    }

    /// The secret of a user's authenticator app, in base 32; none where this was built without.
    pub(crate) fn app_of(&self, _user: &str) -> Option<String> {
        #[cfg(feature = "totp")]
        return self.apps.secret_of(_user);
        #[cfg(not(feature = "totp"))]
        None
    }

    /// Who makes challenges, for callers who may be given codes or not.
    pub(crate) fn challenges(&self, gives_codes: bool) -> Arc<dyn ChallengeMaker> {
        Arc::new(Returned { codes: Arc::clone(&self.codes), gives_codes })
    }
}

/// Gives codes back to the caller: there is no mail and no SMS here, and no user has a key.
#[derive(Debug)]
struct Returned {
    codes: Arc<OneTimeCodes>,
    gives_codes: bool,
}

#[async_trait]
impl ChallengeMaker for Returned {
    async fn code(&self, ask: AskCode<'_>) -> Result<Option<OneTimeCode>, VerifyError> {
        match ask.delivery {
            Delivery::Return if self.gives_codes => {
                self.codes.make(ask.request()).map(Some).map_err(VerifyError::new)
            }
            _ => Ok(None),
        }
    }

    async fn web_authn(&self, _: AskWebAuthN<'_>) -> Result<Option<MadeWebAuthN>, VerifyError> {
        Ok(None)
    }
}

/// A table of a real host's database.
#[derive(Debug, Default)]
struct Digests(Mutex<HashSet<(SubjectId, String)>>);

impl Digests {
    fn table(&self) -> std::sync::MutexGuard<'_, HashSet<(SubjectId, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RecoveryCodeStore for Digests {
    async fn has_codes(&self, holder: Holder<'_>) -> Result<bool, VerifyError> {
        Ok(self.table().iter().any(|(subject, _)| subject == holder.subject))
    }

    async fn spend(&self, code: SpendRecoveryCode<'_>) -> Result<bool, VerifyError> {
        Ok(self.table().remove(&(code.holder.subject.clone(), code.digest.to_owned())))
    }
}
