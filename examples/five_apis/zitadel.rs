//! ZITADEL's session service: a session grown by checks. Each family of paths has the rule of its
//! own era.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use serde_json::json;
use session_issuer::{
    Policy,
    compat::zitadel::{
        ApiError, Caller, CreateSession, DeleteSession, GetSession, LoginPolicy, Permission,
        ResourceOwner, Scope, Service, TokenRule,
    },
    id::CreatorId,
};

use super::{
    door::{Call, Door, Fault, Outcome, Reply, same},
    factors::{Factors, TENANT},
    host::{Host, ORGANISATION, System},
    keys::drawn,
};

#[path = "zitadel_connect.rs"]
pub(crate) mod connect;

/// A family of paths, and whether a change needs the session's token there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    V2Alpha,
    V2Beta,
    V2,
}

pub(crate) fn routes() -> Router<Api> {
    let families = [("/v2alpha", Era::V2Alpha), ("/v2beta", Era::V2Beta), ("/v2", Era::V2)];
    families.into_iter().fold(Router::new(), |router, (prefix, era)| {
        let create = move |State(api): State<Api>, call: Call| create(api, call, era);
        let search = move |State(api): State<Api>, call: Call| search(api, call, era);
        let show = move |State(api): State<Api>, call: Call| show(api, call, era);
        let set = move |State(api): State<Api>, call: Call| set(api, call, era);
        let delete = move |State(api): State<Api>, call: Call| delete(api, call, era);
        router
            .route(&format!("{prefix}/sessions"), post(create))
            .route(&format!("{prefix}/sessions/search"), post(search))
            .route(
                &format!("{prefix}/sessions/{{session_id}}"),
                get(show).patch(set).delete(delete),
            )
    })
}

#[derive(Clone)]
pub(crate) struct Api {
    service: Service,
    factors: Arc<Factors>,
    token: String,
    login_page: Caller,
}

impl Api {
    pub(crate) fn new(host: &Host) -> Result<Self, Box<dyn std::error::Error>> {
        let issuer = host.issuer(&System {
            tenant: TENANT,
            policy: Policy::zitadel(),
            ring: &host.ring,
            name: host.base.clone(),
            audience: host.base.clone(),
        })?;
        let login_page = Caller::new(CreatorId::new("login-page")?, ORGANISATION)?;
        let all = [Permission::SessionRead, Permission::SessionWrite, Permission::SessionDelete];
        Ok(Self {
            service: Service::new(issuer).profiles(host.users),
            factors: Arc::clone(&host.factors),
            token: host.keys.zitadel.clone(),
            login_page: all
                .into_iter()
                .fold(login_page, |page, may| page.grant(may, Scope::Instance)),
        })
    }

    /// The service under the rule of an era. The login page alone is trusted with every session
    /// whose id it knows, and with codes: whoever gets one back has a second factor without the
    /// phone.
    pub(crate) fn of(&self, era: Era, caller: &Caller) -> Service {
        let is_page = *caller == self.login_page;
        let service = self.service.clone().challenges(self.factors.challenges(is_page));
        match era {
            Era::V2Alpha => service.token_rule(TokenRule::V2Alpha),
            Era::V2Beta if is_page => service.token_rule(TokenRule::V2).resource_owner(instance()),
            Era::V2Beta | Era::V2 => {
                service.token_rule(TokenRule::Permission).resource_owner(instance())
            }
        }
    }

    /// A creation without the fingerprint of a user agent that anybody but the login page claims to
    /// be: sessions of one user agent are shown to each other.
    pub(crate) fn unclaimed(&self, mut request: CreateSession, caller: &Caller) -> CreateSession {
        if let Some(agent) = request.user_agent.as_mut().filter(|_| *caller != self.login_page) {
            agent.fingerprint_id = None;
        }
        request
    }

    /// The login page's service account, or the user of a session whose token is the bearer token.
    ///
    /// ZITADEL's own page calls without a token. That is let in where no era trusts its callers,
    /// for a demo on one's own machine: as somebody new each time, who has no more than the session
    /// tokens that it knows.
    pub(crate) async fn caller(&self, call: &Call, era: Era) -> Result<Caller, Unwelcome> {
        match call.authorization("Bearer") {
            Some(given) if same(given, &self.token) => Ok(self.login_page.clone()),
            Some(given) => {
                let caller = self.service.authenticate(given, LoginPolicy::new()).await;
                caller.map_err(Unwelcome::Refused)
            }
            None if call.header("authorization").is_none() && era != Era::V2Beta => {
                let name = drawn().map_err(|_| Unwelcome::Unavailable)?;
                let caller = CreatorId::new(name).and_then(|name| Caller::new(name, ORGANISATION));
                caller.map_err(|_| Unwelcome::Unavailable)
            }
            None => Err(Unwelcome::NoToken),
        }
    }
}

/// Who is not let in, and why.
pub(crate) enum Unwelcome {
    Refused(ApiError),
    NoToken,
    Unavailable,
}

impl From<Unwelcome> for Reply {
    fn from(unwelcome: Unwelcome) -> Self {
        match unwelcome {
            Unwelcome::Refused(refused) => Self::refused(&refused),
            Unwelcome::NoToken => error(401, 16, "Errors.Token.Invalid (AUTH-7fs1e)"),
            Unwelcome::Unavailable => error(503, 14, "The service is busy. Try again."),
        }
    }
}

fn instance() -> ResourceOwner {
    ResourceOwner::Instance("demo-instance".to_owned())
}

impl Door for Api {
    fn tell(fault: Fault) -> Reply {
        error(fault.status(), code(fault), fault.text())
    }
}

/// The gRPC code of what the door refuses.
fn code(fault: Fault) -> u8 {
    match fault {
        Fault::NotFound => 5,
        Fault::WrongMethod => 12,
        Fault::TooLarge => 8,
        Fault::Malformed | Fault::WrongContentType => 3,
    }
}

/// As gRPC's gateway writes it.
fn error(status: u16, code: u8, message: &str) -> Reply {
    Reply::json(status, &json!({ "code": code, "message": message, "details": [] }))
}

async fn create(api: Api, call: Call, era: Era) -> Outcome {
    let caller = api.caller(&call, era).await?;
    let request = api.unclaimed(call.json().map_err(Api::tell)?, &caller);
    Ok(Reply::json(201, &api.of(era, &caller).create_session(&caller, request).await?))
}

async fn set(api: Api, call: Call, era: Era) -> Outcome {
    let caller = api.caller(&call, era).await?;
    let request = call.json().map_err(Api::tell)?;
    Ok(Reply::ok(&api.of(era, &caller).set_session(&caller, call.param(0), request).await?))
}

async fn show(api: Api, call: Call, era: Era) -> Outcome {
    let caller = api.caller(&call, era).await?;
    let request = GetSession::of(call.param(0), call.query());
    Ok(Reply::ok(&api.of(era, &caller).get_session(&caller, request).await?))
}

async fn search(api: Api, call: Call, era: Era) -> Outcome {
    let caller = api.caller(&call, era).await?;
    let request = call.json().map_err(Api::tell)?;
    Ok(Reply::ok(&api.of(era, &caller).list_sessions(&caller, request).await?))
}

async fn delete(api: Api, call: Call, era: Era) -> Outcome {
    let caller = api.caller(&call, era).await?;
    let mut request: DeleteSession = call.json().map_err(Api::tell)?;
    request.session_id = Some(call.param(0).to_owned());
    Ok(Reply::ok(&api.of(era, &caller).delete_session(&caller, request).await?))
}
