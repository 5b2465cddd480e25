//! The passage log: what happened at the doors, one event a row.

use core::fmt;
use serde::{Deserialize, Serialize};

use crate::alarm::AlarmKind;
use crate::card::CardBits;
use crate::ids::{Actor, AreaId, CredentialId, DeviceName, DoorId, KeyId, UserId};
use crate::model::DoorMode;
use crate::time::{ClockTrust, Wall};

/// One event, before the store gives it its number.
///
/// `user`, `credential` and `card` are personal data: the store hangs them on the hash chain by a
/// salted commitment, so that they can be erased without breaking it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    /// When it happened.
    pub at: Wall,
    /// Whether `at` may be believed.
    pub clock: ClockTrust,
    /// What happened.
    pub kind: EventKind,
    /// The outcome's reason, for decisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<DoorId>,
    /// At which reader, by its name in `site.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<DeviceName>,
    /// At which relay board, by its name in `site.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<DeviceName>,
    /// Which way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The key that matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// The user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
    /// The bits of an unknown card, so that it can be enrolled from its event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardBits>,
    /// Who commanded it, for operations from the console, the API or headquarters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// The mode in force, for changes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<DoorMode>,
    /// The area, where whoever is inside was forgiven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<AreaId>,
    /// The alarm, for alarm events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<AlarmKind>,
    /// At which serial port, by its path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<DeviceName>,
    /// The number of the event that raised the alarm, for what operators do about alarms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    /// What an operator said of it; 0 to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The revision of the access table that it was decided under.
    pub revision: u64,
}

impl Event {
    /// An event of `kind` with nothing but its time and the table's revision.
    #[must_use]
    pub const fn new(kind: EventKind, at: Wall, clock: ClockTrust, revision: u64) -> Self {
        Self {
            at,
            clock,
            kind,
            reason: None,
            door: None,
            reader: None,
            board: None,
            direction: None,
            key: None,
            user: None,
            credential: None,
            card: None,
            actor: None,
            mode: None,
            area: None,
            alarm: None,
            port: None,
            of: None,
            note: None,
            revision,
        }
    }
}

/// Which way a reader leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// In, from an entry reader.
    Entry,
    /// Out, from an exit reader.
    Exit,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A credential was granted passage; the door unlocks.
    Granted,
    /// A credential was denied.
    Denied,
    /// An operator unlocked the door once.
    UnlockedByOperator,
    /// Somebody asked to exit; the door unlocks.
    ExitRequested,
    /// The door opened after a grant.
    Entered,
    /// The unlock time ended and the door was not opened.
    NotEntered,
    /// The door closed.
    Closed,
    /// The door opened without grant, exit request or operator.
    ForcedOpen,
    /// The door stood open longer than allowed.
    HeldOpen,
    /// A reader answers again.
    ReaderOnline,
    /// A reader stopped answering.
    ReaderOffline,
    /// A relay board answers again.
    BoardOnline,
    /// A relay board stopped answering.
    BoardOffline,
    /// An alarm was raised.
    AlarmRaised,
    /// An alarm's condition ended.
    AlarmCleared,
    /// Somebody was let in whom soft anti-passback would have refused.
    PassbackViolated,
    /// An operator has seen an alarm.
    AlarmAcknowledged,
    /// An operator has put an alarm away.
    AlarmPutAway,
    /// A card was learned at a reader: it was shown, and not judged.
    CardLearned,
    /// An operator forgave: it counts as not known where somebody is.
    Forgiven,
    /// The daemon serves the doors.
    Started,
    /// The daemon stopped in order.
    Stopped,
    /// Another mode came into force at the door.
    ModeChanged,
    /// The door stands unlocked from now on, by its plan.
    PlanBegan,
    /// The hours of its plan are over.
    PlanEnded,
    /// A pending plan came into force.
    PlanActivated,
    /// A holder began to hold the door open.
    HoldBegan,
    /// The door is not held open any more.
    HoldEnded,
    /// An operator relocked the door.
    RelockedByOperator,
    /// The fire input released the door.
    FireReleased,
    /// The fire input is at rest again.
    FireEnded,
    /// An operator opened the install window of a reader.
    InstallOpened,
    /// The install window of a reader closed, and the reader has not shown a new key.
    InstallClosed,
    /// A reader has shown that it has the new key it was given.
    ReaderKeyChanged,
    /// A reader was to be given a new key, and has the one before.
    ReaderKeyKept,
    /// An operator has had the speed of an OSDP bus raised; the note says what became of it.
    BusSpeedChanged,
}

