//! Finding readers on a bus that is in service.

use crate::bus::{Bus, address, key, percentile};
use doorward_wire::osdp::{
    Address, Baud, BusScan, DeviceSecurity, FoundReader, Mono, SLOW_PASS_US,
};

/// Scans addresses 0 to `last`, showing cards at the readers in service, and returns who was found.
fn scan(bus: &mut Bus, last: u8, bauds: &[Baud], in_service: usize) -> Vec<FoundReader> {
    let addresses = (0..=last).map(|at| Address::new(at).unwrap()).collect();
    let mut scan = BusScan::new(addresses, bauds.to_vec());
    let (start, mut tap_at) = (bus.now, bus.now);
    while !scan.is_done() {
        scan.handle_timeout(Mono::from_micros(bus.now), &mut bus.panel);
        if bus.now >= tap_at && in_service > 0 {
            let at = bus.dice.roll(in_service as u64) as usize;
            bus.show(at);
            tap_at = bus.now + 80_000 + bus.dice.roll(40_000);
        }
        bus.run_for(500);
        assert!(bus.now - start < 300_000_000, "{scan:?}");
    }
    let (asked, all) = scan.progress();
    assert_eq!(asked, all);
    println!(
        "{} found at {all} places in {} ms",
        scan.found().len(),
        (bus.now - start) / 1000
    );
    scan.found().to_vec()
}

fn places(found: &[FoundReader]) -> Vec<(u8, u32, bool, bool)> {
    let place = |found: &FoundReader| {
        (
            found.address.number(),
            found.baud.rate(),
            found.is_in_service,
            found.id.is_some(),
        )
    };
    found.iter().map(place).collect()
}

#[test]
fn strangers_are_found_at_their_rates_and_those_in_service_go_on() {
    let mut bus = Bus::secure(2, Baud::B115200, 9);
    bus.run_while(3_000_000, |bus| !bus.all_online());
    let at = |number| Address::new(number).unwrap();
    // One as it comes from the factory, at an address that is taken at another rate.
    bus.add_stranger(at(0), Baud::B9600, DeviceSecurity::Install);
    bus.add_stranger(at(7), Baud::B115200, DeviceSecurity::Unsupported);
    bus.add_stranger(at(9), Baud::ALL[2], DeviceSecurity::Required(key(9)));
    let found = scan(&mut bus, 12, &Baud::ALL, 2);
    let expect = [
        (0, 9600, false, true),
        (9, 38_400, false, true),
        (0, 115_200, true, true),
        (1, 115_200, true, true),
        (7, 115_200, false, true),
    ];
    assert_eq!(places(&found), expect);
    let stranger = found.iter().find(|found| found.address == at(9)).unwrap();
    assert_eq!(stranger.id.unwrap().serial, 1009);
    assert!(stranger.capabilities.is_some());
    // Nobody was asked for more than who they are, and nobody in service lost its session.
    for reader in [0, 1] {
        let stats = bus.panel.stats(address(reader)).unwrap();
        assert_eq!((stats.outages, stats.sessions_lost), (0, 0));
        assert_eq!(stats.sessions, 1);
    }
    let latencies = bus.latencies_us();
    let (p50, p99) = (percentile(&latencies, 50), percentile(&latencies, 99));
    println!("cards meanwhile: p50 {p50} us, p99 {p99} us");
    // Whoever shows a card while a silent place is asked again waits for that.
    assert!(p50 < 100_000 && p99 < 280_000);
}

#[test]
fn a_bus_nobody_knows_is_scanned_quickly() {
    let mut bus = Bus::secure(1, Baud::B9600, 9);
    bus.unplug(0);
    bus.add_stranger(
        Address::new(5).unwrap(),
        Baud::B115200,
        DeviceSecurity::Install,
    );
    let found = scan(&mut bus, 31, &[Baud::B9600, Baud::B115200], 0);
    assert_eq!(places(&found), [(5, 115_200, false, true)]);
}

#[test]
fn strangers_that_take_their_time_are_found_when_asked_again() {
    for (in_service, turnaround_us) in [(0, 60_000), (0, 190_000), (2, 100_000), (2, 190_000)] {
        let mut bus = Bus::secure(in_service.max(1), Baud::B9600, 9);
        if in_service == 0 {
            bus.unplug(0);
        } else {
            bus.run_while(5_000_000, |bus| !bus.all_online());
        }
        let address = Address::new(11).unwrap();
        bus.add_stranger(address, Baud::B9600, DeviceSecurity::Install);
        bus.set_turnaround(in_service.max(1), turnaround_us);
        let found = scan(&mut bus, 15, &[Baud::B9600, Baud::B115200], in_service);
        let stranger = found.iter().find(|found| found.address == address);
        assert!(stranger.is_some(), "after {turnaround_us} us: {found:?}");
        assert!(stranger.unwrap().id.is_some());
    }
}

#[test]
fn asking_again_ends_in_time() {
    let mut bus = Bus::secure(1, Baud::B9600, 9);
    bus.run_while(3_000_000, |bus| !bus.all_online());
    let start = bus.now;
    scan(&mut bus, 126, &Baud::ALL, 1);
    // Asked once, all places take less than this beside a reader in service.
    let once_us = 127 * Baud::ALL.len() as u64 * 140_000;
    assert!(bus.now - start < once_us + SLOW_PASS_US + 1_000_000);
}

#[test]
fn two_strangers_with_one_address_are_told_of_and_not_guessed() {
    let mut bus = Bus::secure(1, Baud::B9600, 9);
    bus.run_while(3_000_000, |bus| !bus.all_online());
    for _ in 0..2 {
        bus.add_stranger(
            Address::new(3).unwrap(),
            Baud::B9600,
            DeviceSecurity::Install,
        );
    }
    let found = scan(&mut bus, 4, &[Baud::B9600], 1);
    assert_eq!(
        places(&found),
        [(0, 9600, true, true), (3, 9600, false, false)]
    );
}

#[test]
fn a_visit_that_is_given_up_leaves_nothing() {
    let mut bus = Bus::secure(1, Baud::B9600, 9);
    bus.run_while(3_000_000, |bus| !bus.all_online());
    let stranger = Address::new(3).unwrap();
    for pause_us in [0, 300, 20_000, 40_000] {
        assert!(
            bus.panel
                .visit(Mono::from_micros(bus.now), stranger, Baud::B9600, 50_000)
        );
        assert!(
            !bus.panel
                .visit(Mono::from_micros(bus.now), stranger, Baud::B9600, 50_000)
        );
        bus.run_for(pause_us);
        bus.panel.end_visit(Mono::from_micros(bus.now));
        assert_eq!(bus.panel.poll_visit(), None);
        assert_eq!(bus.panel.addresses().count(), 1);
        let number = bus.show(0);
        bus.run_while(1_000_000, |bus| !bus.cards_of(0).contains(&number));
    }
}
