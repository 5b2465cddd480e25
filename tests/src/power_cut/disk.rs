//! A disk as it may be found after a power cut.
//!
//! What was synced is there. Of what was written later, each sector of 512 bytes is there or not, in
//! whatever order; lengths of files, too. New names, renames and removals that were not synced
//! through their folder may be undone.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::trace::{Call, Moment, Trace};
use crate::bench::figures::Spread;

/// What a drive writes whole or not at all, in bytes.
const SECTOR: usize = 512;

/// Stands for the calls of processes that have ended.
const BEFORE: usize = usize::MAX;

/// The number of a file or folder.
type Id = usize;

/// Files by their paths, as they are found.
pub(super) type Image = BTreeMap<PathBuf, Found>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Folder,
    File(Vec<u8>),
}

#[derive(Debug, Clone, Default)]
struct File {
    is_folder: bool,
    /// What is on the disk for certain.
    durable: Vec<u8>,
    /// What was done since, and may be on the disk in part.
    pending: Vec<(usize, Change)>,
    /// As every process sees it.
    length: usize,
}

#[derive(Debug, Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate { length: usize },
}

/// A change of names. It belongs to a folder.
#[derive(Debug, Clone)]
struct Naming {
    call: usize,
    folders: Vec<PathBuf>,
    what: Named,
}

#[derive(Debug, Clone)]
enum Named {
    Made { path: PathBuf, id: Id },
    Renamed { from: PathBuf, to: PathBuf, id: Id },
    Removed { path: PathBuf },
}

/// Everything below one folder.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    root: PathBuf,
    files: Vec<File>,
    /// As every process sees them.
    names: BTreeMap<PathBuf, Id>,
    durable_names: BTreeMap<PathBuf, Id>,
    naming: Vec<Naming>,
}

/// An open file.
#[derive(Debug, Clone)]
struct Handle {
    id: Id,
    place: u64,
    append: bool,
    path: PathBuf,
}

impl Disk {
    /// Nothing but the folder itself.
    pub(super) fn empty(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            naming: Vec::new(),
        }
    }

    /// As it was found, all of it durable.
    pub(super) fn of(root: &Path, image: &Image) -> Self {
        let mut disk = Self::empty(root);
        for (path, found) in image {
            let file = match found {
                Found::Folder => File {
                    is_folder: true,
                    ..File::default()
                },
                Found::File(bytes) => File {
                    durable: bytes.clone(),
                    length: bytes.len(),
                    ..File::default()
                },
            };
            disk.names.insert(path.clone(), disk.files.len());
            disk.files.push(file);
        }
        disk.durable_names = disk.names.clone();
        disk
    }

    fn make(&mut self, call: usize, path: &Path, is_folder: bool) -> Id {
        let id = self.files.len();
        self.files.push(File {
            is_folder,
            ..File::default()
        });
        self.names.insert(path.to_owned(), id);
        self.name(
            call,
            &[path],
            Named::Made {
                path: path.to_owned(),
                id,
            },
        );
        id
    }

    fn name(&mut self, call: usize, paths: &[&Path], what: Named) {
        let folders = paths.iter().filter_map(|path| path.parent());
        self.naming.push(Naming {
            call,
            folders: folders.map(Path::to_owned).collect(),
            what,
        });
    }

    /// Draws one of the ways in which it may be found.
    pub(super) fn cut(&self, spread: &mut Spread) -> Image {
        let names = self.cut_names(spread);
        let hole = Hole::drawn(&self.files, spread);
        let mut image = Image::new();
        for (path, id) in &names {
            let within = path
                .ancestors()
                .skip(1)
                .take_while(|path| *path != Path::new(""));
            let reached = within
                .filter(|path| !path.as_os_str().is_empty())
                .all(|path| names.get(path).is_some_and(|id| self.files[*id].is_folder));
            if !reached {
                continue;
            }
            let file = &self.files[*id];
            let found = if file.is_folder {
                Found::Folder
            } else {
                Found::File(file.cut(&hole, *id, spread))
            };
            image.insert(path.clone(), found);
        }
        image
    }

    fn cut_names(&self, spread: &mut Spread) -> BTreeMap<PathBuf, Id> {
        let mut names = self.durable_names.clone();
        let count = self.naming.len();
        let kept = match spread.below(4) {
            0 => 0,
            1 => count,
            _ => spread.below(count as u64 + 1) as usize,
        };
        let in_order = spread.below(2) == 0;
        for (at, naming) in self.naming.iter().enumerate() {
            let there = if in_order || kept == 0 || kept == count {
                at < kept
            } else {
                spread.below(2) == 0
            };
            if there {
                apply(&mut names, &naming.what);
            }
        }
        names
    }
}

