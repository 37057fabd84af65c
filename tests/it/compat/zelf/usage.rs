//! ZELF's sessions in use: tokens, quotas, one-shot operations, keys. Numbers are those of the seed
//! cases.

use std::net::IpAddr;

use async_trait::async_trait;
use serde_json::{Value, json};
use session_issuer::{
    Policy, Update,
    compat::zelf::{
        ApiError, KEY_SLOT, PublicKey, PublicKeyResponse, PublicKeys, Quota, Service, SessionUse,
        UseSession, WantedKey, bearer_token,
    },
    error::ErrorKind,
    event::EventKind,
    id::SessionId,
    policy::Noting,
    session::RevokeReason,
    signer::KeyRing,
    testing::{Fault, Verb, block_on},
    verifier::VerifyError,
};

use crate::{
    compat::{create::*, zelf::create::*},
    world::*,
};

fn token(world: &World, identifier: &str) -> String {
    create(world, &from(HOME), json!({ "identifier": identifier })).token.expose().to_owned()
}

fn count(service: &Service, token: &str, quota: Quota) -> Result<SessionUse, ApiError> {
    block_on(service.use_session(UseSession::new(token).counting(quota)))
}

fn use_once(world: &World, token: &str) -> Result<SessionUse, ApiError> {
    count(&service(world), token, Quota::Global)
}

fn finish(world: &World, token: &str) -> Result<(), ApiError> {
    block_on(service(world).finish_session(UseSession::new(token)))
}

fn id_of(token: &str) -> SessionId {
    payload(token)["session"].as_str().unwrap().parse().unwrap()
}

fn counter(world: &World, token: &str, quota: Quota) -> u64 {
    let need = session_issuer::Requirement::new().noting(Noting::Never);
    let checked = world.check_for(token, &need).unwrap();
    checked.session().unwrap().session().unwrap().counter(quota.name())
}

fn protected() -> (u16, Value) {
    (401, json!({ "error": "Protected resource, use Authorization header to get access" }))
}

fn invalid_session() -> (u16, Value) {
    (401, json!({ "error": "Invalid session" }))
}

fn forbidden(message: &str) -> (u16, Value) {
    (403, json!({ "validationError": message }))
}

// 150
#[test]
fn a_token_comes_in_the_header_in_the_query_or_in_the_body() {
    let world = devices();
    let request =
        json!({ "identifier": "device-1", "type": "importWallet", "isWebExtension": true });
    let data = create(&world, &from(HOME), request);
    let text = data.token.expose();
    let header = UseSession::authorization(&format!("Bearer {text}"));
    let query = UseSession::from_query(&format!("?a=b&token={text}"));
    let in_body = body::<UseSession>(json!({ "token": text }));
    for call in [header, query, in_body] {
        assert!(!format!("{call:?}").contains(text));
        let used = block_on(service(&world).use_session(call)).unwrap();
        assert_eq!(
            (used.identifier(), used.kind(), used.is_web_extension()),
            ("device-1", "importWallet", true)
        );
        assert_eq!(used.session_id(), id_of(text));
    }
    let first = UseSession::authorization(&format!("bearer {text} ")).or(UseSession::new("x"));
    block_on(service(&world).use_session(first)).expect("the header goes first");
    let second = UseSession::authorization("").or(UseSession::new(text));
    block_on(service(&world).use_session(second)).unwrap();
    assert_eq!(bearer_token("ey.a.b"), Some("ey.a.b"));
    assert_eq!(bearer_token("Token eyJ.a.b \r\n"), Some("eyJ.a.b"));
    for nothing in ["", "Bearer", "Bearer abc", "Basic dXNlcjpwYXNz"] {
        assert_eq!(bearer_token(nothing), None, "{nothing}");
    }
}

