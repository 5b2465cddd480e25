//! What may not go as long as others stand on it, and how many users a place takes.

use std::collections::{BTreeMap, BTreeSet};

use super::validated::Check;
use super::{Kind, Record, RecordRef, TableLookup, UserState};
use crate::ids::{PlaceId, UserId};
use crate::view::Unreadable;

/// Users named of those who keep a place or a company from being removed.
const USERS_NAMED_MAX: usize = 10;

/// Kinds that have few records and stand on others.
const STANDING: [Kind; 7] = [
    Kind::Place,
    Kind::Area,
    Kind::Company,
    Kind::Schedule,
    Kind::Door,
    Kind::DoorGroup,
    Kind::Key,
];

/// What a record stands on: as long as it is there, they cannot be removed. (Doors, groups, keys
/// and users can: what refers to them drops them.)
fn grounds(record: &Record) -> Vec<RecordRef> {
    let place = RecordRef::Place;
    match record {
        Record::Place(record) => record.parent.map(place).into_iter().collect(),
        Record::Company(record) => vec![place(record.place)],
        Record::Area(record) => vec![place(record.place)],
        Record::Door(record) => {
            let scheduled = record.authentication.scheduled.iter();
            let schedules = scheduled.map(|each| RecordRef::Schedule(each.schedule));
            let areas = [record.inside, record.outside].into_iter().flatten();
            let plans = [&record.plan, &record.pending_plan].into_iter().flatten();
            [place(record.place)]
                .into_iter()
                .chain(schedules)
                .chain(areas.map(RecordRef::Area))
                .chain(plans.flat_map(|plan| plan.refers_to()))
                .collect()
        }
        Record::DoorGroup(record) => vec![place(record.place)],
        Record::Key(record) => {
            let schedule = record.schedule.map(RecordRef::Schedule);
            [place(record.place)].into_iter().chain(schedule).collect()
        }
        Record::Schedule(record) => {
            let rules = record.holidays.iter();
            rules.map(|rule| RecordRef::HolidaySet(rule.set)).collect()
        }
        Record::User(_)
        | Record::Credential(_)
        | Record::Grant(_)
        | Record::HolidaySet(_)
        | Record::Share(_) => Vec::new(),
    }
}

/// What people call a record of a kind that has few.
fn named(record: &Record) -> String {
    let name = match record {
        Record::Place(record) => &record.name,
        Record::Company(record) => &record.name,
        Record::Area(record) => &record.name,
        Record::Door(record) => &record.name,
        Record::DoorGroup(record) => &record.name,
        Record::Key(record) => &record.name,
        Record::Schedule(record) => &record.name,
        _ => return record.reference().to_string(),
    };
    format!("{} `{name}`", record.reference())
}

