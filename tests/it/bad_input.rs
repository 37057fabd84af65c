//! Bad input: a typed error with a stable code, the store unchanged, and no panic, at every door.

use session_issuer::{
    NewSession, Policy, Refresh, Requirement, Revoke, SessionQuery, Update,
    actor::{Actor, ActorChain},
    client::ClientInfo,
    error::{Error, ErrorKind, InputField, InvalidInput, Problem},
    factor::{Challenge, Check, FactorKind},
    id::{AppId, CreatorId, DeviceId, SessionId, SubjectId, TenantId, check_text},
    issuer::{Decide, Exchange, FindRequest},
    metadata::{HostClaims, Metadata},
    testing::block_on,
};

use crate::world::*;

fn naughty() -> Vec<String> {
    serde_json::from_str(include_str!("../vectors/strings/blns.json")).unwrap()
}

// 75 of the requirements
#[test]
fn naughty_strings_are_taken_whole_or_refused_and_never_altered() {
    let world = World::new(opaque_pairs());
    let (mut taken, mut refused) = (0, 0);
    for text in naughty() {
        match SubjectId::new(&text) {
            Ok(subject) => {
                assert_eq!(subject.as_str(), text);
                let login = world.create(NewSession::for_subject(subject.clone())).unwrap();
                assert_eq!(world.check(login.token()).unwrap().subject().unwrap(), &subject);
                let listed =
                    block_on(world.issuer.list(SessionQuery::of_subject(subject))).unwrap();
                assert!(
                    listed.sessions().iter().all(|view| view.subject().unwrap().as_str() == text)
                );
                taken += 1;
            }
            Err(error) => {
                let hopeless = text.is_empty()
                    || text.chars().count() > 200
                    || text
                        .chars()
                        .any(|c| c.is_control() || ('\u{200e}'..='\u{202e}').contains(&c))
                    || text
                        .chars()
                        .any(|c| c == '\u{61c}' || ('\u{2066}'..='\u{2069}').contains(&c));
                assert!(hopeless, "{text:?} was refused: {error}");
                refused += 1;
            }
        }
    }
    assert!(taken > 300 && refused > 5, "{taken} taken, {refused} refused");
}

// 14 of the requirements
#[test]
fn no_text_makes_any_door_panic_or_write() {
    let world = World::new(Policy::default());
    let login = world.login("alice");
    let mut texts = naughty();
    texts.extend(
        ["ses_r1_", "ses_s1_é", "a.b.c", "...", "e30.e30.e30", "\u{202e}", "ses_\u{0}1_"]
            .map(String::from),
    );
    texts.extend([
        ".".repeat(100_000),
        "ses_r1_".to_owned() + &"A".repeat(100_000),
        "[".repeat(50_000),
    ]);
    let app = AppId::new("films").unwrap();
    unchanged(&world, || {
        for text in &texts {
            let malformed = ErrorKind::MalformedToken;
            let kind = if text.starts_with("ses_") { ErrorKind::WrongTokenKind } else { malformed };
            refused(world.issuer.verify(text), kind);
            refused(world.check(text), malformed);
            refused(world.refresh(text), malformed);
            refused(block_on(world.issuer.session_by(text)), malformed);
            refused(block_on(world.issuer.session_by_refresh_token(text)), malformed);
            refused(block_on(world.issuer.request(FindRequest::new(text))), malformed);
            refused(world.update(Update::with_token(text)), malformed);
            refused(block_on(world.issuer.revoke(Revoke::token(text))), malformed);
            refused(block_on(world.issuer.revoke(Revoke::others_than(text))), malformed);
            refused(block_on(world.issuer.decide(Decide::approve(text, id("alice")))), malformed);
            refused(block_on(world.issuer.exchange(Exchange::new(text, app.clone()))), malformed);
            let error =
                block_on(world.issuer.decide(Decide::deny(text).redirect(text))).unwrap_err();
            assert!([malformed, ErrorKind::InvalidInput].contains(&error.kind()), "{error:?}");
            let _ = (
                Check::totp(text),
                Check::password(text),
                Check::web_authn(text),
                text.parse::<SessionId>(),
            );
            let _ = (Metadata::of([(text, text)]), HostClaims::of([(text, text.as_str())]));
            let _ = (ClientInfo::new().with_user_agent(text), text.parse::<std::net::IpAddr>());
        }
    });
    world.check(login.token()).unwrap();
}

