//! Baud rates: raised one by one, rolled back, and found again.

use crate::bus::{Bus, Noise, address};
use doorward_wire::osdp::{Baud, Mono, Raised, SpeedRaise, SpeedRefusal};

const B38400: Baud = Baud::ALL[2];
const B230400: Baud = Baud::ALL[5];

fn online(count: usize, baud: Baud, seed: u64) -> Bus {
    let mut bus = Bus::secure(count, baud, seed);
    bus.run_while(10_000_000, |bus| !bus.all_online());
    bus
}

/// Raises the bus, showing a card now and then, and returns the result.
fn raise(bus: &mut Bus, limit: Baud) -> Raised {
    raise_until(bus, limit, u64::MAX)
}

/// The same, given up after a while.
fn raise_until(bus: &mut Bus, limit: Baud, give_up_us: u64) -> Raised {
    let mut raise = SpeedRaise::new(&bus.panel, limit, false).unwrap();
    let (start, mut seen) = (bus.now, bus.reported.len());
    loop {
        let now = Mono::from_micros(bus.now);
        for (_, event) in &bus.reported[seen..] {
            raise.handle_event(now, event);
        }
        seen = bus.reported.len();
        if bus.now - start > give_up_us {
            raise.give_up();
        }
        raise.handle_timeout(now, &mut bus.panel);
        if let Some(raised) = raise.poll_done(&bus.panel) {
            println!("raised after {} ms: {raised:?}", (bus.now - start) / 1000);
            return raised;
        }
        assert!(bus.now - start < 200_000_000, "not done: {raise:?}");
        if bus.dice.roll(100) == 0 {
            let at = bus.dice.roll(bus.readers.len() as u64) as usize;
            bus.show(at);
        }
        bus.run_for(500);
    }
}

/// All readers are up at these rates, and every card that a reader knows to be delivered has come.
fn all_are_at(bus: &mut Bus, rates: &[Baud]) {
    bus.run_while(5_000_000, |bus| !bus.all_online());
    for (at, rate) in rates.iter().enumerate() {
        assert_eq!(bus.speed(at), *rate, "reader {at}");
        assert_eq!(bus.panel.baud(address(at)), Some(*rate), "reader {at}");
    }
    for at in 0..rates.len() {
        let number = bus.show(at);
        bus.run_while(8_000_000, |bus| !bus.cards_of(at).contains(&number));
        let cards = bus.cards_of(at);
        let delivered = &bus.readers[at].delivered;
        assert!(delivered.iter().all(|number| cards.contains(number)));
    }
}

#[test]
fn all_readers_go_to_the_highest_rate() {
    for (count, limit) in [(1, B230400), (8, B230400), (8, Baud::B115200)] {
        let mut bus = online(count, Baud::B9600, 3);
        let raised = raise(&mut bus, limit);
        assert_eq!(raised.baud, Some(limit));
        assert!(raised.readers.iter().all(|reader| reader.refusal.is_none()));
        all_are_at(&mut bus, &vec![limit; count]);
    }
}

#[test]
fn readers_that_are_called_back_go_back() {
    for give_up_us in [0, 30_000, 100_000, 300_000, 700_000, 1_500_000, 3_000_000] {
        let mut bus = online(4, Baud::B9600, 3);
        let raised = raise_until(&mut bus, B230400, give_up_us);
        assert_eq!(raised.baud, Some(Baud::B9600), "after {give_up_us} us");
        all_are_at(&mut bus, &[Baud::B9600; 4]);
    }
}

#[test]
fn a_bus_that_is_at_the_limit_stays() {
    let mut bus = online(2, Baud::B115200, 3);
    assert_eq!(raise(&mut bus, Baud::B115200).baud, Some(Baud::B115200));
    assert!(bus.readers.iter().all(|reader| {
        let com = |event: &doorward_wire::osdp::PdEvent| {
            matches!(event, doorward_wire::osdp::PdEvent::ComSet(_))
        };
        !reader.events.iter().any(com)
    }));
}

#[test]
fn the_slowest_reader_decides_for_all() {
    let mut bus = online(4, Baud::B9600, 5);
    bus.slow_down(2, B38400);
    bus.run_while(5_000_000, |bus| !bus.all_online());
    let raised = raise(&mut bus, B230400);
    assert_eq!(raised.baud, Some(B38400));
    let refusal = SpeedRefusal::Answered(Baud::B9600);
    assert_eq!(raised.readers[2].refusal, Some((B230400, refusal)));
    all_are_at(&mut bus, &[B38400; 4]);
}

#[test]
fn a_reader_that_takes_none_has_all_go_back() {
    let mut bus = online(3, Baud::B9600, 5);
    bus.slow_down(1, Baud::B9600);
    bus.run_while(5_000_000, |bus| !bus.all_online());
    assert_eq!(raise(&mut bus, B230400).baud, Some(Baud::B9600));
    all_are_at(&mut bus, &[Baud::B9600; 3]);
}

