//! From showing a card to the panel's event, on the bus alone.

use crate::bus::{Bus, percentile};
use doorward_wire::osdp::Baud;

fn measured(count: usize, baud: Baud, taps: usize) -> Vec<u64> {
    let mut bus = Bus::secure(count, baud, 1);
    bus.run_while(5_000_000, |bus| !bus.all_online());
    for _ in 0..taps {
        let pause = baud.bytes_us(1_700) + bus.dice.roll(baud.bytes_us(1_200));
        let at = bus.dice.roll(count as u64);
        bus.show(at as usize);
        bus.run_for(pause);
    }
    bus.latencies_us()
}

#[test]
fn cards_come_quickly() {
    fn check(count: usize, rate: u32, taps: usize, p50_us: u64, p99_us: u64) {
        let latencies = measured(count, Baud::new(rate).unwrap(), taps);
        assert_eq!(latencies.len(), taps);
        let (p50, p99) = (percentile(&latencies, 50), percentile(&latencies, 99));
        println!("{count} readers at {rate} baud in secure channel: p50 {p50} us, p99 {p99} us");
        assert!(p50 <= p50_us && p99 <= p99_us);
    }
    check(1, 115_200, 500, 7_000, 9_000);
    check(8, 115_200, 500, 16_000, 28_000);
    check(8, 9600, 100, 230_000, 340_000);
}
