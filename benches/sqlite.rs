//! Prints what a session costs on disk and in time, beside plain `rusqlite` doing the least that
//! could be done.
//!
//! ```text
//! cargo bench --features sqlite,testing --bench sqlite [-- sessions]
//! ```
//!
//! Every number of ours is of the whole call of an [`Issuer`]: token, MAC, policy, store. The plain
//! side has one table with a primary key and two indexes, the same pragmas, rows as long as ours,
//! and no sessions in it: no epochs, no caps, no log. Both write with `synchronous=FULL`. Nothing
//! here is asserted.

#![allow(clippy::disallowed_methods, reason = "what is measured is the time")]
#![allow(clippy::indexing_slicing, reason = "a bench that is wrong may stop")]

use std::{
    env,
    error::Error,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, params};
use session_issuer::{
    Issuer, NewSession, Policy, Refresh, Requirement,
    client::ClientInfo,
    id::SubjectId,
    policy::{AbsoluteLifetime, AccessFormat, Credentials, Noting},
    store::SqliteStore,
    testing::ManualClock,
    token::TokenKeys,
};
use tokio::runtime::Runtime;

/// 111 characters.
const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";
const TASKS: usize = 64;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome {
    // Cargo adds `--bench`.
    let number = env::args().skip(1).find(|text| !text.starts_with("--")).map(|text| text.parse());
    let sessions: usize = number.transpose()?.unwrap_or(100_000);
    let folder = tempfile::tempdir()?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;

    let clock = ManualClock::new();
    let file = folder.path().join("ours.db");
    let issuer = issuer(&file, &clock)?;
    println!("{sessions} sessions, {TASKS} tasks on two threads, synchronous=FULL\n");

    let begun = Instant::now();
    let pairs = create(&runtime, &issuer, &clock, sessions)?;
    let ours = rate(sessions, begun.elapsed());
    drop(issuer);
    let bytes = fs::metadata(&file)?.len();
    let issuer = self::issuer(&file, &clock)?;
    let mut plain = Plain::open(&folder.path().join("plain.db"))?;
    let row = usize::try_from(bytes)? / sessions * 2 / 3;
    let grouped = plain.insert_in_groups(sessions, row)?;
    println!(
        "create, {TASKS} at once      {ours:>9.0}/s   plain in groups of {TASKS} {grouped:>9.0}/s   {:.2}x of it",
        ours / grouped
    );

    let reads = 200_000.min(sessions * 4);
    let ours = rate(reads, check(&runtime, &issuer, &pairs, reads)?);
    let raw = plain.read(reads)?;
    println!(
        "check, one at a time      {ours:>9.0}/s   plain get {raw:>23.0}/s   {:.2} of its time",
        raw / ours
    );
    println!("                          {:>9.2} us  plain get {:>23.2} us", 1e6 / ours, 1e6 / raw);

    let alone = 2_000.min(sessions);
    let begun = Instant::now();
    let _ = runtime.block_on(create_some(issuer.clone(), clock.clone(), usize::MAX / 2, alone))?;
    let ours = rate(alone, begun.elapsed());
    let single = plain.insert_alone(alone, row)?;
    println!(
        "create, one at a time     {ours:>9.0}/s   plain {single:>27.0}/s   {:.2}x of it",
        ours / single
    );

    let begun = Instant::now();
    create(&runtime, &issuer, &clock, sessions)?;
    let again = rate(sessions, begun.elapsed());
    println!(
        "create, of known subjects {again:>9.0}/s   plain in groups of {TASKS} {grouped:>9.0}/s   {:.2}x of it",
        again / grouped
    );

    let (refreshes, pairs) = refresh(&runtime, &issuer, pairs, 20_000.min(sessions))?;
    let updated = plain.update_in_groups(20_000.min(sessions), row)?;
    println!(
        "refresh, {TASKS} at once     {refreshes:>9.0}/s   plain in groups of {TASKS} {updated:>9.0}/s   {:.2}x of it",
        refreshes / updated
    );
    println!(
        "on disk                   {:>9} bytes a session, agent and address in it",
        bytes / sessions as u64
    );

    stalls(&runtime, &issuer, &clock, &pairs)
}

fn issuer(file: &Path, clock: &ManualClock) -> Outcome<Issuer> {
    let policy = Policy::default()
        .credentials(Credentials::Pair(AccessFormat::Opaque))
        .absolute_lifetime(AbsoluteLifetime::After(Duration::from_secs(86_400)));
    let secret: Vec<u8> =
        (0..48_u8).map(|n| n.wrapping_mul(151).rotate_left(u32::from(n % 5))).collect();
    Ok(Issuer::builder()
        .store(SqliteStore::open(file)?)
        .token_keys(TokenKeys::new(1, &secret)?)
        .clock(clock.clone())
        .policy(policy)
        .build()?)
}

