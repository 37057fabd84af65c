//! The suite finds what is wrong with a store: each flaw here fails the case that is there for it.

use std::{
    collections::HashMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use session_issuer::{
    Timestamp,
    id::{SessionKey, SubjectKey},
    session::{Columns, Record, SubjectStamp, Tombstone, Use},
    store::{
        Binding, Capabilities, Change, Committed, Cursor, Ended, Inserted, MemoryStore, NewRecord,
        Noted, Query, RecordPage, RevocationBatch, SessionStore, Snapshot, StoreError,
        StoreErrorKind, SubjectChange, SubjectChanged, Swept,
    },
    testing::{
        DurableStore, Tampering,
        suite::{
            adoption, cancellation, damage, errors, races, reopening, run, run_durable, sweeping,
            two_handles,
        },
    },
};

/// What is wrong with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// A row that cannot be read is not there.
    ReadsDamageAsNone,
    /// It is what it was.
    OverlooksDamage,
    /// Every damage is the same.
    KnowsNoVersions,
    /// Whatever can be read is taken.
    TakesAnothersRow,
    DropsTheCause,
    ShowsTheRow,
    ListsNothingThen,
    ListsInSilence,
    EndsTheUnreadable,
    /// What `Debug` shows.
    ShowsItsKeys,
    /// Two writes where one is promised.
    NotesInTwoSteps,
    BumpsInTwoSteps,
    EvictsFirst,
    /// It is added, and bound to what it was made with.
    AdoptsInNameAlone,
    /// A sweep.
    ForgetsStamps,
    SweepsTwice,
}

/// The encodings of damaged rows, each with the columns beside it.
type DamagedRows = HashMap<SessionKey, (Vec<u8>, Columns)>;

/// Rows in memory, damaged ones beside them, and a flaw.
#[derive(Clone)]
struct Flawed {
    inner: Arc<MemoryStore>,
    damaged: Arc<Mutex<DamagedRows>>,
    swept: Arc<Mutex<Vec<Snapshot>>>,
    flaw: Flaw,
}

impl Flawed {
    fn new(flaw: Flaw) -> Self {
        Self { inner: Arc::default(), damaged: Arc::default(), swept: Arc::default(), flaw }
    }

    /// What a row that was damaged says to whoever asks for it.
    fn read(&self, key: &SessionKey) -> Result<(), StoreError> {
        let damaged = self.damaged.lock().unwrap();
        let Some((row, columns)) = damaged.get(key).filter(|_| self.flaw != Flaw::OverlooksDamage)
        else {
            return Ok(());
        };
        let error = match Record::decode(row, columns.clone()) {
            Ok(_) if self.flaw == Flaw::TakesAnothersRow => return Ok(()),
            Ok(_) => StoreError::new(StoreErrorKind::Damaged).with_source("another's row"),
            Err(error) => error,
        };
        Err(match self.flaw {
            Flaw::KnowsNoVersions => StoreError::new(StoreErrorKind::Damaged).with_source("it"),
            Flaw::DropsTheCause => StoreError::new(error.kind()),
            Flaw::ShowsTheRow => {
                StoreError::new(error.kind()).with_source(String::from_utf8_lossy(row).into_owned())
            }
            _ => error,
        })
    }
}

/// Lets whoever polls drop the call here.
async fn pause() {
    let mut polled = false;
    std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut polled, true) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

#[async_trait]
impl SessionStore for Flawed {
    async fn insert(&self, mut new: NewRecord) -> Result<Inserted, StoreError> {
        if self.flaw == Flaw::EvictsFirst
            && let Some((subject, _)) = new.record.bound()
            && new.admit.take().is_some()
        {
            let select = session_issuer::store::Select::Subject(subject.clone());
            for old in
                self.inner.list(&Query::new(new.record.tenant().clone(), select)).await?.items
            {
                let tombstone =
                    Tombstone::new(session_issuer::session::RevokeReason::Limit, new.now);
                let _ = self.inner.end(&old.record.key(), &tombstone).await?;
            }
            pause().await;
        }
        if self.flaw == Flaw::AdoptsInNameAlone
            && new.binding == Binding::Adopt
            && let Some(subject) = new.record.subject_key()
        {
            new.binding = Binding::Observed;
            self.inner.stamp(&subject, new.now).await?;
        }
        self.inner.insert(new).await
    }

    async fn load(&self, key: &SessionKey) -> Result<Option<Snapshot>, StoreError> {
        match self.read(key) {
            Err(_) if self.flaw == Flaw::ReadsDamageAsNone => Ok(None),
            Err(error) => Err(error),
            Ok(()) => self.inner.load(key).await,
        }
    }

