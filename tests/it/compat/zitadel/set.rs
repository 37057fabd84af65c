//! ZITADEL's change of a session: who may, what it changes, what it leaves. Numbers are those of
//! the seed cases.

use std::{sync::Barrier, thread};

use serde_json::{Value, json};
use session_issuer::{
    Policy,
    compat::zitadel::{
        ApiError, Caller, CreateSession, CreateSessionResponse, DeleteSession, GetSession,
        Permission, Scope, Service, SetSession, SetSessionResponse, TokenRule, read,
    },
    error::ErrorKind,
    event::EventKind,
    factor::FactorKind,
    id::CreatorId,
    testing::{Fault, Verb, block_on},
};

use crate::{
    compat::{create::*, zitadel::create::zitadel},
    world::*,
};

pub const PASSWORD: &str = "V3ryS3cure!";

pub fn login() -> Caller {
    Caller::new(CreatorId::new("login-page").unwrap(), "acme").unwrap()
}

/// A caller who may change every session.
pub fn writer() -> Caller {
    login().grant(Permission::SessionWrite, Scope::Instance)
}

pub fn post(service: &Service, request: Value) -> Result<CreateSessionResponse, ApiError> {
    block_on(service.create_session(&login(), body::<CreateSession>(request)))
}

pub fn patch(
    service: &Service,
    caller: &Caller,
    session: &str,
    request: Value,
) -> Result<SetSessionResponse, ApiError> {
    block_on(service.set_session(caller, session, body::<SetSession>(request)))
}

/// What a session looks like to its creator.
pub fn get(service: &Service, session: &str) -> Value {
    let shown = block_on(service.get_session(&login(), GetSession::of(session, ""))).unwrap();
    serde_json::to_value(shown.session).unwrap()
}

fn of(world: &World, rule: TokenRule) -> Service {
    Service::new(world.issuer.clone()).token_rule(rule)
}

/// A session of the user, its id and its token.
fn begun(service: &Service) -> (String, String) {
    let created = post(service, json!({ "checks": { "user": { "userId": USER } } })).unwrap();
    (created.session_id.to_string(), created.session_token.expose().to_owned())
}

fn with(token: &str, mut request: Value) -> Value {
    request["sessionToken"] = json!(token);
    request
}

fn password() -> Value {
    json!({ "checks": { "password": { "password": PASSWORD } } })
}

fn wrong_token() -> (u16, Value) {
    (403, zitadel(7, "COMMAND-sGr42", "Errors.Session.Token.Invalid"))
}

fn not_permitted() -> (u16, Value) {
    (403, zitadel(7, "AUTH-5mWD2", "No matching permissions found"))
}

fn broken(field: &str, rule: &str) -> (u16, Value) {
    (400, json!({ "code": 3, "message": format!("invalid {field}: {rule}"), "details": [] }))
}

const LENGTH: &str = "value length must be between 1 and 200 runes, inclusive";

// 80
#[test]
fn in_v2alpha_a_change_needs_the_sessions_own_current_token() {
    let world = world_of(Policy::zitadel());
    let service = of(&world, TokenRule::V2Alpha);
    let ((id, first), (other, others)) = (begun(&service), begun(&service));
    let set = |id: &str, token: Value| {
        let request = json!({ "sessionToken": token, "metadata": { "k": "dg==" } });
        patch(&service, &writer(), id, request)
    };
    let second = set(&id, json!(first)).unwrap().session_token;
    let forged = first.replace(&first[first.len() - 4..], "AAAA");
    unchanged(&world, || {
        let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
        for (id, token) in [
            (id.as_str(), first.as_str()), // stale
            (&id, &others),
            (&other, second.expose()),
            (&id, &forged),
            (&id, "nonsense"),
            (&id, &"a".repeat(200)),
            (unknown, second.expose()),
            ("no id at all", second.expose()),
        ] {
            assert_eq!(shown(set(id, json!(token))), wrong_token(), "{id} {token}");
        }
        for token in [json!(null), json!(""), json!("a".repeat(201)), json!("ä".repeat(201))] {
            assert_eq!(shown(set(&id, token)), broken("SetSessionRequest.SessionToken", LENGTH));
        }
        for id in ["", &"a".repeat(201)] {
            let outcome = set(id, json!(second.expose()));
            assert_eq!(shown(outcome), broken("SetSessionRequest.SessionId", LENGTH));
        }
    });
    let by_snake = json!({ "session_token": second.expose(), "metadata": { "k": "dw==" } });
    patch(&service, &login(), &id.to_uppercase(), by_snake).unwrap();
}

