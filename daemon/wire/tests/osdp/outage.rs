//! A reader that is gone, and what its neighbours notice of it.

use crate::bus::{Bus, address, percentile};
use doorward_wire::osdp::{Baud, LinkEvent, OfflineReason};

/// Shows a card at a healthy reader every 100 ms for `seconds`.
fn tap_healthy(bus: &mut Bus, dead: &[usize], seconds: u64) {
    let end = bus.now + seconds * 1_000_000;
    while bus.now < end {
        let at = bus.dice.roll(bus.readers.len() as u64) as usize;
        if !dead.contains(&at) {
            bus.show(at);
        }
        let pause = 80_000 + bus.dice.roll(40_000);
        bus.run_for(pause);
    }
}

fn check(count: usize, dead: &[usize], outage_s: u64, p99_us: u64) {
    let mut bus = Bus::secure(count, Baud::B115200, 11);
    bus.run_while(3_000_000, |bus| !bus.all_online());
    bus.run_for(1_000_000);
    dead.iter().for_each(|at| bus.unplug(*at));
    tap_healthy(&mut bus, dead, outage_s);
    let latencies = bus.latencies_us();
    let (p50, p99) = (percentile(&latencies, 50), percentile(&latencies, 99));
    let max = *latencies.last().unwrap();
    dead.iter().for_each(|at| bus.replug(*at));
    let back_us = bus.run_while(2_000_000, |bus| !bus.all_online());
    println!(
        "{} of {count} dead for {outage_s} s: neighbours p50 {p50} p99 {p99} max {max} us, back after {back_us} us",
        dead.len()
    );
    assert!(p99 <= p99_us, "p99 {p99}");
    for at in dead {
        let gone = LinkEvent::Offline(OfflineReason::NoReply);
        assert_eq!(
            bus.events_of(*at).filter(|event| **event == gone).count(),
            1
        );
    }
}

#[test]
fn one_of_two_gone() {
    check(2, &[1], 20, 60_000);
    check(2, &[1], 120, 60_000);
}

#[test]
fn some_of_eight_gone() {
    check(8, &[3], 20, 60_000);
    // Half the bus at once: the first wait for each of the four cannot know.
    check(8, &[0, 1, 2, 3], 20, 120_000);
}

#[test]
fn a_reader_never_seen_costs_its_neighbours_little_and_is_found() {
    let mut bus = Bus::secure(8, Baud::B115200, 2);
    bus.unplug(5);
    bus.run_while(3_000_000, |bus| bus.panel.presence(address(7)).is_none());
    tap_healthy(&mut bus, &[5], 30);
    let latencies = bus.latencies_us();
    let p99 = percentile(&latencies, 99);
    println!("1 of 8 never seen: neighbours p99 {p99} us");
    assert!(p99 <= 80_000);
    bus.replug(5);
    bus.run_while(2_000_000, |bus| !bus.all_online());
    assert_eq!(bus.panel.stats(address(5)).unwrap().outages, 0);
}

#[test]
fn a_reader_that_restarts_unseen_is_back_at_once() {
    let mut bus = Bus::secure(2, Baud::B115200, 4);
    bus.run_while(2_000_000, |bus| !bus.all_online());
    bus.replug(0);
    // Its answer to a command on the way is waited for at least that long.
    bus.run_while(300_000, Bus::all_online);
    bus.run_while(100_000, |bus| !bus.all_online());
    let lost = LinkEvent::Offline(OfflineReason::SecureChannelLost);
    let sequence = LinkEvent::Offline(OfflineReason::SequenceLost);
    assert!(
        bus.events_of(0)
            .any(|event| *event == lost || *event == sequence)
    );
    assert_eq!(bus.panel.stats(address(1)).unwrap().outages, 0);
}

#[test]
fn a_reader_that_lags_now_and_then_stays_online() {
    for lag_us in [15_000, 30_000, 60_000, 120_000, 180_000] {
        let mut bus = Bus::secure(2, Baud::B115200, 6);
        bus.run_while(2_000_000, |bus| !bus.all_online());
        bus.lag_us = lag_us;
        for _ in 0..100 {
            bus.show(0);
            bus.run_for(150_000);
        }
        bus.lag_us = 0;
        bus.run_for(500_000);
        let stats = bus.panel.stats(address(0)).unwrap();
        println!(
            "lag {lag_us} us: {} polls, {} retries, {} bad sequences",
            stats.polls, stats.retries, stats.bad_sequences
        );
        assert_eq!(stats.outages, 0, "lag {lag_us}: {stats:?}");
        assert_eq!(bus.cards_of(0).len(), 100);
        assert!(stats.retries * 5 < stats.polls, "lag {lag_us}: {stats:?}");
    }
}
