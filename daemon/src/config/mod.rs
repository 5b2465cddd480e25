//! `site.toml`: wiring, paths, broker, and who may use the socket.
//!
//! Doors, users, keys and everything else that people administer live in the access table. Here
//! stands only what an electrician or a system administrator decides. Every key is described in
//! `config/site.toml`. Unknown keys are refused, and all problems are reported at once.

mod adopt;
mod keyfile;
mod parse;
#[cfg(test)]
mod tests;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub use doorward_core::decide::UntrustedClock;
use doorward_core::ids::DeviceName;
use doorward_wire::document::{Problem, Problems};
use doorward_wire::wiegand::Keypad;

pub use crate::gpio::GpioBoard;

pub use adopt::{AdoptError, adopt};
pub(crate) use keyfile::parse_scbk;
pub use keyfile::{KeyFileError, read_scbk, read_scbk_credential};

/// The largest configuration file read, in bytes.
pub const CONFIG_BYTES_MAX: usize = 1 << 20;
/// The most OSDP buses.
pub const BUSES_MAX: usize = 32;
/// The most readers on one OSDP bus: addresses 0x00 to 0x7E (IEC 60839-11-5, 5.9).
pub const READERS_PER_BUS_MAX: usize = 127;
/// The most readers behind Wiegand converters.
pub const WIEGAND_READERS_MAX: usize = 64;
/// The most relay boards.
pub const BOARDS_MAX: usize = 64;
/// Baud rates of OSDP buses and Modbus RTU lines.
pub const BAUDS: [u32; 6] = [9600, 19_200, 38_400, 57_600, 115_200, 230_400];

/// The configuration of one appliance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteConfig {
    /// What the site is called, in the console and in MQTT topics.
    pub name: String,
    /// The folder of the store.
    pub data: PathBuf,
    /// Card formats; `None` for those built in.
    pub card_formats: Option<PathBuf>,
    /// The names of the formats in use at the doors; `None` for all that are not rare.
    pub formats_in_use: Option<Vec<String>>,
    /// A folder of relay-board profiles beside those built in.
    pub board_profiles: Option<PathBuf>,
    /// The local API.
    pub api: ApiConfig,
    /// Rules of the whole site.
    pub doors: DoorsConfig,
    /// OSDP buses with their readers.
    pub buses: Vec<BusConfig>,
    /// Readers behind Wiegand converters.
    pub wiegand: Vec<WiegandConfig>,
    /// A folder of converter profiles beside those built in.
    pub reader_profiles: Option<PathBuf>,
    /// Relay boards.
    pub boards: Vec<BoardConfig>,
    /// The broker; `None` for an appliance without headquarters.
    pub uplink: Option<UplinkConfig>,
    /// Backups by night; `None` for none.
    pub backup: Option<BackupConfig>,
}

/// Backups by night.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupConfig {
    /// Where to; a folder that is not there is an alarm, and is not made.
    pub folder: PathBuf,
    /// The hour of the day, UTC, 0 to 23.
    pub hour_utc: u8,
    /// The newest so many are kept, 1 to 1000.
    pub keep: u16,
    /// A public key of age's, `age1…`.
    pub recipient: String,
}

/// The socket of the local API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiConfig {
    /// Where it is.
    pub socket: PathBuf,
    /// Its permission bits.
    pub mode: u32,
    /// The group it belongs to; `None` for the daemon's own.
    pub group: Option<String>,
    /// Users who may use it; empty for everybody who can open it.
    pub users: Vec<String>,
}

/// Rules of the whole site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoorsConfig {
    /// How long a grant waits for its event to be durable, in milliseconds. 0 to 1000.
    pub record_deadline_ms: u32,
    /// What schedules and windows do while the clock is not trusted.
    pub untrusted_clock: UntrustedClock,
    /// What makes the clock trusted.
    pub clock: ClockRule,
    /// Where pending plans may be activated.
    pub activate_plans: PlanRule,
}

/// Where pending plans of doors may be activated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanRule {
    /// By showing a credential at the door.
    AtDoor,
    /// There, and from the console.
    AlsoAtConsole,
}

/// What makes the clock trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockRule {
    /// Network time, or a real-time clock that set the system's clock at boot.
    Auto,
    /// The system's clock is always right.
    Trusted,
}

/// One RS-485 line with OSDP readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusConfig {
    /// Its name in logs.
    pub name: DeviceName,
    /// The serial device.
    pub port: PathBuf,
    /// One of [`BAUDS`].
    pub baud: u32,
    /// In the order of the file.
    pub readers: Vec<ReaderConfig>,
}

/// One OSDP reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderConfig {
    /// Its name, unique on the site.
    pub name: DeviceName,
    /// 0 to 126, unique on its bus.
    pub address: u8,
    /// How it is spoken to.
    pub security: ReaderSecurity,
}

/// How a reader is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReaderSecurity {
    /// In Secure Channel only, with its own key.
    Secure(KeySource),
    /// In clear: cards can be read off the line and forged.
    Clear,
}

