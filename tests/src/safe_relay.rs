//! A site whose daemon is killed in the middle of a pulse.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use doorward_api::Changes;
use doorward_core::ids::{DoorId, PlaceId};
use doorward_core::model::{Change, Door, DoorWiring, OutputPoint, Place, Record};
use doorward_sim::line::{LineSpec, PacedLine, Port, monotonic_ns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::daemon::Daemon;
use crate::modbus_board::{BoardOrder, BoardReport, Boards, rtu_boards, tcp_boards};
use crate::peer::program;

/// Longer than anything should take on a slow and busy machine.
const SOON: Duration = Duration::from_secs(30);
/// A relay that nobody lets go stays on for this long, at the least.
const QUIET: Duration = Duration::from_millis(500);
/// How often a site is killed before it is given up.
const TRIES: u32 = 3;
const BAUD: u32 = 115_200;
/// The output of the door.
const OUTPUT: u16 = 3;

/// A board and how it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wiring {
    /// Without pulses of its own, over TCP.
    PlainTcp,
    /// Without pulses of its own, on a serial line.
    PlainRtu,
    /// With pulses that it times by itself, on a serial line.
    PulsingRtu,
}

/// The site. Dropping it ends the daemon and the board.
#[derive(Debug)]
pub struct Site {
    daemon: Option<Daemon>,
    board: Boards,
    _line: Option<PacedLine>,
    folder: tempfile::TempDir,
}

/// One pulse and its end, in `CLOCK_MONOTONIC` nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// The relay went on.
    pub on_ns: u64,
    /// The daemon was killed.
    pub killed_ns: u64,
    /// The relay went off.
    pub off_ns: u64,
}

