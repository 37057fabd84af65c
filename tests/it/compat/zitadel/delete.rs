//! ZITADEL's delete call: who may end a session, and what the answer says. Numbers are those of the
//! seed cases.

use serde_json::{Value, json};
use session_issuer::{
    NewSession, Policy, Revoke, Update,
    compat::zitadel::{
        ApiError, Caller, DeleteSession, DeleteSessionResponse, Permission, ResourceOwner, Scope,
        Service, TokenRule,
    },
    error::ErrorKind,
    event::EventKind,
    issuer::Issued,
    session::RevokeReason,
    testing::{Fault, Verb, block_on},
};

use crate::{
    compat::{create::*, zitadel::get::*},
    world::*,
};

fn delete(
    service: &Service,
    caller: &Caller,
    id: &str,
    token: Option<&str>,
) -> Result<DeleteSessionResponse, ApiError> {
    let request: DeleteSession = body(json!({ "sessionId": id, "sessionToken": token }));
    block_on(service.delete_session(caller, request))
}

fn text(issued: &Issued) -> String {
    issued.session_id().to_string()
}

fn wrong_token() -> (u16, Value) {
    (403, zitadel(7, "COMMAND-sGr42", "Errors.Session.Token.Invalid"))
}

fn ends(world: &World) -> usize {
    world.count(|kind| matches!(kind, EventKind::Revoked { .. }))
}

/// Why the last session ended, and who ended it.
fn last_end(world: &World) -> (RevokeReason, Option<String>) {
    let ends = world.events().into_iter().rev().find_map(|event| match event.kind {
        EventKind::Revoked { reason, by, .. } => Some((reason, by.map(|by| by.to_string()))),
        _ => None,
    });
    ends.unwrap()
}

// 113
#[test]
fn the_current_token_ends_its_session_and_no_other_token_does() {
    let world = world_of(Policy::zitadel());
    let (first, other, service) = (login(&world, USER), login(&world, USER), service(&world));
    let (id, stranger) = (text(&first), caller("stranger"));
    world.advance(MINUTE);
    let update = Update::with_token(first.token()).metadata("k", "v");
    let current = block_on(world.issuer.update(update)).unwrap();
    let everything = stranger.clone().grant(Permission::SessionDelete, Scope::Instance);
    for wrong in [other.token(), first.token(), "no token", "ey.ey.ey"] {
        for caller in [&stranger, &everything, &stranger.clone().user(crate::world::id(USER))] {
            assert_eq!(shown(delete(&service, caller, &id, Some(wrong))), wrong_token(), "{wrong}");
        }
    }
    assert_eq!(shown(delete(&service, &stranger, STRANGER, Some(current.token()))), wrong_token());
    world.check(current.token()).unwrap();
    world.advance(MINUTE);
    let answer = delete(&service, &stranger, &id, Some(current.token())).unwrap();
    let now = world.issuer.now().to_string();
    assert_eq!(
        serde_json::to_value(&answer).unwrap(),
        json!({ "details": { "sequence": "3", "changeDate": now, "resourceOwner": "org-1" } })
    );
    refused(world.check(current.token()), ErrorKind::Revoked);
    assert_eq!(last_end(&world), (RevokeReason::Logout, Some("stranger".to_owned())));
    world.check(other.token()).unwrap();
}

