//! A made-up site for tests: fixed in every detail, so that pictures of it can be compared.

use doorward_api::{
    Alarm, ApiInfo, BoardStatus, DoorView, EventRow, ReaderStatus, Status, StorageState,
    StorageStatus, UplinkState, UplinkStatus,
};
use doorward_core::alarm::{AlarmKind, AlarmSubject};
use doorward_core::card::CardNumber;
use doorward_core::controller::{DoorStatus, LockState};
use doorward_core::event::{Direction, Event, EventKind, Reason};
use doorward_core::ids::{CredentialId, DoorId, KeyId, PlaceId, ScheduleId, UserId};
use doorward_core::model::{
    Circuit, Credential, CredentialData, CredentialState, Door, DoorMode, DoorWiring, FailMode,
    Grant, InputPoint, Interval, Key, KeyFlags, OutputPoint, Relock, Schedule, User, UserState,
};
use doorward_core::time::{ClockTrust, Wall};

use crate::cli::held::HeldKey;

use super::event::{Attached, DoorDetail, UserDetail};

/// Sunday 29 March 2026, 09:30:00 UTC; 11:30 in Stockholm, on the day its clocks change.
pub(crate) const NOW: Wall = Wall(1_774_776_600_000);

fn door(id: u32, name: &str, readers: (&str, Option<&str>), output: u16) -> Door {
    let input = |input, circuit| InputPoint {
        board: "attic".to_owned(),
        input,
        circuit,
    };
    Door {
        id: DoorId(id),
        name: name.to_owned(),
        place: PlaceId(1),
        time_zone: "Europe/Stockholm".to_owned(),
        unlock_ms: 5_000,
        extended_unlock_ms: 15_000,
        held_open_ms: 30_000,
        held_open_warning_ms: 10_000,
        relock: Relock::OnClose,
        fail_mode: FailMode::Secure,
        mode: DoorMode::Normal,
        authentication: doorward_core::model::Authentication::default(),
        inside: None,
        outside: None,
        wiring: DoorWiring {
            entry_readers: vec![readers.0.to_owned()],
            exit_readers: readers.1.iter().map(ToString::to_string).collect(),
            relay: Some(OutputPoint {
                board: "attic".to_owned(),
                output,
            }),
            contact: Some(input(output * 2 - 1, Circuit::NormallyClosed)),
            rex: Some(input(output * 2, Circuit::NormallyOpen)),
            ..DoorWiring::default()
        },
        ..Door::default()
    }
}

fn status_of(id: u32, lock: LockState, open: Option<bool>) -> DoorStatus {
    DoorStatus {
        door: DoorId(id),
        mode: DoorMode::Normal,
        lock,
        open,
        forced_open: false,
        held_open: false,
        relay_online: true,
        readers_online: true,
        ..DoorStatus::default()
    }
}

/// Five doors: at rest, unlocked and open, held open, with a dead reader, in lockdown.
pub(crate) fn doors() -> Vec<DoorView> {
    let view = |door, status| DoorView {
        door,
        status: Some(status),
    };
    let mut held = status_of(3, LockState::Locked, Some(true));
    held.held_open = true;
    let mut deaf = status_of(4, LockState::Locked, None);
    deaf.readers_online = false;
    let mut down = status_of(5, LockState::Locked, Some(false));
    down.mode = DoorMode::Lockdown;
    let mut pharmacy = door(5, "Pharmacy", ("pharmacy-in", Some("pharmacy-out")), 5);
    pharmacy.mode = DoorMode::Lockdown;
    vec![
        view(
            door(1, "Main entrance", ("main-in", Some("main-out")), 1),
            status_of(1, LockState::Locked, Some(false)),
        ),
        view(
            door(2, "Lab", ("lab-in", Some("lab-out")), 2),
            status_of(2, LockState::Unlocked, Some(true)),
        ),
        view(door(3, "Ambulance bay", ("bay-in", None), 3), held),
        view(door(4, "Staff room", ("staff-in", None), 4), deaf),
        view(pharmacy, down),
    ]
}

fn user(id: u32, first: &str, last: &str, department: &str, state: UserState) -> User {
    User {
        id: UserId(id),
        first_name: first.to_owned(),
        last_name: last.to_owned(),
        email: (id % 2 == 1).then(|| format!("{}@example.org", first.to_lowercase())),
        department: department.to_owned(),
        state,
        extended_unlock: id == 2,
        ..User::default()
    }
}

pub(crate) fn users() -> Vec<User> {
    vec![
        user(1, "Anna", "Berg", "Surgery", UserState::Active),
        user(2, "Bo", "Ek", "Transport", UserState::Active),
        user(3, "Camille", "Dubois", "Laboratory", UserState::Suspended),
        user(4, "Dana", "Nováková", "", UserState::Invited),
        user(5, "Erik", "Åström", "Surgery", UserState::Inactive),
    ]
}

pub(crate) fn schedule() -> Schedule {
    Schedule {
        id: ScheduleId(1),
        name: "Office".to_owned(),
        time_zone: "Europe/Stockholm".to_owned(),
        weekly: vec![],
        exceptions: Vec::new(),
        holidays: Vec::new(),
    }
}

pub(crate) fn keys() -> Vec<Key> {
    let key = |id, name: &str, doors: &[u32], schedule| Key {
        id: KeyId(id),
        name: name.to_owned(),
        place: PlaceId(1),
        doors: doors.iter().copied().map(DoorId).collect(),
        schedule,
        window: None,
        blocked: None,
        flags: KeyFlags::default(),
        ..Key::default()
    };
    vec![
        key(1, "Staff", &[1, 4], Some(ScheduleId(1))),
        key(2, "Everywhere", &[1, 2, 3, 4, 5], None),
        key(3, "Visitors", &[1], Some(ScheduleId(9))),
    ]
}

