//! Looks: at a session by id or token, at a subject, at a request token. None of them changes
//! anything.

use session_issuer::{
    NewSession, Policy, RequestTokens, Revoke, Update,
    error::{ErrorKind, Operation},
    factor::Check,
    id::{AppId, TenantId},
    issuer::{Decide, FindRequest, OpenRequest},
    session::{Life, RevokeReason},
    testing::block_on,
};

use crate::world::*;

#[test]
fn a_session_is_read_by_its_id_whatever_its_life() {
    let world = World::new(opaque_pairs());
    let login = world.login("alice");
    let life = || {
        let seen = block_on(world.issuer.session(login.session_id())).unwrap();
        assert_eq!((seen.id(), seen.subject()), (login.session_id(), Some(&id("alice"))));
        seen.life(world.issuer.now())
    };
    unchanged(&world, || assert_eq!(life(), Life::Live));
    world.advance(40 * DAY);
    unchanged(&world, || assert_eq!(life(), Life::Expired));
    let other = world.login("bob");
    block_on(world.issuer.revoke(Revoke::session(other.session_id()))).unwrap();
    let seen = block_on(world.issuer.session(other.session_id())).unwrap();
    assert_eq!(seen.life(world.issuer.now()), Life::Revoked(RevokeReason::Admin));
}

#[test]
fn an_id_that_is_no_sessions_here_is_not_found() {
    let world = World::new(Policy::tmdb());
    let login = world.login("alice");
    let elsewhere = world.issuer.tenant(TenantId::new("elsewhere").unwrap());
    let error = refused(block_on(elsewhere.session(login.session_id())), ErrorKind::NotFound);
    assert_eq!((error.operation(), error.operation().code()), (Operation::Look, "look"));
    let opened =
        block_on(world.issuer.open(OpenRequest::new(AppId::new("films").unwrap()))).unwrap();
    refused(block_on(world.issuer.session(opened.session_id())), ErrorKind::NotFound);
}

#[test]
fn a_session_is_read_by_the_token_that_stands_for_it_whatever_its_life() {
    let world = World::new(Policy::zitadel());
    let first = world.create(NewSession::for_subject(id("alice")).lifetime(HOUR)).unwrap();
    let second =
        block_on(world.issuer.update(Update::with_token(first.token()).metadata("k", "v")))
            .unwrap();
    unchanged(&world, || {
        let seen = block_on(world.issuer.session_by(second.token())).unwrap();
        assert_eq!((seen.id(), seen.version()), (first.session_id(), 2));
        refused(block_on(world.issuer.session_by(first.token())), ErrorKind::Superseded);
        world.advance(2 * HOUR);
        refused(world.check(second.token()), ErrorKind::Expired);
        let seen = block_on(world.issuer.session_by(second.token())).unwrap();
        assert_eq!(seen.life(world.issuer.now()), Life::Expired);
    });
}

#[test]
fn an_access_token_that_has_expired_or_is_too_old_reads_no_session() {
    let world = World::new(opaque_pairs());
    let login = world.login("alice");
    let refresh = refresh_of(&login);
    assert_eq!(block_on(world.issuer.session_by(login.token())).unwrap().id(), login.session_id());
    refused(block_on(world.issuer.session_by(&refresh)), ErrorKind::WrongTokenKind);
    let next = world.refresh(&refresh).unwrap();
    let newest = world.refresh(&refresh_of(&next)).unwrap();
    refused(block_on(world.issuer.session_by(login.token())), ErrorKind::RefreshRequired);
    world.advance(HOUR);
    refused(block_on(world.issuer.session_by(newest.token())), ErrorKind::TokenExpired);
}

#[test]
fn a_refresh_token_names_its_session_and_says_whether_it_is_spent() {
    let world = World::new(opaque_pairs());
    let login = world.login("alice");
    let (first, look) =
        (refresh_of(&login), |token: &str| block_on(world.issuer.session_by_refresh_token(token)));
    unchanged(&world, || {
        let seen = look(&first).unwrap();
        assert_eq!((seen.session().id(), seen.is_spent()), (login.session_id(), false));
    });
    let second = refresh_of(&world.refresh(&first).unwrap());
    assert!(look(&first).unwrap().is_spent());
    assert!(!look(&second).unwrap().is_spent());
    refused(look(login.token()), ErrorKind::WrongTokenKind);
    refused(look("something"), ErrorKind::MalformedToken);
    block_on(world.issuer.revoke(Revoke::session(login.session_id()))).unwrap();
    let ended = look(&second).unwrap();
    assert_eq!(ended.session().life(world.issuer.now()), Life::Revoked(RevokeReason::Admin));
}

#[test]
fn a_profile_is_the_directorys_word() {
    let world = World::new(opaque_pairs());
    world.people.add("alice", "pw");
    world.people.change("alice", |alice| alice.second_factor = true);
    let profile = block_on(world.issuer.profile(&id("alice"))).unwrap();
    assert_eq!((profile.second_factor, profile.resource_owner.as_deref()), (true, Some("org-1")));
    refused(block_on(world.issuer.profile(&id("bob"))), ErrorKind::SubjectUnknown);
    world.people.change("alice", |alice| alice.locked = true);
    refused(block_on(world.issuer.profile(&id("alice"))), ErrorKind::SubjectLocked);
    world.people.change("alice", |alice| alice.disabled = true);
    refused(block_on(world.issuer.profile(&id("alice"))), ErrorKind::SubjectDisabled);
    let alone = World::on_the_hosts_word(opaque_pairs());
    let profile = block_on(alone.issuer.profile(&id("bob"))).unwrap();
    assert_eq!(
        (profile.subject, profile.resource_owner, profile.second_factor),
        (id("bob"), None, false)
    );
}

#[test]
fn to_another_app_a_request_token_is_unknown_whatever_was_decided() {
    let world = World::new(Policy::tmdb());
    let requests: &dyn RequestTokens = &world.issuer;
    let [own, other] = ["films", "books"].map(|app| AppId::new(app).unwrap());
    let opened = block_on(requests.open(OpenRequest::new(own.clone()))).unwrap();
    let token = opened.token().unwrap();
    let look = |app| block_on(requests.request(FindRequest::new(token).opened_by(app)));
    assert_eq!(look(&own).unwrap().app(), Some(&own));
    refused(look(&other), ErrorKind::InvalidToken);
    block_on(requests.decide(Decide::deny(token))).unwrap();
    refused(look(&own), ErrorKind::Denied);
    refused(look(&other), ErrorKind::InvalidToken);
}

#[test]
fn an_update_about_one_subject_refuses_a_login_name_of_another() {
    let world = World::new(Policy::zitadel());
    world.people.add("alice", "pw");
    world.people.add("bob", "pw");
    let nobody = world.create(NewSession::anonymous()).unwrap();
    let named = |about: &str| {
        let check = Check::login_name("alice@example.com").unwrap();
        block_on(
            world.issuer.update(Update::with_token(nobody.token()).check(check).about(id(about))),
        )
    };
    refused(named("bob"), ErrorKind::SubjectChange);
    assert_eq!(block_on(world.issuer.session(nobody.session_id())).unwrap().subject(), None);
    assert_eq!(named("alice").unwrap().session().subject(), Some(&id("alice")));
}
