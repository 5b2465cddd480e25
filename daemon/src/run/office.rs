//! The office: everything that talks to people or to headquarters.

use std::sync::Arc;

use doorward_api::{BusJob, UplinkState, UplinkStatus};
use doorward_core::alarm::{AlarmChange, AlarmKind, AlarmSubject, Condition};
use doorward_core::decide::Policy;
use doorward_core::event::{Event, EventKind};
use doorward_core::ids::DeviceName;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{Fault, retention};
use crate::admin::{self, Office, Socket, SocketSettings, Times};
use crate::change::{Plan, TableChanges};
use crate::clock::{Clock, TRUST_CHECK_INTERVAL};
use crate::config::PlanRule;
use crate::doors::{DoorsHandle, LiveInbox, PlanActivation};
use crate::keys::{KeyKeeper, ReaderKeys};
use crate::permit::{Action, Operator, authorise};
use crate::readers::{Buses, CardReader};
use crate::store::{Store, StoreHealth};
use crate::system::exit::Exit;
use crate::system::notify;
use crate::system::signals::StopSignals;
use crate::uplink::{self, Broker, Connection};
use crate::vault;

/// The longest note of an event, in characters.
const NOTE_MAX: usize = 200;

/// Everything that the office works with.
pub(super) struct OfficeSetup {
    pub(super) site: String,
    pub(super) store: Store,
    pub(super) clock: Arc<Clock>,
    pub(super) doors: DoorsHandle,
    pub(super) keeper: KeyKeeper,
    pub(super) keys: ReaderKeys,
    pub(super) live: LiveInbox,
    pub(super) alarms: mpsc::Sender<AlarmChange>,
    pub(super) policy: Policy,
    pub(super) activate_plans: PlanRule,
    /// Plans that somebody activated at their doors.
    pub(super) activations: mpsc::Receiver<PlanActivation>,
    pub(super) buses: Buses,
    /// What was ordered of buses and has come to its end.
    pub(super) bus_jobs: mpsc::Receiver<BusJob>,
    pub(super) cards: Arc<CardReader>,
    pub(super) socket: SocketSettings,
    /// The broker, and its name as people know it.
    pub(super) broker: Option<(String, Broker)>,
    /// What is backed up.
    pub(super) appliance: vault::Appliance,
}

/// Runs the office until a signal says stop, then closes it. The doors go on until their own stop.
pub(super) async fn run(
    setup: OfficeSetup,
    ready: oneshot::Receiver<()>,
    mut signals: StopSignals,
    summary: &str,
) -> Result<(), Fault> {
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(until(stop.clone(), setup.live.publish(setup.doors.clone())));
    let socket =
        Socket::bind(&setup.socket).map_err(|error| Fault::new(Exit::Unavailable, &error))?;
    let (changes, changing) = TableChanges::start(setup.store.clone(), setup.doors.clone());
    let (shown, uplink_status) = watch::channel(UplinkStatus::default());
    let uplink_task = setup.broker.map(|(name, broker)| {
        let uplink = uplink::spawn(
            broker,
            Arc::new(setup.store.clone()),
            setup.doors.clone(),
            Arc::clone(&setup.clock),
            stop.clone(),
        );
        let newest = setup.store.durable_seq();
        let minding = mind_uplink(name, uplink.status, newest, shown, setup.alarms.clone());
        tasks.spawn(until(stop.clone(), minding));
        uplink.task
    });
    let night = setup.appliance.config.backup.clone();
    let jobs = vault::Jobs::new(
        setup.store.clone(),
        Arc::clone(&setup.clock),
        Some(setup.appliance),
    );
    if let Some(night) = night {
        let clock = Arc::clone(&setup.clock);
        let minding = vault::mind(night, jobs.clone(), clock, setup.alarms.clone());
        tasks.spawn(until(stop.clone(), minding));
    }
    tasks.spawn(until(
        stop.clone(),
        mind_storage(setup.store.health(), setup.alarms),
    ));
    tasks.spawn(until(
        stop.clone(),
        retention::mind(setup.store.clone(), Arc::clone(&setup.clock)),
    ));
    tasks.spawn(until(stop.clone(), mind_clock(Arc::clone(&setup.clock))));
    tasks.spawn(until(
        stop.clone(),
        activate_plans(setup.activations, changes.clone(), Arc::clone(&setup.clock)),
    ));
    tasks.spawn(setup.keeper.run(stop.clone()));
    tasks.spawn(until(
        stop.clone(),
        record_bus_jobs(
            setup.bus_jobs,
            setup.store.clone(),
            Arc::clone(&setup.clock),
        ),
    ));
    let office = Office {
        site: setup.site,
        store: setup.store,
        doors: setup.doors,
        changes,
        keys: setup.keys,
        buses: setup.buses,
        clock: setup.clock,
        policy: setup.policy,
        activate_plans: setup.activate_plans,
        cards: setup.cards,
        uplink: uplink_status,
        vault: jobs.clone(),
    };
    let admin = tokio::spawn(admin::serve(office, socket, Times::default(), stop.clone()));

    if ready.await.is_err() {
        return Err(Fault {
            message: "the doors did not start".to_owned(),
            exit: Exit::Software,
        });
    }
    log::info!("serving: {summary}");
    notify::ready(summary);
    log::info!("{}: stopping", signals.stop().await);
    notify::stopping();
    stop.cancel();

    jobs.stop().await;
    join("admin", admin).await;
    if let Some(task) = uplink_task {
        join("uplink", task).await;
    }
    join("table changes", changing).await;
    while let Some(ended) = tasks.join_next().await {
        report("a task of the office", ended);
    }
    Ok(())
}

