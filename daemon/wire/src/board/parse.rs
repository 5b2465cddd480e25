//! Reads board profiles.

use super::modbus::ModbusRequest;
use super::profile::{
    BoardProfile, Layout, LevelRead, LoopRule, OutputWrite, PulseWrite, ReadFunction, Transport,
    WriteFunction,
};
use super::{INPUTS_MAX, OUTPUTS_MAX, PROFILE_BYTES_MAX, ProfileErrors};
use crate::document::{Fields, Findings, read_document};

const NAME_CHARS_MAX: usize = 60;
const TEXT_CHARS_MAX: usize = 1000;
const GAP_MS_MAX: u32 = 1000;
const UNIT_MS_MAX: u32 = 60_000;
/// Between the slowest and fastest line that a board is shipped with.
const BAUDS: core::ops::RangeInclusive<u32> = 1200..=921_600;

pub(super) fn parse(text: &str) -> Result<BoardProfile, ProfileErrors> {
    read_document(text, PROFILE_BYTES_MAX, read_profile)
}

fn read_profile(root: &mut Fields<'_>, found: &mut Findings<'_>) -> Option<BoardProfile> {
    let name = root.required_text("name", NAME_CHARS_MAX, found);
    let description = root.text("description", TEXT_CHARS_MAX, found);
    root.text("source", TEXT_CHARS_MAX, found);
    let transports = read_transports(root, found);
    let baud = root.number("baud", BAUDS, found);
    let unit = root.number("unit", 1..=247, found);
    let gap_ms = root.number("gap_ms", 0..=GAP_MS_MAX, found);
    let outputs = root.required_number("outputs", 0..=u32::from(OUTPUTS_MAX), found);
    let inputs = root.required_number("inputs", 0..=u32::from(INPUTS_MAX), found);
    let outputs = outputs.and_then(|number| u16::try_from(number.value).ok());
    let inputs = inputs.and_then(|number| u16::try_from(number.value).ok());
    let outputs_read = outputs.unwrap_or(1);
    let write = section(root, "write", found, |fields, found| {
        read_write(fields, outputs_read, found)
    });
    let all_off = section(root, "all_off", found, read_all_off);
    let pulse = section(root, "pulse", found, |fields, found| {
        read_pulse(fields, outputs_read, found)
    });
    let read_back = section(root, "read_back", found, |fields, found| {
        read_levels(fields, outputs_read, found)
    });
    let input = section(root, "input", found, |fields, found| {
        read_levels(fields, inputs.unwrap_or(1), found)
    });
    check_whole(root, outputs, inputs, found);
    Some(BoardProfile {
        name: name?.value.to_owned(),
        description: description.map(|text| text.value.to_owned()),
        transports,
        baud: baud.map(|number| number.value),
        unit: unit.and_then(|number| u8::try_from(number.value).ok()),
        outputs: outputs?,
        inputs: inputs?,
        gap_ms: gap_ms.map_or(0, |number| number.value),
        write,
        all_off,
        pulse,
        read_back,
        input,
    })
}

