//! The thread that writes, many jobs a commit, and the thread that copies the log into the file.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    task::Waker,
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::Connection;

use super::{
    OpenError,
    connect::Readers,
    error::broken,
    file_identity::FileIdentity,
    job::{Job, job},
};
use crate::store::{StoreError, StoreErrorKind};

/// How many jobs may wait. One more is `Busy`.
const QUEUE: usize = 8192;
/// How many jobs one transaction does at most, so that the first of them does not wait long for the
/// last.
const BATCH: usize = 256;
/// From how many pages on the write-ahead log is copied into the file, beside the writer (16 MiB).
const COPY_FROM: i32 = 4_000;
/// From how many pages on the writer waits for that (64 MiB): else a log grows without end under
/// load.
const WAIT_FROM: i32 = 16_000;

type Queue = Receiver<Box<dyn Job>>;

/// Takes jobs to the thread that writes. Dropped, it waits until all of them are done and the file
/// is closed.
pub(super) struct Writer {
    jobs: Option<SyncSender<Box<dyn Job>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(mut connection: Connection, readers: &Readers) -> Result<Self, OpenError> {
        let copier = readers.connect().map_err(|error| OpenError::Failed(error.into()))?;
        // It takes what it can get, and waits for nobody.
        copier.busy_timeout(Duration::ZERO)?;
        let pages = Arc::new(AtomicI32::new(0));
        let seen = pages.clone();
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, count: i32| {
            seen.store(count, Ordering::Relaxed);
            Ok(())
        }))?;
        let (jobs, queue) = sync_channel(QUEUE);
        let (copy, copies) = sync_channel(1);
        let tables =
            WriteConnection { connection, identity: readers.identity().clone(), pages, copy };
        Ok(Self {
            jobs: Some(jobs),
            threads: vec![
                spawn("sqlite writer", move || tables.serve(&queue))?,
                spawn("sqlite checkpoints", move || copy_log(&copier, &copies))?,
            ],
        })
    }

    /// Hands a job to the writer and waits for its answer, without blocking.
    pub(super) async fn submit<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (job, answer) = job(act);
        let jobs = self.jobs.as_ref().ok_or_else(broken)?;
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => {
                StoreError::new(StoreErrorKind::Busy).with_source("too many jobs wait")
            }
            TrySendError::Disconnected(_) => broken(),
        })?;
        answer.await
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        let own = thread::current().id();
        if self.threads.iter().any(|thread| thread.thread().id() == own) {
            // Whoever was woken has dropped the store on the thread that writes, and the other one
            // waits for that one.
            return;
        }
        for thread in self.threads.drain(..) {
            // A thread that panicked has answered its jobs.
            let _ = thread.join();
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(work)
}

/// The connection that writes.
struct WriteConnection {
    connection: Connection,
    identity: FileIdentity,
    /// How long the write-ahead log was after the last commit.
    pages: Arc<AtomicI32>,
    copy: SyncSender<()>,
}

impl WriteConnection {
    fn serve(self, queue: &Queue) {
        while let Ok(first) = queue.recv() {
            self.transact(first, queue);
            self.keep_log_short();
        }
    }

    /// Does what waits in one transaction, and answers when that is on the disk.
    fn transact(&self, first: Box<dyn Job>, queue: &Queue) {
        if !self.connection.is_autocommit() {
            // The one before could not even be taken back.
            let _ = self.step("ROLLBACK");
        }
        let begun = self.identity.still_there().and_then(|()| Ok(self.step("BEGIN IMMEDIATE")?));
        if let Err(error) = begun {
            // Whoever waits has waited as long as this one; each would wait as long again.
            return fail(
                std::iter::once(first).chain(queue.try_iter()).collect(),
                error.not_done(),
            );
        }
        let mut done = Vec::new();
        let mut next = Some(first);
        while let Some(mut job) = next {
            if job.begin() {
                let ran = self.within_savepoint(&mut *job);
                done.push(job);
                if let Err(error) = ran {
                    return self.take_back(done, StoreError::from(error).not_done());
                }
            }
            next = if done.len() < BATCH { queue.try_recv().ok() } else { None };
        }
        match self.step("COMMIT") {
            Ok(()) => wake(done.iter_mut().map(|job| job.finish())),
            // Nobody can say what a commit did that failed.
            Err(error) => {
                let error = StoreError::from(error);
                let is_busy = error.kind() == StoreErrorKind::Busy;
                self.take_back(done, if is_busy { error } else { error.in_doubt() });
            }
        }
    }

    /// Does a job so that its failure takes back what it wrote and nothing else.
    fn within_savepoint(&self, job: &mut dyn Job) -> rusqlite::Result<()> {
        self.step("SAVEPOINT this_job")?;
        if !job.run(&self.connection) {
            self.step("ROLLBACK TO this_job")?;
        }
        self.step("RELEASE this_job")
    }

