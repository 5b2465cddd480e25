//! What is inside a backup once it is decrypted.
//!
//! [`BEGINNING`], then frames: a kind (1 byte), a length (4 bytes, big-endian), so many bytes. First a
//! header (`H`, JSON), then files (`F`), rows of the table (`T`), states (`K`), cursors (`C`), events
//! (`E`), each with the length of its name or key (2 bytes, big-endian), that name or key, and its
//! content; at last the end (`Z`, JSON) with the SHA-256 of all before it. Nothing follows.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::store::{RowOf, counts_for_table};

/// What it begins with.
pub const BEGINNING: &[u8; 18] = b"doorward/backup/1\n";

/// The most bytes of one frame.
pub const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The daemon that wrote it.
    pub version: String,
    /// The site's name.
    pub site: String,
    /// When.
    pub created: doorward_core::time::Wall,
    /// The table's revision.
    pub revision: u64,
    /// The newest event, and its hash.
    pub events: Head,
    /// The newest entry of the admin log, and its hash.
    pub audit: Head,
}

/// The end of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The newest row.
    pub seq: u64,
    /// Its hash, in hexadecimal digits.
    pub hash: String,
}

/// What a backup ends with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// How many rows and files there are.
    pub frames: u64,
    /// The SHA-256 of the table's rows, but for the admin log's.
    pub table_hash: String,
    /// The SHA-256 of all before this frame.
    pub sha256: String,
}

/// A part of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The first.
    Header(Header),
    /// A file.
    File {
        /// Its name.
        name: String,
        /// Its content.
        bytes: Vec<u8>,
    },
    /// A row of the store.
    Row {
        /// Where it belongs.
        of: RowOf,
        /// Its key.
        key: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
}

