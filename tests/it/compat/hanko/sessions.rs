//! Hanko's lists, revocations and webhooks. Numbers are those of the seed cases.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use session_issuer::{
    NewSession, Policy, Revoke, Timestamp,
    actor::{Actor, ActorChain},
    compat::hanko::{ApiError, Caller, SessionDeleted, SessionDeletedKind},
    error::ErrorKind,
    id::CreatorId,
    testing::{Fault, Verb, block_on},
};

use crate::{
    compat::{
        create::*,
        hanko::{
            create::{MALFORMED_UUIDS, post, service},
            validate::created,
        },
    },
    world::*,
};

const OTHER: &str = "0b1c6a5e-9f3d-4c1b-8a77-2f0d6d1f9c11";
const V4: &str = "936da01f-9abd-4d9d-80c7-02af85c822a8";

fn admin() -> Caller {
    Caller::Admin(CreatorId::new("admin-api").unwrap())
}

fn list(world: &World, user: &str) -> Result<Value, (u16, Value)> {
    let rows = block_on(service(world).list_sessions(&admin(), user));
    rows.map(|rows| serde_json::to_value(rows).unwrap()).map_err(split)
}

fn delete(world: &World, user: &str, session: &str) -> Result<(), (u16, Value)> {
    block_on(service(world).delete_session(&admin(), user, session)).map_err(split)
}

fn split(error: ApiError) -> (u16, Value) {
    (error.status, serde_json::to_value(error).unwrap())
}

fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

fn bad_request(message: &str) -> (u16, Value) {
    (400, json!({ "code": 400, "message": message }))
}

fn not_found() -> (u16, Value) {
    (404, json!({ "code": 404, "message": "Not Found" }))
}

fn forbidden() -> (u16, Value) {
    (403, json!({ "code": 403, "message": "Forbidden" }))
}

fn user_in(world: &World, token: &str) -> Caller {
    block_on(service(world).authenticate(&[token])).unwrap()
}

// 10
#[test]
fn an_administrator_sees_a_users_sessions_the_newest_first() {
    let world = world_of(Policy::hanko());
    assert_eq!(list(&world, USER).unwrap(), json!([]));
    let first = created(&world);
    assert_eq!(ids(&list(&world, USER).unwrap()).len(), 1);
    world.advance(SECOND);
    let second = created(&world);
    let of = |token: &str| world.check(token).unwrap().session_id().to_string();
    assert_eq!(ids(&list(&world, USER).unwrap()), [of(&second), of(&first)]);
    assert_eq!(ids(&list(&world, &USER.to_uppercase()).unwrap()).len(), 2);
}

// 1 (the row)
#[test]
fn a_row_has_exactly_the_members_that_hanko_names() {
    let world = world_of(Policy::hanko());
    let request =
        json!({ "user_id": USER, "user_agent": "curl/8.5.0", "ip_address": "2001:db8::1" });
    let token = post(&service(&world), request).unwrap().session_token;
    let claims = payload(token.expose());
    let row = &list(&world, USER).unwrap()[0];
    let born = world.check(token.expose()).unwrap().session().unwrap().created_at();
    assert_eq!(json!(born.as_secs()), claims["iat"]);
    let ends = born.saturating_add(12 * HOUR);
    assert_eq!(json!(ends.as_secs()), claims["exp"]);
    let text = |at: Timestamp| json!(at.to_string());
    let expected = json!({
        "id": claims["session_id"],
        "user_id": USER,
        "user_agent": "curl/8.5.0",
        "ip_address": "2001:db8::1",
        "created_at": text(born),
        "updated_at": text(born),
        "expires_at": text(ends),
        "last_used": text(born),
    });
    assert_eq!(*row, expected);
    created(&world);
    let bare = &list(&world, USER).unwrap()[0];
    assert_eq!((&bare["user_agent"], &bare["ip_address"]), (&Value::Null, &Value::Null));
}

// 11
#[test]
fn a_list_is_of_a_user_that_there_is() {
    let world = world_of(Policy::hanko());
    assert_eq!(list(&world, STRANGER), Err(not_found()));
    assert_eq!(list(&world, ""), Err(bad_request("user_id is a required field")));
    for malformed in MALFORMED_UUIDS {
        assert_eq!(
            list(&world, malformed),
            Err(bad_request("user_id must be a valid uuid")),
            "{malformed}"
        );
    }
    assert_eq!(list(&world, "00000000-0000-0000-0000-000000000000"), Err(not_found()));
    let token = created(&world);
    world.people.change(USER, |user| user.disabled = true);
    assert_eq!(ids(&list(&world, USER).unwrap()).len(), 1, "disabled is not deleted");
    assert!(block_on(service(&world).validate_session(&[&token])).unwrap().is_valid, "nor ended");
    world.people.change(USER, |user| (user.disabled, user.locked) = (false, true));
    let session = ids(&list(&world, USER).unwrap()).remove(0);
    delete(&world, USER, &session).unwrap();
    assert!(!block_on(service(&world).validate_session(&[&token])).unwrap().is_valid);
}

