//! The five published attacks.

use std::time::Duration;

use anyhow::Result;
use doorward_wire::osdp::{
    BusConfig, Capabilities, Capability, Channel, Check, Command, ControlPanel, Direction,
    Function, Header, LinkEvent, Mono, NakCode, Reply, Scbk, Security, Sequence, Station,
    encode_frame,
};

use super::eavesdropper::{self, handshakes_seen, keys_in_use, keys_sent};
use super::middle::{Act, Captured, Way};
use super::{
    Outcome, PATIENCE, SOON, Victim, address, card, card_of, cards, needs, online, own_key,
};
use crate::osdp_peer::orders::ReaderSaw;
use crate::osdp_peer::test_key;

const POLL: u8 = 0x60;
const ID: u8 = 0x61;
const CAP: u8 = 0x62;
const KEYSET: u8 = 0x75;
const CHLNG: u8 = 0x76;
const SCRYPT: u8 = 0x77;

/// A reply in clear, as an answer to this command.
fn forged(command: &Captured, reply: &Reply) -> Vec<u8> {
    let header = Header {
        station: Station::One(address()),
        direction: Direction::Reply,
        sequence: Sequence::from_bits(command.sequence()),
        check: Check::Crc,
        security: None,
    };
    let (mut body, mut out) = (Vec::new(), Vec::new());
    reply.encode(&mut body);
    let _ = encode_frame(&header, &body, |_| [0; 4], &mut out);
    out
}

fn forged_card() -> Option<Reply> {
    let bits = card(1000);
    let read = doorward_wire::osdp::CardRead::new(
        0,
        doorward_wire::osdp::CardCoding::Wiegand,
        bits.len(),
        bits.bytes(),
    );
    read.ok().map(Reply::Card)
}

/// 1. "Encryption is optional": a reader that talks in clear takes the place of the one that has a
///    key; and cards in clear are put into a session under way.
pub(super) fn encryption_is_optional() -> Result<Outcome> {
    const NAME: &str = "encryption is optional";
    let mut victim = Victim::commissioned()?;
    let forgery = needs(forged_card(), "no card")?;
    victim.middle.plot(move |frame| {
        let is_poll = frame.way == Way::Command && frame.code() == POLL;
        match is_poll {
            true => Act::Answer(forged(frame, &forgery)),
            false => Act::Pass,
        }
    });
    let events = victim.run(PATIENCE)?;
    if !cards(&events).is_empty() {
        return Ok(victim.outcome(NAME, true, "a card in clear was taken in a session"));
    }
    victim.middle.plot(|_| Act::Pass);
    // Another reader, which knows no Secure Channel and is shown cards.
    victim.swap(None, false)?;
    let mut events = Vec::new();
    for _ in 0..3 {
        victim.show();
        events.extend(victim.run(PATIENCE / 2)?);
    }
    let taken = !cards(&events).is_empty() || online(&events);
    Ok(victim.outcome(
        NAME,
        taken,
        "cards in clear, in a session and from a reader without a key, were not heard",
    ))
}

/// 2. Downgrade: whoever is in the middle says, in the reader's name, that it knows no Secure
///    Channel.
pub(super) fn downgrade() -> Result<Outcome> {
    let mut victim = Victim::commissioned()?;
    let before = victim.middle.captured().len();
    let lies = Capabilities::new([
        Capability::new(Function::CardFormat, 1, 0),
        Capability::new(Function::CheckCharacter, 1, 0),
        Capability::new(Function::Security, 0, 0),
    ]);
    let forgery = needs(forged_card(), "no card")?;
    victim.middle.plot(move |frame| {
        let reply = match (frame.way, frame.code()) {
            (Way::Command, CHLNG) => Reply::Nak(NakCode::SecurityUnsupported),
            (Way::Command, CAP) => Reply::Capabilities(lies),
            (Way::Command, POLL) if frame.security().is_none() => forgery,
            // Ends the session that is up.
            (Way::Command, _) if frame.security().is_some() => {
                Reply::Nak(NakCode::SecurityConditions)
            }
            _ => return Act::Pass,
        };
        Act::Answer(forged(frame, &reply))
    });
    let events = victim.run(PATIENCE * 2)?;
    let said = victim.middle.captured();
    let in_clear: Vec<u8> = said[before..]
        .iter()
        .filter(|frame| frame.way == Way::Command && frame.security().is_none())
        .map(Captured::code)
        .filter(|code| *code != ID)
        .collect();
    let presence = victim.bus.panel.presence(address());
    let is_clear = presence.is_some_and(|presence| presence.channel == Channel::Clear);
    let succeeded = !cards(&events).is_empty() || is_clear || !in_clear.is_empty();
    let found = format!(
        "the panel asks for the Secure Channel again and again, and said {} other things in clear",
        in_clear.len()
    );
    Ok(victim.outcome("downgrade", succeeded, found))
}

