//! The passage log when it is long: opening it, finding in it, adding to it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use doorward_api::EventsQuery;
use doorward_core::event::{Event, EventKind};
use doorward_core::ids::{CredentialId, DoorId, UserId};
use doorward_core::time::{ClockTrust, Wall};
use doorwardd::store::{Store, StoreOptions};
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use serde::Serialize;

use super::change::site_toml;
use super::figures::{Samples, Spread};
use super::{idle::resident_mb, progress};
use crate::daemon::Daemon;

/// Events on their way to the store while the log is laid.
const UNDER_WAY: u64 = 1024;
/// When the first event happens, and how far apart they are: ten million in two years.
const FIRST: Wall = Wall(1_700_000_000_000);
const APART_MS: i64 = 6_300;
const DAY_MS: i64 = 86_400_000;
/// Events of this user are this many times rarer than those of others.
const RARE: u64 = 100_000;
const RARE_USER: UserId = UserId(1);
/// Rows of a page.
const PAGE: u32 = 100;

/// Options of the bench.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Events in the passage log
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    count: u64,
    /// Users that they are about
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    users: u32,
    /// Doors that they happened at
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    doors: u32,
    /// Pages asked for of each sort: the newest, of a user, of a door, of a day, of a user at a door
    #[arg(long, default_value_t = 200)]
    pages: u32,
    /// Events added one by one
    #[arg(long, default_value_t = 1_000)]
    appends: u32,
    /// Where the log is laid, and found again by the next run; a folder of its own unless given
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Which of all logs of that size
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What was measured. Pages are asked for at the socket of a running daemon.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Opening the store, its files in no cache.
    open_s: f64,
    /// The same with its files in the system's cache.
    open_cached_s: f64,
    /// From the daemon's start to its first answer, after an orderly stop.
    ready_s: f64,
    /// The same after the daemon was killed.
    ready_after_kill_s: f64,
    page_p50_ms: f64,
    /// Of the pages of all sorts.
    page_p99_ms: f64,
    page_newest_p99_ms: f64,
    page_user_p99_ms: f64,
    page_door_p99_ms: f64,
    page_day_p99_ms: f64,
    page_user_door_p99_ms: f64,
    page_rare_user_p99_ms: f64,
    /// One event, from the store's queue to the disk.
    append_p50_ms: f64,
    append_p99_ms: f64,
    events: u64,
    disk_mb: u64,
    disk_bytes_per_event: u64,
    /// Of the daemon, after the pages.
    rss_mb: f64,
}

/// Measures.
///
/// # Errors
/// When the log cannot be laid, or the daemon does not start or answer.
pub fn run(options: &Options) -> Result<Figures> {
    let own = tempfile::tempdir()?;
    let folder = options.folder.as_deref().unwrap_or(own.path());
    let data = folder.join("data");
    lay(&data, options)?;

    progress("opening");
    forget_cached(&data)?;
    let open_s = open_and_close(&data)?;
    let open_cached_s = open_and_close(&data)?;
    let appends = append(&data, options)?;
    let disk = disk_bytes(&data)?;

    std::fs::write(folder.join("site.toml"), site_toml(folder))?;
    forget_cached(&data)?;
    let begun = Instant::now();
    let daemon = Daemon::start(folder)?;
    daemon.call(async |client| client.status().await)?;
    let ready_s = begun.elapsed().as_secs_f64();
    progress("asking for pages");
    let pages = ask(&daemon, options)?;
    let rss_mb = resident_mb(daemon.pid())?;
    daemon.kill()?;
    forget_cached(&data)?;
    let begun = Instant::now();
    let daemon = Daemon::start(folder)?;
    daemon.call(async |client| client.status().await)?;
    let ready_after_kill_s = begun.elapsed().as_secs_f64();
    drop(daemon);

    let all = Samples::new(pages.concat());
    let [newest, user, door, day, user_door, rare] = pages.map(Samples::new);
    Ok(Figures {
        open_s: thousandths(open_s),
        open_cached_s: thousandths(open_cached_s),
        ready_s: thousandths(ready_s),
        ready_after_kill_s: thousandths(ready_after_kill_s),
        page_p50_ms: all.ms(50.0),
        page_p99_ms: all.ms(99.0),
        page_newest_p99_ms: newest.ms(99.0),
        page_user_p99_ms: user.ms(99.0),
        page_door_p99_ms: door.ms(99.0),
        page_day_p99_ms: day.ms(99.0),
        page_user_door_p99_ms: user_door.ms(99.0),
        page_rare_user_p99_ms: rare.ms(99.0),
        append_p50_ms: appends.ms(50.0),
        append_p99_ms: appends.ms(99.0),
        events: options.count,
        disk_mb: disk / 1_000_000,
        disk_bytes_per_event: disk / options.count,
        rss_mb,
    })
}

