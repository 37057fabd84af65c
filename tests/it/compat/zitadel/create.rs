//! ZITADEL's create call, v2alpha. Numbers are those of the seed cases.

use std::time::Duration;

use serde_json::{Value, json};
use session_issuer::{
    NewSession, Policy,
    compat::zitadel::{
        Answers, ApiError, Caller, CreateSession, CreateSessionResponse, Service, TokenRule,
    },
    error::ErrorKind,
    event::EventKind,
    factor::{Check, FactorKind},
    id::CreatorId,
    testing::block_on,
};

use crate::{compat::create::*, world::*};

fn post(service: &Service, request: Value) -> Result<CreateSessionResponse, ApiError> {
    let caller = Caller::new(CreatorId::new("login-page").unwrap(), "acme").unwrap();
    block_on(service.create_session(&caller, body::<CreateSession>(request)))
}

fn service(world: &World) -> Service {
    Service::new(world.issuer.clone())
}

fn checks(user: Value, password: &str) -> Value {
    json!({ "checks": { "user": user, "password": { "password": password } } })
}

pub fn zitadel(code: u8, id: &str, key: &str) -> Value {
    let detail =
        json!({ "@type": "type.googleapis.com/zitadel.v1.ErrorDetail", "id": id, "message": key });
    json!({ "code": code, "message": format!("{key} ({id})"), "details": [detail] })
}

fn wrong_password() -> (u16, Value) {
    (400, zitadel(3, "COMMAND-SAF3g", "Errors.User.Password.Invalid"))
}

/// What breaks a rule of the schema: where, which field, and how.
fn invalid(parent: &str, rule: &str) -> (u16, Value) {
    let path =
        |name: &str| format!("invalid {name}: embedded message failed validation | caused by: ");
    let message = format!("{}{}invalid {rule}", path("CreateSessionRequest.Checks"), path(parent));
    (400, json!({ "code": 3, "message": message, "details": [] }))
}

// 75
#[test]
fn a_session_without_checks_is_about_nobody_and_belongs_to_the_callers_organisation() {
    let world = world_of(Policy::zitadel());
    world.advance(Duration::from_millis(7));
    for request in [json!({}), json!({ "checks": {}, "metadata": {} }), json!({ "checks": null })] {
        let answer = post(&service(&world), request).unwrap();
        assert_eq!((answer.details.sequence, answer.details.resource_owner.as_str()), (1, "acme"));
        assert_eq!(answer.details.change_date, world.issuer.now());
        let checked = world.check(answer.session_token.expose()).unwrap();
        assert_eq!(checked.session_id(), answer.session_id);
        refused(checked.subject(), ErrorKind::SubjectMissing);
        let session = checked.session().unwrap();
        assert_eq!(session.ends_at(), None, "no lifetime, no end");
        assert_eq!(session.session().unwrap().creator().unwrap().as_str(), "login-page");
        let json = serde_json::to_value(&answer).unwrap();
        let rfc_3339 = world.issuer.now().to_string();
        assert_eq!(
            json["details"],
            json!({ "sequence": "1", "changeDate": rfc_3339, "resourceOwner": "acme" })
        );
        assert_eq!(json["sessionId"], json!(answer.session_id.to_string()));
        assert_eq!(json["sessionToken"], json!(answer.session_token.expose()));
    }
}

// 86
#[test]
fn user_password_and_metadata_are_stored_at_one_moment_and_give_one_token() {
    let world = world_of(Policy::zitadel());
    let mut request = checks(json!({ "userId": USER }), "V3ryS3cure!");
    request["metadata"] = json!({ "hello": "d29ybGQ=", "empty": "", "bytes": "-_8" });
    let answer = post(&service(&world), request).unwrap();
    let checked = world.check(answer.session_token.expose()).unwrap();
    let view = checked.session().unwrap();
    let factors: Vec<_> =
        view.factors().iter().map(|factor| (factor.kind(), factor.at())).collect();
    let now = world.issuer.now();
    assert_eq!(factors, [(FactorKind::Subject, now), (FactorKind::Password, now)]);
    let metadata: Vec<_> = view.session().unwrap().metadata().iter().collect();
    assert_eq!(metadata, [("bytes", &[0xfb, 0xff][..]), ("hello", b"world")]);
    assert_eq!(answer.details.resource_owner, "org-1", "the directory's word comes first");
    assert_eq!(world.count(|kind| matches!(kind, EventKind::Created)), 1);
}

