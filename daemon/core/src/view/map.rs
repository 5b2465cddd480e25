use core::ops::ControlFlow;
use std::collections::BTreeMap;

use super::{
    AccessView, AreaFacts, BlockFacts, CardIdentity, CredentialFacts, DoorAreas, DoorFacts,
    KeyFacts, ScheduleReading, Unreadable, UserFacts,
};
use crate::ids::{
    AreaId, CompanyId, CredentialId, DoorId, HolidaySetId, KeyId, PlaceId, ScheduleId, UserId,
};
use crate::model::{
    Area, AuthMethod, Change, Company, Credential, Door, DoorGroup, Grant, HolidaySet, Interval,
    Key, Kind, Place, Record, RecordRef, SHARED_PINS_MAX, Schedule, TableDelta, TableLookup, User,
    email_folded,
};
use crate::schedule::{Calendars, CompiledSchedule};
use crate::time::Wall;

/// The access table as plain maps of records: obvious, not fast. The reference that the others
/// are tested against.
#[derive(Debug, Default)]
pub struct MapView {
    records: BTreeMap<RecordRef, Record>,
    schedules: BTreeMap<ScheduleId, CompiledSchedule>,
    calendars: Calendars,
}

macro_rules! lookup {
    ($name:ident, $id:ty, $kind:ident) => {
        #[doc = concat!("The ", stringify!($name), " of this number.")]
        #[must_use]
        pub fn $name(&self, id: $id) -> Option<&$kind> {
            match self.records.get(&RecordRef::$kind(id)) {
                Some(Record::$kind(record)) => Some(record),
                _ => None,
            }
        }
    };
}

impl MapView {
    /// Every record, in the order of its reference.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    /// The record of this reference.
    #[must_use]
    pub fn record(&self, reference: RecordRef) -> Option<&Record> {
        self.records.get(&reference)
    }

    lookup!(place_record, PlaceId, Place);
    lookup!(door_record, DoorId, Door);
    lookup!(user_record, UserId, User);
    lookup!(credential_record, CredentialId, Credential);
    lookup!(key_record, KeyId, Key);
    lookup!(schedule_record, ScheduleId, Schedule);
    lookup!(group_record, crate::ids::DoorGroupId, DoorGroup);
    lookup!(company_record, CompanyId, Company);
    lookup!(area_record, AreaId, Area);
    lookup!(holiday_set_record, HolidaySetId, HolidaySet);

    /// Does one step of a change.
    pub fn change(&mut self, change: &Change) {
        match change {
            Change::Put(record) => self.put(record.clone()),
            Change::Remove(reference) => self.remove(*reference),
        }
    }

    /// Does a committed change.
    pub fn apply(&mut self, delta: &TableDelta) {
        for change in &delta.changes {
            self.change(change);
        }
    }

    fn put(&mut self, record: Record) {
        match &record {
            Record::Schedule(schedule) => {
                match CompiledSchedule::compile(schedule, &mut self.calendars) {
                    Ok(compiled) => self.schedules.insert(schedule.id, compiled),
                    Err(_) => self.schedules.remove(&schedule.id),
                };
            }
            Record::HolidaySet(set) => {
                self.calendars.put_holidays(set);
                self.tell_schedules(set.id);
            }
            _ => {}
        }
        self.records.insert(record.reference(), record);
    }

    fn remove(&mut self, reference: RecordRef) {
        match reference {
            RecordRef::Schedule(id) => drop(self.schedules.remove(&id)),
            RecordRef::HolidaySet(id) => {
                self.calendars.remove_holidays(id);
                self.tell_schedules(id);
            }
            _ => {}
        }
        self.records.remove(&reference);
    }

    fn tell_schedules(&mut self, set: HolidaySetId) {
        for schedule in self.schedules.values_mut() {
            schedule.set_holidays(set, &self.calendars);
        }
    }

    fn all_credentials(&self) -> impl Iterator<Item = &Credential> {
        self.records().filter_map(|record| match record {
            Record::Credential(credential) => Some(credential),
            _ => None,
        })
    }

    fn users_with(&self, limit: usize, belongs: impl Fn(&User) -> bool) -> Vec<UserId> {
        let users = self.records().filter_map(|record| match record {
            Record::User(user) if belongs(user) => Some(user.id),
            _ => None,
        });
        users.take(limit).collect()
    }

