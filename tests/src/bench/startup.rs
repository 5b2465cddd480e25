//! From the daemon's start to its first decision, to a warm access index, and the memory it needs then.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use doorward_api::{Changes, EventsQuery};
use doorward_core::event::EventKind;
use doorward_core::ids::{CredentialId, DoorId, KeyId, PlaceId, UserId};
use doorward_core::index::AccessIndex;
use doorward_core::model::{
    Change, Credential, CredentialData, CredentialState, Door, DoorWiring, Grant, Key, OutputPoint,
    Record, User, UserState,
};
use doorward_core::sample::Sample;
use serde::Serialize;

use super::change::{lay_table, log_says};
use super::events::forget_cached;
use super::idle::resident_mb;
use super::progress;
use crate::converter::Converter;
use crate::daemon::Daemon;
use crate::modbus_board::tcp_boards;

/// Between two cards. The reader takes one as soon as its port is open.
const CARDS_APART: Duration = Duration::from_millis(5);
/// How long the daemon may take to decide and to warm.
const WARM: Duration = Duration::from_secs(120);
/// The card that is shown, as bits and as its converter sends it.
const CARD_BITS: &str = "1010110000111100101001011100001100001111";
const CARD_LINE: &[u8] = b"40:AC3CA5C30F\n";

/// Options of the bench.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Credentials in the access table, and as many users with five keys each
    #[arg(long, default_value_t = 2_500_000, value_parser = clap::value_parser!(u32).range(1..=16_000_000))]
    credentials: u32,
    /// Where the table is laid, and found again by the next run; a folder of its own unless given
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Only the index, in this process: no table is laid and no daemon started
    #[arg(long)]
    index_only: bool,
    /// Which of all sites of that size
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What was measured.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// From the daemon's start, none of its files in the system's cache, to the first card that it
    /// grants, as the event says.
    first_decision_s: Option<f64>,
    /// To a warm index.
    warm_s: Option<f64>,
    /// The daemon's resident memory then.
    rss_mb: Option<f64>,
    /// Its highest until then.
    rss_peak_mb: Option<f64>,
    disk_mb: Option<u64>,
    /// Resident memory of a process with nothing but the index in it.
    index_rss_mb: f64,
    index_warm_s: f64,
    records: u64,
    credentials: u32,
}

/// Measures.
///
/// # Errors
/// When the table cannot be laid, or the daemon does not start or grant the card.
pub fn run(options: &Options) -> Result<Figures> {
    let sample = Sample::new(options.seed, options.credentials);
    let mut figures = Figures {
        credentials: options.credentials,
        ..Figures::default()
    };
    // First: what laying a table leaves behind in this process does not count.
    measure_index(sample, &mut figures)?;
    if !options.index_only {
        let own = tempfile::tempdir()?;
        measure_daemon(
            options.folder.as_deref().unwrap_or(own.path()),
            sample,
            &mut figures,
        )?;
    }
    Ok(figures)
}

fn measure_index(sample: Sample, figures: &mut Figures) -> Result<()> {
    progress(&format!(
        "building the index of {} credentials alone",
        sample.credentials
    ));
    let begun = Instant::now();
    let mut index = AccessIndex::default();
    for record in sample.records() {
        index.put(&record);
        figures.records += 1;
    }
    figures.index_warm_s = thousandths(begun.elapsed());
    figures.index_rss_mb = resident_mb(std::process::id())?;
    drop(index);
    Ok(())
}

