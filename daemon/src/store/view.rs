//! Reading the table.

use std::sync::Arc;

use doorward_core::ids::{
    AreaId, CompanyId, CredentialId, DeviceName, DoorGroupId, DoorId, HolidaySetId, KeyId, PlaceId,
    ScheduleId, UserId,
};
use doorward_core::model::{
    Area, Company, Credential, Door, DoorGroup, Grant, HolidaySet, Key, Kind, Place, Record,
    RecordRef, Schedule, Share, User,
};
use doorward_core::view::CardIdentity;
use sled::IVec;

use super::packed::Packed;
use super::rows::{self, Index};
use super::shared::Shared;
use super::{StoreError, records, table};

/// The table as it stands. Cheap to clone.
///
/// Every call sees the newest state. A change of a few hundred records shows all at once; a larger
/// one shows row by row, its revision last.
#[derive(Debug, Clone)]
pub struct TableView {
    pub(super) shared: Arc<Shared>,
}

/// Doors read at once, where one is looked for.
const DOORS_PAGE: usize = 100;

/// A kind of record that can be asked for by its type.
pub trait TableRecord: Sized {
    /// What names one of them.
    type Id: Copy;

    /// Its kind.
    const KIND: Kind;

    /// The reference for an id.
    fn reference(id: Self::Id) -> RecordRef;

    /// The record, if it is of this kind.
    fn from_record(record: Record) -> Option<Self>;
}

macro_rules! table_record {
    ($($record:ident, $id:ty, |$name:pat_param| $reference:expr;)*) => {$(
        impl TableRecord for $record {
            type Id = $id;

            const KIND: Kind = Kind::$record;

            fn reference($name: $id) -> RecordRef {
                $reference
            }

            fn from_record(record: Record) -> Option<Self> {
                match record {
                    Record::$record(record) => Some(record),
                    _ => None,
                }
            }
        }
    )*};
}

table_record! {
    Place, PlaceId, |id| RecordRef::Place(id);
    Door, DoorId, |id| RecordRef::Door(id);
    User, UserId, |id| RecordRef::User(id);
    Credential, CredentialId, |id| RecordRef::Credential(id);
    Key, KeyId, |id| RecordRef::Key(id);
    Grant, (UserId, KeyId), |(user, key)| RecordRef::Grant { user, key };
    Schedule, ScheduleId, |id| RecordRef::Schedule(id);
    DoorGroup, DoorGroupId, |id| RecordRef::DoorGroup(id);
    Share, (DoorId, PlaceId), |(door, place)| RecordRef::Share { door, place };
    Company, CompanyId, |id| RecordRef::Company(id);
    Area, AreaId, |id| RecordRef::Area(id);
    HolidaySet, HolidaySetId, |id| RecordRef::HolidaySet(id);
}

impl TableView {
    /// The table's revision; 0 when it is new.
    pub fn revision(&self) -> Result<u64, StoreError> {
        self.shared.read(|trees| table::revision(&trees.table))
    }

    /// One record.
    pub fn find<T: TableRecord>(&self, id: T::Id) -> Result<Option<T>, StoreError> {
        Ok(self.record(T::reference(id))?.and_then(T::from_record))
    }

    /// One record of any kind.
    pub fn record(&self, reference: RecordRef) -> Result<Option<Record>, StoreError> {
        self.shared.read(|trees| record(&trees.table, reference))
    }

    /// At most `limit` records in the order of their ids, from the first behind `after`.
    pub fn list<T: TableRecord>(
        &self,
        after: Option<T::Id>,
        limit: usize,
    ) -> Result<Vec<T>, StoreError> {
        let records = self.records(T::KIND, after.map(T::reference), limit)?;
        Ok(records.into_iter().filter_map(T::from_record).collect())
    }

    /// The door that a reader is wired to.
    pub fn door_of_reader(&self, reader: &DeviceName) -> Result<Option<DoorId>, StoreError> {
        let mut after = None;
        loop {
            let doors: Vec<Door> = self.list(after, DOORS_PAGE)?;
            let Some(last) = doors.last() else {
                return Ok(None);
            };
            after = Some(last.id);
            let is_wired = |door: &&Door| {
                let mut sides = door.wiring.entry_readers.iter();
                let mut exits = door.wiring.exit_readers.iter();
                sides.any(|name| **name == **reader) || exits.any(|name| **name == **reader)
            };
            if let Some(door) = doors.iter().find(is_wired) {
                return Ok(Some(door.id));
            }
        }
    }

