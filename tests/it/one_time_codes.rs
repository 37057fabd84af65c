//! Codes by SMS and email: for one subject, one tenant, one kind, one challenge, and one use.

use std::{
    collections::HashSet,
    sync::{Arc, Barrier, Mutex},
    thread,
    time::Duration,
};

use session_issuer::{
    Issuer, NewSession, Policy, Timestamp, Update,
    entropy::{Entropy, EntropyError},
    error::{ErrorKind, InputField, InvalidInput, Problem},
    factor::{Challenge, Check, FactorKind},
    id::TenantId,
    issuer::Issued,
    secret::WeakKey,
    testing::{ManualClock, SeededEntropy, block_on},
    verifier::{
        Attempt, AttemptLimit, CodeForm, CodeRequest, FactorVerifier, Holder, OneTimeCode,
        OneTimeCodes, Outcome, Unlimited, Verifiers,
    },
};

use crate::{factors::issuer_with, world::*};

fn codes() -> OneTimeCodes {
    OneTimeCodes::new(&secret(3), Unlimited).unwrap().entropy(SeededEntropy::new(3))
}

struct Setup {
    issuer: Issuer,
    clock: ManualClock,
    codes: Arc<OneTimeCodes>,
    tenant: TenantId,
}

fn setup(codes: OneTimeCodes) -> Setup {
    let codes = Arc::new(codes);
    let verifiers = Verifiers::new().otp_sms(Arc::clone(&codes)).otp_email(Arc::clone(&codes));
    let (issuer, clock) = issuer_with(Policy::zitadel(), verifiers);
    Setup { issuer, clock, codes, tenant: TenantId::default() }
}

impl Setup {
    fn login(&self, subject: &str) -> Issued {
        block_on(self.issuer.create(NewSession::for_subject(id(subject)))).unwrap()
    }

    fn make(&self, subject: &str) -> OneTimeCode {
        let subject = id(subject);
        self.codes
            .make(CodeRequest::email(Holder::new(&self.tenant, &subject), self.issuer.now()))
            .unwrap()
    }

    fn ask(&self, session: &Issued, challenge: Challenge) {
        block_on(self.issuer.update(Update::as_host(session.session_id()).challenge(challenge)))
            .unwrap();
    }

    fn answer(&self, session: &Issued, code: &str) -> Result<Issued, session_issuer::Error> {
        let check = Check::otp_email(code).unwrap();
        block_on(self.issuer.update(Update::as_host(session.session_id()).check(check)))
    }
}

// 99
#[test]
fn a_code_answers_its_challenge_once() {
    let host = setup(codes());
    let session = host.login("alice");
    let made = host.make("alice");
    refused(host.answer(&session, made.code.expose()), ErrorKind::ChallengeMissing);
    host.ask(&session, made.challenge);
    let proved = host.answer(&session, made.code.expose()).unwrap();
    assert!(proved.session().factors().iter().any(|factor| factor.kind() == FactorKind::OtpEmail));
    refused(host.answer(&session, made.code.expose()), ErrorKind::ChallengeMissing);
}

#[test]
fn the_newest_challenge_wins_and_its_code_alone_is_right() {
    let host = setup(codes());
    let session = host.login("alice");
    let (first, second) = (host.make("alice"), host.make("alice"));
    host.ask(&session, first.challenge);
    host.ask(&session, second.challenge);
    refused(host.answer(&session, first.code.expose()), ErrorKind::CheckFailed);
    host.answer(&session, second.code.expose()).unwrap();
}

#[test]
fn a_code_is_good_to_its_last_millisecond() {
    let host = setup(codes());
    let session = host.login("alice");
    let made = host.make("alice");
    assert_eq!(made.challenge.ends_at(), host.issuer.now().saturating_add(5 * MINUTE));
    host.ask(&session, made.challenge.clone());
    host.clock.advance(5 * MINUTE);
    refused(host.answer(&session, made.code.expose()), ErrorKind::ChallengeMissing);
    // Asked without the issuer, the verifier refuses it as well.
    let (tenant, alice) = (TenantId::default(), id("alice"));
    let check = Check::otp_email(made.code.expose()).unwrap();
    let judge = |now: Timestamp| {
        let attempt = Attempt::new(&tenant, Some(&alice), &check, now).answering(&made.challenge);
        block_on(host.codes.verify(attempt)).unwrap()
    };
    assert_eq!(judge(made.challenge.ends_at()), Outcome::NoChallenge);
    assert_eq!(
        judge(made.challenge.ends_at().saturating_sub(Duration::from_millis(1))),
        Outcome::passed()
    );
}

