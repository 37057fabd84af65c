//! Stack Auth's create call. Numbers are those of the seed cases.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, error::Category, json};
use session_issuer::{
    NewSession, Policy, Requirement, Revoke, SessionQuery, Timestamp,
    actor::Actor,
    compat::{
        Profiles,
        stack_auth::{
            ApiError, Caller, CreateSession, CreateSessionResponse, MAX_EXPIRES_IN_MILLIS, Profile,
            Service,
        },
    },
    error::{Error, ErrorKind, InputField},
    id::SubjectId,
    testing::block_on,
    verifier::VerifyError,
};

use crate::{
    compat::{create::*, hanko::create::MALFORMED_UUIDS},
    world::*,
};

pub fn post(
    service: &Service,
    caller: &Caller,
    request: Value,
) -> Result<CreateSessionResponse, ApiError> {
    block_on(service.create_session(caller, body::<CreateSession>(request)))
}

pub fn service(world: &World) -> Service {
    Service::new(world.issuer.clone())
}

pub fn server() -> Caller {
    Caller::server(Actor::new(id("operator")))
}

fn schema_error(rules: &str) -> (u16, Value) {
    let error = format!("Request validation failed on POST /api/v1/auth/sessions:{rules}");
    (400, json!({ "code": "SCHEMA_ERROR", "details": { "message": error }, "error": error }))
}

// 43
#[test]
fn a_client_key_cannot_create_sessions() {
    let world = world_of(Policy::stack_auth());
    let request = json!({ "user_id": USER, "expires_in_millis": 1000 });
    let expected = json!({
        "code": "INSUFFICIENT_ACCESS_TYPE",
        "details": { "actual_access_type": "client", "allowed_access_types": ["server", "admin"] },
        "error": "The x-stack-access-type header must be 'server' or 'admin', but was 'client'.",
    });
    for caller in [Caller::client(), Caller::client().signed_in_as(id(USER))] {
        let outcome = || post(&service(&world), &caller, request.clone());
        unchanged(&world, || assert_eq!(shown(outcome()), (401, expected.clone())));
    }
}

// 44
#[test]
fn a_server_and_an_admin_get_a_pair_that_works() {
    let world = world_of(Policy::stack_auth());
    for caller in [server(), Caller::admin(Actor::new(id("operator")))] {
        let answer = post(&service(&world), &caller, json!({ "user_id": USER })).unwrap();
        let checked = world.check(answer.access_token.expose()).unwrap();
        assert_eq!(checked.subject().unwrap().as_str(), USER);
        assert!(!checked.is_impersonation());
        let again = world.refresh(answer.refresh_token.expose()).unwrap();
        assert_eq!(
            again.refresh_token(),
            Some(answer.refresh_token.expose()),
            "it does not rotate"
        );
        let json = serde_json::to_value(&answer).unwrap();
        assert_eq!(
            json.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["access_token", "refresh_token"]
        );
    }
}

// 45
#[test]
fn a_session_of_five_seconds_is_refreshed_before_and_refused_after() {
    let world = world_of(Policy::stack_auth());
    let request = json!({ "user_id": USER, "expires_in_millis": 5000 });
    let answer = post(&service(&world), &server(), request).unwrap();
    world.check(world.refresh(answer.refresh_token.expose()).unwrap().token()).unwrap();
    world.advance(Duration::from_millis(4999));
    world.refresh(answer.refresh_token.expose()).unwrap();
    world.advance(Duration::from_millis(2));
    let late = refused(world.refresh(answer.refresh_token.expose()), ErrorKind::Expired);
    assert_eq!(late.public().code, "invalid_credential");
}

