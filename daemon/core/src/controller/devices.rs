use super::config::{BOARD_START_GRACE_MS, OUTPUT_REFUSED_MS, READER_OFFLINE_GRACE_MS};
use super::effects::{Effects, Source};
use crate::alarm::{AlarmKind, AlarmSubject, Condition};
use crate::event::{Direction, Event, EventKind};
use crate::ids::{DeviceName, DoorId, ReaderIx};
use crate::time::Mono;

/// A reader as the controller knows it.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) name: DeviceName,
    pub(super) ix: ReaderIx,
    /// The door it belongs to, and which way it leads.
    pub(super) door: Option<(DoorId, Direction)>,
    /// When its being offline becomes an alarm.
    alarm_at: Option<Mono>,
}

impl Reader {
    pub(super) const fn new(name: DeviceName, ix: ReaderIx) -> Self {
        Self {
            name,
            ix,
            door: None,
            alarm_at: None,
        }
    }

    fn subject(&self) -> AlarmSubject {
        AlarmSubject::Reader(self.name.clone())
    }

    /// An event of this reader, at its door.
    pub(super) fn event(&self, fx: &Effects, kind: EventKind) -> Event {
        let mut event = fx.event(kind);
        event.reader = Some(self.name.clone());
        event.door = self.door.map(|(door, _)| door);
        event
    }

    pub(super) fn start(&mut self, now: Mono) {
        self.alarm_at = Some(now.plus_ms(READER_OFFLINE_GRACE_MS));
    }

    /// Notes that it answers or not; tells whether that is new.
    pub(super) fn set_online(&mut self, fx: &mut Effects, online: bool) -> bool {
        let Some(known) = fx.readers_online.get_mut(usize::from(self.ix.0)) else {
            return false;
        };
        if *known == online {
            return false;
        }
        *known = online;
        if online {
            self.alarm_at = None;
            fx.record(self.event(fx, EventKind::ReaderOnline));
            self.set_fault(fx, AlarmKind::ReaderOffline, false);
        } else {
            self.start(fx.now.mono);
            fx.record(self.event(fx, EventKind::ReaderOffline));
        }
        true
    }

    /// Notes a fault that the reader reports of itself.
    pub(super) fn set_fault(&self, fx: &mut Effects, kind: AlarmKind, present: bool) {
        let condition = if present {
            Condition::Present
        } else {
            Condition::Gone
        };
        let door = self.door.map(|(door, _)| door);
        fx.alarm_at(door, (kind, self.subject()), condition, Source::Own);
    }

    pub(super) const fn poll_timeout(&self) -> Option<Mono> {
        self.alarm_at
    }

    pub(super) fn handle_timeout(&mut self, fx: &mut Effects) {
        if self.alarm_at.is_some_and(|at| at <= fx.now.mono) {
            self.alarm_at = None;
            self.set_fault(fx, AlarmKind::ReaderOffline, true);
        }
    }
}

/// A relay board as the controller knows it.
#[derive(Debug)]
pub(super) struct Board {
    name: DeviceName,
    pub(super) online: bool,
    /// The levels of its inputs, since it answers.
    pub(super) levels: Option<u64>,
    /// When never having answered becomes an alarm.
    alarm_at: Option<Mono>,
    /// Until when a refusal is an alarm.
    refused_until: Option<Mono>,
    /// It answers, but does not tell its inputs.
    pub(super) inputs_refused: bool,
    /// That is an alarm, as some door needs them.
    inputs_missed: bool,
}

impl Board {
    pub(super) const fn new(name: DeviceName) -> Self {
        Self {
            name,
            online: false,
            levels: None,
            alarm_at: None,
            refused_until: None,
            inputs_refused: false,
            inputs_missed: false,
        }
    }

    fn subject(&self) -> AlarmSubject {
        AlarmSubject::Board(self.name.clone())
    }

    pub(super) fn start(&mut self, now: Mono) {
        self.alarm_at = Some(now.plus_ms(BOARD_START_GRACE_MS));
    }

    pub(super) fn set_online(&mut self, fx: &mut Effects, online: bool) {
        self.refused_until = None;
        self.alarm_at = None;
        self.levels = None;
        self.inputs_refused = false;
        self.inputs_missed = false;
        if online {
            fx.clear(AlarmKind::BoardOffline, self.subject());
        } else {
            fx.raise(AlarmKind::BoardOffline, self.subject());
        }
        if self.online != online {
            self.online = online;
            let mut event = fx.event(match online {
                true => EventKind::BoardOnline,
                false => EventKind::BoardOffline,
            });
            event.board = Some(self.name.clone());
            fx.record(event);
        }
    }

    pub(super) fn output_failed(&mut self, fx: &mut Effects) {
        self.refused_until = Some(fx.now.mono.plus_ms(OUTPUT_REFUSED_MS));
        fx.raise(AlarmKind::BoardOffline, self.subject());
    }

    /// A loop that is short-circuited or cut: somebody is at the wires, or something bit them.
    pub(super) fn input_faults(&self, fx: &mut Effects, faults: u64) {
        match faults {
            0 => fx.clear(AlarmKind::InputFault, self.subject()),
            _ => fx.raise(AlarmKind::InputFault, self.subject()),
        }
    }

    /// Inputs that are refused are an alarm when some door needs them.
    pub(super) fn mind_inputs(&mut self, fx: &mut Effects, needed: bool) {
        let missed = self.online && self.inputs_refused && needed;
        if missed == self.inputs_missed {
            return;
        }
        self.inputs_missed = missed;
        if missed {
            fx.raise(AlarmKind::BoardOffline, self.subject());
        } else if self.refused_until.is_none() {
            fx.clear(AlarmKind::BoardOffline, self.subject());
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Mono> {
        [self.alarm_at, self.refused_until]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn handle_timeout(&mut self, fx: &mut Effects) {
        let now = fx.now.mono;
        if self.alarm_at.is_some_and(|at| at <= now) {
            self.alarm_at = None;
            fx.raise(AlarmKind::BoardOffline, self.subject());
        }
        if self.refused_until.is_some_and(|at| at <= now) {
            self.refused_until = None;
            if self.online && !self.inputs_missed {
                fx.clear(AlarmKind::BoardOffline, self.subject());
            }
        }
    }
}
