//! Races, with real threads and many rounds. Numbers are those of the lifecycle and seed cases.

use std::{
    collections::HashSet,
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use session_issuer::{
    Error, NewSession, Policy, Refresh, Requirement, Revoke, SessionQuery, Update,
    error::ErrorKind,
    event::EventKind,
    factor::Check,
    id::AppId,
    issuer::{Decide, Exchange, Issued, OpenRequest},
    policy::{Cap, OnFull, Rotation, Spend},
    testing::block_on,
};

use crate::world::*;

/// Runs one task on each of `count` threads, all let go at once, and collects what they say.
/// Whether a login is live; what is not was revoked.
fn lives(world: &World, login: &Issued) -> bool {
    match world.check(login.token()) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Revoked, "{error:?}");
            false
        }
    }
}

fn together<T: Send>(count: usize, task: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(count);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|n| {
                let (barrier, task) = (&barrier, &task);
                scope.spawn(move || {
                    barrier.wait();
                    task(n)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn live(world: &World, subject: &str) -> Vec<session_issuer::id::SessionId> {
    let page =
        block_on(world.issuer.list(SessionQuery::of_subject(id(subject)).limit(1000))).unwrap();
    page.sessions().iter().map(|view| view.id()).collect()
}

// 9, 12, 51 of the requirements
#[test]
fn sixty_four_refreshers_of_one_token_get_the_same_successor_and_rotate_once() {
    let world = World::new(opaque_pairs());
    for round in 0..200 {
        let login = world.login(&format!("s{round}"));
        let token = refresh_of(&login);
        let pairs = together(64, |_| world.refresh(&token).unwrap());
        let successors: HashSet<_> = pairs.iter().map(refresh_of).collect();
        assert_eq!(successors.len(), 1);
        assert_eq!(
            pairs.iter().filter(|pair| !pair.is_replay()).count(),
            1,
            "one rotated, the others were answered"
        );
        let record =
            block_on(world.issuer.list(SessionQuery::of_subject(id(&format!("s{round}")))))
                .unwrap();
        assert_eq!(record.sessions()[0].record().generation(), 2);
        world.check(pairs[round % 64].token()).unwrap();
    }
    assert_eq!(world.count(|kind| *kind == EventKind::Refreshed), 200);
}

// 10
#[test]
fn without_windows_one_refresher_wins_and_the_other_is_told_that_it_lost() {
    let world = World::new(opaque_pairs().rotation(Rotation::strict()));
    for round in 0..300 {
        let token = refresh_of(&world.login(&format!("s{round}")));
        let outcomes = together(2, |_| world.refresh(&token));
        let won: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
        // Two calls that overlap are a race; one after the other they are theft.
        let lost: Vec<_> =
            outcomes.iter().filter_map(|outcome| outcome.as_ref().err().map(Error::kind)).collect();
        assert_eq!(won.len(), 1);
        match lost[..] {
            [ErrorKind::AlreadyRotated] => {
                world.refresh(&refresh_of(won[0])).unwrap();
            }
            [ErrorKind::ReuseDetected] => {
                refused(world.refresh(&refresh_of(won[0])), ErrorKind::Revoked);
            }
            ref other => panic!("{other:?}"),
        }
        let error = world.refresh(&token).unwrap_err().kind();
        assert!(matches!(error, ErrorKind::ReuseDetected | ErrorKind::Revoked));
    }
}

// 58 of the requirements
#[test]
fn a_hundred_logins_against_a_cap_of_five_leave_exactly_five() {
    for on_full in [OnFull::EvictOldest, OnFull::EvictLeastRecentlyUsed, OnFull::Refuse] {
        let world = World::new(opaque_pairs().cap(Cap::new(5, on_full)));
        for round in 0..10 {
            let subject = format!("s{round}");
            let outcomes = together(100, |_| world.create(NewSession::for_subject(id(&subject))));
            let created: Vec<&Issued> = outcomes.iter().flatten().collect();
            assert_eq!(created.len(), if on_full == OnFull::Refuse { 5 } else { 100 });
            let listed = live(&world, &subject);
            assert_eq!(listed.len(), 5);
            let passing = created.iter().filter(|issued| lives(&world, issued)).count();
            assert_eq!(passing, 5, "the tokens that pass are those of the listed sessions");
        }
    }
}

// 23, 66
#[test]
fn a_revocation_wins_against_clients_that_refresh_in_a_loop() {
    let world = World::new(opaque_pairs());
    for round in 0..200 {
        let login = world.login(&format!("s{round}"));
        let revoked = AtomicUsize::new(0);
        let last = together(4, |n| {
            if n == 0 {
                for _ in 0..round % 7 {
                    thread::yield_now();
                }
                block_on(world.issuer.revoke(Revoke::session(login.session_id()))).unwrap();
                revoked.store(1, Ordering::SeqCst);
                return None;
            }
            let mut token = refresh_of(&login);
            loop {
                let after = revoked.load(Ordering::SeqCst) == 1;
                match world.refresh(&token) {
                    Ok(next) => {
                        assert!(!after, "a refresh that began after the revocation succeeded");
                        token = refresh_of(&next);
                    }
                    Err(error) => break Some((error.kind(), token)),
                }
            }
        });
        for (kind, token) in last.into_iter().flatten() {
            // Clients that overtake each other by generations may be told so before the revocation
            // comes.
            let overtaken =
                [ErrorKind::Superseded, ErrorKind::AlreadyRotated, ErrorKind::ReuseDetected];
            assert!(kind == ErrorKind::Revoked || overtaken.contains(&kind), "{kind:?}");
            refused(world.refresh(&token), ErrorKind::Revoked);
        }
        assert!(live(&world, &format!("s{round}")).is_empty());
    }
}

// 64 of the seeds, 72
#[test]
fn a_refresh_without_rotation_that_races_a_revocation_is_answered_or_refused_and_revives_nothing() {
    let world = World::new(Policy::stack_auth());
    for round in 0..200 {
        let login = world.login(&format!("s{round}"));
        let token = refresh_of(&login);
        let outcomes = together(4, |n| match n {
            0 => {
                block_on(world.issuer.revoke(Revoke::session(login.session_id()))).unwrap();
                Ok(())
            }
            _ => world.refresh(&token).map(drop),
        });
        assert!(outcomes.iter().flatten().count() >= 1);
        for error in outcomes.into_iter().filter_map(Result::err) {
            assert_eq!(error.kind(), ErrorKind::Revoked);
        }
        refused(world.refresh(&token), ErrorKind::Revoked);
    }
}

// Section 10: never live and unlisted
#[test]
fn a_login_that_races_revoke_all_ends_revoked_or_listed() {
    let world = World::new(opaque_pairs());
    let (refused, dead, alive) = race_revoke_all(&world);
    assert!(
        dead + refused > 0 && alive > 0,
        "no race was seen: refused {refused}, dead {dead}, alive {alive}"
    );
    // Here a login is one call of the store.
    let world = World::on_the_hosts_word(opaque_pairs());
    let (refused, dead, alive) = race_revoke_all(&world);
    assert!(dead + refused > 0 && alive > 0, "refused {refused}, dead {dead}, alive {alive}");
}

// In memory a call never waits between its look at the subject and its write.
#[test]
fn a_capped_login_in_memory_is_not_refused_by_a_race_with_revocation() {
    let world =
        World::on_the_hosts_word_in_memory(opaque_pairs().cap(Cap::new(50, OnFull::EvictOldest)));
    for round in 0..40 {
        let subject = format!("s{round}");
        // Sessions that got their subject late lie anywhere, so that counting them takes more than
        // one look.
        for _ in 0..8 {
            let session = world.create(NewSession::anonymous()).unwrap();
            let update = Update::with_token(session.token()).check(Check::subject(id(&subject)));
            block_on(world.issuer.update(update)).unwrap();
        }
        together(4, |n| {
            for _ in 0..20 {
                match n {
                    0 | 1 => {
                        drop(block_on(world.issuer.revoke(Revoke::all(id(&subject)))).unwrap())
                    }
                    _ => drop(world.login(&subject)),
                }
            }
        });
    }
}

/// How many logins were refused, are dead, and are alive and listed.
fn race_revoke_all(world: &World) -> (usize, usize, usize) {
    let (mut refused, mut dead, mut alive) = (0, 0, 0);
    for round in 0..300 {
        let subject = format!("s{round}");
        world.login(&subject);
        let revoked = AtomicUsize::new(0);
        let outcomes = together(3, |n| match n {
            0 => {
                block_on(world.issuer.revoke(Revoke::all(id(&subject)))).unwrap();
                revoked.store(1, Ordering::SeqCst);
                None
            }
            // A slow disk would let no login begin after the revocation.
            1 if round % 10 == 0 => {
                while revoked.load(Ordering::SeqCst) == 0 {
                    thread::yield_now();
                }
                Some(Ok(world.login(&subject)))
            }
            _ => Some(world.create(NewSession::for_subject(id(&subject)))),
        });
        let listed = live(world, &subject);
        let mut passing = 0;
        for outcome in outcomes.into_iter().flatten() {
            match outcome {
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::SubjectMoved);
                    refused += 1;
                }
                Ok(login) => {
                    let passes = lives(world, &login);
                    assert_eq!(passes, listed.contains(&login.session_id()), "live and unlisted");
                    passing += usize::from(passes);
                    dead += usize::from(!passes);
                }
            }
        }
        assert_eq!(listed.len(), passing);
        alive += passing;
    }
    (refused, dead, alive)
}

// Section 5, rule 2
#[test]
fn two_who_log_out_everybody_else_at_once_never_bring_each_other_back() {
    let world = World::new(opaque_pairs());
    for round in 0..300 {
        let subject = format!("s{round}");
        let logins = [world.login(&subject), world.login(&subject), world.login(&subject)];
        let outcomes =
            together(2, |n| block_on(world.issuer.revoke(Revoke::others_than(logins[n].token()))));
        let kept: Vec<_> = logins.iter().filter(|login| lives(&world, login)).collect();
        assert_eq!(kept.len(), 1);
        assert_eq!(live(&world, &subject), [kept[0].session_id()]);
        // The other was no longer one who may keep.
        let mut lost = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
        let why = lost.next().expect("one of the two is refused").kind();
        assert!(matches!(why, ErrorKind::Revoked | ErrorKind::NotFound), "{outcomes:?}");
        assert!(lost.next().is_none(), "{outcomes:?}");
        assert_ne!(kept[0].session_id(), logins[2].session_id());
    }
}

// 133 and 54 of the requirements
#[test]
fn of_many_who_exchange_one_request_token_exactly_one_gets_the_session() {
    let world = World::new(Policy::tmdb());
    let app = || AppId::new("films").unwrap();
    for _ in 0..200 {
        let opened = block_on(world.issuer.open(OpenRequest::new(app()))).unwrap();
        let token = opened.token().unwrap();
        block_on(world.issuer.decide(Decide::approve(token, id("alice")))).unwrap();
        let outcomes =
            together(8, |_| block_on(world.issuer.exchange(Exchange::new(token, app()))));
        let sessions: Vec<_> = outcomes.iter().flatten().collect();
        assert_eq!(sessions.len(), 1);
        world.check(sessions[0].token()).unwrap();
        for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert_eq!(error.kind(), ErrorKind::AlreadyDecided);
        }
    }
}

#[test]
fn a_request_token_is_decided_once_however_many_decide() {
    let world = World::new(Policy::tmdb());
    for _ in 0..200 {
        let opened =
            block_on(world.issuer.open(OpenRequest::new(AppId::new("films").unwrap()))).unwrap();
        let token = opened.token().unwrap();
        let outcomes = together(4, |n| match n {
            0 => block_on(world.issuer.decide(Decide::deny(token))),
            n => block_on(world.issuer.decide(Decide::approve(token, id(&format!("s{n}"))))),
        });
        assert_eq!(outcomes.iter().flatten().count(), 1);
    }
}

// 159, and section 9: no token for a session that was not stored
#[test]
fn all_who_ask_at_once_for_the_session_of_a_device_get_the_same_one() {
    let world = World::new(Policy::zelf());
    for round in 0..200 {
        let name = format!("phone-{round}");
        let sessions =
            together(16, |_| world.create(NewSession::for_device(device(&name))).unwrap());
        let ids: HashSet<_> = sessions.iter().map(Issued::session_id).collect();
        assert_eq!(ids.len(), 1);
        for session in &sessions {
            world.check(session.token()).unwrap();
        }
    }
    let three =
        together(3, |n| world.create(NewSession::for_device(device(&format!("d{n}")))).unwrap());
    assert_eq!(three.iter().map(Issued::session_id).collect::<HashSet<_>>().len(), 3);
}

#[test]
fn a_device_id_never_opens_the_session_that_is_being_logged_in_on_it() {
    let world = World::new(opaque_pairs());
    for round in 0..200 {
        let name = format!("phone-{round}");
        let anonymous = world.create(NewSession::for_device(device(&name))).unwrap();
        let outcomes = together(2, |n| match n {
            0 => {
                let login =
                    Update::with_token(anonymous.token()).check(Check::subject(id("alice")));
                block_on(world.issuer.update(login)).unwrap()
            }
            _ => world.create(NewSession::for_device(device(&name))).unwrap(),
        });
        // Whoever only knew the device holds no token of the logged-in session.
        match world.check(outcomes[1].token()) {
            Ok(stranger) => drop(refused(stranger.subject(), ErrorKind::SubjectMissing)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::RefreshRequired, "{error:?}"),
        }
        assert_eq!(world.check(outcomes[0].token()).unwrap().subject().unwrap(), &id("alice"));
    }
}

// 166
#[test]
fn counters_in_parallel_never_pass_their_limit() {
    let world = World::new(Policy::zelf());
    for round in 0..20 {
        let session = world.create(NewSession::for_device(device(&format!("d{round}")))).unwrap();
        let need = Requirement::new().spend(Spend::one("lease", 15));
        let spends = || match world.check_for(session.token(), &need) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::QuotaExceeded, "{error:?}");
                false
            }
        };
        let passed = together(16, |_| (0..4).filter(|_| spends()).count());
        assert_eq!(passed.into_iter().sum::<usize>(), 15);
    }
}

