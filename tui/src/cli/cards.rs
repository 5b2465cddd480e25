//! `doorward cards`: card formats, and what bits mean in them.

use std::io::{self, Write};

use doorward_api::{CardFormat, CardReading, DecodedCard, EncodeBody};
use doorward_core::card::{CardBits, MAX_CARD_BITS};

use super::args::{CardsAction, DecodeArgs, EncodeArgs};
use super::context::Context;
use super::failure::Failure;
use super::table::{Fields, Table};
use crate::text;

pub(super) async fn run(context: &mut Context, action: Option<CardsAction>) -> Result<(), Failure> {
    match action.unwrap_or(CardsAction::Formats) {
        CardsAction::Formats => formats(context).await,
        CardsAction::Decode(args) => decode(context, &args).await,
        CardsAction::Encode(args) => encode(context, &args).await,
    }
}

async fn formats(context: &mut Context) -> Result<(), Failure> {
    let known = context.client.card_formats().await?;
    if context.json {
        return context.print_json(&known);
    }
    let mut formats = known.formats;
    formats.sort_by_key(|format| !format.in_use);
    Ok(write_formats(&mut context.out, &formats)?)
}

async fn decode(context: &mut Context, args: &DecodeArgs) -> Result<(), Failure> {
    let card = read_bits(&args.card.concat(), args.bits).map_err(Failure::usage)?;
    let decoded = context.client.decode_card(card).await?;
    if context.json {
        return context.print_json(&decoded);
    }
    Ok(write_decoded(&mut context.out, &decoded)?)
}

async fn encode(context: &mut Context, args: &EncodeArgs) -> Result<(), Failure> {
    let body = EncodeBody {
        format: args.format.clone(),
        number: args.number,
        facility: args.facility,
        issue: args.issue,
        oem: args.oem,
    };
    let encoded = context.client.encode_card(&body).await?;
    if context.json {
        return context.print_json(&encoded);
    }
    let mut fields = Fields::default();
    fields.add("format", &encoded.format);
    fields.add("length", format!("{} bits", encoded.card.len()));
    fields.add("bits", encoded.card.to_string());
    fields.add("hex", hex(&encoded.card));
    Ok(fields.write(&mut context.out)?)
}

fn write_formats(out: &mut dyn Write, formats: &[CardFormat]) -> io::Result<()> {
    let mut table = Table::new(&[
        "FORMAT", "BITS", "IN USE", "FACILITY", "NUMBER", "PARITY", "WHAT",
    ]);
    for format in formats {
        let facility = format.facility_max.map(|max| format!("0-{max}"));
        let names: Vec<_> = format.also.iter().map(String::as_str).collect();
        let what = match names.is_empty() {
            true => format.description.clone(),
            false => format!("{} (also {})", format.description, names.join(", ")),
        };
        table.row(&[
            format.name.clone(),
            format.bits.to_string(),
            if format.in_use { "yes" } else { text::NONE }.to_owned(),
            facility.unwrap_or_else(|| text::NONE.to_owned()),
            format!("0-{}", format.number_max),
            format.parity_bits.to_string(),
            what,
        ]);
    }
    table.write(out)
}

fn write_decoded(out: &mut dyn Write, decoded: &DecodedCard) -> io::Result<()> {
    let card = &decoded.card;
    writeln!(out, "{} bits: {card} (hex {})", card.len(), hex(card))?;
    if decoded.readings.is_empty() {
        return writeln!(
            out,
            "no format has this length; the card can be enrolled by its bits"
        );
    }
    writeln!(out)?;
    let mut table = Table::new(&["FORMAT", "FACILITY", "NUMBER", "BESIDE", "READS", "WHAT"]);
    for reading in &decoded.readings {
        let facility = reading.facility.map(|facility| facility.to_string());
        table.row(&[
            reading.format.clone(),
            facility.unwrap_or_else(|| text::NONE.to_owned()),
            reading.number.to_string(),
            beside(reading),
            verdict(reading),
            reading.description.clone(),
        ]);
    }
    table.write(out)?;
    writeln!(out)?;
    writeln!(out, "{}", summary(decoded))?;
    match decoded.credentials.as_slice() {
        [] => Ok(()),
        known => {
            let known: Vec<_> = known.iter().map(|id| format!("#{id}")).collect();
            writeln!(out, "known already: credential {}", known.join(", "))
        }
    }
}

/// What a format reads beside the facility code and the number.
fn beside(reading: &CardReading) -> String {
    let issue = reading.issue.map(|issue| format!("issue {issue}"));
    let oem = reading.oem.map(|oem| format!("maker {oem}"));
    let parts: Vec<_> = [issue, oem].into_iter().flatten().collect();
    match parts.is_empty() {
        true => text::NONE.to_owned(),
        false => parts.join(", "),
    }
}

fn verdict(reading: &CardReading) -> String {
    match (reading.faults.is_empty(), reading.in_use) {
        (true, true) => "yes".to_owned(),
        (true, false) => "yes, not in use here".to_owned(),
        (false, _) => format!("NO: {}", reading.faults.join("; ")),
    }
}

