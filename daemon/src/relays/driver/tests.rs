//! A line in virtual time.

use std::sync::Arc;

use doorward_core::ids::DeviceName;
use doorward_wire::board::{BoardProfile, built_in};
use proptest::prelude::*;

use super::*;
use crate::relays::config::{BoardConfig, LineAddress};

const ANSWER_US: u64 = 3_000;
const TIMEOUT_MS: u32 = 100;
const REOPEN_US: u64 = 100_000;
const UNITS: usize = 16;

/// A board as it stands at the other end.
#[derive(Debug, Clone)]
struct Peer {
    coils: [bool; UNITS],
    pulse_end: [Option<Mono>; UNITS],
    inputs: u64,
    is_silent: bool,
    /// The exception it answers writes with.
    refuses: Option<u8>,
    /// The exception it answers reads of its inputs with.
    hides: Option<u8>,
    /// What is measured on its loops.
    measured: Vec<u16>,
    /// Every request it was sent.
    asked: Vec<(Mono, ModbusRequest)>,
    /// Every change of a coil: when, which from 1, on or off.
    changes: Vec<(Mono, u16, bool)>,
}

impl Peer {
    fn new() -> Self {
        Self {
            coils: [false; UNITS],
            pulse_end: [None; UNITS],
            inputs: 0,
            is_silent: false,
            refuses: None,
            hides: None,
            measured: vec![1500, 3000],
            asked: Vec::new(),
            changes: Vec::new(),
        }
    }

    fn set(&mut self, now: Mono, at: usize, on: bool) {
        if self.coils[at] != on {
            self.coils[at] = on;
            let number = u16::try_from(at + 1).unwrap();
            self.changes.push((now, number, on));
        }
    }

    /// Lets time pass: pulses that the board times come to their end.
    fn pass(&mut self, now: Mono) {
        for at in 0..UNITS {
            if let Some(end) = self.pulse_end[at].filter(|&end| end <= now) {
                self.pulse_end[at] = None;
                self.set(end, at, false);
            }
        }
    }

    fn answer(&mut self, now: Mono, request: ModbusRequest) -> Outcome {
        self.asked.push((now, request));
        if self.is_silent {
            return Outcome::Silence;
        }
        if let Some(code) = self.refuses.filter(|_| request.is_write()) {
            return Outcome::Exception(code);
        }
        if let (Some(code), ModbusRequest::ReadDiscreteInputs { .. }) = (self.hides, request) {
            return Outcome::Exception(code);
        }
        let coils = (0..64).zip(&self.coils);
        let levels = coils.fold(0, |levels, (at, &on)| levels | u64::from(on) << at);
        let done = Outcome::Reply(ReplyValue::Done);
        match request {
            ModbusRequest::ReadCoils { .. } => Outcome::Reply(ReplyValue::Bits(levels)),
            ModbusRequest::ReadInputRegisters { .. } => {
                Outcome::Reply(ReplyValue::Registers(self.measured.clone()))
            }
            ModbusRequest::ReadDiscreteInputs { .. } => {
                Outcome::Reply(ReplyValue::Bits(self.inputs))
            }
            ModbusRequest::WriteCoil {
                address: 0xFF,
                value: 0,
            } => {
                (0..UNITS).for_each(|at| self.set(now, at, false));
                done
            }
            ModbusRequest::WriteCoil { address, value } if address >= 0x200 => {
                let at = usize::from(address - 0x200);
                self.set(now, at, true);
                self.pulse_end[at] = Some(now.plus_ms(u64::from(value) * 100));
                done
            }
            ModbusRequest::WriteCoil { address, value } => {
                self.set(now, usize::from(address), value == 0xFF00);
                done
            }
            _ => Outcome::Exception(1),
        }
    }

    fn writes(&self) -> Vec<ModbusRequest> {
        let asked = self.asked.iter().map(|(_, request)| *request);
        asked.filter(ModbusRequest::is_write).collect()
    }
}

/// A line with its boards; board `n` is unit `n + 1`.
#[derive(Debug)]
struct Line {
    driver: Driver,
    peers: Vec<Peer>,
    now: Mono,
    reopened: usize,
    is_stopped: bool,
    events: Vec<(u16, String)>,
}

fn profile(name: &str) -> Arc<BoardProfile> {
    Arc::new(built_in(name).unwrap().unwrap())
}

