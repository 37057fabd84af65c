//! Recovery codes: each good once, however it is typed, for its own subject.

use std::{
    collections::HashSet,
    sync::{Arc, Barrier, Mutex},
    thread,
};

use async_trait::async_trait;
use session_issuer::{
    NewSession, Policy, Update,
    error::{ErrorKind, InputField, InvalidInput, Problem},
    factor::{Check, FactorKind},
    id::TenantId,
    secret::WeakKey,
    testing::{ManualClock, SeededEntropy, block_on},
    verifier::{
        Attempt, AttemptLimit, CodeCount, FactorVerifier, Holder, NewRecoveryCodes, Outcome,
        RecoveryCodeStore, RecoveryCodes, SpendRecoveryCode, Unlimited, Verifiers, VerifyError,
    },
};

use crate::{factors::issuer_with, world::*};

/// A table of (tenant, subject, digest).
#[derive(Debug, Default)]
struct Digests(Mutex<HashSet<(String, String, String)>>);

#[async_trait]
impl RecoveryCodeStore for Digests {
    async fn has_codes(&self, holder: Holder<'_>) -> Result<bool, VerifyError> {
        let (tenant, subject, _) = row(holder, "");
        Ok(self.0.lock().unwrap().iter().any(|row| row.0 == tenant && row.1 == subject))
    }

    async fn spend(&self, code: SpendRecoveryCode<'_>) -> Result<bool, VerifyError> {
        Ok(self.0.lock().unwrap().remove(&row(code.holder, code.digest)))
    }
}

fn row(holder: Holder<'_>, digest: &str) -> (String, String, String) {
    (holder.tenant.to_string(), holder.subject.to_string(), digest.to_owned())
}

struct Setup {
    digests: Arc<Digests>,
    codes: RecoveryCodes,
    tenant: TenantId,
}

fn setup() -> Setup {
    let digests = Arc::new(Digests::default());
    let codes = RecoveryCodes::new(&secret(5), Arc::clone(&digests), Unlimited).unwrap();
    Setup { digests, codes: codes.entropy(SeededEntropy::new(5)), tenant: TenantId::default() }
}

impl Setup {
    fn make(&self, subject: &str) -> NewRecoveryCodes {
        let subject = id(subject);
        let holder = Holder::new(&self.tenant, &subject);
        let set = self.codes.make(holder).unwrap();
        self.digests.0.lock().unwrap().extend(set.digests.iter().map(|digest| row(holder, digest)));
        set
    }

    fn try_code(&self, subject: &str, code: &str) -> Outcome {
        let (subject, check) = (id(subject), Check::recovery_code(code).unwrap());
        let attempt = Attempt::new(&self.tenant, Some(&subject), &check, ManualClock::START);
        block_on(self.codes.verify(attempt)).unwrap()
    }
}

#[test]
fn a_recovery_code_is_good_once_however_it_is_typed() {
    let host = setup();
    let set = host.make("alice");
    for (n, typed) in [
        |code: &str| code.to_owned(),
        |code: &str| code.replace('-', ""),
        |code: &str| format!(" {} ", code.replace('-', " ").to_uppercase()),
        |code: &str| code.replace('0', "o").replace('1', "l"),
        |code: &str| code.replace('0', "O").replace('1', "I"),
    ]
    .into_iter()
    .enumerate()
    {
        let code = typed(set.codes[n].expose());
        assert_eq!(host.try_code("alice", &code), Outcome::passed(), "{n}");
        assert_eq!(host.try_code("alice", &code), Outcome::Wrong, "{n}");
    }
    assert_eq!(host.digests.0.lock().unwrap().len(), 5, "five are left");
}

#[test]
fn a_recovery_code_is_good_for_its_own_subject_and_tenant_alone() {
    let mut host = setup();
    let set = host.make("alice");
    let code = set.codes[0].expose();
    assert_eq!(host.try_code("bob", code), Outcome::NotSetUp);
    host.make("bob");
    assert_eq!(host.try_code("bob", code), Outcome::Wrong);
    host.tenant = TenantId::new("other").unwrap();
    host.make("alice");
    assert_eq!(host.try_code("alice", code), Outcome::Wrong);
    // Nor does a digest that was copied from one row to another make a code of somebody else's.
    let bob = id("bob");
    host.digests.0.lock().unwrap().insert(row(Holder::new(&host.tenant, &bob), &set.digests[0]));
    assert_eq!(host.try_code("bob", code), Outcome::Wrong);
    for near_miss in ["", "k7qm-2x9d-04tb", "ikuo", "\u{212a}7qm-2x9d-04tb-w8ze", &"0".repeat(200)]
    {
        if !near_miss.is_empty() {
            assert_eq!(host.try_code("alice", near_miss), Outcome::Wrong);
        }
    }
}

