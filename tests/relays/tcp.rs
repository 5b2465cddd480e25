//! On a network.

use std::time::{Duration, Instant};

use anyhow::Result;
use doorward_core::controller::RelayCommand;
use doorward_tests::modbus_board::{BoardOrder, BoardReport, Boards, tcp_boards};
use doorward_wire::board::OutputState;

use crate::site::{SOON, Site, board, ms, tcp_line, wait_level};

const GENERIC: &str = "generic-coil";
const TIMED: &str = "waveshare-rtu-relay-d-8ch";

fn online(profile: &str) -> Result<(Boards, Site, u16)> {
    let (mut boards, port) = tcp_boards(&[1])?;
    let mut site = Site::online(tcp_line(port, vec![board(0, profile)]))?;
    site.wait_for("Inputs(0)")?;
    boards.forget();
    Ok((boards, site, port))
}

#[test]
fn a_coil_goes_on_and_off() -> Result<()> {
    let (mut boards, mut site, _) = online(GENERIC)?;
    for _ in 0..3 {
        let sent = site.send(16, RelayCommand::On)?;
        let on = wait_level(&mut boards, 1, 16, true)?;
        assert!(ms(sent, on) < 100.0, "{} ms", ms(sent, on));
        site.send(16, RelayCommand::Off)?;
        wait_level(&mut boards, 1, 16, false)?;
    }
    site.expect_quiet(Duration::from_millis(100))
}

#[test]
fn a_pulse_is_timed_by_the_driver() -> Result<()> {
    let (mut boards, site, _) = online(GENERIC)?;
    site.send(1, RelayCommand::Pulse { ms: 500 })?;
    let on = wait_level(&mut boards, 1, 1, true)?;
    let off = wait_level(&mut boards, 1, 1, false)?;
    let held = ms(on, off);
    assert!((495.0..700.0).contains(&held), "held for {held} ms");
    Ok(())
}

#[test]
fn a_pulse_is_timed_by_the_board() -> Result<()> {
    let (mut boards, mut site, _) = online(TIMED)?;
    site.send(2, RelayCommand::Pulse { ms: 650 })?;
    let (output, units) = boards.wait_for("a pulse", SOON, |report| match *report {
        BoardReport::Pulse { output, units, .. } => Some((output, units)),
        _ => None,
    })?;
    assert_eq!((output, units), (2, 7));
    let on = wait_level(&mut boards, 1, 2, true)?;
    let off = wait_level(&mut boards, 1, 2, false)?;
    assert!((690.0..900.0).contains(&ms(on, off)));
    site.expect_quiet(Duration::from_millis(100))?;
    // The driver wrote nothing but the pulse.
    let wrote = boards.wait_for("a write", Duration::from_millis(1), |report| {
        matches!(report, BoardReport::Wrote { .. }).then_some(())
    });
    assert!(wrote.is_err());
    // And it ends one early when told so.
    site.send(2, RelayCommand::Pulse { ms: 60_000 })?;
    wait_level(&mut boards, 1, 2, true)?;
    site.send(2, RelayCommand::Off)?;
    wait_level(&mut boards, 1, 2, false)?;
    Ok(())
}

#[test]
fn inputs_are_told_when_they_change() -> Result<()> {
    let (mut boards, mut site, _) = online(GENERIC)?;
    for levels in [0b1, 0b1000_0000_0000_0001, 0] {
        boards.send(&BoardOrder::Inputs { unit: 1, levels })?;
        site.wait_for(&format!("Inputs({levels})"))?;
    }
    Ok(())
}

#[test]
fn refusals_are_told_and_an_off_is_repeated() -> Result<()> {
    let (mut boards, mut site, _) = online(GENERIC)?;
    site.send(1, RelayCommand::On)?;
    wait_level(&mut boards, 1, 1, true)?;
    boards.send(&BoardOrder::Refuse {
        unit: 1,
        code: Some(2),
    })?;
    // An answer to the order: reads go on, so the board has taken it when it was read again.
    boards.forget();
    boards.wait_for("a read", SOON, |report| {
        matches!(report, BoardReport::Read { .. }).then_some(())
    })?;
    site.send(2, RelayCommand::Pulse { ms: 300 })?;
    site.wait_for("OutputFailed { output: 2 }")?;
    site.send(1, RelayCommand::Off)?;
    site.wait_for("OutputFailed { output: 1 }")?;
    boards.send(&BoardOrder::Refuse {
        unit: 1,
        code: None,
    })?;
    wait_level(&mut boards, 1, 1, false)?;
    Ok(())
}

