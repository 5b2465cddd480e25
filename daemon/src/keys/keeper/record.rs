//! What is done about keys, in the passage log.

use std::sync::Arc;
use std::time::Duration;

use doorward_core::event::{Event, EventKind};
use doorward_core::ids::{Actor, DeviceName};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::store::{AppendAck, AppendError, EventSink, Store};

/// How long a row may take to be durable before nothing is begun.
const DURABLE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct KeyLog {
    store: Store,
    events: EventSink,
    acks: mpsc::UnboundedReceiver<AppendAck>,
    clock: Arc<Clock>,
    next: u64,
}

impl KeyLog {
    pub(super) fn new(store: &Store, clock: Arc<Clock>) -> Self {
        let (events, acks) = store.event_sink();
        Self {
            store: store.clone(),
            events,
            acks,
            clock,
            next: 0,
        }
    }

    /// Writes a row: durable when it returns.
    pub(super) async fn write(
        &mut self,
        kind: EventKind,
        reader: &DeviceName,
        actor: Option<&Actor>,
        note: &str,
    ) -> Result<(), AppendError> {
        let now = self.clock.now();
        // A row without its revision or its door is better than none.
        let view = self.store.view();
        let revision = view.revision().unwrap_or_default();
        let mut event = Event::new(kind, now.wall, now.trust, revision);
        event.reader = Some(reader.clone());
        event.door = view.door_of_reader(reader).unwrap_or_default();
        event.actor = actor.cloned();
        event.note = Some(note.to_owned());
        let token = self.next;
        self.next += 1;
        self.events.append(token, event);
        let acknowledged = async {
            loop {
                match self.acks.recv().await {
                    Some(ack) if ack.token == token => return ack.result.map(drop),
                    Some(_) => {}
                    None => return Err(AppendError::Stopped),
                }
            }
        };
        match tokio::time::timeout(DURABLE, acknowledged).await {
            Ok(result) => result,
            Err(_) => Err(AppendError::Waiting),
        }
    }

    pub(super) async fn write_or_log(
        &mut self,
        kind: EventKind,
        reader: &DeviceName,
        actor: Option<&Actor>,
        note: &str,
    ) {
        if let Err(error) = self.write(kind, reader, actor, note).await {
            log::error!(reader = &**reader; "{kind:?} of reader `{reader}` is not in the passage log yet: {error}");
        }
    }
}
