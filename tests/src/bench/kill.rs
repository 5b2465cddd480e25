//! The daemon is killed at random moments, again and again: is anything lost?

use anyhow::Result;
use clap::Args;

use crate::kill::{Tally, prove};

/// Options of the bench.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// How often the daemon is killed
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rounds: u32,
    /// What the moments and the load are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Kills and compares.
///
/// # Errors
/// When a peer is missing, or the daemon does not start any more.
pub fn run(options: &Options) -> Result<Tally> {
    prove(options.rounds, options.seed)
}
