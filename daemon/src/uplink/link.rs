//! Keeps a connection to the broker up for ever, and tells how it stands.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use doorward_core::ids::DoorId;
use doorward_core::time::Wall;
use rumqttc::v5::mqttbytes::v5::PubAckReason;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Broker;
use super::backoff::Backoff;
use super::message::Topics;
use super::outbox::Outbox;
use super::session::{self, SessionError};
use crate::clock::Clock;
use crate::doors::DoorsHandle;
use crate::store::StoreError;

/// How long the uplink may be down before the alarm.
pub const ALARM_AFTER: Duration = Duration::from_secs(60);
/// A connection that stood this long begins the waits anew when it is lost.
const STOOD: Duration = Duration::from_secs(60);
/// How often the status is brought up to date.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// How the uplink stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UplinkStatus {
    /// The connection.
    pub connection: Connection,
    /// Events that the broker has not taken over yet.
    pub backlog: u64,
    /// The broker took the latest event and has nobody to give it to.
    pub unheard: bool,
    /// The alarm's condition holds: for [`ALARM_AFTER`] events waited and none got through, or
    /// there was no connection.
    pub down: bool,
}

/// The connection to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// It stands.
    Up {
        /// Since when.
        since: Wall,
    },
    /// It does not.
    Down {
        /// Since when.
        since: Wall,
        /// Why the last attempt failed.
        reason: String,
    },
}

/// Everything that outlives one connection.
pub(super) struct Link<O> {
    pub(super) broker: Broker,
    pub(super) outbox: Arc<O>,
    pub(super) doors: DoorsHandle,
    clock: Arc<Clock>,
    pub(super) shutdown: CancellationToken,
    pub(super) topics: Topics,
    /// The newest event up to which the broker has taken all over.
    pub(super) acknowledged: AtomicU64,
    /// Doors whose state the broker may retain. One that is gone stays: taking its state away may
    /// have failed, and doing it again costs little.
    doors_sent: Mutex<BTreeSet<DoorId>>,
    state_refusal_told: AtomicBool,
    status: watch::Sender<UplinkStatus>,
}

impl<O: Outbox> Link<O> {
    pub(super) fn new(
        broker: Broker,
        outbox: Arc<O>,
        doors: DoorsHandle,
        clock: Arc<Clock>,
        shutdown: CancellationToken,
    ) -> (Self, watch::Receiver<UplinkStatus>) {
        let (status, receiver) = watch::channel(UplinkStatus {
            connection: Connection::Down {
                since: clock.now().wall,
                reason: "not connected yet".to_owned(),
            },
            backlog: 0,
            unheard: false,
            down: false,
        });
        let link = Self {
            topics: Topics::new(&broker.config.topic_prefix),
            broker,
            outbox,
            doors,
            clock,
            shutdown,
            acknowledged: AtomicU64::new(0),
            doors_sent: Mutex::default(),
            state_refusal_told: AtomicBool::new(false),
            status,
        };
        (link, receiver)
    }

    pub(super) fn wall(&self) -> Wall {
        self.clock.now().wall
    }

    /// Works until the shutdown.
    pub(super) async fn run(self) {
        if self.broker.tls.is_none() {
            let host = &self.broker.config.host;
            log::warn!("uplink: no TLS to `{host}`: events and passwords can be read on the way");
        }
        // The report only reads; dropping it with the end of the work loses nothing.
        tokio::select! {
            () = self.keep_connected() => {}
            () = self.report() => {}
        }
        log::info!("uplink: stopped");
    }

