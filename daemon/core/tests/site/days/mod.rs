//! Whole sites through random days: people at readers, doors that move, changes of the table,
//! schedules that begin and end, lockdowns, fire, faults, restarts and steps of the clock, in
//! virtual time. After each step the invariants are asked, each by its name.

mod invariants;
mod table_changes;

use std::collections::{BTreeMap, BTreeSet};

use doorward_core::alarm::AlarmKind;
use doorward_core::card::CardRead;
use doorward_core::controller::{
    BoardEvent, CommandId, Controller, ControllerConfig, DoorCommand, DoorStatus, Input, KeptState,
    Output, ReaderEvent, RecordToken, RelayCommand, Remembered,
};
use doorward_core::decide::SiteMap;
use doorward_core::event::{Direction, Reason};
use doorward_core::ids::{Actor, BoardIx, DeviceName, DoorId, ReaderIx};
use doorward_core::index::AccessIndex;
use doorward_core::model::{
    Change, Door, InputPoint, OutputPoint, Record, RecordRef, UNLOCK_MS_MAX,
};
use doorward_core::time::{ClockTrust, Mono, Now, Wall};
use doorward_core::view::MapView;

use crate::naive::Naive;
use crate::table::{Dice, FEW, NOON_MS, Site, Wish};

/// Lines of history told with what was broken.
const HISTORY: usize = 120;

/// What is outside the appliance at one door.
#[derive(Debug, Default)]
struct Outside {
    coil: Coil,
    open: bool,
    rex: bool,
    fire: bool,
    /// Until when what has happened lets it be unlocked.
    allowed_until: Mono,
}

/// A relay as a board would hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Coil {
    #[default]
    Off,
    On,
    Until(Mono),
}

/// Whether history is kept: that takes longer than all the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    Nothing,
    History,
}

pub(crate) struct Days {
    dice: Dice,
    seed: u64,
    mono: Mono,
    /// Wall time at `mono` 0.
    wall_ms: i64,
    trust: ClockTrust,
    controller: Controller,
    revision: u64,
    site: Site,
    map: MapView,
    index: AccessIndex,
    outside: BTreeMap<DoorId, Outside>,
    board_online: bool,
    kept: BTreeMap<DoorId, KeptState>,
    /// The newest of each subject.
    remembered: BTreeMap<String, Remembered>,
    told: BTreeMap<DoorId, DoorStatus>,
    next_token: u64,
    unacked: Vec<RecordToken>,
    alarms: BTreeSet<String>,
    commands: BTreeSet<CommandId>,
    commands_given: u64,
    /// What the last card must have brought: the door and the reason.
    expected: Option<(Option<DoorId>, Reason)>,
    /// Kinds of events, and of reasons to stand unlocked, that were met.
    pub(crate) met: BTreeSet<String>,
    broken: Option<String>,
    telling: Telling,
    history: Vec<String>,
}

fn config() -> ControllerConfig {
    let readers = (1..=FEW).flat_map(|id| [entry_reader(id), exit_reader(id)]);
    let readers = readers.map(|name| DeviceName::from(&*name)).collect();
    ControllerConfig::new(readers, vec![DeviceName::from("board")])
}

fn entry_reader(door: u32) -> String {
    format!("{door}-in")
}

fn exit_reader(door: u32) -> String {
    format!("{door}-out")
}

/// Wired to outputs and inputs that no other door has.
fn wired(mut door: Door) -> Door {
    let number = u16::try_from(door.id.0).unwrap();
    let input = |nth: u16| {
        let input = (number - 1) * 3 + nth;
        serde_json::from_value::<InputPoint>(serde_json::json!({
            "board": "board", "input": input, "circuit": "normally_open",
        }))
        .unwrap()
    };
    door.wiring.entry_readers = vec![entry_reader(door.id.0)];
    door.wiring.exit_readers = vec![exit_reader(door.id.0)];
    door.wiring.relay = Some(OutputPoint {
        board: "board".to_owned(),
        output: number,
    });
    door.wiring.contact = Some(input(1));
    door.wiring.rex = Some(input(2));
    door.wiring.fire = Some(input(3));
    door
}

