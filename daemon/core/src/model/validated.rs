use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::draft::{Draft, TableLookup, email_folded};
use super::reach::{Reach, doors_of_key};
use super::{
    Area, AuthMethod, Change, Credential, CredentialState, Door, DoorGroup, Grant, Key, Kind,
    Place, Problems, Record, RecordRef, Schedule, Share, User, Validate,
};
use crate::ids::{CredentialId, DoorId, PlaceId, UserId};
use crate::view::{CardIdentity, Unreadable};

/// The most steps in one change.
pub const CHANGES_MAX: usize = 20_000;

/// The deepest that places may be nested.
const PLACE_DEPTH_MAX: usize = 32;

/// A change that has been checked against the table: what the store may write.
///
/// Only [`validate_changes`] makes one, so that a forgotten check does not compile. It holds for
/// the table that it was checked against: check and write must not let another change between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatedChange(Vec<Change>);

impl ValidatedChange {
    /// Each row to be written or taken away, once: also those that followed from others. What
    /// goes comes first, then what is put, referred-to records before those that refer to them.
    #[must_use]
    pub fn rows(&self) -> &[Change] {
        &self.0
    }

    /// The same, owned.
    #[must_use]
    pub fn into_rows(self) -> Vec<Change> {
        self.0
    }
}

/// Why a change was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefused {
    /// Everything wrong with it; fields are named `changes[2].doors[0]`, steps counted from 0.
    #[error("{0}")]
    Invalid(Problems),
    /// The table could not be read to check it.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

/// Checks a change, all at once: the bounds of each record put, and that the table as it would be
/// afterwards holds together. Removing a user, key, door, door group or share also takes or changes what cannot stand
/// without it; removing a place, a company, a schedule or a holiday set in use is refused. A door that moves to
/// another place is shared back to the one it leaves.
///
/// The list is judged by its end: steps may refer to what later steps make.
pub fn validate_changes<L: TableLookup>(
    table: &L,
    changes: &[Change],
) -> Result<ValidatedChange, ChangeRefused> {
    if changes.len() > CHANGES_MAX {
        let mut problems = Problems::default();
        let message = format!(
            "has {} steps, at most {CHANGES_MAX} are allowed",
            changes.len()
        );
        problems.add("changes", message);
        return Err(ChangeRefused::Invalid(problems));
    }
    validate_steps(table, changes)
}

/// As [`validate_changes`], for steps that an [`Operation`](super::Operation) worked out: however
/// many they are.
pub fn validate_steps<L: TableLookup>(
    table: &L,
    changes: &[Change],
) -> Result<ValidatedChange, ChangeRefused> {
    let mut problems = Problems::default();
    let mut draft = Draft::of(table);
    for (step, change) in changes.iter().enumerate() {
        match change {
            Change::Put(record) => {
                let mut record = record.clone();
                if let Record::Key(key) = &mut record {
                    draft.name_key(key)?;
                }
                let mut own = Problems::default();
                record.validate(&mut own);
                problems.add_within(&format!("changes[{step}]."), own);
                draft.put(record, step)?;
            }
            Change::Remove(reference) if draft.exists(*reference)? => {
                draft.remove(*reference, step)?;
            }
            Change::Remove(reference) => {
                problems.add(format!("changes[{step}]"), missing(*reference));
            }
        }
    }
    Check {
        draft: &draft,
        problems: &mut problems,
        pins_alone: None,
    }
    .whole()?;
    match problems.into_result() {
        Ok(()) => Ok(ValidatedChange(draft.into_changes()?)),
        Err(problems) => Err(ChangeRefused::Invalid(problems)),
    }
}

fn missing(reference: RecordRef) -> String {
    format!("there is no {reference}")
}

pub(super) struct Check<'a, L> {
    pub(super) draft: &'a Draft<'a, L>,
    pub(super) problems: &'a mut Problems,
    /// Whether some door opens by PIN alone, once that was looked up.
    pub(super) pins_alone: Option<bool>,
}

