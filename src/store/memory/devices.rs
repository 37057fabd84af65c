//! Which record holds the slot of a device.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard},
};

use super::error::{broken, poisoned};
use crate::{
    id::{DeviceId, SessionId, TenantId},
    session::Record,
    store::StoreError,
};

const STRIPES: usize = 64;

type Slots = HashMap<(TenantId, DeviceId), SessionId>;

/// Which record took a device's slot last.
///
/// An entry is only a hint: a commit that clears the slot leaves it behind. Who reads one asks the
/// record whether it still holds the slot. A stripe is locked before any shard, and never after.
pub(super) struct Devices {
    hasher: RandomState,
    stripes: Box<[Mutex<Slots>]>,
}

impl Devices {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
        }
    }

    /// Forgets a record that is gone.
    pub(super) fn forget(&self, record: &Record) -> Result<(), StoreError> {
        let Some(device) = record.session().and_then(|session| session.device()) else {
            return Ok(());
        };
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

    /// The slot of a device, locked.
    pub(super) fn lock(
        &self,
        tenant: &TenantId,
        device: &DeviceId,
    ) -> Result<DeviceSlot<'_>, StoreError> {
        let key = (tenant.clone(), device.clone());
        let at = self.hasher.hash_one(&key) % STRIPES as u64;
        let stripe =
            usize::try_from(at).ok().and_then(|at| self.stripes.get(at)).ok_or_else(broken)?;
        Ok(DeviceSlot { stripe: stripe.lock().map_err(poisoned)?, key })
    }
}

pub(super) struct DeviceSlot<'a> {
    stripe: MutexGuard<'a, Slots>,
    key: (TenantId, DeviceId),
}

impl DeviceSlot<'_> {
    pub(super) fn holder(&self) -> Option<SessionId> {
        self.stripe.get(&self.key).copied()
    }

    pub(super) fn take(&mut self, id: SessionId) {
        self.stripe.insert(self.key.clone(), id);
    }
}