/// Why something is no backup, or not a whole one.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// It cannot be read: cut, altered, or the disk fails.
    #[error("it is cut short or damaged")]
    Read(#[source] io::Error),
    /// It is something else.
    #[error("it is not a backup of this product, or one of a newer version")]
    Beginning,
    /// Its parts are not as they should be.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

/// Makes the hash of a table, row by row in the order of their keys.
#[derive(Debug, Clone, Default)]
pub struct TableHash(Sha256);

impl TableHash {
    /// Takes a row of the table in.
    pub fn row(&mut self, key: &[u8], value: &[u8]) {
        if counts_for_table(key) {
            for part in [key, value] {
                self.0.update((part.len() as u64).to_be_bytes());
                self.0.update(part);
            }
        }
    }

    /// In hexadecimal digits.
    #[must_use]
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a backup.
#[derive(Debug)]
pub struct Writer<W> {
    to: W,
    hash: Sha256,
    table: TableHash,
    frames: u64,
}

impl<W: Write> Writer<W> {
    /// Begins one.
    pub fn begin(to: W, header: &Header) -> io::Result<Self> {
        let mut writer = Self {
            to,
            hash: Sha256::new(),
            table: TableHash::default(),
            frames: 0,
        };
        writer.put(BEGINNING)?;
        let header = serde_json::to_vec(header)?;
        writer.frame(b'H', &[&header])?;
        Ok(writer)
    }

    /// A file.
    pub fn file(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.frames += 1;
        self.named(b'F', name.as_bytes(), bytes)
    }

    /// A row.
    pub fn row(&mut self, of: RowOf, key: &[u8], value: &[u8]) -> io::Result<()> {
        self.frames += 1;
        if of == RowOf::Table {
            self.table.row(key, value);
        }
        self.named(kind_of(of), key, value)
    }

    /// Ends it. Gives back where it was written to, and the table's hash.
    pub fn finish(mut self) -> io::Result<(W, String)> {
        let table_hash = std::mem::take(&mut self.table).finish();
        let end = End {
            frames: self.frames,
            table_hash: table_hash.clone(),
            sha256: hex(&self.hash.clone().finalize()),
        };
        self.frame(b'Z', &[&serde_json::to_vec(&end)?])?;
        Ok((self.to, table_hash))
    }

    fn named(&mut self, kind: u8, name: &[u8], bytes: &[u8]) -> io::Result<()> {
        let length = u16::try_from(name.len()).map_err(|_| too_long())?;
        self.frame(kind, &[&length.to_be_bytes(), name, bytes])
    }

    fn frame(&mut self, kind: u8, parts: &[&[u8]]) -> io::Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length > FRAME_BYTES_MAX {
            return Err(too_long());
        }
        let length = u32::try_from(length).map_err(|_| too_long())?;
        self.put(&[kind])?;
        self.put(&length.to_be_bytes())?;
        for part in parts {
            self.put(part)?;
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.to.write_all(bytes)
    }
}

fn too_long() -> io::Error {
    io::Error::other(format!("a part has more than {FRAME_BYTES_MAX} bytes"))
}

const fn kind_of(of: RowOf) -> u8 {
    match of {
        RowOf::Table => b'T',
        RowOf::Kept => b'K',
        RowOf::Cursors => b'C',
        RowOf::Events => b'E',
    }
}

/// Reads a backup. Whatever it gives is to be believed only once [`Reader::next`] has said that it is
/// whole.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    hash: Sha256,
    table: TableHash,
    frames: u64,
    at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Beginning,
    Frames,
    End,
}

impl<R: Read> Reader<R> {
    /// Of these bytes.
    pub fn new(from: R) -> Self {
        Self {
            from,
            hash: Sha256::new(),
            table: TableHash::default(),
            frames: 0,
            at: At::Beginning,
        }
    }

    /// The next part; `None` behind the last one, when all of it was as it was written.
    #[allow(clippy::should_implement_trait, reason = "it can fail")]
    pub fn next(&mut self) -> Result<Option<Frame>, ContainerError> {
        match self.at {
            At::End => return Ok(None),
            At::Beginning => {
                let mut beginning = [0; BEGINNING.len()];
                self.take(&mut beginning)?;
                if beginning != *BEGINNING {
                    return Err(ContainerError::Beginning);
                }
            }
            At::Frames => {}
        }
        let before = self.hash.clone();
        let mut head = [0; 5];
        self.take(&mut head)?;
        let [kind, length @ ..] = head;
        let length = u32::from_be_bytes(length) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(damaged(format!("a part says that it has {length} bytes")));
        }
        let bytes = self.bytes(length)?;
        match (self.at, kind) {
            (At::Beginning, b'H') => {
                self.at = At::Frames;
                Ok(Some(Frame::Header(json(&bytes)?)))
            }
            (At::Frames, b'Z') => self.end(&bytes, before).map(|()| None),
            (At::Frames, _) => self.named(kind, bytes).map(Some),
            _ => Err(damaged("it has no header".to_owned())),
        }
    }

    /// The table's hash, once all was read.
    #[must_use]
    pub fn table_hash(&self) -> String {
        self.table.clone().finish()
    }

    fn named(&mut self, kind: u8, mut bytes: Vec<u8>) -> Result<Frame, ContainerError> {
        self.frames += 1;
        let short = || damaged("a part is too short for its name".to_owned());
        let length = bytes.first_chunk::<2>().ok_or_else(short)?;
        let name_end = 2 + usize::from(u16::from_be_bytes(*length));
        if bytes.len() < name_end {
            return Err(short());
        }
        let content = bytes.split_off(name_end);
        let name = bytes.split_off(2);
        let of = match kind {
            b'F' => {
                let name = String::from_utf8(name);
                let name = name.map_err(|_| damaged("a file's name is not text".to_owned()))?;
                return Ok(Frame::File {
                    name,
                    bytes: content,
                });
            }
            b'T' => RowOf::Table,
            b'K' => RowOf::Kept,
            b'C' => RowOf::Cursors,
            b'E' => RowOf::Events,
            other => return Err(damaged(format!("a part of unknown kind {other}"))),
        };
        if of == RowOf::Table {
            self.table.row(&name, &content);
        }
        Ok(Frame::Row {
            of,
            key: name,
            value: content,
        })
    }

    fn end(&mut self, bytes: &[u8], before: Sha256) -> Result<(), ContainerError> {
        let end: End = json(bytes)?;
        if end.sha256 != hex(&before.finalize()) {
            return Err(damaged("it is not what was written to it".to_owned()));
        }
        if end.frames != self.frames || end.table_hash != self.table_hash() {
            return Err(damaged("its end does not fit the rest".to_owned()));
        }
        // Reading to the very end has the decryption check that nothing was cut off or added.
        let mut more = [0; 1];
        if self.from.read(&mut more).map_err(ContainerError::Read)? != 0 {
            return Err(damaged("something follows its end".to_owned()));
        }
        self.at = At::End;
        Ok(())
    }

    fn bytes(&mut self, length: usize) -> Result<Vec<u8>, ContainerError> {
        // Not all at once: a length that lies must not take the memory.
        let mut bytes = Vec::with_capacity(length.min(64 * 1024));
        let read = (&mut self.from).take(length as u64).read_to_end(&mut bytes);
        if read.map_err(ContainerError::Read)? != length {
            let cut = io::ErrorKind::UnexpectedEof;
            return Err(ContainerError::Read(cut.into()));
        }
        self.hash.update(&bytes);
        Ok(bytes)
    }

    fn take(&mut self, bytes: &mut [u8]) -> Result<(), ContainerError> {
        self.from.read_exact(bytes).map_err(ContainerError::Read)?;
        self.hash.update(&*bytes);
        Ok(())
    }
}

