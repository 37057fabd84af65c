//! Codes from an authenticator app: the vectors of RFC 6238, drift, replay, enrolment.

use std::{
    collections::HashMap,
    sync::{Arc, Barrier, Mutex, atomic::Ordering},
    thread,
    time::Duration,
};

use async_trait::async_trait;
use session_issuer::{
    Timestamp,
    entropy::SystemEntropy,
    error::{InputField, InvalidInput, Problem},
    factor::Check,
    id::TenantId,
    secret::WeakKey,
    testing::{ManualClock, SeededEntropy, block_on},
    verifier::{
        Attempt, AttemptLimit, Drift, FactorVerifier, Holder, Lockout, Outcome, Totp, TotpFactor,
        TotpLabel, TotpSecret, TotpStore, Unlimited, UseStep, VerifyError,
    },
};

use crate::{lockout::Spy, world::*};

/// The secret of RFC 6238, appendix B.
const RFC_SECRET: &[u8] = b"12345678901234567890";

/// A table of authenticators.
#[derive(Debug, Default)]
pub struct Apps(pub Mutex<HashMap<String, App>>);

#[derive(Debug, Clone, Default)]
pub struct App {
    pub secret: Vec<u8>,
    pub confirmed: bool,
    pub used: Option<u64>,
}

impl Apps {
    pub fn enrol(&self, subject: &str, secret: &[u8], confirmed: bool) {
        let app = App { secret: secret.to_vec(), confirmed, used: None };
        self.0.lock().unwrap().insert(subject.to_owned(), app);
    }
}

#[async_trait]
impl TotpStore for Apps {
    async fn find(&self, holder: Holder<'_>) -> Result<Option<TotpFactor>, VerifyError> {
        let table = self.0.lock().unwrap();
        let Some(app) = table.get(holder.subject.as_str()) else { return Ok(None) };
        let secret = TotpSecret::from_bytes(&app.secret).map_err(VerifyError::new)?;
        Ok(Some(match app.confirmed {
            true => TotpFactor::Confirmed(secret),
            false => TotpFactor::Unconfirmed(secret),
        }))
    }

    async fn use_step(&self, step: UseStep<'_>) -> Result<bool, VerifyError> {
        let mut table = self.0.lock().unwrap();
        let app = table.get_mut(step.holder.subject.as_str()).unwrap();
        let later = app.used.is_none_or(|used| step.step > used);
        if later {
            app.used = Some(step.step);
        }
        Ok(later)
    }
}

/// The code that an app shows at this time.
pub fn code_at(secret: &[u8], at: Timestamp) -> String {
    code_of(secret, u64::try_from(at.as_secs()).unwrap() / 30)
}

fn code_of(secret: &[u8], step: u64) -> String {
    let app = totp_rs::Builder::new().with_secret(secret).build_noncompliant();
    app.generate(step * 30).to_string()
}

struct Setup {
    apps: Arc<Apps>,
    totp: Totp,
    tenant: TenantId,
}

fn setup(lockout: impl Lockout + 'static) -> Setup {
    let apps = Arc::new(Apps::default());
    apps.enrol("alice", RFC_SECRET, true);
    Setup { totp: Totp::new(Arc::clone(&apps), lockout), apps, tenant: TenantId::default() }
}

impl Setup {
    fn try_code(
        &self,
        subject: Option<&str>,
        code: &str,
        now: Timestamp,
    ) -> Result<Outcome, VerifyError> {
        let (subject, check) = (subject.map(id), Check::totp(code).unwrap());
        block_on(self.totp.verify(Attempt::new(&self.tenant, subject.as_ref(), &check, now)))
    }

    fn alice(&self, code: &str, now: Timestamp) -> Outcome {
        self.try_code(Some("alice"), code, now).unwrap()
    }
}

#[test]
fn the_vectors_of_the_standard_pass_at_their_second() {
    // RFC 6238, appendix B, SHA-1: the last 6 of the 8 digits.
    for (secs, code) in [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ] {
        let host = setup(Unlimited);
        assert_eq!(host.alice(code, Timestamp::from_secs(secs)), Outcome::passed(), "{secs}");
    }
}

