//! The loop around the controller: one input at a time in, everything it wants done out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use doorward_core::alarm::{AlarmChange, AlarmKind, AlarmSubject, Condition};
use doorward_core::card::CardRead;
use doorward_core::controller::{
    BoardEvent, CommandError, CommandId, Controller, Feedback, Input, KeptState, LearnError,
    Output, RecordToken, RelayCommand, Remembered,
};
use doorward_core::ids::{BoardIx, CredentialId, DeviceName, DoorId, ReaderIx, UserId};
use doorward_core::index::AccessIndex;
use doorward_core::model::{Change, Door, Record, RecordRef, TableDelta, UnlockPlan};
use doorward_core::time::{Now, Wall};
use doorward_wire::board::OutputState;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::handle::{Alarm, BoardStatus, DoorsRequest, Live};
use super::live::LiveOutbox;
use crate::clock::Clock;
use crate::guard::GuardNews;
use crate::readers::FeedbackSender;
use crate::relays::RelayLineHandle;
use crate::store::{AppendAck, EventSink, StateSink, TableView};
use crate::system::notify;

/// How long the loop sleeps at most, so that live state that found no room is sent again.
const TURN_MAX: Duration = Duration::from_secs(1);

/// Where the controller's outputs go.
pub(super) struct Devices {
    /// For each reader by its number: its bus, and its number on that bus.
    pub(super) readers: Vec<(FeedbackSender, usize)>,
    /// For each board by its number: its name, and which line it is on.
    pub(super) boards: Vec<(DeviceName, usize)>,
    pub(super) lines: Vec<RelayLineHandle>,
    pub(super) guard: GuardNews,
    pub(super) events: EventSink,
    pub(super) live: LiveOutbox,
    pub(super) states: StateSink,
    pub(super) activations: mpsc::Sender<PlanActivation>,
}

/// What the names of doors' kept states begin with; the door's number follows.
pub(crate) const KEPT_DOOR: &str = "door/";

/// What the names begin with of what is remembered of people.
pub(crate) const KEPT_PEOPLE: &str = "people/";

/// The names of the states kept of a person and of what they show.
pub(crate) fn kept_of(user: UserId, credentials: &[CredentialId]) -> Vec<String> {
    let cards = credentials.iter().map(|credential| kept_card(*credential));
    cards.chain([kept_user(user)]).collect()
}

fn kept_user(user: UserId) -> String {
    format!("{KEPT_PEOPLE}user/{user}")
}

fn kept_card(credential: CredentialId) -> String {
    format!("{KEPT_PEOPLE}card/{credential}")
}

/// A pending plan that somebody has activated at its door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlanActivation {
    pub(crate) door: DoorId,
    /// The plan as it was then.
    pub(crate) plan: UnlockPlan,
    /// Who.
    pub(crate) user: Option<UserId>,
}

/// What comes in.
pub(super) struct Inboxes {
    pub(super) inputs: mpsc::Receiver<Input>,
    pub(super) boards: mpsc::Receiver<(BoardIx, BoardEvent)>,
    pub(super) acks: mpsc::UnboundedReceiver<AppendAck>,
    pub(super) requests: mpsc::Receiver<DoorsRequest>,
    pub(super) alarms: mpsc::Receiver<AlarmChange>,
    pub(super) index: mpsc::Receiver<AccessIndex>,
}

/// The controller with all that it needs for its turns.
pub(super) struct Turns {
    controller: Controller,
    view: View,
    devices: Devices,
    clock: Arc<Clock>,
    commands: BTreeMap<CommandId, oneshot::Sender<Result<(), CommandError>>>,
    lessons: BTreeMap<CommandId, oneshot::Sender<Result<CardRead, LearnError>>>,
    next_command: u64,
    /// The alarms that hold, and since when.
    alarms: BTreeMap<(AlarmKind, AlarmSubject), Wall>,
}

/// The access table as the doors see it: the store until the index is warm.
enum View {
    Store {
        table: TableView,
        /// Changes since the index began to be built.
        missed: Vec<TableDelta>,
    },
    Index(Box<AccessIndex>),
}