#[test]
fn a_code_is_good_for_its_own_subject_tenant_kind_and_challenge_alone() {
    let codes = codes();
    let (tenant, other) = (TenantId::new("ab").unwrap(), TenantId::new("a").unwrap());
    let (subject, shifted) = (id("c"), id("bc"));
    let now = ManualClock::START;
    let made = codes.make(CodeRequest::sms(Holder::new(&tenant, &subject), now)).unwrap();
    let sms = Check::otp_sms(made.code.expose()).unwrap();
    let email = Check::otp_email(made.code.expose()).unwrap();
    let moved = |kind, ends_at| Challenge::new(kind, made.challenge.state(), ends_at).unwrap();
    let end = made.challenge.ends_at();
    let as_email = moved(FactorKind::OtpEmail, end);
    let longer = moved(FactorKind::OtpSms, end.saturating_add(SECOND));
    let newer =
        codes.make(CodeRequest::sms(Holder::new(&tenant, &subject), now)).unwrap().challenge;
    let own = &made.challenge;
    for (name, tenant, subject, check, challenge, expected) in [
        ("its own", &tenant, &subject, &sms, own, Outcome::passed()),
        ("another subject", &tenant, &shifted, &sms, own, Outcome::Wrong),
        ("another tenant", &other, &subject, &sms, own, Outcome::Wrong),
        // The same bytes, cut elsewhere.
        ("another cut", &other, &shifted, &sms, own, Outcome::Wrong),
        ("another kind of check", &tenant, &subject, &email, own, Outcome::NoChallenge),
        ("another kind of challenge", &tenant, &subject, &email, &as_email, Outcome::Wrong),
        ("a longer life", &tenant, &subject, &sms, &longer, Outcome::Wrong),
        ("another challenge", &tenant, &subject, &sms, &newer, Outcome::Wrong),
    ] {
        let attempt = Attempt::new(tenant, Some(subject), check, now).answering(challenge);
        assert_eq!(block_on(codes.verify(attempt)).unwrap(), expected, "{name}");
    }
    let other_key = OneTimeCodes::new(&secret(4), Unlimited).unwrap();
    let attempt = Attempt::new(&tenant, Some(&subject), &sms, now).answering(own);
    assert_eq!(block_on(other_key.verify(attempt)).unwrap(), Outcome::Wrong);
}

