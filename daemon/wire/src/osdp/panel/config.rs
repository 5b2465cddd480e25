//! What a bus consists of.

use crate::osdp::address::Address;
use crate::osdp::frame::Check;
use crate::osdp::secure::Scbk;
use crate::osdp::time::Baud;

/// The most PDs on one bus: every address but the broadcast one.
pub const MAX_READERS: usize = 127;

/// The most keys that a PD may have been given without anybody knowing whether it took them.
pub const MAX_CANDIDATES: usize = 4;

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
    /// Keys it may have been given, as it is not known whether it took them: the newest last, at
    /// most [`MAX_CANDIDATES`]. They are tried before the one of `security`.
    pub candidates: Vec<Scbk>,
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
    /// Secure Channel, and it has no key yet: nothing but ID is sent, and nothing of it is accepted,
    /// until it is given one ([`super::ControlPanel::open_install`]).
    Unkeyed,
}

impl Security {
    pub(crate) const fn key(&self) -> Option<&Scbk> {
        match self {
            Self::Clear | Self::Unkeyed => None,
            Self::Required(key) => Some(key),
        }
    }

    pub(crate) const fn is_clear(&self) -> bool {
        matches!(self, Self::Clear)
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
            candidates: Vec::new(),
            check: Check::Crc,
        });
        self
    }

    /// With another key that the PD added last may have been given.
    #[must_use]
    pub fn with_candidate(mut self, key: Scbk) -> Self {
        if let Some(reader) = self.readers.last_mut() {
            reader.candidates.push(key);
        }
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
            let keys = reader.security.key().into_iter().chain(&reader.candidates);
            if keys.into_iter().any(Scbk::is_weak) {
                return Err(ConfigError::WeakKey(address));
            }
            if reader.candidates.len() > MAX_CANDIDATES {
                return Err(ConfigError::TooManyCandidates(address));
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
    /// More keys than a PD is tried with.
    #[error("reader `{0}` has more than {MAX_CANDIDATES} keys that it may have been given")]
    TooManyCandidates(Address),
}
