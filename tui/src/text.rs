//! Everything that people read, in one place: the console and the command line take their words
//! from here, so that a translation has one file to replace.

use doorward_api::ReaderKey;
use doorward_core::alarm::{AlarmKind, AlarmSubject};
use doorward_core::controller::{DoorStatus, LockState, PlanHours, StandsUnlocked};
use doorward_core::decide::Rule;
use doorward_core::event::{Direction, Event, EventKind, Reason};
use doorward_core::ids::{DoorId, UserId};
use doorward_core::model::{
    AuthMethod, Circuit, CredentialData, CredentialState, Door, DoorMode, FailMode, Relock,
    UserState, Weekday,
};

pub mod console;

/// Shown where a value is not there.
pub const NONE: &str = "–";

/// Shown for a person whose data was erased from the log.
pub const ERASED: &str = "(erased)";

/// Shown for a validity without bounds.
pub const ALWAYS: &str = "always";

/// Why a decision came out as it did, for somebody who stands at the door.
#[must_use]
pub const fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Granted => "a key opens it",
        Reason::DoorUnknown => "the reader belongs to no door",
        Reason::DoorLockdown => "the door is in lockdown",
        Reason::DoorLocked => "the door is locked by its mode",
        Reason::CardUnknown => "unknown card",
        Reason::CardAmbiguous => "the card fits several credentials",
        Reason::CredentialPending => "the card is not handed over yet",
        Reason::CredentialInactive => "the card is lost or put aside",
        Reason::CredentialRemoved => "the card was taken back",
        Reason::CredentialNotYetValid => "the card is not valid yet",
        Reason::CredentialExpired => "the card has expired",
        Reason::CredentialUnassigned => "nobody holds the card",
        Reason::UserInvited => "the invitation is not accepted yet",
        Reason::UserInactive => "the user is inactive",
        Reason::UserSuspended => "the user is suspended",
        Reason::UserRemoved => "the user was removed",
        Reason::NoGrant => "no key for this door",
        Reason::GrantNotValid => "the key is not valid at this time",
        Reason::KeyBlocked => "the key is blocked",
        Reason::KeyOutsideWindow => "outside the key's window",
        Reason::OutsideSchedule => "outside the key's schedule",
        Reason::ClockNotTrusted => "the clock is not trusted",
        Reason::PinUnknown => "unknown PIN",
        Reason::PinAmbiguous => "several users have this PIN",
        Reason::PinRequired => "a PIN is needed here",
        Reason::CardRequired => "a card is needed here",
        Reason::PinWrong => "the PIN is not that of the card's holder",
        Reason::PinLockedOut => "too many wrong PINs",
        Reason::PinTimeout => "the PIN was not finished in time",
        Reason::AntiPassback => "inside already, or last let in elsewhere",
        Reason::AntiPassbackTimed => "came in just now",
        Reason::Interlock => "another door of the mantrap is open",
        Reason::SecondPersonNeeded => "a second person is needed",
        Reason::AreaFull => "the area is full",
        Reason::RelayUnavailable => "the door's relay does not answer",
        Reason::TableUnreadable => "the access table cannot be read",
    }
}

/// A rule of access, as a step of an explanation.
#[must_use]
pub const fn rule(rule: Rule) -> &'static str {
    match rule {
        Rule::DoorKnown => "the door is in the table",
        Rule::DoorMode => "the door's mode lets people in",
        Rule::CredentialKnown => "the credential is known",
        Rule::CredentialActive => "the credential is active",
        Rule::CredentialValid => "the credential is valid at this time",
        Rule::CredentialHeld => "somebody holds the credential",
        Rule::UserActive => "the user is active",
        Rule::KeyOpensDoor => "a key of the user opens the door",
        Rule::KeyExempt => "the key is exempt from a lockdown",
        Rule::GrantValid => "the grant is valid at this time",
        Rule::KeyNotBlocked => "the key is not blocked",
        Rule::KeyInWindow => "the key is in its window",
        Rule::KeyInSchedule => "the key is in its schedule",
        Rule::Authenticated => "what is shown is what the door asks for",
        Rule::AntiPassback => "the user is not inside already",
        Rule::Interlock => "the other doors of the mantrap are closed",
        Rule::TwoPerson => "two come in together where they must",
        Rule::Occupancy => "there is room inside",
        Rule::RelayReady => "the door's relay can be driven",
    }
}

