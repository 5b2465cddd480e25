//! The demo without the console: runs for a while and says in one JSON object how it went.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use doorward_api::{ClientError, EventsQuery};
use doorward_core::event::EventKind;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use super::{Demo, DemoArgs};
use crate::cli::failure::{Exit, Failure};

/// How long the last badges may take to reach the log.
const SETTLE_WITHIN: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// Rows of the log read at once.
const PAGE: u32 = 1_000;

/// How it went.
#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    /// Cards shown at readers.
    taps: u64,
    granted: u64,
    denied: u64,
    denied_by_reason: BTreeMap<&'static str, u64>,
    /// Rows in the passage log, all of them durable.
    events_durable: u64,
    /// From the card at the reader to its coil written: half of all, and 99 of 100.
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
}

impl Summary {
    fn decided(&self) -> u64 {
        self.granted + self.denied
    }
}

pub(super) async fn run(args: &DemoArgs) -> Result<Summary, Failure> {
    let no_signals = |error| Failure::said(Exit::Software, format_args!("no signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    let whole = async {
        let mut demo = Demo::start(args).await?;
        demo.open()?;
        serve(&mut demo, Duration::from_secs(args.seconds)).await?;
        // All times are those of the people; those who are on their way still count.
        demo.site.close();
        settle(&demo).await
    };
    // Cancel-safe: dropping the demo takes it down in order, wherever it stands.
    tokio::select! {
        summary = whole => summary,
        _ = interrupt.recv() => Err(Failure::said(Exit::Software, "interrupted")),
        _ = terminate.recv() => Err(Failure::said(Exit::Software, "terminated")),
    }
}

/// Waits for `time`, tells how it goes, and minds the daemon.
async fn serve(demo: &mut Demo, time: Duration) -> Result<(), Failure> {
    let began = Instant::now();
    let mut told = began;
    while began.elapsed() < time {
        demo.daemon.check_alive()?;
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            let stats = demo.site.stats();
            let _ = writeln!(
                io::stderr(),
                "doorward demo: {} s, {} cards shown, {} people went through, {} did not",
                began.elapsed().as_secs(),
                stats.taps,
                stats.went_through,
                stats.locked_out
            );
        }
        let left = time.saturating_sub(began.elapsed());
        tokio::time::sleep(LOOK_EVERY.min(left)).await;
    }
    Ok(())
}

/// Reads the log until every card that was shown is in it.
async fn settle(demo: &Demo) -> Result<Summary, Failure> {
    let deadline = Instant::now() + SETTLE_WITHIN;
    let stats = demo.site.stats();
    loop {
        let mut summary = read(demo).await.map_err(|error| {
            Failure::said(
                Exit::Unavailable,
                format_args!(
                    "the passage log cannot be read: {}",
                    crate::cli::with_cause(&error)
                ),
            )
        })?;
        if summary.decided() >= stats.taps || Instant::now() >= deadline {
            summary.taps = stats.taps;
            summary.p50_ms = stats.p50_ms;
            summary.p99_ms = stats.p99_ms;
            return Ok(summary);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn read(demo: &Demo) -> Result<Summary, ClientError> {
    let mut summary = Summary::default();
    let mut after = Some(0);
    while let Some(seq) = after {
        let query = EventsQuery {
            after: Some(seq),
            limit: Some(PAGE),
            ..EventsQuery::default()
        };
        let page = demo.client.events(&query).await?;
        for row in &page.events {
            match row.event.kind {
                EventKind::Granted => summary.granted += 1,
                EventKind::Denied => {
                    summary.denied += 1;
                    let reason = row.event.reason.map_or("unknown", |reason| reason.code());
                    *summary.denied_by_reason.entry(reason).or_default() += 1;
                }
                _ => {}
            }
        }
        summary.events_durable = page.newest;
        after = page.next;
    }
    Ok(summary)
}

/// Prints it as the last line.
pub(super) fn print(summary: &Summary) -> Result<(), Failure> {
    let line = serde_json::to_string(summary).map_err(|error| {
        Failure::said(Exit::Software, format_args!("cannot be written: {error}"))
    })?;
    writeln!(io::stdout(), "{line}")?;
    Ok(())
}
