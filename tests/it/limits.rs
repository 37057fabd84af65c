//! Limits, and every way around them that somebody thought of.

use crate::world::*;
use session_issuer::{
    NewSession, Policy, Refresh, Requirement, Revoke, Update,
    actor::{Actor, ActorChain},
    error::{ErrorKind, InputField},
    event::EventKind,
    factor::{Check, FactorKind},
    id::AppId,
    issuer::{Decide, Exchange, OpenRequest},
    metadata::HostClaims,
    policy::*,
    session::Epoch,
    testing::block_on,
};

fn two_factor(policy: Policy) -> (World, session_issuer::issuer::Issued) {
    let world = World::new(policy);
    world.people.add("alice", "pw");
    world.people.change("alice", |p| {
        p.second_factor = true;
        p.totp = Some("123456".into());
    });
    let login = world
        .create(NewSession::for_subject(id("alice")).check(Check::password("pw").unwrap()))
        .unwrap();
    (world, login)
}
/// The settings of a policy in which there are mistakes.
fn settings(policy: &Policy) -> Vec<&'static str> {
    policy.problems().iter().map(|problem| problem.setting).collect()
}

#[test]
fn clearing_a_lifetime_does_not_pass_the_single_factor_lifetime() {
    let (world, login) = two_factor(Policy::zitadel().single_factor_lifetime(5 * MINUTE));
    world.store.reset_calls();
    let cleared = block_on(world.issuer.update(Update::with_token(login.token()).clear_lifetime()));
    refused_input(cleared, InputField::Lifetime);
    assert_eq!(world.store.writes(), 0);
    let kept = only_session_of(&world.issuer, "alice");
    assert_eq!(kept.version(), login.session().version());
    assert_eq!(kept.ends_at(), Some(world.issuer.now().saturating_add(5 * MINUTE)));
    world.check(login.token()).unwrap();
    // Who has proved the second factor may have no end.
    let code = Check::totp("123456").unwrap();
    let both = Update::with_token(login.token()).check(code).clear_lifetime();
    assert_eq!(world.update(both).unwrap().session().session().unwrap().ends_at(), None);
}
#[test]
fn an_actors_epoch_that_is_ahead_binds_nobody_for_ever() {
    let world = World::new(Policy::default());
    let chain =
        ActorChain::new(Actor::new(id("boss")).with_epoch(Epoch::from_number(i64::MAX)), "t")
            .unwrap();
    let ahead = world.create(NewSession::impersonating(id("alice"), chain));
    refused(ahead, ErrorKind::ActorEnded);
    assert!(sessions_of(&world.issuer, "alice").is_empty());
    // Nothing was learned from the number: the actor acts, and one revocation ends that.
    let chain = ActorChain::new(Actor::new(id("boss")), "t").unwrap();
    let acting = world.create(NewSession::impersonating(id("alice"), chain)).unwrap();
    world.check(acting.token()).unwrap();
    block_on(world.issuer.revoke(Revoke::all(id("boss")))).unwrap();
    refused(world.check(acting.token()), ErrorKind::ActorEnded);
}
#[test]
fn an_actors_epoch_that_is_anothers_is_refused() {
    let world = World::new(Policy::default());
    let boss = block_on(world.issuer.epoch(&id("boss"))).unwrap();
    world.advance(DAY);
    let other = block_on(world.issuer.epoch(&id("other"))).unwrap();
    assert!(other > boss);
    let chain = ActorChain::new(Actor::new(id("boss")).with_epoch(other), "t").unwrap();
    let acting = world.create(NewSession::impersonating(id("alice"), chain));
    refused(acting, ErrorKind::ActorEnded);
    assert!(sessions_of(&world.issuer, "alice").is_empty());
}
#[test]
fn refreshing_with_new_claims_is_use_too() {
    let world = World::new(
        Policy::default().rotation(Rotation::Off).idle_timeout(Some(HOUR)).access_lifetime(MINUTE),
    );
    let login = world.login("alice");
    let r = refresh_of(&login);
    for n in 0..10 {
        world.advance(10 * MINUTE);
        let claims = HostClaims::of([("n", n)]).unwrap();
        let got = block_on(world.issuer.refresh(Refresh::new(&r).claims(claims)));
        let got = got.unwrap_or_else(|error| panic!("round {n}: {error:?}"));
        assert_eq!(got.session().last_seen_at(), world.issuer.now(), "round {n}");
    }
}
#[test]
fn an_assurance_level_refuses_a_policy_without_an_end() {
    let p =
        Policy::aal3().absolute_lifetime(AbsoluteLifetime::Unlimited).longest_lifetime(12 * HOUR);
    assert_eq!(settings(&p), ["absolute lifetime"]);
}
#[test]
fn a_single_factor_lifetime_never_raises_the_cap() {
    let above = Policy::default().single_factor_lifetime(14 * DAY + SECOND);
    assert_eq!(settings(&above), ["single-factor lifetime"]);
    let (world, login) = two_factor(Policy::default().single_factor_lifetime(14 * DAY));
    world.advance(6 * DAY);
    let sid = login.session_id();
    let got = block_on(world.issuer.update(Update::as_host(sid).lifetime(14 * DAY)));
    // That would be 20 days from the only proof, and the policy says 14.
    refused(got, ErrorKind::InvalidInput);
    let kept = only_session_of(&world.issuer, "alice");
    assert_eq!(kept.session().unwrap().ends_at(), Some(kept.created_at().saturating_add(14 * DAY)));
}
#[test]
fn a_shorter_lifetime_is_always_fine() {
    let world = World::new(Policy::zitadel().longest_lifetime(30 * DAY));
    let login = world.login("alice");
    world.advance(40 * DAY);
    let got = world.update(Update::as_host(login.session_id()).lifetime(HOUR)).unwrap();
    assert_eq!(got.session().ends_at(), Some(world.issuer.now().saturating_add(HOUR)));
}
#[test]
fn an_impersonation_is_held_to_its_own_longest_and_no_other() {
    let world = World::new(
        Policy::default()
            .absolute_lifetime(AbsoluteLifetime::After(30 * MINUTE))
            .idle_timeout(None)
            .impersonation_lifetime(2 * HOUR, 4 * HOUR),
    );
    let chain = ActorChain::new(Actor::new(id("boss")), "t").unwrap();
    let acting = world.create(NewSession::impersonating(id("alice"), chain)).unwrap();
    let got = world.update(Update::as_host(acting.session_id()).lifetime(HOUR)).unwrap();
    assert_eq!(got.session().ends_at(), Some(world.issuer.now().saturating_add(HOUR)));
    let longer = world.update(Update::as_host(acting.session_id()).lifetime(5 * HOUR));
    refused(longer, ErrorKind::InvalidInput);
}
#[test]
fn a_typo_in_a_step_up_is_no_reason_to_log_out() {
    let (world, login) = two_factor(Policy::default());
    let typo = block_on(
        world
            .issuer
            .update(Update::with_token(login.token()).check(Check::totp("000000").unwrap())),
    );
    let e = refused(typo, ErrorKind::CheckFailed);
    assert_ne!(e.remedy(), session_issuer::error::Remedy::LogIn, "{e:?}");
    world.check(login.token()).unwrap();
}
#[test]
fn an_access_token_does_not_lengthen_its_session() {
    let world = World::new(Policy::default());
    let login = world.create(NewSession::for_subject(id("alice")).lifetime(HOUR)).unwrap();
    let longer =
        block_on(world.issuer.update(Update::with_token(login.token()).lifetime(14 * DAY)));
    refused(longer, ErrorKind::InvalidInput);
    block_on(world.issuer.update(Update::with_token(login.token()).lifetime(MINUTE))).unwrap();
    block_on(world.issuer.update(Update::as_host(login.session_id()).lifetime(14 * DAY))).unwrap();
}
#[test]
fn the_full_lifetime_may_be_asked_for_right_after_an_exchange() {
    let world = World::new(Policy::default());
    let opened = block_on(world.issuer.open(OpenRequest::new(AppId::new("a").unwrap()))).unwrap();
    world.advance(5 * MINUTE);
    let t = opened.token().unwrap().to_owned();
    block_on(world.issuer.decide(Decide::approve(&t, id("alice")))).unwrap();
    let got = block_on(world.issuer.exchange(Exchange::new(&t, AppId::new("a").unwrap()))).unwrap();
    let up = world.update(Update::as_host(got.session_id()).lifetime(14 * DAY)).unwrap();
    let end = world.issuer.now().saturating_add(14 * DAY);
    assert_eq!(up.session().session().unwrap().ends_at(), Some(end));
}

