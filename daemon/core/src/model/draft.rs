use std::collections::{BTreeMap, BTreeSet};

use super::{Change, Credential, Door, DoorGroup, Key, Kind, Record, RecordRef, Share, User};
use crate::ids::{CompanyId, CredentialId, DoorId, KeyId, PlaceId, UserId};
use crate::view::{CardIdentity, Unreadable};

/// PINs used by several that are looked for; whoever has more has enough to do.
pub const SHARED_PINS_MAX: usize = 1_000;

/// What the checks of a change must look up in the table. Implemented by the store, and by
/// [`MapView`](crate::view::MapView).
pub trait TableLookup {
    /// The record of this reference.
    fn record(&self, reference: RecordRef) -> Result<Option<Record>, Unreadable>;

    /// Every record of a kind that has few. Not called for users, credentials and grants, of which
    /// there may be millions.
    fn for_each(&self, kind: Kind, visit: &mut dyn FnMut(Record)) -> Result<(), Unreadable>;

    /// The credentials known by this identity, removed ones included.
    fn credentials_known_by(
        &self,
        identity: &CardIdentity,
    ) -> Result<Vec<CredentialId>, Unreadable>;

    /// The credentials of each PIN that several credentials have, removed ones included; at most
    /// [`SHARED_PINS_MAX`] PINs.
    fn pins_of_several(&self) -> Result<Vec<Vec<CredentialId>>, Unreadable>;

    /// The credentials held by this user.
    fn credentials_of(&self, user: UserId) -> Result<Vec<CredentialId>, Unreadable>;

    /// The keys held by this user.
    fn keys_of(&self, user: UserId) -> Result<Vec<KeyId>, Unreadable>;

    /// The users who hold this key.
    fn holders_of(&self, key: KeyId) -> Result<Vec<UserId>, Unreadable>;

    /// At most `limit` users who belong to this place itself, in the order of their numbers.
    fn users_of_place(&self, place: PlaceId, limit: usize) -> Result<Vec<UserId>, Unreadable>;

    /// At most `limit` users who belong to this company, in the order of their numbers.
    fn users_of_company(&self, company: CompanyId, limit: usize)
    -> Result<Vec<UserId>, Unreadable>;

    /// The user of this e-mail address, compared as [`email_folded`] folds it.
    fn user_by_email(&self, folded: &str) -> Result<Option<UserId>, Unreadable>;
}

/// An e-mail address as it is compared: case does not count.
#[must_use]
pub fn email_folded(email: &str) -> String {
    email.to_lowercase()
}

/// The table as it would be after a change: the table itself below, the rows changed above.
pub(super) struct Draft<'a, L> {
    table: &'a L,
    rows: BTreeMap<RecordRef, Row>,
    /// What the rows put may be found by, so that a long list of changes is checked in one pass.
    /// A row changed again leaves its old entries behind: they are looked at, not believed.
    put_for_user: BTreeMap<UserId, BTreeSet<CredentialId>>,
    put_for_key: BTreeMap<KeyId, BTreeSet<UserId>>,
}

/// A row changed: what it will be, and the step that made it so.
pub(super) struct Row {
    pub(super) record: Option<Record>,
    pub(super) step: usize,
    origin: Origin,
}

/// How a row came to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// A step says so.
    Asked,
    /// It followed from another row's change.
    Followed,
}

impl<'a, L: TableLookup> Draft<'a, L> {
    pub(super) fn of(table: &'a L) -> Self {
        Self {
            table,
            rows: BTreeMap::new(),
            put_for_user: BTreeMap::new(),
            put_for_key: BTreeMap::new(),
        }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = (RecordRef, &Row)> {
        self.rows.iter().map(|(reference, row)| (*reference, row))
    }

    /// Whether the change puts this record.
    pub(super) fn is_put(&self, reference: RecordRef) -> bool {
        let row = self.rows.get(&reference);
        row.is_some_and(|row| row.record.is_some())
    }

    /// Whether a step of the change puts this record as it is.
    pub(super) fn is_asked(&self, reference: RecordRef) -> bool {
        let row = self.rows.get(&reference);
        row.is_some_and(|row| row.record.is_some() && row.origin == Origin::Asked)
    }

    pub(super) fn table(&self) -> &'a L {
        self.table
    }

