//! `sync_revocations`: read the store's revocation log, for checks that may be a little stale. The
//! host schedules it.

use crate::issuer::Issuer;
use crate::{
    error::{Error, ErrorKind, Operation},
    store::RevocationBatch,
};

const OPERATION: Operation = Operation::Sync;
const BATCH: u32 = 1000;

impl Issuer {
    /// Reads what was revoked since the last call, so that checks with
    /// [`Freshness::AtMost`](crate::policy::Freshness::AtMost) need no store.
    ///
    /// Call it more often than the staleness you allow: with `AtMost(5 s)`, every second or two.
    /// While it fails, such checks ask the store.
    ///
    /// # Errors
    /// [`NotSupported`] (a store without a log), [`Unavailable`].
    ///
    /// [`NotSupported`]: crate::error::ErrorKind::NotSupported
    /// [`Unavailable`]: crate::error::ErrorKind::Unavailable
    pub async fn sync_revocations(&self) -> Result<(), Error> {
        if !self.inner.store.capabilities().revocation_log {
            return Err(Error::new(ErrorKind::NotSupported, OPERATION));
        }
        let poisoned =
            || Error::new(ErrorKind::Internal, OPERATION).with_source("a lock is poisoned");
        loop {
            // What is known is as old as the beginning of the read that found nothing left.
            let began = self.inner.clock.monotonic();
            let cursor = self.inner.revocations.read().map_err(|_| poisoned())?.cursor();
            let batch = self
                .inner
                .store
                .revoked_since(&cursor, BATCH)
                .await
                .map_err(self.call(OPERATION).store_failed())?;
            let mut view = self.inner.revocations.write().map_err(|_| poisoned())?;
            match batch {
                RevocationBatch::Entries { entries, next, more } => {
                    view.learn(entries, next, self.now());
                    if !more {
                        view.synced(began);
                        return Ok(());
                    }
                }
                RevocationBatch::Reset { next } => view.reset(next, self.now()),
            }
        }
    }
}
