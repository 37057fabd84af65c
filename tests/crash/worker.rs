//! The process that is killed: a few threads that create, refresh, use, change and revoke.
//!
//! Each thread has sessions of its own, so that what happened to one is known in order; the store
//! commits for all of them together.

use std::{
    io::{self, BufRead, Write},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use session_issuer::{
    Issuer, NewSession, Policy, Refresh, Requirement, Revoke,
    id::SubjectId,
    issuer::Update,
    policy::{AbsoluteLifetime, AccessFormat, Credentials, Spend},
    store::SqliteStore,
    testing::block_on,
    token::TokenKeys,
};

use crate::{Dice, ledger::Known};

/// Far more than any worker spends.
pub(crate) const SPEND: (&str, u64) = ("lease", 1 << 40);

/// The issuer of every worker and of the audit: the same keys over the same file.
pub(crate) fn issuer(file: &Path) -> Issuer {
    let secret: Vec<u8> =
        (0..48_u8).map(|n| n.wrapping_mul(151).rotate_left(u32::from(n % 5))).collect();
    let policy = Policy::default()
        .credentials(Credentials::Pair(AccessFormat::Opaque))
        .absolute_lifetime(AbsoluteLifetime::After(Duration::from_secs(86_400)))
        .idle_timeout(None)
        .access_lifetime(Duration::from_secs(3600));
    let store = SqliteStore::open(file).unwrap_or_else(|error| panic!("{error:?}"));
    Issuer::builder()
        .store(store)
        .token_keys(TokenKeys::new(1, &secret).unwrap())
        .policy(policy)
        .build()
        .unwrap()
}

pub(crate) fn run(file: &Path, name: &str, threads: u32) {
    let (mut known, stop) = (Vec::new(), &AtomicBool::new(false));
    let mut input = io::stdin().lock().lines();
    for line in input.by_ref() {
        match line.unwrap().as_str() {
            "go" => break,
            line => known.push(Known::read(line)),
        }
    }
    let issuer = &issuer(file);
    thread::scope(|scope| {
        for (n, mine) in known.chunks(known.len().div_ceil(threads as usize).max(1)).enumerate() {
            let mine = mine.to_vec();
            scope.spawn(move || Worker::new(issuer, format!("{name}{n}"), mine).work(stop));
        }
        for n in known.len().min(threads as usize)..threads as usize {
            scope.spawn(move || Worker::new(issuer, format!("{name}{n}"), Vec::new()).work(stop));
        }
        // Whoever started this process ends its input to end it.
        assert!(input.next().is_none());
        stop.store(true, Ordering::Relaxed);
    });
}

struct Worker<'a> {
    issuer: &'a Issuer,
    name: String,
    alive: Vec<Known>,
    dice: Dice,
    subjects: u32,
}

impl<'a> Worker<'a> {
    fn new(issuer: &'a Issuer, name: String, alive: Vec<Known>) -> Self {
        let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |seed, byte| {
            (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self { issuer, name, alive, dice: Dice(seed | 1), subjects: 0 }
    }

    fn work(mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let roll = self.dice.below(100);
            let at = match self.alive.len() {
                0 => None,
                many => Some(usize::try_from(self.dice.below(many as u64)).unwrap()),
            };
            match (roll, at) {
                (..30, _) | (_, None) => self.create(),
                (30..60, Some(at)) => self.refresh(at),
                (60..75, Some(at)) => self.spend(at),
                (75..88, Some(at)) => self.change(at),
                (88..97, Some(at)) => self.revoke(at),
                (97.., Some(at)) => self.revoke_all(at),
            }
        }
    }

    /// Says that something begins: from here on it may have happened.
    fn begins(&self, what: &str) {
        say(&format!("? {} {what}", self.name));
    }

    /// Says what was answered: from here on it has happened.
    fn answered(&self, what: &str) {
        say(&format!("! {} {what}", self.name));
    }

    fn create(&mut self) {
        if self.subjects == 0 || self.dice.below(6) == 0 {
            self.subjects += 1;
        }
        let subject = format!("{}-{}", self.name, self.subjects);
        self.begins(&format!("create {subject}"));
        let new = NewSession::for_subject(SubjectId::new(&subject).unwrap());
        let made = block_on(self.issuer.create(new)).unwrap();
        let known = Known {
            id: made.session_id(),
            subject,
            refresh: made.refresh_token().unwrap().to_owned(),
            access: made.token().to_owned(),
            spent: 0,
            change: 0,
        };
        self.answered(&format!("create {known}"));
        self.alive.push(known);
    }

    fn refresh(&mut self, at: usize) {
        let known = &self.alive[at];
        self.begins(&format!("refresh {}", known.id));
        let made = block_on(self.issuer.refresh(Refresh::new(&known.refresh))).unwrap();
        let (refresh, access) = (made.refresh_token().unwrap().to_owned(), made.token().to_owned());
        self.answered(&format!("refresh {} {refresh} {access}", known.id));
        (self.alive[at].refresh, self.alive[at].access) = (refresh, access);
    }

    fn spend(&mut self, at: usize) {
        let id = self.alive[at].id;
        self.begins(&format!("spend {id}"));
        let requirement = Requirement::new().spend(Spend::one(SPEND.0, SPEND.1));
        block_on(self.issuer.check(self.alive[at].access.as_str(), &requirement)).unwrap();
        self.alive[at].spent += 1;
        self.answered(&format!("spend {id} {}", self.alive[at].spent));
    }

    fn change(&mut self, at: usize) {
        let (id, change) = (self.alive[at].id, self.alive[at].change + 1);
        self.begins(&format!("change {id} {change}"));
        let update = Update::as_host(id).metadata("change", change.to_string());
        let _ = block_on(self.issuer.update(update)).unwrap();
        self.alive[at].change = change;
        self.answered(&format!("change {id} {change}"));
    }

    fn revoke(&mut self, at: usize) {
        let id = self.alive[at].id;
        self.begins(&format!("revoke {id}"));
        block_on(self.issuer.revoke(Revoke::session(id))).unwrap();
        self.answered(&format!("revoke {id}"));
        self.alive.swap_remove(at);
    }

    fn revoke_all(&mut self, at: usize) {
        let subject = self.alive[at].subject.clone();
        self.begins(&format!("revoke-all {subject}"));
        block_on(self.issuer.revoke(Revoke::all(SubjectId::new(&subject).unwrap()))).unwrap();
        self.answered(&format!("revoke-all {subject}"));
        self.alive.retain(|known| known.subject != subject);
    }
}

/// One write for one line: a kill cuts at most the last.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0); // nobody listens any more
    }
}
