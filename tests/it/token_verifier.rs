//! Services that hold public keys alone. Numbers are those of the requirements and of the lifecycle
//! cases.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use async_trait::async_trait;
use session_issuer::{
    Issuer, NewSession, Policy, Timestamp,
    clock::Clock,
    entropy::SystemEntropy,
    error::{ErrorClass, ErrorKind},
    id::TenantId,
    signer::{Jwks, JwksSource, KeyRing, LiveKeyRing, SecretKey, SignError, SignErrorKind},
    testing::{ManualClock, block_on},
    token::{Algorithm, TokenKeys},
    verify::TokenVerifier,
};

use crate::world::*;

fn key(id: &str) -> SecretKey {
    SecretKey::generate(Algorithm::EdDsa, &SystemEntropy).unwrap().key.with_id(id).unwrap()
}

/// Where sessions are issued: a ring that rolls, and the clock of both sides.
struct Origin {
    issuer: Issuer,
    ring: LiveKeyRing,
    clock: ManualClock,
}

impl Origin {
    fn new() -> Self {
        let (clock, ring) = (ManualClock::new(), LiveKeyRing::new(KeyRing::new(key("k1"))));
        let issuer = Issuer::builder()
            .store(crate::world::any_store())
            .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
            .signer(ring.clone())
            .clock(clock.clone())
            .name("https://id.example")
            .audience("api")
            .audience("admin")
            .build()
            .unwrap();
        Self { issuer, ring, clock }
    }

    fn token(&self) -> String {
        block_on(self.issuer.create(NewSession::for_subject(id("alice"))))
            .unwrap()
            .token()
            .to_owned()
    }

    fn published(&self) -> Vec<u8> {
        serde_json::to_vec(&self.ring.get().jwks(self.clock.now())).unwrap()
    }

    /// Rolls without publishing beforehand: what a careful host does not do.
    fn roll(&self, id: &str) {
        self.ring.replace(self.ring.get().roll(key(id), self.clock.now()).unwrap()).unwrap();
    }

    fn verifier(&self, source: Option<&Arc<Source>>) -> TokenVerifier {
        let builder =
            TokenVerifier::builder("https://id.example").audience("api").clock(self.clock.clone());
        let builder = match source {
            Some(source) => builder.source(Arc::clone(source)),
            None => builder.keys(Jwks::parse(&self.published()).unwrap()),
        };
        builder.build().unwrap()
    }
}

/// A place where keys are published: it counts, and it can fail, and it can be slow.
#[derive(Debug, Default)]
struct Source {
    body: Mutex<Option<Vec<u8>>>,
    asked: AtomicUsize,
    /// How often a fetch is polled before it answers.
    slow: AtomicUsize,
}

impl Source {
    fn of(body: Vec<u8>) -> Arc<Self> {
        let source = Self::default();
        source.publish(body);
        Arc::new(source)
    }

    fn publish(&self, body: Vec<u8>) {
        *self.body.lock().unwrap() = Some(body);
    }

