//! The table as the rules of access see it, straight from the database: right from the first
//! moment after a start, while the access index is still being built.

use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError};

use doorward_core::ids::{
    AreaId, CompanyId, CredentialId, DoorId, KeyId, PlaceId, ScheduleId, UserId,
};
use doorward_core::model::{
    Area, AuthMethod, Credential, Door, HolidaySet, Interval, Key, Kind, Place, Record, RecordRef,
    SHARED_PINS_MAX, Schedule, TableLookup, User, key_opens,
};
use doorward_core::schedule::{CompiledSchedule, HolidayCalendar};
use doorward_core::time::Wall;
use doorward_core::view::{
    AccessView, AreaFacts, BlockFacts, CardIdentity, CredentialFacts, DoorAreas, DoorFacts,
    KeyFacts, ScheduleReading, Unreadable, UserFacts,
};

use super::{StoreError, TableRecord, TableView};

/// Records read at a time when a whole kind is looked through.
const PAGE: usize = 500;

/// The rules only need to know that it cannot be read; somebody must see why.
#[allow(clippy::needless_pass_by_value, reason = "made for `map_err`")]
fn unreadable(error: StoreError) -> Unreadable {
    log::error!("the access table cannot be read: {error}");
    Unreadable
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

impl TableView {
    fn fact<T: TableRecord>(&self, id: T::Id) -> Result<Option<T>, Unreadable> {
        self.find(id).map_err(unreadable)
    }
}

impl AccessView for TableView {
    type User = UserId;
    type Key = KeyId;
    type Schedule = ScheduleId;
    type Door = DoorId;
    type Granted = [Interval];

    fn door(&self, door: DoorId) -> Result<Option<(DoorId, DoorFacts)>, Unreadable> {
        let Some(record) = self.fact::<Door>(door)? else {
            return Ok(None);
        };
        let mut facts = DoorFacts::of(&record);
        self.for_each(Kind::DoorGroup, &mut |other| {
            if let Record::DoorGroup(group) = other
                && group.place == record.place
                && group.doors.contains(&door)
            {
                facts.mode = facts.mode.max(group.mode);
            }
        })?;
        let mut above = self.fact::<Place>(record.place)?;
        while let Some(place) = above {
            facts.mode = facts.mode.max(place.mode);
            above = match place.parent {
                Some(parent) => self.fact::<Place>(parent)?,
                None => None,
            };
        }
        Ok(Some((door, facts)))
    }

    fn credentials(
        &self,
        identity: &CardIdentity,
        visit: impl FnMut(CredentialFacts<UserId>),
    ) -> Result<(), Unreadable> {
        let found = Self::credentials_known_by(self, identity).map_err(unreadable)?;
        found.iter().map(facts_of).for_each(visit);
        Ok(())
    }

    fn credential(
        &self,
        credential: CredentialId,
    ) -> Result<Option<CredentialFacts<UserId>>, Unreadable> {
        Ok(self.fact::<Credential>(credential)?.as_ref().map(facts_of))
    }

    fn find_user(&self, user: UserId) -> Result<Option<UserId>, Unreadable> {
        Ok(self.fact::<User>(user)?.map(|user| user.id))
    }

    fn user(&self, user: UserId) -> Result<Option<UserFacts>, Unreadable> {
        let user = self.fact::<User>(user)?;
        Ok(user.map(|user| UserFacts {
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
        let grants = self.grants_of_user(user).map_err(unreadable)?;
        // Whether the visitor had enough is of no interest here.
        let _ = grants
            .iter()
            .try_for_each(|grant| visit(grant.key, &grant.intervals));
        Ok(())
    }

    fn opens(&self, key: KeyId, door: DoorId) -> Result<bool, Unreadable> {
        match self.fact::<Key>(key)? {
            Some(key) => key_opens(self, &key, door),
            None => Ok(false),
        }
    }

    fn key(&self, key: KeyId) -> Result<Option<KeyFacts<ScheduleId>>, Unreadable> {
        let Some(key) = self.fact::<Key>(key)? else {
            return Ok(None);
        };
        Ok(Some(KeyFacts {
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
        let Some(schedule) = self.fact::<Schedule>(schedule)? else {
            return Ok(None);
        };
        let zone = {
            let mut calendars = self
                .shared
                .calendars
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            calendars.zone(&schedule.time_zone)
        };
        let Ok(zone) = zone else {
            return Ok(None);
        };
        let mut sets = Vec::new();
        for rule in &schedule.holidays {
            // As many years as the rules of one day could look at.
            let year = zone.local(at).day.year();
            let years = year.saturating_sub(1)..=year.saturating_add(1);
            let set = self.fact::<HolidaySet>(rule.set)?;
            sets.extend(set.map(|set| (set.id, Arc::new(HolidayCalendar::compile(&set, years)))));
        }
        let compiled = CompiledSchedule::compile_with(&schedule, zone, |id| {
            let set = sets.iter().find(|(set, _)| *set == id);
            set.map(|(_, calendar)| Arc::clone(calendar))
        });
        let says = compiled.reading(at);
        Ok(says.map(|says| ScheduleReading {
            id: schedule.id,
            says,
        }))
    }

    fn authentication(
        &self,
        door: DoorId,
        mut visit: impl FnMut(Option<ScheduleId>, AuthMethod) -> ControlFlow<()>,
    ) -> Result<(), Unreadable> {
        let Some(door) = self.fact::<Door>(door)? else {
            return Ok(());
        };
        for each in &door.authentication.scheduled {
            if visit(Some(each.schedule), each.method).is_break() {
                return Ok(());
            }
        }
        // The last one: whether the visitor had enough is of no interest here.
        let _ = visit(None, door.authentication.method);
        Ok(())
    }

    fn areas(&self, door: DoorId) -> Result<DoorAreas, Unreadable> {
        let Some(door) = self.fact::<Door>(door)? else {
            return Ok(DoorAreas::default());
        };
        let facts = |id: Option<AreaId>| match id {
            Some(id) => Ok(self.fact::<Area>(id)?.as_ref().map(AreaFacts::of)),
            None => Ok(None),
        };
        Ok(DoorAreas {
            inside: facts(door.inside)?,
            outside: facts(door.outside)?,
        })
    }
}

impl TableLookup for TableView {
    fn record(&self, reference: RecordRef) -> Result<Option<Record>, Unreadable> {
        Self::record(self, reference).map_err(unreadable)
    }

    fn for_each(&self, kind: Kind, visit: &mut dyn FnMut(Record)) -> Result<(), Unreadable> {
        let mut after = None;
        loop {
            let page = self.records(kind, after, PAGE).map_err(unreadable)?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.reference());
            page.into_iter().for_each(&mut *visit);
        }
    }

    fn credentials_known_by(
        &self,
        identity: &CardIdentity,
    ) -> Result<Vec<CredentialId>, Unreadable> {
        let found = Self::credentials_known_by(self, identity).map_err(unreadable)?;
        Ok(found.iter().map(|credential| credential.id).collect())
    }

    fn pins_of_several(&self) -> Result<Vec<Vec<CredentialId>>, Unreadable> {
        Self::pins_of_several(self, SHARED_PINS_MAX).map_err(unreadable)
    }

    fn credentials_of(&self, user: UserId) -> Result<Vec<CredentialId>, Unreadable> {
        let found = self.credentials_of_user(user).map_err(unreadable)?;
        Ok(found.iter().map(|credential| credential.id).collect())
    }

    fn keys_of(&self, user: UserId) -> Result<Vec<KeyId>, Unreadable> {
        let grants = self.grants_of_user(user).map_err(unreadable)?;
        Ok(grants.iter().map(|grant| grant.key).collect())
    }

    fn holders_of(&self, key: KeyId) -> Result<Vec<UserId>, Unreadable> {
        self.users_of_key(key, None, usize::MAX).map_err(unreadable)
    }

    fn users_of_place(&self, place: PlaceId, limit: usize) -> Result<Vec<UserId>, Unreadable> {
        Self::users_of_place(self, place, None, limit).map_err(unreadable)
    }

    fn users_of_company(
        &self,
        company: CompanyId,
        limit: usize,
    ) -> Result<Vec<UserId>, Unreadable> {
        Self::users_of_company(self, company, None, limit).map_err(unreadable)
    }

    fn user_by_email(&self, folded: &str) -> Result<Option<UserId>, Unreadable> {
        Self::user_by_email(self, folded).map_err(unreadable)
    }
}
