//! A bad line: what was delivered arrives once and in order, and everything recovers.

use crate::bus::{Bus, Noise, address};
use doorward_wire::osdp::{Baud, LinkEvent};

const READERS: usize = 4;

/// Cards that readers know to be delivered arrive exactly once, in order.
fn invariant_delivered_once(bus: &Bus, seed: u64) {
    for (at, reader) in bus.readers.iter().enumerate() {
        let cards = bus.cards_of(at);
        assert!(
            cards.is_sorted_by(|a, b| a < b),
            "seed {seed}: reader {at} out of order or twice: {cards:?}"
        );
        for number in &reader.delivered {
            assert!(
                cards.contains(number),
                "seed {seed}: reader {at} lost card {number:#x}"
            );
        }
        assert!(
            cards.iter().all(|number| bus.shown.contains_key(number)),
            "seed {seed}: a card nobody has shown"
        );
    }
}

fn a_bad_line(seed: u64, noise: Noise, outages: bool) -> Bus {
    let mut bus = Bus::secure(READERS, Baud::B115200, seed);
    bus.noise = noise;
    for _ in 0..60 {
        let at = bus.dice.roll(READERS as u64) as usize;
        match bus.dice.roll(10) {
            0 if outages => bus.unplug(at),
            1 | 2 if !bus.readers[at].plugged => bus.replug(at),
            _ if bus.readers[at].plugged => {
                bus.show(at);
            }
            _ => {}
        }
        let pause = bus.dice.roll(150_000);
        bus.run_for(pause);
        invariant_delivered_once(&bus, seed);
    }
    for at in 0..READERS {
        if !bus.readers[at].plugged {
            bus.replug(at);
        }
    }
    bus
}

/// Once the noise has stopped, every reader is back, in Secure Channel, and cards come through.
fn recovers(mut bus: Bus, seed: u64) -> u64 {
    bus.noise = Noise::default();
    let took_us = bus.run_while(3_000_000, |bus| {
        !bus.all_online() || !bus.readers.iter().all(|reader| reader.device.is_secure())
    });
    // Whatever waited goes first.
    bus.run_for(1_000_000);
    let before: Vec<usize> = (0..READERS).map(|at| bus.cards_of(at).len()).collect();
    for at in 0..READERS {
        bus.show(at);
    }
    bus.run_for(500_000);
    for (at, before) in before.into_iter().enumerate() {
        assert_eq!(
            bus.cards_of(at).len(),
            before + 1,
            "seed {seed}: reader {at}"
        );
    }
    invariant_delivered_once(&bus, seed);
    took_us
}

#[test]
fn noise_loses_and_doubles_no_card_and_recovery_is_quick() {
    let kinds = [
        Noise {
            lost: 50,
            ..Noise::default()
        },
        Noise {
            corrupted: 50,
            ..Noise::default()
        },
        Noise {
            doubled: 50,
            ..Noise::default()
        },
        Noise {
            swapped: 50,
            ..Noise::default()
        },
        Noise {
            added: 50,
            ..Noise::default()
        },
        Noise {
            lost: 20,
            corrupted: 20,
            doubled: 20,
            swapped: 20,
            added: 20,
        },
        Noise {
            lost: 200,
            corrupted: 200,
            doubled: 200,
            swapped: 200,
            added: 200,
        },
    ];
    let mut slowest_us = 0;
    let (mut delivered, mut shown) = (0, 0);
    for seed in 0..21 {
        let bus = a_bad_line(seed, kinds[seed as usize % kinds.len()], seed % 2 == 1);
        delivered += bus
            .readers
            .iter()
            .map(|reader| reader.delivered.len())
            .sum::<usize>();
        shown += bus.shown.len();
        slowest_us = slowest_us.max(recovers(bus, seed));
    }
    println!("noise: {delivered} of {shown} cards delivered, slowest recovery {slowest_us} us");
    assert!(delivered * 2 > shown);
    assert!(slowest_us <= 2_000_000);
}

#[test]
fn light_noise_keeps_the_secure_channel() {
    let mut bus = Bus::secure(READERS, Baud::B115200, 5);
    bus.run_while(2_000_000, |bus| !bus.all_online());
    bus.noise = Noise {
        corrupted: 10,
        lost: 10,
        ..Noise::default()
    };
    bus.run_for(20_000_000);
    for at in 0..READERS {
        let stats = bus.panel.stats(address(at)).unwrap();
        assert!(stats.retries > 20, "{stats:?}");
        assert!(stats.sessions <= 2, "{stats:?}");
    }
}

#[test]
fn a_babbling_line_harms_only_while_it_babbles() {
    let mut bus = Bus::secure(2, Baud::B115200, 3);
    bus.run_while(2_000_000, |bus| !bus.all_online());
    for _ in 0..2000 {
        let bytes: Vec<u8> = (0..1 + bus.dice.roll(40))
            .map(|_| bus.dice.roll(256) as u8)
            .collect();
        bus.inject(&bytes);
        bus.run_for(1000);
    }
    bus.run_while(2_000_000, |bus| !bus.all_online());
    assert!(
        !bus.events_of(0)
            .any(|event| matches!(event, LinkEvent::Card(_)))
    );
}
