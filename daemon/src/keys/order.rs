//! Between whoever keeps the keys and the buses.

use std::time::Duration;

use doorward_core::ids::ReaderIx;
use doorward_wire::osdp::{InstallError, KeySent, Scbk, SendError};
use tokio::sync::oneshot;

/// Orders that may wait for one bus.
pub(crate) const ORDERS_MAX: usize = 8;
/// News of keys that may wait; what finds no room is found out at the next start.
pub(crate) const NEWS_MAX: usize = 256;

/// What a bus is to do about a reader's key.
#[derive(Debug)]
pub(crate) enum KeyOrder {
    /// Open its install window.
    OpenInstall {
        /// Which reader.
        reader: ReaderIx,
        /// The key that it is given; durable already.
        key: Scbk,
        /// For how long.
        window: Duration,
        /// Told whether it is open.
        done: oneshot::Sender<Result<(), KeyOrderError>>,
    },
    /// Close its install window.
    CloseInstall {
        /// Which reader.
        reader: ReaderIx,
        /// Told whether the key was sent; `None` if no window was open.
        done: oneshot::Sender<Option<KeySent>>,
    },
    /// Give it another key over its Secure Channel.
    Rotate {
        /// Which reader.
        reader: ReaderIx,
        /// The key; durable already.
        key: Scbk,
        /// Told whether it is on its way.
        done: oneshot::Sender<Result<(), KeyOrderError>>,
    },
}

/// Why a bus does not carry out an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyOrderError {
    /// The panel refuses to open a window.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// The panel refuses to send a key.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The serial port is missing or fails.
    #[error("the serial port of its bus does not work")]
    PortFails,
    /// The reader is on another bus.
    #[error("no such reader on this bus")]
    NotHere,
}

/// Something about a reader's key that has shown on the bus.
#[derive(Debug)]
pub(crate) struct KeyNews {
    pub(crate) reader: ReaderIx,
    pub(crate) shown: KeyShown,
}

/// What has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyShown {
    /// It has this key, which it was given.
    Changed(Scbk),
    /// It has the key it had.
    Kept,
    /// It refuses the key that it was sent.
    Refused,
}
