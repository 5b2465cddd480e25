use serde::{Deserialize, Serialize};

use doorward_core::alarm::{AlarmKind, AlarmSubject};
use doorward_core::controller::DoorStatus;
use doorward_core::ids::{DeviceName, DoorId};
use doorward_core::time::Wall;

/// A reader's live state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReaderStatus {
    /// Its name in `site.toml`.
    pub name: DeviceName,
    /// It answers.
    pub online: bool,
    /// It answers in Secure Channel.
    pub secure: bool,
    /// Vendor, model and firmware as it tells them; `None` before it was first online.
    pub identity: Option<String>,
    /// How it stands with its Secure Channel key.
    #[serde(default)]
    pub key: ReaderKey,
}

/// How a reader stands with its Secure Channel key (SCBK).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReaderKey {
    /// It has none and needs none: it is spoken to in clear.
    Clear,
    /// There is none yet: it waits to be given one.
    Missing,
    /// Its install window is open.
    Installing,
    /// It has one of its own.
    #[default]
    Set,
    /// It asks for the default key SCBK-D: it has lost its own, or is another reader.
    Lost,
    /// It has another one: it is another reader, or its key was changed elsewhere.
    Wrong,
    /// It refuses Secure Channel, or the key it was to be given.
    Refused,
}

/// A relay board's live state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BoardStatus {
    /// Its name in `site.toml`.
    pub name: DeviceName,
    /// It answers.
    pub online: bool,
}

/// An alarm whose condition holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Alarm {
    /// What is wrong.
    pub kind: AlarmKind,
    /// What it is about.
    pub subject: AlarmSubject,
    /// Since when.
    pub since: Wall,
}

/// A change of live state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Live {
    /// Of a door.
    Door(DoorStatus),
    /// A door is no longer in the table.
    DoorRemoved(DoorId),
    /// Of a reader.
    Reader(ReaderStatus),
    /// Of a relay board.
    Board(BoardStatus),
    /// An alarm began.
    AlarmRaised(Alarm),
    /// An alarm ended.
    AlarmCleared(Alarm),
}

/// The live state of the whole site.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveSnapshot {
    /// Doors, in the order of their numbers.
    pub doors: Vec<DoorStatus>,
    /// Readers, in the order of their names.
    pub readers: Vec<ReaderStatus>,
    /// Relay boards, in the order of their names.
    pub boards: Vec<BoardStatus>,
    /// Alarms whose condition holds.
    pub alarms: Vec<Alarm>,
}

impl LiveSnapshot {
    /// Takes in a change that followed.
    pub fn apply(&mut self, change: Live) {
        match change {
            Live::Door(door) => put(&mut self.doors, door, |door| door.door),
            Live::DoorRemoved(removed) => self.doors.retain(|door| door.door != removed),
            Live::Reader(reader) => put(&mut self.readers, reader, |reader| reader.name.clone()),
            Live::Board(board) => put(&mut self.boards, board, |board| board.name.clone()),
            Live::AlarmRaised(alarm) => put(&mut self.alarms, alarm, alarm_key),
            Live::AlarmCleared(alarm) => {
                let cleared = alarm_key(&alarm);
                self.alarms.retain(|alarm| alarm_key(alarm) != cleared);
            }
        }
    }
}

fn alarm_key(alarm: &Alarm) -> (AlarmKind, AlarmSubject) {
    (alarm.kind, alarm.subject.clone())
}

fn put<T, K: Ord>(items: &mut Vec<T>, item: T, key: impl Fn(&T) -> K) {
    match items.binary_search_by(|other| key(other).cmp(&key(&item))) {
        Ok(at) => items[at] = item,
        Err(at) => items.insert(at, item),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::controller::LockState;
    use doorward_core::model::DoorMode;

    fn board(name: &str, online: bool) -> BoardStatus {
        BoardStatus {
            name: name.into(),
            online,
        }
    }

    #[test]
    fn changes_are_taken_in_by_name_and_keep_the_order() {
        let mut snapshot = LiveSnapshot::default();
        for (name, online) in [("b", true), ("a", true), ("c", false), ("b", false)] {
            snapshot.apply(Live::Board(board(name, online)));
        }
        assert_eq!(
            snapshot.boards,
            [board("a", true), board("b", false), board("c", false)]
        );
    }

    #[test]
    fn a_removed_door_goes() {
        let door = |id| DoorStatus {
            door: DoorId(id),
            mode: DoorMode::Normal,
            lock: LockState::Locked,
            open: None,
            forced_open: false,
            held_open: false,
            relay_online: true,
            readers_online: true,
            ..DoorStatus::default()
        };
        let mut snapshot = LiveSnapshot::default();
        snapshot.apply(Live::Door(door(1)));
        snapshot.apply(Live::Door(door(2)));
        snapshot.apply(Live::DoorRemoved(DoorId(1)));
        assert_eq!(snapshot.doors, [door(2)]);
    }

    #[test]
    fn a_cleared_alarm_goes() {
        let alarm = |kind| Alarm {
            kind,
            subject: AlarmSubject::Appliance,
            since: Wall(5),
        };
        let mut snapshot = LiveSnapshot::default();
        snapshot.apply(Live::AlarmRaised(alarm(AlarmKind::UplinkDown)));
        snapshot.apply(Live::AlarmRaised(alarm(AlarmKind::StorageFailing)));
        snapshot.apply(Live::AlarmCleared(alarm(AlarmKind::UplinkDown)));
        assert_eq!(snapshot.alarms, [alarm(AlarmKind::StorageFailing)]);
    }

    #[test]
    fn every_live_change_has_its_name_on_the_wire() {
        let check = |live: Live, expect: &str| {
            let text = serde_json::to_string(&live).unwrap();
            assert_eq!(text, expect);
            assert_eq!(serde_json::from_str::<Live>(&text).unwrap(), live);
        };
        check(
            Live::Board(board("attic", true)),
            r#"{"board":{"name":"attic","online":true}}"#,
        );
        check(
            Live::AlarmRaised(Alarm {
                kind: AlarmKind::ReaderOffline,
                subject: AlarmSubject::Reader("front-in".into()),
                since: Wall(0),
            }),
            r#"{"alarm_raised":{"kind":"reader_offline","subject":{"of":"reader","name":"front-in"},"since":"1970-01-01T00:00:00.000Z"}}"#,
        );
    }
}
