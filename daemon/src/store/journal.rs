//! Large changes, atomic without holding up events.
//!
//! A batch of sled is atomic and indivisible: events would wait for the whole of it. So a large
//! change is first written to a journal, a file beside sled's own, with events in between. The file
//! gets its name only when it is whole and durable, and with it the change is decided: it is then
//! carried out, again with events in between, the revision last, and the journal is taken away. A
//! crash before the file has its name leaves nothing of the change; after it, the next opening
//! carries it out.
//!
//! The file: [`BEGINNING`], the revision after the change (8 bytes, as all numbers big-endian); for
//! each row the length of its key (2 bytes) and of its value (4 bytes, [`TAKEN_AWAY`] where the row
//! goes), key, value; at last the SHA-256 of all before it. Not in sled, which would write all its
//! rows several times over and keep the room.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use super::database::Database;
use super::packed::Packed;
use super::{StoreError, rows, table};
use sha2::{Digest, Sha256};

/// Rows written between two looks for events.
pub(super) const ROWS_BETWEEN_EVENTS: usize = 32;

/// Rows that are carried out together. Neighbours share a block, so that one by one would write
/// each block many times.
pub(super) const ROWS_TOGETHER: usize = 128;

/// The most rows in one batch; a change with more goes through the journal.
pub(super) const BATCH_ROWS_MAX: usize = 256;

/// Bytes of the journal that are written between two syncs, so that no event waits long for one.
const BYTES_BETWEEN_SYNCS: usize = 512 * 1024;

/// What the file begins with.
const BEGINNING: &[u8; 17] = b"doorward/change/1";

/// Stands for the length of a value where a row is to be taken away.
const TAKEN_AWAY: u32 = u32::MAX;

const HASH_BYTES: usize = 32;

/// The journal of a change that is decided.
fn decided_path(folder: &Path) -> PathBuf {
    folder.join("change")
}

/// The journal of a change that is not decided yet.
fn written_path(folder: &Path) -> PathBuf {
    folder.join("change.new")
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Folder {
        doing,
        path,
        source,
    }
}

/// Writes the journal of a change to `revision`, durable. `pause` is called now and then.
pub(super) fn write<'a>(
    folder: &Path,
    revision: u64,
    rows: impl Iterator<Item = (&'a Vec<u8>, &'a Option<Vec<u8>>)>,
    pause: impl FnMut(),
) -> Result<(), StoreError> {
    let path = written_path(folder);
    write_rows(&path, revision, rows, pause).map_err(|error| {
        // On a full disk it holds the room that is waited for.
        let _ = fs::remove_file(&path);
        failed("write", &path)(error)
    })
}

fn write_rows<'a>(
    path: &Path,
    revision: u64,
    rows: impl Iterator<Item = (&'a Vec<u8>, &'a Option<Vec<u8>>)>,
    mut pause: impl FnMut(),
) -> io::Result<()> {
    let mut file = Hashing {
        file: BufWriter::new(File::create(path)?),
        hash: Sha256::new(),
        unsynced: 0,
    };
    file.put(BEGINNING)?;
    file.put(&revision.to_be_bytes())?;
    for (at, (key, value)) in rows.enumerate() {
        file.put(&length::<u16>(key)?.to_be_bytes())?;
        let length = value.as_deref().map_or(Ok(TAKEN_AWAY), length::<u32>)?;
        file.put(&length.to_be_bytes())?;
        file.put(key)?;
        file.put(value.as_deref().unwrap_or_default())?;
        if file.unsynced >= BYTES_BETWEEN_SYNCS {
            file.sync()?;
        }
        if at % ROWS_BETWEEN_EVENTS == ROWS_BETWEEN_EVENTS - 1 {
            pause();
        }
    }
    let hash = file.hash.clone().finalize();
    file.file.write_all(&hash)?;
    file.sync()
}

fn length<T: TryFrom<usize>>(bytes: &[u8]) -> io::Result<T> {
    T::try_from(bytes.len()).map_err(|_| io::Error::other("a row is too long"))
}

/// A file, and the hash of what was written to it.
struct Hashing {
    file: BufWriter<File>,
    hash: Sha256,
    unsynced: usize,
}

impl Hashing {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.unsynced += bytes.len();
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_data()?;
        self.unsynced = 0;
        Ok(())
    }
}

/// Decides the change: from here on it will be carried out.
pub(super) fn decide(folder: &Path) -> Result<(), StoreError> {
    let path = decided_path(folder);
    fs::rename(written_path(folder), &path).map_err(failed("name", &path))?;
    sync_folder(folder)
}