    async fn stamp(
        &self,
        subject: &SubjectKey,
        now: Timestamp,
    ) -> Result<SubjectStamp, StoreError> {
        self.inner.stamp(subject, now).await
    }

    async fn commit(&self, change: Change) -> Result<Committed, StoreError> {
        self.read(&change.seen.record.key())?;
        self.inner.commit(change).await
    }

    async fn end(&self, key: &SessionKey, tombstone: &Tombstone) -> Result<Ended, StoreError> {
        if self.flaw != Flaw::EndsTheUnreadable {
            self.read(key)?;
        }
        self.inner.end(key, tombstone).await
    }

    async fn note_use(&self, seen: &Snapshot, used: Use) -> Result<Noted, StoreError> {
        self.read(&seen.record.key())?;
        if self.flaw == Flaw::NotesInTwoSteps {
            let (mut first, mut second) = (used.clone(), used);
            second.spend = first.spend.split_off(first.spend.len() / 2);
            let _ = self.inner.note_use(seen, first).await?;
            pause().await;
            return self.inner.note_use(seen, second).await;
        }
        self.inner.note_use(seen, used).await
    }

    async fn change_subject(
        &self,
        subject: &SubjectKey,
        change: SubjectChange,
    ) -> Result<SubjectChanged, StoreError> {
        if let (Flaw::BumpsInTwoSteps, Some(bump)) = (self.flaw, change.bump) {
            let only = SubjectChange::bump(bump, change.now);
            let _ = self.inner.change_subject(subject, only).await?;
            pause().await;
            let floors = SubjectChange::floors(change.floors, change.now);
            return self.inner.change_subject(subject, floors).await;
        }
        self.inner.change_subject(subject, change).await
    }

    async fn list(&self, query: &Query) -> Result<RecordPage, StoreError> {
        let mut page = self.inner.list(query).await?;
        let (whole, damaged): (Vec<_>, Vec<_>) =
            page.items.into_iter().partition(|item| self.read(&item.record.key()).is_ok());
        if self.flaw == Flaw::ListsNothingThen && !damaged.is_empty() {
            return Err(StoreError::new(StoreErrorKind::Damaged));
        }
        page.items = whole;
        if self.flaw != Flaw::ListsInSilence {
            page.damaged = damaged.iter().map(|item| item.record.id()).collect();
        }
        Ok(page)
    }

    async fn revoked_since(
        &self,
        cursor: &Cursor,
        limit: u32,
    ) -> Result<RevocationBatch, StoreError> {
        self.inner.revoked_since(cursor, limit).await
    }

    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<Swept, StoreError> {
        let mut swept = self.inner.sweep(now, limit).await?;
        match self.flaw {
            Flaw::ForgetsStamps => swept.removed.iter_mut().for_each(|gone| gone.subject = None),
            Flaw::SweepsTwice => {
                let last = self.swept.lock().unwrap().pop();
                self.swept.lock().unwrap().extend(swept.removed.last().cloned());
                swept.removed.extend(last);
            }
            _ => {}
        }
        Ok(swept)
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.inner.capabilities();
        capabilities.survives_restart = true;
        capabilities
    }
}

impl fmt::Display for Flawed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("flawed")
    }
}

impl fmt::Debug for Flawed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query = Query::new(Default::default(), session_issuer::store::Select::Tenant);
        match self.flaw {
            Flaw::ShowsItsKeys => {
                write!(f, "{:?}", session_issuer::testing::block_on(self.inner.list(&query)))
            }
            _ => f.write_str("Flawed"),
        }
    }
}

#[async_trait]
impl DurableStore for Flawed {
    async fn open(&self) -> Arc<dyn SessionStore> {
        Arc::new(self.clone())
    }

    async fn tamper(&self, key: &SessionKey, change: Tampering<'_>) {
        let record = self.inner.load(key).await.unwrap().unwrap().record;
        let (whole, columns) = (record.encode().unwrap().into_bytes(), record.columns());
        let before = self.damaged.lock().unwrap().get(key).cloned();
        let mut row = before.map_or_else(|| whole.clone(), |(row, _)| row);
        change(&mut row);
        match row == whole {
            true => self.damaged.lock().unwrap().remove(key),
            false => self.damaged.lock().unwrap().insert(key.clone(), (row, columns)),
        };
    }
}

/// A place where every handle begins anew.
struct Forgetful;

#[async_trait]
impl DurableStore for Forgetful {
    async fn open(&self) -> Arc<dyn SessionStore> {
        Arc::new(Flawed::new(Flaw::None))
    }

