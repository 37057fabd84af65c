//! Checks, factors, updates, devices, counters. Numbers are those of the lifecycle and seed cases.

use std::sync::Arc;

use async_trait::async_trait;
use session_issuer::{
    Issuer, NewSession, Policy, Requirement, Revoke, SessionQuery, Update,
    client::ClientInfo,
    error::ErrorKind,
    event::EventKind,
    factor::{AssuranceLevel, Challenge, Check, FactorKind},
    id::{CreatorId, DeviceId},
    metadata::Metadata,
    policy::{OnStoreFailure, Spend},
    session::{Life, RevokeReason},
    store::{MemoryStore, Select},
    testing::{Fault, ManualClock, SeededEntropy, Verb, block_on},
    token::TokenKeys,
    verifier::{Found, Lookup, SubjectDirectory, SubjectProfile, VerifyError},
};

use crate::world::*;

fn zitadel() -> World {
    let world = World::new(Policy::zitadel());
    world.people.add("alice", "V3ryS3cure!");
    world.people.add("bob", "pw");
    world.people.change("alice", |alice| alice.totp = Some("123456".into()));
    world
}

fn alice() -> Check {
    Check::login_name("alice@example.com").unwrap()
}

fn password(password: &str) -> Check {
    Check::password(password).unwrap()
}

// 86
#[test]
fn passed_checks_become_factors_of_one_moment() {
    let world = zitadel();
    let new = NewSession::from_checks([password("V3ryS3cure!"), alice()])
        .metadata(Metadata::of([("k", "v")]).unwrap())
        .creator(CreatorId::new("login-app").unwrap());
    let login = world.create(new).unwrap();
    let view = login.session();
    let kinds: Vec<_> = view.factors().iter().map(|factor| (factor.kind(), factor.at())).collect();
    let now = world.issuer.now();
    assert_eq!(kinds, [(FactorKind::Subject, now), (FactorKind::Password, now)]);
    assert_eq!(view.subject(), Some(&id("alice")));
    assert_eq!(view.session().unwrap().resource_owner(), Some("org-1"));
    assert_eq!(view.session().unwrap().metadata().get("k"), Some(b"v".as_slice()));
    assert_eq!(view.assurance_level(), Some(AssuranceLevel::Aal1));
    assert_eq!(view.version(), 1);
}

/// Knows everybody, as owned by an organisation whose name is too long.
#[derive(Debug)]
struct LongNames;

#[async_trait]
impl SubjectDirectory for LongNames {
    async fn find(&self, _: Lookup<'_>) -> Result<Found, VerifyError> {
        let profile = SubjectProfile::new(id("alice"));
        Ok(Found::Active(profile.with_resource_owner("x".repeat(1000))))
    }
}

#[test]
fn an_owner_that_a_directory_names_is_bounded_as_any_other() {
    let store = Arc::new(MemoryStore::new());
    let issuer = Issuer::builder()
        .store(Arc::clone(&store))
        .token_keys(TokenKeys::generate(&SeededEntropy::new(1)).unwrap())
        .policy(Policy::zitadel())
        .directory(LongNames)
        .build()
        .unwrap();
    let refused = block_on(issuer.create(NewSession::from_checks([alice()]))).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    let all = block_on(issuer.list(SessionQuery::select(Select::Tenant))).unwrap();
    assert!(all.sessions().is_empty());
}

// 87, 92, 104
#[test]
fn factors_accumulate_over_calls_and_each_replaces_the_token() {
    let world = zitadel();
    refused(world.create(NewSession::from_checks([password("x")])), ErrorKind::SubjectMissing);
    let mut token = world.create(NewSession::anonymous()).unwrap().token().to_owned();
    for (n, check) in
        [alice(), password("V3ryS3cure!"), Check::totp("123456").unwrap()].into_iter().enumerate()
    {
        let next = block_on(world.issuer.update(Update::with_token(&token).check(check))).unwrap();
        assert_eq!(next.session().version(), n as u64 + 2);
        assert_eq!(next.session().factors().len(), n + 1);
        // 44 of the requirements: what was before is dead at once.
        refused(world.check(&token), ErrorKind::Superseded);
        token = next.token().to_owned();
    }
    let checked = world.check(&token).unwrap();
    assert_eq!(checked.assurance_level(), Some(AssuranceLevel::Aal2));
    assert_eq!(checked.amr().iter().collect::<Vec<_>>(), ["pwd", "otp", "mfa"]);
}

