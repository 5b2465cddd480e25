//! PINs at a keypad: digits until `#`, within their time; and what becomes of somebody who guesses.

use std::collections::BTreeMap;

use crate::card::CardRead;
use crate::decide::Matched;
use crate::ids::CredentialId;
use crate::pin::{PIN_DIGITS_MAX, Pin};
use crate::time::Mono;

/// How long somebody may take for a PIN, from its first digit or from the card before it, in
/// milliseconds.
pub const PIN_ENTRY_MS: u64 = 15_000;
/// Wrong PINs at one reader, or with one card, before more are refused.
pub const PIN_TRIES_MAX: u8 = 5;
/// How long wrong PINs are remembered after the last of them, in milliseconds.
pub const PIN_TRIES_MS: u64 = 600_000;
/// How long PINs are refused after too many wrong ones, in milliseconds.
pub const PIN_LOCKOUT_MS: u64 = 300_000;
/// The most cards whose wrong PINs are remembered; of more, the oldest is forgotten.
const CARDS_MAX: usize = 1_024;

/// What somebody is entering at a reader.
#[derive(Debug, Default)]
pub(super) struct Entry {
    digits: [u8; PIN_DIGITS_MAX],
    len: usize,
    /// More digits than a PIN has.
    too_long: bool,
    /// The card that was shown before, and whose it is.
    pub(super) card: Option<Box<CardRead>>,
    pub(super) matched: Matched,
    until: Option<Mono>,
}

/// What a key does to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pressed {
    /// It goes on.
    More,
    /// Nothing was entered.
    Nothing,
    /// It is complete; `None` for digits that are no PIN.
    Complete(Option<Pin>),
}

impl Entry {
    /// Begins with a card; digits pressed before it do not count.
    pub(super) fn card_shown(&mut self, now: Mono, card: &CardRead, matched: Matched) {
        *self = Self {
            card: Some(Box::new(*card)),
            matched,
            until: Some(now.plus_ms(PIN_ENTRY_MS)),
            ..Self::default()
        };
    }

    pub(super) fn press(&mut self, now: Mono, key: u8) -> Pressed {
        match key {
            b'#' if self.len == 0 => return Pressed::Nothing,
            b'#' => {
                let pin = Pin::new(&self.digits[..self.len]).ok();
                return Pressed::Complete(pin.filter(|_| !self.too_long));
            }
            b'*' => (self.len, self.too_long) = (0, false),
            b'0'..=b'9' if self.len < PIN_DIGITS_MAX => {
                self.digits[self.len] = key;
                self.len += 1;
            }
            b'0'..=b'9' => self.too_long = true,
            _ => {}
        }
        if self.until.is_none() {
            self.until = Some(now.plus_ms(PIN_ENTRY_MS));
        }
        Pressed::More
    }

    pub(super) const fn poll_timeout(&self) -> Option<Mono> {
        self.until
    }

    pub(super) fn is_due(&self, now: Mono) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// Wrong PINs, counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tries {
    count: u8,
    last: Mono,
    locked_until: Option<Mono>,
}

impl Tries {
    /// Counts a wrong PIN. Tells whether no more are taken from now on.
    pub(super) fn wrong(&mut self, now: Mono) -> bool {
        if now.since_us(self.last) > PIN_TRIES_MS * 1_000 {
            self.count = 0;
        }
        self.last = now;
        self.count = self.count.saturating_add(1);
        if self.count < PIN_TRIES_MAX || self.is_locked(now) {
            return false;
        }
        self.lock_for(now, PIN_LOCKOUT_MS);
        true
    }

    /// A right PIN: whoever knows it did not guess.
    pub(super) fn right(&mut self) {
        *self = Self::default();
    }

    pub(super) fn is_locked(&self, now: Mono) -> bool {
        self.locked_until.is_some_and(|until| now < until)
    }

    /// Refuses PINs for a while. Afterwards, the count begins anew.
    pub(super) fn lock_for(&mut self, now: Mono, ms: u64) {
        self.locked_until = Some(now.plus_ms(ms.min(PIN_LOCKOUT_MS)));
        self.count = 0;
    }
}

