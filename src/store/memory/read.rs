//! Reading: load, stamp, list.

use std::{cmp::Reverse, collections::BTreeSet};

use super::{MemoryStore, shard::SHARDS, shards::Named};
use crate::{
    clock::Timestamp,
    id::{SessionKey, SubjectKey},
    session::{Record, SubjectStamp},
    store::{PageKey, Query, RecordPage, Select, Snapshot, StoreError},
};

impl MemoryStore {
    pub(super) fn load_now(&self, key: &SessionKey) -> Result<Option<Snapshot>, StoreError> {
        self.shards.snapshot(&key.tenant, key.id)
    }

    pub(super) fn stamp_now(
        &self,
        key: &SubjectKey,
        now: Timestamp,
    ) -> Result<SubjectStamp, StoreError> {
        let named = Named::new(&key.tenant, &key.subject);
        {
            let shard = self.shards.read_subject(named)?;
            if let Some(row) =
                shard.tenants.get(named.tenant).and_then(|shard| shard.row(named.subject))
            {
                return Ok(row.stamp());
            }
        }
        self.begin_subject_now(key, now)
    }

    /// Finds the places of the page first, and then reads each record with its subject as of one
    /// moment.
    pub(super) fn list_now(&self, query: &Query) -> Result<RecordPage, StoreError> {
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        if limit == 0 {
            return Ok(RecordPage::default());
        }
        let mut page = Page::new(query, limit);
        match &query.select {
            Select::Ids(ids) => {
                for id in ids {
                    if let Some(found) = self.shards.snapshot(&query.tenant, *id)? {
                        page.offer(&found.record);
                    }
                }
            }
            Select::Subject(subject) => {
                let ids = {
                    let shard = self.shards.read_subject(Named::new(&query.tenant, subject))?;
                    let row = shard.tenants.get(&query.tenant).and_then(|shard| shard.row(subject));
                    row.map(|row| row.ids().to_vec()).unwrap_or_default()
                };
                for id in ids {
                    if let Some(found) = self.shards.snapshot(&query.tenant, id)? {
                        page.offer(&found.record);
                    }
                }
            }
            Select::Device(_)
            | Select::Actor(_)
            | Select::Creator(_)
            | Select::Fingerprint(_)
            | Select::Tenant => {
                for index in 0..SHARDS {
                    let shard = self.shards.read(index)?;
                    let records =
                        shard.tenants.get(&query.tenant).into_iter().flat_map(|s| &s.records);
                    records.for_each(|slot| page.offer(&slot.0));
                }
            }
        }
        let (places, next) = page.finish();
        let mut items = Vec::with_capacity(places.len());
        for place in places {
            let found = self.shards.snapshot(&query.tenant, place.id)?;
            items.extend(found.filter(|found| found.record.tombstone().is_none()));
        }
        Ok(RecordPage::new(items, next))
    }
}

/// The best places of a page so far, and one more to know whether another page follows.
struct Page<'a> {
    query: &'a Query,
    limit: usize,
    oldest: BTreeSet<PageKey>,
    newest: BTreeSet<Reverse<PageKey>>,
}

impl<'a> Page<'a> {
    fn new(query: &'a Query, limit: usize) -> Self {
        Self { query, limit, oldest: BTreeSet::new(), newest: BTreeSet::new() }
    }

    fn offer(&mut self, record: &Record) {
        let place = PageKey::new(record.created_at(), record.id());
        let query = self.query;
        if !query.admits(record) {
            return;
        }
        match query.newest_first {
            true => keep_best(&mut self.newest, Reverse(place), self.limit),
            false => keep_best(&mut self.oldest, place, self.limit),
        }
    }

    fn finish(self) -> (Vec<PageKey>, Option<PageKey>) {
        let newest = self.newest.into_iter().map(|Reverse(place)| place);
        let mut places: Vec<_> = self.oldest.into_iter().chain(newest).collect();
        let more = places.len() > self.limit;
        places.truncate(self.limit);
        let next = places.last().copied().filter(|_| more);
        (places, next)
    }
}

fn keep_best<T: Ord>(best: &mut BTreeSet<T>, place: T, limit: usize) {
    if best.len() <= limit || best.last().is_some_and(|last| place < *last) {
        best.insert(place);
        if best.len() > limit.saturating_add(1) {
            best.pop_last();
        }
    }
}
