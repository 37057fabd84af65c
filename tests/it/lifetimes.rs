//! Ends: absolute, idle, by assurance; noted uses; clocks that jump. Numbers are those of the
//! lifecycle cases.

use session_issuer::{
    NewSession, Policy, Refresh, Requirement, Timestamp, Update,
    error::{ErrorKind, InputField, InvalidInput, Problem},
    event::EventKind,
    factor::{AssuranceLevel, Check, FactorKind},
    policy::{AbsoluteLifetime, AccessFormat, Credentials, Noting},
    testing::{Fault, ManualClock, Verb, block_on},
};

use crate::world::*;

fn opaque_access(policy: Policy) -> Policy {
    policy.credentials(Credentials::Access(AccessFormat::Opaque))
}

// 54, 128
#[test]
fn past_its_absolute_end_a_session_is_expired_to_the_millisecond() {
    let policy = Policy::zitadel()
        .absolute_lifetime(AbsoluteLifetime::After(20 * SECOND))
        .access_lifetime(SECOND);
    let world = World::new(policy);
    let login = world.login("alice");
    world.advance(20 * SECOND - std::time::Duration::from_millis(1));
    world.check(login.token()).unwrap();
    world.advance(std::time::Duration::from_millis(1));
    let error = refused(world.check(login.token()), ErrorKind::Expired);
    assert!(error.is_terminal());
    refused(
        block_on(world.issuer.update(Update::with_token(login.token()).lifetime(HOUR))),
        ErrorKind::Expired,
    );
}

// 54, 45 of the requirements
#[test]
fn unused_for_as_long_as_its_idle_timeout_a_session_is_inactive() {
    let policy =
        opaque_access(Policy::default()).access_lifetime(10 * HOUR).idle_timeout(Some(HOUR));
    let world = World::new(policy);
    let login = world.login("alice");
    world.advance(HOUR - SECOND);
    world.check(login.token()).unwrap();
    world.advance(HOUR - SECOND);
    world.check(login.token()).unwrap();
    world.advance(HOUR);
    refused(world.check(login.token()), ErrorKind::Inactive);
}

#[test]
fn a_session_may_ask_for_a_shorter_idle_timeout_and_never_for_a_longer() {
    let world = World::new(Policy::zitadel());
    let new = || NewSession::for_subject(id("alice"));
    let short = world.create(new().idle_timeout(HOUR)).unwrap();
    let long = world.create(new()).unwrap();
    world.advance(HOUR - SECOND);
    world.check(short.token()).unwrap();
    world.advance(HOUR - SECOND);
    world.check(short.token()).unwrap();
    world.advance(HOUR);
    refused(world.check(short.token()), ErrorKind::Inactive);
    world.check(long.token()).unwrap();
    let bounded = World::new(Policy::default().idle_timeout(Some(HOUR)));
    unchanged(&bounded, || {
        for asked in [std::time::Duration::ZERO, HOUR + SECOND] {
            let error = refused(bounded.create(new().idle_timeout(asked)), ErrorKind::InvalidInput);
            assert_eq!(error.invalid_input().unwrap().field, InputField::IdleTimeout);
        }
    });
    bounded.create(new().idle_timeout(HOUR)).unwrap();
}

// 46 of the requirements
#[test]
fn ten_thousand_refreshes_never_move_the_end() {
    let world = World::new(opaque_pairs());
    let login = world.login("alice");
    let end = login.session().session().unwrap().ends_at();
    let mut token = refresh_of(&login);
    for _ in 0..10_000 {
        world.advance(MINUTE);
        let next = world.refresh(&token).unwrap();
        assert_eq!(next.session().session().unwrap().ends_at(), end);
        token = refresh_of(&next);
    }
    world.advance(14 * DAY);
    refused(world.refresh(&token), ErrorKind::Expired);
}

#[test]
fn an_access_token_never_outlives_its_session() {
    let policy =
        Policy::default().absolute_lifetime(AbsoluteLifetime::After(HOUR)).idle_timeout(None);
    let world = World::new(policy);
    let login = world.login("alice");
    let end = login.session().ends_at().unwrap();
    world.advance(55 * MINUTE);
    let late = world.refresh(&refresh_of(&login)).unwrap();
    assert_eq!(late.expires_at(), Some(end));
    assert_eq!(world.issuer.verify(late.token()).unwrap().expires_at(), end);
}

