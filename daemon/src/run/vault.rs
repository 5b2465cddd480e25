//! `doorwardd verify` and `doorwardd restore`: what is done to a store that no daemon runs on.

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use doorward_core::time::Wall;
use serde_json::json;

use super::told;
use crate::config::SiteConfig;
use crate::keys::{KeyFolder, Seal};
use crate::store::{OfflineError, verify_folder};
use crate::system::exit::Exit;
use crate::vault::lock::{LockError, Opener};
use crate::vault::{self, RestoreError, RestoreTo};

/// How the answer is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// What opens a backup, as the command line says it.
#[derive(Debug)]
pub enum OpenWith {
    /// A passphrase, on the first line of this file; `-` is standard input.
    PassphraseFile(PathBuf),
    /// Identities, in a file as `age-keygen` writes it.
    IdentityFile(PathBuf),
}

fn say(text: &str) {
    // Whoever asked may have gone; the exit code says it all the same.
    let _ = writeln!(io::stdout(), "{text}");
}

fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "doorwardd: {text}");
}

fn progress(done: u64, total: u64) -> ControlFlow<()> {
    if io::stderr().is_terminal() {
        let percent = 100 * done.min(total) / total.max(1);
        let _ = write!(io::stderr(), "\r{done} rows, {percent} %   ");
    }
    ControlFlow::Continue(())
}

/// Checks the store that `config` names, on a copy in `scratch` or the folder for temporary files.
#[must_use]
pub fn verify(config: &Path, scratch: Option<&Path>, answer: Answer) -> Exit {
    let data = match SiteConfig::load(config) {
        Ok(config) => config.data,
        Err(error) => {
            complain(&told(&error));
            return Exit::Config;
        }
    };
    let scratch = scratch.map_or_else(std::env::temp_dir, Path::to_owned);
    let scratch = scratch.join(format!("doorward-verify-{}", std::process::id()));
    let found = verify_folder(&data, &scratch, |at| progress(at.done, at.total));
    // It is a copy, of no use to anybody.
    let _ = std::fs::remove_dir_all(&scratch);
    let found = match found {
        Ok(Some(found)) => found,
        Ok(None) => return Exit::TryAgain,
        Err(error) => {
            complain(&told(&error));
            return match error {
                OfflineError::InUse(_) => Exit::TryAgain,
                OfflineError::File { source, .. } => Exit::for_io(&source),
                OfflineError::Store(_) => Exit::Data,
            };
        }
    };
    let is_whole = found.is_whole();
    let (revision, events, audit) = (found.revision, found.events, found.audit);
    let checks: Vec<_> = found.checks.into_iter().map(vault::api_check).collect();
    if answer == Answer::Json {
        let all = json!({
            "whole": is_whole, "revision": revision, "events": events, "audit": audit,
            "checks": checks,
        });
        say(&all.to_string());
    } else {
        for check in &checks {
            let found = match check.faults {
                0 => "ok".to_owned(),
                faults => format!("{faults} WRONG"),
            };
            say(&format!(
                "{:<12}{:>10} rows  {found}",
                check.name, check.rows
            ));
            check
                .told
                .iter()
                .for_each(|told| say(&format!("    {told}")));
        }
    }
    if is_whole { Exit::Ok } else { Exit::Data }
}

/// Restores a backup to where `config` says, or the configuration in it.
#[must_use]
pub fn restore(
    file: &Path,
    config: &Path,
    open_with: &OpenWith,
    keep_config: bool,
    answer: Answer,
) -> Exit {
    let opener = match opener(open_with) {
        Ok(opener) => opener,
        Err(problem) => {
            complain(&problem);
            return Exit::Usage;
        }
    };
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let seal = match Seal::load(credentials.as_deref()) {
        Ok(seal) => std::cell::Cell::new(seal),
        Err(error) => {
            complain(&told(&error));
            return Exit::Io;
        }
    };
    let stamp = stamp();
    let to = RestoreTo {
        config,
        keep_config,
        keys: &|data| KeyFolder::new(data, seal.take()),
        stamp: &stamp,
    };
    match vault::restore(file, &opener, &to, |at| progress(at.done, at.total)) {
        Ok(done) => {
            let paths = |paths: &[PathBuf]| -> Vec<String> {
                paths
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect()
            };
            if answer == Answer::Json {
                let all = json!({
                    "site": done.header.site, "created": done.header.created,
                    "revision": done.header.revision, "events": done.header.events,
                    "audit": done.header.audit, "table_hash": done.table_hash,
                    "data": done.data.display().to_string(), "aside": paths(&done.aside),
                });
                say(&all.to_string());
                return Exit::Ok;
            }
            say(&format!(
                "restored `{}` as of {}: revision {}, event {}, hashes as in the backup",
                done.header.site, done.header.created, done.header.revision, done.header.events.seq
            ));
            for path in paths(&done.aside) {
                say(&format!("what was there before is at `{path}`"));
            }
            for (now, before) in &done.by_hand {
                say(&format!(
                    "put by hand where it belongs: `{}` to `{}`",
                    now.display(),
                    before.display()
                ));
            }
            say("next: `doorwardd check`, and `systemctl start doorwardd`");
            Exit::Ok
        }
        Err(error) => {
            complain(&told(&error));
            match error {
                RestoreError::File { source, .. } => Exit::for_io(&source),
                RestoreError::Lock {
                    source: LockError::Wrong(_),
                    ..
                } => Exit::Permission,
                RestoreError::Lock { .. } => Exit::Data,
                RestoreError::Damaged { .. } | RestoreError::Proof(_) => Exit::Data,
                RestoreError::Store(_) => Exit::Io,
                RestoreError::Config(_) | RestoreError::Wiring(_) => Exit::Config,
                RestoreError::InUse(_) => Exit::TryAgain,
                RestoreError::Key { .. } => Exit::Io,
                RestoreError::Cancelled => Exit::TryAgain,
            }
        }
    }
}

/// The time as names have it, such as `20261122T030000Z`.
fn stamp() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.map_or(0, |since| since.as_millis());
    let at = Wall(i64::try_from(ms).unwrap_or(i64::MAX)).to_string();
    let digits: String = at.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    format!("{}Z", digits.split('.').next().unwrap_or_default())
}

fn opener(open_with: &OpenWith) -> Result<Opener, String> {
    let path = match open_with {
        OpenWith::PassphraseFile(path) | OpenWith::IdentityFile(path) => path,
    };
    let text = match path.to_str() {
        Some("-") => io::read_to_string(io::stdin()),
        _ => std::fs::read_to_string(path),
    };
    let text = text.map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    match open_with {
        OpenWith::PassphraseFile(_) => {
            Ok(Opener::passphrase(text.lines().next().unwrap_or_default()))
        }
        OpenWith::IdentityFile(_) => {
            Opener::identities(&text).map_err(|error| format!("`{}`: {error}", path.display()))
        }
    }
}
