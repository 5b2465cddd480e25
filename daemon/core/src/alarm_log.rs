//! The history of alarms: what became of each, and who saw it.
//!
//! An alarm is known by the number of the event that raised it. It stands until its condition has
//! ended and somebody has acknowledged it, or until somebody clears it. An alarm of a moment
//! ([`AlarmKind::is_of_a_moment`]) has no condition that could end: it stands until it is cleared.

use serde::{Deserialize, Serialize};

use crate::alarm::{AlarmKind, AlarmSubject};
use crate::event::Event;
use crate::ids::{Actor, CredentialId, DeviceName, DoorId, UserId};
use crate::time::Wall;

/// The longest note of an operator on an alarm, in characters.
pub const ALARM_NOTE_MAX: usize = 200;

/// An alarm, from beginning to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AlarmRecord {
    /// The number of the event that raised it.
    pub number: u64,
    /// What is or was wrong.
    pub kind: AlarmKind,
    /// What it is about.
    pub subject: AlarmSubject,
    /// Since when.
    pub raised: Wall,
    /// At which door, for alarms of readers that belong to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<DoorId>,
    /// At which reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<DeviceName>,
    /// By whom, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// By what was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
    /// Since when its condition has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Wall>,
    /// Who has seen it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<AlarmMark>,
    /// Who has put it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared: Option<AlarmMark>,
}

/// What an operator did about an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AlarmMark {
    /// When.
    pub at: Wall,
    /// Who.
    pub by: Actor,
    /// What they said of it; 0 to 200 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Why an alarm was not marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AlarmRefused {
    /// Somebody has done it before.
    #[error("the alarm is {} already", if *.cleared { "cleared" } else { "acknowledged" })]
    Already {
        /// Cleared, or acknowledged.
        cleared: bool,
    },
    /// What is wrong is still so.
    #[error("what is wrong is still so: the alarm can be acknowledged, not cleared")]
    StillSo,
}

impl AlarmKind {
    /// Whether it tells of a moment, and has no condition that could end.
    #[must_use]
    pub const fn is_of_a_moment(self) -> bool {
        matches!(
            self,
            Self::Duress | Self::RepeatedDenied | Self::DatabaseSetAside
        )
    }
}

impl AlarmRecord {
    /// The alarm that an event raises, if it raises one.
    #[must_use]
    pub fn raised_by(number: u64, event: &Event) -> Option<Self> {
        let kind = event.alarm?;
        Some(Self {
            number,
            kind,
            subject: subject_of(kind, event),
            raised: event.at,
            door: event.door,
            reader: event.reader.clone(),
            user: event.user,
            credential: event.credential,
            ended: None,
            acknowledged: None,
            cleared: None,
        })
    }

    /// Whether somebody still has to do something about it.
    #[must_use]
    pub const fn stands(&self) -> bool {
        self.cleared.is_none() && !(self.ended.is_some() && self.acknowledged.is_some())
    }

    /// Notes that its condition has ended.
    pub fn end(&mut self, at: Wall) {
        if !self.kind.is_of_a_moment() {
            self.ended.get_or_insert(at);
        }
    }

    /// Whether it may be acknowledged.
    pub const fn may_acknowledge(&self) -> Result<(), AlarmRefused> {
        match (&self.cleared, &self.acknowledged) {
            (Some(_), _) => Err(AlarmRefused::Already { cleared: true }),
            (None, Some(_)) => Err(AlarmRefused::Already { cleared: false }),
            (None, None) => Ok(()),
        }
    }

    /// Whether it may be cleared.
    pub const fn may_clear(&self) -> Result<(), AlarmRefused> {
        if self.cleared.is_some() {
            return Err(AlarmRefused::Already { cleared: true });
        }
        if self.ended.is_none() && !self.kind.is_of_a_moment() {
            return Err(AlarmRefused::StillSo);
        }
        Ok(())
    }
}

