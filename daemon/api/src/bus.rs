//! OSDP buses: how their readers fare, finding readers, and raising the speed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use doorward_core::ids::{Actor, DeviceName};
use doorward_core::time::Wall;

/// An OSDP bus with its readers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BusStatus {
    /// Its name in `site.toml`.
    pub name: DeviceName,
    /// Its serial device.
    pub port: DeviceName,
    /// Whether the serial device works.
    pub works: bool,
    /// Its readers, in the order of `site.toml`.
    pub readers: Vec<ReaderFigures>,
    /// What was last ordered, and how far it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<BusJob>,
}

/// How a reader has fared since the daemon started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReaderFigures {
    /// Its name in `site.toml`.
    pub name: DeviceName,
    /// Its address on the bus, 0 to 126.
    pub address: u8,
    /// Bits per second at which it is spoken to, or was when it last answered.
    pub baud: u32,
    /// It answers.
    pub online: bool,
    /// It answers in Secure Channel.
    pub secure: bool,
    /// Since when it is online or offline.
    pub since: Wall,
    /// Who it says it is, while it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<ReaderIdentity>,
    /// Whether several readers answer at its address. Noise is no reason for it.
    #[serde(default)]
    pub address_shared: bool,
    /// Whether something answers, again and again, that cannot be read: the line is bad, or several
    /// readers answer at its address.
    #[serde(default)]
    pub unreadable: bool,
    /// POLL commands sent, without repetitions.
    pub polls: u64,
    /// Other commands sent, without repetitions.
    pub commands: u64,
    /// Replies accepted.
    pub replies: u64,
    /// Commands sent again.
    pub retries: u64,
    /// Waits that ended without a reply.
    pub timeouts: u64,
    /// Replies with a wrong check field.
    pub bad_checks: u64,
    /// Replies with a wrong MAC.
    pub bad_macs: u64,
    /// Replies with an unexpected sequence number.
    pub bad_sequences: u64,
    /// Replies in clear that are only accepted in Secure Channel.
    pub clear_refused: u64,
    /// Replies that say no more than "busy".
    pub busy: u64,
    /// Refusals (NAK), by the name of their code; only those that came.
    pub naks: BTreeMap<String, u64>,
    /// Secure Channels set up.
    pub sessions: u64,
    /// Secure Channels lost again.
    pub sessions_lost: u64,
    /// Times it went offline.
    pub outages: u64,
    /// Times it was looked for while offline.
    pub probes: u64,
    /// From the end of a command to the first byte of its reply, in microseconds: half of the
    /// replies took no longer. Repeated commands do not count.
    pub latency_p50_us: u64,
    /// The same for 99 of 100.
    pub latency_p99_us: u64,
    /// The longest.
    pub latency_max_us: u64,
}

/// Who a reader says it is (PDID and PDCAP).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReaderIdentity {
    /// Its manufacturer's IEEE OUI, such as `00-06-8E`.
    pub vendor: String,
    /// The manufacturer's model number.
    pub model: u8,
    /// The manufacturer's version of the model.
    pub version: u8,
    /// The serial number.
    pub serial: u32,
    /// Firmware, such as `1.0.0`.
    pub firmware: String,
    /// What it says it can do, by name.
    pub capabilities: Vec<String>,
}

/// Which speed to raise a bus to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RaiseSpeedBody {
    /// No higher than this: 9600, 19200, 38400, 57600, 115200 or 230400. The highest unless said.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Leave readers that are offline where they are, instead of refusing.
    #[serde(default)]
    pub leave_offline: bool,
}

/// Where to look for readers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ScanBody {
    /// The first address; 0 unless said.
    #[serde(default)]
    pub first: Option<u8>,
    /// The last address; 126 unless said.
    #[serde(default)]
    pub last: Option<u8>,
    /// The speeds; every one unless said.
    #[serde(default)]
    pub bauds: Vec<u32>,
}

/// Something that takes a while on a bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BusJob {
    /// Its number, from 1 at the daemon's start.
    pub number: u64,
    /// The bus.
    pub bus: DeviceName,
    /// What is done.
    pub kind: BusJobKind,
    /// How it stands.
    pub state: BusJobState,
    /// Who ordered it.
    pub actor: Actor,
    /// When.
    pub started: Wall,
    /// How much is done: places asked, or readers at the speed that is tried.
    pub done: u32,
    /// Of how much.
    pub of: u32,
    /// The speed that is tried, in bits per second; none on the way back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trying_baud: Option<u32>,
    /// The speed of the bus at the end, in bits per second, if all readers have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baud: Option<u32>,
    /// What became of each reader's speed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub speeds: Vec<ReaderSpeed>,
    /// Who was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<FoundReader>,
}

/// What is done on a bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BusJobKind {
    /// All readers are taken to the highest speed that all accept.
    RaiseSpeed,
    /// Readers are looked for.
    Scan,
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BusJobState {
    /// It goes on.
    Running,
    /// It has come to its end.
    Done,
    /// Somebody ended it, or whoever ordered a scan asked no more for it.
    Cancelled,
    /// The serial device was lost.
    PortLost,
}

/// What became of a reader's speed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReaderSpeed {
    /// The reader.
    pub name: DeviceName,
    /// Its address on the bus.
    pub address: u8,
    /// Bits per second before.
    pub from_baud: u32,
    /// Bits per second now.
    pub to_baud: u32,
    /// The highest speed it did not take, in bits per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_baud: Option<u32>,
    /// Why not, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// It answers.
    pub online: bool,
}

/// A reader that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FoundReader {
    /// Its address, 0 to 126.
    pub address: u8,
    /// Bits per second at which it answers.
    pub baud: u32,
    /// Its name, if it is configured at this address and in service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<DeviceName>,
    /// Who it says it is; none where the answer cannot be read: two readers have this address, or the
    /// line is disturbed. Outside of a Secure Channel nobody proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<ReaderIdentity>,
}
