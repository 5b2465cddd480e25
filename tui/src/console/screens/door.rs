use doorward_api::EventRow;
use doorward_core::ids::DoorId;

use super::{MOVES, moved};
use crate::console::event::{DoorDetail, Request};
use crate::console::keys::{Command, Offer};
use crate::console::site::{PASSAGES_MAX, Site};
use crate::console::state::{Act, Screen, State};

/// One door.
#[derive(Debug, Default)]
pub struct DoorScreen {
    door: Option<DoorId>,
    detail: Option<DoorDetail>,
    /// The first row of the log shown.
    pub scroll: usize,
}

impl DoorScreen {
    pub(super) fn open(&mut self, door: DoorId) {
        if self.door != Some(door) {
            self.detail = None;
        }
        self.door = Some(door);
        self.scroll = 0;
    }

    /// Takes in details, if they are those of the door shown.
    pub(crate) fn take(&mut self, detail: DoorDetail) {
        if self.door == Some(detail.door) {
            self.detail = Some(detail);
        }
    }

    /// Which door is shown.
    #[must_use]
    pub const fn shown(&self) -> Option<DoorId> {
        self.door
    }

    /// Its details, once they have come.
    #[must_use]
    pub const fn detail(&self) -> Option<&DoorDetail> {
        self.detail.as_ref()
    }

    /// Its rows of the log, the newest first: those that came live, then those fetched.
    #[must_use]
    pub fn rows<'a>(&'a self, site: &'a Site) -> Vec<&'a EventRow> {
        let fetched = self
            .detail
            .as_ref()
            .map_or(&[][..], |detail| &detail.passages);
        let newest = fetched.first().map_or(0, |row| row.seq);
        site.passages
            .iter()
            .filter(|row| row.event.door == self.door && row.seq > newest)
            .chain(fetched)
            .take(PASSAGES_MAX)
            .collect()
    }
}

pub(super) fn offers() -> Vec<Offer> {
    let mut offers = vec![
        Offer::footer(Command::UnlockOnce),
        Offer::footer(Command::Back),
    ];
    offers.extend(MOVES);
    offers
}

pub(super) fn obey(state: &mut State, command: Command) -> Vec<Request> {
    match command {
        Command::Back => return super::show(state, Screen::Dashboard),
        Command::UnlockOnce => {
            let shown = state.door.shown();
            if let Some(door) = shown.filter(|door| state.site.door(*door).is_some()) {
                state.ask(Act::UnlockOnce(door));
            }
        }
        _ => {
            let length = state.door.rows(&state.site).len();
            let page = state.page_rows() / 2;
            state.door.scroll = moved(state.door.scroll, length, page, command);
        }
    }
    Vec::new()
}
