//! The stages of a life: open the store, start the doors, open the office, stop in order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward_api::{Alarm, Live};
use doorward_core::alarm::AlarmKind;
use doorward_core::controller::{ControllerConfig, KeptState, Remembered};
use doorward_core::decide::Policy;
use doorward_core::event::{Event, EventKind};
use doorward_core::ids::DoorId;
use doorward_core::index::AccessIndex;
use doorward_core::model::{Door, Kind, Record};
use doorward_wire::board::OutputState;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::office::{self, OfficeSetup};
use super::{Fault, Options, Prepared};
use crate::clock::{Clock, WallSource};
use crate::config::ClockRule;
use crate::doors::{self, DoorsHandle, DoorsSetup, KEPT_DOOR, KEPT_PEOPLE, live_channel};
use crate::guard::{self, Guard, GuardNews};
use crate::relays::config::LineConfig;
use crate::store::{StateSink, Store, StoreError, StoreOptions, StoreThread, TableView, set_aside};
use crate::system::exit::Exit;
use crate::system::signals::StopSignals;
use crate::system::threads::NamedThread;
use crate::vault::Appliance;

/// Alarms of the office that may wait for the doors.
const ALARMS_MAX: usize = 16;
/// Alarms of the history that are looked at for what still stands after a restart.
const ALARMS_TOLD_MAX: usize = 1_000;
/// Activated plans that may wait for the office; of more, the credential must be shown again.
const ACTIVATIONS_MAX: usize = 16;
/// Finished orders to buses that may wait for the office to record them.
const BUS_JOBS_MAX: usize = 16;
/// The longest note of an event, in characters.
const NOTE_MAX: usize = 200;
/// Records read at once while the access index warms.
const WARM_PAGE: usize = 4096;
/// How long the whole stop may take.
const STOP_MAX: Duration = Duration::from_secs(5);
/// Threads of the office's runtime.
const OFFICE_THREADS: usize = 2;

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let exit = match &error {
            StoreError::Locked { .. } => Exit::TryAgain,
            StoreError::Folder { source, .. } => Exit::for_io(source),
            _ => Exit::Io,
        };
        Self::new(exit, &error)
    }
}

fn system(error: &std::io::Error) -> Fault {
    Fault::new(Exit::System, error)
}

/// Serves the doors until a signal says stop.
pub(super) fn serve(mut prepared: Prepared, options: &Options) -> Result<(), Fault> {
    let office = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(OFFICE_THREADS)
        .thread_name("office")
        .enable_all()
        .build()
        .map_err(|error| system(&error))?;
    // A stop that comes while the daemon starts is in order, too.
    let signals = {
        let _entered = office.enter();
        StopSignals::listen().map_err(|error| system(&error))?
    };
    let (store, store_thread) = open_store(&prepared.config.data)?;
    guard::wait_for_previous(&prepared.config.data);
    let source = options.wall.unwrap_or(match prepared.config.doors.clock {
        ClockRule::Auto => WallSource::System,
        ClockRule::Trusted => WallSource::SystemTrusted,
    });
    let clock = Arc::new(Clock::new(source, store.newest_event_wall()?));
    let served = serve_on(&mut prepared, options, &store, &clock, (office, signals));
    store.stop();
    store_thread.join();
    served
}

/// Opens the store. One that is damaged is moved aside: the doors are served with an empty table,
/// which opens nothing, and an alarm says so until it is cleared.
fn open_store(folder: &Path) -> Result<(Store, StoreThread), Fault> {
    let error = match Store::open(folder, StoreOptions::default()) {
        Err(error) if error.is_damage() => Fault::from(error),
        opened => return Ok(opened?),
    };
    log::error!("{error}");
    let now = Clock::new(WallSource::System, None).now();
    let aside = set_aside(folder, now.wall)?;
    let told = format!(
        "the database did not open and is kept as `{}`; every door stays shut until a backup is restored",
        aside.display()
    );
    log::error!("{told}");
    let (store, thread) = Store::open(folder, StoreOptions::default())?;
    let mut event = Event::new(EventKind::AlarmRaised, now.wall, now.trust, 0);
    event.alarm = Some(AlarmKind::DatabaseSetAside);
    event.note = Some(told.chars().take(NOTE_MAX).collect());
    let (events, mut acks) = store.event_sink();
    events.append(0, event);
    // An alarm that cannot be kept is told by whatever keeps it from it.
    let _ = acks.blocking_recv();
    Ok((store, thread))
}

