//! Stores that fail, replies that are lost, futures that are dropped: nothing is half done. Numbers
//! are those of the requirements.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use async_trait::async_trait;
use session_issuer::{
    Error, Issuer, NewSession, Policy, Refresh, Requirement, Revoke, SessionQuery, Update,
    error::ErrorKind,
    factor::{Check, FactorKind},
    id::AppId,
    issuer::{CredentialChange, Decide, Exchange, OpenRequest},
    policy::{Cap, OnFull},
    signer::{
        KeyRing, SignError, SignErrorKind, SignRequest, SigningKey, TokenSigner, VerifyRequest,
    },
    testing::{Fault, FaultyStore, Verb, block_on},
    token::TokenKeys,
};

use crate::world::*;

/// A verb, as a host would call it on a fresh login.
type Call = fn(&World, &session_issuer::issuer::Issued) -> Result<(), Error>;

const CALLS: [(&str, Call); 9] = [
    ("create", |world, _| world.create(NewSession::for_subject(id("alice"))).map(drop)),
    ("check", |world, login| world.check(login.token()).map(drop)),
    ("refresh", |world, login| world.refresh(&refresh_of(login)).map(drop)),
    ("update", |world, login| {
        block_on(world.issuer.update(Update::with_token(login.token()).metadata("k", "v")))
            .map(drop)
    }),
    ("step up", |world, login| {
        let update = Update::with_token(login.token()).verified_by_host(FactorKind::Totp);
        block_on(world.issuer.update(update)).map(drop)
    }),
    ("revoke", |world, login| {
        block_on(world.issuer.revoke(Revoke::token(login.token()))).map(drop)
    }),
    ("revoke others", |world, login| {
        block_on(world.issuer.revoke(Revoke::others_than(login.token()))).map(drop)
    }),
    ("credential changed", |world, _| {
        let change = CredentialChange::new(id("alice"), FactorKind::Password).keeping_all();
        block_on(world.issuer.credential_changed(change)).map(drop)
    }),
    ("list", |world, _| {
        block_on(world.issuer.list(SessionQuery::of_subject(id("alice")))).map(drop)
    }),
];

fn fresh(policy: Policy) -> (World, session_issuer::issuer::Issued) {
    let world = World::new(policy);
    let login = world.login("alice");
    world.store.reset_calls();
    (world, login)
}

// 70
#[test]
fn whichever_call_to_the_store_fails_the_answer_is_unavailable_and_a_second_try_succeeds() {
    let mut failures = 0;
    for (policy, refreshes) in
        [(Policy::default as fn() -> Policy, true), (opaque_pairs, true), (Policy::zitadel, false)]
    {
        for (name, call) in CALLS {
            if !refreshes && name == "refresh" {
                continue;
            }
            // How many calls does it make?
            let (world, login) = fresh(policy());
            call(&world, &login).unwrap();
            let calls = world.store.calls().total();
            for n in 1..=calls {
                let (world, login) = fresh(policy());
                world.store.fail_nth(n, Fault::Before);
                failures += 1;
                match call(&world, &login) {
                    Ok(()) => {
                        let unseen = ["check", "step up"].contains(&name);
                        assert!(
                            unseen,
                            "{name}: only a noted use, or a second look at a subject, may fail unseen"
                        );
                    }
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Unavailable, "{name}");
                        assert!(error.is_retryable() && !error.is_terminal());
                        assert_eq!(error.public().http_status, 503);
                        call(&world, &login)
                            .unwrap_or_else(|error| panic!("{name}, call {n}: {error:?}"));
                    }
                }
            }
        }
    }
    assert!(failures > 30, "{failures}");
}

