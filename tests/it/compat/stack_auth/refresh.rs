//! Stack Auth's refresh, alone and in races. Numbers are those of the seed cases.

use std::{
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Value, json};
use session_issuer::{
    NewSession, Policy, Requirement, Revoke,
    client::ClientInfo,
    compat::{
        Profiles,
        stack_auth::{
            ApiError, Caller, ListSessions, Profile, RefreshSessionResponse, Service, TokenRefresh,
        },
    },
    error::ErrorKind,
    event::EventKind,
    id::SubjectId,
    policy::{Freshness, Rotation},
    testing::{Fault, Verb, block_on},
    verifier::VerifyError,
};

use crate::{
    compat::{
        create::*,
        stack_auth::create::{Away, post, server, service},
    },
    world::*,
};

/// A pair, as a create call hands it out: refresh token and access token.
pub fn pair(service: &Service) -> (String, String) {
    let answer = post(service, &server(), json!({ "user_id": USER })).unwrap();
    (answer.refresh_token.expose().to_owned(), answer.access_token.expose().to_owned())
}

pub fn refresh(service: &Service, token: &str) -> Result<RefreshSessionResponse, ApiError> {
    block_on(service.refresh_session(&Caller::client(), token))
}

/// The one public answer to every failure.
pub fn over() -> (u16, Value) {
    let error =
        "Refresh token not found for this project, or the session has expired/been revoked.";
    (401, json!({ "code": "REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED", "error": error }))
}

pub fn rotating() -> Policy {
    Policy::stack_auth().rotation(Rotation::default())
}

/// What the host says of its users now.
#[derive(Debug, Clone, Default)]
pub struct Users(Arc<Mutex<Profile>>);

impl Users {
    pub fn change(&self, change: impl FnOnce(&mut Profile)) {
        change(&mut self.0.lock().unwrap());
    }
}

#[async_trait]
impl Profiles<Profile> for Users {
    async fn profile(&self, _: &SubjectId) -> Result<Profile, VerifyError> {
        Ok(self.0.lock().unwrap().clone())
    }
}

// 60
#[test]
fn a_refresh_gives_a_new_access_token_and_the_refresh_token_stays() {
    let world = world_of(Policy::stack_auth());
    let (token, first) = pair(&service(&world));
    world.advance(SECOND);
    let answer = refresh(&service(&world), &token).unwrap();
    let next = answer.access_token.expose();
    assert_ne!(next, first);
    world.check(next).unwrap();
    assert_eq!(serde_json::to_value(&answer).unwrap(), json!({ "access_token": next }));
    refresh(&service(&world), &token).unwrap();
    assert_eq!(payload(next)["refresh_token_id"], payload(&first)["refresh_token_id"]);
}

#[test]
fn a_refused_part_of_a_client_is_no_fault_of_the_token() {
    let world = world_of(Policy::stack_auth());
    let service = service(&world);
    let (token, _) = pair(&service);
    let client = ClientInfo::new().with_user_agent(&"x".repeat(2000));
    let caller = Caller::client().end_user(client);
    let (status, body) = shown(block_on(service.refresh_session(&caller, &token)));
    assert_eq!((status, &body["code"]), (400, &json!("INVALID_INPUT")));
    refresh(&service, &token).unwrap();
}

#[test]
fn where_the_policy_rotates_a_refresh_answers_the_next_token() {
    let world = world_of(rotating());
    let (token, _) = pair(&service(&world));
    let answer = refresh(&service(&world), &token).unwrap();
    let next = answer.refresh_token.as_ref().unwrap().expose().to_owned();
    assert_ne!(next, token);
    let json = serde_json::to_value(&answer).unwrap();
    assert_eq!(
        json.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["access_token", "refresh_token"]
    );
    assert!(!format!("{answer:?}").contains(&next));
    let again = refresh(&service(&world), &token).unwrap();
    assert_eq!(again.refresh_token.unwrap().expose(), next, "a lost reply is given again");
    refresh(&service(&world), &next).unwrap();
    world.advance(11 * SECOND);
    assert_eq!(shown(refresh(&service(&world), &token)), over());
    assert_eq!(cause(refresh(&service(&world), &next)), Some(ErrorKind::Revoked), "it was stolen");
}

