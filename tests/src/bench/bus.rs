//! A bus of libosdp readers on a paced line, as every bench of the doors uses it.

use anyhow::Result;
use doorward_core::card::CardBits;
use doorward_sim::line::{Damage, LineSpec, Noise, PacedLine, Port, monotonic_ns};

use crate::osdp_peer::orders::{PanelSaw, PanelSpec, ReaderSpec};
use crate::osdp_peer::{OsdpPanel, OsdpReaders, reader_on, test_key};

use super::figures::{Samples, Spread};
use super::progress;

use std::path::PathBuf;
use std::time::Duration;

/// A reader that comes up takes no longer than this, on the slowest line with the most readers.
pub const ONLINE: Duration = Duration::from_secs(60);

/// A card that has not arrived by now is lost.
const ARRIVAL: Duration = Duration::from_secs(5);

/// Between two cards: people do not come in step with the polls.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(120));

/// What became of a card.
#[derive(Debug)]
pub enum Arrival {
    /// It arrived, at this time: `CLOCK_MONOTONIC` nanoseconds.
    At(u64),
    /// It did not; and why, as far as is known.
    Never(String),
}

/// A line with its readers, and nobody yet to drive it.
#[derive(Debug)]
pub struct ReaderBus {
    /// The readers' process.
    pub readers: OsdpReaders,
    /// What each of them is.
    pub specs: Vec<ReaderSpec>,
    line: PacedLine,
    baud: u32,
    _folder: tempfile::TempDir,
}

