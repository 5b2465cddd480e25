//! Lines with their boards, as the driver needs them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use doorward_core::ids::{BoardIx, DeviceName};
use doorward_wire::board::{BoardProfile, OutputState};

use super::profiles::Profiles;
use crate::config::{BoardConfig as SiteBoard, BoardTransport};
use crate::gpio::{self, GpioBoard};
use crate::serial::SerialSettings;

/// How long a board on a serial line may take to answer, beyond the time of the frames, in
/// milliseconds.
pub const RTU_TIMEOUT_MS: u32 = 100;
/// How long a board on a network may take to answer, in milliseconds.
pub const TCP_TIMEOUT_MS: u32 = 500;
/// How many readings in a row settle a change of an input.
pub const DEBOUNCE_READINGS: u8 = 2;

/// One serial line, or one connection.
#[derive(Debug, Clone)]
pub struct LineConfig {
    /// How it is reached.
    pub address: LineAddress,
    /// How long a board may take to answer, in milliseconds, from the end of the request.
    pub timeout_ms: u32,
    /// The boards on it; every unit once.
    pub boards: Vec<BoardConfig>,
}

/// How a line is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineAddress {
    /// Modbus RTU.
    Rtu(SerialSettings),
    /// Modbus TCP at `host:port`.
    Tcp(String),
    /// The appliance's own GPIO lines.
    Gpio(GpioBoard),
}

impl std::fmt::Display for LineAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rtu(settings) => write!(f, "{}", settings.path.display()),
            Self::Tcp(address) => f.write_str(address),
            Self::Gpio(board) => write!(f, "{}", board.chip.display()),
        }
    }
}

/// One board on a line.
#[derive(Debug, Clone)]
pub struct BoardConfig {
    /// Its place in the wiring.
    pub board: BoardIx,
    /// Its name, for logs.
    pub name: DeviceName,
    /// Its Modbus unit.
    pub unit: u8,
    /// Which registers do what.
    pub profile: Arc<BoardProfile>,
    /// How often its inputs are read, in milliseconds.
    pub poll_ms: u32,
    /// How many readings in a row settle a change of an input.
    pub debounce: u8,
    /// The outputs in use, with what each does while nobody commands it: on start, on stop, and
    /// after every loss of the board.
    pub safe: Vec<(u16, OutputState)>,
}

/// A board of `site.toml` whose profile does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("board `{board}` has the profile `{profile}`, which does not exist; known are {known}")]
pub struct ProfileUnknown {
    /// The board.
    pub board: DeviceName,
    /// The profile it names.
    pub profile: String,
    /// The profiles that exist.
    pub known: String,
}

/// Sorts the boards of `site.toml` into lines: boards with the same serial port, or the same
/// address, share one. `safe` tells the outputs in use of each board.
pub fn lines(
    boards: &[SiteBoard],
    profiles: &Profiles,
    safe: impl Fn(BoardIx) -> Vec<(u16, OutputState)>,
) -> Result<Vec<LineConfig>, Vec<ProfileUnknown>> {
    let mut lines: BTreeMap<(PathBuf, String), LineConfig> = BTreeMap::new();
    let mut unknown = Vec::new();
    for (at, site) in boards.iter().enumerate() {
        let own = match &site.transport {
            BoardTransport::Gpio(board) => BoardProfile::parse(&gpio::profile_text(board)).ok(),
            _ => None,
        };
        let own = own.map(Arc::new);
        let Some(profile) = own.as_ref().or_else(|| profiles.by_name(&site.profile)) else {
            unknown.push(ProfileUnknown {
                board: site.name.clone(),
                profile: site.profile.clone(),
                known: profiles.names(),
            });
            continue;
        };
        let board = BoardIx(u16::try_from(at).unwrap_or(u16::MAX));
        let (key, address, timeout_ms) = line_of(&site.transport, at);
        let line = lines.entry(key).or_insert_with(|| LineConfig {
            address,
            timeout_ms,
            boards: Vec::new(),
        });
        line.boards.push(BoardConfig {
            board,
            name: site.name.clone(),
            unit: site.unit,
            profile: Arc::clone(profile),
            poll_ms: site.poll_ms,
            debounce: DEBOUNCE_READINGS,
            safe: safe(board),
        });
    }
    if unknown.is_empty() {
        Ok(lines.into_values().collect())
    } else {
        Err(unknown)
    }
}

fn line_of(transport: &BoardTransport, at: usize) -> ((PathBuf, String), LineAddress, u32) {
    match transport {
        // Every board is a line of its own: nothing is between them.
        BoardTransport::Gpio(board) => (
            (board.chip.clone(), at.to_string()),
            LineAddress::Gpio(board.clone()),
            TCP_TIMEOUT_MS,
        ),
        BoardTransport::Tcp { address } => (
            (PathBuf::new(), address.clone()),
            LineAddress::Tcp(address.clone()),
            TCP_TIMEOUT_MS,
        ),
        BoardTransport::Rtu { port, baud, parity } => {
            let settings = SerialSettings {
                path: port.clone(),
                baud: *baud,
                parity: *parity,
            };
            // Two frames of at most 24 characters of 11 bits come on top.
            let frames_ms = (2 * 24 * 11 * 1000u32).div_ceil((*baud).max(1));
            (
                (port.clone(), String::new()),
                LineAddress::Rtu(settings),
                RTU_TIMEOUT_MS + frames_ms,
            )
        }
    }
}
