//! The power is cut at random moments: is anything lost?

use anyhow::Result;
use clap::Args;

use crate::power_cut::{Tally, prove};

/// Options of the bench.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// How often the power is cut
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    rounds: u32,
    /// What the work, the moments and the losses are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Cuts and looks.
///
/// # Errors
/// When strace is missing, or the store fails without any cut.
pub fn run(options: &Options) -> Result<Tally> {
    prove(options.rounds, options.seed)
}