// 81
#[test]
fn later_the_token_is_ignored_and_today_a_change_needs_the_permission() {
    let world = world_of(Policy::zitadel());
    let (id, _) = begun(&of(&world, TokenRule::V2Alpha));
    let nobodys = post(&of(&world, TokenRule::V2), json!({})).unwrap().session_id.to_string();
    let may = |scope: &str| {
        login().grant(Permission::SessionWrite, Scope::Organization(scope.to_owned()))
    };
    let reader = login().grant(Permission::SessionRead, Scope::Instance);
    let mut entry = 0;
    let mut set = |rule: TokenRule, caller: &Caller, id: &str| {
        entry += 1;
        let request =
            json!({ "sessionToken": "whatever", "metadata": { "k": format!("{entry:08}") } });
        patch(&of(&world, rule), caller, id, request)
    };
    for caller in [login(), reader.clone(), may("org-1"), writer()] {
        set(TokenRule::V2, &caller, &id).unwrap();
    }
    for caller in [may("org-1"), writer()] {
        set(TokenRule::Permission, &caller, &id).unwrap();
    }
    set(TokenRule::Permission, &writer(), &nobodys).unwrap();
    let gone = (400, zitadel(9, "COMMAND-Flk38", "Errors.Session.NotExisting"));
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    unchanged(&world, || {
        for caller in [login(), reader, may("org-2")] {
            assert_eq!(shown(set(TokenRule::Permission, &caller, &id)), not_permitted());
        }
        // Without a user there is no organisation: the instance's permission alone reaches it.
        assert_eq!(shown(set(TokenRule::Permission, &may("org-1"), &nobodys)), not_permitted());
        for id in [unknown, "no id at all"] {
            assert_eq!(shown(set(TokenRule::Permission, &may("org-1"), id)), not_permitted());
            assert_eq!(shown(set(TokenRule::Permission, &writer(), id)), gone);
            assert_eq!(shown(set(TokenRule::V2, &login(), id)), gone);
        }
    });
}

// 82
#[test]
fn a_session_that_has_ended_takes_no_change() {
    let world = world_of(Policy::zitadel());
    for (rule, id) in [
        (TokenRule::V2Alpha, "COMAND-SAjeh"),
        (TokenRule::V2, "COMMAND-Hewfq"),
        (TokenRule::Permission, "COMMAND-Hewfq"),
    ] {
        let service = of(&world, rule);
        let terminated = (400, zitadel(9, id, "Errors.Session.Terminated"));
        let (deleted, token) = begun(&service);
        let request = body::<DeleteSession>(json!({ "sessionId": deleted, "sessionToken": token }));
        block_on(service.delete_session(&login(), request)).unwrap();
        let (revoked, other) = begun(&service);
        block_on(service.user_ended(&id_of(USER))).unwrap();
        unchanged(&world, || {
            for (id, token) in [(&deleted, &token), (&revoked, &other)] {
                assert_eq!(
                    shown(patch(&service, &writer(), id, with(token, password()))),
                    terminated
                );
            }
        });
    }
    assert_eq!(world.people.attempts.lock().unwrap().len(), 0, "no check of a dead session is run");
}

fn id_of(user: &str) -> session_issuer::id::SubjectId {
    id(user)
}

// 84, 76
#[test]
fn a_part_that_fails_is_answered_and_leaves_the_session_as_it_was() {
    let world = world_of(Policy::zitadel());
    let service = of(&world, TokenRule::V2Alpha);
    let (id, token) = begun(&service);
    let before = get(&service, &id);
    let busy =
        (503, json!({ "code": 14, "message": "The service is busy. Try again.", "details": [] }));
    for verb in [Verb::Load, Verb::Commit] {
        world.store.fail_next(verb, Fault::Before);
        assert_eq!(
            shown(patch(&service, &login(), &id, with(&token, password()))),
            busy,
            "{verb:?}"
        );
    }
    let count = world.count(|kind| matches!(kind, EventKind::Updated { .. }));
    assert_eq!((get(&service, &id), count), (before, 0));
    patch(&service, &login(), &id, with(&token, password())).expect("the token is still good");
}

