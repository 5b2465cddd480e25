use proptest::prelude::*;

use super::*;

/// HID Corporate 1000, 35 bit: a company code and three parities, two of them interleaved and one
/// over everything, parity bits included.
const CORPORATE_1000: &str = r#"
[[format]]
name = "C1k35s"
bits = 35
facility = "3-14"
number = "15-34"
parity = [
    { bit = 2, even = "3-4,6-7,9-10,12-13,15-16,18-19,21-22,24-25,27-28,30-31,33-34" },
    { bit = 35, odd = "2-3,5-6,8-9,11-12,14-15,17-18,20-21,23-24,26-27,29-30,32-33" },
    { bit = 1, odd = "2-35" },
]
"#;

/// HID H10320, 36 bit: eight decimal digits with column parities.
const BCD: &str = r#"
[[format]]
name = "H10320"
bits = 36
number = "1-32"
number_coding = "bcd"
parity = [
    { bit = 33, even = "1,5,9,13,17,21,25,29" },
    { bit = 34, odd = "2,6,10,14,18,22,26,30" },
    { bit = 35, even = "3,7,11,15,19,23,27,31" },
    { bit = 36, even = "4,8,12,16,20,24,28,32" },
]
"#;

/// Honeywell P10001, 40 bit: a fixed start, and a byte that is the XOR of the four before it,
/// which is eight parities.
const XOR: &str = r#"
[[format]]
name = "P10001"
bits = 40
facility = "5-16"
number = "17-32"
fixed = [{ bits = "1-4", value = "1111" }]
parity = [
    { bit = 33, even = "1,9,17,25" },
    { bit = 34, even = "2,10,18,26" },
    { bit = 35, even = "3,11,19,27" },
    { bit = 36, even = "4,12,20,28" },
    { bit = 37, even = "5,13,21,29" },
    { bit = 38, even = "6,14,22,30" },
    { bit = 39, even = "7,15,23,31" },
    { bit = 40, even = "8,16,24,32" },
]
"#;

/// Tecom, 27 bit: scattered bits, no parity.
const SCATTERED: &str = r#"
[[format]]
name = "Tecom27"
bits = 27
facility = "16,20,25,24,23,19,7,11,15,4,3"
number = "1-2,14-13,10,27,21,17-18,22,26,8-9,12,5-6"
"#;

fn table(text: &str) -> FormatTable {
    match FormatTable::parse(text) {
        Ok(table) => table,
        Err(problems) => panic!("{problems}"),
    }
}

/// The shipped table, of which the site uses H10301 alone.
fn built_in() -> FormatTable {
    let names = ["H10301".to_owned()];
    table(BUILT_IN).in_use(Some(&names)).unwrap()
}

fn encode(
    table: &FormatTable,
    format: &str,
    facility: Option<u32>,
    number: u64,
) -> Result<EncodedCard, EncodeError> {
    let fields = CardFields {
        facility,
        number,
        ..CardFields::default()
    };
    table.encode(format, &fields)
}

/// Left-aligned bytes of a text of `0` and `1`; spaces do not count.
fn bits(text: &str) -> (usize, Vec<u8>) {
    let digits: Vec<u8> = text.bytes().filter(|byte| b"01".contains(byte)).collect();
    let mut bytes = vec![0; digits.len().div_ceil(8)];
    for (at, digit) in digits.iter().enumerate() {
        bytes[at / 8] |= (digit - b'0') << (7 - at % 8);
    }
    (digits.len(), bytes)
}

fn readings(
    table: &FormatTable,
    (count, bytes): &(usize, Vec<u8>),
) -> Vec<(String, Option<u32>, u64)> {
    table
        .decode(*count, bytes)
        .map(|reading| (reading.format.to_owned(), reading.facility, reading.number))
        .collect()
}

fn check_card(table: &FormatTable, text: &str, format: &str, facility: Option<u32>, number: u64) {
    let card = bits(text);
    let expect = vec![(format.to_owned(), facility, number)];
    assert_eq!(readings(table, &card), expect, "{format}");
    let encoded = encode(table, format, facility, number).unwrap();
    assert_eq!(
        (encoded.bit_count(), encoded.bytes()),
        (card.0, &card.1[..]),
        "{format}"
    );
}

