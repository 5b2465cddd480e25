use super::*;
use crate::osdp::address::Address;
use crate::osdp::frame::{Check, Direction, Header, Sequence, Station, encode_frame};
use crate::osdp::testing::hex;
use proptest::prelude::*;

fn frame(body: &[u8]) -> Vec<u8> {
    let header = Header {
        station: Station::One(Address::new(5).unwrap()),
        direction: Direction::Reply,
        sequence: Sequence::START,
        check: Check::Crc,
        security: None,
    };
    let mut out = Vec::new();
    encode_frame(&header, body, |_| [0; 4], &mut out).unwrap();
    out
}

fn bodies(deframer: &mut Deframer, mut bytes: &[u8], found: &mut Vec<Vec<u8>>) {
    while let Some(frame) = deframer.next_frame(&mut bytes) {
        found.push(frame.body.to_vec());
    }
    assert!(bytes.is_empty());
}

/// The frames in a stream that is known to the end.
fn scan(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at + HEADER_LEN <= stream.len() {
        let claimed = usize::from(stream[at + 2]) + 256 * usize::from(stream[at + 3]);
        let frame = stream.get(at..at + claimed).map(Frame::parse);
        at += match frame {
            Some(Ok(frame)) => {
                found.push(frame.body.to_vec());
                claimed
            }
            Some(Err(FrameError::SecurityBlock | FrameError::Empty)) => claimed,
            _ => 1,
        };
    }
    found
}

proptest! {
    #[test]
    fn frames_come_out_whatever_the_chunks(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 1..6),
        noise in prop::collection::vec(prop::sample::select(vec![0u8, 0xFF, 0x52, 0x80]), 0..20),
        chunk in 1usize..30,
    ) {
        let mut stream = Vec::new();
        for message in &messages {
            stream.extend(&noise);
            stream.extend(frame(message));
        }
        let mut deframer = Deframer::new();
        let mut found = Vec::new();
        for piece in stream.chunks(chunk) {
            bodies(&mut deframer, piece, &mut found);
        }
        let junk = noise.iter().filter(|byte| **byte != MARK).count() * messages.len();
        prop_assert_eq!(found, messages);
        prop_assert_eq!(deframer.counts().discarded_bytes, junk as u64);
    }

    #[test]
    fn chunks_and_silence_find_what_a_scan_of_the_whole_finds(
        noise in prop::collection::vec(prop_oneof![any::<u8>(), Just(SOM), Just(0), Just(8)], 0..200),
        message in prop::collection::vec(any::<u8>(), 1..40),
        chunk in 1usize..30,
    ) {
        let mut stream = noise;
        stream.extend(frame(&message));
        let mut deframer = Deframer::new();
        let mut found = Vec::new();
        for piece in stream.chunks(chunk) {
            bodies(&mut deframer, piece, &mut found);
        }
        deframer.give_up();
        bodies(&mut deframer, &[], &mut found);
        prop_assert_eq!(found, scan(&stream));
        prop_assert!(!deframer.is_midway());
        let marks = stream.iter().filter(|byte| **byte == MARK).count();
        let counts = deframer.counts();
        let seen = usize::try_from(counts.framed_bytes + counts.discarded_bytes).unwrap();
        prop_assert!((stream.len() - marks..=stream.len()).contains(&seen));
    }

    #[test]
    fn memory_is_bounded_and_nothing_panics(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2000), 0..4)) {
        let mut deframer = Deframer::new();
        let mut found = Vec::new();
        for chunk in &chunks {
            bodies(&mut deframer, chunk, &mut found);
            prop_assert!(deframer.buffer.len() <= MAX_FRAME);
        }
    }
}

#[test]
fn a_false_start_with_a_long_length_does_not_swallow_the_frame_behind_it() {
    let mut stream = hex("53 00 A0 05 04");
    stream.extend(frame(&[0x40]));
    let mut deframer = Deframer::new();
    let mut found = Vec::new();
    bodies(&mut deframer, &stream, &mut found);
    assert!(found.is_empty() && deframer.is_midway());
    deframer.give_up();
    bodies(&mut deframer, &[], &mut found);
    assert_eq!(found, [[0x40]]);
    assert_eq!(deframer.counts().discarded_bytes, 5);
}

#[test]
fn a_frame_that_is_whole_but_wrong_inside_is_skipped_whole() {
    // SCS_19 does not exist.
    let mut wrong = hex("53 05 09 00 08 02 19 60");
    wrong.push(crate::osdp::crc::checksum(&wrong));
    wrong.extend(frame(&[0x40]));
    let mut deframer = Deframer::new();
    let mut found = Vec::new();
    bodies(&mut deframer, &wrong, &mut found);
    assert_eq!(found, [[0x40]]);
    assert_eq!(
        (
            deframer.counts().malformed,
            deframer.counts().discarded_bytes
        ),
        (1, 9)
    );
}

#[test]
fn clearing_counts_what_was_held() {
    let mut deframer = Deframer::new();
    bodies(&mut deframer, &hex("53 00 40"), &mut Vec::new());
    deframer.clear();
    assert!(!deframer.is_midway());
    assert_eq!(deframer.counts().discarded_bytes, 3);
}