// 61 of the requirements, 62
#[test]
fn of_many_updates_with_one_session_token_one_wins_and_the_host_loses_none() {
    let world = World::new(Policy::zitadel());
    for round in 0..50 {
        let login = world.create(NewSession::anonymous()).unwrap();
        let outcomes = together(8, |n| {
            block_on(
                world
                    .issuer
                    .update(Update::with_token(login.token()).metadata("by", n.to_string())),
            )
        });
        assert_eq!(outcomes.iter().flatten().count(), 1, "round {round}");
        for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert_eq!(error.kind(), ErrorKind::Superseded);
        }
        let hosts = together(32, |n| {
            let update = Update::as_host(login.session_id()).metadata(format!("k{n}"), "v");
            block_on(world.issuer.update(update)).unwrap()
        });
        let newest = hosts.iter().max_by_key(|issued| issued.session().version()).unwrap();
        assert_eq!(newest.session().session().unwrap().metadata().len(), 33, "a lost update");
        world.check(newest.token()).unwrap();
    }
}

#[test]
fn of_two_who_name_different_subjects_one_is_refused() {
    let world = World::new(Policy::zitadel());
    for _ in 0..200 {
        let login = world.create(NewSession::anonymous()).unwrap();
        let outcomes = together(2, |n| {
            let who = Check::subject(id(["alice", "bob"][n]));
            block_on(world.issuer.update(Update::as_host(login.session_id()).check(who)))
        });
        let bound: Vec<_> = outcomes.iter().flatten().collect();
        assert_eq!(bound.len(), 1);
        let subject = bound[0].session().subject().unwrap();
        assert_eq!(world.check(bound[0].token()).unwrap().subject().unwrap(), subject);
        let error = outcomes.iter().find_map(|outcome| outcome.as_ref().err()).unwrap();
        assert_eq!(error.kind(), ErrorKind::SubjectChange);
    }
}