fn apply(names: &mut BTreeMap<PathBuf, Id>, what: &Named) {
    match what {
        Named::Made { path, id } => {
            names.insert(path.clone(), *id);
        }
        Named::Renamed { from, to, id } => {
            names.remove(from);
            names.insert(to.clone(), *id);
        }
        Named::Removed { path } => {
            names.remove(path);
        }
    }
}

/// Which of the sectors not synced are there.
enum Hole {
    /// Each by itself, with so many per mille.
    Scattered(u64),
    /// All before this change of this file, none after it.
    Behind(Id, usize),
    /// All but this change of this file.
    Only(Id, usize),
}

impl Hole {
    fn drawn(files: &[File], spread: &mut Spread) -> Self {
        let pending = |file: &File| file.pending.len();
        let mut at = match files.iter().map(pending).sum::<usize>() {
            0 => return Self::Scattered(0),
            all => spread.below(all as u64) as usize,
        };
        let mut id = 0;
        while at >= files[id].pending.len() {
            at -= files[id].pending.len();
            id += 1;
        }
        match spread.below(10) {
            0 => Self::Scattered(0),
            1 => Self::Scattered(1000),
            2 => Self::Scattered(20),
            3 => Self::Scattered(500),
            4 => Self::Scattered(900),
            5 => Self::Scattered(999),
            6 | 7 => Self::Behind(id, at),
            _ => Self::Only(id, at),
        }
    }

    /// How many per mille of a change's sectors are there.
    fn per_mille(&self, id: Id, at: usize) -> u64 {
        match self {
            Self::Scattered(per_mille) => *per_mille,
            Self::Behind(of, from) if *of == id => match at.cmp(from) {
                std::cmp::Ordering::Less => 1000,
                std::cmp::Ordering::Equal => 500,
                std::cmp::Ordering::Greater => 0,
            },
            Self::Behind(..) => 500,
            Self::Only(of, gone) if *of == id && *gone == at => 0,
            Self::Only(..) => 1000,
        }
    }
}

impl File {
    fn write(&mut self, call: usize, at: usize, bytes: &[u8]) {
        self.length = self.length.max(at + bytes.len());
        self.pending.push((
            call,
            Change::Write {
                at,
                bytes: bytes.to_vec(),
            },
        ));
    }

    fn truncate(&mut self, call: usize, length: usize) {
        self.length = length;
        self.pending.push((call, Change::Truncate { length }));
    }

    /// Everything that had been done when a sync began is on the disk when it has ended.
    fn settle(&mut self, done: &Done) {
        let pending = std::mem::take(&mut self.pending);
        for (call, change) in pending {
            if !done.has(call) {
                self.pending.push((call, change));
                continue;
            }
            match change {
                Change::Write { at, bytes } => put(&mut self.durable, at, &bytes),
                Change::Truncate { length } => self.durable.resize(length, 0),
            }
        }
    }

    fn cut(&self, hole: &Hole, id: Id, spread: &mut Spread) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        // The length is as it was after one of the changes.
        let count = self.pending.len();
        let lengths_kept = match (hole, spread.below(3)) {
            (Hole::Only(..), _) | (_, 0) => count,
            (_, 1) => 0,
            _ => spread.below(count as u64 + 1) as usize,
        };
        let mut length = bytes.len();
        // A sector that has not come to the disk once holds what it held, whatever came later to it.
        let mut stuck = HashSet::new();
        for (at, (_, change)) in self.pending.iter().enumerate() {
            let per_mille = hole.per_mille(id, at);
            match change {
                Change::Truncate { length: shorter } => {
                    if at < lengths_kept {
                        bytes.truncate(*shorter);
                        length = *shorter;
                    }
                }
                Change::Write {
                    at: offset,
                    bytes: new,
                } => {
                    let end = offset + new.len();
                    if at < lengths_kept {
                        length = length.max(end);
                    }
                    let mut from = *offset;
                    while from < end {
                        let sector = from / SECTOR;
                        let to = end.min((sector + 1) * SECTOR);
                        let there = match per_mille {
                            0 => false,
                            1000 => true,
                            _ => spread.below(1000) < per_mille,
                        };
                        if !there {
                            stuck.insert(sector);
                        }
                        if there && !stuck.contains(&sector) {
                            put(&mut bytes, from, &new[from - offset..to - offset]);
                        }
                        from = to;
                    }
                }
            }
        }
        bytes.resize(length, 0);
        bytes
    }
}

