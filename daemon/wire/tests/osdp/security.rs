//! What a panel and its readers accept from whom.

use crate::bus::{Bus, address, card, key};
use doorward_wire::osdp::{
    Baud, BusConfig, Channel, Check, DeviceSecurity, Direction, Header, LinkEvent, OfflineReason,
    Reply, SecureChannelFailure, Security, Sequence, Station, encode_frame,
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
    use SecureChannelFailure::{DefaultKeyOffered, KeyMismatch, NoKey, NotSupported};
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
    check(&Security::Unkeyed, &Device::Install, Err(NoKey));
    check(&Security::Unkeyed, &Device::Required(key(0)), Err(NoKey));
    check(&Security::Unkeyed, &Device::Unsupported, Err(NoKey));
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

#[test]
fn a_recorded_line_played_again_is_of_no_use() {
    let mut bus = Bus::secure(1, Baud::B115200, 27);
    bus.keeps_wire = true;
    bus.run_while(1_000_000, |bus| !bus.all_online());
    for _ in 0..5 {
        bus.show(0);
        bus.run_for(30_000);
    }
    let shown = bus.cards_of(0);
    assert_eq!(shown.len(), 5);
    bus.keeps_wire = false;
    let recorded = core::mem::take(&mut bus.wire);
    // Into the same session, and after a restart of the reader into the next one.
    for _ in 0..2 {
        for piece in recorded.chunks(64) {
            bus.panel_bytes(piece);
            bus.run_for(2_000);
        }
        bus.replug(0);
        bus.run_for(2_000_000);
    }
    bus.run_while(5_000_000, |bus| !bus.all_online());
    assert_eq!(bus.cards_of(0), shown);
}