// 92
#[test]
fn a_user_of_an_earlier_request_is_the_user_of_a_later_password() {
    let world = world_of(Policy::zitadel());
    let service = of(&world, TokenRule::V2Alpha);
    let (id, token) = begun(&service);
    world.advance(MINUTE);
    let set = patch(&service, &login(), &id, with(&token, password())).unwrap();
    let json = serde_json::to_value(&set).unwrap();
    let now = world.issuer.now();
    assert_eq!(
        json["details"],
        json!({ "sequence": "2", "changeDate": now.to_string(), "resourceOwner": "org-1" })
    );
    assert_eq!(json["sessionToken"], json!(set.session_token.expose()));
    assert!(json.get("challenges").is_none());
    assert_ne!(set.session_token.expose(), token);
    let shown = get(&service, &id);
    assert_eq!(shown["factors"]["password"]["verifiedAt"], json!(now.to_string()));
    assert_ne!(shown["factors"]["user"]["verifiedAt"], shown["factors"]["password"]["verifiedAt"]);
    refused(world.check(&token), ErrorKind::Superseded);
    world.check(set.session_token.expose()).unwrap();
}

#[test]
fn the_same_user_is_stamped_again_and_another_is_refused() {
    let world = world_of(Policy::zitadel());
    world.people.add("goofy", "other");
    let service = of(&world, TokenRule::V2);
    let (id, _) = begun(&service);
    world.advance(MINUTE);
    let set = |user: Value| patch(&service, &login(), &id, json!({ "checks": { "user": user } }));
    let login_name = format!("{USER}@example.com");
    for user in [
        json!({ "userId": USER }),
        json!({ "loginName": login_name }),
        json!({ "userId": USER, "loginName": login_name }),
    ] {
        world.advance(MINUTE);
        let again = set(user).unwrap();
        assert!(!again.session_token.expose().is_empty(), "a stamp is a change");
        let at = world.issuer.now().to_string();
        assert_eq!(get(&service, &id)["factors"]["user"]["verifiedAt"], json!(at));
    }
    let change = (400, json!({ "code": 3, "message": "user change not possible", "details": [] }));
    unchanged(&world, || {
        for user in [
            json!({ "userId": "goofy" }),
            json!({ "loginName": "goofy@example.com" }),
            json!({ "userId": "goofy", "loginName": "goofy@example.com" }),
            json!({ "userId": "goofy", "loginName": login_name }),
            json!({ "userId": USER, "loginName": "goofy@example.com" }),
        ] {
            assert_eq!(shown(set(user.clone())), change, "{user}");
        }
    });
    // A session about nobody takes both names when they agree.
    let nobodys = post(&service, json!({})).unwrap().session_id.to_string();
    let name =
        |user: Value| patch(&service, &login(), &nobodys, json!({ "checks": { "user": user } }));
    let two = json!({ "userId": USER, "loginName": "goofy@example.com" });
    unchanged(&world, || assert_eq!(shown(name(two)), change));
    name(json!({ "userId": USER, "loginName": login_name })).unwrap();
    assert_eq!(get(&service, &nobodys)["factors"]["user"]["id"], json!(USER));
}