    /// At most `limit` records of a kind in the order of their ids, from the first behind `after`.
    /// Page by page, this reads the whole table.
    pub fn records(
        &self,
        kind: Kind,
        after: Option<RecordRef>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let prefix = rows::records(kind);
        let from = after.map_or_else(|| prefix.to_vec(), |after| behind(rows::record(after)));
        self.shared.read(|trees| {
            trees
                .table
                .range(from..vec![prefix[0] + 1])
                .take(limit)
                .map(|entry| decode(kind, &entry?))
                .collect()
        })
    }

    /// The keys that a user holds, in the order of the keys' ids.
    pub fn grants_of_user(&self, user: UserId) -> Result<Vec<Grant>, StoreError> {
        self.scan(Kind::Grant, &rows::grants_of(user))
    }

    /// All records of a kind whose rows begin so.
    fn scan<T: TableRecord>(&self, kind: Kind, prefix: &[u8]) -> Result<Vec<T>, StoreError> {
        self.shared.read(|trees| {
            trees
                .table
                .scan_prefix(prefix)
                .map(|entry| decode(kind, &entry?))
                .filter_map(|record| record.map(T::from_record).transpose())
                .collect()
        })
    }

    /// At most `limit` holders of a key in the order of their ids, from the first behind `after`.
    pub fn users_of_key(
        &self,
        key: KeyId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        let after = after.map(|user| user.0);
        let found = self.found(Index::UsersByKey(key), after, limit)?;
        Ok(found.into_iter().map(UserId).collect())
    }

    /// What a user shows at readers.
    pub fn credentials_of_user(&self, user: UserId) -> Result<Vec<Credential>, StoreError> {
        self.found_records(Index::CredentialsByUser(user), CredentialId)
    }

    /// All credentials that a card is known by, removed ones included.
    pub fn credentials_known_by(
        &self,
        identity: &CardIdentity,
    ) -> Result<Vec<Credential>, StoreError> {
        let identity = rows::identity(identity);
        self.found_records(Index::CredentialsByIdentity(&identity), CredentialId)
    }

