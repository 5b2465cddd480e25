//! Everything that the console is told, and everything that it asks for.

use crossterm::event::KeyEvent;
use doorward_api::{BusStatus, DoorView, EventRow, Live, LiveSnapshot, Status};
use doorward_core::ids::{DoorId, UserId};
use doorward_core::model::{Credential, Door, User};

use crate::cli::held::HeldKey;

/// What the console is told, by one bounded channel.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size, in columns and rows.
    Resize(u16, u16),
    /// The moment has come that [`super::state::State::wake_at`] asked for.
    Tick,
    /// From the daemon, unasked.
    Update(Box<Update>),
    /// From the daemon, asked for.
    Reply(Box<Reply>),
    /// The system asks the console to end.
    Ended,
}

/// What the daemon tells unasked.
#[derive(Debug)]
pub enum Update {
    /// The connection stands: everything that the dashboard shows.
    Attached(Box<Attached>),
    /// It was lost, or could not be made; tried again for ever.
    Lost {
        /// Why.
        reason: String,
    },
    /// How the appliance is.
    Status(Status),
    /// What goes on on the OSDP buses.
    Buses(Vec<BusStatus>),
    /// The live state of the whole site.
    Snapshot(LiveSnapshot),
    /// One change of live state.
    Live(Live),
    /// A row of the passage log.
    Passage(EventRow),
    /// The doors of the table.
    Doors(Vec<DoorView>),
    /// Users of the table; more may follow.
    Users {
        /// A page of them, in the order of their numbers.
        users: Vec<User>,
        /// Which page.
        page: UsersPage,
    },
}

/// Where a page stands in the list of all users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsersPage {
    /// More follow.
    More,
    /// The list is whole: it replaces the one before.
    Last,
}

/// Everything that the dashboard shows, as of the moment of attaching.
#[derive(Debug)]
pub struct Attached {
    /// How the appliance is.
    pub status: Status,
    /// The doors of the table with their live state.
    pub doors: Vec<DoorView>,
    /// Rows of the passage log, rising; those after the last one known when this is a resumption.
    pub passages: Vec<EventRow>,
}

/// What the console asks for. It goes on drawing meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Unlock a door once.
    Unlock(DoorId),
    /// What the pane of details shows; the newest wish replaces the one before.
    Detail(Wanted),
    /// Paint the whole screen again.
    Repaint,
}

/// Details that a pane shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// None.
    Nothing,
    /// A door's.
    Door(DoorId),
    /// A user's.
    User(UserId),
}

/// The answer to a [`Request`].
#[derive(Debug)]
pub enum Reply {
    /// A door was unlocked, or why not.
    Unlocked {
        /// Which.
        door: DoorId,
        /// In the daemon's words.
        result: Result<(), String>,
    },
    /// A door's details.
    Door(DoorDetail),
    /// A user's details.
    User(UserDetail),
    /// Details could not be had.
    NoDetail {
        /// Whose.
        wanted: Wanted,
        /// Why.
        reason: String,
    },
}

/// A door's details beyond its settings and live state.
#[derive(Debug, Clone)]
pub struct DoorDetail {
    /// Which.
    pub door: DoorId,
    /// How many users hold a key to it; at least so many if `more`.
    pub users: usize,
    /// There are more than were counted.
    pub more: bool,
    /// Its last passages, the newest first.
    pub passages: Vec<EventRow>,
}

/// A user with keys and credentials.
#[derive(Debug, Clone)]
pub struct UserDetail {
    /// Who.
    pub user: User,
    /// The keys they hold.
    pub keys: Vec<HeldKey>,
    /// Cards and phones.
    pub credentials: Vec<Credential>,
    /// Doors that the keys open.
    pub doors: Vec<Door>,
}
