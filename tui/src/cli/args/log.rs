use clap::{Args, Subcommand, ValueEnum};

/// What is done with the logs.
#[derive(Debug, Subcommand)]
pub enum LogAction {
    /// Write rows of a log to standard output, the oldest first.
    Export(LogExportArgs),
}

/// Which rows, and how.
#[derive(Debug, Args)]
pub struct LogExportArgs {
    /// Which log.
    #[arg(value_enum, default_value_t = LogName::Events)]
    pub log: LogName,
    /// How they are written; with `--proof` JSON lines of its own.
    #[arg(long, value_enum, default_value_t = LogFormat::Jsonl, conflicts_with = "proof")]
    pub format: LogFormat,
    /// Write what proves the rows: all that the hash chain covers, for `tests/verify_log.py` or a
    /// verifier of your own.
    #[arg(long)]
    pub proof: bool,
    /// Only rows with a greater number.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub after: u64,
    /// Only rows up to this number.
    #[arg(long, value_name = "NUMBER", default_value_t = u64::MAX, hide_default_value = true)]
    pub until: u64,
}

/// A log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogName {
    /// The passage log.
    Events,
    /// The admin log; with `--proof` only.
    Audit,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// An object a line.
    Jsonl,
    /// Comma-separated values (RFC 4180), a header line first.
    Csv,
}