/// Takes the journal away, decided or not.
pub(super) fn discard(folder: &Path) -> Result<(), StoreError> {
    for path in [decided_path(folder), written_path(folder)] {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", &path)(error));
            }
            _ => {}
        }
    }
    sync_folder(folder)
}

fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed("sync", folder))
}

/// At opening: carries out a change that was decided, durable, and forgets one that was not.
pub(super) fn recover(folder: &Path, database: &mut Database) -> Result<(), StoreError> {
    let path = decided_path(folder);
    if path.exists() {
        let decided = Decided::open(&path)?;
        let found = table::revision(&database.trees.table)?;
        // A journal that outlived its change, or the table that it was written for, says nothing.
        if decided.revision == found + 1 {
            decided.carry_out(&database.trees.table)?;
            database.sync()?;
        }
    }
    discard(folder)
}

/// A row's key, and its value unless it is taken away.
type Row = (Vec<u8>, Option<Vec<u8>>);

/// A journal that has its name, and holds what was written to it.
struct Decided {
    path: PathBuf,
    revision: u64,
    /// Behind the revision.
    rows: io::Take<BufReader<File>>,
}

impl Decided {
    fn open(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(failed("open", path))?;
        let whole = file.metadata().map_err(failed("open", path))?.len();
        let hashed = whole.saturating_sub(HASH_BYTES as u64);
        let mut rows = BufReader::new(file).take(hashed);
        let mut hash = Sha256::new();
        io::copy(&mut rows, &mut HashWriter(&mut hash)).map_err(failed("read", path))?;
        let mut expected = [0; HASH_BYTES];
        let mut file = rows.into_inner();
        let read = file.read_exact(&mut expected);
        if read.is_err() || hash.finalize()[..] != expected {
            return Err(damaged(path));
        }
        let mut rows = BufReader::new(File::open(path).map_err(failed("open", path))?).take(hashed);
        let (beginning, revision) = match (array(&mut rows), array(&mut rows)) {
            (Ok(beginning), Ok(revision)) => (beginning, u64::from_be_bytes(revision)),
            _ => return Err(damaged(path)),
        };
        if beginning != *BEGINNING {
            return Err(damaged(path));
        }
        Ok(Self {
            path: path.to_owned(),
            revision,
            rows,
        })
    }

    fn carry_out(mut self, table: &Packed) -> Result<(), StoreError> {
        let mut some = Vec::with_capacity(ROWS_TOGETHER);
        while self.rows.limit() > 0 {
            let (key, value) = self.row().map_err(failed("read", &self.path))?;
            // The revision says that all is there: it comes last, by itself.
            if key == rows::REVISION {
                continue;
            }
            some.push((key, value));
            if some.len() == ROWS_TOGETHER {
                table.apply(
                    some.iter()
                        .map(|(key, value): &Row| (key.as_slice(), value.as_deref())),
                )?;
                some.clear();
            }
        }
        table.apply(
            some.iter()
                .map(|(key, value): &Row| (key.as_slice(), value.as_deref())),
        )?;
        table.insert(rows::REVISION, self.revision.to_be_bytes())
    }

    fn row(&mut self) -> io::Result<Row> {
        let key = u16::from_be_bytes(array(&mut self.rows)?);
        let value = u32::from_be_bytes(array(&mut self.rows)?);
        let key = self.bytes(u64::from(key))?;
        let value = match value {
            TAKEN_AWAY => None,
            length => Some(self.bytes(u64::from(length))?),
        };
        Ok((key, value))
    }

