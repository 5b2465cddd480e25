//! Which outputs are guarded, in a file: what is left of a guardian that was killed with its daemon.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use doorward_core::ids::{BoardIx, DeviceName};

use super::orders::Output;

/// Its name, in the folder of the daemon's data.
const FILE: &str = "guard.outputs";

/// The file. It is there while outputs may be on and nobody has let them go.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
    /// The boards' names: their numbers are others once `site.toml` has changed.
    boards: Vec<DeviceName>,
    file: Option<File>,
}

impl Kept {
    pub(super) fn new(data: &Path, boards: Vec<DeviceName>) -> Self {
        Self {
            path: data.join(FILE),
            boards,
            file: None,
        }
    }

    pub(super) fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Keeps one more output. The first one begins a new file.
    pub(super) fn add(&mut self, output: Output) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::create(&self.path)?),
        };
        let board = self.boards.get(usize::from(output.board.0));
        let board = board.map_or("", |board| board);
        writeln!(file, "{} {board}", output.output)
    }

    /// Nothing is left to be let go.
    pub(super) fn remove(&mut self) -> io::Result<()> {
        self.file = None;
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The outputs kept. A board that is not in `site.toml` any more cannot be reached; a line that
    /// broke off when the guardian was killed is left out.
    pub(super) fn read(&self) -> io::Result<Vec<Output>> {
        let text = match std::fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            read => read?,
        };
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let outputs = whole.lines().filter_map(|line| {
            let output = self.output(line);
            if output.is_none() {
                log::error!(
                    "`{line}` of `{}` is no output of a board",
                    self.path.display()
                );
            }
            output
        });
        Ok(outputs.collect())
    }

    fn output(&self, line: &str) -> Option<Output> {
        let (output, board) = line.split_once(' ')?;
        let at = self.boards.iter().position(|name| **name == *board)?;
        Some(Output {
            board: BoardIx(u16::try_from(at).ok()?),
            output: output.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(folder: &Path, boards: &[&str]) -> Kept {
        Kept::new(
            folder,
            boards.iter().map(|name| DeviceName::from(*name)).collect(),
        )
    }

    fn output(board: u16, output: u16) -> Output {
        Output {
            board: BoardIx(board),
            output,
        }
    }

    #[test]
    fn what_is_kept_is_read_by_the_names_of_the_boards() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = kept(folder.path(), &["cabinet", "attic"]);
        assert!(!first.exists());
        assert_eq!(first.read().unwrap(), []);
        first.add(output(0, 1)).unwrap();
        first.add(output(1, 16)).unwrap();
        assert_eq!(first.read().unwrap(), [output(0, 1), output(1, 16)]);
        // Another order of the boards, and one of them gone.
        let later = kept(folder.path(), &["cellar", "attic"]);
        assert_eq!(later.read().unwrap(), [output(1, 16)]);
        // A new guardian begins anew.
        let mut second = kept(folder.path(), &["cabinet", "attic"]);
        second.add(output(0, 3)).unwrap();
        assert_eq!(second.read().unwrap(), [output(0, 3)]);
        second.remove().unwrap();
        second.remove().unwrap();
        assert!(!second.exists());
    }

    #[test]
    fn a_line_that_broke_off_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let kept = kept(folder.path(), &["cabinet", "cab"]);
        let check = |text: &str, expect: &[Output]| {
            std::fs::write(folder.path().join(FILE), text).unwrap();
            assert_eq!(kept.read().unwrap(), expect, "{text:?}");
        };
        check("", &[]);
        check("1 cabinet\n2 cab", &[output(0, 1)]);
        check("1 cabinet\n2 cab\n", &[output(0, 1), output(1, 2)]);
        check("1\nx cabinet\n99999 cab\n3 cabinet\n", &[output(0, 3)]);
    }
}
