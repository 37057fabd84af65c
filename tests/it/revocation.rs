//! Revocation: one, all, all but one, by device, by actor; caps; lists; the log. Numbers are those
//! of the lifecycle cases.

use session_issuer::{
    NewSession, Policy, Requirement, Revoke, SessionQuery,
    actor::{Actor, ActorChain},
    error::ErrorKind,
    event::EventKind,
    factor::{Check, FactorKind},
    id::TenantId,
    issuer::{CredentialChange, Issued},
    policy::{Cap, Freshness, OnFull},
    session::RevokeReason,
    store::Select,
    testing::{Fault, Verb, block_on},
};

use crate::world::*;

fn live(world: &World, subject: &str) -> usize {
    block_on(world.issuer.list(SessionQuery::of_subject(id(subject)))).unwrap().sessions().len()
}

fn impersonate(world: &World, subject: &str, actor: &str, session: Option<&Issued>) -> Issued {
    let mut actor = Actor::new(id(actor));
    if let Some(session) = session {
        actor = actor.with_session(session.session_id());
    }
    let chain = ActorChain::new(actor, "ticket 4711").unwrap();
    world.create(NewSession::impersonating(id(subject), chain)).unwrap()
}

// 43, 55 of the requirements
#[test]
fn a_revoked_session_passes_stateless_checks_until_its_token_expires_and_no_others() {
    let world = World::new(Policy::default());
    let login = world.login("alice");
    let revoked = block_on(world.issuer.revoke(Revoke::token(login.token()))).unwrap();
    assert_eq!(revoked.sessions(), [login.session_id()]);
    let stateless = Requirement::new().freshness(Freshness::Stateless);
    world.check_for(login.token(), &stateless).unwrap();
    world.issuer.verify(login.token()).unwrap();
    let error = refused(world.check(login.token()), ErrorKind::Revoked);
    assert_eq!(error.reason(), Some(RevokeReason::Logout));
    world.advance(10 * MINUTE);
    refused(world.check_for(login.token(), &stateless), ErrorKind::TokenExpired);
}

// 56 of the requirements, 77
#[test]
fn ending_twice_is_fine_and_emits_one_event() {
    let world = World::new(Policy::default());
    let login = world.login("alice");
    for _ in 0..3 {
        block_on(world.issuer.revoke(Revoke::session(login.session_id()))).unwrap();
        block_on(world.issuer.revoke(Revoke::token(&refresh_of(&login)))).unwrap();
    }
    block_on(world.issuer.revoke(Revoke::sessions([]))).unwrap();
    let unknown = World::new(Policy::default()).login("bob").session_id();
    assert!(block_on(world.issuer.revoke(Revoke::session(unknown))).unwrap().sessions().is_empty());
    let emitted: Vec<_> = world
        .events()
        .into_iter()
        .filter(|event| matches!(event.kind, EventKind::Revoked { .. }))
        .collect();
    assert_eq!(emitted.len(), 1);
    assert_eq!(emitted[0].session, Some(login.session_id()));
    assert_eq!(emitted[0].subject, Some(id("alice")));
    assert!(emitted[0].ends_at.is_some(), "who keeps a list may forget it then");
}

#[test]
fn logging_out_with_an_older_authentic_token_works() {
    let world = World::new(Policy::default());
    let login = world.login("alice");
    let mut token = refresh_of(&login);
    for _ in 0..3 {
        world.advance(HOUR);
        let next = world.refresh(&token).unwrap();
        world.check(next.token()).unwrap();
        token = refresh_of(&next);
    }
    block_on(world.issuer.revoke(Revoke::token(&refresh_of(&login)))).unwrap();
    let error = refused(world.refresh(&token), ErrorKind::Revoked);
    assert_eq!(error.reason(), Some(RevokeReason::Logout));
    assert_eq!(
        world.count(|kind| *kind == EventKind::ReuseDetected),
        0,
        "logging out is not theft"
    );
}

#[test]
fn a_user_ends_his_own_sessions_and_nobody_elses() {
    let world = World::new(Policy::default());
    let (mine, hers) = (world.login("bob"), world.login("alice"));
    refused(
        block_on(world.issuer.revoke(Revoke::session_of(id("bob"), hers.session_id()))),
        ErrorKind::NotFound,
    );
    world.check(hers.token()).unwrap();
    block_on(world.issuer.revoke(Revoke::session_of(id("bob"), mine.session_id()))).unwrap();
    refused(world.check(mine.token()), ErrorKind::Revoked);
}