    /// The transaction failed, and with it all that was done in it.
    fn take_back(&self, done: Vec<Box<dyn Job>>, error: StoreError) {
        let by_itself = self.connection.is_autocommit();
        if !by_itself {
            let _ = self.step("ROLLBACK");
        }
        fail(done, error);
        if by_itself {
            // What SQLite takes back by itself could not be written, for want of room most often.
            // Much of the log may be pages that later ones in it replace: copied, it is begun anew
            // by the next commit, in the room that it has. Where the file would have to grow for
            // that, this fails too.
            let _ = copied(&self.connection, "PASSIVE");
        }
    }

    fn step(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn keep_log_short(&self) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages >= WAIT_FROM {
            // Nothing is appended meanwhile, so the next commit begins the log anew.
            let _ = copied(&self.connection, "PASSIVE");
        } else if pages >= COPY_FROM {
            // Full: the other thread is about to.
            let _ = self.copy.try_send(());
        }
    }
}

/// The same error for every job of a transaction.
fn fail(mut jobs: Vec<Box<dyn Job>>, error: StoreError) {
    let kind = match error.kind() {
        // The commit itself: who knows.
        StoreErrorKind::Broken => StoreErrorKind::Unavailable,
        kind => kind,
    };
    let error = Arc::new(error);
    let each = || {
        let each = StoreError::new(kind).with_source(error.clone());
        if error.is_in_doubt() { each.in_doubt() } else { each.not_done() }
    };
    wake(jobs.iter_mut().map(|job| job.fail(each())));
}

/// Wakes whoever waits once all are answered: who is woken may drop what another waits for, here
/// and now.
fn wake(waiting: impl Iterator<Item = Option<Waker>>) {
    waiting.collect::<Vec<_>>().into_iter().flatten().for_each(Waker::wake);
}

/// Copies the log into the file whenever it is told to, and once more at the end, when it empties
/// the log.
fn copy_log(connection: &Connection, copies: &Receiver<()>) {
    while copies.recv().is_ok() {
        let _ = copied(connection, "PASSIVE");
    }
    let _ = copied(connection, "TRUNCATE");
}

