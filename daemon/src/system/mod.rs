//! Logging, systemd, signals, exit codes.
