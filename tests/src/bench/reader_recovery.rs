//! A reader is unplugged for a while and plugged back.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use doorward_sim::line::monotonic_ns;
use serde::Serialize;

use super::bus::{Arrival, ReaderBus, h10301, up};
use super::figures::{Samples, ms};
use super::opening::Opening;
use super::progress;
use crate::osdp_peer::orders::PanelSaw;

/// The reader that is unplugged.
const GONE: usize = 0;
/// A reader that has not come back by now never will: libosdp's rest between two tries is 300 s.
const BACK: Duration = Duration::from_secs(330);
/// What the bench's own starting leaves behind is over by then.
const SETTLE: Duration = Duration::from_secs(2);

/// Options of the bench.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// How long the reader is away, in seconds
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    outage: u64,
    /// Readers on the bus, the one that is unplugged among them
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=32))]
    readers: u8,
    /// Bits per second of the bus
    #[arg(long, default_value_t = 115_200)]
    baud: u32,
    /// Leave libosdp's control panel out
    #[arg(long)]
    no_peer: bool,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// From plugging it back until the panel has it in a Secure Channel. The daemon is asked by its
    /// API every 20 ms.
    recovered_s: f64,
    /// At the other readers during the outage: from the card to the coil of its door.
    healthy_p50_ms: f64,
    healthy_p99_ms: f64,
    healthy_max_ms: f64,
    taps: usize,
    lost: u32,
    outage_s: u64,
    readers: u8,
    baud: u32,
    /// The same for libosdp's panel; its healthy times end at its event, not at a coil.
    peer_recovered_s: f64,
    /// Whether it did come back; if not, `peer_recovered_s` is how long was waited.
    peer_recovered: bool,
    peer_healthy_p99_ms: f64,
    peer_healthy_max_ms: f64,
    peer_lost: u32,
}

/// One panel's figures.
#[derive(Debug, Default)]
struct Measured {
    healthy: Samples,
    lost: u32,
    recovered_s: f64,
    has_recovered: bool,
}

/// Measures.
///
/// # Errors
/// When a peer or the daemon cannot be started.
pub fn run(options: &Options) -> Result<Figures> {
    let mut bus = ReaderBus::start(options.readers, options.baud, true)?;
    let ours = ours(&mut bus, options)?;
    let peer = if options.no_peer {
        Measured::default()
    } else {
        peer(&mut bus, options)?
    };
    Ok(Figures {
        recovered_s: ours.recovered_s,
        healthy_p50_ms: ours.healthy.ms(50.0),
        healthy_p99_ms: ours.healthy.ms(99.0),
        healthy_max_ms: ours.healthy.ms(100.0),
        taps: ours.healthy.count(),
        lost: ours.lost,
        outage_s: options.outage,
        readers: options.readers,
        baud: options.baud,
        peer_recovered_s: peer.recovered_s,
        peer_recovered: peer.has_recovered,
        peer_healthy_p99_ms: peer.healthy.ms(99.0),
        peer_healthy_max_ms: peer.healthy.ms(100.0),
        peer_lost: peer.lost,
    })
}

fn ours(bus: &mut ReaderBus, options: &Options) -> Result<Measured> {
    let users = 1000;
    let mut opening = Opening::start(bus, options.baud, users)?;
    std::thread::sleep(SETTLE);
    progress("doorwardd: the reader is unplugged");
    let (healthy, lost) = outage(bus, options, |name, _, within| {
        opening.arrival(name, within)
    })?;
    let plugged_ns = bus.replug(GONE)?;
    let gone = bus.specs[GONE].name.clone();
    opening
        .appliance
        .wait_until("the reader to be back", BACK, |status| {
            status
                .readers
                .iter()
                .any(|reader| *reader.name == *gone && reader.online && reader.secure)
        })?;
    let recovered_s = seconds_since(plugged_ns);
    progress(&format!("doorwardd: back after {recovered_s} s"));
    Ok(Measured {
        healthy,
        lost,
        recovered_s,
        has_recovered: true,
    })
}

fn peer(bus: &mut ReaderBus, options: &Options) -> Result<Measured> {
    let mut panel = bus.peer_panel()?;
    std::thread::sleep(SETTLE);
    progress("libosdp: the reader is unplugged");
    let (healthy, lost) = outage(bus, options, |name, number, within| {
        let bits = h10301(card_number(number));
        let seen = panel.wait_until(name, &PanelSaw::Card { bits }, within);
        Ok(seen.map_or_else(|error| Arrival::Never(format!("{error:#}")), Arrival::At))
    })?;
    panel.forget();
    let plugged_ns = bus.replug(GONE)?;
    let gone = bus.specs[GONE].clone();
    let back = panel.wait_until(&gone.name, &up(&gone), BACK);
    let has_recovered = back.is_ok();
    let recovered_s = back.map_or_else(
        |_| seconds_since(plugged_ns),
        |ns| ms(ns.saturating_sub(plugged_ns)) / 1000.0,
    );
    progress(&format!("libosdp: back after {recovered_s} s"));
    Ok(Measured {
        healthy,
        lost,
        recovered_s,
        has_recovered,
    })
}

/// Unplugs the reader, and shows cards at the others until the outage is over.
fn outage(
    bus: &mut ReaderBus,
    options: &Options,
    arrival: impl FnMut(&str, u32, Duration) -> Result<Arrival>,
) -> Result<(Samples, u32)> {
    let healthy: Vec<usize> = (0..bus.specs.len()).filter(|at| *at != GONE).collect();
    bus.unplug(GONE)?;
    let until = Instant::now() + Duration::from_secs(options.outage);
    let card = |number| h10301(card_number(number));
    bus.taps_while(&healthy, |_| Instant::now() < until, card, arrival)
}

/// A user's card, another one each time.
const fn card_number(tap: u32) -> u16 {
    (tap % 1000 + 1) as u16
}

fn seconds_since(ns: u64) -> f64 {
    ms(monotonic_ns().saturating_sub(ns)) / 1000.0
}
