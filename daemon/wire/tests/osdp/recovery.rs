//! Bad luck on the line: what is lost, what is told, and how soon all is well again.

use crate::bus::{Bus, address, key};
use doorward_wire::osdp::{Baud, DeviceSecurity, LinkEvent};

fn online(count: usize, seed: u64) -> Bus {
    let mut bus = Bus::secure(count, Baud::B115200, seed);
    bus.run_while(3_000_000, |bus| !bus.all_online());
    bus
}

fn card_arrives(bus: &mut Bus, at: usize) {
    let number = bus.show(at);
    bus.run_while(1_000_000, |bus| !bus.cards_of(at).contains(&number));
}

#[test]
fn the_echo_of_its_own_bytes_does_not_confuse_the_panel() {
    for baud in [Baud::B9600, Baud::B115200] {
        let mut plain = Bus::secure(3, baud, 7);
        let mut echoing = Bus::secure(3, baud, 7);
        echoing.echoes = true;
        for bus in [&mut plain, &mut echoing] {
            bus.run_while(5_000_000, |bus| !bus.all_online());
            for at in [0, 1, 2, 0, 1, 2] {
                card_arrives(bus, at);
            }
        }
        for at in 0..3 {
            let [plain, echoing] = [&plain, &echoing].map(|bus| bus.panel.stats(address(at)));
            let (plain, echoing) = (plain.unwrap(), echoing.unwrap());
            assert_eq!(echoing.retries, 0, "{echoing:?}");
            assert_eq!(echoing.latency, plain.latency);
        }
        // A reader that is gone is missed as soon, though the panel hears itself.
        echoing.unplug(1);
        let gone = |bus: &Bus| bus.panel.presence(address(1)).is_none();
        echoing.run_while(2_000_000, |bus| !gone(bus));
        echoing.replug(1);
        echoing.run_while(2_000_000, |bus| !bus.all_online());
        assert!(!echoing.panel.is_unreadable(address(1)));
    }
}

#[test]
fn replies_that_break_off_are_asked_for_again() {
    for count in [1, 2, 3] {
        let mut bus = online(2, 5);
        let number = bus.show(0);
        bus.broken_replies = count;
        bus.run_while(2_000_000, |bus| !bus.cards_of(0).contains(&number));
        assert_eq!(bus.cards_of(0).len(), 1, "told once");
        for at in [0, 1] {
            let stats = bus.panel.stats(address(at)).unwrap();
            assert_eq!((stats.outages, stats.sessions_lost), (0, 0), "{stats:?}");
        }
    }
}

#[test]
fn half_a_frame_of_nobody_costs_a_moment() {
    let mut bus = online(2, 5);
    // A reply of the longest kind begins, and nothing follows.
    bus.inject(&[0xFF, 0x53, 0x80, 0xA0, 0x05]);
    card_arrives(&mut bus, 0);
    card_arrives(&mut bus, 1);
    for at in [0, 1] {
        assert_eq!(bus.panel.stats(address(at)).unwrap().outages, 0);
    }
}

#[test]
fn a_sequence_number_that_does_not_fit_begins_the_link_anew() {
    let mut bus = online(2, 5);
    // The reader has restarted, and nobody has seen it.
    bus.replug(0);
    bus.run_while(2_000_000, |bus| {
        bus.panel.stats(address(0)).unwrap().sessions < 2
    });
    bus.run_while(2_000_000, |bus| !bus.all_online());
    card_arrives(&mut bus, 0);
    assert_eq!(bus.panel.stats(address(1)).unwrap().outages, 0);
}

#[test]
fn two_readers_with_one_address_are_told_of_and_served_by_neither() {
    let mut bus = online(2, 5);
    bus.add_stranger(address(0), Baud::B115200, DeviceSecurity::Required(key(0)));
    let told = |bus: &Bus| {
        bus.events_of(0)
            .any(|event| *event == LinkEvent::Unreadable)
    };
    bus.run_while(20_000_000, |bus| !told(bus));
    bus.run_while(5_000_000, |bus| bus.panel.presence(address(0)).is_some());
    assert!(bus.panel.is_unreadable(address(0)));
    card_arrives(&mut bus, 1);
    // With one of them taken away, the other is used again.
    bus.unplug(2);
    bus.run_while(3_000_000, |bus| bus.panel.presence(address(0)).is_none());
    assert!(!bus.panel.is_unreadable(address(0)));
    card_arrives(&mut bus, 0);
    let times = bus
        .events_of(0)
        .filter(|event| **event == LinkEvent::Unreadable);
    assert_eq!(times.count(), 1);
}