#[expect(
    clippy::large_enum_variant,
    reason = "lives on the stack for one turn; a box would allocate"
)]
enum Wake {
    Recorded(AppendAck),
    Input(Input),
    Board(BoardIx, BoardEvent),
    Request(DoorsRequest),
    Alarm(AlarmChange),
    Index(Box<AccessIndex>),
    Time,
    Stop,
}

impl Turns {
    pub(super) fn new(
        controller: Controller,
        table: TableView,
        devices: Devices,
        clock: Arc<Clock>,
    ) -> Self {
        Self {
            controller,
            view: View::Store {
                table,
                missed: Vec::new(),
            },
            devices,
            clock,
            commands: BTreeMap::new(),
            lessons: BTreeMap::new(),
            next_command: 0,
            alarms: BTreeMap::new(),
        }
    }

    /// Takes turns until stopped, then tells every relay its safe state. Returns the relays' lines,
    /// to be closed.
    pub(super) async fn run(
        mut self,
        mut inboxes: Inboxes,
        served: oneshot::Sender<()>,
        stop: CancellationToken,
    ) -> Vec<RelayLineHandle> {
        for (name, _) in &self.devices.boards {
            let status = BoardStatus {
                name: name.clone(),
                online: false,
            };
            self.devices.live.send(Live::Board(status));
        }
        self.controller.start(self.clock.now());
        self.carry_out();
        // Whoever waits for it may have given up.
        let _ = served.send(());
        let watchdog = notify::watchdog_interval()
            .unwrap_or(TURN_MAX)
            .min(TURN_MAX);
        let mut last_alive = Instant::now();
        loop {
            let wake = self.wait(&mut inboxes, &stop).await;
            if matches!(wake, Wake::Stop) {
                break;
            }
            self.turn(wake);
            self.carry_out();
            self.devices.live.flush();
            if last_alive.elapsed() >= watchdog {
                notify::alive();
                last_alive = Instant::now();
            }
        }
        self.controller.stop(self.clock.now());
        self.carry_out();
        self.devices.lines
    }

    async fn wait(&self, inboxes: &mut Inboxes, stop: &CancellationToken) -> Wake {
        let pause = Instant::now() + TURN_MAX;
        let until = self.controller.poll_timeout().map_or(pause, |at| {
            pause.min(Instant::from_std(self.clock.instant(at)))
        });
        let warming = matches!(self.view, View::Store { .. });
        // Cancel-safe: receiving from a channel takes a message only when the arm is chosen, and
        // the index is asked for only until it has come.
        tokio::select! {
            biased;
            () = stop.cancelled() => Wake::Stop,
            Some(ack) = inboxes.acks.recv() => Wake::Recorded(ack),
            Some((board, event)) = inboxes.boards.recv() => Wake::Board(board, event),
            Some(input) = inboxes.inputs.recv() => Wake::Input(input),
            () = sleep_until(until) => Wake::Time,
            Some(request) = inboxes.requests.recv() => Wake::Request(request),
            Some(alarm) = inboxes.alarms.recv() => Wake::Alarm(alarm),
            Some(index) = inboxes.index.recv(), if warming => Wake::Index(Box::new(index)),
        }
    }