fn board(at: u16, profile_name: &str, safe: &[(u16, OutputState)]) -> BoardConfig {
    BoardConfig {
        board: BoardIx(at),
        name: DeviceName::from(format!("board-{at}").as_str()),
        unit: u8::try_from(at + 1).unwrap(),
        profile: profile(profile_name),
        poll_ms: 20,
        debounce: 2,
        safe: safe.to_vec(),
    }
}

impl Line {
    fn of(boards: Vec<BoardConfig>) -> Self {
        let peers = vec![Peer::new(); boards.len()];
        let mut driver = Driver::new(&LineConfig {
            address: LineAddress::Tcp(String::new()),
            timeout_ms: TIMEOUT_MS,
            boards,
        });
        driver.line_up();
        Self {
            driver,
            peers,
            now: Mono(0),
            reopened: 0,
            is_stopped: false,
            events: Vec::new(),
        }
    }

    /// One board with outputs 1 and 2 in use, online.
    fn online(profile: &str) -> Self {
        let safe = [(1, OutputState::Off), (2, OutputState::Off)];
        let mut line = Self::of(vec![board(0, profile, &safe)]);
        line.run_ms(50);
        assert_eq!(line.told()[0], "0 Online");
        line.peers[0].asked.clear();
        line
    }

    fn step(&mut self, end: Mono) -> bool {
        let step = self.driver.next(self.now);
        match step {
            Step::Exchange {
                unit,
                request,
                timeout_us,
                ..
            } => {
                let peer = &mut self.peers[usize::from(unit) - 1];
                peer.pass(self.now);
                let outcome = peer.answer(self.now, request);
                let took = if outcome == Outcome::Silence {
                    timeout_us
                } else {
                    ANSWER_US
                };
                self.now = Mono(self.now.0 + took);
                self.driver.done(self.now, &outcome);
            }
            Step::Wait(until) => {
                let until = until.unwrap_or(end);
                assert!(until > self.now, "waits for the past");
                self.now = until.min(end);
            }
            Step::Close => {
                self.driver.line_down(self.now);
                self.now = Mono(self.now.0 + REOPEN_US);
                self.reopened += 1;
                self.driver.line_up();
            }
            Step::Stopped => {
                self.is_stopped = true;
                return false;
            }
        }
        self.peers.iter_mut().for_each(|peer| peer.pass(self.now));
        for (board, event) in self.driver.events().drain(..) {
            self.events.push((board.0, format!("{event:?}")));
        }
        self.now < end
    }

    fn run_ms(&mut self, ms: u64) {
        let end = self.now.plus_ms(ms);
        while self.step(end) {}
    }

    fn command(&mut self, output: u16, command: RelayCommand) {
        self.driver.command(0, output, command);
    }

    /// The events since the last call.
    fn told(&mut self) -> Vec<String> {
        let events = self.events.drain(..);
        events
            .map(|(board, event)| format!("{board} {event}"))
            .collect()
    }
}

const ON: u16 = 0xFF00;

fn coil(address: u16, value: u16) -> ModbusRequest {
    ModbusRequest::WriteCoil { address, value }
}

#[test]
fn a_board_is_online_once_its_outputs_are_in_their_safe_state() {
    let safe = [(1, OutputState::Off), (3, OutputState::On)];
    let mut line = Line::of(vec![board(0, "generic-coil", &safe)]);
    line.peers[0].coils[0] = true;
    line.peers[0].inputs = 0b101;
    line.run_ms(50);
    assert_eq!(line.peers[0].writes(), [coil(0, 0), coil(2, ON)]);
    assert!(
        line.peers[0].asked[..2]
            .iter()
            .all(|(_, request)| request.is_write())
    );
    assert_eq!(line.told(), ["0 Online", "0 Inputs(5)"]);
}

#[test]
fn all_outputs_are_released_at_once_where_the_board_can() {
    let safe: Vec<_> = (1..=8).map(|output| (output, OutputState::Off)).collect();
    let line = |refuses| {
        let mut line = Line::of(vec![board(0, "waveshare-rtu-relay-8ch", &safe)]);
        line.peers[0].refuses = refuses;
        line.run_ms(60);
        line
    };
    let mut good = line(None);
    assert_eq!(good.peers[0].writes(), [coil(0xFF, 0)]);
    assert_eq!(good.told(), ["0 Online"]);
    // One by one when it refuses, and told which.
    let mut bad = line(Some(1));
    assert_eq!(bad.peers[0].writes().len(), 9);
    let told = bad.told();
    assert_eq!(told[0], "0 OutputFailed { output: 1 }");
    assert_eq!(told[8], "0 Online");
}

