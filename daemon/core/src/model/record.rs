use serde::{Deserialize, Serialize};

use super::{
    Area, Company, Credential, Door, DoorGroup, Grant, HolidaySet, Key, Place, Schedule, Share,
    User,
};
use crate::ids::{
    AreaId, CompanyId, CredentialId, DoorGroupId, DoorId, HolidaySetId, KeyId, PlaceId, ScheduleId,
    UserId,
};

/// Any record of the access table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", content = "record", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Record {
    Place(Place),
    Door(Door),
    User(User),
    Credential(Credential),
    Key(Key),
    Grant(Grant),
    Schedule(Schedule),
    DoorGroup(DoorGroup),
    Share(Share),
    Company(Company),
    Area(Area),
    HolidaySet(HolidaySet),
}

/// Names one record of the access table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum RecordRef {
    Place(PlaceId),
    Door(DoorId),
    User(UserId),
    Credential(CredentialId),
    Key(KeyId),
    Grant { user: UserId, key: KeyId },
    Schedule(ScheduleId),
    DoorGroup(DoorGroupId),
    Share { door: DoorId, place: PlaceId },
    Company(CompanyId),
    Area(AreaId),
    HolidaySet(HolidaySetId),
}

/// The kinds of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Kind {
    Place,
    Door,
    User,
    Credential,
    Key,
    Grant,
    Schedule,
    DoorGroup,
    Share,
    Company,
    Area,
    HolidaySet,
}

impl Kind {
    /// All kinds: what a record refers to comes before it.
    pub const ALL: [Self; 12] = [
        Self::Place,
        Self::Company,
        Self::HolidaySet,
        Self::Schedule,
        Self::Area,
        Self::Door,
        Self::Share,
        Self::DoorGroup,
        Self::User,
        Self::Credential,
        Self::Key,
        Self::Grant,
    ];
}

impl Record {
    /// What names it.
    #[must_use]
    pub const fn reference(&self) -> RecordRef {
        match self {
            Self::Place(place) => RecordRef::Place(place.id),
            Self::Door(door) => RecordRef::Door(door.id),
            Self::User(user) => RecordRef::User(user.id),
            Self::Credential(credential) => RecordRef::Credential(credential.id),
            Self::Key(key) => RecordRef::Key(key.id),
            Self::Grant(grant) => RecordRef::Grant {
                user: grant.user,
                key: grant.key,
            },
            Self::Schedule(schedule) => RecordRef::Schedule(schedule.id),
            Self::DoorGroup(group) => RecordRef::DoorGroup(group.id),
            Self::Share(share) => RecordRef::Share {
                door: share.door,
                place: share.place,
            },
            Self::Company(company) => RecordRef::Company(company.id),
            Self::Area(area) => RecordRef::Area(area.id),
            Self::HolidaySet(set) => RecordRef::HolidaySet(set.id),
        }
    }
}

impl RecordRef {
    /// Its kind.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Place(_) => Kind::Place,
            Self::Door(_) => Kind::Door,
            Self::User(_) => Kind::User,
            Self::Credential(_) => Kind::Credential,
            Self::Key(_) => Kind::Key,
            Self::Grant { .. } => Kind::Grant,
            Self::Schedule(_) => Kind::Schedule,
            Self::DoorGroup(_) => Kind::DoorGroup,
            Self::Share { .. } => Kind::Share,
            Self::Company(_) => Kind::Company,
            Self::Area(_) => Kind::Area,
            Self::HolidaySet(_) => Kind::HolidaySet,
        }
    }
}

impl core::fmt::Display for RecordRef {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Place(id) => write!(f, "place {id}"),
            Self::Door(id) => write!(f, "door {id}"),
            Self::User(id) => write!(f, "user {id}"),
            Self::Credential(id) => write!(f, "credential {id}"),
            Self::Key(id) => write!(f, "key {id}"),
            Self::Grant { user, key } => write!(f, "grant of key {key} to user {user}"),
            Self::Schedule(id) => write!(f, "schedule {id}"),
            Self::DoorGroup(id) => write!(f, "door group {id}"),
            Self::Share { door, place } => write!(f, "share of door {door} to place {place}"),
            Self::Company(id) => write!(f, "company {id}"),
            Self::Area(id) => write!(f, "area {id}"),
            Self::HolidaySet(id) => write!(f, "holiday set {id}"),
        }
    }
}
