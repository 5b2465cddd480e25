//! The one state machine that owns the doors.
//!
//! It does no I/O: give it what happened with [`Controller::handle`] and the time with
//! [`Controller::handle_timeout`], then drain [`Controller::poll_output`] and sleep until
//! [`Controller::poll_timeout`].

mod badge;
mod beyond;
mod config;
mod devices;
mod door;
mod effects;
mod hours;
mod io;
mod kept;
mod keypad;
mod learning;
mod running;
mod showing;
mod standing;
mod storage;
#[cfg(test)]
mod tests;
mod whereabouts;
mod wiring;

use std::collections::BTreeMap;

pub use config::{
    BOARD_START_GRACE_MS, ControllerConfig, DOUBLE_BADGE_MS, HOURS_AHEAD_MS, OPEN_GRACE_MS,
    OUTPUT_REFUSED_MS, OUTPUT_RETRY_MS, PENDING_PER_DOOR_MAX, READER_OFFLINE_GRACE_MS,
    RECORD_DEADLINE_MS_DEFAULT, RECORD_DEADLINE_MS_MAX, STORAGE_QUIET_MS,
};
pub use io::{
    BoardEvent, CommandError, CommandId, DoorCommand, DoorStatus, Feedback, Input, LockState,
    Output, PlanHours, ReaderEvent, RecordToken, RelayCommand, StandsUnlocked,
};
pub use kept::{Hold, KeptState};
pub use keypad::{PIN_ENTRY_MS, PIN_LOCKOUT_MS, PIN_TRIES_MAX, PIN_TRIES_MS};
pub use learning::{LEARN_MS, LearnError};
pub use running::{DENIALS_MAX, DENIALS_MS, Forgiven, Remembered, SECOND_PERSON_MS};

use crate::alarm::{AlarmKind, AlarmSubject};
use crate::event::EventKind;
use crate::ids::{Actor, BoardIx, DoorId, ReaderIx};
use crate::model::{Door, Record, RecordRef};
use crate::modes::Modes;
use crate::time::{ClockTrust, Mono, Now};
use crate::view::AccessView;
use devices::{Board, Reader};
use door::DoorMachine;
use effects::{Effects, Source};
use hours::Calendar;
use running::Running;
use storage::Storage;
use wiring::Wiring;

/// Owns the doors: decides at their readers, drives their relays, watches their contacts, and says
/// what happened.
///
/// One call of `handle`, `handle_timeout`, `put_door` or the like queues a bounded number of
/// outputs: at most a few for each door and device. Drain them after each call.
#[derive(Debug)]
pub struct Controller {
    config: ControllerConfig,
    doors: BTreeMap<DoorId, DoorMachine>,
    readers: Vec<Reader>,
    boards: Vec<Board>,
    storage: Storage,
    calendar: Calendar,
    modes: Modes,
    running: Running,
    fx: Effects,
    phase: Phase,
    /// What was last said of the clock.
    clock: ClockTrust,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Running,
    Stopped,
}

/// Whose live state may have changed.
enum Touched {
    None,
    One(DoorId),
    All,
}

impl Controller {
    /// A controller of these doors. Nothing is driven before [`Self::start`].
    #[must_use]
    pub fn new(mut config: ControllerConfig, doors: impl IntoIterator<Item = Door>) -> Self {
        config.record_deadline_ms = config.record_deadline_ms.min(RECORD_DEADLINE_MS_MAX);
        let readers: Vec<_> = (0..)
            .zip(&config.readers)
            .map(|(ix, name)| Reader::new(name.clone(), ReaderIx(ix)))
            .collect();
        let boards = config.boards.iter().cloned().map(Board::new).collect();
        let mut controller = Self {
            fx: Effects::new(readers.len()),
            running: Running::new(readers.len()),
            config,
            doors: BTreeMap::new(),
            readers,
            boards,
            storage: Storage::default(),
            calendar: Calendar::default(),
            modes: Modes::default(),
            phase: Phase::New,
            clock: ClockTrust::Trusted,
        };
        for door in doors {
            controller.adopt(door);
        }
        controller
    }

    /// The revision of the access table that events from now on were decided under.
    pub const fn set_revision(&mut self, revision: u64) {
        self.fx.revision = revision;
    }

    /// Who makes the change of the access table that is told next: until [`Self::table_changed`],
    /// doors that come into another mode do so by them.
    pub fn change_begins(&mut self, actor: Actor) {
        self.fx.changed_by = Some(actor);
    }

    /// Begins to serve: drives every relay to what its door's mode asks for, and says so.
    pub fn start(&mut self, now: Now) {
        self.set_now(now);
        self.fx.record(self.fx.event(EventKind::Started));
        self.phase = Phase::Running;
        self.set_now(now);
        self.look_at_all_hours();
        for door in self.doors.values_mut() {
            door.start(&mut self.fx);
        }
        for reader in &mut self.readers {
            reader.start(now.mono);
        }
        for board in &mut self.boards {
            board.start(now.mono);
        }
        self.tell_fire();
        self.tell(&Touched::All);
    }

