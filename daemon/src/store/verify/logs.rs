//! What must hold in the logs and in what is kept beside the table.

use std::collections::BTreeMap;

use doorward_core::alarm_log::AlarmRecord;
use doorward_core::event::EventKind;
use doorward_core::time::Wall;

use super::super::chain::{Domain, Hash};
use super::super::envelope::Envelope;
use super::super::proof::LogHead;
use super::super::snapshot::{Part, Snapshot};
use super::super::{StoreError, alarms, audit, events, rows};
use super::{BATCH, Check};

/// Follows a chain, and goes on behind a break.
struct Chain {
    log: Domain,
    next: u64,
    previous: Hash,
    head: LogHead,
}

impl Chain {
    fn new(log: Domain, head: LogHead) -> Self {
        Self {
            log,
            next: 1,
            previous: log.genesis(),
            head,
        }
    }

    fn row(&mut self, check: &mut Check, seq: u64, value: &[u8]) {
        check.rows += 1;
        if seq != self.next {
            check.fault(format_args!(
                "after row {} comes row {seq}: rows are missing",
                self.next - 1
            ));
        } else if let Some(row) = check.holds(Envelope::open(self.log, seq, value)) {
            check.holds(row.verify(&self.previous));
        }
        // What was said of this row is not said again of the next one.
        self.previous = Envelope::hash_of(self.log, seq, value).unwrap_or(self.previous);
        self.next = seq + 1;
    }

    fn finish(&self, check: &mut Check) {
        if (self.next - 1, self.previous) != (self.head.seq, self.head.hash) {
            check.fault(format_args!(
                "the newest row is {}, expected {} with its hash",
                self.next - 1,
                self.head.seq
            ));
        }
    }
}

/// The admin log.
pub(super) struct Audit {
    check: Check,
    chain: Chain,
    table_revision: u64,
    revision: u64,
}

impl Audit {
    pub(super) fn new(head: LogHead, table_revision: u64) -> Self {
        Self {
            check: Check::new("audit"),
            chain: Chain::new(Domain::Audit, head),
            table_revision,
            revision: 0,
        }
    }

    pub(super) fn row(&mut self, key: &[u8], value: &[u8]) {
        let check = &mut self.check;
        let Some(seq) = check.holds(rows::audit_number(key)) else {
            return;
        };
        self.chain.row(check, seq, value);
        let Some(entry) = check.holds(audit::decode(seq, value)) else {
            return;
        };
        if entry.revision < self.revision || entry.revision > self.table_revision {
            check.fault(format_args!(
                "entry {seq} is of revision {}, behind {} and with the table at {}",
                entry.revision, self.revision, self.table_revision
            ));
        }
        self.revision = self.revision.max(entry.revision);
    }

    pub(super) fn finish(mut self) -> Check {
        self.chain.finish(&mut self.check);
        self.check
    }
}

/// The passage log.
pub(super) struct Events {
    check: Check,
    chain: Chain,
    at: Wall,
    raised: BTreeMap<u64, AlarmRecord>,
}

impl Events {
    pub(super) fn new(head: LogHead) -> Self {
        Self {
            check: Check::new("events"),
            chain: Chain::new(Domain::Events, head),
            at: Wall(i64::MIN),
            raised: BTreeMap::new(),
        }
    }

    pub(super) fn row(&mut self, seq: u64, value: &[u8]) {
        let check = &mut self.check;
        self.chain.row(check, seq, value);
        let Some(row) = check.holds(events::decode(seq, value)) else {
            return;
        };
        if row.event.at < self.at {
            check.fault(format_args!(
                "event {seq} is of {}, before the one before it: {}",
                row.event.at, self.at
            ));
        }
        self.at = self.at.max(row.event.at);
        if row.event.kind == EventKind::AlarmRaised
            && let Some(alarm) = AlarmRecord::raised_by(seq, &row.event)
        {
            self.raised.insert(seq, alarm);
        }
    }

