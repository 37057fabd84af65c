//! 64 locks, their one order, and what lies behind each.
//!
//! A record lies in the shard of its id's tag, what is known of a subject in the shard of the
//! subject's tag. Those are the same for a session that was born with its subject. Whoever needs
//! several shards takes them in rising order.

use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{
    error::{broken, poisoned},
    shard::{SHARDS, Shard},
    subject::SubjectRow,
    tenants::TenantShard,
};
use crate::{
    id::{SessionId, SubjectId, SubjectKey, TenantId, subject_tag},
    session::{Epoch, Record, SubjectStamp},
    store::{Snapshot, StoreError},
};

pub(super) struct Shards(Box<[Padded]>);

/// Neighbouring locks do not share a cache line.
#[repr(align(64))]
#[derive(Default)]
struct Padded(RwLock<Shard>);

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

    /// With a tag that was computed before, if it was.
    fn tagged(tenant: &'a TenantId, subject: &'a SubjectId, tag: Option<u16>) -> Self {
        let tag = tag.unwrap_or_else(|| subject_tag(tenant, subject));
        Self { tenant, subject, tag }
    }

    pub(super) fn tag(self) -> u16 {
        self.tag
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

    /// Looks at rows while it holds these shards, and again with more of them when the look finds
    /// that it needs more; what was seen, with the shards still held.
    pub(super) fn look<T>(
        &self,
        mut wanted: ShardSet,
        mut look: impl FnMut(&Held<'_>) -> Result<T, Halt>,
    ) -> Result<(Held<'_>, T), StoreError> {
        loop {
            let held = self.hold(wanted)?;
            match look(&held) {
                Ok(seen) => return Ok((held, seen)),
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

    /// Changes the shard of a record.
    pub(super) fn write_record(
        &self,
        id: SessionId,
    ) -> Result<RwLockWriteGuard<'_, Shard>, StoreError> {
        self.write(ShardSet::of(id).lowest())
    }

    /// Changes the shard of a subject.
    pub(super) fn write_subject(
        &self,
        named: Named<'_>,
    ) -> Result<RwLockWriteGuard<'_, Shard>, StoreError> {
        self.write(named.shard().lowest())
    }

    /// Reads the shard of a subject.
    pub(super) fn read_subject(
        &self,
        named: Named<'_>,
    ) -> Result<RwLockReadGuard<'_, Shard>, StoreError> {
        self.read(named.shard().lowest())
    }

    /// Reads a record and the stamp of its subject as of one moment.
    pub(super) fn snapshot(
        &self,
        tenant: &TenantId,
        id: SessionId,
    ) -> Result<Option<Snapshot>, StoreError> {
        let own = ShardSet::of(id);
        {
            let shard = self.read(own.lowest())?;
            let record = shard.tenants.get(tenant).and_then(|shard| shard.record(id));
            let Some(record) = record else { return Ok(None) };
            if record.bound().is_none() {
                return Ok(Some(Snapshot::new(Arc::clone(record), None)));
            }
            if let Some(epoch) = shard.known_epoch(record) {
                return Ok(Some(Snapshot::new(
                    Arc::clone(record),
                    Some(SubjectStamp::unmoved(epoch)),
                )));
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
            let Some(own_tenant) = own_shard.as_ref().and_then(|shard| shard.tenants.get(tenant))
            else {
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

    pub(super) fn record(
        &self,
        tenant: &TenantId,
        id: SessionId,
    ) -> Result<Option<&Arc<Record>>, Halt> {
        let shard = self.shard(ShardSet::of(id))?;
        Ok(shard.tenants.get(tenant).and_then(|shard| shard.record(id)))
    }

    pub(super) fn row(&self, named: Named<'_>) -> Result<Option<&SubjectRow>, Halt> {
        let shard = self.shard(named.shard())?;
        Ok(shard.tenants.get(named.tenant).and_then(|shard| shard.row(named.subject)))
    }

    /// A record that is held, and what is known of its subject.
    pub(super) fn snapshot(&self, record: &Arc<Record>) -> Result<Snapshot, Halt> {
        Ok(Snapshot::new(record.clone(), self.stamp_of(record)?))
    }

    /// The stamp of the subject of a record that is held; none when it has no subject, or nothing
    /// is known of it.
    pub(super) fn stamp_of(&self, record: &Record) -> Result<Option<SubjectStamp>, Halt> {
        let Some((subject, _)) = record.bound() else { return Ok(None) };
        if let Some(epoch) = self.shard(ShardSet::of(record.id()))?.known_epoch(record) {
            return Ok(Some(SubjectStamp::unmoved(epoch)));
        }
        Ok(self.row(Named::new(record.tenant(), subject))?.map(SubjectRow::stamp))
    }

    /// Puts a record in the place of one that had the same subject and epoch.
    pub(super) fn replace(&mut self, record: Arc<Record>) -> Result<(), Halt> {
        self.shard_mut(ShardSet::of(record.id()))?.replace(record);
        Ok(())
    }

    /// Adds a record under the epoch of its subject, and names it among those of the subject.
    /// `begun` is what is known of a subject that was unknown before.
    pub(super) fn insert(
        &mut self,
        record: Arc<Record>,
        tag: Option<u16>,
        begun: Option<(SubjectKey, Epoch)>,
    ) -> Result<(), Halt> {
        let id = record.id();
        let Some((subject, _)) = record.bound() else { return self.replace(record) };
        let named = Named::tagged(record.tenant(), subject, tag);
        if named.tag != id.tag() {
            self.shard_mut(ShardSet::of(id))?.look_up(id.tag());
        }
        match begun {
            Some((subject, epoch)) => self.begin(subject, Some(named.tag), epoch, Some(id))?,
            None => self.change_row(named, |row| row.add(id))?,
        }
        self.replace(record)
    }

    /// Begins to know a subject, which one record names at most.
    pub(super) fn begin(
        &mut self,
        key: SubjectKey,
        tag: Option<u16>,
        epoch: Epoch,
        id: Option<SessionId>,
    ) -> Result<(), Halt> {
        let SubjectKey { tenant, subject, .. } = key;
        let shard = Named::tagged(&tenant, &subject, tag).shard();
        self.shard_mut(shard)?.tenants.get_or_insert(&tenant).begin(subject, epoch, id);
        Ok(())
    }

    /// Puts a record that names another subject or epoch than the one before; a new name is added
    /// to the records of its subject.
    pub(super) fn rebind(&mut self, is_new: bool, record: Arc<Record>) -> Result<(), Halt> {
        let id = record.id();
        let Some(named) = Named::of(&record) else { return self.replace(record) };
        let known = self.row(named)?.map(SubjectRow::epoch);
        if named.tag != id.tag() || known != record.bound().map(|(_, epoch)| epoch) {
            self.shard_mut(ShardSet::of(id))?.look_up(id.tag());
        }
        if is_new {
            self.change_row(named, |row| row.add(id))?;
        }
        self.replace(record)
    }

    /// Puts a record that ended, which counts no longer among those of its subject.
    pub(super) fn end(&mut self, record: Arc<Record>) -> Result<(), Halt> {
        if let Some(named) = Named::of(&record) {
            self.change_row(named, |row| row.end(record.id()))?;
        }
        self.replace(record)
    }

    /// Keeps what is known of a subject from now on, of which something was revoked.
    pub(super) fn set_stamp(
        &mut self,
        key: SubjectKey,
        tag: Option<u16>,
        stamp: SubjectStamp,
    ) -> Result<(), Halt> {
        let named = Named::tagged(&key.tenant, &key.subject, tag);
        let (set, tag) = (named.shard(), named.tag);
        self.shard_mut(set)?.set_stamp(key, tag, stamp);
        Ok(())
    }

    /// Removes a record, also from among those of its subject.
    pub(super) fn remove(&mut self, record: &Record) -> Result<(), Halt> {
        let id = record.id();
        self.tenant_mut(ShardSet::of(id), record.tenant())?.records.remove(&id);
        let had_tombstone = record.tombstone().is_some();
        match Named::of(record) {
            Some(named) => self.change_row(named, |row| row.forget(id, had_tombstone)),
            None => Ok(()),
        }
    }

    /// Changes what is known of a subject, if anything is.
    pub(super) fn change_row(
        &mut self,
        named: Named<'_>,
        change: impl FnOnce(&mut SubjectRow),
    ) -> Result<(), Halt> {
        self.tenant_mut(named.shard(), named.tenant)?.change_row(named.subject, change);
        Ok(())
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
