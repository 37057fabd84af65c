//! TMDB: request tokens, the page where users decide, sessions, and a route that they protect.

use axum::{
    Router,
    extract::State,
    http::{Uri, header},
    routing::{delete, get, post},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use session_issuer::{
    Issuer, Policy,
    compat::tmdb::{
        Caller, CheckSession, CreateSession, DecideRequestToken, DeleteSession, Service, Status,
        ValidateWithLogin, v4,
    },
    id::{AppId, SubjectId},
};

use super::{
    door::{Call, Door, Fault, Outcome, Reply, same},
    host::{Host, System, Users},
};

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/3/authentication/token/new", get(new_token))
        .route("/3/authentication/token/validate_with_login", get(login).post(login))
        .route("/3/authentication/session/new", get(new_session).post(new_session))
        .route("/3/authentication/session", delete(delete_session))
        .route("/3/authentication/session/convert/4", post(convert))
        .route("/3/authentication/guest_session/new", get(new_guest))
        .route("/4/auth/request_token", post(new_token_v4))
        .route("/4/auth/access_token", post(new_access_token).delete(delete_access_token))
        .route("/authenticate/{request_token}", get(page).post(decide))
        .route("/3/account", get(account))
        .route("/3/account/{account_id}", get(account))
}

#[derive(Clone)]
pub(crate) struct Api {
    service: Service,
    issuer: Issuer,
    users: Users,
    api_key: String,
    read_access_token: String,
    app: Caller,
}

impl Api {
    pub(crate) fn new(host: &Host) -> Result<Self, Box<dyn std::error::Error>> {
        let issuer = host.issuer(&System {
            tenant: "tmdb",
            policy: Policy::tmdb(),
            ring: &host.ring,
            name: host.base.clone(),
            audience: host.base.clone(),
        })?;
        Ok(Self {
            service: Service::new(issuer.clone()),
            issuer,
            users: host.users,
            api_key: host.keys.tmdb.clone(),
            read_access_token: host.keys.tmdb_read.clone(),
            app: Caller::app(AppId::new("demo-app")?),
        })
    }

    /// The app whose key a call carries: as a bearer, in the query, or in the body, where some
    /// clients put all they send.
    fn app(&self, call: &Call) -> Result<&Caller, Reply> {
        #[derive(Deserialize)]
        struct Key {
            api_key: Option<String>,
        }
        let bearer =
            call.authorization("Bearer").is_some_and(|given| same(given, &self.read_access_token));
        let key = || {
            let json = || call.json::<Key>().ok()?.api_key;
            let body =
                || call.form().ok().and_then(|mut form| form.remove("api_key")).or_else(json);
            call.query_value("api_key")
                .or_else(body)
                .is_some_and(|given| same(&given, &self.api_key))
        };
        if bearer || key() { Ok(&self.app) } else { Err(Status::InvalidApiKey.error().into()) }
    }

    /// The user who is logged in to the page, by the browser's own dialog.
    async fn user(&self, call: &Call) -> Result<Caller, Reply> {
        let dialog = || {
            let page = Reply::html(
                401,
                "<!doctype html><title>Log in</title><p>Log in as a demo user.".to_owned(),
            );
            page.with(header::WWW_AUTHENTICATE, "Basic realm=\"five_apis\", charset=\"UTF-8\"")
        };
        let (name, password) = call.basic().ok_or_else(dialog)?;
        let user = self.users.by_login(&name, &password).ok_or_else(dialog)?;
        let user = SubjectId::new(user.id).map_err(|_| Status::Internal.error())?;
        // A real host reads it before it compares the password: what revokes all sessions from then
        // on wins.
        let epoch = self.issuer.epoch(&user).await.map_err(|_| Status::Offline.error())?;
        Ok(Caller::user(user).epoch(epoch))
    }
}

impl Door for Api {
    fn tell(fault: Fault) -> Reply {
        let status = match fault {
            Fault::NotFound => Status::NotFound,
            Fault::WrongMethod => Status::WrongMethod,
            _ => Status::InvalidParameters,
        };
        Reply::json(fault.status(), &status.error())
    }
}

/// What a call sends: in its body, as JSON or as a form, and in its query. What the body lacks, the
/// query may have.
fn sent<T: DeserializeOwned>(call: &Call, from_query: fn(&str) -> T) -> Result<[T; 2], Reply> {
    let body = match call.form_text().map_err(Api::tell)? {
        Some(form) => from_query(form),
        None => call.json().map_err(Api::tell)?,
    };
    Ok([body, from_query(call.query())])
}

async fn new_token(State(api): State<Api>, call: Call) -> Outcome {
    Ok(Reply::ok(&api.service.create_request_token(api.app(&call)?).await?))
}