#[test]
fn sessions_that_are_over_are_not_listed() {
    let world = world_of(Policy::hanko().idle_timeout(Some(HOUR)));
    created(&world);
    world.advance(30 * MINUTE);
    let newer = created(&world);
    world.advance(30 * MINUTE);
    let of = |token: &str| world.check(token).unwrap().session_id().to_string();
    assert_eq!(ids(&list(&world, USER).unwrap()), [of(&newer)], "the other is idle");
    world.advance(12 * HOUR);
    assert_eq!(list(&world, USER).unwrap(), json!([]));
}

#[test]
fn a_list_is_whole_however_many_sessions_there_are() {
    let world =
        world_of(Policy::hanko().cap(session_issuer::policy::Cap::new(
            5000,
            session_issuer::policy::OnFull::EvictOldest,
        )));
    for _ in 0..1003 {
        world.login(USER);
    }
    let all = ids(&list(&world, USER).unwrap());
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 1003);
    assert!(all.is_sorted_by(|a, b| a > b));
}

// 12
#[test]
fn an_administrator_ends_one_session_and_the_others_stay() {
    let world = world_of(Policy::hanko());
    let (one, two) = (created(&world), created(&world));
    let of = |token: &str| world.check(token).unwrap().session_id().to_string();
    let (first, second) = (of(&one), of(&two));
    delete(&world, USER, &first).unwrap();
    assert_eq!(ids(&list(&world, USER).unwrap()), *std::slice::from_ref(&second));
    refused(world.check(&one), ErrorKind::Revoked);
    delete(&world, USER, &second.to_uppercase()).unwrap();
    assert_eq!(list(&world, USER).unwrap(), json!([]));
    for gone in [&first, &second] {
        assert_eq!(delete(&world, USER, gone), Err(not_found()), "twice");
    }
}

// 14
#[test]
fn an_administrator_ends_only_what_there_is_and_only_of_that_user() {
    let world = world_of(Policy::hanko());
    world.people.add(OTHER, "pw");
    let token = created(&world);
    let own = world.check(&token).unwrap().session_id().to_string();
    let others = world.login(OTHER).session_id().to_string();
    unchanged(&world, || {
        assert_eq!(delete(&world, USER, ""), Err(not_found()));
        assert_eq!(delete(&world, USER, V4), Err(not_found()));
        assert_eq!(delete(&world, USER, &others), Err(not_found()));
        assert_eq!(delete(&world, OTHER, &own), Err(not_found()));
        assert_eq!(delete(&world, STRANGER, &own), Err(not_found()));
        assert_eq!(delete(&world, "", &own), Err(bad_request("user_id is a required field")));
        for malformed in MALFORMED_UUIDS {
            let expected = bad_request("user_id must be a valid uuid");
            assert_eq!(delete(&world, malformed, &own), Err(expected), "{malformed}");
            let expected = bad_request("session_id must be a valid uuid");
            assert_eq!(delete(&world, USER, malformed), Err(expected), "{malformed}");
        }
        let both = bad_request("user_id must be a valid uuid and session_id must be a valid uuid");
        assert_eq!(delete(&world, "alice", "one"), Err(both));
    });
    world.check(&token).unwrap();
}

#[test]
fn an_expired_session_can_still_be_ended() {
    let world = world_of(Policy::hanko());
    let token = created(&world);
    let id = world.check(&token).unwrap().session_id().to_string();
    world.advance(13 * HOUR);
    delete(&world, USER, &id).unwrap();
    assert_eq!(delete(&world, USER, &id), Err(not_found()));
}

