//! Somebody who has recorded a line and knows, or guesses, a key. Written from the standard alone,
//! beside the code it is to break (SIA OSDP 2.2, annex D).

use aes::Aes128;
use aes::cipher::{Array, BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _};

use super::middle::{Captured, Way};

const CHLNG: u8 = 0x76;
const CCRYPT: u8 = 0x76;
const SCRYPT: u8 = 0x77;
const RMAC_I: u8 = 0x78;
const KEYSET: u8 = 0x75;
/// An encrypted command (SCS_17).
const ENCRYPTED_COMMAND: u8 = 0x17;

/// A handshake that came past: what both sides said in clear.
#[derive(Debug, Clone, Default)]
struct Handshake {
    panel_random: [u8; 8],
    reader_random: [u8; 8],
    reader_cryptogram: [u8; 16],
    initial_mac: Option<[u8; 16]>,
    /// The first encrypted command, and its code.
    first: Option<(u8, Vec<u8>)>,
}

/// Keys that stand in manuals and samples, and what people make up.
#[must_use]
pub fn weak_keys() -> Vec<[u8; 16]> {
    let mut keys: Vec<[u8; 16]> = vec![*b"0123456789:;<=>?"];
    for byte in 0..=255_u8 {
        keys.push([byte; 16]);
        keys.push(std::array::from_fn(|at| byte.wrapping_add(at as u8)));
        keys.push(std::array::from_fn(|at| byte.wrapping_sub(at as u8)));
    }
    keys.push(std::array::from_fn(|at| at as u8 * 0x11));
    for half in [0x0123_4567_89AB_CDEF_u64, 0xFEDC_BA98_7654_3210] {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&half.to_be_bytes());
        key[8..].copy_from_slice(&half.to_be_bytes());
        keys.push(key);
        key[8..].copy_from_slice(&(!half).to_be_bytes());
        keys.push(key);
    }
    for word in [0xDEAD_BEEF_u32, 0xCAFE_BABE, 0x1234_5678, 0xA5A5_5A5A] {
        let mut key = [0; 16];
        for part in key.as_chunks_mut::<4>().0 {
            *part = word.to_be_bytes();
        }
        keys.push(key);
    }
    keys.extend([
        *b"passwordpassword",
        *b"0123456789ABCDEF",
        *b"OSDP secure key!",
        *b"abcdefghijklmnop",
    ]);
    keys
}

/// Which of `keys` the readers in a recording have, by their handshakes.
#[must_use]
pub(super) fn keys_in_use(said: &[Captured], keys: &[[u8; 16]]) -> Vec<[u8; 16]> {
    let handshakes = handshakes(said);
    let mut found: Vec<_> = keys
        .iter()
        .filter(|key| handshakes.iter().any(|handshake| fits(handshake, key)))
        .copied()
        .collect();
    found.dedup();
    found
}

/// The keys that were sent with KEYSET at the beginning of a session whose key is among `keys`.
#[must_use]
pub(super) fn keys_sent(said: &[Captured], keys: &[[u8; 16]]) -> Vec<[u8; 16]> {
    let mut found = Vec::new();
    for handshake in handshakes(said) {
        let (Some(mac), Some((KEYSET, data))) = (handshake.initial_mac, &handshake.first) else {
            continue;
        };
        for key in keys.iter().filter(|key| fits(&handshake, key)) {
            let clear = decrypted(&session_key(key, &handshake.panel_random), mac, data);
            // Key type 1, 16 bytes (annex D, KEYSET).
            if let Some(key) = clear
                .strip_prefix(&[1, 16])
                .and_then(|key| key.first_chunk())
            {
                found.push(*key);
            }
        }
    }
    found
}

/// How many handshakes were recorded, with an answer of the reader.
#[must_use]
pub(super) fn handshakes_seen(said: &[Captured]) -> usize {
    handshakes(said).len()
}

fn handshakes(said: &[Captured]) -> Vec<Handshake> {
    let mut all: Vec<Handshake> = Vec::new();
    let mut panel_random = None;
    for frame in said {
        let data = frame.data();
        match (frame.way, frame.code(), frame.security()) {
            (Way::Command, CHLNG, Some(0x11)) => panel_random = data.first_chunk::<8>().copied(),
            (Way::Reply, CCRYPT, Some(0x12)) => {
                let (Some(panel_random), true) = (panel_random, data.len() >= 32) else {
                    continue;
                };
                let mut handshake = Handshake {
                    panel_random,
                    ..Handshake::default()
                };
                handshake.reader_random.copy_from_slice(&data[8..16]);
                handshake.reader_cryptogram.copy_from_slice(&data[16..32]);
                all.push(handshake);
            }
            (Way::Command, SCRYPT, _) => {}
            (Way::Reply, RMAC_I, Some(0x14)) => {
                if let Some(last) = all.last_mut() {
                    last.initial_mac = data.first_chunk::<16>().copied();
                }
            }
            (Way::Command, code, Some(ENCRYPTED_COMMAND)) => {
                if let Some(last) = all.last_mut()
                    && last.first.is_none()
                {
                    let end = data.len().saturating_sub(4);
                    last.first = Some((code, data[..end].to_vec()));
                }
            }
            // Any other command moves the chain of MACs on: what follows is not the first.
            (Way::Command, code, Some(0x15)) => {
                if let Some(last) = all.last_mut() {
                    last.first.get_or_insert((code, Vec::new()));
                }
            }
            _ => {}
        }
    }
    all
}

fn fits(handshake: &Handshake, key: &[u8; 16]) -> bool {
    let mut block = [0; 16];
    block[..8].copy_from_slice(&handshake.panel_random);
    block[8..].copy_from_slice(&handshake.reader_random);
    let key = session_key(key, &handshake.panel_random);
    let mut block = Array::from(block);
    Aes128::new(&Array::from(key)).encrypt_block(&mut block);
    block.0 == handshake.reader_cryptogram
}

fn session_key(key: &[u8; 16], panel_random: &[u8; 8]) -> [u8; 16] {
    let mut block = [0; 16];
    block[..2].copy_from_slice(&[0x01, 0x82]);
    block[2..8].copy_from_slice(&panel_random[..6]);
    let mut block = Array::from(block);
    Aes128::new(&Array::from(*key)).encrypt_block(&mut block);
    block.0
}

/// CBC, beginning with the complement of the last MAC (annex D.4.6).
fn decrypted(key: &[u8; 16], mac: [u8; 16], data: &[u8]) -> Vec<u8> {
    let cipher = Aes128::new(&Array::from(*key));
    let mut before = mac.map(|byte| !byte);
    let mut clear = Vec::new();
    for part in data.as_chunks::<16>().0 {
        let mut block = Array::from(*part);
        cipher.decrypt_block(&mut block);
        clear.extend(
            block
                .0
                .iter()
                .zip(before)
                .map(|(byte, before)| byte ^ before),
        );
        before = *part;
    }
    clear
}
