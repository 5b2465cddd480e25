use serde::{Deserialize, Serialize, de::DeserializeOwned};

use doorward_core::controller::DoorStatus;
use doorward_core::ids::{
    AreaId, CompanyId, CredentialId, DoorGroupId, DoorId, HolidaySetId, KeyId, PlaceId, ScheduleId,
    UserId,
};
use doorward_core::model::{
    Area, Company, Credential, Door, DoorGroup, HolidaySet, Key, Kind, Place, Record, RecordRef,
    Schedule, User,
};

/// A kind of record with a collection of its own under `/v1`.
///
/// A new record's id is given by the daemon: what it holds when sent is not looked at.
pub trait Resource: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its number.
    type Id: Copy + core::fmt::Display + From<u32> + Into<u32> + Send + Sync + 'static;
    /// Its kind.
    const KIND: Kind;
    /// The collection's name under `/v1`, such as `doors`.
    const COLLECTION: &'static str;

    /// Its number.
    fn id(&self) -> Self::Id;
    /// Gives it a number.
    fn set_id(&mut self, id: Self::Id);
    /// It as any record.
    fn into_record(self) -> Record;
    /// It out of any record, if it is of this kind.
    fn from_record(record: Record) -> Option<Self>;
    /// The reference of the record with this number.
    fn reference(id: Self::Id) -> RecordRef;
}

macro_rules! resource {
    ($name:ident, $id:ident, $collection:literal) => {
        impl Resource for $name {
            type Id = $id;
            const KIND: Kind = Kind::$name;
            const COLLECTION: &'static str = $collection;

            fn id(&self) -> $id {
                self.id
            }
            fn set_id(&mut self, id: $id) {
                self.id = id;
            }
            fn into_record(self) -> Record {
                Record::$name(self)
            }
            fn from_record(record: Record) -> Option<Self> {
                match record {
                    Record::$name(own) => Some(own),
                    _ => None,
                }
            }
            fn reference(id: $id) -> RecordRef {
                RecordRef::$name(id)
            }
        }
    };
}

resource!(Place, PlaceId, "places");
resource!(Door, DoorId, "doors");
resource!(User, UserId, "users");
resource!(Credential, CredentialId, "credentials");
resource!(Key, KeyId, "keys");
resource!(Schedule, ScheduleId, "schedules");
resource!(DoorGroup, DoorGroupId, "door_groups");
resource!(Company, CompanyId, "companies");
resource!(Area, AreaId, "areas");
resource!(HolidaySet, HolidaySetId, "holiday_sets");

/// A door with its live state beside its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DoorView {
    /// The door as it is set.
    #[serde(flatten)]
    pub door: Door,
    /// Its live state; none until the doors have told it. Not looked at when sent.
    #[serde(default)]
    pub status: Option<DoorStatus>,
}

/// A key with what follows from other records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyView {
    /// The key as it is set.
    #[serde(flatten)]
    pub key: Key,
    /// It has no door left, and opens nothing. Not looked at when sent.
    #[serde(default)]
    pub without_doors: bool,
}

/// A door that a key opens, and how it comes by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyDoor {
    /// Which.
    pub door: Door,
    /// Whether the key names it itself.
    pub listed: bool,
    /// The groups of the key that have it.
    pub groups: Vec<DoorGroupId>,
    /// Whether it belongs to another place and is shared.
    pub shared: bool,
}

/// What a place owns, and what is shared to it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlaceContents {
    /// The places directly in it.
    pub places: Vec<PlaceId>,
    /// Its doors.
    pub doors: Vec<DoorId>,
    /// Doors of other places that are shared to it.
    pub shared_doors: Vec<DoorId>,
    /// Its door groups.
    pub door_groups: Vec<DoorGroupId>,
    /// Its keys.
    pub keys: Vec<KeyId>,
    /// Its companies.
    pub companies: Vec<CompanyId>,
    /// How many users belong to it itself, removed ones included.
    pub users: usize,
}

/// A user who holds a key to a door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DoorUser {
    /// Who.
    pub user: User,
    /// By which keys.
    pub keys: Vec<KeyId>,
}

/// A door that a user holds a key to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserDoor {
    /// Which.
    pub door: Door,
    /// By which keys.
    pub keys: Vec<KeyId>,
}