fn serve_on(
    prepared: &mut Prepared,
    options: &Options,
    store: &Store,
    clock: &Arc<Clock>,
    (office, signals): (Runtime, StopSignals),
) -> Result<(), Fault> {
    let stop = CancellationToken::new();
    let (handle, requests) = DoorsHandle::new();
    tell_alarms_of_moments(store, &handle)?;
    let (live, live_inbox) = live_channel();
    let (alarms, alarm_inbox) = mpsc::channel(ALARMS_MAX);
    let (index, index_inbox) = mpsc::channel(1);
    let (events, acks) = store.event_sink();
    let (activations, activation_inbox) = mpsc::channel(ACTIVATIONS_MAX);
    let table = store.view();
    let doors = all_doors(&table)?;
    let states = store.state_sink();
    let (bus_ends, bus_orders) = prepared.bus_orders();
    let (bus_jobs, finished_jobs) = mpsc::channel(BUS_JOBS_MAX);
    let policy = Policy {
        untrusted_clock: prepared.config.doors.untrusted_clock,
    };
    let (buses, keeping) = prepared.bus_plans(bus_orders)?;
    let (keeper, keys) = prepared.key_keeper(keeping, store, clock);
    let lines = with_safe_states(std::mem::take(&mut prepared.lines), &doors);
    let guard = stand_guard(options, &lines);
    let (doors, ready) = doors::start(DoorsSetup {
        controller: ControllerConfig {
            readers: prepared.reader_names(),
            boards: prepared.board_names(),
            record_deadline_ms: prepared.config.doors.record_deadline_ms,
            policy,
            pin_key: Some(store.pin_key().clone()),
        },
        buses,
        wiegand: std::mem::take(&mut prepared.wiegand),
        lines,
        guard: guard.as_ref().map_or_else(GuardNews::nobody, Guard::news),
        revision: table.revision()?,
        records: doors_hang_on(&table)?,
        doors,
        kept: kept_states(&states)?,
        people: remembered_people(&states)?,
        states,
        activations,
        bus_jobs,
        cards: Arc::clone(&prepared.cards),
        clock: Arc::clone(clock),
        events,
        acks,
        table,
        index: index_inbox,
        requests,
        alarms: alarm_inbox,
        live,
        stop: stop.clone(),
    })
    .map_err(|error| system(&error))?;
    let warming = warm_index(store.view(), index, stop.clone()).map_err(|error| system(&error))?;

    let setup = OfficeSetup {
        site: prepared.config.name.clone(),
        store: store.clone(),
        clock: Arc::clone(clock),
        doors: handle,
        keeper,
        keys,
        live: live_inbox,
        alarms,
        policy,
        activate_plans: prepared.config.doors.activate_plans,
        activations: activation_inbox,
        buses: bus_ends,
        bus_jobs: finished_jobs,
        cards: Arc::clone(&prepared.cards),
        socket: prepared.socket.clone(),
        broker: prepared.named_broker(),
        appliance: Appliance {
            path: options.config.clone(),
            config: prepared.config.clone(),
            credentials: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
        },
    };
    let summary = prepared.summary();
    let result = office.block_on(office::run(setup, ready, signals, &summary));

    let stopping = Instant::now();
    let left = || STOP_MAX.saturating_sub(stopping.elapsed());
    stop.cancel();
    doors.join_within(left());
    if let Some(guard) = guard {
        guard.dismiss(left());
    }
    warming.join_within(left());
    office.shutdown_timeout(left());
    log::info!("stopped after {} ms", stopping.elapsed().as_millis());
    result
}

