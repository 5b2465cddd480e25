use std::collections::{BTreeMap, VecDeque};

use super::io::{CommandError, CommandId, Feedback, Output, RecordToken, RelayCommand};
use super::whereabouts::Whereabouts;
use super::wiring::RelayPoint;
use crate::alarm::{AlarmChange, AlarmKind, AlarmSubject, Condition};
use crate::event::{Event, EventKind};
use crate::ids::{Actor, DoorId, ReaderIx};
use crate::time::{ClockTrust, Mono, Now, Wall};

/// Who says that an alarm's condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The controller, by what it sees.
    Own,
    /// Whoever sent an [`Input::Alarm`](super::Input::Alarm).
    Told,
}

impl Source {
    const fn bit(self) -> u8 {
        match self {
            Self::Own => 1,
            Self::Told => 2,
        }
    }
}

/// What is to be done, in order; and the present in which it is being worked out.
#[derive(Debug)]
pub(super) struct Effects {
    pub(super) now: Now,
    pub(super) revision: u64,
    /// Who has changed the table, while the change is being taken in.
    pub(super) changed_by: Option<Actor>,
    /// Which readers answer; what the others should show is told when they do.
    pub(super) readers_online: Vec<bool>,
    /// Who is where.
    pub(super) whereabouts: Whereabouts,
    queue: VecDeque<Output>,
    next_token: u64,
    /// The alarms that hold, and by whose word.
    alarms: BTreeMap<(AlarmKind, AlarmSubject), u8>,
}

impl Effects {
    pub(super) fn new(readers: usize) -> Self {
        Self {
            now: Now {
                mono: Mono(0),
                wall: Wall(0),
                trust: ClockTrust::Untrusted,
            },
            revision: 0,
            changed_by: None,
            readers_online: vec![false; readers],
            whereabouts: Whereabouts::default(),
            queue: VecDeque::with_capacity(64),
            next_token: 0,
            alarms: BTreeMap::new(),
        }
    }

    pub(super) fn pop(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    pub(super) fn push(&mut self, output: Output) {
        self.queue.push_back(output);
    }

    pub(super) fn relay(&mut self, point: RelayPoint, command: RelayCommand) {
        self.push(Output::Relay {
            board: point.board,
            output: point.output,
            command,
        });
    }

    pub(super) fn feedback(&mut self, reader: ReaderIx, feedback: Feedback) {
        if self.is_online(reader) {
            self.push(Output::Feedback { reader, feedback });
        }
    }

    pub(super) fn is_online(&self, reader: ReaderIx) -> bool {
        let online = self.readers_online.get(usize::from(reader.0));
        online.copied().unwrap_or(false)
    }

    pub(super) fn command_done(&mut self, id: CommandId, result: Result<(), CommandError>) {
        self.push(Output::CommandDone { id, result });
    }

    /// An event of this moment.
    pub(super) fn event(&self, kind: EventKind) -> Event {
        Event::new(kind, self.now.wall, self.now.trust, self.revision)
    }

    pub(super) fn record(&mut self, event: Event) -> RecordToken {
        self.note_passing(&event);
        let token = RecordToken(self.next_token);
        self.next_token += 1;
        self.push(Output::Record { token, event });
        token
    }

    pub(super) fn raise(&mut self, kind: AlarmKind, subject: AlarmSubject) {
        self.alarm(kind, subject, Condition::Present, Source::Own);
    }

    pub(super) fn clear(&mut self, kind: AlarmKind, subject: AlarmSubject) {
        self.alarm(kind, subject, Condition::Gone, Source::Own);
    }

    /// Notes what one source says of an alarm; tells it on only when that changes whether the
    /// alarm holds.
    pub(super) fn alarm(
        &mut self,
        kind: AlarmKind,
        subject: AlarmSubject,
        condition: Condition,
        source: Source,
    ) {
        self.alarm_at(None, (kind, subject), condition, source);
    }

    /// The same of what stands at a door.
    pub(super) fn alarm_at(
        &mut self,
        door: Option<DoorId>,
        name: (AlarmKind, AlarmSubject),
        condition: Condition,
        source: Source,
    ) {
        let before = self.alarms.get(&name).copied().unwrap_or(0);
        let after = match condition {
            Condition::Present => before | source.bit(),
            Condition::Gone => before & !source.bit(),
        };
        if after == before {
            return;
        }
        if after == 0 {
            self.alarms.remove(&name);
        } else {
            self.alarms.insert(name.clone(), after);
        }
        if (before == 0) == (after == 0) {
            return;
        }
        let (kind, subject) = name;
        let mut event = self.event(match condition {
            Condition::Present => EventKind::AlarmRaised,
            Condition::Gone => EventKind::AlarmCleared,
        });
        event.alarm = Some(kind);
        event.door = door;
        match &subject {
            AlarmSubject::Door(door) => event.door = Some(*door),
            AlarmSubject::Reader(reader) => event.reader = Some(reader.clone()),
            AlarmSubject::Board(board) => event.board = Some(board.clone()),
            AlarmSubject::Port(port) => event.port = Some(port.clone()),
            AlarmSubject::Appliance => {}
        }
        self.push(Output::Alarm(AlarmChange {
            kind,
            subject,
            condition,
        }));
        self.record(event);
    }
}