#[test]
fn a_pulse_is_timed_here_when_the_board_cannot() {
    let mut line = Line::online("generic-coil");
    line.command(1, RelayCommand::Pulse { ms: 500 });
    let sent = line.now;
    line.run_ms(1000);
    let [(on, 1, true), (off, 1, false)] = line.peers[0].changes[..] else {
        panic!("{:?}", line.peers[0].changes);
    };
    assert_eq!(on, sent);
    let held_us = off.since_us(on);
    assert!((500_000..520_000).contains(&held_us), "{held_us}");
    assert_eq!(line.told(), [""; 0]);
}

#[test]
fn a_pulse_is_timed_by_the_board_where_it_can() {
    let mut line = Line::online("waveshare-rtu-relay-8ch");
    line.command(2, RelayCommand::Pulse { ms: 501 });
    line.run_ms(3000);
    assert_eq!(line.peers[0].writes(), [coil(0x201, 6)]);
    assert!(!line.peers[0].coils[1]);
}

#[test]
fn a_board_pulse_does_not_end_what_was_switched_on_since() {
    let mut line = Line::online("waveshare-rtu-relay-8ch");
    line.command(1, RelayCommand::Pulse { ms: 1000 });
    line.run_ms(300);
    line.command(1, RelayCommand::On);
    line.run_ms(2000);
    let [_, (off, _, false), (on, _, true)] = line.peers[0].changes[..] else {
        panic!("{:?}", line.peers[0].changes);
    };
    assert!(on.since_us(off) < 70_000, "off for {} us", on.since_us(off));
    assert!(line.peers[0].coils[0]);
    // The pulse, the command, right after the pulse, and once more for a slow board.
    let on = coil(0, ON);
    assert_eq!(line.peers[0].writes(), [coil(0x200, 10), on, on, on]);
}

#[test]
fn the_newest_command_counts_and_ends_a_pulse() {
    let mut line = Line::online("generic-coil");
    line.command(1, RelayCommand::On);
    line.command(1, RelayCommand::Pulse { ms: 5000 });
    line.command(1, RelayCommand::Off);
    line.run_ms(100);
    assert_eq!(line.peers[0].writes(), [coil(0, 0)]);
    line.command(1, RelayCommand::Pulse { ms: 5000 });
    line.run_ms(100);
    line.command(1, RelayCommand::On);
    line.run_ms(10_000);
    assert!(
        line.peers[0].coils[0],
        "the end of the void pulse was carried out"
    );
}

#[test]
fn a_pulse_in_a_pulse_begins_anew() {
    let mut line = Line::online("generic-coil");
    line.command(1, RelayCommand::Pulse { ms: 300 });
    line.run_ms(200);
    line.command(1, RelayCommand::Pulse { ms: 300 });
    line.run_ms(1000);
    let [(on, ..), (off, ..)] = line.peers[0].changes[..] else {
        panic!("{:?}", line.peers[0].changes);
    };
    assert!((500_000..530_000).contains(&off.since_us(on)));
}

#[test]
fn writes_go_before_polls() {
    let boards = (0..4).map(|at| board(at, "generic-coil", &[(1, OutputState::Off)]));
    let mut line = Line::of(boards.collect());
    line.run_ms(200);
    for round in 0..50 {
        // Polls of four boards keep the line busy all the time.
        line.run_ms(7);
        line.command(
            1,
            if round % 2 == 0 {
                RelayCommand::On
            } else {
                RelayCommand::Off
            },
        );
        let sent = line.now;
        line.run_ms(20);
        let (at, ..) = *line.peers[0].changes.last().unwrap();
        assert_eq!(at, sent, "another request went first");
    }
}

#[test]
fn commands_go_in_the_order_given() {
    let mut line = Line::online("generic-coil");
    for output in [5, 2, 9] {
        line.command(output, RelayCommand::On);
    }
    line.run_ms(20);
    assert_eq!(
        line.peers[0].writes(),
        [coil(4, ON), coil(1, ON), coil(8, ON)]
    );
}

