//! The files of the keys that this daemon has set.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::ring::KeyRing;
use super::seal::{self, Seal, SealError};

/// More than any key file needs.
const FILE_BYTES_MAX: u64 = 4096;

/// Why the key of a reader could not be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum KeyFolderError {
    /// A file or the folder.
    #[error("cannot {doing} `{}`", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others can read it.
    #[error("the key file `{}` has mode {mode:04o} and others can read it, allowed is 0600", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not a key file.
    #[error("the key file `{}` {found}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it, without telling the key.
        found: String,
    },
    /// It cannot be sealed or opened.
    #[error("the key file `{}` {source}", path.display())]
    Sealed {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: SealError,
    },
}

/// The folder `keys` of the data folder, mode 0700: one file a reader, mode 0600.
#[derive(Debug)]
pub(crate) struct KeyFolder {
    path: PathBuf,
    seal: Option<Seal>,
}

impl KeyFolder {
    /// The folder under `data`, which may not be there yet. Files are sealed if there is a seal.
    pub(crate) fn new(data: &Path, seal: Option<Seal>) -> Self {
        Self {
            path: data.join("keys"),
            seal,
        }
    }

    fn file(&self, reader: &str) -> PathBuf {
        // Names have letters, digits, blanks, `-`, `_` and `.` only.
        self.path.join(format!("{reader}.key"))
    }

    /// What is kept of a reader's key; `None` if nothing is. Changes nothing.
    pub(crate) fn load(&self, reader: &str) -> Result<Option<KeyRing>, KeyFolderError> {
        let path = self.file(reader);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        let metadata = file.metadata().map_err(failed("read", &path))?;
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyFolderError::Open { path, mode });
        }
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(failed("read", &path))?;
        let text = match seal::open(self.seal.as_ref(), reader, bytes) {
            Ok(text) => text,
            Err(source) => return Err(KeyFolderError::Sealed { path, source }),
        };
        match KeyRing::from_text(&text) {
            Ok(ring) => Ok(Some(ring)),
            Err(found) => Err(KeyFolderError::Content { path, found }),
        }
    }

    /// Keeps what is known of a reader's key, in the place of what was kept before. When it returns,
    /// a power cut finds the one or the other, and after that this one.
    pub(crate) fn save(&self, reader: &str, ring: &KeyRing) -> Result<(), KeyFolderError> {
        self.make()?;
        let path = self.file(reader);
        let text = ring.to_text();
        let bytes = match &self.seal {
            None => text.into_bytes(),
            Some(seal) => match seal.seal(reader, &text) {
                Ok(bytes) => bytes,
                Err(source) => return Err(KeyFolderError::Sealed { path, source }),
            },
        };
        let new = self.path.join(format!("{reader}.key.new"));
        write_synced(&new, &bytes).map_err(failed("write", &new))?;
        fs::rename(&new, &path).map_err(failed("rename to", &path))?;
        sync(&self.path)
    }

    /// What is known of a reader's key, as text, for a backup.
    pub(crate) fn text_of(&self, reader: &str) -> Result<Option<String>, KeyFolderError> {
        Ok(self.load(reader)?.map(|ring| ring.to_text()))
    }

    /// Keeps what a backup knows of a reader's key.
    pub(crate) fn put_text(&self, reader: &str, text: &str) -> Result<(), String> {
        let is_name = |letter: char| letter.is_alphanumeric() || " -_.".contains(letter);
        if reader.is_empty() || !reader.chars().all(is_name) {
            return Err("that is not the name of a reader".to_owned());
        }
        let ring = KeyRing::from_text(text)?;
        self.save(reader, &ring).map_err(|error| error.to_string())
    }

    /// Seals the file of a reader if it is not yet and can be.
    pub(crate) fn seal_again(&self, reader: &str) -> Result<(), KeyFolderError> {
        let path = self.file(reader);
        if self.seal.is_none() || !path.exists() {
            return Ok(());
        }
        let bytes = fs::read(&path).map_err(failed("read", &path))?;
        match self.load(reader)? {
            Some(ring) if !seal::is_sealed(&bytes) => self.save(reader, &ring),
            _ => Ok(()),
        }
    }

    fn make(&self) -> Result<(), KeyFolderError> {
        if self.path.is_dir() {
            return Ok(());
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.path)
            .map_err(failed("make the folder", &self.path))?;
        self.path.parent().map_or(Ok(()), sync)
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    // One that was left behind may have another mode.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync(folder: &Path) -> Result<(), KeyFolderError> {
    File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(failed("sync the folder", folder))
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeyFolderError {
    let path = path.to_owned();
    move |source| KeyFolderError::File {
        doing,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SEAL_CREDENTIAL;
    use doorward_wire::osdp::Scbk;

    fn ring() -> KeyRing {
        let key = Scbk::new(core::array::from_fn(|at| (at * at + 7) as u8));
        KeyRing::default().proved(key)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_key_is_kept_for_its_owner_only() {
        let data = tempfile::tempdir().unwrap();
        let folder = KeyFolder::new(data.path(), None);
        assert_eq!(folder.load("front-in").unwrap(), None);
        folder.save("front-in", &ring()).unwrap();
        assert_eq!(folder.load("front-in").unwrap(), Some(ring()));
        assert_eq!(mode(&data.path().join("keys")), 0o700);
        let file = data.path().join("keys/front-in.key");
        assert_eq!(mode(&file), 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let error = folder.load("front-in").unwrap_err().to_string();
        assert!(error.contains("mode 0640"), "{error}");
    }

    #[test]
    fn a_write_that_was_cut_leaves_the_key_before() {
        let data = tempfile::tempdir().unwrap();
        let folder = KeyFolder::new(data.path(), None);
        folder.save("a", &ring()).unwrap();
        let new = data.path().join("keys/a.key.new");
        fs::write(&new, "doorward reader k").unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(folder.load("a").unwrap(), Some(ring()));
        folder.save("a", &KeyRing::default()).unwrap();
        assert_eq!(folder.load("a").unwrap(), Some(KeyRing::default()));
        assert_eq!(mode(&data.path().join("keys/a.key")), 0o600);
    }

    #[test]
    fn files_are_sealed_once_there_is_a_credential() {
        let data = tempfile::tempdir().unwrap();
        let credentials = tempfile::tempdir().unwrap();
        let open = KeyFolder::new(data.path(), None);
        open.save("a", &ring()).unwrap();
        fs::write(credentials.path().join(SEAL_CREDENTIAL), [9; 32]).unwrap();
        let seal = Seal::load(Some(credentials.path())).unwrap();
        let sealed = KeyFolder::new(data.path(), seal);
        assert_eq!(sealed.load("a").unwrap(), Some(ring()));
        sealed.seal_again("a").unwrap();
        assert_eq!(sealed.load("a").unwrap(), Some(ring()));
        let error = open.load("a").unwrap_err().to_string();
        assert!(error.contains("is sealed"), "{error}");
    }
}