    fn fail(&self) {
        *self.body.lock().unwrap() = None;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl JwksSource for Source {
    async fn fetch(&self) -> Result<Vec<u8>, SignError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut left = self.slow.load(Ordering::SeqCst);
        std::future::poll_fn(move |context| {
            context.waker().wake_by_ref();
            left = left.saturating_sub(1);
            if left == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.body.lock().unwrap().clone().ok_or_else(|| SignError::new(SignErrorKind::TimedOut))
    }
}

#[test]
fn a_service_with_a_published_set_alone_verifies_what_another_process_issues() {
    let origin = Origin::new();
    let token = origin.token();
    let verifier = origin.verifier(None);
    let claims = verifier.verify(&token).unwrap();
    assert_eq!(claims.subject(), Some(&id("alice")));
    assert_eq!(
        block_on(verifier.verify_or_fetch(&token)).unwrap().session_id(),
        claims.session_id()
    );
    refused(
        verifier.tenant(TenantId::new("other").unwrap()).verify(&token),
        ErrorKind::InvalidToken,
    );
    let elsewhere = TokenVerifier::builder("https://id.example").audience("billing");
    let elsewhere =
        elsewhere.keys(Jwks::parse(&origin.published()).unwrap()).clock(origin.clock.clone());
    refused(elsewhere.build().unwrap().verify(&token), ErrorKind::WrongAudience);
    let impostor = TokenVerifier::builder("https://evil.example").audience("api");
    let impostor =
        impostor.keys(Jwks::parse(&origin.published()).unwrap()).clock(origin.clock.clone());
    refused(impostor.build().unwrap().verify(&token), ErrorKind::InvalidToken);
    refused(verifier.verify("ses_a1_AAAA"), ErrorKind::WrongTokenKind);
    origin.clock.advance(10 * MINUTE);
    refused(verifier.verify(&token), ErrorKind::TokenExpired);
}

// 44
#[test]
fn an_unknown_key_is_asked_for_once_however_many_tokens_name_it() {
    let origin = Origin::new();
    let source = Source::of(origin.published());
    let verifier = origin.verifier(Some(&source));
    refused(verifier.verify(&origin.token()), ErrorKind::Unavailable);
    block_on(verifier.verify_or_fetch(&origin.token())).unwrap();
    assert_eq!(source.asked(), 1, "the first set");

    origin.clock.advance(MINUTE);
    origin.roll("k2");
    source.publish(origin.published());
    let token = origin.token();
    refused(verifier.verify(&token), ErrorKind::InvalidToken);
    block_on(verifier.verify_or_fetch(&token)).unwrap();
    assert_eq!(source.asked(), 2);
    verifier.verify(&token).unwrap();

    // Keys that nobody has: within the pause the source is left alone, after it asked once more.
    origin.clock.advance(MINUTE);
    origin.roll("k3");
    for _ in 0..100 {
        refused(block_on(verifier.verify_or_fetch(&origin.token())), ErrorKind::InvalidToken);
    }
    assert_eq!(source.asked(), 3);
    origin.clock.advance(30 * SECOND);
    refused(block_on(verifier.verify_or_fetch(&origin.token())), ErrorKind::InvalidToken);
    assert_eq!(source.asked(), 4);
}

// 44
#[test]
fn sixty_four_callers_with_a_new_key_cause_one_fetch_and_all_get_in() {
    for _ in 0..50 {
        let origin = Origin::new();
        let source = Source::of(origin.published());
        let verifier = origin.verifier(Some(&source));
        block_on(verifier.fetch_keys()).unwrap();
        origin.clock.advance(MINUTE);
        origin.roll("k2");
        source.publish(origin.published());
        source.slow.store(20, Ordering::SeqCst);
        let token = origin.token();
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| block_on(verifier.verify_or_fetch(&token)).unwrap());
            }
        });
        assert_eq!(source.asked(), 2);
    }
}