// 55
#[test]
fn one_factor_of_a_subject_with_two_is_only_a_beginning() {
    let world = World::new(Policy::default().single_factor_lifetime(5 * MINUTE));
    world.people.add("alice", "pw");
    world.people.add("bob", "pw");
    world.people.change("alice", |alice| alice.second_factor = true);
    world.people.change("alice", |alice| alice.totp = Some("123456".into()));
    let login = |subject: &str| {
        let checks = [Check::subject(id(subject)), Check::password("pw").unwrap()];
        world.create(NewSession::from_checks(checks)).unwrap()
    };
    let (beginning, stepping_up, other) = (login("alice"), login("alice"), login("bob"));
    assert_eq!(beginning.expires_at(), Some(world.issuer.now().saturating_add(5 * MINUTE)));
    assert_eq!(other.expires_at(), Some(world.issuer.now().saturating_add(10 * MINUTE)));
    let totp = Update::with_token(stepping_up.token()).check(Check::totp("123456").unwrap());
    let full = block_on(world.issuer.update(totp)).unwrap();
    assert_eq!(full.session().assurance_level(), Some(AssuranceLevel::Aal2));
    world.advance(5 * MINUTE);
    refused(world.refresh(&refresh_of(&beginning)), ErrorKind::Expired);
    world.refresh(&refresh_of(&full)).unwrap();
    world.refresh(&refresh_of(&other)).unwrap();
}

// 57
#[test]
fn use_is_written_down_now_and_then_and_not_at_every_check() {
    let world = World::new(opaque_access(Policy::default()).access_lifetime(HOUR));
    let login = world.login("alice");
    world.store.reset_calls();
    world.advance(59 * SECOND);
    for _ in 0..10 {
        world.check(login.token()).unwrap();
    }
    assert_eq!(world.store.writes(), 0);
    world.advance(SECOND);
    for _ in 0..10 {
        world.check(login.token()).unwrap();
    }
    assert_eq!(world.store.writes(), 1);
    let seen = world.check(login.token()).unwrap();
    assert_eq!(seen.session().unwrap().last_seen_at(), world.issuer.now());
}

#[test]
fn use_is_written_down_at_least_ten_times_an_idle_timeout() {
    let world = World::new(
        opaque_access(Policy::default()).access_lifetime(HOUR).idle_timeout(Some(100 * SECOND)),
    );
    let login = world.login("alice");
    for _ in 0..20 {
        world.advance(99 * SECOND);
        world.check(login.token()).unwrap();
    }
}

// 58
#[test]
fn a_read_only_check_writes_nothing_and_says_what_a_refresh_would_bring() {
    let world = World::new(opaque_pairs());
    let login = world.login("alice");
    let next = world.refresh(&refresh_of(&login)).unwrap();
    world.store.reset_calls();
    world.advance(5 * MINUTE);
    let need = Requirement::new().noting(Noting::Never);
    assert!(!world.check_for(next.token(), &need).unwrap().needs_refresh());
    assert!(world.check_for(login.token(), &need).unwrap().needs_refresh());
    world.advance(30 * DAY);
    refused(world.check_for(next.token(), &need), ErrorKind::Expired);
    assert_eq!(world.store.writes(), 0);
}

// 27
#[test]
fn a_check_that_is_no_use_leaves_last_seen_alone() {
    let world = World::new(Policy::hanko());
    let login = world.login("alice");
    world.advance(HOUR);
    let seen =
        world.check_for(login.token(), &Requirement::new().noting(Noting::ArrivalOnly)).unwrap();
    let again =
        world.check_for(login.token(), &Requirement::new().noting(Noting::ArrivalOnly)).unwrap();
    assert_eq!(seen.session().unwrap().last_seen_at(), ManualClock::START);
    assert_eq!(again.session().unwrap().last_seen_at(), ManualClock::START);
    world.check(login.token()).unwrap();
    let noted = world.check(login.token()).unwrap();
    assert_eq!(noted.session().unwrap().last_seen_at(), world.issuer.now());
}

