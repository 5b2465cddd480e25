//! Checking a store that no daemon runs on, without touching it.

use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::super::{Heads, Store, StoreError, StoreOptions};
use super::{Verification, VerifyProgress, verify};

/// Why a store could not be checked at all.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// A daemon runs on it.
    #[error("`{}` is in use by a running daemon: ask that one, with `doorward verify`", .0.display())]
    InUse(PathBuf),
    /// There is none, or it cannot be read, or not copied.
    #[error("cannot {doing} `{}`", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Not even the copy opens.
    #[error("it does not open")]
    Store(#[from] StoreError),
}

/// Checks the store in the folder `path` as it would be after opening.
///
/// Opening a database writes to it. So this works on a copy in `scratch`, a folder that must have
/// room for it and that the caller takes away; the store itself is only read.
pub fn verify_folder(
    path: &Path,
    scratch: &Path,
    progress: impl FnMut(VerifyProgress) -> ControlFlow<()>,
) -> Result<Option<Verification>, OfflineError> {
    let failed = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| OfflineError::File {
            doing,
            path,
            source,
        }
    };
    let database = path.join("db");
    let file = File::open(&database).map_err(failed("open", &database))?;
    // sled holds its file locked for as long as it is open.
    let lock = Flock::lock(file, FlockArg::LockSharedNonblock)
        .map_err(|_| OfflineError::InUse(path.to_owned()))?;
    copy(path, scratch).map_err(failed("copy", path))?;
    drop(lock);
    let options = StoreOptions {
        heads: Heads::Whatever,
        ..StoreOptions::default()
    };
    let (store, thread) = Store::open(scratch, options)?;
    let checked = snapshot_and_verify(&store, progress);
    store.stop();
    thread.join();
    Ok(checked?)
}

fn snapshot_and_verify(
    store: &Store,
    progress: impl FnMut(VerifyProgress) -> ControlFlow<()>,
) -> Result<Option<Verification>, StoreError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| StoreError::Storage {
        what: format!("no runtime: {error}"),
    })?;
    let snapshot = runtime.block_on(store.snapshot())?;
    verify(&snapshot, &store.view(), progress)
}

/// Whether a daemon runs on the store in the folder `path`.
#[must_use]
pub fn is_in_use(path: &Path) -> bool {
    File::open(path.join("db"))
        .is_ok_and(|file| Flock::lock(file, FlockArg::LockSharedNonblock).is_err())
}

/// Copies the database and a change that waits beside it; no keys.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), target)?;
        } else if entry.file_name() == "blobs" {
            copy(&entry.path(), &target)?;
        }
    }
    Ok(())
}
