//! The daemon is killed in the middle of a pulse: when is the relay off?

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::progress;
use crate::safe_relay::{Cut, Site, Wiring};

/// What a relay may be late by.
const LATE_NS: u64 = 1_000_000_000;

/// Options of the bench.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Rounds on each of the boards
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rounds: u32,
    /// How long the door is unlocked, in milliseconds
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(500..=60_000))]
    pulse_ms: u32,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// On all boards together.
    rounds: u32,
    /// How often the relay was off within its pulse and 1 s from when it went on.
    off_in_time: u32,
    boards: Vec<BoardFigures>,
}

/// The same for one board.
#[derive(Debug, Clone, Serialize)]
pub struct BoardFigures {
    board: &'static str,
    rounds: u32,
    off_in_time: u32,
    /// From the kill until the relay was off.
    off_after_kill_p50_ms: f64,
    off_after_kill_max_ms: f64,
}

/// Kills and measures.
///
/// # Errors
/// When a peer is missing, the daemon does not start, or a relay never goes off.
pub fn run(options: &Options) -> Result<Figures> {
    let boards = [
        ("without pulses of its own, TCP", Wiring::PlainTcp),
        ("without pulses of its own, RTU", Wiring::PlainRtu),
        ("with pulses of its own, RTU", Wiring::PulsingRtu),
    ];
    let boards = boards
        .into_iter()
        .map(|(name, wiring)| board(name, wiring, options))
        .collect::<Result<Vec<_>>>()?;
    Ok(Figures {
        rounds: boards.iter().map(|board| board.rounds).sum(),
        off_in_time: boards.iter().map(|board| board.off_in_time).sum(),
        boards,
    })
}

fn board(name: &'static str, wiring: Wiring, options: &Options) -> Result<BoardFigures> {
    progress(&format!("board {name}"));
    let mut site = Site::start(wiring, options.pulse_ms)?;
    let cuts = (0..options.rounds)
        .map(|round| {
            // Everywhere in the pulse but at its very end.
            let share = u64::from(round) * 37 % 80;
            let after = u64::from(options.pulse_ms) * share / 100;
            site.cut(Duration::from_millis(after))
        })
        .collect::<Result<Vec<Cut>>>()?;
    let limit = u64::from(options.pulse_ms) * 1_000_000 + LATE_NS;
    let in_time = cuts
        .iter()
        .filter(|cut| cut.off_ns.saturating_sub(cut.on_ns) <= limit);
    let mut after: Vec<u64> = cuts
        .iter()
        .map(|cut| cut.off_ns.saturating_sub(cut.killed_ns))
        .collect();
    after.sort_unstable();
    let ms = |ns: Option<&u64>| (*ns.unwrap_or(&0) as f64 / 1e4).round() / 100.0;
    Ok(BoardFigures {
        board: name,
        rounds: options.rounds,
        off_in_time: u32::try_from(in_time.count())?,
        off_after_kill_p50_ms: ms(after.get(after.len() / 2)),
        off_after_kill_max_ms: ms(after.last()),
    })
}