// 46, 47
#[test]
fn a_session_lives_at_least_a_millisecond_at_most_367_days_and_usually_365() {
    let world = world_of(Policy::stack_auth());
    let life = |millis: Value| {
        let request = json!({ "user_id": USER, "expires_in_millis": millis });
        let answer = post(&service(&world), &server(), request).unwrap();
        let view = world.check(answer.access_token.expose()).unwrap().session().unwrap().clone();
        view.ends_at().unwrap().millis_since(view.created_at())
    };
    let usual = post(&service(&world), &server(), json!({ "user_id": USER })).unwrap();
    let usual = world.check(usual.access_token.expose()).unwrap().session().unwrap().clone();
    assert_eq!(usual.ends_at().unwrap().millis_since(usual.created_at()), 31_536_000_000);
    assert_eq!(life(json!(MAX_EXPIRES_IN_MILLIS)), 31_708_800_000);
    assert_eq!(life(json!(5000)), 5000);
    let refused = |millis: i64| {
        let request = json!({ "user_id": USER, "expires_in_millis": millis });
        unchanged(&world, || {
            let rule = match millis > 0 {
                true => "less than or equal to 31708800000",
                false => "greater than or equal to 1",
            };
            let expected = schema_error(&format!("\n  - body.expires_in_millis must be {rule}"));
            assert_eq!(shown(post(&service(&world), &server(), request)), expected);
        });
    };
    for millis in [MAX_EXPIRES_IN_MILLIS + 1, 370 * 86_400_000, i64::MAX, 0, -1, i64::MIN] {
        refused(millis);
    }
    let shortest =
        post(&service(&world), &server(), json!({ "user_id": USER, "expires_in_millis": 1 }))
            .unwrap();
    world.advance(Duration::from_millis(1));
    refused_refresh(&world, &shortest);
}