/// Whether the sections are those that the counts call for.
fn check_whole(
    root: &Fields<'_>,
    outputs: Option<u16>,
    inputs: Option<u16>,
    found: &mut Findings<'_>,
) {
    let mut add = |key: &str, message: &str| found.add(0, key.to_owned(), message.to_owned());
    match outputs {
        Some(0) => {
            for key in ["write", "all_off", "pulse", "read_back"] {
                if root.has(key) {
                    add(key, "is of no use with `outputs = 0`");
                }
            }
        }
        Some(_) if !root.has("write") => {
            add("write", "is missing, needed to drive the outputs");
        }
        _ => {}
    }
    match inputs {
        Some(0) if root.has("input") => add("input", "is of no use with `inputs = 0`"),
        Some(0) if !root.has("read_back") => add(
            "read_back",
            "is missing, needed to see a board without inputs going away",
        ),
        Some(1..) if !root.has("input") => {
            add("input", "is missing, needed to read the inputs");
        }
        _ => {}
    }
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

fn read_transports(root: &mut Fields<'_>, found: &mut Findings<'_>) -> Vec<Transport> {
    let words = root.words("transports", &["rtu", "tcp"], found);
    let transports = words.into_iter().map(|word| match word {
        "tcp" => Transport::Tcp,
        _ => Transport::Rtu,
    });
    transports.collect()
}

/// A function code out of `allowed`.
fn read_function<T: Copy>(
    fields: &mut Fields<'_>,
    allowed: &[(u32, T)],
    found: &mut Findings<'_>,
) -> Option<T> {
    let number = fields.required_number("function", 1..=255, found)?;
    let function = allowed.iter().find(|(code, _)| *code == number.value);
    if function.is_none() {
        let codes: Vec<_> = allowed.iter().map(|(code, _)| code.to_string()).collect();
        let message = format!(
            "is {}, allowed is one of {}",
            number.value,
            codes.join(", ")
        );
        found.add(number.offset, fields.key("function"), message);
    }
    Some(function?.1)
}

/// An address from which `count` more follow.
fn read_address(fields: &mut Fields<'_>, count: u16, found: &mut Findings<'_>) -> Option<u16> {
    let last = u32::from(u16::MAX - count.saturating_sub(1));
    let number = fields.required_number("address", 0..=last, found)?;
    u16::try_from(number.value).ok()
}

fn read_word(fields: &mut Fields<'_>, name: &'static str, found: &mut Findings<'_>) -> Option<u16> {
    let number = fields.number(name, 0..=u32::from(u16::MAX), found)?;
    u16::try_from(number.value).ok()
}

fn read_write(
    fields: &mut Fields<'_>,
    outputs: u16,
    found: &mut Findings<'_>,
) -> Option<OutputWrite> {
    let functions = [
        (5, WriteFunction::Coil),
        (6, WriteFunction::Register),
        (15, WriteFunction::Coils),
    ];
    let function = read_function(fields, &functions, found);
    let address = read_address(fields, outputs, found);
    let default_on = match function {
        Some(WriteFunction::Register) => 1,
        _ => 0xFF00,
    };
    let on = read_word(fields, "on", found).unwrap_or(default_on);
    let off = read_word(fields, "off", found).unwrap_or(0);
    if on == off {
        let message = "is the same as `off`, allowed are different values".to_owned();
        found.add(fields.offset(), fields.key("on"), message);
    }
    let has_values = fields.has("on") || fields.has("off");
    if has_values && matches!(function, Some(WriteFunction::Coils)) {
        let message = "has `on` or `off`, which function 15 does not".to_owned();
        found.add(fields.offset(), fields.path().to_owned(), message);
    }
    Some(OutputWrite {
        function: function?,
        address: address?,
        on,
        off,
    })
}

fn read_all_off(fields: &mut Fields<'_>, found: &mut Findings<'_>) -> Option<ModbusRequest> {
    let functions = [(5, WriteFunction::Coil), (6, WriteFunction::Register)];
    let function = read_function(fields, &functions, found);
    let address = read_address(fields, 1, found);
    let value = read_word(fields, "value", found).unwrap_or(0);
    let address = address?;
    Some(match function? {
        WriteFunction::Register => ModbusRequest::WriteRegister { address, value },
        _ => ModbusRequest::WriteCoil { address, value },
    })
}

fn read_pulse(
    fields: &mut Fields<'_>,
    outputs: u16,
    found: &mut Findings<'_>,
) -> Option<PulseWrite> {
    let functions = [(5, WriteFunction::Coil), (6, WriteFunction::Register)];
    let function = read_function(fields, &functions, found);
    let address = read_address(fields, outputs, found);
    let unit_ms = fields.required_number("unit_ms", 1..=UNIT_MS_MAX, found);
    let units_max = fields.required_number("max", 1..=u32::from(u16::MAX), found);
    Some(PulseWrite {
        function: function?,
        address: address?,
        unit_ms: unit_ms?.value,
        units_max: u16::try_from(units_max?.value).ok()?,
    })
}

fn read_levels(fields: &mut Fields<'_>, count: u16, found: &mut Findings<'_>) -> Option<LevelRead> {
    let functions = [
        (1, ReadFunction::Coils),
        (2, ReadFunction::DiscreteInputs),
        (3, ReadFunction::HoldingRegisters),
        (4, ReadFunction::InputRegisters),
    ];
    let function = read_function(fields, &functions, found);
    let address = read_address(fields, count, found);
    let inverted = fields.flag("inverted", false, found);
    let layout = match function {
        Some(ReadFunction::HoldingRegisters | ReadFunction::InputRegisters) => {
            read_layout(fields, found)
        }
        _ => Some(Layout::Bits),
    };
    Some(LevelRead {
        function: function?,
        address: address?,
        count,
        layout: layout?,
        inverted,
    })
}

/// Where levels stand in registers.
fn read_layout(fields: &mut Fields<'_>, found: &mut Findings<'_>) -> Option<Layout> {
    let layout = fields.text("layout", TEXT_CHARS_MAX, found);
    match layout.map_or("packed", |word| word.value) {
        "packed" => {
            let first_bit = fields.number("first_bit", 0..=15, found);
            let first_bit = first_bit.and_then(|number| u16::try_from(number.value).ok());
            Some(Layout::Packed {
                first_bit: first_bit.unwrap_or(0),
            })
        }
        "register" => {
            let mask = fields.number("mask", 1..=u32::from(u16::MAX), found);
            let mask = mask.and_then(|number| u16::try_from(number.value).ok());
            Some(Layout::Register {
                mask: mask.unwrap_or(u16::MAX),
            })
        }
        "loop" => {
            let mut value = |key| {
                let number = fields.required_number(key, 1..=u32::from(u16::MAX) - 1, found)?;
                u16::try_from(number.value).ok()
            };
            let rule = LoopRule {
                short_below: value("short_below")?,
                closed_below: value("closed_below")?,
                cut_above: value("cut_above")?,
            };
            if rule.short_below >= rule.closed_below || rule.closed_below > rule.cut_above {
                let message = "has thresholds out of order, allowed is `short_below` < `closed_below` \
                               <= `cut_above`";
                found.add(fields.offset(), fields.path().to_owned(), message);
            }
            if fields.has("inverted") {
                let message = "is of no use on a loop: closed and open are told by its resistance";
                found.add(fields.offset(), fields.key("inverted"), message);
            }
            Some(Layout::Loop(rule))
        }
        _ => {
            let message =
                "is another word, allowed are \"packed\", \"register\" and \"loop\"".to_owned();
            found.add(fields.offset(), fields.key("layout"), message);
            None
        }
    }
}