#[test]
fn a_lost_reply_of_the_store_leaves_a_session_that_goes_on() {
    // The rotation was stored, and nobody heard: the same token gets the same successor.
    let (world, login) = fresh(Policy::default());
    world.store.fail_next(Verb::Commit, Fault::After);
    refused(world.refresh(&refresh_of(&login)), ErrorKind::Unavailable);
    let next = world.refresh(&refresh_of(&login)).unwrap();
    assert!(next.is_replay());
    assert_eq!(next.session().record().generation(), 2);
    world.check(next.token()).unwrap();
    world.refresh(&refresh_of(&next)).unwrap();
    // A theft whose end was stored unheard is shown at the next try.
    let (world, login) = fresh(Policy::default());
    let next = world.refresh(&refresh_of(&login)).unwrap();
    world.check(next.token()).unwrap();
    world.advance(HOUR);
    for fault in [Fault::Before, Fault::After] {
        world.store.fail_next(Verb::End, fault);
        refused(world.refresh(&refresh_of(&login)), ErrorKind::Unavailable);
    }
    refused(world.refresh(&refresh_of(&login)), ErrorKind::Revoked);
    // A session token's update: the old token is dead, and the host heals it.
    let (world, login) = fresh(Policy::zitadel());
    world.store.fail_next(Verb::Commit, Fault::After);
    let update = || Update::with_token(login.token()).metadata("k", "v");
    refused(block_on(world.issuer.update(update())), ErrorKind::Unavailable);
    refused(block_on(world.issuer.update(update())), ErrorKind::Superseded);
    let healed =
        block_on(world.issuer.update(Update::as_host(login.session_id()).metadata("k", "v")))
            .unwrap();
    world.check(healed.token()).unwrap();
}

// 71
#[test]
fn a_future_dropped_at_any_await_leaves_the_session_before_or_after() {
    let app = || AppId::new("films").unwrap();
    for verb in ["create", "check", "step up", "update", "revoke", "exchange"] {
        for dropped_after in 0..12 {
            let policy = if verb == "exchange" { Policy::tmdb() } else { opaque_pairs() };
            let world = World::new(policy);
            let login = world.login("alice");
            let opened = block_on(world.issuer.open(OpenRequest::new(app()))).unwrap();
            let request = opened.token().unwrap();
            block_on(world.issuer.decide(Decide::approve(request, id("alice")))).unwrap();
            // Each call to the store is pending once, and takes its turn when it is polled again.
            world.store.delay_all(1);
            let issuer = &world.issuer;
            let token = login.refresh_token().unwrap_or(login.token()).to_owned();
            let finished = match verb {
                "create" => poll(issuer.create(NewSession::for_subject(id("bob"))), dropped_after),
                "check" => poll(issuer.check(login.token(), &Requirement::new()), dropped_after),
                "refresh" => poll(issuer.refresh(Refresh::new(&token)), dropped_after),
                "update" => {
                    let update =
                        Update::as_host(login.session_id()).verified_by_host(FactorKind::Totp);
                    poll(issuer.update(update), dropped_after)
                }
                "revoke" => poll(issuer.revoke(Revoke::token(login.token())), dropped_after),
                _ => poll(issuer.exchange(Exchange::new(request, app())), dropped_after),
            };
            assert!(dropped_after < 11 || finished, "{verb} was never seen to finish");
            // Whatever happened: the session answers, as it was or as it would be, and the world
            // goes on.
            match verb {
                "revoke" => {
                    let outcome = world.check(login.token()).map_err(|error| error.kind());
                    assert!(matches!(outcome, Ok(_) | Err(ErrorKind::Revoked)));
                }
                "update" => {
                    let outcome = world.check(login.token()).map_err(|error| error.kind());
                    assert!(matches!(outcome, Ok(_) | Err(ErrorKind::RefreshRequired)));
                }
                "exchange" => {
                    let outcome = block_on(issuer.exchange(Exchange::new(request, app())));
                    assert!(matches!(
                        outcome.map_err(|e| e.kind()),
                        Ok(_) | Err(ErrorKind::AlreadyDecided)
                    ));
                }
                _ => {
                    world.check(login.token()).unwrap();
                    if login.refresh_token().is_some() {
                        let next = world.refresh(&token).unwrap();
                        world.check(next.token()).unwrap();
                    }
                }
            }
        }
    }
}

/// Polls a future at most this often, each time when it was woken, and drops it. Says whether it
/// was ready.
fn poll<T>(future: impl Future<Output = T>, times: usize) -> bool {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    for polled in 0..times {
        if polled > 0 {
            std::thread::park();
        }
        if future.as_mut().poll(&mut context).is_ready() {
            return true;
        }
    }
    false
}