// 127
#[test]
fn a_call_that_changes_nothing_writes_nothing_and_every_change_is_emitted_once() {
    let world = world_of(Policy::zitadel());
    let updated = || world.count(|kind| matches!(kind, EventKind::Updated { .. }));
    for rule in [TokenRule::V2Alpha, TokenRule::V2, TokenRule::Permission] {
        let service = of(&world, rule);
        let (id, token) = begun(&service);
        let before = updated();
        let set = |token: &str, request: Value| {
            patch(&service, &writer(), &id, with(token, request)).unwrap()
        };
        let mut details = Vec::new();
        unchanged(&world, || {
            for nothing in [
                json!({}),
                json!({ "checks": {}, "metadata": {}, "challenges": {}, "lifetime": "0s" }),
                json!({ "checks": null, "metadata": null, "challenges": null, "lifetime": null }),
                json!({ "metadata": { "unknown": "" } }),
            ] {
                world.advance(MINUTE);
                let answer = set(&token, nothing);
                let echoed = if rule == TokenRule::V2Alpha { token.as_str() } else { "" };
                assert_eq!(answer.session_token.expose(), echoed);
                details.push(answer.details);
            }
        });
        assert!(details.windows(2).all(|pair| pair[0] == pair[1]), "{details:?}");
        assert_eq!((details[0].sequence, updated()), (1, before));

        let changed = set(&token, json!({ "metadata": { "k": "dg==" } }));
        assert_eq!((changed.details.sequence, updated()), (2, before + 1));
        unchanged(&world, || {
            let same = set(changed.session_token.expose(), json!({ "metadata": { "k": "dg==" } }));
            assert_eq!(same.details, changed.details);
        });
        let request = json!({
            "checks": { "user": { "userId": USER }, "password": { "password": PASSWORD } },
            "metadata": { "k": "", "l": "dg==" },
            "lifetime": "600s",
        });
        let all = set(changed.session_token.expose(), request);
        assert_eq!((all.details.sequence, updated()), (3, before + 2), "one change, emitted once");
        assert_eq!(get(&service, &id)["sequence"], json!("3"), "reading is no change");
    }
}

#[test]
fn metadata_is_merged_and_an_empty_value_removes_its_key() {
    let world = world_of(Policy::zitadel());
    let service = of(&world, TokenRule::V2);
    let created = post(&service, json!({ "metadata": { "a": "MQ==", "b": "Mg" } })).unwrap();
    let id = created.session_id.to_string();
    let set = |metadata: Value| patch(&service, &login(), &id, json!({ "metadata": metadata }));
    set(json!({ "b": "", "c": "-_8", "gone": "" })).unwrap();
    assert_eq!(get(&service, &id)["metadata"], json!({ "a": "MQ==", "c": "+/8=" }));
    let rule = |rule: &str| broken("SetSessionRequest.Metadata", rule);
    let many = |from: usize, to: usize| {
        json!((from..to).map(|n| (n.to_string(), json!("AAAA"))).collect::<serde_json::Map<_, _>>())
    };
    unchanged(&world, || {
        assert_eq!(shown(set(json!({ "d": "no base64" }))), rule("a value is not base64"));
        assert_eq!(shown(set(json!({ "": "AAAA" }))), rule("metadata key is empty"));
        let key = "k".repeat(201);
        assert_eq!(shown(set(json!({ key: "AAAA" }))), rule("metadata key is longer than 200"));
        let value = "AAAA".repeat(1366);
        assert_eq!(shown(set(json!({ "d": value }))), rule("metadata value is longer than 4096"));
        assert_eq!(shown(set(many(0, 65))), rule("metadata has more than 64 entries"));
        // Too much beside what is there: seen before the password is judged.
        let mut request = password();
        request["checks"]["user"] = json!({ "userId": USER });
        request["metadata"] = many(0, 63);
        assert_eq!(
            shown(patch(&service, &login(), &id, request)),
            rule("metadata has more than 64 entries")
        );
    });
    assert!(world.people.attempts.lock().unwrap().is_empty());
    set(many(0, 62)).unwrap();
    // What is removed makes room, wherever its key stands.
    set(json!({ "1 new": "AAAA", "9": "" })).unwrap();
    set(json!({ "k".repeat(200): "AAAA", "0": "" })).unwrap();
}

// 86
#[test]
fn user_password_metadata_and_lifetime_are_one_change_at_one_moment() {
    let world = world_of(Policy::zitadel());
    let service = of(&world, TokenRule::V2Alpha);
    let created = post(&service, json!({})).unwrap();
    let id = created.session_id.to_string();
    world.advance(MINUTE);
    // Written in the wrong order: they run in their own.
    let request = json!({
        "lifetime": "20s",
        "metadata": { "hello": "d29ybGQ=" },
        "checks": { "password": { "password": PASSWORD }, "user": { "loginName": format!("{USER}@example.com") } },
        "sessionToken": created.session_token.expose(),
    });
    patch(&service, &login(), &id, request).unwrap();
    let now = world.issuer.now();
    let shown = get(&service, &id);
    let at = json!({ "verifiedAt": now.to_string() });
    assert_eq!(shown["factors"]["password"], at);
    assert_eq!(shown["factors"]["user"]["verifiedAt"], at["verifiedAt"]);
    assert_eq!(shown["metadata"], json!({ "hello": "d29ybGQ=" }));
    assert_eq!(shown["expirationDate"], json!(now.saturating_add(20 * SECOND).to_string()));
    assert_eq!((&shown["sequence"], &shown["changeDate"]), (&json!("2"), &at["verifiedAt"]));
    let emitted = world.events().into_iter().rev().find_map(|event| match event.kind {
        EventKind::Updated { factors } => Some(factors),
        _ => None,
    });
    assert_eq!(emitted, Some(vec![FactorKind::Subject, FactorKind::Password]));
}

