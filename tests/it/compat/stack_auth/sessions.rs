//! Stack Auth's lists, sign-outs and what passwords do. Numbers are those of the seed cases.

use serde_json::{Value, error::Category, json};
use session_issuer::{
    Policy,
    actor::Actor,
    client::ClientInfo,
    compat::stack_auth::{Caller, ListSessions, Service},
    error::ErrorKind,
    event::EventKind,
    policy::Freshness,
    session::RevokeReason,
    testing::{Fault, Verb, block_on},
};

use crate::{
    compat::{
        create::*,
        hanko::create::MALFORMED_UUIDS,
        stack_auth::{
            create::{post, server, service},
            refresh::{over, pair, refresh, rotating},
        },
    },
    world::*,
};

const OTHER: &str = "0b1c6a5e-9f3d-4c1b-8a77-2f0d6d1f9c11";

fn admin() -> Caller {
    Caller::admin(Actor::new(id("operator")))
}

/// A client, signed in with this access token.
fn client(world: &World, access: &str) -> Caller {
    let checked = block_on(service(world).check_access_token(access, Freshness::Store)).unwrap();
    Caller::client().signed_in_with(&checked)
}

fn list(world: &World, caller: &Caller, request: Value) -> Result<Value, (u16, Value)> {
    let request = body::<ListSessions>(request);
    block_on(service(world).list_sessions(caller, request))
        .map(|listed| serde_json::to_value(listed).unwrap()["items"].clone())
        .map_err(|error| (error.status, serde_json::to_value(error).unwrap()))
}

fn delete(world: &World, caller: &Caller, session: &str) -> Result<Value, (u16, Value)> {
    block_on(service(world).delete_session(caller, session))
        .map(|done| serde_json::to_value(done).unwrap())
        .map_err(|error| (error.status, serde_json::to_value(error).unwrap()))
}

fn session_of(world: &World, access: &str) -> String {
    world.check(access).unwrap().session_id().to_string()
}

fn impersonation(world: &World) -> (String, String) {
    let request = json!({ "user_id": USER, "is_impersonation": true });
    let answer = post(&service(world), &admin(), request).unwrap();
    (answer.refresh_token.expose().to_owned(), answer.access_token.expose().to_owned())
}

fn schema_error(route: &str, rule: &str) -> (u16, Value) {
    let error = format!("Request validation failed on {route}:\n  - {rule}");
    (400, json!({ "code": "SCHEMA_ERROR", "details": { "message": error }, "error": error }))
}

fn not_found() -> (u16, Value) {
    (404, json!({ "error": "Session not found." }))
}

// 50
#[test]
fn impersonations_are_listed_to_administrators_alone() {
    let world = world_of(Policy::stack_auth());
    let (_, current) = pair(&service(&world));
    pair(&service(&world));
    impersonation(&world);
    let me = json!({ "user_id": "me" });
    let is_impersonation = |list: &Value| {
        list.as_array()
            .unwrap()
            .iter()
            .filter(|item| item["is_impersonation"] == json!(true))
            .count()
    };
    let own = list(&world, &client(&world, &current), me).unwrap();
    assert_eq!((own.as_array().unwrap().len(), is_impersonation(&own)), (2, 0));
    let to_server = list(&world, &server(), json!({ "user_id": USER })).unwrap();
    assert_eq!((to_server.as_array().unwrap().len(), is_impersonation(&to_server)), (2, 0));
    let to_admin = list(&world, &admin(), json!({ "user_id": USER })).unwrap();
    assert_eq!((to_admin.as_array().unwrap().len(), is_impersonation(&to_admin)), (3, 1));
}