    async fn keep_connected(&self) {
        let mut backoff = Backoff::default();
        let mut cursor_known = false;
        loop {
            let began = Instant::now();
            let before = self.acknowledged.load(Ordering::Relaxed);
            let ended = self.attempt(&mut cursor_known).await;
            let Err(error) = ended else { return };
            if self.shutdown.is_cancelled() {
                log::warn!(
                    "uplink: stopped without leave of the broker: {}",
                    chain(&error)
                );
                return;
            }
            self.lost(&error);
            let progress = self.acknowledged.load(Ordering::Relaxed) != before;
            if progress || began.elapsed() >= STOOD {
                backoff.reset();
            }
            let wait = backoff.after_failure(random_u32());
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.shutdown.cancelled() => return,
            }
        }
    }

    async fn attempt(&self, cursor_known: &mut bool) -> Result<(), SessionError> {
        if !*cursor_known {
            self.read_cursor().await?;
            *cursor_known = true;
        }
        let connection = u64::from(random_u32()) << 32 | u64::from(random_u32());
        session::run(self, connection).await
    }

    async fn read_cursor(&self) -> Result<(), SessionError> {
        let outbox = Arc::clone(&self.outbox);
        let read = move || -> Result<(u64, u64), StoreError> {
            let cursor = outbox.cursor()?;
            Ok((cursor, *outbox.newest().borrow()))
        };
        let (cursor, newest) = tokio::task::spawn_blocking(read)
            .await
            .map_err(|_| SessionError::Interrupted)??;
        if cursor > newest {
            // Waiting for the log to catch up would lose those events without a word.
            log::error!("uplink: the cursor stands at {cursor}, the newest event is {newest}");
        }
        self.acknowledged
            .store(cursor.min(newest), Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn connected(&self) {
        let config = &self.broker.config;
        log::info!("uplink: connected to `{}:{}`", config.host, config.port);
        self.state_refusal_told.store(false, Ordering::Relaxed);
        self.status.send_modify(|status| {
            status.connection = Connection::Up { since: self.wall() };
        });
    }

    fn lost(&self, error: &SessionError) {
        let now_reason = chain(error);
        let config = &self.broker.config;
        self.status.send_modify(|status| {
            let since = match &mut status.connection {
                Connection::Down { since, reason } => {
                    if *reason != now_reason {
                        log::warn!("uplink: `{}:{}`: {now_reason}", config.host, config.port);
                    }
                    *since
                }
                Connection::Up { .. } => {
                    log::warn!(
                        "uplink: lost `{}:{}`: {now_reason}",
                        config.host,
                        config.port
                    );
                    self.wall()
                }
            };
            status.connection = Connection::Down {
                since,
                reason: now_reason,
            };
        });
    }

    /// The broker has taken over every event up to `seq`.
    pub(super) fn acknowledge(&self, seq: u64) {
        if self.acknowledged.swap(seq, Ordering::Relaxed) != seq {
            self.outbox.advance_cursor(seq);
        }
    }

    pub(super) fn doors_sent(&self) -> MutexGuard<'_, BTreeSet<DoorId>> {
        self.doors_sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note whether the broker had somebody to give an event to.
    pub(super) fn heard(&self, heard: bool) {
        let changed = self
            .status
            .send_if_modified(|status| std::mem::replace(&mut status.unheard, !heard) == heard);
        if changed && !heard {
            let topic = &self.topics.events;
            log::warn!("uplink: nobody subscribes to `{topic}`; the broker drops the events");
        }
    }

    /// State refused by the broker is told once; events are what must get through.
    pub(super) fn state_refused(&self, reason: PubAckReason) {
        if !self.state_refusal_told.swap(true, Ordering::Relaxed) {
            log::warn!("uplink: the broker refuses state or alarms: `{reason:?}`");
        }
    }

    /// Keeps backlog and alarm up to date.
    async fn report(&self) {
        let newest = self.outbox.newest();
        let mut healthy_at = tokio::time::Instant::now();
        let mut acknowledged_before = 0;
        let mut look = tokio::time::interval(REPORT_EVERY);
        loop {
            look.tick().await;
            let acknowledged = self.acknowledged.load(Ordering::Relaxed);
            let backlog = newest.borrow().saturating_sub(acknowledged);
            let progress = acknowledged > std::mem::replace(&mut acknowledged_before, acknowledged);
            self.status.send_if_modified(|status| {
                let up = matches!(status.connection, Connection::Up { .. });
                if up && (backlog == 0 || progress) {
                    healthy_at = tokio::time::Instant::now();
                }
                let down = healthy_at.elapsed() >= ALARM_AFTER;
                let changed = status.backlog != backlog || status.down != down;
                status.backlog = backlog;
                status.down = down;
                changed
            });
        }
    }
}

/// An error with its causes on one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Random, or 0 where the system has no randomness: jitter and message ids bear that.
fn random_u32() -> u32 {
    getrandom::u32().unwrap_or_default()
}