fn put(into: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if into.len() < at + bytes.len() {
        into.resize(at + bytes.len(), 0);
    }
    into[at..at + bytes.len()].copy_from_slice(bytes);
}

/// The calls that had ended when a sync began.
struct Done {
    before: usize,
    but: HashSet<usize>,
}

impl Done {
    fn has(&self, call: usize) -> bool {
        call == BEFORE || (call < self.before && !self.but.contains(&call))
    }
}

/// A disk in the course of a trace.
pub(super) struct Replay<'a> {
    pub(super) disk: Disk,
    trace: &'a Trace,
    handles: BTreeMap<i32, Handle>,
    /// Calls that have begun and not ended.
    under_way: HashSet<usize>,
    /// Syncs under way: what they make durable.
    syncing: BTreeMap<usize, (Id, PathBuf, Done)>,
    /// Written to this file, and told: acknowledgements.
    told_in: PathBuf,
    pub(super) told: Vec<u8>,
    next: usize,
}

impl<'a> Replay<'a> {
    pub(super) fn new(disk: Disk, trace: &'a Trace, told_in: &Path) -> Self {
        Self {
            disk,
            trace,
            handles: BTreeMap::new(),
            under_way: HashSet::new(),
            syncing: BTreeMap::new(),
            told_in: told_in.to_owned(),
            told: Vec::new(),
            next: 0,
        }
    }

    /// Goes on to this moment.
    pub(super) fn go_to(&mut self, moment: usize) -> Result<()> {
        while self.next < moment.min(self.trace.moments.len()) {
            let trace = self.trace;
            match trace.moments[self.next] {
                Moment::Begins(call) => {
                    self.begins(call, &trace.calls[call]);
                    self.under_way.insert(call);
                }
                Moment::Ends(call) => self.ends(call, &trace.calls[call])?,
            }
            self.next += 1;
        }
        Ok(())
    }

    /// The disk at the end, with all that waits in the system's memory: the system lives on.
    pub(super) fn end(mut self) -> Result<Disk> {
        self.go_to(usize::MAX)?;
        Ok(self.disk)
    }

    fn below_root(&self, path: &Path) -> Option<PathBuf> {
        path.strip_prefix(&self.disk.root).ok().map(Path::to_owned)
    }

    fn begins(&mut self, index: usize, call: &Call) {
        match call {
            Call::Close { fd } => drop(self.handles.remove(fd)),
            Call::Write { fd, at, bytes } => {
                let Some(handle) = self.handles.get_mut(fd) else {
                    return;
                };
                if self.disk.root.join(&handle.path) == self.told_in {
                    self.told.extend_from_slice(bytes);
                    return;
                }
                let file = &mut self.disk.files[handle.id];
                let place = match at {
                    Some(at) => *at,
                    None if handle.append => file.length as u64,
                    None => handle.place,
                };
                if at.is_none() {
                    handle.place = place + bytes.len() as u64;
                }
                file.write(index, place as usize, bytes);
            }
            Call::Truncate { fd, length } => {
                if let Some(handle) = self.handles.get(fd) {
                    self.disk.files[handle.id].truncate(index, *length as usize);
                }
            }
            Call::Sync { fd } => {
                if let Some(handle) = self.handles.get(fd) {
                    // All that had ended; the rest may or may not be in.
                    let done = Done {
                        before: index,
                        but: self.under_way.clone(),
                    };
                    let what = (handle.id, handle.path.clone(), done);
                    self.syncing.insert(index, what);
                }
            }
            Call::MakeFolder { path } => {
                if let Some(path) = self.below_root(path) {
                    self.disk.make(index, &path, true);
                }
            }
            Call::Rename { from, to } => {
                if let (Some(from), Some(to)) = (self.below_root(from), self.below_root(to))
                    && let Some(id) = self.disk.names.remove(&from)
                {
                    self.disk.names.insert(to.clone(), id);
                    let what = Named::Renamed {
                        from: from.clone(),
                        to: to.clone(),
                        id,
                    };
                    self.disk.name(index, &[&from, &to], what);
                }
            }
            Call::Remove { path } => {
                if let Some(path) = self.below_root(path)
                    && self.disk.names.remove(&path).is_some()
                {
                    let what = Named::Removed { path: path.clone() };
                    self.disk.name(index, &[&path], what);
                }
            }
            Call::Open { .. } | Call::Duplicate { .. } | Call::Seek { .. } => {}
        }
    }

