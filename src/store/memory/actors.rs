//! Which subjects are named as actors.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use super::error::poisoned;
use crate::{
    id::SubjectKey,
    session::{Record, Session},
    store::StoreError,
};

/// How many records name a subject as an actor: what is known of it is kept as long as one does.
///
/// Locked after shards.
#[derive(Default)]
pub(super) struct NamedActors(Mutex<HashMap<SubjectKey, u32>>);

impl NamedActors {
    /// The counts, locked, to add those that this record names; none where it names nobody.
    pub(super) fn lock_for(&self, record: &Record) -> Result<Option<Counts<'_>>, StoreError> {
        match record.session().is_some_and(Session::is_impersonation) {
            false => Ok(None),
            true => Ok(Some(Counts(self.0.lock().map_err(poisoned)?))),
        }
    }

    pub(super) fn forget(&self, record: &Record) -> Result<(), StoreError> {
        let Some(mut counts) = self.lock_for(record)? else { return Ok(()) };
        for key in actors_of(record) {
            let Some(count) = counts.0.get_mut(&key) else { continue };
            *count -= 1;
            if *count == 0 {
                counts.0.remove(&key);
            }
        }
        Ok(())
    }

    pub(super) fn contains(&self, key: &SubjectKey) -> Result<bool, StoreError> {
        Ok(self.0.lock().map_err(poisoned)?.contains_key(key))
    }

    #[cfg(feature = "testing")]
    #[cfg(test)]
    #[allow(clippy::unwrap_used, reason = "for tests")]
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }
}

/// The counts of all actors, locked.
pub(super) struct Counts<'a>(MutexGuard<'a, HashMap<SubjectKey, u32>>);

impl Counts<'_> {
    pub(super) fn add(&mut self, record: &Record) {
        for key in actors_of(record) {
            *self.0.entry(key).or_default() += 1;
        }
    }
}

fn actors_of(record: &Record) -> impl Iterator<Item = SubjectKey> {
    let key =
        |subject: &crate::id::SubjectId| SubjectKey::new(record.tenant().clone(), subject.clone());
    record.index().actors.iter().map(move |actor| key(actor.subject()))
}
