//! 64 locks, their one order, and what lies behind each.
//!
//! A record lies in the shard of its id's tag, what is known of a subject in the shard of the subject's tag. Those are
//! the same for a session that was born with its subject. Whoever needs several shards takes them in rising order.

use std::{
    borrow::Borrow,
    collections::{HashMap, HashSet},
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use super::{
    broken, poisoned,
    subject::{Row, RowSlot},
};
use crate::{
    clock::Timestamp,
    id::{SessionId, SubjectId, TenantId, subject_tag},
    session::{Mark, Record, SpendRefused, SubjectStamp},
    store::{Snapshot, StoreError},
};

pub(super) const SHARDS: usize = 64;

pub(super) struct Shards(Box<[Padded]>);

/// Neighbouring locks do not share a cache line.
#[repr(align(64))]
#[derive(Default)]
struct Padded(RwLock<Shard>);

#[derive(Default)]
pub(super) struct Shard {
    pub(super) tenants: HashMap<TenantId, TenantShard>,
    /// The tags of ids whose record's subject must be looked up. Of every other record it is known: it lies here, under
    /// the epoch that the record was bound under, and nothing of it was ever revoked.
    eventful: Tags,
}

#[derive(Default)]
pub(super) struct TenantShard {
    pub(super) records: HashSet<Slot, IdState>,
    pub(super) subjects: HashSet<RowSlot>,
}

/// A record in a set, found by its id: a bucket is one pointer.
pub(super) struct Slot(pub(super) Arc<Record>);

/// A set of shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShardSet(u64);

impl ShardSet {
    pub(super) fn of(id: SessionId) -> Self {
        Self::of_tag(id.tag())
    }

    pub(super) fn of_subject(tenant: &TenantId, subject: &SubjectId) -> Self {
        Self::of_tag(subject_tag(tenant, subject))
    }

    /// The shards of a record and of its subject.
    pub(super) fn of_record(record: &Record) -> Self {
        let own = Self::of(record.id());
        match record.bound() {
            Some((subject, _)) => own.and(Self::of_subject(record.tenant(), subject)),
            None => own,
        }
    }

    pub(super) fn of_all<'a>(ids: impl IntoIterator<Item = &'a SessionId>) -> Self {
        ids.into_iter().fold(Self(0), |all, id| all.and(Self::of(*id)))
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn of_tag(tag: u16) -> Self {
        Self(1 << (usize::from(tag) % SHARDS))
    }

    fn contains(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Rising.
    fn indices(mut self) -> impl Iterator<Item = usize> {
        std::iter::from_fn(move || {
            let lowest = self.lowest();
            self.0 &= self.0.checked_sub(1)?;
            Some(lowest)
        })
    }

    fn lowest(self) -> usize {
        self.0.trailing_zeros() as usize
    }
}

/// Why an act stopped. It has written nothing.
pub(super) enum Halt {
    /// It must begin again with these shards too.
    Needs(ShardSet),
    Failed(StoreError),
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl Shards {
    pub(super) fn new() -> Self {
        Self((0..SHARDS).map(|_| Padded::default()).collect())
    }

    /// Runs one act while it holds these shards, and again with more of them when it finds that it needs more.
    ///
    /// An act looks at everything that it needs before it writes anything.
    pub(super) fn act<T>(
        &self,
        mut wanted: ShardSet,
        mut act: impl FnMut(&mut Held<'_>) -> Result<T, Halt>,
    ) -> Result<T, StoreError> {
        loop {
            let mut held = self.hold(wanted)?;
            match act(&mut held) {
                Ok(done) => return Ok(done),
                Err(Halt::Needs(more)) => wanted = wanted.and(more),
                Err(Halt::Failed(error)) => return Err(error),
            }
        }
    }

    fn hold(&self, set: ShardSet) -> Result<Held<'_>, StoreError> {
        let mut indices = set.indices();
        let first = self.write(indices.next().ok_or_else(broken)?)?;
        let mut others = Vec::new();
        for index in indices {
            others.push((index, self.write(index)?));
        }
        Ok(Held { set, first, others })
    }

    /// Reads one shard.
    pub(super) fn read(&self, index: usize) -> Result<RwLockReadGuard<'_, Shard>, StoreError> {
        self.lock(index)?.read().map_err(poisoned)
    }

    /// Changes one shard.
    pub(super) fn write(&self, index: usize) -> Result<RwLockWriteGuard<'_, Shard>, StoreError> {
        self.lock(index)?.write().map_err(poisoned)
    }

    /// Reads the shard of a subject.
    pub(super) fn read_subject(
        &self,
        tenant: &TenantId,
        subject: &SubjectId,
    ) -> Result<RwLockReadGuard<'_, Shard>, StoreError> {
        self.read(ShardSet::of_subject(tenant, subject).lowest())
    }

    /// Reads a record and the stamp of its subject as of one moment.
    pub(super) fn snapshot(&self, tenant: &TenantId, id: SessionId) -> Result<Option<Snapshot>, StoreError> {
        let own = ShardSet::of(id);
        {
            let shard = self.read(own.lowest())?;
            let record = shard.tenants.get(tenant).and_then(|shard| shard.record(id));
            let Some(record) = record else { return Ok(None) };
            let stamp = match record.bound() {
                Some(_) if shard.eventful.has(id.tag()) => None,
                Some((_, epoch)) => Some(Some(SubjectStamp::unmoved(epoch))),
                None => Some(None),
            };
            if let Some(stamp) = stamp {
                return Ok(Some(Snapshot::new(Arc::clone(record), stamp)));
            }
        }
        self.eventful_snapshot(tenant, id, own)
    }

    fn eventful_snapshot(
        &self,
        tenant: &TenantId,
        id: SessionId,
        own: ShardSet,
    ) -> Result<Option<Snapshot>, StoreError> {
        let mut wanted = own;
        loop {
            let mut indices = wanted.indices();
            let first = indices.next().map(|index| self.read(index)).transpose()?;
            let second = indices.next().map(|index| self.read(index)).transpose()?;
            let (own_shard, other) = match wanted.lowest() == own.lowest() {
                true => (&first, &second),
                false => (&second, &first),
            };
            let Some(own_tenant) = own_shard.as_ref().and_then(|shard| shard.tenants.get(tenant)) else {
                return Ok(None);
            };
            let Some(record) = own_tenant.record(id) else { return Ok(None) };
            let Some((subject, _)) = record.bound() else {
                return Ok(Some(Snapshot::new(record.clone(), None)));
            };
            let other_tenant = other.as_ref().and_then(|shard| shard.tenants.get(tenant));
            let row = own_tenant.row(subject).or_else(|| other_tenant?.row(subject));
            if let Some(row) = row {
                return Ok(Some(Snapshot::new(record.clone(), Some(row.stamp()))));
            }
            let home = own.and(ShardSet::of_subject(tenant, subject));
            if wanted == home {
                return Ok(Some(Snapshot::new(record.clone(), None)));
            }
            wanted = home;
        }
    }

    fn lock(&self, index: usize) -> Result<&RwLock<Shard>, StoreError> {
        Ok(&self.0.get(index).ok_or_else(broken)?.0)
    }
}

