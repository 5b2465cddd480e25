//! What a panel and its readers accept from whom.

use crate::bus::{Bus, address, card, key};
use doorward_wire::osdp::{
    Baud, BusConfig, Channel, Check, Command, CommandOutcome, DeviceSecurity, Direction, Header,
    KeyUsed, LinkEvent, OfflineReason, PdEvent, Reply, Scbk, SecureChannelFailure, Security,
    SendError, Sequence, Station, encode_frame,
};

fn one(panel: &Security, device: &DeviceSecurity) -> Bus {
    let config = BusConfig::new(Baud::B115200).with_reader(address(0), panel.clone());
    Bus::new(config, 7, |_| device.clone())
}

fn failures(bus: &Bus) -> Vec<SecureChannelFailure> {
    let failures = bus.events_of(0).filter_map(|event| match event {
        LinkEvent::SecureChannelFailed(failure) => Some(*failure),
        _ => None,
    });
    failures.collect()
}

#[test]
fn who_comes_to_terms_with_whom() {
    use DeviceSecurity as Device;
    fn check(panel: &Security, device: &Device, expect: Result<Channel, SecureChannelFailure>) {
        let what = format!("{panel:?} {device:?}");
        let mut bus = one(panel, device);
        bus.run_for(3_000_000);
        match expect {
            Ok(channel) => {
                let presence = bus.panel.presence(address(0)).expect(&what);
                assert_eq!(presence.channel, channel, "{what}");
                assert_eq!(failures(&bus), [], "{what}");
            }
            Err(failure) => {
                assert_eq!(bus.panel.presence(address(0)), None, "{what}");
                assert_eq!(failures(&bus), [failure], "{what}");
            }
        }
    }
    use SecureChannelFailure::{DefaultKeyOffered, KeyMismatch, NotSupported};
    check(
        &Security::Required(key(0)),
        &Device::Required(key(0)),
        Ok(Channel::Secure),
    );
    check(
        &Security::Required(key(0)),
        &Device::Keyed(key(0)),
        Ok(Channel::Secure),
    );
    check(
        &Security::Required(key(0)),
        &Device::Required(key(1)),
        Err(KeyMismatch),
    );
    check(
        &Security::Required(key(0)),
        &Device::Install,
        Err(DefaultKeyOffered),
    );
    check(
        &Security::Required(key(0)),
        &Device::Unsupported,
        Err(NotSupported),
    );
    check(
        &Security::Install(key(0)),
        &Device::Install,
        Ok(Channel::Secure),
    );
    check(
        &Security::Install(key(0)),
        &Device::Required(key(1)),
        Err(KeyMismatch),
    );
    check(
        &Security::Install(key(0)),
        &Device::Required(key(0)),
        Ok(Channel::Secure),
    );
    check(&Security::Clear, &Device::Install, Ok(Channel::Clear));
    check(&Security::Clear, &Device::Keyed(key(0)), Ok(Channel::Clear));
    check(&Security::Clear, &Device::Unsupported, Ok(Channel::Clear));
}

#[test]
fn a_reader_that_demands_a_secure_channel_says_so_to_a_clear_panel() {
    let mut bus = one(&Security::Clear, &DeviceSecurity::Required(key(0)));
    bus.run_for(1_000_000);
    assert_eq!(failures(&bus), [SecureChannelFailure::DemandedByReader]);
    bus.show(0);
    bus.run_for(1_000_000);
    assert!(bus.cards_of(0).is_empty());
}

#[test]
fn installing_a_key_happens_once_and_ends_install_mode() {
    let mut bus = one(&Security::Install(key(0)), &DeviceSecurity::Install);
    bus.run_while(1_000_000, |bus| !bus.all_online());
    let sessions: Vec<&PdEvent> = bus.readers[0]
        .events
        .iter()
        .filter(|event| matches!(event, PdEvent::SecureChannel(_)))
        .collect();
    assert_eq!(
        sessions,
        [
            &PdEvent::SecureChannel(KeyUsed::Default),
            &PdEvent::SecureChannel(KeyUsed::Own)
        ]
    );
    assert!(bus.readers[0].events.contains(&PdEvent::KeySet(key(0))));
    assert_eq!(
        bus.events_of(0)
            .filter(|event| **event == LinkEvent::KeyChanged)
            .count(),
        1
    );
    // The same reader, reset to install mode by somebody, is not given the key again.
    bus.replug(0);
    bus.run_for(3_000_000);
    assert_eq!(bus.panel.presence(address(0)), None);
    assert_eq!(failures(&bus), [SecureChannelFailure::DefaultKeyOffered]);
}

