//! The doors' thread: its runtime, and the tasks that run on it.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use doorward_api::BusJob;
use doorward_core::alarm::AlarmChange;
use doorward_core::controller::{Controller, ControllerConfig, KeptState, Remembered};
use doorward_core::ids::{DeviceName, DoorId, ReaderIx};
use doorward_core::index::AccessIndex;
use doorward_core::model::{Door, Record};
use doorward_wire::osdp::{Baud, ControlPanel, Mono};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinSet, LocalSet};
use tokio_util::sync::CancellationToken;

use super::handle::{DoorsRequest, Live};
use super::live::LiveOutbox;
use super::turns::{Devices, Inboxes, PlanActivation, Turns};
use crate::clock::Clock;
use crate::guard::GuardNews;
use crate::readers::{
    Bus, BusOrder, BusReader, BusSetup, CardReader, FeedbackSender, KEPT_BAUD, KeyLine,
    WiegandPlan, WiegandReader, WiegandSetup,
};
use crate::relays::RelayLine;
use crate::relays::config::LineConfig;
use crate::store::{AppendAck, EventSink, StateSink, TableView};
use crate::system::threads::NamedThread;

/// Inputs from buses that may wait for the controller; a bus with more to say waits.
const INPUTS_MAX: usize = 256;
/// Reports of relay boards that may wait for the controller.
const BOARD_EVENTS_MAX: usize = 256;

/// Everything that the doors are made of.
pub(crate) struct DoorsSetup {
    pub(crate) controller: ControllerConfig,
    pub(crate) doors: Vec<Door>,
    /// What doors hang on besides: schedules.
    pub(crate) records: Vec<Record>,
    pub(crate) revision: u64,
    /// One a bus; their readers are numbered through, in this order.
    pub(crate) buses: Vec<BusPlan>,
    /// The readers behind converters; numbered on from those of the buses.
    pub(crate) wiegand: Vec<WiegandPlan>,
    /// One a serial line or TCP board; each says which boards are on it.
    pub(crate) lines: Vec<LineConfig>,
    pub(crate) guard: GuardNews,
    pub(crate) cards: Arc<CardReader>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) events: EventSink,
    pub(crate) acks: mpsc::UnboundedReceiver<AppendAck>,
    pub(crate) table: TableView,
    pub(crate) index: mpsc::Receiver<AccessIndex>,
    pub(crate) requests: mpsc::Receiver<DoorsRequest>,
    pub(crate) alarms: mpsc::Receiver<AlarmChange>,
    pub(crate) live: mpsc::Sender<Live>,
    pub(crate) states: StateSink,
    /// What the states were when the doors were last served.
    pub(crate) kept: BTreeMap<DoorId, KeptState>,
    /// What was remembered of people then.
    pub(crate) people: Vec<Remembered>,
    pub(crate) activations: mpsc::Sender<PlanActivation>,
    /// What was ordered of buses and has come to its end.
    pub(crate) bus_jobs: mpsc::Sender<BusJob>,
    pub(crate) stop: CancellationToken,
}

/// One bus, ready to be served.
pub(crate) struct BusPlan {
    pub(crate) name: DeviceName,
    pub(crate) port: PathBuf,
    pub(crate) baud: Baud,
    pub(crate) readers: Vec<BusReader>,
    pub(crate) panel: ControlPanel,
    pub(crate) keys: KeyLine,
    /// What the office asks of it.
    pub(crate) orders: mpsc::Receiver<BusOrder>,
}

/// Starts the thread `doors`, and says when they are served. It ends once `stop` is cancelled and
/// every relay is in its safe state.
pub(crate) fn start(setup: DoorsSetup) -> io::Result<(NamedThread, oneshot::Receiver<()>)> {
    let (served, ready) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let thread = NamedThread::spawn("doors", move || {
        runtime.block_on(LocalSet::new().run_until(serve(setup, served)));
    })?;
    Ok((thread, ready))
}

