//! How long ZITADEL's sessions live, and what they keep of their client. Numbers are those of the
//! seed cases.

use serde_json::{Value, json};
use session_issuer::{
    Policy, Timestamp,
    compat::zitadel::{Service, TokenRule},
    error::ErrorKind,
    event::EventKind,
};

use crate::{
    compat::{
        create::*,
        zitadel::{
            create::zitadel,
            set::{PASSWORD, get, login, patch, post},
        },
    },
    world::*,
};

fn of(world: &World) -> Service {
    Service::new(world.issuer.clone()).token_rule(TokenRule::V2)
}

fn broken(field: &str, rule: &str) -> (u16, Value) {
    (400, json!({ "code": 3, "message": format!("invalid {field}: {rule}"), "details": [] }))
}

// 75
#[test]
fn a_session_without_checks_keeps_its_client_its_lifetime_and_its_owner() {
    for rule in [TokenRule::V2Alpha, TokenRule::V2, TokenRule::Permission] {
        let world = world_of(Policy::zitadel());
        let service = of(&world).token_rule(rule);
        let agent = json!({
            "fingerprintId": "fp-1",
            "ip": "2001:db8::1",
            "description": "Firefox",
            "header": { "accept": { "values": ["a", "b"] }, "empty": {} },
        });
        let created = post(&service, json!({ "userAgent": agent, "lifetime": "600s" })).unwrap();
        let json = serde_json::to_value(&created).unwrap();
        assert_eq!(json["details"]["resourceOwner"], json!("acme"));
        assert_eq!(world.count(|kind| matches!(kind, EventKind::Created)), 1);
        let shown = get(&service, &created.session_id.to_string());
        let end = world.issuer.now().saturating_add(10 * MINUTE);
        assert_eq!(shown["expirationDate"], json!(end.to_string()));
        assert_eq!(shown["userAgent"]["fingerprintId"], json!("fp-1"));
        assert_eq!(shown["userAgent"]["ip"], json!("2001:db8::1"));
        assert_eq!(shown["userAgent"]["description"], json!("Firefox"));
        assert_eq!(shown["userAgent"]["header"]["accept"], json!({ "values": ["a", "b"] }));
        assert_eq!(shown.get("factors"), None);
    }
}

// 77, 78
#[test]
fn a_lifetime_is_above_zero_and_none_or_zero_leaves_the_end_where_it_is() {
    let world = world_of(Policy::zitadel());
    let service = of(&world);
    let positive = || (400, zitadel(3, "COMMAND-asEG4", "Errors.Session.PositiveLifetime"));
    let endless = post(&service, json!({ "lifetime": "0s" })).unwrap().session_id.to_string();
    let none = post(&service, json!({})).unwrap().session_id.to_string();
    assert!(get(&service, &endless).get("expirationDate").is_none());
    assert!(get(&service, &none).get("expirationDate").is_none());
    unchanged(&world, || {
        for negative in ["-600s", "-0.000000001s", "-315576000000s", "0.0000001s"] {
            let create =
                post(&service, json!({ "lifetime": negative, "metadata": { "k": "dg==" } }));
            assert_eq!(shown(create), positive(), "{negative}");
            let set = json!({ "lifetime": negative, "metadata": { "k": "dg==" } });
            assert_eq!(shown(patch(&service, &login(), &none, set)), positive(), "{negative}");
        }
    });
    let checks = json!({ "user": { "userId": USER } });
    let session = post(&service, json!({ "checks": checks, "lifetime": "600s" })).unwrap();
    let id = session.session_id.to_string();
    let end = get(&service, &id)["expirationDate"].clone();
    let password = json!({ "password": { "password": PASSWORD } });
    for request in [
        json!({ "checks": password }),
        json!({ "checks": password, "lifetime": "0s" }),
        json!({ "checks": checks, "lifetime": null }),
        json!({ "metadata": { "k": "dg==" } }),
    ] {
        world.advance(MINUTE);
        patch(&service, &login(), &id, request.clone()).unwrap();
        assert_eq!(get(&service, &id)["expirationDate"], end, "{request}");
    }
    world.advance(MINUTE);
    let set = patch(&service, &login(), &id, json!({ "lifetime": "1.5s" })).unwrap();
    let at = |at: Timestamp| at.as_millis();
    let checked = world.check(set.session_token.expose()).unwrap();
    let end = checked.session().unwrap().ends_at().unwrap();
    assert_eq!(at(end) - at(world.issuer.now()), 1500, "from this change on");
    let set = |lifetime: &str| patch(&service, &login(), &id, json!({ "lifetime": lifetime }));
    set("315360000s").expect("ten years");
    let rule = "lifetime is larger than allowed";
    unchanged(&world, || {
        for long in ["315360000.001s", "315576000000s"] {
            assert_eq!(shown(set(long)), broken("SetSessionRequest.Lifetime", rule));
        }
    });
}

