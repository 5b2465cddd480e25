//! One board: whether it is there, its outputs, and its inputs.

use std::collections::VecDeque;
use std::time::Duration;

use doorward_core::controller::{BoardEvent, RelayCommand};
use doorward_core::time::Mono;
use doorward_wire::board::{Debounce, LoopFaults, ModbusRequest, OutputState, ReplyValue};

use super::outbox::Outbox;
use super::output::{Output, Queued};
use super::{
    BUSY_ATTEMPTS_MAX, BUSY_WAIT_MS, Outcome, Purpose, READ_BACK_ALONE_MS, READ_BACK_MS,
    REFUSED_READ_MS, UNSETTLED_POLL_MS,
};
use crate::backoff::Backoff;
use crate::relays::config::BoardConfig;

/// "Server device busy" (MODBUS Application Protocol Specification V1.1b3, clause 7).
const EXCEPTION_BUSY: u8 = 6;
/// Writes without an answer after which a board is given up on stop.
const STOP_SILENCES_MAX: u8 = 2;

#[derive(Debug)]
pub(super) struct Board {
    pub(super) config: BoardConfig,
    pub(super) presence: Presence,
    /// Requests in a row without an answer.
    pub(super) silences: u8,
    /// Nothing is asked before this time.
    pub(super) quiet_until: Mono,
    /// Output 1 first.
    outputs: Vec<Output>,
    probes: Backoff,
    debounce: Debounce,
    /// Of loops at fault.
    fault_debounce: Debounce,
    inputs_at: Mono,
    read_back_at: Mono,
    /// How often in a row they were, at most [`BUSY_ATTEMPTS_MAX`].
    inputs_refused: u8,
    read_back_is_refused: bool,
}

/// Whether a board is there.
#[derive(Debug)]
pub(super) enum Presence {
    /// It does not answer; asked again at this time.
    Absent {
        probe_at: Mono,
    },
    /// Its outputs are driven to their safe state, then it is read for the first time.
    Starting {
        plan: VecDeque<SafeWrite>,
    },
    Online,
    /// Its outputs are driven to their safe state for the last time.
    Stopping {
        plan: VecDeque<SafeWrite>,
    },
}

/// One write on the way to the safe state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SafeWrite {
    /// `None` for all outputs at once.
    output: Option<u16>,
    state: OutputState,
}

impl Board {
    pub(super) fn new(config: BoardConfig) -> Self {
        let mut outputs: Vec<Output> = Vec::new();
        outputs.resize_with(usize::from(config.profile.outputs), Output::default);
        for (output, state) in &config.safe {
            match outputs.get_mut(usize::from(*output).wrapping_sub(1)) {
                Some(slot) => slot.safe = Some(*state),
                None => log::error!(
                    "board `{}` has no output {output}: its profile `{}` has {}",
                    config.name,
                    config.profile.name,
                    config.profile.outputs
                ),
            }
        }
        Self {
            presence: Presence::Absent { probe_at: Mono(0) },
            silences: 0,
            quiet_until: Mono(0),
            outputs,
            probes: Backoff::default(),
            debounce: Debounce::new(config.debounce),
            fault_debounce: Debounce::new(config.debounce),
            inputs_at: Mono(0),
            read_back_at: Mono(0),
            inputs_refused: 0,
            read_back_is_refused: false,
            config,
        }
    }

    pub(super) const fn is_online(&self) -> bool {
        matches!(self.presence, Presence::Online)
    }

    pub(super) const fn is_absent(&self) -> bool {
        matches!(self.presence, Presence::Absent { .. })
    }

    /// How long to wait for an answer. A board that did not answer lately gets half the time, so
    /// that it holds up the others less, and now and then all of it, in case it is just slow.
    pub(super) fn timeout_us(&self, line_us: u64) -> u64 {
        if self.is_doubtful() && !self.probes.attempts().is_multiple_of(4) {
            line_us / 2
        } else {
            line_us
        }
    }

    /// Whether it did not answer when last asked.
    pub(super) fn is_doubtful(&self) -> bool {
        let is_starting = matches!(self.presence, Presence::Starting { .. });
        is_starting && self.probes.attempts() > 0
    }

    /// Whether its last answer, or none, means that it is not there.
    pub(super) const fn must_be_lost(&self) -> bool {
        match self.presence {
            Presence::Starting { .. } => self.silences > 0,
            Presence::Stopping { .. } => self.silences >= STOP_SILENCES_MAX,
            Presence::Absent { .. } | Presence::Online => false,
        }
    }