/// Looks for the readers of a bus at the speeds they had when they last answered.
fn find_where_they_were(plan: &mut BusPlan, states: &StateSink) {
    let kept = match states.kept(KEPT_BAUD) {
        Ok(kept) => kept,
        Err(error) => {
            log::error!("the speeds of readers are not known: {error}");
            return;
        }
    };
    for reader in &plan.readers {
        let rate = kept.get(&*reader.name);
        let rate = rate.and_then(|rate| core::str::from_utf8(rate).ok()?.parse().ok());
        if let Some(Ok(baud)) = rate.map(Baud::new) {
            plan.panel.look_at(Mono::ZERO, reader.address, baud);
        }
    }
}

async fn serve(setup: DoorsSetup, served: oneshot::Sender<()>) {
    let (inputs, input_inbox) = mpsc::channel(INPUTS_MAX);
    let (board_events, board_inbox) = mpsc::channel(BOARD_EVENTS_MAX);
    let live = LiveOutbox::new(setup.live);
    let devices_stop = CancellationToken::new();
    let mut tasks = JoinSet::new();

    let mut readers = Vec::new();
    for mut plan in setup.buses {
        let count = plan.readers.len();
        find_where_they_were(&mut plan, &setup.states);
        let bus = Bus::new(BusSetup {
            name: plan.name,
            port: plan.port,
            baud: plan.baud,
            readers: plan.readers,
            panel: plan.panel,
            cards: Arc::clone(&setup.cards),
            inputs: inputs.clone(),
            live: live.clone(),
            clock: Arc::clone(&setup.clock),
            keys: plan.keys,
            orders: plan.orders,
            finished: setup.bus_jobs.clone(),
            states: setup.states.clone(),
            stop: devices_stop.clone(),
        });
        readers.extend((0..count).map(|slot| (bus.feedback(), slot)));
        tasks.spawn_local(bus.run());
    }
    for plan in setup.wiegand {
        let reader = WiegandReader::new(WiegandSetup {
            ix: ReaderIx(u16::try_from(readers.len()).unwrap_or(u16::MAX)),
            plan,
            cards: Arc::clone(&setup.cards),
            inputs: inputs.clone(),
            live: live.clone(),
            clock: Arc::clone(&setup.clock),
            stop: devices_stop.clone(),
        });
        // Nothing can be shown there: what waits to be shown is replaced, and never taken.
        readers.push((FeedbackSender::new(1), 0));
        tasks.spawn_local(reader.run());
    }
    drop(inputs);

    let mut lines = Vec::new();
    let mut boards = BTreeMap::new();
    for config in setup.lines {
        for board in &config.boards {
            boards.insert(board.board, (board.name.clone(), lines.len()));
        }
        lines.push(RelayLine::spawn(config, board_events.clone()));
    }
    drop(board_events);

    let devices = Devices {
        readers,
        boards: boards.into_values().collect(),
        lines,
        guard: setup.guard,
        events: setup.events,
        live,
        states: setup.states,
        activations: setup.activations,
    };
    let inboxes = Inboxes {
        inputs: input_inbox,
        boards: board_inbox,
        acks: setup.acks,
        requests: setup.requests,
        alarms: setup.alarms,
        index: setup.index,
    };
    let mut controller = Controller::new(setup.controller, setup.doors);
    controller.set_revision(setup.revision);
    for record in &setup.records {
        controller.put_record(setup.clock.now(), record);
    }
    controller.restore_people(setup.clock.now(), setup.people);
    for (door, state) in setup.kept {
        controller.restore(door, state);
    }
    let turns = Turns::new(controller, setup.table, devices, setup.clock);
    let lines = turns.run(inboxes, served, setup.stop).await;

    // The relays first: whatever was told them last goes out before their lines close.
    for line in lines {
        if let Err(error) = line.stop().await {
            log::error!("a relay line's task failed: {error}");
        }
    }
    devices_stop.cancel();
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            log::error!("a bus task failed: {error}");
        }
    }
}
