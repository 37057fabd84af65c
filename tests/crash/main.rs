//! Kills processes in the middle of their commits, opens the file again, and compares it with what
//! they were answered.
//!
//! ```text
//! cargo test --features sqlite,testing --test crash [-- --kills 300]
//! ```
//!
//! A worker is this program once more. It says what it is about to do and what it was answered, a
//! line each, and is killed with SIGKILL. Whatever it was answered must be in the file; what it had
//! begun may be there whole or not at all; nothing else may. Every third time two workers share the
//! file and only one of them is killed.
//!
//! | file | what is there |
//! | --- | --- |
//! | `worker` | the process that is killed |
//! | `ledger` | what the workers were answered |
//! | `audit` | the file against the ledger |
//! | `trouble` | a full disk, a folder that cannot be written, a file that goes, a lock |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test"
)]

mod audit;
mod ledger;
mod trouble;
mod worker;

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use self::ledger::{Known, Ledger};

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let after =
        |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    if let Some(file) = after("--worker") {
        let name = after("--name").unwrap();
        return worker::run(Path::new(file), name, after("--threads").unwrap().parse().unwrap());
    }
    for (name, run) in [
        ("--full", trouble::full_disk as fn(&Path)),
        ("--filled", trouble::filled_disk),
        ("--read-only", trouble::read_only),
        ("--hold", trouble::hold),
    ] {
        if let Some(path) = after(name) {
            return run(Path::new(path));
        }
    }
    if args.iter().any(|arg| arg == "--list") {
        return; // a test runner asks for names: there are none
    }
    let kills = after("--kills").map_or(300, |kills| kills.parse().unwrap());
    let seed =
        after("--seed").map_or_else(|| u64::from(std::process::id()), |seed| seed.parse().unwrap());
    trouble::all();
    crashes(kills, seed);
}

fn crashes(kills: u32, seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.db");
    let (mut ledger, mut dice) = (Ledger::default(), Dice(seed | 1));
    for round in 0..kills {
        let beside = round % 3 == 2;
        let known = ledger.some_alive(24, &mut dice);
        let (mine, theirs) = known.split_at(if beside { known.len() / 2 } else { known.len() });
        let threads = if beside { 2 } else { 4 };
        let mut victim = Worker::start(&file, &format!("r{round}a"), threads, mine);
        let other = beside.then(|| Worker::start(&file, &format!("r{round}b"), threads, theirs));
        victim.hear(20 + dice.below(60));
        ledger.read(&victim.kill());
        if let Some(mut other) = other {
            // It goes on beside the dead one's half-done work, and is then asked to stop.
            other.hear(20);
            let lines = other.stop();
            ledger.read(&lines);
            assert!(
                ledger.all_answered(&format!("r{round}b")),
                "it stopped in the middle of something"
            );
        }
        audit::touched(&file, &mut ledger);
        assert!(ledger.count.answered > 0, "nothing was answered: nothing is proved");
    }
    audit::everything(&file, &mut ledger);
    let bytes = std::fs::metadata(&file).unwrap().len();
    println!(
        "{kills} workers killed (seed {seed}), {} of them in the middle of something\n{}\nfile {bytes} bytes",
        ledger.count.killed_at_work, ledger.count
    );
    assert!(
        ledger.count.killed_at_work * 10 >= kills * 9,
        "too few were at work to prove anything"
    );
}

/// A process that works on the file until it is killed or told to stop.
struct Worker {
    child: Child,
    lines: thread::JoinHandle<Vec<String>>,
    answers: std::sync::mpsc::Receiver<()>,
}

impl Worker {
    fn start(file: &Path, name: &str, threads: u32, known: &[Known]) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .arg("--worker")
            .arg(file)
            .args(["--name", name, "--threads", &threads.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        for known in known {
            writeln!(input, "{known}").unwrap();
        }
        writeln!(input, "go").unwrap();
        child.stdin = Some(input); // its end tells the worker to stop
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (tell, answers) = std::sync::mpsc::channel();
        let lines = thread::spawn(move || {
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                // A line that was cut by the kill was never said.
                match output.read_line(&mut line) {
                    Ok(1..) if line.ends_with('\n') => {}
                    _ => return lines,
                }
                if line.starts_with('!') {
                    let _ = tell.send(());
                }
                lines.push(line.trim_end().to_owned());
            }
        });
        Self { child, lines, answers }
    }

    /// Waits until so many more calls were answered.
    fn hear(&mut self, answers: u64) {
        for _ in 0..answers {
            self.answers
                .recv_timeout(Duration::from_secs(60))
                .expect("a worker that gets nothing done");
        }
    }

    fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap(); // SIGKILL
        self.child.wait().unwrap();
        self.lines.join().unwrap()
    }

    fn stop(mut self) -> Vec<String> {
        drop(self.child.stdin.take());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "a worker that nobody killed failed: {status}");
        self.lines.join().unwrap()
    }
}

/// Numbers that look random, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