    /// Begins to bring the board into its safe state.
    pub(super) fn start(&mut self) {
        self.silences = 0;
        self.debounce.reset();
        self.fault_debounce.reset();
        self.presence = Presence::Starting {
            plan: self.safe_plan(),
        };
    }

    /// An absent board is tried again when its time has come.
    pub(super) fn probe(&mut self, now: Mono) {
        if matches!(self.presence, Presence::Absent { probe_at } if probe_at <= now) {
            self.start();
        }
    }

    /// Drives the safe states for the last time.
    pub(super) fn stop(&mut self) {
        for output in &mut self.outputs {
            output.queued = None;
        }
        if !self.is_absent() {
            self.silences = 0;
            self.presence = Presence::Stopping {
                plan: self.safe_plan(),
            };
        }
    }

    /// The board, or the line to it, is gone.
    pub(super) fn lose(&mut self, now: Mono, outbox: &mut Outbox) {
        if self.is_absent() {
            return;
        }
        if self.is_online() {
            log::warn!("relay board `{}` does not answer", self.config.name);
            outbox.push(self.config.board, BoardEvent::Offline);
        }
        let wait = self.probes.next_wait();
        self.presence = Presence::Absent {
            probe_at: now.plus_ms(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
        };
        self.silences = 0;
        self.inputs_refused = 0;
        self.debounce.reset();
        self.fault_debounce.reset();
        for number in 1..=self.config.profile.outputs {
            let Some(output) = self.output(number) else {
                continue;
            };
            output.steady = None;
            output.astray = 0;
            // What was switched on is void; what must be released still must.
            if output
                .owed
                .is_some_and(|owed| owed.state == OutputState::On)
            {
                output.owed = None;
            }
            if output.queued.take().is_some() {
                self.fail_output(number, outbox);
            }
        }
    }

    fn output(&mut self, number: u16) -> Option<&mut Output> {
        self.outputs.get_mut(usize::from(number).wrapping_sub(1))
    }

    /// Tells that a command was not carried out.
    pub(super) fn fail_output(&mut self, number: u16, outbox: &mut Outbox) {
        if let Some(output) = self.output(number) {
            output.is_failed = true;
        }
        let output = number;
        outbox.push(self.config.board, BoardEvent::OutputFailed { output });
    }

    /// Takes a command; the one before that was not sent yet is void.
    pub(super) fn queue(&mut self, number: u16, queued: Queued, outbox: &mut Outbox) {
        if !self.is_online() || self.output(number).is_none() {
            log::warn!(
                "relay board `{}`: output {number} is not driven, the board is {}",
                self.config.name,
                if self.is_online() {
                    "smaller"
                } else {
                    "offline"
                }
            );
            return self.fail_output(number, outbox);
        }
        if let Some(output) = self.output(number) {
            output.safe.get_or_insert(OutputState::Off);
            output.queued = Some(queued);
        }
    }

    pub(super) fn set_safe(&mut self, now: Mono, number: u16, state: OutputState) {
        let is_online = self.is_online();
        let Some(output) = self.output(number) else {
            return;
        };
        let was_used = output.safe.replace(state).is_some();
        if is_online && !was_used && output.queued.is_none() && output.owed.is_none() {
            output.owe(now, state);
        }
        // A board on its way to its safe state begins again with the new one.
        if matches!(self.presence, Presence::Starting { .. }) {
            self.start();
        }
    }

    /// The owed write that has been due for longest.
    pub(super) fn due(&self, now: Mono) -> Option<(u16, OutputState)> {
        let due = (1..).zip(&self.outputs);
        let due = due.filter_map(|(number, output)| Some((output.due(now)?, number)));
        let (owed, number) = due.min_by_key(|(owed, _)| owed.at)?;
        Some((number, owed.state))
    }

    /// Order and output of the command that has waited for longest.
    pub(super) fn oldest_command(&self) -> Option<(u64, u16)> {
        let queued = (1..).zip(&self.outputs);
        let queued = queued.filter_map(|(number, output)| Some((output.queued?.seq, number)));
        queued.min()
    }

    /// Takes the command out of the queue: its request, and for how long the board times it.
    pub(super) fn begin_command(
        &mut self,
        now: Mono,
        number: u16,
    ) -> Option<(ModbusRequest, Queued, Option<u32>)> {
        let queued = self.output(number)?.queued.take()?;
        let profile = &self.config.profile;
        let on = profile.drive(number, OutputState::On)?;
        let off = profile.drive(number, OutputState::Off)?;
        let timed = match queued.command {
            RelayCommand::Pulse { ms } => profile.pulse(number, ms),
            RelayCommand::On | RelayCommand::Off => None,
        };
        let output = self.output(number)?;
        if let Some((request, ms)) = timed {
            // A pulse ends what was switched on before, also when the board refuses it.
            if output.steady != Some(OutputState::Off) {
                output.owe(now.plus_ms(u64::from(ms)), OutputState::Off);
            }
            return Some((request, queued, Some(ms)));
        }
        // Owed before it is sent: whatever becomes of the exchange, the output will be released.
        let request = match queued.command {
            RelayCommand::On => on,
            RelayCommand::Off => {
                output.owe(now, OutputState::Off);
                off
            }
            RelayCommand::Pulse { ms } => {
                output.owe(now.plus_ms(u64::from(ms)), OutputState::Off);
                on
            }
        };
        Some((request, queued, None))
    }

    pub(super) fn end_command(
        &mut self,
        now: Mono,
        number: u16,
        queued: Queued,
        board_ms: Option<u32>,
        outcome: &Outcome,
        outbox: &mut Outbox,
    ) {
        let will_be_lost = self.silences >= super::SILENCES_MAX;
        let name = self.config.name.clone();
        let Some(output) = self.output(number) else {
            return;
        };
        let is_newest = output.queued.is_none();
        match (outcome, queued.command) {
            (Outcome::Reply(_), RelayCommand::On) => output.confirm(now, OutputState::On),
            (Outcome::Reply(_), RelayCommand::Off) => output.confirm(now, OutputState::Off),
            (Outcome::Reply(_), RelayCommand::Pulse { ms }) => match board_ms {
                Some(board_ms) => output.confirm_board_pulse(now, board_ms),
                None => {
                    output.confirm(now, OutputState::On);
                    output.owe(now.plus_ms(u64::from(ms)), OutputState::Off);
                }
            },
            (Outcome::Exception(EXCEPTION_BUSY), _)
                if is_newest && queued.attempts < BUSY_ATTEMPTS_MAX =>
            {
                let attempts = queued.attempts + 1;
                output.queued = Some(Queued { attempts, ..queued });
                self.quiet_until = self.quiet_until.max(now.plus_ms(BUSY_WAIT_MS));
            }
            (Outcome::Exception(code), command) => {
                log::error!(
                    "relay board `{name}` refuses {command:?} of output {number} with exception {code}"
                );
                if command == RelayCommand::Off {
                    let wait = millis(output.retry.next_wait());
                    output.owe(now.plus_ms(wait), OutputState::Off);
                }
                self.fail_output(number, outbox);
            }
            (Outcome::Silence, _) if will_be_lost => self.fail_output(number, outbox),
            // An unconfirmed `Off` is owed already.
            (Outcome::Silence, RelayCommand::Off) => {}
            (Outcome::Silence, _) if is_newest => output.queued = Some(queued),
            (Outcome::Silence, _) => {}
        }
    }

    pub(super) fn end_owed(
        &mut self,
        now: Mono,
        number: u16,
        state: OutputState,
        outcome: &Outcome,
        outbox: &mut Outbox,
    ) {
        let name = self.config.name.clone();
        let Some(output) = self.output(number) else {
            return;
        };
        match outcome {
            Outcome::Reply(_) => output.confirm(now, state),
            Outcome::Exception(code) => {
                let wait = millis(output.retry.next_wait());
                output.owe(now.plus_ms(wait), state);
                if !output.is_failed {
                    log::error!(
                        "relay board `{name}` refuses to drive output {number} {state:?} with exception {code}; repeated until it does"
                    );
                    self.fail_output(number, outbox);
                }
            }
            Outcome::Silence => {}
        }
    }

    /// All outputs at once where the board can and all are to be released, else one by one.
    fn safe_plan(&self) -> VecDeque<SafeWrite> {
        let mut all = self.outputs.iter().map(|output| output.safe);
        let all_off = all.all(|safe| safe == Some(OutputState::Off));
        if all_off && !self.outputs.is_empty() && self.config.profile.all_off().is_some() {
            let state = OutputState::Off;
            return VecDeque::from([SafeWrite {
                output: None,
                state,
            }]);
        }
        self.single_safe_writes()
    }

    fn single_safe_writes(&self) -> VecDeque<SafeWrite> {
        let outputs = (1..).zip(&self.outputs);
        let writes = outputs.filter_map(|(number, output)| {
            Some(SafeWrite {
                output: Some(number),
                state: output.safe?,
            })
        });
        writes.collect()
    }

    const fn plan(&mut self) -> Option<&mut VecDeque<SafeWrite>> {
        match &mut self.presence {
            Presence::Starting { plan } | Presence::Stopping { plan } => Some(plan),
            Presence::Absent { .. } | Presence::Online => None,
        }
    }

    pub(super) fn next_safe_write(&mut self) -> Option<SafeWrite> {
        self.plan()?.front().copied()
    }

    pub(super) fn safe_request(&self, write: SafeWrite) -> Option<ModbusRequest> {
        match write.output {
            Some(number) => self.config.profile.drive(number, write.state),
            None => self.config.profile.all_off(),
        }
    }

    pub(super) fn end_safe(
        &mut self,
        now: Mono,
        write: SafeWrite,
        outcome: &Outcome,
        outbox: &mut Outbox,
    ) {
        match (outcome, write.output) {
            (Outcome::Silence, _) => return,
            (Outcome::Reply(_), Some(number)) => self.confirm_safe(now, number, write.state),
            (Outcome::Reply(_), None) => {
                for number in 1..=self.config.profile.outputs {
                    self.confirm_safe(now, number, write.state);
                }
            }
            (Outcome::Exception(_), None) => {
                let singles = self.single_safe_writes();
                if let Some(plan) = self.plan() {
                    *plan = singles;
                }
                return;
            }
            // Repeated until the board does it.
            (Outcome::Exception(_), Some(number)) => {
                self.end_owed(now, number, write.state, outcome, outbox);
            }
        }
        if let Some(plan) = self.plan() {
            plan.pop_front();
        }
    }

    fn confirm_safe(&mut self, now: Mono, number: u16, state: OutputState) {
        if let Some(output) = self.output(number) {
            let owed = output.owed.filter(|owed| owed.state != state);
            output.confirm(now, state);
            output.owed = owed.or(output.owed);
        }
    }

    /// The reading after which a starting board is online.
    pub(super) fn first_read(&self) -> (Option<ModbusRequest>, Purpose) {
        match self.config.profile.read_inputs() {
            Some(request) => (Some(request), Purpose::Inputs),
            None => (self.config.profile.read_outputs(), Purpose::ReadBack),
        }
    }

    fn go_online(&mut self, now: Mono, outbox: &mut Outbox) {
        if !matches!(self.presence, Presence::Starting { .. }) {
            return;
        }
        log::info!("relay board `{}` is online", self.config.name);
        self.presence = Presence::Online;
        self.probes.reset();
        self.inputs_at = now;
        self.read_back_at = now.plus_ms(self.read_back_ms());
        outbox.push(self.config.board, BoardEvent::Online);
    }

    fn read_back_ms(&self) -> u64 {
        if self.config.profile.inputs == 0 {
            READ_BACK_ALONE_MS
        } else {
            READ_BACK_MS
        }
    }

    pub(super) fn end_inputs(
        &mut self,
        now: Mono,
        started: Mono,
        outcome: &Outcome,
        outbox: &mut Outbox,
    ) {
        match outcome {
            Outcome::Silence => {}
            Outcome::Exception(code) => {
                self.go_online(now, outbox);
                self.inputs_refuse(now, *code, outbox);
            }
            Outcome::Reply(reply) => {
                self.inputs_refused = 0;
                self.go_online(now, outbox);
                self.take_inputs(reply, outbox);
                let poll_ms = u64::from(self.config.poll_ms);
                self.inputs_at = if self.debounce.is_unsettled() {
                    started.plus_ms(poll_ms.min(UNSETTLED_POLL_MS))
                } else {
                    started.plus_ms(poll_ms)
                };
            }
        }
    }

    /// A board may be busy for a moment; anything else is told.
    fn inputs_refuse(&mut self, now: Mono, code: u8, outbox: &mut Outbox) {
        let was_told = self.inputs_refused == BUSY_ATTEMPTS_MAX;
        self.inputs_refused = match code {
            EXCEPTION_BUSY => BUSY_ATTEMPTS_MAX.min(self.inputs_refused + 1),
            _ => BUSY_ATTEMPTS_MAX,
        };
        if self.inputs_refused < BUSY_ATTEMPTS_MAX {
            self.inputs_at = now.plus_ms(BUSY_WAIT_MS);
            return;
        }
        self.inputs_at = now.plus_ms(REFUSED_READ_MS);
        if !was_told {
            log::error!(
                "relay board `{}` refuses to have its inputs read with exception {code}; does the profile `{}` fit?",
                self.config.name,
                self.config.profile.name
            );
            // So that the next reading is told, whatever it is.
            self.debounce.reset();
            outbox.push(self.config.board, BoardEvent::InputsRefused);
        }
    }

    fn take_inputs(&mut self, reply: &ReplyValue, outbox: &mut Outbox) {
        let Some(levels) = self.config.profile.input_levels(reply) else {
            return;
        };
        if let Some(faults) = self.config.profile.loop_faults(reply)
            && let Some(settled) = self.fault_debounce.read(faults.short | faults.cut)
        {
            self.tell_faults(faults);
            outbox.push(self.config.board, BoardEvent::InputFaults(settled));
        }
        if let Some(settled) = self.debounce.read(levels) {
            outbox.push(self.config.board, BoardEvent::Inputs(settled));
        }
    }

    fn tell_faults(&self, faults: LoopFaults) {
        let name = &self.config.name;
        for number in 1..=self.config.profile.inputs {
            let is_in = |levels: u64| levels >> (number - 1) & 1 == 1;
            if is_in(faults.short) {
                log::error!("relay board `{name}`: the wires of input {number} touch each other");
            } else if is_in(faults.cut) {
                log::error!("relay board `{name}`: a wire of input {number} is cut");
            }
        }
    }

    pub(super) fn end_read_back(&mut self, now: Mono, outcome: &Outcome, outbox: &mut Outbox) {
        match outcome {
            Outcome::Silence => return,
            Outcome::Exception(code) => {
                if !self.read_back_is_refused {
                    log::error!(
                        "relay board `{}` refuses to have its outputs read back with exception {code}; does the profile `{}` fit?",
                        self.config.name,
                        self.config.profile.name
                    );
                }
                self.read_back_is_refused = true;
                self.go_online(now, outbox);
            }
            Outcome::Reply(reply) => {
                self.read_back_is_refused = false;
                self.go_online(now, outbox);
                if let Some(levels) = self.config.profile.output_levels(reply) {
                    self.compare(now, levels, outbox);
                }
            }
        }
        self.read_back_at = now.plus_ms(self.read_back_ms());
    }

    /// Drives anew what is not as it was driven: the board was without power for a moment, or
    /// somebody else writes to it.
    fn compare(&mut self, now: Mono, levels: u64, outbox: &mut Outbox) {
        for number in 1..=self.config.profile.outputs {
            let name = self.config.name.clone();
            let Some(output) = self.output(number) else {
                continue;
            };
            let Some(expected) = output.expected(now) else {
                continue;
            };
            let is_on = levels >> (number - 1) & 1 == 1;
            if is_on == (expected == OutputState::On) {
                output.astray = 0;
                continue;
            }
            output.astray = output.astray.saturating_add(1);
            let astray = output.astray;
            output.owe(now, expected);
            match astray {
                1 => log::warn!(
                    "relay board `{name}`: output {number} is not {expected:?} as it was driven; driven again"
                ),
                2 => self.fail_output(number, outbox),
                _ => {}
            }
        }
    }

    /// When the next read is due, and whether it is of the inputs.
    pub(super) fn next_read(&self) -> Option<(Mono, bool)> {
        let profile = &self.config.profile;
        let inputs = profile.read_inputs().map(|_| (self.inputs_at, true));
        let read_back = profile.read_outputs().map(|_| (self.read_back_at, false));
        inputs
            .into_iter()
            .chain(read_back)
            .min_by_key(|(at, _)| *at)
    }

    /// When there is something to do; `None` for never.
    pub(super) fn next_time(&self) -> Option<Mono> {
        match &self.presence {
            Presence::Absent { probe_at } => Some(*probe_at),
            Presence::Starting { .. } => Some(self.quiet_until),
            Presence::Stopping { plan } => (!plan.is_empty()).then_some(self.quiet_until),
            Presence::Online => {
                let writes = self.outputs.iter().filter_map(|output| {
                    let queued = output.queued.map(|_| Mono(0));
                    queued.or(output.owed.map(|owed| owed.at))
                });
                let reads = self.next_read().map(|(at, _)| at);
                Some(writes.chain(reads).min()?.max(self.quiet_until))
            }
        }
    }
}

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}
