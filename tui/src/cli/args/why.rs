use clap::Args;

use super::DaysArgs;

/// Of whom, where and when to explain, or of which event.
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// Which user.
    #[arg(required_unless_present = "event")]
    pub user: Option<String>,
    /// Which door.
    #[arg(required_unless_present = "event")]
    pub door: Option<String>,
    /// At what time; the door's local time unless it has an offset.
    #[arg(long, value_name = "TIME", default_value = "now")]
    pub at: String,
    /// Explain a past event by its number instead, by the access table as it was then.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["user", "door", "at", "week"])]
    pub event: Option<u64>,
    /// Show from when until when the user may pass the door, for this week or as `--from` and
    /// `--days` say.
    #[arg(long, conflicts_with = "at")]
    pub week: bool,
    /// Which days, with `--week`.
    #[command(flatten)]
    pub days: DaysArgs,
}
