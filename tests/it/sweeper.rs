//! Sweeping: what it emits, how much a call takes, what a failing batch does, and who else gets a
//! turn.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    task::{Context, Poll, Waker},
};

use session_issuer::{
    Error, NewSession, Policy, Revoke,
    error::ErrorKind,
    event::EventKind,
    issuer::{Issued, Sweeper},
    policy::AbsoluteLifetime,
    testing::{Fault, Verb, block_on},
};

use crate::world::*;

/// Sessions of an hour, kept for a day after.
fn an_hour() -> Policy {
    opaque_pairs().absolute_lifetime(AbsoluteLifetime::After(HOUR)).idle_timeout(None)
}

/// A world with so many sessions that ended long enough ago.
fn full_of(ended: usize) -> World {
    fill(World::new(an_hour()), ended)
}

/// The same with a store that answers at once, for tests that count turns or stop the time of the
/// runtime.
fn full_in_memory(ended: usize) -> World {
    fill(World::in_memory(an_hour()), ended)
}

fn fill(world: World, ended: usize) -> World {
    for n in 0..ended {
        world.login(&format!("s{n}"));
    }
    world.advance(HOUR + DAY);
    world.store.reset_calls();
    world
}

fn sweeper(world: &World) -> Sweeper {
    Sweeper::new(world.issuer.clone())
}

fn expired(world: &World) -> usize {
    world.count(|kind| *kind == EventKind::Expired)
}

#[test]
fn a_sweep_emits_no_expiry_of_a_session_that_a_mass_revocation_ended() {
    let world = World::new(an_hour());
    world.login("alice");
    let kept = world.login("alice");
    world.login("bob");
    let ended = world.login("bob");
    block_on(world.issuer.revoke(Revoke::others_than(kept.token()))).unwrap();
    block_on(world.issuer.revoke(Revoke::token(ended.token()))).unwrap();
    world.advance(HOUR + DAY);
    assert_eq!(block_on(sweeper(&world).run_until_clean()).removed, 4);
    let expired: Vec<_> =
        world.events().into_iter().filter(|event| event.kind == EventKind::Expired).collect();
    let mut subjects: Vec<_> =
        expired.iter().map(|event| event.subject.clone().unwrap().to_string()).collect();
    subjects.sort();
    assert_eq!(subjects, ["alice", "bob"], "the kept one, and the one that nobody ended");
    assert!(expired.iter().any(|event| event.session == Some(kept.session_id())));
}

#[test]
fn one_call_removes_no_more_than_it_was_asked() {
    let world = full_of(25);
    let report = block_on(world.issuer.sweep(10)).unwrap();
    assert!(report.removed <= 10 && report.more && report.damaged == 0);
    assert_eq!(expired(&world), report.removed);
}

#[test]
fn five_thousand_sessions_go_in_batches_of_five_hundred_and_a_live_one_stays() {
    let world = full_of(5000);
    let live = world.login("alice");
    world.store.reset_calls();
    let run = block_on(sweeper(&world).run_until_clean());
    assert!(run.clean && run.error.is_none());
    assert_eq!((run.removed, run.failed, run.damaged), (5000, 0, 0));
    assert!(run.batches >= 10, "{}", run.batches);
    assert_eq!(world.store.calls().of(Verb::Sweep), run.batches);
    assert_eq!(expired(&world), 5000);
    world.check(live.token()).unwrap();
    let again = block_on(sweeper(&world).run_until_clean());
    assert_eq!((again.removed, again.batches), (0, 1));
}

#[test]
fn a_batch_that_fails_in_the_middle_does_not_end_the_clean_up() {
    let world = full_of(95);
    world.store.fail_nth(3, Fault::Before);
    world.store.fail_nth(4, Fault::Before);
    world.store.fail_nth(7, Fault::Before);
    let run = block_on(sweeper(&world).batch(10).run_until_clean());
    assert!(run.clean);
    assert_eq!((run.removed, run.failed), (95, 3));
    assert_eq!(run.error.unwrap().kind(), ErrorKind::Unavailable, "and it is reported");
    assert_eq!(expired(&world), 95);
}

#[test]
fn a_batch_whose_reply_is_lost_has_removed_what_it_removed() {
    let world = full_of(30);
    world.store.fail_nth(2, Fault::After);
    let run = block_on(sweeper(&world).batch(10).run_until_clean());
    assert!(run.clean && run.failed == 1 && run.removed < 30);
    assert_eq!(
        block_on(sweeper(&world).run_until_clean()).removed,
        0,
        "nothing is left all the same"
    );
}

