//! The heads of both chains, and rows with all that is needed to check them elsewhere.

use sled::IVec;

use super::chain::{Domain, Hash};
use super::envelope::{Envelope, Salt};
use super::{EventReader, Store, StoreError, audit, rows};

/// The bytes of one page of a proof after which no further row is added.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// The end of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHead {
    /// The newest row; 0 for none.
    pub seq: u64,
    /// Its hash; for none, what stands before the first row.
    pub hash: Hash,
}

/// The ends of both logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHeads {
    /// Of the passage log.
    pub events: LogHead,
    /// Of the admin log.
    pub audit: LogHead,
}

/// A row of a log, as the chain covers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofRow {
    /// Its number.
    pub seq: u64,
    /// Its hash in the chain.
    pub hash: Hash,
    /// What the chain holds of its personal part.
    pub commitment: Hash,
    /// Salt and bytes of its personal part; `None` once erased.
    pub personal: Option<(Salt, Vec<u8>)>,
    /// The bytes of its public part.
    pub public: Vec<u8>,
}

/// Rows in order, and what the first of them follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The hash of the row before the first one.
    pub previous: Hash,
    /// The rows, without a gap.
    pub rows: Vec<ProofRow>,
}

impl Store {
    /// Number and hash of the newest row of each log.
    pub fn heads(&self) -> Result<LogHeads, StoreError> {
        let durable = *self.shared.durable_seq.borrow();
        self.shared.read(|trees| LogHeads::of(trees, durable))
    }

    /// At most `limit` rows of a log after number `after`, with their proof. A page ends early
    /// where its rows are large.
    pub fn proof(&self, log: Domain, after: u64, limit: usize) -> Result<Proof, StoreError> {
        let durable = *self.shared.durable_seq.borrow();
        let first = after.saturating_add(1);
        self.shared.read(|trees| match log {
            Domain::Events => {
                let tree = &trees.events;
                let reader = EventReader { tree, durable };
                let after = after.min(durable);
                let until = durable.saturating_add(1).max(first);
                let rows = tree.range(first.to_be_bytes()..until.to_be_bytes());
                page(log, reader.hash(after)?, first, limit, rows.map(value))
            }
            Domain::Audit => {
                let table = &trees.table;
                let after = after.min(audit::head(table)?.0);
                let rows = table.range(rows::audit(first)..=rows::audit(u64::MAX));
                page(
                    log,
                    audit::hash(table, after)?,
                    first,
                    limit,
                    rows.map(value),
                )
            }
        })
    }
}

fn value<E: Into<StoreError>>(row: Result<(IVec, IVec), E>) -> Result<IVec, StoreError> {
    row.map(|(_, value)| value).map_err(Into::into)
}

fn page(
    log: Domain,
    previous: Hash,
    first: u64,
    limit: usize,
    values: impl Iterator<Item = Result<IVec, StoreError>>,
) -> Result<Proof, StoreError> {
    let mut rows = Vec::new();
    let mut bytes = 0;
    for (at, value) in (0..).zip(values.take(limit)) {
        let (seq, value) = (first + at, value?);
        bytes += value.len();
        rows.push(Envelope::open(log, seq, &value)?.proof());
        if bytes >= PAGE_BYTES {
            break;
        }
    }
    Ok(Proof { previous, rows })
}
