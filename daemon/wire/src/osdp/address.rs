//! The address of a peripheral device on its bus.

use core::fmt;

/// The address of one peripheral device (PD): 0 to 126 (SIA OSDP 2.2, clause 5.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(u8);

/// Why a number is no PD address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a reader address: allowed are 0 to 126")]
pub struct AddressError(pub u8);

/// The address that every PD answers to; only sensible with one PD on the line.
pub const BROADCAST: u8 = 0x7F;

impl Address {
    /// An address from 0 to 126; 127 is [`BROADCAST`].
    pub const fn new(address: u8) -> Result<Self, AddressError> {
        if address < BROADCAST {
            Ok(Self(address))
        } else {
            Err(AddressError(address))
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Address {
    type Error = AddressError;

    fn try_from(address: u8) -> Result<Self, AddressError> {
        Self::new(address)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.0)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcast_is_no_address_of_one_device() {
        assert_eq!(Address::new(126).map(Address::number), Ok(126));
        for wrong in [127, 128, 255] {
            assert_eq!(Address::new(wrong), Err(AddressError(wrong)));
        }
    }
}
