//! How many guesses a factor bears: the limit in memory, and what verifiers do with any lockout.

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use async_trait::async_trait;
use session_issuer::{
    Timestamp,
    error::{InputField, InvalidInput, Problem},
    factor::{Check, FactorKind},
    id::{SubjectId, TenantId},
    testing::{ManualClock, block_on},
    verifier::{
        Attempt, AttemptLimit, CodeRequest, FactorVerifier, Gate, Guess, Holder, Lockout,
        OneTimeCodes, Outcome, Unlimited, VerifyError,
    },
};

use crate::world::*;

const NOW: Timestamp = ManualClock::START;

struct Who {
    tenant: TenantId,
    subject: SubjectId,
}

fn who(subject: &str) -> Who {
    Who { tenant: TenantId::default(), subject: id(subject) }
}

impl Who {
    fn guess(&self, now: Timestamp) -> Guess<'_> {
        Guess::new(Holder::new(&self.tenant, &self.subject), FactorKind::Password, now)
    }
}

fn limit(attempts: u32) -> AttemptLimit {
    AttemptLimit::new(attempts, 15 * MINUTE).unwrap()
}

fn begin(lockout: &dyn Lockout, guess: Guess<'_>) -> Gate {
    block_on(lockout.begin(guess)).unwrap()
}

fn wrong(lockout: &dyn Lockout, guess: Guess<'_>) -> Gate {
    let gate = begin(lockout, guess);
    if gate == Gate::Open {
        block_on(lockout.wrong(guess)).unwrap();
    }
    gate
}

/// Counts how often a lockout is asked; can be told to fail.
#[derive(Debug, Default)]
pub struct Spy {
    pub asked: AtomicUsize,
    pub fails: bool,
}

#[async_trait]
impl Lockout for Spy {
    async fn begin(&self, _: Guess<'_>) -> Result<Gate, VerifyError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.fails { Err(VerifyError::new("told to fail")) } else { Ok(Gate::Open) }
    }
    async fn wrong(&self, _: Guess<'_>) -> Result<(), VerifyError> {
        Ok(())
    }
    async fn right(&self, _: Guess<'_>) -> Result<Gate, VerifyError> {
        Ok(Gate::Open)
    }
}

#[test]
fn of_a_hundred_guesses_at_once_exactly_as_many_as_the_limit_are_judged() {
    let codes = Arc::new(OneTimeCodes::new(&secret(3), limit(5)).unwrap());
    let alice = who("alice");
    let request = CodeRequest::sms(Holder::new(&alice.tenant, &alice.subject), NOW);
    let made = codes.make(request).unwrap();
    let start = Barrier::new(100);
    let outcomes: Vec<Outcome> = thread::scope(|scope| {
        let guess = || {
            let check = Check::otp_sms("x").unwrap();
            let attempt = Attempt::new(&alice.tenant, Some(&alice.subject), &check, NOW)
                .answering(&made.challenge);
            start.wait();
            block_on(codes.verify(attempt)).unwrap()
        };
        let threads: Vec<_> = (0..100).map(|_| scope.spawn(guess)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Wrong).count(), 5);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Locked).count(), 95);
    let right = Check::otp_sms(made.code.expose()).unwrap();
    let attempt =
        Attempt::new(&alice.tenant, Some(&alice.subject), &right, NOW).answering(&made.challenge);
    assert_eq!(block_on(codes.verify(attempt)).unwrap(), Outcome::Locked);
}

// 89
#[test]
fn the_attempt_that_reaches_the_limit_is_still_judged_and_the_next_is_not() {
    let (lockout, alice) = (limit(2), who("alice"));
    let gates: Vec<_> = (0..3).map(|_| wrong(&lockout, alice.guess(NOW))).collect();
    assert_eq!(gates, [Gate::Open, Gate::Open, Gate::Locked]);
}

#[test]
fn the_last_attempt_may_be_the_right_one_and_clears_the_count() {
    let (lockout, alice) = (limit(2), who("alice"));
    for _ in 0..5 {
        assert_eq!(wrong(&lockout, alice.guess(NOW)), Gate::Open);
        assert_eq!(begin(&lockout, alice.guess(NOW)), Gate::Open);
        assert_eq!(block_on(lockout.right(alice.guess(NOW))).unwrap(), Gate::Open);
    }
}

// 90, 98
#[test]
fn a_lock_that_falls_while_a_guess_is_judged_refuses_even_the_right_one() {
    let (lockout, alice) = (limit(3), who("alice"));
    wrong(&lockout, alice.guess(NOW));
    wrong(&lockout, alice.guess(NOW));
    assert_eq!(begin(&lockout, alice.guess(NOW)), Gate::Open);
    // Another node, or an attempt that began before a right one cleared the count, reports the
    // third failure.
    block_on(lockout.wrong(alice.guess(NOW))).unwrap();
    assert_eq!(block_on(lockout.right(alice.guess(NOW))).unwrap(), Gate::Locked);
    assert_eq!(begin(&lockout, alice.guess(NOW)), Gate::Locked, "and the count was not cleared");
}

