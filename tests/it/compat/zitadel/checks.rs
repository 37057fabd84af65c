//! ZITADEL's checks, each with a real verifier: what it needs, what it is called when it fails, how
//! often it is good. Numbers are those of the seed cases.

use std::{sync::Barrier, thread};

use async_trait::async_trait;
use serde_json::{Value, json};
use session_issuer::{
    compat::zitadel::{Answers, TokenRule},
    error::ErrorKind,
    event::EventKind,
    factor::FactorKind,
    testing::block_on,
    verifier::{AttemptLimit, Gate, Guess, Lockout, Unlimited, VerifyError},
};

use crate::{
    compat::{
        create::*,
        zitadel::{
            create::zitadel,
            host::*,
            set::{PASSWORD, get, login, patch},
        },
    },
    world::*,
};

fn bad(code: u8, id: &str, key: &str) -> (u16, Value) {
    (400, zitadel(code, id, key))
}

fn wrong_password() -> (u16, Value) {
    bad(3, "COMMAND-3M0fs", "Errors.User.Password.Invalid")
}

fn locked(id: &str) -> (u16, Value) {
    bad(9, id, "Errors.User.Locked")
}

fn intent(id: &str) -> Value {
    json!({ "idpIntent": { "idpIntentId": id, "idpIntentToken": format!("token of {id}") } })
}

fn no_user(code: u8, id: &str) -> (u16, Value) {
    bad(code, id, "Errors.User.UserIDMissing")
}

// 104, 126
#[test]
fn factors_of_every_kind_gather_and_the_latest_dates_the_login() {
    let host = Host::new(Unlimited);
    let session = host.create(json!({})).unwrap().session_id.to_string();
    assert_eq!(get(&host.service, &session).get("factors"), None, "of nobody, nothing is shown");
    host.intents.table.lock().unwrap().push(Intent {
        id: "1",
        who: "mini@idp",
        succeeded: true,
        ends_at: host.world.issuer.now().saturating_add(HOUR),
    });
    host.intents.links.lock().unwrap().insert(("mini@idp", USER.to_owned()));
    let mut expected = serde_json::Map::new();
    type Step<'a> = (&'a str, &'a dyn Fn() -> Value);
    let code = |way: &str, wanted: Value| {
        let asked = host.set(&session, json!({ "challenges": { way: wanted } })).unwrap();
        let challenges = serde_json::to_value(asked.challenges).unwrap();
        json!({ way: { "code": challenges[way] } })
    };
    let steps: [Step<'_>; 8] = [
        ("user", &|| json!({ "user": { "userId": USER } })),
        ("password", &|| json!({ "password": { "password": PASSWORD } })),
        ("intent", &|| intent("1")),
        ("webAuthN", &|| {
            let data = host.assertion(&session, "USER_VERIFICATION_REQUIREMENT_REQUIRED", VERIFIED);
            json!({ "webAuthN": { "credentialAssertionData": data } })
        }),
        ("totp", &|| json!({ "totp": { "code": host.app_code() } })),
        ("otpSms", &|| code("otpSms", json!({ "returnCode": true }))),
        ("otpEmail", &|| code("otpEmail", json!({ "returnCode": {} }))),
        ("recoveryCode", &|| json!({ "recoveryCode": { "code": host.recovery[0] } })),
    ];
    let mut tokens = std::collections::HashSet::new();
    for (name, check) in steps {
        host.world.advance(MINUTE);
        let checks = check();
        let set = host.check(&session, checks).unwrap();
        assert!(tokens.insert(set.session_token.expose().to_owned()), "{name}: a new token");
        expected.insert(name.to_owned(), json!(host.world.issuer.now().to_string()));
        let shown = get(&host.service, &session);
        let times: serde_json::Map<_, _> = shown["factors"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, factor)| (name.clone(), factor["verifiedAt"].clone()))
            .collect();
        assert_eq!(times, expected, "{name}");
        let checked = host.world.check(set.session_token.expose()).unwrap();
        let login = (name != "user").then(|| host.world.issuer.now());
        assert_eq!(checked.authenticated_at(), login, "naming somebody proves nothing");
    }
    host.world.advance(MINUTE);
    let again = host.check(&session, json!({ "password": { "password": PASSWORD } })).unwrap();
    expected["password"] = json!(host.world.issuer.now().to_string());
    let shown = get(&host.service, &session);
    assert_eq!(
        shown["factors"]["password"]["verifiedAt"], expected["password"],
        "run again, stamped again"
    );
    assert_eq!(shown["factors"]["totp"]["verifiedAt"], expected["totp"]);
    assert!(tokens.insert(again.session_token.expose().to_owned()));
}

