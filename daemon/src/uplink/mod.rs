//! The uplink to headquarters over MQTT 5. The only module that knows rumqttc.
//!
//! Events go up in order of their numbers, at least once, straight from the event log: the
//! [`Outbox`]'s cursor moves on only when the broker has acknowledged all up to it. State and
//! standing alarms are retained, with a last will. `docs/mqtt.md` describes the interface.
//!
//! **Architecture invariant.** Nothing here can hold up the doors or the store: the uplink reads
//! bounded batches when it has room for them, listens to live changes through a lossy channel, and
//! sends the whole state again when it has missed some.

mod backoff;
mod broker;
mod link;
mod message;
mod outbox;
mod session;
mod window;

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use broker::{Broker, BrokerCause, BrokerProblem, FILE_BYTES_MAX, PASSWORD_BYTES_MAX};
pub use link::{ALARM_AFTER, Connection, UplinkStatus};
pub use message::ALARMS_LISTED_MAX;
pub use outbox::Outbox;

use crate::clock::Clock;
use crate::doors::DoorsHandle;
use link::Link;

/// A running uplink.
#[derive(Debug)]
pub struct Uplink {
    /// How it stands, from now on.
    pub status: watch::Receiver<UplinkStatus>,
    /// Ends within 3 s of the shutdown; to be joined.
    pub task: JoinHandle<()>,
}

/// Starts the task `uplink` on the current runtime. It works until `shutdown`.
#[must_use]
pub fn spawn<O: Outbox>(
    broker: Broker,
    outbox: Arc<O>,
    doors: DoorsHandle,
    clock: Arc<Clock>,
    shutdown: CancellationToken,
) -> Uplink {
    let (link, status) = Link::new(broker, outbox, doors, clock, shutdown);
    Uplink {
        status,
        task: tokio::spawn(link.run()),
    }
}
