//! How the office reaches the doors: bounded requests in, live state out.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

pub use doorward_api::{Alarm, BoardStatus, Live, ReaderStatus};
use doorward_core::alarm::{AlarmKind, AlarmSubject};
use doorward_core::card::CardRead;
use doorward_core::controller::{CommandError, DoorCommand, DoorStatus, Forgiven, LearnError};
use doorward_core::decide::SiteMap;
use doorward_core::ids::{Actor, AreaId, DeviceName, DoorId, UserId};
use doorward_core::model::TableDelta;
use doorward_core::time::Wall;
use tokio::sync::{broadcast, mpsc, oneshot};

/// Requests that may wait for the doors; more are refused.
pub(super) const REQUESTS_MAX: usize = 64;

/// Live changes that a slow listener may lag behind before it misses some.
pub(super) const LIVE_LAG_MAX: usize = 1024;

/// What the office asks of the doors.
#[derive(Debug)]
pub enum DoorsRequest {
    /// Take a committed change of the table into the access index.
    Apply {
        /// The change.
        delta: TableDelta,
        /// Who made it.
        actor: Actor,
        /// Told once it is in force.
        done: oneshot::Sender<()>,
    },
    /// Forgive: whoever it is is let in as if nobody knew where they are.
    Forgive {
        /// Whom.
        whom: Forgiven,
        /// Who forgives.
        actor: Actor,
        /// Told once it is done.
        done: oneshot::Sender<Result<(), CommandError>>,
    },
    /// Learn the next card that is shown at a reader.
    Learn {
        /// Which.
        reader: DeviceName,
        /// Who learns.
        actor: Actor,
        /// Told the card.
        done: oneshot::Sender<Result<CardRead, LearnError>>,
    },
    /// Tell what the rules would see of the site.
    Site {
        /// At this door.
        door: DoorId,
        /// For this user.
        user: Option<UserId>,
        /// Told it.
        done: oneshot::Sender<SiteMap>,
    },
    /// Tell who is inside an area.
    People {
        /// Which.
        area: AreaId,
        /// From the first behind this user.
        after: Option<UserId>,
        /// At most so many.
        limit: usize,
        /// Told them, and since when.
        done: oneshot::Sender<Vec<(UserId, Wall)>>,
    },
    /// Operate a door.
    Command {
        /// Which.
        door: DoorId,
        /// How.
        command: DoorCommand,
        /// Who.
        actor: Actor,
        /// Told once it is carried out or refused.
        done: oneshot::Sender<Result<(), CommandError>>,
    },
}

/// Why a request did not reach the doors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DoorsError {
    /// Too many requests wait; try again.
    #[error("the doors have {REQUESTS_MAX} requests waiting")]
    Busy,
    /// The doors are being stopped.
    #[error("the doors are being stopped")]
    Stopped,
    /// The door refused.
    #[error(transparent)]
    Refused(#[from] CommandError),
}

/// The live state of the whole site, as last told by the doors.
#[derive(Debug, Clone, Default)]
pub struct LiveSite {
    /// Doors by id.
    pub doors: BTreeMap<DoorId, DoorStatus>,
    /// Readers by name.
    pub readers: BTreeMap<DeviceName, ReaderStatus>,
    /// Relay boards by name.
    pub boards: BTreeMap<DeviceName, BoardStatus>,
    /// Alarms whose condition holds.
    pub alarms: BTreeMap<(AlarmKind, AlarmSubject), Alarm>,
}

/// The office's end. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DoorsHandle {
    requests: mpsc::Sender<DoorsRequest>,
    live: Arc<RwLock<LiveSite>>,
    changes: broadcast::Sender<Live>,
}

