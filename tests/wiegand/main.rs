//! Readers behind Wiegand converters, from the bytes of a converter to the coil of a board.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "tests stop at the first surprise"
)]

mod peers;

use std::time::{Duration, Instant};

use doorward_api::{Changes, EventRow, EventsQuery, Status};
use doorward_core::alarm::AlarmKind;
use doorward_core::card::CardNumber;
use doorward_core::event::EventKind;
use doorward_core::ids::{CredentialId, DoorId, KeyId, PlaceId, UserId};
use doorward_core::model::{
    AuthMethod, Authentication, Change, Credential, CredentialData, CredentialState, Door,
    DoorWiring, Grant, Key, OutputPoint, Place, Record, User, UserState,
};
use doorward_tests::converter::Converter;
use doorward_tests::daemon::Daemon;
use doorward_tests::modbus_board::{BoardReport, Boards, tcp_boards};
use doorward_wire::card::{CardFields, FormatTable};

use peers::{Device, DeviceOrder, DeviceReport, modbus_device};

/// Long enough for anything on a slow and busy machine.
const SOON: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

struct Site {
    daemon: Daemon,
    board: Boards,
    hex: Converter,
    rdm: Converter,
    device: Device,
    _folder: tempfile::TempDir,
}

impl Site {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hex = Converter::plug(folder.path().join("hex")).unwrap();
        let rdm = Converter::plug(folder.path().join("rdm")).unwrap();
        let (device, device_port) = modbus_device(7);
        let (board, board_port) = tcp_boards(&[1]).unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let site = format!(
            r#"
[site]
name = "Wiegand"
[paths]
data = "{data}"
[cards]
formats = ["H10301", "EM4100"]
[api]
socket = "{socket}"
[doors]
clock = "trusted"
[[wiegand]]
name = "hex"
profile = "wiegand-hex-lines"
port = "{hex}"
[[wiegand]]
name = "rdm"
profile = "rdm6300"
port = "{rdm}"
[[wiegand]]
name = "registers"
profile = "wiegand-modbus"
address = "127.0.0.1:{device_port}"
unit = 7
[[board]]
name = "cabinet"
profile = "generic-coil"
address = "127.0.0.1:{board_port}"
"#,
            data = path("store"),
            socket = path("api.sock"),
            hex = hex.path().display(),
            rdm = rdm.path().display(),
        );
        std::fs::write(folder.path().join("site.toml"), site).unwrap();
        let daemon = Daemon::start(folder.path()).unwrap();
        let site = Self {
            daemon,
            board,
            hex,
            rdm,
            device,
            _folder: folder,
        };
        site.furnish();
        site.wait_status("everything to answer", |status| {
            status.readers.len() == 3
                && status.readers.iter().all(|reader| reader.online)
                && status.boards.iter().all(|board| board.online)
        });
        site
    }

    fn furnish(&self) {
        let door = Door {
            id: DoorId(1),
            name: "Garage".to_owned(),
            place: PlaceId(1),
            time_zone: "Europe/Stockholm".to_owned(),
            unlock_ms: 300,
            extended_unlock_ms: 600,
            authentication: Authentication {
                method: AuthMethod::CardOrPin,
                scheduled: Vec::new(),
            },
            wiring: DoorWiring {
                entry_readers: ["hex", "rdm", "registers"].map(str::to_owned).to_vec(),
                relay: Some(OutputPoint {
                    board: "cabinet".to_owned(),
                    output: 1,
                }),
                ..DoorWiring::default()
            },
            ..Door::default()
        };
        let card = |id, format: &str, facility, number| {
            Record::Credential(Credential {
                id: CredentialId(id),
                user: Some(UserId(1)),
                data: CredentialData::Card(CardNumber {
                    format: format.parse().unwrap(),
                    facility: Some(facility),
                    number,
                }),
                state: CredentialState::Active,
                valid_from: None,
                valid_until: None,
                label: String::new(),
            })
        };
        let records = vec![
            Record::Place(Place {
                id: PlaceId(1),
                name: "House".to_owned(),
                ..Place::default()
            }),
            Record::Door(door),
            Record::Key(Key {
                id: KeyId(1),
                name: "Garage".to_owned(),
                place: PlaceId(1),
                doors: vec![DoorId(1)],
                ..Key::default()
            }),
            Record::User(User {
                id: UserId(1),
                first_name: "User".to_owned(),
                state: UserState::Active,
                ..User::default()
            }),
            card(1, "H10301", 42, 69),
            // The tag of the RDM6300 datasheet.
            card(2, "EM4100", 0x62, 0xE308_6CED),
            Record::Grant(Grant {
                user: UserId(1),
                key: KeyId(1),
                intervals: Vec::new(),
            }),
        ];
        let changes = Changes {
            changes: records.into_iter().map(Change::Put).collect(),
        };
        self.daemon
            .call(async |client| client.apply(&changes, None).await)
            .unwrap();
        let user = Some(UserId(1));
        self.daemon
            .call(async |client| client.create_pin(user, "274951", false, "").await)
            .unwrap();
    }

    fn wait_status(&self, what: &str, wanted: impl Fn(&Status) -> bool) {
        let until = Instant::now() + SOON;
        loop {
            let status = self.daemon.call(async |client| client.status().await);
            match status {
                Ok(status) if wanted(&status) => return,
                _ => assert!(
                    Instant::now() < until,
                    "waited for {what}: {status:?}\n{}",
                    self.daemon.log_text()
                ),
            }
            std::thread::sleep(LOOK);
        }
    }

    fn log(&self, kind: EventKind) -> Vec<EventRow> {
        let query = EventsQuery {
            limit: Some(1000),
            after: Some(0),
            ..EventsQuery::default()
        };
        let page = self.daemon.call(async |client| client.events(&query).await);
        let mut rows = page.unwrap().events;
        rows.retain(|row| row.event.kind == kind);
        rows
    }

    /// Waits for so many passages, the last of them with this credential; and for the door's coil.
    fn assert_granted(&mut self, count: usize, credential: u32) {
        let until = Instant::now() + SOON;
        while self.log(EventKind::Granted).len() < count {
            assert!(Instant::now() < until, "{}", self.daemon.log_text());
            std::thread::sleep(LOOK);
        }
        let granted = self.log(EventKind::Granted);
        assert_eq!(granted.len(), count);
        let last = &granted[count - 1].event;
        assert_eq!(last.credential, Some(CredentialId(credential)));
        for wanted in [true, false] {
            let level = self
                .board
                .wait_for("the coil", SOON, |report| match report {
                    BoardReport::Level { output: 1, on, .. } => Some(*on),
                    _ => None,
                });
            assert_eq!(level.unwrap(), wanted);
        }
    }
}

