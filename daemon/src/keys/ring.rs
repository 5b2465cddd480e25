//! What is known of one reader's key.

use core::fmt::Write;

use doorward_wire::osdp::{MAX_CANDIDATES, Scbk};
use sha2::{Digest, Sha256};

use crate::config::parse_scbk;

/// What the file of a ring begins with.
const FIRST_LINE: &str = "doorward reader key 1";

/// The keys that a reader has or may have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct KeyRing {
    /// The one it was last known to have.
    pub(crate) current: Option<Scbk>,
    /// Those that it may have been given since: the newest last, at most [`MAX_CANDIDATES`].
    pub(crate) candidates: Vec<Scbk>,
    /// The print of the key that a person gave and that this ring has replaced.
    given: Option<Print>,
}

/// SHA-256 of a key: tells whether a person has given another one.
type Print = [u8; 32];

impl KeyRing {
    /// The ring of a reader by the key that a person gave and the ring that was kept.
    ///
    /// A kept ring counts for as long as the given key is the one it has replaced, or none is given
    /// any more. Once a person gives another one, that one counts, alone.
    pub(crate) fn of(given: Option<Scbk>, kept: Option<Self>) -> Self {
        let print = given.as_ref().map(print);
        match kept {
            Some(kept) if print.is_none() || kept.given == print => kept,
            _ => Self {
                current: given,
                candidates: Vec::new(),
                given: print,
            },
        }
    }

    /// With one more key that the reader may be given soon. Of too many, the oldest is forgotten, as
    /// the control panel does.
    pub(crate) fn with_candidate(&self, key: Scbk) -> Self {
        let mut ring = self.clone();
        if ring.candidates.len() >= MAX_CANDIDATES {
            ring.candidates.remove(0);
        }
        ring.candidates.push(key);
        ring
    }

    /// The reader has shown that it has this key: no other is of use.
    pub(crate) fn proved(&self, key: Scbk) -> Self {
        Self {
            current: Some(key),
            candidates: Vec::new(),
            given: self.given,
        }
    }

    /// The reader has shown that it has the key it had.
    pub(crate) fn kept(&self) -> Self {
        Self {
            candidates: Vec::new(),
            ..self.clone()
        }
    }

    /// The newest candidate was never taken.
    pub(crate) fn without_newest(&self) -> Self {
        let mut ring = self.clone();
        ring.candidates.pop();
        ring
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = format!("{FIRST_LINE}\n");
        let mut line = |name: &str, bytes: &[u8]| {
            text.push_str(name);
            text.push_str(" = ");
            for byte in bytes {
                // Writing to a text does not fail.
                let _ = write!(text, "{byte:02x}");
            }
            text.push('\n');
        };
        if let Some(print) = &self.given {
            line("given", print);
        }
        if let Some(key) = &self.current {
            line("current", key.expose());
        }
        for key in &self.candidates {
            line("candidate", key.expose());
        }
        text
    }

    /// Reads what [`Self::to_text`] wrote. Says what is wrong without telling a key.
    pub(super) fn from_text(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        if lines.next() != Some(FIRST_LINE) {
            return Err(format!("does not begin with `{FIRST_LINE}`"));
        }
        let mut ring = Self::default();
        for (number, line) in (2..).zip(lines) {
            let at = |what: &str| format!("line {number}: {what}");
            let (name, value) = line.split_once(" = ").ok_or_else(|| at("has no ` = `"))?;
            match name {
                "given" => ring.given = Some(print_of(value).ok_or_else(|| at("is no print"))?),
                "current" => ring.current = Some(parse_scbk(value).map_err(|what| at(&what))?),
                "candidate" if ring.candidates.len() < MAX_CANDIDATES => {
                    let key = parse_scbk(value).map_err(|what| at(&what))?;
                    ring.candidates.push(key);
                }
                "candidate" => return Err(at("is one candidate too many")),
                _ => {
                    return Err(at(
                        "is not known, allowed are `given`, `current`, `candidate`",
                    ));
                }
            }
        }
        Ok(ring)
    }
}

fn print(key: &Scbk) -> Print {
    Sha256::digest(key.expose()).into()
}

fn print_of(text: &str) -> Option<Print> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| digit.to_digit(16)?.try_into().ok())
        .collect();
    let bytes: Vec<u8> = digits?
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect();
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(seed: u8) -> Scbk {
        Scbk::new(core::array::from_fn(|at| {
            (at * at + 31 * usize::from(seed) + 7) as u8
        }))
    }

    #[test]
    fn what_a_person_gives_counts_until_it_is_rotated_and_again_once_it_changes() {
        let given = KeyRing::of(Some(key(1)), None);
        assert_eq!(given.current, Some(key(1)));
        let rotated = given.with_candidate(key(2)).proved(key(2));
        assert_eq!(KeyRing::of(Some(key(1)), Some(rotated.clone())), rotated);
        let other = KeyRing::of(Some(key(3)), Some(rotated.clone()));
        assert_eq!((other.current, other.candidates), (Some(key(3)), vec![]));
        assert_eq!(KeyRing::of(None, Some(rotated.clone())), rotated);
        let installed = KeyRing::default().with_candidate(key(4)).proved(key(4));
        assert_eq!(KeyRing::of(None, Some(installed.clone())), installed);
        let by_hand = KeyRing::of(Some(key(5)), Some(installed));
        assert_eq!(by_hand.current, Some(key(5)));
    }

    #[test]
    fn of_too_many_candidates_the_oldest_goes() {
        let ring = (0..6).fold(KeyRing::default(), |ring, at| ring.with_candidate(key(at)));
        assert_eq!(ring.candidates, [key(2), key(3), key(4), key(5)]);
    }

    #[test]
    fn a_text_that_is_wrong_is_told_without_its_keys() {
        let check = |text: &str, expect: &str| {
            let error = KeyRing::from_text(text).unwrap_err();
            assert!(error.contains(expect), "{error}");
            assert!(!error.contains("d10c5e"), "{error}");
        };
        check("", "does not begin");
        check("doorward reader key 2\n", "does not begin");
        check("doorward reader key 1\ncurrent=d10c5e\n", "line 2: has no");
        check(
            "doorward reader key 1\ncurrent = d10c5e\n",
            "6 hexadecimal digits",
        );
        check("doorward reader key 1\nold = d10c5e\n", "is not known");
        check("doorward reader key 1\ngiven = d10c5e\n", "is no print");
        let weak = format!("doorward reader key 1\ncurrent = {}\n", "00".repeat(16));
        check(&weak, "publicly known");
        let many = KeyRing::default().with_candidate(key(1)).to_text();
        let line = many.lines().last().unwrap();
        check(
            &format!("{many}{}", format!("{line}\n").repeat(4)),
            "too many",
        );
    }

    proptest! {
        #[test]
        fn a_ring_is_read_as_it_was_written(given: bool, current: bool, seeds in prop::collection::vec(any::<u8>(), 0..=4)) {
            let mut ring = KeyRing::of(given.then(|| key(1)), None);
            ring.current = current.then(|| key(9));
            ring.candidates = seeds.into_iter().map(key).filter(|key| !key.is_weak()).collect();
            prop_assert_eq!(KeyRing::from_text(&ring.to_text()), Ok(ring));
        }

        #[test]
        fn any_text_is_survived(text in "\\PC*") {
            let _ = KeyRing::from_text(&text);
            let _ = KeyRing::from_text(&format!("{FIRST_LINE}\n{text}"));
        }
    }
}
