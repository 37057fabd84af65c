//! What the quickstart's host brings along: a store, keys, one user, a clock; and how the lines are
//! printed.

use std::{
    error::Error,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use session_issuer::{
    Issuer, Policy, Requirement, Revoke, Timestamp,
    clock::Clock,
    entropy::{Entropy, SystemEntropy},
    factor::{Check, SubjectRef},
    id::{SubjectId, TenantId},
    issuer::{Checked, Issued},
    signer::KeyRing,
    store::SessionStore,
    token::TokenKeys,
    verifier::{
        Attempt, FactorVerifier, Found, Lookup, Outcome, SubjectDirectory, SubjectProfile,
        VerifyError,
    },
};

use super::kept;

/// The user of ZITADEL's page, with her login name and password.
pub(crate) const USER: &str = "d654e6ba-70a3-48ef-a95d-37c8d8a7901a";
const LOGIN_NAME: &str = "mini@mouse.com";
const PASSWORD: &str = "V3ryS3cure!";

/// One store and one set of keys for all issuers here; each has its own tenant and policy.
pub(crate) struct Host {
    store: Arc<dyn SessionStore>,
    keys: TokenKeys,
    ring: KeyRing,
    pub(crate) clock: Arc<DemoClock>,
}

impl Host {
    /// With sessions in this file, or in memory. Random keys: no token outlives this process. A
    /// real host loads its secrets.
    pub(crate) fn new(file: Option<&Path>) -> Result<Self, Box<dyn Error>> {
        let mut secret = [0; 32];
        SystemEntropy.fill(&mut secret)?;
        Ok(Self {
            store: kept::store(file)?,
            keys: TokenKeys::generate(&SystemEntropy)?,
            ring: KeyRing::hs256("demo", &secret)?,
            clock: Arc::new(DemoClock(AtomicI64::new(1_749_743_895_000))),
        })
    }

    pub(crate) fn issuer(&self, tenant: &str, policy: Policy) -> Result<Issuer, Box<dyn Error>> {
        let issuer = Issuer::builder()
            .store(Arc::clone(&self.store))
            .token_keys(self.keys.clone())
            .signer(self.ring.clone())
            .clock(Arc::clone(&self.clock))
            .directory(Users)
            .verifier(Users)
            .policy(policy)
            .build()?;
        Ok(issuer.tenant(TenantId::new(tenant)?))
    }
}

/// One user, in the source: a real host asks its database.
#[derive(Debug)]
struct Users;

#[async_trait]
impl SubjectDirectory for Users {
    async fn find(&self, lookup: Lookup<'_>) -> Result<Found, VerifyError> {
        let known = match lookup.by {
            SubjectRef::Id(id) => id.as_str() == USER,
            SubjectRef::LoginName(name) => name == LOGIN_NAME,
            _ => false,
        };
        let user = SubjectId::new(USER).map_err(VerifyError::new)?;
        Ok(if known { Found::Active(SubjectProfile::new(user)) } else { Found::Unknown })
    }
}

#[async_trait]
impl FactorVerifier for Users {
    /// A real host compares slow hashes (argon2). This one compares in constant time, and for
    /// unknown users too.
    async fn verify(&self, attempt: Attempt<'_>) -> Result<Outcome, VerifyError> {
        let Check::Password(given) = attempt.check else { return Ok(Outcome::NotSetUp) };
        let (given, known) = (given.expose().as_bytes(), PASSWORD.as_bytes());
        let differences = given.iter().zip(known).fold(0, |all, (a, b)| all | (a ^ b));
        let same = differences == 0 && given.len() == known.len();
        Ok(if same && attempt.subject.is_some() { Outcome::passed() } else { Outcome::Wrong })
    }
}

/// A clock that moves when it is told to, so that nothing here waits. (`testing::ManualClock` is
/// one, behind a feature that the quickstart does without.)
#[derive(Debug)]
pub(crate) struct DemoClock(AtomicI64);

impl DemoClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as i64, Ordering::Relaxed);
    }
}

impl Clock for DemoClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        self.now().since(Timestamp::EPOCH)
    }
}

/// One line a call.
pub(crate) fn say(who: &str, verb: &str, what: String) {
    println!("{who:<11} {verb:<8} {what}");
}

/// What a check of this token answers.
pub(crate) async fn checked(issuer: &Issuer, token: &str) -> String {
    let about = |checked: Checked| match checked.subject() {
        Ok(user) => format!(
            "ok       {user}, {}",
            checked.assurance_level().map_or("on the host's word", |level| level.code())
        ),
        Err(_) => "ok       a session without a user".to_owned(),
    };
    told(issuer.check(token, &Requirement::new()).await.map(about))
}

/// Logs out with this token, and says what a check of it answers then.
pub(crate) async fn revoked(issuer: &Issuer, token: &str) -> Result<String, session_issuer::Error> {
    issuer.revoke(Revoke::token(token)).await?;
    Ok(format!("ok       then a check is {}", checked(issuer, token).await))
}

/// What the host's log has of a refusal, and what an outsider sees of it.
pub(crate) fn told(outcome: Result<String, session_issuer::Error>) -> String {
    outcome.unwrap_or_else(|error| {
        let reason = error.reason().map(|reason| format!(" ({reason})")).unwrap_or_default();
        format!("refused  {}{reason}, which outsiders see as {}", error.code(), error.public().code)
    })
}

pub(crate) fn pair(issued: &Issued) -> String {
    let generation = issued.session().record().generation();
    format!("ok       generation {generation}: {}", short(refresh_token(issued)))
}

pub(crate) fn refresh_token(issued: &Issued) -> &str {
    issued.refresh_token().unwrap_or_default()
}

/// An answer as the system would send it, with its tokens cut.
pub(crate) fn json(answer: &impl serde::Serialize) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string(answer)?;
    Ok(text.split('"').map(short).collect::<Vec<_>>().join("\""))
}

/// No more than the two ends of a token: of a long text without spaces.
fn short(text: &str) -> String {
    match text.len() > 40 && !text.contains(' ') {
        true => text
            .chars()
            .take(16)
            .chain("...".chars())
            .chain(text.chars().skip(text.len() - 6))
            .collect(),
        false => text.to_owned(),
    }
}
