//! What a bus consists of.

use crate::osdp::address::Address;
use crate::osdp::frame::Check;
use crate::osdp::secure::Scbk;
use crate::osdp::time::Baud;

/// The most PDs on one bus: every address but the broadcast one.
pub const MAX_READERS: usize = 127;

/// One bus: a serial line and the PDs on it.
#[derive(Debug, Clone)]
pub struct BusConfig {
    /// The baud rate of the line.
    pub baud: Baud,
    /// The PDs, at most [`MAX_READERS`], each with an address of its own.
    pub readers: Vec<PdConfig>,
    /// How many bytes' time the line rests between a reply and the next command. The standard's
    /// figure is 2; 0 where the way from the last byte to this machine already takes longer, as it
    /// does behind a USB adapter.
    pub idle_bytes: u8,
    /// Whether a mark goes in front of each command.
    pub mark: Mark,
}

/// Whether a byte of 0xFF goes in front of each frame.
///
/// It costs its time on the line twice for each exchange, since PDs answer in kind. It is worth it:
/// some transceivers need it to have the line driven in time, and some PDs look for a frame's first
/// byte inside the replies of their neighbours (libosdp up to 3.2.9 does). Where such a reply ends in
/// 0x53, they take the command after it for its header and are deaf for 200 ms, all at once. With a
/// mark in front of the command that header has an impossible length, and is dropped at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mark {
    /// None.
    Omit,
    /// One byte.
    #[default]
    Send,
}

/// One PD on a bus.
#[derive(Debug, Clone)]
pub struct PdConfig {
    /// Its address.
    pub address: Address,
    /// Whether it must speak Secure Channel, and with which key.
    pub security: Security,
    /// The check field of commands. Replies with a CRC are always taken, such with a checksum only
    /// if this is [`Check::Checksum`].
    pub check: Check,
}

/// Whether a PD must speak Secure Channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Security {
    /// Everything goes in clear.
    Clear,
    /// Secure Channel with this key. Nothing but ID, CHLNG and SCRYPT is sent outside of it, and
    /// nothing but their replies is accepted.
    Required(Scbk),
    /// Like [`Security::Required`], but a PD that does not have the key yet is given it over a
    /// session with the default key SCBK-D. Whoever listens to that exchange knows the key: do it on
    /// a line nobody else can reach. It ends with the first session with this key.
    Install(Scbk),
}

impl Security {
    pub(crate) const fn key(&self) -> Option<&Scbk> {
        match self {
            Self::Clear => None,
            Self::Required(key) | Self::Install(key) => Some(key),
        }
    }
}

impl BusConfig {
    /// A bus with the standard's rest between frames, with marks and without PDs.
    #[must_use]
    pub const fn new(baud: Baud) -> Self {
        Self {
            baud,
            readers: Vec::new(),
            idle_bytes: 2,
            mark: Mark::Send,
        }
    }

    /// With one more PD, which uses CRC.
    #[must_use]
    pub fn with_reader(mut self, address: Address, security: Security) -> Self {
        self.readers.push(PdConfig {
            address,
            security,
            check: Check::Crc,
        });
        self
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if self.readers.is_empty() || self.readers.len() > MAX_READERS {
            return Err(ConfigError::ReaderCount(self.readers.len()));
        }
        for (at, reader) in self.readers.iter().enumerate() {
            let address = reader.address;
            if self.readers[..at]
                .iter()
                .any(|other| other.address == address)
            {
                return Err(ConfigError::AddressTwice(address));
            }
            if reader.security.key().is_some_and(Scbk::is_weak) {
                return Err(ConfigError::WeakKey(address));
            }
        }
        Ok(())
    }
}

/// Why a bus cannot be as configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No PD, or too many.
    #[error("bus has {0} readers, 1 to {MAX_READERS} are allowed")]
    ReaderCount(usize),
    /// Two PDs with one address.
    #[error("reader address `{0}` is used twice on one bus")]
    AddressTwice(Address),
    /// SCBK-D or a key of the kind found in manuals.
    #[error(
        "reader `{0}` has a key that is publicly known or evenly patterned, a random one is needed"
    )]
    WeakKey(Address),
}