    fn bytes(&mut self, length: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = (&mut self.rows).take(length).read_to_end(&mut bytes)?;
        if read as u64 == length {
            Ok(bytes)
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

fn array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn damaged(path: &Path) -> StoreError {
    failed("carry out the change in", path)(io::Error::new(
        io::ErrorKind::InvalidData,
        "it is not what was written to it; restore a backup",
    ))
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::super::StoreOptions;
    use super::super::database::VALUE_BYTES_MAX;
    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        /// With a database at revision 4, one row of the change in it, and its journal written.
        fn journalled() -> Self {
            let folder = Self(tempfile::tempdir().unwrap());
            let mut database = folder.open();
            let table = &database.trees.table;
            table.insert([0x10, 0, 0, 0, 1], b"old").unwrap();
            table.insert(rows::REVISION, 4u64.to_be_bytes()).unwrap();
            database.sync().unwrap();
            let mut pauses = 0;
            write(folder.path(), 5, change().iter(), || pauses += 1).unwrap();
            assert_eq!(pauses, 2_002 / ROWS_BETWEEN_EVENTS);
            folder
        }

        fn path(&self) -> &Path {
            self.0.path()
        }

        fn open(&self) -> Database {
            Database::open(self.path(), &StoreOptions::default(), Arc::default()).unwrap()
        }

        fn recovered(&self) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, StoreError> {
            let mut database = self.open();
            recover(self.path(), &mut database)?;
            Ok(contents(&database.trees.table))
        }

        fn has_journal(&self) -> bool {
            decided_path(self.path()).exists() || written_path(self.path()).exists()
        }
    }

    fn change() -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
        let row = |at: u32| [&[0x10][..], &at.to_be_bytes()].concat();
        let mut rows: BTreeMap<_, _> = (0..2_000).map(|at| (row(at), Some(vec![1; 600]))).collect();
        rows.insert(row(1), None);
        rows.insert(row(3_000), Some(vec![2; VALUE_BYTES_MAX]));
        rows.insert(rows::REVISION.to_vec(), Some(5u64.to_be_bytes().to_vec()));
        rows
    }

    fn after() -> BTreeMap<Vec<u8>, Vec<u8>> {
        change()
            .into_iter()
            .filter_map(|(row, value)| Some((row, value?)))
            .collect()
    }

    fn before() -> BTreeMap<Vec<u8>, Vec<u8>> {
        BTreeMap::from([
            (vec![0x10, 0, 0, 0, 1], b"old".to_vec()),
            (rows::REVISION.to_vec(), 4u64.to_be_bytes().to_vec()),
        ])
    }

    fn contents(table: &Packed) -> BTreeMap<Vec<u8>, Vec<u8>> {
        table
            .range::<&[u8]>(..)
            .map(|entry| {
                entry
                    .map(|(row, value)| (row.to_vec(), value.to_vec()))
                    .unwrap()
            })
            .collect()
    }

    #[test]
    fn a_change_that_was_decided_is_carried_out_whole() {
        let folder = Folder::journalled();
        decide(folder.path()).unwrap();
        assert_eq!(folder.recovered().unwrap(), after());
        assert!(!folder.has_journal());
    }

    #[test]
    fn a_change_that_was_carried_out_in_part_is_carried_out_whole() {
        let folder = Folder::journalled();
        decide(folder.path()).unwrap();
        let mut database = folder.open();
        for (row, value) in after().iter().skip(1).take(900) {
            database.trees.table.insert(row, value.as_slice()).unwrap();
        }
        database.sync().unwrap();
        drop(database);
        assert_eq!(folder.recovered().unwrap(), after());
    }

    #[test]
    fn a_change_that_was_not_decided_leaves_nothing() {
        let folder = Folder::journalled();
        assert_eq!(folder.recovered().unwrap(), before());
        assert!(!folder.has_journal());
    }

    #[test]
    fn a_journal_that_outlived_its_change_does_nothing() {
        let folder = Folder::journalled();
        decide(folder.path()).unwrap();
        let later = [(rows::REVISION.to_vec(), 5u64.to_be_bytes().to_vec())];
        let mut database = folder.open();
        for (row, value) in &later {
            database.trees.table.insert(row, value.as_slice()).unwrap();
        }
        database.sync().unwrap();
        drop(database);
        let mut expected = before();
        expected.extend(later);
        assert_eq!(folder.recovered().unwrap(), expected);
        assert!(!folder.has_journal());
    }

    #[test]
    fn a_damaged_journal_is_said_and_kept() {
        let folder = Folder::journalled();
        decide(folder.path()).unwrap();
        let path = decided_path(folder.path());
        let whole = fs::read(&path).unwrap();
        for len in [0, 10, 25, 31, 32, 57, whole.len() - 1] {
            fs::write(&path, &whole[..len]).unwrap();
            let refused = folder.recovered().unwrap_err().to_string();
            assert!(refused.contains("carry out"), "cut to {len}: {refused}");
        }
        for at in [0, 20, 26, whole.len() / 2, whole.len() - 1] {
            let mut altered = whole.clone();
            altered[at] ^= 1;
            fs::write(&path, &altered).unwrap();
            assert!(folder.recovered().is_err(), "byte {at}");
        }
        fs::write(&path, &whole).unwrap();
        assert_eq!(folder.recovered().unwrap(), after());
    }
}