#[test]
fn a_check_whose_use_cannot_be_noted_passes_all_the_same() {
    let world = World::new(opaque_pairs());
    let next = world.refresh(&refresh_of(&world.login("alice"))).unwrap();
    world.store.fail_next(Verb::NoteUse, Fault::Before);
    world.check(next.token()).unwrap();
    assert_eq!(world.count(|kind| matches!(kind, EventKind::WriteFailed { .. })), 1);
}

#[test]
fn the_first_use_is_noted_after_a_refresh_and_not_after_a_login() {
    let world = World::new(opaque_pairs());
    let login = world.login("alice");
    world.store.reset_calls();
    world.check(login.token()).unwrap();
    assert_eq!(world.store.writes(), 0, "no older token could come again");
    let next = world.refresh(&refresh_of(&login)).unwrap();
    world.store.reset_calls();
    world.check(next.token()).unwrap();
    world.check(next.token()).unwrap();
    assert_eq!(world.store.writes(), 1, "once, so that the older one is theft from now on");
}

// 59, 63 of the requirements
#[test]
fn freshness_counts_from_the_proof_and_never_from_a_refresh() {
    let world = World::new(Policy::default());
    let login = world
        .create(NewSession::for_subject(id("alice")).verified_by_host(FactorKind::Password))
        .unwrap();
    let proved = world.issuer.now();
    world.advance(5 * MINUTE);
    let next = world.refresh(&refresh_of(&login)).unwrap();
    assert_eq!(world.issuer.verify(next.token()).unwrap().authenticated_at(), Some(proved));
    world.check_for(next.token(), &Requirement::new().max_age(5 * MINUTE)).unwrap();
    let error = refused(
        world.check_for(next.token(), &Requirement::new().max_age(299 * SECOND)),
        ErrorKind::RequirementNotMet,
    );
    assert_eq!(error.unmet().unwrap().max_age, Some(299 * SECOND));
    // Proving it again makes it fresh, and gives the session its full life again.
    let again = Update::with_token(next.token()).verified_by_host(FactorKind::Password);
    let again = block_on(world.issuer.update(again)).unwrap();
    world.check_for(again.token(), &Requirement::new().max_age(SECOND)).unwrap();
    assert!(
        again.session().session().unwrap().ends_at() > login.session().session().unwrap().ends_at()
    );
}

#[test]
fn a_factor_may_have_to_be_fresh_whatever_else_was_proved_since() {
    let world = World::new(Policy::zitadel());
    let login = world
        .create(NewSession::for_subject(id("alice")).verified_by_host(FactorKind::Totp))
        .unwrap();
    world.advance(400 * SECOND);
    let again = Update::with_token(login.token()).verified_by_host(FactorKind::Password);
    let again = block_on(world.issuer.update(again)).unwrap();
    world
        .check_for(
            again.token(),
            &Requirement::new().factor(FactorKind::Totp).max_age(300 * SECOND),
        )
        .unwrap();
    let fresh = Requirement::new().factor_within(FactorKind::Totp, 300 * SECOND);
    let error = refused(world.check_for(again.token(), &fresh), ErrorKind::RequirementNotMet);
    assert_eq!(error.unmet().unwrap().missing, [FactorKind::Totp]);
}

// 60, 77, 78
#[test]
fn lifetimes_are_above_zero_and_within_the_policy() {
    let world = World::new(Policy::stack_auth());
    let ask = |lifetime| world.create(NewSession::for_subject(id("alice")).lifetime(lifetime));
    for (lifetime, problem) in [
        (std::time::Duration::ZERO, Problem::Zero),
        (std::time::Duration::from_nanos(1), Problem::Zero),
        (367 * DAY + std::time::Duration::from_millis(1), Problem::TooLarge),
        (std::time::Duration::MAX, Problem::TooLarge),
    ] {
        unchanged(&world, || {
            let error = refused(ask(lifetime), ErrorKind::InvalidInput);
            let source =
                std::error::Error::source(&error).unwrap().downcast_ref::<InvalidInput>().unwrap();
            assert_eq!((source.field, source.problem), (InputField::Lifetime, problem));
        });
    }
    let longest = ask(367 * DAY).unwrap();
    assert_eq!(longest.session().ends_at(), Some(world.issuer.now().saturating_add(367 * DAY)));
    let usual = world.login("alice");
    assert_eq!(usual.session().ends_at(), Some(world.issuer.now().saturating_add(365 * DAY)));
}

