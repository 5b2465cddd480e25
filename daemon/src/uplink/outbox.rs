//! What the uplink needs of the store: a cursor over the passage log, never a copy of it.

use tokio::sync::watch;

use crate::store::{EventRow, LogHeads, Store, StoreError};

/// The uplink's cursor among those of the store.
const CURSOR: &str = "uplink";

/// The passage log as the uplink reads it. [`Store`] is one; tests have others that can fail.
pub trait Outbox: Send + Sync + 'static {
    /// At most `limit` durable rows with numbers above `seq`, in order. May block on the disk.
    fn events_after(&self, seq: u64, limit: usize) -> Result<Vec<EventRow>, StoreError>;

    /// The number of the newest durable event; 0 for none.
    fn newest(&self) -> watch::Receiver<u64>;

    /// The newest event that the broker has taken over; 0 for none. May block on the disk.
    fn cursor(&self) -> Result<u64, StoreError>;

    /// Moves the cursor to `seq`. Durable soon: a crash may set it back a little, never forward.
    fn advance_cursor(&self, seq: u64);

    /// The access table's revision. May block on the disk.
    fn revision(&self) -> Result<u64, StoreError>;

    /// The newest rows of both logs. May block on the disk.
    fn heads(&self) -> Result<LogHeads, StoreError>;
}

impl Outbox for Store {
    fn events_after(&self, seq: u64, limit: usize) -> Result<Vec<EventRow>, StoreError> {
        Self::events_after(self, seq, limit)
    }

    fn newest(&self) -> watch::Receiver<u64> {
        self.durable_seq()
    }

    fn cursor(&self) -> Result<u64, StoreError> {
        Self::cursor(self, CURSOR)
    }

    fn advance_cursor(&self, seq: u64) {
        Self::advance_cursor(self, CURSOR, seq);
    }

    fn revision(&self) -> Result<u64, StoreError> {
        self.view().revision()
    }

    fn heads(&self) -> Result<LogHeads, StoreError> {
        Self::heads(self)
    }
}
