//! The named commands of the console, and the keys that give them.
//!
//! A screen publishes what it offers at the moment; the dispatcher, the footer and the help all
//! read that one list, so that they cannot drift apart.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Something that a person can ask the console to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Leave the console.
    Quit,
    /// Show or hide the help.
    Help,
    /// To the dashboard.
    Dashboard,
    /// To the list of users.
    Users,
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// One page up.
    PageUp,
    /// One page down.
    PageDown,
    /// To the first row.
    First,
    /// To the last row.
    Last,
    /// Open the chosen row.
    Open,
    /// Back to where one came from.
    Back,
    /// Give the keys to the other pane.
    OtherPane,
    /// Unlock the door once.
    UnlockOnce,
    /// Show every event, or passages only.
    AllEvents,
    /// Begin to type a filter.
    Filter,
    /// Take the filter away.
    ClearFilter,
    /// Done typing.
    EndFilter,
    /// Do what is asked about.
    Confirm,
    /// Leave it.
    Cancel,
    /// Paint the whole screen again.
    Repaint,
}

/// A command on offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// What.
    pub command: Command,
    /// Where it is shown.
    pub shown: Shown,
}

/// Where an offer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// In the footer and in the help.
    Footer,
    /// In the help only.
    Help,
}

impl Offer {
    /// In the footer and in the help.
    #[must_use]
    pub const fn footer(command: Command) -> Self {
        Self {
            command,
            shown: Shown::Footer,
        }
    }

    /// In the help only.
    #[must_use]
    pub const fn help(command: Command) -> Self {
        Self {
            command,
            shown: Shown::Help,
        }
    }
}

/// A key with its modifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chord {
    code: KeyCode,
    control: bool,
    /// As written in footer and help.
    pub name: &'static str,
}

const fn key(code: KeyCode, name: &'static str) -> Chord {
    Chord {
        code,
        control: false,
        name,
    }
}

const fn letter(letter: char, name: &'static str) -> Chord {
    key(KeyCode::Char(letter), name)
}

const fn control(letter: char, name: &'static str) -> Chord {
    Chord {
        code: KeyCode::Char(letter),
        control: true,
        name,
    }
}

impl Chord {
    fn is(&self, pressed: &KeyEvent) -> bool {
        self.code == pressed.code
            && self.control == pressed.modifiers.contains(KeyModifiers::CONTROL)
    }
}

impl Command {
    /// The keys that give it, the one shown in the footer first.
    #[must_use]
    pub const fn chords(self) -> &'static [Chord] {
        const QUIT: &[Chord] = &[letter('q', "q"), control('c', "^C")];
        const HELP: &[Chord] = &[letter('?', "?"), key(KeyCode::F(1), "F1")];
        const DASHBOARD: &[Chord] = &[letter('1', "1"), letter('d', "d")];
        const USERS: &[Chord] = &[letter('2', "2"), letter('s', "s")];
        const UP: &[Chord] = &[key(KeyCode::Up, "up"), letter('k', "k")];
        const DOWN: &[Chord] = &[key(KeyCode::Down, "down"), letter('j', "j")];
        const PAGE_UP: &[Chord] = &[key(KeyCode::PageUp, "PgUp"), control('b', "^B")];
        const PAGE_DOWN: &[Chord] = &[key(KeyCode::PageDown, "PgDn"), control('f', "^F")];
        const FIRST: &[Chord] = &[key(KeyCode::Home, "Home"), letter('g', "g")];
        const LAST: &[Chord] = &[key(KeyCode::End, "End"), letter('G', "G")];
        const OPEN: &[Chord] = &[key(KeyCode::Enter, "Enter")];
        const BACK: &[Chord] = &[
            key(KeyCode::Esc, "Esc"),
            key(KeyCode::Backspace, "Backspace"),
        ];
        const OTHER_PANE: &[Chord] =
            &[key(KeyCode::Tab, "Tab"), key(KeyCode::BackTab, "Shift-Tab")];
        const UNLOCK: &[Chord] = &[letter('u', "u")];
        const ALL: &[Chord] = &[letter('a', "a")];
        const FILTER: &[Chord] = &[letter('/', "/")];
        const CLEAR: &[Chord] = &[key(KeyCode::Esc, "Esc"), control('u', "^U")];
        const END: &[Chord] = &[key(KeyCode::Enter, "Enter")];
        const CONFIRM: &[Chord] = &[letter('y', "y")];
        const CANCEL: &[Chord] = &[
            letter('n', "n"),
            key(KeyCode::Esc, "Esc"),
            control('c', "^C"),
        ];
        const REPAINT: &[Chord] = &[control('l', "^L")];
        match self {
            Self::Quit => QUIT,
            Self::Help => HELP,
            Self::Dashboard => DASHBOARD,
            Self::Users => USERS,
            Self::Up => UP,
            Self::Down => DOWN,
            Self::PageUp => PAGE_UP,
            Self::PageDown => PAGE_DOWN,
            Self::First => FIRST,
            Self::Last => LAST,
            Self::Open => OPEN,
            Self::Back => BACK,
            Self::OtherPane => OTHER_PANE,
            Self::UnlockOnce => UNLOCK,
            Self::AllEvents => ALL,
            Self::Filter => FILTER,
            Self::ClearFilter => CLEAR,
            Self::EndFilter => END,
            Self::Confirm => CONFIRM,
            Self::Cancel => CANCEL,
            Self::Repaint => REPAINT,
        }
    }

    /// The name of the key shown in the footer.
    #[must_use]
    pub const fn key_name(self) -> &'static str {
        match self.chords() {
            [first, ..] => first.name,
            [] => "",
        }
    }
}

/// The command that a key gives among those on offer.
#[must_use]
pub fn command_for(pressed: &KeyEvent, offers: &[Offer]) -> Option<Command> {
    offers
        .iter()
        .map(|offer| offer.command)
        .find(|command| command.chords().iter().any(|chord| chord.is(pressed)))
}

/// The letter that a key types; `None` for a key that types nothing.
#[must_use]
pub fn typed(pressed: &KeyEvent) -> Option<char> {
    let plain = KeyModifiers::SHIFT | KeyModifiers::NONE;
    match pressed.code {
        KeyCode::Char(letter) if plain.contains(pressed.modifiers) && !letter.is_control() => {
            Some(letter)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_offered_commands_are_given() {
        let press = |code| KeyEvent::new(code, KeyModifiers::NONE);
        let offers = [
            Offer::footer(Command::UnlockOnce),
            Offer::help(Command::Back),
        ];
        let given = |code| command_for(&press(code), &offers);
        assert_eq!(given(KeyCode::Char('u')), Some(Command::UnlockOnce));
        assert_eq!(given(KeyCode::Esc), Some(Command::Back));
        assert_eq!(given(KeyCode::Char('q')), None);
        let control_u = KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL);
        assert_eq!(command_for(&control_u, &offers), None);
    }

    #[test]
    fn letters_are_typed_and_commands_are_not() {
        let press = |code, modifiers| typed(&KeyEvent::new(code, modifiers));
        assert_eq!(press(KeyCode::Char('å'), KeyModifiers::NONE), Some('å'));
        assert_eq!(press(KeyCode::Char('A'), KeyModifiers::SHIFT), Some('A'));
        assert_eq!(press(KeyCode::Char('a'), KeyModifiers::CONTROL), None);
        assert_eq!(press(KeyCode::Char('a'), KeyModifiers::ALT), None);
        assert_eq!(press(KeyCode::Enter, KeyModifiers::NONE), None);
    }
}
