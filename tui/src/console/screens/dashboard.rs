use doorward_api::EventRow;
use doorward_core::ids::DoorId;

use super::{MOVES, moved};
use crate::console::event::Request;
use crate::console::keys::{Command, Offer};
use crate::console::site::{Site, is_passage};
use crate::console::state::{Act, Screen, State};

/// Live doors and passages.
#[derive(Debug, Default)]
pub struct Dashboard {
    /// The pane that has the keys.
    pub pane: Pane,
    /// Whether opening and closing of doors is listed too.
    pub all_events: bool,
    door: Option<DoorId>,
    /// The chosen row of the log; `None` follows the newest.
    passage: Option<u64>,
}

/// The panes of the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pane {
    /// The doors.
    #[default]
    Doors,
    /// The passages.
    Passages,
}

impl Dashboard {
    /// The place of the chosen door in the list.
    #[must_use]
    pub fn door_at(&self, site: &Site) -> usize {
        let at = site
            .doors
            .iter()
            .position(|door| Some(door.id) == self.door);
        at.unwrap_or(0)
    }

    /// The chosen door.
    #[must_use]
    pub fn door(&self, site: &Site) -> Option<DoorId> {
        site.doors.get(self.door_at(site)).map(|door| door.id)
    }

    /// The rows listed, the newest first.
    pub fn rows<'a>(&self, site: &'a Site) -> impl Iterator<Item = &'a EventRow> {
        let all = self.all_events;
        site.passages
            .iter()
            .filter(move |row| all || is_passage(row.event.kind))
    }

    /// The place of the chosen row among the rows listed.
    #[must_use]
    pub fn passage_at(&self, site: &Site) -> usize {
        match self.passage {
            Some(seq) => self
                .rows(site)
                .position(|row| row.seq <= seq)
                .unwrap_or_else(|| self.rows(site).count().saturating_sub(1)),
            None => 0,
        }
    }
}

pub(super) fn offers(state: &State) -> Vec<Offer> {
    let mut offers = Vec::new();
    if state.dashboard.door(&state.site).is_some() {
        offers.push(Offer::footer(Command::Open));
        offers.push(Offer::footer(Command::UnlockOnce));
    }
    offers.push(Offer::footer(Command::OtherPane));
    offers.push(Offer::footer(Command::AllEvents));
    offers.extend(MOVES);
    offers
}

pub(super) fn obey(state: &mut State, command: Command) -> Vec<Request> {
    match command {
        Command::OtherPane => {
            state.dashboard.pane = match state.dashboard.pane {
                Pane::Doors => Pane::Passages,
                Pane::Passages => Pane::Doors,
            };
        }
        Command::AllEvents => state.dashboard.all_events = !state.dashboard.all_events,
        Command::Open => {
            if let Some(door) = pointed_at(state) {
                state.door.open(door);
                return super::show(state, Screen::Door);
            }
        }
        Command::UnlockOnce => {
            if let Some(door) = pointed_at(state) {
                state.ask(Act::UnlockOnce(door));
            }
        }
        _ => go(state, command),
    }
    Vec::new()
}

/// The chosen door, or the door of the chosen passage where the passages have the keys.
fn pointed_at(state: &State) -> Option<DoorId> {
    let dashboard = &state.dashboard;
    match dashboard.pane {
        Pane::Doors => dashboard.door(&state.site),
        Pane::Passages => {
            let at = dashboard.passage_at(&state.site);
            let row = dashboard.rows(&state.site).nth(at)?;
            row.event
                .door
                .filter(|door| state.site.door(*door).is_some())
        }
    }
}

fn go(state: &mut State, command: Command) {
    let page = state.page_rows() / 2;
    let dashboard = &mut state.dashboard;
    match dashboard.pane {
        Pane::Doors => {
            let at = moved(
                dashboard.door_at(&state.site),
                state.site.doors.len(),
                page,
                command,
            );
            dashboard.door = state.site.doors.get(at).map(|door| door.id);
        }
        Pane::Passages => {
            let length = dashboard.rows(&state.site).count();
            let at = moved(dashboard.passage_at(&state.site), length, page, command);
            let row = dashboard.rows(&state.site).nth(at).map(|row| row.seq);
            // The top row is the newest, whichever that will be.
            dashboard.passage = if at == 0 { None } else { row };
        }
    }
}
