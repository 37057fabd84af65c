//! Which file is open, whatever stands at its path now.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::store::{StoreError, StoreErrorKind};

/// What tells one file from another. Where an open file can be neither moved nor replaced, nothing
/// needs to.
#[cfg(unix)]
type Which = (u64, u64);
#[cfg(not(unix))]
type Which = ();

/// The path of a store, and the file that stood there when it was opened.
///
/// SQLite goes on writing to a file that has been removed or moved, where nobody will look for what
/// was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileIdentity {
    path: PathBuf,
    which: Which,
}

impl FileIdentity {
    pub(super) fn new(path: PathBuf) -> io::Result<Self> {
        let which = which(&path)?;
        Ok(Self { path, which })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Fails while the file is not where it was.
    pub(super) fn still_there(&self) -> Result<(), StoreError> {
        let unavailable = || StoreError::new(StoreErrorKind::Unavailable);
        match which(&self.path) {
            Ok(which) if which == self.which => Ok(()),
            Ok(_) => {
                Err(unavailable().with_source("the file was replaced by another while it was open"))
            }
            Err(error) => Err(unavailable().with_source(error)),
        }
    }
}

#[cfg(unix)]
fn which(path: &Path) -> io::Result<Which> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn which(path: &Path) -> io::Result<Which> {
    fs::metadata(path).map(drop)
}
