//! libosdp as the independent OSDP peer, in a process of its own.
//!
//! [`OsdpReaders`] and [`OsdpPanel`] are the test's side; [`readers`] and [`panel`] are what runs
//! in the process `peer-osdp`.

mod channel;
pub mod orders;
pub mod panel;
pub mod readers;
mod stdio;

use std::time::Duration;

use anyhow::{Result, bail};
use doorward_core::card::CardBits;
use doorward_sim::line::PacedLine;

use crate::peer::{JsonPeer, program};
use orders::{
    KeyText, PanelOrder, PanelReport, PanelSaw, PanelSpec, ReaderOrder, ReaderReport, ReaderSaw,
    ReaderSpec,
};

/// Starting a device takes no longer than this.
const START: Duration = Duration::from_secs(5);

/// Any number of libosdp readers.
#[derive(Debug)]
pub struct OsdpReaders {
    peer: JsonPeer<ReaderOrder, ReaderReport>,
}

impl OsdpReaders {
    /// Starts the process, with no readers yet.
    ///
    /// # Errors
    /// When `peer-osdp` has not been built or cannot be run.
    pub fn start() -> Result<Self> {
        let mut command = program("peer-osdp")?;
        command.arg("readers");
        Ok(Self {
            peer: JsonPeer::start("libosdp readers", command)?,
        })
    }

    /// Powers a reader up, and waits until it listens.
    ///
    /// # Errors
    /// When libosdp refuses it.
    pub fn add(&mut self, spec: ReaderSpec) -> Result<()> {
        let name = spec.name.clone();
        self.peer.send(&ReaderOrder::Add(spec))?;
        self.peer.wait_for(
            &format!("reader `{name}` to start"),
            START,
            |report| match &report.saw {
                ReaderSaw::Added if report.name == name => Some(Ok(())),
                ReaderSaw::Refused { why } if report.name == name => {
                    Some(Err(anyhow::anyhow!("reader `{name}`: {why}")))
                }
                _ => None,
            },
        )?
    }

    /// Takes a reader's power away.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.peer
            .send(&ReaderOrder::Remove { name: name.clone() })?;
        self.peer.wait_for("the reader to go", START, |report| {
            (report.name == name && report.saw == ReaderSaw::Removed).then_some(())
        })
    }

    /// Shows a card; the answer is when libosdp got it, in `CLOCK_MONOTONIC` nanoseconds.
    ///
    /// # Errors
    /// When libosdp does not take it.
    pub fn show_card(&mut self, name: &str, bits: CardBits) -> Result<u64> {
        self.submit(&ReaderOrder::Card {
            name: name.to_owned(),
            bits,
        })
    }

    /// Presses keys; the answer is when libosdp got them.
    ///
    /// # Errors
    /// When libosdp does not take them.
    pub fn press_keys(&mut self, name: &str, keys: &str) -> Result<u64> {
        self.submit(&ReaderOrder::Keys {
            name: name.to_owned(),
            keys: keys.to_owned(),
        })
    }

    /// Opens or closes a reader's housing; the answer is when libosdp was told.
    ///
    /// # Errors
    /// When libosdp does not take it.
    pub fn set_tamper(&mut self, name: &str, open: bool) -> Result<u64> {
        self.submit(&ReaderOrder::Tamper {
            name: name.to_owned(),
            open,
        })
    }

    /// Has a reader report that its power has failed, or is back; the answer is the moment.
    ///
    /// # Errors
    /// When the readers' process has ended, or there is no such reader.
    pub fn set_power(&mut self, name: &str, failed: bool) -> Result<u64> {
        self.submit(&ReaderOrder::Power {
            name: name.to_owned(),
            failed,
        })
    }

    fn submit(&mut self, order: &ReaderOrder) -> Result<u64> {
        self.peer.send(order)?;
        self.peer
            .wait_for("libosdp to take an event", START, |report| {
                match &report.saw {
                    ReaderSaw::Submitted => Some(Ok(report.at_ns)),
                    ReaderSaw::Refused { why } => {
                        Some(Err(anyhow::anyhow!("{}: {why}", report.name)))
                    }
                    _ => None,
                }
            })?
    }

    /// Waits until a reader sees something that `wanted` takes.
    ///
    /// # Errors
    /// When it does not within `within`; the message tells what was seen instead.
    pub fn wait_for<T>(
        &mut self,
        what: &str,
        within: Duration,
        wanted: impl FnMut(&ReaderReport) -> Option<T>,
    ) -> Result<T> {
        self.peer.wait_for(what, within, wanted)
    }

    /// Waits until the named reader sees exactly `saw`.
    ///
    /// # Errors
    /// When it does not within `within`.
    pub fn wait_until(&mut self, name: &str, saw: &ReaderSaw, within: Duration) -> Result<u64> {
        self.wait_for(&format!("{saw:?} at reader `{name}`"), within, |report| {
            (report.name == name && report.saw == *saw).then_some(report.at_ns)
        })
    }

    /// Forgets everything reported so far.
    pub fn forget(&mut self) {
        self.peer.forget();
    }
}