/// Shards that are held for one act.
pub(super) struct Held<'a> {
    set: ShardSet,
    /// The lowest. Most acts need no other.
    first: RwLockWriteGuard<'a, Shard>,
    others: Vec<(usize, RwLockWriteGuard<'a, Shard>)>,
}

impl Held<'_> {
    /// Stops the act unless it holds these.
    pub(super) fn require(&self, set: ShardSet) -> Result<(), Halt> {
        match self.set.contains(set) {
            true => Ok(()),
            false => Err(Halt::Needs(set)),
        }
    }

    pub(super) fn record(&self, tenant: &TenantId, id: SessionId) -> Result<Option<&Arc<Record>>, Halt> {
        Ok(self.tenant(ShardSet::of(id), tenant)?.and_then(|shard| shard.record(id)))
    }

    pub(super) fn row(&self, tenant: &TenantId, subject: &SubjectId) -> Result<Option<&Row>, Halt> {
        let shard = self.tenant(ShardSet::of_subject(tenant, subject), tenant)?;
        Ok(shard.and_then(|shard| shard.row(subject)))
    }

    /// The stamp of the record's subject; none when it has no subject, or nothing is known of it.
    pub(super) fn stamp_of(&self, record: &Record) -> Result<Option<SubjectStamp>, Halt> {
        let Some((subject, _)) = record.bound() else { return Ok(None) };
        Ok(self.row(record.tenant(), subject)?.map(Row::stamp))
    }

    /// Puts a record where it belongs, in the place of the one that was there.
    pub(super) fn put(&mut self, record: Arc<Record>) -> Result<(), Halt> {
        if let Some((subject, epoch)) = record.bound() {
            let (own, tag) = (record.id().tag(), subject_tag(record.tenant(), subject));
            let row = self.row(record.tenant(), subject)?;
            if own != tag || row.is_none_or(|row| row.epoch() != epoch) {
                self.shard_mut(ShardSet::of_tag(own))?.eventful.add(own);
            }
        }
        self.replace(record)
    }

    /// Puts a record in the place of one that had the same subject and epoch.
    pub(super) fn replace(&mut self, record: Arc<Record>) -> Result<(), Halt> {
        self.tenant_mut(ShardSet::of(record.id()), record.tenant())?.records.replace(Slot(record));
        Ok(())
    }

    /// Changes the stamp of a subject, if anything is known of it.
    pub(super) fn set_stamp(
        &mut self,
        tenant: &TenantId,
        subject: &SubjectId,
        stamp: SubjectStamp,
    ) -> Result<(), Halt> {
        let tag = subject_tag(tenant, subject);
        self.shard_mut(ShardSet::of_tag(tag))?.eventful.add(tag);
        self.change_row(tenant, subject, |row| row.set_stamp(stamp))
    }

    pub(super) fn remove(&mut self, tenant: &TenantId, id: SessionId) -> Result<(), Halt> {
        self.tenant_mut(ShardSet::of(id), tenant)?.records.remove(&id);
        Ok(())
    }

    /// Marks a record where it lies.
    pub(super) fn mark(
        &mut self,
        tenant: &TenantId,
        id: SessionId,
        mark: &Mark,
    ) -> Result<Result<(), SpendRefused>, Halt> {
        let records = &mut self.tenant_mut(ShardSet::of(id), tenant)?.records;
        let Some(mut slot) = records.take(&id) else { return Err(Halt::Failed(broken())) };
        let outcome = Arc::make_mut(&mut slot.0).mark(mark);
        records.insert(slot);
        Ok(outcome)
    }

    /// Changes what is known of a subject, if anything is.
    pub(super) fn change_row(
        &mut self,
        tenant: &TenantId,
        subject: &SubjectId,
        change: impl FnOnce(&mut Row),
    ) -> Result<(), Halt> {
        let rows = &mut self.tenant_mut(ShardSet::of_subject(tenant, subject), tenant)?.subjects;
        if let Some(mut slot) = rows.take(subject.as_str()) {
            change(slot.row_mut());
            rows.insert(slot);
        }
        Ok(())
    }

    /// What is known of a subject, begun now when nothing is.
    pub(super) fn stamp_or_first(
        &mut self,
        tenant: &TenantId,
        subject: &SubjectId,
        now: Timestamp,
    ) -> Result<SubjectStamp, Halt> {
        if let Some(row) = self.row(tenant, subject)? {
            return Ok(row.stamp());
        }
        let row = Row::first(subject.clone(), now);
        let stamp = row.stamp();
        let rows = &mut self.tenant_mut(ShardSet::of_subject(tenant, subject), tenant)?.subjects;
        rows.insert(RowSlot::new(row));
        Ok(stamp)
    }

    fn tenant(&self, shard: ShardSet, tenant: &TenantId) -> Result<Option<&TenantShard>, Halt> {
        if shard.lowest() == self.set.lowest() {
            return Ok(self.first.tenants.get(tenant));
        }
        let other = self.others.iter().find(|(index, _)| *index == shard.lowest());
        other.map(|(_, guard)| guard.tenants.get(tenant)).ok_or(Halt::Needs(shard))
    }

    fn tenant_mut(&mut self, shard: ShardSet, tenant: &TenantId) -> Result<&mut TenantShard, Halt> {
        let tenants = &mut self.shard_mut(shard)?.tenants;
        if !tenants.contains_key(tenant) {
            tenants.insert(tenant.clone(), TenantShard::default());
        }
        tenants.get_mut(tenant).ok_or(Halt::Failed(broken()))
    }

    fn shard_mut(&mut self, shard: ShardSet) -> Result<&mut Shard, Halt> {
        if shard.lowest() == self.set.lowest() {
            return Ok(&mut self.first);
        }
        let other = self.others.iter_mut().find(|(index, _)| *index == shard.lowest());
        other.map(|(_, guard)| &mut **guard).ok_or(Halt::Needs(shard))
    }
}