    /// The keys that list a door themselves or by a group, in the order of their ids. Whether
    /// their places may use it is not asked.
    pub fn keys_of_door(&self, door: DoorId) -> Result<Vec<KeyId>, StoreError> {
        let mut keys = self.all_found(Index::KeysByDoor(door), KeyId)?;
        for group in self.groups_of_door(door)? {
            keys.extend(self.keys_of_group(group)?);
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// The keys that have a group.
    pub fn keys_of_group(&self, group: DoorGroupId) -> Result<Vec<KeyId>, StoreError> {
        self.all_found(Index::KeysByGroup(group), KeyId)
    }

    /// The groups that have a door.
    pub fn groups_of_door(&self, door: DoorId) -> Result<Vec<DoorGroupId>, StoreError> {
        self.all_found(Index::GroupsByDoor(door), DoorGroupId)
    }

    /// The groups that a place owns.
    pub fn groups_of_place(&self, place: PlaceId) -> Result<Vec<DoorGroupId>, StoreError> {
        self.all_found(Index::GroupsByPlace(place), DoorGroupId)
    }

    /// The companies of a place.
    pub fn companies_of_place(&self, place: PlaceId) -> Result<Vec<CompanyId>, StoreError> {
        self.all_found(Index::CompaniesByPlace(place), CompanyId)
    }

    /// The places that a door is shared to.
    pub fn shares_of_door(&self, door: DoorId) -> Result<Vec<Share>, StoreError> {
        self.scan(Kind::Share, &rows::shares_of(door))
    }

    /// The doors that are shared to a place.
    pub fn doors_shared_to(&self, place: PlaceId) -> Result<Vec<DoorId>, StoreError> {
        self.all_found(Index::DoorsBySharedPlace(place), DoorId)
    }

    /// At most `limit` users who belong to a place itself, from the first behind `after`.
    pub fn users_of_place(
        &self,
        place: PlaceId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        let after = after.map(|user| user.0);
        let found = self.found(Index::UsersByPlace(place), after, limit)?;
        Ok(found.into_iter().map(UserId).collect())
    }

    /// At most `limit` users who belong to a company, from the first behind `after`.
    pub fn users_of_company(
        &self,
        company: CompanyId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        let after = after.map(|user| user.0);
        let found = self.found(Index::UsersByCompany(company), after, limit)?;
        Ok(found.into_iter().map(UserId).collect())
    }

    /// The keys that follow a schedule.
    pub fn keys_of_schedule(&self, schedule: ScheduleId) -> Result<Vec<KeyId>, StoreError> {
        self.all_found(Index::KeysBySchedule(schedule), KeyId)
    }

    /// The keys that a place owns.
    pub fn keys_of_place(&self, place: PlaceId) -> Result<Vec<KeyId>, StoreError> {
        self.all_found(Index::KeysByPlace(place), KeyId)
    }

    /// The doors that a place owns.
    pub fn doors_of_place(&self, place: PlaceId) -> Result<Vec<DoorId>, StoreError> {
        self.all_found(Index::DoorsByPlace(place), DoorId)
    }

    /// The places directly below a place.
    pub fn places_below(&self, place: PlaceId) -> Result<Vec<PlaceId>, StoreError> {
        self.all_found(Index::PlacesByParent(place), PlaceId)
    }

    /// The user with this e-mail; upper and lower case are the same.
    pub fn user_by_email(&self, email: &str) -> Result<Option<UserId>, StoreError> {
        let users = self.found(Index::UsersByEmail(email), None, 1)?;
        Ok(users.first().copied().map(UserId))
    }

    /// The credentials of each PIN that several credentials have, in the order of the PINs' prints;
    /// at most `limit` PINs.
    pub fn pins_of_several(&self, limit: usize) -> Result<Vec<Vec<CredentialId>>, StoreError> {
        let mut several: Vec<Vec<CredentialId>> = Vec::new();
        let mut alike: (Vec<u8>, Vec<CredentialId>) = Default::default();
        self.shared.read(|trees| {
            for row in trees.table.scan_prefix(rows::pin_identities()).keys() {
                let row = row?;
                let id = CredentialId(rows::found(&row)?);
                let identity = &row[..row.len() - 4];
                if alike.0 == identity {
                    alike.1.push(id);
                    continue;
                }
                let whole = std::mem::replace(&mut alike, (identity.to_vec(), vec![id])).1;
                several.extend((whole.len() > 1).then_some(whole));
                if several.len() >= limit {
                    return Ok(());
                }
            }
            Ok(())
        })?;
        if several.len() < limit && alike.1.len() > 1 {
            several.push(alike.1);
        }
        Ok(several)
    }

    fn all_found<T>(&self, index: Index<'_>, id: fn(u32) -> T) -> Result<Vec<T>, StoreError> {
        let found = self.found(index, None, usize::MAX)?;
        Ok(found.into_iter().map(id).collect())
    }

    fn found_records<T: TableRecord>(
        &self,
        index: Index<'_>,
        id: fn(u32) -> T::Id,
    ) -> Result<Vec<T>, StoreError> {
        self.shared.read(|trees| {
            trees
                .table
                .scan_prefix(index.prefix())
                .keys()
                .map(|row| record(&trees.table, T::reference(id(rows::found(&row?)?))))
                .filter_map(|record| {
                    record
                        .map(|found| found.and_then(T::from_record))
                        .transpose()
                })
                .collect()
        })
    }

    fn found(
        &self,
        index: Index<'_>,
        after: Option<u32>,
        limit: usize,
    ) -> Result<Vec<u32>, StoreError> {
        let prefix = index.prefix();
        let first = after.map_or(Some(0), |id| id.checked_add(1));
        let Some(first) = first else {
            return Ok(Vec::new());
        };
        let bound = |id: u32| [&prefix[..], &id.to_be_bytes()].concat();
        self.shared.read(|trees| {
            trees
                .table
                .range(bound(first)..=bound(u32::MAX))
                .keys()
                .take(limit)
                .map(|row| rows::found(&row?))
                .collect()
        })
    }
}

fn behind(mut row: Vec<u8>) -> Vec<u8> {
    row.push(0);
    row
}

fn record(table: &Packed, reference: RecordRef) -> Result<Option<Record>, StoreError> {
    let row = rows::record(reference);
    table
        .get(&row)?
        .map(|value| records::decode(reference.kind(), &value))
        .transpose()
        .map_err(|error| StoreError::row("table", &row, error))
}

fn decode(kind: Kind, (row, value): &(IVec, IVec)) -> Result<Record, StoreError> {
    records::decode(kind, value).map_err(|error| StoreError::row("table", row, error))
}