#[test]
fn a_source_that_fails_leaves_the_keys_at_hand_in_use() {
    let origin = Origin::new();
    let source = Source::of(origin.published());
    let verifier = origin.verifier(Some(&source));
    block_on(verifier.verify_or_fetch(&origin.token())).unwrap();
    source.fail();
    origin.clock.advance(HOUR);
    let known = origin.token();
    block_on(verifier.verify_or_fetch(&known)).unwrap();
    assert_eq!(source.asked(), 2, "the set was old");
    origin.clock.advance(MINUTE);
    origin.roll("k2");
    let unknown = origin.token();
    let error = refused(block_on(verifier.verify_or_fetch(&unknown)), ErrorKind::Unavailable);
    assert!(
        error.is_retryable() && error.class() == ErrorClass::Unavailable,
        "the token may be good"
    );
    assert_eq!(source.asked(), 3);
    refused(block_on(verifier.verify_or_fetch(&unknown)), ErrorKind::Unavailable);
    assert_eq!(source.asked(), 3, "not again within the pause");
    block_on(verifier.verify_or_fetch(&known)).unwrap();

    // A set that is refused is no set.
    origin.clock.advance(MINUTE);
    for (at, broken) in ["", "{\"keys\":[]}", "[]", &"x".repeat(1 << 20)].into_iter().enumerate() {
        source.publish(broken.into());
        let error = refused(block_on(verifier.fetch_keys()), ErrorKind::Unavailable);
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(source.asked(), 4 + at);
        origin.clock.advance(MINUTE);
    }
    refused(block_on(verifier.verify_or_fetch(&origin.token())), ErrorKind::Unavailable);
    source.publish(origin.published());
    origin.clock.advance(MINUTE);
    block_on(verifier.verify_or_fetch(&origin.token())).unwrap();
}

#[test]
fn a_key_that_is_taken_back_is_believed_until_the_next_fetch() {
    let origin = Origin::new();
    let source = Source::of(origin.published());
    let verifier = origin.verifier(Some(&source));
    let token = origin.token();
    block_on(verifier.verify_or_fetch(&token)).unwrap();
    origin.ring.replace(KeyRing::new(key("k2"))).unwrap();
    source.publish(origin.published());
    block_on(verifier.verify_or_fetch(&token)).unwrap();
    origin.clock.advance(9 * MINUTE + 59 * SECOND);
    block_on(verifier.verify_or_fetch(&token)).unwrap();
    assert_eq!(source.asked(), 1);
    block_on(verifier.fetch_keys()).unwrap();
    refused(block_on(verifier.verify_or_fetch(&token)), ErrorKind::InvalidToken);
    assert_eq!(
        verifier.keys().unwrap().iter().map(|key| key.id().to_owned()).collect::<Vec<_>>(),
        ["k2"]
    );
}

#[test]
fn while_one_caller_fetches_the_others_go_on_with_the_keys_at_hand() {
    let origin = Origin::new();
    let source = Source::of(origin.published());
    let verifier = origin.verifier(Some(&source));
    block_on(verifier.fetch_keys()).unwrap();
    origin.clock.advance(11 * MINUTE);
    let token = origin.token();
    source.slow.store(1000, Ordering::SeqCst);
    let mut slow = pin!(verifier.verify_or_fetch(&token));
    let mut context = Context::from_waker(Waker::noop());
    assert!(slow.as_mut().poll(&mut context).is_pending());
    let mut quick = pin!(verifier.verify_or_fetch(&token));
    assert!(
        matches!(quick.as_mut().poll(&mut context), Poll::Ready(Ok(_))),
        "nobody waits for a refresh"
    );
    assert_eq!(source.asked(), 2);
}

// R71
#[test]
fn a_fetch_whose_caller_hangs_up_is_finished_by_the_next() {
    let origin = Origin::new();
    let source = Source::of(origin.published());
    let verifier = origin.verifier(Some(&source));
    let token = origin.token();
    let mut context = Context::from_waker(Waker::noop());
    for at in 0..20 {
        source.slow.store(3, Ordering::SeqCst);
        let mut dropped = Box::pin(verifier.verify_or_fetch(&token));
        // The first call waits for the set; every later one finds it there.
        assert_eq!(dropped.as_mut().poll(&mut context).is_pending(), at == 0);
        drop(dropped);
        block_on(verifier.verify_or_fetch(&token)).unwrap();
        assert_eq!(source.asked(), 1, "one fetch, whoever finishes it");
        origin.clock.advance(SECOND);
    }
}