// 114
#[test]
fn without_a_token_the_own_user_and_who_may_delete_end_a_session() {
    let world = world_of(Policy::zitadel());
    world.people.add("goofy", "V3ryS3cure!");
    let service = service(&world);
    let of = |scope: Scope| caller("x").grant(Permission::SessionDelete, scope);
    let org = |name: &str| Scope::Organization(name.to_owned());
    for (caller, allowed) in [
        (caller("x").user(id("goofy")), false),
        (caller("login-page"), false),
        (caller("x").user_agent(&browser("fp-1")), false),
        (of(org("acme")), false),
        (caller("x").grant(Permission::SessionRead, Scope::Instance), false),
        (caller("x").grant(Permission::SessionWrite, Scope::Instance), false),
        (caller("x").user(id(USER)), true),
        (of(org("org-1")), true),
        (of(Scope::Instance), true),
    ] {
        let issued = made(&world, "login-page", with_password(USER).client(browser("fp-1")));
        for token in [None, Some("")] {
            let answer = delete(&service, &caller, &text(&issued), token);
            match allowed {
                true => drop(answer.unwrap()),
                false => assert_eq!(shown(answer), not_permitted(), "{caller:?}"),
            }
        }
        match allowed {
            true => drop(refused(world.check(issued.token()), ErrorKind::Revoked)),
            false => drop(world.check(issued.token()).unwrap()),
        }
    }
    assert_eq!(last_end(&world), (RevokeReason::Admin, Some("x".to_owned())));
    let own = login(&world, USER);
    delete(&service, &caller("x").user(id(USER)), &text(&own), None).unwrap();
    assert_eq!(last_end(&world), (RevokeReason::Logout, Some(USER.to_owned())));
    // Without a user, only the instance's permission reaches it.
    let bare = made(&world, "login-page", NewSession::anonymous());
    assert_eq!(shown(delete(&service, &of(org("acme")), &text(&bare), None)), not_permitted());
    assert_eq!(
        shown(delete(&service, &caller("x").user(id(USER)), &text(&bare), None)),
        not_permitted()
    );
    delete(&service, &of(Scope::Instance), &text(&bare), None).unwrap();
}

#[test]
fn creators_and_whoever_shares_the_user_agent_end_sessions_where_permissions_rule() {
    let world = world_of(Policy::zitadel());
    for (rule, allowed) in
        [(TokenRule::V2Alpha, false), (TokenRule::V2, false), (TokenRule::Permission, true)]
    {
        let service = service(&world).token_rule(rule);
        for caller in [caller("login-page"), caller("x").user_agent(&browser("fp-1"))] {
            let issued = made(&world, "login-page", with_password(USER).client(browser("fp-1")));
            let answer = delete(&service, &caller, &text(&issued), None);
            match allowed {
                true => {
                    answer.unwrap();
                    refused(world.check(issued.token()), ErrorKind::Revoked);
                }
                false => {
                    assert_eq!(shown(answer), not_permitted(), "{rule:?} {caller:?}");
                    world.check(issued.token()).unwrap();
                }
            }
        }
        let issued = login(&world, USER);
        assert_eq!(
            shown(delete(&service, &caller("x"), &text(&issued), None)),
            not_permitted(),
            "{rule:?}"
        );
    }
}

// 116
#[test]
fn an_expired_session_can_be_deleted_and_is_then_not_found() {
    let world = world_of(Policy::zitadel());
    let service = service(&world);
    for by_token in [true, false] {
        let issued = made(&world, "login-page", with_password(USER).lifetime(20 * SECOND));
        world.advance(MINUTE);
        refused(world.check(issued.token()), ErrorKind::Expired);
        get(&service, &admin(), &text(&issued), None).unwrap();
        let (token, caller) = match by_token {
            true => (Some(issued.token()), caller("x")),
            false => (None, caller("x").user(id(USER))),
        };
        delete(&service, &caller, &text(&issued), token).unwrap();
        assert_eq!(shown(get(&service, &admin(), &text(&issued), None)).0, 404);
    }
    assert_eq!(ends(&world), 2);
}

// 117
#[test]
fn a_store_that_fails_is_answered_and_the_session_lives_on() {
    let world = world_of(Policy::zitadel());
    let (issued, service) = (login(&world, USER), service(&world));
    let mine = caller("x").user(id(USER));
    for verb in [Verb::Load, Verb::End] {
        for token in [None, Some(issued.token())] {
            world.store.fail_next(verb, Fault::Before);
            assert_eq!(shown(delete(&service, &mine, &text(&issued), token)), busy(), "{verb:?}");
            world.check(issued.token()).unwrap();
        }
    }
    assert_eq!(ends(&world), 0);
    // Where the reply was lost, the call may be repeated.
    world.store.fail_next(Verb::End, Fault::After);
    assert_eq!(shown(delete(&service, &mine, &text(&issued), None)), busy());
    refused(world.check(issued.token()), ErrorKind::Revoked);
    delete(&service, &mine, &text(&issued), None).unwrap();
    delete(&service, &mine, &text(&issued), Some(issued.token())).unwrap();
}

