//! What belongs to an appliance beside its store: the configuration, the files it names, and the keys
//! of its readers.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::{KeySource, ReaderSecurity, SiteConfig};

/// The largest file taken into a backup, in bytes.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// The most files of one folder.
const FILES_MAX: usize = 256;

/// Names of files in the folder of the configuration begin with it.
pub(super) const CONFIG: &str = "config/";
/// Names of files elsewhere begin with it; the path follows.
pub(super) const ELSEWHERE: &str = "elsewhere/";
/// Names of readers' keys begin with it.
pub(super) const KEYS: &str = "keys/";

/// Files by name.
#[derive(Clone, Default)]
pub struct BackupFiles {
    files: Vec<(String, Vec<u8>)>,
    missing: Vec<String>,
}

impl std::fmt::Debug for BackupFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.files.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

impl BackupFiles {
    /// The configuration at `path` and the files that it names, and `keys`: each reader with what is
    /// known of its key. What cannot be read is left out, and [`Self::missing`] tells it.
    #[must_use]
    pub fn collect(path: &Path, config: &SiteConfig, keys: Vec<(String, String)>) -> Self {
        let mut files = Self::default();
        let folder = path.parent().unwrap_or(Path::new("."));
        for path in std::iter::once(path.to_owned()).chain(named(config)) {
            files.take(folder, &path);
        }
        for (reader, text) in keys {
            files
                .files
                .push((format!("{KEYS}{reader}"), text.into_bytes()));
        }
        files
    }

    /// With more that could not be read.
    pub(super) fn with_missing(mut self, missing: Vec<String>) -> Self {
        self.missing.extend(missing);
        self
    }

    /// What could not be read, with the reason.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let files = self.files.iter();
        files.map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    fn take(&mut self, folder: &Path, path: &Path) {
        let name = match path.strip_prefix(folder) {
            Ok(inside) => format!("{CONFIG}{}", inside.display()),
            Err(_) => format!("{ELSEWHERE}{}", path.display()),
        };
        match read(path) {
            Ok(bytes) => self.files.push((name, bytes)),
            Err(error) => self.missing.push(format!("`{}`: {error}", path.display())),
        }
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let found = fs::metadata(path)?.len();
    if found > FILE_BYTES_MAX {
        let what = format!("it has {found} bytes, allowed are {FILE_BYTES_MAX}");
        return Err(std::io::Error::other(what));
    }
    fs::read(path)
}

/// Every file that a configuration names.
fn named(config: &SiteConfig) -> Vec<PathBuf> {
    let mut named: Vec<PathBuf> = config.card_formats.iter().cloned().collect();
    for folder in [&config.board_profiles, &config.reader_profiles]
        .into_iter()
        .flatten()
    {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let files = entries
            .map(|entry| entry.path())
            .filter(|path| path.is_file());
        named.extend(files.take(FILES_MAX));
    }
    for reader in config.buses.iter().flat_map(|bus| &bus.readers) {
        if let ReaderSecurity::Secure(KeySource::File(path)) = &reader.security {
            named.push(path.clone());
        }
    }
    if let Some(uplink) = &config.uplink {
        named.extend(uplink.login.iter().map(|login| login.password_file.clone()));
        if let Some(tls) = &uplink.tls {
            named.push(tls.ca_file.clone());
            if let Some(client) = &tls.client {
                named.extend([client.certificate_file.clone(), client.key_file.clone()]);
            }
        }
    }
    named.sort();
    named.dedup();
    named
}
