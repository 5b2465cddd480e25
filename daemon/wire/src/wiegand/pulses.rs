//! Frames in the edges of two wires.

use super::Frame;

/// The silence that ends a frame, in microseconds. Bits come every 1 to 5 ms (SIA AC-01: pulses of 20
/// to 100 us, 200 us to 20 ms apart), so that 25 to 50 ms tell two cards apart.
pub const FRAME_GAP_US_DEFAULT: u32 = 30_000;
/// Two pulses on the same wire that are closer than this are one and its ringing, in microseconds.
pub const GLITCH_US_DEFAULT: u32 = 100;
/// Frames shorter than a key are noise.
const FRAME_BITS_LEAST: usize = 4;

/// One of the two wires: at rest high, low for a pulse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// A pulse here is a 0.
    D0,
    /// A pulse here is a 1.
    D1,
}

/// How pulses become frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PulseRule {
    /// The silence that ends a frame, 25,000 to 50,000 us.
    pub frame_gap_us: u32,
    /// The least time between two pulses, on either wire; a closer one is a glitch. 0 to 1000 us.
    pub glitch_us: u32,
}

impl Default for PulseRule {
    fn default() -> Self {
        Self {
            frame_gap_us: FRAME_GAP_US_DEFAULT,
            glitch_us: GLITCH_US_DEFAULT,
        }
    }
}

/// Pulses that are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PulseNoise {
    /// Fewer bits than a key has.
    #[error("a burst of {bits} bits is too short for a card or a key")]
    TooShort {
        /// How many.
        bits: u16,
    },
    /// More bits than a card can have.
    #[error("a burst has more than {} bits", super::FRAME_BITS_MAX)]
    TooLong,
    /// Pulses on both wires at once: a cable fault, or wires swapped with another reader's.
    #[error("both wires pulsed at once")]
    BothWires,
}

/// Collects falling edges, in the order of their time, until a silence. Times are microseconds of a
/// clock that never goes back: the kernel's own time stamps, so that a busy machine changes nothing.
#[derive(Debug, Clone)]
pub struct Pulses {
    rule: PulseRule,
    frame: Frame,
    last: Option<(Line, u64)>,
    noise: Option<PulseNoise>,
}

impl Pulses {
    /// Nothing was heard yet.
    #[must_use]
    pub const fn new(rule: PulseRule) -> Self {
        Self {
            rule,
            frame: Frame::EMPTY,
            last: None,
            noise: None,
        }
    }

    /// A wire fell at `at_us`. Returns the frame that the silence before it has ended.
    pub fn fell(&mut self, line: Line, at_us: u64) -> Option<Result<Frame, PulseNoise>> {
        let ended = self.silent_until(at_us);
        if let Some((before, last_us)) = self.last
            && at_us.saturating_sub(last_us) < u64::from(self.rule.glitch_us)
        {
            if before != line {
                self.noise.get_or_insert(PulseNoise::BothWires);
            }
            return ended;
        }
        self.last = Some((line, at_us));
        if self.frame.push(line == Line::D1).is_none() {
            self.noise.get_or_insert(PulseNoise::TooLong);
        }
        ended
    }

    /// Nothing fell before `now_us`. Returns the frame that this silence ends.
    pub fn silent_until(&mut self, now_us: u64) -> Option<Result<Frame, PulseNoise>> {
        let due = self.poll_timeout()?;
        if now_us < due {
            return None;
        }
        self.last = None;
        let frame = core::mem::replace(&mut self.frame, Frame::EMPTY);
        if let Some(noise) = self.noise.take() {
            return Some(Err(noise));
        }
        if frame.bit_count() < FRAME_BITS_LEAST {
            let bits = frame.bit_count;
            return Some(Err(PulseNoise::TooShort { bits }));
        }
        Some(Ok(frame))
    }

    /// When the frame that has begun ends, unless another edge comes.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let (_, last_us) = self.last?;
        Some(last_us.saturating_add(u64::from(self.rule.frame_gap_us)))
    }
}
