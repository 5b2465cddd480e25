//! What goes into the controller, and what comes out.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::kept::KeptState;
use super::learning::LearnError;
use super::running::{Forgiven, Remembered};
use crate::alarm::AlarmChange;
use crate::card::CardRead;
use crate::event::Event;
use crate::ids::{Actor, BoardIx, DeviceName, DoorId, ReaderIx, UserId};
use crate::model::{DoorMode, UnlockPlan};
use crate::time::Wall;

/// What the controller is told.
#[allow(
    clippy::large_enum_variant,
    reason = "a card read is held inline: boxing it would allocate between badge and bolt"
)]
#[derive(Debug, Clone)]
pub enum Input {
    /// From a reader.
    Reader {
        /// Which one.
        reader: ReaderIx,
        /// What it says.
        event: ReaderEvent,
    },
    /// From a relay board.
    Board {
        /// Which one.
        board: BoardIx,
        /// What it says.
        event: BoardEvent,
    },
    /// The event of this token is durable.
    Recorded {
        /// As given with [`Output::Record`].
        token: RecordToken,
    },
    /// The event of this token could not be stored yet; the store goes on trying.
    RecordFailed {
        /// As given with [`Output::Record`].
        token: RecordToken,
    },
    /// An operator acts on a door.
    Command {
        /// Returned with [`Output::CommandDone`].
        id: CommandId,
        /// Which door.
        door: DoorId,
        /// What to do.
        command: DoorCommand,
        /// Who, for the log.
        actor: Actor,
    },
    /// An operator wants to learn the next card shown at a reader.
    Learn {
        /// Returned with [`Output::Learned`].
        id: CommandId,
        /// Which, by its name in `site.toml`.
        reader: DeviceName,
        /// Who learns, for the log.
        actor: Actor,
    },
    /// An operator forgives.
    Forgive {
        /// Returned with [`Output::CommandDone`].
        id: CommandId,
        /// Whom.
        whom: Forgiven,
        /// Who forgives, for the log.
        actor: Actor,
    },
    /// A condition outside the doors begins or ends; it is logged like any other alarm.
    Alarm(AlarmChange),
}

/// What a reader says.
#[allow(
    clippy::large_enum_variant,
    reason = "a card read is held inline: boxing it would allocate between badge and bolt"
)]
#[derive(Debug, Clone)]
pub enum ReaderEvent {
    /// It answers, securely if it must.
    Online,
    /// It stopped answering.
    Offline,
    /// A card was read.
    Card(CardRead),
    /// Keys were pressed: ASCII digits, `*` and `#`.
    Keys(Arc<[u8]>),
    /// Its tamper contact opened (`true`) or closed.
    Tamper(bool),
    /// Its power failed (`true`) or returned.
    PowerFailed(bool),
    /// Its secure channel could not be set up (`true`), or stands again.
    SecureChannelFailed(bool),
    /// Another one answers at its address (`true`), or no more.
    AddressShared(bool),
}

/// What a relay board says.
#[derive(Debug, Clone)]
pub enum BoardEvent {
    /// It answers; its outputs are in their safe state.
    Online,
    /// It stopped answering.
    Offline,
    /// The levels of its inputs: bit 0 is input 1. Sent on every change and after coming online.
    Inputs(u64),
    /// The inputs whose supervised loop is short-circuited or cut: bit 0 is input 1. Sent on every
    /// change and after coming online, before [`BoardEvent::Inputs`]; never by boards without such loops.
    InputFaults(u64),
    /// It answers, but does not tell its inputs. [`BoardEvent::Inputs`] says that it does again.
    InputsRefused,
    /// It refused a command for this output, or the command was given up.
    OutputFailed {
        /// From 1.
        output: u16,
    },
}

/// What an operator can do at a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DoorCommand {
    /// Unlock for the door's unlock time.
    UnlockOnce,
    /// Lock at once: ends whoever's unlock and hold there is. What stands unlocked by its mode or
    /// its plan, for fire, or for somebody on their way out, stays so.
    Relock,
}

