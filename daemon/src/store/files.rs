//! The store's folder on disk, and what of it must be synced for a power cut to cost nothing.
//!
//! sled makes `conf`, `db`, `blobs/` and `snap.*` under its folder. It syncs none of the folders
//! and never `conf`; and its flush ends in `sync_file_range(2)`, which neither writes the file's
//! size nor flushes the drive's cache. A lost `conf` makes the whole database unopenable.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::fcntl::{Flock, FlockArg, PosixFadviseAdvice, posix_fadvise};

use super::StoreError;

/// How often things were synced; for tests and figures.
#[derive(Debug, Default)]
pub struct SyncCounts {
    /// `fdatasync` of sled's log file.
    pub log: AtomicU64,
    /// Files and folders synced at opening.
    pub opening: AtomicU64,
    /// Blob files synced.
    pub blobs: AtomicU64,
}

/// Our own handle on the file that holds sled's log, and on its folder of blobs.
#[derive(Debug)]
pub(super) struct SyncedFiles {
    log: File,
    log_path: PathBuf,
    blobs_path: PathBuf,
    blobs_changed: (i64, i64),
    counts: Arc<SyncCounts>,
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Folder {
        doing,
        path,
        source,
    }
}

/// Makes the folder, readable by its owner only, and its entry in the parent durable.
pub(super) fn prepare_folder(path: &Path) -> Result<(), StoreError> {
    if !path.exists() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed("create", path))?;
    }
    let metadata = fs::metadata(path).map_err(failed("open", path))?;
    if !metadata.is_dir() {
        return Err(failed("use as a folder", path)(io::Error::from(
            io::ErrorKind::NotADirectory,
        )));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))
            .map_err(failed("restrict to its owner", path))?;
    }
    Ok(())
}

/// Takes away snapshots that were being written when the power went. sled means to pass them over,
/// looks for another ending than it gives them, and takes the database for damaged. Those of a
/// database in use are left alone.
pub(super) fn discard_unfinished_snapshots(folder: &Path) -> Result<(), StoreError> {
    let unfinished = snapshots(folder)?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "generating"));
    let Ok(_lock) = File::open(folder.join("db"))
        .map(|file| Flock::lock(file, FlockArg::LockExclusiveNonblock))
        .map_or(Ok(None), |locked| locked.map(Some))
    else {
        return Ok(());
    };
    for path in unfinished {
        fs::remove_file(&path).map_err(failed("remove", &path))?;
    }
    Ok(())
}

fn sync_path(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(failed("sync", path))
}

impl SyncedFiles {
    /// Syncs everything that opening the database may have made, and keeps a handle on its log.
    pub(super) fn open(folder: &Path, counts: Arc<SyncCounts>) -> Result<Self, StoreError> {
        let blobs_path = folder.join("blobs");
        let log_path = folder.join("db");
        let mut paths = vec![folder.join("conf"), log_path.clone(), blobs_path.clone()];
        paths.extend(snapshots(folder)?);
        paths.push(folder.to_owned());
        if let Some(parent) = folder.parent().filter(|path| !path.as_os_str().is_empty()) {
            paths.push(parent.to_owned());
        }
        for path in paths {
            sync_path(&path)?;
            counts.opening.fetch_add(1, Ordering::Relaxed);
        }
        let log = File::open(&log_path).map_err(failed("open", &log_path))?;
        let mut files = Self {
            log,
            log_path,
            blobs_path,
            blobs_changed: (0, 0),
            counts,
        };
        files.sync_blobs()?;
        Ok(files)
    }

    /// Makes durable what sled has written to its log, and any blobs beside it.
    pub(super) fn sync(&mut self) -> Result<(), StoreError> {
        self.sync_blobs()?;
        self.log
            .sync_data()
            .map_err(failed("sync", &self.log_path))?;
        self.counts.log.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Values are kept so small that sled makes no blobs. Should it make one all the same, it is
    /// synced like everything else.
    fn sync_blobs(&mut self) -> Result<(), StoreError> {
        let metadata = fs::metadata(&self.blobs_path).map_err(failed("open", &self.blobs_path))?;
        let changed = (metadata.mtime(), metadata.mtime_nsec());
        if changed == self.blobs_changed {
            return Ok(());
        }
        let entries = fs::read_dir(&self.blobs_path).map_err(failed("list", &self.blobs_path))?;
        for entry in entries {
            let path = entry.map_err(failed("list", &self.blobs_path))?.path();
            match sync_path(&path) {
                Ok(()) => {
                    self.counts.blobs.fetch_add(1, Ordering::Relaxed);
                }
                // A blob may be collected while the folder is listed.
                Err(StoreError::Folder { source, .. })
                    if source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        sync_path(&self.blobs_path)?;
        self.blobs_changed = changed;
        Ok(())
    }

    /// Has the system forget what it believes to be on the disk, so that the next reader sees
    /// what really is. After a failed sync, clean pages in memory may never have been written.
    pub(super) fn drop_from_memory(&self) {
        // Best effort: without it the reader sees what was meant to be written.
        let _ = posix_fadvise(&self.log, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    }
}

fn snapshots(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = fs::read_dir(folder).map_err(failed("list", folder))?;
    Ok(entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"snap."))
        })
        .collect())
}
