//! What a peripheral device is.

use crate::osdp::address::Address;
use crate::osdp::identity::{Capabilities, Capability, Function, PdId};
use crate::osdp::secure::Scbk;
use crate::osdp::time::Baud;

/// A peripheral device.
#[derive(Debug, Clone)]
pub struct DeviceConfig {
    /// Its address.
    pub address: Address,
    /// The baud rate of its line.
    pub baud: Baud,
    /// The highest baud rate it takes; told a higher one, it answers that it stays where it is.
    pub fastest: Baud,
    /// Who it is.
    pub id: PdId,
    /// What it can do. The counts of inputs and outputs come from here.
    pub capabilities: Capabilities,
    /// Its key, and what it insists on.
    pub security: DeviceSecurity,
    /// How long it takes from the end of a command to the start of its reply, in microseconds.
    pub turnaround_us: u64,
}

/// A device's stance on Secure Channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceSecurity {
    /// It does not speak Secure Channel.
    Unsupported,
    /// Install mode: it has no key yet, speaks Secure Channel with the default key SCBK-D, and
    /// everything in clear, too. KEYSET ends this.
    Install,
    /// It has a key, and also serves panels that talk in clear.
    Keyed(Scbk),
    /// It has a key, and outside of a Secure Channel answers only ID, CAP, CHLNG and SCRYPT.
    Required(Scbk),
}

impl DeviceConfig {
    /// A reader with two lights, a buzzer, a display, a keypad, two inputs and two outputs that
    /// answers at once.
    #[must_use]
    pub fn reader(address: Address, baud: Baud, security: DeviceSecurity) -> Self {
        let has_security = u8::from(security != DeviceSecurity::Unsupported);
        let id = PdId {
            vendor: [0x00, 0x06, 0x8E],
            model: 1,
            version: 1,
            serial: u32::from(address.number()),
            firmware: [1, 0, 0],
        };
        let capabilities = Capabilities::new([
            Capability::new(Function::ContactStatus, 1, 2),
            Capability::new(Function::OutputControl, 1, 2),
            Capability::new(Function::CardFormat, 1, 0),
            Capability::new(Function::Led, 4, 2),
            Capability::new(Function::Buzzer, 2, 1),
            Capability::new(Function::Text, 1, 1),
            Capability::new(Function::CheckCharacter, 1, 0),
            Capability::new(Function::Security, has_security, has_security),
            // 1440, low byte first.
            Capability::new(Function::ReceiveBuffer, 0xA0, 0x05),
            Capability::new(Function::Readers, 0, 1),
            Capability::new(Function::Version, 2, 0),
        ]);
        Self {
            address,
            baud,
            fastest: Baud::ALL[Baud::ALL.len() - 1],
            id,
            capabilities,
            security,
            turnaround_us: 0,
        }
    }
}
