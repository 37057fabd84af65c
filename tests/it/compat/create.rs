//! What the create calls of the five systems have in common. Numbers are those of the seed cases.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use session_issuer::{
    Error, Issuer, Policy,
    actor::Actor,
    compat::{ApiError, hanko, stack_auth, tmdb, zelf, zitadel},
    error::{ErrorClass, ErrorKind},
    event::EventKind,
    id::{AppId, CreatorId},
    issuer::Decide,
    policy::{Cap, OnFull},
    signer::KeyRing,
    testing::{Fault, Verb, block_on},
    token::TokenKeys,
};

use crate::world::*;

pub const USER: &str = "d654e6ba-70a3-48ef-a95d-37c8d8a7901a";
pub const STRANGER: &str = "ffffffff-ffff-4fff-8fff-ffffffffffff";

/// A request, read as a host's door reads it.
pub fn body<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

/// What a caller sees of an error.
pub fn shown<T: std::fmt::Debug, B: Serialize>(outcome: Result<T, ApiError<B>>) -> (u16, Value) {
    let error = outcome.expect_err("it was not refused");
    (error.status, serde_json::to_value(error).unwrap())
}

/// What the host's log has of it.
pub fn cause<T: std::fmt::Debug, B>(outcome: Result<T, ApiError<B>>) -> Option<ErrorKind> {
    outcome.expect_err("it was not refused").cause().map(Error::kind)
}

/// A world with one user.
pub fn world_of(policy: Policy) -> World {
    let world = World::new(policy);
    world.people.add(USER, "V3ryS3cure!");
    world
}

