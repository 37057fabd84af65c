//! TMDB's request tokens and create call. Numbers are those of the seed cases.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, error::Category, json};
use session_issuer::{
    Issuer, Policy, Requirement, Revoke,
    compat::tmdb::{
        ApiError, Caller, CreateRequestTokenResponse, CreateSession, CreateSessionResponse,
        DecideRequestToken, RequestTokenPage, Service, Status, ValidateWithLogin,
    },
    error::ErrorKind,
    factor::FactorKind,
    id::AppId,
    testing::{Fault, Verb, block_on},
    token::TokenKeys,
    verifier::{Attempt, FactorVerifier, Outcome, VerifyError},
};

use crate::{compat::create::*, world::*};

/// The world of these tests: another store goes in here.
pub fn films() -> World {
    world_of(Policy::tmdb())
}

pub fn app(name: &str) -> Caller {
    Caller::app(AppId::new(name).unwrap())
}

pub fn user() -> Caller {
    Caller::user(id(USER))
}

pub fn service(world: &World) -> Service {
    Service::new(world.issuer.clone())
}

pub fn open(world: &World) -> String {
    let opened = block_on(service(world).create_request_token(&app("films"))).unwrap();
    opened.request_token.expose().to_owned()
}

pub fn approve(world: &World, token: &str) -> Result<RequestTokenPage, ApiError> {
    block_on(service(world).approve_request_token(&user(), DecideRequestToken::new(token)))
}

pub fn approved(world: &World) -> String {
    let token = open(world);
    approve(world, &token).unwrap();
    token
}

fn deny(world: &World, token: &str) -> Result<RequestTokenPage, ApiError> {
    block_on(service(world).deny_request_token(&user(), DecideRequestToken::new(token)))
}

fn post_as(
    world: &World,
    caller: &Caller,
    request: Value,
) -> Result<CreateSessionResponse, ApiError> {
    block_on(service(world).create_session(caller, body::<CreateSession>(request)))
}

pub fn exchange(world: &World, token: &str) -> Result<CreateSessionResponse, ApiError> {
    post_as(world, &app("films"), json!({ "request_token": token }))
}

fn login(
    world: &World,
    token: &str,
    password: &str,
) -> Result<CreateRequestTokenResponse, ApiError> {
    let name = format!("{USER}@example.com");
    let request = ValidateWithLogin::new(&name, password, token);
    block_on(service(world).validate_with_login(&app("films"), request))
}

/// What a caller sees of this line of the table.
pub fn tmdb(status: Status) -> (u16, Value) {
    let body = json!({ "success": false, "status_code": status.code(), "status_message": status.message() });
    (status.http_status(), body)
}

/// The members of an answer, and the type of each.
pub fn members(value: &Value) -> BTreeMap<&str, &'static str> {
    let kind = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    value.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), kind(value))).collect()
}

fn shape_of_date(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect()
}

// The table of TMDB's documentation, section 4.2 of the reference.
#[test]
fn every_status_is_a_line_of_tmdbs_table() {
    let lines: Vec<_> =
        Status::ALL.iter().map(|status| (status.code(), status.http_status())).collect();
    let table = [
        (1, 200),
        (3, 401),
        (5, 422),
        (7, 401),
        (9, 503),
        (10, 401),
        (11, 500),
        (13, 200),
        (17, 401),
        (25, 429),
        (26, 400),
        (30, 401),
        (31, 401),
        (32, 401),
        (33, 401),
        (34, 404),
        (35, 401),
        (37, 404),
        (41, 422),
        (42, 405),
        (45, 403),
    ];
    assert_eq!(lines, table);
    let expected = json!({
        "success": false,
        "status_code": 33,
        "status_message": "Invalid request token: The request token is either expired or invalid.",
    });
    assert_eq!(serde_json::to_value(Status::InvalidRequestToken.error()).unwrap(), expected);
}

// 131
#[test]
fn a_new_request_token_lasts_sixty_minutes_and_says_so_in_tmdbs_form() {
    let world = films();
    let opened = block_on(service(&world).create_request_token(&app("films"))).unwrap();
    assert_eq!(opened.expires_at, world.issuer.now().saturating_add(HOUR));
    let json = serde_json::to_value(&opened).unwrap();
    assert_eq!(json["success"], json!(true));
    assert_eq!(json["request_token"], json!(opened.request_token.expose()));
    let form = json["expires_at"].as_str().unwrap();
    assert_eq!(shape_of_date(form), "9999-99-99 99:99:99 UTC", "{form}");
    assert_eq!(form, "2026-01-01 01:00:00 UTC");
    let shape = [("expires_at", "string"), ("request_token", "string"), ("success", "boolean")];
    assert_eq!(members(&json), BTreeMap::from(shape));
}