#[test]
fn a_store_that_is_down_is_given_up_after_so_many_failures_in_a_row() {
    let world = full_of(30);
    world.store.fail_all(true);
    let run = block_on(sweeper(&world).failures(5).run_until_clean());
    assert_eq!((run.clean, run.removed, run.batches, run.failed), (false, 0, 5, 5));
    world.store.fail_all(false);
    assert_eq!(
        block_on(sweeper(&world).run_until_clean()).removed,
        30,
        "and the next run does its work"
    );
}

#[test]
fn between_two_batches_whoever_shares_the_thread_gets_a_turn() {
    let world = full_in_memory(60);
    let sweeper = sweeper(&world).batch(10);
    let mut run = Box::pin(sweeper.run_until_clean());
    let mut context = Context::from_waker(Waker::noop());
    let mut turns = 0;
    let run = loop {
        let before = world.store.calls().of(Verb::Sweep);
        let polled = run.as_mut().poll(&mut context);
        assert_eq!(world.store.calls().of(Verb::Sweep), before + 1, "one batch a turn");
        match polled {
            Poll::Ready(run) => break run,
            Poll::Pending => turns += 1,
        }
    };
    assert!(turns >= 6 && run.removed == 60);
}

#[test]
fn a_run_that_is_dropped_leaves_the_rest_to_the_next() {
    let world = full_in_memory(60);
    {
        let sweeper = sweeper(&world).batch(10);
        let mut run = Box::pin(sweeper.run_until_clean());
        let mut context = Context::from_waker(Waker::noop());
        assert!(run.as_mut().poll(&mut context).is_pending());
    }
    let gone = expired(&world);
    assert!(gone > 0 && gone <= 10);
    let rest = block_on(sweeper(&world).run_until_clean()).removed;
    assert_eq!((gone as u64 + rest, expired(&world)), (60, 60));
}

