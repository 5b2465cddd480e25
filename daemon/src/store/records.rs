//! Records of each kind, to and from what is stored.

use doorward_core::model::{
    Area, Company, Credential, Door, DoorGroup, Grant, HolidaySet, Key, Kind, Place, Record,
    Schedule, Share, User,
};
use rmpv::Value;
use serde::Deserialize;

use super::encoding::{self, DecodeError};
use super::lenient::Lenient;

macro_rules! for_kind {
    ($kind:expr, $with:ident => $($use:tt)*) => {
        match $kind {
            Kind::Place => { type $with = Place; Ok(Record::Place($($use)*)) }
            Kind::Door => { type $with = Door; Ok(Record::Door($($use)*)) }
            Kind::User => { type $with = User; Ok(Record::User($($use)*)) }
            Kind::Credential => { type $with = Credential; Ok(Record::Credential($($use)*)) }
            Kind::Key => { type $with = Key; Ok(Record::Key($($use)*)) }
            Kind::Grant => { type $with = Grant; Ok(Record::Grant($($use)*)) }
            Kind::Schedule => { type $with = Schedule; Ok(Record::Schedule($($use)*)) }
            Kind::DoorGroup => { type $with = DoorGroup; Ok(Record::DoorGroup($($use)*)) }
            Kind::Share => { type $with = Share; Ok(Record::Share($($use)*)) }
            Kind::Company => { type $with = Company; Ok(Record::Company($($use)*)) }
            Kind::Area => { type $with = Area; Ok(Record::Area($($use)*)) }
            Kind::HolidaySet => { type $with = HolidaySet; Ok(Record::HolidaySet($($use)*)) }
        }
    };
}

/// Decodes the stored bytes of a record of this kind.
pub(super) fn decode(kind: Kind, bytes: &[u8]) -> Result<Record, DecodeError> {
    for_kind!(kind, T => encoding::decode::<T>(bytes)?)
}

/// Reads the stored fields of a record of this kind.
pub(super) fn from_value(kind: Kind, value: &Value) -> Result<Record, DecodeError> {
    for_kind!(kind, T => T::deserialize(Lenient(value))?)
}

/// Encodes a record, in the place of the stored bytes `old` if there are any.
pub(super) fn encode(record: &Record, old: Option<&[u8]>) -> Result<Vec<u8>, DecodeError> {
    fn over<T: serde::Serialize + serde::de::DeserializeOwned>(
        record: &T,
        old: Option<&[u8]>,
    ) -> Result<Vec<u8>, DecodeError> {
        match old {
            Some(old) => encoding::encode_over(record, old),
            None => encoding::encode(record),
        }
    }
    match record {
        Record::Place(record) => over(record, old),
        Record::Door(record) => over(record, old),
        Record::User(record) => over(record, old),
        Record::Credential(record) => over(record, old),
        Record::Key(record) => over(record, old),
        Record::Grant(record) => over(record, old),
        Record::Schedule(record) => over(record, old),
        Record::DoorGroup(record) => over(record, old),
        Record::Share(record) => over(record, old),
        Record::Company(record) => over(record, old),
        Record::Area(record) => over(record, old),
        Record::HolidaySet(record) => over(record, old),
    }
}
