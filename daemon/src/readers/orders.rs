//! Between the office and the buses.

use std::sync::Arc;

use doorward_api::{BusJob, BusStatus};
use doorward_core::ids::{Actor, DeviceName};
use doorward_wire::osdp::{Address, Baud};
use tokio::sync::{mpsc, oneshot};

/// Orders that may wait for one bus; more are refused.
const BUS_ORDERS_MAX: usize = 8;

/// What the office asks of a bus.
#[derive(Debug)]
pub enum BusOrder {
    /// Tell how it is.
    Status {
        /// Told it.
        done: oneshot::Sender<BusStatus>,
    },
    /// Take all readers to the highest speed that all accept.
    RaiseSpeed {
        /// No higher than this.
        limit: Baud,
        /// Leave readers that are offline where they are, instead of refusing.
        leave_offline: bool,
        /// Who orders it.
        actor: Actor,
        /// Told whether it is begun.
        done: oneshot::Sender<Result<BusJob, BusRefusal>>,
    },
    /// Look for readers.
    Scan {
        /// At which addresses.
        addresses: Vec<Address>,
        /// At which speeds.
        bauds: Vec<Baud>,
        /// Who orders it.
        actor: Actor,
        /// Told whether it is begun.
        done: oneshot::Sender<Result<BusJob, BusRefusal>>,
    },
    /// Tell what was last ordered, and how far it is.
    Job {
        /// Told it.
        done: oneshot::Sender<Option<BusJob>>,
    },
    /// End what goes on.
    Cancel {
        /// Told how it stood.
        done: oneshot::Sender<Option<BusJob>>,
    },
}

/// Why a bus does not do what it is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusRefusal {
    /// No such bus.
    #[error("there is no OSDP bus `{0}`; `/v1/buses` lists them")]
    Unknown(String),
    /// Something else goes on.
    #[error("something goes on at bus `{0}` already: wait for it, or end it")]
    JobRuns(DeviceName),
    /// The serial device is missing or fails.
    #[error("the serial device of bus `{0}` does not work")]
    PortFails(DeviceName),
    /// Some readers are offline.
    #[error("readers of the bus are offline: {0}; they would be left behind")]
    Offline(String),
    /// Too many orders wait; try again.
    #[error("bus `{0}` has {BUS_ORDERS_MAX} orders waiting")]
    Busy(String),
    /// The doors are being stopped.
    #[error("the buses are being stopped")]
    Stopped,
}

/// The office's end: every bus by its name. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Buses(Arc<Vec<(DeviceName, mpsc::Sender<BusOrder>)>>);

impl Buses {
    /// Ends for these buses: the office's, and theirs in the same order.
    pub(crate) fn new(
        names: impl Iterator<Item = DeviceName>,
    ) -> (Self, Vec<mpsc::Receiver<BusOrder>>) {
        let (ends, inboxes) = names
            .map(|name| {
                let (orders, inbox) = mpsc::channel(BUS_ORDERS_MAX);
                ((name, orders), inbox)
            })
            .unzip();
        (Self(Arc::new(ends)), inboxes)
    }

    /// The buses' names, in the order of `site.toml`.
    pub fn names(&self) -> impl Iterator<Item = &DeviceName> {
        self.0.iter().map(|(name, _)| name)
    }

    /// Gives an order, and waits for the answer.
    ///
    /// # Errors
    /// When there is no such bus, too many orders wait, or the buses are being stopped.
    pub async fn ask<T>(
        &self,
        bus: &str,
        order: impl FnOnce(oneshot::Sender<T>) -> BusOrder,
    ) -> Result<T, BusRefusal> {
        let mut all = self.0.iter();
        let (_, orders) = all
            .find(|(name, _)| **name == *bus)
            .ok_or_else(|| BusRefusal::Unknown(bus.to_owned()))?;
        let (done, answer) = oneshot::channel();
        orders.try_send(order(done)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => BusRefusal::Busy(bus.to_owned()),
            mpsc::error::TrySendError::Closed(_) => BusRefusal::Stopped,
        })?;
        answer.await.map_err(|_| BusRefusal::Stopped)
    }
}
