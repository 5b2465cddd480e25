//! Real messages against the published schemas.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use doorward_core::alarm::{AlarmKind, AlarmSubject};
use doorward_core::time::Wall;
use doorwardd::doors::{Alarm, Live};
use serde_json::{Value, json};

use crate::appliance::{Appliance, config, door};
use crate::mosquitto::{Message, Mosquitto, Subscriber};

/// Validates each line `{"topic": …, "payload": …}` against the schema that the AsyncAPI document
/// gives for the topic.
const VALIDATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/uplink/validate.py");

fn validate(messages: &[Value]) -> Result<(), String> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/mqtt/asyncapi.yaml");
    let python = std::env::var("DOORWARD_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut child = Command::new(python)
        .arg(VALIDATE)
        .arg(docs)
        .arg("doorward/north")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    {
        let mut stdin = child.stdin.take().unwrap();
        for message in messages {
            writeln!(stdin, "{message}").unwrap();
        }
    }
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn line(message: &Message) -> Value {
    json!({"topic": message.topic, "payload": message.payload})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_is_as_documented() {
    let broker = Mosquitto::start("allow_anonymous true");
    let witness = Subscriber::new(broker.port, "doorward/north/#", &[]);
    let appliance = Appliance::start(&config(broker.port));
    appliance.log.append(200);
    appliance.log.append_each_kind();
    appliance.doors.publish(Live::Door(door(1, false)));
    for subject in [
        AlarmSubject::Appliance,
        AlarmSubject::Reader("front-in".into()),
        AlarmSubject::Port("/dev/ttyS0".into()),
    ] {
        appliance.doors.publish(Live::AlarmRaised(Alarm {
            kind: AlarmKind::PortFailing,
            subject,
            since: Wall(1_700_000_000_000),
        }));
    }
    let newest = appliance.log.newest_now();
    witness.wait_for("the last event", |message| {
        message.payload["data"]["seq"] == newest
    });
    witness.wait_for("the alarms", |message| {
        message.payload["data"]["count"] == 3
    });
    appliance.stop().await;
    witness.wait_for("the stop", |message| {
        message.payload["data"]["stopped"] == true
    });

    let messages: Vec<Value> = witness.messages().iter().map(line).collect();
    assert!(messages.len() > 200);
    validate(&messages).unwrap();

    // The same check must see what is wrong.
    for spoil in [
        |message: &mut Value| message["payload"]["data"]["seq"] = json!("1"),
        |message: &mut Value| message["payload"]["type"] = json!("doorward.event.vanished"),
        |message: &mut Value| message["payload"]["data"]["reason"] = json!("because"),
        |message: &mut Value| message["payload"]["data"]["unheard_of"] = json!(1),
        |message: &mut Value| message["topic"] = json!("doorward/north/elsewhere"),
    ] {
        let is_event = |message: &&Value| message["topic"] == "doorward/north/events";
        let mut message = messages.iter().find(is_event).unwrap().clone();
        spoil(&mut message);
        assert!(validate(&[message.clone()]).is_err(), "{message} was taken");
    }
}
