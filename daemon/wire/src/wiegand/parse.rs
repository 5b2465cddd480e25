//! Reads converter profiles.

use super::profile::{Checksum, ConverterProfile, Digits, Framing, LineRule, StxRule};
use super::registers::{BitOrder, RegisterMap};
use super::{CONVERTER_BYTES_MAX, ConverterErrors, FRAME_BITS_MAX, Keypad};
use crate::document::{Fields, Findings, read_document};

const NAME_CHARS_MAX: usize = 60;
const TEXT_CHARS_MAX: usize = 1000;
const MARK_CHARS_MAX: usize = 20;
/// Registers that one request may read (MODBUS Application Protocol Specification V1.1b3, 6.3).
const REGISTERS_MAX: u16 = 125;
const BAUDS: core::ops::RangeInclusive<u32> = 1200..=921_600;

pub(super) fn parse(text: &str) -> Result<ConverterProfile, ConverterErrors> {
    read_document(text, CONVERTER_BYTES_MAX, read_profile)
}

fn read_profile(root: &mut Fields<'_>, found: &mut Findings<'_>) -> Option<ConverterProfile> {
    let name = root.required_text("name", NAME_CHARS_MAX, found);
    let description = root.text("description", TEXT_CHARS_MAX, found);
    root.text("source", TEXT_CHARS_MAX, found);
    let baud = root.number("baud", BAUDS, found);
    let keypads = [
        ("none", Keypad::None),
        ("4_bit", Keypad::FourBits),
        ("8_bit", Keypad::EightBits),
        ("4_or_8_bit", Keypad::FourOrEightBits),
    ];
    let keypad = root.choice("keypad", &keypads, Keypad::None, found);
    let repeat_ms = root.number("repeat_ms", 0..=5000, found);
    let given = ["lines", "stx_etx", "modbus"];
    if given.iter().filter(|key| root.has(key)).count() != 1 {
        let message = "needs exactly one of the tables `lines`, `stx_etx` and `modbus`";
        found.add(0, "", message);
    }
    let lines = section(root, "lines", found, read_lines).map(Framing::Lines);
    let stx = section(root, "stx_etx", found, read_stx).map(Framing::Stx);
    let modbus = section(root, "modbus", found, read_modbus).map(Framing::Modbus);
    Some(ConverterProfile {
        name: name?.value.to_owned(),
        description: description.map(|text| text.value.to_owned()),
        baud: baud.map(|number| number.value),
        keypad,
        repeat_ms: repeat_ms.map_or(0, |number| number.value),
        framing: lines.or(stx).or(modbus)?,
    })
}

fn section<T>(
    root: &mut Fields<'_>,
    name: &'static str,
    found: &mut Findings<'_>,
    read: impl FnOnce(&mut Fields<'_>, &mut Findings<'_>) -> Option<T>,
) -> Option<T> {
    let mut fields = root.table(name, found)?;
    let section = read(&mut fields, found);
    fields.refuse_unknown(found);
    section
}

fn read_bits(fields: &mut Fields<'_>, found: &mut Findings<'_>) -> Option<u16> {
    let max = u32::try_from(FRAME_BITS_MAX).unwrap_or(u32::MAX);
    let bits = fields.number("bits", 1..=max, found)?;
    u16::try_from(bits.value).ok()
}

fn read_lines(fields: &mut Fields<'_>, found: &mut Findings<'_>) -> Option<LineRule> {
    let words = [
        ("hex", Digits::Hex),
        ("decimal", Digits::Decimal),
        ("bits", Digits::Bits),
    ];
    let digits = fields.choice("digits", &words, Digits::Hex, found);
    let bits = read_bits(fields, found);
    let mark = fields.text("count_before", 1, found);
    let count_before = mark.as_ref().and_then(|mark| mark.value.chars().next());
    if let Some(mark) = mark.filter(|mark| mark.value.chars().any(|c| c.is_ascii_hexdigit())) {
        let message = "is a digit, allowed is a mark such as \":\"".to_owned();
        found.add(mark.offset, fields.key("count_before"), message);
    }
    if digits == Digits::Decimal && bits.is_none() && count_before.is_none() {
        fields.missing(
            "bits",
            "the number of bits, which decimal digits do not tell",
            found,
        );
    }
    if digits == Digits::Decimal && bits.is_some_and(|bits| bits > 64) {
        let message = "is more than 64, which decimal digits cannot have".to_owned();
        found.add(fields.offset(), fields.key("bits"), message);
    }
    let mut around = |key| fields.text(key, MARK_CHARS_MAX, found);
    let prefix = around("prefix").map_or(String::new(), |text| text.value.to_owned());
    let suffix = around("suffix").map_or(String::new(), |text| text.value.to_owned());
    Some(LineRule {
        digits,
        bits,
        count_before,
        prefix,
        suffix,
    })
}

fn read_stx(fields: &mut Fields<'_>, found: &mut Findings<'_>) -> Option<StxRule> {
    let words = [("none", Checksum::None), ("xor", Checksum::Xor)];
    Some(StxRule {
        checksum: fields.choice("checksum", &words, Checksum::Xor, found),
        bits: read_bits(fields, found),
    })
}

fn read_modbus(fields: &mut Fields<'_>, found: &mut Findings<'_>) -> Option<RegisterMap> {
    let functions = [("holding", false), ("input", true)];
    let is_input = fields.choice("registers", &functions, false, found);
    let mut word = |key| {
        let number = fields.required_number(key, 0..=u32::from(u16::MAX), found)?;
        u16::try_from(number.value).ok()
    };
    let (sequence, bit_count, data) = (word("sequence"), word("bit_count"), word("data"));
    let data_count = fields.required_number("data_count", 1..=16, found);
    let orders = [
        ("first_high", BitOrder::FirstHigh),
        ("number_high_first", BitOrder::NumberHighFirst),
        ("number_low_first", BitOrder::NumberLowFirst),
    ];
    let order = fields.choice("order", &orders, BitOrder::FirstHigh, found);
    let poll_ms = fields.number("poll_ms", 10..=1000, found);
    let map = RegisterMap {
        is_input,
        sequence: sequence?,
        bit_count: bit_count?,
        data: data?,
        data_count: u16::try_from(data_count?.value).ok()?,
        order,
        poll_ms: poll_ms.map_or(50, |number| number.value),
    };
    let is_data = |register: u16| {
        register
            .checked_sub(map.data)
            .is_some_and(|at| at < map.data_count)
    };
    let at = fields.path().to_owned();
    if map.data.checked_add(map.data_count - 1).is_none() || map.span() > REGISTERS_MAX {
        let message = format!(
            "spans {} registers, one request reads {REGISTERS_MAX}",
            map.span()
        );
        found.add(fields.offset(), at, message);
    } else if map.sequence == map.bit_count || is_data(map.sequence) || is_data(map.bit_count) {
        let message = "uses a register twice, every one has one use".to_owned();
        found.add(fields.offset(), at, message);
    }
    Some(map)
}