#[test]
fn the_first_failure_stores_nothing_of_the_call() {
    let world = world_of(Policy::zitadel());
    world.people.change(USER, |user| user.totp = Some("123456".to_owned()));
    let service = of(&world, TokenRule::V2Alpha);
    let (id, token) = begun(&service);
    world.advance(MINUTE);
    let before = get(&service, &id);
    let request = || {
        json!({
            "checks": {
                "user": { "userId": USER },
                "password": { "password": PASSWORD },
                "totp": { "code": "654321" },
                "otpSms": { "code": "0000" },
            },
            "metadata": { "k": "dg==" },
            "lifetime": "20s",
            "sessionToken": token,
        })
    };
    let wrong_code = (400, zitadel(3, "EVENT-8isk2", "Errors.User.MFA.OTP.InvalidCode"));
    unchanged(&world, || assert_eq!(shown(patch(&service, &login(), &id, request())), wrong_code));
    assert_eq!(get(&service, &id), before);
    let kinds: Vec<_> =
        world.people.attempts.lock().unwrap().iter().map(|(_, kind)| *kind).collect();
    assert_eq!(
        kinds,
        [FactorKind::Password, FactorKind::Totp],
        "and nothing after the first failure is run"
    );
    patch(&service, &login(), &id, with(&token, json!({ "metadata": { "k": "dg==" } })))
        .expect("the token is still good");
}

#[test]
fn a_body_that_protobuf_would_not_read_is_an_invalid_argument() {
    let is_refused = |json: &str| {
        let shown = shown(read::<SetSession>(json.as_bytes()).map(drop));
        assert_eq!((shown.0, &shown.1["code"]), (400, &json!(3)), "{json}");
        assert!(
            shown.1["message"].as_str().unwrap().starts_with("proto: (line 1:"),
            "{json}: {shown:?}"
        );
        assert!(
            !shown.1.to_string().contains("77"),
            "{json}: nothing of what was sent is repeated"
        );
    };
    let wrong = ["77", "true", "[]", "{\"x\":77}", "\"77\""];
    let of =
        |types: &'static str| wrong.into_iter().filter(move |value| !types.contains(&value[..1]));
    for (path, types) in [
        ("sessionToken", "\""),
        ("session_token", "\""),
        ("checks", "{"),
        ("checks.user", "{"),
        ("checks.user.userId", "\""),
        ("checks.user.loginName", "\""),
        ("checks.password", "{"),
        ("checks.password.password", "\""),
        ("checks.idpIntent", "{"),
        ("checks.idpIntent.idpIntentId", "\""),
        ("checks.idpIntent.idpIntentToken", "\""),
        ("checks.webAuthN", "{"),
        ("checks.webAuthN.credentialAssertionData", "{"),
        ("checks.totp", "{"),
        ("checks.totp.code", "\""),
        ("checks.otpSms", "{"),
        ("checks.otpSms.code", "\""),
        ("checks.otp_email.code", "\""),
        ("checks.recoveryCode.code", "\""),
        ("metadata", "{"),
        ("metadata.k", "\""),
        ("challenges", "{"),
        ("challenges.webAuthN", "{"),
        ("challenges.webAuthN.domain", "\""),
        ("challenges.webAuthN.userVerificationRequirement", ""),
        ("challenges.otpSms", "{"),
        ("challenges.otpSms.returnCode", "t"),
        ("challenges.otpEmail", "{"),
        ("challenges.otpEmail.sendCode", "{"),
        ("challenges.otpEmail.sendCode.urlTemplate", "\""),
        ("challenges.otpEmail.returnCode", "{"),
        ("lifetime", ""),
    ] {
        for value in of(types) {
            // An object is no map of bytes, and a list of pairs no object.
            let closed = path
                .split('.')
                .rev()
                .fold(value.to_owned(), |inner, key| format!("{{\"{key}\":{inner}}}"));
            is_refused(&closed);
        }
    }
    for bad in [
        "{",
        "[]x",
        "{\"checks\":{}}}",
        "{\"checks\":{},\"checks\":{}}",
        "\u{feff}{}",
        "{'checks':{}}",
    ] {
        is_refused(bad);
    }
    is_refused("{\"checks\":{\"totp\":{\"code\":\"123456\",\"totp\":\"123456\"}}}");
    for fine in ["", " \n", "{}", "{\"unknown\":{\"x\":77}}", "{\"lifetime\":\"1.5s\"}"] {
        read::<SetSession>(fine.as_bytes()).unwrap();
        read::<CreateSession>(fine.as_bytes()).unwrap();
    }
    for (path, value) in [
        ("userAgent", "77"),
        ("userAgent.fingerprintId", "77"),
        ("user_agent.ip", "{}"),
        ("userAgent.description", "[]"),
        ("userAgent.header", "[77]"),
        ("userAgent.header.accept", "\"77\""),
        ("userAgent.header.accept.values", "\"77\""),
        ("userAgent.header.accept.values", "[77]"),
    ] {
        let json = path
            .split('.')
            .rev()
            .fold(value.to_owned(), |inner, key| format!("{{\"{key}\":{inner}}}"));
        let refused = read::<CreateSession>(json.as_bytes()).map(drop);
        assert_eq!(shown(refused).0, 400, "{json}");
    }
}

