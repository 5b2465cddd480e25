//! The daemon in a child process: started here, and, on the other side, served here.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::process::{CommandExt as _, parent_id};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use doorward_core::time::Wall;
use doorwardd::clock::WallSource;
use doorwardd::run::{self, Options};
use log::LevelFilter;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cli::failure::{Exit, Failure};

/// How long the daemon may take to stop in order: its own limit and a little more.
const STOP_WITHIN: Duration = Duration::from_secs(7);
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How much of the daemon's log is told when it fails.
const LOG_TAIL_BYTES: u64 = 2_000;

/// What the child is told.
#[derive(Debug, Clone, Args)]
pub struct DaemonArgs {
    /// `site.toml`.
    #[arg(long)]
    pub config: PathBuf,
    /// The folder to remove at the end.
    #[arg(long)]
    pub folder: PathBuf,
    /// Where its clock starts.
    #[arg(long)]
    pub start: Wall,
    /// How fast its clock runs.
    #[arg(long)]
    pub speed: f64,
    /// The process that must live.
    #[arg(long)]
    pub parent: u32,
}

/// The child: serves the doors until it is stopped or its parent has gone, then removes the folder.
#[must_use]
pub fn serve(args: &DaemonArgs) -> ExitCode {
    // However the parent ends, the system tells; what happened before is asked for.
    let told = nix::sys::prctl::set_pdeathsig(Signal::SIGTERM);
    if told.is_err() || parent_id() != args.parent {
        remove_unless_parent(args);
        return doorwardd::system::exit::Exit::System.into();
    }
    let options = Options {
        wall: Some(WallSource::Simulated {
            start: args.start,
            speed: args.speed,
        }),
        ..Options::new(args.config.clone(), LevelFilter::Info)
    };
    let exit = run::run(&options);
    remove_unless_parent(args);
    exit.into()
}

/// Removes the folder if nobody else is left to do it.
fn remove_unless_parent(args: &DaemonArgs) {
    if parent_id() != args.parent {
        let _ = std::fs::remove_dir_all(&args.folder);
    }
}

/// The running child. Stopped when dropped.
pub(super) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    pub(super) fn start(
        folder: &Path,
        config: &Path,
        start: Wall,
        speed: f64,
    ) -> Result<Self, Failure> {
        let failed = |error| {
            Failure::said(
                Exit::Software,
                format_args!("cannot start the daemon: {error}"),
            )
        };
        let program = std::env::current_exe().map_err(failed)?;
        let log = folder.join("daemon.log");
        let errors = File::create(&log).map_err(failed)?;
        let child = Command::new(program)
            .arg("__daemon")
            .arg("--config")
            .arg(config)
            .arg("--folder")
            .arg(folder)
            .args(["--start", &start.to_string(), "--speed", &speed.to_string()])
            .args(["--parent", &std::process::id().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            // What a service manager wants to hear is not the demo's to say.
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .env_remove("WATCHDOG_PID")
            .env_remove("JOURNAL_STREAM")
            // Ctrl-C is for the parent, which stops it in order.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        Ok(Self { child, log })
    }

    /// Fails if the daemon has ended.
    pub(super) fn check_alive(&mut self) -> Result<(), Failure> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.failure(&format!("the daemon ended with {status}"))),
            Err(error) => Err(self.failure(&format!("the daemon cannot be watched: {error}"))),
        }
    }

    /// A failure that tells the end of the daemon's log.
    pub(super) fn failure(&self, message: &str) -> Failure {
        let log = self.log_tail().unwrap_or_default();
        Failure::said(
            Exit::Software,
            format_args!("{message}; its log ends with:\n{log}"),
        )
    }

    fn log_tail(&self) -> std::io::Result<String> {
        let mut log = File::open(&self.log)?;
        let bytes = log.metadata()?.len();
        log.seek(SeekFrom::Start(bytes.saturating_sub(LOG_TAIL_BYTES)))?;
        let mut tail = Vec::new();
        log.take(LOG_TAIL_BYTES).read_to_end(&mut tail)?;
        Ok(String::from_utf8_lossy(&tail).into_owned())
    }

    fn stop(&mut self) -> std::io::Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        if let Ok(pid) = i32::try_from(self.child.id()) {
            kill(Pid::from_raw(pid), Signal::SIGTERM)?;
        }
        let deadline = Instant::now() + STOP_WITHIN;
        while Instant::now() < deadline {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            log::error!("the demo's daemon could not be stopped: {error}");
        }
    }
}
