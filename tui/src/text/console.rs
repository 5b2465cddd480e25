//! The words of the console's screens.

use crate::console::keys::Command;

/// The product's name in the header.
pub const PRODUCT: &str = "Doorward";
/// The connection stands.
pub const CONNECTED: &str = "connected";
/// The first connection is being made.
pub const CONNECTING: &str = "connecting";
/// The connection was lost.
pub const NOT_CONNECTED: &str = "NOT CONNECTED";
/// Ends the reason of a lost connection.
pub const TRYING_AGAIN: &str = "trying again; what is shown is from then";
/// Before anything was told.
pub const WAITING: &str = "waiting for the daemon";
/// Nobody must see anything.
pub const NO_ALARMS: &str = "no alarms";
/// Title of the list of doors.
pub const DOORS: &str = "Doors";
/// Title of the list of passages.
pub const PASSAGES: &str = "Passages";
/// The same when every event is shown.
pub const ALL_EVENTS: &str = "All events";
/// Title of the list of alarms.
pub const ALARMS: &str = "Alarms";
/// Title of the list of users.
pub const USERS: &str = "Users";
/// Title of the help.
pub const HELP: &str = "Help";
/// Title of a question.
pub const CONFIRM: &str = "Are you sure?";
/// Closes the help.
pub const HELP_CLOSE: &str = "any of ?, Esc, q closes";
/// The table has no doors.
pub const NO_DOORS: &str = "there are no doors yet";
/// The log has no rows to show.
pub const NO_PASSAGES: &str = "no passages yet";
/// The table has no users.
pub const NO_USERS: &str = "there are no users yet";
/// No user fits the filter.
pub const NO_MATCH: &str = "nobody fits the filter";
/// The list of users is on its way.
pub const LOADING: &str = "loading";
/// The filter's field.
pub const FILTER: &str = "filter";
/// The readers' figures.
pub const READERS: &str = "Readers";
/// From the end of a command to the first byte of the reply, half of the time; of the slowest reader.
pub const ROUND_TRIP: &str = "answer";
/// Commands sent again.
pub const REPEATS: &str = "repeats";
/// Secure Channels lost.
pub const LOST_SESSIONS: &str = "lost";
/// A reader that answers in Secure Channel.
pub const READER_SECURE: &str = "secure";
/// A reader that answers in clear.
pub const READER_CLEAR: &str = "in clear";
/// A reader that does not answer.
pub const READER_OFFLINE: &str = "OFFLINE";
/// Several readers at one address.
pub const READER_SHARED: &str = "SHARED";
/// Answers that cannot be read.
pub const READER_UNREADABLE: &str = "GARBLED";
/// Beside the graph of passages.
pub const PER_MINUTE: &str = "a minute";
/// Beside the graph of grants.
pub const GRANTED: &str = "granted";
/// Beside the graph of denials.
pub const DENIED: &str = "denied";
/// Refused without a connection.
pub const NO_CONNECTION: &str = "not connected: nothing can be done at the doors from here";
/// A door that was taken out of the table.
pub const DOOR_GONE: &str = "this door is not in the table any more";
/// The terminal is too small to draw on.
pub const TOO_SMALL: &str = "the window is too small";
/// Beside the question of a confirmation.
pub const YES: &str = "yes";
/// Beside the question of a confirmation.
pub const NO: &str = "no";

/// A command in the footer.
#[must_use]
pub const fn short(command: Command) -> &'static str {
    match command {
        Command::Quit => "quit",
        Command::Help => "help",
        Command::Dashboard => "dashboard",
        Command::Users => "users",
        Command::Up => "up",
        Command::Down => "down",
        Command::PageUp => "page up",
        Command::PageDown => "page down",
        Command::First => "first",
        Command::Last => "last",
        Command::Open => "open",
        Command::Back => "back",
        Command::OtherPane => "pane",
        Command::UnlockOnce => "unlock",
        Command::AllEvents => "all events",
        Command::Filter => "filter",
        Command::ClearFilter => "clear",
        Command::EndFilter => "done",
        Command::Confirm => "yes",
        Command::Cancel => "no",
        Command::Repaint => "repaint",
    }
}

/// A command in the help.
#[must_use]
pub const fn long(command: Command) -> &'static str {
    match command {
        Command::Quit => "leave the console",
        Command::Help => "show or hide this help",
        Command::Dashboard => "doors and passages as they are now",
        Command::Users => "users with their keys and credentials",
        Command::Up => "one row up",
        Command::Down => "one row down",
        Command::PageUp => "one page up",
        Command::PageDown => "one page down",
        Command::First => "to the first row",
        Command::Last => "to the last row",
        Command::Open => "show the chosen door",
        Command::Back => "back to where you came from",
        Command::OtherPane => "move between doors and passages",
        Command::UnlockOnce => "unlock the chosen door once (asks first)",
        Command::AllEvents => "show every event, or passages only",
        Command::Filter => "type a filter: name, e-mail or department",
        Command::ClearFilter => "take the filter away",
        Command::EndFilter => "keep the filter and go to the list",
        Command::Confirm => "do it",
        Command::Cancel => "leave it",
        Command::Repaint => "paint the whole screen again",
    }
}

/// Asks before a door is unlocked.
#[must_use]
pub fn ask_unlock(door: &str, time: &str) -> String {
    format!("Unlock {door} once, for {time}?")
}

/// A door is being unlocked.
#[must_use]
pub fn unlocking(door: &str) -> String {
    format!("unlocking {door} …")
}

/// A door was unlocked.
#[must_use]
pub fn unlocked(door: &str) -> String {
    format!("{door} was unlocked")
}

/// A door was not unlocked.
#[must_use]
pub fn not_unlocked(door: &str, why: &str) -> String {
    format!("{door} was not unlocked: {why}")
}

/// How many alarms there are, in the bar that must be seen.
#[must_use]
pub fn alarms(number: usize) -> String {
    if number == 1 {
        "1 ALARM".to_owned()
    } else {
        format!("{number} ALARMS")
    }
}

/// How many users fit the filter.
#[must_use]
pub fn of_all(fitting: usize, all: usize) -> String {
    format!("{fitting} of {all}")
}

/// How many users can open a door.
#[must_use]
pub fn can_open(users: usize, more: bool) -> String {
    let more = if more { "more than " } else { "" };
    format!("{more}{}", super::count(users, "user"))
}
