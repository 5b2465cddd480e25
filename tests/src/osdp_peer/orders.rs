//! What is said to `peer-osdp` and what it says back: JSON lines, one object each.
//!
//! Every report carries `at_ns`, `CLOCK_MONOTONIC` nanoseconds taken in the peer at the moment of
//! what it reports.

use std::path::PathBuf;

use doorward_core::card::CardBits;
use serde::{Deserialize, Serialize};

/// A secure channel base key, as 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyText(pub String);

impl KeyText {
    /// Writes a key as text.
    #[must_use]
    pub fn new(key: [u8; 16]) -> Self {
        Self(key.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The key's bytes, if it is well written.
    #[must_use]
    pub fn bytes(&self) -> Option<[u8; 16]> {
        let mut key = [0; 16];
        if self.0.len() != 32 || !self.0.is_ascii() {
            return None;
        }
        for (at, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&self.0[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(key)
    }
}

/// A reader on a line: an OSDP peripheral device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReaderSpec {
    /// What the test calls it.
    pub name: String,
    /// Its device file.
    pub path: PathBuf,
    /// 0 to 126.
    pub address: u8,
    /// What it believes its speed to be.
    pub baud: u32,
    /// The Secure Channel key; none for a reader in the clear (or in install mode).
    pub key: Option<KeyText>,
    /// Accepts one Secure Channel with the default key, to be given its own.
    #[serde(default)]
    pub install_mode: bool,
    /// Answers COMSET with NAK.
    #[serde(default)]
    pub refuses_comset: bool,
    /// Has no light, no buzzer and no display.
    #[serde(default)]
    pub plain: bool,
    /// Answers COMSET with NAK beyond this rate.
    #[serde(default)]
    pub fastest_baud: Option<u32>,
}

/// What to do with the readers of one `peer-osdp readers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum ReaderOrder {
    /// Powers a reader up.
    Add(ReaderSpec),
    /// Takes a reader's power away.
    Remove {
        /// The reader.
        name: String,
    },
    /// Shows a card.
    Card {
        /// The reader.
        name: String,
        /// The card.
        bits: CardBits,
    },
    /// Presses keys.
    Keys {
        /// The reader.
        name: String,
        /// ASCII digits, `*`, `#`.
        keys: String,
    },
    /// Takes the reader's mains away, or gives it back; it has a battery.
    Power {
        /// The reader.
        name: String,
        /// Whether it has failed.
        failed: bool,
    },
    /// Opens or closes the reader's housing.
    Tamper {
        /// The reader.
        name: String,
        /// Whether it is open.
        open: bool,
    },
}

/// What one reader did or saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReaderReport {
    /// When, `CLOCK_MONOTONIC` nanoseconds.
    pub at_ns: u64,
    /// The reader.
    pub name: String,
    /// What.
    #[serde(flatten)]
    pub saw: ReaderSaw,
}

/// One happening at a reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "saw", rename_all = "kebab-case")]
pub enum ReaderSaw {
    /// It is powered and listens.
    Added,
    /// It is gone.
    Removed,
    /// The order could not be done.
    Refused {
        /// Why.
        why: String,
    },
    /// The panel polls it.
    Online,
    /// The panel stopped.
    Offline,
    /// The Secure Channel stands.
    Secure,
    /// The Secure Channel fell.
    Insecure,
    /// A card, key press or tamper was handed to libosdp to be sent.
    Submitted,
    /// LED command.
    Led {
        /// Which, from 0.
        led: u8,
        /// 0 leaves, 1 cancels, 2 sets the temporary state.
        temporary_code: u8,
        /// OSDP colour number.
        temporary_on_color: u8,
        /// In 100 ms.
        temporary_timer: u16,
        /// 0 leaves, 1 sets the permanent state.
        permanent_code: u8,
        /// OSDP colour number.
        permanent_on_color: u8,
    },
    /// Buzzer command.
    Buzzer {
        /// 1 off, 2 default tone.
        tone: u8,
        /// In 100 ms.
        on: u8,
        /// In 100 ms.
        off: u8,
        /// How often; 0 for ever.
        count: u8,
    },
    /// Text command.
    Text {
        /// What to show.
        text: String,
    },
    /// Output command.
    Output {
        /// Which, from 0.
        output: u8,
        /// OSDP control code.
        code: u8,
        /// In 100 ms.
        timer: u16,
    },
    /// Told to use other line parameters from now on.
    ComSet {
        /// The new address.
        address: u8,
        /// The new speed.
        baud: u32,
    },
    /// Given another Secure Channel key.
    KeySet {
        /// The key.
        key: KeyText,
    },
}

/// A control panel and the readers it shall drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PanelSpec {
    /// The serial device file.
    pub path: PathBuf,
    /// Its speed.
    pub baud: u32,
    /// The readers; `path` is not used.
    pub readers: Vec<ReaderSpec>,
}

/// What to do with the panel of one `peer-osdp panel`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum PanelOrder {
    /// Starts driving; once only.
    Start(PanelSpec),
    /// Turns a reader's LED to an OSDP colour for a time.
    Led {
        /// The reader.
        name: String,
        /// OSDP colour number.
        color: u8,
        /// In 100 ms.
        timer: u16,
    },
    /// Sounds a reader's buzzer once.
    Buzzer {
        /// The reader.
        name: String,
        /// In 100 ms.
        on: u8,
    },
    /// Gives a reader another Secure Channel key.
    KeySet {
        /// The reader.
        name: String,
        /// The key.
        key: KeyText,
    },
    /// Gives a reader other line parameters.
    ComSet {
        /// The reader.
        name: String,
        /// The new address.
        address: u8,
        /// The new speed.
        baud: u32,
    },
}

/// What the panel saw of one reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PanelReport {
    /// When, `CLOCK_MONOTONIC` nanoseconds.
    pub at_ns: u64,
    /// The reader, or empty for the panel itself.
    pub name: String,
    /// What.
    #[serde(flatten)]
    pub saw: PanelSaw,
}

/// One happening at the panel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "saw", rename_all = "kebab-case")]
pub enum PanelSaw {
    /// It drives the line.
    Started,
    /// The order could not be done.
    Refused {
        /// Why.
        why: String,
    },
    /// The reader answers.
    Online,
    /// It stopped.
    Offline,
    /// The Secure Channel stands.
    Secure,
    /// The Secure Channel fell.
    Insecure,
    /// A card was shown.
    Card {
        /// The card.
        bits: CardBits,
    },
    /// Keys were pressed.
    Keys {
        /// Which.
        keys: String,
    },
    /// Tamper and power, as reported.
    LocalStatus {
        /// The housing is open.
        tamper: bool,
        /// The power fails.
        power: bool,
    },
}