#[test]
fn a_code_is_good_one_step_early_and_late_to_the_exact_second_and_no_longer() {
    let millisecond = Duration::from_millis(1);
    let begins = Timestamp::from_secs(1_767_225_600); // a multiple of 30
    let code = code_at(RFC_SECRET, begins);
    for (drift, early, late) in
        [(Drift::None, 0, 30), (Drift::OneStep, 30, 60), (Drift::TwoSteps, 60, 90)]
    {
        let first = begins.saturating_sub(Duration::from_secs(early));
        let end = begins.saturating_add(Duration::from_secs(late));
        for (now, expected) in [
            (first.saturating_sub(millisecond), Outcome::Wrong),
            (first, Outcome::passed()),
            (begins, Outcome::passed()),
            (end.saturating_sub(millisecond), Outcome::passed()),
            (end, Outcome::Wrong),
        ] {
            let mut host = setup(Unlimited);
            host.totp = Totp::new(Arc::clone(&host.apps), Unlimited).drift(drift);
            assert_eq!(host.alice(&code, now), expected, "{drift:?}, {now}");
        }
    }
}

#[test]
fn at_the_ends_of_time_nothing_breaks() {
    let host = setup(Unlimited);
    for now in [
        Timestamp::EPOCH,
        Timestamp::from_secs(-1),
        Timestamp::from_millis(i64::MIN),
        Timestamp::MAX,
    ] {
        assert_eq!(host.alice("000000", now), Outcome::Wrong, "{now}");
    }
    assert_eq!(host.alice(&code_of(RFC_SECRET, 0), Timestamp::EPOCH), Outcome::passed());
}

#[test]
fn a_step_is_used_once_and_an_older_one_never_again() {
    let host = setup(Unlimited);
    let now = ManualClock::START;
    let (older, newer) =
        (code_at(RFC_SECRET, now), code_at(RFC_SECRET, now.saturating_add(30 * SECOND)));
    assert_eq!(host.alice(&newer, now), Outcome::passed(), "an app that runs ahead");
    assert_eq!(host.alice(&newer, now), Outcome::Wrong);
    assert_eq!(
        host.alice(&newer, now.saturating_add(45 * SECOND)),
        Outcome::Wrong,
        "still inside the drift"
    );
    assert_eq!(host.alice(&older, now), Outcome::Wrong);
    let next = now.saturating_add(60 * SECOND);
    assert_eq!(host.alice(&code_at(RFC_SECRET, next), next), Outcome::passed());
}

#[test]
fn of_many_who_use_one_code_at_once_one_passes() {
    let host = setup(Unlimited);
    let code = code_at(RFC_SECRET, ManualClock::START);
    let start = Barrier::new(64);
    let outcomes: Vec<_> = thread::scope(|scope| {
        let login = || {
            start.wait();
            host.alice(&code, ManualClock::START)
        };
        let threads: Vec<_> = (0..64).map(|_| scope.spawn(login)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::passed()).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Wrong).count(), 63);
}

// 98
#[test]
fn each_state_of_an_authenticator_has_its_answer() {
    let spy = Arc::new(Spy::default());
    let host = setup(Arc::clone(&spy));
    host.apps.enrol("bob", RFC_SECRET, false);
    host.apps.enrol("eve", b"too short", true);
    let now = ManualClock::START;
    let code = code_at(RFC_SECRET, now);
    assert_eq!(host.try_code(None, &code, now).unwrap(), Outcome::Wrong);
    assert_eq!(host.try_code(Some("carol"), &code, now).unwrap(), Outcome::NotSetUp);
    assert_eq!(host.try_code(Some("bob"), &code, now).unwrap(), Outcome::NotReady);
    let fault = host.try_code(Some("eve"), &code, now).unwrap_err();
    assert_eq!(source_text(&fault), WeakKey::TooShort(16).to_string());
    assert_eq!(spy.asked.load(Ordering::SeqCst), 0, "none of these was judged");
    let next = code_at(RFC_SECRET, now.saturating_add(5 * MINUTE));
    assert_eq!(host.alice(&next, now), Outcome::Wrong);
    assert_eq!(host.alice(&code, now), Outcome::passed());
}

