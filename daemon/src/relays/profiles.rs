//! The board profiles: those built in, and those of a folder.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use doorward_wire::board::{BUILT_IN, BoardProfile, PROFILE_BYTES_MAX, ProfileErrors};

/// The most profiles read from a folder.
pub const PROFILES_MAX: usize = 256;

/// Board profiles by name.
#[derive(Debug, Clone)]
pub struct Profiles(BTreeMap<String, Arc<BoardProfile>>);

/// Why profiles were not loaded.
#[derive(Debug, thiserror::Error)]
pub enum ProfilesError {
    /// The folder or a file in it cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file was read, and is wrong.
    #[error("`{file}` is not a board profile")]
    Wrong {
        /// Which.
        file: String,
        /// Everything wrong with it, by line.
        source: ProfileErrors,
    },
    /// A file's name and the name in it differ.
    #[error("`{}` says `name = \"{name}\"`, allowed is the name of the file", path.display())]
    Named {
        /// Which.
        path: PathBuf,
        /// The name in it.
        name: String,
    },
    /// More files than [`PROFILES_MAX`].
    #[error("`{}` has more than {PROFILES_MAX} profiles", path.display())]
    TooMany {
        /// Which folder.
        path: PathBuf,
    },
}

impl Profiles {
    /// The profiles built in, and those of every `*.toml` in `folder`. A file goes before a
    /// profile built in of the same name.
    pub fn load(folder: Option<&Path>) -> Result<Self, ProfilesError> {
        let mut profiles = BTreeMap::new();
        for (name, text) in BUILT_IN {
            let profile = BoardProfile::parse(text).map_err(|source| ProfilesError::Wrong {
                file: format!("built-in profile {name}"),
                source,
            })?;
            profiles.insert(name.to_owned(), Arc::new(profile));
        }
        for path in folder.map(toml_files).transpose()?.unwrap_or_default() {
            let profile = load_one(&path)?;
            profiles.insert(profile.name.clone(), Arc::new(profile));
        }
        Ok(Self(profiles))
    }

    /// The profile of this name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Arc<BoardProfile>> {
        self.0.get(name)
    }

    /// All names, for messages: `a`, `b`.
    #[must_use]
    pub fn names(&self) -> String {
        let names: Vec<_> = self.0.keys().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    }
}

/// Every `*.toml` of a folder, in the order of their names.
pub(crate) fn toml_files(folder: &Path) -> Result<Vec<PathBuf>, ProfilesError> {
    let read = |source| ProfilesError::Read {
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            files.push(path);
        }
        if files.len() > PROFILES_MAX {
            let path = folder.to_owned();
            return Err(ProfilesError::TooMany { path });
        }
    }
    files.sort();
    Ok(files)
}

fn load_one(path: &Path) -> Result<BoardProfile, ProfilesError> {
    let read = |source| ProfilesError::Read {
        path: path.to_owned(),
        source,
    };
    let bytes = std::fs::metadata(path).map_err(read)?.len();
    if bytes > PROFILE_BYTES_MAX as u64 {
        let message = format!("{bytes} bytes found, at most {PROFILE_BYTES_MAX} are allowed");
        return Err(read(io::Error::new(io::ErrorKind::FileTooLarge, message)));
    }
    let text = std::fs::read_to_string(path).map_err(read)?;
    let profile = BoardProfile::parse(&text).map_err(|source| ProfilesError::Wrong {
        file: path.display().to_string(),
        source,
    })?;
    if path
        .file_stem()
        .is_none_or(|stem| stem != profile.name.as_str())
    {
        return Err(ProfilesError::Named {
            path: path.to_owned(),
            name: profile.name,
        });
    }
    Ok(profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUTS_ONLY: &str =
        "name = \"inputs\"\noutputs = 0\ninputs = 2\ninput = { function = 2, address = 0 }\n";

    #[test]
    fn a_folder_adds_to_what_is_built_in() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("inputs.toml"), INPUTS_ONLY).unwrap();
        std::fs::write(folder.path().join("README"), "not a profile").unwrap();
        let profiles = Profiles::load(Some(folder.path())).unwrap();
        assert_eq!(profiles.by_name("inputs").unwrap().inputs, 2);
        let built_in = Profiles::load(None).unwrap();
        assert!(!built_in.names().contains("`inputs`"));
        assert!(profiles.names().contains("`generic-register`, `inputs`, "));
        assert_eq!(
            profiles.names().len(),
            built_in.names().len() + "`inputs`, ".len()
        );
    }

    #[test]
    fn wrong_files_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("other.toml");
        let error = || Profiles::load(Some(folder.path())).unwrap_err().to_string();
        std::fs::write(&file, INPUTS_ONLY).unwrap();
        assert!(error().ends_with("says `name = \"inputs\"`, allowed is the name of the file"));
        std::fs::write(&file, "name = 1").unwrap();
        assert!(error().ends_with("other.toml` is not a board profile"));
        let missing = Profiles::load(Some(Path::new("/nowhere"))).unwrap_err();
        assert_eq!(missing.to_string(), "cannot read `/nowhere`");
    }
}