/// Wrong PINs by the card that was shown with them.
#[derive(Debug, Default)]
pub(super) struct CardTries(BTreeMap<CredentialId, Tries>);

impl CardTries {
    pub(super) fn of(&mut self, card: CredentialId) -> &mut Tries {
        if self.0.len() >= CARDS_MAX && !self.0.contains_key(&card) {
            let oldest = self.0.iter().min_by_key(|(_, tries)| tries.last);
            if let Some(oldest) = oldest.map(|(card, _)| *card) {
                self.0.remove(&oldest);
            }
        }
        self.0.entry(card).or_default()
    }

    pub(super) fn right(&mut self, card: CredentialId) {
        self.0.remove(&card);
    }

    pub(super) fn is_locked(&self, card: CredentialId, now: Mono) -> bool {
        self.0.get(&card).is_some_and(|tries| tries.is_locked(now))
    }

    /// The cards that are locked out.
    pub(super) fn locked(&self, now: Mono) -> impl Iterator<Item = CredentialId> {
        let locked = self.0.iter().filter(move |(_, tries)| tries.is_locked(now));
        locked.map(|(card, _)| *card)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entered(keys: &str) -> Pressed {
        let mut entry = Entry::default();
        let mut last = Pressed::More;
        for key in keys.bytes() {
            last = entry.press(Mono(1), key);
        }
        last
    }

    #[test]
    fn digits_until_hash_are_a_pin() {
        let pin = |digits: &str| Pressed::Complete(Some(digits.parse().unwrap()));
        for (keys, expect) in [
            ("1234", Pressed::More),
            ("1234#", pin("1234")),
            ("12*3456#", pin("3456")),
            ("123456789012#", pin("123456789012")),
            ("1234567890123#", Pressed::Complete(None)),
            ("1234567890123*1234#", pin("1234")),
            ("123#", Pressed::Complete(None)),
            ("#", Pressed::Nothing),
            ("12*#", Pressed::Nothing),
            ("1a2b34#", pin("1234")),
        ] {
            assert_eq!(entered(keys), expect, "{keys}");
        }
    }

    #[test]
    fn an_entry_has_its_time_from_its_first_key() {
        let mut entry = Entry::default();
        assert_eq!(entry.poll_timeout(), None);
        entry.press(Mono(1_000_000), b'1');
        entry.press(Mono(9_000_000), b'2');
        assert_eq!(entry.poll_timeout(), Some(Mono(16_000_000)));
        assert!(!entry.is_due(Mono(15_999_999)) && entry.is_due(Mono(16_000_000)));
    }

    #[test]
    fn a_guesser_is_locked_out_for_a_while() {
        let at = |s: u64| Mono(s * 1_000_000);
        let mut tries = Tries::default();
        for s in 0..4 {
            assert!(!tries.wrong(at(s)) && !tries.is_locked(at(s)));
        }
        assert!(tries.wrong(at(4)));
        assert!(tries.is_locked(at(303)) && !tries.is_locked(at(304)));
        // Afterwards there are as many tries as before.
        for s in 310..314 {
            assert!(!tries.wrong(at(s)));
        }
        assert!(tries.wrong(at(314)));
    }

    #[test]
    fn wrong_pins_are_forgotten() {
        let at = |s: u64| Mono(s * 1_000_000);
        let mut tries = Tries::default();
        for s in 0..4 {
            tries.wrong(at(s));
        }
        assert!(!tries.wrong(at(604)));
        tries.right();
        for s in 700..704 {
            assert!(!tries.wrong(at(s)));
        }
    }

    #[test]
    fn many_cards_are_bounded() {
        let mut tries = CardTries::default();
        for card in 0..3_000 {
            tries.of(CredentialId(card)).wrong(Mono(u64::from(card)));
        }
        assert_eq!(tries.0.len(), CARDS_MAX);
        assert!(tries.0.contains_key(&CredentialId(2_999)));
    }
}