    fn turn(&mut self, wake: Wake) {
        let now = self.clock.now();
        match wake {
            Wake::Recorded(ack) => {
                let token = RecordToken(ack.token);
                let input = match ack.result {
                    Ok(_) => Input::Recorded { token },
                    Err(_) => Input::RecordFailed { token },
                };
                self.handle(now, input);
            }
            Wake::Input(input) => self.handle(now, input),
            Wake::Board(board, event) => self.board(now, board, event),
            Wake::Alarm(alarm) => self.handle(now, Input::Alarm(alarm)),
            Wake::Request(DoorsRequest::Apply { delta, actor, done }) => {
                self.controller.change_begins(actor);
                self.apply(now, delta);
                // Whoever asked may have gone; the change is in force all the same.
                let _ = done.send(());
            }
            Wake::Request(DoorsRequest::Command {
                door,
                command,
                actor,
                done,
            }) => {
                let id = self.next_id();
                self.commands.insert(id, done);
                self.handle(
                    now,
                    Input::Command {
                        id,
                        door,
                        command,
                        actor,
                    },
                );
            }
            Wake::Request(DoorsRequest::Forgive { whom, actor, done }) => {
                let id = self.next_id();
                self.commands.insert(id, done);
                self.handle(now, Input::Forgive { id, whom, actor });
            }
            Wake::Request(DoorsRequest::Learn {
                reader,
                actor,
                done,
            }) => {
                let id = self.next_id();
                self.lessons.insert(id, done);
                self.handle(now, Input::Learn { id, reader, actor });
            }
            Wake::Request(DoorsRequest::Site { door, user, done }) => {
                // Whoever asked may have gone.
                let _ = done.send(self.controller.site_for(door, user, now.mono));
            }
            Wake::Request(DoorsRequest::People {
                area,
                after,
                limit,
                done,
            }) => {
                let people = self.controller.people_in(area, after, limit);
                // Whoever asked may have gone.
                let _ = done.send(people);
            }
            Wake::Index(index) => self.install(*index),
            Wake::Time => self.controller.handle_timeout(now),
            Wake::Stop => {}
        }
    }

    fn next_id(&mut self) -> CommandId {
        let id = CommandId(self.next_command);
        self.next_command += 1;
        id
    }

    fn handle(&mut self, now: Now, input: Input) {
        match &self.view {
            View::Store { table, .. } => self.controller.handle(now, input, table),
            View::Index(index) => self.controller.handle(now, input, &**index),
        }
    }

    fn board(&mut self, now: Now, board: BoardIx, event: BoardEvent) {
        let online = match &event {
            BoardEvent::Online => Some(true),
            BoardEvent::Offline => Some(false),
            BoardEvent::Inputs(_)
            | BoardEvent::InputFaults(_)
            | BoardEvent::InputsRefused
            | BoardEvent::OutputFailed { .. } => None,
        };
        if let (Some(online), Some((name, _))) =
            (online, self.devices.boards.get(usize::from(board.0)))
        {
            self.devices.live.send(Live::Board(BoardStatus {
                name: name.clone(),
                online,
            }));
        }
        self.handle(now, Input::Board { board, event });
    }

    /// Brings a committed change into force: in the index, and in the doors themselves.
    fn apply(&mut self, now: Now, delta: TableDelta) {
        for change in &delta.changes {
            match change {
                Change::Put(record) => {
                    if let Record::Door(door) = record {
                        self.make_safe(door);
                    }
                    self.controller.put_record(now, record);
                }
                Change::Remove(reference) => {
                    self.controller.remove_record(now, *reference);
                    if let RecordRef::Door(door) = reference {
                        // What it still had to say comes before that it is gone.
                        self.carry_out();
                        self.keep(*door, &KeptState::default());
                        self.devices.live.send(Live::DoorRemoved(*door));
                    }
                }
            }
        }
        self.controller.set_revision(delta.revision);
        match &mut self.view {
            View::Store { missed, .. } => missed.push(delta),
            View::Index(index) => index.apply(&delta),
        }
        match &self.view {
            View::Store { table, .. } => self.controller.table_changed(now, table),
            View::Index(index) => self.controller.table_changed(now, &**index),
        }
    }

    /// Has the board drop the door's relay whenever it is left alone: a strike locks, a magnet lets
    /// go.
    fn make_safe(&self, door: &Door) {
        let Some(relay) = &door.wiring.relay else {
            return;
        };
        let boards = &self.devices.boards;
        let Some(at) = boards.iter().position(|(name, _)| **name == *relay.board) else {
            return;
        };
        let Ok(board) = u16::try_from(at).map(BoardIx) else {
            return;
        };
        self.devices.guard.output(board, relay.output);
        if let Some(line) = self.devices.lines.get(boards[at].1)
            && let Err(error) = line.set_safe(board, relay.output, OutputState::Off)
        {
            log::error!(board = &*relay.board; "door `{}` has no safe state: {error}", door.name);
        }
    }

