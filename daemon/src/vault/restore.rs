//! Making an appliance of a backup.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown};
use std::path::{Component, Path, PathBuf};

use nix::unistd::{User, geteuid};

use super::backup::Progress;
use super::container::{ContainerError, Frame, Header, Reader, TableHash, hex};
use super::files::{CONFIG, ELSEWHERE, KEYS};
use super::lock::{LockError, Opener};
use crate::config::{ConfigError, SiteConfig};
use crate::keys::KeyFolder;
use crate::store::{
    Rebuild, RowCheck, RowOf, Snapshot, Store, StoreError, StoreOptions, Verification, is_in_use,
    verify,
};

/// Rows between two words of progress.
const BATCH: u64 = 1000;

/// Where a backup is restored to.
pub(crate) struct RestoreTo<'a> {
    /// The path of `site.toml`.
    pub(crate) config: &'a Path,
    /// Whether a configuration that is there stays, and with it what it names.
    pub(crate) keep_config: bool,
    /// What seals the readers' keys on this machine.
    pub(crate) keys: &'a dyn Fn(&Path) -> KeyFolder,
    /// Marks what is moved aside, such as the time.
    pub(crate) stamp: &'a str,
}

/// What was done.
#[derive(Debug)]
pub(crate) struct Restored {
    /// What the backup says of itself.
    pub(crate) header: Header,
    /// The hash of the table, the same as in the backup.
    pub(crate) table_hash: String,
    /// The store.
    pub(crate) data: PathBuf,
    /// What was there before, where it is now.
    pub(crate) aside: Vec<PathBuf>,
    /// Files that do not belong into the folder of the configuration: put by hand where they belong.
    pub(crate) by_hand: Vec<(PathBuf, PathBuf)>,
}

