//! What operators do to keys and doors in one go, as changes of the table as it stands.

use std::collections::BTreeSet;

use super::{Block, Change, Grant, Interval, Problems, Record, RecordRef, TableLookup, UserState};
use crate::ids::{CompanyId, DoorId, KeyId, PlaceId, UserId};
use crate::view::Unreadable;
use serde::{Deserialize, Serialize};

/// The most users that a key is sent to at once.
pub const RECIPIENTS_MAX: usize = 20_000;

/// Something done to the table that depends on what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Gives a key to users.
    SendKey {
        /// The key.
        key: KeyId,
        /// To whom.
        to: Recipients,
        /// When they may use it; none for always.
        intervals: Vec<Interval>,
        /// What becomes of those who hold it already.
        holding: Holding,
    },
    /// Takes one interval from a grant; with the last one the grant goes.
    RevokeInterval {
        /// The holder.
        user: UserId,
        /// The key held.
        key: KeyId,
        /// The interval, exactly as the grant has it.
        interval: Interval,
    },
    /// Takes every key from a user.
    RevokeAllOf(UserId),
    /// Takes a key from every holder.
    RevokeFromAll(KeyId),
    /// Blocks a key, or lifts its block.
    Block {
        /// The key.
        key: KeyId,
        /// Why and until when; `None` lifts it.
        block: Option<Block>,
    },
    /// Moves a door to another place and shares it back to the place that it leaves.
    MoveDoor {
        /// The door.
        door: DoorId,
        /// Where to.
        place: PlaceId,
    },
}

/// Whom a key is sent to: all of these together, each once. Removed users are passed over where
/// they are not named themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Recipients {
    /// Users by their numbers.
    #[serde(default)]
    pub users: Vec<UserId>,
    /// All users of these companies.
    #[serde(default)]
    pub companies: Vec<CompanyId>,
    /// All users who belong to these places themselves.
    #[serde(default)]
    pub places: Vec<PlaceId>,
    /// All holders of these keys.
    #[serde(default)]
    pub holders_of: Vec<KeyId>,
}

/// What becomes of those who hold a key that is sent to them again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Holding {
    /// Intervals are added to those that they have; who holds it for always goes on so.
    #[default]
    Extend,
    /// What they have is replaced.
    Replace,
    /// They keep what they have.
    Keep,
}

/// Why an operation cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperationRefused {
    /// What it is about is not there.
    #[error("there is no {0}")]
    NotFound(RecordRef),
    /// Everything wrong with it.
    #[error("{0}")]
    Invalid(Problems),
    /// The table could not be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl Operation {
    /// The steps that do it to the table as it stands. They are still to be validated.
    pub fn steps<L: TableLookup>(&self, table: &L) -> Result<Vec<Change>, OperationRefused> {
        match self {
            Self::SendKey {
                key,
                to,
                intervals,
                holding,
            } => {
                find(table, RecordRef::Key(*key))?;
                let grant = |user| sent(table, user, *key, intervals, *holding).transpose();
                let users = to.users(table)?;
                Ok(users
                    .into_iter()
                    .filter_map(grant)
                    .map(|grant| grant.map(|grant| Change::Put(Record::Grant(grant))))
                    .collect::<Result<_, _>>()?)
            }
            Self::RevokeInterval {
                user,
                key,
                interval,
            } => revoke_interval(table, *user, *key, interval),
            Self::RevokeAllOf(user) => {
                find(table, RecordRef::User(*user))?;
                let grant = |key| Change::Remove(RecordRef::Grant { user: *user, key });
                Ok(table.keys_of(*user)?.into_iter().map(grant).collect())
            }
            Self::RevokeFromAll(key) => {
                find(table, RecordRef::Key(*key))?;
                let grant = |user| Change::Remove(RecordRef::Grant { user, key: *key });
                Ok(table.holders_of(*key)?.into_iter().map(grant).collect())
            }
            Self::Block { key, block } => {
                let mut record = find(table, RecordRef::Key(*key))?;
                if let Record::Key(key) = &mut record {
                    key.blocked.clone_from(block);
                }
                Ok(vec![Change::Put(record)])
            }
            Self::MoveDoor { door, place } => {
                let mut record = find(table, RecordRef::Door(*door))?;
                if let Record::Door(door) = &mut record {
                    door.place = *place;
                }
                Ok(vec![Change::Put(record)])
            }
        }
    }
}