impl<L: TableLookup> Check<'_, L> {
    fn whole(&mut self) -> Result<(), Unreadable> {
        let mut doors_put = false;
        let mut gone = BTreeMap::new();
        for (reference, row) in self.draft.rows() {
            let Some(record) = &row.record else {
                gone.insert(reference, row.step);
                continue;
            };
            let at = format!("changes[{}]", row.step);
            match record {
                Record::Place(place) => self.place(&at, place)?,
                Record::Door(door) => {
                    doors_put = true;
                    self.refers(&at, "place", RecordRef::Place(door.place))?;
                    self.door_rules(&at, door)?;
                    self.plans(&at, door)?;
                }
                Record::User(user) => self.user(&at, user)?,
                Record::Credential(credential) => self.credential(&at, credential)?,
                Record::Key(key) => self.key(&at, key)?,
                Record::Grant(grant) => self.grant(&at, grant)?,
                Record::Schedule(schedule) => self.schedule(&at, schedule)?,
                Record::HolidaySet(_) => {}
                Record::DoorGroup(group) => self.group(&at, group)?,
                Record::Share(share) => self.share(&at, *share)?,
                Record::Company(company) => {
                    self.refers(&at, "place", RecordRef::Place(company.place))?;
                }
                Record::Area(area) => self.area(&at, area)?,
            }
        }
        self.user_caps()?;
        if doors_put {
            self.wiring()?;
        }
        self.still_used(&gone)?;
        self.emails_and_cards()
    }

    fn plans(&mut self, at: &str, door: &Door) -> Result<(), Unreadable> {
        for (field, plan) in [("plan", &door.plan), ("pending_plan", &door.pending_plan)] {
            for to in plan.iter().flat_map(|plan| plan.refers_to()) {
                self.refers(at, field, to)?;
            }
        }
        Ok(())
    }

    fn refers(&mut self, at: &str, field: &str, to: RecordRef) -> Result<(), Unreadable> {
        if !self.draft.exists(to)? {
            self.problems.add(format!("{at}.{field}"), missing(to));
        }
        Ok(())
    }

    fn place(&mut self, at: &str, place: &Place) -> Result<(), Unreadable> {
        let mut above = place.parent;
        for _ in 0..PLACE_DEPTH_MAX {
            let Some(parent) = above else {
                return Ok(());
            };
            let Some(Record::Place(parent)) = self.draft.record(RecordRef::Place(parent))? else {
                return self.refers(at, "parent", RecordRef::Place(parent));
            };
            if parent.id == place.id {
                let message = format!("place {} would be part of itself", place.id);
                self.problems.add(format!("{at}.parent"), message);
                return Ok(());
            }
            above = parent.parent;
        }
        let message = format!("is nested deeper than {PLACE_DEPTH_MAX} places");
        self.problems.add(format!("{at}.parent"), message);
        Ok(())
    }

    fn user(&mut self, at: &str, user: &User) -> Result<(), Unreadable> {
        if let Some(place) = user.place {
            self.refers(at, "place", RecordRef::Place(place))?;
        }
        if let Some(company) = user.company {
            self.refers(at, "company", RecordRef::Company(company))?;
        }
        let Some(email) = user.email.as_deref().map(email_folded) else {
            return Ok(());
        };
        if let Some(other) = self.draft.table().user_by_email(&email)?
            && other != user.id
            && let Some(Record::User(holder)) = self.draft.record(RecordRef::User(other))?
            && holder.email.as_deref().map(email_folded).as_ref() == Some(&email)
        {
            self.problems.add(format!("{at}.email"), email_taken(other));
        }
        Ok(())
    }

    fn credential(&mut self, at: &str, credential: &Credential) -> Result<(), Unreadable> {
        if let Some(user) = credential.user {
            self.refers(at, "user", RecordRef::User(user))?;
        }
        if credential.state == CredentialState::Removed {
            return Ok(());
        }
        let identity = credential.data.identity();
        let shared = self.may_be_shared(&identity)?;
        for other in self.draft.table().credentials_known_by(&identity)? {
            if other != credential.id
                && let Some(Record::Credential(other)) =
                    self.draft.record(RecordRef::Credential(other))?
                && other.state != CredentialState::Removed
                && other.data.identity() == identity
                && !(shared && other.user != credential.user)
                // Two credentials of one change are told below, once for both.
                && !self.draft.is_put(RecordRef::Credential(other.id))
            {
                self.problems
                    .add(format!("{at}.data"), taken(&identity, other.id));
            }
        }
        Ok(())
    }

    /// Whether credentials of several users may be known by this: PINs may, as long as no door
    /// opens by a PIN alone. Two of one user never are.
    fn may_be_shared(&mut self, identity: &CardIdentity) -> Result<bool, Unreadable> {
        if !matches!(identity, CardIdentity::Pin(_)) {
            return Ok(false);
        }
        if self.pins_alone.is_none() {
            let mut alone = false;
            self.draft.for_each(Kind::Door, |record| {
                if let Record::Door(door) = record {
                    alone |= opens_by_pin_alone(door);
                }
            })?;
            self.pins_alone = Some(alone);
        }
        Ok(self.pins_alone == Some(false))
    }

    fn door_rules(&mut self, at: &str, door: &Door) -> Result<(), Unreadable> {
        for (nth, each) in door.authentication.scheduled.iter().enumerate() {
            let field = format!("authentication.scheduled[{nth}].schedule");
            self.refers(at, &field, RecordRef::Schedule(each.schedule))?;
        }
        for (field, area) in [("inside", door.inside), ("outside", door.outside)] {
            if let Some(area) = area {
                self.refers(at, field, RecordRef::Area(area))?;
            }
        }
        let before = self.draft.table().record(RecordRef::Door(door.id))?;
        let did_before =
            matches!(before, Some(Record::Door(before)) if opens_by_pin_alone(&before));
        if opens_by_pin_alone(door) && !did_before {
            self.pins_are_of_one_each(at)?;
        }
        Ok(())
    }

    /// A door that opens by PIN alone must know whose PIN it is.
    fn pins_are_of_one_each(&mut self, at: &str) -> Result<(), Unreadable> {
        let mut shared = 0;
        for alike in self.draft.table().pins_of_several()? {
            // As they will be after the change: some may get another PIN by it.
            let mut live: BTreeMap<CardIdentity, u32> = BTreeMap::new();
            for id in alike {
                if let Some(Record::Credential(credential)) =
                    self.draft.record(RecordRef::Credential(id))?
                    && credential.state != CredentialState::Removed
                {
                    *live.entry(credential.data.identity()).or_default() += 1;
                }
            }
            shared += usize::from(live.values().any(|&count| count > 1));
        }
        if shared > 0 {
            let message = format!(
                "{shared} PINs are used by several users each: give them others before a door \
                 opens by PIN alone"
            );
            self.problems.add(format!("{at}.authentication"), message);
        }
        Ok(())
    }

    fn area(&mut self, at: &str, area: &Area) -> Result<(), Unreadable> {
        self.refers(at, "place", RecordRef::Place(area.place))
    }

    fn key(&mut self, at: &str, key: &Key) -> Result<(), Unreadable> {
        self.refers(at, "place", RecordRef::Place(key.place))?;
        if let Some(schedule) = key.schedule {
            self.refers(at, "schedule", RecordRef::Schedule(schedule))?;
        }
        self.doors(at, key.place, &key.doors)?;
        for (nth, &group) in key.groups.iter().enumerate() {
            let field = format!("groups[{nth}]");
            match self.draft.record(RecordRef::DoorGroup(group))? {
                Some(Record::DoorGroup(found)) if found.place == key.place => {}
                Some(Record::DoorGroup(found)) => {
                    let message = format!(
                        "door group {group} belongs to place {}: a key has groups of its own \
                         place only, {} here",
                        found.place, key.place
                    );
                    self.problems.add(format!("{at}.{field}"), message);
                }
                _ => self.refers(at, &field, RecordRef::DoorGroup(group))?,
            }
        }
        self.key_has_doors(at, key)?;
        if key.window.is_some() && !self.had_window(key)? {
            let holders = self.holders_with_intervals(key)?;
            if holders > 0 {
                let message = format!(
                    "{holders} users hold the key with intervals of their own: take those away \
                     before giving it one window for all"
                );
                self.problems.add(format!("{at}.window"), message);
            }
        }
        Ok(())
    }

    /// A key is made with a door. One that lost its doors may be changed otherwise, and stay so.
    fn key_has_doors(&mut self, at: &str, key: &Key) -> Result<(), Unreadable> {
        let reference = RecordRef::Key(key.id);
        let asked = self.draft.is_asked(reference);
        if !asked || !key.doors.is_empty() || self.reach().opens_some(key)? {
            return Ok(());
        }
        let table = self.draft.table();
        let was_without = match table.record(reference)? {
            Some(Record::Key(before)) => doors_of_key(table, &before)?.is_empty(),
            _ => false,
        };
        if !was_without {
            let message = "a key needs at least one door, of its own or by a door group";
            self.problems.add(format!("{at}.doors"), message);
        }
        Ok(())
    }

    fn reach(&self) -> Reach<impl Fn(RecordRef) -> Result<Option<Record>, Unreadable>> {
        Reach(|reference| self.draft.record(reference))
    }

    /// Doors that a place puts in a key or a group: they are there, and the place may use them.
    fn doors(&mut self, at: &str, place: PlaceId, doors: &[DoorId]) -> Result<(), Unreadable> {
        let place_known = self.draft.exists(RecordRef::Place(place))?;
        for (nth, &door) in doors.iter().enumerate() {
            let field = format!("doors[{nth}]");
            match self.draft.record(RecordRef::Door(door))? {
                // Of a place that is not there enough was told.
                Some(_) if !place_known => {}
                Some(Record::Door(found)) if !self.reach().place_may_use(place, door)? => {
                    let message = format!(
                        "door {door} belongs to place {} and is not shared to place {place}",
                        found.place
                    );
                    self.problems.add(format!("{at}.{field}"), message);
                }
                Some(_) => {}
                None => self.refers(at, &field, RecordRef::Door(door))?,
            }
        }
        Ok(())
    }

    fn group(&mut self, at: &str, group: &DoorGroup) -> Result<(), Unreadable> {
        self.refers(at, "place", RecordRef::Place(group.place))?;
        self.doors(at, group.place, &group.doors)?;
        let before = self.draft.table().record(RecordRef::DoorGroup(group.id))?;
        if matches!(before, Some(Record::DoorGroup(before)) if before.place != group.place) {
            let elsewhere = |key: &Key| key.groups.contains(&group.id) && key.place != group.place;
            for key in self.draft.keys_with(elsewhere)? {
                // A key put by this same change is told at its own step.
                if !self.draft.is_put(RecordRef::Key(key.id)) {
                    let message = format!("is in key {} of place {} still", key.id, key.place);
                    self.problems.add(format!("{at}.place"), message);
                }
            }
        }
        Ok(())
    }

    fn share(&mut self, at: &str, share: Share) -> Result<(), Unreadable> {
        self.refers(at, "place", RecordRef::Place(share.place))?;
        match self.draft.record(RecordRef::Door(share.door))? {
            Some(Record::Door(door)) if door.place == share.place => {
                let message = format!("door {} belongs to place {} itself", door.id, door.place);
                self.problems.add(format!("{at}.place"), message);
                Ok(())
            }
            Some(_) => Ok(()),
            None => self.refers(at, "door", RecordRef::Door(share.door)),
        }
    }

    fn schedule(&mut self, at: &str, schedule: &Schedule) -> Result<(), Unreadable> {
        for (nth, rule) in schedule.holidays.iter().enumerate() {
            let field = format!("holidays[{nth}].set");
            self.refers(at, &field, RecordRef::HolidaySet(rule.set))?;
        }
        Ok(())
    }

    fn had_window(&self, key: &Key) -> Result<bool, Unreadable> {
        let before = self.draft.table().record(RecordRef::Key(key.id))?;
        Ok(matches!(before, Some(Record::Key(before)) if before.window.is_some()))
    }

    fn holders_with_intervals(&self, key: &Key) -> Result<usize, Unreadable> {
        let mut count = 0;
        for user in self.draft.holders_of(key.id)? {
            let reference = RecordRef::Grant { user, key: key.id };
            // A grant put by this same change is told at its own step.
            if !self.draft.is_put(reference)
                && let Some(Record::Grant(grant)) = self.draft.record(reference)?
                && !grant.intervals.is_empty()
            {
                count += 1;
            }
        }
        Ok(count)
    }

    fn grant(&mut self, at: &str, grant: &Grant) -> Result<(), Unreadable> {
        self.refers(at, "user", RecordRef::User(grant.user))?;
        match self.draft.record(RecordRef::Key(grant.key))? {
            None => {
                let message = missing(RecordRef::Key(grant.key));
                self.problems.add(format!("{at}.key"), message);
            }
            Some(Record::Key(key)) if key.window.is_some() && !grant.intervals.is_empty() => {
                let message = format!(
                    "key {} has one window for all its holders: intervals are not allowed",
                    key.id
                );
                self.problems.add(format!("{at}.intervals"), message);
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// E-mail addresses and cards that two records of this very change claim.
    fn emails_and_cards(&mut self) -> Result<(), Unreadable> {
        let mut emails: BTreeMap<String, UserId> = BTreeMap::new();
        let mut cards: BTreeMap<(CardIdentity, Option<UserId>), CredentialId> = BTreeMap::new();
        for (_, row) in self.draft.rows() {
            match &row.record {
                Some(Record::User(User {
                    id,
                    email: Some(email),
                    ..
                })) => match emails.entry(email_folded(email)) {
                    Entry::Vacant(free) => {
                        free.insert(*id);
                    }
                    Entry::Occupied(taken) => self.problems.add(
                        format!("changes[{}].email", row.step),
                        email_taken(*taken.get()),
                    ),
                },
                Some(Record::Credential(credential))
                    if credential.state != CredentialState::Removed =>
                {
                    let identity = credential.data.identity();
                    let of = match self.may_be_shared(&identity)? {
                        true => credential.user,
                        false => None,
                    };
                    match cards.entry((identity, of)) {
                        Entry::Vacant(free) => {
                            free.insert(credential.id);
                        }
                        Entry::Occupied(free_or_taken) => self.problems.add(
                            format!("changes[{}].data", row.step),
                            taken(&identity, *free_or_taken.get()),
                        ),
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Readers, outputs and inputs that two doors claim. Doors are few: all are looked at.
    fn wiring(&mut self) -> Result<(), Unreadable> {
        let mut doors: BTreeMap<DoorId, Door> = BTreeMap::new();
        self.draft.for_each(Kind::Door, |record| {
            if let Record::Door(door) = record {
                doors.insert(door.id, door.clone());
            }
        })?;
        let mut claims: BTreeMap<Point<'_>, Vec<(DoorId, String)>> = BTreeMap::new();
        for door in doors.values() {
            for (point, field) in points(door) {
                claims.entry(point).or_default().push((door.id, field));
            }
        }
        let steps: BTreeMap<DoorId, usize> = self
            .draft
            .rows()
            .filter_map(|(_, row)| match &row.record {
                Some(Record::Door(door)) => Some((door.id, row.step)),
                _ => None,
            })
            .collect();
        for (point, claimants) in claims {
            for (door, field) in &claimants {
                let other = claimants.iter().find(|(other, _)| other != door);
                if let (Some(step), Some((other, _))) = (steps.get(door), other)
                    // Of two doors put, the second is told.
                    && (!steps.contains_key(other) || other < door)
                {
                    self.problems.add(
                        format!("changes[{step}].wiring.{field}"),
                        format!("{point} is wired to door {other} already"),
                    );
                }
            }
        }
        Ok(())
    }
}

/// Something that only one door may be wired to. A REX button may serve several doors.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Point<'a> {
    Reader(&'a str),
    Output(&'a str, u16),
    Contact(&'a str, u16),
}

impl core::fmt::Display for Point<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Reader(name) => write!(f, "reader `{name}`"),
            Self::Output(board, output) => write!(f, "output {output} of board `{board}`"),
            Self::Contact(board, input) => write!(f, "input {input} of board `{board}`"),
        }
    }
}

fn points(door: &Door) -> Vec<(Point<'_>, String)> {
    let wiring = &door.wiring;
    let mut points = Vec::new();
    for (side, readers) in [
        ("entry_readers", &wiring.entry_readers),
        ("exit_readers", &wiring.exit_readers),
    ] {
        for (at, reader) in readers.iter().enumerate() {
            points.push((Point::Reader(reader), format!("{side}[{at}]")));
        }
    }
    if let Some(relay) = &wiring.relay {
        let point = Point::Output(&relay.board, relay.output);
        points.push((point, "relay".to_owned()));
    }
    if let Some(contact) = &wiring.contact {
        let point = Point::Contact(&contact.board, contact.input);
        points.push((point, "contact".to_owned()));
    }
    points
}

fn opens_by_pin_alone(door: &Door) -> bool {
    let mut methods = door.authentication.methods();
    methods.any(AuthMethod::takes_pin)
}

fn email_taken(by: UserId) -> String {
    format!("is the address of user {by} already")
}

fn taken(identity: &CardIdentity, by: CredentialId) -> String {
    match identity {
        CardIdentity::Bits(_) | CardIdentity::Number(_) => {
            format!("is the card of credential {by} already; remove that one first")
        }
        // Whose it is would be as good as told their PIN.
        CardIdentity::Pin(_) => "is in use; choose another PIN".to_owned(),
    }
}
