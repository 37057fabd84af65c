//! What does not lie with one session or subject: device slots, and the actors that records name.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard},
};

use super::{broken, poisoned};
use crate::{
    id::{DeviceId, SessionId, SubjectKey, TenantId},
    session::Record,
    store::StoreError,
};

const STRIPES: usize = 64;

type Slots = HashMap<(TenantId, DeviceId), SessionId>;

/// Which record took a device's slot last.
///
/// An entry is only a hint: a commit that clears the slot leaves it behind. Who reads one asks the record whether it
/// still holds the slot. A stripe is locked before any shard, and never after.
pub(super) struct Devices {
    hasher: RandomState,
    stripes: Box<[Mutex<Slots>]>,
}

impl Devices {
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), stripes: (0..STRIPES).map(|_| Mutex::default()).collect() }
    }

    /// The slot of the device that this record holds, locked; none when it holds none.
    pub(super) fn slot_of(&self, record: &Record) -> Result<Option<DeviceSlot<'_>>, StoreError> {
        record.device_slot().map(|device| self.lock(record.tenant(), device)).transpose()
    }

    /// Forgets a record that is gone.
    pub(super) fn forget(&self, record: &Record) -> Result<(), StoreError> {
        let Some(device) = record.session().and_then(|session| session.device()) else { return Ok(()) };
        let mut slot = self.lock(record.tenant(), device)?;
        if slot.holder() == Some(record.id()) {
            slot.stripe.remove(&slot.key);
        }
        Ok(())
    }

    #[cfg(feature = "testing")]
    #[cfg(test)]
    #[allow(clippy::unwrap_used, reason = "for tests")]
    pub(super) fn is_empty(&self) -> bool {
        self.stripes.iter().all(|stripe| stripe.lock().unwrap().is_empty())
    }

    fn lock(&self, tenant: &TenantId, device: &DeviceId) -> Result<DeviceSlot<'_>, StoreError> {
        let key = (tenant.clone(), device.clone());
        let at = self.hasher.hash_one(&key) % STRIPES as u64;
        let stripe = usize::try_from(at).ok().and_then(|at| self.stripes.get(at)).ok_or_else(broken)?;
        Ok(DeviceSlot { stripe: stripe.lock().map_err(poisoned)?, key })
    }
}

pub(super) struct DeviceSlot<'a> {
    stripe: MutexGuard<'a, Slots>,
    key: (TenantId, DeviceId),
}

impl DeviceSlot<'_> {
    pub(super) fn device(&self) -> &DeviceId {
        &self.key.1
    }

    pub(super) fn holder(&self) -> Option<SessionId> {
        self.stripe.get(&self.key).copied()
    }

    pub(super) fn take(&mut self, id: SessionId) {
        self.stripe.insert(self.key.clone(), id);
    }
}

/// How many records name a subject as an actor: what is known of it is kept as long as one does.
///
/// Locked after shards.
#[derive(Default)]
pub(super) struct NamedActors(Mutex<HashMap<SubjectKey, u32>>);

impl NamedActors {
    pub(super) fn add(&self, record: &Record) -> Result<(), StoreError> {
        self.each(record, |named, key| *named.entry(key).or_default() += 1)
    }

    pub(super) fn forget(&self, record: &Record) -> Result<(), StoreError> {
        self.each(record, |named, key| {
            let Some(count) = named.get_mut(&key) else { return };
            *count -= 1;
            if *count == 0 {
                named.remove(&key);
            }
        })
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

    fn each(
        &self,
        record: &Record,
        act: impl Fn(&mut HashMap<SubjectKey, u32>, SubjectKey),
    ) -> Result<(), StoreError> {
        let Some(chain) = record.session().and_then(|session| session.actors()) else { return Ok(()) };
        let mut named = self.0.lock().map_err(poisoned)?;
        for actor in chain.actors() {
            act(&mut named, SubjectKey::new(record.tenant().clone(), actor.subject().clone()));
        }
        Ok(())
    }
}