/// Why nothing was restored. What was there is as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoreError {
    /// A file.
    #[error("cannot {doing} `{}`", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It does not open.
    #[error("`{}`: {source}", path.display())]
    Lock {
        /// The backup.
        path: PathBuf,
        /// Why not.
        source: LockError,
    },
    /// It is not whole.
    #[error("`{}` is not whole", path.display())]
    Damaged {
        /// The backup.
        path: PathBuf,
        /// What is wrong.
        source: ContainerError,
    },
    /// Its logs or table do not hold.
    #[error("what the backup holds does not hold together")]
    Store(#[from] StoreError),
    /// It does not prove itself.
    #[error("what was restored is not what was backed up: {0}")]
    Proof(String),
    /// The configuration in it, or the one that is there, is wrong.
    #[error("the configuration is wrong")]
    Config(#[from] ConfigError),
    /// The configuration in the backup is not one of this version.
    #[error("the configuration in the backup is wrong: {0}")]
    Wiring(String),
    /// A reader's key cannot be kept.
    #[error("the key of reader `{reader}` cannot be kept: {why}")]
    Key {
        /// Which reader.
        reader: String,
        /// Why.
        why: String,
    },
    /// A daemon runs.
    #[error("`{}` is in use: stop the daemon first, `systemctl stop doorwardd`", .0.display())]
    InUse(PathBuf),
    /// Somebody broke it off.
    #[error("it was cancelled")]
    Cancelled,
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RestoreError {
    let path = path.to_owned();
    move |source| RestoreError::File {
        doing,
        path,
        source,
    }
}

/// Restores the backup `path`.
///
/// It is read whole first, and nothing is touched before it has proved to be what was written. Then a
/// new store is made beside the place of the old one, checked in every way that a store can be, and
/// held against the heads and the hash in the backup; only then it takes the old one's place, which is
/// moved aside and never deleted. On any error what was made is taken away again.
pub(crate) fn restore(
    path: &Path,
    opener: &Opener,
    to: &RestoreTo<'_>,
    mut progress: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Restored, RestoreError> {
    let read = inspect(path, opener, &mut progress)?;
    let text = match read
        .files
        .iter()
        .find(|(name, _)| name == &format!("{CONFIG}site.toml"))
    {
        Some((_, text)) if !(to.keep_config && to.config.exists()) => Some(text.clone()),
        _ => None,
    };
    let config = match &text {
        Some(text) => SiteConfig::parse(&String::from_utf8_lossy(text))
            .map_err(|problems| RestoreError::Wiring(problems.to_string()))?,
        None => SiteConfig::load(to.config)?,
    };
    let data = config.data;
    if is_in_use(&data) {
        return Err(RestoreError::InUse(data));
    }
    let new = beside(&data, "restoring");
    let made = fill(path, opener, &new, &read, &mut progress)
        .and_then(|()| prove(&new, &read, &mut progress))
        .and_then(|()| keep_keys(&new, &read, to));
    if let Err(error) = made {
        // Nothing of it is of use, and it takes room.
        let _ = fs::remove_dir_all(&new);
        return Err(error);
    }
    let mut done = Restored {
        header: read.header.clone(),
        table_hash: read.table_hash.clone(),
        data: data.clone(),
        aside: Vec::new(),
        by_hand: Vec::new(),
    };
    match put_in_place(&new, &data, text.is_some(), &read, to, &mut done) {
        Ok(()) => Ok(done),
        Err(error) => {
            take_back(&new, &done, to.stamp);
            Err(error)
        }
    }
}

/// A backup that was read whole.
struct Read {
    header: Header,
    files: Vec<(String, Vec<u8>)>,
    table_hash: String,
    rows: u64,
}

fn open(path: &Path, opener: &Opener) -> Result<Reader<impl io::Read + use<>>, RestoreError> {
    let file = File::open(path).map_err(failed("open", path))?;
    let opened = opener.open(BufReader::new(file));
    opened
        .map(Reader::new)
        .map_err(|source| RestoreError::Lock {
            path: path.to_owned(),
            source,
        })
}

/// Reads it whole, and writes nothing.
fn inspect(
    path: &Path,
    opener: &Opener,
    progress: &mut impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Read, RestoreError> {
    let wrong = |source| RestoreError::Damaged {
        path: path.to_owned(),
        source,
    };
    let mut reader = open(path, opener)?;
    let (mut header, mut files, mut rows) = (None, Vec::new(), 0);
    let mut chains = RowCheck::default();
    while let Some(frame) = reader.next().map_err(wrong)? {
        match frame {
            Frame::Header(found) => header = Some(found),
            Frame::File { name, bytes } => files.push((name, bytes)),
            Frame::Row { of, key, value } => {
                chains.row(of, &key, &value)?;
                rows += 1;
                tell(progress, rows, rows * 2)?;
            }
        }
    }
    let no_header = || wrong(ContainerError::Damaged("it has no header".to_owned()));
    let header = header.ok_or_else(no_header)?;
    let [events, audit] = chains.ends().map(|(seq, hash)| (seq, hex(&hash)));
    let says = |head: &super::container::Head| (head.seq, head.hash.clone());
    if events != says(&header.events) || audit != says(&header.audit) {
        let what = "its logs do not end where its header says".to_owned();
        return Err(wrong(ContainerError::Damaged(what)));
    }
    Ok(Read {
        table_hash: reader.table_hash(),
        header,
        files,
        rows,
    })
}

fn tell(
    progress: &mut impl FnMut(Progress) -> ControlFlow<()>,
    done: u64,
    total: u64,
) -> Result<(), RestoreError> {
    if done.is_multiple_of(BATCH) && progress(Progress { done, total }).is_break() {
        return Err(RestoreError::Cancelled);
    }
    Ok(())
}

fn fill(
    path: &Path,
    opener: &Opener,
    new: &Path,
    read: &Read,
    progress: &mut impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<(), RestoreError> {
    if new.exists() {
        // Of a restore that was cut off.
        fs::remove_dir_all(new).map_err(failed("take away", new))?;
    }
    let mut reader = open(path, opener)?;
    let mut rebuild = Rebuild::begin(new)?;
    let mut rows = 0;
    loop {
        let next = reader.next().map_err(|source| RestoreError::Damaged {
            path: path.to_owned(),
            source,
        })?;
        match next {
            Some(Frame::Row { of, key, value }) => {
                rebuild.row(of, &key, &value)?;
                rows += 1;
                tell(progress, read.rows + rows, read.rows * 2)?;
            }
            Some(_) => {}
            None => break,
        }
    }
    Ok(rebuild.finish()?)
}

/// The new store is opened as the daemon would open it, checked, and held against the backup.
fn prove(
    new: &Path,
    read: &Read,
    progress: &mut impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<(), RestoreError> {
    let (store, thread) = Store::open(new, StoreOptions::default())?;
    let proved = proved(&store, read, progress);
    store.stop();
    thread.join();
    proved
}

fn proved(
    store: &Store,
    read: &Read,
    progress: &mut impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<(), RestoreError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| RestoreError::Proof(error.to_string()))?;
    let snapshot = runtime.block_on(store.snapshot())?;
    let heads = *snapshot.heads();
    let whole = verify(&snapshot, &store.view(), |at| {
        let (done, total) = (at.done, at.total);
        progress(Progress { done, total })
    })?;
    drop(snapshot);
    let whole = whole.ok_or(RestoreError::Cancelled)?;
    if !whole.is_whole() {
        return Err(RestoreError::Proof(first_fault(&whole)));
    }
    let said = (&read.header.events, &read.header.audit);
    let found = [heads.events, heads.audit].map(|head| (head.seq, hex(&head.hash)));
    if [
        (said.0.seq, said.0.hash.clone()),
        (said.1.seq, said.1.hash.clone()),
    ] != found
    {
        return Err(RestoreError::Proof("its logs end elsewhere".to_owned()));
    }
    let snapshot = runtime.block_on(store.snapshot())?;
    let found = table_hash(&snapshot)?;
    if found != read.table_hash {
        return Err(RestoreError::Proof(format!(
            "its table has the hash {found}, expected {}",
            read.table_hash
        )));
    }
    Ok(())
}

fn first_fault(found: &Verification) -> String {
    let faults = found.checks.iter().flat_map(|check| &check.told);
    faults.take(1).cloned().collect()
}

fn table_hash(snapshot: &Snapshot) -> Result<String, StoreError> {
    let mut hash = TableHash::default();
    loop {
        let rows = snapshot.rows_of(RowOf::Table, 1000)?;
        if rows.is_empty() {
            return Ok(hash.finish());
        }
        for (key, value) in rows {
            hash.row(&key, &value);
        }
    }
}

fn keep_keys(new: &Path, read: &Read, to: &RestoreTo<'_>) -> Result<(), RestoreError> {
    let folder = (to.keys)(new);
    for (name, bytes) in &read.files {
        let Some(reader) = name.strip_prefix(KEYS) else {
            continue;
        };
        let kept = folder.put_text(reader, &String::from_utf8_lossy(bytes));
        kept.map_err(|why| RestoreError::Key {
            reader: reader.to_owned(),
            why,
        })?;
    }
    Ok(())
}

/// A name for a neighbour of `path`.
fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(what);
    path.with_file_name(name)
}

fn put_in_place(
    new: &Path,
    data: &Path,
    with_config: bool,
    read: &Read,
    to: &RestoreTo<'_>,
    done: &mut Restored,
) -> Result<(), RestoreError> {
    let aside = format!("before-restore-{}", to.stamp);
    if with_config {
        let folder = to.config.parent().unwrap_or(Path::new("."));
        for (name, bytes) in &read.files {
            let target = match (name.strip_prefix(CONFIG), name.strip_prefix(ELSEWHERE)) {
                (Some("site.toml"), _) => to.config.to_owned(),
                (Some(inside), _) => within(folder, inside)?,
                (_, Some(path)) => {
                    let target = within(&folder.join("restored"), path.trim_start_matches('/'))?;
                    done.by_hand.push((target.clone(), PathBuf::from(path)));
                    target
                }
                _ => continue,
            };
            if fs::read(&target).is_ok_and(|there| there == *bytes) {
                continue;
            }
            move_aside(&target, &aside, done)?;
            write_new(&target, bytes)?;
            give(&target).map_err(failed("give to the daemon", &target))?;
        }
    }
    give(new).map_err(failed("give to the daemon", new))?;
    move_aside(data, &aside, done)?;
    fs::rename(new, data).map_err(failed("name", data))?;
    let parent = data.parent().unwrap_or(Path::new("."));
    File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(failed("sync", parent))
}

/// A path below `folder`, and nowhere else: whoever can write a backup must not write anywhere.
fn within(folder: &Path, inside: &str) -> Result<PathBuf, RestoreError> {
    let inside = Path::new(inside);
    let stays = inside
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !stays || inside.as_os_str().is_empty() {
        let leads_out = io::Error::other("it would lead out of the folder");
        return Err(failed("write", inside)(leads_out));
    }
    Ok(folder.join(inside))
}

fn move_aside(path: &Path, aside: &str, done: &mut Restored) -> Result<(), RestoreError> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let target = beside(path, aside);
    if target.exists() {
        let there = io::Error::from(io::ErrorKind::AlreadyExists);
        return Err(failed("move aside to", &target)(there));
    }
    fs::rename(path, &target).map_err(failed("move aside", path))?;
    done.aside.push(target);
    Ok(())
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), RestoreError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        let made = DirBuilder::new().recursive(true).mode(0o750).create(folder);
        made.map_err(failed("make", folder))?;
    }
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    })
    .map_err(failed("write", path))
}

