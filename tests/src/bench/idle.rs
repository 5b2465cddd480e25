//! What the daemon needs while nobody comes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;
use serde::Serialize;

use crate::appliance::{Appliance, Wiring};
use crate::modbus_board::tcp_boards;

use super::bus::{ONLINE, ReaderBus};
use super::progress;

/// What starting leaves behind is over by then.
const SETTLE: Duration = Duration::from_secs(3);

/// Options of the bench.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Readers on the bus
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=32))]
    readers: u8,
    /// Bits per second of the bus
    #[arg(long, default_value_t = 115_200)]
    baud: u32,
    /// Users in the access table, each with a card and a key
    #[arg(long, default_value_t = 10_000)]
    users: u32,
    /// How long to watch, in seconds
    #[arg(long, default_value_t = 30)]
    seconds: u64,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Of one core.
    cpu_percent: f64,
    rss_mb: f64,
    readers: u8,
    baud: u32,
    users: u32,
    seconds: u64,
}

/// Measures.
///
/// # Errors
/// When a peer or the daemon cannot be started.
pub fn run(options: &Options) -> Result<Figures> {
    let bus = ReaderBus::start(options.readers, options.baud, true)?;
    let (_board, port) = tcp_boards(&[1])?;
    let wiring = Wiring {
        bus: bus.port(),
        baud: options.baud,
        readers: bus.specs.clone(),
        board: format!("127.0.0.1:{port}"),
        more: String::new(),
    };
    let mut appliance = Appliance::start(&wiring)?;
    appliance.furnish(&wiring, options.users)?;
    appliance.wait_wired(ONLINE)?;
    progress(&format!("watching for {} s", options.seconds));
    std::thread::sleep(SETTLE);
    let before = cpu_time(appliance.pid())?;
    let begun = Instant::now();
    std::thread::sleep(Duration::from_secs(options.seconds));
    let used = cpu_time(appliance.pid())?.saturating_sub(before);
    let percent = 100.0 * used.as_secs_f64() / begun.elapsed().as_secs_f64();
    Ok(Figures {
        cpu_percent: (percent * 100.0).round() / 100.0,
        rss_mb: resident_mb(appliance.pid())?,
        readers: options.readers,
        baud: options.baud,
        users: options.users,
        seconds: options.seconds,
    })
}

/// User and system time of a process with all its threads.
fn cpu_time(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may hold spaces; what follows its bracket does not. See proc(5): fields 14 and 15.
    let fields = stat.rsplit(')').next().context("no fields in stat")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |at: usize| -> Result<u64> {
        Ok(fields.get(at).context("too few fields in stat")?.parse()?)
    };
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)?.unwrap_or(100);
    let total = ticks(11)? + ticks(12)?;
    Ok(Duration::from_secs_f64(total as f64 / per_second as f64))
}

/// Memory of a process that is in RAM, in megabytes of 2^20 bytes.
pub(super) fn resident_mb(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb: f64 = line
        .context("no VmRSS")?
        .trim()
        .trim_end_matches("kB")
        .trim()
        .parse()?;
    Ok((kb / 1024.0 * 10.0).round() / 10.0)
}
