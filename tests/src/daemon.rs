//! The daemon as a process, told by systemd's protocol when it is ready, in a folder of the test.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use doorward_api::Client;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::runtime::Runtime;

use crate::peer::program;

/// Starting takes no longer than this, on a slow and busy machine.
const START: Duration = Duration::from_secs(60);

/// Between two looks at whether the process still lives, while its messages are waited for.
const LOOK: Duration = Duration::from_millis(50);

/// The longest message of sd_notify(3) that is read.
const NOTICE_MAX: usize = 4096;

/// Notices kept for a later wait; more are forgotten.
const NOTICES_MAX: usize = 10_000;

/// Lines of the log shown when something is wrong.
const LOG_LINES_SHOWN: usize = 60;

/// What a program said at its end.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// Its log.
    pub log: String,
}

/// A running daemon. Dropping it ends it; the folder stays with its owner.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    notices: Receiver<String>,
    client: Client,
    runtime: Runtime,
    log: PathBuf,
}

impl Daemon {
    /// Starts the daemon on `folder/site.toml`, whose socket must be `folder/api.sock`, without
    /// waiting for anything. `set` goes into its environment.
    ///
    /// # Errors
    /// When `doorwardd` has not been built or cannot be run.
    pub fn spawn(folder: &Path, set: &[(&str, &str)]) -> Result<Self> {
        let notify = folder.join("notify.sock");
        match std::fs::remove_file(&notify) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let notices = UnixDatagram::bind(&notify)?;
        let notices = listen(notices)?;
        let log = folder.join("daemon.log");
        let child = command(folder)?
            .args(["--log", "info", "run"])
            .env("NOTIFY_SOCKET", &notify)
            .envs(set.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(
                std::fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(&log)?,
            )
            .spawn()
            .context("cannot start doorwardd")?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Self {
            child,
            notices,
            client: Client::new(folder.join("api.sock")),
            runtime,
            log,
        })
    }

    /// Starts the daemon as [`Self::spawn`] does, and waits until it serves the doors.
    ///
    /// # Errors
    /// When it does not; the message has its log.
    pub fn start(folder: &Path) -> Result<Self> {
        let mut daemon = Self::spawn(folder, &[])?;
        daemon.wait_notice("READY=1", START)?;
        Ok(daemon)
    }

    /// Runs the daemon on a configuration that it cannot serve, until it ends.
    ///
    /// # Errors
    /// When it does not end by itself.
    pub fn run_to_end(folder: &Path) -> Result<Ended> {
        Self::spawn(folder, &[])?.wait_end(START)
    }

    /// Waits for a notice that has this line, and returns the whole of it.
    ///
    /// # Errors
    /// When none comes within `within`, or the daemon ends; the message has its log.
    pub fn wait_notice(&mut self, line: &str, within: Duration) -> Result<String> {
        let until = Instant::now() + within;
        while Instant::now() < until {
            match self.notices.recv_timeout(LOOK) {
                Ok(notice) if notice.lines().any(|found| found == line) => return Ok(notice),
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => bail!("nobody listens to the daemon"),
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("doorwardd has ended with {status}\n{}", self.log_end());
            }
        }
        bail!("waited {within:?} for `{line}`\n{}", self.log_end())
    }

    /// Calls the API.
    pub fn call<T>(&self, call: impl AsyncFnOnce(&Client) -> T) -> T {
        self.runtime.block_on(call(&self.client))
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(
            Pid::from_raw(i32::try_from(self.child.id())?),
            signal,
        )?)
    }

    /// Ends it without any chance to put things in order, as a crash would.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// When it does not within `within`.
    pub fn wait_end(mut self, within: Duration) -> Result<Ended> {
        let until = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Ended {
                    status,
                    log: std::fs::read_to_string(&self.log)?,
                });
            }
            if Instant::now() > until {
                bail!(
                    "doorwardd has not ended after {within:?}\n{}",
                    self.log_end()
                );
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// When it does not end within `within`.
    pub fn stop(self, within: Duration) -> Result<Ended> {
        self.signal(Signal::SIGTERM)?;
        self.wait_end(within)
    }

    /// All that it has logged in this folder, over every start.
    #[must_use]
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The end of that.
    #[must_use]
    pub fn log_end(&self) -> String {
        let text = self.log_text();
        let skipped = text.lines().count().saturating_sub(LOG_LINES_SHOWN);
        let lines: Vec<_> = text.lines().skip(skipped).collect();
        lines.join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // With the failure that is being told, so that its cause can be seen.
            #[expect(clippy::print_stderr, reason = "the test shows it")]
            {
                eprintln!("doorwardd's log:\n{}", self.log_end());
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hears what the daemon says for as long as somebody wants to know, as systemd would.
fn listen(socket: UnixDatagram) -> Result<Receiver<String>> {
    let (tell, notices) = sync_channel(NOTICES_MAX);
    std::thread::Builder::new()
        .name("notices".to_owned())
        .spawn(move || {
            let mut buffer = [0; NOTICE_MAX];
            socket.set_read_timeout(Some(LOOK))?;
            loop {
                let notice = match socket.recv(&mut buffer) {
                    Ok(length) => String::from_utf8_lossy(&buffer[..length]).into_owned(),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => String::new(),
                    Err(error) => return Err(error),
                };
                if let Err(TrySendError::Disconnected(_)) = tell.try_send(notice) {
                    return Ok(());
                }
            }
        })?;
    Ok(notices)
}

/// `doorwardd` on the configuration in a folder.
///
/// # Errors
/// When it has not been built.
pub fn command(folder: &Path) -> Result<Command> {
    let mut command = program("doorwardd")?;
    command.arg("--config").arg(folder.join("site.toml"));
    Ok(command)
}
