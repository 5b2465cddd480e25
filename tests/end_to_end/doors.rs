//! The door leaf, the button beside it, and the operator far away from it.

use doorward_core::alarm::{AlarmKind, AlarmSubject};
use doorward_core::event::{EventKind, Reason};
use doorward_core::ids::DoorId;
use doorward_core::model::{DoorMode, Record, Relock};
use doorward_tests::peer::program;

use crate::house::{AMBER, House, Plan};
use crate::mosquitto::{Mosquitto, Subscriber};
use crate::table::{card, door, furnish, slow_door};

#[test]
fn a_door_that_opens_after_a_grant_was_entered() {
    let mut house = House::start(Plan::default());
    furnish(&house);
    house.put(vec![Record::Door(slow_door(1, Relock::OnClose))]);
    house.tap(1, card(1));
    house.wait_coil(1, true);
    house.set_open(1, true);
    let row = house.next_of(EventKind::Entered);
    assert_eq!(row.event.user.map(|user| user.0), Some(1));
    house.set_open(1, false);
    house.next_of(EventKind::Closed);
    house.wait_coil(1, false);
    assert_eq!(house.status().alarms, []);

    house.put(vec![Record::Door(door(1))]);
    house.tap(1, card(1));
    house.wait_pulse(1);
    house.next_of(EventKind::NotEntered);
}

#[test]
fn a_door_forced_open_is_an_alarm_until_it_is_closed() {
    let broker = Mosquitto::start("allow_anonymous true");
    let alarms = Subscriber::new(broker.port, "doorward/house/alarms", &[]);
    let mut house = House::start(Plan {
        more: format!(
            "[uplink]\nhost = \"127.0.0.1\"\nport = {}\nclient_id = \"house\"\n",
            broker.port
        ),
        ..Plan::default()
    });
    furnish(&house);
    house.wait_status("the door to be live", |status| status.doors == 1);
    house.set_open(1, true);
    let row = house.next_of(EventKind::ForcedOpen);
    assert_eq!(row.event.door, Some(DoorId(1)));
    let alarm = house.wait_alarm(AlarmKind::ForcedOpen);
    assert_eq!(alarm.subject, AlarmSubject::Door(DoorId(1)));
    let told = alarms.wait_for("the alarm", |message| message.payload["data"]["count"] == 1);
    assert_eq!(told.payload["data"]["alarms"][0]["kind"], "forced_open");

    house.set_open(1, false);
    house.wait_no_alarm(AlarmKind::ForcedOpen);
    let row = house.next_of(EventKind::AlarmCleared);
    assert_eq!(row.event.alarm, Some(AlarmKind::ForcedOpen));
    // There was no alarm before it, either: only what comes after counts.
    let told = alarms.messages();
    let raised = told
        .iter()
        .position(|message| message.payload["data"]["count"] == 1);
    let raised_at = told[raised.unwrap()].payload["time"].clone();
    alarms.wait_for("no alarm", |message| {
        message.payload["data"]["count"] == 0
            && message.payload["time"].as_str() > raised_at.as_str()
    });
}

#[test]
fn the_exit_button_opens_the_door_even_in_lockdown() {
    let mut house = House::start(Plan::default());
    furnish(&house);
    for mode in [DoorMode::Normal, DoorMode::Locked, DoorMode::Lockdown] {
        let mut changed = door(1);
        changed.mode = mode;
        house.put(vec![Record::Door(changed)]);
        house.leave_by_button(1);
        let row = house.next_of(EventKind::ExitRequested);
        assert_eq!(row.event.door, Some(DoorId(1)), "{mode:?}");
    }
    house.tap(1, card(1));
    house.assert_denied(1, Reason::DoorLockdown);
}

#[test]
fn a_door_held_open_warns_first() {
    let mut house = House::start(Plan::default());
    furnish(&house);
    let mut short = slow_door(1, Relock::OnOpen);
    short.held_open_ms = 2_000;
    short.held_open_warning_ms = 1_500;
    house.put(vec![Record::Door(short)]);
    house.tap(1, card(1));
    house.wait_coil(1, true);
    house.set_open(1, true);
    house.next_of(EventKind::Entered);
    house.wait_shown(1, AMBER, 5);
    house.next_of(EventKind::HeldOpen);
    house.wait_alarm(AlarmKind::HeldOpen);
    house.set_open(1, false);
    house.wait_no_alarm(AlarmKind::HeldOpen);
}

#[test]
fn an_operator_unlocks_once_over_the_api_and_by_the_command_line() {
    let mut house = House::start(Plan::default());
    furnish(&house);
    let unlocked = house
        .daemon()
        .call(async |client| client.unlock(DoorId(1)).await);
    unlocked.unwrap();
    house.wait_pulse(1);
    let row = house.next_of(EventKind::UnlockedByOperator);
    assert!(row.event.actor.is_some(), "{row:?}");

    let output = program("doorward")
        .unwrap()
        .arg("--socket")
        .arg(house.dir.path().join("api.sock"))
        .args(["unlock", "Door 1"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    house.wait_pulse(1);
    house.next_of(EventKind::UnlockedByOperator);

    let mut locked = door(1);
    locked.mode = DoorMode::Lockdown;
    house.put(vec![Record::Door(locked)]);
    let refused = house
        .daemon()
        .call(async |client| client.unlock(DoorId(1)).await);
    assert!(refused.is_err());
    house.assert_no_coil();
}
