//! The keys of the table's tree: a byte for the kind of row, then big-endian ids, so that rows of
//! a kind lie together in the order of their ids.

use doorward_core::ids::{
    AreaId, CompanyId, CredentialId, DoorGroupId, DoorId, HolidaySetId, KeyId, PlaceId, ScheduleId,
    UserId,
};
use doorward_core::model::{Kind, Record, RecordRef, email_folded};
use doorward_core::pin::PinPrint;
use doorward_core::view::CardIdentity;

use super::StoreError;

const META: u8 = 0x00;
const RECORDS: u8 = 0x10;
const INDEXES: u8 = 0x20;
const AUDIT: u8 = 0x40;
const JOURNAL: u8 = 0x50;

/// What all pages of a journal in the table begin with.
pub(super) const JOURNAL_PAGES: &[u8] = &[JOURNAL];
/// The row that says that the change in that journal is decided. Its value is empty.
pub(super) const JOURNAL_DECIDED: &[u8] = &[META, b'j'];

/// The table's revision: 8 bytes, big-endian.
pub(super) const REVISION: &[u8] = &[META, b'r'];
/// The schema version of the whole table: 4 bytes, big-endian.
pub(super) const SCHEMA: &[u8] = &[META, b's'];

/// The key under which the prints of PINs are made: 32 bytes.
pub(super) const PIN_KEY: &[u8] = &[META, b'p'];

/// What the rows begin with that name persons who are being erased; their number follows.
pub(super) const ERASURES: &[u8] = &[META, b'e'];

/// The row that says that a person is being erased. Its value is empty.
pub(super) fn erasure(user: UserId) -> Vec<u8> {
    join(&[ERASURES, &user.0.to_be_bytes()])
}

/// All kinds, in the order of their bytes.
pub(super) const KINDS: [Kind; 12] = [
    Kind::Place,
    Kind::Door,
    Kind::User,
    Kind::Credential,
    Kind::Key,
    Kind::Grant,
    Kind::Schedule,
    Kind::DoorGroup,
    Kind::Share,
    Kind::Company,
    Kind::Area,
    Kind::HolidaySet,
];

/// The byte that stands for a kind. Never changes.
const fn kind_byte(kind: Kind) -> u8 {
    match kind {
        Kind::Place => 1,
        Kind::Door => 2,
        Kind::User => 3,
        Kind::Credential => 4,
        Kind::Key => 5,
        Kind::Grant => 6,
        Kind::Schedule => 7,
        Kind::DoorGroup => 8,
        Kind::Share => 9,
        Kind::Company => 10,
        Kind::Area => 15,
        Kind::HolidaySet => 11,
    }
}

/// The row that holds the next free id of a kind: 4 bytes, big-endian.
pub(super) const fn next_id(kind: Kind) -> [u8; 3] {
    [META, b'n', kind_byte(kind)]
}

/// What all records of a kind begin with.
pub(super) const fn records(kind: Kind) -> [u8; 1] {
    [RECORDS | kind_byte(kind)]
}

/// The row of a record.
pub(super) fn record(reference: RecordRef) -> Vec<u8> {
    let kind = records(reference.kind());
    match reference {
        RecordRef::Place(PlaceId(id))
        | RecordRef::Door(DoorId(id))
        | RecordRef::User(UserId(id))
        | RecordRef::Credential(CredentialId(id))
        | RecordRef::Key(KeyId(id))
        | RecordRef::Schedule(ScheduleId(id))
        | RecordRef::Area(AreaId(id))
        | RecordRef::DoorGroup(DoorGroupId(id))
        | RecordRef::Company(CompanyId(id))
        | RecordRef::HolidaySet(HolidaySetId(id)) => join(&[&kind, &id.to_be_bytes()]),
        RecordRef::Share { door, place } => {
            join(&[&kind, &door.0.to_be_bytes(), &place.0.to_be_bytes()])
        }
        RecordRef::Grant { user, key } => {
            join(&[&kind, &user.0.to_be_bytes(), &key.0.to_be_bytes()])
        }
    }
}

/// What the rows of all grants of a user begin with.
pub(super) fn grants_of(user: UserId) -> Vec<u8> {
    join(&[&records(Kind::Grant), &user.0.to_be_bytes()])
}

/// What the rows of all shares of a door begin with.
pub(super) fn shares_of(door: DoorId) -> Vec<u8> {
    join(&[&records(Kind::Share), &door.0.to_be_bytes()])
}

