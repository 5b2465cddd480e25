//! Measures decisions over a random table: `cargo run --release --example decide -- 1000000`.
#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]
#![allow(clippy::print_stdout, reason = "it is what it does")]

use std::hint::black_box;
use std::time::Instant;

use doorward_core::decide::{Policy, Relay, Request, Rex, Shown, decide};
use doorward_core::index::AccessIndex;
use doorward_core::sample::{Sample, SampleRequest};
use doorward_core::time::{ClockTrust, Mono, Now};

const REQUESTS: usize = 2_000_000;

fn main() {
    for argument in std::env::args().skip(1) {
        match argument.parse() {
            Ok(credentials) => measure(credentials),
            Err(error) => println!("`{argument}` is not a number of credentials: {error}"),
        }
    }
}

fn measure(credentials: u32) {
    let sample = Sample::new(1, credentials);
    let begun = Instant::now();
    let index: AccessIndex = sample.records_by_kind().collect();
    let built = begun.elapsed();
    let resident_mb = resident_mb();
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
    let granted = requests
        .iter()
        .filter(|each| one(each).is_granted())
        .count();
    let begun = Instant::now();
    for request in &requests {
        black_box(one(black_box(request)));
    }
    let whole = begun.elapsed();
    let mut each_ns: Vec<u128> = requests
        .iter()
        .map(|request| {
            // A card just read is in the cache.
            let request = black_box(*request);
            let begun = Instant::now();
            black_box(one(black_box(&request)));
            begun.elapsed().as_nanos()
        })
        .collect();
    each_ns.sort_unstable();
    println!(
        "credentials {credentials}: built in {built:.2?}, {resident_mb} MB; granted {:.1} %; \
         p50 {} ns, p99 {} ns; {:.0} decisions/s",
        granted as f64 * 100.0 / REQUESTS as f64,
        each_ns[REQUESTS / 2],
        each_ns[REQUESTS * 99 / 100],
        REQUESTS as f64 / whole.as_secs_f64(),
    );
}

fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0u64) * 4_096 / 1_000_000
}
