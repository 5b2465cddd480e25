use serde::{Deserialize, Serialize};

use doorward_core::ids::DeviceName;
use doorward_core::time::Wall;

/// Opens the install window of a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct InstallBody {
    /// For how many minutes: 1 to 60; 5 unless given.
    #[serde(default = "five")]
    pub minutes: u8,
}

const fn five() -> u8 {
    5
}

impl Default for InstallBody {
    fn default() -> Self {
        Self { minutes: five() }
    }
}

/// An install window that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InstallWindow {
    /// Whose.
    pub reader: DeviceName,
    /// When it closes by itself.
    pub until: Wall,
}