#[test]
fn without_a_good_token_a_resource_is_protected() {
    let world = devices();
    let text = token(&world, "device-1");
    let foreign = session_issuer::Issuer::builder()
        .store(crate::world::any_store())
        .token_keys(session_issuer::token::TokenKeys::new(1, &secret(9)).unwrap())
        .signer(KeyRing::hs256("k1", &secret(9)).unwrap())
        .clock(world.clock.clone())
        .policy(Policy::zelf())
        .build()
        .unwrap();
    let forged = post(&Service::new(foreign), &from(HOME), json!({})).unwrap();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.e30.";
    unchanged(&world, || {
        for bad in [
            "",
            "ey",
            "x",
            none,
            forged.token.expose(),
            &text[..text.len() - 2],
            &"ey".repeat(9000),
        ] {
            assert_eq!(shown(use_once(&world, bad)), protected(), "{bad}");
            assert_eq!(shown(count(&service(&world), bad, Quota::Search)), protected());
            assert_eq!(shown(finish(&world, bad)), protected());
        }
        for missing in [json!({}), json!({ "token": null })] {
            let outcome = block_on(service(&world).use_session(body(missing)));
            assert_eq!(shown(outcome), protected());
        }
    });
    world.advance(600 * SECOND);
    assert_eq!(shown(use_once(&world, &text)), protected(), "its exp is enforced");
    assert_eq!(cause(use_once(&world, &text)), Some(ErrorKind::TokenExpired));
}

// ZELF lets a token pass whose row is gone; here it is refused.
#[test]
fn a_token_whose_session_is_gone_is_refused() {
    let world = devices();
    let text = token(&world, "device-1");
    create(&world, &from(HOME), json!({ "identifier": "device-1", "killSession": true }));
    let same_keys = World::over(
        Policy::zelf(),
        world.clock.clone(),
        std::sync::Arc::new(session_issuer::testing::FaultyStore::new(crate::world::any_store())),
    );
    for world in [&world, &same_keys] {
        assert_eq!(shown(use_once(world, &text)), invalid_session());
        assert_eq!(
            shown(count(&service(world), &text, Quota::Lease)),
            forbidden("Session is not active")
        );
        assert_eq!(shown(finish(world, &text)), forbidden("Session is not active"));
    }
    assert_eq!(cause(use_once(&world, &text)), Some(ErrorKind::Revoked));
    assert_eq!(cause(use_once(&same_keys, &text)), Some(ErrorKind::InvalidToken));
}

// 164
#[test]
fn fifteen_leases_are_granted_and_no_sixteenth() {
    let world = devices();
    let (text, other) = (token(&world, "device-1"), token(&world, "device-2"));
    for _ in 0..15 {
        count(&service(&world), &text, Quota::Lease).unwrap();
    }
    let refused = count(&service(&world), &text, Quota::Lease);
    assert_eq!(shown(refused), forbidden("Lease limit exceeded"));
    assert_eq!(cause(count(&service(&world), &text, Quota::Lease)), Some(ErrorKind::QuotaExceeded));
    assert_eq!(counter(&world, &text, Quota::Global), 15, "what is refused counts nothing");
    count(&service(&world), &text, Quota::Decrypt).expect("other quotas are their own");
    count(&service(&world), &other, Quota::Lease).expect("and so are other sessions");
    world.advance(599 * SECOND);
    let again = token(&world, "device-1");
    assert_eq!(
        shown(count(&service(&world), &again, Quota::Lease)),
        forbidden("Lease limit exceeded")
    );
    world.advance(SECOND);
    let next = token(&world, "device-1");
    count(&service(&world), &next, Quota::Lease).expect("a new window counts anew");
}

// 164
#[test]
fn every_quota_is_refused_in_its_own_words_at_zelfs_limit() {
    let world = devices();
    for (quota, limit, message) in [
        (Quota::Preview, 300, "Preview limit exceeded"),
        (Quota::Search, 300, "Search limit exceeded"),
        (Quota::Lease, 15, "Lease limit exceeded"),
        (Quota::Decrypt, 30, "Decrypt limit exceeded"),
    ] {
        let text = token(&world, message);
        for _ in 0..limit {
            count(&service(&world), &text, quota).unwrap();
        }
        assert_eq!(shown(count(&service(&world), &text, quota)), forbidden(message));
        assert_eq!((counter(&world, &text, quota), quota.usual()), (limit, limit));
        use_once(&world, &text).expect("it is good for everything else");
    }
}

// 165
#[test]
fn three_thousand_uses_are_granted_and_not_one_more() {
    let world = devices();
    let text = token(&world, "device-1");
    for _ in 0..2999 {
        use_once(&world, &text).unwrap();
    }
    count(&service(&world), &text, Quota::Search).unwrap();
    assert_eq!(shown(use_once(&world, &text)), invalid_session());
    assert_eq!(shown(count(&service(&world), &text, Quota::Search)), invalid_session());
    assert_eq!(counter(&world, &text, Quota::Global), 3000);
    assert_eq!(counter(&world, &text, Quota::Search), 1);
}

