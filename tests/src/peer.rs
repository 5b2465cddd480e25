//! Peers that run as processes of their own and speak JSON lines.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::marker::PhantomData;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reports kept for later waits; older ones are forgotten first.
const PENDING_MAX: usize = 10_000;

/// Reports shown in the message of a wait in vain.
const SHOWN_MAX: usize = 12;

/// A program of this workspace, from the folder that this one was built into (or from
/// `DOORWARD_TEST_BIN_DIR`).
///
/// # Errors
/// When it has not been built.
pub fn program(name: &str) -> Result<Command> {
    Ok(Command::new(program_path(name)?))
}

/// Where a program of this workspace is.
///
/// # Errors
/// When it has not been built.
pub fn program_path(name: &str) -> Result<PathBuf> {
    let folder = match std::env::var_os("DOORWARD_TEST_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let own = std::env::current_exe().context("where is this program?")?;
            let mut folder = own.parent().map(PathBuf::from).unwrap_or_default();
            if folder.ends_with("deps") || folder.ends_with("examples") {
                folder.pop();
            }
            folder
        }
    };
    let path = folder.join(name);
    if !path.is_file() {
        bail!(
            "`{name}` is not in `{}`: build it first with `cargo build --workspace --bins`",
            folder.display()
        );
    }
    Ok(path)
}

/// A running peer. Dropping it closes its input, and ends it if that does not.
#[derive(Debug)]
pub struct JsonPeer<O, R> {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    reports: Receiver<R>,
    pending: VecDeque<R>,
    orders: PhantomData<O>,
}

impl<O, R> JsonPeer<O, R>
where
    O: Serialize,
    R: DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    /// Starts a peer.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn start(name: &str, mut command: Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name} ({command:?})"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("no standard output")?;
        let (send, reports) = sync_channel(PENDING_MAX);
        let thread_name = name.to_owned();
        std::thread::Builder::new()
            .name(thread_name.clone())
            .spawn(move || {
                for line in BufReader::new(stdout).lines() {
                    let Ok(line) = line else { return };
                    match serde_json::from_str(&line) {
                        Ok(report) => {
                            if send.send(report).is_err() {
                                return;
                            }
                        }
                        Err(error) => log::error!("{thread_name}: {error} in `{line}`"),
                    }
                }
            })?;
        Ok(Self {
            name: name.to_owned(),
            child,
            stdin,
            reports,
            pending: VecDeque::new(),
            orders: PhantomData,
        })
    }

    /// Gives an order.
    ///
    /// # Errors
    /// When the peer has ended.
    pub fn send(&mut self, order: &O) -> Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        let stdin = self.stdin.as_mut().context("no standard input")?;
        stdin
            .write_all(&line)
            .with_context(|| format!("{} takes no more orders", self.name))
    }

    /// Waits for the first report, now or within `within`, of which `wanted` makes something. The
    /// others are kept for later waits.
    ///
    /// # Errors
    /// When none comes in time, or the peer ends; the message tells what came instead.
    pub fn wait_for<T>(
        &mut self,
        what: &str,
        within: Duration,
        mut wanted: impl FnMut(&R) -> Option<T>,
    ) -> Result<T> {
        for at in 0..self.pending.len() {
            if let Some(found) = wanted(&self.pending[at]) {
                self.pending.remove(at);
                return Ok(found);
            }
        }
        let until = Instant::now() + within;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.reports.recv_timeout(left) {
                Ok(report) => {
                    if let Some(found) = wanted(&report) {
                        return Ok(found);
                    }
                    if self.pending.len() == PENDING_MAX {
                        self.pending.pop_front();
                    }
                    self.pending.push_back(report);
                }
                Err(RecvTimeoutError::Timeout) => bail!(
                    "{}: waited {within:?} for {what}; seen instead: {:?}",
                    self.name,
                    self.last_seen()
                ),
                Err(RecvTimeoutError::Disconnected) => bail!(
                    "{} ended ({:?}) while waiting for {what}",
                    self.name,
                    self.child.try_wait()
                ),
            }
        }
    }

    /// Forgets everything reported so far.
    pub fn forget(&mut self) {
        while self.reports.try_recv().is_ok() {}
        self.pending.clear();
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// The process, for its id.
    #[must_use]
    pub fn process(&self) -> &Child {
        &self.child
    }

    fn last_seen(&self) -> Vec<&R> {
        let skipped = self.pending.len().saturating_sub(SHOWN_MAX);
        self.pending.iter().skip(skipped).collect()
    }
}

impl<O, R> Drop for JsonPeer<O, R> {
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