// 45, 56, 61
#[test]
fn everything_that_is_wrong_with_a_refresh_token_is_one_answer() {
    let world = world_of(Policy::stack_auth());
    let (token, access) = pair(&service(&world));
    let (revoked, _) = pair(&service(&world));
    block_on(service(&world).sign_out(&revoked)).unwrap();
    let request = json!({ "user_id": USER, "expires_in_millis": 5000 });
    let short = post(&service(&world), &server(), request).unwrap();
    let foreign = World::new(Policy::stack_auth()).login("mallory");
    world.advance(5 * SECOND);
    let forged = format!("{}x", &token[..token.len() - 1]);
    for (what, token) in [
        ("made up", "something-invalid"),
        ("empty", ""),
        ("another kind", access.as_str()),
        ("forged", &forged),
        ("signed out", &revoked),
        ("expired", short.refresh_token.expose()),
        ("unknown", foreign.refresh_token().unwrap()),
        ("long", &"x".repeat(10_000)),
    ] {
        unchanged(&world, || assert_eq!(shown(refresh(&service(&world), token)), over(), "{what}"));
    }
    refresh(&service(&world), &token).unwrap();
}

// 62
#[test]
fn a_user_who_is_gone_or_disabled_refreshes_nothing_though_the_row_is_there() {
    let world = world_of(Policy::stack_auth());
    world.people.add(STRANGER, "pw");
    let (token, _) = pair(&service(&world));
    world.people.change(USER, |user| user.disabled = true);
    unchanged(&world, || assert_eq!(shown(refresh(&service(&world), &token)), over()));
    assert_eq!(cause(refresh(&service(&world), &token)), Some(ErrorKind::SubjectDisabled));
    world.people.change(USER, |user| user.disabled = false);
    refresh(&service(&world), &token).unwrap();
    world.people.remove(USER);
    unchanged(&world, || assert_eq!(shown(refresh(&service(&world), &token)), over()));
    assert_eq!(cause(refresh(&service(&world), &token)), Some(ErrorKind::SubjectUnknown));
    block_on(service(&world).user_deleted(&id(USER))).unwrap();
    world.people.add(USER, "pw");
    assert_eq!(shown(refresh(&service(&world), &token)), over(), "a namesake does not inherit it");
}

// 63
#[test]
fn a_revoked_session_refreshes_nothing_and_the_other_one_goes_on() {
    let world = world_of(Policy::stack_auth());
    let ((one, _), (two, access)) = (pair(&service(&world)), pair(&service(&world)));
    let extra = world.check(&access).unwrap().session_id();
    block_on(world.issuer.revoke(Revoke::session(extra))).unwrap();
    assert_eq!(shown(refresh(&service(&world), &two)), over());
    refresh(&service(&world), &one).unwrap();
}

// 71
#[test]
fn a_renamed_user_shows_at_the_next_refresh() {
    let world = world_of(Policy::stack_auth());
    let users = Users::default();
    users.change(|user| user.name = Some("Mini".to_owned()));
    let service = service(&world).project("project-1", "main").profiles(users.clone());
    let (token, access) = pair(&service);
    assert_eq!(payload(&access)["name"], json!("Mini"));
    users.change(|user| {
        user.name = Some("Minnie".to_owned());
        user.selected_team_id = Some("team-1".to_owned());
    });
    let next = refresh(&service, &token).unwrap().access_token;
    let claims = payload(next.expose());
    assert_eq!(
        (&claims["name"], &claims["selected_team_id"]),
        (&json!("Minnie"), &json!("team-1"))
    );
    assert_eq!(claims["project_id"], json!("project-1"));
    assert_ne!(next.expose(), access);
    assert_eq!(payload(&access)["name"], json!("Mini"), "what was signed stays signed");
    assert!(world.check(&access).unwrap().needs_refresh());
    users.change(|user| user.name = None);
    let next = refresh(&service, &token).unwrap().access_token;
    assert_eq!(payload(next.expose())["name"], Value::Null);
}

#[test]
fn a_profile_that_cannot_be_read_refreshes_nothing_and_logs_nobody_out() {
    let world = world_of(Policy::stack_auth());
    let (token, _) = pair(&service(&world));
    let away = service(&world).profiles(Away);
    let internal =
        (500, json!({ "code": "INTERNAL_SERVER_ERROR", "error": "Something went wrong." }));
    unchanged(&world, || assert_eq!(shown(refresh(&away, &token)), internal));
    for verb in [Verb::Load, Verb::NoteUse] {
        world.store.fail_next(verb, Fault::Before);
        assert_eq!(shown(refresh(&service(&world), &token)), internal, "{verb:?}");
    }
    refresh(&service(&world), &token).unwrap();
}