// 64
#[test]
fn three_logins_are_listed_and_logging_out_elsewhere_leaves_one() {
    let world = World::new(Policy::default());
    let logins = [world.login("alice"), world.login("alice"), world.login("alice")];
    let other = world.login("bob");
    assert_eq!(live(&world, "alice"), 3);
    assert!(
        block_on(world.issuer.revoke(Revoke::others_than(logins[1].token()))).unwrap().is_mass()
    );
    assert_eq!(live(&world, "alice"), 1);
    world.check(logins[1].token()).unwrap();
    refused(world.check(logins[0].token()), ErrorKind::Revoked);
    refused(world.refresh(&refresh_of(&logins[2])), ErrorKind::Revoked);
    world.check(other.token()).unwrap();
    // The one that was kept goes on.
    let next = world.refresh(&refresh_of(&logins[1])).unwrap();
    world.check(next.token()).unwrap();
}

// 57 of the requirements
#[test]
fn revoking_all_kills_what_was_there_and_nothing_that_comes_after_in_the_same_millisecond() {
    let world = World::new(Policy::default());
    let before = world.login("alice");
    block_on(world.issuer.revoke(Revoke::all(id("alice")))).unwrap();
    let after = world.login("alice");
    refused(world.check(before.token()), ErrorKind::Revoked);
    world.check(after.token()).unwrap();
    assert_eq!(live(&world, "alice"), 1);
}

#[test]
fn a_session_that_has_ended_cannot_be_the_one_to_keep() {
    let world = World::new(Policy::default());
    let (mine, other) = (world.login("alice"), world.login("alice"));
    let stranger = world.login("bob");
    block_on(world.issuer.revoke(Revoke::session(mine.session_id()))).unwrap();
    refused(block_on(world.issuer.revoke(Revoke::others_than(mine.token()))), ErrorKind::Revoked);
    for keep in [mine.session_id(), stranger.session_id()] {
        refused(
            block_on(world.issuer.revoke(Revoke::all_but(id("alice"), keep))),
            ErrorKind::NotFound,
        );
    }
    world.check(other.token()).unwrap();
}

// 65
#[test]
fn a_password_change_ends_all_sessions_but_the_one_it_was_made_in() {
    let world = World::new(Policy::default());
    let (own, other) = (world.login("alice"), world.login("alice"));
    let change = CredentialChange::new(id("alice"), FactorKind::Password).keeping(own.session_id());
    block_on(world.issuer.credential_changed(change)).unwrap();
    world.check(own.token()).unwrap();
    let error = refused(world.check(other.token()), ErrorKind::Revoked);
    assert_eq!(error.reason(), Some(RevokeReason::CredentialChange));
    block_on(
        world.issuer.credential_changed(CredentialChange::new(id("alice"), FactorKind::Password)),
    )
    .unwrap();
    refused(world.check(own.token()), ErrorKind::Revoked);
}

// 119
#[test]
fn a_password_change_may_leave_sessions_alive_without_the_factor() {
    let world = World::new(Policy::zitadel());
    world.people.add("alice", "old");
    let checks = [Check::subject(id("alice")), Check::password("old").unwrap()];
    let login = world.create(NewSession::from_checks(checks)).unwrap();
    let need = Requirement::new().factor(FactorKind::Password);
    world.check_for(login.token(), &need).unwrap();
    let change = CredentialChange::new(id("alice"), FactorKind::Password).keeping_all();
    block_on(world.issuer.credential_changed(change)).unwrap();
    world.check(login.token()).unwrap();
    let error = refused(world.check_for(login.token(), &need), ErrorKind::RequirementNotMet);
    assert_eq!(error.unmet().unwrap().missing, [FactorKind::Password]);
    // A proof in the very next moment counts.
    world.people.change("alice", |alice| alice.password = "new".into());
    let again =
        session_issuer::Update::with_token(login.token()).check(Check::password("new").unwrap());
    let again = block_on(world.issuer.update(again)).unwrap();
    world.check_for(again.token(), &need).unwrap();
}