/// 3. Install mode: a reader that asks for the default key, with no install window open, after one
///    has served, and instead of the reader that has its key.
pub(super) fn install_mode() -> Result<Outcome> {
    const NAME: &str = "install mode";
    let mut victim = Victim::commissioned()?;
    victim.swap(None, true)?;
    let mut events = victim.run(PATIENCE)?;
    victim.show();
    events.extend(victim.run(PATIENCE / 2)?);
    if is_keyed(&mut victim) || online(&events) || !cards(&events).is_empty() {
        return Ok(victim.outcome(NAME, true, "a key was given without an install window"));
    }
    // The operator opens a window, and the reader at hand is given its key ...
    let new = Scbk::new(test_key(77));
    victim
        .bus
        .open_install(address(), new, Duration::from_secs(600))?;
    victim
        .bus
        .wait_until(address(), LinkEvent::KeyChanged, SOON)?;
    victim.bus.wait_online(address(), SOON)?;
    // ... and the window, which is open for ten minutes, does not serve the attacker's.
    victim.swap(None, true)?;
    let mut events = victim.run(PATIENCE)?;
    victim.show();
    events.extend(victim.run(PATIENCE / 2)?);
    let taken = is_keyed(&mut victim) || online(&events) || !cards(&events).is_empty();
    Ok(victim.outcome(
        NAME,
        taken,
        "no session with the default key and no KEYSET but the one that was asked for",
    ))
}

/// Whether the reader has come to a Secure Channel or been given a key since it was last swapped.
fn is_keyed(victim: &mut Victim) -> bool {
    let saw = victim
        .readers
        .wait_for("a key", Duration::from_millis(50), |report| {
            matches!(report.saw, ReaderSaw::KeySet { .. } | ReaderSaw::Secure).then_some(())
        });
    saw.is_ok()
}

/// 4. Weak keys: those of manuals and samples, tried on a recorded handshake; and given to the panel.
pub(super) fn weak_keys() -> Result<Outcome> {
    const NAME: &str = "weak keys";
    let weak = eavesdropper::weak_keys();
    for key in &weak {
        let security = Security::Required(Scbk::new(*key));
        let config =
            BusConfig::new(doorward_wire::osdp::Baud::B115200).with_reader(address(), security);
        if ControlPanel::new(config, [1; 16], Mono::ZERO).is_ok() {
            let victim = Victim::commissioned()?;
            return Ok(victim.outcome(NAME, true, format!("the panel takes the key {key:02x?}")));
        }
    }
    let victim = Victim::commissioned()?;
    let said = victim.middle.captured();
    // The control: with the right key among them, it is found.
    let with_right: Vec<_> = weak.iter().copied().chain([own_key()]).collect();
    needs(
        keys_in_use(&said, &with_right).first(),
        "no handshake was recorded",
    )?;
    let found = keys_in_use(&said, &weak);
    let told = format!(
        "{} keys were refused as configuration, and fit no recorded handshake",
        weak.len()
    );
    Ok(victim.outcome(NAME, !found.is_empty(), told))
}

/// 5. KEYSET capture: everything of a commissioned site is recorded, a rotation is waited for, and the
///    panel is made believe that the reader has lost its key, so that it would send it another one.
pub(super) fn keyset_capture() -> Result<Outcome> {
    let mut victim = Victim::commissioned()?;
    victim
        .bus
        .panel
        .send(address(), Command::KeySet(Scbk::new(test_key(55))))?;
    victim
        .bus
        .wait_until(address(), LinkEvent::KeyChanged, SOON)?;
    victim.bus.wait_online(address(), SOON)?;
    victim.show_until_read()?;
    victim.swap(None, true)?;
    victim.run(PATIENCE)?;
    let said = victim.middle.captured();
    let guesses = eavesdropper::weak_keys();
    let keys = keys_sent(&said, &guesses);
    let in_clear = said
        .iter()
        .filter(|frame| frame.code() == KEYSET && frame.way == Way::Command)
        .any(|frame| frame.security().is_none() || holds_key(frame));
    let found = format!(
        "{} handshakes and a rotation were recorded, and no key could be read",
        handshakes_seen(&said)
    );
    let succeeded = in_clear || !keys.is_empty();
    Ok(victim.outcome("KEYSET capture", succeeded, found))
}

fn holds_key(frame: &Captured) -> bool {
    [own_key(), test_key(55)]
        .iter()
        .any(|key| frame.bytes.windows(key.len()).any(|part| part == key))
}

/// What no panel can prevent: whoever records the line while an install window is open has the key.
pub(super) fn recorded_install() -> Result<Outcome> {
    let mut victim = Victim::start(Security::Unkeyed, None, true)?;
    let key = test_key(66);
    victim
        .bus
        .open_install(address(), Scbk::new(key), Duration::from_secs(60))?;
    victim
        .bus
        .wait_until(address(), LinkEvent::KeyChanged, SOON)?;
    victim.bus.wait_online(address(), SOON)?;
    let seen = victim.bus.wait_for("a card", Duration::ZERO, card_of);
    drop(seen);
    let said = victim.middle.captured();
    needs(
        said.iter().find(|frame| frame.code() == SCRYPT),
        "no handshake was recorded",
    )?;
    let has_it = keys_sent(&said, &[Scbk::DEFAULT]).contains(&key);
    Ok(victim.outcome(
        "recording an open install window",
        has_it,
        "KEYSET in a session with the public default key can be read by whoever records it",
    ))
}