// 98
#[test]
fn wrong_codes_lock_the_right_one_out() {
    let host = setup(AttemptLimit::new(2, MINUTE).unwrap());
    let now = ManualClock::START;
    let code = code_at(RFC_SECRET, now);
    let other = code_at(RFC_SECRET, now.saturating_add(5 * MINUTE));
    assert_eq!(host.alice(&other, now), Outcome::Wrong);
    assert_eq!(host.alice(&other, now), Outcome::Wrong);
    assert_eq!(host.alice(&code, now), Outcome::Locked);
    assert!(host.apps.0.lock().unwrap()["alice"].used.is_none(), "and its step was not used up");
}

#[test]
fn an_app_is_enrolled_by_its_first_code_which_is_then_used_up() {
    let host = setup(Unlimited);
    let secret = TotpSecret::generate(&SystemEntropy).unwrap();
    host.apps.enrol("bob", secret.expose(), false);
    let (bob, now) = (id("bob"), ManualClock::START);
    let code = code_at(secret.expose(), now);
    let confirm = |code: &str| {
        let check = Check::totp(code).unwrap();
        block_on(host.totp.confirm(Attempt::new(&host.tenant, Some(&bob), &check, now))).unwrap()
    };
    let other = code_at(secret.expose(), now.saturating_add(5 * MINUTE));
    assert_eq!(confirm(&other), Outcome::Wrong);
    assert_eq!(confirm(&code), Outcome::passed());
    host.apps.0.lock().unwrap().get_mut("bob").unwrap().confirmed = true;
    assert_eq!(host.try_code(Some("bob"), &code, now).unwrap(), Outcome::Wrong, "a replay");
    let later = now.saturating_add(30 * SECOND);
    let next = code_at(secret.expose(), later);
    assert_eq!(host.try_code(Some("bob"), &next, later).unwrap(), Outcome::passed());
}

#[test]
fn secrets_have_the_length_of_the_standard_and_show_nothing() {
    assert_eq!(TotpSecret::from_bytes(&[1; 15]).unwrap_err(), WeakKey::TooShort(16));
    assert_eq!(TotpSecret::from_bytes(&[1; 513]).unwrap_err(), WeakKey::TooLong);
    assert_eq!(TotpSecret::from_bytes(&[1; 16]).unwrap().expose(), [1; 16]);
    let secret = TotpSecret::generate(&SeededEntropy::new(9)).unwrap();
    assert_eq!(secret.expose().len(), 20);
    let failed = TotpSecret::generate(&SeededEntropy::failing()).unwrap_err();
    assert_eq!(failed.to_string(), "no randomness");
    let known = TotpSecret::from_bytes(RFC_SECRET).unwrap();
    assert_eq!(known.base32().expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    let host = setup(Unlimited);
    let uri = known.uri(TotpLabel { issuer: "x", account: "y" }).unwrap();
    let shown = format!("{known:?} {:?} {uri:?} {:?}", known.base32(), host.totp)
        + &format!("{:?}", TotpFactor::Confirmed(known));
    assert!(
        !shown.contains("GEZD") && !shown.contains("12345678") && !shown.contains("49, 50"),
        "{shown}"
    );
}

#[test]
fn the_uri_escapes_what_a_label_may_hold_and_refuses_what_it_may_not() {
    let secret = TotpSecret::from_bytes(RFC_SECRET).unwrap();
    let uri = secret
        .uri(TotpLabel { issuer: "Big & Co/\u{e9}", account: "alice+1@example.com?secret=x#" });
    assert_eq!(
        uri.unwrap().expose(),
        "otpauth://totp/Big%20%26%20Co%2F%C3%A9:alice%2B1%40example.com%3Fsecret%3Dx%23\
         ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Big%20%26%20Co%2F%C3%A9\
         &algorithm=SHA1&digits=6&period=30"
    );
    for (issuer, account, field, problem) in [
        ("", "a", InputField::LabelIssuer, Problem::Empty),
        ("a", "", InputField::Account, Problem::Empty),
        ("a:b", "c", InputField::LabelIssuer, Problem::Malformed),
        ("a", "b:c", InputField::Account, Problem::Malformed),
        ("a\n", "b", InputField::LabelIssuer, Problem::ControlCharacter),
        ("a", &"x".repeat(201), InputField::Account, Problem::TooLong(200)),
    ] {
        let refusal = secret.uri(TotpLabel { issuer, account }).unwrap_err();
        assert_eq!(refusal, InvalidInput::new(field, problem), "{issuer:?} {account:?}");
    }
}