// 57
#[test]
fn ten_who_touch_at_once_leave_the_right_end() {
    let policy = opaque_pairs().idle_timeout(Some(HOUR)).access_lifetime(HOUR);
    let world = World::new(policy);
    let login = world.login("alice");
    for _ in 0..20 {
        world.advance(10 * MINUTE);
        let login = world.refresh(&refresh_of(&world.login("alice"))).unwrap();
        world.advance(10 * MINUTE);
        let seen = together(10, |_| world.check(login.token()).unwrap());
        assert_eq!(seen.len(), 10);
        let now = world.check(login.token()).unwrap();
        assert_eq!(now.session().unwrap().last_seen_at(), world.issuer.now());
    }
    refused(world.check(login.token()), ErrorKind::Inactive);
}

// 81
#[test]
fn everything_at_once_ends_and_deadlocks_nowhere() {
    let policy = opaque_pairs()
        .cap(Cap::new(3, OnFull::EvictOldest))
        .absolute_lifetime(session_issuer::policy::AbsoluteLifetime::After(HOUR))
        .idle_timeout(None)
        .keep_after_end(std::time::Duration::ZERO);
    let world = World::new(policy);
    let subjects = ["a", "b", "c", "d"];
    // Ended by a cap or a revocation, past its end, or swept.
    let over = [ErrorKind::Revoked, ErrorKind::Expired, ErrorKind::InvalidToken];
    let done: usize = together(8, |n| {
        let mut tokens: Vec<String> = Vec::new();
        let mut done = 0;
        for round in 0..300 {
            let subject = id(subjects[(n + round) % 4]);
            match (n + round) % 6 {
                0 => {
                    block_on(world.issuer.sweep(50)).unwrap();
                    done += 1;
                }
                1 => world.advance(MINUTE),
                2 => {
                    block_on(world.issuer.revoke(Revoke::all(subject))).unwrap();
                }
                3 => {
                    let page =
                        block_on(world.issuer.list(SessionQuery::of_subject(subject))).unwrap();
                    assert!(page.sessions().len() <= 3);
                }
                _ => match world.create(NewSession::for_subject(subject)) {
                    Ok(login) => tokens.push(refresh_of(&login)),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::SubjectMoved, "{error:?}"),
                },
            }
            match tokens.pop().map(|token| world.refresh(&token)) {
                Some(Ok(next)) => tokens.push(refresh_of(&next)),
                Some(Err(error)) => assert!(over.contains(&error.kind()), "{error:?}"),
                None => {}
            }
        }
        done
    })
    .into_iter()
    .sum();
    assert_eq!(done, 400);
    world.advance(2 * HOUR);
    while block_on(world.issuer.sweep(500)).unwrap().more {}
    assert!(subjects.iter().all(|subject| live(&world, subject).is_empty()));
}

