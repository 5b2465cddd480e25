//! Whether storage works, for the storage alarm.

use doorward_core::time::Mono;

/// Whether storage works.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StoreHealth {
    /// It does.
    #[default]
    Ok,
    /// It does not: events wait in memory and are tried again. Or the disk is full, and what is left
    /// of it is for events; none waits then.
    Failing {
        /// Since when, microseconds since the store was opened.
        since: Mono,
        /// What failed last.
        error: String,
        /// Events that wait in memory.
        waiting: usize,
        /// Events lost because no more may wait, since the store was opened.
        lost: u64,
    },
}
