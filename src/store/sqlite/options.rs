//! How a file is opened.

use std::time::Duration;

/// The settings under which an SQLite store opens its file.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    pub(super) busy_timeout: Duration,
    pub(super) cache_kib: u32,
}

impl SqliteOptions {
    pub(super) fn new() -> Self {
        Self { busy_timeout: Duration::from_secs(5), cache_kib: 4096 }
    }

    /// The time that a call waits for another process that writes: 5 seconds unless set, at most an
    /// hour.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout.min(Duration::from_secs(60 * 60));
        self
    }

    /// The KiB of the file that each connection keeps in memory: 4096 unless set. The one that
    /// writes keeps eight times as much: it touches every index.
    #[must_use]
    pub fn cache_kib(mut self, kib: u32) -> Self {
        self.cache_kib = kib;
        self
    }
}