    fn key_opens(&self, key: &Key, door: DoorId) -> bool {
        let groups = key
            .groups
            .iter()
            .filter_map(|&group| self.group_record(group));
        let listed = key.doors.contains(&door)
            || groups.into_iter().any(|group| group.doors.contains(&door));
        let place = key.place;
        let share = RecordRef::Share { door, place };
        let owner = self.door_record(door).map(|door| door.place);
        listed && (owner == Some(place) || owner.is_some() && self.records.contains_key(&share))
    }

    fn grants_of(&self, holder: UserId) -> impl Iterator<Item = &Grant> {
        let range = |key| RecordRef::Grant { user: holder, key };
        self.records
            .range(range(KeyId(0))..=range(KeyId(u32::MAX)))
            .filter_map(|(_, record)| match record {
                Record::Grant(grant) => Some(grant),
                _ => None,
            })
    }
}

impl FromIterator<Record> for MapView {
    fn from_iter<T: IntoIterator<Item = Record>>(records: T) -> Self {
        let mut view = Self::default();
        for record in records {
            view.put(record);
        }
        view
    }
}

fn facts_of(credential: &Credential) -> CredentialFacts<UserId> {
    CredentialFacts {
        id: credential.id,
        user: credential.user,
        state: credential.state,
        validity: Interval {
            from: credential.valid_from,
            until: credential.valid_until,
        },
        factor: credential.data.factor(),
    }
}

impl AccessView for MapView {
    type User = UserId;
    type Key = KeyId;
    type Schedule = ScheduleId;
    type Door = DoorId;
    type Granted = [Interval];

    fn door(&self, door: DoorId) -> Result<Option<(DoorId, DoorFacts)>, Unreadable> {
        let Some(record) = self.door_record(door) else {
            return Ok(None);
        };
        let mut facts = DoorFacts::of(record);
        for other in self.records() {
            if let Record::DoorGroup(group) = other
                && group.place == record.place
                && group.doors.contains(&door)
            {
                facts.mode = facts.mode.max(group.mode);
            }
        }
        let mut above = self.place_record(record.place);
        while let Some(place) = above {
            facts.mode = facts.mode.max(place.mode);
            above = place.parent.and_then(|parent| self.place_record(parent));
        }
        Ok(Some((door, facts)))
    }

    fn credentials(
        &self,
        identity: &CardIdentity,
        visit: impl FnMut(CredentialFacts<UserId>),
    ) -> Result<(), Unreadable> {
        self.all_credentials()
            .filter(|credential| credential.data.identity() == *identity)
            .map(facts_of)
            .for_each(visit);
        Ok(())
    }

    fn credential(
        &self,
        credential: CredentialId,
    ) -> Result<Option<CredentialFacts<UserId>>, Unreadable> {
        Ok(self.credential_record(credential).map(facts_of))
    }

    fn find_user(&self, user: UserId) -> Result<Option<UserId>, Unreadable> {
        Ok(self.user_record(user).map(|user| user.id))
    }

    fn user(&self, user: UserId) -> Result<Option<UserFacts>, Unreadable> {
        Ok(self.user_record(user).map(|user| UserFacts {
            id: user.id,
            state: user.state,
            extended_unlock: user.extended_unlock,
        }))
    }

