//! Hash chains over the logs: each row's hash covers the row before it.
//!
//! `hash = SHA-256(domain ‖ previous hash ‖ number ‖ length of public part ‖ public part ‖
//! commitment)`, numbers big-endian, 8 bytes for the row's number and 4 for the length. The
//! commitment is `SHA-256(salt ‖ personal part)`: once salt and personal part are erased, the
//! chain still verifies, and nobody can try out who it was.

use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// Which log a chain belongs to: rows of one log do not pass for rows of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// The passage log.
    Events,
    /// The admin log.
    Audit,
}

impl Domain {
    const fn tag(self) -> &'static [u8; 16] {
        match self {
            Self::Events => b"doorward/event/1",
            Self::Audit => b"doorward/audit/1",
        }
    }

    /// The log's name, for messages.
    #[must_use]
    pub const fn log(self) -> &'static str {
        match self {
            Self::Events => "passage log",
            Self::Audit => "admin log",
        }
    }

    /// What stands before the first row.
    #[must_use]
    pub fn genesis(self) -> Hash {
        Sha256::digest(self.tag()).into()
    }

    /// The hash of row `seq` after a row with hash `previous`.
    #[must_use]
    pub fn link(self, previous: &Hash, seq: u64, public: &[u8], commitment: &Hash) -> Hash {
        let length = u32::try_from(public.len()).unwrap_or(u32::MAX);
        Sha256::new()
            .chain_update(self.tag())
            .chain_update(previous)
            .chain_update(seq.to_be_bytes())
            .chain_update(length.to_be_bytes())
            .chain_update(public)
            .chain_update(commitment)
            .finalize()
            .into()
    }
}

/// What the chain holds of a personal part.
#[must_use]
pub fn commitment(salt: &[u8; 32], personal: &[u8]) -> Hash {
    Sha256::new()
        .chain_update(salt)
        .chain_update(personal)
        .finalize()
        .into()
}

/// Where a chain breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A row is missing.
    #[error("the {log} has no row {seq}: rows were taken away")]
    Missing {
        /// Which log.
        log: &'static str,
        /// The missing row.
        seq: u64,
    },
    /// A row does not follow from the one before it.
    #[error("row {seq} of the {log} was altered: its hash does not follow from the row before it")]
    Altered {
        /// Which log.
        log: &'static str,
        /// The row.
        seq: u64,
    },
    /// A row's personal part is not the one it was written with.
    #[error("row {seq} of the {log} was altered: its personal part does not match")]
    Personal {
        /// Which log.
        log: &'static str,
        /// The row.
        seq: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_row_is_covered() {
        let hash = |domain: Domain, previous: u8, seq, public: &[u8], commitment: u8| {
            domain.link(&[previous; 32], seq, public, &[commitment; 32])
        };
        let row = hash(Domain::Events, 1, 7, b"public", 2);
        assert_eq!(row, hash(Domain::Events, 1, 7, b"public", 2));
        for other in [
            hash(Domain::Audit, 1, 7, b"public", 2),
            hash(Domain::Events, 3, 7, b"public", 2),
            hash(Domain::Events, 1, 8, b"public", 2),
            hash(Domain::Events, 1, 7, b"Public", 2),
            hash(Domain::Events, 1, 7, b"public", 3),
        ] {
            assert_ne!(row, other);
        }
    }

    #[test]
    fn a_commitment_depends_on_its_salt() {
        assert_ne!(
            commitment(&[0; 32], b"user 7"),
            commitment(&[1; 32], b"user 7")
        );
        assert_ne!(
            commitment(&[0; 32], b"user 7"),
            commitment(&[0; 32], b"user 8")
        );
    }

    /// The chain's definition is a file format: it may not change by accident.
    #[test]
    fn the_definition_stands() {
        let hex = |hash: Hash| hash.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let personal = commitment(&[7; 32], b"personal");
        let first = Domain::Events.link(&Domain::Events.genesis(), 1, b"public", &personal);
        assert_eq!(hex(Domain::Events.genesis()), GENESIS);
        assert_eq!(hex(first), FIRST);
    }

    const GENESIS: &str = "427860a31716824aa61923add4561509440570828a1b5b03facf49145b6c4686";
    const FIRST: &str = "a8b31864cb77314f348ddbd19281328f947f996712c5888384b642e9917ce7b3";
}