impl Days {
    pub(crate) fn new(seed: u64, telling: Telling) -> Self {
        let mut days = Self {
            dice: Dice::new(seed ^ 0xDA75),
            seed,
            mono: Mono(1),
            wall_ms: NOON_MS,
            trust: ClockTrust::Trusted,
            controller: Controller::new(config(), []),
            revision: 0,
            site: Site {
                records: Vec::new(),
                state: SiteMap::default(),
            },
            map: MapView::default(),
            index: AccessIndex::default(),
            outside: BTreeMap::new(),
            board_online: false,
            kept: BTreeMap::new(),
            remembered: BTreeMap::new(),
            told: BTreeMap::new(),
            next_token: 0,
            unacked: Vec::new(),
            alarms: BTreeSet::new(),
            commands: BTreeSet::new(),
            commands_given: 0,
            expected: None,
            met: BTreeSet::new(),
            broken: None,
            telling,
            history: Vec::new(),
        };
        days.outside = (1..=FEW)
            .map(|id| (DoorId(id), Outside::default()))
            .collect();
        let mut records = Site::random(seed).records;
        records.sort_by_key(|record| record.reference().kind());
        for record in records {
            days.change(&[Change::Put(days.fit(record))]);
        }
        let now = days.now();
        days.controller.start(now);
        days.drain();
        days.board(true);
        days
    }

    /// Areas and rules of authentication are at every second site.
    fn is_plain(&self) -> bool {
        self.seed.is_multiple_of(2)
    }

    fn now(&self) -> Now {
        let ms = i64::try_from(self.mono.0 / 1_000).unwrap();
        Now {
            mono: self.mono,
            wall: Wall(self.wall_ms + ms),
            trust: self.trust,
        }
    }

    pub(crate) fn step(&mut self) {
        let told = self.history.len().saturating_sub(HISTORY);
        self.history.drain(..told);
        for door in self.doors().collect::<Vec<_>>() {
            if let Some(outside) = self.outside.get_mut(&door.id)
                && outside.rex
            {
                // Renewed while it lasts, and then for one unlock time more.
                let until = self.mono.plus_ms(door.unlock_ms.into());
                outside.allowed_until = outside.allowed_until.max(until);
            }
        }
        match self.dice.below(100) {
            0..30 => self.card(),
            30..40 => self.acknowledge(),
            40..52 => self.move_leaf(),
            52..62 => self.ask_to_exit(),
            62..74 => self.random_change(),
            74..78 => self.operate(),
            78..81 => self.fire(),
            81..84 => self.board(!self.board_online),
            84..88 => self.keys(),
            88..91 => self.reader(),
            91..93 => self.step_clock(),
            93..95 => self.restart(),
            _ => self.pass_long(),
        }
        let ms = self.dice.of(&[0, 5, 15, 100, 700, 3_000]);
        let ms = self.dice.below(ms + 1);
        self.pass(ms.into());
    }

    /// Lets time pass, stopping at each timeout.
    fn pass(&mut self, ms: u64) {
        let end = self.mono.plus_ms(ms);
        let mut turns = 0;
        while let Some(due) = self.controller.poll_timeout()
            && due <= end
        {
            self.mono = self.mono.max(due);
            let now = self.now();
            self.controller.handle_timeout(now);
            self.drain();
            turns += 1;
            let due_still = self
                .controller
                .poll_timeout()
                .is_some_and(|next| next <= self.mono);
            if due_still || turns > 100_000 {
                self.break_rule("timeouts_end: a timeout handled is still due");
                return;
            }
        }
        self.mono = end;
    }

    fn pass_long(&mut self) {
        self.acknowledge_all();
        let minutes = self.dice.of(&[1, 15, 60, 360]);
        let minutes = self.dice.below(minutes) + 1;
        self.note(|| format!("{minutes} minutes pass"));
        self.pass(u64::from(minutes) * 60_000);
    }

    fn step_clock(&mut self) {
        match self.dice.below(3) {
            0 => self.wall_ms += i64::from(self.dice.below(7_200_000)),
            _ => {
                self.trust = self
                    .dice
                    .mostly(&[ClockTrust::Trusted, ClockTrust::Untrusted]);
            }
        }
        let now = self.now();
        self.note(|| format!("clock {now:?}"));
        let now = self.now();
        self.controller.handle_timeout(now);
        self.drain();
    }

    fn input(&mut self, input: Input) {
        self.note(|| format!("{input:?}"));
        let now = self.now();
        self.controller.handle(now, input, &self.index);
        self.drain();
    }

    fn any_door(&mut self) -> DoorId {
        DoorId(self.dice.below(FEW) + 1)
    }

