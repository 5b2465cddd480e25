//! A database that does not open is moved aside, never deleted, so that the doors can be served.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use doorward_core::time::Wall;

use super::StoreError;

/// What belongs to the database, of all that lies in the folder; and what begins so.
const FILES: [&str; 5] = ["conf", "db", "blobs", "change", "change.new"];
const SNAPSHOTS: &str = "snap.";

/// Databases of the same second that may be moved aside.
const ALIKE_MAX: u32 = 1_000;

impl StoreError {
    /// Whether what is on the disk is damaged, so that trying again helps nothing.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Corrupt { .. } | Self::Row { .. } | Self::Chain(_) => true,
            Self::Folder { source, .. } => source.kind() == io::ErrorKind::InvalidData,
            _ => false,
        }
    }
}

/// Moves the database in `folder` into a folder beside its files, named by the time. Returns which.
///
/// What else is in the folder stays: readers' keys, locks.
pub fn set_aside(folder: &Path, at: Wall) -> Result<PathBuf, StoreError> {
    let aside = new_folder(folder, at)?;
    let moving = |source| StoreError::Folder {
        doing: "move the database aside into",
        path: aside.clone(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(moving)? {
        let entry = entry.map_err(moving)?;
        let name = entry.file_name();
        let is_ours = name
            .to_str()
            .is_some_and(|name| FILES.contains(&name) || name.starts_with(SNAPSHOTS));
        if is_ours {
            fs::rename(entry.path(), aside.join(&name)).map_err(moving)?;
        }
    }
    for changed in [&aside, folder] {
        File::open(changed)
            .and_then(|folder| folder.sync_all())
            .map_err(moving)?;
    }
    Ok(aside)
}

fn new_folder(folder: &Path, at: Wall) -> Result<PathBuf, StoreError> {
    let time: String = at
        .to_string()
        .chars()
        .take("2026-03-24T09:00:00".len())
        .collect();
    let time = time.replace(':', "-");
    let mut tried = 0;
    loop {
        let path = match tried {
            0 => folder.join(format!("damaged-{time}")),
            _ => folder.join(format!("damaged-{time}.{tried}")),
        };
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tried < ALIKE_MAX => {
                tried += 1;
            }
            Err(source) => {
                return Err(StoreError::Folder {
                    doing: "create",
                    path,
                    source,
                });
            }
            Ok(()) => return Ok(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_goes_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let at: Wall = "2026-03-24T09:00:00Z".parse().unwrap();
        let lay = || {
            for name in [
                "conf",
                "db",
                "snap.00000000000000FF",
                "change",
                "guard.lock",
            ] {
                fs::write(folder.path().join(name), name).unwrap();
            }
            fs::create_dir_all(folder.path().join("keys")).unwrap();
            fs::create_dir_all(folder.path().join("blobs")).unwrap();
        };
        for expected in [
            "damaged-2026-03-24T09-00-00",
            "damaged-2026-03-24T09-00-00.1",
        ] {
            lay();
            let aside = set_aside(folder.path(), at).unwrap();
            assert_eq!(aside, folder.path().join(expected));
            for name in ["conf", "db", "snap.00000000000000FF", "change", "blobs"] {
                assert!(aside.join(name).exists(), "{name}");
                assert!(!folder.path().join(name).exists(), "{name}");
            }
            assert!(folder.path().join("guard.lock").exists());
            assert!(folder.path().join("keys").exists());
        }
    }
}