// 132
#[test]
fn a_token_that_waits_is_refused_and_can_still_be_used_later() {
    let world = films();
    let token = open(&world);
    let expected = tmdb(Status::NotApproved);
    unchanged(&world, || assert_eq!(shown(exchange(&world, &token)), expected));
    assert_eq!(cause(exchange(&world, &token)), Some(ErrorKind::NotApproved));
    approve(&world, &token).unwrap();
    exchange(&world, &token).unwrap();
}

// 133
#[test]
fn an_approved_token_becomes_a_session_of_who_approved_exactly_once() {
    let world = films();
    let token = approved(&world);
    let answer = exchange(&world, &token).unwrap();
    let session_id = answer.session_id.expose();
    let json = serde_json::to_value(&answer).unwrap();
    assert_eq!(json, json!({ "success": true, "session_id": session_id }));
    assert_eq!(members(&json), BTreeMap::from([("session_id", "string"), ("success", "boolean")]));
    assert_eq!(world.check(session_id).unwrap().subject().unwrap().as_str(), USER);
    unchanged(&world, || {
        assert_eq!(shown(exchange(&world, &token)), tmdb(Status::InvalidRequestToken))
    });
    assert_eq!(cause(exchange(&world, &token)), Some(ErrorKind::AlreadyDecided));
    world.check(session_id).expect("a second exchange revokes nothing");
}

// 140
#[test]
fn a_session_is_good_years_later_and_no_expiry_is_reported() {
    let world = films();
    let answer = exchange(&world, &approved(&world)).unwrap();
    assert!(serde_json::to_value(&answer).unwrap().get("expires_at").is_none());
    world.advance(3650 * DAY);
    block_on(world.issuer.sweep(100)).unwrap();
    let checked = world.check(answer.session_id.expose()).unwrap();
    assert_eq!(checked.session().unwrap().ends_at(), None);
}

// 135
#[test]
fn a_token_that_was_approved_too_long_ago_is_refused() {
    let world = films();
    let (early, late) = (approved(&world), approved(&world));
    world.advance(HOUR - Duration::from_millis(1));
    exchange(&world, &early).unwrap();
    world.advance(SECOND + Duration::from_millis(1));
    unchanged(&world, || {
        assert_eq!(shown(exchange(&world, &late)), tmdb(Status::InvalidRequestToken))
    });
    assert_eq!(cause(exchange(&world, &late)), Some(ErrorKind::Expired));
    // An hour to be approved, and another to be exchanged.
    let (slow, slower) = (open(&world), open(&world));
    world.advance(HOUR - Duration::from_millis(1));
    approve(&world, &slow).unwrap();
    world.advance(Duration::from_millis(1));
    assert_eq!(shown(approve(&world, &slower)), tmdb(Status::InvalidRequestToken));
    world.advance(HOUR - Duration::from_millis(2));
    exchange(&world, &slow).unwrap();
}

// 136
#[test]
fn a_denied_token_is_denied_for_good() {
    let world = films();
    let token = open(&world);
    let page = deny(&world, &token).unwrap();
    assert!(!page.approved);
    unchanged(&world, || assert_eq!(shown(exchange(&world, &token)), tmdb(Status::SessionDenied)));
    unchanged(&world, || {
        assert_eq!(shown(approve(&world, &token)), tmdb(Status::InvalidRequestToken));
        assert_eq!(shown(deny(&world, &token)), tmdb(Status::InvalidRequestToken));
        assert_eq!(shown(login(&world, &token, "V3ryS3cure!")), tmdb(Status::SessionDenied));
    });
    assert_eq!(cause(approve(&world, &token)), Some(ErrorKind::AlreadyDecided));
    assert_eq!(shown(exchange(&world, &token)), tmdb(Status::SessionDenied));
}