impl ReaderBus {
    /// Lays the line and powers the readers up.
    ///
    /// # Errors
    /// When `peer-osdp` is missing or refuses them.
    pub fn start(count: u8, baud: u32, secure: bool) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let line = PacedLine::start(folder.path(), LineSpec::new(baud, usize::from(count)))?;
        let mut readers = OsdpReaders::start()?;
        let specs: Vec<_> = (0..count)
            .map(|index| reader_on(&line, index, baud, secure.then(|| test_key(index))))
            .collect();
        for spec in &specs {
            readers.add(spec.clone())?;
        }
        Ok(Self {
            readers,
            specs,
            line,
            baud,
            _folder: folder,
        })
    }

    /// The panel's device file.
    #[must_use]
    pub fn port(&self) -> PathBuf {
        self.line.path(Port::Panel)
    }

    /// Shows cards at readers chosen anew each time. `arrival` waits for a card where it is to
    /// arrive; what comes back is how long each took, and how many never arrived.
    ///
    /// # Errors
    /// When a peer fails.
    pub fn taps(
        &mut self,
        count: u32,
        card: impl Fn(u32) -> CardBits,
        arrival: impl FnMut(&str, u32, Duration) -> Result<Arrival>,
    ) -> Result<(Samples, u32)> {
        let all: Vec<usize> = (0..self.specs.len()).collect();
        self.taps_while(&all, |number| number < count, card, arrival)
    }

    /// The same at some readers only, for as long as `goes_on` says so of the number of cards shown.
    ///
    /// # Errors
    /// When a peer fails.
    pub fn taps_while(
        &mut self,
        at: &[usize],
        mut goes_on: impl FnMut(u32) -> bool,
        card: impl Fn(u32) -> CardBits,
        mut arrival: impl FnMut(&str, u32, Duration) -> Result<Arrival>,
    ) -> Result<(Samples, u32)> {
        let mut spread = Spread::new(0x00D0_0DAD);
        let mut took_ns = Vec::new();
        let (mut number, mut lost) = (0, 0);
        while goes_on(number) {
            std::thread::sleep(spread.between(PAUSE.0, PAUSE.1));
            let at = at[spread.below(at.len() as u64) as usize];
            let name = self.specs[at].name.clone();
            let taken = self.readers.show_card(&name, card(number));
            let arrived = match &taken {
                Ok(_) => arrival(&name, number, ARRIVAL)?,
                // A reader that has been offline for long takes no more cards.
                Err(error) => Arrival::Never(format!("{error:#}")),
            };
            match (taken, arrived) {
                (Ok(shown_ns), Arrival::At(ns)) => took_ns.push(ns.saturating_sub(shown_ns)),
                (_, Arrival::Never(why)) => {
                    progress(&format!("card {number} at `{name}` was lost: {why}"));
                    lost += 1;
                }
                (Err(error), Arrival::At(_)) => return Err(error),
            }
            number += 1;
            if number % 100 == 0 {
                progress(&format!("{number} cards"));
            }
        }
        Ok((Samples::new(took_ns), lost))
    }

    /// Has all readers begin anew at the speed the bus began with.
    ///
    /// # Errors
    /// When a reader does not start again.
    pub fn restart_readers(&mut self) -> Result<()> {
        for spec in &self.specs {
            self.readers.remove(&spec.name)?;
            self.readers.add(spec.clone())?;
        }
        Ok(())
    }

    /// Disturbs the line, or no more.
    pub fn disturb(&self, noise: Noise) {
        self.line.set_noise(noise);
    }

    /// What has been damaged on the line so far.
    #[must_use]
    pub fn damage(&self) -> Damage {
        self.line.damage()
    }

    /// Takes a reader off the cable that brings it line and power.
    ///
    /// # Errors
    /// When the readers' process has ended.
    pub fn unplug(&mut self, at: usize) -> Result<()> {
        self.line.cut(Port::Device(at));
        let name = self.specs[at].name.clone();
        self.readers.remove(&name)
    }

    /// Puts it back; the answer is the moment, `CLOCK_MONOTONIC` nanoseconds.
    ///
    /// # Errors
    /// When the reader does not start again.
    pub fn replug(&mut self, at: usize) -> Result<u64> {
        self.readers.add(self.specs[at].clone())?;
        let plugged_ns = monotonic_ns();
        self.line.mend(Port::Device(at));
        Ok(plugged_ns)
    }

    /// libosdp as the control panel of this bus, once every reader is up.
    ///
    /// # Errors
    /// When a peer fails, or a reader does not come online.
    pub fn peer_panel(&self) -> Result<OsdpPanel> {
        let mut panel = OsdpPanel::start(PanelSpec {
            path: self.port(),
            baud: self.baud,
            readers: self.specs.clone(),
        })?;
        for spec in &self.specs {
            panel.wait_until(&spec.name, &up(spec), ONLINE)?;
        }
        Ok(panel)
    }

    /// The same bus with libosdp as the control panel: from the card at the reader to the panel's
    /// event.
    ///
    /// # Errors
    /// When a peer fails, or a reader does not come online.
    pub fn taps_at_peer(
        &mut self,
        count: u32,
        card: impl Fn(u32) -> CardBits,
    ) -> Result<(Samples, u32)> {
        let mut panel = self.peer_panel()?;
        self.taps(count, &card, |name, number, within| {
            let bits = card(number);
            let seen = panel.wait_until(name, &PanelSaw::Card { bits }, within);
            Ok(seen.map_or_else(|error| Arrival::Never(format!("{error:#}")), Arrival::At))
        })
    }
}

/// What libosdp's panel says of a reader that can be used.
#[must_use]
pub fn up(reader: &ReaderSpec) -> PanelSaw {
    if reader.key.is_some() {
        PanelSaw::Secure
    } else {
        PanelSaw::Online
    }
}

/// The card of a user in benches: H10301, 26 bits, facility 1 and the card number.
#[must_use]
pub fn h10301(number: u16) -> CardBits {
    let data = (1_u32 << 16) | u32::from(number);
    let even = (data >> 12).count_ones() % 2;
    let odd = 1 - (data & 0xFFF).count_ones() % 2;
    let frame = (even << 25) | (data << 1) | odd;
    let bytes = (frame << 6).to_be_bytes();
    // 26 bits of four bytes cannot be refused.
    CardBits::new(26, &bytes).unwrap_or_else(|_| unreachable!())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_has_its_number_and_its_parity() {
        for number in [0, 1, 4711, 65_535] {
            let bits = h10301(number).to_string();
            assert_eq!(bits.len(), 26);
            assert_eq!(u32::from_str_radix(&bits[1..9], 2).unwrap(), 1);
            assert_eq!(u16::from_str_radix(&bits[9..25], 2).unwrap(), number);
            let ones = |part: &str| part.matches('1').count();
            assert_eq!(ones(&bits[..13]) % 2, 0, "even parity in front");
            assert_eq!(ones(&bits[13..]) % 2, 1, "odd parity behind");
        }
    }
}
