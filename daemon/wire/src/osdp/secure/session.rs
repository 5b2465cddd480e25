//! A Secure Channel session: its keys, and the chain of MACs (SIA OSDP 2.2, annexes D.4 and D.5).

use core::fmt;

use aes::Aes128;
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::keys::Scbk;
use crate::osdp::frame::{
    BlockType, Direction, Frame, FrameTooLong, Header, MAC_LEN, SecurityBlock, encode_frame,
};

const BLOCK: usize = 16;
/// What ends data before padding, and a message before the last MAC block.
const END: u8 = 0x80;

/// The three keys of a session, derived from the base key and the panel's random number.
pub(crate) struct SessionKeys {
    enc: Aes128,
    mac1: Aes128,
    mac2: Aes128,
}

impl SessionKeys {
    /// Annex D.4.1: each key is the base key's cipher of `01 tag`, six bytes of the panel's random
    /// number, and zeros.
    pub(crate) fn derive(key: &Scbk, panel_random: &[u8; 8]) -> Self {
        let cipher = Aes128::new(&Array::from(*key.expose()));
        let derived = |tag| {
            let mut key = derived_key(&cipher, tag, panel_random);
            let cipher = Aes128::new(&Array::from(key));
            key.zeroize();
            cipher
        };
        Self {
            enc: derived(0x82),
            mac1: derived(0x01),
            mac2: derived(0x02),
        }
    }

    /// What proves to the panel that the PD has the key (annex D.4.3).
    pub(crate) fn client_cryptogram(
        &self,
        panel_random: &[u8; 8],
        pd_random: &[u8; 8],
    ) -> [u8; 16] {
        encrypted(&self.enc, joined(panel_random, pd_random))
    }

    /// What proves to the PD that the panel has the key (annex D.4.4).
    pub(crate) fn server_cryptogram(
        &self,
        panel_random: &[u8; 8],
        pd_random: &[u8; 8],
    ) -> [u8; 16] {
        encrypted(&self.enc, joined(pd_random, panel_random))
    }

    /// The R-MAC a session begins with (annex D.4.5).
    pub(crate) fn initial_r_mac(&self, server_cryptogram: [u8; 16]) -> [u8; 16] {
        encrypted(&self.mac2, encrypted(&self.mac1, server_cryptogram))
    }

    /// Annex D.5: CBC over all blocks, the last one with the second key.
    fn mac(&self, chained: [u8; BLOCK], message: &[u8]) -> [u8; BLOCK] {
        let last_at = message.len().saturating_sub(1) / BLOCK * BLOCK;
        let (front, last) = message.split_at(last_at);
        let mut state = chained;
        for block in front.as_chunks::<BLOCK>().0 {
            state = encrypted(&self.mac1, xored(state, block));
        }
        let mut block = [0; BLOCK];
        block[..last.len()].copy_from_slice(last);
        if let Some(end) = block.get_mut(last.len()) {
            *end = END;
        }
        encrypted(&self.mac2, xored(state, &block))
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKeys(redacted)")
    }
}

fn derived_key(cipher: &Aes128, tag: u8, panel_random: &[u8; 8]) -> [u8; 16] {
    let mut block = [0; BLOCK];
    block[0] = 0x01;
    block[1] = tag;
    block[2..8].copy_from_slice(&panel_random[..6]);
    encrypted(cipher, block)
}

fn joined(first: &[u8; 8], second: &[u8; 8]) -> [u8; 16] {
    let mut block = [0; BLOCK];
    block[..8].copy_from_slice(first);
    block[8..].copy_from_slice(second);
    block
}

pub(crate) fn encrypted(cipher: &Aes128, block: [u8; BLOCK]) -> [u8; BLOCK] {
    let mut block = Array::from(block);
    cipher.encrypt_block(&mut block);
    block.into()
}

fn decrypted(cipher: &Aes128, block: [u8; BLOCK]) -> [u8; BLOCK] {
    let mut block = Array::from(block);
    cipher.decrypt_block(&mut block);
    block.into()
}

fn xored(mut left: [u8; BLOCK], right: &[u8; BLOCK]) -> [u8; BLOCK] {
    left.iter_mut()
        .zip(right)
        .for_each(|(left, right)| *left ^= right);
    left
}

/// Whether two cryptograms or MACs are the same, in a time that does not tell where they differ.
pub(crate) fn is_same(left: &[u8], right: &[u8]) -> bool {
    bool::from(left.ct_eq(right))
}

/// A session under way. The cipher objects overwrite their keys when dropped.
#[derive(Debug)]
pub(crate) struct Session {
    keys: SessionKeys,
    /// The last MAC of a command.
    c_mac: [u8; BLOCK],
    /// The last MAC of a reply.
    r_mac: [u8; BLOCK],
}

