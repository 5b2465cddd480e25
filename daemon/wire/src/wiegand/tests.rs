use proptest::prelude::*;

use super::*;

fn profile(name: &str) -> ConverterProfile {
    let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name).unwrap();
    ConverterProfile::parse(text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn lines(profile: &ConverterProfile) -> Lines {
    match &profile.framing {
        Framing::Lines(rule) => Lines::of_text(rule.clone()),
        Framing::Stx(rule) => Lines::of_stx(*rule),
        Framing::Modbus(_) => panic!("{} sends no bytes", profile.name),
    }
}

/// The bits as text, or what was wrong.
fn heard(lines: &mut Lines, bytes: &[u8]) -> Vec<Result<String, Noise>> {
    let mut found = Vec::new();
    lines.push(bytes, |result| found.push(result.map(|frame| text(&frame))));
    found
}

fn text(frame: &Frame) -> String {
    let bit = |at: usize| {
        if frame.bytes()[at / 8] & 0x80 >> (at % 8) == 0 {
            '0'
        } else {
            '1'
        }
    };
    (0..frame.bit_count()).map(bit).collect()
}

#[test]
fn every_shipped_profile_is_right_and_named_as_its_file() {
    for (name, _) in BUILT_IN {
        assert_eq!(profile(name).name, name);
    }
}

#[test]
fn lines_become_frames() {
    let card = "10010101000000000010001010";
    let check = |name: &str, sent: &[u8], expect: &[Result<&str, Noise>]| {
        let expect: Vec<_> = expect.iter().map(|each| each.map(str::to_owned)).collect();
        let profile = profile(name);
        assert_eq!(heard(&mut lines(&profile), sent), expect, "{name}");
        // However the bytes are cut.
        let mut cut = lines(&profile);
        let one_by_one: Vec<_> = sent
            .iter()
            .flat_map(|&byte| heard(&mut cut, &[byte]))
            .collect();
        assert_eq!(one_by_one, expect, "{name}");
    };
    let hex = "wiegand-hex-lines";
    check(hex, b"26:254008A\r\n", &[Ok(card)]);
    check(
        hex,
        b"26: 0254008a\n4:7\r8:E1\n",
        &[Ok(card), Ok("0111"), Ok("11100001")],
    );
    check(hex, b"\r\n\r\n", &[]);
    check(hex, b"254008A\n", &[Err(Noise::Surroundings)]);
    check(hex, b"26:\n", &[Err(Noise::Digit)]);
    check(hex, b"26:25x\n", &[Err(Noise::Digit)]);
    check(hex, b"0:0\n", &[Err(Noise::BitCount)]);
    check(hex, b"257:0\n", &[Err(Noise::BitCount)]);
    check(hex, b"4:1F\n", &[Err(Noise::BitCount)]);
    check(hex, b"\xFF\xFE\n", &[Err(Noise::Digit)]);
    check("wiegand-bit-lines", card.as_bytes(), &[]);
    check(
        "wiegand-bit-lines",
        format!("{card}\n").as_bytes(),
        &[Ok(card)],
    );
    check("wiegand-bit-lines", b"102\n", &[Err(Noise::Digit)]);
    check(
        "decimal-lines-32",
        b"0001234567\r\n",
        &[Ok("00000000000100101101011010000111")],
    );
    check(
        "decimal-lines-32",
        b"4294967296\r\n",
        &[Err(Noise::BitCount)],
    );
    let long = [b'0'; LINE_BYTES_MAX + 40];
    let long = [&long[..], b"\n4:7\n"].concat();
    check(hex, &long, &[Err(Noise::TooLong), Ok("0111")]);
}

#[test]
fn stx_and_etx_frame_digits_with_a_checksum() {
    // The card of the RDM6300 datasheet: 62 E3 08 6C ED, whose exclusive or is 08.
    let card = "0110001011100011000010000110110011101101";
    let check = |sent: &[u8], expect: &[Result<&str, Noise>]| {
        let expect: Vec<_> = expect.iter().map(|each| each.map(str::to_owned)).collect();
        let mut lines = lines(&profile("rdm6300"));
        assert_eq!(heard(&mut lines, sent), expect);
    };
    check(b"\x0262E3086CED08\x03", &[Ok(card)]);
    // As ID-12 sends it.
    check(b"\x0262E3086CED08\r\n\x03", &[Ok(card)]);
    check(b"noise\x02\x0262E3086CED08\x03\x03noise", &[Ok(card)]);
    check(b"\x0262E3086CED09\x03", &[Err(Noise::Checksum)]);
    check(b"\x0263E3086CED08\x03", &[Err(Noise::Checksum)]);
    check(b"\x0208\x03", &[Err(Noise::BitCount)]);
    check(b"\x0262E3086C E08\x03", &[Err(Noise::Digit)]);
    // More digits than the profile has bits, and something above them.
    check(b"\x020162E3086CED09\x03", &[Err(Noise::BitCount)]);
    check(b"\x020062E3086CED08\x03", &[Ok(card)]);
}

#[test]
fn registers_become_frames() {
    let map = |order| RegisterMap {
        is_input: false,
        sequence: 10,
        bit_count: 11,
        data: 12,
        data_count: 2,
        order,
        poll_ms: 50,
    };
    let check = |order, registers: &[u16], expect: Result<(u16, Option<&str>), RegisterNoise>| {
        let found = map(order).card(registers);
        let found = found.map(|(sequence, frame)| (sequence, frame.map(|frame| text(&frame))));
        let expect = expect.map(|(sequence, card)| (sequence, card.map(str::to_owned)));
        assert_eq!(found, expect, "{registers:04X?}");
    };
    let card = Some("10010101000000000010001010");
    check(BitOrder::FirstHigh, &[7, 26, 0x9500, 0x2280], Ok((7, card)));
    check(
        BitOrder::NumberHighFirst,
        &[7, 26, 0x0254, 0x008A],
        Ok((7, card)),
    );
    check(
        BitOrder::NumberLowFirst,
        &[7, 26, 0x008A, 0x0254],
        Ok((7, card)),
    );
    check(BitOrder::FirstHigh, &[9, 0, 1, 2], Ok((9, None)));
    check(
        BitOrder::FirstHigh,
        &[7, 33, 0, 0],
        Err(RegisterNoise::BitCount { found: 33, max: 32 }),
    );
    check(
        BitOrder::FirstHigh,
        &[7, 26, 0],
        Err(RegisterNoise::Short {
            found: 3,
            expected: 4,
        }),
    );
    let request = map(BitOrder::FirstHigh).request();
    let expect = crate::board::ModbusRequest::ReadHoldingRegisters {
        address: 10,
        count: 4,
    };
    assert_eq!(request, expect);
}

#[test]
fn keys_come_in_bursts_of_four_or_eight_bits() {
    let check = |keypad: Keypad, bits: &str, expect: Option<char>, is_key_long: bool| {
        let value = u64::from_str_radix(bits, 2).unwrap();
        let frame = Frame::of_value(value, bits.len()).unwrap();
        assert_eq!(
            keypad.key(&frame).map(char::from),
            expect,
            "{keypad:?} {bits}"
        );
        assert_eq!(
            keypad.has_length_of(&frame),
            is_key_long,
            "{keypad:?} {bits}"
        );
    };
    let both = Keypad::FourOrEightBits;
    check(both, "0000", Some('0'), true);
    check(both, "1001", Some('9'), true);
    check(both, "1010", Some('*'), true);
    check(both, "1011", Some('#'), true);
    check(both, "1100", None, true);
    check(both, "11110000", Some('0'), true);
    check(both, "01001011", Some('#'), true);
    // A complement that does not fit is no key, and no card either.
    check(both, "11110001", None, true);
    check(both, "11110000111", None, false);
    check(Keypad::FourBits, "11110000", None, false);
    check(Keypad::EightBits, "0001", None, false);
    check(Keypad::None, "0001", None, false);
}

const D0: Line = Line::D0;
const D1: Line = Line::D1;

/// Pulses at these times, then silence; what became of them.
fn pulsed(rule: PulseRule, edges: &[(Line, u64)]) -> Vec<Result<String, PulseNoise>> {
    let mut pulses = Pulses::new(rule);
    let mut found = Vec::new();
    for &(line, at_us) in edges {
        found.extend(pulses.fell(line, at_us));
    }
    found.extend(pulses.silent_until(u64::MAX));
    let text = |frame: Result<Frame, _>| frame.map(|frame| text(&frame));
    found.into_iter().map(text).collect()
}

#[test]
fn pulses_become_frames_at_a_silence() {
    let check = |edges: &[(Line, u64)], expect: &[Result<&str, PulseNoise>]| {
        let expect: Vec<_> = expect.iter().map(|each| each.map(str::to_owned)).collect();
        assert_eq!(pulsed(PulseRule::default(), edges), expect, "{edges:?}");
    };
    check(&[], &[]);
    let key = [(D0, 1000), (D1, 3000), (D1, 5000), (D0, 7000)];
    check(&key, &[Ok("0110")]);
    // Slow readers leave up to 20 ms between bits.
    check(
        &[(D0, 0), (D1, 20_000), (D1, 49_999), (D0, 60_000)],
        &[Ok("0110")],
    );
    let twice: Vec<_> = key
        .iter()
        .copied()
        .chain(key.iter().map(|&(line, at)| (line, at + 40_000)))
        .collect();
    check(&twice, &[Ok("0110"), Ok("0110")]);
    check(
        &[(D1, 0), (D1, 2000)],
        &[Err(PulseNoise::TooShort { bits: 2 })],
    );
    // Ringing on the same wire within 100 us is the same pulse.
    check(
        &[
            (D0, 0),
            (D0, 40),
            (D1, 2000),
            (D1, 2099),
            (D1, 4000),
            (D0, 6000),
        ],
        &[Ok("0110")],
    );
    // Both wires at once are no bit: nothing is guessed.
    check(
        &[
            (D0, 0),
            (D1, 50),
            (D1, 2000),
            (D1, 4000),
            (D0, 6000),
            (D0, 8000),
        ],
        &[Err(PulseNoise::BothWires)],
    );
    let long: Vec<_> = (0..257).map(|at| (D1, at * 2000)).collect();
    check(&long, &[Err(PulseNoise::TooLong)]);
}

#[test]
fn the_end_of_a_frame_can_be_waited_for() {
    let mut pulses = Pulses::new(PulseRule::default());
    assert_eq!(pulses.poll_timeout(), None);
    for at in 0..4 {
        assert_eq!(pulses.fell(D1, at * 2000), None);
    }
    assert_eq!(pulses.poll_timeout(), Some(36_000));
    assert_eq!(pulses.silent_until(35_999), None);
    assert_eq!(text(&pulses.silent_until(36_000).unwrap().unwrap()), "1111");
    assert_eq!(pulses.poll_timeout(), None);
    assert_eq!(pulses.silent_until(u64::MAX), None);
}

#[test]
fn what_is_wrong_with_a_profile_is_told() {
    let check = |text: &str, expect: &str| {
        let problems = ConverterProfile::parse(text).unwrap_err().to_string();
        assert!(problems.contains(expect), "{text}: {problems}");
    };
    check(
        "name = \"x\"",
        "needs exactly one of the tables `lines`, `stx_etx` and `modbus`",
    );
    check("name = \"x\"\n[lines]\n[stx_etx]", "needs exactly one of");
    check("[lines]", "`name` is missing");
    check(
        "name = \"x\"\n[lines]\ndigits = \"decimal\"",
        "`lines.bits` is missing",
    );
    check("name = \"x\"\n[lines]\nbits = 257", "`lines.bits` is 257");
    check(
        "name = \"x\"\n[lines]\ncount_before = \"a\"",
        "is a digit, allowed is a mark",
    );
    check(
        "name = \"x\"\n[lines]\ncolour = 1",
        "`lines.colour` is unknown",
    );
    check("name = \"x\"\nkeypad = \"5_bit\"\n[lines]", "`keypad`");
    let modbus = |rest: &str| format!("name = \"x\"\n[modbus]\n{rest}");
    check(&modbus("sequence = 0"), "`modbus.bit_count` is missing");
    check(
        &modbus("sequence = 0\nbit_count = 0\ndata = 2\ndata_count = 2"),
        "uses a register twice",
    );
    check(
        &modbus("sequence = 3\nbit_count = 0\ndata = 2\ndata_count = 2"),
        "uses a register twice",
    );
    check(
        &modbus("sequence = 0\nbit_count = 1\ndata = 200\ndata_count = 2"),
        "spans 202 registers, one request reads 125",
    );
}

#[test]
fn a_card_that_stays_is_shown_once() {
    let (card, other) = (
        Frame::of_value(5, 26).unwrap(),
        Frame::of_value(6, 26).unwrap(),
    );
    let mut repeats = Repeats::new(1000);
    let shown = [
        (card, 0),
        (card, 900),
        (card, 1800),
        (card, 2801),
        (other, 2900),
        (card, 3000),
    ];
    let new: Vec<_> = shown
        .iter()
        .map(|(frame, at)| repeats.is_new(frame, *at))
        .collect();
    assert_eq!(new, [true, false, false, true, true, true]);
    repeats.forget();
    assert!(repeats.is_new(&card, 3001));
    let mut never = Repeats::new(0);
    assert!(never.is_new(&card, 0) && never.is_new(&card, 0));
}

#[test]
fn debug_shows_no_bits() {
    assert_eq!(
        format!("{:?}", Frame::of_value(5, 26).unwrap()),
        "Frame(26 bits)"
    );
}

proptest! {
    /// A card is read from its line in every way of writing it.
    #[test]
    fn every_way_of_writing_a_card_is_read(value: u64, count in 1usize..=64) {
        let value = value >> (64 - count);
        let expect = text(&Frame::of_value(value, count).unwrap());
        let mut hex = lines(&profile("wiegand-hex-lines"));
        prop_assert_eq!(heard(&mut hex, format!("{count}:{value:X}\n").as_bytes()), vec![Ok(expect.clone())]);
        let mut bits = lines(&profile("wiegand-bit-lines"));
        prop_assert_eq!(heard(&mut bits, format!("{expect}\r\n").as_bytes()), vec![Ok(expect.clone())]);
        let edges: Vec<_> = (0u64..).zip(expect.chars()).map(|(at, bit)| (if bit == '1' { D1 } else { D0 }, at * 1500)).collect();
        if count >= 4 {
            prop_assert_eq!(pulsed(PulseRule::default(), &edges), vec![Ok(expect)]);
        }
    }

    #[test]
    fn any_bytes_are_taken(bytes: Vec<u8>, edges in proptest::collection::vec((any::<bool>(), any::<u32>()), 0..600)) {
        for (name, _) in BUILT_IN {
            let profile = profile(name);
            match &profile.framing {
                Framing::Modbus(map) => {
                    let words: Vec<u16> = bytes.iter().map(|&byte| u16::from(byte)).collect();
                    let _ = map.card(&words);
                }
                _ => drop(heard(&mut lines(&profile), &bytes)),
            }
        }
        let mut at = 0;
        let edges: Vec<_> = edges.iter().map(|&(one, later)| {
            at += u64::from(later >> 8);
            (if one { D1 } else { D0 }, at)
        }).collect();
        pulsed(PulseRule::default(), &edges);
    }

    #[test]
    fn a_checksum_finds_every_wrong_digit(value: u64, at in 0usize..12, wrong in 1u8..16) {
        let bytes = value.to_be_bytes();
        let sum = bytes[3..].iter().fold(0, |sum, byte| sum ^ byte);
        let digits = format!("{:010X}{sum:02X}", value & 0xFF_FFFF_FFFF);
        let mut damaged = digits.clone().into_bytes();
        let digit = char::from(damaged[at]).to_digit(16).unwrap() as u8 ^ wrong;
        damaged[at] = char::from_digit(u32::from(digit), 16).unwrap() as u8;
        let mut lines = lines(&profile("rdm6300"));
        let whole = format!("\x02{digits}\x03");
        let whole = heard(&mut lines, whole.as_bytes());
        prop_assert!(matches!(whole[..], [Ok(_)]));
        let damaged = [b"\x02", &damaged[..], b"\x03"].concat();
        prop_assert_eq!(heard(&mut lines, &damaged), vec![Err(Noise::Checksum)]);
    }
}
