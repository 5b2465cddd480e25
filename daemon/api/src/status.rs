use serde::{Deserialize, Serialize};

use doorward_core::time::{ClockTrust, Wall};

use crate::LogsStatus;
use crate::live::{Alarm, BoardStatus, ReaderStatus};

/// How the appliance is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Status {
    /// The daemon's version.
    pub version: String,
    /// The site's name, from `site.toml`.
    pub site: String,
    /// Seconds since the daemon began to serve.
    pub uptime_s: u64,
    /// The appliance's wall time.
    pub now: Wall,
    /// Whether `now` may be believed.
    pub clock: ClockTrust,
    /// The revision of the access table.
    pub revision: u64,
    /// The number of the newest event; 0 while the log is empty.
    pub newest_event: u64,
    /// Doors known to the doors' controller.
    pub doors: u32,
    /// Readers, in the order of their names.
    pub readers: Vec<ReaderStatus>,
    /// Relay boards, in the order of their names.
    pub boards: Vec<BoardStatus>,
    /// Alarms whose condition holds.
    pub alarms: Vec<Alarm>,
    /// The way to headquarters.
    pub uplink: UplinkStatus,
    /// The store.
    pub storage: StorageStatus,
    /// The newest rows of both logs.
    #[serde(default)]
    pub logs: LogsStatus,
    /// The API itself.
    pub api: ApiInfo,
}

/// The way to headquarters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UplinkStatus {
    /// Whether the broker is reached.
    pub state: UplinkState,
    /// The broker as `site.toml` names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker: Option<String>,
    /// Why it is not reached, in the words of the last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The newest event that the broker has acknowledged; 0 for none.
    pub acknowledged_event: u64,
}

/// Whether the broker is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum UplinkState {
    /// `site.toml` names no broker.
    #[default]
    Off,
    /// Connected.
    Connected,
    /// Not connected; tried again for ever.
    Disconnected,
}

/// The store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StorageStatus {
    /// Whether it works.
    pub state: StorageState,
    /// What is wrong, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Whether the store works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StorageState {
    /// Writes become durable.
    Working,
    /// Writes fail or are late. Doors go on opening; changes are refused.
    Failing,
}

/// The API's own load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiInfo {
    /// Connections open now.
    pub connections: u32,
    /// The most connections at once.
    pub connections_max: u32,
    /// Streams open now.
    pub streams: u32,
    /// The most streams at once.
    pub streams_max: u32,
}
