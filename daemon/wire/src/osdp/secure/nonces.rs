//! Random numbers for the handshake, grown from a seed.

use core::fmt;

use aes::Aes128;
use aes::cipher::{Array, KeyInit};
use zeroize::Zeroize;

use super::session::encrypted;

/// A stream of random numbers, no one of which tells anything of the others.
///
/// It is AES-128 with fast key erasure: each draw replaces the key. The seed is an argument because
/// this crate has no source of randomness; it must come from the operating system's, once for each
/// machine and never the same twice.
pub(crate) struct Nonces {
    cipher: Aes128,
}

impl Nonces {
    pub(crate) fn new(mut seed: [u8; 16]) -> Self {
        let cipher = Aes128::new(&Array::from(seed));
        seed.zeroize();
        Self { cipher }
    }

    pub(crate) fn draw(&mut self) -> [u8; 8] {
        let [output, next] = [0, 1].map(|number| {
            let mut block = [0; 16];
            block[0] = number;
            encrypted(&self.cipher, block)
        });
        *self = Self::new(next);
        let [a, b, c, d, e, f, g, h, ..] = output;
        [a, b, c, d, e, f, g, h]
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonces(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_differ_and_a_seed_repeats_them() {
        let draws = |seed| {
            let mut nonces = Nonces::new([seed; 16]);
            (0..100).map(|_| nonces.draw()).collect::<Vec<_>>()
        };
        let mut all = draws(1);
        assert_eq!(all, draws(1));
        all.extend(draws(2));
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), 200);
    }
}
