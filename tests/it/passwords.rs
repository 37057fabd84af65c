//! Passwords: right, wrong, unknown, locked, renewed, damaged. The cost is small where strength is
//! not the point.

use std::{
    collections::HashMap,
    error::Error as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use session_issuer::{
    error::ErrorKind,
    factor::Check,
    id::TenantId,
    secret::Secret,
    testing::{ManualClock, SeededEntropy, block_on},
    verifier::{
        Attempt, AttemptLimit, FactorVerifier, Gate, Guess, Holder, InvalidCost, Job, Lockout,
        Offload, Outcome, PasswordCost, PasswordStore, Passwords, Rehash, Unlimited, Verifiers,
        VerifyError,
    },
};

use crate::{lockout::Spy, world::*};

/// A column of hashes, and how it was told of new ones.
#[derive(Debug, Default)]
pub struct Hashes {
    pub table: Mutex<HashMap<String, String>>,
    pub renewed: AtomicUsize,
    pub fails: Mutex<bool>,
}

#[async_trait]
impl PasswordStore for Hashes {
    async fn find(&self, holder: Holder<'_>) -> Result<Option<Secret>, VerifyError> {
        Ok(self
            .table
            .lock()
            .unwrap()
            .get(holder.subject.as_str())
            .map(|hash| Secret::from(hash.as_str())))
    }

    async fn replace(&self, rehash: Rehash<'_>) -> Result<(), VerifyError> {
        self.renewed.fetch_add(1, Ordering::SeqCst);
        if *self.fails.lock().unwrap() {
            return Err(VerifyError::new("read only"));
        }
        let mut table = self.table.lock().unwrap();
        let stored = table.get_mut(rehash.holder.subject.as_str()).unwrap();
        assert_eq!(stored, rehash.old.expose());
        rehash.new.expose().clone_into(stored);
        Ok(())
    }
}

/// Counts jobs; can be told to drop them.
#[derive(Debug, Default)]
pub struct Pool {
    jobs: AtomicUsize,
    drops: bool,
}

#[async_trait]
impl Offload for SharedPool {
    async fn run(&self, job: Job) -> Result<(), VerifyError> {
        self.0.jobs.fetch_add(1, Ordering::SeqCst);
        if !self.0.drops {
            job();
        }
        Ok(())
    }
}

#[derive(Debug, Clone)]
struct SharedPool(Arc<Pool>);

pub fn cheap() -> PasswordCost {
    PasswordCost::new(16, 1, 1).unwrap()
}

struct Setup {
    hashes: Arc<Hashes>,
    pool: Arc<Pool>,
    passwords: Passwords,
    tenant: TenantId,
}

fn setup(cost: PasswordCost, lockout: impl Lockout + 'static) -> Setup {
    let (hashes, pool) = (Arc::new(Hashes::default()), Arc::new(Pool::default()));
    let passwords = Passwords::new(Arc::clone(&hashes), lockout)
        .cost(cost)
        .offload(SharedPool(Arc::clone(&pool)))
        .entropy(SeededEntropy::new(1));
    Setup { hashes, pool, passwords, tenant: TenantId::default() }
}

impl Setup {
    fn sign_up(&self, subject: &str, password: &str) {
        let hash = block_on(self.passwords.hash(password)).unwrap();
        self.store(subject, hash.expose());
        self.pool.jobs.store(0, Ordering::SeqCst);
    }

    fn store(&self, subject: &str, hash: &str) {
        self.hashes.table.lock().unwrap().insert(subject.to_owned(), hash.to_owned());
    }

    fn stored(&self, subject: &str) -> String {
        self.hashes.table.lock().unwrap()[subject].clone()
    }

    fn try_password(&self, subject: Option<&str>, password: &str) -> Result<Outcome, VerifyError> {
        let (subject, check) = (subject.map(id), Check::password(password).unwrap());
        let attempt = Attempt::new(&self.tenant, subject.as_ref(), &check, ManualClock::START);
        block_on(self.passwords.verify(attempt))
    }

    fn jobs(&self) -> usize {
        self.pool.jobs.swap(0, Ordering::SeqCst)
    }
}

#[test]
fn the_default_cost_is_owasps_and_salts_differ() {
    let host = setup(PasswordCost::default(), Unlimited);
    let (one, two) = (
        block_on(host.passwords.hash("hunter2")).unwrap(),
        block_on(host.passwords.hash("hunter2")).unwrap(),
    );
    assert!(one.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", one.expose());
    assert_ne!(one.expose(), two.expose());
    host.store("alice", one.expose());
    assert_eq!(host.try_password(Some("alice"), "hunter2").unwrap(), Outcome::passed());
    assert_eq!(host.try_password(Some("alice"), "hunter3").unwrap(), Outcome::Wrong);
    assert_eq!(host.hashes.renewed.load(Ordering::SeqCst), 0);
}

#[test]
fn hashes_of_the_reference_implementation_are_read() {
    let host = setup(cheap(), Unlimited);
    // phc-winner-argon2, src/test.c, version 0x13.
    for hash in [
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
        "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8",
    ] {
        host.store("alice", hash);
        assert_eq!(
            host.try_password(Some("alice"), "password").unwrap(),
            Outcome::passed(),
            "{hash}"
        );
        host.store("alice", hash);
        assert_eq!(host.try_password(Some("alice"), "Password").unwrap(), Outcome::Wrong, "{hash}");
    }
    assert_eq!(
        host.hashes.renewed.load(Ordering::SeqCst),
        3,
        "8 bytes of salt are short, and argon2i is old"
    );
}

// 130
#[test]
fn every_attempt_costs_one_hash_whoever_it_is_about() {
    let host = setup(cheap(), AttemptLimit::new(1, MINUTE).unwrap());
    host.sign_up("alice", "right");
    assert_eq!((host.try_password(None, "x").unwrap(), host.jobs()), (Outcome::Wrong, 1));
    assert_eq!(
        (host.try_password(Some("carol"), "x").unwrap(), host.jobs()),
        (Outcome::NotSetUp, 1)
    );
    assert_eq!(
        (host.try_password(Some("alice"), "right").unwrap(), host.jobs()),
        (Outcome::passed(), 1)
    );
    assert_eq!((host.try_password(Some("alice"), "x").unwrap(), host.jobs()), (Outcome::Wrong, 1));
    assert_eq!(
        (host.try_password(Some("alice"), "right").unwrap(), host.jobs()),
        (Outcome::Locked, 1)
    );
}

#[test]
fn through_the_router_an_unknown_subject_costs_a_hash_too() {
    let Setup { pool, passwords, tenant, .. } = setup(cheap(), Unlimited);
    let verifiers = Verifiers::new().password(passwords);
    let check = Check::password("x").unwrap();
    let attempt = Attempt::new(&tenant, None, &check, ManualClock::START);
    assert_eq!(block_on(verifiers.verify(attempt)).unwrap(), Outcome::Wrong);
    assert_eq!(pool.jobs.load(Ordering::SeqCst), 1);
}

// 89
#[test]
fn after_two_wrong_passwords_the_third_attempt_is_locked() {
    let host = setup(cheap(), AttemptLimit::new(2, MINUTE).unwrap());
    host.sign_up("alice", "right");
    let outcomes: Vec<_> = ["x", "y", "right"]
        .iter()
        .map(|given| host.try_password(Some("alice"), given).unwrap())
        .collect();
    assert_eq!(outcomes, [Outcome::Wrong, Outcome::Wrong, Outcome::Locked]);
}

// 90
#[test]
fn a_lock_that_falls_while_the_hash_is_computed_refuses_the_right_password() {
    /// While a hash is computed, somebody else's wrong guess fills the count.
    #[derive(Debug)]
    struct Meanwhile(Arc<AttemptLimit>);

    #[async_trait]
    impl Offload for Meanwhile {
        async fn run(&self, job: Job) -> Result<(), VerifyError> {
            let (tenant, alice) = (TenantId::default(), id("alice"));
            let holder = Holder::new(&tenant, &alice);
            let guess = Guess::new(
                holder,
                session_issuer::factor::FactorKind::Password,
                ManualClock::START,
            );
            for _ in 0..2 {
                if self.0.begin(guess).await? == Gate::Open {
                    self.0.wrong(guess).await?;
                }
            }
            // The attempt in flight holds the last place; one from before has yet to report.
            self.0.wrong(guess).await?;
            job();
            Ok(())
        }
    }

    let lockout = Arc::new(AttemptLimit::new(2, MINUTE).unwrap());
    let host = setup(cheap(), Arc::clone(&lockout));
    host.sign_up("alice", "right");
    let passwords = Passwords::new(Arc::clone(&host.hashes), Arc::clone(&lockout))
        .cost(cheap())
        .offload(Meanwhile(lockout));
    let host = Setup { passwords, ..host };
    assert_eq!(host.try_password(Some("alice"), "right").unwrap(), Outcome::Locked);
    assert_eq!(host.hashes.renewed.load(Ordering::SeqCst), 0);
}

#[test]
fn a_hash_of_an_older_cost_is_renewed_by_the_next_good_login() {
    let old = setup(cheap(), Unlimited);
    old.sign_up("alice", "right");
    let weak = old.stored("alice");
    let host = setup(PasswordCost::new(32, 1, 1).unwrap(), Unlimited);
    host.store("alice", &weak);
    assert_eq!(host.try_password(Some("alice"), "wrong").unwrap(), Outcome::Wrong);
    assert_eq!((host.stored("alice"), host.jobs()), (weak.clone(), 1));
    *host.hashes.fails.lock().unwrap() = true;
    assert_eq!(host.try_password(Some("alice"), "right").unwrap(), Outcome::passed());
    assert_eq!(host.stored("alice"), weak, "a store that fails does not fail the login");
    *host.hashes.fails.lock().unwrap() = false;
    assert_eq!(host.try_password(Some("alice"), "right").unwrap(), Outcome::passed());
    assert!(host.stored("alice").starts_with("$argon2id$v=19$m=32,t=1,p=1$"));
    assert_eq!(host.try_password(Some("alice"), "right").unwrap(), Outcome::passed());
    assert_eq!(host.hashes.renewed.load(Ordering::SeqCst), 2, "and then no more");
    // A stronger one than today's is left as it is.
    let cheaper = setup(cheap(), Unlimited);
    cheaper.store("alice", &host.stored("alice"));
    assert_eq!(cheaper.try_password(Some("alice"), "right").unwrap(), Outcome::passed());
    assert_eq!(cheaper.hashes.renewed.load(Ordering::SeqCst), 0);
}

#[test]
fn a_login_does_not_fail_for_want_of_a_new_salt() {
    let host = setup(cheap(), Unlimited);
    host.sign_up("alice", "right");
    let passwords = Passwords::new(Arc::clone(&host.hashes), Unlimited)
        .cost(PasswordCost::new(16, 2, 1).unwrap())
        .entropy(SeededEntropy::failing());
    refused(block_on(passwords.hash("new")), ErrorKind::Unavailable);
    let host = Setup { passwords, ..host };
    assert_eq!(host.try_password(Some("alice"), "right").unwrap(), Outcome::passed());
}

#[test]
fn a_stored_hash_that_is_damaged_or_absurd_is_a_fault_and_costs_no_attempt() {
    let spy = Arc::new(Spy::default());
    let host = setup(cheap(), Arc::clone(&spy));
    host.sign_up("alice", "right");
    let good = host.stored("alice");
    let cut = &good[..good.rfind('$').unwrap()];
    let with = |cost: &str| good.replace("m=16,t=1,p=1", cost);
    const OTHER: Option<InvalidCost> = None;
    for (hash, expected) in [
        ("", OTHER),
        ("right", OTHER),
        ("$2b$12$abcdefghijklmnopqrstuuWq8kVVv0GtJXb1rZbRk3cZ3Xo3JmCoe", OTHER),
        (cut, OTHER),
        (&good[..good.len() - 1], OTHER),
        (&good.replace("argon2id", "argon2x"), OTHER),
        (&good.replace("v=19", "v=18"), OTHER),
        (&with("m=4294967295,t=1,p=1"), Some(InvalidCost::Memory)),
        (&with("m=262145,t=1,p=1"), Some(InvalidCost::Memory)),
        (&with("m=16,t=4294967295,p=1"), Some(InvalidCost::Passes)),
        (&with("m=16,t=17,p=1"), Some(InvalidCost::Passes)),
        (&with("m=16,t=0,p=1"), OTHER),
        (&with("m=256,t=1,p=17"), Some(InvalidCost::Lanes)),
        (&with("m=16,t=1,p=16777215"), OTHER),
        (&with("m=7,t=1,p=1"), OTHER),
        (&format!("{good}$more"), OTHER),
    ] {
        host.store("alice", hash);
        let fault = host.try_password(Some("alice"), "right").unwrap_err();
        let cost = fault.source().unwrap().downcast_ref::<InvalidCost>().copied();
        assert_eq!(cost, expected, "{hash}: {:?}", fault.source());
        assert_eq!(host.stored("alice"), hash, "and it stays as it is");
    }
    assert_eq!((host.jobs(), spy.asked.load(Ordering::SeqCst)), (0, 0));
}

#[test]
fn costs_out_of_bounds_are_refused_by_name() {
    for (memory_kib, passes, lanes, part) in [
        (7, 2, 1, InvalidCost::Memory),
        (256 * 1024 + 1, 2, 1, InvalidCost::Memory),
        (23, 1, 3, InvalidCost::Memory), // 8 KiB a lane
        (19_456, 0, 1, InvalidCost::Passes),
        (19_456, 17, 1, InvalidCost::Passes),
        (19_456, 2, 0, InvalidCost::Lanes),
        (19_456, 2, 17, InvalidCost::Lanes),
    ] {
        assert_eq!(
            PasswordCost::new(memory_kib, passes, lanes),
            Err(part),
            "{memory_kib}, {passes}, {lanes}"
        );
    }
    assert_eq!(PasswordCost::new(19_456, 2, 1), Ok(PasswordCost::default()));
    PasswordCost::new(256 * 1024, 16, 16).unwrap();
}

#[test]
fn a_pool_that_drops_its_job_is_a_fault() {
    let host = setup(cheap(), Unlimited);
    host.sign_up("alice", "right");
    let drops = SharedPool(Arc::new(Pool { drops: true, ..Pool::default() }));
    let passwords =
        Passwords::new(Arc::clone(&host.hashes), Unlimited).cost(cheap()).offload(drops);
    refused(block_on(passwords.hash("new")), ErrorKind::Unavailable);
    let host = Setup { passwords, ..host };
    for subject in [Some("alice"), Some("carol"), None] {
        let fault = host.try_password(subject, "right").unwrap_err();
        assert_eq!(source_text(&fault), "a hash was not computed: its job panicked or was dropped");
    }
}

// 129
#[test]
fn a_password_that_could_never_log_in_is_not_hashed() {
    let host = setup(cheap(), Unlimited);
    assert!(block_on(host.passwords.hash("")).unwrap_err().invalid_input().is_some());
    assert!(block_on(host.passwords.hash(&"x".repeat(201))).unwrap_err().invalid_input().is_some());
}

#[test]
fn the_bytes_of_a_password_are_kept_as_given() {
    let host = setup(cheap(), Unlimited);
    let longest = "\u{1F511}".repeat(200);
    for (password, other) in
        [("caf\u{e9}", "cafe\u{301}"), (" x ", "x"), (longest.as_str(), &longest[..796])]
    {
        host.sign_up("alice", password);
        assert_eq!(host.try_password(Some("alice"), password).unwrap(), Outcome::passed());
        assert_eq!(host.try_password(Some("alice"), other).unwrap(), Outcome::Wrong);
    }
}

#[test]
fn nothing_about_passwords_shows_a_password_or_a_hash() {
    let host = setup(cheap(), Unlimited);
    host.sign_up("alice", "marker-in-a-password");
    let hash = block_on(host.passwords.hash("marker-in-a-password")).unwrap();
    host.store("bob", "$argon2id$marker-in-a-hash");
    let fault = host.try_password(Some("bob"), "marker-in-a-password").unwrap_err();
    let shown = format!("{:?} {hash:?} {fault:?} {fault}", host.passwords);
    assert!(!shown.contains("marker") && !shown.contains("$argon2"), "{shown}");
}
