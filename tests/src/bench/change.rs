//! How long a change takes until it is in force at the doors, of a site with many credentials.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;
use doorward_api::{Changes, Client};
use doorward_core::ids::{KeyId, ScheduleId, UserId};
use doorward_core::model::{
    Block, CHANGES_MAX, Change, Key, Record, Schedule, User, UserState, validate_changes,
};
use doorward_core::sample::Sample;
use doorward_core::time::Wall;
use doorwardd::permit::{Action, Operator, authorise};
use doorwardd::store::{ChangeNote, Store, StoreOptions};
use serde::Serialize;

use super::figures::{Samples, Spread};
use super::{idle::resident_mb, progress};
use crate::daemon::Daemon;

/// How long the daemon may take to start and to take in a large table.
const WARM: Duration = Duration::from_secs(600);

/// Between two looks at whether the index is warm.
const LOOK: Duration = Duration::from_millis(100);

/// Changes made before the first one that is measured.
const WARM_UP: u32 = 20;

/// Options of the bench.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Credentials in the access table, and as many users
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=16_000_000))]
    credentials: u32,
    /// Keys that each user holds
    #[arg(long, default_value_t = 5)]
    keys_per_user: u32,
    /// Changes of each sort: of a user, a key, a schedule
    #[arg(long, default_value_t = 300)]
    changes: u32,
    /// Where the table is laid; a folder of its own under the system's temporary one unless given
    #[arg(long, value_name = "DIR")]
    folder: Option<std::path::PathBuf>,
    /// Which of all sites of that size
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What was measured: from a change's request on the API's socket to its answer, which comes when
/// it is durable and in force at the doors.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Of all changes.
    p50_ms: f64,
    p99_ms: f64,
    /// Of changes of one user.
    user_p99_ms: f64,
    /// Of changes of one key.
    key_p99_ms: f64,
    /// Of changes of one schedule.
    schedule_p99_ms: f64,
    changes: usize,
    credentials: u32,
    grants: u64,
    /// Of the daemon, after the last change.
    rss_mb: f64,
    /// Of `sync_data` on the same disk, for comparison: every change waits for one at least.
    sync_p50_ms: f64,
    sync_p99_ms: f64,
}

/// Measures.
///
/// # Errors
/// When the table cannot be laid, the daemon does not start, or it refuses a change.
pub fn run(options: &Options) -> Result<Figures> {
    let own = tempfile::tempdir()?;
    let folder = options.folder.as_deref().unwrap_or(own.path());
    let sample = Sample {
        keys_per_user: options.keys_per_user,
        ..Sample::new(options.seed, options.credentials)
    };
    lay_table(&folder.join("data"), sample)?;
    std::fs::write(folder.join("site.toml"), site_toml(folder))?;
    progress("starting the daemon");
    // The log of a run before says that an index is warm, too.
    let log = folder.join("daemon.log");
    if log.exists() {
        std::fs::remove_file(log)?;
    }
    let daemon = Daemon::start(folder)?;
    wait_warm(folder)?;
    let syncs = measure_syncs(folder)?;

    let mut spread = Spread::new(options.seed);
    let mut of = [const { Vec::new() }; 3];
    progress("changing");
    for nth in 0..WARM_UP + options.changes {
        for (sort, each) in of.iter_mut().enumerate() {
            let pick = u32::try_from(spread.below(u64::from(u32::MAX)))?;
            let changes = daemon.call(async |client| change(client, sample, sort, pick).await)?;
            let begun = Instant::now();
            daemon.call(async |client| client.apply(&changes, None).await)?;
            if nth >= WARM_UP {
                each.push(u64::try_from(begun.elapsed().as_nanos())?);
            }
        }
    }
    let rss_mb = resident_mb(daemon.pid())?;
    let all = Samples::new(of.concat());
    let [user, key, schedule] = of.map(Samples::new);
    Ok(Figures {
        p50_ms: all.ms(50.0),
        p99_ms: all.ms(99.0),
        user_p99_ms: user.ms(99.0),
        key_p99_ms: key.ms(99.0),
        schedule_p99_ms: schedule.ms(99.0),
        changes: all.count(),
        credentials: options.credentials,
        grants: u64::from(options.credentials) * u64::from(options.keys_per_user),
        rss_mb,
        sync_p50_ms: syncs.ms(50.0),
        sync_p99_ms: syncs.ms(99.0),
    })
}

