//! The store's thread: the only writer. Takes what waits, writes it, syncs once, answers all.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use doorward_core::event::Event;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::chain::Hash;
use super::changes::{ChangeRequest, Decided};
use super::database::{Database, Trees};
use super::failure::Failure;
use super::files::SyncCounts;
use super::postings::{Added, Subject};
use super::room::Room;
use super::shared::Shared;
use super::sink::{AppendAck, AppendError, EVENTS_WAITING_MAX, Queued};
use super::snapshot::{Part, Watching};
use super::sweep::{Order, Sweep};
use super::table::Undo;
use super::{StoreError, StoreOptions, alarms, events, journal, salt};

/// The most events written between two syncs.
pub(super) const EVENTS_TOGETHER_MAX: usize = 1024;

/// A moved cursor becomes durable with the next event or change, at the latest after this time.
pub(super) const CURSORS_DURABLE: Duration = Duration::from_secs(1);

/// An event that has its number and is not known to be durable.
#[derive(Debug)]
struct Pending {
    seq: u64,
    value: Vec<u8>,
    /// The event itself, where the history of alarms needs it.
    alarm: Option<Box<Event>>,
    /// What it is found by.
    subjects: Vec<Subject>,
    token: u64,
    acks: mpsc::UnboundedSender<AppendAck>,
    told: Told,
}

/// Whether the appender was told that the event waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Waiting,
}

/// Everything the store's thread works with.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) path: PathBuf,
    pub(super) options: StoreOptions,
    pub(super) room: Room,
    pub(super) counts: Arc<SyncCounts>,
    pub(super) database: Option<Database>,
    pub(super) shared: Arc<Shared>,
    pub(super) events: mpsc::Receiver<Queued>,
    pub(super) changes: mpsc::Receiver<ChangeRequest>,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) stop: CancellationToken,
    pub(super) lost: Arc<AtomicU64>,
    pub(super) log: EventLog,
    /// What takes back a change that was written, was refused, and may be found after reopening.
    pub(super) undo: Option<Undo>,
    /// A change that was not refused, and not carried out for good.
    pub(super) decided: Option<Decided>,
    pub(super) failure: Option<Failure>,
    pub(super) cursors_due: Option<Instant>,
    pub(super) sweep: Sweep,
    pub(super) watching: Watching,
}

/// The events that have numbers and are not durable, and what the next one follows.
#[derive(Debug)]
pub(super) struct EventLog {
    newest: u64,
    hash: Hash,
    pending: VecDeque<Pending>,
}

impl EventLog {
    /// A log whose newest row has this number and hash.
    pub(super) const fn new(newest: u64, hash: Hash) -> Self {
        Self {
            newest,
            hash,
            pending: VecDeque::new(),
        }
    }

    fn number(&mut self, queued: &Queued) -> Result<(), StoreError> {
        let seq = self.newest + 1;
        let (hash, value) = events::encode(seq, &self.hash, queued.event.clone(), &salt()?)?;
        (self.newest, self.hash) = (seq, hash);
        self.pending.push_back(Pending {
            seq,
            value,
            alarm: alarms::concerns(&queued.event).then(|| Box::new(queued.event.clone())),
            subjects: Subject::of(&queued.event).collect(),
            token: queued.token,
            acks: queued.acks.clone(),
            told: Told::Nothing,
        });
        Ok(())
    }

    /// Writes the events from this one on, at most [`EVENTS_TOGETHER_MAX`]. Returns how many.
    fn write(&self, from: usize, trees: &Trees) -> Result<usize, StoreError> {
        let together = self.pending.iter().skip(from).take(EVENTS_TOGETHER_MAX);
        let count = together.len();
        let mut added = Added::default();
        for event in together {
            added.add(event.seq, event.subjects.iter().copied());
            trees
                .events
                .insert(event.seq.to_be_bytes(), event.value.as_slice())?;
            if let Some(alarm) = &event.alarm {
                alarms::apply(&trees.alarms, event.seq, alarm)?;
            }
        }
        added.write(&trees.postings)?;
        Ok(count)
    }

    /// The number of the newest event that waits.
    fn newest_pending(&self) -> Option<u64> {
        self.pending.back().map(|event| event.seq)
    }

    fn acknowledge(&mut self) {
        for event in self.pending.drain(..) {
            // Whoever dropped the acknowledgements does not want them.
            let _ = event.acks.send(AppendAck {
                token: event.token,
                result: Ok(event.seq),
            });
        }
    }

