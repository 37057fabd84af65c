//! A small world for a test: an issuer over a counting store, a clock that stands still, and
//! everything that happened.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use session_issuer::{
    Error, Issuer, NewSession, Policy, Refresh, Requirement, SessionQuery, Update,
    error::{ErrorKind, InputField},
    event::{Event, EventKind},
    factor::{Check, FactorKind, SubjectRef},
    id::{DeviceId, SubjectId},
    issuer::{Checked, Issued, IssuerBuilder, SessionView},
    policy::{AccessFormat, Credentials},
    signer::KeyRing,
    store::{MemoryStore, SessionStore},
    testing::{ComparingStore, FaultyStore, ManualClock, RecordingSink, SeededEntropy, block_on},
    token::TokenKeys,
    verifier::{
        Attempt, FactorVerifier, Found, Lookup, Outcome, SubjectDirectory, SubjectProfile,
        VerifyError,
    },
};

pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(24 * 3600);

pub type Store = Arc<FaultyStore<Arc<dyn SessionStore>>>;

/// An empty store of the kind that this run is about: `SESSION_STORE=sqlite cargo test ...` runs it
/// all on SQLite, and `SESSION_STORE=comparing` on the store that compares.
pub fn any_store() -> Arc<dyn SessionStore> {
    match std::env::var("SESSION_STORE").as_deref() {
        Err(_) | Ok("memory") => Arc::new(MemoryStore::new()),
        Ok("comparing") => Arc::new(ComparingStore::new()),
        #[cfg(feature = "sqlite")]
        Ok("sqlite") => Arc::new(crate::sqlite::TemporaryStore::new()),
        Ok(other) => panic!("no store is called {other:?} here"),
    }
}

pub struct World {
    pub issuer: Issuer,
    pub clock: ManualClock,
    pub store: Store,
    pub sink: Arc<RecordingSink>,
    pub people: Arc<People>,
}

pub fn secret(seed: u8) -> Vec<u8> {
    (0..48_u8)
        .map(|n| n.wrapping_mul(167).wrapping_add(seed).rotate_left(u32::from(n % 7)))
        .collect()
}

pub fn opaque_pairs() -> Policy {
    Policy::default().credentials(Credentials::Pair(AccessFormat::Opaque))
}

impl World {
    pub fn new(policy: Policy) -> Self {
        let (clock, store) = (ManualClock::new(), Arc::new(FaultyStore::new(any_store())));
        Self::over(policy, clock, store)
    }

    /// A world whose store answers at once, whatever this run is about.
    pub fn in_memory(policy: Policy) -> Self {
        let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::new());
        Self::over(policy, ManualClock::new(), Arc::new(FaultyStore::new(store)))
    }

    /// Another issuer over the same store, as another node would be.
    pub fn over(policy: Policy, clock: ManualClock, store: Store) -> Self {
        let people = Arc::new(People::default());
        let built = Issuer::builder().verifier(Arc::clone(&people)).directory(Arc::clone(&people));
        Self::build(built, people, policy, clock, store)
    }

    /// A world whose host knows its people itself: it has neither directory nor verifier.
    pub fn on_the_hosts_word(policy: Policy) -> Self {
        let (clock, store) = (ManualClock::new(), Arc::new(FaultyStore::new(any_store())));
        Self::build(Issuer::builder(), Arc::default(), policy, clock, store)
    }

    /// The same with a store in memory, whatever this run is about.
    pub fn on_the_hosts_word_in_memory(policy: Policy) -> Self {
        let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::new());
        let store = Arc::new(FaultyStore::new(store));
        Self::build(Issuer::builder(), Arc::default(), policy, ManualClock::new(), store)
    }

    fn build(
        builder: IssuerBuilder,
        people: Arc<People>,
        policy: Policy,
        clock: ManualClock,
        store: Store,
    ) -> Self {
        let sink = Arc::new(RecordingSink::new());
        let issuer = builder
            .store(Arc::clone(&store))
            .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
            .signer(KeyRing::hs256("k1", &secret(2)).unwrap())
            .events(Arc::clone(&sink))
            .clock(clock.clone())
            .entropy(SeededEntropy::new(clock.entropy_seed()))
            .policy(policy)
            .build()
            .unwrap();
        Self { issuer, clock, store, sink, people }
    }

    pub fn login(&self, subject: &str) -> Issued {
        block_on(self.issuer.create(NewSession::for_subject(id(subject)))).unwrap()
    }

    pub fn create(&self, new: NewSession) -> Result<Issued, Error> {
        block_on(self.issuer.create(new))
    }

    pub fn refresh(&self, token: &str) -> Result<Issued, Error> {
        block_on(self.issuer.refresh(Refresh::new(token)))
    }

    pub fn update(&self, update: Update<'_>) -> Result<Issued, Error> {
        block_on(self.issuer.update(update))
    }

    pub fn check(&self, token: &str) -> Result<Checked, Error> {
        self.check_for(token, &Requirement::new())
    }

    pub fn check_for(&self, token: &str, need: &Requirement) -> Result<Checked, Error> {
        block_on(self.issuer.check(token, need))
    }

    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub fn events(&self) -> Vec<Event> {
        self.sink.events()
    }

    pub fn count(&self, is: impl Fn(&EventKind) -> bool) -> usize {
        self.sink.count(is)
    }
}