#[test]
fn a_store_that_fails_is_a_500_and_ends_nothing() {
    let world = world_of(Policy::hanko());
    let token = created(&world);
    let session = world.check(&token).unwrap().session_id().to_string();
    let internal = Err((500, json!({ "code": 500, "message": "Internal Server Error" })));
    world.store.fail_next(Verb::List, Fault::Before);
    assert_eq!(list(&world, USER).map(drop), internal);
    world.store.fail_next(Verb::End, Fault::Before);
    assert_eq!(delete(&world, USER, &session), internal);
    world.store.fail_next(Verb::End, Fault::Before);
    assert_eq!(block_on(service(&world).logout(&[&token])).map(drop).map_err(split), internal);
    world.store.fail_next(Verb::ChangeSubject, Fault::Before);
    let gone = block_on(service(&world).delete_user_sessions(&admin(), USER));
    assert_eq!(gone.map_err(split), internal);
    world.check(&token).unwrap();
}

#[test]
fn neither_a_user_nor_an_administrator_is_the_other() {
    let world = world_of(Policy::hanko());
    let token = created(&world);
    let user = user_in(&world, &token);
    let service = service(&world);
    unchanged(&world, || {
        assert_eq!(
            block_on(service.list_sessions(&user, USER)).map(drop).map_err(split),
            Err(forbidden())
        );
        assert_eq!(
            block_on(service.delete_session(&user, USER, V4)).map_err(split),
            Err(forbidden())
        );
        assert_eq!(
            block_on(service.delete_user_sessions(&user, USER)).map_err(split),
            Err(forbidden())
        );
        assert_eq!(
            block_on(service.profile_sessions(&admin())).map(drop).map_err(split),
            Err(forbidden())
        );
        assert_eq!(
            block_on(service.profile_delete_session(&admin(), V4)).map_err(split),
            Err(forbidden())
        );
    });
}

#[test]
fn a_profile_shows_the_users_sessions_and_which_one_is_the_users_own() {
    let world = world_of(Policy::hanko());
    world.people.add(OTHER, "pw");
    let request = json!({ "user_id": USER, "user_agent": "curl/8.5.0", "ip_address": "192.0.2.7" });
    let token = post(&service(&world), request).unwrap().session_token;
    world.login(OTHER);
    let acting = ActorChain::new(Actor::new(id(OTHER)), "ticket").unwrap();
    world.create(NewSession::impersonating(id(USER), acting)).unwrap();
    world.advance(SECOND);
    let newer = created(&world);
    let user = user_in(&world, token.expose());
    let shown =
        serde_json::to_value(block_on(service(&world).profile_sessions(&user)).unwrap()).unwrap();
    let of = |token: &str| world.check(token).unwrap().session_id().to_string();
    assert_eq!(ids(&shown), [of(&newer), of(token.expose())]);
    let members = |at: usize| shown[at].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(0), ["created_at", "current", "expires_at", "id", "last_used"]);
    assert_eq!(
        members(1),
        [
            "created_at",
            "current",
            "expires_at",
            "id",
            "ip_address",
            "last_used",
            "user_agent",
            "user_agent_raw"
        ]
    );
    assert_eq!((&shown[0]["current"], &shown[1]["current"]), (&json!(false), &json!(true)));
    assert_eq!(
        ids(&list(&world, USER).unwrap()).len(),
        3,
        "an administrator sees the impersonation"
    );
}

#[test]
fn a_user_ends_other_sessions_and_never_the_one_the_user_is_in() {
    let world = world_of(Policy::hanko());
    world.people.add(OTHER, "pw");
    let (one, two, three) = (created(&world), created(&world), created(&world));
    let of = |token: &str| world.check(token).unwrap().session_id().to_string();
    let (own, other, third) = (of(&one), of(&two), of(&three));
    let foreign = world.login(OTHER).session_id().to_string();
    let user = user_in(&world, &one);
    let end = |session: &str| {
        block_on(service(&world).profile_delete_session(&user, session)).map_err(split)
    };
    unchanged(&world, || {
        assert_eq!(end(&own), Err(forbidden()));
        assert_eq!(end(&foreign), Err(not_found()));
        assert_eq!(end(V4), Err(not_found()));
        assert_eq!(end(""), Err(not_found()));
        for malformed in MALFORMED_UUIDS {
            assert_eq!(end(malformed), Err(bad_request("session_id must be a valid uuid")));
        }
        let strict = service(&world).allow_revocation(false);
        let outcome = block_on(strict.profile_delete_session(&user, &other)).map_err(split);
        assert_eq!(outcome, Err(forbidden()));
    });
    end(&other).unwrap();
    assert_eq!(end(&other), Err(not_found()));
    refused(world.check(&two), ErrorKind::Revoked);
    world.check(&one).unwrap();
    assert_eq!(of(&three), third);
}