#[test]
fn of_many_who_answer_with_one_code_at_once_one_passes() {
    let host = setup(codes());
    let session = host.login("alice");
    let made = host.make("alice");
    host.ask(&session, made.challenge);
    let start = Barrier::new(16);
    let answers: Vec<_> = thread::scope(|scope| {
        let answer = || {
            start.wait();
            host.answer(&session, made.code.expose()).map(drop).map_err(|error| error.kind())
        };
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(answer)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let refusals: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
    assert_eq!(refusals, [ErrorKind::ChallengeMissing; 15]);
}

#[test]
fn a_challenge_of_somebody_elses_making_is_a_fault() {
    let host = setup(codes());
    let session = host.login("alice");
    for state in ["sent", "AAAA", ""] {
        let end = host.issuer.now().saturating_add(MINUTE);
        host.ask(&session, Challenge::new(FactorKind::OtpEmail, state, end).unwrap());
        refused(host.answer(&session, "12345678"), ErrorKind::Unavailable);
    }
}

#[test]
fn guesses_are_counted_across_challenges_and_sessions() {
    let limit = AttemptLimit::new(3, 15 * MINUTE).unwrap();
    let host = setup(OneTimeCodes::new(&secret(3), limit).unwrap());
    for n in 0..4 {
        let session = host.login("alice");
        let made = host.make("alice");
        host.ask(&session, made.challenge);
        let kind = if n < 3 { ErrorKind::CheckFailed } else { ErrorKind::SubjectLocked };
        refused(host.answer(&session, "x"), kind);
    }
    let bob = host.login("bob");
    let made = host.make("bob");
    host.ask(&bob, made.challenge);
    host.answer(&bob, made.code.expose()).unwrap();
}

#[test]
fn codes_have_their_digits_and_neither_the_challenge_nor_debug_shows_them() {
    let (tenant, alice) = (TenantId::default(), id("alice"));
    let request = CodeRequest::sms(Holder::new(&tenant, &alice), ManualClock::START);
    for digits in 6..=10 {
        let codes = codes().form(CodeForm::new(digits, MINUTE).unwrap());
        let made: Vec<_> = (0..50).map(|_| codes.make(request).unwrap()).collect();
        for one in &made {
            let code = one.code.expose();
            assert!(
                code.len() == digits as usize && code.bytes().all(|byte| byte.is_ascii_digit())
            );
            assert!(!format!("{one:?} {codes:?}").contains(code));
            assert!(!one.challenge.state().contains(code));
        }
        let different: HashSet<_> = made.iter().map(|one| one.code.expose()).collect();
        assert!(different.len() > 45, "{}", different.len());
        let nonces: HashSet<_> = made.iter().map(|one| &one.challenge.state()[..21]).collect();
        assert_eq!(nonces.len(), 50);
    }
}

#[test]
fn codes_that_are_too_short_or_live_too_long_are_not_made() {
    for digits in [5, 11] {
        let refusal = CodeForm::new(digits, MINUTE).unwrap_err();
        assert_eq!(refusal, InvalidInput::new(InputField::Digits, Problem::Malformed));
    }
    CodeForm::new(6, 10 * MINUTE).unwrap();
    for (time, problem) in [
        (Duration::ZERO, Problem::Zero),
        (Duration::from_millis(999), Problem::Zero),
        (10 * MINUTE + Duration::from_millis(1), Problem::TooLarge),
    ] {
        let refusal = CodeForm::new(6, time).unwrap_err();
        assert_eq!(refusal, InvalidInput::new(InputField::CodeLifetime, problem), "{time:?}");
    }
    assert_eq!(OneTimeCodes::new(b"password", Unlimited).unwrap_err(), WeakKey::TooShort(32));
    assert_eq!(OneTimeCodes::new(&[7; 32], Unlimited).unwrap_err(), WeakKey::LowEntropy);
}

/// Gives these eight bytes, one after the other, and zeros after that.
#[derive(Debug)]
struct Numbers(Mutex<Vec<u64>>);

impl Entropy for Numbers {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        let mut numbers = self.0.lock().unwrap();
        let number = if numbers.is_empty() { 0 } else { numbers.remove(0) };
        buffer
            .iter_mut()
            .zip(number.to_be_bytes().iter().cycle())
            .for_each(|(byte, given)| *byte = *given);
        Ok(())
    }
}

#[test]
fn every_code_is_as_likely_as_every_other() {
    let (tenant, alice) = (TenantId::default(), id("alice"));
    let request = CodeRequest::sms(Holder::new(&tenant, &alice), ManualClock::START);
    let draw = |numbers: Vec<u64>| {
        let codes = OneTimeCodes::new(&secret(3), Unlimited)
            .unwrap()
            .form(CodeForm::new(6, MINUTE).unwrap());
        codes
            .entropy(Numbers(Mutex::new(numbers)))
            .make(request)
            .map(|made| made.code.expose().to_owned())
    };
    // 2^64 is 551 616 above a multiple of a million: what lies there is drawn again.
    let last_fair = u64::MAX - 551_616;
    assert_eq!(draw(vec![last_fair]).unwrap(), "999999");
    assert_eq!(draw(vec![last_fair + 1, 42]).unwrap(), "000042");
    assert_eq!(source_text(&draw(vec![u64::MAX; 8]).unwrap_err()), "the generator repeats itself");
    let failing = codes().entropy(SeededEntropy::failing());
    assert_eq!(failing.make(request).unwrap_err().to_string(), "no randomness");
}
