//! Tables that electricians write: card formats, profiles of relay boards and of Wiegand converters.

use doorward_wire::board::{BoardProfile, OutputState, mbap, rtu};
use doorward_wire::card::{CardFields, FormatTable};
use doorward_wire::wiegand::{BUILT_IN, ConverterProfile, Framing, Line, Lines, PulseRule, Pulses};

use super::problems::check_problems;
use super::script::Script;

/// A table is read or refused; a card that a format reads is one that the format can write.
pub fn card_formats(data: &[u8]) {
    let Some((&length, rest)) = data.split_first() else {
        return;
    };
    let (card, text) = rest.split_at(rest.len().min(32));
    let built_in = FormatTable::built_in().expect("the shipped table is right");
    check_formats(&built_in, usize::from(length), card);
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    match FormatTable::parse(text) {
        Ok(table) => check_formats(&table, usize::from(length), card),
        Err(problems) => check_problems(text, Some(problems)),
    }
}

fn check_formats(table: &FormatTable, bits: usize, card: &[u8]) {
    let examined = table.examine(bits, card);
    let reading = examined.iter().filter(|each| each.faults.is_empty());
    assert!(
        reading
            .map(|each| each.format.name())
            .eq(table.decode(bits, card).map(|reading| reading.format)),
        "what reads a card has no faults, and nothing else"
    );
    for reading in table.decode(bits, card) {
        let fields = CardFields {
            facility: reading.facility,
            number: reading.number,
            issue: reading.issue,
            oem: reading.oem,
        };
        let written = table
            .encode(reading.format, &fields)
            .expect("what was read can be written");
        assert_eq!(written.bit_count(), bits);
        assert!(
            table
                .decode(bits, written.bytes())
                .any(|again| again == reading),
            "{reading:?} is not read back"
        );
    }
}

/// A profile is read or refused; whatever a converter sends is taken apart safely, and however it is
/// cut the same frames come out.
pub fn converters(data: &[u8]) {
    let mut script = Script(data);
    let count = usize::from(script.byte());
    let sent = script.take(count);
    let chunk = usize::from(script.byte()).max(1);
    let Ok(text) = std::str::from_utf8(script.0) else {
        return;
    };
    let parsed = ConverterProfile::parse(text);
    check_problems(text, parsed.as_ref().err().cloned());
    let shipped = BUILT_IN.map(|(_, text)| ConverterProfile::parse(text).ok());
    for profile in shipped.into_iter().chain([parsed.ok()]).flatten() {
        check_converter(&profile, sent, chunk);
    }
    let mut pulses = Pulses::new(PulseRule::default());
    let mut at_us = 0;
    for &byte in sent {
        at_us += u64::from(byte) * 250;
        let line = if byte & 1 == 0 { Line::D0 } else { Line::D1 };
        let _ = pulses.fell(line, at_us);
    }
    let _ = pulses.silent_until(u64::MAX);
    assert_eq!(pulses.poll_timeout(), None, "a silence ends everything");
}

fn check_converter(profile: &ConverterProfile, sent: &[u8], chunk: usize) {
    let lines = match &profile.framing {
        Framing::Lines(rule) => Lines::of_text(rule.clone()),
        Framing::Stx(rule) => Lines::of_stx(*rule),
        Framing::Modbus(map) => {
            let pairs = sent.chunks_exact(2);
            let words: Vec<u16> = pairs
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect();
            let _ = map.card(&words);
            assert!(!map.request().pdu().bytes().is_empty());
            return;
        }
    };
    let (mut whole, mut cut) = (Vec::new(), Vec::new());
    lines.clone().push(sent, |frame| whole.push(frame));
    let mut again = lines;
    for bytes in sent.chunks(chunk) {
        again.push(bytes, |frame| cut.push(frame));
    }
    assert_eq!(whole, cut, "however it is cut");
    for frame in whole.into_iter().flatten() {
        let _ = profile.keypad.key(&frame);
    }
}

/// A profile is read or refused; what it makes are requests, and replies are taken apart safely.
pub fn board_profiles(data: &[u8]) {
    let mut script = Script(data);
    let count = usize::from(script.byte());
    let reply = script.take(count);
    let chunk = usize::from(script.byte()).max(1);
    let Ok(text) = std::str::from_utf8(script.0) else {
        return;
    };
    let parsed = BoardProfile::parse(text);
    check_problems(text, parsed.as_ref().err().cloned());
    for profile in [parsed.ok(), generic()].into_iter().flatten() {
        check_profile(&profile, reply, chunk);
    }
}

fn generic() -> Option<BoardProfile> {
    doorward_wire::board::built_in("generic-coil").and_then(Result::ok)
}

fn check_profile(profile: &BoardProfile, reply: &[u8], chunk: usize) {
    let mut requests = Vec::new();
    for output in 0..=65 {
        requests.extend(profile.drive(output, OutputState::On));
        requests.extend(profile.drive(output, OutputState::Off));
        if let Some((request, ms)) = profile.pulse(output, 5000) {
            assert!(ms > 0, "a pulse of no length");
            requests.push(request);
        }
    }
    requests.extend(profile.read_inputs());
    requests.extend(profile.read_outputs());
    for request in &requests {
        assert!(!request.pdu().bytes().is_empty());
        if let Ok(value) = request.parse_reply(reply) {
            let _ = profile.input_levels(&value);
            let _ = profile.output_levels(&value);
        }
    }
    let Some(request) = requests.first() else {
        return;
    };
    let mut serial = rtu::ReplyFinder::default();
    serial.expect(1, request.pdu().bytes()[0], request.reply_bytes());
    let mut stream = mbap::ReplyFinder::default();
    stream.expect(1);
    for bytes in reply.chunks(chunk) {
        serial.push(bytes);
        stream.push(bytes);
        let _ = serial.frame();
        while let Ok(Some(_)) = stream.frame() {}
    }
}