#[test]
fn every_name_is_bounded_and_plain() {
    let (long, most) = ("x".repeat(201), "x".repeat(200));
    type Door = fn(&str) -> Result<(), InvalidInput>;
    let doors: [(InputField, Door); 10] = [
        (InputField::Subject, |text| SubjectId::new(text).map(drop)),
        (InputField::Tenant, |text| TenantId::new(text).map(drop)),
        (InputField::Device, |text| DeviceId::new(text).map(drop)),
        (InputField::App, |text| AppId::new(text).map(drop)),
        (InputField::Creator, |text| CreatorId::new(text).map(drop)),
        (InputField::LoginName, |text| Check::login_name(text).map(drop)),
        (InputField::Fingerprint, |text| {
            ClientInfo::new().with_fingerprint(text).checked().map(drop)
        }),
        (InputField::MetadataKey, |text| Metadata::of([(text, "v")]).map(drop)),
        (InputField::ImpersonationReason, |text| {
            ActorChain::new(Actor::new(id("op")), text).map(drop)
        }),
        (InputField::Host("team"), |text| check_text(InputField::Host("team"), text)),
    ];
    for (field, door) in doors {
        let problem = |text: &str| {
            let error = door(text).unwrap_err();
            assert_eq!(error.field, field);
            let public = Error::from(error);
            assert_eq!((public.kind(), public.http_status()), (ErrorKind::InvalidInput, 400));
            assert!(
                text.is_empty() || !format!("{public} {public:?}").contains(text),
                "it shows what was given"
            );
            error.problem
        };
        assert_eq!(problem(""), Problem::Empty);
        assert_eq!(problem(&long), Problem::TooLong(200));
        for control in ["a\0b", "a\nb", "a\u{7f}b", "a\u{80}b", "a\u{9f}b", "\r"] {
            assert_eq!(problem(control), Problem::ControlCharacter, "{field}");
        }
        for bidi in ["a\u{202e}b", "a\u{2066}b", "a\u{200f}b"] {
            assert_eq!(problem(bidi), Problem::BidiCharacter, "{field}");
        }
        door(&most).unwrap();
    }
}

#[test]
fn a_client_with_a_part_that_is_refused_is_refused_by_every_verb() {
    let (world, app) = (World::new(Policy::default()), AppId::new("app").unwrap());
    let login = world.login("alice");
    let split = ClientInfo::new().with_user_agent("a\r\nSet-Cookie: x");
    unchanged(&world, || {
        for error in [
            world.create(NewSession::for_subject(id("alice")).client(split.clone())).unwrap_err(),
            block_on(
                world.issuer.update(Update::as_host(login.session_id()).client(split.clone())),
            )
            .unwrap_err(),
            block_on(world.issuer.refresh(Refresh::new(&refresh_of(&login)).client(&split)))
                .unwrap_err(),
            block_on(
                world.issuer.exchange(Exchange::new("any", app.clone()).client(split.clone())),
            )
            .unwrap_err(),
        ] {
            let expected = InvalidInput::new(InputField::UserAgent, Problem::ControlCharacter);
            assert_eq!(
                (error.kind(), error.invalid_input()),
                (ErrorKind::InvalidInput, Some(&expected))
            );
        }
    });
}

