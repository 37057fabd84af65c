//! Stack Auth: sessions and their tokens, for a project's clients, servers and administrators.

use axum::{
    Router,
    extract::State,
    http::HeaderName,
    routing::{delete, get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use session_issuer::{
    Issuer, Policy,
    actor::Actor,
    compat::stack_auth::{AccessToken, ApiError, Caller, ListSessions, Service, UserKind},
    id::SubjectId,
    policy::Freshness,
};

use super::{
    door::{Call, Door, Fault, Outcome, Reply, same},
    host::{Host, PROJECT, System, User, Users, signed_up_at},
};

/// `/api/v1/..`, and without that as the API's own page writes it.
pub(crate) fn routes() -> Router<Api> {
    let auth = || {
        Router::new()
            .route("/auth/sessions", get(list).post(create))
            .route("/auth/sessions/current", delete(sign_out))
            .route("/auth/sessions/current/refresh", post(refresh))
            .route("/auth/sessions/{id}", delete(delete_one))
            .route("/auth/oauth/token", post(oauth_token))
            .route("/auth/password/update", post(change_password))
    };
    // Who the users are is the host's to say.
    Router::new().merge(auth()).nest("/api/v1", auth().route("/users/{user_id}", get(user)))
}

#[derive(Clone)]
pub(crate) struct Api {
    service: Service,
    issuer: Issuer,
    users: Users,
    client_key: String,
    server_key: String,
    admin_key: String,
    operator: Actor,
}

impl Api {
    pub(crate) fn new(host: &Host) -> Result<Self, Box<dyn std::error::Error>> {
        let issuer = host.issuer(&System {
            tenant: "stack-auth",
            policy: Policy::stack_auth(),
            ring: &host.ring,
            name: UserKind::Regular.issuer_name(&format!("{}/api/v1", host.base), PROJECT),
            audience: UserKind::Regular.audience(PROJECT),
        })?;
        Ok(Self {
            service: Service::new(issuer.clone()).project(PROJECT, "main").profiles(host.users),
            issuer,
            users: host.users,
            client_key: host.keys.stack_client.clone(),
            server_key: host.keys.stack_server.clone(),
            admin_key: host.keys.stack_admin.clone(),
            operator: Actor::new(SubjectId::new("stack-auth-operator")?),
        })
    }

    /// With which key it calls: `access-type` says where to look. A bearer of the server's key
    /// needs no other header.
    fn key_holder(&self, call: &Call) -> Result<Caller, Reply> {
        let (name, key, caller) = match header(call, "access-type") {
            Some("client") => (
                "publishable-client-key",
                &self.client_key,
                Caller::client().end_user(call.client()),
            ),
            Some("server") => {
                ("secret-server-key", &self.server_key, Caller::server(self.operator.clone()))
            }
            Some("admin") => {
                ("super-secret-admin-key", &self.admin_key, Caller::admin(self.operator.clone()))
            }
            None if call.authorization("Bearer").is_some_and(|key| same(key, &self.server_key)) => {
                return Ok(Caller::server(self.operator.clone()));
            }
            None => {
                let text = "You must specify an access level for this Stack project: x-stack-access-type is missing.";
                return Err(known(400, "ACCESS_TYPE_REQUIRED", text, json!({})));
            }
            Some(_) => {
                let text = "The x-stack-access-type header must be 'client', 'server', or 'admin'.";
                return Err(known(
                    400,
                    "INVALID_ACCESS_TYPE",
                    text,
                    json!({ "accessType": "other" }),
                ));
            }
        };
        let project = header(call, "project-id") == Some(PROJECT);
        if project && header(call, name).is_some_and(|given| same(given, key)) {
            return Ok(caller);
        }
        let code = format!("INVALID_{}", name.to_uppercase().replace('-', "_"));
        Err(known(
            401,
            &code,
            "The key is not valid for the project.",
            json!({ "project_id": PROJECT }),
        ))
    }

    /// Who calls: with which key, and as whom.
    async fn caller(&self, call: &Call) -> Result<Caller, Reply> {
        let caller = self.key_holder(call)?;
        Ok(match self.access_token(call).await? {
            Some(token) => caller.signed_in_with(&token),
            None => caller,
        })
    }

    /// Stack Auth's way: a session that was signed out of is seen when its access token expires, in
    /// ten minutes at most. `Freshness::Store` would see it at once.
    async fn access_token(&self, call: &Call) -> Result<Option<AccessToken>, Reply> {
        self.access_token_by(call, Freshness::Stateless).await
    }

    async fn access_token_by(
        &self,
        call: &Call,
        freshness: Freshness,
    ) -> Result<Option<AccessToken>, Reply> {
        let Some(token) = header(call, "access-token") else { return Ok(None) };
        let checked = self.service.check_access_token(token, freshness).await;
        checked.map(Some).map_err(refused)
    }
}

impl Door for Api {
    fn tell(fault: Fault) -> Reply {
        match fault {
            Fault::Malformed => {
                known(400, "BODY_PARSING_ERROR", "Invalid JSON in request body", json!({}))
            }
            Fault::WrongContentType => known(
                400,
                "BODY_PARSING_ERROR",
                "Unsupported content type in request body",
                json!({}),
            ),
            _ => Reply::json(fault.status(), &json!({ "error": fault.text() })),
        }
    }
}

/// A header of Stack Auth's: of the name that it has had, or of the one that newer clients send.
fn header<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
    call.header(&format!("x-stack-{name}")).or_else(|| call.header(&format!("x-hexclave-{name}")))
}

const KNOWN_ERROR: HeaderName = HeaderName::from_static("x-stack-known-error");

fn known(status: u16, code: &str, error: &str, details: Value) -> Reply {
    Reply::json(status, &json!({ "code": code, "error": error, "details": details }))
        .with(KNOWN_ERROR, code)
}

/// The SDK believes an error that this header names.
fn refused(error: ApiError) -> Reply {
    let reply = Reply::refused(&error);
    if error.body.code.is_empty() { reply } else { reply.with(KNOWN_ERROR, error.body.code) }
}

async fn create(State(api): State<Api>, call: Call) -> Outcome {
    let caller = api.caller(&call).await?;
    let request = call.json().map_err(Api::tell)?;
    api.service
        .create_session(&caller, request)
        .await
        .map(|answer| Reply::ok(&answer))
        .map_err(refused)
}

async fn list(State(api): State<Api>, call: Call) -> Outcome {
    let caller = api.caller(&call).await?;
    let mut request = ListSessions::default();
    request.user_id = call.query_value("user_id").into();
    api.service
        .list_sessions(&caller, request)
        .await
        .map(|answer| Reply::ok(&answer))
        .map_err(refused)
}

async fn delete_one(State(api): State<Api>, call: Call) -> Outcome {
    let caller = api.caller(&call).await?;
    let done = api.service.delete_session(&caller, call.param(0)).await;
    done.map(|answer| Reply::ok(&answer)).map_err(refused)
}

/// Signs out of the session of either token. An access token that has expired will do, so it is not
/// checked first.
async fn sign_out(State(api): State<Api>, call: Call) -> Outcome {
    api.key_holder(&call)?;
    // Either signs out: where the one is good for nothing, the other may be.
    let tokens =
        ["access-token", "refresh-token"].map(|name| header(&call, name).unwrap_or_default());
    let [access, refresh] = tokens;
    let answer = match api.service.sign_out(access).await {
        Err(error) if error.status == 401 => api.service.sign_out(refresh).await,
        answer => answer,
    };
    answer.map(|answer| Reply::ok(&answer)).map_err(refused)
}

async fn refresh(State(api): State<Api>, call: Call) -> Outcome {
    let caller = api.key_holder(&call)?;
    let token = header(&call, "refresh-token").unwrap_or_default();
    api.service
        .refresh_session(&caller, token)
        .await
        .map(|answer| Reply::ok(&answer))
        .map_err(refused)
}

/// The same as OAuth writes it (RFC 6749 section 6): what the SDK calls.
async fn oauth_token(State(api): State<Api>, call: Call) -> Outcome {
    let form = call.form().map_err(Api::tell)?;
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if field("grant_type") != "refresh_token" {
        return Err(Reply::json(400, &json!({ "error": "unsupported_grant_type" })));
    }
    if field("client_id") != PROJECT || !same(field("client_secret"), &api.client_key) {
        return Err(Reply::json(401, &json!({ "error": "invalid_client" })));
    }
    let caller = Caller::client().end_user(call.client());
    let answer =
        api.service.refresh_session(&caller, field("refresh_token")).await.map_err(refused)?;
    let token = answer.access_token.expose();
    let lives = api
        .issuer
        .verify(token)
        .map(|claims| claims.expires_at().since(claims.issued_at()).as_secs());
    Ok(Reply::ok(&json!({
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": lives.unwrap_or_default(),
        "refresh_token": answer.refresh_token.as_ref().map_or(field("refresh_token"), |next| next.expose()),
    })))
}

/// A user who knows the old password sets a new one: all other sessions end.
async fn change_password(State(api): State<Api>, call: Call) -> Outcome {
    #[derive(Deserialize)]
    struct Change {
        old_password: String,
        new_password: String,
    }
    api.key_holder(&call)?;
    let signed_in = api.access_token_by(&call, Freshness::Store).await?;
    let signed_in = signed_in.filter(|token| !token.is_impersonation());
    let user = signed_in.and_then(|token| api.users.by_id(token.user().as_str()));
    let user = user.ok_or_else(|| {
        known(
            401,
            "USER_AUTHENTICATION_REQUIRED",
            "User authentication required for this endpoint.",
            json!({}),
        )
    })?;
    let change: Change = call.json().map_err(Api::tell)?;
    if !api.users.knows(user, &change.old_password) {
        return Err(known(
            400,
            "PASSWORD_CONFIRMATION_MISMATCH",
            "Passwords do not match.",
            json!({}),
        ));
    }
    if change.new_password.chars().count() < 8 {
        let details = json!({ "min_length": 8 });
        let text = "Password too short. It must be at least 8 characters long.";
        return Err(known(400, "PASSWORD_TOO_SHORT", text, details));
    }
    api.users.set_password(user, &change.new_password);
    let id = SubjectId::new(user.id).map_err(|_| Api::tell(Fault::NotFound))?;
    let kept = header(&call, "refresh-token");
    api.service.password_changed(&id, kept).await.map_err(refused)?;
    Ok(Reply::ok(&json!({ "success": true })))
}

/// A route of the host's own: a user, to a server, or `me` to whoever is signed in.
async fn user(State(api): State<Api>, call: Call) -> Outcome {
    let (asked, access_type) = (call.param(0), header(&call, "access-type"));
    api.caller(&call).await?;
    let found = match (asked, access_type) {
        ("me", _) => {
            let signed_in = api.access_token(&call).await?;
            signed_in.and_then(|token| api.users.by_id(token.user().as_str()))
        }
        (_, Some("client")) => None,
        (id, _) => api.users.by_id(id),
    };
    match (found, asked) {
        (Some(user), _) => Ok(Reply::ok(&profile(user))),
        (None, "me") => {
            let text = "You have specified 'me' as a userId, but did not provide authentication for a user.";
            Err(known(400, "CANNOT_GET_OWN_USER_WITHOUT_USER", text, json!({})))
        }
        (None, _) => Err(known(404, "USER_NOT_FOUND", "User not found.", json!({}))),
    }
}

fn profile(user: &User) -> Value {
    json!({
        "id": user.id,
        "display_name": user.name,
        "primary_email": user.login_name,
        "primary_email_verified": true,
        "primary_email_auth_enabled": true,
        "profile_image_url": null,
        "signed_up_at_millis": signed_up_at().as_millis(),
        "last_active_at_millis": signed_up_at().as_millis(),
        "client_metadata": null,
        "client_read_only_metadata": null,
        "server_metadata": null,
        "has_password": true,
        "auth_with_email": true,
        "otp_auth_enabled": false,
        "passkey_auth_enabled": false,
        "oauth_providers": [],
        "requires_totp_mfa": false,
        "is_anonymous": false,
        "is_restricted": false,
        "restricted_reason": null,
        "selected_team_id": null,
        "selected_team": null,
        "risk_scores": { "sign_up": { "bot": 0, "free_trial_abuse": 0 } },
    })
}
