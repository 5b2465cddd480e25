//! Finding frames in a stream of bytes.

use super::frame::{Frame, FrameError, HEADER_LEN, MARK, MAX_FRAME, SOM, claimed_length};

/// Cuts a stream of bytes into frames.
///
/// It takes chunks of any size, holds at most [`MAX_FRAME`] bytes, and never fails for good:
/// whatever is no frame is skipped up to the next start of message. When a start of message turns
/// out to be false (impossible length, wrong check field), the search goes on at the byte behind it,
/// so a frame hidden behind a false start is found all the same.
///
/// A false start that claims a long frame makes the bytes behind it wait. [`Deframer::give_up`] ends
/// that: call it when the line has been silent for longer than the gap allowed inside a frame.
///
/// ```
/// use doorward_wire::osdp::Deframer;
///
/// let mut deframer = Deframer::new();
/// // Noise, then the standard's example of an ID command.
/// let mut bytes: &[u8] = &[0x00, 0x53, 0xFF, 0xFF, 0xFF, 0x53, 0x00, 0x09, 0x00, 0x04, 0x61, 0x00, 0xC0, 0x66];
/// let frame = deframer.next_frame(&mut bytes).unwrap();
/// assert_eq!(frame.code(), 0x61);
/// assert_eq!(deframer.counts().discarded_bytes, 2);
/// ```
#[derive(Debug)]
pub struct Deframer {
    buffer: Vec<u8>,
    /// Bytes at the front of `buffer` that went out as a frame and are to go.
    used: usize,
    gave_up: bool,
    counts: DeframerCounts,
}

/// What a [`Deframer`] has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeframerCounts {
    /// Bytes in frames that went out.
    pub framed_bytes: u64,
    /// Bytes that belonged to no frame; marks are not counted.
    pub discarded_bytes: u64,
    /// Frames that were whole but for their check field.
    pub bad_checks: u64,
    /// Frames whose check field was right and whose inside was not a frame's.
    pub malformed: u64,
}

impl Default for Deframer {
    fn default() -> Self {
        Self::new()
    }
}

impl Deframer {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self {
            buffer: Vec::with_capacity(MAX_FRAME),
            used: 0,
            gave_up: false,
            counts: DeframerCounts::default(),
        }
    }

    /// Takes bytes from the front of `bytes` until a frame is whole, and returns it.
    /// `None` means that all bytes have been taken. Call until then.
    pub fn next_frame(&mut self, bytes: &mut &[u8]) -> Option<Frame<'_>> {
        self.buffer.drain(..self.used);
        self.used = 0;
        self.used = self.seek(bytes)?;
        // `seek` has parsed these very bytes; parsing again is what lets the borrow end with it.
        Frame::parse(&self.buffer[..self.used]).ok()
    }

    /// Declares the frame under way dead, because the line has gone silent inside it. Bytes behind
    /// its false start are searched: call [`Deframer::next_frame`] with an empty slice until it
    /// returns `None`.
    pub fn give_up(&mut self) {
        self.gave_up = self.buffer.len() > self.used;
    }

    /// Whether some bytes of a frame are here and the rest is not.
    #[must_use]
    pub fn is_midway(&self) -> bool {
        self.buffer.len() > self.used
    }

    /// Forgets all bytes held; they count as discarded.
    pub fn clear(&mut self) {
        self.counts.discarded_bytes += (self.buffer.len() - self.used) as u64;
        self.buffer.clear();
        self.used = 0;
        self.gave_up = false;
    }

    /// What has been seen so far.
    #[must_use]
    pub const fn counts(&self) -> DeframerCounts {
        self.counts
    }

    /// The length of the next whole frame, which then stands at the front of the buffer.
    fn seek(&mut self, bytes: &mut &[u8]) -> Option<usize> {
        loop {
            self.skip_to_start(bytes);
            self.fill(HEADER_LEN, bytes);
            let Some(header) = self.buffer.first_chunk::<HEADER_LEN>() else {
                if self.retry_given_up() {
                    continue;
                }
                return None;
            };
            let Ok(length) = claimed_length(header) else {
                self.reject(1);
                continue;
            };
            self.fill(length, bytes);
            if self.buffer.len() < length {
                if self.retry_given_up() {
                    continue;
                }
                return None;
            }
            match Frame::parse(&self.buffer[..length]) {
                Ok(_) => {
                    self.counts.framed_bytes += length as u64;
                    return Some(length);
                }
                // With the check field right this was a frame; no other one begins inside it.
                Err(FrameError::SecurityBlock | FrameError::Empty) => {
                    self.counts.malformed += 1;
                    self.reject(length);
                }
                Err(_) => {
                    self.counts.bad_checks += 1;
                    self.reject(1);
                }
            }
        }
    }

    fn retry_given_up(&mut self) -> bool {
        let again = self.gave_up && !self.buffer.is_empty();
        if again {
            self.reject(1);
        } else {
            self.gave_up = false;
        }
        again
    }

    fn fill(&mut self, wanted: usize, bytes: &mut &[u8]) {
        let missing = wanted.saturating_sub(self.buffer.len()).min(bytes.len());
        let (taken, rest) = bytes.split_at(missing);
        self.buffer.extend_from_slice(taken);
        *bytes = rest;
        // New bytes: the frame is not dead after all.
        self.gave_up &= missing == 0;
    }

    /// Drops `count` bytes that are no frame, and all up to the next start of message behind them.
    fn reject(&mut self, count: usize) {
        let rest = &self.buffer[count..];
        let skip = rest
            .iter()
            .position(|byte| *byte == SOM)
            .unwrap_or(rest.len());
        self.discard(count + skip);
    }

    fn discard(&mut self, count: usize) {
        let marks = self.buffer[..count]
            .iter()
            .filter(|byte| **byte == MARK)
            .count();
        self.counts.discarded_bytes += (count - marks) as u64;
        self.buffer.drain(..count);
    }

    fn skip_to_start(&mut self, bytes: &mut &[u8]) {
        if !self.buffer.is_empty() {
            return;
        }
        let skip = bytes
            .iter()
            .position(|byte| *byte == SOM)
            .unwrap_or(bytes.len());
        let (skipped, rest) = bytes.split_at(skip);
        self.counts.discarded_bytes += skipped.iter().filter(|byte| **byte != MARK).count() as u64;
        *bytes = rest;
    }
}

#[cfg(test)]
mod tests {
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
}