#[test]
fn cards_and_pins_come_from_every_kind_of_converter() {
    let mut site = Site::start();
    // A card that stood in the registers before the daemon came opens nothing.
    site.device
        .wait_for("a reading", SOON, |report| {
            matches!(report, DeviceReport::Read).then_some(())
        })
        .unwrap();
    site.hex.send(b"26:254008A\r\n").unwrap();
    site.assert_granted(1, 1);

    site.rdm.send(b"\x0262E3086CED08\x03").unwrap();
    // The reader goes on sending a tag that stays.
    site.rdm
        .send(b"\x0262E3086CED08\x03\x0262E3086CED08\x03")
        .unwrap();
    site.assert_granted(2, 2);

    let table = FormatTable::built_in().unwrap();
    let fields = CardFields {
        facility: Some(42),
        number: 69,
        ..CardFields::default()
    };
    let card = table.encode("H10301", &fields).unwrap();
    let bits = doorward_tests::card_peer::bits_of(&card);
    site.device.send(&DeviceOrder::Card { bits }).unwrap();
    site.assert_granted(3, 1);

    // The same PIN entry as at any keypad: keys in 4 bits and in 8 bits, `*` begins anew, `#` ends.
    site.hex
        .send(b"4:9\n4:A\n4:2\n8:87\n4:4\n4:9\n4:5\n4:1\n4:B\n")
        .unwrap();
    site.assert_granted(4, 3);

    // What is no card opens nothing, and stops nobody.
    site.hex
        .send(b"26:254008B\r\n26:xyz\n\xFF\xFE\xFD\n1:0\n")
        .unwrap();
    site.rdm.send(b"\x0262E3086CED09\x03\x02garbage").unwrap();
    site.hex.send(b"26:254008A\r\n").unwrap();
    site.assert_granted(5, 1);
    let denied = site.log(EventKind::Denied);
    let lengths: Vec<_> = denied
        .iter()
        .map(|row| row.event.card.map(|card| card.len()))
        .collect();
    // The card with the wrong parity bit, and the single bit: unknown cards, with their bits.
    assert_eq!(lengths, [Some(26), Some(1)]);
}

#[test]
fn a_converter_may_be_unplugged_and_a_device_fall_silent() {
    let mut site = Site::start();
    for _ in 0..2 {
        site.hex.unplug().unwrap();
        site.wait_status("the port to be missed", |status| {
            !status.readers[0].online
                && status
                    .alarms
                    .iter()
                    .any(|alarm| alarm.kind == AlarmKind::PortFailing)
        });
        // The others go on.
        assert!(site.daemon.call(async |client| {
            let status = client.status().await.unwrap();
            status.readers[1].online
        }));
        site.hex.replug().unwrap();
        site.wait_status("the converter to be back", |status| {
            status.readers[0].online
                && status
                    .alarms
                    .iter()
                    .all(|alarm| alarm.kind != AlarmKind::PortFailing)
        });
    }
    site.hex.send(b"26:254008A\r\n").unwrap();
    site.assert_granted(1, 1);

    site.device.send(&DeviceOrder::Silent { on: true }).unwrap();
    site.wait_status("the device to be missed", |status| {
        !status.readers[2].online
    });
    // Shown while nobody heard it: the door stays shut when the device is back.
    let bits = "10010101000000000010001010".to_owned();
    let card = DeviceOrder::Card { bits };
    site.device.send(&card).unwrap();
    site.device
        .send(&DeviceOrder::Silent { on: false })
        .unwrap();
    site.wait_status("the device to be back", |status| status.readers[2].online);
    site.device.send(&card).unwrap();
    site.assert_granted(2, 1);
}
