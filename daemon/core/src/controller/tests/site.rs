use std::collections::{BTreeMap, BTreeSet};

use super::{ClockTrust, Controller, ControllerConfig};
use crate::alarm::{AlarmChange, AlarmKind, AlarmSubject, Condition};
use crate::controller::{
    BoardEvent, CommandId, DoorCommand, Forgiven, Input, KeptState, LockState, Output, ReaderEvent,
    RecordToken, RelayCommand, Remembered,
};
use crate::decide::Location;
use crate::event::Event;
use crate::fixture::{card, credential, door, grant, key, place, user, wall};
use crate::ids::{Actor, AreaId, BoardIx, DeviceName, DoorId, KeyId, ReaderIx, UserId};
use crate::model::{Change, Door, DoorMode, Record, RecordRef};
use crate::time::{Mono, Now};
use crate::view::MapView;

/// The fire panel's input on the board.
pub(super) const FIRE_INPUT: u16 = 10;

const READERS: [&str; 5] = ["1-in", "1-out", "2-in", "2-out", "desk"];

/// Two doors at one board, and a reader at no door. User 1 (card 100) has the key to both, user 2
/// (card 200) too and needs more time, user 3 (card 300) has none.
pub(super) struct Site {
    pub(super) config: ControllerConfig,
    pub(super) doors: Vec<Door>,
    /// Records are durable at once.
    pub(super) acks: bool,
    /// Door status is written out too.
    pub(super) status: bool,
    pub(super) trust: ClockTrust,
    pub(super) view: MapView,
    /// What doors hang on besides their own records.
    pub(super) records: Vec<Record>,
    kept: BTreeMap<DoorId, KeptState>,
    fire: bool,
    controller: Option<Controller>,
    unacked: Vec<RecordToken>,
    open: BTreeSet<u16>,
    rex: BTreeSet<u16>,
    now_ms: u64,
    commands: u64,
    remembered: Vec<Remembered>,
}

impl Site {
    pub(super) fn new() -> Self {
        let names = |names: &[&str]| names.iter().map(|&name| DeviceName::from(name)).collect();
        let mut slow = user(2);
        slow.extended_unlock = true;
        Self {
            config: ControllerConfig::new(names(&READERS), names(&["b"])),
            doors: vec![door(1), door(2)],
            acks: true,
            status: false,
            trust: ClockTrust::Trusted,
            view: MapView::from_iter([
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
            ]),
            records: Vec::new(),
            kept: BTreeMap::new(),
            fire: false,
            controller: None,
            unacked: Vec::new(),
            open: BTreeSet::new(),
            rex: BTreeSet::new(),
            now_ms: 0,
            commands: 0,
            remembered: Vec::new(),
        }
    }

    fn now(&self) -> Now {
        let start = wall("2026-03-24T09:00:00Z");
        Now {
            mono: Mono(self.now_ms * 1_000),
            wall: start.plus_ms(i64::try_from(self.now_ms).unwrap()),
            trust: self.trust,
        }
    }

    /// Goes on to `ms`, stopping at every timeout on the way.
    pub(super) fn pass_time(&mut self, ms: u64) -> Vec<String> {
        let mut outputs = Vec::new();
        while let Some(due) = self.controller.as_ref().and_then(Controller::poll_timeout)
            && due < Mono(ms * 1_000)
        {
            self.now_ms = due.0.div_ceil(1_000);
            let now = self.now();
            self.controller.as_mut().unwrap().handle_timeout(now);
            for output in self.drain() {
                outputs.push(format!("{} {output}", self.now_ms));
            }
        }
        self.now_ms = ms;
        outputs
    }

