//! A bus in the installer's hands: its speed raised, readers found, tamper told, figures kept.

use std::time::{Duration, Instant};

use doorward_api::{BusJob, BusJobState, BusStatus, RaiseSpeedBody, ScanBody};
use doorward_core::alarm::{AlarmKind, AlarmSubject};
use doorward_core::event::EventKind;
use doorward_core::ids::DoorId;
use doorward_sim::line::Noise;
use doorward_tests::osdp_peer::orders::{ReaderSaw, ReaderSpec};
use doorward_tests::osdp_peer::{reader_on, test_key};
use doorward_tests::peer::program;

use crate::house::{BAUD, House, Plan, SOON};
use crate::table::{card, furnish};

const BUS: &str = "bus";
const LOOK: Duration = Duration::from_millis(50);

fn status(house: &House) -> BusStatus {
    let buses = house.daemon().call(async |client| client.buses().await);
    buses.unwrap().remove(0)
}

/// The job's end.
fn end(house: &House) -> BusJob {
    let begun = Instant::now();
    loop {
        let job = house
            .daemon()
            .call(async |client| client.bus_job(BUS).await);
        let job = job.unwrap();
        if job.state != BusJobState::Running {
            return job;
        }
        assert!(begun.elapsed() < 6 * SOON, "{job:?}");
        std::thread::sleep(LOOK);
    }
}

fn speeds(house: &House) -> Vec<u32> {
    let readers = status(house).readers;
    readers.iter().map(|reader| reader.baud).collect()
}

fn two_doors() -> Plan {
    Plan {
        secure: vec![true, true],
        ..Plan::default()
    }
}

#[test]
fn a_bus_is_raised_while_its_doors_open_and_is_found_after_a_restart() {
    let mut house = House::start(two_doors());
    furnish(&house);
    let body = RaiseSpeedBody::default();
    let raise = async |client: &doorward_api::Client| client.raise_speed(BUS, &body).await;
    let begun = house.daemon().call(raise).unwrap();
    assert_eq!(begun.state, BusJobState::Running);
    let again = house.daemon().call(raise).unwrap_err().to_string();
    assert!(again.contains("goes on at bus `bus` already"), "{again}");
    let job = end(&house);
    // On a machine so busy that replies come late, a bus stays at what works.
    assert_eq!(job.state, BusJobState::Done);
    let baud = job.baud.unwrap();
    assert!([BAUD, 230_400].contains(&baud), "{job:?}");
    assert_eq!(speeds(&house), [baud, baud]);
    house.tap(1, card(1));
    house.assert_granted(1);
    let log = house.log();
    let raised = log
        .iter()
        .find(|row| row.event.kind == EventKind::BusSpeedChanged)
        .unwrap();
    let note = raised.event.note.as_deref().unwrap();
    let expect = format!("bus bus: all readers at {baud} baud");
    assert!(note.starts_with(&expect), "{note}");
    assert!(raised.event.actor.is_some());

    house.take_daemon().stop(SOON).unwrap();
    house.start_daemon();
    house.wait_wired();
    assert_eq!(speeds(&house), [baud, baud]);
    house.tap(2, card(1));
    house.assert_granted(2);
}

#[test]
fn a_bus_goes_no_faster_than_its_slowest_reader() {
    let mut house = House::build(Plan {
        powered: false,
        ..two_doors()
    });
    for (at, spec) in house.specs.clone().into_iter().enumerate() {
        let fastest_baud = (at == 1).then_some(BAUD);
        let spec = ReaderSpec {
            fastest_baud,
            ..spec
        };
        house.readers.add(spec).unwrap();
    }
    house.start_daemon();
    house.wait_wired();
    furnish(&house);
    let body = RaiseSpeedBody::default();
    let raise = async |client: &doorward_api::Client| client.raise_speed(BUS, &body).await;
    house.daemon().call(raise).unwrap();
    let job = end(&house);
    assert_eq!((job.state, job.baud), (BusJobState::Done, Some(BAUD)));
    assert_eq!(job.speeds[1].refused_baud, Some(230_400), "{job:?}");
    // The log names the door of the reader that refused.
    let log = house.log();
    let raised = log
        .iter()
        .find(|row| row.event.kind == EventKind::BusSpeedChanged);
    let event = &raised.unwrap().event;
    assert_eq!(event.reader.as_deref(), Some("reader-1"));
    assert_eq!(event.door, Some(DoorId(2)));
    assert_eq!(speeds(&house), [BAUD, BAUD]);
    house.tap(1, card(1));
    house.assert_granted(1);

    house.readers.remove("reader-0").unwrap();
    house.wait_alarm(AlarmKind::ReaderOffline);
    let refused = house.daemon().call(raise).unwrap_err().to_string();
    assert!(refused.contains("`reader-0`"), "{refused}");
}