fn summary(decoded: &DecodedCard) -> String {
    let right = |reading: &&CardReading| reading.faults.is_empty();
    let mut in_use = decoded.readings.iter().filter(right);
    match in_use.find(|reading| reading.in_use) {
        Some(_) if decoded.ambiguous => {
            "AMBIGUOUS: several formats in use here read it; an enrolment must say which is meant"
                .to_owned()
        }
        Some(reading) => format!("at the doors of this site it is read as {}", reading.format),
        None => "no format in use at this site reads it; it can be enrolled by its bits".to_owned(),
    }
}

/// The bits as a number: the last bit is the lowest.
fn hex(card: &CardBits) -> String {
    let bits = card.to_string();
    let padded = format!(
        "{}{bits}",
        "0".repeat(bits.len().next_multiple_of(4) - bits.len())
    );
    let nibble = |digits: &[u8]| {
        digits
            .iter()
            .fold(0, |value, digit| value << 1 | u32::from(digit - b'0'))
    };
    let digits = padded.as_bytes().chunks(4).map(nibble);
    digits
        .filter_map(|value| char::from_digit(value, 16))
        .collect()
}

/// A card as people write it: bits, or with a count hexadecimal digits that end with the last bit.
fn read_bits(text: &str, count: Option<u16>) -> Result<CardBits, String> {
    let text: String = text.split_whitespace().collect();
    let Some(count) = count else {
        return text.parse().map_err(|error| {
            format!("{error}; expected `0` and `1`, or hexadecimal digits with `--bits COUNT`")
        });
    };
    let digits = text.strip_prefix("0x").unwrap_or(&text);
    if digits.len() > usize::from(MAX_CARD_BITS) / 4 {
        return Err(format!(
            "has {} hexadecimal digits, at most {} are allowed",
            digits.len(),
            MAX_CARD_BITS / 4
        ));
    }
    let mut bits = String::new();
    for digit in digits.chars() {
        let value = digit.to_digit(16);
        let value = value.ok_or_else(|| format!("`{digit}` is not a hexadecimal digit"))?;
        bits.push_str(&format!("{value:04b}"));
    }
    let count = usize::from(count);
    let padded = format!("{}{bits}", "0".repeat(count.saturating_sub(bits.len())));
    let (above, card) = padded.split_at(padded.len() - count);
    if above.contains('1') {
        return Err(format!(
            "`{text}` has more than {count} bits: leave out what a tool put before the card"
        ));
    }
    card.parse().map_err(|error| format!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_read_as_people_write_them() {
        let check = |text: &str, count: Option<u16>, expect: Result<&str, &str>| {
            let found = read_bits(text, count).map(|card| card.to_string());
            let expect: Result<String, String> = expect.map(str::to_owned).map_err(str::to_owned);
            match (&found, &expect) {
                (Err(found), Err(expect)) => assert!(found.contains(expect), "{text}: {found}"),
                _ => assert_eq!(found, expect, "{text}"),
            }
        };
        check("1001", None, Ok("1001"));
        check("1 00 1", None, Ok("1001"));
        check("0x9", Some(4), Ok("1001"));
        check("9", Some(6), Ok("001001"));
        check("254008a", Some(26), Ok("10010101000000000010001010"));
        check("9", Some(3), Err("has more than 3 bits"));
        check("1009", None, Err("neither `0` nor `1`"));
        check("xyz", Some(8), Err("`x` is not a hexadecimal digit"));
        check("", None, Err("0 bits"));
        check(&"f".repeat(65), Some(256), Err("has 65 hexadecimal digits"));
    }

    #[test]
    fn hexadecimal_digits_go_in_and_out() {
        for bits in ["1", "10010101000000000010001010", "0000", "111100001"] {
            let card: CardBits = bits.parse().unwrap();
            let count = u16::try_from(bits.len()).unwrap();
            assert_eq!(read_bits(&hex(&card), Some(count)).unwrap(), card, "{bits}");
        }
    }

    fn reading(format: &str, in_use: bool, faults: &[&str]) -> CardReading {
        CardReading {
            format: format.to_owned(),
            description: "a format".to_owned(),
            in_use,
            facility: Some(42),
            number: 69,
            issue: None,
            oem: (format == "C15001").then_some(900),
            faults: faults.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn a_card_is_shown_with_its_readings() {
        let decoded = DecodedCard {
            card: "10010101000000000010001010".parse().unwrap(),
            readings: vec![
                reading("H10301", true, &[]),
                reading("Ind26", false, &[]),
                reading(
                    "C15001",
                    false,
                    &["parity bit 1 is wrong", "fixed bits are wrong: 2"],
                ),
            ],
            ambiguous: false,
            credentials: vec![doorward_core::ids::CredentialId(7)],
        };
        let mut out = Vec::new();
        write_decoded(&mut out, &decoded).unwrap();
        let expect = "\
26 bits: 10010101000000000010001010 (hex 254008a)

FORMAT  FACILITY  NUMBER  BESIDE     READS                                               WHAT
H10301  42        69      –          yes                                                 a format
Ind26   42        69      –          yes, not in use here                                a format
C15001  42        69      maker 900  NO: parity bit 1 is wrong; fixed bits are wrong: 2  a format

at the doors of this site it is read as H10301
known already: credential #7
";
        assert_eq!(String::from_utf8(out).unwrap(), expect);
    }
}