#[test]
fn silence_makes_a_board_absent_and_its_return_safe() {
    let mut line = Line::online("generic-coil");
    line.command(1, RelayCommand::On);
    line.run_ms(50);
    assert!(line.peers[0].coils[0]);
    line.told();
    line.peers[0].is_silent = true;
    line.peers[0].asked.clear();
    line.run_ms(340);
    assert_eq!(line.told(), ["0 Offline"]);
    assert_eq!(line.peers[0].asked.len(), usize::from(SILENCES_MAX));
    line.command(2, RelayCommand::Pulse { ms: 1000 });
    line.run_ms(10);
    assert_eq!(line.told(), ["0 OutputFailed { output: 2 }"]);
    line.run_ms(5000);
    assert!(line.reopened > 5);
    line.peers[0].is_silent = false;
    line.peers[0].asked.clear();
    line.run_ms(300);
    assert_eq!(line.told(), ["0 Online", "0 Inputs(0)"]);
    assert_eq!(line.peers[0].writes(), [coil(0, 0), coil(1, 0)]);
    assert!(!line.peers[0].coils[0]);
}

#[test]
fn a_lost_answer_or_two_change_nothing() {
    let mut line = Line::online("generic-coil");
    line.peers[0].is_silent = true;
    line.command(1, RelayCommand::On);
    line.run_ms(150);
    line.peers[0].is_silent = false;
    line.run_ms(200);
    assert!(line.peers[0].coils[0]);
    assert_eq!(line.told(), [""; 0]);
}

#[test]
fn an_off_that_is_refused_is_repeated_until_it_is_done() {
    let mut line = Line::online("generic-coil");
    line.command(1, RelayCommand::Pulse { ms: 200 });
    line.run_ms(100);
    line.peers[0].refuses = Some(4);
    line.run_ms(20_000);
    assert_eq!(line.told(), ["0 OutputFailed { output: 1 }"]);
    assert!(line.peers[0].coils[0]);
    let tries = line.peers[0].writes().len() - 1;
    assert!((10..20).contains(&tries), "{tries} tries in 20 s");
    line.peers[0].refuses = None;
    line.run_ms(2100);
    assert!(!line.peers[0].coils[0]);
    line.peers[0].asked.clear();
    line.run_ms(5000);
    assert_eq!(line.peers[0].writes(), []);
}

#[test]
fn a_refused_command_is_told_and_not_repeated() {
    let mut line = Line::online("waveshare-rtu-relay-8ch");
    line.peers[0].refuses = Some(2);
    line.command(1, RelayCommand::Pulse { ms: 500 });
    line.run_ms(1000);
    assert_eq!(line.peers[0].writes().len(), 1);
    assert_eq!(line.told(), ["0 OutputFailed { output: 1 }"]);
}

#[test]
fn a_refused_pulse_ends_what_was_switched_on_before() {
    let mut line = Line::online("waveshare-rtu-relay-8ch");
    line.command(1, RelayCommand::On);
    line.run_ms(50);
    line.peers[0].refuses = Some(2);
    line.command(1, RelayCommand::Pulse { ms: 500 });
    line.run_ms(50);
    line.peers[0].refuses = None;
    line.run_ms(600);
    assert!(!line.peers[0].coils[0]);
}

#[test]
fn a_busy_board_is_asked_again() {
    let mut line = Line::online("waveshare-rtu-relay-8ch");
    line.peers[0].refuses = Some(6);
    line.command(1, RelayCommand::Pulse { ms: 500 });
    line.run_ms(30);
    line.peers[0].refuses = None;
    line.run_ms(100);
    assert!(line.peers[0].coils[0]);
    assert_eq!(line.told(), [""; 0]);
    line.peers[0].refuses = Some(6);
    line.peers[0].asked.clear();
    line.command(2, RelayCommand::On);
    line.run_ms(1000);
    assert_eq!(
        line.peers[0].writes().len(),
        1 + usize::from(BUSY_ATTEMPTS_MAX)
    );
    assert_eq!(line.told(), ["0 OutputFailed { output: 2 }"]);
}

