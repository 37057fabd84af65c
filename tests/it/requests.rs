//! Request tokens (flow D). Numbers are those of the seed cases.

use session_issuer::{
    NewSession, Policy, Revoke,
    error::{ErrorKind, InputField},
    event::EventKind,
    factor::Check,
    id::AppId,
    issuer::{Decide, Exchange, OpenRequest},
    policy::{Cap, OnFull},
    testing::block_on,
};

use crate::world::*;

fn app() -> AppId {
    AppId::new("films").unwrap()
}

fn open(world: &World) -> String {
    block_on(world.issuer.open(OpenRequest::new(app()))).unwrap().token().unwrap().to_owned()
}

fn approve(world: &World, token: &str, subject: &str) {
    let decided = block_on(world.issuer.decide(Decide::approve(token, id(subject)))).unwrap();
    assert!(decided.is_approved());
}

fn exchange(
    world: &World,
    token: &str,
) -> Result<session_issuer::issuer::Issued, session_issuer::Error> {
    block_on(world.issuer.exchange(Exchange::new(token, app())))
}

// 131, 133, 148
#[test]
fn an_approved_request_token_becomes_a_session_of_who_approved() {
    let world = World::new(Policy::tmdb());
    let opening = OpenRequest::new(app()).redirect("https://films.example/done?x=1");
    let opened = block_on(world.issuer.open(opening)).unwrap();
    assert_eq!(opened.expires_at(), world.issuer.now().saturating_add(HOUR));
    let token = opened.token().unwrap();
    let decided = block_on(world.issuer.decide(Decide::approve(token, id("alice")))).unwrap();
    assert_eq!(decided.redirect(), Some("https://films.example/done?x=1"));
    let session = exchange(&world, token).unwrap();
    assert_eq!(session.session_id(), opened.session_id(), "the id stays");
    assert_eq!(session.session().record().generation(), 3, "the generation jumps");
    assert_eq!(session.session().ends_at(), None);
    world.advance(1000 * DAY);
    let checked = world.check(session.token()).unwrap();
    assert_eq!(checked.subject().unwrap(), &id("alice"));
}

// 132, 135, 136, 137
#[test]
fn only_an_approved_token_in_time_is_exchanged() {
    let world = World::new(Policy::tmdb());
    let token = open(&world);
    let error = refused(exchange(&world, &token), ErrorKind::NotApproved);
    assert!(!error.is_terminal(), "it waits on");
    approve(&world, &token, "alice");
    world.advance(HOUR - SECOND);
    let late = open(&world);
    approve(&world, &late, "alice");
    world.advance(SECOND);
    refused(exchange(&world, &token), ErrorKind::Expired);
    exchange(&world, &late).unwrap();
    let waiting = open(&world);
    world.advance(HOUR);
    refused(exchange(&world, &waiting), ErrorKind::Expired);
    refused(
        block_on(world.issuer.decide(Decide::approve(&waiting, id("alice")))),
        ErrorKind::Expired,
    );
    let denied = open(&world);
    block_on(world.issuer.decide(Decide::deny(&denied))).unwrap();
    refused(exchange(&world, &denied), ErrorKind::Denied);
    refused(
        block_on(world.issuer.decide(Decide::approve(&denied, id("alice")))),
        ErrorKind::AlreadyDecided,
    );
    let unknown = open(&World::new(Policy::tmdb()));
    refused(exchange(&world, &unknown), ErrorKind::InvalidToken);
    assert_eq!(world.count(|kind| *kind == EventKind::RequestDenied), 1);
}

// 133 and 54 of the requirements: exactly once
#[test]
fn a_second_exchange_is_refused_and_revokes_nothing() {
    let world = World::new(Policy::tmdb());
    let token = open(&world);
    approve(&world, &token, "alice");
    let session = exchange(&world, &token).unwrap();
    for _ in 0..3 {
        refused(exchange(&world, &token), ErrorKind::AlreadyDecided);
        refused(block_on(world.issuer.decide(Decide::deny(&token))), ErrorKind::AlreadyDecided);
    }
    world.check(session.token()).unwrap();
    refused(world.check(&token), ErrorKind::WrongTokenKind);
}

