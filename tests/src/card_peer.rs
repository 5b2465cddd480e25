//! The card formats a second time, in Python (`tests/peers/card_formats.py`): a table of its own,
//! written from the published ones, and arithmetic of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use doorward_wire::card::{CardFields, EncodedCard, FormatInfo, Reading};
use serde::{Deserialize, Serialize};

use crate::peer::JsonPeer;

const ANSWER_WITHIN: Duration = Duration::from_secs(120);

/// A card as it stands in orders and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerCard {
    /// The facility code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facility: Option<u32>,
    /// The card number.
    pub number: u64,
    /// The issue level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue: Option<u32>,
    /// The maker's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oem: Option<u32>,
}

impl From<CardFields> for PeerCard {
    fn from(fields: CardFields) -> Self {
        Self {
            facility: fields.facility,
            number: fields.number,
            issue: fields.issue,
            oem: fields.oem,
        }
    }
}

impl From<Reading<'_>> for PeerCard {
    fn from(reading: Reading<'_>) -> Self {
        Self {
            facility: reading.facility,
            number: reading.number,
            issue: reading.issue,
            oem: reading.oem,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(tag = "order", rename_all = "snake_case")]
enum Order {
    Names,
    Encode {
        format: String,
        cards: Vec<PeerCard>,
    },
    Decode {
        format: String,
        bits: Vec<String>,
    },
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Report {
    Names { names: Vec<String> },
    Bits { bits: Vec<String> },
    Cards { cards: Vec<Option<PeerCard>> },
}

/// The peer, a process of its own.
#[derive(Debug)]
pub struct CardPeer(JsonPeer<Order, Report>);

impl CardPeer {
    /// Starts it.
    ///
    /// # Errors
    /// When Python cannot be run.
    pub fn start() -> Result<Self> {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = std::env::var_os("DOORWARD_TEST_PYTHON").map(PathBuf::from);
        let mut command = Command::new(python.unwrap_or_else(|| tests.join(".venv/bin/python")));
        command.arg(tests.join("peers/card_formats.py"));
        Ok(Self(JsonPeer::start("card formats", command)?))
    }

    fn ask(&mut self, order: &Order) -> Result<Report> {
        self.0.send(order)?;
        self.0
            .wait_for("an answer", ANSWER_WITHIN, |report| Some(report.clone()))
    }

    /// The formats it knows.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn names(&mut self) -> Result<Vec<String>> {
        match self.ask(&Order::Names)? {
            Report::Names { names } => Ok(names),
            other => bail!("expected names, found {other:?}"),
        }
    }

    /// The bits of cards, as texts of `0` and `1`.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn encode(&mut self, format: &str, cards: Vec<PeerCard>) -> Result<Vec<String>> {
        let format = format.to_owned();
        match self.ask(&Order::Encode { format, cards })? {
            Report::Bits { bits } => Ok(bits),
            other => bail!("expected bits, found {other:?}"),
        }
    }

    /// What it reads from bits; nothing where parity or a fixed bit is wrong.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn decode(&mut self, format: &str, bits: Vec<String>) -> Result<Vec<Option<PeerCard>>> {
        let format = format.to_owned();
        match self.ask(&Order::Decode { format, bits })? {
            Report::Cards { cards } => Ok(cards),
            other => bail!("expected cards, found {other:?}"),
        }
    }
}

/// The bits of a card as a text of `0` and `1`.
#[must_use]
pub fn bits_of(card: &EncodedCard) -> String {
    bits_text(card.bit_count(), card.bytes())
}

/// The first bits of bytes as a text of `0` and `1`.
#[must_use]
pub fn bits_text(bit_count: usize, bytes: &[u8]) -> String {
    let bit = |at: usize| {
        if bytes[at / 8] & 0x80 >> (at % 8) == 0 {
            '0'
        } else {
            '1'
        }
    };
    (0..bit_count).map(bit).collect()
}

/// A card of a format out of random numbers; every value of every field is as likely.
pub fn random_card(format: &FormatInfo<'_>, mut random: impl FnMut() -> u64) -> CardFields {
    let mut below = |max: u64| match max.checked_add(1) {
        Some(end) => random() % end,
        None => random(),
    };
    let number = below(format.number_max());
    let mut small =
        |max: Option<u32>| max.map(|max| u32::try_from(below(u64::from(max))).unwrap_or(0));
    CardFields {
        number,
        facility: small(format.facility_max()),
        issue: small(format.issue_max()),
        oem: small(format.oem_max()),
    }
}

/// SplitMix64: numbers that a seed repeats, all 64 bits of them.
#[derive(Debug, Clone)]
pub struct Draws(u64);

impl Draws {
    /// The same seed gives the same sequence.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