#[test]
fn a_disabled_subject_loses_its_sessions_with_their_own_reason() {
    let world = World::new(Policy::default());
    let login = world.login("alice");
    block_on(world.issuer.revoke(Revoke::subject_disabled(id("alice")).by(id("root")))).unwrap();
    let error = refused(world.refresh(&refresh_of(&login)), ErrorKind::Revoked);
    assert_eq!(error.reason(), Some(RevokeReason::SubjectDisabled));
    let by = world.events().into_iter().find_map(|event| match event.kind {
        EventKind::SubjectRevoked { by, .. } => by,
        _ => None,
    });
    assert_eq!(by, Some(id("root")));
}

// 61, 74
#[test]
fn nothing_that_is_gone_is_ever_written_again() {
    let world = World::new(Policy::default());
    let login = world.login("alice");
    block_on(world.issuer.revoke(Revoke::session(login.session_id()))).unwrap();
    let update = session_issuer::Update::as_host(login.session_id()).metadata("k", "v");
    refused(block_on(world.issuer.update(update)), ErrorKind::Revoked);
    let unknown = World::new(Policy::default()).login("bob");
    unchanged(&world, || {
        refused(world.check(unknown.token()), ErrorKind::InvalidToken);
        refused(world.refresh(&refresh_of(&unknown)), ErrorKind::InvalidToken);
        let update = session_issuer::Update::as_host(unknown.session_id()).metadata("k", "v");
        refused(block_on(world.issuer.update(update)), ErrorKind::NotFound);
    });
}

// 5, 7, 72
#[test]
fn a_cap_lets_the_oldest_go_and_counts_live_sessions_only() {
    let world = World::new(Policy::hanko().cap(Cap::new(2, OnFull::EvictOldest)));
    let first = world.login("alice");
    world.advance(SECOND);
    let second = world.login("alice");
    world.advance(SECOND);
    let third = world.login("alice");
    assert_eq!(third.evicted(), [first.session_id()]);
    let error = refused(world.check(first.token()), ErrorKind::Revoked);
    assert_eq!(error.reason(), Some(RevokeReason::Limit));
    assert_eq!(live(&world, "alice"), 2);
    // Two are about to expire; they do not count.
    world.advance(12 * HOUR);
    refused(world.check(second.token()), ErrorKind::TokenExpired);
    let (fourth, fifth) = (world.login("alice"), world.login("alice"));
    assert!(fourth.evicted().is_empty() && fifth.evicted().is_empty());
}

#[test]
fn a_cap_may_let_go_what_was_used_longest_ago_or_refuse() {
    let world = World::new(opaque_pairs().cap(Cap::new(2, OnFull::EvictLeastRecentlyUsed)));
    let first = world.login("alice");
    world.advance(SECOND);
    let second = world.login("alice");
    world.advance(2 * MINUTE);
    world.check(first.token()).unwrap();
    assert_eq!(world.login("alice").evicted(), [second.session_id()]);

    let strict = World::new(opaque_pairs().cap(Cap::new(1, OnFull::Refuse)));
    let only = strict.login("alice");
    unchanged_but_inserts(&strict, || {
        refused(strict.create(NewSession::for_subject(id("alice"))), ErrorKind::CapReached);
    });
    strict.check(only.token()).unwrap();
    strict.create(NewSession::for_subject(id("bob"))).unwrap();
}

fn unchanged_but_inserts(world: &World, act: impl FnOnce()) {
    let listed = live(world, "alice");
    act();
    assert_eq!(live(world, "alice"), listed);
}