#[test]
fn a_board_that_refuses_to_be_read_can_be_driven() -> Result<()> {
    let (mut boards, port) = tcp_boards(&[1])?;
    boards.send(&BoardOrder::RefuseReads {
        unit: 1,
        code: Some(1),
    })?;
    let mut site = Site::online(tcp_line(port, vec![board(0, GENERIC)]))?;
    // Told once, and no hindrance.
    site.wait_for("InputsRefused")?;
    site.send(1, RelayCommand::Pulse { ms: 100 })?;
    wait_level(&mut boards, 1, 1, true)?;
    wait_level(&mut boards, 1, 1, false)?;
    site.expect_quiet(Duration::from_millis(300))
}

#[test]
fn a_silent_board_is_offline_and_its_commands_are_not_kept() -> Result<()> {
    let (mut boards, mut site, _) = online(GENERIC)?;
    site.send(1, RelayCommand::On)?;
    wait_level(&mut boards, 1, 1, true)?;
    boards.send(&BoardOrder::Silent { unit: 1, on: true })?;
    site.wait_for("Offline")?;
    site.send(2, RelayCommand::Pulse { ms: 60_000 })?;
    site.wait_for("OutputFailed { output: 2 }")?;
    boards.forget();
    boards.send(&BoardOrder::Silent { unit: 1, on: false })?;
    let back = site.wait_for("Online")?;
    let off = wait_level(&mut boards, 1, 1, false)?;
    assert!(
        off < back,
        "online before its outputs were in their safe state"
    );
    let late = boards.wait_for("output 2", Duration::from_millis(500), |report| {
        matches!(report, BoardReport::Level { output: 2, .. }).then_some(())
    });
    assert!(late.is_err(), "a command of before was carried out");
    Ok(())
}

#[test]
fn a_board_that_does_and_does_not_say_so_is_released() -> Result<()> {
    let (mut boards, mut site, _) = online(GENERIC)?;
    boards.send(&BoardOrder::Deaf { unit: 1, on: true })?;
    site.send(1, RelayCommand::On)?;
    wait_level(&mut boards, 1, 1, true)?;
    site.wait_for("Offline")?;
    boards.send(&BoardOrder::Deaf { unit: 1, on: false })?;
    wait_level(&mut boards, 1, 1, false)?;
    site.wait_for("Online")?;
    Ok(())
}

#[test]
fn a_closed_connection_is_told_at_once_and_made_again() -> Result<()> {
    let (mut boards, mut site, _) = online(GENERIC)?;
    for _ in 0..3 {
        site.send(1, RelayCommand::On)?;
        wait_level(&mut boards, 1, 1, true)?;
        let before = Instant::now();
        boards.send(&BoardOrder::Close)?;
        site.wait_for("Offline")?;
        assert!(
            before.elapsed() < Duration::from_millis(300),
            "{:?}",
            before.elapsed()
        );
        std::thread::sleep(Duration::from_millis(400));
        boards.send(&BoardOrder::Listen)?;
        site.wait_for("Online")?;
        wait_level(&mut boards, 1, 1, false)?;
    }
    Ok(())
}

#[test]
fn the_safe_state_is_driven_on_start_and_on_stop() -> Result<()> {
    let (mut boards, port) = tcp_boards(&[1])?;
    let mut config = board(0, GENERIC);
    config.safe = vec![(1, OutputState::Off), (3, OutputState::On)];
    let line = tcp_line(port, vec![config]);
    let mut first = Site::online(line.clone())?;
    wait_level(&mut boards, 1, 3, true)?;
    first.send(1, RelayCommand::On)?;
    wait_level(&mut boards, 1, 1, true)?;
    first.send(3, RelayCommand::Off)?;
    wait_level(&mut boards, 1, 3, false)?;
    let before = Instant::now();
    first.stop()?;
    assert!(before.elapsed() < Duration::from_secs(1));
    wait_level(&mut boards, 1, 1, false)?;
    wait_level(&mut boards, 1, 3, true)?;
    Ok(())
}

#[test]
fn a_stop_ends_in_time_without_the_board() -> Result<()> {
    let (mut boards, mut site, _) = online(GENERIC)?;
    boards.send(&BoardOrder::Silent { unit: 1, on: true })?;
    let before = Instant::now();
    site.stop()?;
    assert!(
        before.elapsed() < Duration::from_millis(2600),
        "{:?}",
        before.elapsed()
    );
    // Nor while a connection is being made to nowhere.
    let mut nowhere = Site::start(tcp_line(9, vec![board(0, GENERIC)]))?;
    let before = Instant::now();
    nowhere.stop()?;
    assert!(
        before.elapsed() < Duration::from_millis(500),
        "{:?}",
        before.elapsed()
    );
    Ok(())
}

