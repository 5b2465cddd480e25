//! The terminal console.
//!
//! One [`event::Event`] enum arrives by one bounded channel; [`state::State::handle`] takes each
//! in and says what to ask the daemon for; [`draw::draw`] paints the state and changes nothing.
//! So every screen can be tested whole, by real key presses, without a terminal or a daemon.
//!
//! - [`keys`]: the named commands, and the keys that give them.
//! - `link`: the connection to the daemon; `work`: what is asked of it.
//! - `terminal`: the terminal, put back as it was however the console ends.

pub mod clock;
pub mod draw;
pub mod event;
pub mod keys;
mod link;
#[cfg(test)]
pub(crate) mod sample;
pub mod screens;
mod shell;
pub mod site;
pub mod state;
mod terminal;
#[cfg(test)]
mod tests;
pub mod theme;
mod work;

pub use shell::run;