// 70
#[test]
fn a_creation_and_each_refresh_are_one_token_refresh_event() {
    for (policy, expected) in
        [(Policy::stack_auth(), Ok(())), (rotating(), Err(ErrorKind::RefreshRequired))]
    {
        let world = world_of(policy);
        let users = Users::default();
        let service = service(&world).profiles(users.clone());
        let (mut token, access) = pair(&service);
        let emitted = || world.events().iter().filter_map(TokenRefresh::of).collect::<Vec<_>>();
        assert_eq!(emitted().len(), 1);
        for n in 1..=5 {
            world.advance(MINUTE);
            users.change(|user| user.name = Some(format!("name {}", n / 2)));
            let answer = refresh(&service, &token).unwrap();
            token = answer.refresh_token.map_or(token, |next| next.expose().to_owned());
            assert_eq!(emitted().len(), 1 + n);
        }
        assert_eq!(shown(refresh(&service, "something-invalid")), over());
        // A check is no event, whether the policy rotates and refuses the first token, or not.
        let checked = world.check(&access).map(drop).map_err(|error| error.kind());
        assert_eq!(checked, expected);
        assert_eq!(emitted().len(), 6);
        let last = emitted().pop().unwrap();
        let expected = json!({
            "at": world.issuer.now().as_millis(),
            "refresh_token_id": payload(&access)["sid"],
            "user_id": USER,
            "is_impersonation": false,
        });
        assert_eq!(serde_json::to_value(last).unwrap(), expected);
    }
}

#[test]
fn a_reply_that_is_given_again_is_an_event_too() {
    let world = world_of(rotating());
    let (token, _) = pair(&service(&world));
    refresh(&service(&world), &token).unwrap();
    refresh(&service(&world), &token).unwrap();
    assert_eq!(world.count(|kind| matches!(kind, EventKind::RefreshReplayed { .. })), 1);
    assert_eq!(world.events().iter().filter_map(TokenRefresh::of).count(), 3);
}

#[test]
fn a_replay_from_another_address_is_emitted_as_such_though_the_session_moves_there() {
    let world = world_of(rotating());
    let (token, _) = pair(&service(&world));
    let from = |ip: &str| {
        world.sink.take();
        let caller = Caller::client().end_user(ClientInfo::new().with_ip(ip.parse().unwrap()));
        block_on(service(&world).refresh_session(&caller, &token)).unwrap();
        world.events().into_iter().find_map(|event| match event.kind {
            EventKind::RefreshReplayed { ip_changed, .. } => Some(ip_changed),
            _ => None,
        })
    };
    assert_eq!(from("192.0.2.7"), None, "it rotates");
    assert_eq!(from("192.0.2.7"), Some(false));
    assert_eq!(from("203.0.113.9"), Some(true));
    assert_eq!(from("203.0.113.9"), Some(false), "it has moved there");
}

// 72
#[test]
fn a_refresh_writes_last_use_and_address_of_a_live_session_alone() {
    let world = world_of(Policy::stack_auth());
    let (token, access) = pair(&service(&world));
    let from = |ip: &str| Caller::client().end_user(ClientInfo::new().with_ip(ip.parse().unwrap()));
    let item = || {
        let request = body::<ListSessions>(json!({ "user_id": USER }));
        let listed = block_on(service(&world).list_sessions(&server(), request)).unwrap();
        serde_json::to_value(listed).unwrap()["items"][0].clone()
    };
    assert!(item().get("last_used_at_end_user_ip_info").is_none());
    for ip in ["192.0.2.7", "192.0.2.7", "2001:db8::1"] {
        world.advance(SECOND);
        block_on(service(&world).refresh_session(&from(ip), &token)).unwrap();
        assert_eq!(item()["last_used_at"], json!(world.issuer.now().as_millis()));
        assert_eq!(item()["last_used_at_end_user_ip_info"], json!({ "ip": ip }));
    }
    world.advance(SECOND);
    refresh(&service(&world), &token).unwrap();
    assert_eq!(
        item()["last_used_at_end_user_ip_info"],
        json!({ "ip": "2001:db8::1" }),
        "nothing newer"
    );
    let row = || {
        let id =
            world.check_for(&access, &Requirement::new().freshness(Freshness::Stateless)).unwrap();
        let key = session_issuer::id::SessionKey::new(Default::default(), id.session_id());
        block_on(session_issuer::store::SessionStore::load(&*world.store, &key))
            .unwrap()
            .unwrap()
            .record
    };
    block_on(service(&world).sign_out(&token)).unwrap();
    let ended = row();
    world.advance(SECOND);
    let late = block_on(service(&world).refresh_session(&from("203.0.113.9"), &token));
    assert_eq!(shown(late), over());
    assert_eq!(row(), ended);
}