#[test]
fn bad_ids_are_refused() {
    for bad in ["", "x", "936da01f9abd4d9d80c702af85c822a8", "936da01f-9abd-4d9d-80c7-02af85c822a8"]
    {
        let malformed = InvalidInput::new(InputField::SessionId, Problem::Malformed);
        assert_eq!(bad.parse::<SessionId>(), Err(malformed), "{bad}");
        let error = serde_json::from_value::<SessionId>(bad.into()).unwrap_err();
        assert_eq!(error.to_string(), malformed.to_string(), "{bad}");
    }
}

#[test]
fn checks_that_make_no_sense_are_refused_before_anything_runs() {
    let world = World::new(Policy::zitadel());
    world.people.add("alice", "pw");
    let password = || Check::password("pw").unwrap();
    unchanged(&world, || {
        refused(
            world.create(NewSession::from_checks([password(), password()])),
            ErrorKind::InvalidInput,
        );
        refused(world.create(NewSession::from_checks([password()])), ErrorKind::SubjectMissing);
        refused(
            world.create(NewSession::anonymous().verified_by_host(FactorKind::Password)),
            ErrorKind::SubjectMissing,
        );
        let chain = || ActorChain::new(Actor::new(id("op")), "ticket").unwrap();
        let acting =
            NewSession::impersonating(id("alice"), chain()).verified_by_host(FactorKind::Password);
        refused(world.create(acting), ErrorKind::ImpersonationRefused);
        for lifetime in [std::time::Duration::ZERO, 2 * HOUR] {
            let acting = NewSession::impersonating(id("alice"), chain()).lifetime(lifetime);
            refused(world.create(acting), ErrorKind::InvalidInput);
        }
    });
    let too_long = Challenge::new(FactorKind::Totp, &"x".repeat(4097), world.issuer.now());
    assert_eq!(too_long.unwrap_err().field, InputField::Challenge);
}

#[test]
fn host_claims_cannot_plant_a_reserved_claim_at_any_door() {
    for name in [
        "sub", "exp", "iat", "sid", "gen", "epo", "act", "iss", "aud", "tenant", "amr", "acr",
        "jti", "nbf",
    ] {
        let error = HostClaims::of([(name, "mallory")]).unwrap_err();
        assert_eq!(error.problem, Problem::Reserved, "{name}");
    }
    // The preset's other name for the session's id is as reserved as the others.
    let world = World::new(Policy::hanko());
    let claims = || HostClaims::of([("session_id", "mine")]).unwrap();
    let login = world.login("alice");
    unchanged(&world, || {
        for error in [
            world.create(NewSession::for_subject(id("alice")).claims(claims())).unwrap_err(),
            block_on(world.issuer.update(Update::as_host(login.session_id()).claims(claims())))
                .unwrap_err(),
            block_on(world.issuer.refresh(Refresh::new("any").claims(claims()))).unwrap_err(),
            block_on(
                world
                    .issuer
                    .exchange(Exchange::new("any", AppId::new("a").unwrap()).claims(claims())),
            )
            .unwrap_err(),
        ] {
            assert_eq!(error.invalid_input().unwrap().problem, Problem::Reserved);
        }
    });
    let verified = world.issuer.verify(login.token()).unwrap();
    assert_eq!(verified.session_id(), login.session_id());
    assert!(verified.host().get("session_id").is_none());
    assert!(!world.check(login.token()).unwrap().needs_refresh());
}

#[test]
fn a_token_as_large_as_the_claims_allow_still_verifies() {
    let world = World::new(Policy::default());
    let claims = HostClaims::of([("big", "é".repeat(2030))]).unwrap();
    let login = world.create(
        NewSession::for_subject(SubjectId::new("\u{1F600}".repeat(200)).unwrap()).claims(claims),
    );
    let login = login.unwrap();
    assert!(login.token().len() <= session_issuer::token::MAX_TOKEN_BYTES);
    world.issuer.verify(login.token()).unwrap();
    world.check_for(login.token(), &Requirement::new()).unwrap();
    block_on(world.issuer.refresh(Refresh::new(&refresh_of(&login)))).unwrap();
}
