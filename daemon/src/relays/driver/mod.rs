//! What to ask the boards of one line next, without I/O: time is an argument, and the shell in
//! `line` carries out the exchanges one by one.
//!
//! - Writes go before everything else; a write never waits for more than the exchange under way.
//! - A board is online once its outputs are in their safe state. [`SILENCES_MAX`] requests in a
//!   row without an answer make it absent; its commands are then refused, not kept: a door must
//!   not open when nobody stands there any more.
//! - An owed write (the end of a pulse, a safe state, an `Off`) is repeated until the board has
//!   confirmed it, also over losses of the board and of the line.
//! - Outputs are read back: what a board forgot in a power failure is driven again.

mod board;
mod outbox;
mod output;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use doorward_core::controller::{BoardEvent, RelayCommand};
use doorward_core::ids::BoardIx;
use doorward_core::time::Mono;
use doorward_wire::board::{ModbusRequest, OutputState, ReplyValue};

use super::config::LineConfig;
use board::{Board, Presence, SafeWrite};
use outbox::Outbox;
use output::Queued;

/// Requests in a row without an answer that make a board absent.
pub const SILENCES_MAX: u8 = 3;
/// How often a command is repeated that a board is too busy for.
const BUSY_ATTEMPTS_MAX: u8 = 3;
/// How long a busy board is left alone, in milliseconds.
const BUSY_WAIT_MS: u64 = 20;
/// How long driving the safe states may take on stop, in milliseconds.
pub const STOP_MS: u64 = 2000;
/// How often outputs are read back, in milliseconds.
const READ_BACK_MS: u64 = 1000;
/// The same for a board without inputs, whose presence is seen by it.
const READ_BACK_ALONE_MS: u64 = 250;
/// How often the inputs are asked for again that a board refuses, in milliseconds.
const REFUSED_READ_MS: u64 = 1000;
/// How soon an input that has not settled is read again, in milliseconds.
const UNSETTLED_POLL_MS: u64 = 5;
/// How soon after the end of a board's pulse an output is switched on again that must stay on, in
/// milliseconds.
const BOARD_PULSE_AFTER_MS: u64 = 50;
/// How much later than told a board may end a pulse, in milliseconds.
const BOARD_PULSE_MARGIN_MS: u64 = 500;

/// What the shell does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask a board, then call [`Driver::done`] or [`Driver::line_down`].
    Exchange {
        /// The Modbus unit.
        unit: u8,
        /// The question.
        request: ModbusRequest,
        /// How long to wait for the answer, in microseconds.
        timeout_us: u64,
        /// The board did not answer lately: what is more urgent may end the wait.
        is_probe: bool,
    },
    /// Nothing, until this time or a command.
    Wait(Option<Mono>),
    /// No board answers: close the line and open it anew.
    Close,
    /// The boards are in their safe state, as far as they answered.
    Stopped,
}

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Reply(ReplyValue),
    /// The board refused, with this exception code.
    Exception(u8),
    /// Nothing came, or nothing that fits.
    Silence,
}

/// An exchange under way.
#[derive(Debug, Clone, Copy)]
struct InFlight {
    board: usize,
    purpose: Purpose,
    started: Mono,
}

/// What an exchange is for.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    Command {
        output: u16,
        queued: Queued,
        board_ms: Option<u32>,
    },
    Owed {
        output: u16,
        state: OutputState,
    },
    Safe(SafeWrite),
    Inputs,
    ReadBack,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Driver {
    boards: Vec<Board>,
    line_is_up: bool,
    in_flight: Option<InFlight>,
    outbox: Outbox,
    next_seq: u64,
    timeout_us: u64,
    stop_by: Option<Mono>,
}

impl Driver {
    pub(super) fn new(config: &LineConfig) -> Self {
        Self {
            boards: config.boards.iter().cloned().map(Board::new).collect(),
            line_is_up: false,
            in_flight: None,
            outbox: Outbox::default(),
            next_seq: 0,
            timeout_us: u64::from(config.timeout_ms) * 1000,
            stop_by: None,
        }
    }

    /// The line was opened: every board is brought into its safe state.
    pub(super) fn line_up(&mut self) {
        self.line_is_up = true;
        for board in &mut self.boards {
            board.start();
        }
    }

    /// The line was lost, and with it an exchange under way.
    pub(super) fn line_down(&mut self, now: Mono) {
        self.line_is_up = false;
        if let Some(InFlight {
            board,
            purpose: Purpose::Command { output, .. },
            ..
        }) = self.in_flight.take()
        {
            self.boards[board].fail_output(output, &mut self.outbox);
        }
        for board in &mut self.boards {
            board.lose(now, &mut self.outbox);
        }
    }

    /// Takes a command; the newest of an output counts.
    pub(super) fn command(&mut self, board: usize, output: u16, command: RelayCommand) {
        let Some(board) = self.boards.get_mut(board) else {
            return;
        };
        if self.stop_by.is_some() {
            return;
        }
        self.next_seq += 1;
        let queued = Queued::new(command, self.next_seq);
        board.queue(output, queued, &mut self.outbox);
    }

    /// Changes what an output does while nobody commands it. One not in use so far is driven.
    pub(super) fn set_safe(&mut self, now: Mono, board: usize, output: u16, state: OutputState) {
        if let Some(board) = self.boards.get_mut(board) {
            board.set_safe(now, output, state);
        }
    }

    /// Drives the safe states for the last time; commands are no longer taken.
    pub(super) fn stop(&mut self, now: Mono) {
        if self.stop_by.is_some() {
            return;
        }
        self.stop_by = Some(now.plus_ms(STOP_MS));
        for board in &mut self.boards {
            board.stop();
        }
    }

