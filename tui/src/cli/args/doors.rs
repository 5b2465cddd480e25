use clap::{Args, Subcommand, ValueEnum};
use doorward_core::model::{FailMode, InputPoint, LockdownExit, OutputPoint, Relock};

use super::people::DoorRules;
use super::standing::ModeArg;
use crate::cli::parse;

/// What about doors.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum DoorsAction {
    /// List all doors with their live state.
    #[command(alias = "ls")]
    List,
    /// Show one door with its live state and wiring.
    Show {
        /// Which door.
        door: String,
    },
    /// Add a door; prints the new number.
    Add {
        /// Its name.
        name: String,
        /// Its settings and wiring.
        #[command(flatten)]
        fields: DoorFields,
    },
    /// Change a door; what is not given stays.
    Edit {
        /// Which door.
        door: String,
        /// Its new name.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Normal, or a mode that stands above all schedules.
        #[arg(long, value_enum)]
        mode: Option<ModeArg>,
        /// What to change.
        #[command(flatten)]
        fields: DoorFields,
    },
    /// Share a door to another place, which may put it in its keys.
    Share {
        /// Which door.
        door: String,
        /// To which place.
        #[arg(long, value_name = "PLACE")]
        to: String,
    },
    /// Withdraw a shared door: it drops out of that place's keys at once.
    Withdraw {
        /// Which door.
        door: String,
        /// From which place.
        #[arg(long, value_name = "PLACE")]
        from: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Move a door to another place and share it back, so that keys go on working.
    Move {
        /// Which door.
        door: String,
        /// To which place.
        #[arg(long, value_name = "PLACE")]
        to: String,
    },
    /// Change what a door asks for, and the areas that it lies between.
    Rules {
        /// Which door.
        door: String,
        /// What to change.
        #[command(flatten)]
        rules: DoorRules,
    },
    /// Remove a door; keys lose it.
    #[command(alias = "rm")]
    Remove {
        /// Which door.
        door: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

/// The settings and the wiring of a door. Readers and boards are named as in `site.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct DoorFields {
    /// IANA time zone, such as `Europe/Stockholm`; a new door gets this machine's.
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<String>,
    /// A reader outside: a grant there is an entry. Give it once for each.
    #[arg(long, value_name = "READER")]
    pub entry: Vec<String>,
    /// A reader inside: a grant there is an exit. Give it once for each.
    #[arg(long, value_name = "READER")]
    pub exit: Vec<String>,
    /// The strike: a relay board's output, from 1 as printed on it.
    #[arg(long, value_name = "BOARD:OUTPUT", value_parser = parse::output)]
    pub relay: Option<OutputPoint>,
    /// The door contact: a relay board's input; `:no` behind it for a contact that is open while
    /// the door is closed.
    #[arg(long, value_name = "BOARD:INPUT[:nc|no]", value_parser = parse::contact)]
    pub contact: Option<InputPoint>,
    /// The exit button: a relay board's input; `:nc` behind it for a button that opens its
    /// circuit.
    #[arg(long, value_name = "BOARD:INPUT[:no|nc]", value_parser = parse::rex)]
    pub rex: Option<InputPoint>,
    /// The fire panel's input that releases it; `:no` behind it for a contact that closes in a
    /// fire.
    #[arg(long, value_name = "BOARD:INPUT[:nc|no]", value_parser = parse::contact)]
    pub fire: Option<InputPoint>,
    /// Whom its exit readers let out in a lockdown.
    #[arg(long, value_enum)]
    pub lockdown_exit: Option<LockdownExitArg>,
    /// The longest that a double badge holds it open, in milliseconds; 0 for not at all.
    #[arg(long, value_name = "MS")]
    pub hold_open_ms: Option<u32>,
    /// How long a grant unlocks, in milliseconds.
    #[arg(long, value_name = "MS")]
    pub unlock_ms: Option<u32>,
    /// The same for users who need more time.
    #[arg(long, value_name = "MS")]
    pub extended_unlock_ms: Option<u32>,
    /// How long it may stand open before the alarm, in milliseconds; 0 for no alarm.
    #[arg(long, value_name = "MS")]
    pub held_open_ms: Option<u32>,
    /// How long before that alarm the reader warns, in milliseconds.
    #[arg(long, value_name = "MS")]
    pub held_open_warning_ms: Option<u32>,
    /// When the lock closes again within the unlock time.
    #[arg(long, value_enum)]
    pub relock: Option<RelockArg>,
    /// What the lock does without power.
    #[arg(long, value_enum)]
    pub fail_mode: Option<FailModeArg>,
}

/// Whom exit readers let out in a lockdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LockdownExitArg {
    /// Whoever they let out at any other time.
    AsUsual,
    /// Only holders of exempt keys; needs an exit button.
    ExemptOnly,
}

impl From<LockdownExitArg> for LockdownExit {
    fn from(exit: LockdownExitArg) -> Self {
        match exit {
            LockdownExitArg::AsUsual => Self::AsUsual,
            LockdownExitArg::ExemptOnly => Self::ExemptOnly,
        }
    }
}

/// When the lock closes again within the unlock time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RelockArg {
    /// As soon as the door has opened.
    OnOpen,
    /// As soon as it has closed again.
    OnClose,
    /// Only at the end of the time.
    AfterTime,
}

impl From<RelockArg> for Relock {
    fn from(relock: RelockArg) -> Self {
        match relock {
            RelockArg::OnOpen => Self::OnOpen,
            RelockArg::OnClose => Self::OnClose,
            RelockArg::AfterTime => Self::AfterTime,
        }
    }
}

/// What the lock does without power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailModeArg {
    /// Locked without power: an electric strike.
    Secure,
    /// Unlocked without power: a magnet.
    Safe,
}

impl From<FailModeArg> for FailMode {
    fn from(mode: FailModeArg) -> Self {
        match mode {
            FailModeArg::Secure => Self::Secure,
            FailModeArg::Safe => Self::Safe,
        }
    }
}