// 87
#[test]
fn every_check_needs_a_user_and_has_its_own_name_for_that() {
    let host = Host::new(Unlimited);
    let session = host.create(json!({})).unwrap().session_id.to_string();
    let no_challenge = || bad(9, "COMMAND-Ioqu5", "Errors.Session.WebAuthN.NoChallenge");
    let table = [
        (json!({ "password": { "password": PASSWORD } }), no_user(3, "COMMAND-Sfw3f")),
        (intent("1"), no_user(9, "COMMAND-Sfw3r")),
        (json!({ "webAuthN": { "credentialAssertionData": {} } }), no_challenge()),
        (json!({ "totp": { "code": "123456" } }), no_user(3, "COMMAND-8N9ds")),
        (json!({ "otpSms": { "code": "1" } }), no_user(9, "COMMAND-VDrh3")),
        (json!({ "otpEmail": { "code": "1" } }), no_user(9, "COMMAND-ejo2w")),
        (json!({ "recoveryCode": { "code": "1" } }), no_user(3, "COMMAND-4m9s2")),
    ];
    unchanged(&host.world, || {
        for (checks, expected) in table {
            assert_eq!(shown(host.check(&session, checks.clone())), expected, "{checks}");
            assert_eq!(shown(host.create(json!({ "checks": checks }))), expected, "{checks}");
        }
    });
}

// 129
#[test]
fn every_bounded_field_takes_200_characters_and_neither_none_nor_201() {
    let host = Host::new(Unlimited);
    let session = host.begin();
    let broken = |request: &str, parent: &str, field: &str, rule: &str| {
        let path = |name: &str| {
            format!("invalid {name}: embedded message failed validation | caused by: ")
        };
        let outer = format!("{request}.Checks");
        let message =
            format!("{}{}invalid {field}: {rule}", path(&outer), path(&format!("Checks.{parent}")));
        (400, json!({ "code": 3, "message": message, "details": [] }))
    };
    let length = "value length must be between 1 and 200 runes, inclusive";
    type Build = fn(&str) -> Value;
    let fields: [(&str, &str, Build, u8); 8] = [
        ("User", "CheckUser.UserId", |text| json!({ "user": { "userId": text } }), 5),
        ("User", "CheckUser.LoginName", |text| json!({ "user": { "loginName": text } }), 5),
        (
            "Password",
            "CheckPassword.Password",
            |text| json!({ "password": { "password": text } }),
            3,
        ),
        (
            "IdpIntent",
            "CheckIDPIntent.IdpIntentId",
            |text| json!({ "idpIntent": { "idpIntentId": text, "idpIntentToken": "t" } }),
            7,
        ),
        (
            "IdpIntent",
            "CheckIDPIntent.IdpIntentToken",
            |text| json!({ "idp_intent": { "idp_intent_id": "i", "idp_intent_token": text } }),
            7,
        ),
        ("OtpSms", "CheckOTP.Code", |text| json!({ "otpSms": { "code": text } }), 9),
        ("OtpEmail", "CheckOTP.Code", |text| json!({ "otp_email": { "otp": text } }), 9),
        (
            "RecoveryCode",
            "CheckRecoveryCode.Code",
            |text| json!({ "recoveryCode": { "code": text } }),
            3,
        ),
    ];
    unchanged(&host.world, || {
        for (parent, field, build, code) in fields {
            for bad in ["", &"a".repeat(201), &"ä".repeat(201)] {
                let expected = |request| broken(request, parent, field, length);
                assert_eq!(shown(host.check(&session, build(bad))), expected("SetSessionRequest"));
                let create = host.create(json!({ "checks": build(bad) }));
                assert_eq!(shown(create), expected("CreateSessionRequest"));
            }
            // 200 are long enough to be judged, and wrong.
            let judged = shown(host.check(&session, build(&"ä".repeat(200))));
            assert_eq!(judged.1["code"], json!(code), "{field}: {judged:?}");
            assert_ne!(judged.1["details"], json!([]), "{field}");
        }
        let digits = "value must be 6 digits";
        for bad in ["", "12345", "1234567", "12345a", "１２３４５６"] {
            for name in ["code", "totp"] {
                let outcome = host.check(&session, json!({ "totp": { name: bad } }));
                assert_eq!(
                    shown(outcome),
                    broken("SetSessionRequest", "Totp", "CheckTOTP.Code", digits)
                );
            }
        }
        let data = "CheckWebAuthN.CredentialAssertionData";
        let large = json!({ "x": "a".repeat(1024 * 1024) });
        let rule = "value must be at most 1048576 bytes";
        let outcome =
            host.check(&session, json!({ "webAuthN": { "credentialAssertionData": large } }));
        assert_eq!(shown(outcome), broken("SetSessionRequest", "WebAuthN", data, rule));
        let outcome = host.check(&session, json!({ "web_auth_n": {} }));
        assert_eq!(
            shown(outcome),
            broken("SetSessionRequest", "WebAuthN", data, "value is required")
        );
    });
}

