use std::fmt;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A Secure Channel Base Key. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Scbk(pub [u8; 16]);

impl fmt::Debug for Scbk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scbk(…)")
    }
}

/// Why a key file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("cannot read the key file `{}`", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others can read it.
    #[error("the key file `{}` has mode {mode:04o} and others can read it, allowed is 0600 or 0400", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not a key.
    #[error("the key file `{}` has {found}, allowed are 32 hexadecimal digits", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What it has, without telling the key.
        found: String,
    },
}

impl Scbk {
    /// Reads a key from a file of 32 hexadecimal digits that nobody else can read.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let read = |source| KeyFileError::Read {
            path: path.to_owned(),
            source,
        };
        let file = std::fs::File::open(path).map_err(read)?;
        let mode = file.metadata().map_err(read)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Open {
                path: path.to_owned(),
                mode,
            });
        }
        let mut text = String::new();
        file.take(256).read_to_string(&mut text).map_err(read)?;
        let digits: Vec<u8> = text
            .trim()
            .chars()
            .map_while(|digit| digit.to_digit(16)?.try_into().ok())
            .collect();
        let content = |found| KeyFileError::Content {
            path: path.to_owned(),
            found,
        };
        if digits.len() != text.trim().chars().count() {
            return Err(content(format!(
                "no hexadecimal digit at position {}",
                digits.len()
            )));
        }
        if digits.len() != 32 {
            return Err(content(format!("{} hexadecimal digits", digits.len())));
        }
        let mut key = [0; 16];
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        Ok(Self(key))
    }
}