#[derive(Clone)]
struct Tokens {
    access: String,
    refresh: String,
}

fn create(
    runtime: &Runtime,
    issuer: &Issuer,
    clock: &ManualClock,
    many: usize,
) -> Outcome<Vec<Tokens>> {
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let each = many / TASKS + usize::from(task < many % TASKS);
            runtime.spawn(create_some(issuer.clone(), clock.clone(), task * many, each))
        })
        .collect();
    let mut all = Vec::with_capacity(many);
    for task in tasks {
        all.extend(runtime.block_on(task)??);
    }
    Ok(all)
}

/// Ten creations a millisecond.
async fn create_some(
    issuer: Issuer,
    clock: ManualClock,
    from: usize,
    many: usize,
) -> Outcome<Vec<Tokens>> {
    let mut made = Vec::with_capacity(many);
    for n in 0..many {
        if n % 10 == 9 {
            clock.advance(Duration::from_millis(1));
        }
        let client = ClientInfo::new().with_user_agent(AGENT).with_ip([192, 0, 2, 7].into());
        let new =
            NewSession::for_subject(SubjectId::new(format!("user-{}", from + n))?).client(client);
        let issued = issuer.create(new).await?;
        made.push(Tokens {
            access: issued.token().to_owned(),
            refresh: issued.refresh_token().unwrap_or_default().to_owned(),
        });
    }
    Ok(made)
}

fn check(runtime: &Runtime, issuer: &Issuer, pairs: &[Tokens], many: usize) -> Outcome<Duration> {
    let (begun, mut dice) = (Instant::now(), Dice(7));
    runtime.block_on(async {
        for _ in 0..many {
            let tokens = &pairs[dice.below(pairs.len())];
            issuer
                .check(tokens.access.as_str(), &Requirement::new().noting(Noting::ArrivalOnly))
                .await?;
        }
        Ok(begun.elapsed())
    })
}

