//! A full disk, a folder that cannot be written, a file that is removed under the store, another
//! process's lock.
//!
//! A disk of its own needs a mount of its own: `unshare` gives one where it is allowed. Where it is
//! not, that part is skipped, and says so.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use session_issuer::{
    Issuer, NewSession, Requirement, Revoke,
    error::ErrorKind,
    id::{SessionId, SubjectId},
    policy::{Noting, Spend},
    store::{OpenError, SqliteStore},
    testing::block_on,
};

use crate::worker::{SPEND, issuer};

pub(crate) fn all() {
    a_file_that_is_removed_takes_no_more_sessions_and_goes_on_when_it_is_back();
    a_lock_that_another_process_holds_delays_writes_and_stops_no_read();
    a_log_at_the_limit_of_its_size_is_begun_anew();
    for (name, options) in
        [("--full", "size=6m"), ("--filled", "size=6m"), ("--read-only", "size=6m")]
    {
        let folder = tempfile::tempdir().unwrap();
        let script =
            format!("mount -t tmpfs -o {options} tmpfs \"$1\" && exec \"$0\" {name} \"$1\"");
        let run = Command::new("unshare")
            .args(["--mount", "--map-root-user", "sh", "-c", &script])
            .arg(std::env::current_exe().unwrap())
            .arg(folder.path())
            .output();
        let allowed = Command::new("unshare").args(["--mount", "--map-root-user", "true"]).status();
        if !allowed.is_ok_and(|status| status.success()) {
            println!("SKIPPED {name}: no mounts of one's own here");
            continue;
        }
        let run = run.unwrap();
        print!("{}", String::from_utf8_lossy(&run.stdout));
        assert!(run.status.success(), "{name}: {}", String::from_utf8_lossy(&run.stderr));
    }
}

/// Two megabytes for each file. What is too much reads as a failure to write, and not as a full
/// disk.
fn a_log_at_the_limit_of_its_size_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' XFSZ && ulimit -f 4096 && exec \"$0\" --filled \"$1\"";
    let run = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg(folder.path())
        .output()
        .unwrap();
    print!("{}", String::from_utf8_lossy(&run.stdout));
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

struct Made {
    id: SessionId,
    access: String,
}

fn login(issuer: &Issuer) -> Result<Made, session_issuer::Error> {
    let made = block_on(issuer.create(NewSession::for_subject(SubjectId::new("alice").unwrap())))?;
    Ok(Made { id: made.session_id(), access: made.token().to_owned() })
}

fn used(issuer: &Issuer, made: &Made) -> Result<(), session_issuer::Error> {
    let spend = Requirement::new().spend(Spend::one(SPEND.0, SPEND.1));
    block_on(issuer.check(made.access.as_str(), &spend)).map(drop)
}

fn lives(issuer: &Issuer, made: &Made) -> bool {
    let need = Requirement::new().noting(Noting::ArrivalOnly);
    match block_on(issuer.check(made.access.as_str(), &need)) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Revoked, "{error:?}");
            false
        }
    }
}

/// True when the session was ended, and false when the disk had no room for that.
fn revoked(issuer: &Issuer, made: &Made) -> bool {
    match block_on(issuer.revoke(Revoke::session(made.id))) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
            false
        }
    }
}

/// Writes as much of five megabytes as there is room for. True when that was all of it.
fn fill(file: &Path) -> bool {
    match fs::write(file, vec![1; 5 << 20]) {
        Ok(()) => true,
        Err(error) => {
            let full = [io::ErrorKind::StorageFull, io::ErrorKind::FileTooLarge];
            assert!(full.contains(&error.kind()), "{error:?}");
            false
        }
    }
}

/// Runs on a disk of its own, of some megabytes.
pub(crate) fn full_disk(folder: &Path) {
    let file = folder.join("sessions.db");
    let issuer = issuer(&file);
    let mut alive: Vec<Made> = (0..50).map(|_| login(&issuer).unwrap()).collect();
    let mut failures = 0_u32;
    // Nothing that was answered may be lost, whatever the disk says in between.
    while failures < 20 {
        match login(&issuer) {
            Ok(made) => alive.push(made),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
                assert!(error.is_retryable() && !error.is_terminal());
                failures += 1;
            }
        }
        assert!(alive.len() < 100_000, "the disk is never full");
    }
    let on_full = alive.len();
    assert!(alive.iter().all(|made| lives(&issuer, made)), "a full disk stops reads");
    let revoked: Vec<bool> = alive.iter().take(5).map(|made| revoked(&issuer, made)).collect();
    drop(issuer);
    // It fills up for good, is reopened full, and is then given room.
    let full = self::issuer(&file);
    for (made, revoked) in alive.iter().zip(&revoked) {
        assert!(!(*revoked && lives(&full, made)), "a revocation was lost");
    }
    drop(full);
    let options = "remount,size=64m";
    assert!(Command::new("mount").args(["-o", options]).arg(folder).status().unwrap().success());
    let issuer = self::issuer(&file);
    for (at, made) in alive.iter().enumerate() {
        let revoked = revoked.get(at).copied();
        match revoked {
            Some(true) => assert!(!lives(&issuer, made)),
            Some(false) => {} // begun: either
            None => assert!(lives(&issuer, made), "a session was lost"),
        }
    }
    let more: Vec<Made> = (0..50).map(|_| login(&issuer).unwrap()).collect();
    assert!(more.iter().all(|made| lives(&issuer, made)));
    drop(issuer);
    sound(&file);
    println!(
        "full disk: {on_full} sessions fitted, {failures} refused with a typed error, none lost; {} of {} revocations went through",
        revoked.iter().filter(|done| **done).count(),
        revoked.len()
    );
}

