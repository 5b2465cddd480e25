//! How a row of either log is stored: its place in the hash chain, its public and personal part.
//!
//! In this order: version (1 byte), the chain's hash (32), commitment (32), state of the personal
//! part (1 byte: 1 present, 2 erased), salt (32, only if present), length of the personal part
//! (2, big-endian, only if present), personal part, public part.

use super::StoreError;
use super::chain::{ChainError, Domain, Hash, commitment};
use super::proof::ProofRow;

/// The version that this code writes.
const VERSION: u8 = 1;
const PRESENT: u8 = 1;
const ERASED: u8 = 2;

/// Random bytes that hide a personal part in its commitment.
pub(super) type Salt = [u8; 32];

/// A stored row, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Envelope<'a> {
    domain: Domain,
    pub(super) seq: u64,
    pub(super) hash: &'a Hash,
    commitment: &'a Hash,
    /// Salt and bytes; `None` once erased.
    personal: Option<(&'a Salt, &'a [u8])>,
    pub(super) public: &'a [u8],
}

/// Encodes row `seq` behind a row with hash `previous`. Returns its hash and value.
pub(super) fn seal(
    domain: Domain,
    seq: u64,
    previous: &Hash,
    salt: &Salt,
    personal: &[u8],
    public: &[u8],
) -> Result<(Hash, Vec<u8>), StoreError> {
    let personal_len = u16::try_from(personal.len())
        .map_err(|_| StoreError::row(domain.log(), &seq.to_be_bytes(), "it is too long"))?;
    let commitment = commitment(salt, personal);
    let hash = domain.link(previous, seq, public, &commitment);
    let mut value = Vec::with_capacity(100 + personal.len() + public.len());
    value.push(VERSION);
    value.extend_from_slice(&hash);
    value.extend_from_slice(&commitment);
    value.push(PRESENT);
    value.extend_from_slice(salt);
    value.extend_from_slice(&personal_len.to_be_bytes());
    value.extend_from_slice(personal);
    value.extend_from_slice(public);
    Ok((hash, value))
}

impl<'a> Envelope<'a> {
    /// Takes a row's value apart.
    pub(super) fn open(domain: Domain, seq: u64, value: &'a [u8]) -> Result<Self, StoreError> {
        let bad = |what: &str| StoreError::row(domain.log(), &seq.to_be_bytes(), what);
        let short = || bad("it is cut short");
        let (&version, rest) = value.split_first().ok_or_else(short)?;
        if version != VERSION {
            return Err(bad("a newer version wrote it"));
        }
        let (hash, rest) = rest.split_first_chunk::<32>().ok_or_else(short)?;
        let (commitment, rest) = rest.split_first_chunk::<32>().ok_or_else(short)?;
        let (&state, rest) = rest.split_first().ok_or_else(short)?;
        let (personal, public) = match state {
            ERASED => (None, rest),
            PRESENT => {
                let (salt, rest) = rest.split_first_chunk::<32>().ok_or_else(short)?;
                let (len, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
                let (personal, public) = rest
                    .split_at_checked(usize::from(u16::from_be_bytes(*len)))
                    .ok_or_else(short)?;
                (Some((salt, personal)), public)
            }
            _ => return Err(bad("its personal part is neither present nor erased")),
        };
        Ok(Self {
            domain,
            seq,
            hash,
            commitment,
            personal,
            public,
        })
    }

    /// The personal part; `None` once erased.
    pub(super) fn personal(&self) -> Option<&'a [u8]> {
        self.personal.map(|(_, personal)| personal)
    }

    /// The hash that it was written with, whatever it is worth.
    pub(super) fn hash_of(domain: Domain, seq: u64, value: &[u8]) -> Option<Hash> {
        Envelope::open(domain, seq, value).ok().map(|row| *row.hash)
    }

    /// Checks the row against the hash of the one before it.
    pub(super) fn verify(&self, previous: &Hash) -> Result<(), ChainError> {
        let (log, seq) = (self.domain.log(), self.seq);
        if let Some((salt, personal)) = self.personal
            && commitment(salt, personal) != *self.commitment
        {
            return Err(ChainError::Personal { log, seq });
        }
        if self
            .domain
            .link(previous, seq, self.public, self.commitment)
            != *self.hash
        {
            return Err(ChainError::Altered { log, seq });
        }
        Ok(())
    }

    /// The row with all that is needed to check it elsewhere.
    pub(super) fn proof(&self) -> ProofRow {
        ProofRow {
            seq: self.seq,
            hash: *self.hash,
            commitment: *self.commitment,
            personal: self.personal.map(|(salt, bytes)| (*salt, bytes.to_vec())),
            public: self.public.to_vec(),
        }
    }

