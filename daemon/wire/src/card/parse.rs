//! Reads the table of formats.

use super::format::{Coding, Field, Format, Parity};
use super::positions::{BitSet, parse_positions, shown_positions};
use super::{
    CARD_BITS_MAX, FORMAT_NAME_CHARS_MAX, FORMAT_NAMES_MAX, FORMATS_MAX, FORMATS_PER_LENGTH_MAX,
    FormatErrors, FormatTable, PARITIES_MAX, TABLE_BYTES_MAX,
};
use crate::document::{Fields, Findings, Located, read_document};

/// The longest list of bit positions, description or source, in characters.
const TEXT_CHARS_MAX: usize = 1000;
const NAME_RULE: &str = "1 to 15 printable ASCII characters without space";
/// The most tables of fixed bits in one format.
const FIXED_MAX: usize = 16;
/// Of a facility code, an issue level, a maker's code.
const SMALL_BITS_MAX: usize = 32;
const NUMBER_BITS_MAX: usize = 64;

pub(super) fn parse(text: &str) -> Result<FormatTable, FormatErrors> {
    read_document(text, TABLE_BYTES_MAX, |root, found| {
        let mut formats: Vec<Format> = Vec::new();
        let mut all_read = true;
        for mut fields in root.tables("format", FORMATS_MAX, found) {
            let format = read_format(&mut fields, found);
            fields.refuse_unknown(found);
            all_read &= format.is_some();
            if let Some(format) = format {
                check_among(&format, &formats, &fields, found);
                formats.push(format);
            }
        }
        all_read.then(|| FormatTable {
            formats: formats.into(),
        })
    })
}

/// What a format must not have in common with those before it.
fn check_among(format: &Format, before: &[Format], fields: &Fields<'_>, found: &mut Findings<'_>) {
    if before.iter().any(|other| other.is_called(&format.name)) {
        let message = "stands twice, every name is allowed once".to_owned();
        found.add(fields.offset(), fields.key("name"), message);
    }
    let taken = |name: &str| before.iter().any(|other| other.is_called(name));
    if let Some(also) = format.also.iter().find(|also| taken(also)) {
        let message = format!("has `{also}`, which is the name of another format");
        found.add(fields.offset(), fields.key("also"), message);
    }
    let same_length = |other: &&Format| other.bit_count == format.bit_count;
    if before.iter().filter(same_length).count() == FORMATS_PER_LENGTH_MAX {
        let message = format!(
            "is the length of more than {FORMATS_PER_LENGTH_MAX} formats, {FORMATS_PER_LENGTH_MAX} are allowed"
        );
        found.add(fields.offset(), fields.key("bits"), message);
    }
}

fn read_format(fields: &mut Fields<'_>, found: &mut Findings<'_>) -> Option<Format> {
    let count_before = found.count();
    let name = read_name(fields, found);
    let also = read_also(fields, found);
    let description = fields.text("description", TEXT_CHARS_MAX, found);
    let source = fields.text("source", TEXT_CHARS_MAX, found);
    let text = |text: Option<Located<&str>>| text.map_or("", |text| text.value).into();
    let (description, source) = (text(description), text(source));
    let is_rare = fields.flag("rare", false, found);
    let bits_max = u32::try_from(CARD_BITS_MAX).unwrap_or(u32::MAX);
    let bit_count = fields.required_number("bits", 1..=bits_max, found);
    let mut roles = Roles {
        // Without a length, what stands in the bit lists is checked all the same.
        bit_count: bit_count
            .as_ref()
            .map_or(CARD_BITS_MAX, |bits| bits.value as usize),
        ..Roles::default()
    };
    let facility = read_field(fields, &FACILITY, &mut roles, found);
    if !fields.has("number") {
        fields.missing("number", "a list of bits such as \"10-25\"", found);
    }
    let number = read_field(fields, &NUMBER, &mut roles, found);
    let issue = read_field(fields, &ISSUE, &mut roles, found);
    let oem = read_field(fields, &OEM, &mut roles, found);
    let oem_usual = fields.number("oem_usual", 0..=u32::MAX, found);
    if let (Some(usual), Some(oem)) = (&oem_usual, &oem) {
        let max = oem.as_ref().map_or(0, Field::max);
        if u64::from(usual.value) > max {
            let message = format!("is {}, at most {max} fits into `oem`", usual.value);
            found.add(usual.offset, fields.key("oem_usual"), message);
        }
    }
    let fixed = read_fixed(fields, &mut roles, found);
    if let Some(unused) = fields.text("unused", TEXT_CHARS_MAX, found) {
        roles.take(&unused, &fields.key("unused"), found);
    }
    let parities = read_parities(fields, &mut roles, found);
    let bit_count = bit_count?.value;
    // After another mistake, bits without a role are its consequence.
    if found.count() == count_before {
        roles.check_complete(fields, found);
    }
    let (fixed_mask, fixed_bits) = fixed?;
    Some(Format {
        name: name?,
        also: also?,
        description,
        source,
        is_rare,
        bit_count: u16::try_from(bit_count).ok()?,
        facility: facility?,
        number: number??,
        issue: issue?,
        oem: oem?,
        oem_usual: oem_usual.map_or(0, |usual| usual.value),
        parities: parities?,
        fixed_mask,
        fixed_bits,
    })
}