// 164, 165
#[test]
fn limits_are_the_hosts_to_set() {
    let world = devices();
    let text = token(&world, "device-1");
    let narrow =
        service(&world).limit(Quota::Search, 9).limit(Quota::Search, 1).limit(Quota::Lease, 0);
    let narrow = narrow.limit(Quota::Global, 2);
    count(&narrow, &text, Quota::Search).unwrap();
    assert_eq!(shown(count(&narrow, &text, Quota::Search)), forbidden("Search limit exceeded"));
    assert_eq!(
        shown(count(&narrow, &text, Quota::Lease)),
        forbidden("Lease limit exceeded"),
        "never"
    );
    count(&narrow, &text, Quota::Global).unwrap();
    assert_eq!(
        shown(count(&narrow, &text, Quota::Lease)),
        invalid_session(),
        "the global one goes first"
    );
}

// 166
#[test]
fn counters_that_are_hit_in_parallel_never_exceed_their_limits() {
    let world = devices();
    let service = service(&world).limit(Quota::Search, 100).limit(Quota::Global, 150);
    let text = token(&world, "device-1");
    let passed = |quota: Quota, refusal: (u16, Value)| {
        let counts = || match count(&service, &text, quota) {
            Ok(_) => true,
            answer => {
                assert_eq!(shown(answer), refusal);
                false
            }
        };
        std::thread::scope(|scope| {
            let work = || (0..8).filter(|_| counts()).count();
            let racing: Vec<_> = (0..64).map(|_| scope.spawn(work)).collect();
            racing.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        })
    };
    assert_eq!(passed(Quota::Search, forbidden("Search limit exceeded")), 100);
    assert_eq!(passed(Quota::Global, invalid_session()), 50);
    assert_eq!(counter(&world, &text, Quota::Search), 100);
    assert_eq!(counter(&world, &text, Quota::Global), 150);
}

// 164, 165
#[test]
fn a_use_that_could_not_be_counted_is_not_granted() {
    let world = devices();
    let text = token(&world, "device-1");
    let busy = (500, json!({ "error": "The service is busy. Try again." }));
    for verb in [Verb::Load, Verb::NoteUse] {
        world.store.fail_next(verb, Fault::Before);
        assert_eq!(shown(use_once(&world, &text)), busy, "{verb:?}");
        world.store.fail_next(verb, Fault::Before);
        assert_eq!(shown(count(&service(&world), &text, Quota::Search)), busy, "{verb:?}");
    }
    use_once(&world, &text).unwrap();
    assert_eq!(counter(&world, &text, Quota::Global), 1);
}

// 167
#[test]
fn a_finished_operation_ends_all_sessions_of_its_identifier() {
    let world = devices();
    let text = token(&world, "device-1");
    let work = create(&world, &from(WORK), json!({ "identifier": "device-1" }));
    let other = token(&world, "device-2");
    finish(&world, &text).unwrap();
    for gone in [&*text, work.token.expose()] {
        assert_eq!(shown(use_once(&world, gone)), invalid_session());
        assert_eq!(
            shown(count(&service(&world), gone, Quota::Decrypt)),
            forbidden("Session is not active")
        );
        assert_eq!(shown(finish(&world, gone)), forbidden("Session is not active"));
    }
    use_once(&world, &other).unwrap();
    let ended = EventKind::Revoked { reason: RevokeReason::Logout, by: None };
    assert_eq!(world.count(|kind| *kind == ended), 2);
    let next = token(&world, "device-1");
    assert_ne!(id_of(&next), id_of(&text));
    use_once(&world, &next).unwrap();
}

