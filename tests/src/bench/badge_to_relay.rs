//! From a card at a reader to the coil of a relay board.

use std::time::Instant;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::bus::{ReaderBus, h10301};
use super::figures::Samples;
use super::opening::Opening;
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
    /// Raise the speed of the bus by COMSET before the cards are shown
    #[arg(long)]
    auto_baud: bool,
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
    /// What the bus ran at while Doorward's cards were shown; libosdp's panel stays at `baud`.
    measured_baud: u32,
    /// How long raising the speed took.
    raise_s: f64,
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
    let Ours {
        samples: ours,
        lost,
        measured_baud,
        raise_s,
    } = ours(&mut bus, options)?;
    let (peer, peer_lost) = if options.no_peer {
        (Samples::default(), 0)
    } else {
        if options.auto_baud {
            bus.restart_readers()?;
        }
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
        measured_baud,
        raise_s,
        secure,
        peer_p50_ms: peer.ms(50.0),
        peer_p99_ms: peer.ms(99.0),
        peer_max_ms: peer.ms(100.0),
        peer_lost,
    })
}

/// Doorward's part.
struct Ours {
    samples: Samples,
    lost: u32,
    measured_baud: u32,
    raise_s: f64,
}

/// Doorward on the bus: from the card at the reader to the write of its door's coil at the board.
fn ours(bus: &mut ReaderBus, options: &Options) -> Result<Ours> {
    let mut opening = Opening::start(bus, options.baud, options.users)?;
    let begun = Instant::now();
    let measured_baud = if options.auto_baud {
        progress("doorwardd raises the speed of the bus");
        opening.raise_speed()?
    } else {
        options.baud
    };
    let raise_s = begun.elapsed().as_secs_f64();
    progress("doorwardd, to the coil");
    let users = options.users.min(u32::from(u16::MAX));
    let card = move |number: u32| h10301((number % users + 1) as u16);
    let (samples, lost) = bus.taps(options.taps, card, |name, _, within| {
        opening.arrival(name, within)
    })?;
    Ok(Ours {
        samples,
        lost,
        measured_baud,
        raise_s: (raise_s * 1000.0).round() / 1000.0,
    })
}
