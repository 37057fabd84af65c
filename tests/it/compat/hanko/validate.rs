//! Hanko's validation of tokens. Numbers are those of the seed cases.

use std::time::Duration;

use serde_json::{Value, error::Category, json};
use session_issuer::{
    NewSession, Policy, Requirement, Timestamp,
    compat::hanko::{
        Caller, Claims, Email, Profile, Service, ValidateSession, ValidateSessionResponse,
    },
    error::ErrorKind,
    event::EventKind,
    metadata::HostClaims,
    policy::{AccessFormat, Credentials, Noting},
    session::RevokeReason,
    testing::{Fault, Verb, block_on},
};

use crate::{
    compat::{
        create::*,
        hanko::create::{Same, post, service},
    },
    world::*,
};

pub fn created(world: &World) -> String {
    post(&service(world), json!({ "user_id": USER })).unwrap().session_token.expose().to_owned()
}

fn get(world: &World, tokens: &[&str]) -> ValidateSessionResponse {
    block_on(service(world).validate_session(tokens)).unwrap()
}

fn post_body(world: &World, token: &str) -> ValidateSessionResponse {
    let request = body::<ValidateSession>(json!({ "session_token": token }));
    block_on(service(world).validate_session_from_body(request)).unwrap()
}

fn last_used(world: &World, token: &str) -> Timestamp {
    let need = Requirement::new().noting(Noting::Never);
    world.check_for(token, &need).unwrap().session().unwrap().last_seen_at()
}

fn idle(timeout: Option<Duration>) -> World {
    world_of(Policy::hanko().idle_timeout(timeout))
}

#[track_caller]
fn invalid(answer: &ValidateSessionResponse) {
    assert_eq!(serde_json::to_value(answer).unwrap(), json!({ "is_valid": false }));
}

fn text(at: Timestamp) -> Value {
    json!(at.to_string())
}

// 23
#[test]
fn with_an_idle_timeout_the_answer_says_when_it_ends() {
    let world = idle(Some(HOUR));
    let token = created(&world);
    world.advance(10 * MINUTE);
    let expected = last_used(&world, &token).saturating_add(HOUR);
    assert_eq!(get(&world, &[&token]).idle_expires_at, Some(expected));
    let used = world.issuer.now();
    assert_eq!(post_body(&world, &token).idle_expires_at, Some(used.saturating_add(HOUR)));
    assert_eq!(get(&world, &[&token]).idle_expires_at, Some(used.saturating_add(HOUR)));
}

// 24
#[test]
fn without_an_idle_timeout_the_answer_has_no_idle_end() {
    let world = idle(None);
    let token = created(&world);
    for answer in [get(&world, &[&token]), post_body(&world, &token)] {
        assert!(answer.is_valid);
        assert!(serde_json::to_value(&answer).unwrap().get("idle_expires_at").is_none());
    }
}

#[test]
fn an_idle_end_is_never_after_the_tokens_own() {
    let world = idle(Some(HOUR));
    let token = created(&world);
    for _ in 0..23 {
        world.advance(30 * MINUTE);
        assert!(post_body(&world, &token).is_valid);
    }
    let answer = post_body(&world, &token);
    assert_eq!(answer.idle_expires_at, Some(answer.claims.unwrap().expiration));
    assert_eq!(get(&world, &[&token]).idle_expires_at, answer.expiration_time);
}

// 26
#[test]
fn validation_by_body_is_use_at_once() {
    let world = idle(Some(HOUR));
    let token = created(&world);
    let born = last_used(&world, &token);
    world.advance(Duration::from_millis(1));
    assert!(post_body(&world, &token).is_valid);
    assert_eq!(last_used(&world, &token).millis_since(born), 1);
}

#[test]
fn a_use_soon_after_another_is_not_written_down() {
    for (timeout, throttle) in [(None, MINUTE), (Some(100 * SECOND), 10 * SECOND)] {
        let world = idle(timeout);
        let token = created(&world);
        let used = || drop(block_on(service(&world).authenticate(&[&token])).unwrap());
        world.advance(throttle - Duration::from_millis(1));
        unchanged(&world, used);
        world.advance(Duration::from_millis(1));
        used();
        assert_eq!(last_used(&world, &token), world.issuer.now(), "{timeout:?}");
        unchanged(&world, used);
    }
}

