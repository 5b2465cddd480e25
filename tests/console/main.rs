//! The console and the command line as their users meet them: the real programs, the console in a
//! real terminal (tmux), the daemon as a process of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod command_line;
mod daemon;
mod screens;
mod terminal;
