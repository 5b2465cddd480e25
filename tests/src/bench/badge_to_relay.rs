//! From a card at a reader to the coil of a relay board.

use anyhow::{Context as _, Result};
use clap::Args;
use doorward_api::EventsQuery;
use serde::Serialize;

use crate::appliance::{Appliance, Wiring};
use crate::modbus_board::{BoardReport, Boards, tcp_boards};

use super::bus::{Arrival, ONLINE, ReaderBus, h10301};
use super::figures::Samples;
use super::progress;

/// Options of the bench.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Readers on the bus
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=32))]
    readers: u8,
    /// Bits per second of the bus
    #[arg(long, default_value_t = 115_200)]
    baud: u32,
    /// Cards shown
    #[arg(long, default_value_t = 500)]
    taps: u32,
    /// Users in the access table, each with a card and a key to every door
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=65_535))]
    users: u32,
    /// Readers in the clear instead of in Secure Channel
    #[arg(long)]
    clear: bool,
    /// Leave libosdp's control panel out
    #[arg(long)]
    no_peer: bool,
}

/// What was measured. Times in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    taps: u32,
    lost: u32,
    readers: u8,
    baud: u32,
    secure: bool,
    peer_p50_ms: f64,
    peer_p99_ms: f64,
    peer_max_ms: f64,
    peer_lost: u32,
}

/// Measures.
///
/// # Errors
/// When a peer or the daemon cannot be started.
pub fn run(options: &Options) -> Result<Figures> {
    let secure = !options.clear;
    let mut bus = ReaderBus::start(options.readers, options.baud, secure)?;
    let (ours, lost) = ours(&mut bus, options)?;
    let (peer, peer_lost) = if options.no_peer {
        (Samples::default(), 0)
    } else {
        progress("the same bus with libosdp as the control panel, to its event");
        bus.taps_at_peer(options.taps, |number| h10301(number as u16))?
    };
    Ok(Figures {
        p50_ms: ours.ms(50.0),
        p95_ms: ours.ms(95.0),
        p99_ms: ours.ms(99.0),
        max_ms: ours.ms(100.0),
        taps: options.taps,
        lost,
        readers: options.readers,
        baud: options.baud,
        secure,
        peer_p50_ms: peer.ms(50.0),
        peer_p99_ms: peer.ms(99.0),
        peer_max_ms: peer.ms(100.0),
        peer_lost,
    })
}

/// Doorward on the bus: from the card at the reader to the write of its door's coil at the board.
fn ours(bus: &mut ReaderBus, options: &Options) -> Result<(Samples, u32)> {
    let (mut board, port) = tcp_boards(&[1])?;
    let wiring = Wiring {
        bus: bus.port(),
        baud: options.baud,
        readers: bus.specs.clone(),
        board: format!("127.0.0.1:{port}"),
        more: String::new(),
    };
    let mut appliance = Appliance::start(&wiring)?;
    appliance.furnish(&wiring, options.users)?;
    appliance.wait_wired(ONLINE)?;
    progress("doorwardd, to the coil");
    let names: Vec<String> = bus.specs.iter().map(|spec| spec.name.clone()).collect();
    let users = options.users.min(u32::from(u16::MAX));
    let card = move |number: u32| h10301((number % users + 1) as u16);
    bus.taps(options.taps, card, |name, _, within| {
        let door = names
            .iter()
            .position(|known| known == name)
            .context("which door?")?;
        let output = u16::try_from(door + 1)?;
        let coil = |board: &mut Boards, wanted: bool| {
            let what = format!("output {output} to be written");
            board.wait_for(&what, within, |report| match *report {
                BoardReport::Wrote {
                    output: at, on, ns, ..
                } if at == output && on == wanted => Some(ns),
                _ => None,
            })
        };
        let written = coil(&mut board, true);
        // The next card must find the door locked.
        let arrival = match written.and_then(|ns| coil(&mut board, false).map(|_| ns)) {
            Ok(ns) => Arrival::At(ns),
            Err(error) => Arrival::Never(format!("{error:#}; {}", what_happened(&mut appliance)?)),
        };
        board.forget();
        Ok(arrival)
    })
}

/// What the daemon knows of a card that opened nothing.
fn what_happened(appliance: &mut Appliance) -> Result<String> {
    appliance.wait_until("the API to answer", ONLINE, |_| true)?;
    let query = EventsQuery {
        limit: Some(3),
        before: Some(u64::MAX),
        ..EventsQuery::default()
    };
    let events = appliance
        .call(async |client| client.events(&query).await)?
        .events;
    let kinds: Vec<_> = events
        .iter()
        .map(|row| (row.event.kind, row.event.reason))
        .collect();
    let log = appliance.log_text();
    let tail: Vec<&str> = log.lines().rev().take(5).collect();
    Ok(format!(
        "newest events {kinds:?}; newest lines of the log {tail:?}"
    ))
}
