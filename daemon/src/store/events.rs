//! The passage log's rows: what is stored of an event, and reading it back.
//!
//! A row's key is its number, big-endian, from 1 without gaps. Public and personal part are
//! MessagePack maps with names.

use doorward_core::card::CardBits;
use doorward_core::event::Event;
use doorward_core::ids::{CredentialId, UserId};
use doorward_core::time::Wall;
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::chain::{ChainError, Domain, Hash};
use super::envelope::{Envelope, Salt, Verifier, seal};

const DOMAIN: Domain = Domain::Events;

/// One row of the passage log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Its number, from 1, without gaps.
    pub seq: u64,
    /// Its hash in the chain.
    pub hash: Hash,
    /// What happened. Without its personal part if that was erased.
    pub event: Event,
    /// Whether the personal part was erased.
    pub erased: bool,
}

/// What of an event is about a person.
#[derive(Debug, Serialize, Deserialize)]
struct Personal {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credential: Option<CredentialId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    card: Option<CardBits>,
}

/// Encodes `event` as row `seq` behind a row with hash `previous`. Returns its hash and value.
pub(super) fn encode(
    seq: u64,
    previous: &Hash,
    mut event: Event,
    salt: &Salt,
) -> Result<(Hash, Vec<u8>), StoreError> {
    let bad = |error| StoreError::row(DOMAIN.log(), &seq.to_be_bytes(), error);
    let personal = Personal {
        user: event.user.take(),
        credential: event.credential.take(),
        card: event.card.take(),
    };
    let personal = rmp_serde::to_vec_named(&personal).map_err(bad)?;
    let public = rmp_serde::to_vec_named(&event).map_err(bad)?;
    seal(DOMAIN, seq, previous, salt, &personal, &public)
}

/// A row without its salt and its personal part.
pub(super) fn erased(seq: u64, value: &[u8]) -> Result<Vec<u8>, StoreError> {
    Ok(Envelope::open(DOMAIN, seq, value)?.erase())
}

pub(super) fn decode(seq: u64, value: &[u8]) -> Result<EventRow, StoreError> {
    let bad = |error| StoreError::row(DOMAIN.log(), &seq.to_be_bytes(), error);
    let row = Envelope::open(DOMAIN, seq, value)?;
    let mut event: Event = rmp_serde::from_slice(row.public).map_err(bad)?;
    if let Some(personal) = row.personal() {
        let personal: Personal = rmp_serde::from_slice(personal).map_err(bad)?;
        event.user = personal.user;
        event.credential = personal.credential;
        event.card = personal.card;
    }
    Ok(EventRow {
        seq,
        hash: *row.hash,
        event,
        erased: row.personal().is_none(),
    })
}

/// Reads rows from the tree of events. Numbers above `durable` are not there yet.
pub(super) struct EventReader<'a> {
    pub(super) tree: &'a sled::Tree,
    pub(super) durable: u64,
}

