//! Ours, behind `Arc<dyn SessionIssuer>`, over the memory store, with opaque pairs.

use std::sync::Arc;

use session_issuer::{
    Issuer, NewSession, Policy, Requirement, SessionIssuer,
    client::ClientInfo,
    entropy::SystemEntropy,
    id::SubjectId,
    issuer::{Refresh, Revoke, SessionQuery},
    policy::{AccessFormat, Credentials},
    session::Epoch,
    store::MemoryStore,
    token::TokenKeys,
};

use crate::{
    AGENT, Client, Shuffled,
    measure::{Operation, now},
    subject,
};

/// An issuer, and the access tokens of its sessions.
pub struct Ours {
    pub issuer: Arc<dyn SessionIssuer>,
    pub tokens: Shuffled,
    client: Client,
    sessions: u64,
}

impl Ours {
    /// So many sessions, each of a subject of its own.
    pub fn new(sessions: u64, client: Client) -> Self {
        let issuer = Issuer::builder()
            .store(MemoryStore::new())
            .token_keys(TokenKeys::generate(&SystemEntropy).unwrap())
            .policy(Policy::default().credentials(Credentials::Pair(AccessFormat::Opaque)))
            .build()
            .unwrap();
        let issuer: Arc<dyn SessionIssuer> = Arc::new(issuer);
        let create = |number| {
            let issued = now(issuer.create(new_session(number, client))).unwrap();
            // The first check of a generation is noted once; the others only read.
            now(issuer.check(issued.token().into(), &Requirement::new())).unwrap();
            issued.token().to_owned()
        };
        let tokens = Shuffled::new((0..sessions).map(create).collect());
        Self { issuer, tokens, client, sessions }
    }

    pub fn check(&mut self) -> Operation<'_> {
        let (issuer, tokens, need) = (&self.issuer, &mut self.tokens, Requirement::new());
        Operation::of(move || now(issuer.check(tokens.following().into(), &need)).unwrap())
    }

    /// A check for a thread of its own, which begins at another place.
    pub fn worker(&self, from: usize) -> impl FnMut() + Send + use<> {
        let (issuer, mut tokens, need) =
            (Arc::clone(&self.issuer), self.tokens.from(from), Requirement::new());
        move || {
            std::hint::black_box(now(issuer.check(tokens.following().into(), &need)).unwrap());
        }
    }

    /// Rotates the refresh tokens of so many sessions of its own, round and round.
    pub fn refresh(&mut self, pool: u64) -> Operation<'_> {
        let issuer = &self.issuer;
        let first = self.sessions;
        self.sessions += pool;
        let create = |number| now(issuer.create(new_session(first + number, self.client))).unwrap();
        let mut pool: Vec<_> = (0..pool).map(create).collect();
        let mut at = 0;
        Operation::of(move || {
            at = (at + 1) % pool.len();
            pool[at] =
                now(issuer.refresh(Refresh::new(pool[at].refresh_token().unwrap()))).unwrap();
        })
    }

    /// Creates sessions of subjects that were never seen before.
    pub fn create(&mut self) -> Operation<'_> {
        let (issuer, client, sessions) = (&self.issuer, self.client, &mut self.sessions);
        let input = move || {
            *sessions += 1;
            new_session(*sessions, client)
        };
        Operation::new(input, move |new| now(issuer.create(new)).unwrap())
    }

    /// Creates sessions of subjects that have one, by a host that read the epoch before it verified
    /// them.
    pub fn create_again(&mut self) -> Operation<'_> {
        let (issuer, client, sessions) = (&self.issuer, self.client, self.sessions);
        let known: Vec<(SubjectId, Epoch)> = (0..sessions)
            .map(|number| {
                let subject = SubjectId::new(subject(number).to_string()).unwrap();
                let epoch = now(issuer.epoch(&subject)).unwrap();
                (subject, epoch)
            })
            .collect();
        let mut at = 0;
        let input = move || {
            at = (at + 1) % known.len();
            let (subject, epoch) = known[at].clone();
            NewSession::for_subject(subject).epoch(epoch).client(client_info(at as u64, client))
        };
        Operation::new(input, move |new| now(issuer.create(new)).unwrap())
    }

    pub fn list(&mut self) -> Operation<'_> {
        let (issuer, sessions) = (&self.issuer, self.sessions);
        let mut at = 0;
        let input = move || {
            at = (at + 7919) % sessions;
            SessionQuery::of_subject(SubjectId::new(subject(at).to_string()).unwrap())
        };
        Operation::new(input, move |query| now(issuer.list(query)).unwrap())
    }

    pub fn revoke_all(&mut self) -> Operation<'_> {
        let (issuer, sessions) = (&self.issuer, self.sessions);
        let mut at = 0;
        let input = move || {
            at = (at + 7919) % sessions;
            Revoke::all(SubjectId::new(subject(at).to_string()).unwrap())
        };
        Operation::new(input, move |revoke| now(issuer.revoke(revoke)).unwrap())
    }
}

fn new_session(number: u64, client: Client) -> NewSession {
    let subject = SubjectId::new(subject(number).to_string()).unwrap();
    NewSession::for_subject(subject).client(client_info(number, client))
}

fn client_info(number: u64, client: Client) -> ClientInfo {
    match client {
        Client::Bare => ClientInfo::new(),
        Client::Browser => {
            let address = std::net::Ipv4Addr::from_bits(number as u32);
            ClientInfo::new().with_user_agent(AGENT).with_ip(address.into())
        }
    }
}