// 60, 83
#[test]
fn a_lifetime_may_be_set_and_taken_back_where_sessions_need_no_end() {
    let world = World::new(Policy::zitadel());
    let login = world.login("alice");
    assert_eq!(login.session().ends_at(), None);
    let limited =
        block_on(world.issuer.update(Update::with_token(login.token()).lifetime(HOUR))).unwrap();
    assert_eq!(limited.session().ends_at(), Some(world.issuer.now().saturating_add(HOUR)));
    let free = block_on(world.issuer.update(Update::with_token(limited.token()).clear_lifetime()))
        .unwrap();
    assert_eq!(free.session().ends_at(), None);
    world.advance(1000 * DAY);
    world.check(free.token()).unwrap();
    // With an absolute end, there is no taking it back.
    let ending = World::new(Policy::default());
    let login = ending.login("alice");
    refused(
        block_on(ending.issuer.update(Update::with_token(login.token()).clear_lifetime())),
        ErrorKind::InvalidInput,
    );
}

// 60 of the requirements
#[test]
fn a_clock_that_is_set_back_revives_nothing_in_this_process() {
    let world =
        World::new(opaque_access(Policy::default()).access_lifetime(HOUR).idle_timeout(Some(HOUR)));
    let login = world.login("alice");
    world.advance(HOUR);
    refused(world.check(login.token()), ErrorKind::Inactive);
    world.clock.set(Timestamp::EPOCH);
    refused(world.check(login.token()), ErrorKind::Inactive);
    assert!(world.issuer.now() >= ManualClock::START);
    let later = world.login("alice");
    assert!(later.session_id() > login.session_id(), "ids rise whatever the clock does");
    assert!(later.session().created_at() >= login.session().created_at());
}

// 73 and section 5 of the design
#[test]
fn what_ended_a_while_ago_is_swept_in_batches_and_emitted_once() {
    let policy =
        Policy::default().absolute_lifetime(AbsoluteLifetime::After(HOUR)).idle_timeout(None);
    let world = World::new(policy);
    for n in 0..25 {
        world.login(&format!("s{n}"));
    }
    let live = {
        world.advance(24 * HOUR);
        world.login("late")
    };
    assert_eq!(block_on(world.issuer.sweep(10)).unwrap().removed, 0, "it is kept a while");
    world.advance(HOUR - SECOND);
    world.store.fail_next(Verb::Sweep, Fault::Before);
    refused(block_on(world.issuer.sweep(10)), ErrorKind::Unavailable);
    let mut removed = Vec::new();
    loop {
        let report = block_on(world.issuer.sweep(10)).unwrap();
        removed.push(report.removed);
        if !report.more {
            break;
        }
    }
    world.advance(SECOND);
    loop {
        let report = block_on(world.issuer.sweep(10)).unwrap();
        assert!(report.removed <= 10);
        removed.push(report.removed);
        if !report.more {
            break;
        }
    }
    assert_eq!(removed.iter().sum::<usize>(), 25);
    assert_eq!(world.count(|kind| *kind == EventKind::Expired), 25);
    refused(world.refresh(&refresh_of(&live)), ErrorKind::Expired);
}

#[test]
fn assurance_presets_end_sessions_as_nist_says() {
    for (policy, idle, overall) in
        [(Policy::aal2(), HOUR, 24 * HOUR), (Policy::aal3(), 15 * MINUTE, 12 * HOUR)]
    {
        let world = World::new(policy);
        let mut token = refresh_of(&world.login("alice"));
        let asleep = refresh_of(&world.login("bob"));
        let steps = overall.as_secs() / (idle.as_secs() - 1);
        for _ in 0..steps {
            world.advance(idle - SECOND);
            token = refresh_of(&world.refresh(&token).unwrap());
        }
        refused(world.refresh(&asleep), ErrorKind::Inactive);
        world.advance(idle - SECOND);
        refused(block_on(world.issuer.refresh(Refresh::new(&token))), ErrorKind::Expired);
    }
}
