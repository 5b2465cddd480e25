use std::collections::{BTreeMap, BTreeSet};

use super::{Change, Credential, Kind, Record, RecordRef};
use crate::ids::{CredentialId, KeyId, UserId};
use crate::view::{CardIdentity, Unreadable};

/// What the checks of a change must look up in the table. Implemented by the store, and by
/// [`MapView`](crate::view::MapView).
pub trait TableLookup {
    /// The record of this reference.
    fn record(&self, reference: RecordRef) -> Result<Option<Record>, Unreadable>;

    /// Every place, door, key or schedule. Not called for users, credentials and grants, of which
    /// there may be millions.
    fn for_each(&self, kind: Kind, visit: &mut dyn FnMut(Record)) -> Result<(), Unreadable>;

    /// The credentials known by this identity, removed ones included.
    fn credentials_known_by(
        &self,
        identity: &CardIdentity,
    ) -> Result<Vec<CredentialId>, Unreadable>;

    /// The credentials held by this user.
    fn credentials_of(&self, user: UserId) -> Result<Vec<CredentialId>, Unreadable>;

    /// The keys held by this user.
    fn keys_of(&self, user: UserId) -> Result<Vec<KeyId>, Unreadable>;

    /// The users who hold this key.
    fn holders_of(&self, key: KeyId) -> Result<Vec<UserId>, Unreadable>;

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

    pub(super) fn put(&mut self, record: Record, step: usize) {
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
        let record = Some(record);
        self.rows.insert(reference, Row { record, step });
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
                    self.put(Record::Credential(credential), step);
                }
            }
            RecordRef::Key(key) => {
                for user in self.holders_of(key)? {
                    self.take(RecordRef::Grant { user, key }, step);
                }
            }
            RecordRef::Door(door) => {
                let mut keys = Vec::new();
                self.for_each(Kind::Key, |record| {
                    if let Record::Key(key) = record
                        && key.doors.contains(&door)
                    {
                        keys.push(key.clone());
                    }
                })?;
                for mut key in keys {
                    key.doors.retain(|&each| each != door);
                    self.put(Record::Key(key), step);
                }
            }
            RecordRef::Place(_)
            | RecordRef::Credential(_)
            | RecordRef::Grant { .. }
            | RecordRef::Schedule(_) => {}
        }
        self.take(reference, step);
        Ok(())
    }

    fn take(&mut self, reference: RecordRef, step: usize) {
        self.rows.insert(reference, Row { record: None, step });
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
        Kind::Place => 0,
        Kind::Schedule => 1,
        Kind::Door => 2,
        Kind::Key => 3,
        Kind::User => 4,
        Kind::Credential => 5,
        Kind::Grant => 6,
    }
}