// 27
#[test]
fn validation_by_header_or_cookie_writes_nothing() {
    let world = idle(Some(HOUR));
    let token = created(&world);
    let born = last_used(&world, &token);
    world.advance(59 * MINUTE);
    unchanged(&world, || assert!(get(&world, &[&token]).is_valid));
    assert_eq!(last_used(&world, &token), born);
    world.advance(MINUTE);
    unchanged(&world, || invalid(&get(&world, &[&token])));
}

// 29
#[test]
fn a_good_signature_does_not_save_a_revoked_session() {
    let world = world_of(Policy::hanko());
    let token = created(&world);
    let id = world.check(&token).unwrap().session_id();
    block_on(world.issuer.revoke(session_issuer::Revoke::session(id))).unwrap();
    world.issuer.verify(&token).expect("the signature holds");
    invalid(&get(&world, &[&token]));
    invalid(&post_body(&world, &token));
    assert_eq!(shown(block_on(service(&world).authenticate(&[&token]))).0, 401);
    world.advance(31 * DAY);
    block_on(world.issuer.sweep(100)).unwrap();
    invalid(&get(&world, &[&token]));
}

// 31
#[test]
fn the_second_credential_wins_when_the_first_is_bad() {
    let world = world_of(Policy::hanko());
    let (gone, good) = (created(&world), created(&world));
    block_on(world.issuer.revoke(session_issuer::Revoke::token(&gone))).unwrap();
    let session = world.check(&good).unwrap().session_id();
    for first in ["", "nonsense", "a.b.c", gone.as_str()] {
        assert_eq!(get(&world, &[first, &good]).claims.unwrap().session_id, session, "{first}");
    }
    invalid(&get(&world, &[]));
    invalid(&get(&world, &["", "nonsense"]));
    let caller = block_on(service(&world).authenticate(&[&gone, &good])).unwrap();
    assert_eq!(caller, Caller::User { user: id(USER), session, actors: None });
}

#[test]
fn of_two_good_credentials_the_first_answers() {
    let world = world_of(Policy::hanko());
    let (first, second) = (created(&world), created(&world));
    let session = world.check(&first).unwrap().session_id();
    assert_eq!(get(&world, &[&first, &second]).claims.unwrap().session_id, session);
}

// 19
#[test]
fn an_expired_token_and_one_of_another_key_are_not_good() {
    let world = world_of(Policy::hanko());
    let token = created(&world);
    // All names are the same; the key is not.
    let stranger = session_issuer::Issuer::builder()
        .store(crate::world::any_store())
        .token_keys(session_issuer::token::TokenKeys::new(1, &secret(1)).unwrap())
        .signer(session_issuer::signer::KeyRing::hs256("k1", &secret(9)).unwrap())
        .clock(world.clock.clone())
        .policy(Policy::hanko())
        .build()
        .unwrap();
    let forged = block_on(stranger.create(NewSession::for_subject(id(USER)))).unwrap();
    invalid(&get(&world, &[forged.token()]));
    refused(world.issuer.verify(forged.token()), ErrorKind::InvalidToken);
    world.advance(12 * HOUR - SECOND);
    assert!(get(&world, &[&token]).is_valid);
    world.advance(SECOND);
    invalid(&get(&world, &[&token]));
    invalid(&post_body(&world, &token));
    refused(world.issuer.verify(&token), ErrorKind::TokenExpired);
}