    fn tell_waiting(&mut self) {
        let untold = self.pending.iter_mut().filter(|e| e.told == Told::Nothing);
        for event in untold {
            event.told = Told::Waiting;
            let _ = event.acks.send(AppendAck {
                token: event.token,
                result: Err(AppendError::Waiting),
            });
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.pending.len()
    }
}

impl Worker {
    /// Works until told to stop.
    pub(super) async fn run(mut self) {
        let mut taken = Vec::with_capacity(EVENTS_TOGETHER_MAX);
        loop {
            let room = EVENTS_WAITING_MAX.saturating_sub(self.log.waiting());
            let room = room.min(EVENTS_TOGETHER_MAX);
            let retry = self.failure.as_ref().map(Failure::retry_at);
            let sweep = self.sweep.due().filter(|_| retry.is_none());
            // Every arm is cancel-safe: receiving from a channel takes nothing until it is ready,
            // and the others hold no data.
            tokio::select! {
                biased;
                count = self.events.recv_many(&mut taken, room), if room > 0 => {
                    if count == 0 {
                        break;
                    }
                    self.append(&mut taken);
                }
                Some(request) = self.changes.recv() => self.change_or_refuse(request),
                () = sleep_until(retry.unwrap_or_else(Instant::now)), if retry.is_some() => {
                    self.recover();
                }
                () = sleep_until(self.cursors_due.unwrap_or_else(Instant::now)),
                    if self.cursors_due.is_some() && retry.is_none() => self.commit_events(),
                () = self.shared.cursors_moved.notified(), if self.cursors_due.is_none() => {
                    self.cursors_due = Some(Instant::now() + CURSORS_DURABLE);
                }
                Some(order) = self.orders.recv() => self.order(order),
                () = sleep_until(sweep.unwrap_or_else(Instant::now)), if sweep.is_some() => {
                    self.sweep();
                }
                () = sleep_until(self.room.look_at()) => self.look_at_room(),
                () = self.stop.cancelled() => break,
            }
        }
        self.finish();
    }

    fn append(&mut self, taken: &mut Vec<Queued>) {
        self.number(taken);
        self.commit_or_wait();
        // One change after each round of events, so that a storm of events cannot starve them.
        if let Ok(request) = self.changes.try_recv() {
            self.change_or_refuse(request);
        }
    }

    fn commit_or_wait(&mut self) {
        if let Some(failure) = &self.failure {
            self.shared
                .publish_failing(failure, self.log.waiting(), self.lost());
            self.log.tell_waiting();
        } else {
            self.commit_events();
        }
    }

    fn change_or_refuse(&mut self, request: ChangeRequest) {
        let failing = self.failure.as_ref().map(Failure::to_error);
        match failing.or_else(|| self.room.refusal()) {
            None => self.change(request),
            Some(refusal) => drop(request.done.send(Err(refusal))),
        }
    }

    fn look_at_room(&mut self) {
        if self.room.look() && self.failure.is_none() {
            self.publish_room();
        }
    }

    /// Tells whoever listens that storage works, or that the disk is full.
    fn publish_room(&self) {
        match self.room.says() {
            None => self.shared.publish_ok(),
            Some(says) => self.shared.publish_short(says),
        }
    }

    fn number(&mut self, taken: &mut Vec<Queued>) {
        for queued in taken.drain(..) {
            if let Err(error) = self.log.number(&queued) {
                log::error!("an event is lost: {error}");
                self.lost.fetch_add(1, Ordering::Relaxed);
                let _ = queued.acks.send(AppendAck {
                    token: queued.token,
                    result: Err(AppendError::Lost),
                });
            }
        }
    }

    fn commit_events(&mut self) {
        let written = self.write_and_sync();
        self.settle(written);
    }

    /// Events that came meanwhile get their numbers, and wait for the next sync.
    pub(super) fn take_queued_events(&mut self) {
        let room = EVENTS_WAITING_MAX.saturating_sub(self.log.waiting());
        let mut taken = Vec::new();
        while taken.len() < room.min(EVENTS_TOGETHER_MAX)
            && let Ok(queued) = self.events.try_recv()
        {
            taken.push(queued);
        }
        self.number(&mut taken);
    }

    /// Makes events durable that came meanwhile.
    pub(super) fn commit_queued_events(&mut self) {
        self.take_queued_events();
        if self.log.waiting() > 0 {
            self.commit_or_wait();
        }
    }

