//! The store after a power cut, at any moment, with any part of what was not synced lost.
//!
//! A process works on a store while strace(1) records every write, sync and renaming. From the record
//! the folder is made as it may be found after a cut (`disk`), and the store is opened on it. Some of
//! the folders found are worked on again, so that cuts fall into recoveries, too.

mod disk;
mod trace;
mod work;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use self::disk::{Disk, Image, Replay, lay_out};
pub use self::trace::unavailable;
use self::trace::{Call, Moment, Trace, traced};
pub use self::work::{Ending, Session, work};
use self::work::{Lack, Told, examine};
use crate::bench::figures::Spread;
use crate::bench::progress;
use crate::peer::program_path;

/// Cuts into the record of one session.
const CUTS_A_SESSION: u32 = 50;
/// Changes that one session makes.
const CHANGES: (u64, u64) = (12, 48);
/// Of so many cuts, one falls into the opening.
const OPENINGS_CUT: u64 = 3;
/// Of so many sessions, one begins with an empty folder.
const SESSIONS_A_STORE: u32 = 6;
/// Folders that lack something are kept for whoever mends it.
const KEPT_MAX: u32 = 5;
/// The store's folder below the one that is followed.
const STORE: &str = "data";
/// Acknowledgements are written here.
const TOLD: &str = "told";

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Cuts.
    pub rounds: u32,
    /// How often the store did not open.
    pub unopened: u32,
    /// How often something was missing that had been acknowledged.
    pub lost: u32,
    /// How often something was there in part, altered or out of its row.
    pub torn: u32,
    /// Sessions of the store that were recorded, and those of them that began on a folder found after
    /// a cut.
    pub sessions: u32,
    /// Sessions that began on a folder found after a cut.
    pub sessions_after_a_cut: u32,
    /// What the store wrote in all sessions, in bytes.
    pub bytes_written: u64,
    /// How often it synced.
    pub syncs: u64,
    /// Events and changes that were acknowledged in all sessions.
    pub events: u64,
    /// Changes of the table among them.
    pub changes: u64,
}

/// Where a session begins.
struct Start {
    disk: Disk,
    told: Told,
}

/// Cuts so many times.
///
/// # Errors
/// When strace or this program's binary is missing, or a session fails without any cut.
pub fn prove(rounds: u32, seed: u64) -> Result<Tally> {
    let ground = Ground::make()?;
    let mut spread = Spread::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut tally = Tally::default();
    let mut start = None;
    while tally.rounds < rounds {
        if tally.sessions % SESSIONS_A_STORE == 0 {
            start = None;
        }
        let cuts = CUTS_A_SESSION.min(rounds - tally.rounds);
        start = Some(ground.session(start.take(), cuts, &mut spread, &mut tally)?);
        progress(&format!("{tally:?}"));
    }
    Ok(tally)
}

/// Where stores are made and examined: in memory where there is a file system for that, so that only
/// the order of calls counts and not the time they take.
struct Ground {
    folder: tempfile::TempDir,
    kept: PathBuf,
}

