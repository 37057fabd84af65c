//! ZITADEL's challenges: who gets one, which answer it takes, when it is over. Numbers are those of
//! the seed cases.

use std::{collections::HashSet, sync::Barrier, thread};

use serde_json::{Value, json};
use session_issuer::{
    compat::zitadel::Service,
    factor::FactorKind,
    verifier::{AttemptLimit, Unlimited},
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

const REQUIRED: &str = "USER_VERIFICATION_REQUIREMENT_REQUIRED";

fn bad(code: u8, id: &str, key: &str) -> (u16, Value) {
    (400, zitadel(code, id, key))
}

fn no_key_challenge() -> (u16, Value) {
    bad(9, "COMMAND-Ioqu5", "Errors.Session.WebAuthN.NoChallenge")
}

fn wrong_key() -> (u16, Value) {
    bad(3, "WEBAU-3M9si", "Errors.User.WebAuthN.ValidateLoginFailed")
}

fn wrong_code() -> (u16, Value) {
    bad(3, "CODE-woT0xc", "Errors.User.Code.Invalid")
}

fn key(data: Value) -> Value {
    json!({ "webAuthN": { "credentialAssertionData": data } })
}

fn web_authn(domain: &str, requirement: Value) -> Value {
    json!({ "challenges": { "webAuthN": { "domain": domain, "userVerificationRequirement": requirement } } })
}

// 94, 95, 97
#[test]
fn a_key_answers_its_challenge_once_and_says_whether_it_verified_its_user() {
    for (requirement, flags, verified) in [
        (REQUIRED, VERIFIED, true),
        ("USER_VERIFICATION_REQUIREMENT_PREFERRED", PRESENT, false),
        ("USER_VERIFICATION_REQUIREMENT_PREFERRED", VERIFIED, true),
        ("USER_VERIFICATION_REQUIREMENT_DISCOURAGED", PRESENT, false),
    ] {
        let host = Host::new(Unlimited);
        let session = host.begin();
        let early = sign(&host.key, "made up", "example.com", flags);
        assert_eq!(shown(host.check(&session, key(early))), no_key_challenge());
        let stale = host.assertion(&session, requirement, flags);
        let newest = host.assertion(&session, requirement, flags);
        let thief = ed25519_dalek::SigningKey::from_bytes(&[8; 32]);
        unchanged(&host.world, || {
            assert_eq!(
                shown(host.check(&session, key(stale))),
                wrong_key(),
                "the newest challenge wins"
            );
            let challenge = |data: &Value| {
                use base64::Engine;
                let client = data["response"]["clientDataJSON"].as_str().unwrap();
                let client =
                    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(client).unwrap();
                let client: Value = serde_json::from_slice(&client).unwrap();
                client["challenge"].as_str().unwrap().to_owned()
            };
            let challenge = challenge(&newest);
            for other in [
                sign(&thief, &challenge, "example.com", flags),
                sign(&host.key, &challenge, "example.net", flags),
                sign(&host.key, &challenge, "example.com", 0),
            ] {
                assert_eq!(shown(host.check(&session, key(other))), wrong_key());
            }
            if requirement == REQUIRED {
                let unverified = sign(&host.key, &challenge, "example.com", PRESENT);
                assert_eq!(shown(host.check(&session, key(unverified))), wrong_key());
            }
        });
        host.world.advance(SECOND);
        host.check(&session, key(newest.clone())).unwrap();
        let at = host.world.issuer.now().to_string();
        let factor = json!({ "verifiedAt": at, "userVerified": verified });
        assert_eq!(get(&host.service, &session)["factors"]["webAuthN"], factor);
        unchanged(&host.world, || {
            assert_eq!(shown(host.check(&session, key(newest))), no_key_challenge(), "good once");
        });
    }
}

#[test]
fn a_key_challenge_gives_the_browser_what_it_takes_and_ends_by_itself() {
    let host = Host::new(Unlimited);
    let session = host.begin();
    for requirement in [json!(REQUIRED), json!(1)] {
        let asked = host.set(&session, web_authn("example.com", requirement)).unwrap();
        let json = serde_json::to_value(&asked).unwrap();
        let options =
            &json["challenges"]["webAuthN"]["publicKeyCredentialRequestOptions"]["publicKey"];
        assert_eq!(
            (&options["rpId"], &options["userVerification"]),
            (&json!("example.com"), &json!("required"))
        );
        assert!(options["challenge"].as_str().unwrap().len() > 40);
        assert!(!format!("{asked:?}").contains(options["challenge"].as_str().unwrap()));
    }
    let answer = host.assertion(&session, REQUIRED, VERIFIED);
    host.world.advance(5 * MINUTE);
    unchanged(&host.world, || {
        assert_eq!(shown(host.check(&session, key(answer))), no_key_challenge())
    });
    host.desk.lacks.lock().unwrap().insert(FactorKind::WebAuthn);
    let none = bad(9, "COMMAND-Aej7i", "Errors.User.WebAuthN.NotFound");
    unchanged(&host.world, || {
        assert_eq!(shown(host.set(&session, web_authn("example.com", json!(REQUIRED)))), none);
    });
}

// 96
#[test]
fn a_challenge_needs_a_user_a_domain_and_a_requirement() {
    let host = Host::new(Unlimited);
    let nobodys = host.create(json!({})).unwrap().session_id.to_string();
    let session = host.begin();
    let missing = |id: &str| bad(9, id, "Errors.User.UserIDMissing");
    let sms = || json!({ "challenges": { "otpSms": {} } });
    let email = || json!({ "challenges": { "otpEmail": {} } });
    unchanged(&host.world, || {
        for (request, id) in [
            (web_authn("example.com", json!(REQUIRED)), "COMMAND-eeR2e"),
            (sms(), "COMMAND-JKL3g"),
            (email(), "COMMAND-JK3gp"),
        ] {
            assert_eq!(shown(host.set(&nobodys, request.clone())), missing(id));
            assert_eq!(shown(host.create(request)), missing(id));
        }
        let broken = |request: &str, parent: &str, field: &str, rule: &str| {
            let path = |name: &str| {
                format!("invalid {name}: embedded message failed validation | caused by: ")
            };
            let (outer, inner) =
                (format!("{request}.Challenges"), format!("RequestChallenges.{parent}"));
            let message = format!("{}{}invalid {field}: {rule}", path(&outer), path(&inner));
            (400, json!({ "code": 3, "message": message, "details": [] }))
        };
        let length = "value length must be between 1 and 200 runes, inclusive";
        let user = json!({ "user": { "userId": USER } });
        let both = |mut request: Value, parent: &str, field: &str, rule: &str| {
            let set = shown(host.set(&session, request.clone()));
            assert_eq!(set, broken("SetSessionRequest", parent, field, rule), "{request}");
            request["checks"] = user.clone();
            let created = shown(host.create(request));
            assert_eq!(created, broken("CreateSessionRequest", parent, field, rule));
        };
        let domain = "RequestChallenges_WebAuthN.Domain";
        for bad in ["", &"a".repeat(201)] {
            both(web_authn(bad, json!(REQUIRED)), "WebAuthN", domain, length);
        }
        both(json!({ "challenges": { "webAuthN": {} } }), "WebAuthN", domain, length);
        let field = "RequestChallenges_WebAuthN.UserVerificationRequirement";
        for unspecified in
            [json!(0), json!(null), json!("USER_VERIFICATION_REQUIREMENT_UNSPECIFIED")]
        {
            both(web_authn("a", unspecified), "WebAuthN", field, "value must not be in list [0]");
        }
        let template = |text: &str| json!({ "challenges": { "otpEmail": { "sendCode": { "urlTemplate": text } } } });
        for bad in ["", &"a".repeat(201)] {
            let field = "RequestChallenges_OTPEmail_SendCode.UrlTemplate";
            both(template(bad), "OtpEmail", field, length);
        }
        let twice = json!({ "challenges": { "otpEmail": { "sendCode": {}, "returnCode": {} } } });
        let rule = "sendCode and returnCode exclude each other";
        both(twice, "OtpEmail", "RequestChallenges_OTPEmail.DeliveryType", rule);
    });
    assert!(host.desk.sent.lock().unwrap().is_empty(), "nobody was written to");
    host.set(&session, web_authn(&"d".repeat(200), json!(2))).unwrap();
    let template = "t".repeat(200);
    host.set(
        &session,
        json!({ "challenges": { "otp_email": { "send_code": { "url_template": template } } } }),
    )
    .unwrap();
}

// 99
#[test]
fn a_code_is_given_back_where_that_is_asked_and_sent_where_it_is_not() {
    let host = Host::new(Unlimited);
    let session = host.begin();
    let returned = host
        .set(
            &session,
            json!({ "challenges": { "otpSms": { "returnCode": true }, "otpEmail": { "returnCode": {} } } }),
        )
        .unwrap();
    let json = serde_json::to_value(&returned).unwrap();
    assert!(host.desk.sent.lock().unwrap().is_empty(), "given back, and not sent");
    for (way, factor) in [("otpSms", "otpSms"), ("otpEmail", "otpEmail")] {
        let code = json["challenges"][way].as_str().unwrap();
        assert!(!format!("{returned:?}").contains(code));
        host.world.advance(SECOND);
        host.check(&session, json!({ way: { "code": code } })).unwrap();
        let at = host.world.issuer.now().to_string();
        assert_eq!(get(&host.service, &session)["factors"][factor], json!({ "verifiedAt": at }));
    }
    let link = "https://example.com/{{.Code}}";
    let mut sent = Vec::new();
    for (request, kind, template) in [
        (json!({ "otpSms": {} }), FactorKind::OtpSms, None),
        (json!({ "otpSms": { "returnCode": false } }), FactorKind::OtpSms, None),
        (json!({ "otpEmail": {} }), FactorKind::OtpEmail, None),
        (json!({ "otpEmail": { "sendCode": {} } }), FactorKind::OtpEmail, None),
        (
            json!({ "otpEmail": { "sendCode": { "urlTemplate": link } } }),
            FactorKind::OtpEmail,
            Some(link),
        ),
    ] {
        let asked = host.set(&session, json!({ "challenges": request })).unwrap();
        assert_eq!(
            serde_json::to_value(&asked).unwrap()["challenges"],
            json!({}),
            "no code is shown"
        );
        let last = host.desk.sent.lock().unwrap().last().cloned().unwrap();
        assert_eq!((last.0.as_str(), last.1, last.2.as_deref()), (USER, kind, template));
        sent.push(last);
        let asked = host.desk.session.lock().unwrap().map(|session| session.to_string());
        assert_eq!(asked.as_deref(), Some(session.as_str()), "{request}");
    }
    assert_eq!(host.desk.sent.lock().unwrap().len(), 5);
    host.check(&session, json!({ "otpEmail": { "code": sent[4].3 } })).unwrap();
    // Everything at once, at the creation: the code is made for whom the same call has named and
    // checked.
    let request = |password: &str| {
        let checks = json!({ "user": { "userId": USER }, "password": { "password": password } });
        json!({ "checks": checks, "challenges": { "otpSms": { "returnCode": true }, "otpEmail": {} } })
    };
    unchanged(&host.world, || drop(host.create(request("wrong")).unwrap_err()));
    assert_eq!(host.desk.sent.lock().unwrap().len(), 5, "no wrong password sends anything");
    let created = host.create(request(PASSWORD)).unwrap();
    assert_eq!((created.details.sequence, host.desk.sent.lock().unwrap().len()), (1, 6));
    assert_eq!(*host.desk.session.lock().unwrap(), None, "it has no id yet");
    let code = created.challenges.unwrap().otp_sms.unwrap();
    host.check(&created.session_id.to_string(), json!({ "otpSms": { "code": code.expose() } }))
        .unwrap();
}

#[test]
fn a_code_is_wrong_without_its_challenge_after_its_time_and_after_its_use() {
    let host = Host::new(Unlimited);
    let session = host.begin();
    for (way, id, give) in [
        ("otpSms", "COMMAND-SF3tv", json!({ "returnCode": true })),
        ("otpEmail", "COMMAND-zF3g3", json!({ "returnCode": {} })),
    ] {
        let try_it = |code: &str| host.check(&session, json!({ way: { "code": code } }));
        let ask = || {
            let asked = host.set(&session, json!({ "challenges": { way: give } })).unwrap();
            serde_json::to_value(asked.challenges).unwrap()[way].as_str().unwrap().to_owned()
        };
        let none = || bad(9, id, "Errors.User.Code.NotFound");
        let expired = || bad(9, "CODE-QvUQ4P", "Errors.User.Code.Expired");
        unchanged(&host.world, || {
            assert_eq!(shown(try_it("12345678")), none(), "codes without a challenge")
        });
        let (older, newer) = (ask(), ask());
        unchanged(&host.world, || {
            if older != newer {
                assert_eq!(shown(try_it(&older)), wrong_code(), "the newest wins");
            }
        });
        try_it(&newer).unwrap();
        unchanged(&host.world, || assert_eq!(shown(try_it(&newer)), none(), "good once"));
        let late = ask();
        host.world.advance(5 * MINUTE);
        unchanged(&host.world, || assert_eq!(shown(try_it(&late)), expired()));
        try_it(&ask()).unwrap();
    }
    // The other way's code is no answer.
    let asked =
        host.set(&session, json!({ "challenges": { "otpSms": { "returnCode": true } } })).unwrap();
    let code = asked.challenges.unwrap().otp_sms.unwrap();
    let by_mail = host.check(&session, json!({ "otpEmail": { "code": code.expose() } }));
    assert_eq!(shown(by_mail), bad(9, "COMMAND-zF3g3", "Errors.User.Code.NotFound"));
    // And another session's is none either.
    let other = host.begin();
    host.set(&other, json!({ "challenges": { "otpSms": {} } })).unwrap();
    let elsewhere = host.check(&other, json!({ "otpSms": { "code": code.expose() } }));
    assert_eq!(shown(elsewhere), wrong_code());
}

#[test]
fn wrong_codes_are_counted_across_challenges_and_sessions() {
    let host = Host::new(AttemptLimit::new(2, HOUR).unwrap());
    for expected in [wrong_code(), wrong_code(), bad(9, "COMMAND-S6h4R", "Errors.User.Locked")] {
        let session = host.begin();
        let asked = host
            .set(&session, json!({ "challenges": { "otpSms": { "returnCode": true } } }))
            .unwrap();
        let right = asked.challenges.unwrap().otp_sms.unwrap();
        let wrong = if right.expose() == "00000000" { "11111111" } else { "00000000" };
        let outcome = host.check(&session, json!({ "otpSms": { "code": wrong } }));
        unchanged(&host.world, || assert_eq!(shown(outcome), expected));
    }
}

#[test]
fn a_challenge_that_cannot_be_made_ends_the_call_and_stores_nothing() {
    let host = Host::new(Unlimited);
    let session = host.begin();
    let before = get(&host.service, &session);
    let ask = |way: &str| {
        let checks = json!({ "password": { "password": PASSWORD } });
        host.set(
            &session,
            json!({ "checks": checks, "challenges": { way: {} }, "metadata": { "k": "dg==" } }),
        )
    };
    let busy =
        (503, json!({ "code": 14, "message": "The service is busy. Try again.", "details": [] }));
    unchanged(&host.world, || {
        host.desk.lacks.lock().unwrap().extend([FactorKind::OtpSms, FactorKind::OtpEmail]);
        let not_ready = |id| bad(9, id, "Errors.User.MFA.OTP.NotReady");
        assert_eq!(shown(ask("otpSms")), not_ready("COMMAND-BJ2g3"));
        assert_eq!(shown(ask("otpEmail")), not_ready("COMMAND-JKLJ3"));
        *host.desk.is_down.lock().unwrap() = true;
        assert_eq!(shown(ask("otpEmail")), busy);
        let plain = Service::new(host.world.issuer.clone())
            .token_rule(session_issuer::compat::zitadel::TokenRule::V2);
        let outcome = patch(&plain, &login(), &session, json!({ "challenges": { "otpSms": {} } }));
        assert_eq!(cause(outcome), Some(session_issuer::error::ErrorKind::NotSupported));
        patch(&plain, &login(), &session, json!({ "challenges": {} }))
            .expect("asking for nothing needs nobody");
    });
    assert_eq!(get(&host.service, &session), before);
}

#[test]
fn of_sixty_four_answers_to_one_challenge_one_is_stored() {
    let host = Host::new(Unlimited);
    for _ in 0..5 {
        let session = host.begin();
        let asked = host
            .set(&session, json!({ "challenges": { "otpSms": { "returnCode": true } } }))
            .unwrap();
        let code = asked.challenges.unwrap().otp_sms.unwrap().expose().to_owned();
        let barrier = Barrier::new(64);
        let answer = || {
            barrier.wait();
            host.check(&session, json!({ "otpSms": { "code": code } }))
        };
        let outcomes: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..64).map(|_| scope.spawn(answer)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 63));
        let causes: HashSet<_> =
            lost.into_iter().map(|lost| shown(lost).1["details"][0]["id"].clone()).collect();
        assert_eq!(causes, HashSet::from([json!("COMMAND-SF3tv")]), "the challenge is gone");
        assert_eq!(get(&host.service, &session)["sequence"], json!("3"));
    }
}
