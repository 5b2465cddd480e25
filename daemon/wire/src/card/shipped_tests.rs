//! The shipped table: published cards, and what must hold for every format of it.

use proptest::prelude::*;

use super::*;

fn shipped() -> FormatTable {
    FormatTable::built_in().unwrap_or_else(|problems| panic!("{problems}"))
}

/// A card from its text of `0` and `1`, or from the low bits of hexadecimal digits.
fn card(bit_count: usize, text: &str) -> Vec<u8> {
    let digits: String = match text.strip_prefix("0x") {
        None => text.replace(' ', ""),
        Some(hex) => {
            let nibble = |digit: char| format!("{:04b}", digit.to_digit(16).unwrap());
            let all: String = hex.chars().map(nibble).collect();
            all[all.len() - bit_count..].to_owned()
        }
    };
    assert_eq!(digits.len(), bit_count, "{text}");
    let mut bytes = vec![0; bit_count.div_ceil(8)];
    for (at, digit) in digits.bytes().enumerate() {
        bytes[at / 8] |= (digit - b'0') << (7 - at % 8);
    }
    bytes
}

/// Cards that others have published with their numbers.
const PUBLISHED: &[(&str, usize, &str, Option<u32>, u64)] = &[
    // Proxmark3, tools/pm3_tests.sh and the help of `lf hid`.
    ("H10301", 26, "0x2006F623AE", Some(123), 4567),
    ("H10301", 26, "0x2006EC0C86", Some(118), 1603),
    ("C1k48s", 48, "0x00A4550148AB", Some(42_069), 42_069),
    ("P10001", 40, "0xF0760643C3", Some(118), 1603),
    ("Verkada40", 40, "0x86400007D3", Some(50), 1001),
    ("Verkada40", 40, "0x86400007D9", Some(50), 1004),
    ("Verkada40", 40, "0x8A20002721", Some(81), 5008),
    ("IR56", 56, "0x00007B0000007B", Some(123), 123),
    // accessgrid.com, Examples of every access control bit format.
    ("H10301", 26, "10010101000000000010001010", Some(42), 69),
    ("Ind26", 26, "10000001010100000010001010", Some(42), 69),
    ("Ind27", 27, "000000010101000000001000101", Some(42), 69),
    // Hikvision, Wiegand Camera operation manual.
    (
        "WIE34",
        34,
        "1 0100100110010110 0000001011010010 0",
        None,
        1_234_567_890,
    ),
];

#[test]
fn published_cards_are_read_and_written() {
    let table = shipped();
    for &(format, bit_count, text, facility, number) in PUBLISHED {
        let bytes = card(bit_count, text);
        let mut readings = table.decode(bit_count, &bytes);
        let read = readings.find(|reading| reading.format == format);
        let read = read.map(|reading| (reading.facility, reading.number));
        assert_eq!(read, Some((facility, number)), "{format} {text}");
        let fields = CardFields {
            facility,
            number,
            ..CardFields::default()
        };
        let written = table.encode(format, &fields).unwrap();
        assert_eq!(written.bytes(), bytes, "{format} {text}");
    }
}

#[test]
fn every_format_says_what_it_is_and_where_it_is_from() {
    let table = shipped();
    assert!(table.formats().count() >= 50);
    for format in table.formats() {
        assert!(!format.description().is_empty(), "{}", format.name());
        assert!(!format.source().is_empty(), "{}", format.name());
    }
}

#[test]
fn a_site_uses_what_it_names_or_what_is_not_rare() {
    let table = shipped();
    let names = |table: &FormatTable| -> Vec<String> {
        let names = table.formats().map(|format| format.name().to_owned());
        names.collect()
    };
    let usual = ["H10301", "H10306", "C1k35s", "H10302", "H10304", "C1k48s"];
    assert_eq!(names(&table.in_use(None).unwrap()), usual);
    // In the order of the table; other names and other letters count; none is a choice, too.
    let named = ["actphid", "H10301", "C15001"].map(str::to_owned);
    let used = table.in_use(Some(&named)).unwrap();
    assert_eq!(names(&used), ["H10301", "C15001"]);
    assert_eq!(names(&table.in_use(Some(&[])).unwrap()).len(), 0);
    let wrong = ["H10301", "H1031", "x"].map(str::to_owned);
    let error = table.in_use(Some(&wrong)).unwrap_err();
    assert_eq!(error.to_string(), "there is no card format `H1031`, `x`");
}

