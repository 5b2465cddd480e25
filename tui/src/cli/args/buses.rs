use clap::{Args, Subcommand};

/// What about the buses that readers are on.
#[derive(Debug, Subcommand)]
pub enum BusesAction {
    /// Show how readers have fared since the daemon started: replies, repetitions, refusals, times.
    Figures {
        /// Only the readers of this bus, by its name in `site.toml`.
        bus: Option<String>,
    },
    /// Find readers on a bus, at every address and speed, while it is in service.
    ///
    /// Those in service are not asked anything; between their polls, each other address is asked once
    /// who is there. Ctrl-C ends it.
    Scan(ScanArgs),
    /// Take all readers of a bus to the highest speed that all of them accept.
    ///
    /// One after the other, while the others go on. Where one refuses, does not come back, or the line
    /// damages too much, a lower speed is tried, and in the end all go back. Ctrl-C takes them back, too.
    RaiseSpeed(RaiseSpeedArgs),
}

/// Where to look.
#[derive(Debug, Args)]
pub struct ScanArgs {
    /// Which bus, by its name in `site.toml`.
    pub bus: String,
    /// The first address.
    #[arg(long, value_name = "ADDRESS", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=126))]
    pub first: u8,
    /// The last address.
    #[arg(long, value_name = "ADDRESS", default_value_t = 126, value_parser = clap::value_parser!(u8).range(0..=126))]
    pub last: u8,
    /// Only at this speed, in bits per second; may be given several times.
    #[arg(long, value_name = "BAUD")]
    pub baud: Vec<u32>,
}

/// How far.
#[derive(Debug, Args)]
pub struct RaiseSpeedArgs {
    /// Which bus, by its name in `site.toml`.
    pub bus: String,
    /// No higher than this, in bits per second.
    #[arg(long, value_name = "BAUD")]
    pub limit: Option<u32>,
    /// Leave readers that are offline where they are, instead of refusing.
    #[arg(long)]
    pub leave_offline: bool,
}
