//! ZITADEL: a session grown by checks. The other calls of its session service belong here too.

use axum::{Router, extract::State, routing::post};
use serde_json::json;
use session_issuer::{
    Policy,
    compat::zitadel::{self, Caller, Service},
    id::CreatorId,
};

use super::{
    door::{Call, Door, Fault, Outcome, Reply, same},
    host::{Host, System},
};

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/v2alpha/sessions", post(create))
        .route("/v2beta/sessions", post(create))
        .route("/v2/sessions", post(create))
}

#[derive(Clone)]
pub(crate) struct Api {
    service: Service,
    token: String,
    login_page: Caller,
}

impl Api {
    pub(crate) fn new(host: &Host) -> Result<Self, Box<dyn std::error::Error>> {
        let issuer = host.issuer(&System {
            tenant: "zitadel",
            policy: Policy::zitadel(),
            ring: &host.ring,
            name: host.base.clone(),
            audience: host.base.clone(),
        })?;
        Ok(Self {
            service: Service::new(issuer),
            token: host.keys.zitadel.clone(),
            login_page: Caller::new(CreatorId::new("login-page")?, "demo-organisation")?,
        })
    }

    /// The login page's service account. ZITADEL's own page calls without a token: that is let in here, for a demo on
    /// one's own machine, and a wrong token is not.
    fn caller(&self, call: &Call) -> Result<&Caller, Reply> {
        match call.header("authorization").is_none()
            || call.authorization("Bearer").is_some_and(|given| same(given, &self.token))
        {
            true => Ok(&self.login_page),
            false => Err(error(401, 16, "Errors.Token.Invalid (AUTH-7fs1e)")),
        }
    }
}

impl Door for Api {
    fn tell(fault: Fault) -> Reply {
        let code = match fault {
            Fault::NotFound => 5,
            Fault::WrongMethod => 12,
            Fault::TooLarge => 8,
            Fault::Malformed | Fault::WrongContentType => 3,
        };
        error(fault.status(), code, fault.text())
    }
}

/// As gRPC's gateway writes it.
fn error(status: u16, code: u8, message: &str) -> Reply {
    Reply::json(status, &json!({ "code": code, "message": message, "details": [] }))
}

async fn create(State(api): State<Api>, call: Call) -> Outcome {
    let caller = api.caller(&call)?;
    let request = call.json().map_err(Api::tell)?;
    Ok(Reply::ok(&zitadel::create_session(&api.service, caller, request).await?))
}