/// The payload of a signed token.
pub fn payload(token: &str) -> Value {
    use base64::Engine;
    let part = token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// The names of the claims of a signed token, sorted.
pub fn names(token: &str) -> Vec<String> {
    payload(token).as_object().unwrap().keys().cloned().collect()
}

/// One create call of each system, by its name and policy, that succeeds in a world with one user.
fn each(act: impl Fn(&str, &World, &dyn Fn(&Issuer) -> Result<(), (u16, Value)>)) {
    let world = world_of(Policy::hanko());
    act("hanko", &world, &|issuer| {
        let caller = hanko::Caller::Admin(CreatorId::new("admin").unwrap());
        let service = hanko::Service::new(issuer.clone());
        let request = body(json!({ "user_id": USER }));
        block_on(service.create_session(&caller, request)).map(drop).map_err(split)
    });
    let world = world_of(Policy::stack_auth());
    act("stack auth", &world, &|issuer| {
        let service = stack_auth::Service::new(issuer.clone());
        let caller = stack_auth::Caller::server(Actor::new(id("operator")));
        let request = body(json!({ "user_id": USER }));
        block_on(service.create_session(&caller, request)).map(drop).map_err(split)
    });
    let world = world_of(Policy::zitadel());
    act("zitadel", &world, &|issuer| {
        let service = zitadel::Service::new(issuer.clone());
        let caller = zitadel::Caller::new(CreatorId::new("login").unwrap(), "acme").unwrap();
        let checks =
            json!({ "user": { "userId": USER }, "password": { "password": "V3ryS3cure!" } });
        let request = body(json!({ "checks": checks }));
        block_on(service.create_session(&caller, request)).map(drop).map_err(split)
    });
    let world = world_of(Policy::tmdb());
    let app = AppId::new("films").unwrap();
    let caller = tmdb::Caller::app(app);
    let service = tmdb::Service::new(world.issuer.clone());
    let opened = block_on(service.create_request_token(&caller)).unwrap();
    let token = opened.request_token.expose();
    block_on(world.issuer.decide(Decide::approve(token, id(USER)))).unwrap();
    act("tmdb", &world, &|issuer| {
        let service = tmdb::Service::new(issuer.clone());
        let request = body(json!({ "request_token": token }));
        block_on(service.create_session(&caller, request)).map(drop).map_err(split)
    });
    let world = world_of(Policy::zelf());
    act("zelf", &world, &|issuer| {
        let service = zelf::Service::new(issuer.clone());
        let caller = zelf::Caller::new().origin("postman").ip([192, 0, 2, 7].into());
        block_on(service.create_session(&caller, body(json!({})))).map(drop).map_err(split)
    });
}

fn split<B: Serialize>(error: ApiError<B>) -> (u16, Value) {
    assert_eq!(error.cause().map(Error::class), Some(ErrorClass::Unavailable), "{error:?}");
    (error.status, serde_json::to_value(error).unwrap())
}

// 127
#[test]
fn every_create_call_emits_one_new_session_exactly_once() {
    each(|system, world, create| {
        create(&world.issuer).unwrap();
        let born =
            world.count(|kind| matches!(kind, EventKind::Created | EventKind::RequestExchanged));
        assert_eq!(born, 1, "{system}: {:?}", world.events());
    });
}

// 76
#[test]
fn a_store_that_fails_stores_nothing_and_is_shown_as_each_system_shows_it() {
    each(|system, world, create| {
        let verb = if system == "tmdb" { Verb::Commit } else { Verb::Insert };
        world.store.fail_next(verb, Fault::Before);
        let (status, body) = create(&world.issuer).unwrap_err();
        let expected = match system {
            "hanko" => (500, json!({ "code": 500, "message": "Internal Server Error" })),
            "stack auth" => {
                (500, json!({ "code": "INTERNAL_SERVER_ERROR", "error": "Something went wrong." }))
            }
            "zitadel" => (
                503,
                json!({ "code": 14, "message": "The service is busy. Try again.", "details": [] }),
            ),
            "tmdb" => (
                503,
                json!({
                    "success": false,
                    "status_code": 9,
                    "status_message": "Service offline: This service is temporarily offline, try again later.",
                }),
            ),
            _ => (500, json!({ "error": "The service is busy. Try again." })),
        };
        assert_eq!((status, body), expected, "{system}");
        assert_eq!(world.count(|kind| matches!(kind, EventKind::Created)), 0, "{system}");
        create(&world.issuer).unwrap();
    });
}

// 8
#[test]
fn a_limit_of_zero_is_a_mistake_of_configuration_and_never_a_panic() {
    let policy = Policy::hanko().cap(Cap::new(0, OnFull::EvictOldest));
    let builder = Issuer::builder()
        .store(crate::world::any_store())
        .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
        .signer(KeyRing::hs256("k1", &secret(2)).unwrap());
    refused(builder.policy(policy).build(), ErrorKind::InvalidConfiguration);
}

#[test]
fn requests_and_answers_never_show_what_they_hold() {
    let hanko: hanko::CreateSession =
        body(json!({ "user_id": USER, "user_agent": "agent-007", "ip_address": "192.0.2.7" }));
    let stack: stack_auth::CreateSession = body(json!({ "user_id": USER }));
    let checks = json!({ "user": { "userId": USER, "loginName": "mini" }, "password": { "password": "hunter2" } });
    let zitadel: zitadel::CreateSession = body(json!({ "checks": checks }));
    let tmdb: tmdb::CreateSession = body(json!({ "request_token": "hunter2" }));
    let zelf: zelf::CreateSession = body(json!({ "identifier": "device-1" }));
    let text = format!("{hanko:?} {stack:?} {zitadel:?} {:?} {tmdb:?} {zelf:?}", zitadel.checks);
    for hidden in [USER, "007", "192.0", "mini", "hunter2", "device-1"] {
        assert!(!text.contains(hidden), "{text}");
    }
    let world = world_of(Policy::hanko());
    let service = hanko::Service::new(world.issuer.clone());
    let caller = hanko::Caller::Admin(CreatorId::new("admin").unwrap());
    let answer = block_on(service.create_session(&caller, hanko)).unwrap();
    assert!(!format!("{answer:?}").contains(answer.session_token.expose()));
}
