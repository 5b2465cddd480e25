//! Who a PD is and what it can do: PDID and PDCAP (SIA OSDP 2.2, clauses 7.4 and 7.5, annex B).

use super::few::Few;
use super::fields::{DecodeError, Fields};

/// What a PD says of itself in PDID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PdId {
    /// The manufacturer's IEEE OUI.
    pub vendor: [u8; 3],
    /// The manufacturer's model number.
    pub model: u8,
    /// The manufacturer's version of this model.
    pub version: u8,
    /// The serial number.
    pub serial: u32,
    /// Firmware: major, minor, build.
    pub firmware: [u8; 3],
}

impl PdId {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.vendor);
        out.extend([self.model, self.version]);
        out.extend(self.serial.to_le_bytes());
        out.extend(self.firmware);
    }

    pub(crate) fn decode(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            vendor: fields.array()?,
            model: fields.u8()?,
            version: fields.u8()?,
            serial: fields.u32()?,
            firmware: fields.array()?,
        })
    }
}

/// The functions a PD may have (SIA OSDP 2.2, annex B).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Function {
    /// Inputs.
    ContactStatus = 1,
    /// Outputs.
    OutputControl = 2,
    /// How cards are sent.
    CardFormat = 3,
    /// Lights.
    Led = 4,
    /// A buzzer.
    Buzzer = 5,
    /// A display.
    Text = 6,
    /// A clock.
    TimeKeeping = 7,
    /// CRC as well as checksum.
    CheckCharacter = 8,
    /// Secure Channel.
    Security = 9,
    /// The longest frame the PD takes.
    ReceiveBuffer = 10,
    /// The longest message in several parts.
    CombinedMessage = 11,
    /// Transparent smart-card mode.
    SmartCard = 12,
    /// Readers attached.
    Readers = 13,
    /// Biometrics.
    Biometrics = 14,
    /// Secure PIN entry.
    SecurePinEntry = 15,
    /// The version of OSDP.
    Version = 16,
}

/// One record of PDCAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capability {
    /// The function's number; [`Function`] has the known ones.
    pub function: u8,
    /// How far the function goes; 0 is not at all.
    pub compliance: u8,
    /// How many there are.
    pub count: u8,
}

impl Capability {
    /// A record for a known function.
    #[must_use]
    pub const fn new(function: Function, compliance: u8, count: u8) -> Self {
        Self {
            function: function as u8,
            compliance,
            count,
        }
    }
}

/// The most records kept of one PDCAP; what is beyond is not looked at.
pub const MAX_CAPABILITIES: usize = 32;

/// The shortest frame every PD must be able to take, in bytes (SIA OSDP 2.2, clause 5.6).
pub const LEAST_RECEIVE_BUFFER: usize = 128;

/// All a PD can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities(Few<Capability, MAX_CAPABILITIES>);

impl Capabilities {
    /// From records; those beyond [`MAX_CAPABILITIES`] are left out.
    #[must_use]
    pub fn new(records: impl IntoIterator<Item = Capability>) -> Self {
        let mut list = Few::new();
        for record in records.into_iter().take(MAX_CAPABILITIES) {
            let _ = list.push(record);
        }
        Self(list)
    }

    /// The records, in the order they came in.
    #[must_use]
    pub fn records(&self) -> &[Capability] {
        &self.0
    }

    /// The record of a function, if there is one.
    #[must_use]
    pub fn find(&self, function: Function) -> Option<&Capability> {
        self.0
            .iter()
            .find(|record| record.function == function as u8)
    }

    /// Whether the PD has a function at all.
    #[must_use]
    pub fn has(&self, function: Function) -> bool {
        self.find(function)
            .is_some_and(|record| record.compliance > 0)
    }

    /// Whether the PD speaks Secure Channel with AES-128.
    #[must_use]
    pub fn has_secure_channel(&self) -> bool {
        self.find(Function::Security)
            .is_some_and(|record| record.compliance & 1 != 0)
    }

    /// The longest frame the PD takes, in bytes; [`LEAST_RECEIVE_BUFFER`] if it does not say.
    #[must_use]
    pub fn receive_buffer(&self) -> usize {
        let said = self.find(Function::ReceiveBuffer).map_or(0, |record| {
            usize::from(u16::from_le_bytes([record.compliance, record.count]))
        });
        said.max(LEAST_RECEIVE_BUFFER)
    }

    /// How many of a function there are; 0 without the function.
    #[must_use]
    pub fn count(&self, function: Function) -> u8 {
        self.find(function)
            .filter(|record| record.compliance > 0)
            .map_or(0, |record| record.count)
    }
}
