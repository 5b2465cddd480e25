//! The bounds that each record keeps on its own.

use std::collections::BTreeSet;

use super::{
    Area, Authentication, Company, Credential, DATED_HOURS_MAX, Door, DoorGroup, DoorWiring,
    FIRST_IN_KEYS_MAX, Grant, HOLD_OPEN_MS_MAX, InputPoint, Interval, Key, LockdownExit, NAME_MAX,
    OCCUPANCY_MAX, OutputPoint, PASSBACK_S_MAX, Place, Problems, Record, UNLOCK_MS_MAX,
    UNLOCK_MS_MIN, UnlockPlan, User, Validate,
};
use crate::schedule::{UnknownZone, zone_is_known};
use crate::time::Wall;

/// The most readers at one side of a door.
pub const READERS_PER_SIDE_MAX: usize = 4;
/// The longest that a door may stand open before its alarm, in milliseconds: a day.
pub const HELD_OPEN_MS_MAX: u32 = 86_400_000;
/// The most doors in one key.
pub const DOORS_PER_KEY_MAX: usize = 1_000;
/// The most groups in one key.
pub const GROUPS_PER_KEY_MAX: usize = 100;
/// The most doors in one group.
pub const DOORS_PER_GROUP_MAX: usize = 1_000;
/// The longest details of a place or a company, in characters.
pub const DETAILS_MAX: usize = 2_000;
/// The longest support text of a place, in characters.
pub const SUPPORT_MAX: usize = 1_000;
/// The longest that passages keep names, in days.
pub const LOG_RETENTION_DAYS_MAX: u16 = 36_500;
/// The most intervals of one grant.
pub const INTERVALS_PER_GRANT_MAX: usize = 100;
/// The most schedules in the rule of authentication of one door.
pub const METHODS_PER_DOOR_MAX: usize = 8;
/// The highest output of a relay board.
pub const OUTPUT_MAX: u16 = 256;
/// The highest input of a relay board: all levels fit 64 bits.
pub const INPUT_MAX: u16 = 64;
/// The longest reason for blocking a key, in characters.
pub const BLOCK_REASON_MAX: usize = 200;
/// The longest e-mail address, in bytes (RFC 5321 section 4.5.3.1.3, without the brackets).
pub const EMAIL_MAX: usize = 254;
/// The longest name of a device, in characters.
pub const DEVICE_NAME_MAX: usize = 64;
/// The earliest date in a record: 1970-01-01T00:00:00Z.
pub const DATE_MIN: Wall = Wall(0);
/// The end of the dates in a record: 2200-01-01T00:00:00Z, not included.
pub const DATE_END: Wall = Wall(7_258_118_400_000);

impl Validate for Record {
    fn validate(&self, problems: &mut Problems) {
        match self {
            Self::Place(place) => place.validate(problems),
            Self::Door(door) => door.validate(problems),
            Self::User(user) => user.validate(problems),
            Self::Credential(credential) => credential.validate(problems),
            Self::Key(key) => key.validate(problems),
            Self::Grant(grant) => grant.validate(problems),
            Self::Schedule(schedule) => schedule.validate(problems),
            Self::DoorGroup(group) => group.validate(problems),
            Self::Company(company) => company.validate(problems),
            // It has nothing but references.
            Self::Share(_) => {}
            Self::Area(area) => area.validate(problems),
            Self::HolidaySet(set) => set.validate(problems),
        }
    }
}

impl Validate for Place {
    fn validate(&self, problems: &mut Problems) {
        name(problems, "name", &self.name);
        prose(problems, "details", &self.details, DETAILS_MAX);
        text(problems, "category", &self.category, NAME_MAX);
        prose(problems, "support", &self.support, SUPPORT_MAX);
        if let Some(days) = self.log_retention_days {
            let allowed = 1..=LOG_RETENTION_DAYS_MAX;
            within(problems, "log_retention_days", days, allowed);
        }
    }
}