fn read_name(fields: &mut Fields<'_>, found: &mut Findings<'_>) -> Option<Box<str>> {
    let name = fields.required_text("name", TEXT_CHARS_MAX, found)?;
    if !is_name(name.value) {
        let shown: String = name.value.chars().take(40).collect();
        let message = format!("is {shown:?}, allowed are {NAME_RULE}");
        found.add(name.offset, fields.key("name"), message);
        return None;
    }
    fields.rename(format!("{} ({})", fields.path(), name.value));
    Some(name.value.into())
}

/// Other names of the same layout.
fn read_also(fields: &mut Fields<'_>, found: &mut Findings<'_>) -> Option<Box<[Box<str>]>> {
    let names = fields.texts("also", FORMAT_NAMES_MAX, found);
    if let Some(wrong) = names.iter().find(|name| !is_name(name)) {
        let shown: String = wrong.chars().take(40).collect();
        let message = format!("has {shown:?}, allowed are {NAME_RULE}");
        found.add(fields.offset(), fields.key("also"), message);
        return None;
    }
    Some(names.into_iter().map(String::into_boxed_str).collect())
}

/// Whether a text can be the name of a format.
fn is_name(name: &str) -> bool {
    (1..=FORMAT_NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The keys of a field and its bounds.
struct FieldKeys {
    bits: &'static str,
    coding: &'static str,
    bits_max: usize,
}

const FACILITY: FieldKeys = FieldKeys {
    bits: "facility",
    coding: "facility_coding",
    bits_max: SMALL_BITS_MAX,
};
const ISSUE: FieldKeys = FieldKeys {
    bits: "issue",
    coding: "issue_coding",
    bits_max: SMALL_BITS_MAX,
};
const OEM: FieldKeys = FieldKeys {
    bits: "oem",
    coding: "oem_coding",
    bits_max: SMALL_BITS_MAX,
};
const NUMBER: FieldKeys = FieldKeys {
    bits: "number",
    coding: "number_coding",
    bits_max: NUMBER_BITS_MAX,
};

/// `Some(None)` when the format has no such field, `None` when it is wrong.
#[allow(clippy::option_option, reason = "absent and wrong differ")]
fn read_field(
    fields: &mut Fields<'_>,
    keys: &FieldKeys,
    roles: &mut Roles,
    found: &mut Findings<'_>,
) -> Option<Option<Field>> {
    let coding = match fields.text(keys.coding, TEXT_CHARS_MAX, found) {
        None => Coding::Binary,
        Some(word) if word.value == "binary" => Coding::Binary,
        Some(word) if word.value == "bcd" => Coding::Bcd,
        Some(word) => {
            let message = "is another word, allowed are \"binary\" and \"bcd\"".to_owned();
            found.add(word.offset, fields.key(keys.coding), message);
            Coding::Binary
        }
    };
    if !fields.has(keys.bits) {
        fields.text(keys.bits, TEXT_CHARS_MAX, found);
        return Some(None);
    }
    let text = fields.text(keys.bits, TEXT_CHARS_MAX, found)?;
    let (key, offset) = (fields.key(keys.bits), text.offset);
    let positions = roles.take(&text, &key, found)?;
    if positions.len() > keys.bits_max {
        let message = format!(
            "has {} bits, at most {} are allowed",
            positions.len(),
            keys.bits_max
        );
        found.add(offset, key, message);
        return None;
    }
    if coding == Coding::Bcd && positions.len() % 4 != 0 {
        let message = format!("has {} bits, BCD needs 4 for every digit", positions.len());
        found.add(offset, key, message);
        return None;
    }
    Some(Some(Field {
        positions: positions.into(),
        coding,
    }))
}

/// The bits that are always the same, as mask and contents.
fn read_fixed(
    fields: &mut Fields<'_>,
    roles: &mut Roles,
    found: &mut Findings<'_>,
) -> Option<(BitSet, BitSet)> {
    let (mut mask, mut contents) = (BitSet::default(), BitSet::default());
    let mut all_read = true;
    for mut table in fields.tables("fixed", FIXED_MAX, found) {
        let bits = table.required_text("bits", TEXT_CHARS_MAX, found);
        let value = table.required_text("value", CARD_BITS_MAX, found);
        table.refuse_unknown(found);
        let positions = bits.and_then(|bits| roles.take(&bits, &table.key("bits"), found));
        let (Some(positions), Some(value)) = (positions, value) else {
            all_read = false;
            continue;
        };
        let digits = value.value.as_bytes();
        if digits.len() != positions.len() || digits.iter().any(|digit| !b"01".contains(digit)) {
            let message = format!("must be {} digits `0` or `1`, one a bit", positions.len());
            found.add(value.offset, table.key("value"), message);
            all_read = false;
        }
        for (&at, &digit) in positions.iter().zip(digits) {
            mask.set(at, true);
            contents.set(at, digit == b'1');
        }
    }
    all_read.then_some((mask, contents))
}

fn read_parities(
    fields: &mut Fields<'_>,
    roles: &mut Roles,
    found: &mut Findings<'_>,
) -> Option<Box<[Parity]>> {
    let tables = fields.tables("parity", PARITIES_MAX, found);
    let mut parities = Vec::new();
    let mut offsets = Vec::new();
    let mut all_read = true;
    for mut table in tables {
        let parity = read_parity(&mut table, roles, found);
        table.refuse_unknown(found);
        all_read &= parity.is_some();
        offsets.push((table.offset(), table.path().to_owned()));
        parities.extend(parity);
    }
    if !all_read {
        return None;
    }
    for (at, parity) in parities.iter().enumerate() {
        let later = parities[at..]
            .iter()
            .find(|later| parity.covered.has(later.at));
        if let Some(later) = later {
            let (offset, key) = offsets[at].clone();
            let later = usize::from(later.at) + 1;
            let message = format!(
                "covers parity bit {later}, allowed are parity bits that stand before it in the list"
            );
            found.add(offset, key, message);
            all_read = false;
        }
    }
    all_read.then(|| parities.into())
}

fn read_parity(
    table: &mut Fields<'_>,
    roles: &mut Roles,
    found: &mut Findings<'_>,
) -> Option<Parity> {
    let bits_max = u32::try_from(roles.bit_count).unwrap_or(u32::MAX);
    let at = table.required_number("bit", 1..=bits_max, found);
    let even = table.text("even", TEXT_CHARS_MAX, found);
    let odd = table.text("odd", TEXT_CHARS_MAX, found);
    if table.has("even") == table.has("odd") {
        let message = "needs either `even` or `odd`, with the bits covered".to_owned();
        found.add(table.offset(), table.path().to_owned(), message);
        return None;
    }
    let (name, is_odd) = if odd.is_some() {
        ("odd", true)
    } else {
        ("even", false)
    };
    let covered = even.or(odd)?;
    let offset = covered.offset;
    let covered = parse_positions(covered.value, roles.bit_count)
        .map_err(|message| found.add(offset, table.key(name), message))
        .ok()?;
    let at = at?;
    let position = u8::try_from(at.value - 1).ok()?;
    roles.mark(position, at.offset, &table.key("bit"), found)?;
    Some(Parity {
        at: position,
        covered: covered.into_iter().collect(),
        odd: is_odd,
    })
}

/// Which bits have a role already.
#[derive(Debug, Default)]
struct Roles {
    bit_count: usize,
    taken: BitSet,
}

impl Roles {
    /// The positions of a list, none of which may have a role yet.
    fn take(
        &mut self,
        text: &Located<&str>,
        key: &str,
        found: &mut Findings<'_>,
    ) -> Option<Vec<u8>> {
        let positions = parse_positions(text.value, self.bit_count)
            .map_err(|message| found.add(text.offset, key.to_owned(), message))
            .ok()?;
        for &at in &positions {
            self.mark(at, text.offset, key, found)?;
        }
        Some(positions)
    }

    fn mark(&mut self, at: u8, offset: usize, key: &str, found: &mut Findings<'_>) -> Option<()> {
        if self.taken.has(at) {
            let bit = usize::from(at) + 1;
            let message = format!("has bit {bit}, which has another role already");
            found.add(offset, key.to_owned(), message);
            return None;
        }
        self.taken.set(at, true);
        Some(())
    }

    /// A forgotten bit is a mistake in the table: nothing would ever check it.
    fn check_complete(&self, fields: &Fields<'_>, found: &mut Findings<'_>) {
        let idle: Vec<u8> = (0..self.bit_count)
            .filter_map(|at| u8::try_from(at).ok())
            .filter(|&at| !self.taken.has(at))
            .collect();
        if !idle.is_empty() {
            let message = format!(
                "has bits without a role: {}; put them into a field, `parity`, `fixed` or `unused`",
                shown_positions(idle.into_iter())
            );
            found.add(fields.offset(), fields.path().to_owned(), message);
        }
    }
}