#[test]
fn who_acts_in_a_users_place_is_named_and_ends_no_session_of_the_users_own() {
    let world = world_of(Policy::hanko());
    world.people.add(OTHER, "pw");
    let own = created(&world);
    let chain = ActorChain::new(Actor::new(id(OTHER)), "ticket 4711").unwrap();
    let acting = world.create(NewSession::impersonating(id(USER), chain)).unwrap();
    let caller = user_in(&world, acting.token());
    let Caller::User { user, session, actors: Some(actors) } = &caller else {
        panic!("{caller:?}")
    };
    assert_eq!((user, *session), (&id(USER), acting.session_id()));
    assert_eq!((actors.reason(), actors.actors()[0].subject()), ("ticket 4711", &id(OTHER)));
    let session = world.check(&own).unwrap().session_id().to_string();
    let outcome = || block_on(service(&world).profile_delete_session(&caller, &session));
    unchanged(&world, || assert_eq!(outcome().map_err(split), Err(forbidden())));
    block_on(service(&world).logout(&[acting.token()])).unwrap();
    refused(world.check(acting.token()), ErrorKind::Revoked);
    world.check(&own).unwrap();
}

// 38
#[test]
fn logging_out_ends_the_session_and_deletes_the_cookie_of_that_name() {
    let world = world_of(Policy::hanko());
    let (token, other) = (created(&world), created(&world));
    let deleted = block_on(service(&world).cookie_name("login").logout(&[&token])).unwrap();
    let expected = json!({
        "name": "login",
        "path": "/",
        "max_age": -1,
        "http_only": true,
        "same_site": "Strict",
        "secure": true,
    });
    assert_eq!(serde_json::to_value(&deleted).unwrap(), expected);
    assert_eq!(service(&world).deleted_cookie().name, "hanko");
    refused(world.check(&token), ErrorKind::Revoked);
    world.check(&other).unwrap();
    assert_eq!(ids(&list(&world, USER).unwrap()).len(), 1);
    let before = world.events().len();
    block_on(service(&world).logout(&[&token])).unwrap();
    assert_eq!(world.events().len(), before, "nothing happens twice");
    world.advance(13 * HOUR);
    block_on(service(&world).logout(&["nonsense", &other]))
        .expect("an expired token is good enough");
    let expected = (401, json!({ "code": 401, "message": "Unauthorized" }));
    for tokens in [&[][..], &[""], &["nonsense", "a.b.c"]] {
        assert_eq!(shown(block_on(service(&world).logout(tokens))), expected);
    }
}

#[test]
fn logging_out_ends_every_session_that_a_token_names() {
    let world = world_of(Policy::hanko());
    let (header, cookie, other) = (created(&world), created(&world), created(&world));
    block_on(service(&world).logout(&[&header, &cookie])).unwrap();
    for gone in [&header, &cookie] {
        refused(world.check(gone), ErrorKind::Revoked);
    }
    world.check(&other).unwrap();
}

// 39
#[test]
fn each_way_to_end_a_session_is_a_webhook_of_its_own() {
    let world = world_of(Policy::hanko().idle_timeout(Some(HOUR)));
    let of = |token: &str| world.check(token).unwrap().session_id();
    let emitted = |act: &dyn Fn()| {
        world.sink.take();
        act();
        let emitted: Vec<_> = world.events().iter().filter_map(SessionDeleted::of).collect();
        assert_eq!(emitted.len(), 1, "{emitted:?}");
        emitted.into_iter().next().unwrap()
    };
    let exp = |token: &str| payload(token)["exp"].as_i64().unwrap();
    let mut names = BTreeSet::new();
    let mut judge = |token: &str, session, deleted: SessionDeleted, kind, name: &str| {
        assert_eq!((deleted.kind, deleted.kind.name()), (kind, name));
        assert_eq!((deleted.session_id, deleted.user_id.as_str()), (session, USER));
        assert!(deleted.exp.as_secs() >= exp(token), "{name}: it may be forgotten too early");
        let data = json!({ "session_id": session, "user_id": USER, "exp": deleted.exp.as_secs() });
        assert_eq!(serde_json::to_value(&deleted).unwrap(), data);
        names.insert(deleted.kind.name());
    };

    let (own, other) = (created(&world), created(&world));
    let (user, session) = (user_in(&world, &own), of(&other));
    let act =
        || block_on(service(&world).profile_delete_session(&user, &session.to_string())).unwrap();
    let name = "session.delete.explicit.revoke";
    judge(&other, session, emitted(&act), SessionDeletedKind::ExplicitRevoke, name);

    let session = of(&own);
    let act = || delete(&world, USER, &session.to_string()).unwrap();
    judge(
        &own,
        session,
        emitted(&act),
        SessionDeletedKind::AdminRevoke,
        "session.delete.admin.revoke",
    );

    let out = created(&world);
    let session = of(&out);
    let act = || drop(block_on(service(&world).logout(&[&out])).unwrap());
    let name = "session.delete.explicit.logout";
    judge(&out, session, emitted(&act), SessionDeletedKind::ExplicitLogout, name);

    let oldest = created(&world);
    let session = of(&oldest);
    for _ in 0..4 {
        world.advance(SECOND);
        created(&world);
    }
    let act = || drop(created(&world));
    judge(
        &oldest,
        session,
        emitted(&act),
        SessionDeletedKind::PassiveLimit,
        "session.delete.passive.limit",
    );

    let idle = created(&world);
    let session = of(&idle);
    world.advance(HOUR);
    let act = || drop(block_on(service(&world).authenticate(&[&idle])).unwrap_err());
    let name = "session.delete.passive.expire";
    judge(&idle, session, emitted(&act), SessionDeletedKind::PassiveExpire, name);
    assert_eq!(names.len(), 5);
}

