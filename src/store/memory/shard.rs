//! 64 locks, their one order, and what lies behind each.
//!
//! A record lies in the shard of its id's tag, what is known of a subject in the shard of the subject's tag. Those are
//! the same for a session that was born with its subject. Whoever needs several shards takes them in rising order.

use std::{
    borrow::Borrow,
    collections::HashSet,
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use super::{
    broken, poisoned,
    subject::{Row, RowSlot},
    tenants::Tenants,
};
use crate::{
    clock::{Epoch, Timestamp},
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
    pub(super) tenants: Tenants,
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

/// A subject, and its tag, which is worth computing once.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) subject: &'a SubjectId,
    tag: u16,
}

impl<'a> Named<'a> {
    pub(super) fn new(tenant: &'a TenantId, subject: &'a SubjectId) -> Self {
        Self { tenant, subject, tag: subject_tag(tenant, subject) }
    }

    pub(super) fn of(record: &'a Record) -> Option<Self> {
        record.bound().map(|(subject, _)| Self::new(record.tenant(), subject))
    }

    pub(super) fn shard(self) -> ShardSet {
        ShardSet::of_tag(self.tag)
    }
}

/// A set of shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShardSet(u64);

impl ShardSet {
    pub(super) fn of(id: SessionId) -> Self {
        Self::of_tag(id.tag())
    }

    /// The shards of a record and of its subject.
    pub(super) fn of_record(record: &Record) -> Self {
        let own = Self::of(record.id());
        Named::of(record).map_or(own, |named| own.and(named.shard()))
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
    pub(super) fn read_subject(&self, named: Named<'_>) -> Result<RwLockReadGuard<'_, Shard>, StoreError> {
        self.read(named.shard().lowest())
    }

    /// Reads a record and the stamp of its subject as of one moment.
    pub(super) fn snapshot(&self, tenant: &TenantId, id: SessionId) -> Result<Option<Snapshot>, StoreError> {
        let own = ShardSet::of(id);
        {
            let shard = self.read(own.lowest())?;
            let record = shard.tenants.get(tenant).and_then(|shard| shard.record(id));
            let Some(record) = record else { return Ok(None) };
            if record.bound().is_none() {
                return Ok(Some(Snapshot::new(Arc::clone(record), None)));
            }
            if let Some(epoch) = shard.known_epoch(record) {
                return Ok(Some(Snapshot::new(Arc::clone(record), Some(SubjectStamp::unmoved(epoch)))));
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
            let home = own.and(Named::new(tenant, subject).shard());
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
        let shard = self.shard(ShardSet::of(id))?;
        Ok(shard.tenants.get(tenant).and_then(|shard| shard.record(id)))
    }

    pub(super) fn row(&self, named: Named<'_>) -> Result<Option<&Row>, Halt> {
        let shard = self.shard(named.shard())?;
        Ok(shard.tenants.get(named.tenant).and_then(|shard| shard.row(named.subject)))
    }

    /// The epoch of the subject of a record that is held, where that needs no look at the subject.
    pub(super) fn known_epoch(&self, record: &Record) -> Result<Option<Epoch>, Halt> {
        Ok(self.shard(ShardSet::of(record.id()))?.known_epoch(record))
    }

    /// The stamp of the subject of a record that is held; none when it has no subject, or nothing is known of it.
    pub(super) fn stamp_of(&self, record: &Record) -> Result<Option<SubjectStamp>, Halt> {
        let Some((subject, _)) = record.bound() else { return Ok(None) };
        if let Some(epoch) = self.known_epoch(record)? {
            return Ok(Some(SubjectStamp::unmoved(epoch)));
        }
        Ok(self.row(Named::new(record.tenant(), subject))?.map(Row::stamp))
    }

    /// Puts a record where none was, or one without that subject. Its subject's epoch is the one that was observed.
    pub(super) fn put(
        &mut self,
        record: Arc<Record>,
        named: Option<Named<'_>>,
        observed: Option<Epoch>,
    ) -> Result<(), Halt> {
        let id = record.id();
        let epoch = record.bound().map(|(_, epoch)| epoch);
        if named.is_some_and(|named| named.tag != id.tag()) || epoch != observed {
            self.shard_mut(ShardSet::of(id))?.eventful.add(id.tag());
        }
        self.replace(record)
    }

    /// Puts a record in the place of one that had the same subject and epoch.
    pub(super) fn replace(&mut self, record: Arc<Record>) -> Result<(), Halt> {
        self.tenant_mut(ShardSet::of(record.id()), record.tenant())?.records.replace(Slot(record));
        Ok(())
    }

    /// Changes the stamp of a subject, if anything is known of it.
    pub(super) fn set_stamp(&mut self, named: Named<'_>, stamp: SubjectStamp) -> Result<(), Halt> {
        self.shard_mut(named.shard())?.eventful.add(named.tag);
        self.change_row(named, |row| row.set_stamp(stamp))
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
    pub(super) fn change_row(&mut self, named: Named<'_>, change: impl FnOnce(&mut Row)) -> Result<(), Halt> {
        let rows = &mut self.tenant_mut(named.shard(), named.tenant)?.subjects;
        if let Some(mut slot) = rows.take(named.subject.as_str()) {
            change(slot.row_mut());
            rows.insert(slot);
        }
        Ok(())
    }

    /// What is known of a subject, begun now when nothing is.
    pub(super) fn stamp_or_first(&mut self, named: Named<'_>, now: Timestamp) -> Result<SubjectStamp, Halt> {
        if let Some(row) = self.row(named)? {
            return Ok(row.stamp());
        }
        let row = Row::first(named.subject.clone(), now);
        let stamp = row.stamp();
        self.tenant_mut(named.shard(), named.tenant)?.subjects.insert(RowSlot::new(row));
        Ok(stamp)
    }

    fn shard(&self, shard: ShardSet) -> Result<&Shard, Halt> {
        if shard.lowest() == self.set.lowest() {
            return Ok(&self.first);
        }
        let other = self.others.iter().find(|(index, _)| *index == shard.lowest());
        other.map(|(_, guard)| &**guard).ok_or(Halt::Needs(shard))
    }

    fn tenant_mut(&mut self, shard: ShardSet, tenant: &TenantId) -> Result<&mut TenantShard, Halt> {
        Ok(self.shard_mut(shard)?.tenants.get_or_insert(tenant))
    }

    fn shard_mut(&mut self, shard: ShardSet) -> Result<&mut Shard, Halt> {
        if shard.lowest() == self.set.lowest() {
            return Ok(&mut self.first);
        }
        let other = self.others.iter_mut().find(|(index, _)| *index == shard.lowest());
        other.map(|(_, guard)| &mut **guard).ok_or(Halt::Needs(shard))
    }
}

impl Shard {
    /// The epoch of the subject of a record in this shard, where that needs no look at the subject.
    fn known_epoch(&self, record: &Record) -> Option<Epoch> {
        let (_, epoch) = record.bound()?;
        (!self.eventful.has(record.id().tag())).then_some(epoch)
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