async fn login(State(api): State<Api>, call: Call) -> Outcome {
    let app = api.app(&call)?;
    let [body, query] = sent(&call, ValidateWithLogin::from_query)?;
    Ok(Reply::ok(&api.service.validate_with_login(app, body.or(query)).await?))
}

async fn new_session(State(api): State<Api>, call: Call) -> Outcome {
    let app = api.app(&call)?;
    let [body, query] = sent(&call, CreateSession::from_query)?;
    Ok(Reply::ok(&api.service.create_session(app, body.or(query)).await?))
}

async fn new_guest(State(api): State<Api>, call: Call) -> Outcome {
    Ok(Reply::ok(&api.service.create_guest_session(api.app(&call)?).await?))
}

async fn delete_session(State(api): State<Api>, call: Call) -> Outcome {
    let app = api.app(&call)?;
    let [body, query] = sent(&call, DeleteSession::from_query)?;
    Ok(Reply::ok(&api.service.delete_session(app, body.or(query)).await?))
}

async fn convert(State(api): State<Api>, call: Call) -> Outcome {
    let app = api.app(&call)?;
    let [body, query] = sent(&call, v4::AccessToken::from_query)?;
    Ok(Reply::ok(&api.service.v4().convert_session(app, body.or(query)).await?))
}

async fn new_token_v4(State(api): State<Api>, call: Call) -> Outcome {
    let app = api.app(&call)?;
    let [body, query] = sent(&call, v4::CreateRequestToken::from_query)?;
    Ok(Reply::ok(&api.service.v4().create_request_token(app, body.or(query)).await?))
}

async fn new_access_token(State(api): State<Api>, call: Call) -> Outcome {
    let app = api.app(&call)?;
    let [body, query] = sent(&call, v4::CreateAccessToken::from_query)?;
    Ok(Reply::ok(&api.service.v4().create_access_token(app, body.or(query)).await?))
}

async fn delete_access_token(State(api): State<Api>, call: Call) -> Outcome {
    let app = api.app(&call)?;
    let [body, query] = sent(&call, v4::AccessToken::from_query)?;
    Ok(Reply::ok(&api.service.v4().delete_access_token(app, body.or(query)).await?))
}

/// A route of the host's own: whose session it is.
async fn account(State(api): State<Api>, call: Call) -> Outcome {
    let app = api.app(&call)?;
    let access = api.service.check_session(app, CheckSession::from_query(call.query())).await?;
    let user =
        api.users.by_id(access.user()?.as_str()).ok_or_else(|| Status::AccountDisabled.error())?;
    Ok(Reply::ok(&json!({ "id": user.number, "username": user.login_name, "name": user.name })))
}

/// What the logged-in user is asked.
async fn page(State(api): State<Api>, call: Call) -> Outcome {
    let user = api.user(&call).await?;
    let request = DecideRequestToken::from_query(call.param(0), call.query());
    let seen = api.service.read_request_token(&user, request).await?;
    Ok(Reply::html(
        200,
        format!(
            "<!doctype html><title>Approve</title><p>{} asks to use your account, until {}.\
         <form method=\"post\"><button name=\"decision\" value=\"approve\">Approve</button>\
         <button name=\"decision\" value=\"deny\">Deny</button></form>",
            seen.app, seen.expires_at
        ),
    ))
}

/// What the user has said. The browser sends the login by itself, so the form must be this page's
/// own.
async fn decide(State(api): State<Api>, call: Call) -> Outcome {
    let from = call.header("origin").and_then(|origin| origin.split_once("://"));
    if call.header("origin").is_some() && from.map(|(_, host)| host) != call.header("host") {
        return Err(Status::AuthenticationFailed.error().into());
    }
    let user = api.user(&call).await?;
    let request = DecideRequestToken::from_query(call.param(0), call.query());
    let form = call.form().map_err(Api::tell)?;
    let (page, decided) = match form.get("decision").map(String::as_str) {
        Some("approve") => (api.service.approve_request_token(&user, request).await?, "approved"),
        Some("deny") => (api.service.deny_request_token(&user, request).await?, "denied"),
        _ => return Err(Status::InvalidParameters.error().into()),
    };
    match page.redirect_to.filter(|address| is_ours(address)) {
        Some(address) => {
            let (address, fragment) = address.split_at(address.find('#').unwrap_or(address.len()));
            let glue = if address.contains('?') { '&' } else { '?' };
            let token = call.param(0);
            let address = format!("{address}{glue}request_token={token}&{decided}=true{fragment}");
            Ok(Reply::empty(303).with(header::LOCATION, address))
        }
        None => Ok(Reply::html(200, format!("<!doctype html><title>Done</title><p>{decided}"))),
    }
}

/// Where this host lets apps send users: to the same machine. A real one knows its apps' addresses.
fn is_ours(address: &str) -> bool {
    let Ok(uri) = address.parse::<Uri>() else { return false };
    matches!(uri.scheme_str(), Some("http" | "https"))
        && matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]"))
}
