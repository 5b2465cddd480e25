use serde::{Deserialize, Serialize};

use super::{Authentication, UnlockPlan};
use crate::ids::{AreaId, DoorId, PlaceId};

/// The shortest unlock time, in milliseconds.
pub const UNLOCK_MS_MIN: u32 = 100;
/// The longest unlock time, in milliseconds.
pub const UNLOCK_MS_MAX: u32 = 600_000;

/// The longest that holders of a key may hold a door open, in milliseconds: a day.
pub const HOLD_OPEN_MS_MAX: u32 = 86_400_000;

/// An opening with a lock; belongs to exactly one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Door {
    /// Its number.
    pub id: DoorId,
    /// 1 to 100 characters.
    pub name: String,
    /// The owning place.
    pub place: PlaceId,
    /// IANA time zone, such as `Europe/Stockholm`.
    pub time_zone: String,
    /// How long a grant keeps the relay unlocked, [`UNLOCK_MS_MIN`] to [`UNLOCK_MS_MAX`].
    #[serde(default = "Door::default_unlock_ms")]
    pub unlock_ms: u32,
    /// The same for users who need more time; not shorter than `unlock_ms`.
    #[serde(default = "Door::default_extended_unlock_ms")]
    pub extended_unlock_ms: u32,
    /// How long the door may stand open before the held-open alarm; 0 for no alarm.
    #[serde(default = "Door::default_held_open_ms")]
    pub held_open_ms: u32,
    /// How long before the held-open alarm the reader warns; not longer than `held_open_ms`.
    #[serde(default = "Door::default_held_open_warning_ms")]
    pub held_open_warning_ms: u32,
    /// When the lock closes again within the unlock time.
    #[serde(default)]
    pub relock: Relock,
    /// What the lock does without power: decides the relay's resting state.
    #[serde(default)]
    pub fail_mode: FailMode,
    /// Normal, or standing above all schedules. The modes of its groups and of its places count
    /// beside it: the strongest is in force.
    #[serde(default)]
    pub mode: DoorMode,
    /// Whom its exit readers let out in a lockdown. The exit button lets everyone out, always.
    #[serde(default)]
    pub lockdown_exit: LockdownExit,
    /// The longest that a double badge may hold it open, in milliseconds, at most
    /// [`HOLD_OPEN_MS_MAX`]; 0 for not at all.
    #[serde(default = "Door::default_hold_open_ms")]
    pub hold_open_ms: u32,
    /// When it stands unlocked by itself. Only an activation changes it.
    #[serde(default)]
    pub plan: Option<Box<UnlockPlan>>,
    /// What takes the place of `plan` once it is activated; a plan without hours ends the old one.
    #[serde(default)]
    pub pending_plan: Option<Box<UnlockPlan>>,
    /// What it is connected to.
    #[serde(default)]
    pub wiring: DoorWiring,
    /// What must be shown at its entry readers.
    #[serde(default)]
    pub authentication: Authentication,
    /// The area that its entry readers lead to; `None` where no area has rules.
    #[serde(default)]
    pub inside: Option<AreaId>,
    /// The area that its entry readers lead from, and its exit readers to.
    #[serde(default)]
    pub outside: Option<AreaId>,
}

impl Default for Door {
    /// A door of no place, with the settings that a new one has.
    fn default() -> Self {
        Self {
            id: DoorId(0),
            name: String::new(),
            place: PlaceId(0),
            time_zone: "UTC".to_owned(),
            unlock_ms: Self::default_unlock_ms(),
            extended_unlock_ms: Self::default_extended_unlock_ms(),
            held_open_ms: Self::default_held_open_ms(),
            held_open_warning_ms: Self::default_held_open_warning_ms(),
            relock: Relock::default(),
            fail_mode: FailMode::default(),
            mode: DoorMode::default(),
            lockdown_exit: LockdownExit::default(),
            hold_open_ms: Self::default_hold_open_ms(),
            plan: None,
            pending_plan: None,
            wiring: DoorWiring::default(),
            authentication: Authentication::default(),
            inside: None,
            outside: None,
        }
    }
}

