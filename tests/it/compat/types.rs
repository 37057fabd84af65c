//! Every field of every request of four systems, with a value of every JSON type that it does not
//! take.

use std::net::IpAddr;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use session_issuer::{
    Policy,
    actor::Actor,
    compat::{hanko, stack_auth, tmdb, zelf},
    id::{AppId, CreatorId},
    testing::block_on,
};

use crate::{
    compat::{create::*, tmdb::create::tmdb as line},
    world::*,
};

/// A value of each type but one, and the type's name.
fn not(wanted: &str) -> impl Iterator<Item = (&'static str, Value)> {
    let all = [
        ("null", Value::Null),
        ("boolean", json!(true)),
        ("number", json!(7)),
        ("string", json!("true")),
        ("array", json!(["true"])),
        ("object", json!({ "true": true })),
    ];
    all.into_iter().filter(move |(name, _)| *name != wanted)
}

/// The request with one field of another type. It is read: the handler is who refuses it.
fn with<T: DeserializeOwned>(request: &Value, field: &str, value: Value) -> T {
    let mut request = request.clone();
    request[field] = value;
    // Through text as well, as a door reads it.
    serde_json::from_str(&request.to_string()).unwrap()
}

#[test]
fn hanko_names_a_field_of_a_wrong_type_and_evicts_nobody() {
    let world = world_of(Policy::hanko());
    let service = hanko::Service::new(world.issuer.clone());
    let admin = hanko::Caller::Admin(CreatorId::new("admin").unwrap());
    let create = |request| block_on(service.create_session(&admin, request));
    for _ in 0..5 {
        create(body(json!({ "user_id": USER }))).unwrap();
    }
    let expected = |name: &str, field: &str| {
        let got = if name == "boolean" { "bool" } else { name };
        let message = format!("Unmarshal type error: expected=string, got={got}, field={field}");
        let message = if name == "null" { format!("{field} is a required field") } else { message };
        (400, json!({ "code": 400, "message": message }))
    };
    unchanged(&world, || {
        for field in ["user_id", "user_agent", "ip_address"] {
            // In Go, null leaves a text as it is: empty.
            for (name, value) in
                not("string").filter(|(name, _)| field == "user_id" || *name != "null")
            {
                let outcome = create(with(&json!({ "user_id": USER }), field, value));
                assert_eq!(shown(outcome), expected(name, field), "{field}: {name}");
            }
        }
        for (name, value) in not("string") {
            let request = with(&json!({}), "session_token", value);
            let outcome = block_on(service.validate_session_from_body(request));
            assert_eq!(shown(outcome), expected(name, "session_token"), "{name}");
        }
    });
}

#[test]
fn stack_auth_names_every_field_of_a_wrong_type() {
    let world = world_of(Policy::stack_auth());
    let service = stack_auth::Service::new(world.issuer.clone());
    let server = stack_auth::Caller::server(Actor::new(id("operator")));
    let create = |request| block_on(service.create_session(&server, request));
    let schema_error = |route: &str, rules: &[String]| {
        let rules: String = rules.iter().map(|rule| format!("\n  - {rule}")).collect();
        let error = format!("Request validation failed on {route}:{rules}");
        (400, json!({ "code": "SCHEMA_ERROR", "details": { "message": error }, "error": error }))
    };
    let rule = |path: &str, wanted: &str, name: &str| match name {
        "null" => format!("{path} cannot be null"),
        _ => format!("{path} must be a `{wanted}` type"),
    };
    let post = "POST /api/v1/auth/sessions";
    unchanged(&world, || {
        for (field, wanted) in [
            ("user_id", "string"),
            ("expires_in_millis", "number"),
            ("is_impersonation", "boolean"),
        ] {
            for (name, value) in not(wanted) {
                let outcome = create(with(&json!({ "user_id": USER }), field, value));
                let rule = rule(&format!("body.{field}"), wanted, name);
                assert_eq!(shown(outcome), schema_error(post, &[rule]), "{field}: {name}");
            }
        }
        let all = [
            rule("body.user_id", "string", "number"),
            rule("body.expires_in_millis", "number", "string"),
            rule("body.is_impersonation", "boolean", "null"),
        ];
        let outcome = create(body(
            json!({ "user_id": 7, "expires_in_millis": "1", "is_impersonation": null }),
        ));
        assert_eq!(shown(outcome), schema_error(post, &all));
        for (name, value) in not("string") {
            let request = with(&json!({}), "user_id", value);
            let outcome = block_on(service.list_sessions(&server, request));
            let rule = rule("query.user_id", "string", name);
            assert_eq!(
                shown(outcome),
                schema_error("GET /api/v1/auth/sessions", &[rule]),
                "{name}"
            );
        }
    });
}