// 88, 89
#[test]
fn the_wrong_password_that_reaches_the_limit_is_shown_as_wrong_and_the_next_is_locked() {
    let host = Host::new(AttemptLimit::new(2, HOUR).unwrap());
    let session = host.begin();
    let try_it =
        |password: &str| host.check(&session, json!({ "password": { "password": password } }));
    unchanged(&host.world, || {
        assert_eq!(shown(try_it("wrong")), wrong_password());
        assert_eq!(shown(try_it("wrong")), wrong_password());
        assert_eq!(shown(try_it("wrong")), locked("COMMAND-JLK35"));
        assert_eq!(shown(try_it(PASSWORD)), locked("COMMAND-JLK35"));
        let other = json!({ "user": { "userId": USER }, "password": { "password": PASSWORD } });
        // Who names the user again learns no more than of a stranger.
        assert_eq!(shown(host.create(json!({ "checks": other }))), wrong_password());
    });
    host.check(&session, json!({ "totp": { "code": host.app_code() } }))
        .expect("another factor is not touched");
    host.world.advance(HOUR);
    try_it(PASSWORD).unwrap();
    // What the directory has locked is shown as such of a user who was named before.
    host.world.people.change(USER, |user| user.locked = true);
    assert_eq!(shown(try_it(PASSWORD)), locked("COMMAND-JLK35"));
    host.world.people.change(USER, |user| (user.locked, user.disabled) = (false, true));
    assert_eq!(shown(try_it(PASSWORD)), bad(9, "SESSION-Gj4ko", "Errors.User.NotActive"));
    host.world.people.remove(USER);
    host.world.people.add("somebody else", "x");
    assert_eq!(shown(try_it(PASSWORD)), bad(9, "COMMAND-3n77z", "Errors.User.NotFound"));
}

/// A lockout that closes while a right attempt is judged.
#[derive(Debug)]
struct ClosesMeanwhile;

#[async_trait]
impl Lockout for ClosesMeanwhile {
    async fn begin(&self, _: Guess<'_>) -> Result<Gate, VerifyError> {
        Ok(Gate::Open)
    }

    async fn wrong(&self, _: Guess<'_>) -> Result<(), VerifyError> {
        Ok(())
    }

    async fn right(&self, _: Guess<'_>) -> Result<Gate, VerifyError> {
        Ok(Gate::Locked)
    }
}