pub(crate) fn credentials() -> Vec<Credential> {
    let number = |number| CardNumber {
        format: "H10301".parse().unwrap(),
        facility: Some(12),
        number,
    };
    let credential = |id, user: Option<u32>, data, state| Credential {
        id: CredentialId(id),
        user: user.map(UserId),
        data,
        state,
        valid_from: None,
        valid_until: None,
        label: String::new(),
    };
    let mut phone = credential(
        3,
        Some(2),
        CredentialData::Phone(number(40_002)),
        CredentialState::Pending,
    );
    phone.valid_until = Some(NOW.plus_ms(86_400_000));
    let mut spare = credential(
        4,
        None,
        CredentialData::RawCard {
            bits: "0110100110".parse().unwrap(),
        },
        CredentialState::Active,
    );
    spare.label = "visitor 4".to_owned();
    let card = |id, state| {
        credential(
            id,
            Some(1),
            CredentialData::Card(number(34_566 + u64::from(id))),
            state,
        )
    };
    vec![
        card(1, CredentialState::Active),
        card(2, CredentialState::Inactive),
        phone,
        spare,
    ]
}

pub(crate) fn user_detail() -> UserDetail {
    let mut keys = keys();
    let everywhere = keys.remove(1);
    let staff = keys.remove(0);
    let grant = |key: &Key, intervals| Grant {
        user: UserId(1),
        key: key.id,
        intervals,
    };
    let until = Interval {
        from: None,
        until: Some(NOW.plus_ms(7 * 86_400_000)),
    };
    UserDetail {
        user: users().remove(0),
        keys: vec![
            HeldKey {
                grant: grant(&staff, vec![]),
                key: Some(staff),
                schedule: Some("Office".to_owned()),
            },
            HeldKey {
                grant: grant(&everywhere, vec![until]),
                key: Some(everywhere),
                schedule: None,
            },
        ],
        credentials: credentials().into_iter().take(2).collect(),
        doors: doors().into_iter().take(2).map(|view| view.door).collect(),
    }
}

/// Eight rows of the log, rising.
pub(crate) fn passages() -> Vec<EventRow> {
    let mut rows: Vec<Event> = Vec::new();
    let mut add = |seconds: i64, kind, door: Option<u32>, user: Option<u32>| {
        let at = NOW.plus_ms(-1000 * seconds);
        let mut event = Event::new(kind, at, ClockTrust::Trusted, 12);
        event.door = door.map(DoorId);
        event.user = user.map(UserId);
        rows.push(event);
        rows.len() - 1
    };
    add(90_000, EventKind::Started, None, None);
    add(400, EventKind::Granted, Some(1), Some(1));
    add(398, EventKind::Entered, Some(1), Some(1));
    let denied = add(180, EventKind::Denied, Some(5), Some(3));
    let unknown = add(120, EventKind::Denied, Some(2), None);
    let operator = add(61, EventKind::UnlockedByOperator, Some(2), None);
    let exit = add(30, EventKind::Granted, Some(1), Some(2));
    add(12, EventKind::HeldOpen, Some(3), None);
    rows[denied].reason = Some(Reason::UserSuspended);
    rows[unknown].reason = Some(Reason::CardUnknown);
    rows[unknown].card = Some("00000010100000000111101100".parse().unwrap());
    rows[operator].actor = Some("uid 1000 (guard)".into());
    rows[exit].direction = Some(Direction::Exit);
    rows.into_iter()
        .enumerate()
        .map(|(at, event)| EventRow {
            seq: 1034 + at as u64,
            event,
            erased: false,
            hash: String::new(),
        })
        .collect()
}

pub(crate) fn status() -> Status {
    let reader = |name: &str, online| ReaderStatus {
        name: name.into(),
        online,
        secure: online && !name.starts_with("lab"),
        identity: None,
        key: doorward_api::ReaderKey::Set,
    };
    Status {
        version: "0.1.0".to_owned(),
        site: "Example building".to_owned(),
        uptime_s: 90_000,
        now: NOW,
        clock: ClockTrust::Trusted,
        revision: 12,
        newest_event: 1041,
        doors: 5,
        readers: vec![
            reader("bay-in", true),
            reader("lab-in", true),
            reader("lab-out", true),
            reader("main-in", true),
            reader("main-out", true),
            reader("pharmacy-in", true),
            reader("pharmacy-out", true),
            reader("staff-in", false),
        ],
        boards: vec![BoardStatus {
            name: "attic".into(),
            online: true,
        }],
        alarms: vec![
            Alarm {
                kind: AlarmKind::HeldOpen,
                subject: AlarmSubject::Door(DoorId(3)),
                since: NOW.plus_ms(-12_000),
            },
            Alarm {
                kind: AlarmKind::ReaderOffline,
                subject: AlarmSubject::Reader("staff-in".into()),
                since: NOW.plus_ms(-7_200_000),
            },
        ],
        uplink: UplinkStatus {
            state: UplinkState::Connected,
            broker: Some("hq.example.org:8883".to_owned()),
            problem: None,
            acknowledged_event: 1039,
        },
        storage: StorageStatus {
            state: StorageState::Working,
            problem: None,
        },
        logs: doorward_api::LogsStatus::default(),
        api: ApiInfo::default(),
    }
}

pub(crate) fn attached() -> Attached {
    Attached {
        status: status(),
        doors: doors(),
        passages: passages(),
    }
}

pub(crate) fn door_detail() -> DoorDetail {
    let mut passages: Vec<EventRow> = passages();
    passages.retain(|row| row.event.door == Some(DoorId(1)));
    passages.reverse();
    DoorDetail {
        door: DoorId(1),
        users: 2,
        more: false,
        passages,
    }
}
