//! Prints how long ZITADEL's refusals take: an unknown user, and a wrong password, with Argon2id at
//! its default cost.
//!
//! ```text
//! cargo bench --features testing,password --bench zitadel_login [-- rounds]
//! ```
//!
//! The rounds of both take turns, so that whatever else the machine does falls on both alike. Wall
//! time, median and the middle half: a difference that is smaller than the middle half is wide
//! tells nobody who exists.

#![allow(clippy::disallowed_methods, reason = "what is measured is the time")]

use std::{
    collections::HashMap,
    env,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use session_issuer::{
    Issuer, Policy,
    compat::zitadel::{Caller, Service, read},
    entropy::SystemEntropy,
    factor::SubjectRef,
    id::{CreatorId, SubjectId},
    secret::Secret,
    store::MemoryStore,
    testing::block_on,
    token::TokenKeys,
    verifier::{
        Found, Holder, Lookup, PasswordStore, Passwords, Rehash, SubjectDirectory, SubjectProfile,
        Unlimited, Verifiers, VerifyError,
    },
};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

#[derive(Debug, Default)]
struct Users(Mutex<HashMap<SubjectId, String>>);

impl Users {
    fn hash(&self, user: &SubjectId) -> Result<Option<String>, VerifyError> {
        Ok(self.0.lock().map_err(|_| VerifyError::new("poisoned"))?.get(user).cloned())
    }
}

#[async_trait]
impl SubjectDirectory for Users {
    async fn find(&self, lookup: Lookup<'_>) -> Result<Found, VerifyError> {
        Ok(match lookup.by {
            SubjectRef::Id(id) if self.hash(id)?.is_some() => {
                Found::Active(SubjectProfile::new(id.clone()))
            }
            _ => Found::Unknown,
        })
    }
}

#[async_trait]
impl PasswordStore for Users {
    async fn find(&self, holder: Holder<'_>) -> Result<Option<Secret>, VerifyError> {
        Ok(self.hash(holder.subject)?.map(Secret::from))
    }

    async fn replace(&self, _: Rehash<'_>) -> Result<(), VerifyError> {
        Ok(())
    }
}

fn main() -> Outcome {
    // Cargo adds `--bench`.
    let rounds = env::args().skip(1).find(|text| !text.starts_with("--"));
    let rounds = rounds.map(|text| text.parse::<usize>()).transpose()?.unwrap_or(50).max(1);
    let users = Arc::new(Users::default());
    let passwords = Passwords::new(Arc::clone(&users), Unlimited);
    let hash = block_on(passwords.hash("V3ryS3cure!"))?.expose().to_owned();
    users.0.lock().map_err(|_| "poisoned")?.insert(SubjectId::new("alice")?, hash);
    let issuer = Issuer::builder()
        .store(MemoryStore::new())
        .token_keys(TokenKeys::generate(&SystemEntropy)?)
        .policy(Policy::zitadel())
        .directory(users)
        .verifier(Verifiers::new().password(passwords))
        .build()?;
    let (service, caller) =
        (Service::new(issuer), Caller::new(CreatorId::new("login-page")?, "acme")?);
    let refuse = |user: &str| -> Outcome<(Duration, String)> {
        let body = format!(
            r#"{{"checks":{{"user":{{"userId":"{user}"}},"password":{{"password":"wrong"}}}}}}"#
        );
        let request = read(body.as_bytes())?;
        let begin = Instant::now();
        let answer = block_on(service.create_session(&caller, request));
        let took = begin.elapsed();
        Ok((took, serde_json::to_string(&answer.err().ok_or("a wrong password was right")?)?))
    };
    let (mut unknown, mut wrong) = (Vec::new(), Vec::new());
    refuse("alice")?; // warm
    for _ in 0..rounds {
        let (of_nobody, of_alice) = (refuse("nobody")?, refuse("alice")?);
        if of_nobody.1 != of_alice.1 {
            return Err("the answers differ".into());
        }
        unknown.push(of_nobody.0);
        wrong.push(of_alice.0);
    }
    for (name, mut times) in [("unknown user", unknown), ("wrong password", wrong)] {
        times.sort();
        let at = |share: usize| times.get(times.len() * share / 4).copied().unwrap_or_default();
        println!("{name:>14}: median {:?}, middle half {:?} to {:?}", at(2), at(1), at(3));
    }
    Ok(())
}
