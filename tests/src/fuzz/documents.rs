//! Documents that people and programs write: configuration, tables, bodies of the API.

use doorward_api::{Changes, GrantBody, WhyRequest};
use doorward_core::model::{self, Change, Validate as _, validate_changes};
use doorward_core::view::MapView;
use doorward_wire::board::{BoardProfile, OutputState, mbap, rtu};
use doorward_wire::card::FormatTable;
use doorward_wire::{PROBLEMS_MAX, Problems};
use doorwardd::admin::read_changes;
use doorwardd::config::SiteConfig;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Script;

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
    for reading in table.decode(bits, card) {
        let written = table
            .encode(reading.format, reading.facility, reading.number)
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

/// A configuration is read or refused, with every problem at its line.
pub fn site_config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    check_problems(text, SiteConfig::parse(text).err());
}

/// Whoever is refused is told why, and where.
fn check_problems(text: &str, refused: Option<Problems>) {
    let Some(problems) = refused else {
        return;
    };
    let lines = text.lines().count() + 1;
    assert!(!problems.list().is_empty(), "refused without a reason");
    assert!(problems.list().len() <= PROBLEMS_MAX + 1);
    for problem in problems.list() {
        assert!(!problem.message.is_empty());
        assert!(problem.line <= lines, "line {} of {lines}", problem.line);
    }
}

/// A body is read or refused; what was read survives being written; a change is checked or refused
/// with a reason.
pub fn api_bodies(data: &[u8]) {
    survives::<WhyRequest>(data);
    survives::<GrantBody>(data);
    survives::<Change>(data);
    let Some(Changes { changes }) = survives::<Changes>(data) else {
        let refused = read_changes(data).expect_err("the API takes what cannot be read");
        assert!(!refused.detail.is_empty(), "refused without a reason");
        return;
    };
    // The API may be stricter, and then says where.
    match read_changes(data) {
        Ok(taken) => assert_eq!(taken.changes, changes),
        Err(refused) => assert!(refused.status == 400 || !refused.problems.is_empty()),
    }
    for change in &changes {
        if let Change::Put(record) = change {
            record.validate(&mut model::Problems::default());
        }
    }
    let mut table = MapView::default();
    if let Ok(valid) = validate_changes(&table, &changes) {
        for row in valid.rows() {
            table.change(row);
        }
        let again = validate_changes(&table, &changes);
        let removes = changes
            .iter()
            .any(|change| matches!(change, Change::Remove(_)));
        assert!(again.is_ok() || removes, "valid once, not twice: {again:?}");
    }
}

fn survives<T>(data: &[u8]) -> Option<T>
where
    T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug,
{
    let read: T = serde_json::from_slice(data).ok()?;
    let written = serde_json::to_vec(&read).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(read, again);
    Some(read)
}