#[test]
fn an_item_has_exactly_the_members_that_stack_auth_names() {
    let world = world_of(Policy::stack_auth());
    let (_, access) = pair(&service(&world));
    world.advance(SECOND);
    let from = server().end_user(ClientInfo::new().with_ip("192.0.2.7".parse().unwrap()));
    let newer = post(&service(&world), &from, json!({ "user_id": USER })).unwrap();
    let listed =
        block_on(service(&world).list_sessions(
            &client(&world, &access),
            body::<ListSessions>(json!({ "user_id": USER })),
        ))
        .unwrap();
    assert!(!format!("{listed:?}").contains(USER));
    let now = world.issuer.now().as_millis();
    let expected = json!({
        "items": [
            {
                "id": payload(newer.access_token.expose())["sid"],
                "user_id": USER,
                "created_at": now,
                "last_used_at": now,
                "is_impersonation": false,
                "is_current_session": false,
                "last_used_at_end_user_ip_info": { "ip": "192.0.2.7" },
            },
            {
                "id": payload(&access)["sid"],
                "user_id": USER,
                "created_at": now - 1000,
                "last_used_at": now - 1000,
                "is_impersonation": false,
                "is_current_session": true,
            },
        ],
        "is_paginated": false,
    });
    assert_eq!(serde_json::to_value(listed).unwrap(), expected);
}

// 53
#[test]
fn a_client_lists_nobody_elses_sessions() {
    let world = world_of(Policy::stack_auth());
    world.people.add(OTHER, "pw");
    let (_, access) = pair(&service(&world));
    let forbidden = (403, json!({ "error": "Client can only list sessions for their own user." }));
    for user in [OTHER, STRANGER] {
        assert_eq!(
            list(&world, &client(&world, &access), json!({ "user_id": user })),
            Err(forbidden.clone())
        );
    }
    let own =
        list(&world, &client(&world, &access), json!({ "user_id": USER.to_uppercase() })).unwrap();
    assert_eq!(own.as_array().unwrap().len(), 1);
    let nobody = (
        400,
        json!({
            "code": "CANNOT_GET_OWN_USER_WITHOUT_USER",
            "error": "You have specified 'me' as a userId, but did not provide authentication for a user.",
        }),
    );
    for request in [json!({ "user_id": "me" }), json!({ "user_id": USER })] {
        assert_eq!(list(&world, &Caller::client(), request), Err(nobody.clone()));
    }
    assert_eq!(list(&world, &server(), json!({ "user_id": "me" })), Err(nobody));
}

