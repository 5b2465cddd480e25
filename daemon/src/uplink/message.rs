//! What is sent, as CloudEvents 1.0 in structured JSON mode.
//!
//! `docs/mqtt.md` and `docs/mqtt/asyncapi.yaml` describe it to the receiving side; every message
//! here is checked against those schemas by the tests.

use doorward_core::alarm::{AlarmKind, AlarmSubject};
use doorward_core::controller::DoorStatus;
use doorward_core::event::Event;
use doorward_core::ids::DoorId;
use doorward_core::time::Wall;
use serde::Serialize;

use crate::doors::{Alarm, LiveSite};
use crate::store::{EventRow, LogHeads};

/// The media type of every message (CloudEvents MQTT binding 1.0.2, 3.2).
pub(super) const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// The most standing alarms listed in one message; the count is always whole.
pub const ALARMS_LISTED_MAX: usize = 200;

/// The topics under one prefix.
#[derive(Debug, Clone)]
pub(super) struct Topics {
    pub(super) events: String,
    pub(super) alarms: String,
    pub(super) state: String,
    prefix: String,
}

impl Topics {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            events: format!("{prefix}/events"),
            alarms: format!("{prefix}/alarms"),
            state: format!("{prefix}/state"),
            prefix: prefix.to_owned(),
        }
    }

    pub(super) fn door(&self, door: DoorId) -> String {
        format!("{}/doors/{door}/state", self.prefix)
    }
}

/// The envelope (CloudEvents 1.0.2, 3.1).
#[derive(Serialize)]
struct CloudEvent<'a, T> {
    specversion: &'static str,
    id: String,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Wall>,
    datacontenttype: &'static str,
    data: T,
}

#[derive(Serialize)]
struct EventData<'a> {
    seq: u64,
    hash: String,
    erased: bool,
    #[serde(flatten)]
    event: &'a Event,
}

/// The appliance as a whole, retained. `Offline` is the last will, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum SiteState {
    Online {
        online: bool,
        version: &'static str,
        revision: u64,
        newest_seq: u64,
        newest_hash: String,
        audit_seq: u64,
        audit_hash: String,
        alarms: usize,
        doors: usize,
        readers: Devices,
        boards: Devices,
    },
    Offline {
        online: bool,
        /// Whether the daemon was stopped in order; false in the last will.
        stopped: bool,
    },
}

/// How many devices there are, and how many answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Devices {
    total: usize,
    online: usize,
}

impl Devices {
    fn count(online: impl Iterator<Item = bool>) -> Self {
        let none = Self {
            total: 0,
            online: 0,
        };
        online.fold(none, |so_far, online| Self {
            total: so_far.total + 1,
            online: so_far.online + usize::from(online),
        })
    }
}

impl SiteState {
    pub(super) fn online(live: &LiveSite, revision: u64, heads: &LogHeads) -> Self {
        Self::Online {
            online: true,
            version: env!("CARGO_PKG_VERSION"),
            revision,
            newest_seq: heads.events.seq,
            newest_hash: hex(&heads.events.hash),
            audit_seq: heads.audit.seq,
            audit_hash: hex(&heads.audit.hash),
            alarms: live.alarms.len(),
            doors: live.doors.len(),
            readers: Devices::count(live.readers.values().map(|reader| reader.online)),
            boards: Devices::count(live.boards.values().map(|board| board.online)),
        }
    }

    pub(super) const fn stopped() -> Self {
        Self::Offline {
            online: false,
            stopped: true,
        }
    }

    pub(super) const fn lost() -> Self {
        Self::Offline {
            online: false,
            stopped: false,
        }
    }

    /// Whether anything but the newest event differs: that alone is not worth a message
    /// for every event.
    pub(super) fn differs_from(&self, other: &Self) -> bool {
        let mut same_seq = other.clone();
        if let (
            Self::Online {
                newest_seq,
                newest_hash,
                ..
            },
            Self::Online {
                newest_seq: other_seq,
                newest_hash: other_hash,
                ..
            },
        ) = (self, &mut same_seq)
        {
            *other_seq = *newest_seq;
            other_hash.clone_from(newest_hash);
        }
        *self != same_seq
    }
}

