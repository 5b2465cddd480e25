//! Takes personal data out of the logs: of persons who are erased, and of passages older than their
//! place keeps them. The rows stay, and so do the chains.
//!
//! In the background, on the store's thread, in steps of at most [`ROWS_READ_MAX`] rows with a pause
//! between them: an event waits for one step at most. A request to erase is durable before it is
//! answered and goes on after a restart; how far retention has come is kept by door.

mod erasure;
mod retention;

use std::collections::VecDeque;
use std::time::Duration;

use doorward_core::ids::{Actor, UserId};
use doorward_core::time::Wall;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::database::Trees;
use super::packed::Packed;
use super::snapshot::Snapshot;
use super::thread::Worker;
use super::{Store, StoreError};
use crate::permit::{Action, Permit};
use erasure::Erasure;
use retention::Retention;
pub use retention::RetentionRule;

/// Rows read in one step.
const ROWS_READ_MAX: usize = 256;

/// Rows written in one step.
const ROWS_WRITTEN_MAX: usize = 32;

/// Between two steps.
const PAUSE_MS: u64 = 5;

/// Before a step that failed is tried again.
const RETRY_MS: u64 = 10_000;

/// Persons who may wait to be erased; more are refused.
pub const ERASURES_WAITING_MAX: usize = 1024;

/// Orders that may wait for the store's thread; more are refused.
pub(super) const ORDERS_QUEUED_MAX: usize = 64;

/// What the store's thread is asked for beside events and changes.
#[derive(Debug)]
pub(super) enum Order {
    /// To erase a person.
    Erase(EraseRequest),
    /// To erase what is older than its place keeps it.
    Retain(RetentionRule),
    /// To be read in peace.
    Snapshot(oneshot::Sender<Result<Snapshot, StoreError>>),
}

/// A person who is to be erased.
#[derive(Debug)]
pub(super) struct EraseRequest {
    pub(super) actor: Actor,
    pub(super) at: Wall,
    pub(super) user: UserId,
    /// Names of states of theirs.
    pub(super) kept: Vec<String>,
    pub(super) done: oneshot::Sender<Result<(), StoreError>>,
}

/// What is left to do.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    erasures: VecDeque<Erasure>,
    retention: Option<Retention>,
    /// When the next step is due; `None` while there is nothing to do.
    due: Option<Instant>,
}

/// How far a step came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    More,
    Done,
}

/// How much more one step may do.
#[derive(Debug)]
struct Budget {
    read: usize,
    written: usize,
}

impl Budget {
    const fn of_a_step() -> Self {
        Self {
            read: ROWS_READ_MAX,
            written: ROWS_WRITTEN_MAX,
        }
    }

    fn is_spent(&self) -> bool {
        self.read == 0 || self.written == 0
    }
}

impl Sweep {
    /// Goes on with what was asked for before the store was closed.
    pub(super) fn open(table: &Packed) -> Result<Self, StoreError> {
        let erasures = Erasure::waiting(table)?;
        let due = (!erasures.is_empty()).then(Instant::now);
        Ok(Self {
            erasures,
            retention: None,
            due,
        })
    }

    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Persons who are being erased.
    fn erasing(&self) -> usize {
        self.erasures.len()
    }

    fn step(&mut self, trees: &Trees, durable: u64) -> Result<Step, StoreError> {
        let mut budget = Budget::of_a_step();
        if let Some(erasure) = self.erasures.front_mut() {
            if erasure.step(trees, durable, &mut budget)? == Step::Done {
                self.erasures.pop_front();
            }
        } else if let Some(retention) = &mut self.retention
            && retention.step(trees, durable, &mut budget)? == Step::Done
        {
            self.retention = None;
        }
        let is_idle = self.erasures.is_empty() && self.retention.is_none();
        Ok(if is_idle { Step::Done } else { Step::More })
    }
}

impl Worker {
    pub(super) fn order(&mut self, order: Order) {
        match order {
            Order::Snapshot(done) => {
                let begun = self.begin_snapshot();
                let _ = done.send(begun);
                return;
            }
            Order::Erase(request) => {
                let begun = self.begin_erasure(&request);
                let _ = request.done.send(begun);
            }
            Order::Retain(rule) => {
                if let Some(database) = &self.database
                    && self.sweep.retention.is_none()
                {
                    match Retention::plan(&database.trees, &rule) {
                        Ok(retention) => self.sweep.retention = Some(retention),
                        Err(error) => log::error!("old passages keep their names: {error}"),
                    }
                }
            }
        }
        self.sweep.due.get_or_insert_with(Instant::now);
    }

    fn begin_erasure(&mut self, request: &EraseRequest) -> Result<(), StoreError> {
        if let Some(failure) = &self.failure {
            return Err(failure.to_error());
        }
        if self.sweep.erasing() >= ERASURES_WAITING_MAX {
            return Err(StoreError::Busy {
                max: ERASURES_WAITING_MAX,
            });
        }
        let database = self.database.as_ref().ok_or(StoreError::Stopped)?;
        let erasure = Erasure::begin(&database.trees, request)?;
        let written = self.write_and_sync();
        self.settle(written);
        if let Some(failure) = &self.failure {
            return Err(failure.to_error());
        }
        if self
            .sweep
            .erasures
            .iter()
            .all(|other| other.user() != request.user)
        {
            self.sweep.erasures.push_back(erasure);
        }
        self.shared.erasing.send_replace(self.sweep.erasing());
        Ok(())
    }

    /// Does a bounded piece of what is left.
    pub(super) fn sweep(&mut self) {
        let Some(database) = &self.database else {
            return;
        };
        let durable = *self.shared.durable_seq.borrow();
        let pause = match self.sweep.step(&database.trees, durable) {
            Ok(Step::More) => Some(PAUSE_MS),
            Ok(Step::Done) => None,
            Err(error) => {
                log::error!("personal data is not erased, tried again later: {error}");
                Some(RETRY_MS)
            }
        };
        self.sweep.due = pause.map(|ms| Instant::now() + Duration::from_millis(ms));
        self.shared.erasing.send_replace(self.sweep.erasing());
        // Durable with the next event, or soon.
        self.cursors_due
            .get_or_insert_with(|| Instant::now() + super::thread::CURSORS_DURABLE);
    }
}

impl Store {
    /// Erases a person who is no longer in the table from both logs, the history of alarms and the
    /// states named in `kept`. Returns once that is durable: the logs follow in the background, also
    /// after a restart. It cannot be undone.
    pub async fn erase(
        &self,
        permit: &Permit,
        user: UserId,
        kept: Vec<String>,
        at: Wall,
    ) -> Result<(), StoreError> {
        if permit.action() != Action::ErasePerson {
            return Err(StoreError::WrongPermit {
                found: permit.action(),
            });
        }
        let (done, begun) = oneshot::channel();
        self.send_order(Order::Erase(EraseRequest {
            actor: permit.actor().clone(),
            at,
            user,
            kept,
            done,
        }))?;
        begun.await.map_err(|_| StoreError::Stopped)?
    }

    /// Has names taken out of passages that are older than their place keeps them.
    pub fn retain(&self, rule: RetentionRule) -> Result<(), StoreError> {
        self.send_order(Order::Retain(rule))
    }

    /// How many persons are being erased.
    #[must_use]
    pub fn erasing(&self) -> tokio::sync::watch::Receiver<usize> {
        self.shared.erasing.subscribe()
    }
}