#[test]
fn writes_wait_for_one_poll_at_most() -> Result<()> {
    const ANSWER_MS: u32 = 30;
    let (mut boards, port) = tcp_boards(&[1, 2])?;
    let mut configs = vec![board(0, GENERIC), board(1, GENERIC)];
    configs.iter_mut().for_each(|config| config.poll_ms = 5);
    let mut site = Site::start(tcp_line(port, configs))?;
    site.wait_for_all_online(2)?;
    for unit in [1, 2] {
        boards.send(&BoardOrder::Delay {
            unit,
            ms: ANSWER_MS,
        })?;
    }
    for round in 0..20 {
        // At another time of a poll in every round.
        std::thread::sleep(Duration::from_millis(60 + 7 * round));
        let on = round % 2 == 0;
        let command = if on {
            RelayCommand::On
        } else {
            RelayCommand::Off
        };
        let sent = site.send(1, command)?;
        let wrote = wait_level(&mut boards, 1, 1, on)?;
        // One poll under way, and the board's own delay before it does what it is told.
        let most = f64::from(2 * ANSWER_MS) + 25.0;
        assert!(ms(sent, wrote) < most, "{} ms", ms(sent, wrote));
    }
    Ok(())
}

#[test]
fn a_killed_driver_leaves_no_coil_on() -> Result<()> {
    let (mut boards, site, port) = online(GENERIC)?;
    site.send(1, RelayCommand::Pulse { ms: 60_000 })?;
    wait_level(&mut boards, 1, 1, true)?;
    site.kill();
    let _site = Site::online(tcp_line(port, vec![board(0, GENERIC)]))?;
    wait_level(&mut boards, 1, 1, false)?;
    // A board that times the pulse needs no driver for it.
    let (mut boards, site, _) = online(TIMED)?;
    site.send(1, RelayCommand::Pulse { ms: 500 })?;
    let on = wait_level(&mut boards, 1, 1, true)?;
    site.kill();
    let off = wait_level(&mut boards, 1, 1, false)?;
    assert!(ms(on, off) < 700.0);
    Ok(())
}

#[test]
fn a_board_that_lost_its_power_for_a_moment_is_driven_again() -> Result<()> {
    let (mut boards, mut site, _) = online(GENERIC)?;
    site.send(1, RelayCommand::On)?;
    wait_level(&mut boards, 1, 1, true)?;
    boards.send(&BoardOrder::PowerCycle { unit: 1 })?;
    wait_level(&mut boards, 1, 1, false)?;
    wait_level(&mut boards, 1, 1, true)?;
    site.expect_quiet(Duration::from_millis(100))
}

#[test]
fn late_answers_are_left_out() -> Result<()> {
    let (mut boards, mut site, _) = online(GENERIC)?;
    // Every answer comes after its question was given up; then one comes in time, with the late
    // ones before it.
    boards.send(&BoardOrder::Delay { unit: 1, ms: 600 })?;
    std::thread::sleep(Duration::from_millis(700));
    boards.send(&BoardOrder::Delay { unit: 1, ms: 0 })?;
    site.expect_quiet(Duration::from_millis(1500))?;
    boards.send(&BoardOrder::Inputs { unit: 1, levels: 2 })?;
    site.wait_for("Inputs(2)")?;
    Ok(())
}

#[test]
fn commands_are_on_the_wire_without_delay() -> Result<()> {
    let (mut boards, site, _) = online(GENERIC)?;
    let mut taken: Vec<f64> = Vec::new();
    for round in 0..200 {
        let on = round % 2 == 0;
        let command = if on {
            RelayCommand::On
        } else {
            RelayCommand::Off
        };
        let sent = site.send(1, command)?;
        taken.push(ms(sent, wait_level(&mut boards, 1, 1, on)?));
        std::thread::sleep(Duration::from_millis(3));
    }
    taken.sort_by(f64::total_cmp);
    let (p50, p99) = (taken[100], taken[198]);
    println!("command to coil over TCP: p50 {p50:.2} ms, p99 {p99:.2} ms");
    assert!(p50 < 10.0, "p50 {p50} ms");
    Ok(())
}
