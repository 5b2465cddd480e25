//! What the daemon tells its guardian, one line each.

use core::fmt;
use core::str::FromStr;

use doorward_core::ids::BoardIx;

/// The daemon ends in order: there is nothing to do.
pub(super) const FAREWELL: &str = "farewell";

/// An output that a door uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Output {
    pub(super) board: BoardIx,
    /// From 1.
    pub(super) output: u16,
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.board.0, self.output)
    }
}

impl FromStr for Output {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let numbers = line
            .split_once(' ')
            .and_then(|(board, output)| Some((board.parse().ok()?, output.parse().ok()?)));
        let wrong = || format!("`{line}`, expected a board's and an output's number");
        let (board, output) = numbers.ok_or_else(wrong)?;
        Ok(Self {
            board: BoardIx(board),
            output,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_read_as_it_was_told() {
        let output = Output {
            board: BoardIx(3),
            output: 65_535,
        };
        assert_eq!(output.to_string().parse(), Ok(output));
        for wrong in ["", "1", "1 x", "1 2 3", "-1 2", "65536 1", FAREWELL] {
            assert!(wrong.parse::<Output>().is_err(), "{wrong}");
        }
    }
}
