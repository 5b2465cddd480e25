//! One output of a board: what is wanted of it, and what is owed to it.

use doorward_core::controller::RelayCommand;
use doorward_core::time::Mono;
use doorward_wire::board::OutputState;

use super::{BOARD_PULSE_AFTER_MS, BOARD_PULSE_MARGIN_MS};
use crate::backoff::Backoff;

/// A command on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queued {
    pub(super) command: RelayCommand,
    /// Commands go in this order.
    pub(super) seq: u64,
    /// How often the board was too busy for it.
    pub(super) attempts: u8,
}

impl Queued {
    pub(super) const fn new(command: RelayCommand, seq: u64) -> Self {
        Self {
            command,
            seq,
            attempts: 0,
        }
    }
}

/// A write that must be done at a time, and is repeated until it is confirmed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owed {
    pub(super) at: Mono,
    pub(super) state: OutputState,
}

#[derive(Debug, Default)]
pub(super) struct Output {
    /// What it does while nobody commands it; `None` when it is not in use.
    pub(super) safe: Option<OutputState>,
    /// The newest command that was not sent yet.
    pub(super) queued: Option<Queued>,
    pub(super) owed: Option<Owed>,
    /// How long to wait before an owed write that the board refused is repeated.
    pub(super) retry: Backoff,
    /// What it was driven to last, and must be found in.
    pub(super) steady: Option<OutputState>,
    /// When the board should end the last pulse that it timed.
    pub(super) board_pulse_end: Option<Mono>,
    /// It was told to have failed, and has not been driven since.
    pub(super) is_failed: bool,
    /// How often in a row it was found in another state than driven to.
    pub(super) astray: u8,
}

impl Output {
    /// Owes `state` from `at` on.
    pub(super) const fn owe(&mut self, at: Mono, state: OutputState) {
        self.owed = Some(Owed { at, state });
    }

    /// The board has confirmed `state`.
    pub(super) fn confirm(&mut self, now: Mono, state: OutputState) {
        self.retry.reset();
        self.is_failed = false;
        self.steady = Some(state);
        self.owed = None;
        // The board will end its own pulse, and with it what was switched on since: that is switched
        // on again right after, and once more when a slow board must have done it.
        match self.board_pulse_end {
            Some(end) if state == OutputState::On && now < end => {
                self.owe(end.plus_ms(BOARD_PULSE_AFTER_MS), OutputState::On);
            }
            Some(end) if state == OutputState::On && now < end.plus_ms(BOARD_PULSE_MARGIN_MS) => {
                self.owe(end.plus_ms(BOARD_PULSE_MARGIN_MS), OutputState::On);
            }
            _ => {}
        }
    }

    /// The board has confirmed a pulse of `ms` that it times by itself.
    pub(super) fn confirm_board_pulse(&mut self, now: Mono, ms: u32) {
        self.confirm(now, OutputState::Off);
        self.board_pulse_end = Some(now.plus_ms(u64::from(ms)));
    }

    /// What a read-back must find; `None` while that is open.
    pub(super) fn expected(&self, now: Mono) -> Option<OutputState> {
        let pulse_end = self.board_pulse_end;
        let is_pulsed = pulse_end.is_some_and(|end| now < end.plus_ms(BOARD_PULSE_MARGIN_MS));
        if self.queued.is_some() || self.owed.is_some() || is_pulsed {
            return None;
        }
        self.steady
    }

    /// Whether a write is owed now and no newer command makes it void.
    pub(super) fn due(&self, now: Mono) -> Option<Owed> {
        self.owed
            .filter(|owed| owed.at <= now && self.queued.is_none())
    }
}
