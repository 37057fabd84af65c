//! Five systems' session APIs over real HTTP, in one program: Hanko, Stack Auth, ZITADEL, TMDB, ZELF.
//!
//! ```text
//! cargo run --example five_apis --features rust-crypto                          # a free port on loopback
//! cargo run --example five_apis --features rust-crypto -- --addr 127.0.0.1:8080
//! ```
//! With `rust-crypto` or `aws-lc-rs`, tokens are signed with ES256 and the published sets have their keys; without,
//! HS256 signs, and there is nothing to publish. With `totp`, the demo users have an authenticator app for ZITADEL, too.
//!
//! The first line on stdout is one JSON object: where it listens, who the demo users are, and which keys it takes. Keys
//! are drawn at each start, and sessions end with the process. SIGINT and SIGTERM stop it.
//!
//! Each system is served under its own paths, and again below a prefix (`/hanko`, `/stack`, `/zitadel`, `/tmdb`, `/zelf`)
//! for clients whose paths would meet. Its file in `five_apis/` has its routes at the top. Handlers parse, call `compat`,
//! and answer; users, keys and the store are in `host.rs`, reading and answering in `door.rs`.

#[cfg(feature = "totp")]
#[path = "five_apis/apps.rs"]
mod apps;
#[path = "five_apis/door.rs"]
mod door;
#[path = "five_apis/factors.rs"]
mod factors;
#[path = "five_apis/hanko.rs"]
mod hanko;
#[path = "five_apis/host.rs"]
mod host;
#[path = "five_apis/stack_auth.rs"]
mod stack_auth;
#[path = "five_apis/tmdb.rs"]
mod tmdb;
#[path = "five_apis/zelf.rs"]
mod zelf;
#[path = "five_apis/zitadel.rs"]
mod zitadel;

use std::{
    collections::BTreeMap, error::Error, future::IntoFuture, io::Write, net::SocketAddr, time::Duration,
};

use axum::Router;
use axum::http::Uri;
use serde_json::json;
use tokio::net::TcpListener;

use self::{
    door::{Door, Fault, Reply, below, served},
    host::Host,
};

type Done = Result<(), Box<dyn Error>>;

#[tokio::main]
async fn main() -> Done {
    let listener = TcpListener::bind(address()?).await?;
    let base = format!("http://{}", listener.local_addr()?);
    let host = Host::new(&base)?;
    let app = app(&host)?;
    writeln!(std::io::stdout(), "{}", told(&host, &base))?;

    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, app).with_graceful_shutdown(told_to_stop());
    tokio::select! {
        ended = server.into_future() => ended?,
        // A client that never finishes its request does not keep the program alive.
        () = async { told_to_stop().await; tokio::time::sleep(Duration::from_secs(3)).await } => {}
    }
    Ok(())
}

/// `--addr HOST:PORT`, or a free port on loopback.
fn address() -> Result<String, Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    match (args.next().as_deref(), args.next(), args.next()) {
        (None, ..) => Ok("127.0.0.1:0".to_owned()),
        (Some("--addr"), Some(address), None) => Ok(address),
        _ => Err("usage: five_apis [--addr HOST:PORT]".into()),
    }
}

fn app(host: &Host) -> Result<Router, Box<dyn Error>> {
    let (hanko, stack_auth, zitadel) =
        (hanko::Api::new(host)?, stack_auth::Api::new(host)?, zitadel::Api::new(host)?);
    let (tmdb, zelf) = (tmdb::Api::new(host)?, zelf::Api::new(host)?);
    Ok(Router::new()
        .merge(served(hanko::routes(), &hanko))
        .merge(served(stack_auth::routes(), &stack_auth))
        .merge(served(zitadel::routes(), &zitadel))
        .merge(served(zitadel::connect::routes(), &zitadel::connect::Api(zitadel.clone())))
        .merge(served(tmdb::routes(), &tmdb))
        .merge(served(zelf::routes(), &zelf))
        .nest("/hanko", below(hanko::routes(), &hanko))
        .nest("/stack", below(stack_auth::routes(), &stack_auth))
        .nest("/zitadel", below(zitadel::routes(), &zitadel))
        .nest("/tmdb", below(tmdb::routes(), &tmdb))
        .nest("/zelf", below(zelf::routes(), &zelf))
        .fallback(nowhere))
}

/// A path that no system has, in the words of the one whose it looks like.
async fn nowhere(uri: Uri) -> Reply {
    let mut parts = uri.path().split('/').skip(1);
    match (parts.next().unwrap_or_default(), parts.next().unwrap_or_default()) {
        ("api", "v1") | ("auth", _) => stack_auth::Api::tell(Fault::NotFound),
        ("api", _) => zelf::Api::tell(Fault::NotFound),
        ("3" | "4" | "authenticate", _) => tmdb::Api::tell(Fault::NotFound),
        ("v2" | "v2alpha" | "v2beta", _) => zitadel::Api::tell(Fault::NotFound),
        (service, _) if service.starts_with("zitadel.") => zitadel::connect::Api::tell(Fault::NotFound),
        _ => hanko::Api::tell(Fault::NotFound),
    }
}

/// All that a client needs to know, for a demo on one's own machine. A real host prints no secrets.
fn told(host: &Host, base: &str) -> serde_json::Value {
    let users = host.users.all().map(
        |user| json!({ "id": user.id, "login_name": user.login_name, "password": user.password, "name": user.name }),
    );
    json!({
        "base_url": base,
        "users": users.collect::<Vec<_>>(),
        "hanko": { "api_key": host.keys.hanko },
        "stack_auth": {
            "project_id": host::PROJECT,
            "publishable_client_key": host.keys.stack_client,
            "secret_server_key": host.keys.stack_server,
            "super_secret_admin_key": host.keys.stack_admin,
        },
        "zitadel": {
            "token": host.keys.zitadel,
            "recovery_codes": host.factors.printed,
            "totp_secrets": host.users.all().map(|user| (user.id, host.factors.app_of(user.id))).collect::<BTreeMap<_, _>>(),
        },
        "tmdb": { "api_key": host.keys.tmdb, "read_access_token": host.keys.tmdb_read },
    })
}

/// Waits for SIGINT or SIGTERM.
async fn told_to_stop() {
    #[cfg(unix)]
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
