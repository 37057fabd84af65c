//! What an example keeps between two runs: sessions in an SQLite file, and secrets in another one
//! beside it.
//!
//! Secrets in a plain file are a demo's way. A real host has the system's keychain or a key service
//! for them, so that whoever copies the folder with the sessions does not get the keys as well.

use std::{
    error::Error,
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Serialize, de::DeserializeOwned};
use session_issuer::store::{MemoryStore, SessionStore};

/// Sessions in this file; without one in memory, so they end with the process.
pub(crate) fn store(file: Option<&Path>) -> Result<Arc<dyn SessionStore>, Box<dyn Error>> {
    match file {
        None => Ok(Arc::new(MemoryStore::new())),
        #[cfg(feature = "sqlite")]
        Some(file) => {
            let opened = session_issuer::store::SqliteStore::open(file);
            Ok(Arc::new(opened.map_err(|error| format!("{}: {error}", file.display()))?))
        }
        #[cfg(not(feature = "sqlite"))]
        Some(_) => {
            Err("keeping sessions in a file needs the feature `sqlite`: add it to --features"
                .into())
        }
    }
}

/// A file that nobody but its owner can read.
pub(crate) struct PrivateFile(PathBuf);

impl PrivateFile {
    /// `sessions.db.secrets` beside `sessions.db`.
    pub(crate) fn beside(store: &Path) -> Self {
        Self(with_suffix(store, ".secrets"))
    }

    /// What was written last; none when nothing was.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<Option<T>, Box<dyn Error>> {
        match fs::read(&self.0) {
            Ok(json) => Ok(Some(serde_json::from_slice(&json)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", self.0.display()).into()),
        }
    }

    /// Writes it whole, or leaves what was there.
    pub(crate) fn write(&self, secrets: &impl Serialize) -> Result<(), Box<dyn Error>> {
        let new = with_suffix(&self.0, ".new");
        // Of a run that was interrupted. A file that is there would keep the rights that it has.
        let _ = fs::remove_file(&new);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&new)?;
        file.write_all(&serde_json::to_vec(secrets)?)?;
        file.sync_all()?;
        Ok(fs::rename(&new, &self.0)?)
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