    async fn tamper(&self, _: &SessionKey, _: Tampering<'_>) {}
}

fn passes(case: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(case)).is_ok()
}

/// A case passes where nothing is wrong, and fails with each of these flaws.
macro_rules! finds {
    ($($name:ident: $run:ident $group:ident::$case:ident finds $($flaw:ident),+;)*) => {$(
        #[test]
        fn $name() {
            let passes = |flaw| passes(|| $run(|| async { Flawed::new(flaw) }, $group::$case));
            assert!(passes(Flaw::None));
            $(assert!(!passes(Flaw::$flaw), "{:?} was not found", Flaw::$flaw);)+
        }
    )*};
}

finds! {
    who_reads_damage_as_something_else_is_found:
        run_durable damage::a_row_that_cannot_be_read_is_an_error_and_never_a_default
        finds ReadsDamageAsNone, OverlooksDamage, KnowsNoVersions;
    who_reads_a_cut_row_is_found:
        run_durable damage::a_row_cut_anywhere_is_an_error finds ReadsDamageAsNone, OverlooksDamage;
    who_takes_anothers_row_is_found:
        run_durable damage::a_row_that_holds_another_record_is_damaged finds TakesAnothersRow, OverlooksDamage;
    who_shows_a_row_or_drops_the_cause_is_found:
        run_durable damage::the_error_of_a_damaged_row_has_a_source_and_shows_nothing_of_it
        finds DropsTheCause, ShowsTheRow;
    who_lists_nothing_or_says_nothing_because_of_one_row_is_found:
        run_durable damage::a_list_reports_a_damaged_row_and_goes_on finds ListsNothingThen, ListsInSilence;
    who_writes_to_what_it_cannot_read_is_found:
        run_durable damage::nothing_is_done_to_a_row_that_cannot_be_read finds EndsTheUnreadable, OverlooksDamage;
    who_shows_what_it_keeps_is_found:
        run errors::a_store_shows_nothing_of_what_it_keeps finds ShowsItsKeys;
    who_notes_a_use_in_two_steps_is_found:
        run cancellation::a_use_that_is_dropped_is_noted_whole_or_not_at_all finds NotesInTwoSteps;
    who_bumps_in_two_steps_is_found:
        run cancellation::a_bump_that_is_dropped_is_whole_and_logged_if_it_happened finds BumpsInTwoSteps;
    who_evicts_before_it_inserts_is_found:
        run cancellation::an_insert_that_is_dropped_pushes_nobody_out_for_nothing finds EvictsFirst;
    who_adopts_in_name_alone_is_found:
        run adoption::a_record_that_adopts_comes_under_the_epoch_that_its_subject_has finds AdoptsInNameAlone;
    who_sweeps_without_stamps_is_found:
        run sweeping::what_is_swept_comes_with_the_stamp_of_its_subject finds ForgetsStamps;
    who_answers_a_swept_record_twice_is_found:
        run races::of_many_sweeps_one_answers_a_record finds SweepsTwice;
}

#[test]
fn who_counts_what_it_cannot_read_is_found() {
    // The store within does not know what is damaged.
    assert!(!passes(|| run_durable(
        || async { Flawed::new(Flaw::None) },
        damage::a_damaged_row_keeps_nobody_out
    )));
}

#[test]
fn a_place_that_forgets_is_found_by_every_case_that_looks_twice() {
    macro_rules! forgetful {
        ($($group:ident::$case:ident)*) => {
            $(assert!(!passes(|| run_durable(|| async { Forgetful }, $group::$case)), stringify!($case));)*
        };
    }
    forgetful! {
        reopening::records_come_back_as_they_were
        reopening::what_was_revoked_stays_revoked
        reopening::an_epoch_goes_on_where_it_was
        reopening::slots_and_caps_hold_over_a_restart
        reopening::the_log_is_read_on_after_a_restart
        reopening::what_ended_while_the_place_was_closed_is_swept
        reopening::what_was_refused_is_not_there_after_a_restart_either
        two_handles::what_one_handle_writes_the_other_reads
        two_handles::a_bump_on_one_handle_is_known_to_the_other_at_once
        two_handles::of_many_commits_over_two_handles_one_wins
        two_handles::a_cap_holds_over_two_handles
        two_handles::a_device_has_one_slot_over_two_handles
        two_handles::an_end_on_one_handle_wins_against_the_commits_of_the_other
        two_handles::a_reader_of_the_log_on_one_handle_misses_nothing_of_the_other
        two_handles::two_handles_that_sweep_answer_each_record_once
    }
}