#[test]
fn a_user_is_found_by_login_name_and_by_both_names_when_they_agree() {
    let world = world_of(Policy::zitadel());
    world.people.add("goofy", "V3ryS3cure!");
    let login = format!("{USER}@example.com");
    for user in [
        json!({ "userId": USER }),
        json!({ "loginName": login }),
        json!({ "userId": USER, "loginName": login }),
        json!({ "user_id": USER }),
    ] {
        let answer = post(&service(&world), checks(user, "V3ryS3cure!")).unwrap();
        let checked = world.check(answer.session_token.expose()).unwrap();
        assert_eq!(checked.subject().unwrap().as_str(), USER);
        assert_eq!(checked.session().unwrap().factors().len(), 2);
    }
    let two = || json!({ "userId": USER, "loginName": "goofy@example.com" });
    let by_name = || post(&service(&world), json!({ "checks": { "user": two() } }));
    let rule = "CheckUser.Search: userId and loginName name different users";
    unchanged(&world, || assert_eq!(shown(by_name()), invalid("Checks.User", rule)));
    // With a password, two users are as wrong as none: the pair of names would tell who exists.
    let with_password = || post(&service(&world), checks(two(), "V3ryS3cure!"));
    assert_eq!(shown(with_password()), wrong_password());
    assert_eq!(cause(with_password()), Some(ErrorKind::SubjectChange));
}

// 87
#[test]
fn a_password_needs_a_user() {
    let world = world_of(Policy::zitadel());
    let outcome =
        || post(&service(&world), json!({ "checks": { "password": { "password": "x" } } }));
    let expected = (400, zitadel(9, "COMMAND-Sfw3f", "Errors.User.UserIDMissing"));
    unchanged(&world, || assert_eq!(shown(outcome()), expected));
    let later = service(&world).token_rule(TokenRule::Permission);
    let outcome = post(&later, json!({ "checks": { "password": { "password": "x" } } }));
    assert_eq!(shown(outcome), (400, zitadel(3, "COMMAND-Sfw3f", "Errors.User.UserIDMissing")));
}

// 88
#[test]
fn a_user_who_is_not_active_gets_no_session() {
    let world = world_of(Policy::zitadel());
    let create = || post(&service(&world), json!({ "checks": { "user": { "userId": USER } } }));
    let expected = (400, zitadel(9, "SESSION-Gj4ko", "Errors.User.NotActive"));
    world.people.change(USER, |user| user.disabled = true);
    unchanged(&world, || assert_eq!(shown(create()), expected));
    assert_eq!(cause(create()), Some(ErrorKind::SubjectDisabled));
    world.people.change(USER, |user| (user.disabled, user.locked) = (false, true));
    unchanged(&world, || assert_eq!(shown(create()), expected));
    assert_eq!(cause(create()), Some(ErrorKind::SubjectLocked));
}

#[test]
fn an_unknown_user_without_a_password_is_not_found() {
    let world = world_of(Policy::zitadel());
    let expected = (404, zitadel(5, "QUERY-Dfbg2", "Errors.User.NotFound"));
    for user in [json!({ "userId": STRANGER }), json!({ "loginName": "nobody" })] {
        let outcome = post(&service(&world), json!({ "checks": { "user": user } }));
        assert_eq!(shown(outcome), expected);
    }
}

// 129
#[test]
fn ids_names_and_passwords_have_1_to_200_characters() {
    let world = world_of(Policy::zitadel());
    let long = "ä".repeat(200);
    world.people.add(&long, &long);
    post(&service(&world), checks(json!({ "userId": long }), &long)).unwrap();
    world.people.change(&long, |user| user.login = "ö".repeat(200));
    post(&service(&world), checks(json!({ "loginName": "ö".repeat(200) }), &long)).unwrap();
    let rule =
        |field: &str| format!("{field}: value length must be between 1 and 200 runes, inclusive");
    for bad in [String::new(), "ä".repeat(201), "a".repeat(201)] {
        unchanged(&world, || {
            let by_id = post(&service(&world), checks(json!({ "userId": bad }), "x"));
            assert_eq!(shown(by_id), invalid("Checks.User", &rule("CheckUser.UserId")));
            let by_name = post(&service(&world), checks(json!({ "loginName": bad }), "x"));
            assert_eq!(shown(by_name), invalid("Checks.User", &rule("CheckUser.LoginName")));
            let password = post(&service(&world), checks(json!({ "userId": USER }), &bad));
            assert_eq!(
                shown(password),
                invalid("Checks.Password", &rule("CheckPassword.Password"))
            );
        });
    }
    unchanged(&world, || {
        let nobody = post(&service(&world), json!({ "checks": { "user": {} } }));
        assert_eq!(shown(nobody), invalid("Checks.User", "CheckUser.Search: value is required"));
        let missing = json!({ "checks": { "user": { "userId": USER }, "password": {} } });
        let expected = invalid("Checks.Password", &rule("CheckPassword.Password"));
        assert_eq!(shown(post(&service(&world), missing)), expected);
        let control = post(&service(&world), checks(json!({ "userId": "a\nb" }), "x"));
        let rule = "CheckUser.UserId: value has a control character";
        assert_eq!(shown(control), invalid("Checks.User", rule));
    });
    assert_eq!(
        world.people.attempts.lock().unwrap().len(),
        2,
        "no broken rule reaches the verifier"
    );
}