    pub(super) fn record(&self, reference: RecordRef) -> Result<Option<Record>, Unreadable> {
        match self.rows.get(&reference) {
            Some(row) => Ok(row.record.clone()),
            None => self.table.record(reference),
        }
    }

    pub(super) fn exists(&self, reference: RecordRef) -> Result<bool, Unreadable> {
        match self.rows.get(&reference) {
            Some(row) => Ok(row.record.is_some()),
            None => Ok(self.table.record(reference)?.is_some()),
        }
    }

    /// Every record of a kind that has few.
    pub(super) fn for_each(
        &self,
        kind: Kind,
        mut visit: impl FnMut(&Record),
    ) -> Result<(), Unreadable> {
        self.table.for_each(kind, &mut |record| {
            if !self.rows.contains_key(&record.reference()) {
                visit(&record);
            }
        })?;
        self.rows
            .values()
            .filter_map(|row| row.record.as_ref())
            .filter(|record| record.reference().kind() == kind)
            .for_each(visit);
        Ok(())
    }

    /// Puts a record with what follows from it.
    pub(super) fn put(&mut self, record: Record, step: usize) -> Result<(), Unreadable> {
        if let Record::Door(door) = &record {
            self.before_door(door, step)?;
        }
        self.set(record, step, Origin::Asked);
        Ok(())
    }

    /// A door that moves is shared back to the place that it leaves, so that keys go on working;
    /// a door's new name is that of the keys that follow it.
    fn before_door(&mut self, door: &Door, step: usize) -> Result<(), Unreadable> {
        let Some(Record::Door(before)) = self.record(RecordRef::Door(door.id))? else {
            return Ok(());
        };
        if before.place != door.place {
            let share = |place| Share {
                door: door.id,
                place,
            };
            let to_new = Record::Share(share(door.place)).reference();
            if self.exists(to_new)? {
                self.take(to_new, step);
            }
            if self.exists(RecordRef::Place(before.place))? {
                self.set(Record::Share(share(before.place)), step, Origin::Followed);
            }
        }
        if before.name != door.name {
            let mut keys = self.keys_with(|key| follows(key) == Some(door.id))?;
            for key in &mut keys {
                key.name.clone_from(&door.name);
            }
            self.set_all(keys.into_iter().map(Record::Key), step);
        }
        Ok(())
    }

    /// Gives a key that follows its only door that door's name.
    pub(super) fn name_key(&self, key: &mut Key) -> Result<(), Unreadable> {
        if let Some(door) = follows(key)
            && let Some(Record::Door(door)) = self.record(RecordRef::Door(door))?
        {
            key.name = door.name;
        }
        Ok(())
    }

    fn set_all(&mut self, records: impl IntoIterator<Item = Record>, step: usize) {
        for record in records {
            self.set(record, step, Origin::Followed);
        }
    }

    fn set(&mut self, record: Record, step: usize, origin: Origin) {
        match &record {
            Record::Credential(Credential {
                id,
                user: Some(user),
                ..
            }) => {
                self.put_for_user.entry(*user).or_default().insert(*id);
            }
            Record::Grant(grant) => {
                let holders = self.put_for_key.entry(grant.key).or_default();
                holders.insert(grant.user);
            }
            _ => {}
        }
        let reference = record.reference();
        let row = Row {
            record: Some(record),
            step,
            origin,
        };
        self.rows.insert(reference, row);
    }

