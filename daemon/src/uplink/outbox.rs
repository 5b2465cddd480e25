//! What the uplink needs of the store.

use std::error::Error;

use doorward_core::event::Event;
use tokio::sync::watch;

/// The event log as the uplink reads it: a cursor over the events, never a copy of them.
///
/// The calls may block on the disk; the uplink makes them off its own task.
pub trait Outbox: Send + Sync + 'static {
    /// At most `limit` durable events with numbers above `seq`, in order, without a gap.
    fn events_after(&self, seq: u64, limit: usize) -> Result<Vec<OutboxEvent>, OutboxError>;

    /// The number of the newest durable event; 0 for none.
    fn newest(&self) -> watch::Receiver<u64>;

    /// The newest event that the broker has taken over; 0 for none.
    fn cursor(&self) -> Result<u64, OutboxError>;

    /// Moves the cursor to `seq`, durably. Never back.
    fn advance_cursor(&self, seq: u64) -> Result<(), OutboxError>;

    /// The access table's revision. From memory: does not block.
    fn revision(&self) -> u64;
}

/// One row of the event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEvent {
    /// Its number, from 1 without a gap.
    pub seq: u64,
    /// Its place in the hash chain.
    pub hash: [u8; 32],
    /// What happened.
    pub event: Event,
    /// Whether its personal data was erased.
    pub erased: bool,
}

/// The store failed.
pub type OutboxError = Box<dyn Error + Send + Sync>;