/// A copy that fails is made up for by the next one: until then, the log has it.
fn copied(connection: &Connection, how: &str) -> rusqlite::Result<()> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |_| Ok(()))
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::{Mutex, mpsc},
        task::{Context, Wake},
    };

    use super::*;
    use crate::store::{SqliteStore, sqlite::open};

    fn started() -> (Writer, Readers, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let (connection, readers) =
            open::open(&folder.path().join("sessions.db"), SqliteStore::options()).unwrap();
        let writer = Writer::start(connection, &readers).unwrap();
        (writer, readers, folder)
    }

    fn note(tables: &Connection, tenant: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO log (tenant, session, until) VALUES (?1, 's', 0)";
        tables.execute(sql, [tenant]).map(drop).map_err(StoreError::from)
    }

    fn noted(readers: &Readers) -> String {
        let sql = "SELECT coalesce(group_concat(tenant), '') FROM log";
        readers.read(|tables| Ok(tables.query_row(sql, [], |row| row.get(0))?)).unwrap()
    }

    #[test]
    fn a_call_that_fails_takes_back_what_it_wrote_and_nothing_of_its_neighbours() {
        let (writer, readers, _folder) = started();
        // Holds the writer until all three wait.
        let (go, gate) = mpsc::channel::<()>();
        let mut held = pin!(writer.submit(move |_| gate.recv().map_err(|_| broken())));
        let mut first = pin!(writer.submit(|tables| note(tables, "first")));
        let mut failing = pin!(writer.submit(|tables| {
            note(tables, "failing")?;
            note(tables, "again")?;
            Err::<(), _>(broken())
        }));
        let mut last = pin!(writer.submit(|tables| note(tables, "last")));
        let mut context = Context::from_waker(Waker::noop());
        for job in [
            held.as_mut() as std::pin::Pin<&mut dyn Future<Output = _>>,
            first.as_mut(),
            failing.as_mut(),
            last.as_mut(),
        ] {
            assert!(job.poll(&mut context).is_pending());
        }
        go.send(()).unwrap();
        pollster::block_on(async {
            held.await.unwrap();
            first.await.unwrap();
            last.await.unwrap();
            assert_eq!(failing.await.unwrap_err().kind(), StoreErrorKind::Broken);
        });
        assert_eq!(noted(&readers), "first,last");
    }

    #[test]
    fn a_call_that_was_begun_is_done_when_its_drop_returns() {
        let (writer, readers, _folder) = started();
        let (begun, seen) = mpsc::channel();
        let mut job = Box::pin(writer.submit(move |tables| {
            begun.send(()).map_err(|_| broken())?;
            note(tables, "begun")
        }));
        assert!(job.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        seen.recv().unwrap();
        drop(job);
        assert_eq!(noted(&readers), "begun");
    }

    #[test]
    fn calls_are_answered_when_the_writer_is_gone() {
        let (writer, readers, _folder) = started();
        let panics = writer.submit(|_| -> Result<(), StoreError> { panic!("a bug") });
        assert_eq!(pollster::block_on(panics).unwrap_err().kind(), StoreErrorKind::Broken);
        let later = writer.submit(|tables| note(tables, "later"));
        assert_eq!(pollster::block_on(later).unwrap_err().kind(), StoreErrorKind::Broken);
        assert_eq!(noted(&readers), "");
    }

    #[test]
    fn a_store_may_be_dropped_by_whom_its_answer_wakes() {
        struct Drops(Mutex<Option<Writer>>, mpsc::Sender<()>);
        impl Wake for Drops {
            fn wake(self: Arc<Self>) {
                drop(self.0.lock().unwrap().take());
                let _ = self.1.send(());
            }
        }
        let (writer, readers, _folder) = started();
        let (job, answer) = job(|tables| note(tables, "woken"));
        let queue = writer.jobs.clone().unwrap();
        let (done, dropped) = mpsc::channel();
        let waker = Waker::from(Arc::new(Drops(Mutex::new(Some(writer)), done)));
        let mut answer = pin!(answer);
        assert!(answer.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        queue.send(job).unwrap();
        drop(queue);
        dropped.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(noted(&readers), "woken");
    }

    #[test]
    fn who_fails_with_a_whole_transaction_says_why_and_so_do_its_neighbours() {
        let (writer, readers, _folder) = started();
        let (go, gate) = mpsc::channel::<()>();
        let mut held = pin!(writer.submit(move |tables| {
            gate.recv().map_err(|_| broken())?;
            note(tables, "before")
        }));
        // SQLite answers a full disk by taking back the whole transaction, savepoints and all.
        let mut full = pin!(writer.submit(|tables| {
            tables.pragma_update(None, "max_page_count", 1)?;
            (0..1000).try_for_each(|_| note(tables, &"x".repeat(4096)))
        }));
        let mut context = Context::from_waker(Waker::noop());
        assert!(held.as_mut().poll(&mut context).is_pending());
        assert!(full.as_mut().poll(&mut context).is_pending());
        go.send(()).unwrap();
        let (before, full) = pollster::block_on(async { (held.await, full.await) });
        let full = full.unwrap_err();
        assert_eq!(full.kind(), StoreErrorKind::Unavailable);
        let why = std::error::Error::source(&full).unwrap().to_string();
        assert!(why.contains("full"), "{why}");
        match before {
            Ok(()) => assert_eq!(noted(&readers), "before"),
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Unavailable);
                assert_eq!(noted(&readers), "");
            }
        }
        let room = writer.submit(|tables| {
            tables.pragma_update(None, "max_page_count", 1_000_000)?;
            note(tables, "after")
        });
        pollster::block_on(room).unwrap();
        assert!(noted(&readers).ends_with("after"), "and the next transaction is as any");
    }

    #[test]
    fn a_commit_that_fails_is_taken_back_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sessions.db");
        let (connection, readers) = open::open(&file, SqliteStore::options()).unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        let writer = Writer::start(connection, &readers).unwrap();
        let orphan = writer.submit(|tables| {
            let sql = "CREATE TABLE parent (x PRIMARY KEY); \
                CREATE TABLE child (x REFERENCES parent DEFERRABLE INITIALLY DEFERRED); \
                INSERT INTO child VALUES (1)";
            note(tables, "orphan")?;
            Ok(tables.execute_batch(sql)?)
        });
        let error = pollster::block_on(orphan).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(error.is_in_doubt(), "nobody can say what a commit did");
        assert_eq!(noted(&readers), "");
        let other = Connection::open(&file).unwrap();
        other.busy_timeout(Duration::ZERO).unwrap();
        other.execute_batch("BEGIN IMMEDIATE; ROLLBACK").unwrap();
    }

    #[test]
    fn what_waits_when_the_store_is_dropped_is_done_first() {
        let (writer, readers, _folder) = started();
        let (job, _answer) = job(|tables| note(tables, "waiting"));
        writer.jobs.as_ref().unwrap().send(job).unwrap();
        drop(writer);
        assert_eq!(noted(&readers), "waiting");
    }

    #[test]
    fn the_log_is_copied_into_the_file_and_begun_anew() {
        let (writer, readers, folder) = started();
        let grown = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().len();
        let long = "x".repeat(4096);
        for _ in 0..40 {
            let long = long.clone();
            let job = writer.submit(move |tables| (0..500).try_for_each(|_| note(tables, &long)));
            pollster::block_on(job).unwrap();
        }
        // 80 MiB were written. Whenever the log passes 64 MiB, the writer itself sees to it.
        assert!(grown("sessions.db") > 40 * 1024 * 1024);
        assert!(grown("sessions.db-wal") < 80 * 1024 * 1024, "{}", grown("sessions.db-wal"));
        drop((writer, readers));
        assert!(!folder.path().join("sessions.db-wal").exists());
    }
}