    /// Takes a record away with all that cannot stand without it.
    pub(super) fn remove(&mut self, reference: RecordRef, step: usize) -> Result<(), Unreadable> {
        match reference {
            RecordRef::User(user) => {
                for key in self.keys_of(user)? {
                    self.take(RecordRef::Grant { user, key }, step);
                }
                for mut credential in self.credentials_of(user)? {
                    credential.user = None;
                    self.set(Record::Credential(credential), step, Origin::Followed);
                }
            }
            RecordRef::Key(key) => {
                for user in self.holders_of(key)? {
                    self.take(RecordRef::Grant { user, key }, step);
                }
            }
            RecordRef::Door(door) => {
                let shares = self.shares_with(|share| share.door == door)?;
                self.take_all(shares, step);
                self.drop_door(door, None, step)?;
            }
            RecordRef::Share { door, place } => self.drop_door(door, Some(place), step)?,
            RecordRef::DoorGroup(group) => {
                let mut keys = self.keys_with(|key| key.groups.contains(&group))?;
                for key in &mut keys {
                    key.groups.retain(|&each| each != group);
                }
                self.set_all(keys.into_iter().map(Record::Key), step);
            }
            RecordRef::Place(place) => {
                let shares = self.shares_with(|share| share.place == place)?;
                self.take_all(shares, step);
            }
            RecordRef::Credential(_)
            | RecordRef::Grant { .. }
            | RecordRef::Schedule(_)
            | RecordRef::Company(_)
            | RecordRef::Area(_)
            | RecordRef::HolidaySet(_) => {}
        }
        self.take(reference, step);
        Ok(())
    }

    /// Takes a door out of the keys and groups of a place, or of all places.
    fn drop_door(
        &mut self,
        door: DoorId,
        of: Option<PlaceId>,
        step: usize,
    ) -> Result<(), Unreadable> {
        let concerns = |place| of.is_none_or(|of| of == place);
        let mut keys = self.keys_with(|key| concerns(key.place) && key.doors.contains(&door))?;
        for key in &mut keys {
            key.doors.retain(|&each| each != door);
        }
        self.set_all(keys.into_iter().map(Record::Key), step);
        let has = |group: &DoorGroup| concerns(group.place) && group.doors.contains(&door);
        let mut groups = Vec::new();
        self.for_each(Kind::DoorGroup, |record| match record {
            Record::DoorGroup(group) if has(group) => groups.push(group.clone()),
            _ => {}
        })?;
        for group in &mut groups {
            group.doors.retain(|&each| each != door);
        }
        self.set_all(groups.into_iter().map(Record::DoorGroup), step);
        Ok(())
    }

    pub(super) fn keys_with(&self, has: impl Fn(&Key) -> bool) -> Result<Vec<Key>, Unreadable> {
        let mut keys = Vec::new();
        self.for_each(Kind::Key, |record| match record {
            Record::Key(key) if has(key) => keys.push(key.clone()),
            _ => {}
        })?;
        Ok(keys)
    }

    fn shares_with(&self, has: impl Fn(&Share) -> bool) -> Result<Vec<RecordRef>, Unreadable> {
        let mut shares = Vec::new();
        self.for_each(Kind::Share, |record| match record {
            Record::Share(share) if has(share) => shares.push(record.reference()),
            _ => {}
        })?;
        Ok(shares)
    }

    fn take_all(&mut self, all: Vec<RecordRef>, step: usize) {
        for reference in all {
            self.take(reference, step);
        }
    }

    fn take(&mut self, reference: RecordRef, step: usize) {
        let row = Row {
            record: None,
            step,
            origin: Origin::Followed,
        };
        self.rows.insert(reference, row);
    }

    fn keys_of(&self, user: UserId) -> Result<BTreeSet<KeyId>, Unreadable> {
        let mut keys: BTreeSet<_> = self.table.keys_of(user)?.into_iter().collect();
        let grant = |key| RecordRef::Grant { user, key };
        let changed = self.rows.range(grant(KeyId(0))..=grant(KeyId(u32::MAX)));
        for (reference, row) in changed {
            if let RecordRef::Grant { key, .. } = *reference {
                match row.record {
                    Some(_) => keys.insert(key),
                    None => keys.remove(&key),
                };
            }
        }
        Ok(keys)
    }