fn json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, ContainerError> {
    serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))
}

const fn damaged(what: String) -> ContainerError {
    ContainerError::Damaged(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let head = |seq| Head {
            seq,
            hash: "ab".repeat(32),
        };
        Header {
            version: "1".to_owned(),
            site: "Example".to_owned(),
            created: doorward_core::time::Wall(5),
            revision: 7,
            events: head(2),
            audit: head(1),
        }
    }

    fn written() -> Vec<u8> {
        let mut writer = Writer::begin(Vec::new(), &header()).unwrap();
        writer.file("config/site.toml", b"[site]").unwrap();
        writer.row(RowOf::Table, b"\x10a", b"1").unwrap();
        writer.row(RowOf::Kept, b"door/1", b"{}").unwrap();
        writer.row(RowOf::Cursors, b"uplink", b"12345678").unwrap();
        writer.row(RowOf::Events, &[0; 8], b"").unwrap();
        writer.finish().unwrap().0
    }

    fn read(bytes: &[u8]) -> Result<Vec<Frame>, ContainerError> {
        let mut reader = Reader::new(bytes);
        let mut frames = Vec::new();
        while let Some(frame) = reader.next()? {
            frames.push(frame);
        }
        Ok(frames)
    }

    #[test]
    fn what_was_written_comes_back() {
        let frames = read(&written()).unwrap();
        assert_eq!(frames.len(), 6);
        assert_eq!(frames[0], Frame::Header(header()));
        let row = Frame::Row {
            of: RowOf::Table,
            key: b"\x10a".to_vec(),
            value: b"1".to_vec(),
        };
        assert_eq!(frames[2], row);
    }

    #[test]
    fn whatever_is_cut_flipped_or_added_is_found() {
        let whole = written();
        for at in 0..whole.len() {
            assert!(read(&whole[..at]).is_err(), "cut at {at}");
            for bit in [1, 0x80] {
                let mut flipped = whole.clone();
                flipped[at] ^= bit;
                assert!(read(&flipped).is_err(), "byte {at} flipped by {bit}");
            }
        }
        assert!(read(&[&whole[..], b"x"].concat()).is_err());
    }
}