impl Ground {
    fn make() -> Result<Self> {
        if let Some(why) = unavailable() {
            bail!("system calls cannot be recorded here: {why}");
        }
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)?
        } else {
            tempfile::tempdir()?
        };
        let kept = std::env::temp_dir().join("doorward-power-cut");
        Ok(Self { folder, kept })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Records a session, cuts into it, and chooses what the next begins with.
    fn session(
        &self,
        start: Option<Start>,
        cuts: u32,
        spread: &mut Spread,
        tally: &mut Tally,
    ) -> Result<Start> {
        let root = self.path("work");
        let start = match start {
            Some(start) => start,
            None => {
                lay_out(&root, &Image::new())?;
                Start {
                    disk: Disk::empty(&root),
                    told: Told::default(),
                }
            }
        };
        let ending = [Ending::Stop, Ending::Kill][spread.below(2) as usize];
        let trace = self.record(ending, spread)?;
        tally.sessions += 1;
        count(&trace, tally);
        let told_in = root.join(TOLD);
        let opened = opening(&trace);
        let mut moments: BTreeMap<usize, u32> = BTreeMap::new();
        for _ in 0..cuts {
            // The opening is short, and has its own ways to go wrong.
            let within = match spread.below(OPENINGS_CUT) {
                0 => opened,
                _ => trace.moments.len(),
            };
            let at = spread.below(within as u64 + 1) as usize;
            *moments.entry(at).or_default() += 1;
        }
        let goes_on_from = spread.below(u64::from(cuts) * 2) as u32;
        let mut next = None;
        let mut number = 0;
        let mut replay = Replay::new(start.disk.clone(), &trace, &told_in);
        for (moment, times) in moments {
            replay.go_to(moment)?;
            let mut told = start.told;
            told.hear(&replay.told)?;
            for _ in 0..times {
                let image = replay.disk.cut(spread);
                self.judge(&image, told, tally)?;
                if number == goes_on_from {
                    next = Some((image, told));
                }
                number += 1;
            }
        }
        let mut whole = start.told;
        replay.go_to(usize::MAX)?;
        whole.hear(&replay.told)?;
        tally.events += whole.event.saturating_sub(start.told.event);
        tally.changes += whole.revision.saturating_sub(start.told.revision);
        let disk = replay.end()?;
        std::fs::remove_file(&told_in)?;
        Ok(match next {
            Some((image, told)) => {
                tally.sessions_after_a_cut += 1;
                lay_out(&root, &image)?;
                let disk = Disk::of(&root, &image);
                Start { disk, told }
            }
            None => Start {
                disk: disk.carried_over(),
                told: whole,
            },
        })
    }

    fn record(&self, ending: Ending, spread: &mut Spread) -> Result<Trace> {
        let (root, log) = (self.path("work"), self.path("trace"));
        let changes = CHANGES.0 + spread.below(CHANGES.1 - CHANGES.0);
        let output = traced(&program_path("bench")?, &log)
            .arg("store-work")
            .arg(root.join(STORE))
            .arg(root.join(TOLD))
            .args(["--changes", &changes.to_string()])
            .args(["--seed", &spread.below(1 << 40).to_string()])
            .arg("--ending")
            .arg(match ending {
                Ending::Stop => "stop",
                Ending::Kill => "kill",
            })
            .output()
            .context("cannot run strace")?;
        let as_wished = match ending {
            Ending::Stop => output.status.success(),
            Ending::Kill => !output.status.success() && output.stderr.is_empty(),
        };
        if !as_wished {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("the session has ended with {}: {said}", output.status);
        }
        let trace = Trace::read(BufReader::with_capacity(1 << 20, File::open(&log)?))?;
        std::fs::remove_file(&log)?;
        Ok(trace)
    }

    /// Opens the store as it may be found.
    fn judge(&self, image: &Image, told: Told, tally: &mut Tally) -> Result<()> {
        tally.rounds += 1;
        let found = self.path("found");
        lay_out(&found, image)?;
        let Some(lack) = examine(&found.join(STORE), told) else {
            return Ok(());
        };
        progress(&format!("round {}: {lack:?}, told {told:?}", tally.rounds));
        let lacking = tally.unopened + tally.lost + tally.torn;
        if lacking < KEPT_MAX {
            let kept = self
                .kept
                .join(format!("{}-{}", std::process::id(), tally.rounds));
            lay_out(&kept, image)?;
            progress(&format!("the folder is kept as `{}`", kept.display()));
        }
        match lack {
            Lack::Unopened(_) => tally.unopened += 1,
            Lack::Lost(_) => tally.lost += 1,
            Lack::Torn(_) => tally.torn += 1,
        }
        Ok(())
    }
}

/// The moment by which the store was open: the first acknowledgement.
fn opening(trace: &Trace) -> usize {
    let told = |moment: &Moment| match moment {
        Moment::Begins(call) => match &trace.calls[*call] {
            Call::Write { bytes, .. } => {
                bytes.starts_with(b"event ") || bytes.starts_with(b"revision ")
            }
            _ => false,
        },
        Moment::Ends(_) => false,
    };
    let first = trace.moments.iter().position(told);
    first.unwrap_or(trace.moments.len())
}

fn count(trace: &Trace, tally: &mut Tally) {
    for call in &trace.calls {
        match call {
            Call::Write { bytes, .. } => tally.bytes_written += bytes.len() as u64,
            Call::Sync { .. } => tally.syncs += 1,
            _ => {}
        }
    }
}
