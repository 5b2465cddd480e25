//! Relay boards by pymodbus, an implementation that shares nothing with Doorward's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::peer::JsonPeer;

/// How long pymodbus may take to be imported and to listen.
const START: Duration = Duration::from_secs(30);

/// What boards can be told.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum BoardOrder {
    /// Its inputs have these levels: bit 0 is input 1.
    Inputs {
        /// The board.
        unit: u8,
        /// The levels.
        levels: u64,
    },
    /// One of its analogue inputs measures this; boards of a model only.
    Analogue {
        /// The board.
        unit: u8,
        /// From 1.
        input: u16,
        /// What its register holds.
        value: u16,
    },
    /// It answers nothing and does nothing.
    Silent {
        /// The board.
        unit: u8,
        /// From now on, or no more.
        on: bool,
    },
    /// It does what it is told and answers nothing.
    Deaf {
        /// The board.
        unit: u8,
        /// From now on, or no more.
        on: bool,
    },
    /// It answers writes with an exception.
    Refuse {
        /// The board.
        unit: u8,
        /// The exception code; `None` for no more.
        code: Option<u8>,
    },
    /// It answers reads with an exception.
    RefuseReads {
        /// The board.
        unit: u8,
        /// The exception code; `None` for no more.
        code: Option<u8>,
    },
    /// It takes its time before every answer.
    Delay {
        /// The board.
        unit: u8,
        /// How long, in milliseconds.
        ms: u32,
    },
    /// It forgets its outputs.
    PowerCycle {
        /// The board.
        unit: u8,
    },
    /// Connections and listener are closed.
    Close,
    /// And opened again.
    Listen,
}

/// What boards tell. Times are nanoseconds of `CLOCK_MONOTONIC`; outputs count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the script tells them")]
pub enum BoardReport {
    Listening {
        port: Option<u16>,
    },
    Connected,
    Disconnected,
    Wrote {
        unit: u8,
        output: u16,
        on: bool,
        ns: u64,
    },
    Pulse {
        unit: u8,
        output: u16,
        units: u16,
        ns: u64,
    },
    Level {
        unit: u8,
        output: u16,
        on: bool,
        ns: u64,
    },
    Read {
        unit: u8,
        ns: u64,
    },
}

/// Running boards, on one connection or line.
pub type Boards = JsonPeer<BoardOrder, BoardReport>;

/// Starts boards on a free port of this machine, and tells which.
///
/// # Errors
/// When pymodbus does not run; `tests/run` installs it.
pub fn tcp_boards(units: &[u8]) -> Result<(Boards, u16)> {
    listening_boards(&[], units)
}

/// Starts one board of a model, unit 1, on a free port of this machine, and tells which. The model is
/// named as its profile is, and written from its maker's manual.
///
/// # Errors
/// When pymodbus does not run, or does not know the model.
pub fn tcp_model(model: &str) -> Result<(Boards, u16)> {
    listening_boards(&["--model".into(), model.into()], &[1])
}

fn listening_boards(model: &[OsString], units: &[u8]) -> Result<(Boards, u16)> {
    let place = ["tcp".into(), "127.0.0.1".into(), "0".into()];
    let mut boards = start(units, &[model, &place].concat())?;
    let port = boards.wait_for("the board to listen", START, |report| match report {
        BoardReport::Listening { port } => *port,
        _ => None,
    })?;
    Ok((boards, port))
}

/// Starts boards on a serial line.
///
/// # Errors
/// When pymodbus does not run; `tests/run` installs it.
pub fn rtu_boards(device: &Path, baud: u32, units: &[u8]) -> Result<Boards> {
    serial_boards(&[], (device, baud), units)
}

/// Starts one board of a model, unit 1, on a serial line.
///
/// # Errors
/// When pymodbus does not run, or does not know the model.
pub fn rtu_model(model: &str, device: &Path, baud: u32) -> Result<Boards> {
    serial_boards(&["--model".into(), model.into()], (device, baud), &[1])
}

fn serial_boards(model: &[OsString], (device, baud): (&Path, u32), units: &[u8]) -> Result<Boards> {
    let place = ["rtu".into(), device.into(), baud.to_string().into()];
    let mut boards = start(units, &[model, &place].concat())?;
    boards.wait_for("the board to listen", START, |report| {
        matches!(report, BoardReport::Listening { .. }).then_some(())
    })?;
    Ok(boards)
}

fn start(units: &[u8], place: &[OsString]) -> Result<Boards> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = std::env::var_os("DOORWARD_TEST_PYTHON").map(PathBuf::from);
    let mut command = Command::new(python.unwrap_or_else(|| tests.join(".venv/bin/python")));
    command
        .arg(tests.join("peers/pymodbus_board.py"))
        .args(place)
        .args(units.iter().map(ToString::to_string));
    Boards::start("pymodbus board", command)
}