// 62 of the requirements
#[test]
fn a_failed_check_stores_nothing_of_its_call() {
    let world = zitadel();
    let login = world.create(NewSession::from_checks([alice()])).unwrap();
    unchanged(&world, || {
        let update = Update::with_token(login.token())
            .check(password("V3ryS3cure!"))
            .check(Check::totp("000000").unwrap())
            .metadata("k", "v");
        let error = refused(block_on(world.issuer.update(update)), ErrorKind::CheckFailed);
        assert_eq!(error.public().code, "invalid_credential");
    });
    world.check(login.token()).unwrap();
    assert_eq!(
        world.count(|kind| matches!(kind, EventKind::Refused { kind: ErrorKind::CheckFailed, .. })),
        1
    );
}

// 130
#[test]
fn an_unknown_subject_and_a_wrong_password_are_one_answer_after_the_same_work() {
    let world = zitadel();
    let nobody = Check::login_name("nobody@example.com").unwrap();
    let unknown = world.create(NewSession::from_checks([nobody, password("x")])).unwrap_err();
    let wrong = world.create(NewSession::from_checks([alice(), password("x")])).unwrap_err();
    assert_eq!((unknown.kind(), wrong.kind()), (ErrorKind::SubjectUnknown, ErrorKind::CheckFailed));
    assert_eq!(unknown.public(), wrong.public());
    let attempts = world.people.attempts.lock().unwrap();
    assert_eq!(
        *attempts,
        [(None, FactorKind::Password), (Some(id("alice")), FactorKind::Password)]
    );
}

// 88, 89
#[test]
fn disabled_and_locked_subjects_get_no_session() {
    let world = zitadel();
    for (change, kind) in [
        ((|p: &mut Person| p.disabled = true) as fn(&mut Person), ErrorKind::SubjectDisabled),
        (|p: &mut Person| (p.disabled, p.locked) = (false, true), ErrorKind::SubjectLocked),
    ] {
        world.people.change("alice", change);
        let error = refused(world.create(NewSession::from_checks([alice(), password("x")])), kind);
        assert_eq!(error.public().code, "invalid_credential");
        refused(world.create(NewSession::for_subject(id("alice"))), kind);
    }
    refused(world.create(NewSession::for_subject(id("nobody"))), ErrorKind::SubjectUnknown);
}

// 75
#[test]
fn the_subject_of_a_session_never_changes() {
    let world = zitadel();
    let login = world.create(NewSession::from_checks([alice()])).unwrap();
    let update =
        |check| block_on(world.issuer.update(Update::as_host(login.session_id()).check(check)));
    refused(update(Check::subject(id("bob"))), ErrorKind::SubjectChange);
    world.advance(MINUTE);
    let again = update(Check::subject(id("alice"))).unwrap();
    assert_eq!(
        again.session().factors()[0].at(),
        world.issuer.now(),
        "the same one is stamped anew"
    );
}

// 94, 99 and section 9: one slot a kind, used once, with an end of its own
#[test]
fn a_challenge_is_answered_once_within_its_time() {
    let world = zitadel();
    let login = world.create(NewSession::from_checks([alice()])).unwrap();
    let code = || Check::otp_sms("0000").unwrap();
    let answer =
        |token: &str| block_on(world.issuer.update(Update::with_token(token).check(code())));
    let ask = |token: &str| {
        let slot =
            Challenge::new(FactorKind::OtpSms, "sent", world.issuer.now().saturating_add(MINUTE))
                .unwrap();
        block_on(world.issuer.update(Update::with_token(token).challenge(slot)))
            .unwrap()
            .token()
            .to_owned()
    };
    refused(answer(login.token()), ErrorKind::ChallengeMissing);
    let asked = ask(login.token());
    let answered = answer(&asked).unwrap();
    assert!(answered.session().session().unwrap().challenge(FactorKind::OtpSms).is_none());
    refused(answer(answered.token()), ErrorKind::ChallengeMissing);
    let asked = ask(answered.token());
    world.advance(MINUTE);
    refused(answer(&asked), ErrorKind::ChallengeMissing);
}

