//! Attacks on an OSDP line, with a man in the middle between our control panel and a libosdp reader.
//!
//! The five of them that were published ("Badge of Shame", Bishop Fox, 2023), and what else anybody at
//! the line can try. Each is run as the attacker would, and each has a control that shows that it
//! would be seen to succeed.

mod eavesdropper;
mod further;
mod middle;
mod published;

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use doorward_core::card::CardBits;
use doorward_wire::osdp::{Address, Baud, BusConfig, BusEvent, LinkEvent, Scbk, Security};
use serde::Serialize;

use crate::osdp_bus::OsdpBus;
use crate::osdp_peer::orders::{KeyText, ReaderSpec};
use crate::osdp_peer::{OsdpReaders, test_key};

pub use eavesdropper::weak_keys;
pub use middle::{Act, Captured, Middle, Way};

/// Longer than anything should take on a slow and busy machine.
const SOON: Duration = Duration::from_secs(20);
/// For how long an attack goes on before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(2);
const BAUD: u32 = 115_200;
const READER: &str = "reader";

/// What came of one attack.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Which.
    pub name: &'static str,
    /// Whether the attacker had success.
    pub succeeded: bool,
    /// What was tried, and what came of it.
    pub found: String,
    /// Bytes of cards that went over the line readably.
    pub plaintext_bytes: usize,
}

/// One attack.
pub type Attack = fn() -> Result<Outcome>;

/// The published ones.
pub const PUBLISHED: [Attack; 5] = [
    published::encryption_is_optional,
    published::downgrade,
    published::install_mode,
    published::weak_keys,
    published::keyset_capture,
];

/// What else can be tried.
pub const FURTHER: [Attack; 3] = [further::replay, further::bit_flips, further::swapped_reader];

/// What the protocol cannot prevent, to be told beside the attacks: recording an install window.
pub const LIMIT: Attack = published::recorded_install;

/// A panel and a reader, with somebody in the middle.
struct Victim {
    bus: OsdpBus,
    readers: OsdpReaders,
    middle: Middle,
    shown: Vec<CardBits>,
}

fn address() -> Address {
    Address::new(0).unwrap_or_else(|_| unreachable!())
}

fn own_key() -> [u8; 16] {
    test_key(0)
}

impl Victim {
    /// A panel that knows `security`, and a reader; both run, and everything passes.
    fn start(security: Security, key: Option<[u8; 16]>, install_mode: bool) -> Result<Self> {
        let middle = Middle::start(BAUD)?;
        let mut readers = OsdpReaders::start()?;
        readers.add(reader(&middle, key, install_mode))?;
        let config = BusConfig::new(Baud::B115200).with_reader(address(), security);
        let bus = OsdpBus::open(&middle.panel_port(), config)?;
        Ok(Self {
            bus,
            readers,
            middle,
            shown: Vec::new(),
        })
    }

    /// A commissioned site: the reader has a key of its own, given to both sides by other means. A
    /// card is read, so that what the attacker meets is a line that works.
    fn commissioned() -> Result<Self> {
        let key = Scbk::new(own_key());
        let mut victim = Self::start(Security::Required(key), Some(own_key()), false)?;
        victim.bus.wait_online(address(), SOON)?;
        victim.show_until_read()?;
        Ok(victim)
    }

    /// Takes the reader off the line and puts another one there.
    fn swap(&mut self, key: Option<[u8; 16]>, install_mode: bool) -> Result<()> {
        self.readers.remove(READER)?;
        self.readers.forget();
        self.readers.add(reader(&self.middle, key, install_mode))
    }

    /// Shows the next card at the reader. A reader that is not spoken to may not take it.
    fn show(&mut self) -> CardBits {
        let bits = card(self.shown.len());
        self.shown.push(bits);
        let _ = self.readers.show_card(READER, bits);
        bits
    }

    fn show_until_read(&mut self) -> Result<()> {
        for _ in 0..5 {
            let bits = self.show();
            let seen = self.bus.wait_for("the card", PATIENCE, |event| {
                (card_of(event) == Some(bits)).then_some(())
            });
            if seen.is_ok() {
                return Ok(());
            }
        }
        bail!("shown five times in vain")
    }

    /// Lets the bus run, and returns what the panel has reported.
    fn run(&mut self, time: Duration) -> Result<Vec<BusEvent>> {
        self.bus.run_for(time)
    }

    /// What came of it: everything that was said on both sides of the middle is searched for cards.
    fn outcome(self, name: &'static str, succeeded: bool, found: impl Into<String>) -> Outcome {
        let said = self.middle.captured();
        Outcome {
            name,
            succeeded,
            found: found.into(),
            plaintext_bytes: plaintext_bytes(&said, &self.shown),
        }
    }
}

fn reader(middle: &Middle, key: Option<[u8; 16]>, install_mode: bool) -> ReaderSpec {
    ReaderSpec {
        name: READER.to_owned(),
        path: middle.reader_port(),
        address: 0,
        baud: BAUD,
        key: key.map(KeyText::new),
        install_mode,
        refuses_comset: false,
        fastest_baud: None,
        plain: false,
    }
}

/// A card of 64 bits, which nothing else on the line looks like by chance.
fn card(number: usize) -> CardBits {
    let seed = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(number as u64 + 3) ^ 0x5851_F42D_4C95_7F2D;
    let text = format!("{seed:064b}");
    text.parse().unwrap_or_else(|_| unreachable!())
}

fn card_of(event: &BusEvent) -> Option<CardBits> {
    match event.event {
        LinkEvent::Card(read) => CardBits::new(read.bit_count(), read.bytes()).ok(),
        _ => None,
    }
}

fn cards(events: &[BusEvent]) -> Vec<CardBits> {
    events.iter().filter_map(card_of).collect()
}

/// How many bytes of these cards can be read in what was said.
fn plaintext_bytes(said: &[Captured], cards: &[CardBits]) -> usize {
    let bytes: Vec<u8> = said.iter().flat_map(|frame| frame.bytes.clone()).collect();
    let mut found = 0;
    for card in cards {
        let hits = bytes.windows(card.bytes().len());
        found += hits.filter(|part| *part == card.bytes()).count() * card.bytes().len();
    }
    found
}

/// The search finds a card that is there.
///
/// # Errors
/// When it does not.
pub fn control() -> Result<()> {
    let mut victim = Victim::start(Security::Clear, None, false)?;
    victim.bus.wait_online(address(), SOON)?;
    victim.show_until_read()?;
    let outcome = victim.outcome("control", true, "");
    if outcome.plaintext_bytes == 0 {
        bail!("a card in clear was not found on the line");
    }
    Ok(())
}

fn online(events: &[BusEvent]) -> bool {
    events
        .iter()
        .any(|event| matches!(event.event, LinkEvent::Online(_)))
}

fn needs<T>(found: Option<T>, what: &str) -> Result<T> {
    found.with_context(|| format!("the attack cannot be tried: {what}"))
}