    /// Takes the warm index into use, with the changes made while it was being built.
    fn install(&mut self, mut index: AccessIndex) {
        if let View::Store { missed, .. } = &self.view {
            // Rows are written whole, so that applying one a second time changes nothing.
            for delta in missed {
                index.apply(delta);
            }
        }
        log::info!("the access index is warm");
        self.view = View::Index(Box::new(index));
    }

    /// Does everything that the controller wants done, in its order.
    fn carry_out(&mut self) {
        while let Some(output) = self.controller.poll_output() {
            match output {
                Output::Relay {
                    board,
                    output,
                    command,
                } => self.relay(board, output, command),
                Output::Feedback { reader, feedback } => self.feedback(reader, feedback),
                Output::Record { token, event } => self.devices.events.append(token.0, event),
                Output::Alarm(change) => self.alarm(change),
                Output::Door(status) => self.devices.live.send(Live::Door(status)),
                Output::Keep { door, state } => self.keep(door, &state),
                Output::ActivatePlan { door, plan, user } => {
                    let request = PlanActivation { door, plan, user };
                    if let Err(error) = self.devices.activations.try_send(request) {
                        log::error!("the plan of door {door} is not activated: {error}");
                    }
                }
                Output::Remember(what) => self.remember(&what),
                Output::Learned { id, result } => {
                    if let Some(done) = self.lessons.remove(&id) {
                        // Whoever asked may have gone.
                        let _ = done.send(result);
                    }
                }
                Output::CommandDone { id, result } => {
                    if let Some(done) = self.commands.remove(&id) {
                        // Whoever asked may have gone.
                        let _ = done.send(result);
                    }
                }
            }
        }
    }

    fn keep(&self, door: DoorId, state: &KeptState) {
        let bytes = if *state == KeptState::default() {
            Ok(Vec::new())
        } else {
            serde_json::to_vec(state)
        };
        match bytes {
            Ok(bytes) => self
                .devices
                .states
                .keep(&format!("{KEPT_DOOR}{door}"), bytes),
            Err(error) => log::error!("the state of door {door} is not kept: {error}"),
        }
    }

    fn remember(&self, what: &Remembered) {
        let name = match what {
            Remembered::User { user, .. } => kept_user(*user),
            Remembered::CardLockout { credential, .. } => kept_card(*credential),
            Remembered::ReaderLockout { reader, .. } => format!("{KEPT_PEOPLE}reader/{reader}"),
        };
        let forgotten = matches!(what, Remembered::User { location: None, .. });
        let bytes = match forgotten {
            true => Ok(Vec::new()),
            false => serde_json::to_vec(what),
        };
        match bytes {
            Ok(bytes) => self.devices.states.keep(&name, bytes),
            Err(error) => log::error!("`{name}` is not kept: {error}"),
        }
    }

    fn relay(&self, board: BoardIx, output: u16, command: RelayCommand) {
        let Some((name, line)) = self.devices.boards.get(usize::from(board.0)) else {
            return;
        };
        let Some(line) = self.devices.lines.get(*line) else {
            return;
        };
        if let Err(error) = line.send(board, output, command) {
            log::error!(board = &**name, output; "board `{name}`, output {output}: {error}");
        }
    }

    fn feedback(&self, reader: ReaderIx, feedback: Feedback) {
        if let Some((bus, slot)) = self.devices.readers.get(usize::from(reader.0)) {
            bus.send(*slot, feedback);
        }
    }

    fn alarm(&mut self, change: AlarmChange) {
        let AlarmChange {
            kind,
            subject,
            condition,
        } = change;
        match condition {
            Condition::Present => {
                let since = self.clock.now().wall;
                self.alarms.insert((kind, subject.clone()), since);
                log::warn!("alarm: {kind:?} of {subject:?}");
                self.devices.live.send(Live::AlarmRaised(Alarm {
                    kind,
                    subject,
                    since,
                }));
            }
            Condition::Gone => {
                let since = self.alarms.remove(&(kind, subject.clone()));
                log::info!("alarm ended: {kind:?} of {subject:?}");
                let since = since.unwrap_or_default();
                self.devices.live.send(Live::AlarmCleared(Alarm {
                    kind,
                    subject,
                    since,
                }));
            }
        }
    }
}
