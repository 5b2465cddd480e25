//! At which baud rate a PD is spoken to, and looked for.

use std::collections::VecDeque;

use super::event::{BusEvent, OfflineReason};
use super::link::Link;
use crate::osdp::time::{Baud, Mono};

/// Of so many probes of an absent PD, one goes out at another baud rate than its own.
const SEARCH_EVERY: u32 = 8;
/// The same while no PD of the bus answers: then it is the bus whose rate is not known.
const SEARCH_EVERY_ALONE: u32 = 2;

impl Link {
    /// Chooses the rate of the next probe, if one is next: the PD's own, and now and then another.
    pub(super) fn choose_baud(&mut self, is_alone: bool) {
        if !self.is_absent() || self.exchange.is_some() || self.chosen_for == Some(self.probes) {
            return;
        }
        self.chosen_for = Some(self.probes);
        let every = if is_alone {
            SEARCH_EVERY_ALONE
        } else {
            SEARCH_EVERY
        };
        let is_search = self.probes % every == every - 1;
        self.baud = if is_search {
            self.next_other()
        } else {
            self.home
        };
    }

    /// Every other rate in turn, the fastest first: that is what a bus is raised to.
    fn next_other(&mut self) -> Baud {
        let others = || {
            Baud::ALL
                .into_iter()
                .rev()
                .filter(|baud| *baud != self.home)
        };
        let next = others().nth(self.searched % others().count());
        self.searched = self.searched.wrapping_add(1);
        next.unwrap_or(self.home)
    }

    /// The PD speaks at `baud` from now on.
    pub(super) fn follow(&mut self, now: Mono, baud: Baud, events: &mut VecDeque<BusEvent>) {
        self.home = baud;
        self.go_offline(now, OfflineReason::BaudChanged, events);
    }
}
