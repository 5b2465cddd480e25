//! Live state on its way from the doors to the office, without ever waiting for it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use doorward_core::alarm::{AlarmKind, AlarmSubject};
use doorward_core::ids::{DeviceName, DoorId};
use tokio::sync::mpsc;

use super::handle::{DoorsHandle, Live};

/// Live changes under way to the office; more are merged until it has caught up.
const QUEUED_MAX: usize = 1024;

/// The doors' end. Cheap to clone within their thread.
#[derive(Debug, Clone)]
pub(crate) struct LiveOutbox {
    queue: mpsc::Sender<Live>,
    /// The newest state of each thing, while the queue is full: bounded by the wiring.
    merged: Rc<RefCell<BTreeMap<Subject, Live>>>,
}

/// The office's end: publishes whatever arrives.
#[derive(Debug)]
pub(crate) struct LiveInbox {
    queue: mpsc::Receiver<Live>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Door(DoorId),
    Reader(DeviceName),
    Board(DeviceName),
    Alarm(AlarmKind, AlarmSubject),
}

impl Subject {
    fn of(live: &Live) -> Self {
        match live {
            Live::Door(door) => Self::Door(door.door),
            Live::DoorRemoved(door) => Self::Door(*door),
            Live::Reader(reader) => Self::Reader(reader.name.clone()),
            Live::Board(board) => Self::Board(board.name.clone()),
            Live::AlarmRaised(alarm) | Live::AlarmCleared(alarm) => {
                Self::Alarm(alarm.kind, alarm.subject.clone())
            }
        }
    }
}

/// Both ends of the way to the office.
pub(crate) fn live_channel() -> (mpsc::Sender<Live>, LiveInbox) {
    let (sender, queue) = mpsc::channel(QUEUED_MAX);
    (sender, LiveInbox { queue })
}

impl LiveOutbox {
    pub(super) fn new(queue: mpsc::Sender<Live>) -> Self {
        Self {
            queue,
            merged: Rc::default(),
        }
    }

    /// Sends a change. Never blocks; what finds no room is merged with what waits.
    pub(crate) fn send(&self, live: Live) {
        let mut merged = self.merged.borrow_mut();
        if !merged.is_empty() {
            merged.insert(Subject::of(&live), live);
        } else if let Err(mpsc::error::TrySendError::Full(live)) = self.queue.try_send(live) {
            merged.insert(Subject::of(&live), live);
        }
    }

    /// Sends what has waited, as far as there is room.
    pub(super) fn flush(&self) {
        let mut merged = self.merged.borrow_mut();
        while let Some((subject, live)) = merged.pop_first() {
            if let Err(mpsc::error::TrySendError::Full(live)) = self.queue.try_send(live) {
                merged.insert(subject, live);
                return;
            }
        }
    }
}

impl LiveInbox {
    /// Publishes until the doors have stopped.
    pub(crate) async fn publish(mut self, handle: DoorsHandle) {
        while let Some(live) = self.queue.recv().await {
            handle.publish(live);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::handle::BoardStatus;
    use super::*;

    fn board(name: &str, online: bool) -> Live {
        Live::Board(BoardStatus {
            name: name.into(),
            online,
        })
    }

    #[test]
    fn what_finds_no_room_is_merged_and_arrives_later() {
        let (sender, mut inbox) = live_channel();
        let outbox = LiveOutbox::new(sender);
        for at in 0..QUEUED_MAX {
            outbox.send(board("first", at % 2 == 0));
        }
        outbox.send(board("second", true));
        outbox.send(board("second", false));
        outbox.send(board("third", true));
        outbox.flush();
        for _ in 0..QUEUED_MAX {
            inbox.queue.try_recv().unwrap();
        }
        assert!(inbox.queue.try_recv().is_err());
        outbox.flush();
        let mut rest = Vec::new();
        while let Ok(Live::Board(status)) = inbox.queue.try_recv() {
            rest.push((status.name.to_string(), status.online));
        }
        assert_eq!(
            rest,
            [("second".to_owned(), false), ("third".to_owned(), true)]
        );
    }
}