// 54
#[test]
fn a_list_needs_a_user() {
    let world = world_of(Policy::stack_auth());
    let (_, access) = pair(&service(&world));
    let bad = |request: Value, rule: &str| {
        for caller in [server(), admin(), client(&world, &access)] {
            let expected = schema_error("GET /api/v1/auth/sessions", rule);
            assert_eq!(list(&world, &caller, request.clone()), Err(expected));
        }
    };
    bad(json!({}), "query.user_id must be defined");
    bad(json!({ "user_id": null }), "query.user_id cannot be null");
    for malformed in [&["", "Me"][..], &MALFORMED_UUIDS].concat() {
        bad(json!({ "user_id": malformed }), "query.user_id must be a valid UUID");
    }
    assert_eq!(list(&world, &server(), json!({ "user_id": STRANGER })).unwrap(), json!([]));
    for (wrong, expected) in
        [("", Category::Eof), ("7", Category::Data), (r#"{"user_id": "#, Category::Eof)]
    {
        let error = serde_json::from_str::<ListSessions>(wrong).unwrap_err();
        assert_eq!(error.classify(), expected, "{wrong}");
    }
}

#[test]
fn sessions_that_are_over_are_not_listed() {
    let world = world_of(Policy::stack_auth());
    let request = json!({ "user_id": USER, "expires_in_millis": 5000 });
    post(&service(&world), &server(), request).unwrap();
    let (gone, _) = pair(&service(&world));
    block_on(service(&world).sign_out(&gone)).unwrap();
    assert_eq!(
        list(&world, &server(), json!({ "user_id": USER })).unwrap().as_array().unwrap().len(),
        1
    );
    world.advance(5 * SECOND);
    assert_eq!(list(&world, &admin(), json!({ "user_id": USER })).unwrap(), json!([]));
}

// 51
#[test]
fn a_user_ends_another_session_and_the_own_one_is_left() {
    let world = world_of(Policy::stack_auth());
    let ((other, other_access), (own, access)) = (pair(&service(&world)), pair(&service(&world)));
    let me = client(&world, &access);
    let done = delete(&world, &me, &session_of(&world, &other_access)).unwrap();
    assert_eq!(done, json!({ "success": true }));
    let left = list(&world, &me, json!({ "user_id": "me" })).unwrap();
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(left[0]["is_current_session"], json!(true));
    assert_eq!(shown(refresh(&service(&world), &other)), over());
    refresh(&service(&world), &own).unwrap();
    let revoked = |kind: &EventKind| matches!(kind, EventKind::Revoked { reason: RevokeReason::Admin, by: Some(by) } if by.as_str() == USER);
    assert_eq!(world.count(revoked), 1);
}

// 55
#[test]
fn what_a_client_may_not_end_is_not_found() {
    let world = world_of(Policy::stack_auth());
    world.people.add(OTHER, "pw");
    let (_, access) = pair(&service(&world));
    let me = client(&world, &access);
    let foreign = world.login(OTHER);
    let unknown = "936da01f-9abd-4d9d-80c7-02af85c822a8";
    let (gone, gone_access) = pair(&service(&world));
    let gone_id = session_of(&world, &gone_access);
    block_on(service(&world).sign_out(&gone)).unwrap();
    unchanged(&world, || {
        for session in [foreign.session_id().to_string().as_str(), unknown, &gone_id] {
            assert_eq!(delete(&world, &me, session), Err(not_found()), "{session}");
        }
        assert_eq!(
            delete(&world, &Caller::client(), &session_of(&world, &access)),
            Err(not_found())
        );
        let rule = "params.id must be a valid UUID";
        for malformed in [&[""][..], &MALFORMED_UUIDS].concat() {
            let expected = schema_error("DELETE /api/v1/auth/sessions/[id]", rule);
            assert_eq!(delete(&world, &me, malformed), Err(expected), "{malformed}");
        }
    });
    world.check(foreign.token()).unwrap();
    delete(&world, &server(), &foreign.session_id().to_string()).expect("a server may");
    refused(world.check(foreign.token()), ErrorKind::Revoked);
}

#[test]
fn an_impersonation_signs_itself_out_and_ends_no_session_of_the_users_own() {
    let world = world_of(Policy::stack_auth());
    let (own, own_access) = pair(&service(&world));
    let (other_acting, other_acting_access) = impersonation(&world);
    let (acting, acting_access) = impersonation(&world);
    let me = client(&world, &acting_access);
    let [first, second, itself] = [&own_access, &other_acting_access, &acting_access]
        .map(|access| session_of(&world, access));
    unchanged(&world, || {
        for session in [&first, &second] {
            assert_eq!(delete(&world, &me, session), Err(not_found()));
        }
        let (status, error) = delete(&world, &me, &itself).unwrap_err();
        assert_eq!((status, &error["code"]), (400, &json!("CANNOT_DELETE_CURRENT_SESSION")));
    });
    block_on(service(&world).sign_out(&acting_access)).unwrap();
    assert_eq!(shown(refresh(&service(&world), &acting)), over());
    refresh(&service(&world), &own).unwrap();
    refresh(&service(&world), &other_acting).unwrap();
    // A server and an administrator may end any, whoever's access token comes along.
    let (acting, acting_access) = impersonation(&world);
    for (caller, session) in [(server(), &first), (admin(), &second)] {
        let checked =
            block_on(service(&world).check_access_token(&acting_access, Freshness::Store)).unwrap();
        delete(&world, &caller.signed_in_with(&checked), session).unwrap();
    }
    assert_eq!(shown(refresh(&service(&world), &own)), over());
    refresh(&service(&world), &acting).unwrap();
}

#[test]
fn the_current_session_is_signed_out_of_and_not_deleted() {
    let world = world_of(Policy::stack_auth());
    let (_, access) = pair(&service(&world));
    let own = session_of(&world, &access);
    let expected = (
        400,
        json!({ "code": "CANNOT_DELETE_CURRENT_SESSION", "error": "Cannot delete the current session." }),
    );
    let me = client(&world, &access);
    unchanged(&world, || assert_eq!(delete(&world, &me, &own), Err(expected)));
    world.check(&access).unwrap();
}

#[test]
fn what_a_mass_revocation_has_ended_cannot_be_ended_again() {
    let world = world_of(Policy::stack_auth());
    let (_, access) = pair(&service(&world));
    let session = session_of(&world, &access);
    block_on(service(&world).password_reset(&id(USER))).unwrap();
    assert_eq!(delete(&world, &server(), &session), Err(not_found()));
}

// 56
#[test]
fn after_signing_out_a_refresh_is_refused() {
    let world = world_of(Policy::stack_auth());
    let (token, access) = pair(&service(&world));
    let done = block_on(service(&world).sign_out(&token)).unwrap();
    assert_eq!(serde_json::to_value(done).unwrap(), json!({ "success": true }));
    assert_eq!(shown(refresh(&service(&world), &token)), over());
    for again in [&token, &access] {
        assert_eq!(shown(block_on(service(&world).sign_out(again))), over());
    }
    for forged in ["", "something-invalid", "a.b.c"] {
        unchanged(&world, || assert_eq!(shown(block_on(service(&world).sign_out(forged))), over()));
    }
}

// 57
#[test]
fn the_access_token_alone_signs_out_also_when_it_has_expired() {
    for wait in [SECOND, HOUR] {
        let world = world_of(Policy::stack_auth());
        let (token, access) = pair(&service(&world));
        world.advance(wait);
        block_on(service(&world).sign_out(&access)).unwrap();
        assert_eq!(shown(refresh(&service(&world), &token)), over());
        assert_eq!(world.count(|kind| matches!(kind, EventKind::Revoked { .. })), 1);
    }
}

#[test]
fn a_store_that_fails_ends_nothing_and_is_a_500() {
    let world = world_of(Policy::stack_auth());
    let (token, access) = pair(&service(&world));
    let session = session_of(&world, &access);
    let internal =
        (500, json!({ "code": "INTERNAL_SERVER_ERROR", "error": "Something went wrong." }));
    world.store.fail_next(Verb::End, Fault::Before);
    assert_eq!(shown(block_on(service(&world).sign_out(&token))), internal);
    world.store.fail_next(Verb::End, Fault::Before);
    assert_eq!(delete(&world, &server(), &session), Err(internal.clone()));
    world.store.fail_next(Verb::List, Fault::Before);
    assert_eq!(list(&world, &server(), json!({ "user_id": USER })), Err(internal.clone()));
    world.store.fail_next(Verb::ChangeSubject, Fault::Before);
    assert_eq!(shown(block_on(service(&world).password_reset(&id(USER)))), internal);
    world.store.fail_next(Verb::ChangeSubject, Fault::Before);
    assert_eq!(shown(block_on(service(&world).user_deleted(&id(USER)))), internal);
    world.store.fail_next(Verb::Load, Fault::Before);
    assert_eq!(
        shown(block_on(service(&world).password_changed(&id(USER), Some(&token)))),
        internal
    );
    refresh(&service(&world), &token).unwrap();
}

fn two(service: &Service) -> ((String, String), (String, String)) {
    (pair(service), pair(service))
}

// 65
#[test]
fn a_user_who_changes_the_password_keeps_the_own_session_alone() {
    for policy in [Policy::stack_auth(), rotating()] {
        let world = world_of(policy);
        let ((own, own_access), (other, other_access)) = two(&service(&world));
        let (acting, _) = impersonation(&world);
        block_on(service(&world).password_changed(&id(USER), Some(&own))).unwrap();
        for gone in [&other, &acting] {
            assert_eq!(shown(refresh(&service(&world), gone)), over());
        }
        refused(world.check(&other_access), ErrorKind::Revoked);
        world.check(&own_access).unwrap();
        refresh(&service(&world), &own).unwrap();
        let left = list(&world, &admin(), json!({ "user_id": USER })).unwrap();
        assert_eq!(left.as_array().unwrap().len(), 1);
        refresh(&service(&world), &pair(&service(&world)).0).expect("new ones begin");
    }
}

#[test]
fn a_password_change_without_a_session_of_the_users_own_ends_all() {
    let world = world_of(Policy::stack_auth());
    world.people.add(OTHER, "pw");
    let foreign = world.login(OTHER);
    let ended = || {
        let (token, _) = pair(&service(&world));
        block_on(service(&world).sign_out(&token)).unwrap();
        token
    };
    let own_ended = ended();
    let (acting, _) = impersonation(&world);
    for keep in
        [None, Some(""), Some("nonsense"), foreign.refresh_token(), Some(&own_ended), Some(&acting)]
    {
        let ((one, _), (two, _)) = two(&service(&world));
        block_on(service(&world).password_changed(&id(USER), keep)).unwrap();
        for gone in [&one, &two] {
            assert_eq!(shown(refresh(&service(&world), gone)), over());
        }
    }
    assert_eq!(shown(refresh(&service(&world), &acting)), over());
    world.check(foreign.token()).unwrap();
}

#[test]
fn a_password_that_is_reset_or_set_by_an_administrator_ends_all() {
    let world = world_of(Policy::stack_auth());
    let ((one, _), (two, access)) = two(&service(&world));
    block_on(service(&world).password_reset(&id(USER))).unwrap();
    for gone in [&one, &two] {
        assert_eq!(shown(refresh(&service(&world), gone)), over());
    }
    let error = refused(world.check(&access), ErrorKind::Revoked);
    assert_eq!(error.reason(), Some(RevokeReason::CredentialChange));
}

#[test]
fn whoever_a_password_change_has_signed_out_may_still_sign_out() {
    let world = world_of(Policy::stack_auth());
    let ((one, _), (_, access)) = two(&service(&world));
    block_on(service(&world).password_reset(&id(USER))).unwrap();
    for token in [&one, &access] {
        block_on(service(&world).sign_out(token)).unwrap();
        assert_eq!(shown(block_on(service(&world).sign_out(token))), over(), "once");
    }
}

#[test]
fn with_a_user_go_all_of_the_users_sessions_and_no_one_elses() {
    let world = world_of(Policy::stack_auth());
    world.people.add(OTHER, "pw");
    let ((one, _), (two, _)) = two(&service(&world));
    let other = world.login(OTHER);
    world.people.remove(USER);
    block_on(service(&world).user_deleted(&id(USER))).unwrap();
    for gone in [&one, &two] {
        assert_eq!(shown(refresh(&service(&world), gone)), over());
    }
    world.refresh(&refresh_of(&other)).unwrap();
    assert_eq!(list(&world, &admin(), json!({ "user_id": USER })).unwrap(), json!([]));
}

// 65
#[test]
fn a_spent_refresh_token_keeps_no_session_through_a_password_change() {
    let world = world_of(rotating());
    let (spent, _) = pair(&service(&world));
    let rotated = world.refresh(&spent).unwrap();
    let thiefs = world.refresh(rotated.refresh_token().unwrap()).unwrap();
    block_on(service(&world).password_changed(&id(USER), Some(&spent))).unwrap();
    assert_eq!(shown(refresh(&service(&world), thiefs.refresh_token().unwrap())), over());
}

#[test]
fn nobody_is_signed_in_through_an_impersonation() {
    let world = world_of(Policy::stack_auth());
    let (_, acting) = impersonation(&world);
    let checked = block_on(service(&world).check_access_token(&acting, Freshness::Store)).unwrap();
    let caller = server().signed_in_with(&checked);
    unchanged(&world, || {
        let (status, error) = shown(post(&service(&world), &caller, json!({ "user_id": "me" })));
        assert_eq!((status, &error["code"]), (400, &json!("CANNOT_GET_OWN_USER_WITHOUT_USER")));
    });
}

#[test]
fn without_profiles_a_refresh_leaves_a_sessions_claims_as_they_are() {
    let world = world_of(Policy::stack_auth());
    let service = Service::new(world.issuer.clone()).project("project", "branch");
    let claims = session_issuer::metadata::HostClaims::of([("is_anonymous", true)]).unwrap();
    let login =
        world.create(session_issuer::NewSession::for_subject(id(USER)).claims(claims)).unwrap();
    let refreshed = refresh(&service, login.refresh_token().unwrap()).unwrap();
    assert_eq!(payload(refreshed.access_token.expose())["is_anonymous"], json!(true));
}