    pub(super) fn finish(mut self) -> (Check, BTreeMap<u64, AlarmRecord>) {
        self.chain.finish(&mut self.check);
        (self.check, self.raised)
    }
}

/// The history of alarms.
pub(super) struct Alarms;

impl Alarms {
    /// Each alarm is what the event says that raised it, and each such event has one.
    pub(super) fn check(
        snapshot: &Snapshot,
        raised: &BTreeMap<u64, AlarmRecord>,
    ) -> Result<Check, StoreError> {
        let mut check = Check::new("alarms");
        let newest = snapshot.heads().events.seq;
        let mut standing = Vec::new();
        let mut left = raised.clone();
        snapshot.read(|trees| {
            for row in &trees.alarms {
                let (key, value) = row?;
                check.rows += 1;
                let number = key.get(1..9).and_then(|number| number.try_into().ok());
                let number = number.map(u64::from_be_bytes);
                match (key.first(), number) {
                    // A later one is not part of what is checked.
                    (Some(b'a' | b's'), Some(number)) if number > newest => {}
                    (Some(b'a'), Some(number)) => {
                        let Some(alarm) = check.holds(alarms::decode(&key, &value)) else {
                            continue;
                        };
                        match left.remove(&number) {
                            Some(event) if is_of(&alarm, &event) => {}
                            Some(_) => check.fault(format_args!(
                                "alarm {number} is not what event {number} says"
                            )),
                            None => check
                                .fault(format_args!("alarm {number} has no event that raised it")),
                        }
                        if alarm.stands() {
                            standing.push(number);
                        }
                    }
                    (Some(b's'), Some(number)) => {
                        match standing.iter().position(|n| *n == number) {
                            Some(at) => drop(standing.swap_remove(at)),
                            None => check.fault(format_args!(
                                "alarm {number} is listed as standing, and does not stand"
                            )),
                        }
                    }
                    (Some(b'c'), _) => {}
                    _ => check.fault(StoreError::row(
                        "alarms",
                        &key,
                        "its key is of no known kind",
                    )),
                }
            }
            Ok(())
        })?;
        for number in left.keys() {
            check.fault(format_args!(
                "event {number} raised an alarm that is not there"
            ));
        }
        for number in standing {
            check.fault(format_args!("alarm {number} stands, and is not listed"));
        }
        Ok(check)
    }
}

fn is_of(alarm: &AlarmRecord, event: &AlarmRecord) -> bool {
    let what = |alarm: &AlarmRecord| {
        let (subject, reader) = (alarm.subject.clone(), alarm.reader.clone());
        (
            alarm.kind,
            subject,
            alarm.raised,
            alarm.door,
            reader,
            alarm.user,
            alarm.credential,
        )
    };
    what(alarm) == what(event)
}

/// No reader of the passage log is beyond its end.
pub(super) fn cursors(snapshot: &Snapshot) -> Check {
    let mut check = Check::new("cursors");
    let newest = snapshot.heads().events.seq;
    for (name, seq) in snapshot.cursors() {
        check.rows += 1;
        if *seq > newest {
            check.fault(format_args!(
                "`{name}` is at event {seq}, the newest is {newest}"
            ));
        }
    }
    check
}

/// Names of kept states are text, and those of people and doors are JSON.
pub(super) fn kept(snapshot: &Snapshot) -> Result<Check, StoreError> {
    let mut check = Check::new("kept");
    loop {
        let states = snapshot.next_rows(Part::Kept, BATCH)?;
        if states.is_empty() {
            return Ok(check);
        }
        for (name, state) in states {
            check.rows += 1;
            let bad = |what: String| StoreError::row("kept", &name, what);
            let Some(text) =
                check.holds(core::str::from_utf8(&name).map_err(|error| bad(error.to_string())))
            else {
                continue;
            };
            let is_json = text.starts_with("people/") || text.starts_with("door/");
            if is_json && !state.is_empty() {
                let read = serde_json::from_slice::<serde_json::Value>(&state);
                check.holds(read.map_err(|error| bad(error.to_string())));
            }
        }
    }
}