/// Two worlds over one store must not draw the same ids.
trait EntropySeed {
    fn entropy_seed(&self) -> u64;
}

impl EntropySeed for ManualClock {
    fn entropy_seed(&self) -> u64 {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }
}

pub fn id(subject: &str) -> SubjectId {
    SubjectId::new(subject).unwrap()
}

pub fn device(device: &str) -> DeviceId {
    DeviceId::new(device).unwrap()
}

pub fn refresh_of(issued: &Issued) -> String {
    issued.refresh_token().unwrap().to_owned()
}

#[track_caller]
pub fn refused<T: std::fmt::Debug>(result: Result<T, Error>, expected: ErrorKind) -> Error {
    let error = result.expect_err("it was not refused");
    assert_eq!(error.kind(), expected, "{error:?}");
    error
}

/// The text of what is behind an error of a joint, which has no kind.
pub fn source_text(error: &dyn std::error::Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

/// A refusal of a value, which names the field.
#[track_caller]
pub fn refused_input<T: std::fmt::Debug>(result: Result<T, Error>, field: InputField) {
    let error = refused(result, ErrorKind::InvalidInput);
    assert_eq!(error.invalid_input().map(|input| input.field), Some(field), "{error:?}");
}

/// The live sessions of a subject, those in which others act for it too.
pub fn sessions_of(issuer: &Issuer, subject: &str) -> Vec<SessionView> {
    let all = SessionQuery::of_subject(id(subject)).impersonations_too();
    block_on(issuer.list(all)).unwrap().sessions().to_vec()
}

/// The one live session of a subject, as the store has it now.
#[track_caller]
pub fn only_session_of(issuer: &Issuer, subject: &str) -> SessionView {
    let mut sessions = sessions_of(issuer, subject);
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    sessions.remove(0)
}

/// The host's people: a directory and a verifier over a table in memory.
#[derive(Debug, Default)]
pub struct People {
    table: Mutex<HashMap<String, Person>>,
    pub attempts: Mutex<Vec<(Option<SubjectId>, FactorKind)>>,
}

#[derive(Debug, Clone, Default)]
pub struct Person {
    pub login: String,
    pub password: String,
    pub totp: Option<String>,
    pub disabled: bool,
    pub locked: bool,
    pub second_factor: bool,
}

impl People {
    pub fn add(&self, subject: &str, password: &str) {
        let login = format!("{subject}@example.com");
        let person = Person { login, password: password.to_owned(), ..Person::default() };
        self.table.lock().unwrap().insert(subject.to_owned(), person);
    }

    pub fn change(&self, subject: &str, change: impl FnOnce(&mut Person)) {
        change(self.table.lock().unwrap().get_mut(subject).unwrap());
    }

    pub fn remove(&self, subject: &str) {
        self.table.lock().unwrap().remove(subject);
    }

    fn get(&self, subject: &str) -> Option<Person> {
        self.table.lock().unwrap().get(subject).cloned()
    }
}

#[async_trait]
impl SubjectDirectory for People {
    async fn find(&self, lookup: Lookup<'_>) -> Result<Found, VerifyError> {
        let table = self.table.lock().unwrap();
        let found = match lookup.by {
            // Nobody is on the list: the host is taken at its word.
            SubjectRef::Id(subject) if table.is_empty() => {
                return Ok(Found::Active(SubjectProfile::new(subject.clone())));
            }
            SubjectRef::Id(subject) => table.get_key_value(subject.as_str()),
            SubjectRef::LoginName(name) => table.iter().find(|(_, person)| person.login == *name),
            _ => None,
        };
        Ok(match found {
            None => Found::Unknown,
            Some((_, person)) if person.disabled => Found::Disabled,
            Some((_, person)) if person.locked => Found::Locked,
            Some((subject, person)) => Found::Active(
                SubjectProfile::new(id(subject))
                    .with_resource_owner("org-1")
                    .with_second_factor(person.second_factor),
            ),
        })
    }
}

#[async_trait]
impl FactorVerifier for People {
    async fn verify(&self, attempt: Attempt<'_>) -> Result<Outcome, VerifyError> {
        let kind = attempt.check.kind();
        self.attempts.lock().unwrap().push((attempt.subject.cloned(), kind));
        let Some(person) = attempt.subject.and_then(|subject| self.get(subject.as_str())) else {
            return Ok(Outcome::Wrong);
        };
        Ok(match attempt.check {
            Check::Password(_) if person.locked => Outcome::Locked,
            Check::Password(given) if given.expose() == person.password => Outcome::passed(),
            Check::Totp(given) => match person.totp {
                None => Outcome::NotSetUp,
                Some(code) if code == given.expose() => Outcome::passed(),
                Some(_) => Outcome::Wrong,
            },
            Check::OtpSms(_) if attempt.challenge.is_none() => Outcome::NoChallenge,
            Check::OtpSms(given) if given.expose() == "0000" => Outcome::passed(),
            _ => Outcome::Wrong,
        })
    }
}

/// Whether every write so far has left the store as it was: what bad input must not change.
pub fn unchanged(world: &World, act: impl FnOnce()) {
    let before = world.store.writes();
    act();
    assert_eq!(world.store.writes(), before, "something was written");
}
