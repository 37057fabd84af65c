//! `sweep`: remove what ended a while ago. The host schedules it.

use crate::issuer::{Issuer, SweepReport};
use crate::{
    error::{Error, Operation},
    event::EventKind,
    session::{Life, life},
};

impl Issuer {
    /// Removes sessions of all tenants that ended a while ago, at most `limit` of them (500 is a
    /// good number).
    ///
    /// A session that came to its end by itself is emitted as `Expired`. One that was revoked was
    /// emitted then, alone or with all sessions of its subject.
    ///
    /// # Errors
    /// [`Unavailable`]. What was removed before stays removed; call again.
    ///
    /// [`Unavailable`]: crate::error::ErrorKind::Unavailable
    pub async fn sweep(&self, limit: u32) -> Result<SweepReport, Error> {
        let now = self.now();
        let swept = self
            .inner
            .store
            .sweep(now, limit)
            .await
            .map_err(self.call(Operation::Sweep).store_failed())?;
        for gone in &swept.removed {
            let by_itself =
                !matches!(life(&gone.record, gone.subject.as_ref(), now), Life::Revoked(_));
            if by_itself && gone.record.session().is_some() {
                self.tenant(gone.record.tenant().clone()).emit(&gone.record, EventKind::Expired);
            }
        }
        Ok(SweepReport {
            removed: swept.removed.len(),
            damaged: swept.damaged.len(),
            more: swept.more,
        })
    }
}