// 33
#[test]
fn a_valid_answer_has_exactly_the_members_that_hanko_names() {
    let world = world_of(Policy::hanko());
    let mut profile = Profile::default();
    let bare = created(&world);
    profile.email = Some(Email::primary("mini@mouse.com", true));
    profile.username = Some("mini".to_owned());
    profile.custom.insert("plan".to_owned(), json!({ "seats": [1, 2] }));
    // A template's claim does not take the place of a member.
    profile.custom.insert("subject".to_owned(), json!("planted"));
    profile.custom.insert("expiration".to_owned(), json!("planted"));
    let full = service(&world).profiles(Same(profile));
    let full = post(&full, json!({ "user_id": USER })).unwrap().session_token;
    let claims = payload(full.expose());
    let at = |name: &str| text(Timestamp::from_secs(claims[name].as_i64().unwrap()));
    let expected = json!({
        "is_valid": true,
        "claims": {
            "subject": USER,
            "issued_at": at("iat"),
            "expiration": at("exp"),
            "audience": ["session-issuer"],
            "issuer": "session-issuer",
            "email": { "address": "mini@mouse.com", "is_primary": true, "is_verified": true },
            "username": "mini",
            "session_id": claims["session_id"],
            "plan": { "seats": [1, 2] },
        },
        "expiration_time": at("exp"),
        "user_id": USER,
    });
    assert_eq!(serde_json::to_value(get(&world, &[full.expose()])).unwrap(), expected);
    assert_eq!(serde_json::to_value(post_body(&world, full.expose())).unwrap(), expected);
    let answer = serde_json::to_value(get(&world, &[&bare])).unwrap();
    let members: Vec<_> = answer["claims"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["audience", "expiration", "issued_at", "issuer", "session_id", "subject"]);
}

// 32
#[test]
fn claims_are_read_back_as_they_were_signed() {
    let world = world_of(Policy::hanko());
    let mut profile = Profile::default();
    profile.email = Some(Email::primary("mini@mouse.com", false));
    profile.username = Some("mini".to_owned());
    profile.custom.insert("custom".to_owned(), json!("c"));
    let service: Service = service(&world).profiles(Same(profile.clone()));
    let token = post(&service, json!({ "user_id": USER })).unwrap().session_token;
    let verified = world.issuer.verify(token.expose()).unwrap();
    let claims = Claims::of(&verified, world.issuer.name()).unwrap();
    assert_eq!((&claims.email, &claims.username), (&profile.email, &profile.username));
    assert_eq!(claims.subject.as_str(), USER);
    assert_eq!(Value::Object(claims.custom.clone()), json!({ "custom": "c" }));
    let json = serde_json::to_string(&claims).unwrap();
    assert!(serde_json::from_str::<Claims>(&json).unwrap() == claims);
    let minimal = json!({
        "subject": USER,
        "expiration": "2026-11-21T07:00:00Z",
        "session_id": verified.session_id(),
    });
    let minimal: Claims = serde_json::from_value(minimal).unwrap();
    assert!(
        minimal.issued_at.is_none() && minimal.audience.is_empty() && minimal.custom.is_empty()
    );
    for wrong in
        [json!({ "subject": USER }), json!({ "subject": USER, "expiration": 7 }), json!([])]
    {
        let error = serde_json::from_value::<Claims>(wrong.clone()).unwrap_err();
        assert_eq!(error.classify(), Category::Data, "{wrong}");
    }
}

#[test]
fn a_malformed_claim_of_the_host_is_left_out_of_the_answer() {
    let world = world_of(Policy::hanko());
    let claims =
        HostClaims::of([("email", json!("mini@mouse.com")), ("username", json!(7))]).unwrap();
    let login = world.create(NewSession::for_subject(id(USER)).claims(claims)).unwrap();
    let answer = get(&world, &[login.token()]);
    assert!(answer.is_valid);
    let claims = answer.claims.unwrap();
    assert!(claims.email.is_none() && claims.username.is_none() && claims.custom.is_empty());
}

