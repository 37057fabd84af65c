//! ZITADEL's get call: what is shown of a session, and to whom. Numbers are those of the seed
//! cases.

use async_trait::async_trait;
use serde_json::{Value, json};
use session_issuer::{
    NewSession, Policy, Revoke, Update,
    client::ClientInfo,
    compat::{
        Profiles,
        zitadel::{
            ApiError, Caller, GetSession, GetSessionResponse, Permission, Profile, Scope, Service,
        },
    },
    error::ErrorKind,
    factor::Check,
    id::{CreatorId, SubjectId, TenantId},
    issuer::Issued,
    metadata::Metadata,
    testing::{Fault, Verb, block_on},
    verifier::VerifyError,
};

use crate::{compat::create::*, world::*};

pub fn service(world: &World) -> Service {
    Service::new(world.issuer.clone())
}

pub fn caller(name: &str) -> Caller {
    Caller::new(CreatorId::new(name).unwrap(), "acme").unwrap()
}

pub fn admin() -> Caller {
    caller("admin").grant(Permission::SessionRead, Scope::Instance)
}

pub fn browser(fingerprint: &str) -> ClientInfo {
    ClientInfo::new().with_fingerprint(fingerprint)
}

/// A session that this creator makes.
pub fn made(world: &World, creator: &str, new: NewSession) -> Issued {
    let new = new.creator(CreatorId::new(creator).unwrap()).resource_owner("acme");
    world.create(new).unwrap()
}

/// A session of this user, who gave the password.
pub fn login(world: &World, user: &str) -> Issued {
    made(world, "login-page", with_password(user))
}

pub fn with_password(user: &str) -> NewSession {
    NewSession::from_checks([Check::subject(id(user)), Check::password("V3ryS3cure!").unwrap()])
}

pub fn zitadel(code: u8, id: &str, key: &str) -> Value {
    let detail =
        json!({ "@type": "type.googleapis.com/zitadel.v1.ErrorDetail", "id": id, "message": key });
    json!({ "code": code, "message": format!("{key} ({id})"), "details": [detail] })
}

pub fn not_permitted() -> (u16, Value) {
    (403, zitadel(7, "AUTH-5mWD2", "No matching permissions found"))
}

pub fn busy() -> (u16, Value) {
    (503, json!({ "code": 14, "message": "The service is busy. Try again.", "details": [] }))
}

pub fn get(
    service: &Service,
    caller: &Caller,
    id: &str,
    token: Option<&str>,
) -> Result<GetSessionResponse, ApiError> {
    let request: GetSession = body(json!({ "sessionId": id, "sessionToken": token }));
    block_on(service.get_session(caller, request))
}

fn session(answer: Result<GetSessionResponse, ApiError>) -> Value {
    serde_json::to_value(answer.unwrap()).unwrap()["session"].clone()
}

fn not_found() -> (u16, Value) {
    (404, zitadel(5, "QUERY-SFeaa", "Errors.Session.NotExisting"))
}

fn wrong_token() -> (u16, Value) {
    (403, zitadel(7, "QUERY-dsfr3", "Errors.PermissionDenied"))
}

#[derive(Debug)]
struct Names(bool);

#[async_trait]
impl Profiles<Profile> for Names {
    async fn profile(&self, user: &SubjectId) -> Result<Profile, VerifyError> {
        if !self.0 {
            return Err(VerifyError::new("the directory is down"));
        }
        let mut profile = Profile::default();
        profile.login_name = Some(format!("{}@acme", &user.as_str()[..4]));
        profile.display_name = Some("Mini Mouse".to_owned());
        Ok(profile)
    }
}

// 106
#[test]
fn a_session_is_shown_with_all_that_was_kept_on_it() {
    let world = world_of(Policy::zitadel());
    world.advance(MINUTE);
    let client = browser("fp-1").with_ip("2001:db8::1".parse().unwrap()).with_description("phone");
    let client = client.with_header("accept", ["a", "b"]).with_header("dnt", ["1"]);
    let metadata =
        Metadata::of([("hello", b"world".as_slice()), ("bytes", &[0xfb, 0xff])]).unwrap();
    let new = with_password(USER).client(client).metadata(metadata).lifetime(5 * MINUTE);
    let issued = made(&world, "login-page", new);
    let created = world.issuer.now();
    let service = service(&world).profiles(Names(true));
    let id = issued.session_id().to_string();
    let shown = session(get(&service, &caller("anybody"), &id, Some(issued.token())));
    let user = json!({
        "verifiedAt": created.to_string(),
        "id": USER,
        "loginName": "d654@acme",
        "displayName": "Mini Mouse",
        "organizationId": "org-1",
    });
    assert_eq!(
        shown,
        json!({
            "id": id,
            "creationDate": created.to_string(),
            "changeDate": created.to_string(),
            "sequence": "1",
            "factors": { "user": user, "password": { "verifiedAt": created.to_string() } },
            "metadata": { "bytes": "+/8=", "hello": "d29ybGQ=" },
            "userAgent": {
                "fingerprintId": "fp-1",
                "ip": "2001:db8::1",
                "description": "phone",
                "header": { "accept": { "values": ["a", "b"] }, "dnt": { "values": ["1"] } },
            },
            "expirationDate": created.saturating_add(5 * MINUTE).to_string(),
        })
    );
}