// 90
#[test]
fn whoever_is_locked_while_a_right_proof_is_judged_is_locked() {
    let host = Host::new(ClosesMeanwhile);
    let session = host.begin();
    unchanged(&host.world, || {
        let password = host.check(&session, json!({ "password": { "password": PASSWORD } }));
        assert_eq!(shown(password), locked("COMMAND-JLK35"));
        let code = host.check(&session, json!({ "totp": { "code": host.app_code() } }));
        assert_eq!(shown(code), locked("COMMAND-SF3fg"));
        let code = host.check(&session, json!({ "recoveryCode": { "code": host.recovery[1] } }));
        let key = "Errors.User.MFA.RecoveryCodes.Locked";
        assert_eq!(shown(code), (404, zitadel(5, "COMMAND-2w6oa", key)));
    });
    let asked =
        host.set(&session, json!({ "challenges": { "otpSms": { "returnCode": true } } })).unwrap();
    let code = asked.challenges.unwrap().otp_sms.unwrap();
    let outcome = host.check(&session, json!({ "otpSms": { "code": code.expose() } }));
    assert_eq!(shown(outcome), locked("COMMAND-S6h4R"));
}

// 98
#[test]
fn a_code_of_an_app_is_good_once_and_each_fault_has_a_name() {
    let host = Host::new(AttemptLimit::new(2, HOUR).unwrap());
    let session = host.begin();
    let try_it = |code: &str| host.check(&session, json!({ "totp": { "code": code } }));
    let wrong = || bad(3, "EVENT-8isk2", "Errors.User.MFA.OTP.InvalidCode");
    let not_ready = || bad(9, "COMMAND-3Mif9s", "Errors.User.MFA.OTP.NotReady");
    let other = if host.app_code() == "000000" { "111111" } else { "000000" };
    unchanged(&host.world, || assert_eq!(shown(try_it(other)), wrong()));
    let code = host.app_code();
    try_it(&code).unwrap();
    unchanged(&host.world, || {
        assert_eq!(shown(try_it(&code)), wrong(), "a code is good once");
        assert_eq!(shown(try_it(other)), wrong(), "the one that reaches the limit");
        assert_eq!(shown(try_it(other)), locked("COMMAND-SF3fg"));
        host.apps.enrol(USER, &[7; 20], false);
        assert_eq!(shown(try_it(&host.app_code())), not_ready());
        host.apps.0.lock().unwrap().clear();
        assert_eq!(shown(try_it(&host.app_code())), not_ready());
    });
}

#[test]
fn a_password_that_is_not_set_and_a_recovery_code_are_told_apart_and_used_up() {
    let host = Host::new(Unlimited);
    let session = host.begin();
    let recover = |code: &str| host.check(&session, json!({ "recoveryCode": { "code": code } }));
    recover(&host.recovery[3]).unwrap();
    let wrong = || bad(3, "DOMAIN-6uvh0", "Errors.User.MFA.RecoveryCodes.InvalidCode");
    unchanged(&host.world, || {
        assert_eq!(shown(recover(&host.recovery[3])), wrong(), "used up");
        assert_eq!(shown(recover("never made")), wrong());
    });
    for (at, code) in host.recovery.iter().enumerate().filter(|(at, _)| *at != 3) {
        recover(code).unwrap_or_else(|error| panic!("{at}: {error:?}"));
    }
    let none_left = bad(3, "COMMAND-84rgg", "Errors.User.RecoveryCodes.NotReady");
    assert_eq!(shown(recover(&host.recovery[3])), none_left);
    host.hashes.table.lock().unwrap().clear();
    let password = host.check(&session, json!({ "password": { "password": PASSWORD } }));
    assert_eq!(shown(password), bad(9, "COMMAND-3nJ4t", "Errors.User.Password.NotSet"));
}