/// Which of the 1024 tags of one shard.
#[derive(Default)]
struct Tags([u64; 16]);

impl Tags {
    fn has(&self, tag: u16) -> bool {
        let (word, bit) = Self::place(tag);
        self.0.get(word).is_none_or(|word| word & bit != 0)
    }

    fn add(&mut self, tag: u16) {
        let (word, bit) = Self::place(tag);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    fn place(tag: u16) -> (usize, u64) {
        let at = usize::from(tag) / SHARDS;
        (at / 64, 1 << (at % 64))
    }
}

/// Hashes session ids, under random keys: an id is made here and mostly random, so one multiplication is enough.
#[derive(Clone)]
pub(super) struct IdState(u64, u64);

impl Default for IdState {
    fn default() -> Self {
        let random = RandomState::new();
        Self(random.hash_one(0), random.hash_one(1))
    }
}

impl BuildHasher for IdState {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher { keys: (self.0, self.1), hash: 0 }
    }
}

pub(super) struct IdHasher {
    keys: (u64, u64),
    hash: u64,
}

impl Hasher for IdHasher {
    fn write(&mut self, id: &[u8]) {
        let Some((early, rest)) = id.split_first_chunk() else { return };
        let Some(late) = rest.first_chunk() else { return };
        let early = u64::from_le_bytes(*early) ^ self.keys.0;
        let late = u64::from_le_bytes(*late) ^ self.keys.1;
        let product = u128::from(early) * u128::from(late);
        self.hash = product as u64 ^ (product >> 64) as u64;
    }

    /// The length, which is the same for all.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.hash
    }
}

impl TenantShard {
    pub(super) fn record(&self, id: SessionId) -> Option<&Arc<Record>> {
        self.records.get(&id).map(|slot| &slot.0)
    }

    pub(super) fn row(&self, subject: &SubjectId) -> Option<&Row> {
        self.subjects.get(subject.as_str()).map(RowSlot::row)
    }
}

impl Borrow<SessionId> for Slot {
    fn borrow(&self) -> &SessionId {
        self.0.id_ref()
    }
}

impl Hash for Slot {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id().hash(state);
    }
}

impl PartialEq for Slot {
    fn eq(&self, other: &Self) -> bool {
        self.0.id() == other.0.id()
    }
}

impl Eq for Slot {}