    /// Writes all that waits, and makes it durable with one sync.
    pub(super) fn write_and_sync(&mut self) -> Result<(), StoreError> {
        let cursors = std::mem::take(&mut *self.shared.cursors());
        let kept = std::mem::take(&mut *self.shared.kept());
        self.cursors_due = None;
        let Some(database) = &mut self.database else {
            return Err(StoreError::Stopped);
        };
        let written = self.shared.watched(|| {
            // After a power cut, the first part of what was not synced may be there: states before
            // the events that followed them.
            for (name, seq) in &cursors {
                database.trees.cursors.insert(name, &seq.to_be_bytes())?;
            }
            let names = kept.keys().map(String::as_bytes);
            self.watching.note(Part::Kept, &database.trees, names)?;
            for (name, state) in &kept {
                // An empty state is as none.
                match state.is_empty() {
                    true => database.trees.kept.remove(name)?,
                    false => database.trees.kept.insert(name, state.as_slice())?,
                };
            }
            let mut written = 0;
            loop {
                written += self.log.write(written, &database.trees)?;
                database.sync()?;
                if written == self.log.waiting() {
                    return Ok(());
                }
            }
        });
        if written.is_err() {
            let mut moved = self.shared.cursors();
            for (name, seq) in cursors {
                moved.entry(name).or_insert(seq);
            }
            drop(moved);
            let mut waiting = self.shared.kept();
            for (name, state) in kept {
                waiting.entry(name).or_insert(state);
            }
        }
        written
    }

    /// After an attempt to write: tells the appenders, and notes a failure or its end.
    pub(super) fn settle(&mut self, result: Result<(), StoreError>) {
        match result {
            Ok(()) => {
                // First, so that whoever gets the acknowledgement can read the event.
                if let Some(newest) = self.log.newest_pending() {
                    self.shared.durable_seq.send_replace(newest);
                }
                self.log.acknowledge();
                self.publish_room();
                if self.failure.take().is_some() {
                    log::info!("storage works again");
                }
            }
            Err(error) => {
                self.room.writing_failed();
                let failure = match self.failure.take() {
                    Some(failure) => failure.again(&error),
                    None => {
                        log::error!("{error}; events wait in memory");
                        Failure::new(self.shared.now(), &error)
                    }
                };
                self.shared
                    .publish_failing(&failure, self.log.waiting(), self.lost());
                self.log.tell_waiting();
                self.failure = Some(failure);
            }
        }
    }

    /// Opens the database anew and writes all that waits.
    fn recover(&mut self) {
        let shared = Arc::clone(&self.shared);
        let result = shared.watched(|| self.reopen()).and_then(|()| {
            self.write_and_sync()?;
            self.undo = None;
            Ok(())
        });
        // What was swept and not durable yet is swept again.
        if result.is_ok()
            && let Some(database) = &self.database
        {
            match Sweep::open(&database.trees.table) {
                Ok(sweep) => self.sweep = sweep,
                Err(error) => log::error!("personal data is not erased: {error}"),
            }
        }
        if result.is_ok() {
            let trees = self
                .database
                .as_ref()
                .map(|database| database.trees.clone());
            self.shared.replace(trees);
        }
        self.settle(result);
        if self.failure.is_none() {
            self.answer_decided();
        }
    }

    /// sled refuses every write after a failed one, until it is opened anew.
    fn reopen(&mut self) -> Result<(), StoreError> {
        super::failure::probe(&self.path)?;
        self.watching.lose();
        // Readers keep the old database until there is room for the new one.
        self.shared.replace(None);
        if let Some(database) = self.database.take() {
            database.close_failed();
        }
        let mut database = Database::open(&self.path, &self.options, Arc::clone(&self.counts))?;
        match &self.undo {
            Some(Undo::Batch(before)) => before.restore(&database.trees.table)?,
            Some(Undo::Journal) => journal::discard(&self.path)?,
            None => journal::recover(&self.path, &mut database)?,
        }
        self.database = Some(database);
        Ok(())
    }

    fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Writes what is still queued, then closes the database.
    fn finish(mut self) {
        self.events.close();
        self.changes.close();
        let mut taken = Vec::new();
        while let Ok(queued) = self.events.try_recv() {
            taken.push(queued);
        }
        self.number(&mut taken);
        while let Ok(request) = self.changes.try_recv() {
            self.change_or_refuse(request);
        }
        if self.failure.is_some() {
            self.recover();
        } else {
            self.commit_events();
        }
        if self.failure.is_some() {
            log::error!(
                "stopped while storage fails: {} events are lost",
                self.log.waiting()
            );
        }
        self.shared.replace(None);
        if let Some(database) = self.database.take() {
            database.close();
        }
    }
}