// Section 5, rule 5
#[test]
fn an_update_that_changes_nothing_changes_nothing() {
    for policy in [Policy::zitadel(), Policy::default()] {
        let world = World::new(policy);
        let login = world.create(
            NewSession::for_subject(id("alice")).metadata(Metadata::of([("k", "v")]).unwrap()),
        );
        let login = login.unwrap();
        unchanged(&world, || {
            let same = Update::with_token(login.token()).metadata("k", "v").metadata("absent", "");
            let same = block_on(world.issuer.update(same)).unwrap();
            assert_eq!(same.session().version(), login.session().version());
            assert_eq!(same.token(), login.token());
            assert!(same.refresh_token().is_none(), "an access token buys no refresh token");
            let host = block_on(world.issuer.update(Update::as_host(login.session_id()))).unwrap();
            assert_eq!(host.refresh_token(), login.refresh_token());
        });
        assert_eq!(world.count(|kind| matches!(kind, EventKind::Updated { .. })), 0);
        world.check(login.token()).unwrap();
    }
}

#[test]
fn metadata_is_merged_and_an_empty_value_removes() {
    let world = zitadel();
    let login = world
        .create(NewSession::anonymous().metadata(Metadata::of([("a", "1")]).unwrap()))
        .unwrap();
    let update = Update::with_token(login.token()).metadata("b", "2");
    let second = block_on(world.issuer.update(update)).unwrap();
    let update = Update::as_host(login.session_id()).metadata("a", "");
    let third = block_on(world.issuer.update(update)).unwrap();
    let entries: Vec<_> = third.session().session().unwrap().metadata().iter().collect();
    assert_eq!(entries, [("b", b"2".as_slice())]);
    refused(world.check(second.token()), ErrorKind::Superseded);
    // What breaks a bound leaves the whole call undone.
    unchanged(&world, || {
        let update = Update::with_token(third.token()).metadata("ok", "1").metadata("", "2");
        refused(block_on(world.issuer.update(update)), ErrorKind::InvalidInput);
        let update = Update::with_token(third.token()).metadata("big", vec![0; 4097]);
        refused(block_on(world.issuer.update(update)), ErrorKind::InvalidInput);
    });
}

// 62
#[test]
fn the_same_session_token_buys_one_update() {
    let world = zitadel();
    let login = world.create(NewSession::anonymous()).unwrap();
    block_on(world.issuer.update(Update::with_token(login.token()).metadata("k", "1"))).unwrap();
    let second = Update::with_token(login.token()).metadata("k", "2");
    refused(block_on(world.issuer.update(second)), ErrorKind::Superseded);
    // The host's authority heals a lost reply.
    let healed =
        block_on(world.issuer.update(Update::as_host(login.session_id()).metadata("k", "2")))
            .unwrap();
    world.check(healed.token()).unwrap();
}

// 120 to 124
#[test]
fn a_requirement_lists_everything_that_lacks() {
    let world = zitadel();
    let login = world.create(NewSession::from_checks([alice()])).unwrap();
    let need = Requirement::new()
        .factor(FactorKind::Password)
        .factor(FactorKind::Totp)
        .factor(FactorKind::Subject)
        .level(AssuranceLevel::Aal2)
        .max_age(MINUTE);
    let error = refused(world.check_for(login.token(), &need), ErrorKind::RequirementNotMet);
    let unmet = error.unmet().unwrap();
    assert_eq!(unmet.missing, [FactorKind::Password, FactorKind::Totp]);
    assert_eq!((unmet.level, unmet.max_age), (Some(AssuranceLevel::Aal2), Some(MINUTE)));
    assert_eq!(error.public().code, "step_up_required");
    assert!(!error.is_terminal());
    // A session that only names somebody is never authenticated.
    let any = Requirement::new().level(AssuranceLevel::Aal1);
    refused(world.check_for(login.token(), &any), ErrorKind::RequirementNotMet);
    refused(
        world.check(world.create(NewSession::anonymous()).unwrap().token()).unwrap().subject(),
        ErrorKind::SubjectMissing,
    );
}