#[test]
fn factors_are_absent_until_a_user_was_checked_and_reading_moves_no_sequence() {
    let world = world_of(Policy::zitadel());
    world.people.change(USER, |person| person.totp = Some("123456".to_owned()));
    let first = made(&world, "login-page", NewSession::anonymous());
    let id = first.session_id().to_string();
    let shown = |token: &str| session(get(&service(&world), &caller("x"), &id, Some(token)));
    let bare: Vec<_> = shown(first.token()).as_object().unwrap().keys().cloned().collect();
    assert_eq!(bare, ["changeDate", "creationDate", "id", "sequence"], "the rest is absent");

    world.advance(MINUTE);
    let update = Update::with_token(first.token()).check(Check::subject(crate::world::id(USER)));
    let second = block_on(world.issuer.update(update)).unwrap();
    let shown_user = shown(second.token());
    assert_eq!(shown_user["factors"].as_object().unwrap().keys().collect::<Vec<_>>(), ["user"]);
    assert_eq!(
        (&shown_user["sequence"], &shown_user["changeDate"]),
        (&json!("2"), &json!(now(&world)))
    );

    world.advance(MINUTE);
    let update = Update::with_token(second.token()).check(Check::totp("123456").unwrap());
    let third = block_on(world.issuer.update(update)).unwrap();
    let factors = shown(third.token())["factors"].clone();
    assert_eq!(factors["totp"]["verifiedAt"], json!(now(&world)));
    assert_ne!(factors["user"]["verifiedAt"], factors["totp"]["verifiedAt"]);
    unchanged(&world, || {
        world.advance(HOUR);
        for _ in 0..3 {
            assert_eq!(shown(third.token())["sequence"], json!("3"));
        }
    });
}

fn now(world: &World) -> String {
    world.issuer.now().to_string()
}

// 107
#[test]
fn a_session_is_shown_to_its_token_and_to_permission_and_to_nobody_else() {
    let world = world_of(Policy::zitadel());
    world.people.add("goofy", "V3ryS3cure!");
    let (mine, other) = (login(&world, USER), login(&world, "goofy"));
    let (service, id) = (service(&world), mine.session_id().to_string());
    let stranger = caller("stranger");

    for missing in [json!({}), json!({ "sessionId": null }), json!({ "sessionId": "" })] {
        let answer = block_on(service.get_session(&admin(), body(missing)));
        let rule = "invalid GetSessionRequest.SessionId: value length must be between 1 and 200 runes, inclusive";
        assert_eq!(shown(answer), (400, json!({ "code": 3, "message": rule, "details": [] })));
    }
    assert_eq!(shown(get(&service, &admin(), &"a".repeat(201), None)).0, 400);
    for unknown in [STRANGER, "0197657f-2b60-7000-8000-000000000000", "not an id", "2224301 "] {
        assert_eq!(shown(get(&service, &admin(), unknown, None)), not_found(), "{unknown}");
        assert_eq!(
            shown(get(&service, &stranger, unknown, Some(mine.token()))),
            not_found(),
            "{unknown}"
        );
    }
    assert_eq!(shown(get(&service, &stranger, &id, None)), not_permitted());
    for (permission, scope, allowed) in [
        (Permission::SessionRead, Scope::Instance, true),
        (Permission::SessionRead, Scope::Organization("org-1".to_owned()), true),
        (Permission::SessionRead, Scope::Organization("acme".to_owned()), false),
        (Permission::SessionDelete, Scope::Instance, false),
        (Permission::SessionWrite, Scope::Instance, false),
    ] {
        let caller = stranger.clone().grant(permission, scope.clone());
        let answer = get(&service, &caller, &id, None);
        match allowed {
            true => assert_eq!(answer.unwrap().session.id.to_string(), id),
            false => assert_eq!(shown(answer), not_permitted(), "{permission:?} {scope:?}"),
        }
    }
    get(&service, &stranger, &id, Some(mine.token())).unwrap();
    for wrong in [other.token(), "no token", "ey.ey.ey"] {
        // Also for those who need no token: one that is given must be right.
        assert_eq!(shown(get(&service, &admin(), &id, Some(wrong))), wrong_token(), "{wrong}");
    }
    assert_eq!(shown(get(&service, &admin(), &id, Some(""))).0, 400, "an empty token is not none");
    let update = Update::with_token(mine.token()).metadata("k", "v");
    let next = block_on(world.issuer.update(update)).unwrap();
    assert_eq!(
        shown(get(&service, &stranger, &id, Some(mine.token()))),
        wrong_token(),
        "it was replaced"
    );
    get(&service, &stranger, &id, Some(next.token())).unwrap();
}