/// The record's own number, where its kind has numbers.
pub(super) const fn number(reference: RecordRef) -> Option<u32> {
    match reference {
        RecordRef::Place(PlaceId(id))
        | RecordRef::Door(DoorId(id))
        | RecordRef::User(UserId(id))
        | RecordRef::Credential(CredentialId(id))
        | RecordRef::Key(KeyId(id))
        | RecordRef::Schedule(ScheduleId(id))
        | RecordRef::Area(AreaId(id))
        | RecordRef::DoorGroup(DoorGroupId(id))
        | RecordRef::Company(CompanyId(id))
        | RecordRef::HolidaySet(HolidaySetId(id)) => Some(id),
        RecordRef::Grant { .. } | RecordRef::Share { .. } => None,
    }
}

/// A way to find records by something else than their id. The row's key ends in 4 bytes with the
/// id that is found; its value is empty.
#[derive(Debug, Clone, Copy)]
pub(super) enum Index<'a> {
    /// Credentials by what a reader sees of them.
    CredentialsByIdentity(&'a [u8]),
    /// Credentials by their user.
    CredentialsByUser(UserId),
    /// Users by the key they hold.
    UsersByKey(KeyId),
    /// Keys by a door they open.
    KeysByDoor(DoorId),
    /// Keys by their schedule.
    KeysBySchedule(ScheduleId),
    /// Keys by their place.
    KeysByPlace(PlaceId),
    /// Users by e-mail, as [`email_folded`] folds it.
    UsersByEmail(&'a str),
    /// Doors by their place.
    DoorsByPlace(PlaceId),
    /// Places by the place they are part of.
    PlacesByParent(PlaceId),
    /// Users by the place they belong to.
    UsersByPlace(PlaceId),
    /// Users by the company they belong to.
    UsersByCompany(CompanyId),
    /// Keys by a group they have.
    KeysByGroup(DoorGroupId),
    /// Groups by a door they have.
    GroupsByDoor(DoorId),
    /// Doors by a place they are shared to.
    DoorsBySharedPlace(PlaceId),
    /// Groups by their place.
    GroupsByPlace(PlaceId),
    /// Companies by their place.
    CompaniesByPlace(PlaceId),
}

impl Index<'_> {
    /// What all its rows for one thing begin with.
    pub(super) fn prefix(self) -> Vec<u8> {
        let of = |byte: u8, id: u32| join(&[&[INDEXES | byte], &id.to_be_bytes()]);
        match self {
            Self::CredentialsByIdentity(identity) => {
                join(&[&[INDEXES | 1], &length(identity), identity])
            }
            Self::CredentialsByUser(UserId(id)) => of(2, id),
            Self::UsersByKey(KeyId(id)) => of(3, id),
            Self::KeysByDoor(DoorId(id)) => of(4, id),
            Self::KeysBySchedule(ScheduleId(id)) => of(5, id),
            Self::KeysByPlace(PlaceId(id)) => of(6, id),
            Self::UsersByEmail(email) => {
                let email = email_folded(email);
                join(&[&[INDEXES | 7], &length(email.as_bytes()), email.as_bytes()])
            }
            Self::DoorsByPlace(PlaceId(id)) => of(8, id),
            Self::PlacesByParent(PlaceId(id)) => of(9, id),
            Self::UsersByPlace(PlaceId(id)) => of(10, id),
            Self::UsersByCompany(CompanyId(id)) => of(11, id),
            Self::KeysByGroup(DoorGroupId(id)) => of(12, id),
            Self::GroupsByDoor(DoorId(id)) => of(13, id),
            Self::DoorsBySharedPlace(PlaceId(id)) => of(14, id),
            Self::GroupsByPlace(PlaceId(id)) => of(15, id),
            Self::CompaniesByPlace(PlaceId(id)) => of(16, id),
        }
    }

    fn row(self, found: u32) -> Vec<u8> {
        let mut row = self.prefix();
        row.extend_from_slice(&found.to_be_bytes());
        row
    }
}

/// The id at the end of an index row's key.
pub(super) fn found(row: &[u8]) -> Result<u32, StoreError> {
    row.last_chunk::<4>()
        .map(|id| u32::from_be_bytes(*id))
        .ok_or_else(|| StoreError::row("table", row, "its key does not end in an id"))
}