impl Validate for Company {
    fn validate(&self, problems: &mut Problems) {
        name(problems, "name", &self.name);
        prose(problems, "details", &self.details, DETAILS_MAX);
    }
}

impl Validate for DoorGroup {
    fn validate(&self, problems: &mut Problems) {
        name(problems, "name", &self.name);
        at_most(problems, "doors", self.doors.len(), DOORS_PER_GROUP_MAX);
        each_once(problems, "doors", "door", &self.doors);
    }
}

impl Validate for Door {
    fn validate(&self, problems: &mut Problems) {
        name(problems, "name", &self.name);
        zone(problems, "time_zone", &self.time_zone);
        let unlock = UNLOCK_MS_MIN..=UNLOCK_MS_MAX;
        within(problems, "unlock_ms", self.unlock_ms, unlock.clone());
        within(
            problems,
            "extended_unlock_ms",
            self.extended_unlock_ms,
            unlock,
        );
        if self.extended_unlock_ms < self.unlock_ms {
            problems.add(
                "extended_unlock_ms",
                format!(
                    "{} is shorter than unlock_ms, {}",
                    self.extended_unlock_ms, self.unlock_ms
                ),
            );
        }
        within(
            problems,
            "held_open_ms",
            self.held_open_ms,
            0..=HELD_OPEN_MS_MAX,
        );
        within(
            problems,
            "held_open_warning_ms",
            self.held_open_warning_ms,
            0..=self.held_open_ms,
        );
        within(
            problems,
            "hold_open_ms",
            self.hold_open_ms,
            0..=HOLD_OPEN_MS_MAX,
        );
        if self.lockdown_exit == LockdownExit::ExemptOnly && self.wiring.rex.is_none() {
            problems.add(
                "lockdown_exit",
                "`exempt_only` needs a request-to-exit input: nobody may be kept in",
            );
        }
        for (field, plan) in [("plan", &self.plan), ("pending_plan", &self.pending_plan)] {
            if let Some(plan) = plan {
                let mut own = Problems::default();
                plan.validate(&mut own);
                problems.add_within(&format!("{field}."), own);
            }
        }
        self.wiring.validate(problems);
        self.authentication.validate(problems);
        if self.inside.is_some() && self.inside == self.outside {
            problems.add("outside", "is the same area as `inside`");
        }
    }
}

impl Validate for Authentication {
    fn validate(&self, problems: &mut Problems) {
        let field = "authentication.scheduled";
        at_most(problems, field, self.scheduled.len(), METHODS_PER_DOOR_MAX);
        let mut seen = BTreeSet::new();
        for (at, each) in self.scheduled.iter().enumerate() {
            if !seen.insert(each.schedule) {
                problems.add(
                    format!("{field}[{at}].schedule"),
                    format!("schedule {} is named twice", each.schedule),
                );
            }
        }
    }
}

impl Validate for Area {
    fn validate(&self, problems: &mut Problems) {
        name(problems, "name", &self.name);
        within(problems, "passback_s", self.passback_s, 0..=PASSBACK_S_MAX);
        if let Some(most) = self.occupancy_max {
            within(problems, "occupancy_max", most, 1..=OCCUPANCY_MAX);
        }
    }
}

impl Validate for UnlockPlan {
    fn validate(&self, problems: &mut Problems) {
        at_most(problems, "first_in", self.first_in.len(), FIRST_IN_KEYS_MAX);
        at_most(problems, "dated", self.dated.len(), DATED_HOURS_MAX);
        for (at, hours) in self.dated.iter().enumerate() {
            let field = |name| format!("dated[{at}].{name}");
            text(problems, &field("name"), &hours.name, NAME_MAX);
            let span = Interval {
                from: Some(hours.from),
                until: Some(hours.until),
            };
            interval(problems, (&field("from"), &field("until")), &span);
        }
    }
}

