//! Backups: the whole appliance in one locked file, and back again.
//!
//! - [`make`]: writes one while the daemon goes on, as of one revision and one event, and reads it
//!   again before it counts. `restore`: makes an appliance of it.
//! - [`container`]: what is inside; [`lock`]: what it is locked with.
//! - [`Jobs`]: one at a time, with progress, for the API and for the night.

mod backup;
pub mod container;
mod files;
mod jobs;
pub mod lock;
mod nightly;
mod restore;

pub use backup::{BackupDone, BackupError, BackupSource, Progress, make};
pub use files::BackupFiles;
pub use jobs::{Appliance, JobRefused, Jobs, api_check};
pub use nightly::mind;
pub(crate) use restore::{RestoreError, RestoreTo, restore};