// 78
#[test]
fn an_impersonation_is_attributable_bounded_and_dies_with_its_actor() {
    let world = World::new(Policy::default().cap(Cap::new(1, OnFull::EvictOldest)));
    let owner = world.login("alice");
    let operator = world.login("op");
    let acting = impersonate(&world, "alice", "op", Some(&operator));
    assert!(acting.evicted().is_empty(), "it neither counts nor evicts");
    world.check(owner.token()).unwrap();
    assert_eq!(live(&world, "alice"), 1, "not listed as the subject's own");
    let all =
        block_on(world.issuer.list(SessionQuery::of_subject(id("alice")).impersonations_too()))
            .unwrap();
    assert_eq!(all.sessions().len(), 2);

    let checked = world.check(acting.token()).unwrap();
    assert_eq!((checked.subject().unwrap(), checked.actors()), (&id("alice"), vec!["op"]));
    assert!(
        world
            .events()
            .iter()
            .any(|e| e.kind == EventKind::ImpersonationUsed && e.actor == Some(id("op")))
    );
    refused(
        world.check_for(acting.token(), &Requirement::new().no_impersonation()),
        ErrorKind::ImpersonationRefused,
    );
    let step_up =
        session_issuer::Update::with_token(acting.token()).verified_by_host(FactorKind::Totp);
    refused(block_on(world.issuer.update(step_up)), ErrorKind::ImpersonationRefused);
    let longer = session_issuer::Update::with_token(acting.token()).lifetime(2 * HOUR);
    refused(block_on(world.issuer.update(longer)), ErrorKind::InvalidInput);
    let others = Revoke::others_than(acting.token());
    refused(block_on(world.issuer.revoke(others)), ErrorKind::ImpersonationRefused);
    world.check(owner.token()).unwrap();

    // 37 of the requirements: refreshing never loses the actor.
    let mut pair = acting;
    for _ in 0..10 {
        world.advance(MINUTE);
        pair = world.refresh(&refresh_of(&pair)).unwrap();
        assert_eq!(world.issuer.verify(pair.token()).unwrap().actors().collect::<Vec<_>>(), ["op"]);
    }
    block_on(world.issuer.revoke(Revoke::session(operator.session_id()))).unwrap();
    refused(world.check(pair.token()), ErrorKind::ActorEnded);
    refused(world.refresh(&refresh_of(&pair)), ErrorKind::ActorEnded);
    world.check(world.login("alice").token()).unwrap();
}

#[test]
fn an_operator_who_stops_acting_is_himself_again() {
    let world = World::new(Policy::default());
    let operator = world.login("op");
    let acting = impersonate(&world, "alice", "op", Some(&operator));
    block_on(world.issuer.revoke(Revoke::token(acting.token()))).unwrap();
    refused(world.check(acting.token()), ErrorKind::Revoked);
    assert_eq!(world.check(operator.token()).unwrap().subject().unwrap(), &id("op"));
}

#[test]
fn an_impersonation_cannot_grow_past_its_cap_by_small_steps() {
    let world = World::new(Policy::default());
    let acting = impersonate(&world, "alice", "op", None);
    let longer = || {
        let update = session_issuer::Update::as_host(acting.session_id()).lifetime(10 * MINUTE);
        block_on(world.issuer.update(update))
    };
    for _ in 0..5 {
        world.advance(9 * MINUTE);
        longer().unwrap();
    }
    world.advance(9 * MINUTE);
    refused(longer(), ErrorKind::InvalidInput);
}

#[test]
fn an_actor_without_a_session_is_bound_by_its_epoch() {
    let world = World::new(Policy::default());
    let acting = impersonate(&world, "alice", "op", None);
    world.check(acting.token()).unwrap();
    block_on(world.issuer.revoke(Revoke::all(id("op")))).unwrap();
    refused(world.check(acting.token()), ErrorKind::ActorEnded);
}

#[test]
fn an_actor_who_impersonates_brings_the_root_along_and_four_are_the_most() {
    let world = World::new(Policy::default());
    let root = world.login("root");
    let mut acting = impersonate(&world, "a1", "root", Some(&root));
    for n in 2..=4 {
        let before = format!("a{}", n - 1);
        let actor = Actor::new(id(&before)).with_session(acting.session_id());
        let chain = ActorChain::new(actor, "ticket").unwrap();
        acting = world.create(NewSession::impersonating(id(&format!("a{n}")), chain)).unwrap();
    }
    assert_eq!(world.check(acting.token()).unwrap().actors(), ["a3", "a2", "a1", "root"]);
    let chain =
        ActorChain::new(Actor::new(id("a4")).with_session(acting.session_id()), "ticket").unwrap();
    refused(world.create(NewSession::impersonating(id("a5"), chain)), ErrorKind::InvalidInput);
    // Whoever is behind ends all in front.
    block_on(world.issuer.revoke(Revoke::session(root.session_id()))).unwrap();
    refused(world.check(acting.token()), ErrorKind::ActorEnded);
}

