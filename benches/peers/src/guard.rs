//! session-guard: its memory store, its defaults, no geography.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use session_guard::{ClientContext, Guard, GuardConfig, MemoryStore, Outcome, RotationConfig};
use uuid::Uuid;

use crate::{
    AGENT, Client, Shuffled,
    measure::{Operation, now},
    subject,
};

/// A guard, and the tokens of its sessions.
pub struct Peer {
    guard: Arc<Guard<MemoryStore>>,
    /// The same store asked with a rotation that is always due.
    tokens: Shuffled,
    client: ClientContext,
    sessions: u64,
    first: Vec<Uuid>,
}

impl Peer {
    pub fn new(sessions: u64, client: Client) -> Self {
        Self::with(sessions, client, GuardConfig::default())
    }

    /// One whose tokens are due for rotation at every use.
    pub fn rotating(client: Client) -> Self {
        let always = RotationConfig {
            interval: Duration::from_nanos(1),
            grace: Duration::ZERO,
            ..RotationConfig::default()
        };
        Self::with(0, client, GuardConfig::builder().rotation(always).build().unwrap())
    }

    fn with(sessions: u64, client: Client, config: GuardConfig) -> Self {
        let guard: Guard<MemoryStore> = Guard::builder(MemoryStore::new(), config).build();
        let client = match client {
            Client::Bare => ClientContext::new(Ipv4Addr::new(203, 0, 113, 7).into()),
            Client::Browser => {
                ClientContext::new(Ipv4Addr::new(203, 0, 113, 7).into()).with_user_agent(AGENT)
            }
        };
        let login = |number| {
            let new = now(guard.login(&subject(number), &client, None)).unwrap();
            // The first use of a token is noted once; the others only read.
            assert!(matches!(
                now(guard.authenticate(new.token.expose(), &client)).unwrap(),
                Outcome::Authenticated(_)
            ));
            new.token.expose().to_owned()
        };
        let tokens = Shuffled::new((0..sessions).map(login).collect());
        let first = (0..sessions.min(1000)).map(subject).collect();
        Self { guard: Arc::new(guard), tokens, client, sessions, first }
    }

    pub fn authenticate(&mut self) -> Operation<'_> {
        let Self { guard, tokens, client, .. } = self;
        Operation::of(move || match now(guard.authenticate(tokens.following(), client)).unwrap() {
            Outcome::Authenticated(session) => session,
            Outcome::Rejected(rejection) => panic!("{rejection:?}"),
        })
    }

    pub fn worker(&self, from: usize) -> impl FnMut() + Send + use<> {
        let (guard, mut tokens, client) =
            (Arc::clone(&self.guard), self.tokens.from(from), self.client.clone());
        move || {
            std::hint::black_box(now(guard.authenticate(tokens.following(), &client)).unwrap());
        }
    }

    /// Rotates the tokens of so many sessions, round and round: for [`rotating`](Self::rotating).
    pub fn rotate(&mut self, pool: u64) -> Operation<'_> {
        let Self { guard, client, .. } = self;
        let mut pool: Vec<_> = (0..pool)
            .map(|number| now(guard.login(&subject(number), client, None)).unwrap().token)
            .collect();
        let mut at = 0;
        Operation::of(move || {
            at = (at + 1) % pool.len();
            match now(guard.authenticate(pool[at].expose(), client)).unwrap() {
                Outcome::Authenticated(session) => pool[at] = session.rotated.unwrap(),
                Outcome::Rejected(rejection) => panic!("{rejection:?}"),
            }
        })
    }

    pub fn login(&mut self) -> Operation<'_> {
        let Self { guard, client, sessions, .. } = self;
        let input = move || {
            *sessions += 1;
            subject(*sessions)
        };
        Operation::new(input, move |subject| now(guard.login(&subject, client, None)).unwrap())
    }

    pub fn list(&mut self) -> Operation<'_> {
        let Self { guard, first, .. } = self;
        let mut at = 0;
        Operation::of(move || {
            at = (at + 1) % first.len();
            now(guard.list_sessions(&first[at])).unwrap()
        })
    }
}
