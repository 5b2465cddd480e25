use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use doorward_wire::osdp::Scbk;

/// More than any key file needs.
const KEY_FILE_BYTES_MAX: u64 = 256;

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
    /// systemd gave this service no credentials.
    #[error("there is no credential `{name}`: systemd has given this service none")]
    NoCredentials {
        /// Its name.
        name: String,
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
    #[error("the key file `{}` has {found}, allowed are 32 random hexadecimal digits", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What it has, without telling the key.
        found: String,
    },
}

/// Reads a key from a file of 32 hexadecimal digits that nobody else can read.
///
/// The default key and evenly patterned ones are refused.
pub fn read_scbk(path: &Path) -> Result<Scbk, KeyFileError> {
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
    file.take(KEY_FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(read)?;
    let content = |found| KeyFileError::Content {
        path: path.to_owned(),
        found,
    };
    parse_scbk(text.trim()).map_err(content)
}

/// Reads a key from a credential of systemd's (`LoadCredential=`, `LoadCredentialEncrypted=`), which
/// systemd shows to this service only.
pub fn read_scbk_credential(folder: Option<&Path>, name: &str) -> Result<Scbk, KeyFileError> {
    let Some(folder) = folder else {
        return Err(KeyFileError::NoCredentials {
            name: name.to_owned(),
        });
    };
    let path = folder.join(name);
    let mut text = String::new();
    std::fs::File::open(&path)
        .and_then(|file| file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text))
        .map_err(|source| KeyFileError::Read {
            path: path.clone(),
            source,
        })?;
    parse_scbk(text.trim()).map_err(|found| KeyFileError::Content { path, found })
}

/// Reads a key of 32 hexadecimal digits that nobody could guess. Says what is wrong without telling
/// the key.
pub(crate) fn parse_scbk(text: &str) -> Result<Scbk, String> {
    let key = parse(text)?;
    if key.is_weak() {
        return Err("a key that is publicly known or evenly patterned".to_owned());
    }
    Ok(key)
}

fn parse(text: &str) -> Result<Scbk, String> {
    let digits: Vec<u8> = text
        .chars()
        .map_while(|digit| digit.to_digit(16)?.try_into().ok())
        .collect();
    if digits.len() != text.chars().count() {
        return Err(format!("no hexadecimal digit at position {}", digits.len()));
    }
    if digits.len() != 2 * Scbk::LEN {
        return Err(format!("{} hexadecimal digits", digits.len()));
    }
    let mut key = [0; Scbk::LEN];
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Ok(Scbk::new(key))
}