// 150 to 155
#[test]
fn a_device_has_one_session_until_it_ends_or_is_replaced() {
    let world = World::new(Policy::zelf());
    let create = |name: &str| world.create(NewSession::for_device(device(name))).unwrap();
    let first = create("phone");
    world.advance(5 * MINUTE);
    let again = create("phone");
    assert_eq!(again.session_id(), first.session_id());
    assert_eq!(again.expires_at(), first.expires_at(), "the window does not slide");
    assert_eq!(again.session().record().generation(), 1);
    world.check(first.token()).unwrap();
    world.check(again.token()).unwrap();
    assert_ne!(create("tablet").session_id(), first.session_id());
    let replaced = world.create(NewSession::for_device(device("phone")).replace_device()).unwrap();
    assert_ne!(replaced.session_id(), first.session_id());
    let error = refused(world.check(first.token()), ErrorKind::Revoked);
    assert_eq!(error.reason(), Some(RevokeReason::Superseded));
    world.advance(10 * MINUTE);
    let next = create("phone");
    assert_ne!(next.session_id(), replaced.session_id(), "an expired holder is replaced");
    block_on(world.issuer.revoke(Revoke::session(next.session_id()))).unwrap();
    assert_ne!(create("phone").session_id(), next.session_id(), "an ended one too");
}

#[test]
fn a_device_id_never_opens_an_authenticated_session() {
    let world = World::new(opaque_pairs());
    let anonymous = world.create(NewSession::for_device(device("phone"))).unwrap();
    let login = Update::with_token(anonymous.token()).check(Check::subject(id("alice")));
    let login = block_on(world.issuer.update(login)).unwrap();
    let stranger = world.create(NewSession::for_device(device("phone"))).unwrap();
    assert_ne!(stranger.session_id(), login.session_id());
    assert!(stranger.session().subject().is_none());
    let known = NewSession::for_subject(id("bob")).device(DeviceId::new("phone").unwrap());
    assert_ne!(world.create(known).unwrap().session_id(), stranger.session_id());
    // By its device, the host still finds all of them.
    let query = SessionQuery::select(Select::Device(device("phone")));
    assert_eq!(block_on(world.issuer.list(query)).unwrap().sessions().len(), 3);
}

// 164 to 167
#[test]
fn a_counter_never_passes_its_limit_and_all_move_or_none() {
    let world = World::new(Policy::zelf());
    let session = world.create(NewSession::for_device(device("phone"))).unwrap();
    let lease = || Requirement::new().spend(Spend::one("lease", 15));
    for _ in 0..15 {
        world.check_for(session.token(), &lease()).unwrap();
    }
    let error = refused(world.check_for(session.token(), &lease()), ErrorKind::QuotaExceeded);
    assert_eq!(error.http_status(), 429);
    let both = Requirement::new().spend(Spend::one("global", 3000)).spend(Spend::one("lease", 15));
    refused(world.check_for(session.token(), &both), ErrorKind::QuotaExceeded);
    let seen = world.check(session.token()).unwrap();
    let counters = seen.session().unwrap().session().unwrap();
    assert_eq!((counters.counter("lease"), counters.counter("global")), (15, 0));
    refused(
        world
            .check_for(
                session.token(),
                &Requirement::new().spend(Spend::one("x", u64::MAX).with_amount(u64::MAX)),
            )
            .and_then(|_| {
                world.check_for(
                    session.token(),
                    &Requirement::new().spend(Spend::one("x", u64::MAX)),
                )
            }),
        ErrorKind::QuotaExceeded,
    );
    // A counter that cannot be written down is not spent, and not free either.
    world.store.fail_next(Verb::NoteUse, Fault::Before);
    refused(
        world.check_for(session.token(), &Requirement::new().spend(Spend::one("global", 3000))),
        ErrorKind::Unavailable,
    );
}