    pub(super) fn happen(&mut self, what: &str) -> Vec<String> {
        let words: Vec<&str> = what.split(' ').collect();
        let now = self.now();
        match words[..] {
            ["start"] => {
                for door in &self.doors {
                    self.view.change(&Change::Put(Record::Door(door.clone())));
                }
                let mut controller = Controller::new(self.config.clone(), self.doors.clone());
                controller.set_revision(7);
                for record in &self.records {
                    self.view.change(&Change::Put(record.clone()));
                    controller.put_record(now, record);
                }
                for (door, state) in self.kept.clone() {
                    controller.restore(door, state);
                }
                controller.start(now);
                self.controller = Some(controller);
            }
            // All devices up, all doors closed; nothing of it is looked at.
            ["running"] => {
                let acks = std::mem::replace(&mut self.acks, true);
                self.happen("start");
                for reader in READERS {
                    self.happen(&format!("reader {reader} online"));
                }
                self.happen("board online");
                self.happen("inputs");
                self.acks = acks;
                return Vec::new();
            }
            ["learn", reader] => {
                self.commands += 1;
                self.input(Input::Learn {
                    id: CommandId(self.commands),
                    reader: DeviceName::from(reader),
                    actor: Actor::from("uid 1000"),
                });
            }
            ["forgive", ref whom @ ..] => {
                self.commands += 1;
                let whom = match whom {
                    ["user", id] => Forgiven::User(UserId(id.parse().unwrap())),
                    ["area", id] => Forgiven::Area(AreaId(id.parse().unwrap())),
                    _ => Forgiven::Everyone,
                };
                self.input(Input::Forgive {
                    id: CommandId(self.commands),
                    whom,
                    actor: Actor::from("uid 1000"),
                });
            }
            // Ends without order, and starts again with what was remembered.
            ["restart"] => {
                let mut controller = Controller::new(self.config.clone(), self.doors.clone());
                controller.set_revision(7);
                controller.restore_people(now, self.remembered.clone());
                controller.start(now);
                self.controller = Some(controller);
                self.drain();
                for reader in READERS {
                    self.happen(&format!("reader {reader} online"));
                }
                self.happen("board online");
                self.happen("inputs");
                return Vec::new();
            }
            // Whose change of the table the next one is.
            ["change", "by", actor] => {
                let controller = self.controller.as_mut().unwrap();
                controller.change_begins(Actor::from(actor));
            }
            ["changed"] => {
                let controller = self.controller.as_mut().unwrap();
                controller.table_changed(now, &self.view);
            }
            ["relock", nth] => {
                self.commands += 1;
                self.input(Input::Command {
                    id: CommandId(self.commands),
                    door: DoorId(nth.parse().unwrap()),
                    command: DoorCommand::Relock,
                    actor: Actor::from("uid 1000"),
                });
            }
            ["fire"] | ["no", "fire"] => {
                self.fire = words == ["fire"];
                self.board(&["inputs"]);
            }
            ["site", mode] => {
                let mut site = place();
                site.mode = mode_of(mode);
                self.put(&Record::Place(site));
            }
            // What was pending comes into force.
            ["activate", nth] => self.change_door(nth, |door| door.plan = door.pending_plan.take()),
            // User and credentials go from the table.
            ["user", id, "removed"] => {
                let user = RecordRef::User(UserId(id.parse().unwrap()));
                self.view.change(&Change::Remove(user));
                let controller = self.controller.as_mut().unwrap();
                controller.remove_record(now, user);
            }
            ["revoke", holder] => {
                let user = UserId(holder.parse().unwrap());
                let grant = RecordRef::Grant {
                    user,
                    key: KeyId(1),
                };
                self.view.change(&Change::Remove(grant));
                let controller = self.controller.as_mut().unwrap();
                controller.table_changed(now, &self.view);
            }
            ["stop"] => self.controller.as_mut().unwrap().stop(now),
            ["wait"] => self.controller.as_mut().unwrap().handle_timeout(now),
            ["ack"] => {
                let token = self.unacked.remove(0);
                self.input(Input::Recorded { token });
            }
            ["fail"] => {
                let token = self.unacked[0];
                self.input(Input::RecordFailed { token });
            }
            ["mode", nth, mode] => self.set_mode(nth, mode),
            // The door's devices change places with the other's, or are put back.
            ["rewire", nth, as_of] => {
                let other = door(as_of.parse().unwrap()).wiring;
                self.change_door(nth, |door| door.wiring = other);
            }
            ["limit", nth, ms] => self.change_door(nth, |door| {
                door.held_open_ms = ms.parse().unwrap();
                door.held_open_warning_ms = 0;
            }),
            ["remove", nth] => {
                let id = DoorId(nth.parse().unwrap());
                self.controller.as_mut().unwrap().remove_door(now, id);
            }
            ["unlock", nth] => {
                self.commands += 1;
                self.input(Input::Command {
                    id: CommandId(self.commands),
                    door: DoorId(nth.parse().unwrap()),
                    command: DoorCommand::UnlockOnce,
                    actor: Actor::from("uid 1000"),
                });
            }
            ["told", "uplink", condition] => self.input(Input::Alarm(AlarmChange {
                kind: AlarmKind::UplinkDown,
                subject: AlarmSubject::Appliance,
                condition: match condition {
                    "down" => Condition::Present,
                    _ => Condition::Gone,
                },
            })),
            ["clock", word] => {
                self.trust = match word {
                    "trusted" => ClockTrust::Trusted,
                    _ => ClockTrust::Untrusted,
                };
                let now = self.now();
                self.controller.as_mut().unwrap().handle_timeout(now);
            }
            ["board", ref words @ ..] => self.board(words),
            ["inputs"] => self.board(&["inputs"]),
            ["reader", name, ref words @ ..] => self.reader(name, words),
            ["keys", reader, keys] => self.reader(reader, &["keys", keys]),
            ["card", reader, number] => self.reader(reader, &["card", number]),
            [word, nth] => {
                let nth: u16 = nth.parse().unwrap();
                match word {
                    "open" => self.open.insert(nth),
                    "close" => self.open.remove(&nth),
                    "rex" => self.rex.insert(nth),
                    "unrex" => self.rex.remove(&nth),
                    _ => panic!("nothing is called `{what}`"),
                };
                self.board(&["inputs"]);
            }
            _ => panic!("nothing is called `{what}`"),
        }
        self.drain()
    }