impl Validate for DoorWiring {
    fn validate(&self, problems: &mut Problems) {
        let mut seen = BTreeSet::new();
        for (field, readers) in [
            ("entry_readers", &self.entry_readers),
            ("exit_readers", &self.exit_readers),
        ] {
            let field = format!("wiring.{field}");
            at_most(problems, &field, readers.len(), READERS_PER_SIDE_MAX);
            for (at, reader) in readers.iter().enumerate() {
                device(problems, &format!("{field}[{at}]"), reader);
                if !seen.insert(reader) {
                    problems.add(
                        format!("{field}[{at}]"),
                        format!("reader `{reader}` is named twice"),
                    );
                }
            }
        }
        if let Some(OutputPoint { board, output }) = &self.relay {
            device(problems, "wiring.relay.board", board);
            within(problems, "wiring.relay.output", *output, 1..=OUTPUT_MAX);
        }
        for (field, input) in [
            ("contact", &self.contact),
            ("rex", &self.rex),
            ("fire", &self.fire),
        ] {
            if let Some(InputPoint { board, input, .. }) = input {
                device(problems, &format!("wiring.{field}.board"), board);
                within(
                    problems,
                    &format!("wiring.{field}.input"),
                    *input,
                    1..=INPUT_MAX,
                );
            }
        }
        if let (Some(contact), Some(rex)) = (&self.contact, &self.rex)
            && (&contact.board, contact.input) == (&rex.board, rex.input)
        {
            problems.add(
                "wiring.rex",
                format!(
                    "input {} of board `{}` is the contact already",
                    rex.input, rex.board
                ),
            );
        }
        let others = [("contact", &self.contact), ("exit button", &self.rex)];
        for (word, other) in others {
            if let (Some(fire), Some(other)) = (&self.fire, other)
                && (&fire.board, fire.input) == (&other.board, other.input)
            {
                problems.add(
                    "wiring.fire",
                    format!(
                        "input {} of board `{}` is the {word} already",
                        fire.input, fire.board
                    ),
                );
            }
        }
    }
}

impl Validate for User {
    fn validate(&self, problems: &mut Problems) {
        text(problems, "first_name", &self.first_name, NAME_MAX);
        text(problems, "last_name", &self.last_name, NAME_MAX);
        text(problems, "department", &self.department, NAME_MAX);
        if self.full_name().is_empty() {
            problems.add("last_name", "first and last name are both empty");
        }
        if let Some(address) = &self.email {
            email(problems, "email", address);
        }
    }
}

impl Validate for Credential {
    fn validate(&self, problems: &mut Problems) {
        text(problems, "label", &self.label, NAME_MAX);
        let validity = Interval {
            from: self.valid_from,
            until: self.valid_until,
        };
        interval(problems, ("valid_from", "valid_until"), &validity);
    }
}

impl Validate for Key {
    fn validate(&self, problems: &mut Problems) {
        name(problems, "name", &self.name);
        at_most(problems, "doors", self.doors.len(), DOORS_PER_KEY_MAX);
        each_once(problems, "doors", "door", &self.doors);
        at_most(problems, "groups", self.groups.len(), GROUPS_PER_KEY_MAX);
        each_once(problems, "groups", "door group", &self.groups);
        if let Some(window) = &self.window {
            interval(problems, ("window.from", "window.until"), window);
        }
        if let Some(block) = &self.blocked {
            let field = "blocked.reason";
            text(problems, field, &block.reason, BLOCK_REASON_MAX);
            if block.reason.trim().is_empty() {
                problems.add(field, "is empty: say why");
            }
            date(problems, "blocked.until", block.until);
        }
    }
}

impl Validate for Grant {
    fn validate(&self, problems: &mut Problems) {
        at_most(
            problems,
            "intervals",
            self.intervals.len(),
            INTERVALS_PER_GRANT_MAX,
        );
        for (at, each) in self.intervals.iter().enumerate() {
            let field = |end| format!("intervals[{at}].{end}");
            interval(problems, (&field("from"), &field("until")), each);
        }
    }
}

