//! Headquarters or the disk is gone for a while: nothing is lost.

use std::path::Path;
use std::process::Command;

use doorward_api::ClientError;
use doorward_core::alarm::AlarmKind;
use doorward_core::event::EventKind;
use doorward_core::model::UserState;

use crate::house::{House, Plan};
use crate::mosquitto::{Mosquitto, Subscriber};
use crate::table::{card, furnish, user};

#[test]
fn events_of_an_outage_arrive_in_order() {
    let mut broker = Mosquitto::start("allow_anonymous true");
    let events = Subscriber::new(broker.port, "doorward/house/events", &[]);
    let mut house = House::start(Plan {
        more: format!(
            "[uplink]\nhost = \"127.0.0.1\"\nport = {}\nclient_id = \"house\"\n",
            broker.port
        ),
        ..Plan::default()
    });
    furnish(&house);
    house.tap(1, card(1));
    let first = house.assert_granted(1);
    events.wait_for("the first passage", |message| message.seq() == first.seq);

    broker.stop();
    for _ in 0..5 {
        house.tap(1, card(1));
        house.assert_granted(1);
    }
    // A crash in the outage changes nothing.
    house.take_daemon().kill().unwrap();
    house.start_daemon();
    house.wait_wired();
    house.tap(1, card(1));
    let last = house.assert_granted(1);
    broker.resume();
    events.wait_for("the last passage", |message| message.seq() >= last.seq);

    let log = house.log();
    let mut next = 1;
    for message in events.messages() {
        let seq = message.seq();
        assert!(seq <= next, "event {seq} came before event {next}");
        if seq == next {
            let row = &log[usize::try_from(seq).unwrap() - 1];
            assert_eq!(message.payload["data"]["hash"], row.hash);
            next += 1;
        }
    }
    assert!(next > last.seq, "the last events are missing");
}

/// A file system of its own, taken away with the value.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path, size: &str) -> Option<Self> {
        std::fs::create_dir(at).unwrap();
        let options = format!("size={size},mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(at)
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(at)),
            other => {
                eprintln!("skipped: no tmpfs can be mounted here: {other:?}");
                None
            }
        }
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).output();
    }
}

#[test]
fn a_full_disk_keeps_nobody_out_and_loses_nothing() {
    let mut house = House::build(Plan::default());
    let data = house.dir.path().join("data");
    let Some(_disk) = SmallDisk::mount(&data, "24m") else {
        return;
    };
    house.start_daemon();
    house.wait_wired();
    furnish(&house);
    house.tap(1, card(1));
    house.assert_granted(1);

    let filler = data.join("filler");
    let full = Command::new("dd")
        .args(["if=/dev/zero", "bs=64k", "status=none"])
        .arg(format!("of={}", filler.display()))
        .output()
        .unwrap();
    assert!(!full.status.success(), "the disk did not fill: {full:?}");

    // Room may be left in what the store has already taken: go on until it says so.
    let mut taps = 0;
    while house
        .status()
        .alarms
        .iter()
        .all(|alarm| alarm.kind != AlarmKind::StorageFailing)
    {
        house.tap(1, card(1));
        house.wait_pulse(1);
        taps += 1;
        assert!(taps < 200, "the disk is full and nobody says so");
    }
    let refused = house.daemon().call(async |client| {
        let changes = doorward_api::Changes {
            changes: vec![doorward_core::model::Change::Put(user(
                9,
                UserState::Active,
            ))],
        };
        client.apply(&changes, None).await
    });
    match refused {
        Err(ClientError::Problem(problem)) => {
            assert!(matches!(problem.status, 503 | 507), "{problem:?}");
            assert!(!problem.detail.is_empty(), "says what is wrong");
        }
        other => panic!("a change on a full disk was not refused: {other:?}"),
    }
    house.tap(1, card(1));
    house.wait_pulse(1);
    taps += 1;

    std::fs::remove_file(&filler).unwrap();
    house.wait_no_alarm(AlarmKind::StorageFailing);
    house.tap(1, card(1));
    house.wait_pulse(1);
    let wanted = taps + 2;
    house.wait_status("the last event", |_| {
        let log = house.log();
        let granted = log
            .iter()
            .filter(|row| row.event.kind == EventKind::Granted);
        granted.count() == wanted
    });
    house.take_daemon().kill().unwrap();
    house.start_daemon();
    let log = house.log();
    let granted = log
        .iter()
        .filter(|row| row.event.kind == EventKind::Granted);
    assert_eq!(granted.count(), wanted);
}