#[test]
fn while_the_store_is_away_only_signed_tokens_get_in_and_only_by_policy() {
    let closed = World::new(Policy::default());
    let login = closed.login("alice");
    closed.store.fail_all(true);
    let error = refused(closed.check(login.token()), ErrorKind::Unavailable);
    assert!(error.is_retryable() && !error.is_terminal());

    let open = World::new(Policy::default().on_store_failure(OnStoreFailure::AcceptSigned));
    let login = open.login("alice");
    let chain =
        session_issuer::actor::ActorChain::new(session_issuer::actor::Actor::new(id("op")), "t")
            .unwrap();
    let acting = open.create(NewSession::impersonating(id("alice"), chain)).unwrap();
    let ended = open.login("alice");
    block_on(open.issuer.revoke(Revoke::session(ended.session_id()))).unwrap();
    refused(open.check(ended.token()), ErrorKind::Revoked);
    open.store.fail_all(true);
    assert_eq!(open.check(login.token()).unwrap().subject().unwrap(), &id("alice"));
    assert!(open.check(login.token()).unwrap().session().is_none());
    refused(open.check(acting.token()), ErrorKind::Unavailable);
    refused(
        open.check_for(login.token(), &Requirement::new().level(AssuranceLevel::Aal1)),
        ErrorKind::Unavailable,
    );
    refused(open.refresh(&refresh_of(&login)), ErrorKind::Unavailable);
}

#[test]
fn a_login_on_the_hosts_word_is_one_call_of_the_store() {
    let world = World::on_the_hosts_word(opaque_pairs());
    for round in 0..2 {
        world.store.reset_calls();
        let login = world.login("alice");
        let calls = world.store.calls();
        assert_eq!(
            (calls.of(Verb::Insert), calls.of(Verb::Stamp), calls.of(Verb::Load)),
            (1, 0, 0)
        );
        assert_eq!(login.session().life(world.issuer.now()), Life::Live);
        let epoch = block_on(world.issuer.epoch(&id("alice"))).unwrap();
        assert_eq!(login.session().record().bound(), Some((&id("alice"), epoch)));
        let created = world.sink.events().pop().unwrap();
        assert!(
            matches!(created.kind, EventKind::Created)
                && created.session == Some(login.session_id())
        );
        world.check(login.token()).unwrap();
        block_on(world.issuer.revoke(Revoke::all(id("alice")))).unwrap();
        refused(world.check(login.token()), ErrorKind::Revoked);
        assert!(round == 1 || block_on(world.issuer.epoch(&id("alice"))).unwrap() > epoch);
    }
    // What a host has verified itself is bound by what it read before.
    let read_before = block_on(world.issuer.epoch(&id("alice"))).unwrap();
    block_on(world.issuer.revoke(Revoke::all(id("alice")))).unwrap();
    let login = NewSession::for_subject(id("alice")).epoch(read_before);
    refused(world.create(login), ErrorKind::SubjectMoved);
    // A factor that was voided while the login was under way is not emitted as proved.
    world.store.reset_calls();
    let login = NewSession::for_subject(id("alice")).verified_by_host(FactorKind::Password);
    let login = world.create(login).unwrap();
    assert_eq!(world.store.calls().of(Verb::Stamp), 1);
    assert_eq!(login.session().factors().len(), 1);
}

#[test]
fn a_signed_token_tells_of_the_epoch_that_was_read_before_its_session_was_stored() {
    let world = World::on_the_hosts_word(Policy::default());
    for _ in 0..2 {
        let login = world.login("alice");
        let epoch = block_on(world.issuer.epoch(&id("alice"))).unwrap();
        let (_, bound) = login.session().record().bound().unwrap();
        assert_eq!(
            (bound, world.issuer.verify(login.token()).unwrap().epoch()),
            (epoch, Some(epoch))
        );
        block_on(world.issuer.revoke(Revoke::all(id("alice")))).unwrap();
        refused(world.check(login.token()), ErrorKind::Revoked);
    }
}

