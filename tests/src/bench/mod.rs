//! The benches behind `tests/bench NAME`.
//!
//! A bench measures and reports; it never fails because a machine is slow. Progress goes to
//! standard error, and the last line on standard output is one JSON object.

pub mod badge_to_relay;
pub mod bus;
pub mod bus_soak;
#[cfg(feature = "casbin")]
mod casbin;
pub mod change;
pub mod decide;
pub mod events;
pub mod figures;
pub mod formats;
pub mod idle;
pub mod kill;
pub mod opening;
pub mod osdp_attacks;
pub mod power_cut;
pub mod reader_recovery;
pub mod safe_relay;
pub mod schedules;
pub mod startup;

use anyhow::Result;
use clap::Subcommand;
use serde::Serialize;

/// Which bench to run.
#[derive(Debug, Clone, Subcommand)]
pub enum Bench {
    /// From a card at a libosdp reader to the coil of a Modbus board; and libosdp's own control
    /// panel on the same bus, to its event
    BadgeToRelay(badge_to_relay::Options),
    /// Readers unplugged at random, noise and restarts of the relay board, for as long as wished:
    /// cards that were missed without a fault of their link, coils that stay on, memory
    BusSoak(bus_soak::Options),
    /// How long a change takes until it is in force at the doors
    Change(change::Options),
    /// How long a decision takes, and whether it allocates; and how long Casbin takes
    Decide(decide::Options),
    /// A long passage log: opening it, a page of a door, a user, a day, and one more event
    Events(events::Options),
    /// Whether card formats are right both ways, and against an independent implementation
    Formats(formats::Options),
    /// What the daemon needs while nobody comes
    Idle(idle::Options),
    /// The daemon under load, killed at random moments and started again: whether anything that it
    /// had acknowledged is lost, doubled or out of order, and whether a door opened without a trace
    Kill(kill::Options),
    /// The published attacks on OSDP and some more, with a man in the middle: none may succeed, and no
    /// card may go over the line readably
    OsdpAttacks(osdp_attacks::Options),
    /// The store after power cuts at random moments, with any part of what was not synced lost:
    /// whether it opens, and holds all that was acknowledged
    PowerCut(power_cut::Options),
    /// A reader unplugged and plugged back: how soon it is back in Secure Channel, and what its
    /// neighbour notices of its absence; and the same with libosdp as the control panel
    ReaderRecovery(reader_recovery::Options),
    /// The daemon is killed in the middle of a pulse, on boards with and without pulses of their own:
    /// how often the relay is off in time
    SafeRelay(safe_relay::Options),
    /// What `power-cut` records; not a bench
    #[command(hide = true)]
    StoreWork(crate::power_cut::Session),
    /// How soon after its start the daemon decides, on a large table and a cold disk; how long the
    /// access index takes to warm, and how much memory it needs then
    Startup(startup::Options),
    /// Whether schedules are right, against Python's zoneinfo in every time zone
    Schedules(schedules::Options),
}

impl Bench {
    /// Runs it, and prints its figures.
    ///
    /// # Errors
    /// When it cannot be measured at all: a peer is missing, or the daemon does not start.
    pub fn run(self) -> Result<()> {
        match self {
            Self::BadgeToRelay(options) => print(&badge_to_relay::run(&options)?),
            Self::BusSoak(options) => print(&bus_soak::run(&options)?),
            Self::Change(options) => print(&change::run(&options)?),
            Self::Decide(options) => print(&decide::run(&options)?),
            Self::Events(options) => print(&events::run(&options)?),
            Self::Formats(options) => print(&formats::run(&options)?),
            Self::Idle(options) => print(&idle::run(&options)?),
            Self::Kill(options) => print(&kill::run(&options)?),
            Self::OsdpAttacks(options) => print(&osdp_attacks::run(&options)?),
            Self::PowerCut(options) => print(&power_cut::run(&options)?),
            Self::ReaderRecovery(options) => print(&reader_recovery::run(&options)?),
            Self::StoreWork(session) => crate::power_cut::work(&session),
            Self::Startup(options) => print(&startup::run(&options)?),
            Self::SafeRelay(options) => print(&safe_relay::run(&options)?),
            Self::Schedules(options) => print(&schedules::run(&options)?),
        }
    }
}

#[allow(clippy::print_stdout, reason = "the figures are what a bench is for")]
fn print(figures: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string(figures)?);
    Ok(())
}

/// Says how far a bench is.
#[allow(clippy::print_stderr, reason = "progress is for the person who waits")]
pub fn progress(text: &str) {
    eprintln!("bench: {text}");
}
