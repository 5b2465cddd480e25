//! Finding every reader on a bus, while it is in service.

use super::ControlPanel;
use super::visit::{Visit, Visited};
use super::window::STANDARD_WINDOW_US;
use crate::osdp::address::Address;
use crate::osdp::identity::{Capabilities, PdId};
use crate::osdp::time::{Baud, Mono};

/// How long a reader may take to its answer when it is asked first, for the neighbours' sake.
const ANSWER_US: u64 = 50_000;
/// How long when it is asked again, as it was silent: what the standard allows (SIA OSDP 2.2, clause
/// 5.7).
const SLOW_ANSWER_US: u64 = STANDARD_WINDOW_US;
/// How long asking again may take in all. Beside readers in service one place takes up to 0.4 s, so that
/// all 127 addresses are asked again at the speed of those in service, and others if time is left.
pub const SLOW_PASS_US: u64 = 60_000_000;
/// How often an answer that cannot be read is asked for again.
const RETRIES: u32 = 3;

/// Asks every address at every baud rate who is there, between the polls of the readers in service,
/// which are not asked: they are known. Places that were silent are asked once more, with more patience,
/// for at most [`SLOW_PASS_US`]. To readers in service a question at another speed is noise: some leave
/// their session for it, and are back in it at once.
///
/// It does no I/O: call [`BusScan::handle_timeout`] whenever the panel has been given bytes or time.
#[derive(Debug)]
pub struct BusScan {
    addresses: Vec<Address>,
    bauds: Vec<Baud>,
    /// The next place to ask at.
    next: usize,
    /// Places where nobody answered; asked again when all have been asked once.
    silent: Vec<(Address, Baud)>,
    slow: Option<SlowPass>,
    retries: u32,
    is_asking: bool,
    found: Vec<FoundReader>,
}

/// Asking those again who were silent.
#[derive(Debug, Clone, Copy)]
struct SlowPass {
    until: Mono,
    /// The next silent place.
    next: usize,
}

/// A reader that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundReader {
    /// Its address.
    pub address: Address,
    /// Its baud rate.
    pub baud: Baud,
    /// Who it says it is; `None` where what answers cannot be read: two readers with one address, or
    /// noise.
    pub id: Option<PdId>,
    /// What it says it can do.
    pub capabilities: Option<Capabilities>,
    /// Whether it is configured here, and in service.
    pub is_in_service: bool,
}

impl BusScan {
    /// A scan of these addresses at these rates, in their order.
    #[must_use]
    pub const fn new(addresses: Vec<Address>, bauds: Vec<Baud>) -> Self {
        Self {
            addresses,
            bauds,
            next: 0,
            silent: Vec::new(),
            slow: None,
            retries: 0,
            is_asking: false,
            found: Vec::new(),
        }
    }

    /// Takes what has come, and asks on. Says whether anything has changed.
    pub fn handle_timeout(&mut self, now: Mono, panel: &mut ControlPanel) -> bool {
        let mut is_changed = false;
        if self.is_asking {
            let Some(visit) = panel.poll_visit() else {
                return false;
            };
            self.is_asking = false;
            is_changed = true;
            self.take(visit);
        }
        while !self.is_asking {
            let Some((address, baud)) = self.place(now) else {
                return is_changed;
            };
            let presence = panel
                .presence(address)
                .filter(|_| panel.baud(address) == Some(baud));
            if let Some(presence) = presence {
                self.found.push(FoundReader {
                    address,
                    baud,
                    id: Some(presence.id),
                    capabilities: presence.capabilities,
                    is_in_service: true,
                });
                self.go_on();
                is_changed = true;
            } else if panel.visit(now, address, baud, self.patience_us()) {
                self.is_asking = true;
            } else {
                return is_changed;
            }
        }
        is_changed
    }

    fn take(&mut self, visit: Visit) {
        let (id, capabilities) = match visit.visited {
            Visited::Garbled if self.retries < RETRIES => {
                self.retries += 1;
                return;
            }
            Visited::Nobody => {
                if self.slow.is_none() {
                    self.silent.push((visit.address, visit.baud));
                }
                return self.go_on();
            }
            Visited::Garbled => (None, None),
            Visited::Pd { id, capabilities } => (Some(id), capabilities),
        };
        self.found.push(FoundReader {
            address: visit.address,
            baud: visit.baud,
            id,
            capabilities,
            is_in_service: false,
        });
        self.go_on();
    }

    const fn go_on(&mut self) {
        match &mut self.slow {
            Some(slow) => slow.next += 1,
            None => self.next += 1,
        }
        self.retries = 0;
    }

    const fn patience_us(&self) -> u64 {
        match self.slow {
            Some(_) => SLOW_ANSWER_US,
            None => ANSWER_US,
        }
    }

    /// Where to ask next; `None` at the end.
    fn place(&mut self, now: Mono) -> Option<(Address, Baud)> {
        let count = self.addresses.len().max(1);
        if let Some(baud) = self.bauds.get(self.next / count)
            && let Some(address) = self.addresses.get(self.next % count)
        {
            return Some((*address, *baud));
        }
        if self.slow.is_none() {
            self.begin_slow_pass(now);
        }
        let slow = self.slow.as_mut()?;
        if now >= slow.until {
            slow.next = self.silent.len();
        }
        self.silent.get(slow.next).copied()
    }

    fn begin_slow_pass(&mut self, now: Mono) {
        // A reader that answers late most likely speaks at the speed of its neighbours.
        let in_use: Vec<Baud> = self.found.iter().map(|reader| reader.baud).collect();
        self.silent.sort_by_key(|(_, baud)| !in_use.contains(baud));
        self.slow = Some(SlowPass {
            until: now.plus_us(SLOW_PASS_US),
            next: 0,
        });
    }

    /// How many places have been asked at, and of how many; each counts half until it has answered or
    /// been asked twice.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        let all = self.addresses.len() * self.bauds.len();
        let asked = match self.slow {
            _ if self.is_done() => all,
            None => self.next / 2,
            Some(slow) => all - (self.silent.len() - slow.next) / 2,
        };
        (asked, all)
    }

    /// Whether all places have been asked at.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.slow.is_some_and(|slow| slow.next >= self.silent.len())
    }

    /// Who was found so far, in the order in which they were asked.
    #[must_use]
    pub fn found(&self) -> &[FoundReader] {
        &self.found
    }
}
