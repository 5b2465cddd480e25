//! What else somebody at the line can try.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use doorward_wire::osdp::{LinkEvent, SecureChannelFailure};

use super::middle::{Act, Captured, Way};
use super::{Outcome, PATIENCE, SOON, Victim, address, cards, needs, online};
use crate::osdp_peer::test_key;

const POLL: u8 = 0x60;
const RAW: u8 = 0x50;
/// An encrypted reply (SCS_18).
const ENCRYPTED_REPLY: u8 = 0x18;

/// A card's reply is recorded, and played again in the same session and in the next one.
pub(super) fn replay() -> Result<Outcome> {
    let mut victim = Victim::commissioned()?;
    let said = victim.middle.captured();
    let recorded = said.into_iter().rfind(|frame| {
        frame.way == Way::Reply && frame.code() == RAW && frame.security() == Some(ENCRYPTED_REPLY)
    });
    let recorded = needs(recorded, "no card was recorded")?;
    let play = |sequence: u8, recorded: &Captured| {
        let mut frame = recorded.clone();
        frame.bytes[4] = frame.bytes[4] & !3 | sequence;
        frame.repaired().bytes
    };
    let mut events = Vec::new();
    for is_new_session in [false, true] {
        let recorded = recorded.clone();
        victim.middle.plot(move |frame| match frame.way {
            Way::Command if frame.code() == POLL => {
                // As it was said, where its number fits; else with the number that does.
                Act::Answer(play(frame.sequence(), &recorded))
            }
            _ => Act::Pass,
        });
        events.extend(victim.run(PATIENCE)?);
        victim.middle.plot(|_| Act::Pass);
        // The attack may have left a session that stands.
        if !is_new_session && victim.bus.panel.presence(address()).is_none() {
            victim.bus.wait_online(address(), SOON)?;
        }
    }
    let taken = !cards(&events).is_empty();
    Ok(victim.outcome(
        "replay",
        taken,
        "a recorded card was played again as the answer to hundreds of polls, and not taken",
    ))
}

/// Single bits of sealed replies are turned over, with the CRC made right.
pub(super) fn bit_flips() -> Result<Outcome> {
    let mut victim = Victim::commissioned()?;
    let flips = Arc::new(Mutex::new(0_usize));
    let counted = Arc::clone(&flips);
    // Every second card reply is damaged, each in another bit; the others pass, so that the link lives.
    victim.middle.plot(move |frame| {
        if frame.way != Way::Reply || frame.security() != Some(ENCRYPTED_REPLY) {
            return Act::Pass;
        }
        let mut count = counted.lock().unwrap_or_else(PoisonError::into_inner);
        *count += 1;
        if count.is_multiple_of(2) {
            return Act::Pass;
        }
        let mut frame = frame.clone();
        let first = frame.code_at();
        let bits = (frame.bytes.len() - 2 - first) * 8;
        let bit = *count * 37 % bits;
        frame.bytes[first + bit / 8] ^= 1 << (bit % 8);
        Act::Instead(frame.repaired().bytes)
    });
    let mut invented = false;
    for _ in 0..40 {
        victim.show();
        let events = victim.run(PATIENCE / 20)?;
        invented |= cards(&events)
            .iter()
            .any(|bits| !victim.shown.contains(bits));
    }
    let tried = flips.lock().map_or(0, |count| count.div_ceil(2));
    needs((tried > 0).then_some(()), "nothing was encrypted")?;
    victim.middle.plot(|_| Act::Pass);
    victim.run(PATIENCE)?;
    victim.show_until_read()?;
    Ok(victim.outcome(
        "bit flips",
        invented,
        format!("{tried} replies with a bit turned over gave no card that was not shown"),
    ))
}

/// Another reader of the same site, which has a key of its own, takes the reader's place.
pub(super) fn swapped_reader() -> Result<Outcome> {
    let mut victim = Victim::commissioned()?;
    victim.swap(Some(test_key(9)), false)?;
    let failed = LinkEvent::SecureChannelFailed(SecureChannelFailure::KeyMismatch);
    victim.bus.wait_until(address(), failed, SOON)?;
    victim.show();
    let events = victim.run(PATIENCE)?;
    let taken = online(&events) || !cards(&events).is_empty();
    Ok(victim.outcome(
        "swapped reader",
        taken,
        "a reader with another key was told, and not heard",
    ))
}