    /// Ends in order: drives every relay to its safe state. Inputs after this are not looked at.
    pub fn stop(&mut self, now: Now) {
        self.set_now(now);
        self.phase = Phase::Stopped;
        for door in self.doors.values_mut() {
            door.release(&mut self.fx);
        }
        self.tell(&Touched::All);
        self.fx.record(self.fx.event(EventKind::Stopped));
    }

    /// Takes in what happened.
    pub fn handle<V: AccessView>(&mut self, now: Now, input: Input, view: &V) {
        if self.phase != Phase::Running {
            return;
        }
        // What was due before comes before.
        self.handle_timeout(now);
        let touched = match input {
            Input::Reader { reader, event } => self.reader_event(reader, event, view),
            Input::Board { board, event } => self.board_event(board, &event),
            Input::Recorded { token } => {
                self.storage.recorded(&mut self.fx, token);
                self.recorded(token)
            }
            Input::RecordFailed { token } => {
                // Waiting longer would help nobody: the store says that it tries on.
                let touched = self.recorded(token);
                self.storage.is_late(&mut self.fx, token);
                touched
            }
            Input::Command {
                id,
                door,
                command,
                actor,
            } => self.command(id, door, command, actor),
            Input::Learn { id, reader, actor } => {
                self.learn(id, &reader, actor);
                Touched::None
            }
            Input::Forgive { id, whom, actor } => {
                self.forgive(id, whom, actor);
                Touched::None
            }
            Input::Alarm(change) => {
                let (kind, subject) = (change.kind, change.subject);
                self.fx.alarm(kind, subject, change.condition, Source::Told);
                Touched::None
            }
        };
        self.tell(&touched);
    }

    /// Does what has become due by `now`.
    pub fn handle_timeout(&mut self, now: Now) {
        self.set_now(now);
        if self.phase != Phase::Running || self.poll_timeout().is_none_or(|due| due > now.mono) {
            return;
        }
        for door in self.doors.values_mut() {
            while let Some(due) = door.handle_timeout(&mut self.fx) {
                self.storage.is_late(&mut self.fx, due.late);
            }
        }
        for reader in &mut self.readers {
            reader.handle_timeout(&mut self.fx);
        }
        for board in &mut self.boards {
            board.handle_timeout(&mut self.fx);
        }
        self.storage.handle_timeout(&mut self.fx);
        self.look_at_due_hours();
        self.people_timeout();
        self.tell(&Touched::All);
    }