#[test]
fn published_cards_are_read_and_written() {
    let check = |text: &str, card: &str, format: &str, facility: Option<u32>, number: u64| {
        check_card(&table(text), card, format, facility, number);
    };
    // The 26 low bits of the HID card 2006F623AE, and the 35 low bits of 2D4A64FB8E.
    let h10301 = "1 01111011 0001000111010111 0";
    check_card(&built_in(), h10301, "H10301", Some(123), 4567);
    check(
        CORPORATE_1000,
        "1 0 101001010011 00100111110111000111 0",
        "C1k35s",
        Some(2643),
        163_271,
    );
    // By hand: digits 1 2 3 4 5 6 7 8, then column parities even, odd, even, even.
    check(
        BCD,
        "0001 0010 0011 0100 0101 0110 0111 1000 1 1 0 0",
        "H10320",
        None,
        12_345_678,
    );
    // By hand: F1 ^ 23 ^ 45 ^ 67 = F0.
    check(
        XOR,
        "1111 000100100011 0100010101100111 11110000",
        "P10001",
        Some(0x123),
        0x4567,
    );
}

#[test]
fn wrong_parity_fixed_bits_and_digits_are_refused() {
    let none = |text: &str, card: &str| assert_eq!(readings(&table(text), &bits(card)), []);
    assert_eq!(
        readings(&built_in(), &bits("0 01111011 0001000111010111 0")),
        []
    );
    none(BUILT_IN, "0 01111011 0001000111010111 0");
    none(XOR, "0111 000100100011 0100010101100111 11110000");
    // A first digit of 10, with parities that fit.
    none(BCD, "1010 0010 0011 0100 0101 0110 0111 1000 0 1 1 1");
}

#[test]
fn unknown_lengths_and_short_bytes_read_as_nothing() {
    let formats = built_in();
    for length in (0..=300).filter(|&length| length != 26) {
        assert_eq!(formats.decode(length, &[0; 40]).count(), 0, "{length}");
    }
    assert_eq!(formats.decode(26, &[0; 3]).count(), 0);
    assert_eq!(formats.decode(usize::MAX, &[0; 3]).count(), 0);
}

#[test]
fn bits_behind_the_last_do_not_count() {
    let formats = built_in();
    let encoded = encode(&formats, "H10301", Some(1), 2).unwrap();
    let mut bytes = encoded.bytes().to_vec();
    bytes[3] |= 0x3F;
    bytes.push(0xFF);
    assert_eq!(formats.decode(26, &bytes).count(), 1);
}

#[test]
fn cards_that_cannot_be_encoded_are_told() {
    let check = |text: &str, format: &str, facility, number, expect: &str| {
        let error = encode(&table(text), format, facility, number).unwrap_err();
        assert_eq!(error.to_string(), expect);
    };
    check(
        BUILT_IN,
        "H10399",
        None,
        1,
        "there is no card format `H10399`",
    );
    check(
        BUILT_IN,
        "H10301",
        None,
        1,
        "a card of format `H10301` needs a facility code, 0 to 255",
    );
    check(
        BUILT_IN,
        "H10301",
        Some(256),
        1,
        "facility code of format `H10301` is too large, 0 to 255 are allowed",
    );
    check(
        BUILT_IN,
        "H10301",
        Some(255),
        65_536,
        "card number of format `H10301` is too large, 0 to 65535 are allowed",
    );
    check(
        BCD,
        "H10320",
        Some(0),
        1,
        "a card of format `H10320` has no facility code",
    );
    check(
        BCD,
        "H10320",
        None,
        100_000_000,
        "card number of format `H10320` is too large, 0 to 99999999 are allowed",
    );
}

#[test]
fn debug_tells_no_card_number() {
    let formats = built_in();
    let encoded = encode(&formats, "H10301", Some(123), 4567).unwrap();
    assert_eq!(format!("{encoded:?}"), "EncodedCard(26 bits)");
    let reading = formats.decode(26, encoded.bytes()).next().unwrap();
    assert_eq!(format!("{reading:?}"), "Reading(H10301, …)");
}

