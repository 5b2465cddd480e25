//! Finding rows of the passage log: by door, user, kind, time.

use doorward_core::event::EventKind;
use doorward_core::ids::{DoorId, UserId};
use doorward_core::time::Wall;

use super::database::Trees;
use super::events::{EventReader, EventRow};
use super::postings::{self, Subject};
use super::{Store, StoreError};

/// Rows read for one page at most: something rare must not read the whole log at once.
const ROWS_READ_MAX: usize = 5_000;

/// What rows are wanted. Everything that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Rows of this door.
    pub door: Option<DoorId>,
    /// Rows of this user.
    pub user: Option<UserId>,
    /// Rows of this kind.
    pub kind: Option<EventKind>,
    /// Rows that happened then or later.
    pub from: Option<Wall>,
    /// Rows that happened before then.
    pub until: Option<Wall>,
}

/// Where a page begins and which way it goes. Both ends are excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventRange {
    /// Rising from the row after one.
    After {
        /// The number to begin after.
        seq: u64,
        /// The number to end before.
        before: u64,
    },
    /// Falling from the row before this number.
    Before(u64),
}

/// A page of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventsFound {
    /// The rows, in the order of the range.
    pub rows: Vec<EventRow>,
    /// The number to go on from in the same direction; none when there are no more rows.
    pub next: Option<u64>,
}

impl Store {
    /// At most `limit` rows. A page may hold fewer and still say where to go on: for one page, at
    /// most 5,000 rows are read.
    pub fn find_events(
        &self,
        filter: &EventFilter,
        range: EventRange,
        limit: usize,
    ) -> Result<EventsFound, StoreError> {
        let durable = *self.shared.durable_seq.borrow();
        self.shared
            .read(|trees| find(trees, durable, filter, range, limit))
    }
}

fn find(
    trees: &Trees,
    durable: u64,
    filter: &EventFilter,
    range: EventRange,
    limit: usize,
) -> Result<EventsFound, StoreError> {
    let reader = EventReader {
        tree: &trees.events,
        durable,
    };
    let (from, until) = match range {
        EventRange::After { seq, before } => (seq.saturating_add(1), before.saturating_sub(1)),
        EventRange::Before(seq) => (1, seq.saturating_sub(1)),
    };
    // Times never fall from one row to the next.
    let from = match filter.from {
        Some(at) => from.max(reader.first_at(at)?),
        None => from.max(1),
    };
    let until = match filter.until {
        Some(at) => until.min(reader.first_at(at)?.saturating_sub(1)),
        None => until,
    };
    let until = until.min(durable);
    if from > until {
        return Ok(EventsFound::default());
    }
    let rises = matches!(range, EventRange::After { .. });
    let mut page = Page {
        reader,
        filter,
        limit,
        read: 0,
        found: EventsFound::default(),
    };
    // Somebody has fewer rows than a door.
    let user = filter.user.map(Subject::User);
    match user.or(filter.door.map(Subject::Door)) {
        Some(subject) if rises => {
            page.fill(postings::rising(&trees.postings, subject, from, until)?)?;
        }
        Some(subject) => page.fill(postings::falling(&trees.postings, subject, from, until))?,
        None if rises => page.fill((from..=until).map(Ok))?,
        None => page.fill((from..=until).rev().map(Ok))?,
    }
    Ok(page.found)
}

/// A page that is being filled.
struct Page<'a> {
    reader: EventReader<'a>,
    filter: &'a EventFilter,
    limit: usize,
    read: usize,
    found: EventsFound,
}

impl Page<'_> {
    /// Reads the rows of these numbers until the page is full.
    fn fill(
        &mut self,
        numbers: impl Iterator<Item = Result<u64, StoreError>>,
    ) -> Result<(), StoreError> {
        let mut last = None;
        for seq in numbers {
            let seq = seq?;
            if self.found.rows.len() == self.limit || self.read >= ROWS_READ_MAX {
                self.found.next = last;
                return Ok(());
            }
            last = Some(seq);
            self.read += 1;
            let row = self.reader.row(seq)?;
            self.found.rows.extend(row.filter(|row| self.fits(row)));
        }
        Ok(())
    }

    fn fits(&self, row: &EventRow) -> bool {
        let filter = self.filter;
        let event = &row.event;
        filter.door.is_none_or(|door| event.door == Some(door))
            && filter.user.is_none_or(|user| event.user == Some(user))
            && filter.kind.is_none_or(|kind| event.kind == kind)
    }
}
