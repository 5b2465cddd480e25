use doorward_core::card::{CardBits, CardNumber, CardRead};
use doorward_wire::card::FormatTable;

/// Reads card bits with every format of their length.
#[derive(Debug)]
pub struct CardReader {
    formats: FormatTable,
}

impl CardReader {
    /// A reader of these formats.
    #[must_use]
    pub const fn new(formats: FormatTable) -> Self {
        Self { formats }
    }

    /// All that `bits` can mean. Allocates nothing.
    #[must_use]
    pub fn read(&self, bits: CardBits) -> CardRead {
        let readings = self.formats.decode(bits.len(), bits.bytes());
        CardRead::new(
            bits,
            readings.filter_map(|reading| {
                Some(CardNumber {
                    format: reading.format.parse().ok()?,
                    facility: reading.facility,
                    number: reading.number,
                })
            }),
        )
    }
}
