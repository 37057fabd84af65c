//! Hanko's create call. Numbers are those of the seed cases.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use session_issuer::{
    Issuer, NewSession, Policy, Requirement, SessionQuery,
    compat::{
        Profiles,
        hanko::{
            ApiError, Caller, CreateSession, CreateSessionResponse, Email, Profile, Service, create_session,
        },
    },
    error::{ErrorKind, RevokeReason},
    event::EventKind,
    factor::FactorKind,
    id::{CreatorId, SubjectId},
    policy::{AbsoluteLifetime, AccessFormat, Credentials},
    signer::KeyRing,
    store::MemoryStore,
    testing::block_on,
    token::TokenKeys,
    verifier::VerifyError,
};

use crate::{compat_create::*, world::*};

fn post(service: &Service, request: Value) -> Result<CreateSessionResponse, ApiError> {
    let admin = Caller::Admin(CreatorId::new("admin-api").unwrap());
    block_on(create_session(service, &admin, body::<CreateSession>(request)))
}

fn service(world: &World) -> Service {
    Service::new(world.issuer.clone())
}

fn sessions(world: &World) -> usize {
    block_on(world.issuer.list(SessionQuery::of_subject(id(USER)))).unwrap().sessions().len()
}

/// Says the same of every user.
#[derive(Debug)]
struct Same(Profile);

#[async_trait]
impl Profiles<Profile> for Same {
    async fn profile(&self, _: &SubjectId) -> Result<Profile, VerifyError> {
        Ok(self.0.clone())
    }
}

// 1, 18
#[test]
fn a_user_gets_a_token_that_names_the_session() {
    let world = world_of(Policy::hanko());
    let answer = post(&service(&world), json!({ "user_id": USER, "user_agent": "curl/8.5.0" })).unwrap();
    let checked = world.check(answer.session_token.expose()).unwrap();
    let claims = payload(answer.session_token.expose());
    assert_eq!(claims["session_id"], json!(checked.session_id().to_string()));
    assert_eq!(claims["sub"], json!(USER));
    assert!(claims["session_id"].as_str().unwrap().parse::<session_issuer::id::SessionId>().is_ok());
    let session = checked.session().unwrap();
    assert_eq!(claims["iat"], json!(session.created_at().as_secs()));
    assert_eq!(session.last_seen_at(), session.created_at());
    assert_eq!(claims["exp"], json!(session.ends_at().unwrap().as_secs()));
    let record = session.session().unwrap();
    assert_eq!(record.client().agent(), Some("curl/8.5.0"));
    assert_eq!(record.creator().unwrap().as_str(), "admin-api");
    let json = serde_json::to_value(&answer).unwrap();
    assert_eq!(json, json!({ "session_token": answer.session_token.expose() }));
}

// 2, 3
#[test]
fn every_broken_rule_is_named_and_nothing_is_stored() {
    let world = world_of(Policy::hanko());
    let bad_request = |request, message: &str| {
        let expected = (400, json!({ "code": 400, "message": message }));
        unchanged(&world, || assert_eq!(shown(post(&service(&world), request)), expected));
    };
    bad_request(json!({}), "user_id is a required field");
    bad_request(json!({ "user_id": null }), "user_id is a required field");
    bad_request(json!({ "user_id": "" }), "user_id is a required field");
    for malformed in
        ["alice", "d654e6ba70a348efa95d37c8d8a7901a", "{d654e6ba-70a3-48ef-a95d-37c8d8a7901a}", " "]
    {
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
    bad_request(json!({ "user_id": USER, "user_agent": "a\r\nb" }), "user_agent has a control character");
    assert_eq!(sessions(&world), 0);
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
    assert_eq!(sessions(&world), 5);
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
    assert!(tokens[1..].iter().all(|token| world.check(token.expose()).is_ok()));
    let evicted =
        |kind: &EventKind| matches!(kind, EventKind::Revoked { reason: RevokeReason::Limit, by: None });
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
    let five_minutes =
        Policy::hanko().access_lifetime(5 * MINUTE).absolute_lifetime(AbsoluteLifetime::After(5 * MINUTE));
    let world = world_of(five_minutes);
    let mut profile = Profile::default();
    profile.custom.insert("plan".to_owned(), json!({ "name": "gold", "seats": [1, 2] }));
    for name in ["sub", "exp", "iat", "iss", "aud", "session_id", "email", "username", "sid", "amr"] {
        profile.custom.insert(name.to_owned(), json!("planted"));
    }
    let without_email = service(&world).profiles(Same(profile.clone()));
    let token = post(&without_email, json!({ "user_id": USER })).unwrap().session_token;
    let claims = payload(token.expose());
    assert!(!claims.to_string().contains("planted"), "{claims}");
    assert!(claims.get("email").is_none() && claims.get("username").is_none());

    profile.email = Some(Email::primary("mini@mouse.com", true));
    profile.username = Some("mini".to_owned());
    let token =
        post(&service(&world).profiles(Same(profile)), json!({ "user_id": USER })).unwrap().session_token;
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
            .store(Arc::new(MemoryStore::new()))
            .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
            .signer(KeyRing::hs256("k1", &secret(2)).unwrap())
            .policy(Policy::hanko())
            .name("rp.example");
        let builder = audiences.iter().fold(builder, |builder, audience| builder.audience(*audience));
        let service = Service::new(builder.build().unwrap());
        let claims = payload(post(&service, json!({ "user_id": USER })).unwrap().session_token.expose());
        assert_eq!(claims["iss"], json!("rp.example"));
        claims["aud"].clone()
    };
    assert_eq!(audience(&[]), json!(["rp.example"]));
    assert_eq!(audience(&["a", "b"]), json!(["a", "b"]));
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
    assert_eq!((client.agent(), client.ip()), (None, None));
    assert_eq!(shown(post(&blind, json!({ "user_id": USER, "ip_address": "x" }))).0, 400);
}

// 42
#[test]
fn methods_are_told_when_they_are_known_and_never_by_the_admin_api() {
    let world = world_of(Policy::hanko());
    let answer = post(&service(&world), json!({ "user_id": USER })).unwrap();
    assert!(payload(answer.session_token.expose()).get("amr").is_none());
    let login = NewSession::for_subject(id(USER))
        .verified_by_host(FactorKind::Password)
        .verified_by_host(FactorKind::Totp);
    let login = world.create(login).unwrap();
    assert_eq!(payload(login.token())["amr"], json!(["pwd", "otp", "mfa"]));
    let need = Requirement::new();
    assert!(world.check_for(answer.session_token.expose(), &need).unwrap().assurance_level().is_none());
}

#[test]
fn an_issuer_with_opaque_tokens_answers_too() {
    let world = world_of(Policy::hanko().credentials(Credentials::Access(AccessFormat::Opaque)));
    let answer = post(&service(&world), json!({ "user_id": USER })).unwrap();
    world.check(answer.session_token.expose()).unwrap();
}