#[test]
fn of_many_who_spend_one_recovery_code_at_once_one_passes() {
    let host = setup();
    let set = host.make("alice");
    let start = Barrier::new(64);
    let outcomes: Vec<_> = thread::scope(|scope| {
        let spend = || {
            start.wait();
            host.try_code("alice", set.codes[0].expose())
        };
        let threads: Vec<_> = (0..64).map(|_| scope.spawn(spend)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::passed()).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Wrong).count(), 63);
}

#[test]
fn a_set_is_random_readable_and_shown_by_nothing() {
    let host = setup();
    let set = host.make("alice");
    let codes: HashSet<_> = set.codes.iter().map(|code| code.expose().to_owned()).collect();
    assert_eq!((codes.len(), set.digests.len()), (10, 10));
    for code in &codes {
        let groups: Vec<_> = code.split('-').collect();
        assert!(groups.len() == 4 && groups.iter().all(|group| group.len() == 4), "{code}");
        assert!(!code.contains(['i', 'l', 'o', 'u']));
        assert!(!format!("{set:?} {:?}", host.codes).contains(code.as_str()));
    }
    let letters: HashSet<char> = codes.iter().flat_map(|code| code.chars()).collect();
    assert!(letters.len() > 28, "{letters:?}");
    let again = host.make("alice");
    assert!(again.codes.iter().all(|code| !codes.contains(code.expose())));
}

#[test]
fn sets_have_as_many_codes_as_asked_and_weak_keys_are_refused() {
    for (count, problem) in [(0, Problem::Zero), (101, Problem::TooMany(100))] {
        let refusal = CodeCount::new(count).unwrap_err();
        assert_eq!(refusal, InvalidInput::new(InputField::RecoveryCodes, problem));
    }
    let (tenant, alice) = (TenantId::default(), id("alice"));
    let set =
        setup().codes.count(CodeCount::new(3).unwrap()).make(Holder::new(&tenant, &alice)).unwrap();
    assert_eq!(set.codes.len(), 3);
    let weak = RecoveryCodes::new(&[0; 32], Digests::default(), Unlimited).unwrap_err();
    assert_eq!(weak, WeakKey::LowEntropy);
    let failing = setup().codes.entropy(SeededEntropy::failing());
    let failed = failing.make(Holder::new(&tenant, &alice)).unwrap_err();
    assert_eq!(failed.to_string(), "no randomness");
}

#[test]
fn a_recovery_code_steps_a_session_up_and_guesses_lock_it() {
    let digests = Arc::new(Digests::default());
    let limit = AttemptLimit::new(2, 15 * MINUTE).unwrap();
    let codes = Arc::new(RecoveryCodes::new(&secret(5), Arc::clone(&digests), limit).unwrap());
    let verifiers = Verifiers::new().recovery_code(Arc::clone(&codes));
    let (issuer, clock) = issuer_with(Policy::zitadel(), verifiers);
    let (tenant, alice) = (TenantId::default(), id("alice"));
    let holder = Holder::new(&tenant, &alice);
    let set = codes.make(holder).unwrap();
    digests.0.lock().unwrap().extend(set.digests.iter().map(|digest| row(holder, digest)));
    let session = block_on(issuer.create(NewSession::for_subject(alice.clone()))).unwrap();
    let spend = |code: &str| {
        let check = Check::recovery_code(code).unwrap();
        block_on(issuer.update(Update::as_host(session.session_id()).check(check)))
    };
    let proved = spend(set.codes[0].expose()).unwrap();
    assert!(
        proved.session().factors().iter().any(|factor| factor.kind() == FactorKind::RecoveryCode)
    );
    refused(spend(set.codes[0].expose()), ErrorKind::CheckFailed);
    refused(spend("nonsense"), ErrorKind::CheckFailed);
    refused(spend(set.codes[1].expose()), ErrorKind::SubjectLocked);
    clock.advance(15 * MINUTE);
    spend(set.codes[1].expose()).unwrap();
}

#[test]
fn guesses_at_codes_that_nobody_has_are_not_counted() {
    let digests = Arc::new(Digests::default());
    let limit = Arc::new(AttemptLimit::new(1, MINUTE).unwrap());
    let codes = RecoveryCodes::new(&secret(5), Arc::clone(&digests), Arc::clone(&limit)).unwrap();
    let (tenant, check) =
        (TenantId::default(), Check::recovery_code("aaaa-bbbb-cccc-dddd").unwrap());
    for n in 0..3 {
        for name in ["mallory", &format!("made-up-{n}")] {
            let subject = id(name);
            let attempt =
                Attempt::new(&tenant, Some(&subject), &check, session_issuer::Timestamp::EPOCH);
            assert_eq!(block_on(codes.verify(attempt)).unwrap(), Outcome::NotSetUp);
        }
    }
    let shown = format!("{limit:?}");
    assert!(!shown.contains("mallory"), "{shown}");
}