#[test]
fn the_end_of_a_pulse_is_owed_over_the_loss_of_the_line() {
    let safe = [(1, OutputState::On)];
    let mut line = Line::of(vec![board(0, "generic-coil", &safe)]);
    line.run_ms(50);
    line.command(1, RelayCommand::Pulse { ms: 500 });
    line.run_ms(100);
    line.driver.line_down(line.now);
    line.now = line.now.plus_ms(3000);
    line.driver.line_up();
    line.run_ms(100);
    assert!(!line.peers[0].coils[0]);
    assert_eq!(line.told()[2..], ["0 Offline", "0 Online", "0 Inputs(0)"]);
}

#[test]
fn a_command_under_way_when_the_line_is_lost_is_told() {
    let mut line = Line::online("generic-coil");
    line.told();
    line.command(1, RelayCommand::On);
    assert!(matches!(line.driver.next(line.now), Step::Exchange { .. }));
    line.command(2, RelayCommand::On);
    line.driver.line_down(line.now);
    line.run_ms(10);
    let told = [
        "0 OutputFailed { output: 1 }",
        "0 Offline",
        "0 OutputFailed { output: 2 }",
    ];
    assert_eq!(line.told(), told);
}

#[test]
fn what_a_board_forgot_is_driven_again() {
    let mut line = Line::online("generic-coil");
    line.command(1, RelayCommand::On);
    line.run_ms(100);
    line.peers[0].coils = [false; UNITS];
    line.peers[0].coils[1] = true;
    // An output not in use is not touched.
    line.peers[0].coils[9] = true;
    line.run_ms(READ_BACK_MS + 50);
    assert_eq!(line.peers[0].coils[..2], [true, false]);
    assert!(line.peers[0].coils[9]);
    assert_eq!(line.told(), [""; 0]);
}

#[test]
fn an_output_that_does_not_stay_is_told_once() {
    let mut line = Line::online("generic-coil");
    line.command(1, RelayCommand::On);
    for _ in 0..100 {
        line.run_ms(50);
        line.peers[0].coils[0] = false;
    }
    assert_eq!(line.told(), ["0 OutputFailed { output: 1 }"]);
}

#[test]
fn inputs_are_told_once_they_have_settled() {
    let mut line = Line::online("generic-coil");
    line.peers[0].inputs = 1;
    let changed = line.now;
    while line.events.is_empty() {
        line.run_ms(1);
    }
    assert!(line.now.since_us(changed) < 40_000);
    line.peers[0].inputs = 0;
    line.run_ms(22);
    line.peers[0].inputs = 1;
    line.run_ms(100);
    assert_eq!(line.told(), ["0 Inputs(1)"]);
}

#[test]
fn loops_are_told_before_their_levels_and_settle_like_them() {
    let text = "name = \"loops\"\noutputs = 2\ninputs = 2\n\
                [write]\nfunction = 5\naddress = 0\n\
                [input]\nfunction = 4\naddress = 0\nlayout = \"loop\"\n\
                short_below = 800\nclosed_below = 2600\ncut_above = 3800";
    let mut line = Line::of(vec![BoardConfig {
        profile: Arc::new(BoardProfile::parse(text).unwrap()),
        ..board(0, "generic-coil", &[(1, OutputState::Off)])
    }]);
    line.run_ms(100);
    // Input 1 is closed, input 2 is open, nothing is at fault.
    let told = line.told();
    assert!(told.contains(&"0 InputFaults(0)".to_owned()), "{told:?}");
    assert!(told.contains(&"0 Inputs(1)".to_owned()), "{told:?}");
    // Somebody bridges the wires of the exit button at input 2: a fault, and no closed contact.
    line.peers[0].measured[1] = 10;
    line.run_ms(100);
    assert_eq!(line.told(), ["0 InputFaults(2)"]);
    // The wire of the door contact at input 1 is cut: as if the door were open.
    line.peers[0].measured[0] = 4000;
    line.run_ms(100);
    assert_eq!(line.told(), ["0 InputFaults(3)", "0 Inputs(0)"]);
    line.peers[0].measured = vec![1500, 3000];
    line.run_ms(100);
    assert_eq!(line.told(), ["0 InputFaults(0)", "0 Inputs(1)"]);
    // A single odd reading is no fault.
    line.peers[0].measured[1] = 10;
    line.run_ms(21);
    line.peers[0].measured[1] = 3000;
    line.run_ms(100);
    assert_eq!(line.told(), [] as [&str; 0]);
}

