//! What the store's thread shares with everybody who reads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use doorward_core::model::{Kind, RecordRef};
use doorward_core::pin::PinKey;
use doorward_core::schedule::Calendars;
use doorward_core::time::Mono;
use tokio::sync::{Notify, watch};

use super::database::Trees;
use super::failure::Failure;
use super::health::StoreHealth;
use super::kept::Waiting;
use super::{StoreError, rows, table};

/// Shared by the store's handles, views and thread.
#[derive(Debug)]
pub(super) struct Shared {
    /// `None` while the database is being opened anew, and after the store has stopped.
    trees: RwLock<Option<Trees>>,
    pub(super) durable_seq: watch::Sender<u64>,
    pub(super) health: watch::Sender<StoreHealth>,
    /// How many persons are being erased.
    pub(super) erasing: watch::Sender<usize>,
    /// Cursors that were moved and are not durable yet.
    cursors: Mutex<BTreeMap<String, u64>>,
    pub(super) cursors_moved: Notify,
    /// States that were kept and are not durable yet.
    kept: Mutex<Waiting>,
    next_ids: [AtomicU32; rows::KINDS.len()],
    /// Time zones that schedules were read in.
    /// Under which the prints of PINs are made.
    pub(super) pin_key: PinKey,
    pub(super) calendars: Mutex<Calendars>,
    /// When the store's thread began to wait for the disk, in microseconds and at least 1;
    /// 0 while it does not.
    waiting_since: AtomicU64,
    opened: Instant,
}

impl Shared {
    pub(super) fn new(trees: Trees, durable_seq: u64, pin_key: PinKey) -> Result<Self, StoreError> {
        let mut next_ids = [const { AtomicU32::new(1) }; rows::KINDS.len()];
        for (next, kind) in next_ids.iter_mut().zip(rows::KINDS) {
            *next.get_mut() = table::next_id(&trees.table, kind)?;
        }
        Ok(Self {
            trees: RwLock::new(Some(trees)),
            durable_seq: watch::channel(durable_seq).0,
            health: watch::channel(StoreHealth::Ok).0,
            erasing: watch::channel(0).0,
            cursors: Mutex::default(),
            cursors_moved: Notify::new(),
            kept: Mutex::default(),
            next_ids,
            pin_key,
            calendars: Mutex::default(),
            waiting_since: AtomicU64::new(0),
            opened: Instant::now(),
        })
    }

    /// Reads from the trees. None of them leaves `read`: the store's thread must be able to close
    /// the database.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Trees) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match &*self.trees.read().unwrap_or_else(PoisonError::into_inner) {
            Some(trees) => read(trees),
            None => Err(StoreError::Storage {
                what: "the database is being opened anew".to_owned(),
            }),
        }
    }

    /// Puts other trees, or none, in the readers' reach.
    pub(super) fn replace(&self, trees: Option<Trees>) {
        *self.trees.write().unwrap_or_else(PoisonError::into_inner) = trees;
    }

    /// The next free id of a kind. What is given out is not given out again while the store is
    /// open, nor ever once a record of it was committed.
    pub(super) fn next_id(&self, kind: Kind) -> Result<u32, StoreError> {
        let at = rows::KINDS.iter().position(|other| *other == kind);
        at.and_then(|at| {
            self.next_ids[at]
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |id| id.checked_add(1))
                .ok()
        })
        .ok_or(StoreError::IdsUsedUp { kind })
    }

    /// Ids up to that of `reference` are taken.
    pub(super) fn id_taken(&self, reference: RecordRef) {
        let at = rows::KINDS
            .iter()
            .position(|kind| *kind == reference.kind());
        if let (Some(at), Some(id)) = (at, rows::number(reference)) {
            self.next_ids[at].fetch_max(id.saturating_add(1), Ordering::Relaxed);
        }
    }

    pub(super) fn cursors(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn kept(&self) -> MutexGuard<'_, Waiting> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whoever listens that storage works.
    pub(super) fn publish_ok(&self) {
        self.health.send_if_modified(|health| {
            let changed = *health != StoreHealth::Ok;
            *health = StoreHealth::Ok;
            changed
        });
    }

    /// Tells whoever listens that storage fails.
    pub(super) fn publish_failing(&self, failure: &Failure, waiting: usize, lost: u64) {
        self.health.send_replace(StoreHealth::Failing {
            since: failure.since,
            error: failure.error.clone(),
            waiting,
            lost,
        });
    }

    /// Tells whoever listens that the disk is full, and what is left is for events.
    pub(super) fn publish_short(&self, says: &str) {
        let now = self.now();
        self.health.send_if_modified(|health| {
            let since = match health {
                StoreHealth::Failing { error, .. } if error == says => return false,
                StoreHealth::Failing { since, .. } => *since,
                StoreHealth::Ok => now,
            };
            *health = StoreHealth::Failing {
                since,
                error: says.to_owned(),
                waiting: 0,
                lost: 0,
            };
            true
        });
    }

    /// Tells whoever listens that the disk does not answer, unless they know of a failure.
    pub(super) fn publish_stalled(&self, waiting_us: u64) {
        let since = Mono(self.now().0.saturating_sub(waiting_us));
        self.health.send_if_modified(|health| {
            let news = *health == StoreHealth::Ok;
            if news {
                *health = StoreHealth::Failing {
                    since,
                    error: format!("the disk has not answered for {} ms", waiting_us / 1000),
                    waiting: 0,
                    lost: 0,
                };
            }
            news
        });
    }

    /// Time since the store was opened.
    pub(super) fn now(&self) -> Mono {
        let us = u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX);
        Mono(us.max(1))
    }

    /// Runs `wait`, which waits for the disk, under the eye of the watching thread.
    pub(super) fn watched<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.waiting_since.store(self.now().0, Ordering::Release);
        let result = wait();
        self.waiting_since.store(0, Ordering::Release);
        result
    }

    /// How long the store's thread has been waiting for the disk, in microseconds.
    pub(super) fn waiting_us(&self) -> u64 {
        match self.waiting_since.load(Ordering::Acquire) {
            0 => 0,
            since => self.now().since_us(Mono(since)),
        }
    }
}