#[test]
fn metadata_is_base64_and_bounded() {
    let world = world_of(Policy::zitadel());
    let value = |bytes: usize| "AAAA".repeat(bytes / 3) + if bytes % 3 == 1 { "AA" } else { "" };
    let create =
        |key: &str, value: String| post(&service(&world), json!({ "metadata": { key: value } }));
    create(&"k".repeat(200), value(4096)).unwrap();
    let refused = |outcome, rule: &str| {
        let message = format!("invalid CreateSessionRequest.Metadata: {rule}");
        assert_eq!(shown(outcome), (400, json!({ "code": 3, "message": message, "details": [] })));
    };
    unchanged(&world, || {
        refused(create("k", value(4098)), "metadata value is longer than 4096");
        refused(create(&"k".repeat(201), value(3)), "metadata key is longer than 200");
        refused(create("", value(3)), "metadata key is empty");
        refused(create("k", "not base64".to_owned()), "a value is not base64");
        let many: serde_json::Map<_, _> = (0..65).map(|n| (n.to_string(), json!("AAAA"))).collect();
        refused(
            post(&service(&world), json!({ "metadata": many })),
            "metadata has more than 64 entries",
        );
    });
}

// 130
#[test]
fn an_unknown_user_and_a_wrong_password_have_one_answer_and_do_the_same_work() {
    let world = world_of(Policy::zitadel());
    let unknown = || post(&service(&world), checks(json!({ "userId": STRANGER }), "V3ryS3cure!"));
    let nobody = || post(&service(&world), checks(json!({ "loginName": "nobody" }), "V3ryS3cure!"));
    let wrong = || post(&service(&world), checks(json!({ "userId": USER }), "wrong"));
    unchanged(&world, || {
        for outcome in [unknown(), nobody(), wrong()] {
            assert_eq!(shown(outcome), wrong_password());
        }
    });
    let attempts = world.people.attempts.lock().unwrap().clone();
    let password = FactorKind::Password;
    assert_eq!(attempts, [(None, password), (None, password), (Some(id(USER)), password)]);
    assert_eq!(cause(unknown()), Some(ErrorKind::SubjectUnknown));
    assert_eq!(cause(wrong()), Some(ErrorKind::CheckFailed));
    world.people.change(USER, |user| user.disabled = true);
    assert_eq!(
        shown(post(&service(&world), checks(json!({ "userId": USER }), "V3ryS3cure!"))),
        wrong_password()
    );
}

#[test]
fn a_trusted_login_server_may_ask_for_zitadels_own_answers() {
    let world = world_of(Policy::zitadel());
    let precise = service(&world).answers(Answers::Precise);
    let create = |user: &str, password: &str| {
        shown(post(&precise, checks(json!({ "userId": user }), password)))
    };
    assert_eq!(create(STRANGER, "x"), (404, zitadel(5, "QUERY-Dfbg2", "Errors.User.NotFound")));
    assert_eq!(create(USER, "x"), wrong_password());
    let not_active = || (400, zitadel(9, "SESSION-Gj4ko", "Errors.User.NotActive"));
    world.people.change(USER, |user| user.locked = true);
    assert_eq!(create(USER, "x"), not_active());
    world.people.change(USER, |user| (user.locked, user.disabled) = (false, true));
    assert_eq!(create(USER, "x"), not_active());
}

// 128
#[test]
fn a_session_of_twenty_seconds_is_good_before_and_refused_after() {
    let world = world_of(Policy::zitadel());
    let login = NewSession::from_checks([Check::subject(id(USER))]).lifetime(20 * SECOND);
    let login = world.create(login).unwrap();
    world.advance(Duration::from_millis(19_999));
    world.check(login.token()).unwrap();
    world.advance(Duration::from_millis(1));
    refused(world.check(login.token()), ErrorKind::Expired);
}