// 108
#[test]
fn creator_user_and_whoever_shares_the_user_agent_need_no_token() {
    let world = world_of(Policy::zitadel());
    let issued = made(&world, "login-page", with_password(USER).client(browser("fp-1")));
    let (service, id) = (service(&world), issued.session_id().to_string());
    let other = || caller("other");
    for allowed in [
        caller("login-page"),
        other().user(crate::world::id(USER)),
        other().user_agent(&browser("fp-1")),
    ] {
        get(&service, &allowed, &id, None).unwrap_or_else(|error| panic!("{allowed:?}: {error:?}"));
    }
    for refused in [
        other(),
        caller(USER),
        other().user(crate::world::id("login-page")),
        other().user_agent(&browser("fp-2")),
        Caller::new(CreatorId::new("x").unwrap(), "org-1").unwrap(),
    ] {
        assert_eq!(shown(get(&service, &refused, &id, None)), not_permitted(), "{refused:?}");
    }
    // Nothing is nobody's: no user, no fingerprint on either side.
    let bare = made(&world, "login-page", NewSession::anonymous()).session_id().to_string();
    assert_eq!(shown(get(&service, &other(), &bare, None)), not_permitted());
    assert_eq!(
        shown(get(&service, &other().user(crate::world::id(USER)), &bare, None)),
        not_permitted()
    );
}

#[test]
fn a_session_without_a_user_is_seen_by_whoever_may_read_the_instance() {
    let world = world_of(Policy::zitadel());
    let bare = made(&world, "login-page", NewSession::anonymous()).session_id().to_string();
    let of = |scope| caller("x").grant(Permission::SessionRead, scope);
    get(&service(&world), &of(Scope::Instance), &bare, None).unwrap();
    let organization = of(Scope::Organization("acme".to_owned()));
    assert_eq!(shown(get(&service(&world), &organization, &bare, None)), not_permitted());
}

#[test]
fn a_session_in_which_somebody_acts_in_the_users_place_is_not_the_users_own() {
    use session_issuer::actor::{Actor, ActorChain};
    let world = world_of(Policy::zitadel());
    let actor = Actor::new(id("support"));
    let chain = ActorChain::new(actor, "ticket 7").unwrap();
    let issued = made(&world, "support", NewSession::impersonating(id(USER), chain));
    let session_id = issued.session_id().to_string();
    let user = caller("x").user(id(USER));
    assert_eq!(shown(get(&service(&world), &user, &session_id, None)), not_permitted());
    get(&service(&world), &admin(), &session_id, None).unwrap();
}

#[test]
fn an_expired_session_is_shown_until_it_is_swept_and_one_that_was_ended_is_not() {
    let world = world_of(Policy::zitadel());
    let service = service(&world);
    let brief = made(&world, "login-page", with_password(USER).lifetime(20 * SECOND));
    let id_of = |issued: &Issued| issued.session_id().to_string();
    world.advance(HOUR);
    refused(world.check(brief.token()), ErrorKind::Expired);
    let shown_brief = session(get(&service, &caller("x"), &id_of(&brief), Some(brief.token())));
    assert!(
        shown_brief["expirationDate"].as_str().unwrap() < now(&world).as_str(),
        "{shown_brief}"
    );
    get(&service, &admin(), &id_of(&brief), None).unwrap();
    world.advance(3 * DAY);
    block_on(world.issuer.sweep(100)).unwrap();
    assert_eq!(shown(get(&service, &admin(), &id_of(&brief), None)), not_found());

    let (one, all, gone) = (login(&world, USER), login(&world, USER), "goofy");
    world.people.add(gone, "V3ryS3cure!");
    let removed = login(&world, gone);
    block_on(world.issuer.revoke(Revoke::session(one.session_id()))).unwrap();
    block_on(world.issuer.revoke(Revoke::all(id(USER)))).unwrap();
    block_on(service.user_ended(&id(gone))).unwrap();
    for ended in [one, all, removed] {
        assert_eq!(shown(get(&service, &admin(), &id_of(&ended), None)), not_found());
        assert_eq!(
            shown(get(&service, &admin(), &id_of(&ended), Some(ended.token()))),
            not_found()
        );
    }
}

