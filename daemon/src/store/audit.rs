//! The admin log: one entry for each record that a change wrote or took away.

use doorward_core::ids::Actor;
use doorward_core::model::{Record, RecordRef};
use doorward_core::time::Wall;
use rmpv::Value;
use serde::{Deserialize, Serialize};

use super::chain::{ChainError, Domain, Hash};
use super::envelope::{Envelope, Salt, Verifier, seal};
use super::packed::Packed;
use super::{StoreError, records, rows};

const DOMAIN: Domain = Domain::Audit;

/// One row of the admin log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number, from 1, without gaps.
    pub seq: u64,
    /// Its hash in the chain.
    pub hash: Hash,
    /// When.
    pub at: Wall,
    /// Who.
    pub actor: Actor,
    /// The table's revision after the change.
    pub revision: u64,
    /// From where and why, as whoever made the change put it.
    pub note: String,
    /// On what.
    pub target: RecordRef,
    /// What it was; `None` if there was nothing, or it was erased.
    pub before: Option<Record>,
    /// What it became; `None` if it was taken away, or it was erased.
    pub after: Option<Record>,
    /// Whether `before` and `after` were erased.
    pub erased: bool,
}

/// The part of an entry that stays for ever.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Public {
    pub(super) at: Wall,
    pub(super) actor: Actor,
    pub(super) revision: u64,
    pub(super) note: String,
    pub(super) target: RecordRef,
}

/// The part of an entry that may be about a person: the stored fields of the record.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Personal {
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
}

pub(super) fn encode(
    seq: u64,
    previous: &Hash,
    public: &Public,
    personal: &Personal,
    salt: &Salt,
) -> Result<(Hash, Vec<u8>), StoreError> {
    let bad = |error| StoreError::row(DOMAIN.log(), &seq.to_be_bytes(), error);
    let personal = rmp_serde::to_vec_named(personal).map_err(bad)?;
    let public = rmp_serde::to_vec_named(public).map_err(bad)?;
    seal(DOMAIN, seq, previous, salt, &personal, &public)
}

pub(super) fn decode(seq: u64, value: &[u8]) -> Result<AuditEntry, StoreError> {
    let bad = |error| StoreError::row(DOMAIN.log(), &seq.to_be_bytes(), error);
    let row = Envelope::open(DOMAIN, seq, value)?;
    let public: Public = rmp_serde::from_slice(row.public).map_err(bad)?;
    let (mut before, mut after) = (None, None);
    if let Some(personal) = row.personal() {
        let personal: Personal = rmp_serde::from_slice(personal).map_err(bad)?;
        let record = |value: Option<Value>| {
            value
                .map(|value| records::from_value(public.target.kind(), &value))
                .transpose()
                .map_err(|error| StoreError::row(DOMAIN.log(), &seq.to_be_bytes(), error))
        };
        (before, after) = (record(personal.before)?, record(personal.after)?);
    }
    Ok(AuditEntry {
        seq,
        hash: *row.hash,
        at: public.at,
        actor: public.actor,
        revision: public.revision,
        note: public.note,
        target: public.target,
        before,
        after,
        erased: row.personal().is_none(),
    })
}

/// A row without its salt and its personal part.
pub(super) fn erased(seq: u64, value: &[u8]) -> Result<Vec<u8>, StoreError> {
    Ok(Envelope::open(DOMAIN, seq, value)?.erase())
}

/// Number and hash of the newest entry; 0 and the chain's beginning when there is none.
pub(super) fn head(table: &Packed) -> Result<(u64, Hash), StoreError> {
    let all = rows::audit(0)..=rows::audit(u64::MAX);
    match table.range(all).next_back().transpose()? {
        None => Ok((0, DOMAIN.genesis())),
        Some((row, value)) => {
            let seq = rows::audit_number(&row)?;
            Ok((seq, *Envelope::open(DOMAIN, seq, &value)?.hash))
        }
    }
}

/// The hash of entry `seq`; for 0, what stands before the first entry.
pub(super) fn hash(table: &Packed, seq: u64) -> Result<Hash, StoreError> {
    if seq == 0 {
        return Ok(DOMAIN.genesis());
    }
    match table.get(rows::audit(seq))? {
        Some(value) => Ok(*Envelope::open(DOMAIN, seq, &value)?.hash),
        None => Err(ChainError::Missing {
            log: DOMAIN.log(),
            seq,
        }
        .into()),
    }
}

/// At most `limit` entries before number `seq`, newest first.
pub(super) fn before(
    table: &Packed,
    seq: u64,
    limit: usize,
) -> Result<Vec<AuditEntry>, StoreError> {
    table
        .range(rows::audit(0)..rows::audit(seq))
        .rev()
        .take(limit)
        .map(|entry| {
            let (row, value) = entry?;
            decode(rows::audit_number(&row)?, &value)
        })
        .collect()
}

/// Checks the chain from entry `from` to the newest. Returns how many were checked.
pub(super) fn verify(table: &Packed, from: u64) -> Result<u64, StoreError> {
    let from = from.max(1);
    let mut chain = Verifier::behind(DOMAIN, from - 1, hash(table, from - 1)?);
    let mut checked = 0;
    for entry in table.range(rows::audit(from)..=rows::audit(u64::MAX)) {
        let (row, value) = entry?;
        chain.check(rows::audit_number(&row)?, &value)?;
        checked += 1;
    }
    Ok(checked)
}