#[test]
fn a_body_without_a_token_is_a_broken_rule() {
    let world = world_of(Policy::hanko());
    let expected = (400, json!({ "code": 400, "message": "session_token is a required field" }));
    for request in [json!({}), json!({ "session_token": null }), json!({ "session_token": "" })] {
        let request = || body::<ValidateSession>(request.clone());
        let outcome = || block_on(service(&world).validate_session_from_body(request()));
        unchanged(&world, || assert_eq!(shown(outcome()), expected));
    }
    for (wrong, expected) in [
        ("", Category::Eof),
        ("{", Category::Eof),
        ("[]", Category::Data),
        ("[1]", Category::Data),
        (r#"["a"]"#, Category::Data),
        (r#"{"session_token": "a"} x"#, Category::Syntax),
    ] {
        let error = serde_json::from_str::<ValidateSession>(wrong).unwrap_err();
        assert_eq!(error.classify(), expected, "{wrong}");
    }
    for token in [" ", "x", "a.b", "a.b.c", &"x".repeat(20_000)] {
        unchanged(&world, || invalid(&post_body(&world, token)));
    }
}

#[test]
fn a_store_that_fails_is_never_a_log_out() {
    let world = world_of(Policy::hanko());
    let token = created(&world);
    let internal = (500, json!({ "code": 500, "message": "Internal Server Error" }));
    world.store.fail_next(Verb::Load, Fault::Before);
    assert_eq!(shown(block_on(service(&world).validate_session(&[&token]))), internal);
    world.store.fail_next(Verb::Load, Fault::Before);
    let request = body::<ValidateSession>(json!({ "session_token": token }));
    assert_eq!(shown(block_on(service(&world).validate_session_from_body(request))), internal);
    world.store.fail_next(Verb::Load, Fault::Before);
    assert_eq!(shown(block_on(service(&world).authenticate(&["bad", &token]))), internal);
    world.store.fail_next(Verb::Load, Fault::Before);
    assert!(get(&world, &[&token, &token]).is_valid, "the next one is tried");
    assert!(get(&world, &[&token]).is_valid);
}

// 39 (idle)
#[test]
fn a_session_that_was_idle_for_too_long_is_ended_once_when_it_is_used() {
    let world = idle(Some(HOUR));
    let token = created(&world);
    world.advance(HOUR);
    let idle =
        |kind: &EventKind| matches!(kind, EventKind::Revoked { reason: RevokeReason::Idle, .. });
    invalid(&get(&world, &[&token]));
    assert_eq!(world.count(idle), 0, "a read does not delete");
    invalid(&post_body(&world, &token));
    invalid(&post_body(&world, &token));
    assert_eq!(shown(block_on(service(&world).authenticate(&[&token]))).0, 401);
    assert_eq!(world.count(idle), 1);
}

#[test]
fn a_session_is_idle_from_the_millisecond_on_at_which_its_timeout_is_over() {
    let world = idle(Some(HOUR));
    let token = created(&world);
    world.advance(HOUR - Duration::from_millis(1));
    assert!(post_body(&world, &token).is_valid);
    world.advance(HOUR);
    invalid(&post_body(&world, &token));
}

#[test]
fn nobody_is_authenticated_without_a_good_token() {
    let world = world_of(Policy::hanko());
    let expected = (401, json!({ "code": 401, "message": "Unauthorized" }));
    for tokens in [&[][..], &[""], &["nonsense", "a.b.c"]] {
        let outcome = || block_on(service(&world).authenticate(tokens));
        unchanged(&world, || assert_eq!(shown(outcome()), expected));
    }
    let anonymous = world.create(NewSession::anonymous()).unwrap();
    assert_eq!(shown(block_on(service(&world).authenticate(&[anonymous.token()]))), expected);
    invalid(&get(&world, &[anonymous.token()]));
}

#[test]
fn an_opaque_token_is_validated_by_its_session() {
    let world = world_of(Policy::hanko().credentials(Credentials::Access(AccessFormat::Opaque)));
    let mut profile = Profile::default();
    profile.username = Some("mini".to_owned());
    profile.custom.insert("plan".to_owned(), json!("gold"));
    let service = service(&world).profiles(Same(profile));
    let token = post(&service, json!({ "user_id": USER })).unwrap().session_token;
    let claims = get(&world, &[token.expose()]).claims.unwrap();
    assert_eq!(
        (claims.username.as_deref(), &claims.custom["plan"]),
        (Some("mini"), &json!("gold"))
    );
    assert_eq!(claims.subject.as_str(), USER);
}

#[test]
fn requests_and_answers_never_show_what_they_hold() {
    let world = world_of(Policy::hanko());
    let token = created(&world);
    let request = body::<ValidateSession>(json!({ "session_token": token }));
    let answer = get(&world, &[&token]);
    let shown = format!("{request:?} {answer:?} {:?}", answer.claims);
    assert!(!shown.contains(USER) && !shown.contains(&token), "{shown}");
}