    fn ends(&mut self, index: usize, call: &Call) -> Result<()> {
        match call {
            Call::Open { .. } => self.opened(index, call)?,
            Call::Duplicate { fd, to } => {
                if let Some(handle) = self.handles.get(fd).cloned() {
                    self.handles.insert(*to, handle);
                }
            }
            Call::Seek { fd, offset } => {
                if let Some(handle) = self.handles.get_mut(fd) {
                    handle.place = *offset;
                }
            }
            Call::Sync { .. } => {
                if let Some((id, path, done)) = self.syncing.remove(&index) {
                    self.synced(id, &path, &done);
                }
            }
            _ => {}
        }
        self.under_way.remove(&index);
        Ok(())
    }

    fn opened(&mut self, index: usize, call: &Call) -> Result<()> {
        let Call::Open {
            path,
            created,
            truncated,
            append,
            fd,
        } = call
        else {
            return Ok(());
        };
        // What was open by this number before is closed: its thread said so later.
        self.handles.remove(fd);
        let Some(path) = self.below_root(path) else {
            return Ok(());
        };
        let id = match self.disk.names.get(&path) {
            Some(id) => {
                if *truncated && self.disk.files[*id].length > 0 {
                    self.disk.files[*id].truncate(index, 0);
                }
                *id
            }
            None if *created => self.disk.make(index, &path, false),
            // The root itself: its entries are named by it.
            None if path == Path::new("") => self.disk.make_root(),
            None => return Err(anyhow::anyhow!("`{}` was opened unknown", path.display())),
        };
        self.handles.insert(
            *fd,
            Handle {
                id,
                place: 0,
                append: *append,
                path,
            },
        );
        Ok(())
    }

    fn synced(&mut self, id: Id, path: &Path, done: &Done) {
        let disk = &mut self.disk;
        if !disk.files[id].is_folder {
            disk.files[id].settle(done);
            return;
        }
        let naming = std::mem::take(&mut disk.naming);
        for each in naming {
            let here = each.folders.iter().all(|folder| folder == path);
            if here && done.has(each.call) {
                apply(&mut disk.durable_names, &each.what);
            } else {
                disk.naming.push(each);
            }
        }
    }
}

impl Disk {
    /// A handle on the root has a number, too, and no name.
    fn make_root(&mut self) -> Id {
        self.files.push(File {
            is_folder: true,
            ..File::default()
        });
        self.files.len() - 1
    }

    /// The process has ended and the system lives: calls of the next process have other numbers.
    pub(super) fn carried_over(mut self) -> Self {
        for file in &mut self.files {
            for (call, _) in &mut file.pending {
                *call = BEFORE;
            }
        }
        for naming in &mut self.naming {
            naming.call = BEFORE;
        }
        self
    }
}

/// Lays an image out in a folder, which is emptied first.
pub(super) fn lay_out(folder: &Path, image: &Image) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    for (path, found) in image {
        let path = folder.join(path);
        match found {
            Found::Folder => std::fs::create_dir(&path),
            Found::File(bytes) => std::fs::write(&path, bytes),
        }
        .with_context(|| format!("cannot make `{}`", path.display()))?;
    }
    Ok(())
}
