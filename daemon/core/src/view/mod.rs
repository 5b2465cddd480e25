//! What a decision needs to know of the access table, whoever holds it.
//!
//! [`AccessView`] is implemented by the in-memory access index, by the store (so that the daemon
//! decides correctly before the index is warm), and by [`MapView`], which is the obvious one that
//! the others are tested against.

mod map;

use core::ops::ControlFlow;

pub use map::MapView;

use crate::card::{CardBits, CardNumber};
use crate::ids::{AreaId, CredentialId, DoorId, KeyId, ScheduleId, UserId};
use crate::model::{
    Area, AuthMethod, CredentialData, CredentialState, Door, DoorMode, Factor, Interlock, Interval,
    KeyFlags, LockdownExit, Passback, TwoPerson, UserState,
};
use crate::pin::PinPrint;
use crate::schedule::Reading;
use crate::time::Wall;

/// The access table as the rules see it: facts by lookup, no judgement.
///
/// Visitors are called in the order stated, so that nothing is collected and nothing allocated.
/// What is not in the table is `None` or is not visited; only a table that cannot be read at all
/// is [`Unreadable`].
pub trait AccessView {
    /// How the view names a user between two calls: an id, or a place in memory.
    type User: Copy + PartialEq;
    /// How it names a key.
    type Key: Copy;
    /// How it names a schedule.
    type Schedule: Copy;
    /// How it names a door.
    type Door: Copy;
    /// The intervals of a grant, not looked at before they are asked for.
    type Granted: AsRef<[Interval]> + ?Sized;

    /// A door: its name here, and what the rules ask of it.
    fn door(&self, door: DoorId) -> Result<Option<(Self::Door, DoorFacts)>, Unreadable>;

    /// Every credential known by this identity, in any order, removed ones included.
    fn credentials(
        &self,
        identity: &CardIdentity,
        visit: impl FnMut(CredentialFacts<Self::User>),
    ) -> Result<(), Unreadable>;

    /// A credential by its number.
    fn credential(
        &self,
        credential: CredentialId,
    ) -> Result<Option<CredentialFacts<Self::User>>, Unreadable>;

    /// A user by their number.
    fn find_user(&self, user: UserId) -> Result<Option<Self::User>, Unreadable>;

    /// What there is to know of a user; `None` if the name leads nowhere.
    fn user(&self, user: Self::User) -> Result<Option<UserFacts>, Unreadable>;

    /// The keys that a user holds with the intervals of each grant (none for always), in
    /// ascending order of key number, until the visitor breaks.
    fn grants(
        &self,
        user: Self::User,
        visit: impl FnMut(Self::Key, &Self::Granted) -> ControlFlow<()>,
    ) -> Result<(), Unreadable>;

    /// Whether a door is among a key's doors. A name that leads nowhere opens nothing.
    fn opens(&self, key: Self::Key, door: Self::Door) -> Result<bool, Unreadable>;

    /// What there is to know of a key; `None` if the name leads nowhere.
    fn key(&self, key: Self::Key) -> Result<Option<KeyFacts<Self::Schedule>>, Unreadable>;

    /// A schedule's reading of a time; `None` if the name leads nowhere, its zone is unknown, or a
    /// holiday set of its is missing.
    fn schedule(
        &self,
        schedule: Self::Schedule,
        at: Wall,
    ) -> Result<Option<ScheduleReading>, Unreadable>;

    /// What a door asks to be shown: a method for each schedule, in order of precedence, until the
    /// visitor breaks; then the method for all other times.
    fn authentication(
        &self,
        door: Self::Door,
        visit: impl FnMut(Option<Self::Schedule>, AuthMethod) -> ControlFlow<()>,
    ) -> Result<(), Unreadable>;

    /// The areas that a door lies between.
    fn areas(&self, door: Self::Door) -> Result<DoorAreas, Unreadable>;
}

/// The table could not be read: a decision that needed it denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the access table could not be read")]
pub struct Unreadable;

