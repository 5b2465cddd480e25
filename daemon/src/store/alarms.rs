//! The history of alarms, worked out from the passage log as it is written: a row for each alarm,
//! and which of them stand.
//!
//! Keys: `a` and the alarm's number for its row; `s` and the number for each that stands; `c` and
//! kind and subject for each condition that holds, with the number as the value. Working the same
//! event out again changes nothing.

use doorward_core::alarm::{AlarmKind, AlarmSubject};
use doorward_core::alarm_log::{AlarmMark, AlarmRecord, subject_of};
use doorward_core::event::{Event, EventKind};
use sled::Tree;

use super::database::Trees;
use super::events::EventReader;
use super::thread::EVENTS_TOGETHER_MAX;
use super::{Store, StoreError};

/// Whether an event changes the history of alarms.
pub(super) const fn concerns(event: &Event) -> bool {
    matches!(
        event.kind,
        EventKind::AlarmRaised
            | EventKind::AlarmCleared
            | EventKind::AlarmAcknowledged
            | EventKind::AlarmPutAway
            | EventKind::Started
    )
}

/// Works an event of this number out.
pub(super) fn apply(tree: &Tree, seq: u64, event: &Event) -> Result<(), StoreError> {
    match event.kind {
        EventKind::AlarmRaised => raise(tree, seq, event),
        EventKind::AlarmCleared => match event.alarm {
            Some(kind) => end(tree, &condition_key(kind, &subject_of(kind, event))?, event),
            None => Ok(()),
        },
        EventKind::AlarmAcknowledged => mark(tree, event, |alarm, mark| {
            alarm.acknowledged.get_or_insert(mark);
        }),
        EventKind::AlarmPutAway => mark(tree, event, |alarm, mark| {
            alarm.cleared.get_or_insert(mark);
        }),
        // What held before the start is seen anew if it still holds.
        EventKind::Started => {
            for entry in tree.scan_prefix(b"c").keys() {
                end(tree, &entry?, event)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// At opening: works out anew what a power cut may have left undone. Of events that were written
/// together, the last may be there without their alarms.
pub(super) fn catch_up(trees: &Trees, newest: u64) -> Result<(), StoreError> {
    let reader = EventReader {
        tree: &trees.events,
        durable: newest,
    };
    let together = EVENTS_TOGETHER_MAX as u64;
    for row in reader.after(newest.saturating_sub(together), EVENTS_TOGETHER_MAX)? {
        if concerns(&row.event) {
            apply(&trees.alarms, row.seq, &row.event)?;
        }
    }
    Ok(())
}

fn raise(tree: &Tree, seq: u64, event: &Event) -> Result<(), StoreError> {
    let Some(alarm) = AlarmRecord::raised_by(seq, event) else {
        return Ok(());
    };
    if !alarm.kind.is_of_a_moment() {
        let key = condition_key(alarm.kind, &alarm.subject)?;
        tree.insert(key, &seq.to_be_bytes())?;
    }
    put(tree, &alarm)
}

fn end(tree: &Tree, condition: &[u8], event: &Event) -> Result<(), StoreError> {
    let Some(number) = tree.remove(condition)? else {
        return Ok(());
    };
    let number = number
        .as_ref()
        .try_into()
        .map(u64::from_be_bytes)
        .map_err(|_| StoreError::row("alarms", condition, "it is not a number of 8 bytes"))?;
    if let Some(mut alarm) = find(tree, number)? {
        alarm.end(event.at);
        put(tree, &alarm)?;
    }
    Ok(())
}

fn mark(
    tree: &Tree,
    event: &Event,
    change: impl FnOnce(&mut AlarmRecord, AlarmMark),
) -> Result<(), StoreError> {
    let (Some(number), Some(by)) = (event.of, event.actor.clone()) else {
        return Ok(());
    };
    let Some(mut alarm) = find(tree, number)? else {
        return Ok(());
    };
    let note = event.note.clone().unwrap_or_default();
    let at = event.at;
    change(&mut alarm, AlarmMark { at, by, note });
    put(tree, &alarm)
}

/// Takes the person out of the alarm of this number, if there is one.
pub(super) fn forget(tree: &Tree, number: u64) -> Result<(), StoreError> {
    let Some(mut alarm) = find(tree, number)? else {
        return Ok(());
    };
    (alarm.user, alarm.credential) = (None, None);
    put(tree, &alarm)
}

fn put(tree: &Tree, alarm: &AlarmRecord) -> Result<(), StoreError> {
    let row = row_key(b'a', alarm.number);
    let value =
        rmp_serde::to_vec_named(alarm).map_err(|error| StoreError::row("alarms", &row, error))?;
    tree.insert(row, value)?;
    let stands = row_key(b's', alarm.number);
    if alarm.stands() {
        tree.insert(stands, &[])?;
    } else {
        tree.remove(stands)?;
    }
    Ok(())
}

fn find(tree: &Tree, number: u64) -> Result<Option<AlarmRecord>, StoreError> {
    let row = row_key(b'a', number);
    let value = tree.get(row)?;
    value.map(|value| decode(&row, &value)).transpose()
}

pub(super) fn decode(row: &[u8], value: &[u8]) -> Result<AlarmRecord, StoreError> {
    rmp_serde::from_slice(value).map_err(|error| StoreError::row("alarms", row, error))
}

fn row_key(of: u8, number: u64) -> [u8; 9] {
    let mut key = [of; 9];
    key[1..].copy_from_slice(&number.to_be_bytes());
    key
}

fn condition_key(kind: AlarmKind, subject: &AlarmSubject) -> Result<Vec<u8>, StoreError> {
    let mut key = vec![b'c'];
    let name = rmp_serde::to_vec(&(kind, subject));
    key.extend(name.map_err(|error| StoreError::row("alarms", b"c", error))?);
    Ok(key)
}

impl Store {
    /// The alarm of this number.
    pub fn alarm(&self, number: u64) -> Result<Option<AlarmRecord>, StoreError> {
        self.shared.read(|trees| find(&trees.alarms, number))
    }

    /// At most `limit` alarms raised before event number `before`, newest first; with
    /// `only_standing`, those that stand.
    pub fn alarms_before(
        &self,
        before: u64,
        limit: usize,
        only_standing: bool,
    ) -> Result<Vec<AlarmRecord>, StoreError> {
        let of = if only_standing { b's' } else { b'a' };
        self.shared.read(|trees| {
            let tree = &trees.alarms;
            let keys = tree.range(row_key(of, 0)..row_key(of, before)).rev();
            let mut alarms = Vec::new();
            for entry in keys.take(limit) {
                let (key, _) = entry?;
                let number = key.get(1..).and_then(|number| number.try_into().ok());
                let number = number.map(u64::from_be_bytes);
                // A row that went meanwhile is passed over.
                if let Some(number) = number
                    && let Some(alarm) = find(tree, number)?
                {
                    alarms.push(alarm);
                }
            }
            Ok(alarms)
        })
    }
}

#[cfg(test)]
mod tests {
    use doorward_core::ids::DoorId;
    use doorward_core::time::{ClockTrust, Wall};

    use super::*;

    fn tree() -> Tree {
        let db = sled::Config::new().temporary(true).open().unwrap();
        db.open_tree("alarms").unwrap()
    }

    fn event(kind: EventKind, at: i64, alarm: AlarmKind) -> Event {
        let mut event = Event::new(kind, Wall(at), ClockTrust::Trusted, 0);
        event.alarm = Some(alarm);
        event.door = Some(DoorId(1));
        event
    }

    fn marked(kind: EventKind, at: i64, of: u64) -> Event {
        let mut event = event(kind, at, AlarmKind::HeldOpen);
        event.of = Some(of);
        event.actor = Some("uid 0".into());
        event.note = Some("seen".to_owned());
        event
    }

    fn standing(tree: &Tree) -> Vec<u64> {
        let keys = tree.scan_prefix(b"s").keys();
        keys.map(|key| u64::from_be_bytes(key.unwrap()[1..].try_into().unwrap()))
            .collect()
    }

    #[test]
    fn an_alarm_has_a_history() {
        let tree = tree();
        let events = [
            (5, event(EventKind::AlarmRaised, 1, AlarmKind::HeldOpen)),
            (6, event(EventKind::AlarmRaised, 2, AlarmKind::Duress)),
            (7, event(EventKind::AlarmCleared, 3, AlarmKind::HeldOpen)),
            (8, marked(EventKind::AlarmAcknowledged, 4, 5)),
            (9, event(EventKind::AlarmRaised, 5, AlarmKind::HeldOpen)),
        ];
        // Events that waited for storage are worked out again when it works.
        for _ in 0..2 {
            for (seq, event) in &events {
                apply(&tree, *seq, event).unwrap();
            }
        }
        let first = find(&tree, 5).unwrap().unwrap();
        assert_eq!((first.raised, first.ended), (Wall(1), Some(Wall(3))));
        assert_eq!(first.acknowledged.unwrap().note, "seen");
        assert_eq!(standing(&tree), [6, 9]);

        apply(&tree, 10, &marked(EventKind::AlarmPutAway, 6, 6)).unwrap();
        assert_eq!(standing(&tree), [9]);
        let started = Event::new(EventKind::Started, Wall(7), ClockTrust::Trusted, 0);
        apply(&tree, 11, &started).unwrap();
        let last = find(&tree, 9).unwrap().unwrap();
        assert_eq!((last.ended, last.stands()), (Some(Wall(7)), true));
    }
}