#[test]
fn a_reader_that_agrees_and_does_not_come_back_has_all_go_back() {
    let mut bus = online(3, Baud::B9600, 5);
    bus.stubborn.insert(2);
    let raised = raise(&mut bus, Baud::B115200);
    assert_eq!(raised.baud, Some(Baud::B9600));
    let refusal = (Baud::B115200, SpeedRefusal::NotBack);
    assert_eq!(raised.readers[2].refusal, Some(refusal));
    all_are_at(&mut bus, &[Baud::B9600; 3]);
}

#[test]
fn a_line_that_is_too_noisy_at_a_rate_runs_at_a_lower_one() {
    let mut bus = online(3, Baud::B9600, 5);
    bus.noise = Noise {
        corrupted: 60,
        ..Noise::default()
    };
    bus.noise_above = Some(Baud::B115200);
    let raised = raise(&mut bus, B230400);
    assert_eq!(raised.baud, Some(Baud::B115200));
    all_are_at(&mut bus, &[Baud::B115200; 3]);
}

#[test]
fn a_rate_that_is_clearly_worse_than_the_one_before_is_not_kept() {
    // In 10,000 bytes: at the old rate, and at the new one.
    for (before, above, expect) in [
        (0, 0, Baud::B115200),
        (0, 30, Baud::B9600),
        (0, 60, Baud::B9600),
        (10, 10, Baud::B115200),
    ] {
        let mut bus = online(3, Baud::B9600, 5);
        // There is only one rate to try.
        (0..3).for_each(|at| bus.slow_down(at, Baud::B115200));
        bus.run_while(5_000_000, |bus| !bus.all_online());
        bus.noise = Noise {
            corrupted: above,
            ..Noise::default()
        };
        bus.noise_above = (before == 0).then_some(Baud::ALL[2]);
        let raised = raise(&mut bus, Baud::B115200);
        bus.noise = Noise::default();
        let told: Vec<_> = raised.readers.iter().map(|reader| reader.refusal).collect();
        let worse = told.iter().flatten().find_map(|(_, why)| match why {
            SpeedRefusal::LineErrors { here, before } => Some((*here, *before)),
            _ => None,
        });
        println!("{before} and {above}: {:?}, {worse:?}", raised.baud);
        match expect {
            Baud::B9600 => {
                assert!(raised.baud < Some(Baud::B115200), "{raised:?}");
                let (here, before) = worse.expect("a rate refused for its errors");
                assert_eq!(before.failed, 0);
                assert!(here.failed > 2 && here.of > 0);
            }
            _ => assert_eq!(raised.baud, Some(expect), "{raised:?}"),
        }
    }
}

#[test]
fn noise_on_the_way_leaves_nobody_behind() {
    for seed in [0, 1, 2, 12] {
        let mut bus = online(4, Baud::B9600, seed);
        bus.noise = Noise {
            lost: 10,
            corrupted: 30,
            added: 10,
            ..Noise::default()
        };
        let raised = raise(&mut bus, Baud::B115200);
        bus.noise = Noise::default();
        assert!(raised.baud.is_some(), "seed {seed}: {raised:?}");
        bus.run_while(60_000_000, |bus| !bus.all_online());
    }
}

#[test]
fn offline_readers_are_told_of_unless_they_are_to_be_left() {
    let mut bus = online(2, Baud::B9600, 5);
    bus.unplug(1);
    bus.run_for(2_000_000);
    let error = SpeedRaise::new(&bus.panel, B230400, false).unwrap_err();
    assert_eq!(error.to_string(), "1 of its readers are offline");
    assert!(SpeedRaise::new(&bus.panel, B230400, true).is_ok());
}

#[test]
fn readers_are_found_at_rates_nobody_remembers() {
    for rate in Baud::ALL {
        let mut bus = Bus::secure(3, Baud::B9600, 8);
        (0..3).for_each(|at| bus.set_speed(at, rate));
        let took_us = bus.run_while(30_000_000, |bus| !bus.all_online());
        println!("all at {rate:?}: found after {} ms", took_us / 1000);
        all_are_at(&mut bus, &[rate; 3]);
    }
}

#[test]
fn a_replacement_at_the_rate_of_new_readers_is_found_and_raised_again() {
    let mut bus = online(3, Baud::B115200, 8);
    bus.unplug(1);
    bus.run_for(5_000_000);
    bus.set_speed(1, Baud::B9600);
    let took_us = bus.run_while(60_000_000, |bus| !bus.all_online());
    println!("found after {} ms", took_us / 1000);
    let rates = [Baud::B115200, Baud::B9600, Baud::B115200];
    all_are_at(&mut bus, &rates);
    assert_eq!(raise(&mut bus, Baud::B115200).baud, Some(Baud::B115200));
    all_are_at(&mut bus, &[Baud::B115200; 3]);
}