    fn grants(
        &self,
        user: UserId,
        mut visit: impl FnMut(KeyId, &[Interval]) -> ControlFlow<()>,
    ) -> Result<(), Unreadable> {
        for grant in self.grants_of(user) {
            if visit(grant.key, &grant.intervals).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn opens(&self, key: KeyId, door: DoorId) -> Result<bool, Unreadable> {
        let key = self.key_record(key);
        Ok(key.is_some_and(|key| self.key_opens(key, door)))
    }

    fn key(&self, key: KeyId) -> Result<Option<KeyFacts<ScheduleId>>, Unreadable> {
        Ok(self.key_record(key).map(|key| KeyFacts {
            id: key.id,
            block: match &key.blocked {
                None => BlockFacts::None,
                Some(block) => block
                    .until
                    .map_or(BlockFacts::UntilLifted, BlockFacts::Until),
            },
            window: key.window,
            schedule: key.schedule,
            powers: key.flags.into(),
        }))
    }

    fn schedule(
        &self,
        schedule: ScheduleId,
        at: Wall,
    ) -> Result<Option<ScheduleReading>, Unreadable> {
        let compiled = self.schedules.get(&schedule);
        let says = compiled.and_then(|compiled| compiled.reading(at));
        Ok(says.map(|says| ScheduleReading { id: schedule, says }))
    }

    fn authentication(
        &self,
        door: DoorId,
        mut visit: impl FnMut(Option<ScheduleId>, AuthMethod) -> ControlFlow<()>,
    ) -> Result<(), Unreadable> {
        let Some(door) = self.door_record(door) else {
            return Ok(());
        };
        for each in &door.authentication.scheduled {
            if visit(Some(each.schedule), each.method).is_break() {
                return Ok(());
            }
        }
        let _ = visit(None, door.authentication.method);
        Ok(())
    }

    fn areas(&self, door: DoorId) -> Result<DoorAreas, Unreadable> {
        let facts = |id: Option<AreaId>| id.and_then(|id| self.area_record(id)).map(AreaFacts::of);
        let door = self.door_record(door);
        Ok(DoorAreas {
            inside: facts(door.and_then(|door| door.inside)),
            outside: facts(door.and_then(|door| door.outside)),
        })
    }
}

impl TableLookup for MapView {
    fn record(&self, reference: RecordRef) -> Result<Option<Record>, Unreadable> {
        Ok(self.records.get(&reference).cloned())
    }

    fn for_each(&self, kind: Kind, visit: &mut dyn FnMut(Record)) -> Result<(), Unreadable> {
        self.records()
            .filter(|record| record.reference().kind() == kind)
            .cloned()
            .for_each(visit);
        Ok(())
    }

    fn credentials_known_by(
        &self,
        identity: &CardIdentity,
    ) -> Result<Vec<CredentialId>, Unreadable> {
        Ok(self
            .all_credentials()
            .filter(|credential| credential.data.identity() == *identity)
            .map(|credential| credential.id)
            .collect())
    }

    fn pins_of_several(&self) -> Result<Vec<Vec<CredentialId>>, Unreadable> {
        let mut alike: BTreeMap<CardIdentity, Vec<CredentialId>> = BTreeMap::new();
        for credential in self.all_credentials() {
            let identity = credential.data.identity();
            if let CardIdentity::Pin(_) = identity {
                alike.entry(identity).or_default().push(credential.id);
            }
        }
        let several = alike.into_values().filter(|alike| alike.len() > 1);
        Ok(several.take(SHARED_PINS_MAX).collect())
    }

    fn credentials_of(&self, user: UserId) -> Result<Vec<CredentialId>, Unreadable> {
        Ok(self
            .all_credentials()
            .filter(|credential| credential.user == Some(user))
            .map(|credential| credential.id)
            .collect())
    }

    fn keys_of(&self, user: UserId) -> Result<Vec<KeyId>, Unreadable> {
        Ok(self.grants_of(user).map(|grant| grant.key).collect())
    }

    fn holders_of(&self, key: KeyId) -> Result<Vec<UserId>, Unreadable> {
        Ok(self
            .records()
            .filter_map(|record| match record {
                Record::Grant(grant) if grant.key == key => Some(grant.user),
                _ => None,
            })
            .collect())
    }

    fn users_of_place(&self, place: PlaceId, limit: usize) -> Result<Vec<UserId>, Unreadable> {
        Ok(self.users_with(limit, |user| user.place == Some(place)))
    }

    fn users_of_company(
        &self,
        company: CompanyId,
        limit: usize,
    ) -> Result<Vec<UserId>, Unreadable> {
        Ok(self.users_with(limit, |user| user.company == Some(company)))
    }

    fn user_by_email(&self, folded: &str) -> Result<Option<UserId>, Unreadable> {
        Ok(self.records().find_map(|record| match record {
            Record::User(user) => {
                let email = user.email.as_deref().map(email_folded)?;
                (email == folded).then_some(user.id)
            }
            _ => None,
        }))
    }
}
