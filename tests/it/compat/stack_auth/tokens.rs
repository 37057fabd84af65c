//! Stack Auth's access tokens: whom they are for, and why one is refused. Numbers are those of the
//! seed cases.

use std::sync::Arc;

use serde_json::{Value, json};
use session_issuer::{
    Issuer, NewSession, Policy,
    compat::stack_auth::{AccessToken, Profile, Service, UserKind},
    metadata::HostClaims,
    policy::{AccessFormat, Credentials, Freshness},
    signer::KeyRing,
    testing::{Fault, Verb, block_on},
    token::TokenKeys,
};

use crate::{
    compat::{
        create::*,
        stack_auth::{
            create::{Same, service},
            refresh::{Users, over, pair, refresh, rotating},
        },
    },
    world::*,
};

const API: &str = "https://api.example/api/v1/";
const KINDS: [UserKind; 3] = [UserKind::Regular, UserKind::Anonymous, UserKind::Restricted];

/// An issuer over this world's store, for tokens of this kind of user, with a ring of its own.
fn issuer_of(world: &World, kind: UserKind) -> Issuer {
    let seed = KINDS.iter().position(|known| *known == kind).unwrap();
    Issuer::builder()
        .store(Arc::clone(&world.store))
        .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
        .signer(
            KeyRing::hs256(&format!("k{seed}"), &secret(10 + u8::try_from(seed).unwrap())).unwrap(),
        )
        .directory(Arc::clone(&world.people))
        .events(Arc::clone(&world.sink))
        .clock(world.clock.clone())
        .policy(Policy::stack_auth())
        .name(kind.issuer_name(API, "project-1"))
        .audience(kind.audience("project-1"))
        .build()
        .unwrap()
}

fn service_of_kinds(world: &World) -> Service {
    let [regular, anonymous, restricted] = KINDS.map(|kind| issuer_of(world, kind));
    Service::new(regular).kinds(anonymous, restricted).project("project-1", "main")
}

fn check(
    service: &Service,
    token: &str,
    freshness: Freshness,
) -> Result<AccessToken, (u16, Value)> {
    block_on(service.check_access_token(token, freshness))
        .map_err(|error| (error.status, serde_json::to_value(error).unwrap()))
}

fn unparsable() -> (u16, Value) {
    (401, json!({ "code": "UNPARSABLE_ACCESS_TOKEN", "error": "Access token is not parsable." }))
}

const BOTH: [Freshness; 2] = [Freshness::Stateless, Freshness::Store];

#[test]
fn issuer_and_audience_name_the_kind_of_user() {
    let world = world_of(Policy::stack_auth());
    let users = Users::default();
    let service = service_of_kinds(&world).profiles(users.clone());
    let (token, regular) = pair(&service);
    users.change(|user| user.restricted_reason = Some("email_not_verified".to_owned()));
    let restricted = refresh(&service, &token).unwrap().access_token;
    users.change(|user| user.is_anonymous = true);
    let also_anonymous = refresh(&service, &token).unwrap().access_token;
    users.change(|user| user.restricted_reason = None);
    let anonymous = refresh(&service, &token).unwrap().access_token;
    let cases = [
        (regular.as_str(), UserKind::Regular, "projects", "project-1", Value::Null),
        (
            restricted.expose(),
            UserKind::Restricted,
            "projects-restricted-users",
            "project-1:restricted",
            json!({ "type": "email_not_verified" }),
        ),
        (
            also_anonymous.expose(),
            UserKind::Anonymous,
            "projects-anonymous-users",
            "project-1:anon",
            json!({ "type": "email_not_verified" }),
        ),
        (
            anonymous.expose(),
            UserKind::Anonymous,
            "projects-anonymous-users",
            "project-1:anon",
            json!({ "type": "anonymous" }),
        ),
    ];
    for (token, kind, path, audience, reason) in cases {
        let claims = payload(token);
        assert_eq!(claims["iss"], json!(format!("https://api.example/api/v1/{path}/project-1")));
        assert_eq!(claims["aud"], json!(audience));
        assert_eq!(claims["is_anonymous"], json!(kind == UserKind::Anonymous));
        assert_eq!(claims["is_restricted"], json!(kind != UserKind::Regular));
        assert_eq!(claims["restricted_reason"], reason);
        for freshness in BOTH {
            let checked = check(&service, token, freshness).unwrap();
            assert_eq!((checked.kind(), checked.user().as_str()), (kind, USER));
            assert_eq!(checked.claims().get("project_id"), Some(&json!("project-1")));
        }
    }
    // Whoever signs up has a regular token at the next refresh.
    users.change(|user| *user = Profile::default());
    let next = refresh(&service, &token).unwrap().access_token;
    assert_eq!(check(&service, next.expose(), Freshness::Store).unwrap().kind(), UserKind::Regular);
    block_on(service.sign_out(anonymous.expose())).unwrap();
    assert_eq!(shown(refresh(&service, &token)), over());
}