    /// The same row with salt and personal part erased.
    pub(super) fn erase(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(66 + self.public.len());
        value.push(VERSION);
        value.extend_from_slice(self.hash);
        value.extend_from_slice(self.commitment);
        value.push(ERASED);
        value.extend_from_slice(self.public);
        value
    }
}

/// Follows a chain over rows in order.
pub(super) struct Verifier {
    domain: Domain,
    previous: Hash,
    next: u64,
}

impl Verifier {
    /// Begins behind row `seq`, whose hash is `previous`.
    pub(super) const fn behind(domain: Domain, seq: u64, previous: Hash) -> Self {
        Self {
            domain,
            previous,
            next: seq + 1,
        }
    }

    /// The next row must be this one.
    pub(super) fn check(&mut self, seq: u64, value: &[u8]) -> Result<(), StoreError> {
        if seq != self.next {
            return Err(self.missing().into());
        }
        let row = Envelope::open(self.domain, seq, value)?;
        row.verify(&self.previous)?;
        self.previous = *row.hash;
        self.next += 1;
        Ok(())
    }

    /// The row that was checked last, and its hash.
    pub(super) const fn end(&self) -> (u64, Hash) {
        (self.next - 1, self.previous)
    }

    /// The rows must have reached `until`.
    pub(super) fn finish(self, until: u64) -> Result<(), StoreError> {
        if self.next <= until {
            return Err(self.missing().into());
        }
        Ok(())
    }

    fn missing(&self) -> ChainError {
        ChainError::Missing {
            log: self.domain.log(),
            seq: self.next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Hash = [1; 32];

    fn sealed() -> (Hash, Vec<u8>) {
        seal(Domain::Events, 9, &BEFORE, &[2; 32], b"personal", b"public").unwrap()
    }

    #[test]
    fn a_row_comes_back_whole() {
        let (hash, value) = sealed();
        let row = Envelope::open(Domain::Events, 9, &value).unwrap();
        row.verify(&BEFORE).unwrap();
        assert_eq!((row.hash, row.public), (&hash, &b"public"[..]));
        assert_eq!(row.personal(), Some(&b"personal"[..]));
    }

    #[test]
    fn an_erased_row_still_verifies_and_tells_nothing() {
        let (hash, value) = sealed();
        let erased = Envelope::open(Domain::Events, 9, &value).unwrap().erase();
        let row = Envelope::open(Domain::Events, 9, &erased).unwrap();
        row.verify(&BEFORE).unwrap();
        assert_eq!((row.hash, row.public), (&hash, &b"public"[..]));
        assert_eq!(row.personal(), None);
        let holds = |needle: &[u8]| erased.windows(needle.len()).any(|w| w == needle);
        assert!(!holds(b"personal") && !holds(&[2; 32]));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let (_, value) = sealed();
        for at in 0..value.len() * 8 {
            let mut altered = value.clone();
            altered[at / 8] ^= 1 << (at % 8);
            let noticed = match Envelope::open(Domain::Events, 9, &altered) {
                Ok(row) => row.verify(&BEFORE).is_err(),
                Err(_) => true,
            };
            assert!(noticed, "bit {at}");
        }
    }

    #[test]
    fn a_row_cut_short_is_an_error() {
        let (_, value) = sealed();
        for len in 0..value.len() {
            let cut = Envelope::open(Domain::Events, 9, &value[..len])
                .map(|row| row.verify(&BEFORE).is_err());
            assert!(cut.unwrap_or(true), "cut to {len} bytes");
        }
    }

    #[test]
    fn a_missing_row_is_named() {
        let (hash, first) = seal(
            Domain::Events,
            1,
            &Domain::Events.genesis(),
            &[0; 32],
            b"",
            b"1",
        )
        .unwrap();
        let (_, second) = seal(Domain::Events, 2, &hash, &[0; 32], b"", b"2").unwrap();
        let begin = || Verifier::behind(Domain::Events, 0, Domain::Events.genesis());

        let mut chain = begin();
        chain.check(1, &first).unwrap();
        chain.check(2, &second).unwrap();
        chain.finish(2).unwrap();

        assert!(
            begin()
                .check(2, &second)
                .unwrap_err()
                .to_string()
                .contains("no row 1")
        );
        let mut short = begin();
        short.check(1, &first).unwrap();
        assert!(
            short
                .finish(2)
                .unwrap_err()
                .to_string()
                .contains("no row 2")
        );
    }
}