// 137
#[test]
fn what_is_no_request_token_of_this_app_is_unknown() {
    let world = films();
    let token = approved(&world);
    let tampered = token.replace("ses_", "sez_");
    unchanged(&world, || {
        for unknown in [
            "0609d2cbb31c2329a39455d843492a57f088cfd8",
            "something",
            &tampered,
            &"x".repeat(9000),
            "\0",
            " ",
        ] {
            assert_eq!(
                shown(exchange(&world, unknown)),
                tmdb(Status::InvalidRequestToken),
                "{unknown}"
            );
        }
        let other = post_as(&world, &app("another"), json!({ "request_token": token }));
        assert_eq!(shown(other), tmdb(Status::InvalidRequestToken));
        for empty in [json!({}), json!({ "request_token": "" }), json!({ "request_token": null })] {
            assert_eq!(
                shown(post_as(&world, &app("films"), empty)),
                tmdb(Status::InvalidParameters)
            );
        }
        let by_user = post_as(&world, &user(), json!({ "request_token": token }));
        assert_eq!(shown(by_user), tmdb(Status::AuthenticationFailed));
    });
    let denied = open(&world);
    deny(&world, &denied).unwrap();
    let name = format!("{USER}@example.com");
    let by_another = ValidateWithLogin::new(&name, "V3ryS3cure!", &denied);
    let by_another = block_on(service(&world).validate_with_login(&app("another"), by_another));
    assert_eq!(shown(by_another), tmdb(Status::InvalidRequestToken), "not even that it was denied");
    let answer = exchange(&world, &token).unwrap();
    let session_id = answer.session_id.expose();
    let again = shown(exchange(&world, session_id));
    assert_eq!(again, tmdb(Status::InvalidRequestToken), "a session is no request token");
    refused(world.check(&token), ErrorKind::WrongTokenKind);
}

#[test]
fn malformed_bodies_do_not_get_past_the_door() {
    for (text, expected) in [
        ("", Category::Eof),
        ("{", Category::Eof),
        ("5", Category::Data),
        ("null", Category::Data),
        (r#"{"request_token": "#, Category::Eof),
        (r#"{"request_token": "a"} x"#, Category::Syntax),
    ] {
        let error = serde_json::from_str::<CreateSession>(text).unwrap_err();
        assert_eq!(error.classify(), expected, "{text}");
        let error = serde_json::from_str::<ValidateWithLogin>(text).unwrap_err();
        assert_eq!(error.classify(), expected, "{text}");
    }
    let extra = r#"{"request_token": "a", "api_key": 5, "tags": [null]}"#;
    // Unknown members are ignored.
    serde_json::from_str::<CreateSession>(extra).unwrap();
}

// Some clients send the exchange as a GET.
#[test]
fn an_exchange_is_read_from_a_query_as_well_as_from_a_body() {
    let world = films();
    let token = approved(&world);
    let query = format!("?api_key=0123&request_token={token}");
    let request = CreateSession::from_query(&query);
    assert!(!format!("{request:?}").contains(&token));
    let answer = block_on(service(&world).create_session(&app("films"), request)).unwrap();
    world.check(answer.session_id.expose()).unwrap();
    let without = CreateSession::from_query("api_key=0123");
    let outcome = block_on(service(&world).create_session(&app("films"), without));
    assert_eq!(shown(outcome), tmdb(Status::InvalidParameters));
}

#[test]
fn what_a_body_lacks_is_taken_from_the_query() {
    let world = films();
    let token = approved(&world);
    let query = || CreateSession::from_query(&format!("request_token={token}"));
    let other = CreateSession::new("other").or(query());
    let outcome = block_on(service(&world).create_session(&app("films"), other));
    assert_eq!(shown(outcome), tmdb(Status::InvalidRequestToken), "the body goes first");
    let null = body::<CreateSession>(json!({ "request_token": null })).or(query());
    let outcome = block_on(service(&world).create_session(&app("films"), null));
    assert_eq!(shown(outcome), tmdb(Status::InvalidParameters), "null was sent");
    let empty = body::<CreateSession>(json!({})).or(query());
    block_on(service(&world).create_session(&app("films"), empty)).unwrap();

    let token = open(&world);
    let name = format!("{USER}@example.com").replace('@', "%40");
    let query = format!("request_token={token}&password=V3ryS3cure%21&username=other");
    let form = ValidateWithLogin::from_query(&format!("username={name}"));
    let login = form.or(ValidateWithLogin::from_query(&query));
    block_on(service(&world).validate_with_login(&app("films"), login)).unwrap();
    exchange(&world, &token).unwrap();
}

// 133
#[test]
fn of_many_who_exchange_at_once_one_gets_the_session() {
    let world = films();
    let token = approved(&world);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let racing: Vec<_> = (0..64).map(|_| scope.spawn(|| exchange(&world, &token))).collect();
        racing.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 63));
    for outcome in lost {
        assert_eq!(shown(outcome), tmdb(Status::InvalidRequestToken));
    }
    for answer in won {
        world.check(answer.unwrap().session_id.expose()).unwrap();
    }
}

