//! sled, opened in the one way that the store uses it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sled::{Db, Tree};

use super::files::{SyncCounts, SyncedFiles, discard_unfinished_snapshots, prepare_folder};
use super::packed::Packed;
use super::{StoreError, StoreOptions};

/// sled's segment, in bytes. sled spills a tree node that is larger than a quarter of it into a
/// blob, a file of its own with its own ways to be lost.
const SEGMENT_BYTES: usize = 2 * 1024 * 1024;

/// The largest value, in bytes. A row of the table that is so large has a block to itself. A leaf
/// of sled holds at most 16 rows, and for a moment a few more while neighbours merge: 22 of the
/// largest stay below a quarter of a segment, so there are never blobs.
pub(super) const VALUE_BYTES_MAX: usize = 22 * 1024;

/// How long to wait for the lock: threads of sled may hold on to a closed database for a moment.
const LOCK_WAIT: Duration = Duration::from_secs(1);

/// How often to try the lock meanwhile.
const LOCK_RETRY: Duration = Duration::from_millis(10);

/// The trees, and the means to make durable what is written to them.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) trees: Trees,
    files: SyncedFiles,
}

/// The trees. A clone keeps the database open: none may outlive a [`super::shared::Shared::read`].
#[derive(Debug, Clone)]
pub(super) struct Trees {
    db: Db,
    /// Records, index rows, meta rows and audit entries.
    pub(super) table: Packed,
    /// The table as an older version keeps it, and the schema version.
    pub(super) old_table: Tree,
    /// The passage log.
    pub(super) events: Tree,
    /// Which events concern a door or a user.
    pub(super) postings: Tree,
    /// How far readers of the passage log have come, by name.
    pub(super) cursors: Tree,
    /// The history of alarms.
    pub(super) alarms: Tree,
    /// States of running parts, by name.
    pub(super) kept: Tree,
}

impl Database {
    pub(super) fn open(
        path: &Path,
        options: &StoreOptions,
        counts: Arc<SyncCounts>,
    ) -> Result<Self, StoreError> {
        prepare_folder(path)?;
        if !has_settings(path) {
            make_settings(path, options)?;
        }
        let db = open_unlocked(path, &settings(path, options))?;
        let tree = |name| {
            db.open_tree(name)
                .map_err(|error| opening(path.to_owned(), error))
        };
        let trees = Trees {
            table: Packed::new(tree("rows")?),
            old_table: tree("table")?,
            events: tree("events")?,
            postings: tree("postings")?,
            cursors: tree("cursors")?,
            alarms: tree("alarms")?,
            kept: tree("kept")?,
            db,
        };
        trees.db.flush()?;
        let mut files = SyncedFiles::open(path, counts)?;
        files.sync()?;
        Ok(Self { trees, files })
    }

    /// Makes everything written so far durable.
    pub(super) fn sync(&mut self) -> Result<(), StoreError> {
        self.trees.db.flush()?;
        self.files.sync()
    }

    /// Closes the database in order.
    pub(super) fn close(self) {
        self.close_failed();
    }

    /// Closes the database such that the next opening sees what is on the disk.
    pub(super) fn close_failed(self) {
        let Self { trees, files } = self;
        // sled's destructor unwraps the result of its last sync, which on a failing disk panics.
        let closed = catch_unwind(AssertUnwindSafe(|| drop(trees)));
        if closed.is_err() {
            log::warn!("the failed database did not close in order");
        }
        files.drop_from_memory();
    }
}

impl Trees {
    /// The error that has put sled out of order, if any: all its writes fail from then on.
    pub(super) fn poisoned(&self) -> Option<sled::Error> {
        self.db.context.global_error().err()
    }

    /// Wakes threads that wait for a flush of a database that is out of order. sled itself
    /// forgets to, where the write that failed ended a batch.
    pub(super) fn wake_waiting_flush(&self) {
        if self.poisoned().is_some() {
            let _ = self.db.flush();
        }
    }
}

fn settings(path: &Path, options: &StoreOptions) -> sled::Config {
    sled::Config::new()
        .path(path)
        .cache_capacity(options.cache_bytes)
        .mode(sled::Mode::LowSpace)
        .segment_size(SEGMENT_BYTES)
        // The store's thread alone decides when to flush.
        .flush_every_ms(None)
}

/// Opens the database; waits a little for a lock that is on its way out.
fn open_unlocked(path: &Path, config: &sled::Config) -> Result<Db, StoreError> {
    let begun = Instant::now();
    loop {
        if path.exists() {
            discard_unfinished_snapshots(path)?;
        }
        // sled asserts much of what it reads.
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()))
            .unwrap_or_else(|_| Err(sled::Error::ReportableBug("it panicked".to_owned())))
            .map_err(|error| opening(path.to_owned(), error));
        match opened {
            Err(StoreError::Locked { .. }) if begun.elapsed() < LOCK_WAIT => {
                std::thread::sleep(LOCK_RETRY);
            }
            opened => return opened,
        }
    }
}

/// Whether sled would find its settings. It takes an empty file for none.
fn has_settings(path: &Path) -> bool {
    std::fs::metadata(path.join("conf")).is_ok_and(|file| file.len() > 8)
}

/// Has sled write its settings elsewhere first, so that they are there whole or not at all: half
/// written, they keep the database from ever being opened.
fn make_settings(path: &Path, options: &StoreOptions) -> Result<(), StoreError> {
    let making = path.join("making");
    let failed = |source| StoreError::Folder {
        doing: "make the settings of the database in",
        path: making.clone(),
        source,
    };
    discard(&making).map_err(failed)?;
    drop(open_unlocked(&making, &settings(&making, options))?);
    let made = making.join("conf");
    let settled = std::fs::File::open(&made)
        .and_then(|file| file.sync_all())
        .and_then(|()| std::fs::rename(&made, path.join("conf")))
        .and_then(|()| std::fs::File::open(path)?.sync_all());
    settled.map_err(failed)?;
    // Whatever stays is taken away at the next opening that makes settings.
    let _ = discard(&making);
    Ok(())
}

fn discard(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn opening(path: PathBuf, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(source) if source.to_string().contains("could not acquire lock") => {
            StoreError::Locked { path }
        }
        sled::Error::Io(source) => StoreError::Folder {
            doing: "open the database in",
            path,
            source,
        },
        source => StoreError::Corrupt { path, source },
    }
}

/// Refuses a value that would not fit in a tree node.
pub(super) fn check_size(what: impl FnOnce() -> String, value: &[u8]) -> Result<(), StoreError> {
    if value.len() > VALUE_BYTES_MAX {
        return Err(StoreError::TooLarge {
            what: what(),
            found: value.len(),
            max: VALUE_BYTES_MAX,
        });
    }
    Ok(())
}
