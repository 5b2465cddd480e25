//! The daemon's side: a line of boards on a thread of its own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use doorward_core::controller::{BoardEvent, RelayCommand};
use doorward_core::ids::{BoardIx, DeviceName};
use doorward_sim::line::monotonic_ns;
use doorward_tests::modbus_board::{BoardReport, Boards};
use doorward_wire::board::{OutputState, built_in};
use doorwardd::config::Parity;
use doorwardd::relays::config::{BoardConfig, LineAddress, LineConfig};
use doorwardd::relays::{RelayLine, RelayLineHandle};
use doorwardd::serial::SerialSettings;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

/// Longer than anything should take.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// A relay line and what it tells.
pub(crate) struct Site {
    line: Option<RelayLineHandle>,
    events: mpsc::Receiver<(BoardIx, BoardEvent)>,
    runtime: Runtime,
}

/// Board `at` of a line, unit `at + 1`; its outputs in use are 1 and 2.
pub(crate) fn board(at: u16, profile: &str) -> BoardConfig {
    BoardConfig {
        board: BoardIx(at),
        name: DeviceName::from(format!("board-{at}").as_str()),
        unit: u8::try_from(at + 1).unwrap(),
        profile: Arc::new(built_in(profile).unwrap().unwrap()),
        poll_ms: 20,
        debounce: 2,
        safe: vec![(1, OutputState::Off), (2, OutputState::Off)],
    }
}

pub(crate) fn tcp_line(port: u16, boards: Vec<BoardConfig>) -> LineConfig {
    LineConfig {
        address: LineAddress::Tcp(format!("127.0.0.1:{port}")),
        timeout_ms: 500,
        boards,
    }
}

pub(crate) fn rtu_line(device: &Path, baud: u32, boards: Vec<BoardConfig>) -> LineConfig {
    LineConfig {
        address: LineAddress::Rtu(SerialSettings {
            path: device.to_owned(),
            baud,
            parity: Parity::None,
        }),
        timeout_ms: 150,
        boards,
    }
}

impl Site {
    /// Starts the line's task, as the thread of the doors would.
    pub(crate) fn start(config: LineConfig) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let (send, events) = mpsc::channel(64);
        let entered = runtime.enter();
        let line = Some(RelayLine::spawn(config, send));
        drop(entered);
        Ok(Self {
            line,
            events,
            runtime,
        })
    }

    /// The same, and waits until board 0 is online.
    pub(crate) fn online(config: LineConfig) -> Result<Self> {
        let mut site = Self::start(config)?;
        site.wait_for("Online")?;
        Ok(site)
    }

    /// Commands an output of board 0, and returns when.
    pub(crate) fn send(&self, output: u16, command: RelayCommand) -> Result<u64> {
        self.send_to(0, output, command)
    }

    pub(crate) fn send_to(&self, board: u16, output: u16, command: RelayCommand) -> Result<u64> {
        let line = self.line.as_ref().context("the line was stopped")?;
        let ns = monotonic_ns();
        line.send(BoardIx(board), output, command)?;
        Ok(ns)
    }

    /// The next event of any board, within `within`.
    pub(crate) fn next_event(&mut self, within: Duration) -> Option<(u16, BoardEvent)> {
        let events = &mut self.events;
        let next = async { tokio::time::timeout(within, events.recv()).await };
        let (board, event) = self.runtime.block_on(next).ok()??;
        Some((board.0, event))
    }

    /// Waits for an event of board 0, shown as in `Inputs(5)`, and returns when it came.
    pub(crate) fn wait_for(&mut self, event: &str) -> Result<u64> {
        self.wait_for_of(0, event)
    }

    pub(crate) fn wait_for_of(&mut self, board: u16, event: &str) -> Result<u64> {
        let mut seen = Vec::new();
        while let Some((of, found)) = self.next_event(SOON) {
            let found = format!("{found:?}");
            if of == board && found == event {
                return Ok(monotonic_ns());
            }
            seen.push(format!("{of} {found}"));
        }
        bail!("waited for {board} {event}, seen instead: {seen:?}")
    }

    /// Waits until every board of `count` is online.
    pub(crate) fn wait_for_all_online(&mut self, count: u16) -> Result<()> {
        let mut missing: Vec<u16> = (0..count).collect();
        while !missing.is_empty() {
            let Some((board, event)) = self.next_event(SOON) else {
                bail!("waited for the boards {missing:?} to come online");
            };
            if matches!(event, BoardEvent::Online) {
                missing.retain(|&other| other != board);
            }
        }
        Ok(())
    }

    /// Fails when anything but input levels is told within `within`.
    pub(crate) fn expect_quiet(&mut self, within: Duration) -> Result<()> {
        let end = monotonic_ns() + u64::try_from(within.as_nanos())?;
        while let Some(left) = end.checked_sub(monotonic_ns()) {
            match self.next_event(Duration::from_nanos(left)) {
                Some((_, BoardEvent::Inputs(_))) | None => {}
                Some((board, event)) => bail!("board {board} told {event:?}"),
            }
        }
        Ok(())
    }

    /// Stops the line in order.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let line = self.line.take().context("the line was stopped before")?;
        Ok(self.runtime.block_on(line.stop())?)
    }

    /// Ends the line without a word to the boards, as a kill does.
    pub(crate) fn kill(self) {
        self.runtime.shutdown_timeout(SOON);
    }
}

/// Waits until an output of a board changes, and tells when.
pub(crate) fn wait_level(boards: &mut Boards, unit: u8, output: u16, on: bool) -> Result<u64> {
    wait_level_within(boards, unit, output, on, SOON)
}

pub(crate) fn wait_level_within(
    boards: &mut Boards,
    unit: u8,
    output: u16,
    on: bool,
    within: Duration,
) -> Result<u64> {
    let what = format!("output {output} of unit {unit} to go {on}");
    boards.wait_for(&what, within, |report| match *report {
        BoardReport::Level {
            unit: of,
            output: number,
            on: level,
            ns,
        } if (of, number, level) == (unit, output, on) => Some(ns),
        _ => None,
    })
}

/// Milliseconds between two times.
pub(crate) fn ms(from_ns: u64, to_ns: u64) -> f64 {
    to_ns.saturating_sub(from_ns) as f64 / 1e6
}
