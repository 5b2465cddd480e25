//! Logging, systemd, signals, threads, exit codes.

pub mod exit;
pub mod logging;
pub mod notify;
pub mod signals;
pub mod threads;
