//! A badge opens a door.

use doorward_api::{WhyRequest, WhySubject};
use doorward_core::event::{Direction, EventKind, Reason};
use doorward_core::ids::{CredentialId, DoorId, UserId};
use doorward_core::model::{Record, Relock};

use crate::house::{BoardPlan, GREEN, House, Plan};
use crate::mosquitto::{Mosquitto, Subscriber, certificates};
use crate::table::{ALL_DOORS, card, furnish, slow_door};

/// `[uplink]` for a broker that wants a client certificate; `dir` has the files.
fn tls_uplink(broker: &Mosquitto) -> String {
    let file = |name: &str| broker.file(name);
    format!(
        "[uplink]\nhost = \"127.0.0.1\"\nport = {}\nclient_id = \"house\"\n\
         [uplink.tls]\nca_file = {:?}\ncertificate_file = {:?}\nkey_file = {:?}\n",
        broker.port,
        file("ca.pem"),
        file("client.pem"),
        file("client.key"),
    )
}

fn tls_broker() -> Mosquitto {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    Mosquitto::start_in(
        dir,
        "cafile DIR/ca.pem\ncertfile DIR/server.pem\nkeyfile DIR/server.key\n\
         require_certificate true\nuse_identity_as_username true",
    )
}

#[test]
fn a_badge_opens_a_door() {
    let broker = tls_broker();
    let path = |name: &str| broker.file(name).display().to_string();
    let headquarters = Subscriber::new(
        broker.port,
        "doorward/house/events",
        &[
            "--cafile",
            &path("ca.pem"),
            "--cert",
            &path("client.pem"),
            "--key",
            &path("client.key"),
        ],
    );
    let mut house = House::start(Plan {
        secure: vec![true, true],
        more: tls_uplink(&broker),
        ..Plan::default()
    });
    furnish(&house);
    let status = house.status();
    assert!(status.readers.iter().all(|reader| reader.secure));

    house.tap(2, card(1));
    let row = house.next_of(EventKind::Granted);
    house.wait_pulse(2);
    house.wait_shown(2, GREEN, 1);
    let event = &row.event;
    assert_eq!(event.reason, Some(Reason::Granted));
    assert_eq!(event.door, Some(DoorId(2)));
    assert_eq!(event.direction, Some(Direction::Entry));
    assert_eq!(event.user, Some(UserId(1)));
    assert_eq!(event.credential, Some(CredentialId(1)));
    assert_eq!(event.key, Some(ALL_DOORS));
    assert_eq!(event.reader.as_deref(), Some("reader-1"));
    assert_eq!(event.card, None, "a known card's bits are not logged");

    let told = headquarters.wait_for("the passage", |message| message.seq() == row.seq);
    let data = &told.payload["data"];
    assert_eq!(data["hash"], row.hash);
    assert_eq!(data["kind"], "granted");
    assert_eq!(data["user"], 1);
    assert!(!row.hash.is_empty());

    for subject in [WhySubject::User(UserId(1)), WhySubject::Card(card(1))] {
        let request = WhyRequest::new(DoorId(2), subject);
        let why = house
            .daemon()
            .call(async |client| client.why(&request).await)
            .unwrap();
        assert_eq!(why.reason, Reason::Granted, "{why:?}");
    }
}

#[test]
fn a_badge_in_the_clear_opens_a_door_on_a_serial_board() {
    let mut house = House::start(Plan {
        secure: vec![false],
        board: BoardPlan::Rtu,
        ..Plan::default()
    });
    furnish(&house);
    assert!(!house.status().readers[0].secure);
    house.tap(1, card(1));
    house.wait_shown(1, GREEN, 1);
    house.assert_granted(1);
}

#[test]
fn the_event_is_durable_when_the_coil_goes_on() {
    let mut house = House::start(Plan {
        // Past its deadline a door may open first; this is about what comes before.
        doors_more: "record_deadline_ms = 1000".to_owned(),
        ..Plan::default()
    });
    furnish(&house);
    house.put(vec![Record::Door(slow_door(1, Relock::AfterTime))]);
    for passage in 1..=3 {
        house.tap(1, card(1));
        house.wait_coil(1, true);
        house.take_daemon().kill().unwrap();

        // In the middle of a pulse timed by the appliance: the next life ends it.
        house.start_daemon();
        house.wait_coil(1, false);
        house.wait_wired();
        let granted = house
            .log()
            .iter()
            .filter(|row| row.event.kind == EventKind::Granted)
            .count();
        assert_eq!(granted, passage);
    }
}