#[test]
fn a_token_whose_claims_name_another_kind_than_its_audience_is_not_parsable() {
    let world = world_of(Policy::stack_auth());
    let service = service_of_kinds(&world);
    let claims = |anonymous: Value, restricted: Value, reason: Value| {
        HostClaims::of([
            ("is_anonymous", anonymous),
            ("is_restricted", restricted),
            ("restricted_reason", reason),
        ])
        .unwrap()
    };
    let (yes, no, because) = (json!(true), json!(false), json!({ "type": "x" }));
    for kind in KINDS {
        let issuer = issuer_of(&world, kind);
        for (anonymous, restricted, reason, named) in [
            (&no, &no, &Value::Null, Some(UserKind::Regular)),
            (&no, &yes, &because, Some(UserKind::Restricted)),
            (&yes, &yes, &because, Some(UserKind::Anonymous)),
            (&yes, &no, &Value::Null, None),
            (&no, &yes, &Value::Null, None),
            (&no, &no, &because, None),
            (&json!("true"), &no, &Value::Null, None),
            (&no, &json!(1), &because, None),
        ] {
            let claims = claims(anonymous.clone(), restricted.clone(), reason.clone());
            let login =
                block_on(issuer.create(NewSession::for_subject(id(USER)).claims(claims))).unwrap();
            for freshness in BOTH {
                let checked = check(&service, login.token(), freshness).map(|token| token.kind());
                match named == Some(kind) {
                    true => assert_eq!(checked, Ok(kind)),
                    false => {
                        assert_eq!(checked, Err(unparsable()), "{kind:?} {anonymous} {restricted}")
                    }
                }
            }
        }
    }
}

#[test]
fn with_one_issuer_the_claims_name_the_kind() {
    let world = world_of(Policy::stack_auth());
    let mut profile = Profile::default();
    profile.is_anonymous = true;
    let service = service(&world).profiles(Same(profile));
    let (_, access) = pair(&service);
    let checked = check(&service, &access, Freshness::Stateless).unwrap();
    assert_eq!(checked.kind(), UserKind::Anonymous);
    assert_eq!(payload(&access)["aud"], json!("session-issuer"));
    assert!(!format!("{checked:?}").contains(USER));
}

// 69 (absent values)
#[test]
fn what_is_not_known_of_a_user_is_null() {
    let world = world_of(Policy::stack_auth());
    let service = service(&world).profiles(Same(Profile::default()));
    let (_, access) = pair(&service);
    let claims = payload(&access);
    for name in ["name", "email", "selected_team_id", "signed_up_at", "restricted_reason"] {
        assert_eq!(claims.get(name), Some(&Value::Null), "{name}");
    }
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
}

// 67
#[test]
fn after_a_sign_out_a_stateless_check_still_passes_and_the_store_refuses() {
    let world = world_of(Policy::stack_auth());
    let (token, access) = pair(&service(&world));
    let checked = check(&service(&world), &access, Freshness::Store).unwrap();
    assert_eq!(json!(checked.session_id()), payload(&access)["refresh_token_id"]);
    assert!(!checked.is_impersonation());
    block_on(world.issuer.sync_revocations()).unwrap();
    let reads = world.store.reads();
    check(&service(&world), &access, Freshness::AtMost(MINUTE)).unwrap();
    assert_eq!(world.store.reads(), reads, "by what the issuer has heard of revocations");
    block_on(service(&world).sign_out(&token)).unwrap();
    check(&service(&world), &access, Freshness::Stateless).unwrap();
    assert_eq!(check(&service(&world), &access, Freshness::Store), Err(over()));
    block_on(world.issuer.sync_revocations()).unwrap();
    assert_eq!(check(&service(&world), &access, Freshness::AtMost(MINUTE)), Err(over()));
    world.advance(10 * MINUTE);
    for freshness in BOTH {
        assert_eq!(
            check(&service(&world), &access, freshness).unwrap_err().1["code"],
            "ACCESS_TOKEN_EXPIRED"
        );
    }
}

#[test]
fn an_expired_access_token_says_when_and_whose_it_was() {
    let world = world_of(Policy::stack_auth());
    let service = service(&world).project("project-1", "main");
    let (_, access) = pair(&service);
    let claims = payload(&access);
    world.advance(10 * MINUTE);
    let expected = json!({
        "code": "ACCESS_TOKEN_EXPIRED",
        "details": {
            "expired_at_millis": claims["exp"].as_i64().unwrap() * 1000,
            "project_id": "project-1",
            "user_id": USER,
            "refresh_token_id": claims["sid"],
        },
        "error": "Access token has expired. Please refresh it and try again.",
    });
    for freshness in BOTH {
        unchanged(&world, || {
            assert_eq!(check(&service, &access, freshness), Err((401, expected.clone())));
        });
    }
}

#[test]
fn what_is_no_access_token_of_ours_is_not_parsable() {
    let world = world_of(Policy::stack_auth());
    let service = service_of_kinds(&world);
    let (token, access) = pair(&service);
    let stranger = World::new(Policy::stack_auth()).login(USER);
    let forged = format!("{}AAAA", &access[..access.len() - 4]);
    for freshness in BOTH {
        for bad in ["", "x", "a.b.c", &token, &forged, stranger.token(), &"x".repeat(10_000)] {
            unchanged(&world, || {
                assert_eq!(check(&service, bad, freshness), Err(unparsable()), "{bad}")
            });
        }
        check(&service, &access, freshness).unwrap();
    }
}

