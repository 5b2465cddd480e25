//! What each screen holds, offers, and does when told.

mod dashboard;
mod door;
mod users;

use crossterm::event::KeyCode;

pub use dashboard::{Dashboard, Pane};
pub use door::DoorScreen;
pub use users::UsersScreen;

use super::event::{Request, Wanted};
use super::keys::{Command, Offer};
use super::state::{Screen, State};

/// What the shown screen offers.
#[must_use]
pub(super) fn offers(state: &State) -> Vec<Offer> {
    let mut offers = match state.screen {
        Screen::Dashboard => dashboard::offers(state),
        Screen::Door => door::offers(),
        Screen::Users if state.users.is_typing() => return users::typing_offers(),
        Screen::Users => users::offers(state),
    };
    for (screen, command) in [
        (Screen::Dashboard, Command::Dashboard),
        (Screen::Users, Command::Users),
    ] {
        if state.screen != screen {
            offers.push(Offer::footer(command));
        }
    }
    offers.extend([
        Offer::footer(Command::Help),
        Offer::footer(Command::Quit),
        Offer::help(Command::Repaint),
    ]);
    offers
}

/// Does what the shown screen was told.
pub(super) fn obey(state: &mut State, command: Command) -> Vec<Request> {
    match command {
        Command::Dashboard => show(state, Screen::Dashboard),
        Command::Users => show(state, Screen::Users),
        _ => match state.screen {
            Screen::Dashboard => dashboard::obey(state, command),
            Screen::Door => door::obey(state, command),
            Screen::Users => users::obey(state, command),
        },
    }
}

/// Shows another screen, and asks for what it needs.
fn show(state: &mut State, screen: Screen) -> Vec<Request> {
    state.screen = screen;
    vec![Request::Detail(wanted(state))]
}

/// The details that the shown screen needs.
pub(super) fn wanted(state: &State) -> Wanted {
    match state.screen {
        Screen::Dashboard => Wanted::Nothing,
        Screen::Door => state.door.shown().map_or(Wanted::Nothing, Wanted::Door),
        Screen::Users => state
            .users
            .chosen(&state.site)
            .map_or(Wanted::Nothing, |row| Wanted::User(row.user.id)),
    }
}

/// A letter was typed that gives no command.
pub(super) fn typed(state: &mut State, letter: char) -> Vec<Request> {
    if state.screen == Screen::Users && state.users.is_typing() {
        state.users.type_text(&letter.to_string(), &state.site)
    } else {
        Vec::new()
    }
}

/// Text was pasted.
pub(super) fn paste(state: &mut State, text: &str) -> Vec<Request> {
    if state.overlay.is_none() && state.screen == Screen::Users && state.users.is_typing() {
        state.users.type_text(text, &state.site)
    } else {
        Vec::new()
    }
}

/// A key was pressed that neither types nor gives a command.
pub(super) fn edited(state: &mut State, key: KeyCode) -> Vec<Request> {
    if state.screen == Screen::Users && state.users.is_typing() {
        let page = state.page_rows();
        state.users.edit(key, page, &state.site)
    } else {
        Vec::new()
    }
}

/// Moves a place in a list of `length` rows.
fn moved(at: usize, length: usize, page: usize, command: Command) -> usize {
    let last = length.saturating_sub(1);
    let to = match command {
        Command::Up => at.saturating_sub(1),
        Command::Down => at.saturating_add(1),
        Command::PageUp => at.saturating_sub(page),
        Command::PageDown => at.saturating_add(page),
        Command::First => 0,
        Command::Last => last,
        _ => at,
    };
    to.min(last)
}

/// The commands that move in a list.
const MOVES: [Offer; 6] = [
    Offer::help(Command::Up),
    Offer::help(Command::Down),
    Offer::help(Command::PageUp),
    Offer::help(Command::PageDown),
    Offer::help(Command::First),
    Offer::help(Command::Last),
];
