//! What may be forgotten: records a while after their end, and subjects that no record names.

use std::sync::atomic::Ordering;

use super::{
    MemoryStore,
    error::{broken, poisoned},
    shard::SHARDS,
    shards::ShardSet,
    tenants::TenantShard,
};
use crate::{
    clock::Timestamp,
    id::{SessionKey, SubjectKey},
    store::{Snapshot, StoreError, Swept},
};

/// A table with less than an eighth in use gives memory back.
const SHRINK_BELOW: usize = 8;

impl MemoryStore {
    /// Goes once around the shards, beginning where the last sweep stopped. Looks under a lock that
    /// lets others read, and then removes one record at a time.
    pub(super) fn sweep_now(&self, now: Timestamp, limit: u32) -> Result<Swept, StoreError> {
        self.log.lock().map_err(poisoned)?.forget(now);
        let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
        let mut removed = Vec::new();
        for _ in 0..SHARDS {
            let from = self.sweep_from.load(Ordering::Relaxed);
            let index = usize::try_from(from).unwrap_or(0) % SHARDS;
            for key in self.purgeable(index, now, limit - removed.len())? {
                removed.extend(self.remove(&key, now)?);
            }
            if removed.len() >= limit || !self.forget_subjects(index, now, limit)? {
                return Ok(Swept::new(removed, true));
            }
            // A sweep that runs beside this one may have moved on already; then it looks at that
            // shard.
            let next = from.wrapping_add(1);
            let _ =
                self.sweep_from.compare_exchange(from, next, Ordering::Relaxed, Ordering::Relaxed);
        }
        Ok(Swept::new(removed, false))
    }

    fn purgeable(
        &self,
        index: usize,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<SessionKey>, StoreError> {
        let shard = self.shards.read(index)?;
        let slots = shard.tenants.iter().flat_map(|(_, tenant)| &tenant.records);
        Ok(slots
            .filter(|slot| slot.0.is_purgeable(now))
            .take(limit)
            .map(|slot| slot.0.key())
            .collect())
    }

    fn remove(&self, key: &SessionKey, now: Timestamp) -> Result<Option<Snapshot>, StoreError> {
        let (mut held, found) = self.shards.look(ShardSet::of(key.id), |held| {
            let found = held.record(&key.tenant, key.id)?.filter(|record| record.is_purgeable(now));
            let Some(record) = found else { return Ok(None) };
            held.require(ShardSet::of_record(record))?;
            Ok(Some(held.snapshot(record)?))
        })?;
        let Some(gone) = found else { return Ok(None) };
        self.actors.forget(&gone.record)?;
        held.remove(&gone.record).map_err(|_| broken())?;
        drop(held);
        self.devices.forget(&gone.record)?;
        Ok(Some(gone))
    }

    /// Forgets subjects of one shard that nothing names; false when there may be more.
    fn forget_subjects(
        &self,
        index: usize,
        now: Timestamp,
        limit: usize,
    ) -> Result<bool, StoreError> {
        let idle: Vec<SubjectKey> = {
            let shard = self.shards.read(index)?;
            let rows = shard
                .tenants
                .iter()
                .flat_map(|(tenant, rows)| rows.subjects.iter().map(move |slot| (tenant, slot)));
            rows.filter(|(_, slot)| slot.row().may_be_forgotten(now))
                .map(|(tenant, slot)| SubjectKey::new(tenant.clone(), slot.subject().clone()))
                .collect()
        };
        let mut shard = self.shards.write(index)?;
        let mut left = limit;
        for key in idle {
            let Some(tenant) = shard.tenants.get_mut(&key.tenant) else { continue };
            let row = tenant.row(&key.subject);
            if !row.is_some_and(|row| row.may_be_forgotten(now)) || self.actors.contains(&key)? {
                continue;
            }
            if left == 0 {
                return Ok(false);
            }
            left -= 1;
            tenant.subjects.remove(key.subject.as_str());
        }
        shard.tenants.retain(|tenant| {
            tenant.shrink();
            !(tenant.records.is_empty() && tenant.subjects.is_empty())
        });
        Ok(true)
    }
}

impl TenantShard {
    fn shrink(&mut self) {
        if self.records.capacity() / SHRINK_BELOW > self.records.len() {
            self.records.shrink_to(self.records.len() * 2);
        }
        if self.subjects.capacity() / SHRINK_BELOW > self.subjects.len() {
            self.subjects.shrink_to(self.subjects.len() * 2);
        }
    }
}

#[cfg(feature = "testing")]
#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        actor::{Actor, ActorChain},
        id::{DeviceId, SubjectId, TenantId},
        session::{Record, RevokeReason, Tombstone},
        store::{NewRecord, Query, Select},
        testing::{ManualClock, fixtures},
    };

    const NOW: Timestamp = ManualClock::START;

    fn insert(store: &MemoryStore, record: Record) -> SessionKey {
        let key = record.key();
        let _ = store.insert_now(NewRecord::new(record, NOW)).unwrap();
        assert!(store.load_now(&key).unwrap().is_some());
        key
    }

    #[test]
    fn nothing_is_left_of_what_was_swept() {
        let store = MemoryStore::new();
        let alice = SubjectKey::new(TenantId::default(), SubjectId::new("alice").unwrap());
        let known = store.stamp_now(&alice, NOW).unwrap().epoch;
        let chain = ActorChain::new(Actor::new(SubjectId::new("support").unwrap()), "T-1").unwrap();
        let of_alice = || fixtures::session().subject(alice.subject.clone(), known);
        let ended = insert(&store, of_alice().build());
        insert(&store, of_alice().actors(chain).build());
        insert(&store, fixtures::session().device(DeviceId::new("d").unwrap()).build());
        let _ = store.end_now(&ended, &Tombstone::new(RevokeReason::Logout, NOW)).unwrap();

        let swept = store
            .sweep_now(NOW.saturating_add(Duration::from_secs(100 * 24 * 60 * 60)), 100)
            .unwrap();
        assert!(swept.removed.len() == 3 && !swept.more);
        for index in 0..SHARDS {
            assert!(store.shards.read(index).unwrap().tenants.iter().count() == 0);
        }
        assert!(store.devices.is_empty() && store.actors.is_empty());
    }

    #[test]
    fn what_came_back_to_use_after_the_sweep_looked_is_not_removed() {
        let store = MemoryStore::new();
        let key = insert(&store, fixtures::session().build());
        assert!(store.remove(&key, NOW).unwrap().is_none());
        assert!(store.load_now(&key).unwrap().is_some());
    }

    #[test]
    fn tombstones_take_no_place_on_a_page() {
        let store = MemoryStore::new();
        let keys: Vec<_> = (0..4).map(|_| insert(&store, fixtures::session().build())).collect();
        for key in &keys[1..] {
            let _ = store.end_now(key, &Tombstone::new(RevokeReason::Logout, NOW)).unwrap();
        }
        let mut query = Query::new(TenantId::default(), Select::Tenant);
        query.limit = 1;
        let page = store.list_now(&query).unwrap();
        assert!(page.items.len() == 1 && page.next.is_none());
    }
}