    fn set_mode(&mut self, nth: &str, mode: &str) {
        let mode = mode_of(mode);
        self.change_door(nth, |door| door.mode = mode);
    }

    fn put(&mut self, record: &Record) {
        self.view.change(&Change::Put(record.clone()));
        let now = self.now();
        self.controller.as_mut().unwrap().put_record(now, record);
    }

    /// Puts a door changed, or a new one.
    fn change_door(&mut self, nth: &str, change: impl FnOnce(&mut Door)) {
        let id = DoorId(nth.parse().unwrap());
        let known = self.doors.iter().position(|door| door.id == id);
        let at = known.unwrap_or_else(|| {
            self.doors.push(door(id.0));
            self.doors.len() - 1
        });
        change(&mut self.doors[at]);
        let door = self.doors[at].clone();
        self.view.change(&Change::Put(Record::Door(door.clone())));
        let now = self.now();
        self.controller.as_mut().unwrap().put_door(now, door);
    }

    fn levels(&self) -> u64 {
        let bit = |input: u16| 1u64 << (input - 1);
        let closed = (1..=2).filter(|nth| !self.open.contains(nth));
        let contacts = closed.map(|nth| bit(2 * nth - 1));
        let exits = self.rex.iter().map(|nth| bit(2 * nth));
        // A fire panel's contact is closed at rest.
        let fire = (!self.fire).then(|| bit(FIRE_INPUT));
        contacts
            .chain(exits)
            .chain(fire)
            .fold(0, |levels, bit| levels | bit)
    }

    fn board(&mut self, words: &[&str]) {
        let event = match words {
            ["online"] => BoardEvent::Online,
            ["offline"] => BoardEvent::Offline,
            ["inputs"] => BoardEvent::Inputs(self.levels()),
            ["hides", "inputs"] => BoardEvent::InputsRefused,
            ["loops", faults] => BoardEvent::InputFaults(faults.parse().unwrap()),
            ["refuses", output] => BoardEvent::OutputFailed {
                output: output.parse().unwrap(),
            },
            _ => panic!("no board does `{words:?}`"),
        };
        let board = BoardIx(0);
        self.input(Input::Board { board, event });
    }

    fn reader(&mut self, name: &str, words: &[&str]) {
        let ix = READERS.iter().position(|&each| each == name);
        let reader = ReaderIx(u16::try_from(ix.unwrap_or(99)).unwrap());
        let event = match words {
            ["online"] => ReaderEvent::Online,
            ["offline"] => ReaderEvent::Offline,
            ["card", number] => ReaderEvent::Card(card(number.parse().unwrap())),
            ["keys", keys] => ReaderEvent::Keys(keys.as_bytes().into()),
            ["tamper", on] => ReaderEvent::Tamper(*on == "on"),
            ["power", on] => ReaderEvent::PowerFailed(*on == "failed"),
            ["address", on] => ReaderEvent::AddressShared(*on == "shared"),
            ["secure", on] => ReaderEvent::SecureChannelFailed(*on == "failed"),
            _ => panic!("no reader does `{words:?}`"),
        };
        self.input(Input::Reader { reader, event });
    }

    fn input(&mut self, input: Input) {
        let now = self.now();
        let controller = self.controller.as_mut().unwrap();
        controller.handle(now, input, &self.view);
    }