fn measure_daemon(folder: &Path, sample: Sample, figures: &mut Figures) -> Result<()> {
    let data = folder.join("data");
    lay_table(&data, sample)?;
    let link = folder.join("converter");
    if link.is_symlink() {
        std::fs::remove_file(&link)?;
    }
    let mut converter = Converter::plug(link)?;
    let (_boards, port) = tcp_boards(&[1])?;
    std::fs::write(
        folder.join("site.toml"),
        site_toml(folder, &converter, port),
    )?;
    furnish(folder, sample)?;
    forget_cached(&data)?;
    figures.disk_mb = Some(super::events::disk_bytes(&data)? / 1_000_000);

    progress("starting the daemon");
    let log = folder.join("daemon.log");
    std::fs::remove_file(&log)?;
    let newest = newest_event(folder);
    let (begun, began_at) = (Instant::now(), SystemTime::now());
    let daemon = Daemon::spawn(folder, &[])?;
    let granted_at = loop {
        if begun.elapsed() > WARM {
            bail!("no card was granted within {WARM:?}\n{}", daemon.log_end());
        }
        converter.send(CARD_LINE)?;
        std::thread::sleep(CARDS_APART);
        let granted = EventsQuery {
            after: Some(newest),
            kind: Some(EventKind::Granted),
            limit: Some(1),
            ..EventsQuery::default()
        };
        // The socket is there a moment after the doors.
        let page = daemon.call(async |client| client.events(&granted).await);
        if let Some(row) = page.ok().and_then(|page| page.events.into_iter().next()) {
            break row.event.at;
        }
    };
    let began_ms = i64::try_from(began_at.duration_since(UNIX_EPOCH)?.as_millis())?;
    figures.first_decision_s = Some((granted_at.0 - began_ms) as f64 / 1000.0);
    while !log_says(&log, "the access index is warm")? {
        if begun.elapsed() > WARM {
            bail!(
                "the index was not warm within {WARM:?}\n{}",
                daemon.log_end()
            );
        }
        std::thread::sleep(CARDS_APART);
    }
    figures.warm_s = Some(thousandths(begun.elapsed()));
    figures.rss_mb = Some(resident_mb(daemon.pid())?);
    figures.rss_peak_mb = Some(peak_mb(daemon.pid())?);
    Ok(())
}

/// Puts the door of the converter into the table, and somebody who may pass it.
fn furnish(folder: &Path, sample: Sample) -> Result<()> {
    let (user, credential) = (
        UserId(sample.credentials + 1),
        CredentialId(sample.credentials + 1),
    );
    let (door, key) = (DoorId(sample.doors() + 1), KeyId(sample.keys() + 1));
    let records = [
        Record::Door(Door {
            id: door,
            name: "The measured door".to_owned(),
            place: PlaceId(1),
            time_zone: "UTC".to_owned(),
            wiring: DoorWiring {
                entry_readers: vec!["converter".to_owned()],
                relay: Some(OutputPoint {
                    board: "cabinet".to_owned(),
                    output: 1,
                }),
                ..DoorWiring::default()
            },
            ..Door::default()
        }),
        Record::Key(Key {
            id: key,
            name: "The measured key".to_owned(),
            place: PlaceId(1),
            doors: vec![door],
            ..Key::default()
        }),
        Record::User(User {
            id: user,
            first_name: "Measured".to_owned(),
            state: UserState::Active,
            ..User::default()
        }),
        Record::Credential(Credential {
            id: credential,
            user: Some(user),
            data: CredentialData::RawCard {
                bits: CARD_BITS.parse().context("the card")?,
            },
            state: CredentialState::Active,
            valid_from: None,
            valid_until: None,
            label: String::new(),
        }),
        Record::Grant(Grant {
            user,
            key,
            intervals: Vec::new(),
        }),
    ];
    let changes = records.into_iter().map(Change::Put).collect();
    let daemon = Daemon::start(folder)?;
    daemon.call(async |client| client.apply(&Changes { changes }, None).await)?;
    daemon.stop(WARM)?;
    Ok(())
}

/// The number of the newest event before the daemon starts: those of the start before count not.
fn newest_event(folder: &Path) -> u64 {
    let options = doorwardd::store::StoreOptions::default();
    let opened = doorwardd::store::Store::open(&folder.join("data"), options);
    let Ok((store, thread)) = opened else {
        return 0;
    };
    let newest = *store.durable_seq().borrow();
    store.stop();
    thread.join();
    newest
}

fn site_toml(folder: &Path, converter: &Converter, board: u16) -> String {
    format!(
        "{}[[board]]\nname = \"cabinet\"\nprofile = \"generic-coil\"\naddress = \"127.0.0.1:{board}\"\n\
         [[wiegand]]\nname = \"converter\"\nprofile = \"wiegand-hex-lines\"\nport = {:?}\n",
        super::change::site_toml(folder),
        converter.path(),
    )
}

fn peak_mb(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb = peak.and_then(|line| line.trim().strip_suffix(" kB"));
    let kb: f64 = kb.context("no VmHWM in /proc")?.trim().parse()?;
    Ok((kb / 102.4).round() / 10.0)
}

fn thousandths(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}