#[test]
fn a_key_that_is_repaired_is_found_within_seconds() {
    let mut bus = Bus::secure(1, Baud::B115200, 9);
    bus.run_while(1_000_000, |bus| !bus.all_online());
    let old = key(0);
    let token = bus.panel.send(address(0), Command::KeySet(key(5))).unwrap();
    bus.run_for(200_000);
    bus.run_while(1_000_000, |bus| !bus.all_online());
    let done = LinkEvent::Command {
        token,
        outcome: CommandOutcome::Done,
    };
    assert!(bus.events_of(0).any(|event| *event == done));
    assert!(
        bus.events_of(0)
            .any(|event| *event == LinkEvent::KeyChanged)
    );
    assert!(bus.readers[0].events.contains(&PdEvent::KeySet(key(5))));
    assert_ne!(old, key(5));
}

#[test]
fn a_key_whose_acknowledgement_is_lost_is_not_lost() {
    let mut bus = Bus::secure(1, Baud::B115200, 9);
    bus.run_while(1_000_000, |bus| !bus.all_online());
    bus.panel.send(address(0), Command::KeySet(key(5))).unwrap();
    // The reader takes the key, and its power fails before anybody hears of it.
    bus.run_while(100_000, |bus| {
        !bus.readers[0].events.contains(&PdEvent::KeySet(key(5)))
    });
    bus.readers[0].plugged = false;
    bus.run_for(2_000_000);
    bus.readers[0].plugged = true;
    bus.run_while(2_000_000, |bus| !bus.all_online());
    assert!(
        bus.events_of(0)
            .any(|event| *event == LinkEvent::KeyChanged)
    );
}

#[test]
fn keys_are_not_sent_in_clear_and_not_weak() {
    let mut bus = one(&Security::Clear, &DeviceSecurity::Install);
    bus.run_while(1_000_000, |bus| !bus.all_online());
    let sent = bus.panel.send(address(0), Command::KeySet(key(1)));
    assert_eq!(sent, Err(SendError::NeedsSecureChannel(address(0))));
    let mut bus = Bus::secure(1, Baud::B115200, 1);
    bus.run_while(1_000_000, |bus| !bus.all_online());
    let sent = bus
        .panel
        .send(address(0), Command::KeySet(Scbk::new(Scbk::DEFAULT)));
    assert_eq!(sent, Err(SendError::WeakKey));
}

fn forged(sequence: u8, reply: &Reply) -> Vec<u8> {
    let header = Header {
        station: Station::One(address(0)),
        direction: Direction::Reply,
        sequence: Sequence::from_bits(sequence),
        check: Check::Crc,
        security: None,
    };
    let (mut body, mut out) = (Vec::new(), Vec::new());
    reply.encode(&mut body);
    encode_frame(&header, &body, |_| [0; 4], &mut out).unwrap();
    out
}

#[test]
fn a_card_in_clear_is_refused_in_every_state() {
    let mut bus = Bus::secure(1, Baud::B115200, 21);
    let forgery = Reply::Card(card(0xBAD));
    // From the very first probe on, over the handshake and far into the session.
    for turn in 0..4000u64 {
        bus.panel_bytes(&forged((turn % 4) as u8, &forgery));
        bus.run_for(250);
        if turn % 100 == 99 {
            bus.run_for(100_000);
        }
    }
    bus.run_while(2_000_000, |bus| !bus.all_online());
    assert!(bus.cards_of(0).is_empty());
    let stats = bus.panel.stats(address(0)).unwrap();
    assert!(stats.clear_refused > 100, "{stats:?}");
    let told = bus
        .events_of(0)
        .filter(|event| matches!(event, LinkEvent::ClearRefused { code: 0x50 }))
        .count();
    assert!((1..30).contains(&told), "{told}");
    bus.show(0);
    bus.run_for(100_000);
    assert_eq!(bus.cards_of(0).len(), 1);
}

#[test]
fn no_card_shows_on_the_wire() {
    let mut bus = Bus::secure(2, Baud::B115200, 23);
    bus.keeps_wire = true;
    bus.run_while(1_000_000, |bus| !bus.all_online());
    let numbers: Vec<u32> = (0..40)
        .map(|at| {
            let number = bus.show(at % 2);
            bus.run_for(30_000);
            number
        })
        .collect();
    assert_eq!(bus.cards_of(0).len() + bus.cards_of(1).len(), 40);
    for number in numbers {
        assert!(
            !bus.wire
                .windows(4)
                .any(|bytes| bytes == number.to_be_bytes())
        );
    }
}

#[test]
fn a_forged_refusal_costs_a_handshake_and_no_more() {
    let mut bus = Bus::secure(1, Baud::B115200, 25);
    bus.run_while(1_000_000, |bus| !bus.all_online());
    let nak = Reply::Nak(doorward_wire::osdp::NakCode::SecurityConditions);
    for sequence in 0..4 {
        bus.panel_bytes(&forged(sequence, &nak));
        bus.run_for(1_000);
    }
    bus.run_for(20_000);
    let lost = LinkEvent::Offline(OfflineReason::SecureChannelLost);
    assert!(bus.events_of(0).any(|event| *event == lost));
    bus.run_while(1_000_000, |bus| !bus.all_online());
}
