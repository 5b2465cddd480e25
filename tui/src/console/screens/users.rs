use crossterm::event::KeyCode;

use super::{MOVES, moved};
use crate::console::event::{Request, UserDetail, Wanted};
use crate::console::keys::{Command, Offer};
use crate::console::site::{Site, UserRow};
use crate::console::state::{Screen, State};

/// The longest filter, in characters.
pub(super) const FILTER_MAX: usize = 60;

/// The list of users.
#[derive(Debug, Default)]
pub struct UsersScreen {
    filter: String,
    typing: bool,
    /// Places in the list of those who fit the filter.
    fitting: Vec<usize>,
    chosen: usize,
    detail: Option<UserDetail>,
}

impl UsersScreen {
    /// Whether a filter is being typed.
    #[must_use]
    pub const fn is_typing(&self) -> bool {
        self.typing
    }

    /// The filter.
    #[must_use]
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// How many fit the filter.
    #[must_use]
    pub const fn fitting(&self) -> usize {
        self.fitting.len()
    }

    /// The place of the chosen user among those who fit.
    #[must_use]
    pub const fn chosen_at(&self) -> usize {
        self.chosen
    }

    /// Those who fit, from the `first` on.
    pub fn rows<'a>(&'a self, site: &'a Site, first: usize) -> impl Iterator<Item = &'a UserRow> {
        let rows = site.users.rows();
        self.fitting
            .iter()
            .skip(first)
            .filter_map(move |at| rows.get(*at))
    }

    /// The chosen user.
    #[must_use]
    pub fn chosen<'a>(&'a self, site: &'a Site) -> Option<&'a UserRow> {
        self.rows(site, self.chosen).next()
    }

    /// The details of the chosen user, once they have come.
    #[must_use]
    pub fn detail(&self, site: &Site) -> Option<&UserDetail> {
        let chosen = self.chosen(site)?.user.id;
        self.detail
            .as_ref()
            .filter(|detail| detail.user.id == chosen)
    }

    pub(crate) fn take(&mut self, detail: UserDetail) {
        self.detail = Some(detail);
    }

    /// The list of all was replaced: whoever was chosen stays chosen.
    pub(crate) fn relist(&mut self, site: &Site) {
        let chosen = self.detail.as_ref().map(|detail| detail.user.id);
        self.fitting = site.users.matching(&self.filter);
        let at = self
            .rows(site, 0)
            .position(|row| Some(row.user.id) == chosen);
        self.chosen = at.unwrap_or_else(|| self.chosen.min(self.fitting.len().saturating_sub(1)));
    }

    fn wish(&self, site: &Site) -> Option<Request> {
        let row = self.chosen(site)?;
        Some(Request::Detail(Wanted::User(row.user.id)))
    }

    pub(super) fn type_text(&mut self, text: &str, site: &Site) -> Vec<Request> {
        let room = FILTER_MAX.saturating_sub(self.filter.chars().count());
        let typed = text.chars().filter(|letter| !letter.is_control());
        self.filter.extend(typed.take(room));
        self.fitting = site.users.narrowed(&self.filter, &self.fitting);
        self.chosen = 0;
        self.wish(site).into_iter().collect()
    }

    /// Moves in the list while a filter is typed, when letters give no commands.
    pub(super) fn edit(&mut self, key: KeyCode, page: usize, site: &Site) -> Vec<Request> {
        match key {
            KeyCode::Backspace => self.rub_out(site),
            KeyCode::Up => self.go(Command::Up, page, site),
            KeyCode::Down => self.go(Command::Down, page, site),
            KeyCode::PageUp => self.go(Command::PageUp, page, site),
            KeyCode::PageDown => self.go(Command::PageDown, page, site),
            _ => Vec::new(),
        }
    }

    fn go(&mut self, command: Command, page: usize, site: &Site) -> Vec<Request> {
        let to = moved(self.chosen, self.fitting.len(), page, command);
        if to == self.chosen {
            return Vec::new();
        }
        self.chosen = to;
        self.wish(site).into_iter().collect()
    }

    fn rub_out(&mut self, site: &Site) -> Vec<Request> {
        self.filter.pop();
        self.search(site)
    }

    fn search(&mut self, site: &Site) -> Vec<Request> {
        self.fitting = site.users.matching(&self.filter);
        self.chosen = 0;
        self.wish(site).into_iter().collect()
    }
}

pub(super) fn typing_offers() -> Vec<Offer> {
    vec![
        Offer::footer(Command::EndFilter),
        Offer::footer(Command::ClearFilter),
    ]
}

pub(super) fn offers(state: &State) -> Vec<Offer> {
    let mut offers = vec![Offer::footer(Command::Filter)];
    if !state.users.filter.is_empty() {
        offers.push(Offer::footer(Command::ClearFilter));
    }
    offers.push(Offer::help(Command::Back));
    offers.extend(MOVES);
    offers
}

pub(super) fn obey(state: &mut State, command: Command) -> Vec<Request> {
    let site = &state.site;
    let page = state.page_rows();
    let users = &mut state.users;
    match command {
        Command::Filter => users.typing = true,
        Command::EndFilter => users.typing = false,
        Command::ClearFilter => {
            users.typing = false;
            users.filter.clear();
            return users.search(site);
        }
        Command::Back => return super::show(state, Screen::Dashboard),
        _ => return users.go(command, page, site),
    }
    Vec::new()
}
