//! The access table as it was at an earlier revision, as far as it is about one person or card: the
//! table as it stands, with the admin log's entries since then undone.

use std::collections::BTreeMap;

use doorward_core::ids::{CredentialId, UserId};
use doorward_core::model::{Grant, Kind, Record, RecordRef};
use doorward_core::view::{CardIdentity, MapView};

use super::{Store, StoreError, TableView};

/// The most entries of the admin log that are undone.
pub const ENTRIES_UNDONE_MAX: usize = 50_000;

/// Entries, and records of the table, read at once.
const BATCH: usize = 500;

/// How often reading begins again because the table was changed meanwhile.
const TRIES_MAX: usize = 5;

/// Whom or what the table is wanted for. Doors, keys, schedules and the other kinds that have few
/// records are there in any case.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// A user, with their grants.
    pub user: Option<UserId>,
    /// A credential, with its holder.
    pub credential: Option<CredentialId>,
    /// What a card is known by; every credential that fits, with its holder.
    pub identities: Vec<CardIdentity>,
}

/// A part of the table as it was, or as it is.
#[derive(Debug)]
pub struct PastTable {
    /// The part.
    pub view: MapView,
    /// The revision that it is of.
    pub of_revision: u64,
    /// The table's revision now.
    pub revision: u64,
    /// What of the part was changed since `of_revision`, in the order of the references.
    pub changed: Vec<RecordRef>,
}

/// Records as they were; `None` for those that were not there.
type Undone = BTreeMap<RecordRef, Option<Record>>;

impl Store {
    /// The table as it was at `wanted`, and as it stands where that cannot be told any more: too much
    /// has changed since, or what it was has been erased.
    pub fn past(&self, wanted: u64, about: &About) -> Result<PastTable, StoreError> {
        let view = self.view();
        for _ in 0..TRIES_MAX {
            let revision = view.revision()?;
            let undone = self.undo(wanted)?;
            let of_revision = undone.as_ref().map_or(revision, |_| wanted.min(revision));
            let undone = undone.unwrap_or_default();
            let records = part(&view, &undone, about)?;
            if view.revision()? == revision {
                let changed = undone.keys().copied();
                let changed = changed.filter(|reference| is_part(&records, *reference));
                let changed = changed.collect();
                return Ok(PastTable {
                    view: records.into_values().collect(),
                    of_revision,
                    revision,
                    changed,
                });
            }
        }
        Err(StoreError::Busy { max: TRIES_MAX })
    }

    /// What each record changed since revision `wanted` was then; `None` if it cannot be told.
    fn undo(&self, wanted: u64) -> Result<Option<Undone>, StoreError> {
        let mut undone = Undone::new();
        let mut before = u64::MAX;
        for _ in 0..ENTRIES_UNDONE_MAX / BATCH {
            let entries = self.audit_before(before, BATCH)?;
            let last = entries.len() < BATCH;
            for entry in entries {
                if entry.revision <= wanted {
                    return Ok(Some(undone));
                }
                if entry.erased {
                    return Ok(None);
                }
                before = entry.seq;
                undone.insert(entry.target, entry.before);
            }
            if last {
                return Ok(Some(undone));
            }
        }
        Ok(None)
    }
}

/// Whether a changed record is about those whom the part is about. Of the kinds that have few
/// records, each may matter.
fn is_part(records: &BTreeMap<RecordRef, Record>, reference: RecordRef) -> bool {
    match reference {
        RecordRef::Grant { user, .. } => records.contains_key(&RecordRef::User(user)),
        RecordRef::User(_) | RecordRef::Credential(_) => records.contains_key(&reference),
        _ => true,
    }
}

/// The records that are needed, as they were.
fn part(
    view: &TableView,
    undone: &Undone,
    about: &About,
) -> Result<BTreeMap<RecordRef, Record>, StoreError> {
    let mut records = BTreeMap::new();
    for kind in Kind::ALL {
        if !matches!(kind, Kind::User | Kind::Credential | Kind::Grant) {
            every(view, kind, undone, &mut records)?;
        }
    }
    let mut credentials: Vec<CredentialId> = about.credential.into_iter().collect();
    for identity in &about.identities {
        let known = view.credentials_known_by(identity)?;
        credentials.extend(known.iter().map(|credential| credential.id));
        credentials.extend(undone.values().flatten().filter_map(|record| match record {
            Record::Credential(then) if then.data.identity() == *identity => Some(then.id),
            _ => None,
        }));
    }
    let mut users: Vec<UserId> = about.user.into_iter().collect();
    for id in credentials {
        let found = then(view, undone, RecordRef::Credential(id))?;
        if let Some(Record::Credential(credential)) = found {
            users.extend(credential.user);
            records.insert(RecordRef::Credential(id), Record::Credential(credential));
        }
    }
    for id in users {
        if let Some(user) = then(view, undone, RecordRef::User(id))? {
            records.insert(RecordRef::User(id), user);
        }
        for grant in view.grants_of_user(id)? {
            let grant = Record::Grant(grant);
            if !undone.contains_key(&grant.reference()) {
                records.insert(grant.reference(), grant);
            }
        }
        for record in undone.values().flatten() {
            if matches!(record, Record::Grant(Grant { user, .. }) if *user == id) {
                records.insert(record.reference(), record.clone());
            }
        }
    }
    Ok(records)
}

/// Every record of a kind that has few.
fn every(
    view: &TableView,
    kind: Kind,
    undone: &Undone,
    records: &mut BTreeMap<RecordRef, Record>,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = view.records(kind, after, BATCH)?;
        let Some(last) = page.last() else {
            break;
        };
        after = Some(last.reference());
        for record in page {
            if !undone.contains_key(&record.reference()) {
                records.insert(record.reference(), record);
            }
        }
    }
    for record in undone.values().flatten() {
        if record.reference().kind() == kind {
            records.insert(record.reference(), record.clone());
        }
    }
    Ok(())
}

/// A record as it was.
fn then(
    view: &TableView,
    undone: &Undone,
    reference: RecordRef,
) -> Result<Option<Record>, StoreError> {
    match undone.get(&reference) {
        Some(before) => Ok(before.clone()),
        None => view.record(reference),
    }
}