#[test]
fn a_session_that_came_to_its_end_by_itself_is_emitted_when_it_is_swept() {
    let world = world_of(Policy::hanko());
    created(&world);
    world.advance(12 * HOUR + 24 * HOUR + Duration::from_millis(1));
    world.sink.take();
    block_on(world.issuer.sweep(100)).unwrap();
    let emitted: Vec<_> = world.events().iter().filter_map(SessionDeleted::of).collect();
    assert_eq!(
        emitted.iter().map(|emitted| emitted.kind).collect::<Vec<_>>(),
        [SessionDeletedKind::PassiveExpire]
    );
}

#[test]
fn what_ends_no_single_session_is_no_webhook_of_one() {
    let world = world_of(Policy::hanko());
    let token = created(&world);
    block_on(service(&world).validate_session(&[&token])).unwrap();
    block_on(world.issuer.revoke(Revoke::all(id(USER)))).unwrap();
    assert!(world.events().len() > 1);
    assert!(world.events().iter().filter_map(SessionDeleted::of).next().is_none());
}

// 5
#[test]
fn the_limit_holds_however_many_log_in_at_once() {
    let world = world_of(Policy::hanko());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..5).for_each(|_| drop(created(&world))));
        }
    });
    assert_eq!(ids(&list(&world, USER).unwrap()).len(), 5);
    let emitted: Vec<_> = world.events().iter().filter_map(SessionDeleted::of).collect();
    assert!(emitted.iter().all(|emitted| emitted.kind == SessionDeletedKind::PassiveLimit));
    assert_eq!(emitted.iter().map(|emitted| emitted.session_id).collect::<BTreeSet<_>>().len(), 35);
    assert_eq!(emitted.len(), 35);
}

#[test]
fn of_several_who_end_one_session_at_once_one_does() {
    for _ in 0..50 {
        let world = world_of(Policy::hanko());
        let session = world.check(&created(&world)).unwrap().session_id().to_string();
        let done: Vec<_> = std::thread::scope(|scope| {
            let all: Vec<_> =
                (0..3).map(|_| scope.spawn(|| delete(&world, USER, &session))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(done.iter().filter(|one| one.is_ok()).count(), 1, "{done:?}");
        assert!(done.iter().all(|one| one.is_ok() || *one == Err(not_found())));
        assert_eq!(world.events().iter().filter_map(SessionDeleted::of).count(), 1);
    }
}

// 40
#[test]
fn with_a_user_go_all_of_the_users_sessions() {
    let world = world_of(Policy::hanko());
    world.people.add(OTHER, "pw");
    let (one, two) = (created(&world), created(&world));
    let other = world.login(OTHER);
    world.people.remove(USER);
    block_on(service(&world).delete_user_sessions(&admin(), USER)).unwrap();
    for token in [&one, &two] {
        refused(world.check(token), ErrorKind::Revoked);
        let answer = block_on(service(&world).validate_session(&[token])).unwrap();
        assert!(!answer.is_valid);
    }
    world.check(other.token()).unwrap();
    assert_eq!(list(&world, USER), Err(not_found()));
    let create = || post(&service(&world), json!({ "user_id": USER }));
    assert_eq!(shown(create()).0, 404);
    for (user, message) in
        [("", "user_id is a required field"), ("x", "user_id must be a valid uuid")]
    {
        let outcome = block_on(service(&world).delete_user_sessions(&admin(), user));
        assert_eq!(outcome.map_err(split), Err(bad_request(message)));
    }
}
