//! The two check fields a frame may end in (SIA OSDP 2.2, clause 5.9 and annex C).

/// CRC-16 with polynomial 0x1021, initial value 0x1D0F, no reflection, no final inversion.
/// Sent least significant byte first.
#[must_use]
pub fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(CRC_INITIAL, |crc, byte| {
        (crc << 8) ^ CRC_TABLE[usize::from((crc >> 8) as u8 ^ byte)]
    })
}

/// The 8-bit checksum: the two's complement of the sum of all bytes.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u8 {
    bytes
        .iter()
        .fold(0u8, |sum, byte| sum.wrapping_add(*byte))
        .wrapping_neg()
}

const CRC_INITIAL: u16 = 0x1D0F;
const CRC_POLYNOMIAL: u16 = 0x1021;
const CRC_TABLE: [u16; 256] = crc_table();

const fn crc_table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut crc = (at as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ CRC_POLYNOMIAL
            };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::osdp::testing::hex;

    #[test]
    fn crc_of_the_standards_examples() {
        // SIA OSDP 2.x annex E: the check bytes as they stand on the wire.
        for (frame, check) in [
            ("53 7F 0D 00 04 6E 00 80 25 00 00", "6E 38"),
            ("53 00 09 00 04 61 00", "C0 66"),
        ] {
            assert_eq!(crc16(&hex(frame)).to_le_bytes().to_vec(), hex(check));
        }
    }

    #[test]
    fn checksum_of_the_standards_examples() {
        for (frame, check) in [
            ("53 7F 0C 00 00 6E 00 80 25 00 00", 0x0F),
            ("53 00 08 00 00 61 00", 0x44),
        ] {
            assert_eq!(checksum(&hex(frame)), check);
        }
    }

    #[test]
    fn nothing_has_the_initial_values() {
        assert_eq!((crc16(&[]), checksum(&[])), (0x1D0F, 0));
    }
}
