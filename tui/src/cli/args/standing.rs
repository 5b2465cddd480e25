use clap::{Args, ValueEnum};
use doorward_core::model::DoorMode;

/// How doors stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    /// As plans and keys say.
    Normal,
    /// Unlocked until the mode changes.
    Unlocked,
    /// Nobody comes in; everybody gets out.
    Locked,
    /// In an emergency: only keys that are exempt let anybody in.
    Lockdown,
    /// In an emergency: unlocked, above everything else.
    EmergencyOpen,
}

impl From<ModeArg> for DoorMode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Normal => Self::Normal,
            ModeArg::Unlocked => Self::Unlocked,
            ModeArg::Locked => Self::Locked,
            ModeArg::Lockdown => Self::Lockdown,
            ModeArg::EmergencyOpen => Self::EmergencyOpen,
        }
    }
}

/// A mode, and where.
#[derive(Debug, Args)]
pub struct ModeArgs {
    /// Which mode.
    #[arg(value_enum)]
    pub mode: ModeArg,
    /// At which doors; the whole site without any.
    #[command(flatten)]
    pub at: ModeAt,
}

/// A door, a group or a place.
#[derive(Debug, Args)]
#[group(required = false, multiple = false)]
pub struct ModeAt {
    /// At one door.
    #[arg(long)]
    pub door: Option<String>,
    /// At the doors of a group.
    #[arg(long)]
    pub group: Option<String>,
    /// At the doors of a place, and of the places in it.
    #[arg(long)]
    pub place: Option<String>,
}

/// When a door stands unlocked by itself.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Which door.
    pub door: String,
    /// Unlocked in the hours of this schedule.
    #[arg(long)]
    pub schedule: Option<String>,
    /// Hours begin only once a holder of this key has come in. Give it once for each.
    #[arg(long, value_name = "KEY")]
    pub first_in: Vec<String>,
    /// An occasion: `unlocked FROM/UNTIL` or `locked FROM/UNTIL`, in the door's local time. Of
    /// several, those that are given first take precedence.
    #[arg(long, value_name = "OCCASION")]
    pub dated: Vec<String>,
    /// No hours at all: the end of the plan in force, once it is activated.
    #[arg(long, conflicts_with_all = ["schedule", "first_in", "dated"])]
    pub none: bool,
    /// Activate it at once, where the site allows that.
    #[arg(long)]
    pub activate: bool,
}