impl EventReader<'_> {
    /// At most `limit` rows after number `seq`, in order.
    pub(super) fn after(&self, seq: u64, limit: usize) -> Result<Vec<EventRow>, StoreError> {
        self.rows(seq.saturating_add(1), self.durable)
            .take(limit)
            .collect()
    }

    /// At most `limit` rows before number `seq`, newest first.
    pub(super) fn before(&self, seq: u64, limit: usize) -> Result<Vec<EventRow>, StoreError> {
        self.rows(1, seq.saturating_sub(1).min(self.durable))
            .rev()
            .take(limit)
            .collect()
    }

    /// One row, if it is there.
    pub(super) fn row(&self, seq: u64) -> Result<Option<EventRow>, StoreError> {
        if seq > self.durable {
            return Ok(None);
        }
        let value = self.tree.get(seq.to_be_bytes())?;
        value.map(|value| decode(seq, &value)).transpose()
    }

    /// The number of the first row that happened at `at` or later; behind the newest if none did.
    /// Times never fall from one row to the next.
    pub(super) fn first_at(&self, at: Wall) -> Result<u64, StoreError> {
        let (mut from, mut until) = (1, self.durable.saturating_add(1));
        while from < until {
            let middle = from + (until - from) / 2;
            // A row that is gone is as old as the first that is left.
            let row = self.after(middle - 1, 1)?.pop();
            match row {
                Some(row) if row.event.at < at => from = row.seq + 1,
                _ => until = middle,
            }
        }
        Ok(from)
    }

    /// Checks the chain over the rows `from` to `until`, both included. Returns how many.
    pub(super) fn verify(&self, from: u64, until: u64) -> Result<u64, StoreError> {
        let (from, until) = (from.max(1), until.min(self.durable));
        if from > until {
            return Ok(0);
        }
        let mut chain = Verifier::behind(DOMAIN, from - 1, self.hash(from - 1)?);
        for entry in self.tree.range(from.to_be_bytes()..=until.to_be_bytes()) {
            let (key, value) = entry?;
            chain.check(number(&key)?, &value)?;
        }
        chain.finish(until)?;
        Ok(until - from + 1)
    }

    /// The hash of row `seq`; for 0, what stands before the first row.
    pub(super) fn hash(&self, seq: u64) -> Result<Hash, StoreError> {
        if seq == 0 {
            return Ok(DOMAIN.genesis());
        }
        match self.tree.get(seq.to_be_bytes())? {
            Some(value) => Ok(*Envelope::open(DOMAIN, seq, &value)?.hash),
            None => Err(ChainError::Missing {
                log: DOMAIN.log(),
                seq,
            }
            .into()),
        }
    }

    fn rows(
        &self,
        from: u64,
        until: u64,
    ) -> impl DoubleEndedIterator<Item = Result<EventRow, StoreError>> {
        // sled panics at a range that ends before it begins.
        let until = until.saturating_add(1).max(from);
        self.tree
            .range(from.to_be_bytes()..until.to_be_bytes())
            .map(|entry| {
                let (key, value) = entry?;
                decode(number(&key)?, &value)
            })
    }
}

/// The number of the newest row; 0 when there is none.
pub(super) fn newest(tree: &sled::Tree) -> Result<u64, StoreError> {
    tree.last()?.map_or(Ok(0), |(key, _)| number(&key))
}

pub(super) fn number(key: &[u8]) -> Result<u64, StoreError> {
    key.try_into()
        .map(u64::from_be_bytes)
        .map_err(|_| StoreError::row(DOMAIN.log(), key, "its key is not a number of 8 bytes"))
}

#[cfg(test)]
mod tests {
    use doorward_core::event::EventKind;
    use doorward_core::time::ClockTrust;

    use super::*;

    fn event() -> Event {
        let mut event = Event::new(EventKind::Denied, Wall(7), ClockTrust::Trusted, 3);
        event.user = Some(UserId(5));
        event.credential = Some(CredentialId(6));
        event.card = Some("0101".parse().unwrap());
        event.reader = Some("front".into());
        event
    }

    #[test]
    fn an_event_comes_back_whole() {
        let (hash, value) = encode(9, &[1; 32], event(), &[2; 32]).unwrap();
        let expected = EventRow {
            seq: 9,
            hash,
            event: event(),
            erased: false,
        };
        assert_eq!(decode(9, &value).unwrap(), expected);
    }

    #[test]
    fn an_erased_event_names_nobody() {
        let (hash, value) = encode(9, &[1; 32], event(), &[2; 32]).unwrap();
        let erased = Envelope::open(DOMAIN, 9, &value).unwrap().erase();
        let expected = EventRow {
            seq: 9,
            hash,
            event: Event {
                user: None,
                credential: None,
                card: None,
                ..event()
            },
            erased: true,
        };
        assert_eq!(decode(9, &erased).unwrap(), expected);
        assert!(!erased.windows(4).any(|w| w == b"0101" || w == b"user"));
    }

    #[test]
    fn a_field_of_a_newer_version_does_not_hide_an_event() {
        let public = rmp_serde::to_vec_named(&event()).unwrap();
        let mut fields: rmpv::Value = rmp_serde::from_slice(&public).unwrap();
        if let rmpv::Value::Map(fields) = &mut fields {
            fields.retain(|(name, _)| {
                !["user", "credential", "card"].contains(&name.as_str().unwrap())
            });
            fields.push(("altitude_m".into(), 12.into()));
        }
        let public = rmp_serde::to_vec_named(&fields).unwrap();
        let personal = b"\x80";
        let (_, value) = seal(DOMAIN, 9, &[1; 32], &[2; 32], personal, &public).unwrap();
        assert_eq!(decode(9, &value).unwrap().event.reader, event().reader);
    }
}