fn refresh(
    runtime: &Runtime,
    issuer: &Issuer,
    mut pairs: Vec<Tokens>,
    many: usize,
) -> Outcome<(f64, Vec<Tokens>)> {
    let chunk = many / TASKS;
    let rest = pairs.split_off(chunk * TASKS);
    let begun = Instant::now();
    let tasks: Vec<_> = pairs
        .chunks(chunk)
        .map(|mine| {
            let (issuer, mut mine) = (issuer.clone(), mine.to_vec());
            runtime.spawn(async move {
                for tokens in &mut mine {
                    let issued = issuer.refresh(Refresh::new(&tokens.refresh)).await?;
                    tokens.access = issued.token().to_owned();
                    tokens.refresh = issued.refresh_token().unwrap_or_default().to_owned();
                }
                Outcome::Ok(mine)
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(runtime.block_on(task)??);
    }
    let took = begun.elapsed();
    all.extend(rest);
    Ok((rate(chunk * TASKS, took), all))
}

/// What others wait for while what ended is removed: first nobody sweeps, then somebody does.
fn stalls(runtime: &Runtime, issuer: &Issuer, clock: &ManualClock, dead: &[Tokens]) -> Outcome {
    clock.advance(Duration::from_secs(4 * 86_400));
    let live = create(runtime, issuer, clock, 2_000)?;
    println!(
        "\nthe slowest and the 99.9th percentile of calls beside the removal of {} sessions",
        dead.len()
    );
    let quiet = traffic(runtime, issuer, live, None)?;
    println!("nobody sweeps             {quiet}");
    let live = create(runtime, issuer, clock, 2_000)?;
    let swept = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let busy = traffic(runtime, issuer, live, Some(Arc::clone(&swept)))?;
    println!("swept 500 at a time       {busy}");
    println!("{} removed in {:.1} s", swept.load(Ordering::Relaxed), begun.elapsed().as_secs_f64());
    Ok(())
}

fn traffic(
    runtime: &Runtime,
    issuer: &Issuer,
    live: Vec<Tokens>,
    sweep: Option<Arc<AtomicU64>>,
) -> Outcome<String> {
    let stop = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = live
        .chunks(live.len() / 8)
        .map(|mine| {
            let (issuer, mut mine, stop) = (issuer.clone(), mine.to_vec(), Arc::clone(&stop));
            runtime.spawn(async move {
                let (mut checks, mut refreshes, mut dice) = (Vec::new(), Vec::new(), Dice(11));
                while !stop.load(Ordering::Relaxed) {
                    let at = dice.below(mine.len());
                    let tokens = &mut mine[at];
                    let begun = Instant::now();
                    issuer.check(tokens.access.as_str(), &Requirement::new()).await?;
                    checks.push(begun.elapsed());
                    if dice.below(4) == 0 {
                        let begun = Instant::now();
                        let issued = issuer.refresh(Refresh::new(&tokens.refresh)).await?;
                        refreshes.push(begun.elapsed());
                        tokens.access = issued.token().to_owned();
                        tokens.refresh = issued.refresh_token().unwrap_or_default().to_owned();
                    }
                    tokio::task::yield_now().await;
                }
                Outcome::Ok((checks, refreshes))
            })
        })
        .collect();
    runtime.block_on(async {
        match sweep {
            None => tokio::time::sleep(Duration::from_secs(5)).await,
            Some(swept) => loop {
                let report = issuer.sweep(500).await?;
                swept.fetch_add(report.removed as u64, Ordering::Relaxed);
                if !report.more {
                    break;
                }
                tokio::task::yield_now().await;
            },
        }
        stop.store(true, Ordering::Relaxed);
        let (mut checks, mut refreshes) = (Vec::new(), Vec::new());
        for task in tasks {
            let (some_checks, some_refreshes) = task.await??;
            checks.extend(some_checks);
            refreshes.extend(some_refreshes);
        }
        Ok(format!("check {}   refresh {}", worst(checks), worst(refreshes)))
    })
}

fn worst(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let ms = |at: usize| times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3);
    let many = times.len();
    format!(
        "{:.2} ms, {:.2} ms ({many} calls)",
        ms(many.saturating_sub(1)),
        ms(many - 1 - many / 1000)
    )
}

/// The least that could be done.
struct Plain {
    file: Connection,
    inserted: usize,
}

impl Plain {
    fn open(path: &Path) -> Outcome<Self> {
        let file = Connection::open(path)?;
        file.pragma_update(None, "journal_mode", "WAL")?;
        file.pragma_update(None, "synchronous", "FULL")?;
        file.execute_batch(
            "CREATE TABLE plain (id TEXT PRIMARY KEY, subject TEXT NOT NULL, purge INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
             CREATE INDEX plain_subject ON plain (subject);
             CREATE INDEX plain_purge ON plain (purge);",
        )?;
        Ok(Self { file, inserted: 0 })
    }

    fn insert(&mut self, row: usize) -> Outcome {
        let n = self.inserted;
        let mut insert = self.file.prepare_cached("INSERT INTO plain VALUES (?, ?, ?, ?)")?;
        insert.execute(params![id(n), format!("user-{n}"), i64::try_from(n)?, vec![b'x'; row]])?;
        self.inserted += 1;
        Ok(())
    }

    fn insert_in_groups(&mut self, many: usize, row: usize) -> Outcome<f64> {
        let begun = Instant::now();
        for _ in 0..many / TASKS {
            self.file.execute_batch("BEGIN IMMEDIATE")?;
            for _ in 0..TASKS {
                self.insert(row)?;
            }
            self.file.execute_batch("COMMIT")?;
        }
        Ok(rate(many, begun.elapsed()))
    }

    fn insert_alone(&mut self, many: usize, row: usize) -> Outcome<f64> {
        let begun = Instant::now();
        for _ in 0..many {
            self.insert(row)?;
        }
        Ok(rate(many, begun.elapsed()))
    }

    fn read(&self, many: usize) -> Outcome<f64> {
        let (begun, mut dice) = (Instant::now(), Dice(7));
        let mut bytes = 0;
        for _ in 0..many {
            let mut read = self.file.prepare_cached("SELECT body FROM plain WHERE id = ?")?;
            let body: Vec<u8> =
                read.query_row([id(dice.below(self.inserted))], |row| row.get(0))?;
            bytes += body.len();
        }
        std::hint::black_box(bytes);
        Ok(rate(many, begun.elapsed()))
    }

    fn update_in_groups(&self, many: usize, row: usize) -> Outcome<f64> {
        let begun = Instant::now();
        for group in 0..many / TASKS {
            self.file.execute_batch("BEGIN IMMEDIATE")?;
            for n in 0..TASKS {
                let mut update =
                    self.file.prepare_cached("UPDATE plain SET body = ? WHERE id = ?")?;
                update.execute(params![vec![b'y'; row], id(group * TASKS + n)])?;
            }
            self.file.execute_batch("COMMIT")?;
        }
        Ok(rate(many, begun.elapsed()))
    }
}

/// As long as ours, and as much in order.
fn id(n: usize) -> String {
    let scattered = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!(
        "01976c4c-{:04x}-7{:03x}-8{:03x}-{:012x}",
        n >> 12 & 0xffff,
        n & 0xfff,
        scattered >> 52,
        scattered & 0xffff_ffff_ffff
    )
}

fn rate(many: usize, took: Duration) -> f64 {
    many as f64 / took.as_secs_f64()
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap_or_default()
    }
}