// 101, 102, 103
#[test]
fn an_intent_is_good_once_in_time_and_for_whom_it_is_linked_to() {
    let host = Host::new(Unlimited);
    let session = host.begin();
    let end = host.world.issuer.now().saturating_add(SECOND);
    let row = |id, who, succeeded| Intent { id, who, succeeded, ends_at: end };
    host.intents.table.lock().unwrap().extend([
        row("ok", "mini@idp", true),
        row("other", "goofy@idp", true),
        row("started", "mini@idp", false),
        row("late", "mini@idp", true),
    ]);
    let link = |who| host.intents.links.lock().unwrap().insert((who, USER.to_owned()));
    let other_user = || bad(9, "COMMAND-O8xk3w", "Errors.Intent.OtherUser");
    let not_succeeded = || bad(9, "COMMAND-Df4bw", "Errors.Intent.NotSucceeded");
    let bad_token = || (403, zitadel(7, "CRYPTO-CRYPTO", "Errors.Intent.InvalidToken"));
    let present = |id: &str| host.check(&session, intent(id));
    unchanged(&host.world, || {
        assert_eq!(shown(present("ok")), other_user(), "nobody has linked it yet");
        assert_eq!(shown(present("other")), other_user());
        assert_eq!(shown(present("started")), not_succeeded());
        assert_eq!(shown(present("unknown")), bad_token());
        let swapped =
            json!({ "idpIntent": { "idpIntentId": "ok", "idpIntentToken": "token of other" } });
        assert_eq!(shown(host.check(&session, swapped)), bad_token());
    });
    assert!(link("mini@idp"));
    present("ok").unwrap();
    let second = host.begin();
    unchanged(&host.world, || {
        assert_eq!(shown(present("ok")), not_succeeded(), "used up, in the same session");
        assert_eq!(shown(host.check(&second, intent("ok"))), not_succeeded());
        host.world.advance(2 * SECOND);
        let expired = bad(9, "COMMAND-SAf42", "Errors.Intent.Expired");
        assert_eq!(shown(present("late")), expired);
    });
}

