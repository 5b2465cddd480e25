//! Bad luck on the line: what is lost, what is told, and how soon all is well again.

use crate::bus::{Bus, Noise, address, key};
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
    bus.run_while(5_000_000, |bus| !bus.panel.is_shared(address(0)));
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
    bus.run_while(20_000_000, |bus| bus.panel.is_shared(address(0)));
    assert_eq!(sharing(&bus, 0), [true, false]);
    assert_eq!(sharing(&bus, 1), []);
}

/// What was told of an address being shared.
fn sharing(bus: &Bus, at: usize) -> Vec<bool> {
    bus.events_of(at)
        .filter_map(|event| match event {
            LinkEvent::AddressShared(is_shared) => Some(*is_shared),
            _ => None,
        })
        .collect()
}

#[test]
fn a_second_reader_that_answers_after_the_first_is_told_of() {
    for (count, turnaround_us) in [(1, 2_000), (2, 2_500), (2, 3_500), (3, 4_500)] {
        let mut bus = online(count, 5);
        bus.add_stranger(address(0), Baud::B115200, DeviceSecurity::Required(key(0)));
        bus.set_turnaround(count, turnaround_us);
        bus.run_while(60_000_000, |bus| !bus.panel.is_shared(address(0)));
        bus.unplug(count);
        bus.run_while(30_000_000, |bus| bus.panel.is_shared(address(0)));
        assert_eq!(sharing(&bus, 0), [true, false]);
        card_arrives(&mut bus, 0);
    }
}

#[test]
fn a_bad_line_is_not_two_readers() {
    for (seed, corrupted) in [(1, 20), (2, 100), (3, 300), (4, 1000), (5, 3000)] {
        let mut bus = online(3, seed);
        bus.noise = Noise {
            corrupted,
            lost: corrupted / 5,
            added: corrupted / 5,
            ..Noise::default()
        };
        bus.run_for(60_000_000);
        bus.noise = Noise::default();
        bus.run_while(30_000_000, |bus| !bus.all_online());
        for at in 0..3 {
            assert_eq!(sharing(&bus, at), [], "{corrupted} in 10,000 bytes");
        }
    }
    // Nor where there is nobody to compare with.
    let mut bus = online(1, 6);
    bus.noise.corrupted = 3000;
    bus.run_for(30_000_000);
    assert_eq!(sharing(&bus, 0), []);
}

#[test]
fn a_slow_reader_on_a_good_line_is_not_two() {
    for turnaround_us in [20_000, 49_000, 60_000, 120_000] {
        let mut bus = online(2, 5);
        bus.set_turnaround(1, turnaround_us);
        bus.run_while(20_000_000, |bus| !bus.all_online());
        bus.lag_us = 60_000;
        bus.run_for(30_000_000);
        assert_eq!(sharing(&bus, 1), [], "after {turnaround_us} us");
    }
}