// 72
#[test]
fn a_verifier_that_panics_spoils_nothing_for_the_next_caller() {
    #[derive(Debug)]
    struct Panicking;

    #[async_trait]
    impl session_issuer::verifier::FactorVerifier for Panicking {
        async fn verify(
            &self,
            attempt: session_issuer::verifier::Attempt<'_>,
        ) -> Result<session_issuer::verifier::Outcome, session_issuer::verifier::VerifyError>
        {
            match attempt.check {
                Check::Password(given) if given.expose() == "boom" => panic!("told to"),
                _ => Ok(session_issuer::verifier::Outcome::passed()),
            }
        }
    }

    let store = Arc::new(FaultyStore::new(crate::world::any_store()));
    let issuer = Issuer::builder()
        .store(store)
        .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
        .verifier(Panicking)
        .policy(Policy::zitadel())
        .build()
        .unwrap();
    let login = |password: &str| {
        let checks = [Check::subject(id("alice")), Check::password(password).unwrap()];
        block_on(issuer.create(NewSession::from_checks(checks)))
    };
    let login_boom = std::panic::AssertUnwindSafe(|| login("boom"));
    let panicked = std::panic::catch_unwind(login_boom).map(drop).unwrap_err();
    assert_eq!(panicked.downcast_ref(), Some(&"told to"));
    assert!(sessions_of(&issuer, "alice").is_empty());
    let next = login("fine").unwrap();
    block_on(issuer.check(next.token(), &Requirement::new())).unwrap();
}

/// A ring behind a door that closes.
#[derive(Debug)]
struct Flaky {
    ring: KeyRing,
    closed: std::sync::atomic::AtomicBool,
}

#[async_trait]
impl TokenSigner for Flaky {
    fn signing_key(&self, now: session_issuer::Timestamp) -> Result<SigningKey, SignError> {
        self.ring.signing_key(now)
    }

    async fn sign(&self, request: SignRequest<'_>) -> Result<Vec<u8>, SignError> {
        match self.closed.load(std::sync::atomic::Ordering::SeqCst) {
            true => Err(SignError::new(SignErrorKind::Unavailable)),
            false => self.ring.sign(request).await,
        }
    }

    fn verify(&self, request: VerifyRequest<'_>) -> Result<(), SignError> {
        self.ring.verify(request)
    }
}

impl Flaky {
    /// The issuer of a world, signing behind a door.
    fn before(world: &World, policy: Policy) -> (Arc<Self>, Issuer) {
        let ring = KeyRing::hs256("k1", &secret(2)).unwrap();
        let signer = Arc::new(Self { ring, closed: Default::default() });
        let issuer = Issuer::builder()
            .store(world.store.clone())
            .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
            .signer(Arc::clone(&signer))
            .clock(world.clock.clone())
            .policy(policy)
            .build()
            .unwrap();
        (signer, issuer)
    }

