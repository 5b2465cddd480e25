//! A backup every night, and the old ones put away.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use doorward_api::VaultJobState;
use doorward_core::alarm::{AlarmChange, AlarmKind, AlarmSubject, Condition};
use doorward_core::time::{ClockTrust, Wall};
use tokio::sync::mpsc;

use super::backup::{EXTENSION, PREFIX};
use super::jobs::Jobs;
use crate::clock::Clock;
use crate::config::BackupConfig as Night;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// How often it is looked whether one is due.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// After one that failed.
const RETRY_AFTER_MS: i64 = 600_000;

/// Makes backups by night. One that fails, such as onto a disk that is not there, is an alarm until one
/// succeeds, and is tried again every ten minutes.
pub async fn mind(night: Night, jobs: Jobs, clock: Arc<Clock>, alarms: mpsc::Sender<AlarmChange>) {
    let mut interval = tokio::time::interval(LOOK_EVERY);
    let mut tried = None;
    loop {
        interval.tick().await;
        let now = clock.now();
        let newest = newest_in(&night.folder);
        let is_due = now.trust == ClockTrust::Trusted && due(&night, now.wall, newest.as_deref());
        if !is_due || tried.is_some_and(|at| now.wall.0 - at < RETRY_AFTER_MS) {
            continue;
        }
        tried = Some(now.wall.0);
        let failed = back_up(&jobs).await.err();
        if let Some(problem) = &failed {
            log::error!("no backup was made: {problem}");
        } else if let Err(error) = rotate(&night.folder, night.keep) {
            log::warn!("old backups in `{}` stay: {error}", night.folder.display());
        }
        let condition = match failed {
            Some(_) => Condition::Present,
            None => Condition::Gone,
        };
        let change = AlarmChange {
            kind: AlarmKind::BackupFailing,
            subject: AlarmSubject::Appliance,
            condition,
        };
        if alarms.send(change).await.is_err() {
            return;
        }
    }
}

async fn back_up(jobs: &Jobs) -> Result<(), String> {
    let mut watched = jobs.watch();
    jobs.back_up(None, None)
        .await
        .map_err(|error| error.to_string())?;
    let ended = |job: &Option<doorward_api::VaultJob>| {
        job.as_ref()
            .is_some_and(|job| job.state != VaultJobState::Running)
    };
    let job = watched
        .wait_for(ended)
        .await
        .map_err(|_| "the daemon is stopping")?;
    match job.as_ref().map(|job| (job.state, job.problem.clone())) {
        Some((VaultJobState::Done, _)) => Ok(()),
        Some((_, problem)) => Err(problem.unwrap_or_else(|| "it was cancelled".to_owned())),
        None => Err("nothing ran".to_owned()),
    }
}

/// Whether the backup of the last time that the hour struck is missing.
fn due(night: &Night, now: Wall, newest: Option<&str>) -> bool {
    let hour = i64::from(night.hour_utc) * HOUR_MS;
    let struck = Wall((now.0 - hour).div_euclid(DAY_MS) * DAY_MS + hour);
    let stamp = stamp(struck);
    newest.is_none_or(|newest| newest < stamp.as_str())
}

/// The time in the name of a backup, such as `20261122T030000`.
fn stamp(at: Wall) -> String {
    let digits: String = at
        .to_string()
        .chars()
        .filter(|c| !matches!(c, '-' | ':'))
        .collect();
    digits.split('.').next().unwrap_or_default().to_owned()
}

/// The backups of a folder, by the time in their names, the oldest first.
fn backups(folder: &Path) -> std::io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let stamp = name
            .strip_prefix(PREFIX)
            .and_then(|name| name.strip_suffix(&format!("Z.{EXTENSION}")))
            .and_then(|name| name.rsplit_once('-'))
            .map(|(_, stamp)| stamp.to_owned());
        found.extend(stamp.map(|stamp| (stamp, path)));
    }
    found.sort();
    Ok(found)
}

fn newest_in(folder: &Path) -> Option<String> {
    let found = backups(folder).ok()?;
    found.last().map(|(stamp, _)| stamp.clone())
}

fn rotate(folder: &Path, keep: u16) -> std::io::Result<()> {
    let found = backups(folder)?;
    let old = found.len().saturating_sub(usize::from(keep));
    found
        .iter()
        .take(old)
        .try_for_each(|(_, path)| fs::remove_file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn night() -> Night {
        Night {
            folder: PathBuf::from("/mnt/backup"),
            hour_utc: 3,
            keep: 2,
            recipient: String::new(),
        }
    }

    #[test]
    fn one_is_due_once_the_hour_has_struck() {
        let check = |now: &str, newest: Option<&str>, expect: bool| {
            let now = now.parse().unwrap();
            assert_eq!(due(&night(), now, newest), expect, "{now:?} {newest:?}");
        };
        check("2026-11-22T03:00:00Z", None, true);
        check("2026-11-22T02:59:59Z", Some("20261121T030001"), false);
        check("2026-11-22T03:00:00Z", Some("20261121T030001"), true);
        check("2026-11-22T03:10:00Z", Some("20261122T030002"), false);
        // A night that was slept through is made up for.
        check("2026-11-22T12:00:00Z", Some("20261121T030001"), true);
        check("2026-11-22T12:00:00Z", Some("20261122T090000"), false);
    }

    #[test]
    fn the_newest_are_kept_and_nothing_else_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let names = [
            "doorward-A-20261120T030000Z.age",
            "doorward-A-20261121T030000Z.age",
            "doorward-A-20261122T030000Z.age",
            "doorward-A-20261119T030000Z.new",
            "holiday.jpg",
        ];
        for name in names {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        assert_eq!(newest_in(folder.path()).as_deref(), Some("20261122T030000"));
        rotate(folder.path(), 2).unwrap();
        let there = |name: &str| folder.path().join(name).exists();
        assert_eq!(names.map(there), [false, true, true, true, true]);
        assert!(newest_in(Path::new("/does/not/exist")).is_none());
    }
}
