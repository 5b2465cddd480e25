//! The doors' end of the passage log: append without waiting, learn later that it is durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use doorward_core::event::Event;
use tokio::sync::mpsc;

/// Events that may wait between the doors and the store's thread.
pub const EVENTS_QUEUED_MAX: usize = 16_384;

/// Events that the store's thread keeps in memory while storage fails, besides those in the
/// queue. At some 400 bytes each, 20 MB.
pub const EVENTS_WAITING_MAX: usize = 49_152;

/// What became of an appended event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppendAck {
    /// As given with [`EventSink::append`].
    pub token: u64,
    /// The number of the event, once it is durable.
    pub result: Result<u64, AppendError>,
}

/// Why an event is not durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Storage fails. The event waits in memory; when it is durable, its token is acknowledged
    /// once more, with its number.
    #[error("storage fails; the event waits in memory")]
    Waiting,
    /// The event is lost: [`EVENTS_QUEUED_MAX`] and [`EVENTS_WAITING_MAX`] are reached.
    #[error("storage fails and no more events may wait; the event is lost")]
    Lost,
    /// The store is stopped; the event is lost.
    #[error("the store is stopped; the event is lost")]
    Stopped,
}

/// An event on its way to the store's thread.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) token: u64,
    pub(super) event: Event,
    pub(super) acks: mpsc::UnboundedSender<AppendAck>,
}

/// Appends events to the passage log. Never blocks.
#[derive(Debug, Clone)]
pub struct EventSink {
    queue: mpsc::Sender<Queued>,
    acks: mpsc::UnboundedSender<AppendAck>,
    lost: Arc<AtomicU64>,
}

impl EventSink {
    pub(super) fn new(
        queue: mpsc::Sender<Queued>,
        lost: Arc<AtomicU64>,
    ) -> (Self, mpsc::UnboundedReceiver<AppendAck>) {
        // Bounded by what is under way: at most two acknowledgements for each event.
        let (acks, inbox) = mpsc::unbounded_channel();
        (Self { queue, acks, lost }, inbox)
    }

    /// Appends an event. Numbers are given in the order of the calls.
    ///
    /// Its acknowledgement carries `token`. An event that cannot even wait is acknowledged at
    /// once as lost, and counted in the store's health.
    pub fn append(&self, token: u64, event: Event) {
        let queued = Queued {
            token,
            event,
            acks: self.acks.clone(),
        };
        let error = match self.queue.try_send(queued) {
            Ok(()) => return,
            Err(mpsc::error::TrySendError::Full(_)) => AppendError::Lost,
            Err(mpsc::error::TrySendError::Closed(_)) => AppendError::Stopped,
        };
        self.lost.fetch_add(1, Ordering::Relaxed);
        // Whoever dropped the acknowledgements does not want them.
        let _ = self.acks.send(AppendAck {
            token,
            result: Err(error),
        });
    }
}
