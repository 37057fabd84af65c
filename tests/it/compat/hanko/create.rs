//! Hanko's create call. Numbers are those of the seed cases.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, error::Category, json};
use session_issuer::{
    Issuer, NewSession, Policy, Requirement, SessionQuery,
    compat::{
        Profiles,
        hanko::{ApiError, Caller, CreateSession, CreateSessionResponse, Email, Profile, Service},
    },
    error::ErrorKind,
    event::EventKind,
    factor::FactorKind,
    id::{CreatorId, SubjectId},
    policy::{AbsoluteLifetime, AccessFormat, Credentials},
    session::RevokeReason,
    signer::KeyRing,
    testing::{Fault, Verb, block_on},
    token::TokenKeys,
    verifier::VerifyError,
};

use crate::{compat::create::*, world::*};

pub fn post(service: &Service, request: Value) -> Result<CreateSessionResponse, ApiError> {
    let admin = Caller::Admin(CreatorId::new("admin-api").unwrap());
    block_on(service.create_session(&admin, body::<CreateSession>(request)))
}

pub fn service(world: &World) -> Service {
    Service::new(world.issuer.clone())
}

fn sessions(world: &World) -> usize {
    block_on(world.issuer.list(SessionQuery::of_subject(id(USER)))).unwrap().sessions().len()
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

/// What is no hyphenated UUID.
pub const MALFORMED_UUIDS: [&str; 13] = [
    "alice",
    " ",
    "d654e6ba70a348efa95d37c8d8a7901a",
    "{d654e6ba-70a3-48ef-a95d-37c8d8a7901a}",
    "urn:uuid:d654e6ba-70a3-48ef-a95d-37c8d8a7901a",
    "d654e6ba-70a3-48ef-a95d-37c8d8a7901",
    "d654e6ba-70a3-48ef-a95d-37c8d8a7901aa",
    "d654e6ba-70a3-48ef-a95d-37c8d8a7901g",
    "d654e6ba-70a3-48ef-a95d-37c8d8a7901\0",
    " d654e6ba-70a3-48ef-a95d-37c8d8a7901a",
    "d654e6ba-70a3-48ef-a95d-37c8d8a7901a ",
    "d654e6ba-70a3-48ef-a95d_37c8d8a7901a",
    "d654e6b-a70a3-48ef-a95d-37c8d8a7901a",
];

// 1, 18
#[test]
fn a_user_gets_a_token_that_names_the_session() {
    let world = world_of(Policy::hanko());
    let answer =
        post(&service(&world), json!({ "user_id": USER, "user_agent": "curl/8.5.0" })).unwrap();
    let checked = world.check(answer.session_token.expose()).unwrap();
    let claims = payload(answer.session_token.expose());
    assert_eq!(claims["session_id"], json!(checked.session_id().to_string()));
    assert_eq!(claims["sub"], json!(USER));
    claims["session_id"].as_str().unwrap().parse::<session_issuer::id::SessionId>().unwrap();
    let session = checked.session().unwrap();
    assert_eq!(claims["iat"], json!(session.created_at().as_secs()));
    assert_eq!(session.last_seen_at(), session.created_at());
    assert_eq!(claims["exp"], json!(session.ends_at().unwrap().as_secs()));
    let record = session.session().unwrap();
    assert_eq!(record.client().user_agent(), Some("curl/8.5.0"));
    assert_eq!(record.creator().unwrap().as_str(), "admin-api");
    let json = serde_json::to_value(&answer).unwrap();
    assert_eq!(json, json!({ "session_token": answer.session_token.expose() }));
}

// 2, 3
#[test]
fn every_broken_rule_is_named_and_nothing_is_stored() {
    let world = world_of(Policy::hanko());
    let full: Vec<_> =
        (0..5).map(|_| post(&service(&world), json!({ "user_id": USER })).unwrap()).collect();
    let bad_request = |request, message: &str| {
        let expected = (400, json!({ "code": 400, "message": message }));
        unchanged(&world, || assert_eq!(shown(post(&service(&world), request)), expected));
    };
    bad_request(json!({}), "user_id is a required field");
    bad_request(json!({ "user_id": null }), "user_id is a required field");
    bad_request(json!({ "user_id": "" }), "user_id is a required field");
    for malformed in MALFORMED_UUIDS {
        bad_request(json!({ "user_id": malformed }), "user_id must be a valid uuid");
    }
    for ip in ["999.1.1.1", "1.2.3", "::g", "1.2.3.4:80", "fe80::1%eth0", " "] {
        bad_request(
            json!({ "user_id": USER, "ip_address": ip }),
            "ip_address must be a valid ip address (v4 or v6)",
        );
    }
    bad_request(
        json!({ "user_id": "alice", "ip_address": "999.1.1.1" }),
        "user_id must be a valid uuid and ip_address must be a valid ip address (v4 or v6)",
    );
    bad_request(
        json!({ "user_id": USER, "user_agent": "a".repeat(1025) }),
        "user_agent must be a maximum of 1024 characters in length",
    );
    bad_request(
        json!({ "user_id": USER, "user_agent": "a\r\nb" }),
        "user_agent has a control character",
    );
    // Nobody was evicted.
    full.iter().for_each(|one| drop(world.check(one.session_token.expose()).unwrap()));
    post(&service(&world), json!({ "user_id": USER, "user_agent": "a".repeat(1024) })).unwrap();
}

// 3
#[test]
fn addresses_of_both_versions_are_kept_and_an_empty_one_is_none() {
    let world = world_of(Policy::hanko());
    let kept = |ip: Value| {
        let request = json!({ "user_id": USER, "ip_address": ip, "unknown": true });
        let answer = post(&service(&world), request).unwrap();
        let checked = world.check(answer.session_token.expose()).unwrap();
        checked.session().unwrap().session().unwrap().client().ip().map(|ip| ip.to_string())
    };
    assert_eq!(kept(json!("192.0.2.7")).as_deref(), Some("192.0.2.7"));
    assert_eq!(kept(json!("2001:db8::1")).as_deref(), Some("2001:db8::1"));
    assert_eq!((kept(json!("")), kept(json!(null))), (None, None));
}

#[test]
fn a_user_has_one_name_however_the_uuid_is_written() {
    let world = world_of(Policy::hanko());
    post(&service(&world), json!({ "user_id": USER.to_uppercase() })).unwrap();
    assert_eq!(sessions(&world), 1);
}

// 4
#[test]
fn an_unknown_user_is_not_found_and_nobody_is_evicted() {
    let world = world_of(Policy::hanko());
    for _ in 0..5 {
        post(&service(&world), json!({ "user_id": USER })).unwrap();
    }
    let not_found = (404, json!({ "code": 404, "message": "user not found" }));
    let strange = || post(&service(&world), json!({ "user_id": STRANGER }));
    unchanged(&world, || assert_eq!(shown(strange()), not_found));
    assert_eq!(cause(strange()), Some(ErrorKind::SubjectUnknown));
    world.people.change(USER, |user| user.disabled = true);
    let disabled = || post(&service(&world), json!({ "user_id": USER }));
    unchanged(&world, || assert_eq!(shown(disabled()), not_found));
    assert_eq!(cause(disabled()), Some(ErrorKind::SubjectDisabled));
    world.people.change(USER, |user| (user.disabled, user.locked) = (false, true));
    unchanged(&world, || assert_eq!(shown(disabled()), not_found));
    assert_eq!(cause(disabled()), Some(ErrorKind::SubjectLocked));
    assert_eq!(sessions(&world), 5);
}

#[test]
fn a_creation_that_the_store_did_not_do_evicts_nobody() {
    let world = world_of(Policy::hanko());
    let create = || post(&service(&world), json!({ "user_id": USER }));
    let full: Vec<_> = (0..5).map(|_| create().unwrap()).collect();
    world.store.fail_next(Verb::Insert, Fault::Before);
    assert_eq!(shown(create()), (500, json!({ "code": 500, "message": "Internal Server Error" })));
    full.iter().for_each(|one| drop(world.check(one.session_token.expose()).unwrap()));
    assert_eq!(world.count(|kind| matches!(kind, EventKind::Revoked { .. })), 0);
    create().unwrap();
    refused(world.check(full[0].session_token.expose()), ErrorKind::Revoked);
}

#[test]
fn a_token_has_hankos_claims_and_these_besides() {
    let world = world_of(Policy::hanko());
    let token = post(&service(&world), json!({ "user_id": USER })).unwrap().session_token;
    let hankos = ["aud", "exp", "iat", "session_id", "sub"];
    let ours = ["epo", "gen", "iss", "jti", "nbf", "sid", "tenant"];
    let mut expected = [&hankos[..], &ours].concat();
    expected.sort_unstable();
    assert_eq!(names(token.expose()), expected);
    let proved = NewSession::for_subject(id(USER)).verified_by_host(FactorKind::Password);
    expected.extend(["acr", "amr", "auth_time"]);
    expected.sort_unstable();
    assert_eq!(names(world.create(proved).unwrap().token()), expected);
}

// 5
#[test]
fn a_sixth_session_evicts_the_oldest_one() {
    let world = world_of(Policy::hanko());
    let mut tokens = Vec::new();
    for _ in 0..6 {
        tokens.push(post(&service(&world), json!({ "user_id": USER })).unwrap().session_token);
        world.advance(SECOND);
    }
    assert_eq!(sessions(&world), 5);
    refused(world.check(tokens[0].expose()), ErrorKind::Revoked);
    tokens[1..].iter().for_each(|token| drop(world.check(token.expose()).unwrap()));
    let evicted = |kind: &EventKind| {
        matches!(kind, EventKind::Revoked { reason: RevokeReason::Limit, by: None })
    };
    assert_eq!(world.count(evicted), 1);
}

// 7
#[test]
fn expired_sessions_do_not_count_against_the_limit() {
    let world = world_of(Policy::hanko());
    let create = || post(&service(&world), json!({ "user_id": USER })).unwrap();
    create();
    create();
    world.advance(12 * HOUR);
    for _ in 0..5 {
        create();
    }
    assert_eq!(sessions(&world), 5);
    assert_eq!(world.count(|kind| matches!(kind, EventKind::Revoked { .. })), 0);
}

// 15, 37
#[test]
fn a_token_carries_the_email_and_the_lifespan_and_no_template_takes_a_name_of_ours() {
    let five_minutes = Policy::hanko()
        .access_lifetime(5 * MINUTE)
        .absolute_lifetime(AbsoluteLifetime::After(5 * MINUTE));
    let world = world_of(five_minutes);
    let mut profile = Profile::default();
    profile.custom.insert("plan".to_owned(), json!({ "name": "gold", "seats": [1, 2] }));
    for name in ["sub", "exp", "iat", "iss", "aud", "session_id", "email", "username", "sid", "amr"]
    {
        profile.custom.insert(name.to_owned(), json!("planted"));
    }
    let without_email = service(&world).profiles(Same(profile.clone()));
    let token = post(&without_email, json!({ "user_id": USER })).unwrap().session_token;
    let claims = payload(token.expose());
    assert!(!claims.to_string().contains("planted"), "{claims}");
    assert!(claims.get("email").is_none() && claims.get("username").is_none());

    profile.email = Some(Email::primary("mini@mouse.com", true));
    profile.username = Some("mini".to_owned());
    let token = post(&service(&world).profiles(Same(profile)), json!({ "user_id": USER }))
        .unwrap()
        .session_token;
    let claims = payload(token.expose());
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
    let email = json!({ "address": "mini@mouse.com", "is_primary": true, "is_verified": true });
    assert_eq!(claims["email"], email);
    assert_eq!(claims["username"], json!("mini"));
    assert_eq!(claims["plan"], json!({ "name": "gold", "seats": [1, 2] }));
    let host = world.issuer.verify(token.expose()).unwrap();
    assert_eq!(host.host().get("email"), Some(&email));
}

#[test]
fn a_profile_that_no_token_can_hold_is_the_hosts_mistake() {
    let world = world_of(Policy::hanko());
    let mut profile = Profile::default();
    profile.custom.insert("big".to_owned(), json!("x".repeat(5000)));
    let service = service(&world).profiles(Same(profile));
    let create = || post(&service, json!({ "user_id": USER }));
    unchanged(&world, || assert_eq!(shown(create()).0, 500));
    assert_eq!(cause(create()), Some(ErrorKind::InvalidConfiguration));
}

// 16, 17
#[test]
fn a_configured_audience_replaces_the_relying_party() {
    let audience = |audiences: &[&str]| {
        let builder = Issuer::builder()
            .store(Arc::new(crate::world::any_store()))
            .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
            .signer(KeyRing::hs256("k1", &secret(2)).unwrap())
            .policy(Policy::hanko())
            .name("rp.example");
        let builder =
            audiences.iter().fold(builder, |builder, audience| builder.audience(*audience));
        let service = Service::new(builder.build().unwrap());
        let claims =
            payload(post(&service, json!({ "user_id": USER })).unwrap().session_token.expose());
        assert_eq!(claims["iss"], json!("rp.example"));
        claims["aud"].clone()
    };
    assert_eq!(audience(&[]), json!(["rp.example"]));
    assert_eq!(audience(&["a", "b"]), json!(["a", "b"]));
}

// 34
#[test]
fn a_template_of_static_values_comes_out_as_the_same_json() {
    let world = world_of(Policy::hanko());
    let template = json!({
        "role": "user",
        "level": 7,
        "share": 0.5,
        "beta": true,
        "nothing": null,
        "scopes": ["read", "write", 3, false],
        "nested": { "source": "here", "deeper": { "list": [{ "a": 1 }] } },
    });
    let mut profile = Profile::default();
    profile.custom = template.as_object().unwrap().clone();
    let token = post(&service(&world).profiles(Same(profile)), json!({ "user_id": USER }))
        .unwrap()
        .session_token;
    let claims = payload(token.expose());
    for (name, value) in template.as_object().unwrap() {
        assert_eq!(&claims[name], value, "{name}");
    }
}

/// A template over what the host knows of its users.
#[derive(Debug)]
struct Template(Value);

#[async_trait]
impl Profiles<Profile> for Template {
    async fn profile(&self, user: &SubjectId) -> Result<Profile, VerifyError> {
        let known = &self.0[user.as_str()];
        let mut profile = Profile::default();
        profile.username = known["username"].as_str().map(str::to_owned);
        let greeting = format!("Hello \"{}\"", known["username"].as_str().unwrap_or("you"));
        profile.custom.insert("greeting".to_owned(), json!(greeting));
        profile.custom.insert("plan".to_owned(), known["metadata"]["billing"]["plan"].clone());
        let teams = known["metadata"]["teams"].as_array().into_iter().flatten();
        let own: Vec<_> =
            teams.filter(|team| team["owner"] == json!(true)).map(|team| &team["id"]).collect();
        profile.custom.insert("owns".to_owned(), json!(own));
        profile.custom.insert("verified".to_owned(), json!(known["verified"] == json!(true)));
        Ok(profile)
    }
}

// 35
#[test]
fn a_template_over_the_user_gives_typed_values_and_no_escaped_text() {
    let world = world_of(Policy::hanko());
    let users = json!({ USER: {
        "username": "mini",
        "verified": true,
        "metadata": {
            "billing": { "plan": { "name": "gold", "seats": 3 } },
            "teams": [{ "id": 1, "owner": true }, { "id": 2, "owner": false }, { "id": 3, "owner": true }],
        },
    } });
    let service = service(&world).profiles(Template(users));
    let claims =
        payload(post(&service, json!({ "user_id": USER })).unwrap().session_token.expose());
    assert_eq!(claims["greeting"], json!("Hello \"mini\""));
    assert_eq!(claims["plan"], json!({ "name": "gold", "seats": 3 }));
    assert_eq!(claims["owns"], json!([1, 3]));
    assert_eq!(claims["verified"], json!(true));
}

#[test]
fn what_is_no_request_never_gets_past_the_door() {
    for (body, expected) in [
        ("", Category::Eof),
        ("{", Category::Eof),
        ("[]", Category::Data),
        ("null", Category::Data),
        ("7", Category::Data),
        (r#"{"user_id": [7}"#, Category::Syntax),
        (r#"{"user_id": "d654e6ba-70a3-48ef-a95d-37c8d8a7901a"} x"#, Category::Syntax),
    ] {
        let error = serde_json::from_str::<CreateSession>(body).unwrap_err();
        assert_eq!(error.classify(), expected, "{body}");
    }
}

#[test]
fn a_user_cannot_create_sessions_for_anyone() {
    let world = world_of(Policy::hanko());
    let token = post(&service(&world), json!({ "user_id": USER })).unwrap().session_token;
    let user = block_on(service(&world).authenticate(&[token.expose()])).unwrap();
    let create =
        || block_on(service(&world).create_session(&user, body(json!({ "user_id": USER }))));
    let forbidden = (403, json!({ "code": 403, "message": "Forbidden" }));
    unchanged(&world, || assert_eq!(shown(create()), forbidden));
}

// 41
#[test]
fn what_a_host_does_not_acquire_is_not_kept() {
    let world = world_of(Policy::hanko());
    let blind = service(&world).acquire_ip_address(false).acquire_user_agent(false);
    let request = json!({ "user_id": USER, "user_agent": "curl/8.5.0", "ip_address": "192.0.2.7" });
    let answer = post(&blind, request).unwrap();
    let checked = world.check(answer.session_token.expose()).unwrap();
    let client = checked.session().unwrap().session().unwrap().client();
    assert_eq!((client.user_agent(), client.ip()), (None, None));
    assert_eq!(shown(post(&blind, json!({ "user_id": USER, "ip_address": "x" }))).0, 400);
}

// 42
#[test]
fn methods_are_claimed_when_they_are_known_and_never_by_the_admin_api() {
    let world = world_of(Policy::hanko());
    let answer = post(&service(&world), json!({ "user_id": USER })).unwrap();
    assert!(payload(answer.session_token.expose()).get("amr").is_none());
    let login = NewSession::for_subject(id(USER))
        .verified_by_host(FactorKind::Password)
        .verified_by_host(FactorKind::Totp);
    let login = world.create(login).unwrap();
    assert_eq!(payload(login.token())["amr"], json!(["pwd", "otp", "mfa"]));
    let need = Requirement::new();
    assert!(
        world.check_for(answer.session_token.expose(), &need).unwrap().assurance_level().is_none()
    );
}

#[test]
fn an_issuer_with_opaque_tokens_answers_too() {
    let world = world_of(Policy::hanko().credentials(Credentials::Access(AccessFormat::Opaque)));
    let answer = post(&service(&world), json!({ "user_id": USER })).unwrap();
    world.check(answer.session_token.expose()).unwrap();
}