/// What happened, without door and person.
#[must_use]
pub fn happened(event: &Event) -> String {
    match event.kind {
        EventKind::Granted => match event.direction {
            Some(Direction::Exit) => "granted, out".to_owned(),
            Some(Direction::Entry) | None => "granted, in".to_owned(),
        },
        EventKind::Denied => match event.reason {
            Some(why) => format!("denied: {}", reason(why)),
            None => "denied".to_owned(),
        },
        EventKind::UnlockedByOperator => match &event.actor {
            Some(actor) => format!("unlocked by {actor}"),
            None => "unlocked by an operator".to_owned(),
        },
        EventKind::AlarmRaised => match event.alarm {
            Some(kind) => format!("alarm: {}", alarm(kind)),
            None => "alarm".to_owned(),
        },
        EventKind::AlarmCleared => match event.alarm {
            Some(kind) => format!("alarm over: {}", alarm(kind)),
            None => "alarm over".to_owned(),
        },
        EventKind::ReaderOnline | EventKind::ReaderOffline => {
            named(kind(event.kind), event.reader.as_deref())
        }
        EventKind::BoardOnline | EventKind::BoardOffline => {
            named(kind(event.kind), event.board.as_deref())
        }
        EventKind::ModeChanged => match event.mode {
            Some(mode) => format!("mode changed: {}", self::mode(mode)),
            None => kind(event.kind).to_owned(),
        },
        other => kind(other).to_owned(),
    }
}

fn named(what: &str, device: Option<&str>) -> String {
    device.map_or_else(|| what.to_owned(), |name| format!("{what}: {name}"))
}

/// An event's kind.
#[must_use]
pub const fn kind(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Granted => "granted",
        EventKind::Denied => "denied",
        EventKind::UnlockedByOperator => "unlocked by an operator",
        EventKind::ExitRequested => "exit requested",
        EventKind::Entered => "door opened",
        EventKind::NotEntered => "granted, but not opened",
        EventKind::Closed => "door closed",
        EventKind::ForcedOpen => "FORCED OPEN",
        EventKind::HeldOpen => "HELD OPEN",
        EventKind::ReaderOnline => "reader answers again",
        EventKind::ReaderOffline => "reader does not answer",
        EventKind::BoardOnline => "relay board answers again",
        EventKind::BoardOffline => "relay board does not answer",
        EventKind::AlarmRaised => "alarm",
        EventKind::AlarmCleared => "alarm over",
        EventKind::Started => "doors are served",
        EventKind::Stopped => "stopped in order",
        EventKind::PassbackViolated => "let in against anti-passback",
        EventKind::CardLearned => "card learned",
        EventKind::AlarmAcknowledged => "alarm acknowledged",
        EventKind::AlarmPutAway => "alarm cleared by an operator",
        EventKind::Forgiven => "anti-passback forgiven",
        EventKind::ModeChanged => "mode changed",
        EventKind::PlanBegan => "unlocked by its plan",
        EventKind::PlanEnded => "its plan's hours are over",
        EventKind::PlanActivated => "plan activated",
        EventKind::HoldBegan => "held open by a holder",
        EventKind::HoldEnded => "not held open any more",
        EventKind::RelockedByOperator => "relocked by an operator",
        EventKind::FireReleased => "RELEASED FOR FIRE",
        EventKind::FireEnded => "fire input at rest",
        EventKind::InstallOpened => "install window opened",
        EventKind::InstallClosed => "install window closed",
        EventKind::ReaderKeyChanged => "reader has a new key",
        EventKind::ReaderKeyKept => "reader kept its key",
        EventKind::BusSpeedChanged => "bus speed changed",
    }
}