/// Why a decision came out as it did. The text codes are stable: they are written to logs, sent to
/// headquarters, and documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Granted by a key.
    Granted,
    /// The reader belongs to no door of the table.
    DoorUnknown,
    /// The door is in lockdown.
    DoorLockdown,
    /// The door's mode is locked.
    DoorLocked,
    /// No credential has these bits or numbers.
    CardUnknown,
    /// Several credentials could be meant; none is guessed.
    CardAmbiguous,
    /// The credential was not handed over yet.
    CredentialPending,
    /// The credential is lost or put aside.
    CredentialInactive,
    /// The credential was taken back.
    CredentialRemoved,
    /// The credential is not valid yet.
    CredentialNotYetValid,
    /// The credential has expired.
    CredentialExpired,
    /// The credential is held by nobody.
    CredentialUnassigned,
    /// The user's invitation is not accepted.
    UserInvited,
    /// The user is switched off.
    UserInactive,
    /// The user is suspended.
    UserSuspended,
    /// The user was removed.
    UserRemoved,
    /// No key of the user opens this door.
    NoGrant,
    /// Every grant for this door lies outside its intervals.
    GrantNotValid,
    /// The key for this door is blocked.
    KeyBlocked,
    /// The key for this door is outside its common window.
    KeyOutsideWindow,
    /// The key for this door is outside its schedule.
    OutsideSchedule,
    /// The clock is not trusted, and the site refuses scheduled access meanwhile.
    ClockNotTrusted,
    /// No credential is known by this PIN.
    PinUnknown,
    /// Several users have this PIN, and it was entered without a card.
    PinAmbiguous,
    /// The door asks for a PIN beside, or instead of, the card.
    PinRequired,
    /// The door asks for a card beside, or instead of, the PIN.
    CardRequired,
    /// The PIN is not that of the card's holder.
    PinWrong,
    /// Too many wrong PINs were entered with this card, or at this reader.
    PinLockedOut,
    /// The PIN was not finished within its time.
    PinTimeout,
    /// The user is inside already, or was last let in elsewhere.
    AntiPassback,
    /// The user came in just now.
    AntiPassbackTimed,
    /// Another door of the mantrap stands open or unlocked.
    Interlock,
    /// A second person must show a credential.
    SecondPersonNeeded,
    /// As many are inside as may.
    AreaFull,
    /// The door's relay cannot be driven.
    RelayUnavailable,
    /// The access table could not be read.
    TableUnreadable,
}

