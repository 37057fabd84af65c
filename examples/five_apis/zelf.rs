//! ZELF: the session of a device, two routes that it protects, and the public key.

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use serde_json::json;
use session_issuer::{
    Policy,
    compat::zelf::{Caller, PublicKey, Quota, Service, UseSession},
};

use super::{
    door::{Call, Door, Fault, Outcome, Reply},
    host::{Host, NoKeys, System},
};

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/api/sessions", post(create))
        .route("/api/sessions/yek-cilbup", get(public_key))
        // Two of the host's own, behind a session: one that counts, and one that uses the session
        // up.
        .route("/api/zelf-name-service/search", get(search))
        .route("/api/wallets/decrypt", post(decrypt))
}

#[derive(Clone)]
pub(crate) struct Api {
    service: Service,
}

impl Api {
    pub(crate) fn new(host: &Host) -> Result<Self, Box<dyn std::error::Error>> {
        let issuer = host.issuer(&System {
            tenant: "zelf",
            policy: Policy::zelf(),
            ring: &host.zelf_ring,
            name: host.base.clone(),
            audience: "zelf".to_owned(),
        })?;
        Ok(Self { service: Service::new(issuer).public_keys(NoKeys) })
    }
}

impl Door for Api {
    fn tell(fault: Fault) -> Reply {
        match fault {
            Fault::Malformed | Fault::WrongContentType => {
                Reply::json(400, &json!({ "validationError": "The body is not valid JSON" }))
            }
            _ => Reply::json(fault.status(), &json!({ "error": fault.text() })),
        }
    }
}

fn caller(call: &Call) -> Caller {
    let caller = Caller::new().origin(call.header("origin").unwrap_or_default());
    call.peer().into_iter().fold(caller, Caller::ip)
}

/// The token of a protected call: in its header, its query, or its body.
fn token(call: &Call) -> Result<UseSession, Fault> {
    let header = UseSession::authorization(call.header("authorization").unwrap_or_default());
    let sent = header.or(UseSession::from_query(call.query()));
    if call.has_body() { Ok(sent.or(call.json()?)) } else { Ok(sent) }
}

async fn create(State(api): State<Api>, call: Call) -> Outcome {
    let request = call.json().map_err(Api::tell)?;
    Ok(Reply::ok(&api.service.create_session(&caller(&call), request).await?))
}

async fn public_key(State(api): State<Api>, call: Call) -> Outcome {
    let request = PublicKey::from_query(call.query());
    Ok(Reply::ok(&api.service.public_key(&caller(&call), request).await?))
}

async fn search(State(api): State<Api>, call: Call) -> Outcome {
    let request = token(&call).map_err(Api::tell)?.counting(Quota::Search);
    let used = api.service.use_session(request).await?;
    Ok(Reply::ok(&json!({ "data": { "identifier": used.identifier(), "type": used.kind() } })))
}

async fn decrypt(State(api): State<Api>, call: Call) -> Outcome {
    let request = || token(&call).map_err(Api::tell);
    api.service.use_session(request()?.counting(Quota::Decrypt)).await?;
    // An operation that must happen once finishes its session first.
    api.service.finish_session(request()?).await?;
    Ok(Reply::ok(&json!({ "data": { "decrypted": true } })))
}
