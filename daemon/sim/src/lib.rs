//! A virtual site: readers, relay boards, doors and people.
//!
//! [`Site`] is one whole site for the demo: four doors with an OSDP reader on each side, on
//! pseudo-terminals, a Modbus TCP relay board, and two hundred people who come and go by a plan.
//! The daemon cannot tell it from a real one. [`mod@line`] is the wire alone, for tests and benches.
//!
//! **Architecture invariant.** Who comes when ([`Site`]'s plan), and what bodies do at doors, is
//! computed without I/O from a seed and the time; only the shells around it touch ports and clocks.

mod board;
mod crowd;
mod latency;
mod layout;
pub mod line;
mod plan;
mod population;
mod random;
mod readers;
mod site;

pub use layout::{BOARD, DOORS, READERS};
pub use population::USERS;
pub use site::{OPENING, SPEED_MAX, SPEED_MIN, Site, SiteError, SiteOptions, SiteStats};