// 141
#[test]
fn a_user_may_approve_twice_and_has_two_sessions() {
    let world = films();
    let [first, second] =
        [approved(&world), approved(&world)].map(|token| exchange(&world, &token).unwrap());
    world.check(first.session_id.expose()).unwrap();
    world.check(second.session_id.expose()).unwrap();
    assert_ne!(first.session_id.expose(), second.session_id.expose());
}

// 148
#[test]
fn where_the_user_goes_next_is_given_back_with_the_decision() {
    let world = films();
    let (yes, no, stay) = (open(&world), open(&world), open(&world));
    let to = "https://films.example/done?x=1";
    let asked = |token: &str| DecideRequestToken::new(token).redirect_to(to);
    let page = block_on(service(&world).read_request_token(&user(), asked(&yes))).unwrap();
    assert_eq!(
        (page.app.as_str(), page.approved, page.redirect_to.as_deref()),
        ("films", false, Some(to))
    );
    let page = block_on(service(&world).approve_request_token(&user(), asked(&yes))).unwrap();
    assert_eq!((page.approved, page.redirect_to.as_deref()), (true, Some(to)));
    let again =
        block_on(service(&world).read_request_token(&user(), DecideRequestToken::new(&yes)))
            .unwrap();
    assert_eq!(
        (again.approved, again.redirect_to.as_deref()),
        (true, Some(to)),
        "kept with the grant"
    );
    let page = block_on(service(&world).deny_request_token(&user(), asked(&no))).unwrap();
    assert_eq!((page.approved, page.redirect_to.as_deref()), (false, Some(to)));
    assert_eq!(approve(&world, &stay).unwrap().redirect_to, None);
    let from =
        DecideRequestToken::from_query(&stay, "redirect_to=https%3A%2F%2Ffilms.example%2Fdone");
    assert_eq!(from.redirect_to.given().map(String::as_str), Some("https://films.example/done"));
    let json = serde_json::to_value(page).unwrap();
    assert_eq!(shape_of_date(json["expires_at"].as_str().unwrap()), "9999-99-99 99:99:99 UTC");
}

// 148
#[test]
fn an_address_to_return_to_has_at_most_2048_characters_and_no_controls() {
    let world = films();
    let token = open(&world);
    let at = |address: String| {
        let request = DecideRequestToken::new(&token).redirect_to(address);
        block_on(service(&world).read_request_token(&user(), request))
    };
    at("a".repeat(2048)).unwrap();
    assert_eq!(at(String::new()).unwrap().redirect_to, None);
    for bad in ["a".repeat(2049), "https://a\r\nSet-Cookie: x".to_owned()] {
        assert_eq!(shown(at(bad)), tmdb(Status::InvalidParameters));
    }
    let approve = DecideRequestToken::new(&token).redirect_to("a\nb");
    let outcome = block_on(service(&world).approve_request_token(&user(), approve));
    assert_eq!(shown(outcome), tmdb(Status::InvalidParameters));
    let nothing = block_on(service(&world).read_request_token(&user(), body(json!({}))));
    assert_eq!(shown(nothing), tmdb(Status::InvalidParameters));
}

#[test]
fn the_page_is_for_users_and_the_api_for_apps() {
    let world = films();
    let token = open(&world);
    let page = || DecideRequestToken::new(&token);
    let films = app("films");
    let no = tmdb(Status::AuthenticationFailed);
    unchanged(&world, || {
        assert_eq!(shown(block_on(service(&world).create_request_token(&user()))), no);
        assert_eq!(shown(block_on(service(&world).read_request_token(&films, page()))), no);
        assert_eq!(shown(block_on(service(&world).approve_request_token(&films, page()))), no);
        assert_eq!(shown(block_on(service(&world).deny_request_token(&films, page()))), no);
        let login = ValidateWithLogin::new("a", "b", &token);
        assert_eq!(shown(block_on(service(&world).validate_with_login(&user(), login))), no);
    });
}

