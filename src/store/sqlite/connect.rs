//! One connection, and the readers that wait for their next use.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{file_identity::FileIdentity, options::SqliteOptions};
use crate::store::StoreError;

/// How many connections are kept for the next read.
const IDLE_READERS: usize = 16;
/// More than this crate has statements.
const STATEMENTS: usize = 64;

/// Opens the file, which is there. No name has a meaning of its own: URIs are off.
pub(super) fn connect(file: &Path, options: &SqliteOptions) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(options.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Whoever can write to the file cannot make this process run what he put into it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    // Plans do not look at what is bound, else a statement over tables with partial indexes is
    // compiled at every use.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cache_size", -i64::from(options.cache_kib))?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

/// Connections that read. A read takes one, or opens one where none waits, so there are at most as
/// many as threads that read at once.
pub(super) struct Readers {
    identity: FileIdentity,
    options: SqliteOptions,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(identity: FileIdentity, options: SqliteOptions) -> Self {
        Self { identity, options, idle: Mutex::default() }
    }

    pub(super) fn identity(&self) -> &FileIdentity {
        &self.identity
    }

    /// One more connection to the same file, and to no other that stands at its path by now.
    pub(super) fn connect(&self) -> Result<Connection, StoreError> {
        let connection = connect(self.identity.path(), &self.options)?;
        self.identity.still_there()?;
        Ok(connection)
    }

    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = match self.idle().pop() {
            Some(connection) => connection,
            None => {
                let connection = self.connect()?;
                connection.pragma_update(None, "query_only", true)?;
                connection
            }
        };
        let answer = read(&connection);
        let mut idle = self.idle();
        if idle.len() < IDLE_READERS {
            idle.push(connection);
        }
        answer
    }

    /// A list of connections cannot be half done, whoever panicked.
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