#[test]
fn a_card_is_shown_with_all_its_readings() {
    let table = shipped();
    let check = |text: &str, expect: &[(&str, &[&str])]| {
        let examined = table.examine(26, &card(26, text));
        let found: Vec<_> = examined
            .iter()
            .map(|each| {
                let faults = each.faults.iter().map(ToString::to_string);
                (each.format.name(), faults.collect::<Vec<_>>())
            })
            .collect();
        let expect: Vec<_> = expect
            .iter()
            .map(|(name, faults)| (*name, faults.iter().map(ToString::to_string).collect()))
            .collect();
        assert_eq!(found, expect, "{text}");
    };
    check(
        "10010101000000000010001010",
        &[("H10301", &[]), ("Ind26", &[])],
    );
    let last = ["parity bit 26 is wrong"];
    check(
        "10010101000000000010001011",
        &[("H10301", &last), ("Ind26", &last)],
    );
    let both = ["parity bit 1 is wrong", "parity bit 26 is wrong"];
    check(
        "00010101000000000010001011",
        &[("H10301", &both), ("Ind26", &both)],
    );
    let faults = |name: &str, bit_count: usize, text: &str| -> Vec<Fault> {
        let bytes = card(bit_count, text);
        let mut examined = table.examine(bit_count, &bytes).into_iter();
        examined
            .find(|each| each.format.name() == name)
            .unwrap()
            .faults
    };
    let fixed = Fault::Fixed {
        bits: "1, 3-4".to_owned(),
    };
    assert_eq!(faults("P10001", 40, "0x4076064373"), [fixed]);
    // A first digit of 10, with parities that fit.
    let card = "1010 0010 0011 0100 0101 0110 0111 1000 0 1 1 1";
    assert_eq!(faults("H10320", 36, card), [Fault::NotDecimal]);
    assert!(table.examine(25, &[0; 4]).is_empty());
    assert!(table.examine(26, &[0; 3]).is_empty());
}

#[test]
fn an_issue_level_and_a_makers_code_are_no_part_of_the_number() {
    let table = shipped();
    let check = |format: &str, given: CardFields, expect: (Option<u32>, Option<u32>)| {
        let written = table.encode(format, &given).unwrap();
        let mut readings = table.decode(written.bit_count(), written.bytes());
        let read = readings.find(|reading| reading.format == format).unwrap();
        assert_eq!((read.facility, read.number), (given.facility, given.number));
        assert_eq!((read.issue, read.oem), expect, "{format}");
    };
    let plain = CardFields {
        facility: Some(7),
        number: 1234,
        ..CardFields::default()
    };
    let with = |issue, oem| CardFields {
        issue,
        oem,
        ..plain
    };
    check("Kastle32", with(Some(3), None), (Some(3), None));
    check("Kastle32", plain, (Some(0), None));
    // Proxmark3 writes 900 into a C15001 card without a maker's code.
    check("C15001", plain, (None, Some(900)));
    check("C15001", with(None, Some(5)), (None, Some(5)));
    let refused =
        |format: &str, fields: &CardFields| table.encode(format, fields).unwrap_err().to_string();
    assert_eq!(
        refused("H10301", &with(Some(1), None)),
        "a card of format `H10301` has no issue level"
    );
    assert_eq!(
        refused("Kastle32", &with(Some(32), None)),
        "issue level of format `Kastle32` is too large, 0 to 31 are allowed"
    );
}

#[test]
fn a_makers_code_that_does_not_fit_is_told() {
    let text = "[[format]]\nname = \"x\"\nbits = 8\nnumber = \"3-8\"\noem = \"1-2\"\noem_usual = 4";
    let problems = FormatTable::parse(text).unwrap_err().to_string();
    assert_eq!(
        problems,
        "line 6: `format[0] (x).oem_usual` is 4, at most 3 fits into `oem`"
    );
}

#[test]
fn other_names_are_names() {
    let one = |name: &str, also: &str| {
        format!("[[format]]\nname = \"{name}\"\nalso = [\"{also}\"]\nbits = 4\nnumber = \"1-4\"\n")
    };
    let problems = |text: String| FormatTable::parse(&text).unwrap_err().to_string();
    assert_eq!(
        problems(one("a", "b") + &one("c", "B")),
        "line 6: `format[1] (c).also` has `B`, which is the name of another format"
    );
    assert_eq!(
        problems(one("a", "two words")),
        "line 1: `format[0] (a).also` has \"two words\", allowed are 1 to 15 printable ASCII \
         characters without space"
    );
}

fn fields(format: &FormatInfo<'_>, seed: [u64; 4]) -> CardFields {
    let below = |max: u64, seed: u64| {
        if max == u64::MAX {
            seed
        } else {
            seed % (max + 1)
        }
    };
    let small = |max: Option<u32>, seed| {
        max.map(|max| u32::try_from(below(u64::from(max), seed)).unwrap_or(0))
    };
    CardFields {
        facility: small(format.facility_max(), seed[0]),
        number: below(format.number_max(), seed[1]),
        issue: small(format.issue_max(), seed[2]),
        oem: small(format.oem_max(), seed[3]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_format_round_trips_and_refuses_an_error_in_one_checked_bit(seed in any::<[u64; 4]>()) {
        let table = shipped();
        for format in table.formats() {
            let own = table.in_use(Some(&[format.name().to_owned()])).unwrap();
            let fields = fields(&format, seed);
            let card = own.encode(format.name(), &fields).unwrap();
            let read: Vec<_> = own.decode(card.bit_count(), card.bytes()).collect();
            let expect = Reading {
                format: format.name(),
                facility: fields.facility,
                number: fields.number,
                issue: fields.issue,
                oem: fields.oem,
            };
            prop_assert_eq!(&read, &vec![expect]);
            prop_assert_eq!(own.encode(format.name(), &fields).unwrap(), card);
            for at in format.checked_bits() {
                let mut bytes = card.bytes().to_vec();
                bytes[at / 8] ^= 0x80 >> (at % 8);
                prop_assert_eq!(own.decode(card.bit_count(), &bytes).count(), 0, "{} bit {}", format.name(), at + 1);
            }
        }
    }
}