#[test]
fn a_login_on_the_hosts_word_is_bound_to_the_known_epoch() {
    for (policy, is_signed) in
        [(opaque_pairs(), false), (Policy::default(), true), (Policy::zitadel(), false)]
    {
        let world = World::on_the_hosts_word(policy);
        let known = world.login("alice").session().record().bound().unwrap().1;
        world.advance(DAY);
        let device = || DeviceId::new("phone").unwrap();
        let operator = session_issuer::actor::Actor::new(id("op"));
        let chain = session_issuer::actor::ActorChain::new(operator, "t").unwrap();
        let login = || NewSession::for_subject(id("alice"));
        for new in [
            login(),
            login().device(device()),
            login().device(device()).replace_device(),
            login().verified_by_host(FactorKind::Password),
            NewSession::impersonating(id("alice"), chain),
        ] {
            let made = world.create(new).unwrap();
            assert_eq!(made.session().record().bound(), Some((&id("alice"), known)));
            assert_eq!(made.session().life(world.issuer.now()), Life::Live);
            world.check(made.token()).unwrap();
            match world.issuer.verify(made.token()) {
                Ok(claims) => {
                    assert!(is_signed);
                    assert_eq!(claims.epoch(), Some(known));
                }
                Err(error) => {
                    assert!(!is_signed);
                    assert_eq!(error.kind(), ErrorKind::WrongTokenKind);
                }
            }
        }
        let page = SessionQuery::of_subject(id("alice"));
        assert_eq!(block_on(world.issuer.list(page)).unwrap().sessions().len(), 5);
    }
}

#[test]
fn a_login_on_the_hosts_word_whose_id_was_taken_gets_another_and_the_same_epoch() {
    let (store, clock) = (any_store(), ManualClock::new());
    let node = |seed| {
        Issuer::builder()
            .store(Arc::clone(&store))
            .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
            .clock(clock.clone())
            .entropy(SeededEntropy::new(seed))
            .policy(opaque_pairs())
            .build()
            .unwrap()
    };
    let login =
        |node: &Issuer| block_on(node.create(NewSession::for_subject(id("alice")))).unwrap();
    let known = login(&node(1)).session().record().bound().unwrap().1;
    clock.advance(DAY);
    // Two nodes that draw the same.
    let [first, second] = [login(&node(2)), login(&node(2))];
    assert_ne!(first.session_id(), second.session_id());
    for made in [first, second] {
        assert_eq!(made.session().record().bound(), Some((&id("alice"), known)));
        block_on(node(3).check(made.token(), &Requirement::new())).unwrap();
    }
}

#[test]
fn a_login_decided_under_an_older_epoch_is_refused() {
    let world = World::new(Policy::default());
    let epoch = block_on(world.issuer.epoch(&id("alice"))).unwrap();
    block_on(world.issuer.revoke(Revoke::all(id("alice")))).unwrap();
    let error = refused(
        world.create(NewSession::for_subject(id("alice")).epoch(epoch)),
        ErrorKind::SubjectMoved,
    );
    assert!(error.is_retryable());
    assert!(
        block_on(world.issuer.list(SessionQuery::of_subject(id("alice"))))
            .unwrap()
            .sessions()
            .is_empty()
    );
    let fresh = block_on(world.issuer.epoch(&id("alice"))).unwrap();
    world.create(NewSession::for_subject(id("alice")).epoch(fresh)).unwrap();
}

#[test]
fn a_view_shows_the_client_to_the_host_and_to_no_log() {
    let world = World::new(Policy::hanko());
    let client = ClientInfo::new()
        .with_user_agent("Mozilla/5.0 (secret-agent)")
        .with_ip("192.0.2.33".parse().unwrap());
    let login = world.create(NewSession::for_subject(id("alice")).client(client)).unwrap();
    let own = login.session().session().unwrap().client();
    assert_eq!(
        (own.user_agent(), own.ip().unwrap().to_string().as_str()),
        (Some("Mozilla/5.0 (secret-agent)"), "192.0.2.33")
    );
    let shown = format!("{login:?} {:?} {:?} {:?}", login.session(), world.events(), world.issuer);
    for secret in ["secret-agent", "192.0.2.33", login.token()] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
