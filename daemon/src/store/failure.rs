//! While storage fails: when to try again, and what to say of it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use doorward_core::time::Mono;
use tokio::time::Instant;

use super::StoreError;

/// The first wait before storage is tried again.
const RETRY_MS_MIN: u64 = 250;

/// The longest wait before storage is tried again.
const RETRY_MS_MAX: u64 = 5_000;

/// The room that must be free before the database is opened anew: a segment of its log, its
/// snapshot, and what waits.
const PROBE_BYTES: usize = 4 * 1024 * 1024;

/// Storage fails.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) since: Mono,
    pub(super) error: String,
    wait_ms: u64,
    retry_at: Instant,
}

impl Failure {
    pub(super) fn new(since: Mono, error: &StoreError) -> Self {
        Self {
            since,
            error: error_text(error),
            wait_ms: RETRY_MS_MIN,
            retry_at: Instant::now() + Duration::from_millis(RETRY_MS_MIN),
        }
    }

    /// The same failure after another attempt.
    pub(super) fn again(self, error: &StoreError) -> Self {
        let wait_ms = (self.wait_ms * 2).min(RETRY_MS_MAX);
        Self {
            error: error_text(error),
            wait_ms,
            retry_at: Instant::now() + Duration::from_millis(wait_ms),
            ..self
        }
    }

    pub(super) const fn retry_at(&self) -> Instant {
        self.retry_at
    }

    pub(super) fn to_error(&self) -> StoreError {
        StoreError::Storage {
            what: self.error.clone(),
        }
    }
}

/// The error with its causes in one line.
fn error_text(error: &StoreError) -> String {
    let mut text = match error {
        StoreError::Storage { what } => what.clone(),
        other => other.to_string(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Finds out whether the folder takes data again.
pub(super) fn probe(folder: &Path) -> Result<(), StoreError> {
    let path = folder.join("probe");
    let written = fs::File::create(&path).and_then(|mut file| {
        file.write_all(&vec![0x5A; PROBE_BYTES])?;
        file.sync_all()
    });
    let removed = fs::remove_file(&path);
    written.and(removed).map_err(|source| StoreError::Folder {
        doing: "write to",
        path,
        source,
    })
}