    fn card(&mut self) {
        let reader = self.dice.below(FEW * 2);
        let card = self.dice.card(&self.site);
        self.show(reader, card);
        // Some show it twice, as whoever wants to hold a door open does.
        if self.dice.once_in(4) {
            self.acknowledge_all();
            self.pass(1_000);
            self.show(reader, card);
        }
    }

    fn show(&mut self, reader: u32, card: CardRead) {
        let door = DoorId(reader / 2 + 1);
        let direction = [Direction::Entry, Direction::Exit][(reader % 2) as usize];
        let known = self.map.record(RecordRef::Door(door)).is_some();
        let wish = Wish::with_card(
            known.then_some(door),
            direction,
            card,
            self.now(),
            self.board_online,
        );
        if let Some(door) = wish.door {
            let user = Naive::new(&self.site).user_of(&wish);
            self.site.state = self.controller.site_for(door, user, self.mono);
        }
        let reason = Naive::new(&self.site).judge(&wish);
        // A reader that asks for a PIN waits for it before anything is decided.
        if reason != Reason::PinRequired {
            self.expected = Some((wish.door, reason));
        }
        self.input(Input::Reader {
            reader: ReaderIx(u16::try_from(reader).unwrap()),
            event: ReaderEvent::Card(card),
        });
        if let Some((door, reason)) = self.expected.take() {
            let what = format!("decided_as_the_text_says: at {door:?} {reason:?} was expected");
            self.break_rule(&what);
        }
    }

    fn keys(&mut self) {
        let reader = ReaderIx(u16::try_from(self.dice.below(FEW * 2)).unwrap());
        let keys: &[u8] = self
            .dice
            .of(&[b"1234#" as &[u8], b"2345#", b"99", b"*", b"3456#"]);
        let event = ReaderEvent::Keys(keys.into());
        self.input(Input::Reader { reader, event });
    }

    fn reader(&mut self) {
        let reader = ReaderIx(u16::try_from(self.dice.below(FEW * 2)).unwrap());
        let flag = self.dice.once_in(2);
        let event = match self.dice.below(4) {
            0 => ReaderEvent::Online,
            1 => ReaderEvent::Offline,
            2 => ReaderEvent::Tamper(flag),
            _ => ReaderEvent::SecureChannelFailed(flag),
        };
        self.input(Input::Reader { reader, event });
    }

    fn acknowledge(&mut self) {
        let count = self.dice.below(6) as usize;
        let count = count.min(self.unacked.len());
        let fails = self.dice.once_in(20);
        for token in self.unacked.drain(..count).collect::<Vec<_>>() {
            if fails {
                self.input(Input::RecordFailed { token });
            }
            self.input(Input::Recorded { token });
        }
    }

    fn acknowledge_all(&mut self) {
        while !self.unacked.is_empty() {
            let token = self.unacked.remove(0);
            self.input(Input::Recorded { token });
        }
    }

    fn inputs(&mut self) {
        if !self.board_online {
            return;
        }
        let mut levels = 0;
        for (id, outside) in &self.outside {
            let at = (id.0 - 1) * 3;
            levels |= u64::from(outside.open) << at;
            levels |= u64::from(outside.rex) << (at + 1);
            levels |= u64::from(outside.fire) << (at + 2);
        }
        let event = BoardEvent::Inputs(levels);
        let board = BoardIx(0);
        self.input(Input::Board { board, event });
    }

    fn move_leaf(&mut self) {
        let door = self.any_door();
        let outside = self.outside.get_mut(&door).unwrap();
        outside.open = !outside.open;
        self.inputs();
    }

    fn ask_to_exit(&mut self) {
        let door = self.any_door();
        let outside = self.outside.get_mut(&door).unwrap();
        outside.rex = !outside.rex;
        self.inputs();
    }

    fn fire(&mut self) {
        let door = self.any_door();
        let outside = self.outside.get_mut(&door).unwrap();
        outside.fire = !outside.fire;
        self.inputs();
    }

    fn board(&mut self, online: bool) {
        self.board_online = online;
        // A board that was gone comes back in its safe state.
        for outside in self.outside.values_mut() {
            outside.coil = Coil::Off;
        }
        let event = if online {
            BoardEvent::Online
        } else {
            BoardEvent::Offline
        };
        let board = BoardIx(0);
        self.input(Input::Board { board, event });
        self.inputs();
    }

