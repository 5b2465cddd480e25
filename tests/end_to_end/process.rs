//! Life and death of the process: systemd's notices, signals, exit codes, and a wrong start.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use doorward_core::event::EventKind;
use doorward_core::model::{Record, Relock};
use doorward_tests::daemon::{self, Daemon};

use crate::house::{House, Plan, SOON};
use crate::table::{card, furnish, slow_door};

/// What the unit allows for stopping.
const STOP: Duration = Duration::from_secs(5);

#[test]
fn a_stop_in_order_leaves_the_outputs_off() {
    let mut house = House::start(Plan::default());
    furnish(&house);
    house.put(vec![Record::Door(slow_door(1, Relock::AfterTime))]);
    house.tap(1, card(1));
    house.wait_coil(1, true);
    let ended = house.take_daemon().stop(STOP).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    house.wait_coil(1, false);

    house.start_daemon();
    let kinds: Vec<_> = house.log().iter().map(|row| row.event.kind).collect();
    assert!(kinds.contains(&EventKind::Stopped), "{kinds:?}");
}

#[test]
fn systemd_hears_ready_signs_of_life_and_stopping() {
    let mut house = House::build(Plan::default());
    let mut daemon = Daemon::spawn(house.dir.path(), &[("WATCHDOG_USEC", "400000")]).unwrap();
    let notice = daemon.wait_notice("READY=1", SOON).unwrap();
    assert!(notice.contains("STATUS="), "{notice}");
    // READY says that the API answers and the doors are served.
    let status = daemon.call(async |client| client.status().await).unwrap();
    assert_eq!(status.site, "House");
    for _ in 0..3 {
        daemon.wait_notice("WATCHDOG=1", SOON).unwrap();
    }
    house.daemon = Some(daemon);
    furnish(&house);
    house.wait_wired();
    house.tap(1, card(1));
    house.assert_granted(1);
    let mut daemon = house.take_daemon();
    daemon.signal(nix::sys::signal::Signal::SIGTERM).unwrap();
    daemon.wait_notice("STOPPING=1", STOP).unwrap();
    assert!(daemon.wait_end(STOP).unwrap().status.success());
}

#[test]
fn no_door_waits_for_a_systemd_that_does_not_listen() {
    let mut house = House::build(Plan::default());
    let deaf = house.dir.path().join("deaf.sock");
    let _socket = std::os::unix::net::UnixDatagram::bind(&deaf).unwrap();
    let set = [
        ("NOTIFY_SOCKET", deaf.to_str().unwrap()),
        ("WATCHDOG_USEC", "20000"),
    ];
    house.daemon = Some(Daemon::spawn(house.dir.path(), &set).unwrap());
    house.wait_wired();
    furnish(&house);
    // Each passage takes longer than the signs of life that systemd has room for.
    for _ in 0..3 {
        house.tap(1, card(1));
        house.assert_granted(1);
    }
    let ended = house.take_daemon().stop(STOP).unwrap();
    assert!(ended.status.success(), "{}", ended.log);
}

#[test]
fn a_second_daemon_on_the_same_store_leaves_the_first_alone() {
    let mut house = House::start(Plan::default());
    furnish(&house);
    let second = daemon::command(house.dir.path())
        .unwrap()
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(75), "{said}");
    assert!(said.contains("data"), "names the folder: {said}");
    house.tap(1, card(1));
    house.assert_granted(1);
}

#[test]
fn a_configuration_of_a_wrong_type_names_line_and_key() {
    let house = House::build(Plan::default());
    let path = house.dir.path().join("site.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let wrong = text.replace(&format!("baud = {}", crate::house::BAUD), "baud = \"fast\"");
    let line = wrong
        .lines()
        .position(|line| line.contains("fast"))
        .unwrap()
        + 1;
    std::fs::write(&path, wrong).unwrap();
    for command in ["check", "run"] {
        let output = daemon::command(house.dir.path())
            .unwrap()
            .arg(command)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{said}");
        for part in ["site.toml", "baud", "fast", &format!("{line}")] {
            assert!(said.contains(part), "`{part}` is not in: {said}");
        }
    }
}

#[test]
fn a_body_too_large_or_with_unknown_fields_is_refused_and_the_doors_go_on() {
    let mut house = House::start(Plan::default());
    furnish(&house);
    let curl = |body: &[u8]| {
        let mut child = std::process::Command::new("curl")
            .args(["-sS", "--max-time", "30", "--unix-socket"])
            .arg(house.dir.path().join("api.sock"))
            .args([
                "-H",
                "Content-Type: application/json",
                "--data-binary",
                "@-",
            ])
            .args(["-w", "\n%{http_code}", "http://doorward/v1/users"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The answer may come before all has been sent.
        let _ = child.stdin.take().unwrap().write_all(body);
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    let answer = curl(&vec![b'x'; 10 * 1024 * 1024]);
    assert!(answer.ends_with("413"), "{answer}");
    let answer = curl(br#"{"first_name": "A", "shoe_size": 43}"#);
    assert!(
        answer.ends_with("422") || answer.ends_with("400"),
        "{answer}"
    );
    assert!(answer.contains("shoe_size"), "{answer}");
    house.tap(1, card(1));
    house.assert_granted(1);
}
