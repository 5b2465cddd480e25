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
            ..Self::placeholder()
        }
    }

    /// One without memory, to stand in for one that is in use.
    pub(crate) const fn placeholder() -> Self {
        let counts = DeframerCounts {
            framed_bytes: 0,
            discarded_bytes: 0,
            bad_checks: 0,
            malformed: 0,
        };
        Self {
            buffer: Vec::new(),
            used: 0,
            gave_up: false,
            counts,
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
#[path = "deframer_tests.rs"]
mod tests;
