//! Finding every reader on a bus, while it is in service.

use super::ControlPanel;
use super::visit::{Visit, Visited};
use crate::osdp::address::Address;
use crate::osdp::identity::{Capabilities, PdId};
use crate::osdp::time::{Baud, Mono};

/// How long a reader may take to its answer. The standard allows four times as long; whoever takes
/// that is not found, for the neighbours' sake.
const ANSWER_US: u64 = 50_000;
/// How often an answer that cannot be read is asked for again.
const RETRIES: u32 = 3;

/// Asks every address at every baud rate who is there, between the polls of the readers in service,
/// which are not asked: they are known.
///
/// It does no I/O: call [`BusScan::handle_timeout`] whenever the panel has been given bytes or time.
#[derive(Debug)]
pub struct BusScan {
    addresses: Vec<Address>,
    bauds: Vec<Baud>,
    /// The next place to ask at.
    next: usize,
    retries: u32,
    is_asking: bool,
    found: Vec<FoundReader>,
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
            let Some((address, baud)) = self.place() else {
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
                self.next += 1;
                is_changed = true;
            } else if panel.visit(now, address, baud, ANSWER_US) {
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
            Visited::Nobody => return self.go_on(),
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
        self.next += 1;
        self.retries = 0;
    }

    fn place(&self) -> Option<(Address, Baud)> {
        let count = self.addresses.len().max(1);
        let baud = self.bauds.get(self.next / count)?;
        let address = self.addresses.get(self.next % count)?;
        Some((*address, *baud))
    }

    /// How many places have been asked at, and of how many.
    #[must_use]
    pub const fn progress(&self) -> (usize, usize) {
        let all = self.addresses.len() * self.bauds.len();
        if self.next < all {
            (self.next, all)
        } else {
            (all, all)
        }
    }

    /// Whether all places have been asked at.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.next >= self.addresses.len() * self.bauds.len()
    }

    /// Who was found so far, in the order in which they were asked.
    #[must_use]
    pub fn found(&self) -> &[FoundReader] {
        &self.found
    }
}
