//! TMDB's sessions after the exchange: used, deleted, of guests, and from v4 tokens. Numbers are
//! those of the seed cases.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use session_issuer::{
    NewSession, Policy, Revoke,
    compat::tmdb::{
        ApiError, Caller, CheckSession, DecideRequestToken, DeleteSession, DeleteSessionResponse,
        Scope, Service, SessionAccess, Status, v4,
    },
    error::ErrorKind,
    id::AppId,
    testing::{Fault, Verb, block_on},
};

use crate::{
    compat::{create::*, tmdb::create::*},
    world::*,
};

fn session(world: &World) -> String {
    exchange(world, &approved(world)).unwrap().session_id.expose().to_owned()
}

fn check_as(
    world: &World,
    caller: &Caller,
    request: CheckSession,
) -> Result<SessionAccess, ApiError> {
    block_on(service(world).check_session(caller, request))
}

fn use_user(world: &World, session_id: &str) -> Result<SessionAccess, ApiError> {
    check_as(world, &app("films"), CheckSession::user(session_id))
}

fn use_guest(world: &World, session_id: &str) -> Result<SessionAccess, ApiError> {
    check_as(world, &app("films"), CheckSession::guest(session_id))
}

fn delete(world: &World, session_id: &str) -> Result<DeleteSessionResponse, ApiError> {
    let request = body(json!({ "session_id": session_id }));
    block_on(service(world).delete_session(&app("films"), request))
}

fn guest_of(service: &Service) -> String {
    let answer = block_on(service.create_guest_session(&app("films"))).unwrap();
    answer.guest_session_id.expose().to_owned()
}

fn guest(world: &World) -> String {
    guest_of(&service(world))
}

// 142
#[test]
fn a_session_is_deleted_once_and_is_then_good_for_nothing() {
    let world = films();
    let session_id = session(&world);
    let access = use_user(&world, &session_id).unwrap();
    assert_eq!(access.user().unwrap().as_str(), USER);
    let id = access.checked().session_id().to_string();
    assert_eq!(
        shown(use_user(&world, &id)),
        tmdb(Status::AuthenticationFailed),
        "the crate's id is none"
    );
    assert_eq!(shown(delete(&world, &id)), tmdb(Status::SessionNotFound));
    let answer = delete(&world, &session_id).unwrap();
    assert_eq!(serde_json::to_value(answer).unwrap(), json!({ "success": true }));
    assert_eq!(shown(delete(&world, &session_id)), tmdb(Status::SessionNotFound));
    assert_eq!(shown(use_user(&world, &session_id)), tmdb(Status::AuthenticationFailed));
    assert_eq!(cause(use_user(&world, &session_id)), Some(ErrorKind::Revoked));
}