// 73
#[test]
fn what_the_store_holds_signs_nobody_in() {
    let world = world_of(Policy::stack_auth());
    let (token, access) = pair(&service(&world));
    assert!((70..=80).contains(&token.len()), "{}", token.len());
    let id = world.check(&access).unwrap().session_id();
    let key = session_issuer::id::SessionKey::new(Default::default(), id);
    let kept = block_on(session_issuer::store::SessionStore::load(&*world.store, &key)).unwrap();
    let kept = format!("{kept:?}");
    assert!(!kept.contains(&token) && !kept.contains(&access) && kept.contains(&id.to_string()));
    // Whoever has the whole store, and not the keys, makes no token of it.
    let thief = session_issuer::Issuer::builder()
        .store(Arc::clone(&world.store))
        .token_keys(session_issuer::token::TokenKeys::new(1, &secret(9)).unwrap())
        .signer(session_issuer::signer::KeyRing::hs256("k1", &secret(9)).unwrap())
        .clock(world.clock.clone())
        .policy(Policy::stack_auth())
        .build()
        .unwrap();
    let update = session_issuer::Update::as_host(id).metadata("k", "v");
    let minted = block_on(thief.update(update)).unwrap();
    assert_ne!(minted.refresh_token().unwrap(), token);
    assert_eq!(shown(refresh(&service(&world), minted.refresh_token().unwrap())), over());
    refused(world.check(minted.token()), ErrorKind::InvalidToken);
    refresh(&service(&world), &token).unwrap();
}

// 74
#[test]
fn many_refreshes_of_one_token_at_once_all_succeed_rotating_or_not() {
    for policy in [Policy::stack_auth(), rotating()] {
        let rotates = policy == rotating();
        for round in 0..20 {
            let world = world_of(policy.clone());
            let users = Users::default();
            let service = service(&world).profiles(users.clone());
            let (token, _) = pair(&service);
            // Every other round, the claims change under way: then a refresh without rotation
            // commits, too.
            let answers: Vec<_> = thread::scope(|scope| {
                let all: Vec<_> = (0..8)
                    .map(|n| {
                        let (service, token, users) = (&service, &token, &users);
                        scope.spawn(move || {
                            if round % 2 == 1 {
                                users.change(|user| user.name = Some(format!("name {n}")));
                            }
                            refresh(service, token)
                        })
                    })
                    .collect();
                all.into_iter().map(|one| one.join().unwrap().unwrap()).collect()
            });
            let next: Vec<_> = answers
                .iter()
                .map(|answer| answer.refresh_token.as_ref().map(|t| t.expose()))
                .collect();
            assert_eq!(next[0].is_some(), rotates);
            assert!(next.iter().all(|other| *other == next[0]), "a token has one successor");
            for answer in &answers {
                world.issuer.verify(answer.access_token.expose()).unwrap();
            }
            let newest = next[0].unwrap_or(&token);
            refresh(&service, newest).unwrap();
            assert_eq!(world.events().iter().filter_map(TokenRefresh::of).count(), 1 + 8 + 1);
        }
    }
}

// 64
#[test]
fn a_refresh_that_races_a_sign_out_is_answered_or_refused_and_brings_nothing_back() {
    for round in 0..240 {
        let world = world_of(if round % 2 == 0 { Policy::stack_auth() } else { rotating() });
        let users = Users::default();
        let service = service(&world).profiles(users.clone());
        let (token, access) = pair(&service);
        thread::scope(|scope| {
            let (service, token, users, access) = (&service, &token, &users, &access);
            for n in 0..3 {
                scope.spawn(move || {
                    if round % 4 > 1 {
                        users.change(|user| user.name = Some(format!("name {n}")));
                    }
                    let caller =
                        Caller::client().end_user(ClientInfo::new().with_ip([192, 0, 2, n].into()));
                    match block_on(service.refresh_session(&caller, token)) {
                        Ok(answer) => assert!(!answer.access_token.expose().is_empty()),
                        Err(error) => assert_eq!(shown::<(), _>(Err(error)), over()),
                    }
                });
            }
            scope.spawn(move || match round % 3 {
                0 => drop(block_on(service.sign_out(token)).unwrap()),
                1 => drop(block_on(service.sign_out(access)).unwrap()),
                _ => block_on(service.user_deleted(&id(USER))).unwrap(),
            });
        });
        assert_eq!(shown(refresh(&service, &token)), over());
        refused(world.check(&access), ErrorKind::Revoked);
        let request = body::<ListSessions>(json!({ "user_id": USER }));
        let listed = block_on(service.list_sessions(&server(), request)).unwrap();
        assert!(listed.items.is_empty(), "it came back to life");
    }
}

#[test]
fn a_session_of_the_hosts_own_login_is_refreshed_too() {
    let world = world_of(Policy::stack_auth());
    let login = world.create(NewSession::for_subject(id(USER))).unwrap();
    let users = Users::default();
    let service = service(&world).profiles(users);
    let next = refresh(&service, login.refresh_token().unwrap()).unwrap().access_token;
    assert_eq!(payload(next.expose())["role"], json!("authenticated"));
    let anonymous = world.create(NewSession::anonymous()).unwrap();
    assert_eq!(shown(refresh(&service, anonymous.refresh_token().unwrap())), over());
    world.advance(Duration::from_millis(1));
}
