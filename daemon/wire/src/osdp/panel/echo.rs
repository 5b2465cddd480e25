//! What a two-wire adapter with its receiver left on brings back of a command.

/// The command that was sent last, to be known again.
#[derive(Debug, Default)]
pub(super) struct Echo {
    pub(super) sent: Vec<u8>,
    /// How much of it has come back.
    matched: usize,
    is_over: bool,
}

impl Echo {
    pub(super) fn begin(&mut self, sent: &[u8]) {
        self.sent.clear();
        self.sent.extend_from_slice(sent);
        self.matched = 0;
        self.is_over = false;
    }

    /// Takes the echo from the front of `bytes`. A reply begins like a command does: returns how many
    /// bytes of the command were taken for an echo and belong to the reply, in front of `bytes`.
    pub(super) fn strip(&mut self, bytes: &mut &[u8]) -> usize {
        while !self.is_over {
            let Some((first, rest)) = bytes.split_first() else {
                return 0;
            };
            match self.sent.get(self.matched) {
                None => self.is_over = true,
                Some(sent) if sent == first => {
                    self.matched += 1;
                    *bytes = rest;
                }
                Some(_) => {
                    self.is_over = true;
                    return self.matched;
                }
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_echo_and_what_is_not() {
        let check = |chunks: &[&[u8]], expect: &[(usize, &[u8])]| {
            let mut echo = Echo::default();
            echo.begin(&[0xFF, 0x53, 0x00, 0x08]);
            let found: Vec<(usize, &[u8])> = chunks
                .iter()
                .map(|chunk| {
                    let mut bytes = *chunk;
                    (echo.strip(&mut bytes), bytes)
                })
                .collect();
            assert_eq!(found, expect, "{chunks:x?}");
        };
        check(&[&[0xFF, 0x53, 0x00, 0x08]], &[(0, &[])]);
        check(
            &[&[0xFF, 0x53], &[0x00, 0x08, 0xFF, 0x53, 0x80]],
            &[(0, &[]), (0, &[0xFF, 0x53, 0x80])],
        );
        // A reply, whole and in pieces.
        check(&[&[0xFF, 0x53, 0x80, 9]], &[(2, &[0x80, 9])]);
        check(&[&[0xFF, 0x53], &[0x80, 9]], &[(0, &[]), (2, &[0x80, 9])]);
        check(&[&[0x53, 0x80]], &[(0, &[0x53, 0x80])]);
    }
}