impl Door {
    const fn default_unlock_ms() -> u32 {
        5_000
    }
    const fn default_extended_unlock_ms() -> u32 {
        15_000
    }
    const fn default_held_open_ms() -> u32 {
        30_000
    }
    const fn default_held_open_warning_ms() -> u32 {
        10_000
    }
    const fn default_hold_open_ms() -> u32 {
        HOLD_OPEN_MS_MAX
    }
}

/// When the lock closes again within the unlock time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Relock {
    /// As soon as the contact says that the door has opened.
    OnOpen,
    /// As soon as the door has closed again after opening.
    #[default]
    OnClose,
    /// Only at the end of the unlock time.
    AfterTime,
}

/// What the lock does without power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FailMode {
    /// Locked without power: an energised relay unlocks (an electric strike).
    #[default]
    Secure,
    /// Unlocked without power: an energised relay locks (a magnet). Its safe state is unlocked.
    Safe,
}

/// Normal, or standing above all schedules. Survives restart. Of several, the greatest is in
/// force: whoever must get out comes before whoever must be kept out.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DoorMode {
    /// Locked; grants unlock it once.
    #[default]
    Normal,
    /// Unlocked until the mode changes.
    Unlocked,
    /// Locked: entry is refused to everyone; exit goes on, by request-to-exit and at exit readers.
    Locked,
    /// Locked in an emergency: only keys that are exempt let anybody in.
    Lockdown,
    /// Unlocked in an emergency, above everything else.
    EmergencyOpen,
}

impl DoorMode {
    /// Whether a door of this mode stands unlocked.
    #[must_use]
    pub const fn stands_unlocked(self) -> bool {
        matches!(self, Self::Unlocked | Self::EmergencyOpen)
    }

    /// Whether it keeps people out who would be let in otherwise.
    #[must_use]
    pub const fn keeps_out(self) -> bool {
        matches!(self, Self::Locked | Self::Lockdown)
    }
}

/// Whom exit readers let out in a lockdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LockdownExit {
    /// Whoever they let out at any other time.
    #[default]
    AsUsual,
    /// Only holders of exempt keys. Allowed only beside a request-to-exit input, and in force only
    /// while that input is seen: nobody is kept in.
    ExemptOnly,
}

/// What a door is connected to. Names are those of the wiring in `site.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DoorWiring {
    /// Readers outside: a grant is an entry. At most 4.
    #[serde(default)]
    pub entry_readers: Vec<String>,
    /// Readers inside: a grant is an exit. At most 4.
    #[serde(default)]
    pub exit_readers: Vec<String>,
    /// The strike output.
    #[serde(default)]
    pub relay: Option<OutputPoint>,
    /// The door-position input: active while the door is closed, as `circuit` says.
    #[serde(default)]
    pub contact: Option<InputPoint>,
    /// The request-to-exit input.
    #[serde(default)]
    pub rex: Option<InputPoint>,
    /// The fire panel's input that releases it: away from rest is fire. One input may release
    /// several doors.
    #[serde(default)]
    pub fire: Option<InputPoint>,
}

/// An output of a relay board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OutputPoint {
    /// The board's name in `site.toml`.
    pub board: String,
    /// The output's number on the board, from 1 as printed on it.
    pub output: u16,
}

/// An input of a relay board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct InputPoint {
    /// The board's name in `site.toml`.
    pub board: String,
    /// The input's number on the board, from 1 as printed on it.
    pub input: u16,
    /// For a contact: the circuit while the door is closed. For REX: while nobody asks.
    #[serde(default)]
    pub circuit: Circuit,
}

/// The resting state of an input's circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Circuit {
    /// At rest the input reads 1 (a magnet contact on a closed door).
    #[default]
    NormallyClosed,
    /// At rest the input reads 0 (a push button).
    NormallyOpen,
}

impl Circuit {
    /// Whether an input that reads `level` is away from rest (door open, exit asked for).
    #[must_use]
    pub const fn is_active(self, level: bool) -> bool {
        match self {
            Self::NormallyClosed => !level,
            Self::NormallyOpen => level,
        }
    }
}