impl DoorsHandle {
    /// A handle, and the doors' end of its queue.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<DoorsRequest>) {
        let (requests, inbox) = mpsc::channel(REQUESTS_MAX);
        let (changes, _) = broadcast::channel(LIVE_LAG_MAX);
        (
            Self {
                requests,
                live: Arc::default(),
                changes,
            },
            inbox,
        )
    }

    /// Brings a change that `actor` made into force at the doors. Returns once it is.
    ///
    /// Waits for a place in the queue: a committed change must not be refused.
    pub async fn apply(&self, delta: TableDelta, actor: Actor) -> Result<(), DoorsError> {
        let (done, applied) = oneshot::channel();
        let request = DoorsRequest::Apply { delta, actor, done };
        self.requests
            .send(request)
            .await
            .map_err(|_| DoorsError::Stopped)?;
        applied.await.map_err(|_| DoorsError::Stopped)
    }

    /// Operates a door. Returns once the relay is driven or the command refused.
    pub async fn command(
        &self,
        door: DoorId,
        command: DoorCommand,
        actor: Actor,
    ) -> Result<(), DoorsError> {
        let (done, result) = oneshot::channel();
        let request = DoorsRequest::Command {
            door,
            command,
            actor,
            done,
        };
        self.requests
            .try_send(request)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => DoorsError::Busy,
                mpsc::error::TrySendError::Closed(_) => DoorsError::Stopped,
            })?;
        Ok(result.await.map_err(|_| DoorsError::Stopped)??)
    }

    /// Forgives. Returns once it is done.
    pub async fn forgive(&self, whom: Forgiven, actor: Actor) -> Result<(), DoorsError> {
        let (done, result) = oneshot::channel();
        self.ask(DoorsRequest::Forgive { whom, actor, done })?;
        Ok(result.await.map_err(|_| DoorsError::Stopped)??)
    }

    /// Learns the next card that is shown at a reader. Returns once one is, or none was in time.
    pub async fn learn(
        &self,
        reader: DeviceName,
        actor: Actor,
    ) -> Result<Result<CardRead, LearnError>, DoorsError> {
        let (done, result) = oneshot::channel();
        self.ask(DoorsRequest::Learn {
            reader,
            actor,
            done,
        })?;
        result.await.map_err(|_| DoorsError::Stopped)
    }

    /// What the rules would see of the site for a user at a door.
    pub async fn site(&self, door: DoorId, user: Option<UserId>) -> Result<SiteMap, DoorsError> {
        let (done, result) = oneshot::channel();
        self.ask(DoorsRequest::Site { door, user, done })?;
        result.await.map_err(|_| DoorsError::Stopped)
    }

    /// At most `limit` of those inside an area, in the order of their numbers, and since when.
    pub async fn people(
        &self,
        area: AreaId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<(UserId, Wall)>, DoorsError> {
        let (done, result) = oneshot::channel();
        self.ask(DoorsRequest::People {
            area,
            after,
            limit,
            done,
        })?;
        result.await.map_err(|_| DoorsError::Stopped)
    }

    fn ask(&self, request: DoorsRequest) -> Result<(), DoorsError> {
        self.requests
            .try_send(request)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => DoorsError::Busy,
                mpsc::error::TrySendError::Closed(_) => DoorsError::Stopped,
            })
    }

    /// The live state as of now.
    #[must_use]
    pub fn live(&self) -> LiveSite {
        self.live
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Live changes from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Live> {
        self.changes.subscribe()
    }

    /// Publishes a live change: updates the state, then tells the listeners.
    pub fn publish(&self, change: Live) {
        {
            let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
            match change.clone() {
                Live::Door(door) => drop(live.doors.insert(door.door, door)),
                Live::DoorRemoved(door) => drop(live.doors.remove(&door)),
                Live::Reader(reader) => drop(live.readers.insert(reader.name.clone(), reader)),
                Live::Board(board) => drop(live.boards.insert(board.name.clone(), board)),
                Live::AlarmRaised(alarm) => {
                    drop(
                        live.alarms
                            .insert((alarm.kind, alarm.subject.clone()), alarm),
                    );
                }
                Live::AlarmCleared(alarm) => {
                    live.alarms.remove(&(alarm.kind, alarm.subject));
                }
            }
        }
        // An error only says that nobody listens.
        let _ = self.changes.send(change);
    }
}
