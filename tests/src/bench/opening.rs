//! The daemon between a bus of readers and a relay board: from a card to the coil.

use std::time::Duration;

use anyhow::{Context as _, Result};
use doorward_api::{BusJobState, EventsQuery, RaiseSpeedBody};

use crate::appliance::{Appliance, Wiring};
use crate::modbus_board::{BoardReport, Boards, tcp_boards};

use super::bus::{Arrival, ONLINE, ReaderBus};

/// The bus's name in its configuration.
pub const BUS: &str = "bus";

/// Between two looks at whether something is so.
const LOOK: Duration = Duration::from_millis(20);

/// A running daemon with one door at each reader of a bus, and its relay board.
#[derive(Debug)]
pub struct Opening {
    /// The daemon.
    pub appliance: Appliance,
    /// The board; door N has output N + 1.
    pub board: Boards,
    names: Vec<String>,
}

impl Opening {
    /// Starts the daemon on the bus, with so many users, and waits until every device answers.
    ///
    /// # Errors
    /// When a peer or the daemon cannot be started, or a reader does not come online.
    pub fn start(bus: &ReaderBus, baud: u32, users: u32) -> Result<Self> {
        let (board, port) = tcp_boards(&[1])?;
        let wiring = Wiring {
            bus: bus.port(),
            baud,
            readers: bus.specs.clone(),
            board: format!("127.0.0.1:{port}"),
            more: String::new(),
        };
        let mut appliance = Appliance::start(&wiring)?;
        appliance.furnish(&wiring, users)?;
        appliance.wait_wired(ONLINE)?;
        Ok(Self {
            appliance,
            board,
            names: bus.specs.iter().map(|spec| spec.name.clone()).collect(),
        })
    }

    /// Has the speed of the bus raised; the answer is what it runs at then.
    ///
    /// # Errors
    /// When the daemon refuses, or the readers end at different speeds.
    pub fn raise_speed(&mut self) -> Result<u32> {
        let body = RaiseSpeedBody::default();
        self.appliance
            .call(async |client| client.raise_speed(BUS, &body).await)?;
        loop {
            let job = self
                .appliance
                .call(async |client| client.bus_job(BUS).await)?;
            if job.state != BusJobState::Running {
                self.appliance.wait_wired(ONLINE)?;
                return job.baud.with_context(|| format!("{:?}", job.speeds));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until the coil of a reader's door is driven, and let go again: the next card must find
    /// the door locked.
    ///
    /// # Errors
    /// When the board's process or the daemon has ended.
    pub fn arrival(&mut self, reader: &str, within: Duration) -> Result<Arrival> {
        let door = self
            .names
            .iter()
            .position(|known| known == reader)
            .context("which door?")?;
        let output = u16::try_from(door + 1)?;
        let written = coil(&mut self.board, output, true, within);
        let both = written.and_then(|ns| coil(&mut self.board, output, false, within).map(|_| ns));
        let arrival = match both {
            Ok(ns) => Arrival::At(ns),
            Err(error) => Arrival::Never(format!("{error:#}; {}", self.what_happened()?)),
        };
        self.board.forget();
        Ok(arrival)
    }

    /// What the daemon knows of a card that opened nothing.
    fn what_happened(&mut self) -> Result<String> {
        self.appliance
            .wait_until("the API to answer", ONLINE, |_| true)?;
        let query = EventsQuery {
            limit: Some(3),
            before: Some(u64::MAX),
            ..EventsQuery::default()
        };
        let events = self
            .appliance
            .call(async |client| client.events(&query).await)?
            .events;
        let kinds: Vec<_> = events
            .iter()
            .map(|row| (row.event.kind, row.event.reason))
            .collect();
        let log = self.appliance.log_text();
        let tail: Vec<&str> = log.lines().rev().take(5).collect();
        Ok(format!(
            "newest events {kinds:?}; newest lines of the log {tail:?}"
        ))
    }
}

fn coil(board: &mut Boards, output: u16, wanted: bool, within: Duration) -> Result<u64> {
    let what = format!("output {output} to be written");
    board.wait_for(&what, within, |report| match *report {
        BoardReport::Wrote {
            output: at, on, ns, ..
        } if at == output && on == wanted => Some(ns),
        _ => None,
    })
}