impl Reason {
    /// The stable text code, such as `outside_schedule`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::DoorUnknown => "door_unknown",
            Self::DoorLockdown => "door_lockdown",
            Self::DoorLocked => "door_locked",
            Self::CardUnknown => "card_unknown",
            Self::CardAmbiguous => "card_ambiguous",
            Self::CredentialPending => "credential_pending",
            Self::CredentialInactive => "credential_inactive",
            Self::CredentialRemoved => "credential_removed",
            Self::CredentialNotYetValid => "credential_not_yet_valid",
            Self::CredentialExpired => "credential_expired",
            Self::CredentialUnassigned => "credential_unassigned",
            Self::UserInvited => "user_invited",
            Self::UserInactive => "user_inactive",
            Self::UserSuspended => "user_suspended",
            Self::UserRemoved => "user_removed",
            Self::NoGrant => "no_grant",
            Self::GrantNotValid => "grant_not_valid",
            Self::KeyBlocked => "key_blocked",
            Self::KeyOutsideWindow => "key_outside_window",
            Self::OutsideSchedule => "outside_schedule",
            Self::ClockNotTrusted => "clock_not_trusted",
            Self::PinUnknown => "pin_unknown",
            Self::PinAmbiguous => "pin_ambiguous",
            Self::PinRequired => "pin_required",
            Self::CardRequired => "card_required",
            Self::PinWrong => "pin_wrong",
            Self::PinLockedOut => "pin_locked_out",
            Self::PinTimeout => "pin_timeout",
            Self::AntiPassback => "anti_passback",
            Self::AntiPassbackTimed => "anti_passback_timed",
            Self::Interlock => "interlock",
            Self::SecondPersonNeeded => "second_person_needed",
            Self::AreaFull => "area_full",
            Self::RelayUnavailable => "relay_unavailable",
            Self::TableUnreadable => "table_unreadable",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every reason with its code, for people to read and for nobody to change.
    const REASONS: [(Reason, &str); 36] = [
        (Reason::Granted, "granted"),
        (Reason::DoorUnknown, "door_unknown"),
        (Reason::DoorLockdown, "door_lockdown"),
        (Reason::DoorLocked, "door_locked"),
        (Reason::CardUnknown, "card_unknown"),
        (Reason::CardAmbiguous, "card_ambiguous"),
        (Reason::CredentialPending, "credential_pending"),
        (Reason::CredentialInactive, "credential_inactive"),
        (Reason::CredentialRemoved, "credential_removed"),
        (Reason::CredentialNotYetValid, "credential_not_yet_valid"),
        (Reason::CredentialExpired, "credential_expired"),
        (Reason::CredentialUnassigned, "credential_unassigned"),
        (Reason::UserInvited, "user_invited"),
        (Reason::UserInactive, "user_inactive"),
        (Reason::UserSuspended, "user_suspended"),
        (Reason::UserRemoved, "user_removed"),
        (Reason::NoGrant, "no_grant"),
        (Reason::GrantNotValid, "grant_not_valid"),
        (Reason::KeyBlocked, "key_blocked"),
        (Reason::KeyOutsideWindow, "key_outside_window"),
        (Reason::OutsideSchedule, "outside_schedule"),
        (Reason::ClockNotTrusted, "clock_not_trusted"),
        (Reason::PinUnknown, "pin_unknown"),
        (Reason::PinAmbiguous, "pin_ambiguous"),
        (Reason::PinRequired, "pin_required"),
        (Reason::CardRequired, "card_required"),
        (Reason::PinWrong, "pin_wrong"),
        (Reason::PinLockedOut, "pin_locked_out"),
        (Reason::PinTimeout, "pin_timeout"),
        (Reason::AntiPassback, "anti_passback"),
        (Reason::AntiPassbackTimed, "anti_passback_timed"),
        (Reason::Interlock, "interlock"),
        (Reason::SecondPersonNeeded, "second_person_needed"),
        (Reason::AreaFull, "area_full"),
        (Reason::RelayUnavailable, "relay_unavailable"),
        (Reason::TableUnreadable, "table_unreadable"),
    ];

    #[test]
    fn reasons_keep_their_codes() {
        for (reason, code) in REASONS {
            assert_eq!(reason.code(), code);
            assert_eq!(reason.to_string(), code);
            let text = format!("\"{code}\"");
            assert_eq!(serde_json::to_string(&reason).unwrap(), text);
            assert_eq!(serde_json::from_str::<Reason>(&text).unwrap(), reason);
        }
    }

    #[test]
    fn an_event_says_only_what_it_knows() {
        let at = "2026-03-24T09:00:00Z".parse().unwrap();
        let mut event = Event::new(EventKind::Denied, at, ClockTrust::Trusted, 7);
        event.door = Some(DoorId(1));
        event.reason = Some(Reason::CardUnknown);
        event.card = Some("1010".parse().unwrap());
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(
            text,
            r#"{"at":"2026-03-24T09:00:00.000Z","clock":"trusted","kind":"denied","reason":"card_unknown","door":1,"card":"1010","revision":7}"#
        );
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    }
}