#[test]
fn of_two_changes_by_one_token_one_wins_and_the_other_has_a_wrong_token() {
    let world = world_of(Policy::zitadel());
    let service = of(&world, TokenRule::V2Alpha);
    for round in 0..100 {
        let (id, token) = begun(&service);
        let (barrier, set) = (Barrier::new(2), |n: usize| {
            let request = json!({ "metadata": { n.to_string(): "dg==" } });
            patch(&service, &login(), &id, with(&token, request))
        });
        let outcomes: Vec<_> = thread::scope(|scope| {
            let run = |n| {
                let (barrier, set) = (&barrier, &set);
                scope.spawn(move || {
                    barrier.wait();
                    set(n)
                })
            };
            [run(0), run(1)].into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 1), "round {round}");
        lost.into_iter().for_each(|lost| assert_eq!(shown(lost), wrong_token()));
        assert_eq!(get(&service, &id)["sequence"], json!("2"));
        assert_eq!(get(&service, &id)["metadata"].as_object().unwrap().len(), 1);
        let winner = won.into_iter().next().unwrap().unwrap();
        world.check(winner.session_token.expose()).unwrap();
    }
}

#[test]
fn a_change_beside_a_deletion_brings_nothing_back() {
    let world = world_of(Policy::zitadel());
    for (rule, ended) in [(TokenRule::V2Alpha, "COMAND-SAjeh"), (TokenRule::V2, "COMMAND-Hewfq")] {
        let service = of(&world, rule);
        for _ in 0..100 {
            let (id, token) = begun(&service);
            let barrier = Barrier::new(2);
            let deleter = login().grant(Permission::SessionDelete, Scope::Instance);
            let outcome = thread::scope(|scope| {
                let delete = scope.spawn(|| {
                    barrier.wait();
                    let request = body::<DeleteSession>(json!({ "sessionId": id }));
                    block_on(service.delete_session(&deleter, request)).unwrap();
                });
                barrier.wait();
                let outcome = patch(&service, &login(), &id, with(&token, password()));
                delete.join().unwrap();
                outcome
            });
            let newest = match outcome {
                Ok(set) => set.session_token.expose().to_owned(),
                refused => {
                    let terminated = (400, zitadel(9, ended, "Errors.Session.Terminated"));
                    assert_eq!(shown(refused), terminated);
                    token
                }
            };
            refused(world.check(&newest), ErrorKind::Revoked);
            let outcome = patch(&service, &login(), &id, with(&newest, password()));
            assert_eq!(shown(outcome).0, 400, "it has ended");
        }
    }
}
