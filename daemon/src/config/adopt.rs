//! Adding a reader to `site.toml`, everything else staying as a person has written it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use doorward_core::ids::DeviceName;
use doorward_wire::document::Problems;

use super::{ConfigError, KeySource, ReaderConfig, ReaderSecurity, SiteConfig};

/// Why a reader was not added. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// The file is wrong as it is, or cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No such bus.
    #[error("there is no bus `{bus}`, known are {known}")]
    NoBus {
        /// The bus.
        bus: String,
        /// Those that there are.
        known: String,
    },
    /// The file would be wrong with the reader.
    #[error("the reader cannot be added: {}", listed(.0))]
    Refused(Problems),
    /// The file is laid out in a way that a reader cannot be added to by program.
    #[error(
        "the file is laid out so that only a person can add to it; add this to bus `{bus}`:\n{block}"
    )]
    Layout {
        /// The bus.
        bus: String,
        /// What to add.
        block: String,
    },
    /// The new file cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn listed(problems: &Problems) -> String {
    let problems = problems.list().iter();
    let lines: Vec<_> = problems
        .map(|problem| format!("`{}` {}", problem.key, problem.message))
        .collect();
    lines.join("; ")
}

/// Adds a reader to a bus in the file at `path`: durable when it returns. It is in Secure Channel,
/// and its key is to be set in an install window. The daemon takes it up at its next start.
pub fn adopt(path: &Path, bus: &str, name: &str, address: u8) -> Result<(), AdoptError> {
    // A link goes on pointing to the file.
    let path = path.canonicalize().map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    // Its bounds and its faults, as the daemon sees them.
    SiteConfig::load(&path)?;
    let text = fs::read_to_string(&path).map_err(|source| ConfigError::Read {
        path: path.clone(),
        source,
    })?;
    let text = with_reader(&path, &text, bus, name, address)?;
    replace(&path, &text).map_err(|source| AdoptError::Write { path, source })
}

/// The text of a configuration with one more reader on a bus.
fn with_reader(
    path: &Path,
    text: &str,
    bus: &str,
    name: &str,
    address: u8,
) -> Result<String, AdoptError> {
    let before = SiteConfig::parse(text).map_err(|problems| ConfigError::Wrong {
        path: path.to_owned(),
        problems,
    })?;
    let Some(at) = before.buses.iter().position(|other| *other.name == *bus) else {
        let known: Vec<_> = before
            .buses
            .iter()
            .map(|bus| format!("`{}`", bus.name))
            .collect();
        return Err(AdoptError::NoBus {
            bus: bus.to_owned(),
            known: if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            },
        });
    };
    let block = format!("\n[[osdp_bus.reader]]\nname = \"{name}\"\naddress = {address}\n");
    let (front, rest) = text.split_at(end_of_bus(text, at));
    let newline = if front.ends_with('\n') { "" } else { "\n" };
    let space = if rest.is_empty() { "" } else { "\n" };
    let text = format!("{front}{newline}{block}{space}{rest}");
    let after = SiteConfig::parse(&text).map_err(AdoptError::Refused)?;
    let mut expected = before;
    expected.buses[at].readers.push(ReaderConfig {
        name: DeviceName::from(name),
        address,
        security: ReaderSecurity::Secure(KeySource::Installed),
    });
    // Whatever the file looks like: it says what it said, and one reader more.
    if after != expected {
        let bus = bus.to_owned();
        return Err(AdoptError::Layout { bus, block });
    }
    Ok(text)
}

/// Where the tables of a bus end: before the next table that is not its own, and before the comments
/// and blank lines that lead to that.
fn end_of_bus(text: &str, bus: usize) -> usize {
    let (mut offset, mut end, mut seen) = (0, text.len(), 0);
    let mut last_content = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim();
        let is_table = content.starts_with('[');
        let is_bus = content.starts_with("[[osdp_bus]]");
        let is_of_bus = content.starts_with("[[osdp_bus.");
        if is_table && !is_of_bus && seen > bus {
            end = last_content;
            break;
        }
        seen += usize::from(is_bus);
        offset += line.len();
        if !content.is_empty() && !content.starts_with('#') {
            last_content = offset;
        }
    }
    if seen > bus { end } else { text.len() }
}

/// Writes beside, syncs, renames: a power cut finds the one file or the other.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let metadata = fs::metadata(path)?;
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    let owner = file.metadata()?;
    if (owner.uid(), owner.gid()) != (metadata.uid(), metadata.gid()) {
        fchown(&file, Some(metadata.uid()), Some(metadata.gid()))?;
    }
    file.set_permissions(fs::Permissions::from_mode(metadata.mode() & 0o7777))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: &str = "\
# The house.
[site]
name = \"House\"

[[osdp_bus]]
name = \"north\"
port = \"/dev/ttyUSB0\"

[[osdp_bus.reader]]
name = \"front-in\"
address = 0 # by the label
security = \"clear\"

# The other side.
[[osdp_bus]]
name = \"south\"
port = \"/dev/ttyUSB1\"

# What opens the doors.
[[board]]
name = \"cabinet\"
profile = \"generic-coil\"
address = \"192.0.2.1:502\"
";

    fn add(text: &str, bus: &str, name: &str, address: u8) -> Result<String, String> {
        with_reader(Path::new("site.toml"), text, bus, name, address)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_reader_is_added_and_everything_else_stays() {
        let north = add(SITE, "north", "front-out", 1).unwrap();
        let block = "\n[[osdp_bus.reader]]\nname = \"front-out\"\naddress = 1\n";
        let (front, rest) = north.split_once(block).unwrap();
        assert!(front.ends_with("security = \"clear\"\n"), "{north}");
        assert!(rest.starts_with("\n\n# The other side."), "{north}");
        let south = add(&north, "south", "lab-in", 1).unwrap();
        let config = SiteConfig::parse(&south).unwrap();
        assert_eq!(config.buses[0].readers.len(), 2);
        assert_eq!(config.buses[1].readers.len(), 1);
        for line in SITE.lines() {
            assert!(south.contains(line), "{line}");
        }
        let last = SITE.split("# What opens").next().unwrap();
        let last = add(last.trim_end(), "south", "lab-in", 7).unwrap();
        assert!(last.ends_with("address = 7\n"), "{last}");
    }

    #[test]
    fn what_cannot_be_added_is_refused() {
        let check = |bus: &str, name: &str, address: u8, expect: &str| {
            let error = add(SITE, bus, name, address).unwrap_err();
            assert!(error.contains(expect), "{error}");
        };
        check("west", "lab-in", 1, "known are `north`, `south`");
        check("north", "lab-in", 0, "already that of reader `front-in`");
        check("south", "front-in", 1, "already used");
        check("south", "lab-in", 127, "0 to 126");
        check("south", "a\"\nb = \"", 1, "cannot be added");
        let inline = "[site]\nname = 's'\n[[osdp_bus]]\nname='north'\nport='/dev/ttyUSB0'\n\
                      reader = [{ name = 'a', address = 1, security = 'clear' }]\n";
        assert!(add(inline, "north", "b", 2).is_err());
        let text = "[site]\nname = 's'\nosdp_bus = []\n";
        assert!(add(text, "north", "b", 2).is_err());
    }

    #[test]
    fn the_file_keeps_its_mode_and_its_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("site.toml"), folder.path().join("link"));
        fs::write(&file, SITE).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        adopt(&link, "south", "lab-in", 3).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
        let before = fs::read_to_string(&file).unwrap();
        assert!(adopt(&link, "south", "lab-in", 3).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