// 133, 136: approving asks the directory
#[test]
fn who_is_disabled_locked_or_gone_approves_nothing() {
    let world = films();
    let token = open(&world);
    let stranger = Caller::user(id(STRANGER));
    let by_stranger =
        block_on(service(&world).approve_request_token(&stranger, DecideRequestToken::new(&token)));
    assert_eq!(shown(by_stranger), tmdb(Status::AccountDisabled));
    world.people.change(USER, |user| user.disabled = true);
    unchanged(&world, || assert_eq!(shown(approve(&world, &token)), tmdb(Status::AccountDisabled)));
    world.people.change(USER, |user| (user.disabled, user.locked) = (false, true));
    unchanged(&world, || assert_eq!(shown(approve(&world, &token)), tmdb(Status::UserSuspended)));
    assert_eq!(shown(exchange(&world, &token)), tmdb(Status::NotApproved), "it waits on");
    world.people.change(USER, |user| user.locked = false);
    approve(&world, &token).unwrap();
    world.people.change(USER, |user| user.disabled = true);
    assert_eq!(
        shown(exchange(&world, &token)),
        tmdb(Status::AccountDisabled),
        "the directory has the last word"
    );
    world.people.change(USER, |user| user.disabled = false);
    exchange(&world, &token).unwrap();
}

#[test]
fn nothing_is_approved_when_all_sessions_were_revoked_after_the_user_proved_who_it_is() {
    let world = films();
    let epoch = block_on(world.issuer.epoch(&id(USER))).unwrap();
    let (token, late) = (open(&world), approved(&world));
    block_on(world.issuer.revoke(Revoke::all(id(USER)))).unwrap();
    let page = DecideRequestToken::new(&token);
    let outcome = block_on(service(&world).approve_request_token(&user().epoch(epoch), page));
    assert_eq!(shown(outcome), tmdb(Status::Offline));
    assert_eq!(shown(exchange(&world, &token)), tmdb(Status::NotApproved));
    assert_eq!(shown(exchange(&world, &late)), tmdb(Status::InvalidRequestToken));
}

// 143
#[test]
fn the_right_password_approves_and_the_same_token_comes_back() {
    let world = films();
    let token = open(&world);
    world.advance(MINUTE);
    let answer = login(&world, &token, "V3ryS3cure!").unwrap();
    let json = serde_json::to_value(&answer).unwrap();
    let shape = [("expires_at", "string"), ("request_token", "string"), ("success", "boolean")];
    assert_eq!(members(&json), BTreeMap::from(shape));
    assert_eq!((&json["request_token"], &json["success"]), (&json!(token), &json!(true)));
    assert_eq!(json["expires_at"], json!("2026-01-01 01:01:00 UTC"));
    let session = exchange(&world, &token).unwrap();
    assert_eq!(world.check(session.session_id.expose()).unwrap().subject().unwrap().as_str(), USER);
    assert_eq!(shown(login(&world, &token, "V3ryS3cure!")), tmdb(Status::InvalidRequestToken));
}

// 143
#[test]
fn a_wrong_password_and_an_unknown_name_are_one_answer_and_the_token_waits_on() {
    let world = films();
    let token = open(&world);
    let at = |name: &str| {
        let request = ValidateWithLogin::new(name, "wrong", &token);
        block_on(service(&world).validate_with_login(&app("films"), request))
    };
    unchanged(&world, || {
        assert_eq!(shown(login(&world, &token, "wrong")), tmdb(Status::InvalidLogin));
        assert_eq!(shown(at("nobody@example.com")), tmdb(Status::InvalidLogin));
    });
    let kinds: Vec<_> =
        world.people.attempts.lock().unwrap().iter().map(|(_, kind)| *kind).collect();
    assert_eq!(kinds, [FactorKind::Password; 2], "the same work");
    assert_eq!(shown(exchange(&world, &token)), tmdb(Status::NotApproved));
    login(&world, &token, "V3ryS3cure!").unwrap();
    exchange(&world, &token).unwrap();
}

// 143
#[test]
fn no_password_is_tried_on_a_token_that_is_not_good_here() {
    let world = films();
    let (token, spent) = (open(&world), approved(&world));
    exchange(&world, &spent).unwrap();
    unchanged(&world, || {
        for bad in ["0609d2cbb31c2329a39455d843492a57f088cfd8", "x", &spent] {
            assert_eq!(shown(login(&world, bad, "V3ryS3cure!")), tmdb(Status::InvalidRequestToken));
        }
        let name = format!("{USER}@example.com");
        let request = ValidateWithLogin::new(&name, "V3ryS3cure!", &token);
        let another = block_on(service(&world).validate_with_login(&app("another"), request));
        assert_eq!(shown(another), tmdb(Status::InvalidRequestToken));
    });
    world.advance(HOUR);
    assert_eq!(shown(login(&world, &token, "V3ryS3cure!")), tmdb(Status::InvalidRequestToken));
    assert!(world.people.attempts.lock().unwrap().is_empty());
}

