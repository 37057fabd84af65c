//! What the suite needs of a store that outlives its handles.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{id::SessionKey, store::SessionStore};

/// The place where a durable store keeps its rows: a file, a database, a schema of one.
///
/// [`store_suite!`](crate::testing::store_suite) makes one for each case, opens handles on it,
/// drops them, opens others, and damages rows while nobody looks. Dropping it may remove what it
/// holds.
///
/// # Examples
/// ```text
/// #[async_trait]
/// impl DurableStore for TempDatabase {
///     async fn open(&self) -> Arc<dyn SessionStore> {
///         Arc::new(MyStore::open(&self.path).await.unwrap())
///     }
///     async fn tamper(&self, key: &SessionKey, change: Tampering<'_>) {
///         let mut row = self.query("select row from sessions where tenant = ? and id = ?", key);
///         change(&mut row);
///         self.execute("update sessions set row = ? where tenant = ? and id = ?", row, key);
///     }
/// }
/// ```
#[async_trait]
pub trait DurableStore: Send + Sync {
    /// One more handle on what is here. Several are open at once, as if each were another process.
    async fn open(&self) -> Arc<dyn SessionStore>;

    /// Changes the stored bytes of a record, past every handle, as a bad disk would: those of
    /// [`Record::encode`](crate::session::Record::encode), and nothing that the store keeps beside
    /// them to find the row.
    ///
    /// The record is there, and no handle is open.
    async fn tamper(&self, key: &SessionKey, change: Tampering<'_>);
}

/// A change of the bytes of a row, as a fault of the medium makes one.
pub type Tampering<'a> = &'a mut (dyn FnMut(&mut Vec<u8>) + Send);