#[test]
fn inputs_that_are_refused_are_told_and_asked_for_again() {
    let mut line = Line::online("generic-coil");
    line.peers[0].hides = Some(4);
    line.run_ms(5000);
    assert_eq!(line.told(), ["0 InputsRefused"]);
    line.peers[0].hides = None;
    line.run_ms(REFUSED_READ_MS + 100);
    assert_eq!(
        line.told(),
        ["0 Inputs(0)"],
        "told again though nothing changed"
    );

    // Busy for a moment is not refusing, busy for long is.
    line.peers[0].hides = Some(6);
    line.run_ms(30);
    line.peers[0].hides = None;
    line.run_ms(100);
    assert_eq!(line.told(), [] as [&str; 0]);
    line.peers[0].hides = Some(6);
    line.run_ms(1000);
    assert_eq!(line.told(), ["0 InputsRefused"]);
}

#[test]
fn polls_keep_their_rate() {
    let mut line = Line::online("generic-coil");
    line.run_ms(1000);
    let polls = line.peers[0].asked.len();
    assert!((50..=53).contains(&polls), "{polls} requests in a second");
}

#[test]
fn an_absent_board_does_not_hold_up_the_others() {
    let boards = (0..2).map(|at| board(at, "generic-coil", &[(1, OutputState::Off)]));
    let mut line = Line::of(boards.collect());
    line.peers[1].is_silent = true;
    line.run_ms(10_000);
    assert_eq!(line.reopened, 0);
    assert_eq!(line.told(), ["0 Online", "0 Inputs(0)"]);
    line.peers[0].asked.clear();
    line.run_ms(10_000);
    let polls = line.peers[0].asked.len();
    assert!(polls > 450, "{polls} polls in 10 s");
    line.peers[1].is_silent = false;
    line.run_ms(2100);
    assert_eq!(line.told(), ["1 Online", "1 Inputs(0)"]);
}

#[test]
fn a_stop_drives_the_safe_state_and_is_bounded() {
    let mut line = Line::online("generic-coil");
    line.command(1, RelayCommand::On);
    line.command(7, RelayCommand::On);
    line.run_ms(50);
    line.command(2, RelayCommand::On);
    line.driver.stop(line.now);
    line.command(1, RelayCommand::On);
    line.run_ms(100);
    assert!(line.is_stopped);
    // Output 7 was driven, though nobody had said that it is in use.
    assert_eq!(line.peers[0].coils, [false; UNITS]);

    let mut silent = Line::online("generic-coil");
    silent.peers[0].is_silent = true;
    let before = silent.now;
    silent.driver.stop(silent.now);
    silent.run_ms(10_000);
    assert!(silent.is_stopped);
    assert!(silent.now.since_us(before) < (STOP_MS + 100) * 1000);
}

#[test]
fn safe_states_change_while_running() {
    let mut line = Line::online("generic-coil");
    line.driver.set_safe(line.now, 0, 5, OutputState::On);
    line.driver.set_safe(line.now, 0, 1, OutputState::On);
    line.run_ms(50);
    assert!(
        line.peers[0].coils[4],
        "an output that comes into use is driven"
    );
    assert!(
        !line.peers[0].coils[0],
        "one in use is left to its commands"
    );
    line.driver.line_down(line.now);
    line.driver.line_up();
    line.run_ms(50);
    assert!(line.peers[0].coils[0]);
}

#[test]
fn a_safe_state_told_while_a_board_starts_is_driven_before_it_is_online() {
    for steps in 0..4 {
        let mut line = Line::of(vec![board(0, "generic-coil", &[(2, OutputState::Off)])]);
        line.peers[0].coils[0] = true;
        for _ in 0..steps {
            line.step(Mono(1_000_000));
        }
        let was_online = !line.events.is_empty();
        line.driver.set_safe(line.now, 0, 1, OutputState::Off);
        line.run_ms(100);
        assert!(!line.peers[0].coils[0], "after {steps} steps");
        let read = |(_, request): &&(_, ModbusRequest)| !request.is_write();
        let first_read = line.peers[0].asked.iter().find(read).unwrap().0;
        let released = line.peers[0].changes[0].0;
        assert!(was_online || released < first_read, "after {steps} steps");
    }
}