/// An alarm's condition.
#[must_use]
pub const fn alarm(kind: AlarmKind) -> &'static str {
    match kind {
        AlarmKind::ForcedOpen => "forced open",
        AlarmKind::HeldOpen => "held open",
        AlarmKind::ReaderOffline => "reader does not answer",
        AlarmKind::ReaderTamper => "reader tampered with",
        AlarmKind::ReaderPower => "reader power failure",
        AlarmKind::ReaderSecureChannel => "reader has no secure channel",
        AlarmKind::ReaderAddressShared => "several readers at one address",
        AlarmKind::BoardOffline => "relay board does not answer",
        AlarmKind::ClockNotTrusted => "clock is not trusted",
        AlarmKind::BackupFailing => "no backup was made",
        AlarmKind::StorageFailing => "storage is failing",
        AlarmKind::UplinkDown => "broker cannot be reached",
        AlarmKind::InputFault => "wires of an input are cut or touch each other",
        AlarmKind::PortFailing => "serial port is missing or failing",
        AlarmKind::Duress => "DURESS: somebody is being forced",
        AlarmKind::RepeatedDenied => "denied again and again",
        AlarmKind::DatabaseSetAside => {
            "database did not open and was moved aside: restore a backup"
        }
        AlarmKind::Fire => "FIRE: doors are released",
    }
}

/// How a reader stands with its key.
#[must_use]
pub const fn reader_key(key: ReaderKey) -> &'static str {
    match key {
        ReaderKey::Clear => "not needed: in clear by its configuration",
        ReaderKey::Missing => "none yet: open its install window",
        ReaderKey::Installing => "install window open",
        ReaderKey::Set => "its own",
        ReaderKey::Lost => "LOST, or another reader: asks for the default key",
        ReaderKey::Wrong => "WRONG: another reader, or changed elsewhere",
        ReaderKey::Refused => "refuses Secure Channel or the key",
    }
}

/// What an alarm is about; `door_name` names a door of the table.
pub fn alarm_subject(
    subject: &AlarmSubject,
    door_name: impl FnOnce(DoorId) -> String,
) -> Option<String> {
    match subject {
        AlarmSubject::Door(door) => Some(door_name(*door)),
        AlarmSubject::Reader(name) | AlarmSubject::Board(name) | AlarmSubject::Port(name) => {
            Some(name.to_string())
        }
        AlarmSubject::Appliance => None,
    }
}

/// A lock, as driven.
#[must_use]
pub const fn lock(lock: LockState) -> &'static str {
    match lock {
        LockState::Locked => "locked",
        LockState::Unlocked => "UNLOCKED",
    }
}

/// What the contact says.
#[must_use]
pub const fn leaf(open: Option<bool>) -> &'static str {
    match open {
        Some(true) => "OPEN",
        Some(false) => "closed",
        None => "no contact",
    }
}

/// A door's mode.
#[must_use]
pub const fn mode(mode: DoorMode) -> &'static str {
    match mode {
        DoorMode::Normal => "normal",
        DoorMode::Unlocked => "unlocked",
        DoorMode::Locked => "locked",
        DoorMode::Lockdown => "lockdown",
        DoorMode::EmergencyOpen => "emergency open",
    }
}

/// Why a door stands unlocked.
#[must_use]
pub const fn stands(stands: StandsUnlocked) -> &'static str {
    match stands {
        StandsUnlocked::Fire => "released for fire",
        StandsUnlocked::EmergencyOpen => "opened in an emergency",
        StandsUnlocked::Mode => "unlocked until relocked",
        StandsUnlocked::Hold => "held open by a holder",
        StandsUnlocked::Plan => "in the hours of its plan",
    }
}

/// What a door's plan says of now.
#[must_use]
pub const fn plan_hours(hours: PlanHours) -> &'static str {
    match hours {
        PlanHours::Closed => "outside its hours",
        PlanHours::AwaitsFirst => "in its hours, waiting for the first to come in",
        PlanHours::Open => "in its hours",
        PlanHours::ClockNotTrusted => "the clock is not trusted",
    }
}

/// What is wrong at a door, the worst first; empty when nothing is.
#[must_use]
pub fn troubles(door: &Door, status: &DoorStatus) -> Vec<&'static str> {
    let wired = door.wiring.relay.is_some();
    let all = [
        (status.forced_open, "FORCED OPEN"),
        (status.held_open, "HELD OPEN"),
        (!wired, "no relay wired"),
        (wired && !status.relay_online, "relay offline"),
        (!status.readers_online, "reader offline"),
    ];
    all.iter()
        .filter(|(present, _)| *present)
        .map(|(_, words)| *words)
        .collect()
}