#[test]
fn nobody_acts_through_a_session_that_is_not_his() {
    let world = World::new(Policy::default());
    let (ended, stranger) = (world.login("op"), world.login("bob"));
    block_on(world.issuer.revoke(Revoke::session(ended.session_id()))).unwrap();
    for session in [ended.session_id(), stranger.session_id()] {
        let chain = ActorChain::new(Actor::new(id("op")).with_session(session), "ticket").unwrap();
        refused(world.create(NewSession::impersonating(id("alice"), chain)), ErrorKind::ActorEnded);
    }
    assert_eq!(live(&world, "alice"), 0);
}

#[test]
fn sessions_of_a_device_and_of_an_actor_end_in_bounded_batches() {
    let world = World::new(opaque_pairs());
    for n in 0..501 {
        world
            .create(NewSession::for_subject(id(&format!("s{n}"))).device(device("kiosk")))
            .unwrap();
    }
    let acting = impersonate(&world, "alice", "op", None);
    let first = block_on(world.issuer.revoke(Revoke::device(device("kiosk")))).unwrap();
    assert_eq!((first.sessions().len(), first.more()), (500, true));
    let second = block_on(world.issuer.revoke(Revoke::device(device("kiosk")))).unwrap();
    assert_eq!((second.sessions().len(), second.more()), (1, false));
    world.check(acting.token()).unwrap();
    assert_eq!(
        block_on(world.issuer.revoke(Revoke::actor(id("op")))).unwrap().sessions(),
        [acting.session_id()]
    );
    refused(world.check(acting.token()), ErrorKind::Revoked);
}

// 79 of the requirements
#[test]
fn a_tenant_sees_nothing_of_another() {
    let world = World::new(Policy::default());
    let other = world.issuer.tenant(TenantId::new("other").unwrap());
    let login = world.login("alice");
    let refresh = refresh_of(&login);
    let wrong_kind = block_on(other.check(refresh.as_str(), &Requirement::new()));
    refused(wrong_kind, ErrorKind::WrongTokenKind);
    refused(block_on(other.check(login.token(), &Requirement::new())), ErrorKind::InvalidToken);
    refused(block_on(other.refresh(refresh_of(&login).as_str().into())), ErrorKind::InvalidToken);
    block_on(other.revoke(Revoke::session(login.session_id()))).unwrap();
    block_on(other.revoke(Revoke::all(id("alice")))).unwrap();
    assert!(
        block_on(other.list(SessionQuery::of_subject(id("alice")))).unwrap().sessions().is_empty()
    );
    world.check(login.token()).unwrap();
}

#[test]
fn a_list_is_paged_in_order_and_never_shows_the_dead() {
    let world = World::new(opaque_pairs());
    let mut ids = Vec::new();
    for _ in 0..25 {
        world.advance(SECOND);
        ids.push(world.login("alice").session_id());
    }
    block_on(world.issuer.revoke(Revoke::session(ids[3]))).unwrap();
    for oldest_first in [false, true] {
        let mut query = SessionQuery::of_subject(id("alice")).limit(7);
        let mut expected: Vec<_> = ids.iter().copied().filter(|one| *one != ids[3]).collect();
        if oldest_first {
            query = query.oldest_first();
        } else {
            expected.reverse();
        }
        let mut listed = Vec::new();
        loop {
            let page = block_on(world.issuer.list(query.clone())).unwrap();
            assert!(page.sessions().len() <= 7);
            listed.extend(page.sessions().iter().map(|view| view.id()));
            match page.next() {
                Some(next) => query = query.after(next),
                None => break,
            }
        }
        assert_eq!(listed, expected);
    }
    let all = block_on(world.issuer.list(SessionQuery::select(Select::Tenant))).unwrap();
    assert_eq!(all.sessions().len(), 24);
    for limit in [0, 1001] {
        let query = SessionQuery::of_subject(id("alice")).limit(limit);
        refused(block_on(world.issuer.list(query)), ErrorKind::InvalidInput);
    }
}