/// Runs `work` until it ends or is stopped. `work` must bear being dropped at any await.
async fn until(stop: CancellationToken, work: impl Future<Output = ()>) {
    // Cancel-safe: what is dropped is done with.
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

async fn join(name: &str, task: JoinHandle<()>) {
    report(name, task.await);
}

fn report(name: &str, ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        log::error!("task `{name}` failed: {error}");
    }
}

/// Writes to the passage log what became of the speed of a bus.
async fn record_bus_jobs(mut jobs: mpsc::Receiver<BusJob>, store: Store, clock: Arc<Clock>) {
    let (events, _acks) = store.event_sink();
    while let Some(job) = jobs.recv().await {
        let view = store.view();
        let revision = view.revision().unwrap_or_default();
        let now = clock.now();
        let mut event = Event::new(EventKind::BusSpeedChanged, now.wall, now.trust, revision);
        event.reader = reader_of_job(&job);
        if let Some(reader) = &event.reader {
            event.door = view.door_of_reader(reader).unwrap_or_default();
        }
        event.actor = Some(job.actor.clone());
        event.note = Some(speed_note(&job));
        events.append(0, event);
    }
}

/// The reader that the speed of a bus depended on: the one that refused a higher one, or the only one.
fn reader_of_job(job: &BusJob) -> Option<DeviceName> {
    let refused = job.speeds.iter().find(|speed| speed.refusal.is_some());
    let only = match job.speeds.as_slice() {
        [only] => Some(only),
        _ => None,
    };
    refused.or(only).map(|speed| speed.name.clone())
}

fn speed_note(job: &BusJob) -> String {
    let bus = &job.bus;
    let refused = job.speeds.iter().find(|speed| speed.refusal.is_some());
    let mut note = match job.baud {
        Some(baud) => format!("bus {bus}: all readers at {baud} baud"),
        None => format!("bus {bus}: readers at different speeds"),
    };
    if let Some(reader) = refused {
        let rate = reader.refused_baud.unwrap_or_default();
        let more = format!("; {} does not take {rate}", reader.name);
        note.push_str(&more);
    }
    note.chars().take(NOTE_MAX).collect()
}

/// Puts plans in force that were activated at their doors.
async fn activate_plans(
    mut activations: mpsc::Receiver<PlanActivation>,
    changes: TableChanges,
    clock: Arc<Clock>,
) {
    while let Some(PlanActivation { door, plan, user }) = activations.recv().await {
        let operator = Operator::AtDoor { user, door };
        let made = match authorise(&operator, Action::ActivatePlans) {
            Ok(permit) => {
                let plan = Plan::ActivatePlan {
                    door,
                    expected: Some(plan),
                };
                let at = clock.now().wall;
                let made = changes.make(permit, plan, None, at, "at the door").await;
                made.map(drop).map_err(|error| error.to_string())
            }
            Err(refusal) => Err(refusal.to_string()),
        };
        // Whoever shows a credential there again tries again.
        if let Err(error) = made {
            log::warn!("the pending plan of door {door} is not activated: {error}");
        }
    }
}

/// Raises and ends the storage alarm.
async fn mind_storage(mut health: watch::Receiver<StoreHealth>, alarms: mpsc::Sender<AlarmChange>) {
    loop {
        let fails = match &*health.borrow_and_update() {
            StoreHealth::Ok => false,
            StoreHealth::Failing {
                error,
                waiting,
                lost,
                ..
            } => {
                log::error!(waiting = *waiting, lost = *lost; "storage fails: {error}");
                true
            }
        };
        tell(&alarms, AlarmKind::StorageFailing, fails).await;
        if health.changed().await.is_err() {
            return;
        }
    }
}

/// Raises and ends the uplink alarm, and shows how the uplink stands.
async fn mind_uplink(
    broker: String,
    mut status: watch::Receiver<uplink::UplinkStatus>,
    newest: watch::Receiver<u64>,
    shown: watch::Sender<UplinkStatus>,
    alarms: mpsc::Sender<AlarmChange>,
) {
    loop {
        let is_down = {
            let status = status.borrow_and_update();
            let (state, problem) = match &status.connection {
                Connection::Up { .. } => (UplinkState::Connected, None),
                Connection::Down { reason, .. } => {
                    (UplinkState::Disconnected, Some(reason.clone()))
                }
            };
            shown.send_replace(UplinkStatus {
                state,
                broker: Some(broker.clone()),
                problem,
                acknowledged_event: newest.borrow().saturating_sub(status.backlog),
            });
            status.down
        };
        tell(&alarms, AlarmKind::UplinkDown, is_down).await;
        if status.changed().await.is_err() {
            return;
        }
    }
}

async fn tell(alarms: &mpsc::Sender<AlarmChange>, kind: AlarmKind, is_present: bool) {
    let condition = if is_present {
        Condition::Present
    } else {
        Condition::Gone
    };
    // An error says that the doors have stopped.
    let _ = alarms
        .send(AlarmChange {
            kind,
            subject: AlarmSubject::Appliance,
            condition,
        })
        .await;
}

/// Looks now and then whether wall time may be believed; the controller hears of it with the time.
async fn mind_clock(clock: Arc<Clock>) {
    let mut interval = tokio::time::interval(TRUST_CHECK_INTERVAL);
    loop {
        interval.tick().await;
        clock.check_trust();
    }
}
