//! Retained state, the last will, and alarms.

use doorward_core::alarm::{AlarmKind, AlarmSubject};
use doorward_core::ids::DoorId;
use doorward_core::time::Wall;
use doorwardd::doors::{Alarm, BoardStatus, Live, ReaderStatus};
use serde_json::{Value, json};

use crate::appliance::{Appliance, config, door};
use crate::mosquitto::{Message, Mosquitto, Subscriber};
use crate::wire::Line;

fn forced_open() -> Alarm {
    Alarm {
        kind: AlarmKind::ForcedOpen,
        subject: AlarmSubject::Door(DoorId(1)),
        since: Wall(1_700_000_000_000),
    }
}

fn is(topic: &str, field: &str, value: Value) -> impl Fn(&Message) -> bool {
    let (topic, field) = (format!("doorward/north/{topic}"), field.to_owned());
    move |message| message.topic == topic && message.payload["data"][&field] == value
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_subscriber_finds_the_whole_state() {
    let broker = Mosquitto::start("allow_anonymous true");
    let witness = Subscriber::new(broker.port, "doorward/north/#", &[]);
    let appliance = Appliance::start(&config(broker.port));
    let doors = &appliance.doors;
    doors.publish(Live::Door(door(1, false)));
    doors.publish(Live::Door(door(2, false)));
    for (name, online) in [("front-in", true), ("front-out", false)] {
        doors.publish(Live::Reader(ReaderStatus {
            name: name.into(),
            online,
            secure: online,
            identity: None,
            key: doorward_api::ReaderKey::Set,
        }));
    }
    doors.publish(Live::Board(BoardStatus {
        name: "relays".into(),
        online: true,
    }));
    doors.publish(Live::AlarmRaised(forced_open()));
    witness.wait_for("the alarm", is("alarms", "count", json!(1)));
    witness.wait_for("the alarm in the state", is("state", "alarms", json!(1)));
    doors.publish(Live::Door(door(2, true)));
    witness.wait_for("door 2 open", is("doors/2/state", "open", json!(true)));

    let late = Subscriber::new(broker.port, "doorward/+/#", &[]);
    let state = late.wait_for("the state", is("state", "online", json!(true)));
    assert!(state.retained);
    assert_eq!(
        state.content_type,
        "application/cloudevents+json; charset=utf-8"
    );
    let data = &state.payload["data"];
    assert_eq!(data["revision"], 7);
    assert_eq!(data["doors"], 2);
    assert_eq!(data["readers"], json!({"total": 2, "online": 1}));
    assert_eq!(data["boards"], json!({"total": 1, "online": 1}));
    let second = late.wait_for("door 2", is("doors/2/state", "open", json!(true)));
    assert!(second.retained && second.payload["subject"] == "door/2");
    let alarms = late.wait_for("the alarms", is("alarms", "count", json!(1)));
    assert_eq!(
        alarms.payload["data"]["alarms"],
        json!([{
            "kind": "forced_open",
            "subject": {"of": "door", "name": 1},
            "since": "2023-11-14T22:13:20.000Z"
        }])
    );
    doors.publish(Live::AlarmCleared(forced_open()));
    late.wait_for("no alarm", is("alarms", "count", json!(0)));
    appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_and_a_loss_are_told_apart() {
    let broker = Mosquitto::start("allow_anonymous true");
    let witness = Subscriber::new(broker.port, "doorward/north/state", &[]);
    let line = Line::to(broker.port).await;

    let mut lost = Appliance::start(&config(line.port));
    lost.wait_until_up().await;
    witness.wait_for("online", is("state", "online", json!(true)));
    line.cut();
    witness.wait_for("the will", is("state", "stopped", json!(false)));
    lost.wait_until_up().await;
    lost.stop().await;
    let last = witness.wait_for("the stop", is("state", "stopped", json!(true)));
    assert_eq!(
        last.payload["data"],
        json!({"online": false, "stopped": true})
    );

    let late = Subscriber::new(broker.port, "doorward/+/state", &[]);
    let state = late.wait_for("what is retained", |_| true);
    assert!(state.retained);
    assert_eq!(state.payload["data"]["stopped"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_door_is_taken_from_the_broker_at_once_or_after_an_outage() {
    let mut broker = Mosquitto::start("allow_anonymous true");
    let witness = Subscriber::new(broker.port, "doorward/north/doors/+/state", &[]);
    let mut appliance = Appliance::start(&config(broker.port));
    for id in 1..=3 {
        appliance.doors.publish(Live::Door(door(id, false)));
    }
    witness.wait_for("door 3", is("doors/3/state", "door", json!(3)));
    appliance.doors.publish(Live::DoorRemoved(DoorId(1)));
    let is_gone = |id: u32| {
        let topic = format!("doorward/north/doors/{id}/state");
        move |message: &Message| message.topic == topic && message.payload.is_null()
    };
    witness.wait_for("no door 1", is_gone(1));
    broker.stop();
    appliance.wait_until_failed().await;
    appliance.doors.publish(Live::DoorRemoved(DoorId(2)));
    broker.resume();
    witness.wait_for("no door 2", is_gone(2));
    let late = Subscriber::new(broker.port, "doorward/+/doors/+/state", &[]);
    late.wait_for("door 3", is("doors/3/state", "door", json!(3)));
    assert!(
        late.messages()
            .iter()
            .all(|message| message.topic.contains("/3/"))
    );
    appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_missed_in_a_flood_end_in_the_right_state() {
    let broker = Mosquitto::start("allow_anonymous true");
    let witness = Subscriber::new(broker.port, "doorward/north/doors/+/state", &[]);
    let mut appliance = Appliance::start(&config(broker.port));
    appliance.wait_until_up().await;
    // Many times what the live channel holds, without a pause.
    for round in 0..20_000u32 {
        appliance
            .doors
            .publish(Live::Door(door(round % 50 + 1, round % 100 < 50)));
    }
    for id in 1..=50 {
        appliance.doors.publish(Live::Door(door(id, id % 2 == 0)));
    }
    appliance.doors.publish(Live::Door(door(99, true)));
    witness.wait_for("door 99", is("doors/99/state", "open", json!(true)));
    let late = Subscriber::new(broker.port, "doorward/+/doors/+/state", &[]);
    for id in 1..=50 {
        let topic = format!("doors/{id}/state");
        late.wait_for(&topic, is(&topic, "open", json!(id % 2 == 0)));
    }
    appliance.stop().await;
}