fn thousandths(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// Event `nth` of the log, from 1.
fn event(options: &Options, spread: &mut Spread, nth: u64) -> Event {
    let at = Wall(FIRST.0 + nth.cast_signed() * APART_MS);
    let mut event = Event::new(EventKind::Granted, at, ClockTrust::Trusted, 1);
    let user = match nth % RARE {
        0 => RARE_USER,
        _ => UserId(2 + spread.below(u64::from(options.users - 1)) as u32),
    };
    event.user = Some(user);
    event.credential = Some(CredentialId(user.0));
    event.door = Some(DoorId(1 + spread.below(u64::from(options.doors)) as u32));
    event.reader = Some("entrance".into());
    event
}

/// Writes the log, or what is missing of it.
fn lay(data: &Path, options: &Options) -> Result<()> {
    let (store, thread) = Store::open(data, StoreOptions::default())?;
    let there = *store.durable_seq().borrow();
    let mut spread = Spread::new(options.seed + there);
    let (events, mut acks) = store.event_sink();
    let mut acknowledged = there;
    for nth in there + 1..=options.count {
        while nth - acknowledged > UNDER_WAY {
            let ack = acks.blocking_recv().context("the store has stopped")?;
            acknowledged = ack.result?;
            if acknowledged.is_multiple_of(500_000) {
                progress(&format!("{acknowledged} events laid"));
            }
        }
        events.append(nth, event(options, &mut spread, nth));
    }
    store.stop();
    thread.join();
    Ok(())
}

fn open_and_close(data: &Path) -> Result<f64> {
    let begun = Instant::now();
    let (store, thread) = Store::open(data, StoreOptions::default())?;
    let open_s = begun.elapsed().as_secs_f64();
    store.stop();
    thread.join();
    Ok(open_s)
}

/// Adds events one by one, each when the one before is on the disk.
fn append(data: &Path, options: &Options) -> Result<Samples> {
    let (store, thread) = Store::open(data, StoreOptions::default())?;
    let (events, mut acks) = store.event_sink();
    let mut spread = Spread::new(options.seed ^ 0x5A5A);
    let newest = *store.durable_seq().borrow();
    let mut each_ns = Vec::new();
    for nth in newest + 1..=newest + u64::from(options.appends) {
        let event = event(options, &mut spread, nth);
        let begun = Instant::now();
        events.append(nth, event);
        let ack = acks.blocking_recv().context("the store has stopped")?;
        ensure!(ack.result? == nth, "an event got another number");
        each_ns.push(u64::try_from(begun.elapsed().as_nanos())?);
    }
    store.stop();
    thread.join();
    Ok(Samples::new(each_ns))
}

/// Times pages of each sort: newest, user, door, day, user at a door, a user who is rarely seen.
fn ask(daemon: &Daemon, options: &Options) -> Result<[Vec<u64>; 6]> {
    let mut spread = Spread::new(options.seed ^ 0xA5A5);
    let mut pages = [const { Vec::new() }; 6];
    let days = (options.count.cast_signed() * APART_MS / DAY_MS).max(1) as u64;
    for _ in 0..options.pages {
        let user = UserId(2 + spread.below(u64::from(options.users - 1)) as u32);
        let door = DoorId(1 + spread.below(u64::from(options.doors)) as u32);
        let day = FIRST.0 + spread.below(days).cast_signed() * DAY_MS;
        let of_all = EventsQuery {
            limit: Some(PAGE),
            ..EventsQuery::default()
        };
        let of_user = EventsQuery {
            user: Some(user),
            ..of_all.clone()
        };
        let queries = [
            of_all.clone(),
            of_user.clone(),
            EventsQuery {
                door: Some(door),
                ..of_all.clone()
            },
            EventsQuery {
                from: Some(Wall(day)),
                until: Some(Wall(day + DAY_MS)),
                ..of_all.clone()
            },
            EventsQuery {
                door: Some(door),
                ..of_user
            },
            EventsQuery {
                user: Some(RARE_USER),
                ..of_all
            },
        ];
        for (times, query) in pages.iter_mut().zip(queries) {
            let begun = Instant::now();
            let page = daemon.call(async |client| client.events(&query).await)?;
            times.push(u64::try_from(begun.elapsed().as_nanos())?);
            let fits = page.events.iter().all(|row| {
                query.user.is_none_or(|user| row.event.user == Some(user))
                    && query.door.is_none_or(|door| row.event.door == Some(door))
            });
            ensure!(fits, "a page has rows that were not asked for");
        }
    }
    Ok(pages)
}

fn files(data: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![data.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    Ok(files)
}

/// The files of a folder, in bytes.
pub(super) fn disk_bytes(data: &Path) -> Result<u64> {
    let sizes = files(data)?.into_iter().map(|file| file.metadata());
    let sizes: std::io::Result<Vec<_>> = sizes.collect();
    Ok(sizes?.iter().map(std::fs::Metadata::len).sum())
}

/// Has the system forget what it cached of the files, as after a start of the machine.
pub(super) fn forget_cached(data: &Path) -> Result<()> {
    for path in files(data)? {
        let file = std::fs::File::open(path)?;
        file.sync_all()?;
        posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
    }
    Ok(())
}