/// A change of one user, one key or one schedule, as an operator makes it.
async fn change(client: &Client, sample: Sample, sort: usize, pick: u32) -> Result<Changes> {
    let record = match sort {
        0 => {
            let id = UserId(pick % sample.credentials + 1);
            let mut user: User = client.record(id).await?;
            user.state = match user.state {
                UserState::Active => UserState::Suspended,
                _ => UserState::Active,
            };
            Record::User(user)
        }
        1 => {
            let id = KeyId(pick % sample.keys() + 1);
            let mut key: Key = client.record(id).await?;
            key.blocked = match key.blocked {
                None => Some(Block {
                    reason: "bench".to_owned(),
                    until: None,
                }),
                Some(_) => None,
            };
            Record::Key(key)
        }
        _ => {
            let id = ScheduleId(pick % 40 + 1);
            let mut schedule: Schedule = client.record(id).await?;
            for interval in &mut schedule.weekly {
                interval.from_minute = (interval.from_minute + 1) % 300;
            }
            Record::Schedule(schedule)
        }
    };
    let changes = vec![Change::Put(record)];
    Ok(Changes { changes })
}

/// Writes the whole table, unless a run before has left one of the same size.
pub(super) fn lay_table(data: &Path, sample: Sample) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (store, thread) = Store::open(data, StoreOptions::default())?;
    let laid = store.view().revision()?;
    if laid == 0 {
        runtime.block_on(lay(&store, sample))?;
    } else {
        progress(&format!("the table is there already, at revision {laid}"));
    }
    store.stop();
    thread.join();
    Ok(())
}

async fn lay(store: &Store, sample: Sample) -> Result<()> {
    let permit = authorise(&Operator::Appliance, Action::ChangeTable)?;
    let mut records = sample.records().map(Change::Put);
    let mut laid = 0;
    loop {
        let steps: Vec<Change> = records.by_ref().take(CHANGES_MAX).collect();
        if steps.is_empty() {
            return Ok(());
        }
        let change = validate_changes(&store.view(), &steps)?;
        let note = ChangeNote {
            at: Wall(0),
            text: String::new(),
            expected_revision: None,
        };
        store.commit(&permit, change, note).await?;
        laid += steps.len();
        if laid % (CHANGES_MAX * 10) == 0 {
            progress(&format!("{laid} records laid"));
        }
    }
}

/// A site without doors, for what is measured at the socket.
pub(super) fn site_toml(folder: &Path) -> String {
    format!(
        "[site]\nname = \"Bench\"\n[paths]\ndata = {:?}\n[api]\nsocket = {:?}\n\
         [doors]\nclock = \"trusted\"\n",
        folder.join("data"),
        folder.join("api.sock"),
    )
}

/// Waits until the doors decide by the index: from then on changes go there.
fn wait_warm(folder: &Path) -> Result<()> {
    let log = folder.join("daemon.log");
    let begun = Instant::now();
    while begun.elapsed() < WARM {
        if log_says(&log, "the access index is warm")? {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    anyhow::bail!("the index was not warm within {WARM:?}")
}

/// Whether a daemon has logged this.
pub(super) fn log_says(log: &Path, text: &str) -> Result<bool> {
    Ok(std::fs::read_to_string(log)?.contains(text))
}

/// What the disk itself needs for a small write that lasts.
fn measure_syncs(folder: &Path) -> Result<Samples> {
    use std::io::Write as _;
    let path = folder.join("sync");
    let mut file = std::fs::File::create(&path)?;
    let mut each_ns = Vec::new();
    for _ in 0..200 {
        file.write_all(&[0x5A; 4096])?;
        let begun = Instant::now();
        file.sync_data()?;
        each_ns.push(u64::try_from(begun.elapsed().as_nanos())?);
    }
    std::fs::remove_file(path).context("cannot remove the file of the comparison")?;
    Ok(Samples::new(each_ns))
}
