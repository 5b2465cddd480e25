use core::fmt;

use doorward_core::time::Wall;
use serde::{Deserialize, Serialize};

/// A check or a backup: the one that runs, or the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VaultJob {
    /// What it does.
    pub kind: VaultJobKind,
    /// How it stands.
    pub state: VaultJobState,
    /// Since when.
    pub started: Wall,
    /// Rows done with.
    pub done: u64,
    /// Rows to come to, as far as that is known.
    pub total: u64,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Of a check: what each part of it found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckResult>,
    /// Of a backup: what was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupMade>,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum VaultJobKind {
    /// Checks every invariant of the store.
    Verify,
    /// Makes a backup.
    Backup,
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum VaultJobState {
    /// It runs.
    Running,
    /// It is done; of a check: everything holds.
    Done,
    /// It failed; of a check: something does not hold.
    Failed,
    /// Somebody broke it off.
    Cancelled,
}

/// What one part of a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckResult {
    /// Its name: `meta`, `records`, `references`, `indexes`, `audit`, `events`, `alarms`, `cursors` or
    /// `kept`.
    pub name: String,
    /// Rows it looked at.
    pub rows: u64,
    /// How many things do not hold.
    pub faults: u64,
    /// The first of them, in words.
    pub told: Vec<String>,
}

/// A backup that was made, and read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BackupMade {
    /// The file, on the appliance.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The revision of the access table in it.
    pub revision: u64,
    /// The newest event in it.
    pub events: u64,
    /// The newest entry of the admin log in it.
    pub audit: u64,
    /// The SHA-256 of the table in it.
    pub table_hash: String,
    /// Files that could not be read, and are not in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// Where a backup goes, and what it is locked with. What is left out stands in `site.toml`.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BackupBody {
    /// A folder of the appliance, which must be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// At least 12 characters; not beside `recipient`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<String>,
    /// A public key of age's, `age1…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
}

impl fmt::Debug for BackupBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackupBody")
            .field("folder", &self.folder)
            .field("passphrase", &self.passphrase.as_ref().map(|_| "…"))
            .field("recipient", &self.recipient)
            .finish()
    }
}
