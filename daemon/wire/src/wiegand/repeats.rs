use super::Frame;

/// Tells a card that is shown again from one that stays at a reader which sends it again and again.
#[derive(Debug, Clone)]
pub struct Repeats {
    /// 0 for a reader that sends every showing once.
    repeat_us: u64,
    last: Option<(Frame, u64)>,
}

impl Repeats {
    /// The same card within `repeat_us` microseconds of the last time is the same showing.
    #[must_use]
    pub const fn new(repeat_us: u64) -> Self {
        Self {
            repeat_us,
            last: None,
        }
    }

    /// Whether a card at `now_us` is shown anew.
    pub fn is_new(&mut self, frame: &Frame, now_us: u64) -> bool {
        if self.repeat_us == 0 {
            return true;
        }
        let before = self.last.replace((*frame, now_us));
        before.is_none_or(|(card, at_us)| {
            card != *frame || now_us.saturating_sub(at_us) > self.repeat_us
        })
    }

    /// What was shown before does not count any more.
    pub const fn forget(&mut self) {
        self.last = None;
    }
}