/// Where a reader's first key (SCBK) comes from. The daemon may set others after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file with the 16 bytes as 32 hexadecimal digits.
    File(PathBuf),
    /// A credential of systemd's with the same content.
    Credential(String),
    /// Nowhere: the daemon sets it in an install window.
    Installed,
}

/// One reader behind a Wiegand converter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WiegandConfig {
    /// Its name, unique on the site.
    pub name: DeviceName,
    /// The profile that says what the converter sends; `None` on GPIO lines.
    pub profile: Option<String>,
    /// Where the converter is.
    pub place: WiegandPlace,
    /// The Modbus unit, 1 to 247; `None` for converters that send bytes.
    pub unit: Option<u8>,
}

/// Where a Wiegand converter is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WiegandPlace {
    /// On a serial line of its own.
    Port {
        /// The serial device.
        port: PathBuf,
        /// One of [`BAUDS`]; that of the profile without it.
        baud: Option<u32>,
        /// Parity bit.
        parity: Parity,
    },
    /// On the network at `host:port`.
    Network {
        /// Host name or address, and port.
        address: String,
    },
    /// None: the reader's wires are at GPIO lines.
    Gpio {
        /// The chip's device.
        chip: PathBuf,
        /// The line of D0.
        d0: u32,
        /// The line of D1.
        d1: u32,
        /// The silence that ends a card, in milliseconds, 25 to 50.
        frame_gap_ms: u32,
        /// How keys come.
        keypad: Keypad,
    },
}

/// One relay board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardConfig {
    /// Its name, unique on the site.
    pub name: DeviceName,
    /// The profile that says which registers do what.
    pub profile: String,
    /// How it is reached.
    pub transport: BoardTransport,
    /// The Modbus unit, 1 to 247.
    pub unit: u8,
    /// How often its inputs are read, in milliseconds. 5 to 10000.
    pub poll_ms: u32,
}

/// How a relay board is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoardTransport {
    /// Modbus TCP at `host:port`.
    Tcp {
        /// Host name or address, and port.
        address: String,
    },
    /// Modbus RTU on a serial line. Boards with the same port share it.
    Rtu {
        /// The serial device.
        port: PathBuf,
        /// One of [`BAUDS`].
        baud: u32,
        /// Parity bit.
        parity: Parity,
    },
    /// The appliance's own GPIO lines.
    Gpio(GpioBoard),
}

/// The parity bit of a serial line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Parity {
    None,
    Even,
    Odd,
}

/// The broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UplinkConfig {
    /// Host name or address.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
    /// What this appliance calls itself to the broker.
    pub client_id: String,
    /// What every topic begins with.
    pub topic_prefix: String,
    /// Seconds between signs of life, 5 to 3600.
    pub keep_alive_s: u16,
    /// Events that may be under way at once, 1 to 1000.
    pub in_flight: u16,
    /// User name, with the password in a file.
    pub login: Option<UplinkLogin>,
    /// TLS; `None` for a broker on a trusted network only.
    pub tls: Option<UplinkTls>,
}

/// A login at the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UplinkLogin {
    /// User name.
    pub user: String,
    /// A file with the password on its first line.
    pub password_file: PathBuf,
}

/// TLS to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UplinkTls {
    /// The certificate authority, PEM.
    pub ca_file: PathBuf,
    /// The appliance's own certificate and private key, PEM.
    pub client: Option<ClientCertificate>,
}

/// The appliance's own certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate chain, PEM.
    pub certificate_file: PathBuf,
    /// The private key, PEM.
    pub key_file: PathBuf,
}

/// Why a configuration was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It was read, and is wrong.
    #[error("`{}` is wrong:{}", path.display(), listed(path, problems))]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// Everything wrong with it, by line.
        problems: Problems,
    },
}

fn listed(path: &Path, problems: &Problems) -> String {
    let file = path.display();
    let line = |problem: &Problem| {
        let Problem { line, key, message } = problem;
        // A syntax error has no key.
        let key = if key.is_empty() {
            String::new()
        } else {
            format!("`{key}` ")
        };
        format!("\n  {file}:{line}: {key}{message}")
    };
    problems.list().iter().map(line).collect()
}

impl SiteConfig {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let read = |source| ConfigError::Read {
            path: path.to_owned(),
            source,
        };
        let mut text = String::new();
        // One byte past the limit is enough to tell that it is passed.
        let file = std::fs::File::open(path)
            .map_err(read)?
            .take(CONFIG_BYTES_MAX as u64 + 1);
        io::BufReader::new(file)
            .read_to_string(&mut text)
            .map_err(read)?;
        Self::parse(&text).map_err(|problems| ConfigError::Wrong {
            path: path.to_owned(),
            problems,
        })
    }

    /// Checks a document. All problems at once, by line.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        parse::parse(text)
    }

    /// The names of all readers, in the order that numbers them.
    pub fn reader_names(&self) -> impl Iterator<Item = &DeviceName> {
        self.buses
            .iter()
            .flat_map(|bus| &bus.readers)
            .map(|reader| &reader.name)
            .chain(self.wiegand.iter().map(|reader| &reader.name))
    }
}
