use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use doorward_api::{ApiInfo, LiveSnapshot, ProblemKind, UplinkStatus};
use doorward_core::decide::Policy;
use doorward_core::time::Wall;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::limits::{CONNECTIONS_MAX, STREAMS_MAX, Times};
use super::refused::Refused;
use crate::change::{ChangeError, TableChanges};
use crate::clock::Clock;
use crate::config::PlanRule;
use crate::doors::{DoorsError, DoorsHandle};
use crate::keys::ReaderKeys;
use crate::readers::{BusRefusal, Buses, CardReader};
use crate::store::{Store, StoreError, TableView};
use crate::vault::Jobs;
use doorward_core::controller::CommandError;

/// What the API is the window to.
#[derive(Clone)]
pub struct Office {
    /// The site's name.
    pub site: String,
    /// The table and the logs.
    pub store: Store,
    /// The doors.
    pub doors: DoorsHandle,
    /// Whoever changes the table.
    pub changes: TableChanges,
    /// Whoever keeps the readers' keys.
    pub keys: ReaderKeys,
    /// The OSDP buses.
    pub buses: Buses,
    /// The clock.
    pub clock: Arc<Clock>,
    /// What the site has chosen where a rule leaves a choice.
    pub policy: Policy,
    /// Where pending plans may be activated.
    pub activate_plans: PlanRule,
    /// How cards are read.
    pub cards: Arc<CardReader>,
    /// The way to headquarters.
    pub uplink: watch::Receiver<UplinkStatus>,
    /// Checks and backups.
    pub vault: Jobs,
}

impl fmt::Debug for Office {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Office")
            .field("site", &self.site)
            .finish_non_exhaustive()
    }
}

/// What every handler has in reach.
#[derive(Debug, Clone)]
pub(super) struct Desk(Arc<DeskState>);

#[derive(Debug)]
pub(super) struct DeskState {
    pub(super) office: Office,
    pub(super) times: Times,
    pub(super) stop: CancellationToken,
    pub(super) openapi: axum::body::Bytes,
    started: Instant,
    connections: Arc<AtomicU32>,
    streams: Arc<AtomicU32>,
}

impl std::ops::Deref for Desk {
    type Target = DeskState;

    fn deref(&self) -> &DeskState {
        &self.0
    }
}

impl Desk {
    pub(super) fn new(
        office: Office,
        times: Times,
        stop: CancellationToken,
        openapi: axum::body::Bytes,
    ) -> Self {
        Self(Arc::new(DeskState {
            office,
            times,
            stop,
            openapi,
            started: Instant::now(),
            connections: Arc::default(),
            streams: Arc::default(),
        }))
    }
}

impl DeskState {
    /// Reads the table, away from the runtime's threads: a cold page comes from the disk.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&TableView) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let view = self.office.store.view();
        blocking(move || read(&view)).await
    }

    /// Reads the logs, away from the runtime's threads.
    pub(super) async fn read_log<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let store = self.office.store.clone();
        blocking(move || read(&store)).await
    }

    pub(super) fn now(&self) -> Wall {
        self.office.clock.now().wall
    }

    pub(super) fn uptime_s(&self) -> u64 {
        self.started.elapsed().as_secs()
    }

    /// Counts a connection for as long as the returned value lives.
    pub(super) fn count_connection(&self) -> Counted {
        Counted::new(&self.connections)
    }

    /// Counts a stream, unless there are too many.
    pub(super) fn count_stream(&self) -> Result<Counted, Refused> {
        let counted = Counted::new(&self.streams);
        if counted.0.load(Ordering::Relaxed) as usize > STREAMS_MAX {
            let detail = format!("{STREAMS_MAX} streams are open already; close one, or try again");
            return Err(Refused::new(ProblemKind::Busy, detail));
        }
        Ok(counted)
    }

    pub(super) fn api_info(&self) -> ApiInfo {
        ApiInfo {
            connections: self.connections.load(Ordering::Relaxed),
            connections_max: u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX),
            streams: self.streams.load(Ordering::Relaxed),
            streams_max: u32::try_from(STREAMS_MAX).unwrap_or(u32::MAX),
        }
    }

    pub(super) fn live_snapshot(&self) -> LiveSnapshot {
        let live = self.office.doors.live();
        LiveSnapshot {
            doors: live.doors.into_values().collect(),
            readers: live.readers.into_values().collect(),
            boards: live.boards.into_values().collect(),
            alarms: live.alarms.into_values().collect(),
        }
    }
}

/// One of a counted kind; no longer counted once dropped.
#[derive(Debug)]
pub(super) struct Counted(Arc<AtomicU32>);

impl Counted {
    fn new(count: &Arc<AtomicU32>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refused> + Send + 'static,
) -> Result<T, Refused> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Refused::new(ProblemKind::Unavailable, "the daemon is stopping"))?
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::Busy { .. } => ProblemKind::Busy,
            StoreError::Stopped | StoreError::Storage { .. } => ProblemKind::Unavailable,
            StoreError::Conflict { .. } => ProblemKind::RevisionChanged,
            StoreError::TooLarge { .. } | StoreError::TooMany { .. } => ProblemKind::Invalid,
            StoreError::IdsUsedUp { .. } => ProblemKind::Conflict,
            StoreError::WrongPermit { .. } => ProblemKind::Forbidden,
            _ => return Self::internal(&error),
        };
        Self::new(kind, error.to_string())
    }
}

impl From<ChangeError> for Refused {
    fn from(error: ChangeError) -> Self {
        let kind = match error {
            ChangeError::Busy => ProblemKind::Busy,
            ChangeError::Stopped | ChangeError::NotInForce { .. } => ProblemKind::Unavailable,
            ChangeError::NotFound(_) => ProblemKind::NotFound,
            ChangeError::Stale { .. } => ProblemKind::RevisionChanged,
            ChangeError::Invalid(problems) => return Self::fields(problems.0),
            ChangeError::InUse(problems) => return Self::in_use(&problems),
            ChangeError::Store(error) => return error.into(),
        };
        Self::new(kind, error.to_string())
    }
}

impl From<BusRefusal> for Refused {
    fn from(error: BusRefusal) -> Self {
        let kind = match error {
            BusRefusal::Unknown(_) => ProblemKind::NotFound,
            BusRefusal::JobRuns(_) | BusRefusal::Offline(_) => ProblemKind::Conflict,
            BusRefusal::Busy(_) => ProblemKind::Busy,
            BusRefusal::PortFails(_) | BusRefusal::Stopped => ProblemKind::Unavailable,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<DoorsError> for Refused {
    fn from(error: DoorsError) -> Self {
        let kind = match error {
            DoorsError::Busy => ProblemKind::Busy,
            DoorsError::Stopped => ProblemKind::Unavailable,
            DoorsError::Refused(CommandError::DoorUnknown) => ProblemKind::NotFound,
            DoorsError::Refused(CommandError::RelayUnavailable) => ProblemKind::Unavailable,
            DoorsError::Refused(CommandError::DoorLocked) => ProblemKind::Conflict,
        };
        Self::new(kind, error.to_string())
    }
}
