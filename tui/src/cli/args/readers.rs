use clap::{Args, Subcommand};

use super::BusesAction;

/// What about readers.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum ReadersAction {
    /// List readers: whether they answer, and how they stand with their keys.
    #[command(alias = "ls")]
    List,
    /// Give a new reader a key of its own: opens its install window.
    ///
    /// While the window is open, the reader is given a random key over the default key, once. Whoever
    /// records the line meanwhile can work the key out: do it where nobody else can reach the line.
    Install(InstallArgs),
    /// Give a reader another key over its Secure Channel.
    RotateKey(RotateArgs),
    /// Something about a whole bus.
    #[command(flatten)]
    Bus(BusesAction),
}

/// An install window.
#[derive(Debug, Args)]
pub struct InstallArgs {
    /// Which reader, by its name in `site.toml`.
    pub reader: String,
    /// For how many minutes, 1 to 60.
    #[arg(long, value_name = "MINUTES", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=60))]
    pub minutes: u8,
    /// Do not wait for what becomes of it.
    #[arg(long)]
    pub no_wait: bool,
    /// Close the window that is open.
    #[arg(long, conflicts_with_all = ["minutes", "no_wait"])]
    pub close: bool,
}

/// Whose key.
#[derive(Debug, Args)]
pub struct RotateArgs {
    /// Which reader, by its name in `site.toml`.
    #[arg(required_unless_present = "all")]
    pub reader: Option<String>,
    /// Every reader that is in Secure Channel, one after the other.
    #[arg(long, conflicts_with = "reader")]
    pub all: bool,
}
