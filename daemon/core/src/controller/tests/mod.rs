//! Scripts: what happens at a door, line by line, and what the controller makes of it.
//!
//! A line `MS what happens` is an input; the lines `> …` under it are all the outputs, in order,
//! that came of it or fell due until the next. Door status is left out unless asked for.

mod devices;
mod lock;
mod opening;
mod people;
mod records;
mod simulation;
mod site;
mod standing;
mod table;

use std::fmt::Write;

use super::{Controller, ControllerConfig};
use crate::time::ClockTrust;
use site::Site;

/// Runs a script at the usual site, and compares all that comes of it.
#[track_caller]
fn check(script: &str) {
    check_with(|_| {}, script);
}

#[track_caller]
fn check_with(change: impl FnOnce(&mut Site), script: &str) {
    let mut site = Site::new();
    change(&mut site);
    let mut found = String::new();
    let mut expect = String::new();
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        writeln!(expect, "{line}").unwrap();
        if line.starts_with('>') {
            continue;
        }
        let (ms, what) = line.split_once(' ').unwrap();
        // What falls due before an input belongs to the lines before it.
        for output in site.pass_time(ms.parse().unwrap()) {
            writeln!(found, "> {output}").unwrap();
        }
        writeln!(found, "{line}").unwrap();
        for output in site.happen(what) {
            writeln!(found, "> {output}").unwrap();
        }
    }
    assert_eq!(found, expect, "\nfound:\n{found}");
}