    /// Whether [`Driver::stop`] was called.
    pub(super) const fn is_stopping(&self) -> bool {
        self.stop_by.is_some()
    }

    /// Whether a board answers.
    pub(super) fn some_board_is_online(&self) -> bool {
        self.boards.iter().any(Board::is_online)
    }

    /// What the controller is to be told, the oldest first.
    pub(super) fn events(&mut self) -> &mut VecDeque<(BoardIx, BoardEvent)> {
        self.outbox.events()
    }

    /// What to do next. An exchange under way must be done first.
    pub(super) fn next(&mut self, now: Mono) -> Step {
        if let Some(stop_by) = self.stop_by {
            return self.next_stop(now, stop_by);
        }
        if !self.line_is_up {
            return Step::Wait(None);
        }
        if self.boards.iter().all(Board::is_absent) {
            return Step::Close;
        }
        for board in &mut self.boards {
            board.probe(now);
        }
        let step = self.next_write(now);
        let step = step.or_else(|| self.next_safe(now));
        if let Some(step) = step.or_else(|| self.next_poll(now)) {
            return step;
        }
        Step::Wait(self.boards.iter().filter_map(Board::next_time).min())
    }

    fn next_stop(&mut self, now: Mono, stop_by: Mono) -> Step {
        if !self.line_is_up || now >= stop_by {
            return Step::Stopped;
        }
        if let Some(step) = self.next_safe(now) {
            return step;
        }
        let boards = self.boards.iter().filter(|board| !board.is_absent());
        match boards.filter_map(Board::next_time).min() {
            Some(time) => Step::Wait(Some(time.min(stop_by))),
            None => Step::Stopped,
        }
    }

    /// An owed write that is due, else the oldest command.
    fn next_write(&mut self, now: Mono) -> Option<Step> {
        let ready = |board: &&mut Board| board.is_online() && board.quiet_until <= now;
        let mut oldest: Option<(u64, usize, u16)> = None;
        for (at, board) in self.boards.iter_mut().enumerate() {
            let Some(board) = Some(board).filter(ready) else {
                continue;
            };
            if let Some((output, state)) = board.due(now) {
                let request = board.config.profile.drive(output, state);
                let purpose = Purpose::Owed { output, state };
                return self.exchange(now, at, request, purpose);
            }
            if let Some((seq, output)) = board.oldest_command()
                && oldest.is_none_or(|(other, ..)| seq < other)
            {
                oldest = Some((seq, at, output));
            }
        }
        let (_, at, output) = oldest?;
        let (request, queued, board_ms) = self.boards[at].begin_command(now, output)?;
        let purpose = Purpose::Command {
            output,
            queued,
            board_ms,
        };
        self.exchange(now, at, Some(request), purpose)
    }

    /// The next write of a board that is starting or stopping, and the first reading after.
    fn next_safe(&mut self, now: Mono) -> Option<Step> {
        for at in 0..self.boards.len() {
            let board = &mut self.boards[at];
            if board.quiet_until > now {
                continue;
            }
            if let Some(write) = board.next_safe_write() {
                let request = board.safe_request(write);
                return self.exchange(now, at, request, Purpose::Safe(write));
            }
            if matches!(board.presence, Presence::Starting { .. }) {
                let (request, purpose) = board.first_read();
                return self.exchange(now, at, request, purpose);
            }
        }
        None
    }

    /// The read that has been due for longest.
    fn next_poll(&mut self, now: Mono) -> Option<Step> {
        let boards = self.boards.iter().enumerate();
        let ready = boards.filter(|(_, board)| board.is_online() && board.quiet_until <= now);
        let reads = ready.filter_map(|(at, board)| Some((board.next_read()?, at)));
        let ((due, is_inputs), at) = reads.min_by_key(|((due, _), _)| *due)?;
        if due > now {
            return None;
        }
        let profile = &self.boards[at].config.profile;
        let (request, purpose) = if is_inputs {
            (profile.read_inputs(), Purpose::Inputs)
        } else {
            (profile.read_outputs(), Purpose::ReadBack)
        };
        self.exchange(now, at, request, purpose)
    }

    fn exchange(
        &mut self,
        now: Mono,
        board: usize,
        request: Option<ModbusRequest>,
        purpose: Purpose,
    ) -> Option<Step> {
        let request = request?;
        self.in_flight = Some(InFlight {
            board,
            purpose,
            started: now,
        });
        let board = &self.boards[board];
        Some(Step::Exchange {
            unit: board.config.unit,
            request,
            timeout_us: board.timeout_us(self.timeout_us),
            is_probe: board.is_doubtful(),
        })
    }

    /// The exchange under way has ended.
    pub(super) fn done(&mut self, now: Mono, outcome: &Outcome) {
        let Some(in_flight) = self.in_flight.take() else {
            return;
        };
        let board = &mut self.boards[in_flight.board];
        let outbox = &mut self.outbox;
        board.quiet_until = now.plus_ms(u64::from(board.config.profile.gap_ms));
        match outcome {
            Outcome::Silence => board.silences += 1,
            _ => board.silences = 0,
        }
        match in_flight.purpose {
            Purpose::Command {
                output,
                queued,
                board_ms,
            } => board.end_command(now, output, queued, board_ms, outcome, outbox),
            Purpose::Owed { output, state } => board.end_owed(now, output, state, outcome, outbox),
            Purpose::Safe(write) => board.end_safe(now, write, outcome, outbox),
            Purpose::Inputs => board.end_inputs(now, in_flight.started, outcome, outbox),
            Purpose::ReadBack => board.end_read_back(now, outcome, outbox),
        }
        if board.silences >= SILENCES_MAX || board.must_be_lost() {
            board.lose(now, outbox);
        }
    }
}
