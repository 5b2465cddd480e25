//! SIGTERM and SIGINT stop the daemon in order.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that say stop. From its making on they no longer end the process by themselves.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Listens from now on.
    ///
    /// # Errors
    ///
    /// What the system says when a handler cannot be installed.
    ///
    /// # Panics
    ///
    /// Outside a runtime of tokio.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for one of them, and says which. One that came before is not lost.
    pub async fn stop(&mut self) -> &'static str {
        // Cancel-safe: a signal that is not taken here stays pending in its stream.
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