    /// The next thing to be done; `None` when all is.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.fx.pop()
    }

    /// When [`Self::handle_timeout`] must be called next, at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Mono> {
        let doors = self.doors.values().filter_map(DoorMachine::poll_timeout);
        let readers = self.readers.iter().filter_map(Reader::poll_timeout);
        let boards = self.boards.iter().filter_map(Board::poll_timeout);
        doors
            .chain(readers)
            .chain(boards)
            .chain(self.storage.poll_timeout())
            .chain(self.hours_due())
            .chain(self.running.poll_timeout())
            .min()
    }

    /// Takes in a door that is new or has changed. Readers and boards that the wiring does not
    /// name are as if not wired.
    pub fn put_door(&mut self, now: Now, door: Door) {
        self.set_now(now);
        let id = door.id;
        self.adopt(door);
        self.mind_inputs();
        self.mind_fire();
        self.tell(&Touched::One(id));
    }

    /// Forgets a door. Its relay is left in its safe state.
    pub fn remove_door(&mut self, now: Now, id: DoorId) {
        self.set_now(now);
        self.unassign_readers(id);
        self.modes.remove(RecordRef::Door(id));
        self.fx.whereabouts.remove_door(id);
        self.running.first_of_two.remove(&id);
        if let Some(mut door) = self.doors.remove(&id) {
            door.dissolve(&mut self.fx);
        }
        self.mind_inputs();
        self.mind_fire();
    }

    /// Which boards' inputs are needed may have changed, or which are told.
    fn mind_inputs(&mut self) {
        for (ix, board) in (0..).map(BoardIx).zip(&mut self.boards) {
            let needed = self.doors.values().any(|door| door.needs_inputs_of(ix));
            board.mind_inputs(&mut self.fx, needed);
        }
    }

    /// A door's live state as last told; `None` without such a door, or before the start.
    #[must_use]
    pub fn door_status(&self, door: DoorId) -> Option<&DoorStatus> {
        self.doors.get(&door)?.status()
    }

    fn set_now(&mut self, now: Now) {
        self.fx.now = now;
        if self.phase == Phase::Running && self.clock != now.trust {
            self.clock = now.trust;
            let (kind, subject) = (AlarmKind::ClockNotTrusted, AlarmSubject::Appliance);
            match now.trust {
                ClockTrust::Trusted => self.fx.clear(kind, subject),
                ClockTrust::Untrusted => self.fx.raise(kind, subject),
            }
            self.look_at_all_hours();
            self.tell(&Touched::All);
        }
    }

    fn unassign_readers(&mut self, door: DoorId) {
        for reader in &mut self.readers {
            if reader.door.is_some_and(|(of, _)| of == door) {
                reader.door = None;
            }
        }
    }

    fn adopt(&mut self, door: Door) {
        let id = door.id;
        let wiring = Wiring::of(&door, &self.config);
        self.fx.whereabouts.put_door(&door);
        self.unassign_readers(id);
        for &(reader, direction) in &wiring.readers {
            if let Some(reader) = self.readers.get_mut(usize::from(reader.0)) {
                reader.door = Some((id, direction));
            }
        }
        let board_online = |board: BoardIx| {
            let board = self.boards.get(usize::from(board.0));
            board.is_some_and(|board| board.online)
        };
        let relay_online = wiring.relay.is_some_and(|relay| board_online(relay.board));
        self.modes.put(&Record::Door(door.clone()));
        let mode = self.modes.facts(id).map_or(door.mode, |facts| facts.mode);
        if self.phase != Phase::Running {
            let mut machine = DoorMachine::new(door, wiring);
            machine.begin_in(mode);
            self.doors.insert(id, machine);
            return;
        }
        match self.doors.get_mut(&id) {
            Some(machine) => machine.replace(&mut self.fx, door, wiring, relay_online),
            None => {
                // A new door is one that was wired to nothing before.
                let mut machine = DoorMachine::new(door.clone(), Wiring::default());
                machine.begin_in(mode);
                machine.replace(&mut self.fx, door, wiring, relay_online);
                self.doors.insert(id, machine);
            }
        }
        let clock_counts = self.clock_counts();
        if let Some(machine) = self.doors.get_mut(&id) {
            machine.set_mode(&mut self.fx, mode);
            machine.look_at_hours(&mut self.fx, &self.calendar, clock_counts);
            for (ix, board) in (0..).zip(&self.boards) {
                if let Some(levels) = board.levels {
                    machine.fire_level(&mut self.fx, BoardIx(ix), levels);
                    machine.inputs(&mut self.fx, BoardIx(ix), levels);
                    machine.tell_fire(&mut self.fx);
                }
            }
        }
    }

    fn recorded(&mut self, token: RecordToken) -> Touched {
        for (id, door) in &mut self.doors {
            if door.recorded(&mut self.fx, token) {
                return Touched::One(*id);
            }
        }
        Touched::None
    }

    fn board_event(&mut self, ix: BoardIx, event: &BoardEvent) -> Touched {
        let Some(board) = self.boards.get_mut(usize::from(ix.0)) else {
            return Touched::None;
        };
        let fx = &mut self.fx;
        match *event {
            BoardEvent::Online => {
                // Relays first: what the board should be doing does not wait for its log.
                for door in self.doors.values_mut() {
                    door.board_online(fx, ix);
                }
                board.set_online(fx, true);
            }
            BoardEvent::Offline => {
                board.set_online(fx, false);
                for door in self.doors.values_mut() {
                    door.board_offline(fx, ix);
                }
            }
            BoardEvent::Inputs(levels) => {
                board.levels = Some(levels);
                let was_refused = std::mem::take(&mut board.inputs_refused);
                // Everybody's way out before anything else, and before anybody is told.
                for door in self.doors.values_mut() {
                    door.fire_level(fx, ix, levels);
                }
                for door in self.doors.values_mut() {
                    door.inputs(fx, ix, levels);
                }
                self.tell_fire();
                if was_refused {
                    self.mind_inputs();
                }
            }
            BoardEvent::InputFaults(faults) => board.input_faults(fx, faults),
            BoardEvent::InputsRefused => {
                board.levels = None;
                board.inputs_refused = true;
                for door in self.doors.values_mut() {
                    door.inputs_lost(ix);
                }
                self.mind_inputs();
            }
            BoardEvent::OutputFailed { output } => {
                board.output_failed(fx);
                let point = Some(wiring::RelayPoint { board: ix, output });
                for door in self.doors.values_mut() {
                    if door.wiring.relay == point {
                        door.output_failed(fx);
                    }
                }
            }
        }
        Touched::All
    }

    fn tell(&mut self, touched: &Touched) {
        match touched {
            Touched::None => {}
            Touched::One(id) => {
                if let Some(door) = self.doors.get_mut(id) {
                    door.tell(&mut self.fx);
                }
            }
            Touched::All => {
                for door in self.doors.values_mut() {
                    door.tell(&mut self.fx);
                }
            }
        }
    }
}