    fn close(&self, closed: bool) {
        self.closed.store(closed, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn a_signer_that_fails_leaves_no_session_behind_and_evicts_none() {
    let world = World::new(Policy::default());
    let (signer, issuer) =
        Flaky::before(&world, Policy::default().cap(Cap::new(1, OnFull::EvictOldest)));
    let login = block_on(issuer.create(NewSession::for_subject(id("alice")))).unwrap();
    signer.close(true);
    unchanged(&world, || {
        let again = block_on(issuer.create(NewSession::for_subject(id("alice"))));
        assert!(refused(again, ErrorKind::Unavailable).is_retryable());
    });
    block_on(issuer.check(login.token(), &Requirement::new())).unwrap();
}

#[test]
fn a_signer_that_fails_does_not_use_up_a_request_token() {
    let world = World::new(Policy::default());
    let (signer, issuer) = Flaky::before(&world, Policy::default());
    let app = || AppId::new("films").unwrap();
    let opened = block_on(issuer.open(OpenRequest::new(app()))).unwrap();
    let token = opened.token().unwrap();
    block_on(issuer.decide(Decide::approve(token, id("alice")))).unwrap();
    signer.close(true);
    refused(block_on(issuer.exchange(Exchange::new(token, app()))), ErrorKind::Unavailable);
    signer.close(false);
    let session = block_on(issuer.exchange(Exchange::new(token, app()))).unwrap();
    block_on(issuer.check(session.token(), &Requirement::new())).unwrap();
}

#[test]
fn a_signer_that_fails_during_a_step_up_leaves_the_old_tokens_good() {
    let world = World::new(Policy::default());
    let (signer, issuer) = Flaky::before(&world, Policy::default());
    let login = block_on(issuer.create(NewSession::for_subject(id("alice")))).unwrap();
    let step_up = || Update::with_token(login.token()).verified_by_host(FactorKind::Totp);
    signer.close(true);
    unchanged(&world, || {
        refused(block_on(issuer.update(step_up())), ErrorKind::Unavailable);
    });
    signer.close(false);
    let checked = block_on(issuer.check(login.token(), &Requirement::new())).unwrap();
    assert!(checked.session().unwrap().factors().is_empty());
    block_on(issuer.update(step_up())).unwrap();
}

#[test]
fn a_signer_that_fails_after_the_store_has_committed_costs_a_retry_and_no_session() {
    let world = World::new(Policy::default());
    let (signer, issuer) = Flaky::before(&world, Policy::default());
    let login = block_on(issuer.create(NewSession::for_subject(id("alice")))).unwrap();
    let token = refresh_of(&login);
    signer.close(true);
    let error = refused(block_on(issuer.refresh(Refresh::new(&token))), ErrorKind::Unavailable);
    assert!(error.is_retryable());
    world.advance(HOUR);
    signer.close(false);
    let first = block_on(issuer.refresh(Refresh::new(&token))).unwrap();
    let again = block_on(issuer.refresh(Refresh::new(&token))).unwrap();
    assert_eq!(refresh_of(&first), refresh_of(&again));
    assert_eq!(first.session().record().generation(), 2);
}

/// A ring that answers when it is let.
#[derive(Debug)]
struct Slow {
    ring: KeyRing,
    open: std::sync::atomic::AtomicBool,
}

#[async_trait]
impl TokenSigner for Slow {
    fn signing_key(&self, now: session_issuer::Timestamp) -> Result<SigningKey, SignError> {
        self.ring.signing_key(now)
    }

    async fn sign(&self, request: SignRequest<'_>) -> Result<Vec<u8>, SignError> {
        let open = || self.open.load(std::sync::atomic::Ordering::SeqCst);
        std::future::poll_fn(|_| if open() { Poll::Ready(()) } else { Poll::Pending }).await;
        self.ring.sign(request).await
    }

    fn verify(&self, request: VerifyRequest<'_>) -> Result<(), SignError> {
        self.ring.verify(request)
    }
}

// R71
#[test]
fn a_caller_who_does_not_wait_for_a_slow_signer_loses_nothing() {
    let world = World::new(Policy::default());
    let ring = KeyRing::hs256("k1", &secret(2)).unwrap();
    let signer = Arc::new(Slow { ring, open: true.into() });
    let issuer = Issuer::builder()
        .store(world.store.clone())
        .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
        .signer(Arc::clone(&signer))
        .clock(world.clock.clone())
        .build()
        .unwrap();
    let login = block_on(issuer.create(NewSession::for_subject(id("alice")))).unwrap();
    let token = refresh_of(&login);
    let let_it = |open| signer.open.store(open, std::sync::atomic::Ordering::SeqCst);
    let give_up = |call: &mut (dyn Future<Output = ()> + Unpin)| {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            assert!(std::pin::Pin::new(&mut *call).poll(&mut context).is_pending());
        }
    };

    let_it(false);
    give_up(&mut Box::pin(async {
        let _ = issuer.refresh(Refresh::new(&token)).await;
    }));
    unchanged(&world, || {
        give_up(&mut Box::pin(async {
            let _ = issuer.create(NewSession::for_subject(id("alice"))).await;
        }));
    });
    let_it(true);
    let first = block_on(issuer.refresh(Refresh::new(&token))).unwrap();
    let again = block_on(issuer.refresh(Refresh::new(&token))).unwrap();
    assert_eq!(refresh_of(&first), refresh_of(&again));
    assert_eq!(
        first.session().record().generation(),
        2,
        "the reply that nobody waited for was the rotation"
    );
    let listed = block_on(issuer.list(SessionQuery::of_subject(id("alice")))).unwrap();
    assert_eq!(listed.sessions().len(), 1, "and nobody's session was left behind");
}