    fn drain(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(output) = self.controller.as_mut().unwrap().poll_output() {
            match &output {
                Output::Record { token, .. } => self.unacked.push(*token),
                Output::Remember(what) => self.remembered.push(what.clone()),
                Output::Keep { door, state } => drop(self.kept.insert(*door, state.clone())),
                _ => {}
            }
            if self.status || !matches!(output, Output::Door(_)) {
                lines.push(line(&output));
            }
        }
        if self.acks && !self.unacked.is_empty() {
            for token in std::mem::take(&mut self.unacked) {
                self.input(Input::Recorded { token });
            }
            lines.extend(self.drain());
        }
        lines
    }
}

fn mode_of(word: &str) -> DoorMode {
    match word {
        "normal" => DoorMode::Normal,
        "unlocked" => DoorMode::Unlocked,
        "locked" => DoorMode::Locked,
        "lockdown" => DoorMode::Lockdown,
        "emergency-open" => DoorMode::EmergencyOpen,
        _ => panic!("no mode is called `{word}`"),
    }
}

fn line(output: &Output) -> String {
    match output {
        Output::Relay {
            output, command, ..
        } => match command {
            RelayCommand::Pulse { ms } => format!("relay {output} pulse {ms}"),
            RelayCommand::On => format!("relay {output} on"),
            RelayCommand::Off => format!("relay {output} off"),
        },
        Output::Feedback { reader, feedback } => {
            format!("{} shows {feedback:?}", READERS[usize::from(reader.0)])
        }
        Output::Record { event, .. } => format!("record {}", event_line(event)),
        Output::Alarm(change) => format!("alarm {:?} {:?}", change.kind, change.condition),
        Output::Door(status) => {
            let lock = match status.lock {
                LockState::Locked => "locked",
                LockState::Unlocked => "unlocked",
            };
            let open = match status.open {
                None => "leaf unknown",
                Some(false) => "closed",
                Some(true) => "open",
            };
            let mark = |on: bool, word: &str| {
                if on {
                    format!(" {word}")
                } else {
                    String::new()
                }
            };
            format!(
                "door {} {:?} {lock} {open}{}{}{}{}",
                status.door,
                status.mode,
                mark(status.forced_open, "forced"),
                mark(status.held_open, "held"),
                mark(!status.relay_online, "relay-offline"),
                mark(!status.readers_online, "readers-offline"),
            )
        }
        Output::Remember(Remembered::User { user, location }) => match location {
            None => format!("forget user {user}"),
            Some(Location { area, .. }) => match area {
                Some(area) => format!("remember user {user} in area {area}"),
                None => format!("remember user {user} outside"),
            },
        },
        Output::Learned { id, result } => {
            let result = result.map(|card| card.bits.len());
            format!("learned {} {result:?}", id.0)
        }
        Output::Remember(Remembered::CardLockout { credential, .. }) => {
            format!("remember lockout of card {credential}")
        }
        Output::Remember(Remembered::ReaderLockout { reader, .. }) => {
            format!("remember lockout of {reader}")
        }
        Output::CommandDone { id, result } => format!("command {} {result:?}", id.0),
        Output::Keep { door, state } => {
            format!("keep door {door} {}", serde_json::to_string(state).unwrap())
        }
        Output::ActivatePlan { door, user, .. } => format!("activate door {door} {user:?}"),
    }
}

fn event_line(event: &Event) -> String {
    let mut line = format!("{:?}", event.kind);
    let mut add = |word: &str, value: Option<String>| {
        if let Some(value) = value {
            line += &format!(" {word}{value}");
        }
    };
    add("", event.alarm.map(|alarm| format!("{alarm:?}")));
    add("", event.reason.map(|reason| reason.to_string()));
    add("door ", event.door.map(|id| id.to_string()));
    add("at ", event.reader.as_ref().map(ToString::to_string));
    add("", event.direction.map(|way| format!("{way:?}")));
    add("board ", event.board.as_ref().map(ToString::to_string));
    add("user ", event.user.map(|id| id.to_string()));
    add("credential ", event.credential.map(|id| id.to_string()));
    add("key ", event.key.map(|id| id.to_string()));
    add(
        "card of ",
        event.card.map(|card| format!("{} bits", card.len())),
    );
    add("", event.mode.map(|mode| format!("{mode:?}")));
    add("by ", event.actor.as_ref().map(ToString::to_string));
    assert_eq!(event.revision, 7);
    line
}