fn find<L: TableLookup>(table: &L, reference: RecordRef) -> Result<Record, OperationRefused> {
    table
        .record(reference)?
        .ok_or(OperationRefused::NotFound(reference))
}

fn invalid(field: impl Into<String>, message: impl Into<String>) -> OperationRefused {
    let mut problems = Problems::default();
    problems.add(field, message);
    OperationRefused::Invalid(problems)
}

/// The grant that sending a key to a user makes; `None` where they keep what they have.
fn sent<L: TableLookup>(
    table: &L,
    user: UserId,
    key: KeyId,
    intervals: &[Interval],
    holding: Holding,
) -> Result<Option<Grant>, Unreadable> {
    let mut grant = Grant {
        user,
        key,
        intervals: intervals.to_vec(),
    };
    if holding == Holding::Replace {
        return Ok(Some(grant));
    }
    let Some(Record::Grant(held)) = table.record(RecordRef::Grant { user, key })? else {
        return Ok(Some(grant));
    };
    if holding == Holding::Keep {
        return Ok(None);
    }
    if held.intervals.is_empty() || intervals.is_empty() {
        grant.intervals.clear();
    } else {
        grant.intervals.extend(&held.intervals);
        grant.intervals.sort_unstable();
        grant.intervals.dedup();
    }
    Ok((grant != held).then_some(grant))
}

fn revoke_interval<L: TableLookup>(
    table: &L,
    user: UserId,
    key: KeyId,
    interval: &Interval,
) -> Result<Vec<Change>, OperationRefused> {
    let reference = RecordRef::Grant { user, key };
    let mut record = find(table, reference)?;
    if let Record::Grant(grant) = &mut record {
        let before = grant.intervals.len();
        grant.intervals.retain(|each| each != interval);
        if grant.intervals.len() == before {
            let message = format!("the grant has no interval `{interval}`");
            return Err(invalid("interval", message));
        }
        // A grant without intervals would be valid always.
        if grant.intervals.is_empty() {
            return Ok(vec![Change::Remove(reference)]);
        }
    }
    Ok(vec![Change::Put(record)])
}

impl Recipients {
    fn users<L: TableLookup>(&self, table: &L) -> Result<BTreeSet<UserId>, OperationRefused> {
        let mut users = BTreeSet::new();
        for (nth, company) in self.companies.iter().enumerate() {
            there_is(table, RecordRef::Company(*company), "companies", nth)?;
            users.extend(table.users_of_company(*company, RECIPIENTS_MAX + 1)?);
        }
        for (nth, place) in self.places.iter().enumerate() {
            there_is(table, RecordRef::Place(*place), "places", nth)?;
            users.extend(table.users_of_place(*place, RECIPIENTS_MAX + 1)?);
        }
        for (nth, key) in self.holders_of.iter().enumerate() {
            there_is(table, RecordRef::Key(*key), "holders_of", nth)?;
            users.extend(table.holders_of(*key)?);
        }
        let removed = |user: &UserId| -> Result<bool, Unreadable> {
            let record = table.record(RecordRef::User(*user))?;
            Ok(!matches!(record, Some(Record::User(user)) if user.state != UserState::Removed))
        };
        if users.len() <= RECIPIENTS_MAX {
            for user in users.clone() {
                if removed(&user)? {
                    users.remove(&user);
                }
            }
        }
        for (nth, user) in self.users.iter().enumerate() {
            there_is(table, RecordRef::User(*user), "users", nth)?;
            users.insert(*user);
        }
        match users.len() {
            0 => Err(invalid(
                "to",
                "names nobody: there is no user to send it to",
            )),
            1..=RECIPIENTS_MAX => Ok(users),
            _ => Err(invalid(
                "to",
                format!("names more than {RECIPIENTS_MAX} users: send it in parts"),
            )),
        }
    }
}

fn there_is<L: TableLookup>(
    table: &L,
    reference: RecordRef,
    field: &str,
    nth: usize,
) -> Result<(), OperationRefused> {
    match table.record(reference)? {
        Some(_) => Ok(()),
        None => Err(invalid(
            format!("to.{field}[{nth}]"),
            format!("there is no {reference}"),
        )),
    }
}