#[test]
fn an_access_token_of_a_gone_session_or_user_says_it_is_over() {
    let world = world_of(Policy::stack_auth());
    world.people.add(STRANGER, "pw");
    let (_, access) = pair(&service(&world));
    world.people.remove(USER);
    for freshness in BOTH {
        assert_eq!(check(&service(&world), &access, freshness), Err(over()));
    }
    block_on(service(&world).user_deleted(&id(USER))).unwrap();
    assert_eq!(check(&service(&world), &access, Freshness::Store), Err(over()));
    // A store that has lost the session, such as a new one.
    let elsewhere = World::over(
        Policy::stack_auth(),
        world.clock.clone(),
        Arc::new(session_issuer::testing::FaultyStore::new(crate::world::any_store())),
    );
    assert_eq!(check(&service(&elsewhere), &access, Freshness::Store), Err(over()));
    check(&service(&elsewhere), &access, Freshness::Stateless).unwrap();
}

#[test]
fn a_store_that_fails_is_never_a_sign_out() {
    let world = world_of(Policy::stack_auth());
    let (_, access) = pair(&service(&world));
    world.store.fail_next(Verb::Load, Fault::Before);
    let internal =
        (500, json!({ "code": "INTERNAL_SERVER_ERROR", "error": "Something went wrong." }));
    assert_eq!(check(&service(&world), &access, Freshness::Store), Err(internal));
    check(&service(&world), &access, Freshness::Store).unwrap();
}

#[test]
fn an_access_token_that_was_rotated_out_is_to_be_refreshed() {
    let world = world_of(rotating());
    let (mut token, access) = pair(&service(&world));
    for _ in 0..2 {
        world.advance(SECOND);
        token =
            refresh(&service(&world), &token).unwrap().refresh_token.unwrap().expose().to_owned();
    }
    let refused = check(&service(&world), &access, Freshness::Store).unwrap_err();
    assert_eq!((refused.0, &refused.1["code"]), (401, &json!("ACCESS_TOKEN_EXPIRED")));
}

#[test]
fn an_opaque_access_token_is_checked_by_its_session() {
    let world = world_of(Policy::stack_auth().credentials(Credentials::Pair(AccessFormat::Opaque)));
    let mut profile = Profile::default();
    profile.restricted_reason = Some("email_not_verified".to_owned());
    let service = service(&world).profiles(Same(profile));
    let (_, access) = pair(&service);
    assert_eq!(
        check(&service, &access, Freshness::Stateless).unwrap().kind(),
        UserKind::Restricted
    );
    world.advance(10 * MINUTE);
    let refused = check(&service, &access, Freshness::Store).unwrap_err();
    assert_eq!(refused.1["code"], json!("ACCESS_TOKEN_EXPIRED"));
    assert_eq!(refused.1["details"]["expired_at_millis"], Value::Null);
}

#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
#[test]
fn access_tokens_are_signed_by_es256_and_verified_by_the_published_key_alone() {
    use session_issuer::{
        entropy::SystemEntropy, signer::Jwks, signer::SecretKey, token::Algorithm,
        verify::TokenVerifier,
    };
    let key = SecretKey::generate(Algorithm::Es256, &SystemEntropy).unwrap().key;
    let ring = KeyRing::new(key);
    let clock = session_issuer::testing::ManualClock::new();
    let kind = UserKind::Regular;
    let (name, audience) = (kind.issuer_name(API, "project-1"), kind.audience("project-1"));
    let issuer = Issuer::builder()
        .store(crate::world::any_store())
        .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
        .signer(ring.clone())
        .clock(clock.clone())
        .policy(Policy::stack_auth())
        .name(name.clone())
        .audience(audience.clone())
        .build()
        .unwrap();
    let published = serde_json::to_vec(&ring.jwks(issuer.now())).unwrap();
    let (_, access) = pair(&Service::new(issuer));
    let verifier = TokenVerifier::builder(name)
        .audience(audience)
        .policy(Policy::stack_auth())
        .keys(Jwks::parse(&published).unwrap())
        .clock(clock)
        .build()
        .unwrap();
    assert_eq!(verifier.verify(&access).unwrap().subject().unwrap().as_str(), USER);
}

#[test]
fn one_audience_is_written_as_text_and_several_as_a_list() {
    for (audiences, written) in [(&["a"][..], json!("a")), (&["a", "b"], json!(["a", "b"]))] {
        let builder = Issuer::builder()
            .store(crate::world::any_store())
            .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
            .signer(KeyRing::hs256("k1", &secret(10)).unwrap())
            .policy(Policy::stack_auth());
        let issuer =
            audiences.iter().fold(builder, |builder, audience| builder.audience(*audience));
        let issuer = issuer.build().unwrap();
        let issued = block_on(issuer.create(NewSession::for_subject(id("alice")))).unwrap();
        assert_eq!(payload(issued.token())["aud"], written);
        assert_eq!(issuer.verify(issued.token()).unwrap().audience(), audiences);
    }
}