/// What the lock does without power.
#[must_use]
pub const fn fail_mode(mode: FailMode) -> &'static str {
    match mode {
        FailMode::Secure => "locked without power",
        FailMode::Safe => "unlocked without power",
    }
}

/// When the lock closes again.
#[must_use]
pub const fn relock(relock: Relock) -> &'static str {
    match relock {
        Relock::OnOpen => "locks again when opened",
        Relock::OnClose => "locks again when closed",
        Relock::AfterTime => "locks again after its time",
    }
}

/// The resting state of an input's circuit.
#[must_use]
pub const fn circuit(circuit: Circuit) -> &'static str {
    match circuit {
        Circuit::NormallyClosed => "normally closed",
        Circuit::NormallyOpen => "normally open",
    }
}

/// Where a user stands.
#[must_use]
pub const fn user_state(state: UserState) -> &'static str {
    match state {
        UserState::Invited => "invited",
        UserState::Active => "active",
        UserState::Inactive => "inactive",
        UserState::Suspended => "suspended",
        UserState::Removed => "removed",
    }
}

/// Where a credential stands.
#[must_use]
pub const fn credential_state(state: CredentialState) -> &'static str {
    match state {
        CredentialState::Pending => "pending",
        CredentialState::Active => "active",
        CredentialState::Inactive => "inactive",
        CredentialState::Removed => "removed",
    }
}

/// What must be shown at a door.
#[must_use]
pub const fn method(method: AuthMethod) -> &'static str {
    match method {
        AuthMethod::Card => "a card",
        AuthMethod::Pin => "a PIN",
        AuthMethod::CardAndPin => "a card and a PIN",
        AuthMethod::CardOrPin => "a card or a PIN",
    }
}

/// What kind of credential it is.
#[must_use]
pub const fn credential_kind(data: &CredentialData) -> &'static str {
    match data {
        CredentialData::Card(_) => "card",
        CredentialData::RawCard { .. } => "card (bits)",
        CredentialData::Phone(_) => "phone",
        CredentialData::Pin { duress: false, .. } => "PIN",
        CredentialData::Pin { duress: true, .. } => "duress PIN",
    }
}

/// A day of the week, three letters.
#[must_use]
pub const fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    }
}

/// A length of time: `800 ms`, `5 s`, `2 min`.
#[must_use]
pub fn duration_ms(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..120_000 if ms.is_multiple_of(1000) => format!("{} s", ms / 1000),
        1000..120_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        7_200_000..172_800_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} days", ms / 86_400_000),
    }
}

/// When a quick pick is, in words.
#[must_use]
pub const fn quick(pick: doorward_core::model::QuickPick) -> &'static str {
    use doorward_core::model::QuickPick;
    match pick {
        QuickPick::Today => "until midnight",
        QuickPick::Tomorrow => "tomorrow",
        QuickPick::NextMonday => "next Monday",
        QuickPick::OneWeek => "for one week",
    }
}

/// A number with its word, `1 door`, `3 doors`.
#[must_use]
pub fn count(number: usize, word: &str) -> String {
    if number == 1 {
        format!("1 {word}")
    } else {
        format!("{number} {word}s")
    }
}

/// Text that came from outside, made harmless for a terminal: characters that could move the
/// cursor or turn the reading order around become `?`.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '?',
            control if control.is_control() => '?',
            other => other,
        })
        .collect()
}

/// A validity that a schedule limits.
#[must_use]
pub fn in_schedule(name: &str) -> String {
    format!("in schedule {name}")
}

/// A door that is not in the table.
#[must_use]
pub fn unknown_door(id: DoorId) -> String {
    format!("door {id}")
}

/// A user whose name is not known.
#[must_use]
pub fn unknown_user(id: UserId) -> String {
    format!("user {id}")
}

/// A card that no credential fits.
#[must_use]
pub fn card_of_bits(bits: usize) -> String {
    format!("card of {bits} bits")
}
