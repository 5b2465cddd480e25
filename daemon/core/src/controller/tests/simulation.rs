//! Random sites, days and faults, with invariants checked after each step.

use std::collections::{BTreeMap, BTreeSet};

use super::{ClockTrust, Controller, ControllerConfig};
use crate::alarm::{AlarmChange, AlarmKind, AlarmSubject, Condition};
use crate::controller::{
    BoardEvent, CommandId, DoorCommand, DoorStatus, Input, LockState, Output, ReaderEvent,
    RecordToken, RelayCommand,
};
use crate::event::{Direction, Event, EventKind};
use crate::fixture::{card, credential, door, grant, key, place, user, wall};
use crate::ids::{Actor, BoardIx, DeviceName, DoorId, ReaderIx};
use crate::model::{
    Change, Circuit, Door, DoorMode, FailMode, InputPoint, Record, Relock, UNLOCK_MS_MAX,
};
use crate::sample::Random;
use crate::time::{Mono, Now};
use crate::view::MapView;

/// The fire panel's input on the board.
const FIRE_INPUT: u16 = 10;
const STEPS: u32 = 400;
const DEADLINE_MS: u64 = 20;
const DOORS: [DoorId; 2] = [DoorId(1), DoorId(2)];

#[test]
fn any_day_keeps_the_invariants() {
    let once_failed = include_str!("seeds.txt")
        .lines()
        .filter_map(|line| line.split_whitespace().next()?.parse().ok());
    for seed in once_failed.chain(0..300u64) {
        let mut day = Day::new(seed);
        for step in 0..STEPS {
            day.step();
            if let Err(broken) = day.invariants() {
                panic!(
                    "seed {seed}, step {step}: {broken}\n{}",
                    day.history.join("\n")
                );
            }
        }
    }
}

/// A relay as a board would hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coil {
    Off,
    On,
    Until(Mono),
}

/// What somebody outside knows of a door.
#[derive(Debug)]
struct Seen {
    door: Door,
    coil: Coil,
    open: bool,
    rex: bool,
    /// Until when entries allow it to be unlocked, and until when exits do.
    entry_until: Mono,
    exit_until: Mono,
    told: Option<DoorStatus>,
}

/// An unlock whose event is not durable yet.
#[derive(Debug)]
struct Waiting {
    door: DoorId,
    exit: bool,
    unlock_ms: u32,
    deadline: Mono,
}

struct Day {
    random: Random,
    now: Mono,
    controller: Controller,
    view: MapView,
    seen: BTreeMap<DoorId, Seen>,
    waiting: BTreeMap<RecordToken, Waiting>,
    unacked: Vec<RecordToken>,
    alarms: BTreeSet<(AlarmKind, AlarmSubject)>,
    board_online: bool,
    /// The fire input of the first door, and as it was last seen.
    fire: bool,
    fire_seen: bool,
    commands: BTreeSet<CommandId>,
    next_command: u64,
    broken: Option<String>,
    history: Vec<String>,
}