pub(super) fn name(problems: &mut Problems, field: &str, value: &str) {
    text(problems, field, value, NAME_MAX);
    if value.is_empty() {
        problems.add(
            field,
            format!("is empty; 1 to {NAME_MAX} characters are allowed"),
        );
    }
}

fn each_once<T: Ord + core::fmt::Display>(
    problems: &mut Problems,
    field: &str,
    word: &str,
    all: &[T],
) {
    let mut seen = BTreeSet::new();
    for (at, each) in all.iter().enumerate() {
        if !seen.insert(each) {
            problems.add(
                format!("{field}[{at}]"),
                format!("{word} {each} is named twice"),
            );
        }
    }
}

/// Text for people, of one or more lines.
fn prose(problems: &mut Problems, field: &str, value: &str, chars_max: usize) {
    text(problems, field, &value.replace('\n', " "), chars_max);
}

/// Text for people: not too long, without characters that hide or turn around what is written.
pub(super) fn text(problems: &mut Problems, field: &str, value: &str, chars_max: usize) {
    let found = value.chars().count();
    if found > chars_max {
        problems.add(
            field,
            format!("has {found} characters, at most {chars_max} are allowed"),
        );
    }
    if let Some(bad) = value.chars().find(|&c| is_deceptive(c)) {
        problems.add(
            field,
            format!(
                "has the character U+{:04X}; control and text-direction characters are not allowed",
                u32::from(bad)
            ),
        );
    }
    if value.trim() != value {
        problems.add(field, "begins or ends with white space");
    }
}

fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{FEFF}')
}

fn device(problems: &mut Problems, field: &str, value: &str) {
    let found = value.chars().count();
    if !(1..=DEVICE_NAME_MAX).contains(&found) || value.chars().any(is_deceptive) {
        problems.add(
            field,
            format!("a device's name has 1 to {DEVICE_NAME_MAX} characters, none of them control"),
        );
    }
}

pub(super) fn zone(problems: &mut Problems, field: &str, value: &str) {
    if !zone_is_known(value) {
        problems.add(field, UnknownZone::new(value).to_string());
    }
}

fn email(problems: &mut Problems, field: &str, value: &str) {
    let sides = value.split_once('@');
    let sound = sides.is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@')
    }) && value.len() <= EMAIL_MAX
        && !value
            .chars()
            .any(|c| c.is_whitespace() || is_deceptive(c) || matches!(c, '<' | '>' | ','));
    if !sound {
        problems.add(
            field,
            format!(
                "is not an e-mail address such as `name@example.org` of at most {EMAIL_MAX} bytes"
            ),
        );
    }
}

fn date(problems: &mut Problems, field: &str, value: Option<Wall>) {
    if let Some(found) = value
        && !(DATE_MIN..DATE_END).contains(&found)
    {
        problems.add(
            field,
            format!("`{found}` is outside the years 1970 to 2199"),
        );
    }
}

fn interval(problems: &mut Problems, fields: (&str, &str), value: &Interval) {
    date(problems, fields.0, value.from);
    date(problems, fields.1, value.until);
    if let (Some(from), Some(until)) = (value.from, value.until)
        && until <= from
    {
        problems.add(
            fields.1,
            format!("`{until}` is not later than {}, `{from}`", fields.0),
        );
    }
}

pub(super) fn within<N: Copy + PartialOrd + core::fmt::Display>(
    problems: &mut Problems,
    field: &str,
    found: N,
    allowed: core::ops::RangeInclusive<N>,
) {
    if !allowed.contains(&found) {
        let (first, last) = allowed.into_inner();
        problems.add(field, format!("{found} is not in {first} to {last}"));
    }
}

pub(super) fn at_most(problems: &mut Problems, field: &str, found: usize, allowed: usize) {
    if found > allowed {
        problems.add(
            field,
            format!("has {found} entries, at most {allowed} are allowed"),
        );
    }
}