#[test]
fn a_lock_lasts_to_the_last_millisecond_of_its_pause() {
    let (lockout, alice) = (limit(1), who("alice"));
    wrong(&lockout, alice.guess(NOW));
    let end = NOW.saturating_add(15 * MINUTE);
    assert_eq!(
        begin(&lockout, alice.guess(end.saturating_sub(Duration::from_millis(1)))),
        Gate::Locked
    );
    assert_eq!(wrong(&lockout, alice.guess(end)), Gate::Open, "refused attempts do not prolong it");
    assert_eq!(wrong(&lockout, alice.guess(end)), Gate::Locked);
    // A clock that is set back opens nothing.
    assert_eq!(begin(&lockout, alice.guess(NOW)), Gate::Locked);
}

#[test]
fn an_attempt_that_is_never_heard_of_again_stays_counted_until_the_pause_is_over() {
    let (lockout, alice) = (limit(2), who("alice"));
    begin(&lockout, alice.guess(NOW));
    begin(&lockout, alice.guess(NOW));
    assert_eq!(begin(&lockout, alice.guess(NOW.saturating_add(14 * MINUTE))), Gate::Locked);
    assert_eq!(begin(&lockout, alice.guess(NOW.saturating_add(15 * MINUTE))), Gate::Open);
}

#[test]
fn tenants_subjects_and_kinds_are_counted_apart() {
    let (lockout, alice) = (limit(1), who("alice"));
    wrong(&lockout, alice.guess(NOW));
    assert_eq!(begin(&lockout, alice.guess(NOW)), Gate::Locked);
    assert_eq!(begin(&lockout, who("bob").guess(NOW)), Gate::Open);
    let elsewhere = Who { tenant: TenantId::new("other").unwrap(), ..who("alice") };
    assert_eq!(begin(&lockout, elsewhere.guess(NOW)), Gate::Open);
    let totp = Guess::new(Holder::new(&alice.tenant, &alice.subject), FactorKind::Totp, NOW);
    assert_eq!(begin(&lockout, totp), Gate::Open);
}

#[test]
fn a_flood_of_names_neither_grows_the_memory_nor_opens_a_lock() {
    let (lockout, alice) = (limit(2), who("alice"));
    wrong(&lockout, alice.guess(NOW));
    wrong(&lockout, alice.guess(NOW));
    for n in 0..100_100 {
        assert_eq!(begin(&lockout, who(&format!("subject-{n}")).guess(NOW)), Gate::Open);
    }
    assert_eq!(begin(&lockout, alice.guess(NOW)), Gate::Locked);
    assert_eq!(
        begin(&lockout, who("subject-1").guess(NOW)),
        Gate::Open,
        "its single attempt was forgotten"
    );
    assert_eq!(begin(&lockout, who("subject-100099").guess(NOW)), Gate::Open);
    assert_eq!(begin(&lockout, who("subject-100099").guess(NOW)), Gate::Locked);
}

#[test]
fn when_nothing_but_locks_is_left_the_answer_is_an_error() {
    let lockout = limit(1);
    for n in 0..100_000 {
        wrong(&lockout, who(&format!("subject-{n}")).guess(NOW));
    }
    let fault = block_on(lockout.begin(who("one-more").guess(NOW))).unwrap_err();
    assert_eq!(source_text(&fault), "too many factors are locked at once");
    assert_eq!(begin(&lockout, who("subject-7").guess(NOW)), Gate::Locked, "and nobody is let in");
    let later = NOW.saturating_add(15 * MINUTE);
    assert_eq!(begin(&lockout, who("one-more").guess(later)), Gate::Open);
}

#[test]
fn limits_that_limit_nothing_are_refused() {
    for (attempts, pause, field, problem) in [
        (0, MINUTE, InputField::AttemptLimit, Problem::Zero),
        (101, MINUTE, InputField::AttemptLimit, Problem::TooLarge),
        (5, Duration::ZERO, InputField::Pause, Problem::Zero),
        (5, Duration::from_nanos(1), InputField::Pause, Problem::Zero),
    ] {
        let refusal = AttemptLimit::new(attempts, pause).unwrap_err();
        assert_eq!(refusal, InvalidInput::new(field, problem), "{attempts} {pause:?}");
    }
    AttemptLimit::new(100, MINUTE).unwrap();
    assert_eq!(format!("{:?}", limit(5)), "AttemptLimit { limit: 5, pause: 900s, .. }");
}

#[test]
fn unlimited_is_what_its_name_says() {
    let alice = who("alice");
    assert!((0..1000).all(|_| wrong(&Unlimited, alice.guess(NOW)) == Gate::Open));
}

#[test]
fn an_unknown_subject_never_reaches_the_lockout_and_a_failing_lockout_lets_nobody_in() {
    let spy = Arc::new(Spy { fails: true, ..Spy::default() });
    let codes = OneTimeCodes::new(&secret(3), Arc::clone(&spy)).unwrap();
    let alice = who("alice");
    let made =
        codes.make(CodeRequest::email(Holder::new(&alice.tenant, &alice.subject), NOW)).unwrap();
    let check = Check::otp_email(made.code.expose()).unwrap();
    let unknown = Attempt::new(&alice.tenant, None, &check, NOW);
    assert_eq!(block_on(codes.verify(unknown)).unwrap(), Outcome::Wrong);
    assert_eq!(spy.asked.load(Ordering::SeqCst), 0);
    let known =
        Attempt::new(&alice.tenant, Some(&alice.subject), &check, NOW).answering(&made.challenge);
    let fault = block_on(codes.verify(known)).unwrap_err();
    assert_eq!(source_text(&fault), "told to fail");
}
