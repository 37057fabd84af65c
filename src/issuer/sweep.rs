//! `sweep`: remove what ended a while ago. The host schedules it.

use super::{
    SweepReport,
    core::{Issuer, store_failed},
};
use crate::{
    error::{Error, Operation},
    event::EventKind,
};

impl Issuer {
    /// Removes sessions of all tenants that ended a while ago, at most `limit` of them (500 is a good number).
    ///
    /// # Errors
    /// `Unavailable`. What was removed before stays removed; call again.
    pub async fn sweep(&self, limit: u32) -> Result<SweepReport, Error> {
        let swept =
            self.inner.store.sweep(self.now(), limit).await.map_err(store_failed(Operation::Sweep))?;
        for record in &swept.removed {
            // What was revoked was told of then.
            if record.tombstone().is_none() && record.session().is_some() {
                self.tenant(record.tenant().clone()).tell(record, EventKind::Expired);
            }
        }
        Ok(SweepReport { removed: swept.removed.len(), damaged: swept.damaged.len(), more: swept.more })
    }
}
