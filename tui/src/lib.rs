//! The console of the Doorward appliance, and the command line beside it.
//!
//! - [`cli`]: what the command line accepts, and each of its commands.
//! - [`console`]: the terminal console: live doors, passages, users.
//! - [`demo`]: a virtual site with the daemon and the console on it.
//! - [`text`]: every word that people read.
//!
//! **Architecture invariant.** The daemon is reached through `doorward-api` only: nothing here
//! opens the store, a serial port or the network. (The demo starts a daemon from its library, in a
//! process of its own.)

pub mod cli;
pub mod console;
pub mod demo;
pub mod text;
