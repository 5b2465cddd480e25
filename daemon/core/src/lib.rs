//! The access model of Doorward and every decision, without I/O.
//!
//! **Architecture invariant.** Nothing here reads a clock, a file, a socket or a random number:
//! time and random bytes are arguments. The crate's `clippy.toml` keeps it so.
//!
//! - [`model`]: the records of the access table, and the changes made to them.
//! - [`view`]: what a decision needs to know of the table, whoever holds it.
//! - [`decide`](mod@decide): the rules of access, in order; and why.
//! - [`index`]: the table in memory, compact, for the decision path.
//! - [`schedule`]: hours by week, date and holiday in a time zone, compiled.
//! - [`date`]: days of the calendar.
//! - [`event`], [`alarm`]: what the appliance says happened, and what somebody must see.
//! - [`controller`]: the one state machine that owns the doors.
//! - [`sample`]: random tables for benches and demos.

pub mod alarm;
pub mod alarm_log;
pub mod card;
pub mod controller;
pub mod date;
pub mod decide;
pub mod event;
#[cfg(test)]
mod fixture;
pub mod ids;
pub mod index;
pub mod model;
mod modes;
#[cfg(feature = "openapi")]
mod openapi;
pub mod pin;
pub mod sample;
pub mod schedule;
pub mod time;
pub mod view;
