use doorward_core::card::{CardBits, CardNumber, CardRead};
use doorward_wire::card::{FormatTable, UnknownFormats};

/// Reads card bits with every format of their length that is in use at the site.
#[derive(Debug)]
pub struct CardReader {
    table: FormatTable,
    in_use: FormatTable,
}

impl CardReader {
    /// A reader of the formats of `table` that the site names, or without names of all that are not
    /// rare.
    pub fn new(table: FormatTable, names: Option<&[String]>) -> Result<Self, UnknownFormats> {
        let in_use = table.in_use(names)?;
        Ok(Self { table, in_use })
    }

    /// All that `bits` can mean. Allocates nothing.
    #[must_use]
    pub fn read(&self, bits: CardBits) -> CardRead {
        let readings = self.in_use.decode(bits.len(), bits.bytes());
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

    /// The whole table, in use or not.
    #[must_use]
    pub const fn table(&self) -> &FormatTable {
        &self.table
    }

    /// Whether the format of this name is in use at the doors.
    #[must_use]
    pub fn is_in_use(&self, format: &str) -> bool {
        self.in_use.format(format).is_some()
    }
}