#[test]
fn a_lifetime_is_a_number_as_javascript_has_them_and_whole() {
    let world = world_of(Policy::stack_auth());
    let post = |millis: &str| {
        let request = format!(r#"{{"user_id": "{USER}", "expires_in_millis": {millis}}}"#);
        block_on(service(&world).create_session(&server(), serde_json::from_str(&request).unwrap()))
    };
    for (millis, lives) in
        [("1e3", 1000), ("1000.0", 1000), ("3.17088e10", 31_708_800_000), ("5E3", 5000)]
    {
        let answer = post(millis).unwrap();
        let view = world.check(answer.access_token.expose()).unwrap().session().unwrap().clone();
        assert_eq!(view.ends_at().unwrap().millis_since(view.created_at()), lives, "{millis}");
    }
    let (long, short) = ("be less than or equal to 31708800000", "be greater than or equal to 1");
    let (whole, number) = ("be an integer", "be a `number` type");
    for (millis, rule) in [
        ("31708800001", long),
        ("31708800000.5", long),
        ("9223372036854775807", long),
        ("9223372036854775808", long),
        ("99999999999999999999", long),
        ("1e400", long),
        ("-1e400", short),
        ("-0", short),
        ("-0.0", short),
        ("0", short),
        ("-1", short),
        ("0.5", whole),
        ("1.5", whole),
        ("-0.5", whole),
        (r#""NaN""#, number),
        (r#""5000""#, number),
        ("true", number),
        ("[5000]", number),
        ("{}", number),
    ] {
        let expected = schema_error(&format!("\n  - body.expires_in_millis must {rule}"));
        unchanged(&world, || assert_eq!(shown(post(millis)), expected, "{millis}"));
    }
    let expected = schema_error("\n  - body.expires_in_millis cannot be null");
    unchanged(&world, || assert_eq!(shown(post("null")), expected));
}

#[test]
fn what_a_request_has_besides_its_fields_is_ignored() {
    let world = world_of(Policy::stack_auth());
    let request = json!({ "user_id": USER, "reason": "ticket 4711", "unknown": [1] });
    post(&service(&world), &server(), request).unwrap();
}

fn refused_refresh(world: &World, answer: &CreateSessionResponse) {
    refused(world.refresh(answer.refresh_token.expose()), ErrorKind::Expired);
}

#[test]
fn every_broken_rule_is_named_and_nothing_is_stored() {
    let world = world_of(Policy::stack_auth());
    let bad = |request, rules: &str| {
        unchanged(&world, || {
            assert_eq!(shown(post(&service(&world), &server(), request)), schema_error(rules))
        });
    };
    bad(json!({}), "\n  - body.user_id must be defined");
    bad(json!({ "user_id": null }), "\n  - body.user_id cannot be null");
    for malformed in [&["", "Me"][..], &MALFORMED_UUIDS].concat() {
        bad(json!({ "user_id": malformed }), "\n  - body.user_id must be a valid UUID");
    }
    bad(
        json!({ "user_id": "alice", "expires_in_millis": 0 }),
        "\n  - body.user_id must be a valid UUID\n  - body.expires_in_millis must be greater than or equal to 1",
    );
}

#[test]
fn me_is_the_user_who_is_signed_in() {
    let world = world_of(Policy::stack_auth());
    let me = json!({ "user_id": "me" });
    let expected = json!({
        "code": "CANNOT_GET_OWN_USER_WITHOUT_USER",
        "error": "You have specified 'me' as a userId, but did not provide authentication for a user.",
    });
    unchanged(&world, || {
        assert_eq!(shown(post(&service(&world), &server(), me.clone())), (400, expected))
    });
    let answer = post(&service(&world), &server().signed_in_as(id(USER)), me).unwrap();
    assert_eq!(
        world.check(answer.access_token.expose()).unwrap().subject().unwrap().as_str(),
        USER
    );
}

// 49
#[test]
fn an_unknown_user_is_named_in_the_answer() {
    let world = world_of(Policy::stack_auth());
    let expected = json!({
        "code": "USER_ID_DOES_NOT_EXIST",
        "details": { "user_id": STRANGER },
        "error": format!("The given user with the ID {STRANGER} does not exist."),
    });
    for request in
        [json!({ "user_id": STRANGER }), json!({ "user_id": STRANGER, "is_impersonation": true })]
    {
        let outcome = || post(&service(&world), &server(), request.clone());
        unchanged(&world, || assert_eq!(shown(outcome()), (400, expected.clone())));
        assert_eq!(cause(outcome()), Some(ErrorKind::SubjectUnknown));
    }
    for (disabled, locked) in [(true, false), (false, true)] {
        world.people.change(USER, |user| (user.disabled, user.locked) = (disabled, locked));
        let outcome = || post(&service(&world), &server(), json!({ "user_id": USER }));
        unchanged(&world, || {
            let (status, error) = shown(outcome());
            assert_eq!((status, &error["code"]), (400, &json!("USER_ID_DOES_NOT_EXIST")));
        });
    }
}

// 50 (the create part)
#[test]
fn an_impersonation_carries_its_operator_and_is_not_among_the_users_own() {
    let world = world_of(Policy::stack_auth());
    let caller = Caller::admin(Actor::new(id("operator"))).reason("ticket 4711");
    let request =
        json!({ "user_id": USER, "is_impersonation": true, "expires_in_millis": 7_200_000 });
    let answer = post(&service(&world), &caller, request).unwrap();
    let token = answer.access_token.expose();
    assert_eq!(payload(token)["act"]["sub"], json!("operator"));
    let checked = world.check_for(token, &Requirement::new()).unwrap();
    assert_eq!(checked.actors(), ["operator"]);
    let chain = checked.session().unwrap().session().unwrap().actors().unwrap();
    assert_eq!(chain.reason(), "ticket 4711");
    post(&service(&world), &caller, json!({ "user_id": USER, "is_impersonation": false })).unwrap();
    let list = |query| block_on(world.issuer.list(query)).unwrap().sessions().len();
    assert_eq!(list(SessionQuery::of_subject(id(USER))), 1);
    assert_eq!(list(SessionQuery::of_subject(id(USER)).impersonations_too()), 2);
}

#[test]
fn an_impersonation_ends_with_the_operators_own_session_and_none_begins_after_it() {
    let world = world_of(Policy::stack_auth());
    world.people.add("operator", "pw");
    let own = world.create(NewSession::for_subject(id("operator"))).unwrap();
    let caller = Caller::admin(Actor::new(id("operator")).with_session(own.session_id()));
    let request = json!({ "user_id": USER, "is_impersonation": true });
    let answer = post(&service(&world), &caller, request.clone()).unwrap();
    world.refresh(answer.refresh_token.expose()).unwrap();
    block_on(world.issuer.revoke(Revoke::token(own.token()))).unwrap();
    refused(world.refresh(answer.refresh_token.expose()), ErrorKind::ActorEnded);
    let outcome = post(&service(&world), &caller, request);
    assert_eq!(outcome.as_ref().map_err(|error| error.status).unwrap_err(), 401);
    assert_eq!(cause(outcome), Some(ErrorKind::ActorEnded));
}

/// Says the same of every user.
#[derive(Debug)]
pub struct Same(pub Profile);

#[async_trait]
impl Profiles<Profile> for Same {
    async fn profile(&self, _: &SubjectId) -> Result<Profile, VerifyError> {
        Ok(self.0.clone())
    }
}

#[derive(Debug)]
pub struct Away;

#[async_trait]
impl Profiles<Profile> for Away {
    async fn profile(&self, _: &SubjectId) -> Result<Profile, VerifyError> {
        Err(VerifyError::new("the database is away"))
    }
}

// 69
#[test]
fn the_claims_about_a_user_are_in_snake_case() {
    let world = world_of(Policy::stack_auth());
    let mut profile = Profile::default();
    profile.name = Some("Mini Mouse".to_owned());
    profile.signed_up_at = Some(Timestamp::from_millis(1_700_000_000_999));
    let service = service(&world).project("project-1", "main").profiles(Same(profile));
    let answer = post(&service, &server(), json!({ "user_id": USER })).unwrap();
    let claims = payload(answer.access_token.expose());
    for (name, expected) in [
        ("sub", json!(USER)),
        ("project_id", json!("project-1")),
        ("branch_id", json!("main")),
        ("role", json!("authenticated")),
        ("name", json!("Mini Mouse")),
        ("email", Value::Null),
        ("email_verified", json!(false)),
        ("selected_team_id", Value::Null),
        ("signed_up_at", json!(1_700_000_000)),
        ("is_anonymous", json!(false)),
        ("is_restricted", json!(false)),
        ("restricted_reason", Value::Null),
        ("requires_totp_mfa", json!(false)),
    ] {
        assert_eq!(claims.get(name), Some(&expected), "{name}");
    }
    assert_eq!(claims["refresh_token_id"], claims["sid"]);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    let stacks =
        ["sub", "iss", "aud", "iat", "exp", "project_id", "branch_id", "refresh_token_id", "role"];
    let user =
        ["name", "email", "email_verified", "selected_team_id", "signed_up_at", "is_anonymous"];
    let more = ["is_restricted", "restricted_reason", "requires_totp_mfa"];
    let ours = ["nbf", "jti", "sid", "gen", "epo", "tenant"];
    let mut expected = [&stacks[..], &user, &more, &ours].concat();
    expected.sort_unstable();
    assert_eq!(names(answer.access_token.expose()), expected);
    let acting =
        post(&service, &server(), json!({ "user_id": USER, "is_impersonation": true })).unwrap();
    expected.insert(0, "act");
    assert_eq!(names(acting.access_token.expose()), expected);
}

#[test]
fn a_profile_that_cannot_be_read_makes_no_session() {
    let world = world_of(Policy::stack_auth());
    let service = service(&world).profiles(Away);
    let outcome = || post(&service, &server(), json!({ "user_id": USER }));
    unchanged(&world, || assert_eq!(shown(outcome()).0, 500));
    assert_eq!(cause(outcome()), Some(ErrorKind::Unavailable));
}

#[test]
fn what_is_no_request_never_gets_past_the_door() {
    for (body, expected) in [
        ("", Category::Eof),
        ("{", Category::Eof),
        ("[]", Category::Data),
        ("null", Category::Data),
        (r#"{"user_id": "me", "expires_in_millis": NaN}"#, Category::Syntax),
        (r#"{"user_id": "me", "expires_in_millis": 01}"#, Category::Syntax),
    ] {
        let error = serde_json::from_str::<CreateSession>(body).unwrap_err();
        assert_eq!(error.classify(), expected, "{body}");
    }
}

#[test]
fn why_an_operator_impersonates_has_1_to_200_characters() {
    let world = world_of(Policy::stack_auth());
    let impersonate = |reason: &str| {
        let request = json!({ "user_id": USER, "is_impersonation": true });
        post(&service(&world), &server().reason(reason), request)
    };
    let (long, most) = ("r".repeat(201), "r".repeat(200));
    for reason in ["", &long, "a\nb"] {
        unchanged(&world, || {
            let error = impersonate(reason).unwrap_err();
            let cause =
                std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<Error>());
            let input = cause.and_then(Error::invalid_input).unwrap();
            assert_eq!(input.field, InputField::ImpersonationReason, "{reason:?}");
        });
    }
    for reason in ["r", &most] {
        impersonate(reason).unwrap();
    }
}