/// libosdp as the control panel of one line.
#[derive(Debug)]
pub struct OsdpPanel {
    peer: JsonPeer<PanelOrder, PanelReport>,
}

impl OsdpPanel {
    /// Starts driving a line.
    ///
    /// # Errors
    /// When `peer-osdp` has not been built, or libosdp refuses the readers.
    pub fn start(spec: PanelSpec) -> Result<Self> {
        let mut command = program("peer-osdp")?;
        command.arg("panel");
        let mut peer = JsonPeer::start("libosdp panel", command)?;
        peer.send(&PanelOrder::Start(spec))?;
        peer.wait_for(
            "libosdp to start",
            START,
            |report: &PanelReport| match &report.saw {
                PanelSaw::Started => Some(Ok(())),
                PanelSaw::Refused { why } => Some(Err(anyhow::anyhow!("libosdp panel: {why}"))),
                _ => None,
            },
        )??;
        Ok(Self { peer })
    }

    /// Gives an order.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn send(&mut self, order: &PanelOrder) -> Result<()> {
        if let PanelOrder::Start(_) = order {
            bail!("the panel has been started already");
        }
        self.peer.send(order)
    }

    /// Waits until the panel sees something that `wanted` takes.
    ///
    /// # Errors
    /// When it does not within `within`; the message tells what was seen instead.
    pub fn wait_for<T>(
        &mut self,
        what: &str,
        within: Duration,
        wanted: impl FnMut(&PanelReport) -> Option<T>,
    ) -> Result<T> {
        self.peer.wait_for(what, within, wanted)
    }

    /// Waits until the panel sees exactly `saw` of the named reader.
    ///
    /// # Errors
    /// When it does not within `within`.
    pub fn wait_until(&mut self, name: &str, saw: &PanelSaw, within: Duration) -> Result<u64> {
        self.wait_for(&format!("{saw:?} of reader `{name}`"), within, |report| {
            (report.name == name && report.saw == *saw).then_some(report.at_ns)
        })
    }

    /// Forgets everything reported so far.
    pub fn forget(&mut self) {
        self.peer.forget();
    }
}

/// The key of the reader at an address in tests: different for each, none of them well known.
#[must_use]
pub fn test_key(address: u8) -> [u8; 16] {
    std::array::from_fn(|at| (at * at + 31 * usize::from(address) + 7) as u8)
}

/// The reader `reader-N` at address N on port N of a line.
#[must_use]
pub fn reader_on(line: &PacedLine, index: u8, baud: u32, key: Option<[u8; 16]>) -> ReaderSpec {
    let port = doorward_sim::line::Port::Device(usize::from(index));
    ReaderSpec {
        name: format!("reader-{index}"),
        path: line.path(port),
        address: index,
        baud,
        key: key.map(KeyText::new),
        install_mode: false,
        refuses_comset: false,
        fastest_baud: None,
        plain: false,
    }
}