#[test]
fn only_the_app_that_opened_may_exchange() {
    let world = World::new(Policy::tmdb());
    let token = open(&world);
    approve(&world, &token, "alice");
    let other = Exchange::new(&token, AppId::new("other").unwrap());
    refused(block_on(world.issuer.exchange(other)), ErrorKind::InvalidToken);
    exchange(&world, &token).unwrap();
    let after = Exchange::new(&token, AppId::new("other").unwrap());
    refused(block_on(world.issuer.exchange(after)), ErrorKind::InvalidToken);
}

// 141
#[test]
fn a_subject_may_approve_several() {
    let world = World::new(Policy::tmdb());
    let sessions: Vec<_> = (0..2)
        .map(|_| {
            let token = open(&world);
            approve(&world, &token, "alice");
            exchange(&world, &token).unwrap()
        })
        .collect();
    for session in &sessions {
        world.check(session.token()).unwrap();
    }
}

// 142
#[test]
fn an_exchanged_session_is_deleted_once_and_for_all() {
    let world = World::new(Policy::tmdb());
    let token = open(&world);
    approve(&world, &token, "alice");
    let session = exchange(&world, &token).unwrap();
    assert_eq!(
        block_on(world.issuer.revoke(Revoke::token(session.token()))).unwrap().sessions().len(),
        1
    );
    assert!(
        block_on(world.issuer.revoke(Revoke::token(session.token())))
            .unwrap()
            .sessions()
            .is_empty()
    );
    refused(world.check(session.token()), ErrorKind::Revoked);
    refused(exchange(&world, &token), ErrorKind::Revoked);
}

// 143
#[test]
fn an_approval_by_login_needs_the_password_and_a_wrong_one_leaves_the_token_waiting() {
    let world = World::new(Policy::tmdb());
    world.people.add("alice", "V3ryS3cure!");
    let token = open(&world);
    let checks = |password: &str| {
        [Check::login_name("alice@example.com").unwrap(), Check::password(password).unwrap()]
    };
    let login = |password: &str| {
        block_on(world.issuer.decide(Decide::approve_by_checks(&token, checks(password))))
    };
    refused(login("wrong"), ErrorKind::CheckFailed);
    refused(exchange(&world, &token), ErrorKind::NotApproved);
    login("V3ryS3cure!").unwrap();
    assert_eq!(exchange(&world, &token).unwrap().session().subject(), Some(&id("alice")));
    refused(login("V3ryS3cure!"), ErrorKind::AlreadyDecided);
    let nobody = open(&world);
    // A name is not a proof.
    for checks in [vec![], vec![Check::login_name("alice@example.com").unwrap()]] {
        let decide = Decide::approve_by_checks(&nobody, checks);
        refused(block_on(world.issuer.decide(decide)), ErrorKind::InvalidInput);
    }
}

// Section 9: an approved one obeys the epoch of its subject
#[test]
fn revoking_all_sessions_of_the_approver_kills_what_it_approved() {
    let world = World::new(Policy::tmdb());
    let token = open(&world);
    approve(&world, &token, "alice");
    block_on(world.issuer.revoke(Revoke::all(id("alice")))).unwrap();
    refused(exchange(&world, &token), ErrorKind::Revoked);
    let epoch = block_on(world.issuer.epoch(&id("alice"))).unwrap();
    block_on(world.issuer.revoke(Revoke::all(id("alice")))).unwrap();
    let stale = open(&world);
    let decide = Decide::approve(&stale, id("alice")).epoch(epoch);
    refused(block_on(world.issuer.decide(decide)), ErrorKind::SubjectMoved);
}

#[test]
fn a_cap_holds_for_exchanged_sessions_too() {
    let world = World::new(Policy::tmdb().cap(Cap::new(1, OnFull::EvictOldest)));
    let first = world.login("alice");
    world.advance(SECOND);
    let token = open(&world);
    approve(&world, &token, "alice");
    world.check(first.token()).unwrap();
    assert_eq!(exchange(&world, &token).unwrap().evicted(), [first.session_id()]);
    refused(world.check(first.token()), ErrorKind::Revoked);
    let strict = World::new(Policy::tmdb().cap(Cap::new(1, OnFull::Refuse)));
    strict.login("alice");
    let token = open(&strict);
    approve(&strict, &token, "alice");
    refused(exchange(&strict, &token), ErrorKind::CapReached);
    block_on(strict.issuer.revoke(Revoke::all(id("alice")))).unwrap();
}