// 83, 128
#[test]
fn a_session_whose_time_is_over_takes_no_change_and_no_longer_life() {
    let world = world_of(Policy::zitadel());
    for rule in [TokenRule::V2Alpha, TokenRule::V2] {
        let service = of(&world).token_rule(rule);
        let created = post(&service, json!({ "lifetime": "20s" })).unwrap();
        let (id, token) =
            (created.session_id.to_string(), created.session_token.expose().to_owned());
        let set = |request: Value| {
            let mut request = request;
            request["sessionToken"] = json!(token);
            patch(&service, &login(), &id, request)
        };
        world.advance(20 * SECOND - std::time::Duration::from_millis(1));
        world.check(&token).unwrap();
        unchanged(&world, || drop(set(json!({})).unwrap()));
        world.advance(std::time::Duration::from_millis(1));
        let expired = || (400, zitadel(9, "COMMAND-Hkl3d", "Errors.Session.Expired"));
        let checks = json!({ "user": { "userId": USER }, "password": { "password": PASSWORD } });
        unchanged(&world, || {
            for request in [json!({}), json!({ "lifetime": "600s" }), json!({ "checks": checks })] {
                assert_eq!(shown(set(request)), expired());
            }
            refused(world.check(&token), ErrorKind::Expired);
        });
    }
    assert!(
        world.people.attempts.lock().unwrap().is_empty(),
        "no check of a session that is over is run"
    );
}

#[test]
fn a_policys_longest_lifetime_is_shown_as_a_broken_rule() {
    let world = world_of(Policy::zitadel().longest_lifetime(HOUR));
    let service = of(&world);
    let id = post(&service, json!({ "lifetime": "60s" })).unwrap().session_id.to_string();
    let too_long = json!({ "lifetime": "3601s" });
    unchanged(&world, || {
        let rule = "lifetime is larger than allowed";
        let create = shown(post(&service, too_long.clone()));
        assert_eq!(create, broken("CreateSessionRequest.Lifetime", rule));
        let set = shown(patch(&service, &login(), &id, too_long));
        assert_eq!(set, broken("SetSessionRequest.Lifetime", rule));
    });
}

#[test]
fn every_part_of_a_user_agent_is_bounded() {
    let world = world_of(Policy::zitadel());
    let service = of(&world);
    let create = |agent: Value| post(&service, json!({ "user_agent": agent }));
    let broken = |field: &str, rule: &str| {
        let outer = "invalid CreateSessionRequest.UserAgent: embedded message failed validation | caused by: ";
        let message = format!("{outer}invalid UserAgent.{field}: {rule}");
        (400, json!({ "code": 3, "message": message, "details": [] }))
    };
    let length = "value length must be between 1 and 200 runes, inclusive";
    let values = |count: usize| json!({ "x": { "values": vec!["v"; count] } });
    unchanged(&world, || {
        for bad in ["", &"ä".repeat(201)] {
            assert_eq!(
                shown(create(json!({ "fingerprint_id": bad }))),
                broken("FingerprintId", length)
            );
            assert_eq!(shown(create(json!({ "description": bad }))), broken("Description", length));
            let header = json!({ "header": { bad: { "values": ["v"] } } });
            assert_eq!(shown(create(header)), broken("Header", length));
        }
        for bad in ["999.1.1.1", "1.2.3", "::g", "localhost", "192.0.2.7:80", " 1.2.3.4", "[::1]"] {
            assert_eq!(shown(create(json!({ "ip": bad }))), broken("Ip", "value is malformed"));
        }
        let many = json!({ "header": values(33) });
        assert_eq!(shown(create(many)), broken("Header", "value has more than 32 entries"));
        let long = json!({ "header": { "x": { "values": ["a".repeat(1025)] } } });
        assert_eq!(shown(create(long)), broken("Header", "value is longer than 1024"));
        let split = json!({ "description": "a\r\nb" });
        assert_eq!(shown(create(split)), broken("Description", "value has a control character"));
    });
    let name = "ä".repeat(200);
    create(json!({ "fingerprintId": name, "description": name, "ip": "", "header": { name.clone(): { "values": [] } } }))
        .unwrap();
    create(json!({ "ip": "192.0.2.7", "header": values(32) })).unwrap();
    for ip in ["2001:db8::1", "::ffff:192.0.2.1"] {
        create(json!({ "ip": ip })).unwrap();
    }
    create(json!({})).unwrap();
}
