//! How the office asks for keys.

use doorward_core::ids::DeviceName;
use doorward_core::time::Wall;
use tokio::sync::{mpsc, oneshot};

use super::super::folder::KeyFolderError;
use super::super::order::KeyOrderError;
use super::WINDOW_MINUTES;
use crate::permit::Permit;
use crate::store::AppendError;

/// Requests that may wait; more are refused.
const REQUESTS_MAX: usize = 16;

#[derive(Debug)]
pub(super) enum Request {
    Install {
        permit: Permit,
        reader: DeviceName,
        minutes: u8,
        done: oneshot::Sender<Result<Wall, KeyError>>,
    },
    Close {
        permit: Permit,
        reader: DeviceName,
        done: oneshot::Sender<Result<(), KeyError>>,
    },
    Rotate {
        permit: Permit,
        reader: DeviceName,
        done: oneshot::Sender<Result<(), KeyError>>,
    },
}

/// Why nothing came of a request.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No such reader.
    #[error("there is no reader `{0}` in `site.toml`")]
    Unknown(DeviceName),
    /// It needs no key.
    #[error("reader `{0}` is spoken to in clear by `site.toml`, and needs no key")]
    Clear(DeviceName),
    /// A window of wrong length.
    #[error("an install window of {0} minutes, allowed are {min} to {max}", min = WINDOW_MINUTES.start(), max = WINDOW_MINUTES.end())]
    Minutes(u8),
    /// Its window is open already.
    #[error("the install window of reader `{0}` is open already")]
    WindowOpen(DeviceName),
    /// Its window is not open.
    #[error("the install window of reader `{0}` is not open")]
    NoWindow(DeviceName),
    /// Its key is being rotated.
    #[error("the key of reader `{0}` is being rotated already")]
    Rotating(DeviceName),
    /// The bus or its panel refuses.
    #[error(transparent)]
    Bus(KeyOrderError),
    /// The reader refuses the key.
    #[error("reader `{0}` refuses the new key, and has the one before")]
    Refused(DeviceName),
    /// The reader still has the key before.
    #[error("reader `{0}` did not take the new key, and has the one before")]
    Kept(DeviceName),
    /// It does not show what it has.
    #[error(
        "reader `{0}` has not shown yet whether it took the new key; both are kept, and tried until it does"
    )]
    NotShown(DeviceName),
    /// The key cannot be kept.
    #[error("nothing was sent: {0}")]
    Folder(#[from] KeyFolderError),
    /// The log cannot be written.
    #[error("nothing was sent: {0}")]
    Log(#[from] AppendError),
    /// No random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
    /// Too much waits; try again.
    #[error("{REQUESTS_MAX} requests for keys wait already, or the bus is busy; try again")]
    Busy,
    /// The daemon is stopping.
    #[error("the daemon is stopping")]
    Stopped,
}

/// Asks for keys. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ReaderKeys {
    requests: mpsc::Sender<Request>,
}

impl ReaderKeys {
    pub(super) fn new() -> (Self, mpsc::Receiver<Request>) {
        let (requests, inbox) = mpsc::channel(REQUESTS_MAX);
        (Self { requests }, inbox)
    }

    /// A handle behind which nobody keeps keys: everything is refused as if the daemon was stopping.
    #[must_use]
    pub fn unattended() -> Self {
        Self::new().0
    }

    /// Opens the install window of a reader for some minutes. Returns when it closes by itself.
    pub async fn install(
        &self,
        permit: Permit,
        reader: DeviceName,
        minutes: u8,
    ) -> Result<Wall, KeyError> {
        self.ask(|done| Request::Install {
            permit,
            reader,
            minutes,
            done,
        })
        .await
    }

    /// Closes the install window of a reader.
    pub async fn close(&self, permit: Permit, reader: DeviceName) -> Result<(), KeyError> {
        self.ask(|done| Request::Close {
            permit,
            reader,
            done,
        })
        .await
    }

    /// Gives a reader another key. Returns once it has shown that it has it.
    pub async fn rotate(&self, permit: Permit, reader: DeviceName) -> Result<(), KeyError> {
        self.ask(|done| Request::Rotate {
            permit,
            reader,
            done,
        })
        .await
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, KeyError>>) -> Request,
    ) -> Result<T, KeyError> {
        let (done, answer) = oneshot::channel();
        self.requests
            .try_send(request(done))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => KeyError::Busy,
                mpsc::error::TrySendError::Closed(_) => KeyError::Stopped,
            })?;
        answer.await.map_err(|_| KeyError::Stopped)?
    }
}
