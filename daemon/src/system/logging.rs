//! The journal with structured fields under systemd, stderr otherwise.

use log::LevelFilter;
use systemd_journal_logger::{JournalLog, connected_to_journal};

/// Sends all log records to the journal when stderr is connected to it, else to stderr.
///
/// A second call in one process keeps the first logger.
pub fn start(level: LevelFilter) {
    let journal = connected_to_journal()
        .then(|| JournalLog::new().ok()?.install().ok())
        .flatten();
    if journal.is_none() {
        // An error says that a logger is there already, and that one stays.
        let _ = env_logger::Builder::new()
            .filter_level(level)
            .filter_module("sled", LevelFilter::Warn)
            .format_timestamp_millis()
            .format_target(false)
            .try_init();
    }
    log::set_max_level(level);
}
