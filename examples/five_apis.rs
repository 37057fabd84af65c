//! Five systems' session APIs over real HTTP, in one program: Hanko, Stack Auth, ZITADEL, TMDB,
//! ZELF.
//!
//! ```text
//! cargo run --example five_apis --features rust-crypto                          # a free port on loopback
//! cargo run --example five_apis --features rust-crypto -- --addr 127.0.0.1:8080 # or --addr=127.0.0.1:8080
//! cargo run --example five_apis --features rust-crypto,sqlite -- --addr 127.0.0.1:8080 --store sessions.db
//! ```
//! With `rust-crypto` or `aws-lc-rs`, tokens are signed with ES256 and the published sets have
//! their keys; without, HS256 signs, and there is nothing to publish. With `totp`, the demo users
//! have an authenticator app for ZITADEL, too.
//!
//! The first line on stdout is one JSON object: where it listens, who the demo users are, and which
//! keys it takes. Keys are drawn at each start, and sessions end with the process; with `--store`,
//! sessions are in that file, keys in another beside it (`sessions.db.secrets`), and a start at the
//! same address takes up both. Second factors and changed passwords are this demo's users', and end
//! with the process. SIGINT and SIGTERM stop it. What ended a while ago is swept every minute. A
//! client has 5 seconds for the head of a request, and 10 for its body.
//!
//! Each system is served under its own paths, and again below a prefix (`/hanko`, `/stack`,
//! `/zitadel`, `/tmdb`, `/zelf`) for clients whose paths would meet. Its file in `five_apis/` has
//! its routes at the top. Handlers parse, call `compat`, and answer; users, keys and the store are
//! in `host.rs`, reading and answering in `door.rs`.

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
#[path = "kept/mod.rs"]
mod kept;
#[path = "five_apis/keys.rs"]
mod keys;
#[path = "five_apis/stack_auth.rs"]
mod stack_auth;
#[path = "five_apis/tmdb.rs"]
mod tmdb;
#[path = "five_apis/zelf.rs"]
mod zelf;
#[path = "five_apis/zitadel.rs"]
mod zitadel;

use std::{
    collections::BTreeMap, error::Error, io::Write, path::PathBuf, pin::pin, process::ExitCode,
    time::Duration,
};

use axum::{
    Router,
    extract::ConnectInfo,
    http::{Request, Uri},
};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use serde_json::json;
use session_issuer::issuer::Sweeper;
use tokio::{net::TcpListener, time::sleep};

use self::{
    door::{Door, Fault, Reply, below, served},
    host::Host,
};

const USAGE: &str = "usage: five_apis [--addr HOST:PORT] [--store FILE]";
/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How often what ended a while ago is removed.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> ExitCode {
    let Err(error) = run().await else { return ExitCode::SUCCESS };
    eprintln!("five_apis: {error}");
    ExitCode::FAILURE
}

async fn run() -> Result<(), Box<dyn Error>> {
    let Args { address, store } = args(std::env::args().skip(1))?;
    let listener = TcpListener::bind(&address).await;
    let listener = listener.map_err(|error| format!("cannot listen at {address}: {error}"))?;
    let base = format!("http://{}", listener.local_addr()?);
    let host = Host::new(&base, store.as_deref())?;
    let app = app(&host)?;
    writeln!(std::io::stdout(), "{}", told(&host, &base))?;

    tokio::spawn(sweep(Sweeper::new(host.any_issuer()?)));
    serve(listener, app).await;
    Ok(())
}

struct Args {
    /// A free port on loopback, unless said otherwise.
    address: String,
    /// Where sessions are kept.
    store: Option<PathBuf>,
}

/// `--name VALUE` or `--name=VALUE`.
fn args(mut given: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut args = Args { address: "127.0.0.1:0".to_owned(), store: None };
    while let Some(arg) = given.next() {
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (arg.as_str(), None),
        };
        let mut value = |what| {
            let value = value.clone().or_else(|| given.next());
            value.ok_or_else(|| format!("{name} needs {what}\n{USAGE}"))
        };
        match name {
            "--addr" => args.address = value("HOST:PORT")?,
            "--store" => args.store = Some(value("FILE")?.into()),
            _ => return Err(format!("unknown argument {arg}\n{USAGE}")),
        }
    }
    Ok(args)
}

/// Answers until it is told to stop, and then what has been asked: for at most three seconds, since
/// a client that never finishes its request does not keep the program alive.
async fn serve(listener: TcpListener, app: Router) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let connections = GracefulShutdown::new();
    let mut stop = pin!(told_to_stop());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, as a rule: some connection will end.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let app = TowerToHyperService::new(app.clone());
        let from_peer = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            app.call(request)
        });
        let connection = http.serve_connection(TokioIo::new(stream), from_peer);
        // How it ends is the client's business.
        tokio::spawn(connections.watch(connection));
    }
    drop(listener);
    tokio::select! {
        () = connections.shutdown() => {}
        () = sleep(Duration::from_secs(3)) => {}
    }
}

/// Removes what ended a while ago, of all five systems: they share a store. With the feature
/// `tokio`, `Sweeper::spawn` is this loop, with jitter.
async fn sweep(sweeper: Sweeper) {
    loop {
        let run = sweeper.run_until_clean().await;
        if let Some(error) = run.error {
            eprintln!("sweep: {error}");
        }
        sleep(SWEEP_EVERY).await;
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
        (service, _) if service.starts_with("zitadel.") => {
            zitadel::connect::Api::tell(Fault::NotFound)
        }
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