// 143
#[test]
fn who_is_disabled_or_locked_does_not_log_in() {
    let world = films();
    let token = open(&world);
    world.people.change(USER, |user| user.disabled = true);
    assert_eq!(shown(login(&world, &token, "V3ryS3cure!")), tmdb(Status::AccountDisabled));
    world.people.change(USER, |user| (user.disabled, user.locked) = (false, true));
    assert_eq!(shown(login(&world, &token, "V3ryS3cure!")), tmdb(Status::UserSuspended));
    assert_eq!(shown(exchange(&world, &token)), tmdb(Status::NotApproved));
}

// 143
#[test]
fn a_login_has_a_name_a_password_and_a_token_of_1_to_200_characters() {
    let world = films();
    let token = open(&world);
    let post = |request: Value| {
        block_on(
            service(&world).validate_with_login(&app("films"), body::<ValidateWithLogin>(request)),
        )
    };
    let with = |field: &str, value: Value| {
        let mut request = json!({ "username": "a", "password": "b", "request_token": token });
        request[field] = value;
        post(request)
    };
    unchanged(&world, || {
        for field in ["username", "password"] {
            for empty in [json!(""), json!(null)] {
                assert_eq!(shown(with(field, empty)), tmdb(Status::CredentialsMissing), "{field}");
            }
            assert_eq!(shown(with(field, json!("ä".repeat(201)))), tmdb(Status::InvalidParameters));
            for fits in ["a".to_owned(), "ä".repeat(200)] {
                assert_eq!(shown(with(field, json!(fits))), tmdb(Status::InvalidLogin), "{field}");
            }
        }
        assert_eq!(shown(post(json!({}))), tmdb(Status::CredentialsMissing));
        assert_eq!(shown(with("username", json!("a\0b"))), tmdb(Status::InvalidParameters));
        for empty in [json!(""), json!(null)] {
            assert_eq!(shown(with("request_token", empty)), tmdb(Status::InvalidParameters));
        }
    });
}

#[test]
fn a_store_that_does_not_answer_is_offline_and_the_token_waits_on() {
    let world = films();
    let token = open(&world);
    for verb in [Verb::Load, Verb::Commit] {
        world.store.fail_next(verb, Fault::Before);
        assert_eq!(shown(approve(&world, &token)), tmdb(Status::Offline), "{verb:?}");
        world.store.fail_next(verb, Fault::Before);
        assert_eq!(shown(login(&world, &token, "V3ryS3cure!")), tmdb(Status::Offline), "{verb:?}");
    }
    approve(&world, &token).unwrap();
    let session = exchange(&world, &token).unwrap();
    world.check_for(session.session_id.expose(), &Requirement::new()).unwrap();
}

/// A verifier that says the same of everybody.
#[derive(Debug)]
struct Says(Outcome);

#[async_trait::async_trait]
impl FactorVerifier for Says {
    async fn verify(&self, _: Attempt<'_>) -> Result<Outcome, VerifyError> {
        Ok(self.0)
    }
}

// 143
#[test]
fn what_the_verifier_says_has_a_line_in_tmdbs_table() {
    let people = films().people;
    let at = |verifier: Option<Outcome>| {
        let mut builder = Issuer::builder()
            .store(crate::world::any_store())
            .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
            .directory(std::sync::Arc::clone(&people))
            .policy(Policy::tmdb());
        if let Some(outcome) = verifier {
            builder = builder.verifier(Says(outcome));
        }
        let service = Service::new(builder.build().unwrap());
        let opened = block_on(service.create_request_token(&app("films"))).unwrap();
        let name = format!("{USER}@example.com");
        let login = ValidateWithLogin::new(&name, "V3ryS3cure!", opened.request_token.expose());
        block_on(service.validate_with_login(&app("films"), login))
    };
    at(Some(Outcome::passed())).unwrap();
    for (outcome, status) in [
        (Some(Outcome::Wrong), Status::InvalidLogin),
        (Some(Outcome::NotSetUp), Status::InvalidLogin),
        (Some(Outcome::NotReady), Status::EmailNotVerified),
        (Some(Outcome::Locked), Status::UserSuspended),
        (None, Status::Internal),
    ] {
        assert_eq!(shown(at(outcome)), tmdb(status), "{outcome:?}");
    }
}