/// Runs where a file that needs no more room has a log that gets none: something else has filled
/// the disk, or files may not grow that long.
pub(crate) fn filled_disk(folder: &Path) {
    let file = folder.join("sessions.db");
    let made: Vec<Made> = {
        let issuer = issuer(&file);
        (0..50).map(|_| login(&issuer).unwrap()).collect()
    };
    // Counters and tombstones make rows longer: pages that are free keep the file from growing for
    // them.
    let spare =
        "CREATE TABLE spare (x); INSERT INTO spare VALUES (zeroblob(65536)); DROP TABLE spare";
    rusqlite::Connection::open(&file).unwrap().execute_batch(spare).unwrap();
    let issuer = issuer(&file);
    // A disk has room for nearly all of it, and the limit of a file lets some of it in.
    let _ = fill(&folder.join("another"));
    let (revoked, kept) = made.split_at(10);
    let mut uses = 0_u32;
    for made in revoked {
        // Each time, the log has taken all the room there is.
        let error = loop {
            match used(&issuer, &kept[0]) {
                Ok(()) => uses += 1,
                Err(error) => break error,
            }
            assert!(uses < 100_000, "the disk is never full");
        };
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        block_on(issuer.revoke(Revoke::session(made.id)))
            .expect("a full disk keeps somebody logged in");
    }
    assert!(!fill(&folder.join("more")), "the disk was not full");
    drop(issuer);
    let issuer = self::issuer(&file);
    assert!(!revoked.iter().any(|made| lives(&issuer, made)), "a revocation was lost");
    assert!(kept.iter().all(|made| lives(&issuer, made)), "a session was lost");
    drop(issuer);
    sound(&file);
    println!(
        "no room for the log, {} times in {uses} uses: each time the next revocation went through",
        revoked.len()
    );
}

/// Runs in a mount of its own.
pub(crate) fn read_only(folder: &Path) {
    let file = folder.join("sessions.db");
    let made = {
        let issuer = issuer(&file);
        login(&issuer).unwrap()
    };
    assert!(
        Command::new("mount").args(["-o", "remount,ro"]).arg(folder).status().unwrap().success()
    );
    let before = listing(folder);
    let there = SqliteStore::open(&file).map(drop).unwrap_err();
    let new = SqliteStore::open(folder.join("new.db")).map(drop).unwrap_err();
    assert!(
        matches!((&there, &new), (OpenError::ReadOnly, OpenError::ReadOnly)),
        "{there:?} {new:?}"
    );
    assert_eq!(listing(folder), before, "something was left behind");
    assert!(
        Command::new("mount").args(["-o", "remount,rw"]).arg(folder).status().unwrap().success()
    );
    assert!(lives(&issuer(&file), &made));
    println!("read-only folder: {there} / {new}");
}

fn a_file_that_is_removed_takes_no_more_sessions_and_goes_on_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let (file, away) = (folder.path().join("sessions.db"), folder.path().join("away"));
    let issuer = issuer(&file);
    let made = login(&issuer).unwrap();
    fs::rename(&file, &away).unwrap();
    let error = login(&issuer).map(|_| ()).unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Unavailable,
        "a session was written where nobody will find it: {error:?}"
    );
    assert!(!revoked(&issuer, &made));
    // Another file in its place is not it either.
    fs::write(&file, b"").unwrap();
    let another = login(&issuer).map(drop).unwrap_err();
    assert_eq!(another.kind(), ErrorKind::Unavailable, "{another:?}");
    assert_eq!(fs::metadata(&file).unwrap().len(), 0, "another's file was written");
    fs::rename(&away, &file).unwrap();
    let after = login(&issuer).unwrap();
    assert!(lives(&issuer, &after) && lives(&issuer, &made));
    drop(issuer);
    let issuer = self::issuer(&file);
    assert!(lives(&issuer, &after) && lives(&issuer, &made));
    drop(issuer);
    sound(&file);
    println!("file removed: {error}");
}

fn a_lock_that_another_process_holds_delays_writes_and_stops_no_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.db");
    let issuer = issuer(&file);
    let made = login(&issuer).unwrap();
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .arg("--hold")
        .arg(&file)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(holder.stdout.take().unwrap()),
        &mut line,
    )
    .unwrap();
    assert_eq!(line.trim(), "held");
    #[expect(clippy::disallowed_methods, reason = "how long it waited is printed, and bounded")]
    let begun = Instant::now();
    assert!(lives(&issuer, &made), "a writer stops readers");
    let error = login(&issuer).map(|_| ()).unwrap_err();
    let waited = begun.elapsed();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.is_retryable() && waited < Duration::from_secs(30), "{waited:?}");
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    let after = login(&issuer).unwrap();
    assert!(lives(&issuer, &after));
    println!(
        "locked by another process: {error}, after {:.1} s; reads went on",
        waited.as_secs_f64()
    );
}

/// Another process: holds the file's lock until its input ends.
pub(crate) fn hold(file: &Path) {
    let file = rusqlite::Connection::open(file).unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    println!("held");
    let _ = std::io::Read::read(&mut std::io::stdin(), &mut [0]);
    file.execute_batch("ROLLBACK").unwrap();
}

fn sound(file: &PathBuf) {
    let file = rusqlite::Connection::open(file).unwrap();
    let verdict: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
}

fn listing(folder: &Path) -> Vec<(String, u64)> {
    let mut all: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len())
        })
        .collect();
    all.sort();
    all
}
