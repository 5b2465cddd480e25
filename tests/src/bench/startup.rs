//! How long the access index takes to warm, and how much memory it needs then.

use std::time::Instant;

use anyhow::Result;
use clap::Args;
use doorward_core::index::AccessIndex;
use doorward_core::sample::Sample;
use serde::Serialize;

use super::idle::resident_mb;
use super::progress;

/// Options of the bench.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Credentials in the access table, and as many users with five keys each
    #[arg(long, default_value_t = 2_500_000, value_parser = clap::value_parser!(u32).range(1..=16_000_000))]
    credentials: u32,
    /// Which of all sites of that size
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Resident memory of a process with nothing but the index in it.
    rss_mb: f64,
    /// The part of it that was there before.
    rss_before_mb: f64,
    /// From the first record to the last, records made included.
    warm_s: f64,
    records: u64,
    credentials: u32,
}

/// Measures.
///
/// # Errors
/// When the process cannot look at itself.
pub fn run(options: &Options) -> Result<Figures> {
    let rss_before_mb = resident_mb(std::process::id())?;
    let sample = Sample::new(options.seed, options.credentials);
    progress(&format!(
        "building the index of a site of {} credentials",
        options.credentials
    ));
    let begun = Instant::now();
    let mut index = AccessIndex::default();
    let mut records = 0;
    for record in sample.records() {
        index.put(&record);
        records += 1;
        if records % 5_000_000 == 0 {
            progress(&format!("{records} records"));
        }
    }
    let warm_s = begun.elapsed().as_secs_f64();
    let rss_mb = resident_mb(std::process::id())?;
    drop(index);
    Ok(Figures {
        rss_mb,
        rss_before_mb,
        warm_s: (warm_s * 1000.0).round() / 1000.0,
        records,
        credentials: options.credentials,
    })
}