#[test]
fn whoever_hangs_up_again_and_again_keeps_no_taken_back_key_alive() {
    let origin = Origin::new();
    let source = Source::of(origin.published());
    let verifier = origin.verifier(Some(&source));
    let stolen = origin.token();
    block_on(verifier.verify_or_fetch(&stolen)).unwrap();
    origin.ring.replace(KeyRing::new(key("k2"))).unwrap();
    source.publish(origin.published());
    source.slow.store(2, Ordering::SeqCst);
    origin.clock.advance(9 * MINUTE);
    let mut believed = Vec::new();
    for _ in 0..4 {
        origin.clock.advance(30 * SECOND);
        let mut context = Context::from_waker(Waker::noop());
        let _ = Box::pin(verifier.verify_or_fetch(&stolen)).as_mut().poll(&mut context);
        believed.push(
            block_on(verifier.verify_or_fetch(&stolen)).map(drop).map_err(|error| error.kind()),
        );
    }
    assert!(
        believed[1..].iter().all(|answer| *answer == Err(ErrorKind::InvalidToken)),
        "{believed:?}"
    );
}

#[test]
fn a_fetch_that_panics_does_not_stop_the_next() {
    #[derive(Debug)]
    struct Shaky(Source, AtomicUsize);
    #[async_trait]
    impl JwksSource for Shaky {
        async fn fetch(&self) -> Result<Vec<u8>, SignError> {
            assert!(self.1.fetch_add(1, Ordering::SeqCst) > 0, "shaky");
            self.0.fetch().await
        }
    }
    let origin = Origin::new();
    let source = Source { body: Mutex::new(Some(origin.published())), ..Source::default() };
    let verifier =
        TokenVerifier::builder("https://id.example").audience("api").clock(origin.clock.clone());
    let verifier = verifier.source(Shaky(source, AtomicUsize::new(0))).build().unwrap();
    let token = origin.token();
    let first = std::panic::AssertUnwindSafe(|| block_on(verifier.verify_or_fetch(&token)));
    let panicked = std::panic::catch_unwind(first).map(drop).unwrap_err();
    assert_eq!(panicked.downcast_ref(), Some(&"shaky"));
    origin.clock.advance(30 * SECOND);
    block_on(verifier.verify_or_fetch(&token)).unwrap();
}

#[test]
fn keys_beyond_their_longest_age_verify_nothing() {
    let origin = Origin::new();
    let source = Source::of(origin.published());
    let builder =
        TokenVerifier::builder("https://id.example").audience("api").clock(origin.clock.clone());
    let verifier = builder.source(Arc::clone(&source)).longest_age(HOUR).build().unwrap();
    block_on(verifier.fetch_keys()).unwrap();
    source.fail();
    origin.clock.advance(HOUR);
    block_on(verifier.verify_or_fetch(&origin.token())).unwrap();
    origin.clock.advance(Duration::from_millis(1));
    refused(verifier.verify(&origin.token()), ErrorKind::Unavailable);
    refused(block_on(verifier.verify_or_fetch(&origin.token())), ErrorKind::Unavailable);
    source.publish(origin.published());
    origin.clock.advance(MINUTE);
    block_on(verifier.verify_or_fetch(&origin.token())).unwrap();
}

#[test]
fn a_verifier_with_several_mistakes_reports_all_of_them() {
    let error = TokenVerifier::builder("")
        .audience("a\nb")
        .policy(Policy::default().access_lifetime(Duration::ZERO))
        .pace(Duration::ZERO, MINUTE)
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfiguration);
    let why = std::error::Error::source(&error).unwrap().to_string();
    for what in ["no keys", "least pause", "the name", "the audience", "access lifetime"] {
        assert!(why.contains(what), "{why} lacks {what}");
    }
}

#[test]
fn a_verifier_shows_ids_and_no_token() {
    let origin = Origin::new();
    let verifier = origin.verifier(None);
    let error = verifier.verify(&format!("{}x", origin.token())).unwrap_err();
    assert!(!format!("{verifier:?} {error:?} {error}").contains("eyJ"));
    let _: Timestamp = origin.clock.now();
}