impl Day {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut doors = DOORS.map(|id| door(id.0));
        for door in &mut doors {
            let relocks = [Relock::OnOpen, Relock::OnClose, Relock::AfterTime];
            door.relock = relocks[random.below(3) as usize];
            if random.below(3) == 0 {
                door.fail_mode = FailMode::Safe;
            }
        }
        doors[0].wiring.fire = Some(InputPoint {
            board: "b".to_owned(),
            input: FIRE_INPUT,
            circuit: Circuit::NormallyOpen,
        });
        let names = |names: &[&str]| names.iter().map(|&name| DeviceName::from(name)).collect();
        let readers = names(&["1-in", "1-out", "2-in", "2-out", "desk"]);
        let config = ControllerConfig::new(readers, names(&["b"]));
        let mut slow = user(2);
        slow.extended_unlock = true;
        let view = [
            Record::Place(place()),
            Record::Key(key(1, &[1, 2])),
            Record::User(user(1)),
            Record::User(slow),
            Record::User(user(3)),
            Record::Credential(credential(1, 1, 100)),
            Record::Credential(credential(2, 2, 200)),
            Record::Credential(credential(3, 3, 300)),
            Record::Grant(grant(1, 1)),
            Record::Grant(grant(2, 1)),
        ];
        let view: MapView = view
            .into_iter()
            .chain(doors.iter().cloned().map(Record::Door))
            .collect();
        let seen = doors.iter().map(|door| {
            let seen = Seen {
                door: door.clone(),
                coil: Coil::Off,
                open: false,
                rex: false,
                entry_until: Mono(0),
                exit_until: Mono(0),
                told: None,
            };
            (door.id, seen)
        });
        let mut day = Self {
            random,
            now: Mono(1),
            controller: Controller::new(config, doors.clone()),
            view,
            seen: seen.collect(),
            waiting: BTreeMap::new(),
            unacked: Vec::new(),
            alarms: BTreeSet::new(),
            board_online: false,
            fire: false,
            fire_seen: false,
            commands: BTreeSet::new(),
            next_command: 0,
            broken: None,
            history: Vec::new(),
        };
        let now = day.present();
        day.controller.start(now);
        day.drain();
        day
    }

    fn present(&self) -> Now {
        let start = wall("2026-03-24T09:00:00Z");
        Now {
            mono: self.now,
            wall: start.plus_ms(i64::try_from(self.now.0 / 1_000).unwrap()),
            trust: ClockTrust::Trusted,
        }
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        let count = u32::try_from(all.len()).unwrap();
        all[self.random.below(count) as usize]
    }

    fn step(&mut self) {
        let ms = self.one_of(&[0, 1, 5, 15, 100, 700, 3_000, 20_000]);
        let ms = self.random.below(ms + 1);
        self.pass(ms.into());
        let door = self.one_of(&DOORS);
        match self.random.below(100) {
            0..25 => self.card(),
            25..45 => self.ack(),
            45..60 => self.move_leaf(door),
            60..72 => self.ask_to_exit(door),
            72..80 => self.set_mode(door),
            80..85 => self.operator(door),
            85..90 => self.board(),
            90..95 => self.reader(),
            95..97 => self.refuse(door),
            97 => {
                self.fire = !self.fire;
                self.inputs();
            }
            _ => self.outside_alarm(),
        }
    }

    /// Lets time pass, stopping at each timeout.
    fn pass(&mut self, ms: u64) {
        let end = self.now.plus_ms(ms);
        while let Some(due) = self.controller.poll_timeout()
            && due <= end
        {
            self.now = self.now.max(due);
            self.history.push(format!("{} timeout", self.now.0 / 1_000));
            let now = self.present();
            self.controller.handle_timeout(now);
            self.deadlines();
            self.drain();
            if self
                .controller
                .poll_timeout()
                .is_some_and(|next| next <= self.now)
            {
                self.broken("a timeout handled is still due");
                return;
            }
        }
        self.now = end;
        self.deadlines();
    }

    fn input(&mut self, input: Input) {
        self.history
            .push(format!("{} {input:?}", self.now.0 / 1_000));
        let now = self.present();
        self.controller.handle(now, input, &self.view);
        self.drain();
    }

    fn card(&mut self) {
        let reader = ReaderIx(self.one_of(&[0, 1, 2, 3, 4]));
        let number = self.one_of(&[100, 100, 200, 200, 300, 999]);
        let event = ReaderEvent::Card(card(number));
        self.input(Input::Reader { reader, event });
    }

    fn ack(&mut self) {
        if self.unacked.is_empty() {
            return;
        }
        // Storage answers in order, often for several at once.
        let count = self
            .random
            .below(4)
            .min(u32::try_from(self.unacked.len()).unwrap());
        let fails = self.random.below(20) == 0;
        for token in self.unacked.drain(..count as usize).collect::<Vec<_>>() {
            self.released(token);
            if fails {
                self.input(Input::RecordFailed { token });
            }
            self.input(Input::Recorded { token });
        }
    }

    /// The event of this token is durable, has failed, or is late: its unlock is allowed.
    fn released(&mut self, token: RecordToken) {
        let Some(waiting) = self.waiting.remove(&token) else {
            return;
        };
        let until = self.now.plus_ms(waiting.unlock_ms.into());
        let seen = self.seen.get_mut(&waiting.door).unwrap();
        let keeps_out = matches!(seen.door.mode, DoorMode::Locked | DoorMode::Lockdown);
        if waiting.exit {
            seen.exit_until = seen.exit_until.max(until);
        } else if !keeps_out {
            seen.entry_until = seen.entry_until.max(until);
        }
    }

    fn deadlines(&mut self) {
        let late = |waiting: &Waiting| waiting.deadline <= self.now;
        let late: Vec<_> = self.waiting.iter().filter(|(_, w)| late(w)).collect();
        let late: Vec<_> = late.into_iter().map(|(token, _)| *token).collect();
        for token in late {
            self.released(token);
        }
    }

    fn inputs(&mut self) {
        if !self.board_online {
            return;
        }
        let mut levels = 0;
        for (nth, seen) in self.seen.values().enumerate() {
            levels |= u64::from(!seen.open) << (2 * nth);
            levels |= u64::from(seen.rex) << (2 * nth + 1);
        }
        levels |= u64::from(self.fire) << (FIRE_INPUT - 1);
        self.fire_seen = self.fire;
        let event = BoardEvent::Inputs(levels);
        let board = BoardIx(0);
        self.input(Input::Board { board, event });
    }

    fn move_leaf(&mut self, door: DoorId) {
        let seen = self.seen.get_mut(&door).unwrap();
        seen.open = !seen.open;
        self.inputs();
    }

    fn ask_to_exit(&mut self, door: DoorId) {
        let (now, online) = (self.now, self.board_online);
        let seen = self.seen.get_mut(&door).unwrap();
        seen.rex = !seen.rex;
        if online {
            seen.exit_until = seen.exit_until.max(now.plus_ms(seen.door.unlock_ms.into()));
        }
        let asks = seen.rex && online;
        self.inputs();
        if asks && !self.is_unlocked(door) {
            self.broken("somebody asked to exit, and the lock did not open");
        }
    }

    fn set_mode(&mut self, door: DoorId) {
        let mode = self.one_of(&[
            DoorMode::Normal,
            DoorMode::Normal,
            DoorMode::Unlocked,
            DoorMode::Locked,
            DoorMode::Lockdown,
            DoorMode::EmergencyOpen,
        ]);
        let seen = self.seen.get_mut(&door).unwrap();
        seen.door.mode = mode;
        if matches!(mode, DoorMode::Locked | DoorMode::Lockdown) {
            seen.entry_until = self.now;
        }
        let record = seen.door.clone();
        self.view.change(&Change::Put(Record::Door(record.clone())));
        self.history
            .push(format!("{} {door:?} {mode:?}", self.now.0 / 1_000));
        let now = self.present();
        self.controller.put_door(now, record);
        self.drain();
    }

    fn operator(&mut self, door: DoorId) {
        self.next_command += 1;
        let id = CommandId(self.next_command);
        self.commands.insert(id);
        self.input(Input::Command {
            id,
            door,
            command: DoorCommand::UnlockOnce,
            actor: Actor::from("operator"),
        });
    }

    fn board(&mut self) {
        self.board_online = !self.board_online;
        // A board that was gone comes back in its safe state.
        for seen in self.seen.values_mut() {
            seen.coil = Coil::Off;
        }
        let event = if self.board_online {
            for seen in self.seen.values_mut().filter(|seen| seen.rex) {
                let until = self.now.plus_ms(seen.door.unlock_ms.into());
                seen.exit_until = seen.exit_until.max(until);
            }
            BoardEvent::Online
        } else {
            BoardEvent::Offline
        };
        let board = BoardIx(0);
        self.input(Input::Board { board, event });
        self.inputs();
    }

    fn reader(&mut self) {
        let reader = ReaderIx(self.one_of(&[0, 1, 2, 3, 4]));
        let flag = self.random.below(2) == 0;
        let event = match self.random.below(6) {
            0 | 1 => ReaderEvent::Online,
            2 | 3 => ReaderEvent::Offline,
            4 => ReaderEvent::Tamper(flag),
            _ => ReaderEvent::SecureChannelFailed(flag),
        };
        self.input(Input::Reader { reader, event });
    }

    fn refuse(&mut self, door: DoorId) {
        if self.board_online {
            let output = u16::try_from(door.0).unwrap();
            let event = BoardEvent::OutputFailed { output };
            let board = BoardIx(0);
            self.input(Input::Board { board, event });
        }
    }

    fn outside_alarm(&mut self) {
        let condition = self.one_of(&[Condition::Present, Condition::Gone]);
        let kind = self.one_of(&[AlarmKind::UplinkDown, AlarmKind::StorageFailing]);
        let subject = AlarmSubject::Appliance;
        self.input(Input::Alarm(AlarmChange {
            kind,
            subject,
            condition,
        }));
    }

    fn drain(&mut self) {
        let mut count = 0;
        while let Some(output) = self.controller.poll_output() {
            self.history.push(format!("    {output:?}"));
            self.take(output);
            count += 1;
        }
        if count > 64 {
            self.broken("one input has more outputs than two doors need");
        }
    }

    fn take(&mut self, output: Output) {
        match output {
            Output::Relay {
                output, command, ..
            } => self.relay(DoorId(output.into()), command),
            Output::Record { token, event } => self.record(token, &event),
            // Each of these stands for itself, until somebody clears it.
            Output::Alarm(change)
                if matches!(change.kind, AlarmKind::RepeatedDenied | AlarmKind::Duress) => {}
            Output::Alarm(change) => {
                let name = (change.kind, change.subject);
                let changed = match change.condition {
                    Condition::Present => self.alarms.insert(name),
                    Condition::Gone => self.alarms.remove(&name),
                };
                if !changed {
                    self.broken("an alarm was raised or cleared twice");
                }
            }
            Output::CommandDone { id, .. } => {
                if !self.commands.remove(&id) {
                    self.broken("a command was answered twice, or never given");
                }
            }
            Output::Door(status) => {
                let seen = self.seen.get_mut(&status.door).unwrap();
                if seen.told.as_ref() == Some(&status) {
                    self.broken("the same door status was told twice");
                } else {
                    seen.told = Some(status);
                }
            }
            Output::Feedback { .. }
            | Output::Remember(_)
            | Output::Learned { .. }
            | Output::Keep { .. }
            | Output::ActivatePlan { .. } => {}
        }
    }

    fn relay(&mut self, door: DoorId, command: RelayCommand) {
        let (now, online) = (self.now, self.board_online);
        let seen = self.seen.get_mut(&door).unwrap();
        let coil = match command {
            RelayCommand::On => Coil::On,
            RelayCommand::Off => Coil::Off,
            RelayCommand::Pulse { ms } => {
                if ms == 0 || ms > UNLOCK_MS_MAX {
                    self.broken("a pulse is out of bounds");
                    return;
                }
                Coil::Until(now.plus_ms(ms.into()))
            }
        };
        if online {
            seen.coil = coil;
        }
    }

    fn record(&mut self, token: RecordToken, event: &Event) {
        self.unacked.push(token);
        let of_door = matches!(
            event.kind,
            EventKind::Granted
                | EventKind::UnlockedByOperator
                | EventKind::ExitRequested
                | EventKind::Entered
                | EventKind::NotEntered
                | EventKind::Closed
                | EventKind::ForcedOpen
                | EventKind::HeldOpen
        );
        let decided = matches!(event.kind, EventKind::Granted | EventKind::Denied);
        let by_card = event.kind == EventKind::Granted;
        let complete = (!of_door || event.door.is_some())
            && (!decided || event.reason.is_some())
            && (!by_card || (event.reader.is_some() && event.user.is_some()))
            && (event.kind != EventKind::UnlockedByOperator || event.actor.is_some());
        if !complete {
            self.broken("an event lacks what it is about");
        }
        if let (EventKind::Granted | EventKind::UnlockedByOperator, Some(door)) =
            (event.kind, event.door)
        {
            let record = &self.seen[&door].door;
            let slow = event.user.is_some_and(|user| user.0 == 2);
            let waiting = Waiting {
                door,
                exit: event.direction == Some(Direction::Exit),
                unlock_ms: if slow {
                    record.extended_unlock_ms
                } else {
                    record.unlock_ms
                },
                deadline: self.now.plus_ms(DEADLINE_MS),
            };
            self.waiting.insert(token, waiting);
        }
    }

    fn broken(&mut self, what: &str) {
        self.broken.get_or_insert_with(|| what.to_owned());
    }

    fn is_unlocked(&self, door: DoorId) -> bool {
        let seen = &self.seen[&door];
        let energised = match seen.coil {
            Coil::Off => false,
            Coil::On => true,
            Coil::Until(until) => self.now < until,
        };
        match seen.door.fail_mode {
            FailMode::Secure => energised,
            FailMode::Safe => !energised,
        }
    }

    fn invariants(&mut self) -> Result<(), String> {
        for door in DOORS {
            self.invariant_unlocked_only_for_a_cause(door)?;
            self.invariant_status_tells_the_lock(door)?;
        }
        match self.broken.take() {
            Some(broken) => Err(broken),
            None => Ok(()),
        }
    }

    /// A lock is open only by mode, by a grant or command whose event was durable or had its
    /// chance, or for somebody on their way out; and never for longer.
    fn invariant_unlocked_only_for_a_cause(&mut self, door: DoorId) -> Result<(), String> {
        if !self.board_online {
            return Ok(());
        }
        let now = self.now;
        let seen = self.seen.get_mut(&door).unwrap();
        if seen.rex {
            // Renewed while it lasts, and then for one unlock time more.
            let until = now.plus_ms(seen.door.unlock_ms.into());
            seen.exit_until = seen.exit_until.max(until);
        }
        let fire = self.fire_seen && door == DOORS[0];
        let caused = fire
            || seen.door.mode.stands_unlocked()
            || now <= seen.entry_until
            || now <= seen.exit_until;
        if self.is_unlocked(door) && !caused {
            return Err(format!("{door:?} is unlocked without a cause"));
        }
        let stands = fire || self.seen[&door].door.mode.stands_unlocked();
        if stands && !self.is_unlocked(door) {
            return Err(format!(
                "{door:?} keeps people in or out though it stands unlocked"
            ));
        }
        Ok(())
    }

    fn invariant_status_tells_the_lock(&self, door: DoorId) -> Result<(), String> {
        let seen = &self.seen[&door];
        let Some(told) = &seen.told else {
            return Err(format!("nothing was told of {door:?}"));
        };
        if told.mode != seen.door.mode {
            return Err(format!("{door:?} is told in the wrong mode"));
        }
        if self.board_online && self.is_unlocked(door) != (told.lock == LockState::Unlocked) {
            return Err(format!("{door:?} is told {:?} and is not", told.lock));
        }
        let open = self.board_online.then_some(seen.open);
        if told.open != open {
            return Err(format!("{door:?} is told open {:?}", told.open));
        }
        Ok(())
    }
}
