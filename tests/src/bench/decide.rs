//! How long a decision takes.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use doorward_core::decide::{Policy, Relay, Request, Rex, Shown, decide};
use doorward_core::index::AccessIndex;
use doorward_core::sample::{Sample, SampleRequest};
use doorward_core::time::{ClockTrust, Mono, Now};
use serde::Serialize;

use super::figures::percentile;
use super::progress;

/// Decisions measured one by one.
const REQUESTS: usize = 1_000_000;

/// The site that the large one is compared with.
const SMALL: u32 = 1000;

/// Options of the bench.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Credentials in the access table, and as many users with five keys each
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=16_000_000))]
    credentials: u32,
    /// Which of all sites of that size
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Leave Casbin out
    #[arg(long)]
    no_peer: bool,
}

/// What was measured. `_1k` is a site of 1,000 credentials.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    p50_ns: u64,
    p99_ns: u64,
    p50_ns_1k: u64,
    p99_ns_1k: u64,
    /// On one core.
    decisions_per_s: u64,
    decisions_per_s_1k: u64,
    /// In all decisions of both sites together.
    allocations: u64,
    credentials: u32,
    denied_percent: f64,
    /// What reading the clock adds to each of the times above.
    clock_ns: u64,
    /// Casbin's time for the question whether a key of the user opens the door, at 10,000 users.
    #[serde(skip_serializing_if = "Option::is_none")]
    casbin_p50_ns: Option<u64>,
    /// The same at 100,000 users.
    #[serde(skip_serializing_if = "Option::is_none")]
    casbin_p50_ns_100k: Option<u64>,
}

/// Measures.
///
/// # Errors
/// When Casbin cannot be set up.
pub fn run(options: &Options) -> Result<Figures> {
    let small = measure(Sample::new(options.seed, SMALL));
    let large = measure(Sample::new(options.seed, options.credentials));
    let [casbin_p50_ns, casbin_p50_ns_100k] = casbin(options)?;
    Ok(Figures {
        p50_ns: percentile(&large.each_ns, 50.0),
        p99_ns: percentile(&large.each_ns, 99.0),
        p50_ns_1k: percentile(&small.each_ns, 50.0),
        p99_ns_1k: percentile(&small.each_ns, 99.0),
        decisions_per_s: large.per_s,
        decisions_per_s_1k: small.per_s,
        allocations: large.allocations + small.allocations,
        credentials: options.credentials,
        denied_percent: (large.denied as f64 * 1000.0 / REQUESTS as f64).round() / 10.0,
        clock_ns: clock_ns(),
        casbin_p50_ns,
        casbin_p50_ns_100k,
    })
}

#[cfg(feature = "casbin")]
fn casbin(options: &Options) -> Result<[Option<u64>; 2]> {
    if options.no_peer {
        return Ok([None; 2]);
    }
    let at = |users| super::casbin::p50_ns(options.seed, users).map(Some);
    Ok([at(10_000)?, at(100_000)?])
}

#[cfg(not(feature = "casbin"))]
fn casbin(options: &Options) -> Result<[Option<u64>; 2]> {
    if !options.no_peer {
        progress("built without Casbin: its figures are left out");
    }
    Ok([None; 2])
}

struct Measured {
    /// Sorted.
    each_ns: Vec<u64>,
    per_s: u64,
    allocations: u64,
    denied: usize,
}

fn measure(sample: Sample) -> Measured {
    progress(&format!(
        "building a site of {} credentials",
        sample.credentials
    ));
    let index: AccessIndex = sample.records_by_kind().collect();
    let requests: Vec<SampleRequest> = sample.requests().take(REQUESTS).collect();
    let now = Now {
        mono: Mono(0),
        wall: Sample::NOW,
        trust: ClockTrust::Trusted,
    };
    let one = |shown: &SampleRequest| {
        let request = Request {
            door: Some(shown.door),
            direction: shown.direction,
            shown: Shown::Card(&shown.card),
            relay: Relay::Ready,
            rex: Rex::Seen,
        };
        decide(&index, &request, now, Policy::default())
    };
    progress("deciding");
    let denied = requests
        .iter()
        .filter(|shown| !one(shown).is_granted())
        .count();
    let mut whole_s = f64::MAX;
    let allocations = allocation_counter::measure(|| {
        let begun = Instant::now();
        for shown in &requests {
            black_box(one(black_box(shown)));
        }
        whole_s = begun.elapsed().as_secs_f64();
    });
    let mut each_ns = Vec::with_capacity(REQUESTS);
    for shown in &requests {
        // The card was just read off the bus, so it is in the cache; the table is not.
        let shown = black_box(*shown);
        let begun = Instant::now();
        black_box(one(black_box(&shown)));
        each_ns.push(begun.elapsed().as_nanos() as u64);
    }
    each_ns.sort_unstable();
    Measured {
        each_ns,
        per_s: (REQUESTS as f64 / whole_s) as u64,
        allocations: allocations.count_total,
        denied,
    }
}

/// What two looks at the clock cost.
fn clock_ns() -> u64 {
    let mut each_ns: Vec<u64> = (0..100_000)
        .map(|_| {
            let begun = Instant::now();
            black_box(begun).elapsed().as_nanos() as u64
        })
        .collect();
    each_ns.sort_unstable();
    percentile(&each_ns, 50.0)
}
