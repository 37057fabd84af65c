//! Five systems' create calls, and the life of a session, without a network.
//!
//! ```text
//! cargo run --example quickstart
//! cargo run --example quickstart --features sqlite -- --file sessions.db
//! ```
//!
//! The first part sends the body of each system's own page (`examples/bodies/`) through `compat`.
//! The second part uses the issuer itself: a refresh, a lost reply, a thief, a logout. What a host
//! brings along (users, passwords, keys), and how the lines are printed, is in
//! `quickstart/demo.rs`.
//!
//! With `--file`, sessions are in that file, and at the end one more login stays in it. Each run
//! tells the same story, from the same moment in June 2025. Keys are drawn anew each time and kept
//! nowhere, so the next run lists what stayed, and no token of it is good any more. How a host goes
//! on with its sessions is in `desktop.rs`.

#[path = "kept/args.rs"]
mod args;
#[path = "quickstart/demo.rs"]
mod demo;
#[path = "kept/mod.rs"]
#[expect(dead_code, reason = "no later run needs a secret of this one")]
mod kept;

use std::{error::Error, net::IpAddr, path::Path, time::Duration};

use session_issuer::{
    NewSession, Policy, Revoke,
    actor::Actor,
    compat::{hanko, stack_auth, tmdb, zelf, zitadel},
    factor::Check,
    id::{AppId, CreatorId, SubjectId},
    issuer::{Decide, SessionQuery},
};

use self::demo::{Host, USER, checked, json, pair, refresh_token, revoked, say, told};

type Done = Result<(), Box<dyn Error>>;

fn main() -> Done {
    let file = args::file("quickstart");
    pollster::block_on(async {
        let host = Host::new(file.as_deref())?;
        println!(
            "Time is a manual clock in June 2025, tokens are cut, and the user is Mini Mouse: {USER}\n"
        );
        println!("Five create calls, each with the body of its page\n");
        hanko(&host).await?;
        stack_auth(&host).await?;
        zitadel(&host).await?;
        tmdb(&host).await?;
        zelf(&host).await?;
        println!("\nThe life of a session\n");
        life_of_a_session(&host).await?;
        let Some(file) = file else { return Ok(()) };
        println!("\nWhat stays in {}\n", file.display());
        what_stays(&host, &file).await
    })
}

async fn hanko(host: &Host) -> Done {
    let issuer = host.issuer("hanko", Policy::hanko())?;
    let service = hanko::Service::new(issuer.clone());
    let admin = hanko::Caller::Admin(CreatorId::new("admin-api")?);
    let body = serde_json::from_str(include_str!("bodies/hanko.json"))?;
    let answer = service.create_session(&admin, body).await?;
    say("Hanko", "create", json(&answer)?);
    say("", "check", checked(&issuer, answer.session_token.expose()).await);
    say("", "revoke", revoked(&issuer, answer.session_token.expose()).await?);
    Ok(())
}

async fn stack_auth(host: &Host) -> Done {
    let issuer = host.issuer("stack-auth", Policy::stack_auth())?;
    let service = stack_auth::Service::new(issuer.clone()).project("demo", "main");
    let server = stack_auth::Caller::server(Actor::new(SubjectId::new("support-desk")?));
    let body = serde_json::from_str(include_str!("bodies/stack-auth.json"))?;
    let answer = service.create_session(&server, body).await?;
    say("Stack Auth", "create", json(&answer)?);
    say("", "check", checked(&issuer, answer.access_token.expose()).await);
    let again = issuer.refresh(answer.refresh_token.expose().into()).await?;
    say(
        "",
        "refresh",
        format!(
            "{}, the same token: {}",
            pair(&again),
            refresh_token(&again) == answer.refresh_token.expose()
        ),
    );
    say("", "revoke", revoked(&issuer, answer.access_token.expose()).await?);
    Ok(())
}

async fn zitadel(host: &Host) -> Done {
    let issuer = host.issuer("zitadel", Policy::zitadel())?;
    let service = zitadel::Service::new(issuer.clone());
    let login_page = zitadel::Caller::new(CreatorId::new("login-page")?, "acme")?;
    let body = serde_json::from_str(include_str!("bodies/zitadel.json"))?;
    let answer = service.create_session(&login_page, body).await?;
    say("ZITADEL", "create", json(&answer)?);
    say("", "check", checked(&issuer, answer.session_token.expose()).await);
    say("", "revoke", revoked(&issuer, answer.session_token.expose()).await?);
    Ok(())
}