#[test]
fn ending_what_has_ended_or_is_not_there_is_success_and_nothing_happens() {
    let world = world_of(Policy::zitadel());
    let service = service(&world);
    let mine = caller("x").user(id(USER));
    let (one, all, gone) = (login(&world, USER), login(&world, USER), login(&world, USER));
    let first = delete(&service, &mine, &text(&one), Some(one.token())).unwrap();
    block_on(world.issuer.revoke(Revoke::session(all.session_id()))).unwrap();
    world.advance(HOUR);
    block_on(service.user_ended(&id(USER))).unwrap();
    let before = ends(&world);
    unchanged(&world, || {
        for ended in [&one, &all, &gone] {
            for token in [None, Some(ended.token())] {
                delete(&service, &mine, &text(ended), token).unwrap();
            }
            // Whoever might not have ended it learns nothing of it.
            assert_eq!(shown(delete(&service, &caller("y"), &text(ended), None)), not_permitted());
        }
        let again = delete(&service, &mine, &text(&one), None).unwrap();
        assert_eq!(again, first, "the same end, an hour later");
        for unknown in [STRANGER, "0197657f-2b60-7000-8000-000000000000", "not an id"] {
            let answer = delete(&service, &caller("y"), unknown, None).unwrap();
            let now = world.issuer.now().to_string();
            assert_eq!(
                serde_json::to_value(answer).unwrap()["details"],
                json!({ "sequence": "0", "changeDate": now, "resourceOwner": "acme" })
            );
        }
    });
    assert_eq!(ends(&world), before);
    for missing in [json!({}), json!({ "sessionId": "" }), json!({ "sessionId": "a".repeat(201) })]
    {
        let answer = block_on(service.delete_session(&mine, body(missing)));
        let rule = "invalid DeleteSessionRequest.SessionId: value length must be between 1 and 200 runes, inclusive";
        assert_eq!(shown(answer), (400, json!({ "code": 3, "message": rule, "details": [] })));
    }
}

#[test]
fn of_many_deletions_at_once_each_succeeds_and_one_ends_the_session() {
    let world = world_of(Policy::zitadel());
    let (issued, service) = (login(&world, USER), service(&world));
    let mine = caller("x").user(id(USER));
    let answers: Vec<_> = std::thread::scope(|scope| {
        let delete = |n: usize| {
            let (service, mine, issued) = (&service, &mine, &issued);
            let token = n.is_multiple_of(2).then_some(issued.token());
            scope.spawn(move || delete(service, mine, &text(issued), token).unwrap())
        };
        let threads: Vec<_> = (0..32).map(delete).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(ends(&world), 1);
    assert!(answers.iter().all(|answer| answer.details.sequence == 2), "all have the same end");
}

#[test]
fn details_name_the_organisation_or_the_instance_as_the_host_says() {
    let world = world_of(Policy::zitadel());
    let instance = service(&world).resource_owner(ResourceOwner::Instance("instance-1".to_owned()));
    let everything = || caller("x").grant(Permission::SessionDelete, Scope::Instance);
    for (service, owners) in [
        (service(&world), ["org-1", "acme", "acme"]),
        (instance, ["instance-1", "instance-1", "instance-1"]),
    ] {
        let ids = [
            text(&login(&world, USER)),
            text(&made(&world, "login-page", NewSession::anonymous())),
            STRANGER.to_owned(),
        ];
        for (id, owner) in ids.iter().zip(owners) {
            let answer = delete(&service, &everything(), id, None).unwrap();
            assert_eq!(answer.details.resource_owner, owner);
        }
    }
}

#[test]
fn a_request_to_delete_is_read_in_either_case_and_shows_nothing() {
    let request: DeleteSession =
        body(json!({ "session_id": STRANGER, "session_token": "hunter2", "x": 1 }));
    assert_eq!(request.session_id.as_deref(), Some(STRANGER));
    assert_eq!(request.session_token.as_ref().unwrap().expose(), "hunter2");
    let text = format!("{request:?}");
    assert!(!text.contains(STRANGER) && !text.contains("hunter2"), "{text}");
}