#[test]
fn a_request_lives_no_longer_than_the_policy_allows_and_is_no_session() {
    let world = World::new(Policy::tmdb());
    for lifetime in [std::time::Duration::ZERO, HOUR + SECOND] {
        refused(
            block_on(world.issuer.open(OpenRequest::new(app()).lifetime(lifetime))),
            ErrorKind::InvalidInput,
        );
    }
    let error = block_on(world.issuer.open(OpenRequest::new(app()).redirect("https://a\r\nb")))
        .unwrap_err();
    assert_eq!(error.invalid_input().unwrap().field, InputField::Redirect);
    let opened = block_on(world.issuer.open(OpenRequest::new(app()).lifetime(MINUTE))).unwrap();
    let host = session_issuer::Update::as_host(opened.session_id()).metadata("k", "v");
    refused(block_on(world.issuer.update(host)), ErrorKind::NotFound);
    world.create(NewSession::anonymous()).unwrap();
    let all =
        session_issuer::SessionQuery::select(session_issuer::store::Select::Tenant).dead_too();
    assert_eq!(
        block_on(world.issuer.list(all)).unwrap().sessions().len(),
        1,
        "requests are not listed"
    );
}

#[test]
fn an_approved_request_waits_no_longer_than_it_was_opened_for() {
    let world = World::new(Policy::tmdb());
    let opened =
        block_on(world.issuer.open(OpenRequest::new(app()).lifetime(15 * MINUTE))).unwrap();
    world.advance(14 * MINUTE);
    approve(&world, opened.token().unwrap(), "alice");
    world.advance(15 * MINUTE);
    refused(exchange(&world, opened.token().unwrap()), ErrorKind::Expired);
}

#[test]
fn a_look_at_a_request_says_who_asks_and_changes_nothing() {
    let world = World::new(Policy::tmdb());
    let opening = OpenRequest::new(app()).redirect("https://films.example/done");
    let opened = block_on(world.issuer.open(opening)).unwrap();
    let token = opened.token().unwrap();
    let look = || block_on(world.issuer.request(token));
    unchanged(&world, || {
        let seen = look().unwrap();
        assert_eq!(
            (seen.app(), seen.redirect()),
            (Some(&app()), Some("https://films.example/done"))
        );
        assert_eq!((seen.is_approved(), seen.token()), (false, None));
        refused(block_on(world.issuer.request("something")), ErrorKind::MalformedToken);
    });
    approve(&world, token, "alice");
    assert!(look().unwrap().is_approved());
    let session = exchange(&world, token).unwrap();
    refused(look(), ErrorKind::AlreadyDecided);
    refused(block_on(world.issuer.request(session.token())), ErrorKind::WrongTokenKind);
    let denied = open(&world);
    block_on(world.issuer.decide(Decide::deny(&denied))).unwrap();
    refused(block_on(world.issuer.request(&denied)), ErrorKind::Denied);
    let late = open(&world);
    world.advance(HOUR);
    refused(block_on(world.issuer.request(&late)), ErrorKind::Expired);
}

// 148
#[test]
fn a_decision_may_say_where_the_subject_goes_unless_the_app_did() {
    let world = World::new(Policy::tmdb());
    let (page, own) = ("https://films.example/page", "https://films.example/own");
    let token = open(&world);
    let decide = Decide::approve(&token, id("alice")).redirect(page);
    assert_eq!(block_on(world.issuer.decide(decide)).unwrap().redirect(), Some(page));
    assert_eq!(
        block_on(world.issuer.request(&token)).unwrap().redirect(),
        Some(page),
        "it is kept"
    );
    let opening = OpenRequest::new(app()).redirect(own);
    let opened = block_on(world.issuer.open(opening)).unwrap();
    let decide = Decide::deny(opened.token().unwrap()).redirect(page);
    assert_eq!(block_on(world.issuer.decide(decide)).unwrap().redirect(), Some(own));
    let waiting = open(&world);
    for bad in ["https://a\r\nb", &"a".repeat(2049)] {
        let error =
            block_on(world.issuer.decide(Decide::deny(&waiting).redirect(bad))).unwrap_err();
        assert_eq!(error.invalid_input().unwrap().field, InputField::Redirect);
        assert!(!block_on(world.issuer.request(&waiting)).unwrap().is_approved(), "it waits on");
    }
    exchange(&world, &token).unwrap();
}
