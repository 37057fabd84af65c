//! The same calls as Connect has them, one path for each: ZITADEL's own client libraries speak so.

use axum::{Router, extract::State, routing::post};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use session_issuer::compat::zitadel::{ApiError, Caller, Service};

use super::{
    super::door::{Call, Door, Fault, Reply},
    Era, Unwelcome, code,
};

/// ZITADEL, as Connect tells its errors.
#[derive(Clone)]
pub(crate) struct Api(pub(crate) super::Api);

pub(crate) fn routes() -> Router<Api> {
    let services = [("v2beta", Era::V2Beta), ("v2", Era::V2)];
    services.into_iter().fold(Router::new(), |router, (version, era)| {
        ["CreateSession", "SetSession", "GetSession", "ListSessions", "DeleteSession"]
            .into_iter()
            .fold(router, |router, name| {
                let path = format!("/zitadel.session.{version}.SessionService/{name}");
                let handler = move |State(api): State<Api>, call: Call| async move {
                    answered(&api.0, &call, era, name).await.unwrap_or_else(|reply| reply)
                };
                router.route(&path, post(handler))
            })
    })
}

impl Door for Api {
    fn tell(fault: Fault) -> Reply {
        error(fault.status(), code(fault), fault.text(), &[])
    }
}

async fn answered(api: &super::Api, call: &Call, era: Era, name: &str) -> Result<Reply, Reply> {
    let caller = api.caller(call, era).await.map_err(not_let_in)?;
    let service = api.of(era, &caller);
    match name {
        "CreateSession" => {
            let request = api.unclaimed(request(call)?, &caller);
            told(service.create_session(&caller, request).await)
        }
        "SetSession" => set(&service, &caller, call).await,
        "GetSession" => told(service.get_session(&caller, request(call)?).await),
        "ListSessions" => told(service.list_sessions(&caller, request(call)?).await),
        "DeleteSession" => told(service.delete_session(&caller, request(call)?).await),
        _ => Err(Api::tell(Fault::NotFound)),
    }
}

async fn set(service: &Service, caller: &Caller, call: &Call) -> Result<Reply, Reply> {
    /// The member of the body that a path has elsewhere.
    #[derive(Deserialize)]
    struct Named {
        #[serde(rename = "sessionId", alias = "session_id", default)]
        session_id: String,
    }
    let named: Named = request(call)?;
    told(service.set_session(caller, &named.session_id, request(call)?).await)
}

fn request<T: DeserializeOwned>(call: &Call) -> Result<T, Reply> {
    call.json().map_err(Api::tell)
}

fn told<T: Serialize>(answer: Result<T, ApiError>) -> Result<Reply, Reply> {
    answer.map(|answer| Reply::ok(&answer)).map_err(|refused| refusal(&refused))
}

fn refusal(refused: &ApiError) -> Reply {
    Reply::log(refused);
    let details: Vec<_> =
        refused.body.details.iter().map(|detail| (detail.id, detail.message)).collect();
    error(refused.status, refused.body.code, &refused.body.message, &details)
}

fn not_let_in(unwelcome: Unwelcome) -> Reply {
    match unwelcome {
        Unwelcome::Refused(refused) => refusal(&refused),
        Unwelcome::NoToken => error(401, 16, "Errors.Token.Invalid (AUTH-7fs1e)", &[]),
        Unwelcome::Unavailable => error(503, 14, "The service is busy. Try again.", &[]),
    }
}

/// A code by its name, and details as protobuf's bytes.
fn error(status: u16, code: u8, message: &str, details: &[(&str, &str)]) -> Reply {
    let name = match code {
        3 => "invalid_argument",
        5 => "not_found",
        7 => "permission_denied",
        8 => "resource_exhausted",
        9 => "failed_precondition",
        12 => "unimplemented",
        14 => "unavailable",
        16 => "unauthenticated",
        _ => "internal",
    };
    let details: Vec<_> = details
        .iter()
        .map(|(id, message)| {
            let mut bytes = Vec::new();
            for (tag, text) in [(0x0a, id), (0x12, message)] {
                bytes.extend([tag, u8::try_from(text.len().min(127)).unwrap_or(0)]);
                bytes.extend(text.bytes().take(127));
            }
            json!({ "type": "zitadel.v1.ErrorDetail", "value": STANDARD.encode(bytes) })
        })
        .collect();
    Reply::json(status, &json!({ "code": name, "message": message, "details": details }))
}