fn issuer_for(policy: Policy, auds: usize) -> session_issuer::Issuer {
    use session_issuer::{
        Issuer,
        signer::KeyRing,
        testing::{ManualClock, SeededEntropy},
        token::TokenKeys,
    };
    let mut b = Issuer::builder()
        .store(crate::world::any_store())
        .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
        .signer(KeyRing::hs256(&"k".repeat(64), &secret(2)).unwrap())
        .clock(ManualClock::new())
        .entropy(SeededEntropy::new(9))
        .policy(policy);
    for n in 0..auds {
        b = b.audience(format!("{n}{}", "a".repeat(98)));
    }
    b.build().unwrap()
}
#[test]
fn the_largest_tokens_that_are_handed_out_are_read() {
    for (max, actors, aud) in
        [(4080usize, 0usize, 9usize), (4080, 1, 9), (4080, 4, 1), (4080, 0, 1), (4080, 1, 1)]
    {
        let issuer = issuer_for(Policy::default().session_claim("refresh_token_id"), aud);
        let mut n = max;
        while n > 0 {
            let claims = HostClaims::of([("c", "x".repeat(n))]).unwrap();
            let new = match actors {
                0 => NewSession::for_subject(id("alice")),
                k => {
                    let actors = (0..k).map(|_| Actor::new(id(&"é".repeat(190))));
                    NewSession::impersonating(id("alice"), ActorChain::of(actors, "t").unwrap())
                }
            };
            match block_on(issuer.create(new.claims(claims))) {
                Ok(got) => {
                    block_on(issuer.check(got.token(), &Requirement::new())).unwrap();
                    break;
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}"),
            }
            n -= 20;
        }
        assert!(n > 0, "{actors} actors and {aud} audiences: no token fits");
    }
}
#[test]
fn a_long_alias_makes_no_token_unreadable() {
    let named = |length| {
        let alias: &'static str = Box::leak("s".repeat(length).into_boxed_str());
        Policy::default().session_claim(alias)
    };
    assert_eq!(settings(&named(65)), ["session claim"]);
    let policy = named(64);
    assert_eq!(policy.problems(), []);
    let issuer = issuer_for(policy, 9);
    let largest = (2000..4080).rev().step_by(5).find_map(|n| {
        let claims = HostClaims::of([("c", "x".repeat(n))]).unwrap();
        let created = block_on(issuer.create(NewSession::for_subject(id("alice")).claims(claims)));
        created.map_err(|error| assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}")).ok()
    });
    block_on(issuer.check(largest.unwrap().token(), &Requirement::new())).unwrap();
}
#[test]
fn a_revocation_says_from_when_on_no_token_can_be_good() {
    let world = World::new(
        Policy::default()
            .credentials(Credentials::Access(AccessFormat::Signed))
            .absolute_lifetime(AbsoluteLifetime::After(14 * DAY))
            .access_lifetime(14 * DAY)
            .idle_timeout(Some(HOUR)),
    );
    let login = world.login("alice");
    block_on(world.issuer.revoke(Revoke::session(login.session_id()))).unwrap();
    let emitted =
        world.events().into_iter().find(|e| matches!(e.kind, EventKind::Revoked { .. })).unwrap();
    assert!(
        emitted.ends_at.unwrap() >= login.expires_at().unwrap(),
        "{:?} < {:?}",
        emitted.ends_at,
        login.expires_at()
    );
}
#[test]
fn naming_a_subject_late_makes_no_more_than_a_beginning() {
    let world = World::new(Policy::default().single_factor_lifetime(5 * MINUTE));
    world.people.add("alice", "pw");
    world.people.change("alice", |p| p.second_factor = true);
    let by_create = world.login("alice");
    let anon = world.create(NewSession::anonymous()).unwrap();
    let named = block_on(
        world.issuer.update(Update::as_host(anon.session_id()).check(Check::subject(id("alice")))),
    )
    .unwrap();
    assert_eq!(
        named.session().session().unwrap().ends_at(),
        by_create.session().session().unwrap().ends_at()
    );
}
#[test]
fn an_impersonation_is_not_cut_to_the_single_factor_lifetime() {
    let world = World::new(Policy::default().single_factor_lifetime(5 * MINUTE));
    world.people.add("alice", "pw");
    world.people.change("alice", |p| p.second_factor = true);
    let chain = ActorChain::new(Actor::new(id("boss")), "t").unwrap();
    let acting = world.create(NewSession::impersonating(id("alice"), chain)).unwrap();
    assert!(acting.session().session().unwrap().ends_at().unwrap().to_string().contains("T01:00"));
}
#[test]
fn a_refresh_near_the_idle_end_gives_a_full_access_token() {
    let world = World::new(Policy::default().rotation(Rotation::Off).idle_timeout(Some(HOUR)));
    let login = world.login("alice");
    world.advance(59 * MINUTE + 50 * SECOND);
    let got = world.refresh(&refresh_of(&login)).unwrap();
    world.advance(MINUTE);
    world.check(got.token()).unwrap();
}
#[test]
fn a_session_may_be_shortened_after_a_factor_was_voided() {
    let (world, login) = two_factor(Policy::default().single_factor_lifetime(HOUR));
    let up = block_on(
        world
            .issuer
            .update(Update::with_token(login.token()).check(Check::totp("123456").unwrap())),
    )
    .unwrap();
    world.advance(3 * HOUR);
    let cc =
        session_issuer::issuer::CredentialChange::new(id("alice"), FactorKind::Totp).keeping_all();
    block_on(world.issuer.credential_changed(cc)).unwrap();
    let short = Update::as_host(up.session_id()).lifetime(10 * MINUTE);
    let got = block_on(world.issuer.update(short)).unwrap();
    assert_eq!(got.session().ends_at(), Some(world.issuer.now().saturating_add(10 * MINUTE)));
}
#[test]
fn fail_open_remembers_across_a_reset_what_was_revoked() {
    use session_issuer::{
        Issuer,
        signer::KeyRing,
        store::MemoryStore,
        testing::{FaultyStore, ManualClock, SeededEntropy},
        token::TokenKeys,
    };
    let store = std::sync::Arc::new(FaultyStore::new(MemoryStore::with_log_capacity(2)));
    let issuer = Issuer::builder()
        .store(std::sync::Arc::clone(&store))
        .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
        .signer(KeyRing::hs256("k", &secret(2)).unwrap())
        .clock(ManualClock::new())
        .entropy(SeededEntropy::new(9))
        .policy(Policy::default().on_store_failure(OnStoreFailure::AcceptSigned))
        .build()
        .unwrap();
    let new = || block_on(issuer.create(NewSession::for_subject(id("alice")))).unwrap();
    let (stolen, other) = (new(), new());
    block_on(issuer.revoke(Revoke::session(stolen.session_id()))).unwrap();
    block_on(issuer.sync_revocations()).unwrap();
    for _ in 0..5 {
        let s = new();
        block_on(issuer.revoke(Revoke::session(s.session_id()))).unwrap();
    }
    block_on(issuer.sync_revocations()).unwrap();
    store.fail_all(true);
    let check = |token: &str| block_on(issuer.check(token, &Requirement::new()));
    check(other.token()).unwrap();
    refused(check(stolen.token()), ErrorKind::Unavailable);
    store.fail_all(false);
    refused(check(stolen.token()), ErrorKind::Revoked);
}
#[test]
fn a_longer_audience_locks_no_session_out() {
    use session_issuer::{
        Issuer,
        signer::KeyRing,
        testing::{ManualClock, SeededEntropy},
        token::TokenKeys,
    };
    let store = crate::world::any_store();
    let make = |auds: usize| {
        let mut b = Issuer::builder()
            .name("https://id.example")
            .store(std::sync::Arc::clone(&store))
            .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
            .signer(KeyRing::hs256("k", &secret(2)).unwrap())
            .clock(ManualClock::new())
            .entropy(SeededEntropy::new(9 + auds as u64));
        for n in 0..auds {
            b = b.audience(format!("{n}{}", "a".repeat(98)));
        }
        b.build().unwrap()
    };
    let claims = HostClaims::of([("c", "x".repeat(4080))]).unwrap();
    let login =
        block_on(make(1).create(NewSession::for_subject(id("alice")).claims(claims))).unwrap();
    let longer = make(10);
    let got = block_on(longer.refresh(Refresh::new(login.refresh_token().unwrap()))).unwrap();
    block_on(longer.check(got.token(), &Requirement::new())).unwrap();
}