// 119
#[test]
fn a_password_that_was_changed_since_is_no_longer_a_factor_of_the_session() {
    let world = world_of(Policy::zitadel());
    let (issued, service) = (login(&world, USER), service(&world));
    let id_text = issued.session_id().to_string();
    let factors = |token: &str| {
        session(get(&service, &caller("x"), &id_text, Some(token)))["factors"].clone()
    };
    assert!(factors(issued.token())["password"].is_object());
    world.advance(SECOND);
    block_on(service.password_changed(&id(USER))).unwrap();
    assert_eq!(factors(issued.token()).as_object().unwrap().keys().collect::<Vec<_>>(), ["user"]);
    let checked = world.check(issued.token()).expect("the session lives on");
    assert_eq!(checked.assurance_level(), None, "and proves nothing");
    world.people.change(USER, |person| person.password = "N3w!".to_owned());
    world.advance(SECOND);
    let again = Update::with_token(issued.token()).check(Check::password("N3w!").unwrap());
    let again = block_on(world.issuer.update(again)).unwrap();
    assert_eq!(factors(again.token())["password"]["verifiedAt"], json!(now(&world)));
}

#[test]
fn a_part_that_does_not_answer_is_never_shown_as_a_missing_session_or_permission() {
    let world = world_of(Policy::zitadel());
    let (issued, service) = (login(&world, USER), service(&world));
    let id = issued.session_id().to_string();
    for token in [None, Some(issued.token())] {
        world.store.fail_next(Verb::Load, Fault::Before);
        let answer = get(&service, &admin(), &id, token);
        assert_eq!(shown(answer), busy());
        get(&service, &admin(), &id, token).unwrap();
    }
    let unnamed = service.profiles(Names(false));
    assert_eq!(shown(get(&unnamed, &admin(), &id, None)), busy());
}

#[test]
fn another_tenants_session_is_not_found_by_id_or_by_token() {
    let world = world_of(Policy::zitadel());
    let issued = login(&world, USER);
    let elsewhere = Service::new(world.issuer.tenant(TenantId::new("elsewhere").unwrap()));
    for token in [None, Some(issued.token())] {
        let answer = get(&elsewhere, &admin(), &issued.session_id().to_string(), token);
        assert_eq!(shown(answer), not_found());
    }
}

#[test]
fn a_request_that_is_no_session_yet_is_not_found() {
    let world = world_of(Policy::tmdb());
    let app = session_issuer::id::AppId::new("films").unwrap();
    let opened =
        block_on(world.issuer.open(session_issuer::issuer::OpenRequest::new(app))).unwrap();
    let id = opened.session_id().to_string();
    assert_eq!(shown(get(&service(&world), &admin(), &id, None)), not_found());
}

#[test]
fn a_door_reads_the_id_from_the_path_and_the_token_from_the_query() {
    let world = world_of(Policy::zitadel());
    let issued = login(&world, USER);
    let id = issued.session_id().to_string();
    for name in ["sessionToken", "session_token"] {
        let request = GetSession::of(&id, &format!("x=1&{name}={}", issued.token()));
        block_on(service(&world).get_session(&caller("x"), request))
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
    let request = GetSession::of(&id, "x=1");
    assert_eq!(
        shown(block_on(service(&world).get_session(&caller("x"), request))),
        not_permitted()
    );
    let request: GetSession = body(json!({ "session_id": id, "session_token": issued.token() }));
    let text = format!("{request:?}");
    assert!(!text.contains(&id) && !text.contains(issued.token()), "{text}");
    block_on(service(&world).get_session(&caller("x"), request)).unwrap();
}

#[test]
fn what_is_shown_of_a_session_stays_out_of_logs() {
    let world = world_of(Policy::zitadel());
    let client = browser("fp-1").with_ip("192.0.2.7".parse().unwrap());
    let metadata = Metadata::of([("key", "hunter2")]).unwrap();
    let issued = made(&world, "login-page", with_password(USER).client(client).metadata(metadata));
    let service = service(&world).profiles(Names(true));
    let answer = get(&service, &admin(), &issued.session_id().to_string(), None).unwrap();
    let text = format!("{answer:?} {:?} {:?}", answer.session.factors, answer.session.user_agent);
    for hidden in [USER, "fp-1", "192.0", "aHVudGVyMg", "hunter2", "Mini"] {
        assert!(!text.contains(hidden), "{text}");
    }
    assert!(answer.session.factors.unwrap().password.is_some());
    assert_eq!(
        world.count(|kind| matches!(kind, session_issuer::event::EventKind::Updated { .. })),
        0
    );
}