#[test]
fn a_clean_up_beside_live_traffic_takes_only_what_has_ended() {
    let world = full_of(1000);
    let (logins, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let (live, removed) = std::thread::scope(|scope| {
        let traffic: Vec<_> = (0..3)
            .map(|number| {
                let (world, logins, done) = (&world, &logins, &done);
                scope.spawn(move || {
                    let mut live = Vec::new();
                    while !done.load(Ordering::SeqCst) || live.len() < 20 {
                        // The subjects of the sessions that go, too.
                        let subject = format!("s{}", live.len() * 3 + number);
                        let login = loop {
                            match world.create(NewSession::for_subject(id(&subject))) {
                                Ok(login) => break login,
                                // The subject was forgotten while this login was under way: once
                                // more.
                                Err(error) => assert_eq!(error.kind(), ErrorKind::SubjectMoved),
                            }
                        };
                        let pair = world.refresh(&refresh_of(&login)).unwrap();
                        world.check(pair.token()).unwrap();
                        let short = world.create(NewSession::for_subject(id(&subject))).unwrap();
                        block_on(world.issuer.revoke(Revoke::token(short.token()))).unwrap();
                        logins.fetch_add(1, Ordering::SeqCst);
                        live.push(pair);
                    }
                    live
                })
            })
            .collect();
        while logins.load(Ordering::SeqCst) < 10 {
            std::thread::yield_now();
        }
        let run = block_on(sweeper(&world).batch(50).run_until_clean());
        assert!(run.clean && run.failed == 0);
        done.store(true, Ordering::SeqCst);
        let live: Vec<_> = traffic.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        (live, run.removed)
    });
    assert_eq!((removed, expired(&world)), (1000, 1000));
    for pair in &live {
        world.check(pair.token()).unwrap();
    }
}

/// A login whose subject is swept while it is under way.
fn login_beside_the_sweep_of_its_subject(world: &World) -> Result<Issued, Error> {
    world.login("alice");
    world.advance(400 * DAY);
    world.store.fail_next(Verb::Insert, Fault::Delay(1));
    let mut login = Box::pin(world.issuer.create(NewSession::for_subject(id("alice"))));
    // Until the insert has begun, which waits: a store may be pending before that too.
    let begun = world.store.calls().of(Verb::Insert);
    while world.store.calls().of(Verb::Insert) == begun {
        assert!(login.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(block_on(sweeper(world).run_until_clean()).removed, 1);
    block_on(login)
}

#[test]
fn a_login_whose_subject_is_forgotten_meanwhile_is_refused_and_made_anew_it_holds() {
    // It has read what is known of its subject, and waits for the store.
    let world = World::new(opaque_pairs());
    let error = refused(login_beside_the_sweep_of_its_subject(&world), ErrorKind::SubjectMoved);
    assert!(error.is_retryable() && !error.is_terminal());
    world.check(world.login("alice").token()).unwrap();
}

#[test]
fn a_login_on_the_hosts_word_does_not_mind_that_its_subject_is_forgotten_meanwhile() {
    let world = World::on_the_hosts_word(opaque_pairs());
    let login = login_beside_the_sweep_of_its_subject(&world).unwrap();
    world.check(login.token()).unwrap();
}

#[cfg(feature = "tokio")]
mod again_and_again {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use session_issuer::issuer::Schedule;
    use tokio::{runtime::Builder, time::Instant};

    use super::*;

    /// A runtime of one thread whose time passes as soon as everybody waits for it.
    fn paused() -> tokio::runtime::Runtime {
        Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    }

    /// Each run: how long after the beginning, and what it removed.
    type Runs = Arc<Mutex<Vec<(Duration, u64, bool)>>>;

    fn schedule() -> (Schedule, Runs) {
        let (began, runs) = (Instant::now(), Runs::default());
        let reported = Arc::clone(&runs);
        let schedule = Schedule::every(MINUTE).on_run(move |run| {
            reported.lock().unwrap().push((began.elapsed(), run.removed, run.clean));
        });
        (schedule, runs)
    }

    #[test]
    fn a_running_sweeper_sweeps_again_and_again_until_it_is_dropped() {
        let world = full_in_memory(30);
        paused().block_on(async {
            let (schedule, runs) = schedule();
            let sweeping = sweeper(&world).spawn(schedule).unwrap();
            tokio::time::sleep(3 * MINUTE).await;
            assert!(sweeping.is_running() && expired(&world) == 30);
            world.login("alice");
            world.advance(HOUR + DAY);
            tokio::time::sleep(3 * MINUTE).await;
            assert_eq!(expired(&world), 31);
            drop(sweeping);
            let so_far = runs.lock().unwrap().len();
            tokio::time::sleep(HOUR).await;
            assert_eq!(runs.lock().unwrap().len(), so_far);
            assert!((4..=12).contains(&so_far), "{so_far}");
        });
    }

    #[test]
    fn the_pauses_of_a_sweeper_differ_and_stay_near_what_was_asked() {
        let world = full_in_memory(0);
        let pauses: Vec<_> = paused().block_on(async {
            let (schedule, runs) = schedule();
            let _sweeping = sweeper(&world).spawn(schedule).unwrap();
            tokio::time::sleep(HOUR).await;
            let at: Vec<_> = runs.lock().unwrap().iter().map(|(at, ..)| *at).collect();
            std::iter::once(&Duration::ZERO)
                .chain(&at)
                .zip(&at)
                .map(|(from, to)| *to - *from)
                .collect()
        });
        assert!(pauses.len() > 40 && pauses.len() < 120, "{}", pauses.len());
        // The runtime counts whole milliseconds, and rounds up.
        assert!(
            pauses
                .iter()
                .all(|pause| *pause >= MINUTE / 2 && *pause <= MINUTE * 3 / 2 + SECOND / 100)
        );
        let mut different = pauses.clone();
        different.sort();
        different.dedup();
        assert!(different.len() > pauses.len() / 2, "{different:?}");
        let half = |pause: &&Duration| **pause < MINUTE;
        let short = pauses.iter().filter(half).count();
        assert!(
            short > pauses.len() / 5 && short < pauses.len() * 4 / 5,
            "{short} of {}",
            pauses.len()
        );
    }

    #[test]
    fn an_outage_is_reported_and_a_later_run_cleans_up() {
        let world = full_in_memory(30);
        paused().block_on(async {
            let (schedule, runs) = schedule();
            world.store.fail_all(true);
            let sweeping = sweeper(&world).spawn(schedule).unwrap();
            tokio::time::sleep(3 * MINUTE).await;
            assert!(runs.lock().unwrap().iter().all(|(_, removed, clean)| *removed == 0 && !clean));
            world.store.fail_all(false);
            tokio::time::sleep(3 * MINUTE).await;
            assert!(sweeping.is_running());
            assert_eq!(runs.lock().unwrap().last().map(|(.., clean)| *clean), Some(true));
            assert_eq!(expired(&world), 30);
        });
    }

    #[test]
    fn where_there_is_no_runtime_or_no_timer_a_sweeper_says_so_and_does_not_panic() {
        let world = full_in_memory(0);
        let spawn = || sweeper(&world).spawn(Schedule::every(MINUTE)).map(drop);
        refused(spawn(), ErrorKind::InvalidConfiguration);
        let timeless = Builder::new_current_thread().build().unwrap();
        let error = timeless.block_on(async { refused(spawn(), ErrorKind::InvalidConfiguration) });
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("timer"));
        paused().block_on(async { spawn().unwrap() });
    }
}