impl Site {
    /// Lays it out: one door, unlocked for `unlock_ms`.
    ///
    /// # Errors
    /// When a peer is missing, or the daemon does not start.
    pub fn start(wiring: Wiring, unlock_ms: u32) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (board, line, place) = match wiring {
            Wiring::PlainTcp => {
                let (board, port) = tcp_boards(&[1])?;
                (board, None, format!("address = \"127.0.0.1:{port}\""))
            }
            Wiring::PlainRtu | Wiring::PulsingRtu => {
                let lines = folder.path().join("rtu");
                std::fs::create_dir(&lines)?;
                let line = PacedLine::start(&lines, LineSpec::new(BAUD, 1))?;
                let board = rtu_boards(&line.path(Port::Device(0)), BAUD, &[1])?;
                let port = line.path(Port::Panel);
                (board, Some(line), format!("port = {port:?}\nbaud = {BAUD}"))
            }
        };
        let profile = match wiring {
            Wiring::PulsingRtu => "waveshare-rtu-relay-8ch",
            Wiring::PlainTcp | Wiring::PlainRtu => "generic-coil",
        };
        std::fs::write(
            folder.path().join("site.toml"),
            site_toml(folder.path(), profile, &place),
        )?;
        let mut site = Self {
            daemon: None,
            board,
            _line: line,
            folder,
        };
        site.start_daemon()?;
        let changes = Changes {
            changes: records(unlock_ms).into_iter().map(Change::Put).collect(),
        };
        if let Some(daemon) = &site.daemon {
            daemon.call(async |client| client.apply(&changes, None).await)?;
        }
        Ok(site)
    }

    fn start_daemon(&mut self) -> Result<()> {
        self.daemon = Some(Daemon::start(self.folder.path())?);
        Ok(())
    }

    /// Unlocks the door, kills the daemon `after` the relay went on, and waits until it is off. Then
    /// the daemon is started again.
    ///
    /// # Errors
    /// When the relay does not go on, or never off.
    pub fn cut(&mut self, after: Duration) -> Result<Cut> {
        self.unlock()?;
        let on_ns = self.wait_relay(true)?;
        std::thread::sleep(after);
        let killed_ns = monotonic_ns();
        if let Some(daemon) = self.daemon.take() {
            daemon.kill()?;
        }
        let off_ns = self.wait_relay(false)?;
        self.start_daemon()?;
        Ok(Cut {
            on_ns,
            killed_ns,
            off_ns,
        })
    }

    /// Unlocks the door, then kills the guardian and the daemon as systemd kills a unit: at once, so that
    /// neither can act. The relay is on when it returns.
    ///
    /// # Errors
    /// When the relay does not go on, or goes off.
    pub fn die_together(&mut self) -> Result<()> {
        for _ in 0..TRIES {
            if self.try_die_together()? {
                return Ok(());
            }
            // On a busy machine a board may answer too late and be put into its safe state.
            self.start_daemon()?;
        }
        anyhow::bail!("somebody lets go each time, so that there is nothing to try")
    }

    /// Whether the relay is still on afterwards.
    fn try_die_together(&mut self) -> Result<bool> {
        self.unlock()?;
        self.wait_relay(true)?;
        let guardians = self.guardians()?;
        // Stopped, it can neither let go nor be replaced before the daemon is dead.
        for (signal, what) in [(Signal::SIGSTOP, "stopped"), (Signal::SIGKILL, "killed")] {
            if signal == Signal::SIGKILL
                && let Some(daemon) = self.daemon.take()
            {
                daemon.kill()?;
            }
            for pid in &guardians {
                kill(Pid::from_raw(*pid), signal)
                    .with_context(|| format!("{pid} is not {what}"))?;
            }
        }
        let off = self.board.wait_for("nothing", QUIET, |report| {
            matches!(report, BoardReport::Level { on: false, .. }).then_some(())
        });
        Ok(off.is_err())
    }

    /// Runs `doorwardd release` as the unit does after a stop, and says how it ended.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn release(&self) -> Result<std::process::ExitStatus> {
        let config = self.folder.path().join("site.toml");
        let mut command = program("doorwardd")?;
        command.arg("--config").arg(config).arg("release");
        Ok(command.status()?)
    }

    /// Waits until the relay is off.
    ///
    /// # Errors
    /// When it stays on.
    pub fn wait_off(&mut self) -> Result<()> {
        self.wait_relay(false).map(drop)
    }

    /// The board does not answer any more, or answers again.
    ///
    /// # Errors
    /// When the board's process has ended.
    pub fn silence_board(&mut self, on: bool) -> Result<()> {
        self.board.send(&BoardOrder::Silent { unit: 1, on })
    }

    /// The board is there, and the door can be unlocked.
    fn unlock(&self) -> Result<()> {
        let until = std::time::Instant::now() + SOON;
        let daemon = self.daemon.as_ref();
        let daemon = daemon.ok_or_else(|| anyhow::anyhow!("there is no daemon"))?;
        loop {
            match daemon.call(async |client| client.unlock(DoorId(1)).await) {
                Ok(()) => return Ok(()),
                // The board is being reached.
                Err(_) if std::time::Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn wait_relay(&mut self, wanted: bool) -> Result<u64> {
        let what = if wanted {
            "the relay to go on"
        } else {
            "the relay to go off"
        };
        self.board.wait_for(what, SOON, |report| match *report {
            BoardReport::Level { output, on, ns, .. } if output == OUTPUT && on == wanted => {
                Some(ns)
            }
            _ => None,
        })
    }

    /// Stops the daemon in order while the relay is on, and waits until it is off.
    ///
    /// # Errors
    /// When it does not stop, or the relay stays on.
    pub fn stop_in_a_pulse(&mut self) -> Result<()> {
        self.unlock()?;
        self.wait_relay(true)?;
        if let Some(daemon) = self.daemon.take() {
            daemon.stop(SOON)?;
        }
        self.wait_relay(false)?;
        self.start_daemon()
    }

    /// The processes that stand guard over this site now.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn guardians(&self) -> Result<Vec<i32>> {
        let config = self.folder.path().join("site.toml");
        let config = config.to_string_lossy();
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // A process that ends meanwhile stands no guard.
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut words = line.split(|byte| *byte == 0);
            if words.clone().any(|word| word == config.as_bytes())
                && words.any(|word| word == b"guard")
            {
                found.push(pid);
            }
        }
        Ok(found)
    }
}

fn site_toml(folder: &Path, profile: &str, place: &str) -> String {
    format!(
        "[site]\nname = \"Safe\"\n[paths]\ndata = {:?}\n[api]\nsocket = {:?}\n\
         [doors]\nclock = \"trusted\"\n\
         [[board]]\nname = \"cabinet\"\nprofile = {profile:?}\n{place}\n",
        folder.join("data"),
        folder.join("api.sock"),
    )
}

fn records(unlock_ms: u32) -> Vec<Record> {
    vec![
        Record::Place(Place {
            id: PlaceId(1),
            name: "Safe".to_owned(),
            ..Place::default()
        }),
        Record::Door(Door {
            id: DoorId(1),
            name: "Door".to_owned(),
            place: PlaceId(1),
            time_zone: "Europe/Stockholm".to_owned(),
            unlock_ms,
            extended_unlock_ms: unlock_ms,
            wiring: DoorWiring {
                relay: Some(OutputPoint {
                    board: "cabinet".to_owned(),
                    output: OUTPUT,
                }),
                ..DoorWiring::default()
            },
            ..Door::default()
        }),
    ]
}