// 60, 109
#[test]
fn a_session_without_an_end_never_ends_before_a_time_and_always_after_it() {
    let world = World::new(Policy::zitadel());
    let endless = world.login("alice").session_id();
    let hour =
        world.create(NewSession::for_subject(id("alice")).lifetime(HOUR)).unwrap().session_id();
    let found = |query: SessionQuery| -> Vec<_> {
        block_on(world.issuer.list(query))
            .unwrap()
            .sessions()
            .iter()
            .map(|view| view.id())
            .collect()
    };
    let later = world.issuer.now().saturating_add(DAY);
    let query = || SessionQuery::of_subject(id("alice"));
    assert_eq!(found(query().ends_before(later)), [hour]);
    assert_eq!(found(query().ends_from(later)), [endless]);
    assert_eq!(found(query().ends_from(world.issuer.now())).len(), 2);
    world.advance(HOUR);
    assert_eq!(found(query()), [endless]);
    assert_eq!(found(query().dead_too()).len(), 2);
}

#[test]
fn with_the_revocation_log_a_check_needs_no_store_and_misses_nothing() {
    let world = World::new(Policy::default());
    let need = Requirement::new().freshness(Freshness::AtMost(5 * SECOND));
    let (one, two, three) = (world.login("alice"), world.login("alice"), world.login("bob"));
    // Nothing was synced yet: the store is asked.
    world.store.reset_calls();
    world.check_for(one.token(), &need).unwrap();
    assert!(world.store.calls().of(Verb::Load) > 0);
    block_on(world.issuer.sync_revocations()).unwrap();
    world.store.reset_calls();
    world.check_for(one.token(), &need).unwrap();
    assert_eq!(world.store.calls().total(), 0);

    block_on(world.issuer.revoke(Revoke::session(one.session_id()))).unwrap();
    block_on(world.issuer.revoke(Revoke::all_but(id("alice"), two.session_id()))).unwrap();
    block_on(world.issuer.revoke(Revoke::all(id("bob")))).unwrap();
    world.check_for(one.token(), &need).unwrap(); // the declared staleness
    block_on(world.issuer.sync_revocations()).unwrap();
    refused(world.check_for(one.token(), &need), ErrorKind::Revoked);
    refused(world.check_for(three.token(), &need), ErrorKind::Revoked);
    world.store.reset_calls();
    world.check_for(two.token(), &need).unwrap();
    assert_eq!(world.store.calls().total(), 0, "the kept session is known to be kept");

    // Older than it may be: the store is asked.
    world.advance(6 * SECOND);
    world.check_for(two.token(), &need).unwrap();
    assert!(world.store.calls().of(Verb::Load) > 0);
    world.store.fail_all(true);
    refused(block_on(world.issuer.sync_revocations()), ErrorKind::Unavailable);
    refused(world.check_for(two.token(), &need), ErrorKind::Unavailable);
}

#[test]
fn with_the_revocation_log_a_dead_actor_is_seen_too() {
    let world = World::new(Policy::default());
    let need = Requirement::new().freshness(Freshness::AtMost(5 * SECOND));
    let operator = world.login("op");
    let (with, without) = (
        impersonate(&world, "alice", "op", Some(&operator)),
        impersonate(&world, "alice", "boss", None),
    );
    block_on(world.issuer.sync_revocations()).unwrap();
    for acting in [&with, &without] {
        world.check_for(acting.token(), &need).unwrap();
    }
    block_on(world.issuer.revoke(Revoke::session(operator.session_id()))).unwrap();
    block_on(world.issuer.revoke(Revoke::all(id("boss")))).unwrap();
    block_on(world.issuer.sync_revocations()).unwrap();
    for acting in [&with, &without] {
        refused(world.check_for(acting.token(), &need), ErrorKind::ActorEnded);
    }
}

// 117
#[test]
fn a_revocation_that_the_store_did_not_take_is_an_error_and_nothing_ended() {
    let world = World::new(Policy::default());
    let login = world.login("alice");
    world.store.fail_next(Verb::End, Fault::Before);
    let error = refused(
        block_on(world.issuer.revoke(Revoke::token(login.token()))),
        ErrorKind::Unavailable,
    );
    assert!(error.is_retryable() && !error.is_terminal());
    world.check(login.token()).unwrap();
    world.store.fail_next(Verb::End, Fault::After);
    refused(block_on(world.issuer.revoke(Revoke::token(login.token()))), ErrorKind::Unavailable);
    refused(world.check(login.token()), ErrorKind::Revoked);
}