#[derive(Serialize)]
struct Alarms<'a> {
    count: usize,
    alarms: Vec<StandingAlarm<'a>>,
}

#[derive(Serialize)]
struct StandingAlarm<'a> {
    kind: AlarmKind,
    subject: &'a AlarmSubject,
    since: Wall,
}

/// Writes messages for one connection of one appliance.
#[derive(Debug)]
pub(super) struct Writer {
    appliance: String,
    source: String,
    /// Random, so that the ids of state messages are unique over all connections.
    connection: u64,
    state_messages: u64,
}

impl Writer {
    pub(super) fn new(appliance: &str, connection: u64) -> Self {
        Self {
            appliance: appliance.to_owned(),
            source: format!("/doorward/{appliance}"),
            connection,
            state_messages: 0,
        }
    }

    pub(super) fn event(&self, row: &EventRow) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&CloudEvent {
            specversion: "1.0",
            id: format!("{}/{}", self.appliance, row.seq),
            source: &self.source,
            kind: &format!("doorward.event.{}", word(&row.event.kind)?),
            subject: subject(&row.event),
            time: Some(row.event.at),
            datacontenttype: "application/json",
            data: EventData {
                seq: row.seq,
                hash: hex(&row.hash),
                erased: row.erased,
                event: &row.event,
            },
        })
    }

    pub(super) fn site(
        &mut self,
        state: &SiteState,
        at: Option<Wall>,
    ) -> Result<Vec<u8>, serde_json::Error> {
        self.state("doorward.state", None, at, state)
    }

    pub(super) fn door(
        &mut self,
        door: &DoorStatus,
        at: Wall,
    ) -> Result<Vec<u8>, serde_json::Error> {
        let subject = format!("door/{}", door.door);
        self.state("doorward.door.state", Some(subject), Some(at), door)
    }

    pub(super) fn alarms<'a>(
        &mut self,
        standing: impl ExactSizeIterator<Item = &'a Alarm>,
        at: Wall,
    ) -> Result<Vec<u8>, serde_json::Error> {
        let count = standing.len();
        let alarms = standing
            .take(ALARMS_LISTED_MAX)
            .map(|alarm| StandingAlarm {
                kind: alarm.kind,
                subject: &alarm.subject,
                since: alarm.since,
            })
            .collect();
        self.state("doorward.alarms", None, Some(at), Alarms { count, alarms })
    }

    fn state<T: Serialize>(
        &mut self,
        kind: &str,
        subject: Option<String>,
        time: Option<Wall>,
        data: T,
    ) -> Result<Vec<u8>, serde_json::Error> {
        self.state_messages += 1;
        serde_json::to_vec(&CloudEvent {
            specversion: "1.0",
            id: format!(
                "{}/{:016x}/{}",
                self.appliance, self.connection, self.state_messages
            ),
            source: &self.source,
            kind,
            subject,
            time,
            datacontenttype: "application/json",
            data,
        })
    }
}

fn subject(event: &Event) -> Option<String> {
    if let Some(door) = event.door {
        return Some(format!("door/{door}"));
    }
    if let Some(reader) = &event.reader {
        return Some(format!("reader/{reader}"));
    }
    event.board.as_ref().map(|board| format!("board/{board}"))
}