#[test]
fn a_reader_that_nobody_configured_is_found_by_the_command_line() {
    let mut house = House::start(Plan {
        spare: 1,
        ..two_doors()
    });
    furnish(&house);
    let stranger = ReaderSpec {
        address: 5,
        baud: 9600,
        ..reader_on(&house.line, 2, 9600, None)
    };
    house.readers.add(stranger).unwrap();
    let doorward = |arguments: &[&str]| {
        let socket = house
            .daemon()
            .call(async |client| client.socket().to_owned());
        program("doorward")
            .unwrap()
            .arg("--socket")
            .arg(socket)
            .args(arguments)
            .output()
            .unwrap()
    };
    let bauds = ["--baud", "9600", "--baud", "115200"];
    let scan = [&["readers", "scan", BUS, "--last", "6"], &bauds[..]].concat();
    let found = doorward(&scan);
    let text = String::from_utf8(found.stdout).unwrap();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .skip(1)
        .map(|row| row.split_whitespace().take(3).collect())
        .collect();
    let expect = [
        ["5", "9600", "–"],
        ["0", "115200", "reader-0"],
        ["1", "115200", "reader-1"],
    ];
    assert_eq!(rows, expect, "{text}");
    let figures = doorward(&["readers", "figures", "--json"]);
    let figures: Vec<BusStatus> = serde_json::from_slice(&figures.stdout).unwrap();
    for reader in &figures[0].readers {
        // Questions at another speed are noise to those in service; libosdp may leave its session for
        // it, and is back in it at once.
        assert!(reader.secure, "{reader:?}");
        assert_eq!(reader.sessions - reader.sessions_lost, 1, "{reader:?}");
        assert!(reader.latency_p50_us > 0 && reader.latency_p50_us <= reader.latency_p99_us);
    }
    let unknown = doorward(&["readers", "scan", "south"]);
    assert_eq!(unknown.status.code(), Some(65));
    house.tap(2, card(1));
    house.assert_granted(2);
}

#[test]
fn a_scan_is_ended_by_whoever_wants_to() {
    let house = House::start(two_doors());
    let body = ScanBody::default();
    let scan = async |client: &doorward_api::Client| client.scan(BUS, &body).await;
    house.daemon().call(scan).unwrap();
    let cancel = async |client: &doorward_api::Client| client.cancel_bus_job(BUS).await;
    assert_eq!(
        house.daemon().call(cancel).unwrap().state,
        BusJobState::Cancelled
    );
    assert_eq!(end(&house).state, BusJobState::Cancelled);
    assert_eq!(house.daemon().call(scan).unwrap().number, 2);
}

#[test]
fn an_opened_reader_raises_an_alarm_until_it_is_closed() {
    let mut house = House::start(two_doors());
    house.readers.set_tamper("reader-1", true).unwrap();
    let alarm = house.wait_alarm(AlarmKind::ReaderTamper);
    assert_eq!(alarm.subject, AlarmSubject::Reader("reader-1".into()));
    house.readers.set_tamper("reader-1", false).unwrap();
    house.wait_no_alarm(AlarmKind::ReaderTamper);
}

#[test]
fn a_reader_without_power_raises_an_alarm_until_it_is_back() {
    let mut house = House::start(two_doors());
    furnish(&house);
    house.readers.set_power("reader-1", true).unwrap();
    let alarm = house.wait_alarm(AlarmKind::ReaderPower);
    assert_eq!(alarm.subject, AlarmSubject::Reader("reader-1".into()));
    // It lives on its battery, and is no reason to keep anybody out.
    house.tap(2, card(1));
    house.assert_granted(2);
    house.readers.set_power("reader-1", false).unwrap();
    house.wait_no_alarm(AlarmKind::ReaderPower);
    let of_power = |kind| {
        let log = house.log();
        let mut rows = log.into_iter().filter(|row| {
            let event = &row.event;
            event.kind == kind && event.alarm == Some(AlarmKind::ReaderPower)
        });
        let event = rows.next().unwrap().event;
        assert!(rows.next().is_none(), "told once");
        (event.reader, event.door)
    };
    let at = (Some("reader-1".into()), Some(DoorId(2)));
    assert_eq!(of_power(EventKind::AlarmRaised), at);
    assert_eq!(of_power(EventKind::AlarmCleared), at);
}

#[test]
fn two_readers_with_one_address_are_an_alarm_and_a_bad_line_is_none() {
    let mut house = House::start(Plan {
        spare: 1,
        ..two_doors()
    });
    furnish(&house);
    house.line.set_noise(Noise {
        seed: 3,
        flip_per_million: 3_000,
        drop_per_million: 1_000,
        repeat_per_million: 1_000,
    });
    std::thread::sleep(Duration::from_secs(8));
    let noisy = status(&house).readers;
    assert!(
        noisy.iter().all(|reader| !reader.address_shared),
        "{noisy:?}"
    );
    let retries: u64 = noisy.iter().map(|reader| reader.retries).sum();
    assert!(retries > 10, "a line with noise: {noisy:?}");
    house.line.set_noise(Noise::NONE);
    house.wait_wired();

    let twin = ReaderSpec {
        address: 0,
        ..reader_on(&house.line, 2, BAUD, Some(test_key(0)))
    };
    house.readers.add(twin.clone()).unwrap();
    let alarm = house.wait_alarm(AlarmKind::ReaderAddressShared);
    assert_eq!(alarm.subject, AlarmSubject::Reader("reader-0".into()));
    let readers = status(&house).readers;
    assert!(readers[0].address_shared && !readers[1].address_shared);
    house.readers.remove(&twin.name).unwrap();
    house.wait_no_alarm(AlarmKind::ReaderAddressShared);
    house.wait_wired();
    house.tap(1, card(1));
    house.assert_granted(1);
}

#[test]
fn what_a_reader_cannot_do_it_is_not_asked() {
    let mut house = House::start(Plan {
        plain: true,
        ..two_doors()
    });
    furnish(&house);
    house.tap(1, card(1));
    house.assert_granted(1);
    for reader in status(&house).readers {
        let can = reader.identity.unwrap().capabilities;
        assert!(!can.iter().any(|name| name == "light"), "{can:?}");
    }
    let shown = house
        .readers
        .wait_for("nothing to be shown", crate::house::NEVER, |report| {
            matches!(
                report.saw,
                ReaderSaw::Led { .. } | ReaderSaw::Buzzer { .. } | ReaderSaw::Text { .. }
            )
            .then_some(())
        });
    assert!(
        shown.is_err(),
        "a reader without a light was told to light it"
    );
}