#[test]
fn outputs_that_do_not_exist_are_told() {
    let mut line = Line::online("waveshare-rtu-relay-8ch");
    line.command(9, RelayCommand::On);
    line.command(0, RelayCommand::On);
    line.run_ms(10);
    let told = [
        "0 OutputFailed { output: 9 }",
        "0 OutputFailed { output: 0 }",
    ];
    assert_eq!(line.told(), told);
}

#[test]
fn a_gap_is_kept_between_requests() {
    let mut slow = BoardProfile::clone(&profile("generic-coil"));
    slow.gap_ms = 30;
    let mut config = board(0, "generic-coil", &[(1, OutputState::Off)]);
    config.profile = Arc::new(slow);
    let mut line = Line::of(vec![config]);
    line.run_ms(200);
    line.command(1, RelayCommand::On);
    line.command(2, RelayCommand::On);
    line.run_ms(500);
    line.driver.stop(line.now);
    line.run_ms(500);
    assert!(line.is_stopped && !line.peers[0].coils[0]);
    let times: Vec<_> = line.peers[0].asked.iter().map(|(at, _)| at.0).collect();
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] >= 30_000 + ANSWER_US, "{pair:?}");
    }
}

/// What happens to a line.
#[derive(Debug, Clone)]
enum Action {
    Command(u16, RelayCommand),
    Silent(bool),
    Refuse(Option<u8>),
    LoseLine(u64),
    ForgetOutputs,
    Run(u64),
}

fn action() -> impl Strategy<Value = Action> {
    let command = prop_oneof![
        (1u32..3000).prop_map(|ms| RelayCommand::Pulse { ms }),
        Just(RelayCommand::On),
        Just(RelayCommand::Off),
    ];
    prop_oneof![
        4 => (1u16..=3, command).prop_map(|(output, command)| Action::Command(output, command)),
        1 => any::<bool>().prop_map(Action::Silent),
        1 => proptest::option::of(1u8..=6).prop_map(Action::Refuse),
        1 => (0u64..3000).prop_map(Action::LoseLine),
        1 => Just(Action::ForgetOutputs),
        6 => (1u64..1500).prop_map(Action::Run),
    ]
}

proptest! {
    /// Whatever happens: once the line is well again, an output is on only when it was told so,
    /// and was not lost, or refused, since.
    #[test]
    fn no_output_stays_on_that_was_not_switched_on(
        name in prop_oneof![Just("generic-coil"), Just("waveshare-rtu-relay-d-8ch")],
        actions in proptest::collection::vec(action(), 1..40),
    ) {
        let safe = [(1, OutputState::Off), (2, OutputState::Off), (3, OutputState::Off)];
        let mut line = Line::of(vec![board(0, name, &safe)]);
        line.run_ms(50);
        let mut last: [Option<RelayCommand>; 3] = [None; 3];
        for action in actions {
            match action {
                Action::Command(output, command) => {
                    last[usize::from(output) - 1] = Some(command);
                    line.command(output, command);
                }
                Action::Silent(silent) => line.peers[0].is_silent = silent,
                Action::Refuse(code) => line.peers[0].refuses = code,
                Action::LoseLine(ms) => {
                    line.driver.line_down(line.now);
                    line.now = line.now.plus_ms(ms);
                    line.driver.line_up();
                }
                Action::ForgetOutputs => line.peers[0].coils = [false; UNITS],
                Action::Run(ms) => line.run_ms(ms),
            }
        }
        line.peers[0].is_silent = false;
        line.peers[0].refuses = None;
        line.run_ms(12_000);
        for (at, last) in last.iter().enumerate() {
            let may_be_on = *last == Some(RelayCommand::On);
            prop_assert!(!line.peers[0].coils[at] || may_be_on, "output {} is on after {last:?}", at + 1);
        }
        let online = line.events.iter().rev().find(|(_, event)| event.ends_with("line"));
        prop_assert_eq!(online.map(|(_, event)| event.as_str()), Some("Online"));
        line.driver.stop(line.now);
        line.run_ms(100);
        prop_assert!(line.is_stopped);
        prop_assert_eq!(line.peers[0].coils, [false; UNITS]);
    }
}
