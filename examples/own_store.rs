//! A store of your own: sessions in one file that only grows, proved by the public suite.
//!
//! ```text
//! cargo run --example own_store
//! cargo test --example own_store --features testing
//! ```
//!
//! The store decides nothing. What is live, who is evicted and what a tombstone does are the acts
//! of `store::act`: from the rows that they want they plan what to write. A row is `Record::encode`
//! and `Record::columns`; rows are found by `Record::index` and `Query::admits`. What is left to a
//! store is in this file and in `own_store/journal.rs`: it keeps rows, and makes each call one act.
//! It is for a small service: all of it is in memory too, and every write waits for the disk.

#[path = "own_store/journal.rs"]
mod journal;

use std::{error::Error, fmt, path::Path};

use async_trait::async_trait;
use session_issuer::{
    Issuer, NewSession, Policy, Requirement, Revoke, Timestamp,
    entropy::SystemEntropy,
    id::{SessionKey, SubjectId, SubjectKey},
    policy::{AccessFormat, Credentials},
    session::{SubjectStamp, Tombstone, Use},
    store::{
        Capabilities, Change, Committed, Cursor, Ended, Inserted, NewRecord, Noted, Query,
        RecordPage, RevocationBatch, Select, SessionStore, Snapshot, SubjectChange, SubjectChanged,
        Swept,
        act::{self, Row},
    },
    token::TokenKeys,
};

use self::journal::{Answer, Journal, Writes};

/// Sessions in one file.
pub(crate) struct FileStore(Journal);

impl FileStore {
    /// Opens the file, or makes it. Other handles and other processes may have it open too.
    pub(crate) fn open(path: &Path) -> Answer<Self> {
        Ok(Self(Journal::open(path)?))
    }
}

#[async_trait]
impl SessionStore for FileStore {
    async fn insert(&self, new: NewRecord) -> Answer<Inserted> {
        self.0.act(|rows| {
            let facts = rows.facts(&act::insert_wants(&new));
            act::insert(new, facts)
        })
    }

    async fn load(&self, key: &SessionKey) -> Answer<Option<Snapshot>> {
        self.0.read(|rows| match rows.row(key) {
            Row::Absent => Ok(None),
            Row::Record(snapshot) => Ok(Some(snapshot)),
            Row::Unreadable { error, .. } => Err(error),
        })
    }

    async fn stamp(&self, subject: &SubjectKey, now: Timestamp) -> Answer<SubjectStamp> {
        self.0.act(|rows| {
            let facts = rows.facts(&act::begin_subject_wants(subject));
            act::begin_subject(subject, now, facts)
        })
    }

    async fn commit(&self, change: Change) -> Answer<Committed> {
        self.0.act(|rows| {
            let facts = rows.facts(&act::commit_wants(&change));
            act::commit(change, facts)
        })
    }

    async fn end(&self, key: &SessionKey, tombstone: &Tombstone) -> Answer<Ended> {
        self.0.act(|rows| act::end(key, tombstone, rows.facts(&act::end_wants(key))))
    }

    async fn note_use(&self, seen: &Snapshot, used: Use) -> Answer<Noted> {
        self.0.act(|rows| act::note_use(&used, rows.facts(&act::note_use_wants(seen))))
    }

    async fn change_subject(
        &self,
        subject: &SubjectKey,
        change: SubjectChange,
    ) -> Answer<SubjectChanged> {
        self.0.act(|rows| {
            let facts = rows.facts(&act::change_subject_wants(subject, &change));
            act::change_subject(subject, &change, facts)
        })
    }

    async fn list(&self, query: &Query) -> Answer<RecordPage> {
        self.0.read(|rows| {
            let mut page =
                RecordPage::of(query, rows.records().map(|record| rows.snapshot(record)));
            // Only their bytes said where they stand: the first page has them.
            let first = query.after.is_none() && query.limit > 0;
            let damaged = rows.damaged().filter(|key| first && key.tenant == query.tenant);
            let asked = |id: &_| match &query.select {
                Select::Ids(ids) => ids.contains(id),
                select => *select == Select::Tenant,
            };
            page.damaged = damaged.map(|key| key.id).filter(asked).collect();
            Ok(page)
        })
    }

    async fn revoked_since(&self, cursor: &Cursor, limit: u32) -> Answer<RevocationBatch> {
        self.0.read(|rows| Ok(RevocationBatch::of(&rows.log, cursor, limit)))
    }

    async fn sweep(&self, now: Timestamp, limit: u32) -> Answer<Swept> {
        let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
        self.0.write(|rows| {
            let mut over = rows.records().filter(|record| record.is_purgeable(now));
            let gone = over.by_ref().take(limit).map(|record| rows.snapshot(record));
            let gone: Vec<_> = gone.collect();
            let writes = Writes::removing(gone.iter().map(|gone| gone.record.key()));
            (Ok(Swept::new(gone, over.next().is_some())), Ok(writes))
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::on_disk()
    }
}

impl fmt::Display for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("file")
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").finish_non_exhaustive()
    }
}

/// Alice logs in; the store is closed and opened anew; she is still logged in, and logs out.
fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::temp_dir().join(format!("own-store-{}.jsonl", std::process::id()));
    // A real host loads a secret that outlives the process.
    let keys = TokenKeys::generate(&SystemEntropy)?;
    let issuer = || -> Result<Issuer, Box<dyn Error>> {
        let policy = Policy::default().credentials(Credentials::Pair(AccessFormat::Opaque));
        let builder = Issuer::builder().store(FileStore::open(&path)?);
        Ok(builder.token_keys(keys.clone()).policy(policy).build()?)
    };
    pollster::block_on(async {
        let login = issuer()?.create(NewSession::for_subject(SubjectId::new("alice")?)).await?;
        let again = issuer()?;
        let checked = again.check(login.token(), &Requirement::new()).await?;
        println!("{} is still logged in", checked.subject()?);
        again.revoke(Revoke::token(login.token())).await?;
        let refused = issuer()?.check(login.token(), &Requirement::new()).await;
        let refused = refused.map_or_else(|error| error.code(), |_| "still logged in");
        println!("after the logout: {refused}");
        std::fs::remove_file(&path)?;
        Ok(())
    })
}

#[cfg(all(test, feature = "testing"))]
mod suite {
    session_issuer::testing::store_suite! {
        mod file_store;
        durable: || async { crate::journal::temp_file::TempFile::new() }
    }
}