/// The text of a unit variant, as serde writes it.
fn word<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    serde_json::to_string(value).map(|quoted| quoted.trim_matches('"').to_owned())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::LogHead;
    use doorward_core::controller::LockState;
    use doorward_core::event::{Direction, EventKind, Reason};
    use doorward_core::ids::{KeyId, UserId};
    use doorward_core::model::DoorMode;
    use doorward_core::time::ClockTrust;

    const AT: Wall = Wall(1_774_747_800_000);

    fn check(written: Result<Vec<u8>, serde_json::Error>, expect: &str) {
        assert_eq!(String::from_utf8(written.unwrap()).unwrap(), expect);
    }

    #[test]
    fn an_event_carries_its_number_hash_and_all_its_fields() {
        let mut event = Event::new(EventKind::Granted, AT, ClockTrust::Trusted, 12);
        event.reason = Some(Reason::Granted);
        event.door = Some(DoorId(3));
        event.reader = Some("front-in".into());
        event.direction = Some(Direction::Entry);
        event.key = Some(KeyId(7));
        event.user = Some(UserId(42));
        let row = EventRow {
            seq: 17,
            hash: [0xA5; 32],
            event,
            erased: false,
        };
        let expect = format!(
            concat!(
                r#"{{"specversion":"1.0","id":"north/17","source":"/doorward/north","#,
                r#""type":"doorward.event.granted","subject":"door/3","#,
                r#""time":"2026-03-29T01:30:00.000Z","datacontenttype":"application/json","#,
                r#""data":{{"seq":17,"hash":"{}","erased":false,"#,
                r#""at":"2026-03-29T01:30:00.000Z","clock":"trusted","kind":"granted","#,
                r#""reason":"granted","door":3,"reader":"front-in","direction":"entry","#,
                r#""key":7,"user":42,"revision":12}}}}"#
            ),
            "a5".repeat(32)
        );
        check(Writer::new("north", 0).event(&row), &expect);
    }

    #[test]
    fn state_messages_have_ids_that_never_come_back() {
        let mut writer = Writer::new("north", 0xBEEF);
        check(
            writer.site(&SiteState::lost(), None),
            concat!(
                r#"{"specversion":"1.0","id":"north/000000000000beef/1","source":"/doorward/north","#,
                r#""type":"doorward.state","datacontenttype":"application/json","#,
                r#""data":{"online":false,"stopped":false}}"#
            ),
        );
        let door = DoorStatus {
            door: DoorId(3),
            mode: DoorMode::Lockdown,
            lock: LockState::Locked,
            open: None,
            forced_open: false,
            held_open: false,
            relay_online: true,
            readers_online: false,
            ..DoorStatus::default()
        };
        check(
            writer.door(&door, AT),
            concat!(
                r#"{"specversion":"1.0","id":"north/000000000000beef/2","source":"/doorward/north","#,
                r#""type":"doorward.door.state","subject":"door/3","time":"2026-03-29T01:30:00.000Z","#,
                r#""datacontenttype":"application/json","data":{"door":3,"mode":"lockdown","#,
                r#""lock":"locked","open":null,"forced_open":false,"held_open":false,"#,
                r#""relay_online":true,"readers_online":false}}"#
            ),
        );
    }

    #[test]
    fn alarms_beyond_the_limit_are_counted() {
        let alarms: Vec<Alarm> = (0..250)
            .map(|id| Alarm {
                kind: AlarmKind::HeldOpen,
                subject: AlarmSubject::Door(DoorId(id)),
                since: AT,
            })
            .collect();
        let written = Writer::new("north", 0).alarms(alarms.iter(), AT).unwrap();
        let message: serde_json::Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(message["data"]["count"], 250);
        let listed = message["data"]["alarms"].as_array().unwrap();
        assert_eq!(listed.len(), ALARMS_LISTED_MAX);
    }

    #[test]
    fn the_newest_number_alone_is_no_difference() {
        let live = LiveSite::default();
        let head = |seq| LogHead {
            seq,
            hash: [seq as u8; 32],
        };
        let heads = |events, audit| LogHeads {
            events: head(events),
            audit: head(audit),
        };
        let state = SiteState::online(&live, 1, &heads(10, 5));
        assert!(!state.differs_from(&SiteState::online(&live, 1, &heads(11, 5))));
        assert!(state.differs_from(&SiteState::online(&live, 2, &heads(10, 5))));
        assert!(state.differs_from(&SiteState::online(&live, 1, &heads(10, 6))));
        assert!(state.differs_from(&SiteState::stopped()));
        assert!(!SiteState::stopped().differs_from(&SiteState::stopped()));
    }
}
