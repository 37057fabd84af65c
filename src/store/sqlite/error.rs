//! What keeps a file from being opened, and how SQLite's errors read here.

use rusqlite::ErrorCode;

use crate::store::{StoreError, StoreErrorKind};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// The reasons for which a file cannot be opened as a store. What was there is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The path is empty, or has a NUL in it.
    #[error("not a path of a file")]
    InvalidPath,
    /// The directory that it would be made in is not there.
    #[error("the directory is not there")]
    MissingDirectory,
    /// There is something else than a file: a directory, a device, a pipe.
    #[error("not a file")]
    NotAFile,
    /// It is no SQLite database, or an encrypted one.
    #[error("not an SQLite database")]
    NotADatabase,
    /// It is an SQLite database, and another program's.
    #[error("a database of another program")]
    OtherProgram,
    /// A later release has made or changed its tables.
    #[error("its tables are of version {found}, and this release knows up to {known}")]
    NewerSchema {
        /// The version of its tables.
        found: i64,
        /// The latest version that this release knows.
        known: i64,
    },
    /// A table, index or view is missing.
    #[error("its tables are not those of its version")]
    DamagedSchema,
    /// The file may not be written.
    #[error("the file may not be written")]
    ReadOnly,
    /// Another process holds it for longer than the busy timeout.
    #[error("another process holds it")]
    Busy,
    /// The file system cannot share a write-ahead log: a network drive, most often.
    #[error("the file system cannot hold a write-ahead log")]
    NoWriteAheadLog,
    /// The operating system or SQLite refuses.
    #[error("it cannot be opened")]
    Failed(#[source] Source),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            _ if is_busy(&error) => Self::Busy,
            Some(ErrorCode::NotADatabase) => Self::NotADatabase,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            _ => Self::Failed(error.into()),
        }
    }
}

impl From<std::io::Error> for OpenError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                Self::ReadOnly
            }
            _ => Self::Failed(error.into()),
        }
    }
}

/// What SQLite says of a call. Its words name tables and columns, and never what is in them.
impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::new(kind(&error)).with_source(error)
    }
}

fn kind(error: &rusqlite::Error) -> StoreErrorKind {
    use rusqlite::Error;
    match error.sqlite_error_code() {
        _ if is_busy(error) => StoreErrorKind::Busy,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreErrorKind::Damaged,
        Some(ErrorCode::TooBig) => StoreErrorKind::TooLarge,
        Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::ApiMisuse) => {
            StoreErrorKind::Broken
        }
        Some(_) => StoreErrorKind::Unavailable,
        None => match error {
            Error::InvalidColumnType(..)
            | Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::Utf8Error(..)
            // Each statement that must find a row asks for one that every file has.
            | Error::QueryReturnedNoRows => StoreErrorKind::Damaged,
            _ => StoreErrorKind::Broken,
        },
    }
}

pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

pub(super) fn broken() -> StoreError {
    StoreError::new(StoreErrorKind::Broken)
}

/// A row that disagrees with the columns beside it.
pub(super) fn damaged(what: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Damaged).with_source(what)
}