#[test]
fn every_mistake_in_a_table_is_told_with_its_line() {
    let text = r#"
[[format]]
name = "two words"
bits = 26
number = "2-25"
parity = [{ bit = 1, even = "2-13" }, { bit = 26, odd = "14-27" }]

[[format]]
name = "Overlap"
bits = 26
facility = "2-9"
number = "9-25"
unused = "1,26"

[[format]]
name = "Holes"
bits = 30
facility_coding = "octal"
facility = "2-6"
number = "11-20"
number_coding = "bcd"
colour = "blue"

[[format]]
name = "Parity"
bits = 8
number = "2-7"
parity = [{ bit = 1, even = "2-8" }, { bit = 8, odd = "1-7", even = "1" }, { bit = 2, odd = "3" }]

[[format]]
name = "Order"
bits = 8
number = "2-7"
parity = [{ bit = 1, even = "2-8" }, { bit = 8, odd = "1-7" }]

[[format]]
name = "Fixed"
bits = 300
fixed = [{ bits = "1-4", value = "12" }]
"#;
    let problems = FormatTable::parse(text).unwrap_err().to_string();
    let expect = r#"line 3: `format[0].name` is "two words", allowed are 1 to 15 printable ASCII characters without space
line 6: `format[0].parity[1].odd` has `14-27`: bits are numbered 1 to 26, as in "2-9" or "3-4,6,9-7"
line 12: `format[1] (Overlap).number` has bit 9, which has another role already
line 18: `format[2] (Holes).facility_coding` is another word, allowed are "binary" and "bcd"
line 20: `format[2] (Holes).number` has 10 bits, BCD needs 4 for every digit
line 22: `format[2] (Holes).colour` is unknown, allowed are"#;
    assert!(problems.starts_with(expect), "{problems}");
    let told = |part: &str| assert!(problems.contains(part), "{part}\n\n{problems}");
    let holes = "[[format]]\nname = \"x\"\nbits = 30\nnumber = \"2-6,11-20\"";
    assert_eq!(
        FormatTable::parse(holes).unwrap_err().to_string(),
        "line 1: `format[0] (x)` has bits without a role: 1, 7-10, 21-30; \
         put them into a field, `parity`, `fixed` or `unused`"
    );
    told("line 28: `format[3] (Parity).parity[1]` needs either `even` or `odd`");
    told("line 28: `format[3] (Parity).parity[2].bit` has bit 2, which has another role already");
    told(
        "line 34: `format[4] (Order).parity[0]` covers parity bit 8, allowed are parity bits that",
    );
    told("line 38: `format[5] (Fixed).bits` is 300, allowed is a whole number from 1 to 256");
    told("line 36: `format[5] (Fixed).number` is missing");
    told("line 39: `format[5] (Fixed).fixed[0].value` must be 4 digits `0` or `1`");
}

#[test]
fn names_stand_once_and_lengths_have_a_limit() {
    let one = |name: &str| format!("[[format]]\nname = \"{name}\"\nbits = 4\nnumber = \"1-4\"\n");
    let problems = FormatTable::parse(&(one("a") + &one("a"))).unwrap_err();
    assert!(problems.to_string().contains("stands twice"), "{problems}");
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let full: String = names.into_iter().map(one).collect();
    let (count, bytes) = bits("1010");
    let read = table(&full);
    assert_eq!(read.decode(count, &bytes).count(), FORMATS_PER_LENGTH_MAX);
    let problems = FormatTable::parse(&(full + &one("i"))).unwrap_err();
    assert!(
        problems.to_string().contains("more than 8 formats"),
        "{problems}"
    );
}

#[test]
fn an_empty_table_reads_nothing() {
    assert_eq!(table("").decode(26, &[0; 4]).count(), 0);
}

fn reading(format: &str, facility: Option<u32>, number: u64) -> Reading<'_> {
    Reading {
        format,
        facility,
        number,
        issue: None,
        oem: None,
    }
}

/// Every card that differs from a good one in one bit.
fn neighbours(table: &FormatTable, format: &str, facility: Option<u32>, number: u64) -> usize {
    let good = encode(table, format, facility, number).unwrap();
    (0..good.bit_count())
        .map(|at| {
            let mut bytes = good.bytes().to_vec();
            bytes[at / 8] ^= 0x80 >> (at % 8);
            table.decode(good.bit_count(), &bytes).count()
        })
        .sum()
}