/// One thing that a card is known by. `Debug` shows no number and no bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CardIdentity {
    /// All its bits.
    Bits(CardBits),
    /// The number that one format reads from it.
    Number(CardNumber),
    /// Not a card: a PIN, by its print.
    Pin(PinPrint),
}

impl CredentialData {
    /// What the credential is known by at a reader. A card and a phone of one number are the same
    /// to a reader.
    #[must_use]
    pub const fn identity(&self) -> CardIdentity {
        match self {
            Self::Card(number) | Self::Phone(number) => CardIdentity::Number(*number),
            Self::RawCard { bits } => CardIdentity::Bits(*bits),
            Self::Pin { print, .. } => CardIdentity::Pin(*print),
        }
    }
}

/// What the rules ask of a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoorFacts {
    /// The mode that is in force there.
    pub mode: DoorMode,
    /// Whom its exit readers let out in a lockdown.
    pub lockdown_exit: LockdownExit,
}

impl DoorFacts {
    /// Those of a door whose own mode alone counts.
    #[must_use]
    pub const fn of(door: &Door) -> Self {
        Self {
            mode: door.mode,
            lockdown_exit: door.lockdown_exit,
        }
    }
}

/// The areas that a door lies between. One that is not in the table has no rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DoorAreas {
    /// Where its entry readers lead to.
    pub inside: Option<AreaFacts>,
    /// Where they lead from.
    pub outside: Option<AreaFacts>,
}

/// What the rules ask of an area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AreaFacts {
    /// Its number.
    pub id: AreaId,
    /// Anti-passback.
    pub passback: Passback,
    /// Timed anti-passback, in seconds; 0 for none.
    pub passback_s: u32,
    /// How many may be inside.
    pub occupancy_max: Option<u32>,
    /// Whether two must come in together.
    pub two_person: TwoPerson,
    /// Whether only one of its doors may stand open.
    pub interlock: Interlock,
}

impl AreaFacts {
    /// Those of an area.
    #[must_use]
    pub const fn of(area: &Area) -> Self {
        Self {
            id: area.id,
            passback: area.passback,
            passback_s: area.passback_s,
            occupancy_max: area.occupancy_max,
            two_person: area.two_person,
            interlock: area.interlock,
        }
    }
}

/// What the rules ask of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialFacts<U> {
    /// Its number.
    pub id: CredentialId,
    /// Who holds it.
    pub user: Option<U>,
    /// Where it stands.
    pub state: CredentialState,
    /// From its first to its last moment.
    pub validity: Interval,
    /// What sort of thing it is.
    pub factor: Factor,
}

/// What the rules ask of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserFacts {
    /// Their number.
    pub id: UserId,
    /// Where they stand.
    pub state: UserState,
    /// Whether doors give them the extended unlock time.
    pub extended_unlock: bool,
}

/// What the rules ask of a key, beside which doors it opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyFacts<S> {
    /// Its number.
    pub id: KeyId,
    /// Whether it is blocked.
    pub block: BlockFacts,
    /// The common window of all holders.
    pub window: Option<Interval>,
    /// When it opens; `None` for always.
    pub schedule: Option<S>,
    /// What it allows at a door beyond opening it.
    pub powers: KeyPowers,
}

/// What a key allows at a door beyond opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyPowers {
    /// Holders may hold the door open by a double badge.
    pub may_hold_open: bool,
    /// It opens also in a lockdown.
    pub lockdown_exempt: bool,
    /// Holders activate the door's pending plan by being let in.
    pub activates_plans: bool,
}

impl From<KeyFlags> for KeyPowers {
    fn from(flags: KeyFlags) -> Self {
        Self {
            may_hold_open: flags.may_hold_open,
            lockdown_exempt: flags.lockdown_exempt,
            activates_plans: flags.activates_plans,
        }
    }
}

/// Whether a key is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockFacts {
    /// It is not.
    None,
    /// Until somebody lifts it.
    UntilLifted,
    /// Until this time.
    Until(Wall),
}

/// What a schedule says of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduleReading {
    /// Its number.
    pub id: ScheduleId,
    /// What it says.
    pub says: Reading,
}
