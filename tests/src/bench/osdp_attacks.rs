//! Attacks on the line between the control panel and a libosdp reader.

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::progress;
use crate::attacks::{self, FURTHER, LIMIT, Outcome, PUBLISHED};

/// Options of the bench.
#[derive(Debug, Clone, Args)]
pub struct Options {}

/// What came of them.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// The published attacks that were tried.
    attacks: usize,
    /// Those of them that succeeded.
    succeeded: usize,
    /// Bytes of cards that could be read on the line, in all attacks, published or not.
    plaintext_bytes: usize,
    results: Vec<Outcome>,
    /// What else was tried.
    further: Vec<Outcome>,
    further_succeeded: usize,
    /// What the protocol does not let a panel prevent, and what our documents say of.
    limits: Vec<Outcome>,
}

/// Runs every attack.
///
/// # Errors
/// When one cannot be tried at all.
pub fn run(_: &Options) -> Result<Figures> {
    attacks::control()?;
    let tried = |attack: &attacks::Attack| -> Result<Outcome> {
        let outcome = attack()?;
        let word = if outcome.succeeded {
            "SUCCEEDED"
        } else {
            "failed"
        };
        progress(&format!("{}: {word}: {}", outcome.name, outcome.found));
        Ok(outcome)
    };
    let results = PUBLISHED.iter().map(tried).collect::<Result<Vec<_>>>()?;
    let further = FURTHER.iter().map(tried).collect::<Result<Vec<_>>>()?;
    let limits = vec![tried(&LIMIT)?];
    let succeeded = |outcomes: &[Outcome]| outcomes.iter().filter(|one| one.succeeded).count();
    let all = results.iter().chain(&further);
    Ok(Figures {
        attacks: results.len(),
        succeeded: succeeded(&results),
        plaintext_bytes: all.map(|outcome| outcome.plaintext_bytes).sum(),
        further_succeeded: succeeded(&further),
        results,
        further,
        limits,
    })
}