/// Why a frame is not of this session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenError {
    /// It has no MAC.
    Clear,
    /// Its MAC is wrong.
    Mac,
    /// Its MAC is right and its data cannot be deciphered: whoever sealed it does it wrongly.
    Padding,
}

impl Session {
    /// The session that begins once both cryptograms have been found right.
    pub(crate) fn new(keys: SessionKeys, initial_r_mac: [u8; 16]) -> Self {
        // The first command chains on the R-MAC; the C-MAC is overwritten before it is read.
        Self {
            keys,
            c_mac: [0; BLOCK],
            r_mac: initial_r_mac,
        }
    }

    /// Appends the frame that carries `body` (code and data in clear) in this session to `out`.
    /// `header.security` is replaced. The chain moves on, so each sealed frame must be sent,
    /// and sent again with the very same bytes if need be.
    pub(crate) fn seal(
        &mut self,
        header: &Header,
        body: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), FrameTooLong> {
        let has_data = body.len() > 1;
        let kind = match (header.direction, has_data) {
            (Direction::Command, false) => BlockType::Scs15,
            (Direction::Command, true) => BlockType::Scs17,
            (Direction::Reply, false) => BlockType::Scs16,
            (Direction::Reply, true) => BlockType::Scs18,
        };
        let chained = self.chained(header.direction);
        if has_data {
            self.encipher(chained, body);
        }
        let header = Header {
            security: Some(SecurityBlock { kind, data: None }),
            ..*header
        };
        let mut whole = [0; BLOCK];
        let keys = &self.keys;
        encode_frame(
            &header,
            body,
            |message| {
                whole = keys.mac(chained, message);
                truncated(&whole)
            },
            out,
        )?;
        self.advance(header.direction, whole);
        Ok(())
    }

    /// Verifies `frame` and writes its code and data in clear to `body`. Only a frame that is right
    /// moves the chain on.
    pub(crate) fn open(&mut self, frame: &Frame<'_>, body: &mut Vec<u8>) -> Result<(), OpenError> {
        let (Some(mac), Some(block)) = (frame.mac, frame.header.security) else {
            return Err(OpenError::Clear);
        };
        let chained = self.chained(frame.header.direction);
        let whole = self.keys.mac(chained, frame.authenticated);
        if !is_same(&truncated(&whole), &mac) {
            return Err(OpenError::Mac);
        }
        self.advance(frame.header.direction, whole);
        body.clear();
        body.extend_from_slice(frame.body);
        // Some devices mark a message without data as encrypted; there is nothing to decipher.
        if block.kind.is_encrypted() && body.len() > 1 {
            self.decipher(chained, body)?;
        }
        Ok(())
    }

    /// What a message in `direction` chains on: the last MAC of the other direction (annex D.5).
    const fn chained(&self, direction: Direction) -> [u8; BLOCK] {
        match direction {
            Direction::Command => self.r_mac,
            Direction::Reply => self.c_mac,
        }
    }

    const fn advance(&mut self, direction: Direction, mac: [u8; BLOCK]) {
        match direction {
            Direction::Command => self.c_mac = mac,
            Direction::Reply => self.r_mac = mac,
        }
    }

    /// CBC, starting from the inverse of the chained MAC; the code stays in clear (annex D.4.6).
    fn encipher(&self, chained: [u8; BLOCK], body: &mut Vec<u8>) {
        body.push(END);
        let padded = (body.len() - 1).next_multiple_of(BLOCK) + 1;
        body.resize(padded, 0);
        let mut state = chained.map(|byte| !byte);
        for block in body[1..].as_chunks_mut::<BLOCK>().0 {
            state = encrypted(&self.keys.enc, xored(state, block));
            *block = state;
        }
    }

    fn decipher(&self, chained: [u8; BLOCK], body: &mut Vec<u8>) -> Result<(), OpenError> {
        let (blocks, []) = body[1..].as_chunks_mut::<BLOCK>() else {
            return Err(OpenError::Padding);
        };
        let mut state = chained.map(|byte| !byte);
        for block in blocks {
            let cipher = *block;
            *block = xored(decrypted(&self.keys.enc, cipher), &state);
            state = cipher;
        }
        let end = body.iter().rposition(|byte| *byte != 0).unwrap_or(0);
        let is_padding = end > 0 && body[end] == END && body.len() - end <= BLOCK;
        body.truncate(end.max(1));
        if is_padding {
            Ok(())
        } else {
            Err(OpenError::Padding)
        }
    }
}

fn truncated(mac: &[u8; BLOCK]) -> [u8; MAC_LEN] {
    let [a, b, c, d, ..] = *mac;
    [a, b, c, d]
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