#[test]
fn tmdb_calls_every_field_of_a_wrong_type_an_invalid_parameter() {
    let world = world_of(Policy::tmdb());
    let service = tmdb::Service::new(world.issuer.clone());
    let (app, user) =
        (tmdb::Caller::app(AppId::new("films").unwrap()), tmdb::Caller::user(id(USER)));
    let opened = block_on(service.create_request_token(&app)).unwrap();
    let token = opened.request_token.expose();
    let no = line(tmdb::Status::InvalidParameters);
    unchanged(&world, || {
        let wrong = || not("string");
        let login =
            json!({ "username": "mini", "password": "V3ryS3cure!", "request_token": token });
        for field in ["username", "password", "request_token"] {
            for (name, value) in wrong() {
                let outcome =
                    block_on(service.validate_with_login(&app, with(&login, field, value)));
                // An empty name or password has a line of its own, and null counts as empty.
                let empty = name == "null" && field != "request_token";
                let expected =
                    if empty { line(tmdb::Status::CredentialsMissing) } else { no.clone() };
                assert_eq!(shown(outcome), expected, "{field}: {name}");
            }
        }
        for (name, value) in wrong() {
            let none = json!({});
            let request = with(&none, "request_token", value.clone());
            assert_eq!(shown(block_on(service.create_session(&app, request))), no, "{name}");
            let request = with(&none, "session_id", value.clone());
            assert_eq!(shown(block_on(service.delete_session(&app, request))), no, "{name}");
            let request = with(&none, "request_token", value.clone());
            assert_eq!(
                shown(block_on(service.v4().create_access_token(&app, request))),
                no,
                "{name}"
            );
            let request = || with(&none, "access_token", value.clone());
            assert_eq!(shown(block_on(service.v4().check_access_token(&app, request()))), no);
            assert_eq!(shown(block_on(service.v4().delete_access_token(&app, request()))), no);
            assert_eq!(
                shown(block_on(service.v4().convert_session(&app, request()))),
                no,
                "{name}"
            );
            let request = || with(&none, "request_token", value.clone());
            assert_eq!(shown(block_on(service.read_request_token(&user, request()))), no, "{name}");
            assert_eq!(shown(block_on(service.approve_request_token(&user, request()))), no);
            assert_eq!(shown(block_on(service.deny_request_token(&user, request()))), no, "{name}");
        }
        // These may be absent, and null counts as that.
        for (name, value) in wrong().filter(|(name, _)| *name != "null") {
            for field in ["session_id", "guest_session_id"] {
                let request = with(&json!({}), field, value.clone());
                assert_eq!(shown(block_on(service.check_session(&app, request))), no, "{name}");
            }
            let request = with(&json!({}), "redirect_to", value.clone());
            assert_eq!(shown(block_on(service.v4().create_request_token(&app, request))), no);
            let request = || with(&json!({ "request_token": token }), "redirect_to", value.clone());
            assert_eq!(shown(block_on(service.read_request_token(&user, request()))), no, "{name}");
            assert_eq!(shown(block_on(service.approve_request_token(&user, request()))), no);
            assert_eq!(shown(block_on(service.deny_request_token(&user, request()))), no, "{name}");
        }
    });
    let waits = block_on(service.read_request_token(&user, tmdb::DecideRequestToken::new(token)));
    assert!(!waits.unwrap().approved);
}

#[test]
fn zelf_names_a_field_of_a_wrong_type_and_kills_no_session() {
    let world = World::new(Policy::zelf());
    let service = zelf::Service::new(world.issuer.clone());
    let caller = zelf::Caller::new().origin("postman").ip(IpAddr::from([192, 0, 2, 7]));
    let create = |request| block_on(service.create_session(&caller, request));
    create(body(json!({ "identifier": "device-1" }))).unwrap();
    let kill = json!({ "identifier": "device-1", "killSession": true });
    unchanged(&world, || {
        for (field, wanted) in [
            ("identifier", "string"),
            ("domain", "string"),
            ("type", "string"),
            ("isWebExtension", "boolean"),
            ("killSession", "boolean"),
        ] {
            // null counts as absent.
            for (name, value) in not(wanted).filter(|(name, _)| *name != "null") {
                let wanted = if wanted == "boolean" { "Boolean" } else { wanted };
                let got = match name {
                    "array" => "Array",
                    "object" => "Object",
                    scalar => scalar,
                };
                let rule =
                    format!("Cast to {wanted} failed for a value (type {got}) at path \"{field}\"");
                let message = format!("Session validation failed: {field}: {rule}");
                let expected = (409, json!({ "validationError": message }));
                assert_eq!(shown(create(with(&kill, field, value))), expected, "{field}: {name}");
            }
        }
        let message = "Protected resource, use Authorization header to get access";
        let protected = (401, json!({ "error": message }));
        for (name, value) in not("string") {
            let request = || with(&json!({}), "token", value.clone());
            assert_eq!(shown(block_on(service.use_session(request()))), protected, "{name}");
            assert_eq!(shown(block_on(service.finish_session(request()))), protected, "{name}");
            let request = with(&json!({}), "identifier", value.clone());
            let outcome = block_on(service.public_key(&caller, request));
            let message = r#""identifier" must be a string"#;
            assert_eq!(shown(outcome), (409, json!({ "validationError": message })), "{name}");
        }
    });
}