// 167
#[test]
fn of_many_who_finish_at_once_one_succeeds() {
    let world = devices();
    let text = token(&world, "device-1");
    let finished = std::thread::scope(|scope| {
        let racing: Vec<_> = (0..64).map(|_| scope.spawn(|| finish(&world, &text))).collect();
        racing.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let (won, lost): (Vec<_>, Vec<_>) = finished.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for lost in lost {
        assert_eq!(shown(lost), forbidden("Session is not active"));
    }
}

// 167
#[test]
fn a_finish_that_the_store_did_not_do_can_be_made_again() {
    let world = devices();
    let text = token(&world, "device-1");
    let work = create(&world, &from(WORK), json!({ "identifier": "device-1" }));
    for verb in [Verb::Load, Verb::List, Verb::End] {
        world.store.fail_next(verb, Fault::Before);
        assert_eq!(shown(finish(&world, &text)).0, 500, "{verb:?}");
    }
    finish(&world, &text).unwrap();
    assert_eq!(shown(use_once(&world, work.token.expose())), invalid_session());
}

// 167
#[test]
fn a_finish_ends_more_sessions_than_one_page_has() {
    let world = devices();
    let text = token(&world, "device-1");
    for n in 0..1100_u32 {
        let ip = IpAddr::from((0x0a00_0000 + n).to_be_bytes());
        create(&world, &from(ip), json!({ "identifier": "device-1" }));
    }
    finish(&world, &text).unwrap();
    assert_eq!(world.count(|kind| matches!(kind, EventKind::Revoked { .. })), 1101);
}

#[derive(Debug)]
struct Keys;

#[async_trait]
impl PublicKeys for Keys {
    async fn public_key(&self, wanted: WantedKey<'_>) -> Result<String, VerifyError> {
        assert!(!format!("{wanted:?}").contains(wanted.identifier));
        match wanted.identifier {
            "down" => Err(VerifyError::new("the key store is away")),
            identifier => Ok(format!("key of {identifier} at {}", wanted.ip.unwrap())),
        }
    }
}

fn key_of(service: &Service, query: &str) -> Result<PublicKeyResponse, ApiError> {
    block_on(service.public_key(&from(HOME), PublicKey::from_query(query)))
}

// 168
#[test]
fn a_key_is_asked_for_by_an_identifier_of_1_to_200_characters() {
    let world = devices();
    let service = service(&world).public_keys(Keys);
    let refused = |message: &str| (409, json!({ "validationError": message }));
    unchanged(&world, || {
        let answer = key_of(&service, "identifier=device-1").unwrap();
        assert_eq!(
            serde_json::to_value(answer).unwrap(),
            json!({ "data": "key of device-1 at 192.0.2.7" })
        );
        assert_eq!(shown(key_of(&service, "")), refused(r#""identifier" is required"#));
        let empty = refused(r#""identifier" is not allowed to be empty"#);
        assert_eq!(shown(key_of(&service, "identifier=")), empty);
        key_of(&service, &format!("identifier={}", "a".repeat(200))).unwrap();
        let long = key_of(&service, &format!("identifier={}", "a".repeat(201)));
        assert_eq!(shown(long), refused(r#""identifier" is longer than 200"#));
        let control = key_of(&service, "identifier=a%00b");
        assert_eq!(shown(control), refused(r#""identifier" has a control character"#));
    });
}

// 168, 163
#[test]
fn a_key_that_the_host_does_not_have_is_its_own_fault() {
    let world = devices();
    let down = key_of(&service(&world).public_keys(Keys), "identifier=down");
    assert_eq!(shown(down), (500, json!({ "error": "The service is busy. Try again." })));
    let none = key_of(&service(&world), "identifier=device-1");
    assert_eq!(shown(none), (500, json!({ "error": "Something went wrong." })));
    let nowhere = session_issuer::compat::zelf::Caller::new();
    let outcome = block_on(
        service(&world).public_keys(Keys).public_key(&nowhere, PublicKey::new("device-1")),
    );
    assert_eq!(shown(outcome), (403, json!({ "error": "rejected" })));
}

// 168: the slot that is left to the host
#[test]
fn a_session_has_a_slot_for_the_hosts_key_and_keeps_its_token_and_window() {
    let world = devices();
    let text = token(&world, "device-1");
    assert_eq!(use_once(&world, &text).unwrap().key_slot(), None);
    let update = Update::as_host(id_of(&text)).metadata(KEY_SLOT, "wrapped");
    block_on(world.issuer.update(update)).unwrap();
    let used = use_once(&world, &text).unwrap();
    assert_eq!(used.key_slot(), Some(&b"wrapped"[..]));
    let again = create(&world, &from(HOME), json!({ "identifier": "device-1" }));
    assert_eq!(session_of(&again), id_of(&text).to_string());
    assert_eq!(used.checked().session().unwrap().created_at().as_secs(), again.activated_at);
}
