//! The daemon dies in the middle of a pulse, and the relay is let go all the same.

use std::time::Duration;

use doorward_tests::safe_relay::{Site, Wiring};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// So long that only somebody who lets go can end it within a test.
const PULSE_MS: u32 = 600_000;

/// Killed in the middle of a pulse that would last for ten minutes.
fn check(wiring: Wiring) {
    let mut site = Site::start(wiring, PULSE_MS).unwrap();
    for _ in 0..3 {
        let cut = site.cut(Duration::from_millis(20)).unwrap();
        assert!(cut.off_ns > cut.killed_ns, "it went off before the kill");
    }
    site.stop_in_a_pulse().unwrap();
}

#[test]
fn a_relay_on_a_network_is_let_go() {
    check(Wiring::PlainTcp);
}

#[test]
fn a_relay_on_a_serial_line_is_let_go() {
    check(Wiring::PlainRtu);
}

#[test]
fn a_pulse_of_the_board_is_ended_early() {
    check(Wiring::PulsingRtu);
}

/// A guardian that was killed itself is replaced, and a stop of the service does not end it before
/// the daemon.
#[test]
fn there_is_one_guardian_and_it_is_replaced() {
    let mut site = Site::start(Wiring::PlainTcp, PULSE_MS).unwrap();
    let one = |site: &Site, not: Option<i32>| {
        let until = std::time::Instant::now() + Duration::from_secs(30);
        loop {
            match site.guardians().unwrap().as_slice() {
                [one] if Some(*one) != not => return *one,
                others => assert!(std::time::Instant::now() < until, "guardians: {others:?}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    let first = one(&site, None);
    kill(Pid::from_raw(first), Signal::SIGTERM).unwrap();
    kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
    let second = one(&site, Some(first));
    // It may not have read its signals yet, but it has the pipe: what it is sent it will read.
    let cut = site.cut(Duration::from_millis(20)).unwrap();
    assert!(cut.off_ns > cut.killed_ns);
    assert_ne!(one(&site, Some(second)), first);
}

/// Daemon and guardian killed together, and `doorwardd release` run after them, as the unit does.
#[test]
fn what_nobody_is_left_to_let_go_is_let_go_after_the_stop() {
    for wiring in [Wiring::PlainTcp, Wiring::PlainRtu] {
        let mut site = Site::start(wiring, PULSE_MS).unwrap();
        // While the daemon lives it is none of anybody's business.
        assert_eq!(site.release().unwrap().code(), Some(75));
        site.die_together().unwrap();
        site.silence_board(true).unwrap();
        assert_eq!(
            site.release().unwrap().code(),
            Some(69),
            "the board is silent"
        );
        site.silence_board(false).unwrap();
        assert_eq!(site.release().unwrap().code(), Some(0));
        site.wait_off().unwrap();
        // And there is nothing left to do.
        assert_eq!(site.release().unwrap().code(), Some(0));
    }
}
