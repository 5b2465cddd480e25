//! Making a backup.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use doorward_core::time::Wall;

use super::container::{ContainerError, Frame, Head, Header, Reader, Writer, hex};
use super::files::BackupFiles;
use super::lock::{Lock, LockError, Opener};
use crate::store::{LogHead, RowCheck, RowOf, Snapshot, StoreError};

/// Rows read at once.
const BATCH: usize = 1000;

/// The room for what was written and not yet handed to the disk.
const BUFFER_BYTES: usize = 256 * 1024;

/// How far it has come: rows written or checked, and rows there are, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Rows done with.
    pub done: u64,
    /// Rows to come to.
    pub total: u64,
}

/// What a backup is made of.
#[derive(Debug)]
pub struct BackupSource<'a> {
    /// The store.
    pub snapshot: &'a Snapshot,
    /// The configuration, and the readers' keys.
    pub files: &'a BackupFiles,
    /// The site's name.
    pub site: &'a str,
    /// When.
    pub at: Wall,
}

/// A backup that was made, and read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupDone {
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// The table's revision in it.
    pub revision: u64,
    /// The newest event in it.
    pub events: u64,
    /// The newest entry of the admin log in it.
    pub audit: u64,
    /// The hash of the table in it.
    pub table_hash: String,
}

/// Why there is no backup. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The folder is not there, or is not writable, or is full.
    #[error("cannot {doing} `{}`", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What was written is not what was read again.
    #[error("`{}` was written and cannot be read again", path.display())]
    Check {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ContainerError,
    },
    /// Somebody broke it off.
    #[error("it was cancelled")]
    Cancelled,
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::File {
        doing,
        path,
        source,
    }
}

/// Writes a backup into `folder`, which must be there: a disk that is not plugged in must not become a
/// folder on the appliance's own. It gets its name once it is whole, durable, and was read again.
pub fn make(
    source: &BackupSource<'_>,
    folder: &Path,
    lock: &Lock,
    mut progress: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<BackupDone, BackupError> {
    let path = folder.join(file_name(source.site, source.at));
    let new = path.with_extension("new");
    let made = write(source, &new, lock, &mut progress)
        .and_then(|written| check(source, &new, &written, &mut progress).map(|()| written))
        .and_then(|written| {
            fs::rename(&new, &path).map_err(failed("name", &path))?;
            File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(failed("sync", folder))?;
            Ok(written)
        });
    let written = match made {
        Ok(written) => written,
        Err(error) => {
            // What is half there only takes room.
            let _ = fs::remove_file(&new);
            return Err(error);
        }
    };
    let heads = source.snapshot.heads();
    Ok(BackupDone {
        bytes: fs::metadata(&path).map_err(failed("read", &path))?.len(),
        path,
        revision: source.snapshot.revision(),
        events: heads.events.seq,
        audit: heads.audit.seq,
        table_hash: written.table_hash,
    })
}

/// Such as `doorward-My-site-20261122T030000Z.age`: in the order of their times.
fn file_name(site: &str, at: Wall) -> String {
    let site: String = site
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '-'
            }
        })
        .collect();
    let digits: String = at
        .to_string()
        .chars()
        .filter(|c| !matches!(c, '-' | ':'))
        .collect();
    let stamp = digits.split('.').next().unwrap_or_default();
    format!("{PREFIX}{site}-{stamp}Z.{EXTENSION}")
}

/// What the names of backups begin with.
pub(super) const PREFIX: &str = "doorward-";
/// What they end in.
pub(super) const EXTENSION: &str = "age";

struct Written {
    opener: Opener,
    table_hash: String,
    rows: u64,
}

fn write(
    source: &BackupSource<'_>,
    path: &Path,
    lock: &Lock,
    progress: &mut impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Written, BackupError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(failed("make", path))?;
    let bad = |error| failed("write", path)(error);
    let (locked, opener) = lock.wrap(BufWriter::with_capacity(BUFFER_BYTES, file))?;
    let mut writer = Writer::begin(locked, &header(source)).map_err(bad)?;
    for (name, bytes) in source.files.iter() {
        writer.file(name, bytes).map_err(bad)?;
    }
    let snapshot = source.snapshot;
    for (name, seq) in snapshot.cursors() {
        let seq = seq.to_be_bytes();
        writer
            .row(RowOf::Cursors, name.as_bytes(), &seq)
            .map_err(bad)?;
    }
    let events = snapshot.heads().events.seq;
    let mut rows = 0;
    // Everything is read twice: written, and checked.
    let mut tell = |rows: u64| {
        let total = 2 * (rows + events);
        match progress(Progress { done: rows, total }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(BackupError::Cancelled),
        }
    };
    for of in [RowOf::Table, RowOf::Kept] {
        loop {
            let batch = snapshot.rows_of(of, BATCH)?;
            if batch.is_empty() {
                break;
            }
            rows += batch.len() as u64;
            for (key, value) in &batch {
                writer.row(of, key, value).map_err(bad)?;
            }
            tell(rows)?;
        }
    }
    let mut after = 0;
    loop {
        let batch = snapshot.events(after, BATCH)?;
        let Some((last, _)) = batch.last() else { break };
        after = *last;
        rows += batch.len() as u64;
        for (seq, value) in &batch {
            writer
                .row(RowOf::Events, &seq.to_be_bytes(), value)
                .map_err(bad)?;
        }
        tell(rows)?;
    }
    let (locked, table_hash) = writer.finish().map_err(bad)?;
    let file = locked.finish().map_err(bad)?;
    let file = file.into_inner().map_err(|error| bad(error.into_error()))?;
    file.sync_all().map_err(bad)?;
    Ok(Written {
        opener,
        table_hash,
        rows,
    })
}

/// Reads what was written as a restore would: unlocked, hashed, with both chains.
fn check(
    source: &BackupSource<'_>,
    path: &Path,
    written: &Written,
    progress: &mut impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<(), BackupError> {
    let wrong = |source| BackupError::Check {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed("read", path))?;
    let opened = written
        .opener
        .open(BufReader::with_capacity(BUFFER_BYTES, file))?;
    let mut reader = Reader::new(opened);
    let mut chains = RowCheck::default();
    let mut rows = 0;
    while let Some(frame) = reader.next().map_err(wrong)? {
        let Frame::Row { of, key, value } = frame else {
            continue;
        };
        chains.row(of, &key, &value)?;
        rows += 1;
        if rows % BATCH as u64 == 0 {
            let (done, total) = (written.rows + rows, 2 * written.rows);
            if progress(Progress { done, total }).is_break() {
                return Err(BackupError::Cancelled);
            }
        }
    }
    if reader.table_hash() != written.table_hash || !chains.ends_at(source.snapshot.heads()) {
        let what = "it is not what the store holds".to_owned();
        return Err(wrong(ContainerError::Damaged(what)));
    }
    Ok(())
}

fn header(source: &BackupSource<'_>) -> Header {
    let heads = source.snapshot.heads();
    let head = |head: &LogHead| Head {
        seq: head.seq,
        hash: hex(&head.hash),
    };
    Header {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        site: source.site.to_owned(),
        created: source.at,
        revision: source.snapshot.revision(),
        events: head(&heads.events),
        audit: head(&heads.audit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_time() {
        let at = |text: &str| text.parse::<Wall>().unwrap();
        let name = file_name("My site", at("2026-11-22T03:04:05Z"));
        assert_eq!(name, "doorward-My-site-20261122T030405Z.age");
        assert!(name < file_name("My site", at("2026-11-22T13:00:00Z")));
    }
}