    fn operate(&mut self) {
        let door = self.any_door();
        self.commands_given += 1;
        let id = CommandId(self.commands_given);
        self.commands.insert(id);
        let command = self
            .dice
            .mostly(&[DoorCommand::UnlockOnce, DoorCommand::Relock]);
        let actor = Actor::from("operator");
        self.input(Input::Command {
            id,
            door,
            command,
            actor,
        });
    }

    /// The power goes and comes back: what was kept and the table are all that is left.
    fn restart(&mut self) {
        self.note(|| "restart".to_owned());
        let doors: Vec<_> = self.doors().collect();
        self.controller = Controller::new(config(), doors);
        let now = self.now();
        for record in &self.site.records {
            if !matches!(record, Record::Door(_)) {
                self.controller.put_record(now, record);
            }
        }
        for (door, state) in self.kept.clone() {
            self.controller.restore(door, state);
        }
        let remembered = self.remembered.values().cloned();
        self.controller.restore_people(now, remembered);
        self.unacked.clear();
        self.alarms.clear();
        self.commands.clear();
        self.told.clear();
        self.next_token = 0;
        for outside in self.outside.values_mut() {
            outside.coil = Coil::Off;
            outside.allowed_until = Mono(0);
        }
        self.board_online = false;
        self.controller.set_revision(self.revision);
        self.controller.start(now);
        self.drain();
        self.board(true);
    }

    fn doors(&self) -> impl Iterator<Item = Door> {
        self.site.records.iter().filter_map(|record| match record {
            Record::Door(door) => Some(door.clone()),
            _ => None,
        })
    }

    fn drain(&mut self) {
        let mut count = 0;
        while let Some(output) = self.controller.poll_output() {
            self.note(|| format!("    {output:?}"));
            self.take(output);
            count += 1;
        }
        if count > 200 {
            self.break_rule("outputs_are_bounded: one input has more outputs than its doors need");
        }
    }

    fn take(&mut self, output: Output) {
        match output {
            Output::Relay {
                output, command, ..
            } => {
                let coil = match command {
                    RelayCommand::On => Coil::On,
                    RelayCommand::Off => Coil::Off,
                    RelayCommand::Pulse { ms } => {
                        if ms == 0 || ms > UNLOCK_MS_MAX {
                            self.break_rule("pulses_have_bounds");
                        }
                        Coil::Until(self.mono.plus_ms(ms.into()))
                    }
                };
                if self.board_online
                    && let Some(outside) = self.outside.get_mut(&DoorId(output.into()))
                {
                    outside.coil = coil;
                }
            }
            Output::Record { token, event } => self.record(token, &event),
            Output::Alarm(change) => {
                let name = format!("{:?} {:?}", change.kind, change.subject);
                let gone = change.condition == doorward_core::alarm::Condition::Gone;
                // What has no end of its own is raised each time that it happens.
                let again = matches!(change.kind, AlarmKind::RepeatedDenied | AlarmKind::Duress);
                let changed = if gone {
                    self.alarms.remove(&name)
                } else {
                    self.alarms.insert(name) || again
                };
                if !changed {
                    self.break_rule("alarms_change_once: raised or cleared twice");
                }
            }
            Output::CommandDone { id, .. } => {
                let was_waited_for = self.commands.remove(&id);
                if !was_waited_for {
                    self.break_rule("commands_are_answered_once");
                }
            }
            Output::Door(status) => {
                if let Some(stands) = status.stands {
                    self.met.insert(format!("{stands:?}"));
                }
                self.told.insert(status.door, status);
            }
            Output::Remember(what) => {
                let subject = match &what {
                    Remembered::User { user, .. } => format!("{user}"),
                    Remembered::CardLockout { credential, .. } => format!("card {credential}"),
                    Remembered::ReaderLockout { reader, .. } => format!("reader {reader}"),
                };
                self.remembered.insert(subject, what);
            }
            Output::Keep { door, state } => {
                self.kept.insert(door, state);
            }
            _ => {}
        }
    }

    /// Writes a line of history, where one is kept.
    fn note(&mut self, line: impl FnOnce() -> String) {
        if self.telling == Telling::History {
            let at = self.mono.0 / 1_000;
            self.history.push(format!("{at} ms {}", line()));
        }
    }

    fn break_rule(&mut self, what: &str) {
        self.broken.get_or_insert_with(|| what.to_owned());
    }
}