    pub(super) fn holders_of(&self, key: KeyId) -> Result<BTreeSet<UserId>, Unreadable> {
        let mut users: BTreeSet<_> = self.table.holders_of(key)?.into_iter().collect();
        users.extend(self.put_for_key.get(&key).into_iter().flatten());
        users.retain(|&user| {
            let row = self.rows.get(&RecordRef::Grant { user, key });
            row.is_none_or(|row| row.record.is_some())
        });
        Ok(users)
    }

    fn credentials_of(&self, user: UserId) -> Result<Vec<Credential>, Unreadable> {
        let mut ids: BTreeSet<_> = self.table.credentials_of(user)?.into_iter().collect();
        ids.extend(self.put_for_user.get(&user).into_iter().flatten());
        let mut held = Vec::new();
        for id in ids {
            if let Some(Record::Credential(credential)) = self.record(RecordRef::Credential(id))?
                && credential.user == Some(user)
            {
                held.push(credential);
            }
        }
        Ok(held)
    }

    /// At most `limit` users who belong to a place itself.
    pub(super) fn users_of_place(
        &self,
        place: PlaceId,
        limit: usize,
    ) -> Result<Vec<UserId>, Unreadable> {
        let known = |more| self.table.users_of_place(place, limit.saturating_add(more));
        self.users_belonging(limit, known, |user| user.place == Some(place))
    }

    /// At most `limit` users who belong to a company.
    pub(super) fn users_of_company(
        &self,
        company: CompanyId,
        limit: usize,
    ) -> Result<Vec<UserId>, Unreadable> {
        let known = |more| {
            let limit = limit.saturating_add(more);
            self.table.users_of_company(company, limit)
        };
        self.users_belonging(limit, known, |user| user.company == Some(company))
    }

    fn users_belonging(
        &self,
        limit: usize,
        known: impl FnOnce(usize) -> Result<Vec<UserId>, Unreadable>,
        belongs: impl Fn(&User) -> bool,
    ) -> Result<Vec<UserId>, Unreadable> {
        let first = RecordRef::User(UserId(0));
        let changed = self.rows.range(first..=RecordRef::User(UserId(u32::MAX)));
        let mut users: BTreeSet<_> = known(changed.clone().count())?.into_iter().collect();
        for (reference, row) in changed {
            let RecordRef::User(id) = *reference else {
                continue;
            };
            match &row.record {
                Some(Record::User(user)) if belongs(user) => users.insert(id),
                _ => users.remove(&id),
            };
        }
        Ok(users.into_iter().take(limit).collect())
    }

    /// One step for each row changed: first what goes, what refers to others before them; then
    /// what comes, what is referred to before the others.
    pub(super) fn into_changes(self) -> Result<Vec<Change>, Unreadable> {
        let mut gone = Vec::new();
        let mut put = Vec::new();
        for (reference, row) in self.rows {
            match row.record {
                Some(record) => put.push(record),
                // A row made and taken away within one change leaves no trace.
                None if self.table.record(reference)?.is_none() => {}
                None => gone.push(reference),
            }
        }
        gone.sort_by_key(|reference| core::cmp::Reverse(rank(reference.kind())));
        put.sort_by_key(|record| rank(record.reference().kind()));
        let gone = gone.into_iter().map(Change::Remove);
        Ok(gone.chain(put.into_iter().map(Change::Put)).collect())
    }
}

/// What a kind refers to ranks lower.
const fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::Place | Kind::HolidaySet => 0,
        Kind::Schedule | Kind::Company | Kind::Area => 1,
        Kind::Door => 2,
        Kind::DoorGroup | Kind::Share => 3,
        Kind::Key => 4,
        Kind::User => 5,
        Kind::Credential => 6,
        Kind::Grant => 7,
    }
}

/// The door whose name a key has taken.
fn follows(key: &Key) -> Option<DoorId> {
    match key.doors[..] {
        [door] if key.flags.name_follows_door && key.groups.is_empty() => Some(door),
        _ => None,
    }
}
