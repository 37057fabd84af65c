//! Hanko: the Admin API (also below `/admin`), validation, and the public keys.

use axum::{
    Router,
    extract::State,
    http::header,
    routing::{delete, get, post},
};
use serde_json::json;
use session_issuer::{
    Issuer, Policy,
    compat::hanko::{Caller, Service},
    id::CreatorId,
    signer::KeyRing,
};

use super::{
    door::{Call, Door, Fault, Outcome, Reply, same},
    host::{Host, System},
};

pub(crate) fn routes() -> Router<Api> {
    let admin = || {
        Router::new()
            .route("/users/{user_id}/sessions", get(list))
            .route("/users/{user_id}/sessions/{session_id}", delete(delete_one))
    };
    Router::new()
        .merge(admin().route("/sessions", post(create)))
        .nest("/admin", admin().route("/sessions", post(create)))
        .route("/sessions/validate", get(validate).post(validate_body))
        .route("/logout", post(logout))
        // The host's own, for what Hanko's profile shows.
        .route("/me", get(me))
        .route("/me/sessions", get(my_sessions))
        .route("/me/sessions/{session_id}", delete(delete_mine))
        .route("/.well-known/jwks.json", get(jwks))
}

#[derive(Clone)]
pub(crate) struct Api {
    service: Service,
    issuer: Issuer,
    ring: KeyRing,
    api_key: String,
    admin: Caller,
}

impl Api {
    pub(crate) fn new(host: &Host) -> Result<Self, Box<dyn std::error::Error>> {
        let issuer = host.issuer(&System {
            tenant: "hanko",
            policy: Policy::hanko(),
            ring: &host.ring,
            name: host.base.clone(),
            audience: "localhost".to_owned(), // the relying party's id
        })?;
        Ok(Self {
            service: Service::new(issuer.clone()).profiles(host.users),
            issuer,
            ring: host.ring.clone(),
            api_key: host.keys.hanko.clone(),
            admin: Caller::Admin(CreatorId::new("admin-api")?),
        })
    }

    /// Whoever has the API key may use the Admin API.
    fn admin(&self, call: &Call) -> Result<&Caller, Reply> {
        match call.authorization("Bearer").is_some_and(|given| same(given, &self.api_key)) {
            true => Ok(&self.admin),
            false => Err(error(401, "Unauthorized")),
        }
    }
}

impl Door for Api {
    fn tell(fault: Fault) -> Reply {
        error(fault.status(), fault.text())
    }
}

fn error(code: u16, message: &str) -> Reply {
    Reply::json(code, &json!({ "code": code, "message": message }))
}

/// What a call carries: a bearer token goes before the cookie.
fn tokens(call: &Call) -> Vec<&str> {
    call.authorization("Bearer").into_iter().chain(call.cookie("hanko")).collect()
}

async fn create(State(api): State<Api>, call: Call) -> Outcome {
    let admin = api.admin(&call)?;
    let request = call.json().map_err(Api::tell)?;
    Ok(Reply::ok(&api.service.create_session(admin, request).await?))
}

async fn list(State(api): State<Api>, call: Call) -> Outcome {
    let admin = api.admin(&call)?;
    Ok(Reply::ok(&api.service.list_sessions(admin, call.param(0)).await?))
}

async fn delete_one(State(api): State<Api>, call: Call) -> Outcome {
    let admin = api.admin(&call)?;
    api.service.delete_session(admin, call.param(0), call.param(1)).await?;
    Ok(Reply::empty(204))
}

async fn validate(State(api): State<Api>, call: Call) -> Outcome {
    Ok(Reply::ok(&api.service.validate_session(&tokens(&call)).await?))
}

async fn validate_body(State(api): State<Api>, call: Call) -> Outcome {
    let request = call.json().map_err(Api::tell)?;
    Ok(Reply::ok(&api.service.validate_session_from_body(request).await?))
}

async fn logout(State(api): State<Api>, call: Call) -> Outcome {
    let cookie = api.service.logout(&tokens(&call)).await?;
    let flags = [(cookie.http_only, "; HttpOnly"), (cookie.secure, "; Secure")];
    let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, flag)| *flag).collect();
    let cookie = format!(
        "{}=; Path={}; Max-Age={}; SameSite={}{flags}",
        cookie.name, cookie.path, cookie.max_age, cookie.same_site
    );
    Ok(Reply::empty(204).with(header::SET_COOKIE, cookie))
}

/// A route of the host's own behind the session: who is signed in.
async fn me(State(api): State<Api>, call: Call) -> Outcome {
    match api.service.authenticate(&tokens(&call)).await? {
        Caller::User { user, .. } => Ok(Reply::ok(&json!({ "id": user, "user_id": user }))),
        _ => Err(error(401, "Unauthorized")),
    }
}

async fn my_sessions(State(api): State<Api>, call: Call) -> Outcome {
    let caller = api.service.authenticate(&tokens(&call)).await?;
    Ok(Reply::ok(&api.service.profile_sessions(&caller).await?))
}

async fn delete_mine(State(api): State<Api>, call: Call) -> Outcome {
    let caller = api.service.authenticate(&tokens(&call)).await?;
    api.service.profile_delete_session(&caller, call.param(0)).await?;
    Ok(Reply::empty(204))
}

async fn jwks(State(api): State<Api>) -> Reply {
    Reply::ok(&api.ring.jwks(api.issuer.now())).with(header::CACHE_CONTROL, "max-age=600")
}