#[test]
fn of_sixty_four_uses_of_one_intent_one_is_stored() {
    let host = Host::new(Unlimited);
    let end = host.world.issuer.now().saturating_add(HOUR);
    host.intents.links.lock().unwrap().insert(("mini@idp", USER.to_owned()));
    let row = Intent { id: "once", who: "mini@idp", succeeded: true, ends_at: end };
    host.intents.table.lock().unwrap().push(row);
    let sessions: Vec<_> = (0..64).map(|_| host.begin()).collect();
    host.world.advance(SECOND);
    let barrier = Barrier::new(64);
    let run = |session: &str| {
        barrier.wait();
        host.check(session, intent("once"))
    };
    let outcomes: Vec<_> = thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> =
            sessions.iter().map(|session| scope.spawn(move || run(session))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let with_factor =
        |session: &&String| get(&host.service, session)["factors"].get("intent").is_some();
    assert_eq!(sessions.iter().filter(with_factor).count(), 1);
    let refused = outcomes.into_iter().filter(Result::is_err);
    refused.for_each(|refused| {
        assert_eq!(shown(refused), bad(9, "COMMAND-Df4bw", "Errors.Intent.NotSucceeded"));
    });
}

// 119
#[test]
fn a_changed_password_takes_its_factor_and_leaves_the_session() {
    let host = Host::new(Unlimited);
    let session = host.begin();
    host.check(&session, json!({ "password": { "password": PASSWORD } })).unwrap();
    let with_code = host.check(&session, json!({ "totp": { "code": host.app_code() } })).unwrap();
    host.world.advance(MINUTE);
    block_on(host.service.password_changed(&id(USER))).unwrap();
    let factors = &get(&host.service, &session)["factors"];
    assert!(factors.get("password").is_none() && factors.get("totp").is_some(), "{factors}");
    let checked = host.world.check(with_code.session_token.expose()).unwrap();
    assert_eq!(checked.amr().iter().collect::<Vec<_>>(), ["otp"]);
    host.world.advance(MINUTE);
    host.check(&session, json!({ "password": { "password": PASSWORD } })).unwrap();
    assert!(get(&host.service, &session)["factors"].get("password").is_some());
}

// 130
#[test]
fn whoever_names_a_user_and_proves_something_learns_nothing_of_a_stranger() {
    let host = Host::new(Unlimited);
    let session = host.create(json!({})).unwrap().session_id.to_string();
    host.intents.table.lock().unwrap().push(Intent {
        id: "1",
        who: "mini@idp",
        succeeded: true,
        ends_at: host.world.issuer.now().saturating_add(HOUR),
    });
    // Whoever started it may hold one that has run out.
    host.intents.table.lock().unwrap().push(Intent {
        id: "late",
        who: "mini@idp",
        succeeded: true,
        ends_at: host.world.issuer.now(),
    });
    host.intents.table.lock().unwrap().push(Intent {
        id: "started",
        who: "mini@idp",
        succeeded: false,
        ends_at: host.world.issuer.now().saturating_add(HOUR),
    });
    let proofs = [
        json!({ "password": { "password": "wrong" } }),
        json!({ "password": { "password": "wrong" }, "totp": { "code": "000000" } }),
        json!({ "idpIntent": { "idpIntentId": "1", "idpIntentToken": "wrong" } }),
        intent("1"),
        intent("late"),
        intent("started"),
        json!({ "webAuthN": { "credentialAssertionData": { "id": "key-1" } } }),
        json!({ "totp": { "code": "000000" } }),
        json!({ "otpSms": { "code": "00000000" } }),
        json!({ "otpEmail": { "code": "00000000" } }),
        json!({ "recoveryCode": { "code": "wrong" } }),
    ];
    unchanged(&host.world, || {
        for proof in &proofs {
            let ask = |user: Value| {
                let mut checks = proof.clone();
                checks["user"] = user;
                let created = shown(host.create(json!({ "checks": checks })));
                assert_eq!(shown(host.check(&session, checks)), created, "{proof}");
                created
            };
            let known = ask(json!({ "userId": USER }));
            assert_eq!(ask(json!({ "userId": STRANGER })), known, "{proof}");
            assert_eq!(ask(json!({ "loginName": "nobody@example.com" })), known, "{proof}");
            for (disabled, locked) in [(true, false), (false, true)] {
                host.world
                    .people
                    .change(USER, |user| (user.disabled, user.locked) = (disabled, locked));
                assert_eq!(ask(json!({ "userId": USER })), known, "{proof}");
            }
            host.world.people.change(USER, |user| (user.disabled, user.locked) = (false, false));
        }
    });
    // The host's log has the truth, and a trusted login server may have it too.
    let checks = || json!({ "user": { "userId": STRANGER }, "password": { "password": "x" } });
    assert_eq!(cause(host.create(json!({ "checks": checks() }))), Some(ErrorKind::SubjectUnknown));
    let precise = host.service.clone().answers(Answers::Precise);
    let outcome = patch(&precise, &login(), &session, json!({ "checks": checks() }));
    assert_eq!(shown(outcome), (404, zitadel(5, "QUERY-Dfbg2", "Errors.User.NotFound")));
}

// 130
#[test]
fn whom_a_call_names_beside_an_open_or_a_late_challenge_is_not_shown() {
    let host = Host::new(Unlimited);
    host.world.people.add("goofy", PASSWORD);
    let session = host.begin();
    for way in ["otpSms", "otpEmail"] {
        host.set(&session, json!({ "challenges": { way: {} } })).unwrap();
    }
    host.assertion(&session, "USER_VERIFICATION_REQUIREMENT_REQUIRED", VERIFIED);
    let key = json!({ "credentialAssertionData": { "id": "key-1" } });
    let wrong_code = || bad(3, "CODE-woT0xc", "Errors.User.Code.Invalid");
    let late_code = || bad(9, "CODE-QvUQ4P", "Errors.User.Code.Expired");
    let ways = |expected: fn() -> (u16, Value), key_answer: (u16, Value)| {
        [
            (json!({ "otpSms": { "code": "00000000" } }), expected()),
            (json!({ "otpEmail": { "code": "00000000" } }), expected()),
            (json!({ "webAuthN": key }), key_answer),
        ]
    };
    let everybody = |proof: &Value, expected: &(u16, Value)| {
        for user in [USER, "goofy", STRANGER] {
            let mut checks = proof.clone();
            checks["user"] = json!({ "userId": user });
            assert_eq!(&shown(host.check(&session, checks)), expected, "{user} {proof}");
        }
    };
    let wrong_key = bad(3, "WEBAU-3M9si", "Errors.User.WebAuthN.ValidateLoginFailed");
    let no_key_challenge = bad(9, "COMMAND-Ioqu5", "Errors.Session.WebAuthN.NoChallenge");
    unchanged(&host.world, || {
        ways(wrong_code, wrong_key).iter().for_each(|(proof, expected)| everybody(proof, expected));
        host.world.advance(5 * MINUTE);
        ways(late_code, no_key_challenge)
            .iter()
            .for_each(|(proof, expected)| everybody(proof, expected));
    });
}

#[test]
fn whoever_has_proved_something_learns_precisely_what_is_wrong() {
    let host = Host::new(Unlimited);
    host.world.people.add("goofy", PASSWORD);
    host.apps.0.lock().unwrap().clear();
    let named =
        |user: &str| json!({ "user": { "userId": user }, "password": { "password": PASSWORD } });
    let not_ready = || bad(9, "COMMAND-3Mif9s", "Errors.User.MFA.OTP.NotReady");
    let mut with_code = named(USER);
    with_code["totp"] = json!({ "code": "123456" });
    unchanged(&host.world, || {
        // In the same call, of what comes after the first proof.
        assert_eq!(shown(host.create(json!({ "checks": with_code }))), not_ready());
    });
    let session = host.create(json!({ "checks": named(USER) })).unwrap().session_id.to_string();
    let code = |user: &str| json!({ "user": { "userId": user }, "totp": { "code": "123456" } });
    let change = (400, json!({ "code": 3, "message": "user change not possible", "details": [] }));
    unchanged(&host.world, || {
        assert_eq!(shown(host.check(&session, code(USER))), not_ready());
        assert_eq!(shown(host.check(&session, code("goofy"))), change);
        let unknown = (404, zitadel(5, "QUERY-Dfbg2", "Errors.User.NotFound"));
        assert_eq!(shown(host.check(&session, code(STRANGER))), unknown);
    });
}

#[test]
fn a_lifetime_that_is_never_allowed_uses_no_proof_up() {
    let host = Host::new(Unlimited);
    let session = host.begin();
    let recover = |lifetime: &str| {
        let checks = json!({ "recoveryCode": { "code": host.recovery[0] } });
        host.set(&session, json!({ "checks": checks, "lifetime": lifetime }))
    };
    unchanged(&host.world, || {
        for never in ["-1s", "0.0000001s", "315360000.001s"] {
            assert_eq!(shown(recover(never)).0, 400, "{never}");
        }
    });
    recover("600s").expect("the code is still good");
}

#[test]
fn a_failed_check_is_emitted_and_changes_no_session() {
    let host = Host::new(Unlimited);
    let session = host.begin();
    let before = get(&host.service, &session);
    drop(host.check(&session, json!({ "password": { "password": "wrong" } })).unwrap_err());
    assert_eq!(get(&host.service, &session), before);
    let refused =
        |kind: &EventKind| matches!(kind, EventKind::Refused { kind: ErrorKind::CheckFailed, .. });
    assert_eq!(host.world.count(refused), 1);
    assert_eq!(host.world.count(|kind| matches!(kind, EventKind::Updated { .. })), 0);
    let era = host.service.clone().token_rule(TokenRule::V2Alpha);
    let created = crate::compat::zitadel::set::post(&era, json!({})).unwrap();
    let token = created.session_token.expose();
    let request = json!({
        "sessionToken": token,
        "checks": { "user": { "userId": USER }, "password": { "password": "wrong" } },
    });
    let outcome = patch(&era, &login(), &created.session_id.to_string(), request);
    assert_eq!(
        shown(outcome),
        bad(3, "COMMAND-SAF3g", "Errors.User.Password.Invalid"),
        "v2alpha's own id"
    );
    assert_eq!(FactorKind::ALL.len(), 8, "a new kind of check needs its names here");
}