// 45
#[test]
fn keys_that_roll_while_many_threads_issue_never_make_a_token_that_does_not_hold() {
    use session_issuer::{
        Issuer,
        signer::{KeyRing, SecretKey},
        testing::ManualClock,
        token::TokenKeys,
    };
    let world = World::new(Policy::default());
    let at = |ms| ManualClock::START.saturating_add(std::time::Duration::from_millis(ms));
    let mut signing = KeyRing::hs256("k0", &secret(0)).unwrap();
    let mut minting = TokenKeys::new(0, &secret(0)).unwrap();
    for n in 1..50_u8 {
        let key = SecretKey::hs256(&format!("k{n}"), &secret(n)).unwrap();
        signing = signing.roll(key, at(u64::from(n) * 10)).unwrap();
        minting = minting.roll(u16::from(n), &secret(n), at(u64::from(n) * 10)).unwrap();
    }
    let issuer = Issuer::builder()
        .store(world.store.clone())
        .token_keys(minting)
        .signer(signing)
        .clock(world.clock.clone())
        .build()
        .unwrap();
    together(8, |n| {
        for _ in 0..100 {
            world.advance(std::time::Duration::from_millis(1));
            let login =
                block_on(issuer.create(NewSession::for_subject(id(&format!("s{n}"))))).unwrap();
            issuer.verify(login.token()).unwrap();
            let next =
                block_on(issuer.refresh(Refresh::new(login.refresh_token().unwrap()))).unwrap();
            block_on(issuer.check(next.token(), &Requirement::new())).unwrap();
        }
    });
}