/// Has a second process let the relays go if this one dies. Doors are served without it, too.
fn stand_guard(options: &Options, lines: &[LineConfig]) -> Option<Guard> {
    let program = options.guardian.clone().filter(|_| !lines.is_empty())?;
    let boards = lines.iter().flat_map(|line| &line.boards);
    let outputs =
        boards.flat_map(|board| board.safe.iter().map(|(output, _)| (board.board, *output)));
    match Guard::start(program, options.config.clone(), outputs.collect()) {
        Ok(guard) => Some(guard),
        Err(error) => {
            log::error!("no guardian lets the relays go if this process dies: {error}");
            None
        }
    }
}

/// Every output that a door uses is released whenever its board is left alone: a strike locks, a
/// magnet lets go.
fn with_safe_states(mut lines: Vec<LineConfig>, doors: &[Door]) -> Vec<LineConfig> {
    for board in lines.iter_mut().flat_map(|line| &mut line.boards) {
        let relays = doors.iter().filter_map(|door| door.wiring.relay.as_ref());
        let here = relays.filter(|relay| *relay.board == *board.name);
        board.safe = here.map(|relay| (relay.output, OutputState::Off)).collect();
    }
    lines
}

/// Builds the access index beside the running doors, which decide from the store meanwhile.
fn warm_index(
    table: TableView,
    index: mpsc::Sender<AccessIndex>,
    stop: CancellationToken,
) -> std::io::Result<NamedThread> {
    NamedThread::spawn("index", move || match build_index(&table, &stop) {
        Ok(Some(built)) => {
            // The doors may have been stopped meanwhile.
            let _ = index.blocking_send(built);
        }
        Ok(None) => {}
        Err(error) => log::error!("the doors go on deciding from the store: {error}"),
    })
}

fn build_index(
    table: &TableView,
    stop: &CancellationToken,
) -> Result<Option<AccessIndex>, StoreError> {
    let mut index = AccessIndex::default();
    index.set_revision(table.revision()?);
    for kind in Kind::ALL {
        let mut after = None;
        loop {
            if stop.is_cancelled() {
                return Ok(None);
            }
            let page = table.records(kind, after, WARM_PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.reference());
            index.extend(page);
        }
    }
    Ok(Some(index))
}

/// The records that doors hang on besides their own.
fn doors_hang_on(table: &TableView) -> Result<Vec<Record>, StoreError> {
    let mut records = Vec::new();
    for kind in [
        Kind::Place,
        Kind::DoorGroup,
        Kind::HolidaySet,
        Kind::Schedule,
    ] {
        records.extend(table.records(kind, None, usize::MAX)?);
    }
    Ok(records)
}

/// Alarms that have no condition stand until somebody clears them, over a restart, too.
fn tell_alarms_of_moments(store: &Store, doors: &DoorsHandle) -> Result<(), StoreError> {
    for alarm in store.alarms_before(u64::MAX, ALARMS_TOLD_MAX, true)? {
        if alarm.kind.is_of_a_moment() {
            doors.publish(Live::AlarmRaised(Alarm {
                kind: alarm.kind,
                subject: alarm.subject,
                since: alarm.raised,
            }));
        }
    }
    Ok(())
}

/// What was remembered of people over the restart. What cannot be read is forgotten: nobody is
/// refused for it.
fn remembered_people(states: &StateSink) -> Result<Vec<Remembered>, StoreError> {
    let kept = states.kept(KEPT_PEOPLE)?;
    let remembered = kept.iter().filter_map(|(name, state)| {
        serde_json::from_slice(state)
            .inspect_err(|error| log::error!("what was kept of `{name}` cannot be read: {error}"))
            .ok()
    });
    Ok(remembered.collect())
}

/// What was kept of doors over the restart. What cannot be read is as if not kept: the door stands
/// as the table says.
fn kept_states(states: &StateSink) -> Result<BTreeMap<DoorId, KeptState>, StoreError> {
    let kept = states.kept(KEPT_DOOR)?;
    let states = kept.iter().filter_map(|(name, state)| {
        let door = name.parse().map(DoorId).ok()?;
        match serde_json::from_slice(state) {
            Ok(state) => Some((door, state)),
            Err(error) => {
                log::error!("what was kept of door {door} cannot be read: {error}");
                None
            }
        }
    });
    Ok(states.collect())
}

fn all_doors(table: &TableView) -> Result<Vec<Door>, StoreError> {
    table.list(None, usize::MAX)
}