async fn tmdb(host: &Host) -> Done {
    let issuer = host.issuer("tmdb", Policy::tmdb())?;
    let service = tmdb::Service::new(issuer.clone());
    let app = tmdb::Caller::app(AppId::new("film-club")?);
    let body = serde_json::from_str(include_str!("bodies/tmdb.json"))?;
    if let Err(error) = service.create_session(&app, body).await {
        say(
            "TMDB",
            "create",
            format!("{} (as it should: the page's token is TMDB's own)", json(&error)?),
        );
    }
    let opened = service.create_request_token(&app).await?;
    say("", "open", json(&opened)?);
    let token = opened.request_token.expose();
    issuer.decide(Decide::approve(token, SubjectId::new(USER)?)).await?;
    say("", "approve", format!("ok       {USER}"));
    let answer = service.create_session(&app, tmdb::CreateSession::new(token)).await?;
    say("", "create", json(&answer)?);
    say("", "check", checked(&issuer, answer.session_id.expose()).await);
    say("", "revoke", revoked(&issuer, answer.session_id.expose()).await?);
    Ok(())
}

async fn zelf(host: &Host) -> Done {
    let issuer = host.issuer("zelf", Policy::zelf())?;
    let service = zelf::Service::new(issuer.clone());
    let device = zelf::Caller::new().origin("postman").ip(IpAddr::from([192, 0, 2, 7]));
    let body = serde_json::from_str(include_str!("bodies/zelf.json"))?;
    let answer = service.create_session(&device, body).await?;
    say("ZELF", "create", json(&answer)?);
    say("", "check", checked(&issuer, answer.data.token.expose()).await);
    say("", "revoke", revoked(&issuer, answer.data.token.expose()).await?);
    Ok(())
}

async fn life_of_a_session(host: &Host) -> Done {
    let issuer = host.issuer("host", Policy::default())?;
    let login = [Check::login_name("mini@mouse.com")?, Check::password("V3ryS3cure!")?];
    let first = issuer.create(NewSession::from_checks(login)).await?;
    say("login", "create", pair(&first));
    say("", "check", checked(&issuer, first.token()).await);

    host.clock.advance(Duration::from_secs(600));
    say("10 min on", "check", checked(&issuer, first.token()).await);
    let second = issuer.refresh(refresh_token(&first).into()).await?;
    say("", "refresh", pair(&second));

    // The reply was lost, so the client asks again with the token that it still has.
    let again = issuer.refresh(refresh_token(&first).into()).await?;
    let same = again.refresh_token() == second.refresh_token();
    say("lost reply", "refresh", format!("{}, the same as before: {same}", pair(&again)));

    host.clock.advance(Duration::from_secs(60));
    let third = issuer.refresh(refresh_token(&second).into()).await?;
    say("1 min on", "refresh", pair(&third));

    // Somebody has kept the first refresh token. Nobody can say who is the thief, so the session
    // ends for both.
    host.clock.advance(Duration::from_secs(60));
    let theft = issuer.refresh(refresh_token(&first).into()).await;
    say("a thief", "refresh", told(theft.map(|issued| pair(&issued))));
    say(
        "",
        "",
        "nobody can tell the thief from the owner, so the session ends for both".to_owned(),
    );
    say("the owner", "check", checked(&issuer, third.token()).await);

    let login = NewSession::for_subject(SubjectId::new(USER)?);
    let other = issuer.create(login).await?;
    say("new login", "create", pair(&other));
    issuer.revoke(Revoke::token(other.token())).await?;
    say("logout", "revoke", "ok".to_owned());
    say("", "check", checked(&issuer, other.token()).await);
    say(
        "",
        "refresh",
        told(issuer.refresh(refresh_token(&other).into()).await.map(|issued| pair(&issued))),
    );
    Ok(())
}

async fn what_stays(host: &Host, file: &Path) -> Done {
    let issuer = host.issuer("host", Policy::default())?;
    let stays = issuer.create(NewSession::for_subject(SubjectId::new(USER)?)).await?;
    say("last login", "create", pair(&stays));
    let query = SessionQuery::of_subject(SubjectId::new(USER)?).limit(1000);
    let page = issuer.list(query).await?;
    let earlier =
        page.sessions().iter().filter(|session| session.id() != stays.session_id()).count();
    let live = page.sessions().len();
    say(
        "",
        "list",
        format!("ok       live sessions of Mini Mouse: {live}, from earlier runs: {earlier}"),
    );
    let rows = "SELECT tenant, state, reason, count(*) FROM sessions GROUP BY 1, 2, 3";
    say("ended too", "look", format!("sqlite3 -box {} '{rows}'", file.display()));
    Ok(())
}