/// The index rows that belong to a record.
pub(super) fn index_rows(record: &Record) -> Vec<Vec<u8>> {
    match record {
        Record::Place(place) => place
            .parent
            .map(|parent| Index::PlacesByParent(parent).row(place.id.0))
            .into_iter()
            .collect(),
        Record::Door(door) => vec![Index::DoorsByPlace(door.place).row(door.id.0)],
        Record::User(user) => {
            let email = user.email.as_deref().map(Index::UsersByEmail);
            let place = user.place.map(Index::UsersByPlace);
            let company = user.company.map(Index::UsersByCompany);
            let indexes = [email, place, company].into_iter().flatten();
            indexes.map(|index| index.row(user.id.0)).collect()
        }
        Record::Credential(credential) => {
            let id = credential.id.0;
            let identity = identity(&credential.data.identity());
            let mut rows = vec![Index::CredentialsByIdentity(&identity).row(id)];
            rows.extend(
                credential
                    .user
                    .map(|user| Index::CredentialsByUser(user).row(id)),
            );
            rows
        }
        Record::Key(key) => {
            let mut rows = vec![Index::KeysByPlace(key.place).row(key.id.0)];
            rows.extend(
                key.doors
                    .iter()
                    .map(|door| Index::KeysByDoor(*door).row(key.id.0)),
            );
            rows.extend(
                key.groups
                    .iter()
                    .map(|group| Index::KeysByGroup(*group).row(key.id.0)),
            );
            rows.extend(
                key.schedule
                    .map(|schedule| Index::KeysBySchedule(schedule).row(key.id.0)),
            );
            rows
        }
        Record::Grant(grant) => vec![Index::UsersByKey(grant.key).row(grant.user.0)],
        Record::Schedule(_) | Record::HolidaySet(_) | Record::Area(_) => Vec::new(),
        Record::DoorGroup(group) => {
            let id = group.id.0;
            let mut rows = vec![Index::GroupsByPlace(group.place).row(id)];
            let doors = group.doors.iter();
            rows.extend(doors.map(|door| Index::GroupsByDoor(*door).row(id)));
            rows
        }
        Record::Share(share) => vec![Index::DoorsBySharedPlace(share.place).row(share.door.0)],
        Record::Company(company) => {
            vec![Index::CompaniesByPlace(company.place).row(company.id.0)]
        }
    }
}

/// What a card is known by, as bytes. Their form never changes.
pub(super) fn identity(identity: &CardIdentity) -> Vec<u8> {
    match identity {
        CardIdentity::Number(number) => {
            let format = number.format.as_str().as_bytes();
            let facility = number.facility.map(u32::to_be_bytes);
            join(&[
                b"n",
                &length(format),
                format,
                facility.as_ref().map_or(&[], |facility| &facility[..]),
                &number.number.to_be_bytes(),
            ])
        }
        CardIdentity::Bits(bits) => {
            let count = u16::try_from(bits.len()).unwrap_or(u16::MAX);
            join(&[b"b", &count.to_be_bytes(), bits.bytes()])
        }
        CardIdentity::Pin(print) => join(&[b"p", print.bytes()]),
    }
}

/// What the index rows of all PINs begin with.
pub(super) fn pin_identities() -> Vec<u8> {
    let bytes = 1 + PinPrint::BYTES;
    let length = u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes();
    join(&[&[INDEXES | 1], &length, b"p"])
}

/// The row of an audit entry.
pub(super) fn audit(seq: u64) -> [u8; 9] {
    let mut row = [AUDIT; 9];
    row[1..].copy_from_slice(&seq.to_be_bytes());
    row
}

/// Whether a row is an audit entry.
pub(super) fn is_audit(row: &[u8]) -> bool {
    row.first() == Some(&AUDIT)
}

/// Whether a row makes records found.
pub(super) fn is_index(row: &[u8]) -> bool {
    // The last index has outgrown its nibble, and lies behind the others.
    matches!(row.first(), Some(INDEXES..=0x3F))
}

/// The kind of record that a row holds.
pub(super) fn kind_of(row: &[u8]) -> Option<Kind> {
    let first = *row.first()?;
    KINDS.into_iter().find(|kind| records(*kind)[0] == first)
}

/// The number of an audit entry.
pub(super) fn audit_number(row: &[u8]) -> Result<u64, StoreError> {
    row.get(1..)
        .and_then(|seq| seq.try_into().ok())
        .map(u64::from_be_bytes)
        .ok_or_else(|| StoreError::row("table", row, "its key is not that of an audit entry"))
}

fn length(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes()
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}
