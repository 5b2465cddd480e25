//! Logging, systemd, signals, exit codes.

pub mod exit;
pub mod logging;
pub mod notify;
pub mod signals;