/// A random layout: every bit gets one role, in random order.
fn layout() -> impl Strategy<Value = (String, usize, usize)> {
    (4usize..=120, any::<bool>()).prop_flat_map(|(bit_count, with_facility)| {
        let order = Just((1..=bit_count).collect::<Vec<_>>()).prop_shuffle();
        let covers = proptest::collection::vec(any::<u128>(), 3);
        (order, covers, 1usize..=32, 1usize..=64).prop_map(move |(order, covers, f, n)| {
            let parities = (bit_count / 4).min(3);
            let facility = if with_facility {
                f.min(bit_count / 4)
            } else {
                0
            };
            let number = n.min(bit_count - parities - facility);
            let list = |bits: &[usize]| {
                let bits: Vec<_> = bits.iter().map(ToString::to_string).collect();
                bits.join(",")
            };
            let (parity_bits, rest) = order.split_at(parities);
            let (facility_bits, rest) = rest.split_at(facility);
            let (number_bits, unused) = rest.split_at(number);
            let mut text = format!("[[format]]\nname = \"x\"\nbits = {bit_count}\n");
            text += &format!("number = \"{}\"\n", list(number_bits));
            if facility > 0 {
                text += &format!("facility = \"{}\"\n", list(facility_bits));
            }
            if !unused.is_empty() {
                text += &format!("unused = \"{}\"\n", list(unused));
            }
            for (at, (bit, cover)) in parity_bits.iter().zip(&covers).enumerate() {
                let covered: Vec<usize> = (1..=bit_count)
                    .filter(|bit| !parity_bits[at..].contains(bit))
                    .filter(|bit| cover >> bit & 1 == 1 || *bit == number_bits[0])
                    .collect();
                let kind = if at % 2 == 0 { "even" } else { "odd" };
                text += &format!(
                    "[[format.parity]]\nbit = {bit}\n{kind} = \"{}\"\n",
                    list(&covered)
                );
            }
            (text, facility, number)
        })
    })
}

fn fits(value: u64, bits: usize) -> u64 {
    match bits {
        0 => 0,
        bits => value >> (64 - bits),
    }
}

proptest! {
    #[test]
    fn encoding_then_decoding_is_identity_for_h10301(facility in 0u32..=255, number in 0u64..=65_535) {
        let formats = built_in();
        let card = encode(&formats, "H10301", Some(facility), number).unwrap();
        let read: Vec<_> = formats.decode(26, card.bytes()).collect();
        prop_assert_eq!(read, vec![reading("H10301", Some(facility), number)]);
    }

    #[test]
    fn decoding_then_encoding_is_identity_for_h10301(bytes in any::<[u8; 4]>()) {
        let formats = built_in();
        for read in formats.decode(26, &bytes) {
            let card = encode(&formats, read.format, read.facility, read.number).unwrap();
            prop_assert_eq!(&card.bytes()[..3], &bytes[..3]);
            prop_assert_eq!(card.bytes()[3], bytes[3] & 0xC0);
        }
    }

    #[test]
    fn every_single_bit_error_is_refused(facility in 0u32..=255, number in 0u64..=65_535) {
        prop_assert_eq!(neighbours(&built_in(), "H10301", Some(facility), number), 0);
        let corporate = table(CORPORATE_1000);
        prop_assert_eq!(neighbours(&corporate, "C1k35s", Some(facility), number), 0);
    }

    #[test]
    fn scattered_bits_round_trip(facility in 0u32..=0x7FF, number in 0u64..=0xFFFF) {
        let formats = table(SCATTERED);
        let card = encode(&formats, "Tecom27", Some(facility), number).unwrap();
        let read: Vec<_> = formats.decode(27, card.bytes()).collect();
        prop_assert_eq!(read, vec![reading("Tecom27", Some(facility), number)]);
    }

    #[test]
    fn any_layout_round_trips((text, facility_bits, number_bits) in layout(), a in any::<u64>(), b in any::<u64>()) {
        let formats = table(&text);
        let facility = (facility_bits > 0).then(|| fits(a, facility_bits) as u32);
        let number = fits(b, number_bits);
        let card = encode(&formats, "x", facility, number).unwrap();
        let read: Vec<_> = formats.decode(card.bit_count(), card.bytes()).collect();
        prop_assert_eq!(read, vec![reading("x", facility, number)]);
        if number_bits < 64 {
            prop_assert!(encode(&formats, "x", facility, 1 << number_bits).is_err());
        }
    }

    #[test]
    fn any_text_is_taken_or_told(text in "(\\PC|[\\[\\]\n=\"0-9, -]|format|bits|number|parity){0,120}") {
        let _ = FormatTable::parse(&text);
    }
}