/// What the controller wants done, in this order.
#[allow(
    clippy::large_enum_variant,
    reason = "a queue of outputs is short, and kept"
)]
#[derive(Debug, Clone)]
pub enum Output {
    /// Drive a relay.
    Relay {
        /// On which board.
        board: BoardIx,
        /// Which output, from 1.
        output: u16,
        /// How.
        command: RelayCommand,
    },
    /// Show something at a reader.
    Feedback {
        /// Which one.
        reader: ReaderIx,
        /// What.
        feedback: Feedback,
    },
    /// Store an event, then answer with [`Input::Recorded`].
    Record {
        /// To be returned.
        token: RecordToken,
        /// The event.
        event: Event,
    },
    /// An alarm's condition begins or ends (its event is sent as a record beside it).
    Alarm(AlarmChange),
    /// A door's live state has changed.
    Door(DoorStatus),
    /// Keep this over a restart, in the place of what was kept of the door before. Durable no
    /// later than the events recorded after it.
    Keep {
        /// Which door.
        door: DoorId,
        /// What to give [`Controller::restore`](super::Controller::restore).
        state: KeptState,
    },
    /// Somebody who may has activated this pending plan: put it in force in the table.
    ActivatePlan {
        /// At which door.
        door: DoorId,
        /// The pending plan as it was then.
        plan: UnlockPlan,
        /// Who.
        user: Option<UserId>,
    },
    /// A card was learned, or was not.
    Learned {
        /// As given.
        id: CommandId,
        /// The card.
        result: Result<CardRead, LearnError>,
    },
    /// To be known again after a restart: durable no later than the event that is recorded next.
    Remember(Remembered),
    /// An operator's command was carried out or refused.
    CommandDone {
        /// As given.
        id: CommandId,
        /// Whether it was carried out.
        result: Result<(), CommandError>,
    },
}

/// Why a door command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CommandError {
    /// No such door.
    #[error("there is no such door")]
    DoorUnknown,
    /// The door has no relay, or its board does not answer.
    #[error("the door's relay cannot be driven: no relay is wired, or its board does not answer")]
    RelayUnavailable,
    /// The door's mode does not allow it.
    #[error("the door is locked by its mode")]
    DoorLocked,
}

/// How to drive a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayCommand {
    /// Energised for `ms` milliseconds: timed by the board where it can, else by its driver.
    Pulse {
        /// 1 to [`crate::model::UNLOCK_MS_MAX`].
        ms: u32,
    },
    /// Energised until told otherwise.
    On,
    /// De-energised; ends a pulse.
    Off,
}

/// What a reader shows and sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feedback {
    /// Ready, the door is locked.
    Locked,
    /// The door is unlocked, for a while or by its mode.
    Unlocked,
    /// Access granted: for a moment, then as [`Feedback::Unlocked`] until told otherwise.
    Granted,
    /// Access denied: for a moment, then as before.
    Denied,
    /// Working on it: decided soon.
    Waiting,
    /// The door must be closed, or an alarm follows.
    HeldOpenWarning,
    /// The door cannot be operated.
    OutOfOrder,
}

/// Names an event between [`Output::Record`] and [`Input::Recorded`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordToken(pub u64);

/// Names an operator's command until it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

/// A door's live state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DoorStatus {
    /// Which door.
    pub door: DoorId,
    /// The mode in force: its own, or that of a group or place.
    pub mode: DoorMode,
    /// Its lock.
    pub lock: LockState,
    /// Whether its contact says open; `None` without a contact, or while its board is offline.
    pub open: Option<bool>,
    /// The forced-open alarm's condition holds.
    pub forced_open: bool,
    /// The held-open alarm's condition holds.
    pub held_open: bool,
    /// Its relay board answers; false also when no relay is wired.
    pub relay_online: bool,
    /// All its readers answer.
    pub readers_online: bool,
    /// Why it stands unlocked, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands: Option<StandsUnlocked>,
    /// Until when a holder holds it open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Wall>,
    /// What its plan says of now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanHours>,
    /// A plan waits to be activated.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub plan_pending: bool,
}

/// Why a door stands unlocked: of several, the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StandsUnlocked {
    /// A fire input released it.
    Fire,
    /// Its mode is emergency open.
    EmergencyOpen,
    /// Its mode is unlocked.
    Mode,
    /// A holder holds it open.
    Hold,
    /// The hours of its plan.
    Plan,
}

/// What a door's plan says of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PlanHours {
    /// It is outside its hours.
    #[default]
    Closed,
    /// It is in its hours, and nobody has come in who may come first.
    AwaitsFirst,
    /// It is in its hours: the door stands unlocked.
    Open,
    /// The clock is not trusted, and the site refuses what it would have to allow.
    ClockNotTrusted,
}

/// A lock, as driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LockState {
    /// Locked.
    #[default]
    Locked,
    /// Unlocked for a while or by mode.
    Unlocked,
}
