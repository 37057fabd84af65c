//! TMDB's request tokens and create call. Numbers are those of the seed cases.

use std::time::Duration;

use serde_json::{Value, json};
use session_issuer::{
    Policy,
    compat::tmdb::{
        ApiError, Caller, CreateSession, CreateSessionResponse, Service, create_request_token, create_session,
    },
    error::ErrorKind,
    id::AppId,
    issuer::{Decide, OpenRequest},
    testing::block_on,
};

use crate::{compat_create::*, world::*};

fn app(name: &str) -> Caller {
    Caller::app(AppId::new(name).unwrap())
}

fn service(world: &World) -> Service {
    Service::new(world.issuer.clone())
}

fn open(world: &World) -> String {
    let opened = block_on(create_request_token(&service(world), &app("films"))).unwrap();
    opened.request_token.expose().to_owned()
}

fn approved(world: &World) -> String {
    let token = open(world);
    block_on(world.issuer.decide(Decide::approve(&token, id(USER)))).unwrap();
    token
}

fn post_as(world: &World, caller: &Caller, request: Value) -> Result<CreateSessionResponse, ApiError> {
    block_on(create_session(&service(world), caller, body::<CreateSession>(request)))
}

fn exchange(world: &World, token: &str) -> Result<CreateSessionResponse, ApiError> {
    post_as(world, &app("films"), json!({ "request_token": token }))
}

fn tmdb(status: u16, code: u16, message: &str) -> (u16, Value) {
    (status, json!({ "success": false, "status_code": code, "status_message": message }))
}

fn invalid_token() -> (u16, Value) {
    tmdb(401, 33, "Invalid request token: The request token is either expired or invalid.")
}

// 131
#[test]
fn a_new_request_token_lasts_sixty_minutes_and_says_so_in_tmdbs_form() {
    let world = world_of(Policy::tmdb());
    let opened = block_on(create_request_token(&service(&world), &app("films"))).unwrap();
    assert_eq!(opened.expires_at, world.issuer.now().saturating_add(HOUR));
    let json = serde_json::to_value(&opened).unwrap();
    assert_eq!(json["success"], json!(true));
    assert_eq!(json["request_token"], json!(opened.request_token.expose()));
    let form = json["expires_at"].as_str().unwrap();
    let shape: String = form.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    assert_eq!(shape, "9999-99-99 99:99:99 UTC", "{form}");
}

// 132
#[test]
fn a_token_that_waits_is_refused_and_can_still_be_used_later() {
    let world = world_of(Policy::tmdb());
    let token = open(&world);
    let expected = tmdb(422, 41, "This request token hasn't been approved by the user.");
    unchanged(&world, || assert_eq!(shown(exchange(&world, &token)), expected));
    assert_eq!(cause(exchange(&world, &token)), Some(ErrorKind::NotApproved));
    block_on(world.issuer.decide(Decide::approve(&token, id(USER)))).unwrap();
    exchange(&world, &token).unwrap();
}

// 133
#[test]
fn an_approved_token_becomes_a_session_of_who_approved_exactly_once() {
    let world = world_of(Policy::tmdb());
    let token = approved(&world);
    let answer = exchange(&world, &token).unwrap();
    let session_id = answer.session_id.expose();
    assert_eq!(serde_json::to_value(&answer).unwrap(), json!({ "success": true, "session_id": session_id }));
    assert_eq!(world.check(session_id).unwrap().subject().unwrap().as_str(), USER);
    unchanged(&world, || assert_eq!(shown(exchange(&world, &token)), invalid_token()));
    assert_eq!(cause(exchange(&world, &token)), Some(ErrorKind::AlreadyDecided));
    world.check(session_id).expect("a second exchange revokes nothing");
    world.advance(3650 * DAY);
    let checked = world.check(session_id).expect("140: it does not expire");
    assert_eq!(checked.session().unwrap().ends_at(), None);
}

// 135
#[test]
fn a_token_that_was_approved_too_long_ago_is_refused() {
    let world = world_of(Policy::tmdb());
    let (early, late) = (approved(&world), approved(&world));
    world.advance(HOUR - Duration::from_millis(1));
    exchange(&world, &early).unwrap();
    world.advance(SECOND + Duration::from_millis(1));
    unchanged(&world, || assert_eq!(shown(exchange(&world, &late)), invalid_token()));
    assert_eq!(cause(exchange(&world, &late)), Some(ErrorKind::Expired));
}

// 136
#[test]
fn a_denied_token_is_denied_for_good() {
    let world = world_of(Policy::tmdb());
    let token = open(&world);
    block_on(world.issuer.decide(Decide::deny(&token))).unwrap();
    let denied = tmdb(401, 17, "Session denied.");
    unchanged(&world, || assert_eq!(shown(exchange(&world, &token)), denied.clone()));
    let change = block_on(world.issuer.decide(Decide::approve(&token, id(USER))));
    assert_eq!(change.unwrap_err().kind(), ErrorKind::AlreadyDecided);
    assert_eq!(shown(exchange(&world, &token)), denied);
}

// 137
#[test]
fn what_is_no_request_token_of_this_app_is_unknown() {
    let world = world_of(Policy::tmdb());
    let token = approved(&world);
    let tampered = token.replace("ses_", "sez_");
    unchanged(&world, || {
        for unknown in ["0609d2cbb31c2329a39455d843492a57f088cfd8", "something", &tampered, &"x".repeat(9000)]
        {
            assert_eq!(shown(exchange(&world, unknown)), invalid_token(), "{unknown}");
        }
        let other = post_as(&world, &app("another"), json!({ "request_token": token }));
        assert_eq!(shown(other), invalid_token());
        let parameters = tmdb(422, 5, "Invalid parameters: Your request parameters are incorrect.");
        for empty in [json!({}), json!({ "request_token": "" }), json!({ "request_token": null })] {
            assert_eq!(shown(post_as(&world, &app("films"), empty)), parameters);
        }
    });
    let answer = exchange(&world, &token).unwrap();
    let session_id = answer.session_id.expose();
    assert_eq!(shown(exchange(&world, session_id)), invalid_token(), "a session is no request token");
    refused(world.check(&token), ErrorKind::WrongTokenKind);
}

// 141
#[test]
fn a_user_may_approve_twice_and_has_two_sessions() {
    let world = world_of(Policy::tmdb());
    let [first, second] = [approved(&world), approved(&world)].map(|token| exchange(&world, &token).unwrap());
    world.check(first.session_id.expose()).unwrap();
    world.check(second.session_id.expose()).unwrap();
}

// 148
#[test]
fn where_the_user_goes_next_is_kept_with_the_request() {
    let world = world_of(Policy::tmdb());
    let open = OpenRequest::new(AppId::new("films").unwrap()).redirect("https://films.example/done").unwrap();
    let opened = block_on(world.issuer.open(open)).unwrap();
    let token = opened.token().unwrap();
    let decided = block_on(world.issuer.decide(Decide::approve(token, id(USER)))).unwrap();
    assert_eq!(decided.redirect(), Some("https://films.example/done"));
    exchange(&world, token).unwrap();
}