impl<L: TableLookup> Check<'_, L> {
    /// Records taken away, each with its step, that something left behind stands on.
    pub(super) fn still_used(
        &mut self,
        gone: &BTreeMap<RecordRef, usize>,
    ) -> Result<(), Unreadable> {
        let stood_on = |reference: &RecordRef| {
            matches!(
                reference,
                RecordRef::Place(_)
                    | RecordRef::Schedule(_)
                    | RecordRef::Company(_)
                    | RecordRef::Area(_)
                    | RecordRef::HolidaySet(_)
                    // Hours that begin with somebody's coming must not begin without anybody.
                    | RecordRef::Key(_)
            )
        };
        if !gone.keys().any(stood_on) {
            return Ok(());
        }
        let mut told = Vec::new();
        for kind in STANDING {
            self.draft.for_each(kind, |record| {
                for of in grounds(record) {
                    // What this change puts itself was told at its own step.
                    if let Some(step) = gone.get(&of)
                        && !self.draft.is_put(record.reference())
                    {
                        let message = format!("{of} is still used by {}", named(record));
                        told.push((*step, message));
                    }
                }
            })?;
        }
        for (step, message) in told {
            self.problems.add(format!("changes[{step}]"), message);
        }
        self.users_left(gone)
    }

    fn users_left(&mut self, gone: &BTreeMap<RecordRef, usize>) -> Result<(), Unreadable> {
        for (&of, step) in gone {
            let limit = USERS_NAMED_MAX + 1;
            let mut users = match of {
                RecordRef::Place(place) => self.draft.users_of_place(place, limit)?,
                RecordRef::Company(company) => self.draft.users_of_company(company, limit)?,
                _ => continue,
            };
            let more = users.len() > USERS_NAMED_MAX;
            users.truncate(USERS_NAMED_MAX);
            users.retain(|user| !self.draft.is_asked(RecordRef::User(*user)));
            for user in users {
                let message = format!("{of} is still used by user {user}{}", self.name(user)?);
                self.problems.add(format!("changes[{step}]"), message);
            }
            if more {
                let message = format!("{of} is still used by more users");
                self.problems.add(format!("changes[{step}]"), message);
            }
        }
        Ok(())
    }

    fn name(&self, user: UserId) -> Result<String, Unreadable> {
        Ok(match self.draft.record(RecordRef::User(user))? {
            Some(Record::User(user)) => format!(" `{}`", user.full_name()),
            _ => String::new(),
        })
    }

    /// Places that would have more users than their cap, where this change adds to them.
    pub(super) fn user_caps(&mut self) -> Result<(), Unreadable> {
        for (capped, (step, field)) in self.places_to_count()? {
            let Some(Record::Place(place)) = self.draft.record(RecordRef::Place(capped))? else {
                continue;
            };
            let Some(cap) = place.users_max else {
                continue;
            };
            if self.has_more_users(capped, usize::try_from(cap).unwrap_or(usize::MAX))? {
                let message = format!("place {capped} takes {cap} users, and would have more");
                self.problems
                    .add(format!("changes[{step}].{field}"), message);
            }
        }
        Ok(())
    }

    /// The places whose users become more or whose cap becomes another, each with the step and
    /// field to tell it at.
    fn places_to_count(&self) -> Result<BTreeMap<PlaceId, (usize, &'static str)>, Unreadable> {
        let mut places = BTreeMap::new();
        for (reference, row) in self.draft.rows() {
            match &row.record {
                Some(Record::Place(place)) if place.users_max.is_some() => {
                    let before = self.draft.table().record(reference)?;
                    let same = matches!(
                        before,
                        Some(Record::Place(before)) if before.users_max == place.users_max
                            && before.parent == place.parent
                    );
                    if !same {
                        places.entry(place.id).or_insert((row.step, "users_max"));
                    }
                }
                Some(Record::User(user)) if user.state != UserState::Removed => {
                    let before = self.draft.table().record(reference)?;
                    let counted = matches!(
                        before,
                        Some(Record::User(before)) if before.state != UserState::Removed
                            && before.place == user.place
                    );
                    let mut above = user.place.filter(|_| !counted);
                    while let Some(place) = above {
                        // A place seen before, also one that is part of itself, ends the way up.
                        if places.contains_key(&place) {
                            break;
                        }
                        places.insert(place, (row.step, "place"));
                        above = match self.draft.record(RecordRef::Place(place))? {
                            Some(Record::Place(place)) => place.parent,
                            _ => None,
                        };
                    }
                }
                _ => {}
            }
        }
        Ok(places)
    }

    /// Whether a place and the places in it have more than `cap` users who are not removed.
    fn has_more_users(&self, place: PlaceId, cap: usize) -> Result<bool, Unreadable> {
        let places = self.places_within(place)?;
        let mut count = 0_usize;
        for &place in &places {
            count += self.draft.users_of_place(place, cap + 1)?.len();
        }
        if count <= cap {
            return Ok(false);
        }
        // Only near the cap is it worth to look at who of them is removed.
        let mut count = 0_usize;
        for &place in &places {
            for user in self.draft.users_of_place(place, usize::MAX)? {
                let user = self.draft.record(RecordRef::User(user))?;
                let removed = matches!(
                    user,
                    Some(Record::User(user)) if user.state == UserState::Removed
                );
                count += usize::from(!removed);
                if count > cap {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn places_within(&self, place: PlaceId) -> Result<BTreeSet<PlaceId>, Unreadable> {
        let mut parents = Vec::new();
        self.draft.for_each(Kind::Place, |record| {
            if let Record::Place(place) = record {
                parents.push((place.id, place.parent));
            }
        })?;
        let mut within = BTreeSet::from([place]);
        loop {
            let before = within.len();
            let inner = |(_, parent): &&(PlaceId, Option<PlaceId>)| {
                parent.is_some_and(|parent| within.contains(&parent))
            };
            let found: Vec<_> = parents.iter().filter(inner).map(|(id, _)| *id).collect();
            within.extend(found);
            if within.len() == before {
                return Ok(within);
            }
        }
    }
}
