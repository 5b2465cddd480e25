use std::path::PathBuf;

use clap::{Args, ValueHint};

/// Where a backup goes, and what it is locked with.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// A folder of the appliance; that of `[backup]` in `site.toml` without it.
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub folder: Option<PathBuf>,
    /// Lock it with the passphrase on the first line of this file, `-` for standard input.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "recipient")]
    pub passphrase_file: Option<PathBuf>,
    /// Lock it for this public key, `age1…`, as `age-keygen` prints it.
    #[arg(long, value_name = "KEY")]
    pub recipient: Option<String>,
}
