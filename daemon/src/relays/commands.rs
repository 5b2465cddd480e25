//! How commands reach a line: one place for each output, where the newest command counts.
//!
//! Putting a command there never blocks, never allocates and never fails for want of room.

use std::sync::atomic::{AtomicU64, Ordering};

use doorward_core::controller::RelayCommand;
use doorward_core::ids::BoardIx;
use doorward_wire::board::OUTPUTS_MAX;
use tokio::sync::Notify;

use super::config::LineConfig;

/// Why a command was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The board is not on this line.
    #[error("there is no relay board {board:?} on this line")]
    BoardUnknown {
        /// The one asked for.
        board: BoardIx,
    },
    /// The board has no such output.
    #[error("relay board {board:?} has no output {output}, it has 1 to {outputs}")]
    OutputUnknown {
        /// The board.
        board: BoardIx,
        /// The output asked for.
        output: u16,
        /// How many it has.
        outputs: u16,
    },
    /// Too many changes of safe states wait.
    #[error("the relay line is busy; try again")]
    Busy,
}

/// The places for commands to the boards of one line.
#[derive(Debug)]
pub(super) struct Commands {
    boards: Box<[BoardCommands]>,
    notify: Notify,
}

#[derive(Debug)]
struct BoardCommands {
    board: BoardIx,
    outputs: u16,
    /// Bit 0 is set when output 1 has a command.
    waiting: AtomicU64,
    /// Output 1 first; 0 for no command.
    places: [AtomicU64; OUTPUTS_MAX as usize],
}

impl Commands {
    pub(super) fn new(config: &LineConfig) -> Self {
        let boards = config.boards.iter().map(|board| BoardCommands {
            board: board.board,
            outputs: board.profile.outputs.min(OUTPUTS_MAX),
            waiting: AtomicU64::new(0),
            places: [const { AtomicU64::new(0) }; OUTPUTS_MAX as usize],
        });
        Self {
            boards: boards.collect(),
            notify: Notify::new(),
        }
    }

    /// Puts a command into its place; one that waits there is void.
    pub(super) fn send(
        &self,
        board: BoardIx,
        output: u16,
        command: RelayCommand,
    ) -> Result<(), SendError> {
        let commands = &self.boards[self.place(board, output)?];
        let at = output - 1;
        commands.places[usize::from(at)].store(encode(command), Ordering::Release);
        commands.waiting.fetch_or(1 << at, Ordering::Release);
        self.notify.notify_one();
        Ok(())
    }

    /// The board's place on the line, when it has the output.
    pub(super) fn place(&self, board: BoardIx, output: u16) -> Result<usize, SendError> {
        let mut boards = self.boards.iter();
        let place = boards.position(|commands| commands.board == board);
        let place = place.ok_or(SendError::BoardUnknown { board })?;
        let outputs = self.boards[place].outputs;
        if output == 0 || output > outputs {
            return Err(SendError::OutputUnknown {
                board,
                output,
                outputs,
            });
        }
        Ok(place)
    }

    /// Completes once there are commands, or [`Commands::wake`] was called. Cancel-safe.
    pub(super) async fn wait(&self) {
        self.notify.notified().await;
    }

    /// Takes all commands: the board's place on the line, the output, and the command.
    pub(super) fn take(&self, mut taken: impl FnMut(usize, u16, RelayCommand)) {
        for (at, commands) in self.boards.iter().enumerate() {
            let mut waiting = commands.waiting.swap(0, Ordering::Acquire);
            while waiting != 0 {
                let bit = waiting.trailing_zeros() as usize;
                waiting &= waiting - 1;
                let place = commands.places[bit].swap(0, Ordering::Acquire);
                if let (Some(command), Ok(bit)) = (decode(place), u16::try_from(bit)) {
                    taken(at, bit + 1, command);
                }
            }
        }
    }
}

const ON: u64 = 1 << 32;
const OFF: u64 = 2 << 32;
const PULSE: u64 = 3 << 32;

fn encode(command: RelayCommand) -> u64 {
    match command {
        RelayCommand::On => ON,
        RelayCommand::Off => OFF,
        RelayCommand::Pulse { ms } => PULSE | u64::from(ms),
    }
}

fn decode(place: u64) -> Option<RelayCommand> {
    let ms = u32::try_from(place & u64::from(u32::MAX)).ok()?;
    match place & !u64::from(u32::MAX) {
        ON => Some(RelayCommand::On),
        OFF => Some(RelayCommand::Off),
        PULSE => Some(RelayCommand::Pulse { ms }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use doorward_core::ids::DeviceName;
    use doorward_wire::board::built_in;

    use super::super::config::{BoardConfig, LineAddress};
    use super::*;

    fn commands() -> Commands {
        let board = |at: u16| BoardConfig {
            board: BoardIx(at),
            name: DeviceName::from("b"),
            unit: 1,
            profile: Arc::new(built_in("waveshare-rtu-relay-8ch").unwrap().unwrap()),
            poll_ms: 20,
            debounce: 1,
            safe: Vec::new(),
        };
        Commands::new(&LineConfig {
            address: LineAddress::Tcp(String::new()),
            timeout_ms: 100,
            boards: vec![board(3), board(7)],
        })
    }

    fn taken(commands: &Commands) -> Vec<(usize, u16, RelayCommand)> {
        let mut all = Vec::new();
        commands.take(|board, output, command| all.push((board, output, command)));
        all
    }

    #[test]
    fn the_newest_command_of_an_output_counts() {
        let commands = commands();
        let pulse = RelayCommand::Pulse { ms: u32::MAX };
        commands.send(BoardIx(7), 8, RelayCommand::On).unwrap();
        commands.send(BoardIx(7), 8, pulse).unwrap();
        commands.send(BoardIx(3), 1, RelayCommand::Off).unwrap();
        let expect = vec![(0, 1, RelayCommand::Off), (1, 8, pulse)];
        assert_eq!(taken(&commands), expect);
        assert_eq!(taken(&commands), []);
    }

    #[test]
    fn places_that_do_not_exist_are_told() {
        let commands = commands();
        let told = |board, output| {
            let result = commands.send(BoardIx(board), output, RelayCommand::On);
            result.unwrap_err().to_string()
        };
        assert_eq!(
            told(4, 1),
            "there is no relay board BoardIx(4) on this line"
        );
        for output in [0, 9] {
            let expect = format!("relay board BoardIx(3) has no output {output}, it has 1 to 8");
            assert_eq!(told(3, output), expect);
        }
    }
}