/// What an alarm's event is about.
#[must_use]
pub fn subject_of(kind: AlarmKind, event: &Event) -> AlarmSubject {
    match (kind, event.door, &event.reader, &event.board, &event.port) {
        (_, _, _, _, Some(port)) => AlarmSubject::Port(port.clone()),
        (_, _, _, Some(board), _) => AlarmSubject::Board(board.clone()),
        (AlarmKind::Duress, Some(door), _, _, _) => AlarmSubject::Door(door),
        (_, _, Some(reader), _, _) => AlarmSubject::Reader(reader.clone()),
        (_, Some(door), _, _, _) => AlarmSubject::Door(door),
        _ => AlarmSubject::Appliance,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventKind;
    use crate::time::ClockTrust;

    fn raised(kind: AlarmKind, change: impl FnOnce(&mut Event)) -> AlarmRecord {
        let mut event = Event::new(EventKind::AlarmRaised, Wall(5), ClockTrust::Trusted, 0);
        event.alarm = Some(kind);
        change(&mut event);
        AlarmRecord::raised_by(7, &event).unwrap()
    }

    fn mark() -> Option<AlarmMark> {
        Some(AlarmMark {
            at: Wall(9),
            by: "uid 0".into(),
            note: String::new(),
        })
    }

    #[test]
    fn an_alarm_is_about_what_its_event_is_about() {
        type Change = fn(&mut Event);
        let cases: [(AlarmKind, Change, AlarmSubject); 6] = [
            (AlarmKind::UplinkDown, |_| {}, AlarmSubject::Appliance),
            (
                AlarmKind::ForcedOpen,
                |event| event.door = Some(DoorId(1)),
                AlarmSubject::Door(DoorId(1)),
            ),
            (
                AlarmKind::BoardOffline,
                |event| event.board = Some("b".into()),
                AlarmSubject::Board("b".into()),
            ),
            (
                AlarmKind::PortFailing,
                |event| event.port = Some("/dev/x".into()),
                AlarmSubject::Port("/dev/x".into()),
            ),
            (
                AlarmKind::RepeatedDenied,
                |event| (event.door, event.reader) = (Some(DoorId(1)), Some("in".into())),
                AlarmSubject::Reader("in".into()),
            ),
            (
                AlarmKind::Duress,
                |event| (event.door, event.reader) = (Some(DoorId(1)), Some("in".into())),
                AlarmSubject::Door(DoorId(1)),
            ),
        ];
        for (kind, change, expect) in cases {
            assert_eq!(raised(kind, change).subject, expect, "{kind:?}");
        }
    }

    #[test]
    fn a_condition_stands_until_it_has_ended_and_was_seen() {
        let mut alarm = raised(AlarmKind::HeldOpen, |_| {});
        assert!(alarm.stands());
        assert_eq!(alarm.may_clear(), Err(AlarmRefused::StillSo));
        alarm.end(Wall(8));
        assert!(alarm.stands() && alarm.may_clear() == Ok(()));
        alarm.acknowledged = mark();
        assert!(!alarm.stands());
        let already = Err(AlarmRefused::Already { cleared: false });
        assert_eq!(alarm.may_acknowledge(), already);

        // The other way round.
        let mut alarm = raised(AlarmKind::HeldOpen, |_| {});
        alarm.acknowledged = mark();
        assert!(alarm.stands());
        alarm.end(Wall(8));
        assert!(!alarm.stands());
    }

    #[test]
    fn an_alarm_of_a_moment_stands_until_it_is_cleared() {
        let mut alarm = raised(AlarmKind::Duress, |event| event.door = Some(DoorId(1)));
        alarm.end(Wall(8));
        alarm.acknowledged = mark();
        assert!(alarm.stands() && alarm.ended.is_none());
        assert_eq!(alarm.may_clear(), Ok(()));
        alarm.cleared = mark();
        assert!(!alarm.stands());
        let already = Err(AlarmRefused::Already { cleared: true });
        assert_eq!(
            (alarm.may_clear(), alarm.may_acknowledge()),
            (already, already)
        );
    }
}