// 142
#[test]
fn of_many_who_delete_at_once_one_succeeds() {
    let world = films();
    let session_id = session(&world);
    let deleted = std::thread::scope(|scope| {
        let racing: Vec<_> = (0..64).map(|_| scope.spawn(|| delete(&world, &session_id))).collect();
        racing.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let (won, lost): (Vec<_>, Vec<_>) = deleted.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for lost in lost {
        assert_eq!(shown(lost), tmdb(Status::SessionNotFound));
    }
}

// 142
#[test]
fn only_a_session_of_the_app_is_found_and_nothing_else_is_ended() {
    let world = films();
    let (session_id, waiting) = (session(&world), open(&world));
    let at = |caller: &Caller, id: &str| {
        block_on(service(&world).delete_session(caller, DeleteSession::new(id)))
    };
    unchanged(&world, || {
        assert_eq!(shown(at(&app("another"), &session_id)), tmdb(Status::SessionNotFound));
        for unknown in
            ["3bebb91255e4341eb34bd8910da4dfbfefdb4a88", "x", &waiting, &"x".repeat(9000)]
        {
            assert_eq!(
                shown(at(&app("films"), unknown)),
                tmdb(Status::SessionNotFound),
                "{unknown}"
            );
        }
        assert_eq!(shown(at(&user(), &session_id)), tmdb(Status::AuthenticationFailed));
        for empty in [json!({}), json!({ "session_id": "" }), json!({ "session_id": null })] {
            let outcome = block_on(service(&world).delete_session(&app("films"), body(empty)));
            assert_eq!(shown(outcome), tmdb(Status::InvalidParameters));
        }
    });
    approve(&world, &waiting).unwrap();
}

// 142: some clients put it into the query
#[test]
fn a_delete_is_read_from_a_query_as_well_as_from_a_body() {
    let world = films();
    let session_id = session(&world);
    let request = DeleteSession::from_query(&format!("session_id={session_id}&api_key=0123"));
    block_on(service(&world).delete_session(&app("films"), request)).unwrap();
    assert_eq!(shown(use_user(&world, &session_id)), tmdb(Status::AuthenticationFailed));
}

// 142
#[test]
fn a_delete_that_the_store_did_not_do_can_be_done_again() {
    let world = films();
    let session_id = session(&world);
    for verb in [Verb::Load, Verb::End] {
        world.store.fail_next(verb, Fault::Before);
        assert_eq!(shown(delete(&world, &session_id)), tmdb(Status::Offline), "{verb:?}");
    }
    world.store.fail_next(Verb::Load, Fault::Before);
    assert_eq!(
        shown(use_user(&world, &session_id)),
        tmdb(Status::Offline),
        "no reason to log anybody out"
    );
    use_user(&world, &session_id).unwrap();
    delete(&world, &session_id).unwrap();
}

// 142
#[test]
fn a_session_id_is_good_for_its_own_app_alone() {
    let world = films();
    let session_id = session(&world);
    let no = tmdb(Status::AuthenticationFailed);
    assert_eq!(shown(check_as(&world, &app("another"), CheckSession::user(&session_id))), no);
    assert_eq!(shown(check_as(&world, &user(), CheckSession::user(&session_id))), no);
    let foreign = world.login(USER);
    assert_eq!(shown(use_user(&world, foreign.token())), no, "a session that no app opened");
    for nothing in
        [CheckSession::default(), CheckSession::from_query("api_key=1"), CheckSession::user("")]
    {
        assert_eq!(shown(check_as(&world, &app("films"), nothing)), no);
    }
    let request = CheckSession::from_query(&format!("session_id={session_id}"));
    let access = check_as(&world, &app("films"), request).unwrap();
    assert_eq!(access.scope(), Scope::User);
    assert!(!format!("{:?} {access:?}", CheckSession::user(&session_id)).contains(&session_id));
    block_on(world.issuer.revoke(Revoke::all(id(USER)))).unwrap();
    assert_eq!(shown(use_user(&world, &session_id)), no);
}

// 144
#[test]
fn a_guest_has_a_session_without_a_user() {
    let world = films();
    let answer = block_on(service(&world).create_guest_session(&app("films"))).unwrap();
    let json = serde_json::to_value(&answer).unwrap();
    let shape = [("expires_at", "string"), ("guest_session_id", "string"), ("success", "boolean")];
    assert_eq!(members(&json), BTreeMap::from(shape));
    assert_eq!(
        (&json["success"], &json["expires_at"]),
        (&json!(true), &json!("2026-01-02 00:00:00 UTC"))
    );
    let guest_id = answer.guest_session_id.expose();
    let access = use_guest(&world, guest_id).unwrap();
    assert_eq!(access.scope(), Scope::Guest);
    assert_eq!(shown(access.user().cloned()), tmdb(Status::AuthenticationFailed));
    assert_ne!(guest(&world), guest_id);
}

// 144
#[test]
fn a_guest_is_refused_where_a_user_is_needed_and_the_other_way_round() {
    let world = films();
    let (guest_id, session_id) = (guest(&world), session(&world));
    let no = tmdb(Status::AuthenticationFailed);
    assert_eq!(shown(use_user(&world, &guest_id)), no);
    assert_eq!(shown(use_guest(&world, &session_id)), no);
    assert_eq!(shown(check_as(&world, &app("another"), CheckSession::guest(&guest_id))), no);
    assert_eq!(shown(block_on(service(&world).create_guest_session(&user()))), no);
    let both = format!("guest_session_id={guest_id}&session_id={session_id}");
    let access = check_as(&world, &app("films"), CheckSession::from_query(&both)).unwrap();
    assert_eq!(access.scope(), Scope::User);
    delete(&world, &guest_id).unwrap();
    assert_eq!(shown(use_guest(&world, &guest_id)), no);
}

// 145
#[test]
fn a_guest_is_gone_after_24_hours_without_use() {
    let world = films();
    let (unused, used) = (guest(&world), guest(&world));
    let session_id = session(&world);
    world.advance(DAY - Duration::from_millis(1));
    use_guest(&world, &used).unwrap();
    world.advance(Duration::from_millis(1));
    unchanged(&world, || {
        assert_eq!(shown(use_guest(&world, &unused)), tmdb(Status::AuthenticationFailed));
        assert_eq!(shown(delete(&world, &unused)), tmdb(Status::SessionNotFound));
    });
    assert_eq!(cause(use_guest(&world, &unused)), Some(ErrorKind::Inactive));
    world.advance(DAY - Duration::from_millis(2));
    use_guest(&world, &used).unwrap();
    world.advance(DAY);
    assert_eq!(shown(use_guest(&world, &used)), tmdb(Status::AuthenticationFailed));
    world.advance(DAY);
    assert_eq!(block_on(world.issuer.sweep(100)).unwrap().removed, 2, "and swept");
    use_user(&world, &session_id).expect("users' sessions have no idle timeout");
}

// 145
#[test]
fn only_its_own_app_keeps_a_guest_alive() {
    let world = films();
    let guest_id = guest(&world);
    world.advance(DAY - SECOND);
    unchanged(&world, || {
        for wrong in [CheckSession::guest(&guest_id), CheckSession::user(&guest_id)] {
            let outcome = check_as(&world, &app("another"), wrong);
            assert_eq!(shown(outcome), tmdb(Status::AuthenticationFailed));
        }
        assert_eq!(shown(use_user(&world, &guest_id)), tmdb(Status::AuthenticationFailed));
    });
    world.advance(SECOND);
    assert_eq!(shown(use_guest(&world, &guest_id)), tmdb(Status::AuthenticationFailed));
}

// 145
#[test]
fn how_long_a_guest_may_go_unused_is_the_hosts_to_say() {
    let world = films();
    let hour = service(&world).guest_idle_timeout(HOUR);
    let guest_id = guest_of(&hour);
    world.advance(HOUR - SECOND);
    use_guest(&world, &guest_id).unwrap();
    world.advance(HOUR);
    assert_eq!(shown(use_guest(&world, &guest_id)), tmdb(Status::AuthenticationFailed));
    let strict = world_of(Policy::tmdb().idle_timeout(Some(HOUR)));
    for wrong in [service(&strict), service(&world).guest_idle_timeout(Duration::ZERO)] {
        let outcome = block_on(wrong.create_guest_session(&app("films")));
        assert_eq!(shown(outcome), tmdb(Status::Internal), "the host's mistake, not the app's");
    }
}

fn v4_request(world: &World) -> String {
    let request = body(json!({ "redirect_to": "https://films.example/v4" }));
    let answer =
        block_on(service(world).v4().create_request_token(&app("films"), request)).unwrap();
    answer.request_token.expose().to_owned()
}

fn v4_exchange(world: &World, token: &str) -> Result<v4::CreateAccessTokenResponse, ApiError> {
    block_on(
        service(world).v4().create_access_token(&app("films"), v4::CreateAccessToken::new(token)),
    )
}

fn access_token(world: &World) -> String {
    let token = v4_request(world);
    approve(world, &token).unwrap();
    v4_exchange(world, &token).unwrap().access_token.expose().to_owned()
}

fn convert_as(world: &World, caller: &Caller, token: &str) -> Result<String, ApiError> {
    let request = v4::AccessToken::new(token);
    let answer = block_on(service(world).v4().convert_session(caller, request))?;
    let json = serde_json::to_value(&answer).unwrap();
    assert_eq!(members(&json), BTreeMap::from([("session_id", "string"), ("success", "boolean")]));
    Ok(answer.session_id.expose().to_owned())
}

fn convert(world: &World, token: &str) -> Result<String, ApiError> {
    convert_as(world, &app("films"), token)
}

fn check_v4(world: &World, token: &str) -> Result<String, ApiError> {
    let request = v4::AccessToken::new(token);
    block_on(service(world).v4().check_access_token(&app("films"), request))
        .map(|user| user.to_string())
}

// 146
#[test]
fn a_users_access_token_becomes_a_v3_session() {
    let world = films();
    let token = access_token(&world);
    let session_id = convert(&world, &token).unwrap();
    assert_eq!(use_user(&world, &session_id).unwrap().user().unwrap().as_str(), USER);
    let another = convert(&world, &token).unwrap();
    assert_ne!(session_id, another);
    delete(&world, &session_id).unwrap();
    use_user(&world, &another).unwrap();
    assert_eq!(check_v4(&world, &token).unwrap(), USER);
    world.advance(3650 * DAY);
    assert_eq!(check_v4(&world, &token).unwrap(), USER, "no end");
}

// 146
#[test]
fn an_apps_read_token_and_whatever_else_is_no_users_token_becomes_nothing() {
    let world = films();
    let token = access_token(&world);
    let (session_id, guest_id, waiting) = (session(&world), guest(&world), v4_request(&world));
    let read_token = "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJmaWxtcyIsInNjb3BlcyI6WyJhcGlfcmVhZCJdLCJ2ZXJzaW9uIjoxfQ.c2ln";
    unchanged(&world, || {
        for other in [read_token, &session_id, &guest_id, &waiting, "x", &"x".repeat(9000)] {
            assert_eq!(shown(convert(&world, other)), tmdb(Status::InvalidToken), "{other}");
            assert_eq!(shown(check_v4(&world, other)), tmdb(Status::InvalidToken), "{other}");
        }
        assert_eq!(shown(convert_as(&world, &app("another"), &token)), tmdb(Status::InvalidToken));
        assert_eq!(shown(convert_as(&world, &user(), &token)), tmdb(Status::AuthenticationFailed));
        assert_eq!(shown(convert(&world, "")), tmdb(Status::InvalidParameters));
        assert_eq!(
            shown(use_user(&world, &token)),
            tmdb(Status::AuthenticationFailed),
            "not a session id"
        );
        assert_eq!(shown(delete(&world, &token)), tmdb(Status::SessionNotFound));
    });
}

// 146
#[test]
fn a_user_who_is_disabled_or_revoked_converts_nothing() {
    let world = films();
    let token = access_token(&world);
    world.people.change(USER, |user| user.disabled = true);
    assert_eq!(shown(convert(&world, &token)), tmdb(Status::AccountDisabled));
    world.people.change(USER, |user| user.disabled = false);
    let kept = world.check(&token).unwrap().session_id();
    block_on(world.issuer.revoke(Revoke::all_but(id(USER), kept))).unwrap();
    let session_id = convert(&world, &token).expect("the token that was kept is as good as before");
    use_user(&world, &session_id).unwrap();
    block_on(world.issuer.revoke(Revoke::all(id(USER)))).unwrap();
    assert_eq!(shown(convert(&world, &token)), tmdb(Status::InvalidToken));
    assert_eq!(shown(use_user(&world, &session_id)), tmdb(Status::AuthenticationFailed));
}

#[test]
fn an_access_token_is_deleted_once() {
    let world = films();
    let (token, session_id) = (access_token(&world), session(&world));
    let delete = |token: &str| {
        let request = body::<v4::AccessToken>(json!({ "access_token": token }));
        block_on(service(&world).v4().delete_access_token(&app("films"), request))
    };
    assert_eq!(shown(delete(&session_id)), tmdb(Status::InvalidToken));
    let answer = serde_json::to_value(delete(&token).unwrap()).unwrap();
    let message = "The item/record was deleted successfully.";
    assert_eq!(answer, json!({ "success": true, "status_code": 13, "status_message": message }));
    assert_eq!(shown(delete(&token)), tmdb(Status::InvalidToken));
    assert_eq!(shown(check_v4(&world, &token)), tmdb(Status::InvalidToken));
    use_user(&world, &session_id).unwrap();
}

// 147, in spirit: an opaque token of 900 seconds instead of a JWT that says so
#[test]
fn a_v4_request_token_lasts_900_seconds_and_is_no_access_token() {
    let world = films();
    let answer =
        block_on(service(&world).v4().create_request_token(&app("films"), body(json!({}))))
            .unwrap();
    let json = serde_json::to_value(&answer).unwrap();
    let shape = [
        ("request_token", "string"),
        ("status_code", "integer"),
        ("status_message", "string"),
        ("success", "boolean"),
    ];
    assert_eq!(members(&json), BTreeMap::from(shape));
    let (first, second) = (answer.request_token.expose(), v4_request(&world));
    let opened = block_on(world.issuer.request(first)).unwrap();
    assert_eq!(opened.expires_at(), world.issuer.now().saturating_add(900 * SECOND));
    assert_eq!(shown(check_v4(&world, first)), tmdb(Status::InvalidToken), "pending");
    assert_eq!(shown(v4_exchange(&world, first)), tmdb(Status::NotApproved));
    world.advance(899 * SECOND);
    approve(&world, first).unwrap();
    assert_eq!(
        shown(check_v4(&world, first)),
        tmdb(Status::InvalidToken),
        "approved, and still no access token"
    );
    assert_eq!(shown(use_user(&world, first)), tmdb(Status::AuthenticationFailed));
    world.advance(SECOND);
    assert_eq!(shown(approve(&world, &second)), tmdb(Status::InvalidRequestToken));
    world.advance(898 * SECOND);
    v4_exchange(&world, first).unwrap();
    let late = v4_request(&world);
    approve(&world, &late).unwrap();
    world.advance(900 * SECOND);
    assert_eq!(shown(v4_exchange(&world, &late)), tmdb(Status::InvalidRequestToken));
}

// 147, 148
#[test]
fn a_v4_request_token_keeps_where_the_user_goes_and_is_exchanged_once() {
    let world = films();
    let token = v4_request(&world);
    let asked = DecideRequestToken::new(&token).redirect_to("https://evil.example/");
    let page = block_on(service(&world).approve_request_token(&user(), asked)).unwrap();
    assert_eq!(
        page.redirect_to.as_deref(),
        Some("https://films.example/v4"),
        "what the app said comes first"
    );
    let answer = v4_exchange(&world, &token).unwrap();
    let json = serde_json::to_value(&answer).unwrap();
    let shape = [
        ("access_token", "string"),
        ("account_id", "string"),
        ("status_code", "integer"),
        ("status_message", "string"),
        ("success", "boolean"),
    ];
    assert_eq!(members(&json), BTreeMap::from(shape));
    assert_eq!((&json["account_id"], &json["status_code"]), (&json!(USER), &json!(1)));
    assert_eq!(shown(v4_exchange(&world, &token)), tmdb(Status::InvalidRequestToken));
    assert_eq!(check_v4(&world, answer.access_token.expose()).unwrap(), USER);
    let other = block_on(
        service(&world)
            .v4()
            .create_access_token(&app("another"), v4::CreateAccessToken::new(&token)),
    );
    assert_eq!(shown(other), tmdb(Status::InvalidRequestToken));
}

#[test]
fn a_request_token_of_either_version_buys_what_either_door_sells() {
    let world = films();
    let newer = v4_request(&world);
    approve(&world, &newer).unwrap();
    let session_id = exchange(&world, &newer).unwrap().session_id;
    use_user(&world, session_id.expose()).unwrap();
    assert_eq!(shown(v4_exchange(&world, &newer)), tmdb(Status::InvalidRequestToken), "once");

    let token = v4_exchange(&world, &approved(&world)).unwrap().access_token;
    assert_eq!(check_v4(&world, token.expose()).unwrap(), USER);
    let converted = convert(&world, token.expose()).unwrap();
    let request = v4::AccessToken::new(token.expose());
    block_on(service(&world).v4().delete_access_token(&app("films"), request)).unwrap();
    use_user(&world, &converted).expect("what was made from it lives on");
}

#[test]
fn a_v4_request_has_an_address_of_at_most_2048_characters() {
    let world = films();
    let at = |caller: &Caller, request: Value| {
        block_on(service(&world).v4().create_request_token(caller, body(request)))
    };
    at(&app("films"), json!({ "redirect_to": "a".repeat(2048) })).unwrap();
    at(&app("films"), json!({ "redirect_to": null })).unwrap();
    at(&app("films"), json!({ "redirect_to": "" })).unwrap();
    unchanged(&world, || {
        for bad in ["a".repeat(2049), "a\nb".to_owned()] {
            let outcome = at(&app("films"), json!({ "redirect_to": bad }));
            assert_eq!(shown(outcome), tmdb(Status::InvalidParameters));
        }
        assert_eq!(shown(at(&user(), json!({}))), tmdb(Status::AuthenticationFailed));
    });
    let query = v4::CreateRequestToken::from_query("redirect_to=https%3A%2F%2Ffilms.example%2Fa");
    let request = body::<v4::CreateRequestToken>(json!({})).or(query);
    assert_eq!(request.redirect_to.given().map(String::as_str), Some("https://films.example/a"));
    let short = world_of(Policy::tmdb().request_lifetime(MINUTE));
    let answer =
        block_on(service(&short).v4().create_request_token(&app("films"), body(json!({}))))
            .unwrap();
    let opened = block_on(short.issuer.request(answer.request_token.expose())).unwrap();
    assert_eq!(opened.expires_at(), short.issuer.now().saturating_add(MINUTE));
}

#[test]
fn the_apps_of_one_host_share_a_user_and_no_session() {
    let world = films();
    let session_id = session(&world);
    let own = NewSession::for_subject(id(USER)).creator("films".parse().unwrap());
    let made = world.create(own).unwrap();
    use_user(&world, made.token()).expect("a host may make one for an app");
    let tenant = world.issuer.tenant("other".parse().unwrap());
    let elsewhere = Service::new(tenant);
    let outcome = block_on(elsewhere.check_session(&app("films"), CheckSession::user(&session_id)));
    assert_eq!(shown(outcome), tmdb(Status::AuthenticationFailed), "another tenant's");
    let longest = Caller::app(AppId::new("a".repeat(200)).unwrap());
    block_on(service(&world).create_guest_session(&longest)).unwrap();
}