/// The user that the shipped unit runs the daemon as.
const DAEMON_USER: &str = "doorward";

/// Gives what root has restored to the daemon, which could not read it otherwise. Whoever else restores
/// owns it themselves.
fn give(path: &Path) -> io::Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    match User::from_name(DAEMON_USER).map_err(io::Error::from)? {
        Some(user) => give_to(path, &user),
        None => Ok(()),
    }
}

fn give_to(path: &Path, user: &User) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            give_to(&entry?.path(), user)?;
        }
    }
    chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
}

/// Puts everything back where it was.
fn take_back(new: &Path, done: &Restored, stamp: &str) {
    let ending = format!(".before-restore-{stamp}");
    for aside in done.aside.iter().rev() {
        let name = aside.as_os_str().to_string_lossy();
        if let Some(before) = name.strip_suffix(&ending) {
            let before = Path::new(before);
            if before.is_file() {
                let _ = fs::remove_file(before);
            } else if before.is_dir() {
                let _ = fs::rename(before, new);
            }
            if let Err(error) = fs::rename(aside, before) {
                log::error!(
                    "`{}` is still at `{}`: {error}",
                    before.display(),
                    aside.display()
                );
            }
        }
    }
    let _ = fs::remove_dir_all(new);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_writes_nowhere_else() {
        let folder = Path::new("/etc/doorward");
        let check = |inside: &str, expect: bool| {
            assert_eq!(within(folder, inside).is_ok(), expect, "{inside}");
        };
        check("site.toml", true);
        check("keys/front.key", true);
        check("../passwd", false);
        check("/etc/passwd", false);
        check("a/../../b", false);
        check("", false);
    }
}
