//! Threads with a name and a deadline for their end.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A thread that is waited for, though not for ever.
#[derive(Debug)]
pub struct NamedThread {
    name: &'static str,
    thread: JoinHandle<()>,
    /// Closed when the thread ends, also by a panic.
    ended: mpsc::Receiver<()>,
}

impl NamedThread {
    /// Starts a thread.
    pub fn spawn(name: &'static str, run: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (running, ended) = mpsc::channel::<()>();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let _running = running;
                run();
            })?;
        Ok(Self {
            name,
            thread,
            ended,
        })
    }

    /// Waits until it has ended, at most for `limit`. What went wrong is logged.
    pub fn join_within(self, limit: Duration) {
        let name = self.name;
        if self.ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            log::error!(
                "thread `{name}` did not end within {} ms",
                limit.as_millis()
            );
        } else if self.thread.join().is_err() {
            log::error!("thread `{name}` panicked");
        }
    }
}
